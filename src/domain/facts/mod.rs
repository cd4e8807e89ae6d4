//! What is known of the cluster: slim rows, folded from watches, with the indices that keep questions cheap.

mod admission;
mod by_name;
mod cni;
mod key;
mod needs;
mod node;
mod order;
mod pods;
mod policy;
mod source;
mod storage;
mod survey;
mod workload;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use ipnet::IpNet;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

pub use admission::{Admission, Refusal, RefusedBy, TaskPods};
pub use by_name::ByName;
pub use cni::{Cni, CniCounts, Ranges};
pub use key::{Key, in_namespace};
pub use kube::core::{Selector, SelectorExt};
pub use needs::{AffinityTerm, Needs, Room, Taint, Term, Toleration};
pub use node::{CiliumConfigFact, DaemonSetFact, FlannelCopyFact, NodeConfigFact, NodeFact, roles};
pub use order::Order;
pub use pods::{Mark, Pods};
pub use policy::{PolicyFact, PolicyPeer, PolicyPort, PolicyRule, Ports};
pub use source::{Freshness, Source, Sources};
pub use storage::{VolumeFact, Volumes};
pub use survey::{ApiServiceFact, Asked, KubeProxyFact, KubeadmFact, Survey, WebhookFact};
pub use workload::{
    ATTACHMENTS, BudgetFact, NETWORK_STATUS, NETWORKS, NamespaceFact, Owner, PodFact, PodPhase, WorkloadFact,
};

use super::{
    api::{Migration, NodeMigration, Pin, Pins},
    effect::{FLANNEL_BACKUP, NODE_CONFIG, RELEASE, Right},
    encryption::IpsecKey,
    flannel::FlannelFact,
    guard::FlowFacts,
    lease::Holder,
};

/// Everything that is known.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Nodes by name.
    pub nodes: ByName<NodeFact>,
    /// Pods.
    pub pods: Pods,
    /// Disruption budgets.
    pub budgets: BTreeMap<Key, BudgetFact>,
    /// Deployments, StatefulSets and ReplicaSets without a controller, as `namespace/Kind/name`.
    pub workloads: BTreeMap<Arc<str>, WorkloadFact>,
    /// Persistent volumes by name.
    pub volumes: Volumes,
    /// Claims, with the volume that each is bound to.
    pub claims: BTreeMap<Key, Arc<str>>,
    /// VolumeAttachments by node and name, with the volume; empty for an inline one.
    pub attachments: BTreeMap<(Arc<str>, Arc<str>), Arc<str>>,
    /// Namespaces of which there is something to know.
    pub namespaces: BTreeMap<Arc<str>, NamespaceFact>,
    /// What host tasks that left no pod behind have reported, by the pod's name that they would have had:
    /// exit code and report. Lost with the engine; the task is then run again.
    pub reports: BTreeMap<String, (i32, String)>,
    /// DaemonSets.
    pub daemon_sets: BTreeMap<Key, DaemonSetFact>,
    /// Network policies: Flannel ignores them, Cilium enforces them.
    pub policies: BTreeSet<Key>,
    /// Cilium's ranges by node, out of the CiliumNodes.
    pub cilium_ranges: BTreeMap<Arc<str>, Vec<IpNet>>,
    /// CiliumNodeConfigs: name, and whether it selects every node.
    pub node_configs: BTreeMap<Key, NodeConfigFact>,
    /// Custom resource definitions by name, with the versions that are served once established.
    pub crds: BTreeMap<Arc<str>, Vec<String>>,
    /// What every ConfigMap `cilium-config` says, in whatever namespace: see [`Facts::cilium_config`].
    pub cilium_configs: BTreeMap<Key, CiliumConfigFact>,
    /// What every ConfigMap `kube-flannel-cfg` says: see [`Facts::flannel`].
    pub flannel_configs: BTreeMap<Key, FlannelFact>,
    /// What every ConfigMap holds that is named like Cutover's copy of Flannel's objects: see [`Facts::flannel_copy`].
    pub flannel_copies: BTreeMap<Key, FlannelCopyFact>,
    /// The Migration.
    pub migration: Option<Arc<Migration>>,
    /// NodeMigrations by node.
    pub node_migrations: ByName<Arc<NodeMigration>>,
    /// What was asked of the cluster and of this machine once, at start.
    pub surroundings: Surroundings,
    /// Whether the pods of host tasks would be admitted, as the API server last said.
    pub task_pods: TaskPods,
    /// What was asked now and then. Shared, because it is large and changes seldom.
    pub survey: Arc<Survey>,
    /// Milliseconds within which the API server answers, rounded up to steps so that it seldom changes.
    pub latency: Option<u32>,
    /// Seconds by which this machine's clock is ahead of the API server's; 0 where that is little.
    pub clock_off: i64,
    /// Who holds the Lease, where somebody looks.
    pub engine: Holder,
    /// The API server says that its etcd is not well.
    pub etcd_failing: bool,
    /// What the flows say.
    pub flows: FlowFacts,
    /// Every source, with how fresh it is.
    pub sources: Sources,
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
    /// The Secret with the key of IPsec, where it is there and readable: its number, or what is wrong with it.
    pub ipsec_key: Option<Result<IpsecKey, String>>,
    /// The name of the machine, or of the pod, that this program runs on.
    pub own_name: String,
    /// The namespace that the client is in: the pod's own, where it runs as a pod.
    pub own_namespace: String,
    /// The user as the API server knows it; empty where it does not say.
    pub user: String,
    /// UID of the namespace `kube-system`; empty when it could not be read.
    pub cluster: String,
}

impl Surroundings {
    /// How a request is signed: with the user that the cluster knows, and the one on this machine.
    pub fn signed(&self, here: &str) -> String {
        if self.user.is_empty() { here.to_owned() } else { format!("{} ({here})", self.user) }
    }
}

/// Resource versions of one object compare as numbers (KEP-5504); another UID is another object.
fn is_older(this: &ObjectMeta, known: &ObjectMeta) -> bool {
    let version = |m: &ObjectMeta| m.resource_version.as_ref().and_then(|v| v.parse::<u64>().ok()).unwrap_or(0);
    this.uid == known.uid && version(this) < version(known)
}

impl Facts {
    /// The workload that owns a pod, where it is one that is known.
    pub fn workload_of(&self, pod: &PodFact) -> Option<&WorkloadFact> {
        self.workloads.get(pod.object().as_str())
    }

    /// Pods of host tasks: those in the namespace of Cilium's release that belong to this Migration. Any tenant can call a
    /// pod so elsewhere; who may create pods in that namespace is trusted with every host already.
    pub fn task_pods(&self) -> impl Iterator<Item = &PodFact> {
        self.pods.marked(&Mark::Task).filter(|p| self.is_task(p))
    }

    /// Is this the pod of a host task?
    pub fn is_task(&self, pod: &PodFact) -> bool {
        let is_ours = || self.is_this_migration(pod.task_owner.as_deref());
        pod.task.is_some() && *pod.key.namespace == *self.cilium_namespace() && is_ours()
    }

    /// Ready pods of a controller, given as `namespace/Kind/name`.
    pub fn ready_pods_of(&self, controller: &str) -> i32 {
        let mut parts = controller.splitn(3, '/');
        let (Some(namespace), Some(kind), Some(name)) = (parts.next(), parts.next(), parts.next()) else { return 0 };
        let owner = Owner { kind: kind.into(), name: name.into() };
        let ready = self.pods.owned_by(&namespace.into(), owner).filter(|p| p.ready && p.deleting.is_none());
        i32::try_from(ready.count()).unwrap_or(i32::MAX)
    }

    /// Ready pods of a pod's controller, itself not counted.
    pub fn ready_beside(&self, pod: &PodFact) -> i32 {
        self.ready_pods_of(&pod.object()) - i32::from(pod.ready && pod.deleting.is_none())
    }

    /// The node that this program runs on: as a pod, or because the machine is called like it.
    pub fn own_node(&self) -> Option<&str> {
        let own = self.surroundings.own_name.as_str();
        if own.is_empty() {
            return None;
        }
        self.nodes.get_key_value(own).map(|(n, _)| &**n).or_else(|| {
            let pod = self.pods.get(&Key::new(&self.surroundings.own_namespace, own))?;
            (!pod.node.is_empty()).then_some(&*pod.node)
        })
    }

    /// Members of etcd that run as static pods.
    pub fn etcd_members(&self) -> impl Iterator<Item = &PodFact> {
        self.pods.marked(&Mark::Etcd)
    }

    /// Part of the control plane: by a role that any distribution gives it, or because a member of etcd runs on it,
    /// whatever its labels.
    pub fn is_control_plane(&self, node: &NodeFact) -> bool {
        node.control_plane || self.has_etcd(node)
    }

    /// A member of etcd runs on the node, or its role says so.
    pub fn has_etcd(&self, node: &NodeFact) -> bool {
        node.etcd || self.etcd_members().any(|p| p.node == node.name)
    }

    /// The pods of a node.
    pub fn pods_on<'a>(&'a self, node: &str) -> impl Iterator<Item = &'a PodFact> + use<'a> {
        self.pods.on(node)
    }

    /// The pods that carry the network: everything of Cilium's, and the pods of Flannel's DaemonSets.
    pub fn network_pods(&self) -> impl Iterator<Item = &PodFact> {
        let flannels = self.flannel_daemon_sets().flat_map(|set| {
            let owner = Owner { kind: "DaemonSet".into(), name: Arc::clone(&set.key.name) };
            self.pods.owned_by(&set.key.namespace, owner)
        });
        self.pods.marked(&Mark::Cilium).chain(flannels)
    }

    /// The namespace of Cilium's release; the chart's usual one while there is no Migration.
    pub fn cilium_namespace(&self) -> &str {
        self.migration.as_ref().map_or("kube-system", |m| &m.spec.cilium.namespace)
    }

    /// What of Cilium's has this name, in the namespace of its release alone: another one is somebody else's.
    fn of_cilium<'a, T>(&self, map: &'a BTreeMap<Key, T>, name: &str) -> Option<&'a T> {
        let namespace = self.cilium_namespace();
        map.iter().find(|(key, _)| *key.name == *name && *key.namespace == *namespace).map(|(_, found)| found)
    }

    /// What Cilium's own ConfigMap says.
    pub fn cilium_config(&self) -> Option<&CiliumConfigFact> {
        self.of_cilium(&self.cilium_configs, "cilium-config")
    }

    /// Cilium's DaemonSet of agents, as its chart names it.
    pub fn cilium_agents(&self) -> Option<&DaemonSetFact> {
        self.of_cilium(&self.daemon_sets, RELEASE).filter(|d| d.runs_agents())
    }

    /// Every DaemonSet that looks like Cilium's agents, whosever it is.
    pub fn any_cilium_agents(&self) -> impl Iterator<Item = &DaemonSetFact> {
        self.daemon_sets.values().filter(|d| d.runs_agents())
    }

    /// The SHA-256 of Cutover's copy of Flannel's objects, where there is one.
    pub fn flannel_copy(&self) -> Option<&Arc<str>> {
        self.copied_flannel().map(|copy| &copy.digest)
    }

    /// Cutover's copy of Flannel's objects.
    pub fn copied_flannel(&self) -> Option<&FlannelCopyFact> {
        self.of_cilium(&self.flannel_copies, FLANNEL_BACKUP)
    }

    /// What a migration leaves on a cluster while it is under way.
    pub fn traces(&self) -> Vec<String> {
        let marked = self.nodes.values().filter(|n| n.has_marks() || n.stray_mark || n.switched || n.multus.is_some());
        let nodes = marked.map(|n| format!("marks on node/{}", n.name));
        let copies = self.flannel_copies.keys().map(|key| format!("configmap/{key}"));
        let configs = self.node_configs.keys().filter(|key| *key.name == *NODE_CONFIG);
        nodes.chain(copies).chain(configs.map(|key| format!("ciliumnodeconfig/{key}"))).collect()
    }

    /// What the Migration relied on when it began.
    pub(crate) fn pins(&self) -> Option<&Pins> {
        self.migration.as_ref()?.status.as_ref()?.pins.as_ref()
    }

    /// This migration has set the node's marks, or has taken over one that did. Marks without its UID, as a taint alone,
    /// are anybody's, unless the node's record says that it is out.
    pub fn owns_marks(&self, node: &NodeFact) -> bool {
        let is_out = || {
            let status = self.node_migrations.get(&node.name).and_then(|r| r.status.as_ref());
            status.is_some_and(|s| s.step.is_out() && s.node_uid.as_deref().is_none_or(|uid| *uid == *node.uid))
        };
        if !node.cordoned_by_cutover && !node.stray_mark {
            return is_out();
        }
        self.is_this_migration(node.mark.as_deref())
    }

    /// The UID is that of this Migration, or of one that it has taken over.
    fn is_this_migration(&self, uid: Option<&str>) -> bool {
        let own = self.migration.as_ref().and_then(|m| m.metadata.uid.as_deref());
        uid == own || self.pins().is_some_and(|p| p.marks.iter().any(|m| Some(&**m) == uid))
    }

    /// This migration has taken the node out, and has not given it back.
    pub fn is_taken_out(&self, node: &NodeFact) -> bool {
        node.has_marks() && self.owns_marks(node)
    }

    /// This migration has cordoned the node.
    pub fn is_cordoned_by_cutover(&self, node: &NodeFact) -> bool {
        node.cordoned_by_cutover && self.owns_marks(node)
    }

    /// The DaemonSets that preflight took for Flannel's, by key.
    fn pinned_flannel(&self) -> Option<&[Pin]> {
        self.pins().map(|p| &*p.flannel).filter(|pins| !pins.is_empty())
    }

    /// Flannel's DaemonSets: those that the Migration began with; before that all that look like it.
    pub fn flannel_daemon_sets(&self) -> impl Iterator<Item = &DaemonSetFact> {
        let pins = self.pinned_flannel();
        // a pin is a claim of whoever can write a status: alone it makes nothing Flannel's
        let pinned = move |d: &DaemonSetFact| pins.is_none_or(|pins| pins.iter().any(|pin| pin.is(&d.key)));
        self.daemon_sets.values().filter(move |d| d.runs_flannel() && pinned(d))
    }

    /// A pinned DaemonSet of Flannel's that is gone, or runs something else now.
    pub(crate) fn missing_flannel(&self) -> Option<&Pin> {
        self.pinned_flannel()?.iter().find(|pin| !self.flannel_daemon_sets().any(|d| pin.is(&d.key)))
    }

    /// Every DaemonSet that looks like Flannel's, whosever it is and whatever it is called.
    pub fn any_flannel_daemon_sets(&self) -> impl Iterator<Item = &DaemonSetFact> {
        self.daemon_sets.values().filter(|d| d.runs_flannel())
    }

    /// Flannel's configuration, by the ConfigMap that holds it: in the namespaces of its DaemonSets alone.
    pub fn flannel(&self) -> impl Iterator<Item = (&Key, &FlannelFact)> {
        let pins = self.pinned_flannel();
        self.flannel_configs.iter().filter(move |(key, _)| match pins {
            Some(pins) => pins.iter().any(|pin| *pin.namespace == *key.namespace),
            None => self.daemon_sets.values().any(|d| d.key.namespace == key.namespace && d.runs_flannel()),
        })
    }

    /// The Cilium agent of a node.
    pub fn agent_on(&self, node: &str) -> Option<&PodFact> {
        let agents = self.cilium_agents()?;
        self.daemon_pod(agents, node)
    }

    /// The pod of a DaemonSet on a node; one that is being deleted only if there is no other.
    pub fn daemon_pod(&self, set: &DaemonSetFact, node: &str) -> Option<&PodFact> {
        let is_its = |p: &&PodFact| {
            p.key.namespace == set.key.namespace
                && p.owner.as_ref().is_some_and(|o| &*o.kind == "DaemonSet" && o.name == set.key.name)
        };
        self.pods_on(node).filter(is_its).min_by_key(|p| p.deleting.is_some())
    }

    /// Flannel's pod on a node.
    pub fn flannel_on(&self, node: &str) -> Option<&PodFact> {
        self.flannel_daemon_sets().find_map(|d| self.daemon_pod(d, node))
    }

    /// Takes the Migration in, unless a newer one is known: what was just written may be known before the watch
    /// delivers what was before it.
    pub fn put_migration(&mut self, mut migration: Migration) {
        if self.migration.as_ref().is_none_or(|m| !is_older(&migration.metadata, &m.metadata)) {
            migration.metadata.managed_fields = None;
            self.migration = Some(Arc::new(migration));
        }
    }

    /// Takes a node's record in, unless a newer one is known.
    pub fn put_record(&mut self, mut record: NodeMigration) {
        let name = record.metadata.name.as_deref().unwrap_or_default();
        let node = self.nodes.get_key_value(name).map_or_else(|| name.into(), |(node, _)| Arc::clone(node));
        if self.node_migrations.get(name).is_none_or(|r| !is_older(&record.metadata, &r.metadata)) {
            record.metadata.managed_fields = None;
            self.node_migrations.insert(node, Arc::new(record));
        }
    }

    /// Every source has been listed, and what is asked once has been answered.
    pub fn is_known(&self) -> bool {
        self.stale().is_empty() && self.surroundings.helm.is_some()
    }

    /// The highest epoch in any record: an engine of an older term is not to act any more.
    pub fn epoch(&self) -> i64 {
        let migration = self.migration.iter().filter_map(|m| m.status.as_ref()).map(|s| s.epoch);
        let nodes = self.node_migrations.values().filter_map(|n| n.status.as_ref()).map(|s| s.epoch);
        migration.chain(nodes).max().unwrap_or_default()
    }

    /// The words for the sources that are late.
    pub fn stale(&self) -> Vec<&'static str> {
        self.sources.iter().filter(|(_, f)| !f.is_usable()).map(|(source, _)| source.word()).collect()
    }

    /// The version in which CiliumNodeConfigs are served: `v2` before `v2alpha1`, whatever Cilium's
    /// version says: clusters that were upgraded serve other versions than their Cilium suggests.
    pub fn node_config_version(&self) -> Option<&str> {
        let served = self.crds.get("ciliumnodeconfigs.cilium.io")?;
        ["v2", "v2alpha1"].into_iter().find(|v| served.iter().any(|s| s == v))
    }
}
