//! Finalize: Cilium becomes the default of every node, and policies are enforced.

use super::{facts, helm, specs::FINALIZE};
use crate::domain::{
    api::{PhaseState, Target},
    decide::Round,
    plan::{Planned, Preview},
    progress::Progress,
    steps::proofs,
    strategy::{Phase, PhaseSpec, Standing, release},
    view::View,
};

/// Makes Cilium the default of every node.
pub(in crate::domain::strategy) struct Finalize;

impl Phase for Finalize {
    fn spec(&self) -> &'static PhaseSpec {
        &FINALIZE
    }

    fn standing(&self, view: &View<'_>) -> Standing {
        if facts::is_removed(view) {
            Standing::Done
        } else if facts::is_finalized(view) {
            Standing::Begun
        } else {
            Standing::NotBegun
        }
    }

    /// Refused while anything would be left on Flannel.
    fn advance(&self, round: &mut Round<'_>) -> Progress {
        if let Some(waiting) = facts::needs_flannel(round) {
            return Progress::Wait(waiting);
        }
        let view = &round.view;
        let custom = view.facts.cilium_config().is_none_or(|c| c.custom_conf);
        let due = custom || release::is_overtaken(view, &helm::FINALIZE);
        release::upgrade(view, &helm::FINALIZE, due, "helm makes Cilium the default")
            .or_else(|| helm::agents_restarted(view, facts::FINALIZED))
            .or_else(|| helm::node_config(view, false))
            .unwrap_or(Progress::Done)
    }

    /// Nodes decide for themselves again. The CiliumNodeConfig comes first: without it the switched nodes would lose
    /// their configuration at the agents' restart.
    fn undo(&self, round: &mut Round<'_>) -> Progress {
        let view = &{ round.view };
        // the agents' restart belongs to it: nodes wait until all are back
        let under_way = matches!(view.recorded(self.id()), PhaseState::RollingBack | PhaseState::Blocked);
        let at_work = release::is_at_work(view, &helm::FINALIZE);
        let undoing = release::is_installed(view.facts) && (under_way || at_work);
        if !facts::is_finalized(view) && !undoing {
            return Progress::Done;
        }
        // one that joined since has started on Cilium, whatever its record says
        for node in view.facts.nodes.values().filter(|_| facts::is_finalized(view)) {
            let status = round.records.get(&node.name);
            if status.step.is_unmoved() && !status.evidence.switched {
                let mut status = status.clone();
                status.evidence.switched = true;
                // it is where the last roll leaves a node
                status.phase = view.strategy.rolls().last().map(|roll| roll.phase());
                round.records.set(&node.name, status);
            }
        }
        let custom = view.facts.cilium_config().is_some_and(|c| c.custom_conf);
        let due = !custom || at_work || release::is_overtaken(view, &helm::UNDO_FINALIZE);
        helm::node_config(view, true)
            .or_else(|| release::upgrade(view, &helm::UNDO_FINALIZE, due, "helm makes Cilium optional again"))
            .or_else(|| helm::agents_restarted(view, facts::UNDONE))
            .unwrap_or(Progress::Done)
    }

    fn preview(&self, view: &View<'_>, way: Target) -> Vec<Planned> {
        let changes: Vec<Preview> = match way {
            Target::Flannel if !facts::is_finalized(view) => vec![],
            Target::Cilium if self.standing(view) == Standing::Done => vec![],
            Target::Cilium => {
                let upgrade = Preview::from(release::effect(view, &helm::FINALIZE));
                let upgrade = upgrade.after([proofs::no_flannel_address(view)]);
                let rest = [helm::restart_agents(view, facts::FINALIZED), helm::delete_node_config(view)];
                [upgrade].into_iter().chain(rest.map(Preview::from)).collect()
            }
            Target::Flannel => {
                let upgrade = release::effect(view, &helm::UNDO_FINALIZE);
                let changes = [helm::create_node_config(view), upgrade, helm::restart_agents(view, facts::UNDONE)];
                changes.map(Preview::from).into()
            }
        };
        changes.into_iter().map(|p| p.planned(self.id(), None, None)).collect()
    }

    fn notices(&self, view: &View<'_>) -> Vec<String> {
        release::policies(view)
    }
}
