//! Which nodes fit a pod: node selectors, affinity, taints, host ports, volumes and resources, as kube-scheduler filters
//! them. Independent of the product's own code, so that each checks the other.

use std::collections::BTreeMap;

use kube::ResourceExt;
use serde_json::Value;

use super::{
    cache::{Cluster, Kind, Object, selects},
    scheduler::{taints, tolerated},
};

pub(super) fn fits(cluster: &Cluster, pods: &[Object], pod: &Object, node: &Object) -> bool {
    let spec = &pod.data["spec"];
    let required = "requiredDuringSchedulingIgnoredDuringExecution";
    let affinity = &spec["affinity"];
    let here = || {
        pods.iter().filter(|p| {
            p.data["spec"]["nodeName"] == *node.name_any()
                && !matches!(p.data["status"]["phase"].as_str(), Some("Succeeded" | "Failed"))
        })
    };
    labels_match(&spec["nodeSelector"], node.labels())
        && terms_match(&affinity["nodeAffinity"][required]["nodeSelectorTerms"], node)
        && tolerated(&taints(node), &spec["tolerations"])
        && volumes_reach(cluster, pod, node)
        && !here().any(|p| shares_port(spec, &p.data["spec"]))
        && !apart(&affinity["podAntiAffinity"][required], cluster, pods, pod, node)
        && has_room(spec, here().map(|p| &p.data["spec"]), &node.data["status"]["allocatable"])
}

fn labels_match(wanted: &Value, labels: &BTreeMap<String, String>) -> bool {
    wanted.as_object().into_iter().flatten().all(|(k, v)| labels.get(k).map(String::as_str) == v.as_str())
}

fn terms_match(terms: &Value, node: &Object) -> bool {
    let Some(terms) = terms.as_array() else { return true };
    terms.iter().any(|t| {
        let fields = t["matchFields"].as_array().into_iter().flatten().all(|f| {
            f["key"] == "metadata.name"
                && f["values"].as_array().is_some_and(|v| v.iter().any(|n| *n == node.name_any()))
        });
        let labels = serde_json::json!({"matchExpressions": t["matchExpressions"]});
        fields && selects(&labels, node.labels())
    })
}

fn volumes_reach(cluster: &Cluster, pod: &Object, node: &Object) -> bool {
    claims(pod).iter().all(|claim| {
        let claim = cluster.get(Kind::Claim, &pod.namespace().unwrap_or_default(), claim);
        let volume = claim.and_then(|c| c.data["spec"]["volumeName"].as_str().map(str::to_owned));
        let Some(volume) = volume.and_then(|v| cluster.get(Kind::Volume, "", &v)) else { return false };
        terms_match(&volume.data["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"], node)
    })
}

/// Names of the claims that a pod mounts.
pub(super) fn claims(pod: &Object) -> Vec<String> {
    let volumes = pod.data["spec"]["volumes"].as_array().into_iter().flatten();
    volumes.filter_map(|v| v["persistentVolumeClaim"]["claimName"].as_str().map(str::to_owned)).collect()
}

fn ports(spec: &Value) -> impl Iterator<Item = u64> {
    let containers = spec["containers"].as_array().into_iter().flatten();
    containers.flat_map(|c| c["ports"].as_array().into_iter().flatten()).filter_map(|p| p["hostPort"].as_u64())
}

fn shares_port(spec: &Value, other: &Value) -> bool {
    ports(spec).any(|p| ports(other).any(|o| o == p))
}

fn apart(terms: &Value, cluster: &Cluster, pods: &[Object], pod: &Object, node: &Object) -> bool {
    terms.as_array().into_iter().flatten().any(|term| {
        let topology = term["topologyKey"].as_str().unwrap_or_default();
        let here = node.labels().get(topology);
        pods.iter().any(|p| {
            p.uid() != pod.uid()
                && p.namespace() == pod.namespace()
                && p.metadata.deletion_timestamp.is_none()
                && selects(&term["labelSelector"], p.labels())
                && p.data["spec"]["nodeName"]
                    .as_str()
                    .and_then(|n| cluster.get(Kind::Node, "", n))
                    .is_some_and(|n| here.is_some() && n.labels().get(topology) == here)
        })
    })
}

fn has_room<'a>(spec: &Value, others: impl Iterator<Item = &'a Value>, allocatable: &Value) -> bool {
    if allocatable.is_null() {
        return true;
    }
    let asked = |spec: &Value| {
        let containers = spec["containers"].as_array().into_iter().flatten();
        containers.fold((0.0, 0.0), |sum, c| {
            let requests = &c["resources"]["requests"];
            (sum.0 + number(&requests["cpu"]), sum.1 + number(&requests["memory"]))
        })
    };
    let (mut cpu, mut memory) = asked(spec);
    let mut count = 1.0;
    for other in others {
        let (c, m) = asked(other);
        (cpu, memory, count) = (cpu + c, memory + m, count + 1.0);
    }
    cpu <= number(&allocatable["cpu"])
        && memory <= number(&allocatable["memory"])
        && count <= number(&allocatable["pods"])
}

/// Parses a quantity with the suffixes that the embedded objects use.
fn number(quantity: &Value) -> f64 {
    let text = quantity.as_str().map_or_else(|| quantity.to_string(), str::to_owned);
    for (suffix, factor) in [("Gi", 1_073_741_824.0), ("Mi", 1_048_576.0), ("Ki", 1_024.0), ("m", 0.001)] {
        if let Some(n) = text.strip_suffix(suffix) {
            return n.parse().unwrap_or(0.0) * factor;
        }
    }
    text.parse().unwrap_or(0.0)
}
