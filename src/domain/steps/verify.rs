//! Verify: the host as it should be, nothing leaked, a new pod with the right address.

use std::time::Duration;

use super::{Presence, Site, Step, StepSpec, proofs, restart, secs, tasks};
use crate::domain::{
    api::{NodeMigrationStatus, Target},
    effect::multus::NAME,
    evidence::HostEvidence,
    facts::{Cni, PodFact},
    host::HostTask,
    plan::Preview,
    problem::Problem,
    progress::Progress,
    reason::{Reason, Waiting},
    text,
};

/// When something is released.
const LEFTOVERS: &str = "addresses have leaked, or a hold has left something on the host";

/// How long a probe takes at most where nothing holds it.
const STARTS_WITHIN: Duration = Duration::from_secs(15);

/// How often leaks are released before they are only shown.
const RELEASES: u32 = 3;

/// Checks the host, starts a probe pod, and releases addresses that leaked.
pub struct Verify;

static SPEC: StepSpec = StepSpec {
    id: "Verify",
    does: "checks the host, starts a probe pod that has to reach the API server, releases leaked addresses",
    budget: secs(300),
    presence: Presence::Out,
};

impl Step for Verify {
    fn spec(&self) -> &'static StepSpec {
        &SPEC
    }

    fn enter(&self, _: &Site<'_>, status: &mut NodeMigrationStatus) {
        status.evidence.probe = None;
        status.evidence.releases = 0;
    }

    fn advance(&self, at: &Site<'_>, status: &mut NodeMigrationStatus) -> Progress {
        if let Some(waiting) = at.not_ready() {
            return Progress::Wait(waiting);
        }
        // what is deleted on this side has to be gone before leftovers are looked for
        let old = at.old_pods(Some(status)).find(|p| p.deleting.is_some());
        if let Some(pod) = old {
            let message = format!("{} with an old address is terminating", pod.key);
            return Progress::wait_on(Reason::PodsTerminating, format!("pod/{}", pod.key), message);
        }
        // one that was on its way to the node when the others started again; no other is chased
        if let Some(progress) =
            restart::restart_old(at, status, |p| status.evidence.pods_before.contains(&p.uid.to_string()))
        {
            return progress;
        }
        let checked = tasks::check_until(at, status, &HostTask::Look, |evidence| {
            let not_yet = |message: String| Err(Waiting::new(Reason::HostNotReady, message));
            let Some(host) = &evidence.host else { return not_yet("the host has not been checked yet".into()) };
            match at.network.is_on(host) {
                Err(why) => not_yet(why),
                // what it does not say of its endpoints and its encryption would count as nothing
                Ok(()) if is_silent(at, host) => not_yet(SILENT.into()),
                Ok(()) => Ok(()),
            }
        });
        if checked != Progress::Done {
            return checked;
        }
        if status.evidence.probe.is_none() || judge_probe(at, status).is_some() {
            let report = match tasks::run(at, status, &HostTask::Probe) {
                Err(progress) => return behind_multus(at, status, progress),
                Ok(report) => report,
            };
            status.evidence.probe = Some(report.probe());
        }
        if let Some(progress) = judge_probe(at, status).or_else(|| unhealthy_daemon(at, status)) {
            return progress;
        }
        release_leaks(at, status).unwrap_or(Progress::Done)
    }

    fn leave(&self, at: &Site<'_>, status: &mut NodeMigrationStatus) {
        let count = |cni| u32::try_from(at.facts.pods_with(cni, Some(&at.node.name)).count()).unwrap_or(u32::MAX);
        status.evidence.pods_on_cilium = count(Cni::Cilium);
        status.evidence.pods_on_flannel = count(Cni::Flannel);
    }

    fn preview(&self, at: &Site<'_>) -> Vec<Preview> {
        let mut changes = tasks::preview_until(at, HostTask::Look, [proofs::network(at.network, SPEC.budget)]);
        if let Some(look) = changes.first_mut() {
            look.before.push(proofs::is_ready(&at.node.name));
        }
        changes.extend(tasks::preview_until(at, HostTask::Probe, proofs::probe(at, at.network.cni)));
        let release = HostTask::Release { leases: vec![], endpoints: vec![] };
        let only_if = |p: Preview| p.only_if(LEFTOVERS).met(proofs::hold_leftovers());
        changes.extend(tasks::preview(at, release).into_iter().map(only_if));
        changes
    }
}

/// Why a check of the host is repeated.
const SILENT: &str = "the Cilium agent has not answered yet";

/// The agent, which has the node's addresses now, did not answer when the host was checked.
fn is_silent(at: &Site<'_>, host: &HostEvidence) -> bool {
    at.way == Target::Cilium && tasks::agent_is_silent(at, host)
}

/// A probe that does not start behind Multus, which asks the API server about a pod before it gives it an address. Why it
/// does not says an event of the pod alone.
fn behind_multus(at: &Site<'_>, status: &NodeMigrationStatus, progress: Progress) -> Progress {
    let is_late = status.since.is_some_and(|since| text::between(since, at.now) > STARTS_WITHIN);
    match progress {
        Progress::Wait(waiting) if at.network.multus.is_some() && is_late && waiting.reason == Reason::TaskRunning => {
            let namespace = &at.migration.spec.cilium.namespace;
            let message = format!(
                "{waiting}: Multus gives no address without serviceaccount/{namespace}/{NAME} and a kubeconfig that it can use (an event of the pod says Unauthorized, or that the host must be a URL). Start Cutover again, which applies Multus' objects, and delete Multus' pod on {}, which writes its kubeconfig",
                at.node.name
            );
            Progress::Wait(Waiting { message, ..waiting })
        }
        other => other,
    }
}

fn unhealthy_daemon(at: &Site<'_>, status: &NodeMigrationStatus) -> Option<Progress> {
    let is_old =
        |pod: &PodFact| at.facts.cni_of(pod) != at.network.cni || at.old_pods(Some(status)).any(|p| p.uid == pod.uid);
    let pod = at
        .facts
        .pods_on(&at.node.name)
        .find(|p| p.is_daemon() && p.is_living() && !p.host_network && (!p.ready || is_old(p)))?;
    let cni = at.facts.cni_of(pod).word();
    let ready = if pod.ready { "ready" } else { "not ready" };
    let before = if is_old(pod) { ", of before the change" } else { "" };
    let message = format!("pod {} is {ready} (address: {cni}{before})", pod.key);
    Some(Progress::wait_on(Reason::PodsOnOldNetwork, format!("pod/{}", pod.key), message))
}

/// Addresses whose pod is gone are released; the host itself makes sure that no sandbox has them. An address is taken
/// before its pod says so: only what a second check, with every pod up, still sees is a leak.
fn release_leaks(at: &Site<'_>, status: &mut NodeMigrationStatus) -> Option<Progress> {
    let evidence = &status.evidence;
    let held = evidence.host.as_ref().is_some_and(HostEvidence::has_hold_leftovers);
    let leaked = !evidence.leaked_leases.is_empty() || !evidence.leaked_endpoints.is_empty();
    if !(leaked || held) || evidence.releases > RELEASES {
        return None;
    }
    let number = |e: &String| e.split(' ').next().map(str::to_owned);
    let task = match evidence.releases {
        0 => HostTask::Look,
        _ => HostTask::Release {
            leases: evidence.leaked_leases.clone(),
            endpoints: evidence.leaked_endpoints.iter().filter_map(number).collect(),
        },
    };
    if tasks::is_manual(at, &task) {
        status.commands = task.by_hand(&at.node.name);
        // leaked addresses hold nothing up: they are shown until an operator has released them
        return None;
    }
    match tasks::run(at, status, &task) {
        Err(progress) => Some(progress),
        Ok(report) => {
            tasks::keep_report(at, status, &task, &report);
            let is_silent = status.evidence.host.as_ref().is_some_and(|host| is_silent(at, host));
            // a look that saw half of it does not count
            status.evidence.releases += u32::from(!(is_silent && task == HostTask::Look));
            if is_silent {
                return Some(Progress::wait_on(Reason::HostNotReady, at.object(), SILENT));
            }
            release_leaks(at, status)
        }
    }
}

fn judge_probe(at: &Site<'_>, status: &NodeMigrationStatus) -> Option<Progress> {
    let probe = status.evidence.probe.as_ref()?;
    let as_pod = PodFact { node: at.node.name.clone(), ip: probe.address.parse().ok(), ..PodFact::default() };
    let cni = at.facts.cni_of(&as_pod);
    let wanted = at.network.cni;
    let address = text::safe(&probe.address);
    let message = if cni != wanted {
        format!("a new pod got {address}, an address of {} instead of {}", cni.word(), wanted.word())
    } else if !probe.api_reached {
        format!("a new pod ({address}) does not reach the API server")
    } else {
        return None;
    };
    let remedy = "The node stays cordoned, so no pod lands on it. The probe is tried again; `r` rolls the node back.";
    Some(Progress::Fail(Reason::ProbeFailed, Problem::new(at.object(), message, remedy)))
}
