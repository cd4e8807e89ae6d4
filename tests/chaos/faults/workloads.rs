//! Workloads that no cordon keeps away, and that no drain moves.

use serde_json::{Value, json};

use super::World;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// A Deployment that tolerates every taint.
    ToleratesAll,
    /// A static pod on the pod network.
    StaticPod,
}

impl Workload {
    pub(super) async fn begin(self, world: &World<'_>, node: &str) {
        world.observer.disturbed();
        world.put(self.object(node)).await;
    }

    pub(super) async fn end(self, world: &World<'_>, node: &str) {
        world.observer.disturbed();
        match self {
            Self::ToleratesAll => world.take_away(&self.object(node)).await,
            Self::StaticPod => {
                let files_gone = json!({"metadata": {"annotations": {"cutover.dev/embedded-hands": "manifests"}}});
                world.merge("Node", node, &files_gone).await;
                world.take_away(&self.object(node)).await;
            }
        }
    }

    fn object(self, node: &str) -> Value {
        let container = json!([{"name": "main", "image": "docker.io/busybox:1.36"}]);
        match self {
            Self::ToleratesAll => {
                json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "tolall", "namespace": "shop"},
                "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "tolall"}}, "template": {"metadata": {"labels": {"app": "tolall"}},
                    "spec": {"containers": container, "tolerations": [{"operator": "Exists"}], "terminationGracePeriodSeconds": 5}}}})
            }
            Self::StaticPod => {
                json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": format!("static-{node}"), "namespace": "shop",
                "annotations": {"kubernetes.io/config.mirror": "static", "kubernetes.io/config.source": "file"}},
                "spec": {"nodeName": node, "containers": container, "tolerations": [{"operator": "Exists"}], "terminationGracePeriodSeconds": 5}})
            }
        }
    }
}
