//! `cutover completions`: what a shell is told so that it completes. The script asks this program for every word, which
//! then knows the contexts of the kubeconfig and the nodes of the cluster.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, Command, ValueEnum};
use clap_complete::{CompleteEnv, CompletionCandidate, env::Shells};

use super::{Exit, output, session::Failed};
use crate::{
    cluster::connect::{self, Named},
    domain::{strategy::phase_names, text::safe},
};

/// Tells the program that a shell asks for completions, and which shell.
const VARIABLE: &str = "CUTOVER_COMPLETE";
/// How long a shell waits for the names of nodes before it completes without them.
const PATIENCE: Duration = Duration::from_secs(2);

/// Print the completions of a shell.
#[derive(Args, Debug)]
pub(super) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Shell {
    /// source <(cutover completions bash)
    Bash,
    /// source <(cutover completions zsh), after compinit
    Zsh,
    /// cutover completions fish | source
    Fish,
}

impl Completions {
    pub(super) fn run(&self, called: &OsStr) -> Result<Exit, Failed> {
        let name = match self.shell {
            Shell::Bash => "bash",
            Shell::Zsh => "zsh",
            Shell::Fish => "fish",
        };
        let failed = |why: String| Failed::new(Exit::Failed, format!("no completions for {name}: {why}"));
        let shells = Shells::builtins();
        let shell = shells.completer(name).ok_or_else(|| failed("unknown shell".into()))?;
        let mut script = Vec::new();
        shell
            .write_registration(VARIABLE, "cutover", "cutover", &program(called), &mut script)
            .map_err(|e| failed(e.to_string()))?;
        output::line(String::from_utf8_lossy(&script).trim());
        Ok(Exit::Done)
    }
}

/// What the shell starts: the name that is found in PATH, or the path that was given.
fn program(called: &OsStr) -> String {
    let path = Path::new(called);
    if path.components().count() < 2 {
        return "cutover".into();
    }
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).to_string_lossy().into_owned()
}

/// Answers a shell that asks for completions. False where none does.
///
/// # Errors
/// The shell is unknown, or does not take the answer.
pub(super) fn answer(program: fn() -> Command, arguments: Vec<OsString>) -> Result<bool, clap::Error> {
    CompleteEnv::with_factory(program).var(VARIABLE).try_complete(arguments, std::env::current_dir().ok().as_deref())
}

/// The contexts of the kubeconfig that is named on the line.
pub(super) fn contexts(current: &OsStr) -> Vec<CompletionCandidate> {
    let known = connect::contexts(&named()).map(|(all, _)| all).unwrap_or_default();
    beginning_with(current, known)
}

/// The phases of every strategy, as they are typed.
pub(super) fn phases(current: &OsStr) -> Vec<CompletionCandidate> {
    beginning_with(current, phase_names().into_iter().map(str::to_lowercase).collect())
}

/// The nodes of the cluster that is named on the line, where it answers soon and without asking for a password.
pub(super) fn nodes(current: &OsStr) -> Vec<CompletionCandidate> {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return vec![] };
    let named = named();
    let asked = async { tokio::time::timeout(PATIENCE, connect::node_names(&named)).await };
    let known = runtime.block_on(asked).ok().and_then(Result::ok).unwrap_or_default();
    runtime.shutdown_background();
    beginning_with(current, known)
}

/// A name that could act on the terminal is not offered.
fn beginning_with(current: &OsStr, names: Vec<String>) -> Vec<CompletionCandidate> {
    let current = current.to_string_lossy();
    let (before, begun) = current.rsplit_once(',').map_or(("", &*current), |(b, c)| (b, c));
    let comma = if before.is_empty() { "" } else { "," };
    let fits = names.into_iter().filter(|n| n.starts_with(begun) && safe(n) == n.as_str());
    fits.map(|n| CompletionCandidate::new(format!("{before}{comma}{n}"))).collect()
}

/// The kubeconfig and context on the line that is being completed.
fn named() -> Named {
    let words: Vec<String> = std::env::args().skip_while(|a| a != "--").skip(1).collect();
    let value = |option: &str| {
        let with = format!("{option}=");
        words.iter().enumerate().find_map(|(i, word)| match word.strip_prefix(&with) {
            Some(value) => Some(value.to_owned()),
            None if word == option => words.get(i + 1).cloned(),
            None => None,
        })
    };
    Named {
        kubeconfig: value("--kubeconfig").map(PathBuf::from),
        context: value("--context"),
        in_cluster: false,
        says: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_complete_the_last_of_a_list_and_none_acts_on_the_terminal() {
        let names = || ["worker-1", "worker-2", "cp-1", "worker-\u{1b}[2J"].map(String::from).to_vec();
        let found = |current: &str| -> Vec<String> {
            let all = beginning_with(OsStr::new(current), names());
            all.iter().map(|c| c.get_value().to_string_lossy().into_owned()).collect()
        };
        assert_eq!(found("work"), ["worker-1", "worker-2"]);
        assert_eq!(found("worker-1,c"), ["worker-1,cp-1"]);
        assert!(found("x").is_empty());
    }

    #[test]
    fn the_shell_starts_what_was_started() {
        assert_eq!(program(OsStr::new("cutover")), "cutover");
        assert!(program(OsStr::new("target/debug/cutover")).starts_with('/'));
    }
}
