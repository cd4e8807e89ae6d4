//! Connections between pods, and the flows that Hubble reports of them. Flows depend on the nodes and the CNIs of both
//! ends: a Flannel pod has no identity, and reaches a Cilium pod with its node's address.

use std::{net::IpAddr, sync::Arc, time::Duration};

use jiff::Timestamp;
use kube::ResourceExt;
use serde_json::Value;
use tokio::task::JoinSet;

use super::{
    cache::{Cluster, Kind, Object, is_true, selects},
    host::{Hosts, Plugin, Sandbox},
    noise::Noise,
    relay::Seen,
};
use crate::hubble::wire::{
    Endpoint, EventType, Flow, GetFlowsResponse, Ip, Item, Layer4, Protocol, Tcp, TcpFlags, Udp, Workload,
};

/// Annotation of the embedded workloads: the servers that they call, as `namespace/app:port,…`.
pub(crate) const CALLS: &str = "cutover.dev/embedded-calls";

pub(super) fn start(cluster: Arc<Cluster>, hosts: Hosts, tasks: &mut JoinSet<()>) -> Seen {
    let seen = Seen::default();
    let out = seen.clone();
    tasks.spawn(async move {
        let mut noise = Noise::default();
        loop {
            round(&cluster, &hosts, &out);
            noise.round(&cluster, &hosts, &out);
            cluster.pace.wait(Duration::from_secs(1)).await;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    seen
}

struct Side {
    pod: Option<Object>,
    node: String,
    sandbox: Sandbox,
}

fn round(cluster: &Cluster, hosts: &Hosts, out: &Seen) {
    let pods = cluster.all(Kind::Pod);
    let ready = |app: &str| {
        let mut nodes = Vec::new();
        for pod in pods.iter().filter(|p| p.labels().get("k8s-app").is_some_and(|a| a == app) && is_true(p, "Ready")) {
            nodes.extend(pod.data["spec"]["nodeName"].as_str().map(str::to_owned));
        }
        nodes
    };
    let nodes = cluster.all(Kind::CiliumNode).iter().map(|n| n.name_any()).collect();
    out.set_state(!ready("hubble-relay").is_empty(), nodes, &ready("cilium"));
    let sides: Vec<Side> = pods
        .into_iter()
        .filter(|p| is_true(p, "Ready"))
        .filter_map(|pod| {
            let node = pod.data["spec"]["nodeName"].as_str()?.to_owned();
            let sandbox = hosts.with(&node, |h| h.sandboxes.get(&pod.uid().unwrap_or_default()).copied())?;
            Some(Side { pod: Some(pod), node, sandbox })
        })
        .collect();
    for client in &sides {
        let Some(calls) = client.pod.as_ref().and_then(|p| p.annotations().get(CALLS).cloned()) else { continue };
        for call in calls.split(',').filter(|_| fastrand::u8(..) < 90) {
            let Some((whom, port)) = call.rsplit_once(':').and_then(|(w, p)| Some((w, p.parse::<u16>().ok()?))) else {
                continue;
            };
            if let Ok(ip) = whom.parse::<IpAddr>() {
                let world = Side { pod: None, node: client.node.clone(), sandbox: Sandbox::new(ip, Plugin::Host) };
                observe(cluster, client, &world, port, out);
                continue;
            }
            let servers: Vec<&Side> = sides.iter().filter(|s| s.pod.as_ref().is_some_and(|p| app(p) == whom)).collect();
            if let Some(server) = fastrand::choice(servers) {
                observe(cluster, client, server, port, out);
            }
        }
    }
}

fn app(pod: &Object) -> String {
    format!(
        "{}/{}",
        pod.namespace().unwrap_or_default(),
        pod.labels().get("app").map(String::as_str).unwrap_or_default()
    )
}

/// One agent's view of a connection.
struct View<'a> {
    node: &'a str,
    source: (IpAddr, Endpoint),
    destination: (IpAddr, Endpoint),
    /// Ports of client and server.
    ports: (u16, u16),
}

/// The flows of one connection, from the agents of both nodes: none, unless one end is on Cilium.
fn observe(cluster: &Cluster, client: &Side, server: &Side, port: u16, out: &Seen) {
    let cilium = |s: &Side| s.sandbox.plugin == Plugin::Cilium;
    if !cilium(client) && !cilium(server) {
        return;
    }
    let mut source_ip = client.sandbox.ip;
    let source = if cilium(client) {
        endpoint(client)
    } else {
        // masqueraded: only the node is visible
        if let Some(ip) = cilium_host(cluster, &client.node) {
            source_ip = ip;
        }
        Endpoint { identity: if client.node == server.node { 1 } else { 6 }, ..Endpoint::default() }
    };
    let destination = if cilium(server) { endpoint(server) } else { Endpoint { identity: 2, ..Endpoint::default() } };
    let ports = (fastrand::u16(32_768..60_999), port);
    let (source, destination) = ((source_ip, source), (server.sandbox.ip, destination));
    let view = |node| View { node, source: source.clone(), destination: destination.clone(), ports };
    let denied = cilium(server)
        && enforced(cluster)
        && server.pod.as_ref().is_some_and(|p| denies(cluster, p, client.pod.as_ref()));
    if denied && audits(cluster) {
        let view = view(&server.node);
        push(out, view.node, event(&view, (4, 0), (5, 0), None));
    } else if denied {
        // two events for one packet: policy verdict and drop
        let view = view(&server.node);
        push(out, view.node, event(&view, (2, 133), (5, 0), None));
        push(out, view.node, event(&view, (2, 133), (1, 133), None));
        return;
    }
    match lost(client, port).filter(|_| cilium(client)).or_else(|| lost(server, port).filter(|_| cilium(server))) {
        Some(Lost::Silently) => {
            let view = view(if cilium(client) { &client.node } else { &server.node });
            push(out, view.node, event(&view, (1, 0), (4, 3), Some(false)));
            return;
        }
        Some(Lost::For(reason)) => {
            let view = view(if cilium(server) { &server.node } else { &client.node });
            push(out, view.node, event(&view, (2, reason), (1, reason), None));
            return;
        }
        None => {}
    }
    // observation point of the leaving packet: overlay or network stack
    let leaves = if cilium(client) && cilium(server) { 4 } else { 3 };
    let apart = client.node != server.node;
    if cilium(client) && (apart || !cilium(server)) {
        let view = view(&client.node);
        push(out, view.node, event(&view, (1, 0), (4, leaves), Some(false)));
        push(out, view.node, event(&view, (1, 0), (4, 0), Some(true)));
    }
    if cilium(server) {
        let view = view(&server.node);
        push(out, view.node, event(&view, (1, 0), (4, 0), Some(false)));
        if apart || !cilium(client) {
            push(out, view.node, event(&view, (1, 0), (4, leaves), Some(true)));
        } else {
            push(out, view.node, event(&view, (1, 0), (4, 0), Some(true)));
        }
    }
}

/// An event: verdict and reason, type and sub-type, and whether it is a reply.
fn event(view: &View<'_>, (verdict, reason): (i32, u32), (kind, sub_kind): (i32, u32), reply: Option<bool>) -> Flow {
    let answers = reply == Some(true);
    let turn = |a: &(IpAddr, Endpoint), b: &(IpAddr, Endpoint)| {
        if answers { (b.clone(), a.clone()) } else { (a.clone(), b.clone()) }
    };
    let (source, destination) = turn(&view.source, &view.destination);
    let (from, to) = if answers { (view.ports.1, view.ports.0) } else { view.ports };
    let ports = (u32::from(from), u32::from(to));
    let protocol = if view.ports.1 == 53 {
        Protocol::Udp(Udp { source_port: ports.0, destination_port: ports.1 })
    } else {
        let flags = TcpFlags { syn: true, ack: answers, ..TcpFlags::default() };
        Protocol::Tcp(Tcp { source_port: ports.0, destination_port: ports.1, flags: Some(flags) })
    };
    let point = match (kind, sub_kind) {
        (4, 0) => 101,
        (4, sub) => i32::try_from(sub).unwrap_or(0),
        _ => 0,
    };
    Flow {
        verdict,
        drop_reason: reason,
        drop_reason_desc: i32::try_from(reason).unwrap_or(0),
        ip: Some(Ip {
            source: source.0.to_string(),
            destination: destination.0.to_string(),
            ip_version: 1,
            ..Ip::default()
        }),
        l4: Some(Layer4 { protocol: Some(protocol) }),
        source: Some(source.1),
        destination: Some(destination.1),
        event_type: Some(EventType { r#type: kind, sub_type: i32::try_from(sub_kind).unwrap_or(0) }),
        trace_observation_point: point,
        traffic_direction: if point == 101 || kind == 1 { 1 } else { 2 },
        is_reply: reply,
        ..Flow::default()
    }
}

/// How packets are lost.
#[derive(Clone, Copy)]
enum Lost {
    /// Without any report.
    Silently,
    /// Dropped for this reason.
    For(u32),
}

/// Annotation of a pod that loses the packets on some ports once it is on Cilium: `6379=169,53=silent`.
const LOSES: &str = "cutover.dev/embedded-loses";

fn lost(side: &Side, port: u16) -> Option<Lost> {
    let loses = side.pod.as_ref()?.annotations().get(LOSES)?;
    let (_, how) = loses.split(',').filter_map(|l| l.split_once('=')).find(|(p, _)| p.parse() == Ok(port))?;
    Some(how.parse().map_or(Lost::Silently, Lost::For))
}

pub(super) fn push(out: &Seen, node: &str, mut flow: Flow) {
    let time = Timestamp::now().into();
    flow.time = Some(time);
    flow.r#type = 1;
    node.clone_into(&mut flow.node_name);
    flow.uuid = uuid::Uuid::new_v4().to_string();
    out.push(GetFlowsResponse { item: Some(Item::Flow(Box::new(flow))), node_name: node.to_owned(), time: Some(time) });
}

fn endpoint(side: &Side) -> Endpoint {
    side.pod.as_ref().map(of_pod).unwrap_or_default()
}

/// A pod as its own agent knows it.
pub(super) fn of_pod(pod: &Object) -> Endpoint {
    let owner = pod.owner_references().iter().find(|o| o.controller == Some(true));
    let workloads = owner.map(|o| {
        let hash = pod.labels().get("pod-template-hash");
        let name = hash.and_then(|h| o.name.strip_suffix(h)?.strip_suffix('-')).unwrap_or(&o.name);
        let kind = if o.kind == "ReplicaSet" { "Deployment" } else { &o.kind };
        Workload { name: name.into(), kind: kind.into() }
    });
    let identity = 10_000 + u32::try_from(app(pod).bytes().map(u64::from).sum::<u64>() % 50_000).unwrap_or(0);
    Endpoint {
        id: 1,
        identity,
        namespace: pod.namespace().unwrap_or_default(),
        pod_name: pod.name_any(),
        workloads: workloads.into_iter().collect(),
        labels: pod.labels().iter().map(|(k, v)| format!("k8s:{k}={v}")).collect(),
        ..Endpoint::default()
    }
}

/// Address of `cilium_host`: the first of the node's range.
pub(super) fn cilium_host(cluster: &Cluster, node: &str) -> Option<IpAddr> {
    let node = cluster.get(Kind::CiliumNode, "", node)?;
    let range: ipnet::Ipv4Net = node.data["spec"]["ipam"]["podCIDRs"][0].as_str()?.parse().ok()?;
    range.hosts().next().map(IpAddr::V4)
}

fn enforced(cluster: &Cluster) -> bool {
    says(cluster, "enable-policy").is_some_and(|mode| mode != "never")
}

fn audits(cluster: &Cluster) -> bool {
    says(cluster, "policy-audit-mode").is_some_and(|on| on == "true")
}

/// A setting of the agents.
fn says(cluster: &Cluster, key: &str) -> Option<Value> {
    let config = cluster.all(Kind::ConfigMap).into_iter().find(|m| m.name_any() == "cilium-config")?;
    Some(config.data["data"][key].clone())
}

/// True if policies select the server for ingress and none allows this client.
fn denies(cluster: &Cluster, server: &Object, client: Option<&Object>) -> bool {
    let policies: Vec<Object> = cluster
        .all(Kind::Policy)
        .into_iter()
        .filter(|p| p.namespace() == server.namespace() && selects(&p.data["spec"]["podSelector"], server.labels()))
        .collect();
    let lets_in = |policy: &Object| {
        policy.data["spec"]["ingress"].as_array().into_iter().flatten().any(|rule| {
            rule["from"].as_array().is_none_or(|from| {
                from.iter().any(|peer| {
                    let Some(client) = client else { return false };
                    let same_namespace = client.namespace() == server.namespace();
                    let namespaces = &peer["namespaceSelector"];
                    (if namespaces.is_null() {
                        same_namespace
                    } else {
                        namespaces == &Value::Object(serde_json::Map::new()) || same_namespace
                    }) && (peer["podSelector"].is_null() || selects(&peer["podSelector"], client.labels()))
                })
            })
        })
    };
    !policies.is_empty() && !policies.iter().any(lets_in)
}
