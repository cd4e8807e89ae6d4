//! What waits for an operator: on which object, why, and what lets it go on. Screen, command line and JSON read this,
//! so that it looks like normal work nowhere.

use std::{fmt, sync::Arc};

use serde::{Serialize, Serializer};

use super::{
    api::{PhaseState, PhaseStatus, Target},
    reason::Reason,
    steps::NodeStep,
    strategy::PhaseId,
    view::View,
};

/// Something that waits for an operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Turn {
    /// What waits.
    pub object: TurnOf,
    /// Why.
    pub reason: Reason,
    /// Why, in a sentence.
    pub message: String,
    /// What lets it go on.
    pub action: Remedy,
}

/// What can wait for an operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum TurnOf {
    /// The migration as a whole.
    Migration,
    /// A phase.
    Phase(PhaseId),
    /// A node.
    #[serde(serialize_with = "as_text")]
    Node(Arc<str>),
    /// A connection that fails, as `from->to:port`.
    Connection(String),
}

fn as_text<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

/// What an operator can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Remedy {
    /// Approve the phase.
    Approve,
    /// Let what has timed out go on.
    Retry,
    /// Give a consent, or fix what it would override.
    Consent,
    /// Release the node that is held on Flannel.
    Release,
    /// Resume the migration.
    Resume,
    /// Fix what the message names.
    Fix,
}

impl fmt::Display for TurnOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Migration => f.write_str("migration"),
            Self::Phase(phase) => write!(f, "phase {phase}"),
            Self::Node(node) => write!(f, "node {node}"),
            Self::Connection(edge) => write!(f, "connection {edge}"),
        }
    }
}

impl Reason {
    /// What an operator does about a node that waits for this reason; nothing where nobody has to act on the node.
    const fn remedy(self) -> Option<Remedy> {
        match self {
            Self::NeedsConsent | Self::CordonedByOthers | Self::CannotDrain => Some(Remedy::Consent),
            // the connection itself is named
            Self::FlowsFailing => None,
            _ if self.is_resumed_by_retry() => Some(Remedy::Retry),
            _ if self.needs_operator() => Some(Remedy::Fix),
            _ => None,
        }
    }
}

/// Everything that waits for an operator, what holds most first. `phases`: as they stand or would be decided now.
pub fn turns(view: &View<'_>, phases: &[PhaseStatus]) -> Vec<Turn> {
    if view.has_ended() {
        return vec![];
    }
    let status = view.migration.status.as_ref();
    let mut found = Vec::new();
    if view.migration.spec.paused {
        let message = "paused (spec.paused)".into();
        found.push(Turn { object: TurnOf::Migration, reason: Reason::Paused, message, action: Remedy::Resume });
    }
    if let Some(waiting) = status.map(|s| &s.waiting)
        && matches!(
            waiting.reason,
            Reason::IdentityChanged
                | Reason::MigrationDeleted
                | Reason::MigrationUnknown
                | Reason::RecordsDeleted
                | Reason::InvalidSpec
        )
    {
        let message = waiting.message.clone();
        found.push(Turn { object: TurnOf::Migration, reason: waiting.reason, message, action: Remedy::Fix });
    }
    found.extend(nodes(view));
    let holds = |reason| status.is_some_and(|s| s.waiting.reason == reason);
    let held = holds(Reason::FlowsFailing)
        || view
            .facts
            .node_migrations
            .values()
            .filter_map(|r| r.status.as_ref())
            .any(|s| s.waiting.reason == Reason::FlowsFailing);
    let failing = status.iter().flat_map(|s| &s.flows).filter(|f| held && !f.agreed);
    found.extend(failing.map(|f| Turn {
        object: TurnOf::Connection(f.edge.clone()),
        reason: Reason::FlowsFailing,
        message: f.why.clone(),
        action: Remedy::Consent,
    }));
    for phase in phases {
        let action = match phase.state {
            PhaseState::NeedsApproval => Remedy::Approve,
            PhaseState::Blocked if phase.waiting.reason.needs_operator() => Remedy::Fix,
            _ => continue,
        };
        let (reason, message) = match action {
            Remedy::Approve if phase.waiting.is_empty() => (Reason::NeedsApproval, "needs approval".to_owned()),
            _ => (phase.waiting.reason, phase.waiting.message.clone()),
        };
        found.push(Turn { object: TurnOf::Phase(phase.name), reason, message, action });
    }
    found
}

fn nodes(view: &View<'_>) -> Vec<Turn> {
    let forward = view.migration.spec.target == Target::Cilium;
    let turn = |(node, record): (&Arc<str>, &Arc<super::api::NodeMigration>)| {
        let status = record.status.as_ref()?;
        let (reason, message, action) =
            if forward && record.spec.target == Target::Flannel && status.step == NodeStep::RolledBack {
                (Reason::NodesHeld, "held on Flannel".into(), Remedy::Release)
            } else if status.step.is_final() {
                return None;
            } else {
                (status.waiting.reason, status.waiting.message.clone(), status.waiting.reason.remedy()?)
            };
        Some(Turn { object: TurnOf::Node(node.clone()), reason, message, action })
    };
    view.facts.node_migrations.iter().filter_map(turn).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_that_needs_an_operator_is_somebodys_turn() {
        for reason in [
            Reason::NeedsConsent,
            Reason::CannotDrain,
            Reason::CordonedByOthers,
            Reason::TaskPodsRefused,
            Reason::DrainPaused,
            Reason::ManualAction,
            Reason::OtherCni,
            Reason::RebootOverdue,
        ] {
            assert!(reason.needs_operator() && reason.remedy().is_some(), "{reason:?}");
        }
        for reason in [Reason::Working, Reason::Queued, Reason::Draining, Reason::CannotDrainYet, Reason::Observing] {
            assert_eq!(reason.remedy(), None, "{reason:?}");
        }
    }
}
