//! Multus before the CNIs of a node, in one order or the other, or gone. Its pod writes the configuration, and a label of
//! the node says which pod: a change of it concerns only pods that start afterwards, so that the node is empty by then.

use super::{
    Presence, Site, Step, StepSpec, agent::delete, cordon::cordoned, drain, proofs, secs, site::is_before, tasks,
};
use crate::domain::{
    api::NodeMigrationStatus,
    effect::{Effect, Proof},
    evidence::Evidence,
    facts::{Order, PodFact},
    host::HostTask,
    plan::Preview,
    progress::Progress,
    reason::{Reason, Waiting},
};

/// Multus calls Flannel first, Cilium second.
pub struct FlannelFirst;
/// Multus calls Cilium first, Flannel second.
pub struct CiliumFirst;
/// Multus leaves the node.
pub struct LeaveMultus;

/// Why its pod is deleted.
const WHY: &str = "it writes 00-multus.conf when it starts";

static FLANNEL_FIRST: StepSpec = StepSpec {
    id: "FlannelFirst",
    does: "labels the node for Multus: new pods get an address of Flannel, and one of Cilium on a second interface",
    budget: secs(120),
    presence: Presence::Out,
};

static CILIUM_FIRST: StepSpec = StepSpec {
    id: "CiliumFirst",
    does: "labels the node for Multus: new pods get an address of Cilium, and one of Flannel on a second interface",
    budget: secs(120),
    presence: Presence::Out,
};

static LEAVE: StepSpec = StepSpec {
    id: "LeaveMultus",
    does: "removes Multus' label, waits until its pod is gone, moves 00-multus.conf and the plugin to a backup, deletes its cache",
    budget: secs(120),
    presence: Presence::Out,
};

impl Step for FlannelFirst {
    fn spec(&self) -> &'static StepSpec {
        &FLANNEL_FIRST
    }

    fn enter(&self, _: &Site<'_>, status: &mut NodeMigrationStatus) {
        begin(status);
    }

    fn advance(&self, at: &Site<'_>, status: &mut NodeMigrationStatus) -> Progress {
        put(at, status, Order::FlannelFirst)
    }

    fn preview(&self, at: &Site<'_>) -> Vec<Preview> {
        preview(at, Order::FlannelFirst, &FLANNEL_FIRST)
    }
}

impl Step for CiliumFirst {
    fn spec(&self) -> &'static StepSpec {
        &CILIUM_FIRST
    }

    fn enter(&self, _: &Site<'_>, status: &mut NodeMigrationStatus) {
        begin(status);
    }

    fn advance(&self, at: &Site<'_>, status: &mut NodeMigrationStatus) -> Progress {
        put(at, status, Order::CiliumFirst)
    }

    fn preview(&self, at: &Site<'_>) -> Vec<Preview> {
        preview(at, Order::CiliumFirst, &CILIUM_FIRST)
    }
}

impl Step for LeaveMultus {
    fn spec(&self) -> &'static StepSpec {
        &LEAVE
    }

    fn advance(&self, at: &Site<'_>, status: &mut NodeMigrationStatus) -> Progress {
        if let Some(progress) = cordoned(at) {
            return progress;
        }
        if at.node.multus.is_some() {
            // without another configuration its pod, and the token that it keeps, are still needed
            let another = tasks::check_until(at, status, &HostTask::Look, has_another);
            if another != Progress::Done {
                return another;
            }
            let label = || Progress::act(set(at, None), "remove Multus' label");
            return drain::still_empty(at, status).unwrap_or_else(label);
        }
        // one that starts again writes its file again
        if let Some(pod) = Order::BOTH.into_iter().find_map(|order| pod(at, order)) {
            let message = format!("{} is terminating", pod.key);
            return Progress::wait_on(Reason::PodsTerminating, format!("pod/{}", pod.key), message);
        }
        tasks::change_until(at, status, &HostTask::CleanMultus, without_multus)
    }

    fn leave(&self, _: &Site<'_>, status: &mut NodeMigrationStatus) {
        status.evidence.multus = false;
    }

    fn preview(&self, at: &Site<'_>) -> Vec<Preview> {
        let mut changes = tasks::preview_until(at, HostTask::Look, [proofs::another_conf(LEAVE.budget)]);
        let label = Preview::from(set(at, None)).after([drain::emptied(at, true)]);
        changes.push(label.then([proofs::no_multus(at)]));
        changes.extend(tasks::preview_until(at, HostTask::CleanMultus, [seen_without_multus()]));
        changes
    }
}

/// The same, of a report.
pub(crate) fn seen_without_multus() -> Proof {
    proofs::no_multus_file(LEAVE.budget)
}

fn has_another(evidence: &Evidence) -> Result<(), Waiting> {
    let not_yet = |message: &str| Err(Waiting::new(Reason::HostNotReady, message));
    match &evidence.host {
        None => not_yet("the host has not been checked yet"),
        Some(host) if host.has_another_conf() => Ok(()),
        Some(_) => not_yet(
            "00-multus.conf is the only CNI configuration of the host: restart Flannel's pod, which writes its own",
        ),
    }
}

/// From here on its file may be on the host.
const fn begin(status: &mut NodeMigrationStatus) {
    status.evidence.multus = true;
    status.evidence.cleaned_of_multus = false;
}

fn set(at: &Site<'_>, order: Option<Order>) -> Effect {
    Effect::SetMultus { node: at.node.name.clone(), order }
}

/// The node's pod for an order, whether its DaemonSet is there or not.
fn pod<'a>(at: &Site<'a>, order: Order) -> Option<&'a PodFact> {
    let set = order.daemon_set(&at.migration.spec.cilium.namespace);
    let is_its = |p: &&PodFact| {
        p.key.namespace == set.namespace
            && p.owner.as_ref().is_some_and(|o| &*o.kind == "DaemonSet" && o.name == set.name)
    };
    at.facts.pods_on(&at.node.name).filter(is_its).min_by_key(|p| p.deleting.is_some())
}

fn put(at: &Site<'_>, status: &mut NodeMigrationStatus, order: Order) -> Progress {
    if let Some(progress) = cordoned(at) {
        return progress;
    }
    if at.node.multus != Some(order) {
        let label = || Progress::act(set(at, Some(order)), "label the node for Multus");
        return drain::still_empty(at, status).unwrap_or_else(label);
    }
    let other = Order::BOTH.into_iter().filter(|o| *o != order).find_map(|o| pod(at, o));
    if let Some(pod) = other {
        let message = format!("{} is terminating", pod.key);
        return Progress::wait_on(Reason::PodsTerminating, format!("pod/{}", pod.key), message);
    }
    match pod(at, order) {
        Some(pod) if pod.ready && pod.deleting.is_none() => {
            // an agent has renamed what it wrote, and it writes only when it starts
            let checked = status.evidence.host.as_ref().filter(|h| h.at.is_some());
            let is_old = pod.created.zip(status.since).is_some_and(|(created, since)| created < since);
            if is_old && checked.is_some_and(|h| !h.begins_with_multus()) {
                return Progress::act(delete(pod, WHY), "restart Multus' pod");
            }
        }
        Some(pod) => {
            let message = format!("Multus' pod {} is not ready: {}", pod.key.name, pod.state());
            return Progress::wait_on(Reason::MultusNotReady, format!("pod/{}", pod.key), message);
        }
        None => {
            let message = format!("waits for the pod of daemonset/{}", order.object());
            return Progress::wait_on(Reason::MultusNotReady, at.object(), message);
        }
    }
    tasks::check_until(at, status, &HostTask::Look, |evidence| {
        let not_yet = |message: String| Err(Waiting::new(Reason::HostNotReady, message));
        let Some(host) = &evidence.host else { return not_yet("the host has not been checked yet".into()) };
        is_before(host, order).or_else(not_yet)
    })
}

/// Nothing of Multus is on the host.
pub(crate) fn without_multus(evidence: &Evidence) -> Result<(), Waiting> {
    let not_yet = |message: &str| Err(Waiting::new(Reason::HostNotReady, message));
    match &evidence.host {
        None => not_yet("the host has not been checked yet"),
        Some(host) if host.has_multus() => not_yet("00-multus.conf is still on the host"),
        Some(_) => Ok(()),
    }
}

fn preview(at: &Site<'_>, order: Order, spec: &StepSpec) -> Vec<Preview> {
    let set_ = Preview::from(set(at, Some(order))).after([drain::emptied(at, true)]);
    let daemon_set = order.daemon_set(&at.migration.spec.cilium.namespace);
    let label = set_.then([proofs::pod_is_ready(&daemon_set, &at.node.name)]);
    // one that is there already, and whose file an agent has renamed
    let restart =
        pod(at, order).map(|p| Preview::when("00-multus.conf was renamed", delete(p, WHY)).met(proofs::renamed()));
    let seen = tasks::preview_until(at, HostTask::Look, [proofs::multus(order, spec.budget)]);
    std::iter::once(label).chain(restart).chain(seen).collect()
}
