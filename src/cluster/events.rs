//! Events on nodes: `kubectl describe node` and event collectors show what Cutover did to them.

use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client,
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use tokio::time::timeout;

use super::error;

/// How long one may take: nothing waits for it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Publishes one. A failure is only logged: an event is no record.
pub(super) async fn publish(client: Client, node: String, reason: &'static str, note: String, wrong: bool) {
    let recorder = Recorder::new(client, Reporter { controller: "cutover".into(), instance: None });
    // the kubelet names its node so, and `kubectl describe node` looks for it
    let about = ObjectReference {
        api_version: Some("v1".into()),
        kind: Some("Node".into()),
        name: Some(node.clone()),
        uid: Some(node.clone()),
        ..ObjectReference::default()
    };
    let event = Event {
        type_: if wrong { EventType::Warning } else { EventType::Normal },
        reason: reason.into(),
        // the API takes no more
        note: Some(note.chars().take(1_000).collect()),
        action: "Migrate".into(),
        secondary: None,
    };
    match timeout(PATIENCE, recorder.publish(&event, &about)).await {
        Ok(Ok(())) => {}
        Ok(Err(e)) => tracing::info!("no event on node {node}: {}", error::sentence(&e)),
        Err(_) => tracing::info!("no event on node {node}: no answer"),
    }
}
