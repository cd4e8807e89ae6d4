//! Helm values: what a migration needs, with the operator's own laid over it.

use serde_json::{Map, Value, json};

use super::api::CiliumSpec;

/// What a migration needs anywhere; kept as a file so that an operator can read it.
pub const MIGRATION_YAML: &str = include_str!("../../assets/values-migration.yaml");
/// What changes when Cilium becomes the default.
pub const FINAL_YAML: &str = include_str!("../../assets/values-final.yaml");

/// The values while nodes move one by one.
///
/// # Errors
/// A sentence when a template is not YAML.
pub fn migration(cilium: &CiliumSpec) -> Result<Value, String> {
    layered(cilium, &[])
}

/// The values once Cilium is the default.
///
/// # Errors
/// As [`migration`].
pub fn finalized(cilium: &CiliumSpec) -> Result<Value, String> {
    layered(cilium, &[FINAL_YAML])
}

fn layered(cilium: &CiliumSpec, over: &[&str]) -> Result<Value, String> {
    let base = parse(MIGRATION_YAML)?;
    let mut values = base.clone();
    merge(&mut values, &cilium.values);
    // What the migration itself depends on is not the operator's to change: see `conflicts`.
    merge(&mut values, &base);
    for layer in over {
        merge(&mut values, &parse(layer)?);
        merge(&mut values, &free_keys(&cilium.values));
    }
    merge(
        &mut values,
        &json!({
            "tunnelPort": cilium.tunnel_port,
            "ipam": {"mode": "cluster-pool", "operator": {
                "clusterPoolIPv4PodCIDRList": [cilium.pod_cidr], "clusterPoolIPv4MaskSize": cilium.mask_size}},
        }),
    );
    Ok(values)
}

/// After finalizing, only the keys that the rolling strategy itself flips stay Cutover's.
fn free_keys(own: &Value) -> Value {
    let mut own = own.clone();
    if let Some(cni) = own.get_mut("cni").and_then(Value::as_object_mut) {
        cni.remove("customConf");
    }
    own
}

/// Keys of the operator's values that the migration overrules, as `cni.customConf`.
pub fn conflicts(cilium: &CiliumSpec) -> Vec<String> {
    let mut found = Vec::new();
    let Ok(base) = parse(MIGRATION_YAML) else { return found };
    compare("", &base, &cilium.values, &mut found);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn cilium(values: &Value) -> CiliumSpec {
        serde_json::from_value(json!({
            "version": "1.15.19", "chart": "cilium/cilium", "podCidr": "10.245.0.0/16", "values": values
        }))
        .unwrap()
    }

    #[test]
    fn the_operators_values_are_kept_and_the_migrations_own_win() {
        let spec = cilium(&json!({"cni": {"customConf": false, "logFile": "/x"}, "l7Proxy": false}));
        let v = migration(&spec).unwrap();
        assert_eq!(v["cni"]["customConf"], true, "without it every node would switch at once");
        assert_eq!((&v["cni"]["logFile"], &v["l7Proxy"]), (&json!("/x"), &json!(false)));
        assert_eq!(conflicts(&spec), ["cni.customConf"]);
    }

    #[test]
    fn finalizing_flips_what_keeps_cilium_idle() {
        let v = finalized(&cilium(&json!({}))).unwrap();
        assert_eq!((&v["cni"]["customConf"], &v["policyEnforcementMode"]), (&json!(false), &json!("default")));
        assert_eq!(v["ipam"]["operator"]["clusterPoolIPv4PodCIDRList"][0], "10.245.0.0/16");
    }

    #[test]
    fn an_operator_may_keep_enforcement_off_after_finalizing() {
        let v = finalized(&cilium(&json!({"policyEnforcementMode": "never", "cni": {"customConf": true}}))).unwrap();
        assert_eq!((&v["cni"]["customConf"], &v["policyEnforcementMode"]), (&json!(false), &json!("never")));
    }

    #[test]
    fn what_is_not_a_mapping_is_refused() {
        for bad in ["- a\n- b", "a: [", "just text"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert_eq!(parse("# nothing\n").unwrap(), json!({}));
    }
}
