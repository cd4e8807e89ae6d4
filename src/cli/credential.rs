//! `cutover credential -- PLUGIN …`: runs a kubeconfig's credential plugin where it can neither paint over the
//! cockpit, nor take its keys, nor wait for ever. Started by Cutover's own clients, never by hand.

use std::{ffi::OsString, io::Write, process::Stdio, time::Duration};

use clap::Args;
use tokio::{process::Command, time::timeout};

use super::{Exit, session::Failed};

/// Longer than a plugin takes that asks nobody.
const PATIENCE: Duration = Duration::from_secs(60);

/// Run a credential plugin away from the terminal.
#[derive(Args, Debug)]
pub(super) struct Credential {
    /// The plugin and its arguments
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

impl Credential {
    pub(super) async fn run(&self) -> Result<Exit, Failed> {
        // a session of its own has no terminal: /dev/tty cannot be opened either
        let _ = rustix::process::setsid();
        let Some((program, arguments)) = self.command.split_first() else {
            return Err(Failed::new(Exit::Usage, "no plugin was named"));
        };
        let name = program.to_string_lossy().into_owned();
        let failed = |why: String| Failed::new(Exit::Failed, format!("the credential plugin {name} {why}"));
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| failed(format!("cannot be started: {e}")))?;
        let output = timeout(PATIENCE, child.wait_with_output())
            .await
            .map_err(|_| {
                failed(format!("gave no answer within {} s: does it want to ask something?", PATIENCE.as_secs()))
            })?
            .map_err(|e| failed(e.to_string()))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let last = said.lines().rfind(|l| !l.trim().is_empty()).unwrap_or("it said nothing");
            return Err(failed(format!("failed ({}): {last}", output.status)));
        }
        // the credentials themselves go to whoever asked, and nowhere else
        let _ = std::io::stdout().write_all(&output.stdout);
        Ok(Exit::Done)
    }
}
