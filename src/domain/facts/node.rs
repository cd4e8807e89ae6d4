//! Nodes, DaemonSets, and the two CNIs' own configuration.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use ipnet::IpNet;

use super::{Key, Order, Room, Taint};

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
    /// Why it is not Ready, as the node says.
    pub not_ready_reason: String,
    /// `spec.unschedulable`.
    pub unschedulable: bool,
    /// It is cordoned, and carries the mark of Cutover's own cordon.
    pub cordoned_by_cutover: bool,
    /// It carries the mark of Cutover's own cordon without being cordoned.
    pub stray_mark: bool,
    /// The UID of the Migration that the mark of Cutover's own cordon names.
    pub mark: Option<Arc<str>>,
    /// Cutover's taint keeps DaemonSet pods away.
    pub tainted: bool,
    /// The label that makes its Cilium agent take over is set.
    pub switched: bool,
    /// Multus is put before its CNIs, in this order, as Cutover's label says.
    pub multus: Option<Order>,
    /// A role label says that it is part of the control plane.
    pub control_plane: bool,
    /// A role label says that a member of etcd runs on it.
    pub etcd: bool,
    /// The boot id that its kubelet reports.
    pub boot_id: Arc<str>,
    /// Flannel's (kube-controller-manager's) ranges.
    pub pod_ranges: Vec<IpNet>,
    /// Its internal addresses.
    pub addresses: Vec<IpAddr>,
    /// Its other addresses.
    pub other_addresses: Vec<IpAddr>,
    /// The addresses that Flannel's annotations name as the node's end of the tunnel.
    pub flannel_addresses: Vec<IpAddr>,
    /// Kernel version.
    pub kernel: String,
    /// Operating system: `linux` or `windows`.
    pub os: String,
    /// The operating system as its kubelet names it: `Debian GNU/Linux 12 (bookworm)`.
    pub os_image: Arc<str>,
    /// `amd64`, `arm64`, …
    pub arch: Arc<str>,
    /// Keys of annotations that tell a distribution.
    pub marks: Vec<Arc<str>>,
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
    /// It carries marks of a node that Cutover has taken out: a claim of their writer, who may be anybody.
    pub const fn has_marks(&self) -> bool {
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
    /// Images of all its containers, those that only prepare the pod among them.
    pub images: Vec<String>,
    /// Commands and arguments of all its containers.
    pub args: Vec<String>,
    /// Folders of the host that it mounts.
    pub host_paths: Vec<String>,
    /// ConfigMaps that it mounts.
    pub config_maps: Vec<String>,
    /// Labels and annotations of its own.
    pub notes: BTreeMap<String, String>,
    /// Its pods are on the host's network.
    pub host_network: bool,
    /// Cutover's mark on its template: for what it was restarted.
    pub restarted_for: Option<String>,
    /// Who manages it: helm, Argo CD, Flux, an addon manager.
    pub managed_by: Option<String>,
}

impl DaemonSetFact {
    /// One of its containers is called like Cilium's agent. Anybody may call one so.
    pub fn runs_agents(&self) -> bool {
        self.containers.iter().any(|c| c == "cilium-agent")
    }

    /// Its pods are on the host's network, and one of its containers is called like Flannel's, or its image is. Anybody
    /// who may create such pods may call them so.
    pub fn runs_flannel(&self) -> bool {
        let named = || self.containers.iter().any(|c| c == "kube-flannel");
        let image = || self.image.split([':', '@']).next().is_some_and(|i| i.ends_with("/flannel"));
        self.host_network && (named() || image())
    }

    /// Every pod is of the newest template and ready.
    pub const fn is_rolled_out(&self) -> bool {
        self.observed && self.desired > 0 && self.ready >= self.desired && self.updated >= self.desired
    }
}

/// A ConfigMap that is named like Cutover's copy of Flannel's objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlannelCopyFact {
    /// SHA-256 of what it holds.
    pub digest: Arc<str>,
    /// The DaemonSets in it.
    pub daemon_sets: Vec<Key>,
    /// Flannel's CNI configuration in it.
    pub cni: Option<Arc<str>>,
}

/// A CiliumNodeConfig.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeConfigFact {
    /// Its selector is empty, so it applies to every node.
    pub selects_all: bool,
}

/// Role labels of the control plane, as distributions set them: kubeadm and Kubespray, before 1.24, RKE1, kops, MicroK8s.
const CONTROL_PLANE: [&str; 5] = [
    "node-role.kubernetes.io/control-plane",
    "node-role.kubernetes.io/master",
    "node-role.kubernetes.io/controlplane",
    "node-role.kubernetes.io/api-server",
    "node.kubernetes.io/microk8s-controlplane",
];
/// Role labels of nodes with a member of etcd: RKE1, RKE2, k3s.
const ETCD: [&str; 2] = ["node-role.kubernetes.io/etcd", "node-role.kubernetes.io/etcd-only"];

/// Is it part of the control plane, and does a member of etcd run on it, by its labels? One is set with whatever value.
pub fn roles(labels: &BTreeMap<String, String>) -> (bool, bool) {
    let any = |keys: &[&str]| keys.iter().any(|k| labels.get(*k).is_some_and(|v| v != "false"));
    let old = labels.get("kubernetes.io/role").is_some_and(|role| role == "master");
    (any(&CONTROL_PLANE) || old, any(&ETCD))
}

/// What decides about Cilium, out of `cilium-config`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CiliumConfigFact {
    /// `custom-cni-conf`: agents leave the CNI directory alone unless a CiliumNodeConfig says otherwise.
    pub custom_conf: bool,
    /// `enable-policy`.
    pub enable_policy: String,
    /// `policy-audit-mode`: what policies deny is reported and let through.
    pub audits_policies: bool,
    /// `cluster-pool-ipv4-cidr`.
    pub pool: Vec<IpNet>,
}
