//! The garbage collectors: delete objects whose owner is gone, and pods whose node is.

use std::collections::HashSet;

use kube::ResourceExt;

use super::cache::{Cluster, Kind};

const OWNERS: &[(&str, Kind)] = &[
    ("DaemonSet", Kind::DaemonSet),
    ("Deployment", Kind::Deployment),
    ("ReplicaSet", Kind::ReplicaSet),
    ("StatefulSet", Kind::StatefulSet),
    ("Pod", Kind::Pod),
    ("Migration", Kind::Migration),
];

pub(super) async fn collect(cluster: &Cluster) {
    let owners: HashSet<String> = OWNERS.iter().flat_map(|(_, k)| cluster.all(*k)).filter_map(|o| o.uid()).collect();
    for kind in [Kind::ReplicaSet, Kind::Pod, Kind::CiliumEndpoint, Kind::NodeMigration] {
        for object in cluster.all(kind) {
            let references = object.owner_references();
            let is_orphan = !references.is_empty() && references.iter().all(|r| !owners.contains(&r.uid));
            // the cache may lag: check on the server before deleting
            if is_orphan && object.metadata.deletion_timestamp.is_none() && are_gone(cluster, &object).await {
                cluster.delete(kind, &object, None).await;
            }
        }
    }
}

/// The pod garbage collector: a kubelet that is gone confirms no pod's end.
pub(super) async fn orphans(cluster: &Cluster) {
    let nodes: HashSet<String> = cluster.all(Kind::Node).iter().map(|n| n.name_any()).collect();
    for pod in cluster.all(Kind::Pod) {
        let Some(node) = pod.data["spec"]["nodeName"].as_str().filter(|n| !nodes.contains(*n)) else { continue };
        // the cache may lag: check on the server before deleting
        if matches!(cluster.api(Kind::Node, "").get_opt(node).await, Ok(None)) {
            cluster.delete(Kind::Pod, &pod, Some(0)).await;
        }
    }
}

/// All owners of an object are gone, of whatever kind each is; an owner of an unknown kind may be there.
async fn are_gone(cluster: &Cluster, object: &kube::api::DynamicObject) -> bool {
    for owner in object.owner_references() {
        let Some((_, kind)) = OWNERS.iter().find(|(k, _)| *k == owner.kind) else { return false };
        let api = cluster.api(*kind, &object.namespace().unwrap_or_default());
        match api.get_opt(&owner.name).await {
            Ok(found) if found.as_ref().is_none_or(|o| o.uid().as_deref() != Some(&owner.uid)) => {}
            _ => return false,
        }
    }
    true
}
