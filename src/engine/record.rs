//! What the engine writes down: the records' statuses, each for the very version that was decided on, and what
//! there is to say about them.

use std::time::Duration;

use tokio::time::timeout;

use super::{Engine, Pace};
use crate::{
    cluster::port::{Cluster, RequestError},
    domain::{
        api::{Migration, MigrationStatus, NodeMigration, NodeMigrationStatus, Target},
        audit::anchor,
        decide::Decision,
        log::Kind,
    },
};

/// How long the write of a status may take.
const STATUS: Duration = Duration::from_secs(10);
/// How long the audit log may have grown before that is anchored, when nothing else is written.
const ANCHOR: Duration = Duration::from_secs(5);

/// How many records are written in one round.
const WRITES: usize = 20;

impl<C: Cluster> Engine<C> {
    /// Writes what changed. False when something could not be written: then nothing is done either.
    pub(super) async fn record(&self, decision: &Decision, epoch: i64, pace: &mut Pace) -> bool {
        // only ever for the objects that the decision was made of: a newer one refuses the write
        let Some(migration) = &decision.decided_on else { return false };
        // the Migration first: an engine of an earlier term cannot write it any more from here on
        let mut status = decision.migration.clone();
        status.engine = Some(self.identity.clone());
        status.epoch = epoch;
        let changed = migration.status.as_ref() != Some(&status);
        if (changed || self.anchor_is_due(&status, pace)) && !self.write_migration(migration, status).await {
            return false;
        }
        let mut writes = 0;
        for changed in decision.nodes.values() {
            let Some(seen) = &changed.decided_on else { continue };
            // the Lease has to be renewed in between: the rest follows in the next round
            writes += 1;
            if writes > WRITES {
                return false;
            }
            let status = NodeMigrationStatus { epoch, ..changed.status.clone() };
            let Ok(now) = written(self.cluster.write_node(seen, &status)).await else { return false };
            self.say_node(seen, &status);
            self.store.change(|f| f.put_record(now));
        }
        true
    }

    async fn write_migration(&self, seen: &Migration, mut status: MigrationStatus) -> bool {
        if let Some(end) = self.cluster.audited() {
            anchor(&mut status.audit, &end);
        }
        let Ok(now) = written(self.cluster.write_migration(seen, &status)).await else { return false };
        self.say_phases(&seen.status.clone().unwrap_or_default(), &status);
        self.store.change(|f| f.put_migration(now));
        true
    }

    /// The audit log has grown, and was not anchored for a while.
    fn anchor_is_due(&self, status: &MigrationStatus, pace: &mut Pace) -> bool {
        let now = self.clock.elapsed();
        let grown = self.cluster.audited().is_some_and(|end| !status.audit.contains(&end));
        let due = grown && now.saturating_sub(pace.anchored) >= ANCHOR;
        if due || !grown {
            pace.anchored = now;
        }
        due
    }

    /// What was done last is anchored before the lock is given back.
    pub(super) async fn anchor_last(&self, epoch: i64) {
        let Some(migration) = self.store.read().migration.clone() else { return };
        let status = MigrationStatus { epoch, ..migration.status.clone().unwrap_or_default() };
        if self.cluster.audited().is_some_and(|end| !status.audit.contains(&end)) {
            self.write_migration(&migration, status).await;
        }
    }

    fn say_node(&self, record: &NodeMigration, status: &NodeMigrationStatus) {
        let name = record.metadata.name.as_deref().unwrap_or_default();
        let before = record.status.clone().unwrap_or_default();
        if before.step != status.step || before.direction != status.direction {
            let steps = format!("{} → {}", before.step, status.step);
            let to = if status.direction == Target::Cilium { "to Cilium" } else { "back to Flannel" };
            self.cluster.tell(record, "CutoverStep", format!("On its way {to}: {steps}"), false);
            self.journal.say(Kind::Step, format!("node/{name}"), steps);
        }
        if before.commands != status.commands {
            for command in &status.commands {
                self.journal.say(Kind::Waiting, format!("node/{name}"), format!("yours to do: {command}"));
            }
        }
        let known = |m: &str| before.last_error.as_ref().is_some_and(|b| b.problem.message == m);
        if let Some(e) = status.last_error.as_ref().filter(|e| !known(&e.problem.message)) {
            let said = format!("{}. {}", e.problem.message, e.problem.remedy);
            self.cluster.tell(record, "CutoverTrouble", format!("{}: {said}", e.problem.object), true);
            self.journal.say(Kind::Failed, e.problem.object.clone(), said);
        }
    }

    fn say_phases(&self, before: &MigrationStatus, now: &MigrationStatus) {
        for phase in &now.phases {
            let was = before.phases.iter().find(|p| p.name == phase.name).map(|p| p.state).unwrap_or_default();
            if was != phase.state {
                let said = &phase.waiting.message;
                let message = if said.is_empty() { String::new() } else { format!(": {said}") };
                self.journal.say(
                    Kind::Step,
                    format!("phase {}", phase.name),
                    format!("{was:?} → {:?}{message}", phase.state),
                );
            }
        }
        if before.phase != now.phase {
            self.journal.say(Kind::Step, "migration", format!("{} → {}", before.phase, now.phase));
        }
    }
}

async fn written<K>(write: impl Future<Output = Result<K, RequestError>>) -> Result<K, ()> {
    match timeout(STATUS, write).await {
        Ok(Ok(object)) => return Ok(object),
        // it is decided again on what is there now
        Ok(Err(RequestError::Conflict)) => {}
        Ok(Err(e)) => tracing::warn!("a status was not written: {e}"),
        Err(_) => tracing::warn!("a status was not written: no answer within {} s", STATUS.as_secs()),
    }
    Err(())
}
