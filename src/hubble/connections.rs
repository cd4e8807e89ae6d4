//! Connections: which were answered, and which packets were reported more than once. Of fixed memory.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;

use super::flow::{Kind, Row};
use crate::domain::{guard::Edge, text::between};

/// So many connections are remembered.
const REMEMBERED: usize = 65_536;
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
pub enum Means {
    /// Nothing new.
    Nothing,
    /// It was answered, for the first time.
    Answered(Edge),
    /// It was denied, for the first time.
    Failed,
    /// It was denied, as a row before said: the verdict and the drop of one packet, both ends of one way, or the
    /// same packet sent again.
    SaidAlready,
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
    denied: HashSet<Denied>,
    denied_order: VecDeque<Denied>,
}

impl Connections {
    /// Takes a row in; `at` is its place in the window, `now` when it came.
    pub fn saw(&mut self, row: &Row, edge: &Edge, at: u64, now: Timestamp) -> Means {
        match row.kind {
            _ if row.verdict.is_bad() => self.denied(row),
            Kind::Opens if row.source_port > 0 => {
                self.opened(row, edge, at, now);
                Means::Nothing
            }
            Kind::Reply => {
                let (client, server) = (row.destination.ip, row.source.ip);
                let asked = Asked { client, port: row.port, server, protocol: row.protocol };
                match self.open.get_mut(&asked) {
                    Some(open) if open.answered => Means::Nothing,
                    Some(open) => {
                        open.answered = true;
                        Means::Answered(open.edge.clone())
                    }
                    // opened before anybody listened
                    None => Means::Answered(edge.clone()),
                }
            }
            _ => Means::Nothing,
        }
    }

    fn opened(&mut self, row: &Row, edge: &Edge, at: u64, now: Timestamp) {
        let (client, server) = (row.source.ip, row.destination.ip);
        let asked = Asked { client, port: row.source_port, server, protocol: row.protocol };
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

    fn denied(&mut self, row: &Row) -> Means {
        let denied = Denied {
            source: row.source.ip,
            destination: row.destination.ip,
            ports: (row.source_port, row.port),
            protocol: row.protocol,
            reason: row.reason,
        };
        // nothing but ports tells one packet from the next
        let same = row.port > 0 && !self.denied.insert(denied.clone());
        if same {
            return Means::SaidAlready;
        }
        // what was denied does not wait for an answer
        let (client, server) = (row.source.ip, row.destination.ip);
        let asked = Asked { client, port: row.source_port, server, protocol: row.protocol };
        if let Some(open) = self.open.get_mut(&asked) {
            open.answered = true;
        }
        if row.port > 0 {
            if self.denied_order.len() >= REMEMBERED
                && let Some(oldest) = self.denied_order.pop_front()
            {
                self.denied.remove(&oldest);
            }
            self.denied_order.push_back(denied);
        }
        Means::Failed
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

    /// What was lost on the way here may have been an answer: nothing is said of what is open.
    pub fn forgive(&mut self) {
        self.open.clear();
        self.order.clear();
    }
}
