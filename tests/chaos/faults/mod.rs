//! The menu of faults: on the wire, on the operators' machines, at Cutover's own objects, at nodes and at pods. Each
//! begins and ends; some act all the while.

mod machines;
mod nodes;
mod pods;
mod records;

use std::time::Duration;

use cutover::sim::local::Local;
use kube::{
    Api, Client,
    api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams},
};
use serde_json::Value;
use tokio::time::Instant;

use crate::{
    observer::Observer,
    wire::{RequestFault, Rule, WatchFault},
    workstation::Workstation,
};
use machines::MachineFault;
use nodes::NodeFault;
use pods::PodFault;
use records::RecordFault;

/// Where a fault happens, and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Request(RequestFault),
    Watch(WatchFault),
    Machine(MachineFault),
    Record(RecordFault),
    Node(NodeFault),
    Pod(PodFault),
}

const MENU: &[(&str, Kind)] = &[
    ("429 of flow control", Kind::Request(RequestFault::TooManyRequests)),
    ("429 with Retry-After", Kind::Request(RequestFault::RetryAfter)),
    ("500", Kind::Request(RequestFault::InternalError)),
    ("503", Kind::Request(RequestFault::Unavailable)),
    ("504 after it was done", Kind::Request(RequestFault::DoneThenTimeout)),
    ("reset before it was done", Kind::Request(RequestFault::ResetBefore)),
    ("reset after it was done", Kind::Request(RequestFault::ResetAfter)),
    ("answer cut off", Kind::Request(RequestFault::Truncated)),
    ("no answer, not done", Kind::Request(RequestFault::StalledBefore)),
    ("no answer, done", Kind::Request(RequestFault::StalledAfter)),
    ("arrives half a minute late", Kind::Request(RequestFault::Late)),
    ("arrives twice", Kind::Request(RequestFault::Duplicated)),
    ("401", Kind::Request(RequestFault::Unauthorized)),
    ("403 midway", Kind::Request(RequestFault::Forbidden)),
    ("409 on every write", Kind::Request(RequestFault::Conflict)),
    ("refused by admission", Kind::Request(RequestFault::Denied)),
    ("stale list", Kind::Request(RequestFault::StaleList)),
    ("API server unreachable", Kind::Request(RequestFault::Unreachable)),
    ("watches end", Kind::Watch(WatchFault::Reset)),
    ("watches end with 410", Kind::Watch(WatchFault::Expired)),
    ("watches fall silent", Kind::Watch(WatchFault::Silent)),
    ("watches are late", Kind::Watch(WatchFault::Delayed)),
    ("watch events duplicated", Kind::Watch(WatchFault::Duplicated)),
    ("kill -9, and the same machine again", Kind::Machine(MachineFault::Restarted)),
    ("kill -9, and another machine", Kind::Machine(MachineFault::Replaced)),
    ("asleep for seconds", Kind::Machine(MachineFault::ShortSleep)),
    ("asleep for minutes", Kind::Machine(MachineFault::LongSleep)),
    ("clock an hour ahead", Kind::Machine(MachineFault::ClockAhead)),
    ("clock an hour behind", Kind::Machine(MachineFault::ClockBehind)),
    ("a second operator takes over", Kind::Machine(MachineFault::TakeOver)),
    ("disk full", Kind::Machine(MachineFault::DiskFull)),
    ("lock taken by hand", Kind::Record(RecordFault::LockTaken)),
    ("lock deleted", Kind::Record(RecordFault::LockDeleted)),
    ("Migration touched all the time", Kind::Record(RecordFault::Touched)),
    ("a node's record deleted", Kind::Record(RecordFault::Deleted)),
    ("paused and resumed", Kind::Record(RecordFault::Paused)),
    ("node uncordoned by hand", Kind::Node(NodeFault::Uncordoned)),
    ("node cordoned by hand", Kind::Node(NodeFault::Cordoned)),
    ("label removed by hand", Kind::Node(NodeFault::Unlabelled)),
    ("node not ready for a while", Kind::Node(NodeFault::NotReady)),
    ("reboot ignored", Kind::Node(NodeFault::RebootIgnored)),
    ("reboot comes back not ready", Kind::Node(NodeFault::RebootNotReady)),
    ("power cut besides", Kind::Node(NodeFault::PowerCut)),
    ("agent killed", Kind::Pod(PodFault::AgentKilled)),
    ("pod deleted by hand", Kind::Pod(PodFault::Deleted)),
    ("budget blocks", Kind::Pod(PodFault::BudgetBlocks)),
    ("two budgets", Kind::Pod(PodFault::SecondBudget)),
    ("finalizer on a pod", Kind::Pod(PodFault::Finalizer)),
];

/// The names of all classes.
pub fn classes() -> Vec<&'static str> {
    MENU.iter().map(|(name, _)| *name).collect()
}

/// A fault of one class, with its random part.
#[derive(Clone, Debug)]
pub struct Fault {
    pub class: &'static str,
    pub kind: Kind,
    /// Milliseconds after the beginning.
    pub at: u64,
    /// Milliseconds until it ends.
    pub lasts: u64,
    /// Which workstation, node or pod, where there are several.
    pub which: usize,
    /// Percentage of requests or decisions that it hits.
    pub share: u32,
}

impl Fault {
    pub fn random(rng: &mut fastrand::Rng) -> Self {
        let (class, kind) = MENU[rng.usize(..MENU.len())];
        let lasts = match kind {
            Kind::Machine(MachineFault::LongSleep) => 120_000,
            Kind::Request(RequestFault::Unreachable) => rng.u64(1_000..60_000),
            _ => rng.u64(200..8_000),
        };
        let (at, which, share) = (rng.u64(0..9_000), rng.usize(..6), [5, 20, 50, 100][rng.usize(..4)]);
        Self { class, kind, at, lasts, which, share }
    }

    /// Every decision for a minute is overtaken by a newer Migration and a newer record of one node.
    pub fn overtaken() -> Self {
        let kind = Kind::Machine(MachineFault::Overtaken);
        Self { class: "decision overtaken by a watch event", kind, at: 0, lasts: 60_000, which: 0, share: 50 }
    }
}

/// What a fault may touch.
pub struct World<'a> {
    pub cluster: &'a Local,
    pub client: &'a Client,
    pub observer: &'a Observer,
    pub nodes: &'a [String],
    pub began: Instant,
}

impl World<'_> {
    pub async fn begin(&self, fault: &Fault, stations: &mut [Workstation]) {
        let (node, station) = (self.node(fault), fault.which % stations.len());
        match fault.kind {
            Kind::Request(kind) => begin_on_the_wire(kind, fault, &stations[..], station),
            Kind::Watch(kind) => stations[station].wire.watches(kind),
            Kind::Machine(kind) => kind.begin(self, fault, stations).await,
            Kind::Record(kind) => kind.begin(self, node).await,
            Kind::Node(kind) => kind.begin(self, node).await,
            Kind::Pod(kind) => kind.begin(self, fault.which).await,
        }
    }

    /// What is done again and again while it lasts.
    pub async fn during(&self, fault: &Fault, tick: u64) {
        if let Kind::Record(kind) = fault.kind {
            kind.during(self, tick).await;
        }
    }

    pub async fn end(&self, fault: &Fault, stations: &mut [Workstation]) {
        let station = &stations[fault.which % stations.len()];
        match fault.kind {
            // a rule for requests knows when it ends
            Kind::Request(_) => {}
            Kind::Watch(_) => station.wire.watches(WatchFault::None),
            Kind::Machine(kind) => kind.end(&station.machine),
            Kind::Record(kind) => kind.end(self).await,
            Kind::Node(kind) => kind.end(self, self.node(fault)).await,
            Kind::Pod(kind) => kind.end(self).await,
        }
    }

    fn node(&self, fault: &Fault) -> &str {
        &self.nodes[fault.which % self.nodes.len()]
    }

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

    async fn pods(&self) -> Vec<DynamicObject> {
        self.api("Pod").list(&ListParams::default()).await.map(|l| l.items).unwrap_or_default()
    }
}

/// One workstation's requests are hit; an API server that is unreachable may be so for all.
fn begin_on_the_wire(kind: RequestFault, fault: &Fault, stations: &[Workstation], station: usize) {
    let unreachable = kind == RequestFault::Unreachable;
    let share = if unreachable { 100 } else { fault.share };
    let until = Instant::now() + Duration::from_millis(fault.lasts);
    for (i, other) in stations.iter().enumerate() {
        if i == station || (unreachable && fault.share > 20) {
            other.wire.rule(Rule { fault: kind, until, share });
            if unreachable {
                other.wire.watches(WatchFault::Reset);
            }
        }
    }
}
