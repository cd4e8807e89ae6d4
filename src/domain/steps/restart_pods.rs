//! RestartPods: what still has an old address on a node that is in service again is restarted.

use super::{
    Presence, Site, Step, StepSpec, check,
    drain::{is_due, leave},
    proofs, secs,
};
use crate::domain::{
    api::NodeMigrationStatus,
    drain::verdict,
    facts::PodFact,
    plan::Preview,
    progress::Progress,
    reason::{Reason, Waiting},
    text,
};

/// Evicts pods that a reboot did not restart, or that are restarted instead of the node.
pub struct RestartPods;

static SPEC: StepSpec = StepSpec {
    id: "RestartPods",
    does: "evicts what is left with an old address; disruption budgets are respected",
    budget: secs(600),
    presence: Presence::Out,
};

const WHY: &str = "it still has an old address";

fn old<'a>(at: &Site<'a>) -> Vec<&'a PodFact> {
    at.old_pods(None).filter(|p| !at.facts.is_task(p)).collect()
}

impl Step for RestartPods {
    fn spec(&self) -> &'static StepSpec {
        &SPEC
    }

    fn advance(&self, at: &Site<'_>, _: &mut NodeMigrationStatus) -> Progress {
        let old = old(at);
        let Some(first) = old.first() else { return Progress::Done };
        let mut sorted = at.sorted();
        let is_old = |pod: &PodFact| old.iter().any(|o| o.uid == pod.uid);
        sorted.consent.retain(|(pod, _)| is_old(pod));
        let due = sorted.evict.iter().chain(&sorted.delete_last).chain(&sorted.stays).filter(|p| is_old(p));
        let effects: Vec<_> =
            due.filter(|p| !p.mirror && p.deleting.is_none() && is_due(at, p)).map(|p| leave(at, p, WHY)).collect();
        let message = format!("{} with old addresses, as {}", text::count(old.len(), "pod"), first.key);
        let waiting = Waiting::new(Reason::PodsOnOldNetwork, message).on(format!("pod/{}", first.key));
        match (effects.is_empty(), verdict::wanted(&sorted)) {
            (false, _) => Progress::Act(effects, waiting),
            (true, wanted) if !wanted.is_empty() => Progress::Wait(check::needs_consent(&wanted)),
            (true, _) => Progress::Wait(waiting),
        }
    }

    fn preview(&self, at: &Site<'_>) -> Vec<Preview> {
        let leaving = old(at).into_iter().filter(|p| !p.mirror);
        leaving.map(|p| Preview::when(WHY, leave(at, p, WHY)).met(proofs::has_address(p))).collect()
    }
}
