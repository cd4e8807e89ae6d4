//! The first phase of every strategy: look at the cluster and change nothing.

use super::{Approval, FIRST, Phase, PhaseSpec, Standing};
use crate::domain::{
    api::{Pin, Severity, Target},
    checks,
    decide::Round,
    plan::Planned,
    problem::Problem,
    progress::Progress,
    reason::Reason,
    view::View,
};

/// Looks at the cluster and lists what would stand in the way.
pub struct Preflight;

static SPEC: PhaseSpec = PhaseSpec {
    id: FIRST,
    purpose: "Looks at the cluster and lists what would stand in the way. Changes nothing.",
    undo: "Nothing is changed on the cluster.",
    approval: Approval::None,
};

impl Phase for Preflight {
    fn spec(&self) -> &'static PhaseSpec {
        &SPEC
    }

    fn standing(&self, view: &View<'_>) -> Standing {
        // once the migration has changed the cluster it no longer looks like one that nothing was done to; also where a
        // half install was taken away again
        let recorded = || view.strategy.after(self.id()).any(|p| view.has_begun(p.id()));
        let begun = view.is_started() && (view.is_begun_after(self.id()) || recorded());
        if begun { Standing::Done } else { Standing::NotBegun }
    }

    fn advance(&self, round: &mut Round<'_>) -> Progress {
        let findings = checks::preflight(&round.view);
        let blocking = findings.iter().find(|f| f.severity == Severity::Block);
        let progress = blocking.map_or(Progress::Done, |f| {
            Progress::Fail(Reason::CheckFailed, Problem::new(f.object.clone(), f.message.clone(), f.remedy.clone()))
        });
        round.findings = findings;
        // one that appears later is another actor's: this phase is asked until the first change
        if progress == Progress::Done {
            round.pins.flannel = round.view.facts.any_flannel_daemon_sets().map(|d| Pin::from(&d.key)).collect();
        }
        progress
    }

    fn undo(&self, _: &mut Round<'_>) -> Progress {
        Progress::Done
    }

    fn preview(&self, _: &View<'_>, _: Target) -> Vec<Planned> {
        vec![]
    }
}
