//! Before the cordon: can this node be drained, which consents are missing, and what has to be fixed first.

use jiff::Timestamp;
use serde::Serialize;

use super::{
    Drain,
    budget::{self, Block, Blocker},
    given_for, progress, sort,
};
use crate::domain::{
    api::RestartBy,
    consent::{Consent, ConsentKind, Wanted, given},
    facts::{Facts, PodFact},
    problem::Problem,
    storage,
    view::View,
};

/// Can a node be drained?
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing blocks it.
    Clean,
    /// An operator has to consent to these first.
    NeedsConsent(Vec<Wanted>),
    /// It would never end: this has to be fixed first.
    Impossible {
        /// The pod that could not leave.
        pod: String,
        /// What to fix.
        problem: Problem,
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

/// What a drain would do with a pod now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It stays where it is.
    Stays,
    /// It is evicted.
    Evicted,
    /// It is deleted once the others are gone.
    #[serde(rename = "deleted last")]
    DeletedLast,
    /// It is terminating already.
    Leaving,
    /// It needs a consent first.
    #[serde(rename = "needs consent")]
    NeedsConsent,
    /// Its eviction would be refused.
    Blocked,
}

impl Outcome {
    /// The word an operator reads.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Stays => "stays",
            Self::Evicted => "evicted",
            Self::DeletedLast => "deleted last",
            Self::Leaving => "leaving",
            Self::NeedsConsent => "needs consent",
            Self::Blocked => "blocked",
        }
    }
}

/// A pod, and what a drain would do with it now.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// The pod.
    pub pod: String,
    /// What the drain would do.
    pub fate: Outcome,
    /// Why; empty where there is nothing to say.
    pub why: String,
}

/// Judges a node by its pods.
pub fn judge_drain(facts: &Facts, drain: &Drain<'_>, consents: &[Consent], now: Timestamp) -> Verdict {
    let leaves = drain.evict.iter().chain(drain.consent.iter().map(|(p, _)| p)).chain(&drain.delete_last);
    for pod in leaves {
        if let Some(Blocker { problem, .. }) = hard_block(facts, pod, consents) {
            return Verdict::Impossible { pod: pod.key.to_string(), problem };
        }
    }
    if let Some((pod, why)) = drain.leaving.iter().find_map(|p| Some((p, progress::overdue(p, consents, now)?))) {
        let remedy = if pod.finalizers.is_empty() {
            format!("Check its node's kubelet, or consent to ZeroGrace:{}.", pod.object())
        } else {
            "The controller that set the finalizer has to remove it.".to_owned()
        };
        let problem = Problem::new(format!("pod/{}", pod.key), why, remedy);
        return Verdict::Impossible { pod: pod.key.to_string(), problem };
    }
    let wanted = wanted(drain);
    if wanted.is_empty() { Verdict::Clean } else { Verdict::NeedsConsent(wanted) }
}

/// A budget that would refuse now and not for long: there is nothing to fix, and it is too early to cordon.
pub fn behind(facts: &Facts, drain: &Drain<'_>) -> Option<Blocker> {
    drain.evict.iter().find_map(|p| budget::blocker(facts, p).filter(|b| b.block == Block::Behind))
}

impl View<'_> {
    /// This consent is needed as this migration restarts pods: where nodes reboot in an outage that was agreed to, pods
    /// restart where they are, and only a Job's work is lost.
    pub fn needs(&self, wanted: &Wanted) -> bool {
        wanted.kind == ConsentKind::InterruptJob || !self.restarts_in_place()
    }

    /// Pods restart with their node, and none has to leave it.
    pub fn restarts_in_place(&self) -> bool {
        self.strategy.has_outage() && self.migration.spec.restart_by == RestartBy::Reboot
    }
}

/// The consents that are missing, each once.
pub fn wanted(drain: &Drain<'_>) -> Vec<Wanted> {
    let mut wanted: Vec<Wanted> = drain
        .consent
        .iter()
        .flat_map(|(pod, kinds)| kinds.iter().map(|kind| Wanted { kind: *kind, object: pod.object() }))
        .collect();
    wanted.sort();
    wanted.dedup();
    wanted
}

/// Consents that would override what blocks a node now; none of them is ever needed from the start.
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
        let Some(blocker) = budget::blocker(facts, pod).filter(|b| b.block != Block::Behind) else { continue };
        if blocker.block != Block::TwoBudgets {
            if facts.workload_of(pod).is_some() && budget::of(facts, pod).all(|b| b.absolute) {
                offer(ConsentKind::ScaleUp, pod.object());
            }
            for budget in budget::of(facts, pod) {
                offer(ConsentKind::LowerBudget, progress::budget_object(&budget.key));
            }
        }
        offer(ConsentKind::DeletePastBudget, pod.object());
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

/// A block that no consent overrides.
pub fn hard_block(facts: &Facts, pod: &PodFact, consents: &[Consent]) -> Option<Blocker> {
    let blocker = budget::blocker(facts, pod).filter(|b| b.block != Block::Behind)?;
    // one less is enough only where no pod is missing; one more only where the budget is absolute
    let lowered = budget::of(facts, pod)
        .any(|b| b.healthy >= b.desired && given(consents, ConsentKind::LowerBudget, &progress::budget_object(&b.key)));
    let scaled = blocker.block == Block::NoSlack
        && budget::of(facts, pod).all(|b| b.absolute)
        && given(consents, ConsentKind::ScaleUp, &pod.object());
    let escape = given_for(consents, ConsentKind::DeletePastBudget, pod)
        || (blocker.block != Block::TwoBudgets && (lowered || scaled));
    (!escape).then_some(blocker)
}

/// Every pod of a node with what a drain would do now.
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
        out.push(line(pod, Outcome::NeedsConsent, why.join("; ")));
    }
    for pod in &drain.evict {
        match budget::blocker(facts, pod) {
            Some(b) => out.push(line(pod, Outcome::Blocked, b.problem.message)),
            None => out.push(line(pod, Outcome::Evicted, String::new())),
        }
    }
    out.extend(drain.scale_first.iter().map(|p| line(p, Outcome::Evicted, "after one more replica is ready".into())));
    out.extend(drain.delete_last.iter().map(|p| line(p, Outcome::DeletedLast, "DaemonSet pod".into())));
    out.extend(
        drain
            .leaving
            .iter()
            .map(|p| line(p, Outcome::Leaving, progress::overdue(p, consents, now).unwrap_or_default())),
    );
    out.extend(drain.stays.iter().map(|p| line(p, Outcome::Stays, why_it_stays(facts, p).into())));
    out
}

fn why_it_stays(facts: &Facts, pod: &PodFact) -> &'static str {
    if pod.mirror {
        "static pod"
    } else if facts.is_task(pod) {
        "Cutover's task pod"
    } else if !pod.is_living() {
        "has ended"
    } else if pod.host_network && pod.is_daemon() {
        "DaemonSet pod on the host network"
    } else if pod.host_network {
        "on the host network, and tolerates every taint: it would come back at once"
    } else {
        "tolerates every taint: leaves once new pods are held back"
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::{
        facts::{BudgetFact, Key, NodeFact, Owner, Selector, WorkloadFact},
        problem::ProblemKind,
    };

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
    fn a_node_is_clean_or_names_what_has_to_be_fixed() {
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(judge(&facts(1), "a", &[], now), Verdict::Clean);
        let facts = facts(0);
        let Verdict::Impossible { problem, .. } = judge(&facts, "a", &[], now) else { panic!("it blocks") };
        assert_eq!((problem.object.as_str(), problem.kind), ("poddisruptionbudget/shop/web", ProblemKind::Budget));
        assert!(problem.message.contains("(2 desired, healthy 2 of 2)"), "{problem}");
        for escape in [
            agreed(ConsentKind::LowerBudget, "shop/PodDisruptionBudget/web"),
            agreed(ConsentKind::ScaleUp, "shop/Deployment/web"),
            agreed(ConsentKind::DeletePastBudget, "shop/web-1"),
        ] {
            assert_eq!(judge(&facts, "a", &[escape], now), Verdict::Clean);
        }
    }

    #[test]
    fn a_budget_that_counts_a_recreated_pod_as_disrupted_is_waited_for() {
        let mut facts = facts(0);
        let at = facts.budgets.values_mut().next().unwrap();
        (at.healthy, at.desired, at.disrupted) = (1, 1, vec!["web-1".into()]);
        assert_eq!(judge(&facts, "a", &[], Timestamp::UNIX_EPOCH), Verdict::Clean, "nothing to fix");
        let behind = behind(&facts, &sort(&facts, "a", &[])).unwrap();
        assert!(
            behind.problem.message.ends_with("still counts web-1 as disrupted, recreated under its name"),
            "{behind:?}"
        );
    }

    #[test]
    fn a_pod_that_does_not_end_is_named_with_its_finalizer() {
        let mut facts = facts(1);
        facts.pods.update_all(|pod| {
            pod.deleting = Some(Timestamp::UNIX_EPOCH);
            pod.finalizers = vec!["example.com/hold".into()];
        });
        let soon = Timestamp::from_second(2).unwrap();
        assert_eq!(judge(&facts, "a", &[], soon), Verdict::Clean, "it has a moment");
        let later = Timestamp::from_second(100).unwrap();
        let Verdict::Impossible { problem, .. } = judge(&facts, "a", &[], later) else { panic!("it hangs") };
        assert!(problem.message.contains("example.com/hold"), "{problem}");
    }
}
