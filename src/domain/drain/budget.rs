//! Disruption budgets, as the eviction subresource judges them (kubernetes, pkg/registry/core/pod/storage/
//! eviction.go): which one would refuse a pod's eviction now, with its numbers, and what would fix it.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::domain::{
    facts::{BudgetFact, Facts, PodFact, PodPhase, in_namespace},
    problem::{Problem, ProblemKind},
    text::count,
};

/// Why the API server would refuse an eviction now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocker {
    /// Whether, and when, it resolves.
    pub block: Block,
    /// What is wrong, on the object to fix.
    pub problem: Problem,
}

/// Kinds of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// More than one budget matches the pod: an error that never resolves by itself.
    TwoBudgets,
    /// The budget allows no disruption even with every pod healthy.
    NoSlack,
    /// Pods that it counts are not healthy; it allows disruptions again when they are.
    Unhealthy,
    /// The budget's status is behind what is there; that resolves by itself.
    Behind,
}

impl Blocker {
    fn new(block: Block, object: String, message: String, remedy: impl Into<String>) -> Self {
        let kind = if block == Block::TwoBudgets { ProblemKind::TwoBudgets } else { ProblemKind::Budget };
        Self { block, problem: Problem::new(object, message, remedy).of_kind(kind) }
    }
}

/// The budgets that count a pod. An empty selector counts every pod of the namespace, a missing one none.
pub fn of<'a>(facts: &'a Facts, pod: &'a PodFact) -> impl Iterator<Item = &'a BudgetFact> {
    in_namespace(&facts.budgets, &pod.key.namespace).filter(|b| b.counts(&pod.labels))
}

/// Why a pod's eviction would be refused now.
pub fn blocker(facts: &Facts, pod: &PodFact) -> Option<Blocker> {
    // a pod that does not run is deleted whatever budgets say
    if pod.deleting.is_some() || pod.phase == PodPhase::Pending || !pod.is_living() {
        return None;
    }
    let mut budgets = of(facts, pod);
    let budget = budgets.next()?;
    let others: Vec<_> = budgets.collect();
    let object = format!("poddisruptionbudget/{}", budget.key);
    if !others.is_empty() {
        let names: Vec<String> = std::iter::once(budget).chain(others).map(|b| b.key.to_string()).collect();
        let message =
            format!("{} PDBs match it ({}): the API server refuses every eviction", names.len(), names.join(", "));
        return Some(Blocker::new(Block::TwoBudgets, object, message, "Leave one PDB for it."));
    }
    if !pod.ready && budget.always_allow {
        return None;
    }
    if budget.unobserved {
        let message = format!("the disruption controller has not observed the newest spec of PDB {}", budget.key);
        return Some(Blocker::new(Block::Behind, object, message, "It takes a moment."));
    }
    let enough = budget.healthy >= budget.desired && budget.desired > 0;
    if budget.allowed > 0 || (!pod.ready && enough) {
        return None;
    }
    Some(exhausted(facts, budget, object))
}

/// Why a budget allows no disruption.
fn exhausted(facts: &Facts, budget: &BudgetFact, object: String) -> Blocker {
    let BudgetFact { key, healthy, desired, expected, .. } = budget;
    let rule = match (&budget.min_available, &budget.max_unavailable) {
        (Some(IntOrString::Int(n)), _) => format!("minAvailable {n}"),
        (Some(IntOrString::String(share)), _) => format!("minAvailable {share}: {desired}"),
        (None, Some(IntOrString::Int(n))) => format!("maxUnavailable {n}: {desired} desired"),
        (None, Some(IntOrString::String(share))) => format!("maxUnavailable {share}: {desired} desired"),
        (None, None) => format!("{desired} desired"),
    };
    let message = |more: &str| format!("PDB {key} allows 0 disruptions ({rule}, healthy {healthy}{more})");
    let unhealthy: Vec<&PodFact> = counted(facts, budget).filter(|p| !p.ready).collect();
    if let Some(first) = unhealthy.first() {
        let named: Vec<String> = unhealthy.iter().take(5).map(|p| format!("{} {}", p.key.name, standing(p))).collect();
        let more = unhealthy.len().saturating_sub(5);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let message = format!("{}; not ready: {}{more}", message(""), named.join(", "));
        let remedy = format!(
            "Fix {} that {} not ready; the PDB allows disruptions again then.",
            count(unhealthy.len(), "pod"),
            if unhealthy.len() == 1 { "is" } else { "are" }
        );
        return Blocker::new(Block::Unhealthy, format!("pod/{}", first.key), message, remedy);
    }
    let back = recreated(facts, budget);
    if !back.is_empty() {
        let message =
            format!("{}: still counts {} as disrupted, recreated under its name", message(""), back.join(", "));
        return Blocker::new(Block::Behind, object, message, "It is counted again within two minutes.");
    }
    if healthy < expected {
        let missing = expected - healthy;
        let message = format!("{}: {missing} missing", message(&format!(" of {expected}")));
        return Blocker::new(Block::Unhealthy, object, message, "Wait until its workload has all its pods.");
    }
    let remedy = if budget.absolute {
        "Add a replica or lower the PDB; or consent to ScaleUp, LowerBudget or DeletePastBudget."
    } else {
        "Lower the PDB; or consent to LowerBudget or DeletePastBudget."
    };
    let message = format!("{}, even with all pods healthy", message(&format!(" of {expected}")));
    Blocker::new(Block::NoSlack, object, message, remedy)
}

/// Where an unhealthy pod runs, and what it reports.
fn standing(pod: &PodFact) -> String {
    match &*pod.node {
        "" => format!("(unschedulable: {})", pod.state().trim_end_matches('.')),
        node => format!("(on {node}: {})", pod.state()),
    }
}

/// The pods that a budget counts and that are not leaving.
fn counted<'a>(facts: &'a Facts, budget: &'a BudgetFact) -> impl Iterator<Item = &'a PodFact> {
    let near = facts.pods.in_namespace(&budget.key.namespace);
    near.filter(|p| p.is_living() && p.deleting.is_none() && budget.counts(&p.labels))
}

/// Those that are healthy and count as disrupted all the same.
fn recreated<'a>(facts: &'a Facts, budget: &'a BudgetFact) -> Vec<&'a str> {
    let gone = |p: &&PodFact| p.ready && budget.disrupted.iter().any(|d| **d == *p.key.name);
    counted(facts, budget).filter(gone).map(|p| &*p.key.name).collect()
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use super::*;
    use crate::domain::facts::{Key, Selector};

    fn pod(name: &str, ready: bool) -> PodFact {
        PodFact {
            key: Key::new("shop", name),
            node: "n1".into(),
            phase: "Running".into(),
            ready,
            labels: Arc::new(BTreeMap::from([("app".to_owned(), "web".to_owned())])),
            ..PodFact::default()
        }
    }

    fn budget(allowed: i32, healthy: i32, desired: i32, expected: i32) -> BudgetFact {
        let selector = Some(Selector::default());
        BudgetFact {
            key: Key::new("shop", "b"),
            selector,
            allowed,
            healthy,
            desired,
            expected,
            ..BudgetFact::default()
        }
    }

    fn facts(pods: &[PodFact], budgets: &[BudgetFact]) -> Facts {
        Facts {
            pods: pods.iter().map(|p| (p.key.clone(), p.clone())).collect(),
            budgets: budgets.iter().map(|b| (b.key.clone(), b.clone())).collect(),
            ..Facts::default()
        }
    }

    #[test]
    fn budgets_are_judged_as_the_server_judges_them() {
        let well = pod("a", true);
        let sick = pod("a", false);
        let pending = PodFact { phase: "Pending".into(), ..sick.clone() };
        let none = BudgetFact { selector: None, ..budget(0, 1, 1, 1) };
        let lenient = BudgetFact { always_allow: true, ..budget(0, 0, 1, 1) };
        let fresh = BudgetFact { unobserved: true, ..budget(1, 2, 1, 2) };
        let back = BudgetFact { disrupted: vec!["a".into()], ..budget(0, 1, 1, 2) };
        let other = BudgetFact { disrupted: vec!["b".into()], ..budget(0, 1, 1, 2) };
        let cases: Vec<(&str, PodFact, BudgetFact, Option<Block>)> = vec![
            ("it allows one", well.clone(), budget(1, 2, 1, 2), None),
            ("no slack", well.clone(), budget(0, 2, 2, 2), Some(Block::NoSlack)),
            ("one is missing", well.clone(), budget(0, 2, 2, 3), Some(Block::Unhealthy)),
            ("no selector selects nothing", well.clone(), none, None),
            (
                "an empty one selects all, and the pod itself is unhealthy",
                sick.clone(),
                budget(0, 0, 1, 1),
                Some(Block::Unhealthy),
            ),
            ("an unhealthy pod goes while enough are healthy", sick.clone(), budget(0, 2, 2, 3), None),
            ("an unhealthy pod may always go", sick, lenient, None),
            ("a pod that does not run", pending, budget(0, 0, 1, 1), None),
            ("a recreated pod counts as disrupted", well.clone(), back, Some(Block::Behind)),
            ("another pod does", well.clone(), other, Some(Block::Unhealthy)),
            ("not observed yet", well, fresh, Some(Block::Behind)),
        ];
        for (name, pod, budget, wanted) in cases {
            let facts = facts(std::slice::from_ref(&pod), &[budget]);
            assert_eq!(blocker(&facts, &pod).map(|b| b.block), wanted, "{name}");
        }
    }

    #[test]
    fn the_numbers_and_the_unhealthy_pods_are_named() {
        let it = pod("a", true);
        let ill = PodFact { reason: "CrashLoopBackOff".into(), node: "n2".into(), ..pod("b", false) };
        let b = blocker(&facts(&[it.clone(), ill], &[budget(0, 1, 1, 2)]), &it).unwrap();
        let said = "PDB shop/b allows 0 disruptions (1 desired, healthy 1); not ready: b (on n2: CrashLoopBackOff)";
        assert_eq!((b.problem.message.as_str(), b.problem.object.as_str()), (said, "pod/shop/b"));
        let nowhere = PodFact { reason: "0/4 nodes are available.".into(), node: "".into(), ..pod("b", false) };
        let b = blocker(&facts(&[it.clone(), nowhere], &[budget(0, 1, 1, 2)]), &it).unwrap();
        assert!(b.problem.message.ends_with("b (unschedulable: 0/4 nodes are available)"), "{b:?}");
        let full = BudgetFact { min_available: Some(IntOrString::Int(1)), absolute: true, ..budget(0, 1, 1, 1) };
        let b = blocker(&facts(std::slice::from_ref(&it), &[full]), &it).unwrap();
        let said = "PDB shop/b allows 0 disruptions (minAvailable 1, healthy 1 of 1), even with all pods healthy";
        assert_eq!(b.problem.message, said);
    }

    #[test]
    fn two_budgets_never_resolve() {
        let it = pod("a", true);
        let two = BudgetFact { key: Key::new("shop", "c"), ..budget(5, 9, 1, 9) };
        let b = blocker(&facts(std::slice::from_ref(&it), &[budget(5, 9, 1, 9), two]), &it).unwrap();
        assert_eq!((b.block, b.problem.kind), (Block::TwoBudgets, ProblemKind::TwoBudgets));
        assert!(b.problem.message.contains("2 PDBs match it (shop/b, shop/c)"), "{b:?}");
    }
}
