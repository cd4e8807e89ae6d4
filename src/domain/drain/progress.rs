//! While a node drains: what holds it, what the consents allow to be done about that, and when its time is up.
//! Level-triggered: everything is worked out from what is there now.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{
    Drain,
    budget::{self, Block},
    given_for,
};
use crate::domain::{
    api::{Migration, NodeMigrationStatus},
    consent::{Consent, ConsentKind, given},
    effect::Effect,
    evidence::{DrainProgress, Moved, Return},
    facts::{Facts, Key, PodFact},
    problem::{Problem, ProblemKind},
    text,
};

/// The kinds of workloads that are watched: where one of these is not there, it was deleted.
const KINDS: [&str; 3] = ["Deployment", "StatefulSet", "ReplicaSet"];
/// A kubelet takes its time: only this long after its grace period a pod counts as one that hangs.
const PATIENCE: SignedDuration = SignedDuration::from_secs(15);
/// A drain without progress for this long says so.
const SILENCE: SignedDuration = SignedDuration::from_secs(60);

/// How consents name a budget.
pub fn budget_object(key: &Key) -> String {
    format!("{}/PodDisruptionBudget/{}", key.namespace, key.name)
}

/// Why a pod that should be gone is still there.
pub fn overdue(pod: &PodFact, consents: &[Consent], now: Timestamp) -> Option<String> {
    let until = pod.deleting?;
    if now.duration_since(until) < PATIENCE {
        return None;
    }
    let late = format!("terminating {} past its grace period", text::about(text::between(until, now)));
    if !pod.finalizers.is_empty() {
        return Some(format!("{late}; held by finalizer {}", pod.finalizers.join(", ")));
    }
    (!given_for(consents, ConsentKind::ZeroGrace, pod) || pod.deleting_grace == Some(0))
        .then(|| format!("{late}; its kubelet does not confirm that it has stopped"))
}

/// What holds a drain.
pub fn held(
    facts: &Facts,
    drain: &Drain<'_>,
    volumes: &[String],
    consents: &[Consent],
    now: Timestamp,
) -> Vec<Problem> {
    let of = |pod: &PodFact, message: String| Problem::new(format!("pod/{}", pod.key), message, "");
    let mut held = Vec::new();
    for (pod, kinds) in &drain.consent {
        let kinds: Vec<String> = kinds.iter().map(|k| format!("{k}:{}", pod.object())).collect();
        held.push(of(pod, format!("needs consent {}", kinds.join(" and "))));
    }
    for pod in drain.evict.iter().chain(&drain.delete_last) {
        if facts.namespaces.get(&pod.key.namespace).is_some_and(|n| n.ending) {
            let message = "its namespace is terminating: it goes with it".to_owned();
            held.push(of(pod, message).of_kind(ProblemKind::NamespaceTerminating));
        } else if let Some(b) = budget::blocker(facts, pod) {
            held.push(of(pod, b.problem.message).of_kind(b.problem.kind));
        }
    }
    for pod in &drain.scale_first {
        let taken = facts.workload_of(pod).is_some_and(|w| w.scaled_from.is_some_and(|from| w.wanted <= from));
        let why = if taken { "; the added replica was removed again, perhaps by an autoscaler" } else { "" };
        held.push(of(pod, format!("waits until {} has one more ready replica{why}", pod.object())));
    }
    held.extend(drain.leaving.iter().filter_map(|pod| Some(of(pod, overdue(pod, consents, now)?))));
    if drain.is_done() {
        held.extend(volumes.iter().map(|volume| {
            let message =
                format!("is still attached; consent to LeaveVolumeAttached:{volume} to go on without waiting");
            Problem::new(volume, message, "")
        }));
    }
    held
}

/// What the consents allow beyond evictions, for pods that plain evictions do not move.
///
/// A budget that allows nothing for a moment is waited for: it has to have no slack at all, or the drain no progress.
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
    // one at a time: what goes past a budget changes what it allows
    let mut passed = false;
    for pod in drain.evict.iter().chain(&drain.delete_last) {
        let Some(blocker) = budget::blocker(facts, pod) else { continue };
        if passed || !(stands || matches!(blocker.block, Block::NoSlack | Block::TwoBudgets)) {
            continue;
        }
        let budget = budget::of(facts, pod).next();
        let lower = budget.filter(|b| {
            blocker.block != Block::TwoBudgets && given(consents, ConsentKind::LowerBudget, &budget_object(&b.key))
        });
        if let Some(budget) = lower.filter(|b| b.lowered_from.is_none() && !b.unobserved) {
            add(Effect::LowerBudget { budget: budget.key.clone(), was: budget.spec() });
            passed = true;
        } else if given_for(consents, ConsentKind::DeletePastBudget, pod) && lower.is_none_or(|b| !b.unobserved) {
            let why = "an operator consented to delete it past its PDB";
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

/// Replicas and budgets that were changed for a drain and are no longer needed that way. Found by the marks on
/// the objects, so that any engine puts them back after a crash.
pub fn put_back<'a>(
    facts: &Facts,
    migration: &Migration,
    status_of: impl Fn(&str) -> Option<&'a NodeMigrationStatus>,
) -> Vec<Effect> {
    let scaled: Vec<_> = facts.workloads.values().filter_map(|w| Some((w, w.scaled_from?))).collect();
    let lowered: Vec<_> = facts.budgets.values().filter(|b| b.lowered_from.is_some()).collect();
    if scaled.is_empty() && lowered.is_empty() {
        return Vec::new();
    }
    // wherever pods are made to leave; a drain that is paused asks for nothing, so nothing is kept for it
    let drains = |s: &NodeMigrationStatus| s.step.is_out() && s.drain.as_ref().is_none_or(|d| !d.paused);
    let draining = facts.nodes.keys().filter(|n| status_of(n).is_some_and(drains));
    let pods: Vec<&PodFact> = draining.flat_map(|n| facts.pods_on(n)).filter(|p| p.is_living()).collect();
    let workloads: BTreeSet<String> = pods.iter().map(|p| p.object()).collect();
    let consents = &migration.spec.consents;
    let mut effects = Vec::new();
    for (workload, to) in scaled {
        let object = workload.object();
        let needed = given(consents, ConsentKind::ScaleUp, &object) && workloads.contains(&object);
        // what was evicted has to be ready elsewhere before its stand-in goes
        let complete = workload.ready >= workload.wanted;
        if !needed && complete {
            effects.push(Effect::ScaleBack { kind: workload.kind.clone(), workload: workload.key.clone(), to });
        }
    }
    for budget in lowered {
        let Some(mark) = &budget.lowered_from else { continue };
        let counts = |p: &&PodFact| p.key.namespace == budget.key.namespace && budget.counts(&p.labels);
        let needed = given(consents, ConsentKind::LowerBudget, &budget_object(&budget.key)) && pods.iter().any(counts);
        if !needed {
            effects.push(Effect::RestoreBudget { budget: budget.key.clone(), mark: mark.clone() });
        }
    }
    effects
}

/// How long a drain may go without progress.
#[derive(Clone, Copy, Debug)]
pub struct DrainTimeout {
    /// Longest time without progress.
    pub timeout: SignedDuration,
    /// Time before the engine was active does not count.
    pub active_since: Timestamp,
}

/// Pods of one controller that landed on a node while it drained, before the drain pauses: whatever puts them there does
/// not heed the cordon, and goes on.
const RETURNS: u32 = 3;
/// So long the first pod that has landed stays before it is evicted, too, and as long again for each time that others of
/// its controller have landed before: a scheduler that has just lost its connection to the API server learns of the
/// cordon when its watch is back (client-go waits up to 30 s before it tries again; seen with kube-scheduler 1.36).
const RETURN_PAUSE: SignedDuration = SignedDuration::from_secs(10);
/// Pods of one controller that land within this time of each other have landed once.
const AT_ONCE: SignedDuration = SignedDuration::from_secs(5);

/// Updates the progress of a drain: which of the pods and volumes that were there have left since, what has landed on the
/// node meanwhile, whether an operator resumed it, whether it has timed out.
pub fn track(
    status: &mut NodeMigrationStatus,
    pods: &[&PodFact],
    volumes: usize,
    mut held: Vec<Problem>,
    retries: u32,
    limit: DrainTimeout,
    now: Timestamp,
) {
    let before = status.drain.take();
    let resumed = retries > status.observed_retries;
    let kept = before.as_ref().filter(|_| !resumed);
    let youngest = kept.and_then(|d| d.youngest).or_else(|| pods.iter().filter_map(|p| p.created).max());
    let mut returns = kept.map(|d| d.returns.clone()).unwrap_or_default();
    let landed: Vec<&PodFact> = pods.iter().copied().filter(|p| p.created > youngest).collect();
    count_returns(&mut returns, &landed);
    let left = u32::try_from(pods.len() - landed.len() + volumes).unwrap_or(u32::MAX);
    status.observed_retries = status.observed_retries.max(retries);
    let progressed_at = match &before {
        Some(d) if d.left <= left && !resumed => d.progressed_at,
        _ => now,
    };
    let was_paused = before.as_ref().is_some_and(|d| d.paused) && progressed_at != now;
    let tried = now.duration_since(progressed_at.max(limit.active_since));
    let chased: Vec<&Return> = returns.iter().filter(|r| r.times >= RETURNS).collect();
    let paused = was_paused || !chased.is_empty() || (left as usize + landed.len() > 0 && tried >= limit.timeout);
    held.splice(0..0, chased.into_iter().map(|r| {
        let message = format!("{} of its pods have landed on the node since its drain began: what puts them there does not heed the cordon", r.times);
        Problem::new(&r.controller, message, "").of_kind(ProblemKind::Returns)
    }));
    let blockers = held.into_iter().take(10).collect();
    status.drain = Some(DrainProgress { left, youngest, returns, progressed_at, paused, blockers });
}

/// A pod that has landed on the node while it drains is not chased.
pub fn is_due(drain: &DrainProgress, pod: &PodFact, now: Timestamp) -> bool {
    if pod.created <= drain.youngest {
        return true;
    }
    let object = pod.object();
    let Some(known) = drain.returns.iter().find(|r| r.controller == object) else { return true };
    let pause = RETURN_PAUSE * i32::try_from(known.times).unwrap_or(i32::MAX);
    now.duration_since(known.last) >= pause
}

fn count_returns(returns: &mut Vec<Return>, landed: &[&PodFact]) {
    let mut landed: Vec<(Timestamp, String)> = landed.iter().filter_map(|p| Some((p.created?, p.object()))).collect();
    landed.sort();
    for (created, controller) in landed {
        match returns.iter_mut().find(|r| r.controller == controller) {
            Some(known) if created.duration_since(known.last) > AT_ONCE => {
                (known.times, known.last) = (known.times + 1, created);
            }
            Some(_) => {}
            None => returns.push(Return { controller, times: 1, last: created }),
        }
    }
}

/// A drain's progress as words.
pub fn words(drain: &DrainProgress, what: &str, node: &str, limit: DrainTimeout, now: Timestamp) -> String {
    let silent = now.duration_since(drain.progressed_at);
    let held: Vec<String> = drain.blockers.iter().take(2).map(blocked).collect();
    let more = drain.blockers.len().saturating_sub(2);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    let held = if held.is_empty() { String::new() } else { format!("; {}{more}", held.join("; ")) };
    if drain.paused {
        let why = match drain.blockers.first().map(|b| b.kind) {
            Some(ProblemKind::Returns) => "drain paused".to_owned(),
            _ => format!("drain timed out after {}", text::duration(limit.timeout.unsigned_abs())),
        };
        return format!(
            "{why}: {what} left{held}. Nothing was forced. Fix it and press `a` (run --retry {node}), or `r` rolls the node back"
        );
    }
    if silent >= SILENCE {
        let since = text::about(text::between(drain.progressed_at, now));
        return format!("no progress for {since}: {what} left{held}");
    }
    format!("{what} left{held}")
}

fn blocked(held: &Problem) -> String {
    let waits = matches!(held.kind, ProblemKind::Budget | ProblemKind::TwoBudgets);
    format!("{} {}{}", held.object, if waits { "waits: " } else { "" }, held.message)
}

/// The workloads whose pods will leave a node, with how many replicas are ready before.
pub fn moved(facts: &Facts, drain: &Drain<'_>) -> Vec<Moved> {
    let leaving = drain.evict.iter().chain(&drain.scale_first).chain(&drain.leaving);
    let leaving = leaving.chain(drain.consent.iter().map(|(p, _)| p));
    let of = |pod: &PodFact| {
        let owner = pod.owner.as_ref().filter(|o| &*o.kind != "Job")?;
        let ready = match facts.workload_of(pod) {
            Some(w) => w.ready.min(w.scaled_from.unwrap_or(w.wanted)),
            None => facts.ready_pods_of(&pod.object()),
        };
        Some(Moved { workload: format!("{}/{}/{}", pod.key.namespace, owner.kind, owner.name), ready })
    };
    let mut moved: Vec<Moved> = leaving.filter_map(|p| of(p)).collect();
    moved.sort_by(|a, b| a.workload.cmp(&b.workload));
    moved.dedup();
    moved
}

/// Why the next node has to wait: a workload that lost a pod has fewer ready replicas than before.
pub fn not_replaced(facts: &Facts, moved: &[Moved], consents: &[Consent]) -> Option<String> {
    moved.iter().find_map(|m| {
        let (ready, wanted) = match facts.workloads.get(m.workload.as_str()) {
            Some(now) => (now.ready, m.ready.min(now.wanted)),
            // one that was deleted since has all it is to have
            None if KINDS.iter().any(|kind| m.workload.split('/').nth(1) == Some(kind)) => return None,
            None => (facts.ready_pods_of(&m.workload), m.ready),
        };
        let waits = ready < wanted && !given(consents, ConsentKind::GoOnWithoutReplacement, &m.workload);
        waits.then(|| format!("{} has {ready} ready replicas, {} before", m.workload, m.ready))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: DrainTimeout =
        DrainTimeout { timeout: SignedDuration::from_secs(100), active_since: Timestamp::UNIX_EPOCH };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_clock_of_a_drain_runs_from_its_last_progress_and_pauses_it() {
        let mut status = NodeMigrationStatus::default();
        let pod = PodFact::default();
        let mut see = |left, retries, second| {
            track(&mut status, &vec![&pod; left], 0, vec![], retries, LIMIT, at(second));
            let d = status.drain.clone().unwrap();
            (d.progressed_at.as_second(), d.paused)
        };
        assert_eq!(see(5, 0, 0), (0, false));
        assert_eq!(see(5, 0, 90), (0, false));
        assert_eq!(see(4, 0, 95), (95, false), "one left: that is progress");
        assert_eq!(see(4, 0, 195), (95, true), "timed out");
        assert_eq!(see(4, 0, 500), (95, true), "and stays so");
        assert_eq!(see(4, 1, 510), (510, false), "until an operator resumes it");
        assert_eq!(see(4, 1, 610), (510, true), "which counts once");
        assert_eq!(see(3, 1, 620), (620, false), "or until a pod leaves by itself");
    }

    /// A count that goes up and down is no progress, and nothing is chased for ever.
    #[test]
    fn a_drain_pauses_when_pods_land_on_the_node_again_and_again() {
        let mut status = NodeMigrationStatus::default();
        let pod = |uid: &str, created| PodFact {
            key: Key::new("shop", uid),
            owner: Some(crate::domain::facts::Owner { kind: "Thing".into(), name: "web".into() }),
            created: Some(at(created)),
            ..PodFact::default()
        };
        let mut see = |pods: &[PodFact], retries, second| {
            track(&mut status, &pods.iter().collect::<Vec<_>>(), 0, vec![], retries, LIMIT, at(second));
            let d = status.drain.clone().unwrap();
            (d.left, d.progressed_at.as_second(), d.paused)
        };
        let old = pod("old", -50);
        assert_eq!(see(&[old.clone(), pod("a", -60)], 0, 0), (2, 0, false));
        assert_eq!(see(&[old.clone(), pod("b", 5)], 0, 6), (1, 6, false), "one has left, one has landed");
        assert_eq!(see(&[old.clone(), pod("b", 5), pod("c", 7)], 0, 8), (1, 6, false), "and another one with it");
        assert_eq!(see(&[old.clone(), pod("d", 16)], 0, 17), (1, 6, false), "it comes back: no progress");
        assert_eq!(see(&[old.clone(), pod("e", 37)], 0, 38), (1, 6, true));
        let held = status.drain.clone().unwrap().blockers.remove(0);
        assert_eq!((held.object.as_str(), held.kind), ("shop/Thing/web", ProblemKind::Returns));
    }

    #[test]
    fn a_pod_that_lands_on_a_draining_node_is_evicted_later_each_time() {
        let of = |controller: &str, created| PodFact {
            owner: Some(crate::domain::facts::Owner { kind: "Thing".into(), name: controller.into() }),
            created: Some(at(created)),
            key: Key::new("shop", controller),
            ..PodFact::default()
        };
        for (times, due) in [(1, 110), (2, 120)] {
            let returns = vec![Return { controller: "shop/Thing/web".into(), times, last: at(100) }];
            let drain = DrainProgress {
                left: 1,
                youngest: Some(at(50)),
                returns,
                progressed_at: at(0),
                paused: false,
                blockers: vec![],
            };
            assert!(!is_due(&drain, &of("web", 100), at(due - 1)) && is_due(&drain, &of("web", 100), at(due)));
            assert!(is_due(&drain, &of("web", 50), at(100)), "what was there leaves at once");
            assert!(is_due(&drain, &of("db", 100), at(100)), "so do those of others");
        }
    }

    #[test]
    fn a_drain_without_progress_names_what_holds_it() {
        let why = "PDB shop/b allows 0 disruptions (minAvailable 1, healthy 1)";
        let held = Problem::new("pod/shop/web", why, "").of_kind(ProblemKind::Budget);
        let drain = DrainProgress {
            left: 1,
            youngest: None,
            returns: vec![],
            progressed_at: at(0),
            paused: false,
            blockers: vec![held],
        };
        let words = |drain: &DrainProgress, second| words(drain, "1 pod", "n1", LIMIT, at(second));
        assert_eq!(words(&drain, 5), format!("1 pod left; pod/shop/web waits: {why}"));
        assert!(words(&drain, 90).starts_with("no progress for 1m: 1 pod left; pod/shop/web"));
        let paused = DrainProgress { paused: true, ..drain };
        assert!(words(&paused, 700).starts_with("drain timed out after 1m 40s: 1 pod left; pod/shop/web waits: PDB"));
    }
}
