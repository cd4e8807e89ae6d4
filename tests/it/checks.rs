//! Preflight's checks, as a table: what is changed on a healthy cluster, and which check says what about it.

use std::{collections::BTreeMap, sync::Arc};

use cutover::domain::{
    api::{Consent, Finding, HostAccess, Installer, Migration, MigrationSpec, Severity},
    checks::{self, CHECKS},
    consent::ConsentKind,
    encryption::Encryption,
    facts::{
        ATTACHMENTS, ApiServiceFact, Asked, CiliumConfigFact, DaemonSetFact, Facts, Key, KubeProxyFact, NodeConfigFact,
        PolicyFact, Room, Selector, Survey, Taint, WebhookFact,
    },
    flannel::{CniConf, FlannelFact},
    guard::DeniedFlow,
    inventory::Inventory,
    strategy::StrategyId,
    view::View,
};
use serde_json::json;

use crate::fixture::{at, before, pod, spec};

/// Everything was asked, and nothing is there.
fn asked() -> Survey {
    Survey {
        at: Some(at(-60)),
        service_addresses: Asked::Known(vec![]),
        service_ranges: Asked::Known(vec![("kubernetes".into(), "10.233.0.0/18".parse().unwrap())]),
        kube_proxy: Asked::Known(KubeProxyFact::default()),
        kubeadm: Asked::Absent,
        webhooks: Asked::Known(vec![]),
        api_services: Asked::Known(vec![]),
        policies: Asked::Known(vec![]),
        cilium_policies: Asked::Known(vec![]),
        ..Survey::default()
    }
}

struct World {
    facts: Facts,
    spec: MigrationSpec,
}

impl World {
    fn plain() -> Self {
        let mut facts = before();
        facts.survey = Arc::new(asked());
        facts.surroundings.server_version = "v1.28.4".into();
        let set = |name: &str, image: &str| DaemonSetFact {
            key: Key::new("kube-system", name),
            images: vec![image.into()],
            ..DaemonSetFact::default()
        };
        for set in
            [set("kube-proxy", "registry.k8s.io/kube-proxy:v1.28.4"), set("nodelocaldns", "k8s-dns-node-cache:1")]
        {
            facts.daemon_sets.insert(set.key.clone(), set);
        }
        for node in ["worker-1", "worker-2"] {
            let mut dns =
                pod("kube-system", &format!("coredns-{node}"), node, "10.233.65.9", Some(("Deployment", "coredns")));
            dns.image = "registry.k8s.io/coredns/coredns:v1.11.1".into();
            facts.pods.insert(dns.key.clone(), dns);
        }
        let mut etcd = pod("kube-system", "etcd-cp-1", "cp-1", "", None);
        (etcd.mirror, etcd.host_network, etcd.image) = (true, true, "registry.k8s.io/etcd:3.5.12".into());
        facts.pods.insert(etcd.key.clone(), etcd);
        Self { facts, spec: spec() }
    }

    fn survey(&mut self) -> &mut Survey {
        Arc::make_mut(&mut self.facts.survey)
    }

    fn flannel(&mut self) -> &mut FlannelFact {
        self.facts.flannel_configs.values_mut().next().unwrap()
    }

    fn set(&mut self, name: &str, image: &str) -> &mut DaemonSetFact {
        let key = Key::new("kube-system", name);
        let set = DaemonSetFact { key: key.clone(), images: vec![image.into()], ..DaemonSetFact::default() };
        self.facts.daemon_sets.insert(key.clone(), set);
        self.facts.daemon_sets.get_mut(&key).unwrap()
    }

    fn nodes(&mut self, change: impl Fn(&mut cutover::domain::facts::NodeFact)) {
        self.facts.nodes.retain(|_, node| {
            change(node);
            true
        });
    }

    fn values(&mut self, values: serde_json::Value) {
        self.spec.cilium.values = values;
    }

    fn findings(&self) -> Vec<Finding> {
        let migration = Migration::new("cutover", self.spec.clone());
        checks::preflight(&View::read_only(&self.facts, &migration, at(0)))
    }

    fn gravest(&self, check: &str) -> Option<Finding> {
        self.findings().into_iter().filter(|f| f.check == check).max_by_key(|f| f.severity)
    }
}

/// The checks that warn on the plain cluster of this file: it has one control-plane node.
const PLAIN: [&str; 1] = ["control-plane"];

#[test]
fn a_plain_cluster_has_no_alarm_and_every_check_speaks() {
    let world = World::plain();
    let found = world.findings();
    for f in found.iter().filter(|f| f.severity > Severity::Info) {
        assert!(PLAIN.contains(&f.check.as_str()), "{f:?}");
    }
    let silent: Vec<&str> = CHECKS.iter().map(|c| c.id).filter(|id| !found.iter().any(|f| f.check == *id)).collect();
    assert_eq!(silent, ["marks", "consent"], "checks that only say what is wrong");
    let asked = found.iter().filter(|f| f.as_of == Some(at(-60))).count();
    assert!(asked > 3 && asked < found.len(), "of when is said where it is not now: {asked}");
}

/// Check, severity, words; and what is changed.
type Row = (&'static str, Severity, &'static str, fn(&mut World));

#[test]
fn each_change_is_found_by_its_check() {
    use Severity::{Block, Info, Pass, Unknown, Warn};
    let rows: &[Row] = &[
        ("distribution", Warn, "none in the machine configuration", |w| {
            w.nodes(|n| n.os_image = "Talos (v1.8.3)".into());
        }),
        ("distribution", Warn, "cni: none", |w| w.nodes(|n| n.kubelet = "v1.31.4+rke2r1".into())),
        ("distribution", Warn, "provider", |w| w.nodes(|n| n.kubelet = "v1.31.4-gke.100".into())),
        ("distribution", Info, "kube_network_plugin", |_| ()),
        ("flannel", Block, "have no Flannel pod: worker-2", |w| {
            w.facts.pods.remove(&Key::new("kube-system", "kube-flannel-worker-2"));
        }),
        ("flannel", Block, "Canal", |w| {
            let set = w.facts.daemon_sets.get_mut(&Key::new("kube-system", "kube-flannel")).unwrap();
            set.containers.push("calico-node".into());
        }),
        ("flannel", Block, "3 of 4", |w| {
            w.facts.daemon_sets.get_mut(&Key::new("kube-system", "kube-flannel")).unwrap().ready = 3;
        }),
        ("flannel-names", Block, "flannel.4096", |w| w.flannel().vni = Some(4096)),
        ("flannel-names", Block, "flannel-wg", |w| w.flannel().backend = "wireguard".into()),
        ("flannel-names", Block, "/srv/cni/podnet", |w| {
            let cni = CniConf {
                text: "".into(),
                name: "podnet".into(),
                bridge: "cni0".into(),
                plugins: vec![],
                data_dir: Some("/srv/cni".into()),
            };
            w.flannel().cni = Some(cni);
        }),
        ("flannel-names", Block, "20-pods.conflist", |w| {
            let set = w.facts.daemon_sets.get_mut(&Key::new("kube-system", "kube-flannel")).unwrap();
            set.args = vec!["cp -f /etc/kube-flannel/cni-conf.json /etc/cni/net.d/20-pods.conflist".into()];
        }),
        ("flannel-names", Pass, "", |w| {
            let cni = CniConf { name: "cbr0".into(), bridge: "cni0".into(), ..CniConf::default() };
            w.flannel().cni = Some(cni);
            let set = w.facts.daemon_sets.get_mut(&Key::new("kube-system", "kube-flannel")).unwrap();
            set.args = vec![
                "-f".into(),
                "/etc/kube-flannel/cni-conf.json".into(),
                "/etc/cni/net.d/10-flannel.conflist".into(),
            ];
        }),
        ("flannel-names", Block, "/var/lib/rancher/k3s/agent/etc/cni/net.d", |w| {
            w.values(json!({"cni": {"confPath": "/var/lib/rancher/k3s/agent/etc/cni/net.d"}}));
        }),
        ("flannel-names", Block, "folder /srv/cni/net.d", |w| {
            let set = w.facts.daemon_sets.get_mut(&Key::new("kube-system", "kube-flannel")).unwrap();
            set.host_paths = vec!["/run/flannel".into(), "/srv/cni/net.d".into()];
        }),
        ("flannel-addresses", Warn, "203.0.113.7", |w| {
            w.nodes(|n| n.flannel_addresses = vec!["203.0.113.7".parse().unwrap()]);
        }),
        ("flannel-addresses", Pass, "", |w| w.nodes(|n| n.flannel_addresses.clone_from(&n.addresses))),
        ("backend", Block, "ipsec", |w| w.flannel().backend = "ipsec".into()),
        ("ip-families", Block, "dual-stack", |w| w.flannel().networks.push("fd00:10:244::/56".parse().unwrap())),
        ("ip-families", Block, "IPv6-only", |w| w.flannel().networks = vec!["fd00:10:244::/56".parse().unwrap()]),
        ("ip-families", Block, "InternalIP is IPv6", |w| w.nodes(|n| n.addresses = vec!["fd00::1".parse().unwrap()])),
        ("mtu", Warn, "1370", |w| w.flannel().mtu = Some(1370)),
        ("mtu", Pass, "", |w| {
            w.flannel().mtu = Some(1370);
            w.values(json!({"MTU": 1420}));
        }),
        ("chained-plugins", Warn, "tuning", |w| {
            w.flannel().cni = Some(CniConf {
                plugins: vec!["flannel".into(), "portmap".into(), "tuning".into()],
                ..CniConf::default()
            });
        }),
        ("chained-plugins", Pass, "", |w| {
            w.flannel().cni = Some(CniConf { plugins: vec!["flannel".into(), "portmap".into()], ..CniConf::default() });
        }),
        ("chained-plugins", Warn, "Istio", |w| {
            w.set("istio-cni-node", "docker.io/istio/install-cni:1.22.0");
        }),
        ("multus", Block, "the agent of each moved node renames", |w| multus(w)),
        ("multus", Block, "rename 00-multus.conf on every node at once", |w| {
            multus(w);
            strategy(w, "downtime");
        }),
        ("multus", Block, "brings a Multus of its own", |w| {
            multus(w);
            strategy(w, "multus");
        }),
        ("multus", Block, "stays before Cilium's file", |w| {
            multus(w);
            w.values(json!({"cni": {"exclusive": false}}));
        }),
        ("multus", Block, "daemonset/kube-system/network", |w| {
            let set = w.set("network", "registry.corp/platform/network:7");
            set.host_paths = vec!["/etc/cni/net.d".into(), "/var/lib/cni/multus".into()];
        }),
        ("multus", Info, "mounts no folder", |w| {
            w.set("multus", "tenant/multus-cni:1");
        }),
        ("multus", Warn, "no DaemonSet of it", |w| attachments(w)),
        ("multus", Block, "delete the definition", |w| {
            attachments(w);
            strategy(w, "downtime");
        }),
        ("multus", Block, "delete the definition", |w| {
            attachments(w);
            strategy(w, "multus");
        }),
        ("multus", Block, "it would not start", |w| {
            asks_for_networks(w);
            strategy(w, "multus");
        }),
        ("multus", Warn, "shop/Deployment/camera (storage)", |w| asks_for_networks(w)),
        ("multus", Pass, "", |w| {
            // what a pod says of its interfaces
            w.facts.pods.update_all(|p| p.second = "192.168.7.7".parse().ok());
        }),
        ("policy-engine", Block, "Antrea", |w| {
            w.set("antrea-agent", "antrea/antrea-agent-ubuntu:v2.1.0");
        }),
        ("policy-engine", Warn, "disable-network-policy", |w| w.nodes(|n| n.kubelet = "v1.31.4+k3s1".into())),
        ("host-ports", Block, "8080", |w| host_port(w)),
        ("host-ports", Pass, "portmap", |w| {
            host_port(w);
            w.values(json!({"cni": {"chainingMode": "portmap", "exclusive": false}}));
        }),
        ("host-ports", Warn, "as consented to", |w| {
            host_port(w);
            let (object, by) = ("shop/Deployment/edge".into(), "ops".into());
            w.spec.consents.push(Consent { kind: ConsentKind::LoseHostPort, object, by, at: at(0) });
        }),
        ("kube-proxy", Warn, "no kube-proxy", |w| {
            w.facts.daemon_sets.remove(&Key::new("kube-system", "kube-proxy"));
        }),
        ("kube-proxy", Info, "10.233.64.0/18", |w| {
            w.survey().kube_proxy = Asked::Known(KubeProxyFact {
                mode: String::new(),
                cluster_cidr: vec!["10.233.64.0/18".parse().unwrap()],
            });
        }),
        ("kube-proxy", Unknown, "forbidden", |w| w.survey().kube_proxy = Asked::Unreadable("forbidden".into())),
        ("leftovers", Block, "would be kept", |w| {
            w.facts.cilium_ranges.insert("worker-1".into(), vec!["10.0.3.0/24".parse().unwrap()]);
        }),
        ("leftovers", Block, "would be kept", |w| {
            w.facts.cilium_ranges.insert("worker-1".into(), vec!["10.245.3.0/25".parse().unwrap()]);
        }),
        ("leftovers", Warn, "in the pool", |w| {
            w.facts.cilium_ranges.insert("worker-1".into(), vec!["10.245.3.0/24".parse().unwrap()]);
        }),
        ("leftovers", Block, "cilium-config", |w| {
            w.facts.cilium_configs.insert(Key::new("kube-system", "cilium-config"), CiliumConfigFact::default());
        }),
        ("leftovers", Pass, "nothing", |w| {
            // a tenant's
            w.facts.cilium_configs.insert(Key::new("shop", "cilium-config"), CiliumConfigFact::default());
        }),
        ("leftovers", Block, "ciliumnodeconfig", |w| {
            w.facts.node_configs.insert(Key::new("kube-system", "old"), NodeConfigFact::default());
        }),
        ("leftovers", Block, "labelled", |w| w.nodes(|n| n.switched = true)),
        ("leftovers", Warn, "node-role.kubernetes.io/priority-canal-", |w| {
            w.nodes(|n| drop(Arc::make_mut(&mut n.labels).insert(format!("{ROLE}priority-canal"), "true".into())));
        }),
        ("leftovers", Pass, "", |w| {
            w.nodes(|n| drop(Arc::make_mut(&mut n.labels).insert(format!("{ROLE}worker"), String::new())));
        }),
        ("leftovers", Warn, "no pod of others lands there", |w| {
            let (key, effect) = (format!("{ROLE}cilium"), "NoExecute".to_owned());
            w.nodes(|n| n.taints.push(Taint { key: key.clone(), value: "cilium".into(), effect: effect.clone() }));
        }),
        ("leftovers", Pass, "definitions", |w| {
            w.facts.crds.insert("ciliumendpoints.cilium.io".into(), vec!["v2".into()]);
        }),
        ("cilium-policies", Warn, "shop/db", |w| {
            w.survey().cilium_policies = Asked::Known(vec!["ciliumnetworkpolicy/shop/db".into()]);
        }),
        ("cilium-policies", Unknown, "forbidden", |w| {
            w.survey().cilium_policies = Asked::Unreadable("forbidden".into());
        }),
        ("policies", Warn, "shop/web (4 pods, ingress)", |w| policy(w)),
        ("policies", Warn, "kube-router enforces 1 NetworkPolicy", |w| {
            policy(w);
            w.set("fw", "cloudnativelabs/kube-router:v2");
        }),
        ("denied-connections", Info, "no flows yet", |w| policy(w)),
        ("denied-connections", Warn, "no ingress rule of networkpolicy/shop/web allows it", |w| {
            policy(w);
            w.facts.flows.watching = Some(Ok(()));
            let policies = vec!["shop/web".into()];
            let denied = DeniedFlow { edge: "a/b->shop/web:80".into(), way: "ingress".into(), policies };
            w.facts.flows.denied = Some(Arc::new(vec![denied]));
        }),
        ("denied-connections", Pass, "none is known to be denied", |w| {
            policy(w);
            w.facts.flows.watching = Some(Ok(()));
            w.facts.flows.denied = Some(Arc::default());
        }),
        ("denied-connections", Unknown, "forbidden", |w| {
            policy(w);
            w.survey().policies = Asked::Unreadable("forbidden".into());
        }),
        ("version", Block, "1.14", |w| w.spec.cilium.version = "1.13.4".into()),
        ("kubernetes", Info, "untested", |w| w.facts.surroundings.server_version = "v1.36.3".into()),
        ("kubernetes", Unknown, "not read", |w| w.facts.surroundings.server_version.clear()),
        ("kernel", Block, "too old for Cilium 1.18", |w| {
            w.spec.cilium.version = "1.18.6".into();
            w.nodes(|n| n.kernel = "5.4.0-216-generic".into());
        }),
        ("kernel", Pass, "", |w| w.nodes(|n| n.kernel = "4.18.0-553.22.1.el8_10.x86_64".into())),
        ("kernel", Unknown, "cannot be read", |w| w.nodes(|n| n.kernel = "custom".into())),
        ("values", Block, "Cilium's own chart drops", |w| {
            w.values(json!({"network": {"ipam": {"mode": "kubernetes"}}}));
        }),
        ("values", Block, "no tunnel any more", |w| w.values(json!({"tunnel": "vxlan"}))),
        ("values", Block, "looks like a secret", |w| w.values(json!({"hubble": {"tls": {"ca": {"key": "x"}}}}))),
        ("values", Pass, "", |w| w.values(json!({"global": {"cluster": "a"}, "hubble": {"ui": {"enabled": true}}}))),
        ("unknown-values", Warn, "hubbel", |w| w.values(json!({"hubbel": {}}))),
        ("unknown-values", Pass, "", |w| w.values(json!({"x-note": 1, "operator": {"replicas": 1}}))),
        ("overruled-values", Warn, "ipam.mode", |w| w.values(json!({"ipam": {"mode": "kubernetes"}}))),
        ("overruled-values", Warn, "tunnelPort", |w| w.values(json!({"tunnelPort": 8472}))),
        ("overruled-values", Warn, "cni.customConf", |w| w.values(json!({"cni": {"customConf": false}}))),
        ("overruled-values", Pass, "", |w| w.values(json!({"tunnelPort": 8473, "ipam": {"mode": "cluster-pool"}}))),
        ("kube-proxy-values", Block, "is on", |w| w.values(json!({"kubeProxyReplacement": "probe"}))),
        ("kube-proxy-values", Block, "is on", |w| w.values(json!({"kubeProxyReplacement": true}))),
        ("kube-proxy-values", Block, "nodePort", |w| w.values(json!({"nodePort": {"enabled": "true"}}))),
        ("kube-proxy-values", Block, "hostPort", |w| w.values(json!({"hostPort": {"enabled": true}}))),
        ("kube-proxy-values", Pass, "", |w| {
            w.values(json!({"kubeProxyReplacement": "disabled", "nodePort": {"enabled": false}}));
        }),
        ("kube-proxy-values", Pass, "", |w| {
            w.values(json!({"hostPort": {"enabled": true}, "cni": {"chainingMode": "portmap"}}));
        }),
        ("encryption-values", Block, "wireguard", |w| {
            w.values(json!({"encryption": {"enabled": true, "type": "wireguard"}}));
        }),
        ("encryption-values", Pass, "", |w| w.values(json!({"encryption": {"enabled": false}}))),
        ("encryption", Block, "L7 proxy", |w| {
            (w.spec.cilium.version, w.spec.cilium.encryption) = ("1.12.19".into(), Encryption::Wireguard);
        }),
        ("encryption", Pass, "", |_| ()),
        ("installer", Block, "is not named", |w| w.spec.cilium.installer = Installer::Kubespray),
        ("installer", Block, "idle beside Flannel", |w| {
            (w.spec.cilium.installer, w.spec.cilium.kubespray_version) = (Installer::Kubespray, Some("2.31".into()));
        }),
        ("installer", Pass, "", |_| ()),
        ("pod-cidr", Block, "10.245.0.1 of service shop/web", |w| {
            w.survey().service_addresses = Asked::Known(vec![(Key::new("shop", "web"), "10.245.0.1".parse().unwrap())]);
        }),
        ("pod-cidr", Block, "service range 10.244.0.0/15", |w| {
            w.survey().service_ranges = Asked::Known(vec![("more".into(), "10.244.0.0/15".parse().unwrap())]);
        }),
        ("pod-cidr", Block, "10.245.9.9 of node", |w| {
            w.nodes(|n| n.other_addresses = vec!["10.245.9.9".parse().unwrap()]);
        }),
        ("pod-cidr", Unknown, "forbidden", |w| w.survey().service_addresses = Asked::Unreadable("forbidden".into())),
        ("pod-cidr", Pass, "", |w| w.survey().service_ranges = Asked::Absent),
        ("pool-size", Block, "holds 2 ranges", |w| w.spec.cilium.pod_cidr = "10.245.0.0/23".into()),
        ("pod-capacity", Warn, "may place more", |w| {
            w.nodes(|n| n.allocatable = Room { pods: 500, ..Room::default() });
        }),
        ("pod-capacity", Pass, "", |w| w.nodes(|n| n.allocatable = Room { pods: 110, ..Room::default() })),
        ("pod-capacity", Block, "do not fit", |w| {
            (w.spec.cilium.mask_size, w.spec.nodes.max_unavailable) = (29, 2);
            for i in 0..6 {
                let p = pod(
                    "shop",
                    &format!("more-{i}"),
                    ["worker-1", "worker-2", "worker-3"][i % 3],
                    "10.233.65.30",
                    Some(("Deployment", "more")),
                );
                w.facts.pods.insert(p.key.clone(), p);
            }
        }),
        ("tunnel-port", Block, "8472", |w| w.spec.cilium.tunnel_port = 8472),
        ("definition", Block, "maskSize", |w| w.spec.cilium.mask_size = 33),
        ("nodes", Block, "Windows", |w| w.nodes(|n| n.os = "windows".into())),
        ("nodes", Warn, "cordoned", |w| w.nodes(|n| n.unschedulable = true)),
        ("marks", Block, "marks of Cutover's", |w| w.nodes(|n| n.stray_mark = true)),
        ("node-os", Block, "talosctl", |w| w.nodes(|n| n.os_image = "Talos (v1.8.3)".into())),
        ("node-os", Warn, "talosctl", |w| {
            w.nodes(|n| n.os_image = "Talos (v1.8.3)".into());
            w.spec.hosts.access = HostAccess::Manual;
        }),
        ("control-plane", Warn, "runs elsewhere", |w| {
            w.nodes(|n| n.control_plane = false);
            w.facts.pods.remove(&Key::new("kube-system", "etcd-cp-1"));
        }),
        ("etcd", Warn, "not ready", |w| {
            let key = Key::new("kube-system", "etcd-cp-1");
            let mut etcd = w.facts.pods.get(&key).unwrap().clone();
            etcd.ready = false;
            w.facts.pods.insert(key, etcd);
        }),
        ("etcd", Warn, "3 of 4", |w| w.nodes(|n| n.etcd = true)),
        ("dns", Warn, "single replica", |w| {
            w.facts.pods.remove(&Key::new("kube-system", "coredns-worker-2"));
        }),
        ("webhooks", Block, "no ready pod", |w| webhook(w, false, &[])),
        ("webhooks", Warn, "no ready pod", |w| webhook(w, true, &[])),
        ("webhooks", Warn, "on one node", |w| webhook(w, false, &["worker-1"])),
        ("webhooks", Pass, "", |w| webhook(w, false, &["worker-1", "worker-2"])),
        ("webhooks", Unknown, "forbidden", |w| w.survey().webhooks = Asked::Unreadable("forbidden".into())),
        ("api-services", Warn, "does not answer", |w| {
            let api = ApiServiceFact { name: "v1.x".into(), service: Key::new("shop", "x"), available: false };
            w.survey().api_services = Asked::Known(vec![api]);
        }),
        ("other-actors", Warn, "kured", |w| {
            w.set("reboots", "ghcr.io/kubereboot/kured:1");
        }),
        ("other-actors", Block, "lock for worker-3", |w| {
            let lock = r#"{"nodeID":"worker-3"}"#.to_owned();
            w.set("reboots", "ghcr.io/kubereboot/kured:1").notes.insert("weave.works/kured-node-lock".into(), lock);
        }),
        ("other-actors", Info, "Argo CD", |w| {
            let mut argo = pod("argocd", "server-0", "worker-1", "10.233.65.40", Some(("Deployment", "server")));
            argo.image = "quay.io/argoproj/argocd:v2.13.0".into();
            w.facts.pods.insert(argo.key.clone(), argo);
        }),
    ];
    let mut wrong = Vec::new();
    for (check, severity, words, change) in rows {
        let mut world = World::plain();
        change(&mut world);
        match world.gravest(check) {
            Some(f) if f.severity == *severity => {
                let said = format!("{} {} {}", f.object, f.message, f.remedy);
                if !said.contains(words) {
                    wrong.push(format!("{check}: {words:?} is not in {said}"));
                }
            }
            other => wrong.push(format!("{check} ({words}): {severity:?} is wanted: {other:?}")),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // each check has a row, or is tested elsewhere
    let elsewhere = ["task-pods", "cilium", "rights", "helm", "drain", "consent"];
    let without = CHECKS.iter().map(|c| c.id).filter(|id| !elsewhere.contains(id) && !rows.iter().any(|r| r.0 == *id));
    assert_eq!(without.collect::<Vec<_>>(), Vec::<&str>::new());
}

const ROLE: &str = "node-role.kubernetes.io/";

fn strategy(w: &mut World, name: &str) {
    w.spec.strategy = StrategyId::named(name).unwrap();
}

fn multus(w: &mut World) {
    let set = w.set("multus", "ghcr.io/k8snetworkplumbingwg/multus-cni:v4.0.2-thick");
    set.host_paths = vec!["/etc/cni/net.d".into(), "/opt/cni/bin".into()];
}

fn attachments(w: &mut World) {
    w.facts.crds.insert(ATTACHMENTS.into(), vec!["v1".into()]);
}

fn asks_for_networks(w: &mut World) {
    let mut camera = pod("shop", "camera-0", "worker-1", "10.233.65.21", Some(("Deployment", "camera")));
    camera.networks = Some("storage".into());
    w.facts.pods.insert(camera.key.clone(), camera);
}

/// Pods that lose what they have are named beside the Multus that gave it to them.
#[test]
fn pods_with_further_networks_are_listed() {
    let mut w = World::plain();
    multus(&mut w);
    asks_for_networks(&mut w);
    let said: Vec<String> = w
        .findings()
        .into_iter()
        .filter(|f| f.check == "multus")
        .map(|f| format!("{} {}", f.object, f.message))
        .collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[1].contains("deployment/shop/camera pods have further networks, which they lose"), "{said:?}");
}

fn host_port(w: &mut World) {
    let mut edge = pod("shop", "edge-0", "worker-1", "10.233.65.20", Some(("Deployment", "edge")));
    Arc::make_mut(&mut edge.needs).host_ports = vec![(8080, "TCP".into())];
    w.facts.pods.insert(edge.key.clone(), edge);
}

fn policy(w: &mut World) {
    let key = Key::new("shop", "web");
    let selector = Selector::from_iter([("app", "web")]);
    w.facts.policies.insert(key.clone());
    w.survey().policies = Asked::Known(vec![PolicyFact { key, selector, ingress: Some(vec![]), egress: None }]);
}

/// A webhook about pods, with a ready pod on each of these nodes.
fn webhook(w: &mut World, scoped: bool, nodes: &[&str]) {
    let service = Key::new("policies", "rules");
    let hook = WebhookFact {
        object: "validatingwebhookconfiguration/rules".into(),
        name: "rules.example.org".into(),
        service: service.clone(),
        fails: true,
        about_pods: true,
        scoped,
    };
    w.survey().webhooks = Asked::Known(vec![hook]);
    w.survey().backends = BTreeMap::from([(service, BTreeMap::from([("app".to_owned(), "rules".to_owned())]))]);
    for node in nodes {
        let p = pod("policies", &format!("rules-{node}"), node, "10.233.65.50", Some(("Deployment", "rules")));
        w.facts.pods.insert(p.key.clone(), p);
    }
}

#[test]
fn a_role_label_is_enough_for_the_control_plane() {
    let mut world = World::plain();
    let worker = "worker-3";
    let is = |w: &World| w.facts.is_control_plane(&w.facts.nodes[worker]);
    assert!(!is(&world));
    world.facts.nodes.get_mut(worker).unwrap().etcd = true;
    assert!(is(&world) && world.facts.has_etcd(&world.facts.nodes[worker]));
    for (label, value, roles) in [
        ("node-role.kubernetes.io/etcd", "true", (false, true)),
        ("node-role.kubernetes.io/controlplane", "true", (true, false)),
        ("node-role.kubernetes.io/control-plane", "", (true, false)),
        ("node-role.kubernetes.io/worker", "", (false, false)),
        ("node-role.kubernetes.io/etcd", "false", (false, false)),
    ] {
        let labels = BTreeMap::from([(label.to_owned(), value.to_owned())]);
        assert_eq!(cutover::domain::facts::roles(&labels), roles, "{label}={value}");
    }
}

/// The last nodes are those of the control plane, those with a member of etcd among them, however many may be out.
#[test]
fn a_node_with_etcd_is_moved_last_whatever_may_be_out() {
    let mut world = World::plain();
    world.facts.nodes.get_mut("worker-1").unwrap().etcd = true;
    (world.spec.nodes.max_unavailable, world.spec.nodes.canaries) = (3, 0);
    let migration = Migration::new("cutover", world.spec.clone());
    let view = View::read_only(&world.facts, &migration, at(0));
    let order: Vec<&str> = view.nodes_in_order().iter().map(|n| &*n.name).collect();
    assert_eq!(order[..2], ["worker-2", "worker-3"], "{order:?}");
    assert!(order[2..].contains(&"worker-1") && order[2..].contains(&"cp-1"), "{order:?}");
}

#[test]
fn the_inventory_says_what_takes_part() {
    let mut world = World::plain();
    world.flannel().cni = CniConf::parse(r#"{"name":"cbr0","plugins":[{"type":"flannel"},{"type":"portmap"}]}"#);
    world.set("kured", "ghcr.io/kubereboot/kured:1");
    let migration = Migration::new("cutover", world.spec.clone());
    let inventory = Inventory::of(&View::read_only(&world.facts, &migration, at(0)));
    let said = serde_json::to_value(&inventory).unwrap();
    assert_eq!(said["distribution"]["name"], "Kubespray");
    let config = &said["flannel"][0]["config"];
    assert_eq!(
        (&config["backend"], &config["port"], &config["links"][0]),
        (&json!("vxlan"), &json!(8472), &json!("flannel.1"))
    );
    assert_eq!(config["leases"], "/var/lib/cni/networks/cbr0");
    assert_eq!(said["chainedPlugins"], json!(["portmap"]));
    assert_eq!(said["actors"][0]["object"], "daemonset/kube-system/kured");
    assert_eq!(said["kubeProxy"]["mode"], "iptables");
    assert_eq!(said["nodes"][0]["roles"], json!(["control-plane", "etcd"]));
    assert_eq!(said["notKnown"], json!([]));
    world.survey().service_addresses = Asked::Unreadable("forbidden".into());
    let inventory = Inventory::of(&View::read_only(&world.facts, &migration, at(0)));
    assert_eq!(inventory.not_known, ["Services: forbidden"]);
}
