//! A cluster that does at once what it is told, as facts: decisions are made and carried out until nothing is left to
//! do. No clock and no network, so that whole migrations take milliseconds. What reality does otherwise is for the
//! embedded cluster, the real control plane and the real nodes to show.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use cutover::domain::{
    api::{HostAccess, Migration, NodeMigration, NodeMigrationSpec, PhaseState, Stage, Target},
    decide::{Decision, decide},
    effect::{Effect, FINALIZER, FLANNEL_BACKUP, HelmRelease},
    encryption::Encryption,
    facts::{DaemonSetFact, Facts, FlannelCopyFact, Key, NodeConfigFact, Order, PodFact},
    flannel::FlannelFact,
    host::{HOLD, HostTask, MULTUS, Way},
    reason::Reason,
    view::View,
};
use jiff::Timestamp;

use crate::fixture::{self, at};

/// The cluster, with the time.
pub struct Obedient {
    pub facts: Facts,
    second: i64,
    /// Pods of DaemonSets that a taint keeps away from their nodes.
    kept_away: Vec<PodFact>,
    flannel: Option<(DaemonSetFact, Key, FlannelFact)>,
    /// Nodes whose agent has written its CNI configuration, and not been told otherwise since.
    taken_over: BTreeSet<Arc<str>>,
    /// Nodes on which `10-flannel.conflist` is in its place.
    flannel_conf: BTreeSet<Arc<str>>,
    /// Nodes with Multus' configuration, and whether an agent has renamed it.
    multus: BTreeMap<Arc<str>, (Order, bool)>,
    /// Nodes on which new pods are held back, and those on which a file of that is left.
    held: BTreeSet<Arc<str>>,
    hold_leftovers: BTreeSet<Arc<str>>,
    renamed: u32,
    /// Operations of helm that have ended.
    ended: BTreeSet<String>,
}

impl Obedient {
    /// A cluster on Flannel with this Migration.
    pub fn new(facts: Facts, migration: Migration) -> Self {
        let mut facts = facts;
        facts.migration = Some(migration.into());
        let flannel_conf = facts.nodes.keys().cloned().collect();
        Self {
            facts,
            second: 0,
            kept_away: vec![],
            flannel: None,
            taken_over: BTreeSet::new(),
            flannel_conf,
            multus: BTreeMap::new(),
            held: BTreeSet::new(),
            hold_leftovers: BTreeSet::new(),
            renamed: 0,
            ended: BTreeSet::new(),
        }
    }

    pub fn now(&self) -> Timestamp {
        at(self.second)
    }

    pub fn view(&self) -> View<'_> {
        View { ended: &self.ended, ..View::read_only(&self.facts, self.migration(), self.now()) }
    }

    pub fn migration(&self) -> &Migration {
        self.facts.migration.as_ref().unwrap()
    }

    /// Changes what is wanted.
    pub fn want(&mut self, change: impl FnOnce(&mut Migration)) {
        let mut migration = self.migration().clone();
        change(&mut migration);
        migration.metadata.generation = Some(migration.metadata.generation.unwrap_or_default() + 1);
        self.facts.migration = Some(migration.into());
    }

    fn finalizers(&mut self, finalizers: &[&str]) {
        let mut migration = self.migration().clone();
        migration.metadata.finalizers = Some(finalizers.iter().map(|f| (*f).to_owned()).collect());
        self.facts.migration = Some(migration.into());
    }

    /// Changes what is wanted of a node.
    pub fn want_node(&mut self, node: &str, change: impl FnOnce(&mut NodeMigrationSpec)) {
        let mut record = NodeMigration::clone(&self.facts.node_migrations[node]);
        change(&mut record.spec);
        self.facts.node_migrations.insert(node.into(), record.into());
    }

    /// Decides and obeys until nothing changes any more; each decision and the cluster before it are shown to `saw`.
    pub fn run(&mut self, mut saw: impl FnMut(&Self, &Decision)) {
        let mut quiet = 0;
        for _ in 0..5_000 {
            quiet = if self.round(&mut saw) { quiet + 1 } else { 0 };
            // longer than any observation
            if quiet > 10 {
                return;
            }
        }
        panic!("it does not come to rest: {}", self.migration().status.as_ref().unwrap().waiting);
    }

    /// Decides and obeys once. True where there was nothing to do.
    pub fn round(&mut self, mut saw: impl FnMut(&Self, &Decision)) -> bool {
        self.second += 11;
        let decision = decide(self.view());
        saw(self, &decision);
        let acted = self.operator(&decision);
        let idle = decision.effects.is_empty() && decision.nodes.is_empty() && !acted;
        self.record(&decision);
        decision.effects.iter().for_each(|e| _ = self.ended.remove(&e.name()));
        for effect in &decision.effects {
            self.obey(effect);
        }
        idle
    }

    /// A node joins: it starts on Cilium where that is the default.
    pub fn join(&mut self, name: &str) {
        let i = self.facts.nodes.len();
        let node = fixture::node(name, i);
        self.facts.nodes.insert(name.into(), node);
        self.facts.cilium_ranges.insert(name.into(), vec![format!("10.245.{i}.0/24").parse().unwrap()]);
        self.flannel_conf.insert(name.into());
        let owner = Some(("DaemonSet", "kube-flannel"));
        let flannel = fixture::pod("kube-system", &format!("kube-flannel-{name}"), name, "", owner);
        self.facts.pods.insert(flannel.key.clone(), PodFact { host_network: true, ..flannel });
        self.agent(name);
    }

    /// Multus was on a node for a moment, whoever has put it there.
    pub fn has_multus(&mut self, node: &str) {
        self.multus.insert(node.into(), (Order::FlannelFirst, false));
    }

    /// An operator has taken it away again.
    pub fn loses_multus(&mut self, node: &str) {
        self.multus.remove(node);
    }

    /// Nodes with a configuration of Multus', in force or not.
    pub fn with_multus(&self) -> impl Iterator<Item = &Arc<str>> {
        self.multus.keys()
    }

    fn record(&mut self, decision: &Decision) {
        let mut migration = self.migration().clone();
        migration.status = Some(decision.migration.clone());
        self.facts.migration = Some(migration.into());
        for (name, changed) in &decision.nodes {
            if let Some(record) = self.facts.node_migrations.get(name) {
                let mut record = NodeMigration::clone(record);
                record.status = Some(changed.status.clone());
                self.facts.node_migrations.insert(name.clone(), record.into());
            }
        }
    }

    /// An operator who does on hosts what is asked of them. True when there was something to do.
    fn operator(&mut self, decision: &Decision) -> bool {
        if self.migration().spec.hosts.access != HostAccess::Manual {
            return false;
        }
        let asked = decision.nodes.iter().map(|(n, c)| (n.clone(), c.status.clone()));
        let known = self.facts.node_migrations.iter().filter_map(|(n, r)| Some((n.clone(), r.status.clone()?)));
        let asked: Vec<_> = asked.chain(known).filter(|(_, s)| !s.commands.is_empty()).collect();
        let mut acted = false;
        for (node, status) in asked {
            if status.waiting.reason == Reason::ManualAction && status.commands[0].contains("reboot") {
                self.reboot(&node);
                acted = true;
            } else if status.commands.iter().any(|c| c.contains("clean-multus")) {
                acted |= self.multus.remove(&node).is_some();
            } else if status.commands.iter().any(|c| c.contains("05-cilium.conf")) {
                acted |= self.taken_over.remove(&node) | self.flannel_conf.insert(node.clone());
            }
        }
        acted
    }

    fn cni(&self, node: &str) -> Target {
        if self.taken_over.contains(node) { Target::Cilium } else { Target::Flannel }
    }

    fn index(&self, node: &str) -> usize {
        self.facts.nodes.keys().position(|n| **n == *node).unwrap()
    }

    /// Multus' order on a node, where its configuration is in force.
    fn order(&self, node: &str) -> Option<Order> {
        self.multus.get(node).filter(|(_, renamed)| !renamed).map(|(order, _)| *order)
    }

    /// The first address of a new pod on a node, and the second one.
    fn addresses(&mut self, node: &str) -> (String, Option<String>) {
        match self.order(node) {
            None => (self.address(node, self.cni(node)), None),
            Some(Order::FlannelFirst) => {
                (self.address(node, Target::Flannel), Some(self.address(node, Target::Cilium)))
            }
            Some(Order::CiliumFirst) => (self.address(node, Target::Cilium), Some(self.address(node, Target::Flannel))),
        }
    }

    fn address(&mut self, node: &str, cni: Target) -> String {
        self.renamed += 1;
        let last = 10 + self.renamed % 200;
        match cni {
            Target::Cilium => format!("10.245.{}.{last}", self.index(node)),
            Target::Flannel => format!("10.233.{}.{last}", 64 + self.index(node)),
        }
    }

    /// The pod starts again, under another name where its kind does that.
    fn start(&mut self, pod: PodFact, node: &str) {
        let mut pod = pod;
        let daemon = pod.is_daemon();
        let tainted = self.facts.nodes[node].tainted && !pod.tolerates_all;
        if daemon && !pod.host_network && (tainted || self.held.contains(node)) {
            self.kept_away.push(PodFact { node: node.into(), ..pod });
            return;
        }
        pod.node = node.into();
        if !pod.host_network {
            let (first, second) = self.addresses(node);
            (pod.ip, pod.second) = (first.parse().ok(), second.and_then(|s| s.parse().ok()));
        }
        self.renamed += 1;
        if !daemon {
            let base = pod.key.name.split("-again").next().unwrap().to_owned();
            pod.key = Key::new(&pod.key.namespace, &format!("{base}-again{}", self.renamed));
        }
        pod.uid = format!("uid-{}-{}", pod.key.name, self.renamed).into();
        (pod.deleting, pod.created) = (None, Some(self.now()));
        self.facts.pods.insert(pod.key.clone(), pod);
    }

    fn remove(&mut self, key: &Key) -> Option<PodFact> {
        let pod = self.facts.pods.get(key).cloned()?;
        self.facts.pods.remove(key);
        Some(pod)
    }

    /// Multus' pod starts on a node, and writes its configuration.
    fn multus_pod(&mut self, node: &Arc<str>, order: Order) {
        self.renamed += 1;
        let name = format!("{}-{node}-{}", order.object(), self.renamed);
        let pod = fixture::pod("kube-system", &name, node, "", Some(("DaemonSet", order.object())));
        let pod = PodFact { host_network: true, tolerates_all: true, created: Some(self.now()), ..pod };
        self.facts.pods.insert(pod.key.clone(), pod);
        self.multus.insert(node.clone(), (order, false));
    }

    fn node(&mut self, name: &str, change: impl FnOnce(&mut cutover::domain::facts::NodeFact)) {
        let mut node = self.facts.nodes[name].clone();
        change(&mut node);
        self.facts.nodes.insert(name.into(), node);
    }

    fn agents(&mut self) {
        for name in self.facts.nodes.keys().cloned().collect::<Vec<_>>() {
            self.agent(&name);
        }
    }

    /// A new agent starts on a node and reads its configuration.
    fn agent(&mut self, node: &str) {
        self.renamed += 1;
        let key = format!("cilium-{node}");
        let agent = PodFact {
            host_network: true,
            created: Some(self.now()),
            uid: format!("uid-{key}-{}", self.renamed).into(),
            ..fixture::pod("kube-system", &key, node, "", Some(("DaemonSet", "cilium")))
        };
        self.facts.pods.insert(agent.key.clone(), agent);
        let custom = self.facts.cilium_config().is_some_and(|c| c.custom_conf);
        if !custom || self.facts.nodes[node].switched {
            self.taken_over.insert(node.into());
            self.flannel_conf.remove(node);
            self.multus.get_mut(node).into_iter().for_each(|(_, renamed)| *renamed = true);
            if self.held.contains(node) {
                self.hold_leftovers.insert(node.into());
                self.release(node);
            }
        }
    }

    /// New pods start again on a node.
    fn release(&mut self, node: &str) {
        self.held.remove(node);
        self.start_kept_away(node);
    }

    fn start_kept_away(&mut self, node: &str) {
        let kept = std::mem::take(&mut self.kept_away);
        for pod in kept {
            if &*pod.node == node { self.start(pod, node) } else { self.kept_away.push(pod) }
        }
    }

    fn report(&self, node: &str, task: &HostTask) -> String {
        let mut report = String::new();
        match self.multus.get(node) {
            Some((order, false)) => report.push_str(&format!("conf={MULTUS}\nmultus={}\n", order.delegates())),
            Some((_, true)) => report.push_str(&format!("conf={MULTUS}.cilium_bak\n")),
            None => {}
        }
        if self.taken_over.contains(node) {
            report.push_str("conf=05-cilium.conflist\n");
        }
        if self.held.contains(node) {
            report.push_str(&format!("conf={HOLD}\n"));
        } else if self.hold_leftovers.contains(node) {
            report.push_str(&format!("conf={HOLD}.cilium_bak\n"));
        }
        if self.flannel_conf.contains(node) {
            report.push_str("conf=10-flannel.conflist\n");
        }
        let custom = self.facts.cilium_config().is_some_and(|c| c.custom_conf);
        let manages = !custom || self.facts.nodes[node].switched;
        report.push_str(if manages { "cni=Ok\n" } else { "cni=Disabled\n" });
        let encryption = self.migration().spec.cilium.encryption;
        if encryption != Encryption::None && self.facts.cilium_agents().is_some() {
            let others = self.facts.nodes.values().filter(|n| *n.name != *node);
            report.push_str(&format!("encryption={}\nkeys={}\n", encryption.mode(), 2 * others.clone().count()));
            others.for_each(|n| report.push_str(&format!("peer={} 7\n", n.addresses[0])));
        }
        if let HostTask::Reboot { boot_id } = task {
            report.push_str(&format!("rebooting={boot_id}\n"));
        }
        report
    }

    fn reboot(&mut self, node: &str) {
        self.renamed += 1;
        let boot = format!("boot-{node}-{}", self.renamed);
        self.node(node, |n| n.boot_id = boot.into());
        let again: Vec<PodFact> = self.facts.pods.values().filter(|p| &*p.node == node).cloned().collect();
        for pod in again.into_iter().filter(|p| p.task.is_none()) {
            let mut pod = PodFact { restarts: pod.restarts + 1, ..pod };
            if !pod.host_network {
                let (first, second) = self.addresses(node);
                (pod.ip, pod.second) = (first.parse().ok(), second.and_then(|s| s.parse().ok()));
            }
            self.facts.pods.insert(pod.key.clone(), pod);
        }
    }

    fn task(&mut self, node: &Arc<str>, task: &HostTask, nth: u32, way: &Way) {
        match task {
            HostTask::Restore => {
                self.taken_over.remove(node);
                self.flannel_conf.insert(node.clone());
                self.release(node);
            }
            HostTask::CleanMultus => _ = self.multus.remove(node),
            HostTask::Hold => _ = self.held.insert(node.clone()),
            HostTask::Release { .. } => _ = self.hold_leftovers.remove(node),
            HostTask::Reboot { .. } => self.reboot(node),
            _ => {}
        }
        let mut report = self.report(node, task);
        if *task == HostTask::Probe {
            report.push_str(&format!("address={}\napi=ok\n", self.addresses(node).0));
        }
        report.push_str("done=1\n");
        let name = task.pod_name(node, nth);
        if let Way::Pod { namespace, owner, .. } = way {
            let pod = PodFact {
                task_owner: owner.clone(),
                task: Some(task.name().into()),
                report: Some((0, report)),
                phase: "Succeeded".into(),
                ..fixture::pod(namespace, &name, node, "", None)
            };
            self.facts.pods.insert(pod.key.clone(), pod);
        } else {
            self.facts.reports.insert(name, (0, report));
        }
    }

    fn obey(&mut self, effect: &Effect) {
        // as the engine does: what is watched is not kept
        let described = effect.describe();
        if described.unseen || described.outlives_term {
            self.ended.insert(described.name);
        }
        match effect {
            Effect::CreateRecord { node, .. } => {
                let record = NodeMigration::new(node, NodeMigrationSpec::default());
                self.facts.node_migrations.insert(node.clone(), record.into());
            }
            Effect::HoldMigration => self.finalizers(&[FINALIZER]),
            Effect::ReleaseMigration => self.finalizers(&[]),
            // what they leave is seen by nobody
            Effect::CreateIpsecKey { .. } | Effect::DeleteIpsecKey { .. } => {}
            Effect::Helm(release) => self.helm(release),
            Effect::Uninstall { .. } => {
                self.facts.daemon_sets.retain(|k, _| &*k.name != "cilium");
                self.facts.pods.retain(|_, p| p.owner.as_ref().is_none_or(|o| &*o.name != "cilium"));
                self.facts.cilium_configs.clear();
            }
            Effect::CreateNodeConfig { namespace, .. } => {
                let key = Key::new(namespace, "cilium-default");
                self.facts.node_configs.insert(key, NodeConfigFact::default());
            }
            Effect::DeleteNodeConfig { .. } => self.facts.node_configs.clear(),
            Effect::RestartAgents { daemon_set, mark } => {
                self.facts.daemon_sets.get_mut(daemon_set).unwrap().restarted_for = Some(mark.clone());
                self.agents();
            }
            Effect::Cordon { node, .. } => self.node(node, |n| (n.unschedulable, n.cordoned_by_cutover) = (true, true)),
            Effect::Uncordon { node } => self.node(node, |n| (n.unschedulable, n.cordoned_by_cutover) = (false, false)),
            Effect::Taint { node } => self.node(node, |n| n.tainted = true),
            Effect::Untaint { node } => {
                self.node(node, |n| n.tainted = false);
                self.start_kept_away(node);
            }
            Effect::Switch { node } => self.node(node, |n| n.switched = true),
            Effect::Revert { node } => self.node(node, |n| n.switched = false),
            Effect::SetMultus { node, order } => {
                self.node(node, |n| n.multus = *order);
                self.facts.pods.retain(|_, p| {
                    &p.node != node || p.owner.as_ref().is_none_or(|o| !o.name.starts_with("cutover-multus"))
                });
                order.iter().for_each(|order| self.multus_pod(node, *order));
            }
            Effect::CreateMultus(install) => {
                for order in Order::BOTH {
                    let key = order.daemon_set(&install.namespace);
                    let set = DaemonSetFact { key: key.clone(), observed: true, ..DaemonSetFact::default() };
                    self.facts.daemon_sets.insert(key, set);
                }
            }
            Effect::DeleteMultus { .. } => {
                assert!(self.multus.is_empty(), "no pod of {:?} would start", self.multus);
                self.facts.daemon_sets.retain(|k, _| !k.name.starts_with("cutover-multus"));
            }
            Effect::Evict { pod, .. } => {
                let Some(pod) = self.remove(pod).filter(|p| p.owner.is_some()) else { return };
                let free = self.facts.nodes.values().find(|n| !n.unschedulable).map(|n| n.name.clone());
                if let Some(node) = free {
                    self.start(pod, &node);
                }
            }
            Effect::DeletePod { pod, .. } => {
                let Some(pod) = self.remove(pod) else { return };
                let node = pod.node.clone();
                if pod.owner.as_ref().is_some_and(|o| &*o.name == "cilium") {
                    self.agent(&node);
                } else if pod.owner.as_ref().is_some_and(|o| o.name.starts_with("cutover-multus")) {
                    self.multus_pod(&node, self.facts.nodes[&node].multus.unwrap());
                } else if pod.owner.is_some() {
                    self.start(pod, &node);
                }
            }
            Effect::DeleteTaskPod { pod, .. } => drop(self.remove(pod)),
            Effect::Task { node, task, nth, way } => self.task(node, task, *nth, way),
            Effect::BackUpFlannel { namespace, .. } => {
                let key = Key::new(namespace, FLANNEL_BACKUP);
                let cni = self.facts.flannel().find_map(|(_, f)| Some(f.cni.as_ref()?.text.clone()));
                let copy = FlannelCopyFact { digest: "hash".into(), daemon_sets: vec![], cni };
                self.facts.flannel_copies.insert(key, copy);
            }
            Effect::DeleteFlannel { .. } => {
                let key = self.facts.flannel_daemon_sets().next().unwrap().key.clone();
                let set = self.facts.daemon_sets.remove(&key).unwrap();
                let (config, fact) = self.facts.flannel_configs.pop_first().unwrap();
                self.flannel = Some((set, config, fact));
                self.facts.pods.retain(|_, p| p.owner.as_ref().is_none_or(|o| o.name != key.name));
            }
            Effect::RestoreFlannel { .. } => {
                // only what is missing is created
                let Some((set, config, fact)) = self.flannel.take() else { return };
                for node in self.facts.nodes.keys().cloned().collect::<Vec<_>>() {
                    let name = format!("{}-{node}", set.key.name);
                    let owner = Some(("DaemonSet", &*set.key.name));
                    let pod = PodFact { host_network: true, ..fixture::pod("kube-system", &name, &node, "", owner) };
                    self.facts.pods.insert(pod.key.clone(), pod);
                }
                self.facts.daemon_sets.insert(set.key.clone(), set);
                self.facts.flannel_configs.insert(config, fact);
            }
            Effect::DeleteFlannelBackup { .. } => self.facts.flannel_copies.clear(),
            Effect::DeleteDefinition { name } => drop(self.facts.crds.remove(*name)),
            other => panic!("nothing in this cluster asks for {other:?}"),
        }
    }

    fn helm(&mut self, release: &HelmRelease) {
        let installed = fixture::installed();
        let custom_conf = release.values["cni"]["customConf"] == true;
        self.facts.cilium_configs = installed.cilium_configs;
        self.facts.cilium_configs.values_mut().for_each(|c| c.custom_conf = custom_conf);
        if release.purpose == "install" {
            let (key, set) = installed.daemon_sets.into_iter().find(|(k, _)| &*k.name == "cilium").unwrap();
            self.facts.daemon_sets.insert(key, set);
            self.facts.crds = installed.crds;
            for (i, name) in self.facts.nodes.keys().cloned().collect::<Vec<_>>().into_iter().enumerate() {
                self.facts.cilium_ranges.insert(name, vec![format!("10.245.{i}.0/24").parse().unwrap()]);
            }
            self.agents();
        }
    }
}

/// How it ended, or where it stands.
pub fn stage(facts: &Facts) -> Stage {
    facts.migration.as_ref().unwrap().status.as_ref().unwrap().phase
}

/// The phases that are done.
pub fn done(facts: &Facts) -> Vec<&'static str> {
    let phases = &facts.migration.as_ref().unwrap().status.as_ref().unwrap().phases;
    phases.iter().filter(|p| p.state == PhaseState::Done).map(|p| p.name.as_str()).collect()
}
