//! Task pods: run one, read what it reported, sweep it away.

use std::time::Duration;

use super::{Context, Progress};
use crate::domain::{
    api::NodeMigrationStatus,
    effect::Effect,
    evidence::Evidence,
    facts::{Facts, NodeFact, PodFact},
    host::{HostTask, Report},
    text,
};

/// How long a report that did not satisfy is left alone before the next look, in milliseconds.
const LOOK_AGAIN: i64 = 1_000;

impl Context<'_> {
    /// Runs a task on a node and hands its report over once; `Err` is what to do until then.
    ///
    /// # Errors
    /// The progress to report meanwhile.
    pub(super) fn task(
        &self,
        node: &NodeFact,
        status: &mut NodeMigrationStatus,
        task: &HostTask,
    ) -> Result<Report, Progress> {
        let nth = status.evidence.looks;
        let name = task.pod_name(&node.name, nth);
        let namespace = &self.migration.spec.cilium.namespace;
        let pod = self.facts.pods.values().find(|p| *p.key.name == *name && *p.key.namespace == **namespace);
        let Some(pod) = pod else {
            if let Some(wait) = self.backing_off(status) {
                return Err(wait);
            }
            let Some(image) = task_image(self.facts) else {
                return Err(Progress::Wait("waits for a Cilium agent whose image the task pods can use".into()));
            };
            let (node, namespace) = (node.name.clone(), namespace.clone());
            let why = task.purpose();
            return Err(Progress::act(Effect::Task { node, task: task.clone(), nth, namespace, image }, why));
        };
        let Some((code, message)) = &pod.report else {
            let why = if pod.reason.is_empty() { pod.phase.to_string() } else { text::safe(&pod.reason).into_owned() };
            return Err(Progress::Wait(format!("task pod {} is {why}", pod.key.name)));
        };
        let report = Report::parse(message);
        status.evidence.looks += 1;
        if *code != 0 || !report.is_complete() {
            let said = report.get("error").map_or_else(|| format!("it ended with {code} and no report"), str::to_owned);
            return Err(Progress::Fail {
                message: format!("task {task} failed: {}", text::safe(&said)),
                object: format!("node/{}", node.name),
                next: "The node is cordoned and nothing else was changed. Look at the node; the task is tried again."
                    .into(),
            });
        }
        Ok(report)
    }

    /// A task that failed is tried again, ever more slowly.
    fn backing_off(&self, status: &NodeMigrationStatus) -> Option<Progress> {
        let error = status.last_error.as_ref()?;
        let pause = Duration::from_secs(u64::from(error.count.min(6)) * 5);
        let left = pause.checked_sub(text::between(error.at, self.now)).filter(|d| !d.is_zero())?;
        Some(Progress::Wait(format!(
            "{}; tried again in {}",
            error.message,
            text::duration(left + Duration::from_secs(1))
        )))
    }

    /// Looks at the host until `satisfied`; the evidence stays in the record.
    pub(super) fn look_until(
        &self,
        node: &NodeFact,
        status: &mut NodeMigrationStatus,
        task: &HostTask,
        satisfied: impl Fn(&Evidence) -> Result<(), String>,
    ) -> Progress {
        if let Some(at) = status.evidence.host.as_ref().and_then(|h| h.at) {
            match satisfied(&status.evidence) {
                Ok(()) => return Progress::Done,
                Err(why) if self.now.duration_since(at).as_millis() < i128::from(LOOK_AGAIN) => {
                    return Progress::Wait(why);
                }
                Err(_) => {}
            }
        }
        match self.task(node, status, task) {
            Err(progress) => progress,
            Ok(report) => {
                status.evidence.host = Some(report.host(task.name(), self.now));
                status.evidence.leaked_leases = leaked(self.facts, node, &report);
                satisfied(&status.evidence).map_or_else(Progress::Wait, |()| Progress::Done)
            }
        }
    }

    /// Task pods whose report was taken: they can go.
    pub fn sweep(&self) -> Vec<Effect> {
        self.facts
            .pods
            .values()
            .filter(|p| p.task.is_some() && p.report.is_some() && p.deleting.is_none() && !self.is_awaited(p))
            .map(|p| Effect::DeletePod { pod: p.key.clone(), uid: p.uid.clone(), why: "its report was taken" })
            .collect()
    }

    fn is_awaited(&self, pod: &PodFact) -> bool {
        let nth = self.status(&pod.node).evidence.looks;
        pod.key.name.ends_with(&format!("-{}-{nth}", pod.node))
    }
}

/// Leases whose address no pod of the node has.
fn leaked(facts: &Facts, node: &NodeFact, report: &Report) -> Vec<String> {
    report
        .leases()
        .filter(|l| l.parse().is_ok_and(|ip| !facts.pods_on(&node.name).any(|p| p.ip == Some(ip))))
        .map(str::to_owned)
        .collect()
}

/// The agent's image: it is on every node that runs an agent, and never pulled.
pub(crate) fn task_image(facts: &Facts) -> Option<std::sync::Arc<str>> {
    facts.cilium_agents().map(|d| d.image.clone())
}
