//! The cockpit.

use std::io::IsTerminal;

use super::{Exit, Global, Wanted, session::Failed};

/// Without a terminal there is no cockpit.
pub(super) fn needs_terminal() -> Result<(), Failed> {
    if std::io::stdout().is_terminal() && std::io::stdin().is_terminal() {
        return Ok(());
    }
    Err(Failed::new(Exit::Usage, "the cockpit needs a terminal. Without one use `cutover run`, `status` or `demo --headless`"))
}

pub(super) async fn open(_global: &Global, wanted: &Wanted, _write: bool) -> Result<Exit, Failed> {
    wanted.spec()?;
    needs_terminal()?;
    Err(Failed::new(Exit::Failed, "not there yet"))
}
