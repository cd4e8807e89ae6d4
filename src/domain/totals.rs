//! What a plan comes to: what hurts, counted, and how long nodes may take.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;
use serde::Serialize;

use super::{
    api::Target,
    effect::{Effect, Risk},
    eta::{self, Estimate},
    plan::Planned,
    steps::Presence,
    text::{count, duration},
    view::View,
};

/// What a plan hurts, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Changes.
    pub changes: usize,
    /// Nodes that reboot.
    pub reboots: usize,
    /// Those of them that are of the control plane.
    pub control_plane_reboots: usize,
    /// Pods that are evicted, of those that are there now.
    pub evictions: usize,
    /// Pods that are deleted, of those that are there now.
    pub deletions: usize,
    /// Changes that are hard to undo.
    pub hard_to_undo: usize,
}

impl Totals {
    /// Of this plan.
    pub fn of(view: &View<'_>, plan: &[Planned]) -> Self {
        let reboots = plan.iter().filter(|p| p.risk == Risk::Reboot).filter_map(|p| p.node.as_deref());
        let reboots: BTreeSet<&str> = reboots.collect();
        let is_control_plane = |n: &&&str| view.facts.nodes.get(**n).is_some_and(|n| view.facts.is_control_plane(n));
        let pods =
            |concerns: fn(&Effect) -> bool| plan.iter().filter(|p| p.change.as_ref().is_some_and(concerns)).count();
        Self {
            changes: plan.len(),
            reboots: reboots.len(),
            control_plane_reboots: reboots.iter().filter(is_control_plane).count(),
            evictions: pods(|e| matches!(e, Effect::Evict { .. })),
            deletions: pods(|e| matches!(e, Effect::DeletePod { .. })),
            hard_to_undo: plan.iter().filter(|p| p.risk == Risk::Destructive).count(),
        }
    }
}

impl std::fmt::Display for Totals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", count(self.changes, "change"))?;
        if self.reboots > 0 {
            write!(f, ", {} reboot", count(self.reboots, "node"))?;
        }
        if self.control_plane_reboots > 0 {
            write!(f, " ({} of the control plane)", self.control_plane_reboots)?;
        }
        if self.evictions > 0 {
            write!(f, ", {} evicted", count(self.evictions, "pod"))?;
        }
        if self.deletions > 0 {
            write!(f, ", {} deleted and recreated", count(self.deletions, "pod"))?;
        }
        if self.hard_to_undo > 0 {
            write!(f, ", {} {}", self.hard_to_undo, Risk::Destructive.word())?;
        }
        Ok(())
    }
}

/// How long the nodes of a plan take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Time {
    /// Nodes that are moved.
    pub nodes: usize,
    /// Seconds: what cannot be shorter, because each node is observed so long.
    pub at_least: u64,
    /// Seconds: where every step takes as long as it usually may.
    pub at_most: u64,
    /// From the nodes that are through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measured: Option<String>,
}

impl Time {
    /// Of this plan; nothing where it moves no node.
    pub fn of(view: &View<'_>, plan: &[Planned], now: Timestamp) -> Option<Self> {
        let spec = &view.migration.spec;
        let observe = Duration::from_secs(u64::from(spec.observe_seconds));
        let (mut nodes, mut least, mut most) = (0, Duration::ZERO, Duration::ZERO);
        for roll in view.strategy.rolls() {
            let of_roll = plan.iter().filter(|p| p.phase == roll.phase()).filter_map(|p| p.node.as_deref());
            let moved: BTreeSet<&str> = of_roll.collect();
            let one_by_one = |n: &&&str| view.facts.nodes.get(**n).is_some_and(|n| view.facts.is_control_plane(n));
            let masters = moved.iter().filter(one_by_one).count();
            let workers = moved.len() - masters;
            let canaries = workers.min(usize::try_from(spec.nodes.canaries).unwrap_or(usize::MAX));
            let at_once = usize::try_from(spec.nodes.max_unavailable.max(1)).unwrap_or(1);
            let rounds = canaries + (workers - canaries).div_ceil(at_once) + masters;
            let path = roll.path(Target::Cilium).iter().map(|s| s.spec());
            let work: Duration = path.filter(|s| s.presence != Presence::Observed).map(|s| s.budget).sum();
            let rounds = u32::try_from(rounds).unwrap_or(u32::MAX);
            nodes += moved.len();
            least += observe.saturating_mul(rounds);
            most += (work + observe).saturating_mul(rounds);
        }
        let records = view.facts.node_migrations.values().filter_map(|r| r.status.as_ref());
        let measured = match eta::of(&View { now, ..*view }, records) {
            Some(known @ Estimate::Between(..)) => Some(known.to_string()),
            _ => None,
        };
        (nodes > 0).then_some(Self { nodes, at_least: least.as_secs(), at_most: most.as_secs(), measured })
    }
}

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [least, most] = [self.at_least, self.at_most].map(|s| duration(Duration::from_secs(s)));
        match &self.measured {
            Some(left) => write!(f, "{left}, as the nodes before took"),
            None => write!(
                f,
                "{least} to {most} for {}: from observing them alone to every step at its usual limit",
                count(self.nodes, "node")
            ),
        }
    }
}
