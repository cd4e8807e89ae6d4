//! What a cluster looks like after a run: as after one without faults.

use cutover::sim::local::{Local, LocalService};
use serde_json::Value;

use crate::{
    faults::begins_again,
    observer::pods::has_ended,
    plan::{Goal, Plan},
};

/// Pods that are a task's, that end, or that are not ready, and nodes that are not: one has just joined.
pub fn unsettled(server: &LocalService) -> Vec<String> {
    let is_settled = |p: &Value| {
        !p["metadata"]["name"].as_str().unwrap_or_default().starts_with("cutover-")
            && p["metadata"]["deletionTimestamp"].is_null()
            && is_ready(p)
    };
    let (nodes, pods) = (server.look_at_all("nodes"), server.look_at_all("pods"));
    let nodes = nodes.iter().filter(|n| !is_ready(n)).map(|n| format!("{} {}", n["metadata"]["name"], n["status"]));
    let pods = pods.iter().filter(|p| !is_settled(p));
    let pods = pods.map(|p| format!("{} on {} {}", p["metadata"]["name"], p["spec"]["nodeName"], p["status"]));
    nodes.chain(pods).collect()
}

fn is_ready(object: &Value) -> bool {
    let mut conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    conditions.any(|c| c["type"] == "Ready" && c["status"] == "True")
}

/// Everything that is not as a run without faults leaves it.
pub fn left_behind(cluster: &Local, server: &LocalService, plan: &Plan) -> Vec<String> {
    let forward = !matches!(plan.goal, Goal::BackAfter(_));
    let mut wrong = Vec::new();
    for node in server.look_at_all("nodes") {
        wrong.extend(on_node(cluster, &node, forward));
    }
    for pod in server.look_at_all("pods") {
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        let ip = pod["status"]["podIP"].as_str().unwrap_or_default();
        // one that begins has none yet
        if pod["spec"]["hostNetwork"] != true
            && !ip.is_empty()
            && !has_ended(&pod)
            && ip.starts_with("10.245.") != forward
        {
            wrong.push(format!("{name} has the address {ip}"));
        }
    }
    for set in ["cutover-multus-flannel-first", "cutover-multus-cilium-first"] {
        if server.look("daemonsets.apps", "kube-system", set).is_some() {
            wrong.push(format!("{set} is still there"));
        }
    }
    let budget = server.look("poddisruptionbudgets.policy", "shop", "web").unwrap_or_default();
    if budget["spec"]["minAvailable"] != 1 {
        wrong.push(format!("the budget web asks for {}", budget["spec"]["minAvailable"]));
    }
    let flannel = server.look("daemonsets.apps", "kube-system", "kube-flannel").is_some();
    let cilium = server.look("daemonsets.apps", "kube-system", "cilium").is_some();
    // what a deleted Migration has installed is another actor's for the next one: it stays, for an operator to uninstall
    let stays = !forward && plan.faults.iter().any(begins_again);
    if flannel == forward || (cilium != forward && !stays) {
        wrong.push(format!("Flannel's DaemonSet is there: {flannel}, Cilium's: {cilium}"));
    }
    wrong
}

fn on_node(cluster: &Local, node: &Value, forward: bool) -> Vec<String> {
    let name = node["metadata"]["name"].as_str().unwrap_or_default();
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
    if node["metadata"]["labels"]["cutover.dev/multus"].is_string() {
        wrong.push(format!("{name} still has the label of Multus"));
    }
    let configs: Vec<String> = cluster.cni_configs(name).into_iter().filter(|c| !c.ends_with(".cilium_bak")).collect();
    let wanted = if forward { "05-cilium.conflist" } else { "10-flannel.conflist" };
    if configs != [wanted] {
        wrong.push(format!("{name} has the CNI configs {}", configs.join(", ")));
    }
    wrong
}
