//! Counts by edge, node, reason and port: exact even for evicted rows, in bounded memory.

use std::{collections::HashMap, hash::Hash, sync::Arc};

use super::{
    connections::ConnectionEvent,
    flow::{Kind, Row},
};
use crate::domain::guard::Edge;

/// Counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Flows.
    pub flows: u64,
    /// Flows that are Cilium's own health probes.
    pub probes: u64,
    /// Connections that got an answer.
    pub answered: u64,
    /// Connections that got no answer.
    pub unanswered: u64,
    /// Dropped connections: not events, of which one packet may have several.
    pub dropped: u64,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.flows += other.flows;
        self.probes += other.probes;
        self.answered += other.answered;
        self.unanswered += other.unanswered;
        self.dropped += other.dropped;
    }
}

/// Counters by key. Keys beyond its size are counted together.
#[derive(Clone, Debug)]
pub struct Table<K> {
    counts: HashMap<K, Counts>,
    room: usize,
    /// The counters of all keys that did not fit.
    pub others: Counts,
}

impl<K: Hash + Eq + Clone + Ord> Table<K> {
    fn new(room: usize) -> Self {
        Self { counts: HashMap::new(), room, others: Counts::default() }
    }

    fn add(&mut self, key: &K, counts: Counts) {
        let full = self.counts.len() >= self.room;
        match self.counts.get_mut(key) {
            Some(known) => known.add(counts),
            None if full => self.others.add(counts),
            None => drop(self.counts.insert(key.clone(), counts)),
        }
    }

    /// The counters of a key.
    pub fn get(&self, key: &K) -> Counts {
        self.counts.get(key).copied().unwrap_or_default()
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// True if nothing was counted yet.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The total.
    pub fn sum(&self) -> Counts {
        let mut sum = self.others;
        self.counts.values().for_each(|c| sum.add(*c));
        sum
    }

    /// Sorted by drops, then by connections without an answer, then by flows.
    pub fn worst(&self, most: usize) -> Vec<(K, Counts)> {
        let key = |(k, c): &(&K, &Counts)| (std::cmp::Reverse((c.dropped, c.unanswered, c.flows)), (*k).clone());
        let mut all: Vec<(&K, &Counts)> = self.counts.iter().collect();
        if all.len() > most {
            all.select_nth_unstable_by_key(most, key);
            all.truncate(most);
        }
        all.sort_by_key(key);
        all.into_iter().map(|(k, c)| (k.clone(), *c)).collect()
    }
}

/// All counters.
#[derive(Clone, Debug)]
pub struct Rollup {
    /// By edge; without Cilium's own probes.
    pub edges: Table<Edge>,
    /// By the node that reported the flow.
    pub nodes: Table<Arc<str>>,
    /// Drops by reason.
    pub reasons: Table<i32>,
    /// By the server's port; without Cilium's own probes.
    pub ports: Table<(u16, &'static str)>,
    /// The total.
    pub all: Counts,
}

impl Default for Rollup {
    fn default() -> Self {
        Self {
            edges: Table::new(20_000),
            nodes: Table::new(20_000),
            reasons: Table::new(70_000),
            ports: Table::new(20_000),
            all: Counts::default(),
        }
    }
}

impl Rollup {
    /// Counts a row.
    pub fn count(&mut self, row: &Row, edge: Option<&Edge>, means: &ConnectionEvent) {
        let counts = Counts {
            flows: 1,
            probes: u64::from(row.probe),
            answered: u64::from(matches!(means, ConnectionEvent::Answered(..))),
            unanswered: 0,
            dropped: u64::from(matches!(means, ConnectionEvent::Failed(_))),
        };
        self.all.add(counts);
        self.nodes.add(&row.node, counts);
        if row.verdict.is_bad() || row.kind == Kind::Drop {
            self.reasons.add(&row.reason, counts);
        }
        let edge = if let ConnectionEvent::Answered(edge, _) | ConnectionEvent::Failed(Some(edge)) = means {
            Some(edge)
        } else {
            edge
        };
        if let Some(edge) = edge {
            self.edges.add(edge, counts);
            self.ports.add(&(edge.port, edge.protocol), counts);
        }
    }

    /// Counts a connection that got no answer.
    pub fn unanswered(&mut self, edge: &Edge, node: &Arc<str>) {
        let counts = Counts { unanswered: 1, ..Counts::default() };
        self.all.add(counts);
        self.nodes.add(node, counts);
        self.edges.add(edge, counts);
        self.ports.add(&(edge.port, edge.protocol), counts);
    }
}
