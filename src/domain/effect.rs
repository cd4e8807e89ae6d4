//! Everything that Cutover can do to a cluster: named, idempotent, with its `kubectl` equivalent.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use super::{
    facts::Key,
    host::{HostTask, Way},
};

/// The label that Cilium's CiliumNodeConfig selects (Cilium's own migration guide).
pub const SWITCH_LABEL: &str = "io.cilium.migration/cilium-default";
/// Name of the CiliumNodeConfig.
pub const NODE_CONFIG: &str = "cilium-default";
/// Annotation that tells that the cordon is Cutover's.
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
    /// What the change is for.
    pub purpose: &'static str,
}

/// One change of the cluster.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Create a node's record.
    CreateRecord {
        /// The node.
        node: Arc<str>,
    },
    /// `helm upgrade --install`.
    Helm(Box<HelmRelease>),
    /// `helm uninstall`.
    Uninstall {
        /// The namespace.
        namespace: String,
    },
    /// Create the CiliumNodeConfig that makes labelled nodes switch.
    CreateNodeConfig {
        /// Its namespace.
        namespace: String,
        /// The API version that is served.
        version: String,
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
    /// Pods may land again: undoes Cutover's own cordon, told by its mark on the node.
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
    /// Ask the API server to evict a pod: disruption budgets are respected.
    Evict {
        /// The pod.
        pod: Key,
        /// Only this one, not a successor of the same name.
        uid: Arc<str>,
    },
    /// Delete a pod that a controller will start again, or one of Cutover's own.
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
    },
    /// Make a budget what it was.
    RestoreBudget {
        /// The budget.
        budget: Key,
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
    /// Delete Flannel's DaemonSets, ConfigMap, service account and roles; the copy must exist.
    DeleteFlannel {
        /// Its DaemonSets.
        daemon_sets: Vec<Key>,
        /// Namespace of the copy.
        namespace: String,
    },
    /// Create Flannel's objects again from the copy.
    RestoreFlannel {
        /// Namespace of the copy.
        namespace: String,
    },
    /// Delete the copy.
    DeleteFlannelBackup {
        /// Namespace of the copy.
        namespace: String,
    },
}

impl Effect {
    /// The name: the same change has the same name, so that it is under way only once.
    pub fn name(&self) -> String {
        match self {
            Self::CreateRecord { node } => format!("record {node}"),
            Self::Helm(release) => format!("helm upgrade ({})", release.purpose),
            Self::Uninstall { .. } => "helm uninstall".into(),
            Self::CreateNodeConfig { .. } => "create CiliumNodeConfig".into(),
            Self::DeleteNodeConfig { .. } => "delete CiliumNodeConfig".into(),
            Self::RestartAgents { mark, .. } => format!("restart agents ({mark})"),
            Self::Cordon { node } => format!("cordon {node}"),
            Self::Taint { node } => format!("taint {node}"),
            Self::Untaint { node } => format!("untaint {node}"),
            Self::Uncordon { node } => format!("uncordon {node}"),
            Self::Switch { node } => format!("label {node}"),
            Self::Revert { node } => format!("unlabel {node}"),
            Self::Evict { pod, uid } => format!("evict {pod} {uid}"),
            Self::DeletePod { pod, uid, .. } | Self::DeleteTaskPod { pod, uid, .. } => format!("delete pod {pod} {uid}"),
            Self::ForceDelete { pod, uid } => format!("kill pod {pod} {uid}"),
            Self::ScaleUp { kind, workload, .. } => format!("scale up {kind} {workload}"),
            Self::ScaleBack { kind, workload, .. } => format!("scale back {kind} {workload}"),
            Self::LowerBudget { budget } => format!("lower budget {budget}"),
            Self::RestoreBudget { budget } => format!("put back budget {budget}"),
            Self::Task { node, task, nth, .. } => format!("{task} {node} {nth}"),
            Self::BackUpFlannel { .. } => "back up Flannel's objects".into(),
            Self::DeleteFlannel { .. } => "delete Flannel's objects".into(),
            Self::RestoreFlannel { .. } => "restore Flannel's objects".into(),
            Self::DeleteFlannelBackup { .. } => "delete the copy of Flannel's objects".into(),
        }
    }

    /// What it does to its object, in a few words.
    pub fn words(&self) -> String {
        match self {
            Self::CreateRecord { .. } => "create its record".into(),
            Self::Cordon { .. } => "cordon".into(),
            Self::Taint { .. } => "taint, so that DaemonSet pods stay away".into(),
            Self::Untaint { .. } => "remove the taint".into(),
            Self::Uncordon { .. } => "uncordon".into(),
            Self::Switch { .. } => "label for Cilium".into(),
            Self::Revert { .. } => "remove the label".into(),
            Self::Evict { .. } => "evict".into(),
            Self::DeletePod { why, .. } | Self::DeleteTaskPod { why, .. } => format!("delete: {why}"),
            Self::ForceDelete { .. } => "delete without grace: somebody agreed to it".into(),
            Self::ScaleUp { from, .. } => format!("one replica more, from {from} to {}", from + 1),
            Self::ScaleBack { to, .. } => format!("back to {to} replicas"),
            Self::LowerBudget { .. } => "one healthy pod less while a node drains".into(),
            Self::RestoreBudget { .. } => "put back what it was".into(),
            Self::Task { task, .. } => format!("task {task}: {}", task.purpose()),
            other => other.name(),
        }
    }

    /// Everything that is said of it.
    pub fn describe(&self) -> Description {
        Description {
            object: self.object(),
            words: self.words(),
            risk: self.risk(),
            kubectl: self.kubectl(),
            gate: &[],
        }
    }

    /// The object that it changes.
    pub fn object(&self) -> String {
        match self {
            Self::CreateRecord { node } => format!("nodemigration/{node}"),
            Self::Helm(_) | Self::Uninstall { .. } => format!("helm release {RELEASE}"),
            Self::CreateNodeConfig { namespace, .. } | Self::DeleteNodeConfig { namespace, .. } => {
                format!("ciliumnodeconfig/{namespace}/{NODE_CONFIG}")
            }
            Self::RestartAgents { daemon_set, .. } => format!("daemonset/{daemon_set}"),
            Self::Cordon { node }
            | Self::Taint { node }
            | Self::Untaint { node }
            | Self::Uncordon { node }
            | Self::Switch { node }
            | Self::Revert { node }
            | Self::Task { node, .. } => format!("node/{node}"),
            Self::Evict { pod, .. } | Self::DeletePod { pod, .. } | Self::DeleteTaskPod { pod, .. } | Self::ForceDelete { pod, .. } => {
                format!("pod/{pod}")
            }
            Self::ScaleUp { kind, workload, .. } | Self::ScaleBack { kind, workload, .. } => {
                format!("{}/{workload}", kind.to_lowercase())
            }
            Self::LowerBudget { budget } | Self::RestoreBudget { budget } => format!("poddisruptionbudget/{budget}"),
            Self::BackUpFlannel { namespace, .. } | Self::DeleteFlannelBackup { namespace } => {
                format!("configmap/{namespace}/{FLANNEL_BACKUP}")
            }
            Self::DeleteFlannel { daemon_sets, .. } => {
                daemon_sets.first().map_or_else(|| "Flannel".into(), |d| format!("daemonset/{d}"))
            }
            Self::RestoreFlannel { .. } => "Flannel".into(),
        }
    }

    /// The node whose step it belongs to, where it belongs to one.
    pub fn node(&self) -> Option<&str> {
        match self {
            Self::CreateRecord { node }
            | Self::Cordon { node }
            | Self::Taint { node }
            | Self::Untaint { node }
            | Self::Uncordon { node }
            | Self::Switch { node }
            | Self::Revert { node }
            | Self::Task { node, .. } => Some(node),
            _ => None,
        }
    }

    /// How much it risks.
    pub const fn risk(&self) -> Risk {
        match self {
            Self::CreateRecord { .. } | Self::BackUpFlannel { .. } | Self::DeleteFlannelBackup { .. } => Risk::Read,
            Self::Evict { .. }
            | Self::DeletePod { .. }
            | Self::ForceDelete { .. }
            | Self::RestartAgents { .. }
            | Self::Uninstall { .. } => Risk::Disruptive,
            Self::DeleteFlannel { .. } => Risk::Destructive,
            Self::Task { task, .. } => match task {
                HostTask::Look | HostTask::Probe => Risk::Read,
                HostTask::Hold | HostTask::Restore | HostTask::Release { .. } | HostTask::PutBack => Risk::Reversible,
                HostTask::Reboot { .. } => Risk::Disruptive,
                HostTask::Clean { .. } => Risk::Destructive,
            },
            _ => Risk::Reversible,
        }
    }

    /// What an operator would type to do the same. Values never appear: they may hold secrets.
    pub fn kubectl(&self) -> Vec<String> {
        match self {
            Self::CreateRecord { node } => vec![format!("kubectl create -f - # NodeMigration {node}")],
            Self::Helm(r) => vec![format!(
                "helm upgrade --install {RELEASE} {} --version {} --namespace {} --values values.yaml",
                r.chart, r.version, r.namespace
            )],
            Self::Uninstall { namespace } => vec![format!("helm uninstall {RELEASE} --namespace {namespace}")],
            Self::CreateNodeConfig { namespace, version } => {
                vec![format!("kubectl -n {namespace} apply -f - # cilium.io/{version} CiliumNodeConfig {NODE_CONFIG}")]
            }
            Self::DeleteNodeConfig { namespace, .. } => {
                vec![format!("kubectl -n {namespace} delete ciliumnodeconfig {NODE_CONFIG}")]
            }
            Self::RestartAgents { daemon_set: d, .. } => {
                vec![format!("kubectl -n {} rollout restart daemonset/{}", d.namespace, d.name)]
            }
            Self::Cordon { node } => {
                vec![format!("kubectl cordon {node}"), format!("kubectl annotate node {node} {CORDON_MARK}=true")]
            }
            Self::Taint { node } => vec![format!("kubectl taint node {node} {SWITCHING_TAINT}=true:NoSchedule")],
            Self::Untaint { node } => vec![format!("kubectl taint node {node} {SWITCHING_TAINT}-")],
            Self::Uncordon { node } => {
                vec![format!("kubectl uncordon {node}"), format!("kubectl annotate node {node} {CORDON_MARK}-")]
            }
            Self::Switch { node } => vec![format!("kubectl label node {node} --overwrite {SWITCH_LABEL}=true")],
            Self::Revert { node } => vec![format!("kubectl label node {node} {SWITCH_LABEL}-")],
            Self::Evict { pod, .. } => vec![format!(
                "kubectl create --raw /api/v1/namespaces/{}/pods/{}/eviction -f - # Eviction",
                pod.namespace, pod.name
            )],
            Self::DeletePod { pod, .. } | Self::DeleteTaskPod { pod, .. } => vec![format!("kubectl -n {} delete pod {}", pod.namespace, pod.name)],
            Self::ForceDelete { pod, .. } => {
                vec![format!("kubectl -n {} delete pod {} --grace-period 0 --force", pod.namespace, pod.name)]
            }
            Self::ScaleUp { kind, workload: w, from } => vec![
                format!("kubectl -n {} annotate {kind} {} {SCALE_MARK}={from}", w.namespace, w.name).to_lowercase(),
                format!(
                    "kubectl -n {} scale {} {} --current-replicas {from} --replicas {}",
                    w.namespace,
                    kind.to_lowercase(),
                    w.name,
                    from + 1
                ),
            ],
            Self::ScaleBack { kind, workload: w, to } => {
                vec![format!("kubectl -n {} scale {} {} --replicas {to}", w.namespace, kind.to_lowercase(), w.name)]
            }
            Self::LowerBudget { budget } | Self::RestoreBudget { budget } => {
                vec![format!("kubectl -n {} edit poddisruptionbudget {}", budget.namespace, budget.name)]
            }
            Self::Task { node, task, nth, way } => match way {
                Way::Pod { namespace, .. } => vec![format!(
                    "kubectl -n {namespace} create -f - # pod {}: {}",
                    task.pod_name(node, *nth),
                    task.purpose()
                )],
                Way::Ssh { target } => vec![task.ssh(target).join(" ")],
                Way::Hand => task.by_hand(node),
            },
            Self::BackUpFlannel { namespace, .. } => {
                vec![format!("kubectl -n {namespace} create configmap {FLANNEL_BACKUP} --from-file flannel.json")]
            }
            Self::DeleteFlannel { daemon_sets, .. } => daemon_sets
                .iter()
                .map(|d| format!("kubectl -n {} delete daemonset {}", d.namespace, d.name))
                .chain(daemon_sets.first().map(|d| {
                    format!("kubectl -n {} delete configmap/kube-flannel-cfg serviceaccount/flannel", d.namespace)
                }))
                .chain(["kubectl delete clusterrolebinding/flannel clusterrole/flannel".to_owned()])
                .collect(),
            Self::RestoreFlannel { namespace } => vec![format!(
                "kubectl -n {namespace} get configmap {FLANNEL_BACKUP} -o jsonpath='{{.data.flannel\\.json}}' | kubectl apply -f -"
            )],
            Self::DeleteFlannelBackup { namespace } => {
                vec![format!("kubectl -n {namespace} delete configmap {FLANNEL_BACKUP}")]
            }
        }
    }
}

/// What the CiliumNodeConfig says (keys and values: Cilium's migration guide).
pub fn node_config() -> Value {
    json!({
        "nodeSelector": {"matchLabels": {SWITCH_LABEL: "true"}},
        "defaults": {
            "write-cni-conf-when-ready": "/host/etc/cni/net.d/05-cilium.conflist",
            "custom-cni-conf": "false",
            "cni-chaining-mode": "none",
            "cni-exclusive": "true",
        },
    })
}

/// What can go wrong with a step, and so how loudly it is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Risk {
    /// Reads only.
    Read,
    /// Undone by its inverse without anybody noticing.
    Reversible,
    /// Pods restart.
    Disruptive,
    /// The way back is no longer cheap.
    Destructive,
}

impl Risk {
    /// The word an operator reads.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Read => "reads only",
            Self::Reversible => "reversible",
            Self::Disruptive => "restarts pods",
            Self::Destructive => "no easy way back",
        }
    }
}


/// Everything that is said of an effect.
pub struct Description {
    /// The object that it changes.
    pub object: String,
    /// What it does to the object, in a few words.
    pub words: String,
    /// How much it can hurt.
    pub risk: Risk,
    /// What an operator types to do the same.
    pub kubectl: Vec<String>,
    /// What is checked before it is made.
    pub gate: &'static [&'static str],
}
