//! Drain: everything with a pod address leaves the node, then its volumes.

use std::time::Duration;

use jiff::SignedDuration;

use super::{Presence, Site, Step, StepSpec, agent::delete, cordon::cordoned, proofs, secs, tasks};
use crate::domain::{
    api::NodeMigrationStatus,
    drain::{
        self, budget,
        progress::{self, DrainTimeout},
    },
    effect::{Effect, Proof},
    evidence::DrainProgress,
    facts::PodFact,
    host::HostTask,
    plan::Preview,
    problem::Problem,
    progress::Progress,
    reason::{Reason, Waiting},
    storage, text,
};

/// What else may hold a drain on a node with Multus.
const BY_MULTUS: &str =
    "; Multus ends no pod while it cannot use its kubeconfig or its account is gone: see the events of these pods";
/// Evictions requested at once: enough to be quick, few enough that no budget is stormed.
const EVICTIONS_AT_ONCE: usize = 5;
/// The first and the longest pause in seconds before a pod that a budget holds is evicted again. A budget that is seen
/// to be free again ends the pause.
const BUDGET_PAUSES: (i64, i64) = (5, 30);
/// Why a DaemonSet's pod is deleted during the drain.
const AFTER_SWITCH: &str = "its DaemonSet starts it again after the switch";
/// Why a DaemonSet's pod that tolerates every taint is deleted.
const BEFORE_CHANGE: &str = "it leaves before the CNI changes";

/// Evicts every pod that can move, then deletes the DaemonSet pods that have a pod address.
pub struct Drain;

static SPEC: StepSpec = StepSpec {
    id: "Drain",
    does: "evicts every pod that can move, then deletes the DaemonSet pods that have a pod address",
    budget: secs(600),
    presence: Presence::Out,
};

impl Step for Drain {
    fn spec(&self) -> &'static StepSpec {
        &SPEC
    }

    fn enter(&self, at: &Site<'_>, status: &mut NodeMigrationStatus) {
        status.evidence.moved = progress::moved(at.facts, &at.sorted());
        status.drain = None;
    }

    fn advance(&self, at: &Site<'_>, status: &mut NodeMigrationStatus) -> Progress {
        drain(at, status)
    }

    fn preview(&self, at: &Site<'_>) -> Vec<Preview> {
        let drain = at.sorted();
        // a preview shows what happens once every consent is given
        let evict = drain.evict.iter().chain(&drain.scale_first).chain(drain.consent.iter().map(|(p, _)| p));
        let mut changes: Vec<Preview> = evict.clone().map(|p| evict_pod(p).into()).collect();
        let leaving = evict.chain(&drain.leaving).copied();
        if let Some(last) = changes.pop() {
            changes.push(last.then(proofs::have_left(&at.node.name, leaving, patience(at))));
        }
        changes.extend(drain.delete_last.iter().map(|p| Preview::from(leave(at, p, AFTER_SWITCH))));
        changes
    }

    fn proofs(&self, at: &Site<'_>) -> Vec<Proof> {
        let sorted = at.sorted();
        let last = proofs::have_left(&at.node.name, sorted.delete_last.iter().copied(), patience(at));
        last.into_iter().chain([proofs::detached(&at.node.name, patience(at))]).collect()
    }
}

/// How long what leaves a node is waited for.
fn patience(at: &Site<'_>) -> Duration {
    Duration::from_secs(u64::from(at.migration.spec.nodes.drain_timeout_seconds))
}

fn drain(at: &Site<'_>, status: &mut NodeMigrationStatus) -> Progress {
    // another actor uncordoned the node: pods would come back as fast as they leave
    if let Some(progress) = cordoned(at) {
        return progress;
    }
    let consents = &at.migration.spec.consents;
    let drain = at.sorted();
    let volumes = storage::still_attached(at.facts, &at.node.name, consents);
    let mut held = progress::held(at.facts, &drain, &volumes, consents, at.now);
    held.extend(drain.evict.iter().filter_map(|p| {
        let failure = at.failures.get(&evict_pod(p).name()).filter(|f| !f.problem.kind.is_transient())?;
        Some(Problem::new(format!("pod/{}", p.key), text::safe(&failure.problem.message), ""))
    }));
    let timeout = SignedDuration::from_secs(i64::from(at.migration.spec.nodes.drain_timeout_seconds));
    let retries = at.record(&at.node.name).map_or(0, |r| r.spec.retries);
    let left = drain.left() + volumes.len();
    let limit = DrainTimeout { timeout, active_since: at.since };
    progress::track(status, &drain.pods().collect::<Vec<_>>(), volumes.len(), held, retries, limit, at.now);
    let what = if drain.is_done() { text::count(volumes.len(), "volume") } else { text::count(drain.left(), "pod") };
    let Some(so_far) = &status.drain else { return Progress::Done };
    if left == 0 {
        status.drain = None;
        return Progress::Done;
    }
    let reason = if so_far.paused { Reason::DrainPaused } else { Reason::Draining };
    let object = so_far.blockers.first().map(|b| b.object.clone()).unwrap_or_default();
    // its DEL fails where its ADD does (seen on real nodes)
    let by_multus = so_far.paused && at.node.multus.is_some();
    let hint = if by_multus { BY_MULTUS } else { "" };
    let words = progress::words(so_far, &what, &at.node.name, limit, at.now);
    let waiting = Waiting::new(reason, words + hint).on(object);
    if so_far.paused || drain.is_done() {
        return Progress::Wait(waiting);
    }
    let mut effects = progress::escalations(at.facts, &drain, consents, so_far.progressed_at, at.now);
    effects.extend(evictions(at, &drain, so_far));
    // only when everything else is gone: the CNI DEL of all of them runs on the right side
    if drain.left() == drain.delete_last.len() {
        effects.extend(drain.delete_last.iter().filter(|p| is_due(at, p)).map(|p| leave(at, p, AFTER_SWITCH)));
    }
    if !effects.is_empty() {
        return Progress::Act(effects, waiting);
    }
    if so_far.blockers.is_empty() {
        let pods: Vec<_> = drain.leaving.iter().take(3).map(|p| p.key.to_string()).collect();
        let message = format!("{waiting}, terminating: {}", pods.join(", "));
        return Progress::wait_on(Reason::PodsTerminating, pods.first().cloned().unwrap_or_default(), message);
    }
    Progress::Wait(waiting)
}

/// A pod with a pod address has landed meanwhile: it leaves before anything is switched or rebooted.
pub(super) fn still_empty(at: &Site<'_>, status: &mut NodeMigrationStatus) -> Option<Progress> {
    (!at.sorted().is_done()).then(|| drain(at, status))
}

fn persistent_pods<'a>(at: &Site<'a>) -> Vec<&'a PodFact> {
    at.old_pods(None).filter(|p| p.owner.is_some() && p.tolerates_all).collect()
}

/// Pods can be held back on the host: not with Multus, whose configuration is no list of plugins that one more could be
/// put before.
fn may_hold(at: &Site<'_>) -> bool {
    let by_multus = at.node.multus.is_some() || at.network.multus.is_some();
    !by_multus && !tasks::is_manual(at, &HostTask::Hold)
}

/// Pods that tolerate every taint come back as fast as they leave. Before the CNI changes new pods are held back on the
/// host, and these leave through the plugins that they came with.
pub(super) fn persistent(at: &Site<'_>, status: &mut NodeMigrationStatus) -> Option<Progress> {
    let pods = persistent_pods(at);
    if pods.is_empty() || status.evidence.not_held.is_some() || !may_hold(at) {
        return None;
    }
    let holds = status.evidence.host.as_ref().is_some_and(|h| h.at.is_some() && h.is_holding());
    if !holds {
        return match tasks::run(at, status, &HostTask::Hold) {
            Err(Progress::Fail(_, problem)) => {
                // nothing is lost: what they leave behind is found and released afterwards
                status.evidence.not_held = Some(problem.message);
                None
            }
            Err(progress) => Some(progress),
            Ok(report) => {
                tasks::keep_report(at, status, &HostTask::Hold, &report);
                Some(Progress::wait(Reason::TaskRunning, "new pods are held back"))
            }
        };
    }
    let going = pods.iter().filter(|p| p.deleting.is_none() && is_due(at, p));
    let effects: Vec<Effect> = going.map(|p| leave(at, p, BEFORE_CHANGE)).collect();
    let consents = &at.migration.spec.consents;
    if let Some((pod, why)) = pods.iter().find_map(|p| Some((p, progress::overdue(p, consents, at.now)?))) {
        return Some(Progress::wait_on(
            Reason::PodsTerminating,
            format!("pod/{}", pod.key),
            format!("{}: {why}", pod.key),
        ));
    }
    let message = format!(
        "{} every taint {} before the CNI changes",
        if pods.len() == 1 { "1 pod that tolerates".to_owned() } else { format!("{} pods that tolerate", pods.len()) },
        if pods.len() == 1 { "leaves" } else { "leave" }
    );
    let late = status.since.is_some_and(|since| text::between(since, at.now) >= patience(at));
    let held = pods.iter().find_map(|p| Some((p, budget::blocker(at.facts, p)?)));
    let waiting = match held {
        Some((pod, blocker)) => {
            let reason = if late { Reason::DrainPaused } else { Reason::Draining };
            let why = blocker.problem.message;
            Waiting::new(reason, format!("{message}; {} waits: {why}", pod.key)).on(format!("pod/{}", pod.key))
        }
        None => Waiting::new(Reason::PodsTerminating, message),
    };
    Some(if effects.is_empty() { Progress::Wait(waiting) } else { Progress::Act(effects, waiting) })
}

/// The node is empty, but for pods that tolerate every taint where those stay for now.
pub(super) fn emptied(at: &Site<'_>, persistent_stay: bool) -> Proof {
    proofs::no_pod_address(&at.node.name, persistent_pods(at).into_iter().filter(|_| persistent_stay))
}

/// What [`persistent`] would do.
pub(super) fn preview_persistent(at: &Site<'_>) -> Vec<Preview> {
    let pods = persistent_pods(at);
    if pods.is_empty() || !may_hold(at) {
        return vec![];
    }
    let left = proofs::have_left(&at.node.name, pods.iter().copied(), patience(at));
    let mut changes = tasks::preview(at, HostTask::Hold);
    changes.extend(pods.into_iter().map(|p| Preview::from(leave(at, p, BEFORE_CHANGE))));
    changes.pop().into_iter().for_each(|last| changes.push(last.then(left.clone())));
    changes
}

/// A DaemonSet's pod is deleted, as its controller would; one that a budget counts is evicted like any other.
pub(super) fn leave(at: &Site<'_>, pod: &PodFact, why: &'static str) -> Effect {
    let evicted = !pod.is_daemon() || budget::of(at.facts, pod).next().is_some();
    if evicted { evict_pod(pod) } else { delete(pod, why) }
}

/// The next evictions; pods that a budget holds do not keep the others from their turn.
fn evictions(at: &Site<'_>, drain: &drain::Drain<'_>, so_far: &DrainProgress) -> Vec<Effect> {
    let mut pods: Vec<_> = drain
        .evict
        .iter()
        .filter(|p| is_due(at, p) && progress::is_due(so_far, p, at.now))
        .map(|p| (at.failures.get(&evict_pod(p).name()).map_or(0, |f| f.count), *p))
        .collect();
    pods.sort_by_key(|(failures, p)| (*failures, p.key.clone()));
    pods.into_iter().take(EVICTIONS_AT_ONCE).map(|(_, p)| evict_pod(p)).collect()
}

/// A pod whose budget refused it, and is still seen to refuse it, is left alone for a while.
pub(super) fn is_due(at: &Site<'_>, pod: &PodFact) -> bool {
    let Some(failure) = at.failures.get(&evict_pod(pod).name()) else { return true };
    if budget::blocker(at.facts, pod).is_none() {
        return true;
    }
    let (shortest, longest) = BUDGET_PAUSES;
    let pause = shortest.saturating_mul(1 << failure.count.saturating_sub(1).min(4)).min(longest);
    // apart from each other, without randomness: this is a pure function
    let spread: i64 = pod.uid.bytes().map(i64::from).sum::<i64>() % 3;
    at.now.duration_since(failure.at) >= SignedDuration::from_secs(pause + spread)
}

fn evict_pod(pod: &PodFact) -> Effect {
    Effect::Evict { pod: pod.key.clone(), uid: pod.uid.clone() }
}
