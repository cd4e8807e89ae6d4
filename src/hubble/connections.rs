//! Connections: which got an answer, and which packets were reported more than once. In bounded memory.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;

use super::flow::{Kind, Row};
use crate::domain::{guard::Edge, text::between};

/// Upper bound on connections, and on denied packets.
const REMEMBERED: usize = 32_768;
/// How long reports of one packet are duplicates. Verdict and drop come together; a lost TCP segment is retransmitted
/// for a minute.
const SAME: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// A connection without an answer after this time has failed.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

/// A connection without the server's port: an answer may have the Service's port instead of the pod's (seen on real
/// nodes).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Asked {
    client: Option<IpAddr>,
    port: u16,
    server: Option<IpAddr>,
    protocol: &'static str,
}

impl Asked {
    fn asked_by(row: &Row) -> Self {
        Self { client: row.source.ip, port: row.source_port, server: row.destination.ip, protocol: row.protocol }
    }

    fn answered_by(row: &Row) -> Self {
        Self { client: row.destination.ip, port: row.port, server: row.source.ip, protocol: row.protocol }
    }
}

/// A denied packet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Denied {
    source: Option<IpAddr>,
    destination: Option<IpAddr>,
    ports: (u16, u16),
    protocol: &'static str,
    reason: i32,
}

#[derive(Clone, Debug)]
struct Open {
    edge: Edge,
    node: Arc<str>,
    /// Number of its first row in the window.
    at: u64,
    since: Timestamp,
    answered: bool,
}

/// The event that a row is for its connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectionEvent {
    /// Nothing new.
    Nothing,
    /// The first answer; the node reported the opening.
    Answered(Edge, Arc<str>),
    /// An answer on a connection that was opened before the stream began.
    Established,
    /// The first denied packet; with an edge if it was an answer, whose own edge is another one.
    Failed(Option<Edge>),
    /// A denied packet that an earlier row reported: as verdict and as drop, by both ends, or retransmitted.
    Duplicate,
}

/// A connection that got no answer in time.
#[derive(Clone, Debug)]
pub struct Unanswered {
    /// Its edge.
    pub edge: Edge,
    /// The node that reported it.
    pub node: Arc<str>,
    /// Number of its first row in the window.
    pub at: u64,
}

/// The connection table.
#[derive(Clone, Debug, Default)]
pub struct Connections {
    open: HashMap<Asked, Open>,
    order: VecDeque<(Timestamp, Asked)>,
    denied: HashMap<Denied, Timestamp>,
    denied_order: VecDeque<Denied>,
}

impl Connections {
    /// Adds a row: `at` is its number in the window, `now` its arrival.
    pub fn saw(&mut self, row: &Row, edge: &Edge, at: u64, now: Timestamp) -> ConnectionEvent {
        match row.kind {
            _ if row.verdict.is_bad() => self.denied(row, now),
            Kind::Opens if row.source_port > 0 => {
                self.opened(row, edge, at, now);
                ConnectionEvent::Nothing
            }
            Kind::Reply => match self.open.get_mut(&Asked::answered_by(row)) {
                Some(open) if open.answered => ConnectionEvent::Nothing,
                Some(open) => {
                    open.answered = true;
                    ConnectionEvent::Answered(open.edge.clone(), open.node.clone())
                }
                None if row.syn => ConnectionEvent::Answered(edge.clone(), row.node.clone()),
                None => ConnectionEvent::Established,
            },
            _ => ConnectionEvent::Nothing,
        }
    }

    fn opened(&mut self, row: &Row, edge: &Edge, at: u64, now: Timestamp) {
        let asked = Asked::asked_by(row);
        if self.open.contains_key(&asked) {
            return;
        }
        if self.order.len() >= REMEMBERED
            && let Some((_, oldest)) = self.order.pop_front()
        {
            self.open.remove(&oldest);
        }
        self.order.push_back((now, asked.clone()));
        let open = Open { edge: edge.clone(), node: row.node.clone(), at, since: now, answered: false };
        self.open.insert(asked, open);
    }

    /// Adds a denied packet.
    pub fn denied(&mut self, row: &Row, now: Timestamp) -> ConnectionEvent {
        if row.port == 0 {
            // packets without ports cannot be told apart: of the two events of each, count the drop
            return if row.kind == Kind::Policy { ConnectionEvent::Duplicate } else { ConnectionEvent::Failed(None) };
        }
        let denied = Denied {
            source: row.source.ip,
            destination: row.destination.ip,
            ports: (row.source_port, row.port),
            protocol: row.protocol,
            reason: row.reason,
        };
        let same = if row.protocol == "TCP" { SAME.1 } else { SAME.0 };
        if let Some(before) = self.denied.get_mut(&denied) {
            let again = between(*before, now) < same;
            *before = now;
            if again {
                return ConnectionEvent::Duplicate;
            }
        } else {
            if self.denied_order.len() >= REMEMBERED
                && let Some(oldest) = self.denied_order.pop_front()
            {
                self.denied.remove(&oldest);
            }
            self.denied_order.push_back(denied.clone());
            self.denied.insert(denied, now);
        }
        // a denied request waits for no answer; a denied answer is a failure of its connection
        if let Some(open) = self.open.get_mut(&Asked::asked_by(row)) {
            open.answered = true;
        }
        let answer = self.open.get_mut(&Asked::answered_by(row)).filter(|o| !o.answered);
        ConnectionEvent::Failed(answer.map(|o| {
            o.answered = true;
            o.edge.clone()
        }))
    }

    /// Connections that timed out. Each is returned once.
    pub fn overdue(&mut self, now: Timestamp) -> Vec<Unanswered> {
        let mut overdue = Vec::new();
        while self.order.front().is_some_and(|(since, _)| between(*since, now) >= ANSWERED_WITHIN) {
            let Some((since, asked)) = self.order.pop_front() else { break };
            // a later connection with the same ports has its own entry
            if let Some(open) = self.open.get(&asked).filter(|o| o.since == since) {
                if !open.answered {
                    overdue.push(Unanswered { edge: open.edge.clone(), node: open.node.clone(), at: open.at });
                }
                self.open.remove(&asked);
            }
        }
        overdue
    }

    /// Drops what this node opened: its reports were not received.
    pub fn forgive_node(&mut self, node: &str) {
        self.open.retain(|_, o| *o.node != *node);
    }

    /// Drops everything open: the lost events may have been answers.
    pub fn forgive(&mut self) {
        self.open.clear();
        self.order.clear();
    }
}
