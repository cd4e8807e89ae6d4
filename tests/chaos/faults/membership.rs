//! Nodes that join, leave, and come back as another machine: what an autoscaler and a colleague do.

use serde_json::json;

use super::{Fault, World};

const JOINS: &str = "worker-9";
/// The only node that leaves for good: what is left has room for its pods.
const LEAVES: &str = "worker-2";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    Joins,
    JoinsAndLeaves,
    Leaves,
    /// Deleted, and another machine joins under its name.
    Replaced,
}

impl Membership {
    pub(super) async fn begin(self, world: &World<'_>, fault: &Fault) {
        world.observer.disturbed();
        match self {
            Self::Joins | Self::JoinsAndLeaves => join(world, JOINS).await,
            Self::Leaves => world.delete("Node", LEAVES).await,
            Self::Replaced => world.delete("Node", replaced(fault)).await,
        }
    }

    pub(super) async fn end(self, world: &World<'_>, fault: &Fault) {
        world.observer.disturbed();
        match self {
            Self::Joins | Self::Leaves => {}
            Self::JoinsAndLeaves => world.delete("Node", JOINS).await,
            Self::Replaced => join(world, replaced(fault)).await,
        }
    }
}

fn replaced(fault: &Fault) -> &'static str {
    if fault.which.is_multiple_of(2) { "worker-1" } else { LEAVES }
}

async fn join(world: &World<'_>, name: &str) {
    let number = name.trim_start_matches("worker-");
    let range = format!("10.233.7{number}.0/24");
    world
        .put(json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name,
            "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "topology.kubernetes.io/zone": "zone-0"},
            "annotations": {"cutover.dev/embedded-address": format!("192.168.20.{number}")}},
            "spec": {"podCIDR": range, "podCIDRs": [range]}}))
        .await;
}
