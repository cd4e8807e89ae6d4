//! Multus' thin plugin: its pod on a node, and what its plugin asks of the API server at each ADD.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use super::{
    cache::{Kind, Object},
    flannel,
    host::{Plugin, Sandbox},
    kubelet::Kubelet,
};
use crate::domain::facts::NETWORK_STATUS;

/// Its pod copies the configuration of its ConfigMap to the host, and leaves it there when it ends.
pub(super) fn start(kubelet: &Arc<Kubelet>, pod: &Object, boot: u64) {
    let volumes = pod.data["spec"]["volumes"].as_array().into_iter().flatten();
    let maps: Vec<String> = volumes.filter_map(|v| v["configMap"]["name"].as_str().map(str::to_owned)).collect();
    let namespace = pod.namespace().unwrap_or_default();
    let account = pod.data["spec"]["serviceAccountName"].as_str().unwrap_or_default().to_owned();
    for map in maps {
        let Some(map) = kubelet.cluster.get(Kind::ConfigMap, &namespace, &map) else { continue };
        let text = map.data["data"]["00-multus.conf"].as_str().unwrap_or_default();
        let conf: Value = serde_json::from_str(text).unwrap_or_default();
        let delegates = [&conf["delegates"][0], &conf["delegates"][1]].map(plugin);
        kubelet.hosts.with(&kubelet.node, |h| {
            h.multus_writes(delegates);
            h.multus_account = Some((namespace.clone(), account.clone()));
        });
        tokio::spawn(flannel::renamed(Arc::clone(kubelet), boot));
    }
}

/// A delegate is one plugin or a list of them.
fn plugin(delegate: &Value) -> Option<Plugin> {
    let types = [&delegate["type"], &delegate["plugins"][0]["type"]];
    let plugin = |t: &Value| match t.as_str()? {
        "flannel" => Some(Plugin::Flannel),
        "cilium-cni" => Some(Plugin::Cilium),
        _ => None,
    };
    types.into_iter().find_map(plugin)
}

/// It reads the pod with its own account before it calls another plugin (seen on real nodes: without it no pod starts).
pub(super) async fn is_admitted(kubelet: &Kubelet) -> Result<(), String> {
    let account =
        kubelet.hosts.with(&kubelet.node, |h| (h.conf() == Some(Plugin::Multus)).then(|| h.multus_account.clone()));
    let Some((namespace, name)) = account.flatten() else { return Ok(()) };
    let accounts: Api<ServiceAccount> = Api::namespaced(kubelet.cluster.client.clone(), &namespace);
    match accounts.get_opt(&name).await {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err("Multus: error waiting for pod: Unauthorized".into()),
        Err(_) => Err("Multus: error waiting for pod: the API server does not answer".into()),
    }
}

/// What its plugin writes into the pod.
pub(super) async fn annotate(kubelet: &Kubelet, pod: &Object, sandbox: &Sandbox) {
    let Some(second) = sandbox.second else { return };
    let names = if sandbox.plugin == Plugin::Cilium { ["cilium", "cbr0"] } else { ["cbr0", "cilium"] };
    let status = json!([
        {"name": names[0], "interface": "eth0", "ips": [sandbox.ip], "default": true, "dns": {}},
        {"name": names[1], "interface": "net1", "ips": [second], "dns": {}},
    ]);
    let change = json!({"metadata": {"annotations": {NETWORK_STATUS: status.to_string()}}});
    kubelet.cluster.merge(Kind::Pod, &pod.namespace().unwrap_or_default(), &pod.name_any(), &change).await;
}
