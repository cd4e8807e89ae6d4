//! Where a pod that leaves its node can land: selectors, affinity, taints, host ports, local volumes, and requests
//! against what is free. The required rules of kube-scheduler's filters, from the Kubernetes documentation;
//! preferences and topology spread constraints are ignored.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use super::facts::{AffinityTerm, Facts, Key, Mark, NodeFact, PodFact, Room, SelectorExt, Taint, Term, Toleration};

/// Enough for any pod: what is free on a node that does not say what it has.
const PLENTY: Room = Room { cpu: i64::MAX / 2, memory: i64::MAX / 2, pods: i64::MAX / 2 };

/// Is this pod one of those that a term of a pod of a namespace means?
fn selects(term: &AffinityTerm, namespace: &str, pod: &PodFact) -> bool {
    let there = if term.namespaces.is_empty() {
        *pod.key.namespace == *namespace
    } else {
        term.namespaces.iter().any(|n| **n == *pod.key.namespace)
    };
    there && term.selector.matches(&pod.labels)
}

fn holds(term: &Term, node: &NodeFact) -> bool {
    (term.names.is_empty() || term.names.iter().any(|n| **n == *node.name))
        && term.labels.iter().all(|(key, operator, values)| {
            let value = node.labels.get(key);
            let number = |s: &str| s.parse::<i64>().ok();
            let compare = |f: fn(i64, i64) -> bool| {
                let pair = value.and_then(|v| number(v)).zip(values.first().and_then(|v| number(v)));
                pair.is_some_and(|(have, want)| f(have, want))
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

/// Does one of the terms hold? No terms: anywhere.
pub fn any_term(terms: &[Term], node: &NodeFact) -> bool {
    terms.is_empty() || terms.iter().any(|t| holds(t, node))
}

fn tolerates(tolerations: &[Toleration], taint: &Taint) -> bool {
    tolerations.iter().any(|t| {
        (t.effect.is_empty() || t.effect == taint.effect)
            && ((t.key.is_empty() && t.exists) || (t.key == taint.key && (t.exists || t.value == taint.value)))
    })
}

/// Everything of a pod that tells which nodes it may be on, whatever else runs there.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Class<'a> {
    selector: &'a BTreeMap<String, String>,
    terms: &'a [Term],
    tolerations: &'a [Toleration],
    /// Those of each of its volumes.
    volumes: Vec<&'a [Term]>,
}

impl Class<'_> {
    /// What rejects these pods on a node, whatever runs there.
    fn rejects(&self, node: &NodeFact) -> Option<&'static str> {
        if !node.ready {
            return Some("not Ready");
        }
        if node.unschedulable && !self.tolerations.iter().any(|t| t.key.is_empty() && t.exists) {
            return Some("cordoned");
        }
        let labels = &node.labels;
        if !self.selector.iter().all(|(k, v)| labels.get(k) == Some(v)) || !any_term(self.terms, node) {
            return Some("node affinity mismatch");
        }
        if !self.volumes.iter().all(|terms| any_term(terms, node)) {
            return Some("volume node affinity mismatch");
        }
        let keeps_away = |t: &Taint| t.effect != "PreferNoSchedule" && !tolerates(self.tolerations, t);
        node.taints.iter().any(keeps_away).then_some("untolerated taint")
    }
}

/// The nodes that take pods of a class, looked for only as far as somebody asked.
struct Candidates<'a> {
    found: Vec<(&'a NodeFact, Room)>,
    rest: indexmap::map::Values<'a, Arc<str>, NodeFact>,
    rejected: BTreeMap<&'static str, usize>,
}

impl<'a> Candidates<'a> {
    /// The nth of them, with what is free on it.
    fn get(&mut self, n: usize, class: &Class<'_>, facts: &Facts) -> Option<(&'a NodeFact, Room)> {
        while self.found.len() <= n {
            let node = self.rest.next()?;
            match class.rejects(node) {
                Some(why) => *self.rejected.entry(why).or_default() += 1,
                None if node.allocatable == Room::default() => self.found.push((node, PLENTY)),
                None => self.found.push((node, node.allocatable - facts.pods.used_on(&node.name))),
            }
        }
        self.found.get(n).copied()
    }
}

/// How many pods there are by the value of a label of their nodes.
type Spread<'a> = HashMap<&'a str, usize>;

/// Pods that the pods of a workload must be with, or apart from.
struct Near<'a> {
    /// The label of nodes whose value is the same where pods are together.
    topology: &'a str,
    spread: Spread<'a>,
    /// How often each pod of the workload is itself among those that were counted.
    itself: usize,
}

impl Near<'_> {
    /// Is any of them together with what runs on a node? A pod that comes from `here` does not count itself.
    fn is_on(&self, node: &NodeFact, here: Option<&NodeFact>) -> bool {
        let Some(value) = node.labels.get(self.topology) else { return false };
        let counted = self.spread.get(value.as_str()).copied().unwrap_or_default();
        let is_here = here.is_some_and(|h| h.labels.get(self.topology) == Some(value));
        counted > if is_here { self.itself } else { 0 }
    }
}

/// What affinities say of the pods of a workload.
#[derive(Default)]
struct Neighbors<'a> {
    apart: Vec<Near<'a>>,
    with: Vec<Near<'a>>,
}

/// Host ports that are taken, with their protocol.
type Ports<'a> = BTreeSet<&'a (u16, String)>;

/// Looks for places for the pods of one node after another. What is the same for all of them is worked out once.
pub struct Places<'a> {
    facts: &'a Facts,
    candidates: RefCell<HashMap<Class<'a>, Candidates<'a>>>,
    neighbors: RefCell<HashMap<(&'a str, usize, usize), Neighbors<'a>>>,
}

impl<'a> Places<'a> {
    /// Nothing is worked out yet.
    pub fn of(facts: &'a Facts) -> Self {
        Self { facts, candidates: RefCell::default(), neighbors: RefCell::default() }
    }

    /// Which of these pods of a node find no other node, and why. What one takes the next does not have.
    pub fn unschedulable(&self, node: &str, pods: &[&'a PodFact]) -> BTreeMap<Key, String> {
        let mut taken: BTreeMap<&str, (Room, Ports<'_>)> = BTreeMap::new();
        let mut out = BTreeMap::new();
        let mut pods = pods.to_vec();
        // the largest first, as one who packs does
        pods.sort_by_key(|p| (-p.needs.room.memory, -p.needs.room.cpu, p.key.clone()));
        for pod in pods {
            match self.home(pod, node, &taken) {
                Ok(home) => {
                    let (used, ports) = taken.entry(&home.name).or_default();
                    *used = *used + Room { pods: 1, ..pod.needs.room };
                    ports.extend(&pod.needs.host_ports);
                }
                Err(why) => drop(out.insert(pod.key.clone(), why)),
            }
        }
        out
    }

    /// Another node that takes a pod, or why none does.
    fn home(
        &self,
        pod: &'a PodFact,
        node: &str,
        taken: &BTreeMap<&str, (Room, Ports<'_>)>,
    ) -> Result<&'a NodeFact, String> {
        let class = self.class(pod);
        let mut candidates = self.candidates.borrow_mut();
        let candidates = candidates.entry(class.clone()).or_insert_with(|| Candidates {
            found: Vec::new(),
            rest: self.facts.nodes.values(),
            rejected: BTreeMap::new(),
        });
        let mut neighbors = self.neighbors.borrow_mut();
        // the pods of a workload share their labels and their needs
        let workload = (&*pod.key.namespace, Arc::as_ptr(&pod.labels).addr(), Arc::as_ptr(&pod.needs).addr());
        let neighbors = neighbors.entry(workload).or_insert_with(|| self.neighbors(pod));
        let here = self.facts.nodes.get(node);
        let nothing = (Room::default(), Ports::new());
        let mut rejects: BTreeMap<&'static str, usize> = BTreeMap::new();
        let mut n = 0;
        while let Some((home, free)) = candidates.get(n, &class, self.facts) {
            n += 1;
            if *home.name == *node {
                continue;
            }
            let (used, ports) = taken.get(&*home.name).unwrap_or(&nothing);
            let why = lacks(pod, free - *used)
                .or_else(|| self.port_taken(pod, home, ports).then_some("host port in use"))
                .or_else(|| neighbors.apart.iter().any(|n| n.is_on(home, here)).then_some("pod anti-affinity"))
                .or_else(|| (!neighbors.with.iter().all(|n| n.is_on(home, here))).then_some("pod affinity mismatch"));
            match why {
                None => return Ok(home),
                Some(why) => *rejects.entry(why).or_default() += 1,
            }
        }
        for (why, n) in &candidates.rejected {
            let own = here.is_some_and(|n| class.rejects(n) == Some(why));
            *rejects.entry(why).or_default() += n - usize::from(own);
        }
        rejects.retain(|_, n| *n > 0);
        let others = rejects.values().sum::<usize>();
        let reasons: Vec<String> = rejects.iter().map(|(why, n)| format!("{n} {why}")).collect();
        Err(match others {
            0 => "there is no other node".to_owned(),
            _ => format!("0/{others} other nodes are available: {}", reasons.join(", ")),
        })
    }

    fn class(&self, pod: &'a PodFact) -> Class<'a> {
        let terms = pod.claims.iter().filter_map(|c| {
            let claim = Key { namespace: Arc::clone(&pod.key.namespace), name: c.as_str().into() };
            Some(self.facts.volumes.get(self.facts.claims.get(&claim)?)?.terms.as_slice())
        });
        let volumes = terms.filter(|t| !t.is_empty()).collect();
        let needs = &pod.needs;
        Class { selector: &needs.selector, terms: &needs.terms, tolerations: &needs.tolerations, volumes }
    }

    fn port_taken(&self, pod: &PodFact, node: &NodeFact, taken: &Ports<'_>) -> bool {
        let wanted = &pod.needs.host_ports;
        let there = || self.facts.pods_on(&node.name).filter(|p| p.is_living()).flat_map(|p| &p.needs.host_ports);
        !wanted.is_empty() && (wanted.iter().any(|p| taken.contains(p)) || there().any(|p| wanted.contains(p)))
    }

    fn neighbors(&self, pod: &'a PodFact) -> Neighbors<'a> {
        let mut found = Neighbors::default();
        let namespace = &pod.key.namespace;
        let needs = &pod.needs;
        let itself = |term: &AffinityTerm| usize::from(selects(term, namespace, pod));
        for term in &needs.anti_affinity {
            let spread = self.spread(term, namespace);
            found.apart.push(Near { topology: &term.topology, spread, itself: itself(term) });
        }
        // those that are there already and must be apart from this one
        let mut repelled: HashMap<&str, Spread<'a>> = HashMap::new();
        for other in self.facts.pods.marked(&Mark::Repels(Arc::clone(namespace))).filter(|p| counts(p)) {
            for term in other.needs.anti_affinity.iter().filter(|t| selects(t, &other.key.namespace, pod)) {
                if let Some(value) = self.value(other, &term.topology) {
                    *repelled.entry(&term.topology).or_default().entry(value).or_default() += 1;
                }
            }
        }
        found.apart.extend(repelled.into_iter().map(|(topology, spread)| {
            let own = needs.anti_affinity.iter().filter(|t| t.topology == topology).map(itself).sum();
            Near { topology, spread, itself: own }
        }));
        // a pod that may be with its like may also be the first of them
        for term in needs.affinity.iter().filter(|t| !t.selector.matches(&pod.labels)) {
            let spread = self.spread(term, namespace);
            found.with.push(Near { topology: &term.topology, spread, itself: itself(term) });
        }
        found
    }

    /// Where the pods are that a term of a pod of this namespace means.
    fn spread(&self, term: &'a AffinityTerm, namespace: &'a Arc<str>) -> Spread<'a> {
        let mut spread = Spread::new();
        let mut add = |namespace: &Arc<str>| {
            let pods = self.facts.pods.in_namespace(namespace);
            for other in pods.filter(|p| term.selector.matches(&p.labels) && counts(p)) {
                if let Some(value) = self.value(other, &term.topology) {
                    *spread.entry(value).or_default() += 1;
                }
            }
        };
        if term.namespaces.is_empty() {
            add(namespace);
        }
        term.namespaces.iter().for_each(|n| add(&n.as_str().into()));
        spread
    }

    fn value(&self, pod: &PodFact, topology: &str) -> Option<&'a str> {
        self.facts.nodes.get(&pod.node)?.labels.get(topology).map(String::as_str)
    }
}

/// A pod that affinities see: it is there, and stays.
fn counts(pod: &PodFact) -> bool {
    pod.is_living() && pod.deleting.is_none()
}

fn lacks(pod: &PodFact, free: Room) -> Option<&'static str> {
    let wanted = pod.needs.room;
    if free.pods < 1 {
        Some("too many pods")
    } else if free.cpu < wanted.cpu {
        Some("insufficient cpu")
    } else {
        (free.memory < wanted.memory).then_some("insufficient memory")
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::facts::{Needs, Selector, VolumeFact},
        *,
    };

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

    /// Its name, the nodes, what the pod needs, the other pods, and why it is unschedulable.
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
        let web = || AffinityTerm {
            selector: Selector::from_iter([("app", "web")]),
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
            (
                "not selected",
                two(),
                selector("ssd"),
                vec![],
                Some("0/1 other nodes are available: 1 node affinity mismatch"),
            ),
            ("newer", vec![node("a", &[]), node("b", &[("gen", "3")])], gt("2"), vec![], None),
            (
                "not newer",
                vec![node("a", &[]), node("b", &[("gen", "2")])],
                gt("2"),
                vec![],
                Some("1 node affinity mismatch"),
            ),
            ("cordoned", cordoned(), Needs::default(), vec![], Some("1 cordoned")),
            ("tainted", tainted(), Needs::default(), vec![], Some("1 untolerated taint")),
            ("tolerated", tainted(), tolerant, vec![], None),
            ("port taken", two(), port(), vec![other(port())], Some("1 host port in use")),
            ("port free", two(), port(), vec![], None),
            ("room", two(), Needs { room: room(500, 10), ..Needs::default() }, vec![], None),
            (
                "no room",
                two(),
                Needs { room: room(500, 10), ..Needs::default() },
                vec![other(Needs { room: room(1_600, 0), ..Needs::default() })],
                Some("1 insufficient cpu"),
            ),
            (
                "anti-affinity",
                two(),
                Needs { anti_affinity: vec![web()], ..Needs::default() },
                vec![other(Needs::default())],
                Some("1 pod anti-affinity"),
            ),
            (
                "repelled",
                two(),
                Needs::default(),
                vec![other(Needs { anti_affinity: vec![web()], ..Needs::default() })],
                Some("1 pod anti-affinity"),
            ),
            ("anti-affinity and alone", two(), Needs { anti_affinity: vec![web()], ..Needs::default() }, vec![], None),
            (
                "the first of those it has to be with",
                two(),
                Needs { affinity: vec![web()], ..Needs::default() },
                vec![],
                None,
            ),
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

    /// In a zone of its own a pod that keeps its like away does not keep itself away.
    #[test]
    fn a_pod_is_no_neighbor_of_itself() {
        let zone = |name, zone| node(name, &[("zone", zone)]);
        let term = |topology: &str| AffinityTerm {
            selector: Selector::from_iter([("app", "web")]),
            topology: topology.into(),
            namespaces: vec![],
        };
        let apart = pod("it", "a", Needs { anti_affinity: vec![term("zone")], ..Needs::default() });
        let nodes = || vec![zone("a", "x"), zone("b", "x")];
        assert_eq!(why(&facts(nodes(), std::slice::from_ref(&apart)), &apart), None);
        let twin = PodFact { key: Key::new("shop", "twin"), ..apart.clone() };
        let both = facts(nodes(), &[apart.clone(), twin]);
        assert_eq!(why(&both, &apart).unwrap(), "0/1 other nodes are available: 1 pod anti-affinity");
        let elsewhere = PodFact { key: Key::new("other", "twin"), ..apart.clone() };
        assert_eq!(why(&facts(nodes(), &[apart.clone(), elsewhere]), &apart), None, "another namespace");
        // what it has to be with is counted without itself, too
        let db = AffinityTerm { selector: Selector::from_iter([("app", "db")]), ..term("zone") };
        let with = pod("it", "a", Needs { affinity: vec![db], ..Needs::default() });
        assert!(why(&facts(nodes(), std::slice::from_ref(&with)), &with).unwrap().contains("1 pod affinity mismatch"));
        let labels = Arc::new(BTreeMap::from([("app".to_owned(), "db".to_owned())]));
        let db = PodFact { labels, ..pod("db", "a", Needs::default()) };
        assert_eq!(why(&facts(nodes(), &[with.clone(), db]), &with), None, "its zone has one");
    }

    /// The cordoned node that drains is not among the others, whatever was looked for before.
    #[test]
    fn the_own_node_does_not_count() {
        let cordoned = NodeFact { unschedulable: true, ..node("a", &[]) };
        let needs = Needs { selector: BTreeMap::from([("disk".into(), "ssd".into())]), ..Needs::default() };
        let (x, y) = (pod("x", "a", needs.clone()), pod("y", "b", needs));
        let facts = facts(vec![cordoned, node("b", &[])], &[x.clone(), y.clone()]);
        let places = Places::of(&facts);
        let said = places.unschedulable("b", &[&y]).remove(&y.key).unwrap();
        assert_eq!(said, "0/1 other nodes are available: 1 cordoned");
        let said = places.unschedulable("a", &[&x]).remove(&x.key).unwrap();
        assert_eq!(said, "0/1 other nodes are available: 1 node affinity mismatch");
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
        facts.volumes.insert("pv-1".into(), VolumeFact { terms: vec![term], ..VolumeFact::default() });
        assert!(why(&facts, &it).unwrap().contains("1 volume node affinity mismatch"));
    }
}
