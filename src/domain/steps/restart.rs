//! Restart: what still has an old address starts again, by a reboot or pod by pod.

use super::{
    Presence, Site, Step, StepSpec,
    drain::leave,
    proofs,
    reboot::{self, drains},
    secs, tasks,
};
use crate::domain::{
    api::{NodeMigrationStatus, RestartBy, Target},
    effect::Effect,
    facts::PodFact,
    host::HostTask,
    plan::Preview,
    progress::Progress,
    reason::{Reason, Waiting},
    text,
};

/// Reboots the node once (or restarts the pods that are left on old addresses), then lets DaemonSet pods back.
pub struct Restart;

static SPEC: StepSpec = StepSpec {
    id: "Restart",
    does: "reboots the node once, or restarts the pods with old addresses; then lets DaemonSet pods back",
    budget: secs(900),
    presence: Presence::Out,
};

const WHY: &str = "it still has an old address";

/// Where nodes are drained the way back never reboots. Where they are not, it does what the way forward did: pods that
/// have lost their network could not leave, because budgets count them as gone already.
pub(super) fn reboots(at: &Site<'_>, status: &NodeMigrationStatus) -> bool {
    let due = match at.way {
        Target::Cilium => true,
        Target::Flannel if drains(at) => false,
        Target::Flannel => {
            at.old_pods(Some(status)).next().is_some()
                || status.evidence.reboot_asked.is_some()
                || *at.node.boot_id != *before(status)
        }
    };
    due && at.network.reboots && at.migration.spec.restart_by == RestartBy::Reboot
}

fn before(status: &NodeMigrationStatus) -> &str {
    status.evidence.boot_id_before.as_deref().unwrap_or_default()
}

/// Those that the drain has left, or that have landed since.
fn old_pods<'a>(at: &Site<'a>, status: Option<&NodeMigrationStatus>) -> Vec<&'a PodFact> {
    at.old_pods(status)
        .filter(|p| p.deleting.is_none() && (p.is_daemon() || (p.owner.is_some() && p.tolerates_all)))
        .collect()
}

/// Restarts those of them that are meant.
pub(super) fn restart_old(
    at: &Site<'_>,
    status: &NodeMigrationStatus,
    which: impl Fn(&PodFact) -> bool,
) -> Option<Progress> {
    let old: Vec<&PodFact> = old_pods(at, Some(status)).into_iter().filter(|p| which(p)).collect();
    let first = old.first()?;
    let message = format!("{} still of before the change, as {}", text::count(old.len(), "pod"), first.key);
    let waiting = Waiting::new(Reason::PodsOnOldNetwork, message).on(format!("pod/{}", first.key));
    Some(Progress::Act(old.into_iter().map(|p| leave(at, p, WHY)).collect(), waiting))
}

impl Step for Restart {
    fn spec(&self) -> &'static StepSpec {
        &SPEC
    }

    fn enter(&self, at: &Site<'_>, status: &mut NodeMigrationStatus) {
        // one that was requested in this very boot, and did not come, is not requested again by itself
        let same = at.is_same_boot(status);
        status.evidence.reboot_asked = status.evidence.reboot_asked.filter(|_| same);
        status.evidence.boot_id_before = Some(at.node.boot_id.to_string());
        status.evidence.boot_id_after = None;
        reboot::remember_run(at, status);
        let networked = at.facts.pods_on(&at.node.name).filter(|p| at.network.by_interfaces && !p.host_network);
        status.evidence.pods_before = networked.map(|p| p.uid.to_string()).collect();
        status.evidence.node_uid = Some(at.node.uid.to_string());
    }

    fn advance(&self, at: &Site<'_>, status: &mut NodeMigrationStatus) -> Progress {
        if reboots(at, status)
            && status.evidence.boot_id_after.is_none()
            && let Some(progress) = reboot::reboot(at, status)
        {
            return progress;
        }
        if at.node.tainted {
            return Progress::act(Effect::Untaint { node: at.node.name.clone() }, "let DaemonSet pods back");
        }
        restart_old(at, status, |_| true).unwrap_or(Progress::Done)
    }

    fn preview(&self, at: &Site<'_>) -> Vec<Preview> {
        let mut changes = vec![];
        if reboots(at, at.status(&at.node.name)) {
            let boot_id = at.node.boot_id.to_string();
            let limit = reboot::limit(at);
            let back = std::iter::once(proofs::is_back(&at.node.name, &boot_id, limit));
            let back = back.chain(proofs::network_is_ready(at).into_iter().map(|p| p.within(limit)));
            let mut reboot = tasks::preview(at, HostTask::Reboot { boot_id }).into_iter();
            changes.extend(reboot.next().map(|r| r.then(back)));
            changes.extend(reboot);
        }
        changes.push(Effect::Untaint { node: at.node.name.clone() }.into());
        // those that the drain does not delete
        let stay = old_pods(at, None).into_iter().filter(|p| p.tolerates_all);
        changes.extend(
            stay.map(|p| Preview::when("it still has an old address", leave(at, p, WHY)).met(proofs::has_address(p))),
        );
        changes
    }
}
