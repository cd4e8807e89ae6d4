//! Helm values of the rolling strategy: what it needs, with the operator's own laid over it.

use std::sync::LazyLock;

use serde_json::Value;

use crate::domain::{
    api::CiliumSpec,
    strategy::release,
    values::{merge, overruled_keys, template},
};

/// What a migration needs anywhere; kept as a file so that an operator can read it.
static MIGRATION: LazyLock<Value> =
    LazyLock::new(|| template(include_str!("../../../../assets/values-migration.yaml")));
/// What changes when Cilium becomes the default.
static FINAL: LazyLock<Value> = LazyLock::new(|| template(include_str!("../../../../assets/values-final.yaml")));

/// The values while nodes move one by one.
pub(super) fn migration(cilium: &CiliumSpec) -> Value {
    let mut values = MIGRATION.clone();
    merge(&mut values, &cilium.values);
    // What the migration itself depends on is not the operator's to change: see `overruled`.
    merge(&mut values, &MIGRATION);
    merge(&mut values, &release::encryption(cilium));
    merge(&mut values, &release::network(cilium));
    values
}

/// The values once Cilium is the default.
pub(super) fn finalized(cilium: &CiliumSpec) -> Value {
    let mut values = migration(cilium);
    merge(&mut values, &FINAL);
    merge(&mut values, &free_keys(&cilium.values));
    merge(&mut values, &release::encryption(cilium));
    merge(&mut values, &release::network(cilium));
    values
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
pub(super) fn overruled(cilium: &CiliumSpec) -> Vec<String> {
    let mut needed = MIGRATION.clone();
    merge(&mut needed, &release::encryption(cilium));
    overruled_keys(&needed, &cilium.values)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
        let v = migration(&spec);
        assert_eq!(v["cni"]["customConf"], true, "without it every node would switch at once");
        assert_eq!((&v["cni"]["logFile"], &v["l7Proxy"]), (&json!("/x"), &json!(false)));
        assert_eq!(overruled(&spec), ["cni.customConf"]);
    }

    #[test]
    fn finalizing_flips_what_keeps_cilium_idle() {
        let v = finalized(&cilium(&json!({})));
        assert_eq!((&v["cni"]["customConf"], &v["policyEnforcementMode"]), (&json!(false), &json!("default")));
        assert_eq!(v["ipam"]["operator"]["clusterPoolIPv4PodCIDRList"][0], "10.245.0.0/16");
    }

    #[test]
    fn an_operator_may_keep_enforcement_off_after_finalizing() {
        let v = finalized(&cilium(&json!({"policyEnforcementMode": "never", "cni": {"customConf": true}})));
        assert_eq!((&v["cni"]["customConf"], &v["policyEnforcementMode"]), (&json!(false), &json!("never")));
    }
}
