//! What NetworkPolicies will deny once Cilium enforces them, of the connections that flows have shown to work. Pure.
//!
//! As Cilium judges them (documentation, "Kubernetes network policy" and "Layer 3 policies"): a pod that a policy selects
//! allows what one of its policies allows, and nothing else; its own node always reaches it; pods are known by their
//! labels alone, nodes and the API server neither by labels nor, as long as `policyCIDRMatchMode` does not say so, by
//! their addresses.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    net::IpAddr,
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
    /// A node, or pods in its network.
    Nodes(Vec<&'a str>),
    ApiServer,
    Outside(IpAddr),
    /// Something else: `world`, pods that are gone.
    Unknown,
}

/// The pods of workloads, by namespace and name.
struct Workloads<'a>(HashMap<(&'a str, &'a str), Vec<&'a PodFact>>);

impl<'a> Workloads<'a> {
    fn of(facts: &'a Facts) -> Self {
        let mut all: HashMap<_, Vec<&PodFact>> = HashMap::new();
        for pod in facts.pods.iter().map(|(_, pod)| pod).filter(|p| p.is_living()) {
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
                Some(first) if first.host_network => End::Nodes(pods.iter().map(|p| &*p.node).collect()),
                Some(_) => End::Pods(pods),
            };
        }
        match name.parse() {
            Ok(address) if is_of_pods(facts, address) => End::Unknown,
            Ok(address) => End::Outside(address),
            Err(_) if name == API_SERVER => End::ApiServer,
            Err(_) => facts.nodes.get_key_value(name).map_or(End::Unknown, |(node, _)| End::Nodes(vec![node])),
        }
    }
}

/// An address that some pod has or had, whichever.
fn is_of_pods(facts: &Facts, address: IpAddr) -> bool {
    let pool = facts.cilium_config().into_iter().flat_map(|c| &c.pool);
    facts.flannel().flat_map(|(_, f)| &f.networks).chain(pool).any(|range| range.contains(&address))
}

/// A pod with the policies of its namespace that select it.
struct Selected<'s> {
    pod: &'s PodFact,
    rules: Vec<(&'s PolicyFact, &'s [PolicyRule])>,
}

/// What is judged, with what it is judged by.
struct Judge<'a> {
    facts: &'a Facts,
    policies: BTreeMap<&'a str, Vec<&'a PolicyFact>>,
    workloads: Workloads<'a>,
}

impl Judge<'_> {
    fn selected<'s>(&'s self, pod: &'s PodFact, way: Way) -> Selected<'s> {
        let here = self.policies.get(&*pod.key.namespace).map(Vec::as_slice).unwrap_or_default();
        let limits = |policy: &&'s PolicyFact| {
            let rules = match way {
                Way::Ingress => policy.ingress.as_ref(),
                Way::Egress => policy.egress.as_ref(),
            };
            rules.filter(|_| policy.selector.matches(&pod.labels)).map(|rules| (*policy, rules.as_slice()))
        };
        Selected { pod, rules: here.iter().filter_map(limits).collect() }
    }

    /// The policies that deny an edge at this end of it: none where one allows it, where none selects a pod, or where it
    /// is not known.
    fn deny(&self, edge: &Edge, way: Way) -> Vec<String> {
        let (own, other) = match way {
            Way::Ingress => (&edge.to, &edge.from),
            Way::Egress => (&edge.from, &edge.to),
        };
        let End::Pods(pods) = self.workloads.end(self.facts, own) else { return vec![] };
        let other = match self.workloads.end(self.facts, other) {
            // pods on Flannel reach those on Cilium under an address of their node
            End::Nodes(_) if way == Way::Ingress => return vec![],
            other => other,
        };
        let denied = pods.iter().map(|pod| self.selected(pod, way)).find(|selected| {
            let allowed =
                selected.rules.iter().map(|(policy, rules)| self.allows(policy, rules, selected.pod, &other, edge));
            allowed.max() == Some(Allows::No)
        });
        denied.into_iter().flat_map(|selected| selected.rules).map(|(policy, _)| policy.key.to_string()).collect()
    }

    /// Whether rules of a policy allow a connection between a pod that it selects and this other end.
    fn allows(&self, policy: &PolicyFact, rules: &[PolicyRule], pod: &PodFact, other: &End<'_>, edge: &Edge) -> Allows {
        match other {
            End::Nodes(nodes) if nodes.contains(&&*pod.node) => return Allows::Yes,
            // it may be an address of the pod's own node, as kubelets probe from
            End::Unknown => return Allows::Unknown,
            _ => {}
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
            (PolicyPeer::Range { .. }, End::Pods(_) | End::Nodes(_))
            | (PolicyPeer::Pods { .. }, End::Nodes(_) | End::ApiServer | End::Outside(_)) => Allows::No,
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
pub fn would_be_denied(facts: &Facts) -> Vec<DeniedFlow> {
    let Some(policies) = facts.survey.policies.known().filter(|all| !all.is_empty() && !are_enforced(facts)) else {
        return vec![];
    };
    let mut by_namespace: BTreeMap<&str, Vec<&PolicyFact>> = BTreeMap::new();
    for policy in policies {
        by_namespace.entry(&policy.key.namespace).or_default().push(policy);
    }
    let judge = Judge { facts, policies: by_namespace, workloads: Workloads::of(facts) };
    let mut edges: Vec<Edge> = seen(facts).into_iter().collect();
    edges.sort_by_key(Edge::rank);
    let denied = |edge: Edge| {
        let way = [Way::Egress, Way::Ingress].map(|way| (way, judge.deny(&edge, way)));
        let (way, by) = way.into_iter().find(|(_, by)| !by.is_empty())?;
        let policies = by.into_iter().take(KEPT.1).collect();
        Some(DeniedFlow { edge: edge.to_string(), way: way.to_string(), policies })
    };
    edges.into_iter().filter_map(denied).take(KEPT.0).collect()
}
