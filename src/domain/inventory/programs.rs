//! Programs that take part in a cluster's pod networking, or that move nodes and pods while Cutover does: known by their
//! images, whatever their objects are called.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::{
    facts::{DaemonSetFact, Facts},
    text,
};

/// What a program does that matters to a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Part {
    /// It enforces NetworkPolicies.
    PolicyEngine,
    /// It puts itself into the chain of CNI plugins, or installs plugins.
    CniPlugin,
    /// It gives pods more than one network.
    MetaPlugin,
    /// It reboots nodes.
    RebootsNodes,
    /// It upgrades or replaces nodes.
    UpgradesNodes,
    /// It adds and removes nodes.
    ScalesNodes,
    /// It evicts pods.
    MovesPods,
    /// It writes objects back as a repository has them.
    GitOps,
    /// It announces or forwards addresses of Services.
    LoadBalancer,
}

impl Part {
    /// What it does, as a screen says it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::PolicyEngine => "enforces NetworkPolicies",
            Self::CniPlugin => "takes part in the CNI chain",
            Self::MetaPlugin => "gives pods further networks",
            Self::RebootsNodes => "reboots nodes",
            Self::UpgradesNodes => "upgrades or replaces nodes",
            Self::ScalesNodes => "adds and removes nodes",
            Self::MovesPods => "evicts pods",
            Self::GitOps => "writes objects back from a repository",
            Self::LoadBalancer => "announces addresses of Services",
        }
    }
}

/// As it is called.
const MULTUS: &str = "Multus";
/// Image paths (their ends, at a slash), what the program is called, and what it does.
const KNOWN: &[(&[&str], &str, Part)] = &[
    (&["kube-network-policies"], "kube-network-policies", Part::PolicyEngine),
    (&["kube-router"], "kube-router", Part::PolicyEngine),
    (&["calico/node", "mirrored-calico-node", "calico-node", "hardened-calico"], "Calico", Part::PolicyEngine),
    (&["canal"], "Canal", Part::PolicyEngine),
    (&["antrea-ubuntu", "antrea-agent-ubuntu", "antrea-agent-ubi"], "Antrea", Part::PolicyEngine),
    (&["weave-npc"], "Weave Net's policy controller", Part::PolicyEngine),
    (&["romana/agent"], "Romana", Part::PolicyEngine),
    (&["kube-ovn"], "Kube-OVN", Part::PolicyEngine),
    (&["multus-cni", "hardened-multus-cni", "multus-dynamic-networks-controller"], MULTUS, Part::MetaPlugin),
    (&["spiderpool-agent", "genie-plugin", "danm", "cni-genie"], "a CNI meta plugin", Part::MetaPlugin),
    (&["install-cni", "hardened-istio-cni"], "Istio's CNI agent", Part::CniPlugin),
    (&["linkerd/cni-plugin", "cni-plugin"], "Linkerd's CNI plugin", Part::CniPlugin),
    (&["kuma-cni", "kong-mesh-cni"], "Kuma's CNI plugin", Part::CniPlugin),
    (&["whereabouts", "hardened-whereabouts"], "Whereabouts", Part::CniPlugin),
    (&["sriov-cni", "hardened-sriov-cni"], "SR-IOV's CNI plugin", Part::CniPlugin),
    (&["ovs-cni-plugin", "macvtap-cni", "amazon-k8s-cni", "weave-kube"], "another CNI plugin", Part::CniPlugin),
    (&["submariner-route-agent"], "Submariner", Part::CniPlugin),
    (&["kured"], "kured", Part::RebootsNodes),
    (
        &["flatcar-linux-update-operator", "container-linux-update-operator", "fleetlock", "zincati"],
        "an update operator",
        Part::RebootsNodes,
    ),
    (&["bottlerocket-update-operator"], "Bottlerocket's update operator", Part::RebootsNodes),
    (
        &["draino", "node-healthcheck-operator", "self-node-remediation-operator"],
        "a node remediator",
        Part::RebootsNodes,
    ),
    (&["aws-node-termination-handler"], "the node termination handler", Part::RebootsNodes),
    (&["system-upgrade-controller", "tuppr"], "the system upgrade controller", Part::UpgradesNodes),
    (
        &[
            "cluster-api-controller",
            "kubeadm-control-plane-controller",
            "machine-controller",
            "machine-controller-manager",
        ],
        "Cluster API",
        Part::UpgradesNodes,
    ),
    (&["cluster-autoscaler", "hardened-cluster-autoscaler"], "the cluster autoscaler", Part::ScalesNodes),
    (&["karpenter/controller", "karpenter"], "Karpenter", Part::ScalesNodes),
    (&["descheduler"], "the descheduler", Part::MovesPods),
    (&["vpa-updater"], "the vertical pod autoscaler", Part::MovesPods),
    (&["argoproj/argocd", "argocd"], "Argo CD", Part::GitOps),
    (&["kustomize-controller"], "Flux", Part::GitOps),
    (&["fleet-agent"], "Rancher Fleet", Part::GitOps),
    (&["metallb/speaker"], "MetalLB", Part::LoadBalancer),
    (&["kube-vip"], "kube-vip", Part::LoadBalancer),
    (&["klipper-lb"], "k3s's load balancer", Part::LoadBalancer),
];

/// Ends of an image's name that say for which machine it was built.
const ARCHES: [&str; 4] = ["-amd64", "-arm64", "-arm", "-s390x"];
/// A host's folders of CNI configurations and plugins.
const CNI_FOLDERS: [&str; 2] = ["cni/net.d", "cni/bin"];
/// Programs of Multus' image, and the beginning of its options, whatever the image is called.
const MULTUS_PROGRAMS: [&str; 2] = ["multus-daemon", "thin_entrypoint"];
const MULTUS_OPTIONS: &str = "--multus-";
/// Folders of the host that Multus alone uses: its networks by file, its cache, its daemon's socket.
const MULTUS_FOLDERS: [&str; 3] = ["cni/multus", "cni/multus/net.d", "run/k8s.cni.cncf.io"];
/// The name of the annotation, whatever its prefix, by which kured keeps its lock.
const KURED_LOCK: &str = "kured-node-lock";
/// By this argument kube-router enforces no policies.
const NO_FIREWALL: &str = "--run-firewall=false";

/// A program that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Actor {
    /// What it does.
    pub part: Part,
    /// What it is called.
    pub program: &'static str,
    /// The object that runs it, as `kind/namespace/name`.
    pub object: String,
    /// It can write files of its host: what its image is called alone proves nothing.
    #[serde(skip)]
    pub writes_files: bool,
    /// It is at work just now, and on what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub busy: Option<String>,
}

fn ends_with_path(path: &str, pattern: &str) -> bool {
    path.strip_suffix(pattern).is_some_and(|head| head.is_empty() || head.ends_with('/'))
}

/// What an image is, where it is known.
fn program(image: &str) -> Option<(&'static str, Part)> {
    let path = text::image_path(image);
    let path = ARCHES.iter().find_map(|arch| path.strip_suffix(arch)).unwrap_or(path);
    let is = |patterns: &&[&str]| patterns.iter().any(|p| ends_with_path(path, p));
    KNOWN.iter().find(|(patterns, _, _)| is(patterns)).map(|(_, name, part)| (*name, *part))
}

/// A folder of the host for CNI configurations or plugins, wherever a distribution has it.
pub(super) fn is_cni_folder(path: &str) -> bool {
    CNI_FOLDERS.iter().any(|folder| ends_with_path(path.trim_end_matches('/'), folder))
}

/// What a DaemonSet runs beside what it is there for: of Flannel's and Cilium's own this is what is chained to them.
fn of_daemon_set(set: &DaemonSetFact, found: &mut Vec<Actor>) {
    let object = format!("daemonset/{}", set.key);
    let writes_files = !set.host_paths.is_empty();
    let before = found.len();
    for (program, part) in set.images.iter().filter_map(|image| program(image)) {
        let known = found[before..].iter().any(|a| a.program == program);
        let idle = part == Part::PolicyEngine && set.args.iter().any(|a| a == NO_FIREWALL);
        if !known && !idle {
            found.push(Actor { part, program, object: object.clone(), writes_files, busy: lock(set) });
        }
    }
    let own = set.runs_flannel() || set.runs_agents();
    let writes_conf = set.host_paths.iter().any(|path| is_cni_folder(path));
    // a mirror calls its image as it likes, and it may stand beside a program that is known
    if writes_conf && is_multus(set) && found[before..].iter().all(|a| a.program != MULTUS) {
        found.push(Actor { part: Part::MetaPlugin, program: MULTUS, object, writes_files, busy: None });
    } else if writes_conf && found.len() == before && !own {
        let program = "a program that writes CNI files";
        found.push(Actor { part: Part::CniPlugin, program, object, writes_files, busy: None });
    }
}

/// It runs Multus under an image of another name, as a mirror has it.
fn is_multus(set: &DaemonSetFact) -> bool {
    let named = |arg: &String| MULTUS_PROGRAMS.iter().any(|p| ends_with_path(arg, p)) || arg.contains(MULTUS_OPTIONS);
    let uses = |path: &String| MULTUS_FOLDERS.iter().any(|f| ends_with_path(path.trim_end_matches('/'), f));
    set.args.iter().any(named) || set.host_paths.iter().any(uses)
}

/// The node for which kured holds its lock; nothing where it holds none.
fn lock(set: &DaemonSetFact) -> Option<String> {
    let (_, held) = set.notes.iter().find(|(key, _)| ends_with_path(key, KURED_LOCK))?;
    let held = held.trim();
    if held.is_empty() || held == "null" {
        return None;
    }
    let lock: serde_json::Value = serde_json::from_str(held).unwrap_or_default();
    let node = lock["nodeID"].as_str().map(str::to_owned);
    // one that cannot be read is held all the same
    let holders =
        lock["lockAnnotations"].as_array().map(|all| all.iter().filter_map(|l| l["nodeID"].as_str()).collect());
    if holders.as_ref().is_some_and(Vec::is_empty) {
        return None;
    }
    Some(node.or_else(|| holders.map(|all: Vec<&str>| all.join(", "))).unwrap_or_else(|| "a node".into()))
}

/// Every known program that runs on the cluster, and every DaemonSet that writes CNI files.
pub fn actors(facts: &Facts) -> Vec<Actor> {
    let mut found = Vec::new();
    for set in facts.daemon_sets.values() {
        of_daemon_set(set, &mut found);
    }
    // thousands of pods have the same few images
    let mut known: BTreeMap<*const u8, Option<(&'static str, Part)>> = BTreeMap::new();
    let mut objects: BTreeMap<String, (&'static str, Part)> = BTreeMap::new();
    for pod in facts.pods.values().filter(|p| !p.is_daemon() && p.is_living()) {
        let program = *known.entry(pod.image.as_ptr()).or_insert_with(|| program(&pod.image));
        if let Some(program) = program {
            objects.insert(format!("pod/{}", pod.object()), program);
        }
    }
    let own = |object: &str| object.strip_prefix("pod/").map(controlled).unwrap_or_default();
    let actor =
        |(o, (program, part)): (String, _)| Actor { part, program, object: own(&o), writes_files: false, busy: None };
    found.extend(objects.into_iter().map(actor));
    found.sort_by(|a, b| (a.part, a.program, &a.object).cmp(&(b.part, b.program, &b.object)));
    found
}

/// `deployment/namespace/name` out of `namespace/Deployment/name`; `pod/namespace/name` of a bare pod.
fn controlled(object: &str) -> String {
    let mut parts = object.splitn(3, '/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(namespace), Some(kind), Some(name)) => format!("{}/{namespace}/{name}", kind.to_lowercase()),
        _ => format!("pod/{object}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::facts::Key;

    #[test]
    fn programs_are_known_by_their_images_wherever_these_come_from() {
        for (image, wanted) in [
            ("ghcr.io/kubereboot/kured:1.16.0", Some("kured")),
            ("registry.corp:5000/mirror/kured@sha256:aa", Some("kured")),
            ("registry.k8s.io/autoscaling/cluster-autoscaler-arm64:v1.33.0", Some("the cluster autoscaler")),
            ("public.ecr.aws/karpenter/controller:1.0", Some("Karpenter")),
            ("docker.io/istio/install-cni:1.22.0", Some("Istio's CNI agent")),
            ("docker.io/acme/controller:1", None),
            ("docker.io/acme/not-kured:1", None),
        ] {
            assert_eq!(program(image).map(|(name, _)| name), wanted, "{image}");
        }
    }

    fn set(images: &[&str]) -> DaemonSetFact {
        let images: Vec<String> = images.iter().map(|i| (*i).to_owned()).collect();
        DaemonSetFact { key: Key::new("kube-system", "x"), images, ..DaemonSetFact::default() }
    }

    fn found(set: &DaemonSetFact) -> Vec<(Part, Option<String>)> {
        let mut found = Vec::new();
        of_daemon_set(set, &mut found);
        found.into_iter().map(|a| (a.part, a.busy)).collect()
    }

    #[test]
    fn a_lock_counts_while_somebody_holds_it() {
        let mut kured = set(&["ghcr.io/kubereboot/kured:1.16.0"]);
        for (lock, held) in [
            ("", None),
            (r#"{"nodeID":"worker-1","created":"2026-11-26T07:00:00Z"}"#, Some("worker-1")),
            (r#"{"maxOwners":2,"lockAnnotations":[{"nodeID":"a"},{"nodeID":"b"}]}"#, Some("a, b")),
            (r#"{"maxOwners":2,"lockAnnotations":[]}"#, None),
            ("garbled", Some("a node")),
        ] {
            kured.notes.insert("weave.works/kured-node-lock".into(), lock.into());
            assert_eq!(found(&kured), [(Part::RebootsNodes, held.map(str::to_owned))], "{lock}");
        }
    }

    #[test]
    fn who_writes_cni_files_takes_part_whatever_it_is() {
        let mut other = set(&["registry.corp/own-agent:1"]);
        assert_eq!(found(&other), []);
        other.host_paths = vec!["/var/log".into(), "/etc/cni/net.d/".into()];
        assert_eq!(found(&other), [(Part::CniPlugin, None)]);
        other.containers = vec!["kube-flannel".into()];
        other.host_network = true;
        assert_eq!(found(&other), [], "Flannel itself");
        other.images.push("registry.k8s.io/networking/kube-network-policies:v0.7.0".into());
        assert_eq!(found(&other), [(Part::PolicyEngine, None)], "chained to Flannel");
    }

    #[test]
    fn multus_is_known_by_what_it_runs_and_mounts() {
        let cni = |more: &[&str]| {
            let mut set = set(&["registry.corp/platform/network:7"]);
            set.host_paths = ["/etc/cni/net.d"].iter().chain(more).map(|p| (*p).to_owned()).collect();
            set
        };
        assert_eq!(found(&cni(&[])), [(Part::CniPlugin, None)]);
        for folder in ["/etc/cni/multus", "/var/lib/cni/multus/", "/run/k8s.cni.cncf.io"] {
            assert_eq!(found(&cni(&[folder])), [(Part::MetaPlugin, None)], "{folder}");
        }
        for args in [
            &["/usr/src/multus-cni/bin/multus-daemon"][..],
            &["/thin_entrypoint"],
            &["/entrypoint.sh", "--multus-conf-file=auto"],
        ] {
            let mut set = cni(&[]);
            set.args = args.iter().map(|a| (*a).to_owned()).collect();
            assert_eq!(found(&set), [(Part::MetaPlugin, None)], "{args:?}");
            set.images = ["ghcr.io/k8snetworkplumbingwg/whereabouts:v0.7.0", "mirror/network:7"].map(Into::into).into();
            assert!(found(&set).contains(&(Part::MetaPlugin, None)), "beside another program");
            set.host_paths.clear();
            assert!(!found(&set).contains(&(Part::MetaPlugin, None)), "it writes nothing on a host");
        }
    }

    #[test]
    fn kube_router_without_its_firewall_enforces_nothing() {
        let mut router = set(&["docker.io/cloudnativelabs/kube-router:v2.1.3"]);
        assert_eq!(found(&router), [(Part::PolicyEngine, None)]);
        router.args.push(NO_FIREWALL.into());
        assert_eq!(found(&router), []);
    }
}
