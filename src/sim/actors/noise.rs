//! What a quiet cluster shows of Cilium itself: agents probe each other's health, packets go to health endpoints that
//! are gone, and new pods look for an IPv6 router. Recorded on real nodes (`tests/flows`).

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

use kube::ResourceExt;
use tokio::time::Instant;

use super::{
    cache::{Cluster, Kind},
    host::{Hosts, Plugin},
    relay::Seen,
    traffic::{cilium_host, of_pod, push},
};
use crate::hubble::wire::{Endpoint, EventType, Flow, IcmPv4, IcmPv6, Ip, Layer4, Protocol, Tcp, TcpFlags};

/// How long the other agents probe an address that a restarted agent no longer has.
const STALE: Duration = Duration::from_secs(60);

/// Identities without a pod.
const HEALTH: (u32, &str) = (4, "reserved:health");
const REMOTE_NODE: (u32, &str) = (6, "reserved:remote-node");
const WORLD: (u32, &str) = (2, "reserved:world");

/// Where a node's agent is probed.
#[derive(Clone, Copy)]
struct Probed {
    at: IpAddr,
    /// Its address before, and until when others take it for the present one.
    before: Option<(IpAddr, Instant)>,
}

/// Cilium's own traffic.
#[derive(Default)]
pub(super) struct Noise {
    agents: BTreeMap<String, Probed>,
    /// Sandboxes that have looked for a router.
    solicited: BTreeSet<String>,
}

impl Noise {
    pub(super) fn round(&mut self, cluster: &Cluster, hosts: &Hosts, out: &Seen) {
        self.addresses(cluster, hosts);
        let nodes: Vec<&String> = self.agents.keys().collect();
        if let Some(from) = fastrand::choice(&nodes)
            && let Some(source) = cilium_host(cluster, from)
        {
            for (to, probed) in self.agents.iter().filter(|(n, _)| n != from) {
                push(out, to, probe(source, probed.at));
                if let Some((old, _)) = probed.before {
                    push(out, to, stale(source, old));
                }
            }
        }
        self.solicitations(cluster, hosts, out);
    }

    /// Takes in where the agents' health endpoints are now.
    fn addresses(&mut self, cluster: &Cluster, hosts: &Hosts) {
        let now = Instant::now();
        let hosts = hosts.lock();
        self.agents.retain(|node, _| hosts.get(node).is_some_and(|h| h.agent.is_some()));
        for (node, host) in hosts.iter().filter(|(_, h)| h.agent.is_some()) {
            let Some(at) = host.health() else { continue };
            let probed = self.agents.entry(node.clone()).or_insert(Probed { at, before: None });
            if probed.at != at {
                *probed = Probed { at, before: Some((probed.at, now + cluster.pace.shorten(STALE))) };
            }
            probed.before = probed.before.filter(|(_, until)| now < *until);
        }
    }

    fn solicitations(&mut self, cluster: &Cluster, hosts: &Hosts, out: &Seen) {
        let mut living = BTreeSet::new();
        for pod in cluster.all(Kind::Pod) {
            let (uid, node) =
                (pod.uid().unwrap_or_default(), pod.data["spec"]["nodeName"].as_str().unwrap_or_default());
            let networked =
                |h: &mut super::host::Host| h.sandboxes.get(&uid).is_some_and(|s| s.plugin == Plugin::Cilium);
            if node.is_empty() || !hosts.with(node, networked) {
                continue;
            }
            if !self.solicited.contains(&uid) {
                push(out, node, solicitation(of_pod(&pod)));
            }
            living.insert(uid);
        }
        self.solicited = living;
    }
}

fn reserved((identity, label): (u32, &str)) -> Endpoint {
    Endpoint { identity, labels: vec![label.into()], ..Endpoint::default() }
}

fn ip(source: IpAddr, destination: IpAddr) -> Ip {
    Ip { source: source.to_string(), destination: destination.to_string(), ip_version: 1, ..Ip::default() }
}

fn to_health() -> Tcp {
    let flags = TcpFlags { psh: true, ack: true, ..TcpFlags::default() };
    Tcp { source_port: fastrand::u32(32_768..60_999), destination_port: 4_240, flags: Some(flags) }
}

fn probe(source: IpAddr, destination: IpAddr) -> Flow {
    let protocol =
        if fastrand::bool() { Protocol::Tcp(to_health()) } else { Protocol::IcmPv4(IcmPv4 { r#type: 8, code: 0 }) };
    Flow {
        verdict: 1,
        ip: Some(ip(source, destination)),
        l4: Some(Layer4 { protocol: Some(protocol) }),
        source: Some(reserved(REMOTE_NODE)),
        destination: Some(reserved(HEALTH)),
        event_type: Some(EventType { r#type: 4, sub_type: 4 }),
        ..Flow::default()
    }
}

/// A probe to the former address of a health endpoint.
fn stale(source: IpAddr, destination: IpAddr) -> Flow {
    Flow {
        ip: Some(ip(source, destination)),
        l4: Some(Layer4 { protocol: Some(Protocol::Tcp(to_health())) }),
        source: Some(reserved(REMOTE_NODE)),
        destination: Some(reserved(WORLD)),
        ..dropped(151)
    }
}

/// A new pod looks for an IPv6 router, which Cilium does not carry. Its agent knows the identity and not yet the pod.
fn solicitation(pod: Endpoint) -> Flow {
    let local = format!(
        "fe80::{:x}:{:x}ff:fe{:02x}:{:x}",
        fastrand::u16(..),
        fastrand::u8(..),
        fastrand::u8(..),
        fastrand::u16(..)
    );
    Flow {
        ip: Some(Ip { source: local, destination: "ff02::2".into(), ip_version: 2, ..Ip::default() }),
        l4: Some(Layer4 { protocol: Some(Protocol::IcmPv6(IcmPv6 { r#type: 133, code: 0 })) }),
        source: Some(Endpoint { identity: pod.identity, labels: pod.labels, ..Endpoint::default() }),
        destination: Some(Endpoint { labels: vec!["reserved:unknown".into()], ..Endpoint::default() }),
        ..dropped(139)
    }
}

fn dropped(reason: i32) -> Flow {
    Flow {
        verdict: 2,
        drop_reason: reason.unsigned_abs(),
        drop_reason_desc: reason,
        event_type: Some(EventType { r#type: 1, sub_type: reason }),
        traffic_direction: 1,
        ..Flow::default()
    }
}
