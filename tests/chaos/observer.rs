//! Judges every change that arrives at the API server by the rules that never break. Shares no code with the engine:
//! it reads the API as JSON.

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
/// How long an engine may not know of what others did: its watches may be silent, or its requests late.
const UNAWARE: Duration = Duration::from_secs(40);

#[derive(Default)]
pub struct Observer {
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    broken: Vec<String>,
    /// The epoch of each process, as it wrote it into the Lease.
    epochs: BTreeMap<String, i64>,
    highest: i64,
    /// Reboot requests by node and boot id.
    reboots: BTreeMap<(String, String), BTreeSet<String>>,
    /// When a fault last changed something that an engine may not know of yet.
    disturbed: Option<Instant>,
    consents: BTreeSet<String>,
    changes: u64,
}

/// A change on its way to the server.
struct Change {
    method: String,
    path: String,
    at: Place,
    sent: Value,
}

impl Observer {
    pub fn disturbed(&self) {
        self.seen.lock().unwrap().disturbed = Some(Instant::now());
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

    /// A rule was broken.
    pub fn breaks(&self, rule: String) {
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
        let (method, path) = (parts.method.to_string(), parts.uri.path().to_owned());
        let sent = serde_json::from_slice(&body).unwrap_or_default();
        let change = Change { method, at: Place::of(&path), path, sent };
        self.judge(process, &change, stray, server).await;
        let before = if change.at.sub == "status" { get(server, change.object()).await } else { Value::Null };
        let answer = Service::call(server, Request::from_parts(parts, Body::from(body))).await?;
        if answer.status().is_success() {
            self.seen.lock().unwrap().changes += 1;
            self.happened(process, &change, &before);
        }
        Ok(answer)
    }

    /// The server has accepted it.
    fn happened(&self, process: &str, change: &Change, before: &Value) {
        let sent = &change.sent;
        if change.at.resource == "leases" {
            let epoch = sent["spec"]["leaseTransitions"].as_i64().unwrap_or_default();
            self.seen.lock().unwrap().epochs.insert(process.to_owned(), epoch);
        }
        let epoch = |object: &Value| object["status"]["epoch"].as_i64().unwrap_or_default();
        let replaced = before["metadata"]["resourceVersion"] == sent["metadata"]["resourceVersion"];
        if change.at.sub == "status" && replaced && epoch(before) > epoch(sent) {
            let (older, newer) = (epoch(sent), epoch(before));
            self.breaks(format!("{}: a status of epoch {older} was written over one of epoch {newer}", change.at.name));
        }
    }

    async fn judge(&self, process: &str, change: &Change, stray: bool, server: &mut LocalService) {
        let Change { method, at, sent, .. } = change;
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
        if at.resource == "events" {
            return;
        }
        if stray {
            self.stray(change);
            return;
        }
        if !status {
            self.in_order(process, method, at);
        }
        match (method.as_str(), at.resource.as_str(), at.sub.as_str()) {
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

    /// A change that comes late, or once more, names what it was meant for, and is harmless.
    fn stray(&self, change: &Change) {
        let Change { method, at, sent, .. } = change;
        let eviction = at.sub == "eviction";
        let uid = if eviction { &sent["deleteOptions"]["preconditions"]["uid"] } else { &sent["preconditions"]["uid"] };
        let leaves = at.resource == "pods" && (eviction || method == "DELETE");
        let node = at.resource == "nodes" && method == "PATCH";
        if (leaves && uid.is_null()) || (node && sent["metadata"]["resourceVersion"].is_null()) {
            self.breaks(format!("{method} {} came late and does not say what it was meant for", at.name));
        }
    }

    /// Nothing is changed in an older term once something was in a newer one.
    fn in_order(&self, process: &str, method: &str, at: &Place) {
        let mut seen = self.seen.lock().unwrap();
        let Some(epoch) = seen.epochs.get(process).copied() else {
            seen.broken.push(format!("{process} changed {} without ever holding the lock", at.name));
            return;
        };
        let highest = seen.highest;
        if epoch < highest {
            let late = format!("{process} of epoch {epoch} sent {method} {} after epoch {highest} had begun", at.name);
            seen.broken.push(late);
        }
        seen.highest = highest.max(epoch);
    }

    async fn node(&self, at: &Place, sent: &Value, server: &mut LocalService) {
        if sent["metadata"]["resourceVersion"].is_null() {
            self.breaks(format!("node {} was changed without the version that was read", at.name));
        }
        let Some(unschedulable) = sent["spec"].get("unschedulable") else { return };
        let node = get(server, &format!("/api/v1/nodes/{}", at.name)).await;
        let record = get(server, &format!("/apis/cutover.dev/v1alpha1/nodemigrations/{}", at.name)).await;
        let step = record["status"]["step"].as_str().unwrap_or("none");
        if *unschedulable == true {
            self.cordoned(at, &node, step, server).await;
        } else {
            self.uncordoned(at, &node, step);
        }
    }

    fn uncordoned(&self, at: &Place, node: &Value, step: &str) {
        if !node["metadata"]["annotations"][MARK].is_string() {
            self.breaks(format!("node {} was uncordoned, and not cordoned by Cutover", at.name));
        }
        if matches!(step, "Drain" | "Switch" | "Restart") {
            self.breaks(format!("node {} was uncordoned in step {step}", at.name));
        }
    }

    async fn cordoned(&self, at: &Place, node: &Value, step: &str, server: &mut LocalService) {
        let unaware = self.seen.lock().unwrap().disturbed.is_some_and(|t| t.elapsed() < UNAWARE);
        if step == "none" && unaware {
            return;
        }
        if matches!(step, "none" | "Pending" | "Check" | "Done" | "RolledBack" | "Observe") {
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
        let again = node["spec"]["unschedulable"] == true || node["metadata"]["annotations"][MARK].is_string();
        if !out.is_empty() && !unaware && !again && step == "Cordon" {
            self.breaks(format!("node {} was cordoned while {} is out", at.name, out.join(", ")));
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
        if deleted && !matches!(owner.as_str(), "DaemonSet" | "") && !is_orphan(&pod, server).await {
            self.breaks(format!("the pod {} of a {owner} was deleted past its budget", at.name));
        }
        if owner == "DaemonSet" && !deleted {
            self.breaks(format!("the pod {} of a DaemonSet was evicted", at.name));
        }
    }

    /// A host task: one reboot request for each boot, and one more for each retry that an operator asks for.
    async fn task(&self, sent: &Value, server: &mut LocalService) {
        let name = sent["metadata"]["name"].as_str().unwrap_or_default();
        let Some(node) = sent["spec"]["nodeName"].as_str() else { return };
        if !name.starts_with("cutover-reboot-") {
            return;
        }
        // the host compares it with its own: the request is for this boot, whenever it arrives
        let boot = sent["spec"]["containers"][0]["command"][5].as_str().unwrap_or_default().to_owned();
        let record = get(server, &format!("/apis/cutover.dev/v1alpha1/nodemigrations/{node}")).await;
        let retries = usize::try_from(record["spec"]["retries"].as_u64().unwrap_or(0)).unwrap();
        let mut seen = self.seen.lock().unwrap();
        let requests = seen.reboots.entry((node.to_owned(), boot)).or_default();
        requests.insert(name.to_owned());
        if requests.len() > 1 + retries {
            let requests = requests.iter().cloned().collect::<Vec<_>>().join(", ");
            seen.broken.push(format!("node {node} was asked to reboot more than once in one boot: {requests}"));
        }
    }
}

/// A pod whose node is gone exists in the API alone.
async fn is_orphan(pod: &Value, server: &mut LocalService) -> bool {
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

impl Change {
    /// The path of the object, without the subresource.
    fn object(&self) -> &str {
        self.path.strip_suffix("/status").unwrap_or(&self.path)
    }
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
