//! `r` with the phases in focus, and `R`.

use super::{Dialog, cluster, consents, preview, requests};
use crate::{
    cockpit::scene::{ClusterName, Scene},
    domain::{api::Target, intent::Intent, phase::Phase, plan, rolling::cluster::Standing, step::Step, text::count},
};

/// The last phase that was approved is rolled back.
pub(in crate::cockpit) fn phase(name: &ClusterName, scene: &Scene<'_>) -> Dialog {
    let migration = scene.facts.migration.as_ref();
    let Some(migration) = migration.filter(|m| m.spec.target == Target::Cilium && m.spec.approved > Phase::Preflight)
    else {
        return Dialog::refuse("Nothing to roll back", "No phase that changes anything has been approved.");
    };
    let last = migration.spec.approved;
    let to = last.previous().unwrap_or_default();
    let mut lines = vec![cluster(name), format!("phase     {last} is rolled back; {to} stays")];
    lines.push(match last {
        Phase::Install => "Cilium is uninstalled. Every node is on Flannel.".into(),
        Phase::Migrate => "Every node that was moved is rolled back, the last one first: drain, revert, restore, restart, verify, uncordon.".into(),
        Phase::Finalize => "Each node's label decides again; policies are enforced no longer. The agents restart.".into(),
        Phase::Remove => "Flannel's objects are created again from Cutover's copy.".into(),
        Phase::Preflight | Phase::Verify => "Nothing is changed on the cluster.".to_owned(),
    });
    let asked = if last == Phase::Migrate { consents::missing(scene.facts, None) } else { vec![] };
    lines.extend(consents::lines(&asked));
    let intents = vec![Intent::RollBackTo(to)];
    lines.extend(requests(&intents));
    Dialog { consents: asked, ..Dialog::change(format!("Roll {last} back?"), lines, intents) }
}

/// Everything is rolled back.
pub(in crate::cockpit) fn everything(name: &ClusterName, scene: &Scene<'_>) -> Dialog {
    if scene.facts.migration.is_none() {
        return Dialog::refuse("Nothing to roll back", "No migration has been started.");
    }
    let records = scene.facts.node_migrations.values().filter_map(|r| r.status.as_ref());
    let moved = count(records.filter(|s| s.step == Step::Done).count(), "node");
    let mut lines = vec![
        cluster(name),
        format!("Everything is rolled back, the last change first: {moved} one by one, then Cilium is uninstalled."),
    ];
    let standing = Standing::of(scene.facts);
    if standing.removed {
        lines.push("First Flannel's objects are created again from Cutover's copy.".into());
    }
    if standing.finalized {
        lines.push("Then each node's label decides again: helm upgrade, and the agents restart.".into());
    }
    let asked = consents::missing(scene.facts, None);
    lines.extend(consents::lines(&asked));
    lines.extend(preview(&plan::back(&scene.view())));
    let intents = vec![Intent::RollBackAll];
    lines.extend(requests(&intents));
    let type_this = Some(name.context.clone());
    Dialog { consents: asked, type_this, ..Dialog::change("Roll everything back to Flannel?", lines, intents) }
}
