//! A node as the tables show it: how far it is, in a glyph, a word and a colour.

use std::time::Duration;

use crate::{
    cockpit::{
        scene::Scene,
        ui::{Cell, Tone},
    },
    domain::{
        api::{NodeMigrationStatus, Target},
        facts::{CniCounts, NodeFact, Order},
        reason::Reason,
        steps::{NodeStep, Path},
        text::{between, duration},
        turn::{Turn, TurnOf},
    },
};

/// Where a node is in the queue.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    AtWork,
    Next,
    Queued,
}

/// A node as the tables show it.
pub(super) struct Node<'a> {
    pub(super) fact: &'a NodeFact,
    pub(super) status: &'a NodeMigrationStatus,
    /// The steps of its direction.
    path: Path,
    /// It waits for the operator.
    turn: Option<&'a Turn>,
    /// Its rollback is requested, and has not begun.
    asked_back: bool,
    /// No engine runs.
    stranded: bool,
    /// What it waits for is said above the table.
    announced: bool,
    place: Place,
    /// For how much longer it is observed, or for how long its flows have been watched.
    clock: Option<String>,
    pub(super) pods: CniCounts,
}

impl<'a> Node<'a> {
    pub(super) fn of(scene: &Scene<'a>, name: &str) -> Option<Self> {
        let fact = scene.facts.nodes.get(name)?;
        let status = scene.node(name);
        let path = scene.view().strategy.path_of(status);
        let turn = scene.turns().iter().find(|t| matches!(&t.object, TurnOf::Node(n) if **n == *name));
        let asked_back = scene.asked_back(name) && status.direction == Target::Cilium && !status.step.is_unmoved();
        let stranded = scene.is_stranded();
        let place = match &scene.outlook.next {
            _ if !status.step.is_unmoved() && status.step != NodeStep::Done => Place::AtWork,
            Some(next) if **next == *name => Place::Next,
            _ => Place::Queued,
        };
        let (announced, clock, pods) = (false, clock(scene, status), scene.facts.cni_counts(name));
        Some(Self { fact, status, path, turn, asked_back, stranded, announced, place, clock, pods })
    }

    /// The same, and whether what it waits for is said above the table already.
    pub(super) fn announced(self, announced: bool) -> Self {
        Self { announced, ..self }
    }

    /// It is at a step.
    pub(super) fn is_at_work(&self) -> bool {
        self.place == Place::AtWork
    }

    /// Which CNI its pods use now.
    pub(super) fn cni(&self) -> Cell<'a> {
        match self.fact.multus {
            Some(Order::FlannelFirst) => return Cell::plain("Fl+Ci"),
            Some(Order::CiliumFirst) => return Cell::new("Ci+Fl", Tone::Accent),
            None => {}
        }
        match (self.pods.flannel > 0, self.pods.cilium > 0 || self.status.step == NodeStep::Done) {
            (true, true) => Cell::new("both", Tone::Warn),
            (false, true) => Cell::new("Cilium", Tone::Good),
            (true, false) => Cell::plain("Flannel"),
            (false, false) => Cell::dim("—"),
        }
    }
}

/// One glyph for each step of the node's path.
pub(super) fn strip<'a>(node: &Node<'a>) -> Cell<'a> {
    let status = node.status;
    let at = status.step.spec().and_then(|spec| node.path.iter().position(|s| s.spec().id == spec.id));
    let here = match status.direction {
        _ if node.turn.is_some() || node.stranded => '?',
        _ if status.last_error.is_some() => '!',
        Target::Flannel => '◀',
        Target::Cilium => '▶',
    };
    let glyph = |i: usize| match at {
        _ if status.step == NodeStep::Done => '✓',
        Some(at) if i < at => '✓',
        Some(at) if i == at => here,
        // what was taken back is not done
        _ => '·',
    };
    Cell::new((0..node.path.len()).map(glyph).collect::<String>(), tone(node))
}

/// The step by its name.
pub(super) fn name<'a>(node: &Node<'a>) -> Cell<'a> {
    let name = match node.status.step {
        // it was never moved, so nothing of it was taken back
        NodeStep::RolledBack if node.status.attempt == 0 => "unmoved",
        step => step.name(),
    };
    Cell::new(name, tone(node))
}

pub(super) fn tone(node: &Node<'_>) -> Tone {
    let status = node.status;
    match status.step {
        _ if node.turn.is_some() || node.asked_back => Tone::Turn,
        _ if status.last_error.is_some() => Tone::Bad,
        NodeStep::Done => Tone::Good,
        NodeStep::RolledBack if status.attempt == 0 => Tone::Dim,
        NodeStep::RolledBack => Tone::Warn,
        NodeStep::Pending => Tone::Dim,
        NodeStep::At(_) if node.stranded => Tone::Turn,
        _ if status.direction == Target::Flannel => Tone::Warn,
        NodeStep::At(_) => Tone::Accent,
    }
}

/// How much of an observation is left, or how long it has lasted where its end is not known.
fn clock(scene: &Scene<'_>, status: &NodeMigrationStatus) -> Option<String> {
    let took = between(status.since?, scene.now);
    let wanted = Duration::from_secs(scene.migration.spec.observe_seconds.into());
    match status.waiting.reason {
        Reason::Observing => Some(format!("observed, {} left", duration(wanted.saturating_sub(took)))),
        Reason::FlowsObserved if status.step.is_observed() => {
            Some(format!("watching its flows, {} so far", duration(took)))
        }
        _ => None,
    }
}

/// What the node waits for, or what failed. Of the queue only the first one says it: the others wait for that one.
pub(super) fn waiting<'a>(node: &Node<'a>) -> Cell<'a> {
    let queued = matches!(
        node.status.waiting.reason,
        Reason::Queued | Reason::FlowsObserved | Reason::FlowsFailing | Reason::EtcdUnhealthy
    );
    match (&node.status.last_error, node.turn) {
        _ if node.announced => Cell::new("see above", tone(node)),
        _ if node.asked_back => Cell::new(format!("rollback requested. {}", node.status.waiting), Tone::Warn),
        (Some(e), _) => Cell::new(&*e.problem.message, Tone::Bad),
        (None, Some(turn)) => Cell::new(&*turn.message, Tone::Warn),
        (None, None) => match (&node.clock, node.place) {
            (Some(clock), _) => Cell::plain(clock.clone()),
            (None, Place::Queued) if queued => Cell::plain(""),
            (None, Place::Next) if queued => Cell::dim(&*node.status.waiting.message),
            (None, _) => Cell::plain(&*node.status.waiting.message),
        },
    }
}
