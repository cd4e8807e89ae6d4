//! Kubespray: the variables with which it installs the Cilium that a migration wants, and which keep a later run of a
//! playbook from undoing what Cutover did. Facts from Kubespray's repository, by tag.

use std::{fmt, str::FromStr};

use serde_json::{Map, Value, json};

use super::{
    api::{CiliumSpec, Installer},
    encryption::Encryption,
};

/// A release of Kubespray: its minor version, and the Cilium that it installs by default.
const RELEASES: [(u32, &str); 12] = [
    (20, "1.12.1"),
    (21, "1.12.1"),
    (22, "1.13.0"),
    (23, "1.13.4"),
    (24, "1.13.4"),
    (25, "1.15.4"),
    (26, "1.15.4"),
    (27, "1.15.9"),
    (28, "1.17.3"),
    (29, "1.18.2"),
    (30, "1.18.6"),
    (31, "1.19.3"),
];
/// The first one that installs a helm release; those before apply manifests of their own.
const BY_HELM: u32 = 28;
/// The first one that takes more helm values.
const EXTRA_VALUES: u32 = 29;

/// A release of Kubespray, as `2.31`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kubespray(u32);

impl FromStr for Kubespray {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let minor = text.trim_start_matches('v').strip_prefix("2.").and_then(|m| m.split('.').next()?.parse().ok());
        minor.filter(|m| RELEASES.iter().any(|(known, _)| known == m)).map(Self).ok_or_else(|| {
            format!("Kubespray {text} is not known; the releases from 2.{} to 2.{} are", RELEASES[0].0, RELEASES[11].0)
        })
    }
}

impl fmt::Display for Kubespray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "2.{}", self.0)
    }
}

impl Kubespray {
    /// The one that installs this Cilium; `None` where helm does, or where it is not known.
    pub fn of(cilium: &CiliumSpec) -> Option<Self> {
        cilium.kubespray_version.as_deref().filter(|_| cilium.installer == Installer::Kubespray)?.parse().ok()
    }

    /// The Cilium that it installs where no other is named.
    pub fn default_cilium(self) -> &'static str {
        RELEASES.iter().find(|(minor, _)| *minor == self.0).map_or("", |(_, cilium)| cilium)
    }

    /// Its Cilium is a helm release, which helm uninstalls.
    pub const fn installs_by_helm(self) -> bool {
        self.0 >= BY_HELM
    }

    /// Variables for group_vars, so that its playbooks install this Cilium and leave it as it is.
    pub fn variables(self, cilium: &CiliumSpec) -> Value {
        let mut vars = Map::new();
        let mut set = |key: &str, value: Value| drop(vars.insert(key.to_owned(), value));
        set("kube_network_plugin", json!("cilium"));
        set("kube_owner", json!("root"));
        set("cilium_version", json!(cilium.version.trim_start_matches('v')));
        set("cilium_tunnel_mode", json!("vxlan"));
        set("cilium_ipam_mode", json!("cluster-pool"));
        // their default is Flannel's own range
        set("cilium_pool_cidr", json!(cilium.pod_cidr));
        set("cilium_pool_mask_size", json!(cilium.mask_size));
        set("cilium_identity_allocation_mode", json!("crd"));
        set("cilium_kube_proxy_replacement", json!(if self.0 >= BY_HELM { json!(false) } else { json!("disabled") }));
        set("cilium_cni_exclusive", json!(true));
        set("cilium_enable_hubble", json!(true));
        set("cilium_hubble_install", json!(true));
        set("cilium_hubble_tls_generate", json!(true));
        let encrypts = cilium.encryption != Encryption::None;
        set("cilium_encryption_enabled", json!(encrypts));
        if encrypts {
            set("cilium_encryption_type", json!(cilium.encryption.name()));
        }
        if self.0 >= EXTRA_VALUES {
            set("cilium_extra_values", json!({"tunnelPort": cilium.tunnel_port}));
        } else {
            set("cilium_config_extra_vars", json!({"tunnel-port": cilium.tunnel_port.to_string()}));
        }
        Value::Object(vars)
    }

    /// What its playbooks of this release do wrong with these variables, and what to do about it.
    pub fn traps(self, cilium: &CiliumSpec) -> Vec<String> {
        let mut traps = vec![];
        let ipsec = cilium.encryption == Encryption::Ipsec;
        if self.0 == 20 && cilium.encryption != Encryption::None {
            traps.push("2.20 renders an invalid cilium-config with encryption on: use 2.21 for the role network_plugin/cilium, or install with helm.".into());
        }
        if self.0 == 20 {
            traps.push("2.20 makes Hubble's certificates for another cluster name, and relay's TLS is off on one side only: Hubble does not work before 2.21.".into());
        }
        if ipsec && self.0 < BY_HELM {
            traps.push("cilium_ipsec_key is not among these variables, because it is a secret: keep it in a vault, base64 of the line that the Secret cilium-ipsec-keys holds; cutover writes that Secret.".into());
        }
        if ipsec && self.0 >= BY_HELM {
            traps.push("From 2.28 on the Secret cilium-ipsec-keys is not created (kubespray#13054): agents would hang in ContainerCreating. Cutover creates it before; do not delete it.".into());
        }
        if self.0 < BY_HELM {
            traps.push("Before 2.28 Cilium is applied as manifests, not as a helm release: after a migration by helm a playbook overwrites its DaemonSet and ConfigMap. Run upgrades with --skip-tags=network, or go to 2.28.".into());
        }
        traps.push("Flannel comes back when a playbook runs with kube_network_plugin: flannel: set these variables before the next cluster.yml, upgrade-cluster.yml or scale.yml.".into());
        traps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cilium(encryption: &str) -> CiliumSpec {
        serde_json::from_value(json!({"version": "v1.15.4", "chart": "cilium/cilium", "podCidr": "10.245.0.0/16", "encryption": encryption})).unwrap()
    }

    #[test]
    fn a_release_is_known_or_refused() {
        for (text, known) in [
            ("2.20", true),
            ("v2.31.0", true),
            ("2.28.1", true),
            ("2.19", false),
            ("2.32", false),
            ("3.1", false),
            ("x", false),
        ] {
            assert_eq!(text.parse::<Kubespray>().is_ok(), known, "{text}");
        }
    }

    #[test]
    fn its_pool_is_never_flannels_and_no_variable_holds_a_secret() {
        for (minor, _) in RELEASES {
            let vars = Kubespray(minor).variables(&cilium("ipsec"));
            assert_eq!(
                (&vars["cilium_pool_cidr"], &vars["kube_network_plugin"]),
                (&json!("10.245.0.0/16"), &json!("cilium"))
            );
            assert_eq!(vars["cilium_version"], "1.15.4");
            assert!(vars.get("cilium_ipsec_key").is_none());
        }
    }

    #[test]
    fn the_traps_of_a_release_are_named() {
        let count = |minor, encryption: &str| Kubespray(minor).traps(&cilium(encryption)).len();
        assert_eq!(
            (count(20, "ipsec"), count(20, "none"), count(21, "none"), count(31, "none"), count(31, "ipsec")),
            (5, 3, 2, 1, 2)
        );
    }
}
