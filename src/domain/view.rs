//! Everything that a decision is made of.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, LazyLock},
};

use jiff::Timestamp;

use super::{
    api::{Migration, NodeMigration, NodeMigrationStatus, PhaseState, Stage, Target},
    effect::FINALIZER,
    facts::Facts,
    guard::DeniedFlow,
    problem::Problem,
    strategy::{Phase, PhaseId, Standing, Strategy},
};

/// Failures of effects that have not succeeded since, by the effect's name.
pub type Failures = BTreeMap<String, Failure>;

/// An effect that failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// What failed, what was left behind, and what to do next.
    pub problem: Problem,
    /// When it last failed.
    pub at: Timestamp,
    /// How often in a row.
    pub count: u32,
}

/// Everything that a decision is made of.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// What is known.
    pub facts: &'a Facts,
    /// What is wanted.
    pub migration: &'a Migration,
    /// How the cluster is moved.
    pub strategy: &'static dyn Strategy,
    /// What went wrong lately.
    pub failures: &'a Failures,
    /// Names of the effects that are under way, or so young that watches may not show them yet.
    pub in_flight: &'a BTreeSet<String>,
    /// Names of the effects that have succeeded since this engine last began them, of those that nothing watched shows.
    pub ended: &'a BTreeSet<String>,
    /// Since when this engine has been active without a hold: waiting before that does not count.
    pub since: Timestamp,
    /// The time.
    pub now: Timestamp,
}

impl<'a> View<'a> {
    /// No failures and nothing in flight, for callers that only inspect.
    pub fn read_only(facts: &'a Facts, migration: &'a Migration, now: Timestamp) -> Self {
        static NO_FAILURES: Failures = Failures::new();
        static NOTHING: BTreeSet<String> = BTreeSet::new();
        Self {
            facts,
            migration,
            strategy: migration.spec.strategy.get(),
            failures: &NO_FAILURES,
            in_flight: &NOTHING,
            ended: &NOTHING,
            since: Timestamp::MIN,
            now,
        }
    }

    /// The record of a node.
    pub fn record(&self, node: &str) -> Option<&'a Arc<NodeMigration>> {
        self.facts.node_migrations.get(node)
    }

    /// The status of a node's record; the default where there is none.
    pub fn status(&self, node: &str) -> &'a NodeMigrationStatus {
        self.record(node).and_then(|r| r.status.as_ref()).unwrap_or(&DEFAULT)
    }

    /// The phase is approved.
    pub fn is_approved(&self, phase: &dyn Phase) -> bool {
        self.strategy.is_within(phase.id(), self.migration.spec.approved)
    }

    /// How the phase stood when the status was last written.
    pub fn recorded(&self, phase: PhaseId) -> PhaseState {
        let phases = self.migration.status.iter().flat_map(|s| &s.phases);
        phases.into_iter().find(|p| p.name == phase).map(|p| p.state).unwrap_or_default()
    }

    /// This migration has begun the phase and not taken it back, as its status says.
    pub fn has_begun(&self, phase: PhaseId) -> bool {
        !matches!(self.recorded(phase), PhaseState::Pending | PhaseState::NeedsApproval)
    }

    /// A phase after this one has begun, by the facts.
    pub fn is_begun_after(&self, phase: PhaseId) -> bool {
        self.strategy.after(phase).any(|p| p.standing(self) != Standing::NotBegun)
    }

    /// It is at the end that is wanted, and nothing else is since: it is only observed. Generations alone do not tell:
    /// those of a Migration that is restored from a backup begin again.
    pub fn has_ended(&self) -> bool {
        let Some(status) = self.migration.status.as_ref().filter(|s| s.finished_at.is_some()) else { return false };
        let generation = self.migration.metadata.generation.unwrap_or_default();
        let asks = |n: &Arc<NodeMigration>| n.spec.target == Target::Flannel;
        match (status.phase, self.migration.spec.target) {
            // whatever else is changed: nothing of it is left
            (Stage::RolledBack, Target::Flannel) => true,
            (Stage::Complete, Target::Cilium) => {
                status.observed_generation == generation && !self.facts.node_migrations.values().any(asks)
            }
            _ => false,
        }
    }

    /// Cutover's finalizer is on the Migration.
    pub fn is_held(&self) -> bool {
        self.migration.metadata.finalizers.iter().flatten().any(|f| f == FINALIZER)
    }

    /// Working connections that NetworkPolicies will deny once they are enforced: as flows say, or where none are read
    /// here, as was last written down.
    pub fn denied(&self) -> &'a [DeniedFlow] {
        match (&self.facts.flows.denied, &self.migration.status) {
            (Some(denied), _) => denied,
            (None, Some(status)) => &status.denied,
            (None, None) => &[],
        }
    }

    /// It was deleted before its end: Cutover's finalizer keeps it until then.
    pub fn is_deleted_midway(&self) -> bool {
        let ended = self.migration.status.as_ref().is_some_and(|s| s.phase.is_end());
        self.migration.metadata.deletion_timestamp.is_some() && self.is_started() && !ended
    }

    /// What a migration half way has left on the cluster, where this Migration has no record of having begun: its status was
    /// lost, as with a backup that was restored without it, or it was created anew.
    pub fn unknown_trace(&self) -> Option<String> {
        if self.is_started() || self.has_ended() { None } else { self.facts.traces().into_iter().next() }
    }

    /// The first change of this migration is on record. One that was rolled back begins again with its checks: what is
    /// there by then may be another actor's.
    pub fn is_started(&self) -> bool {
        self.migration.status.as_ref().is_some_and(|s| s.started_at.is_some() && s.phase != Stage::RolledBack)
    }
}

/// The status of a node that nothing is recorded of.
pub static DEFAULT: LazyLock<NodeMigrationStatus> = LazyLock::new(NodeMigrationStatus::default);
