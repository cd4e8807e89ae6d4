//! Flannel's own configuration, as its ConfigMap holds it.

use std::sync::Arc;

use ipnet::IpNet;
use serde_json::Value;

/// The UDP port that Linux uses for VXLAN when Flannel names none (flannel's vxlan backend, Port 0).
pub const DEFAULT_VXLAN_PORT: u16 = 8472;

/// Flannel's network and backend, and how its CNI configuration names what it makes on a host.
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
    /// The VXLAN network identifier; its link is named after it.
    pub vni: Option<u64>,
    /// The MTU, where one is named.
    pub mtu: Option<u64>,
    /// It writes rules of nftables.
    pub nftables: bool,
    /// Its CNI configuration; nothing where the ConfigMap holds none that can be read.
    pub cni: Option<CniConf>,
}

/// What its CNI configuration names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CniConf {
    /// All of it, as its ConfigMap has it.
    pub text: Arc<str>,
    /// The network's name: leases are in a folder of that name.
    pub name: String,
    /// The bridge.
    pub bridge: String,
    /// The plugins in their order.
    pub plugins: Vec<String>,
    /// The folder of leases, where it is not the plugin's own.
    pub data_dir: Option<String>,
}

/// The folder in which host-local keeps its leases.
pub const LEASES: &str = "/var/lib/cni/networks";

impl CniConf {
    /// Reads `cni-conf.json`: a list of plugins, or one of them.
    pub fn parse(text: &str) -> Option<Self> {
        let conf: Value = serde_json::from_str(text).ok()?;
        let own = [conf.clone()];
        let plugins = conf["plugins"].as_array().map_or(&own[..], Vec::as_slice);
        let string = |v: &Value| v.as_str().map(str::to_owned);
        let flannel = plugins.iter().find(|p| p["type"] == "flannel");
        let delegate = flannel.map(|p| &p["delegate"]);
        Some(Self {
            text: text.into(),
            name: string(&conf["name"])?,
            bridge: delegate.and_then(|d| string(&d["bridge"])).unwrap_or_else(|| "cni0".into()),
            plugins: plugins.iter().filter_map(|p| string(&p["type"])).collect(),
            data_dir: delegate.and_then(|d| string(&d["ipam"]["dataDir"])),
        })
    }

    /// The folder of its leases.
    pub fn leases(&self) -> String {
        format!("{}/{}", self.data_dir.as_deref().unwrap_or(LEASES), self.name)
    }
}

impl FlannelFact {
    /// Reads `net-conf.json`. Go reads its keys without regard to case, and so does this.
    ///
    /// # Errors
    /// A sentence when it is not JSON or names no network.
    pub fn parse(net_conf: &str) -> Result<Self, String> {
        let conf: Value = serde_json::from_str(net_conf).map_err(|e| format!("net-conf.json is not JSON: {e}"))?;
        let flag = |key: &str, default: bool| field(&conf, key).and_then(Value::as_bool).unwrap_or(default);
        let used = [("Network", flag("EnableIPv4", true)), ("IPv6Network", flag("EnableIPv6", false))];
        let used = used.iter().filter(|(_, used)| *used).map(|(key, _)| key);
        let networks: Vec<IpNet> = used.filter_map(|k| field(&conf, k)?.as_str()?.parse().ok()).collect();
        if networks.is_empty() {
            return Err("net-conf.json names no network".into());
        }
        let none = Value::Null;
        let backend = field(&conf, "Backend").unwrap_or(&none);
        let kind = field(backend, "Type").and_then(Value::as_str).unwrap_or("udp").to_lowercase();
        let number = |key: &str| field(backend, key).and_then(Value::as_u64).filter(|n| *n != 0);
        let named = number("Port").and_then(|p| u16::try_from(p).ok());
        let port = match kind.as_str() {
            "vxlan" => Some(named.unwrap_or(DEFAULT_VXLAN_PORT)),
            "udp" => Some(named.unwrap_or(8285)),
            _ => named,
        };
        let direct_routing = field(backend, "DirectRouting").and_then(Value::as_bool).unwrap_or(false);
        let vni = (kind == "vxlan").then(|| number("VNI").unwrap_or(1));
        let (mtu, nftables) = (number("MTU"), flag("EnableNFTables", false));
        Ok(Self { networks, backend: kind, port, direct_routing, vni, mtu, nftables, cni: None })
    }

    /// Links that the backend makes on a host; nothing where it makes none, or where their names are not known.
    pub fn links(&self) -> Vec<String> {
        let (v4, v6) =
            (self.networks.iter().any(|n| n.addr().is_ipv4()), self.networks.iter().any(|n| n.addr().is_ipv6()));
        let both = |one: String, other: String| {
            [(v4, one), (v6, other)].into_iter().filter(|(used, _)| *used).map(|(_, link)| link).collect()
        };
        match (self.backend.as_str(), self.vni) {
            ("vxlan", Some(vni)) => both(format!("flannel.{vni}"), format!("flannel-v6.{vni}")),
            ("wireguard", _) => both("flannel-wg".into(), "flannel-wg-v6".into()),
            ("ipip", _) => vec!["flannel.ipip".into()],
            _ => vec![],
        }
    }

    /// Has it pods with addresses of this family?
    pub fn has_family(&self, v6: bool) -> bool {
        self.networks.iter().any(|n| n.addr().is_ipv6() == v6)
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
    fn links_are_named_after_backend_family_and_vni() {
        for (conf, links) in [
            (r#"{"Network":"10.1.0.0/16","Backend":{"Type":"vxlan"}}"#, &["flannel.1"][..]),
            (r#"{"Network":"10.1.0.0/16","Backend":{"Type":"vxlan","VNI":4096}}"#, &["flannel.4096"]),
            (
                r#"{"Network":"10.1.0.0/16","EnableIPv6":true,"IPv6Network":"fd00::/56","Backend":{"Type":"wireguard"}}"#,
                &["flannel-wg", "flannel-wg-v6"],
            ),
            (
                r#"{"Network":"10.1.0.0/16","EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"fd00::/56","Backend":{"Type":"vxlan"}}"#,
                &["flannel-v6.1"],
            ),
            (r#"{"Network":"10.1.0.0/16","Backend":{"Type":"host-gw"}}"#, &[]),
        ] {
            assert_eq!(FlannelFact::parse(conf).unwrap().links(), links, "{conf}");
        }
    }

    #[test]
    fn a_cni_configuration_names_bridge_leases_and_plugins() {
        let list = CniConf::parse(
            r#"{"name":"podnet","plugins":[{"type":"flannel","delegate":{"bridge":"br-pods","ipam":{"dataDir":"/srv/leases"}}},{"type":"portmap"}]}"#,
        );
        let list = list.unwrap();
        assert_eq!((list.bridge.as_str(), list.leases().as_str()), ("br-pods", "/srv/leases/podnet"));
        assert_eq!(list.plugins, ["flannel", "portmap"]);
        let single =
            CniConf::parse(r#"{"name":"cbr0","type":"flannel","delegate":{"isDefaultGateway":true}}"#).unwrap();
        assert_eq!((single.bridge.as_str(), single.leases().as_str()), ("cni0", "/var/lib/cni/networks/cbr0"));
        assert_eq!(CniConf::parse("nonsense"), None);
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
