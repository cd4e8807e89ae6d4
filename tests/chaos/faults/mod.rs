//! The classes of faults: on the wire, on the operators' machines, at Cutover's own objects, at nodes and at pods; and what
//! other people do on a cluster that is theirs, too. Each begins and ends; some act all the while.

mod endings;
pub mod gitops;
mod look_alikes;
mod machines;
mod marks;
mod membership;
mod nodes;
mod pods;
mod records;
mod releases;
mod workloads;

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use cutover::sim::{
    local::{Local, LocalService},
    world,
};
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
use endings::Ending;
use gitops::FlannelRestored;
use look_alikes::LookAlike;
use machines::MachineFault;
use marks::Mark;
use membership::Membership;
use nodes::NodeFault;
use pods::PodFault;
use records::RecordFault;
use releases::ReleaseFault;
use workloads::Workload;

/// Where a fault happens, and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Request(RequestFault),
    Watch(WatchFault),
    Machine(MachineFault),
    Record(RecordFault),
    Node(NodeFault),
    Pod(PodFault),
    LookAlike(LookAlike),
    Release(ReleaseFault),
    Membership(Membership),
    Mark(Mark),
    Ending(Ending),
    GitOps(FlannelRestored),
    Workload(Workload),
}

/// The classes of faults.
pub const CLASSES: &[(&str, Kind)] = &[
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
    ("a tenant's cilium-config", Kind::LookAlike(LookAlike::CiliumConfig)),
    ("a tenant's kube-flannel-cfg", Kind::LookAlike(LookAlike::FlannelConfig)),
    ("a tenant's copy of Flannel", Kind::LookAlike(LookAlike::FlannelCopy)),
    ("a tenant's cilium-agent", Kind::LookAlike(LookAlike::Agents)),
    ("a tenant's kube-flannel", Kind::LookAlike(LookAlike::Flannels)),
    ("a tenant's task pods", Kind::LookAlike(LookAlike::TaskPods)),
    ("a tenant's CiliumNodeConfig", Kind::LookAlike(LookAlike::NodeConfig)),
    ("a tenant's release", Kind::LookAlike(LookAlike::Release)),
    ("a colleague's helm upgrade with other values", Kind::Release(ReleaseFault::OtherValues)),
    ("a colleague's helm upgrade to another version", Kind::Release(ReleaseFault::OtherVersion)),
    ("cilium-config edited by hand", Kind::Release(ReleaseFault::EditedByHand)),
    ("a node joins", Kind::Membership(Membership::Joins)),
    ("a node joins and leaves", Kind::Membership(Membership::JoinsAndLeaves)),
    ("a node leaves", Kind::Membership(Membership::Leaves)),
    ("another machine under a node's name", Kind::Membership(Membership::Replaced)),
    ("stray annotation", Kind::Mark(Mark::Annotation)),
    ("stray taint", Kind::Mark(Mark::Taint)),
    ("stray label", Kind::Mark(Mark::Label)),
    ("cordoned by hand with a stray annotation", Kind::Mark(Mark::CordonedWithAnnotation)),
    ("out-of-service taint", Kind::Mark(Mark::OutOfService)),
    ("Migration deleted and restored", Kind::Ending(Ending::Restored)),
    ("Migration deleted and begun again", Kind::Ending(Ending::BegunAgain)),
    ("definitions deleted", Kind::Ending(Ending::Undefined)),
    ("Flannel restored by GitOps", Kind::GitOps(FlannelRestored)),
    ("a workload that tolerates everything", Kind::Workload(Workload::ToleratesAll)),
    ("a static pod on the pod network", Kind::Workload(Workload::StaticPod)),
];

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
        let (class, kind) = CLASSES[rng.usize(..CLASSES.len())];
        let lasts = match kind {
            Kind::Machine(MachineFault::LongSleep) => 120_000,
            Kind::Request(RequestFault::Unreachable) => rng.u64(1_000..60_000),
            Kind::GitOps(_) => rng.u64(10_000..40_000),
            Kind::LookAlike(_)
            | Kind::Release(_)
            | Kind::Membership(_)
            | Kind::Mark(_)
            | Kind::Ending(_)
            | Kind::Workload(_) => rng.u64(1_000..15_000),
            _ => rng.u64(200..8_000),
        };
        let (at, which, share) = (rng.u64(0..9_000), rng.usize(..6), [5, 20, 50, 100][rng.usize(..4)]);
        Self { class, kind, at, lasts, which, share }
    }

    /// The release becomes another one.
    pub const fn is_of_the_release(&self) -> bool {
        matches!(self.kind, Kind::Release(_))
    }

    /// The Migration goes.
    pub const fn is_ending(&self) -> bool {
        matches!(self.kind, Kind::Ending(_))
    }

    /// Every decision for a minute is overtaken by a newer Migration and a newer record of one node.
    pub fn overtaken() -> Self {
        let kind = Kind::Machine(MachineFault::Overtaken);
        Self { class: "decision overtaken by a watch event", kind, at: 0, lasts: 60_000, which: 0, share: 50 }
    }
}

/// A second operator begins again with a new Migration.
pub fn begins_again(fault: &Fault) -> bool {
    fault.kind == Kind::Ending(Ending::BegunAgain)
}

/// What a fault may touch.
pub struct World<'a> {
    pub cluster: &'a Local,
    pub client: &'a Client,
    pub observer: &'a Observer,
    pub nodes: &'a [String],
    pub began: Instant,
    /// The API server's store, to be looked at.
    pub server: &'a LocalService,
    /// Flannel's objects as they were applied.
    pub flannel: &'a [Value],
    /// What a fault remembers from its beginning to its end.
    pub notes: Mutex<BTreeMap<(&'static str, u64), Value>>,
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
            Kind::LookAlike(kind) => kind.begin(self, node).await,
            Kind::Release(kind) => kind.begin(self, fault).await,
            Kind::Membership(kind) => kind.begin(self, fault).await,
            Kind::Mark(kind) => kind.begin(self, fault, node).await,
            Kind::Ending(kind) => kind.begin(self, fault).await,
            Kind::GitOps(_) => {}
            Kind::Workload(kind) => kind.begin(self, node).await,
        }
    }

    /// What is done again and again while it lasts.
    pub async fn during(&self, fault: &Fault, tick: u64) {
        match fault.kind {
            Kind::Record(kind) => kind.during(self, tick).await,
            Kind::LookAlike(kind) => kind.during(self, self.node(fault), tick).await,
            Kind::GitOps(kind) => kind.during(self, fault, tick).await,
            _ => {}
        }
    }

    pub async fn end(&self, fault: &Fault, stations: &mut [Workstation]) {
        let station = &stations[fault.which % stations.len()];
        match fault.kind {
            // a rule for requests knows when it ends
            Kind::Request(_) => {}
            Kind::Watch(_) => station.wire.watches(WatchFault::None),
            Kind::Machine(kind) => kind.end(self, station),
            Kind::Record(kind) => kind.end(self).await,
            Kind::Node(kind) => kind.end(self, self.node(fault)).await,
            Kind::Pod(kind) => kind.end(self).await,
            Kind::LookAlike(kind) => kind.end(self, self.node(fault)).await,
            Kind::Release(kind) => kind.end(self, fault).await,
            Kind::Membership(kind) => kind.end(self, fault).await,
            Kind::Mark(kind) => kind.end(self, fault, self.node(fault)).await,
            Kind::Ending(kind) => kind.end(self, fault).await,
            Kind::GitOps(kind) => kind.end(self, fault).await,
            Kind::Workload(kind) => kind.end(self, self.node(fault)).await,
        }
    }

    fn note(&self, fault: &Fault, what: Value) {
        self.notes.lock().unwrap().insert((fault.class, fault.at), what);
    }

    fn noted(&self, fault: &Fault) -> Option<Value> {
        self.notes.lock().unwrap().get(&(fault.class, fault.at)).cloned()
    }

    /// The step in a node's record; empty where it has none.
    fn step(&self, node: &str) -> String {
        let record = self.server.look("nodemigrations.cutover.dev", "", node);
        record.and_then(|r| r["status"]["step"].as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// Cutover has the node out.
    fn is_out(&self, node: &str) -> bool {
        crate::observer::nodes::is_out(&self.step(node))
    }

    /// The node is done for the last time: its label is Cutover's. Done with an earlier roll it has none yet.
    fn is_moved(&self, node: &str) -> bool {
        let record = self.server.look("nodemigrations.cutover.dev", "", node).unwrap_or_default();
        let last = matches!(record["status"]["phase"].as_str(), Some("Migrate" | "CiliumAlone"));
        last && record["status"]["step"] == "Done"
    }

    fn is_labelled(&self, node: &str, label: &str) -> bool {
        self.server.look("nodes", "", node).is_some_and(|n| n["metadata"]["labels"][label].is_string())
    }

    fn node(&self, fault: &Fault) -> &str {
        &self.nodes[fault.which % self.nodes.len()]
    }

    fn api(&self, kind: &str) -> Api<DynamicObject> {
        let (group, version, namespace) = match kind {
            "Migration" | "NodeMigration" => ("cutover.dev", "v1alpha1", None),
            "Lease" => ("coordination.k8s.io", "v1", Some("kube-system")),
            "PodDisruptionBudget" => ("policy", "v1", Some("shop")),
            "CustomResourceDefinition" => ("apiextensions.k8s.io", "v1", None),
            "ConfigMap" => ("", "v1", Some("kube-system")),
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

    /// Creates an object, unless it is there or cannot be.
    async fn put(&self, object: Value) {
        let _ = world::put(self.client, object).await;
    }

    /// Deletes it.
    async fn take_away(&self, object: &Value) {
        let (version, kind) =
            (object["apiVersion"].as_str().unwrap_or_default(), object["kind"].as_str().unwrap_or_default());
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        let api: Api<DynamicObject> = match object["metadata"]["namespace"].as_str() {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource),
            None => Api::all_with(self.client.clone(), &resource),
        };
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let _ = api.delete(name, &DeleteParams::background()).await;
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
