//! From Kubernetes' objects to the slim rows of the facts.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use ipnet::IpNet;
use k8s_openapi::{
    api::{
        apps::v1::DaemonSet,
        core::v1::{ConfigMap, Node, Pod},
        policy::v1::PodDisruptionBudget,
    },
    apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta},
};
use kube::{ResourceExt, core::DynamicObject};

use crate::domain::{
    effect::{AWAY_TAINT, CORDON_MARK, RESTART_MARK, SWITCH_LABEL},
    facts::{BudgetFact, CiliumConfigFact, DaemonSetFact, Key, NodeConfigFact, NodeFact, Owner, PodFact, Selector},
    host::TASK_LABEL,
};

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
    NodeFact {
        name: n.name_any().into(),
        uid: n.uid().unwrap_or_default().into(),
        ready: ready.is_some_and(|c| c.status == "True"),
        not_ready_reason: ready.map_or_else(
            || "its kubelet has not reported".into(),
            |c| c.message.clone().or_else(|| c.reason.clone()).unwrap_or_default(),
        ),
        unschedulable: spec.unschedulable.unwrap_or(false),
        cordoned_by_cutover: annotation(CORDON_MARK).is_some(),
        kept_away: taints.iter().any(|t| t.key == AWAY_TAINT),
        switched: labels.get(SWITCH_LABEL).is_some_and(|v| v == "true"),
        control_plane: labels.contains_key("node-role.kubernetes.io/control-plane")
            || labels.contains_key("node-role.kubernetes.io/master"),
        boot_id: info.boot_id.into(),
        pod_ranges: ranges.iter().filter_map(|r| r.parse().ok()).collect(),
        addresses: status
            .addresses
            .iter()
            .flatten()
            .filter(|a| a.type_ == "InternalIP")
            .filter_map(|a| a.address.parse().ok())
            .collect(),
        kernel: info.kernel_version,
        os: info.operating_system,
        kubelet: info.kubelet_version,
        flannel_backend: annotation("flannel.alpha.coreos.com/backend-type").cloned(),
        taints: taints
            .iter()
            .filter(|t| t.key != AWAY_TAINT)
            .map(|t| format!("{}={}:{}", t.key, t.value.as_deref().unwrap_or_default(), t.effect))
            .collect(),
        labels: Arc::new(labels),
    }
}

fn owner(p: &Pod) -> Option<Owner> {
    let controller = p.owner_references().iter().find(|o| o.controller == Some(true))?;
    let hash = p.labels().get("pod-template-hash");
    // a Deployment's pods belong to its ReplicaSet, named after it and the hash
    let deployment = hash.and_then(|h| controller.name.strip_suffix(h)?.strip_suffix('-'));
    Some(match (controller.kind.as_str(), deployment) {
        ("ReplicaSet", Some(name)) => Owner { kind: "Deployment".into(), name: name.into() },
        (kind, _) => Owner { kind: kind.into(), name: controller.name.as_str().into() },
    })
}

pub(super) fn pod(p: &Pod) -> PodFact {
    let spec = p.spec.as_ref();
    let status = p.status.clone().unwrap_or_default();
    let containers = status.container_statuses.unwrap_or_default();
    let inits = status.init_container_statuses.unwrap_or_default();
    let reason = inits
        .iter()
        .chain(&containers)
        .filter_map(|c| c.state.as_ref()?.waiting.as_ref()?.reason.clone())
        .find(|r| r != "PodInitializing" && r != "ContainerCreating")
        .or_else(|| {
            let scheduled =
                status.conditions.iter().flatten().find(|c| c.type_ == "PodScheduled" && c.status == "False")?;
            scheduled.message.clone()
        })
        .or_else(|| status.reason.clone())
        .unwrap_or_default();
    let task = p.labels().get(TASK_LABEL).map(|t| Arc::from(t.as_str()));
    let report = task.as_ref().and_then(|_| {
        let ended = containers.first().and_then(|c| c.state.as_ref()?.terminated.as_ref());
        let told = ended.map(|e| (e.exit_code, e.message.clone().unwrap_or_default()));
        // it failed before its container ever ran: out of time, evicted, no image
        told.or_else(|| {
            (status.phase.as_deref() == Some("Failed")).then(|| {
                (-1, format!("error={}", status.message.clone().or(status.reason.clone()).unwrap_or_default()))
            })
        })
    });
    let volumes = spec.and_then(|s| s.volumes.as_ref());
    let tolerations = spec.and_then(|s| s.tolerations.as_ref());
    let tolerates_all = tolerations.is_some_and(|t| {
        t.iter().any(|t| {
            t.operator.as_deref() == Some("Exists")
                && t.key.as_deref().is_none_or(str::is_empty)
                && t.effect.as_deref().is_none_or(|e| e.is_empty() || e == "NoSchedule")
        })
    });
    PodFact {
        key: key(&p.metadata),
        uid: p.uid().unwrap_or_default().into(),
        node: spec.and_then(|s| s.node_name.as_deref()).unwrap_or_default().into(),
        phase: status.phase.unwrap_or_default().into(),
        ready: status.conditions.iter().flatten().any(|c| c.type_ == "Ready" && c.status == "True"),
        restarts: containers.iter().map(|c| u32::try_from(c.restart_count).unwrap_or(0)).sum(),
        ip: status.pod_ip.and_then(|ip| ip.parse::<IpAddr>().ok()),
        host_network: spec.is_some_and(|s| s.host_network == Some(true)),
        owner: owner(p),
        mirror: p.annotations().contains_key("kubernetes.io/config.mirror"),
        deleting: p.metadata.deletion_timestamp.as_ref().map(|t| t.0),
        tolerates_all,
        empty_dir: volumes.is_some_and(|v| v.iter().any(|v| v.empty_dir.is_some())),
        labels: Arc::new(p.labels().clone()),
        image: spec.and_then(|s| s.containers.first()?.image.as_deref()).unwrap_or_default().into(),
        created: p.metadata.creation_timestamp.as_ref().map(|t| t.0),
        reason,
        task,
        report,
    }
}

fn selector(s: &LabelSelector) -> Selector {
    Selector {
        labels: s.match_labels.clone().unwrap_or_default(),
        expressions: s
            .match_expressions
            .iter()
            .flatten()
            .map(|e| (e.key.clone(), e.operator.clone(), e.values.clone().unwrap_or_default()))
            .collect(),
    }
}

pub(super) fn budget(b: &PodDisruptionBudget) -> BudgetFact {
    let status = b.status.clone().unwrap_or_default();
    BudgetFact {
        key: key(&b.metadata),
        selector: b.spec.as_ref().and_then(|s| s.selector.as_ref()).map(selector),
        allowed: status.disruptions_allowed.unwrap_or(0),
        healthy: status.current_healthy.unwrap_or(0),
        desired: status.desired_healthy.unwrap_or(0),
        expected: status.expected_pods.unwrap_or(0),
    }
}

pub(super) fn daemon_set(d: &DaemonSet) -> DaemonSetFact {
    let status = d.status.clone().unwrap_or_default();
    let template = &d.spec.template;
    let pod = template.spec.clone().unwrap_or_default();
    let annotations = template.metadata.as_ref().and_then(|m| m.annotations.clone()).unwrap_or_default();
    DaemonSetFact {
        key: key(&d.metadata),
        desired: status.desired_number_scheduled,
        ready: status.number_ready,
        updated: status.updated_number_scheduled.unwrap_or(0),
        observed: status.observed_generation >= d.metadata.generation,
        image: pod.containers.first().and_then(|c| c.image.as_deref()).unwrap_or_default().into(),
        containers: pod.containers.iter().map(|c| c.name.clone()).collect(),
        restarted_for: annotations.get(RESTART_MARK).cloned(),
        managed_by: manager(d),
        service_account: pod.service_account_name.unwrap_or_default(),
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
        namespace: c.namespace().unwrap_or_default(),
        custom_conf: get("custom-cni-conf") == "true",
        enable_policy: get("enable-policy").to_owned(),
        pool: get("cluster-pool-ipv4-cidr").split_whitespace().filter_map(|r| r.parse().ok()).collect(),
    }
}
