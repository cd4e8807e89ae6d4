//! A Cilium agent, with the behavior observed on real nodes.

use std::{sync::Arc, time::Duration};

use kube::{ResourceExt, api::ListParams};
use serde_json::{Value, json};

use super::{
    cache::{Kind, Object, selects},
    cni::endpoint_address,
    host::Agent,
    kubelet::Kubelet,
    pods::alive,
};

/// Starts an agent. It reads its configuration once: later changes wait for the next pod. False if the pod or the node
/// is gone meanwhile.
pub(super) async fn start(kubelet: &Arc<Kubelet>, pod: &Object, boot: u64) -> bool {
    let pace = kubelet.cluster.pace;
    let namespace = pod.namespace().unwrap_or_default();
    let Some(config) = configuration(kubelet, &namespace).await else { return false };
    register(kubelet).await;
    let manages = config["custom-cni-conf"] != "true"
        && config["write-cni-conf-when-ready"].as_str().is_some_and(|f| !f.is_empty());
    // the agent's API is up before it is ready
    kubelet.hosts.with(&kubelet.node, |h| {
        h.agent = Some(Agent { uid: pod.uid().unwrap_or_default(), manages, wrote: false });
        h.restore_endpoints();
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
