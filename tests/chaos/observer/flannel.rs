//! Flannel goes only where nothing needs it.

use super::{Observer, Place, nodes::name_of, pods::has_ended};

/// Flannel's objects, as they were before the migration.
const OBJECTS: [(&str, &str, &str); 5] = [
    ("serviceaccounts", "kube-system", "flannel"),
    ("clusterroles", "", "flannel"),
    ("clusterrolebindings", "", "flannel"),
    ("configmaps", "kube-system", "kube-flannel-cfg"),
    ("daemonsets", "kube-system", "kube-flannel"),
];

pub(super) fn is_flannels(at: &Place) -> bool {
    OBJECTS.contains(&(&*at.resource, &*at.namespace, &*at.name))
}

impl Observer {
    /// One of Flannel's objects is deleted.
    pub(super) fn flannel_goes(&self, process: &str, at: &Place) {
        if self.is_unaware(process) {
            return;
        }
        for (pod, ip) in self.pods_on_flannel() {
            self.breaks(format!("{} of Flannel was deleted while {pod} has the address {ip}", at.name));
        }
        for node in self.server.look_at_all("nodes") {
            let name = name_of(&node);
            if !self.is_on_cilium(name) {
                let files = self.disks.cni_configs(name).join(", ");
                self.breaks(format!("{} of Flannel was deleted while {name} has the CNI configs {files}", at.name));
            }
        }
    }

    /// A host is cleaned of Flannel.
    pub(super) fn cleaned(&self, process: &str, node: &str) {
        if self.is_unaware(process) {
            return;
        }
        for (pod, ip) in self.pods_on_flannel() {
            self.breaks(format!("{node} was cleaned while {pod} has Flannel's address {ip}"));
        }
        if !self.is_on_cilium(node) {
            self.breaks(format!("{node} was cleaned and is not on Cilium"));
        }
    }

    fn is_on_cilium(&self, node: &str) -> bool {
        self.disks.cni_configs(node).iter().any(|c| c == "05-cilium.conflist")
    }

    fn pods_on_flannel(&self) -> Vec<(String, String)> {
        let pods = self.server.look_at_all("pods");
        let pods = pods.iter().filter(|p| p["spec"]["hostNetwork"] != true && !has_ended(p));
        let first = |p: &serde_json::Value| p["status"]["podIP"].as_str().unwrap_or_default().to_owned();
        let second = |p: &serde_json::Value| {
            let interfaces = p["metadata"]["annotations"]["k8s.v1.cni.cncf.io/network-status"].as_str()?;
            let interfaces: serde_json::Value = serde_json::from_str(interfaces).ok()?;
            interfaces[1]["ips"][0].as_str().map(str::to_owned)
        };
        let name = |p: &serde_json::Value| p["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let all = pods.flat_map(|p| [first(p)].into_iter().chain(second(p)).map(move |ip| (name(p), ip)));
        all.filter(|(_, ip)| ip.starts_with("10.233.")).collect()
    }
}
