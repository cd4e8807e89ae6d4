//! The Secret with the key of IPsec: made of random bytes, and never shown.

use std::collections::BTreeMap;

use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DynamicObject, GroupVersionKind, ListParams},
};
use serde_json::Value;

use super::send::{create as send_create, delete as send_delete, patch, read};
use crate::domain::{
    api::minor_of,
    effect::ipsec::{create as request, delete, is_own, rotate as next_key, secret},
    encryption::{ENTRY, IpsecKey, KEY_LENGTH, key_of},
    problem::Problem,
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
pub(super) fn key_in(secret: &Value) -> Result<IpsecKey, String> {
    let data: Option<k8s_openapi::ByteString> = serde_json::from_value(secret["data"][ENTRY].clone())
        .map_err(|_| format!("its entry {ENTRY} is not base64"))?;
    key_of(data.as_ref().map(|d| d.0.as_slice()))
}

/// Bytes for a key, from the operating system.
pub(super) fn random() -> Result<[u8; KEY_LENGTH], Problem> {
    let mut bytes = [0; KEY_LENGTH];
    getrandom::fill(&mut bytes).map_err(|e| {
        Problem::new("", format!("the operating system has no random bytes: {e}"), "Nothing was changed.")
    })?;
    Ok(bytes)
}

/// Puts the next key into the Secret, and returns its number. Agents follow within a minute, and remove the old one some
/// minutes later.
///
/// # Errors
/// Why it was not changed.
pub async fn rotate(client: &Client, namespace: &str) -> Result<u8, Problem> {
    let object = secret(namespace);
    let wrong = |why: String| Problem::new(object.to_string(), why, "Nothing was changed.");
    let there = read(client, &object).await?.ok_or_else(|| wrong("it is not there: IPsec is not on".into()))?;
    let key = key_in(&there).map_err(wrong)?;
    let next = key.next(random()?).map_err(wrong)?;
    // another rotation that was quicker is not rotated away
    let due = |seen: &Value| (seen["data"] == there["data"]).then(|| next_key(&next));
    patch(client, object.clone(), due).await?;
    let now = read(client, &object).await?.and_then(|s| key_in(&s).ok()).map(|k| k.spi);
    if now == Some(next.spi) { Ok(next.spi) } else { Err(wrong("another client changed it at the same time".into())) }
}

/// The number of the key that each node's agent says it uses, by node; 0 where it uses none.
///
/// # Errors
/// They cannot be listed.
pub async fn advertised(client: &Client) -> Result<BTreeMap<String, u64>, Problem> {
    let nodes: Api<DynamicObject> = Api::all_with(client.clone(), &cilium_nodes());
    let nodes = nodes.list(&ListParams::default()).await?;
    let number = |n: &DynamicObject| n.data["spec"]["encryption"]["key"].as_u64().unwrap_or(0);
    Ok(nodes.iter().map(|n| (n.name_any(), number(n))).collect())
}

fn cilium_nodes() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk("cilium.io", "v2", "CiliumNode"))
}
