//! How much a change can hurt.

use serde::Serialize;

/// What a change can break, and so how loudly it is announced. The order of the variants is the order of the risk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Risk {
    /// Reads only.
    Read,
    /// Writes nothing but Cutover's own objects: its records, its copies, the pods of its tasks.
    Own,
    /// Changes the cluster, and its inverse undoes it without downtime.
    Reversible,
    /// Pods restart.
    Disruptive,
    /// A node reboots.
    Reboot,
    /// The way back is not cheap, or part of it is lost.
    Destructive,
}

impl Risk {
    /// The word an operator reads.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Read => "reads only",
            Self::Own => "writes Cutover's own objects",
            Self::Reversible => "reversible",
            Self::Disruptive => "restarts pods",
            Self::Reboot => "reboots the node",
            Self::Destructive => "hard to undo",
        }
    }
}
