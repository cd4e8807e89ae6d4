use super::{Check, Context, Report, Source, few};
use crate::domain::{
    api::Severity,
    enforcement::{are_enforced, would_be_denied},
    guard::DeniedFlow,
};

pub(super) static CHECK: Check = Check {
    id: "denied-connections",
    looks_at: "connections that flows have shown to work, and what NetworkPolicies will say of each",
    why: "Flannel ignores NetworkPolicies. A connection that none of them allows works until Cilium enforces them, and ends then.",
    next: "Allow it in one of the policies named, or see that nobody needs it.",
    reports: &["mortennordbye/homelab#1031", "cilium/cilium#40621"],
    source: Source::Asked,
    judge,
};

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let facts = ctx.facts();
    // a command that reads no flows judges what others have seen by the policies of now
    let judged = if facts.flows.denied.is_none() { would_be_denied(facts) } else { None };
    let denied = judged.as_deref().unwrap_or_else(|| ctx.view.denied());
    for DeniedFlow { edge, way, policies } in denied {
        let policies: Vec<String> = policies.iter().map(|p| format!("networkpolicy/{p}")).collect();
        let message = format!(
            "works now and is denied once policies are enforced: no {way} rule of {} allows it",
            few(&policies)
        );
        let objects = std::iter::once(format!("connection/{edge}")).chain(policies).collect();
        out.about(Severity::Warn, objects, message, CHECK.next);
    }
    if denied.is_empty() {
        judge_none(ctx, out);
    }
}

/// Without policies there is nothing to deny; without flows nothing is known.
fn judge_none(ctx: &Context<'_>, out: &mut Report<'_>) {
    let facts = ctx.facts();
    if facts.policies.is_empty() {
        return out.fine("connections", "there are no NetworkPolicies");
    }
    if are_enforced(facts) {
        return out.fine("connections", "NetworkPolicies are enforced: flows say what they deny");
    }
    if let Some(why) = facts.survey.policies.unknown() {
        return out.unknown("connections", why);
    }
    if facts.flows.denied.is_some() && facts.flows.watching.as_ref().is_some_and(Result::is_ok) {
        return out.fine("connections", "of those that were seen to work none is known to be denied");
    }
    let remedy = if ctx.view.strategy.has_outage() {
        "Hubble shows connections of pods on Cilium alone, and policies are enforced with the install: read them before."
    } else {
        "Hubble shows connections of pods on Cilium alone. Look again when nodes have moved, before policies are enforced."
    };
    out.info("connections", "no flows yet: which connections NetworkPolicies will deny is not known", remedy);
}
