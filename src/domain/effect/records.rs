//! Cutover's own records: the Migration and a NodeMigration for each node.

use serde_json::{Value, json};

use super::{
    Change, FINALIZER, Request,
    resource::{MIGRATIONS, NODE_MIGRATIONS},
};
use crate::domain::api::{MIGRATION, NodeMigrationSpec};

/// The reference to the Migration of this UID, with which what belongs to it goes.
pub(super) fn belongs_to(uid: &str) -> Value {
    json!({"apiVersion": MIGRATIONS.api_version(), "kind": MIGRATIONS.kind, "name": MIGRATION, "uid": uid})
}

/// Creates a node's record, owned by the Migration of this UID.
pub fn create(node: &str, owner: Option<&str>) -> Request {
    let mut metadata = json!({"name": node});
    if let Some(uid) = owner {
        let mut owner = belongs_to(uid);
        owner["controller"] = json!(true);
        metadata["ownerReferences"] = json!([owner]);
    }
    let body = json!({
        "apiVersion": NODE_MIGRATIONS.api_version(), "kind": NODE_MIGRATIONS.kind,
        "metadata": metadata, "spec": NodeMigrationSpec::default(),
    });
    Request { object: NODE_MIGRATIONS.named(node), change: Change::Create(body) }
}

/// Deletes the record of a node, if it is still this one.
pub fn delete(node: &str, uid: &str) -> Request {
    let options = json!({"preconditions": {"uid": uid}});
    Request { object: NODE_MIGRATIONS.named(node), change: Change::Delete(options) }
}

/// Adds Cutover's finalizer. The API server takes none for an object that is being deleted.
pub fn hold(migration: &Value) -> Option<Value> {
    let mut finalizers = others(migration);
    let deleted = !migration["metadata"]["deletionTimestamp"].is_null();
    if deleted || finalizers.len() < count(migration) {
        return None;
    }
    finalizers.push(json!(FINALIZER));
    Some(json!({"metadata": {"finalizers": finalizers}}))
}

/// Removes Cutover's finalizer.
pub fn release(migration: &Value) -> Option<Value> {
    let finalizers = others(migration);
    (finalizers.len() < count(migration)).then(|| json!({"metadata": {"finalizers": finalizers}}))
}

fn count(migration: &Value) -> usize {
    migration["metadata"]["finalizers"].as_array().map_or(0, Vec::len)
}

/// The finalizers that are not Cutover's: a merge patch replaces the whole list.
fn others(migration: &Value) -> Vec<Value> {
    let finalizers = migration["metadata"]["finalizers"].as_array().into_iter().flatten();
    finalizers.filter(|f| *f != FINALIZER).cloned().collect()
}

/// A change of what is wanted of the cluster.
pub fn patch_migration(patch: Value) -> Request {
    Request { object: MIGRATIONS.named(MIGRATION), change: Change::Merge(patch) }
}

/// A change of what is wanted of a node.
pub fn patch_node(node: &str, patch: Value) -> Request {
    Request { object: NODE_MIGRATIONS.named(node), change: Change::Merge(patch) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_finalizer_is_added_once_and_those_of_others_stay() {
        let with = |finalizers: Value| json!({"metadata": {"finalizers": finalizers}});
        assert_eq!(hold(&with(json!(["a"]))), Some(with(json!(["a", FINALIZER]))));
        assert_eq!(hold(&json!({"metadata": {}})), Some(with(json!([FINALIZER]))));
        assert_eq!(hold(&with(json!([FINALIZER]))), None);
        assert_eq!(hold(&json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}})), None);
        assert_eq!(release(&with(json!(["a", FINALIZER]))), Some(with(json!(["a"]))));
        assert_eq!(release(&with(json!(["a"]))), None);
    }
}
