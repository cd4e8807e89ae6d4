//! What the tests from outside share: clusters to run against, and the program as a user runs it.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::print_stderr,
    unreachable_pub,
    missing_docs,
    reason = "each test file uses its part; tests may unwrap"
)]

pub mod contract;
pub mod control_plane;
pub mod crash;
pub mod fence;
pub mod play;
pub mod proxy;
pub mod scenarios;

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::Value;

/// The program, with a kubeconfig.
pub struct Cutover {
    pub kubeconfig: PathBuf,
}

impl Cutover {
    /// Runs it to its end: exit code, standard output, standard error.
    pub fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let output =
            program().arg("--kubeconfig").arg(&self.kubeconfig).args(arguments).output().expect("the program runs");
        said(&output)
    }

    /// Runs it with `-o json` and reads what it printed.
    pub fn json(&self, arguments: &[&str]) -> (i32, Value, String) {
        let (code, out, err) = self.run(&[arguments, &["-o", "json"]].concat());
        (code, serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}:\n{out}\n{err}")), err)
    }
}

/// The current context of a kubeconfig, for `--confirm-context`.
pub fn context(kubeconfig: &Path) -> String {
    Kubeconfig::read_from(kubeconfig).unwrap().current_context.unwrap()
}

/// The program, without anything of the user's around it.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cutover"));
    command
        .env_remove("KUBECONFIG")
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("CUTOVER_CONFIG")
        .env("HOME", "/nonexistent")
        .env("NO_COLOR", "1");
    // audit logs: one for each cluster, by its UID
    command.env("XDG_STATE_HOME", Path::new(env!("CARGO_TARGET_TMPDIR")).join("state"));
    command
}

pub fn said(output: &Output) -> (i32, String, String) {
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

/// A client from a kubeconfig file.
pub async fn client(kubeconfig: &Path) -> Client {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    config.default_retry = false;
    Client::try_from(config).unwrap()
}
