//! What has to be seen before or after a change, with the command line that tells. It is told here once: the plan prints
//! it, and playbooks wait for it.

use std::time::Duration;

use serde::Serialize;

/// How long anything is waited for that has no limit of its own.
const LIMIT: Duration = Duration::from_secs(300);

/// Something that is to be seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Proof {
    /// What is so then, in a few words.
    pub words: String,
    /// A command line that ends with 0 where it is so and with 1 where it is not. Any other code: it is not known.
    pub command: String,
    /// What the command reads.
    pub reads: Source,
    /// How long it is waited for.
    #[serde(skip)]
    pub limit: Duration,
}

/// What the command of a proof reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Source {
    /// The cluster.
    Cluster,
    /// The report of the last task that was run on the node's host, on standard input.
    Report,
}

impl Proof {
    /// A command line that asks the cluster.
    pub fn command(words: impl Into<String>, command: impl Into<String>) -> Self {
        Self { words: words.into(), command: command.into(), reads: Source::Cluster, limit: LIMIT }
    }

    /// What `kubectl` prints for these arguments passes a test of `$seen`. An answer that did not come is no answer.
    pub fn kubectl(words: impl Into<String>, arguments: &str, test: &str) -> Self {
        Self::command(words, format!("(seen=$(kubectl {arguments}) || exit 2; {test})"))
    }

    /// It prints this and nothing else.
    pub fn prints(words: impl Into<String>, arguments: &str, value: &str) -> Self {
        Self::kubectl(words, arguments, &format!("[ \"$seen\" = '{value}' ]"))
    }

    /// It prints nothing.
    pub fn none(words: impl Into<String>, arguments: &str) -> Self {
        Self::kubectl(words, arguments, "[ -z \"$seen\" ]")
    }

    /// It prints something.
    pub fn some(words: impl Into<String>, arguments: &str) -> Self {
        Self::kubectl(words, arguments, "[ -n \"$seen\" ]")
    }

    /// A filter that the report of a host task passes.
    pub fn report(words: impl Into<String>, filter: impl Into<String>) -> Self {
        Self { words: words.into(), command: filter.into(), reads: Source::Report, limit: LIMIT }
    }

    /// It is waited for so long.
    #[must_use]
    pub fn within(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }
}

/// A key in a path of `kubectl -o jsonpath`.
pub(super) fn path_key(key: &str) -> String {
    key.replace('.', "\\.")
}
