//! A window over the live flows: the newest rows in fixed memory, and counts that stay exact.

use std::collections::VecDeque;

use super::{flow::Row, reason::Verdict};

/// Rows that are kept.
pub const KEPT: usize = 10_000;

/// How the stream is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Stream {
    /// Nobody has asked for flows yet.
    #[default]
    Starting,
    /// There is no relay to ask; why.
    None(String),
    /// Flows come.
    Live,
    /// It broke and is tried again; why.
    Retrying(String),
}

/// The window.
#[derive(Clone, Debug, Default)]
pub struct Window {
    rows: VecDeque<Row>,
    /// Flows seen in all.
    pub seen: u64,
    /// Of these, dropped ones.
    pub dropped: u64,
    /// Of these, Cilium's own health probes.
    pub probes: u64,
    /// Events that Hubble itself lost.
    pub lost: u64,
    /// Rows that fell out of the window.
    pub shed: u64,
    /// How the stream is.
    pub stream: Stream,
}

impl Window {
    /// Takes a row in.
    pub fn push(&mut self, row: Row) {
        self.seen += 1;
        self.dropped += u64::from(row.verdict == Verdict::Dropped);
        if row.probe {
            // more than half of a quiet cluster's flows: counted, not kept
            self.probes += 1;
            return;
        }
        if self.rows.len() == KEPT {
            self.rows.pop_front();
            self.shed += 1;
        }
        self.rows.push_back(row);
    }

    /// The rows, newest first.
    pub fn newest(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().rev()
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// No row is there.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}
