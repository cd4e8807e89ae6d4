//! The two custom resources: what is wanted (`spec`) and what was seen (`status`).

mod parts;

use jiff::Timestamp;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{CustomResource, CustomResourceExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    audit::Anchor,
    evidence::{DrainProgress, Evidence},
    phase::Phase,
    step::Step,
};
pub use super::{
    consent::{Consent, ConsentKind},
    guard::GuardSpec,
};
pub use parts::{CiliumSpec, HostAccess, HostsSpec, NodesSpec, RestartBy};

/// The API group of both resources.
pub const GROUP: &str = "cutover.dev";
/// The one Migration of a cluster has this name; the API refuses any other.
pub const MIGRATION: &str = "cutover";

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
    printcolumn(name = "Waiting", type_ = "string", json_path = ".status.waiting"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct MigrationSpec {
    /// How the cluster is moved.
    #[serde(default)]
    pub strategy: Strategy,
    /// Where the cluster is to end. `Flannel` rolls everything back.
    #[serde(default)]
    pub target: Target,
    /// The last phase that may be carried out. Lowering it rolls the phases beyond it back.
    #[serde(default)]
    pub approved: Phase,
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
    /// How what still has a Flannel address starts anew.
    #[serde(default)]
    pub restart_by: RestartBy,
    /// Seconds that a moved node must stay healthy before the next begins.
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

/// How a cluster is moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// Node by node, both overlays side by side; needs Cilium 1.14 or newer.
    #[default]
    Rolling,
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
    /// What the migration waits for, empty when it works.
    #[serde(default)]
    pub waiting: String,
    /// What preflight and verification found.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// Connections that fail since nodes were moved: each holds the next node unless it was agreed to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flows: Vec<FlowTrouble>,
    /// Who runs the engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// The term of the lock in which this was written: an engine of an older one does not act any more.
    #[serde(default)]
    pub epoch: i64,
    /// How far each audit log had come: what is cut off or written anew is found by it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audit: Vec<Anchor>,
    /// The helm change that was begun and has not been seen to end: it is run again by whoever comes after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_helm_operation: Option<String>,
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
    /// Standard conditions: `Progressing`, `Degraded`.
    #[serde(default)]
    pub conditions: Vec<Condition>,
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
    /// One word.
    pub reason: String,
    /// A sentence.
    pub message: String,
    /// When `status` last changed.
    pub last_transition_time: Timestamp,
}

/// Where the whole migration stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Stage {
    /// Looking.
    #[default]
    Preflight,
    /// Installing Cilium.
    Install,
    /// Moving nodes.
    Migrate,
    /// Making Cilium the default.
    Finalize,
    /// Removing Flannel.
    Remove,
    /// Proving it.
    Verify,
    /// On Cilium, proven.
    Complete,
    /// On the way back.
    RollingBack,
    /// On Flannel again.
    RolledBack,
}

impl From<Phase> for Stage {
    fn from(p: Phase) -> Self {
        match p {
            Phase::Preflight => Self::Preflight,
            Phase::Install => Self::Install,
            Phase::Migrate => Self::Migrate,
            Phase::Finalize => Self::Finalize,
            Phase::Remove => Self::Remove,
            Phase::Verify => Self::Verify,
        }
    }
}

/// One phase of a Migration's status.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PhaseStatus {
    /// Which.
    pub name: Phase,
    /// How it stands.
    pub state: PhaseState,
    /// What it is doing or waiting for.
    #[serde(default)]
    pub message: String,
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
    /// The object it is about.
    pub object: String,
    /// What was found.
    pub message: String,
    /// What to do about it; empty where nothing is to be done.
    #[serde(default)]
    pub remedy: String,
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

/// What is wanted of one node. The object is named after its node.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "cutover.dev",
    version = "v1alpha1",
    kind = "NodeMigration",
    plural = "nodemigrations",
    shortname = "nmig",
    status = "NodeMigrationStatus",
    derive = "PartialEq",
    derive = "Default",
    category = "cutover",
    printcolumn(name = "Target", type_ = "string", json_path = ".spec.target"),
    printcolumn(name = "Step", type_ = "string", json_path = ".status.step"),
    printcolumn(name = "Attempt", type_ = "integer", json_path = ".status.attempt"),
    printcolumn(name = "Since", type_ = "date", json_path = ".status.since"),
    printcolumn(name = "Waiting", type_ = "string", json_path = ".status.waiting")
)]
#[serde(rename_all = "camelCase")]
pub struct NodeMigrationSpec {
    /// Where the node is to end. `Flannel` rolls this node back and holds it there.
    #[serde(default)]
    pub target: Target,
    /// Move this node although the phase Migrate is not approved yet: a canary.
    #[serde(default)]
    pub approved: bool,
    /// Raised by one, what has run out of time on this node goes on: a paused drain, a reboot that did nothing.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub retries: u32,
}

/// What one node has come to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeMigrationStatus {
    /// The step at work; `Done` or `RolledBack` at the end.
    #[serde(default)]
    pub step: Step,
    /// The direction of the step.
    #[serde(default)]
    pub direction: Target,
    /// How often the way was begun.
    #[serde(default)]
    pub attempt: u32,
    /// When the step began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// What the step waits for, and for whom; empty when it works.
    #[serde(default)]
    pub waiting: String,
    /// Every step of this way with its time.
    #[serde(default)]
    pub steps: Vec<StepTiming>,
    /// What was seen.
    #[serde(default)]
    pub evidence: Evidence,
    /// How its drain goes; only while it drains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain: Option<DrainProgress>,
    /// The term of the lock in which this was written.
    #[serde(default)]
    pub epoch: i64,
    /// What an operator has to do on the host, where host access is manual.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    /// The value of `spec.retries` that was answered.
    #[serde(default)]
    pub observed_retries: u32,
    /// The last failure, until the step that failed succeeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<StepError>,
}

/// How long one step took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepTiming {
    /// Which step.
    pub step: Step,
    /// When it began.
    pub started_at: Timestamp,
    /// When its evidence was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
}

/// A failure: what, on which object, and what to do next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepError {
    /// What failed and why.
    pub message: String,
    /// The object.
    pub object: String,
    /// What was left behind, and what to do next.
    pub next: String,
    /// When.
    pub at: Timestamp,
    /// How often in a row.
    pub count: u32,
}

/// Both definitions as they are installed: the derived ones, the Migration's name pinned.
pub fn crds() -> Vec<CustomResourceDefinition> {
    let mut migration = Migration::crd();
    for version in &mut migration.spec.versions {
        if let Some(properties) =
            version.schema.as_mut().and_then(|s| s.open_api_v3_schema.as_mut()).and_then(|s| s.properties.as_mut())
        {
            let pinned =
                json!({ "type": "object", "properties": { "name": { "type": "string", "enum": [MIGRATION] } } });
            if let Ok(pinned) = serde_json::from_value(pinned) {
                properties.insert("metadata".into(), pinned);
            }
        }
    }
    vec![migration, NodeMigration::crd()]
}
