//! Server-side apply: field ownership and conflicts between managers.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::answer::{Failure, Result};

type Path = Vec<String>;

/// Applies the configuration of a manager. Lists are owned as a whole.
pub(super) fn apply(
    current: Option<&Value>,
    config: &Value,
    manager: &str,
    force: bool,
    api_version: &str,
) -> Result<Value> {
    let mut config = config.clone();
    if let Some(meta) = config.get_mut("metadata").and_then(Value::as_object_mut) {
        meta.remove("managedFields");
        meta.remove("resourceVersion");
    }
    let mut wanted = BTreeSet::new();
    leaves(&config, &mut Vec::new(), &mut wanted);
    wanted.retain(|p| {
        !matches!(
            p.iter().map(String::as_str).collect::<Vec<_>>().as_slice(),
            ["apiVersion" | "kind"] | ["metadata", "name" | "namespace"]
        )
    });
    let mut object = current.cloned().unwrap_or_else(|| json!({}));
    let mut entries: Vec<(String, BTreeSet<Path>)> = read_entries(&object);
    let own = entries.iter().position(|(m, _)| m == manager);
    for (other, paths) in entries.iter_mut().filter(|(m, _)| m != manager) {
        let clash: Vec<&Path> = paths.intersection(&wanted).filter(|p| at(&object, p) != at(&config, p)).collect();
        if let (Some(path), false) = (clash.first(), force) {
            let field = format!(".{}", path.join("."));
            let message = format!("Apply failed with 1 conflict: conflict with {other:?}: {field}");
            return Err(Failure::new(409, "Conflict", message)
                .caused("FieldManagerConflict", format!("conflict with {other:?}: {field}")));
        }
        if force {
            let clash: Vec<Path> = clash.into_iter().cloned().collect();
            paths.retain(|p| !clash.contains(p));
        }
    }
    // fields that this manager no longer applies are removed, unless another one owns them
    if let Some(i) = own {
        for path in entries[i].1.difference(&wanted) {
            if !entries.iter().any(|(m, paths)| m != manager && paths.contains(path)) {
                remove(&mut object, path);
            }
        }
    }
    overlay(&mut object, &config);
    match own {
        Some(i) => entries[i].1 = wanted,
        None => entries.push((manager.to_owned(), wanted)),
    }
    object["metadata"]["managedFields"] = entries
        .into_iter()
        .filter(|(_, paths)| !paths.is_empty())
        .map(|(manager, paths)| json!({"manager": manager, "operation": "Apply", "apiVersion": api_version, "fieldsType": "FieldsV1", "fieldsV1": tree(&paths)}))
        .collect();
    Ok(object)
}

fn overlay(under: &mut Value, over: &Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            over.iter().for_each(|(k, v)| overlay(under.entry(k.clone()).or_insert(Value::Null), v));
        }
        (under, over) => *under = over.clone(),
    }
}

fn leaves(value: &Value, path: &mut Path, out: &mut BTreeSet<Path>) {
    match value.as_object() {
        Some(object) if !object.is_empty() => {
            for (key, inner) in object {
                path.push(key.clone());
                leaves(inner, path, out);
                path.pop();
            }
        }
        _ => drop(out.insert(path.clone())),
    }
}

fn at<'a>(value: &'a Value, path: &[String]) -> &'a Value {
    path.iter().fold(value, |v, key| &v[key.as_str()])
}

fn remove(value: &mut Value, path: &[String]) {
    let Some((last, parents)) = path.split_last() else { return };
    let parent = parents.iter().try_fold(value, |v, key| v.get_mut(key.as_str()));
    if let Some(object) = parent.and_then(Value::as_object_mut) {
        object.remove(last);
    }
}

fn read_entries(object: &Value) -> Vec<(String, BTreeSet<Path>)> {
    let entries = object["metadata"]["managedFields"].as_array().into_iter().flatten();
    entries
        .map(|e| {
            let mut paths = BTreeSet::new();
            untree(&e["fieldsV1"], &mut Vec::new(), &mut paths);
            (e["manager"].as_str().unwrap_or_default().to_owned(), paths)
        })
        .collect()
}

fn tree(paths: &BTreeSet<Path>) -> Value {
    let mut root = Value::Object(Map::new());
    for path in paths {
        let mut here = &mut root;
        for key in path {
            here = &mut here[format!("f:{key}")];
            if here.is_null() {
                *here = json!({});
            }
        }
    }
    root
}

fn untree(value: &Value, path: &mut Path, out: &mut BTreeSet<Path>) {
    match value.as_object() {
        Some(object) if !object.is_empty() => {
            for (key, inner) in object {
                path.push(key.trim_start_matches("f:").to_owned());
                untree(inner, path, out);
                path.pop();
            }
        }
        _ => drop(out.insert(path.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_no_longer_applied_are_removed_and_those_of_others_stay() {
        let first =
            apply(None, &json!({"metadata": {"name": "x"}, "data": {"a": "1", "b": "2"}}), "one", false, "v1").unwrap();
        let second = apply(Some(&first), &json!({"data": {"c": "3"}}), "two", false, "v1").unwrap();
        let third =
            apply(Some(&second), &json!({"metadata": {"name": "x"}, "data": {"a": "1"}}), "one", false, "v1").unwrap();
        assert_eq!(third["data"], json!({"a": "1", "c": "3"}));
    }

    #[test]
    fn two_managers_of_one_field_conflict_until_one_forces() {
        let first = apply(None, &json!({"data": {"a": "1"}}), "one", false, "v1").unwrap();
        assert!(
            apply(Some(&first), &json!({"data": {"a": "1"}}), "two", false, "v1").is_ok(),
            "the same value is no conflict"
        );
        let refused = apply(Some(&first), &json!({"data": {"a": "2"}}), "two", false, "v1").unwrap_err();
        assert_eq!(refused.code, 409);
        assert_eq!(apply(Some(&first), &json!({"data": {"a": "2"}}), "two", true, "v1").unwrap()["data"]["a"], "2");
    }
}
