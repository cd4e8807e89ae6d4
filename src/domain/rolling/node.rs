//! One node's way, forward or back: what its record becomes, and what is due.

use jiff::Timestamp;

use super::{Progress, View, restart::same_boot};
use crate::domain::{
    api::{NodeMigrationStatus, StepError, StepTiming, Target},
    drain::{self, progress},
    effect::Effect,
    facts::{Cni, NodeFact},
    step::Step,
    text,
};

/// What is decided for one node.
#[derive(Clone, Debug, Default)]
pub struct NodeDecision {
    /// What its record becomes.
    pub status: NodeMigrationStatus,
    /// What is due.
    pub effects: Vec<Effect>,
}

impl View<'_> {
    /// Moves a node on towards `target`, as far as the facts allow. `may_begin` is asked before the
    /// node is taken out.
    pub fn advance(&self, node: &NodeFact, target: Target, may_begin: Result<(), String>) -> NodeDecision {
        let mut status = self.status(&node.name);
        let mut effects = Vec::new();
        let tries = status.evidence.host_checks;
        self.turn(node, &mut status, target, &may_begin);
        self.remember_reboot(node, &mut status);
        // each round ends a step, so the path's length bounds them
        for _ in 0..=Step::path(target).len() + 1 {
            if status.step.is_final() || (status.step == Step::Pending && may_begin.is_err()) {
                break;
            }
            let progress = self.progress(node, &mut status);
            match progress {
                Progress::Done if status.step == Step::Check && may_begin.is_err() => {
                    status.waiting = may_begin.err().unwrap_or_default();
                    break;
                }
                Progress::Done => self.finish_step(node, &mut status),
                Progress::Act(due, why) => {
                    status.waiting = self.failing(&due).unwrap_or(why);
                    effects = due;
                    break;
                }
                Progress::Wait(why) => {
                    status.waiting = why;
                    break;
                }
                Progress::Fail { message, object, next, .. } => {
                    status.waiting.clone_from(&message);
                    let same = status.last_error.as_ref().filter(|e| e.message == message);
                    // a failure that stands is written down once; one that comes back after a new try is counted
                    if same.is_none() || status.evidence.host_checks != tries {
                        let count = same.map_or(1, |e| e.count + 1);
                        status.last_error = Some(StepError { message, object, next, at: self.now, count });
                    }
                    break;
                }
            }
        }
        self.note_failures(&effects, &mut status);
        NodeDecision { status, effects }
    }

    /// Begins a way, or turns round when the wish has changed.
    fn turn(&self, node: &NodeFact, status: &mut NodeMigrationStatus, target: Target, may_begin: &Result<(), String>) {
        // whether its record knows of it or not: nobody else may begin before it is through
        let out = status.step.is_underway() || node.is_taken_out();
        // somebody deleted the record of a node that was on its way: how far it had come nobody knows any more
        let on_cilium = || self.facts.pods_with(Cni::Cilium, Some(&node.name)).next().is_some();
        let lost = status.attempt == 0 && (node.is_taken_out() || on_cilium());
        // before the switch there is nothing to take back but the cordon and the taint
        let first = match target {
            Target::Flannel if !status.evidence.switched && !node.switched && !lost => Step::Uncordon,
            // it is not asked again whether it may be drained: half of it is
            Target::Cilium if out => Step::Cordon,
            target => Step::path(target).first().map_or(Step::Pending, |s| s.step),
        };
        let untouched = !status.evidence.switched && !node.switched && !node.is_taken_out() && !lost;
        let at_rest = matches!(status.step, Step::Pending | Step::Check | Step::RolledBack);
        // somebody took the label off: the agent's next start would leave the node to Flannel
        let unlabelled = matches!(status.step, Step::Restart | Step::Verify | Step::Uncordon) && !node.switched;
        if target == Target::Cilium && status.direction == target && unlabelled {
            finish(&mut status.steps, self.now);
            self.begin(node, status, Step::Switch);
        }
        match (status.direction == target, status.step) {
            (_, Step::RolledBack) if target == Target::Flannel => status.waiting.clear(),
            (true, Step::Pending) | (false, _) if target == Target::Flannel && untouched && at_rest => {
                status.direction = target;
                status.step = Step::RolledBack;
                status.waiting.clear();
                status.since = Some(self.now);
            }
            (true, Step::Pending) | (false, _) => match may_begin {
                // a node that is out already turns round at once; one at rest waits for its turn
                Err(why) if !out && (at_rest || status.step == Step::Done) => status.waiting.clone_from(why),
                _ => {
                    status.direction = target;
                    status.attempt += 1;
                    status.steps.clear();
                    status.last_error = None;
                    if status.step.is_final() || status.step == Step::Pending {
                        status.evidence.cordoned_before = node.unschedulable && !node.cordoned_by_cutover;
                    }
                    self.begin(node, status, first);
                }
            },
            _ => {}
        }
    }

    fn begin(&self, node: &NodeFact, status: &mut NodeMigrationStatus, step: Step) {
        status.step = step;
        status.since = Some(self.now);
        status.waiting.clear();
        status.steps.push(StepTiming { step, started_at: self.now, finished_at: None });
        // a step looks with its own eyes: nothing that an earlier one saw counts
        if let Some(host) = &mut status.evidence.host {
            host.at = None;
        }
        match step {
            Step::Cordon if status.direction == Target::Cilium => {
                status.evidence.baseline_connections = self.talks(node)
            }
            Step::Drain => {
                let drain = drain::sort(self.facts, &node.name, &self.migration.spec.consents);
                status.evidence.moved = progress::moved(self.facts, &drain);
                status.drain = None;
            }
            Step::Switch | Step::Revert => {
                status.evidence.not_held = None;
                status.evidence.switched = true;
                status.evidence.agent_before = self.facts.agent_on(&node.name).map(|a| a.uid.to_string());
            }
            Step::Restart => {
                // one that was asked for in this very boot, and did not come, is not asked for again by itself
                let same = same_boot(node, status);
                status.evidence.reboot_asked = status.evidence.reboot_asked.filter(|_| same);
                status.evidence.boot_id_before = Some(node.boot_id.to_string());
                status.evidence.boot_id_after = None;
                status.evidence.node_uid = Some(node.uid.to_string());
            }
            Step::Verify => {
                status.evidence.probe = None;
                status.evidence.releases = 0;
            }
            _ => {}
        }
    }

    fn finish_step(&self, node: &NodeFact, status: &mut NodeMigrationStatus) {
        finish(&mut status.steps, self.now);
        status.last_error = None;
        status.drain = None;
        status.commands.clear();
        match status.step {
            Step::Restore => status.evidence.switched = false,
            Step::Verify => {
                let count =
                    |cni| u32::try_from(self.facts.pods_with(cni, Some(&node.name)).count()).unwrap_or(u32::MAX);
                status.evidence.pods_on_cilium = count(Cni::Cilium);
                status.evidence.pods_on_flannel = count(Cni::Flannel);
            }
            _ => {}
        }
        let next = status.step.after(status.direction);
        if next.is_final() {
            status.step = next;
            status.since = Some(self.now);
            status.waiting.clear();
        } else {
            self.begin(node, status, next);
        }
    }

    /// What a failing effect says, so that "still trying" and "stuck" do not look alike.
    fn failing(&self, due: &[Effect]) -> Option<String> {
        let (effect, failure) = due.iter().find_map(|e| Some((e, self.failures.get(&e.name())?)))?;
        Some(format!("{}: {} (try {})", effect.object(), text::safe(&failure.problem.message), failure.count + 1))
    }

    fn note_failures(&self, due: &[Effect], status: &mut NodeMigrationStatus) {
        let failed = due
            .iter()
            .find_map(|e| Some((e, self.failures.get(&e.name()).filter(|f| !f.problem.kind.is_transient())?)));
        if let Some((effect, failure)) = failed {
            status.last_error = Some(StepError {
                message: text::safe(&failure.problem.message).into_owned(),
                object: effect.object(),
                next: failure.problem.remedy.clone(),
                at: failure.at,
                count: failure.count,
            });
        }
    }
}

fn finish(steps: &mut [StepTiming], now: Timestamp) {
    if let Some(last) = steps.last_mut() {
        last.finished_at = Some(now);
    }
}
