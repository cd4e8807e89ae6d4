//! No object is touched that is neither Cutover's, nor the release's, nor Flannel's, nor a pod that a drain moves.

use super::{Change, Observer, Place, flannel};

/// What a release of Cilium consists of here: helm's to create, to change and to delete.
const RELEASE: [(&str, &str); 9] = [
    ("serviceaccounts", "cilium"),
    ("serviceaccounts", "cilium-operator"),
    ("configmaps", "cilium-config"),
    ("daemonsets", "cilium"),
    ("deployments", "cilium-operator"),
    ("deployments", "hubble-relay"),
    ("services", "hubble-relay"),
    ("namespaces", "cilium-secrets"),
    ("ciliumnodeconfigs", "cilium-default"),
];

impl Observer {
    pub(super) fn in_scope(&self, change: &Change) {
        let Change { method, at, sent, .. } = change;
        let fits = match at.resource.as_str() {
            "migrations" => at.sub == "status" || (method == "PATCH" && at.sub.is_empty() && only_its_finalizer(sent)),
            "nodemigrations" if method == "DELETE" => self.has_lost_its_node(at, sent),
            "nodemigrations" => at.sub == "status" || method == "POST",
            // an eviction or a deletion of any pod is judged by itself, and so is the creation of a task's
            "pods" => true,
            "nodes" => method == "PATCH" && at.sub.is_empty() && only_its_marks(sent),
            "secrets" => at.namespace == "kube-system" && of_the_release(at, change),
            _ => {
                is_multus(at, change)
                    || is_the_releases(at, change)
                    || flannel::is_flannels(at)
                    || is_the_copy(at, change)
            }
        };
        if !fits {
            self.breaks(format!("{method} {} is not Cutover's to do: {sent}", change.path));
        }
    }
}

impl Observer {
    /// Nothing is lost with this record: nobody has asked for anything in it, and the node that it tells of is gone. One
    /// of the same name may have joined since.
    fn has_lost_its_node(&self, at: &Place, sent: &serde_json::Value) -> bool {
        let Some(record) = self.server.look("nodemigrations.cutover.dev", "", &at.name) else { return true };
        let spec = &record["spec"];
        let asked = spec["target"] == "Flannel" || spec["approved"] == true || spec["retries"].as_i64() > Some(0);
        let node = self.server.look("nodes", "", &at.name);
        let told = &record["status"]["nodeUid"];
        let stays = node.is_some_and(|n| n["metadata"]["uid"] == *told);
        !asked && !stays && !sent["preconditions"]["uid"].is_null()
    }
}

/// The name that a change is for: a creation has it in its body.
fn name<'a>(at: &'a Place, change: &'a Change) -> &'a str {
    if at.name.is_empty() { change.sent["metadata"]["name"].as_str().unwrap_or_default() } else { &at.name }
}

fn of_the_release(at: &Place, change: &Change) -> bool {
    name(at, change).starts_with("sh.helm.release.v1.cilium.")
}

fn is_the_releases(at: &Place, change: &Change) -> bool {
    let here = at.namespace == "kube-system" || at.resource == "namespaces";
    here && RELEASE.contains(&(&*at.resource, name(at, change)))
}

fn is_the_copy(at: &Place, change: &Change) -> bool {
    at.resource == "configmaps" && at.namespace == "kube-system" && name(at, change) == "cutover-flannel-backup"
}

/// It is added, or taken away; nobody else has one here.
pub(super) fn only_its_finalizer(sent: &serde_json::Value) -> bool {
    let finalizers = sent["metadata"]["finalizers"].as_array();
    sent.as_object().is_some_and(|o| o.len() == 1)
        && sent["metadata"].as_object().is_some_and(|m| m.keys().all(|k| k == "finalizers" || k == "resourceVersion"))
        && finalizers.is_some_and(|f| f.iter().all(|f| f == "cutover.dev/unfinished"))
}

/// Its own Multus.
fn is_multus(at: &Place, change: &Change) -> bool {
    let kinds = ["serviceaccounts", "clusterroles", "clusterrolebindings", "configmaps", "daemonsets"];
    kinds.contains(&&*at.resource) && name(at, change).starts_with("cutover-multus")
}

/// Of a node: the cordon, its own annotation, taint and labels.
fn only_its_marks(sent: &serde_json::Value) -> bool {
    let keys = |v: &serde_json::Value| v.as_object().map(|o| o.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
    let known = |all: Vec<String>, known: &[&str]| all.iter().all(|k| known.contains(&k.as_str()));
    known(keys(sent), &["metadata", "spec"])
        && known(keys(&sent["metadata"]), &["annotations", "labels", "resourceVersion", "uid"])
        && known(keys(&sent["metadata"]["annotations"]), &["cutover.dev/cordoned"])
        && known(keys(&sent["metadata"]["labels"]), &["io.cilium.migration/cilium-default", "cutover.dev/multus"])
        && known(keys(&sent["spec"]), &["unschedulable", "taints"])
}
