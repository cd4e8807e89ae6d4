//! What is known of the cluster: slim rows, folded from watches.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use ipnet::IpNet;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

pub use super::workload::{BudgetFact, Owner, PodFact, Selector, WorkloadFact};
use super::{
    api::{Migration, NodeMigration},
    effect::Right,
    flannel::FlannelFact,
    guard::FlowFacts,
    placement::{Room, Taint},
    problem::ProblemKind,
    storage::{AttachmentFact, VolumeFact},
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

/// What a map holds of one namespace: its keys are sorted by it.
pub fn in_namespace<'a, T>(map: &'a BTreeMap<Key, T>, namespace: &'a str) -> impl Iterator<Item = &'a T> {
    map.range(Key::new(namespace, "")..).take_while(move |(k, _)| *k.namespace == *namespace).map(|(_, v)| v)
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
    /// Deployments, StatefulSets and ReplicaSets that nobody owns, as `namespace/Kind/name`.
    pub workloads: BTreeMap<Arc<str>, WorkloadFact>,
    /// Persistent volumes by name.
    pub volumes: BTreeMap<Arc<str>, VolumeFact>,
    /// Claims, with the volume that each is bound to.
    pub claims: BTreeMap<Key, Arc<str>>,
    /// VolumeAttachments by name.
    pub attachments: BTreeMap<Arc<str>, AttachmentFact>,
    /// Namespaces that are being deleted.
    pub ending_namespaces: BTreeSet<Arc<str>>,
    /// What host tasks that left no pod behind have reported, by the pod's name that they would have had:
    /// exit code and report. Lost with the engine; the task is then run again.
    pub reports: BTreeMap<String, (i32, String)>,
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
    /// Seconds by which this machine's clock is ahead of the API server's; 0 where that is little.
    pub clock_off: i64,
    /// The API server says that its etcd is not well.
    pub etcd_failing: bool,
    /// What the flows say.
    pub flows: FlowFacts,
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
    /// Rights that Cutover needs and the user lacks.
    pub missing_rights: Vec<Right>,
    /// helm's version, or why it cannot be used. `None`: not asked.
    pub helm: Option<Result<String, String>>,
    /// The name of the machine, or of the pod, that this program runs on.
    pub own_name: String,
    /// Who the API server takes the user for; empty where it does not say.
    pub user: String,
    /// UID of the namespace `kube-system`; empty when it could not be read.
    pub cluster: String,
}

impl Surroundings {
    /// How a wish is signed: with the user that the cluster knows, and who that is on this machine.
    pub fn signed(&self, here: &str) -> String {
        if self.user.is_empty() { here.to_owned() } else { format!("{} ({here})", self.user) }
    }
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
        /// What kind of problem it is: one that passes by itself, or not.
        kind: ProblemKind,
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
    /// Condition Ready is Unknown: its kubelet is silent.
    pub silent: bool,
    /// Why it is not, as the node says.
    pub not_ready_reason: String,
    /// `spec.unschedulable`.
    pub unschedulable: bool,
    /// Cutover cordoned it.
    pub cordoned_by_cutover: bool,
    /// Cutover's taint keeps DaemonSet pods away.
    pub tainted: bool,
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
    /// Taints, those of Cutover left out.
    pub taints: Vec<Taint>,
    /// What it has for pods.
    pub allocatable: Room,
    /// Volumes that its kubelet has mounted or is about to.
    pub volumes_in_use: Vec<String>,
}

impl NodeFact {
    /// Cutover has taken it out, and has not given it back.
    pub const fn is_taken_out(&self) -> bool {
        self.cordoned_by_cutover || self.tainted
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

    /// The workload that owns a pod, where it is one that is known.
    pub fn workload_of(&self, pod: &PodFact) -> Option<&WorkloadFact> {
        self.workloads.get(super::consent::object_of(pod).as_str())
    }

    /// The node that this program runs on: as a pod, or because the machine is called like it.
    pub fn own_node(&self) -> Option<&str> {
        let own = self.surroundings.own_name.as_str();
        if own.is_empty() {
            return None;
        }
        self.nodes.get_key_value(own).map(|(n, _)| &**n).or_else(|| {
            let pod = self.pods.values().find(|p| *p.key.name == *own && !p.node.is_empty())?;
            Some(&pod.node)
        })
    }

    /// Members of etcd that run as static pods, as kubeadm sets them up.
    pub fn etcd_members(&self) -> impl Iterator<Item = &PodFact> {
        self.pods
            .values()
            .filter(|p| &*p.key.namespace == "kube-system" && p.labels.get("component").is_some_and(|c| c == "etcd"))
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

    /// The highest epoch in any record: an engine of an older term is not to act any more.
    pub fn epoch(&self) -> i64 {
        let migration = self.migration.iter().filter_map(|m| m.status.as_ref()).map(|s| s.epoch);
        let nodes = self.node_migrations.values().filter_map(|n| n.status.as_ref()).map(|s| s.epoch);
        migration.chain(nodes).max().unwrap_or_default()
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
