//! Host tasks: run one, read what it reported, sweep its pod away; or say what to type and look for its effect.

use std::time::Duration;

use super::{Progress, View};
use crate::domain::{
    api::{HostAccess, NodeMigrationStatus, Stage, Target},
    effect::Effect,
    evidence::Evidence,
    facts::{Facts, Key, NodeFact, PodFact},
    host::{HostTask, Report, Way, commands},
    problem::Problem,
    text,
};

/// How long a report that did not satisfy is left alone before the next look, in milliseconds.
const LOOK_AGAIN: i64 = 1_000;

impl View<'_> {
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
        let nth = status.evidence.host_checks;
        let name = task.pod_name(&node.name, nth);
        let pod = self.task_pod(node, status, task);
        let report = self.facts.reports.get(&name).or_else(|| pod?.report.as_ref());
        let Some((code, message)) = report else {
            if let Some(pod) = pod {
                let why =
                    if pod.reason.is_empty() { pod.phase.to_string() } else { text::safe(&pod.reason).into_owned() };
                return Err(Progress::Wait(format!("task pod {} is {why}", pod.key.name)));
            }
            if let Some(wait) = self.backing_off(status) {
                return Err(wait);
            }
            let way = self.way(node, task)?;
            let (node, why) = (node.name.clone(), task.purpose());
            return Err(Progress::act(Effect::Task { node, task: task.clone(), nth, way }, why));
        };
        let report = Report::parse(message);
        status.evidence.host_checks += 1;
        match report.problem(task, &node.name, *code) {
            Some(Problem { object, message, remedy: next, kind }) => {
                Err(Progress::Fail { message, object, next, kind })
            }
            None => Ok(report),
        }
    }

    /// The pod of a task, where there is one.
    pub(super) fn task_pod(&self, node: &NodeFact, status: &NodeMigrationStatus, task: &HostTask) -> Option<&PodFact> {
        let name = task.pod_name(&node.name, status.evidence.host_checks);
        self.facts.pods.get(&Key::new(&self.migration.spec.cilium.namespace, &name))
    }

    /// How a task gets to the node. By hand only what looks goes there, in a pod.
    fn way(&self, node: &NodeFact, task: &HostTask) -> Result<Way, Progress> {
        let hosts = &self.migration.spec.hosts;
        if hosts.access == HostAccess::Ssh && *task != HostTask::Probe {
            return Ok(Way::Ssh { target: commands::ssh_target(&hosts.ssh_target, node) });
        }
        let Some(image) = task_image(self.facts) else {
            return Err(Progress::Wait("waits for a Cilium agent whose image the task pods can use".into()));
        };
        Ok(Way::Pod { namespace: self.migration.spec.cilium.namespace.clone(), image })
    }

    /// Somebody does it by hand: `done` tells by a look whether it is.
    ///
    /// # Errors
    /// What to do until it is.
    pub(super) fn by_hand(
        &self,
        node: &NodeFact,
        status: &mut NodeMigrationStatus,
        task: &HostTask,
        done: impl Fn(&Evidence) -> Result<(), String>,
    ) -> Progress {
        status.commands = task.by_hand(&node.name);
        let look = self.look_until(node, status, &HostTask::Look, done);
        match look {
            Progress::Done => {
                status.commands.clear();
                Progress::Done
            }
            Progress::Wait(why) => {
                let first = status.commands.first().cloned().unwrap_or_default();
                Progress::Wait(format!("yours to do on {}: {first} ({why})", node.name))
            }
            other => other,
        }
    }

    /// Changes on hosts are an operator's.
    pub(super) fn is_manual(&self, task: &HostTask) -> bool {
        self.migration.spec.hosts.access == HostAccess::Manual && !task.only_looks()
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
                self.took_look(node, status, task.name(), &report);
                satisfied(&status.evidence).map_or_else(Progress::Wait, |()| Progress::Done)
            }
        }
    }

    /// Takes in what a task saw of the host.
    pub(super) fn took_look(&self, node: &NodeFact, status: &mut NodeMigrationStatus, task: &str, report: &Report) {
        let unknown = |ip: &str| ip.parse().is_ok_and(|ip| !self.facts.pods_on(&node.name).any(|p| p.ip == Some(ip)));
        let evidence = &mut status.evidence;
        evidence.host = Some(report.host(task, self.now));
        evidence.leaked_leases = report.leases().filter(|l| unknown(l)).map(str::to_owned).collect();
        let endpoints = report.endpoints().filter(|(_, ip)| unknown(ip));
        evidence.leaked_endpoints = endpoints.map(|(id, ip)| format!("{id} {ip}")).collect();
    }

    /// Task pods whose report was taken, and reboots that nobody wants any more: they can go.
    pub fn sweep(&self) -> Vec<Effect> {
        let tasks = self.facts.pods.values().filter(|p| p.task.is_some() && p.deleting.is_none());
        let why = |p: &PodFact| match p.report {
            Some(_) => (!self.is_awaited(p)).then_some("it is finished"),
            None => self.is_unwanted(p).then_some("the node is rolled back instead"),
        };
        let delete = |p: &PodFact, why| Effect::DeleteTaskPod { pod: p.key.clone(), uid: p.uid.clone(), why };
        tasks.filter_map(|p| Some(delete(p, why(p)?))).collect()
    }

    /// A reboot that has not begun, of a node that has turned round.
    fn is_unwanted(&self, pod: &PodFact) -> bool {
        let back =
            self.record(&pod.node).and_then(|r| r.status.as_ref()).is_some_and(|s| s.direction == Target::Flannel);
        pod.task.as_deref() == Some("reboot") && back
    }

    fn is_awaited(&self, pod: &PodFact) -> bool {
        // at the end nobody waits for anything: what is left was asked for before the wish changed
        if self.migration.status.as_ref().is_some_and(|s| matches!(s.phase, Stage::Complete | Stage::RolledBack)) {
            return false;
        }
        let nth = self.status(&pod.node).evidence.host_checks;
        pod.key.name.ends_with(&format!("-{}-{nth}", pod.node))
    }
}

/// The agent's image: it is on every node that runs an agent, and never pulled.
pub(crate) fn task_image(facts: &Facts) -> Option<std::sync::Arc<str>> {
    facts.cilium_agents().map(|d| d.image.clone())
}
