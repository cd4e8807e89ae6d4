use super::{Check, Context, Report, Source, few};
use crate::domain::{api::Severity, facts::Facts, inventory::Part};
use kube::core::SelectorExt;

pub(super) static CHECK: Check = Check {
    id: "policies",
    looks_at: "NetworkPolicies, and the pods that each selects",
    why: "Flannel ignores them; Cilium enforces them all at once from Finalize on. What an old policy forbids and somebody relies on ends in that moment.",
    next: "Read them before you approve Finalize.",
    reports: &["cilium/cilium#40621", "mortennordbye/homelab#1031"],
    source: Source::Watched,
    judge,
};

/// A policy with the pods that it selects; nothing where its spec is not known.
pub fn selected(facts: &Facts) -> Vec<(String, Option<usize>, &'static str)> {
    let Some(known) = facts.survey.policies.known() else {
        return facts.policies.iter().map(|k| (k.to_string(), None, "not known")).collect();
    };
    let of = |p: &crate::domain::facts::PolicyFact| {
        let selects = |pod: &&crate::domain::facts::PodFact| {
            pod.is_living() && !pod.host_network && p.selector.matches(&pod.labels)
        };
        let way = match (p.ingress.is_some(), p.egress.is_some()) {
            (true, true) => "ingress and egress",
            (false, true) => "egress",
            _ => "ingress",
        };
        (p.key.to_string(), Some(facts.pods.in_namespace(&p.key.namespace).filter(selects).count()), way)
    };
    known.iter().map(of).collect()
}

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let facts = ctx.facts();
    if facts.policies.is_empty() {
        return out.fine("networkpolicies", "none");
    }
    let selected = selected(facts);
    let said: Vec<String> = selected
        .iter()
        .map(|(name, pods, way)| match pods {
            Some(pods) => format!("{name} ({pods} pods, {way})"),
            None => name.clone(),
        })
        .collect();
    let engine = ctx.inventory.that(Part::PolicyEngine).next();
    let n = facts.policies.len();
    let policies = if n == 1 { "NetworkPolicy" } else { "NetworkPolicies" };
    let message = match engine {
        Some(engine) => format!("{} enforces {n} {policies} today: {}", engine.program, few(&said)),
        None => format!("Flannel ignores {n} {policies}: {}", few(&said)),
    };
    let remedy = if ctx.view.strategy.has_outage() {
        "They are enforced from the install on. Read them before you approve it."
    } else {
        "They are enforced all at once by the phase Finalize. Read them before you approve it; with policyAuditMode: true in your values they are audited first."
    };
    let objects = selected.iter().map(|(name, _, _)| format!("networkpolicy/{name}")).collect();
    out.about(Severity::Warn, objects, message, remedy);
}
