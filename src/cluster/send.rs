//! Sends the requests that effects are described by. The objects are JSON: nothing of them is lost in a type.

use http::{Request as HttpRequest, header::CONTENT_TYPE};
use kube::Client;
use serde_json::{Value, json};

use super::error::{is_conflict, is_not_found};
use crate::domain::{
    effect::{Change, ObjectRef, Request},
    problem::Problem,
};

/// How often a patch is worked out again when another writer was first: kubelets and operators write nodes all the
/// time.
const TRIES: u32 = 3;

/// Sends a request, and returns what the API server answers.
pub(super) async fn send(client: &Client, request: &Request) -> kube::Result<Value> {
    let body = if request.body().is_null() { vec![] } else { request.body().to_string().into_bytes() };
    let http = HttpRequest::builder()
        .method(request.method())
        .uri(request.uri())
        .header(CONTENT_TYPE, request.content_type())
        .body(body)
        .map_err(kube::Error::HttpError)?;
    client.request(http).await
}

/// Reads an object; nothing where there is none.
pub(super) async fn read(client: &Client, object: &ObjectRef) -> kube::Result<Option<Value>> {
    let http = HttpRequest::get(object.path()).body(vec![]).map_err(kube::Error::HttpError)?;
    match client.request(http).await {
        Ok(found) => Ok(Some(found)),
        Err(e) if is_not_found(&e) => Ok(None),
        Err(e) => Err(e),
    }
}

/// Creates an object; one that is there already was created before.
pub(super) async fn create(client: &Client, request: &Request) -> Result<(), Problem> {
    match send(client, request).await {
        Err(e) if !is_conflict(&e) => Err(e.into()),
        _ => Ok(()),
    }
}

/// Deletes an object; one that is gone was deleted before.
pub(super) async fn delete(client: &Client, request: &Request) -> Result<(), Problem> {
    match send(client, request).await {
        Err(e) if !is_not_found(&e) => Err(e.into()),
        _ => Ok(()),
    }
}

/// Reads an object, works out the patch that is due, and sends it for the very version that was read, so that it
/// fails instead of undoing what another writer did in between. An object that is gone needs no change.
pub(super) async fn patch(
    client: &Client,
    object: ObjectRef,
    due: impl Fn(&Value) -> Option<Value>,
) -> Result<(), Problem> {
    for last in (1..=TRIES).map(|n| n == TRIES) {
        let Some(seen) = read(client, &object).await? else { return Ok(()) };
        let Some(mut change) = due(&seen) else { return Ok(()) };
        change["metadata"]["resourceVersion"] = json!(seen["metadata"]["resourceVersion"]);
        let request = Request { object: object.clone(), change: Change::Merge(change) };
        match send(client, &request).await {
            Err(e) if is_conflict(&e) && !last => {}
            Err(e) => return Err(e.into()),
            Ok(_) => return Ok(()),
        }
    }
    Ok(())
}
