//! The upgrades of the release and the CiliumNodeConfig, as the phases need them.

use crate::domain::{
    effect::{Chaining, Effect, NODE_CONFIG},
    facts::Key,
    progress::Progress,
    reason::Reason,
    strategy::{
        release::{Upgrade, agents_ready},
        rolling::values,
    },
    view::View,
};

/// Cilium beside Flannel.
pub(super) static INSTALL: Upgrade =
    Upgrade { purpose: "install", file: "values-migration.yaml", values: values::migration };
/// Cilium as the default of every node.
pub(super) static FINALIZE: Upgrade =
    Upgrade { purpose: "finalize", file: "values-final.yaml", values: values::finalized };
/// Cilium beside Flannel again.
pub(super) static UNDO_FINALIZE: Upgrade =
    Upgrade { purpose: "undo finalize", file: "values-migration.yaml", values: values::migration };

/// The agents were restarted with this mark and are rolled out; otherwise what to do.
pub(super) fn agents_restarted(view: &View<'_>, mark: &str) -> Option<Progress> {
    let Some(agents) = view.facts.cilium_agents() else {
        return Some(Progress::wait(Reason::AgentsNotReady, "waits for Cilium's DaemonSet"));
    };
    if agents.restarted_for.as_deref() != Some(mark) {
        return Some(Progress::act(
            restart_agents(view, mark),
            "restart the agents so that they read their configuration",
        ));
    }
    agents_ready(view)
}

/// The restart of the agents.
pub(super) fn restart_agents(view: &View<'_>, mark: &str) -> Effect {
    let namespace = &view.migration.spec.cilium.namespace;
    let daemon_set = view.facts.cilium_agents().map_or_else(|| Key::new(namespace, "cilium"), |d| d.key.clone());
    Effect::RestartAgents { daemon_set, mark: mark.to_owned() }
}

fn version<'a>(view: &View<'a>) -> Option<&'a str> {
    view.facts.node_config_version()
}

/// Before Cilium is installed it is not known which version will be served; every release has served this one.
const FIRST_VERSION: &str = "v2alpha1";

/// The creation of the CiliumNodeConfig, for a preview.
pub(super) fn create_node_config(view: &View<'_>) -> Effect {
    let cilium = &view.migration.spec.cilium;
    let (namespace, chaining) = (cilium.namespace.clone(), Chaining::of(&cilium.values));
    Effect::CreateNodeConfig { namespace, version: version(view).unwrap_or(FIRST_VERSION).to_owned(), chaining }
}

/// The deletion of the CiliumNodeConfig, for a preview.
pub(super) fn delete_node_config(view: &View<'_>) -> Effect {
    let namespace = view.migration.spec.cilium.namespace.clone();
    Effect::DeleteNodeConfig { namespace, version: version(view).unwrap_or(FIRST_VERSION).to_owned() }
}

/// The CiliumNodeConfig exists as it is wanted; otherwise what to do.
pub(super) fn node_config(view: &View<'_>, wanted: bool) -> Option<Progress> {
    let key = Key::new(&view.migration.spec.cilium.namespace, NODE_CONFIG);
    let exists = view.facts.node_configs.contains_key(&key);
    if exists == wanted {
        return None;
    }
    if version(view).is_none() {
        let message = "Cilium's operator has not created the CiliumNodeConfig API yet";
        return Some(Progress::wait(Reason::OperatorNotReady, message));
    }
    Some(if wanted {
        Progress::act(create_node_config(view), "create the CiliumNodeConfig")
    } else {
        Progress::act(delete_node_config(view), "delete the CiliumNodeConfig")
    })
}
