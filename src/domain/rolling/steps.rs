//! How far each step of a node has come, judged by the facts alone.

use std::time::Duration;

use super::{Progress, View};
use crate::domain::{
    api::{NodeMigrationStatus, StepError, Target},
    drain::{
        self, progress,
        verdict::{self, Verdict},
    },
    effect::Effect,
    evidence::Evidence,
    facts::{NodeFact, PodFact},
    host::HostTask,
    step::Step,
    text,
};

/// An agent writes its CNI configuration within some 15 s of its start.
const TAKES_OVER: Duration = Duration::from_secs(60);

impl View<'_> {
    pub(super) fn progress(&self, node: &NodeFact, status: &mut NodeMigrationStatus) -> Progress {
        match status.step {
            Step::Pending | Step::Done | Step::RolledBack => Progress::Done,
            Step::Check => self.check(node),
            Step::Cordon => Self::cordon(node),
            Step::Drain => self.drain(node, status),
            Step::Switch => self.switch(node, status),
            Step::Revert => self.revert(node, status),
            Step::Restore => self.restore(node, status),
            Step::Restart => self.restart(node, status),
            Step::Verify => self.verify(node, status),
            Step::Uncordon => self.uncordon(node, status),
            Step::Observe => self.observe(node, status),
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
        let consents = &self.migration.spec.consents;
        let drain = drain::sort(self.facts, &node.name, consents);
        match verdict::judge_drain(self.facts, &drain, consents, self.now) {
            Verdict::Clean => verdict::behind(self.facts, &drain)
                .map_or(Progress::Done, |b| Progress::Wait(format!("cannot be drained yet: {}. {}", b.problem.message, b.problem.remedy))),
            Verdict::NeedsConsent(wanted) => {
                let first: Vec<String> = wanted.iter().take(3).map(ToString::to_string).collect();
                let more = wanted.len().saturating_sub(3);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                Progress::Wait(format!("needs consent {}{more}", first.join(", ")))
            }
            Verdict::Impossible { pod, problem: p } => {
                Progress::Wait(format!("cannot be drained: {pod}: {}. Fix {}: {}", p.message, p.object, p.remedy))
            }
        }
    }

    /// Somebody has uncordoned the node or removed the taint meanwhile: that comes first.
    #[expect(clippy::unused_self, reason = "called like its sister")]
    pub(super) fn still_out(&self, node: &NodeFact) -> Option<Progress> {
        (!node.unschedulable || !node.tainted).then(|| Self::cordon(node))
    }

    /// A pod with a pod address has landed meanwhile: it leaves before anything is switched or rebooted.
    pub(super) fn still_empty(&self, node: &NodeFact, status: &mut NodeMigrationStatus) -> Option<Progress> {
        let drain = drain::sort(self.facts, &node.name, &self.migration.spec.consents);
        (!drain.is_done()).then(|| self.drain(node, status))
    }

    pub(super) fn cordon(node: &NodeFact) -> Progress {
        let name = node.name.clone();
        if !node.unschedulable {
            Progress::act(Effect::Cordon { node: name }, "cordon")
        } else if !node.tainted {
            Progress::act(Effect::Taint { node: name }, "keep DaemonSet pods away")
        } else {
            Progress::Done
        }
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

    /// The agent has been up for a while and still does what the label said before: it was started before the label
    /// changed, by somebody else or before it was known here which one that was. It is replaced like any other, and so
    /// is one that does not say what it does.
    fn outdated(&self, node: &NodeFact, status: &mut NodeMigrationStatus, wrong: &str) {
        let looked =
            status.evidence.host.as_ref().filter(|h| h.cni_state == wrong || h.cni_state.is_empty()).and_then(|h| h.at);
        let agent = self.facts.agent_on(&node.name);
        let up = looked.zip(agent.and_then(|a| a.created)).map(|(at, created)| text::between(created, at));
        if up.is_some_and(|up| up >= TAKES_OVER) {
            status.evidence.agent_before = agent.map(|a| a.uid.to_string());
        }
    }

    fn switch(&self, node: &NodeFact, status: &mut NodeMigrationStatus) -> Progress {
        if let Some(progress) =
            self.still_out(node).or_else(|| (!node.switched).then(|| self.still_empty(node, status))?)
        {
            return progress;
        }
        if !node.switched {
            if let Some(progress) = self.stubborn(node, status) {
                return progress;
            }
            return Progress::act(Effect::Switch { node: node.name.clone() }, "label the node");
        }
        self.outdated(node, status, "Disabled");
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

    fn revert(&self, node: &NodeFact, status: &mut NodeMigrationStatus) -> Progress {
        if !status.evidence.switched {
            return Progress::Done;
        }
        if let Some(progress) =
            self.still_out(node).or_else(|| node.switched.then(|| self.still_empty(node, status))?)
        {
            return progress;
        }
        if node.switched {
            return Progress::act(Effect::Revert { node: node.name.clone() }, "remove the label");
        }
        self.outdated(node, status, "Ok");
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
        if let Some(progress) = self.stubborn(node, status) {
            return progress;
        }
        let manual = self.is_manual(&HostTask::Restore);
        let restored = |evidence: &Evidence| {
            let host = evidence.host.as_ref().filter(|h| manual || h.task == "restore");
            if host.is_some_and(|h| h.only("10-flannel")) {
                return Ok(());
            }
            Err("10-flannel.conflist is not the only CNI configuration yet".into())
        };
        let progress = if manual {
            self.by_hand(node, status, &HostTask::Restore, restored)
        } else {
            self.look_until(node, status, &HostTask::Restore, restored)
        };
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

    fn uncordon(&self, node: &NodeFact, status: &NodeMigrationStatus) -> Progress {
        if status.direction == Target::Flannel
            && let Some(progress) = self.reboot_to_come(node, status)
        {
            return progress;
        }
        // the mark on the node tells whose cordon it is, whatever was there when the node's turn came
        if node.cordoned_by_cutover {
            return Progress::act(Effect::Uncordon { node: node.name.clone() }, "uncordon");
        }
        if node.tainted {
            return Progress::act(Effect::Untaint { node: node.name.clone() }, "let DaemonSet pods back");
        }
        match status.direction {
            Target::Cilium => Progress::Done,
            // the way back does not observe; the next node waits all the same
            Target::Flannel => self.not_replaced(status).unwrap_or(Progress::Done),
        }
    }

    /// A workload that lost a pod here has fewer ready replicas than before: the next node would hurt it more.
    fn not_replaced(&self, status: &NodeMigrationStatus) -> Option<Progress> {
        let why = progress::not_replaced(self.facts, &status.evidence.moved, &self.migration.spec.consents)?;
        Some(Progress::Wait(format!("waits for what left it to be ready again: {why}")))
    }

    fn observe(&self, node: &NodeFact, status: &NodeMigrationStatus) -> Progress {
        if !node.ready || self.facts.agent_on(&node.name).is_none_or(|a| !a.ready) {
            return Progress::Wait(format!("{} or its agent is not Ready while it is observed", node.name));
        }
        if let Some(progress) = self.not_replaced(status) {
            return progress;
        }
        let wanted = Duration::from_secs(u64::from(self.migration.spec.observe_seconds));
        let observed = status.since.map(|s| text::between(s, self.now)).unwrap_or_default();
        let listens = self.migration.spec.guard.enabled && self.facts.flows.settling.contains(&node.name);
        if observed >= wanted && !wanted.is_zero() && listens {
            return Progress::Wait("its flows are listened to".into());
        }
        if observed >= wanted {
            return Progress::Done;
        }
        Progress::Wait(format!("observed for {}", text::duration(wanted)))
    }
}

pub(super) fn delete(pod: &PodFact, why: &'static str) -> Effect {
    Effect::DeletePod { pod: pod.key.clone(), uid: pod.uid.clone(), why }
}
