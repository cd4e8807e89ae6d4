//! A GitOps controller that creates Flannel again whenever it is gone, until Flannel is taken out of its repository.

use serde_json::{Value, json};

use super::{Fault, World};

const FLANNEL: [(&str, &str, &str); 5] = [
    ("serviceaccounts", "kube-system", "flannel"),
    ("clusterroles.rbac.authorization.k8s.io", "", "flannel"),
    ("clusterrolebindings.rbac.authorization.k8s.io", "", "flannel"),
    ("configmaps", "kube-system", "kube-flannel-cfg"),
    ("daemonsets.apps", "kube-system", "kube-flannel"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlannelRestored;

/// Flannel's objects as they are applied.
pub fn in_git(world: &World<'_>) -> Vec<Value> {
    let applied = |object: &Value| {
        let (meta, mut applied) = (&object["metadata"], object.clone());
        applied["metadata"] = json!({"name": meta["name"], "namespace": meta["namespace"], "labels": meta["labels"]});
        applied.as_object_mut().map(|o| o.remove("status"));
        applied
    };
    FLANNEL.iter().filter_map(|(resource, ns, name)| Some(applied(&*world.server.look(resource, ns, name)?))).collect()
}

fn uid(world: &World<'_>) -> Option<Value> {
    let (resource, namespace, name) = FLANNEL[4];
    world.server.look(resource, namespace, name).map(|set| set["metadata"]["uid"].clone())
}

impl FlannelRestored {
    pub(super) async fn during(self, world: &World<'_>, fault: &Fault, tick: u64) {
        if tick.is_multiple_of(30) && uid(world).is_none() {
            world.observer.disturbed();
            for object in world.flannel {
                world.put(object.clone()).await;
            }
            world.note(fault, uid(world).unwrap_or_default());
        }
    }

    /// Pruned, once no node needs it any more: before that the migration would wait until somebody creates it again.
    pub(super) async fn end(self, world: &World<'_>, fault: &Fault) {
        let theirs = world.noted(fault).is_some_and(|noted| Some(noted) == uid(world));
        let migration = world.server.look("migrations.cutover.dev", "", "cutover");
        let is_needed = |m: &Value| {
            let phase = m["status"]["phase"].as_str().unwrap_or_default();
            m["spec"]["target"] == "Flannel" || !["Remove", "Verify", "Complete"].contains(&phase)
        };
        if theirs && !migration.is_none_or(|m| is_needed(&m)) {
            world.observer.disturbed();
            for object in world.flannel.iter().rev() {
                world.take_away(object).await;
            }
        }
    }
}
