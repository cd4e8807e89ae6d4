//! Remove: Flannel's objects, then what it left on the nodes.

use super::{facts, specs::REMOVE};
use crate::domain::{
    api::Target,
    decide::Round,
    plan::{Planned, Preview},
    progress::Progress,
    steps::proofs,
    strategy::{Phase, PhaseSpec, Standing, flannel},
    view::View,
};

/// Deletes Flannel's objects and cleans what it left on the nodes.
pub(in crate::domain::strategy) struct Remove;

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
        if round.view.facts.flannel_daemon_sets().next().is_some()
            && let Some(progress) = flannel::backed_up(round)
        {
            return progress;
        }
        flannel::deleted(round).unwrap_or_else(|| flannel::clean(&round.view).advance(round))
    }

    /// What was cleaned is put back, then Flannel's objects come back from the copy.
    fn undo(&self, round: &mut Round<'_>) -> Progress {
        if !facts::is_removed(&round.view) {
            round.pins.flannel_copy = None;
            return Progress::Done;
        }
        // also where another actor has brought Flannel back meanwhile: what is there again is left as it is
        let progress = flannel::put_back().advance(round);
        if progress != Progress::Done {
            return progress;
        }
        flannel::given_back(round, true).unwrap_or_else(|| {
            Progress::act(flannel::forget(&round.view), "the copy of Flannel's objects is no longer needed")
        })
    }

    fn preview(&self, view: &View<'_>, way: Target) -> Vec<Planned> {
        let changes: Vec<Preview> = match way {
            Target::Cilium => {
                let copy = view.facts.flannel_copy().is_none().then(|| flannel::back_up(view));
                let there = view.facts.flannel_daemon_sets().next().is_some();
                let delete = Preview::from(flannel::delete(view, "")).after([proofs::no_flannel_address(view)]);
                let objects = copy.map(Preview::from).into_iter().chain([delete]).filter(|_| there);
                objects.chain(flannel::clean(view).preview(view)).collect()
            }
            Target::Flannel if !facts::is_removed(view) => vec![],
            Target::Flannel => {
                let objects = [flannel::preview_restore(view), flannel::forget(view).into()];
                flannel::put_back().preview(view).into_iter().chain(objects).collect()
            }
        };
        changes.into_iter().map(|p| p.planned(self.id(), None, None)).collect()
    }
}
