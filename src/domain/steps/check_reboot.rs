//! CheckReboot: is the node fit to be rebooted with its pods on it?

use super::{Presence, Site, Step, StepSpec, check, proofs, secs};
use crate::domain::{
    api::{NodeMigrationStatus, RestartBy},
    drain::verdict,
    effect::Proof,
    progress::Progress,
};

/// Is the node fit to be rebooted with its pods on it? Changes nothing.
pub struct CheckReboot;

static SPEC: StepSpec = StepSpec {
    id: "CheckReboot",
    does: "checks the node, its Cilium agent, whether task pods are admitted, and consents for Jobs at work on it",
    budget: secs(60),
    presence: Presence::AtRest,
};

impl Step for CheckReboot {
    fn spec(&self) -> &'static StepSpec {
        &SPEC
    }

    fn advance(&self, at: &Site<'_>, _: &mut NodeMigrationStatus) -> Progress {
        let fit = check::fit_for_cilium(at).and_then(|()| check::admitted(at));
        let fit = fit.and_then(|()| match at.migration.spec.restart_by {
            // they leave by eviction, as in a drain
            RestartBy::Pods => check::drainable(at),
            // they restart where they are: only a Job's work is lost
            RestartBy::Reboot => {
                let mut wanted = verdict::wanted(&at.sorted());
                wanted.retain(|w| at.needs(w));
                if wanted.is_empty() { Ok(()) } else { Err(check::needs_consent(&wanted)) }
            }
        });
        fit.map_or_else(Progress::Wait, |()| Progress::Done)
    }

    fn proofs(&self, at: &Site<'_>) -> Vec<Proof> {
        let node = &at.node.name;
        let proofs = [proofs::is_ready(node), proofs::agent_is_ready(at), proofs::has_range(node)];
        proofs.into_iter().map(|p| p.within(SPEC.budget)).collect()
    }
}
