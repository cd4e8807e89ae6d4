//! How the phases of this strategy stand: what is seen, and only as far as this migration has done it. What another
//! actor did in its place holds the migration instead.

use super::{
    helm::{self, Purpose},
    specs::{FINALIZE, INSTALL, REMOVE},
};
use crate::domain::{
    api::{CiliumSpec, Target},
    decide::Round,
    effect::RELEASE,
    facts::{Cni, Facts},
    reason::{Reason, Waiting},
    steps::NodeStep,
    strategy::PhaseId,
    text,
    view::View,
};

/// The mark on the agents' template when they were restarted to become the default of every node.
pub(super) const FINALIZED: &str = "finalize";
/// The same for the way back.
pub(super) const UNDONE: &str = "undo-finalize";

/// Cilium is there, or half there.
pub(super) fn is_installed(facts: &Facts) -> bool {
    facts.cilium_agents().is_some() || facts.cilium_config().is_some()
}

/// Agents write their CNI configuration on every node.
fn is_default(facts: &Facts) -> bool {
    facts.cilium_config().is_some_and(|c| !c.custom_conf)
}

/// Its phase has begun, or its helm is at work although the phase was taken back meanwhile.
fn has_begun_finalize(view: &View<'_>) -> bool {
    view.has_begun(PhaseId::of(&FINALIZE)) || helm::is_at_work(view, Purpose::Finalize)
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
pub(super) fn changed_by_others(view: &View<'_>) -> Option<Waiting> {
    let namespace = view.facts.cilium_namespace();
    let restore = format!(
        "Restore the release: helm -n {namespace} history cilium, then helm -n {namespace} rollback cilium REVISION"
    );
    let changed = |object: String, message: String| {
        Some(Waiting::new(Reason::IdentityChanged, format!("{message}. {restore}")).on(object))
    };
    // nodes that are rolled back, whoever moved them, need agents that leave their CNI configuration alone
    let relied_on = view.has_begun(PhaseId::of(&INSTALL)) || view.migration.spec.target == Target::Flannel;
    if relied_on && !has_begun_finalize(view) && is_default(view.facts) {
        let message = "custom-cni-conf is false although Finalize has not begun: another actor changed the release";
        return changed(format!("configmap/{namespace}/cilium-config"), message.into());
    }
    let agents = view.facts.cilium_agents()?;
    if view.has_begun(PhaseId::of(&INSTALL))
        && let Some(other) = other_version(&view.migration.spec.cilium, &agents.image)
    {
        let version = &view.migration.spec.cilium.version;
        let message = format!("it runs {}, and this migration installs {}", text::safe(other), text::safe(version));
        return changed(format!("daemonset/{}", agents.key), message);
    }
    let pinned = view.migration.status.as_ref()?.pins.as_ref()?.agent_image.as_deref()?;
    if *agents.image == *pinned {
        return None;
    }
    let message =
        format!("its image is {}, and was {} when Cilium was installed", text::safe(&agents.image), text::safe(pinned));
    changed(format!("daemonset/{}", agents.key), message)
}

/// The version of an agent's image, where it is not the one that is installed. Cilium's own chart of a version runs that
/// version, unless values say otherwise; of other charts nothing is known.
fn other_version<'a>(cilium: &CiliumSpec, image: &'a str) -> Option<&'a str> {
    let own_chart = cilium.chart.rsplit('/').next() == Some(RELEASE);
    let named = ["tag", "override"].iter().any(|key| !cilium.values["image"][key].is_null());
    let (_, tag) = image.split('@').next().and_then(|i| i.rsplit_once(':')).filter(|_| own_chart && !named)?;
    let version = tag.trim_start_matches('v');
    let is_version = version.split('.').count() == 3 && version.starts_with(|c: char| c.is_ascii_digit());
    (is_version && version != cilium.version.trim_start_matches('v')).then_some(tag)
}

/// Why Flannel is still needed: a node that is not on Cilium, or a pod with one of its addresses, on whatever node.
/// Asked before every effect that takes something of Flannel's away.
pub(super) fn needs_flannel(round: &Round<'_>) -> Option<Waiting> {
    let view = &round.view;
    // a node that joins once Cilium is the default is never moved: it starts on it
    let joins_on_cilium = is_finalized(view);
    for node in view.facts.nodes.values() {
        let step = round.records.get(&node.name).step;
        if step == NodeStep::Done || (joins_on_cilium && view.facts.agent_on(&node.name).is_some_and(|a| a.ready)) {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_version_of_an_image_is_compared_where_the_chart_decides_it() {
        let spec = |chart: &str, values: serde_json::Value| -> CiliumSpec {
            serde_json::from_value(json!({"version": "1.15.19", "chart": chart, "podCidr": "", "values": values}))
                .unwrap()
        };
        for (chart, values, image, other) in [
            ("cilium/cilium", json!({}), "quay.io/cilium/cilium:v1.15.19@sha256:0123", None),
            ("cilium/cilium", json!({}), "quay.io/cilium/cilium:v1.16.5@sha256:0123", Some("v1.16.5")),
            ("oci://registry.example/charts/cilium", json!({}), "mirror:5000/cilium:v1.16.5", Some("v1.16.5")),
            ("cilium/cilium", json!({"image": {"tag": "v1.16.5"}}), "quay.io/cilium/cilium:v1.16.5", None),
            ("cilium/cilium", json!({"image": {"override": "x:v1.16.5"}}), "x:v1.16.5", None),
            ("cilium/cilium", json!({}), "mirror:5000/cilium:nightly", None),
            ("cilium/cilium", json!({}), "mirror:5000/cilium", None),
            ("rke2/rke2-cilium", json!({}), "rancher/mirrored-cilium-cilium:v1.15.18", None),
        ] {
            assert_eq!(other_version(&spec(chart, values), image), other, "{chart} {image}");
        }
    }
}
