//! Pods, with what they ask of a node.

use std::{net::IpAddr, sync::Arc};

use k8s_openapi::{
    api::core::v1::{Container, NodeSelectorRequirement, NodeSelectorTerm, Pod, PodAffinityTerm, PodSpec},
    apimachinery::pkg::{api::resource::Quantity, apis::meta::v1::OwnerReference},
};
use kube::ResourceExt;
use serde_json::Value;

use super::{key, quantity, selector};
use crate::domain::{
    effect::resource::MIGRATIONS,
    facts::{AffinityTerm, NETWORK_STATUS, NETWORKS, Needs, Owner, PodFact, Room, Term, Toleration},
    host::TASK_LABEL,
};

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

pub(in super::super) fn pod(p: &Pod) -> PodFact {
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
    // any tenant can set the label
    let task = p.labels().get(TASK_LABEL).filter(|t| p.name_any().starts_with(&format!("cutover-{t}-")));
    let task = task.map(|t| Arc::from(t.as_str()));
    let migration = |o: &&OwnerReference| o.kind == MIGRATIONS.kind && o.api_version == MIGRATIONS.api_version();
    let task_owner = task.as_ref().and_then(|_| p.owner_references().iter().find(migration));
    let task_owner = task_owner.map(|o| Arc::from(o.uid.as_str()));
    let report = task.as_ref().and_then(|_| {
        let ended = containers.first().and_then(|c| c.state.as_ref()?.terminated.as_ref());
        let reported = ended.map(|e| (e.exit_code, e.message.clone().unwrap_or_default()));
        // it failed before its container ever ran: out of time, evicted, no image
        reported.or_else(|| {
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
    let owner = owner(p);
    let mut needs = spec.map(needs).unwrap_or_default();
    // its controller made it for its node: where else it could go is never asked, and its like can share the rest
    if owner.as_ref().is_some_and(|o| &*o.kind == "DaemonSet") {
        (needs.terms, needs.tolerations) = (vec![], vec![]);
    }
    let ip = status.pod_ip.and_then(|ip| ip.parse::<IpAddr>().ok());
    PodFact {
        key: key(&p.metadata),
        uid: p.uid().unwrap_or_default().into(),
        node: spec.and_then(|s| s.node_name.as_deref()).unwrap_or_default().into(),
        phase: status.phase.as_deref().unwrap_or_default().into(),
        ready: status.conditions.iter().flatten().any(|c| c.type_ == "Ready" && c.status == "True"),
        restarts: containers.iter().map(|c| u32::try_from(c.restart_count).unwrap_or(0)).sum(),
        started: containers
            .iter()
            .filter_map(|c| Some(c.state.as_ref()?.running.as_ref()?.started_at.as_ref()?.0))
            .max(),
        ip,
        second: second_address(p, ip),
        networks: networks(p),
        host_network: spec.is_some_and(|s| s.host_network == Some(true)),
        owner,
        mirror: p.annotations().contains_key("kubernetes.io/config.mirror"),
        deleting: p.metadata.deletion_timestamp.as_ref().map(|t| t.0),
        deleting_grace: p.metadata.deletion_grace_period_seconds,
        finalizers: p.metadata.finalizers.clone().unwrap_or_default(),
        needs: Arc::new(needs),
        claims: volumes
            .into_iter()
            .flatten()
            .filter_map(|v| {
                // a generic ephemeral volume has a claim named after the pod and itself
                let own = v.ephemeral.as_ref().map(|_| format!("{}-{}", p.name_any(), v.name));
                v.persistent_volume_claim.as_ref().map(|c| c.claim_name.clone()).or(own)
            })
            .collect(),
        tolerates_all,
        empty_dir: volumes.is_some_and(|v| v.iter().any(|v| v.empty_dir.is_some() || v.ephemeral.is_some())),
        labels: Arc::new(p.labels().clone()),
        image: spec.and_then(|s| s.containers.first()?.image.as_deref()).unwrap_or_default().into(),
        created: p.metadata.creation_timestamp.as_ref().map(|t| t.0),
        reason,
        task,
        task_owner,
        report,
    }
}

/// Characters of the annotation that are kept: any tenant writes one, of up to 256 KiB.
const NAMED: usize = 100;

/// The further networks that it asks for; an empty list asks for none.
fn networks(p: &Pod) -> Option<Arc<str>> {
    let text = p.annotations().get(NETWORKS)?.trim();
    let empty = text.is_empty() || serde_json::from_str::<Vec<Value>>(text).is_ok_and(|list| list.is_empty());
    (!empty).then(|| text.chars().take(NAMED).collect::<String>().into())
}

/// The first address of an interface that is not the pod's own one.
fn second_address(p: &Pod, own: Option<IpAddr>) -> Option<IpAddr> {
    let status: Value = serde_json::from_str(p.annotations().get(NETWORK_STATUS)?).ok()?;
    let ips = status.as_array()?.iter().filter_map(|i| i["ips"][0].as_str()?.parse::<IpAddr>().ok());
    ips.into_iter().find(|ip| Some(*ip) != own)
}

/// What a pod asks of a node.
fn needs(spec: &PodSpec) -> Needs {
    let affinity = spec.affinity.clone().unwrap_or_default();
    let terms = affinity
        .node_affinity
        .and_then(|a| a.required_during_scheduling_ignored_during_execution)
        .map(|s| s.node_selector_terms.iter().map(term).collect())
        .unwrap_or_default();
    let pods = |terms: Option<Vec<PodAffinityTerm>>| terms.into_iter().flatten().map(|t| affinity_term(&t)).collect();
    let anti_affinity = affinity.pod_anti_affinity.and_then(|a| a.required_during_scheduling_ignored_during_execution);
    let affinity = affinity.pod_affinity.and_then(|a| a.required_during_scheduling_ignored_during_execution);
    let tolerations = spec.tolerations.iter().flatten().map(|t| Toleration {
        key: t.key.clone().unwrap_or_default(),
        exists: t.operator.as_deref() == Some("Exists"),
        value: t.value.clone().unwrap_or_default(),
        effect: t.effect.clone().unwrap_or_default(),
    });
    let ports = spec.containers.iter().flat_map(|c| c.ports.iter().flatten());
    let host_ports = ports.filter_map(|p| {
        let port = p.host_port.and_then(|p| u16::try_from(p).ok()).filter(|p| *p > 0)?;
        Some((port, p.protocol.clone().unwrap_or_else(|| "TCP".into())))
    });
    Needs {
        room: room(spec),
        selector: spec.node_selector.clone().unwrap_or_default(),
        terms,
        tolerations: tolerations.collect(),
        host_ports: host_ports.collect(),
        anti_affinity: pods(anti_affinity),
        affinity: pods(affinity),
    }
}

/// The larger of what the containers request together and what any init container requests alone.
fn room(spec: &PodSpec) -> Room {
    let of = |c: &Container| {
        let requests = c.resources.as_ref().and_then(|r| r.requests.as_ref());
        let get = |key: &str| requests.and_then(|r| r.get(key)).map(|Quantity(q)| q.as_str()).unwrap_or_default();
        (quantity::milli(get("cpu")), quantity::whole(get("memory")))
    };
    let sum = spec.containers.iter().map(of).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    let largest = spec.init_containers.iter().flatten().map(of).fold((0, 0), |a, b| (a.0.max(b.0), a.1.max(b.1)));
    Room { cpu: sum.0.max(largest.0), memory: sum.1.max(largest.1), pods: 1 }
}

pub(super) fn term(term: &NodeSelectorTerm) -> Term {
    let requirement =
        |r: &NodeSelectorRequirement| (r.key.clone(), r.operator.clone(), r.values.clone().unwrap_or_default());
    Term {
        labels: term.match_expressions.iter().flatten().map(requirement).collect(),
        names: term
            .match_fields
            .iter()
            .flatten()
            .filter(|f| f.key == "metadata.name")
            .flat_map(|f| f.values.clone().unwrap_or_default())
            .collect(),
    }
}

fn affinity_term(term: &PodAffinityTerm) -> AffinityTerm {
    AffinityTerm {
        selector: selector(term.label_selector.as_ref()),
        topology: term.topology_key.clone(),
        namespaces: term.namespaces.clone().unwrap_or_default(),
    }
}
