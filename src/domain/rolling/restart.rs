//! The step Restart: what still has an old address starts anew, by a reboot or pod by pod.

use std::time::Duration;

use super::{Progress, View};
use crate::domain::{
    api::{NodeMigrationStatus, RestartBy, Target},
    effect::Effect,
    facts::{Cni, NodeFact},
    host::HostTask,
    problem::ProblemKind,
    step::Step,
    text,
};

impl View<'_> {
    pub(super) fn restart(&self, node: &NodeFact, status: &mut NodeMigrationStatus) -> Progress {
        let reboots = self.migration.spec.restart_by == RestartBy::Reboot && status.direction == Target::Cilium;
        if reboots
            && status.evidence.boot_id_after.is_none()
            && let Some(progress) = self.reboot(node, status)
        {
            return progress;
        }
        if node.tainted {
            return Progress::act(Effect::Untaint { node: node.name.clone() }, "let DaemonSet pods back");
        }
        let wrong = wrong_cni(status.direction);
        let old: Vec<_> =
            self.facts.pods_with(wrong, Some(&node.name)).filter(|p| p.deleting.is_none() && p.is_daemon()).collect();
        if old.is_empty() {
            return Progress::Done;
        }
        let why = format!("{} still with {} addresses", text::count(old.len(), "pod"), wrong.word());
        Progress::Act(old.into_iter().map(|p| self.leave(p, "it still has an old address")).collect(), why)
    }

    /// Asks for the reboot once and tells apart what comes of it. `None` once it is proven.
    fn reboot(&self, node: &NodeFact, status: &mut NodeMigrationStatus) -> Option<Progress> {
        let name = &node.name;
        if status.evidence.node_uid.as_deref().is_some_and(|uid| *uid != *node.uid) {
            return Some(failed(
                node,
                format!("{name} was replaced by another node of the same name"),
                "Nothing of what was done is on it. Roll it back with `r`; then it is moved like any other node.",
            ));
        }
        let before = status.evidence.boot_id_before.clone().unwrap_or_default();
        if *node.boot_id != *before {
            return self.is_back(node, status);
        }
        let task = HostTask::Reboot { boot_id: before };
        // it goes down although no report of the task has come, or by somebody's hand
        let begun = self.is_manual(&task) || self.task_pod(node, status, &task).is_some();
        if !node.ready && begun && status.evidence.reboot_asked.is_none() {
            status.evidence.reboot_asked = Some(self.now);
        }
        if let Some(asked) = status.evidence.reboot_asked {
            let retries = self.record(name).map_or(0, |r| r.spec.retries);
            if retries > status.observed_retries {
                // somebody says so: asked once more, still only for this very boot
                status.observed_retries = retries;
                status.evidence.reboot_asked = None;
                status.evidence.host_checks += 1;
                return Some(Progress::Wait(format!("{name} is told to reboot once more")));
            }
            return Some(self.is_away(node, text::between(asked, self.now)));
        }
        if let Some(progress) = self.still_out(node).or_else(|| self.still_empty(node, status)) {
            return Some(progress);
        }
        // a member may have fallen ill while the node drained
        if let Some(why) = self.etcd_ill(node) {
            return Some(Progress::Wait(why));
        }
        if self.is_manual(&task) {
            status.commands = task.by_hand(name);
            return Some(Progress::Wait(format!(
                "yours to do on {name}: reboot it; its boot id tells when it was done"
            )));
        }
        if let Err(progress) = self.task(node, status, &task) {
            return Some(progress);
        }
        status.evidence.reboot_asked = Some(self.now);
        Some(Progress::Wait(format!("{name} was told to reboot")))
    }

    /// The wish changed while the reboot was being asked for: it may come all the same, and is not asked for twice.
    pub(super) fn remember_reboot(&self, node: &NodeFact, status: &mut NodeMigrationStatus) {
        let asks = status.step == Step::Restart && status.direction == Target::Cilium;
        let mut tasks = self.facts.pods_on(&node.name).filter_map(|p| p.task.as_deref());
        if !asks && status.step.is_underway() && same_boot(node, status) && tasks.any(|t| t == "reboot") {
            status.evidence.reboot_asked.get_or_insert(self.now);
        }
    }

    /// A reboot that was asked for before the way back began: nobody gets the node before it has come, or has had
    /// its time to.
    pub(super) fn reboot_to_come(&self, node: &NodeFact, status: &NodeMigrationStatus) -> Option<Progress> {
        let asked = status.evidence.reboot_asked.filter(|_| same_boot(node, status))?;
        let waits = text::between(asked, self.now) < self.reboot_limit() / 5;
        waits.then(|| {
            Progress::Wait(format!("{} was told to reboot before the way back began: waits whether it does", node.name))
        })
    }

    /// The boot id is another one: it did reboot. Is it well?
    fn is_back(&self, node: &NodeFact, status: &mut NodeMigrationStatus) -> Option<Progress> {
        let name = &node.name;
        let agent = self.facts.agent_on(name).is_some_and(|a| a.ready);
        if node.ready && agent {
            status.evidence.boot_id_after = Some(node.boot_id.to_string());
            status.evidence.host_checks += 1;
            return None;
        }
        let what = if node.ready { "its Cilium agent is not ready" } else { "it is not Ready" };
        let why = if node.ready { String::new() } else { format!(": {}", text::safe(&node.not_ready_reason)) };
        let since = status.evidence.reboot_asked.or(status.since).map(|s| text::between(s, self.now));
        if since.is_some_and(|s| s >= self.reboot_limit()) {
            return Some(failed(
                node,
                format!("{name} came back from its reboot, and {what}{why}"),
                "It stays cordoned. Look at its kubelet and its Cilium agent (`journalctl -u kubelet`); it goes on as soon as it is Ready. `r` rolls it back.",
            ));
        }
        Some(Progress::Wait(format!("{name} is up again; {what}{why}")))
    }

    /// How long a reboot may take. Servers take minutes to start.
    fn reboot_limit(&self) -> Duration {
        Duration::from_secs(u64::from(self.migration.spec.nodes.reboot_timeout_seconds))
    }

    /// The boot id is still the old one.
    fn is_away(&self, node: &NodeFact, since: Duration) -> Progress {
        let name = &node.name;
        let limit = self.reboot_limit();
        if node.ready && since >= limit / 5 {
            return failed(
                node,
                format!("{name} was told to reboot and never went down: its boot id is still the old one"),
                &format!(
                    "It is not asked again by itself. Look at it (`journalctl -u systemd-logind`), reboot it by hand, or let it be asked once more: `a` (run --retry {name})."
                ),
            );
        }
        if node.ready {
            return Progress::Wait(format!("{name} was told to reboot; its boot id is still the old one"));
        }
        if since >= limit {
            return failed(
                node,
                format!("{name} went down for its reboot and does not come back"),
                "It stays cordoned and no other node begins. Look at its console or its power; it goes on by itself when it is back.",
            );
        }
        Progress::Wait(format!("{name} is down for its reboot"))
    }
}

/// The node is in the very boot in which its reboot would be asked for.
pub(super) fn same_boot(node: &NodeFact, status: &NodeMigrationStatus) -> bool {
    status.evidence.boot_id_before.as_deref() == Some(&*node.boot_id)
        && status.evidence.node_uid.as_deref() == Some(&*node.uid)
}

fn failed(node: &NodeFact, message: String, next: &str) -> Progress {
    Progress::Fail { message, object: format!("node/{}", node.name), next: next.to_owned(), kind: ProblemKind::Failed }
}

pub(super) const fn right_cni(target: Target) -> Cni {
    match target {
        Target::Cilium => Cni::Cilium,
        Target::Flannel => Cni::Flannel,
    }
}

pub(super) const fn wrong_cni(target: Target) -> Cni {
    match target {
        Target::Cilium => Cni::Flannel,
        Target::Flannel => Cni::Cilium,
    }
}
