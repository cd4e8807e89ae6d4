//! The controllers that a real control plane brings: DaemonSets and disruption budgets; others are in their own files.

use std::{sync::Arc, time::Duration};

use kube::ResourceExt;
use serde_json::{Value, json};

use super::{
    cache::{Cluster, Kind, Object, is_true, owned_by, owner_reference, selects},
    garbage, namespaces, replicas,
    scheduler::tolerated,
    volumes,
};
use crate::sim::api::random_tail;

pub(super) async fn run(cluster: Arc<Cluster>) {
    let mut changes = cluster.changes();
    loop {
        changes.borrow_and_update();
        for set in cluster.all(Kind::DaemonSet) {
            daemon_set(&cluster, &set).await;
        }
        replicas::reconcile(&cluster).await;
        for budget in cluster.all(Kind::Budget) {
            count_budget(&cluster, &budget).await;
        }
        garbage::collect(&cluster).await;
        garbage::orphans(&cluster).await;
        volumes::attach(&cluster).await;
        namespaces::end(&cluster).await;
        tokio::select! {
            biased;
            changed = changes.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
        // batches changes, and lets the watches catch up with what was created
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// The hash of a pod template: pods with another one are outdated.
pub(super) fn hash(template: &Value) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in template.to_string().bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("{:x}", hash >> 24)
}

pub(super) fn pods_of(cluster: &Cluster, uid: &str) -> Vec<Object> {
    cluster.all(Kind::Pod).into_iter().filter(|p| owned_by(p, uid)).collect()
}

pub(super) fn is_ready(pod: &Object) -> bool {
    pod.metadata.deletion_timestamp.is_none() && is_true(pod, "Ready")
}

/// A pod from a template.
pub(super) fn pod_from(template: &Value, namespace: &str, name: &str, owner: Value, labels: &[(&str, &str)]) -> Value {
    let mut meta = template["metadata"].clone();
    if !meta.is_object() {
        meta = json!({});
    }
    meta["name"] = json!(name);
    meta["namespace"] = json!(namespace);
    meta["ownerReferences"] = owner;
    for (key, value) in labels {
        meta["labels"][key] = json!(value);
    }
    json!({"metadata": meta, "spec": template["spec"]})
}

/// The node that the DaemonSet controller has made a pod for.
fn meant_for(pod: &Object) -> &Value {
    let affinity = &pod.data["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    &affinity["nodeSelectorTerms"][0]["matchFields"][0]["values"][0]
}

async fn daemon_set(cluster: &Cluster, set: &Object) {
    if set.metadata.deletion_timestamp.is_some() {
        return;
    }
    let (uid, namespace, name) = (set.uid().unwrap_or_default(), set.namespace().unwrap_or_default(), set.name_any());
    let template = &set.data["spec"]["template"];
    let hash = hash(template);
    let pods = pods_of(cluster, &uid);
    let current = |p: &Object| p.labels().get("controller-revision-hash").is_some_and(|h| *h == hash);
    // tolerations that the controller adds to every DaemonSet
    let mut tolerations = template["spec"]["tolerations"].as_array().cloned().unwrap_or_default();
    for (key, effect) in [
        ("not-ready", "NoExecute"),
        ("unreachable", "NoExecute"),
        ("disk-pressure", "NoSchedule"),
        ("memory-pressure", "NoSchedule"),
        ("pid-pressure", "NoSchedule"),
        ("unschedulable", "NoSchedule"),
    ] {
        tolerations.push(json!({"key": format!("node.kubernetes.io/{key}"), "operator": "Exists", "effect": effect}));
    }
    if template["spec"]["hostNetwork"] == true {
        let key = "node.kubernetes.io/network-unavailable";
        tolerations.push(json!({"key": key, "operator": "Exists", "effect": "NoSchedule"}));
    }
    let tolerations = Value::Array(tolerations);
    let nodes = cluster.all(Kind::Node);
    // what was meant for a node that has gone before it was scheduled
    let meant_for_none = |p: &&Object| {
        p.data["spec"]["nodeName"].is_null() && !nodes.iter().any(|n| meant_for(p) == n.name_any().as_str())
    };
    for pod in pods.iter().filter(meant_for_none) {
        cluster.delete(Kind::Pod, pod, None).await;
    }
    let (mut desired, mut ready, mut updated, mut unavailable) = (0, 0, 0, 0);
    let (mut old, mut created) = (Vec::new(), Vec::new());
    for node in nodes {
        let node_name = node.name_any();
        let selected = template["spec"]["nodeSelector"]
            .as_object()
            .into_iter()
            .flatten()
            .all(|(k, v)| node.labels().get(k).map(String::as_str) == v.as_str());
        let own: Vec<&Object> = pods.iter().filter(|p| meant_for(p) == node_name.as_str()).collect();
        if !selected {
            // the node has lost its label
            for pod in own.iter().filter(|p| p.metadata.deletion_timestamp.is_none()) {
                cluster.delete(Kind::Pod, pod, None).await;
            }
            continue;
        }
        let may_run = tolerated(&node.data["spec"]["taints"], &tolerations);
        if may_run || !own.is_empty() {
            desired += 1;
        }
        let living = own.iter().find(|p| p.metadata.deletion_timestamp.is_none());
        if let Some(pod) = living {
            updated += i32::from(current(pod));
            ready += i32::from(is_ready(pod));
            unavailable += i32::from(!is_ready(pod));
            if !current(pod) {
                old.push((*pod).clone());
            }
        } else {
            unavailable += 1;
            if may_run && own.is_empty() {
                let pod_name = format!("{name}-{}", random_tail(5));
                let mut pod = pod_from(
                    template,
                    &namespace,
                    &pod_name,
                    owner_reference(Kind::DaemonSet, set),
                    &[("controller-revision-hash", &hash)],
                );
                pod["spec"]["tolerations"] = tolerations.clone();
                pod["spec"]["affinity"] = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node_name]}]}]}}});
                if cluster.create(Kind::Pod, &namespace, pod).await {
                    created.push(pod_name);
                }
            }
        }
    }
    cluster.shown(Kind::Pod, &namespace, &created).await;
    let at_once = set.data["spec"]["updateStrategy"]["rollingUpdate"]["maxUnavailable"].as_i64().unwrap_or(1);
    let places = usize::try_from(at_once - i64::from(unavailable)).unwrap_or(0);
    for pod in old.iter().take(places) {
        cluster.delete(Kind::Pod, pod, None).await;
    }
    let status = json!({
        "desiredNumberScheduled": desired, "currentNumberScheduled": desired - unavailable.min(desired), "numberReady": ready,
        "numberAvailable": ready, "updatedNumberScheduled": updated, "numberMisscheduled": 0,
        "observedGeneration": set.metadata.generation,
    });
    write_status(cluster, Kind::DaemonSet, set, &status).await;
}

/// Writes a status if it has changed.
pub(super) async fn write_status(cluster: &Cluster, kind: Kind, object: &Object, status: &Value) {
    let same = status.as_object().into_iter().flatten().all(|(k, v)| object.data["status"][k] == *v);
    if !same {
        cluster.status(kind, &object.namespace().unwrap_or_default(), &object.name_any(), status).await;
    }
}

async fn count_budget(cluster: &Cluster, budget: &Object) {
    let namespace = budget.namespace().unwrap_or_default();
    let selector = &budget.data["spec"]["selector"];
    let pods: Vec<Object> = cluster
        .all(Kind::Pod)
        .into_iter()
        .filter(|p| {
            p.namespace().as_deref() == Some(&namespace)
                && selects(selector, p.labels())
                && !matches!(p.data["status"]["phase"].as_str(), Some("Succeeded" | "Failed"))
        })
        .collect();
    let expected = expected(cluster, &pods);
    let share = |v: &Value, up: bool| match v {
        Value::String(s) => {
            let percent = s.trim_end_matches('%').parse::<i64>().unwrap_or(0) * expected;
            if up { (percent + 99) / 100 } else { percent / 100 }
        }
        v => v.as_i64().unwrap_or(0),
    };
    let spec = &budget.data["spec"];
    let desired = match (&spec["minAvailable"], &spec["maxUnavailable"]) {
        (Value::Null, Value::Null) => 1,
        (Value::Null, most) => (expected - share(most, true)).max(0),
        (least, _) => share(least, true),
    };
    // a granted eviction counts until its pod is seen terminating, for two minutes at most; the next pod of a
    // StatefulSet has the same name
    let now = crate::sim::clock::now();
    let long = cluster.pace.shorten(Duration::from_secs(120)).max(Duration::from_secs(2));
    let is_spent = |name: &str, at: &Value| {
        let at = at.as_str().and_then(|t| t.parse::<jiff::Timestamp>().ok());
        let young = at.is_some_and(|at| now.duration_since(at).unsigned_abs() < long);
        young && pods.iter().any(|p| p.name_any() == name && p.metadata.deletion_timestamp.is_none())
    };
    let (spent, gone): (Vec<_>, Vec<_>) = budget.data["status"]["disruptedPods"]
        .as_object()
        .into_iter()
        .flatten()
        .partition(|(name, at)| is_spent(name, at));
    let counts = |p: &&Object| is_ready(p) && !spent.iter().any(|(name, _)| **name == p.name_any());
    let healthy = i64::try_from(pods.iter().filter(counts).count()).unwrap_or(0);
    let allowed = (healthy - desired).max(0);
    let gone: serde_json::Map<String, Value> = gone.into_iter().map(|(name, _)| (name.clone(), Value::Null)).collect();
    let mut status = json!({
        "disruptionsAllowed": if expected > 0 { allowed } else { 0 }, "currentHealthy": healthy, "desiredHealthy": desired,
        "expectedPods": expected, "observedGeneration": budget.metadata.generation,
    });
    if !gone.is_empty() {
        status["disruptedPods"] = Value::Object(gone);
    }
    write_status(cluster, Kind::Budget, budget, &status).await;
}

/// The number of pods that the owners of these pods want.
fn expected(cluster: &Cluster, pods: &[Object]) -> i64 {
    let mut owners: Vec<String> = pods
        .iter()
        .filter_map(|p| p.owner_references().iter().find(|o| o.controller == Some(true)).map(|o| o.uid.clone()))
        .collect();
    owners.sort();
    owners.dedup();
    let bare = pods.iter().filter(|p| p.owner_references().is_empty()).count();
    let scale: i64 = [Kind::ReplicaSet, Kind::StatefulSet]
        .into_iter()
        .flat_map(|k| cluster.all(k))
        .filter(|o| o.uid().is_some_and(|u| owners.contains(&u)))
        .map(|o| o.data["spec"]["replicas"].as_i64().unwrap_or(1))
        .sum();
    scale + i64::try_from(bare).unwrap_or(0)
}
