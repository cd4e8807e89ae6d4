//! Switch: the node's Cilium agent takes over the CNI configuration.

use super::{Presence, Site, Step, StepSpec, agent, cordon::cordoned, drain, proofs, secs, tasks};
use crate::domain::{
    api::NodeMigrationStatus,
    effect::Effect,
    evidence::Evidence,
    host::HostTask,
    plan::Preview,
    progress::Progress,
    reason::{Reason, Waiting},
    versions,
};

/// Labels the node and restarts its Cilium agent, which takes over the CNI configuration.
pub struct Switch;

static SPEC: StepSpec = StepSpec {
    id: "Switch",
    does: "labels the node and restarts its Cilium agent; 05-cilium.conflist becomes the only CNI configuration",
    budget: secs(180),
    presence: Presence::Out,
};

impl Step for Switch {
    fn spec(&self) -> &'static StepSpec {
        &SPEC
    }

    fn enter(&self, at: &Site<'_>, status: &mut NodeMigrationStatus) {
        agent::remember(at, status);
    }

    fn advance(&self, at: &Site<'_>, status: &mut NodeMigrationStatus) -> Progress {
        if let Some(progress) = cordoned(at) {
            return progress;
        }
        if !at.node.switched {
            let before = drain::still_empty(at, status).or_else(|| drain::persistent(at, status));
            let label = || Progress::act(Effect::Switch { node: at.node.name.clone() }, "label the node");
            return before.unwrap_or_else(label);
        }
        agent::replace_outdated(at, status, "Disabled");
        if let Err(progress) = agent::replaced(at, status) {
            return progress;
        }
        tasks::check_until(at, status, &HostTask::Look, |evidence| has_taken_over(at, evidence))
    }

    fn preview(&self, at: &Site<'_>) -> Vec<Preview> {
        let mut changes = drain::preview_persistent(at);
        let label = Preview::from(Effect::Switch { node: at.node.name.clone() });
        changes.push(label.after([drain::emptied(at, tasks::is_manual(at, &HostTask::Hold))]));
        changes.push(agent::restart(at));
        let taken_over = proofs::only("05-cilium", SPEC.budget);
        let states = if versions::says_cni_state(&at.migration.spec.cilium.version) { "Ok" } else { "Ok|" };
        let state = proofs::cni_state("the agent manages the CNI configuration", states, SPEC.budget);
        changes.extend(tasks::preview_until(at, HostTask::Look, [taken_over, state]));
        changes
    }
}

fn has_taken_over(at: &Site<'_>, evidence: &Evidence) -> Result<(), Waiting> {
    let not_yet = |message: String| Err(Waiting::new(Reason::HostNotReady, message));
    let Some(host) = &evidence.host else { return not_yet("the host has not been checked yet".into()) };
    match (host.only("05-cilium"), host.cni_state.as_str()) {
        (true, _) if tasks::agent_is_silent(at, host) => not_yet("the agent has not answered yet".into()),
        (true, "Ok" | "") => Ok(()),
        (true, state) => not_yet(format!("the agent's CNI configuration is in state {state}")),
        (false, _) => not_yet(host.wants_only("05-cilium")),
    }
}
