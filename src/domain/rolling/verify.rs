//! The step Verify: the host as it should be, nothing leaked, a new pod with the right address.

use super::{
    Progress, View,
    restart::{right_cni, wrong_cni},
};
use crate::domain::{
    api::{NodeMigrationStatus, Target},
    evidence::HostEvidence,
    facts::{NodeFact, PodFact},
    host::HostTask,
    problem::ProblemKind,
    text,
};

/// How often leaks are released before they are only shown.
const RELEASES: u32 = 3;

impl View<'_> {
    pub(super) fn verify(&self, node: &NodeFact, status: &mut NodeMigrationStatus) -> Progress {
        if !node.ready {
            return Progress::Wait(format!("{} is not Ready: {}", node.name, text::safe(&node.not_ready_reason)));
        }
        let wanted = status.direction;
        // what is deleted on this side has to be gone before anybody looks for what it leaves behind
        if let Some(old) = self.facts.pods_with(wrong_cni(wanted), Some(&node.name)).find(|p| p.deleting.is_some()) {
            return Progress::Wait(format!("{} with an old address is terminating", old.key));
        }
        let look = self.look_until(node, status, &HostTask::Look, |evidence| {
            let Some(host) = &evidence.host else { return Err("not looked yet".into()) };
            let file = if wanted == Target::Cilium { "05-cilium" } else { "10-flannel" };
            if host.only(file) {
                return Ok(());
            }
            let confs: Vec<_> = host.active_confs().collect();
            Err(format!("CNI configurations are {}; {file}.conflist alone is wanted", confs.join(", ")))
        });
        if look != Progress::Done {
            return look;
        }
        if status.evidence.probe.is_none() || self.judge_probe(node, status).is_some() {
            let report = match self.task(node, status, &HostTask::Probe) {
                Err(progress) => return progress,
                Ok(report) => report,
            };
            status.evidence.probe = Some(report.probe());
        }
        if let Some(progress) = self.judge_probe(node, status) {
            return progress;
        }
        let sick = self.facts.pods_on(&node.name).find(|p| {
            p.is_daemon() && p.is_living() && !p.host_network && (!p.ready || self.facts.cni_of(p) != right_cni(wanted))
        });
        if let Some(p) = sick {
            let cni = self.facts.cni_of(p).word();
            let ready = if p.ready { "ready" } else { "not ready" };
            return Progress::Wait(format!("pod {} is {ready} (address: {cni})", p.key));
        }
        self.release_leaks(node, status).unwrap_or(Progress::Done)
    }

    /// Addresses whose pod is gone are released; the host itself makes sure that no sandbox has them. An address is
    /// taken before its pod says so: only what a second look, with every pod up, still sees is a leak.
    fn release_leaks(&self, node: &NodeFact, status: &mut NodeMigrationStatus) -> Option<Progress> {
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
        if self.is_manual(&task) {
            status.commands = task.by_hand(&node.name);
            // leaked addresses hold nothing up: they are shown until somebody has released them
            return None;
        }
        match self.task(node, status, &task) {
            Err(progress) => Some(progress),
            Ok(report) => {
                status.evidence.releases += 1;
                self.took_look(node, status, task.name(), &report);
                self.release_leaks(node, status)
            }
        }
    }

    fn judge_probe(&self, node: &NodeFact, status: &NodeMigrationStatus) -> Option<Progress> {
        let probe = status.evidence.probe.as_ref()?;
        let as_pod = PodFact { node: node.name.clone(), ip: probe.address.parse().ok(), ..PodFact::default() };
        let cni = self.facts.cni_of(&as_pod);
        let wanted = right_cni(status.direction);
        let message = if cni != wanted {
            format!(
                "a new pod got {}, an address of {} instead of {}",
                text::safe(&probe.address),
                cni.word(),
                wanted.word()
            )
        } else if !probe.api_reached {
            format!("a new pod ({}) does not reach the API server", text::safe(&probe.address))
        } else {
            return None;
        };
        Some(Progress::Fail {
            message,
            object: format!("node/{}", node.name),
            next: "The node stays cordoned, so nothing lands on it. The probe is tried again; `r` rolls the node back."
                .into(),
            kind: ProblemKind::Failed,
        })
    }
}
