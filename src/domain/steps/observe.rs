//! Observe: the moved node stays healthy for a while before the next one begins.

use std::time::Duration;

use super::{Presence, Site, Step, StepSpec, proofs, secs};
use crate::domain::{
    api::NodeMigrationStatus, drain::progress, effect::Proof, progress::Progress, reason::Reason, text,
};

/// The moved node has to stay healthy before the next one begins.
pub struct Observe;

static SPEC: StepSpec = StepSpec {
    id: "Observe",
    does: "waits: node and agent have to stay Ready, and the flows to stay good",
    budget: secs(3600),
    presence: Presence::Observed,
};

impl Step for Observe {
    fn spec(&self) -> &'static StepSpec {
        &SPEC
    }

    fn advance(&self, at: &Site<'_>, status: &mut NodeMigrationStatus) -> Progress {
        if !at.node.ready || at.facts.agent_on(&at.node.name).is_none_or(|a| !a.ready) {
            let message = format!("{} or its agent is not Ready while it is observed", at.node.name);
            return Progress::wait_on(Reason::NodeNotReady, at.object(), message);
        }
        if let Some(progress) = not_replaced(at, status) {
            return progress;
        }
        let wanted = Duration::from_secs(u64::from(at.migration.spec.observe_seconds));
        let observed = status.since.map(|s| text::between(s, at.now)).unwrap_or_default();
        let settling = at.migration.spec.guard.enabled && at.facts.flows.settling.contains(&at.node.name);
        if observed >= wanted && !wanted.is_zero() && settling {
            return Progress::wait(Reason::FlowsObserved, "watching its flows");
        }
        if observed >= wanted {
            return Progress::Done;
        }
        Progress::wait(Reason::Observing, format!("observed for {}", text::duration(wanted)))
    }

    fn proofs(&self, at: &Site<'_>) -> Vec<Proof> {
        let (node, seconds) = (&at.node.name, at.migration.spec.observe_seconds);
        let over = Proof::command(format!("{node} was observed for {seconds} s"), format!("sleep {seconds}"));
        vec![over, proofs::is_ready(node), proofs::agent_is_ready(at)]
    }
}

/// A workload that lost a pod here has fewer ready replicas than before: the next node would hurt it more.
pub(super) fn not_replaced(at: &Site<'_>, status: &NodeMigrationStatus) -> Option<Progress> {
    let why = progress::not_replaced(at.facts, &status.evidence.moved, &at.migration.spec.consents)?;
    let message = format!("waits for replacements to be ready: {why}");
    Some(Progress::wait(Reason::ReplacementsNotReady, message))
}
