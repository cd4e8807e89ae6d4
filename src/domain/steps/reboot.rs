//! The reboot of a node: requested at most once for a boot, proven by another boot id.

use std::time::Duration;

use super::{
    NodeStep, Site, Step,
    cordon::cordoned,
    drain::{Drain, still_empty},
    restart::{self, Restart},
    tasks,
};
use crate::domain::{
    api::{NodeMigrationStatus, Target},
    facts::PodFact,
    host::HostTask,
    problem::Problem,
    progress::Progress,
    reason::Reason,
    text,
    view::View,
};

/// The nodes of this strategy are drained: nothing with a pod address is on one that reboots.
pub(crate) fn drains(view: &View<'_>) -> bool {
    let paths = view.strategy.rolls().flat_map(|roll| roll.path(Target::Cilium));
    paths.into_iter().any(|step| step.spec().id == Drain.spec().id)
}

fn wait(at: &Site<'_>, message: String) -> Progress {
    Progress::wait_on(Reason::Rebooting, at.object(), message)
}

fn overdue(at: &Site<'_>, message: String, remedy: impl Into<String>) -> Progress {
    Progress::Fail(Reason::RebootOverdue, Problem::new(at.object(), message, remedy))
}

/// Requests the reboot once and tells apart what comes of it. `None` once it is proven.
pub(super) fn reboot(at: &Site<'_>, status: &mut NodeMigrationStatus) -> Option<Progress> {
    let name = &at.node.name;
    if status.evidence.node_uid.as_deref().is_some_and(|uid| *uid != *at.node.uid) {
        return Some(overdue(
            at,
            format!("{name} was replaced by another node of the same name"),
            "Nothing of what was done is on it. Roll it back with `r`; then it is moved like any other node.",
        ));
    }
    let before = status.evidence.boot_id_before.clone().unwrap_or_default();
    if *at.node.boot_id != *before {
        return is_back(at, status);
    }
    let task = HostTask::Reboot { boot_id: before };
    let manual = tasks::is_manual(at, &task);
    // it goes down although the task has not reported, or because an operator rebooted it
    let begun = manual || tasks::pod(at, status, &task).is_some();
    if !at.node.ready && begun && status.evidence.reboot_asked.is_none() {
        status.evidence.reboot_asked = Some(at.now);
    }
    if let Some(asked) = status.evidence.reboot_asked {
        let retries = at.record(name).map_or(0, |r| r.spec.retries);
        if retries > status.observed_retries {
            // an operator wants it: requested once more, still only for this very boot
            status.observed_retries = retries;
            status.evidence.reboot_asked = None;
            status.evidence.host_checks += 1;
            return Some(wait(at, format!("the reboot of {name} is requested once more")));
        }
        return Some(is_away(at, text::between(asked, at.now)));
    }
    let empty = |status: &mut NodeMigrationStatus| drains(at).then(|| still_empty(at, status)).flatten();
    if let Some(progress) = cordoned(at).or_else(|| empty(status)) {
        return Some(progress);
    }
    // the last check before it: a member may have become unhealthy, or another node gone, while this one drained
    if let Some(waiting) = at.etcd_unhealthy(at.node).or_else(|| at.control_plane_out(at.node)) {
        return Some(Progress::Wait(waiting));
    }
    if manual {
        return Some(tasks::by_hand(at, status, &task, "its boot id tells when it was done"));
    }
    if let Err(progress) = tasks::run(at, status, &task) {
        return Some(progress);
    }
    status.evidence.reboot_asked = Some(at.now);
    Some(wait(at, format!("the reboot of {name} was requested")))
}

/// The direction changed while the reboot was being requested: it may come all the same, and is not requested twice.
pub(crate) fn remember(at: &Site<'_>, status: &mut NodeMigrationStatus) {
    let asks = status.step == NodeStep::At(Restart.spec()) && restart::reboots(at, status);
    let mut tasks = at.facts.pods_on(&at.node.name).filter(|p| at.facts.is_task(p)).filter_map(|p| p.task.as_deref());
    if !asks && status.step.is_out() && at.is_same_boot(status) && tasks.any(|t| t == "reboot") {
        status.evidence.reboot_asked.get_or_insert(at.now);
    }
}

/// A reboot that was requested before the way back began: the node is not handed back before it has come, or has had
/// its time to.
pub(super) fn may_still_come(at: &Site<'_>, status: &NodeMigrationStatus) -> Option<Progress> {
    let asked = status.evidence.reboot_asked.filter(|_| at.is_same_boot(status))?;
    let waits = text::between(asked, at.now) < limit(at) / 5;
    let message =
        format!("a reboot of {} was requested before the way back began: waits whether it comes", at.node.name);
    waits.then(|| wait(at, message))
}

/// Remembers which run of the network's pod there was, once: a node and its pods are watched apart, and a later one may
/// be of the next boot already. One that is not ready is not shown as ready after the reboot either.
pub(super) fn remember_run(at: &Site<'_>, status: &mut NodeMigrationStatus) {
    status.evidence.ran_before = network(at).1.filter(|p| p.ready).map(PodFact::run);
}

/// The pod that gives the node its network, in words and as it is.
fn network<'a>(at: &Site<'a>) -> (&'static str, Option<&'a PodFact>) {
    match at.way {
        Target::Cilium => ("Cilium agent", at.facts.agent_on(&at.node.name)),
        Target::Flannel => ("Flannel pod", at.facts.flannel_on(&at.node.name)),
    }
}

/// The boot id has changed: the node has rebooted. `None` once it is healthy. A pod status from before the reboot is no
/// evidence: the kubelet updates it some seconds after the boot id.
fn is_back(at: &Site<'_>, status: &mut NodeMigrationStatus) -> Option<Progress> {
    let name = &at.node.name;
    let (whose, pod) = network(at);
    let since = status.evidence.reboot_asked.or(status.since).map(|s| text::between(s, at.now));
    // a status that stands for so long is not from before the reboot
    let settled = since.is_some_and(|s| s >= limit(at) / 2);
    let ran_before = |p: &PodFact| !settled && status.evidence.ran_before == Some(p.run());
    if at.node.ready && pod.is_some_and(|p| p.ready && !ran_before(p)) {
        status.evidence.boot_id_after = Some(at.node.boot_id.to_string());
        status.evidence.host_checks += 1;
        return None;
    }
    let what = if at.node.ready { format!("its {whose} is not ready") } else { "it is not Ready".into() };
    let why = if at.node.ready { String::new() } else { format!(": {}", text::safe(&at.node.not_ready_reason)) };
    if since.is_some_and(|s| s >= limit(at)) {
        return Some(overdue(
            at,
            format!("{name} came back from its reboot, and {what}{why}"),
            "It stays cordoned. Look at its kubelet and that pod (`journalctl -u kubelet`); the migration continues as soon as both are Ready.",
        ));
    }
    Some(wait(at, format!("{name} is up again; {what}{why}")))
}

/// How long a reboot may take. Servers take minutes to start.
pub(super) fn limit(at: &Site<'_>) -> Duration {
    Duration::from_secs(u64::from(at.migration.spec.nodes.reboot_timeout_seconds))
}

/// The boot id is still the old one.
fn is_away(at: &Site<'_>, since: Duration) -> Progress {
    let name = &at.node.name;
    let limit = limit(at);
    if at.node.ready && since >= limit / 5 {
        return overdue(
            at,
            format!("the reboot of {name} was requested and it never went down: its boot id is still the old one"),
            format!(
                "The reboot is not requested again by itself. Look at the node (`journalctl -u systemd-logind`), reboot it by hand, or request it once more: `a` (run --retry {name})."
            ),
        );
    }
    if at.node.ready {
        return wait(at, format!("the reboot of {name} was requested; its boot id is still the old one"));
    }
    if since >= limit {
        return overdue(
            at,
            format!("{name} went down for its reboot and does not come back"),
            "It stays cordoned and no other node begins. Look at its console or its power; the migration continues when it is back.",
        );
    }
    wait(at, format!("{name} is down for its reboot"))
}
