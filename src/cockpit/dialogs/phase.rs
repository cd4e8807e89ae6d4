//! `a` with the phases in focus: the next phase is approved.

use super::{Dialog, cluster, consents, preview, requests};
use crate::{
    cockpit::scene::{ClusterName, Scene},
    domain::{
        api::{PhaseState, Target},
        intent::Intent,
        plan,
        strategy::{Approval, Roll},
    },
};

pub(in crate::cockpit) fn advance(name: &ClusterName, scene: &Scene<'_>) -> Dialog {
    if !scene.facts.is_known() {
        return Dialog::refuse("Not yet", "The cluster's state is still being loaded.");
    }
    if scene.facts.migration.is_none() && scene.findings().is_empty() {
        return Dialog::refuse("Not yet", "Preflight is still running.");
    }
    let (states, view) = (scene.phases(), scene.view());
    let first = view.strategy.first();
    if let Some(p) = states.iter().find(|p| p.name == first && p.state == PhaseState::Blocked) {
        return Dialog::refuse("Preflight blocks", format!("{} See the screen Checks (5).", p.waiting));
    }
    let migration = scene.facts.migration.as_ref().filter(|m| m.spec.target == Target::Cilium);
    let approved = migration.map_or(first, |m| m.spec.approved);
    let Some(next) = view.strategy.after(approved).next() else {
        return Dialog::refuse("Nothing to approve", "Every phase is approved already.");
    };
    let due = states.iter().filter(|p| p.name != first && view.strategy.is_within(p.name, approved));
    if let Some(p) = due.into_iter().find(|p| p.state != PhaseState::Done) {
        return Dialog::refuse("Not yet", format!("{} is not done: {}", p.name, p.waiting));
    }
    let spec = next.spec();
    let mut lines = vec![cluster(name), format!("phase     {}: {}", spec.id, spec.purpose)];
    for notice in next.notices(&view) {
        lines.extend([String::new(), notice]);
    }
    let mut asked = vec![];
    if let Some(roll) = next.roll() {
        lines.extend(nodes(scene, roll));
        asked = consents::missing(scene.facts, None);
        lines.extend(consents::lines(&asked));
    }
    lines.extend(preview(&plan::phase(&view, next)));
    let intents = vec![Intent::Approve(next.id())];
    lines.extend(requests(scene, &intents));
    let type_this = (spec.approval == Approval::ContextName).then(|| name.context.clone());
    Dialog { consents: asked, type_this, ..Dialog::change(format!("Approve {}?", spec.id), lines, intents) }
}

/// In which order nodes are moved, and which budgets would stop a drain now.
fn nodes(scene: &Scene<'_>, roll: &dyn Roll) -> Vec<String> {
    let order = scene.view().nodes_in_order();
    let names: Vec<&str> = order.iter().map(|n| &*n.name).collect();
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
