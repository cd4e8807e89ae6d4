//! What an operator can request: every request is a change of `spec`, and nothing else.

use serde_json::{Value, json};

use super::{
    api::{Consent, MIGRATION, Migration, Target},
    host::commands::quoted,
    strategy::PhaseId,
};

/// A requested change of `spec`.
#[derive(Clone, Debug, PartialEq)]
pub enum Intent {
    /// Carry the migration out up to and with this phase.
    Approve(PhaseId),
    /// Roll back everything beyond this phase.
    RollBackTo(PhaseId),
    /// Roll everything back.
    RollBackAll,
    /// Move one node, or roll it back and hold it.
    Node {
        /// The node.
        node: String,
        /// Where it is to end.
        target: Target,
    },
    /// Resume a paused drain or repeat a reboot request on a node.
    Retry {
        /// The node.
        node: String,
        /// The new value of `spec.retries`.
        times: u32,
    },
    /// Consent to something for named objects.
    Consent(Vec<Consent>),
    /// Pause or resume the migration.
    Pause(bool),
}

impl Intent {
    /// The merge patch of the Migration's spec; `None` for a request about one node.
    pub fn migration_patch(&self, current: &Migration) -> Option<Value> {
        Some(match self {
            Self::Approve(phase) => json!({"spec": {"target": Target::Cilium, "approved": phase, "paused": false}}),
            // never more than was approved: a rollback starts nothing
            Self::RollBackTo(phase) => {
                let strategy = current.spec.strategy.get();
                let lower = strategy.is_within(current.spec.approved, *phase);
                let approved = if lower { current.spec.approved } else { *phase };
                json!({"spec": {"target": current.spec.target, "approved": approved, "paused": false}})
            }
            Self::RollBackAll => json!({"spec": {"target": Target::Flannel, "paused": false}}),
            Self::Pause(paused) => json!({"spec": {"paused": paused}}),
            Self::Consent(new) => {
                let mut all = current.spec.consents.clone();
                all.extend(
                    new.iter()
                        .filter(|n| !current.spec.consents.iter().any(|c| c.kind == n.kind && c.object == n.object))
                        .cloned(),
                );
                json!({"spec": {"consents": all}})
            }
            Self::Node { .. } | Self::Retry { .. } => return None,
        })
    }

    /// The record and the patch of its spec, for a request about one node.
    pub fn node_patch(&self) -> Option<(&str, Value)> {
        match self {
            Self::Node { node, target } => {
                Some((node, json!({"spec": {"target": target, "approved": *target == Target::Cilium}})))
            }
            Self::Retry { node, times } => Some((node, json!({"spec": {"retries": times}}))),
            _ => None,
        }
    }

    /// What an operator would type: the very patch that is sent for this Migration.
    pub fn kubectl(&self, current: &Migration) -> String {
        let (object, patch) = match self.node_patch() {
            Some((node, patch)) => (format!("nodemigration {node}"), patch),
            None => (format!("migration {MIGRATION}"), self.migration_patch(current).unwrap_or_default()),
        };
        format!("kubectl patch {object} --type merge -p {}", quoted(&patch.to_string()))
    }
}
