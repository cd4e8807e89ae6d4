//! Every effect of a migration in order, before anything is changed.

use serde::Serialize;

use super::{
    api::{HostAccess, RestartBy, Target},
    drain,
    effect::{Effect, HelmRelease, restart_mark},
    facts::{Key, NodeFact},
    host::{HostTask, Way, commands},
    phase::Phase,
    rolling::View,
    step::{Risk, Step},
    values,
};

/// One line of a plan.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Planned {
    /// The phase.
    pub phase: Phase,
    /// The node, where it is one node's.
    pub node: Option<String>,
    /// The step, where it is one node's.
    pub step: Option<Step>,
    /// The change.
    pub effect: String,
    /// What it changes.
    pub object: String,
    /// How much it risks.
    pub risk: Risk,
    /// What an operator would type.
    pub kubectl: Vec<String>,
    /// The conditions under which it is carried out.
    pub gate: Vec<&'static str>,
}

/// The plan forward, up to and with `until`.
pub fn forward(ctx: &View<'_>, until: Phase) -> Vec<Planned> {
    let mut plan = Vec::new();
    for phase in Phase::ALL.into_iter().filter(|p| *p <= until) {
        match phase {
            Phase::Preflight | Phase::Verify => {}
            Phase::Migrate => {
                for node in ctx.nodes_in_order() {
                    node_steps(ctx, node, Target::Cilium, &mut plan);
                }
            }
            _ => plan.extend(self::phase(ctx, phase)),
        }
    }
    plan
}

/// The plan of rolling everything back: the nodes that were moved, then Cilium itself.
pub fn back(ctx: &View<'_>) -> Vec<Planned> {
    let mut plan = Vec::new();
    let moved = |n: &&NodeFact| !matches!(ctx.status(&n.name).step, Step::Pending | Step::RolledBack) || n.switched;
    for node in ctx.nodes_in_reverse().into_iter().filter(moved) {
        node_steps(ctx, node, Target::Flannel, &mut plan);
    }
    let uninstall = Effect::Uninstall { namespace: ctx.migration.spec.cilium.namespace.clone() };
    plan.push(planned(Phase::Install, None, None, &uninstall));
    plan
}

/// What one node's way will do, with the pods that are on it now.
pub fn node(ctx: &View<'_>, node: &NodeFact, target: Target) -> Vec<Planned> {
    let mut plan = Vec::new();
    node_steps(ctx, node, target, &mut plan);
    plan
}

/// What one phase does to the cluster as a whole.
pub fn phase(ctx: &View<'_>, phase: Phase) -> Vec<Planned> {
    let own = (phase == Phase::Install && ctx.facts.migration.is_none()).then(|| Planned {
        phase,
        node: None,
        step: None,
        effect: "create Cutover's definitions and the Migration".into(),
        object: "migration/cutover".into(),
        risk: Risk::Own,
        kubectl: vec!["cutover manifests | kubectl apply -f -".into()],
        gate: vec!["an operator approves a phase"],
    });
    own.into_iter().chain(cluster_effects(ctx, phase).iter().map(|e| planned(phase, None, None, e))).collect()
}

fn planned(phase: Phase, node: Option<&NodeFact>, step: Option<Step>, effect: &Effect) -> Planned {
    let effect = effect.describe();
    Planned {
        phase,
        node: node.map(|n| n.name.to_string()),
        step,
        effect: effect.words,
        object: effect.object,
        risk: effect.risk,
        kubectl: effect.kubectl,
        gate: effect.gate.to_vec(),
    }
}

fn cluster_effects(ctx: &View<'_>, phase: Phase) -> Vec<Effect> {
    let cilium = &ctx.migration.spec.cilium;
    let namespace = cilium.namespace.clone();
    let version = ctx.facts.node_config_version().unwrap_or("v2").to_owned();
    let agents = ctx.facts.cilium_agents().map_or_else(|| Key::new(&namespace, "cilium"), |d| d.key.clone());
    let helm = |purpose, values: Result<_, String>| {
        Effect::Helm(Box::new(HelmRelease {
            chart: cilium.chart.clone(),
            version: cilium.version.clone(),
            namespace: cilium.namespace.clone(),
            values: values.unwrap_or_default(),
            purpose,
        }))
    };
    match phase {
        Phase::Install => {
            let missing = ctx.nodes_in_order().into_iter().filter(|n| ctx.record(&n.name).is_none());
            let records = missing.map(|n| Effect::CreateRecord {
                node: n.name.clone(),
                owner: ctx.migration.metadata.uid.as_deref().map(Into::into),
            });
            records
                .chain([helm("install", values::migration(cilium)), Effect::CreateNodeConfig { namespace, version }])
                .collect()
        }
        Phase::Finalize => vec![
            helm("finalize", values::finalized(cilium)),
            Effect::RestartAgents { daemon_set: agents, mark: restart_mark(Phase::Finalize, false) },
            Effect::DeleteNodeConfig { namespace, version },
        ],
        Phase::Remove => {
            let daemon_sets: Vec<Key> = ctx.facts.flannel_daemon_sets().map(|d| d.key.clone()).collect();
            let copy = Effect::BackUpFlannel { daemon_sets: daemon_sets.clone(), namespace: namespace.clone() };
            let delete = Effect::DeleteFlannel { daemon_sets, namespace };
            let networks: Vec<_> = ctx.facts.flannel.values().flat_map(|f| f.networks.clone()).collect();
            let clean =
                ctx.nodes_in_order().into_iter().map(|n| task(ctx, n, HostTask::Clean { networks: networks.clone() }));
            [copy, delete].into_iter().chain(clean).collect()
        }
        Phase::Preflight | Phase::Migrate | Phase::Verify => vec![],
    }
}

fn task(ctx: &View<'_>, node: &NodeFact, task: HostTask) -> Effect {
    let hosts = &ctx.migration.spec.hosts;
    let way = if hosts.access == HostAccess::Ssh && task != HostTask::Probe {
        Way::Ssh { target: commands::ssh_target(&hosts.ssh_target, node) }
    } else {
        let image = ctx.facts.cilium_agents().map_or_else(|| "the Cilium agent's".into(), |d| d.image.clone());
        Way::Pod { namespace: ctx.migration.spec.cilium.namespace.clone(), image }
    };
    Effect::Task { node: node.name.clone(), task, nth: 0, way }
}

fn node_steps(ctx: &View<'_>, node: &NodeFact, target: Target, plan: &mut Vec<Planned>) {
    let switched = node.switched || ctx.status(&node.name).evidence.switched;
    for spec in Step::path(target) {
        // before the switch there is nothing to take back but the cordon and the taint
        if target == Target::Flannel && !switched && spec.step != Step::Uncordon {
            continue;
        }
        let effects = step_effects(ctx, node, spec.step, target);
        plan.extend(effects.iter().map(|e| planned(Phase::Migrate, Some(node), Some(spec.step), e)));
    }
}

fn step_effects(ctx: &View<'_>, node: &NodeFact, step: Step, target: Target) -> Vec<Effect> {
    let name = node.name.clone();
    let restart_agent = || {
        let agent = ctx.facts.agent_on(&node.name);
        // before Cilium is there its agent has no name yet
        let pod = agent.map_or_else(|| Key::new(&ctx.migration.spec.cilium.namespace, "cilium-…"), |a| a.key.clone());
        let uid = agent.map_or_else(|| "".into(), |a| a.uid.clone());
        Effect::DeletePod { pod, uid, why: "it reads its configuration at start" }
    };
    match step {
        Step::Cordon => vec![Effect::Cordon { node: name.clone() }, Effect::Taint { node: name }],
        Step::Drain => {
            // a plan shows what would happen once every consent is given
            let drain = drain::sort(ctx.facts, &node.name, &ctx.migration.spec.consents);
            let evict = drain.evict.iter().chain(&drain.scale_first).chain(drain.consent.iter().map(|(p, _)| p));
            let evict = evict.map(|p| Effect::Evict { pod: p.key.clone(), uid: p.uid.clone() });
            let why = "its DaemonSet starts it again after the switch";
            let last = drain.delete_last.iter();
            let last = last.map(|p| Effect::DeletePod { pod: p.key.clone(), uid: p.uid.clone(), why });
            evict.chain(last).collect()
        }
        Step::Switch => {
            vec![Effect::Switch { node: name.clone() }, restart_agent(), task(ctx, node, HostTask::Look)]
        }

        Step::Revert => {
            vec![Effect::Revert { node: name.clone() }, restart_agent(), task(ctx, node, HostTask::Look)]
        }

        Step::Restore => vec![task(ctx, node, HostTask::Restore)],
        Step::Restart if target == Target::Cilium && ctx.migration.spec.restart_by == RestartBy::Reboot => {
            vec![
                task(ctx, node, HostTask::Reboot { boot_id: node.boot_id.to_string() }),
                Effect::Untaint { node: name },
            ]
        }
        Step::Restart => vec![Effect::Untaint { node: name }],
        Step::Verify => vec![task(ctx, node, HostTask::Look), task(ctx, node, HostTask::Probe)],
        Step::Uncordon => {
            vec![Effect::Uncordon { node: name }]
        }
        Step::Pending | Step::Check | Step::Observe | Step::Done | Step::RolledBack => vec![],
    }
}
