//! The facts, shared: watches write them, the engine and the screen read them.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use jiff::Timestamp;
use tokio::sync::watch;

use crate::domain::{
    facts::{Facts, Freshness},
    problem::Problem,
};

/// The facts and a counter that moves when they change.
#[derive(Clone, Debug)]
pub struct FactStore {
    facts: Arc<RwLock<Facts>>,
    revision: watch::Sender<u64>,
}

impl Default for FactStore {
    fn default() -> Self {
        Self { facts: Arc::default(), revision: watch::Sender::new(0) }
    }
}

impl FactStore {
    /// The facts themselves, for whoever only reads.
    pub fn shared(&self) -> Arc<RwLock<Facts>> {
        Arc::clone(&self.facts)
    }

    /// Told whenever the facts change.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    /// Reads the facts. A writer that panicked left them whole: every fold replaces single rows.
    pub fn read(&self) -> RwLockReadGuard<'_, Facts> {
        self.facts.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the facts and tells everybody.
    pub fn change(&self, f: impl FnOnce(&mut Facts)) {
        let mut facts: RwLockWriteGuard<'_, Facts> = self.facts.write().unwrap_or_else(PoisonError::into_inner);
        f(&mut facts);
        drop(facts);
        self.revision.send_modify(|r| *r += 1);
    }

    /// Sets a source's freshness, and tells only if it changed.
    pub fn freshness(&self, source: &'static str, freshness: Freshness) {
        let known = self.read().sources.get(source).cloned();
        let same = match (&known, &freshness) {
            (Some(Freshness::Retrying { error: a, .. }), Freshness::Retrying { error: b, .. }) => a == b,
            (Some(a), b) => a == b,
            (None, _) => false,
        };
        if !same {
            self.change(|f| {
                f.sources.insert(source, freshness);
            });
        }
    }

    /// The source broke.
    pub fn broken(&self, source: &'static str, problem: Problem) {
        let Problem { message: error, kind, .. } = problem;
        self.freshness(source, Freshness::Retrying { since: Timestamp::now(), error, kind });
    }

    /// Waits until a condition holds, re-checked at every change.
    pub async fn until(&self, mut holds: impl FnMut(&Facts) -> bool) {
        let mut changes = self.changes();
        loop {
            changes.borrow_and_update();
            if holds(&self.read()) {
                return;
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    }
}
