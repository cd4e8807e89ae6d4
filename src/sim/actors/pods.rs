//! The lifecycle of a pod on its node: sandbox, address, containers, end.

use std::{net::IpAddr, sync::Arc, time::Duration};

use kube::ResourceExt;
use serde_json::{Value, json};

use super::{
    agent,
    cache::{Kind, Object, is_true, owner_reference},
    cni, flannel,
    host::{Plugin, Sandbox},
    kubelet::Kubelet,
    multus, tasks, volumes,
};
use crate::{domain::host::TASK_LABEL, sim::world::NEVER_READY};

/// Annotation of a pod whose containers do not end, like a process that hangs in the kernel.
const NEVER_ENDS: &str = "cutover.dev/embedded-hangs";

/// How long a container that has ended by itself stays so.
const STARTED_AGAIN: Duration = Duration::from_secs(1);

/// What a container does is what its image says: anybody may give one the name of another.
const AGENT: &str = "/cilium/cilium:";
const FLANNEL: &str = "/flannel/flannel:";
const MULTUS: &str = "/multus-cni:";

/// Starts a pod; stops if the node reboots or the pod is deleted meanwhile.
pub(super) async fn start(kubelet: &Arc<Kubelet>, pod: &Object) {
    let boot = kubelet.hosts.with(&kubelet.node, |h| h.boots);
    let pace = kubelet.cluster.pace;
    pace.wait(Duration::from_millis(800 + fastrand::u64(0..800))).await;
    while !volumes::are_mounted(&kubelet.cluster, &kubelet.node, pod) {
        if !alive(kubelet, pod, boot) {
            return;
        }
        pace.wait(Duration::from_secs(1)).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let Some(sandbox) = sandbox(kubelet, pod, boot).await else { return };
    if let Some(task) = pod.labels().get(TASK_LABEL) {
        tasks::run(kubelet, pod, task, sandbox.ip).await;
        return;
    }
    if runs(pod, FLANNEL) {
        flannel::start(kubelet, boot).await;
    }
    if runs(pod, MULTUS) {
        multus::start(&kubelet.cluster, &kubelet.hosts, pod);
        tokio::spawn(flannel::renamed(Arc::clone(kubelet), boot));
    }
    if runs(pod, AGENT) && !agent::start(kubelet, pod, boot).await {
        // a container that ends by itself is started again, with what is configured then
        tokio::time::sleep(STARTED_AGAIN).await;
        if alive(kubelet, pod, boot) {
            kubelet.hosts.with(&kubelet.node, |h| cni::del(h, &pod.uid().unwrap_or_default()));
        }
        return;
    }
    pace.wait(Duration::from_millis(1_500)).await;
    if alive(kubelet, pod, boot) {
        report_running(kubelet, pod, sandbox).await;
        if pod.annotations().contains_key(NEVER_READY) {
            let namespace = pod.namespace().unwrap_or_default();
            let sick = json!({"conditions": [{"type": "Ready", "status": "False", "reason": "ContainersNotReady"}]});
            kubelet.cluster.status(Kind::Pod, &namespace, &pod.name_any(), &sick).await;
        }
    }
}

fn runs(pod: &Object, image: &str) -> bool {
    let mut images =
        pod.data["spec"]["containers"].as_array().into_iter().flatten().filter_map(|c| c["image"].as_str());
    images.any(|i| i.contains(image))
}

fn containers(pod: &Object) -> Vec<String> {
    let list = pod.data["spec"]["containers"].as_array().into_iter().flatten();
    list.filter_map(|c| c["name"].as_str().map(str::to_owned)).collect()
}

/// True if the node has not rebooted and the pod is not deleted.
pub(super) fn alive(kubelet: &Kubelet, pod: &Object, boot: u64) -> bool {
    let same_boot = kubelet.hosts.with(&kubelet.node, |h| h.up && h.boots == boot);
    let known = kubelet.cluster.get(Kind::Pod, &pod.namespace().unwrap_or_default(), &pod.name_any());
    same_boot && known.is_some_and(|p| p.uid() == pod.uid() && p.metadata.deletion_timestamp.is_none())
}

async fn sandbox(kubelet: &Arc<Kubelet>, pod: &Object, boot: u64) -> Option<Sandbox> {
    let uid = pod.uid().unwrap_or_default();
    let address = || {
        let node = kubelet.cluster.get(Kind::Node, "", &kubelet.node)?;
        node.data["status"]["addresses"][0]["address"].as_str()?.parse().ok()
    };
    let name = format!("{}/{}", pod.namespace().unwrap_or_default(), pod.name_any());
    let mut reported = String::new();
    loop {
        if !alive(kubelet, pod, boot) {
            return None;
        }
        if pod.data["spec"]["hostNetwork"] == true {
            if let Some(ip) = address() {
                let sandbox = Sandbox::new(ip, Plugin::Host);
                kubelet.hosts.with(&kubelet.node, |h| h.sandboxes.insert(uid, sandbox));
                return Some(sandbox);
            }
        } else {
            let (flannel, cilium) = kubelet.ranges();
            let admitted = multus::is_admitted(&kubelet.cluster, &kubelet.hosts, &kubelet.node, pod).await;
            let added = admitted
                .and_then(|()| kubelet.hosts.with(&kubelet.node, |h| cni::add(h, &uid, &name, flannel, cilium)));
            match added {
                Ok(sandbox) => {
                    if let Some(ip) = sandbox.of_cilium() {
                        create_endpoint(kubelet, pod, ip).await;
                    }
                    multus::annotate(&kubelet.cluster, pod, &sandbox).await;
                    return Some(sandbox);
                }
                Err(why) if why != reported => {
                    report_waiting(kubelet, pod, &why).await;
                    reported = why;
                }
                Err(_) => {}
            }
        }
        kubelet.cluster.pace.wait(Duration::from_secs(1)).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The CiliumEndpoint, owned by its pod, as the agent writes it.
async fn create_endpoint(kubelet: &Kubelet, pod: &Object, ip: IpAddr) {
    let namespace = pod.namespace().unwrap_or_default();
    let endpoint = json!({
        "metadata": {"name": pod.name_any(), "namespace": namespace, "ownerReferences": owner_reference(Kind::Pod, pod)},
        "status": {"id": fastrand::u16(100..4000), "state": "ready", "networking": {"addressing": [{"ipv4": ip}], "node": kubelet.node}},
    });
    kubelet.cluster.create(Kind::CiliumEndpoint, &namespace, endpoint).await;
}

async fn report_waiting(kubelet: &Kubelet, pod: &Object, why: &str) {
    let statuses: Vec<Value> = containers(pod)
        .iter()
        .map(|name| json!({"name": name, "ready": false, "restartCount": 0, "image": "", "imageID": "", "state": {"waiting": {"reason": "ContainerCreating", "message": why}}}))
        .collect();
    let status = json!({"phase": "Pending", "containerStatuses": statuses, "conditions": [{"type": "Ready", "status": "False", "reason": "ContainersNotReady", "message": why}]});
    kubelet.cluster.status(Kind::Pod, &pod.namespace().unwrap_or_default(), &pod.name_any(), &status).await;
}

async fn report_running(kubelet: &Kubelet, pod: &Object, sandbox: Sandbox) {
    let namespace = pod.namespace().unwrap_or_default();
    let now = crate::sim::clock::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let known = kubelet.cluster.get(Kind::Pod, &namespace, &pod.name_any());
    let before = known.as_ref().map_or(Value::Null, |p| p.data["status"]["containerStatuses"][0].clone());
    // a container that ran before has restarted
    let has_run = ["running", "terminated"].iter().any(|state| before["state"][*state].is_object());
    let restarts = before["restartCount"].as_i64().unwrap_or(0) + i64::from(has_run);
    let images = pod.data["spec"]["containers"].as_array().into_iter().flatten();
    let statuses: Vec<Value> = images
        .map(|c| json!({"name": c["name"], "image": c["image"], "imageID": "", "ready": true, "started": true, "restartCount": restarts, "state": {"running": {"startedAt": now}}}))
        .collect();
    let condition = |t: &str| json!({"type": t, "status": "True", "lastTransitionTime": now});
    let conditions = ["PodScheduled", "Initialized", "ContainersReady", "Ready"].map(condition);
    let once = pod.data["spec"]["restartPolicy"] == "Never";
    let status = json!({
        "phase": "Running", "hostIP": sandbox.ip, "podIP": sandbox.ip, "podIPs": [{"ip": sandbox.ip}], "startTime": now,
        "containerStatuses": statuses,
        "conditions": conditions,
    });
    kubelet.cluster.status(Kind::Pod, &namespace, &pod.name_any(), &status).await;
    if once {
        kubelet.cluster.pace.wait(Duration::from_secs(3)).await;
        let ended = json!({"phase": "Succeeded", "conditions": [{"type": "Ready", "status": "False", "reason": "PodCompleted"}]});
        kubelet.cluster.status(Kind::Pod, &namespace, &pod.name_any(), &ended).await;
        kubelet.hosts.with(&kubelet.node, |h| cni::del(h, &pod.uid().unwrap_or_default()));
    }
}

/// What a kubelet says of a pod whose containers a reboot has ended: neither an address nor a running container, until
/// they start again.
pub(super) async fn report_lost(kubelet: &Kubelet, pod: &Object) {
    let lost = json!({"podIP": null, "podIPs": null});
    report_stopped(kubelet, pod, ("ContainersNotReady", 255, "Unknown"), lost).await;
}

/// Before a kubelet lets a pod go it says how its containers ended.
async fn report_ended(kubelet: &Kubelet, pod: &Object) {
    report_stopped(kubelet, pod, ("PodFailed", 137, "Error"), json!({"phase": "Failed"})).await;
}

/// The containers of a pod that has not ended have stopped: why it is not ready, their exit code, and its reason.
async fn report_stopped(kubelet: &Kubelet, pod: &Object, stopped: (&str, i32, &str), mut status: Value) {
    let (why, code, reason) = stopped;
    let mut containers = pod.data["status"]["containerStatuses"].as_array().cloned().unwrap_or_default();
    if containers.is_empty() || matches!(pod.data["status"]["phase"].as_str(), Some("Succeeded" | "Failed")) {
        return;
    }
    for container in &mut containers {
        container["ready"] = json!(false);
        container["state"] = json!({"terminated": {"exitCode": code, "reason": reason}});
    }
    let condition = |t: &str| json!({"type": t, "status": "False", "reason": why});
    status["conditions"] = ["ContainersReady", "Ready", "PodReadyToStartContainers"].map(condition).into();
    status["containerStatuses"] = containers.into();
    kubelet.cluster.status(Kind::Pod, &pod.namespace().unwrap_or_default(), &pod.name_any(), &status).await;
}

/// Its containers are ready and it is not: the node lifecycle controller says so of every pod on a node that has not been
/// heard for a while. The kubelet says otherwise once it is heard again (seen with kube-controller-manager 1.36).
pub(super) fn is_denied(pod: &Object) -> bool {
    let status = &pod.data["status"];
    let containers = status["containerStatuses"].as_array().map(Vec::as_slice).unwrap_or_default();
    let runs = |c: &Value| c["ready"] == true && c["state"]["running"].is_object();
    let ready = !containers.is_empty() && containers.iter().all(runs);
    let denied = !is_true(pod, "Ready");
    status["phase"] == "Running" && ready && denied && !pod.annotations().contains_key(NEVER_READY)
}

/// Says so.
pub(super) async fn report_ready(kubelet: &Kubelet, pod: &Object) {
    let now = crate::sim::clock::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let ready = json!({"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": now, "reason": null, "message": null}]});
    kubelet.cluster.status(Kind::Pod, &pod.namespace().unwrap_or_default(), &pod.name_any(), &ready).await;
    // what was just said arrives in a moment
    tokio::time::sleep(Duration::from_millis(100)).await;
}

/// Ends a deleted pod and removes it from the API.
pub(super) async fn end(kubelet: &Arc<Kubelet>, pod: &Object) {
    let uid = pod.uid().unwrap_or_default();
    let grace = pod.metadata.deletion_grace_period_seconds.unwrap_or(0);
    if grace > 0 && pod.annotations().contains_key(NEVER_ENDS) {
        tokio::time::sleep(Duration::from_millis(200)).await;
        return;
    }
    if grace > 0 {
        // most programs end well within their grace period
        kubelet.cluster.pace.wait(Duration::from_millis(600 + fastrand::u64(0..1_200))).await;
    }
    if !kubelet.hosts.with(&kubelet.node, |h| h.up) {
        return;
    }
    if multus::refuses_del(&kubelet.cluster, &kubelet.hosts, &kubelet.node, pod) {
        tokio::time::sleep(Duration::from_millis(200)).await;
        return;
    }
    kubelet.hosts.with(&kubelet.node, |h| {
        if h.agent.as_ref().is_some_and(|a| a.uid == uid) {
            h.agent_ends();
        }
        cni::del(h, &uid);
    });
    report_ended(kubelet, pod).await;
    kubelet.cluster.delete(Kind::Pod, pod, Some(0)).await;
    // a pod with a finalizer is gone here and stays in the API
    let held = pod.metadata.finalizers.as_ref().is_some_and(|f| !f.is_empty());
    tokio::time::sleep(Duration::from_millis(if held { 500 } else { 20 })).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_pod_whose_node_was_not_heard_is_put_right() {
        let condition =
            |status: &str| json!([{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": status}]);
        let container = |ready: bool| json!([{"ready": ready, "state": {"running": {}}}]);
        for (phase, containers, ready, denied) in [
            ("Running", container(true), "False", true),
            ("Running", container(true), "True", false),
            ("Running", container(false), "False", false),
            ("Running", json!([]), "False", false),
            ("Pending", container(true), "False", false),
            ("Succeeded", container(true), "False", false),
        ] {
            let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"},
                "status": {"phase": phase, "containerStatuses": containers, "conditions": condition(ready)}});
            let pod: Object = Arc::new(serde_json::from_value(pod).unwrap());
            assert_eq!(is_denied(&pod), denied, "{phase} {ready}");
        }
    }
}
