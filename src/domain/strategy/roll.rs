//! A phase that rolls nodes: which way each goes next, step by step, and what is due.

use std::sync::Arc;

use super::{Goals, Level, Phase, PhaseId, Standing};
use crate::domain::{
    api::{NodeMigrationStatus, StepError, StepTiming, Target},
    decide::{Queue, Round},
    effect::{Effect, Proof},
    facts::{NodeFact, Order},
    plan::Planned,
    progress::Progress,
    reason::{Reason, Waiting},
    steps::{self, Network, NodeStep, Path, Presence, Site, Step},
    text,
    view::View,
};

/// What is special about a phase that rolls nodes.
pub trait Roll: Sync {
    /// The phase.
    fn phase(&self) -> PhaseId;
    /// The steps of one direction.
    fn path(&self, way: Target) -> Path;
    /// How pods are networked at the end of one direction.
    fn network(&self, way: Target) -> Network {
        Network::of(way)
    }
    /// Something of this roll is on the node, whatever its record says.
    fn has_touched(&self, at: &Site<'_>, status: &NodeMigrationStatus) -> bool;
    /// The node shows that it is in this roll, or through it, where no record says so.
    fn found(&self, _node: &NodeFact) -> bool {
        false
    }
    /// The step at which the node begins this direction, or turns round.
    fn start(&self, at: &Site<'_>, status: &NodeMigrationStatus) -> Start;
    /// The step that a node on its way has to repeat, because another actor has undone it.
    fn repeat(&self, _at: &Site<'_>, _status: &NodeMigrationStatus) -> Option<&'static dyn Step> {
        None
    }
    /// Whether a node may be taken out to go back, which its turn has come to. The way forward begins with a check.
    ///
    /// # Errors
    /// What it waits for.
    fn admits_back(&self, at: &Site<'_>, _status: &NodeMigrationStatus) -> Result<(), Waiting> {
        steps::tasks::admitted(&at.view)
    }
    /// Why one node cannot go back alone, whatever the phases say.
    fn alone(&self, _view: &View<'_>) -> Option<Waiting> {
        None
    }
    /// What shows that the node has been through it, where no record says so: what was carried out by hand is not begun
    /// again.
    fn done(&self, _at: &Site<'_>) -> Option<Proof> {
        None
    }
}

/// Where a node begins a direction.
pub type Start = &'static dyn Step;

/// The standing of a roll: some node is beyond its beginning.
pub fn standing(roll: &dyn Roll, view: &View<'_>) -> Standing {
    let index = view.strategy.rolls().position(|r| r.phase() == roll.phase()).unwrap_or(0);
    let begun = |n: &NodeFact| {
        let status = view.status(&n.name);
        let level = Level::of(view, status);
        match level.step {
            step if step.is_unmoved() => index == 0 && n.switched,
            _ => level.roll >= index,
        }
    };
    if lock(view, roll).is_some() {
        Standing::Done
    } else if view.facts.nodes.values().any(begun) {
        Standing::Begun
    } else {
        Standing::NotBegun
    }
}

/// A later phase that is for all nodes at once has begun: one node alone cannot go back.
pub(crate) fn lock(view: &View<'_>, roll: &dyn Roll) -> Option<Waiting> {
    let later =
        view.strategy.after(roll.phase()).find(|p| p.roll().is_none() && p.standing(view) != Standing::NotBegun)?;
    let message = format!("{} is done for every node: roll it back first", later.id());
    Some(Waiting::new(Reason::LockedByPhase, message))
}

/// Why no node can go back alone now.
pub fn locked(view: &View<'_>) -> Option<Waiting> {
    view.strategy.rolls().find_map(|roll| lock(view, roll).or_else(|| roll.alone(view)))
}

/// Takes the nodes of a roll forward; those that are to be on Flannel go back.
pub fn advance(roll: &dyn Roll, phase: &dyn Phase, round: &mut Round<'_>) -> Progress {
    let view = round.view;
    let index = view.strategy.rolls().position(|r| r.phase() == roll.phase()).unwrap_or(0);
    move_nodes(round, Target::Flannel, None);
    move_nodes(round, Target::Cilium, Some(index));
    let (mut wanted, mut done, mut held, mut is_back) = (0, 0, vec![], true);
    let goals = Goals::of(view);
    for node in &round.order {
        let status = round.records.get(&node.name);
        match goals.goal(node, status) {
            Some(goal) if goal > index => {
                wanted += 1;
                done += usize::from(Level::of(&view, status).passed() > index);
            }
            Some(_) => {
                held.push(&*node.name);
                is_back &= goals.next(node, status).is_none_or(|_| status.step == NodeStep::RolledBack);
            }
            None => {}
        }
    }
    let all = round.order.len();
    let whole = view.is_approved(phase);
    let words = format!("{done} of {all} nodes done");
    if done == wanted && (!whole || done == all) {
        // what the last node broke is seen before the next phase begins
        return view.flows_hold(Target::Cilium).map_or(Progress::Done, Progress::Wait);
    }
    if done == wanted && is_back {
        return Progress::wait(Reason::NodesHeld, format!("{words}; held on Flannel: {}", held.join(", ")));
    }
    match first_in_trouble(round) {
        Some((node, waiting)) => Progress::Wait(Waiting {
            message: format!("{words}; {node}: {waiting}"),
            object: if waiting.object.is_empty() { format!("node/{node}") } else { waiting.object },
            reason: waiting.reason,
        }),
        None => match view.flows_hold(Target::Cilium) {
            Some(hold) => Progress::Wait(Waiting { message: format!("{words}; {hold}"), ..hold }),
            None => Progress::wait(Reason::NodesMoving, words),
        },
    }
}

/// Takes back the nodes that are not to have passed the roll.
pub fn undo(roll: &dyn Roll, round: &mut Round<'_>) -> Progress {
    let view = round.view;
    let index = view.strategy.rolls().position(|r| r.phase() == roll.phase()).unwrap_or(0);
    move_nodes(round, Target::Flannel, None);
    let (mut wanted, mut back) = (0, 0);
    let goals = Goals::of(view);
    for node in &round.order {
        let status = round.records.get(&node.name);
        if goals.goal(node, status).is_none_or(|goal| goal > index) {
            continue;
        }
        wanted += 1;
        let level = Level::of(&view, status);
        back += usize::from(if index == 0 { level.step == NodeStep::RolledBack } else { level.roll < index });
    }
    if back == wanted {
        return Progress::Done;
    }
    let words = format!("{back} of {wanted} nodes back on Flannel");
    Progress::Wait(match first_in_trouble(round) {
        Some((node, waiting)) => Waiting { message: format!("{words}; {node}: {waiting}"), ..waiting },
        None => Waiting::new(Reason::NodesMoving, words),
    })
}

/// The first node that is on its way, has failed, or waits at its check; otherwise the first that waits for an operator.
/// With what it waits for.
fn first_in_trouble(round: &Round<'_>) -> Option<(Arc<str>, Waiting)> {
    let statuses = || round.order.iter().map(|node| (node, round.records.get(&node.name)));
    let waiting = || statuses().filter(|(_, s)| !s.waiting.is_empty());
    let at_check = |s: &NodeMigrationStatus| s.step.spec().is_some_and(|s| s.presence == Presence::AtRest);
    let at_work = |s: &NodeMigrationStatus| s.step.is_out() || s.last_error.is_some() || at_check(s);
    let first =
        waiting().find(|(_, s)| at_work(s)).or_else(|| waiting().find(|(_, s)| s.waiting.reason.needs_operator()));
    first.map(|(node, s)| (node.name.clone(), s.waiting.clone()))
}

/// Moves nodes in one direction: forward only through the roll of this index, but for those that are out.
fn move_nodes(round: &mut Round<'_>, way: Target, index: Option<usize>) {
    let view = round.view;
    let goals = Goals::of(view);
    let rolls: Vec<&dyn Roll> = view.strategy.rolls().collect();
    let next = |node: &NodeFact| {
        let status = round.records.get(&node.name);
        let (next, to) = goals.next(node, status)?;
        // one that is out in a later roll comes back into service, although others are not as far any more
        let is_due = |i| i == next || (next > i && (status.step.is_out() || status.step.is_observed()));
        let roll = rolls.get(next).filter(|_| to == way && index.is_none_or(is_due))?;
        // what is begun is on record first
        view.record(&node.name).map(|_| *roll)
    };
    let mut moving: Vec<(&NodeFact, &dyn Roll)> = round.order.iter().filter_map(|n| Some((*n, next(n)?))).collect();
    if moving.is_empty() {
        return;
    }
    if way == Target::Flannel {
        view.reverse(&mut moving, |(node, _)| node);
    }
    let mut queue = Queue::new(round, way, index);
    let hold = view.flows_hold(way).map_or(Ok(()), Err);
    // those that are out already come first: they free the places
    let (out, rest): (Vec<_>, Vec<_>) = moving.into_iter().partition(|(n, _)| queue.is_taken(&n.name));
    for (node, roll) in out.into_iter().chain(rest) {
        let status = round.records.get(&node.name);
        if way == Target::Flannel
            && status.step != NodeStep::RolledBack
            && let Some(locked) = lock(&view, roll).or_else(|| roll.alone(&view))
        {
            round.records.wait(&node.name, locked);
            continue;
        }
        let at = Site::in_roll(view, node, way, roll);
        let turn = if status.step.is_out() {
            Ok(())
        } else if queue.is_taken(&node.name) {
            queue.may_resume(node)
        } else {
            queue
                .may_begin(node)
                .and_then(|()| hold.clone())
                .and_then(|()| if way == Target::Flannel { roll.admits_back(&at, status) } else { Ok(()) })
        };
        // as all but one of a large cluster
        if let Err(waiting) = &turn
            && way == Target::Cilium
            && status.step.is_unmoved()
        {
            round.records.wait(&node.name, waiting.clone());
            continue;
        }
        let mut status = status.clone();
        round.effects.extend(advance_node(&at, roll, &mut status, turn));
        if status.step.is_out() {
            queue.take(node, status.step);
        }
        round.records.set(&node.name, status);
    }
}

/// Moves one node on, as far as the facts allow: what its record becomes, and what is due. `turn` says whether it may
/// be taken out.
fn advance_node(
    at: &Site<'_>,
    roll: &dyn Roll,
    status: &mut NodeMigrationStatus,
    turn: Result<(), Waiting>,
) -> Vec<Effect> {
    let checks = status.evidence.host_checks;
    if !change_direction(at, roll, status, &turn) {
        return vec![];
    }
    steps::remember_reboot(at, status);
    let path = roll.path(at.way);
    // each round ends a step, so the path's length bounds them
    for _ in 0..=path.len() + 1 {
        let NodeStep::At(spec) = status.step else { return vec![] };
        let step = path.iter().find(|s| s.spec().id == spec.id).or(path.first());
        let Some(step) = step else { return vec![] };
        match step.advance(at, status) {
            Progress::Done => match &turn {
                Err(waiting) if spec.presence == Presence::AtRest => {
                    status.waiting = waiting.clone();
                    return vec![];
                }
                _ => finish_step(at, roll, *step, status),
            },
            Progress::Act(effects, waiting) => {
                status.waiting = failing(at, &effects).unwrap_or(waiting);
                note_failure(at, &effects, status);
                return effects;
            }
            Progress::Wait(waiting) => {
                status.waiting = waiting;
                return vec![];
            }
            Progress::Fail(reason, problem) => {
                status.waiting = Waiting::new(reason, problem.message.clone()).on(&problem.object);
                let same = status.last_error.as_ref().filter(|e| e.problem.message == problem.message);
                // a failure that stands is recorded once; one that comes back after a new try is counted
                if same.is_none() || status.evidence.host_checks != checks {
                    status.last_error = Some(StepError::next(status.last_error.as_ref(), problem, at.now));
                }
                return vec![];
            }
        }
    }
    vec![]
}

/// Begins a direction, or turns round when the goal has changed.
/// False where the node has to wait for that.
fn change_direction(
    at: &Site<'_>,
    roll: &dyn Roll,
    status: &mut NodeMigrationStatus,
    turn: &Result<(), Waiting>,
) -> bool {
    let same_roll = status.phase.is_none_or(|p| p == roll.phase());
    let begins = status.step == NodeStep::Pending || status.direction != at.way || !same_roll;
    let out = status.step.is_out();
    let rests = status.step.presence() == Presence::AtRest;
    if at.way == Target::Flannel && status.step == NodeStep::RolledBack {
        status.waiting.clear();
        return true;
    }
    if !begins {
        if let Some(step) = roll.repeat(at, status) {
            finish_timing(&mut status.steps, at);
            enter(at, step, status);
        }
        return true;
    }
    // nothing of this roll is on the node: there is nothing to take back
    if at.way == Target::Flannel && rests && status.step != NodeStep::Done && !roll.has_touched(at, status) {
        status.direction = at.way;
        status.step = NodeStep::RolledBack;
        status.waiting.clear();
        status.since = Some(at.now);
        return true;
    }
    // a node that is out turns round at once; one in service waits for its turn
    if let Err(waiting) = turn
        && !out
    {
        status.waiting = waiting.clone();
        return false;
    }
    // what there is to take back is known when it has ended
    if is_being_changed(at) {
        status.waiting = Waiting::new(Reason::Working, "a change of the node is under way").on(at.object());
        return false;
    }
    let start = roll.start(at, status);
    let fresh = status.step.is_final() || status.step == NodeStep::Pending;
    status.direction = at.way;
    status.phase = Some(roll.phase());
    status.attempt += 1;
    status.node_uid = Some(at.node.uid.to_string());
    status.steps.clear();
    status.last_error = None;
    if fresh {
        status.evidence.cordoned_before = at.node.unschedulable && !at.facts.is_cordoned_by_cutover(at.node);
    }
    enter(at, start, status);
    true
}

/// A change of the node is under way, or so young that its watch may not show it.
fn is_being_changed(at: &Site<'_>) -> bool {
    let node = || at.node.name.clone();
    let changes = [
        Effect::Cordon { node: node(), owner: None },
        Effect::Taint { node: node() },
        Effect::Untaint { node: node() },
        Effect::Uncordon { node: node() },
        Effect::Switch { node: node() },
        Effect::Revert { node: node() },
        Effect::SetMultus { node: node(), order: None },
        Effect::SetMultus { node: node(), order: Some(Order::FlannelFirst) },
        Effect::SetMultus { node: node(), order: Some(Order::CiliumFirst) },
    ];
    changes.iter().any(|change| at.in_flight.contains(&change.name()))
}

fn enter(at: &Site<'_>, step: &dyn Step, status: &mut NodeMigrationStatus) {
    status.step = NodeStep::At(step.spec());
    status.since = Some(at.now);
    status.waiting.clear();
    status.steps.push(StepTiming { step: status.step, started_at: at.now, finished_at: None });
    // a step checks for itself: what an earlier one saw does not count
    if let Some(host) = &mut status.evidence.host {
        host.at = None;
    }
    step.enter(at, status);
}

fn finish_step(at: &Site<'_>, roll: &dyn Roll, step: &dyn Step, status: &mut NodeMigrationStatus) {
    finish_timing(&mut status.steps, at);
    status.last_error = None;
    status.drain = None;
    status.commands.clear();
    step.leave(at, status);
    let path = roll.path(at.way);
    let next = path.iter().skip_while(|s| s.spec().id != step.spec().id).nth(1);
    if let Some(next) = next {
        return enter(at, *next, status);
    }
    status.since = Some(at.now);
    status.waiting.clear();
    let below = Level::of(&at.view, status).roll.checked_sub(1);
    let below = below.and_then(|i| at.strategy.rolls().nth(i));
    match (at.way, below) {
        (Target::Cilium, _) => status.step = NodeStep::Done,
        (Target::Flannel, None) => status.step = NodeStep::RolledBack,
        // back where the roll before it had left the node
        (Target::Flannel, Some(below)) => {
            status.step = NodeStep::Done;
            status.phase = Some(below.phase());
            status.direction = Target::Cilium;
        }
    }
}

fn finish_timing(steps: &mut [StepTiming], at: &Site<'_>) {
    if let Some(last) = steps.last_mut() {
        last.finished_at = Some(at.now);
    }
}

/// What a failing effect says, so that "still trying" and "stuck" do not look alike.
fn failing(at: &Site<'_>, due: &[Effect]) -> Option<Waiting> {
    let (effect, failure) = due.iter().find_map(|e| Some((e, at.failures.get(&e.name())?)))?;
    let object = effect.describe().object;
    let message = format!("{object}: {} (try {})", text::safe(&failure.problem.message), failure.count + 1);
    Some(Waiting::new(Reason::Failed, message).on(object))
}

fn note_failure(at: &Site<'_>, due: &[Effect], status: &mut NodeMigrationStatus) {
    let lasting = |e: &&Effect| at.failures.get(&e.name()).is_some_and(|f| !f.problem.kind.is_transient());
    let Some(failure) = due.iter().find(lasting).and_then(|e| at.failures.get(&e.name())) else { return };
    let mut problem = failure.problem.clone();
    problem.message = text::safe(&problem.message).into_owned();
    status.last_error = Some(StepError { problem, at: failure.at, count: failure.count });
}

/// What a roll would change on every node that it still has to move.
pub fn preview(roll: &dyn Roll, view: &View<'_>, way: Target) -> Vec<Planned> {
    let index = view.strategy.rolls().position(|r| r.phase() == roll.phase()).unwrap_or(0);
    let order = view.nodes_in_order();
    let order = if way == Target::Cilium { order } else { view.reversed(&order) };
    let concerned = |n: &&NodeFact| {
        let status = view.status(&n.name);
        let level = Level::of(view, status);
        match way {
            Target::Cilium => level.passed() <= index,
            Target::Flannel => {
                level.passed() > index || (level.roll == index && !status.step.is_unmoved()) || n.switched
            }
        }
    };
    order.into_iter().filter(concerned).flat_map(|n| preview_on(roll, view, n, way)).collect()
}

fn preview_on(roll: &dyn Roll, view: &View<'_>, node: &NodeFact, way: Target) -> Vec<Planned> {
    let at = Site::in_roll(*view, node, way, roll);
    let status = view.status(&node.name);
    let path = roll.path(way);
    let underway =
        status.step.spec().filter(|_| status.direction == way && status.phase.is_none_or(|p| p == roll.phase()));
    let first = underway.map_or_else(|| roll.start(&at, status).spec().id, |s| s.id);
    let (mut planned, mut open): (Vec<Planned>, Vec<Proof>) = (vec![], vec![]);
    for step in path.iter().skip_while(|s| s.spec().id != first) {
        let changes = step.preview(&at).into_iter().map(|p| p.planned(roll.phase(), Some(node), Some(step.spec())));
        for mut change in changes {
            drop(change.before.splice(..0, std::mem::take(&mut open)));
            planned.push(change);
        }
        open.extend(step.proofs(&at));
        // what may not be made at all is followed by nothing
        if let Some(last) = planned.last_mut().filter(|p| p.met.is_none()) {
            last.after.append(&mut open);
        }
    }
    planned.last_mut().into_iter().for_each(|last| last.after.append(&mut open));
    planned
}

/// What one node's way would change: forward through the rolls that it may go through alone, back through all of them.
pub(crate) fn preview_node(view: &View<'_>, node: &NodeFact, way: Target) -> Vec<Planned> {
    let level = Level::of(view, view.status(&node.name));
    let rolls: Vec<&dyn Roll> = view.strategy.rolls().collect();
    let ahead: Vec<&dyn Roll> = match way {
        Target::Cilium => {
            let through = Goals::of(*view).canary.max(level.passed() + 1);
            rolls.into_iter().take(through).skip(level.passed()).collect()
        }
        Target::Flannel => rolls.into_iter().take(level.roll + 1).rev().collect(),
    };
    ahead.into_iter().flat_map(|roll| preview_on(roll, view, node, way)).collect()
}
