//! Cilium's release, its agents, and the CiliumNodeConfig that makes an agent on a labelled node take over.

use serde_json::{Value, json};

use super::{
    Change, HelmRelease, NODE_CONFIG, ObjectRef, RELEASE, RESTART_MARK, Request, SWITCH_LABEL,
    release::DESCRIPTION,
    resource::{NODE_CONFIGS, NODE_CONFIGS_ALPHA},
};
use crate::domain::facts::Key;

impl HelmRelease {
    /// helm's arguments, with a file that holds the values.
    pub fn arguments(&self, values: &str) -> Vec<String> {
        let version = self.version.trim_start_matches('v');
        let mut arguments = ["upgrade", "--install", RELEASE].map(str::to_owned).to_vec();
        arguments.push(self.chart.clone());
        for (option, value) in [("--version", version), ("--namespace", &self.namespace), ("--values", values)] {
            arguments.extend([option.to_owned(), value.to_owned()]);
        }
        arguments.push("--create-namespace".into());
        arguments.extend(["--description".to_owned(), DESCRIPTION.to_owned()]);
        arguments
    }
}

/// helm's arguments to uninstall the release.
pub fn uninstall(namespace: &str) -> Vec<String> {
    ["uninstall", RELEASE, "--namespace", namespace].map(str::to_owned).to_vec()
}

/// The CiliumNodeConfig, in the version that the cluster serves.
pub(super) fn node_config(namespace: &str, version: &str) -> ObjectRef {
    let resource = if version == NODE_CONFIGS_ALPHA.version { NODE_CONFIGS_ALPHA } else { NODE_CONFIGS };
    resource.at(Key::new(namespace, NODE_CONFIG))
}

/// What is chained to Cilium's CNI plugin, and whether other configurations are renamed: as the operator's values say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chaining {
    /// `cni.chainingMode`.
    pub mode: String,
    /// `cni.exclusive`.
    pub exclusive: bool,
}

impl Default for Chaining {
    fn default() -> Self {
        Self { mode: "none".into(), exclusive: true }
    }
}

impl Chaining {
    /// As these helm values have it.
    pub fn of(values: &Value) -> Self {
        let cni = &values["cni"];
        let mode = cni["chainingMode"].as_str().map_or_else(|| Self::default().mode, str::to_owned);
        Self { mode, exclusive: cni["exclusive"].as_bool().unwrap_or(true) }
    }

    /// portmap is chained, and serves host ports.
    pub fn serves_host_ports(&self) -> bool {
        self.mode == "portmap"
    }
}

/// Creates it (keys and values: Cilium's migration guide).
pub fn create_node_config(namespace: &str, version: &str, chaining: &Chaining) -> Request {
    let object = node_config(namespace, version);
    let body = json!({
        "apiVersion": object.resource.api_version(), "kind": object.resource.kind,
        "metadata": {"name": NODE_CONFIG, "namespace": namespace},
        "spec": {
            "nodeSelector": {"matchLabels": {SWITCH_LABEL: "true"}},
            "defaults": {
                "write-cni-conf-when-ready": "/host/etc/cni/net.d/05-cilium.conflist",
                "custom-cni-conf": "false",
                "cni-chaining-mode": chaining.mode,
                "cni-exclusive": chaining.exclusive.to_string(),
            },
        },
    });
    Request { object, change: Change::Apply(body) }
}

/// Deletes it.
pub fn delete_node_config(namespace: &str, version: &str) -> Request {
    Request { object: node_config(namespace, version), change: Change::Delete(Value::Null) }
}

/// The patch that restarts the agents: as `kubectl rollout restart`, with a mark that makes it happen once.
pub fn restart_agents(daemon_set: &Value, mark: &str) -> Option<Value> {
    let there = &daemon_set["spec"]["template"]["metadata"]["annotations"][RESTART_MARK];
    (there != mark).then(|| json!({"spec": {"template": {"metadata": {"annotations": {RESTART_MARK: mark}}}}}))
}
