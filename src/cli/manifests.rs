//! `cutover manifests`: definitions, rights, and what runs on hosts.

use clap::Args;

use super::{Exit, output, session::Failed};
use crate::domain::{
    api,
    effect::tasks::{self, TaskPod},
    host::{self, HostTask},
    rights::NAMESPACE,
};

/// Print the custom resource definitions, the rights that are needed, or what runs on hosts.
#[derive(Args, Debug)]
pub(super) struct Manifests {
    /// Print the ClusterRole that an operator needs instead
    #[arg(long)]
    rbac: bool,
    /// Print the engine's Deployment, its service account and its rights by phase instead; name its --image
    #[arg(long, conflicts_with = "rbac", requires = "image")]
    engine: bool,
    /// The image that holds this program and helm, or the one that a host task runs in
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// Print the script that works on hosts instead: `sh host.sh look`, and so on
    #[arg(long, conflicts_with_all = ["rbac", "engine"])]
    host_script: bool,
    /// Print the pod that runs a host task instead: look, hold, restore, reboot, clean, put-back, clean-cilium, release or probe
    #[arg(long, value_name = "TASK", requires = "image", requires = "node", conflicts_with_all = ["rbac", "engine", "host_script"])]
    host_task: Option<String>,
    /// The node of the host task
    #[arg(long, value_name = "NODE", requires = "host_task")]
    node: Option<String>,
    /// The number of the host task on its node, a part of its name
    #[arg(long, value_name = "N", default_value_t = 0, requires = "host_task")]
    number: u32,
    /// The namespace of the host task's pod
    #[arg(long, value_name = "NAMESPACE", default_value = NAMESPACE, requires = "host_task")]
    namespace: String,
    /// The UID of the Migration that the host task's pod belongs to and goes with
    #[arg(long, value_name = "UID", requires = "host_task")]
    owner: Option<String>,
    /// Arguments of the host task, after `--`
    #[arg(last = true, value_name = "ARGUMENT", requires = "host_task")]
    arguments: Vec<String>,
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
        if let (Some(task), Some(node), Some(image)) = (&self.host_task, &self.node, &self.image) {
            let task = HostTask::parse(task, &self.arguments).map_err(|why| Failed::new(Exit::Usage, why))?;
            let pod = TaskPod { namespace: &self.namespace, image, owner: self.owner.as_deref() };
            let pod = tasks::create(node, &task, self.number, &pod);
            output::line(&format!("{:#}", pod.body()));
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
