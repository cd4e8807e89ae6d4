//! What is known of the cluster: slim rows, folded from watches.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use ipnet::IpNet;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{
    api::{Migration, NodeMigration},
    flannel::FlannelFact,
};

/// Namespace and name.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The namespace; empty for a cluster-scoped object.
    pub namespace: Arc<str>,
    /// The name.
    pub name: Arc<str>,
}

impl Key {
    /// A key from its parts.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.namespace.is_empty() { f.write_str(&self.name) } else { write!(f, "{}/{}", self.namespace, self.name) }
    }
}

/// Everything that is known.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Nodes by name.
    pub nodes: BTreeMap<Arc<str>, NodeFact>,
    /// Pods.
    pub pods: BTreeMap<Key, PodFact>,
    /// Disruption budgets.
    pub budgets: BTreeMap<Key, BudgetFact>,
    /// DaemonSets.
    pub daemon_sets: BTreeMap<Key, DaemonSetFact>,
    /// Network policies: they begin to bite when Cilium enforces.
    pub policies: BTreeSet<Key>,
    /// Cilium's ranges by node, out of the CiliumNodes.
    pub cilium_ranges: BTreeMap<Arc<str>, Vec<IpNet>>,
    /// CiliumNodeConfigs: name, and whether it selects every node.
    pub node_configs: BTreeMap<Key, NodeConfigFact>,
    /// Custom resource definitions by name, with the versions that are served once established.
    pub crds: BTreeMap<Arc<str>, Vec<String>>,
    /// What the ConfigMap `cilium-config` says.
    pub cilium_config: Option<CiliumConfigFact>,
    /// Flannel's configuration, by the ConfigMap that holds it.
    pub flannel: BTreeMap<Key, FlannelFact>,
    /// Cutover's copy of Flannel's objects exists.
    pub flannel_backup: bool,
    /// The Migration.
    pub migration: Option<Migration>,
    /// NodeMigrations by node.
    pub node_migrations: BTreeMap<Arc<str>, NodeMigration>,
    /// What was asked of the cluster and of this machine once, at start.
    pub surroundings: Surroundings,
    /// The API server answers within so many milliseconds, rounded up to steps so that it seldom changes.
    pub latency: Option<u32>,
    /// Sources by name, with how fresh they are.
    pub sources: BTreeMap<&'static str, Freshness>,
}

/// What is asked once, before anything begins.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The API server's version.
    pub server_version: String,
    /// Cluster address of the service `kubernetes`.
    pub service_address: Option<IpAddr>,
    /// Rights that Cutover needs and the user lacks, as `create pods/eviction`.
    pub missing_rights: Vec<String>,
    /// helm's version, or why it cannot be used. `None`: not asked.
    pub helm: Option<Result<String, String>>,
}

/// How fresh a source is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// The first list has not come yet.
    Starting,
    /// Listed and watching.
    Live,
    /// The kind is not served by this cluster (yet).
    Absent,
    /// The watch broke; since when and why.
    Retrying {
        /// Since when.
        since: Timestamp,
        /// The last error.
        error: String,
    },
}

impl Freshness {
    /// Decisions may be built on it.
    pub const fn is_usable(&self) -> bool {
        matches!(self, Self::Live | Self::Absent)
    }
}

/// A node.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, as the API has it")]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeFact {
    /// Its name.
    pub name: Arc<str>,
    /// Its UID.
    pub uid: Arc<str>,
    /// Condition Ready is True.
    pub ready: bool,
    /// Why it is not, as the node says.
    pub not_ready_reason: String,
    /// `spec.unschedulable`.
    pub unschedulable: bool,
    /// Cutover cordoned it.
    pub cordoned_by_cutover: bool,
    /// Cutover's taint keeps DaemonSet pods away.
    pub kept_away: bool,
    /// The label that makes its Cilium agent take over is set.
    pub switched: bool,
    /// It is part of the control plane.
    pub control_plane: bool,
    /// The boot id that its kubelet reports.
    pub boot_id: Arc<str>,
    /// Flannel's (kube-controller-manager's) ranges.
    pub pod_ranges: Vec<IpNet>,
    /// Its internal addresses.
    pub addresses: Vec<IpAddr>,
    /// Kernel version.
    pub kernel: String,
    /// Operating system: `linux` or `windows`.
    pub os: String,
    /// Kubelet version.
    pub kubelet: String,
    /// Its labels.
    pub labels: Arc<BTreeMap<String, String>>,
    /// Flannel's backend as its annotation says.
    pub flannel_backend: Option<String>,
    /// Taints as `key=value:Effect`, those of Cutover left out.
    pub taints: Vec<String>,
}

/// Who owns a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Kind of the controller, with a ReplicaSet of a Deployment resolved to the Deployment.
    pub kind: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

/// A pod.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, as the API has it")]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodFact {
    /// Namespace and name.
    pub key: Key,
    /// Its UID.
    pub uid: Arc<str>,
    /// The node it is bound to; empty while Pending.
    pub node: Arc<str>,
    /// Its phase.
    pub phase: Arc<str>,
    /// Condition Ready is True.
    pub ready: bool,
    /// Restarts of all its containers.
    pub restarts: u32,
    /// Its address.
    pub ip: Option<IpAddr>,
    /// It uses its node's network.
    pub host_network: bool,
    /// Its controller.
    pub owner: Option<Owner>,
    /// A static pod's mirror.
    pub mirror: bool,
    /// It is being deleted, since when.
    pub deleting: Option<Timestamp>,
    /// No taint keeps it away, Cutover's neither.
    pub tolerates_all: bool,
    /// It has an emptyDir volume.
    pub empty_dir: bool,
    /// Its labels.
    pub labels: Arc<BTreeMap<String, String>>,
    /// Image of its first container.
    pub image: Arc<str>,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// Why it waits, as its container or its scheduling condition says.
    pub reason: String,
    /// One of Cutover's task pods: the task.
    pub task: Option<Arc<str>>,
    /// What a task pod reported when it ended: exit code and message.
    pub report: Option<(i32, String)>,
}

impl PodFact {
    /// Neither Succeeded nor Failed.
    pub fn is_living(&self) -> bool {
        !matches!(&*self.phase, "Succeeded" | "Failed")
    }

    /// Owned by a DaemonSet.
    pub fn is_daemon(&self) -> bool {
        self.owner.as_ref().is_some_and(|o| &*o.kind == "DaemonSet")
    }
}

/// A disruption budget, with the numbers that decide.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BudgetFact {
    /// Namespace and name.
    pub key: Key,
    /// Its selector; `None` selects nothing, an empty one everything in the namespace.
    pub selector: Option<Selector>,
    /// How many pods may go now.
    pub allowed: i32,
    /// Healthy pods.
    pub healthy: i32,
    /// Healthy pods it asks for.
    pub desired: i32,
    /// Pods it counts.
    pub expected: i32,
}

/// A label selector.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selector {
    /// Labels that must have these values.
    pub labels: BTreeMap<String, String>,
    /// Key, operator (`In`, `NotIn`, `Exists`, `DoesNotExist`), values.
    pub expressions: Vec<(String, String, Vec<String>)>,
}

impl Selector {
    /// Does it match? An empty selector matches everything, as in policy/v1.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.labels.iter().all(|(k, v)| labels.get(k) == Some(v))
            && self.expressions.iter().all(|(key, operator, values)| {
                let value = labels.get(key);
                match operator.as_str() {
                    "In" => value.is_some_and(|v| values.contains(v)),
                    "NotIn" => value.is_none_or(|v| !values.contains(v)),
                    "Exists" => value.is_some(),
                    "DoesNotExist" => value.is_none(),
                    _ => false,
                }
            })
    }
}

/// A DaemonSet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DaemonSetFact {
    /// Namespace and name.
    pub key: Key,
    /// Pods wanted.
    pub desired: i32,
    /// Pods ready.
    pub ready: i32,
    /// Pods of the newest template.
    pub updated: i32,
    /// The controller has seen the newest spec.
    pub observed: bool,
    /// Image of the first container.
    pub image: Arc<str>,
    /// Names of its containers.
    pub containers: Vec<String>,
    /// Cutover's mark on its template: for what it was restarted.
    pub restarted_for: Option<String>,
    /// Who manages it: helm, Argo CD, Flux, an addon manager.
    pub managed_by: Option<String>,
    /// Its pods' service account.
    pub service_account: String,
}

impl DaemonSetFact {
    /// Every pod is of the newest template and ready.
    pub const fn is_rolled_out(&self) -> bool {
        self.observed && self.desired > 0 && self.ready >= self.desired && self.updated >= self.desired
    }
}

/// A CiliumNodeConfig.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeConfigFact {
    /// Its selector is empty, so it applies to every node.
    pub selects_all: bool,
}

/// What decides about Cilium, out of `cilium-config`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CiliumConfigFact {
    /// Its namespace.
    pub namespace: String,
    /// `custom-cni-conf`: agents leave the CNI directory alone unless a CiliumNodeConfig says otherwise.
    pub custom_conf: bool,
    /// `enable-policy`.
    pub enable_policy: String,
    /// `cluster-pool-ipv4-cidr`.
    pub pool: Vec<IpNet>,
}

/// Resource versions of one object compare as numbers (KEP-5504); another UID is another object.
fn is_older(this: &ObjectMeta, known: &ObjectMeta) -> bool {
    let version = |m: &ObjectMeta| m.resource_version.as_ref().and_then(|v| v.parse::<u64>().ok()).unwrap_or(0);
    this.uid == known.uid && version(this) < version(known)
}

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

impl Facts {
    /// Which CNI gave a pod its address, judged by the ranges of its node.
    pub fn cni_of(&self, pod: &PodFact) -> Cni {
        if pod.host_network {
            return Cni::Host;
        }
        let Some(ip) = pod.ip else { return Cni::Unknown };
        let within = |ranges: &[IpNet]| ranges.iter().any(|r| r.contains(&ip));
        if self.cilium_ranges.get(&pod.node).is_some_and(|r| within(r)) {
            Cni::Cilium
        } else if self.nodes.get(&pod.node).is_some_and(|n| within(&n.pod_ranges))
            || self.flannel.values().any(|f| within(&f.networks))
        {
            Cni::Flannel
        } else if self.cilium_config.as_ref().is_some_and(|c| within(&c.pool)) {
            Cni::Cilium
        } else {
            Cni::Unknown
        }
    }

    /// The pods of a node.
    pub fn pods_on<'a>(&'a self, node: &'a str) -> impl Iterator<Item = &'a PodFact> {
        self.pods.values().filter(move |p| &*p.node == node)
    }

    /// Living pods with an address of this CNI, on a node or everywhere.
    pub fn pods_with<'a>(&'a self, cni: Cni, node: Option<&'a str>) -> impl Iterator<Item = &'a PodFact> {
        self.pods.values().filter(move |p| node.is_none_or(|n| &*p.node == n) && p.is_living() && self.cni_of(p) == cni)
    }

    /// Cilium's DaemonSet of agents.
    pub fn cilium_agents(&self) -> Option<&DaemonSetFact> {
        self.daemon_sets.values().find(|d| d.containers.iter().any(|c| c == "cilium-agent"))
    }

    /// Flannel's DaemonSets: any with a container of Flannel's, whatever it is called.
    pub fn flannel_daemon_sets(&self) -> impl Iterator<Item = &DaemonSetFact> {
        self.daemon_sets.values().filter(|d| {
            d.containers.iter().any(|c| c == "kube-flannel")
                || d.image.split([':', '@']).next().is_some_and(|i| i.ends_with("/flannel"))
        })
    }

    /// The Cilium agent of a node.
    pub fn agent_on(&self, node: &str) -> Option<&PodFact> {
        let agents = self.cilium_agents()?;
        self.daemon_pod(agents, node)
    }

    /// The pod of a DaemonSet on a node; one that is being deleted only if there is no other.
    pub fn daemon_pod(&self, set: &DaemonSetFact, node: &str) -> Option<&PodFact> {
        self.pods
            .values()
            .filter(|p| {
                &*p.node == node
                    && p.key.namespace == set.key.namespace
                    && p.owner.as_ref().is_some_and(|o| &*o.kind == "DaemonSet" && o.name == set.key.name)
            })
            .min_by_key(|p| p.deleting.is_some())
    }

    /// Flannel's pod on a node.
    pub fn flannel_on(&self, node: &str) -> Option<&PodFact> {
        self.flannel_daemon_sets().find_map(|d| self.daemon_pod(d, node))
    }

    /// Takes the Migration in, unless a newer one is known: what was just written may be known before
    /// the watch tells of what was before it.
    pub fn put_migration(&mut self, migration: Migration) {
        if self.migration.as_ref().is_none_or(|m| !is_older(&migration.metadata, &m.metadata)) {
            self.migration = Some(migration);
        }
    }

    /// Takes a node's record in, unless a newer one is known.
    pub fn put_record(&mut self, record: NodeMigration) {
        let name = record.metadata.name.as_deref().unwrap_or_default();
        if self.node_migrations.get(name).is_none_or(|r| !is_older(&record.metadata, &r.metadata)) {
            self.node_migrations.insert(name.into(), record);
        }
    }

    /// Every source has been listed, and what is asked once has been answered.
    pub fn is_known(&self) -> bool {
        !self.sources.is_empty() && self.stale().is_empty() && self.surroundings.helm.is_some()
    }

    /// Sources that are late.
    pub fn stale(&self) -> Vec<&'static str> {
        self.sources.iter().filter(|(_, f)| !f.is_usable()).map(|(name, _)| *name).collect()
    }

    /// The version in which CiliumNodeConfigs are served: `v2` before `v2alpha1`, whatever Cilium's
    /// version says: clusters that were upgraded serve other versions than their Cilium suggests.
    pub fn node_config_version(&self) -> Option<&str> {
        let served = self.crds.get("ciliumnodeconfigs.cilium.io")?;
        ["v2", "v2alpha1"].into_iter().find(|v| served.iter().any(|s| s == v))
    }
}
