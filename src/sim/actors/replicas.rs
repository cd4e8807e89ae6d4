//! Deployments, ReplicaSets and StatefulSets.

use kube::ResourceExt;
use serde_json::json;

use super::{
    cache::{Cluster, Kind, Object, owned_by, owner_reference},
    controllers::{hash, is_ready, pod_from, pods_of, write_status},
};
use crate::sim::api::random_tail;

pub(super) async fn reconcile(cluster: &Cluster) {
    for deployment in cluster.all(Kind::Deployment) {
        deploy(cluster, &deployment).await;
    }
    for set in cluster.all(Kind::ReplicaSet) {
        replica_set(cluster, &set).await;
    }
    for set in cluster.all(Kind::StatefulSet) {
        stateful_set(cluster, &set).await;
    }
}

fn replicas(object: &Object) -> usize {
    usize::try_from(object.data["spec"]["replicas"].as_i64().unwrap_or(1)).unwrap_or(0)
}

async fn deploy(cluster: &Cluster, deployment: &Object) {
    if deployment.metadata.deletion_timestamp.is_some() {
        return;
    }
    let uid = deployment.uid().unwrap_or_default();
    let namespace = deployment.namespace().unwrap_or_default();
    let mut template = deployment.data["spec"]["template"].clone();
    let hash = hash(&template);
    let sets: Vec<Object> = cluster.all(Kind::ReplicaSet).into_iter().filter(|s| owned_by(s, &uid)).collect();
    let name = format!("{}-{hash}", deployment.name_any());
    let wanted = replicas(deployment);
    let current = sets.iter().find(|s| s.name_any() == name);
    match current {
        None => {
            template["metadata"]["labels"]["pod-template-hash"] = json!(hash);
            let mut selector = deployment.data["spec"]["selector"].clone();
            selector["matchLabels"]["pod-template-hash"] = json!(hash);
            let set = json!({
                "metadata": {"name": name, "namespace": namespace, "labels": template["metadata"]["labels"], "ownerReferences": owner_reference(Kind::Deployment, deployment)},
                "spec": {"replicas": wanted, "selector": selector, "template": template},
            });
            cluster.create(Kind::ReplicaSet, &namespace, set).await;
        }
        Some(set) if replicas(set) != wanted => {
            cluster.merge(Kind::ReplicaSet, &namespace, &name, &json!({"spec": {"replicas": wanted}})).await;
        }
        Some(set) => {
            // scale down the old sets once the new pods are ready
            let ready = pods_of(cluster, &set.uid().unwrap_or_default()).iter().filter(|p| is_ready(p)).count();
            for old in sets.iter().filter(|s| s.name_any() != name && replicas(s) > 0 && ready >= wanted) {
                cluster.merge(Kind::ReplicaSet, &namespace, &old.name_any(), &json!({"spec": {"replicas": 0}})).await;
            }
        }
    }
    let pods: Vec<Object> = sets.iter().flat_map(|s| pods_of(cluster, &s.uid().unwrap_or_default())).collect();
    let ready = pods.iter().filter(|p| is_ready(p)).count();
    let status = json!({"replicas": pods.len(), "readyReplicas": ready, "availableReplicas": ready, "updatedReplicas": ready, "observedGeneration": deployment.metadata.generation});
    write_status(cluster, Kind::Deployment, deployment, &status).await;
}

async fn replica_set(cluster: &Cluster, set: &Object) {
    if set.metadata.deletion_timestamp.is_some() {
        return;
    }
    let namespace = set.namespace().unwrap_or_default();
    let pods = pods_of(cluster, &set.uid().unwrap_or_default());
    // terminating pods do not count, ended ones are replaced
    let mut living: Vec<&Object> = pods
        .iter()
        .filter(|p| {
            p.metadata.deletion_timestamp.is_none()
                && !matches!(p.data["status"]["phase"].as_str(), Some("Succeeded" | "Failed"))
        })
        .collect();
    let wanted = replicas(set);
    let mut created = Vec::new();
    for _ in living.len()..wanted {
        let name = format!("{}-{}", set.name_any(), random_tail(5));
        let pod =
            pod_from(&set.data["spec"]["template"], &namespace, &name, owner_reference(Kind::ReplicaSet, set), &[]);
        if cluster.create(Kind::Pod, &namespace, pod).await {
            created.push(name);
        }
    }
    cluster.shown(Kind::Pod, &namespace, &created).await;
    living.sort_by_key(|p| is_ready(p));
    for pod in living.iter().take(living.len().saturating_sub(wanted)) {
        cluster.delete(Kind::Pod, pod, None).await;
    }
    let ready = pods.iter().filter(|p| is_ready(p)).count();
    let status = json!({"replicas": living.len(), "readyReplicas": ready, "availableReplicas": ready, "observedGeneration": set.metadata.generation});
    write_status(cluster, Kind::ReplicaSet, set, &status).await;
}

/// Creates pods with fixed names in order, each after its predecessor is gone.
async fn stateful_set(cluster: &Cluster, set: &Object) {
    if set.metadata.deletion_timestamp.is_some() {
        return;
    }
    let namespace = set.namespace().unwrap_or_default();
    let pods = pods_of(cluster, &set.uid().unwrap_or_default());
    let mut ready = 0;
    for ordinal in 0..replicas(set) {
        let name = format!("{}-{ordinal}", set.name_any());
        match pods.iter().find(|p| p.name_any() == name) {
            Some(pod) if is_ready(pod) => ready += 1,
            Some(_) => break,
            None => {
                let labels = [("statefulset.kubernetes.io/pod-name", name.as_str())];
                let pod = pod_from(
                    &set.data["spec"]["template"],
                    &namespace,
                    &name,
                    owner_reference(Kind::StatefulSet, set),
                    &labels,
                );
                cluster.create(Kind::Pod, &namespace, pod).await;
                break;
            }
        }
    }
    let status = json!({"replicas": pods.len(), "readyReplicas": ready, "availableReplicas": ready, "currentReplicas": pods.len(), "observedGeneration": set.metadata.generation});
    write_status(cluster, Kind::StatefulSet, set, &status).await;
}
