//! The control loop: hold the lease, decide, record, act, look again.

mod clock;
mod journal;
mod lock;
mod record;
mod work;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};

pub use clock::{Clock, SystemClock};
pub use journal::Journal;

use crate::{
    cluster::{port::Cluster, store::FactStore},
    domain::{
        decide::decide,
        lease::EngineState,
        log::{Entry, Kind},
        view::View,
    },
};
use lock::Lock;
use work::Work;

/// Events come in bursts: a little patience saves most decisions.
const SETTLE: Duration = Duration::from_millis(15);
/// Without any event the clock alone advances observation periods and pauses.
const TICK: Duration = Duration::from_secs(1);

/// The engine.
pub struct Engine<C> {
    /// What changes the cluster.
    pub cluster: C,
    /// The facts.
    pub store: FactStore,
    /// Where it says what it does.
    pub journal: Journal,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Who it is: shown to others.
    pub identity: String,
    /// Which run of which program it is: never the same twice.
    pub process: String,
    /// Where it says what it does with the lease.
    pub state: watch::Sender<EngineState>,
    /// Counts how often an operator has asked for the lease to be taken from its holder.
    pub take_over: watch::Receiver<u32>,
    /// Counts the turns of its loop: one that stands still is not well.
    pub turns: Arc<AtomicU64>,
}

impl<C: Cluster> Engine<C> {
    /// Runs until `stop` becomes true, then gives the lease back.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut lock =
            Lock::new(self.cluster.clone(), Arc::clone(&self.clock), self.identity.clone(), self.process.clone());
        let mut work = Work::new(self.cluster.clone(), self.journal.clone(), Arc::clone(&self.clock));
        let mut changes = self.store.changes();
        let mut next_renewal = Instant::now();
        let mut next_tick = Instant::now();
        let mut pace = Pace { since: self.clock.now(), anchored: self.clock.elapsed() };
        loop {
            self.turns.fetch_add(1, Ordering::Relaxed);
            let woken_by_change = tokio::select! {
                biased;
                () = told_to_stop(&mut stop) => break,
                () = sleep_until(next_renewal) => {
                    let state = self.renew(&mut lock).await;
                    next_renewal = Instant::now() + Lock::<C>::pause(&state);
                    let begins_to_act = self.publish(state);
                    if begins_to_act || lock.epoch().is_none() {
                        next_tick = Instant::now();
                    }
                    continue;
                }
                () = work.finished() => false,
                () = sleep_until(next_tick) => false,
                Ok(()) = changes.changed() => true,
            };
            if woken_by_change {
                tokio::time::sleep(SETTLE).await;
                changes.borrow_and_update();
            }
            self.round(&mut lock, &mut work, &mut pace).await;
            let tick = Instant::now() + TICK;
            next_tick = work.next_echo().map_or(tick, |echo| echo.min(tick));
        }
        self.end(lock, work).await;
    }

    /// Lets what is under way end, the lock still held; gives it back when all has.
    async fn end(mut self, mut lock: Lock<C>, mut work: Work<C>) {
        let patience = sleep(work.patience());
        tokio::pin!(patience);
        let mut next_renewal = Instant::now();
        while !work.is_idle() {
            tokio::select! {
                biased;
                () = &mut patience => break,
                () = sleep_until(next_renewal) => {
                    let state = self.renew(&mut lock).await;
                    next_renewal = Instant::now() + Lock::<C>::pause(&state);
                }
                () = work.settled() => {}
            }
        }
        if let Some(epoch) = lock.epoch() {
            self.anchor_last(epoch).await;
        }
        if work.is_idle() {
            lock.release().await;
        } else {
            tracing::warn!("something is still under way: the lease is not given back, and is free in some seconds");
        }
    }

    /// Decides, writes down what is about to be done, looks once more whether it may, and begins it.
    async fn round(&self, lock: &mut Lock<C>, work: &mut Work<C>, pace: &mut Pace) {
        let Some(epoch) = lock.epoch() else {
            work.forget();
            pace.since = self.clock.now();
            return;
        };
        let decision = {
            let facts = self.store.read();
            let Some(migration) = &facts.migration else { return };
            if facts.epoch() > epoch {
                drop(facts);
                lock.lose();
                return;
            }
            let in_flight = work.in_flight();
            let view = View {
                failures: work.failures(),
                in_flight: &in_flight,
                ended: work.ended(),
                since: pace.since,
                ..View::read_only(&facts, migration, self.clock.now())
            };
            let mut decision = decide(view);
            decision.claim_nodes(&facts, epoch);
            decision
        };
        if decision.held.is_some() {
            pace.since = self.clock.now();
        }
        // the intent is on record before the act: the next engine knows what was started
        if !self.record(&decision, epoch, pace).await {
            return;
        }
        let due = work.due(decision.effects);
        if due.is_empty() {
            return;
        }
        if let Some(epoch) = lock.confirm().await {
            for effect in due {
                work.begin(effect, lock.permit(epoch));
            }
        }
    }

    async fn renew(&mut self, lock: &mut Lock<C>) -> EngineState {
        let take_over = self.take_over.has_changed().unwrap_or(false);
        let written = self.store.read().epoch();
        let state = lock.hold(take_over, written).await;
        if take_over && matches!(state, EngineState::Acting | EngineState::TakingOver) {
            self.take_over.borrow_and_update();
        }
        state
    }

    /// Says what it does. True when it may act from now on.
    fn publish(&self, state: EngineState) -> bool {
        let acts = state == EngineState::Acting;
        let changed = self.state.send_if_modified(|now| {
            let changed = *now != state;
            *now = state;
            changed
        });
        changed && acts
    }
}

/// What one engine remembers from round to round.
struct Pace {
    /// Since when it has been at work without a hold.
    since: Timestamp,
    /// When the audit log was last anchored, or had nothing new.
    anchored: Duration,
}

async fn told_to_stop(stop: &mut watch::Receiver<bool>) {
    // a sender that is gone means stop, too
    let _ = stop.wait_for(|s| *s).await;
}

/// `user@host/pid`: different for two operators, and for two programs of one.
pub fn identity() -> String {
    let user = std::env::var("USER").or_else(|_| std::env::var("USERNAME")).unwrap_or_else(|_| {
        if std::env::var_os("KUBERNETES_SERVICE_HOST").is_some() { "engine".into() } else { "operator".into() }
    });
    let host = std::fs::read_to_string("/etc/hostname").map_or_else(|_| "localhost".into(), |h| h.trim().to_owned());
    format!("{user}@{host}/{}", std::process::id())
}

/// An entry of now.
pub(crate) fn entry(kind: Kind, object: impl Into<String>, text: impl Into<String>) -> Entry {
    Entry::new(Timestamp::now(), kind, object, text)
}
