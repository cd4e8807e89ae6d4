//! Helm values of the downtime strategy: what it needs, with the operator's own laid over it.

use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::domain::{
    api::CiliumSpec,
    strategy::release,
    values::{merge, overruled_keys, template},
};

/// What the strategy needs anywhere; kept as a file so that an operator can read it.
static DOWNTIME: LazyLock<Value> = LazyLock::new(|| template(include_str!("../../../../assets/values-downtime.yaml")));
/// The first minor version whose chart has `routingMode` in place of `tunnel`.
const ROUTING_MODE: u32 = 14;

/// The values of the release.
pub(super) fn installed(cilium: &CiliumSpec) -> Value {
    let mut values = DOWNTIME.clone();
    merge(&mut values, &cilium.values);
    // what the migration itself depends on is not the operator's to change: see `overruled`
    merge(&mut values, &fixed(cilium));
    let tunnel = if cilium.minor().is_some_and(|minor| minor < ROUTING_MODE) {
        json!({"tunnel": "vxlan"})
    } else {
        json!({"routingMode": "tunnel", "tunnelProtocol": "vxlan"})
    };
    merge(&mut values, &tunnel);
    merge(&mut values, &release::network(cilium));
    values
}

/// Hubble is a default here; the rest is needed.
fn fixed(cilium: &CiliumSpec) -> Value {
    let mut fixed = DOWNTIME.clone();
    merge(&mut fixed, &release::encryption(cilium));
    if let Some(keys) = fixed.as_object_mut() {
        keys.remove("hubble");
    }
    fixed
}

/// Keys of the operator's values that the migration overrules, as `cni.customConf`.
pub(super) fn overruled(cilium: &CiliumSpec) -> Vec<String> {
    overruled_keys(&fixed(cilium), &cilium.values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cilium(version: &str, values: &Value) -> CiliumSpec {
        serde_json::from_value(json!({
            "version": version, "chart": "cilium/cilium", "podCidr": "10.245.0.0/16", "values": values
        }))
        .unwrap()
    }

    #[test]
    fn the_tunnel_is_spelled_as_the_version_has_it() {
        for (version, key, value) in [
            ("1.12.19", "tunnel", "vxlan"),
            ("v1.13.18", "tunnel", "vxlan"),
            ("1.14.0", "routingMode", "tunnel"),
            ("1.19.5", "routingMode", "tunnel"),
        ] {
            let values = installed(&cilium(version, &json!({})));
            let other = if key == "tunnel" { "routingMode" } else { "tunnel" };
            assert_eq!((&values[key], &values[other]), (&json!(value), &Value::Null), "{version}");
        }
    }

    #[test]
    fn the_operators_values_are_kept_and_the_migrations_own_win() {
        let spec = cilium(
            "1.12.19",
            &json!({"cni": {"exclusive": false, "logFile": "/x"}, "hubble": {"relay": {"enabled": false}}, "l7Proxy": false}),
        );
        let values = installed(&spec);
        assert_eq!(values["cni"], json!({"customConf": false, "exclusive": true, "uninstall": false, "logFile": "/x"}));
        assert_eq!((&values["hubble"]["relay"]["enabled"], &values["l7Proxy"]), (&json!(false), &json!(false)));
        assert_eq!(overruled(&spec), ["cni.exclusive"]);
    }
}
