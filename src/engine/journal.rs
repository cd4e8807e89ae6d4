//! Where the engine says what it does: kept for the screen, handed to subscribers, written to the log.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{broadcast, watch};

use super::entry;
use crate::domain::log::{Entry, Kind, Log};

/// Lines that are kept for the screen.
const KEPT: usize = 5_000;

/// The journal of this process.
#[derive(Clone, Debug)]
pub struct Journal {
    kept: Arc<Mutex<Log>>,
    live: broadcast::Sender<Entry>,
    count: watch::Sender<u64>,
}

impl Default for Journal {
    fn default() -> Self {
        Self { kept: Arc::default(), live: broadcast::channel(4_096).0, count: watch::Sender::new(0) }
    }
}

impl Journal {
    /// Adds a line.
    pub fn add(&self, entry: Entry) {
        // a warning comes from there
        if entry.kind != Kind::Warning {
            tracing::info!(kind = ?entry.kind, object = %entry.object, kubectl = ?entry.kubectl, "{}", entry.text);
        }
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).add(entry.clone(), KEPT);
        // without a subscriber nothing fails
        let _ = self.live.send(entry);
        self.count.send_modify(|n| *n += 1);
    }

    /// Adds a line of now.
    pub fn say(&self, kind: Kind, object: impl Into<String>, text: impl Into<String>) {
        self.add(entry(kind, object, text));
    }

    /// Every line from now on.
    pub fn listen(&self) -> broadcast::Receiver<Entry> {
        self.live.subscribe()
    }

    /// Told when a line was added.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.count.subscribe()
    }

    /// The lines that are kept, for the screen.
    pub fn kept(&self) -> Arc<Mutex<Log>> {
        Arc::clone(&self.kept)
    }
}
