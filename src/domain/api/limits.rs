//! What the API server would refuse of a spec, told before it is sent: by the very definition that is installed.

use std::{
    collections::BTreeMap,
    sync::{LazyLock, Mutex, PoisonError},
};

use kube::CustomResourceExt;
use regex::Regex;
use serde_json::Value;

use super::{Migration, MigrationSpec};

/// The schema of a Migration's spec, as it is installed.
static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let definition = serde_json::to_value(Migration::crd()).unwrap_or_default();
    definition.pointer("/spec/versions/0/schema/openAPIV3Schema/properties/spec").cloned().unwrap_or_default()
});

/// The text fits a definition's pattern, which is compiled once. One that is no pattern refuses nothing.
pub fn fits(pattern: &str, text: &str) -> bool {
    static COMPILED: Mutex<BTreeMap<String, Option<Regex>>> = Mutex::new(BTreeMap::new());
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    let pattern = compiled.entry(pattern.to_owned()).or_insert_with(|| Regex::new(pattern).ok());
    pattern.as_ref().is_none_or(|p| p.is_match(text))
}

/// Every field that is beyond its limits, as a sentence without its full stop.
pub fn spec_problems(spec: &MigrationSpec) -> Vec<String> {
    let mut found = Vec::new();
    judge("spec", &SCHEMA, &serde_json::to_value(spec).unwrap_or_default(), &mut found);
    found
}

fn judge(path: &str, schema: &Value, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                judge(&format!("{path}.{name}"), &schema["properties"][name], value, found);
            }
        }
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                judge(&format!("{path}[{i}]"), &schema["items"], item, found);
            }
        }
        Value::String(text) => {
            let length = |key: &str| schema[key].as_u64().and_then(|n| usize::try_from(n).ok());
            if schema["pattern"].as_str().is_some_and(|p| !fits(p, text)) {
                found.push(format!("{path} {text:?} has not the form that is accepted ({})", form(path)));
            } else if length("minLength").is_some_and(|n| text.chars().count() < n) {
                found.push(format!("{path} is too short"));
            } else if length("maxLength").is_some_and(|n| text.chars().count() > n) {
                found.push(format!("{path} is too long"));
            }
        }
        Value::Number(number) => {
            let number = number.as_f64().unwrap_or_default();
            let bound = |key: &str| schema[key].as_f64();
            if let Some(least) = bound("minimum").filter(|least| number < *least) {
                found.push(format!("{path} {number} is less than {least}"));
            }
            if let Some(most) = bound("maximum").filter(|most| number > *most) {
                found.push(format!("{path} {number} is more than {most}"));
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

/// What a field looks like where it is right.
fn form(path: &str) -> &'static str {
    match path {
        "spec.cilium.version" => "as 1.15.19",
        "spec.cilium.podCidr" => "as 10.245.0.0/16",
        "spec.cilium.namespace" => "a name of a namespace",
        "spec.hosts.sshTarget" => "as root@{address}",
        _ => "see kubectl explain migration",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problems(changes: &Value) -> Vec<String> {
        let mut spec = json!({"cilium": {"version": "1.15.19", "chart": "cilium/cilium", "podCidr": "10.245.0.0/16"}});
        crate::domain::values::merge(&mut spec, changes);
        spec_problems(&serde_json::from_value(spec).unwrap())
    }

    #[test]
    fn what_the_definition_refuses_is_named_with_its_field() {
        assert_eq!(problems(&json!({})), Vec::<String>::new());
        for (changes, field) in [
            (json!({"cilium": {"version": "banana"}}), "spec.cilium.version"),
            (json!({"cilium": {"podCidr": "fd00::/56"}}), "spec.cilium.podCidr"),
            (json!({"cilium": {"maskSize": 33}}), "spec.cilium.maskSize"),
            (json!({"cilium": {"tunnelPort": 0}}), "spec.cilium.tunnelPort"),
            (json!({"cilium": {"chart": ""}}), "spec.cilium.chart"),
            (json!({"cilium": {"namespace": "Kube System"}}), "spec.cilium.namespace"),
            (json!({"nodes": {"maxUnavailable": 0}}), "spec.nodes.maxUnavailable"),
            (json!({"hosts": {"sshTarget": "-oProxyCommand=x"}}), "spec.hosts.sshTarget"),
        ] {
            let found = problems(&changes);
            assert!(found.len() == 1 && found[0].starts_with(field), "{changes}: {found:?}");
        }
    }
}
