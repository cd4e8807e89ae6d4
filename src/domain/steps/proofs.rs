//! What steps and phases want to see of nodes, pods and hosts, as command lines.

use std::time::Duration;

use ipnet::IpNet;

use super::{Network, Site};
use crate::domain::{
    api::Target,
    effect::{CORDON_MARK, Proof, multus::NAME},
    evidence::FIRST,
    facts::{Cni, Key, NodeFact, Order, PodFact},
    host::{HOLD, MULTUS},
    view::View,
};

/// UID, host network or not, phase and address of each pod, and whether a file on the host makes it.
const PODS: &str = "{range .items[*]}{.metadata.uid}|{.spec.hostNetwork}|{.status.phase}|{.status.podIP}|{.metadata.annotations.kubernetes\\.io/config\\.mirror}{\"\\n\"}{end}";

/// No pod that runs on the pod network passes this test of awk; `of`: which pods are asked for.
fn no_pod(words: String, of: &str, test: &str) -> Proof {
    let runs = "$2 != \"true\" && $3 != \"Succeeded\" && $3 != \"Failed\"";
    let script = format!("{runs} && {test} {{ n = 1 }} END {{ exit n }}");
    let test = format!("printf '%s\\n' \"$seen\" | awk -F'|' '{script}'");
    Proof::kubectl(words, &format!("get pods -A{of} -o jsonpath='{PODS}'"), &test)
}

/// No pod with a pod address is left on a node, but static ones and these.
pub(super) fn no_pod_address<'a>(node: &str, but: impl Iterator<Item = &'a PodFact>) -> Proof {
    let but: Vec<&str> = but.map(|p| &*p.uid).collect();
    let stays = if but.is_empty() { String::new() } else { format!(" && $1 !~ /^({})$/", but.join("|")) };
    let of = format!(" --field-selector spec.nodeName={node}");
    no_pod(format!("no pod with a pod address is left on {node}"), &of, &format!("$4 != \"\" && $5 == \"\"{stays}"))
}

/// No pod has an address of Flannel's, on whatever node.
pub(crate) fn no_flannel_address(view: &View<'_>) -> Proof {
    let ranges: Vec<IpNet> = view.facts.nodes.values().flat_map(|n| n.pod_ranges.clone()).collect();
    no_pod("no pod has a Flannel address".into(), "", &format!("$4 ~ /{}/", starts(&ranges)))
}

/// No pod of a node has an address of Flannel's, and Cutover's cordon is undone.
pub(crate) fn no_flannel_address_on(at: &Site<'_>) -> Proof {
    let (node, mark) = (&at.node.name, CORDON_MARK.replace('.', "\\."));
    let of = format!(" --field-selector spec.nodeName={node}");
    let words = format!("no pod on {node} has a Flannel address, and Cutover's cordon is undone");
    let none = no_pod(words, &of, &format!("$4 ~ /{}/", starts(&at.node.pod_ranges)));
    let cordon = format!("kubectl get node {node} -o jsonpath='{{.metadata.annotations.{mark}}}'");
    Proof { command: format!("({} && [ -z \"$({cordon})\" ])", none.command), ..none }
}

/// A node is not cordoned, or by Cutover.
pub(super) fn not_taken(node: &str) -> Proof {
    let mark = CORDON_MARK.replace('.', "\\.");
    let arguments = format!("get node {node} -o jsonpath='{{.spec.unschedulable}} {{.metadata.annotations.{mark}}}'");
    Proof::kubectl(format!("no other actor has cordoned {node}"), &arguments, "[ \"$seen\" != 'true ' ]")
}

/// These pods have left their node.
pub(super) fn have_left<'a>(node: &str, pods: impl Iterator<Item = &'a PodFact>, limit: Duration) -> Option<Proof> {
    let uids: Vec<String> = pods.map(|p| format!("*{}*", p.uid)).collect();
    let arguments =
        format!("get pods -A --field-selector spec.nodeName={node} -o jsonpath='{{.items[*].metadata.uid}}'");
    let test = format!("case \"$seen\" in {}) exit 1 ;; esac", uids.join(" | "));
    (!uids.is_empty())
        .then(|| Proof::kubectl(format!("the evicted pods have left {node}"), &arguments, &test).within(limit))
}

/// The volumes of a node are detached.
pub(super) fn detached(node: &str, limit: Duration) -> Proof {
    let arguments = format!("get node {node} -o jsonpath='{{.status.volumesInUse[*]}}'");
    Proof::none(format!("the volumes of {node} are detached"), &arguments).within(limit)
}

/// A node is Ready.
pub(super) fn is_ready(node: &str) -> Proof {
    Proof::prints(format!("{node} is Ready"), &format!("get node {node} -o jsonpath='{READY}'"), "True")
}

const READY: &str = "{.status.conditions[?(@.type==\"Ready\")].status}";

/// A node is Ready in another boot than this one.
pub(super) fn is_back(node: &str, boot_id: &str, limit: Duration) -> Proof {
    let arguments = format!("get node {node} -o jsonpath='{{.status.nodeInfo.bootID}} {READY}'");
    let test = format!("case \"$seen\" in '{boot_id} '*) exit 1 ;; ?*' True') ;; *) exit 1 ;; esac");
    Proof::kubectl(format!("{node} is Ready again, with another boot ID"), &arguments, &test).within(limit)
}

/// The node's Cilium agent is the only one there, and Ready.
pub(super) fn agent_is_ready(at: &Site<'_>) -> Proof {
    let (node, namespace) = (&at.node.name, &at.migration.spec.cilium.namespace);
    let arguments = format!(
        "-n {namespace} get pods -l k8s-app=cilium --field-selector spec.nodeName={node} -o jsonpath='{{range .items[*]}}{READY}{{\"\\n\"}}{{end}}'"
    );
    Proof::prints(format!("the Cilium agent on {node} is ready"), &arguments, "True")
}

/// What gives pods their addresses at the end of this way is ready on the node.
pub(super) fn network_is_ready(at: &Site<'_>) -> Vec<Proof> {
    match at.way {
        Target::Cilium => vec![agent_is_ready(at)],
        Target::Flannel => at.facts.flannel_daemon_sets().map(|d| pod_is_ready(&d.key, &at.node.name)).collect(),
    }
}

/// A DaemonSet's pod on a node is ready.
pub(super) fn pod_is_ready(daemon_set: &Key, node: &str) -> Proof {
    let Key { namespace, name } = daemon_set;
    let arguments = format!(
        "-n {namespace} get pods --field-selector spec.nodeName={node} -o jsonpath='{{range .items[*]}}{{.metadata.ownerReferences[*].name}} {READY}{{\"\\n\"}}{{end}}'"
    );
    let test = format!("printf '%s\\n' \"$seen\" | grep -qx '{name} True'");
    Proof::kubectl(format!("the pod of daemonset/{daemon_set} on {node} is ready"), &arguments, &test)
}

/// A pod still has the address that it has now.
pub(super) fn has_address(pod: &PodFact) -> Proof {
    let Key { namespace, name } = &pod.key;
    let address = pod.ip.map(|ip| ip.to_string()).unwrap_or_default();
    let arguments =
        format!("-n {namespace} get pod {name} --ignore-not-found -o jsonpath='{{.metadata.uid}} {{.status.podIP}}'");
    Proof::prints(format!("pod {} still has {address}", pod.key), &arguments, &format!("{} {address}", pod.uid))
}

/// Cilium has given the node a pod range.
pub(super) fn has_range(node: &str) -> Proof {
    let arguments = format!("get ciliumnode {node} --ignore-not-found -o jsonpath='{{.spec.ipam.podCIDRs[*]}}'");
    Proof::some(format!("Cilium has given {node} a pod range"), &arguments)
}

/// So few other nodes are out that this one may be, too.
pub(super) fn may_be_out(at: &Site<'_>) -> Vec<Proof> {
    let NodeFact { name, control_plane, .. } = at.node;
    let others = if *control_plane { 0 } else { at.migration.spec.nodes.max_unavailable.saturating_sub(1) };
    let path = format!("{{range .items[*]}}{{.metadata.name}} {{.spec.unschedulable}} {READY}{{\"\\n\"}}{{end}}");
    let script =
        format!("$1 != \"{name}\" && ($2 == \"true\" || $NF != \"True\") {{ n++ }} END {{ exit (n > {others}) }}");
    let words = format!("at most {others} other nodes are cordoned or not Ready");
    let test = format!("printf '%s\\n' \"$seen\" | awk '{script}'");
    let room = Proof::kubectl(words, &format!("get nodes -o jsonpath='{path}'"), &test);
    let etcd = Proof::kubectl(
        "etcd is healthy",
        "get --raw '/readyz?verbose'",
        "printf '%s\\n' \"$seen\" | grep -q '^\\[+\\]etcd ok'",
    );
    std::iter::once(room).chain(control_plane.then_some(etcd)).collect()
}

/// The start of every address of these ranges, as a regular expression; IPv4 alone, as the addresses of pods are there.
fn starts(ranges: &[IpNet]) -> String {
    let mut all: Vec<String> = ranges.iter().flat_map(octets).collect();
    all.sort_unstable();
    all.dedup();
    format!("^({})", all.join("|"))
}

/// A range as ranges that end on a dot.
fn octets(range: &IpNet) -> Vec<String> {
    let IpNet::V4(range) = range else { return vec![] };
    let length = range.prefix_len().div_ceil(8).clamp(1, 4) * 8;
    let parts = range.subnets(length.max(range.prefix_len())).into_iter().flatten();
    let start = |network: std::net::Ipv4Addr| {
        let kept = network.octets().into_iter().take(usize::from(length / 8)).map(|o| o.to_string());
        let end = if length == 32 { "$" } else { "\\." };
        format!("{}{end}", kept.collect::<Vec<_>>().join("\\."))
    };
    parts.map(|p| start(p.network())).collect()
}

/// This file alone is the CNI configuration of the host.
pub(crate) fn only(file: &str, limit: Duration) -> Proof {
    only_where("", file, limit)
}

fn only_where(counts: &str, file: &str, limit: Duration) -> Proof {
    let script = format!(
        "$1 == \"conf\"{counts} && $2 ~ /\\.(conf|conflist|json)$/ {{ n++; if (index($2, \"{file}\") == 1) own = 1 }} END {{ exit !(own && n == 1) }}"
    );
    Proof::report(format!("{file}.conflist is the only CNI configuration"), format!("awk -F= '{script}'")).within(limit)
}

/// The first CNI configuration of the host is Flannel's or Cilium's.
pub(super) fn first_is_known(limit: Duration) -> Proof {
    let known = FIRST.join("|");
    let script = format!(
        "$1 == \"conf\" && $2 ~ /\\.(conf|conflist|json)$/ && !n++ {{ first = $2 }} END {{ exit first !~ /^({known})/ }}"
    );
    Proof::report("the first CNI configuration is Flannel's or Cilium's", format!("awk -F= '{script}'")).within(limit)
}

/// The host is configured for this network.
pub(super) fn network(network: Network, limit: Duration) -> Proof {
    network.multus.map_or_else(|| only(network.file(), limit), |order| multus(order, limit))
}

/// Multus is before the host's CNIs, in this order.
pub(super) fn multus(order: Order, limit: Duration) -> Proof {
    let calls = order.delegates();
    let script = format!(
        "$1 == \"conf\" && !n++ {{ first = $2 }} $1 == \"multus\" {{ calls = $2 }} END {{ exit !(first == \"{MULTUS}\" && calls == \"{calls}\") }}"
    );
    let words = format!("{MULTUS} is the first CNI configuration, and calls {calls}");
    Proof::report(words, format!("awk -F= '{script}'")).within(limit)
}

/// An agent has renamed Multus' file.
pub(super) fn renamed() -> Proof {
    Proof::report(format!("{MULTUS} was renamed"), format!("grep -q '^conf={MULTUS}.'"))
}

/// No pod of Multus' is on the node.
pub(super) fn no_multus(at: &Site<'_>) -> Proof {
    let (node, namespace) = (&at.node.name, &at.migration.spec.cilium.namespace);
    let pods = format!(
        "-n {namespace} get pods -l app.kubernetes.io/name={NAME} --field-selector spec.nodeName={node} -o name"
    );
    Proof::none(format!("no pod of Multus is on {node}"), &pods)
}

/// Another configuration than Multus' is on the host.
pub(super) fn another_conf(limit: Duration) -> Proof {
    let script =
        format!("$1 == \"conf\" && $2 != \"{MULTUS}\" && $2 ~ /\\.(conf|conflist|json)$/ {{ n++ }} END {{ exit !n }}");
    Proof::report(format!("another CNI configuration than {MULTUS} is there"), format!("awk -F= '{script}'"))
        .within(limit)
}

/// Its file is gone from the host.
pub(super) fn no_multus_file(limit: Duration) -> Proof {
    Proof::report(format!("{MULTUS} is gone from the host"), format!("! grep -q '^conf={MULTUS}'")).within(limit)
}

/// Flannel's configuration is back alone, or there is none to bring back.
pub(super) fn restored(limit: Duration) -> Proof {
    let only = only_where(&format!(" && $2 != \"{MULTUS}\""), "10-flannel", limit).command;
    let filter = format!(
        "(report=$(cat); printf '%s\\n' \"$report\" | grep -qx '{MISSING}' || printf '%s\\n' \"$report\" | {only})"
    );
    Proof::report("10-flannel.conflist is the only CNI configuration, or is nowhere on the host", filter).within(limit)
}

/// The host has no file to put back.
pub(super) fn missing_file(words: &str) -> Proof {
    Proof::report(words, format!("grep -qx '{MISSING}'"))
}

/// As the host script says it.
const MISSING: &str = "error_code=missing-file";

/// A hold has left something behind.
pub(super) fn hold_leftovers() -> Proof {
    Proof::report("a hold has left something on the host", format!("grep -q '^conf={HOLD}'"))
}

/// The agent says this of the CNI configuration.
pub(super) fn cni_state(words: &str, states: &str, limit: Duration) -> Proof {
    let script = format!("$1 == \"cni\" {{ state = $2 }} END {{ exit state !~ /^({states})$/ }}");
    Proof::report(words, format!("awk -F= '{script}'")).within(limit)
}

/// A new pod got an address of this CNI and reached the API server.
pub(super) fn probe(at: &Site<'_>, cni: Cni) -> [Proof; 2] {
    let pool = || at.migration.spec.cilium.pod_cidr.parse().ok().into_iter().collect();
    let ranges = match cni {
        Cni::Cilium => at.facts.cilium_ranges.get(&at.node.name).cloned().unwrap_or_else(pool),
        _ => at.node.pod_ranges.clone(),
    };
    let address = format!("sed -n 's/^address=//p' | grep -qE '{}'", starts(&ranges));
    [
        Proof::report(format!("a new pod gets an address of {}", cni.word()), address),
        Proof::report("it reaches the API server", "grep -qx 'api=ok'"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_a_range_and_no_others_pass() {
        let nets = |texts: &[&str]| texts.iter().map(|t| t.parse().unwrap()).collect::<Vec<IpNet>>();
        for (ranges, wanted) in [
            (&["10.244.3.0/24"][..], "^(10\\.244\\.3\\.)"),
            (&["10.233.64.0/18"], "^(10\\.233\\.100\\."),
            (&["10.244.2.0/23", "fd00::/64"], "^(10\\.244\\.2\\.|10\\.244\\.3\\.)"),
            (&["10.0.0.0/8"], "^(10\\.)"),
            (&["10.1.2.4/31"], "^(10\\.1\\.2\\.4$|10\\.1\\.2\\.5$)"),
        ] {
            let made = starts(&nets(ranges));
            assert!(made.starts_with(wanted), "{made}");
        }
        assert!(!starts(&nets(&["10.233.64.0/18"])).contains("10\\.233\\.128\\."));
    }
}
