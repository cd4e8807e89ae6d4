//! The strategy that takes all nodes at once: what it waits for, and what it refuses.

use std::collections::BTreeSet;

use cutover::domain::{
    api::{MIGRATION, Migration, Stage, Target},
    decide::decide,
    effect::Effect,
    encryption::Encryption,
    facts::Key,
    host::HostTask,
    reason::Reason,
    steps::NodeStep,
    strategy::StrategyId,
};

use crate::{
    fixture::{self, phase_named},
    obedient::{Obedient, stage},
};

/// Approved until this phase, with everything done that can be.
fn until(phase: &str) -> Obedient {
    let mut spec = fixture::spec();
    spec.strategy = StrategyId::named("downtime").unwrap();
    spec.approved = phase_named(phase);
    spec.nodes.max_unavailable = 100;
    spec.nodes.canaries = 0;
    let mut cluster = Obedient::new(fixture::before(), Migration::new(MIGRATION, spec));
    cluster.run(|_, _| {});
    cluster
}

fn waiting(cluster: &Obedient) -> Reason {
    cluster.migration().status.as_ref().unwrap().waiting.reason
}

/// What it does from here, until it rests.
fn effects(cluster: &mut Obedient) -> Vec<Effect> {
    let mut seen = vec![];
    cluster.run(|_, decision| seen.extend(decision.effects.iter().cloned()));
    seen
}

#[test]
fn flannel_is_not_deleted_while_a_node_is_not_ciliums() {
    let mut cluster = until("Install");
    assert_eq!(stage(&cluster.facts), Stage::At(phase_named("Remove")));
    let agent = Key::new("kube-system", "cilium-worker-2");
    let mut pod = cluster.facts.pods.get(&agent).unwrap().clone();
    pod.ready = false;
    cluster.facts.pods.insert(agent.clone(), pod.clone());
    cluster.want(|m| m.spec.approved = phase_named("Verify"));
    assert_eq!(effects(&mut cluster), [], "an agent is not ready");
    assert_eq!(waiting(&cluster), Reason::AgentsNotReady);
    pod.ready = true;
    cluster.facts.pods.insert(agent, pod);
    // one that joined since, and was not looked at
    let joined = fixture::node("worker-9", 8);
    cluster.facts.nodes.insert("worker-9".into(), joined);
    let done = effects(&mut cluster);
    assert!(!done.iter().any(|e| matches!(e, Effect::DeleteFlannel { .. })), "{done:?}");
    assert_eq!(waiting(&cluster), Reason::OperatorNotReady, "it has no pod range yet");
}

#[test]
fn what_the_way_back_needs_is_kept_before_the_first_change() {
    let mut cluster = until("Preflight");
    cluster.want(|m| {
        m.spec.approved = phase_named("Install");
        m.spec.cilium.encryption = Encryption::Ipsec;
    });
    let done = effects(&mut cluster);
    let at = |is: fn(&Effect) -> bool| done.iter().position(is).unwrap();
    let copy = at(|e| matches!(e, Effect::BackUpFlannel { .. }));
    let key = at(|e| matches!(e, Effect::CreateIpsecKey { .. }));
    assert!(copy < key && key < at(|e| matches!(e, Effect::Helm(_))), "{done:?}");
}

#[test]
fn workers_go_at_once_and_the_control_plane_alone_after_them() {
    let mut cluster = until("Remove");
    cluster.want(|m| m.spec.approved = phase_named("Reboot"));
    let mut together = BTreeSet::new();
    cluster.run(|before, _| {
        let out: BTreeSet<String> = before
            .facts
            .nodes
            .keys()
            .filter(|n| before.view().status(n).step.is_out())
            .map(ToString::to_string)
            .collect();
        assert!(!out.contains("cp-1") || out.len() == 1, "{out:?}");
        if out.len() > together.len() {
            together = out;
        }
    });
    assert_eq!(together.len(), 3, "{together:?}");
    assert!(cluster.facts.nodes.keys().all(|n| cluster.view().status(n).step == NodeStep::Done));
}

/// It would be left without a CNI: Cilium is on all nodes, and Flannel on none.
#[test]
fn neither_a_node_nor_a_phase_goes_back_alone() {
    let mut cluster = until("Verify");
    assert_eq!(stage(&cluster.facts), Stage::Complete);
    cluster.want_node("worker-1", |s| s.target = Target::Flannel);
    let harmless = |e: &Effect| matches!(e, Effect::HoldMigration | Effect::ReleaseMigration);
    assert!(effects(&mut cluster).iter().all(harmless));
    cluster.want_node("worker-1", |s| s.target = Target::Cilium);
    cluster.want(|m| m.spec.approved = phase_named("Remove"));
    assert!(effects(&mut cluster).iter().all(harmless));
    assert_eq!(waiting(&cluster), Reason::LockedByPhase);
    let view = cluster.view();
    assert!(view.strategy.only_whole(&view, phase_named("Remove")).is_some());
}

/// Uninstalled first, it would leave every node without a network until Flannel is back.
#[test]
fn flannel_is_back_before_cilium_goes_and_hosts_before_they_reboot() {
    let mut cluster = until("Reboot");
    cluster.want(|m| m.spec.target = Target::Flannel);
    let done = effects(&mut cluster);
    let at = |is: &dyn Fn(&Effect) -> bool| done.iter().position(is).unwrap();
    let task =
        |name: &'static str| at(&move |e: &Effect| matches!(e, Effect::Task { task, .. } if task.name() == name));
    let order = [
        task(HostTask::PutBack.name()),
        at(&|e| matches!(e, Effect::RestoreFlannel { .. })),
        at(&|e| matches!(e, Effect::Uninstall { .. })),
        task(HostTask::Restore.name()),
        task(HostTask::CleanCilium.name()),
        task("reboot"),
        at(&|e| matches!(e, Effect::DeleteFlannelBackup { .. })),
    ];
    assert!(order.is_sorted(), "{order:?} in {done:?}");
    assert_eq!(stage(&cluster.facts), Stage::RolledBack);
    let still = decide(cluster.view());
    assert_eq!(still.effects, [], "an end is an end");
}
