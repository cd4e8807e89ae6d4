//! What to do next: a function of what is known and of the time.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    api::{Condition, Finding, MigrationStatus, NodeMigrationStatus, PhaseState, PhaseStatus, Severity, Stage, Target},
    checks,
    drain::progress,
    effect::Effect,
    facts::NodeFact,
    phase::Phase,
    problem::ProblemKind,
    rolling::{Progress, View, cluster::Standing},
    step::Step,
};

/// What is due, and what the records become.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// Changes that are due now.
    pub effects: Vec<Effect>,
    /// What the Migration's status becomes.
    pub migration: MigrationStatus,
    /// What each node's status becomes.
    pub nodes: BTreeMap<Arc<str>, NodeMigrationStatus>,
    /// Why nothing is done although something is due.
    pub held: Option<String>,
}

/// Decides from the facts of a cluster with a Migration: see [`View::read_only`] for a context of one's own.
pub fn decide(ctx: View<'_>) -> Decision {
    let mut run = Run::new(ctx);
    run.held = hold(&ctx);
    if run.held.is_none() {
        run.go();
    } else {
        run.keep();
    }
    run.finish()
}

/// Nothing is built on facts that may be old, and nothing is changed while paused.
fn hold(ctx: &View<'_>) -> Option<String> {
    let stale = ctx.facts.stale();
    if !stale.is_empty() {
        return Some(format!("held: not up to date on {}", stale.join(", ")));
    }
    ctx.migration.spec.paused.then(|| "paused".into())
}

struct Run<'a> {
    ctx: View<'a>,
    old: MigrationStatus,
    effects: Vec<Effect>,
    nodes: BTreeMap<Arc<str>, NodeMigrationStatus>,
    phases: BTreeMap<Phase, (PhaseState, String)>,
    findings: Vec<Finding>,
    stage: Stage,
    waiting: String,
    held: Option<String>,
}

impl<'a> Run<'a> {
    fn new(ctx: View<'a>) -> Self {
        let old = ctx.migration.status.clone().unwrap_or_default();
        let phases = old.phases.iter().map(|p| (p.name, (p.state, p.message.clone()))).collect();
        let nodes = ctx.facts.nodes.keys().map(|n| (n.clone(), ctx.status(n))).collect();
        let (findings, stage) = (old.findings.clone(), old.phase);
        Self { ctx, old, effects: vec![], nodes, phases, findings, stage, waiting: String::new(), held: None }
    }

    fn keep(&mut self) {
        self.waiting = self.held.clone().unwrap_or_default();
    }

    fn set(&mut self, phase: Phase, state: PhaseState, message: impl Into<String>) {
        self.phases.insert(phase, (state, message.into()));
    }

    /// Takes a progress over; true when it is done.
    fn take(&mut self, phase: Phase, back: bool, progress: Progress) -> bool {
        let at_work = if back { PhaseState::RollingBack } else { PhaseState::Running };
        match progress {
            Progress::Done => return true,
            Progress::Act(effects, why) => {
                let failing = effects.iter().find_map(|e| self.ctx.failures.get(&e.name()));
                let (state, why) = failing.map_or((at_work, why), |f| {
                    (PhaseState::Blocked, format!("{} (try {}). {}", f.problem.message, f.count + 1, f.problem.remedy))
                });
                self.waiting.clone_from(&why);
                self.set(phase, state, why);
                self.effects.extend(effects);
            }
            Progress::Wait(why) => {
                self.waiting.clone_from(&why);
                self.set(phase, at_work, why);
            }
            Progress::Fail { message, object, next, .. } => {
                self.waiting = format!("{object}: {message}. {next}");
                self.set(phase, PhaseState::Blocked, self.waiting.clone());
            }
        }
        false
    }

    fn go(&mut self) {
        self.effects.extend(self.ctx.sweep());
        let nodes = &self.nodes;
        self.effects.extend(progress::put_back(self.ctx.facts, self.ctx.migration, |n| nodes.get(n)));
        self.create_records();
        let standing = Standing::of(self.ctx.facts);
        let spec = &self.ctx.migration.spec;
        let through = (spec.target == Target::Cilium).then_some(spec.approved);
        let back = self.undo(standing, through);
        if back {
            self.stage = Stage::RollingBack;
            return;
        }
        if spec.target == Target::Flannel {
            for phase in Phase::ALL {
                self.set(phase, PhaseState::Pending, "");
            }
            self.waiting.clear();
            self.stage = Stage::RolledBack;
            return;
        }
        self.forward(standing, spec.approved);
    }

    fn create_records(&mut self) {
        let missing = self.ctx.facts.nodes.keys().filter(|n| !self.ctx.facts.node_migrations.contains_key(*n));
        let owner: Option<Arc<str>> = self.ctx.migration.metadata.uid.as_deref().map(Into::into);
        self.effects.extend(missing.map(|n| Effect::CreateRecord { node: n.clone(), owner: owner.clone() }));
    }

    /// Takes back what lies beyond `through`, the last thing first. True while there is something.
    fn undo(&mut self, standing: Standing, through: Option<Phase>) -> bool {
        let beyond = |phase: Phase| through.is_none_or(|t| t < phase);
        if beyond(Phase::Verify) {
            self.set(Phase::Verify, PhaseState::Pending, "");
        }
        if beyond(Phase::Remove) {
            if standing.removed {
                let nodes = &self.nodes;
                let (progress, changed) = self.ctx.undo_remove(&mut |n| nodes.get(n).cloned());
                self.nodes.extend(changed);
                self.take(Phase::Remove, true, progress);
                return true;
            }
            self.set(Phase::Remove, PhaseState::Pending, "");
        }
        if beyond(Phase::Finalize) {
            // the agents' restart belongs to it: nodes wait until all are back
            if standing.finalized || (standing.installed && self.was_rolling_back(Phase::Finalize)) {
                let progress = self.ctx.undo_finalize();
                if !self.take(Phase::Finalize, true, progress) {
                    return true;
                }
            }
            self.set(Phase::Finalize, PhaseState::Pending, "");
        }
        if beyond(Phase::Migrate) && self.nodes_back() {
            return true;
        }
        if beyond(Phase::Install) {
            // what is left of Cilium when its agents have gone belongs to it
            if standing.installed || self.was_rolling_back(Phase::Install) {
                let progress = self.ctx.undo_install();
                if !self.take(Phase::Install, true, progress) {
                    return true;
                }
            }
            self.set(Phase::Install, PhaseState::Pending, "");
        }
        false
    }

    fn was_rolling_back(&self, phase: Phase) -> bool {
        self.old.phases.iter().any(|p| p.name == phase && p.state == PhaseState::RollingBack)
    }

    /// Rolls back the nodes that are to be on Flannel. True while one of them is not.
    fn nodes_back(&mut self) -> bool {
        let order = self.ctx.nodes_in_reverse();
        let wanted = order.iter().filter(|n| self.ctx.wanted(&n.name) == Some(Target::Flannel)).count();
        self.advance_nodes(&order, Target::Flannel);
        let back = order
            .iter()
            .filter(|n| {
                self.ctx.wanted(&n.name) == Some(Target::Flannel)
                    && self.nodes.get(&n.name).is_some_and(|s| s.step == Step::RolledBack)
            })
            .count();
        if back < wanted {
            let why = self.first_waiting(&format!("{back} of {wanted} nodes back on Flannel"));
            self.set(Phase::Migrate, PhaseState::RollingBack, why.clone());
            self.waiting = why;
            return true;
        }
        self.set(Phase::Migrate, PhaseState::Pending, "");
        false
    }

    fn advance_nodes(&mut self, order: &[&'a NodeFact], target: Target) {
        let mut taken: Vec<Arc<str>> = self
            .nodes
            .iter()
            .filter(|(n, s)| s.step.is_underway() || self.is_taken_out(n))
            .map(|(n, _)| n.clone())
            .collect();
        let flows = self.ctx.flows_hold(target).map_or(Ok(()), Err);
        // those that are out already come first: they free the places
        let (out, rest): (Vec<&NodeFact>, Vec<&NodeFact>) =
            order.iter().copied().partition(|n| taken.contains(&n.name));
        for node in out.into_iter().chain(rest) {
            if self.ctx.wanted(&node.name) != Some(target) {
                continue;
            }
            if let Some(reason) = self.locked(&node.name, target) {
                if let Some(status) = self.nodes.get_mut(&node.name) {
                    status.waiting = reason;
                }
                continue;
            }
            let may_begin = if taken.contains(&node.name) {
                Ok(())
            } else {
                self.ctx.may_begin(node, target, &taken).and_then(|()| flows.clone())
            };
            let decision = self.ctx.advance(node, target, may_begin);
            if decision.status.step.is_underway() && !taken.contains(&node.name) {
                taken.push(node.name.clone());
            }
            self.effects.extend(decision.effects);
            self.nodes.insert(node.name.clone(), decision.status);
        }
    }

    fn is_taken_out(&self, node: &str) -> bool {
        self.ctx.facts.nodes.get(node).is_some_and(NodeFact::is_taken_out)
    }

    /// Once Cilium is the default of every node, one node alone cannot go back.
    fn locked(&self, node: &str, target: Target) -> Option<String> {
        let finalized = Standing::of(self.ctx.facts).finalized;
        let on_cilium = self.nodes.get(node).is_some_and(|s| s.step != Step::RolledBack);
        (finalized && target == Target::Flannel && on_cilium)
            .then(|| "Cilium is the default of every node: roll back Finalize first".into())
    }

    /// What the first node in trouble says, else the given words.
    fn first_waiting(&self, words: &str) -> String {
        let nodes = self.ctx.nodes_in_order();
        let named = nodes.iter().filter_map(|n| Some((n, self.nodes.get(&n.name)?)));
        let speaking = named.filter(|(_, s)| {
            !s.waiting.is_empty() && (s.step.is_underway() || s.last_error.is_some() || s.step == Step::Check)
        });
        speaking.map(|(n, s)| format!("{words}; {}: {}", n.name, s.waiting)).next().unwrap_or_else(|| words.to_owned())
    }

    fn forward(&mut self, standing: Standing, approved: Phase) {
        let mut reached = true;
        for phase in Phase::ALL {
            if !reached {
                self.set(phase, PhaseState::Pending, "");
                continue;
            }
            if phase > approved && !self.is_canary(phase) {
                self.set(phase, PhaseState::NeedsApproval, "");
                self.waiting = format!("{phase} waits for an operator's approval");
                self.stage = phase.into();
                reached = false;
                continue;
            }
            self.stage = phase.into();
            let progress = self.phase(phase, standing);
            reached = self.take(phase, false, progress);
            if reached && phase > approved {
                reached = false;
                self.set(phase, PhaseState::NeedsApproval, "the approved nodes are done");
            } else if reached {
                self.set(phase, PhaseState::Done, "");
                self.waiting.clear();
            }
        }
        if reached {
            self.stage = Stage::Complete;
        }
    }

    /// Nodes may be approved one by one before the phase as a whole.
    fn is_canary(&self, phase: Phase) -> bool {
        phase == Phase::Migrate
            && self.ctx.facts.node_migrations.values().any(|n| n.spec.approved && n.spec.target == Target::Cilium)
    }

    fn phase(&mut self, phase: Phase, standing: Standing) -> Progress {
        let ctx = self.ctx;
        match phase {
            Phase::Preflight => {
                if standing.installed && self.old.started_at.is_some() {
                    return Progress::Done;
                }
                self.findings = checks::preflight(&ctx);
                let blocking = self.findings.iter().find(|f| f.severity == Severity::Block);
                blocking.map_or(Progress::Done, |f| Progress::Fail {
                    message: f.message.clone(),
                    object: f.object.clone(),
                    next: f.remedy.clone(),
                    kind: ProblemKind::Failed,
                })
            }
            // an agent that restarts for its node's sake does not undo the installation
            Phase::Install if standing.finalized || (standing.installed && self.was_done(Phase::Install)) => {
                Progress::Done
            }
            Phase::Install => ctx.install(),
            Phase::Migrate if standing.finalized => Progress::Done,
            Phase::Migrate => self.migrate(),
            Phase::Finalize if standing.removed => Progress::Done,
            Phase::Finalize => ctx.finalize(),
            Phase::Remove => {
                let nodes = &self.nodes;
                let (progress, changed) = ctx.remove(&mut |n| nodes.get(n).cloned());
                self.nodes.extend(changed);
                progress
            }
            Phase::Verify => {
                self.findings = checks::verification(&ctx);
                ctx.verify_cluster()
            }
        }
    }

    fn was_done(&self, phase: Phase) -> bool {
        self.old.phases.iter().any(|p| p.name == phase && p.state == PhaseState::Done)
    }

    fn migrate(&mut self) -> Progress {
        let order = self.ctx.nodes_in_order();
        self.advance_nodes(&self.ctx.nodes_in_reverse(), Target::Flannel);
        self.advance_nodes(&order, Target::Cilium);
        let wanted: Vec<_> = order.iter().filter(|n| self.ctx.wanted(&n.name) == Some(Target::Cilium)).collect();
        let done = wanted.iter().filter(|n| self.nodes.get(&n.name).is_some_and(|s| s.step == Step::Done)).count();
        let all = order.len();
        let whole = self.ctx.migration.spec.approved >= Phase::Migrate;
        if done == wanted.len() && (!whole || done == all) {
            // what the last node broke is seen before anything is made final
            return self.ctx.flows_hold(Target::Cilium).map_or(Progress::Done, Progress::Wait);
        }
        if done == wanted.len() {
            let held: Vec<&str> =
                order.iter().filter(|n| self.ctx.wanted(&n.name) == Some(Target::Flannel)).map(|n| &*n.name).collect();
            return Progress::Wait(format!("{done} of {all} nodes on Cilium; held on Flannel: {}", held.join(", ")));
        }
        let words = format!("{done} of {all} nodes on Cilium");
        let first = self.first_waiting(&words);
        match self.ctx.flows_hold(Target::Cilium) {
            Some(why) if first == words => Progress::Wait(format!("{words}; {why}")),
            _ => Progress::Wait(first),
        }
    }

    fn finish(mut self) -> Decision {
        if self.held.is_some() {
            self.effects.clear();
        }
        let (ctx, now) = (self.ctx, self.ctx.now);
        let flannel_networks = self.flannel_networks();
        let phases: Vec<PhaseStatus> = Phase::ALL.map(|name| self.phase_status(name)).to_vec();
        let done = self.nodes.values().filter(|s| s.step == Step::Done).count();
        let ended = matches!(self.stage, Stage::Complete | Stage::RolledBack);
        let again = self.old.phase == Stage::RolledBack && !ended;
        let begun = again || self.effects.iter().any(|e| !matches!(e, Effect::CreateRecord { .. }));
        let begins =
            self.effects.iter().find(|e| matches!(e, Effect::Helm(_) | Effect::Uninstall { .. })).map(Effect::name);
        let pending_helm_operation =
            begins.or_else(|| self.old.pending_helm_operation.clone().filter(|name| !ctx.ended.contains(name)));
        let blocked = phases.iter().find(|p| p.state == PhaseState::Blocked);
        let conditions = vec![
            self.condition("Progressing", !ended && self.held.is_none(), &format!("{:?}", self.stage), &self.waiting),
            self.condition("Degraded", blocked.is_some(), "Blocked", blocked.map_or("", |p| &p.message)),
            self.condition("Complete", self.stage == Stage::Complete, &format!("{:?}", self.stage), ""),
        ];
        let migration = MigrationStatus {
            phase: self.stage,
            phases,
            progress: format!("{done}/{}", ctx.nodes_in_order().len()),
            waiting: self.waiting,
            findings: self.findings,
            flows: ctx.written_troubles(),
            engine: self.old.engine.clone(),
            epoch: self.old.epoch,
            audit: self.old.audit.clone(),
            pending_helm_operation,
            flannel_networks,
            observed_generation: ctx.migration.metadata.generation.unwrap_or_default(),
            // begun again after everything was rolled back: the time runs anew
            started_at: self.old.started_at.filter(|_| !again).or_else(|| begun.then_some(now)),
            finished_at: if ended { self.old.finished_at.or(Some(now)) } else { None },
            conditions,
        };
        Decision { effects: self.effects, migration, nodes: self.nodes, held: self.held }
    }

    /// Its ConfigMap goes with Flannel; the hosts are cleaned afterwards.
    fn flannel_networks(&self) -> Vec<String> {
        let now: Vec<String> =
            self.ctx.facts.flannel.values().flat_map(|f| &f.networks).map(ToString::to_string).collect();
        if now.is_empty() { self.old.flannel_networks.clone() } else { now }
    }

    fn phase_status(&self, name: Phase) -> PhaseStatus {
        let (state, message) = self.phases.get(&name).cloned().unwrap_or_default();
        let old = self.old.phases.iter().find(|p| p.name == name);
        let working = matches!(state, PhaseState::Running | PhaseState::RollingBack | PhaseState::Blocked);
        let was_working = old.is_some_and(|p| p.started_at.is_some() && p.finished_at.is_none());
        let started_at = match old.and_then(|p| p.started_at) {
            Some(at) if was_working || state == PhaseState::Done => Some(at),
            _ => (working || state == PhaseState::Done).then_some(self.ctx.now),
        };
        let finished_at = (state == PhaseState::Done).then(|| old.and_then(|p| p.finished_at).unwrap_or(self.ctx.now));
        PhaseStatus {
            name,
            state,
            message,
            started_at: started_at.filter(|_| working || state == PhaseState::Done),
            finished_at,
        }
    }

    fn condition(&self, type_: &str, on: bool, reason: &str, message: &str) -> Condition {
        let status = if on { "True" } else { "False" };
        let old = self.old.conditions.iter().find(|c| c.type_ == type_ && c.status == status);
        Condition {
            type_: type_.into(),
            status: status.into(),
            reason: reason.into(),
            message: message.into(),
            last_transition_time: old.map_or(self.ctx.now, |c| c.last_transition_time),
        }
    }
}
