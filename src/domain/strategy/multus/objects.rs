//! Multus' objects: created before the first node needs them, deleted when the last one does not any more.

use super::specs::{ALONE, CREATE, DELETE};
use crate::domain::{
    api::{PhaseState, Target},
    decide::Round,
    effect::{
        Effect,
        multus::{IMAGE, Install},
    },
    facts::{Order, Owner},
    plan::{Planned, Preview},
    problem::Problem,
    progress::Progress,
    reason::Reason,
    strategy::{Level, Phase, PhaseId, PhaseSpec, Standing, release::terminating},
    view::View,
};

/// Creates them.
pub(super) struct Create;
/// Deletes them.
pub(super) struct Delete;

fn namespace(view: &View<'_>) -> String {
    view.migration.spec.cilium.namespace.clone()
}

/// How many of its two DaemonSets there are.
fn there(view: &View<'_>) -> usize {
    let is_there = |o: &Order| view.facts.daemon_sets.contains_key(&o.daemon_set(&namespace(view)));
    Order::BOTH.iter().filter(|o| is_there(o)).count()
}

fn create(view: &View<'_>) -> Option<Effect> {
    let now = view.facts.flannel().find_map(|(_, f)| Some(f.cni.as_ref()?.text.clone()));
    // where Flannel is to come back first
    let flannel = now.or_else(|| view.facts.copied_flannel()?.cni.clone())?;
    let cilium = &view.migration.spec.cilium;
    let image = cilium.multus_image.clone().unwrap_or_else(|| IMAGE.into());
    let by_ipv4 = view.facts.surroundings.service_address.is_none_or(|a| a.is_ipv4());
    Some(Effect::CreateMultus(Box::new(Install { namespace: cilium.namespace.clone(), image, flannel, by_ipv4 })))
}

/// They are there; otherwise what to do.
fn created(view: &View<'_>) -> Progress {
    if there(view) == Order::BOTH.len() {
        return Progress::Done;
    }
    create(view).map_or_else(
        || {
            let remedy =
                "Multus calls Flannel as that ConfigMap says. Put cni-conf.json into it, as Flannel's manifest has it.";
            let message = "Flannel's ConfigMap holds no CNI configuration";
            Progress::Fail(Reason::FlannelNotReady, Problem::new("configmap/kube-flannel-cfg", message, remedy))
        },
        |effect| Progress::act(effect, "create Multus' objects"),
    )
}

/// They and their pods are gone; otherwise what to do. No host may still have its configuration: no pod would start
/// there without its account (seen on real nodes).
fn deleted(round: &Round<'_>) -> Progress {
    let view = &round.view;
    let needs = |n: &&str| round.records.get(n).evidence.multus;
    let labelled = view.facts.nodes.values().find(|n| n.multus.is_some()).map(|n| &*n.name);
    if let Some(node) = labelled.or_else(|| round.order.iter().map(|n| &*n.name).find(needs)) {
        let message = format!("{node} still needs Multus");
        return Progress::wait_on(Reason::NodesMoving, format!("node/{node}"), message);
    }
    if there(view) > 0 {
        return Progress::act(Effect::DeleteMultus { namespace: namespace(view) }, "delete Multus' objects");
    }
    let owner = |o: Order| Owner { kind: "DaemonSet".into(), name: o.object().into() };
    let of = |o: Order| view.facts.pods.owned_by(&namespace(view).as_str().into(), owner(o)).count();
    match Order::BOTH.into_iter().map(of).sum() {
        0 => Progress::Done,
        n => terminating(n, "Multus"),
    }
}

/// This migration has deleted them on its way forward, or is doing so.
fn is_deleted(view: &View<'_>) -> bool {
    view.has_begun(PhaseId::of(&DELETE)) && there(view) < Order::BOTH.len()
}

/// What another actor has deleted of them is there again, while nodes still need it: their pods would not start, and
/// nodes could not go back; otherwise what to do.
pub(super) fn there_again(view: &View<'_>) -> Option<Progress> {
    let needed = view.has_begun(PhaseId::of(&CREATE)) && view.facts.nodes.values().any(|n| n.multus.is_some());
    needed.then(|| created(view)).filter(|progress| *progress != Progress::Done)
}

impl Phase for Create {
    fn spec(&self) -> &'static PhaseSpec {
        &CREATE
    }

    fn standing(&self, view: &View<'_>) -> Standing {
        let later = || view.has_begun(PhaseId::of(&DELETE));
        match (view.has_begun(self.id()), there(view)) {
            (true, _) if later() => Standing::Done,
            (true, n) if n == Order::BOTH.len() && view.recorded(self.id()) == PhaseState::Done => Standing::Done,
            (true, _) => Standing::Begun,
            (false, _) => Standing::NotBegun,
        }
    }

    fn advance(&self, round: &mut Round<'_>) -> Progress {
        created(&round.view)
    }

    fn undo(&self, round: &mut Round<'_>) -> Progress {
        if round.view.has_begun(self.id()) { deleted(round) } else { Progress::Done }
    }

    fn preview(&self, view: &View<'_>, way: Target) -> Vec<Planned> {
        let change = match (way, self.standing(view)) {
            (Target::Cilium, Standing::Done) | (Target::Flannel, Standing::NotBegun) => None,
            (Target::Cilium, _) => create(view),
            (Target::Flannel, _) => Some(Effect::DeleteMultus { namespace: namespace(view) }),
        };
        change.into_iter().map(|e| Preview::from(e).planned(self.id(), None, None)).collect()
    }

    fn notices(&self, _: &View<'_>) -> Vec<String> {
        vec!["Every pod restarts three times this way, and every node is emptied three times. Where both overlays can share the routing of a node, the strategy rolling does the same with one restart.".into()]
    }
}

impl Phase for Delete {
    fn spec(&self) -> &'static PhaseSpec {
        &DELETE
    }

    fn standing(&self, view: &View<'_>) -> Standing {
        match (view.has_begun(self.id()), there(view)) {
            (true, 0) => Standing::Done,
            (true, _) => Standing::Begun,
            (false, _) => Standing::NotBegun,
        }
    }

    /// Refused while a node has not been through every roll.
    fn advance(&self, round: &mut Round<'_>) -> Progress {
        let rolls = round.view.strategy.rolls().count();
        let passed = |n: &str| Level::of(&round.view, round.records.get(n)).passed();
        if let Some(node) = round.order.iter().find(|n| passed(&n.name) < rolls && n.multus.is_some()) {
            let message = format!("{} has not been through {}", node.name, ALONE.id);
            return Progress::wait_on(Reason::NodesMoving, format!("node/{}", node.name), message);
        }
        deleted(round)
    }

    fn undo(&self, round: &mut Round<'_>) -> Progress {
        if is_deleted(&round.view) { created(&round.view) } else { Progress::Done }
    }

    fn preview(&self, view: &View<'_>, way: Target) -> Vec<Planned> {
        let change = match (way, self.standing(view)) {
            (Target::Cilium, Standing::Done) => None,
            (Target::Cilium, _) => Some(Effect::DeleteMultus { namespace: namespace(view) }),
            (Target::Flannel, _) if is_deleted(view) => create(view),
            (Target::Flannel, _) => None,
        };
        change.into_iter().map(|e| Preview::from(e).planned(self.id(), None, None)).collect()
    }
}
