//! Draining: which pods leave a node, which stay, which need a consent, and what blocks them.

pub mod budget;
pub mod progress;
pub mod verdict;

use std::collections::BTreeMap;

use super::{
    consent::{Consent, ConsentKind, given},
    facts::{Facts, Key, PodFact},
    placement::Places,
};

/// What a drain does with a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stays: a static pod, one that has ended, one that tolerates every taint, a DaemonSet's pod on the host's
    /// network.
    Stays,
    /// It is evicted.
    Evict,
    /// Its workload gets one replica more first.
    ScaleFirst,
    /// A DaemonSet's pod with a pod address: deleted once the others are gone.
    DeleteLast,
    /// It is terminating.
    Leaving,
    /// It needs these consents first.
    NeedsConsent(Vec<ConsentKind>),
}

/// Was this consented to for the pod's workload, or for the pod itself?
fn given_for(consents: &[Consent], kind: ConsentKind, pod: &PodFact) -> bool {
    // most have none of the kind: no names are made for nothing
    consents.iter().any(|c| c.kind == kind)
        && (given(consents, kind, &pod.object())
            || given(consents, kind, &pod.key.to_string())
            // a Job's name is a new one each time
            || (kind == ConsentKind::InterruptJob && given(consents, kind, &format!("{}/Job/*", pod.key.namespace))))
}

/// What a drain does with a pod, whatever was consented to; `None` for one that leaves by eviction.
fn without_asking(facts: &Facts, pod: &PodFact) -> Option<Fate> {
    // the scheduler may put one that tolerates every taint back on the node, and the host's network is not changed
    if pod.mirror || facts.is_task(pod) || !pod.is_living() || (pod.host_network && pod.tolerates_all) {
        return Some(Fate::Stays);
    }
    if pod.is_daemon() {
        // one that tolerates every taint would be back at once: it is restarted after the switch instead
        return Some(match (pod.host_network || pod.tolerates_all, pod.deleting.is_some()) {
            (true, _) => Fate::Stays,
            (false, true) => Fate::Leaving,
            (false, false) => Fate::DeleteLast,
        });
    }
    pod.deleting.is_some().then_some(Fate::Leaving)
}

/// The consents that the eviction of a pod needs from the start. `unschedulable`: no other node can take it.
fn needed(facts: &Facts, pod: &PodFact, unschedulable: bool) -> Vec<ConsentKind> {
    // what the migration itself has installed is no tenant's workload: relay and operator may restart
    let ciliums = || facts.cilium_agents().is_some_and(|d| d.key.namespace == pod.key.namespace);
    if pod.labels.get("app.kubernetes.io/part-of").is_some_and(|v| v == "cilium") && ciliums() {
        return Vec::new();
    }
    let is_job = pod.owner.as_ref().is_some_and(|o| &*o.kind == "Job");
    let single = match facts.workload_of(pod) {
        Some(workload) => workload.scaled_from.unwrap_or(workload.wanted) == 1,
        // of an operator's own kind, say: how many it wants is not known
        None => pod.owner.is_some() && !is_job && facts.ready_beside(pod) == 0,
    };
    [
        (pod.owner.is_none(), ConsentKind::DeleteBarePod),
        (pod.empty_dir, ConsentKind::LoseEmptyDir),
        (!pod.needs.host_ports.is_empty() && !pod.host_network && !unschedulable, ConsentKind::MoveHostPort),
        // a bare pod needs no place: it has no successor
        (unschedulable && pod.owner.is_some(), ConsentKind::WaitForNode),
        (single, ConsentKind::InterruptSingleReplica),
        (is_job, ConsentKind::InterruptJob),
    ]
    .into_iter()
    .filter_map(|(is, kind)| is.then_some(kind))
    .collect()
}

/// What a drain does with a pod that leaves by eviction.
fn asking(facts: &Facts, pod: &PodFact, unschedulable: bool, consents: &[Consent]) -> Fate {
    let mut missing = needed(facts, pod, unschedulable);
    missing.retain(|k| !given_for(consents, *k, pod));
    let scale_up = |c: &Consent| c.kind == ConsentKind::ScaleUp;
    if !consents.iter().any(scale_up) || !given(consents, ConsentKind::ScaleUp, &pod.object()) {
        return if missing.is_empty() { Fate::Evict } else { Fate::NeedsConsent(missing) };
    }
    // one replica more takes the place of an interruption
    let single = missing.contains(&ConsentKind::InterruptSingleReplica);
    missing.retain(|k| *k != ConsentKind::InterruptSingleReplica);
    if !missing.is_empty() {
        return Fate::NeedsConsent(missing);
    }
    match facts.workload_of(pod).map(|w| w.scaled_from.is_some_and(|from| w.ready > from)) {
        Some(false) if single || budget::blocker(facts, pod).is_some() => Fate::ScaleFirst,
        _ => Fate::Evict,
    }
}

/// Pods of a node sorted by what a drain does with them.
#[derive(Clone, Debug, Default)]
pub struct Drain<'a> {
    /// To be evicted.
    pub evict: Vec<&'a PodFact>,
    /// To be evicted once their workload has one replica more.
    pub scale_first: Vec<&'a PodFact>,
    /// To be deleted after those.
    pub delete_last: Vec<&'a PodFact>,
    /// Terminating.
    pub leaving: Vec<&'a PodFact>,
    /// Waiting for a consent.
    pub consent: Vec<(&'a PodFact, Vec<ConsentKind>)>,
    /// Those that stay.
    pub stays: Vec<&'a PodFact>,
    /// Why no other node can take a pod.
    pub unschedulable: BTreeMap<Key, String>,
}

impl Drain<'_> {
    /// Those that are left.
    pub fn pods(&self) -> impl Iterator<Item = &PodFact> {
        let asking = self.consent.iter().map(|(p, _)| p);
        let rest = self.evict.iter().chain(&self.scale_first).chain(&self.delete_last).chain(&self.leaving);
        rest.chain(asking).copied()
    }

    /// No pod with a pod address is left.
    pub const fn is_done(&self) -> bool {
        self.left() == 0
    }

    /// How many are left.
    pub const fn left(&self) -> usize {
        self.evict.len() + self.scale_first.len() + self.delete_last.len() + self.leaving.len() + self.consent.len()
    }
}

/// Sorts the pods of many nodes: what is the same for all of them is worked out once, when it is first needed.
pub struct Sorter<'a> {
    facts: &'a Facts,
    consents: &'a [Consent],
    places: Places<'a>,
}

impl<'a> Sorter<'a> {
    /// Costs nothing yet.
    pub fn new(facts: &'a Facts, consents: &'a [Consent]) -> Self {
        Self { facts, consents, places: Places::of(facts) }
    }

    /// Sorts the pods of a node.
    pub fn sort(&self, node: &str) -> Drain<'a> {
        let mut drain = Drain::default();
        let mut evictable = Vec::new();
        for pod in self.facts.pods_on(node) {
            match without_asking(self.facts, pod) {
                None => evictable.push(pod),
                Some(Fate::DeleteLast) => drain.delete_last.push(pod),
                Some(Fate::Leaving) => drain.leaving.push(pod),
                Some(_) => drain.stays.push(pod),
            }
        }
        let owned: Vec<&PodFact> = evictable.iter().copied().filter(|p| p.owner.is_some()).collect();
        drain.unschedulable = self.places.unschedulable(node, &owned);
        for pod in evictable {
            match asking(self.facts, pod, drain.unschedulable.contains_key(&pod.key), self.consents) {
                Fate::ScaleFirst => drain.scale_first.push(pod),
                Fate::NeedsConsent(kinds) => drain.consent.push((pod, kinds)),
                // its successor may land here again at once: it leaves when new pods are held back
                _ if pod.tolerates_all && pod.owner.is_some() => drain.stays.push(pod),
                _ => drain.evict.push(pod),
            }
        }
        drain
    }
}

/// Sorts the pods of one node.
pub fn sort<'a>(facts: &'a Facts, node: &str, consents: &'a [Consent]) -> Drain<'a> {
    Sorter::new(facts, consents).sort(node)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use jiff::Timestamp;

    use super::*;
    use crate::domain::facts::{Needs, Owner, WorkloadFact};

    fn pod(name: &str, owner: Option<&str>) -> PodFact {
        PodFact {
            key: Key::new("shop", name),
            node: "a".into(),
            phase: "Running".into(),
            owner: owner.map(|k| Owner { kind: k.into(), name: "web".into() }),
            labels: Arc::new(BTreeMap::from([("app".to_owned(), "web".to_owned())])),
            ..PodFact::default()
        }
    }

    fn consent(kind: ConsentKind, object: &str) -> Consent {
        Consent { kind, object: object.into(), by: "me".into(), at: Timestamp::UNIX_EPOCH }
    }

    fn facts(pod: &PodFact, replicas: i32) -> Facts {
        let mut facts = Facts::default();
        for name in ["a", "b"] {
            let node = crate::domain::facts::NodeFact { name: name.into(), ready: true, ..Default::default() };
            facts.nodes.insert(name.into(), node);
        }
        facts.pods.insert(pod.key.clone(), pod.clone());
        let key = Key::new("shop", "web");
        let workload =
            WorkloadFact { key, kind: "Deployment".into(), wanted: replicas, ready: replicas, scaled_from: None };
        facts.workloads.insert(workload.object().as_str().into(), workload);
        facts
    }

    fn fate(facts: &Facts, consents: &[Consent]) -> Fate {
        let drain = sort(facts, "a", consents);
        let all = [
            (drain.evict.len(), Fate::Evict),
            (drain.scale_first.len(), Fate::ScaleFirst),
            (drain.delete_last.len(), Fate::DeleteLast),
            (drain.leaving.len(), Fate::Leaving),
            (drain.stays.len(), Fate::Stays),
        ];
        if let Some((_, kinds)) = drain.consent.into_iter().next() {
            return Fate::NeedsConsent(kinds);
        }
        all.into_iter().find(|(n, _)| *n == 1).map(|(_, f)| f).unwrap()
    }

    #[test]
    fn every_kind_of_pod_has_its_fate() {
        use ConsentKind::{DeleteBarePod, InterruptSingleReplica, LoseEmptyDir, MoveHostPort, WaitForNode};
        let owned = pod("a", Some("Deployment"));
        let daemon = pod("d", Some("DaemonSet"));
        let now = Some(Timestamp::UNIX_EPOCH);
        let needs = |needs: Needs| PodFact { needs: Arc::new(needs), ..pod("a", Some("Deployment")) };
        let port = Needs { host_ports: vec![(80, "TCP".into())], ..Needs::default() };
        let nowhere = Needs { selector: BTreeMap::from([("x".into(), "y".into())]), ..Needs::default() };
        let asks = |kinds: &[ConsentKind]| Fate::NeedsConsent(kinds.to_vec());
        let cases = [
            (owned.clone(), 3, Fate::Evict),
            (owned.clone(), 1, asks(&[InterruptSingleReplica])),
            (PodFact { deleting: now, ..owned.clone() }, 1, Fate::Leaving),
            (PodFact { mirror: true, ..owned.clone() }, 1, Fate::Stays),
            (PodFact { phase: "Succeeded".into(), ..owned.clone() }, 1, Fate::Stays),
            (PodFact { host_network: true, ..daemon.clone() }, 3, Fate::Stays),
            (PodFact { tolerates_all: true, ..daemon.clone() }, 3, Fate::Stays),
            (PodFact { host_network: true, tolerates_all: true, ..owned.clone() }, 1, Fate::Stays),
            (PodFact { host_network: true, ..owned.clone() }, 3, Fate::Evict),
            (PodFact { tolerates_all: true, ..owned.clone() }, 3, Fate::Stays),
            (PodFact { tolerates_all: true, ..owned.clone() }, 1, asks(&[InterruptSingleReplica])),
            (daemon, 3, Fate::DeleteLast),
            (pod("bare", None), 3, asks(&[DeleteBarePod])),
            (PodFact { empty_dir: true, ..owned }, 3, asks(&[LoseEmptyDir])),
            (needs(port), 3, asks(&[MoveHostPort])),
            (needs(nowhere), 3, asks(&[WaitForNode])),
        ];
        for (pod, replicas, wanted) in cases {
            assert_eq!(fate(&facts(&pod, replicas), &[]), wanted, "{}", pod.key);
        }
    }

    #[test]
    fn a_consent_is_for_one_kind_and_one_object() {
        let bare = PodFact { empty_dir: true, ..pod("bare", None) };
        let facts = facts(&bare, 3);
        let one = consent(ConsentKind::DeleteBarePod, "shop/bare");
        assert_eq!(fate(&facts, std::slice::from_ref(&one)), Fate::NeedsConsent(vec![ConsentKind::LoseEmptyDir]));
        assert_eq!(fate(&facts, &[one, consent(ConsentKind::LoseEmptyDir, "shop/bare")]), Fate::Evict);
        for object in ["other/bare", "shop/another", "shop/Deployment/bare"] {
            let others = ConsentKind::ALL.map(|kind| consent(kind, object));
            let both = vec![ConsentKind::DeleteBarePod, ConsentKind::LoseEmptyDir];
            assert_eq!(fate(&facts, &others), Fate::NeedsConsent(both), "{object} is another object");
        }
    }

    /// Scaling up takes the place of an interruption, and the eviction waits for the new replica.
    #[test]
    fn scaling_up_comes_before_the_eviction() {
        let it = pod("a", Some("Deployment"));
        let mut facts = facts(&it, 1);
        let agreed = [consent(ConsentKind::ScaleUp, "shop/Deployment/web")];
        assert_eq!(fate(&facts, &agreed), Fate::ScaleFirst);
        let workload = facts.workloads.values_mut().next().unwrap();
        (workload.wanted, workload.scaled_from) = (2, Some(1));
        assert_eq!(fate(&facts, &agreed), Fate::ScaleFirst, "the second replica is not ready yet");
        facts.workloads.values_mut().next().unwrap().ready = 2;
        assert_eq!(fate(&facts, &agreed), Fate::Evict);
    }
}
