//! Check: is the node fit to be moved?

use super::{Presence, Site, Step, StepSpec, proofs, secs, tasks};
use crate::domain::{
    api::NodeMigrationStatus,
    consent::Wanted,
    drain::verdict::{self, Verdict},
    effect::Proof,
    problem::Problem,
    progress::Progress,
    reason::Reason,
};

/// Is the node fit to be moved? Changes nothing.
pub struct Check;

static SPEC: StepSpec = StepSpec {
    id: "Check",
    does: "checks the node, its Cilium agent, Flannel's pod, whether task pods are admitted, and whether its pods can leave",
    budget: secs(60),
    presence: Presence::AtRest,
};

impl Step for Check {
    fn spec(&self) -> &'static StepSpec {
        &SPEC
    }

    fn advance(&self, at: &Site<'_>, _: &mut NodeMigrationStatus) -> Progress {
        unfit(at).or_else(|| refused(at)).unwrap_or_else(|| drainable(at))
    }

    fn proofs(&self, at: &Site<'_>) -> Vec<Proof> {
        let node = &at.node.name;
        let flannel = at.facts.flannel_daemon_sets().map(|d| proofs::pod_is_ready(&d.key, node));
        let proofs = [proofs::is_ready(node), proofs::agent_is_ready(at), proofs::has_range(node)];
        proofs.into_iter().chain(flannel).map(|p| p.within(SPEC.budget)).collect()
    }
}

fn unfit(at: &Site<'_>) -> Option<Progress> {
    let name = &at.node.name;
    without_cilium(at).or_else(|| {
        at.facts.flannel_on(name).is_none_or(|f| !f.ready).then(|| {
            let message = format!("Flannel's pod on {name} is not ready: it is the way back");
            Progress::wait_on(Reason::FlannelNotReady, at.object(), message)
        })
    })
}

/// The node is not Ready, or Cilium could not take its pods.
pub(super) fn without_cilium(at: &Site<'_>) -> Option<Progress> {
    let name = &at.node.name;
    let wait = |reason, object: String, message: String| Some(Progress::wait_on(reason, object, message));
    if let Some(progress) = at.not_ready() {
        return Some(progress);
    }
    match at.facts.agent_on(name) {
        None => return wait(Reason::AgentsNotReady, at.object(), format!("no Cilium agent on {name}")),
        Some(a) if !a.ready => {
            return wait(
                Reason::AgentsNotReady,
                format!("pod/{}", a.key),
                format!("Cilium agent {} is not ready", a.key.name),
            );
        }
        Some(_) => {}
    }
    if !at.facts.cilium_ranges.contains_key(name) {
        return wait(Reason::OperatorNotReady, at.object(), format!("Cilium has given {name} no pod range yet"));
    }
    None
}

/// A node that was taken out could not come back without its task pods.
pub(super) fn refused(at: &Site<'_>) -> Option<Progress> {
    if let Err(waiting) = tasks::admitted(&at.view) {
        return Some(Progress::Wait(waiting));
    }
    tasks::not_asked(&at.view).then(|| {
        let message = "asking the API server whether it admits the task pods";
        Progress::wait_on(Reason::TaskRunning, at.object(), message)
    })
}

pub(super) fn drainable(at: &Site<'_>) -> Progress {
    let consents = &at.migration.spec.consents;
    let drain = at.sorted();
    match verdict::judge_drain(at.facts, &drain, consents, at.now) {
        Verdict::Clean => verdict::behind(at.facts, &drain).map_or(Progress::Done, |b| {
            Progress::wait_on(
                Reason::CannotDrainYet,
                b.problem.object,
                format!("cannot be drained yet: {}. {}", b.problem.message, b.problem.remedy),
            )
        }),
        Verdict::NeedsConsent(wanted) => needs_consent(&wanted),
        Verdict::Impossible { pod, problem } => {
            let Problem { object, message, remedy, .. } = problem;
            let message = format!("cannot be drained: {pod}: {message}. Fix {object}: {remedy}");
            Progress::wait_on(Reason::CannotDrain, object, message)
        }
    }
}

/// An operator has to consent to these first.
pub(super) fn needs_consent(wanted: &[Wanted]) -> Progress {
    let first: Vec<String> = wanted.iter().take(3).map(ToString::to_string).collect();
    let more = wanted.len().saturating_sub(3);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let object = wanted.first().map(|w| w.object.clone()).unwrap_or_default();
    Progress::wait_on(Reason::NeedsConsent, object, format!("needs consent {}{more}", first.join(", ")))
}
