//! A window over the live flows: the newest rows in fixed memory, and counts that stay exact.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;

use super::{
    connections::{ConnectionEvent, Connections},
    flow::{Reader, Row, cut},
    observation::{Observations, Placement},
    rate::Rate,
    reason::{class, drop_reason},
    rollup::Rollup,
};
use crate::domain::{
    guard::{Class, Edge, FlowFacts, Outcome, Watch},
    text::between,
};

/// Rows that are kept.
pub const KEPT: usize = 10_000;

/// Upper bound on exported troubles, worst first.
const TROUBLES: usize = 200;
/// How often the index of working edges is rebuilt.
const REBUILD: Duration = Duration::from_secs(5);

/// State of the stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Stream {
    /// Flows have not been requested yet.
    #[default]
    Starting,
    /// The cluster has no relay: why, and how to get one.
    None(String),
    /// Flows arrive.
    Live,
    /// It broke and is retried: why.
    Retrying(String),
    /// A capture, from its first flow to its last.
    Replayed,
}

/// Upper bound on nodes: no cluster has more.
const NODES: usize = 20_000;

/// A node, as the relay reports it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeState {
    /// The relay is connected to its agent.
    pub connected: bool,
    /// The relay's message where it is not.
    pub why: String,
}

/// The window.
#[derive(Clone, Debug, Default)]
pub struct Window {
    rows: VecDeque<Row>,
    /// Number of the oldest row in the window.
    first: u64,
    /// Events that Hubble itself lost.
    pub lost: u64,
    /// Messages that could not be decoded.
    pub unread: u64,
    /// Duplicates, received again after a reconnect.
    pub again: u64,
    /// Keep Cilium's own health probes like other rows.
    pub keep_probes: bool,
    /// State of the stream.
    pub stream: Stream,
    /// Nodes, as the relay reports them; empty before its first answer.
    pub nodes: BTreeMap<String, NodeState>,
    /// Everything that was counted.
    pub counts: Rollup,
    /// Flows and drops by second, without Cilium's own probes.
    pub rate: Rate,
    connections: Connections,
    watch: Watch,
    observations: Observations,
    working: Arc<BTreeMap<Arc<str>, Vec<Edge>>>,
    /// When the index of working edges was built.
    indexed: Option<Timestamp>,
}

impl Window {
    /// Adds a row that arrived at `now`.
    pub fn push(&mut self, row: Row, reader: &mut Reader, now: Timestamp) {
        let edge = (!row.probe && row.port > 0).then(|| reader.edge(&row));
        let at = self.first + self.rows.len() as u64;
        let means = match &edge {
            Some(edge) => self.connections.saw(&row, edge, at, now),
            None if row.verdict.is_bad() => self.connections.denied(&row, now),
            None => ConnectionEvent::Nothing,
        };
        self.counts.count(&row, edge.as_ref(), &means);
        match (&means, &edge) {
            (ConnectionEvent::Answered(edge, opened), _) => {
                self.watch.saw(edge, [opened, &row.node], &Outcome::Answered, now);
            }
            (ConnectionEvent::Established, Some(edge)) => self.watch.saw(edge, [&row.node; 2], &Outcome::Lives, now),
            (ConnectionEvent::Failed(Some(edge)), _) | (ConnectionEvent::Failed(None), Some(edge)) => {
                let class = class(row.reason);
                if class != Class::Noise {
                    let failed = Outcome::Failed(drop_reason(row.reason).into(), class);
                    self.watch.saw(edge, [&row.node; 2], &failed, now);
                }
            }
            _ => {}
        }
        if !row.probe {
            self.rate.count(now, matches!(means, ConnectionEvent::Failed(_)));
            self.observations.flow(&row.node, now);
        }
        // more than half of a quiet cluster's flows: counted, not kept
        if !row.probe || self.keep_probes {
            if self.rows.len() == KEPT {
                self.rows.pop_front();
                self.first += 1;
            }
            self.rows.push_back(row);
        }
    }

    /// Marks the rows whose connection timed out without an answer. True if there were any.
    pub fn tick(&mut self, now: Timestamp) -> bool {
        let overdue = self.connections.overdue(now);
        for open in &overdue {
            self.counts.unanswered(&open.edge, &open.node);
            let failed = Outcome::Failed("no answer".into(), Class::Transient);
            self.watch.saw(&open.edge, [&open.node; 2], &failed, now);
            if let Some(row) = open.at.checked_sub(self.first).and_then(|i| self.rows.get_mut(usize::try_from(i).ok()?))
            {
                row.unanswered = true;
            }
        }
        !overdue.is_empty()
    }

    /// Events were lost: an answer may have been among them.
    pub fn missed(&mut self, lost: u64) {
        self.lost += lost;
        self.connections.forgive();
    }

    /// The relay reports a node as connected or not.
    pub fn heard(&mut self, name: &str, connected: bool, why: &str) {
        let name = cut(name);
        if !self.nodes.contains_key(name) && self.nodes.len() >= NODES {
            return;
        }
        let node = self.nodes.entry(name.to_owned()).or_default();
        if node.connected && !connected {
            self.connections.forgive_node(name);
        }
        (node.connected, node.why) = (connected, cut(why).to_owned());
    }

    /// Updates where the nodes are: what a node reported before it moved no longer counts.
    pub fn place(&mut self, placements: BTreeMap<Arc<str>, Placement>, now: Timestamp) {
        for node in self.observations.update(placements, now) {
            self.watch.forget(&node);
            self.connections.forgive_node(&node);
        }
    }

    /// Connections that the guard does not watch because its table is full.
    pub const fn unwatched(&self) -> u64 {
        self.watch.beyond
    }

    /// The rows, newest first, with their numbers.
    pub fn newest(&self) -> impl Iterator<Item = (u64, &Row)> {
        self.rows.iter().enumerate().rev().map(|(i, row)| (self.first + i as u64, row))
    }

    /// A row by its number.
    pub fn row(&self, number: u64) -> Option<&Row> {
        self.rows.get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    /// Numbers of the rows that are kept.
    pub fn numbers(&self) -> std::ops::Range<u64> {
        self.first..self.first + self.rows.len() as u64
    }

    /// Rows evicted from the window.
    pub const fn shed(&self) -> u64 {
        self.first
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True if there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Nodes to which the relay is not connected.
    pub fn silent(&self) -> impl Iterator<Item = (&str, &str)> {
        self.nodes.iter().filter(|(_, s)| !s.connected).map(|(n, s)| (n.as_str(), s.why.as_str()))
    }

    /// What decisions may rely on.
    pub fn facts(&mut self, now: Timestamp) -> FlowFacts {
        let watching = match &self.stream {
            Stream::Starting => Err("not yet asked for".to_owned()),
            Stream::None(why) | Stream::Retrying(why) => Err(why.clone()),
            Stream::Live | Stream::Replayed => Ok(()),
        };
        if self.indexed.is_none_or(|at| between(at, now) >= REBUILD) {
            self.indexed = Some(now);
            let working = self.watch.working();
            if working != *self.working {
                self.working = Arc::new(working);
            }
        }
        let mut troubles = self.watch.troubles(now);
        troubles.truncate(TROUBLES);
        let open = self.observations.open(now);
        let settling = if watching.is_ok() { open } else { BTreeSet::new() };
        let working = Arc::clone(&self.working);
        FlowFacts { watching: Some(watching), troubles, settling, working, denied: None }
    }
}
