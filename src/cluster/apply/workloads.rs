//! Replicas and budgets that are changed while a node drains, and put back. The mark on the object is part of
//! the same request, so that nothing is ever changed without a trace of what it was.

use k8s_openapi::api::{
    apps::v1::{Deployment, ReplicaSet, StatefulSet},
    policy::v1::PodDisruptionBudget,
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{Patch, PatchParams},
    core::NamespaceResourceScope,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Refusal;
use crate::{
    cluster::error::is_not_found,
    domain::{
        effect::{BUDGET_MARK, FIELD_MANAGER, SCALE_MARK},
        facts::Key,
    },
};

/// Which way replicas change.
#[derive(Clone, Copy)]
pub(super) enum Scale {
    Up { from: i32 },
    Back { to: i32 },
}

pub(super) async fn scale(client: &Client, kind: &str, key: &Key, scale: Scale) -> Result<(), Refusal> {
    match kind {
        "Deployment" => scale_of::<Deployment>(client, key, scale).await,
        "StatefulSet" => scale_of::<StatefulSet>(client, key, scale).await,
        "ReplicaSet" => scale_of::<ReplicaSet>(client, key, scale).await,
        other => Err(Refusal::new(format!("{other} {key} has no replicas"), "Nothing was changed.")),
    }
}

async fn scale_of<K>(client: &Client, key: &Key, scale: Scale) -> Result<(), Refusal>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + DeserializeOwned + Clone + std::fmt::Debug,
    K: serde::Serialize,
{
    change::<K>(client, key, |object| {
        let replicas = object["spec"]["replicas"].as_i64().unwrap_or(1);
        let marked = object["metadata"]["annotations"][SCALE_MARK].as_str().map(str::to_owned);
        match (scale, marked) {
            (Scale::Up { from }, None) if replicas == i64::from(from) => Some(json!({
                "metadata": {"annotations": {SCALE_MARK: from.to_string()}}, "spec": {"replicas": from + 1},
            })),
            // somebody else has scaled it meanwhile: theirs stays, only the mark goes
            (Scale::Back { to }, Some(_)) if replicas != i64::from(to) + 1 => {
                Some(json!({"metadata": {"annotations": {SCALE_MARK: null}}}))
            }
            (Scale::Back { to }, Some(_)) => {
                Some(json!({"metadata": {"annotations": {SCALE_MARK: null}}, "spec": {"replicas": to}}))
            }
            _ => None,
        }
    })
    .await
}

/// One healthy pod less is asked for, however the budget spells it.
pub(super) async fn lower_budget(client: &Client, key: &Key) -> Result<(), Refusal> {
    change::<PodDisruptionBudget>(client, key, lowered).await
}

fn lowered(object: &Value) -> Option<Value> {
    if object["metadata"]["annotations"][BUDGET_MARK].is_string() {
        return None;
    }
    let spec = &object["spec"];
    let desired = object["status"]["desiredHealthy"].as_i64().unwrap_or(1);
    let least = (desired - 1).max(0);
    let was = json!({"minAvailable": spec["minAvailable"], "maxUnavailable": spec["maxUnavailable"], "lowered": least});
    let lower = json!({"minAvailable": least, "maxUnavailable": null});
    Some(json!({"metadata": {"annotations": {BUDGET_MARK: was.to_string()}}, "spec": lower}))
}

pub(super) async fn put_budget_back(client: &Client, key: &Key) -> Result<(), Refusal> {
    change::<PodDisruptionBudget>(client, key, back).await
}

fn back(object: &Value) -> Option<Value> {
    let was = object["metadata"]["annotations"][BUDGET_MARK].as_str()?;
    let was: Value = serde_json::from_str(was).unwrap_or_else(|_| json!({}));
    // somebody else has changed it meanwhile: theirs stays, only the mark goes
    let ours = object["spec"]["minAvailable"] == was["lowered"] && object["spec"]["maxUnavailable"].is_null();
    if !ours {
        return Some(json!({"metadata": {"annotations": {BUDGET_MARK: null}}}));
    }
    let spec = json!({"minAvailable": was["minAvailable"], "maxUnavailable": was["maxUnavailable"]});
    Some(json!({"metadata": {"annotations": {BUDGET_MARK: null}}, "spec": spec}))
}

/// Reads, works the change out, and sends it for the very version that was read.
async fn change<K>(client: &Client, key: &Key, work_out: impl Fn(&Value) -> Option<Value>) -> Result<(), Refusal>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + DeserializeOwned + Clone + std::fmt::Debug,
    K: serde::Serialize,
{
    let api: Api<K> = Api::namespaced(client.clone(), &key.namespace);
    let object = match api.get(&key.name).await {
        Ok(object) => object,
        Err(e) if is_not_found(&e) => return Ok(()),
        Err(e) => return Err(e.into()),
    };
    let seen = serde_json::to_value(&object).unwrap_or_default();
    let Some(mut change) = work_out(&seen) else { return Ok(()) };
    change["metadata"]["resourceVersion"] = json!(object.resource_version());
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
    api.patch(&key.name, &params, &Patch::Merge(&change)).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A merge patch, as the server applies it.
    fn with(mut object: Value, change: Option<Value>) -> Value {
        json_patch::merge(&mut object, &change.unwrap_or_default());
        object
    }

    #[test]
    fn a_budget_becomes_what_it_was_unless_somebody_else_changed_it() {
        for spec in [json!({"minAvailable": 3}), json!({"maxUnavailable": 0}), json!({"minAvailable": "100%"})] {
            let before = json!({"metadata": {"name": "b"}, "spec": spec, "status": {"desiredHealthy": 3}});
            let low = with(before.clone(), lowered(&before));
            assert_eq!(low["spec"], json!({"minAvailable": 2}));
            assert_eq!(lowered(&low), None, "once is enough");
            assert_eq!(with(low.clone(), back(&low))["spec"], before["spec"]);
            let theirs = with(low, Some(json!({"spec": {"minAvailable": 0}})));
            let left = with(theirs.clone(), back(&theirs));
            assert_eq!(left["spec"], json!({"minAvailable": 0}), "theirs stays");
            assert!(left["metadata"]["annotations"].get(BUDGET_MARK).is_none());
        }
    }
}
