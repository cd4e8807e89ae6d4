//! Cutover's own objects: their definitions, the Migration, the records of nodes, and their status.

use std::time::Duration;

use futures::FutureExt;
use k8s_openapi::{
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use super::{
    audit::Audit,
    error::{is_conflict, is_not_found, sentence},
};
use crate::domain::{
    api::{
        self, MIGRATION, Migration, MigrationSpec, MigrationStatus, NodeMigration, NodeMigrationSpec,
        NodeMigrationStatus, Target,
    },
    effect::FIELD_MANAGER,
    intent::Intent,
};

/// Installs the custom resource definitions and waits until they are served.
///
/// # Errors
/// A sentence.
pub async fn install_definitions(client: &Client) -> Result<(), String> {
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    for crd in api::crds() {
        let name = crd.name_any();
        crds.patch(&name, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(&crd))
            .await
            .map_err(|e| format!("customresourcedefinition/{name} was not installed: {}", sentence(&e)))?;
    }
    for crd in api::crds() {
        let name = crd.name_any();
        let established = kube::runtime::wait::await_condition(
            crds.clone(),
            &name,
            kube::runtime::wait::conditions::is_crd_established(),
        );
        tokio::time::timeout(Duration::from_secs(30), established)
            .await
            .map_err(|_| format!("customresourcedefinition/{name} is not served after 30 s"))?
            .map_err(|e| format!("customresourcedefinition/{name}: {e}"))?;
    }
    Ok(())
}

/// Creates the Migration, or hands the one back that is there.
///
/// # Errors
/// A sentence; a spec that the schema refuses is quoted as the server words it.
pub async fn create_migration(client: &Client, spec: MigrationSpec) -> Result<Migration, String> {
    let api: Api<Migration> = Api::all(client.clone());
    // a definition is established a moment before every API server serves it
    for _ in 0..50 {
        match api.create(&PostParams::default(), &Migration::new(MIGRATION, spec.clone())).await {
            Ok(migration) => return Ok(migration),
            Err(e) if is_conflict(&e) => {
                return api.get(MIGRATION).await.map_err(|e| format!("migration/{MIGRATION}: {}", sentence(&e)));
            }
            Err(e) if is_not_found(&e) => tokio::time::sleep(Duration::from_millis(200)).await,
            Err(e) => return Err(format!("migration/{MIGRATION} was not created: {}", sentence(&e))),
        }
    }
    Err(format!("migration/{MIGRATION} was not created: the API server does not serve its kind"))
}

/// The Migration, if there is one.
///
/// # Errors
/// A sentence.
pub async fn migration(client: &Client) -> Result<Option<Migration>, String> {
    match Api::<Migration>::all(client.clone()).get_opt(MIGRATION).await {
        Ok(found) => Ok(found),
        Err(e) if is_not_found(&e) => Ok(None),
        Err(e) => Err(format!("migration/{MIGRATION}: {}", sentence(&e))),
    }
}

/// Creates the record of a node, owned by the Migration.
///
/// # Errors
/// What the API server said.
pub async fn create_record(client: &Client, node: &str, owner: &Migration) -> kube::Result<()> {
    let record = NodeMigration {
        metadata: ObjectMeta {
            name: Some(node.into()),
            owner_references: owner
                .controller_owner_ref(&())
                .map(|o| vec![OwnerReference { block_owner_deletion: None, ..o }]),
            ..ObjectMeta::default()
        },
        spec: NodeMigrationSpec::default(),
        status: None,
    };
    match Api::<NodeMigration>::all(client.clone()).create(&PostParams::default(), &record).await {
        Err(e) if !is_conflict(&e) => Err(e),
        _ => Ok(()),
    }
}

/// Carries a wish out, and writes it down.
///
/// # Errors
/// A sentence.
pub async fn carry_out(client: &Client, audit: &Audit, intent: &Intent) -> Result<(), String> {
    let object =
        intent.node_patch().map_or_else(|| format!("migration/{MIGRATION}"), |(n, _)| format!("nodemigration/{n}"));
    audit.wish(&object, &intent.kubectl(), patch_spec(client, intent).boxed()).await
}

/// A patch of `spec`.
async fn patch_spec(client: &Client, intent: &Intent) -> Result<(), String> {
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
    if let Some((node, patch)) = intent.node_patch() {
        let api: Api<NodeMigration> = Api::all(client.clone());
        return match api.patch(node, &params, &Patch::Merge(&patch)).await {
            Ok(_) => Ok(()),
            Err(e) if is_not_found(&e) => {
                Err(format!("nodemigration/{node} does not exist: is the node's name right?"))
            }
            Err(e) => Err(format!("nodemigration/{node} was not changed: {}", sentence(&e))),
        };
    }
    if *intent == Intent::RollBackAll {
        release_all(client).await?;
    }
    let api: Api<Migration> = Api::all(client.clone());
    for _ in 0..5 {
        let current = api.get(MIGRATION).await.map_err(|e| format!("migration/{MIGRATION}: {}", sentence(&e)))?;
        let Some(mut patch) = intent.migration_patch(&current) else { return Ok(()) };
        // a list is replaced as a whole, so somebody else's addition must not be lost
        patch["metadata"] = json!({"resourceVersion": current.resource_version()});
        match api.patch(MIGRATION, &params, &Patch::Merge(&patch)).await {
            Ok(_) => return Ok(()),
            Err(e) if is_conflict(&e) => {}
            Err(e) => return Err(format!("migration/{MIGRATION} was not changed: {}", sentence(&e))),
        }
    }
    Err(format!("migration/{MIGRATION} was not changed: it is being changed by somebody else all the time"))
}

/// Changes parts of the Migration's spec; nothing when there is nothing to change.
///
/// # Errors
/// A sentence; what the schema refuses is quoted as the server words it.
pub async fn change_spec(client: &Client, changes: &Value) -> Result<(), String> {
    if changes.as_object().is_none_or(serde_json::Map::is_empty) {
        return Ok(());
    }
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
    let api: Api<Migration> = Api::all(client.clone());
    let patch = json!({"spec": changes});
    api.patch(MIGRATION, &params, &Patch::Merge(&patch))
        .await
        .map(|_| ())
        .map_err(|e| format!("migration/{MIGRATION} was not changed: {}", sentence(&e)))
}

/// With everything on its way back no node is held for itself any more: a new beginning finds none.
async fn release_all(client: &Client) -> Result<(), String> {
    let api: Api<NodeMigration> = Api::all(client.clone());
    let records = api.list(&ListParams::default()).await.map_err(|e| format!("nodemigrations: {}", sentence(&e)))?;
    for record in records.iter().filter(|r| r.spec.approved || r.spec.target != Target::default()) {
        let name = record.name_any();
        // what was answered is answered: it only counts up
        let patch = json!({"spec": NodeMigrationSpec { retries: record.spec.retries, ..NodeMigrationSpec::default() }});
        api.patch(&name, &PatchParams::default(), &Patch::Merge(&patch))
            .await
            .map_err(|e| format!("nodemigration/{name} was not changed: {}", sentence(&e)))?;
    }
    Ok(())
}

/// Writes the Migration's status, provided nobody has changed the object since `seen`.
///
/// # Errors
/// What the API server said; a conflict means that the decision was built on something old.
pub async fn write_migration(client: &Client, seen: &Migration, status: &MigrationStatus) -> kube::Result<Migration> {
    let mut object = seen.clone();
    object.status = Some(status.clone());
    object.metadata.managed_fields = None;
    Api::<Migration>::all(client.clone()).replace_status(MIGRATION, &PostParams::default(), &object).await
}

/// Writes a node's status, provided nobody has changed the record since `seen`.
///
/// # Errors
/// As [`write_migration`].
pub async fn write_node(
    client: &Client,
    seen: &NodeMigration,
    status: &NodeMigrationStatus,
) -> kube::Result<NodeMigration> {
    let mut object = seen.clone();
    object.status = Some(status.clone());
    object.metadata.managed_fields = None;
    Api::<NodeMigration>::all(client.clone()).replace_status(&seen.name_any(), &PostParams::default(), &object).await
}
