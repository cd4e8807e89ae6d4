//! What takes part in this cluster's pod networking, before anything is judged: a pure function of the facts.

mod distribution;
mod flannel;
mod leftovers;
mod network;
mod programs;
mod words;

use serde::Serialize;

pub use distribution::{Distribution, distribution, tells_distribution};
pub use flannel::{FlannelConfig, FlannelSet, conf_files, flannel_sets};
pub use leftovers::leftovers;
pub use network::{KubeProxy, Range, kube_proxy, ranges};
pub use programs::{Actor, Part, actors};

use crate::domain::{facts::Facts, view::View};

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Inventory {
    /// The API server's version.
    pub kubernetes: String,
    /// The distribution, or the installer.
    pub distribution: Distribution,
    /// Flannel's DaemonSets.
    pub flannel: Vec<FlannelSet>,
    /// What is chained behind Flannel in its CNI configuration.
    pub chained_plugins: Vec<String>,
    /// Other programs that take part, or that move nodes and pods.
    pub actors: Vec<Actor>,
    /// What serves Services.
    pub kube_proxy: KubeProxy,
    /// Ranges of pods and Services, each with where it is said.
    pub ranges: Vec<Range>,
    /// Nodes with their roles.
    pub nodes: Vec<Node>,
    /// Levels of Pod Security that namespaces enforce, as `namespace: level`.
    pub pod_security: Vec<String>,
    /// Webhooks that are served from pods, as `kind/name → service`.
    pub webhooks: Vec<String>,
    /// APIs that are served from pods, as `name → service`.
    pub api_services: Vec<String>,
    /// What earlier attempts left, as `kind/namespace/name`.
    pub leftovers: Vec<String>,
    /// What could not be read, and why: nothing is said of it.
    pub not_known: Vec<String>,
}

/// A node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    /// Its name.
    pub name: String,
    /// `control-plane`, `etcd`; empty for a worker.
    pub roles: Vec<&'static str>,
    /// Its operating system.
    pub os: String,
    /// Its kernel.
    pub kernel: String,
    /// Its architecture.
    pub arch: String,
    /// Its kubelet.
    pub kubelet: String,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// Its pod CIDRs.
    pub pod_ranges: Vec<String>,
}

impl Inventory {
    /// Of a cluster.
    pub fn of(view: &View<'_>) -> Self {
        let facts = view.facts;
        let flannel = flannel_sets(facts);
        let plugins = flannel.iter().filter_map(|s| s.config.as_ref()).flat_map(|c| &c.plugins);
        let mut chained: Vec<String> = plugins.filter(|p| *p != "flannel").cloned().collect();
        chained.sort_unstable();
        chained.dedup();
        let survey = &facts.survey;
        let webhooks = survey.webhooks.known().into_iter().flatten();
        let apis = survey.api_services.known().into_iter().flatten();
        let enforced = facts.namespaces.iter().filter_map(|(n, f)| Some(format!("{n}: {}", f.enforced.as_deref()?)));
        Self {
            kubernetes: facts.surroundings.server_version.clone(),
            distribution: distribution(facts),
            chained_plugins: chained,
            actors: actors(facts),
            kube_proxy: kube_proxy(facts),
            ranges: ranges(facts),
            nodes: facts.nodes.values().map(|n| node(facts, n)).collect(),
            pod_security: enforced.collect(),
            webhooks: webhooks.map(|w| format!("{} → service/{}", w.object, w.service)).collect(),
            api_services: apis.map(|a| format!("apiservice/{} → service/{}", a.name, a.service)).collect(),
            leftovers: leftovers(view),
            not_known: not_known(facts),
            flannel,
        }
    }

    /// Programs that do this.
    pub fn that(&self, part: Part) -> impl Iterator<Item = &Actor> {
        self.actors.iter().filter(move |a| a.part == part)
    }
}

fn node(facts: &Facts, node: &crate::domain::facts::NodeFact) -> Node {
    let roles = [(facts.is_control_plane(node), "control-plane"), (facts.has_etcd(node), "etcd")];
    Node {
        name: node.name.to_string(),
        roles: roles.into_iter().filter(|(is, _)| *is).map(|(_, role)| role).collect(),
        os: if node.os_image.is_empty() { node.os.clone() } else { node.os_image.to_string() },
        kernel: node.kernel.clone(),
        arch: node.arch.to_string(),
        kubelet: node.kubelet.clone(),
        addresses: node.addresses.iter().chain(&node.other_addresses).map(ToString::to_string).collect(),
        pod_ranges: node.pod_ranges.iter().map(ToString::to_string).collect(),
    }
}

/// What is asked now and then, by the word for it, with why it is not known.
fn not_known(facts: &Facts) -> Vec<String> {
    let s = &facts.survey;
    let parts = [
        ("Services", s.service_addresses.unknown()),
        ("ServiceCIDRs", s.service_ranges.unknown()),
        ("kube-proxy's configuration", s.kube_proxy.unknown()),
        ("kubeadm's configuration", s.kubeadm.unknown()),
        ("admission webhooks", s.webhooks.unknown()),
        ("APIServices", s.api_services.unknown()),
        ("NetworkPolicies", s.policies.unknown()),
        ("Cilium's policies", s.cilium_policies.unknown()),
    ];
    parts.into_iter().filter_map(|(what, why)| Some(format!("{what}: {}", why?))).collect()
}
