//! `cutover demo`: Cutover on an embedded cluster.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{
    Exit, Global, cockpit, output,
    run::Run,
    session::Failed,
    wanted::{self, EncryptBy, InstallBy},
};
use crate::domain::strategy::StrategyId;
use crate::sim::{Embedded, Settings, clock::Pace, scenario::Scenario, world};

/// Try Cutover on an embedded cluster.
#[derive(Args, Debug)]
pub(super) struct Demo {
    /// Number of nodes; a single one could not be drained
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u16).range(2..=60))]
    nodes: u16,
    /// Speed, as a multiple of a real cluster's, or max
    #[arg(long, value_name = "N|max", default_value = "20")]
    speed: Pace,
    /// Play a scenario: a file like those in assets/scenarios
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// How the cluster is moved
    #[arg(long, value_name = "NAME", default_value_t)]
    strategy: StrategyId,
    /// Version of the Cilium chart
    #[arg(long, value_name = "VERSION")]
    cilium_version: Option<String>,
    /// Who installs Cilium
    #[arg(long, value_enum, default_value_t = InstallBy::Helm)]
    installer: InstallBy,
    /// The release of Kubespray that installs it, as 2.31
    #[arg(long, value_name = "VERSION")]
    kubespray_version: Option<String>,
    /// How traffic between pods of two nodes is encrypted
    #[arg(long, value_enum, default_value_t = EncryptBy::None)]
    encryption: EncryptBy,
    /// Run the whole migration without a screen and print what it does
    #[arg(long, conflicts_with = "serve")]
    headless: bool,
    /// Run the cluster alone; write DIR/kubeconfig and DIR/hubble
    #[arg(long, value_name = "DIR")]
    serve: Option<PathBuf>,
}

impl Demo {
    pub(super) async fn run(&self, global: &Global, looks: cockpit::Looks) -> Result<Exit, Failed> {
        let scenario = self.scenario.as_deref().map(read).transpose()?;
        let nodes = scenario.as_ref().map_or(usize::from(self.nodes), |s| s.nodes);
        let settings = Settings { nodes, pace: self.speed };
        if let Some(folder) = &self.serve {
            return serve(settings, folder, scenario.as_ref()).await;
        }
        let folder = tempfile::Builder::new().prefix("cutover-demo-").tempdir();
        let folder = folder.map_err(|e| Failed::new(Exit::Failed, format!("no temporary folder: {e}")))?;
        if !self.headless {
            cockpit::needs_terminal()?;
        }
        output::note("starting the embedded cluster …");
        let cluster = Embedded::start(settings, folder.path()).await.map_err(|m| Failed::new(Exit::Failed, m))?;
        prepare(&cluster, scenario.as_ref()).await?;
        let mut global = global.clone();
        global.kubeconfig = Some(cluster.kubeconfig.clone());
        global.context = None;
        global.again.clear();
        global.audit_log.get_or_insert_with(|| folder.path().join("audit.jsonl"));
        let mut wanted = wanted::of(scenario.iter().flat_map(|s| s.run.clone()))?;
        if self.strategy != StrategyId::default() {
            wanted.strategy = self.strategy;
        }
        if self.encryption != EncryptBy::None {
            wanted.encryption = self.encryption;
        }
        if self.installer != InstallBy::Helm {
            wanted.installer = self.installer;
            wanted.kubespray_version.clone_from(&self.kubespray_version);
        }
        if let Some(version) = &self.cilium_version {
            wanted.cilium_version.clone_from(version);
        }
        wanted.observe = u32::try_from(self.speed.shorten(std::time::Duration::from_secs(30)).as_secs()).unwrap_or(0);
        if self.headless {
            // the consents that its operator would be asked for
            wanted.consents.consent.extend(world::CONSENTS.map(str::to_owned));
            return Run::demo(wanted).run(&global).await;
        }
        Box::pin(cockpit::open(&global, &wanted, true, None, looks)).await
    }
}

fn read(path: &Path) -> Result<Scenario, Failed> {
    let wrong = |why: String| Failed::new(Exit::Usage, format!("scenario {}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|e| wrong(e.to_string()))?;
    Scenario::parse(&text).map_err(wrong)
}

/// Prepares a scenario on the cluster and prints what it shows.
async fn prepare(cluster: &Embedded, scenario: Option<&Scenario>) -> Result<(), Failed> {
    let Some(scenario) = scenario else { return Ok(()) };
    output::note(&scenario.about);
    let client = cluster.client().map_err(|m| Failed::new(Exit::Failed, m))?;
    scenario.prepare(&client).await.map_err(|m| Failed::new(Exit::Failed, m))
}

async fn serve(settings: Settings, folder: &Path, scenario: Option<&Scenario>) -> Result<Exit, Failed> {
    let cluster = Embedded::start(settings, folder).await.map_err(|m| Failed::new(Exit::Failed, m))?;
    prepare(&cluster, scenario).await?;
    output::line(&format!("kubeconfig {}", cluster.kubeconfig.display()));
    output::line(&format!("hubble     {} (in {})", cluster.hubble, folder.join("hubble").display()));
    output::line(&format!("helm       {} (stands in for helm; the kubeconfig names it)", cluster.helm.display()));
    output::line("running until interrupted");
    let _ = tokio::signal::ctrl_c().await;
    Ok(Exit::Done)
}
