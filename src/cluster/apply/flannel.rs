//! Flannel's objects: copied before they are deleted, created again from the copy.

use k8s_openapi::api::{
    apps::v1::DaemonSet,
    core::v1::{ConfigMap, ServiceAccount},
    rbac::v1::{ClusterRole, ClusterRoleBinding},
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::Refusal;
use crate::{
    cluster::error::{is_conflict, is_not_found},
    domain::{
        effect::{FIELD_MANAGER, FLANNEL_BACKUP},
        facts::Key,
    },
};

const COPY: &str = "flannel.json";

/// Collects Flannel's objects in the order in which they are created again: DaemonSets last.
async fn collect(client: &Client, sets: &[Key]) -> Result<Vec<Value>, Refusal> {
    let mut objects = Vec::new();
    let mut daemon_sets = Vec::new();
    for key in sets {
        let set = Api::<DaemonSet>::namespaced(client.clone(), &key.namespace).get(&key.name).await?;
        let account = set.spec.template.spec.as_ref().and_then(|s| s.service_account_name.clone());
        if let Some(map) =
            Api::<ConfigMap>::namespaced(client.clone(), &key.namespace).get_opt("kube-flannel-cfg").await?
        {
            add(&mut objects, &map);
        }
        if let Some(name) = account {
            if let Some(account) =
                Api::<ServiceAccount>::namespaced(client.clone(), &key.namespace).get_opt(&name).await?
            {
                add(&mut objects, &account);
            }
            roles(client, &name, &key.namespace, &mut objects).await?;
        }
        add(&mut daemon_sets, &set);
    }
    objects.extend(daemon_sets);
    Ok(objects)
}

/// The cluster roles bound to Flannel's service account and to nobody else.
async fn roles(client: &Client, account: &str, namespace: &str, objects: &mut Vec<Value>) -> Result<(), Refusal> {
    let bindings = Api::<ClusterRoleBinding>::all(client.clone()).list(&ListParams::default()).await?;
    for binding in bindings {
        let subjects = binding.subjects.clone().unwrap_or_default();
        let only = !subjects.is_empty()
            && subjects
                .iter()
                .all(|s| s.kind == "ServiceAccount" && s.name == account && s.namespace.as_deref() == Some(namespace));
        if !only {
            continue;
        }
        let role = &binding.role_ref.name;
        if role.contains("flannel")
            && let Some(role) = Api::<ClusterRole>::all(client.clone()).get_opt(role).await?
        {
            add(objects, &role);
        }
        add(objects, &binding);
    }
    Ok(())
}

/// Adds an object without what the server keeps for itself.
fn add<K: Resource<DynamicType = ()> + Serialize>(objects: &mut Vec<Value>, object: &K) {
    let Ok(mut value) = serde_json::to_value(object) else { return };
    value["apiVersion"] = json!(K::api_version(&()));
    value["kind"] = json!(K::kind(&()));
    if let Some(meta) = value["metadata"].as_object_mut() {
        for own in [
            "uid",
            "resourceVersion",
            "generation",
            "creationTimestamp",
            "managedFields",
            "ownerReferences",
            "selfLink",
        ] {
            meta.remove(own);
        }
    }
    if let Some(object) = value.as_object_mut() {
        object.remove("status");
    }
    let same = |o: &Value| {
        o["kind"] == value["kind"]
            && o["metadata"]["name"] == value["metadata"]["name"]
            && o["metadata"]["namespace"] == value["metadata"]["namespace"]
    };
    if !objects.iter().any(same) {
        objects.push(value);
    }
}

pub(super) async fn back_up(client: &Client, sets: &[Key], namespace: &str) -> Result<(), Refusal> {
    let objects = collect(client, sets).await?;
    let text = serde_json::to_string_pretty(&json!({"apiVersion": "v1", "kind": "List", "items": objects}))
        .map_err(|e| Refusal::new(e.to_string(), "Nothing was changed."))?;
    let copy: ConfigMap = typed(json!({
        "metadata": {"name": FLANNEL_BACKUP, "namespace": namespace, "labels": {"app.kubernetes.io/managed-by": "cutover"}},
        "data": {COPY: text},
    }))?;
    match Api::<ConfigMap>::namespaced(client.clone(), namespace).create(&PostParams::default(), &copy).await {
        // an older copy is complete: it is made in one request, and only while Flannel is still there
        Err(e) if !is_conflict(&e) => Err(e.into()),
        _ => Ok(()),
    }
}

fn typed<K: DeserializeOwned>(value: Value) -> Result<K, Refusal> {
    serde_json::from_value(value)
        .map_err(|e| Refusal::new(e.to_string(), "Nothing was changed. This is a defect of Cutover."))
}

async fn copied(client: &Client, namespace: &str) -> Result<Vec<Value>, Refusal> {
    let lost = "Nothing was changed. Without the copy Flannel has to be installed again by hand.";
    let map = Api::<ConfigMap>::namespaced(client.clone(), namespace).get(FLANNEL_BACKUP).await?;
    let text = map
        .data
        .as_ref()
        .and_then(|d| d.get(COPY))
        .ok_or_else(|| Refusal::new(format!("configmap/{FLANNEL_BACKUP} holds no copy"), lost))?;
    let list: Value =
        serde_json::from_str(text).map_err(|e| Refusal::new(format!("configmap/{FLANNEL_BACKUP}: {e}"), lost))?;
    list["items"]
        .as_array()
        .cloned()
        .ok_or_else(|| Refusal::new(format!("configmap/{FLANNEL_BACKUP} holds no list"), lost))
}

fn api_of(client: &Client, object: &Value) -> Result<(Api<DynamicObject>, String), Refusal> {
    let parsed: DynamicObject = typed(object.clone())?;
    let types = parsed.types.clone().unwrap_or_default();
    let (group, version) = types.api_version.split_once('/').unwrap_or(("", &types.api_version));
    let kind = ApiResource::from_gvk(&kube::api::GroupVersionKind::gvk(group, version, &types.kind));
    let api = match parsed.namespace() {
        Some(namespace) => Api::namespaced_with(client.clone(), &namespace, &kind),
        None => Api::all_with(client.clone(), &kind),
    };
    Ok((api, parsed.name_any()))
}

/// Deletes what the copy holds, DaemonSets last: while one is there, the work is seen to be unfinished.
pub(super) async fn delete(client: &Client, sets: &[Key], namespace: &str) -> Result<(), Refusal> {
    let objects = copied(client, namespace).await?;
    for key in sets {
        let saved = objects.iter().any(|o| {
            o["kind"] == "DaemonSet"
                && o["metadata"]["name"] == *key.name
                && o["metadata"]["namespace"] == *key.namespace
        });
        if !saved {
            return Err(Refusal::new(
                format!("daemonset/{key} is not in the copy configmap/{FLANNEL_BACKUP}"),
                "Nothing was deleted. Delete the copy if it is of another time; a new one is made.",
            ));
        }
    }
    for object in &objects {
        let (api, name) = api_of(client, object)?;
        match api.delete(&name, &DeleteParams::background()).await {
            Err(e) if !is_not_found(&e) => return Err(e.into()),
            _ => {}
        }
    }
    Ok(())
}

pub(super) async fn restore(client: &Client, namespace: &str) -> Result<(), Refusal> {
    for object in copied(client, namespace).await? {
        let (api, name) = api_of(client, &object)?;
        api.patch(&name, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(&object)).await?;
    }
    Ok(())
}

pub(super) async fn forget(client: &Client, namespace: &str) -> Result<(), Refusal> {
    match Api::<ConfigMap>::namespaced(client.clone(), namespace).delete(FLANNEL_BACKUP, &DeleteParams::default()).await
    {
        Err(e) if !is_not_found(&e) => Err(e.into()),
        _ => Ok(()),
    }
}
