//! Helm values: reading and layering them.

use serde_json::{Map, Value, json};

/// Reads a values file.
///
/// # Errors
/// A sentence when it is not YAML, or not a mapping.
pub fn parse(yaml: &str) -> Result<Value, String> {
    if yaml.trim().is_empty() {
        return Ok(json!({}));
    }
    let value: Value = serde_saphyr::from_str(yaml).map_err(|e| format!("it is not YAML: {e}"))?;
    match value {
        Value::Object(_) => Ok(value),
        Value::Null => Ok(Value::Object(Map::new())),
        _ => Err("it is YAML, but not a mapping of values".into()),
    }
}

/// Lays one tree of values over another, as helm does: objects merge, everything else replaces.
pub fn merge(under: &mut Value, over: &Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (key, value) in over {
                merge(under.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (under, over) => *under = over.clone(),
    }
}

/// Keys that are set in both trees, and differently, as paths with dots.
pub fn overruled_keys(base: &Value, own: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", base, own, &mut found);
    found
}

fn compare(path: &str, base: &Value, own: &Value, found: &mut Vec<String>) {
    let (Some(base), Some(own)) = (base.as_object(), own.as_object()) else { return };
    for (key, wanted) in base {
        let Some(given) = own.get(key) else { continue };
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        if wanted.is_object() && given.is_object() {
            compare(&path, wanted, given, found);
        } else if wanted != given {
            found.push(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_mapping_is_refused() {
        for bad in ["- a\n- b", "a: [", "just text"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert_eq!(parse("# nothing\n").unwrap(), json!({}));
    }
}
