//! What serves Services, and the ranges that a cluster uses.

use serde::Serialize;

use crate::domain::{
    facts::{Asked, Facts},
    text,
};

/// What serves Services.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KubeProxy {
    /// The DaemonSet that runs it; nothing where none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// Its mode; empty where that is not known.
    pub mode: String,
    /// The ranges that it takes for the pods' own.
    pub cluster_cidr: Vec<String>,
}

/// The name of its program.
const PROGRAM: &str = "kube-proxy";
/// The mode where none is named.
const DEFAULT_MODE: &str = "iptables";

/// kube-proxy as it is set up.
pub fn kube_proxy(facts: &Facts) -> KubeProxy {
    let runs = |image: &str| text::image_name(image) == PROGRAM;
    let set = facts.daemon_sets.values().find(|d| d.images.iter().any(|i| runs(i)) || runs(&d.image));
    let pod = || facts.pods.values().find(|p| text::image_name(&p.image) == PROGRAM);
    let object = set.map(|d| format!("daemonset/{}", d.key)).or_else(|| pod().map(|p| format!("pod/{}", p.key)));
    let config = facts.survey.kube_proxy.known();
    let mode = config.map(|c| if c.mode.is_empty() { DEFAULT_MODE.into() } else { c.mode.clone() });
    let ranges = config.iter().flat_map(|c| &c.cluster_cidr).map(ToString::to_string);
    KubeProxy { object, mode: mode.unwrap_or_default(), cluster_cidr: ranges.collect() }
}

/// A range, and where it is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Range {
    /// `pods` or `services`.
    pub of: &'static str,
    /// The range.
    pub range: String,
    /// Where it is said.
    pub source: String,
}

/// Every range that is said somewhere; those of nodes are with the nodes.
pub fn ranges(facts: &Facts) -> Vec<Range> {
    let range = |of, range: &dyn ToString, source: String| Range { of, range: range.to_string(), source };
    let mut all = Vec::new();
    for (key, flannel) in facts.flannel() {
        all.extend(flannel.networks.iter().map(|n| range("pods", n, format!("configmap/{key}"))));
    }
    if let Asked::Known(kubeadm) = &facts.survey.kubeadm {
        let source = || "configmap/kube-system/kubeadm-config".to_owned();
        all.extend(kubeadm.pod_ranges.iter().map(|n| range("pods", n, source())));
        all.extend(kubeadm.service_ranges.iter().map(|n| range("services", n, source())));
    }
    if let Asked::Known(proxy) = &facts.survey.kube_proxy {
        all.extend(proxy.cluster_cidr.iter().map(|n| range("pods", n, "configmap/kube-system/kube-proxy".into())));
    }
    if let Asked::Known(cidrs) = &facts.survey.service_ranges {
        all.extend(cidrs.iter().map(|(name, n)| range("services", n, format!("servicecidr/{name}"))));
    }
    if let Some(ip) = facts.surroundings.service_address {
        all.push(range("services", &ip, "service/default/kubernetes".into()));
    }
    all
}
