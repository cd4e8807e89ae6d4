//! A clock by which decisions are overtaken: a newer object arrives after a decision was made and before its statuses
//! are written. On one thread nothing can come between the two; on several, a watch can.
//!
//! An engine asks for the time of a decision while it reads the facts. At that moment this clock changes the Migration
//! and a record at the API server, as another client may, and lets a thread queue for the facts with what the server
//! answered: it gets them as soon as the decision is made, before anybody who reads them again.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, RwLock},
    thread::JoinHandle,
    time::Duration,
};

use cutover::{
    cluster::store::FactStore,
    domain::{
        api::{MIGRATION, Migration, NodeMigration},
        facts::Facts,
    },
    engine::{Clock, SystemClock},
    sim::local::LocalService,
};
use futures::FutureExt;
use http::Request;
use jiff::Timestamp;
use kube::{Resource, client::Body};
use serde::de::DeserializeOwned;
use serde_json::json;
use tower::Service;

use crate::workstation::Machine;

/// The versions of the Migration and of the records that an engine read, by name; none where a watch was in the way.
type Versions = Option<Vec<(String, String)>>;

/// How many looks at the clock are remembered: a round takes two at most.
const LOOKS: usize = 4;

pub struct OvertakenClock {
    clock: Arc<SystemClock>,
    store: FactStore,
    server: LocalService,
    machine: Arc<Machine>,
    seen: Mutex<VecDeque<Versions>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl OvertakenClock {
    pub fn new(clock: Arc<SystemClock>, store: FactStore, server: LocalService, machine: Arc<Machine>) -> Self {
        Self { clock, store, server, machine, seen: Mutex::default(), threads: Mutex::default() }
    }

    /// A decision was made lately from this version of the object.
    pub fn decided_on(&self, name: &str, version: &str) -> bool {
        let seen = self.seen.lock().unwrap();
        let has = |all: &Vec<(String, String)>| all.iter().any(|(n, v)| n == name && v == version);
        seen.is_empty() || seen.iter().any(|look| look.as_ref().is_none_or(has))
    }

    fn remember(&self, look: Versions) {
        let mut seen = self.seen.lock().unwrap();
        seen.push_back(look);
        if seen.len() > LOOKS {
            seen.pop_front();
        }
    }

    /// Another client touches an object.
    fn touch<K: DeserializeOwned>(&self, path: &str) -> Option<K> {
        let change = json!({"metadata": {"annotations": {"example.com/touched": fastrand::u64(..).to_string()}}});
        let request = Request::patch(path).header("content-type", "application/merge-patch+json");
        let request = request.body(Body::from(change.to_string().into_bytes())).ok()?;
        // the server in this process answers without waiting
        let answer = Service::call(&mut self.server.clone(), request).now_or_never()?.ok()?;
        let body = axum::body::to_bytes(answer.into_body(), usize::MAX).now_or_never()?.ok()?;
        serde_json::from_slice(&body).ok()
    }

    /// Lets a thread wait for the facts with newer objects until those who read them now have done so.
    fn overtake(&self, facts: &Arc<RwLock<Facts>>, node: &str) {
        let mut threads = self.threads.lock().unwrap();
        threads.retain(|t| !t.is_finished());
        if !threads.is_empty() {
            return;
        }
        let migration = self.touch::<Migration>(&format!("/apis/cutover.dev/v1alpha1/migrations/{MIGRATION}"));
        let record = self.touch::<NodeMigration>(&format!("/apis/cutover.dev/v1alpha1/nodemigrations/{node}"));
        let store = self.store.clone();
        threads.push(std::thread::spawn(move || {
            store.change(|f| {
                migration.into_iter().for_each(|m| f.put_migration(m));
                record.into_iter().for_each(|r| f.put_record(r));
            });
        }));
        // it queues: nobody else gets to read
        until(|| facts.try_read().is_err());
        // who reads next queues behind it, if another reader already does
        let store = self.store.clone();
        threads.push(std::thread::spawn(move || drop(store.read())));
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

fn versions(facts: &Facts) -> Vec<(String, String)> {
    let version = |meta: &kube::api::ObjectMeta| {
        (meta.name.clone().unwrap_or_default(), meta.resource_version.clone().unwrap_or_default())
    };
    let records = facts.node_migrations.values().map(|r| version(r.meta()));
    facts.migration.iter().map(|m| version(m.meta())).chain(records).collect()
}

fn until(holds: impl Fn() -> bool) {
    for _ in 0..1_000 {
        if holds() {
            return;
        }
        std::thread::park_timeout(Duration::from_micros(50));
    }
}

impl Clock for OvertakenClock {
    fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    fn now(&self) -> Timestamp {
        let facts = self.store.shared();
        self.remember(facts.try_read().ok().map(|f| versions(&f)));
        // the facts are being read: a decision is being made
        let deciding = facts.try_write().is_err();
        if let Some(node) = self.machine.overtakes().filter(|_| deciding) {
            self.overtake(&facts, &node);
        }
        self.clock.now()
    }
}
