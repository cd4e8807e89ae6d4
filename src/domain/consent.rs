//! What an operator agreed to: one kind, one named object, who and when. None implies another.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::facts::PodFact;

/// What an operator may agree to. None implies another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ConsentKind {
    /// Evict a pod that nothing will start again.
    DeleteBarePod,
    /// Evict a pod whose emptyDir is lost with it.
    LoseEmptyDir,
    /// Evict the only replica of a workload: it is away until its successor is ready.
    InterruptSingleReplica,
    /// Evict a pod with a host port: it answers at another node's address afterwards.
    MoveHostPort,
    /// Evict a pod that no other node can take (a local volume, a selector, no room): it is Pending until
    /// its node is back.
    WaitForNode,
    /// Add one replica to a workload before its pod is evicted, and take it away afterwards.
    ScaleUp,
    /// Let a disruption budget have one healthy pod less while the node drains, and put it back.
    LowerBudget,
    /// Delete a pod although its budget refuses the eviction.
    DeletePastBudget,
    /// Delete a pod at once that is still there after its grace period.
    ZeroGrace,
    /// Go on although a volume is still attached to the node.
    LeaveVolumeAttached,
    /// Go on with the next node although a workload has fewer ready replicas than before.
    GoOnWithoutReplacement,
    /// Go on with the next node although this connection fails.
    BrokenFlow,
}

impl ConsentKind {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::DeleteBarePod,
        Self::LoseEmptyDir,
        Self::InterruptSingleReplica,
        Self::MoveHostPort,
        Self::WaitForNode,
        Self::ScaleUp,
        Self::LowerBudget,
        Self::DeletePastBudget,
        Self::ZeroGrace,
        Self::LeaveVolumeAttached,
        Self::GoOnWithoutReplacement,
        Self::BrokenFlow,
    ];

    /// The name as the API spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DeleteBarePod => "DeleteBarePod",
            Self::LoseEmptyDir => "LoseEmptyDir",
            Self::InterruptSingleReplica => "InterruptSingleReplica",
            Self::MoveHostPort => "MoveHostPort",
            Self::WaitForNode => "WaitForNode",
            Self::ScaleUp => "ScaleUp",
            Self::LowerBudget => "LowerBudget",
            Self::DeletePastBudget => "DeletePastBudget",
            Self::ZeroGrace => "ZeroGrace",
            Self::LeaveVolumeAttached => "LeaveVolumeAttached",
            Self::GoOnWithoutReplacement => "GoOnWithoutReplacement",
            Self::BrokenFlow => "BrokenFlow",
        }
    }

    /// What it costs, as an operator reads it before agreeing.
    pub const fn cost(self) -> &'static str {
        match self {
            Self::DeleteBarePod => "nothing starts it again once it is evicted",
            Self::LoseEmptyDir => "its emptyDir is lost with the pod",
            Self::InterruptSingleReplica => "it is the only replica: the workload is away until its successor is ready",
            Self::MoveHostPort => "it has a host port: it answers at another node's address afterwards",
            Self::WaitForNode => "no other node can take it: it is Pending until its node is back",
            Self::ScaleUp => "the workload has one replica more while its node drains",
            Self::LowerBudget => "the budget asks for one healthy pod less while the node drains",
            Self::DeletePastBudget => "its budget is not respected for this pod",
            Self::ZeroGrace => {
                "it is killed without its grace period, and may still run on a node that does not answer"
            }
            Self::LeaveVolumeAttached => "a volume that was not detached may be damaged, or block its pod for minutes",
            Self::GoOnWithoutReplacement => "the workload has fewer ready replicas while the next node drains",
            Self::BrokenFlow => "this connection fails, and may on every node that is moved after this one",
        }
    }

    /// A consent that unblocks a drain when a plain eviction cannot; never needed from the start.
    pub const fn is_escalation(self) -> bool {
        matches!(
            self,
            Self::ScaleUp
                | Self::LowerBudget
                | Self::DeletePastBudget
                | Self::ZeroGrace
                | Self::LeaveVolumeAttached
                | Self::GoOnWithoutReplacement
                | Self::BrokenFlow
        )
    }

    /// Reads a name, whatever its case.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.name().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for ConsentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One agreement for one object, with who gave it and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Consent {
    /// What was agreed to.
    pub kind: ConsentKind,
    /// `namespace/pod`, `namespace/Kind/name` of the workload that owns the pods (or of a
    /// PodDisruptionBudget), `PersistentVolume/name`, or a connection as `from->to:port`.
    #[schemars(length(min = 3))]
    pub object: String,
    /// Who agreed.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// A consent that nobody has given yet: what for, and for which object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wanted {
    /// What has to be agreed to.
    pub kind: ConsentKind,
    /// For which object.
    pub object: String,
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.object)
    }
}

/// The name under which a consent for a pod is given: its workload, or itself where nobody owns it.
pub fn object_of(pod: &PodFact) -> String {
    pod.owner.as_ref().map_or_else(|| pod.key.to_string(), |o| format!("{}/{}/{}", pod.key.namespace, o.kind, o.name))
}

/// Was this agreed to, for this very object?
pub fn given(consents: &[Consent], kind: ConsentKind, object: &str) -> bool {
    consents.iter().any(|c| c.kind == kind && c.object == object)
}

/// Was this agreed to for the pod's workload, or for the pod itself?
pub fn given_for(consents: &[Consent], kind: ConsentKind, pod: &PodFact) -> bool {
    given(consents, kind, &object_of(pod)) || given(consents, kind, &pod.key.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_by_its_name() {
        for kind in ConsentKind::ALL {
            assert_eq!(ConsentKind::parse(&kind.name().to_lowercase()), Some(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
        assert_eq!(ConsentKind::parse("Everything"), None);
    }
}
