//! The Secret with the key of IPsec.

use serde_json::{Value, json};

use super::{Change, ObjectRef, Request, resource::SECRETS};
use crate::domain::{
    api::minor_of,
    encryption::{ENTRY, IpsecKey, KEY_LENGTH, SECRET},
    facts::Key,
    host::commands::quoted,
};

/// The Secret, in the agents' namespace.
pub fn secret(namespace: &str) -> ObjectRef {
    SECRETS.at(Key::new(namespace, SECRET))
}

/// Who made the Secret.
const OWN: (&str, &str) = ("app.kubernetes.io/managed-by", "cutover");

/// Creates the Secret with this key.
pub fn create(namespace: &str, key: &IpsecKey) -> Request {
    let body = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {"name": SECRET, "namespace": namespace, "labels": {OWN.0: OWN.1}},
        "stringData": {ENTRY: key.line()},
    });
    Request { object: secret(namespace), change: Change::Create(body) }
}

/// Puts this key into it.
pub fn rotate(key: &IpsecKey) -> Value {
    json!({"stringData": {ENTRY: key.line()}})
}

/// Deletes it.
pub fn delete(namespace: &str) -> Request {
    Request { object: secret(namespace), change: Change::Delete(Value::Null) }
}

/// The Secret is Cutover's.
pub fn is_own(secret: &Value) -> bool {
    secret["metadata"]["labels"][OWN.0] == OWN.1
}

/// To create it by hand.
pub(super) fn kubectl_create(namespace: &str, version: &str) -> String {
    let random = format!("\"$(od -An -tx1 -N{KEY_LENGTH} -v /dev/urandom | tr -d ' \\n')\"");
    let key = IpsecKey::first([0; KEY_LENGTH], minor_of(version)).with_key("%s");
    format!("printf {} {random} | kubectl create -f -", quoted(&create(namespace, &key).body().to_string()))
}

/// To delete it by hand.
pub(super) fn kubectl_delete(namespace: &str) -> String {
    format!("kubectl -n {namespace} delete secret -l {}={} --field-selector metadata.name={SECRET}", OWN.0, OWN.1)
}
