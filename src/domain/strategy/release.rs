//! The helm release, as the phases of strategies change it.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::HostWork;
use crate::domain::{
    api::{CiliumSpec, Installer, Target},
    consent::{ConsentKind, given},
    decide::Round,
    effect::{Effect, HelmRelease, Proof, RELEASE, definitions, upgrade_name},
    encryption::Encryption,
    evidence::Evidence,
    facts::{Facts, Mark},
    host::HostTask,
    kubespray::Kubespray,
    plan::Preview,
    progress::Progress,
    reason::{Reason, Waiting},
    text,
    view::View,
};

/// Cilium is there, or half there.
pub(super) fn is_installed(facts: &Facts) -> bool {
    facts.cilium_agents().is_some() || facts.cilium_config().is_some()
}

/// An upgrade of the release.
#[derive(Debug)]
pub(super) struct Upgrade {
    /// What it is for; part of its name, so that two upgrades of a strategy are two effects.
    pub purpose: &'static str,
    /// Name of a file for its values.
    pub file: &'static str,
    /// Its values.
    pub values: fn(&CiliumSpec) -> Value,
}

impl Upgrade {
    /// The name of its effect.
    fn name(&self) -> String {
        upgrade_name(self.purpose)
    }
}

/// The values that turn it on: at the install, when no pod is Cilium's yet. Node by node WireGuard would cut pods off,
/// because an agent sends all of the tunnel through its link, whatever the other side can (cilium#39655).
pub(super) fn encryption(cilium: &CiliumSpec) -> Value {
    match cilium.encryption {
        Encryption::None => json!({}),
        kind => json!({"encryption": {"enabled": true, "type": kind.name()}}),
    }
}

/// The values of the pool that pods get addresses from, and of the tunnel between nodes.
pub(super) fn network(cilium: &CiliumSpec) -> Value {
    let operator =
        json!({"clusterPoolIPv4PodCIDRList": [cilium.pod_cidr], "clusterPoolIPv4MaskSize": cilium.mask_size});
    json!({"tunnelPort": cilium.tunnel_port, "ipam": {"mode": "cluster-pool", "operator": operator}})
}

/// An install begins: what was cleaned of Cilium, or restored to Flannel, on the way back of an earlier one no longer
/// holds, because agents make it anew.
pub(super) fn forget_way_back(round: &mut Round<'_>) {
    for node in round.order.clone() {
        let mut status = round.records.get(&node.name).clone();
        let Evidence { cleaned_of_cilium, restored, .. } = &mut status.evidence;
        if std::mem::take(cleaned_of_cilium) | std::mem::take(restored) {
            round.records.set(&node.name, status);
        }
    }
}

/// The upgrade as an effect.
pub(super) fn effect(view: &View<'_>, upgrade: &Upgrade) -> Effect {
    let cilium = &view.migration.spec.cilium;
    Effect::Helm(Box::new(HelmRelease {
        chart: cilium.chart.clone(),
        version: cilium.version.clone(),
        namespace: cilium.namespace.clone(),
        values: (upgrade.values)(cilium),
        file: upgrade.file,
        purpose: upgrade.purpose,
        resumes: false,
    }))
}

/// The same, for a preview; an operator's playbook is none of Cutover's changes.
pub(super) fn preview(view: &View<'_>, upgrade: &Upgrade) -> Option<Preview> {
    let by_helm = view.migration.spec.cilium.installer == Installer::Helm;
    by_helm.then(|| effect(view, upgrade).into())
}

/// helm is run until it has succeeded: what it left half done it repairs when run again. `None` once it has.
pub(super) fn upgrade(view: &View<'_>, upgrade: &Upgrade, due: bool, message: &str) -> Option<Progress> {
    if view.migration.spec.cilium.installer == Installer::Kubespray {
        return (!is_installed(view.facts)).then(by_kubespray);
    }
    let name = upgrade.name();
    // its objects come one after the other: what is there already does not mean that it has ended
    if view.in_flight.contains(&name) {
        return Some(running());
    }
    let unfinished = is_unfinished(view, &name);
    if !due && !unfinished && !view.failures.contains_key(&name) {
        return None;
    }
    let effect = match effect(view, upgrade) {
        Effect::Helm(release) => Effect::Helm(Box::new(HelmRelease { resumes: unfinished, ..*release })),
        other => other,
    };
    Some(Progress::act(effect, message))
}

/// The operation was begun, by this engine or an earlier one, and has not been seen to end.
pub(super) fn is_unfinished(view: &View<'_>, name: &str) -> bool {
    unfinished(view) == Some(name)
}

/// The operation of helm that was begun, by this engine or an earlier one, and has not been seen to end.
fn unfinished<'a>(view: &View<'a>) -> Option<&'a str> {
    let begun = view.migration.status.as_ref().and_then(|s| s.pending_helm_operation.as_deref());
    begun.filter(|name| !view.ended.contains(*name))
}

/// The upgrade that ended last is another one, as far as it is on record.
pub(super) fn is_overtaken(view: &View<'_>, upgrade: &Upgrade) -> bool {
    let Some(status) = &view.migration.status else { return false };
    let just_ended = status.pending_helm_operation.as_ref().filter(|name| view.ended.contains(*name));
    let last = just_ended.or_else(|| status.pins.as_ref()?.release.as_ref());
    last.is_some_and(|last| upgrade.name() != *last)
}

/// The upgrade runs, or was begun and has not been seen to end.
pub(super) fn is_at_work(view: &View<'_>, upgrade: &Upgrade) -> bool {
    let name = upgrade.name();
    view.in_flight.contains(&name) || is_unfinished(view, &name)
}

pub(super) fn running() -> Progress {
    Progress::wait(Reason::HelmRunning, "helm is running")
}

/// The agents are rolled out; otherwise what to wait for.
pub(super) fn agents_ready(view: &View<'_>) -> Option<Progress> {
    let agents = view.facts.cilium_agents()?;
    if agents.is_rolled_out() {
        return None;
    }
    let unhealthy = view.facts.nodes.keys().find_map(|n| {
        let pod = view.facts.daemon_pod(agents, n).filter(|p| !p.ready)?;
        Some(format!("; {} on {n}: {}", pod.key.name, pod.state()))
    });
    let (ready, desired) = (agents.ready.min(agents.updated), agents.desired);
    let message = format!("{ready} of {desired} Cilium agents ready{}", unhealthy.unwrap_or_default());
    Some(Progress::wait_on(Reason::AgentsNotReady, format!("daemonset/{}", agents.key), message))
}

/// `2 pods of Cilium terminating`.
pub(super) fn terminating(count: usize, whose: &str) -> Progress {
    Progress::wait(Reason::PodsTerminating, format!("{} of {whose} terminating", text::count(count, "pod")))
}

/// The key of IPsec is there, where it is wanted: the chart does not create it, and agents do not start without it.
pub(super) fn keyed(round: &mut Round<'_>) -> Option<Progress> {
    if !is_keyed(&round.view) || round.pins.ipsec_key.is_some() {
        return None;
    }
    let create = create_key(&round.view);
    if !round.view.ended.contains(&create.name()) {
        return Some(Progress::act(create, "create the key of IPsec"));
    }
    round.pins.ipsec_key = Some(create.object());
    None
}

fn is_keyed(view: &View<'_>) -> bool {
    view.migration.spec.cilium.encryption == Encryption::Ipsec
}

/// Its Secret is created.
pub(super) fn create_key(view: &View<'_>) -> Effect {
    let CiliumSpec { namespace, version, .. } = view.migration.spec.cilium.clone();
    Effect::CreateIpsecKey { namespace, version, begun: begun(view) }
}

/// Its Secret is deleted.
pub(super) fn delete_key(view: &View<'_>) -> Effect {
    Effect::DeleteIpsecKey { namespace: view.migration.spec.cilium.namespace.clone(), begun: begun(view) }
}

fn begun(view: &View<'_>) -> Option<Timestamp> {
    view.migration.status.as_ref()?.started_at
}

/// The same, for a preview: where a key is wanted.
pub(super) fn preview_key(view: &View<'_>) -> Option<Preview> {
    is_keyed(view).then(|| create_key(view).into())
}

/// For the way back: where one may have been made.
pub(super) fn preview_no_key(view: &View<'_>) -> Option<Preview> {
    is_keyed(view).then(|| delete_key(view).into())
}

/// The release is uninstalled, and nothing of it runs any more; otherwise what to do.
pub(super) fn uninstalled(round: &mut Round<'_>) -> Progress {
    let view = &round.view;
    let uninstall = uninstall(view);
    if view.in_flight.contains(&uninstall.name()) {
        return running();
    }
    let by_hand = Kubespray::of(&view.migration.spec.cilium).filter(|k| !k.installs_by_helm());
    if by_hand.is_some() && is_installed(view.facts) {
        round.pins.agent_image = round.pins.agent_image.take().or(image(&round.view));
        return Progress::wait(Reason::ManualAction, delete_by_hand(&round.view));
    }
    // a helm that died half way has left a part of the release: what it begins with is no sign of its end
    if unfinished(view).is_some() || is_installed(view.facts) {
        // the hosts are cleaned by pods of that image when the agents are gone
        round.pins.agent_image = round.pins.agent_image.take().or(image(&round.view));
        return Progress::act(uninstall, "helm uninstalls Cilium");
    }
    let namespace = &view.migration.spec.cilium.namespace;
    let left = view.facts.pods.marked(&Mark::Cilium).filter(|p| {
        p.labels.get("app.kubernetes.io/part-of").is_some_and(|v| v == RELEASE) && *p.key.namespace == **namespace
    });
    match left.count() {
        0 => {}
        n => return terminating(n, "Cilium"),
    }
    // an engine that died may have created it without a word: only Cutover's own is deleted
    if is_keyed(view) {
        let delete = delete_key(view);
        if !view.ended.contains(&delete.name()) {
            return Progress::act(delete, "delete the key of IPsec");
        }
        round.pins.ipsec_key = None;
    }
    Progress::Done
}

/// The definitions that Cilium has left and whose deletion was consented to.
fn unwanted_definitions(view: &View<'_>) -> impl Iterator<Item = Effect> {
    let agreed = |name: &str| {
        let given = |object: &str| given(&view.migration.spec.consents, ConsentKind::DeleteDefinition, object);
        given("CustomResourceDefinition/*") || given(&format!("CustomResourceDefinition/{name}"))
    };
    let there = definitions::NAMES.into_iter().filter(move |name| view.facts.crds.contains_key(*name) && agreed(name));
    there.map(|name| Effect::DeleteDefinition { name })
}

/// They are deleted, once nothing of the release is left.
pub(super) fn without_definitions(view: &View<'_>) -> Progress {
    match unwanted_definitions(view).next() {
        Some(effect) => Progress::act(effect, "Cilium's definitions are deleted"),
        None => Progress::Done,
    }
}

/// The same, for a preview.
pub(super) fn preview_without_definitions(view: &View<'_>) -> Vec<Preview> {
    unwanted_definitions(view).map(Preview::from).collect()
}

fn image(view: &View<'_>) -> Option<String> {
    view.facts.cilium_agents().map(|agents| agents.image.to_string())
}

/// Kubespray installs it: an operator runs the playbook.
fn by_kubespray() -> Progress {
    let message = "Kubespray installs Cilium: put what `cutover kubespray` prints into group_vars, then run ansible-playbook -i INVENTORY cluster.yml; it goes on as soon as Cilium is there";
    Progress::wait(Reason::ManualAction, message)
}

/// Kubespray before 2.28 installs no release: nothing of helm's could uninstall it.
fn delete_by_hand(view: &View<'_>) -> String {
    let namespace = &view.migration.spec.cilium.namespace;
    format!(
        "Kubespray installed Cilium without helm: kubectl -n {namespace} delete daemonset/cilium deployment/cilium-operator deployment/hubble-relay configmap/cilium-config --ignore-not-found; it goes on when they are gone"
    )
}

/// Its removal, for a preview.
pub(super) fn uninstall(view: &View<'_>) -> Effect {
    Effect::Uninstall { namespace: view.migration.spec.cilium.namespace.clone() }
}

/// Another actor has changed which Cilium runs since this migration installed it.
pub(super) fn agents_changed(view: &View<'_>, has_begun: bool) -> Option<Waiting> {
    let agents = view.facts.cilium_agents()?;
    if has_begun && let Some(other) = other_version(&view.migration.spec.cilium, &agents.image) {
        let version = &view.migration.spec.cilium.version;
        let message = format!("it runs {}, and this migration installs {}", text::safe(other), text::safe(version));
        return Some(changed(view, format!("daemonset/{}", agents.key), &message));
    }
    let pinned = view.migration.status.as_ref()?.pins.as_ref()?.agent_image.as_deref()?;
    if *agents.image == *pinned {
        return None;
    }
    let message =
        format!("its image is {}, and was {} when Cilium was installed", text::safe(&agents.image), text::safe(pinned));
    Some(changed(view, format!("daemonset/{}", agents.key), &message))
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

/// A part of the release was changed: what the migration waits for.
pub(super) fn changed(view: &View<'_>, object: String, message: &str) -> Waiting {
    let namespace = view.facts.cilium_namespace();
    let restore = format!("helm -n {namespace} history cilium, then helm -n {namespace} rollback cilium REVISION");
    Waiting::new(Reason::IdentityChanged, format!("{message}. Restore the release: {restore}")).on(object)
}

/// A node that Cilium's operator has given no pod range yet; what to wait for.
pub(super) fn without_range(view: &View<'_>) -> Option<Progress> {
    let node = view.facts.nodes.keys().find(|n| !view.facts.cilium_ranges.contains_key(*n))?;
    let message = format!("Cilium's operator has given {node} no pod range yet");
    Some(Progress::wait_on(Reason::OperatorNotReady, format!("node/{node}"), message))
}

/// Nodes without a record get one first, for a preview.
pub(super) fn missing_records(view: &View<'_>) -> Vec<Preview> {
    let missing = view.facts.nodes.keys().filter(|n| view.record(n).is_none());
    let owner: Option<Arc<str>> = view.migration.metadata.uid.as_deref().map(Into::into);
    missing.map(|n| Preview::from(Effect::CreateRecord { node: n.clone(), owner: owner.clone() })).collect()
}

/// Policies and connections that a dialog names at most.
const NAMED: usize = 8;

/// The policies that Flannel ignored and that Cilium enforces, and what they will deny, for a dialog.
pub(super) fn policies(view: &View<'_>) -> Vec<String> {
    let policies: Vec<String> = view.facts.policies.iter().map(ToString::to_string).collect();
    if policies.is_empty() {
        return vec![];
    }
    let count =
        if policies.len() == 1 { "1 NetworkPolicy".into() } else { format!("{} NetworkPolicies", policies.len()) };
    let ignored = format!("{count} that Flannel ignored will be enforced from now on: {}", named(&policies));
    let denied: Vec<&str> = view.denied().iter().map(|d| d.edge.as_str()).collect();
    let ends = || {
        let connections = text::count(denied.len(), "connection");
        format!(
            "{connections} of those that work now will be denied (see Checks, denied-connections): {}",
            named(&denied)
        )
    };
    std::iter::once(ignored).chain((!denied.is_empty()).then(ends)).collect()
}

fn named(all: &[impl AsRef<str>]) -> String {
    let names: Vec<_> = all.iter().take(NAMED).map(|name| text::safe(name.as_ref())).collect();
    let more = all.len().saturating_sub(NAMED);
    if more > 0 { format!("{} and {more} more", names.join(", ")) } else { names.join(", ") }
}

/// What helm leaves on the hosts: at the next migration, or under another CNI, it would be in the way.
pub(super) const fn clean() -> HostWork {
    HostWork {
        task: HostTask::CleanCilium,
        way: Target::Flannel,
        is_due: |s| !s.evidence.cleaned_of_cilium,
        mark: |s| s.evidence.cleaned_of_cilium = true,
        is_done: Some(is_clean),
        seen_by_hand: Some(seen_clean),
    }
}

fn seen_clean() -> Proof {
    Proof::report("nothing of Cilium is left on the host", "awk -F= '$1 == \"cilium\" { n = 1 } END { exit n }'")
}

fn is_clean(evidence: &Evidence) -> Result<(), Waiting> {
    let not_yet = |message: String| Err(Waiting::new(Reason::HostNotReady, message));
    match &evidence.host {
        None => not_yet("the host has not been checked yet".into()),
        Some(host) if host.cilium.is_empty() => Ok(()),
        Some(host) => not_yet(format!("still there: {}", text::safe(&host.cilium.join(", ")))),
    }
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
