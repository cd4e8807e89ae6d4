//! Install: Cilium takes over the CNI configuration of every node.

use super::{
    goes_back,
    specs::{INSTALL, REBOOT},
    values,
};
use crate::domain::{
    api::{PhaseState, Target},
    decide::Round,
    effect::Proof,
    evidence::Evidence,
    host::HostTask,
    plan::{Planned, Preview},
    progress::Progress,
    reason::{Reason, Waiting},
    strategy::{
        HostWork, Phase, PhaseId, PhaseSpec, Standing, flannel,
        release::{self, Upgrade},
    },
    view::View,
};

/// Installs Cilium as the CNI of every node.
pub(super) struct Install;

static UPGRADE: Upgrade = Upgrade { purpose: "install", file: "values-downtime.yaml", values: values::installed };

impl Phase for Install {
    fn spec(&self) -> &'static PhaseSpec {
        &INSTALL
    }

    fn standing(&self, view: &View<'_>) -> Standing {
        // the record of a node is written after the Migration's: an engine that died in between has left it behind
        let seen = || view.nodes_in_order().iter().all(|n| view.status(&n.name).evidence.taken_over);
        if !release::is_installed(view.facts) {
            Standing::NotBegun
        } else if view.has_begun(PhaseId::of(&REBOOT)) || (view.recorded(self.id()) == PhaseState::Done && seen()) {
            // an agent that restarts with its node does not undo the installation
            Standing::Done
        } else {
            Standing::Begun
        }
    }

    /// What the way back needs is kept before the first change.
    fn advance(&self, round: &mut Round<'_>) -> Progress {
        release::forget_way_back(round);
        if let Some(progress) = flannel::backed_up(round) {
            return progress;
        }
        if let Some(progress) = release::keyed(round) {
            return progress;
        }
        let view = &round.view;
        let due = view.facts.cilium_agents().is_none() || view.facts.cilium_config().is_none();
        if let Some(progress) = release::upgrade(view, &UPGRADE, due, "helm installs Cilium") {
            return progress;
        }
        if let Some(progress) = release::agents_ready(view).or_else(|| release::without_range(view)) {
            return progress;
        }
        round.pins.agent_image = view.facts.cilium_agents().map(|agents| agents.image.to_string());
        take_over().advance(round)
    }

    /// The nodes are back on Flannel by now, and Cilium is uninstalled: see the phase that reboots them.
    fn undo(&self, round: &mut Round<'_>) -> Progress {
        if !round.view.has_begun(self.id()) {
            return Progress::Done;
        }
        if let Err(progress) = goes_back(&round.view) {
            return progress;
        }
        round.pins.agent_image = None;
        let definitions = release::without_definitions(&round.view);
        if definitions != Progress::Done {
            return definitions;
        }
        if round.view.facts.flannel_copy().is_some() {
            return Progress::act(flannel::forget(&round.view), "the copy of Flannel's objects is no longer needed");
        }
        round.pins.flannel_copy = None;
        Progress::Done
    }

    fn preview(&self, view: &View<'_>, way: Target) -> Vec<Planned> {
        let changes: Vec<Preview> = match way {
            Target::Flannel => {
                let copy = view.facts.flannel_copy().is_some().then(|| flannel::forget(view).into());
                release::preview_without_definitions(view).into_iter().chain(copy).collect()
            }
            Target::Cilium => {
                let mut changes = release::missing_records(view);
                if self.standing(view) != Standing::Done {
                    let copy = view.facts.flannel_copy().is_none().then(|| flannel::back_up(view).into());
                    changes.extend(copy);
                    changes.extend(release::preview_key(view));
                    changes.extend(release::preview(view, &UPGRADE));
                    changes.extend(take_over().preview(view));
                }
                changes
            }
        };
        changes.into_iter().map(|p| p.planned(self.id(), None, None)).collect()
    }

    fn notices(&self, view: &View<'_>) -> Vec<String> {
        let first = "From here on new pods get Cilium's addresses on every node. New pods wait while the agents start, some 30 s.";
        std::iter::once(first.to_owned()).chain(release::policies(view)).collect()
    }

    fn goes_back_with_all(&self) -> bool {
        true
    }
}

/// Every host is looked at: its agent has written its configuration, and no other is left.
fn take_over() -> HostWork {
    HostWork {
        task: HostTask::Look,
        way: Target::Cilium,
        is_due: |s| !s.evidence.taken_over,
        mark: |s| s.evidence.taken_over = true,
        is_done: Some(has_taken_over),
        seen_by_hand: Some(seen_taken_over),
    }
}

fn seen_taken_over() -> Proof {
    crate::domain::steps::proofs::only("05-cilium", std::time::Duration::from_secs(180))
}

fn has_taken_over(evidence: &Evidence) -> Result<(), Waiting> {
    match &evidence.host {
        None => Err(Waiting::new(Reason::HostNotReady, "the host has not been checked yet")),
        Some(host) if host.only("05-cilium") => Ok(()),
        Some(host) => Err(Waiting::new(Reason::HostNotReady, host.wants_only("05-cilium"))),
    }
}
