//! `cutover manifests`.

use clap::Args;

use super::{Exit, output, session::Failed};
use crate::domain::api;

/// Print the custom resource definitions.
#[derive(Args, Debug)]
pub(super) struct Manifests {
    /// Print the ClusterRole that an operator needs instead
    #[arg(long)]
    rbac: bool,
}

/// What an operator needs.
pub(super) const RBAC: &str = include_str!("../../assets/rbac.yaml");

impl Manifests {
    pub(super) fn run(&self) -> Result<Exit, Failed> {
        if self.rbac {
            output::line(RBAC.trim_end());
            return Ok(Exit::Done);
        }
        for crd in api::crds() {
            let yaml = serde_saphyr::to_string(&crd).map_err(|e| Failed::new(Exit::Failed, e.to_string()))?;
            output::line(&format!("---\n{}", yaml.trim_end()));
        }
        Ok(Exit::Done)
    }
}
