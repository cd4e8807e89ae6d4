use std::collections::BTreeMap;

use super::{Check, Context, Report, Source};
use crate::domain::{api::Severity, inventory::Part, text::safe};

pub(super) static CHECK: Check = Check {
    id: "other-actors",
    looks_at: "programs that reboot, upgrade, replace or drain nodes, evict pods, or write objects back while Cutover works",
    why: "kured and Cutover take two nodes out at once, each within its own limit. New nodes of an autoscaler join on Flannel; a descheduler moves pods back and forth; GitOps brings Flannel back.",
    next: "Pause it for the migration.",
    reports: &["kubereboot/kured#314"],
    source: Source::Watched,
    judge,
};

/// What is said of what a program does: whether it has to be looked at, and what to do. Nothing of those that other
/// checks are about.
const fn about(part: Part) -> Option<(Severity, &'static str)> {
    Some(match part {
        Part::RebootsNodes => (
            Severity::Warn,
            "Pause it for the migration: kured stops at a held lock, or scale it away; what it reboots counts as unavailable.",
        ),
        Part::UpgradesNodes => (
            Severity::Warn,
            "Plan no upgrade for the time of the migration; machines that are replaced join on Flannel until Finalize.",
        ),
        Part::ScalesNodes => (
            Severity::Warn,
            "Pause it: nodes that join before Finalize come up on Flannel and have to be moved as well, and one that is removed is missed.",
        ),
        Part::MovesPods => {
            (Severity::Warn, "Pause it: it evicts pods beside Cutover, and uses up the budgets that drains need.")
        }
        Part::GitOps => (
            Severity::Info,
            "See that neither Flannel nor Cilium is among what it writes back, before the phase Remove.",
        ),
        Part::LoadBalancer => (Severity::Info, "Its addresses stay; watch them while its nodes reboot."),
        Part::PolicyEngine | Part::CniPlugin | Part::MetaPlugin => return None,
    })
}

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let before = out.count();
    let mut found: BTreeMap<(Part, &str), Vec<String>> = BTreeMap::new();
    for actor in &ctx.inventory.actors {
        let object = safe(&actor.object).into_owned();
        match &actor.busy {
            Some(node) => {
                let (program, node) = (actor.program, safe(node));
                let message = format!("{program} holds its lock for {node}: a node is being rebooted, or was left so");
                out.block(object, message, "Wait until it is given back; if nothing reboots, remove the lock.");
            }
            None => found.entry((actor.part, actor.program)).or_default().push(object),
        }
    }
    for ((part, program), objects) in found {
        if let Some((severity, remedy)) = about(part) {
            out.about(severity, objects, format!("{program} {}", part.word()), remedy);
        }
    }
    if out.count() == before {
        out.fine("cluster", "nothing else moves nodes or pods");
    }
}
