//! Helm values of the rolling strategy: what it needs, with the operator's own laid over it.

use serde_json::{Value, json};

use crate::domain::{
    api::CiliumSpec,
    strategy::release,
    values::{merge, overruled_keys, parse},
};

/// What a migration needs anywhere; kept as a file so that an operator can read it.
pub(super) const MIGRATION_YAML: &str = include_str!("../../../../assets/values-migration.yaml");
/// What changes when Cilium becomes the default.
pub(super) const FINAL_YAML: &str = include_str!("../../../../assets/values-final.yaml");

/// The values while nodes move one by one.
///
/// # Errors
/// A sentence when a template is not YAML.
pub(super) fn migration(cilium: &CiliumSpec) -> Result<Value, String> {
    layered(cilium, &[])
}

/// The values once Cilium is the default.
///
/// # Errors
/// As [`migration`].
pub(super) fn finalized(cilium: &CiliumSpec) -> Result<Value, String> {
    layered(cilium, &[FINAL_YAML])
}

fn layered(cilium: &CiliumSpec, over: &[&str]) -> Result<Value, String> {
    let base = parse(MIGRATION_YAML)?;
    let mut values = base.clone();
    merge(&mut values, &cilium.values);
    // What the migration itself depends on is not the operator's to change: see `overruled`.
    merge(&mut values, &base);
    for layer in over {
        merge(&mut values, &parse(layer)?);
        merge(&mut values, &free_keys(&cilium.values));
    }
    merge(&mut values, &release::encryption(cilium));
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
pub(super) fn overruled(cilium: &CiliumSpec) -> Vec<String> {
    let base = parse(MIGRATION_YAML).map(|mut base| {
        merge(&mut base, &release::encryption(cilium));
        base
    });
    base.map(|base| overruled_keys(&base, &cilium.values)).unwrap_or_default()
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
        assert_eq!(overruled(&spec), ["cni.customConf"]);
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
}
