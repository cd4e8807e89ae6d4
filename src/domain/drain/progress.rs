//! While a node drains: what holds it, what an operator's consents allow to be done about it, and when its
//! time is up. Level-triggered: everything is worked out anew from what is there.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{
    Drain,
    budget::{self, Block},
};
use crate::domain::{
    api::{Migration, NodeMigrationStatus},
    consent::{Consent, ConsentKind, given, given_for, object_of},
    effect::Effect,
    evidence::{DrainProgress, Held, Moved},
    facts::{Facts, Key, PodFact},
    text,
};

/// A kubelet that takes its time: so long after its grace a pod counts as one that hangs.
const PATIENCE: SignedDuration = SignedDuration::from_secs(15);
/// Without progress for so long it is said that there is none.
const SILENCE: SignedDuration = SignedDuration::from_secs(60);

/// How consents name a budget.
pub fn budget_object(key: &Key) -> String {
    format!("{}/PodDisruptionBudget/{}", key.namespace, key.name)
}

/// Why a pod that should be gone is still there.
pub fn overdue(pod: &PodFact, consents: &[Consent], now: Timestamp) -> Option<String> {
    let until = pod.deleting?;
    let late = now.duration_since(until);
    if late < PATIENCE {
        return None;
    }
    if !pod.finalizers.is_empty() {
        let held = format!("held by finalizer {}", pod.finalizers.join(", "));
        return Some(format!("terminating {} past its grace; {held}", text::about(text::between(until, now))));
    }
    (!given_for(consents, ConsentKind::ZeroGrace, pod) || pod.deleting_grace == Some(0)).then(|| {
        format!(
            "terminating {} past its grace; its kubelet does not say that it has ended",
            text::about(text::between(until, now))
        )
    })
}

/// What holds a drain.
pub fn held(facts: &Facts, drain: &Drain<'_>, volumes: &[String], consents: &[Consent], now: Timestamp) -> Vec<Held> {
    let mut held = Vec::new();
    let mut hold = |object: String, why: String| held.push(Held { object, why });
    for (pod, kinds) in &drain.consent {
        let kinds: Vec<String> = kinds.iter().map(|k| format!("{k}:{}", object_of(pod))).collect();
        hold(pod.key.to_string(), format!("needs consent {}", kinds.join(" and ")));
    }
    for pod in drain.evict.iter().chain(&drain.delete_last) {
        if facts.ending_namespaces.contains(&pod.key.namespace) {
            hold(pod.key.to_string(), "its namespace is being deleted: it goes with it".into());
        } else if let Some(b) = budget::blocker(facts, pod) {
            hold(pod.key.to_string(), b.why);
        }
    }
    for pod in &drain.scale_first {
        let taken = facts.workload_of(pod).is_some_and(|w| w.scaled_from.is_some_and(|from| w.wanted <= from));
        let why = if taken { "; somebody, an autoscaler perhaps, has taken the added one away" } else { "" };
        hold(pod.key.to_string(), format!("waits until {} has one more ready replica{why}", object_of(pod)));
    }
    for pod in &drain.leaving {
        if let Some(why) = overdue(pod, consents, now) {
            hold(pod.key.to_string(), why);
        }
    }
    if drain.is_done() {
        for volume in volumes {
            hold(
                volume.clone(),
                format!("is still attached; LeaveVolumeAttached:{volume} would go on without waiting"),
            );
        }
    }
    held
}

/// What the consents allow beyond evictions, for pods that plain evictions do not move.
///
/// A budget that is only busy for a moment is waited for: it has to have no slack at all, or the drain no progress.
pub fn escalations(
    facts: &Facts,
    drain: &Drain<'_>,
    consents: &[Consent],
    progressed_at: Timestamp,
    now: Timestamp,
) -> Vec<Effect> {
    let stands = now.duration_since(progressed_at) >= SILENCE;
    let mut effects = Vec::new();
    let mut add = |effect: Effect| {
        if !effects.contains(&effect) {
            effects.push(effect);
        }
    };
    for workload in drain.scale_first.iter().filter_map(|p| facts.workload_of(p)) {
        if workload.scaled_from.is_none() {
            let (kind, key) = (workload.kind.clone(), workload.key.clone());
            add(Effect::ScaleUp { kind, workload: key, from: workload.wanted });
        }
    }
    // one at a time: whoever goes past a budget changes what it allows
    let mut passed = false;
    for pod in drain.evict.iter().chain(&drain.delete_last) {
        let Some(blocker) = budget::blocker(facts, pod) else { continue };
        if passed || !(stands || matches!(blocker.kind, Block::NoSlack | Block::TwoBudgets)) {
            continue;
        }
        let budget = budget::of(facts, pod).next();
        let lower = budget.filter(|b| {
            blocker.kind != Block::TwoBudgets && given(consents, ConsentKind::LowerBudget, &budget_object(&b.key))
        });
        if let Some(budget) = lower.filter(|b| b.lowered_from.is_none() && !b.unobserved) {
            add(Effect::LowerBudget { budget: budget.key.clone(), was: budget.spec() });
            passed = true;
        } else if given_for(consents, ConsentKind::DeletePastBudget, pod) && lower.is_none_or(|b| !b.unobserved) {
            let why = "somebody agreed that it goes past its budget";
            add(Effect::DeletePod { pod: pod.key.clone(), uid: pod.uid.clone(), why });
            passed = true;
        }
    }
    for pod in &drain.leaving {
        let late = pod.deleting.is_some_and(|until| now.duration_since(until) >= PATIENCE);
        let consented = given_for(consents, ConsentKind::ZeroGrace, pod);
        if late && consented && pod.finalizers.is_empty() && pod.deleting_grace != Some(0) {
            add(Effect::ForceDelete { pod: pod.key.clone(), uid: pod.uid.clone() });
        }
    }
    effects
}

/// Replicas and budgets that were changed for a drain and are no longer needed that way. Told by the marks on
/// the objects, so that whoever comes after a crash puts them back.
pub fn put_back<'a>(
    facts: &Facts,
    migration: &Migration,
    status_of: impl Fn(&str) -> Option<&'a NodeMigrationStatus>,
) -> Vec<Effect> {
    // wherever pods are made to leave; a drain that is paused asks for nothing, so nothing is kept for it
    let drains = |s: &NodeMigrationStatus| s.step.is_out() && s.drain.as_ref().is_none_or(|d| !d.paused);
    let draining: BTreeSet<&str> =
        facts.nodes.keys().map(|n| &**n).filter(|n| status_of(n).is_some_and(drains)).collect();
    let on_draining = |p: &&PodFact| draining.contains(&*p.node) && p.is_living();
    let mut effects = Vec::new();
    for workload in facts.workloads.values() {
        let object = workload.object();
        let needed = given(&migration.spec.consents, ConsentKind::ScaleUp, &object)
            && facts.pods.values().filter(on_draining).any(|p| object_of(p) == object);
        // what was evicted has to be ready elsewhere before the one that stood in for it goes
        let complete = workload.ready >= workload.wanted;
        if let Some(to) = workload.scaled_from.filter(|_| !needed && complete) {
            effects.push(Effect::ScaleBack { kind: workload.kind.clone(), workload: workload.key.clone(), to });
        }
    }
    for budget in facts.budgets.values() {
        let Some(mark) = &budget.lowered_from else { continue };
        let counts = |p: &PodFact| {
            p.key.namespace == budget.key.namespace && budget.selector.as_ref().is_some_and(|s| s.matches(&p.labels))
        };
        let needed = given(&migration.spec.consents, ConsentKind::LowerBudget, &budget_object(&budget.key))
            && facts.pods.values().filter(on_draining).any(counts);
        if !needed {
            effects.push(Effect::RestoreBudget { budget: budget.key.clone(), mark: mark.clone() });
        }
    }
    effects
}

/// How long a drain may go without progress.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// So long.
    pub timeout: SignedDuration,
    /// Time before this does not count: nobody tried.
    pub since: Timestamp,
}

/// Takes the progress of a drain in: what left since, whether somebody let it go on, whether its time is up.
pub fn track(
    status: &mut NodeMigrationStatus,
    left: usize,
    held: Vec<Held>,
    retries: u32,
    limit: Limit,
    now: Timestamp,
) {
    let left = u32::try_from(left).unwrap_or(u32::MAX);
    let before = status.drain.take();
    let resumed = retries > status.observed_retries;
    status.observed_retries = status.observed_retries.max(retries);
    let progressed_at = match &before {
        Some(d) if d.left <= left && !resumed => d.progressed_at,
        _ => now,
    };
    let was_paused = before.as_ref().is_some_and(|d| d.paused) && progressed_at != now;
    let tried = now.duration_since(progressed_at.max(limit.since));
    let paused = was_paused || (left > 0 && tried >= limit.timeout);
    let blockers = held.into_iter().take(10).collect();
    status.drain = Some(DrainProgress { left, progressed_at, paused, blockers });
}

/// What a drain says of itself.
pub fn words(drain: &DrainProgress, what: &str, node: &str, now: Timestamp) -> String {
    let silent = now.duration_since(drain.progressed_at);
    let since = text::about(text::between(drain.progressed_at, now));
    let held: Vec<String> = drain.blockers.iter().take(2).map(|h| format!("{} {}", h.object, joined(&h.why))).collect();
    let more = drain.blockers.len().saturating_sub(2);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    let held = if held.is_empty() { String::new() } else { format!("; {}{more}", held.join("; ")) };
    if drain.paused {
        return format!(
            "paused: no progress for {since}, {what} left{held}. Nothing was forced. Mend it and press `a` (run --retry {node}), or `r` frees the node"
        );
    }
    if silent >= SILENCE {
        return format!("no progress for {since}: {what} left{held}");
    }
    format!("{what} left{held}")
}

fn joined(why: &str) -> String {
    if why.starts_with("budget") { format!("waits: {why}") } else { why.to_owned() }
}

/// The workloads whose pods will leave a node, with how many replicas are ready before.
pub fn moved(facts: &Facts, drain: &Drain<'_>) -> Vec<Moved> {
    let leaving = drain.evict.iter().chain(&drain.scale_first).chain(&drain.leaving);
    let leaving = leaving.chain(drain.consent.iter().map(|(p, _)| p));
    let mut moved: Vec<Moved> = leaving
        .filter_map(|p| facts.workload_of(p))
        .map(|w| Moved { workload: w.object(), ready: w.ready.min(w.scaled_from.unwrap_or(w.wanted)) })
        .collect();
    moved.sort_by(|a, b| a.workload.cmp(&b.workload));
    moved.dedup();
    moved
}

/// Why the next node has to wait: a workload that lost a pod has fewer ready replicas than before.
pub fn not_replaced(facts: &Facts, moved: &[Moved], consents: &[Consent]) -> Option<String> {
    moved.iter().find_map(|m| {
        // one that was deleted meanwhile, or scaled down, has all it is to have
        let now = facts.workloads.get(m.workload.as_str())?;
        let wanted = m.ready.min(now.wanted);
        let waits = now.ready < wanted && !given(consents, ConsentKind::GoOnWithoutReplacement, &m.workload);
        waits.then(|| format!("{} has {} ready replicas and had {}", m.workload, now.ready, m.ready))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_clock_of_a_drain_runs_from_its_last_progress_and_pauses_it() {
        let mut status = NodeMigrationStatus::default();
        let limit = Limit { timeout: SignedDuration::from_secs(100), since: at(0) };
        let mut see = |left, retries, second| {
            track(&mut status, left, vec![], retries, limit, at(second));
            let d = status.drain.clone().unwrap();
            (d.progressed_at.as_second(), d.paused)
        };
        assert_eq!(see(5, 0, 0), (0, false));
        assert_eq!(see(5, 0, 90), (0, false));
        assert_eq!(see(4, 0, 95), (95, false), "one left: it goes on");
        assert_eq!(see(4, 0, 195), (95, true), "time is up");
        assert_eq!(see(4, 0, 500), (95, true), "and stays up");
        assert_eq!(see(4, 1, 510), (510, false), "until somebody lets it go on");
        assert_eq!(see(4, 1, 610), (510, true), "which counts once");
        assert_eq!(see(3, 1, 620), (620, false), "or until it moves by itself");
    }

    #[test]
    fn a_drain_without_progress_names_what_holds_it() {
        let held = Held { object: "shop/web".into(), why: "budget shop/b needs 1 healthy pods and has 1".into() };
        let drain = DrainProgress { left: 1, progressed_at: at(0), paused: false, blockers: vec![held] };
        assert_eq!(
            words(&drain, "1 pod", "n1", at(5)),
            "1 pod left; shop/web waits: budget shop/b needs 1 healthy pods and has 1"
        );
        assert!(words(&drain, "1 pod", "n1", at(90)).starts_with("no progress for 1m: 1 pod left; shop/web"));
        let paused = DrainProgress { paused: true, ..drain };
        assert!(words(&paused, "1 pod", "n1", at(700)).starts_with("paused: no progress for 11m"));
    }
}
