//! The Migration is deleted under way, or its definition is; somebody begins again, or brings a backup back.

use cutover::cluster::records::install_definitions;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::{Fault, World};

const MIGRATIONS: &str = "migrations.cutover.dev";
const RECORDS: &str = "nodemigrations.cutover.dev";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It comes back from a backup, with what was recorded.
    Restored,
    /// A second operator begins again meanwhile, with a new one.
    BegunAgain,
    /// All Migrations and records go with their definitions.
    Undefined,
}

impl Ending {
    pub(super) async fn begin(self, world: &World<'_>, fault: &Fault) {
        let Some(migration) = world.server.look(MIGRATIONS, "", "cutover") else { return };
        world.observer.disturbed();
        let records: Vec<Value> = world.server.look_at_all(RECORDS).iter().map(|r| (**r).clone()).collect();
        world.note(fault, json!({"migration": *migration, "records": records}));
        let forced = json!({"metadata": {"finalizers": null}});
        if self == Self::Undefined {
            world.merge("Migration", "cutover", &forced).await;
            for name in [MIGRATIONS, RECORDS] {
                world.delete("CustomResourceDefinition", name).await;
            }
            return;
        }
        world.delete("Migration", "cutover").await;
        // and its finalizer taken away, so that it goes before its end
        world.merge("Migration", "cutover", &forced).await;
        // as the garbage collector does with what it owned
        for record in &records {
            world.delete("NodeMigration", record["metadata"]["name"].as_str().unwrap_or_default()).await;
        }
        // what was done for all nodes at once a new one cannot take back: it has to be adopted
        if self == Self::BegunAgain && !is_final(&migration) {
            let spec = &migration["spec"];
            world.put(json!({"apiVersion": "cutover.dev/v1alpha1", "kind": "Migration", "metadata": {"name": "cutover"}, "spec": spec})).await;
        }
    }

    pub(super) async fn end(self, world: &World<'_>, fault: &Fault) {
        let Some(backup) = world.noted(fault) else { return };
        world.observer.disturbed();
        if self == Self::Undefined {
            let _ = install_definitions(world.client).await;
        }
        let now = world.server.look(MIGRATIONS, "", "cutover");
        let begun = |m: &Value| m["status"]["startedAt"].is_string();
        // nothing had been done: the new one is as good
        let begun_again = self == Self::BegunAgain && !is_final(&backup["migration"]);
        if now.is_some_and(|m| begun(&m)) || (begun_again && !begun(&backup["migration"])) {
            return;
        }
        restore(world, "Migration", &backup["migration"], None).await;
        let owner = world.server.look(MIGRATIONS, "", "cutover");
        for record in backup["records"].as_array().into_iter().flatten() {
            restore(world, "NodeMigration", record, owner.as_deref()).await;
        }
    }
}

/// The release is, or was, changed for all nodes.
fn is_final(migration: &Value) -> bool {
    let phases = migration["status"]["phases"].as_array().into_iter().flatten();
    phases.filter(|p| p["name"] == "Finalize").any(|p| p["state"] != "Pending" && p["state"] != "NeedsApproval")
}

/// `kubectl create`, and `kubectl replace --subresource=status`.
async fn restore(world: &World<'_>, kind: &str, backup: &Value, owner: Option<&Value>) {
    let name = backup["metadata"]["name"].as_str().unwrap_or_default();
    let mut metadata = json!({"name": name});
    if let Some(owner) = owner {
        metadata["ownerReferences"] = json!([{"apiVersion": "cutover.dev/v1alpha1", "kind": "Migration", "name": "cutover",
            "uid": owner["metadata"]["uid"], "controller": true}]);
    }
    let object =
        json!({"apiVersion": "cutover.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": backup["spec"]});
    let api = world.api(kind);
    let _ = api.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await;
    world.merge(kind, name, &json!({"spec": backup["spec"]})).await;
    // a merge would keep what was recorded meanwhile
    let cleared = json!({"status": null});
    let _ = api.patch_status(name, &PatchParams::default(), &Patch::Merge(&cleared)).await;
    let status = json!({"status": backup["status"]});
    let _ = api.patch_status(name, &PatchParams::default(), &Patch::Merge(&status)).await;
}
