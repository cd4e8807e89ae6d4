//! `r` with a phase selected, and `R`.

use super::{Dialog, cluster, consents, hurts, preview, requests};
use crate::{
    cockpit::scene::{ClusterName, Scene},
    domain::{
        api::Target,
        intent::Intent,
        plan,
        strategy::{Phase, PhaseId, Standing},
    },
};

/// What `r` would do, in a few words.
pub(super) fn offer(scene: &Scene<'_>, phase: PhaseId) -> Option<String> {
    let view = scene.view();
    let to = beyond(scene, phase).ok()?;
    view.strategy.only_whole(&view, to.id()).is_none().then(|| format!("roll back {phase}"))
}

/// The phase before the selected one, which stays; or why it cannot be rolled back.
fn beyond(scene: &Scene<'_>, phase: PhaseId) -> Result<&'static dyn Phase, String> {
    let strategy = scene.view().strategy;
    let approved = scene.facts.migration.as_ref().filter(|m| m.spec.target == Target::Cilium).map(|m| m.spec.approved);
    let Some(approved) = approved.filter(|a| *a != strategy.first()) else {
        return Err("No phase that changes anything has been approved.".into());
    };
    if !strategy.is_within(phase, approved) {
        return Err(format!("{phase} is not approved. The last one that is: {approved}; select it."));
    }
    strategy.before(phase).ok_or_else(|| format!("{phase} changes nothing."))
}

/// The selected phase is rolled back, and what was approved after it.
pub(in crate::cockpit) fn phase(name: &ClusterName, scene: &Scene<'_>, phase: PhaseId) -> Dialog {
    let to = match beyond(scene, phase) {
        Ok(before) => before.id(),
        Err(why) => return Dialog::refuse("Nothing to roll back", why),
    };
    let view = scene.view();
    if let Some(why) = view.strategy.only_whole(&view, to) {
        return Dialog::refuse("Only everything", format!("{why} (R)."));
    }
    let plan = plan::back(&view, Some(to));
    let mut lines = vec![cluster(name), format!("phase     {phase} is rolled back; {to} stays")];
    lines.extend(hurts(scene, &plan));
    let approved = scene.migration.spec.approved;
    let undone: Vec<_> = view.strategy.after(to).filter(|p| view.strategy.is_within(p.id(), approved)).collect();
    lines.extend(undone.iter().rev().map(|p| format!("  {}: {}", p.id(), p.spec().undo)));
    let asked =
        if undone.iter().any(|p| p.roll().is_some()) { consents::missing_for(scene.facts, &plan) } else { vec![] };
    lines.extend(consents::lines(&asked));
    lines.extend(preview(&plan));
    let intents = vec![Intent::RollBackTo(to)];
    lines.extend(requests(scene, &intents));
    Dialog::change(format!("Roll {phase} back?"), lines, intents).asking(asked).confirmed_for(name, &plan)
}

/// Everything is rolled back.
pub(in crate::cockpit) fn everything(name: &ClusterName, scene: &Scene<'_>) -> Dialog {
    if scene.facts.migration.is_none() {
        return Dialog::refuse("Nothing to roll back", "No migration has been started.");
    }
    let view = scene.view();
    let plan = plan::back(&view, None);
    let mut lines = vec![cluster(name)];
    lines.extend(hurts(scene, &plan));
    lines.push("Everything is rolled back, the last change first:".into());
    let begun = view.strategy.phases().iter().rev().filter(|p| p.id() != PhaseId::default());
    let begun = begun.filter(|p| p.standing(&view) != Standing::NotBegun);
    lines.extend(begun.map(|p| format!("  {}: {}", p.spec().id, p.spec().undo)));
    let asked = consents::missing_for(scene.facts, &plan);
    lines.extend(consents::lines(&asked));
    lines.extend(preview(&plan));
    let intents = vec![Intent::RollBackAll];
    lines.extend(requests(scene, &intents));
    Dialog::change("Roll everything back to Flannel?", lines, intents).asking(asked).confirmed_by(&name.context)
}
