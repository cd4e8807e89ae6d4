//! The phases of the rolling strategy, in order.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A phase of the rolling strategy. The order of the variants is the order of the migration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Phase {
    /// Look at the cluster and change nothing.
    #[default]
    Preflight,
    /// Install Cilium idle beside Flannel.
    Install,
    /// Move the nodes, one after the other.
    Migrate,
    /// Make Cilium the default of every node and let policies bite.
    Finalize,
    /// Remove Flannel and what it left on the nodes.
    Remove,
    /// Prove that the cluster is on Cilium.
    Verify,
}

impl Phase {
    /// All phases in order.
    pub const ALL: [Self; 6] =
        [Self::Preflight, Self::Install, Self::Migrate, Self::Finalize, Self::Remove, Self::Verify];

    /// The name as the API and the command line spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Preflight => "Preflight",
            Self::Install => "Install",
            Self::Migrate => "Migrate",
            Self::Finalize => "Finalize",
            Self::Remove => "Remove",
            Self::Verify => "Verify",
        }
    }

    /// What the phase does, as a sentence for an operator.
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::Preflight => "Looks at the cluster and lists what would stand in the way. Changes nothing.",
            Self::Install => "Installs Cilium idle beside Flannel: no pod uses it yet.",
            Self::Migrate => "Moves node after node: drain, switch the CNI, restart, verify, uncordon.",
            Self::Finalize => "Makes Cilium the default of every node; existing NetworkPolicies begin to bite.",
            Self::Remove => "Deletes Flannel's objects and cleans what it left on the nodes.",
            Self::Verify => "Proves that every pod is on Cilium and that nothing of Flannel is left.",
        }
    }

    /// The phase after this one.
    pub fn next(self) -> Option<Self> {
        Self::ALL.into_iter().find(|p| *p > self)
    }

    /// The phase before this one.
    pub fn previous(self) -> Option<Self> {
        Self::ALL.into_iter().rev().find(|p| *p < self)
    }

    /// After this phase the way back is no longer cheap: it is confirmed by typing the context's name.
    pub const fn is_point_of_no_easy_return(self) -> bool {
        matches!(self, Self::Finalize | Self::Remove)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Phase {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        // the British spelling that versions before 0.2 used
        let s = if s.eq_ignore_ascii_case("finalise") { Self::Finalize.name() } else { s };
        Self::ALL
            .into_iter()
            .find(|p| p.name().eq_ignore_ascii_case(s))
            .ok_or_else(|| format!("no phase is called {s:?}; the phases are {}", Self::ALL.map(Self::name).join(", ")))
    }
}
