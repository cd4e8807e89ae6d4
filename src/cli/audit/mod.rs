//! `cutover audit`: what was done, out of the log that says it before and after each change, and whether that is whole.

mod show;
mod verify;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::{
    Exit, Global, flows, output,
    session::{Failed, audit_path},
};
use crate::cluster::{audit::folder, connect};

/// Show and check the log of everything that was done.
#[derive(Args, Debug)]
pub(super) struct Audit {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// List every change with its outcome, oldest first; needs no cluster where a log is named or there is only one
    List(List),
    /// Print everything that the log has about one change: its requests, and what they changed
    Show {
        /// The number of the line, as `list` says it
        #[arg(value_name = "LINE")]
        line: u64,
        /// The log (otherwise this machine's own about this cluster)
        file: Option<PathBuf>,
    },
    /// Print the last changes, and with --follow those that come
    Tail {
        /// How many of the last ones
        #[arg(long, short = 'n', value_name = "N", default_value_t = 20)]
        lines: usize,
        /// Go on until interrupted
        #[arg(long, short)]
        follow: bool,
        /// The log (otherwise this machine's own about this cluster)
        file: Option<PathBuf>,
    },
    /// Find any edit, and what was cut off since the cluster last heard of it; changes nothing
    Verify {
        /// The log (otherwise this machine's own about this cluster)
        file: Option<PathBuf>,
        /// Without the cluster: edits are found, a cut is not
        #[arg(long)]
        offline: bool,
    },
}

#[derive(Args, Debug)]
struct List {
    /// The log (otherwise this machine's own about this cluster)
    file: Option<PathBuf>,
    /// Only changes of objects with this in their name, as worker-1 or migration
    #[arg(long, value_name = "TEXT")]
    object: Option<String>,
    /// Only since this long ago, as 30m or 2h, or a time, as 2026-11-24T01:18:20Z
    #[arg(long, value_name = "TIME", value_parser = flows::time)]
    since: Option<Timestamp>,
    /// Only what failed, or whose outcome is not known
    #[arg(long)]
    failed: bool,
}

impl Audit {
    pub(super) async fn run(&self, global: &Global) -> Result<Exit, Failed> {
        match &self.command {
            Command::List(list) => {
                let log = Log::find(global, list.file.as_deref()).await?;
                show::list(&log, list, global.output)
            }
            Command::Show { line, file } => show::one(&Log::find(global, file.as_deref()).await?, *line, global.output),
            Command::Tail { lines, follow, file } => {
                let log = Log::find(global, file.as_deref()).await?;
                show::tail(&log, *lines, *follow, global.output).await
            }
            Command::Verify { file, offline } => verify::verify(global, file.as_deref(), *offline).await,
        }
    }
}

/// A log on this machine.
struct Log {
    path: PathBuf,
    /// It has to be there: it was named.
    named: bool,
}

impl Log {
    /// The one that is named; that of the cluster that answers; without a cluster the only one there is.
    async fn find(global: &Global, file: Option<&Path>) -> Result<Self, Failed> {
        if let Some(path) = file.or(global.audit_log.as_deref()) {
            return Ok(Self { path: path.to_owned(), named: true });
        }
        let why = match connect::connect(&global.named(false)).await {
            Err(why) => why.to_string(),
            Ok(connection) => match connection.cluster().await {
                None => format!("the cluster behind {} does not say its identity", connection.context),
                Some(cluster) => {
                    let path = audit_path(global.settings.audit_log(&connection.context), &cluster)?;
                    return Ok(Self { path, named: false });
                }
            },
        };
        let mut logs = all()?;
        match logs.pop() {
            Some(path) if logs.is_empty() => {
                output::note(&format!(
                    "The only log on this machine is shown, because the cluster is not known: {why}"
                ));
                Ok(Self { path, named: false })
            }
            None => Ok(Self { path: folder().map_err(|e| Failed::new(Exit::Failed, e.to_string()))?, named: false }),
            Some(last) => {
                let names: Vec<String> = logs.iter().chain([&last]).map(|p| p.display().to_string()).collect();
                let message = format!("name one of the logs on this machine ({}): {why}", names.join(", "));
                Err(Failed::new(Exit::Unreachable, message))
            }
        }
    }

    fn failed(&self, why: &dyn std::fmt::Display) -> Failed {
        Failed::new(Exit::Usage, format!("{} cannot be read: {why}", self.path.display()))
    }

    /// Its lines; none where nothing was changed from this machine yet.
    fn read(&self) -> Result<String, Failed> {
        match std::fs::read_to_string(&self.path) {
            Err(_) if !self.is_there() => Ok(String::new()),
            text => text.map_err(|e| self.failed(&e)),
        }
    }

    fn is_there(&self) -> bool {
        self.named || self.path.is_file()
    }

    fn length(&self) -> Result<u64, Failed> {
        if self.is_there() { Ok(std::fs::metadata(&self.path).map_err(|e| self.failed(&e))?.len()) } else { Ok(0) }
    }
}

/// The logs in the state folder.
fn all() -> Result<Vec<PathBuf>, Failed> {
    let folder = folder().map_err(|e| Failed::new(Exit::Failed, e.to_string()))?;
    let Ok(entries) = std::fs::read_dir(&folder) else { return Ok(vec![]) };
    let paths = entries.filter_map(|e| Some(e.ok()?.path()));
    let mut logs: Vec<PathBuf> = paths.filter(|p| p.extension().is_some_and(|e| e == "jsonl")).collect();
    logs.sort();
    Ok(logs)
}
