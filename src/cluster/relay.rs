//! The way to Hubble's relay: found on the cluster, reached through the API server by a port-forward inside the
//! process, or directly from a pod of the cluster; in plain text, by TLS or by mutual TLS as its chart set it up.

use std::sync::Arc;

use hyper_util::rt::TokioIo;
use k8s_openapi::{
    api::core::v1::{ConfigMap, Pod, Secret, Service, ServicePort},
    apimachinery::pkg::util::intstr::IntOrString,
};
use kube::{Api, Client, ResourceExt, api::ListParams};
use tonic::transport::Channel;

use super::error::{is_not_found, sentence};
use crate::hubble::channel::{Dial, NoChannel, SERVER_NAME, Security, root};

/// The port on which the relay listens in its pod (chart: hubble.relay.listenPort).
const PORT: u16 = 4245;

/// What was named by hand instead of being found.
#[derive(Clone, Default)]
pub struct Given {
    /// How it is spoken to.
    pub security: Option<Security>,
    /// The name in the relay's certificate.
    pub name: Option<String>,
    /// This runs in a pod of the cluster: the relay's service is reached without the API server.
    pub in_pod: bool,
}

/// A channel to the cluster's relay; every call looks it up again, because its pod may have moved.
pub fn dial(client: &Client, given: Given) -> Dial {
    let client = client.clone();
    Arc::new(move || {
        let (client, given) = (client.clone(), given.clone());
        Box::pin(async move { connect(client, given).await })
    })
}

async fn connect(client: Client, given: Given) -> Result<Channel, NoChannel> {
    let pod = find(&client).await?;
    let namespace = pod.namespace().unwrap_or_default();
    let security = match given.security {
        Some(security) => security,
        None => found(&client, &namespace, given.name).await?,
    };
    let failed = |e: tonic::transport::Error| NoChannel::Failed(format!("hubble-relay: {}", root(&e)));
    if given.in_pod {
        let services: Api<Service> = Api::namespaced(client, &namespace);
        let service = services.get("hubble-relay").await.map_err(|e| NoChannel::Failed(sentence(&e)))?;
        let spec = service.spec.unwrap_or_default();
        let target = |p: &&ServicePort| match &p.target_port {
            Some(IntOrString::Int(n)) => *n == i32::from(PORT),
            Some(IntOrString::String(name)) => name == "grpc",
            None => false,
        };
        let ports = spec.ports.as_deref().unwrap_or_default();
        let port = ports.iter().find(target).or_else(|| ports.first()).map_or(80, |p| p.port);
        let address = spec.cluster_ip.unwrap_or_default();
        let host = if address.contains(':') { format!("[{address}]") } else { address };
        return security.endpoint(&format!("{host}:{port}"))?.connect().await.map_err(failed);
    }
    let pods: Api<Pod> = Api::namespaced(client, &namespace);
    let name = pod.name_any();
    let port = port_of(&pod);
    let forward = move |_: http::Uri| {
        let (pods, name) = (pods.clone(), name.clone());
        async move {
            let mut forward = pods.portforward(&name, &[port]).await.map_err(std::io::Error::other)?;
            let stream =
                forward.take_stream(port).ok_or_else(|| std::io::Error::other("the port-forward has no stream"))?;
            Ok::<_, std::io::Error>(TokioIo::new(stream))
        }
    };
    let endpoint = security.endpoint("hubble-relay")?;
    endpoint.connect_with_connector(tower::service_fn(forward)).await.map_err(failed)
}

/// The pod of a relay that is ready; where there is none, why, and how to get one.
async fn find(client: &Client) -> Result<Pod, NoChannel> {
    let asked = |e: kube::Error| NoChannel::Failed(sentence(&e));
    let pods: Api<Pod> = Api::all(client.clone());
    let pods = pods.list(&ListParams::default().labels("k8s-app=hubble-relay")).await.map_err(asked)?.items;
    if pods.is_empty() {
        let configs: Api<ConfigMap> = Api::all(client.clone());
        let configs =
            configs.list(&ListParams::default().fields("metadata.name=cilium-config")).await.map_err(asked)?;
        return Err(NoChannel::Absent(match configs.items.first() {
            None => "Cilium is not installed yet: its relay comes with the phase Install".into(),
            Some(config) => {
                let on = config.data.as_ref().and_then(|d| d.get("enable-hubble")).is_some_and(|v| v == "true");
                let hubble = if on { "there is no hubble-relay" } else { "Hubble is off" };
                format!(
                    "{hubble}: turn it on with the helm values hubble.enabled=true and hubble.relay.enabled=true; a migration that Cutover installs has both"
                )
            }
        }));
    }
    let ready = |p: &Pod| {
        p.metadata.deletion_timestamp.is_none()
            && p.status
                .as_ref()
                .and_then(|s| s.conditions.as_ref())
                .is_some_and(|c| c.iter().any(|c| c.type_ == "Ready" && c.status == "True"))
    };
    let names: Vec<String> = pods.iter().map(ResourceExt::name_any).collect();
    pods.into_iter().find(ready).ok_or_else(|| {
        NoChannel::Failed(format!("pod {} is not ready; look at it on the screen CNI pods", names.join(", ")))
    })
}

/// The port that its container declares.
fn port_of(pod: &Pod) -> u16 {
    let containers = pod.spec.iter().flat_map(|s| &s.containers);
    let mut ports = containers.flat_map(|c| c.ports.iter().flatten());
    let grpc = ports.find(|p| p.name.as_deref() == Some("grpc")).map(|p| p.container_port);
    grpc.and_then(|p| u16::try_from(p).ok()).unwrap_or(PORT)
}

/// How the relay wants to be spoken to, as its own configuration says, with the certificates that the chart made.
async fn found(client: &Client, namespace: &str, name: Option<String>) -> Result<Security, NoChannel> {
    let configs: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let config = match configs.get("hubble-relay-config").await {
        Ok(config) => config,
        Err(e) if is_not_found(&e) => return Ok(Security::Plain),
        Err(e) => return Err(NoChannel::Failed(sentence(&e))),
    };
    let text = config.data.and_then(|d| d.get("config.yaml").cloned()).unwrap_or_default();
    if is_plain(&text) {
        return Ok(Security::Plain);
    }
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let read = async |name: &str| match secrets.get_opt(name).await {
        Ok(secret) => Ok(secret.and_then(|s| s.data).unwrap_or_default()),
        Err(e) => Err(NoChannel::Failed(format!(
            "hubble-relay speaks TLS, and secret {namespace}/{name} cannot be read: {}. Name the files with --hubble-ca, --hubble-cert and --hubble-key",
            sentence(&e)
        ))),
    };
    let server = read("hubble-relay-server-certs").await?;
    let Some(ca) = server.get("ca.crt").filter(|c| !c.0.is_empty()) else {
        return Err(NoChannel::Failed(format!(
            "hubble-relay speaks TLS, and secret {namespace}/hubble-relay-server-certs has no ca.crt. Name the file with --hubble-ca"
        )));
    };
    let mut own = None;
    // the UI is a client of the relay, and has a certificate for it; without a UI the relay's own will do
    for name in ["hubble-ui-client-certs", "hubble-relay-client-certs"] {
        // what is only needed for mutual TLS is no reason to fail without it
        let Ok(mut secret) = read(name).await else { continue };
        if let (Some(certificate), Some(key)) = (secret.remove("tls.crt"), secret.remove("tls.key")) {
            own = Some((certificate.0, key.0));
            break;
        }
    }
    Ok(Security::Tls { ca: ca.0.clone(), own, name: name.unwrap_or_else(|| SERVER_NAME.into()) })
}

/// The relay's configuration (charts of 1.12 to 1.20) says that every client is served in plain text.
fn is_plain(config: &str) -> bool {
    config.lines().any(|l| l.split('#').next().unwrap_or_default().replace(' ', "") == "disable-server-tls:true")
}

#[cfg(test)]
mod tests {
    use super::is_plain;

    #[test]
    fn plain_text_is_read_off_the_relays_configuration() {
        assert!(is_plain("cluster-name: default\ndisable-server-tls: true\n"));
        assert!(!is_plain(
            "# disable-server-tls: true\ntls-relay-server-cert-file: /var/lib/hubble-relay/tls/server.crt\n"
        ));
    }
}
