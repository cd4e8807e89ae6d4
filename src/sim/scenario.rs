//! Scenarios: what drains and reboots meet, as files (`assets/scenarios`). Their objects and faults are applied here;
//! the tests also play their steps.

use kube::{Client, api::DynamicObject};
use serde::Deserialize;
use serde_json::{Value, json};

use super::world;

/// A scenario.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it shows.
    pub about: String,
    /// It is also played on a real control plane.
    #[serde(default)]
    pub real: bool,
    /// Number of nodes.
    #[serde(default = "four")]
    pub nodes: usize,
    /// Objects that exist at the start.
    #[serde(default)]
    pub before: Vec<Value>,
    /// Faults, applied once the objects are settled.
    #[serde(default)]
    pub faults: Vec<Fault>,
    /// Arguments of `cutover run`.
    #[serde(default)]
    pub run: Vec<String>,
    /// Actions and expectations, in order.
    pub steps: Vec<Value>,
}

const fn four() -> usize {
    4
}

/// A change of one object: `Kind/name` or `Kind/namespace/name`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The object.
    pub object: String,
    /// A merge patch.
    #[serde(default)]
    pub change: Value,
    /// Delete it instead.
    #[serde(default)]
    pub delete: bool,
}

impl Scenario {
    /// Parses a scenario.
    ///
    /// # Errors
    /// Where the file is invalid.
    pub fn parse(text: &str) -> Result<Self, String> {
        serde_saphyr::from_str(text).map_err(|e| e.to_string())
    }

    /// Creates its objects, waits until the cluster is settled, and applies its faults.
    ///
    /// # Errors
    /// What the API server refused, or that the cluster does not settle.
    pub async fn prepare(&self, client: &Client) -> Result<(), String> {
        for object in &self.before {
            world::put(client, object.clone()).await?;
        }
        world::settle(client).await?;
        for fault in &self.faults {
            change(client, &fault.object, &fault.change, fault.delete).await?;
        }
        Ok(())
    }
}

/// Changes or deletes an object.
///
/// # Errors
/// What the API server refused.
pub async fn change(client: &Client, object: &str, change: &Value, delete: bool) -> Result<(), String> {
    use kube::api::{DeleteParams, Patch, PatchParams};
    let (api, name) = find(client, object)?;
    let result = if delete {
        api.delete(&name, &DeleteParams::default()).await.map(|_| ())
    } else {
        api.patch(&name, &PatchParams::default(), &Patch::Merge(change)).await.map(|_| ())
    };
    result.map_err(|e| format!("{object}: {e}"))
}

/// An object; null if it does not exist.
///
/// # Errors
/// The API server's message.
pub async fn now(client: &Client, object: &str) -> Result<Value, String> {
    let (api, name) = find(client, object)?;
    let found = api.get_opt(&name).await.map_err(|e| format!("{object}: {e}"))?;
    Ok(found.map_or(Value::Null, |o| json!(o)))
}

fn find(client: &Client, object: &str) -> Result<(kube::Api<DynamicObject>, String), String> {
    let parts: Vec<&str> = object.split('/').collect();
    let (kind, namespace, name) = match parts.as_slice() {
        [kind, name] => (*kind, None, *name),
        [kind, namespace, name] => (*kind, Some(*namespace), *name),
        _ => return Err(format!("{object}: not of the form Kind/name or Kind/namespace/name")),
    };
    let group = match kind {
        "Deployment" | "StatefulSet" | "DaemonSet" => "apps/v1",
        "PodDisruptionBudget" => "policy/v1",
        "Migration" | "NodeMigration" => "cutover.dev/v1alpha1",
        "CiliumNode" | "CiliumNetworkPolicy" => "cilium.io/v2",
        "CustomResourceDefinition" => "apiextensions.k8s.io/v1",
        _ => "v1",
    };
    Ok((world::api(client, group, kind, namespace), name.to_owned()))
}
