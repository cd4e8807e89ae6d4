//! Cutover's own records: the Migration and a NodeMigration for each node.

use serde_json::{Value, json};

use super::{
    Change, Request,
    resource::{MIGRATIONS, NODE_MIGRATIONS},
};
use crate::domain::api::{MIGRATION, NodeMigrationSpec};

/// Creates a node's record, owned by the Migration of this UID.
pub fn create(node: &str, owner: Option<&str>) -> Request {
    let mut metadata = json!({"name": node});
    if let Some(uid) = owner {
        metadata["ownerReferences"] = json!([{
            "apiVersion": MIGRATIONS.api_version(), "kind": MIGRATIONS.kind, "name": MIGRATION, "uid": uid,
            "controller": true,
        }]);
    }
    let body = json!({
        "apiVersion": NODE_MIGRATIONS.api_version(), "kind": NODE_MIGRATIONS.kind,
        "metadata": metadata, "spec": NodeMigrationSpec::default(),
    });
    Request { object: NODE_MIGRATIONS.named(node), change: Change::Create(body) }
}

/// A change of what is wanted of the cluster.
pub fn patch_migration(patch: Value) -> Request {
    Request { object: MIGRATIONS.named(MIGRATION), change: Change::Merge(patch) }
}

/// A change of what is wanted of a node.
pub fn patch_node(node: &str, patch: Value) -> Request {
    Request { object: NODE_MIGRATIONS.named(node), change: Change::Merge(patch) }
}
