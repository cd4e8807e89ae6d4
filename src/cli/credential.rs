//! `cutover credential -- PLUGIN …`: runs a kubeconfig's credential plugin without a terminal and with a time limit, so
//! that it can neither draw over the cockpit, nor take its keys, nor hang. Cutover's own clients start it.

use std::{ffi::OsString, io::Write, process::Stdio, time::Duration};

use clap::Args;
use tokio::{process::Command, time::timeout};

use super::{Exit, session::Failed};

/// Longer than a plugin takes that does not prompt.
const PATIENCE: Duration = Duration::from_secs(60);

/// Run a credential plugin without a terminal.
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
            return Err(Failed::new(Exit::Usage, "no plugin is named"));
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
            .map_err(|_| failed(format!("did not end within {} s: does it prompt for input?", PATIENCE.as_secs())))?
            .map_err(|e| failed(e.to_string()))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let last = said.lines().rfind(|l| !l.trim().is_empty()).unwrap_or("no message");
            return Err(failed(format!("failed ({}): {last}", output.status)));
        }
        // the credentials go to the client alone
        let _ = std::io::stdout().write_all(&output.stdout);
        Ok(Exit::Done)
    }
}
