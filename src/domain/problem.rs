//! What stands in the way: one shape for everything that did not work.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What did not work or stands in the way: on which object, why, and what to do about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// The object, as `kind/namespace/name`.
    pub object: String,
    /// What is wrong, as a sentence without its full stop.
    pub message: String,
    /// What was left behind and what to do next; empty where nothing is to be done.
    #[serde(default)]
    pub remedy: String,
    /// What kind of problem it is: decisions read this, never the sentences.
    #[serde(default)]
    pub kind: ProblemKind,
}

/// What kind of problem it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ProblemKind {
    /// Nothing was changed, and trying again alone will not help.
    #[default]
    Failed,
    /// Nobody knows whether it was changed: look before it is tried again.
    Unknown,
    /// A disruption budget refused it: nothing is wrong, other pods have to become healthy first.
    Budget,
    /// More than one disruption budget counts the pod: no eviction of it ever succeeds.
    TwoBudgets,
    /// Its namespace is being deleted: it goes with it.
    NamespaceTerminating,
    /// The API server is busy: it limits the flow of requests.
    Busy,
    /// The API server does not accept the credentials.
    Unauthorized,
    /// The credentials do not carry the right.
    Forbidden,
    /// Another writer changed the object first.
    Conflict,
    /// A file that is needed is not on the host.
    MissingFile,
    /// Pods come back to a node that drains.
    Returns,
}

impl Problem {
    /// A problem of the kind [`ProblemKind::Failed`].
    pub fn new(object: impl Into<String>, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { object: object.into(), message: message.into(), remedy: remedy.into(), kind: ProblemKind::Failed }
    }

    /// The same problem, of this kind.
    #[must_use]
    pub fn of_kind(self, kind: ProblemKind) -> Self {
        Self { kind, ..self }
    }
}

impl ProblemKind {
    /// It passes by itself: it is tried again and is not reported as a failure.
    pub const fn is_transient(self) -> bool {
        matches!(self, Self::Budget | Self::NamespaceTerminating | Self::Busy)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.object, self.message.trim_end_matches('.'))?;
        if self.remedy.is_empty() { Ok(()) } else { write!(f, ". {}", self.remedy) }
    }
}
