use super::{Check, Context, Report, Source, few};
use crate::domain::api::Severity;

pub(super) static CHECK: Check = Check {
    id: "cilium-policies",
    looks_at: "policies of Cilium's own kinds that are on the cluster already",
    why: "Nothing enforces them today. They are enforced by Finalize, cluster-wide ones on every pod, and nobody remembers them.",
    next: "Read them; delete those that are not wanted before Finalize.",
    reports: &["cilium/cilium#33861"],
    source: Source::Asked,
    judge,
};

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let survey = &ctx.survey().cilium_policies;
    if let Some(why) = survey.unknown() {
        return out.unknown("ciliumnetworkpolicies", why);
    }
    let policies = survey.known().cloned().unwrap_or_default();
    if policies.is_empty() {
        return out.fine("ciliumnetworkpolicies", "none");
    }
    let message =
        format!("{} of Cilium's own policies begin to be enforced by Finalize: {}", policies.len(), few(&policies));
    out.about(Severity::Warn, policies, message, CHECK.next);
}
