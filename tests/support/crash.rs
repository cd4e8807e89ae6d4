//! Migrations whose program is killed at the edges of its writes, again and again.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Stdio,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use futures::StreamExt;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::{
    Api, Client, ResourceExt,
    api::ListParams,
    runtime::{WatchStreamExt, watcher},
};
use serde_json::{Value, json};
use tokio::process::Command;

use super::proxy::Proxy;

/// Longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(900);

/// Runs the program to its end through everything that kills it. Its exit code, and how often it was killed.
pub async fn to_the_end(proxy: &mut Proxy, arguments: &[String], log: &Path) -> (i32, usize) {
    let (began, mut kills) = (Instant::now(), 0);
    let mut trace = Vec::new();
    loop {
        let errors = std::fs::File::create(log.join("stderr")).unwrap();
        let mut child = Command::from(super::program())
            .arg("--kubeconfig")
            .arg(&proxy.kubeconfig)
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(errors)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        tokio::select! {
            status = child.wait() => {
                let code = status.unwrap().code().unwrap_or(-1);
                let said = std::fs::read_to_string(log.join("stderr")).unwrap_or_default();
                assert_eq!(code, 0, "after {kills} kills, the last at {:?}:\n{said}", trace.last());
                return (code, kills);
            }
            Some(place) = proxy.kills.recv() => {
                child.kill().await.unwrap();
                trace.push(place);
                kills += 1;
                proxy.revive();
            }
            () = tokio::time::sleep(PATIENCE.saturating_sub(began.elapsed())) => {
                let said = std::fs::read_to_string(log.join("stderr")).unwrap_or_default();
                let audit = std::fs::read_to_string(log.join("audit.jsonl")).unwrap_or_default();
                let done: Vec<&str> = audit.lines().rev().take(12).collect();
                panic!("not at its end after {kills} kills: {trace:?}\n{said}\nlast done:\n{}", done.join("\n"));
            }
        }
    }
}

/// Boot ids of nodes, as they were seen one after the other.
#[derive(Clone, Default)]
pub struct Boots(Arc<Mutex<BTreeMap<String, BTreeSet<String>>>>);

impl Boots {
    pub fn watch(client: &Client) -> (Self, tokio::task::JoinHandle<()>) {
        let boots = Self::default();
        let (seen, api) = (boots.clone(), Api::<Node>::all(client.clone()));
        let task = tokio::spawn(async move {
            let mut nodes =
                std::pin::pin!(watcher(api, watcher::Config::default()).default_backoff().touched_objects());
            while let Some(node) = nodes.next().await {
                let Ok(node) = node else { continue };
                let boot = node.status.as_ref().and_then(|s| s.node_info.as_ref()).map(|i| i.boot_id.clone());
                if let Some(boot) = boot.filter(|b| !b.is_empty()) {
                    seen.0.lock().unwrap().entry(node.name_any()).or_default().insert(boot);
                }
            }
        });
        (boots, task)
    }

    /// How often each node has rebooted.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        self.0.lock().unwrap().iter().map(|(n, b)| (n.clone(), b.len() - 1)).collect()
    }
}

/// Waits until a node's record is at this step.
pub async fn until_at(client: &Client, node: &str, step: &str) {
    let path = format!("/apis/cutover.dev/v1alpha1/nodemigrations/{node}");
    loop {
        let request = http::Request::get(&path).body(Vec::new()).unwrap();
        let record = client.request::<Value>(request).await.unwrap_or_default();
        if record["status"]["step"] == step {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What a migration leaves behind, without what differs from one cluster to the next.
pub async fn snapshot(client: &Client) -> Value {
    let nodes = Api::<Node>::all(client.clone()).list(&ListParams::default()).await.unwrap();
    let nodes: BTreeMap<String, Value> = nodes
        .iter()
        .map(|n| {
            let ours = |keys: Vec<&String>| {
                keys.into_iter().filter(|k| k.contains("cutover.dev/c") || k.contains("cilium")).cloned().collect::<Vec<_>>()
            };
            let labels = ours(n.labels().keys().collect());
            let notes = ours(n.annotations().keys().collect());
            let spec = n.spec.clone().unwrap_or_default();
            let taints: Vec<String> = spec.taints.unwrap_or_default().into_iter().map(|t| t.key).collect();
            (n.name_any(), json!({"labels": labels, "notes": notes, "taints": taints, "cordoned": spec.unschedulable.unwrap_or(false)}))
        })
        .collect();
    let pods = Api::<Pod>::all(client.clone()).list(&ListParams::default()).await.unwrap();
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for pod in &pods {
        let owner = pod.owner_references().first().map_or_else(
            || pod.name_any(),
            |o| {
                format!(
                    "{} {}",
                    o.kind,
                    o.name.rsplit_once('-').filter(|_| o.kind == "ReplicaSet").map_or(&*o.name, |(n, _)| n)
                )
            },
        );
        let status = pod.status.clone().unwrap_or_default();
        let host = pod.spec.as_ref().is_some_and(|s| s.host_network == Some(true));
        let ip = status.pod_ip.unwrap_or_default();
        let cni = if host {
            "host"
        } else if ip.starts_with("10.245.") {
            "Cilium"
        } else {
            "Flannel"
        };
        *kinds
            .entry(format!(
                "{} {owner} {cni} {}",
                pod.namespace().unwrap_or_default(),
                status.phase.unwrap_or_default()
            ))
            .or_default() += 1;
    }
    let get = async |path: &str| -> Value {
        let request = http::Request::get(path).body(Vec::new()).unwrap();
        client.request::<Value>(request).await.unwrap_or_default()
    };
    let migration = get("/apis/cutover.dev/v1alpha1/migrations/cutover").await;
    let records = get("/apis/cutover.dev/v1alpha1/nodemigrations").await;
    let records: BTreeMap<String, Value> = records["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|r| {
            (
                r["metadata"]["name"].as_str().unwrap().to_owned(),
                json!({"step": r["status"]["step"], "spec": r["spec"]}),
            )
        })
        .collect();
    let budgets = get("/apis/policy/v1/poddisruptionbudgets").await;
    let budgets: Vec<Value> = budgets["items"].as_array().into_iter().flatten().map(|b| b["spec"].clone()).collect();
    let sets = get("/apis/apps/v1/daemonsets").await;
    let sets: Vec<Value> =
        sets["items"].as_array().into_iter().flatten().map(|b| b["metadata"]["name"].clone()).collect();
    json!({"nodes": nodes, "pods": kinds, "records": records, "budgets": budgets, "daemonSets": sets,
        "phase": migration["status"]["phase"], "spec": migration["spec"]["approved"]})
}

/// Waits until nothing moves any more, and returns what is there then.
pub async fn at_rest(client: &Client) -> Value {
    let mut last = Value::Null;
    let mut same = 0;
    for _ in 0..600 {
        let now = snapshot(client).await;
        same = if now == last { same + 1 } else { 0 };
        let pods = now["pods"].as_object().unwrap();
        if same >= 5 && !pods.keys().any(|k| k.contains("cutover-") || k.contains("Pending")) {
            return now;
        }
        last = now;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it does not come to rest: {last:#}")
}
