//! Changes of nodes: the merge patch that is due for a node as it is, nothing where it is as wanted.

use serde_json::{Value, json};

use super::{CORDON_MARK, MULTUS_LABEL, SWITCH_LABEL, SWITCHING_TAINT};
use crate::domain::facts::Order;

/// Value and effect of the taint.
pub(super) const TAINT: (&str, &str) = ("true", "NoSchedule");

/// Stands for the UID of a Migration that is not created yet.
const PLANNED: &str = "UID of the Migration";

/// No new pods, with the mark of a cordon that is Cutover's: the UID of the Migration.
pub fn cordon(node: &Value, owner: Option<&str>) -> Option<Value> {
    let cordoned = node["spec"]["unschedulable"] == true;
    let mark = owner.unwrap_or(PLANNED);
    (!cordoned).then(|| json!({"metadata": {"annotations": {CORDON_MARK: mark}}, "spec": {"unschedulable": true}}))
}

/// Undoes only a cordon that carries the mark.
pub fn uncordon(node: &Value) -> Option<Value> {
    node["metadata"]["annotations"].get(CORDON_MARK)?;
    Some(json!({"metadata": {"annotations": {CORDON_MARK: null}}, "spec": {"unschedulable": null}}))
}

/// Keeps DaemonSet pods away.
pub fn taint(node: &Value) -> Option<Value> {
    let mut taints = others(node);
    let tainted = taints.len() < count(node);
    taints.push(json!({"key": SWITCHING_TAINT, "value": TAINT.0, "effect": TAINT.1}));
    (!tainted).then(|| json!({"spec": {"taints": taints}}))
}

/// Lets DaemonSet pods back.
pub fn untaint(node: &Value) -> Option<Value> {
    let taints = others(node);
    (taints.len() < count(node)).then(|| json!({"spec": {"taints": taints}}))
}

fn count(node: &Value) -> usize {
    node["spec"]["taints"].as_array().map_or(0, Vec::len)
}

/// The taints that are not Cutover's: a merge patch replaces the whole list.
fn others(node: &Value) -> Vec<Value> {
    let taints = node["spec"]["taints"].as_array().into_iter().flatten();
    taints.filter(|t| t["key"] != SWITCHING_TAINT).cloned().collect()
}

/// The label that makes the agent take over.
pub fn switch(node: &Value) -> Option<Value> {
    let set = node["metadata"]["labels"][SWITCH_LABEL] == "true";
    (!set).then(|| json!({"metadata": {"labels": {SWITCH_LABEL: "true"}}}))
}

/// Removes that label.
pub fn revert(node: &Value) -> Option<Value> {
    node["metadata"]["labels"].get(SWITCH_LABEL)?;
    Some(json!({"metadata": {"labels": {SWITCH_LABEL: null}}}))
}

/// The label that puts Multus before the node's CNIs, or none.
pub fn multus(node: &Value, order: Option<Order>) -> Option<Value> {
    let wanted = json!(order.map(Order::name));
    let there = node["metadata"]["labels"].get(MULTUS_LABEL).unwrap_or(&Value::Null);
    (*there != wanted).then(|| json!({"metadata": {"labels": {MULTUS_LABEL: wanted}}}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patched(mut node: Value, patch: Option<Value>) -> Value {
        json_patch::merge(&mut node, &patch.expect("a patch is due"));
        node
    }

    #[test]
    fn each_change_is_made_once_and_undone_by_its_inverse() {
        let theirs = json!([{"key": "gpu", "effect": "NoSchedule"}]);
        let node = json!({"metadata": {"name": "n", "annotations": {"a": "b"}}, "spec": {"taints": theirs}});
        let cordoned = patched(node.clone(), cordon(&node, Some("uid")));
        assert_eq!(cordon(&cordoned, Some("uid")), None);
        assert_eq!(uncordon(&node), None, "a cordon without the mark, or none");
        assert_eq!(patched(cordoned.clone(), uncordon(&cordoned)), node);
        let tainted = patched(node.clone(), taint(&node));
        assert_eq!(tainted["spec"]["taints"].as_array().map(Vec::len), Some(2));
        assert_eq!((taint(&tainted), untaint(&node)), (None, None));
        assert_eq!(patched(tainted.clone(), untaint(&tainted)), node);
        let switched = patched(node.clone(), switch(&node));
        assert_eq!((switch(&switched), revert(&node)), (None, None));
        assert_eq!(revert(&switched), Some(json!({"metadata": {"labels": {SWITCH_LABEL: null}}})));
    }
}
