//! Marks of Cutover's that it has not set, and other people's marks on a node.

use serde_json::{Value, json};

use super::{Fault, World};

const SWITCHING: &str = "cutover.dev/switching";
const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";
const LABEL: &str = "io.cilium.migration/cilium-default";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The annotation of a cordon, without one.
    Annotation,
    Taint,
    Label,
    /// Cordoned by hand, on a node that carries the annotation.
    CordonedWithAnnotation,
    /// Shut down by hand (Kubernetes documentation, "Non-graceful node shutdown").
    OutOfService,
}

impl Mark {
    pub(super) async fn begin(self, world: &World<'_>, fault: &Fault, node: &str) {
        if world.is_out(node) || world.is_labelled(node, LABEL) {
            return;
        }
        world.observer.disturbed();
        world.note(fault, json!(true));
        let annotated = json!({"cutover.dev/cordoned": "true"});
        let change = match self {
            Self::Annotation => json!({"metadata": {"annotations": annotated}}),
            Self::CordonedWithAnnotation => {
                json!({"metadata": {"annotations": annotated}, "spec": {"unschedulable": true}})
            }
            Self::Label => json!({"metadata": {"labels": {LABEL: "true"}}}),
            Self::Taint => return taint(world, node, SWITCHING, Some(("true", "NoSchedule"))).await,
            Self::OutOfService => {
                world.observer.claim(node);
                return taint(world, node, OUT_OF_SERVICE, Some(("nodeshutdown", "NoExecute"))).await;
            }
        };
        world.merge("Node", node, &change).await;
    }

    /// Whoever has set it takes it back, unless Cutover is at work on the node by now: then it is Cutover's to remove.
    pub(super) async fn end(self, world: &World<'_>, fault: &Fault, node: &str) {
        if world.noted(fault).is_none() {
            return;
        }
        world.observer.disturbed();
        if self == Self::OutOfService {
            world.observer.unclaim(node);
            return taint(world, node, OUT_OF_SERVICE, None).await;
        }
        if world.is_out(node) || (self == Self::Label && world.is_moved(node)) {
            return;
        }
        let annotated = json!({"cutover.dev/cordoned": null});
        let change = match self {
            Self::Annotation => json!({"metadata": {"annotations": annotated}}),
            Self::CordonedWithAnnotation => {
                json!({"metadata": {"annotations": annotated}, "spec": {"unschedulable": null}})
            }
            Self::Label => json!({"metadata": {"labels": {LABEL: null}}}),
            _ => return taint(world, node, SWITCHING, None).await,
        };
        world.merge("Node", node, &change).await;
    }
}

/// A merge patch replaces the whole list.
async fn taint(world: &World<'_>, node: &str, key: &str, set: Option<(&str, &str)>) {
    let Some(now) = world.server.look("nodes", "", node) else { return };
    let mut taints: Vec<Value> = now["spec"]["taints"].as_array().cloned().unwrap_or_default();
    taints.retain(|t| t["key"] != key);
    taints.extend(set.map(|(value, effect)| json!({"key": key, "value": value, "effect": effect})));
    let version = &now["metadata"]["resourceVersion"];
    world.merge("Node", node, &json!({"metadata": {"resourceVersion": version}, "spec": {"taints": taints}})).await;
}
