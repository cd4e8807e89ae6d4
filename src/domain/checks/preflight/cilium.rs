use super::{Check, Context, Report, Source};
use crate::domain::{
    effect::{NODE_CONFIG, SWITCH_LABEL},
    text,
};

pub(super) static CHECK: Check = Check {
    id: "cilium",
    looks_at: "a Cilium that runs already",
    why: "Two installations write the same files, maps and rules. A CiliumNodeConfig without a selector switches every node at once.",
    next: "Finish or undo what another actor began.",
    reports: &["cilium/cilium#27715"],
    source: Source::Watched,
    judge,
};

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let facts = ctx.facts();
    if let Some((key, _)) = facts.node_configs.iter().find(|(_, c)| c.selects_all) {
        out.block(
            format!("ciliumnodeconfig/{key}"),
            "its empty selector applies it to every node at once",
            "Delete it, or give it a selector.",
        );
    }
    let own = facts.cilium_agents().filter(|_| ctx.view.is_started());
    let Some(agents) = facts.any_cilium_agents().find(|a| own.is_none_or(|own| own.key != a.key)) else {
        return match own {
            Some(own) => out.fine(format!("daemonset/{}", own.key), "installed by this migration"),
            None => out.fine("cluster", "no Cilium yet"),
        };
    };
    let object = format!("daemonset/{}", agents.key);
    let switched = facts.nodes.values().filter(|n| n.switched).count();
    let idle = facts.cilium_configs.values().any(|c| c.custom_conf);
    if facts.flannel_daemon_sets().next().is_none() {
        out.block(
            object,
            "this cluster is on Cilium already",
            "There is nothing to migrate. `cutover verify` shows the proof.",
        );
    } else if idle || switched > 0 {
        let nodes = text::count(switched, "node");
        out.block(
            object,
            format!(
                "a migration that Cutover did not start: Cilium beside Flannel, {nodes} switched, no NodeMigration"
            ),
            &format!("Finish or undo it first (label {SWITCH_LABEL}, CiliumNodeConfig {NODE_CONFIG})."),
        );
    } else {
        out.block(
            object,
            "Cilium and Flannel are both installed, and Cilium writes CNI configurations",
            "Cutover did not install this Cilium. Uninstall it, or finish that installation.",
        );
    }
}
