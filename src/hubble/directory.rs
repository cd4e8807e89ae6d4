//! Whose address is it? Pods on Flannel have no identity in Hubble's eyes, so Cutover looks them up itself.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use ipnet::IpNet;

use crate::domain::facts::{Cni, Facts, NodeFact};

/// A pod, as flows need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resident {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// The workload that it belongs to, else its own name.
    pub workload: Arc<str>,
    /// Its own name.
    pub pod: Arc<str>,
    /// Which CNI its address is of.
    pub cni: Cni,
}

/// Who an address belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A pod.
    Pod(Resident),
    /// A node itself.
    Node(Arc<str>),
    /// An address that a node puts on what its pods on Flannel send to a pod on Cilium (seen on real nodes: the
    /// address of `cilium_host`). Which pod it was cannot be told any more.
    Behind(Arc<str>),
    /// Of a node's Cilium range, and of no pod that is known: the node's own address there, or a pod that has gone or
    /// has just come.
    Within(Arc<str>),
    /// Of Flannel's network, and of no pod that is known.
    Nobody,
}

/// Addresses of pods and nodes, as they are at one moment.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    pods: HashMap<IpAddr, Resident>,
    nodes: HashMap<IpAddr, Arc<str>>,
    /// Cilium's range of each node, and whether its pods are on Cilium.
    cilium: Vec<(IpNet, Arc<str>, bool)>,
    flannel: Vec<IpNet>,
}

impl Directory {
    /// From what is known of the cluster.
    pub fn of(facts: &Facts) -> Self {
        let pods = facts.pods.values().filter(|p| !p.host_network && p.is_living()).filter_map(|p| {
            let workload = p.owner.as_ref().map_or_else(|| p.key.name.clone(), |o| o.name.clone());
            let (namespace, pod) = (p.key.namespace.clone(), p.key.name.clone());
            Some((p.ip?, Resident { namespace, workload, pod, cni: facts.cni_of(p) }))
        });
        let addresses = |n: &NodeFact| n.addresses.iter().map(|a| (*a, n.name.clone())).collect::<Vec<_>>();
        let moved = |node: &str| facts.nodes.get(node).is_some_and(|n| n.switched);
        let ranges = facts.cilium_ranges.iter();
        Self {
            pods: pods.collect(),
            nodes: facts.nodes.values().flat_map(addresses).collect(),
            cilium: ranges.flat_map(|(n, r)| r.iter().map(|r| (*r, n.clone(), moved(n)))).collect(),
            flannel: facts
                .flannel
                .values()
                .flat_map(|f| f.networks.iter().copied())
                .chain(facts.nodes.values().flat_map(|n| n.pod_ranges.iter().copied()))
                .collect(),
        }
    }

    /// Nothing is known: a capture without its cluster.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Whose address it is.
    pub fn find(&self, ip: IpAddr) -> Option<Place> {
        if let Some(pod) = self.pods.get(&ip) {
            return Some(Place::Pod(pod.clone()));
        }
        if let Some(node) = self.nodes.get(&ip) {
            return Some(Place::Node(node.clone()));
        }
        if let Some((_, node, moved)) = self.cilium.iter().find(|(r, ..)| r.contains(&ip)) {
            return Some(if *moved { Place::Within(node.clone()) } else { Place::Behind(node.clone()) });
        }
        self.flannel.iter().any(|r| r.contains(&ip)).then_some(Place::Nobody)
    }
}
