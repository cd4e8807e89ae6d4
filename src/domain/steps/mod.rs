//! The steps of one node: a file each. Strategies put them together to paths.
//!
//! To add one: a file here with an `impl Step`, its `mod` and `pub use` below, and a word in the path of a [roll](super::strategy::Roll).

mod agent;
mod check;
mod check_reboot;
mod clean;
mod cordon;
mod drain;
mod multus;
mod observe;
pub(crate) mod proofs;
mod reboot;
mod restart;
mod restart_pods;
mod restore;
mod revert;
mod site;
mod switch;
pub(crate) mod tasks;
mod uncordon;
mod verify;

use std::{fmt, sync::LazyLock, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

pub use check::{Check, may_go_back};
pub use check_reboot::CheckReboot;
pub use clean::Clean;
pub use cordon::Cordon;
pub use drain::Drain;
pub use multus::{CiliumFirst, FlannelFirst, LeaveMultus};
pub(crate) use multus::{seen_without_multus, without_multus};
pub use observe::Observe;
pub(crate) use reboot::{drains, remember as remember_reboot};
pub use restart::Restart;
pub use restart_pods::RestartPods;
pub use restore::Restore;
pub use revert::Revert;
pub use site::{Network, Site};
pub use switch::Switch;
pub use tasks::{in_pods, sweep, way_to};
pub use uncordon::Uncordon;
pub use verify::Verify;

use super::{api::NodeMigrationStatus, effect::Proof, plan::Preview, progress::Progress, strategy};

/// What the node is for the others while it is at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// In service: it takes no place of `maxUnavailable`.
    AtRest,
    /// Out: between cordon and uncordon.
    Out,
    /// In service again, but the next node waits for it.
    Observed,
}

/// Everything that is said of a step anywhere.
#[derive(Debug)]
pub struct StepSpec {
    /// The name as the API spells it; unique among the steps of all strategies.
    pub id: &'static str,
    /// What it does, for an operator.
    pub does: &'static str,
    /// How long it usually takes at most; after that it is shown as late. It is never forced.
    pub budget: Duration,
    /// What the node is for the others meanwhile.
    pub presence: Presence,
}

/// One step of a node.
pub trait Step: Sync {
    /// What is said of it.
    fn spec(&self) -> &'static StepSpec;
    /// The node enters it: what an earlier step saw does not count.
    fn enter(&self, _at: &Site<'_>, _status: &mut NodeMigrationStatus) {}
    /// How far it has come, judged by the facts, and what is due.
    fn advance(&self, at: &Site<'_>, status: &mut NodeMigrationStatus) -> Progress;
    /// The node leaves it, done.
    fn leave(&self, _at: &Site<'_>, _status: &mut NodeMigrationStatus) {}
    /// Every change that it would make from here.
    fn preview(&self, _at: &Site<'_>) -> Vec<Preview> {
        vec![]
    }
    /// What has to be seen at its end, beyond what its changes say themselves.
    fn proofs(&self, _at: &Site<'_>) -> Vec<Proof> {
        vec![]
    }
}

/// Steps in their order.
pub type Path = &'static [&'static dyn Step];

/// Where a node stands in its roll.
#[derive(Clone, Copy, Default)]
pub enum NodeStep {
    /// Nothing has been done to the node.
    #[default]
    Pending,
    /// At this step.
    At(&'static StepSpec),
    /// The roll is done and verified.
    Done,
    /// Back on Flannel, verified.
    RolledBack,
}

static STEPS: LazyLock<Vec<&'static StepSpec>> = LazyLock::new(|| strategy::steps().iter().map(|s| s.spec()).collect());

impl NodeStep {
    /// The step of this name, of any strategy.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Pending, Self::Done, Self::RolledBack]
            .into_iter()
            .find(|s| s.name() == name)
            .or_else(|| STEPS.iter().find(|s| s.id == name).map(|s| Self::At(s)))
    }

    /// The name as the API spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::At(spec) => spec.id,
            Self::Done => "Done",
            Self::RolledBack => "RolledBack",
        }
    }

    /// What is said of the step.
    pub const fn spec(self) -> Option<&'static StepSpec> {
        match self {
            Self::At(spec) => Some(spec),
            Self::Pending | Self::Done | Self::RolledBack => None,
        }
    }

    /// What the node is for the others.
    pub const fn presence(self) -> Presence {
        match self {
            Self::At(spec) => spec.presence,
            Self::Pending | Self::Done | Self::RolledBack => Presence::AtRest,
        }
    }

    /// The node is between cordon and uncordon, so it counts as out.
    pub const fn is_out(self) -> bool {
        matches!(self.presence(), Presence::Out)
    }

    /// The next node waits for this one, although it is in service again.
    pub const fn is_observed(self) -> bool {
        matches!(self.presence(), Presence::Observed)
    }

    /// Nothing is left to do.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::RolledBack)
    }

    /// Nothing was begun, or all of it was taken back.
    pub const fn is_unmoved(self) -> bool {
        matches!(self, Self::Pending | Self::RolledBack)
    }
}

impl PartialEq for NodeStep {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for NodeStep {}

impl fmt::Debug for NodeStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for NodeStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for NodeStep {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for NodeStep {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::named(&name).ok_or_else(|| D::Error::custom(format!("this version knows no step {name:?}")))
    }
}

impl JsonSchema for NodeStep {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "NodeStep".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let ends = [Self::Pending, Self::Done, Self::RolledBack].map(Self::name);
        let names: Vec<&str> = ends.into_iter().chain(STEPS.iter().map(|s| s.id)).collect();
        json_schema!({ "type": "string", "enum": names })
    }
}

/// Seconds, for budgets.
pub(super) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
