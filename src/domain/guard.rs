//! The guard over a cutover: who speaks with whom, what of it worked, and what fails now. Pure: it is told what
//! flows show and what time it is.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text::between;

/// Who speaks with whom: workloads where they are known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Edge {
    /// Who opens the connection, as `namespace/workload`, a node or `world`.
    pub from: Arc<str>,
    /// Who answers it.
    pub to: Arc<str>,
    /// The port of whoever answers; 0 where the protocol has none.
    pub port: u16,
    /// `TCP`, `UDP`, …
    pub protocol: &'static str,
}

impl Edge {
    /// Name resolution and the API server come first: without them nothing works.
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

/// The name of the API server as an end of an edge.
pub const API_SERVER: &str = "kube-apiserver";

/// What a failing connection means while nodes move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Nothing.
    Noise,
    /// It may pass: something is being set up or taken down. Grave when it stays.
    Transient,
    /// Routing, encapsulation or policy is wrong: it does not pass by itself.
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
    /// Hold the next node while more connections than `limit` fail that worked before.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// So many failing edges (who speaks with whom, on which port) are put up with.
    #[serde(default)]
    #[schemars(range(min = 0, max = 10000))]
    pub limit: u32,
    /// Seconds after which a failure counts that might have passed by itself.
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

/// Connections that fail between two ends, as one node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Between whom.
    pub edge: Edge,
    /// The node whose agent says so.
    pub node: Arc<str>,
    /// Why, in words.
    pub why: Arc<str>,
    /// What that means.
    pub class: Class,
    /// When the first one failed.
    pub since: Timestamp,
    /// When the last one failed.
    pub last: Timestamp,
    /// Connections that failed since then.
    pub failed: u32,
    /// Connections that worked since then.
    pub worked: u32,
    /// It worked before.
    pub worked_before: bool,
}

/// How few failures may be an accident.
const FEW: u32 = 3;
/// Without another failure for so long, and working, it is over.
const CALM: Duration = Duration::from_secs(60);
/// One failure in so many connections is nothing.
const NEGLIGIBLE: u32 = 20;
/// What failed a few times and was not tried again is forgotten after so long.
const FORGET: Duration = Duration::from_secs(600);

impl Trouble {
    fn is_negligible(&self) -> bool {
        self.worked >= self.failed.saturating_mul(NEGLIGIBLE)
    }

    /// It is more than an accident or a passing state. `known`: a baseline says that it worked.
    pub fn counts(&self, patience: Duration, known: bool) -> bool {
        if self.is_negligible() {
            return false;
        }
        match self.class {
            Class::Noise => false,
            Class::Stop => self.failed >= FEW,
            // whoever asks seldom, and never had an answer since, says it with two
            Class::Transient => {
                let enough = if self.worked == 0 { FEW - 1 } else { FEW };
                (self.worked_before || known) && self.failed >= enough && between(self.since, self.last) >= patience
            }
        }
    }

    /// It might come to count: worth waiting for before anything else is touched. Silence ends that, and sooner where
    /// it has worked since.
    pub fn may_count(&self, patience: Duration, known: bool, now: Timestamp) -> bool {
        let serious = self.class == Class::Stop || ((self.worked_before || known) && self.class == Class::Transient);
        let silence = if self.worked == 0 { patience } else { patience / 2 };
        serious && !self.is_negligible() && !self.counts(patience, known) && between(self.last, now) < silence
    }
}

/// What became of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was opened, and answered.
    Answered,
    /// It was opened before anybody listened, and goes on.
    Lives,
    /// It was not answered; why, and what that means.
    Failed(Arc<str>, Class),
}

#[derive(Clone, Debug, Default)]
struct Record {
    worked: bool,
    /// By the node that said so: seldom more than one or two.
    troubles: Vec<Trouble>,
}

/// How many edges are watched.
const WATCHED: usize = 20_000;

/// Everything that is watched.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    records: HashMap<Edge, Record>,
    /// Connections that were not watched for want of room.
    pub beyond: u64,
}

impl Watch {
    /// A connection came to something, as these nodes say. One that is answered is opened as one of them sees it, and
    /// answered as another one does: what either of them said of it before is put right.
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
                // a clock that goes back does not make it older
                trouble.last = now.max(trouble.last);
                if *class > trouble.class {
                    (trouble.class, trouble.why) = (*class, why.clone());
                }
            }
        }
    }

    /// Where there is none for another edge, those that only worked are forgotten: baselines remember them.
    fn has_room(&mut self, edge: &Edge) -> bool {
        if self.records.len() < WATCHED || self.records.contains_key(edge) {
            return true;
        }
        self.records.retain(|_, r| !r.troubles.is_empty());
        self.beyond += u64::from(self.records.len() >= WATCHED);
        self.records.len() < WATCHED
    }

    /// A node was moved, either way: what it said before is of another time.
    pub fn forget(&mut self, node: &str) {
        self.records.values_mut().for_each(|r| r.troubles.retain(|t| *t.node != *node));
    }

    /// What fails now: name resolution and the API server first, then by how grave, then by how often.
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

    /// Edges that worked and do, by each of their two ends.
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

    /// How many edges are watched.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Nothing is watched yet.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}

/// What the flows say, as far as decisions are built on it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FlowFacts {
    /// Flows come; otherwise why not. Empty where nobody looks.
    pub watching: Option<Result<(), String>>,
    /// What fails.
    pub troubles: Vec<Trouble>,
    /// Nodes that soak, or were moved before anybody looked, and have not been listened to for long enough to say what
    /// fails.
    pub settling: BTreeSet<Arc<str>>,
    /// What worked lately, by each end.
    pub working: Arc<BTreeMap<Arc<str>, Vec<Edge>>>,
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

    /// Plays what happens at which second: `+` it worked, `s` it failed for good, `t` it failed for now, `n` noise.
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
    fn what_counts_and_what_is_waited_for() {
        type Case<'a> = (&'a str, &'a [(i64, char)], i64, bool, bool);
        let cases: &[Case<'_>] = &[
            ("works", &[(0, '+'), (1, '+')], 2, false, false),
            ("two failures are an accident, and watched", &[(0, '+'), (1, 's'), (2, 's')], 3, false, true),
            ("three that do not pass count", &[(0, '+'), (1, 's'), (2, 's'), (3, 's')], 4, true, false),
            ("they count although it never worked here", &[(1, 's'), (2, 's'), (3, 's')], 4, true, false),
            ("what may pass is waited for", &[(0, '+'), (1, 't'), (5, 't'), (9, 't')], 10, false, true),
            ("what did not pass counts", &[(0, '+'), (1, 't'), (30, 't'), (62, 't')], 63, true, false),
            ("who asks seldom is waited for", &[(0, '+'), (1, 't'), (45, 't')], 100, false, true),
            ("and counts with two", &[(0, '+'), (1, 't'), (62, 't')], 63, true, false),
            ("but not where it worked between", &[(0, '+'), (1, 't'), (2, '+'), (62, 't')], 63, false, true),
            ("silence ends the wait", &[(0, '+'), (1, 't')], 61, false, false),
            ("sooner where it works again", &[(0, '+'), (1, 't'), (2, '+')], 31, false, false),
            ("what never worked is nobody's fault", &[(1, 't'), (30, 't'), (62, 't')], 63, false, false),
            ("noise is nothing", &[(0, '+'), (1, 'n'), (2, 'n'), (3, 'n')], 4, false, false),
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
    fn a_baseline_makes_up_for_a_memory_that_was_lost() {
        let (mut watch, _) = played(&[(1, 't'), (30, 't'), (62, 't')]);
        let troubles = watch.troubles(at(63));
        assert!(troubles[0].counts(MINUTE, true) && !troubles[0].counts(MINUTE, false));
    }

    #[test]
    fn one_failure_in_twenty_is_nothing() {
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
    fn its_memory_is_bounded_and_what_fails_stays_in_it() {
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
    fn nodes_at_both_ends_tell_of_one_connection() {
        let (mut watch, edge) = (Watch::default(), edge("shop/db", 5432));
        let [a, b, c]: [Arc<str>; 3] = ["a", "b", "c"].map(Into::into);
        let failed = Outcome::Failed("no answer".into(), Class::Transient);
        watch.saw(&edge, [&a, &b], &Outcome::Answered, at(0));
        (1..4).for_each(|i| watch.saw(&edge, [&a, &a], &failed, at(i)));
        assert!(watch.troubles(at(4))[0].worked_before);
        // somebody else's success says nothing of it
        watch.saw(&edge, [&c, &c], &Outcome::Answered, at(70));
        assert_eq!(watch.troubles(at(71)).len(), 1);
        watch.saw(&edge, [&b, &a], &Outcome::Answered, at(72));
        assert!(watch.troubles(at(73)).is_empty());
        // moved: what it said before is of another time
        (80..84).for_each(|i| watch.saw(&edge, [&a, &a], &failed, at(i)));
        watch.forget("a");
        assert!(watch.troubles(at(84)).is_empty());
    }
}
