//! The step Drain: everything with a pod address leaves the node, then its volumes.

use jiff::SignedDuration;

use super::{Progress, Refused, View, restart::wrong_cni, steps::delete};
use crate::domain::{
    api::NodeMigrationStatus,
    drain::{
        self, Drain, budget,
        progress::{self, DrainTimeout},
    },
    effect::Effect,
    facts::{NodeFact, PodFact},
    host::HostTask,
    problem::Problem,
    storage, text,
};

/// Evictions asked for at once: enough to be quick, few enough that no budget is stormed.
const EVICTIONS_AT_ONCE: usize = 5;
/// The first and the longest pause before a pod that a budget holds is asked for again. A budget that is seen
/// to be free again ends the pause.
const BUDGET_PAUSES: (i64, i64) = (5, 30);

impl View<'_> {
    pub(super) fn drain(&self, node: &NodeFact, status: &mut NodeMigrationStatus) -> Progress {
        // somebody uncordoned it meanwhile: pods would come back as fast as they leave
        if !node.unschedulable || !node.tainted {
            return Self::cordon(node);
        }
        let consents = &self.migration.spec.consents;
        let drain = drain::sort(self.facts, &node.name, consents);
        let volumes = storage::still_attached(self.facts, &node.name, consents);
        let mut held = progress::held(self.facts, &drain, &volumes, consents, self.now);
        held.extend(drain.evict.iter().filter_map(|p| {
            let failure = self.failures.get(&evict(p).name()).filter(|f| f.kind == Refused::Fault)?;
            Some(Problem::new(format!("pod/{}", p.key), text::safe(&failure.message), ""))
        }));
        let timeout = SignedDuration::from_secs(i64::from(self.migration.spec.nodes.drain_timeout_seconds));
        let retries = self.record(&node.name).map_or(0, |r| r.spec.retries);
        let left = drain.left() + volumes.len();
        let limit = DrainTimeout { timeout, active_since: self.since };
        progress::track(status, left, held, retries, limit, self.now);
        let what =
            if drain.is_done() { text::count(volumes.len(), "volume") } else { text::count(drain.left(), "pod") };
        let Some(so_far) = &status.drain else { return Progress::Done };
        let words = progress::words(so_far, &what, &node.name, limit, self.now);
        if left == 0 {
            status.drain = None;
            return Progress::Done;
        }
        if so_far.paused || drain.is_done() {
            return Progress::Wait(words);
        }
        let mut effects = progress::escalations(self.facts, &drain, consents, so_far.progressed_at, self.now);
        effects.extend(self.evictions(&drain));
        // only when everything else is gone: the CNI DEL of all of them runs on the right side
        if drain.left() == drain.delete_last.len() {
            let last = drain.delete_last.iter();
            effects.extend(
                last.filter(|p| self.is_due(p))
                    .map(|p| self.leave(p, "its DaemonSet starts it again after the switch")),
            );
        }
        if !effects.is_empty() {
            return Progress::Act(effects, words);
        }
        if so_far.blockers.is_empty() {
            let pods: Vec<_> = drain.leaving.iter().take(3).map(|p| p.key.to_string()).collect();
            return Progress::Wait(format!("{words}, terminating: {}", pods.join(", ")));
        }
        Progress::Wait(words)
    }

    /// DaemonSet pods that tolerate every taint come back as fast as they are deleted. Before the CNI changes new
    /// pods are held back on the host, and these leave through the plugins that they came with.
    pub(super) fn stubborn(&self, node: &NodeFact, status: &mut NodeMigrationStatus) -> Option<Progress> {
        let old = wrong_cni(status.direction);
        let pods: Vec<&PodFact> =
            self.facts.pods_with(old, Some(&node.name)).filter(|p| p.is_daemon() && p.tolerates_all).collect();
        if pods.is_empty() || status.evidence.not_held.is_some() || self.is_manual(&HostTask::Hold) {
            return None;
        }
        let holds = status.evidence.host.as_ref().is_some_and(|h| h.at.is_some() && h.is_holding());
        if !holds {
            return match self.task(node, status, &HostTask::Hold) {
                Err(Progress::Fail { message, .. }) => {
                    // nothing is lost: what they leave behind is found and released afterwards
                    status.evidence.not_held = Some(message);
                    None
                }
                Err(progress) => Some(progress),
                Ok(report) => {
                    self.took_look(node, status, HostTask::Hold.name(), &report);
                    Some(Progress::Wait("new pods are held back".into()))
                }
            };
        }
        let what = text::count(pods.len(), "pod");
        let going = pods.iter().filter(|p| p.deleting.is_none());
        let effects: Vec<Effect> = going.map(|p| self.leave(p, "it leaves before the CNI changes")).collect();
        if let Some(why) = pods.iter().find_map(|p| {
            Some(format!("{}: {}", p.key, progress::overdue(p, &self.migration.spec.consents, self.now)?))
        }) {
            return Some(Progress::Wait(why));
        }
        let words = format!(
            "{what} of DaemonSets that tolerate every taint {} before the CNI changes",
            if pods.len() == 1 { "leaves" } else { "leave" }
        );
        Some(if effects.is_empty() { Progress::Wait(words) } else { Progress::Act(effects, words) })
    }

    /// A DaemonSet's pod is deleted, as its controller would; one that a budget counts is evicted like any other.
    pub(super) fn leave(&self, pod: &PodFact, why: &'static str) -> Effect {
        if budget::of(self.facts, pod).next().is_some() { evict(pod) } else { delete(pod, why) }
    }

    /// The next evictions; pods that a budget holds do not keep the others from their turn.
    fn evictions(&self, drain: &Drain<'_>) -> Vec<Effect> {
        let mut pods: Vec<_> = drain
            .evict
            .iter()
            .filter(|p| self.is_due(p))
            .map(|p| (self.failures.get(&evict(p).name()).map_or(0, |f| f.count), *p))
            .collect();
        pods.sort_by_key(|(failures, p)| (*failures, p.key.clone()));
        pods.into_iter().take(EVICTIONS_AT_ONCE).map(|(_, p)| evict(p)).collect()
    }

    /// A pod whose budget refused it, and is still seen to refuse it, is left alone for a while.
    fn is_due(&self, pod: &PodFact) -> bool {
        let Some(failure) = self.failures.get(&evict(pod).name()) else { return true };
        if budget::blocker(self.facts, pod).is_none() {
            return true;
        }
        let (shortest, longest) = BUDGET_PAUSES;
        let pause = shortest.saturating_mul(1 << failure.count.saturating_sub(1).min(4)).min(longest);
        // apart from each other, without a die: this is a pure function
        let spread: i64 = pod.uid.bytes().map(i64::from).sum::<i64>() % 3;
        self.now.duration_since(failure.at) >= SignedDuration::from_secs(pause + spread)
    }
}

fn evict(pod: &PodFact) -> Effect {
    Effect::Evict { pod: pod.key.clone(), uid: pod.uid.clone() }
}
