//! The menu: everything that may go wrong, each with its beginning and its end.

use std::time::Duration;

use cutover::sim::local::Local;
use kube::{
    Api, Client,
    api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    observer::Observer,
    seat::Seat,
    wire::{Ill, Rule, WatchIll},
};

/// A fault of one class, with what of it is left to chance.
#[derive(Clone, Debug)]
pub struct Fault {
    pub class: &'static str,
    /// Milliseconds after the beginning.
    pub at: u64,
    /// How long it lasts.
    pub lasts: u64,
    /// Which seat, node or pod, where there are several.
    pub which: usize,
    /// How many of a hundred requests.
    pub share: u32,
}

const WIRE: &[(&str, Ill)] = &[
    ("429 of flow control", Ill::Busy),
    ("429 with Retry-After", Ill::BusyUntil),
    ("500", Ill::Broken),
    ("503", Ill::Unavailable),
    ("504 after it was done", Ill::DoneAndTimedOut),
    ("reset before it was done", Ill::ResetBefore),
    ("reset after it was done", Ill::ResetAfter),
    ("answer cut off", Ill::Truncated),
    ("no answer, not done", Ill::StalledBefore),
    ("no answer, done", Ill::StalledAfter),
    ("arrives half a minute late", Ill::Late),
    ("arrives twice", Ill::Twice),
    ("401", Ill::Unauthorized),
    ("403 midway", Ill::Forbidden),
    ("409 again and again", Ill::Conflict),
    ("refused by admission", Ill::Denied),
    ("stale list", Ill::StaleList),
    ("API server away", Ill::Gone),
];

const WATCHES: &[(&str, WatchIll)] = &[
    ("watches end", WatchIll::Cut),
    ("watches end with 410", WatchIll::Expired),
    ("watches fall silent", WatchIll::Silent),
    ("watches are late", WatchIll::Delayed),
    ("watches say it twice", WatchIll::Doubled),
];

const WORLD: &[&str] = &[
    "kill -9, and the same machine again",
    "kill -9, and another machine",
    "asleep for seconds",
    "asleep for minutes",
    "clock an hour ahead",
    "clock an hour behind",
    "a second operator takes over",
    "lock taken by hand",
    "lock deleted",
    "disk full",
    "Migration touched all the time",
    "a node's record deleted",
    "node uncordoned by hand",
    "node cordoned by hand",
    "label taken off by hand",
    "node not ready for a while",
    "agent killed",
    "pod deleted by somebody",
    "budget blocks",
    "two budgets",
    "finalizer on a pod",
    "reboot ignored",
    "reboot comes back not ready",
    "power cut besides",
    "paused and let go on",
];

/// The names of all classes.
pub fn classes() -> Vec<&'static str> {
    WIRE.iter().map(|(n, _)| *n).chain(WATCHES.iter().map(|(n, _)| *n)).chain(WORLD.iter().copied()).collect()
}

impl Fault {
    pub fn random(rng: &mut fastrand::Rng) -> Self {
        let all = classes();
        let class = all[rng.usize(..all.len())];
        let lasts = match class {
            "asleep for minutes" => 120_000,
            "API server away" => rng.u64(1_000..60_000),
            _ => rng.u64(200..8_000),
        };
        Self { class, at: rng.u64(0..9_000), lasts, which: rng.usize(..6), share: [5, 20, 50, 100][rng.usize(..4)] }
    }
}

/// What a fault may touch.
pub struct Stage<'a> {
    pub cluster: &'a Local,
    pub client: &'a Client,
    pub observer: &'a Observer,
    pub nodes: &'a [String],
    pub began: Instant,
}

impl Stage<'_> {
    fn api(&self, kind: &str) -> Api<DynamicObject> {
        let (group, version, namespace) = match kind {
            "Migration" | "NodeMigration" => ("cutover.dev", "v1alpha1", None),
            "Lease" => ("coordination.k8s.io", "v1", Some("kube-system")),
            "PodDisruptionBudget" => ("policy", "v1", Some("shop")),
            _ => ("", "v1", (kind == "Pod").then_some("shop")),
        };
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        match namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource),
            None => Api::all_with(self.client.clone(), &resource),
        }
    }

    pub async fn merge(&self, kind: &str, name: &str, change: &Value) {
        let _ = self.api(kind).patch(name, &PatchParams::default(), &Patch::Merge(change)).await;
    }

    async fn delete(&self, kind: &str, name: &str) {
        let _ = self.api(kind).delete(name, &DeleteParams::default()).await;
    }

    async fn pod(&self, which: usize) -> Option<String> {
        let pods = self.api("Pod").list(&ListParams::default()).await.ok()?.items;
        (!pods.is_empty()).then(|| pods[which % pods.len()].metadata.name.clone().unwrap_or_default())
    }

    /// It begins.
    pub async fn begin(&self, fault: &Fault, seats: &mut [Seat]) {
        let node = self.nodes[fault.which % self.nodes.len()].as_str();
        let seat = fault.which % seats.len();
        let until = Instant::now() + Duration::from_millis(fault.lasts);
        if let Some((_, ill)) = WIRE.iter().find(|(n, _)| *n == fault.class) {
            let share = if *ill == Ill::Gone { 100 } else { fault.share };
            let everybody = *ill == Ill::Gone && fault.share > 20;
            for (i, other) in seats.iter().enumerate() {
                if i == seat || everybody {
                    other.wire.rule(Rule { ill: *ill, until, share });
                    if *ill == Ill::Gone {
                        other.wire.watches(WatchIll::Cut);
                    }
                }
            }
            return;
        }
        if let Some((_, ill)) = WATCHES.iter().find(|(n, _)| *n == fault.class) {
            seats[seat].wire.watches(*ill);
            return;
        }
        let mark = |key: &str, value: &str| json!({"metadata": {"annotations": {key: value}}});
        match fault.class {
            "kill -9, and the same machine again" => {
                seats[seat].kill();
                seats[seat].start(self.cluster, self.began);
            }
            "kill -9, and another machine" => {
                seats[seat].kill();
                let other = (seat + 1) % seats.len();
                seats[other].start(self.cluster, self.began);
            }
            "asleep for seconds" | "asleep for minutes" => seats[seat].state.sleep(true),
            // a clock is asked for the time when a program starts
            "clock an hour ahead" | "clock an hour behind" => {
                let off = if fault.class.ends_with("ahead") { 3_600_000 } else { -3_600_000 };
                seats[seat].state.set_clock(off);
                seats[seat].kill();
                seats[seat].start(self.cluster, self.began);
            }
            "a second operator takes over" => {
                seats[seat].start(self.cluster, self.began);
                seats[seat].take_over.send_modify(|n| *n += 1);
            }
            "lock taken by hand" => {
                self.merge("Lease", "cutover", &json!({"spec": {"holderIdentity": "somebody"}})).await;
            }
            "lock deleted" => self.delete("Lease", "cutover").await,
            "disk full" => seats[seat].state.disk_full.store(true, std::sync::atomic::Ordering::Relaxed),
            "a node's record deleted" => {
                self.observer.meddled();
                self.delete("NodeMigration", node).await;
            }
            "node uncordoned by hand" => {
                self.observer.meddled();
                self.merge("Node", node, &json!({"spec": {"unschedulable": null}})).await;
            }
            "node cordoned by hand" => {
                self.observer.meddled();
                self.merge("Node", node, &json!({"spec": {"unschedulable": true}})).await;
            }
            "label taken off by hand" => {
                self.merge(
                    "Node",
                    node,
                    &json!({"metadata": {"labels": {"io.cilium.migration/cilium-default": null}}}),
                )
                .await;
            }
            "node not ready for a while" => {
                self.observer.meddled();
                let status = json!({"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}});
                let _ = self.api("Node").patch_status(node, &PatchParams::default(), &Patch::Strategic(&status)).await;
            }
            "agent killed" => {
                let system: Api<DynamicObject> = Api::namespaced_with(
                    self.client.clone(),
                    "kube-system",
                    &ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Pod")),
                );
                let agents = system.list(&ListParams::default().labels("k8s-app=cilium")).await;
                if let Some(pod) = agents.ok().and_then(|l| l.items.into_iter().nth(fault.which)) {
                    let _ = system.delete(&pod.metadata.name.unwrap_or_default(), &DeleteParams::default()).await;
                }
            }
            "pod deleted by somebody" => {
                if let Some(pod) = self.pod(fault.which).await {
                    self.delete("Pod", &pod).await;
                }
            }
            "budget blocks" => self.merge("PodDisruptionBudget", "web", &json!({"spec": {"minAvailable": 2}})).await,
            "two budgets" => {
                let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "second", "namespace": "shop"},
                    "spec": {"minAvailable": 0, "selector": {"matchLabels": {"app": "web"}}}});
                let budget: DynamicObject = serde_json::from_value(budget).unwrap();
                let _ = self.api("PodDisruptionBudget").create(&kube::api::PostParams::default(), &budget).await;
            }
            "finalizer on a pod" => {
                if let Some(pod) = self.pod(fault.which).await {
                    self.merge("Pod", &pod, &json!({"metadata": {"finalizers": ["example.com/hold"]}})).await;
                }
            }
            "reboot ignored" => self.merge("Node", node, &mark("cutover.dev/embedded-reboot", "ignored")).await,
            "reboot comes back not ready" => {
                self.observer.meddled();
                self.merge("Node", node, &mark("cutover.dev/embedded-reboot", "not-ready")).await;
            }
            "power cut besides" => {
                self.observer.meddled();
                self.merge("Node", node, &mark("cutover.dev/embedded-hands", "reboot")).await;
            }
            "paused and let go on" => self.merge("Migration", "cutover", &json!({"spec": {"paused": true}})).await,
            _ => {}
        }
    }

    /// It goes on for a while: what is done again and again.
    pub async fn during(&self, fault: &Fault, tick: u64) {
        if fault.class == "Migration touched all the time" {
            let note = json!({"metadata": {"annotations": {"example.com/touched": tick.to_string()}}});
            self.merge("Migration", "cutover", &note).await;
        }
    }

    /// It is over.
    pub async fn end(&self, fault: &Fault, seats: &mut [Seat]) {
        let node = self.nodes[fault.which % self.nodes.len()].as_str();
        let seat = fault.which % seats.len();
        if WATCHES.iter().any(|(n, _)| *n == fault.class) {
            seats[seat].wire.watches(WatchIll::None);
            return;
        }
        match fault.class {
            "asleep for seconds" | "asleep for minutes" => seats[seat].state.sleep(false),
            "clock an hour ahead" | "clock an hour behind" => seats[seat].state.set_clock(0),
            "disk full" => seats[seat].state.disk_full.store(false, std::sync::atomic::Ordering::Relaxed),
            "node cordoned by hand" => {
                self.observer.meddled();
                // who put it there takes it away; Cutover's own is not theirs
                let seen = self.api("Node").get(node).await;
                let marked =
                    seen.is_ok_and(|n| n.metadata.annotations.is_some_and(|a| a.contains_key("cutover.dev/cordoned")));
                if !marked {
                    self.merge("Node", node, &json!({"spec": {"unschedulable": null}})).await;
                }
            }
            "node not ready for a while" => {
                self.observer.meddled();
                let status = json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}});
                let _ = self.api("Node").patch_status(node, &PatchParams::default(), &Patch::Strategic(&status)).await;
            }
            "budget blocks" => self.merge("PodDisruptionBudget", "web", &json!({"spec": {"minAvailable": 1}})).await,
            "two budgets" => self.delete("PodDisruptionBudget", "second").await,
            "finalizer on a pod" => {
                for pod in self.api("Pod").list(&ListParams::default()).await.into_iter().flatten() {
                    let name = pod.metadata.name.unwrap_or_default();
                    if pod.metadata.finalizers.is_some_and(|f| !f.is_empty()) {
                        self.merge("Pod", &name, &json!({"metadata": {"finalizers": null}})).await;
                    }
                }
            }
            "reboot ignored" | "reboot comes back not ready" => {
                self.observer.meddled();
                // somebody went there
                let well = json!({"metadata": {"annotations": {"cutover.dev/embedded-reboot": null}}});
                self.merge("Node", node, &well).await;
                if fault.class == "reboot comes back not ready" {
                    self.merge(
                        "Node",
                        node,
                        &json!({"metadata": {"annotations": {"cutover.dev/embedded-hands": "reboot"}}}),
                    )
                    .await;
                }
            }
            "paused and let go on" => self.merge("Migration", "cutover", &json!({"spec": {"paused": false}})).await,
            _ => {}
        }
    }
}
