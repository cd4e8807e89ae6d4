//! Strategies: each a list of phases that say everything that is said of them anywhere.
//!
//! A phase answers four questions from the same code: how does it *stand* by the facts; *advance*; *undo*; *preview*.
//! A phase that rolls nodes is a [`Roll`], made of [steps](super::steps). Nothing outside this folder names a phase of a
//! strategy; `tests/it/layers.rs` holds that.
//!
//! To add a strategy: a folder here, its `mod` below, and a line in [`BUILT_IN`].

mod docs;
pub mod downtime;
mod flannel;
mod hosts;
mod id;
mod level;
pub mod multus;
mod preflight;
mod release;
pub mod roll;
pub mod rolling;
mod verify;

use std::sync::OnceLock;

use serde_json::Value;

pub use docs::markdown;
pub(in crate::domain) use flannel::{clean_task, is_clean, seen_clean};
pub use hosts::HostWork;
pub use id::{PhaseId, StrategyId};
pub use level::Level;
pub use preflight::Preflight;
pub use roll::{Roll, Start, locked};
pub use verify::Verify;
pub(crate) use {level::Goals, roll::preview_node};

use super::{
    api::{CiliumSpec, Finding, MigrationSpec, NodeMigrationStatus, Target},
    decide::Round,
    effect::Proof,
    plan::Planned,
    progress::Progress,
    reason::Waiting,
    steps::{Path, Step},
    view::View,
};

/// The strategies that Cutover comes with. The first one is the default.
pub const BUILT_IN: &[&dyn Strategy] = &[&rolling::Rolling, &downtime::Downtime, &multus::Multus];
/// The phase that every strategy begins with: it changes nothing and needs no approval.
pub const FIRST: &str = "Preflight";

static MORE: OnceLock<&'static [&'static dyn Strategy]> = OnceLock::new();

/// Adds strategies to the built-in ones, once and before anything else is asked: for programs and tests that bring
/// their own.
pub fn register(more: &'static [&'static dyn Strategy]) {
    // a second call changes nothing: ids that were handed out must stay valid
    let _ = MORE.set(more);
}

/// All strategies.
pub fn all() -> impl Iterator<Item = &'static dyn Strategy> {
    BUILT_IN.iter().chain(MORE.get().copied().unwrap_or_default()).copied()
}

/// How a cluster is moved: phases in order. Rolling back walks them backwards.
pub trait Strategy: Sync {
    /// The name as the API and the command line spell it.
    fn id(&self) -> &'static str;
    /// What it does, as a sentence for an operator.
    fn about(&self) -> &'static str;
    /// The phases in order; the first one is [`FIRST`].
    fn phases(&self) -> &'static [&'static dyn Phase];
    /// The oldest Cilium that it works with, as major and minor version.
    fn oldest_cilium(&self) -> (u32, u32);
    /// The pod network is down meanwhile, and the operator has agreed to it: nodes need not go one by one.
    fn has_outage(&self) -> bool {
        false
    }
    /// What it has measured, for the verification.
    fn measured(&self, _view: &View<'_>) -> Vec<Finding> {
        vec![]
    }
    /// What the migration relies on and another actor has changed: it holds until that is as it was.
    fn changed_by_others(&self, _view: &View<'_>) -> Option<Waiting> {
        None
    }
    /// Helm values that it sets, and that the operator's own cannot overrule, as paths with dots.
    fn overruled(&self, cilium: &CiliumSpec) -> Vec<String>;
    /// Every set of helm values that it installs; those that the operator's own make impossible are left out.
    fn values(&self, _cilium: &CiliumSpec) -> Vec<Value> {
        vec![]
    }
}

impl dyn Strategy {
    /// A phase of this strategy.
    pub fn phase(&self, id: PhaseId) -> Option<&'static dyn Phase> {
        self.phases().iter().copied().find(|p| p.id() == id)
    }

    /// The place of a phase in the order; a phase of another strategy comes before all.
    pub fn position(&self, id: PhaseId) -> usize {
        self.phases().iter().position(|p| p.id() == id).unwrap_or(0)
    }

    /// The phase comes before the limit, or is the limit.
    pub fn is_within(&self, phase: PhaseId, limit: PhaseId) -> bool {
        self.position(phase) <= self.position(limit)
    }

    /// The phases after this one.
    pub fn after(&self, id: PhaseId) -> impl Iterator<Item = &'static dyn Phase> {
        self.phases().iter().copied().skip(self.position(id) + 1)
    }

    /// The phase before this one.
    pub fn before(&self, id: PhaseId) -> Option<&'static dyn Phase> {
        self.phases().get(self.position(id).checked_sub(1)?).copied()
    }

    /// The first phase.
    pub fn first(&self) -> PhaseId {
        self.phases().first().map(|p| p.id()).unwrap_or_default()
    }

    /// The last phase.
    pub fn last(&self) -> PhaseId {
        self.phases().last().map(|p| p.id()).unwrap_or_default()
    }

    /// Why what lies beyond this phase is not rolled back by itself.
    pub fn only_whole(&self, view: &View<'_>, through: PhaseId) -> Option<&'static str> {
        let begun = |p: &&dyn Phase| p.goes_back_with_all() && p.standing(view) != Standing::NotBegun;
        self.after(through).any(|p| begun(&p)).then_some(ONLY_WHOLE)
    }

    /// The phases that roll nodes, in order.
    pub fn rolls(&self) -> impl DoubleEndedIterator<Item = &'static dyn Roll> {
        self.phases().iter().filter_map(|p| p.roll())
    }

    /// The steps that a node goes through in its direction.
    pub fn path_of(&self, status: &NodeMigrationStatus) -> Path {
        let roll = self.rolls().find(|r| status.phase.is_none_or(|id| id == r.phase()));
        roll.map(|r| r.path(status.direction)).unwrap_or_default()
    }

    /// The strictest approval among the phases that approving this one would newly begin.
    pub fn approval_needed(&self, spec: &MigrationSpec, until: PhaseId) -> Approval {
        let rolled_back = spec.target == Target::Flannel;
        let newly = |p: &&&dyn Phase| rolled_back || !self.is_within(p.id(), spec.approved);
        let phases = self.phases().iter().filter(|p| self.is_within(p.id(), until)).filter(newly);
        phases.map(|p| p.spec().approval).max().unwrap_or(Approval::None).max(Approval::Key)
    }

    /// A phase beyond the first one has begun, by the facts.
    pub fn is_begun(&self, view: &View<'_>) -> bool {
        view.is_begun_after(self.first())
    }
}

/// Why a phase, or a node, does not go back by itself.
pub(crate) const ONLY_WHOLE: &str = "Cilium is on all nodes at once: they go back together, with everything";

/// What has to be given before a phase begins; the later, the more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Approval {
    /// Nothing: it changes nothing.
    None,
    /// An operator's approval.
    Key,
    /// An operator's approval with the context's name typed: the way back is no longer cheap.
    ContextName,
}

/// Everything that is said of a phase anywhere.
#[derive(Clone, Copy, Debug)]
pub struct PhaseSpec {
    /// The name as the API and the command line spell it.
    pub id: &'static str,
    /// What it does, as a sentence for an operator.
    pub purpose: &'static str,
    /// What rolling it back does, as a sentence.
    pub undo: &'static str,
    /// How it is approved.
    pub approval: Approval,
}

/// How a phase stands by the facts, whatever is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing of it is there.
    NotBegun,
    /// It has begun, and may be half done.
    Begun,
    /// It is done, or a later phase builds on it.
    Done,
}

/// One phase of a strategy.
pub trait Phase: Sync {
    /// What is said of it.
    fn spec(&self) -> &'static PhaseSpec;
    /// How it stands by the facts.
    fn standing(&self, view: &View<'_>) -> Standing;
    /// Takes it forward, as far as the facts allow.
    fn advance(&self, round: &mut Round<'_>) -> Progress;
    /// Takes it back. [`Progress::Done`] when nothing of it is left.
    fn undo(&self, round: &mut Round<'_>) -> Progress;
    /// Every change that it, or its way back, would make from here.
    fn preview(&self, view: &View<'_>, way: Target) -> Vec<Planned>;
    /// What has to be seen at its end, beyond what its changes say themselves.
    fn proofs(&self, _view: &View<'_>) -> Vec<Proof> {
        vec![]
    }
    /// What an operator should know before approving it.
    fn notices(&self, _view: &View<'_>) -> Vec<String> {
        vec![]
    }
    /// It is only rolled back together with everything: a part of the way back would leave nodes without a CNI.
    fn goes_back_with_all(&self) -> bool {
        false
    }
    /// The nodes that it rolls.
    fn roll(&self) -> Option<&dyn Roll> {
        None
    }
    /// The name.
    fn id(&self) -> PhaseId {
        PhaseId::of(self.spec())
    }
}

impl std::fmt::Debug for dyn Strategy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id())
    }
}

/// Every step of every strategy, each once.
pub fn steps() -> Vec<&'static dyn Step> {
    let mut found: Vec<&'static dyn Step> = Vec::new();
    for step in all().flat_map(|s| s.rolls().flat_map(|r| r.path(Target::Cilium).iter().chain(r.path(Target::Flannel))))
    {
        if !found.iter().any(|f| f.spec().id == step.spec().id) {
            found.push(*step);
        }
    }
    found
}

/// Every phase of every strategy, each name once.
pub fn phase_names() -> Vec<&'static str> {
    let mut found: Vec<&'static str> = Vec::new();
    for phase in all().flat_map(|s| s.phases().iter()) {
        if !found.contains(&phase.spec().id) {
            found.push(phase.spec().id);
        }
    }
    found
}
