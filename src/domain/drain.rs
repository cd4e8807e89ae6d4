//! Which pods leave a node, which stay, and which need somebody's consent.

use super::{
    api::{Consent, ConsentKind},
    facts::{BudgetFact, Facts, PodFact},
};

/// What a drain does with a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stays: a static pod, one that has finished, a DaemonSet's on the host's network or one that no
    /// taint keeps away.
    Stays,
    /// It is evicted.
    Evict,
    /// A DaemonSet's pod with a pod address: deleted once the others are gone.
    DeleteLast,
    /// It is on its way out.
    Leaving,
    /// It needs these consents first.
    NeedsConsent(Vec<ConsentKind>),
}

/// What a drain does with a pod. Cutover's own task pods stay.
pub fn fate(pod: &PodFact, consents: &[Consent]) -> Fate {
    if pod.mirror || pod.task.is_some() || !pod.is_living() {
        return Fate::Stays;
    }
    if pod.is_daemon() {
        // one that tolerates every taint would be back at once: it is recycled after the switch instead
        return match (pod.host_network || pod.tolerates_all, pod.deleting.is_some()) {
            (true, _) => Fate::Stays,
            (false, true) => Fate::Leaving,
            (false, false) => Fate::DeleteLast,
        };
    }
    if pod.deleting.is_some() {
        return Fate::Leaving;
    }
    let missing: Vec<ConsentKind> = needed(pod).into_iter().filter(|k| !consented(pod, *k, consents)).collect();
    if missing.is_empty() { Fate::Evict } else { Fate::NeedsConsent(missing) }
}

/// The consents that a pod's eviction needs.
pub fn needed(pod: &PodFact) -> Vec<ConsentKind> {
    let mut kinds = Vec::new();
    if pod.owner.is_none() {
        kinds.push(ConsentKind::DeleteBarePod);
    }
    if pod.empty_dir {
        kinds.push(ConsentKind::LoseEmptyDir);
    }
    kinds
}

/// The name under which a consent for a pod is given: its workload, or itself where nobody owns it.
pub fn consent_object(pod: &PodFact) -> String {
    pod.owner.as_ref().map_or_else(|| pod.key.to_string(), |o| format!("{}/{}/{}", pod.key.namespace, o.kind, o.name))
}

fn consented(pod: &PodFact, kind: ConsentKind, consents: &[Consent]) -> bool {
    let workload = consent_object(pod);
    consents.iter().any(|c| c.kind == kind && (c.object == workload || c.object == pod.key.to_string()))
}

/// The budgets that count a pod. More than one is an error that the API server never resolves.
pub fn budgets_of<'a>(facts: &'a Facts, pod: &'a PodFact) -> impl Iterator<Item = &'a BudgetFact> {
    facts
        .budgets
        .values()
        .filter(|b| b.key.namespace == pod.key.namespace && b.selector.as_ref().is_some_and(|s| s.matches(&pod.labels)))
}

/// Why a pod's eviction would be refused now, with the numbers.
pub fn blocker(facts: &Facts, pod: &PodFact) -> Option<String> {
    let budgets: Vec<_> = budgets_of(facts, pod).collect();
    match budgets.as_slice() {
        [] => None,
        [b] if b.allowed > 0 => None,
        [b] => {
            let selector = b.selector.as_ref()?;
            let sick: Vec<String> = facts
                .pods
                .values()
                .filter(|p| {
                    p.key.namespace == b.key.namespace && !p.ready && p.is_living() && selector.matches(&p.labels)
                })
                .map(|p| p.key.name.to_string())
                .collect();
            let sick = if sick.is_empty() { String::new() } else { format!("; not ready: {}", sick.join(", ")) };
            Some(format!("budget {} needs {} healthy pods and has {}{sick}", b.key, b.desired, b.healthy))
        }
        many => Some(format!(
            "{} budgets match it ({}): the API server refuses every eviction until only one does",
            many.len(),
            many.iter().map(|b| b.key.to_string()).collect::<Vec<_>>().join(", ")
        )),
    }
}

/// Pods of a node sorted by what a drain does with them.
#[derive(Clone, Debug, Default)]
pub struct Drain<'a> {
    /// To be evicted.
    pub evict: Vec<&'a PodFact>,
    /// To be deleted after those.
    pub delete_last: Vec<&'a PodFact>,
    /// On their way out.
    pub leaving: Vec<&'a PodFact>,
    /// Waiting for a consent.
    pub consent: Vec<(&'a PodFact, Vec<ConsentKind>)>,
}

impl Drain<'_> {
    /// No pod with a pod address is left.
    pub const fn is_done(&self) -> bool {
        self.evict.is_empty() && self.delete_last.is_empty() && self.leaving.is_empty() && self.consent.is_empty()
    }

    /// How many are left.
    pub const fn left(&self) -> usize {
        self.evict.len() + self.delete_last.len() + self.leaving.len() + self.consent.len()
    }
}

/// Sorts the pods of a node.
pub fn sort<'a>(facts: &'a Facts, node: &'a str, consents: &[Consent]) -> Drain<'a> {
    let mut drain = Drain::default();
    for pod in facts.pods_on(node) {
        match fate(pod, consents) {
            Fate::Stays => {}
            Fate::Evict => drain.evict.push(pod),
            Fate::DeleteLast => drain.delete_last.push(pod),
            Fate::Leaving => drain.leaving.push(pod),
            Fate::NeedsConsent(kinds) => drain.consent.push((pod, kinds)),
        }
    }
    drain
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use jiff::Timestamp;

    use super::*;
    use crate::domain::facts::{Key, Owner, Selector};

    fn pod(name: &str, owner: Option<&str>) -> PodFact {
        PodFact {
            key: Key::new("shop", name),
            phase: "Running".into(),
            owner: owner.map(|k| Owner { kind: k.into(), name: "web".into() }),
            labels: Arc::new(BTreeMap::from([("app".to_owned(), "web".to_owned())])),
            ..PodFact::default()
        }
    }

    fn consent(kind: ConsentKind, object: &str) -> Consent {
        Consent { kind, object: object.into(), by: "me".into(), at: Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn every_kind_of_pod_has_its_fate() {
        let owned = pod("a", Some("Deployment"));
        let daemon = pod("d", Some("DaemonSet"));
        let now = Some(Timestamp::UNIX_EPOCH);
        let cases = [
            (owned.clone(), Fate::Evict),
            (PodFact { deleting: now, ..owned.clone() }, Fate::Leaving),
            (PodFact { mirror: true, ..owned.clone() }, Fate::Stays),
            (PodFact { phase: "Succeeded".into(), ..owned.clone() }, Fate::Stays),
            (PodFact { host_network: true, ..daemon.clone() }, Fate::Stays),
            (PodFact { tolerates_all: true, ..daemon.clone() }, Fate::Stays),
            (daemon, Fate::DeleteLast),
            (pod("bare", None), Fate::NeedsConsent(vec![ConsentKind::DeleteBarePod])),
            (PodFact { empty_dir: true, ..owned }, Fate::NeedsConsent(vec![ConsentKind::LoseEmptyDir])),
        ];
        for (pod, wanted) in cases {
            assert_eq!(fate(&pod, &[]), wanted, "{}", pod.key);
        }
    }

    #[test]
    fn a_consent_is_for_one_kind_and_one_object() {
        let bare = PodFact { empty_dir: true, ..pod("bare", None) };
        let one = consent(ConsentKind::DeleteBarePod, "shop/bare");
        assert_eq!(fate(&bare, std::slice::from_ref(&one)), Fate::NeedsConsent(vec![ConsentKind::LoseEmptyDir]));
        assert_eq!(fate(&bare, &[one, consent(ConsentKind::LoseEmptyDir, "shop/bare")]), Fate::Evict);
        assert_ne!(fate(&bare, &[consent(ConsentKind::DeleteBarePod, "other/bare")]), Fate::Evict);
    }

    fn budget(name: &str, selector: Option<Selector>, allowed: i32) -> (Key, BudgetFact) {
        let key = Key::new("shop", name);
        (key.clone(), BudgetFact { key, selector, allowed, healthy: 1, desired: 1, expected: 1 })
    }

    #[test]
    fn a_blocking_budget_is_named_with_its_numbers_and_the_sick_pod() {
        let mut facts = Facts::default();
        let web = pod("a", Some("Deployment"));
        facts.pods.insert(web.key.clone(), web.clone());
        facts.budgets.extend([budget("all", Some(Selector::default()), 0)]);
        let why = blocker(&facts, &web).unwrap();
        assert_eq!(why, "budget shop/all needs 1 healthy pods and has 1; not ready: a");
        facts.budgets.extend([budget("none", None, 0)]);
        assert!(blocker(&facts, &web).unwrap().starts_with("budget shop/all"), "no selector selects nothing");
        facts.budgets.extend([budget("two", Some(Selector::default()), 5)]);
        assert!(blocker(&facts, &web).unwrap().starts_with("2 budgets match it"));
    }
}
