//! Host tasks through `ssh`.

use std::process::Stdio;

use tokio::{io::AsyncWriteExt, process::Command};

use crate::{
    cluster::store::FactStore,
    domain::{
        host::{HostTask, SCRIPT},
        problem::{Problem, ProblemKind},
    },
};

/// Runs the script through the system's `ssh`, so that keys, agents and jump hosts work as they do. The report
/// goes to the facts, where a task pod's would be found.
pub(super) async fn by_ssh(
    store: &FactStore,
    node: &str,
    task: &HostTask,
    nth: u32,
    target: &str,
) -> Result<(), Problem> {
    let unknown = |why: String| {
        let remedy = "Unknown whether it was done: the host is inspected again. Try the same `ssh` by hand.";
        Problem::new("", format!("ssh to {target}: {why}"), remedy).of_kind(ProblemKind::Unknown)
    };
    let command = task.ssh(target);
    let (program, arguments) = command.split_first().ok_or_else(|| unknown("no command".into()))?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| {
            Problem::new("", format!("ssh cannot be run: {e}"), "Nothing was changed. Install OpenSSH's client.")
        })?;
    if let Some(mut stdin) = child.stdin.take() {
        // a host that hangs up early says why on its own
        let _ = stdin.write_all(SCRIPT.as_bytes()).await;
    }
    let output = child.wait_with_output().await.map_err(|e| unknown(e.to_string()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().rfind(|l| !l.trim().is_empty()).unwrap_or_default();
    let code = output.status.code().unwrap_or(-1);
    if code == 255 || code == -1 {
        return Err(unknown(said.to_owned()));
    }
    let mut report = String::from_utf8_lossy(&output.stdout).into_owned();
    if code != 0 && !report.contains("error=") {
        report.push_str(&format!("\nerror={said}\n"));
    }
    let name = task.pod_name(node, nth);
    let of_node = format!("-{node}-");
    store.change(|f| {
        // the reports of earlier tasks of this node were read long ago
        f.reports.retain(|n, _| !n.contains(&of_node));
        f.reports.insert(name, (code, report));
    });
    Ok(())
}
