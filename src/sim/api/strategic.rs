//! Strategic merge patches: lists of the core types merge by key.

use serde_json::Value;

/// The key by which a list merges (Kubernetes' patchMergeKey); lists of other names are replaced.
fn merge_key(list: &str) -> Option<&'static str> {
    Some(match list {
        "containers" | "initContainers" | "volumes" | "env" | "imagePullSecrets" => "name",
        "conditions" | "addresses" => "type",
        "ownerReferences" => "uid",
        "volumeMounts" => "mountPath",
        "ports" => "containerPort",
        _ => return None,
    })
}

/// Applies a strategic merge patch.
pub(super) fn patch(target: &mut Value, change: &Value) {
    let Some(change) = change.as_object() else {
        *target = change.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Some(object) = target.as_object_mut() else { return };
    for (key, value) in change {
        if let Some(list) = key.strip_prefix("$deleteFromPrimitiveList/") {
            if let (Some(have), Some(gone)) = (object.get_mut(list).and_then(Value::as_array_mut), value.as_array()) {
                have.retain(|v| !gone.contains(v));
            }
        } else if key.starts_with('$') {
            // directives such as $setElementOrder: nothing here depends on them
        } else if value.is_null() {
            object.remove(key);
        } else if let (Some(by), Some(new)) = (merge_key(key), value.as_array()) {
            merge_list(object.entry(key.clone()).or_insert_with(|| Value::Array(vec![])), new, by);
        } else if key == "finalizers"
            && let (Some(have), Some(new)) = (object.get_mut(key).and_then(Value::as_array_mut), value.as_array())
        {
            new.iter().for_each(|v| {
                if !have.contains(v) {
                    have.push(v.clone());
                }
            });
        } else if value.is_object() {
            patch(object.entry(key.clone()).or_insert(Value::Null), value);
        } else {
            object.insert(key.clone(), value.clone());
        }
    }
}

fn merge_list(target: &mut Value, new: &[Value], by: &str) {
    if !target.is_array() {
        *target = Value::Array(vec![]);
    }
    let Some(list) = target.as_array_mut() else { return };
    for element in new {
        let found = list.iter().position(|e| e[by] == element[by]);
        match (found, element["$patch"] == "delete") {
            (Some(i), true) => drop(list.remove(i)),
            (None, true) => {}
            (Some(i), false) => patch(&mut list[i], element),
            (None, false) => list.push(element.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn conditions_merge_by_type_and_taints_are_replaced() {
        let mut node = json!({"spec": {"taints": [{"key": "a"}]}, "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "X", "status": "True"}]}});
        patch(
            &mut node,
            &json!({"spec": {"taints": [{"key": "b"}], "unschedulable": null}, "status": {"conditions": [{"type": "Ready", "status": "False"}]}}),
        );
        assert_eq!(node["spec"]["taints"], json!([{"key": "b"}]));
        assert_eq!(
            node["status"]["conditions"],
            json!([{"type": "Ready", "status": "False"}, {"type": "X", "status": "True"}])
        );
    }

    #[test]
    fn elements_can_be_deleted_by_key() {
        let mut pod = json!({"spec": {"containers": [{"name": "a"}, {"name": "b", "image": "x"}]}});
        patch(
            &mut pod,
            &json!({"spec": {"containers": [{"name": "a", "$patch": "delete"}, {"name": "b", "image": "y"}]}}),
        );
        assert_eq!(pod["spec"]["containers"], json!([{"name": "b", "image": "y"}]));
    }
}
