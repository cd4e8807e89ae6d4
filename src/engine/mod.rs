//! The control loop: hold the lease, decide, record, act, look again.

mod journal;
mod work;

use std::time::Duration;

use jiff::Timestamp;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

pub use journal::Journal;

use crate::{
    cluster::{
        apply::Hands,
        board::Board,
        error,
        lease::{Held, Lock, RENEW},
        records,
    },
    domain::{
        api::MigrationStatus,
        decide::{Decision, decide},
        log::{Entry, Kind},
        rolling::Context,
    },
};
use work::Work;

/// Events come in bursts: a little patience saves most decisions.
const SETTLE: Duration = Duration::from_millis(15);
/// Without any event the clock alone moves soaks and pauses on.
const TICK: Duration = Duration::from_secs(1);

/// What the engine is doing, for whoever looks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// It has not tried to take the lease yet.
    #[default]
    Starting,
    /// It holds the lease and acts.
    Acting,
    /// Somebody else does.
    Watching(String),
    /// The lease could not be taken or renewed.
    Unsure(String),
}

/// The engine.
pub struct Engine {
    /// What changes the cluster.
    pub hands: Hands,
    /// The facts.
    pub board: Board,
    /// Where it says what it does.
    pub journal: Journal,
    /// Who it is: shown to others.
    pub identity: String,
    /// Namespace of the lease.
    pub namespace: String,
    /// Told what it is doing.
    pub role: watch::Sender<Role>,
}

impl Engine {
    /// Runs until `stop` becomes true, then gives the lease back.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut lock = Lock::new(self.hands.client.clone(), &self.namespace, self.identity.clone());
        let mut work = Work::new(self.hands.clone(), self.journal.clone());
        let mut changes = self.board.changes();
        let mut next_renewal = Instant::now();
        let mut next_tick = Instant::now();
        let mut since = Timestamp::now();
        loop {
            let woken_by_change = tokio::select! {
                () = told_to_stop(&mut stop) => break,
                () = sleep_until(next_renewal) => {
                    self.renew(&mut lock).await;
                    next_renewal = Instant::now() + RENEW.min(if lock.is_fresh() { RENEW } else { TICK });
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
            next_tick = Instant::now() + TICK;
            if !lock.is_fresh() {
                since = Timestamp::now();
                continue;
            }
            let decision = {
                let facts = self.board.read();
                let Some(migration) = &facts.migration else { continue };
                let (failures, under_way, ended) = (work.failures(), work.under_way(), work.ended());
                let now = Timestamp::now();
                decide(Context { facts: &facts, migration, failures, under_way, ended, since, now })
            };
            if decision.held.is_some() {
                since = Timestamp::now();
            }
            // the intent is on record before anything is done: whoever comes after knows what was begun
            if !self.record(&decision).await {
                continue;
            }
            for effect in decision.effects {
                if lock.is_fresh() {
                    work.begin(effect);
                }
            }
        }
        work.settle().await;
        lock.release().await;
    }

    async fn renew(&self, lock: &mut Lock) {
        let role = match tokio::time::timeout(RENEW, lock.hold()).await {
            Ok(Ok(Held::Ours)) => Role::Acting,
            Ok(Ok(Held::Theirs(who))) => Role::Watching(who),
            Ok(Err(e)) => Role::Unsure(error::sentence(&e)),
            Err(_) => Role::Unsure("the API server does not answer".into()),
        };
        self.role.send_if_modified(|now| {
            let changed = *now != role;
            *now = role;
            changed
        });
    }

    /// Writes what changed. False when something could not be written: then nothing is done either.
    async fn record(&self, decision: &Decision) -> bool {
        let (migration, nodes) = {
            let facts = self.board.read();
            (facts.migration.clone(), facts.node_migrations.clone())
        };
        let client = &self.hands.client;
        let Some(migration) = migration else { return false };
        for (name, status) in &decision.nodes {
            let Some(seen) = nodes.get(name) else { continue };
            let before = seen.status.clone().unwrap_or_default();
            if before == *status {
                continue;
            }
            match written(records::write_node(client, seen, status)).await {
                Ok(now) => {
                    if before.step != status.step || before.direction != status.direction {
                        self.journal.say(
                            Kind::Step,
                            format!("node/{name}"),
                            format!("{} → {}", before.step, status.step),
                        );
                    }
                    if before.commands != status.commands {
                        for command in &status.commands {
                            self.journal.say(Kind::Waiting, format!("node/{name}"), format!("yours to do: {command}"));
                        }
                    }
                    if let Some(e) = status
                        .last_error
                        .as_ref()
                        .filter(|e| before.last_error.as_ref().is_none_or(|b| b.message != e.message))
                    {
                        self.journal.say(Kind::Failed, e.object.clone(), format!("{}. {}", e.message, e.next));
                    }
                    self.board.change(|f| f.put_record(now));
                }
                Err(()) => return false,
            }
        }
        let mut status = decision.migration.clone();
        status.engine = Some(self.identity.clone());
        let before = migration.status.clone().unwrap_or_default();
        if before == status {
            return true;
        }
        match written(records::write_migration(client, &migration, &status)).await {
            Ok(now) => {
                self.say_phases(&before, &status);
                self.board.change(|f| f.put_migration(now));
                true
            }
            Err(()) => false,
        }
    }

    fn say_phases(&self, before: &MigrationStatus, now: &MigrationStatus) {
        for phase in &now.phases {
            let was = before.phases.iter().find(|p| p.name == phase.name).map(|p| p.state).unwrap_or_default();
            if was != phase.state {
                let message = if phase.message.is_empty() { String::new() } else { format!(": {}", phase.message) };
                self.journal.say(
                    Kind::Step,
                    format!("phase {}", phase.name),
                    format!("{was:?} → {:?}{message}", phase.state),
                );
            }
        }
        if before.phase != now.phase {
            self.journal.say(Kind::Step, "migration", format!("{:?} → {:?}", before.phase, now.phase));
        }
    }
}

async fn told_to_stop(stop: &mut watch::Receiver<bool>) {
    // whoever could have told is gone: that means stop, too
    let _ = stop.wait_for(|s| *s).await;
}

async fn written<K>(write: impl Future<Output = kube::Result<K>>) -> Result<K, ()> {
    match tokio::time::timeout(Duration::from_secs(10), write).await {
        Ok(Ok(object)) => Ok(object),
        Ok(Err(e)) if error::is_conflict(&e) => Err(()),
        Ok(Err(e)) => {
            tracing::warn!("a status was not written: {}", error::sentence(&e));
            Err(())
        }
        Err(_) => {
            tracing::warn!("a status was not written: no answer within 10 s");
            Err(())
        }
    }
}

/// `user@host/pid`: tells two operators, and two programs of one, apart.
pub fn identity() -> String {
    let user = std::env::var("USER").or_else(|_| std::env::var("USERNAME")).unwrap_or_else(|_| "operator".into());
    let host = std::fs::read_to_string("/etc/hostname").map_or_else(|_| "localhost".into(), |h| h.trim().to_owned());
    format!("{user}@{host}/{}", std::process::id())
}

/// An entry of now.
pub(crate) fn entry(kind: Kind, object: impl Into<String>, text: impl Into<String>) -> Entry {
    Entry::new(Timestamp::now(), kind, object, text)
}
