//! Cutover's own objects: their definitions, the Migration, the records of nodes, and their status.

use std::time::Duration;

use futures::FutureExt;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use super::{
    audit::Audit,
    error::{is_conflict, is_not_found},
    send::send,
};
use crate::domain::{
    api::{
        self, MIGRATION, Migration, MigrationSpec, MigrationStatus, NodeMigration, NodeMigrationSpec,
        NodeMigrationStatus, Target,
    },
    effect::{
        Change, FIELD_MANAGER, ObjectRef, Request,
        records::{patch_migration, patch_node},
        resource::{DEFINITIONS, MIGRATIONS},
    },
    intent::Intent,
    problem::{Problem, ProblemKind},
};

/// How long a definition may take to be served.
const SERVED: Duration = Duration::from_secs(30);
/// How often a change of the Migration is worked out again when another writer was first.
const TRIES: u32 = 5;

/// A failed request for an object.
fn about(object: &ObjectRef) -> impl Fn(kube::Error) -> Problem {
    |e| Problem { object: object.to_string(), ..e.into() }
}

fn migration_object() -> ObjectRef {
    MIGRATIONS.named(MIGRATION)
}

/// Installs the custom resource definitions and waits until they are served.
///
/// # Errors
/// The definition, and why it is not served.
pub async fn install_definitions(client: &Client) -> Result<(), Problem> {
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    for crd in api::crds() {
        let name = crd.name_any();
        let applied = crds.patch(&name, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(&crd)).await;
        applied.map_err(about(&DEFINITIONS.named(&name)))?;
    }
    for crd in api::crds() {
        let name = crd.name_any();
        let established = kube::runtime::wait::await_condition(
            crds.clone(),
            &name,
            kube::runtime::wait::conditions::is_crd_established(),
        );
        let not_served = |why: String| Problem::new(DEFINITIONS.named(&name).to_string(), why, "It is safe to repeat.");
        tokio::time::timeout(SERVED, established)
            .await
            .map_err(|_| not_served(format!("it is not served after {} s", SERVED.as_secs())))?
            .map_err(|e| not_served(e.to_string()))?;
    }
    Ok(())
}

/// Creates the Migration, or returns the one that is there.
///
/// # Errors
/// Why it was not created; a spec that the schema refuses is quoted as the server words it.
pub async fn create_migration(client: &Client, spec: MigrationSpec) -> Result<Migration, Problem> {
    let api: Api<Migration> = Api::all(client.clone());
    let failed = |e| about(&migration_object())(e);
    // a definition is established a moment before every API server serves it
    for _ in 0..50 {
        match api.create(&PostParams::default(), &Migration::new(MIGRATION, spec.clone())).await {
            Ok(migration) => return Ok(migration),
            Err(e) if is_conflict(&e) => return api.get(MIGRATION).await.map_err(failed),
            Err(e) if is_not_found(&e) => tokio::time::sleep(Duration::from_millis(200)).await,
            Err(e) => return Err(failed(e)),
        }
    }
    let why = "the API server does not serve its kind";
    Err(Problem::new(migration_object().to_string(), why, "Nothing was created. It is safe to repeat."))
}

/// Gives the Migration another spec, provided that it has not changed since `seen`.
///
/// # Errors
/// Why it was not changed.
pub async fn replace_spec(client: &Client, seen: &Migration, spec: MigrationSpec) -> Result<Migration, Problem> {
    let api: Api<Migration> = Api::all(client.clone());
    let migration = Migration { spec, ..seen.clone() };
    api.replace(MIGRATION, &PostParams::default(), &migration).await.map_err(about(&migration_object()))
}

/// The Migration, if there is one.
///
/// # Errors
/// Why it cannot be read.
pub async fn migration(client: &Client) -> Result<Option<Migration>, Problem> {
    match Api::<Migration>::all(client.clone()).get_opt(MIGRATION).await {
        Ok(found) => Ok(found),
        Err(e) if is_not_found(&e) => Ok(None),
        Err(e) => Err(about(&migration_object())(e)),
    }
}

/// The requests of an intent, and the version of the Migration that they are made for.
struct Requests {
    all: Vec<Request>,
    version: Option<String>,
}

impl Requests {
    /// As the Migration is now.
    async fn now(client: &Client, intent: &Intent) -> Result<Self, Problem> {
        if let Some((node, patch)) = intent.node_patch() {
            return Ok(Self { all: vec![patch_node(node, patch)], version: None });
        }
        let current = Api::<Migration>::all(client.clone()).get(MIGRATION).await.map_err(about(&migration_object()))?;
        let mut all = if *intent == Intent::RollBackAll { releases(client).await? } else { vec![] };
        all.extend(intent.migration_patch(&current).map(patch_migration));
        Ok(Self { all, version: current.resource_version() })
    }

    async fn send(&self, client: &Client) -> Result<(), Problem> {
        for request in &self.all {
            let mut request = request.clone();
            // a list is replaced as a whole, so another operator's addition must not be lost
            if let (Change::Merge(patch), Some(version)) = (&mut request.change, &self.version)
                && request.object == migration_object()
            {
                patch["metadata"] = json!({"resourceVersion": version});
            }
            send(client, &request).await.map_err(|e| {
                let missing = is_not_found(&e);
                let problem = about(&request.object)(e);
                if missing { Problem { remedy: "Is the name right?".into(), ..problem } } else { problem }
            })?;
        }
        Ok(())
    }
}

/// Carries an intent out, and writes it down with the very patch that is sent.
///
/// # Errors
/// Why it was not carried out.
pub async fn carry_out(client: &Client, audit: &Audit, intent: &Intent) -> Result<(), Problem> {
    let requests = Requests::now(client, intent).await?;
    let Some(last) = requests.all.last() else { return Ok(()) };
    let object = last.object.to_string();
    let kubectl: Vec<String> = requests.all.iter().map(Request::kubectl).collect();
    audit.request(&object, &kubectl.join("\n"), send_all(client, intent, requests).boxed()).await
}

/// Sends the requests of an intent; they are worked out again when another writer was first.
async fn send_all(client: &Client, intent: &Intent, mut requests: Requests) -> Result<(), Problem> {
    for _ in 1..TRIES {
        match requests.send(client).await {
            Err(problem) if problem.kind == ProblemKind::Conflict => requests = Requests::now(client, intent).await?,
            other => return other,
        }
    }
    requests.send(client).await
}

/// Changes parts of the Migration's spec; nothing when there is nothing to change.
///
/// # Errors
/// Why it was not changed; what the schema refuses is quoted as the server words it.
pub async fn change_spec(client: &Client, changes: &Value) -> Result<(), Problem> {
    if changes.as_object().is_none_or(serde_json::Map::is_empty) {
        return Ok(());
    }
    let request = patch_migration(json!({"spec": changes}));
    send(client, &request).await.map(drop).map_err(about(&request.object))
}

/// With everything on its way back no node is held for itself any more: a new beginning finds none.
async fn releases(client: &Client) -> Result<Vec<Request>, Problem> {
    let api: Api<NodeMigration> = Api::all(client.clone());
    let records = api.list(&ListParams::default()).await?;
    let held = records.iter().filter(|r| r.spec.approved || r.spec.target != Target::default());
    let release = |record: &NodeMigration| {
        // retries only ever count up
        let spec = NodeMigrationSpec { retries: record.spec.retries, ..NodeMigrationSpec::default() };
        patch_node(&record.name_any(), json!({"spec": spec}))
    };
    Ok(held.map(release).collect())
}

/// Writes the Migration's status, provided that the object has not changed since `seen`.
///
/// # Errors
/// What the API server said; a conflict means that the decision was built on something old.
pub async fn write_migration(client: &Client, seen: &Migration, status: &MigrationStatus) -> kube::Result<Migration> {
    let mut object = seen.clone();
    object.status = Some(status.clone());
    object.metadata.managed_fields = None;
    Api::<Migration>::all(client.clone()).replace_status(MIGRATION, &PostParams::default(), &object).await
}

/// Writes the status of a Migration that nothing is recorded of yet.
///
/// # Errors
/// Why it was not written.
pub async fn set_status(client: &Client, status: &MigrationStatus) -> Result<(), Problem> {
    let api: Api<Migration> = Api::all(client.clone());
    for last in (1..=TRIES).map(|n| n == TRIES) {
        let seen = api.get(MIGRATION).await.map_err(about(&migration_object()))?;
        match write_migration(client, &seen, status).await {
            Err(e) if is_conflict(&e) && !last => {}
            other => return other.map(drop).map_err(about(&migration_object())),
        }
    }
    Ok(())
}

/// Writes a node's status, provided that the record has not changed since `seen`.
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
