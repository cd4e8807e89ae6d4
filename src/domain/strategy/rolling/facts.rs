//! How the phases of this strategy stand: what is seen, and only as far as this migration has done it. What another
//! actor did in its place holds the migration instead.

use super::{
    helm,
    specs::{FINALIZE, INSTALL, REMOVE},
};
use crate::domain::{
    api::Target,
    decide::Round,
    facts::{Cni, Facts},
    reason::{Reason, Waiting},
    strategy::{Level, PhaseId, flannel, release},
    text,
    view::View,
};

/// The mark on the agents' template when they were restarted to become the default of every node.
pub(super) const FINALIZED: &str = "finalize";
/// The same for the way back.
pub(super) const UNDONE: &str = "undo-finalize";

/// Agents write their CNI configuration on every node.
fn is_default(facts: &Facts) -> bool {
    facts.cilium_config().is_some_and(|c| !c.custom_conf)
}

/// Its phase has begun, or its helm is at work although the phase was taken back meanwhile.
fn has_begun_finalize(view: &View<'_>) -> bool {
    view.has_begun(PhaseId::of(&FINALIZE)) || release::is_at_work(view, &helm::FINALIZE)
}

/// This migration has made Cilium the default of every node, or is doing so.
pub(super) fn is_finalized(view: &View<'_>) -> bool {
    let restarted = || view.facts.cilium_agents().is_some_and(|a| a.restarted_for.as_deref() == Some(FINALIZED));
    has_begun_finalize(view) && (is_default(view.facts) || restarted())
}

/// Flannel is gone, or going: this migration holds the copy of its objects.
pub(super) fn is_removed(view: &View<'_>) -> bool {
    let pinned = || view.migration.status.as_ref()?.pins.as_ref()?.flannel_copy.as_ref();
    // a copy that is gone is missed, not forgotten, once Flannel is gone, too
    let gone = || pinned().is_some() && view.facts.flannel_daemon_sets().next().is_none();
    view.has_begun(PhaseId::of(&REMOVE)) && (view.facts.flannel_copy().is_some() || gone())
}

/// Something that the migration relies on was changed by another actor.
pub(in crate::domain::strategy) fn changed_by_others(view: &View<'_>) -> Option<Waiting> {
    // nodes that are rolled back, whoever moved them, need agents that leave their CNI configuration alone
    let relied_on = view.has_begun(PhaseId::of(&INSTALL)) || view.migration.spec.target == Target::Flannel;
    if relied_on && !has_begun_finalize(view) && is_default(view.facts) {
        let message = "custom-cni-conf is false although Finalize has not begun: another actor changed the release";
        let object = format!("configmap/{}/cilium-config", view.facts.cilium_namespace());
        return Some(release::changed(view, object, message));
    }
    release::agents_changed(view, view.has_begun(PhaseId::of(&INSTALL)))
        .or_else(|| flannel::missing(view, PhaseId::of(&REMOVE)))
}

/// Why Cilium is still needed: a node that is switched to it, or a pod with one of its addresses, on whatever node. Asked
/// before it is uninstalled, whatever records say.
pub(super) fn needs_cilium(view: &View<'_>) -> Option<Waiting> {
    if let Some(node) = view.facts.nodes.values().find(|n| n.switched) {
        let message = format!("{} is still switched to Cilium", node.name);
        return Some(Waiting::new(Reason::NodesMoving, message).on(format!("node/{}", node.name)));
    }
    let mut on_cilium = view.facts.pods_with(Cni::Cilium, None).filter(|p| p.deleting.is_none());
    let pod = on_cilium.next()?;
    let count = text::count(on_cilium.count() + 1, "pod");
    let message = format!("{count} still with Cilium addresses, as {} on {}", pod.key, pod.node);
    Some(Waiting::new(Reason::PodsOnOldNetwork, message).on(format!("pod/{}", pod.key)))
}

/// Why Flannel is still needed: a node that is not on Cilium, or a pod with one of its addresses, on whatever node.
/// Asked before every effect that takes something of Flannel's away.
pub(super) fn needs_flannel(round: &Round<'_>) -> Option<Waiting> {
    let view = &round.view;
    // a node that joins once Cilium is the default is never moved: it starts on it
    let joins_on_cilium = is_finalized(view);
    for node in view.facts.nodes.values() {
        let status = round.records.get(&node.name);
        let step = status.step;
        let is_moved = Level::ahead(view, status, Target::Cilium) == 0;
        if is_moved || (joins_on_cilium && view.facts.agent_on(&node.name).is_some_and(|a| a.ready)) {
            continue;
        }
        let message = format!("{} is not on Cilium: its step is {step}", node.name);
        return Some(Waiting::new(Reason::NodesMoving, message).on(format!("node/{}", node.name)));
    }
    let mut on_flannel = view.facts.pods_with(Cni::Flannel, None);
    let pod = on_flannel.next()?;
    let count = text::count(on_flannel.count() + 1, "pod");
    let message = format!("{count} still with Flannel addresses, as {} on {}", pod.key, pod.node);
    Some(Waiting::new(Reason::PodsOnOldNetwork, message).on(format!("pod/{}", pod.key)))
}
