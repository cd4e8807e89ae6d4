//! What the Migration's status becomes.

use super::{Decision, Round};
use crate::domain::{
    api::{Condition, MigrationStatus, PhaseState, PhaseStatus, Pins, Stage, Target},
    effect::Effect,
    reason::{Reason, Waiting},
    strategy::{Level, PhaseId},
    view::View,
};

pub(super) fn finish(round: Round<'_>, held: Option<Waiting>) -> Decision {
    let Round { view, order, records, mut effects, findings, pins, tidied, phases, stage, waiting } = round;
    if held.is_some() {
        effects.clear();
    }
    let old = view.migration.status.as_ref();
    let ended = matches!(stage, Stage::Complete | Stage::RolledBack);
    let again = old.is_some_and(|s| s.phase == Stage::RolledBack) && !ended;
    let begun = effects.len() > tidied;
    let begins = effects.iter().find(|e| matches!(e, Effect::Helm(_) | Effect::Uninstall { .. })).map(Effect::name);
    let begun_before = old.and_then(|s| s.pending_helm_operation.clone());
    let (ended_now, pending) = match begun_before {
        Some(name) if view.ended.contains(&name) => (Some(name), None),
        pending => (None, pending),
    };
    let done = order.iter().filter(|n| Level::ahead(&view, records.get(&n.name), Target::Cilium) == 0).count();
    let blocked = phases.iter().find(|(_, state, _)| *state == PhaseState::Blocked);
    let degraded = blocked.map(|(_, _, waiting)| waiting.clone());
    let progress = format!("{done}/{}", order.len());
    let at_work = if ended { Waiting::new(Reason::Working, "") } else { waiting.clone() };
    let conditions = vec![
        condition(&view, "Progressing", !ended && held.is_none() && !waiting.reason.needs_operator(), &at_work),
        condition(&view, "Degraded", degraded.is_some(), &degraded.unwrap_or_default()),
        condition(&view, "NeedsOperator", waiting.reason.needs_operator(), &at_work),
        condition(&view, "Complete", stage == Stage::Complete, &Waiting::default()),
    ];
    let migration = MigrationStatus {
        phase: stage,
        phases: phases.into_iter().map(|(name, state, waiting)| phase_status(&view, name, state, waiting)).collect(),
        progress,
        waiting,
        findings,
        flows: view.written_troubles(),
        denied: view.denied().to_vec(),
        engine: old.and_then(|s| s.engine.clone()),
        epoch: old.map(|s| s.epoch).unwrap_or_default(),
        audit: old.map(|s| s.audit.clone()).unwrap_or_default(),
        pending_helm_operation: begins.or(pending),
        pins: begun_with(&view, Pins { release: ended_now.or(pins.release), ..pins }, begun),
        flannel_networks: flannel_networks(&view),
        observed_generation: view.migration.metadata.generation.unwrap_or_default(),
        // begun again after everything was rolled back: the time starts again
        started_at: old.and_then(|s| s.started_at).filter(|_| !again).or_else(|| begun.then_some(view.now)),
        finished_at: ended.then(|| old.and_then(|s| s.finished_at).unwrap_or(view.now)),
        conditions,
    };
    let decided_on = view.facts.migration.clone();
    Decision { effects, migration, decided_on, nodes: records.into_changed(), held }
}

/// What it relies on. Its own UID is kept with it: restored from a backup the Migration has another one, and its marks
/// are on the nodes.
fn begun_with(view: &View<'_>, mut pins: Pins, begun: bool) -> Option<Pins> {
    if let Some(uid) = view.migration.metadata.uid.as_ref().filter(|uid| begun && !pins.marks.contains(uid)) {
        pins.marks.push(uid.clone());
    }
    (pins != Pins::default()).then_some(pins)
}

/// Its ConfigMap goes with Flannel; the hosts are cleaned afterwards.
fn flannel_networks(view: &View<'_>) -> Vec<String> {
    let now: Vec<String> = view.facts.flannel().flat_map(|(_, f)| &f.networks).map(ToString::to_string).collect();
    let recorded = || view.migration.status.as_ref().map(|s| s.flannel_networks.clone()).unwrap_or_default();
    if now.is_empty() { recorded() } else { now }
}

fn phase_status(view: &View<'_>, name: PhaseId, state: PhaseState, waiting: Waiting) -> PhaseStatus {
    let old = view.migration.status.iter().flat_map(|s| &s.phases).find(|p| p.name == name);
    let working = matches!(state, PhaseState::Running | PhaseState::RollingBack | PhaseState::Blocked);
    let was_working = old.is_some_and(|p| p.started_at.is_some() && p.finished_at.is_none());
    let started_at = match old.and_then(|p| p.started_at) {
        Some(at) if was_working || state == PhaseState::Done => Some(at),
        _ => (working || state == PhaseState::Done).then_some(view.now),
    };
    let finished_at = (state == PhaseState::Done).then(|| old.and_then(|p| p.finished_at).unwrap_or(view.now));
    PhaseStatus {
        name,
        state,
        waiting,
        started_at: started_at.filter(|_| working || state == PhaseState::Done),
        finished_at,
    }
}

fn condition(view: &View<'_>, type_: &str, on: bool, waiting: &Waiting) -> Condition {
    let status = if on { "True" } else { "False" };
    let conditions = view.migration.status.iter().flat_map(|s| &s.conditions);
    let old = conditions.into_iter().find(|c| c.type_ == type_ && c.status == status);
    Condition {
        type_: type_.into(),
        status: status.into(),
        reason: waiting.reason.name(),
        message: waiting.message.clone(),
        last_transition_time: old.map_or(view.now, |c| c.last_transition_time),
    }
}
