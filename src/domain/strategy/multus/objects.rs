//! Multus' objects: created before the first node needs them, deleted when the last one does not any more.

use super::specs::{ALONE, CREATE, DELETE};
use crate::domain::{
    api::{PhaseState, Target},
    decide::Round,
    effect::{
        Effect, MULTUS_LABEL,
        multus::{IMAGE, Install},
    },
    facts::{Order, Owner},
    host::HostTask,
    plan::{Planned, Preview},
    problem::Problem,
    progress::Progress,
    reason::Reason,
    steps::{seen_without_multus, without_multus},
    strategy::{HostWork, Level, Phase, PhaseId, PhaseSpec, Standing, release::terminating},
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

/// They are there; otherwise what to do. Each engine applies them once: what another actor has changed or deleted of
/// what is not watched, as their account, is so again.
fn created(view: &View<'_>) -> Progress {
    let effect = create(view);
    let applied = |e: &Effect| view.ended.contains(&e.name());
    if there(view) == Order::BOTH.len() && effect.as_ref().is_none_or(applied) {
        return Progress::Done;
    }
    effect.map_or_else(
        || {
            let remedy =
                "Multus calls Flannel as that ConfigMap says. Put cni-conf.json into it, as Flannel's manifest has it.";
            let message = "Flannel's ConfigMap holds no CNI configuration";
            Progress::Fail(Reason::FlannelNotReady, Problem::new("configmap/kube-flannel-cfg", message, remedy))
        },
        |effect| Progress::act(effect, "create Multus' objects"),
    )
}

/// Every host is without its configuration: what labelled a node meanwhile, or came back under its name, has no record.
const fn clean(way: Target) -> HostWork {
    HostWork {
        task: HostTask::CleanMultus,
        way,
        is_due: |s| !s.evidence.cleaned_of_multus,
        mark: |s| s.evidence.cleaned_of_multus = true,
        is_done: Some(without_multus),
        seen_by_hand: Some(seen_without_multus),
    }
}

/// Once the objects are there again, a host that was clean may not be any more.
fn forget_cleaning(round: &mut Round<'_>) {
    for node in round.order.clone() {
        let mut status = round.records.get(&node.name).clone();
        if std::mem::take(&mut status.evidence.cleaned_of_multus) {
            round.records.set(&node.name, status);
        }
    }
}

/// They and their pods are gone; otherwise what to do. No host may still have its configuration: no pod would start
/// there without its account (seen on real nodes).
fn deleted(round: &mut Round<'_>, way: Target) -> Progress {
    let view = &round.view;
    let needs = |n: &&str| round.records.get(n).evidence.multus;
    let labelled = view.facts.nodes.values().find(|n| n.multus.is_some()).map(|n| &*n.name);
    if let Some(node) = labelled.or_else(|| round.order.iter().map(|n| &*n.name).find(needs)) {
        let message = format!(
            "{node} still needs Multus; where its label is a stray one: kubectl label node {node} {MULTUS_LABEL}-"
        );
        return Progress::wait_on(Reason::NodesMoving, format!("node/{node}"), message);
    }
    // by a fresh look at every host, whatever records say
    let cleaned = clean(way).advance(round);
    if cleaned != Progress::Done {
        return cleaned;
    }
    let view = &round.view;
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

fn preview_deleted(view: &View<'_>, way: Target) -> Vec<Preview> {
    let delete = Preview::from(Effect::DeleteMultus { namespace: namespace(view) });
    clean(way).preview(view).into_iter().chain([delete]).collect()
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
            (true, _) if created(view) == Progress::Done && view.recorded(self.id()) == PhaseState::Done => {
                Standing::Done
            }
            (true, _) => Standing::Begun,
            (false, _) => Standing::NotBegun,
        }
    }

    fn advance(&self, round: &mut Round<'_>) -> Progress {
        forget_cleaning(round);
        created(&round.view)
    }

    fn undo(&self, round: &mut Round<'_>) -> Progress {
        if round.view.has_begun(self.id()) { deleted(round, Target::Flannel) } else { Progress::Done }
    }

    fn preview(&self, view: &View<'_>, way: Target) -> Vec<Planned> {
        let changes = match (way, self.standing(view)) {
            (Target::Cilium, Standing::Done) | (Target::Flannel, Standing::NotBegun) => vec![],
            (Target::Cilium, _) => create(view).into_iter().map(Preview::from).collect(),
            (Target::Flannel, _) => preview_deleted(view, way),
        };
        changes.into_iter().map(|p| p.planned(self.id(), None, None)).collect()
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
        deleted(round, Target::Cilium)
    }

    fn undo(&self, round: &mut Round<'_>) -> Progress {
        if !is_deleted(&round.view) {
            return Progress::Done;
        }
        forget_cleaning(round);
        created(&round.view)
    }

    fn preview(&self, view: &View<'_>, way: Target) -> Vec<Planned> {
        let changes = match (way, self.standing(view)) {
            (Target::Cilium, Standing::Done) => vec![],
            (Target::Cilium, _) => preview_deleted(view, way),
            (Target::Flannel, _) if is_deleted(view) => create(view).into_iter().map(Preview::from).collect(),
            (Target::Flannel, _) => vec![],
        };
        changes.into_iter().map(|p| p.planned(self.id(), None, None)).collect()
    }
}
