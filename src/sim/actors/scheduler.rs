//! A scheduler: of the nodes that fit, the one with the fewest pods of the same owner.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::Binding;
use kube::{Api, ResourceExt, api::PostParams};
use serde_json::{Value, json};

use super::{
    cache::{Cluster, Kind, Object, is_true},
    fitting,
};

pub(super) async fn run(cluster: Arc<Cluster>) {
    let mut changes = cluster.placements();
    let mut assumed = Assumed::new();
    loop {
        changes.borrow_and_update();
        schedule(&cluster, &mut assumed).await;
        tokio::select! {
            biased;
            changed = changes.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Assumed bindings, by UID, until the watch shows them: without them the next replica lands beside the last one.
type Assumed = BTreeMap<String, String>;

async fn schedule(cluster: &Cluster, assumed: &mut Assumed) {
    let nodes = cluster.all(Kind::Node);
    let mut pods = cluster.all(Kind::Pod);
    let waits = |p: &Object| p.data["spec"]["nodeName"].is_null();
    assumed.retain(|uid, _| pods.iter().any(|p| waits(p) && p.metadata.uid.as_ref() == Some(uid)));
    for pod in &mut pods {
        if let Some(node) = pod.metadata.uid.as_ref().and_then(|uid| assumed.get(uid)) {
            place(pod, node);
        }
    }
    let mut load: BTreeMap<String, usize> = BTreeMap::new();
    let mut kin: BTreeMap<(String, String), usize> = BTreeMap::new();
    let family = |p: &Object| p.owner_references().first().map(|o| o.uid.clone()).unwrap_or_default();
    for pod in &pods {
        if let Some(node) = pod.data["spec"]["nodeName"].as_str() {
            *load.entry(node.to_owned()).or_default() += 1;
            *kin.entry((node.to_owned(), family(pod))).or_default() += 1;
        }
    }
    for i in 0..pods.len() {
        let pod = &pods[i];
        if !waits(pod) || pod.metadata.deletion_timestamp.is_some() {
            continue;
        }
        let fits: Vec<&Object> = nodes.iter().filter(|n| fitting::fits(cluster, &pods, pod, n)).collect();
        let best = fits.iter().min_by_key(|n| {
            let name = n.name_any();
            let same = kin.get(&(name.clone(), family(pod))).copied().unwrap_or(0);
            (same, load.get(&name).copied().unwrap_or(0), name)
        });
        match best {
            Some(node) => {
                let name = node.name_any();
                *load.entry(name.clone()).or_default() += 1;
                *kin.entry((name.clone(), family(pod))).or_default() += 1;
                if bind(cluster, pod, &name).await {
                    assumed.insert(pod.uid().unwrap_or_default(), name.clone());
                    place(&mut pods[i], &name);
                }
            }
            None => report_unschedulable(cluster, pod, nodes.len()).await,
        }
    }
}

fn place(pod: &mut Object, node: &str) {
    Arc::make_mut(pod).data["spec"]["nodeName"] = json!(node);
}

async fn bind(cluster: &Cluster, pod: &Object, node: &str) -> bool {
    let namespace = pod.namespace().unwrap_or_default();
    let binding =
        json!({"metadata": {"name": pod.name_any(), "namespace": namespace}, "target": {"kind": "Node", "name": node}});
    let Ok(binding) = serde_json::from_value::<Binding>(binding) else { return false };
    let api: Api<k8s_openapi::api::core::v1::Pod> = Api::namespaced(cluster.client.clone(), &namespace);
    api.create_subresource::<_, Value>("binding", &pod.name_any(), &PostParams::default(), &binding).await.is_ok()
}

async fn report_unschedulable(cluster: &Cluster, pod: &Object, nodes: usize) {
    let reported = pod.data["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|c| c["type"] == "PodScheduled" && c["status"] == "False");
    if !reported {
        let message = format!("0/{nodes} nodes are available.");
        let status = json!({"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}]});
        cluster.status(Kind::Pod, &pod.namespace().unwrap_or_default(), &pod.name_any(), &status).await;
    }
}

/// A node's taints, with those that a real node controller adds for conditions and a cordon.
pub(super) fn taints(node: &Object) -> Value {
    let mut taints = node.data["spec"]["taints"].as_array().cloned().unwrap_or_default();
    let cordoned = node.data["spec"]["unschedulable"] == true;
    for (is, key) in
        [(!is_true(node, "Ready"), "node.kubernetes.io/not-ready"), (cordoned, "node.kubernetes.io/unschedulable")]
    {
        if is && !taints.iter().any(|t| t["key"] == key) {
            taints.push(json!({"key": key, "effect": "NoSchedule"}));
        }
    }
    Value::Array(taints)
}

/// True if every taint that keeps pods away is tolerated.
pub(super) fn tolerated(taints: &Value, tolerations: &Value) -> bool {
    let taints = taints.as_array().into_iter().flatten();
    taints.filter(|t| t["effect"] != "PreferNoSchedule").all(|taint| {
        tolerations.as_array().into_iter().flatten().any(|t| {
            let key = t["key"].as_str().unwrap_or_default();
            let exists = t["operator"] == "Exists";
            (t["effect"].is_null() || t["effect"] == taint["effect"])
                && ((key.is_empty() && exists)
                    || (taint["key"] == key
                        && (exists
                            || t["value"].as_str().unwrap_or_default() == taint["value"].as_str().unwrap_or_default())))
        })
    })
}
