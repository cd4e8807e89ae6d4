//! The owners of addresses. Hubble has no identity for pods on Flannel, so Cutover looks them up itself.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use ipnet::IpNet;

use crate::domain::facts::{Cni, Facts, NodeFact, PodFact};

/// What flows show of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownPod {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its workload, else its own name.
    pub workload: Arc<str>,
    /// Its own name.
    pub pod: Arc<str>,
    /// The CNI of its address.
    pub cni: Cni,
}

/// The owner of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressOwner {
    /// A pod.
    Pod(KnownPod),
    /// A node.
    Node(Arc<str>),
    /// The address to which a node masquerades packets of its pods on Flannel to pods on Cilium (seen on real nodes:
    /// the address of `cilium_host`). The pod is no longer known.
    Masqueraded(Arc<str>),
    /// In a node's Cilium range, and of no known pod: the node's own address there, or a pod that is gone or new.
    CiliumRange(Arc<str>),
    /// In Flannel's network, and of no known pod.
    FlannelNetwork,
}

/// Addresses of pods and nodes at one moment.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    pods: HashMap<IpAddr, KnownPod>,
    nodes: HashMap<IpAddr, Arc<str>>,
    /// Cilium's range of each node, and whether the node is switched.
    cilium: Vec<(IpNet, Arc<str>, bool)>,
    flannel: Vec<IpNet>,
}

impl Directory {
    /// The directory of these facts.
    pub fn of(facts: &Facts) -> Self {
        let networked = || facts.pods.values().filter(|p| !p.host_network && p.is_living());
        let known = |p: &PodFact, cni| {
            let workload = p.owner.as_ref().map_or_else(|| p.key.name.clone(), |o| o.name.clone());
            KnownPod { namespace: p.key.namespace.clone(), workload, pod: p.key.name.clone(), cni }
        };
        let first = networked().filter_map(|p| Some((p.ip?, known(p, facts.cni_of(p)))));
        // what a pod says of itself: where Multus is, and never against the first address of another one
        let by_multus = |p: &&PodFact| facts.nodes.get(&p.node).is_some_and(|n| n.multus.is_some());
        let second = networked().filter(by_multus).filter_map(|p| {
            let cni = facts.ranges_of(&p.node).second(p).filter(|cni| *cni != Cni::Unknown)?;
            Some((p.second?, known(p, cni)))
        });
        let addresses = |n: &NodeFact| n.addresses.iter().map(|a| (*a, n.name.clone())).collect::<Vec<_>>();
        let moved = |node: &str| facts.nodes.get(node).is_some_and(|n| n.switched || n.multus.is_some());
        let ranges = facts.cilium_ranges.iter();
        Self {
            pods: second.chain(first).collect(),
            nodes: facts.nodes.values().flat_map(addresses).collect(),
            cilium: ranges.flat_map(|(n, r)| r.iter().map(|r| (*r, n.clone(), moved(n)))).collect(),
            flannel: facts
                .flannel()
                .flat_map(|(_, f)| f.networks.iter().copied())
                .chain(facts.nodes.values().flat_map(|n| n.pod_ranges.iter().copied()))
                .collect(),
        }
    }

    /// True without a cluster, as for a capture.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The owner of an address.
    pub fn find(&self, ip: IpAddr) -> Option<AddressOwner> {
        if let Some(pod) = self.pods.get(&ip) {
            return Some(AddressOwner::Pod(pod.clone()));
        }
        if let Some(node) = self.nodes.get(&ip) {
            return Some(AddressOwner::Node(node.clone()));
        }
        if let Some((_, node, moved)) = self.cilium.iter().find(|(r, ..)| r.contains(&ip)) {
            return Some(if *moved {
                AddressOwner::CiliumRange(node.clone())
            } else {
                AddressOwner::Masqueraded(node.clone())
            });
        }
        self.flannel.iter().any(|r| r.contains(&ip)).then_some(AddressOwner::FlannelNetwork)
    }
}
