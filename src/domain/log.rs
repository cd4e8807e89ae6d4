//! What happened, one line each: the log screen, the headless lines and the log file show the same.

use jiff::Timestamp;
use serde::Serialize;

/// How a line is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Kind {
    /// A change was begun.
    Begin,
    /// A change was made.
    Done,
    /// A change was refused or failed.
    Failed,
    /// It waits; nothing is wrong.
    Waiting,
    /// A record moved on: a phase or a node's step.
    Step,
    /// What a program said while it ran.
    Output,
    /// What an operator wished.
    Wish,
    /// Something to know.
    Note,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// How it is meant.
    pub kind: Kind,
    /// The object that it is about.
    pub object: String,
    /// What happened.
    pub text: String,
    /// What an operator would have typed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kubectl: Vec<String>,
}

impl Entry {
    /// A line of now.
    pub fn new(at: Timestamp, kind: Kind, object: impl Into<String>, text: impl Into<String>) -> Self {
        Self { at, kind, object: object.into(), text: text.into(), kubectl: vec![] }
    }
}
