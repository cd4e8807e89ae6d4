//! How far a node has come, and how far it should.
//!
//! The rolls of a strategy are levels that a node climbs: `Pending`, the steps of the first roll, done with the first
//! roll, the steps of the second one, and so on. The way back goes down the same levels.

use super::PhaseId;
use crate::domain::{
    api::{NodeMigrationStatus, Target},
    facts::NodeFact,
    steps::NodeStep,
    view::View,
};

/// How far a node has come: the roll that it is in, and where in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Index of the roll among the strategy's.
    pub roll: usize,
    /// Where in it.
    pub step: NodeStep,
}

impl Level {
    /// The level of a node.
    pub fn of(view: &View<'_>, status: &NodeMigrationStatus) -> Self {
        let roll = status.phase.and_then(|id| view.strategy.rolls().position(|r| r.phase() == id)).unwrap_or(0);
        Self { roll, step: status.step }
    }

    /// Rolls that are behind the node, done.
    pub const fn passed(self) -> usize {
        if matches!(self.step, NodeStep::Done) { self.roll + 1 } else { self.roll }
    }

    /// The roll that the node goes through next, and its direction, for a node that should have passed `goal` rolls.
    pub const fn next(self, goal: usize) -> Option<(usize, Target)> {
        let passed = self.passed();
        match self.step {
            NodeStep::Done if goal == passed => None,
            NodeStep::Done if goal > passed => Some((passed, Target::Cilium)),
            _ if goal > self.roll => Some((self.roll, Target::Cilium)),
            _ => Some((self.roll, Target::Flannel)),
        }
    }
}

/// How many rolls a node should have passed. `None`: it stays as it is.
pub(crate) fn goal(view: &View<'_>, node: &NodeFact, status: &NodeMigrationStatus) -> Option<usize> {
    let spec = view.record(&node.name).map(|r| &r.spec);
    if view.migration.spec.target == Target::Flannel || spec.is_some_and(|s| s.target == Target::Flannel) {
        return Some(0);
    }
    let canary = spec.is_some_and(|s| s.approved);
    let approved = |id: PhaseId| view.strategy.is_within(id, view.migration.spec.approved);
    let wanted = view.strategy.rolls().take_while(|r| {
        let before = view.strategy.before(r.phase());
        approved(r.phase()) || (canary && before.is_none_or(|p| approved(p.id())))
    });
    let wanted = wanted.count();
    // not approved any more: what has begun goes back
    (wanted > 0 || !status.step.is_unmoved() || node.switched).then_some(wanted)
}

/// The direction in which a node goes next.
pub(crate) fn direction(view: &View<'_>, node: &NodeFact) -> Option<Target> {
    let status = view.status(&node.name);
    let level = Level::of(view, status);
    let goal = goal(view, node, status)?;
    Some(level.next(goal).map_or(Target::Cilium, |(_, way)| way))
}
