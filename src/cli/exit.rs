//! Exit codes.

use std::process::ExitCode;

use crate::domain::problem::Problem;

/// Appended to `--help`.
pub(super) const HELP: &str = "\
Exit codes:
  0  done, or nothing blocks
  1  something failed
  2  wrong arguments
  3  the cluster cannot be reached, or refuses the credentials
  4  a finding of preflight or verification blocks; the check changed nothing
  5  the migration waits for an operator (a consent, an approval, a timeout); nothing is lost
  130  interrupted; run it again to resume the migration

Without a command Cutover opens the cockpit.";

/// How the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, or nothing blocks.
    Done,
    /// Something failed.
    Failed,
    /// Wrong arguments.
    Usage,
    /// The cluster cannot be reached, or refuses the credentials.
    Unreachable,
    /// A finding blocks.
    Blocked,
    /// The migration waits for an operator.
    Waiting,
    /// Interrupted.
    Interrupted,
}

impl Exit {
    /// The number that the shell sees.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Unreachable => 3,
            Self::Blocked => 4,
            Self::Waiting => 5,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command failed, and with which exit code.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) exit: Exit,
    pub(super) message: String,
}

impl From<Problem> for Failed {
    fn from(problem: Problem) -> Self {
        Self::new(Exit::Failed, problem.to_string())
    }
}

impl Failed {
    pub(super) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }
}
