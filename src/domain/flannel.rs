//! Flannel's own configuration, as its ConfigMap holds it.

use ipnet::IpNet;
use serde_json::Value;

/// The UDP port that Linux uses for VXLAN when Flannel names none (flannel's vxlan backend, Port 0).
pub const DEFAULT_VXLAN_PORT: u16 = 8472;

/// Flannel's network and backend.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlannelFact {
    /// Its networks, IPv4 and IPv6.
    pub networks: Vec<IpNet>,
    /// Its backend: `vxlan`, `host-gw`, `wireguard`, …; `udp` when none is named.
    pub backend: String,
    /// UDP port of the backend, if it has one.
    pub port: Option<u16>,
    /// It shortcuts VXLAN within a subnet.
    pub direct_routing: bool,
}

impl FlannelFact {
    /// Reads `net-conf.json`. Go reads its keys without regard to case, and so does this.
    ///
    /// # Errors
    /// A sentence when it is not JSON or names no network.
    pub fn parse(net_conf: &str) -> Result<Self, String> {
        let conf: Value = serde_json::from_str(net_conf).map_err(|e| format!("net-conf.json is not JSON: {e}"))?;
        let networks: Vec<IpNet> =
            ["Network", "IPv6Network"].iter().filter_map(|k| field(&conf, k)?.as_str()?.parse().ok()).collect();
        if networks.is_empty() {
            return Err("net-conf.json names no network".into());
        }
        let none = Value::Null;
        let backend = field(&conf, "Backend").unwrap_or(&none);
        let kind = field(backend, "Type").and_then(Value::as_str).unwrap_or("udp").to_lowercase();
        let named =
            field(backend, "Port").and_then(Value::as_u64).and_then(|p| u16::try_from(p).ok()).filter(|p| *p != 0);
        let port = match kind.as_str() {
            "vxlan" => Some(named.unwrap_or(DEFAULT_VXLAN_PORT)),
            "udp" => Some(named.unwrap_or(8285)),
            _ => named,
        };
        let direct_routing = field(backend, "DirectRouting").and_then(Value::as_bool).unwrap_or(false);
        Ok(Self { networks, backend: kind, port, direct_routing })
    }
}

fn field<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    object.as_object()?.iter().find(|(k, _)| k.eq_ignore_ascii_case(name)).map(|(_, v)| v)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_kubespray_writes() {
        let fact = FlannelFact::parse(
            r#"{"Network":"10.233.64.0/18","EnableIPv4":true,"Backend":{"Type":"vxlan","VNI":1,"Port":8472,"DirectRouting":false}}"#,
        )
        .unwrap();
        assert_eq!(fact.backend, "vxlan");
        assert_eq!(fact.port, Some(8472));
        assert_eq!(fact.networks[0].to_string(), "10.233.64.0/18");
    }

    #[test]
    fn keys_are_read_without_case_and_port_zero_is_the_kernels() {
        let fact = FlannelFact::parse(r#"{"network":"10.1.0.0/16","backend":{"type":"VXLAN","port":0}}"#).unwrap();
        assert_eq!((fact.backend.as_str(), fact.port), ("vxlan", Some(8472)));
    }

    #[test]
    fn a_missing_backend_is_udp() {
        assert_eq!(FlannelFact::parse(r#"{"Network":"10.1.0.0/16"}"#).unwrap().backend, "udp");
    }

    #[test]
    fn no_network_is_an_error() {
        assert!(FlannelFact::parse("{}").is_err());
        assert!(FlannelFact::parse("nonsense").is_err());
    }
}
