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
    /// Another part of Cilium.
    Other,
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
            Self::Other => "Cilium",
        }
    }

    fn of(pod: &PodFact) -> Self {
        let label = |key: &str| pod.labels.get(key).map(String::as_str).unwrap_or_default();
        match label("k8s-app") {
            "cilium" => Self::Agent,
            "cilium-envoy" => Self::Envoy,
            "hubble-relay" => Self::Relay,
            "hubble-ui" => Self::Ui,
            _ if label("io.cilium/app") == "operator" => Self::Operator,
            _ if label("app.kubernetes.io/part-of") == "cilium" => Self::Other,
            _ => Self::Flannel,
        }
    }
}

/// All of them, by component, node and name.
pub(super) fn all(facts: &Facts) -> Vec<(Component, Key)> {
    let mut found: Vec<(Component, &PodFact)> = facts.network_pods().map(|p| (Component::of(p), p)).collect();
    found.sort_by(|(a, p), (b, q)| (a, &p.node, &p.key).cmp(&(b, &q.node, &q.key)));
    found.into_iter().map(|(component, pod)| (component, pod.key.clone())).collect()
}
