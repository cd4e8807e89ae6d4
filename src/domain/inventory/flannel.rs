//! Flannel as it is set up here: every DaemonSet with its configuration and the names that it gives things on a host.

use serde::Serialize;

use super::programs::is_cni_folder;
use crate::domain::{
    facts::{DaemonSetFact, Facts},
    flannel::FlannelFact,
};

/// A DaemonSet of Flannel's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FlannelSet {
    /// `daemonset/namespace/name`.
    pub object: String,
    /// Its image.
    pub image: String,
    /// Pods ready, and wanted.
    pub ready: (i32, i32),
    /// Who would create it again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed_by: Option<String>,
    /// What its ConfigMap says; nothing where that cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<FlannelConfig>,
    /// The host's folders of CNI configurations and plugins that it mounts.
    pub folders: Vec<String>,
    /// The CNI configurations that it writes; empty where its containers do not say.
    pub conf_files: Vec<String>,
}

/// What a ConfigMap of Flannel's says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FlannelConfig {
    /// `configmap/namespace/name`.
    pub object: String,
    /// Its networks.
    pub networks: Vec<String>,
    /// Its backend.
    pub backend: String,
    /// The VXLAN network identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vni: Option<u64>,
    /// Its UDP port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The MTU, where one is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u64>,
    /// It shortcuts VXLAN within a subnet.
    pub direct_routing: bool,
    /// It writes rules of nftables.
    pub nftables: bool,
    /// Its links on a host.
    pub links: Vec<String>,
    /// The name of its CNI network.
    pub cni_name: String,
    /// Its bridge on a host.
    pub bridge: String,
    /// Its folder of leases on a host.
    pub leases: String,
    /// The plugins in its CNI configuration.
    pub plugins: Vec<String>,
}

fn config(object: String, fact: &FlannelFact) -> FlannelConfig {
    let cni = fact.cni.clone().unwrap_or_default();
    FlannelConfig {
        object,
        networks: fact.networks.iter().map(ToString::to_string).collect(),
        backend: fact.backend.clone(),
        vni: fact.vni,
        port: fact.port,
        mtu: fact.mtu,
        direct_routing: fact.direct_routing,
        nftables: fact.nftables,
        links: fact.links(),
        leases: if cni.name.is_empty() { String::new() } else { cni.leases() },
        cni_name: cni.name,
        bridge: cni.bridge,
        plugins: cni.plugins,
    }
}

/// What a host's folder of CNI configurations ends with.
const FOLDER: &str = "cni/net.d/";

/// The files that a DaemonSet's containers write into a folder of CNI configurations.
pub fn conf_files(set: &DaemonSetFact) -> Vec<String> {
    let words = set.args.iter().flat_map(|arg| arg.split_whitespace());
    let files = words.filter(|word| word.split_once(FOLDER).is_some_and(|(_, name)| !name.is_empty()));
    let mut files: Vec<String> = files.map(|f| f.trim_matches(['"', '\'']).to_owned()).collect();
    files.sort_unstable();
    files.dedup();
    files
}

/// Flannel's DaemonSets, each with the configuration of its namespace.
pub fn flannel_sets(facts: &Facts) -> Vec<FlannelSet> {
    let of = |set: &DaemonSetFact| {
        let named = |name: &str| set.config_maps.is_empty() || set.config_maps.iter().any(|m| m == name);
        let own = facts.flannel().find(|(key, _)| key.namespace == set.key.namespace && named(&key.name));
        FlannelSet {
            object: format!("daemonset/{}", set.key),
            image: set.image.to_string(),
            ready: (set.ready, set.desired),
            managed_by: set.managed_by.clone(),
            config: own.map(|(key, fact)| config(format!("configmap/{key}"), fact)),
            folders: set
                .host_paths
                .iter()
                .filter(|p| is_cni_folder(p))
                .map(|p| p.trim_end_matches('/').into())
                .collect(),
            conf_files: conf_files(set),
        }
    };
    facts.any_flannel_daemon_sets().map(of).collect()
}
