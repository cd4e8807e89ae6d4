//! The command line: one file a command.

mod adopt;
mod ansible;
mod audit;
mod cockpit;
mod completions;
mod config;
mod confirm;
mod consents;
mod credential;
mod demo;
mod encryption;
mod engine;
mod exit;
mod explain;
mod findings;
mod flows;
mod heading;
mod interrupt;
mod kubespray;
mod log;
mod man;
mod manifests;
mod options_file;
mod output;
mod parse;
mod plan;
mod progress;
mod rollback;
mod run;
mod session;
mod settings;
mod status;
mod version;
mod wait;
mod wanted;

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::ArgValueCompleter;
use serde_json::Value;

use config::Config;
pub use exit::Exit;
use parse::NotParsed;
use session::Failed;
use wanted::Wanted;

use crate::{
    cluster::connect::Named,
    cockpit::Colours,
    engine::Journal,
    hubble::channel::{SERVER_NAME, Security},
};

/// Groups of `--help`.
const COCKPIT: &str = "Cockpit";
const CONNECTION: &str = "Connection";
const HUBBLE: &str = "Hubble";
const OUTPUT: &str = "Output and files";

/// Moves a live Kubernetes cluster from Flannel to Cilium.
#[derive(Parser, Debug)]
#[command(name = "cutover", version = version::short(), long_version = version::long(), about, long_about = None)]
#[command(after_help = exit::HELP, arg_required_else_help = false)]
pub struct Arguments {
    #[command(flatten)]
    global: Global,
    /// May change the cluster from the start (otherwise press w)
    #[arg(long, help_heading = COCKPIT)]
    write: bool,
    /// Show this capture of flows instead of the live ones
    #[arg(long, help_heading = COCKPIT, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Ring the terminal's bell when something begins to wait for you
    #[arg(long, help_heading = COCKPIT)]
    bell: bool,
    /// The colours of the screen: the terminal's own 16, or a theme with a ground of its own
    #[arg(long, help_heading = COCKPIT, value_name = "NAME", env = "CUTOVER_THEME", value_parser = cockpit::colours())]
    theme: Option<Colours>,
    #[command(flatten)]
    wanted: Wanted,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Which cluster, and how to speak of it.
#[derive(Args, Clone, Debug, Default)]
struct Global {
    /// The kubeconfig file (otherwise KUBECONFIG, otherwise ~/.kube/config)
    #[arg(long, help_heading = CONNECTION, global = true, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The context (otherwise the kubeconfig's current one)
    #[arg(long, help_heading = CONNECTION, global = true, value_name = "NAME", add = ArgValueCompleter::new(completions::contexts))]
    context: Option<String>,
    /// Hubble relay, as HOST:PORT (otherwise through the API server)
    #[arg(long, help_heading = HUBBLE, global = true, value_name = "HOST:PORT", env = "CUTOVER_HUBBLE")]
    hubble: Option<String>,
    /// CA certificates of the relay, where it speaks TLS (otherwise found on the cluster)
    #[arg(long, help_heading = HUBBLE, global = true, value_name = "FILE")]
    hubble_ca: Option<PathBuf>,
    /// Your certificate, where the relay asks for one (mutual TLS)
    #[arg(long, help_heading = HUBBLE, global = true, value_name = "FILE")]
    hubble_cert: Option<PathBuf>,
    /// Its key
    #[arg(long, help_heading = HUBBLE, global = true, value_name = "FILE")]
    hubble_key: Option<PathBuf>,
    /// The name in the relay's certificate
    #[arg(long, help_heading = HUBBLE, global = true, value_name = "NAME")]
    hubble_name: Option<String>,
    /// The helm program
    #[arg(long, help_heading = CONNECTION, global = true, value_name = "PROGRAM", env = "CUTOVER_HELM")]
    helm: Option<PathBuf>,
    /// The audit log (otherwise one for each cluster in the state folder, ~/.local/state/cutover/audit)
    #[arg(long, help_heading = OUTPUT, global = true, value_name = "FILE", env = "CUTOVER_AUDIT_LOG")]
    audit_log: Option<PathBuf>,
    /// Append what Cutover does and what goes wrong inside it to this file (RUST_LOG chooses what)
    #[arg(long, help_heading = OUTPUT, global = true, value_name = "FILE", env = "CUTOVER_LOG")]
    log: Option<PathBuf>,
    /// How to print
    #[arg(long, short, help_heading = OUTPUT, global = true, value_enum, default_value_t = Output::Table)]
    output: Output,
    /// The config file (otherwise ~/.config/cutover/config.toml, where there is one)
    #[arg(long, help_heading = OUTPUT, global = true, value_name = "FILE", env = "CUTOVER_CONFIG")]
    config: Option<PathBuf>,
    /// What the config file says.
    #[arg(skip)]
    settings: Arc<Config>,
    /// How this program and this cluster are called again: `kubectl cutover --context prod-eu`.
    #[arg(skip)]
    again: String,
    /// What this process does, line by line.
    #[arg(skip)]
    journal: Journal,
}

impl Global {
    /// How the relay is spoken to, where that was named.
    fn security(&self) -> Result<Option<Security>, Failed> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|e| Failed::new(Exit::Usage, format!("{} cannot be read: {e}", path.display())))
        };
        let Some(ca) = &self.hubble_ca else {
            if self.hubble_cert.is_some() || self.hubble_key.is_some() {
                return Err(Failed::new(Exit::Usage, "--hubble-cert and --hubble-key need --hubble-ca"));
            }
            return Ok(None);
        };
        let own = match (&self.hubble_cert, &self.hubble_key) {
            (Some(certificate), Some(key)) => Some((read(certificate)?, read(key)?)),
            (None, None) => None,
            _ => return Err(Failed::new(Exit::Usage, "--hubble-cert and --hubble-key go together")),
        };
        Ok(Some(Security::Tls {
            ca: read(ca)?,
            own,
            name: self.hubble_name.clone().unwrap_or_else(|| SERVER_NAME.into()),
        }))
    }

    /// `in_pod`: where nothing is named, the pod's own service account is meant.
    fn named(&self, in_pod: bool) -> Named {
        Named {
            kubeconfig: self.kubeconfig.clone(),
            context: self.context.clone(),
            in_cluster: in_pod,
            says: Some(output::note),
        }
    }
}

/// How to print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people
    #[default]
    Table,
    /// For programs: the objects as the API has them
    Json,
    /// The same, and every event before it, one object a line
    Jsonl,
}

impl Output {
    /// For programs.
    const fn is_json(self) -> bool {
        matches!(self, Self::Json | Self::Jsonl)
    }

    /// Prints an object as it is asked for.
    fn print(self, value: &Value) {
        match self {
            Self::Jsonl => output::json_line(value),
            Self::Json | Self::Table => output::json(value),
        }
    }
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Try Cutover on an embedded cluster
    Demo(demo::Demo),
    /// Check the cluster and list what blocks the migration; changes nothing
    Preflight(findings::Preflight),
    /// Explain a check of preflight: why it matters, what to do; without a name it lists them
    Explain(explain::Explain),
    /// Print every change in order, with what you would type instead; changes nothing
    Plan(plan::Plan),
    /// Carry the migration out
    Run(run::Run),
    /// Run the engine without an operator, in the cluster: a cockpit may then be closed
    Engine(engine::Engine),
    /// Show flows, live or from a capture
    Flows(flows::Flows),
    /// Print the state of the migration
    Status(status::Status),
    /// Wait until the migration, a phase or a node has come so far
    Wait(wait::Wait),
    /// Roll back a node, to a phase, or everything
    Rollback(rollback::Rollback),
    /// Take over a cluster half way whose Migration was deleted
    Adopt(adopt::Adopt),
    /// Check that the cluster is on Cilium; changes nothing
    Verify,
    /// Show and check the log of everything that was done
    Audit(audit::Audit),
    /// Print a template of the config file, or check the one that is there
    Config(config::ConfigCommand),
    /// Print the completions of a shell
    Completions(completions::Completions),
    /// Print the manual page
    Man(man::Manual),
    /// Run a credential plugin without a terminal
    #[command(hide = true)]
    Credential(credential::Credential),
    /// Print the custom resource definitions, the rights that are needed, or the script for hosts
    Manifests(manifests::Manifests),
    Kubespray(kubespray::Kubespray),
    Encryption(encryption::Encryption),
}

/// Answers a shell that asks for completions: true where one does, and then nothing else is done.
///
/// # Errors
/// The shell is unknown, or does not take the answer.
pub fn complete(arguments: impl Iterator<Item = OsString>) -> Result<bool, clap::Error> {
    completions::answer(Arguments::command, arguments.collect())
}

/// Runs the program; what it returns is its exit code.
pub async fn run(arguments: impl Iterator<Item = OsString>) -> Exit {
    let called: Vec<OsString> = arguments.collect();
    let arguments = match parse::parse(&called) {
        Ok(arguments) => arguments,
        Err(NotParsed::Asked(e)) => {
            // clap words and colours it for the right stream
            let _ = e.print();
            return if e.use_stderr() { Exit::Usage } else { Exit::Done };
        }
        Err(NotParsed::Failed(Failed { exit, message })) => {
            output::error(&message);
            return exit;
        }
    };
    let global = arguments.global.clone();
    global.settings.warnings.iter().for_each(|w| output::note(&format!("warning: {w}")));
    if let Err(Failed { exit, message }) = log::install(global.log.as_deref(), &global.journal) {
        output::error(&message);
        return exit;
    }
    let program = called.first().map_or(OsStr::new("cutover"), OsString::as_os_str);
    output::end(Box::pin(command(arguments, &global, program)).await.unwrap_or_else(|Failed { exit, message }| {
        output::error(&message);
        exit
    }))
}

async fn command(arguments: Arguments, global: &Global, program: &OsStr) -> Result<Exit, Failed> {
    let looks = cockpit::Looks::of(&arguments, &global.settings.screen);
    match arguments.command {
        None => {
            let (wanted, capture) = (&arguments.wanted, arguments.input.as_deref());
            Box::pin(cockpit::open(global, wanted, arguments.write, capture, looks)).await
        }
        Some(Command::Demo(demo)) => Box::pin(demo.run(global, looks)).await,
        Some(Command::Preflight(preflight)) => preflight.run(global).await,
        Some(Command::Explain(explain)) => explain.run(global),
        Some(Command::Plan(plan)) => plan.run(global).await,
        Some(Command::Run(run)) => Box::pin(run.run(global)).await,
        Some(Command::Engine(engine)) => Box::pin(engine.run(global)).await,
        Some(Command::Flows(flows)) => Box::pin(flows.run(global)).await,
        Some(Command::Status(status)) => Box::pin(status.run(global)).await,
        Some(Command::Wait(wait)) => Box::pin(wait.run(global)).await,
        Some(Command::Rollback(rollback)) => rollback.run(global).await,
        Some(Command::Adopt(adopt)) => Box::pin(adopt.run(global)).await,
        Some(Command::Verify) => findings::verify(global).await,
        Some(Command::Audit(audit)) => Box::pin(audit.run(global)).await,
        Some(Command::Config(config)) => config.run(global),
        Some(Command::Completions(completions)) => completions.run(program),
        Some(Command::Man(manual)) => manual.run(Arguments::command()),
        Some(Command::Credential(credential)) => credential.run().await,
        Some(Command::Manifests(manifests)) => manifests.run(),
        Some(Command::Kubespray(kubespray)) => kubespray.run(),
        Some(Command::Encryption(encryption)) => encryption.run(global).await,
    }
}
