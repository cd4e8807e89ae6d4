//! Check: is the node fit to be moved?

use std::time::Duration;

use super::{Presence, Site, Step, StepSpec, proofs, secs, tasks};
use crate::domain::{
    api::NodeMigrationStatus,
    consent::Wanted,
    drain::verdict::{self, Verdict},
    effect::Proof,
    evidence::Evidence,
    facts::{ATTACHMENTS, PodFact},
    host::HostTask,
    plan::Preview,
    problem::Problem,
    progress::Progress,
    reason::{Reason, Waiting},
    text,
};

/// Is the node fit to be moved? Changes nothing.
pub struct Check;

/// How long a host stays as it was seen where an operator has to change it.
const CHECK_AGAIN: Duration = Duration::from_secs(10);

static SPEC: StepSpec = StepSpec {
    id: "Check",
    does: "checks the node, its Cilium agent, Flannel's pod, whether task pods are admitted, whether its pods can leave, and its host where a Multus may be on it",
    budget: secs(60),
    presence: Presence::AtRest,
};

impl Step for Check {
    fn spec(&self) -> &'static StepSpec {
        &SPEC
    }

    fn advance(&self, at: &Site<'_>, status: &mut NodeMigrationStatus) -> Progress {
        let fit =
            fit_for_cilium(at).and_then(|()| with_flannel(at)).and_then(|()| admitted(at)).and_then(|()| drainable(at));
        match fit {
            Err(waiting) => Progress::Wait(waiting),
            Ok(()) if may_have_multus(at, status) => checked(at, status),
            Ok(()) => Progress::Done,
        }
    }

    fn preview(&self, at: &Site<'_>) -> Vec<Preview> {
        if !is_multus_suspected(at) {
            return vec![];
        }
        tasks::preview_until(at, HostTask::Look, [proofs::first_is_known(SPEC.budget)])
    }

    fn proofs(&self, at: &Site<'_>) -> Vec<Proof> {
        let node = &at.node.name;
        let flannel = at.facts.flannel_daemon_sets().map(|d| proofs::pod_is_ready(&d.key, node));
        let proofs = [proofs::is_ready(node), proofs::agent_is_ready(at), proofs::has_range(node)];
        proofs.into_iter().chain(flannel).map(|p| p.within(SPEC.budget)).collect()
    }
}

/// A Multus that no DaemonSet of the cluster tells of, as where a distribution runs it: networks are defined for it, or
/// asked for.
fn is_multus_suspected(at: &Site<'_>) -> bool {
    at.facts.crds.contains_key(ATTACHMENTS) || at.facts.pods_on(&at.node.name).any(PodFact::wants_networks)
}

/// The same, where the node has not been changed yet: what Cutover has put before its CNIs is no other one.
fn may_have_multus(at: &Site<'_>, status: &NodeMigrationStatus) -> bool {
    let is_changed = at.node.multus.is_some() || at.node.switched || status.evidence.multus;
    !is_changed && is_multus_suspected(at)
}

/// The host is looked at; one that an operator has to change less often than one that changes by itself.
fn checked(at: &Site<'_>, status: &mut NodeMigrationStatus) -> Progress {
    let seen = status.evidence.host.as_ref().and_then(|h| h.at);
    if seen.is_some_and(|seen| text::between(seen, at.now) < CHECK_AGAIN)
        && let Err(waiting) = without_other(at, &status.evidence)
    {
        return Progress::Wait(waiting);
    }
    tasks::check_until(at, status, &HostTask::Look, |evidence| without_other(at, evidence))
}

/// The host begins with a CNI configuration that Cilium may take the place of. Its agent would rename another one, and
/// what that gives to pods would be missed only when they start.
fn without_other(at: &Site<'_>, evidence: &Evidence) -> Result<(), Waiting> {
    let wait = |reason, message: String| Err(Waiting::new(reason, message).on(at.object()));
    match &evidence.host {
        None => wait(Reason::HostNotReady, "the host has not been checked yet".into()),
        Some(host) if host.first_is_known() => Ok(()),
        Some(host) => {
            let first = text::safe(host.active_confs().next().unwrap_or("none")).into_owned();
            let message = format!(
                "{first} is the first CNI configuration of {}, neither Flannel's nor Cilium's: it cannot be kept, and pods would lose what it gives them. Take it off the host first (cutover explain multus); nothing is changed on the node",
                at.node.name
            );
            wait(Reason::OtherCni, message)
        }
    }
}

/// Nothing is taken out on the way back that could not return: the same is asked as before the way forward, but for
/// Cilium, which may be what is broken.
///
/// # Errors
/// What it waits for.
pub fn may_go_back(at: &Site<'_>) -> Result<(), Waiting> {
    with_flannel(at).and_then(|()| admitted(at)).and_then(|()| drainable(at))
}

fn with_flannel(at: &Site<'_>) -> Result<(), Waiting> {
    let name = &at.node.name;
    if at.facts.flannel_on(name).is_some_and(|f| f.ready) {
        return Ok(());
    }
    let message = format!("Flannel's pod on {name} is not ready: it is the way back");
    Err(Waiting::new(Reason::FlannelNotReady, message).on(at.object()))
}

/// The node is Ready, and Cilium could take its pods.
pub(super) fn fit_for_cilium(at: &Site<'_>) -> Result<(), Waiting> {
    let name = &at.node.name;
    let wait = |reason, object: String, message: String| Err(Waiting::new(reason, message).on(object));
    if let Some(waiting) = at.not_ready() {
        return Err(waiting);
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
    Ok(())
}

/// A node that was taken out could not come back without its task pods.
pub(super) fn admitted(at: &Site<'_>) -> Result<(), Waiting> {
    tasks::admitted(&at.view)?;
    if tasks::not_asked(&at.view) {
        let message = "asking the API server whether it admits the task pods";
        return Err(Waiting::new(Reason::TaskRunning, message).on(at.object()));
    }
    Ok(())
}

pub(super) fn drainable(at: &Site<'_>) -> Result<(), Waiting> {
    let consents = &at.migration.spec.consents;
    let drain = at.sorted();
    match verdict::judge_drain(at.facts, &drain, consents, at.now) {
        Verdict::Clean => verdict::behind(at.facts, &drain).map_or(Ok(()), |b| {
            let message = format!("cannot be drained yet: {}. {}", b.problem.message, b.problem.remedy);
            Err(Waiting::new(Reason::CannotDrainYet, message).on(b.problem.object))
        }),
        Verdict::NeedsConsent(wanted) => Err(needs_consent(&wanted)),
        Verdict::Impossible { pod, problem } => {
            let Problem { object, message, remedy, .. } = problem;
            let message = format!("cannot be drained: {pod}: {message}. Fix {object}: {remedy}");
            Err(Waiting::new(Reason::CannotDrain, message).on(object))
        }
    }
}

/// An operator has to consent to these first.
pub(super) fn needs_consent(wanted: &[Wanted]) -> Waiting {
    let first: Vec<String> = wanted.iter().take(3).map(ToString::to_string).collect();
    let more = wanted.len().saturating_sub(3);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let object = wanted.first().map(|w| w.object.clone()).unwrap_or_default();
    Waiting::new(Reason::NeedsConsent, format!("needs consent {}{more}", first.join(", "))).on(object)
}
