use super::{Check, Context, Report, Source};
use crate::domain::inventory::Part;

pub(super) static CHECK: Check = Check {
    id: "policy-engine",
    looks_at: "programs that enforce NetworkPolicies beside Flannel",
    why: "Flannel alone enforces none. Where something else does, pods on moved nodes are no longer protected until Finalize, and its rules meet addresses that it does not know.",
    next: "Plan the gap: take the engine away first and accept that policies are not enforced until Finalize, or move with downtime.",
    reports: &["flannel-io/flannel#2004", "xiaods/k8e#216"],
    source: Source::Watched,
    judge,
};

/// k3s has kube-router's policy controller built in.
const BUILT_IN: &str = "k3s";

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let before = out.count();
    for actor in ctx.inventory.that(Part::PolicyEngine) {
        let message = format!("{} enforces NetworkPolicies today; moved nodes would lose that", actor.program);
        out.block(actor.object.clone(), message, CHECK.next);
    }
    if ctx.inventory.distribution.name == BUILT_IN {
        let remedy = "Start its servers with --disable-network-policy once the gap is planned.";
        out.warn("cluster", "k3s enforces NetworkPolicies by itself unless --disable-network-policy is given", remedy);
    }
    if out.count() == before {
        out.fine("cluster", "nothing enforces NetworkPolicies today");
    }
}
