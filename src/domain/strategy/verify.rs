//! The last phase: prove that the cluster is on Cilium.

use super::{Approval, HostWork, Phase, PhaseSpec, Standing};
use crate::domain::{
    api::{Severity, Target},
    checks,
    decide::Round,
    effect::Proof,
    encryption::Encryption,
    host::HostTask,
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
        if is_encrypted(&round.view) {
            // what was sent since the nodes were moved
            let looked = look().advance(round);
            if looked != Progress::Done {
                return looked;
            }
        }
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

    fn preview(&self, view: &View<'_>, way: Target) -> Vec<Planned> {
        if way == Target::Flannel || !is_encrypted(view) {
            return vec![];
        }
        look().preview(view).into_iter().map(|p| p.planned(self.id(), None, None)).collect()
    }

    fn proofs(&self, view: &View<'_>) -> Vec<Proof> {
        vec![proofs::no_flannel_address(view)]
    }
}

fn is_encrypted(view: &View<'_>) -> bool {
    view.migration.spec.cilium.encryption != Encryption::None
}

/// Every host says how it encrypts.
const fn look() -> HostWork {
    HostWork {
        task: HostTask::Look,
        way: Target::Cilium,
        is_due: |s| s.evidence.encryption_seen.is_none_or(|seen| s.since.is_some_and(|moved| seen < moved)),
        mark: |s| s.evidence.encryption_seen = s.evidence.host.as_ref().and_then(|h| h.at),
        is_done: None,
        seen_by_hand: None,
    }
}
