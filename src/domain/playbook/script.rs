//! A change as a script of a shell: asked before whether it is due, and a host task with its report.

use super::REPORTS;
use crate::domain::{
    effect::{Proof, Source},
    host::commands::quoted,
};

/// What a script says where there is nothing to do.
pub(super) const THERE: &str = "cutover: it is so already";
/// What it says where the condition of the change is not met.
pub(super) const NOT_NEEDED: &str = "cutover: not needed";

/// Lines of a script that ends with the first command that fails.
pub(super) struct Script(String);

impl Script {
    pub(super) fn new() -> Self {
        Self("set -eu\numask 077\n".into())
    }

    pub(super) fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    pub(super) fn lines(&mut self, lines: &[String]) {
        lines.iter().for_each(|l| self.line(l));
    }

    /// Nothing is done unless the condition is met.
    pub(super) fn only_if(&mut self, proof: &Proof, node: &str) {
        self.ask(proof, node);
        self.line(&format!("case $so in 0) ;; 1) echo '{NOT_NEEDED}'; exit 0 ;; *) exit 2 ;; esac"));
    }

    /// Nothing is done where it is done already.
    pub(super) fn unless(&mut self, proof: &Proof, node: &str) {
        self.ask(proof, node);
        self.line(&format!("case $so in 0) echo '{THERE}'; exit 0 ;; 1) ;; *) exit 2 ;; esac"));
    }

    /// The rest is left out where it is done.
    pub(super) fn over(&mut self, proof: &Proof, node: &str) {
        self.ask(proof, node);
        self.line("[ $so != 0 ] || exit 0");
    }

    /// These commands, where it is not so.
    pub(super) fn first(&mut self, proof: &Proof, commands: &[String]) {
        self.ask(proof, "");
        self.line("if [ $so != 0 ]; then");
        self.lines(commands);
        self.line("fi");
    }

    fn ask(&mut self, proof: &Proof, node: &str) {
        let command = asking(proof, node);
        self.line(&format!("so=0; {command} || so=$?"));
    }

    /// Waits until one of these is so, at most so many seconds.
    pub(super) fn until(&mut self, proofs: &[&Proof], seconds: u64) {
        let so: Vec<&str> = proofs.iter().map(|p| p.command.as_str()).collect();
        let (so, most) = (so.join(" || "), seconds / 2);
        self.line(&format!("n=0; until {so}; do n=$((n + 1)); [ $n -lt {most} ] || exit 1; sleep 2; done"));
    }

    /// Keeps the report in `$report` and, where it is the host's, in a file.
    pub(super) fn report(&mut self, command: &str, file: Option<&str>) {
        self.line(&format!("report=$({command}) || :"));
        self.line("printf '%s\\n' \"$report\"");
        if let Some(node) = file {
            self.line(&format!("printf '%s\\n' \"$report\" > {REPORTS}/{node}"));
        }
    }

    /// The report shows this, or the script fails.
    pub(super) fn shows(&mut self, proof: &Proof) {
        let words = quoted(&proof.words);
        self.line(&format!(
            "printf '%s\\n' \"$report\" | ( {} ) || {{ echo not so: {words} >&2; exit 1; }}",
            proof.command
        ));
    }

    pub(super) fn text(self) -> String {
        self.0
    }
}

/// The command of a proof, with what it reads.
fn asking(proof: &Proof, node: &str) -> String {
    match proof.reads {
        Source::Cluster => proof.command.clone(),
        Source::Report => format!("cat {REPORTS}/{node} | ( {} )", proof.command),
    }
}
