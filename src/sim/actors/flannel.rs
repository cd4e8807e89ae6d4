//! Flannel's pod on a node.

use std::{sync::Arc, time::Duration};

use kube::ResourceExt;
use serde_json::json;

use super::{cache::Kind, host::Host, kubelet::Kubelet};

/// When an agent that manages the CNI directory renames what was added to it.
const RENAMED_AFTER: Duration = Duration::from_secs(5);

pub(super) async fn start(kubelet: &Arc<Kubelet>, boot: u64) {
    kubelet.hosts.with(&kubelet.node, Host::flannel_writes);
    tokio::spawn(renamed(Arc::clone(kubelet), boot));
    kubelet.cluster.pace.wait(Duration::from_millis(500)).await;
    kubelet.hosts.with(&kubelet.node, |h| {
        h.subnet_env = true;
        h.chains = true;
        h.links.insert("flannel.1");
    });
    let mac = format!("{:012x}", fastrand::u64(..) & 0xffff_ffff_ffff);
    let change = json!({"metadata": {"annotations": {
        "flannel.alpha.coreos.com/kube-subnet-manager": "true",
        "flannel.alpha.coreos.com/backend-type": "vxlan",
        "flannel.alpha.coreos.com/backend-data": format!("{{\"VNI\":1,\"VtepMAC\":\"{mac}\"}}"),
    }}});
    kubelet.cluster.merge(Kind::Node, "", &kubelet.node, &change).await;
    up_condition(kubelet).await;
}

/// An agent that manages the CNI directory notices what was added to it.
pub(super) async fn renamed(kubelet: Arc<Kubelet>, boot: u64) {
    kubelet.cluster.pace.wait(RENAMED_AFTER).await;
    kubelet.hosts.with(&kubelet.node, |h| {
        if h.boots == boot {
            h.agent_cleans();
        }
    });
}

/// Reports `FlannelIsUp`, once: it does not come back on a node where Cilium has said that it is up.
async fn up_condition(kubelet: &Kubelet) {
    let Some(node) = kubelet.cluster.get(Kind::Node, "", &kubelet.node) else { return };
    let conditions = node.data["status"]["conditions"].as_array();
    if conditions.into_iter().flatten().any(|c| c["type"] == "NetworkUnavailable") {
        return;
    }
    let status = json!({"conditions": [{"type": "NetworkUnavailable", "status": "False", "reason": "FlannelIsUp", "message": "Flannel is running on this node"}]});
    kubelet.cluster.status(Kind::Node, "", &node.name_any(), &status).await;
}
