//! What a cluster looks like after a run: as after one without faults.

use cutover::sim::local::{Local, LocalService};
use serde_json::Value;

use crate::{observer::get, plan::Goal};

/// Pods that are a task's, that end, or that are not ready.
pub async fn unsettled(server: &mut LocalService) -> Vec<String> {
    let pods = get(server, "/api/v1/pods").await;
    let is_settled = |p: &Value| {
        !p["metadata"]["name"].as_str().unwrap_or_default().starts_with("cutover-")
            && p["metadata"]["deletionTimestamp"].is_null()
            && p["status"]["conditions"]
                .as_array()
                .into_iter()
                .flatten()
                .any(|c| c["type"] == "Ready" && c["status"] == "True")
    };
    let pods = pods["items"].as_array().into_iter().flatten().filter(|p| !is_settled(p));
    pods.map(|p| format!("{} on {} {}", p["metadata"]["name"], p["spec"]["nodeName"], p["status"])).collect()
}

/// Everything that is not as a run without faults leaves it.
pub async fn left_behind(cluster: &Local, nodes: &[String], server: &mut LocalService, goal: Goal) -> Vec<String> {
    let forward = !matches!(goal, Goal::BackAfter(_));
    let mut wrong = Vec::new();
    for name in nodes {
        wrong.extend(on_node(cluster, name, server, forward).await);
    }
    let pods = get(server, "/api/v1/pods").await;
    for pod in pods["items"].as_array().into_iter().flatten() {
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        let ip = pod["status"]["podIP"].as_str().unwrap_or_default();
        if pod["spec"]["hostNetwork"] != true && ip.starts_with("10.245.") != forward {
            wrong.push(format!("{name} has the address {ip}"));
        }
    }
    let budget = get(server, "/apis/policy/v1/namespaces/shop/poddisruptionbudgets/web").await;
    if budget["spec"]["minAvailable"] != 1 {
        wrong.push(format!("the budget web asks for {}", budget["spec"]["minAvailable"]));
    }
    wrong
}

async fn on_node(cluster: &Local, name: &str, server: &mut LocalService, forward: bool) -> Vec<String> {
    let node = get(server, &format!("/api/v1/nodes/{name}")).await;
    let mut wrong = Vec::new();
    if node["spec"]["unschedulable"] == true {
        wrong.push(format!("{name} is still cordoned"));
    }
    if node["spec"]["taints"].to_string().contains("cutover.dev/") {
        wrong.push(format!("{name} still has the taint"));
    }
    if node["metadata"]["annotations"].to_string().contains("cutover.dev/cordoned") {
        wrong.push(format!("{name} still has the mark of a cordon"));
    }
    let configs: Vec<String> = cluster.cni_configs(name).into_iter().filter(|c| !c.ends_with(".cilium_bak")).collect();
    let wanted = if forward { "05-cilium.conflist" } else { "10-flannel.conflist" };
    if configs != [wanted] {
        wrong.push(format!("{name} has the CNI configs {}", configs.join(", ")));
    }
    wrong
}
