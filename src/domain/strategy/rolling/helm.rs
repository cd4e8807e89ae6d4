//! Changes of the release and of the CiliumNodeConfig, as the phases need them.

use crate::domain::{
    effect::{Chaining, Effect, HelmRelease, NODE_CONFIG},
    facts::Key,
    problem::Problem,
    progress::Progress,
    reason::Reason,
    strategy::rolling::values,
    text,
    view::View,
};

/// What an upgrade of the release is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Cilium beside Flannel.
    Install,
    /// Cilium as the default of every node.
    Finalize,
    /// Cilium beside Flannel again.
    UndoFinalize,
}

impl Purpose {
    const fn name(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::Finalize => "finalize",
            Self::UndoFinalize => "undo finalize",
        }
    }
}

/// The upgrade of the release.
///
/// # Errors
/// The problem with the values.
pub(super) fn release(view: &View<'_>, purpose: Purpose) -> Result<Effect, Problem> {
    let cilium = &view.migration.spec.cilium;
    let (file, values) = match purpose {
        Purpose::Install | Purpose::UndoFinalize => ("values-migration.yaml", values::migration(cilium)),
        Purpose::Finalize => ("values-final.yaml", values::finalized(cilium)),
    };
    let values = values.map_err(|message| {
        Problem::new("migration/cutover", message, "Nothing was changed. Correct spec.cilium.values.")
    })?;
    Ok(Effect::Helm(Box::new(HelmRelease {
        chart: cilium.chart.clone(),
        version: cilium.version.clone(),
        namespace: cilium.namespace.clone(),
        values,
        file,
        purpose: purpose.name(),
        resumes: false,
    })))
}

/// helm is run until it has succeeded: what it left half done it repairs when run again. `None` once it has.
pub(super) fn upgrade(view: &View<'_>, purpose: Purpose, due: bool, message: &str) -> Option<Progress> {
    let effect = match release(view, purpose) {
        Ok(effect) => effect,
        Err(problem) => return Some(Progress::Fail(Reason::InvalidSpec, problem)),
    };
    let name = effect.name();
    // its objects come one after the other: what is there already does not mean that it has ended
    if view.in_flight.contains(&name) {
        return Some(running());
    }
    let unfinished = is_unfinished(view, &name);
    if !due && !unfinished && !view.failures.contains_key(&name) {
        return None;
    }
    let effect = match effect {
        Effect::Helm(release) => Effect::Helm(Box::new(HelmRelease { resumes: unfinished, ..*release })),
        other => other,
    };
    Some(Progress::act(effect, message))
}

/// The operation was begun, by this engine or an earlier one, and has not been seen to end.
pub(super) fn is_unfinished(view: &View<'_>, name: &str) -> bool {
    let begun = view.migration.status.as_ref().and_then(|s| s.pending_helm_operation.as_deref());
    begun == Some(name) && !view.ended.contains(name)
}

/// The upgrade that ended last is another one, as far as it is on record.
pub(super) fn is_overtaken(view: &View<'_>, purpose: Purpose) -> bool {
    let Some(status) = &view.migration.status else { return false };
    let just_ended = status.pending_helm_operation.as_ref().filter(|name| view.ended.contains(*name));
    let last = just_ended.or_else(|| status.pins.as_ref()?.release.as_ref());
    last.is_some_and(|last| release(view, purpose).is_ok_and(|e| e.name() != *last))
}

/// The upgrade runs, or was begun and has not been seen to end.
pub(super) fn is_at_work(view: &View<'_>, purpose: Purpose) -> bool {
    release(view, purpose).is_ok_and(|e| view.in_flight.contains(&e.name()) || is_unfinished(view, &e.name()))
}

pub(super) fn running() -> Progress {
    Progress::wait(Reason::HelmRunning, "helm is running")
}

/// The agents are rolled out; otherwise what to wait for.
pub(super) fn agents_ready(view: &View<'_>) -> Option<Progress> {
    let agents = view.facts.cilium_agents()?;
    if agents.is_rolled_out() {
        return None;
    }
    let unhealthy = view.facts.nodes.keys().find_map(|n| {
        let pod = view.facts.daemon_pod(agents, n).filter(|p| !p.ready)?;
        Some(format!("; {} on {n}: {}", pod.key.name, pod.state()))
    });
    let (ready, desired) = (agents.ready.min(agents.updated), agents.desired);
    let message = format!("{ready} of {desired} Cilium agents ready{}", unhealthy.unwrap_or_default());
    Some(Progress::wait_on(Reason::AgentsNotReady, format!("daemonset/{}", agents.key), message))
}

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

/// `2 pods of Cilium terminating`.
pub(super) fn terminating(count: usize, whose: &str) -> Progress {
    Progress::wait(Reason::PodsTerminating, format!("{} of {whose} terminating", text::count(count, "pod")))
}
