//! What an operator can wish: every wish is a change of `spec`, and nothing else.

use serde_json::{Value, json};

use super::{
    api::{Consent, Migration, Target},
    phase::Phase,
};

/// A wish.
#[derive(Clone, Debug, PartialEq)]
pub enum Intent {
    /// Carry the migration out up to and with this phase.
    Approve(Phase),
    /// Take back everything beyond this phase.
    RollBackTo(Phase),
    /// Take everything back.
    RollBackAll,
    /// Move one node, or roll it back and hold it.
    Node {
        /// The node.
        node: String,
        /// Where it is to end.
        target: Target,
    },
    /// Let what has run out of time on a node go on.
    Retry {
        /// The node.
        node: String,
        /// The new value of `spec.retries`.
        times: u32,
    },
    /// Agree to something for named objects.
    Consent(Vec<Consent>),
    /// Change nothing for now, or go on.
    Pause(bool),
}

impl Intent {
    /// The merge patch of the Migration's spec; `None` for a wish about one node.
    pub fn migration_patch(&self, current: &Migration) -> Option<Value> {
        Some(match self {
            Self::Approve(phase) => json!({"spec": {"target": Target::Cilium, "approved": phase, "paused": false}}),
            // never more than was approved: a rollback starts nothing
            Self::RollBackTo(phase) => {
                json!({"spec": {"target": current.spec.target, "approved": current.spec.approved.min(*phase), "paused": false}})
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

    /// The record and the patch of its spec, for a wish about one node.
    pub fn node_patch(&self) -> Option<(&str, Value)> {
        match self {
            Self::Node { node, target } => {
                Some((node, json!({"spec": {"target": target, "approved": *target == Target::Cilium}})))
            }
            Self::Retry { node, times } => Some((node, json!({"spec": {"retries": times}}))),
            _ => None,
        }
    }

    /// What an operator would type.
    pub fn kubectl(&self) -> String {
        match self {
            Self::Node { .. } | Self::Retry { .. } => {
                let (node, spec) = self.node_patch().unwrap_or_default();
                format!("kubectl patch nodemigration {node} --type merge -p '{spec}'")
            }
            Self::Consent(_) => "kubectl edit migration cutover # spec.consents".into(),
            Self::Approve(p) | Self::RollBackTo(p) => {
                patch(&json!({"spec": {"target": "Cilium", "approved": p, "paused": false}}))
            }
            Self::RollBackAll => patch(&json!({"spec": {"target": "Flannel", "paused": false}})),
            Self::Pause(p) => patch(&json!({"spec": {"paused": p}})),
        }
    }
}

fn patch(change: &Value) -> String {
    format!("kubectl patch migration cutover --type merge -p '{change}'")
}
