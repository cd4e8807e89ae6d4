//! Clean: what Flannel left on the host goes, with a copy.

use super::{Presence, Site, Step, StepSpec, cordon::cordoned, secs, tasks};
use crate::domain::{
    api::NodeMigrationStatus,
    plan::Preview,
    progress::Progress,
    strategy::{clean_task, is_clean, seen_clean},
};

/// Moves Flannel's leftovers to a backup, and deletes its links and firewall chains: its pods on the node are cut off
/// until they restart.
pub struct Clean;

static SPEC: StepSpec = StepSpec {
    id: "Clean",
    does: "moves Flannel's files to a backup, deletes its links and firewall rules; its pods are cut off from here on",
    budget: secs(120),
    presence: Presence::Out,
};

impl Step for Clean {
    fn spec(&self) -> &'static StepSpec {
        &SPEC
    }

    fn advance(&self, at: &Site<'_>, status: &mut NodeMigrationStatus) -> Progress {
        if let Some(progress) = cordoned(at) {
            return progress;
        }
        tasks::change_until(at, status, &clean_task(&at.view), is_clean)
    }

    fn leave(&self, _: &Site<'_>, status: &mut NodeMigrationStatus) {
        status.evidence.cleaned = true;
    }

    fn preview(&self, at: &Site<'_>) -> Vec<Preview> {
        tasks::preview_until(at, clean_task(&at.view), [seen_clean()])
    }
}
