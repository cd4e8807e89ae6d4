//! Cilium's operator: custom resource definitions, a pod range for every node, and the taint while an agent is not ready.

use std::{sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

use super::cache::{Cluster, Kind, Object, is_true, owned_by};
use crate::{domain::encryption, sim::helm::minor};

const TAINT: &str = "node.cilium.io/agent-not-ready";

/// Runs while the operator's pod is ready.
pub(super) async fn run(cluster: Arc<Cluster>) {
    let mut changes = cluster.changes();
    let mut defined = None;
    loop {
        changes.borrow_and_update();
        if let Some((minor, namespace)) = operates(&cluster) {
            if defined != Some(minor) {
                cluster.pace.wait(Duration::from_secs(2)).await;
                define(&cluster, minor).await;
                defined = Some(minor);
            }
            give_ranges(&cluster, &namespace).await;
            taint(&cluster, &namespace).await;
            follow_key(&cluster, &namespace).await;
        }
        tokio::select! {
            biased;
            changed = changes.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
        tokio::time::sleep(cluster.pace.shorten(Duration::from_millis(500))).await;
    }
}

/// The minor version of the ready operator, and its namespace: it looks nowhere else.
fn operates(cluster: &Cluster) -> Option<(u32, String)> {
    let pods = cluster.all(Kind::Pod);
    let operator =
        pods.iter().find(|p| p.labels().get("io.cilium/app").is_some_and(|a| a == "operator") && is_true(p, "Ready"));
    let version = |p: &Object| minor(p.data["spec"]["containers"][0]["image"].as_str().unwrap_or_default());
    operator.map(|p| (version(p), p.namespace().unwrap_or_default()))
}

/// The minor version that serves and stores CiliumNodeConfig as v2. Seen on real clusters: 1.19 does, 1.15 has v2alpha1
/// only; after both, both are among the stored versions.
const NODE_CONFIG_V2: u32 = 19;

/// The first minor version that knows CiliumNodeConfig.
const NODE_CONFIG: u32 = 13;

async fn define(cluster: &Cluster, minor: u32) {
    let api: Api<CustomResourceDefinition> = Api::all(cluster.client.clone());
    let node_config: &[&str] = if minor >= NODE_CONFIG_V2 { &["v2", "v2alpha1"] } else { &["v2alpha1"] };
    for (kind, plural, namespaced, versions) in [
        ("CiliumNode", "ciliumnodes", false, &["v2"][..]),
        ("CiliumEndpoint", "ciliumendpoints", true, &["v2"]),
        ("CiliumNetworkPolicy", "ciliumnetworkpolicies", true, &["v2"]),
        ("CiliumNodeConfig", "ciliumnodeconfigs", true, node_config),
    ] {
        if kind == "CiliumNodeConfig" && minor < NODE_CONFIG {
            continue;
        }
        let name = format!("{plural}.cilium.io");
        let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        let version = |v: &&str| json!({"name": v, "served": true, "storage": *v == versions[0], "schema": {"openAPIV3Schema": open}});
        let crd = json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": name},
            "spec": {
                "group": "cilium.io", "scope": if namespaced { "Namespaced" } else { "Cluster" },
                "names": {"kind": kind, "plural": plural, "singular": kind.to_lowercase(), "listKind": format!("{kind}List")},
                "versions": versions.iter().map(version).collect::<Vec<_>>(),
            },
        });
        if let Err(e) = api.patch(&name, &PatchParams::apply("cilium-operator").force(), &Patch::Apply(&crd)).await {
            tracing::debug!("actor: {name}: {e}");
        }
    }
}

/// Gives every new CiliumNode a range of the pool.
async fn give_ranges(cluster: &Cluster, namespace: &str) {
    let Some(config) = cluster.get(Kind::ConfigMap, namespace, "cilium-config") else { return };
    let data = &config.data["data"];
    let pool: Option<ipnet::Ipv4Net> =
        data["cluster-pool-ipv4-cidr"].as_str().and_then(|p| p.split_whitespace().next()?.parse().ok());
    let mask = data["cluster-pool-ipv4-mask-size"].as_str().and_then(|m| m.parse().ok()).unwrap_or(24);
    let Some(mut free) = pool.and_then(|p| p.subnets(mask).ok()) else { return };
    let nodes = cluster.all(Kind::CiliumNode);
    let taken: Vec<&str> = nodes.iter().filter_map(|n| n.data["spec"]["ipam"]["podCIDRs"][0].as_str()).collect();
    for node in nodes.iter().filter(|n| n.data["spec"]["ipam"]["podCIDRs"].is_null()) {
        let Some(range) = free.find(|r| !taken.contains(&r.to_string().as_str())) else { return };
        let change = json!({"spec": {"ipam": {"podCIDRs": [range.to_string()]}}});
        cluster.merge(Kind::CiliumNode, "", &node.name_any(), &change).await;
    }
}

/// Agents write the number of their key into their CiliumNode, and follow the Secret when it changes.
async fn follow_key(cluster: &Cluster, namespace: &str) {
    let config = cluster.get(Kind::ConfigMap, namespace, "cilium-config");
    if config.is_none_or(|c| c.data["data"]["enable-ipsec"] != "true") {
        return;
    }
    let secrets: Api<Secret> = Api::namespaced(cluster.client.clone(), namespace);
    let data = secrets.get_opt(encryption::SECRET).await.ok().flatten().and_then(|s| s.data);
    let key = data.and_then(|mut d| d.remove(encryption::ENTRY));
    let Ok(key) = encryption::key_of(key.as_ref().map(|k| k.0.as_slice())) else { return };
    for node in cluster.all(Kind::CiliumNode) {
        if node.data["spec"]["encryption"]["key"] != key.spi {
            let change = json!({"spec": {"encryption": {"key": key.spi}}});
            cluster.merge(Kind::CiliumNode, "", &node.name_any(), &change).await;
        }
    }
}

/// Taints nodes whose agent is scheduled and not ready, even if none of their pods uses Cilium.
async fn taint(cluster: &Cluster, namespace: &str) {
    let pods = cluster.all(Kind::Pod);
    let is_agent = |p: &&Object| {
        p.labels().get("k8s-app").is_some_and(|a| a == "cilium") && p.namespace().as_deref() == Some(namespace)
    };
    // uninstalled with its agents it ends before they do: no taint outlives it (none did on real nodes)
    let sets = cluster.all(Kind::DaemonSet);
    let stays = |p: &&Object| sets.iter().any(|set| owned_by(p, &set.uid().unwrap_or_default()));
    let agents: Vec<&Object> = pods.iter().filter(is_agent).filter(stays).collect();
    for node in cluster.all(Kind::Node) {
        let name = node.name_any();
        let own: Vec<_> = agents.iter().filter(|p| p.data["spec"]["nodeName"] == *name).collect();
        let wanted = !own.is_empty() && !own.iter().any(|p| is_true(p, "Ready"));
        let mut taints: Vec<Value> = node.data["spec"]["taints"].as_array().cloned().unwrap_or_default();
        let there = taints.iter().any(|t| t["key"] == TAINT);
        if wanted == there {
            continue;
        }
        taints.retain(|t| t["key"] != TAINT);
        if wanted {
            taints.push(json!({"key": TAINT, "effect": "NoSchedule"}));
        }
        let change = json!({"metadata": {"resourceVersion": node.resource_version()}, "spec": {"taints": taints}});
        cluster.merge(Kind::Node, "", &name, &change).await;
    }
}
