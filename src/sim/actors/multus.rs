//! Multus' thin plugin: its pod on a node, and what its plugin asks of the API server at each ADD.

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use super::{
    cache::{Cluster, Kind, Object},
    host::{Hosts, Plugin, Sandbox},
};
use crate::domain::{facts::NETWORK_STATUS, host::MULTUS};

/// Its pod copies the configuration of its ConfigMap to the host, and leaves it there when it ends.
pub(super) fn start(cluster: &Cluster, hosts: &Hosts, pod: &Object) {
    let node = pod.data["spec"]["nodeName"].as_str().unwrap_or_default();
    let account = pod.data["spec"]["serviceAccountName"].as_str().unwrap_or_default();
    let namespace = pod.namespace().unwrap_or_default();
    let volumes = pod.data["spec"]["volumes"].as_array().into_iter().flatten();
    let maps = volumes.filter_map(|v| cluster.get(Kind::ConfigMap, &namespace, v["configMap"]["name"].as_str()?));
    for map in maps {
        let conf = map.data["data"][MULTUS].as_str().unwrap_or_default();
        let conf: Value = serde_json::from_str(conf).unwrap_or_default();
        let delegates = [&conf["delegates"][0], &conf["delegates"][1]].map(plugin);
        hosts.with(node, |h| {
            h.multus_writes(delegates);
            h.multus_account = Some((namespace.clone(), account.to_owned()));
        });
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
pub(super) async fn is_admitted(cluster: &Cluster, hosts: &Hosts, node: &str) -> Result<(), String> {
    let account = hosts.with(node, |h| (h.conf() == Some(Plugin::Multus)).then(|| h.multus_account.clone()));
    let Some((namespace, name)) = account.flatten() else { return Ok(()) };
    let accounts: Api<ServiceAccount> = Api::namespaced(cluster.client.clone(), &namespace);
    match accounts.get_opt(&name).await {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err("Multus: error waiting for pod: Unauthorized".into()),
        Err(_) => Err("Multus: error waiting for pod: the API server does not answer".into()),
    }
}

/// What its plugin writes into the pod.
pub(super) async fn annotate(cluster: &Cluster, pod: &Object, sandbox: &Sandbox) {
    let Some(second) = sandbox.second else { return };
    let names = if sandbox.plugin == Plugin::Cilium { ["cilium", "cbr0"] } else { ["cbr0", "cilium"] };
    let status = json!([
        {"name": names[0], "interface": "eth0", "ips": [sandbox.ip], "default": true, "dns": {}},
        {"name": names[1], "interface": "net1", "ips": [second], "dns": {}},
    ]);
    let change = json!({"metadata": {"annotations": {NETWORK_STATUS: status.to_string()}}});
    cluster.merge(Kind::Pod, &pod.namespace().unwrap_or_default(), &pod.name_any(), &change).await;
}
