//! What an operator consented to: one kind, one named object, who and when. None implies another.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an operator may consent to. None implies another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ConsentKind {
    /// Evict a bare pod: it will not be recreated.
    DeleteBarePod,
    /// Evict a pod whose emptyDir is lost with it.
    LoseEmptyDir,
    /// Evict the single replica of a workload: it is down until its successor is ready.
    InterruptSingleReplica,
    /// Evict the pod of a Job: its work so far is lost, and it may count as a failure. `namespace/Job/*` is for all of a
    /// namespace.
    InterruptJob,
    /// Evict a pod with a host port: it lands on another node.
    MoveHostPort,
    /// Go on although the host ports of a workload are not served once its pods are on Cilium.
    LoseHostPort,
    /// Evict a pod that no other node can take (a local volume, a selector, no room): it is Pending until its node is
    /// back.
    WaitForNode,
    /// Add one replica to a workload before its pod is evicted, and remove it afterwards.
    ScaleUp,
    /// Lower a disruption budget by one pod while the node drains, and restore it.
    LowerBudget,
    /// Delete a pod although its budget refuses the eviction.
    DeletePastBudget,
    /// Force-delete a pod that is still there after its grace period.
    ZeroGrace,
    /// Go on although a volume is still attached to the node.
    LeaveVolumeAttached,
    /// Go on with the next node although a workload has fewer ready replicas than before.
    GoOnWithoutReplacement,
    /// Go on with the next node although this connection fails.
    BrokenFlow,
    /// Move a node that another actor has cordoned, although somebody may be at work on it. It stays cordoned.
    TakeCordoned,
    /// Delete a definition that Cilium has left once it is uninstalled; `CustomResourceDefinition/*` is for all of them.
    DeleteDefinition,
}

impl ConsentKind {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::DeleteBarePod,
        Self::LoseEmptyDir,
        Self::InterruptSingleReplica,
        Self::InterruptJob,
        Self::MoveHostPort,
        Self::LoseHostPort,
        Self::WaitForNode,
        Self::ScaleUp,
        Self::LowerBudget,
        Self::DeletePastBudget,
        Self::ZeroGrace,
        Self::LeaveVolumeAttached,
        Self::GoOnWithoutReplacement,
        Self::BrokenFlow,
        Self::TakeCordoned,
        Self::DeleteDefinition,
    ];

    /// The name as the API spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DeleteBarePod => "DeleteBarePod",
            Self::LoseEmptyDir => "LoseEmptyDir",
            Self::InterruptSingleReplica => "InterruptSingleReplica",
            Self::InterruptJob => "InterruptJob",
            Self::MoveHostPort => "MoveHostPort",
            Self::LoseHostPort => "LoseHostPort",
            Self::WaitForNode => "WaitForNode",
            Self::ScaleUp => "ScaleUp",
            Self::LowerBudget => "LowerBudget",
            Self::DeletePastBudget => "DeletePastBudget",
            Self::ZeroGrace => "ZeroGrace",
            Self::LeaveVolumeAttached => "LeaveVolumeAttached",
            Self::GoOnWithoutReplacement => "GoOnWithoutReplacement",
            Self::BrokenFlow => "BrokenFlow",
            Self::TakeCordoned => "TakeCordoned",
            Self::DeleteDefinition => "DeleteDefinition",
        }
    }

    /// What it costs, as an operator reads it before agreeing.
    pub const fn cost(self) -> &'static str {
        match self {
            Self::DeleteBarePod => "bare pod: will not be recreated",
            Self::LoseEmptyDir => "emptyDir: its data is lost with the pod",
            Self::InterruptSingleReplica => "single replica: downtime until rescheduled",
            Self::InterruptJob => "Job in flight: its work so far is lost, and it may count as a failure",
            Self::MoveHostPort => "host port: its pod lands on another node, at that node's address",
            Self::LoseHostPort => "host port: Cilium beside kube-proxy does not serve it",
            Self::WaitForNode => "no other node can take it: Pending until its node is back",
            Self::ScaleUp => "the workload has one more replica while its node drains",
            Self::LowerBudget => "the PDB is lowered by one pod while the node drains",
            Self::DeletePastBudget => "deleted past its PDB",
            Self::ZeroGrace => "killed without its grace period; it may still run on a node that does not answer",
            Self::LeaveVolumeAttached => "a volume that was not detached may be damaged, or block its pod for minutes",
            Self::GoOnWithoutReplacement => "the workload has fewer ready replicas while the next node drains",
            Self::BrokenFlow => "this connection fails, and may fail on every node moved after this one",
            Self::TakeCordoned => "another actor cordoned it: it is drained and rebooted during their maintenance",
            Self::DeleteDefinition => "every object of its kind is deleted with it",
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
                | Self::TakeCordoned
                | Self::DeleteDefinition
                | Self::LoseHostPort
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

/// One consent for one object, with who gave it and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Consent {
    /// What was consented to.
    pub kind: ConsentKind,
    /// `namespace/pod`, `namespace/Kind/name` of the workload that owns the pods (or of a
    /// PodDisruptionBudget), `PersistentVolume/name`, `CustomResourceDefinition/name`, `node/name`, or a
    /// connection as `from->to:port`.
    #[schemars(length(min = 3))]
    pub object: String,
    /// Who consented.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// A consent that is missing: what for, and for which object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wanted {
    /// What it is for.
    pub kind: ConsentKind,
    /// For which object.
    pub object: String,
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.object)
    }
}

/// Was this consented to, for this very object?
pub fn given(consents: &[Consent], kind: ConsentKind, object: &str) -> bool {
    consents.iter().any(|c| c.kind == kind && c.object == object)
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
