//! Disruption budgets, as the eviction subresource judges them (kubernetes, pkg/registry/core/pod/storage/
//! eviction.go): which one would refuse a pod's eviction now, with its numbers, and what would mend it.

use crate::domain::{
    facts::{BudgetFact, Facts, PodFact, in_namespace},
    text::count,
};

/// Why the API server would refuse an eviction now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocker {
    /// What kind of a block it is.
    pub kind: Block,
    /// The object to mend, as `kind/namespace/name`.
    pub object: String,
    /// What is the matter, with the numbers.
    pub why: String,
    /// What would mend it.
    pub fix: String,
}

/// Kinds of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// More than one budget matches the pod: an error that never resolves by itself.
    TwoBudgets,
    /// The budget allows no disruption even with every pod healthy.
    NoSlack,
    /// Pods that it counts are not healthy; it is free again when they are.
    Sick,
    /// What the budget says is behind what is there; that passes by itself.
    Behind,
}

/// The budgets that count a pod. An empty selector counts every pod of the namespace, none at all nothing.
pub fn of<'a>(facts: &'a Facts, pod: &'a PodFact) -> impl Iterator<Item = &'a BudgetFact> {
    let near = in_namespace(&facts.budgets, &pod.key.namespace);
    near.filter(|b| b.selector.as_ref().is_some_and(|s| s.matches(&pod.labels)))
}

/// Why a pod's eviction would be refused now.
pub fn blocker(facts: &Facts, pod: &PodFact) -> Option<Blocker> {
    // a pod that does not run is deleted whatever budgets say
    if pod.deleting.is_some() || &*pod.phase == "Pending" || !pod.is_living() {
        return None;
    }
    let budgets: Vec<_> = of(facts, pod).collect();
    let [budget] = budgets.as_slice() else {
        let names: Vec<String> = budgets.iter().map(|b| b.key.to_string()).collect();
        return (!budgets.is_empty()).then(|| Blocker {
            kind: Block::TwoBudgets,
            object: format!("poddisruptionbudget/{}", names.first().cloned().unwrap_or_default()),
            why: format!(
                "{} budgets match it ({}): the API server refuses every eviction until only one does",
                names.len(),
                names.join(", ")
            ),
            fix: "Leave one budget for it.".into(),
        });
    };
    let object = format!("poddisruptionbudget/{}", budget.key);
    if !pod.ready && budget.always_allow {
        return None;
    }
    if budget.unobserved {
        let why = format!("budget {} has not been looked at by its controller yet", budget.key);
        return Some(Blocker { kind: Block::Behind, object, why, fix: "It is a moment's matter.".into() });
    }
    let enough = budget.healthy >= budget.desired && budget.desired > 0;
    if budget.allowed > 0 || (!pod.ready && enough) {
        return None;
    }
    Some(numbers(facts, budget, object))
}

fn numbers(facts: &Facts, budget: &BudgetFact, object: String) -> Blocker {
    let why = format!("budget {} needs {} healthy pods and has {}", budget.key, budget.desired, budget.healthy);
    let sick = unhealthy(facts, budget);
    if let Some(first) = sick.first() {
        let names: Vec<String> = sick.iter().take(5).map(|p| format!("{}{}", p.key.name, standing(p))).collect();
        let more = sick.len().saturating_sub(5);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        return Blocker {
            kind: Block::Sick,
            object: format!("pod/{}", first.key),
            why: format!("{why}; not ready: {}{more}", names.join(", ")),
            fix: format!("Mend {} that is not ready; the budget is free again then.", count(sick.len(), "pod")),
        };
    }
    let back = returned(facts, budget);
    if !back.is_empty() {
        let why = format!("{why}: {} came back under its name before its eviction was noted", back.join(", "));
        return Blocker { kind: Block::Behind, object, why, fix: "It is counted again within two minutes.".into() };
    }
    if budget.healthy < budget.expected {
        let missing = budget.expected - budget.healthy;
        let why = format!("{why} of {}: {missing} not there", budget.expected);
        return Blocker { kind: Block::Sick, object, why, fix: "Wait until its workload has all its pods.".into() };
    }
    Blocker {
        kind: Block::NoSlack,
        why: format!("{why} of {}: it allows no disruption even with all of them healthy", budget.expected),
        fix: if budget.absolute {
            "Add a replica or lower the budget; or agree to ScaleUp, LowerBudget or DeletePastBudget.".into()
        } else {
            "Lower the budget; or agree to LowerBudget or DeletePastBudget.".into()
        },
        object,
    }
}

/// Where an unhealthy pod runs and what it says.
fn standing(pod: &PodFact) -> String {
    let node = if pod.node.is_empty() { "nowhere" } else { &*pod.node };
    let reason = if pod.reason.is_empty() { &*pod.phase } else { pod.reason.as_str() };
    format!(" (on {node}: {})", crate::domain::text::safe(reason))
}

/// The pods that a budget counts and that are not leaving.
fn counted<'a>(facts: &'a Facts, budget: &'a BudgetFact) -> impl Iterator<Item = &'a PodFact> {
    in_namespace(&facts.pods, &budget.key.namespace).filter(|p| {
        p.is_living() && p.deleting.is_none() && budget.selector.as_ref().is_some_and(|s| s.matches(&p.labels))
    })
}

/// Those that are not healthy.
fn unhealthy<'a>(facts: &'a Facts, budget: &'a BudgetFact) -> Vec<&'a PodFact> {
    counted(facts, budget).filter(|p| !p.ready).collect()
}

/// Those that are healthy and count as gone all the same.
fn returned<'a>(facts: &'a Facts, budget: &'a BudgetFact) -> Vec<&'a str> {
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
            ("none to spare", well.clone(), budget(0, 2, 2, 2), Some(Block::NoSlack)),
            ("one is missing", well.clone(), budget(0, 2, 2, 3), Some(Block::Sick)),
            ("no selector selects nothing", well.clone(), none, None),
            ("an empty one selects all, and it is sick itself", sick.clone(), budget(0, 0, 1, 1), Some(Block::Sick)),
            ("a sick pod goes while enough are healthy", sick.clone(), budget(0, 2, 2, 3), None),
            ("a sick pod may always go", sick, lenient, None),
            ("a pod that does not run", pending, budget(0, 0, 1, 1), None),
            ("one counts as gone that is there", well.clone(), back, Some(Block::Behind)),
            ("another one does", well.clone(), other, Some(Block::Sick)),
            ("not looked at yet", well, fresh, Some(Block::Behind)),
        ];
        for (name, pod, budget, wanted) in cases {
            let facts = facts(std::slice::from_ref(&pod), &[budget]);
            assert_eq!(blocker(&facts, &pod).map(|b| b.kind), wanted, "{name}");
        }
    }

    #[test]
    fn the_numbers_and_the_unhealthy_pods_are_named() {
        let it = pod("a", true);
        let ill = PodFact { reason: "CrashLoopBackOff".into(), node: "n2".into(), ..pod("b", false) };
        let b = blocker(&facts(&[it.clone(), ill], &[budget(0, 1, 1, 2)]), &it).unwrap();
        assert_eq!(b.why, "budget shop/b needs 1 healthy pods and has 1; not ready: b (on n2: CrashLoopBackOff)");
        assert_eq!(b.object, "pod/shop/b");
    }

    #[test]
    fn two_budgets_never_resolve() {
        let it = pod("a", true);
        let two = BudgetFact { key: Key::new("shop", "c"), ..budget(5, 9, 1, 9) };
        let b = blocker(&facts(std::slice::from_ref(&it), &[budget(5, 9, 1, 9), two]), &it).unwrap();
        assert_eq!(b.kind, Block::TwoBudgets);
        assert!(b.why.contains("shop/b, shop/c"), "{}", b.why);
    }
}
