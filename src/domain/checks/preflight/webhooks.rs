use super::{Check, Context, Report, Source};
use crate::domain::{
    facts::{Facts, Key, PodFact},
    text::safe,
};
use std::collections::{BTreeMap, BTreeSet};

pub(super) static CHECK: Check = Check {
    id: "webhooks",
    looks_at: "admission webhooks that are served from pods: do they answer, and can a drain take all of them away",
    why: "A webhook with failurePolicy Fail that does not answer lets no pod be created or evicted, its own successors among them: a drained node's pods do not come back.",
    next: "Give it two replicas on different nodes, exempt kube-system and its own namespace, or set failurePolicy: Ignore while nodes move.",
    reports: &["deckhouse/deckhouse#2886", "kubernetes/kubernetes#128162"],
    source: Source::Asked,
    judge,
};

/// The ready pods behind a Service, and on how many nodes they are; nothing where its selector is not known.
pub(super) fn behind(facts: &Facts, service: &Key) -> Option<(usize, usize)> {
    let selector: &BTreeMap<String, String> = facts.survey.backends.get(service)?;
    let selects = |p: &&PodFact| !selector.is_empty() && selector.iter().all(|(k, v)| p.labels.get(k) == Some(v));
    let ready = |p: &&PodFact| p.ready && p.deleting.is_none();
    let pods: Vec<&PodFact> = facts.pods.in_namespace(&service.namespace).filter(selects).filter(ready).collect();
    Some((pods.len(), pods.iter().map(|p| &*p.node).collect::<BTreeSet<_>>().len()))
}

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let survey = &ctx.survey().webhooks;
    if let Some(why) = survey.unknown() {
        return out.unknown("webhooks", why);
    }
    if let Some(why) = ctx.survey().service_addresses.unknown() {
        return out.unknown("services", why);
    }
    let all = survey.known().map(Vec::as_slice).unwrap_or_default();
    let before = out.count();
    for hook in all.iter().filter(|h| h.about_pods) {
        let (name, service) = (safe(&hook.name), &hook.service);
        let (pods, nodes) = behind(ctx.facts(), service).unwrap_or((0, 0));
        let effect = if hook.fails {
            "pods can be neither created nor evicted"
        } else {
            "each request about pods waits for its timeout"
        };
        match (pods, nodes) {
            (0, _) if hook.fails && !hook.scoped => {
                out.block(
                    safe(&hook.object),
                    format!("{name}: service {service} has no ready pod, and {effect}"),
                    CHECK.next,
                );
            }
            (0, _) => out.warn(
                safe(&hook.object),
                format!("{name}: service {service} has no ready pod, and {effect}"),
                CHECK.next,
            ),
            (_, 1) if ctx.facts().nodes.len() > 1 => {
                let message =
                    format!("{name}: every pod of service {service} is on one node; while that drains {effect}");
                out.warn(safe(&hook.object), message, CHECK.next);
            }
            _ => {}
        }
    }
    if out.count() == before {
        out.fine("webhooks", format!("{} served from pods; none about pods depends on one node", all.len()));
    }
}
