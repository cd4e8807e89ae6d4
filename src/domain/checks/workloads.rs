//! What would keep a pod from leaving its node, and what begins to bite.

use std::collections::BTreeSet;

use super::{finding, pass};
use crate::domain::{
    api::{Finding, Severity},
    drain::{self, Fate},
    rolling::Context,
    text,
};

pub(super) fn budgets(ctx: &Context<'_>, out: &mut Vec<Finding>) {
    let before = out.len();
    for pod in ctx.facts.pods.values().filter(|p| drain::fate(p, &ctx.migration.spec.consents) == Fate::Evict) {
        let many = drain::budgets_of(ctx.facts, pod).count();
        if many > 1
            && let Some(why) = drain::blocker(ctx.facts, pod)
        {
            out.push(finding("budgets", Severity::Block, format!("pod/{}", pod.key), why, "Leave one budget for it."));
        }
    }
    for budget in ctx.facts.budgets.values().filter(|b| b.allowed <= 0 && b.expected > 0) {
        out.push(finding(
            "budgets",
            Severity::Warn,
            format!("poddisruptionbudget/{}", budget.key),
            format!(
                "allows no disruption now: needs {} healthy pods, has {} of {}",
                budget.desired, budget.healthy, budget.expected
            ),
            "A drain waits for it and never goes past it. Add a replica, or mend the pods that are not ready.",
        ));
    }
    if out.len() == before {
        out.push(pass(
            "budgets",
            "pods",
            format!("{} and none blocks now", text::count(ctx.facts.budgets.len(), "budget")),
        ));
    }
}

pub(super) fn consents(ctx: &Context<'_>, out: &mut Vec<Finding>) {
    let missing: BTreeSet<(String, String)> = ctx
        .facts
        .pods
        .values()
        .filter_map(|p| match drain::fate(p, &ctx.migration.spec.consents) {
            Fate::NeedsConsent(kinds) => {
                Some(kinds.into_iter().map(|k| (drain::consent_object(p), format!("{k:?}"))).collect::<Vec<_>>())
            }
            _ => None,
        })
        .flatten()
        .collect();
    for (object, kind) in missing {
        let what = if kind == "DeleteBarePod" {
            "nothing would start it again once it is evicted"
        } else {
            "its emptyDir is lost with the pod"
        };
        out.push(finding(
            "consent",
            Severity::Warn,
            object.clone(),
            format!("{what}; its node waits for your consent"),
            &format!("Press `a` on its node, or give --consent {kind}:{object}."),
        ));
    }
}

pub(super) fn policies(ctx: &Context<'_>, out: &mut Vec<Finding>) {
    let policies = &ctx.facts.policies;
    if policies.is_empty() {
        out.push(pass("policies", "networkpolicies", "none: nothing begins to bite"));
        return;
    }
    let names: Vec<String> = policies.iter().take(5).map(ToString::to_string).collect();
    let more = policies.len().saturating_sub(5);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    out.push(finding(
        "policies",
        Severity::Warn,
        "networkpolicies",
        format!(
            "Flannel ignores {}: {}{more}",
            if policies.len() == 1 {
                "1 NetworkPolicy".to_owned()
            } else {
                format!("{} NetworkPolicies", policies.len())
            },
            names.join(", ")
        ),
        "They are enforced all at once by the phase Finalise. Read them before you approve it.",
    ));
}
