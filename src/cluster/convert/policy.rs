//! NetworkPolicies into facts.

use k8s_openapi::{
    api::networking::v1::{NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort},
    apimachinery::pkg::util::intstr::IntOrString,
};

use super::{key, selector};
use crate::domain::facts::{PolicyFact, PolicyPeer, PolicyPort, PolicyRule, Ports};

pub(in crate::cluster) fn policy(p: &NetworkPolicy) -> PolicyFact {
    let spec = p.spec.clone().unwrap_or_default();
    let types = spec.policy_types.unwrap_or_else(|| {
        let egress = spec.egress.as_ref().map(|_| "Egress".to_owned());
        std::iter::once("Ingress".to_owned()).chain(egress).collect()
    });
    let limits = |way: &str| types.iter().any(|t| t == way);
    let ingress = spec.ingress.unwrap_or_default().into_iter().map(|r| rule(r.from, r.ports));
    let egress = spec.egress.unwrap_or_default().into_iter().map(|r| rule(r.to, r.ports));
    PolicyFact {
        key: key(&p.metadata),
        selector: selector(spec.pod_selector.as_ref()),
        ingress: limits("Ingress").then(|| ingress.collect()),
        egress: limits("Egress").then(|| egress.collect()),
    }
}

fn rule(peers: Option<Vec<NetworkPolicyPeer>>, ports: Option<Vec<NetworkPolicyPort>>) -> PolicyRule {
    PolicyRule {
        peers: peers.unwrap_or_default().iter().filter_map(peer).collect(),
        ports: ports.unwrap_or_default().into_iter().map(port).collect(),
    }
}

/// `None` for a range that cannot be read: the API server admits none.
fn peer(peer: &NetworkPolicyPeer) -> Option<PolicyPeer> {
    let Some(block) = &peer.ip_block else {
        let chosen = |s: &Option<_>| s.as_ref().map(|s| selector(Some(s)));
        return Some(PolicyPeer::Pods {
            namespaces: chosen(&peer.namespace_selector),
            pods: chosen(&peer.pod_selector),
        });
    };
    let except = block.except.iter().flatten().filter_map(|range| range.parse().ok()).collect();
    Some(PolicyPeer::Range { range: block.cidr.parse().ok()?, except })
}

fn port(port: NetworkPolicyPort) -> PolicyPort {
    let number = |n: i32| u16::try_from(n).unwrap_or(0);
    let ports = match port.port {
        None => Ports::All,
        Some(IntOrString::Int(first)) => Ports::Range(number(first), number(port.end_port.unwrap_or(first))),
        Some(IntOrString::String(name)) => Ports::Named(name),
    };
    PolicyPort { protocol: port.protocol.unwrap_or_else(|| "TCP".into()), ports }
}
