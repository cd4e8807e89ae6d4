//! Cordon: no new pods may land on the node.

use std::sync::Arc;

use super::{Presence, Site, Step, StepSpec, proofs, secs};
use crate::domain::{
    api::{ConsentKind, NodeMigrationStatus, Target},
    consent::given,
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
        if !at.facts.is_taken_out(at.node)
            && let Some(waiting) = at.taken_by_others(at.node)
        {
            return Progress::Wait(waiting);
        }
        cordoned(at).unwrap_or(Progress::Done)
    }

    fn preview(&self, at: &Site<'_>) -> Vec<Preview> {
        let node = &at.node.name;
        // what others have taken out is left alone; the way back takes nothing out that was not out already
        let taken = given(&at.migration.spec.consents, ConsentKind::TakeCordoned, &at.object());
        let free = (at.way == Target::Cilium && !taken).then(|| proofs::not_taken(node));
        let cordon = Preview::from(Effect::Cordon { node: node.clone(), owner: owner(at) })
            .after(free)
            .after(proofs::may_be_out(at));
        vec![cordon, Effect::Taint { node: node.clone() }.into()]
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
