//! Judges every change that arrives at the API server by the rules that never break. Shares no code with the engine:
//! it reads the API as JSON.

mod end;
mod flannel;
mod knowledge;
pub mod nodes;
pub mod pods;
pub mod release;
mod scope;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use axum::body::Body as Answer;
use cutover::sim::local::{Disks, LocalService};
use http::{Request, Response};
use kube::client::Body;
use serde_json::Value;
use tower::{BoxError, Service};

use knowledge::Knowledge;

pub struct Observer {
    /// The API server's store, and the hosts' disks: what is, whatever anybody knows of it.
    server: LocalService,
    disks: Disks,
    seen: Mutex<Seen>,
    knowledge: Mutex<Knowledge>,
}

#[derive(Default)]
struct Seen {
    broken: Vec<String>,
    /// The epoch of each process, as it wrote it into the Lease.
    epochs: BTreeMap<String, i64>,
    highest: i64,
    /// Reboot requests by node and boot id.
    reboots: BTreeMap<(String, String), BTreeSet<String>>,
    /// What Cutover's helm has written: versions with their values.
    releases: BTreeSet<(String, String)>,
    consents: BTreeSet<String>,
    changes: u64,
}

/// A change on its way to the server.
struct Change {
    method: String,
    path: String,
    query: String,
    at: Place,
    sent: Value,
}

impl Observer {
    pub fn new(server: LocalService, disks: Disks) -> Self {
        Self { server, disks, seen: Mutex::default(), knowledge: Mutex::default() }
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
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let sent = serde_json::from_slice(&body).unwrap_or_default();
        let change = Change { method, query, at: Place::of(&path), path, sent };
        self.judge(process, &change, stray);
        let at = &change.at;
        let before =
            if at.sub == "status" { self.server.look(&at.full(&change.path), &at.namespace, &at.name) } else { None };
        let answer = Service::call(server, Request::from_parts(parts, Body::from(body))).await?;
        if answer.status().is_success() {
            self.seen.lock().unwrap().changes += 1;
            self.happened(process, &change, before.as_deref().unwrap_or(&Value::Null));
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

    fn judge(&self, process: &str, change: &Change, stray: bool) {
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
        self.in_scope(change);
        if !status {
            self.in_order(process, method, at);
            self.not_ended(process, change);
        }
        match (method.as_str(), at.resource.as_str(), at.sub.as_str()) {
            ("PATCH", "nodes", "") => self.node(process, at, sent),
            ("POST", "pods", "eviction") => {
                if sent["deleteOptions"]["preconditions"]["uid"].is_null() {
                    self.breaks(format!("the eviction of {} names no UID", at.name));
                }
                self.leaves(process, at, false);
            }
            ("DELETE", "pods", "") => {
                if sent["preconditions"]["uid"].is_null() {
                    self.breaks(format!("the deletion of {} names no UID", at.name));
                }
                self.leaves(process, at, true);
            }
            ("POST", "pods", "") => self.task(process, at, sent),
            ("POST", "secrets", "") => self.helm_begins(process, sent),
            ("DELETE", "daemonsets", "") if at.name == "cilium" => self.helm_uninstalls(process),
            ("DELETE", _, _) if flannel::is_flannels(at) => self.flannel_goes(process, at),
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

    /// A node's record says that it is at this step; empty without one.
    fn step(&self, node: &str) -> String {
        let record = self.server.look("nodemigrations.cutover.dev", "", node);
        record.and_then(|r| r["status"]["step"].as_str().map(str::to_owned)).unwrap_or_default()
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

    /// The resource with its group, as the server stores it.
    fn full(&self, path: &str) -> String {
        match path.strip_prefix("/apis/").and_then(|rest| rest.split('/').next()) {
            Some(group) => format!("{}.{group}", self.resource),
            None => self.resource.clone(),
        }
    }
}
