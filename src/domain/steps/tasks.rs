//! Host tasks: run one, take its report in, delete its pod; or say what to type and check for its effect.

use std::{sync::Arc, time::Duration};

use super::{Site, drains};
use crate::domain::{
    api::{HostAccess, NodeMigrationStatus, Stage, Target},
    effect::{Effect, Proof},
    evidence::{Evidence, HostEvidence},
    facts::{Admission, Facts, Key, NodeFact, PodFact},
    host::{AGENTS_IMAGE, HostTask, Report, Way, commands},
    plan::Preview,
    progress::Progress,
    reason::{Reason, Waiting},
    text, versions,
    view::View,
};

/// How long a report that did not satisfy stands before the host is checked again, in milliseconds.
const CHECK_AGAIN: i64 = 1_000;
/// Why the pod of a task is deleted.
const FINISHED: &str = "it is finished";

/// Runs a task on a node and hands its report over once.
///
/// # Errors
/// The progress to report meanwhile.
pub(crate) fn run(at: &Site<'_>, status: &mut NodeMigrationStatus, task: &HostTask) -> Result<Report, Progress> {
    let nth = status.evidence.host_checks;
    let name = task.pod_name(&at.node.name, nth);
    let pod = pod(at, status, task);
    if let Some(pod) = pod.filter(|p| !at.facts.is_task(p) || p.node != at.node.name) {
        let message = format!("pod {} is called like a task pod and is not this migration's: delete it", pod.key);
        return Err(Progress::wait_on(Reason::IdentityChanged, format!("pod/{}", pod.key), message));
    }
    let report = at.facts.reports.get(&name).or_else(|| pod?.report.as_ref());
    let Some((code, message)) = report else {
        if let Some(pod) = pod {
            let message = format!("task pod {} is {}", pod.key.name, pod.state());
            return Err(Progress::wait_on(Reason::TaskRunning, format!("pod/{}", pod.key), message));
        }
        if let Some(wait) = backing_off(at, status) {
            return Err(wait);
        }
        let Some(way) = way_to(&at.view, at.node, task) else {
            let message = "waits for a Cilium agent whose image the task pods can use";
            return Err(Progress::wait_on(Reason::AgentsNotReady, at.object(), message));
        };
        let (node, purpose) = (at.node.name.clone(), task.purpose());
        let effect = Effect::Task { node, task: task.clone(), nth, way };
        let waiting = Waiting::new(Reason::TaskRunning, purpose).on(at.object());
        return Err(Progress::Act(vec![effect], waiting));
    };
    let report = Report::parse(message);
    status.evidence.host_checks += 1;
    match report.problem(task, &at.node.name, *code) {
        Some(problem) => Err(Progress::Fail(Reason::TaskFailed, problem)),
        None => Ok(report),
    }
}

/// The pod with the name of a task's pod. Another actor may have created it.
pub(crate) fn pod<'a>(at: &Site<'a>, status: &NodeMigrationStatus, task: &HostTask) -> Option<&'a PodFact> {
    let name = task.pod_name(&at.node.name, status.evidence.host_checks);
    at.facts.pods.get(&Key::new(&at.migration.spec.cilium.namespace, &name))
}

/// How a task gets to the node; `None` while no image is known for its pod. With manual host access only tasks that
/// change nothing go there, in a pod.
pub fn way_to(view: &View<'_>, node: &NodeFact, task: &HostTask) -> Option<Way> {
    let hosts = &view.migration.spec.hosts;
    if hosts.access == HostAccess::Ssh && *task != HostTask::Probe {
        return Some(Way::Ssh { target: commands::ssh_target(&hosts.ssh_target, node) });
    }
    Some(in_pod(view, task_image(view.facts)?))
}

fn in_pod(view: &View<'_>, image: Arc<str>) -> Way {
    let namespace = view.migration.spec.cilium.namespace.clone();
    Way::Pod { namespace, image, owner: view.migration.metadata.uid.as_deref().map(Into::into) }
}

/// What is created in pods with this access to the hosts, one task for each kind of pod: what looks, what changes a host,
/// and the probe.
pub const fn in_pods(access: HostAccess) -> &'static [HostTask] {
    match access {
        HostAccess::Pod => &[HostTask::Look, HostTask::Restore, HostTask::Probe],
        HostAccess::Ssh => &[HostTask::Probe],
        HostAccess::Manual => &[HostTask::Look, HostTask::Probe],
    }
}

/// The pods that a node needs on its way are not refused: known before it is taken out, not when it is.
///
/// # Errors
/// The namespace, which of them, and in whose words.
pub(crate) fn admitted(view: &View<'_>) -> Result<(), Waiting> {
    let namespace = &view.migration.spec.cilium.namespace;
    let answer = |task| view.facts.task_pods.answer(namespace, task);
    let refused = in_pods(view.migration.spec.hosts.access).iter().find_map(|task| match answer(task) {
        Some(Admission::Refused(refusal)) => Some((task, &refusal.message)),
        _ => None,
    });
    let Some((task, why)) = refused else { return Ok(()) };
    let message = format!("{namespace} refuses the task pod {}: {why}", task.title());
    Err(Waiting::new(Reason::TaskPodsRefused, message).on(format!("namespace/{namespace}")))
}

/// A pod that a node needs on its way of which the API server was not asked yet.
pub(crate) fn not_asked(view: &View<'_>) -> bool {
    let namespace = &view.migration.spec.cilium.namespace;
    let asked = |task| view.facts.task_pods.answer(namespace, task).is_some();
    !in_pods(view.migration.spec.hosts.access).iter().all(asked)
}

/// What a task would change: itself, and the deletion of its pod. Where hosts are an operator's the preview says what
/// to type.
pub(crate) fn preview(at: &Site<'_>, task: HostTask) -> Vec<Preview> {
    // the last line of every report
    let ended = Proof::report(format!("{} has ended well", task.title()), "grep -q '^done='");
    preview_seen(at, task, [ended])
}

/// The same for a task that is looked at until its report shows this.
pub(crate) fn preview_until(at: &Site<'_>, task: HostTask, seen: impl IntoIterator<Item = Proof>) -> Vec<Preview> {
    if is_manual(at, &task) {
        return preview(at, task).into_iter().chain(preview_seen(at, HostTask::Look, seen)).collect();
    }
    preview_seen(at, task, seen)
}

fn preview_seen(at: &Site<'_>, task: HostTask, seen: impl IntoIterator<Item = Proof>) -> Vec<Preview> {
    let node = at.node.name.clone();
    if is_manual(at, &task) {
        return vec![Preview::from(Effect::Task { node, task, nth: 0, way: Way::Hand })];
    }
    let namespace = at.migration.spec.cilium.namespace.clone();
    let way = way_to(&at.view, at.node, &task).unwrap_or_else(|| in_pod(&at.view, AGENTS_IMAGE.into()));
    let in_pod = matches!(way, Way::Pod { .. });
    let pod = Key::new(&namespace, &task.pod_name(&node, 0));
    let effect = Preview::from(Effect::Task { node, task, nth: 0, way }).then(seen);
    let delete = in_pod.then(|| Preview::from(Effect::DeleteTaskPod { pod, uid: "".into(), why: FINISHED }));
    std::iter::once(effect).chain(delete).collect()
}

/// Changes on hosts are an operator's.
pub(crate) fn is_manual(at: &Site<'_>, task: &HostTask) -> bool {
    at.migration.spec.hosts.access == HostAccess::Manual && !task.only_looks()
}

/// Says what an operator has to type.
pub(crate) fn by_hand(at: &Site<'_>, status: &mut NodeMigrationStatus, task: &HostTask, until: &str) -> Progress {
    status.commands = task.by_hand(&at.node.name);
    let first = status.commands.first().cloned().unwrap_or_default();
    let message = format!("run on {}: {first} ({until})", at.node.name);
    Progress::wait_on(Reason::ManualAction, at.object(), message)
}

/// Runs a task that changes the host until `satisfied`; where hosts are an operator's, says what to type and checks the
/// host instead.
pub(crate) fn change_until(
    at: &Site<'_>,
    status: &mut NodeMigrationStatus,
    task: &HostTask,
    satisfied: impl Fn(&Evidence) -> Result<(), Waiting>,
) -> Progress {
    if !is_manual(at, task) {
        return check_until(at, status, task, satisfied);
    }
    match check_until(at, status, &HostTask::Look, satisfied) {
        Progress::Done => {
            status.commands.clear();
            Progress::Done
        }
        Progress::Wait(waiting) => by_hand(at, status, task, &waiting.message),
        other => {
            status.commands = task.by_hand(&at.node.name);
            other
        }
    }
}

/// Checks the host with a task until `satisfied`; the evidence stays in the record.
pub(crate) fn check_until(
    at: &Site<'_>,
    status: &mut NodeMigrationStatus,
    task: &HostTask,
    satisfied: impl Fn(&Evidence) -> Result<(), Waiting>,
) -> Progress {
    if let Some(checked) = status.evidence.host.as_ref().and_then(|h| h.at) {
        match satisfied(&status.evidence) {
            Ok(()) => return Progress::Done,
            Err(waiting) if at.now.duration_since(checked).as_millis() < i128::from(CHECK_AGAIN) => {
                return Progress::Wait(waiting);
            }
            Err(_) => {}
        }
    }
    match run(at, status, task) {
        Err(progress) => progress,
        Ok(report) => {
            keep_report(at, status, task, &report);
            satisfied(&status.evidence).map_or_else(Progress::Wait, |()| Progress::Done)
        }
    }
}

/// A check of the host in which the agent did not say how it is, although its version does: it does not answer for some
/// seconds after its start, although it is ready (seen on real nodes).
pub(super) fn agent_is_silent(at: &Site<'_>, host: &HostEvidence) -> bool {
    host.cni_state.is_empty() && versions::says_cni_state(&at.migration.spec.cilium.version)
}

/// Takes in what a task saw of the host.
pub(crate) fn keep_report(at: &Site<'_>, status: &mut NodeMigrationStatus, task: &HostTask, report: &Report) {
    // a pod may say anything of its second address
    let multus = at.node.multus.is_some() || status.evidence.multus;
    let unknown = |ip: &str| {
        ip.parse().is_ok_and(|ip| {
            !at.facts.pods_on(&at.node.name).any(|p| p.ip == Some(ip) || (multus && p.second == Some(ip)))
        })
    };
    let evidence = &mut status.evidence;
    evidence.host = Some(report.host(task.name(), at.now));
    evidence.leaked_leases = report.leases().filter(|l| unknown(l)).map(str::to_owned).collect();
    let endpoints = report.endpoints().filter(|(_, ip)| unknown(ip));
    evidence.leaked_endpoints = endpoints.map(|(id, ip)| format!("{id} {ip}")).collect();
}

/// A task that failed is tried again, ever more slowly.
fn backing_off(at: &Site<'_>, status: &NodeMigrationStatus) -> Option<Progress> {
    let error = status.last_error.as_ref()?;
    let pause = Duration::from_secs(u64::from(error.count.min(6)) * 5);
    let left = pause.checked_sub(text::between(error.at, at.now)).filter(|d| !d.is_zero())?;
    let again = text::duration(left + Duration::from_secs(1));
    let message = format!("{}; tried again in {again}", error.problem.message);
    Some(Progress::wait_on(Reason::TaskFailed, at.object(), message))
}

/// Task pods whose report was taken, and reboots that are no longer wanted: they can go.
pub fn sweep(view: &View<'_>) -> Vec<Effect> {
    let tasks = view.facts.task_pods().filter(|p| p.deleting.is_none());
    let why = |p: &PodFact| match p.report {
        Some(_) => (!is_awaited(view, p)).then_some(FINISHED),
        None => is_unwanted(view, p).then_some("the node is rolled back instead"),
    };
    let delete = |p: &PodFact, why| Effect::DeleteTaskPod { pod: p.key.clone(), uid: p.uid.clone(), why };
    tasks.filter_map(|p| Some(delete(p, why(p)?))).collect()
}

/// A reboot that has not begun, of a node that has turned round.
fn is_unwanted(view: &View<'_>, pod: &PodFact) -> bool {
    pod.task.as_deref() == Some("reboot") && view.status(&pod.node).direction == Target::Flannel && drains(view)
}

fn is_awaited(view: &View<'_>, pod: &PodFact) -> bool {
    // at the end no report is awaited: what is left was requested before the direction changed
    let ended = |s: Stage| matches!(s, Stage::Complete | Stage::RolledBack);
    if view.migration.status.as_ref().is_some_and(|s| ended(s.phase)) {
        return false;
    }
    let nth = view.status(&pod.node).evidence.host_checks;
    pod.key.name.ends_with(&format!("-{}-{nth}", pod.node))
}

/// The agent's image: it is on every node that runs an agent, or ran one until it was uninstalled, and never pulled.
pub(crate) fn task_image(facts: &Facts) -> Option<Arc<str>> {
    let pinned = || facts.pins()?.agent_image.as_deref().map(Into::into);
    facts.cilium_agents().map(|d| d.image.clone()).or_else(pinned)
}
