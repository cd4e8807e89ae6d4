//! Structural schemas of custom resources: defaults, pruning, and validation with the server's messages.

use serde_json::{Map, Value};

use crate::domain::api::{Ruling, evaluate, fits};

/// Sets defaults, prunes unknown fields, and lists what is invalid.
pub(super) fn admit(schema: &Value, object: &mut Value) -> Vec<(String, String)> {
    fill(schema, object);
    prune(schema, object, true);
    let mut causes = Vec::new();
    check(schema, object, "", &mut causes);
    causes
}

/// What the rules of a definition (`x-kubernetes-validations`) say of an update. No CEL is evaluated here: the rules are
/// known by their text, and the contract with the real server holds both to the same answers.
pub(super) fn transition(schema: &Value, before: &Value, after: &Value) -> Vec<(String, String)> {
    let rules = schema["x-kubernetes-validations"].as_array().into_iter().flatten();
    let judge = |rule: &Value| {
        let text = |key: &str| rule[key].as_str().unwrap_or_default();
        let said = match evaluate(text("rule"), before, after) {
            Ruling::Allowed => return None,
            Ruling::Refused(said) => said,
            Ruling::UnknownRule => format!("the embedded API server does not know the rule {}", text("rule")),
        };
        let field = text("fieldPath").trim_start_matches('.');
        let kind = type_of(after.pointer(&format!("/{}", field.replace('.', "/"))).unwrap_or(after));
        Some((field.to_owned(), format!("Invalid value: {kind:?}: {said}")))
    };
    rules.filter_map(judge).collect()
}

/// What keeps the schemas of a definition from being structural, which a real server asks of them: every value has a type,
/// and a list has one schema for all of its items (a tuple has several).
pub(super) fn not_structural(crd: &Value) -> Vec<(String, String)> {
    let mut causes = Vec::new();
    for (i, version) in crd["spec"]["versions"].as_array().into_iter().flatten().enumerate() {
        let schema = &version["schema"]["openAPIV3Schema"];
        typed(schema, &format!("spec.versions[{i}].schema.openAPIV3Schema"), &mut causes);
    }
    causes
}

fn typed(schema: &Value, path: &str, causes: &mut Vec<(String, String)>) {
    let is_free = ["x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string"];
    if !schema["type"].is_string() && !is_free.iter().any(|key| schema[key] == true) {
        causes.push((format!("{path}.type"), "Required value: must not be empty for specified object fields".into()));
    }
    if schema["items"].is_array() {
        let message = "Forbidden: items must be a schema object and not an array";
        causes.push((format!("{path}.items"), message.into()));
    } else if schema["type"] == "array" && schema["items"].is_null() {
        causes.push((format!("{path}.items"), "Required value: must be specified".into()));
    }
    let properties = schema["properties"].as_object().into_iter().flatten();
    properties.for_each(|(key, inner)| typed(inner, &format!("{path}.properties[{key}]"), causes));
    for key in ["items", "additionalProperties"] {
        if schema[key].is_object() {
            typed(&schema[key], &format!("{path}.{key}"), causes);
        }
    }
}

fn fill(schema: &Value, value: &mut Value) {
    if let (Some(properties), Some(object)) = (schema["properties"].as_object(), value.as_object_mut()) {
        for (key, inner) in properties {
            if !object.contains_key(key)
                && let Some(default) = inner.get("default")
            {
                object.insert(key.clone(), default.clone());
            }
            if let Some(v) = object.get_mut(key) {
                fill(inner, v);
            }
        }
    }
    if let (Some(items), Some(list)) = (schema.get("items"), value.as_array_mut()) {
        list.iter_mut().for_each(|v| fill(items, v));
    }
}

fn prune(schema: &Value, value: &mut Value, root: bool) {
    if schema["x-kubernetes-preserve-unknown-fields"] == true {
        return;
    }
    match value {
        Value::Object(object) => {
            let empty = Map::new();
            let properties = schema["properties"].as_object().unwrap_or(&empty);
            let additional = &schema["additionalProperties"];
            if additional.is_object() || additional == true {
                object.values_mut().for_each(|v| prune(additional, v, false));
                return;
            }
            object.retain(|k, _| {
                properties.contains_key(k) || (root && matches!(k.as_str(), "apiVersion" | "kind" | "metadata"))
            });
            for (key, inner) in properties {
                if root && key == "metadata" {
                    continue;
                }
                if let Some(v) = object.get_mut(key) {
                    prune(inner, v, false);
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|v| prune(&schema["items"], v, false)),
        _ => {}
    }
}

fn check(schema: &Value, value: &Value, path: &str, causes: &mut Vec<(String, String)>) {
    let mut refuse =
        |message: String| causes.push((if path.is_empty() { "<nil>".into() } else { path.to_owned() }, message));
    if value.is_null() {
        if schema["nullable"] != true && !path.is_empty() {
            refuse(format!(
                "Invalid value: \"null\": {path} in body must be of type {}",
                schema["type"].as_str().unwrap_or("object")
            ));
        }
        return;
    }
    if let Some(wanted) = schema["type"].as_str()
        && !is_of(wanted, value)
    {
        refuse(format!(
            "Invalid value: {:?}: {path} in body must be of type {wanted}: {:?}",
            type_of(value),
            type_of(value)
        ));
        return;
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        let allowed: Vec<String> = allowed.iter().map(Value::to_string).collect();
        refuse(format!("Unsupported value: {value}: supported values: {}", allowed.join(", ")));
    }
    if let (Some(pattern), Some(text)) = (schema["pattern"].as_str(), value.as_str())
        && !fits(pattern, text)
    {
        refuse(format!("Invalid value: {text:?}: {path} in body should match '{pattern}'"));
    }
    if let Some(number) = value.as_f64() {
        if schema["minimum"].as_f64().is_some_and(|m| number < m) {
            refuse(format!(
                "Invalid value: {value}: {path} in body should be greater than or equal to {}",
                schema["minimum"]
            ));
        }
        if schema["maximum"].as_f64().is_some_and(|m| number > m) {
            refuse(format!(
                "Invalid value: {value}: {path} in body should be less than or equal to {}",
                schema["maximum"]
            ));
        }
    }
    if let Some(text) = value.as_str() {
        let length = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
        if schema["minLength"].as_u64().is_some_and(|m| length < m) {
            refuse(format!(
                "Invalid value: {text:?}: {path} in body should be at least {} chars long",
                schema["minLength"]
            ));
        }
        if schema["maxLength"].as_u64().is_some_and(|m| length > m) {
            refuse(format!("Too long: may not be more than {} bytes", schema["maxLength"]));
        }
    }
    let join = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    if let Some(object) = value.as_object() {
        for required in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !object.contains_key(required) {
                causes.push((join(required), "Required value".into()));
            }
        }
        for (key, inner) in object {
            if let Some(property) = schema["properties"].get(key) {
                check(property, inner, &join(key), causes);
            } else if schema["additionalProperties"].is_object() {
                check(&schema["additionalProperties"], inner, &join(key), causes);
            }
        }
    }
    if let (Some(list), true) = (value.as_array(), schema["items"].is_object()) {
        for (i, inner) in list.iter().enumerate() {
            check(&schema["items"], inner, &format!("{path}[{i}]"), causes);
        }
    }
}

fn is_of(wanted: &str, value: &Value) -> bool {
    match wanted {
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        other => type_of(value) == other,
    }
}

const fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn migration_schema() -> Value {
        let crd = serde_json::to_value(&crate::domain::api::crds()[0]).unwrap();
        crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
    }

    fn refused(spec: Value) -> Vec<String> {
        let mut object = json!({"apiVersion": "cutover.dev/v1alpha1", "kind": "Migration", "metadata": {"name": "cutover"}, "spec": spec});
        admit(&migration_schema(), &mut object).into_iter().map(|(f, m)| format!("{f}: {m}")).collect()
    }

    #[test]
    fn a_good_migration_passes_and_gets_its_defaults() {
        let mut object = json!({"metadata": {"name": "cutover"}, "junk": 1, "spec": {"cilium":
            {"version": "1.15.19", "chart": "cilium/cilium", "podCidr": "10.245.0.0/16", "values": {"free": {"form": 1}}, "junk": 2}}});
        assert_eq!(admit(&migration_schema(), &mut object), []);
        assert_eq!(object["spec"]["nodes"]["maxUnavailable"], 1, "{object}");
        assert_eq!(object["spec"]["target"], "Cilium");
        assert_eq!(object["spec"]["cilium"]["values"], json!({"free": {"form": 1}}), "values are kept as they are");
        assert!(object.get("junk").is_none() && object["spec"]["cilium"].get("junk").is_none());
    }

    #[test]
    fn a_bad_migration_is_refused_field_by_field() {
        let good = json!({"version": "1.15.19", "chart": "c", "podCidr": "10.245.0.0/16"});
        let with = |key: &str, value: Value| {
            let mut c = good.clone();
            c[key] = value;
            json!({"cilium": c})
        };
        for (spec, field) in [
            (json!({}), "spec.cilium"),
            (with("version", json!("latest")), "spec.cilium.version"),
            (with("podCidr", json!("10.245/16")), "spec.cilium.podCidr"),
            (with("maskSize", json!(99)), "spec.cilium.maskSize"),
            (json!({"cilium": good, "target": "Calico"}), "spec.target"),
            (json!({"cilium": good, "nodes": {"maxUnavailable": 0}}), "spec.nodes.maxUnavailable"),
            (json!({"cilium": good, "approved": "Everything"}), "spec.approved"),
            (json!({"cilium": good, "strategy": "bigbang"}), "spec.strategy"),
        ] {
            let causes = refused(spec);
            assert!(causes.iter().any(|c| c.starts_with(field)), "{field}: {causes:?}");
        }
    }

    #[test]
    fn a_tuple_has_no_structural_schema() {
        let crd = |sent: Value| {
            let schema = json!({"type": "object", "properties": {"sent": sent}});
            json!({"spec": {"versions": [{"schema": {"openAPIV3Schema": schema}}]}})
        };
        let several = json!([{"type": "string"}, {"type": "integer"}]);
        for (sent, field) in [
            (json!({"type": "array", "items": several}), ".items"),
            (json!({"type": "array", "prefixItems": several}), ".items"),
            (json!({"type": "array", "items": {"enum": [1]}}), ".items.type"),
            (json!({"type": "array", "items": {"type": "string"}}), ""),
        ] {
            let causes = not_structural(&crd(sent.clone()));
            let fields: Vec<&str> =
                causes.iter().filter_map(|(f, _)| f.rsplit_once("[sent]").map(|(_, f)| f)).collect();
            assert_eq!(fields.join(", "), field, "{sent}");
        }
        for crd in crate::domain::api::crds() {
            assert_eq!(not_structural(&serde_json::to_value(crd).unwrap()), []);
        }
    }

    #[test]
    fn only_one_name_is_allowed() {
        let mut object = json!({"metadata": {"name": "other"}, "spec": {"cilium": {"version": "1.15.19", "chart": "c", "podCidr": "10.245.0.0/16"}}});
        assert!(admit(&migration_schema(), &mut object)[0].0.contains("metadata.name"));
    }
}
