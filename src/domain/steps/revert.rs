//! Revert: the node's Cilium agent gives the CNI configuration up again.

use super::{Presence, Site, Step, StepSpec, agent, cordon::cordoned, drain, proofs, secs, tasks};
use crate::domain::{
    api::NodeMigrationStatus,
    effect::Effect,
    host::HostTask,
    plan::Preview,
    progress::Progress,
    reason::{Reason, Waiting},
};

/// Removes the label and restarts the Cilium agent, which no longer manages the CNI configuration.
pub struct Revert;

static SPEC: StepSpec = StepSpec {
    id: "Revert",
    does: "removes the label and restarts the Cilium agent, which gives the CNI directory up",
    budget: secs(180),
    presence: Presence::Out,
};

impl Step for Revert {
    fn spec(&self) -> &'static StepSpec {
        &SPEC
    }

    fn enter(&self, at: &Site<'_>, status: &mut NodeMigrationStatus) {
        agent::remember(at, status);
    }

    fn advance(&self, at: &Site<'_>, status: &mut NodeMigrationStatus) -> Progress {
        if !status.evidence.switched {
            return Progress::Done;
        }
        if let Some(progress) = cordoned(at) {
            return progress;
        }
        if at.node.switched {
            let label = || Progress::act(Effect::Revert { node: at.node.name.clone() }, "remove the label");
            return drain::still_empty(at, status).unwrap_or_else(label);
        }
        agent::replace_outdated(at, status, "Ok");
        if let Err(progress) = agent::replaced(at, status) {
            return progress;
        }
        tasks::check_until(at, status, &HostTask::Look, |evidence| {
            let not_yet = |message: String| Err(Waiting::new(Reason::HostNotReady, message));
            match evidence.host.as_ref().map(|h| h.cni_state.as_str()) {
                // while the agent still manages the directory it would rename Flannel's file away again
                Some("Disabled") => Ok(()),
                Some("") => not_yet("the agent does not say whether it manages the CNI configuration".into()),
                Some(state) => not_yet(format!("the agent still manages the CNI configuration (state {state})")),
                None => not_yet("the host has not been checked yet".into()),
            }
        })
    }

    fn preview(&self, at: &Site<'_>) -> Vec<Preview> {
        let label = Preview::from(Effect::Revert { node: at.node.name.clone() });
        let mut changes = vec![label.after([drain::emptied(at, true)]), agent::restart(at)];
        let given_up = proofs::cni_state("the agent no longer manages the CNI configuration", "Disabled", SPEC.budget);
        changes.extend(tasks::preview_until(at, HostTask::Look, [given_up]));
        changes
    }
}
