//! In which order nodes go.

use crate::domain::{
    facts::NodeFact,
    reason::{Reason, Waiting},
    view::View,
};

impl<'a> View<'a> {
    /// The nodes of the migration in their order: those that the spec names, workers by name, then the control plane. The
    /// selector limits what begins: what this migration has changed stays its own, whatever the selector becomes.
    pub fn nodes_in_order(&self) -> Vec<&'a NodeFact> {
        let spec = &self.migration.spec.nodes;
        let selected = |n: &&NodeFact| spec.selector.iter().all(|(k, v)| n.labels.get(k) == Some(v));
        let all = self.strategy.has_outage();
        let mut nodes: Vec<&NodeFact> =
            self.facts.nodes.values().filter(|n| all || selected(n) || self.is_changed(n)).collect();
        let own = self.facts.own_node();
        // nodes without the label come after those with it
        let value = |n: &'a NodeFact, label| n.labels.get(label).map_or((true, vec![]), |v| (false, natural(v)));
        let batch = |n: &'a NodeFact| spec.batch_by.as_ref().map(|label| value(n, label));
        nodes.sort_by_cached_key(|n| {
            let named = spec.order.iter().position(|o| **o == *n.name).unwrap_or(usize::MAX);
            // an engine that runs on the node that is drained interrupts itself: that node is the last of its kind
            (named, self.facts.is_control_plane(n), own == Some(&*n.name), batch(n), natural(&n.name))
        });
        nodes
    }

    /// This migration has changed the node and not taken that back.
    fn is_changed(&self, node: &NodeFact) -> bool {
        let status = self.status(&node.name);
        node.switched || status.evidence.switched || !status.step.is_unmoved() || self.facts.is_taken_out(node)
    }

    /// The order of the way back: the other way round, the control plane last again.
    pub fn reversed(&self, order: &[&'a NodeFact]) -> Vec<&'a NodeFact> {
        let mut nodes = order.to_vec();
        self.reverse(&mut nodes, |n| n);
        nodes
    }

    /// The same for what is in the order of its nodes.
    pub(crate) fn reverse<T>(&self, order: &mut [T], node: impl Fn(&T) -> &NodeFact) {
        let own = self.facts.own_node();
        order.reverse();
        order.sort_by_cached_key(|t| (self.facts.is_control_plane(node(t)), own == Some(&*node(t).name)));
    }

    /// An etcd member elsewhere is not ready: taking this one out could cost the quorum. Members that are no pods
    /// are only seen through the API server's own check; preflight says so.
    pub fn etcd_unhealthy(&self, node: &NodeFact) -> Option<Waiting> {
        if !self.facts.is_control_plane(node) {
            return None;
        }
        if self.facts.etcd_failing {
            return Some(Waiting::new(Reason::EtcdUnhealthy, "waits for etcd: the API server reports it unhealthy"));
        }
        let ill = self.facts.etcd_members().find(|p| p.node != node.name && !p.ready)?;
        let message = format!("waits for etcd: member {} is not ready", ill.key.name);
        Some(Waiting::new(Reason::EtcdUnhealthy, message).on(format!("pod/{}", ill.key)))
    }
}

impl View<'_> {
    /// Another node of the control plane is not Ready: a reboot of this one would take a second one out.
    pub fn control_plane_out(&self, node: &NodeFact) -> Option<Waiting> {
        if !self.facts.is_control_plane(node) {
            return None;
        }
        let others = self.facts.nodes.values().filter(|n| n.name != node.name && self.facts.is_control_plane(n));
        let out = others.into_iter().find(|n| !n.ready)?;
        let message = format!("control plane one at a time: waits for {}, which is not Ready", out.name);
        Some(Waiting::new(Reason::Queued, message).on(format!("node/{}", out.name)))
    }
}

/// Sorts `node-2` before `node-10`: the parts of a name, text and the number that follows.
fn natural(name: &str) -> Vec<(&str, u64)> {
    let (mut parts, mut rest) = (Vec::with_capacity(2), name);
    let digit = |c: char| c.is_ascii_digit();
    while !rest.is_empty() {
        let (text, tail) = rest.split_at(rest.find(digit).unwrap_or(rest.len()));
        let (number, tail) = tail.split_at(tail.find(|c| !digit(c)).unwrap_or(tail.len()));
        parts.push((text, number.parse().unwrap_or(0)));
        rest = tail;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::natural;

    #[test]
    fn numbers_sort_as_numbers() {
        let mut names = ["worker-10", "worker-2", "worker", "cp-1"];
        names.sort_by_key(|n| natural(n));
        assert_eq!(names, ["cp-1", "worker", "worker-2", "worker-10"]);
    }
}
