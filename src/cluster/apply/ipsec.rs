//! The Secret with the key of IPsec: made of random bytes, and never shown.

use kube::Client;
use serde_json::Value;

use crate::{
    cluster::send::{create as send_create, delete as send_delete, read},
    domain::{
        api::minor_of,
        encryption::{ENTRY, IpsecKey, KEY_LENGTH, create as request, delete, is_own, key_of, secret},
        problem::Problem,
    },
};

/// Creates the Secret. One that is there already has to hold a key that this version can use.
pub(super) async fn create(client: &Client, namespace: &str, version: &str) -> Result<(), Problem> {
    let minor = minor_of(version);
    let Some(there) = read(client, &secret(namespace)).await? else {
        return send_create(client, &request(namespace, &IpsecKey::first(random()?, minor))).await;
    };
    let why = match key_in(&there) {
        Ok(key) => key.objection(minor),
        Err(why) => Some(why),
    };
    why.map_or(Ok(()), |why| {
        let message = format!("it is there already, and agents of {version} cannot use it: {why}");
        let remedy = "Nothing was changed. Delete it, so that Cutover makes one, or put a key into it that fits.";
        Err(Problem::new(secret(namespace).to_string(), message, remedy))
    })
}

/// Deletes it where it is Cutover's.
pub(super) async fn remove(client: &Client, namespace: &str) -> Result<(), Problem> {
    match read(client, &secret(namespace)).await? {
        Some(there) if is_own(&there) => send_delete(client, &delete(namespace)).await,
        _ => Ok(()),
    }
}

/// The key in a Secret.
pub(in crate::cluster) fn key_in(secret: &Value) -> Result<IpsecKey, String> {
    let data: Option<k8s_openapi::ByteString> = serde_json::from_value(secret["data"][ENTRY].clone())
        .map_err(|_| format!("its entry {ENTRY} is not base64"))?;
    key_of(data.as_ref().map(|d| d.0.as_slice()))
}

/// Bytes for a key, from the operating system.
pub(in crate::cluster) fn random() -> Result<[u8; KEY_LENGTH], Problem> {
    let mut bytes = [0; KEY_LENGTH];
    getrandom::fill(&mut bytes).map_err(|e| {
        Problem::new("", format!("the operating system has no random bytes: {e}"), "Nothing was changed.")
    })?;
    Ok(bytes)
}
