//! The Migration: what is wanted of a cluster, and what it has come to.

use std::fmt;

use jiff::Timestamp;
use kube::CustomResource;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::IntoDeserializer};

use super::{CiliumSpec, Consent, GuardSpec, HostsSpec, NodesSpec, RestartBy};
use crate::domain::{
    audit::Anchor,
    facts::Key,
    guard::DeniedFlow,
    reason::Waiting,
    strategy::{self, PhaseId, StrategyId},
};

/// What a Migration wants.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "cutover.dev",
    version = "v1alpha1",
    kind = "Migration",
    plural = "migrations",
    shortname = "mig",
    status = "MigrationStatus",
    derive = "PartialEq",
    category = "cutover",
    printcolumn(name = "Strategy", type_ = "string", json_path = ".spec.strategy"),
    printcolumn(name = "Target", type_ = "string", json_path = ".spec.target"),
    printcolumn(name = "Approved", type_ = "string", json_path = ".spec.approved"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Nodes", type_ = "string", json_path = ".status.progress"),
    printcolumn(name = "Waiting", type_ = "string", json_path = ".status.waiting.message"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct MigrationSpec {
    /// How the cluster is moved.
    #[serde(default)]
    pub strategy: StrategyId,
    /// Where the cluster is to end. `Flannel` rolls everything back.
    #[serde(default)]
    pub target: Target,
    /// The last phase that may be carried out. Lowering it rolls the phases beyond it back.
    #[serde(default)]
    pub approved: PhaseId,
    /// While true the engine watches and changes nothing.
    #[serde(default)]
    pub paused: bool,
    /// Which Cilium, and how it is set up.
    pub cilium: CiliumSpec,
    /// Which nodes, and in which order.
    #[serde(default)]
    pub nodes: NodesSpec,
    /// How Cutover works on hosts.
    #[serde(default)]
    pub hosts: HostsSpec,
    /// How pods that still have a Flannel address are restarted.
    #[serde(default)]
    pub restart_by: RestartBy,
    /// Seconds that a moved node is observed before the next begins: it has to stay healthy.
    #[serde(default = "default_observe")]
    #[schemars(range(min = 0, max = 86400))]
    pub observe_seconds: u32,
    /// What fails between pods holds the next node.
    #[serde(default)]
    pub guard: GuardSpec,
    /// What an operator agreed to, object by object.
    #[serde(default)]
    pub consents: Vec<Consent>,
}

const fn default_observe() -> u32 {
    30
}

/// A CNI, as the place where a cluster or a node is to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Target {
    /// Forward.
    #[default]
    Cilium,
    /// Back.
    Flannel,
}

impl Target {
    /// The name as the API spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cilium => "Cilium",
            Self::Flannel => "Flannel",
        }
    }
}

/// What a Migration has come to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MigrationStatus {
    /// The phase at work; `Complete` or `RolledBack` at the end.
    #[serde(default)]
    pub phase: Stage,
    /// Every phase with its state.
    #[serde(default)]
    pub phases: Vec<PhaseStatus>,
    /// Nodes on Cilium of all nodes, as `3/12`.
    #[serde(default)]
    pub progress: String,
    /// What the migration waits for; absent while it works.
    #[serde(default, skip_serializing_if = "Waiting::is_empty")]
    pub waiting: Waiting,
    /// What preflight and verification found.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// Connections that fail since nodes were moved: each holds the next node unless it was agreed to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flows: Vec<FlowTrouble>,
    /// Working connections that NetworkPolicies deny once they are enforced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub denied: Vec<DeniedFlow>,
    /// Which engine wrote this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// The term of the lock in which this was written: an engine of an older one does not act any more.
    #[serde(default)]
    pub epoch: i64,
    /// How far each audit log had come: a log that was cut off or rewritten is found by it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audit: Vec<Anchor>,
    /// The helm operation that was begun and has not been seen to end: the next engine runs it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_helm_operation: Option<String>,
    /// What the migration relies on, as it was when it was first relied on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pins: Option<Pins>,
    /// Flannel's networks, as they were seen while it was there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flannel_networks: Vec<String>,
    /// The generation of `spec` that this status answers.
    #[serde(default)]
    pub observed_generation: i64,
    /// When the first phase that changes anything began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it completed or was rolled back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
    /// Standard conditions: `Progressing`, `Degraded`, `NeedsOperator`, `Complete`.
    #[serde(default)]
    pub conditions: Vec<Condition>,
}

/// What a migration relies on, as it was when it was first relied on: anybody can create another object that looks the
/// same elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pins {
    /// Flannel's DaemonSets.
    #[serde(default)]
    pub flannel: Vec<Pin>,
    /// The image of Cilium's agents once they were installed: privileged task pods run it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_image: Option<String>,
    /// The upgrade of the release that ended last: `cilium-config` alone may have been edited by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// UIDs of the Migrations whose marks on nodes are its own: its UID, that of the one it is a restored copy of, and
    /// those of deleted ones that it has taken over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<String>,
    /// The Secret with the key of IPsec, once it was seen to be usable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipsec_key: Option<String>,
    /// SHA-256 of the copy of Flannel's objects, once it was compared with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flannel_copy: Option<String>,
}

/// A namespaced object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pin {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Pin {
    /// Is this its key?
    pub fn is(&self, key: &Key) -> bool {
        self.namespace == *key.namespace && self.name == *key.name
    }
}

impl From<&Key> for Pin {
    fn from(key: &Key) -> Self {
        Self { namespace: key.namespace.to_string(), name: key.name.to_string() }
    }
}

/// A condition, in the shape that `kubectl wait --for=condition=…` understands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Its name.
    #[serde(rename = "type")]
    pub type_: String,
    /// `True` or `False`.
    pub status: String,
    /// One word: a [`Reason`](crate::domain::reason::Reason).
    pub reason: String,
    /// A sentence.
    pub message: String,
    /// When `status` last changed.
    pub last_transition_time: Timestamp,
}

/// Where the whole migration stands: the phase at work, or how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// At this phase.
    At(PhaseId),
    /// On Cilium, proven.
    Complete,
    /// On the way back.
    RollingBack,
    /// On Flannel again.
    RolledBack,
}

impl Stage {
    const ENDS: [(Self, &'static str); 3] =
        [(Self::Complete, "Complete"), (Self::RollingBack, "RollingBack"), (Self::RolledBack, "RolledBack")];

    /// The name as the API spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::At(phase) => phase.as_str(),
            other => Self::ENDS.into_iter().find(|(s, _)| *s == other).map_or("", |(_, name)| name),
        }
    }

    /// The migration has ended, one way or the other.
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Complete | Self::RolledBack)
    }
}

impl Default for Stage {
    fn default() -> Self {
        Self::At(PhaseId::default())
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for Stage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Stage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        match Self::ENDS.into_iter().find(|(_, n)| *n == name) {
            Some((end, _)) => Ok(end),
            None => PhaseId::deserialize(name.into_deserializer()).map(Self::At),
        }
    }
}

impl JsonSchema for Stage {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Stage".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut names = strategy::phase_names();
        names.extend(Self::ENDS.map(|(_, name)| name));
        json_schema!({ "type": "string", "enum": names })
    }
}

/// One phase of a Migration's status.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PhaseStatus {
    /// Which.
    pub name: PhaseId,
    /// How it stands.
    pub state: PhaseState,
    /// What it is doing or waiting for.
    #[serde(flatten)]
    pub waiting: Waiting,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
}

/// How a phase stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PhaseState {
    /// Its turn has not come.
    #[default]
    Pending,
    /// Its turn has come and an operator has to approve it.
    NeedsApproval,
    /// At work.
    Running,
    /// Cannot go on by itself.
    Blocked,
    /// Done.
    Done,
    /// On the way back.
    RollingBack,
}

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Severity {
    /// As it should be.
    Pass,
    /// To be known.
    Info,
    /// It could not be checked: neither as it should be nor wrong.
    Unknown,
    /// To be looked at; does not stop the migration.
    Warn,
    /// Stops the migration.
    Block,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The check's name.
    pub check: String,
    /// How grave.
    pub severity: Severity,
    /// The object it is about; the first one where there are more.
    pub object: String,
    /// All of them, where there are more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<String>,
    /// What was found.
    pub message: String,
    /// What to do about it; empty where nothing is to be done.
    #[serde(default)]
    pub remedy: String,
    /// As of when, where that is not when it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Timestamp>,
}

/// A connection that fails, as it is written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FlowTrouble {
    /// Between whom: `namespace/workload->namespace/workload:port`.
    pub edge: String,
    /// The node whose agent says so.
    pub node: String,
    /// Why.
    pub why: String,
    /// When the first one failed.
    pub since: Timestamp,
    /// An operator agreed to it.
    #[serde(default)]
    pub agreed: bool,
}
