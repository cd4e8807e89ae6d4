//! How far a phase or a step has come.

use super::{
    effect::Effect,
    problem::Problem,
    reason::{Reason, Waiting},
};

/// How far a phase or a step has come.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// Its evidence is there.
    Done,
    /// These changes are due, and what they are for.
    Act(Vec<Effect>, Waiting),
    /// It waits.
    Wait(Waiting),
    /// It failed, or cannot go on by itself.
    Fail(Reason, Problem),
}

impl Progress {
    /// One change.
    pub fn act(effect: Effect, message: impl Into<String>) -> Self {
        let waiting = Waiting::new(Reason::Working, message).on(effect.describe().object);
        Self::Act(vec![effect], waiting)
    }

    /// It waits, and for what.
    pub fn wait(reason: Reason, message: impl Into<String>) -> Self {
        Self::Wait(Waiting::new(reason, message))
    }

    /// It waits for an object.
    pub fn wait_on(reason: Reason, object: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Wait(Waiting::new(reason, message).on(object))
    }
}
