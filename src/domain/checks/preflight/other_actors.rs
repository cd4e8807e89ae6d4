use super::{Check, Context, Report, Source};
use crate::domain::{inventory::Part, text::safe};

pub(super) static CHECK: Check = Check {
    id: "other-actors",
    looks_at: "programs that reboot, upgrade, replace or drain nodes, evict pods, or write objects back while Cutover works",
    why: "kured and Cutover take two nodes out at once, each within its own limit. New nodes of an autoscaler join on Flannel; a descheduler moves pods back and forth; GitOps brings Flannel back.",
    next: "Pause it for the migration.",
    reports: &["kubereboot/kured#314"],
    source: Source::Watched,
    judge,
};

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    let before = out.count();
    for actor in &ctx.inventory.actors {
        let (object, program) = (safe(&actor.object).into_owned(), actor.program);
        let does = actor.part.word();
        let (warns, remedy) = match actor.part {
            Part::RebootsNodes => (true, "Pause it for the migration: kured stops at a held lock, or scale it away; what it reboots counts as unavailable."),
            Part::UpgradesNodes => (true, "Plan no upgrade for the time of the migration; machines that are replaced join on Flannel until Finalize."),
            Part::ScalesNodes => (true, "Pause it: nodes that join before Finalize come up on Flannel and have to be moved as well, and one that is removed is missed."),
            Part::MovesPods => (true, "Pause it: it evicts pods beside Cutover, and uses up the budgets that drains need."),
            Part::GitOps => (false, "See that neither Flannel nor Cilium is among what it writes back, before the phase Remove."),
            Part::LoadBalancer => (false, "Its addresses stay; watch them while its nodes reboot."),
            Part::PolicyEngine | Part::CniPlugin | Part::MetaPlugin => continue,
        };
        match &actor.busy {
            Some(node) => {
                let message = format!("{program} holds its lock for {}: a node is being rebooted, or was left so", safe(node));
                out.block(object, message, "Wait until it is given back; if nothing reboots, remove the lock.");
            }
            None if warns => out.warn(object, format!("{program} {does} on its own"), remedy),
            None => out.info(object, format!("{program} {does}"), remedy),
        }
    }
    if out.count() == before {
        out.fine("cluster", "nothing else moves nodes or pods");
    }
}
