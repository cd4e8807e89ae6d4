//! From Kubernetes' objects to the slim rows of the facts.

mod pod;
mod policy;
mod quantity;
mod storage;

use std::{collections::BTreeMap, sync::Arc};

use ipnet::IpNet;
use k8s_openapi::{
    api::{
        apps::v1::DaemonSet,
        core::v1::{ConfigMap, Node},
        policy::v1::PodDisruptionBudget,
    },
    apimachinery::pkg::{
        apis::meta::v1::{LabelSelector, ObjectMeta},
        util::intstr::IntOrString,
    },
};
use kube::{
    ResourceExt,
    core::{DynamicObject, Expression, Object, Selector},
};
use serde::Deserialize;

use crate::domain::{
    effect::{BUDGET_MARK, CORDON_MARK, MULTUS_LABEL, RESTART_MARK, SCALE_MARK, SWITCH_LABEL, SWITCHING_TAINT},
    facts::{
        BudgetFact, CiliumConfigFact, DaemonSetFact, Key, NodeConfigFact, NodeFact, Order, Room, Taint, WorkloadFact,
        roles,
    },
    inventory::tells_distribution,
};
pub(super) use pod::pod;
pub(super) use policy::policy;
pub(super) use storage::{Claim, Volume, claim, volume};

pub(super) fn key(meta: &ObjectMeta) -> Key {
    Key::new(meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default())
}

pub(super) fn node(n: &Node) -> NodeFact {
    let spec = n.spec.clone().unwrap_or_default();
    let status = n.status.clone().unwrap_or_default();
    let info = status.node_info.unwrap_or_default();
    let ready = status.conditions.iter().flatten().find(|c| c.type_ == "Ready");
    let ranges = spec.pod_cidrs.unwrap_or_else(|| spec.pod_cidr.into_iter().collect());
    let labels = n.metadata.labels.clone().unwrap_or_default();
    let annotation = |k: &str| n.annotations().get(k);
    let taints = spec.taints.unwrap_or_default();
    let (control_plane, etcd) = roles(&labels);
    let addresses = |internal: bool| {
        let all = status.addresses.iter().flatten().filter(move |a| (a.type_ == "InternalIP") == internal);
        all.filter_map(|a| a.address.parse().ok()).collect()
    };
    NodeFact {
        name: n.name_any().into(),
        uid: n.uid().unwrap_or_default().into(),
        ready: ready.is_some_and(|c| c.status == "True"),
        not_ready_reason: ready.map_or_else(
            || "its kubelet has not reported".into(),
            |c| c.message.clone().or_else(|| c.reason.clone()).unwrap_or_default(),
        ),
        unschedulable: spec.unschedulable.unwrap_or(false),
        cordoned_by_cutover: spec.unschedulable == Some(true) && annotation(CORDON_MARK).is_some(),
        stray_mark: spec.unschedulable != Some(true) && annotation(CORDON_MARK).is_some(),
        mark: annotation(CORDON_MARK).map(|uid| uid.as_str().into()),
        tainted: taints.iter().any(|t| t.key == SWITCHING_TAINT),
        switched: labels.get(SWITCH_LABEL).is_some_and(|v| v == "true"),
        multus: labels.get(MULTUS_LABEL).and_then(|v| Order::named(v)),
        control_plane,
        etcd,
        boot_id: info.boot_id.into(),
        pod_ranges: ranges.iter().filter_map(|r| r.parse().ok()).collect(),
        addresses: addresses(true),
        other_addresses: addresses(false),
        flannel_addresses: FLANNEL_ADDRESSES.iter().filter_map(|k| annotation(k)?.parse().ok()).collect(),
        kernel: info.kernel_version,
        os: info.operating_system,
        os_image: info.os_image.into(),
        arch: info.architecture.into(),
        marks: n.annotations().keys().filter(|k| tells_distribution(k)).map(|k| k.as_str().into()).collect(),
        kubelet: info.kubelet_version,
        flannel_backend: annotation("flannel.alpha.coreos.com/backend-type").cloned(),
        taints: taints
            .iter()
            .filter(|t| t.key != SWITCHING_TAINT)
            .map(|t| Taint { key: t.key.clone(), value: t.value.clone().unwrap_or_default(), effect: t.effect.clone() })
            .collect(),
        allocatable: status.allocatable.as_ref().map_or_else(Room::default, |all| {
            let get = |key: &str| all.get(key).map(|q| q.0.as_str()).unwrap_or_default();
            Room {
                cpu: quantity::milli(get("cpu")),
                memory: quantity::whole(get("memory")),
                pods: quantity::whole(get("pods")),
            }
        }),
        volumes_in_use: status.volumes_in_use.unwrap_or_default(),
        labels: Arc::new(labels),
    }
}

/// Flannel's annotations with a node's end of its tunnel; what overwrites it comes last.
const FLANNEL_ADDRESSES: [&str; 4] = [
    "flannel.alpha.coreos.com/public-ip",
    "flannel.alpha.coreos.com/public-ipv6",
    "flannel.alpha.coreos.com/public-ip-overwrite",
    "flannel.alpha.coreos.com/public-ipv6-overwrite",
];

/// A selector. One that cannot be read selects nothing, like one that is missing.
pub(super) fn selector(s: Option<&LabelSelector>) -> Selector {
    let nothing = || Selector::from(Expression::In(String::new(), [].into()));
    s.and_then(|s| s.clone().try_into().ok()).unwrap_or_else(nothing)
}

pub(super) fn budget(b: &PodDisruptionBudget) -> BudgetFact {
    let status = b.status.clone().unwrap_or_default();
    BudgetFact {
        key: key(&b.metadata),
        selector: b.spec.as_ref().and_then(|s| s.selector.as_ref()).map(|s| selector(Some(s))),
        allowed: status.disruptions_allowed.unwrap_or(0),
        healthy: status.current_healthy.unwrap_or(0),
        desired: status.desired_healthy.unwrap_or(0),
        expected: status.expected_pods.unwrap_or(0),
        unobserved: status.observed_generation.unwrap_or(0) < b.metadata.generation.unwrap_or(0),
        disrupted: status.disrupted_pods.unwrap_or_default().into_keys().collect(),
        always_allow: b
            .spec
            .as_ref()
            .and_then(|s| s.unhealthy_pod_eviction_policy.as_deref())
            .is_some_and(|p| p == "AlwaysAllow"),
        absolute: b.spec.as_ref().is_some_and(|s| matches!(s.min_available, Some(IntOrString::Int(_)))),
        min_available: b.spec.as_ref().and_then(|s| s.min_available.clone()),
        max_unavailable: b.spec.as_ref().and_then(|s| s.max_unavailable.clone()),
        lowered_from: b.annotations().get(BUDGET_MARK).cloned(),
    }
}

/// All that is read of a Deployment, a ReplicaSet or a StatefulSet.
pub(super) type Scaled = Object<Replicas, ReadyReplicas>;

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Replicas {
    replicas: Option<i32>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReadyReplicas {
    ready_replicas: Option<i32>,
}

/// Something else scales it.
pub(super) fn has_controller(object: &impl ResourceExt) -> bool {
    object.owner_references().iter().any(|o| o.controller == Some(true))
}

pub(super) fn workload(kind: &str, object: &Scaled) -> WorkloadFact {
    WorkloadFact {
        key: key(&object.metadata),
        kind: kind.into(),
        wanted: object.spec.replicas.unwrap_or(1),
        ready: object.status.as_ref().and_then(|s| s.ready_replicas).unwrap_or(0),
        scaled_from: object.annotations().get(SCALE_MARK).and_then(|n| n.parse().ok()),
    }
}

/// All that is read of a CustomResourceDefinition: their schemas are large.
pub(super) type Definition = Object<Versions, Conditions>;

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Versions {
    versions: Vec<Version>,
}

#[derive(Clone, Debug, Deserialize)]
struct Version {
    name: String,
    served: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Conditions {
    conditions: Option<Vec<Condition>>,
}

#[derive(Clone, Debug, Deserialize)]
struct Condition {
    #[serde(rename = "type")]
    type_: String,
    status: String,
}

/// The versions that a definition serves, once it is established.
pub(super) fn served(crd: &Definition) -> Vec<String> {
    let mut conditions = crd.status.iter().flat_map(|s| s.conditions.iter().flatten());
    let established = conditions.any(|c| c.type_ == "Established" && c.status == "True");
    crd.spec.versions.iter().filter(|v| v.served && established).map(|v| v.name.clone()).collect()
}

/// The whole object once more, as `kubectl apply` keeps it.
const APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

pub(super) fn daemon_set(d: &DaemonSet) -> DaemonSetFact {
    let status = d.status.clone().unwrap_or_default();
    let template = &d.spec.template;
    let pod = template.spec.clone().unwrap_or_default();
    let annotations = template.metadata.as_ref().and_then(|m| m.annotations.clone()).unwrap_or_default();
    let all = || pod.init_containers.iter().flatten().chain(&pod.containers);
    let volumes = || pod.volumes.iter().flatten();
    let owned = |(k, v): (&String, &String)| (k.clone(), v.clone());
    DaemonSetFact {
        key: key(&d.metadata),
        desired: status.desired_number_scheduled,
        ready: status.number_ready,
        updated: status.updated_number_scheduled.unwrap_or(0),
        observed: status.observed_generation >= d.metadata.generation,
        image: pod.containers.first().and_then(|c| c.image.as_deref()).unwrap_or_default().into(),
        containers: pod.containers.iter().map(|c| c.name.clone()).collect(),
        images: all().filter_map(|c| c.image.clone()).collect(),
        args: all().flat_map(|c| c.command.iter().chain(&c.args).flatten().cloned()).collect(),
        host_paths: volumes().filter_map(|v| Some(v.host_path.as_ref()?.path.clone())).collect(),
        config_maps: volumes().filter_map(|v| Some(v.config_map.as_ref()?.name.clone())).collect(),
        notes: d.labels().iter().chain(d.annotations()).filter(|(k, _)| *k != APPLIED).map(owned).collect(),
        host_network: pod.host_network == Some(true),
        restarted_for: annotations.get(RESTART_MARK).cloned(),
        managed_by: manager(d),
    }
}

/// Who would create it again: Argo CD, Flux or an addon manager.
fn manager(d: &DaemonSet) -> Option<String> {
    let marks: BTreeMap<&String, &String> = d.labels().iter().chain(d.annotations()).collect();
    let has = |prefix: &str| marks.keys().any(|k| k.starts_with(prefix));
    if has("argocd.argoproj.io/") {
        Some("Argo CD".into())
    } else if has("kustomize.toolkit.fluxcd.io/") || has("helm.toolkit.fluxcd.io/") {
        Some("Flux".into())
    } else {
        marks.get(&"addonmanager.kubernetes.io/mode".to_owned()).map(|m| format!("the addon manager ({m})"))
    }
}

pub(super) fn cilium_ranges(n: &DynamicObject) -> Vec<IpNet> {
    let ranges = n.data.pointer("/spec/ipam/podCIDRs").and_then(|v| v.as_array());
    ranges.into_iter().flatten().filter_map(|v| v.as_str()?.parse().ok()).collect()
}

pub(super) fn node_config(c: &DynamicObject) -> NodeConfigFact {
    let selector = c.data.pointer("/spec/nodeSelector");
    let empty = |v: &serde_json::Value| v.as_object().is_none_or(serde_json::Map::is_empty);
    let selects_all = selector.is_some_and(|s| {
        s.is_object() && empty(&s["matchLabels"]) && s["matchExpressions"].as_array().is_none_or(Vec::is_empty)
    });
    NodeConfigFact { selects_all }
}

pub(super) fn cilium_config(c: &ConfigMap) -> CiliumConfigFact {
    let get = |k: &str| c.data.as_ref().and_then(|d| d.get(k)).map(String::as_str).unwrap_or_default();
    CiliumConfigFact {
        custom_conf: get("custom-cni-conf") == "true",
        enable_policy: get("enable-policy").to_owned(),
        audits_policies: get("policy-audit-mode") == "true",
        pool: get("cluster-pool-ipv4-cidr").split_whitespace().filter_map(|r| r.parse().ok()).collect(),
    }
}
