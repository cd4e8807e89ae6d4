//! The way to Hubble's relay through the API server: a port-forward inside the process, no local port.

use std::{sync::Arc, time::Duration};

use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client, ResourceExt, api::ListParams};
use tonic::transport::{Channel, Endpoint};

use super::error::sentence;
use crate::hubble::client::Dial;

/// The port on which the relay listens in its pod (chart: hubble.relay.listenPort).
const PORT: u16 = 4245;

/// A channel through the API server; a new port-forward for every one.
pub fn dial(client: &Client) -> Dial {
    let client = client.clone();
    Arc::new(move || {
        let client = client.clone();
        Box::pin(async move { connect(client).await })
    })
}

async fn connect(client: Client) -> Result<Channel, String> {
    let pods: Api<Pod> = Api::all(client.clone());
    let found = pods.list(&ListParams::default().labels("k8s-app=hubble-relay")).await.map_err(|e| sentence(&e))?;
    let ready = found.into_iter().find(|p| {
        p.status
            .as_ref()
            .and_then(|s| s.conditions.as_ref())
            .is_some_and(|c| c.iter().any(|c| c.type_ == "Ready" && c.status == "True"))
    });
    let pod = ready.ok_or("no ready pod of hubble-relay; it comes with the phase Install (hubble.relay.enabled)")?;
    let pods: Api<Pod> = Api::namespaced(client, &pod.namespace().unwrap_or_default());
    let name = pod.name_any();
    let forward = move |_: http::Uri| {
        let (pods, name) = (pods.clone(), name.clone());
        async move {
            let mut forward = pods.portforward(&name, &[PORT]).await.map_err(std::io::Error::other)?;
            let stream =
                forward.take_stream(PORT).ok_or_else(|| std::io::Error::other("the port-forward has no stream"))?;
            Ok::<_, std::io::Error>(TokioIo::new(stream))
        }
    };
    Endpoint::from_static("http://hubble-relay")
        .connect_timeout(Duration::from_secs(10))
        .connect_with_connector(tower::service_fn(forward))
        .await
        .map_err(|e| format!("hubble-relay: {}", super::error::root(&e)))
}
