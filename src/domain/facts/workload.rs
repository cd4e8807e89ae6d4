//! Pods, what owns them, and the budgets that count them.

use std::{collections::BTreeMap, fmt, net::IpAddr, sync::Arc};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::core::{Selector, SelectorExt};

use super::{Key, Needs};
use crate::domain::{effect::BudgetSpec, text};

/// A namespace, as far as it matters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamespaceFact {
    /// It is being deleted.
    pub ending: bool,
    /// The level that Pod Security admission enforces in it, where its label says so.
    pub enforced: Option<Arc<str>>,
}

/// The controller of a pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner {
    /// Kind of the controller, with a ReplicaSet of a Deployment resolved to the Deployment.
    pub kind: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

/// The phase of a pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PodPhase {
    /// Not all of its containers have started.
    Pending,
    /// It runs.
    Running,
    /// All of its containers ended well.
    Succeeded,
    /// A container failed for good.
    Failed,
    /// Its node does not say.
    #[default]
    Unknown,
}

impl From<&str> for PodPhase {
    fn from(phase: &str) -> Self {
        match phase {
            "Pending" => Self::Pending,
            "Running" => Self::Running,
            "Succeeded" => Self::Succeeded,
            "Failed" => Self::Failed,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for PodPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The annotation in which Multus lists a pod's interfaces (network status of the Kubernetes Network Plumbing Group).
pub const NETWORK_STATUS: &str = "k8s.v1.cni.cncf.io/network-status";
/// The annotation by which a pod asks Multus for further networks.
pub const NETWORKS: &str = "k8s.v1.cni.cncf.io/networks";
/// The definition of what that annotation names.
pub const ATTACHMENTS: &str = "network-attachment-definitions.k8s.cni.cncf.io";

/// A pod.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, as the API has it")]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodFact {
    /// Namespace and name.
    pub key: Key,
    /// Its UID.
    pub uid: Arc<str>,
    /// The node it is bound to; empty while it is not scheduled.
    pub node: Arc<str>,
    /// Its phase.
    pub phase: PodPhase,
    /// Condition Ready is True.
    pub ready: bool,
    /// Restarts of all its containers.
    pub restarts: u32,
    /// When the last of its running containers started.
    pub started: Option<Timestamp>,
    /// Its address.
    pub ip: Option<IpAddr>,
    /// The address of its second interface, as Multus has written it into the pod. Whoever may change the pod may, too.
    pub second: Option<IpAddr>,
    /// The further networks that it asks Multus for, as its annotation has them.
    pub networks: Option<Arc<str>>,
    /// It uses its node's network.
    pub host_network: bool,
    /// Its controller.
    pub owner: Option<Owner>,
    /// The mirror of a static pod.
    pub mirror: bool,
    /// It is being deleted, and has until then.
    pub deleting: Option<Timestamp>,
    /// Seconds of grace that it was given with its deletion.
    pub deleting_grace: Option<i64>,
    /// Finalizers: it stays until each is removed.
    pub finalizers: Vec<String>,
    /// What it asks of a node.
    pub needs: Arc<Needs>,
    /// Names of the claims that it mounts.
    pub claims: Vec<String>,
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
    /// The host task that it runs, for a pod of Cutover's own.
    pub task: Option<Arc<str>>,
    /// UID of the Migration that a task pod belongs to.
    pub task_owner: Option<Arc<str>>,
    /// What a task pod reported when it ended: exit code and message.
    pub report: Option<(i32, String)>,
}

impl PodFact {
    /// Neither Succeeded nor Failed.
    pub const fn is_living(&self) -> bool {
        !matches!(self.phase, PodPhase::Succeeded | PodPhase::Failed)
    }

    /// Why it waits, otherwise its phase; safe for a terminal.
    pub fn state(&self) -> String {
        if self.reason.is_empty() { self.phase.to_string() } else { text::safe(&self.reason).into_owned() }
    }

    /// Which run of its containers this is: another one is another pod, or the same after a restart.
    pub fn run(&self) -> String {
        // the count starts at zero again where the runtime has lost its state
        let started = self.started.map(|at| format!(" {at}")).unwrap_or_default();
        format!("{} {}{started}", self.uid, self.restarts)
    }

    /// A Multus before its node's CNI would attach further networks to it.
    pub fn wants_networks(&self) -> bool {
        self.networks.is_some() && !self.host_network && self.is_living()
    }

    /// Owned by a DaemonSet.
    pub fn is_daemon(&self) -> bool {
        self.owner.as_ref().is_some_and(|o| &*o.kind == "DaemonSet")
    }

    /// The name under which a consent for it is given: its workload, or itself where it has no controller.
    pub fn object(&self) -> String {
        match &self.owner {
            Some(o) => format!("{}/{}/{}", self.key.namespace, o.kind, o.name),
            None => self.key.to_string(),
        }
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
    /// Its controller has not seen the newest spec: every eviction is refused until it has.
    pub unobserved: bool,
    /// Pods whose eviction was granted and that its controller has not seen to go. One that comes back under its
    /// name before that counts as gone for two minutes (`DeletionTimeout` of the disruption controller).
    pub disrupted: Vec<String>,
    /// Pods that are not ready may always be evicted (`unhealthyPodEvictionPolicy: AlwaysAllow`).
    pub always_allow: bool,
    /// `minAvailable` is a number: one replica more is one disruption more.
    pub absolute: bool,
    /// `spec.minAvailable`.
    pub min_available: Option<IntOrString>,
    /// `spec.maxUnavailable`.
    pub max_unavailable: Option<IntOrString>,
    /// Cutover has lowered it: what it was, as JSON.
    pub lowered_from: Option<String>,
}

impl BudgetFact {
    /// What it asks for.
    pub fn spec(&self) -> BudgetSpec {
        BudgetSpec {
            min_available: self.min_available.clone(),
            max_unavailable: self.max_unavailable.clone(),
            desired: self.desired,
        }
    }

    /// Does it count pods of its namespace with these labels?
    pub fn counts(&self, labels: &BTreeMap<String, String>) -> bool {
        self.selector.as_ref().is_some_and(|s| s.matches(labels))
    }
}

/// A Deployment, a StatefulSet, or a ReplicaSet without a controller.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorkloadFact {
    /// Namespace and name.
    pub key: Key,
    /// Its kind.
    pub kind: Arc<str>,
    /// Replicas it is to have.
    pub wanted: i32,
    /// Replicas that are ready.
    pub ready: i32,
    /// Cutover has added a replica: how many it had.
    pub scaled_from: Option<i32>,
}

impl WorkloadFact {
    /// `namespace/Kind/name`, as consents name it.
    pub fn object(&self) -> String {
        format!("{}/{}/{}", self.key.namespace, self.kind, self.key.name)
    }
}
