//! helm as a process, its output handed on line by line.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use jiff::Timestamp;
use rustix::process::{Pid, Signal};
use serde_json::Value;
use sha2::{Digest, Sha256};
use thiserror::Error;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::Command,
    sync::mpsc,
};

use super::{audit::state_folder, connect::Connection};
use crate::domain::{
    effect::{
        HelmRelease, cilium,
        release::{self, Before, Installed, Revision},
    },
    problem::Problem,
};

/// How long helm may take: a chart with hooks that wait is still done by then.
const LONGEST: Duration = Duration::from_secs(600);
/// How long it may take to say what there is.
const READS: Duration = Duration::from_secs(30);
/// How long it has to end by itself once it was told to: it writes down then that its operation has failed.
const GRACE: Duration = Duration::from_secs(30);
/// How long it may take to say its version.
const FIRST_ANSWER: Duration = Duration::from_secs(10);

/// Why helm did not do what it was asked.
#[derive(Debug, Error)]
pub enum HelmError {
    /// It could not be started.
    #[error("{program} cannot be run: {source}")]
    NotRun {
        /// The program.
        program: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// It does not say its version.
    #[error("{program} does not answer")]
    Silent {
        /// The program.
        program: String,
    },
    /// It took too long.
    #[error("{program} did not end within {minutes} minutes and was stopped")]
    TimedOut {
        /// The program.
        program: String,
        /// How long it had.
        minutes: u64,
    },
    /// It failed.
    #[error("{program} failed ({status}): {said}")]
    Failed {
        /// The program.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// The last lines of its standard error.
        said: String,
    },
    /// One that an earlier run of this program started is still at work.
    #[error("a helm that Cutover started earlier on this machine is still at work")]
    AtWork,
    /// Another operation on the release is pending.
    #[error("revision {revision} of the release cilium is {status}: another helm operation is at work, or died")]
    Pending {
        /// Its revision.
        revision: u64,
        /// Its status.
        status: String,
        /// The namespace of the release.
        namespace: String,
    },
    /// Another actor upgraded the release.
    #[error("revision {revision} of the release cilium was made by another actor")]
    Changed {
        /// Its revision.
        revision: u64,
        /// The last one that Cutover made.
        ours: Option<u64>,
        /// The namespace of the release.
        namespace: String,
    },
    /// helm's answer could not be read.
    #[error("{0}")]
    Unreadable(String),
    /// The values could not be written for it.
    #[error("cannot write the values to a file: {0}")]
    Values(#[from] std::io::Error),
}

impl From<HelmError> for Problem {
    fn from(error: HelmError) -> Self {
        let remedy = match &error {
            HelmError::NotRun { .. } | HelmError::Silent { .. } | HelmError::Values(_) | HelmError::Unreadable(_) => {
                "Nothing was changed.".to_owned()
            }
            HelmError::AtWork => "Nothing was changed; it is tried again.".to_owned(),
            HelmError::Pending { namespace, .. } => format!(
                "Nothing was changed; it is tried again. If nobody's helm is at work: helm -n {namespace} rollback cilium"
            ),
            HelmError::Changed { ours, namespace, .. } => format!(
                "Nothing was changed; it is tried again. See what it is (helm -n {namespace} history cilium) and restore the release: helm -n {namespace} rollback cilium {}",
                ours.map_or_else(|| "REVISION".to_owned(), |n| n.to_string())
            ),
            HelmError::TimedOut { .. } | HelmError::Failed { .. } => {
                "What helm has changed by then stays; it is run again. `helm history cilium` tells more.".to_owned()
            }
        };
        Self::new("", error.to_string(), remedy)
    }
}

/// The helm program and the cluster that it speaks to.
#[derive(Clone, Debug)]
pub struct Helm {
    program: PathBuf,
    kubeconfig: Option<PathBuf>,
    /// None in a pod: there helm finds the service account itself.
    context: Option<String>,
    /// Locked by every helm that is started from this machine for this cluster, for as long as it runs. It says when
    /// they were started, since the last one that ended well.
    lock: Option<PathBuf>,
}

/// The lock while it is held, and when helms were started since the last one that ended well.
struct Turn {
    file: Option<File>,
    before: Vec<Timestamp>,
}

impl Helm {
    /// `program` as named, else as the context names it, else `helm` on the PATH.
    pub fn new(named: Option<&Path>, connection: &Connection) -> Self {
        let program = named.map(Path::to_path_buf).or_else(|| connection.marks.helm.clone());
        let of = format!("{:?} {} {}", connection.kubeconfig, connection.context, connection.server);
        let name = format!("helm-{:.16}.lock", format!("{:x}", Sha256::digest(of)));
        Self {
            lock: state_folder().ok().map(|folder| folder.join(name)),
            program: program.unwrap_or_else(|| PathBuf::from("helm")),
            kubeconfig: connection.kubeconfig.clone(),
            context: (!connection.in_pod).then(|| connection.context.clone()),
        }
    }

    /// Without a helm to be run.
    pub fn none() -> Self {
        Self { program: PathBuf::from("helm"), kubeconfig: None, context: None, lock: None }
    }

    /// helm's version; the proof that it can be run.
    ///
    /// # Errors
    /// See [`HelmError`].
    pub async fn version(&self) -> Result<String, HelmError> {
        let output = Command::new(&self.program)
            .args(["version", "--template", "{{.Version}}"])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let program = self.program.display().to_string();
        let output = match tokio::time::timeout(FIRST_ANSWER, output).await {
            Ok(Ok(output)) => output,
            Ok(Err(source)) => return Err(HelmError::NotRun { program, source }),
            Err(_) => return Err(HelmError::Silent { program }),
        };
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if !output.status.success() {
            return Err(HelmError::Failed { program: format!("{program} version"), status: output.status, said });
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// `helm upgrade --install`, with the values in a file that only this user can read.
    ///
    /// # Errors
    /// See [`HelmError`].
    pub async fn upgrade(&self, release: &HelmRelease, lines: mpsc::Sender<String>) -> Result<(), HelmError> {
        let turn = self.turn()?;
        self.resolve_pending(release, &turn, &lines).await?;
        let values = tempfile::Builder::new().prefix("cutover-values-").suffix(".yaml").tempfile()?;
        // JSON is YAML, and is written the same on every machine
        tokio::fs::write(values.path(), format!("{:#}", release.values)).await?;
        let mut command = self.command();
        command.args(release.arguments(&values.path().to_string_lossy()));
        run(command, &turn, lines).await
    }

    /// An operation of ours that died half way would make helm refuse every other one.
    async fn resolve_pending(
        &self,
        release: &HelmRelease,
        turn: &Turn,
        lines: &mpsc::Sender<String>,
    ) -> Result<(), HelmError> {
        let namespace = &release.namespace;
        let history = release::history(&self.history(namespace).await?).map_err(HelmError::Unreadable)?;
        match release::before(&history, release.resumes, &turn.before) {
            Before::Go => Ok(()),
            Before::Wait(Revision { number, status, .. }) => {
                Err(HelmError::Pending { revision: number, status, namespace: namespace.clone() })
            }
            Before::Changed { by, ours } => Err(changed(&by, ours, namespace)),
            Before::Resolve { pending, deployed } => {
                let said = format!(
                    "revision {} is {} and nobody works on it: it is taken back first",
                    pending.number, pending.status
                );
                let _ = lines.try_send(said);
                let mut command = self.command();
                command.args(release::resolve_arguments(namespace, deployed));
                run(command, turn, lines.clone()).await
            }
        }
    }

    /// The release as it is on the cluster.
    ///
    /// # Errors
    /// See [`HelmError`].
    pub async fn installed(&self, namespace: &str) -> Result<Option<Installed>, HelmError> {
        let history = release::history(&self.history(namespace).await?).map_err(HelmError::Unreadable)?;
        let ours = release::changed(&history).is_none();
        let Some(last) = history.into_iter().next_back() else { return Ok(None) };
        let Some(values) = self.read(release::values_arguments(namespace)).await? else { return Ok(None) };
        let values: Value = serde_json::from_str(&values)
            .map_err(|e| HelmError::Unreadable(format!("helm get values cannot be read: {e}")))?;
        Ok(Some(Installed { chart: last.chart, values, ours }))
    }

    /// `helm history -o json`; an empty list where there is no release.
    async fn history(&self, namespace: &str) -> Result<String, HelmError> {
        Ok(self.read(release::history_arguments(namespace)).await?.unwrap_or_else(|| "[]".into()))
    }

    /// What helm prints of the release; nothing where there is none.
    async fn read(&self, arguments: Vec<String>) -> Result<Option<String>, HelmError> {
        let program = self.program.display().to_string();
        let mut command = self.command();
        command.args(&arguments).stdin(Stdio::null()).kill_on_drop(true);
        let output = match tokio::time::timeout(READS, command.output()).await {
            Ok(Ok(output)) => output,
            Ok(Err(source)) => return Err(HelmError::NotRun { program, source }),
            Err(_) => return Err(HelmError::Silent { program }),
        };
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        match output.status.success() {
            true => Ok(Some(String::from_utf8_lossy(&output.stdout).into_owned())),
            // helm has one exit code for everything
            false if said.contains("release: not found") => Ok(None),
            false => {
                let program = format!("helm {}", arguments.first().map_or("", String::as_str));
                Err(HelmError::Failed { program, status: output.status, said })
            }
        }
    }

    /// `helm uninstall`; a release that is not there is no error.
    ///
    /// # Errors
    /// See [`HelmError`].
    pub async fn uninstall(&self, namespace: &str, lines: mpsc::Sender<String>) -> Result<(), HelmError> {
        let turn = self.turn()?;
        let history = release::history(&self.history(namespace).await?).map_err(HelmError::Unreadable)?;
        if let Some(Before::Changed { by, ours }) = release::changed(&history) {
            return Err(changed(&by, ours, namespace));
        }
        let mut command = self.command();
        command.args(cilium::uninstall(namespace));
        match run(command, &turn, lines).await {
            // helm has one exit code for everything
            Err(HelmError::Failed { said, .. }) if said.contains("release: not found") => Ok(()),
            other => other,
        }
    }

    /// Waits for no one: a helm that outlived the program that started it is still at work.
    fn turn(&self) -> Result<Turn, HelmError> {
        let open = |path: &PathBuf| {
            std::fs::create_dir_all(path.parent()?).ok()?;
            File::options().read(true).write(true).create(true).truncate(false).open(path).ok()
        };
        // without a folder of its own nothing is known of an earlier helm
        let Some(mut file) = self.lock.as_ref().and_then(open) else { return Ok(Turn { file: None, before: vec![] }) };
        if matches!(file.try_lock(), Err(std::fs::TryLockError::WouldBlock)) {
            return Err(HelmError::AtWork);
        }
        let mut text = String::new();
        let _ = file.read_to_string(&mut text);
        Ok(Turn { file: Some(file), before: text.lines().filter_map(|l| l.parse().ok()).collect() })
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

impl Turn {
    /// What is pending later is not of this helm.
    fn ended_well(&self) {
        let _ = self.file.as_ref().map(|file| file.set_len(0));
    }

    /// The lock as standard input, for as long as the program runs; with the time of its start in it.
    fn stdin(&self) -> Stdio {
        let Some(file) = &self.file else { return Stdio::null() };
        let mut file: &File = file;
        let now = format!("{}\n", Timestamp::now());
        let written = file.seek(SeekFrom::End(0)).and_then(|_| file.write_all(now.as_bytes()));
        match (written, file.try_clone()) {
            (Ok(()), Ok(file)) => file.into(),
            _ => Stdio::null(),
        }
    }
}

fn changed(by: &Revision, ours: Option<u64>, namespace: &str) -> HelmError {
    HelmError::Changed { revision: by.number, ours, namespace: namespace.to_owned() }
}

async fn run(mut command: Command, turn: &Turn, lines: mpsc::Sender<String>) -> Result<(), HelmError> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    // a group of its own: the terminal's Ctrl-C and hangup are not for it
    command.stdin(turn.stdin()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let not_run = |source| HelmError::NotRun { program: program.clone(), source };
    let mut child = command.spawn().map_err(not_run)?;
    let group = Group::of(&child);
    let out = tokio::spawn(forward(child.stdout.take(), lines.clone()));
    let err = tokio::spawn(forward(child.stderr.take(), lines));
    let Ok(ended) = tokio::time::timeout(LONGEST, child.wait()).await else {
        group.end();
        if tokio::time::timeout(GRACE, child.wait()).await.is_err() {
            let _ = child.kill().await;
        }
        return Err(HelmError::TimedOut { program, minutes: LONGEST.as_secs() / 60 });
    };
    let status = ended.map_err(not_run)?;
    group.has_ended();
    let (_, said) = (out.await, err.await.unwrap_or_default());
    if status.success() {
        turn.ended_well();
        return Ok(());
    }
    let said = if said.is_empty() { "it said nothing".to_owned() } else { said.join("; ") };
    Err(HelmError::Failed { program: "helm".into(), status, said })
}

/// helm and what it starts. Dropped while it runs it is told to end, and not killed: killed it would leave a pending
/// operation.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &tokio::process::Child) -> Self {
        Self(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)))
    }

    fn end(&self) {
        if let Some(pid) = self.0 {
            let _ = rustix::process::kill_process_group(pid, Signal::TERM);
        }
    }

    fn has_ended(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
    }
}

/// Passes lines on; keeps the last few for the message of a failure.
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
