//! The node's Cilium agent reads its CNI configuration only at start: steps that change it replace the agent.

use std::time::Duration;

use super::{Site, proofs};
use crate::domain::{
    api::NodeMigrationStatus,
    effect::Effect,
    facts::{Key, PodFact},
    plan::Preview,
    progress::Progress,
    reason::Reason,
    text,
};

/// An agent writes its CNI configuration within some 15 s of its start (seen on real nodes).
const TAKES_OVER: Duration = Duration::from_secs(60);
/// Why the agent's pod is deleted.
const WHY: &str = "it reads its configuration at start";

/// The agent that runs now has to be replaced.
pub(super) fn remember(at: &Site<'_>, status: &mut NodeMigrationStatus) {
    status.evidence.switched = true;
    status.evidence.not_held = None;
    status.evidence.agent_before = at.facts.agent_on(&at.node.name).map(|a| a.uid.to_string());
}

/// The old agent is replaced, and the new one is ready.
///
/// # Errors
/// What to do until it is.
pub(super) fn replaced(at: &Site<'_>, status: &NodeMigrationStatus) -> Result<(), Progress> {
    let Some(agent) = at.facts.agent_on(&at.node.name) else {
        return Err(Progress::wait_on(Reason::AgentsNotReady, at.object(), "waits for the new Cilium agent"));
    };
    let object = format!("pod/{}", agent.key);
    if status.evidence.agent_before.as_deref() == Some(&*agent.uid) {
        if agent.deleting.is_some() {
            let message = format!("Cilium agent {} is terminating", agent.key.name);
            return Err(Progress::wait_on(Reason::PodsTerminating, object, message));
        }
        return Err(Progress::act(delete(agent, WHY), "restart the Cilium agent"));
    }
    if agent.ready {
        return Ok(());
    }
    let message = format!("new Cilium agent {} is not ready: {}", agent.key.name, agent.state());
    Err(Progress::wait_on(Reason::AgentsNotReady, object, message))
}

/// The agent has been up for a while and still does what the label said before (its CNI configuration is in the state
/// `outdated`), or says nothing: it was started before the label changed, and is replaced like any other.
pub(super) fn replace_outdated(at: &Site<'_>, status: &mut NodeMigrationStatus, outdated: &str) {
    let host = status.evidence.host.as_ref();
    let checked = host.filter(|h| h.cni_state == outdated || h.cni_state.is_empty()).and_then(|h| h.at);
    let agent = at.facts.agent_on(&at.node.name);
    let up = checked.zip(agent.and_then(|a| a.created)).map(|(at, created)| text::between(created, at));
    if up.is_some_and(|up| up >= TAKES_OVER) {
        status.evidence.agent_before = agent.map(|a| a.uid.to_string());
    }
}

/// The restart of the agent, for a preview: before Cilium is installed its agent has no name yet.
pub(super) fn restart(at: &Site<'_>) -> Preview {
    let (namespace, node) = (&at.migration.spec.cilium.namespace, &at.node.name);
    let restart = match at.facts.agent_on(node) {
        Some(agent) => delete(agent, WHY).into(),
        None => Preview {
            typed: Some(format!(
                "kubectl -n {namespace} delete pod -l k8s-app=cilium --field-selector spec.nodeName={node}"
            )),
            ..Effect::DeletePod { pod: Key::new(namespace, "cilium-…"), uid: "".into(), why: WHY }.into()
        },
    };
    restart.then([proofs::agent_is_ready(at)])
}

/// The deletion of a pod that its controller starts again.
pub(super) fn delete(pod: &PodFact, why: &'static str) -> Effect {
    Effect::DeletePod { pod: pod.key.clone(), uid: pod.uid.clone(), why }
}
