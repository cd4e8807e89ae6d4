//! What others do to nodes, and what nodes do by themselves.

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::World;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeFault {
    Uncordoned,
    Cordoned,
    /// The label that makes its agent take over is removed.
    Unlabelled,
    NotReady,
    RebootIgnored,
    RebootNotReady,
    PowerCut,
}

impl NodeFault {
    pub(super) async fn begin(self, world: &World<'_>, node: &str) {
        // an engine may not know of it yet when it changes this node or another one
        if !matches!(self, Self::Unlabelled | Self::RebootIgnored) {
            world.observer.disturbed();
        }
        match self {
            Self::Uncordoned => cordon(world, node, false).await,
            Self::Cordoned => {
                let now = world.server.look("nodes", "", node);
                let free = |n: &Value| n["spec"]["unschedulable"] != true && !is_marked(n);
                if now.is_some_and(|n| free(&n)) {
                    world.observer.claim(node);
                }
                cordon(world, node, true).await;
            }
            Self::Unlabelled => {
                let labels = json!({"metadata": {"labels": {"io.cilium.migration/cilium-default": null}}});
                world.merge("Node", node, &labels).await;
            }
            Self::NotReady => {
                annotate(world, node, "cutover.dev/embedded-cut-off", &json!("")).await;
                is_unknown(world, node).await;
            }
            Self::RebootIgnored => annotate(world, node, "cutover.dev/embedded-reboot", &json!("ignored")).await,
            Self::RebootNotReady => annotate(world, node, "cutover.dev/embedded-reboot", &json!("not-ready")).await,
            Self::PowerCut => annotate(world, node, "cutover.dev/embedded-hands", &json!("reboot")).await,
        }
    }

    pub(super) async fn end(self, world: &World<'_>, node: &str) {
        match self {
            Self::Cordoned => {
                world.observer.disturbed();
                world.observer.unclaim(node);
                // who cordons it uncordons it, and leaves Cutover's own cordon alone
                let marked = world.server.look("nodes", "", node).is_some_and(|n| is_marked(&n));
                if !marked {
                    cordon(world, node, false).await;
                }
            }
            Self::NotReady => {
                world.observer.disturbed();
                annotate(world, node, "cutover.dev/embedded-cut-off", &Value::Null).await;
            }
            // an operator went there
            Self::RebootIgnored | Self::RebootNotReady => {
                world.observer.disturbed();
                annotate(world, node, "cutover.dev/embedded-reboot", &Value::Null).await;
                if self == Self::RebootNotReady {
                    annotate(world, node, "cutover.dev/embedded-hands", &json!("reboot")).await;
                }
            }
            Self::Uncordoned | Self::Unlabelled | Self::PowerCut => {}
        }
    }
}

fn is_marked(node: &Value) -> bool {
    node["metadata"]["annotations"]["cutover.dev/cordoned"].is_string()
}

async fn cordon(world: &World<'_>, node: &str, on: bool) {
    let unschedulable = if on { json!(true) } else { Value::Null };
    world.merge("Node", node, &json!({"spec": {"unschedulable": unschedulable}})).await;
}

async fn annotate(world: &World<'_>, node: &str, key: &str, value: &Value) {
    world.merge("Node", node, &json!({"metadata": {"annotations": {key: value}}})).await;
}

/// What the node controller writes.
async fn is_unknown(world: &World<'_>, node: &str) {
    let status = json!({"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}});
    let _ = world.api("Node").patch_status(node, &PatchParams::default(), &Patch::Strategic(&status)).await;
}
