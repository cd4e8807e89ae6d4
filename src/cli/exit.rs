//! What the program ends with.

use std::process::ExitCode;

/// Appended to `--help`.
pub(super) const HELP: &str = "\
Exit codes:
  0  done, or nothing in the way
  1  something failed that should not
  2  the arguments are wrong
  3  the cluster cannot be reached, or does not let you in
  4  preflight or verification found something that blocks; nothing was changed by the check
  5  the migration waits for an operator (a consent, an approval, a time-out); nothing is lost
  130  interrupted; the migration goes on where it was when it is run again

Without a command Cutover opens the cockpit.";

/// What the program ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, or nothing in the way.
    Done,
    /// Something failed that should not.
    Failed,
    /// The arguments are wrong.
    Usage,
    /// The cluster cannot be reached, or does not let us in.
    Unreachable,
    /// A check found something that blocks.
    Blocked,
    /// The migration waits for an operator.
    Waiting,
    /// Interrupted.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Unreachable => 3,
            Exit::Blocked => 4,
            Exit::Waiting => 5,
            Exit::Interrupted => 130,
        })
    }
}
