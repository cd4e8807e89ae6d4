//! Restore: Flannel's CNI configuration is put back.

use super::{Presence, Site, Step, StepSpec, agent::delete, cordon::cordoned, drain, proofs, secs, tasks};
use crate::domain::{
    api::{NodeMigrationStatus, StepError},
    evidence::Evidence,
    host::HostTask,
    plan::Preview,
    problem::ProblemKind,
    progress::Progress,
    reason::{Reason, Waiting},
};

/// Puts 10-flannel.conflist back and moves 05-cilium.conflist to a backup. Removing the label alone is no rollback:
/// 05-cilium.conflist stays and sorts first (seen on real nodes).
pub struct Restore;

static SPEC: StepSpec = StepSpec {
    id: "Restore",
    does: "puts 10-flannel.conflist back and moves 05-cilium.conflist to a backup with checksums",
    budget: secs(120),
    presence: Presence::Out,
};

/// Where Flannel's pod has to write it.
const NOWHERE: &str = "10-flannel.conflist is nowhere on the host";
const WHY: &str = "its init container writes 10-flannel.conflist";

impl Step for Restore {
    fn spec(&self) -> &'static StepSpec {
        &SPEC
    }

    fn advance(&self, at: &Site<'_>, status: &mut NodeMigrationStatus) -> Progress {
        if !status.evidence.switched {
            return Progress::Done;
        }
        if let Some(progress) = cordoned(at).or_else(|| drain::persistent(at, status)) {
            return progress;
        }
        let manual = tasks::is_manual(at, &HostTask::Restore);
        let restored = |evidence: &Evidence| {
            let host = evidence.host.as_ref().filter(|h| manual || h.task == HostTask::Restore.name());
            if host.is_some_and(|h| h.only_behind_multus("10-flannel")) {
                return Ok(());
            }
            Err(Waiting::new(Reason::HostNotReady, "10-flannel.conflist is not the only CNI configuration yet"))
        };
        match (tasks::change_until(at, status, &HostTask::Restore, restored), at.facts.flannel_on(&at.node.name)) {
            // the file is nowhere on the node: Flannel's pod writes it when it starts
            (Progress::Fail(_, problem), Some(flannel)) if problem.kind == ProblemKind::MissingFile => {
                status.last_error = Some(StepError::next(status.last_error.as_ref(), problem, at.now));
                Progress::act(delete(flannel, WHY), "restart Flannel's pod")
            }
            (progress, _) => progress,
        }
    }

    fn leave(&self, _: &Site<'_>, status: &mut NodeMigrationStatus) {
        status.evidence.switched = false;
    }

    fn preview(&self, at: &Site<'_>) -> Vec<Preview> {
        let mut changes = drain::preview_persistent(at);
        changes.extend(tasks::preview_until(at, HostTask::Restore, [proofs::restored(SPEC.budget)]));
        // where the file is nowhere on the host, Flannel's pod writes it, and it is put in its place then
        let Some(flannel) = at.facts.flannel_on(&at.node.name) else { return changes };
        let sets = at.facts.flannel_daemon_sets().map(|d| proofs::pod_is_ready(&d.key, &at.node.name));
        let restart = Preview::when(NOWHERE, delete(flannel, WHY)).then(sets.collect::<Vec<_>>());
        let again = tasks::preview_until(at, HostTask::Restore, [proofs::only("10-flannel", SPEC.budget)]);
        let only_if = |p: Preview| p.only_if(NOWHERE).met(proofs::missing_file(NOWHERE));
        changes.extend(std::iter::once(restart).chain(again).map(only_if));
        changes
    }
}
