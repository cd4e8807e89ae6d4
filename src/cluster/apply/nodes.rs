//! Changes of nodes. Each begins with a fresh GET and carries its resource version, so that it fails
//! instead of undoing what somebody else did in between.

use k8s_openapi::api::{
    apps::v1::DaemonSet,
    core::v1::{Node, Taint},
};
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

use super::Refusal;
use crate::{
    cluster::error::is_conflict,
    domain::{
        effect::{CORDON_MARK, FIELD_MANAGER, RESTART_MARK, SWITCH_LABEL, SWITCHING_TAINT},
        facts::Key,
    },
};

fn params() -> PatchParams {
    PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() }
}

/// Reads the node, works out the change and sends it with the version that was read. Kubelets and
/// operators write nodes all the time, so a conflict means: read and think again.
async fn change(client: &Client, name: &str, work_out: impl Fn(&Node) -> Option<Value>) -> Result<(), Refusal> {
    let api: Api<Node> = Api::all(client.clone());
    for last in [false, false, true] {
        let node = api.get(name).await?;
        let Some(mut change) = work_out(&node) else { return Ok(()) };
        change["metadata"]["resourceVersion"] = json!(node.resource_version());
        match api.patch(name, &params(), &Patch::Merge(&change)).await {
            Err(e) if is_conflict(&e) && !last => {}
            Err(e) => return Err(e.into()),
            Ok(_) => return Ok(()),
        }
    }
    Ok(())
}

pub(super) async fn cordon(client: &Client, node: &str) -> Result<(), Refusal> {
    change(client, node, |node| {
        let cordoned = node.spec.as_ref().is_some_and(|s| s.unschedulable == Some(true));
        (!cordoned)
            .then(|| json!({"metadata": {"annotations": {CORDON_MARK: "true"}}, "spec": {"unschedulable": true}}))
    })
    .await
}

pub(super) async fn uncordon(client: &Client, node: &str) -> Result<(), Refusal> {
    change(client, node, |node| {
        // only what is marked as Cutover's own
        node.annotations().get(CORDON_MARK)?;
        Some(json!({"metadata": {"annotations": {CORDON_MARK: null}}, "spec": {"unschedulable": null}}))
    })
    .await
}

pub(super) async fn keep_away(client: &Client, node: &str, away: bool) -> Result<(), Refusal> {
    change(client, node, |node| {
        let mut taints = node.spec.as_ref().and_then(|s| s.taints.clone()).unwrap_or_default();
        if taints.iter().any(|t| t.key == SWITCHING_TAINT) == away {
            return None;
        }
        taints.retain(|t| t.key != SWITCHING_TAINT);
        if away {
            let (key, value, effect) = (SWITCHING_TAINT.into(), Some("true".into()), "NoSchedule".into());
            taints.push(Taint { key, value, effect, time_added: None });
        }
        Some(json!({"spec": {"taints": taints}}))
    })
    .await
}

pub(super) async fn label(client: &Client, node: &str, on: bool) -> Result<(), Refusal> {
    let value = if on { json!("true") } else { Value::Null };
    change(client, node, |_| Some(json!({"metadata": {"labels": {SWITCH_LABEL: value}}}))).await
}

pub(super) async fn restart_agents(client: &Client, set: &Key, mark: &str) -> Result<(), Refusal> {
    let api: Api<DaemonSet> = Api::namespaced(client.clone(), &set.namespace);
    let change = json!({"spec": {"template": {"metadata": {"annotations": {RESTART_MARK: mark}}}}});
    api.patch(&set.name, &params(), &Patch::Merge(&change)).await?;
    Ok(())
}
