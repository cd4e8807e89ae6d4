//! The flow guard: whether connections that fail hold the next node.

use std::{collections::BTreeSet, time::Duration};

use crate::domain::{
    api::{FlowTrouble, Target},
    consent::{ConsentKind, given},
    facts::{Cni, NodeFact},
    guard::{Edge, Trouble},
    reason::{Reason, Waiting},
    text,
    view::View,
};

/// Treat an edge as previously working if we saw it work, a baseline lists it, it is DNS or the API server, or it is
/// in-cluster TCP (which Hubble cannot see before the move). Datagrams need no answer.
fn is_known(trouble: &Trouble, baselines: &BTreeSet<String>) -> bool {
    let edge = &trouble.edge;
    let inside = edge.protocol == "TCP" && edge.to.contains('/') && !edge.from.starts_with("world");
    trouble.worked_before || edge.rank() < 2 || inside || baselines.contains(&edge.to_string())
}

/// How many edges a node's baseline has at most.
const BASELINE: usize = 60;
/// Upper bound on failing edges in the status, worst first.
const WRITTEN: usize = 20;

impl<'a> View<'a> {
    fn patience(&self) -> Duration {
        Duration::from_secs(u64::from(self.migration.spec.guard.patience_seconds))
    }

    /// What fails as nodes on Cilium say: what a node said that is back on Flannel is over.
    fn troubles(&self) -> impl Iterator<Item = &'a Trouble> {
        let nodes = &self.facts.nodes;
        self.facts.flows.troubles.iter().filter(|t| nodes.get(&t.node).is_none_or(|n| n.switched))
    }

    /// Troubles that are no accident.
    fn failing_flows(&self) -> impl Iterator<Item = &'a Trouble> {
        let (patience, baselines) = (self.patience(), self.known_edges());
        self.troubles().filter(move |t| t.counts(patience, is_known(t, &baselines)))
    }

    fn has_moved(&self) -> bool {
        self.facts.nodes.values().any(|n| n.switched)
    }

    /// Edges that a baseline of any node has: the memory of the engine that watched may be lost.
    fn known_edges(&self) -> BTreeSet<String> {
        let unknown = self.facts.flows.troubles.iter().any(|t| !t.worked_before);
        let records = self.facts.node_migrations.values().filter(|_| unknown).filter_map(|r| r.status.as_ref());
        records.flat_map(|s| s.evidence.baseline_connections.iter().cloned()).collect()
    }

    fn agreed(&self, edge: &str) -> bool {
        given(&self.migration.spec.consents, ConsentKind::BrokenFlow, edge)
    }

    /// What fails, for the record: without anything that changes all the time. What an engine before this one wrote
    /// down stays until it is seen to work, or the node that saw it is back on Flannel: memory ends with a process.
    pub fn flow_troubles(&self) -> Vec<FlowTrouble> {
        if !self.migration.spec.guard.enabled || !self.has_moved() {
            return vec![];
        }
        let trouble = |t: &Trouble| FlowTrouble {
            edge: t.edge.to_string(),
            node: t.node.to_string(),
            why: t.why.to_string(),
            since: t.since,
            agreed: false,
        };
        let mut troubles: Vec<FlowTrouble> = self.failing_flows().map(trouble).collect();
        let before = self.migration.status.iter().flat_map(|s| &s.flows);
        for old in before {
            let there = |t: &FlowTrouble| (&t.edge, &t.node) == (&old.edge, &old.node);
            let back = self.facts.nodes.get(old.node.as_str()).is_some_and(|n| !n.switched);
            if !back && !self.works(&old.edge) && !troubles.iter().any(there) {
                troubles.push(old.clone());
            }
        }
        troubles.iter_mut().for_each(|t| t.agreed = self.agreed(&t.edge));
        troubles
    }

    /// The same, as much of it as is written down; what was agreed to gives way first.
    pub fn written_troubles(&self) -> Vec<FlowTrouble> {
        let mut troubles = self.flow_troubles();
        troubles.sort_by_key(|t| t.agreed);
        troubles.truncate(WRITTEN);
        troubles
    }

    fn works(&self, edge: &str) -> bool {
        let from = edge.split("->").next().unwrap_or_default();
        self.facts.flows.working.get(from).is_some_and(|edges| edges.iter().any(|e| e.to_string() == edge))
    }

    /// Why no other node may be moved now: connections fail that worked, or may be about to. The way back is always
    /// open.
    pub(crate) fn flows_hold(&self, target: Target) -> Option<Waiting> {
        let guard = &self.migration.spec.guard;
        if target == Target::Flannel || !guard.enabled || !self.has_moved() {
            return None;
        }
        let mut broken = self.flow_troubles();
        let mut edges = BTreeSet::new();
        broken.retain(|t| !t.agreed && edges.insert(t.edge.clone()));
        let limit = usize::try_from(guard.limit).unwrap_or(usize::MAX);
        if let Some(first) = broken.first().filter(|_| broken.len() > limit) {
            let named: Vec<&str> = broken.iter().take(3).map(|t| t.edge.as_str()).collect();
            let more = broken.len().saturating_sub(3);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let message = format!(
                "flows: {} failing: {}{more} ({}). Roll the last node back, or consent to each (BrokenFlow)",
                text::count(broken.len(), "connection"),
                named.join(", "),
                text::safe(&first.why)
            );
            return Some(Waiting::new(Reason::FlowsFailing, message).on(&first.edge));
        }
        if let Some(node) = self.facts.flows.settling.first().filter(|_| self.migration.spec.observe_seconds > 0) {
            let message = format!("flows: watching those of {node} before the next node is moved");
            return Some(Waiting::new(Reason::FlowsObserved, message).on(format!("node/{node}")));
        }
        let (patience, baselines) = (self.patience(), self.known_edges());
        let may = |t: &&Trouble| t.may_count(patience, is_known(t, &baselines), self.now);
        let may = self.troubles().filter(may).find(|t| !self.agreed(&t.edge.to_string()))?;
        let message = format!("flows: waits whether {} keeps failing ({})", may.edge, text::safe(&may.why));
        Some(Waiting::new(Reason::FlowsObserved, message).on(may.edge.to_string()))
    }

    /// What the pods of a node connect to, as far as flows show it: the baseline for after its move.
    pub(crate) fn baseline_connections(&self, node: &NodeFact) -> Vec<String> {
        let ends: BTreeSet<String> = self
            .facts
            .pods_on(&node.name)
            .filter(|p| self.facts.cni_of(p) != Cni::Host)
            .map(|p| format!("{}/{}", p.key.namespace, p.owner.as_ref().map_or(&p.key.name, |o| &o.name)))
            .collect();
        let working = &self.facts.flows.working;
        let mut edges: Vec<&Edge> = ends.iter().filter_map(|e| working.get(e.as_str())).flatten().collect();
        edges.sort_by_key(|e| (e.rank(), *e));
        edges.dedup();
        edges.into_iter().take(BASELINE).map(ToString::to_string).collect()
    }
}
