//! The three rolls of the nodes.

use super::{objects, specs};
use crate::domain::{
    api::{NodeMigrationStatus, Target},
    decide::Round,
    effect::{CORDON_MARK, MULTUS_LABEL, Proof, SWITCH_LABEL},
    facts::{Cni, NodeFact, Order},
    plan::Planned,
    progress::Progress,
    reason::Waiting,
    steps::{
        self, Check, CiliumFirst, Cordon, Drain, FlannelFirst, LeaveMultus, Network, Observe, Path, Restart, Restore,
        Revert, Site, Switch, Uncordon, Verify,
    },
    strategy::{Phase, PhaseId, PhaseSpec, Roll, Standing, Start, release, roll},
    view::View,
};

/// One roll: from one way of networking pods to the next.
pub(super) struct Pass {
    spec: &'static PhaseSpec,
    forward: Path,
    back: Path,
    before: Network,
    after: Network,
}

const fn network(cni: Cni, multus: Option<Order>) -> Network {
    Network { cni, multus, by_interfaces: true, reboots: false }
}

const FLANNEL: Network = network(Cni::Flannel, None);
const FLANNEL_FIRST: Network = network(Cni::Flannel, Some(Order::FlannelFirst));
const CILIUM_FIRST: Network = network(Cni::Cilium, Some(Order::CiliumFirst));
/// The last one reboots: nothing of Flannel's is left in the node's memory then.
const CILIUM: Network = Network { reboots: true, ..network(Cni::Cilium, None) };

/// Cilium as a second network.
pub(super) static BOTH: Pass = Pass {
    spec: &specs::BOTH,
    forward: &[&Check, &Cordon, &Drain, &FlannelFirst, &Restart, &Verify, &Uncordon, &Observe],
    back: &[&Cordon, &Drain, &LeaveMultus, &Restart, &Verify, &Uncordon],
    before: FLANNEL,
    after: FLANNEL_FIRST,
};

/// Cilium as the first one.
pub(super) static SWAP: Pass = Pass {
    spec: &specs::SWAP,
    forward: &[&Check, &Cordon, &Drain, &CiliumFirst, &Restart, &Verify, &Uncordon, &Observe],
    back: &[&Cordon, &Drain, &FlannelFirst, &Restart, &Verify, &Uncordon],
    before: FLANNEL_FIRST,
    after: CILIUM_FIRST,
};

/// Cilium alone: its agent renames Multus' file and Flannel's, and what it renamed of Multus' goes.
pub(super) static ALONE: Pass = Pass {
    spec: &specs::ALONE,
    forward: &[&Check, &Cordon, &Drain, &Switch, &LeaveMultus, &Restart, &Verify, &Uncordon, &Observe],
    back: &[&Cordon, &Drain, &Revert, &Restore, &CiliumFirst, &Restart, &Verify, &Uncordon],
    before: CILIUM_FIRST,
    after: CILIUM,
};

impl Phase for Pass {
    fn spec(&self) -> &'static PhaseSpec {
        self.spec
    }

    fn standing(&self, view: &View<'_>) -> Standing {
        roll::standing(self, view)
    }

    fn advance(&self, round: &mut Round<'_>) -> Progress {
        roll::advance(self, self, round)
    }

    fn undo(&self, round: &mut Round<'_>) -> Progress {
        if let Some(progress) = objects::there_again(&round.view) {
            return progress;
        }
        roll::undo(self, round)
    }

    fn preview(&self, view: &View<'_>, way: Target) -> Vec<Planned> {
        roll::preview(self, view, way)
    }

    fn roll(&self) -> Option<&dyn Roll> {
        Some(self)
    }
}

impl Pass {
    /// This roll, or a later one, has changed the node.
    fn has_changed(&self, at: &Site<'_>, status: &NodeMigrationStatus) -> bool {
        let switched = status.evidence.switched || at.node.switched;
        match self.after.multus {
            None => switched,
            Some(Order::FlannelFirst) => status.evidence.multus || at.node.multus.is_some() || switched,
            Some(Order::CiliumFirst) => at.node.multus != self.before.multus || switched,
        }
    }
}

impl Roll for Pass {
    fn phase(&self) -> PhaseId {
        PhaseId::of(self.spec)
    }

    fn path(&self, way: Target) -> Path {
        match way {
            Target::Cilium => self.forward,
            Target::Flannel => self.back,
        }
    }

    fn network(&self, way: Target) -> Network {
        match way {
            Target::Cilium => self.after,
            Target::Flannel => Network { reboots: self.after.reboots, ..self.before },
        }
    }

    fn has_touched(&self, at: &Site<'_>, status: &NodeMigrationStatus) -> bool {
        self.has_changed(at, status) || at.facts.is_taken_out(at.node) || has_lost_record(at, status)
    }

    fn found(&self, node: &NodeFact) -> bool {
        match self.after.multus {
            None => node.switched,
            order => !node.switched && node.multus == order,
        }
    }

    fn start(&self, at: &Site<'_>, status: &NodeMigrationStatus) -> Start {
        let out = status.step.is_out() || at.facts.is_taken_out(at.node);
        match at.way {
            Target::Flannel if !self.has_changed(at, status) && !has_lost_record(at, status) => &Uncordon,
            Target::Flannel => &Cordon,
            // it is not checked again whether it may be drained: half of it is
            Target::Cilium if out => &Cordon,
            Target::Cilium => &Check,
        }
    }

    fn admits_back(&self, at: &Site<'_>, status: &NodeMigrationStatus) -> Result<(), Waiting> {
        let needs_nothing = !self.has_changed(at, status) && !has_lost_record(at, status);
        if needs_nothing { Ok(()) } else { steps::may_go_back(at) }
    }

    fn done(&self, at: &Site<'_>) -> Option<Proof> {
        let (node, key) = (&at.node.name, |key: &str| key.replace('.', "\\."));
        let labels = [MULTUS_LABEL, SWITCH_LABEL].map(|l| format!("{{.metadata.labels.{}}}", key(l)));
        let path = format!("{} {{.metadata.annotations.{}}}", labels.join(" "), key(CORDON_MARK));
        let wanted = match self.after.multus {
            Some(order) => format!("{}  ", order.name()),
            None => " true ".into(),
        };
        let arguments = format!("get node {node} -o jsonpath='{path}'");
        Some(Proof::prints(
            format!("{node} is labelled for {}, and Cutover's cordon is undone", self.spec.id),
            &arguments,
            &wanted,
        ))
    }
}

/// The record of a node on its way was deleted: how far it had come is not known any more.
fn has_lost_record(at: &Site<'_>, status: &NodeMigrationStatus) -> bool {
    let on_cilium = || at.facts.pods_with(Cni::Cilium, Some(&at.node.name)).next().is_some();
    let installed = || release::is_installed(at.facts);
    status.attempt == 0 && (on_cilium() || (at.facts.is_taken_out(at.node) && installed()))
}
