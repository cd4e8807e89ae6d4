//! The facts, shared: watches write them, the engine and the screen read them.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use jiff::Timestamp;
use tokio::sync::watch;

use crate::domain::{
    facts::{Facts, Freshness, Source},
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
    /// The facts themselves, for readers.
    pub fn shared(&self) -> Arc<RwLock<Facts>> {
        Arc::clone(&self.facts)
    }

    /// Moves whenever the facts change.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    /// Reads the facts. A writer that panicked left them whole: every change is of single rows.
    pub fn read(&self) -> RwLockReadGuard<'_, Facts> {
        self.facts.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the facts and notifies.
    pub fn change(&self, f: impl FnOnce(&mut Facts)) {
        self.fold(|facts| {
            f(facts);
            true
        });
    }

    /// Changes the facts, and notifies only when something has changed: most of what a watch delivers is not kept.
    pub fn fold(&self, f: impl FnOnce(&mut Facts) -> bool) {
        let mut facts: RwLockWriteGuard<'_, Facts> = self.facts.write().unwrap_or_else(PoisonError::into_inner);
        let changed = f(&mut facts);
        drop(facts);
        if changed {
            self.revision.send_modify(|r| *r += 1);
        }
    }

    /// Sets a source's freshness. A watch that stays broken keeps the time since when.
    pub fn freshness(&self, source: Source, freshness: Freshness) {
        self.fold(|facts| {
            let known = &mut facts.sources[source];
            let same = match (&*known, &freshness) {
                (Freshness::Retrying { error: a, .. }, Freshness::Retrying { error: b, .. }) => a == b,
                (a, b) => a == b,
            };
            if !same {
                *known = freshness;
            }
            !same
        });
    }

    /// The source broke.
    pub fn broken(&self, source: Source, problem: Problem) {
        let Problem { message: error, kind, .. } = problem;
        self.freshness(source, Freshness::Retrying { since: Timestamp::now(), error, kind });
    }

    /// Waits until a condition holds; it is checked at every change.
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
