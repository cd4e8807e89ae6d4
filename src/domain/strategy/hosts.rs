//! Work of a phase on the hosts of all nodes.

use super::super::{
    api::{NodeMigrationStatus, StepError, Target},
    decide::Round,
    effect::Proof,
    evidence::Evidence,
    host::HostTask,
    plan::Preview,
    problem::Problem,
    progress::Progress,
    reason::{Reason, Waiting},
    steps::{Site, tasks},
    text,
    view::View,
};

/// One task on every host whose record says that it is due.
pub struct HostWork {
    /// The task.
    pub task: HostTask,
    /// Where it goes.
    pub way: Target,
    /// The node's record says that it is due.
    pub is_due: fn(&NodeMigrationStatus) -> bool,
    /// Writes down that it is done.
    pub mark: fn(&mut NodeMigrationStatus),
    /// How a check of the host tells that it is done. Without it the task is skipped where hosts are an operator's.
    pub is_done: Option<fn(&Evidence) -> Result<(), Waiting>>,
    /// The same, as a plan says it.
    pub seen_by_hand: Option<fn() -> Proof>,
}

impl HostWork {
    /// Runs the task wherever it is due.
    pub fn advance(&self, round: &mut Round<'_>) -> Progress {
        let (mut effects, mut open, mut said) = (vec![], vec![], None);
        for node in round.order.clone() {
            if !(self.is_due)(round.records.get(&node.name)) {
                continue;
            }
            let mut status = round.records.get(&node.name).clone();
            let progress = self.on_host(&Site::new(round.view, node, self.way), &mut status);
            match progress {
                Progress::Done => {
                    (self.mark)(&mut status);
                    status.last_error = None;
                    round.records.set(&node.name, status);
                    continue;
                }
                Progress::Act(due, _) => effects.extend(due),
                Progress::Fail(reason, problem) => {
                    said = Some(Waiting::new(reason, problem.message.clone()).on(problem.object.clone()));
                    status.last_error = Some(StepError::next(status.last_error.as_ref(), problem, round.view.now));
                }
                Progress::Wait(waiting) if waiting.reason == Reason::ManualAction => said = Some(waiting),
                // between two tries the last failure is still what there is to say
                Progress::Wait(_) => {
                    let failed = status.last_error.as_ref().map(|e| &e.problem);
                    let waiting = failed.map(|p| Waiting::new(Reason::TaskFailed, p.message.clone()).on(&p.object));
                    said = said.or(waiting);
                }
            }
            round.records.set(&node.name, status);
            open.push(node.name.clone());
        }
        let purpose = self.task.purpose();
        let Some(first) = open.first() else { return Progress::Done };
        if !effects.is_empty() {
            let message = format!("{}: {purpose}", text::count(open.len(), "node"));
            return Progress::Act(effects, Waiting::new(Reason::TaskRunning, message));
        }
        let more = open.len() - 1;
        let running = || Waiting::new(Reason::TaskRunning, format!("{first} and {more} more: {purpose}"));
        Progress::Wait(said.unwrap_or_else(running))
    }

    fn on_host(&self, at: &Site<'_>, status: &mut NodeMigrationStatus) -> Progress {
        if tasks::is_manual(at, &self.task) {
            return self.is_done.map_or(Progress::Done, |done| tasks::change_until(at, status, &self.task, done));
        }
        match tasks::run(at, status, &self.task) {
            Err(progress) => progress,
            Ok(report) => {
                tasks::keep_report(at, status, &self.task, &report);
                match self.is_done.map_or(Ok(()), |done| done(&status.evidence)) {
                    Ok(()) => Progress::Done,
                    Err(waiting) => {
                        let message = format!("{}: {}", self.task.title(), waiting.message);
                        let remedy = "Check the host; the task is tried again.";
                        Progress::Fail(Reason::TaskFailed, Problem::new(at.object(), message, remedy))
                    }
                }
            }
        }
    }

    /// What [`Self::advance`] would change.
    pub fn preview(&self, view: &View<'_>) -> Vec<Preview> {
        let due = view.nodes_in_order().into_iter().filter(|n| (self.is_due)(view.status(&n.name)));
        due.flat_map(|n| {
            let at = Site::new(*view, n, self.way);
            match (tasks::is_manual(&at, &self.task), self.seen_by_hand) {
                (true, None) => vec![],
                (true, Some(seen)) => tasks::preview_until(&at, self.task.clone(), [seen()]),
                (false, _) => tasks::preview(&at, self.task.clone()),
            }
        })
        .collect()
    }
}
