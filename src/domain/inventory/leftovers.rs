//! What earlier attempts left of Cilium. Of this migration's own it says nothing.

use crate::domain::{effect::definitions, facts::Key, view::View};

/// Objects of a Cilium that does not run, as `kind/namespace/name`.
pub fn leftovers(view: &View<'_>) -> Vec<String> {
    let facts = view.facts;
    if view.is_started() || facts.any_cilium_agents().next().is_some() {
        return vec![];
    }
    let own = |key: &&Key| *key.namespace == *view.migration.spec.cilium.namespace;
    let configs = facts.cilium_configs.keys().filter(own).map(|k| format!("configmap/{k}"));
    let nodes = facts.cilium_ranges.keys().map(|n| format!("ciliumnode/{n}"));
    let node_configs = facts.node_configs.keys().filter(own).map(|k| format!("ciliumnodeconfig/{k}"));
    let policies = facts.survey.cilium_policies.known().into_iter().flatten().cloned();
    let definitions = definitions::NAMES.into_iter().filter(|name| facts.crds.contains_key(*name));
    let definitions = definitions.map(|n| format!("customresourcedefinition/{n}"));
    configs.chain(nodes).chain(node_configs).chain(policies).chain(definitions).collect()
}
