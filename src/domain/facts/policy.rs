//! NetworkPolicies, with their rules.

use ipnet::IpNet;
use kube::core::Selector;

use super::Key;

/// A NetworkPolicy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFact {
    /// Namespace and name.
    pub key: Key,
    /// Which pods of its namespace.
    pub selector: Selector,
    /// What may reach them; `None`: it does not limit that.
    pub ingress: Option<Vec<PolicyRule>>,
    /// What they may reach; `None`: it does not limit that.
    pub egress: Option<Vec<PolicyRule>>,
}

impl PolicyFact {
    /// Some of its rules select namespaces by their labels.
    pub fn selects_namespaces(&self) -> bool {
        let peers = self.ingress.iter().chain(&self.egress).flatten().flat_map(|rule| &rule.peers);
        peers.into_iter().any(|peer| matches!(peer, PolicyPeer::Pods { namespaces: Some(_), .. }))
    }
}

/// What a policy allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyRule {
    /// With whom; empty: with everybody.
    pub peers: Vec<PolicyPeer>,
    /// On which ports of the server; empty: on all.
    pub ports: Vec<PolicyPort>,
}

/// The other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyPeer {
    /// Pods, in the policy's own namespace where `namespaces` is `None`.
    Pods {
        /// Which namespaces.
        namespaces: Option<Selector>,
        /// Which of their pods; `None`: all.
        pods: Option<Selector>,
    },
    /// Addresses.
    Range {
        /// Those in it,
        range: IpNet,
        /// but not those.
        except: Vec<IpNet>,
    },
}

/// Ports of a protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyPort {
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: String,
    /// Which.
    pub ports: Ports,
}

/// Which ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ports {
    /// All.
    All,
    /// From one to another, both included.
    Range(u16, u16),
    /// The one that the server's containers call so.
    Named(String),
}
