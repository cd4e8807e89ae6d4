//! What policies will deny of the connections that were seen, as a table.

use std::{collections::BTreeMap, sync::Arc};

use cutover::domain::{
    enforcement::would_be_denied,
    facts::{Asked, Facts, Key, PolicyFact, PolicyPeer, PolicyPort, PolicyRule, Ports, Selector},
    guard::Edge,
};

use crate::fixture::{installed, pod};

fn labelled(namespace: &str, name: &str, node: &str, facts: &mut Facts) {
    let mut pod = pod(namespace, &format!("{name}-0"), node, "10.245.0.9", Some(("Deployment", name)));
    pod.labels = Arc::new([("app".to_owned(), name.to_owned())].into());
    facts.pods.insert(pod.key.clone(), pod);
}

fn cluster() -> Facts {
    let mut facts = installed();
    for (namespace, name, node) in [
        ("front", "web", "worker-1"),
        ("back", "db", "worker-2"),
        ("back", "cache", "worker-1"),
        ("kube-system", "dns", "cp-1"),
    ] {
        labelled(namespace, name, node, &mut facts);
    }
    let mut exporter = pod("kube-system", "exporter-0", "worker-1", "192.168.20.11", Some(("DaemonSet", "exporter")));
    exporter.host_network = true;
    facts.pods.insert(exporter.key.clone(), exporter);
    let labels = |team: &str| BTreeMap::from([("team".to_owned(), team.to_owned())]);
    let namespaces = [("front", labels("a")), ("back", labels("b"))].map(|(name, labels)| (name.into(), labels));
    Arc::make_mut(&mut facts.survey).namespace_labels = Asked::Known(namespaces.into());
    facts
}

fn rule(peers: Vec<PolicyPeer>, ports: Vec<PolicyPort>) -> PolicyRule {
    PolicyRule { peers, ports }
}

fn on(first: u16, last: u16) -> Vec<PolicyPort> {
    vec![PolicyPort { protocol: "TCP".into(), ports: Ports::Range(first, last) }]
}

fn pods(namespaces: impl Into<Option<Selector>>, app: Option<&'static str>) -> Vec<PolicyPeer> {
    vec![PolicyPeer::Pods { namespaces: namespaces.into(), pods: app.map(|app| Selector::from_iter([("app", app)])) }]
}

fn team(team: &'static str) -> Selector {
    Selector::from_iter([("team", team)])
}

fn range(range: &str, except: &[&str]) -> Vec<PolicyPeer> {
    vec![PolicyPeer::Range {
        range: range.parse().unwrap(),
        except: except.iter().map(|e| e.parse().unwrap()).collect(),
    }]
}

/// `None`: that way is not limited.
fn policy(
    name: &str,
    app: &'static str,
    ingress: Option<Vec<PolicyRule>>,
    egress: Option<Vec<PolicyRule>>,
) -> PolicyFact {
    let (namespace, name) = name.split_once('/').unwrap();
    PolicyFact { key: Key::new(namespace, name), selector: Selector::from_iter([("app", app)]), ingress, egress }
}

/// What is said of one connection: by which end, and by which policies.
fn said(facts: &mut Facts, policies: Vec<PolicyFact>, edge: &str) -> String {
    let edge: Edge = edge.parse().unwrap();
    Arc::make_mut(&mut facts.survey).policies = Asked::Known(policies);
    facts.flows.working = Arc::new([(edge.from.clone(), vec![edge])].into());
    let denied = would_be_denied(facts).unwrap();
    let said: Vec<String> = denied.iter().map(|d| format!("{} {}", d.way, d.policies.join(" "))).collect();
    said.join("; ")
}

#[test]
fn which_connections_policies_deny() {
    let ingress = |rules: Vec<PolicyRule>| vec![policy("back/db", "db", Some(rules), None)];
    let egress = |rules: Vec<PolicyRule>| vec![policy("front/out", "web", None, Some(rules))];
    let all = || rule(vec![], vec![]);
    let (web, cache) = ("front/web->back/db:5432", "back/cache->back/db:5432");
    let cases = [
        ("nothing is allowed", ingress(vec![]), web, "ingress back/db"),
        ("everything is", ingress(vec![all()]), web, ""),
        ("an end that no policy selects", vec![policy("back/db", "cache", Some(vec![]), None)], web, ""),
        ("a policy of another namespace", vec![policy("front/db", "db", Some(vec![]), None)], web, ""),
        ("the way is not limited", vec![policy("back/db", "db", None, Some(vec![]))], web, ""),
        ("another port", ingress(vec![rule(vec![], on(80, 90))]), web, "ingress back/db"),
        ("a range of ports", ingress(vec![rule(vec![], on(5000, 6000))]), web, ""),
        (
            "the port, by another protocol",
            ingress(vec![rule(vec![], on(5432, 5432))]),
            "front/web->back/db:5432/UDP",
            "ingress back/db",
        ),
        (
            "a named port is not known",
            ingress(vec![rule(vec![], vec![PolicyPort { protocol: "TCP".into(), ports: Ports::Named("pg".into()) }])]),
            web,
            "",
        ),
        (
            "pods are of the policy's namespace",
            ingress(vec![rule(pods(None, Some("web")), vec![])]),
            web,
            "ingress back/db",
        ),
        ("pods of its own namespace", ingress(vec![rule(pods(None, Some("cache")), vec![])]), cache, ""),
        ("a namespace by its labels", ingress(vec![rule(pods(team("a"), None), vec![])]), web, ""),
        ("another namespace", ingress(vec![rule(pods(team("b"), None), vec![])]), web, "ingress back/db"),
        ("labels of both", ingress(vec![rule(pods(team("a"), Some("api")), vec![])]), web, "ingress back/db"),
        (
            "a namespace without known labels",
            ingress(vec![rule(pods(team("a"), None), vec![])]),
            "kube-system/dns->back/db:5432",
            "",
        ),
        ("a range holds no pod", ingress(vec![rule(range("10.0.0.0/8", &[]), vec![])]), web, "ingress back/db"),
        (
            "one of two rules",
            ingress(vec![rule(range("10.0.0.0/8", &[]), vec![]), rule(pods(team("a"), None), vec![])]),
            web,
            "",
        ),
        (
            "one of two policies",
            vec![policy("back/db", "db", Some(vec![]), None), policy("back/all", "db", Some(vec![all()]), None)],
            web,
            "",
        ),
        (
            "both policies are named",
            vec![policy("back/db", "db", Some(vec![]), None), policy("back/no", "db", Some(vec![]), None)],
            web,
            "ingress back/db back/no",
        ),
        ("a node as the client may be a pod on Flannel", ingress(vec![]), "worker-1->back/db:5432", ""),
        ("and so may pods in its network", ingress(vec![]), "kube-system/exporter->back/db:5432", ""),
        ("out, to its own node", egress(vec![]), "front/web->worker-1:9100", "egress front/out"),
        ("out, to another node", egress(vec![]), "front/web->worker-2:9100", "egress front/out"),
        (
            "out, to NodeLocal DNS",
            egress(vec![rule(range("0.0.0.0/0", &[]), vec![])]),
            "front/web->169.254.25.10:53/UDP",
            "egress front/out",
        ),
        (
            "nor is it in a range",
            egress(vec![rule(range("0.0.0.0/0", &[]), vec![])]),
            "front/web->worker-2:9100",
            "egress front/out",
        ),
        (
            "nor has it labels",
            egress(vec![rule(pods(team("a"), None), vec![])]),
            "front/web->worker-2:9100",
            "egress front/out",
        ),
        ("the API server, to a webhook", ingress(vec![]), "kube-apiserver->back/db:8443", "ingress back/db"),
        (
            "which may be in a range",
            ingress(vec![rule(range("0.0.0.0/0", &[]), vec![])]),
            "kube-apiserver->back/db:8443",
            "",
        ),
        (
            "out, to name resolution",
            egress(vec![rule(pods(team("b"), None), vec![])]),
            "front/web->kube-system/dns:53/UDP",
            "",
        ),
        ("out, to nobody", egress(vec![]), "front/web->kube-system/dns:53/UDP", "egress front/out"),
        ("out, to a range", egress(vec![rule(range("203.0.113.0/24", &[]), vec![])]), "front/web->203.0.113.7:443", ""),
        (
            "but not to its exception",
            egress(vec![rule(range("203.0.113.0/24", &["203.0.113.7/32"]), vec![])]),
            "front/web->203.0.113.7:443",
            "egress front/out",
        ),
        ("an address of a pod that is gone", egress(vec![]), "front/web->10.233.65.99:80", ""),
        ("pods that are gone", egress(vec![rule(pods(None, Some("x")), vec![])]), "front/web->front/gone:80", ""),
        ("the world", egress(vec![rule(range("203.0.113.0/24", &[]), vec![])]), "front/web->world:443", ""),
    ];
    for (name, policies, edge, wanted) in cases {
        assert_eq!(said(&mut cluster(), policies, edge), wanted, "{name}");
    }
}

#[test]
fn what_was_written_down_is_judged_again() {
    let mut facts = cluster();
    let edge = "front/web->back/db:5432";
    crate::fixture::status(&mut facts, "worker-1").evidence.baseline_connections = vec![edge.into()];
    Arc::make_mut(&mut facts.survey).policies = Asked::Known(vec![policy("back/db", "db", Some(vec![]), None)]);
    assert_eq!(would_be_denied(&facts).unwrap().len(), 1, "by an engine that has seen no flow yet");
    let config = facts.cilium_configs.values_mut().next().unwrap();
    config.enable_policy = "default".into();
    assert_eq!(would_be_denied(&facts).unwrap(), [], "enforced: flows say it");
    facts.cilium_configs.values_mut().next().unwrap().audits_policies = true;
    assert_eq!(would_be_denied(&facts).unwrap().len(), 1, "audited: it still works");
    Arc::make_mut(&mut facts.survey).policies = Asked::NotYet;
    assert_eq!(would_be_denied(&facts), None);
}
