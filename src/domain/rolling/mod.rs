//! The rolling strategy: node by node, both overlays side by side.

pub mod cluster;
pub mod flows;
pub mod host;
mod leave;
pub mod node;
pub mod order;
mod restart;
mod steps;
mod verify;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{
    api::Migration,
    effect::Effect,
    facts::Facts,
    problem::{Problem, ProblemKind},
};

/// Failures of effects that have not succeeded since, by the effect's name.
pub type Failures = BTreeMap<String, Failure>;

/// An effect that failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// What the server or the program said, and what to do about it.
    pub problem: Problem,
    /// When it last failed.
    pub at: Timestamp,
    /// How often in a row.
    pub count: u32,
}

/// Everything that a decision is made of.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// What is known.
    pub facts: &'a Facts,
    /// What is wanted.
    pub migration: &'a Migration,
    /// What went wrong lately.
    pub failures: &'a Failures,
    /// Names of the effects that are being made now.
    pub under_way: &'a BTreeSet<String>,
    /// Names of the effects that have ended well since they were last begun by this engine.
    pub ended: &'a BTreeSet<String>,
    /// Since when this engine has been at work without a hold: waiting before that was nobody's.
    pub since: Timestamp,
    /// The time.
    pub now: Timestamp,
}

impl<'a> View<'a> {
    /// No failures and nothing in flight, for callers that only inspect.
    pub const fn read_only(facts: &'a Facts, migration: &'a Migration, now: Timestamp) -> Self {
        static NO_FAILURES: Failures = Failures::new();
        static NOTHING: BTreeSet<String> = BTreeSet::new();
        Self {
            facts,
            migration,
            failures: &NO_FAILURES,
            under_way: &NOTHING,
            ended: &NOTHING,
            since: Timestamp::MIN,
            now,
        }
    }
}

/// How far something has come.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// Its evidence is there.
    Done,
    /// These changes are due; the words say what for.
    Act(Vec<Effect>, String),
    /// It waits: for whom and what.
    Wait(String),
    /// It cannot go on by itself.
    Fail {
        /// What failed.
        message: String,
        /// The object.
        object: String,
        /// What was left behind, and what to do next.
        next: String,
        /// What kind of problem it is.
        kind: ProblemKind,
    },
}

impl Progress {
    /// One change.
    pub(crate) fn act(effect: Effect, why: impl Into<String>) -> Self {
        Self::Act(vec![effect], why.into())
    }
}
