//! `cutover manifests`: definitions, rights, the script for hosts.

use clap::Args;

use super::{Exit, output, session::Failed};
use crate::domain::{api, host};

/// Print the custom resource definitions, the rights that are needed, or the script for hosts.
#[derive(Args, Debug)]
pub(super) struct Manifests {
    /// Print the ClusterRole that an operator needs instead
    #[arg(long)]
    rbac: bool,
    /// Print the engine's Deployment, its service account and its rights by phase instead; name its --image
    #[arg(long, conflicts_with = "rbac", requires = "image")]
    engine: bool,
    /// The image that holds this program and helm
    #[arg(long, value_name = "IMAGE", requires = "engine")]
    image: Option<String>,
    /// Print the script that works on hosts instead: `sh host.sh look`, and so on
    #[arg(long, conflicts_with_all = ["rbac", "engine"])]
    host_script: bool,
}

/// What an operator needs.
pub(super) const RBAC: &str = include_str!("../../assets/rbac.yaml");

/// The engine in the cluster.
pub(super) const ENGINE: &str = include_str!("../../assets/engine.yaml");

impl Manifests {
    pub(super) fn run(&self) -> Result<Exit, Failed> {
        if self.rbac {
            output::line(RBAC.trim_end());
            return Ok(Exit::Done);
        }
        if let Some(image) = self.image.as_deref().filter(|_| self.engine) {
            if image.is_empty() || image.contains(|c: char| c.is_whitespace() || c.is_control() || "\"'#{}".contains(c))
            {
                return Err(Failed::new(Exit::Usage, format!("{image:?} is no image")));
            }
            output::line(ENGINE.trim_end().replace("image: IMAGE", &format!("image: {image}")).as_str());
            return Ok(Exit::Done);
        }
        if self.host_script {
            output::line(host::SCRIPT.trim_end());
            return Ok(Exit::Done);
        }
        for crd in api::crds() {
            let yaml = serde_saphyr::to_string(&crd).map_err(|e| Failed::new(Exit::Failed, e.to_string()))?;
            output::line(&format!("---\n{}", yaml.trim_end()));
        }
        Ok(Exit::Done)
    }
}
