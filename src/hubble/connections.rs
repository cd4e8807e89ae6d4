//! Connections: which were answered, and which packets were reported more than once. Of fixed memory.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;

use super::flow::{Kind, Row};
use crate::domain::{guard::Edge, text::between};

/// So many connections are remembered.
const REMEMBERED: usize = 32_768;
/// The verdict and the drop of one packet come together; a segment that is lost is sent again for a minute.
const SAME: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// Whoever has not answered after so long has not answered.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

/// A connection without the port of whoever answers: an answer may name the Service's port instead of the pod's
/// (seen on real nodes).
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

/// A packet that was denied.
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
    /// Where its first row is in the window.
    at: u64,
    since: Timestamp,
    answered: bool,
}

/// What a row means for its connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectionEvent {
    /// Nothing new.
    Nothing,
    /// It was answered, for the first time; opened as that node saw it.
    Answered(Edge, Arc<str>),
    /// It was opened before anybody listened, and is answered.
    Established,
    /// It was denied, for the first time: another edge than the row's own where an answer was.
    Failed(Option<Edge>),
    /// It was denied, as a row before said: the verdict and the drop of one packet, both ends of one way, or the
    /// same packet sent again.
    Duplicate,
}

/// Connections that nobody answered in time.
#[derive(Clone, Debug)]
pub struct Unanswered {
    /// Between whom.
    pub edge: Edge,
    /// Seen by whom.
    pub node: Arc<str>,
    /// Where its first row is in the window.
    pub at: u64,
}

/// Connections.
#[derive(Clone, Debug, Default)]
pub struct Connections {
    open: HashMap<Asked, Open>,
    order: VecDeque<(Timestamp, Asked)>,
    denied: HashMap<Denied, Timestamp>,
    denied_order: VecDeque<Denied>,
}

impl Connections {
    /// Takes a row in; `at` is its place in the window, `now` when it came.
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

    /// A packet was denied.
    pub fn denied(&mut self, row: &Row, now: Timestamp) -> ConnectionEvent {
        if row.port == 0 {
            // nothing tells one packet from the next; of its two events the drop counts
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
        // what was denied does not wait for an answer; an answer that was denied is its connection's failure
        if let Some(open) = self.open.get_mut(&Asked::asked_by(row)) {
            open.answered = true;
        }
        let answer = self.open.get_mut(&Asked::answered_by(row)).filter(|o| !o.answered);
        ConnectionEvent::Failed(answer.map(|o| {
            o.answered = true;
            o.edge.clone()
        }))
    }

    /// Those whose time is up. Each is told once.
    pub fn overdue(&mut self, now: Timestamp) -> Vec<Unanswered> {
        let mut overdue = Vec::new();
        while self.order.front().is_some_and(|(since, _)| between(*since, now) >= ANSWERED_WITHIN) {
            let Some((since, asked)) = self.order.pop_front() else { break };
            // one that was opened anew under the same ports has an entry of its own
            if let Some(open) = self.open.get(&asked).filter(|o| o.since == since) {
                if !open.answered {
                    overdue.push(Unanswered { edge: open.edge.clone(), node: open.node.clone(), at: open.at });
                }
                self.open.remove(&asked);
            }
        }
        overdue
    }

    /// What this node would have said was not heard.
    pub fn forgive_node(&mut self, node: &str) {
        self.open.retain(|_, o| *o.node != *node);
    }

    /// What was lost on the way here may have been an answer: nothing is said of what is open.
    pub fn forgive(&mut self) {
        self.open.clear();
        self.order.clear();
    }
}
