//! helm as a process, its output handed on line by line.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::Command,
    sync::mpsc,
};

use super::connect::Connection;
use crate::domain::effect::{HelmRelease, RELEASE};

/// How long helm may take: a chart with hooks that wait is still done by then.
const LONGEST: Duration = Duration::from_secs(600);

/// The helm program and the cluster that it speaks to.
#[derive(Clone, Debug)]
pub struct Helm {
    program: PathBuf,
    kubeconfig: Option<PathBuf>,
    /// None in a pod: there helm finds the service account itself.
    context: Option<String>,
}

impl Helm {
    /// `program` as named, else as the context names it, else `helm` on the PATH.
    pub fn new(named: Option<&Path>, connection: &Connection) -> Self {
        let program = named.map(Path::to_path_buf).or_else(|| connection.marks.helm.clone());
        Self {
            program: program.unwrap_or_else(|| PathBuf::from("helm")),
            kubeconfig: connection.kubeconfig.clone(),
            context: (!connection.in_pod).then(|| connection.context.clone()),
        }
    }

    /// Where there is no helm to be run.
    pub fn none() -> Self {
        Self { program: PathBuf::from("helm"), kubeconfig: None, context: None }
    }

    /// helm's version; the proof that it can be run.
    ///
    /// # Errors
    /// A sentence that names the program.
    pub async fn version(&self) -> Result<String, String> {
        let output = Command::new(&self.program)
            .args(["version", "--template", "{{.Version}}"])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let program = self.program.display();
        let output = tokio::time::timeout(Duration::from_secs(10), output)
            .await
            .map_err(|_| format!("{program} does not answer"))?
            .map_err(|e| format!("{program} cannot be run: {e}"))?;
        if !output.status.success() {
            return Err(format!("{program} version failed: {}", String::from_utf8_lossy(&output.stderr).trim()));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// `helm upgrade --install`, with the values in a file that only this user can read.
    ///
    /// # Errors
    /// helm's own words.
    pub async fn upgrade(&self, release: &HelmRelease, lines: mpsc::Sender<String>) -> Result<(), String> {
        let values = tempfile::Builder::new()
            .prefix("cutover-values-")
            .suffix(".yaml")
            .tempfile()
            .map_err(|e| format!("cannot write the values to a file: {e}"))?;
        // JSON is YAML, and is written the same on every machine
        let text = serde_json::to_vec_pretty(&release.values).map_err(|e| e.to_string())?;
        tokio::fs::write(values.path(), text).await.map_err(|e| format!("cannot write the values to a file: {e}"))?;
        let mut command = self.command();
        command.args([
            "upgrade",
            "--install",
            RELEASE,
            &release.chart,
            "--namespace",
            &release.namespace,
            "--create-namespace",
        ]);
        // a folder or an archive has its version inside
        if !Path::new(&release.chart).exists() {
            command.args(["--version", release.version.trim_start_matches('v')]);
        }
        command.arg("--values").arg(values.path());
        run(command, lines).await
    }

    /// `helm uninstall`; a release that is not there is no error.
    ///
    /// # Errors
    /// helm's own words.
    pub async fn uninstall(&self, namespace: &str, lines: mpsc::Sender<String>) -> Result<(), String> {
        let mut command = self.command();
        command.args(["uninstall", RELEASE, "--namespace", namespace]);
        match run(command, lines).await {
            Err(e) if e.contains("not found") => Ok(()),
            other => other,
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        if let Some(kubeconfig) = &self.kubeconfig {
            command.arg("--kubeconfig").arg(kubeconfig);
        }
        if let Some(context) = &self.context {
            command.args(["--kube-context", context]);
        }
        command
    }
}

async fn run(mut command: Command, lines: mpsc::Sender<String>) -> Result<(), String> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|e| format!("{program} cannot be run: {e}"))?;
    let out = tokio::spawn(forward(child.stdout.take(), lines.clone()));
    let err = tokio::spawn(forward(child.stderr.take(), lines));
    let status = tokio::time::timeout(LONGEST, child.wait())
        .await
        .map_err(|_| format!("{program} did not end within {} minutes and was stopped", LONGEST.as_secs() / 60))?
        .map_err(|e| format!("{program}: {e}"))?;
    let (_, said) = (out.await, err.await.unwrap_or_default());
    if status.success() {
        return Ok(());
    }
    let said = if said.is_empty() { "it said nothing".to_owned() } else { said.join("; ") };
    Err(format!("helm failed ({status}): {said}"))
}

/// KubeCluster lines on; keeps the last few for the message of a failure.
async fn forward(pipe: Option<impl AsyncRead + Unpin>, lines: mpsc::Sender<String>) -> Vec<String> {
    let mut last = Vec::new();
    let Some(pipe) = pipe else { return last };
    let mut reader = BufReader::new(pipe).lines();
    while let Ok(Some(line)) = reader.next_line().await {
        if line.trim().is_empty() {
            continue;
        }
        last.push(line.clone());
        if last.len() > 5 {
            last.remove(0);
        }
        // a log that is not read must not stop helm
        let _ = lines.try_send(line);
    }
    last
}
