use super::{Check, Context, Report, Source};
use crate::domain::{api::Target, facts::Order, inventory::Part};

pub(super) static CHECK: Check = Check {
    id: "multus",
    looks_at: "meta plugins that give pods further networks",
    why: "Cilium's exclusive mode renames Multus' configuration, silently: pods start without their further networks. Multus delegates to the plugin that it found when it started.",
    next: "Move such a cluster by hand, or without Multus; its further networks have to be set up anew.",
    reports: &["k8snetworkplumbingwg/multus-cni#972", "siderolabs/talos#10468"],
    source: Source::Watched,
    judge,
};

const ATTACHMENTS: &str = "network-attachment-definitions.k8s.cni.cncf.io";

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let before = out.count();
    let brought = ctx.view.strategy.rolls().any(|roll| roll.network(Target::Cilium).multus.is_some());
    let own = Order::BOTH.map(|order| format!("daemonset/{}", order.daemon_set(&ctx.cilium().namespace)));
    // those of the migration itself, once it has begun; before that the check of leftovers names them
    for actor in ctx.inventory.that(Part::MetaPlugin).filter(|a| !own.contains(&a.object)) {
        let next = if brought {
            "This strategy brings a Multus of its own, and cannot keep another one: two of them write the same file. Move such a cluster by hand."
        } else {
            CHECK.next
        };
        out.block(actor.object.clone(), format!("{} gives pods further networks", actor.program), next);
    }
    if out.count() == before && ctx.facts().crds.contains_key(ATTACHMENTS) {
        let object = format!("customresourcedefinition/{ATTACHMENTS}");
        let message = "networks are defined for Multus, and no DaemonSet of it is seen";
        let remedy = "See whether the distribution runs it on the hosts; pods would lose these networks.";
        // its own one would overwrite that one's file
        if brought { out.block(object, message, remedy) } else { out.warn(object, message, remedy) }
    }
    if brought && out.count() == before && !ctx.view.is_started() {
        out.warn(
            "migration/cutover",
            "this strategy empties every node three times, and restarts every pod as often",
            "Take it where the overlays cannot share the routing of a node; elsewhere --strategy rolling does the same with one restart.",
        );
    }
    if out.count() == before {
        out.fine("cluster", "no meta plugin");
    }
}
