//! What NetworkPolicies will deny once Cilium enforces them, of the connections that flows have shown to work. Pure.
//!
//! As Cilium judges them (documentation, "Kubernetes network policy" and "Layer 3 policies"): a pod that a policy selects
//! allows what one of its policies allows, and nothing else; pods are known by their labels alone, nodes and the API
//! server neither by labels nor, as `policyCIDRMatchMode` usually is, by their addresses.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    net::IpAddr,
    sync::Arc,
};

use super::{
    facts::{Facts, PodFact, PolicyFact, PolicyPeer, PolicyPort, PolicyRule, Ports, SelectorExt},
    guard::{API_SERVER, DeniedFlow, Edge},
};

/// Pods of one workload that are looked at: they have one template, but for a rollout.
const PODS: usize = 4;
/// Connections that are kept, and policies that are named of each.
const KEPT: (usize, usize) = (100, 5);

/// `enable-policy` while nothing is enforced.
const NEVER: &str = "never";

/// Whether a policy allows something: as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Allows {
    No,
    Unknown,
    Yes,
}

impl From<bool> for Allows {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

/// Which end of a connection denies it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Ingress,
    Egress,
}

impl Way {
    /// The end that is judged, and the other one.
    fn ends(self, edge: &Edge) -> (&str, &str) {
        match self {
            Self::Ingress => (&edge.to, &edge.from),
            Self::Egress => (&edge.from, &edge.to),
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        })
    }
}

/// An end of a connection, as Cilium knows it.
enum End<'a> {
    Pods(&'a [&'a PodFact]),
    /// A node, pods in its network, or an address that every node has of its own.
    Node,
    ApiServer,
    Outside(IpAddr),
    /// Something else: `world`, pods that are gone.
    Unknown,
}

/// The pods of workloads, by namespace and name.
struct Workloads<'a>(HashMap<(&'a str, &'a str), Vec<&'a PodFact>>);

impl<'a> Workloads<'a> {
    fn of(facts: &'a Facts, namespaces: &'a BTreeSet<Arc<str>>) -> Self {
        let mut all: HashMap<_, Vec<&PodFact>> = HashMap::new();
        for pod in namespaces.iter().flat_map(|n| facts.pods.in_namespace(n)).filter(|p| p.is_living()) {
            let name = pod.owner.as_ref().map_or(&pod.key.name, |o| &o.name);
            let pods = all.entry((&*pod.key.namespace, &**name)).or_default();
            if pods.len() < PODS {
                pods.push(pod);
            }
        }
        Self(all)
    }

    fn end(&self, facts: &'a Facts, name: &'a str) -> End<'_> {
        if let Some(workload) = name.split_once('/') {
            let pods = self.0.get(&workload).map(Vec::as_slice).unwrap_or_default();
            return match pods.first() {
                None => End::Unknown,
                Some(first) if first.host_network => End::Node,
                Some(_) => End::Pods(pods),
            };
        }
        match name.parse() {
            Ok(address) if is_of_pods(facts, address) => End::Unknown,
            // NodeLocal DNS and the like
            Ok(IpAddr::V4(address)) if address.is_link_local() => End::Node,
            Ok(address) => End::Outside(address),
            Err(_) if name == API_SERVER => End::ApiServer,
            Err(_) if facts.nodes.contains_key(name) => End::Node,
            Err(_) => End::Unknown,
        }
    }
}

/// An address that some pod has or had, whichever.
fn is_of_pods(facts: &Facts, address: IpAddr) -> bool {
    let pool = facts.cilium_config().into_iter().flat_map(|c| &c.pool);
    facts.flannel().flat_map(|(_, f)| &f.networks).chain(pool).any(|range| range.contains(&address))
}

/// The policies that select a pod, with their rules for one way.
type Selecting<'s> = Vec<(&'s PolicyFact, &'s [PolicyRule])>;

/// What is judged, with what it is judged by.
struct Judge<'a> {
    facts: &'a Facts,
    policies: BTreeMap<&'a str, Vec<&'a PolicyFact>>,
    workloads: Workloads<'a>,
}

impl Judge<'_> {
    fn selecting<'s>(&'s self, pod: &'s PodFact, way: Way) -> Selecting<'s> {
        let here = self.policies.get(&*pod.key.namespace).map(Vec::as_slice).unwrap_or_default();
        let limits = |policy: &&'s PolicyFact| {
            let rules = match way {
                Way::Ingress => policy.ingress.as_ref(),
                Way::Egress => policy.egress.as_ref(),
            };
            rules.filter(|_| policy.selector.matches(&pod.labels)).map(|rules| (*policy, rules.as_slice()))
        };
        here.iter().filter_map(limits).collect()
    }

    /// The policies that deny an edge at the end of these pods: none where one allows it, or where it is not known.
    fn deny(&self, pods: &[Selecting<'_>], other: &End<'_>, edge: &Edge) -> Vec<String> {
        let denies = |policies: &&Selecting<'_>| {
            let allowed = policies.iter().map(|(policy, rules)| self.allows(policy, rules, other, edge));
            allowed.max() == Some(Allows::No)
        };
        pods.iter().find(denies).into_iter().flatten().take(KEPT.1).map(|(policy, _)| policy.key.to_string()).collect()
    }

    /// The edges that are denied at this end of each.
    fn denied<'e>(&self, edges: &'e [Edge], way: Way) -> Vec<(&'e Edge, DeniedFlow)> {
        let mut by_end: BTreeMap<&str, Vec<&Edge>> = BTreeMap::new();
        for edge in edges {
            by_end.entry(way.ends(edge).0).or_default().push(edge);
        }
        let mut denied = Vec::new();
        for (own, edges) in by_end {
            let End::Pods(pods) = self.workloads.end(self.facts, own) else { continue };
            let pods = pods.iter().map(|pod| self.selecting(pod, way));
            let pods: Vec<Selecting<'_>> = pods.filter(|policies| !policies.is_empty()).collect();
            for edge in edges.into_iter().filter(|_| !pods.is_empty()) {
                let policies = match self.workloads.end(self.facts, way.ends(edge).1) {
                    // pods on Flannel reach those on Cilium under an address of their node
                    End::Node if way == Way::Ingress => continue,
                    other => self.deny(&pods, &other, edge),
                };
                if !policies.is_empty() {
                    denied.push((edge, DeniedFlow { edge: edge.to_string(), way: way.to_string(), policies }));
                }
            }
        }
        denied
    }

    /// Whether rules of a policy allow a connection between a pod that it selects and this other end.
    fn allows(&self, policy: &PolicyFact, rules: &[PolicyRule], other: &End<'_>, edge: &Edge) -> Allows {
        // it may be an address of the pod's own node, as kubelets probe from
        if matches!(other, End::Unknown) {
            return Allows::Unknown;
        }
        let rule = |rule: &PolicyRule| {
            let peers = rule.peers.iter().map(|peer| self.meets(policy, peer, other)).max().unwrap_or(Allows::Yes);
            let ports = rule.ports.iter().map(|port| is_on(port, edge)).max().unwrap_or(Allows::Yes);
            peers.min(ports)
        };
        rules.iter().map(rule).max().unwrap_or(Allows::No)
    }

    fn meets(&self, policy: &PolicyFact, peer: &PolicyPeer, other: &End<'_>) -> Allows {
        match (peer, other) {
            (PolicyPeer::Range { range, except }, End::Outside(address)) => {
                (range.contains(address) && !except.iter().any(|e| e.contains(address))).into()
            }
            // one outside of the cluster has an address that a range may hold
            (PolicyPeer::Range { .. }, End::ApiServer) | (_, End::Unknown) => Allows::Unknown,
            (PolicyPeer::Range { .. }, End::Pods(_) | End::Node)
            | (PolicyPeer::Pods { .. }, End::Node | End::ApiServer | End::Outside(_)) => Allows::No,
            (PolicyPeer::Pods { namespaces, pods }, End::Pods(theirs)) => {
                let chosen = |pod: &&PodFact| {
                    let labels = pods.as_ref().is_none_or(|selector| selector.matches(&pod.labels));
                    let namespace = match namespaces {
                        None => (pod.key.namespace == policy.key.namespace).into(),
                        Some(selector) => self
                            .namespace(&pod.key.namespace)
                            .map_or(Allows::Unknown, |labels| selector.matches(labels).into()),
                    };
                    namespace.min(labels.into())
                };
                theirs.iter().map(chosen).min().unwrap_or(Allows::Unknown)
            }
        }
    }

    fn namespace(&self, name: &str) -> Option<&BTreeMap<String, String>> {
        self.facts.survey.namespace_labels.known()?.get(name)
    }
}

fn is_on(port: &PolicyPort, edge: &Edge) -> Allows {
    if port.protocol != edge.protocol {
        return Allows::No;
    }
    match &port.ports {
        Ports::All => Allows::Yes,
        Ports::Range(first, last) => (*first..=*last).contains(&edge.port).into(),
        // the names of containers' ports are not kept
        Ports::Named(_) => Allows::Unknown,
    }
}

/// Cilium enforces policies already; what it audits it lets through.
pub fn are_enforced(facts: &Facts) -> bool {
    facts.cilium_config().is_some_and(|c| c.enable_policy != NEVER && !c.audits_policies)
}

/// The connections that worked: those of now, and those that engines before this one have written down.
fn seen(facts: &Facts) -> BTreeSet<Edge> {
    let records = facts.node_migrations.values().filter_map(|r| r.status.as_ref());
    let baselines = records.flat_map(|s| &s.evidence.baseline_connections);
    let status = facts.migration.as_ref().and_then(|m| m.status.as_ref());
    let denied = status.into_iter().flat_map(|s| &s.denied).map(|denied| &denied.edge);
    let written = baselines.chain(denied).filter_map(|edge| edge.parse().ok());
    // an edge is listed with each of its ends
    facts.flows.working.values().flatten().cloned().chain(written).collect()
}

/// The working connections that NetworkPolicies will deny; none once they are enforced, because then flows say it.
/// `None` where the policies are not known.
pub fn would_be_denied(facts: &Facts) -> Option<Vec<DeniedFlow>> {
    if are_enforced(facts) {
        return Some(vec![]);
    }
    let mut policies: BTreeMap<&str, Vec<&PolicyFact>> = BTreeMap::new();
    for policy in facts.survey.policies.known()? {
        policies.entry(&policy.key.namespace).or_default().push(policy);
    }
    let ends = |edge: &Edge| [&edge.from, &edge.to].map(|end| end.split_once('/').map(|(n, _)| Arc::<str>::from(n)));
    let mut edges: Vec<Edge> = seen(facts).into_iter().collect();
    edges.retain(|e| ends(e).into_iter().flatten().any(|n| policies.contains_key(&*n)));
    let namespaces = edges.iter().flat_map(ends).flatten().collect();
    let judge = Judge { facts, policies, workloads: Workloads::of(facts, &namespaces) };
    // the client's policies first: of an edge that both ends deny one is said
    let mut denied: BTreeMap<(u8, &Edge), DeniedFlow> = BTreeMap::new();
    for (edge, flow) in [Way::Egress, Way::Ingress].into_iter().flat_map(|way| judge.denied(&edges, way)) {
        denied.entry((edge.rank(), edge)).or_insert(flow);
    }
    Some(denied.into_values().take(KEPT.0).collect())
}
