//! How far each step of a node has come, judged by the facts alone.

use super::{Context, Progress};
use crate::domain::{
    api::{NodeMigrationStatus, Recycle, StepError, Target},
    drain,
    effect::Effect,
    facts::{Cni, NodeFact, PodFact},
    host::HostTask,
    step::Step,
    text,
};

/// Evictions asked for at once: enough to be quick, few enough that no budget is stormed.
const EVICTIONS_AT_ONCE: usize = 5;

impl Context<'_> {
    pub(super) fn progress(&self, node: &NodeFact, status: &mut NodeMigrationStatus) -> Progress {
        match status.step {
            Step::Pending | Step::Done | Step::RolledBack => Progress::Done,
            Step::Check => self.check(node),
            Step::Cordon => Self::cordon(node),
            Step::Drain => self.drain(node),
            Step::Switch => self.switch(node, status),
            Step::Unswitch => self.unswitch(node, status),
            Step::Restore => self.restore(node, status),
            Step::Recycle => self.recycle(node, status),
            Step::Verify => self.verify(node, status),
            Step::Uncordon => Self::uncordon(node),
            Step::Soak => self.soak(node, status),
        }
    }

    fn check(&self, node: &NodeFact) -> Progress {
        if !node.ready {
            return Progress::Wait(format!("{} is not Ready: {}", node.name, text::safe(&node.not_ready_reason)));
        }
        match self.facts.agent_on(&node.name) {
            None => return Progress::Wait(format!("no Cilium agent on {}", node.name)),
            Some(a) if !a.ready => return Progress::Wait(format!("Cilium agent {} is not ready", a.key.name)),
            Some(_) => {}
        }
        if self.facts.flannel_on(&node.name).is_none_or(|f| !f.ready) {
            return Progress::Wait(format!("Flannel's pod on {} is not ready: it is the way back", node.name));
        }
        if !self.facts.cilium_ranges.contains_key(&node.name) {
            return Progress::Wait(format!("Cilium has given {} no range yet", node.name));
        }
        let drain = drain::sort(self.facts, &node.name, &self.migration.spec.consents);
        if let Some(progress) = Self::consent_missing(&drain) {
            return progress;
        }
        if let Some((pod, why)) = drain.evict.iter().find_map(|p| {
            let two = drain::budgets_of(self.facts, p).count() > 1;
            drain::blocker(self.facts, p).filter(|_| two).map(|why| (p, why))
        }) {
            return Progress::Wait(format!("pod {} could never be evicted: {why}", pod.key));
        }
        Progress::Done
    }

    /// Somebody has uncordoned the node or removed the taint meanwhile: that comes first.
    #[expect(clippy::unused_self, reason = "called like its sister")]
    fn still_out(&self, node: &NodeFact) -> Option<Progress> {
        (!node.unschedulable || !node.kept_away).then(|| Self::cordon(node))
    }

    /// A pod with a pod address has landed meanwhile: it leaves before anything is switched or rebooted.
    fn still_empty(&self, node: &NodeFact) -> Option<Progress> {
        let drain = drain::sort(self.facts, &node.name, &self.migration.spec.consents);
        (!drain.is_done()).then(|| self.drain(node))
    }

    fn consent_missing(drain: &drain::Drain<'_>) -> Option<Progress> {
        let (pod, kinds) = drain.consent.first()?;
        let kinds: Vec<String> = kinds.iter().map(|k| format!("{k:?}")).collect();
        let more = drain.consent.len() - 1;
        let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
        Some(Progress::Wait(format!("needs consent {} for {}{more}", kinds.join(" and "), drain::consent_object(pod))))
    }

    fn cordon(node: &NodeFact) -> Progress {
        let name = node.name.clone();
        if !node.unschedulable {
            Progress::act(Effect::Cordon { node: name }, "cordon")
        } else if !node.kept_away {
            Progress::act(Effect::KeepAway { node: name }, "keep DaemonSet pods away")
        } else {
            Progress::Done
        }
    }

    fn drain(&self, node: &NodeFact) -> Progress {
        // somebody uncordoned it meanwhile: pods would come back as fast as they leave
        if !node.unschedulable || !node.kept_away {
            return Self::cordon(node);
        }
        let drain = drain::sort(self.facts, &node.name, &self.migration.spec.consents);
        if drain.is_done() {
            return Progress::Done;
        }
        let left = text::count(drain.left(), "pod");
        if !drain.evict.is_empty() {
            let blocked = drain.evict.iter().find_map(|p| Some((p, drain::blocker(self.facts, p)?)));
            let why = blocked
                .map_or_else(|| format!("{left} left"), |(pod, why)| format!("{left} left; {} waits: {why}", pod.key));
            return Progress::Act(self.evictions(&drain.evict), why);
        }
        if let Some(progress) = Self::consent_missing(&drain) {
            return progress;
        }
        // only when everything else is gone: the CNI DEL of all of them runs on the right side
        if drain.delete_last.as_slice().is_empty() {
            let pods: Vec<_> = drain.leaving.iter().take(3).map(|p| p.key.to_string()).collect();
            return Progress::Wait(format!("{left} left, terminating: {}", pods.join(", ")));
        }
        let effects = drain.delete_last.iter().map(|p| delete(p, "its DaemonSet starts it again after the switch"));
        Progress::Act(effects.collect(), format!("{left} left: DaemonSet pods"))
    }

    /// The next evictions; pods that a budget holds do not keep the others from their turn.
    fn evictions(&self, pods: &[&PodFact]) -> Vec<Effect> {
        let mut pods: Vec<_> =
            pods.iter().map(|p| (self.failures.get(&evict(p).name()).map_or(0, |f| f.count), *p)).collect();
        pods.sort_by_key(|(failures, p)| (*failures, p.key.clone()));
        pods.into_iter().take(EVICTIONS_AT_ONCE).map(|(_, p)| evict(p)).collect()
    }

    /// The agent that was there before has to be replaced: it reads its configuration only at start.
    fn new_agent(&self, node: &NodeFact, status: &mut NodeMigrationStatus) -> Result<(), Progress> {
        let Some(agent) = self.facts.agent_on(&node.name) else {
            return Err(Progress::Wait("waits for the new Cilium agent".into()));
        };
        if status.evidence.agent_before.as_deref() == Some(&*agent.uid) {
            if agent.deleting.is_some() {
                return Err(Progress::Wait(format!("Cilium agent {} is terminating", agent.key.name)));
            }
            return Err(Progress::act(
                delete(agent, "it reads its configuration at start"),
                "restart the Cilium agent",
            ));
        }
        if agent.ready {
            return Ok(());
        }
        let why =
            if agent.reason.is_empty() { agent.phase.to_string() } else { text::safe(&agent.reason).into_owned() };
        Err(Progress::Wait(format!("new Cilium agent {} is not ready: {why}", agent.key.name)))
    }

    fn switch(&self, node: &NodeFact, status: &mut NodeMigrationStatus) -> Progress {
        if let Some(progress) = self.still_out(node).or_else(|| (!node.switched).then(|| self.still_empty(node))?) {
            return progress;
        }
        if !node.switched {
            return Progress::act(Effect::Switch { node: node.name.clone() }, "label the node");
        }
        if let Err(progress) = self.new_agent(node, status) {
            return progress;
        }
        self.look_until(node, status, &HostTask::Look, |evidence| {
            let Some(host) = &evidence.host else { return Err("not looked yet".into()) };
            match (host.only("05-cilium"), host.cni_state.as_str()) {
                (true, "Ok" | "") => Ok(()),
                (true, state) => Err(format!("the agent's CNI configuration is in state {state}")),
                (false, _) => {
                    let confs: Vec<_> = host.active_confs().collect();
                    Err(format!("CNI configurations are {}; 05-cilium.conflist alone is wanted", confs.join(", ")))
                }
            }
        })
    }

    fn unswitch(&self, node: &NodeFact, status: &mut NodeMigrationStatus) -> Progress {
        if !status.evidence.switched {
            return Progress::Done;
        }
        if let Some(progress) = self.still_out(node).or_else(|| node.switched.then(|| self.still_empty(node))?) {
            return progress;
        }
        if node.switched {
            return Progress::act(Effect::Unswitch { node: node.name.clone() }, "remove the label");
        }
        if let Err(progress) = self.new_agent(node, status) {
            return progress;
        }
        self.look_until(node, status, &HostTask::Look, |evidence| {
            match evidence.host.as_ref().map(|h| h.cni_state.as_str()) {
                // while the agent still manages the folder it would rename Flannel's file away again
                Some("Disabled") => Ok(()),
                Some("") => Err("the agent does not say whether it manages the CNI configuration".into()),
                Some(state) => Err(format!("the agent still manages the CNI configuration (state {state})")),
                None => Err("not looked yet".into()),
            }
        })
    }

    fn restore(&self, node: &NodeFact, status: &mut NodeMigrationStatus) -> Progress {
        if !status.evidence.switched {
            return Progress::Done;
        }
        if let Some(progress) = self.still_out(node) {
            return progress;
        }
        let progress = self.look_until(node, status, &HostTask::Restore, |evidence| {
            let host = evidence.host.as_ref().filter(|h| h.task == "restore");
            if host.is_some_and(|h| h.only("10-flannel")) {
                return Ok(());
            }
            Err("10-flannel.conflist is not the only CNI configuration yet".into())
        });
        match (progress, self.facts.flannel_on(&node.name)) {
            // the file is nowhere on the node: Flannel's pod writes it when it starts
            (Progress::Fail { message, object, next }, Some(flannel)) if message.contains("no 10-flannel.conflist") => {
                let count = status.last_error.as_ref().map_or(1, |e| e.count + 1);
                status.last_error = Some(StepError { message, object, next, at: self.now, count });
                Progress::act(delete(flannel, "its init container writes 10-flannel.conflist"), "restart Flannel's pod")
            }
            (progress, _) => progress,
        }
    }

    fn recycle(&self, node: &NodeFact, status: &mut NodeMigrationStatus) -> Progress {
        let reboots = self.migration.spec.recycle == Recycle::Reboot && status.direction == Target::Cilium;
        if reboots
            && status.evidence.boot_id_after.is_none()
            && let Some(progress) = self.reboot(node, status)
        {
            return progress;
        }
        if node.kept_away {
            return Progress::act(Effect::LetBack { node: node.name.clone() }, "let DaemonSet pods back");
        }
        let wrong = wrong_cni(status.direction);
        let old: Vec<_> =
            self.facts.pods_with(wrong, Some(&node.name)).filter(|p| p.deleting.is_none() && p.is_daemon()).collect();
        if old.is_empty() {
            return Progress::Done;
        }
        let why = format!("{} still with {} addresses", text::count(old.len(), "pod"), wrong.word());
        Progress::Act(old.into_iter().map(|p| delete(p, "it still has an old address")).collect(), why)
    }

    fn reboot(&self, node: &NodeFact, status: &mut NodeMigrationStatus) -> Option<Progress> {
        let before = status.evidence.boot_id_before.clone().unwrap_or_default();
        if *node.boot_id != *before {
            if !node.ready {
                return Some(Progress::Wait(format!(
                    "{} is up again and not Ready: {}",
                    node.name,
                    text::safe(&node.not_ready_reason)
                )));
            }
            if self.facts.agent_on(&node.name).is_none_or(|a| !a.ready) {
                return Some(Progress::Wait(format!("{} is up again; its Cilium agent is not ready", node.name)));
            }
            status.evidence.boot_id_after = Some(node.boot_id.to_string());
            status.evidence.looks += 1;
            return None;
        }
        if let Some(progress) = self.still_out(node).or_else(|| self.still_empty(node)) {
            return Some(progress);
        }
        let task = HostTask::Reboot { boot_id: before };
        let nth = status.evidence.looks;
        let name = task.pod_name(&node.name, nth);
        let asked = self.facts.pods.values().find(|p| *p.key.name == *name).and_then(|p| p.report.as_ref());
        match asked {
            // it was asked for and the host agreed: never ask again, wait for the new boot id
            Some((0, _)) => Some(Progress::Wait(if node.ready {
                format!("{} was told to reboot; its boot id is still the old one", node.name)
            } else {
                format!("{} is down for its reboot", node.name)
            })),
            _ => match self.task(node, status, &task) {
                Err(progress) => Some(progress),
                Ok(_) => Some(Progress::Wait(format!("{} was told to reboot", node.name))),
            },
        }
    }

    fn verify(&self, node: &NodeFact, status: &mut NodeMigrationStatus) -> Progress {
        if !node.ready {
            return Progress::Wait(format!("{} is not Ready: {}", node.name, text::safe(&node.not_ready_reason)));
        }
        let wanted = status.direction;
        let look = self.look_until(node, status, &HostTask::Look, |evidence| {
            let Some(host) = &evidence.host else { return Err("not looked yet".into()) };
            let file = if wanted == Target::Cilium { "05-cilium" } else { "10-flannel" };
            if host.only(file) {
                return Ok(());
            }
            let confs: Vec<_> = host.active_confs().collect();
            Err(format!("CNI configurations are {}; {file}.conflist alone is wanted", confs.join(", ")))
        });
        if look != Progress::Done {
            return look;
        }
        if status.evidence.probe.is_none() || self.judge_probe(node, status).is_some() {
            let report = match self.task(node, status, &HostTask::Probe) {
                Err(progress) => return progress,
                Ok(report) => report,
            };
            status.evidence.probe = Some(report.probe());
        }
        if let Some(progress) = self.judge_probe(node, status) {
            return progress;
        }
        let sick = self.facts.pods_on(&node.name).find(|p| {
            p.is_daemon() && p.is_living() && !p.host_network && (!p.ready || self.facts.cni_of(p) != right_cni(wanted))
        });
        sick.map_or(Progress::Done, |p| {
            let cni = self.facts.cni_of(p).word();
            Progress::Wait(format!("pod {} is {} (address: {cni})", p.key, if p.ready { "ready" } else { "not ready" }))
        })
    }

    fn judge_probe(&self, node: &NodeFact, status: &NodeMigrationStatus) -> Option<Progress> {
        let probe = status.evidence.probe.as_ref()?;
        let as_pod = PodFact { node: node.name.clone(), ip: probe.address.parse().ok(), ..PodFact::default() };
        let cni = self.facts.cni_of(&as_pod);
        let wanted = right_cni(status.direction);
        let message = if cni != wanted {
            format!(
                "a new pod got {}, an address of {} instead of {}",
                text::safe(&probe.address),
                cni.word(),
                wanted.word()
            )
        } else if !probe.api_reached {
            format!("a new pod ({}) does not reach the API server", text::safe(&probe.address))
        } else {
            return None;
        };
        Some(Progress::Fail {
            message,
            object: format!("node/{}", node.name),
            next: "The node stays cordoned, so nothing lands on it. The probe is tried again; `r` rolls the node back."
                .into(),
        })
    }

    fn uncordon(node: &NodeFact) -> Progress {
        // the mark on the node tells whose cordon it is, whatever was there when the node's turn came
        if node.cordoned_by_cutover {
            return Progress::act(Effect::Uncordon { node: node.name.clone() }, "uncordon");
        }
        if node.kept_away {
            return Progress::act(Effect::LetBack { node: node.name.clone() }, "let DaemonSet pods back");
        }
        Progress::Done
    }

    fn soak(&self, node: &NodeFact, status: &NodeMigrationStatus) -> Progress {
        if !node.ready || self.facts.agent_on(&node.name).is_none_or(|a| !a.ready) {
            return Progress::Wait(format!("{} or its agent is not Ready while it soaks", node.name));
        }
        let wanted = std::time::Duration::from_secs(u64::from(self.migration.spec.soak_seconds));
        let soaked = status.since.map(|s| text::between(s, self.now)).unwrap_or_default();
        if soaked >= wanted {
            return Progress::Done;
        }
        Progress::Wait(format!("soaks for {}", text::duration(wanted)))
    }
}

fn evict(pod: &PodFact) -> Effect {
    Effect::Evict { pod: pod.key.clone(), uid: pod.uid.clone() }
}

fn delete(pod: &PodFact, why: &'static str) -> Effect {
    Effect::DeletePod { pod: pod.key.clone(), uid: pod.uid.clone(), why }
}

const fn right_cni(target: Target) -> Cni {
    match target {
        Target::Cilium => Cni::Cilium,
        Target::Flannel => Cni::Flannel,
    }
}

const fn wrong_cni(target: Target) -> Cni {
    match target {
        Target::Cilium => Cni::Flannel,
        Target::Flannel => Cni::Cilium,
    }
}
