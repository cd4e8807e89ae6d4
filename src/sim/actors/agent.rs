//! A Cilium agent, with the behavior observed on real nodes.

use std::{sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, ResourceExt, api::ListParams};
use serde_json::{Value, json};

use super::{
    cache::{Kind, Object, selects},
    cni::endpoint_address,
    host::Agent,
    kubelet::Kubelet,
    pods::alive,
};
use crate::{domain::encryption, sim::helm::minor};

/// The first minor version whose agent writes its CNI configuration itself.
const WRITES_ITSELF: u32 = 14;

/// Starts an agent. It reads its configuration once: later changes wait for the next pod. False if the pod or the node
/// is gone meanwhile.
pub(super) async fn start(kubelet: &Arc<Kubelet>, pod: &Object, boot: u64) -> bool {
    let pace = kubelet.cluster.pace;
    let namespace = pod.namespace().unwrap_or_default();
    let Some(config) = configuration(kubelet, &namespace).await else { return false };
    register(kubelet).await;
    let version = minor(pod.data["spec"]["containers"][0]["image"].as_str().unwrap_or_default());
    let by_hooks = version < WRITES_ITSELF;
    let is_on = |key: &str| config[key] == "true";
    let encryption = match (is_on("enable-ipsec"), is_on("enable-wireguard")) {
        // both at once are refused
        (true, true) => return false,
        (true, false) => "IPsec",
        (false, true) => "Wireguard",
        (false, false) => "Disabled",
    };
    // the pod mounts the key: it stays in ContainerCreating until it is there
    while encryption == "IPsec" && !has_key(kubelet, &namespace).await {
        if !alive(kubelet, pod, boot) {
            return false;
        }
        pace.wait(Duration::from_secs(2)).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // up to 1.13 an agent with both ends itself
    if encryption == "Wireguard" && by_hooks && config["enable-l7-proxy"] != "false" {
        return false;
    }
    let manages = config["custom-cni-conf"] != "true"
        && (by_hooks || config["write-cni-conf-when-ready"].as_str().is_some_and(|f| !f.is_empty()));
    // the agent's API is up before it is ready
    kubelet.hosts.with(&kubelet.node, |h| {
        h.agent = Some(Agent { uid: pod.uid().unwrap_or_default(), manages, wrote: false, by_hooks, encryption });
        h.restore_endpoints();
        // all nodes at once, and before the agent works (seen with 1.12.19)
        if manages && by_hooks {
            h.cilium_writes();
        }
    });
    pace.wait(Duration::from_secs(7)).await;
    while kubelet.ranges().1.is_none() {
        if !alive(kubelet, pod, boot) {
            return false;
        }
        // the operator defines the kind, and may start after the first agents
        register(kubelet).await;
        pace.wait(Duration::from_secs(1)).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    if !alive(kubelet, pod, boot) {
        return false;
    }
    kubelet.hosts.with(&kubelet.node, |h| {
        h.links.extend(["cilium_host", "cilium_net", "cilium_vxlan"]);
        (h.cilium_rules, h.cilium_plugin) = (true, true);
        if let Some(ip) = kubelet.ranges().1.and_then(|range| endpoint_address(h, range)) {
            h.launch_health(ip);
        }
        if manages {
            h.cilium_writes();
        }
    });
    up_condition(kubelet).await;
    pace.wait(Duration::from_secs(2)).await;
    alive(kubelet, pod, boot)
}

/// The ConfigMap, overridden by every CiliumNodeConfig that selects this node, in the order of their names.
async fn configuration(kubelet: &Kubelet, namespace: &str) -> Option<Value> {
    let cluster = &kubelet.cluster;
    let (maps, nodes) = (cluster.api(Kind::ConfigMap, namespace), cluster.api(Kind::Node, ""));
    let map = cluster.answered(|| maps.get("cilium-config")).await.ok()?;
    let node = cluster.answered(|| nodes.get(&kubelet.node)).await.ok()?;
    let mut config = map.data["data"].clone();
    // the kind may not be served yet
    let (api, all) = (cluster.api(Kind::CiliumNodeConfig, namespace), ListParams::default());
    let overrides = cluster.answered(|| api.list(&all)).await;
    for over in overrides.into_iter().flatten() {
        if selects(&over.data["spec"]["nodeSelector"], node.labels()) {
            for (key, value) in over.data["spec"]["defaults"].as_object().into_iter().flatten() {
                config[key] = value.clone();
            }
        }
    }
    Some(config)
}

/// The Secret with the key of IPsec is there, in the form that Cilium takes.
async fn has_key(kubelet: &Kubelet, namespace: &str) -> bool {
    let secrets: Api<Secret> = Api::namespaced(kubelet.cluster.client.clone(), namespace);
    let secret = secrets.get_opt(encryption::SECRET).await.ok().flatten();
    let data = secret.and_then(|s| s.data).and_then(|mut d| d.remove(encryption::ENTRY));
    encryption::key_of(data.as_ref().map(|d| d.0.as_slice())).is_ok()
}

async fn register(kubelet: &Kubelet) {
    if kubelet.cluster.get(Kind::CiliumNode, "", &kubelet.node).is_some() {
        return;
    }
    let node = kubelet.cluster.get(Kind::Node, "", &kubelet.node);
    let address = node.map_or(Value::Null, |n| n.data["status"]["addresses"][0]["address"].clone());
    let object = json!({"metadata": {"name": kubelet.node}, "spec": {"addresses": [{"type": "InternalIP", "ip": address}], "ipam": {}}});
    kubelet.cluster.create(Kind::CiliumNode, "", object).await;
}

/// Reports `CiliumIsUp` from the first agent on, also on nodes on Flannel: it is no evidence.
async fn up_condition(kubelet: &Kubelet) {
    let status = json!({"conditions": [{"type": "NetworkUnavailable", "status": "False", "reason": "CiliumIsUp", "message": "Cilium is running on this node"}]});
    kubelet.cluster.status(Kind::Node, "", &kubelet.node, &status).await;
}
