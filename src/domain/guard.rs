//! The flow guard: which connections worked, and which fail now. Pure: flows and time come in.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text::between;

/// A client and a server: workloads where they are known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Edge {
    /// The client, as `namespace/workload`, a node or `world`.
    pub from: Arc<str>,
    /// The server.
    pub to: Arc<str>,
    /// The server's port; 0 where the protocol has none.
    pub port: u16,
    /// `TCP`, `UDP`, …
    pub protocol: &'static str,
}

impl Edge {
    /// Sort order: name resolution and the API server first, because nothing works without them.
    pub fn rank(&self) -> u8 {
        match self.port {
            53 => 0,
            _ if &*self.to == API_SERVER => 1,
            _ => 2,
        }
    }
}

impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}->{}:{}", self.from, self.to, self.port)?;
        if self.protocol == "TCP" { Ok(()) } else { write!(f, "/{}", self.protocol) }
    }
}

/// Protocols with ports, as flows and policies call them.
const PROTOCOLS: [&str; 3] = ["TCP", "UDP", "SCTP"];

impl FromStr for Edge {
    type Err = ();

    fn from_str(written: &str) -> Result<Self, ()> {
        let (from, rest) = written.split_once("->").ok_or(())?;
        let (to, rest) = rest.rsplit_once(':').ok_or(())?;
        let (port, protocol) = rest.split_once('/').unwrap_or((rest, PROTOCOLS[0]));
        let protocol = PROTOCOLS.into_iter().find(|p| *p == protocol).ok_or(())?;
        Ok(Self { from: from.into(), to: to.into(), port: port.parse().map_err(|_| ())?, protocol })
    }
}

/// The name of the API server as an end of an edge.
pub const API_SERVER: &str = "kube-apiserver";

/// How serious a failing connection is while nodes move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Harmless.
    Noise,
    /// It may recover: something is starting or stopping. Serious if it lasts.
    Transient,
    /// Routing, encapsulation or policy is wrong: it does not recover by itself.
    Stop,
}

impl Class {
    /// The word in the table.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Noise => "noise",
            Self::Transient => "transient",
            Self::Stop => "blocking",
        }
    }
}

/// How strict the guard is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GuardSpec {
    /// Hold the next node while more than `limit` connections fail that worked before.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Failing edges (client, server and port) tolerated.
    #[serde(default)]
    #[schemars(range(min = 0, max = 10000))]
    pub limit: u32,
    /// Seconds after which a failure counts that might have recovered by itself.
    #[serde(default = "default_patience")]
    #[schemars(range(min = 0, max = 3600))]
    pub patience_seconds: u32,
}

const fn yes() -> bool {
    true
}
const fn default_patience() -> u32 {
    60
}

impl Default for GuardSpec {
    fn default() -> Self {
        Self { enabled: yes(), limit: 0, patience_seconds: default_patience() }
    }
}

/// An edge whose connections fail, as one node reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The edge.
    pub edge: Edge,
    /// The node whose agent reports it.
    pub node: Arc<str>,
    /// Why, in words.
    pub why: Arc<str>,
    /// How serious it is.
    pub class: Class,
    /// When the first one failed.
    pub since: Timestamp,
    /// When the last one failed.
    pub last: Timestamp,
    /// Connections that failed since then.
    pub failed: u32,
    /// Connections that worked since then.
    pub worked: u32,
    /// True if it worked before.
    pub worked_before: bool,
}

/// Fewer failures than this may be an accident.
const FEW: u32 = 3;
/// A trouble that works ends after this time without another failure.
const CALM: Duration = Duration::from_secs(60);
/// One failure in this many connections is negligible.
const NEGLIGIBLE: u32 = 20;
/// A trouble with few failures is forgotten after this time without another attempt.
const FORGET: Duration = Duration::from_secs(600);

impl Trouble {
    fn is_negligible(&self) -> bool {
        self.worked >= self.failed.saturating_mul(NEGLIGIBLE)
    }

    /// True if it is more than an accident or a passing state. `known`: a baseline lists it as working.
    pub fn counts(&self, patience: Duration, known: bool) -> bool {
        if self.is_negligible() {
            return false;
        }
        match self.class {
            Class::Noise => false,
            Class::Stop => self.failed >= FEW,
            // a client that connects rarely and got no answer since: two are enough
            Class::Transient => {
                let enough = if self.worked == 0 { FEW - 1 } else { FEW };
                (self.worked_before || known) && self.failed >= enough && between(self.since, self.last) >= patience
            }
        }
    }

    /// True if it might come to count: wait before the next node moves. Silence ends that, sooner if it has worked
    /// since.
    pub fn may_count(&self, patience: Duration, known: bool, now: Timestamp) -> bool {
        let serious = self.class == Class::Stop || ((self.worked_before || known) && self.class == Class::Transient);
        let silence = if self.worked == 0 { patience } else { patience / 2 };
        serious && !self.is_negligible() && !self.counts(patience, known) && between(self.last, now) < silence
    }
}

/// The outcome of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was opened and answered.
    Answered,
    /// It was opened before the stream began, and works.
    Lives,
    /// It got no answer: why, and how serious that is.
    Failed(Arc<str>, Class),
}

#[derive(Clone, Debug, Default)]
struct Record {
    worked: bool,
    /// One for each node that reports it: rarely more than two.
    troubles: Vec<Trouble>,
}

/// Upper bound on watched edges.
const WATCHED: usize = 20_000;

/// The watched edges.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    records: HashMap<Edge, Record>,
    /// Connections that were not watched because the table was full.
    pub beyond: u64,
}

impl Watch {
    /// Adds the outcome of a connection, with the nodes that report it. One node may report the opening and another one
    /// the answer: an answer counts for the troubles of both.
    pub fn saw(&mut self, edge: &Edge, nodes: [&Arc<str>; 2], outcome: &Outcome, now: Timestamp) {
        if matches!(outcome, Outcome::Failed(_, Class::Noise)) || !self.has_room(edge) {
            return;
        }
        let record = self.records.entry(edge.clone()).or_default();
        match outcome {
            Outcome::Lives => record.worked = true,
            Outcome::Answered => {
                record.worked = true;
                for trouble in record.troubles.iter_mut().filter(|t| nodes.contains(&&t.node)) {
                    trouble.worked += 1;
                }
                record.troubles.retain(|t| !(nodes.contains(&&t.node) && between(t.last, now) >= CALM));
            }
            Outcome::Failed(why, class) => {
                let node = nodes[0];
                let at = record.troubles.iter().position(|t| t.node == *node).unwrap_or_else(|| {
                    record.troubles.push(Trouble {
                        edge: edge.clone(),
                        node: node.clone(),
                        why: why.clone(),
                        class: *class,
                        since: now,
                        last: now,
                        failed: 0,
                        worked: 0,
                        worked_before: record.worked,
                    });
                    record.troubles.len() - 1
                });
                let trouble = &mut record.troubles[at];
                trouble.failed += 1;
                // clocks may go back
                trouble.last = now.max(trouble.last);
                if *class > trouble.class {
                    (trouble.class, trouble.why) = (*class, why.clone());
                }
            }
        }
    }

    /// A full table forgets the edges that only worked: baselines remember them.
    fn has_room(&mut self, edge: &Edge) -> bool {
        if self.records.len() < WATCHED || self.records.contains_key(edge) {
            return true;
        }
        self.records.retain(|_, r| !r.troubles.is_empty());
        self.beyond += u64::from(self.records.len() >= WATCHED);
        self.records.len() < WATCHED
    }

    /// Forgets what a node reported before it moved, either way.
    pub fn forget(&mut self, node: &str) {
        self.records.values_mut().for_each(|r| r.troubles.retain(|t| *t.node != *node));
    }

    /// What fails now: name resolution and the API server first, then the most serious, then the most frequent.
    pub fn troubles(&mut self, now: Timestamp) -> Vec<Trouble> {
        let over = |t: &Trouble| {
            let quiet = between(t.last, now);
            (t.worked > 0 && quiet >= CALM) || (t.failed < FEW && quiet >= FORGET)
        };
        self.records.values_mut().for_each(|r| r.troubles.retain(|t| !over(t)));
        let mut troubles: Vec<Trouble> = self.records.values().flat_map(|r| r.troubles.iter().cloned()).collect();
        troubles.sort_by(|a, b| {
            let key = |t: &Trouble| (t.edge.rank(), std::cmp::Reverse(t.class), std::cmp::Reverse(t.failed));
            key(a).cmp(&key(b)).then_with(|| (&a.edge, &a.node).cmp(&(&b.edge, &b.node)))
        });
        troubles
    }

    /// Working edges, by each of their two ends.
    pub fn working(&self) -> BTreeMap<Arc<str>, Vec<Edge>> {
        let mut by_end: BTreeMap<Arc<str>, Vec<Edge>> = BTreeMap::new();
        for (edge, _) in self.records.iter().filter(|(_, r)| r.worked && r.troubles.is_empty()) {
            for end in [&edge.from, &edge.to] {
                by_end.entry(end.clone()).or_default().push(edge.clone());
            }
        }
        for edges in by_end.values_mut() {
            edges.sort_by(|a, b| (a.rank(), a).cmp(&(b.rank(), b)));
            edges.dedup();
        }
        by_end
    }

    /// Number of watched edges.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// True if no edge is watched.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}

/// A working connection that is denied once NetworkPolicies are enforced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeniedFlow {
    /// Between whom: `namespace/workload->namespace/workload:port`.
    pub edge: String,
    /// `ingress`: the server's policies deny it; `egress`: the client's.
    pub way: String,
    /// The policies that select the pod, none of which allows it, as `namespace/name`.
    pub policies: Vec<String>,
}

/// What decisions know of the flows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FlowFacts {
    /// Flows arrive, or why not. None without a stream.
    pub watching: Option<Result<(), String>>,
    /// What fails.
    pub troubles: Vec<Trouble>,
    /// Nodes that moved and have not been observed for long enough to say what fails.
    pub settling: BTreeSet<Arc<str>>,
    /// Working edges, by each end.
    pub working: Arc<BTreeMap<Arc<str>, Vec<Edge>>>,
    /// Those of them that NetworkPolicies will deny once they are enforced; `None`: not judged yet.
    pub denied: Option<Arc<Vec<DeniedFlow>>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(to: &str, port: u16) -> Edge {
        Edge { from: "shop/web".into(), to: to.into(), port, protocol: "TCP" }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + seconds).unwrap()
    }

    const MINUTE: Duration = Duration::from_secs(60);

    /// Replays a story, second by second: `+` works, `s` stop, `t` transient, `n` noise.
    fn played(story: &[(i64, char)]) -> (Watch, Edge) {
        let (mut watch, edge, node) = (Watch::default(), edge("shop/db", 5432), Arc::from("n1"));
        for (second, what) in story {
            let outcome = match what {
                '+' => Outcome::Answered,
                's' => Outcome::Failed("no route".into(), Class::Stop),
                't' => Outcome::Failed("no answer".into(), Class::Transient),
                _ => Outcome::Failed("not IP".into(), Class::Noise),
            };
            watch.saw(&edge, [&node, &node], &outcome, at(*second));
        }
        (watch, edge)
    }

    #[test]
    fn which_failures_count_and_which_are_waited_for() {
        type Case<'a> = (&'a str, &'a [(i64, char)], i64, bool, bool);
        let cases: &[Case<'_>] = &[
            ("works", &[(0, '+'), (1, '+')], 2, false, false),
            ("two failures are an accident, and waited for", &[(0, '+'), (1, 's'), (2, 's')], 3, false, true),
            ("three that do not recover count", &[(0, '+'), (1, 's'), (2, 's'), (3, 's')], 4, true, false),
            ("they count although it never worked here", &[(1, 's'), (2, 's'), (3, 's')], 4, true, false),
            ("a transient failure is waited for", &[(0, '+'), (1, 't'), (5, 't'), (9, 't')], 10, false, true),
            ("a transient failure that lasts counts", &[(0, '+'), (1, 't'), (30, 't'), (62, 't')], 63, true, false),
            ("a client that connects rarely is waited for", &[(0, '+'), (1, 't'), (45, 't')], 100, false, true),
            ("and counts with two", &[(0, '+'), (1, 't'), (62, 't')], 63, true, false),
            ("but not where it worked between", &[(0, '+'), (1, 't'), (2, '+'), (62, 't')], 63, false, true),
            ("silence ends the wait", &[(0, '+'), (1, 't')], 61, false, false),
            ("sooner where it works again", &[(0, '+'), (1, 't'), (2, '+')], 31, false, false),
            ("what never worked is not our fault", &[(1, 't'), (30, 't'), (62, 't')], 63, false, false),
            ("noise is harmless", &[(0, '+'), (1, 'n'), (2, 'n'), (3, 'n')], 4, false, false),
            ("it stays counted in silence", &[(0, '+'), (1, 's'), (2, 's'), (3, 's')], 4_000, true, false),
            ("until it works for a minute", &[(0, '+'), (1, 's'), (2, 's'), (3, 's'), (70, '+')], 71, false, false),
        ];
        for (name, story, now, counts, watched) in cases {
            let (mut watch, _) = played(story);
            let troubles = watch.troubles(at(*now));
            let trouble = troubles.first();
            assert_eq!(trouble.is_some_and(|t| t.counts(MINUTE, false)), *counts, "{name}");
            assert_eq!(trouble.is_some_and(|t| t.may_count(MINUTE, false, at(*now))), *watched, "{name}");
        }
    }

    #[test]
    fn an_edge_is_read_as_it_is_written() {
        for (to, port, protocol) in [("shop/db", 5432, "TCP"), ("fd00::1", 53, "UDP"), (API_SERVER, 6443, "SCTP")] {
            let edge = Edge { protocol, ..edge(to, port) };
            assert_eq!(edge.to_string().parse(), Ok(edge));
        }
        for bad in ["", "a->b", "a->b:x", "a->b:1/GRE", "a:1"] {
            assert_eq!(bad.parse::<Edge>(), Err(()), "{bad}");
        }
    }

    #[test]
    fn a_baseline_replaces_a_lost_memory() {
        let (mut watch, _) = played(&[(1, 't'), (30, 't'), (62, 't')]);
        let troubles = watch.troubles(at(63));
        assert!(troubles[0].counts(MINUTE, true) && !troubles[0].counts(MINUTE, false));
    }

    #[test]
    fn one_failure_in_twenty_is_negligible() {
        let mut story: Vec<(i64, char)> = (0..3).map(|i| (i, 's')).collect();
        story.extend((3..63).map(|i| (i, '+')));
        let (mut watch, _) = played(&story);
        assert!(watch.troubles(at(62)).iter().all(|t| !t.counts(MINUTE, false)));
    }

    #[test]
    fn name_resolution_and_the_api_server_come_first() {
        let mut watch = Watch::default();
        let failed = Outcome::Failed("no route".into(), Class::Stop);
        for (to, port, times) in [("shop/db", 5432, 9), (API_SERVER, 6443, 1), ("kube-system/coredns", 53, 1)] {
            for _ in 0..times {
                watch.saw(&edge(to, port), [&"n1".into(), &"n1".into()], &failed, at(0));
            }
        }
        let order: Vec<u16> = watch.troubles(at(1)).iter().map(|t| t.edge.port).collect();
        assert_eq!(order, [53, 6443, 5432]);
    }

    #[test]
    fn what_works_is_found_by_either_end() {
        let (watch, edge) = played(&[(0, '+')]);
        let working = watch.working();
        assert_eq!(working["shop/web"], working["shop/db"]);
        assert_eq!(working["shop/db"], [edge]);
    }

    #[test]
    fn memory_is_bounded_and_keeps_what_fails() {
        let mut watch = Watch::default();
        let node: Arc<str> = "n1".into();
        watch.saw(&edge("shop/db", 2), [&node, &node], &Outcome::Failed("no route".into(), Class::Stop), at(0));
        for i in 0..WATCHED * 2 {
            let edge = Edge { from: format!("shop/{i}").into(), ..edge("shop/db", 1) };
            watch.saw(&edge, [&node, &node], &Outcome::Answered, at(0));
        }
        assert!(watch.len() <= WATCHED && watch.beyond == 0);
        assert_eq!(watch.troubles(at(1)).len(), 1);
    }

    /// Opened as one node sees it, answered as another one does.
    #[test]
    fn both_nodes_report_one_connection() {
        let (mut watch, edge) = (Watch::default(), edge("shop/db", 5432));
        let [a, b, c]: [Arc<str>; 3] = ["a", "b", "c"].map(Into::into);
        let failed = Outcome::Failed("no answer".into(), Class::Transient);
        watch.saw(&edge, [&a, &b], &Outcome::Answered, at(0));
        (1..4).for_each(|i| watch.saw(&edge, [&a, &a], &failed, at(i)));
        assert!(watch.troubles(at(4))[0].worked_before);
        // the success of another node says nothing about it
        watch.saw(&edge, [&c, &c], &Outcome::Answered, at(70));
        assert_eq!(watch.troubles(at(71)).len(), 1);
        watch.saw(&edge, [&b, &a], &Outcome::Answered, at(72));
        assert!(watch.troubles(at(73)).is_empty());
        // moved: what it reported before no longer counts
        (80..84).for_each(|i| watch.saw(&edge, [&a, &a], &failed, at(i)));
        watch.forget("a");
        assert!(watch.troubles(at(84)).is_empty());
    }
}
