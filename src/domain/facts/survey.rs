//! What is asked of the cluster now and then: it is not needed to act, and watching it would cost more than it is worth.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use super::{Key, PolicyFact};
use ipnet::IpNet;
use jiff::Timestamp;

/// The answer to one question. "Not known", "not there" and "none" are three things.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Asked<T> {
    /// It was not asked yet.
    #[default]
    NotYet,
    /// It could not be read, and why.
    Unreadable(String),
    /// The cluster does not serve the kind, or has no object of that name.
    Absent,
    /// What it said.
    Known(T),
}

impl<T> Asked<T> {
    /// What it said, where it said something.
    pub const fn known(&self) -> Option<&T> {
        match self {
            Self::Known(said) => Some(said),
            _ => None,
        }
    }

    /// Why it is not known; nothing where it is.
    pub fn unknown(&self) -> Option<&str> {
        match self {
            Self::NotYet => Some("not asked yet"),
            Self::Unreadable(why) => Some(why),
            Self::Absent | Self::Known(_) => None,
        }
    }
}

/// The answers, with the time at which they were given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// When it was last asked.
    pub at: Option<Timestamp>,
    /// Every address of every Service: cluster IPs, external IPs, those of load balancers.
    pub service_addresses: Asked<Vec<(Key, IpAddr)>>,
    /// ServiceCIDR objects.
    pub service_ranges: Asked<Vec<(Arc<str>, IpNet)>>,
    /// kube-proxy's configuration.
    pub kube_proxy: Asked<KubeProxyFact>,
    /// kubeadm's configuration of the cluster.
    pub kubeadm: Asked<KubeadmFact>,
    /// Webhooks that admit objects and are served from pods.
    pub webhooks: Asked<Vec<WebhookFact>>,
    /// APIs that are served from pods.
    pub api_services: Asked<Vec<ApiServiceFact>>,
    /// What the Services of webhooks and APIs select.
    pub backends: BTreeMap<Key, BTreeMap<String, String>>,
    /// NetworkPolicies, with the pods that each selects.
    pub policies: Asked<Vec<PolicyFact>>,
    /// The labels of every namespace, where a policy selects namespaces by them.
    pub namespace_labels: Asked<BTreeMap<Arc<str>, BTreeMap<String, String>>>,
    /// Cilium's own policies, as `kind/namespace/name`.
    pub cilium_policies: Asked<Vec<String>>,
}

/// What kube-proxy is set up with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KubeProxyFact {
    /// `iptables`, `ipvs`, `nftables`, …; empty for the default of its version.
    pub mode: String,
    /// The ranges that it takes for the pods' own.
    pub cluster_cidr: Vec<IpNet>,
}

/// What kubeadm was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KubeadmFact {
    /// `networking.podSubnet`.
    pub pod_ranges: Vec<IpNet>,
    /// `networking.serviceSubnet`.
    pub service_ranges: Vec<IpNet>,
}

/// A webhook that is served from pods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebhookFact {
    /// The object that registers it, as `kind/name`.
    pub object: String,
    /// Its own name.
    pub name: String,
    /// Its Service.
    pub service: Key,
    /// Requests are refused while it does not answer.
    pub fails: bool,
    /// It is asked about pods or evictions.
    pub about_pods: bool,
    /// It is asked about some namespaces or some objects alone.
    pub scoped: bool,
}

/// An API that is served from pods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiServiceFact {
    /// Its name, as `v1beta1.metrics.k8s.io`.
    pub name: String,
    /// Its Service.
    pub service: Key,
    /// It answers.
    pub available: bool,
}
