//! Install: Cilium idle beside Flannel.

use std::sync::Arc;

use super::{
    facts,
    helm::{self, Purpose},
    specs::INSTALL,
};
use crate::domain::{
    api::{PhaseState, Target},
    decide::Round,
    effect::{Effect, RELEASE},
    facts::Mark,
    plan::{Planned, Preview},
    progress::Progress,
    reason::Reason,
    strategy::{Phase, PhaseSpec, Standing},
    view::View,
};

/// Installs Cilium idle beside Flannel.
pub(super) struct Install;

impl Phase for Install {
    fn spec(&self) -> &'static PhaseSpec {
        &INSTALL
    }

    fn standing(&self, view: &View<'_>) -> Standing {
        if !facts::is_installed(view.facts) {
            Standing::NotBegun
        } else if facts::is_finalized(view) || view.recorded(self.id()) == PhaseState::Done {
            // an agent that restarts for its node's sake does not undo the installation
            Standing::Done
        } else {
            Standing::Begun
        }
    }

    fn advance(&self, round: &mut Round<'_>) -> Progress {
        let view = &round.view;
        let due = view.facts.cilium_agents().is_none() || view.facts.cilium_config().is_none();
        if let Some(progress) = helm::upgrade(view, Purpose::Install, due, "helm installs Cilium") {
            return progress;
        }
        if let Some(progress) = helm::agents_ready(view) {
            return progress;
        }
        if let Some(node) = view.facts.nodes.keys().find(|n| !view.facts.cilium_ranges.contains_key(*n)) {
            let message = format!("Cilium's operator has given {node} no pod range yet");
            return Progress::wait_on(Reason::OperatorNotReady, format!("node/{node}"), message);
        }
        if let Some(progress) = helm::node_config(view, true) {
            return progress;
        }
        let image = view.facts.cilium_agents().map(|agents| agents.image.to_string());
        round.pins.agent_image = image;
        Progress::Done
    }

    /// Every node is back on Flannel by now.
    fn undo(&self, round: &mut Round<'_>) -> Progress {
        let view = &round.view;
        // what this migration has not installed is somebody else's
        if !view.has_begun(self.id()) {
            return Progress::Done;
        }
        if let Some(progress) = helm::node_config(view, false) {
            return progress;
        }
        let uninstall = uninstall(view);
        if view.in_flight.contains(&uninstall.name()) {
            return helm::running();
        }
        // a helm that died half way has left the rest of the release: what it begins with is no sign of its end
        if helm::is_unfinished(view, &uninstall.name()) || facts::is_installed(view.facts) {
            return Progress::act(uninstall, "helm uninstalls Cilium");
        }
        let namespace = &view.migration.spec.cilium.namespace;
        let left = view.facts.pods.marked(&Mark::Cilium).filter(|p| {
            p.labels.get("app.kubernetes.io/part-of").is_some_and(|v| v == RELEASE) && *p.key.namespace == **namespace
        });
        match left.count() {
            0 => {
                round.pins.agent_image = None;
                Progress::Done
            }
            n => helm::terminating(n, "Cilium"),
        }
    }

    fn preview(&self, view: &View<'_>, way: Target) -> Vec<Planned> {
        let plan = |changes: Vec<Preview>| changes.into_iter().map(|p| p.planned(self.id(), None, None)).collect();
        if way == Target::Flannel {
            let installed = facts::is_installed(view.facts);
            return if installed {
                plan(vec![helm::delete_node_config(view).into(), uninstall(view).into()])
            } else {
                vec![]
            };
        }
        let missing = view.facts.nodes.keys().filter(|n| view.record(n).is_none());
        let owner: Option<Arc<str>> = view.migration.metadata.uid.as_deref().map(Into::into);
        let records = missing.map(|n| Preview::from(Effect::CreateRecord { node: n.clone(), owner: owner.clone() }));
        let mut changes: Vec<Preview> = records.collect();
        if self.standing(view) != Standing::Done {
            changes.extend(helm::release(view, Purpose::Install).ok().map(Preview::from));
            changes.push(helm::create_node_config(view).into());
        }
        plan(changes)
    }

    fn notices(&self, _: &View<'_>) -> Vec<String> {
        vec!["Every node gets the taint node.cilium.io/agent-not-ready for some seconds while the agents start: new pods wait that long. Expected; set by cilium-operator.".into()]
    }
}

fn uninstall(view: &View<'_>) -> Effect {
    Effect::Uninstall { namespace: view.migration.spec.cilium.namespace.clone() }
}
