//! Kubelets, one for each node: report its status, start the pods bound to it, end the deleted ones.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{
    cache::{Cluster, Kind, Object, is_true},
    host::{Hosts, Plugin},
    pods,
};

/// Annotation of a node with a fault in its next reboot: `ignored`, `never-back`, `not-ready`, or `slow` (longer than the
/// node controller waits for a heartbeat).
const REBOOT: &str = "cutover.dev/embedded-reboot";

/// Annotation for manual work on a host: `restore`, `clean`, `reboot`, `manifests` (its static pods' files are taken
/// away), `leak`, which leaves a lease without a pod, `multus`, which puts a Multus of the distribution's before Flannel,
/// or `clean-multus`.
const HANDS: &str = "cutover.dev/embedded-hands";

/// Annotation of a node whose kubelet does not reach the API server.
const CUT_OFF: &str = "cutover.dev/embedded-cut-off";

/// Annotation of a static pod's mirror.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// One node's kubelet.
pub(super) struct Kubelet {
    pub(super) cluster: Arc<Cluster>,
    pub(super) hosts: Hosts,
    pub(super) node: String,
    /// Pods that are being started or ended, by UID.
    busy: Mutex<HashSet<String>>,
    /// Mirrors of its static pods, by namespace and name.
    mirrors: Mutex<BTreeMap<(String, String), Object>>,
    /// UIDs of mirrors whose files were taken away: a list from before it still has them.
    ended_mirrors: Mutex<BTreeSet<String>>,
}

/// Runs a kubelet for every node, also for later ones. A node that is deleted takes its machine along: what comes back
/// under its name is another one.
pub(super) async fn run_all(cluster: Arc<Cluster>, hosts: Hosts) {
    let mut machines: HashMap<String, (Option<String>, JoinSet<()>)> = HashMap::new();
    let mut changes = cluster.placements();
    loop {
        let nodes = cluster.all(Kind::Node);
        machines.retain(|name, (uid, _)| {
            let stays = nodes.iter().any(|n| n.name_any() == *name && n.uid() == *uid);
            if !stays {
                hosts.lock().remove(name);
            }
            stays
        });
        for node in nodes {
            let name = node.name_any();
            machines.entry(name.clone()).or_insert_with(|| {
                let kubelet = Arc::new(Kubelet {
                    cluster: Arc::clone(&cluster),
                    hosts: hosts.clone(),
                    node: name,
                    busy: Mutex::default(),
                    mirrors: Mutex::default(),
                    ended_mirrors: Mutex::default(),
                });
                let mut tasks = JoinSet::new();
                tasks.spawn(Arc::clone(&kubelet).run());
                tasks.spawn(kubelet.beat());
                (node.uid(), tasks)
            });
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}

impl Kubelet {
    async fn run(self: Arc<Self>) {
        self.hosts.with(&self.node, |h| {
            if h.boot_id.is_empty() {
                h.boot(crate::sim::api::random_uid());
            }
        });
        self.report().await;
        let mut tasks = JoinSet::new();
        let mut changes = self.cluster.placements();
        let mut reported = self.fitness();
        loop {
            changes.borrow_and_update();
            if self.hosts.with(&self.node, |h| h.up) {
                let own = self.own_pods();
                self.look_after_pods(&own, &mut tasks);
                self.mirror_static_pods(&own).await;
            }
            self.by_hand(&mut tasks).await;
            let now = self.fitness();
            if now != reported {
                self.report().await;
                reported = now;
            }
            tokio::select! {
                biased;
                changed = changes.changed() => if changed.is_err() { return },
                Some(_) = tasks.join_next() => {}
                () = tokio::time::sleep(Duration::from_millis(500)) => {}
            }
        }
    }

    /// Does the manual work that the annotation asks for.
    async fn by_hand(self: &Arc<Self>, tasks: &mut JoinSet<()>) {
        let node = self.cluster.get(Kind::Node, "", &self.node);
        let Some(what) = node.and_then(|n| n.annotations().get(HANDS).cloned()) else { return };
        self.cluster.merge(Kind::Node, "", &self.node, &json!({"metadata": {"annotations": {HANDS: null}}})).await;
        match what.as_str() {
            "restore" => drop(self.hosts.with(&self.node, super::host::Host::restore)),
            "clean" => drop(self.hosts.with(&self.node, super::host::Host::clean)),
            "leak" => {
                let lost = self.ranges().0.and_then(|r| r.hosts().last());
                self.hosts.with(&self.node, |h| h.leases.extend(lost.map(|ip| (ip, "nobody".to_owned()))));
            }
            "multus" => self.hosts.with(&self.node, |h| h.multus_writes([Some(Plugin::Flannel), None])),
            "clean-multus" => drop(self.hosts.with(&self.node, super::host::Host::clean_multus)),
            "manifests" => self.end_static_pods().await,
            "reboot" => drop(tasks.spawn(Arc::clone(self).reboot())),
            other => tracing::warn!("unknown manual work on an embedded host: {other}"),
        }
    }

    /// What the node's status depends on: up, networked, and the boot.
    fn fitness(&self) -> (bool, bool, u64) {
        self.hosts.with(&self.node, |h| (h.up, h.conf().is_some() && !h.unready, h.boots))
    }

    fn look_after_pods(self: &Arc<Self>, own: &[Object], tasks: &mut JoinSet<()>) {
        let node = self.cluster.get(Kind::Node, "", &self.node);
        let heard = node.is_some_and(|n| is_true(&n, "Ready"));
        for pod in own {
            let uid = pod.uid().unwrap_or_default();
            let deleting = pod.metadata.deletion_timestamp.is_some();
            let ended = matches!(pod.data["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
            let running = self.hosts.with(&self.node, |h| h.sandboxes.contains_key(&uid));
            let denied = heard && running && !ended && pods::is_denied(pod);
            let work = deleting || denied || (!running && !ended);
            if !work || !self.busy.lock().unwrap_or_else(PoisonError::into_inner).insert(uid.clone()) {
                continue;
            }
            let (kubelet, pod) = (Arc::clone(self), Arc::clone(pod));
            tasks.spawn(async move {
                if deleting {
                    pods::end(&kubelet, &pod).await;
                } else if denied {
                    pods::report_ready(&kubelet, &pod).await;
                } else {
                    pods::start(&kubelet, &pod).await;
                }
                kubelet.busy.lock().unwrap_or_else(PoisonError::into_inner).remove(&uid);
            });
        }
    }

    /// Creates missing mirrors: a static pod has its file on the host, and deleting its mirror does not end it.
    async fn mirror_static_pods(&self, own: &[Object]) {
        let missing: Vec<Object> = {
            let mut mirrors = self.mirrors.lock().unwrap_or_else(PoisonError::into_inner);
            let ended = self.ended_mirrors.lock().unwrap_or_else(PoisonError::into_inner);
            let lives =
                |p: &Object| p.metadata.deletion_timestamp.is_none() && p.uid().is_none_or(|u| !ended.contains(&u));
            let there = |p: &&Object| p.annotations().contains_key(MIRROR) && lives(p);
            for pod in own.iter().filter(there) {
                mirrors.insert((pod.namespace().unwrap_or_default(), pod.name_any()), Arc::clone(pod));
            }
            let there = |(namespace, name): &(String, String)| {
                own.iter().any(|p| p.namespace().as_ref() == Some(namespace) && p.name_any() == *name)
            };
            mirrors.iter().filter(|(key, _)| !there(key)).map(|(_, pod)| Arc::clone(pod)).collect()
        };
        for pod in missing {
            let meta = &pod.metadata;
            let mirror = json!({"metadata": {"name": meta.name, "namespace": meta.namespace, "labels": meta.labels, "annotations": meta.annotations}, "spec": pod.data["spec"]});
            self.cluster.create(Kind::Pod, &pod.namespace().unwrap_or_default(), mirror).await;
        }
    }

    async fn end_static_pods(&self) {
        self.mirrors.lock().unwrap_or_else(PoisonError::into_inner).clear();
        for pod in self.own_pods().iter().filter(|p| p.annotations().contains_key(MIRROR)) {
            self.ended_mirrors.lock().unwrap_or_else(PoisonError::into_inner).extend(pod.uid());
            self.cluster.delete(Kind::Pod, pod, None).await;
        }
    }

    /// Writes the node's status.
    pub(super) async fn report(&self) {
        let (up, boot_id, networked) =
            self.hosts.with(&self.node, |h| (h.up, h.boot_id.clone(), h.conf().is_some() && !h.unready));
        if !up {
            return;
        }
        let Some(node) = self.cluster.get(Kind::Node, "", &self.node) else { return };
        if node.annotations().contains_key(CUT_OFF) {
            return;
        }
        let now = crate::sim::clock::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let (status, reason, message) = if networked {
            ("True", "KubeletReady", "kubelet is posting ready status")
        } else {
            (
                "False",
                "KubeletNotReady",
                "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized",
            )
        };
        let address =
            node.annotations().get("cutover.dev/embedded-address").cloned().unwrap_or_else(|| "192.168.0.1".into());
        let condition = |type_: &str, status: &str, reason: &str, message: &str| json!({"type": type_, "status": status, "reason": reason, "message": message, "lastHeartbeatTime": now, "lastTransitionTime": now});
        let patch = json!({
            "nodeInfo": {
                "bootID": boot_id, "kernelVersion": "6.1.0-28-amd64", "osImage": "Debian GNU/Linux 12 (bookworm)",
                "containerRuntimeVersion": "containerd://1.7.24", "kubeletVersion": "v1.33.1", "kubeProxyVersion": "",
                "operatingSystem": "linux", "architecture": "amd64", "machineID": self.node, "systemUUID": self.node,
            },
            "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": self.node}],
            "capacity": {"cpu": "4", "memory": "8Gi", "pods": "110"},
            "allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"},
            "conditions": [condition("Ready", status, reason, message), condition("MemoryPressure", "False", "KubeletHasSufficientMemory", "")],
        });
        self.cluster.status(Kind::Node, "", &self.node, &patch).await;
    }

    /// Is the node's status in the API another one than the kubelet would write?
    fn is_outdated(&self, node: &Object) -> bool {
        let conditions = node.data["status"]["conditions"].as_array();
        let ready = conditions.into_iter().flatten().find(|c| c["type"] == "Ready").map(|c| c["status"] == "True");
        ready != Some(self.hosts.with(&self.node, |h| h.conf().is_some() && !h.unready))
    }

    /// Every 10 s a kubelet renews its node's lease and writes its status where that was changed. A real node
    /// controller marks a node Unknown after 40 s without.
    async fn beat(self: Arc<Self>) {
        let api: Api<Lease> = Api::namespaced(self.cluster.client.clone(), "kube-node-lease");
        loop {
            let node = self.cluster.get(Kind::Node, "", &self.node);
            if node.as_ref().is_some_and(|n| self.is_outdated(n)) {
                self.report().await;
            }
            let cut_off = node.is_some_and(|n| n.annotations().contains_key(CUT_OFF));
            if !cut_off && self.hosts.with(&self.node, |h| h.up) {
                let now = crate::sim::clock::now().strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
                let lease = json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": self.node},
                    "spec": {"holderIdentity": self.node, "leaseDurationSeconds": 40, "renewTime": now}});
                let _ = api.patch(&self.node, &PatchParams::apply("kubelet").force(), &Patch::Apply(&lease)).await;
            }
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
    }

    /// A power cycle: memory is lost, the disk stays, and every pod restarts.
    pub(super) async fn reboot(self: Arc<Self>) {
        let pace = self.cluster.pace;
        let fault = self.cluster.get(Kind::Node, "", &self.node).and_then(|n| n.annotations().get(REBOOT).cloned());
        if fault.as_deref() == Some("ignored") {
            return;
        }
        self.hosts.with(&self.node, |h| h.up = false);
        if fault.as_deref() == Some("never-back") {
            self.goes_silent().await;
            return;
        }
        if fault.as_deref() == Some("slow") {
            self.goes_silent().await;
        }
        pace.wait(Duration::from_secs(25)).await;
        let before: HashSet<String> = self.hosts.with(&self.node, |h| {
            h.unready = fault.as_deref() == Some("not-ready");
            h.boot(crate::sim::api::random_uid());
            h.sandboxes.keys().cloned().collect()
        });
        self.report().await;
        // for some seconds its pods are in the API as they were before (seen on real nodes)
        pace.wait(Duration::from_millis(2_000 + fastrand::u64(0..2_000))).await;
        for pod in self.own_pods().iter().filter(|p| p.uid().is_some_and(|uid| before.contains(&uid))) {
            pods::report_lost(&self, pod).await;
        }
        // the runtime removes the sandboxes from before, with the current configuration
        self.hosts.with(&self.node, |h| before.iter().for_each(|uid| super::cni::del(h, uid)));
    }

    /// What the node controller writes about a node without a heartbeat; a real one does so itself.
    async fn goes_silent(&self) {
        self.cluster.pace.wait(Duration::from_secs(40)).await;
        let unknown = json!({"conditions": [{"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown", "message": "Kubelet stopped posting node status."}]});
        self.cluster.status(Kind::Node, "", &self.node, &unknown).await;
        self.pods_not_ready().await;
    }

    async fn pods_not_ready(&self) {
        for pod in self.own_pods() {
            if matches!(pod.data["status"]["phase"].as_str(), Some("Succeeded" | "Failed")) {
                continue;
            }
            let not_ready = json!({"conditions": [{"type": "Ready", "status": "False"}]});
            self.cluster.status(Kind::Pod, &pod.namespace().unwrap_or_default(), &pod.name_any(), &not_ready).await;
        }
    }

    pub(super) fn own_pods(&self) -> Vec<Object> {
        self.cluster.all(Kind::Pod).into_iter().filter(|p| p.data["spec"]["nodeName"] == *self.node).collect()
    }

    /// The ranges of both CNIs on this node.
    pub(super) fn ranges(&self) -> (Option<ipnet::IpNet>, Option<ipnet::IpNet>) {
        let parse = |v: &Value| v.as_str().and_then(|s| s.parse().ok());
        let flannel = self.cluster.get(Kind::Node, "", &self.node).and_then(|n| parse(&n.data["spec"]["podCIDR"]));
        let cilium = self
            .cluster
            .get(Kind::CiliumNode, "", &self.node)
            .and_then(|n| parse(&n.data["spec"]["ipam"]["podCIDRs"][0]));
        (flannel, cilium)
    }
}
