//! Remove: Flannel's objects, then what it left on the nodes.

use super::{facts, helm, specs::REMOVE};
use crate::domain::{
    api::Target,
    decide::Round,
    effect::{Effect, Proof, flannel, rolled_out},
    evidence::Evidence,
    facts::{Key, Owner},
    host::HostTask,
    plan::{Planned, Preview},
    problem::Problem,
    progress::Progress,
    reason::{Reason, Waiting},
    steps::proofs,
    strategy::{HostWork, Phase, PhaseSpec, Standing},
    text,
    view::View,
};

/// Deletes Flannel's objects and cleans what it left on the nodes.
pub(super) struct Remove;

impl Phase for Remove {
    fn spec(&self) -> &'static PhaseSpec {
        &REMOVE
    }

    fn standing(&self, view: &View<'_>) -> Standing {
        if facts::is_removed(view) { Standing::Begun } else { Standing::NotBegun }
    }

    /// Records say which nodes are clean.
    fn advance(&self, round: &mut Round<'_>) -> Progress {
        if let Some(waiting) = facts::needs_flannel(round) {
            return Progress::Wait(waiting);
        }
        let view = &round.view;
        if view.facts.flannel_daemon_sets().next().is_some() {
            let Some(copy) = view.facts.flannel_copy() else {
                return Progress::act(back_up(view), "keep a copy of Flannel's objects");
            };
            // on record before it is relied on: the deletion compares the copy with what it deletes
            round.pins.flannel_copy = Some(copy.to_string());
            return Progress::act(delete(view, copy), "delete Flannel's objects");
        }
        match flannels_pods(view) {
            0 => clean(view).advance(round),
            n => helm::terminating(n, "Flannel"),
        }
    }

    /// What was cleaned is put back, then Flannel's objects come back from the copy.
    fn undo(&self, round: &mut Round<'_>) -> Progress {
        if !facts::is_removed(&round.view) {
            round.pins.flannel_copy = None;
            return Progress::Done;
        }
        // also where another actor has brought Flannel back meanwhile: what is there again is left as it is
        let progress = put_back().advance(round);
        if progress != Progress::Done {
            return progress;
        }
        let view = &round.view;
        let mut sets = view.facts.flannel_daemon_sets().peekable();
        if sets.peek().is_none() {
            return match (view.facts.flannel_copy(), &round.pins.flannel_copy) {
                (Some(copy), Some(pinned)) if **copy == **pinned => {
                    Progress::act(restore(view, copy), "create Flannel's objects again")
                }
                _ => Progress::Fail(Reason::IdentityChanged, not_the_copy(view)),
            };
        }
        if let Some(set) = sets.find(|s| !s.is_rolled_out()) {
            let message = format!("{} of {} Flannel pods ready", set.ready, set.desired);
            return Progress::wait_on(Reason::FlannelNotReady, format!("daemonset/{}", set.key), message);
        }
        Progress::act(forget(view), "the copy of Flannel's objects is no longer needed")
    }

    fn preview(&self, view: &View<'_>, way: Target) -> Vec<Planned> {
        let changes: Vec<Preview> = match way {
            Target::Cilium => {
                let copy = view.facts.flannel_copy().is_none().then(|| back_up(view));
                let there = view.facts.flannel_daemon_sets().next().is_some();
                let delete = Preview::from(delete(view, "")).after([proofs::no_flannel_address(view)]);
                let objects = copy.map(Preview::from).into_iter().chain([delete]).filter(|_| there);
                objects.chain(clean(view).preview(view)).collect()
            }
            Target::Flannel if !facts::is_removed(view) => vec![],
            Target::Flannel => {
                let pins = view.migration.status.iter().filter_map(|s| s.pins.as_ref()).flat_map(|p| &p.flannel);
                let back = pins.map(|p| rolled_out(&Key::new(&p.namespace, &p.name)));
                let objects = [Preview::from(restore(view, "")).then(back), forget(view).into()];
                put_back().preview(view).into_iter().chain(objects).collect()
            }
        };
        changes.into_iter().map(|p| p.planned(self.id(), None, None)).collect()
    }
}

fn namespace(view: &View<'_>) -> String {
    view.migration.spec.cilium.namespace.clone()
}

fn keys(view: &View<'_>) -> Vec<Key> {
    view.facts.flannel_daemon_sets().map(|d| d.key.clone()).collect()
}

fn back_up(view: &View<'_>) -> Effect {
    Effect::BackUpFlannel { daemon_sets: keys(view), namespace: namespace(view) }
}

fn delete(view: &View<'_>, copy: &str) -> Effect {
    Effect::DeleteFlannel { daemon_sets: keys(view), namespace: namespace(view), copy: copy.into() }
}

fn restore(view: &View<'_>, copy: &str) -> Effect {
    Effect::RestoreFlannel { namespace: namespace(view), copy: copy.into() }
}

fn not_the_copy(view: &View<'_>) -> Problem {
    Problem::new(
        flannel::backup(&namespace(view)).to_string(),
        "it does not hold what Cutover wrote when Flannel was deleted: another actor changed it",
        "Nothing was created from it. Restore that ConfigMap, or install Flannel again by hand; then it goes on.",
    )
}

/// Pods of the DaemonSets that were deleted.
fn flannels_pods(view: &View<'_>) -> usize {
    let pins = view.migration.status.iter().filter_map(|s| s.pins.as_ref()).flat_map(|p| &p.flannel);
    let owner = |name: &str| Owner { kind: "DaemonSet".into(), name: name.into() };
    pins.map(|pin| view.facts.pods.owned_by(&pin.namespace.as_str().into(), owner(&pin.name)).count()).sum()
}

fn forget(view: &View<'_>) -> Effect {
    Effect::DeleteFlannelBackup { namespace: namespace(view) }
}

fn clean(view: &View<'_>) -> HostWork {
    let now = view.facts.flannel().flat_map(|(_, f)| f.networks.clone());
    let recorded = view.migration.status.iter().flat_map(|s| &s.flannel_networks).filter_map(|n| n.parse().ok());
    let mut networks: Vec<_> = now.chain(recorded).collect();
    networks.sort_unstable();
    networks.dedup();
    HostWork {
        task: HostTask::Clean { networks },
        way: Target::Cilium,
        is_due: |s| !s.evidence.cleaned,
        mark: |s| s.evidence.cleaned = true,
        is_done: Some(is_clean),
        seen_by_hand: Some(seen_clean),
    }
}

/// What Flannel needs it makes again by itself: only the cleaning is ever an operator's.
fn put_back() -> HostWork {
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
fn is_clean(evidence: &Evidence) -> Result<(), Waiting> {
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
fn seen_clean() -> Proof {
    let left = [
        "$1 == \"link\" && $2 != \"cilium_host\"",
        "$1 == \"conf\" && index($2, \"10-flannel\") == 1",
        "$1 == \"folder\"",
        "$1 == \"rules\" && $2 > 0",
    ];
    let script = format!("{} {{ n = 1 }} END {{ exit n }}", left.join(" || "));
    Proof::report("nothing of Flannel is left on the host", format!("awk -F= '{script}'"))
}
