//! Migrate: node after node, drained, switched, restarted, verified.

use super::specs::MIGRATE;
use crate::domain::{
    api::{NodeMigrationStatus, Target},
    decide::Round,
    effect::{CORDON_MARK, Proof, SWITCH_LABEL},
    facts::Cni,
    plan::Planned,
    progress::Progress,
    reason::Waiting,
    steps::{
        self, Check, Cordon, Drain, Observe, Path, Restart, Restore, Revert, Site, Step, Switch, Uncordon, Verify,
    },
    strategy::{Phase, PhaseId, PhaseSpec, Roll, Standing, Start, release, roll},
    view::View,
};

/// Moves the nodes, one after the other.
pub(super) struct Migrate;

const FORWARD: Path = &[&Check, &Cordon, &Drain, &Switch, &Restart, &Verify, &Uncordon, &Observe];
/// In the order that was seen to work on real nodes.
const BACK: Path = &[&Cordon, &Drain, &Revert, &Restore, &Restart, &Verify, &Uncordon];

impl Phase for Migrate {
    fn spec(&self) -> &'static PhaseSpec {
        &MIGRATE
    }

    fn standing(&self, view: &View<'_>) -> Standing {
        roll::standing(self, view)
    }

    fn advance(&self, round: &mut Round<'_>) -> Progress {
        roll::advance(self, self, round)
    }

    fn undo(&self, round: &mut Round<'_>) -> Progress {
        roll::undo(self, round)
    }

    fn preview(&self, view: &View<'_>, way: Target) -> Vec<Planned> {
        roll::preview(self, view, way)
    }

    fn roll(&self) -> Option<&'static dyn Roll> {
        Some(&Self)
    }
}

impl Roll for Migrate {
    fn phase(&self) -> PhaseId {
        PhaseId::of(&MIGRATE)
    }

    fn path(&self, way: Target) -> Path {
        match way {
            Target::Cilium => FORWARD,
            Target::Flannel => BACK,
        }
    }

    fn has_touched(&self, at: &Site<'_>, status: &NodeMigrationStatus) -> bool {
        status.evidence.switched || at.node.switched || at.facts.is_taken_out(at.node) || has_lost_record(at, status)
    }

    fn start(&self, at: &Site<'_>, status: &NodeMigrationStatus) -> Start {
        let switched = status.evidence.switched || at.node.switched;
        let out = status.step.is_out() || at.facts.is_taken_out(at.node);
        match at.way {
            // before the switch there is nothing to take back but the cordon and the taint
            Target::Flannel if !switched && !has_lost_record(at, status) => &Uncordon,
            Target::Flannel => &Cordon,
            // it is not checked again whether it may be drained: half of it is
            Target::Cilium if out => &Cordon,
            Target::Cilium => &Check,
        }
    }

    fn admits_back(&self, at: &Site<'_>, status: &NodeMigrationStatus) -> Result<(), Waiting> {
        // where only a cordon is taken back nothing is drained
        if self.start(at, status).spec().id == Uncordon.spec().id { Ok(()) } else { steps::may_go_back(at) }
    }

    fn done(&self, at: &Site<'_>) -> Option<Proof> {
        let (node, key) = (&at.node.name, |key: &str| key.replace('.', "\\."));
        let (label, mark) = (key(SWITCH_LABEL), key(CORDON_MARK));
        let path = format!("{{.metadata.labels.{label}}} {{.metadata.annotations.{mark}}}");
        let arguments = format!("get node {node} -o jsonpath='{path}'");
        Some(Proof::prints(
            format!("{node} is labelled for Cilium, and Cutover's cordon is undone"),
            &arguments,
            "true ",
        ))
    }

    /// Another actor removed the label: the agent's next start would leave the node to Flannel.
    fn repeat(&self, at: &Site<'_>, status: &NodeMigrationStatus) -> Option<&'static dyn Step> {
        let after_switch: [&dyn Step; 3] = [&Restart, &Verify, &Uncordon];
        let past = status.step.spec().is_some_and(|s| after_switch.iter().any(|a| a.spec().id == s.id));
        (at.way == Target::Cilium && past && !at.node.switched).then_some(&Switch as &dyn Step)
    }
}

/// The record of a node on its way was deleted: how far it had come is not known any more. Without a Cilium it has not
/// come far, whatever marks say: they may be stray.
fn has_lost_record(at: &Site<'_>, status: &NodeMigrationStatus) -> bool {
    let on_cilium = || at.facts.pods_with(Cni::Cilium, Some(&at.node.name)).next().is_some();
    let installed = || release::is_installed(at.facts);
    status.attempt == 0 && (on_cilium() || (at.facts.is_taken_out(at.node) && installed()))
}
