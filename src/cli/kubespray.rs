//! `cutover kubespray`: the variables for Kubespray.

use clap::Args;

use super::{Exit, output, session::Failed, wanted::Wanted};
use crate::domain::kubespray::Kubespray as Release;

/// Print the variables with which Kubespray installs the Cilium of a migration, and leaves it as it is.
#[derive(Args, Debug)]
pub(super) struct Kubespray {
    #[command(flatten)]
    pub(super) wanted: Wanted,
}

impl Kubespray {
    pub(super) fn run(&self) -> Result<Exit, Failed> {
        let usage = |why: String| Failed::new(Exit::Usage, why);
        let version = self.wanted.kubespray_version.as_deref();
        let version = version.ok_or_else(|| usage("name the release of Kubespray: --kubespray-version 2.31".into()))?;
        let release: Release = version.parse().map_err(usage)?;
        let cilium = self.wanted.spec()?.cilium;
        output::line(&format!(
            "# Cilium {} with Kubespray {release} (its own default: {}).",
            cilium.version,
            release.default_cilium()
        ));
        output::line(
            "# Keep this as group_vars/k8s_cluster/cutover.yml, then: ansible-playbook -i INVENTORY cluster.yml",
        );
        for trap in release.traps(&cilium) {
            output::line(&format!("# - {trap}"));
        }
        let yaml = serde_saphyr::to_string(&release.variables(&cilium));
        output::line(yaml.map_err(|e| Failed::new(Exit::Failed, e.to_string()))?.trim_end());
        Ok(Exit::Done)
    }
}
