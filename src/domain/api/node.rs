//! The NodeMigration: what is wanted of one node, and what it has come to.

use jiff::Timestamp;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Target;
use crate::domain::{
    evidence::{DrainProgress, Evidence},
    problem::Problem,
    reason::Waiting,
    steps::NodeStep,
    strategy::PhaseId,
};

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
    printcolumn(name = "Waiting", type_ = "string", json_path = ".status.waiting.message")
)]
#[serde(rename_all = "camelCase")]
pub struct NodeMigrationSpec {
    /// Where the node is to end. `Flannel` rolls this node back and holds it there.
    #[serde(default)]
    pub target: Target,
    /// Move this node although the phase that rolls nodes is not approved yet: a canary.
    #[serde(default)]
    pub approved: bool,
    /// Increment to resume a paused drain or to repeat a reboot request.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub retries: u32,
}

/// What one node has come to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeMigrationStatus {
    /// The phase that rolls the node, or rolled it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<PhaseId>,
    /// The step at work; `Done` or `RolledBack` at the end.
    #[serde(default)]
    pub step: NodeStep,
    /// The direction of the step.
    #[serde(default)]
    pub direction: Target,
    /// How often a direction was begun.
    #[serde(default)]
    pub attempt: u32,
    /// UID of the node when it was begun: another machine under the same name was never moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_uid: Option<String>,
    /// When the step began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// What the step waits for; absent while it works.
    #[serde(default, skip_serializing_if = "Waiting::is_empty")]
    pub waiting: Waiting,
    /// Every step of this direction with its time.
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
    /// The value of `spec.retries` that was acted on.
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
    pub step: NodeStep,
    /// When it began.
    pub started_at: Timestamp,
    /// When its evidence was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
}

/// A failure of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepError {
    /// What failed, on which object, and what to do next.
    #[serde(flatten)]
    pub problem: Problem,
    /// When.
    pub at: Timestamp,
    /// How often in a row.
    pub count: u32,
}

impl StepError {
    /// A failure now; the same one as before is counted.
    pub fn next(before: Option<&Self>, problem: Problem, now: Timestamp) -> Self {
        let same = before.filter(|e| e.problem.message == problem.message);
        Self { count: same.map_or(1, |e| e.count + 1), problem, at: now }
    }
}
