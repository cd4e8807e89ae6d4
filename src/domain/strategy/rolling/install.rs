//! Install: Cilium idle beside Flannel.

use super::{facts, helm, specs::INSTALL};
use crate::domain::{
    api::{PhaseState, Target},
    decide::Round,
    plan::{Planned, Preview},
    progress::Progress,
    strategy::{Phase, PhaseSpec, Standing, release},
    view::View,
};

/// Installs Cilium idle beside Flannel.
pub(in crate::domain::strategy) struct Install;

impl Phase for Install {
    fn spec(&self) -> &'static PhaseSpec {
        &INSTALL
    }

    fn standing(&self, view: &View<'_>) -> Standing {
        if !release::is_installed(view.facts) {
            Standing::NotBegun
        } else if facts::is_finalized(view) || view.recorded(self.id()) == PhaseState::Done {
            // an agent that restarts for its node's sake does not undo the installation
            Standing::Done
        } else {
            Standing::Begun
        }
    }

    fn advance(&self, round: &mut Round<'_>) -> Progress {
        release::forget_way_back(round);
        if let Some(progress) = release::keyed(round) {
            return progress;
        }
        let view = &round.view;
        let due = view.facts.cilium_agents().is_none() || view.facts.cilium_config().is_none();
        if let Some(progress) = release::upgrade(view, &helm::INSTALL, due, "helm installs Cilium") {
            return progress;
        }
        if let Some(progress) = release::agents_ready(view) {
            return progress;
        }
        if let Some(progress) = release::without_range(view) {
            return progress;
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
        if release::is_installed(view.facts)
            && let Some(waiting) = facts::needs_cilium(view)
        {
            return Progress::Wait(waiting);
        }
        let uninstalled = release::uninstalled(round);
        if uninstalled != Progress::Done {
            return uninstalled;
        }
        // where none of its agents was ever seen there is nothing on the hosts
        if round.pins.agent_image.is_some() {
            let cleaned = release::clean().advance(round);
            if cleaned != Progress::Done {
                return cleaned;
            }
            round.pins.agent_image = None;
        }
        release::without_definitions(&round.view)
    }

    fn preview(&self, view: &View<'_>, way: Target) -> Vec<Planned> {
        let plan = |changes: Vec<Preview>| changes.into_iter().map(|p| p.planned(self.id(), None, None)).collect();
        if way == Target::Flannel {
            let installed = release::is_installed(view.facts);
            return if installed {
                let objects = [helm::delete_node_config(view), release::uninstall(view)].map(Preview::from);
                // by pods of the agents' image, which is read before it is uninstalled
                let key = release::preview_no_key(view);
                let cleaned = release::clean().preview(view).into_iter();
                let cleaned = cleaned.chain(release::preview_without_definitions(view));
                plan(objects.into_iter().chain(key).chain(cleaned).collect())
            } else {
                vec![]
            };
        }
        let mut changes = release::missing_records(view);
        if self.standing(view) != Standing::Done {
            changes.extend(release::preview_key(view));
            changes.extend(release::preview(view, &helm::INSTALL));
            changes.push(helm::create_node_config(view).into());
        }
        plan(changes)
    }

    fn notices(&self, _: &View<'_>) -> Vec<String> {
        vec!["Every node gets the taint node.cilium.io/agent-not-ready for some seconds while the agents start: new pods wait that long. Expected; set by cilium-operator.".into()]
    }
}
