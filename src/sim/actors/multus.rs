//! Multus' thin plugin: its pod on a node, and what its plugin asks of the API server at each ADD.

use std::net::Ipv6Addr;

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use super::{
    cache::{Cluster, Kind, Object},
    host::{Hosts, Plugin, Sandbox},
};
use crate::domain::{
    facts::{NETWORK_STATUS, NETWORKS},
    host::MULTUS,
};

/// Annotation of a node on which Multus cannot use its kubeconfig.
const UNUSABLE: &str = "cutover.dev/embedded-multus-unusable";
/// How a container refers to the API server's address, and the address.
const HOST: &str = "$(KUBERNETES_SERVICE_HOST)";
const SERVICE: &str = "10.233.0.1";

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
            h.multus_reaches = is_url(&server(pod));
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

/// The API server in the kubeconfig that its entry point writes: the address is put into brackets, whatever it is.
fn server(pod: &Object) -> String {
    let env = pod.data["spec"]["containers"][0]["env"].as_array().into_iter().flatten();
    let named = env.into_iter().find(|e| e["name"] == "KUBERNETES_SERVICE_HOST").and_then(|e| e["value"].as_str());
    let host = named.unwrap_or(HOST).replace(HOST, SERVICE);
    format!("https://[{host}]:443")
}

/// The rule of Go 1.26: between brackets there is an address of IPv6 (seen on real nodes).
fn is_url(server: &str) -> bool {
    let host = server.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map(|(host, _)| host);
    host.is_none_or(|host| host.parse::<Ipv6Addr>().is_ok())
}

/// It cannot use its kubeconfig on this node.
fn is_cut_off(cluster: &Cluster, hosts: &Hosts, node: &str) -> bool {
    let fault = cluster.get(Kind::Node, "", node).is_some_and(|n| n.annotations().contains_key(UNUSABLE));
    hosts.with(node, |h| h.conf() == Some(Plugin::Multus) && h.multus_account.is_some() && (fault || !h.multus_reaches))
}

/// It does not end a sandbox either (seen on real nodes: pods stay Terminating). One on the host's network has none of its.
pub(super) fn refuses_del(cluster: &Cluster, hosts: &Hosts, node: &str, pod: &Object) -> bool {
    let uid = pod.uid().unwrap_or_default();
    let networked = hosts.with(node, |h| h.sandboxes.get(&uid).is_some_and(|s| s.plugin != Plugin::Host));
    networked && is_cut_off(cluster, hosts, node)
}

/// It reads the pod with its own account before it calls another plugin (seen on real nodes: without it no pod starts),
/// and the networks that the pod names, to which Cutover gives it no right.
pub(super) async fn is_admitted(cluster: &Cluster, hosts: &Hosts, node: &str, pod: &Object) -> Result<(), String> {
    let account = hosts.with(node, |h| (h.conf() == Some(Plugin::Multus)).then(|| h.multus_account.clone()));
    let Some((namespace, name)) = account.flatten() else { return Ok(()) };
    if is_cut_off(cluster, hosts, node) {
        return Err("Multus: error getting k8s client: host must be a URL or a host:port pair".into());
    }
    let accounts: Api<ServiceAccount> = Api::namespaced(cluster.client.clone(), &namespace);
    match accounts.get_opt(&name).await {
        Ok(Some(_)) => pod.annotations().get(NETWORKS).map_or(Ok(()), |networks| {
            Err(format!("Multus: cannot find a network-attachment-definition ({networks})"))
        }),
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn an_address_of_ipv4_in_brackets_is_no_url() {
        let pod = |env: Value| -> Object {
            let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "multus"},
                "spec": {"containers": [{"env": env}]}});
            Arc::new(serde_json::from_value(pod).unwrap())
        };
        let host = |value: &str| json!([{"name": "KUBERNETES_SERVICE_HOST", "value": value}]);
        for (env, address, usable) in [
            (json!([]), "https://[10.233.0.1]:443", false),
            (host("::ffff:$(KUBERNETES_SERVICE_HOST)"), "https://[::ffff:10.233.0.1]:443", true),
            (host("fd00::1"), "https://[fd00::1]:443", true),
        ] {
            let server = server(&pod(env));
            assert_eq!((server.as_str(), is_url(&server)), (address, usable));
        }
    }
}
