//! Uncordon: pods may land on the node again.

use super::{Presence, Site, Step, StepSpec, observe::not_replaced, reboot, secs};
use crate::domain::{
    api::{NodeMigrationStatus, Target},
    effect::Effect,
    plan::Preview,
    progress::Progress,
};

/// Undoes Cutover's own cordon, never another one.
pub struct Uncordon;

static SPEC: StepSpec = StepSpec {
    id: "Uncordon",
    does: "removes the taint and Cutover's own cordon, never another one",
    budget: secs(15),
    presence: Presence::Out,
};

impl Step for Uncordon {
    fn spec(&self) -> &'static StepSpec {
        &SPEC
    }

    fn advance(&self, at: &Site<'_>, status: &mut NodeMigrationStatus) -> Progress {
        if at.way == Target::Flannel
            && let Some(progress) = reboot::may_still_come(at, status)
        {
            return progress;
        }
        let node = at.node.name.clone();
        // the taint goes first: without the mark of the cordon it would be anybody's
        if at.node.tainted {
            return Progress::act(Effect::Untaint { node }, "let DaemonSet pods back");
        }
        // the mark on the node tells whose cordon it is, whatever was there when the node's turn came
        if (at.node.cordoned_by_cutover || at.node.stray_mark) && at.facts.owns_marks(at.node) {
            return Progress::act(Effect::Uncordon { node }, "uncordon");
        }
        match at.way {
            Target::Cilium => Progress::Done,
            // the way back has no observation; the next node waits for the replacements all the same
            Target::Flannel => not_replaced(at, status).unwrap_or(Progress::Done),
        }
    }

    fn preview(&self, at: &Site<'_>) -> Vec<Preview> {
        let node = &at.node.name;
        vec![
            Preview::when("it is still tainted", Effect::Untaint { node: node.clone() }),
            Effect::Uncordon { node: node.clone() }.into(),
        ]
    }
}
