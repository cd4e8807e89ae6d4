//! Everything that Cutover can do to a cluster: named, idempotent, described in one place.

mod catalog;
pub mod cilium;
pub mod definitions;
mod describe;
mod description;
pub mod flannel;
pub mod ipsec;
pub mod multus;
pub mod nodes;
pub mod pods;
mod proof;
mod proofs;
pub mod records;
pub mod release;
mod request;
pub mod resource;
mod right;
mod risk;
pub mod tasks;
pub mod workloads;

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

pub use catalog::one_of_each;
pub use cilium::Chaining;
pub use description::Description;
pub use proof::{Proof, Source};
pub use proofs::rolled_out;
pub use request::{Change, Request};
pub use resource::{ObjectRef, Resource};
pub use right::{EVERY, Right, Role};
pub use risk::Risk;
pub use workloads::BudgetSpec;

use super::{
    facts::{Key, Order},
    host::{HostTask, Way},
};

/// The label that Cilium's CiliumNodeConfig selects (Cilium's own migration guide).
pub const SWITCH_LABEL: &str = "io.cilium.migration/cilium-default";
/// The label of a node that Multus is put before its CNIs on; its value is their order.
pub const MULTUS_LABEL: &str = "cutover.dev/multus";
/// Name of the CiliumNodeConfig.
pub const NODE_CONFIG: &str = "cilium-default";
/// Finalizer of a Migration between its first change and its end.
pub const FINALIZER: &str = "cutover.dev/unfinished";
/// Annotation of a cordon that is Cutover's.
pub const CORDON_MARK: &str = "cutover.dev/cordoned";
/// Key of the taint that keeps DaemonSet pods away while the CNI changes.
pub const SWITCHING_TAINT: &str = "cutover.dev/switching";
/// Annotation on a workload that has one replica more for a drain: how many it had.
pub const SCALE_MARK: &str = "cutover.dev/scaled-from";
/// Annotation on a budget that was lowered for a drain: what it was, as JSON.
pub const BUDGET_MARK: &str = "cutover.dev/budget-was";
/// Annotation on the agents' template: for what they were restarted.
pub const RESTART_MARK: &str = "cutover.dev/restarted-for";
/// ConfigMap that keeps Flannel's objects for the way back.
pub const FLANNEL_BACKUP: &str = "cutover-flannel-backup";
/// Name of the helm release.
pub const RELEASE: &str = "cilium";
/// Who wrote a field.
pub const FIELD_MANAGER: &str = "cutover";

/// A chart to be installed or upgraded to.
#[derive(Clone, Debug, PartialEq)]
pub struct HelmRelease {
    /// The chart.
    pub chart: String,
    /// Its version.
    pub version: String,
    /// The namespace.
    pub namespace: String,
    /// The values.
    pub values: Value,
    /// Name of a file for them.
    pub file: &'static str,
    /// What the change is for.
    pub purpose: &'static str,
    /// This migration has begun it before, and it was not seen to end.
    pub resumes: bool,
}

/// The name of an upgrade: decisions ask for it without its values.
pub fn upgrade_name(purpose: &str) -> String {
    format!("helm upgrade ({purpose})")
}

/// One change of the cluster.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Create a node's record.
    CreateRecord {
        /// The node.
        node: Arc<str>,
        /// UID of the Migration that owns it; a plan that is made before there is one has none.
        owner: Option<Arc<str>>,
    },
    /// Delete the record of a node that is gone.
    DeleteRecord {
        /// The node.
        node: Arc<str>,
        /// UID of the record.
        uid: Arc<str>,
    },
    /// Add Cutover's finalizer to the Migration: deleted half way it stays until its end.
    HoldMigration,
    /// Remove that finalizer.
    ReleaseMigration,
    /// Create the Secret with the key of IPsec; one that is there already stays as it is.
    CreateIpsecKey {
        /// Namespace of the agents.
        namespace: String,
        /// The version of Cilium: what the key looks like depends on it.
        version: String,
        /// When the migration began: what an earlier one did is not what this one does.
        begun: Option<Timestamp>,
    },
    /// Delete that Secret, where it is Cutover's.
    DeleteIpsecKey {
        /// Namespace of the agents.
        namespace: String,
        /// As above.
        begun: Option<Timestamp>,
    },
    /// `helm upgrade --install`.
    Helm(Box<HelmRelease>),
    /// `helm uninstall`.
    Uninstall {
        /// The namespace.
        namespace: String,
    },
    /// Delete a custom resource definition that Cilium has left.
    DeleteDefinition {
        /// Its name, one of [`definitions::NAMES`].
        name: &'static str,
    },
    /// Create the CiliumNodeConfig that makes labelled nodes switch.
    CreateNodeConfig {
        /// Its namespace.
        namespace: String,
        /// The API version that is served.
        version: String,
        /// What is chained to Cilium on a labelled node.
        chaining: Chaining,
    },
    /// Delete it.
    DeleteNodeConfig {
        /// Its namespace.
        namespace: String,
        /// The API version that is served.
        version: String,
    },
    /// Restart every agent, as `kubectl rollout restart` does.
    RestartAgents {
        /// The agents' DaemonSet.
        daemon_set: Key,
        /// For what; the mark makes it happen once.
        mark: String,
    },
    /// No new pods on a node; marked as Cutover's unless it was cordoned already.
    Cordon {
        /// The node.
        node: Arc<str>,
        /// UID of the Migration that the mark names; a plan that is made before there is one has none.
        owner: Option<Arc<str>>,
    },
    /// Taint a node so that DaemonSet pods stay away.
    Taint {
        /// The node.
        node: Arc<str>,
    },
    /// Remove that taint.
    Untaint {
        /// The node.
        node: Arc<str>,
    },
    /// Pods may land again: undoes Cutover's own cordon, which carries a mark on the node.
    Uncordon {
        /// The node.
        node: Arc<str>,
    },
    /// Set the label that makes the agent take over.
    Switch {
        /// The node.
        node: Arc<str>,
    },
    /// Remove that label.
    Revert {
        /// The node.
        node: Arc<str>,
    },
    /// Set the label that puts Multus before the node's CNIs, in this order; remove it where there is none.
    SetMultus {
        /// The node.
        node: Arc<str>,
        /// The order.
        order: Option<Order>,
    },
    /// Create Multus' objects: one DaemonSet for each order, on the nodes with its label.
    CreateMultus(Box<multus::Install>),
    /// Delete them.
    DeleteMultus {
        /// Their namespace.
        namespace: String,
    },
    /// Ask the API server to evict a pod: disruption budgets are respected.
    Evict {
        /// The pod.
        pod: Key,
        /// Only this one, not a successor of the same name.
        uid: Arc<str>,
    },
    /// Delete a pod that its controller creates again.
    DeletePod {
        /// The pod.
        pod: Key,
        /// Only this one.
        uid: Arc<str>,
        /// Why, as a few words.
        why: &'static str,
    },
    /// Delete the pod of a host task.
    DeleteTaskPod {
        /// The pod.
        pod: Key,
        /// Only this one.
        uid: Arc<str>,
        /// Why, as a few words.
        why: &'static str,
    },
    /// Delete a pod at once, past its grace period.
    ForceDelete {
        /// The pod.
        pod: Key,
        /// Only this one.
        uid: Arc<str>,
    },
    /// One replica more for a workload, with a mark of how many it had.
    ScaleUp {
        /// Its kind.
        kind: Arc<str>,
        /// The workload.
        workload: Key,
        /// How many replicas it has now.
        from: i32,
    },
    /// Take that replica away again.
    ScaleBack {
        /// Its kind.
        kind: Arc<str>,
        /// The workload.
        workload: Key,
        /// How many replicas it had.
        to: i32,
    },
    /// Let a budget ask for one healthy pod less, with a mark of what it was.
    LowerBudget {
        /// The budget.
        budget: Key,
        /// What it asks for now.
        was: BudgetSpec,
    },
    /// Make a budget what it was.
    RestoreBudget {
        /// The budget.
        budget: Key,
        /// The mark that it carries: what it was, as JSON.
        mark: String,
    },
    /// Run a task on a node.
    Task {
        /// The node.
        node: Arc<str>,
        /// The task.
        task: HostTask,
        /// Which try; part of its name.
        nth: u32,
        /// How it gets there.
        way: Way,
    },
    /// Keep a copy of Flannel's objects in a ConfigMap.
    BackUpFlannel {
        /// Its DaemonSets.
        daemon_sets: Vec<Key>,
        /// Namespace of the copy.
        namespace: String,
    },
    /// Delete Flannel's DaemonSets, ConfigMap, service account and roles; the copy must hold them.
    DeleteFlannel {
        /// Its DaemonSets.
        daemon_sets: Vec<Key>,
        /// Namespace of the copy.
        namespace: String,
        /// SHA-256 of the copy; empty in a preview.
        copy: Arc<str>,
    },
    /// Create Flannel's objects again from the copy.
    RestoreFlannel {
        /// Namespace of the copy.
        namespace: String,
        /// SHA-256 of the copy; empty in a preview.
        copy: Arc<str>,
    },
    /// Delete the copy.
    DeleteFlannelBackup {
        /// Namespace of the copy.
        namespace: String,
    },
}

impl Effect {
    /// Its name. Decisions ask for it for every pod of a node that drains, so that it is not part of the description.
    pub fn name(&self) -> String {
        match self {
            Self::CreateRecord { node, .. } => format!("record {node}"),
            Self::DeleteRecord { node, uid } => format!("delete record {node} {uid}"),
            Self::HoldMigration => "hold the Migration".into(),
            Self::ReleaseMigration => "release the Migration".into(),
            Self::CreateIpsecKey { begun, .. } => of_time("create the key of IPsec", *begun),
            Self::DeleteIpsecKey { begun, .. } => of_time("delete the key of IPsec", *begun),
            Self::Helm(release) => upgrade_name(release.purpose),
            Self::Uninstall { .. } => "helm uninstall".into(),
            Self::DeleteDefinition { name } => format!("delete definition {name}"),
            Self::CreateNodeConfig { .. } => "create CiliumNodeConfig".into(),
            Self::DeleteNodeConfig { .. } => "delete CiliumNodeConfig".into(),
            Self::RestartAgents { mark, .. } => format!("restart agents ({mark})"),
            Self::Cordon { node, .. } => format!("cordon {node}"),
            Self::Taint { node } => format!("taint {node}"),
            Self::Untaint { node } => format!("untaint {node}"),
            Self::Uncordon { node } => format!("uncordon {node}"),
            Self::Switch { node } => format!("label {node}"),
            Self::Revert { node } => format!("unlabel {node}"),
            Self::SetMultus { node, order } => format!("multus {node} {}", order.map_or("off", Order::name)),
            Self::CreateMultus(_) => "create Multus".into(),
            Self::DeleteMultus { .. } => "delete Multus".into(),
            Self::Evict { pod, uid } => format!("evict {pod} {uid}"),
            Self::DeletePod { pod, uid, .. } | Self::DeleteTaskPod { pod, uid, .. } => {
                format!("delete pod {pod} {uid}")
            }
            Self::ForceDelete { pod, uid } => format!("kill pod {pod} {uid}"),
            Self::ScaleUp { kind, workload, .. } => format!("scale up {kind} {workload}"),
            Self::ScaleBack { kind, workload, .. } => format!("scale back {kind} {workload}"),
            Self::LowerBudget { budget, .. } => format!("lower budget {budget}"),
            Self::RestoreBudget { budget, .. } => format!("put back budget {budget}"),
            Self::Task { node, task, nth, .. } => format!("{task} {node} {nth}"),
            Self::BackUpFlannel { .. } => "back up Flannel's objects".into(),
            Self::DeleteFlannel { .. } => "delete Flannel's objects".into(),
            Self::RestoreFlannel { .. } => "restore Flannel's objects".into(),
            Self::DeleteFlannelBackup { .. } => "delete the copy of Flannel's objects".into(),
        }
    }
}

fn of_time(words: &str, begun: Option<Timestamp>) -> String {
    begun.map_or_else(|| words.to_owned(), |at| format!("{words} ({at})"))
}
