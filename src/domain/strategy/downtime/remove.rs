//! Remove: Flannel's objects. What it left on the nodes goes when they reboot.

use super::specs::{REBOOT, REMOVE};
use crate::domain::{
    api::Target,
    decide::Round,
    plan::{Planned, Preview},
    progress::Progress,
    reason::{Reason, Waiting},
    strategy::{Phase, PhaseId, PhaseSpec, Standing, flannel},
    view::View,
};

/// Deletes Flannel's objects.
pub(super) struct Remove;

impl Phase for Remove {
    fn spec(&self) -> &'static PhaseSpec {
        &REMOVE
    }

    fn standing(&self, view: &View<'_>) -> Standing {
        if view.has_begun(PhaseId::of(&REBOOT)) && view.facts.flannel_daemon_sets().next().is_none() {
            Standing::Done
        } else if view.has_begun(self.id()) {
            Standing::Begun
        } else {
            Standing::NotBegun
        }
    }

    fn advance(&self, round: &mut Round<'_>) -> Progress {
        let there = round.view.facts.flannel_daemon_sets().next().is_some();
        if let Some(waiting) = not_taken_over(round).filter(|_| there) {
            return Progress::Wait(waiting);
        }
        flannel::backed_up(round).or_else(|| flannel::deleted(round)).unwrap_or(Progress::Done)
    }

    fn undo(&self, round: &mut Round<'_>) -> Progress {
        if !round.view.has_begun(self.id()) {
            return Progress::Done;
        }
        flannel::given_back(round, true).unwrap_or(Progress::Done)
    }

    fn preview(&self, view: &View<'_>, way: Target) -> Vec<Planned> {
        let there = view.facts.flannel_daemon_sets().next().is_some();
        let change: Option<Preview> = match way {
            Target::Cilium => there.then(|| flannel::delete(view, "").into()),
            // the way back of everything begins with it: see the phase that reboots the nodes
            Target::Flannel => None,
        };
        change.into_iter().map(|p| p.planned(self.id(), None, None)).collect()
    }
}

/// A node that Cilium has not taken over yet, on which no new pod could start without Flannel.
fn not_taken_over(round: &Round<'_>) -> Option<Waiting> {
    let facts = round.view.facts;
    let node = facts.nodes.values().find(|n| {
        !round.records.get(&n.name).evidence.taken_over || facts.agent_on(&n.name).is_none_or(|agent| !agent.ready)
    })?;
    let message =
        format!("{} was not seen to be Cilium's, or its agent is not ready: it still needs Flannel", node.name);
    Some(Waiting::new(Reason::AgentsNotReady, message).on(format!("node/{}", node.name)))
}
