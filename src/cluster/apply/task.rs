//! Host tasks: in a pod on the node, or through `ssh`.

use std::process::Stdio;

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client, api::PostParams};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, process::Command};

use super::Refusal;
use crate::{
    cluster::{error::is_conflict, store::FactStore},
    domain::host::{HostTask, SCRIPT, TASK_LABEL},
};

pub(super) async fn in_pod(
    client: &Client,
    node: &str,
    task: &HostTask,
    nth: u32,
    namespace: &str,
    image: &str,
) -> Result<(), Refusal> {
    let pod: Pod = serde_json::from_value(task_pod(node, task, nth, namespace, image)).map_err(|e| {
        Refusal::new(format!("the task pod is not a pod: {e}"), "Nothing was changed. This is a defect of Cutover.")
    })?;
    match Api::<Pod>::namespaced(client.clone(), namespace).create(&PostParams::default(), &pod).await {
        Err(e) if is_conflict(&e) => Ok(()),
        Err(e) => Err(e.into()),
        Ok(_) => Ok(()),
    }
}

/// What a look reads of a host. `/run` as a whole: a mount of a folder that is not there would make it.
const LOOKS_AT: [&str; 3] = ["/etc/cni/net.d", "/run", "/var/lib"];

/// Runs the script through the system's `ssh`, so that keys, agents and jump hosts work as they do. The report
/// goes to the facts, where a task pod's would be found.
pub(super) async fn by_ssh(
    store: &FactStore,
    node: &str,
    task: &HostTask,
    nth: u32,
    target: &str,
) -> Result<(), Refusal> {
    let unknown = "Unknown whether it was done: the host is looked at again. Try the same `ssh` by hand.";
    let command = task.ssh(target);
    let (program, arguments) = command.split_first().ok_or_else(|| Refusal::new("no ssh", unknown))?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| {
            Refusal::new(format!("ssh cannot be run: {e}"), "Nothing was changed. Install OpenSSH's client.")
        })?;
    if let Some(mut stdin) = child.stdin.take() {
        // a host that hangs up early says why on its own
        let _ = stdin.write_all(SCRIPT.as_bytes()).await;
    }
    let output = child.wait_with_output().await.map_err(|e| Refusal::new(format!("ssh to {target}: {e}"), unknown))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().rfind(|l| !l.trim().is_empty()).unwrap_or_default();
    let code = output.status.code().unwrap_or(-1);
    if code == 255 || code == -1 {
        return Err(Refusal::new(format!("ssh to {target}: {said}"), unknown));
    }
    let mut report = String::from_utf8_lossy(&output.stdout).into_owned();
    if code != 0 && !report.contains("error=") {
        report.push_str(&format!("\nerror={said}\n"));
    }
    let name = task.pod_name(node, nth);
    let of_node = format!("-{node}-");
    store.change(|f| {
        // whatever came of an earlier task of this node was taken long ago
        f.reports.retain(|n, _| !n.contains(&of_node));
        f.reports.insert(name, (code, report));
    });
    Ok(())
}

/// The pod of a task. It is bound to its node by name, so no scheduler and no cordon is in its way; it
/// uses the host's network, because that works while the node has no CNI; its image is there already and
/// never pulled; it has no token. The probe is the exception: it wants a pod address. What only looks is not
/// privileged: it sees the folders that it reads, and may read the firewall.
fn task_pod(node: &str, task: &HostTask, nth: u32, namespace: &str, image: &str) -> Value {
    let on_host = *task != HostTask::Probe;
    let mut command = vec![json!("sh"), json!("-c"), json!(SCRIPT), json!("cutover"), json!(task.name())];
    command.extend(task.args().into_iter().map(Value::from));
    let mut container = json!({
        "name": "task", "image": image, "imagePullPolicy": "Never", "command": command,
        "env": [
            {"name": "HOST_ROOT", "value": "/host"},
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        ],
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
    });
    let mut spec = json!({
        "nodeName": node, "restartPolicy": "Never", "activeDeadlineSeconds": 120,
        "terminationGracePeriodSeconds": 1, "automountServiceAccountToken": false,
        "tolerations": [{"operator": "Exists"}],
    });
    if *task == HostTask::Look {
        container["securityContext"] = json!({
            "privileged": false, "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN", "NET_RAW"]},
        });
        let (mut mounts, mut volumes) = (vec![], vec![]);
        for (i, path) in LOOKS_AT.iter().enumerate() {
            mounts.push(json!({"name": format!("look-{i}"), "mountPath": format!("/host{path}"), "readOnly": true}));
            volumes.push(json!({"name": format!("look-{i}"), "hostPath": {"path": path, "type": "Directory"}}));
        }
        container["volumeMounts"] = Value::Array(mounts);
        spec["volumes"] = Value::Array(volumes);
        spec["hostNetwork"] = json!(true);
    } else if on_host {
        container["securityContext"] = json!({"privileged": true});
        container["volumeMounts"] = json!([{"name": "host", "mountPath": "/host"}]);
        spec["volumes"] = json!([{"name": "host", "hostPath": {"path": "/"}}]);
        spec["hostNetwork"] = json!(true);
        spec["hostPID"] = json!(true);
    }
    spec["containers"] = json!([container]);
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": task.pod_name(node, nth), "namespace": namespace,
            "labels": {TASK_LABEL: task.name(), "app.kubernetes.io/managed-by": "cutover"},
        },
        "spec": spec,
    })
}
