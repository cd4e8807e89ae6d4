//! Which CNI gave a pod its address: told by the ranges of its node.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{Facts, PodFact};

/// Which CNI a pod's address comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cni {
    /// The node's own network.
    Host,
    /// Flannel's range of its node.
    Flannel,
    /// Cilium's range of its node.
    Cilium,
    /// It has no address yet, or one of nobody's range.
    Unknown,
}

impl Cni {
    /// The word an operator reads.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Flannel => "Flannel",
            Self::Cilium => "Cilium",
            Self::Unknown => "—",
        }
    }
}

/// The ranges that tell whose an address on a node is.
#[derive(Clone, Copy, Debug)]
pub struct Ranges<'a> {
    facts: &'a Facts,
    cilium: &'a [IpNet],
    flannel: &'a [IpNet],
}

impl Ranges<'_> {
    /// Which CNI gave a pod of this node its address.
    pub fn cni(&self, pod: &PodFact) -> Cni {
        if pod.host_network {
            return Cni::Host;
        }
        pod.ip.map_or(Cni::Unknown, |ip| self.of(ip))
    }

    /// Which CNI gave a pod of this node its second address; nothing where it has none.
    pub fn second(&self, pod: &PodFact) -> Option<Cni> {
        pod.second.filter(|_| !pod.host_network).map(|ip| self.of(ip))
    }

    fn of(&self, ip: IpAddr) -> Cni {
        let within = |ranges: &[IpNet]| ranges.iter().any(|r| r.contains(&ip));
        if within(self.cilium) {
            Cni::Cilium
        } else if within(self.flannel) || self.facts.flannel().any(|(_, f)| within(&f.networks)) {
            Cni::Flannel
        } else if self.facts.cilium_config().is_some_and(|c| within(&c.pool)) {
            Cni::Cilium
        } else {
            Cni::Unknown
        }
    }
}

/// How many living pods of a node have an address of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CniCounts {
    /// The node's own network.
    pub host: usize,
    /// Flannel's.
    pub flannel: usize,
    /// Cilium's.
    pub cilium: usize,
    /// None yet, or nobody's.
    pub unknown: usize,
}

impl Facts {
    /// The ranges of a node, looked up once for all of its pods.
    pub fn ranges_of(&self, node: &str) -> Ranges<'_> {
        Ranges {
            facts: self,
            cilium: self.cilium_ranges.get(node).map(Vec::as_slice).unwrap_or_default(),
            flannel: self.nodes.get(node).map(|n| n.pod_ranges.as_slice()).unwrap_or_default(),
        }
    }

    /// Which CNI gave a pod its address, judged by the ranges of its node.
    pub fn cni_of(&self, pod: &PodFact) -> Cni {
        self.ranges_of(&pod.node).cni(pod)
    }

    /// Living pods with an address of this CNI, on a node or, node by node, everywhere.
    pub fn pods_with<'a>(&'a self, cni: Cni, node: Option<&'a str>) -> impl Iterator<Item = &'a PodFact> {
        let every = node.is_none().then(|| self.pods.nodes()).into_iter().flatten();
        node.into_iter().chain(every).flat_map(move |node| {
            let ranges = self.ranges_of(node);
            self.pods_on(node).filter(move |p| p.is_living() && ranges.cni(p) == cni)
        })
    }

    /// How many living pods of a node have an address of each kind.
    pub fn cni_counts(&self, node: &str) -> CniCounts {
        let (ranges, mut counts) = (self.ranges_of(node), CniCounts::default());
        for pod in self.pods_on(node).filter(|p| p.is_living()) {
            match ranges.cni(pod) {
                Cni::Host => counts.host += 1,
                Cni::Flannel => counts.flannel += 1,
                Cni::Cilium => counts.cilium += 1,
                Cni::Unknown => counts.unknown += 1,
            }
        }
        counts
    }
}
