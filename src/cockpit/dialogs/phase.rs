//! `a` with a phase selected: it is approved when its turn has come.

use super::{Dialog, cluster, consents, give, hurts, preview, requests};
use crate::{
    cockpit::scene::{ClusterName, Scene},
    domain::{
        api::{PhaseState, Target},
        intent::Intent,
        plan::{self, Planned},
        strategy::{Approval, Phase, PhaseId, Roll},
    },
};

/// What `a` does with a phase.
enum Act {
    Approve(&'static dyn Phase),
    /// It is approved and at work: only consents are asked for.
    Consent(String),
}

/// What `a` would do, in a few words.
pub(super) fn offer(scene: &Scene<'_>, phase: PhaseId) -> Option<String> {
    match act(scene, phase).ok()? {
        Act::Approve(next) => Some(format!("approve {}", next.id())),
        Act::Consent(_) => scene.wants_consents(None).then(|| format!("consents for {phase}")),
    }
}

pub(in crate::cockpit) fn advance(name: &ClusterName, scene: &Scene<'_>, phase: PhaseId) -> Dialog {
    match act(scene, phase) {
        Ok(Act::Approve(next)) => approve(name, scene, next),
        Ok(Act::Consent(why)) => {
            let none = || Dialog::refuse("Still at work", format!("{phase} needs nothing from you: {why}"));
            give::give(name, consents::missing(scene.facts, None), &phase.to_string(), format!("waits     {why}"))
                .unwrap_or_else(none)
        }
        Err((title, why)) => Dialog::refuse(title, why),
    }
}

fn act(scene: &Scene<'_>, phase: PhaseId) -> Result<Act, (&'static str, String)> {
    if !scene.facts.is_known() {
        return Err(("Not yet", "The cluster's state is still being loaded.".into()));
    }
    if scene.facts.migration.is_none() && scene.findings().is_empty() {
        return Err(("Not yet", "Preflight is still running.".into()));
    }
    let (states, strategy) = (scene.phases(), scene.view().strategy);
    let first = strategy.first();
    if let Some(p) = states.iter().find(|p| p.name == first && p.state == PhaseState::Blocked) {
        return Err(("Preflight blocks", format!("{} See the screen Checks (5).", p.waiting)));
    }
    let migration = scene.facts.migration.as_ref().filter(|m| m.spec.target == Target::Cilium);
    let approved = migration.map_or(first, |m| m.spec.approved);
    let open = states.iter().filter(|p| strategy.is_within(p.name, approved) && p.state != PhaseState::Done);
    let open = open.filter(|p| p.name != first).find(|p| p.name == phase || strategy.is_within(p.name, phase));
    match (open, strategy.after(approved).next()) {
        (Some(p), _) if p.name == phase => Ok(Act::Consent(p.waiting.to_string())),
        (Some(p), _) => Err(("Not yet", format!("{} is not done: {}", p.name, p.waiting))),
        (None, None) => Err(("Nothing to approve", "Every phase is approved already.".into())),
        (None, Some(next)) if phase == next.id() => Ok(Act::Approve(next)),
        (None, Some(next)) if strategy.is_within(phase, approved) => {
            Err(("Nothing to approve", format!("{phase} is done. Select {}, which is the next one.", next.id())))
        }
        (None, Some(next)) => Err(("Not yet", format!("{} comes before {phase}: select it first.", next.id()))),
    }
}

fn approve(name: &ClusterName, scene: &Scene<'_>, next: &'static dyn Phase) -> Dialog {
    let (spec, view) = (next.spec(), scene.view());
    let plan = plan::phase(&view, next);
    let mut lines = vec![cluster(name), format!("phase     {}: {}", spec.id, spec.purpose)];
    lines.extend(hurts(scene, &plan));
    for notice in next.notices(&view) {
        lines.extend([String::new(), notice]);
    }
    let mut asked = vec![];
    if let Some(roll) = next.roll() {
        lines.extend(nodes(scene, roll, &plan));
        asked = consents::missing(scene.facts, None);
        lines.extend(consents::lines(&asked));
    }
    lines.extend(preview(&plan));
    let intents = vec![Intent::Approve(next.id())];
    lines.extend(requests(scene, &intents));
    let dialog = Dialog::change(format!("Approve {}?", spec.id), lines, intents).asking(asked);
    match spec.approval {
        Approval::ContextName => dialog.confirmed_by(&name.context),
        Approval::Key | Approval::None => dialog.confirmed_for(name, &plan),
    }
}

/// In which order nodes are moved, and which budgets would stop a drain now.
fn nodes(scene: &Scene<'_>, roll: &dyn Roll, plan: &[Planned]) -> Vec<String> {
    let mut names: Vec<&str> = plan.iter().filter_map(|p| p.node.as_deref()).collect();
    names.dedup();
    let steps: Vec<&str> = roll.path(Target::Cilium).iter().map(|s| s.spec().id).collect();
    let mut lines = vec![
        format!("nodes     {} in this order: {}", names.len(), names.join(", ")),
        format!("          each: {}", steps.join(", ")),
    ];
    let blocking = scene.facts.budgets.values().filter(|b| b.allowed <= 0 && b.expected > 0);
    lines.extend(blocking.take(5).map(|b| {
        format!("budget    PDB {} allows 0 disruptions (needs {} healthy, has {})", b.key, b.desired, b.healthy)
    }));
    lines
}
