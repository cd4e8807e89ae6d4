//! Before the cordon: can this node be drained, who has to agree, and what has to be mended first.

use jiff::Timestamp;
use serde::Serialize;

use super::{
    Drain,
    budget::{self, Block, Blocker},
    progress, sort,
};
use crate::domain::{
    consent::{Consent, ConsentKind, Wanted, given, given_for, object_of},
    facts::{Facts, PodFact},
    storage,
};

/// Can a node be drained?
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing stands in the way.
    Clean,
    /// Somebody has to agree to these first.
    NeedsConsent(Vec<Wanted>),
    /// It would never end: this has to be mended first.
    Impossible {
        /// The pod that could not leave.
        pod: String,
        /// The object to mend.
        object: String,
        /// What is the matter with it.
        why: String,
        /// What would mend it.
        fix: String,
    },
}

impl Verdict {
    /// The word an operator reads.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::NeedsConsent(_) => "needs consent",
            Self::Impossible { .. } => "impossible",
        }
    }
}

/// What a pod would meet.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// The pod.
    pub pod: String,
    /// `stays`, `evicted`, `deleted last`, `leaving`, `needs consent` or `blocked`.
    pub fate: &'static str,
    /// Why; empty where nothing is to be said.
    pub why: String,
}

/// Judges a node by its pods.
pub fn judge_drain(facts: &Facts, drain: &Drain<'_>, consents: &[Consent], now: Timestamp) -> Verdict {
    let leaves = drain.evict.iter().chain(drain.consent.iter().map(|(p, _)| p)).chain(&drain.delete_last);
    for pod in leaves {
        if let Some(Blocker { object, why, fix, .. }) = hard_block(facts, pod, consents) {
            return Verdict::Impossible { pod: pod.key.to_string(), object, why, fix };
        }
    }
    if let Some((pod, why)) = drain.leaving.iter().find_map(|p| Some((p, progress::overdue(p, consents, now)?))) {
        let object = format!("pod/{}", pod.key);
        let fix = if pod.finalizers.is_empty() {
            format!("Look at its node's kubelet, or agree to ZeroGrace:{}.", object_of(pod))
        } else {
            "Whoever set the finalizer has to remove it.".to_owned()
        };
        return Verdict::Impossible { pod: pod.key.to_string(), object, why, fix };
    }
    let wanted = wanted(drain);
    if wanted.is_empty() { Verdict::Clean } else { Verdict::NeedsConsent(wanted) }
}

/// A budget that would refuse now and will not for long: no reason to mend anything, and none to cordon yet.
pub fn behind(facts: &Facts, drain: &Drain<'_>) -> Option<Blocker> {
    drain.evict.iter().find_map(|p| budget::blocker(facts, p).filter(|b| b.kind == Block::Behind))
}

/// The consents that are missing, each once.
pub fn wanted(drain: &Drain<'_>) -> Vec<Wanted> {
    let mut wanted: Vec<Wanted> = drain
        .consent
        .iter()
        .flat_map(|(pod, kinds)| kinds.iter().map(|kind| Wanted { kind: *kind, object: object_of(pod) }))
        .collect();
    wanted.sort();
    wanted.dedup();
    wanted
}

/// Consents that would get past what blocks a node now; none of them is ever needed from the start.
pub fn offers(facts: &Facts, node: &str, consents: &[Consent], now: Timestamp) -> Vec<Wanted> {
    let drain = sort(facts, node, consents);
    let mut offers = Vec::new();
    let mut offer = |kind, object: String| {
        let wanted = Wanted { kind, object };
        if !given(consents, wanted.kind, &wanted.object) && !offers.contains(&wanted) {
            offers.push(wanted);
        }
    };
    for pod in drain.evict.iter().chain(drain.consent.iter().map(|(p, _)| p)) {
        let Some(blocker) = budget::blocker(facts, pod).filter(|b| b.kind != Block::Behind) else { continue };
        if blocker.kind != Block::TwoBudgets {
            if facts.workload_of(pod).is_some() && budget::of(facts, pod).all(|b| b.absolute) {
                offer(ConsentKind::ScaleUp, object_of(pod));
            }
            for budget in budget::of(facts, pod) {
                offer(ConsentKind::LowerBudget, progress::budget_object(&budget.key));
            }
        }
        offer(ConsentKind::DeletePastBudget, object_of(pod));
    }
    for pod in drain.leaving.iter().filter(|p| p.finalizers.is_empty()) {
        if progress::overdue(pod, consents, now).is_some() {
            offer(ConsentKind::ZeroGrace, pod.key.to_string());
        }
    }
    if drain.is_done() {
        let volumes = storage::still_attached(facts, node, consents);
        volumes.into_iter().for_each(|v| offer(ConsentKind::LeaveVolumeAttached, v));
    }
    offers
}

/// A block that no consent gets past.
pub fn hard_block(facts: &Facts, pod: &PodFact, consents: &[Consent]) -> Option<Blocker> {
    let blocker = budget::blocker(facts, pod).filter(|b| b.kind != Block::Behind)?;
    // one less is enough only where nobody is missing; one more only where the budget counts heads
    let lowered = budget::of(facts, pod)
        .any(|b| b.healthy >= b.desired && given(consents, ConsentKind::LowerBudget, &progress::budget_object(&b.key)));
    let scaled = blocker.kind == Block::NoSlack
        && budget::of(facts, pod).all(|b| b.absolute)
        && given(consents, ConsentKind::ScaleUp, &object_of(pod));
    let escape = given_for(consents, ConsentKind::DeletePastBudget, pod)
        || (blocker.kind != Block::TwoBudgets && (lowered || scaled));
    (!escape).then_some(blocker)
}

/// Every pod of a node with what a drain would do.
pub fn lines(facts: &Facts, drain: &Drain<'_>, consents: &[Consent], now: Timestamp) -> Vec<Line> {
    let line = |pod: &PodFact, fate, why: String| Line { pod: pod.key.to_string(), fate, why };
    let mut out = Vec::new();
    for (pod, kinds) in &drain.consent {
        let why: Vec<String> = kinds
            .iter()
            .map(|k| match (k, drain.unschedulable.get(&pod.key)) {
                (ConsentKind::WaitForNode, Some(why)) => format!("{k}: {why}"),
                _ => format!("{k}: {}", k.cost()),
            })
            .collect();
        out.push(line(pod, "needs consent", why.join("; ")));
    }
    for pod in &drain.evict {
        match budget::blocker(facts, pod) {
            Some(b) => out.push(line(pod, "blocked", b.why)),
            None => out.push(line(pod, "evicted", String::new())),
        }
    }
    out.extend(drain.scale_first.iter().map(|p| line(p, "evicted", "after one replica more is ready".into())));
    out.extend(drain.delete_last.iter().map(|p| line(p, "deleted last", "a DaemonSet's".into())));
    out.extend(
        drain.leaving.iter().map(|p| line(p, "leaving", progress::overdue(p, consents, now).unwrap_or_default())),
    );
    out.extend(drain.stays.iter().map(|p| line(p, "stays", why_it_stays(p).into())));
    out
}

fn why_it_stays(pod: &PodFact) -> &'static str {
    if pod.mirror {
        "a static pod"
    } else if pod.task.is_some() {
        "Cutover's own"
    } else if !pod.is_living() {
        "it has finished"
    } else if pod.host_network {
        "a DaemonSet's on the host's network"
    } else {
        "a DaemonSet's that tolerates every taint: it is started anew after the switch"
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::facts::{BudgetFact, Key, NodeFact, Owner, Selector, WorkloadFact};

    fn judge(facts: &Facts, node: &str, consents: &[Consent], now: Timestamp) -> Verdict {
        judge_drain(facts, &sort(facts, node, consents), consents, now)
    }

    fn facts(allowed: i32) -> Facts {
        let mut facts = Facts::default();
        for name in ["a", "b"] {
            facts.nodes.insert(name.into(), NodeFact { name: name.into(), ready: true, ..NodeFact::default() });
        }
        let pod = PodFact {
            key: Key::new("shop", "web-1"),
            node: "a".into(),
            phase: "Running".into(),
            ready: true,
            owner: Some(Owner { kind: "Deployment".into(), name: "web".into() }),
            labels: Arc::default(),
            ..PodFact::default()
        };
        facts.pods.insert(pod.key.clone(), pod);
        let key = Key::new("shop", "web");
        let workload =
            WorkloadFact { key: key.clone(), kind: "Deployment".into(), wanted: 2, ready: 2, scaled_from: None };
        facts.workloads.insert(workload.object().as_str().into(), workload);
        let budget = BudgetFact {
            key: key.clone(),
            selector: Some(Selector::default()),
            allowed,
            healthy: 2,
            desired: 2,
            expected: 2,
            absolute: true,
            ..BudgetFact::default()
        };
        facts.budgets.insert(key, budget);
        facts
    }

    fn agreed(kind: ConsentKind, object: &str) -> Consent {
        Consent { kind, object: object.into(), by: "me".into(), at: Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn a_node_is_clean_or_names_what_has_to_be_mended() {
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(judge(&facts(1), "a", &[], now), Verdict::Clean);
        let facts = facts(0);
        let Verdict::Impossible { object, why, .. } = judge(&facts, "a", &[], now) else { panic!("it blocks") };
        assert_eq!(object, "poddisruptionbudget/shop/web");
        assert!(why.contains("needs 2 healthy pods and has 2 of 2"), "{why}");
        for escape in [
            agreed(ConsentKind::LowerBudget, "shop/PodDisruptionBudget/web"),
            agreed(ConsentKind::ScaleUp, "shop/Deployment/web"),
            agreed(ConsentKind::DeletePastBudget, "shop/web-1"),
        ] {
            assert_eq!(judge(&facts, "a", &[escape], now), Verdict::Clean);
        }
    }

    #[test]
    fn a_budget_that_counts_a_pod_as_gone_that_came_back_passes() {
        let mut facts = facts(0);
        let at = facts.budgets.values_mut().next().unwrap();
        (at.healthy, at.desired, at.disrupted) = (1, 1, vec!["web-1".into()]);
        assert_eq!(judge(&facts, "a", &[], Timestamp::UNIX_EPOCH), Verdict::Clean, "nothing to mend");
        let behind = behind(&facts, &sort(&facts, "a", &[])).unwrap();
        assert!(behind.why.ends_with("web-1 came back under its name before its eviction was noted"), "{behind:?}");
    }

    #[test]
    fn a_pod_that_does_not_end_is_named_with_its_finalizer() {
        let mut facts = facts(1);
        let pod = facts.pods.values_mut().next().unwrap();
        pod.deleting = Some(Timestamp::UNIX_EPOCH);
        pod.finalizers = vec!["example.com/hold".into()];
        let soon = Timestamp::from_second(2).unwrap();
        assert_eq!(judge(&facts, "a", &[], soon), Verdict::Clean, "it has a moment");
        let later = Timestamp::from_second(100).unwrap();
        let Verdict::Impossible { why, .. } = judge(&facts, "a", &[], later) else { panic!("it hangs") };
        assert!(why.contains("example.com/hold"), "{why}");
    }
}
