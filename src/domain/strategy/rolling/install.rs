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
    effect::{Effect, Proof, RELEASE},
    evidence::Evidence,
    facts::Mark,
    host::HostTask,
    plan::{Planned, Preview},
    progress::Progress,
    reason::{Reason, Waiting},
    strategy::{HostWork, Phase, PhaseSpec, Standing},
    text,
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
        // its agents make again on the hosts what was cleaned
        for node in round.order.clone() {
            let mut status = round.records.get(&node.name).clone();
            if std::mem::take(&mut status.evidence.cleaned_of_cilium) {
                round.records.set(&node.name, status);
            }
        }
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
            // the hosts are cleaned by pods of that image when the agents are gone
            let image = view.facts.cilium_agents().map(|agents| agents.image.to_string());
            round.pins.agent_image = round.pins.agent_image.take().or(image);
            return Progress::act(uninstall, "helm uninstalls Cilium");
        }
        let namespace = &view.migration.spec.cilium.namespace;
        let left = view.facts.pods.marked(&Mark::Cilium).filter(|p| {
            p.labels.get("app.kubernetes.io/part-of").is_some_and(|v| v == RELEASE) && *p.key.namespace == **namespace
        });
        match left.count() {
            // where none of its agents was ever seen there is nothing on the hosts
            0 if round.pins.agent_image.is_none() => Progress::Done,
            0 => match clean().advance(round) {
                Progress::Done => {
                    round.pins.agent_image = None;
                    Progress::Done
                }
                other => other,
            },
            n => helm::terminating(n, "Cilium"),
        }
    }

    fn preview(&self, view: &View<'_>, way: Target) -> Vec<Planned> {
        let plan = |changes: Vec<Preview>| changes.into_iter().map(|p| p.planned(self.id(), None, None)).collect();
        if way == Target::Flannel {
            let installed = facts::is_installed(view.facts);
            return if installed {
                let objects = [helm::delete_node_config(view), uninstall(view)].map(Preview::from);
                // by pods of the agents' image, which is read before it is uninstalled
                plan(objects.into_iter().chain(clean().preview(view)).collect())
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

/// What helm leaves on the hosts: at the next migration, or under another CNI, it would be in the way.
fn clean() -> HostWork {
    HostWork {
        task: HostTask::CleanCilium,
        way: Target::Flannel,
        is_due: |s| !s.evidence.cleaned_of_cilium,
        mark: |s| s.evidence.cleaned_of_cilium = true,
        is_done: Some(is_clean),
        seen_by_hand: Some(seen_clean),
    }
}

fn seen_clean() -> Proof {
    Proof::report("nothing of Cilium is left on the host", "awk -F= '$1 == \"cilium\" { n = 1 } END { exit n }'")
}

fn is_clean(evidence: &Evidence) -> Result<(), Waiting> {
    let not_yet = |message: String| Err(Waiting::new(Reason::HostNotReady, message));
    match &evidence.host {
        None => not_yet("the host has not been checked yet".into()),
        Some(host) if host.cilium.is_empty() => Ok(()),
        Some(host) => not_yet(format!("still there: {}", text::safe(&host.cilium.join(", ")))),
    }
}

fn uninstall(view: &View<'_>) -> Effect {
    Effect::Uninstall { namespace: view.migration.spec.cilium.namespace.clone() }
}
