//! The step Verify: the host as it should be, nothing leaked, a new pod with the right address.

use super::{Context, Progress, recycle::right_cni};
use crate::domain::{
    api::{NodeMigrationStatus, Target},
    facts::{NodeFact, PodFact},
    host::HostTask,
    text,
};

/// How often leaks are released before they are only shown.
const RELEASES: u32 = 3;

impl Context<'_> {
    pub(super) fn verify(&self, node: &NodeFact, status: &mut NodeMigrationStatus) -> Progress {
        if !node.ready {
            return Progress::Wait(format!("{} is not Ready: {}", node.name, text::safe(&node.not_ready_reason)));
        }
        let wanted = status.direction;
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
        if let Some(progress) = self.release_leaks(node, status) {
            return progress;
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
        sick.map_or(Progress::Done, |p| {
            let cni = self.facts.cni_of(p).word();
            Progress::Wait(format!("pod {} is {} (address: {cni})", p.key, if p.ready { "ready" } else { "not ready" }))
        })
    }

    /// Addresses whose pod is gone are released; the host itself makes sure that no sandbox has them.
    fn release_leaks(&self, node: &NodeFact, status: &mut NodeMigrationStatus) -> Option<Progress> {
        let evidence = &status.evidence;
        if (evidence.leaked_leases.is_empty() && evidence.leaked_endpoints.is_empty()) || evidence.releases >= RELEASES
        {
            return None;
        }
        let number = |e: &String| e.split(' ').next().map(str::to_owned);
        let task = HostTask::Release {
            leases: evidence.leaked_leases.clone(),
            endpoints: evidence.leaked_endpoints.iter().filter_map(number).collect(),
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
                None
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
        })
    }
}
