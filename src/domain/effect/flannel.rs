//! Flannel's objects: the copy that is kept of them, and what an operator types instead.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    Change, FIELD_MANAGER, FLANNEL_BACKUP, ObjectRef, Request, Resource, Right, Role,
    resource::{CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, CONFIG_MAPS, DAEMON_SETS, SERVICE_ACCOUNTS},
};
use crate::domain::facts::Key;

/// The ConfigMap that Flannel reads.
pub const FLANNEL_CONFIG: &str = "kube-flannel-cfg";
/// The key of the ConfigMap under which the objects are.
pub const COPY: &str = "flannel.json";

/// What the server keeps for itself in an object's metadata.
const SERVERS_OWN: [&str; 7] =
    ["uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "ownerReferences", "selfLink"];

/// The object as it was once applied, without what the server keeps for itself.
pub fn stripped(mut object: Value) -> Value {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        SERVERS_OWN.iter().for_each(|own| drop(metadata.remove(*own)));
    }
    if let Some(object) = object.as_object_mut() {
        object.remove("status");
    }
    object
}

/// The ConfigMap that keeps the copy.
pub fn backup(namespace: &str) -> ObjectRef {
    CONFIG_MAPS.at(Key::new(namespace, FLANNEL_BACKUP))
}

/// Keeps a copy of these objects.
pub fn back_up(namespace: &str, objects: &[Value]) -> Request {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    let body = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "name": FLANNEL_BACKUP, "namespace": namespace, "labels": {"app.kubernetes.io/managed-by": "cutover"},
        },
        "data": {COPY: format!("{list:#}")},
    });
    Request { object: backup(namespace), change: Change::Create(body) }
}

/// Deletes the copy.
pub fn delete_backup(namespace: &str) -> Request {
    Request { object: backup(namespace), change: Change::Delete(Value::Null) }
}

/// The objects that a copy holds, as its ConfigMap has them.
///
/// # Errors
/// What is wrong with the copy.
pub fn copied(map: &Value) -> Result<Vec<Value>, String> {
    objects(map["data"][COPY].as_str().ok_or_else(|| format!("it has no {COPY}"))?)
}

/// The DaemonSets in what a copy holds; none where it cannot be read.
pub fn daemon_sets(text: &str) -> Vec<Key> {
    let sets = objects(text).unwrap_or_default().into_iter().filter(|o| kind_of(o) == Some(DAEMON_SETS));
    let key = |o: Value| Some(Key::new(o["metadata"]["namespace"].as_str()?, o["metadata"]["name"].as_str()?));
    sets.filter_map(key).collect()
}

/// Flannel's CNI configuration in what a copy holds.
pub fn cni_conf(text: &str) -> Option<Arc<str>> {
    let is_config = |o: &Value| kind_of(o) == Some(CONFIG_MAPS) && o["metadata"]["name"] == FLANNEL_CONFIG;
    let config = objects(text).ok()?.into_iter().find(is_config)?;
    config["data"]["cni-conf.json"].as_str().map(Into::into)
}

fn objects(text: &str) -> Result<Vec<Value>, String> {
    let list: Value = serde_json::from_str(text).map_err(|e| format!("{COPY} cannot be read: {e}"))?;
    let items = list["items"].as_array().ok_or_else(|| format!("{COPY} holds no list"))?;
    Ok(items.iter().cloned().map(stripped).collect())
}

/// SHA-256 of what a copy holds; of nothing where it holds none.
pub fn digest(copy: Option<&String>) -> Arc<str> {
    format!("{:x}", Sha256::digest(copy.map(String::as_str).unwrap_or_default())).into()
}

/// Why an object is none that a copy of Flannel's holds; `namespaces` are those of its DaemonSets. Whoever can write the
/// ConfigMap could otherwise have anything created with Cutover's rights.
pub fn objection(object: &Value, namespaces: &[&str]) -> Option<String> {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let here = |of: &Value| of["namespace"].as_str().is_some_and(|n| namespaces.contains(&n));
    let flannels = |name: &Value| name.as_str().is_some_and(|n| n.contains("flannel"));
    let fits = match kind_of(object) {
        None => false,
        Some(CONFIG_MAPS) => here(&object["metadata"]) && name == FLANNEL_CONFIG,
        Some(SERVICE_ACCOUNTS | DAEMON_SETS) => here(&object["metadata"]),
        Some(CLUSTER_ROLE_BINDINGS) => {
            let subjects = object["subjects"].as_array().map(Vec::as_slice).unwrap_or_default();
            flannels(&object["roleRef"]["name"])
                && !subjects.is_empty()
                && subjects.iter().all(|s| s["kind"] == "ServiceAccount" && here(s))
        }
        Some(_) => flannels(&object["metadata"]["name"]),
    };
    (!fits)
        .then(|| format!("it holds {} {name}, which is not Flannel's", object["kind"].as_str().unwrap_or("something")))
}

/// The kinds that a copy may hold.
const KINDS: [Resource; 5] = [CONFIG_MAPS, SERVICE_ACCOUNTS, CLUSTER_ROLES, CLUSTER_ROLE_BINDINGS, DAEMON_SETS];

/// The kind of an object of a copy; nothing for one that no copy of Flannel's holds.
pub fn kind_of(object: &Value) -> Option<Resource> {
    KINDS.into_iter().find(|k| object["kind"] == k.kind && object["apiVersion"] == k.api_version())
}

/// What Flannel's manifests call its service account, its cluster role and the binding.
const NAMES: [&str; 2] = ["flannel", "kube-flannel"];

/// These verbs on each of those kinds: on the objects that Flannel's manifests name, and on DaemonSets, whose names differ.
pub(super) fn rights(verbs: &[&'static str]) -> Vec<Right> {
    let named = |kind: Resource| -> &[&'static str] {
        match kind {
            CONFIG_MAPS => &[FLANNEL_CONFIG],
            DAEMON_SETS => &[""],
            _ => &NAMES,
        }
    };
    let of = |verb: &'static str| move |name: &&'static str, kind| Right::new(Role::Finish, verb, kind).named(name);
    let each = |verb: &&'static str| {
        let of = of(verb);
        KINDS.into_iter().flat_map(move |kind| named(kind).iter().map(move |name| of(name, kind)))
    };
    verbs.iter().flat_map(each).collect()
}

/// These verbs on Flannel's cluster roles.
pub(super) fn role_rights(verbs: &[&'static str]) -> Vec<Right> {
    rights(verbs).into_iter().filter(|r| r.resource == CLUSTER_ROLES).collect()
}

/// To copy by hand: the names that Flannel's manifests have; Cutover follows them from the DaemonSets.
pub(super) fn kubectl_back_up(daemon_sets: &[Key], namespace: &str) -> Vec<String> {
    let mut by_namespace: BTreeMap<&str, String> = BTreeMap::new();
    for set in daemon_sets {
        by_namespace.entry(&set.namespace).or_default().push_str(&format!(" daemonset/{}", set.name));
    }
    let get = |(i, (of, sets)): (usize, (&str, String))| {
        let into = if i == 0 { ">" } else { ">>" };
        format!(
            "kubectl -n {of} get configmap/kube-flannel-cfg serviceaccount/flannel clusterrole/flannel clusterrolebinding/flannel{sets} --ignore-not-found -o json {into} {COPY}"
        )
    };
    let create = format!("kubectl -n {namespace} create configmap {FLANNEL_BACKUP} --from-file {COPY}");
    by_namespace.into_iter().enumerate().map(get).chain([create]).collect()
}

/// To delete what the copy holds, by hand.
pub(super) fn kubectl_delete(namespace: &str) -> String {
    format!("{} | kubectl delete --ignore-not-found --wait=false -f -", read(namespace))
}

/// To create it again, by hand.
pub(super) fn kubectl_restore(namespace: &str) -> String {
    format!("{} | kubectl apply --server-side --force-conflicts --field-manager {FIELD_MANAGER} -f -", read(namespace))
}

fn read(namespace: &str) -> String {
    format!("kubectl -n {namespace} get configmap {FLANNEL_BACKUP} -o jsonpath='{{.data.flannel\\.json}}'")
}
