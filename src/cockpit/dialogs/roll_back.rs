//! `r` with the phases in focus, and `R`.

use super::{Dialog, cluster, consents, preview, requests};
use crate::{
    cockpit::scene::{ClusterName, Scene},
    domain::{
        api::Target,
        intent::Intent,
        plan,
        strategy::{PhaseId, Standing},
    },
};

/// The last phase that was approved is rolled back.
pub(in crate::cockpit) fn phase(name: &ClusterName, scene: &Scene<'_>) -> Dialog {
    let view = scene.view();
    let last = scene.facts.migration.as_ref().filter(|m| m.spec.target == Target::Cilium).map(|m| m.spec.approved);
    let Some((last, to)) = last.and_then(|id| Some((view.strategy.phase(id)?, view.strategy.before(id)?))) else {
        return Dialog::refuse("Nothing to roll back", "No phase that changes anything has been approved.");
    };
    let (spec, to) = (last.spec(), to.id());
    let mut lines = vec![cluster(name), format!("phase     {} is rolled back; {to} stays", spec.id), spec.undo.into()];
    let asked = if last.roll().is_some() { consents::missing(scene.facts, None) } else { vec![] };
    lines.extend(consents::lines(&asked));
    lines.extend(preview(&plan::back(&view, Some(to))));
    let intents = vec![Intent::RollBackTo(to)];
    lines.extend(requests(scene, &intents));
    Dialog { consents: asked, ..Dialog::change(format!("Roll {} back?", spec.id), lines, intents) }
}

/// Everything is rolled back.
pub(in crate::cockpit) fn everything(name: &ClusterName, scene: &Scene<'_>) -> Dialog {
    if scene.facts.migration.is_none() {
        return Dialog::refuse("Nothing to roll back", "No migration has been started.");
    }
    let view = scene.view();
    let mut lines = vec![cluster(name), "Everything is rolled back, the last change first:".into()];
    let begun = view.strategy.phases().iter().rev().filter(|p| p.id() != PhaseId::default());
    let begun = begun.filter(|p| p.standing(&view) != Standing::NotBegun);
    lines.extend(begun.map(|p| format!("  {}: {}", p.spec().id, p.spec().undo)));
    let asked = consents::missing(scene.facts, None);
    lines.extend(consents::lines(&asked));
    lines.extend(preview(&plan::back(&view, None)));
    let intents = vec![Intent::RollBackAll];
    lines.extend(requests(scene, &intents));
    let type_this = Some(name.context.clone());
    Dialog { consents: asked, type_this, ..Dialog::change("Roll everything back to Flannel?", lines, intents) }
}
