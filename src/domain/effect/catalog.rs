//! One effect of each kind: what the rights of all of them are gathered from, and what tests go through.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{
    BudgetSpec, Chaining, Effect, HelmRelease, Resource, definitions, multus,
    resource::{DEPLOYMENTS, REPLICA_SETS, STATEFUL_SETS},
};
use crate::domain::{
    facts::{Key, Order},
    host::{HostTask, Way},
};

/// One effect of each kind, in the order of the variants; Cilium in this namespace.
pub fn one_of_each(namespace: &str) -> Vec<Effect> {
    let first = Effect::CreateRecord { node: "worker-1".into(), owner: Some("migration-uid".into()) };
    std::iter::successors(Some(first), |effect| after(effect, namespace)).collect()
}

/// The next kind. A new variant does not compile until it stands in this chain.
fn after(effect: &Effect, namespace: &str) -> Option<Effect> {
    let node = || "worker-1".into();
    let namespace = || namespace.to_owned();
    let pod = || Key::new("shop", "web-0");
    let uid = || "pod-uid".into();
    let flannel = || vec![Key::new("kube-flannel", "kube-flannel-ds")];
    let budget = || Key::new("shop", "web");
    Some(match effect {
        Effect::CreateRecord { .. } => Effect::DeleteRecord { node: node(), uid: "record-uid".into() },
        Effect::DeleteRecord { .. } => Effect::HoldMigration,
        Effect::HoldMigration => Effect::ReleaseMigration,
        Effect::ReleaseMigration => {
            Effect::CreateIpsecKey { namespace: namespace(), version: "1.15.19".into(), begun: None }
        }
        Effect::CreateIpsecKey { .. } => Effect::DeleteIpsecKey { namespace: namespace(), begun: None },
        Effect::DeleteIpsecKey { .. } => Effect::Helm(Box::new(HelmRelease {
            chart: "cilium/cilium".into(),
            version: "1.15.19".into(),
            namespace: namespace(),
            values: serde_json::json!({}),
            file: "values-migration.yaml",
            purpose: "install",
            resumes: false,
        })),
        Effect::Helm(_) => Effect::Uninstall { namespace: namespace() },
        Effect::Uninstall { .. } => Effect::DeleteDefinition { name: definitions::NAMES[0] },
        // rights name each of them
        Effect::DeleteDefinition { name } if *name != LAST => {
            let next = definitions::NAMES.iter().skip_while(|n| *n != name).nth(1);
            Effect::DeleteDefinition { name: next.copied().unwrap_or(LAST) }
        }
        Effect::DeleteDefinition { .. } => {
            Effect::CreateNodeConfig { namespace: namespace(), version: "v2".into(), chaining: Chaining::default() }
        }
        Effect::CreateNodeConfig { .. } => Effect::DeleteNodeConfig { namespace: namespace(), version: "v2".into() },
        Effect::DeleteNodeConfig { .. } => {
            Effect::RestartAgents { daemon_set: Key::new(&namespace(), "cilium"), mark: "finalize".into() }
        }
        Effect::RestartAgents { .. } => Effect::Cordon { node: node(), owner: Some("migration-uid".into()) },
        Effect::Cordon { .. } => Effect::Taint { node: node() },
        Effect::Taint { .. } => Effect::Untaint { node: node() },
        Effect::Untaint { .. } => Effect::Uncordon { node: node() },
        Effect::Uncordon { .. } => Effect::Switch { node: node() },
        Effect::Switch { .. } => Effect::Revert { node: node() },
        Effect::Revert { .. } => Effect::SetMultus { node: node(), order: Some(Order::CiliumFirst) },
        Effect::SetMultus { .. } => Effect::CreateMultus(Box::new(multus::Install {
            namespace: namespace(),
            image: multus::IMAGE.into(),
            flannel: r#"{"name":"cbr0","cniVersion":"0.3.1","plugins":[{"type":"flannel","delegate":{}}]}"#.into(),
            by_ipv4: true,
        })),
        Effect::CreateMultus(_) => Effect::DeleteMultus { namespace: namespace() },
        Effect::DeleteMultus { .. } => Effect::Evict { pod: pod(), uid: uid() },
        Effect::Evict { .. } => Effect::DeletePod { pod: pod(), uid: uid(), why: "its DaemonSet creates it again" },
        Effect::DeletePod { .. } => {
            let pod = Key::new(&namespace(), "cutover-look-worker-1-1");
            Effect::DeleteTaskPod { pod, uid: uid(), why: "it is finished" }
        }
        Effect::DeleteTaskPod { .. } => Effect::ForceDelete { pod: pod(), uid: uid() },
        // a variant that changes several resources stands here once for each
        Effect::ForceDelete { .. } => scale_up(DEPLOYMENTS),
        Effect::ScaleUp { kind, .. } if **kind == *DEPLOYMENTS.kind => scale_up(STATEFUL_SETS),
        Effect::ScaleUp { kind, .. } if **kind == *STATEFUL_SETS.kind => scale_up(REPLICA_SETS),
        Effect::ScaleUp { .. } => {
            Effect::ScaleBack { kind: DEPLOYMENTS.kind.into(), workload: Key::new("shop", "web"), to: 1 }
        }
        Effect::ScaleBack { .. } => {
            let was = BudgetSpec { max_unavailable: None, min_available: Some(IntOrString::Int(1)), desired: 1 };
            Effect::LowerBudget { budget: budget(), was }
        }
        Effect::LowerBudget { .. } => {
            let mark = r#"{"minAvailable":1,"maxUnavailable":null,"lowered":0}"#.to_owned();
            Effect::RestoreBudget { budget: budget(), mark }
        }
        Effect::RestoreBudget { .. } => {
            let way = Way::Pod {
                namespace: namespace(),
                image: "quay.io/cilium/cilium:v1.15.19".into(),
                owner: Some("migration-uid".into()),
            };
            Effect::Task { node: node(), task: HostTask::Look, nth: 1, way }
        }
        Effect::Task { way: Way::Pod { .. }, .. } => {
            let way = Way::Ssh { target: "root@worker-1".into() };
            Effect::Task { node: node(), task: HostTask::Reboot { boot_id: "boot-1".into() }, nth: 1, way }
        }
        Effect::Task { way: Way::Ssh { .. }, .. } => {
            Effect::Task { node: node(), task: HostTask::Restore, nth: 1, way: Way::Hand }
        }
        Effect::Task { way: Way::Hand, .. } => Effect::BackUpFlannel { daemon_sets: flannel(), namespace: namespace() },
        Effect::BackUpFlannel { .. } => {
            Effect::DeleteFlannel { daemon_sets: flannel(), namespace: namespace(), copy: "".into() }
        }
        Effect::DeleteFlannel { .. } => Effect::RestoreFlannel { namespace: namespace(), copy: "".into() },
        Effect::RestoreFlannel { .. } => Effect::DeleteFlannelBackup { namespace: namespace() },
        Effect::DeleteFlannelBackup { .. } => return None,
    })
}

/// The last of Cilium's definitions.
const LAST: &str = definitions::NAMES[definitions::NAMES.len() - 1];

fn scale_up(resource: Resource) -> Effect {
    Effect::ScaleUp { kind: resource.kind.into(), workload: Key::new("shop", "web"), from: 1 }
}
