//! Why something waits, as types: conditions, exit codes and the screen read these, never the sentences.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a phase, a node or the migration as a whole stands where it stands. Also the reason of the conditions, so that
/// `kubectl wait` and GitOps tools can read it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Reason {
    /// Changes are being made, or nothing is left to do.
    #[default]
    Working,
    /// A source of facts is late: nothing is decided.
    StaleFacts,
    /// `spec.paused` is set.
    Paused,
    /// A phase's turn has come and an operator has to approve it.
    NeedsApproval,
    /// Every approved node is done; the phase itself is not approved.
    ApprovedNodesDone,
    /// A check blocks.
    CheckFailed,
    /// Something that the migration relies on was changed by another actor.
    IdentityChanged,
    /// The Migration was deleted before its end.
    MigrationDeleted,
    /// A migration is half way of whose beginning the Migration has no record.
    MigrationUnknown,
    /// The definition of the nodes' records was deleted, and every record with it.
    RecordsDeleted,
    /// Another actor cordoned the node, or keeps it out of service.
    CordonedByOthers,
    /// Something failed; it is tried again.
    Failed,
    /// The migration cannot be carried out as it is specified.
    InvalidSpec,
    /// helm runs.
    HelmRunning,
    /// Cilium's agents are not all ready.
    AgentsNotReady,
    /// Cilium's operator has not done its part yet.
    OperatorNotReady,
    /// Flannel's pods are not all ready.
    FlannelNotReady,
    /// Multus' pod on a node is not ready.
    MultusNotReady,
    /// Pods are terminating.
    PodsTerminating,
    /// Pods still have addresses of the CNI that is left.
    PodsOnOldNetwork,
    /// Nodes are on their way.
    NodesMoving,
    /// Every other node is done; these were rolled back one by one and are held on Flannel.
    NodesHeld,
    /// Connections fail that worked before.
    FlowsFailing,
    /// The flows of a moved node are observed before the next one is moved.
    FlowsObserved,
    /// The maximum number of nodes is out, or other nodes go first.
    Queued,
    /// The node can be rolled back only after a later phase was rolled back.
    LockedByPhase,
    /// The node is not Ready.
    NodeNotReady,
    /// An etcd member is not healthy.
    EtcdUnhealthy,
    /// Consents are missing.
    NeedsConsent,
    /// The node's drain would never end: an object has to be fixed first.
    CannotDrain,
    /// The pods of host tasks are refused in their namespace.
    TaskPodsRefused,
    /// The node's drain would be refused now; that passes by itself.
    CannotDrainYet,
    /// Pods are leaving the node.
    Draining,
    /// The drain made no progress for too long and is paused.
    DrainPaused,
    /// A host task runs.
    TaskRunning,
    /// A host task failed; it is tried again.
    TaskFailed,
    /// An operator has to do something on the host.
    ManualAction,
    /// Another program's CNI configuration is on the host, before Flannel's.
    OtherCni,
    /// The host is not as it has to be yet.
    HostNotReady,
    /// The node is rebooting.
    Rebooting,
    /// The node has not rebooted, or has not come back in time.
    RebootOverdue,
    /// A new pod on the node has the wrong address or does not reach the API server.
    ProbeFailed,
    /// What left the node is not ready elsewhere yet.
    ReplacementsNotReady,
    /// The moved node is observed before the next one begins.
    Observing,
}

impl Reason {
    /// The name as the API spells it.
    pub fn name(self) -> String {
        format!("{self:?}")
    }

    /// An operator has to act: nothing passes by itself.
    pub const fn needs_operator(self) -> bool {
        matches!(
            self,
            Self::Paused
                | Self::NeedsApproval
                | Self::ApprovedNodesDone
                | Self::CheckFailed
                | Self::IdentityChanged
                | Self::MigrationDeleted
                | Self::MigrationUnknown
                | Self::RecordsDeleted
                | Self::CordonedByOthers
                | Self::InvalidSpec
                | Self::NodesHeld
                | Self::FlowsFailing
                | Self::NeedsConsent
                | Self::CannotDrain
                | Self::TaskPodsRefused
                | Self::DrainPaused
                | Self::ManualAction
                | Self::OtherCni
                | Self::RebootOverdue
        )
    }

    /// `spec.retries` of the node resumes it.
    pub const fn is_resumed_by_retry(self) -> bool {
        matches!(self, Self::DrainPaused | Self::RebootOverdue)
    }
}

/// What is waited for: why, on which object, and in a sentence. Empty while nothing is waited for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// Why.
    #[serde(default)]
    pub reason: Reason,
    /// The object that has to change, as `kind/namespace/name`; empty where it is none in particular.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub object: String,
    /// A sentence for people.
    #[serde(default)]
    pub message: String,
}

impl Waiting {
    /// For this reason, with a sentence.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, object: String::new(), message: message.into() }
    }

    /// On this object.
    #[must_use]
    pub fn on(self, object: impl Into<String>) -> Self {
        Self { object: object.into(), ..self }
    }

    /// Nothing is waited for.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Nothing is waited for any more.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.message)
    }
}
