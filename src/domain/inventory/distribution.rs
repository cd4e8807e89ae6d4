//! Which distribution a cluster is of, and what made it.

use serde::Serialize;

use crate::domain::facts::{Facts, NodeFact, Source};

/// A distribution, with what gave it away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Distribution {
    /// Its name; `Kubernetes` where nothing tells more.
    pub name: &'static str,
    /// What gave it away.
    pub evidence: String,
    /// What would bring Flannel back, and how that is switched off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restores: Option<&'static str>,
    /// Its provider runs the control plane, and owns the network's components.
    pub managed: bool,
}

/// Where a mark of a distribution is found on a node.
enum Told {
    /// In the kubelet's version.
    Kubelet(&'static str),
    /// At the beginning of a label's key.
    Label(&'static str),
    /// At the beginning of an annotation's key.
    Annotation(&'static str),
    /// At the beginning of the name of its operating system.
    Os(&'static str),
}

use Told::{Annotation, Kubelet, Label, Os};

type Row = (&'static str, &'static [Told], Option<&'static str>, bool);

/// Name, marks, what brings Flannel back, whether it is managed.
const KNOWN: &[Row] = &[
    (
        "RKE2",
        &[Kubelet("+rke2"), Annotation("rke2.io/")],
        Some("RKE2 installs its CNI as a HelmChart: set cni: none in /etc/rancher/rke2/config.yaml on every server"),
        false,
    ),
    (
        "k3s",
        &[Kubelet("+k3s"), Annotation("k3s.io/")],
        Some("k3s has Flannel built in: it needs --flannel-backend=none and --disable-network-policy on every server"),
        false,
    ),
    (
        "RKE1",
        &[Annotation("rke.cattle.io/"), Label("rke.cattle.io/")],
        Some("RKE1 deploys Flannel as an addon at each `rke up`: set network.plugin: none in cluster.yml"),
        false,
    ),
    (
        "Talos",
        &[Os("Talos")],
        Some("Talos applies Flannel's manifests: set cluster.network.cni.name: none in the machine configuration"),
        false,
    ),
    (
        "MicroK8s",
        &[Label("microk8s.io/")],
        Some("MicroK8s runs flanneld as a service of the host on some versions: stop it on every node"),
        false,
    ),
    ("OpenShift", &[Label("node.openshift.io/")], Some("the cluster network operator owns the CNI"), true),
    ("EKS", &[Kubelet("-eks-"), Label("eks.amazonaws.com/")], None, true),
    ("GKE", &[Kubelet("-gke."), Label("cloud.google.com/gke-")], None, true),
    ("AKS", &[Label("kubernetes.azure.com/")], None, true),
    ("ACK", &[Kubelet("-aliyun."), Label("ack.aliyun.com")], Some("its add-on manager owns Flannel"), true),
    (
        "OKE",
        &[Label("oke.oraclecloud.com/"), Label("oci.oraclecloud.com/oke")],
        Some("its add-on manager owns Flannel"),
        true,
    ),
    ("LKE", &[Label("lke.linode.com/")], None, true),
    ("DOKS", &[Label("doks.digitalocean.com/")], None, true),
    ("TKE", &[Kubelet("-tke."), Label("cloud.tencent.com/")], None, true),
    ("Gardener", &[Label("worker.gardener.cloud/")], Some("the gardenlet reconciles the CNI"), true),
    (
        "kops",
        &[Label("kops.k8s.io/")],
        Some("kops applies Flannel as an addon: set networking in the cluster's spec"),
        false,
    ),
];

/// Is this the key of an annotation that tells a distribution?
pub fn tells_distribution(key: &str) -> bool {
    let prefixes = KNOWN.iter().flat_map(|(_, marks, _, _)| marks.iter());
    prefixes.into_iter().any(|m| matches!(m, Annotation(prefix) if key.starts_with(prefix)))
}

fn told<'a>(mark: &Told, node: &'a NodeFact) -> Option<&'a str> {
    match mark {
        Kubelet(part) => Some(node.kubelet.as_str()).filter(|v| v.contains(part)),
        Label(prefix) => node.labels.keys().map(String::as_str).find(|k| k.starts_with(prefix)),
        Annotation(prefix) => node.marks.iter().map(|k| &**k).find(|k| k.starts_with(prefix)),
        Os(prefix) => Some(&*node.os_image).filter(|os| os.starts_with(prefix)),
    }
}

/// Objects by which Kubespray is known: NodeLocal DNS and Flannel as its roles call them.
const KUBESPRAY_SETS: [&str; 2] = ["nodelocaldns", "kube-flannel"];
/// The static pod that its workers reach the API server by.
const KUBESPRAY_PROXY: &str = "nginx-proxy-";
const KUBE_SYSTEM: &str = "kube-system";

/// The distribution of a cluster.
pub fn distribution(facts: &Facts) -> Distribution {
    for (name, marks, restores, managed) in KNOWN {
        for node in facts.nodes.values() {
            if let Some(seen) = marks.iter().find_map(|m| told(m, node)) {
                let evidence = format!("node {}: {seen}", node.name);
                return Distribution { name, evidence, restores: *restores, managed: *managed };
            }
        }
    }
    let system = |n: &str| n == KUBE_SYSTEM;
    let set = facts.daemon_sets.keys().find(|k| system(&k.namespace) && KUBESPRAY_SETS.contains(&&*k.name));
    let proxy = || facts.nodes.keys().map(|n| format!("{KUBESPRAY_PROXY}{n}"));
    let proxy = || proxy().find(|p| facts.pods.contains_key(&crate::domain::facts::Key::new(KUBE_SYSTEM, p)));
    let sign = set.map(|k| format!("daemonset/{k}")).or_else(|| proxy().map(|p| format!("pod/{KUBE_SYSTEM}/{p}")));
    if let Some(evidence) = sign {
        let restores = Some(
            "a playbook with kube_network_plugin: flannel installs Flannel again: set it to cni (own Helm release) or cilium first",
        );
        return Distribution { name: "Kubespray", evidence, restores, managed: false };
    }
    if facts.survey.kubeadm.known().is_some() {
        let evidence = format!("configmap/{KUBE_SYSTEM}/kubeadm-config");
        return Distribution { name: "kubeadm", evidence, restores: None, managed: false };
    }
    let evidence = if facts.sources[Source::Nodes].is_usable() { "no mark of a distribution" } else { "not known yet" };
    Distribution { name: "Kubernetes", evidence: evidence.into(), restores: None, managed: false }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::Arc};

    use super::*;
    use crate::domain::facts::{Asked, DaemonSetFact, Key, KubeadmFact, Survey};

    fn of(node: NodeFact) -> &'static str {
        distribution(&Facts { nodes: [("n".into(), node)].into_iter().collect(), ..Facts::default() }).name
    }

    #[test]
    fn a_distribution_is_told_by_its_nodes() {
        let labels = |key: &str| Arc::new(BTreeMap::from([(key.to_owned(), String::new())]));
        assert_eq!(of(NodeFact { kubelet: "v1.31.4+k3s1".into(), ..NodeFact::default() }), "k3s");
        assert_eq!(of(NodeFact { kubelet: "v1.31.4+rke2r1".into(), ..NodeFact::default() }), "RKE2");
        assert_eq!(of(NodeFact { os_image: "Talos (v1.8.3)".into(), ..NodeFact::default() }), "Talos");
        assert_eq!(of(NodeFact { marks: vec!["rke.cattle.io/internal-ip".into()], ..NodeFact::default() }), "RKE1");
        assert_eq!(of(NodeFact { labels: labels("microk8s.io/cluster"), ..NodeFact::default() }), "MicroK8s");
        assert_eq!(of(NodeFact { kubelet: "v1.33.1".into(), ..NodeFact::default() }), "Kubernetes");
        assert!(tells_distribution("k3s.io/hostname") && !tells_distribution("example.org/x"));
    }

    #[test]
    fn an_installer_is_told_by_its_objects() {
        let kubeadm = Survey { kubeadm: Asked::Known(KubeadmFact::default()), ..Survey::default() };
        let mut facts = Facts { survey: Arc::new(kubeadm), ..Facts::default() };
        assert_eq!(distribution(&facts).name, "kubeadm");
        let elsewhere = Key::new("shop", "nodelocaldns");
        facts.daemon_sets.insert(elsewhere, DaemonSetFact::default());
        assert_eq!(distribution(&facts).name, "kubeadm", "a tenant's object tells nothing");
        facts.daemon_sets.insert(Key::new("kube-system", "nodelocaldns"), DaemonSetFact::default());
        assert_eq!(distribution(&facts).name, "Kubespray");
    }
}
