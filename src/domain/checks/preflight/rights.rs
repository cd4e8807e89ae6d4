use super::{Check, Context, Report, Source};
use crate::domain::{
    effect::{Right, Role, resource::DEFINITIONS},
    rights,
};

pub(super) static CHECK: Check = Check {
    id: "rights",
    looks_at: "the rights that a migration needs against those that the user has",
    why: "A right that is missing half way stops a migration where it is, with a node out.",
    next: "Ask for the ClusterRole that `cutover manifests --rbac` prints.",
    reports: &[],
    source: Source::Watched,
    judge,
};

fn judge(ctx: &Context<'_>, out: &mut Report<'_>) {
    // they were asked for once, at start: definitions that are served meanwhile need not be created any more
    let facts = ctx.facts();
    let served = facts.crds.contains_key("nodemigrations.cutover.dev");
    let missing = facts.surroundings.missing_rights.iter();
    let missing = missing.filter(|r| !(served && r.resource == DEFINITIONS)).cloned();
    let installed = facts.cilium_agents().is_some();
    let can_do_without = |right: &Right| match right.role {
        Role::Flows | Role::Consents | Role::Operator => true,
        // helm can be run by hand
        Role::Install | Role::Release => installed,
        // what is asked for checks alone is then not known
        Role::Observe => rights::is_for_checks(right),
        Role::Record | Role::Lock => false,
        Role::Migrate | Role::NodeConfig | Role::Host | Role::Finish | Role::Copy => false,
    };
    let (optional, needed): (Vec<Right>, Vec<Right>) = missing.partition(can_do_without);
    if optional.is_empty() && needed.is_empty() {
        out.fine("user", "every right that the migration needs");
    }
    if !needed.is_empty() {
        out.block("user", format!("you may not: {}", rights::words(&needed).join(", ")), CHECK.next);
    }
    if !optional.is_empty() {
        let without = "needed for checks, for flows, for consents, for helm, or to change what is wanted";
        out.warn("user", format!("you may not: {} ({without})", rights::words(&optional).join(", ")), CHECK.next);
    }
}
