//! How far a node has come, and how far it should.
//!
//! The rolls of a strategy are levels that a node climbs: `Pending`, the steps of the first roll, done with the first
//! roll, the steps of the second one, and so on. The way back goes down the same levels.

use super::{PhaseId, Roll};
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

    /// Rolls that a node still has to go through, all of them approved or not, on its way to this target.
    pub fn ahead(view: &View<'_>, status: &NodeMigrationStatus, target: Target) -> usize {
        let level = Self::of(view, status);
        match (target, status.step) {
            (Target::Cilium, _) => view.strategy.rolls().count().saturating_sub(level.passed()),
            (Target::Flannel, NodeStep::RolledBack) => 0,
            (Target::Flannel, _) => level.roll + 1,
        }
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

/// How many rolls nodes should have passed: the same for all of them, but for what an operator has asked of one.
#[derive(Clone, Copy)]
pub(crate) struct Goals<'a> {
    view: View<'a>,
    /// Rolls that are approved as a whole.
    approved: usize,
    /// Rolls that a node goes through which was approved by itself.
    pub(crate) canary: usize,
}

impl<'a> Goals<'a> {
    pub(crate) fn of(view: View<'a>) -> Self {
        let approved = |id: PhaseId| view.strategy.is_within(id, view.migration.spec.approved);
        let before = |r: &dyn Roll| view.strategy.before(r.phase()).is_none_or(|p| approved(p.id()));
        let rolls = || view.strategy.rolls();
        Self {
            view,
            approved: rolls().take_while(|r| approved(r.phase())).count(),
            canary: rolls().take_while(|r| approved(r.phase()) || before(*r)).count(),
        }
    }

    /// The goal of a node. `None`: it stays as it is.
    pub(crate) fn goal(&self, node: &NodeFact, status: &NodeMigrationStatus) -> Option<usize> {
        let spec = self.view.record(&node.name).map(|r| &r.spec);
        if self.view.migration.spec.target == Target::Flannel || spec.is_some_and(|s| s.target == Target::Flannel) {
            return Some(0);
        }
        let wanted = if spec.is_some_and(|s| s.approved) { self.canary } else { self.approved };
        // not approved any more: what has begun goes back
        (wanted > 0 || !status.step.is_unmoved() || node.switched).then_some(wanted)
    }

    /// The roll that a node goes through next, and its direction.
    pub(crate) fn next(&self, node: &NodeFact, status: &NodeMigrationStatus) -> Option<(usize, Target)> {
        Level::of(&self.view, status).next(self.goal(node, status)?)
    }
}
