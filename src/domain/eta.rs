//! How long it will still take, said only when something is known about it.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    api::{MigrationSpec, NodeMigrationStatus, Target},
    steps::NodeStep,
    strategy::Level,
    text,
    view::View,
};

/// What can be said about the time that is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Estimate {
    /// No node is through yet: nothing is known.
    Unknown,
    /// From the nodes that are through: the median, and the slowest for every one that is left.
    Between(Duration, Duration),
}

/// Estimates for these nodes of a migration.
pub fn of<'a>(view: &View<'_>, nodes: impl Iterator<Item = &'a NodeMigrationStatus>) -> Option<Estimate> {
    let MigrationSpec { target, nodes: limits, .. } = &view.migration.spec;
    let nodes = nodes.map(|status| (status, Level::ahead(view, status, *target)));
    estimate(nodes, *target, limits.max_unavailable, view.now)
}

/// Estimates from the nodes that have been through a roll; each with how many rolls it still has to go through.
fn estimate<'a>(
    nodes: impl Iterator<Item = (&'a NodeMigrationStatus, usize)>,
    target: Target,
    at_once: u32,
    now: Timestamp,
) -> Option<Estimate> {
    let (mut took, mut left, mut spent) = (Vec::new(), 0_u32, Duration::ZERO);
    let last = if target == Target::Cilium { NodeStep::Done } else { NodeStep::RolledBack };
    for (status, ahead) in nodes {
        left += u32::try_from(ahead).unwrap_or(u32::MAX);
        if status.step == last {
            if let (Some(first), Some(last)) = (status.steps.first(), status.steps.last().and_then(|s| s.finished_at)) {
                took.push(text::between(first.started_at, last));
            }
        } else if status.direction == target
            && let Some(first) = status.steps.first()
        {
            spent += text::between(first.started_at, now);
        }
    }
    if left == 0 {
        return None;
    }
    took.sort();
    let (Some(median), Some(slowest)) = (took.get(took.len() / 2), took.last()) else { return Some(Estimate::Unknown) };
    let rounds = left.div_ceil(at_once.max(1));
    let remaining = |each: &Duration| (*each * rounds).saturating_sub(spent.min(*each));
    Some(Estimate::Between(remaining(median), remaining(slowest)))
}

impl std::fmt::Display for Estimate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown => f.write_str("rest unknown until a node is through"),
            Self::Between(low, high) if low == high => write!(f, "about {} left", text::duration(*low)),
            Self::Between(low, high) => write!(f, "{} to {} left", text::duration(*low), text::duration(*high)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::api::StepTiming;

    fn node(step: NodeStep, from: i64, to: i64) -> NodeMigrationStatus {
        let at = |s| Timestamp::from_second(s).unwrap();
        let steps = vec![StepTiming { step: NodeStep::Pending, started_at: at(from), finished_at: Some(at(to)) }];
        NodeMigrationStatus { step, steps, ..NodeMigrationStatus::default() }
    }

    #[test]
    fn nothing_is_claimed_before_the_first_node_is_through() {
        let nodes = [node(NodeStep::Pending, 0, 0), NodeMigrationStatus::default()];
        assert_eq!(
            estimate(nodes.iter().map(|n| (n, 1)), Target::Cilium, 1, Timestamp::from_second(5).unwrap()),
            Some(Estimate::Unknown)
        );
    }

    #[test]
    fn what_is_left_follows_from_what_was_seen() {
        let nodes = [node(NodeStep::Done, 0, 100), node(NodeStep::Done, 100, 400), node(NodeStep::Pending, 0, 0)];
        let pending = NodeMigrationStatus::default();
        let nodes = [(&nodes[0], 0), (&nodes[1], 0), (&pending, 1), (&pending, 1)];
        let e = estimate(nodes.into_iter(), Target::Cilium, 1, Timestamp::from_second(400).unwrap());
        assert_eq!(e, Some(Estimate::Between(Duration::from_secs(600), Duration::from_secs(600))));
        let e = estimate(nodes.into_iter(), Target::Cilium, 2, Timestamp::from_second(400).unwrap());
        assert_eq!(e, Some(Estimate::Between(Duration::from_secs(300), Duration::from_secs(300))));
        let again = nodes.map(|(node, ahead)| (node, ahead + 1));
        let e = estimate(again.into_iter(), Target::Cilium, 1, Timestamp::from_second(400).unwrap());
        assert_eq!(e, Some(Estimate::Between(Duration::from_secs(1800), Duration::from_secs(1800))), "two rolls");
    }
}
