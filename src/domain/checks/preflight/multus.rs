use super::{Check, Context, Report, Source};
use crate::domain::inventory::Part;

pub(super) static CHECK: Check = Check {
    id: "multus",
    looks_at: "meta plugins that give pods further networks",
    why: "Cilium's exclusive mode renames Multus' configuration, silently: pods start without their further networks. Multus delegates to the plugin that it found when it started.",
    next: "Move such a cluster by hand, or without Multus; its further networks have to be set up anew.",
    reports: &["k8snetworkplumbingwg/multus-cni#972", "siderolabs/talos#10468"],
    source: Source::Watched,
    judge,
};

/// The strategy that has Multus as one of its parts.
const BY_MULTUS: &str = "multus";
const ATTACHMENTS: &str = "network-attachment-definitions.k8s.cni.cncf.io";

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    if ctx.view.strategy.id() == BY_MULTUS {
        return;
    }
    let before = out.count();
    for actor in ctx.inventory.that(Part::MetaPlugin) {
        out.block(actor.object.clone(), format!("{} gives pods further networks", actor.program), CHECK.next);
    }
    if out.count() == before && ctx.facts().crds.contains_key(ATTACHMENTS) {
        out.warn(
            format!("customresourcedefinition/{ATTACHMENTS}"),
            "networks are defined for Multus, and no DaemonSet of it is seen",
            "See whether the distribution runs it on the hosts; pods would lose these networks.",
        );
    }
    if out.count() == before {
        out.fine("cluster", "no meta plugin");
    }
}
