//! Somebody who watches every change arrive at the API server and knows the rules that never break. Shares no
//! code with the engine: it reads the API as JSON.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
    time::Duration,
};

use axum::body::Body as Answer;
use cutover::sim::local::LocalService;
use http::{Request, Response};
use kube::client::Body;
use serde_json::Value;
use tokio::time::Instant;
use tower::{BoxError, Service};

const MARK: &str = "cutover.dev/cordoned";

#[derive(Default)]
pub struct Observer {
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    broken: Vec<String>,
    /// The epoch of each process, as the Lease told it.
    epochs: BTreeMap<String, i64>,
    highest: i64,
    /// Reboots asked of a boot, by node and boot id.
    reboots: BTreeMap<(String, String), BTreeSet<String>>,
    /// When somebody outside changed something that an engine may not know yet.
    meddled: Option<Instant>,
    consents: BTreeSet<String>,
    pub changes: u64,
}

impl Observer {
    pub fn meddled(&self) {
        self.seen.lock().unwrap().meddled = Some(Instant::now());
    }

    pub fn consents(&self, all: &[&str]) {
        self.seen.lock().unwrap().consents = all.iter().map(|c| (*c).to_owned()).collect();
    }

    pub fn broken(&self) -> Vec<String> {
        self.seen.lock().unwrap().broken.clone()
    }

    pub fn changes(&self) -> u64 {
        self.seen.lock().unwrap().changes
    }

    fn breaks(&self, rule: String) {
        self.seen.lock().unwrap().broken.push(rule);
    }

    /// A change arrives. `stray`: it was sent long ago, or once more, by the network and not by the program.
    pub async fn arrives(
        &self,
        process: &str,
        request: Request<Body>,
        stray: bool,
        server: &mut LocalService,
    ) -> Result<Response<Answer>, BoxError> {
        let (parts, body) = request.into_parts();
        let body = body.collect_bytes().await?.to_vec();
        let sent: Value = serde_json::from_slice(&body).unwrap_or_default();
        let (method, path) = (parts.method.to_string(), parts.uri.path().to_owned());
        let at = Place::of(&path);
        self.judge(process, &method, &at, &sent, stray, server).await;
        let answer = Service::call(server, Request::from_parts(parts, Body::from(body))).await?;
        if answer.status().is_success() {
            let mut seen = self.seen.lock().unwrap();
            seen.changes += 1;
            if at.resource == "leases" {
                let epoch = sent["spec"]["leaseTransitions"].as_i64().unwrap_or_default();
                seen.epochs.insert(process.to_owned(), epoch);
            }
        }
        Ok(answer)
    }

    async fn judge(
        &self,
        process: &str,
        method: &str,
        at: &Place,
        sent: &Value,
        stray: bool,
        server: &mut LocalService,
    ) {
        if at.resource == "leases" {
            if method == "PUT" && sent["metadata"]["resourceVersion"].is_null() {
                self.breaks("the Lease was written without the version that was read".into());
            }
            return;
        }
        let status = at.sub == "status";
        if status && sent["metadata"]["resourceVersion"].is_null() {
            self.breaks(format!("{} was written without the version that was read", at.name));
        }
        if matches!(at.resource.as_str(), "events") {
            return;
        }
        if stray {
            // what comes late, or once more, is harmless by what it names
            let uid = if at.sub == "eviction" {
                &sent["deleteOptions"]["preconditions"]["uid"]
            } else {
                &sent["preconditions"]["uid"]
            };
            let leaves = at.resource == "pods" && (at.sub == "eviction" || method == "DELETE");
            let node = at.resource == "nodes" && method == "PATCH";
            if (leaves && uid.is_null()) || (node && sent["metadata"]["resourceVersion"].is_null()) {
                self.breaks(format!("{method} {} came late and does not say what it was meant for", at.name));
            }
            return;
        }
        if !status {
            self.in_order(process, method, at);
        }
        match (method, at.resource.as_str(), at.sub.as_str()) {
            ("PATCH", "nodes", "") => self.node(at, sent, server).await,
            ("POST", "pods", "eviction") => {
                if sent["deleteOptions"]["preconditions"]["uid"].is_null() {
                    self.breaks(format!("the eviction of {} names no UID", at.name));
                }
                self.leaves(at, false, server).await;
            }
            ("DELETE", "pods", "") => {
                if sent["preconditions"]["uid"].is_null() {
                    self.breaks(format!("the deletion of {} names no UID", at.name));
                }
                self.leaves(at, true, server).await;
            }
            ("POST", "pods", "") => self.task(sent, server).await,
            _ => {}
        }
    }

    /// Nothing is changed in an older term once something was in a newer one.
    fn in_order(&self, process: &str, method: &str, at: &Place) {
        let mut seen = self.seen.lock().unwrap();
        let Some(epoch) = seen.epochs.get(process).copied() else {
            seen.broken.push(format!("{process} changed {} without ever holding the lock", at.name));
            return;
        };
        if epoch < seen.highest {
            let highest = seen.highest;
            seen.broken
                .push(format!("{process} of epoch {epoch} sent {method} {} after epoch {highest} had begun", at.name));
        }
        seen.highest = seen.highest.max(epoch);
    }

    async fn node(&self, at: &Place, sent: &Value, server: &mut LocalService) {
        let node = get(server, &format!("/api/v1/nodes/{}", at.name)).await;
        let marked = node["metadata"]["annotations"][MARK].is_string();
        let unschedulable = &sent["spec"]["unschedulable"];
        let names = sent["spec"].as_object().is_some_and(|s| s.contains_key("unschedulable"));
        if sent["metadata"]["resourceVersion"].is_null() {
            self.breaks(format!("node {} was changed without the version that was read", at.name));
        }
        if names && *unschedulable != true && !marked {
            self.breaks(format!("node {} was uncordoned, and not cordoned by Cutover", at.name));
        }
        if names && *unschedulable != true {
            let record = get(server, &format!("/apis/cutover.dev/v1alpha1/nodemigrations/{}", at.name)).await;
            let step = record["status"]["step"].as_str().unwrap_or("none").to_owned();
            if matches!(step.as_str(), "Drain" | "Switch" | "Restart") {
                self.breaks(format!("node {} was uncordoned in step {step}", at.name));
            }
        }
        if names && *unschedulable == true {
            let record = get(server, &format!("/apis/cutover.dev/v1alpha1/nodemigrations/{}", at.name)).await;
            let step = record["status"]["step"].as_str().unwrap_or("none").to_owned();
            let lately = self.seen.lock().unwrap().meddled.is_some_and(|t| t.elapsed() < Duration::from_secs(40));
            if step == "none" && lately {
                return;
            }
            if matches!(step.as_str(), "none" | "Pending" | "Check" | "Done" | "RolledBack" | "Observe") {
                self.breaks(format!("node {} was cordoned and its record says {step}", at.name));
            }
            let nodes = get(server, "/api/v1/nodes").await;
            let out: Vec<&str> = nodes["items"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|n| n["metadata"]["name"] != at.name.as_str())
                .filter(|n| n["spec"]["unschedulable"] == true || !is_ready(n))
                .filter_map(|n| n["metadata"]["name"].as_str())
                .collect();
            // what somebody did just now an engine may not have heard of
            let again = node["spec"]["unschedulable"] == true || marked;
            if !out.is_empty() && !lately && !again && matches!(step.as_str(), "Cordon") {
                self.breaks(format!("node {} was cordoned while {} is out", at.name, out.join(", ")));
            }
        }
    }

    /// A pod is to leave.
    async fn leaves(&self, at: &Place, deleted: bool, server: &mut LocalService) {
        let pod = get(server, &format!("/api/v1/namespaces/{}/pods/{}", at.namespace, at.name)).await;
        if pod["metadata"]["uid"].is_null() || at.name.starts_with("cutover-") {
            return;
        }
        let owner = pod["metadata"]["ownerReferences"][0]["kind"].as_str().unwrap_or("").to_owned();
        let consent = format!("DeleteBarePod:{}/{}", at.namespace, at.name);
        let agreed = self.seen.lock().unwrap().consents.contains(&consent);
        if owner.is_empty() && !agreed {
            self.breaks(format!("the bare pod {} was made to leave without a consent", at.name));
        }
        if deleted && !matches!(owner.as_str(), "DaemonSet" | "") && !is_stale(&pod, server).await {
            self.breaks(format!("the pod {} of a {owner} was deleted past its budget", at.name));
        }
        if owner == "DaemonSet" && !deleted {
            self.breaks(format!("the pod {} of a DaemonSet was evicted", at.name));
        }
    }

    /// A host task: a reboot is asked of a boot once, and once more each time that an operator says go on.
    async fn task(&self, sent: &Value, server: &mut LocalService) {
        let name = sent["metadata"]["name"].as_str().unwrap_or_default();
        let Some(node) = sent["spec"]["nodeName"].as_str() else { return };
        if !name.starts_with("cutover-reboot-") {
            return;
        }
        // the host compares it with its own: that is the boot which the request is for, whenever it arrives
        let boot = sent["spec"]["containers"][0]["command"][5].as_str().unwrap_or_default().to_owned();
        let record = get(server, &format!("/apis/cutover.dev/v1alpha1/nodemigrations/{node}")).await;
        let told = usize::try_from(record["spec"]["retries"].as_u64().unwrap_or(0)).unwrap();
        let mut seen = self.seen.lock().unwrap();
        let asked = seen.reboots.entry((node.to_owned(), boot)).or_default();
        asked.insert(name.to_owned());
        if asked.len() > 1 + told {
            let asked = asked.iter().cloned().collect::<Vec<_>>().join(", ");
            seen.broken.push(format!("node {node} was asked to reboot more than once in one boot: {asked}"));
        }
    }
}

/// A pod whose node is gone is only a row in a table.
async fn is_stale(pod: &Value, server: &mut LocalService) -> bool {
    let node = pod["spec"]["nodeName"].as_str().unwrap_or_default();
    get(server, &format!("/api/v1/nodes/{node}")).await["metadata"]["uid"].is_null()
}

fn is_ready(node: &Value) -> bool {
    node["status"]["conditions"].as_array().into_iter().flatten().any(|c| c["type"] == "Ready" && c["status"] == "True")
}

pub async fn get(server: &mut LocalService, path: &str) -> Value {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let Ok(answer) = Service::call(server, request).await else { return Value::Null };
    let found = answer.status().is_success();
    let bytes = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap_or_default();
    if found { serde_json::from_slice(&bytes).unwrap_or_default() } else { Value::Null }
}

/// What a path names.
struct Place {
    namespace: String,
    resource: String,
    name: String,
    sub: String,
}

impl Place {
    fn of(path: &str) -> Self {
        let mut parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        parts.drain(..if parts.first() == Some(&"api") { 2 } else { 3.min(parts.len()) });
        let mut namespace = String::new();
        if parts.first() == Some(&"namespaces") && parts.len() > 2 {
            parts[1].clone_into(&mut namespace);
            parts.drain(..2);
        }
        let part = |i: usize| parts.get(i).map(|s| (*s).to_owned()).unwrap_or_default();
        Self { namespace, resource: part(0), name: part(1), sub: part(2) }
    }
}
