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
    let value: Value = serde_saphyr::from_str(yaml).map_err(|e| format!("it is not YAML{}", place(&e)))?;
    match value {
        Value::Object(_) => Ok(value),
        Value::Null => Ok(Value::Object(Map::new())),
        _ => Err("it is YAML, but not a mapping of values".into()),
    }
}

/// Values that are part of the program.
pub fn template(yaml: &str) -> Value {
    parse(yaml).unwrap_or_default()
}

/// Where a file is wrong, by line and column alone: what stands there may be a secret.
pub fn place(error: &serde_saphyr::Error) -> String {
    error.location().map_or_else(String::new, |at| format!(" at line {}, column {}", at.line(), at.column()))
}

/// The line of a values file that sets a path with dots, counted from 1; that of the deepest part that is found.
pub fn line_of(yaml: &str, path: &str) -> Option<usize> {
    let mut parts = path.split('.').peekable();
    let (mut found, mut least) = (None, 0);
    for (i, line) in yaml.lines().enumerate() {
        let text = line.trim_start();
        let indent = line.len() - text.len();
        if text.is_empty() || text.starts_with(['#', '-']) {
            continue;
        }
        if found.is_some() && indent < least {
            break;
        }
        // a mapping on one line holds the rest of the path
        let Some(part) = parts.peek() else { break };
        let key = text.split(':').next().unwrap_or_default().trim_matches(['"', '\'', ' ']);
        if key == *part && indent >= least {
            parts.next();
            (found, least) = (Some(i + 1), indent + 1);
        }
    }
    found
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

/// Names of keys whose values are secrets, as charts have them.
const PRIVATE: [&str; 7] = ["key", "privateKey", "password", "token", "secret", "psk", "clientSecret"];
/// What stands beside a `key` that is a name: in tolerations, selectors and references.
const BESIDE_A_NAME: [&str; 5] = ["operator", "effect", "values", "name", "value"];
/// What a private key begins with in PEM: `-----BEGIN`, as it is and in base64.
const PEM: [&str; 2] = ["PRIVATE KEY-----", "LS0tLS1CRUdJTi"];

/// The first value that looks like a secret, as a path with dots: the Migration's spec can be read by many.
pub fn private(values: &Value) -> Option<String> {
    fn find(path: &str, value: &Value) -> Option<String> {
        match value {
            Value::Object(map) => map.iter().find_map(|(key, value)| {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let named = PRIVATE.contains(&key.as_str())
                    && !BESIDE_A_NAME.iter().any(|other| map.contains_key(*other))
                    && value.as_str().is_some_and(|v| !v.is_empty());
                if named { Some(path) } else { find(&path, value) }
            }),
            Value::Array(items) => items.iter().find_map(|item| find(path, item)),
            Value::String(text) => {
                let pem = text.contains(PEM[0]) || (text.starts_with(PEM[1]) && text.len() > 1_000);
                pem.then(|| path.to_owned())
            }
            _ => None,
        }
    }
    find("", values)
}

/// Keys that are set in both trees, and differently, as paths with dots.
pub fn overruled_keys(base: &Value, own: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", base, own, &mut found);
    found
}

/// Keys whose values differ, or that only one of the trees has, as paths with dots.
pub fn differing(one: &Value, other: &Value) -> Vec<String> {
    fn walk(path: &str, one: &Value, other: &Value, found: &mut Vec<String>) {
        let (Some(a), Some(b)) = (one.as_object(), other.as_object()) else {
            if one != other {
                found.push(path.to_owned());
            }
            return;
        };
        for key in a.keys().chain(b.keys().filter(|k| !a.contains_key(*k))) {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            walk(&path, a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null), found);
        }
    }
    let mut found = Vec::new();
    walk("", one, other, &mut found);
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
    fn what_looks_like_a_secret_is_found() {
        let pem = "-----BEGIN EC PRIVATE KEY-----\nMHc";
        for (values, found) in [
            (json!({"hubble": {"tls": {"ca": {"key": "TOPSECRET"}}}}), Some("hubble.tls.ca.key")),
            (
                json!({"clustermesh": {"config": {"clusters": [{"tls": {"key": "x"}}]}}}),
                Some("clustermesh.config.clusters.tls.key"),
            ),
            (json!({"extra": {"file": pem}}), Some("extra.file")),
            (json!({"image": {"pullSecrets": [{"name": "regcred"}]}, "tls": {"secretName": "ca"}}), None),
            (
                json!({"hubble": {"tls": {"ca": {"key": ""}}}, "tolerations": [{"key": "a/b", "operator": "Exists"}]}),
                None,
            ),
        ] {
            assert_eq!(private(&values).as_deref(), found, "{values}");
        }
    }

    #[test]
    fn a_path_has_its_line() {
        let yaml =
            "# mine\nhubble:\n  enabled: true\nipam: {mode: kubernetes}\ncni:\n  exclusive: false\n  enabled: no\n";
        for (path, line) in [
            ("hubble.enabled", Some(3)),
            ("ipam.mode", Some(4)),
            ("cni.exclusive", Some(6)),
            ("cni.enabled", Some(7)),
            ("hubble.relay", Some(2)),
            ("tunnelPort", None),
        ] {
            assert_eq!(line_of(yaml, path), line, "{path}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_by_its_place_and_not_quoted() {
        let why = parse("hubble:\n  relay: {enabled: true\n    password: SECRET-VALUE-9\n").unwrap_err();
        assert!(why.contains("line") && !why.contains("SECRET"), "{why}");
    }

    #[test]
    fn what_is_not_a_mapping_is_refused() {
        for bad in ["- a\n- b", "a: [", "just text"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert_eq!(parse("# nothing\n").unwrap(), json!({}));
    }
}
