//! The last phase: prove that the cluster is on Cilium.

use super::{Approval, Phase, PhaseSpec, Standing};
use crate::domain::{
    api::{Severity, Target},
    checks,
    decide::Round,
    effect::Proof,
    plan::Planned,
    progress::Progress,
    reason::Reason,
    steps::proofs,
    view::View,
};

/// Proves that every pod is on Cilium and that nothing of Flannel is left.
pub struct Verify;

static SPEC: PhaseSpec = PhaseSpec {
    id: "Verify",
    purpose: "Proves that every pod is on Cilium and that nothing of Flannel is left.",
    undo: "Nothing is changed on the cluster.",
    approval: Approval::Key,
};

impl Phase for Verify {
    fn spec(&self) -> &'static PhaseSpec {
        &SPEC
    }

    fn standing(&self, _: &View<'_>) -> Standing {
        Standing::NotBegun
    }

    fn advance(&self, round: &mut Round<'_>) -> Progress {
        let findings = checks::verification(&round.view);
        let blocking = findings.iter().find(|f| f.severity == Severity::Block);
        let progress = blocking.map_or(Progress::Done, |f| {
            let message = format!("{}: {}", f.object, f.message);
            Progress::wait_on(Reason::CheckFailed, f.object.clone(), message)
        });
        round.findings = findings;
        progress
    }

    fn undo(&self, _: &mut Round<'_>) -> Progress {
        Progress::Done
    }

    fn preview(&self, _: &View<'_>, _: Target) -> Vec<Planned> {
        vec![]
    }

    fn proofs(&self, view: &View<'_>) -> Vec<Proof> {
        vec![proofs::no_flannel_address(view)]
    }
}
