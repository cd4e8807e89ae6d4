//! The pods that carry the cluster's network.

use crate::domain::facts::{Facts, Key, PodFact};

/// Which part of a CNI a pod is. The order is that of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Component {
    Agent,
    Envoy,
    Operator,
    Flannel,
    Relay,
    Ui,
}

impl Component {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Agent => "Cilium agent",
            Self::Envoy => "Cilium Envoy",
            Self::Operator => "Cilium operator",
            Self::Flannel => "Flannel",
            Self::Relay => "Hubble relay",
            Self::Ui => "Hubble UI",
        }
    }

    fn by_label(pod: &PodFact) -> Option<Self> {
        match pod.labels.get("k8s-app").map(String::as_str) {
            Some("cilium") => Some(Self::Agent),
            Some("cilium-envoy") => Some(Self::Envoy),
            Some("hubble-relay") => Some(Self::Relay),
            Some("hubble-ui") => Some(Self::Ui),
            _ => pod.labels.get("io.cilium/app").is_some_and(|a| a == "operator").then_some(Self::Operator),
        }
    }
}

/// All of them, by component, node and name.
pub(super) fn all(facts: &Facts) -> Vec<(Component, Key)> {
    let flannel: Vec<&Key> = facts.flannel_daemon_sets().map(|d| &d.key).collect();
    let of_flannel = |p: &PodFact| {
        let owner = p.owner.as_ref();
        owner.is_some_and(|o| flannel.iter().any(|set| set.name == o.name && set.namespace == p.key.namespace))
    };
    let component = |p: &PodFact| Component::by_label(p).or_else(|| of_flannel(p).then_some(Component::Flannel));
    let mut found: Vec<(Component, &PodFact)> = facts.network_pods().filter_map(|p| Some((component(p)?, p))).collect();
    found.sort_by(|(a, p), (b, q)| (a, &p.node, &p.key).cmp(&(b, &q.node, &q.key)));
    found.into_iter().map(|(component, pod)| (component, pod.key.clone())).collect()
}
