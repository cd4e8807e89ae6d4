//! Which node is next, and whether it may begin.

use std::sync::Arc;

use super::View;
use crate::domain::{
    api::{NodeMigration, NodeMigrationStatus, Target},
    facts::NodeFact,
    phase::Phase,
    step::Step,
};

impl<'a> View<'a> {
    /// The nodes of the migration in their order: those that the spec names, workers by name, then
    /// the control plane. The other way round on the way back.
    pub fn nodes_in_order(&self) -> Vec<&'a NodeFact> {
        let spec = &self.migration.spec.nodes;
        let mut nodes: Vec<&NodeFact> = self
            .facts
            .nodes
            .values()
            .filter(|n| spec.selector.iter().all(|(k, v)| n.labels.get(k) == Some(v)))
            .collect();
        let own = self.facts.own_node();
        let batch = |n: &NodeFact| spec.batch_by.as_ref().map(|label| natural_or_last(n.labels.get(label)));
        nodes.sort_by_key(|n| {
            let named = spec.order.iter().position(|o| **o == *n.name).unwrap_or(usize::MAX);
            // who works on the node that is drained interrupts itself: the last of its kind
            (named, n.control_plane, own == Some(&*n.name), batch(n), natural(&n.name))
        });
        nodes
    }

    /// How many nodes may be out: one until the canaries are through.
    fn limit(&self, target: Target) -> (usize, &'static str) {
        let spec = &self.migration.spec.nodes;
        let number = |n: u32| usize::try_from(n).unwrap_or(1);
        let done = || self.nodes_in_order().iter().filter(|n| self.status(&n.name).step == Step::Done).count();
        if target == Target::Cilium && spec.max_unavailable > 1 && done() < number(spec.canaries) {
            return (1, "at most 1 at once until the canaries are through");
        }
        (number(spec.max_unavailable), "")
    }

    /// A node that this one has to wait for, whatever `maxUnavailable` allows, and why.
    fn ahead_of(&self, node: &NodeFact, target: Target, taken: &[Arc<str>]) -> Option<String> {
        let open = |n: &&&NodeFact| {
            n.name != node.name
                && self.wanted(&n.name) == Some(target)
                && self.status(&n.name).step != Step::last(target)
        };
        let order = self.nodes_in_order();
        if node.control_plane {
            let worker = order.iter().filter(|n| !n.control_plane).find(open)?;
            return Some(format!("the control plane goes last: waits for {}", worker.name));
        }
        let label = self.migration.spec.nodes.batch_by.as_ref()?;
        let of = |n: &NodeFact| n.labels.get(label).cloned().unwrap_or_default();
        let own = of(node);
        // a batch that has begun is finished before another one begins
        let begun = |n: &&&NodeFact| {
            taken.contains(&n.name)
                || !matches!(self.status(&n.name).step, Step::Pending | Step::Check | Step::RolledBack)
        };
        let workers = || order.iter().filter(|n| !n.control_plane);
        let ahead = workers().filter(|n| of(n) != own).filter(open).find(|n| {
            let batch = of(n);
            workers().filter(|m| of(m) == batch).any(|m| begun(&m))
        })?;
        Some(format!("batches by {label}: {own} waits for {} of {}", ahead.name, of(ahead)))
    }

    /// What is recorded of a node.
    pub fn record(&self, node: &str) -> Option<&'a NodeMigration> {
        self.facts.node_migrations.get(node).map(|r| &**r)
    }

    /// The status of a node's record; the default where there is none.
    pub fn status(&self, node: &str) -> NodeMigrationStatus {
        self.record(node).and_then(|r| r.status.clone()).unwrap_or_default()
    }

    /// Where a node is to end, as the Migration and its own record have it. `None`: it stays as it is.
    pub fn wanted(&self, node: &str) -> Option<Target> {
        let record = self.record(node).map(|r| &r.spec);
        let approved = self.migration.spec.approved;
        if self.migration.spec.target == Target::Flannel || record.is_some_and(|s| s.target == Target::Flannel) {
            return Some(Target::Flannel);
        }
        let canary = approved >= Phase::Install && record.is_some_and(|s| s.approved);
        if approved >= Phase::Migrate || canary {
            return Some(Target::Cilium);
        }
        // Migrate is not approved (any more): what has begun goes back
        let begun = !matches!(self.status(node).step, Step::Pending | Step::RolledBack);
        let switched = self.facts.nodes.get(node).is_some_and(|n| n.switched);
        (begun || switched).then_some(Target::Flannel)
    }

    /// The order of the way back: the other way round, the control plane last again.
    pub fn nodes_in_reverse(&self) -> Vec<&'a NodeFact> {
        let mut nodes = self.nodes_in_order();
        nodes.reverse();
        let own = self.facts.own_node();
        nodes.sort_by_key(|n| (n.control_plane, own == Some(&*n.name)));
        nodes
    }

    /// May this node be taken out now? Otherwise why not, and for whom it waits.
    ///
    /// # Errors
    /// The reason, as a sentence.
    pub fn may_begin(&self, node: &NodeFact, target: Target, taken: &[Arc<str>]) -> Result<(), String> {
        let (limit, canaries) = self.limit(target);
        let out: Vec<(&NodeFact, String)> = self
            .facts
            .nodes
            .values()
            .filter(|n| n.name != node.name)
            .filter_map(|n| Some((n, self.why_out(n, taken)?)))
            .collect();
        if let Some((other, why)) = out.first()
            && out.len() >= limit
        {
            let rule = if canaries.is_empty() { format!("at most {limit} at once") } else { canaries.to_owned() };
            return Err(format!("waits for {}: {why} ({rule})", other.name));
        }
        if let Some(why) = self.ahead_of(node, target, taken) {
            return Err(why);
        }
        if node.control_plane {
            if let Some((other, why)) = out.iter().find(|(n, _)| n.control_plane) {
                return Err(format!("control plane one at a time: waits for {}: {why}", other.name));
            }
            if let Some(why) = self.etcd_ill(node) {
                return Err(why);
            }
        }
        Ok(())
    }

    /// An etcd member elsewhere is not ready: taking this one out could cost the quorum. Members that are no pods
    /// are only seen through the API server's own check; preflight says so.
    pub(super) fn etcd_ill(&self, node: &NodeFact) -> Option<String> {
        if node.control_plane && self.facts.etcd_failing {
            return Some("waits for etcd: the API server says that it is not well".into());
        }
        let ill = self.facts.etcd_members().find(|p| node.control_plane && p.node != node.name && !p.ready)?;
        Some(format!("waits for etcd: member {} is not ready", ill.key.name))
    }

    /// Why a node counts as out: by Cutover or by anybody else.
    fn why_out(&self, node: &NodeFact, taken: &[Arc<str>]) -> Option<String> {
        let status = self.status(&node.name);
        if status.step.is_underway() || taken.contains(&node.name) {
            let step = if status.step.is_underway() { status.step } else { Step::Cordon };
            return Some(format!("it is at step {step}"));
        }
        if status.step == Step::Observe {
            return Some("being observed".into());
        }
        if !node.ready {
            return Some(format!("it is not Ready ({})", node.not_ready_reason));
        }
        node.unschedulable.then(|| "somebody else has cordoned it".into())
    }
}

/// Nodes without the label come after those with it.
fn natural_or_last(value: Option<&String>) -> (bool, Vec<(String, u64)>) {
    (value.is_none(), value.map(|v| natural(v)).unwrap_or_default())
}

/// Sorts `node-2` before `node-10`.
fn natural(name: &str) -> Vec<(String, u64)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let text_end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (text, tail) = rest.split_at(text_end);
        let digits_end = tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len());
        let (digits, tail) = tail.split_at(digits_end);
        parts.push((text.to_owned(), digits.parse().unwrap_or(0)));
        rest = tail;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::natural;

    #[test]
    fn numbers_sort_as_numbers() {
        let mut names = ["worker-10", "worker-2", "cp-1"];
        names.sort_by_key(|n| natural(n));
        assert_eq!(names, ["cp-1", "worker-2", "worker-10"]);
    }
}
