//! Reboot: every node is cleaned of Flannel and restarts on Cilium. Its way back is the way back of everything: nodes can
//! only return to Flannel when Flannel is there again and Cilium is not.

use std::time::Duration;

use super::{
    goes_back,
    specs::{INSTALL, REBOOT, REMOVE},
};
use crate::domain::{
    api::{Finding, NodeMigrationStatus, Severity, Target},
    checks,
    decide::Round,
    effect::Proof,
    evidence::Evidence,
    facts::Cni,
    host::HostTask,
    plan::{Planned, Preview},
    progress::Progress,
    reason::{Reason, Waiting},
    steps::{CheckReboot, Clean, Cordon, NodeStep, Path, Restart, RestartPods, Site, Step, Uncordon, Verify, proofs},
    strategy::{HostWork, ONLY_WHOLE, Phase, PhaseId, PhaseSpec, Roll, Standing, Start, flannel, release, roll},
    text,
    view::View,
};

/// Cleans and reboots the nodes.
pub(super) struct Reboot;

const FORWARD: Path = &[&CheckReboot, &Cordon, &Clean, &Restart, &Verify, &Uncordon, &RestartPods];
const BACK: Path = &[&Cordon, &Restart, &Verify, &Uncordon, &RestartPods];

impl Phase for Reboot {
    fn spec(&self) -> &'static PhaseSpec {
        &REBOOT
    }

    fn standing(&self, view: &View<'_>) -> Standing {
        roll::standing(self, view)
    }

    fn advance(&self, round: &mut Round<'_>) -> Progress {
        roll::advance(self, self, round)
    }

    fn undo(&self, round: &mut Round<'_>) -> Progress {
        if !round.view.has_begun(PhaseId::of(&INSTALL)) {
            return Progress::Done;
        }
        if round.view.migration.spec.target != Target::Flannel && !round.view.has_begun(self.id()) {
            return Progress::Done;
        }
        if let Err(progress) = goes_back(&round.view) {
            return progress;
        }
        let put_back = flannel::put_back().advance(round);
        if put_back != Progress::Done {
            return put_back;
        }
        let half_deleted = round.view.has_begun(PhaseId::of(&REMOVE));
        if let Some(progress) = flannel::given_back(round, half_deleted) {
            return progress;
        }
        let uninstalled = release::uninstalled(round);
        if uninstalled != Progress::Done {
            return uninstalled;
        }
        // where none of its agents was ever seen there is nothing on the hosts
        let hosts = if round.pins.agent_image.is_some() { vec![restored(), release::clean()] } else { vec![] };
        let open = hosts.iter().map(|work| work.advance(round)).find(|progress| *progress != Progress::Done);
        open.unwrap_or_else(|| roll::undo(self, round))
    }

    fn preview(&self, view: &View<'_>, way: Target) -> Vec<Planned> {
        if way == Target::Cilium {
            return roll::preview(self, view, way);
        }
        if !release::is_installed(view.facts) && !view.has_begun(PhaseId::of(&INSTALL)) {
            return vec![];
        }
        let gone = view.has_begun(PhaseId::of(&REMOVE)) || view.facts.flannel_daemon_sets().next().is_none();
        let mut changes = flannel::put_back().preview(view);
        changes.extend(gone.then(|| flannel::preview_restore(view)));
        changes.extend(release::is_installed(view.facts).then(|| Preview::from(release::uninstall(view))));
        changes.extend(release::preview_no_key(view));
        changes.extend(restored().preview(view));
        changes.extend(release::clean().preview(view));
        let cluster = changes.into_iter().map(|p| p.planned(self.id(), None, None));
        cluster.chain(roll::preview(self, view, way)).collect()
    }

    fn proofs(&self, view: &View<'_>) -> Vec<Proof> {
        vec![proofs::no_flannel_address(view)]
    }

    fn notices(&self, view: &View<'_>) -> Vec<String> {
        let facts = view.facts;
        let pods = facts.pods_with(Cni::Flannel, None).filter(|p| !p.node.is_empty()).count();
        let nodes = view.nodes_in_order().len();
        let at_once = usize::try_from(view.migration.spec.nodes.max_unavailable).unwrap_or(usize::MAX).min(nodes);
        let mut notices = vec![format!(
            "An outage: {} on {} lose their network until their node has rebooted; {at_once} of them at once, the control plane one by one.",
            text::count(pods, "pod"),
            text::count(nodes, "node"),
        )];
        notices.push(match took(view) {
            Some(took) => {
                let rounds = u32::try_from(nodes.div_ceil(at_once.max(1))).unwrap_or(u32::MAX);
                format!("About {} of it, as long as the nodes took that are through.", text::duration(took * rounds))
            }
            None => "How long is not known until a node is through: with canaries (--canaries 1) the first one tells, alone.".into(),
        });
        notices
    }

    fn goes_back_with_all(&self) -> bool {
        true
    }

    fn roll(&self) -> Option<&'static dyn Roll> {
        Some(&Self)
    }
}

impl Roll for Reboot {
    fn phase(&self) -> PhaseId {
        PhaseId::of(&REBOOT)
    }

    fn path(&self, way: Target) -> Path {
        match way {
            Target::Cilium => FORWARD,
            Target::Flannel => BACK,
        }
    }

    fn has_touched(&self, at: &Site<'_>, status: &NodeMigrationStatus) -> bool {
        let on_cilium = || at.facts.pods_with(Cni::Cilium, Some(&at.node.name)).next().is_some();
        status.evidence.taken_over || status.evidence.restored || at.facts.is_taken_out(at.node) || on_cilium()
    }

    fn start(&self, at: &Site<'_>, status: &NodeMigrationStatus) -> Start {
        let out = status.step.is_out() || at.facts.is_taken_out(at.node);
        if at.way == Target::Flannel || out { &Cordon } else { &CheckReboot }
    }

    fn done(&self, at: &Site<'_>) -> Option<Proof> {
        Some(proofs::no_flannel_address_on(at))
    }

    fn alone(&self, view: &View<'_>) -> Option<Waiting> {
        let back = view.migration.spec.target == Target::Flannel;
        (!back).then(|| Waiting::new(Reason::LockedByPhase, ONLY_WHOLE))
    }
}

/// The slowest node that is through, from its cordon to its end.
fn took(view: &View<'_>) -> Option<Duration> {
    let through = view.facts.node_migrations.values().filter_map(|r| r.status.as_ref());
    let through = through.filter(|s| s.step == NodeStep::Done);
    through.filter_map(|s| Some(text::between(s.steps.first()?.started_at, s.steps.last()?.finished_at?))).max()
}

/// How long the pod network of each node was down: from its cleaning until a new pod on it reached the API server.
pub(super) fn outages(view: &View<'_>) -> Vec<Finding> {
    let at = |status: &NodeMigrationStatus, step: &dyn Step| {
        status.steps.iter().rfind(|s| s.step == NodeStep::At(step.spec())).map(|s| (s.started_at, s.finished_at))
    };
    let down = |status: &NodeMigrationStatus| {
        let (from, to) = (at(status, &Clean)?.0, at(status, &Verify)?.1?);
        Some(text::between(from, to))
    };
    let mut found: Vec<(Duration, Finding)> = vec![];
    for node in view.nodes_in_order() {
        let Some(down) = down(view.status(&node.name)) else { continue };
        let message = format!("its pod network was down for {}", text::duration(down));
        let finding = checks::finding("outage", Severity::Pass, format!("node/{}", node.name), message, "");
        found.push((down, finding));
    }
    let longest = found.iter().map(|(down, _)| *down).max();
    let worst = longest.map(|down| {
        let message = format!("the longest of {} was {}", text::count(found.len(), "node"), text::duration(down));
        checks::finding("outage", Severity::Info, "nodes", message, "")
    });
    worst.into_iter().chain(found.into_iter().map(|(_, finding)| finding)).collect()
}

/// Flannel's configuration is the only one on every host again.
fn restored() -> HostWork {
    HostWork {
        task: HostTask::Restore,
        way: Target::Flannel,
        is_due: |s| !s.evidence.restored,
        mark: |s| {
            s.evidence.restored = true;
            s.evidence.taken_over = false;
        },
        is_done: Some(|evidence: &Evidence| match &evidence.host {
            Some(host) if host.only("10-flannel") => Ok(()),
            Some(host) => Err(Waiting::new(Reason::HostNotReady, host.wants_only("10-flannel"))),
            None => Err(Waiting::new(Reason::HostNotReady, "the host has not been checked yet")),
        }),
        seen_by_hand: Some(|| proofs::only("10-flannel", Duration::from_secs(120))),
    }
}
