//! Evictions, deletions and task pods.

use k8s_openapi::{
    api::{core::v1::Pod, policy::v1::Eviction},
    apimachinery::pkg::apis::meta::v1 as meta,
};
use kube::{
    Api, Client,
    api::{DeleteParams, PostParams, Preconditions},
    core::Status,
};
use serde_json::{Value, json};

use super::Refusal;
use crate::{
    cluster::error::{budget, code, is_conflict, is_not_found},
    domain::{
        facts::Key,
        host::{HostTask, SCRIPT, TASK_LABEL},
    },
};

/// Asks for an eviction. The body is built here: kube's own drops the delete options.
pub(super) async fn evict(client: &Client, pod: &Key, uid: &str) -> Result<(), Refusal> {
    let api: Api<Pod> = Api::namespaced(client.clone(), &pod.namespace);
    let eviction = Eviction {
        metadata: meta::ObjectMeta {
            name: Some(pod.name.to_string()),
            namespace: Some(pod.namespace.to_string()),
            ..meta::ObjectMeta::default()
        },
        delete_options: Some(meta::DeleteOptions {
            preconditions: Some(meta::Preconditions { uid: Some(uid.into()), resource_version: None }),
            ..meta::DeleteOptions::default()
        }),
    };
    let answer =
        api.create_subresource::<Eviction, Status>("eviction", &pod.name, &PostParams::default(), &eviction).await;
    match answer {
        // some servers answer 201 with a failure inside (two budgets)
        Ok(status) if status.is_failure() => Err(two_budgets(&status.message)),
        Ok(_) => Ok(()),
        Err(e) if is_not_found(&e) => Ok(()),
        // another pod of the same name: the one that was meant is gone
        Err(e) if is_conflict(&e) => Ok(()),
        Err(e) => Err(match budget(&e) {
            Some(message) => Refusal {
                message,
                next: "The pod was not touched. It is asked again; no budget is ever bypassed.".into(),
                budget: true,
            },
            None if code(&e) == Some(500) => two_budgets(&crate::cluster::error::sentence(&e)),
            None => e.into(),
        }),
    }
}

fn two_budgets(message: &str) -> Refusal {
    Refusal::new(
        message,
        "The pod was not touched. If two budgets match it, leave only one: until then no eviction succeeds.",
    )
}

pub(super) async fn delete(client: &Client, pod: &Key, uid: &str) -> Result<(), Refusal> {
    let api: Api<Pod> = Api::namespaced(client.clone(), &pod.namespace);
    let params = DeleteParams {
        preconditions: Some(Preconditions { uid: Some(uid.into()), resource_version: None }),
        ..DeleteParams::default()
    };
    match api.delete(&pod.name, &params).await {
        Err(e) if !is_not_found(&e) && !is_conflict(&e) => Err(e.into()),
        _ => Ok(()),
    }
}

pub(super) async fn run_task(
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

/// The pod of a task. It is bound to its node by name, so no scheduler and no cordon is in its way; it
/// uses the host's network, because that works while the node has no CNI; its image is there already and
/// never pulled; it has no token. The probe is the exception: it wants a pod address.
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
    if on_host {
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
