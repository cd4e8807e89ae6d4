//! Cordon: no new pods may land on the node.

use std::sync::Arc;

use super::{Presence, Site, Step, StepSpec, secs};
use crate::domain::{
    api::{NodeMigrationStatus, Target},
    effect::Effect,
    plan::Preview,
    progress::Progress,
};

/// No new pods may land on the node: a cordon, and a taint that keeps DaemonSet pods away while the CNI changes.
pub struct Cordon;

static SPEC: StepSpec = StepSpec {
    id: "Cordon",
    does: "cordons the node, and taints it so that DaemonSet pods stay away while the CNI changes",
    budget: secs(15),
    presence: Presence::Out,
};

impl Step for Cordon {
    fn spec(&self) -> &'static StepSpec {
        &SPEC
    }

    fn enter(&self, at: &Site<'_>, status: &mut NodeMigrationStatus) {
        if at.way == Target::Cilium {
            status.evidence.baseline_connections = at.baseline_connections(at.node);
        }
    }

    fn advance(&self, at: &Site<'_>, _: &mut NodeMigrationStatus) -> Progress {
        // another actor was quicker, after it was decided that the node may be taken out
        if !at.node.is_taken_out()
            && let Some(waiting) = at.taken_by_others(at.node)
        {
            return Progress::Wait(waiting);
        }
        cordoned(at).unwrap_or(Progress::Done)
    }

    fn preview(&self, at: &Site<'_>) -> Vec<Preview> {
        let node = &at.node.name;
        vec![
            Effect::Cordon { node: node.clone(), owner: owner(at) }.into(),
            Effect::Taint { node: node.clone() }.into(),
        ]
    }
}

/// What is left to do until the node is cordoned and tainted. Asked again by the later steps: another actor may have
/// taken either back.
pub(super) fn cordoned(at: &Site<'_>) -> Option<Progress> {
    let node = at.node.name.clone();
    if !at.node.unschedulable {
        Some(Progress::act(Effect::Cordon { node, owner: owner(at) }, "cordon"))
    } else if !at.node.tainted {
        Some(Progress::act(Effect::Taint { node }, "keep DaemonSet pods away"))
    } else {
        None
    }
}

fn owner(at: &Site<'_>) -> Option<Arc<str>> {
    at.migration.metadata.uid.as_deref().map(Into::into)
}
