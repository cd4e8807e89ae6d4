//! The command line: one file a command.

mod adopt;
mod ansible;
mod audit;
mod cockpit;
mod confirm;
mod credential;
mod demo;
mod engine;
mod exit;
mod explain;
mod findings;
mod flows;
mod interrupt;
mod log;
mod manifests;
mod output;
mod plan;
mod rollback;
mod run;
mod session;
mod status;
mod wanted;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use exit::Exit;
use session::Failed;
use wanted::Wanted;

use crate::{
    cluster::connect::Named,
    engine::Journal,
    hubble::channel::{SERVER_NAME, Security},
};

/// Moves a live Kubernetes cluster from Flannel to Cilium.
#[derive(Parser, Debug)]
#[command(name = "cutover", version, about, long_about = None, after_help = exit::HELP, arg_required_else_help = false)]
pub struct Arguments {
    #[command(flatten)]
    global: Global,
    /// For the cockpit: may change the cluster from the start (otherwise press w)
    #[arg(long)]
    write: bool,
    /// For the cockpit: show this capture of flows instead of the live ones
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// For the cockpit: ring the terminal's bell when something begins to wait for you
    #[arg(long)]
    bell: bool,
    #[command(flatten)]
    wanted: Wanted,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Which cluster, and how to speak of it.
#[derive(Args, Clone, Debug, Default)]
struct Global {
    /// The kubeconfig file (otherwise KUBECONFIG, otherwise ~/.kube/config)
    #[arg(long, global = true, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The context (otherwise the kubeconfig's current one)
    #[arg(long, global = true, value_name = "NAME")]
    context: Option<String>,
    /// Hubble relay, as HOST:PORT (otherwise through the API server)
    #[arg(long, global = true, value_name = "HOST:PORT", env = "CUTOVER_HUBBLE")]
    hubble: Option<String>,
    /// CA certificates of the relay, where it speaks TLS (otherwise found on the cluster)
    #[arg(long, global = true, value_name = "FILE")]
    hubble_ca: Option<PathBuf>,
    /// Your certificate, where the relay asks for one (mutual TLS)
    #[arg(long, global = true, value_name = "FILE")]
    hubble_cert: Option<PathBuf>,
    /// Its key
    #[arg(long, global = true, value_name = "FILE")]
    hubble_key: Option<PathBuf>,
    /// The name in the relay's certificate
    #[arg(long, global = true, value_name = "NAME")]
    hubble_name: Option<String>,
    /// The helm program
    #[arg(long, global = true, value_name = "PROGRAM", env = "CUTOVER_HELM")]
    helm: Option<PathBuf>,
    /// The audit log (otherwise one for each cluster in the state folder, ~/.local/state/cutover/audit)
    #[arg(long, global = true, value_name = "FILE", env = "CUTOVER_AUDIT_LOG")]
    audit_log: Option<PathBuf>,
    /// Append what Cutover does and what goes wrong inside it to this file (RUST_LOG chooses what)
    #[arg(long, global = true, value_name = "FILE", env = "CUTOVER_LOG")]
    log: Option<PathBuf>,
    /// How to print
    #[arg(long, short, global = true, value_enum, default_value_t = Output::Table)]
    output: Output,
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
    Status,
    /// Roll back a node, to a phase, or everything
    Rollback(rollback::Rollback),
    /// Take over a cluster half way whose Migration was deleted
    Adopt(adopt::Adopt),
    /// Check that the cluster is on Cilium; changes nothing
    Verify,
    /// Check the log of everything that was done
    Audit(audit::Audit),
    /// Run a credential plugin without a terminal
    #[command(hide = true)]
    Credential(credential::Credential),
    /// Print the custom resource definitions, the rights that are needed, or the script for hosts
    Manifests(manifests::Manifests),
}

/// Runs the program; what it returns is its exit code.
pub async fn run(arguments: impl Iterator<Item = OsString>) -> Exit {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(e) => {
            // clap words and colours it for the right stream
            let _ = e.print();
            return if e.use_stderr() { Exit::Usage } else { Exit::Done };
        }
    };
    let global = arguments.global.clone();
    if let Err(Failed { exit, message }) = log::install(global.log.as_deref(), &global.journal) {
        output::error(&message);
        return exit;
    }
    let result = match arguments.command {
        None => {
            Box::pin(cockpit::open(
                &global,
                &arguments.wanted,
                arguments.write,
                arguments.input.as_deref(),
                arguments.bell,
            ))
            .await
        }
        Some(Command::Demo(demo)) => Box::pin(demo.run(&global, arguments.bell)).await,
        Some(Command::Preflight(preflight)) => preflight.run(&global).await,
        Some(Command::Explain(explain)) => explain.run(&global),
        Some(Command::Plan(plan)) => plan.run(&global).await,
        Some(Command::Run(run)) => Box::pin(run.run(&global)).await,
        Some(Command::Engine(engine)) => Box::pin(engine.run(&global)).await,
        Some(Command::Flows(flows)) => Box::pin(flows.run(&global)).await,
        Some(Command::Status) => status::run(&global).await,
        Some(Command::Rollback(rollback)) => rollback.run(&global).await,
        Some(Command::Adopt(adopt)) => Box::pin(adopt.run(&global)).await,
        Some(Command::Verify) => findings::verify(&global).await,
        Some(Command::Audit(audit)) => audit.run(&global).await,
        Some(Command::Credential(credential)) => credential.run().await,
        Some(Command::Manifests(manifests)) => manifests.run(),
    };
    output::end(result.unwrap_or_else(|Failed { exit, message }| {
        output::error(&message);
        exit
    }))
}
