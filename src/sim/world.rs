//! The initial objects of the embedded cluster: nodes, Flannel as Kubespray installs it, and workloads of every kind
//! that a drain meets.

use std::time::Duration;

use k8s_openapi::api::{
    apps::v1::{DaemonSet, Deployment},
    core::v1::{Node, Pod},
    policy::v1::PodDisruptionBudget,
};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind, ListParams, PostParams},
};
use serde_json::{Value, json};

use super::actors::CALLS;

/// Annotation of a pod that runs but never becomes ready.
pub(super) const NEVER_READY: &str = "cutover.dev/embedded-never-ready";
/// Kubespray's defaults: Flannel's network and NodeLocal DNS.
const FLANNEL_NETWORK: &str = "10.233.64.0/18";
const NODE_LOCAL_DNS: &str = "169.254.25.10:53";

/// Creates everything.
///
/// # Errors
/// What the API server refused.
pub async fn create(client: &Client, nodes: usize) -> Result<(), String> {
    let own = ["infra-argocd", "infra-monitoring", "shop", "batch"];
    populate(client, &own, nodes, system(nodes).into_iter().chain(workloads())).await
}

/// Creates namespaces, nodes, Flannel and more objects.
async fn populate(
    client: &Client,
    namespaces: &[&str],
    nodes: usize,
    more: impl Iterator<Item = Value>,
) -> Result<(), String> {
    for namespace in ["default", "kube-system", "kube-node-lease"].iter().chain(namespaces) {
        put(client, json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})).await?;
    }
    put(
        client,
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "kubernetes", "namespace": "default"},
        "spec": {"clusterIP": "10.233.0.1", "ports": [{"port": 443}]}}),
    )
    .await?;
    for object in nodes_of(nodes).into_iter().chain(flannel()).chain(more) {
        put(client, object).await?;
    }
    Ok(())
}

/// Creates the smallest cluster that needs every action of a migration.
pub(super) async fn small(client: &Client, nodes: usize) -> Result<(), String> {
    let agent = daemon_set("shop", "log-agent", "log-agent", false, "docker.io/grafana/promtail:3.0.0", json!({}));
    let workloads = [
        agent,
        workload("Deployment", "shop", "web", 2, "docker.io/nginx:1.25", &[], json!({})),
        budget("shop", "web", "web", 1),
        workload("StatefulSet", "shop", "db", 1, "docker.io/postgres:15", &[], json!({})),
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "once", "namespace": "shop", "labels": {"app": "once"}},
            "spec": {"containers": [{"name": "import", "image": "docker.io/busybox:1.36"}], "terminationGracePeriodSeconds": 5}}),
    ];
    populate(client, &["shop"], nodes, workloads.into_iter()).await
}

/// Consents that a migration of the small cluster needs.
pub const FEW_CONSENTS: [&str; 2] = ["DeleteBarePod:shop/once", "InterruptSingleReplica:shop/StatefulSet/db"];

/// Waits until every node is Ready and every pod that should run does.
///
/// # Errors
/// After a minute and a half.
pub async fn settle(client: &Client) -> Result<(), String> {
    let (nodes, pods): (Api<Node>, Api<Pod>) = (Api::all(client.clone()), Api::all(client.clone()));
    let sets: Api<DaemonSet> = Api::all(client.clone());
    let budgets: Api<PodDisruptionBudget> = Api::all(client.clone());
    let deployments: Api<Deployment> = Api::all(client.clone());
    let ready = |conditions: Option<&Vec<_>>, wanted: fn(&_) -> bool| conditions.is_some_and(|c| c.iter().any(wanted));
    for _ in 0..1_800 {
        let nodes = nodes.list(&ListParams::default()).await.map_err(|e| e.to_string())?;
        let pods = pods.list(&ListParams::default()).await.map_err(|e| e.to_string())?;
        let nodes_ready = nodes.iter().all(|n| {
            ready(
                n.status.as_ref().and_then(|s| s.conditions.as_ref()),
                |c: &k8s_openapi::api::core::v1::NodeCondition| c.type_ == "Ready" && c.status == "True",
            )
        });
        let pods_ready = pods.items.len() > nodes.items.len() * 3
            && pods.iter().all(|p| {
                let status = p.status.clone().unwrap_or_default();
                let sick = p.metadata.annotations.as_ref().is_some_and(|a| a.contains_key(NEVER_READY));
                (sick && status.pod_ip.is_some())
                    || status.phase.as_deref() == Some("Succeeded")
                    || status.conditions.iter().flatten().any(|c| c.type_ == "Ready" && c.status == "True")
            });
        // the status of a DaemonSet follows its pods
        let counted = sets.list(&ListParams::default()).await.map_err(|e| e.to_string())?.iter().all(|d| {
            d.status
                .as_ref()
                .is_some_and(|s| s.desired_number_scheduled > 0 && s.number_ready == s.desired_number_scheduled)
        });
        let budgets = budgets.list(&ListParams::default()).await.map_err(|e| e.to_string())?;
        let observed = budgets.iter().all(|b| {
            let seen = b.status.as_ref().and_then(|s| s.observed_generation);
            seen >= b.metadata.generation
        });
        let workloads = deployments.list(&ListParams::default()).await.map_err(|e| e.to_string())?;
        let complete = workloads.iter().all(|d| {
            let wanted = d.spec.replicas.unwrap_or(1);
            d.status.as_ref().and_then(|s| s.ready_replicas).unwrap_or(0) >= wanted
        });
        if nodes_ready && pods_ready && counted && observed && complete {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err("the embedded cluster did not settle within a minute and a half".into())
}

/// Creates an object; accepts an existing one, as on a reused cluster.
///
/// # Errors
/// What the API server refused.
pub async fn put(client: &Client, object: Value) -> Result<(), String> {
    let parsed: DynamicObject = serde_json::from_value(object).map_err(|e| e.to_string())?;
    let types = parsed.types.clone().unwrap_or_default();
    let api = api(client, &types.api_version, &types.kind, parsed.metadata.namespace.as_deref());
    match api.create(&PostParams::default(), &parsed).await {
        Err(kube::Error::Api(s)) if s.code == 409 || s.message.contains("already allocated") => Ok(()),
        Err(e) => Err(format!("{} {}: {e}", types.kind, parsed.metadata.name.unwrap_or_default())),
        Ok(_) => Ok(()),
    }
}

/// The objects of a kind, in a namespace or everywhere.
pub(super) fn api(client: &Client, version: &str, kind: &str, namespace: Option<&str>) -> Api<DynamicObject> {
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}

/// Names of the nodes: three control-plane nodes from seven nodes on, otherwise one; the rest are workers.
pub fn node_names(count: usize) -> Vec<String> {
    let control_planes = if count >= 7 { 3 } else { 1 };
    let cp = (1..=control_planes.min(count)).map(|i| format!("cp-{i}"));
    let workers = (1..=count.saturating_sub(control_planes)).map(|i| format!("worker-{i}"));
    cp.chain(workers).collect()
}

fn nodes_of(count: usize) -> Vec<Value> {
    let names = node_names(count);
    let range = |i: usize| format!("10.233.{}.0/24", 64 + i);
    names
        .iter()
        .enumerate()
        .map(|(i, name)| {
            let control_plane = name.starts_with("cp-");
            let mut labels = json!({"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "topology.kubernetes.io/zone": format!("zone-{}", i % 3)});
            if control_plane {
                labels["node-role.kubernetes.io/control-plane"] = json!("");
            }
            // small clusters need the control plane for pods
            let taints = if control_plane && count >= 4 { json!([{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]) } else { json!([]) };
            // the pool has 64 ranges: further nodes have none, which preflight reports
            let spec = if i < 64 { json!({"podCIDR": range(i), "podCIDRs": [range(i)], "taints": taints}) } else { json!({"taints": taints}) };
            json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels,
                "annotations": {"cutover.dev/embedded-address": format!("192.168.{}.{}", 10 + i / 200, 10 + i % 200)}}, "spec": spec})
        })
        .collect()
}

fn flannel() -> Vec<Value> {
    let net = json!({"Network": FLANNEL_NETWORK, "EnableIPv4": true, "Backend": {"Type": "vxlan", "VNI": 1, "Port": 8472, "DirectRouting": false}});
    let cni = json!({"name": "cbr0", "cniVersion": "0.3.1", "plugins": [{"type": "flannel", "delegate": {"hairpinMode": true, "isDefaultGateway": true}}, {"type": "portmap", "capabilities": {"portMappings": true}}]});
    let rules = json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}, {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch"]}, {"apiGroups": [""], "resources": ["nodes/status"], "verbs": ["patch"]}]);
    let rbac = "rbac.authorization.k8s.io";
    vec![
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "flannel", "namespace": "kube-system"}}),
        json!({"apiVersion": format!("{rbac}/v1"), "kind": "ClusterRole", "metadata": {"name": "flannel"}, "rules": rules}),
        json!({"apiVersion": format!("{rbac}/v1"), "kind": "ClusterRoleBinding", "metadata": {"name": "flannel"},
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "flannel"}, "subjects": [{"kind": "ServiceAccount", "name": "flannel", "namespace": "kube-system"}]}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kube-flannel-cfg", "namespace": "kube-system", "labels": {"app": "flannel"}},
            "data": {"net-conf.json": net.to_string(), "cni-conf.json": cni.to_string()}}),
        daemon_set(
            "kube-system",
            "kube-flannel",
            "flannel",
            true,
            "docker.io/flannel/flannel:v0.22.0",
            json!({"serviceAccountName": "flannel"}),
        ),
    ]
}

fn daemon_set(namespace: &str, name: &str, app: &str, host_network: bool, image: &str, more: Value) -> Value {
    let mut spec = json!({"hostNetwork": host_network, "containers": [{"name": name, "image": image}], "terminationGracePeriodSeconds": 5});
    if host_network {
        spec["tolerations"] = json!([{"operator": "Exists"}]);
    }
    crate::domain::values::merge(&mut spec, &more);
    json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": name, "namespace": namespace, "labels": {"app": app}}, "spec": {
        "selector": {"matchLabels": {"app": app}}, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
        "template": {"metadata": {"labels": {"app": app}}, "spec": spec}}})
}

fn system(nodes: usize) -> Vec<Value> {
    let mut objects = vec![
        daemon_set("kube-system", "kube-proxy", "kube-proxy", true, "registry.k8s.io/kube-proxy:v1.33.1", json!({})),
        daemon_set("infra-monitoring", "log-agent", "log-agent", false, "docker.io/grafana/promtail:3.0.0", json!({})),
        workload("Deployment", "kube-system", "coredns", 2, "registry.k8s.io/coredns/coredns:v1.11.1", &[], json!({})),
        budget("kube-system", "coredns", "coredns", 1),
    ];
    for node in node_names(nodes).into_iter().filter(|n| n.starts_with("cp-")) {
        for component in ["etcd", "kube-apiserver"] {
            objects.push(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {
                "name": format!("{component}-{node}"), "namespace": "kube-system", "labels": {"component": component, "tier": "control-plane"},
                "annotations": {"kubernetes.io/config.mirror": "static", "kubernetes.io/config.source": "file"}},
                "spec": {"nodeName": node, "hostNetwork": true, "tolerations": [{"operator": "Exists"}],
                    "containers": [{"name": component, "image": format!("registry.k8s.io/{component}:v1.33.1")}]}}));
        }
    }
    objects
}

fn workload(kind: &str, namespace: &str, name: &str, replicas: u32, image: &str, calls: &[&str], more: Value) -> Value {
    let mut calls: Vec<&str> = calls.to_vec();
    calls.push(NODE_LOCAL_DNS);
    let mut spec = json!({"containers": [{"name": name, "image": image}], "terminationGracePeriodSeconds": 10});
    crate::domain::values::merge(&mut spec, &more);
    let mut object = json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}}, "spec": {
        "replicas": replicas, "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}, "annotations": {CALLS: calls.join(",")}}, "spec": spec}}});
    if kind == "StatefulSet" {
        object["spec"]["serviceName"] = json!(name);
    }
    object
}

fn budget(namespace: &str, name: &str, app: &str, min_available: u32) -> Value {
    json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name, "namespace": namespace},
        "spec": {"minAvailable": min_available, "selector": {"matchLabels": {"app": app}}}})
}

/// Consents that draining every node of this cluster needs.
pub const CONSENTS: [&str; 7] = [
    "DeleteBarePod:batch/import-once",
    "LoseEmptyDir:shop/Deployment/thumbnails",
    "InterruptSingleReplica:shop/Deployment/thumbnails",
    "InterruptSingleReplica:infra-argocd/StatefulSet/argocd-application-controller",
    "InterruptSingleReplica:infra-argocd/Deployment/argocd-notifications",
    "InterruptSingleReplica:infra-argocd/Deployment/argocd-redis",
    "InterruptSingleReplica:infra-monitoring/Deployment/grafana",
];

/// Argo CD, Prometheus, a shop with a database, bare pods and policies.
fn workloads() -> Vec<Value> {
    let argocd = "infra-argocd";
    let redis = "infra-argocd/argocd-redis:6379";
    let argo_image = "quay.io/argoproj/argocd:v2.6.7";
    let scrapes = [
        "infra-argocd/argocd-application-controller:8082",
        "infra-argocd/argocd-server:8083",
        "infra-argocd/argocd-repo-server:8084",
        "infra-argocd/argocd-notifications:9001",
        "infra-argocd/argocd-redis:9121",
        "shop/web:8080",
    ];
    vec![
        workload(
            "StatefulSet",
            argocd,
            "argocd-application-controller",
            1,
            argo_image,
            &[redis, "infra-argocd/argocd-repo-server:8081"],
            json!({}),
        ),
        workload(
            "Deployment",
            argocd,
            "argocd-server",
            2,
            argo_image,
            &[redis, "infra-argocd/argocd-repo-server:8081"],
            json!({}),
        ),
        workload("Deployment", argocd, "argocd-repo-server", 2, argo_image, &[redis], json!({})),
        workload(
            "Deployment",
            argocd,
            "argocd-notifications",
            1,
            argo_image,
            &["infra-argocd/argocd-repo-server:8081"],
            json!({}),
        ),
        workload("Deployment", argocd, "argocd-redis", 1, "docker.io/redis:7.0.11", &[], json!({})),
        budget(argocd, "argocd-server", "argocd-server", 1),
        workload(
            "StatefulSet",
            "infra-monitoring",
            "prometheus",
            2,
            "quay.io/prometheus/prometheus:v2.45.0",
            &scrapes,
            json!({}),
        ),
        budget("infra-monitoring", "prometheus", "prometheus", 1),
        workload(
            "Deployment",
            "infra-monitoring",
            "grafana",
            1,
            "docker.io/grafana/grafana:10.0.3",
            &["infra-monitoring/prometheus:9090"],
            json!({}),
        ),
        workload("Deployment", "shop", "web", 5, "docker.io/nginx:1.25", &["shop/api:8081"], json!({})),
        budget("shop", "web", "web", 4),
        workload("Deployment", "shop", "api", 4, "docker.io/shop/api:1.4.2", &["shop/db:5432"], json!({})),
        budget("shop", "api", "api", 2),
        workload("StatefulSet", "shop", "db", 3, "docker.io/postgres:15", &[], json!({})),
        budget("shop", "db", "db", 2),
        workload(
            "Deployment",
            "shop",
            "thumbnails",
            1,
            "docker.io/shop/thumbnails:0.9",
            &["shop/api:8081"],
            json!({"volumes": [{"name": "scratch", "emptyDir": {}}]}),
        ),
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "import-once", "namespace": "batch", "labels": {"app": "import-once"}},
            "spec": {"containers": [{"name": "import", "image": "docker.io/busybox:1.36"}], "terminationGracePeriodSeconds": 5}}),
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "report-finished", "namespace": "batch", "labels": {"app": "report"}},
            "spec": {"restartPolicy": "Never", "containers": [{"name": "report", "image": "docker.io/busybox:1.36"}], "terminationGracePeriodSeconds": 5}}),
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "db-from-api", "namespace": "shop"}, "spec": {
            "podSelector": {"matchLabels": {"app": "db"}}, "policyTypes": ["Ingress"],
            "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "api"}}}, {"podSelector": {"matchLabels": {"app": "db"}}}]}]}}),
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "redis-only-from-argocd", "namespace": argocd}, "spec": {
            "podSelector": {"matchLabels": {"app": "argocd-redis"}}, "policyTypes": ["Ingress"], "ingress": [{"from": [{"podSelector": {}}]}]}}),
    ]
}
