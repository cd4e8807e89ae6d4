//! What to do next: a function of what is known and of the time. One generic loop over the phases of the strategy,
//! forward and back.

mod flows;
mod order;
mod queue;
mod records;
mod status;

use std::{collections::BTreeMap, sync::Arc};

use super::{
    api::{
        Finding, MIGRATION, Migration, MigrationStatus, NodeMigration, NodeMigrationSpec, NodeMigrationStatus,
        PhaseState, Pins, Stage, Target,
    },
    drain::progress,
    effect::{Effect, FINALIZER, resource::DEFINITIONS},
    facts::{Facts, Freshness, NodeFact, Source},
    progress::Progress,
    reason::{Reason, Waiting},
    steps::{self, NodeStep},
    strategy::{Phase, PhaseId, Standing},
    view::View,
};

pub(crate) use queue::Queue;
pub use records::Records;

/// What is due, and what the records become.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// Changes that are due now.
    pub effects: Vec<Effect>,
    /// What the Migration's status becomes, and the object that this was decided on.
    pub migration: MigrationStatus,
    /// The Migration that this was decided on.
    pub decided_on: Option<Arc<Migration>>,
    /// Statuses that become another one.
    pub nodes: BTreeMap<Arc<str>, Changed>,
    /// Why nothing is done although something is due.
    pub held: Option<Waiting>,
}

/// A node's status that becomes another one.
#[derive(Clone, Debug, PartialEq)]
pub struct Changed {
    /// The record that this was decided on; `None` where there is none yet.
    pub decided_on: Option<Arc<NodeMigration>>,
    /// What its status becomes.
    pub status: NodeMigrationStatus,
}

impl Decision {
    /// Adds the nodes on their way whose records were last written in an earlier term: written in this one, an engine of
    /// that term can no longer write them.
    pub fn claim_nodes(&mut self, facts: &Facts, epoch: i64) {
        for (name, record) in &facts.node_migrations {
            let Some(status) = record.status.as_ref().filter(|s| s.step.is_out() && s.epoch < epoch) else { continue };
            let claim = || Changed { decided_on: Some(record.clone()), status: status.clone() };
            self.nodes.entry(name.clone()).or_insert_with(claim);
        }
    }
}

/// Decides from the facts of a cluster with a Migration: see [`View::read_only`] for a view of one's own.
pub fn decide(view: View<'_>) -> Decision {
    let mut round = Round::new(view);
    let held = hold(&view);
    match &held {
        None => round.go(),
        Some(waiting) => round.hold(waiting.clone()),
    }
    status::finish(round, held)
}

/// Nothing is built on facts that may be old, and nothing is changed while paused.
fn hold(view: &View<'_>) -> Option<Waiting> {
    let stale = view.facts.stale();
    if !stale.is_empty() {
        return Some(Waiting::new(Reason::StaleFacts, format!("held: not up to date on {}", stale.join(", "))));
    }
    if view.facts.sources[Source::Records] == Freshness::Absent && view.is_started() && !view.has_ended() {
        let message = "NodeMigrations are not served: their definition was deleted, and with it the records of all nodes. Create it again: cutover manifests | kubectl apply -f -";
        return Some(
            Waiting::new(Reason::RecordsDeleted, message)
                .on(DEFINITIONS.named("nodemigrations.cutover.dev").to_string()),
        );
    }
    if view.migration.spec.paused {
        return Some(Waiting::new(Reason::Paused, "paused"));
    }
    if view.is_deleted_midway() && view.migration.spec.target == Target::Cilium {
        let message = format!(
            "the Migration was deleted before its end, and stays until everything is rolled back: cutover rollback. To go on instead, remove its finalizer {FINALIZER} and take the migration over: cutover adopt"
        );
        return Some(Waiting::new(Reason::MigrationDeleted, message).on(format!("migration/{MIGRATION}")));
    }
    if let Some(trace) = view.unknown_trace().filter(|_| view.migration.spec.target == Target::Flannel) {
        let message = format!(
            "there is a migration half way ({trace}), and this Migration has no record of its beginning: take it over with cutover adopt"
        );
        return Some(Waiting::new(Reason::MigrationUnknown, message).on(format!("migration/{MIGRATION}")));
    }
    if view.has_ended() { None } else { view.strategy.changed_by_others(view).filter(|_| view.is_started()) }
}

/// One decision while it is made.
pub struct Round<'a> {
    /// What it is made of.
    pub view: View<'a>,
    /// The nodes of the migration in their order.
    pub order: Vec<&'a NodeFact>,
    /// What the statuses of the nodes become.
    pub records: Records<'a>,
    /// Changes that are due.
    pub effects: Vec<Effect>,
    /// What the checks of the phase found.
    pub findings: Vec<Finding>,
    /// What the migration relies on.
    pub pins: Pins,
    /// How many of the effects only tidy up, and begin nothing.
    tidied: usize,
    phases: Vec<(PhaseId, PhaseState, Waiting)>,
    stage: Stage,
    waiting: Waiting,
}

impl<'a> Round<'a> {
    fn new(view: View<'a>) -> Self {
        let old = view.migration.status.as_ref();
        let state = |id: PhaseId| {
            let recorded = old.and_then(|s| s.phases.iter().find(|p| p.name == id));
            recorded.map_or_else(Default::default, |p| (p.state, p.waiting.clone()))
        };
        let phase = |p: &&dyn Phase| {
            let (recorded, waiting) = state(p.id());
            (p.id(), recorded, waiting)
        };
        Self {
            view,
            order: view.nodes_in_order(),
            records: Records::new(view.facts),
            effects: vec![],
            findings: old.map(|s| s.findings.clone()).unwrap_or_default(),
            // begun again after everything was rolled back it relies on what is there then
            pins: old
                .filter(|s| s.phase != Stage::RolledBack || view.has_ended())
                .and_then(|s| s.pins.clone())
                .unwrap_or_default(),
            tidied: 0,
            phases: view.strategy.phases().iter().map(phase).collect(),
            stage: old.map(|s| s.phase).unwrap_or_default(),
            waiting: Waiting::default(),
        }
    }

    fn set(&mut self, id: PhaseId, state: PhaseState, waiting: Waiting) {
        if let Some(phase) = self.phases.iter_mut().find(|(p, ..)| *p == id) {
            *phase = (id, state, waiting);
        }
    }

    /// Nothing is done now. What was asked for since the end is no end any more.
    fn hold(&mut self, waiting: Waiting) {
        self.waiting = waiting;
        if self.stage.is_end() && !self.view.has_ended() {
            let back = self.view.migration.spec.target == Target::Flannel;
            self.stage = if back { Stage::RollingBack } else { Stage::At(self.view.strategy.first()) };
        }
    }

    fn go(&mut self) {
        let view = self.view;
        self.effects.extend(steps::sweep(&view));
        let records = &self.records;
        self.effects.extend(progress::put_back(view.facts, view.migration, |n| Some(records.get(n))));
        if view.has_ended() && view.is_held() {
            self.effects.push(Effect::ReleaseMigration);
        }
        self.tidied = self.effects.len();
        if view.has_ended() {
            // what others install or restore afterwards is theirs
            if let Some(last) = view.strategy.phases().last().filter(|_| self.stage == Stage::Complete) {
                let due = self.effects.len();
                let _ = last.advance(self);
                self.effects.truncate(due);
            }
            return;
        }
        let missing = view.facts.nodes.keys().filter(|n| !view.facts.node_migrations.contains_key(*n));
        let owner: Option<Arc<str>> = view.migration.metadata.uid.as_deref().map(Into::into);
        self.effects.extend(missing.map(|n| Effect::CreateRecord { node: n.clone(), owner: owner.clone() }));
        self.effects.extend(gone(&view));
        self.tidied = self.effects.len();
        self.forget_replaced_nodes();
        self.recognize_nodes();
        let spec = &view.migration.spec;
        // before the first change there is nothing of this migration's to take back, whatever there is
        let begun = view.is_started() || spec.target == Target::Flannel;
        if begun && self.undo((spec.target == Target::Cilium).then_some(spec.approved)) {
            self.stage = Stage::RollingBack;
        } else if spec.target == Target::Flannel && !view.in_flight.is_empty() {
            self.waiting = under_way();
            self.stage = Stage::RollingBack;
        } else if spec.target == Target::Flannel {
            self.waiting.clear();
            self.stage = Stage::RolledBack;
        } else {
            self.forward();
        }
        let deleted = view.migration.metadata.deletion_timestamp.is_some();
        if view.is_started() && !view.is_held() && !deleted && !self.stage.is_end() {
            self.effects.insert(0, Effect::HoldMigration);
            self.tidied += 1;
        }
    }

    /// A machine that came back under the name of another one was never moved, whatever the record says.
    fn forget_replaced_nodes(&mut self) {
        for node in self.view.facts.nodes.values() {
            let status = self.records.get(&node.name);
            if status.node_uid.as_deref().is_some_and(|uid| *uid != *node.uid) {
                let (epoch, observed_retries) = (status.epoch, status.observed_retries);
                self.records.set(&node.name, NodeMigrationStatus { epoch, observed_retries, ..Default::default() });
            }
        }
    }

    /// A node whose record was lost is in the roll that its labels show: an earlier roll would undo it half way. It starts
    /// that roll again. Before the migration begins a label is a stray one.
    fn recognize_nodes(&mut self) {
        if !self.view.is_started() {
            return;
        }
        for node in self.view.facts.nodes.values() {
            let status = self.records.get(&node.name);
            if status.attempt > 0 || status.phase.is_some() || self.view.record(&node.name).is_none() {
                continue;
            }
            let Some(roll) = self.view.strategy.rolls().rfind(|roll| roll.found(node)) else { continue };
            let Some(first) = roll.path(Target::Cilium).first() else { continue };
            let mut status = status.clone();
            (status.phase, status.attempt) = (Some(roll.phase()), 1);
            (status.step, status.since) = (NodeStep::At(first.spec()), Some(self.view.now));
            (status.evidence.switched, status.evidence.multus) = (node.switched, node.multus.is_some());
            status.node_uid = Some(node.uid.to_string());
            self.records.set(&node.name, status);
        }
    }

    /// Takes back what lies beyond `through`, the last phase first. True while there is something.
    fn undo(&mut self, through: Option<PhaseId>) -> bool {
        let strategy = self.view.strategy;
        for phase in strategy.phases().iter().rev() {
            if through.is_some_and(|t| strategy.is_within(phase.id(), t)) {
                break;
            }
            let recorded = self.view.recorded(phase.id());
            let at_work = matches!(recorded, PhaseState::Running | PhaseState::Blocked);
            // what was begun for all nodes is awaited before it is taken back; a node sees to itself
            if at_work && phase.roll().is_none() && !self.view.in_flight.is_empty() {
                return !self.apply_progress(phase.id(), recorded, Progress::Wait(under_way()));
            }
            let progress = phase.undo(self);
            if !self.apply_progress(phase.id(), PhaseState::RollingBack, progress) {
                return true;
            }
            self.set(phase.id(), PhaseState::Pending, Waiting::default());
        }
        false
    }

    fn forward(&mut self) {
        let view = self.view;
        let mut phases = view.strategy.phases().iter();
        for phase in phases.by_ref() {
            let (id, approved) = (phase.id(), view.is_approved(*phase));
            self.stage = Stage::At(id);
            if !approved && !self.has_canaries(*phase) {
                let waiting = Waiting::new(Reason::NeedsApproval, format!("{id} needs approval"));
                self.set(id, PhaseState::NeedsApproval, Waiting::default());
                self.waiting = waiting;
                break;
            }
            let progress = match phase.standing(&view) {
                Standing::Done => Progress::Done,
                Standing::NotBegun | Standing::Begun => phase.advance(self),
            };
            let ends = id == view.strategy.last() && progress == Progress::Done;
            let progress = if ends && !view.in_flight.is_empty() { Progress::Wait(under_way()) } else { progress };
            if !self.apply_progress(id, PhaseState::Running, progress) {
                break;
            }
            if !approved {
                let waiting = Waiting::new(Reason::ApprovedNodesDone, "the approved nodes are done");
                self.set(id, PhaseState::NeedsApproval, waiting);
                break;
            }
            self.set(id, PhaseState::Done, Waiting::default());
            self.waiting.clear();
            if id == view.strategy.last() {
                self.stage = Stage::Complete;
            }
        }
        // one that has begun stays so, although an earlier one has something to do again
        for later in phases.filter(|p| !view.has_begun(p.id())) {
            self.set(later.id(), PhaseState::Pending, Waiting::default());
        }
    }

    /// Nodes may be approved one by one before the phase as a whole; the phases before it are approved then.
    fn has_canaries(&self, phase: &dyn Phase) -> bool {
        let mut records = self.view.facts.node_migrations.values();
        phase.roll().is_some() && records.any(|n| n.spec.approved && n.spec.target == Target::Cilium)
    }

    /// Takes the progress of a phase in; true when it is done.
    fn apply_progress(&mut self, phase: PhaseId, at_work: PhaseState, progress: Progress) -> bool {
        let (state, waiting) = match progress {
            Progress::Done => return true,
            Progress::Act(effects, waiting) => {
                let failing = effects.iter().find_map(|e| self.view.failures.get(&e.name()));
                let failed = failing.map(|f| {
                    let message = format!("{} (try {}). {}", f.problem.message, f.count + 1, f.problem.remedy);
                    Waiting::new(Reason::Failed, message).on(&f.problem.object)
                });
                self.effects.extend(effects);
                failed.map_or((at_work, waiting), |w| (PhaseState::Blocked, w))
            }
            Progress::Wait(waiting) => (at_work, waiting),
            Progress::Fail(reason, problem) => {
                (PhaseState::Blocked, Waiting::new(reason, problem.to_string()).on(&problem.object))
            }
        };
        self.waiting = waiting.clone();
        self.set(phase, state, waiting);
        false
    }
}

/// An end is one once nothing is under way any more.
fn under_way() -> Waiting {
    Waiting::new(Reason::Working, "what was begun is still under way")
}

/// Records of nodes that are gone. What an operator has asked for one of that name is kept.
fn gone(view: &View<'_>) -> impl Iterator<Item = Effect> {
    let records = view.facts.node_migrations.iter();
    let gone = records.filter(|(n, r)| !view.facts.nodes.contains_key(*n) && r.spec == NodeMigrationSpec::default());
    gone.filter_map(|(n, r)| {
        let uid = r.metadata.uid.as_deref()?.into();
        Some(Effect::DeleteRecord { node: n.clone(), uid })
    })
}
