//! The phases that change the cluster as a whole, forward and back.

use std::sync::Arc;

use super::{Progress, View};
use crate::domain::{
    api::{NodeMigrationStatus, Severity, StepError},
    checks,
    effect::{Effect, HelmRelease, NODE_CONFIG, RELEASE, restart_mark},
    evidence::HostEvidence,
    facts::{Cni, DaemonSetFact, Facts, Key, NodeFact},
    host::HostTask,
    phase::Phase,
    problem::ProblemKind,
    text, values,
};

/// KubeCluster a node's record out.
type Records<'a> = &'a mut dyn FnMut(&str) -> Option<NodeMigrationStatus>;
/// Records that became something else.
type Changed = Vec<(Arc<str>, NodeMigrationStatus)>;

/// Nothing of Flannel's is left on a host.
fn is_clean(host: Option<&HostEvidence>) -> Result<(), String> {
    let Some(host) = host else { return Err("not looked yet".into()) };
    let links = host.links.iter().filter(|l| *l != "cilium_host").cloned();
    let files = host.cni_files.iter().filter(|f| f.starts_with("10-flannel")).cloned();
    let mut left: Vec<String> = links.chain(files).chain(host.folders.clone()).collect();
    if host.rules > 0 {
        left.push(text::count(host.rules as usize, "firewall rule"));
    }
    if left.is_empty() { Ok(()) } else { Err(format!("still there: {}", left.join(", "))) }
}

/// What the facts say about each phase, whatever anybody remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Cilium is there, or half there.
    pub installed: bool,
    /// Cilium is the default of every node, or is becoming it.
    pub finalized: bool,
    /// Flannel is gone, or going: Cutover holds the copy of its objects.
    pub removed: bool,
}

impl Standing {
    /// Reads it off the facts.
    pub fn of(facts: &Facts) -> Self {
        let finalizing =
            facts.cilium_agents().and_then(|a| a.restarted_for.clone()) == Some(restart_mark(Phase::Finalize, false));
        Self {
            installed: facts.cilium_agents().is_some() || facts.cilium_config.is_some(),
            finalized: facts.cilium_config.as_ref().is_some_and(|c| !c.custom_conf) || finalizing,
            removed: facts.flannel_backup,
        }
    }
}

impl View<'_> {
    fn namespace(&self) -> String {
        self.migration.spec.cilium.namespace.clone()
    }

    fn release(&self, finalized: bool, purpose: &'static str) -> Result<Effect, Progress> {
        let cilium = &self.migration.spec.cilium;
        let values = if finalized { values::finalized(cilium) } else { values::migration(cilium) };
        let values = values.map_err(|message| Progress::Fail {
            message,
            object: "migration/cutover".into(),
            next: "Nothing was changed. Correct spec.cilium.values.".into(),
            kind: ProblemKind::Failed,
        })?;
        Ok(Effect::Helm(Box::new(HelmRelease {
            chart: cilium.chart.clone(),
            version: cilium.version.clone(),
            namespace: cilium.namespace.clone(),
            values,
            purpose,
        })))
    }

    /// helm is run until it has succeeded: what it left half done it mends itself when run again.
    fn helm(&self, finalized: bool, purpose: &'static str, due: bool, why: &str) -> Option<Progress> {
        match self.release(finalized, purpose) {
            Err(progress) => Some(progress),
            // its objects come one after the other: what is there already does not mean that it has ended
            Ok(effect) if self.under_way.contains(&effect.name()) => Some(Progress::Wait("helm is running".into())),
            Ok(effect) => {
                let name = effect.name();
                let begun = self.migration.status.as_ref().and_then(|s| s.pending_helm_operation.as_deref());
                let unfinished = begun == Some(&name) && !self.ended.contains(&name);
                (due || unfinished || self.failures.contains_key(&name)).then(|| Progress::act(effect, why))
            }
        }
    }

    /// Cilium beside Flannel.
    pub fn install(&self) -> Progress {
        let due = self.facts.cilium_agents().is_none() || self.facts.cilium_config.is_none();
        if let Some(progress) = self.helm(false, "install", due, "helm installs Cilium") {
            return progress;
        }
        if let Some(progress) = self.agents_ready() {
            return progress;
        }
        let without: Vec<&str> =
            self.facts.nodes.keys().filter(|n| !self.facts.cilium_ranges.contains_key(*n)).map(|n| &**n).collect();
        if let Some(node) = without.first() {
            return Progress::Wait(format!("Cilium's operator has given {node} no range yet"));
        }
        match self.node_config(true) {
            Some(progress) => progress,
            None => Progress::Done,
        }
    }

    fn agents_ready(&self) -> Option<Progress> {
        let agents = self.facts.cilium_agents()?;
        if agents.is_rolled_out() {
            return None;
        }
        let sick = self.facts.nodes.keys().find_map(|n| {
            let pod = self.facts.daemon_pod(agents, n).filter(|p| !p.ready)?;
            let why = if pod.reason.is_empty() { pod.phase.to_string() } else { text::safe(&pod.reason).into_owned() };
            Some(format!("; {} on {n}: {why}", pod.key.name))
        });
        let (ready, desired) = (agents.ready.min(agents.updated), agents.desired);
        Some(Progress::Wait(format!("{ready} of {desired} Cilium agents ready{}", sick.unwrap_or_default())))
    }

    /// The CiliumNodeConfig has to exist, or has to be gone.
    fn node_config(&self, wanted: bool) -> Option<Progress> {
        let namespace = self.namespace();
        let there = self.facts.node_configs.contains_key(&Key::new(&namespace, NODE_CONFIG));
        let version = self.facts.node_config_version().map(str::to_owned);
        match (wanted, there, version) {
            (true, true, _) | (false, false, _) => None,
            (_, _, None) => {
                Some(Progress::Wait("Cilium's operator has not created the CiliumNodeConfig API yet".into()))
            }
            (true, false, Some(version)) => {
                Some(Progress::act(Effect::CreateNodeConfig { namespace, version }, "create the CiliumNodeConfig"))
            }
            (false, true, Some(version)) => {
                Some(Progress::act(Effect::DeleteNodeConfig { namespace, version }, "delete the CiliumNodeConfig"))
            }
        }
    }

    /// Cilium is uninstalled; every node is back on Flannel by now.
    pub fn undo_install(&self) -> Progress {
        if let Some(progress) = self.node_config(false) {
            return progress;
        }
        let namespace = self.namespace();
        let uninstall = Effect::Uninstall { namespace: namespace.clone() };
        if self.under_way.contains(&uninstall.name()) {
            return Progress::Wait("helm is running".into());
        }
        // a helm that died half way has left the rest of the release: what it begins with is no sign of its end
        let begun = self.migration.status.as_ref().and_then(|s| s.pending_helm_operation.as_deref());
        let half_way = begun == Some(&*uninstall.name()) && !self.ended.contains(&uninstall.name());
        if half_way || self.facts.cilium_agents().is_some() || self.facts.cilium_config.is_some() {
            return Progress::act(uninstall, "helm uninstalls Cilium");
        }
        let left = self.facts.pods.values().filter(|p| {
            p.labels.get("app.kubernetes.io/part-of").is_some_and(|v| v == RELEASE) && *p.key.namespace == *namespace
        });
        match left.count() {
            0 => Progress::Done,
            n => Progress::Wait(format!("{} of Cilium terminating", text::count(n, "pod"))),
        }
    }

    /// Cilium becomes the default. Refused while any pod would be left on Flannel.
    pub fn finalize(&self) -> Progress {
        let mark = restart_mark(Phase::Finalize, false);
        let custom = self.facts.cilium_config.as_ref().is_none_or(|c| c.custom_conf);
        if custom {
            let on_flannel: Vec<_> = self.facts.pods_with(Cni::Flannel, None).collect();
            if let Some(pod) = on_flannel.first() {
                return Progress::Wait(format!(
                    "{} still with Flannel addresses, as {} on {}",
                    text::count(on_flannel.len(), "pod"),
                    pod.key,
                    pod.node
                ));
            }
        }
        if let Some(progress) = self.helm(true, "finalize", custom, "helm makes Cilium the default") {
            return progress;
        }
        if let Some(progress) = self.restarted(&mark) {
            return progress;
        }
        match self.node_config(false) {
            Some(progress) => progress,
            None => Progress::Done,
        }
    }

    fn restarted(&self, mark: &str) -> Option<Progress> {
        let Some(agents) = self.facts.cilium_agents() else {
            return Some(Progress::Wait("waits for Cilium's DaemonSet".into()));
        };
        if agents.restarted_for.as_deref() != Some(mark) {
            let effect = Effect::RestartAgents { daemon_set: agents.key.clone(), mark: mark.to_owned() };
            return Some(Progress::act(effect, "restart the agents so that they read their configuration"));
        }
        self.agents_ready()
    }

    /// Nodes decide for themselves again. The CiliumNodeConfig comes first: without it the switched
    /// nodes would lose their configuration at the agents' restart.
    pub fn undo_finalize(&self) -> Progress {
        if let Some(progress) = self.node_config(true) {
            return progress;
        }
        let custom = self.facts.cilium_config.as_ref().is_some_and(|c| c.custom_conf);
        if let Some(progress) = self.helm(false, "undo finalize", !custom, "helm makes Cilium optional again") {
            return progress;
        }
        self.restarted(&restart_mark(Phase::Finalize, true)).unwrap_or(Progress::Done)
    }

    fn flannel_sets(&self) -> Vec<&DaemonSetFact> {
        self.facts.flannel_daemon_sets().collect()
    }

    /// Flannel's objects go, then what it left on the nodes. Records say which nodes are clean.
    pub fn remove(&self, records: Records<'_>) -> (Progress, Changed) {
        let sets = self.flannel_sets();
        let keys: Vec<Key> = sets.iter().map(|d| d.key.clone()).collect();
        let namespace = self.namespace();
        if !keys.is_empty() {
            let progress = if self.facts.flannel_backup {
                Progress::act(Effect::DeleteFlannel { daemon_sets: keys, namespace }, "delete Flannel's objects")
            } else {
                Progress::act(
                    Effect::BackUpFlannel { daemon_sets: keys, namespace },
                    "keep a copy of Flannel's objects",
                )
            };
            return (progress, vec![]);
        }
        let left =
            self.facts.pods.values().filter(|p| p.is_daemon() && p.labels.get("app").is_some_and(|a| a == "flannel"));
        let left = left.count();
        if left > 0 {
            return (Progress::Wait(format!("{} of Flannel terminating", text::count(left, "pod"))), vec![]);
        }
        self.clean(records)
    }

    fn clean(&self, records: Records<'_>) -> (Progress, Changed) {
        let networks = self.facts.flannel.values().flat_map(|f| f.networks.clone());
        let backup = self.migration.status.iter().flat_map(|s| s.flannel_networks.clone());
        let mut networks: Vec<_> = networks.chain(backup.filter_map(|n| n.parse().ok())).collect();
        networks.sort_unstable();
        networks.dedup();
        let task = HostTask::Clean { networks };
        self.on_hosts(&task, records, |s| !s.evidence.cleaned, |s| s.evidence.cleaned = true)
    }

    /// Runs a task on every node whose record says that it is due.
    fn on_hosts(
        &self,
        task: &HostTask,
        records: Records<'_>,
        due: impl Fn(&NodeMigrationStatus) -> bool,
        mark: impl Fn(&mut NodeMigrationStatus),
    ) -> (Progress, Changed) {
        let (mut effects, mut changed, mut open, mut said) = (vec![], vec![], vec![], None);
        for node in self.nodes_in_order() {
            let Some(mut status) = records(&node.name).filter(|s| due(s)) else { continue };
            match self.on_host(node, &mut status, task) {
                Progress::Done => {
                    mark(&mut status);
                    status.last_error = None;
                    changed.push((node.name.clone(), status));
                    continue;
                }
                Progress::Act(due, _) => effects.extend(due),
                Progress::Fail { message, object, next, .. } => {
                    let count = status.last_error.as_ref().map_or(1, |e| e.count + 1);
                    status.last_error = Some(StepError { message: message.clone(), object, next, at: self.now, count });
                    said = Some(message);
                }
                Progress::Wait(why) if self.is_manual(task) => said = Some(why),
                // between two tries what went wrong is still what there is to say
                Progress::Wait(_) => said = said.or_else(|| Some(status.last_error.as_ref()?.message.clone())),
            }
            changed.push((node.name.clone(), status));
            open.push(node.name.to_string());
        }
        let left = text::count(open.len(), "node");
        let progress = match (open.first(), said) {
            (None, _) => Progress::Done,
            (Some(_), _) if !effects.is_empty() => Progress::Act(effects, format!("{left}: {}", task.purpose())),
            (Some(_), Some(message)) => Progress::Wait(message),
            (Some(first), None) => Progress::Wait(format!("{first} and {} more: {}", open.len() - 1, task.purpose())),
        };
        (progress, changed)
    }

    fn on_host(&self, node: &NodeFact, status: &mut NodeMigrationStatus, task: &HostTask) -> Progress {
        if self.is_manual(task) {
            // what Flannel needs it makes again by itself: only the cleaning is asked of anybody
            return match task {
                HostTask::Clean { .. } => self.by_hand(node, status, task, |e| is_clean(e.host.as_ref())),
                _ => Progress::Done,
            };
        }
        match self.task(node, status, task) {
            Err(progress) => progress,
            Ok(report) => {
                self.took_look(node, status, task.name(), &report);
                Progress::Done
            }
        }
    }

    /// What was cleaned is put back, then Flannel's objects come back from the copy.
    pub fn undo_remove(&self, records: Records<'_>) -> (Progress, Changed) {
        // whoever has brought Flannel back meanwhile: what is there again is left as it is
        let (progress, changed) =
            self.on_hosts(&HostTask::PutBack, records, |s| s.evidence.cleaned, |s| s.evidence.cleaned = false);
        if progress != Progress::Done {
            return (progress, changed);
        }
        let namespace = self.namespace();
        let sets = self.flannel_sets();
        if sets.is_empty() {
            return (Progress::act(Effect::RestoreFlannel { namespace }, "create Flannel's objects again"), changed);
        }
        if let Some(set) = sets.iter().find(|s| !s.is_rolled_out()) {
            return (Progress::Wait(format!("{} of {} Flannel pods ready", set.ready, set.desired)), changed);
        }
        let forget = Effect::DeleteFlannelBackup { namespace };
        (Progress::act(forget, "the copy of Flannel's objects is no longer needed"), changed)
    }

    /// Every check of the end state.
    pub fn verify_cluster(&self) -> Progress {
        let findings = checks::verification(self);
        let blocking = findings.iter().find(|f| f.severity == Severity::Block);
        blocking.map_or(Progress::Done, |f| Progress::Wait(format!("{}: {}", f.object, f.message)))
    }
}
