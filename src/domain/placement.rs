//! Where a pod that leaves its node can land: selectors, affinity, taints, host ports, local volumes, and
//! requests rejects what is free. The required rules of kube-scheduler's filters, from the Kubernetes
//! documentation; preferences and topology spread constraints are not looked at.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::facts::{Facts, Key, NodeFact, PodFact, Selector};

/// What a pod asks of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// What it requests.
    pub room: Room,
    /// `spec.nodeSelector`.
    pub selector: BTreeMap<String, String>,
    /// Required node affinity: any of these terms, each with all of its requirements. Empty: anywhere.
    pub terms: Vec<Term>,
    /// Taints that it tolerates.
    pub tolerations: Vec<Toleration>,
    /// Host ports with their protocol.
    pub host_ports: Vec<(u16, String)>,
    /// Required pod anti-affinity.
    pub anti_affinity: Vec<AffinityTerm>,
    /// Required pod affinity.
    pub affinity: Vec<AffinityTerm>,
}

/// Requests, or what is free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Thousandths of a core.
    pub cpu: i64,
    /// Bytes.
    pub memory: i64,
    /// How many pods.
    pub pods: i64,
}

impl Room {
    fn less(self, other: Self) -> Self {
        Self { cpu: self.cpu - other.cpu, memory: self.memory - other.memory, pods: self.pods - other.pods }
    }
}

/// Requirements that all have to hold: on labels, and on the node's name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Term {
    /// Key, operator, values: `In`, `NotIn`, `Exists`, `DoesNotExist`, `Gt`, `Lt`.
    pub labels: Vec<(String, String, Vec<String>)>,
    /// `metadata.name` must be one of these, where any are named.
    pub names: Vec<String>,
}

/// A taint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taint {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    pub effect: String,
}

impl std::fmt::Display for Taint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}={}:{}", self.key, self.value, self.effect)
    }
}

/// A toleration; an empty key with `exists` tolerates everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Toleration {
    /// The taint's key.
    pub key: String,
    /// The operator is `Exists`.
    pub exists: bool,
    /// The taint's value, where the operator is `Equal`.
    pub value: String,
    /// The taint's effect; empty for all.
    pub effect: String,
}

/// Pods that have to be near, or must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AffinityTerm {
    /// Which pods.
    pub selector: Selector,
    /// Near means: the same value of this label of the node.
    pub topology: String,
    /// In which namespaces; empty for the pod's own.
    pub namespaces: Vec<String>,
}

impl AffinityTerm {
    /// Is this pod one of those that a pod of a namespace speaks of?
    fn reaches(&self, namespace: &str, pod: &PodFact) -> bool {
        let there = if self.namespaces.is_empty() {
            *pod.key.namespace == *namespace
        } else {
            self.namespaces.iter().any(|n| **n == *pod.key.namespace)
        };
        there && self.selector.matches(&pod.labels)
    }
}

impl Term {
    fn holds(&self, node: &NodeFact) -> bool {
        (self.names.is_empty() || self.names.iter().any(|n| **n == *node.name))
            && self.labels.iter().all(|(key, operator, values)| {
                let value = node.labels.get(key);
                let number = |s: &str| s.parse::<i64>().ok();
                let compare = |f: fn(i64, i64) -> bool| {
                    let (Some(have), Some(want)) =
                        (value.and_then(|v| number(v)), values.first().and_then(|v| number(v)))
                    else {
                        return false;
                    };
                    f(have, want)
                };
                match operator.as_str() {
                    "In" => value.is_some_and(|v| values.contains(v)),
                    "NotIn" => value.is_none_or(|v| !values.contains(v)),
                    "Exists" => value.is_some(),
                    "DoesNotExist" => value.is_none(),
                    "Gt" => compare(|a, b| a > b),
                    "Lt" => compare(|a, b| a < b),
                    _ => false,
                }
            })
    }
}

/// Does one of the terms hold? No terms: anywhere.
pub fn any_term(terms: &[Term], node: &NodeFact) -> bool {
    terms.is_empty() || terms.iter().any(|t| t.holds(node))
}

fn tolerates(tolerations: &[Toleration], taint: &Taint) -> bool {
    tolerations.iter().any(|t| {
        (t.effect.is_empty() || t.effect == taint.effect)
            && ((t.key.is_empty() && t.exists) || (t.key == taint.key && (t.exists || t.value == taint.value)))
    })
}

/// Host ports that are taken, with their protocol.
type Ports = BTreeSet<(u16, String)>;

/// Looks for places for the pods of one node after another.
pub struct Places<'a> {
    facts: &'a Facts,
    free: BTreeMap<Arc<str>, Room>,
    ports: BTreeMap<Arc<str>, Ports>,
    /// Pods that must be anti_affinity from others.
    repelling: Vec<&'a PodFact>,
}

impl<'a> Places<'a> {
    /// Counts what is free now.
    pub fn of(facts: &'a Facts) -> Self {
        let mut free: BTreeMap<Arc<str>, Room> =
            facts.nodes.values().map(|n| (n.name.clone(), n.allocatable)).collect();
        let mut ports: BTreeMap<Arc<str>, Ports> = BTreeMap::new();
        for pod in facts.pods.values().filter(|p| p.is_living() && !p.node.is_empty()) {
            if let Some(room) = free.get_mut(&pod.node) {
                *room = room.less(pod.needs.room);
            }
            if !pod.needs.host_ports.is_empty() {
                ports.entry(pod.node.clone()).or_default().extend(pod.needs.host_ports.iter().cloned());
            }
        }
        let stays = |p: &&PodFact| !p.needs.anti_affinity.is_empty() && p.is_living() && p.deleting.is_none();
        Self { facts, free, ports, repelling: facts.pods.values().filter(stays).collect() }
    }

    /// Which of these pods of a node find no other node, and why. What one takes the next does not have.
    pub fn unschedulable(&self, node: &str, pods: &[&PodFact]) -> BTreeMap<Key, String> {
        let mut taken: BTreeMap<Arc<str>, (Room, Ports)> = BTreeMap::new();
        let nothing = (Room::default(), BTreeSet::new());
        let mut out = BTreeMap::new();
        let mut pods = pods.to_vec();
        // the largest first, as one who packs does
        pods.sort_by_key(|p| (-p.needs.room.memory, -p.needs.room.cpu, p.key.clone()));
        for pod in pods {
            let mut rejects: BTreeMap<&'static str, usize> = BTreeMap::new();
            let mut home = None;
            for other in self.facts.nodes.values().filter(|n| *n.name != *node) {
                match self.rejects(pod, other, taken.get(&other.name).unwrap_or(&nothing)) {
                    None => {
                        home = Some(other.name.clone());
                        break;
                    }
                    Some(why) => *rejects.entry(why).or_default() += 1,
                }
            }
            if let Some(home) = home {
                let (used, ports) = taken.entry(home).or_default();
                ports.extend(pod.needs.host_ports.iter().cloned());
                let room = pod.needs.room;
                *used = Room { cpu: used.cpu + room.cpu, memory: used.memory + room.memory, pods: used.pods + 1 };
                continue;
            }
            let reasons: Vec<String> = rejects.iter().map(|(why, n)| format!("{n} {why}")).collect();
            let others = self.facts.nodes.len().saturating_sub(1);
            out.insert(
                pod.key.clone(),
                if reasons.is_empty() {
                    "there is no other node".to_owned()
                } else {
                    format!("none of {others} other nodes takes it: {}", reasons.join(", "))
                },
            );
        }
        out
    }

    /// What speaks rejects a node; `None` where it fits.
    fn rejects(&self, pod: &PodFact, node: &NodeFact, (used, ports): &(Room, Ports)) -> Option<&'static str> {
        let needs = &pod.needs;
        let labels = &node.labels;
        if !node.ready {
            return Some("not Ready");
        }
        if node.unschedulable && !needs.tolerations.iter().any(|t| t.key.is_empty() && t.exists) {
            return Some("cordoned");
        }
        if !needs.selector.iter().all(|(k, v)| labels.get(k) == Some(v)) || !any_term(&needs.terms, node) {
            return Some("not selected");
        }
        if let Some(volume) = pod.claims.iter().find_map(|c| {
            let volume = self.facts.volumes.get(self.facts.claims.get(&Key::new(&pod.key.namespace, c))?)?;
            (!any_term(&volume.terms, node)).then_some("out of its volume's reach")
        }) {
            return Some(volume);
        }
        let keeps_away = |t: &&Taint| t.effect != "PreferNoSchedule" && !tolerates(&needs.tolerations, t);
        if node.taints.iter().any(|t| keeps_away(&t)) {
            return Some("tainted");
        }
        let there = self.ports.get(&node.name);
        if needs.host_ports.iter().any(|p| ports.contains(p) || there.is_some_and(|t| t.contains(p))) {
            return Some("with its host port taken");
        }
        if node.allocatable != Room::default() {
            let free = self.free.get(&node.name).copied().unwrap_or_default().less(*used);
            if free.cpu < needs.room.cpu || free.memory < needs.room.memory || free.pods < 1 {
                return Some("without room");
            }
        }
        if needs.anti_affinity.iter().any(|k| self.has_kin(pod, node, k)) || self.is_repelled(pod, node) {
            return Some("with pods it must be anti_affinity from");
        }
        // a pod that is its own only kin may be the first
        if needs.affinity.iter().any(|k| !self.has_kin(pod, node, k) && !k.selector.matches(&pod.labels)) {
            return Some("without pods it must be with");
        }
        None
    }

    /// A pod that is there already must be anti_affinity from this one.
    fn is_repelled(&self, pod: &PodFact, node: &NodeFact) -> bool {
        self.repelling.iter().filter(|p| p.key != pod.key).any(|p| {
            let near = |topology: &str| {
                let here = node.labels.get(topology);
                here.is_some() && self.facts.nodes.get(&p.node).is_some_and(|n| n.labels.get(topology) == here)
            };
            p.needs.anti_affinity.iter().any(|k| k.reaches(&p.key.namespace, pod) && near(&k.topology))
        })
    }

    fn has_kin(&self, pod: &PodFact, node: &NodeFact, kin: &AffinityTerm) -> bool {
        let Some(here) = node.labels.get(&kin.topology) else { return false };
        self.facts.pods.values().any(|p| {
            p.key != pod.key
                && p.is_living()
                && p.deleting.is_none()
                && kin.reaches(&pod.key.namespace, p)
                && self.facts.nodes.get(&p.node).is_some_and(|n| n.labels.get(&kin.topology) == Some(here))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, labels: &[(&str, &str)]) -> NodeFact {
        let labels: BTreeMap<String, String> = labels
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .chain([("host".into(), name.into())])
            .collect();
        NodeFact {
            name: name.into(),
            ready: true,
            labels: Arc::new(labels),
            allocatable: Room { cpu: 2_000, memory: 1_000, pods: 10 },
            ..NodeFact::default()
        }
    }

    fn pod(name: &str, on: &str, needs: Needs) -> PodFact {
        PodFact {
            key: Key::new("shop", name),
            node: on.into(),
            phase: "Running".into(),
            needs: Arc::new(needs),
            labels: Arc::new(BTreeMap::from([("app".to_owned(), "web".to_owned())])),
            ..PodFact::default()
        }
    }

    fn facts(nodes: Vec<NodeFact>, pods: &[PodFact]) -> Facts {
        Facts {
            nodes: nodes.into_iter().map(|n| (n.name.clone(), n)).collect(),
            pods: pods.iter().map(|p| (p.key.clone(), p.clone())).collect(),
            ..Facts::default()
        }
    }

    fn why(facts: &Facts, pod: &PodFact) -> Option<String> {
        Places::of(facts).unschedulable(&pod.node, &[pod]).remove(&pod.key)
    }

    fn room(cpu: i64, memory: i64) -> Room {
        Room { cpu, memory, pods: 1 }
    }

    /// What it is called, the nodes, what the pod needs, the other pods, and what speaks rejects.
    type Case = (&'static str, Vec<NodeFact>, Needs, Vec<PodFact>, Option<&'static str>);

    #[test]
    fn each_rule_keeps_a_pod_from_a_node_and_is_named() {
        let two = || vec![node("a", &[]), node("b", &[("disk", "hdd")])];
        let port = || Needs { host_ports: vec![(80, "TCP".into())], ..Needs::default() };
        let selector = |v: &str| Needs { selector: BTreeMap::from([("disk".into(), v.into())]), ..Needs::default() };
        let gt = |v: &str| Needs {
            terms: vec![Term { labels: vec![("gen".into(), "Gt".into(), vec![v.into()])], names: vec![] }],
            ..Needs::default()
        };
        let kin = || AffinityTerm {
            selector: Selector { labels: BTreeMap::from([("app".into(), "web".into())]), expressions: vec![] },
            topology: "host".into(),
            namespaces: vec![],
        };
        let tainted = || {
            let mut b = node("b", &[]);
            b.taints = vec![Taint { key: "gpu".into(), value: String::new(), effect: "NoSchedule".into() }];
            vec![node("a", &[]), b]
        };
        let tolerant = Needs {
            tolerations: vec![Toleration { key: "gpu".into(), exists: true, ..Toleration::default() }],
            ..Needs::default()
        };
        let cordoned = || vec![node("a", &[]), NodeFact { unschedulable: true, ..node("b", &[]) }];
        let other = |needs| pod("other", "b", needs);
        let cases: Vec<Case> = vec![
            ("nothing asked", two(), Needs::default(), vec![], None),
            ("no other node", vec![node("a", &[])], Needs::default(), vec![], Some("no other node")),
            ("selected", two(), selector("hdd"), vec![], None),
            ("not selected", two(), selector("ssd"), vec![], Some("1 not selected")),
            ("newer", vec![node("a", &[]), node("b", &[("gen", "3")])], gt("2"), vec![], None),
            ("not newer", vec![node("a", &[]), node("b", &[("gen", "2")])], gt("2"), vec![], Some("not selected")),
            ("cordoned", cordoned(), Needs::default(), vec![], Some("1 cordoned")),
            ("tainted", tainted(), Needs::default(), vec![], Some("1 tainted")),
            ("tolerated", tainted(), tolerant, vec![], None),
            ("port taken", two(), port(), vec![other(port())], Some("host port taken")),
            ("port free", two(), port(), vec![], None),
            ("room", two(), Needs { room: room(500, 10), ..Needs::default() }, vec![], None),
            (
                "no room",
                two(),
                Needs { room: room(500, 10), ..Needs::default() },
                vec![other(Needs { room: room(1_600, 0), ..Needs::default() })],
                Some("1 without room"),
            ),
            (
                "anti_affinity",
                two(),
                Needs { anti_affinity: vec![kin()], ..Needs::default() },
                vec![other(Needs::default())],
                Some("anti_affinity"),
            ),
            (
                "repelled",
                two(),
                Needs::default(),
                vec![other(Needs { anti_affinity: vec![kin()], ..Needs::default() })],
                Some("anti_affinity"),
            ),
            ("anti_affinity and alone", two(), Needs { anti_affinity: vec![kin()], ..Needs::default() }, vec![], None),
            ("its own only kin", two(), Needs { affinity: vec![kin()], ..Needs::default() }, vec![], None),
        ];
        for (name, nodes, needs, others, wanted) in cases {
            let it = pod("it", "a", needs);
            let facts = facts(nodes, &[others, vec![it.clone()]].concat());
            let found = why(&facts, &it);
            match wanted {
                None => assert_eq!(found, None, "{name}"),
                Some(text) => assert!(found.as_ref().is_some_and(|f| f.contains(text)), "{name}: {found:?}"),
            }
        }
    }

    #[test]
    fn what_one_pod_takes_the_next_does_not_have() {
        let needs = || Needs { room: room(1_200, 10), ..Needs::default() };
        let (x, y) = (pod("x", "a", needs()), pod("y", "a", needs()));
        let facts = facts(vec![node("a", &[]), node("b", &[])], &[x.clone(), y.clone()]);
        let unschedulable = Places::of(&facts).unschedulable("a", &[&x, &y]);
        assert_eq!(unschedulable.len(), 1, "{unschedulable:?}");
        let port = || Needs { host_ports: vec![(80, "TCP".into())], ..Needs::default() };
        let (x, y) = (pod("x", "a", port()), pod("y", "a", port()));
        let facts = super::tests::facts(vec![node("a", &[]), node("b", &[])], &[x.clone(), y.clone()]);
        assert_eq!(Places::of(&facts).unschedulable("a", &[&x, &y]).len(), 1, "one port, one node");
    }

    #[test]
    fn a_local_volume_ties_its_pod_to_the_node() {
        let mut it = pod("db", "a", Needs::default());
        it.claims = vec!["data".into()];
        let mut facts = facts(vec![node("a", &[]), node("b", &[])], &[it.clone()]);
        facts.claims.insert(Key::new("shop", "data"), "pv-1".into());
        let term = Term { labels: vec![("host".into(), "In".into(), vec!["a".into()])], names: vec![] };
        facts
            .volumes
            .insert("pv-1".into(), super::super::storage::VolumeFact { terms: vec![term], ..Default::default() });
        assert!(why(&facts, &it).unwrap().contains("volume's reach"));
    }
}
