//! The namespace controller: empties a deleted namespace, then finalizes it.

use kube::{ResourceExt, api::PostParams};
use serde_json::json;

use super::cache::{Cluster, Kind};

const CONTENT: [Kind; 9] = [
    Kind::Deployment,
    Kind::StatefulSet,
    Kind::DaemonSet,
    Kind::ReplicaSet,
    Kind::Budget,
    Kind::Policy,
    Kind::Claim,
    Kind::ConfigMap,
    Kind::Pod,
];

pub(super) async fn end(cluster: &Cluster) {
    for namespace in cluster.all(Kind::Namespace).iter().filter(|n| n.metadata.deletion_timestamp.is_some()) {
        let name = namespace.name_any();
        let mut left = 0;
        for kind in CONTENT {
            for object in cluster.all(kind).iter().filter(|o| o.namespace().as_deref() == Some(&name)) {
                left += 1;
                if object.metadata.deletion_timestamp.is_none() {
                    cluster.delete(kind, object, None).await;
                }
            }
        }
        if left > 0 {
            continue;
        }
        let mut done = (**namespace).clone();
        done.data["spec"]["finalizers"] = json!([]);
        let api = cluster.api(Kind::Namespace, "");
        let _ = api.replace_subresource("finalize", &name, &PostParams::default(), &done).await;
    }
}
