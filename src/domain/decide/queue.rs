//! Which node may be taken out now: limits, order, control plane and etcd.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::Round;
use crate::domain::{
    api::Target,
    consent::{ConsentKind, given},
    facts::NodeFact,
    reason::{Reason, Waiting},
    steps::NodeStep,
    strategy::{Goals, Level},
    text,
    view::View,
};

/// The taint of a node that was shut down by hand (Kubernetes documentation, "Non-graceful node shutdown").
const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";

/// The nodes that are out, and who goes next in one direction.
pub(crate) struct Queue<'a> {
    view: View<'a>,
    limit: usize,
    /// Why the limit is lower than `maxUnavailable`.
    canaries: bool,
    /// Nodes that Cutover has out, or takes out in this decision.
    taken: BTreeSet<Arc<str>>,
    /// Nodes that are out or count as such, and why.
    out: BTreeMap<Arc<str>, String>,
    /// The first worker in the order that still has to go this way.
    open_worker: Vec<&'a NodeFact>,
    /// Batches by the value of their label: the first worker that still has to go, and whether the batch has begun.
    batches: BTreeMap<&'a str, (Option<&'a NodeFact>, bool)>,
    /// A node has been told which one it waits for: those behind it are told only that they are queued.
    named: bool,
}

impl<'a> Queue<'a> {
    /// `roll`: index of the only roll that nodes are moved through.
    pub(crate) fn new(round: &Round<'a>, way: Target, roll: Option<usize>) -> Self {
        let view = round.view;
        let taken: BTreeSet<Arc<str>> = view
            .facts
            .nodes
            .values()
            .filter(|n| view.facts.is_taken_out(n) || round.records.get(&n.name).step.is_out())
            .map(|n| n.name.clone())
            .collect();
        let why = |n: &NodeFact| why_out(round, n, taken.contains(&n.name));
        let out = view.facts.nodes.values().filter_map(|n| Some((n.name.clone(), why(n)?))).collect();
        let (limit, canaries) = limit(round, way, roll);
        let goals = Goals::of(view);
        let open = |n: &NodeFact| {
            let status = view.status(&n.name);
            let at_its_end = way == Target::Flannel && status.step == NodeStep::RolledBack;
            let goes = |(next, to)| to == way && roll.is_none_or(|roll| roll == next);
            !at_its_end && goals.next(n, status).is_some_and(goes)
        };
        let workers = || round.order.iter().copied().filter(|n| !view.facts.is_control_plane(n));
        let mut queue = Self {
            view,
            limit,
            canaries,
            open_worker: workers().filter(|n| open(n)).take(2).collect(),
            taken,
            out,
            batches: BTreeMap::new(),
            named: false,
        };
        if let Some(label) = &view.migration.spec.nodes.batch_by {
            for node in workers() {
                let begun = queue.is_taken(&node.name) || has_begun(&view, node, way, open(node));
                let batch = queue.batches.entry(value_of(node, label)).or_default();
                batch.1 |= begun;
                if batch.0.is_none() && open(node) {
                    batch.0 = Some(node);
                }
            }
        }
        queue
    }

    /// Cutover has the node out, or takes it out in this decision.
    pub(crate) fn is_taken(&self, node: &str) -> bool {
        self.taken.contains(node)
    }

    /// The node is taken out in this decision.
    pub(crate) fn take(&mut self, node: &'a NodeFact, step: NodeStep) {
        if self.taken.insert(node.name.clone()) {
            self.out.insert(node.name.clone(), format!("is at step {step}"));
            if let Some(label) = &self.view.migration.spec.nodes.batch_by {
                self.batches.entry(value_of(node, label)).or_default().1 = true;
            }
        }
    }

    /// May this node go on, which its marks say is out although its record does not know of it? Marks are a claim: no
    /// limit is passed on their word.
    ///
    /// # Errors
    /// What it waits for.
    pub(crate) fn may_resume(&mut self, node: &NodeFact) -> Result<(), Waiting> {
        // of those that only their marks say are out the first one goes on: they would wait for each other for ever.
        // One that takes no pods goes before one that does: a drain needs it
        let facts = self.view.facts;
        let rank = |n: &NodeFact| (facts.is_control_plane(n), !facts.is_cordoned_by_cutover(n), n.name.clone());
        let by_mark = |n: &&NodeFact| facts.is_taken_out(n) && !self.view.status(&n.name).step.is_out();
        let behind = |name: &str| facts.nodes.get(name).filter(by_mark).is_some_and(|n| rank(n) > rank(node));
        let others = self.out.keys().filter(|n| **n != node.name && !behind(n)).count();
        if others >= self.limit { Err(self.queued(node)) } else { self.control_plane(node) }
    }

    /// May this node be taken out now? Otherwise for which node and why it waits.
    ///
    /// # Errors
    /// What it waits for.
    pub(crate) fn may_begin(&mut self, node: &NodeFact) -> Result<(), Waiting> {
        let others = self.out.len() - usize::from(self.out.contains_key(&node.name));
        if others >= self.limit {
            return Err(self.queued(node));
        }
        if let Some(waiting) = self.ahead_of(node).or_else(|| self.view.taken_by_others(node)) {
            return Err(waiting);
        }
        self.control_plane(node)
    }

    /// Control plane: one at a time, with a healthy etcd.
    fn control_plane(&self, node: &NodeFact) -> Result<(), Waiting> {
        let facts = self.view.facts;
        if facts.is_control_plane(node) {
            let other = self.others(node).find(|(n, _)| facts.nodes.get(*n).is_some_and(|n| facts.is_control_plane(n)));
            if let Some((other, why)) = other {
                let message = format!("control plane one at a time: waits for {other} ({why})");
                return Err(Waiting::new(Reason::Queued, message).on(format!("node/{other}")));
            }
            if let Some(waiting) = self.view.etcd_unhealthy(node) {
                return Err(waiting);
            }
        }
        Ok(())
    }

    fn others(&self, node: &NodeFact) -> impl Iterator<Item = (&Arc<str>, &String)> {
        let own = node.name.clone();
        self.out.iter().filter(move |(n, _)| **n != own)
    }

    /// The first node in the queue is told which one it waits for. The others are told the same words all the time, so
    /// that a step of one node is not a write to every record of a large cluster.
    fn queued(&mut self, node: &NodeFact) -> Waiting {
        let rule = if self.canaries {
            "one at a time until the canaries are done".to_owned()
        } else {
            format!("maxUnavailable {}", self.limit)
        };
        let first = self.others(node).next().map(|(n, why)| (n.clone(), why.clone()));
        match first {
            Some((other, why)) if !self.named => {
                self.named = true;
                let message = format!("queued behind {other}, which {why} ({rule})");
                Waiting::new(Reason::Queued, message).on(format!("node/{other}"))
            }
            _ => Waiting::new(Reason::Queued, format!("queued ({rule})")),
        }
    }

    /// A node that this one has to wait for, whatever `maxUnavailable` allows.
    fn ahead_of(&self, node: &NodeFact) -> Option<Waiting> {
        if self.view.facts.is_control_plane(node) {
            let worker = self.open_worker.iter().find(|w| w.name != node.name)?;
            let message = format!("the control plane goes last: waits for {}", worker.name);
            return Some(Waiting::new(Reason::Queued, message).on(format!("node/{}", worker.name)));
        }
        // a batch that has begun is finished before another one begins
        let label = self.view.migration.spec.nodes.batch_by.as_ref()?;
        let own = value_of(node, label);
        let ahead = |(batch, (open, begun)): (&&'a str, &(Option<&'a NodeFact>, bool))| {
            open.filter(|_| *begun).map(|n| (*batch, n))
        };
        // where several have begun they go on in one order: none waits for one that waits for it
        let (batch, other) = self.batches.iter().find_map(ahead).filter(|(batch, _)| *batch != own)?;
        let message = format!("batches by {label}: {own} waits for {} of {batch}", other.name);
        Some(Waiting::new(Reason::Queued, message).on(format!("node/{}", other.name)))
    }
}

impl View<'_> {
    /// Another actor has cordoned the node, or taken it out of service, and may be at work on it.
    pub(crate) fn taken_by_others(&self, node: &NodeFact) -> Option<Waiting> {
        let object = format!("node/{}", node.name);
        let by_taint = node.taints.iter().find(|t| t.key == OUT_OF_SERVICE);
        let consented = given(&self.migration.spec.consents, ConsentKind::TakeCordoned, &object);
        let by_cordon = node.unschedulable && !self.facts.is_cordoned_by_cutover(node);
        if consented || !(by_cordon || by_taint.is_some()) {
            return None;
        }
        let why = by_taint.map_or_else(
            || "was cordoned by another actor".into(),
            |t| format!("has the taint {}", text::safe(&t.to_string())),
        );
        let message = format!(
            "{} {why}: it is left alone until that is taken back, or TakeCordoned:{object} is consented to",
            node.name
        );
        Some(Waiting::new(Reason::CordonedByOthers, message).on(object))
    }
}

fn value_of<'a>(node: &'a NodeFact, label: &str) -> &'a str {
    node.labels.get(label).map(String::as_str).unwrap_or_default()
}

/// The node is beyond its check on this way, or through. `open`: it still has to go.
fn has_begun(view: &View<'_>, node: &NodeFact, way: Target, open: bool) -> bool {
    let status = view.status(&node.name);
    let through = match way {
        Target::Cilium => status.step == NodeStep::Done && !open,
        // one that was never moved is not on its way back
        Target::Flannel => status.step == NodeStep::RolledBack && !status.steps.is_empty(),
    };
    through || status.step.is_out() || status.step.is_observed()
}

/// How many nodes may be out: one until the canaries are through, in each roll.
fn limit(round: &Round<'_>, way: Target, roll: Option<usize>) -> (usize, bool) {
    let spec = &round.view.migration.spec.nodes;
    let number = |n: u32| usize::try_from(n).unwrap_or(1);
    let passed = |n: &NodeFact| Level::of(&round.view, round.view.status(&n.name)).passed();
    let done = || round.order.iter().filter(|n| passed(n) > roll.unwrap_or_default()).count();
    if way == Target::Cilium && spec.max_unavailable > 1 && done() < number(spec.canaries) {
        return (1, true);
    }
    (number(spec.max_unavailable), false)
}

/// Why a node counts as out: by Cutover or by another actor.
fn why_out(round: &Round<'_>, node: &NodeFact, taken: bool) -> Option<String> {
    let step = round.records.get(&node.name).step;
    if step.is_out() {
        return Some(format!("is at step {step}"));
    }
    if taken {
        return Some("is taken out".into());
    }
    if step.is_observed() {
        return Some("is being observed".into());
    }
    if !node.ready {
        return Some(format!("is not Ready ({})", text::safe(&node.not_ready_reason)));
    }
    node.unschedulable.then(|| "was cordoned by another actor".into())
}
