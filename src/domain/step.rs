//! The steps of one node, forward and back, as data.

use std::{fmt, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::api::Target;
pub use super::effect::Risk;

/// Where one node stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Step {
    /// Nothing has been done to the node.
    #[default]
    Pending,
    /// Is the node fit to be moved?
    Check,
    /// No new pods may land on it.
    Cordon,
    /// Its pods go elsewhere.
    Drain,
    /// Its Cilium agent takes over the CNI configuration.
    Switch,
    /// Its Cilium agent gives the CNI configuration up again.
    Revert,
    /// Flannel's CNI configuration is put back.
    Restore,
    /// What still runs with the old addresses starts anew, by reboot or by recycling pods.
    Restart,
    /// Its pods have the right addresses and reach the API server.
    Verify,
    /// Pods may land on it again.
    Uncordon,
    /// It stays healthy for a while before the next node begins.
    Observe,
    /// On Cilium, verified.
    Done,
    /// Back on Flannel, verified.
    RolledBack,
}

/// A step as data: everything that is said about it anywhere comes from here.
#[derive(Clone, Copy, Debug)]
pub struct StepSpec {
    /// Which step.
    pub step: Step,
    /// What must be true before it begins.
    pub requires: &'static str,
    /// What it changes.
    pub effect: &'static str,
    /// What is looked at to know that it worked.
    pub evidence: &'static str,
    /// How long it may take before it is called late. It is never forced.
    pub budget: Duration,
    /// What undoes it.
    pub inverse: &'static str,
    /// How much it risks.
    pub risk: Risk,
}

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// The way to Cilium.
pub const FORWARD: &[StepSpec] = &[
    StepSpec {
        step: Step::Check,
        requires: "Cilium is installed and idle on the node",
        effect: "none",
        evidence: "node Ready, agent and Flannel pod Ready, no pod without a consent it needs",
        budget: secs(60),
        inverse: "none needed",
        risk: Risk::Read,
    },
    StepSpec {
        step: Step::Cordon,
        requires: "a free place under maxUnavailable",
        effect: "spec.unschedulable, and a taint that keeps DaemonSet pods away while the CNI changes",
        evidence: "both are set on the node",
        budget: secs(15),
        inverse: "uncordon, taint removed",
        risk: Risk::Reversible,
    },
    StepSpec {
        step: Step::Drain,
        requires: "the node is cordoned",
        effect: "evicts every pod that can move, then deletes the DaemonSet pods that have a pod address",
        evidence: "no pod with a pod address is left, so that every CNI DEL ran with Flannel's configuration",
        budget: secs(600),
        inverse: "uncordon; the pods come back by themselves",
        risk: Risk::Disruptive,
    },
    StepSpec {
        step: Step::Switch,
        requires: "no pod with a pod address is on the node",
        effect: "labels the node and restarts its Cilium agent",
        evidence: "the agent reports that it wrote the CNI configuration; 05-cilium.conflist is the only one",
        budget: secs(180),
        inverse: "revert and restore",
        risk: Risk::Reversible,
    },
    StepSpec {
        step: Step::Restart,
        requires: "the agent owns the CNI configuration",
        effect: "reboots the node once (or recycles what is left on old addresses), then lets DaemonSet pods back",
        evidence: "a new boot id and a Ready node; no pod with a Flannel address",
        budget: secs(900),
        inverse: "none needed",
        risk: Risk::Disruptive,
    },
    StepSpec {
        step: Step::Verify,
        requires: "the node is Ready",
        effect: "a probe pod on the node; the CNI directory is read again",
        evidence: "the probe has a Cilium address and reaches the API server; every pod Ready on Cilium; leaks listed",
        budget: secs(300),
        inverse: "none needed",
        risk: Risk::Read,
    },
    StepSpec {
        step: Step::Uncordon,
        requires: "the node is verified",
        effect: "undoes Cutover's own cordon, never somebody else's",
        evidence: "the node is schedulable",
        budget: secs(15),
        inverse: "cordon",
        risk: Risk::Reversible,
    },
    StepSpec {
        step: Step::Observe,
        requires: "the node is schedulable",
        effect: "none: waits",
        evidence: "node and agent Ready for observeSeconds",
        budget: secs(3600),
        inverse: "none needed",
        risk: Risk::Read,
    },
];

/// The way back to Flannel, in the order that was seen to work on real nodes: removing the label
/// alone is no rollback, because 05-cilium.conflist stays and sorts first.
pub const BACK: &[StepSpec] = &[
    StepSpec {
        step: Step::Cordon,
        requires: "a free place under maxUnavailable",
        effect: "spec.unschedulable and the taint, as on the way forward",
        evidence: "both are set on the node",
        budget: secs(15),
        inverse: "uncordon, taint removed",
        risk: Risk::Reversible,
    },
    StepSpec {
        step: Step::Drain,
        requires: "the node is cordoned",
        effect: "evicts, then deletes DaemonSet pods, while Cilium still answers their CNI DEL",
        evidence: "no pod with a pod address is left",
        budget: secs(600),
        inverse: "uncordon",
        risk: Risk::Disruptive,
    },
    StepSpec {
        step: Step::Revert,
        requires: "no pod with a pod address is on the node",
        effect: "removes the label and restarts the Cilium agent",
        evidence: "the agent reports that it no longer manages the CNI configuration",
        budget: secs(180),
        inverse: "switch",
        risk: Risk::Reversible,
    },
    StepSpec {
        step: Step::Restore,
        requires: "the agent keeps its hands off the CNI directory",
        effect: "puts 10-flannel.conflist back and moves 05-cilium.conflist to a backup with checksums",
        evidence: "10-flannel.conflist is the only CNI configuration",
        budget: secs(120),
        inverse: "switch",
        risk: Risk::Reversible,
    },
    StepSpec {
        step: Step::Restart,
        requires: "Flannel's configuration is the only one",
        effect: "recycles what is left on Cilium addresses, then lets DaemonSet pods back",
        evidence: "no pod with a Cilium address",
        budget: secs(300),
        inverse: "none needed",
        risk: Risk::Disruptive,
    },
    StepSpec {
        step: Step::Verify,
        requires: "the node is Ready",
        effect: "a probe pod on the node",
        evidence: "the probe has a Flannel address and reaches the API server; every pod Ready",
        budget: secs(300),
        inverse: "none needed",
        risk: Risk::Read,
    },
    StepSpec {
        step: Step::Uncordon,
        requires: "the node is verified",
        effect: "undoes Cutover's own cordon, never somebody else's",
        evidence: "the node is schedulable",
        budget: secs(15),
        inverse: "cordon",
        risk: Risk::Reversible,
    },
];

impl Step {
    /// The steps of a direction.
    pub const fn path(target: Target) -> &'static [StepSpec] {
        match target {
            Target::Cilium => FORWARD,
            Target::Flannel => BACK,
        }
    }

    /// The step that ends a direction.
    pub const fn last(target: Target) -> Self {
        match target {
            Target::Cilium => Self::Done,
            Target::Flannel => Self::RolledBack,
        }
    }

    /// The step after this one in a direction; the first one where this is not part of it.
    #[must_use]
    pub fn after(self, target: Target) -> Self {
        let path = Self::path(target);
        match path.iter().position(|s| s.step == self) {
            Some(i) => path.get(i + 1).map_or(Self::last(target), |s| s.step),
            None => path.first().map_or(Self::Pending, |s| s.step),
        }
    }

    /// What is known about this step in a direction.
    pub fn spec(self, target: Target) -> Option<&'static StepSpec> {
        Self::path(target).iter().find(|s| s.step == self)
    }

    /// The node is between cordon and uncordon, so it counts as out.
    pub const fn is_underway(self) -> bool {
        !matches!(self, Self::Pending | Self::Check | Self::Observe | Self::Done | Self::RolledBack)
    }

    /// Nothing is left to do.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::RolledBack)
    }

    /// The name as the API spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Check => "Check",
            Self::Cordon => "Cordon",
            Self::Drain => "Drain",
            Self::Switch => "Switch",
            Self::Revert => "Revert",
            Self::Restore => "Restore",
            Self::Restart => "Restart",
            Self::Verify => "Verify",
            Self::Uncordon => "Uncordon",
            Self::Observe => "Observe",
            Self::Done => "Done",
            Self::RolledBack => "RolledBack",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
