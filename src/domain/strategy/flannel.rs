//! Flannel's objects and what it leaves on hosts, as the phases of strategies take them away and give them back.

use super::{HostWork, PhaseId, release::terminating};
use crate::domain::{
    api::Target,
    decide::Round,
    effect::{Effect, Proof, flannel, rolled_out},
    evidence::Evidence,
    facts::{Key, Owner},
    host::HostTask,
    plan::Preview,
    problem::Problem,
    progress::Progress,
    reason::{Reason, Waiting},
    text,
    view::View,
};

/// The copy of its objects is there; otherwise what to do. The copy is on record before it is relied on: the deletion
/// compares it with what it deletes.
pub(super) fn backed_up(round: &mut Round<'_>) -> Option<Progress> {
    let Some(copy) = round.view.facts.flannel_copy() else {
        return Some(Progress::act(back_up(&round.view), "keep a copy of Flannel's objects"));
    };
    round.pins.flannel_copy = Some(copy.to_string());
    None
}

/// Its objects are deleted and its pods are gone; otherwise what to do. There has to be a copy.
pub(super) fn deleted(round: &mut Round<'_>) -> Option<Progress> {
    let view = &round.view;
    if view.facts.flannel_daemon_sets().next().is_some() {
        let copy = view.facts.flannel_copy().map(|c| &**c).unwrap_or_default();
        return Some(Progress::act(delete(view, copy), "delete Flannel's objects"));
    }
    match pods_left(view) {
        0 => None,
        n => Some(terminating(n, "Flannel")),
    }
}

/// Its objects are there as the copy has them, and its pods are Ready; otherwise what to do. Where the deletion was
/// begun (`half_deleted`) its DaemonSets, which go last, do not show that the other objects are there.
pub(super) fn given_back(round: &mut Round<'_>, half_deleted: bool) -> Option<Progress> {
    let view = &round.view;
    let mut sets = view.facts.flannel_daemon_sets().peekable();
    // a copy that was made and not compared yet: nothing was deleted after it
    let compared = view.facts.flannel_copy().is_some() && round.pins.flannel_copy.is_some();
    let unseen = half_deleted && compared && !view.ended.contains(&restore(view, "").name());
    if sets.peek().is_none() || unseen {
        return Some(match (view.facts.flannel_copy(), &round.pins.flannel_copy) {
            (Some(copy), Some(pinned)) if **copy == **pinned => {
                Progress::act(restore(view, copy), "create Flannel's objects again")
            }
            _ => Progress::Fail(Reason::IdentityChanged, not_the_copy(view)),
        });
    }
    let set = sets.find(|s| !s.is_rolled_out())?;
    let message = format!("{} of {} Flannel pods ready", set.ready, set.desired);
    Some(Progress::wait_on(Reason::FlannelNotReady, format!("daemonset/{}", set.key), message))
}

fn namespace(view: &View<'_>) -> String {
    view.migration.spec.cilium.namespace.clone()
}

fn keys(view: &View<'_>) -> Vec<Key> {
    view.facts.flannel_daemon_sets().map(|d| d.key.clone()).collect()
}

/// The copy is made.
pub(super) fn back_up(view: &View<'_>) -> Effect {
    Effect::BackUpFlannel { daemon_sets: keys(view), namespace: namespace(view) }
}

/// Its objects are deleted.
pub(super) fn delete(view: &View<'_>, copy: &str) -> Effect {
    Effect::DeleteFlannel { daemon_sets: keys(view), namespace: namespace(view), copy: copy.into() }
}

/// Its objects are created again.
pub(super) fn restore(view: &View<'_>, copy: &str) -> Effect {
    Effect::RestoreFlannel { namespace: namespace(view), copy: copy.into() }
}

/// The same, for a preview: with what is waited for.
pub(super) fn preview_restore(view: &View<'_>) -> Preview {
    let pins = view.migration.status.iter().filter_map(|s| s.pins.as_ref()).flat_map(|p| &p.flannel);
    let back = pins.map(|p| rolled_out(&Key::new(&p.namespace, &p.name)));
    Preview::from(restore(view, "")).then(back)
}

/// The copy is deleted.
pub(super) fn forget(view: &View<'_>) -> Effect {
    Effect::DeleteFlannelBackup { namespace: namespace(view) }
}

fn not_the_copy(view: &View<'_>) -> Problem {
    Problem::new(
        flannel::backup(&namespace(view)).to_string(),
        "it does not hold what Cutover wrote when Flannel was deleted: another actor changed it",
        "Nothing was created from it. Restore that ConfigMap, or install Flannel again by hand; then it goes on.",
    )
}

/// Pods of the DaemonSets that were deleted.
fn pods_left(view: &View<'_>) -> usize {
    let pins = view.migration.status.iter().filter_map(|s| s.pins.as_ref()).flat_map(|p| &p.flannel);
    let owner = |name: &str| Owner { kind: "DaemonSet".into(), name: name.into() };
    pins.map(|pin| view.facts.pods.owned_by(&pin.namespace.as_str().into(), owner(&pin.name)).count()).sum()
}

/// What it left on a host is cleaned.
pub(in crate::domain) fn clean_task(view: &View<'_>) -> HostTask {
    let now = view.facts.flannel().flat_map(|(_, f)| f.networks.clone());
    let recorded = view.migration.status.iter().flat_map(|s| &s.flannel_networks).filter_map(|n| n.parse().ok());
    let mut networks: Vec<_> = now.chain(recorded).collect();
    networks.sort_unstable();
    networks.dedup();
    HostTask::Clean { networks }
}

/// The same on every host.
pub(super) fn clean(view: &View<'_>) -> HostWork {
    HostWork {
        task: clean_task(view),
        way: Target::Cilium,
        is_due: |s| !s.evidence.cleaned,
        mark: |s| s.evidence.cleaned = true,
        is_done: Some(is_clean),
        seen_by_hand: Some(seen_clean),
    }
}

/// What was cleaned comes back. What Flannel needs it makes again by itself: only the cleaning is ever an operator's.
pub(super) const fn put_back() -> HostWork {
    HostWork {
        task: HostTask::PutBack,
        way: Target::Flannel,
        is_due: |s| s.evidence.cleaned,
        mark: |s| s.evidence.cleaned = false,
        is_done: None,
        seen_by_hand: None,
    }
}

/// Nothing of Flannel's is left on the host.
pub(in crate::domain) fn is_clean(evidence: &Evidence) -> Result<(), Waiting> {
    let not_yet = |message: String| Err(Waiting::new(Reason::HostNotReady, message));
    let Some(host) = &evidence.host else { return not_yet("the host has not been checked yet".into()) };
    let links = host.links.iter().filter(|l| *l != "cilium_host").cloned();
    let files = host.cni_files.iter().filter(|f| f.starts_with("10-flannel")).cloned();
    let mut left: Vec<String> = links.chain(files).chain(host.folders.clone()).collect();
    if host.rules > 0 {
        left.push(text::count(host.rules as usize, "firewall rule"));
    }
    if left.is_empty() { Ok(()) } else { not_yet(format!("still there: {}", left.join(", "))) }
}

/// The same, of a report.
pub(in crate::domain) fn seen_clean() -> Proof {
    let left = [
        "$1 == \"link\" && $2 != \"cilium_host\"",
        "$1 == \"conf\" && index($2, \"10-flannel\") == 1",
        "$1 == \"folder\"",
        "$1 == \"rules\" && $2 > 0",
    ];
    let script = format!("{} {{ n = 1 }} END {{ exit n }}", left.join(" || "));
    Proof::report("nothing of Flannel is left on the host", format!("awk -F= '{script}'"))
}

/// Another actor has deleted Flannel, or put something else in its place: no node could go on or back.
pub(super) fn missing(view: &View<'_>, removal: PhaseId) -> Option<Waiting> {
    let pin = view.facts.missing_flannel().filter(|_| !view.has_begun(removal))?;
    let object = format!("daemonset/{}/{}", pin.namespace, pin.name);
    let message = format!(
        "{object} ran Flannel when the migration began, and is gone or runs something else now: another actor changed it. Create it again as it was"
    );
    Some(Waiting::new(Reason::IdentityChanged, message).on(object))
}
