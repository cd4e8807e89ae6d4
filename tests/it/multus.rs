//! The strategy multus: back from every point, and what its gates refuse.

use cutover::domain::{
    api::{MIGRATION, Migration, NodeMigration, RestartBy, Stage, Target},
    decide::decide,
    effect::Effect,
    facts::{ATTACHMENTS, Cni, Key, Order, PodFact},
    host::HostTask,
    reason::Reason,
    steps::NodeStep,
    strategy::StrategyId,
};

use crate::{
    fixture,
    obedient::{Obedient, stage},
};

fn cluster(restart_by: RestartBy) -> Obedient {
    of("multus", restart_by)
}

fn of(strategy: &str, restart_by: RestartBy) -> Obedient {
    let mut spec = fixture::spec();
    spec.strategy = StrategyId::named(strategy).unwrap();
    (spec.restart_by, spec.observe_seconds) = (restart_by, 0);
    spec.approved = spec.strategy.get().last();
    Obedient::new(fixture::before(), Migration::new(MIGRATION, spec))
}

/// Pods with an address that begins so on one of their interfaces.
fn touching(cluster: &Obedient, range: &str) -> usize {
    let of = |ip: Option<std::net::IpAddr>| ip.is_some_and(|ip| ip.to_string().starts_with(range));
    cluster.facts.pods.values().filter(|p| of(p.ip) || of(p.second)).count()
}

fn is_clean(cluster: &Obedient) {
    let facts = &cluster.facts;
    assert_eq!(cluster.with_multus().count(), 0, "a configuration of Multus is left");
    assert!(facts.nodes.values().all(|n| n.multus.is_none() && !n.switched && !n.tainted && !n.unschedulable));
    assert!(facts.daemon_sets.keys().all(|k| !k.name.starts_with("cutover-multus") && &*k.name != "cilium"));
    assert_eq!(facts.pods_with(Cni::Cilium, None).count(), 0, "pods with addresses of Cilium");
}

/// Turned round after every decision of the way forward, with each strategy: everything comes back, and nothing is left.
#[test]
fn everything_goes_back_from_every_point() {
    let all = [("rolling", RestartBy::Reboot), ("downtime", RestartBy::Reboot), ("multus", RestartBy::Reboot)];
    for (strategy, restart_by) in all.into_iter().chain([("rolling", RestartBy::Pods), ("multus", RestartBy::Pods)]) {
        for n in 1.. {
            let mut cluster = of(strategy, restart_by);
            for _ in 0..n {
                cluster.round(|_, _| {});
            }
            let complete = stage(&cluster.facts) == Stage::Complete;
            cluster.want(|m| m.spec.target = Target::Flannel);
            cluster.run(|_, _| {});
            assert_eq!(
                stage(&cluster.facts),
                Stage::RolledBack,
                "{strategy}, after {n} decisions: {}",
                cluster.migration().status.as_ref().unwrap().waiting
            );
            is_clean(&cluster);
            if complete {
                break;
            }
        }
    }
}

/// One node turned round after every decision, while the others go on; then it is released.
#[test]
fn one_node_goes_back_from_every_point() {
    for n in (1..400).step_by(3) {
        let mut cluster = cluster(RestartBy::Reboot);
        cluster.want(|m| m.spec.approved = fixture::phase_named("CiliumAlone"));
        for _ in 0..n {
            cluster.round(|_, _| {});
        }
        cluster.want_node("worker-2", |s| s.target = Target::Flannel);
        cluster.run(|_, _| {});
        let step = |c: &Obedient, node: &str| c.facts.node_migrations[node].status.clone().unwrap_or_default().step;
        assert_eq!(
            step(&cluster, "worker-2"),
            NodeStep::RolledBack,
            "after {n} decisions: {:?}",
            cluster.facts.node_migrations["worker-2"].status.as_ref().unwrap().waiting
        );
        assert!(cluster.with_multus().all(|n| &**n != "worker-2"));
        cluster.want_node("worker-2", |s| s.target = Target::Cilium);
        cluster.run(|_, _| {});
        assert_eq!(step(&cluster, "worker-2"), NodeStep::Done, "after {n} decisions");
        assert_eq!(touching(&cluster, "10.233."), 0);
    }
}

/// Whatever is on the node goes back where its label was removed by another actor: the record knows.
#[test]
fn a_node_without_its_label_goes_back_all_the_same() {
    let mut cluster = cluster(RestartBy::Pods);
    cluster.want(|m| m.spec.approved = fixture::phase_named("SwapNetworks"));
    cluster.run(|_, _| {});
    for name in cluster.facts.nodes.keys().cloned().collect::<Vec<_>>() {
        unlabel(&mut cluster, &name);
    }
    cluster.want(|m| m.spec.target = Target::Flannel);
    cluster.run(|_, _| {});
    assert_eq!(stage(&cluster.facts), Stage::RolledBack);
    is_clean(&cluster);
}

/// Multus is deleted when no node has its label or its configuration any more; Flannel when no interface is its.
#[test]
fn nothing_is_deleted_that_pods_still_need() {
    let mut cluster = cluster(RestartBy::Reboot);
    cluster.run(|before, decision| {
        for effect in &decision.effects {
            match effect {
                Effect::DeleteMultus { .. } => {
                    assert_eq!(before.with_multus().count(), 0);
                    assert!(before.facts.nodes.values().all(|n| n.multus.is_none()));
                }
                Effect::DeleteFlannel { .. } => assert_eq!(touching(before, "10.233."), 0),
                Effect::SetMultus { node, .. } => {
                    let n = &before.facts.nodes[&**node];
                    assert!(n.tainted && n.unschedulable, "{node} is out");
                    let pods =
                        before.facts.pods_on(node).filter(|p| !p.host_network && p.is_living() && !p.tolerates_all);
                    assert_eq!(pods.count(), 0, "{node} is empty");
                }
                _ => {}
            }
        }
    });
    assert_eq!(stage(&cluster.facts), Stage::Complete);
    // a stray label, of whomever
    cluster.want(|m| m.spec.approved = fixture::phase_named("CiliumAlone"));
    cluster.run(|_, _| {});
    let mut node = cluster.facts.nodes["worker-1"].clone();
    node.multus = Some(Order::CiliumFirst);
    cluster.facts.nodes.insert("worker-1".into(), node);
    cluster.want(|m| m.spec.approved = fixture::phase_named("RemoveMultus"));
    cluster.run(|_, decision| assert!(!decision.effects.iter().any(|e| matches!(e, Effect::DeleteMultus { .. }))));
    let waiting = decide(cluster.view()).migration.waiting;
    assert!(waiting.message.contains("worker-1"), "{waiting}");
}

/// Runs until the node is at this step, before it does anything there.
fn until(cluster: &mut Obedient, node: &str, step: &str) {
    for _ in 0..400 {
        if cluster.facts.node_migrations.get(node).is_some_and(|n| step_of(n) == fixture::step_named(step)) {
            return;
        }
        cluster.round(|_, _| {});
    }
    panic!("{node} never comes to {step}");
}

fn step_of(record: &NodeMigration) -> NodeStep {
    record.status.as_ref().map(|s| s.step).unwrap_or_default()
}

fn unlabel(cluster: &mut Obedient, node: &str) {
    let mut fact = cluster.facts.nodes[node].clone();
    fact.multus = None;
    cluster.facts.nodes.insert(node.into(), fact);
}

fn due(cluster: &Obedient, what: fn(&Effect) -> bool) -> bool {
    decide(cluster.view()).effects.iter().any(what)
}

/// What lands on a node meanwhile would keep what the old configuration gave it.
#[test]
fn a_node_is_labelled_only_while_it_is_empty() {
    for step in ["FlannelFirst", "CiliumFirst"] {
        let mut cluster = cluster(RestartBy::Reboot);
        until(&mut cluster, "worker-2", step);
        let labels = |c: &Obedient| due(c, |e| matches!(e, Effect::SetMultus { .. }));
        // another actor has removed it
        unlabel(&mut cluster, "worker-2");
        assert!(labels(&cluster), "{step}");
        let pod = fixture::pod("shop", "late", "worker-2", "10.233.66.99", Some(("ReplicaSet", "late")));
        cluster.facts.pods.insert(pod.key.clone(), pod);
        assert!(!labels(&cluster), "{step}, with a pod that has landed");
    }
}

/// One that starts again would write its file again.
#[test]
fn multus_file_goes_after_its_pod() {
    let mut cluster = cluster(RestartBy::Reboot);
    until(&mut cluster, "worker-2", "LeaveMultus");
    while cluster.facts.nodes["worker-2"].multus.is_some() {
        cluster.round(|_, _| {});
    }
    let owner = Some(("DaemonSet", Order::CiliumFirst.object()));
    let pod = fixture::pod("kube-system", "cutover-multus-again", "worker-2", "", owner);
    let key = pod.key.clone();
    cluster.facts.pods.insert(key.clone(), PodFact { host_network: true, ..pod });
    let cleaned = |c: &mut Obedient| {
        let mut cleaned = false;
        let is_clean = |e: &Effect| matches!(e, Effect::Task { task: HostTask::CleanMultus, .. });
        (0..5).for_each(|_| _ = c.round(|_, decision| cleaned |= decision.effects.iter().any(is_clean)));
        cleaned
    };
    assert!(!cleaned(&mut cluster), "its pod is still there");
    cluster.facts.pods.remove(&key);
    assert!(cleaned(&mut cluster));
}

/// Its DEL fails where its ADD does, so that pods stay Terminating: no drain waits for them without end.
#[test]
fn a_drain_that_multus_may_hold_up_is_paused_and_says_so() {
    let mut cluster = cluster(RestartBy::Reboot);
    until(&mut cluster, "worker-2", "FlannelFirst");
    while step_of(&cluster.facts.node_migrations["worker-2"]) != NodeStep::Done {
        cluster.round(|_, _| {});
    }
    until(&mut cluster, "worker-2", "Cordon");
    let pod = fixture::pod("shop", "stuck", "worker-2", "10.233.66.99", Some(("ReplicaSet", "stuck")));
    let stuck = PodFact { deleting: Some(cluster.now()), deleting_grace: Some(30), ..pod };
    cluster.facts.pods.insert(stuck.key.clone(), stuck);
    (0..80).for_each(|_| _ = cluster.round(|_, _| {}));
    let waiting = cluster.facts.node_migrations["worker-2"].status.clone().unwrap().waiting;
    assert_eq!(waiting.reason, Reason::DrainPaused, "{waiting}");
    assert!(waiting.message.contains("Multus ends no pod"), "{waiting}");
}

/// A pod of before the change has the interfaces of before, whatever it says of itself.
#[test]
fn pods_of_before_the_change_start_again() {
    let mut cluster = cluster(RestartBy::Reboot);
    let pod = fixture::pod("infra", "meter", "worker-2", "10.233.66.99", Some(("DaemonSet", "meter")));
    cluster.facts.pods.insert(pod.key.clone(), PodFact { tolerates_all: true, ..pod });
    until(&mut cluster, "worker-2", "Restart");
    let restarts = |c: &Obedient| due(c, |e| matches!(e, Effect::DeletePod { pod, .. } if &*pod.name == "meter"));
    assert!(restarts(&cluster));
    // one of after it does not, whatever its annotation claims
    cluster.facts.pods.update(&Key::new("infra", "meter"), |p| (p.uid, p.second) = ("uid-later".into(), None));
    assert!(!restarts(&cluster));
}

/// Any tenant can write that into a pod's template.
#[test]
fn what_a_pod_says_of_its_interfaces_holds_nothing_up() {
    for strategy in ["rolling", "multus"] {
        let mut cluster = of(strategy, RestartBy::Reboot);
        let claim = |c: &mut Obedient| c.facts.pods.update_all(|p| p.second = "10.233.64.9".parse().ok());
        for _ in 0..1_000 {
            claim(&mut cluster);
            cluster.round(|_, _| {});
        }
        assert_eq!(stage(&cluster.facts), Stage::Complete, "{strategy}");
        cluster.want(|m| m.spec.target = Target::Flannel);
        for _ in 0..1_000 {
            cluster.facts.pods.update_all(|p| p.second = "10.245.0.9".parse().ok());
            cluster.round(|_, _| {});
        }
        assert_eq!(stage(&cluster.facts), Stage::RolledBack, "{strategy}");
    }
}

/// A node whose record was deleted shows how far it had come.
#[test]
fn a_lost_record_is_no_dead_end() {
    for n in (1..200).step_by(2) {
        for back in [true, false] {
            let mut cluster = cluster(RestartBy::Pods);
            for _ in 0..n {
                cluster.round(|_, _| {});
            }
            if stage(&cluster.facts).is_end() {
                continue;
            }
            cluster.facts.node_migrations.remove("worker-1");
            if back {
                cluster.want(|m| m.spec.target = Target::Flannel);
            }
            cluster.run(|_, _| {});
            let wanted = if back { Stage::RolledBack } else { Stage::Complete };
            let waiting = &cluster.migration().status.as_ref().unwrap().waiting;
            assert_eq!(stage(&cluster.facts), wanted, "after {n} decisions: {waiting}");
            assert_eq!(cluster.with_multus().count(), 0, "after {n} decisions");
        }
    }
}

/// One that joins once Cilium is the default goes back with the others.
#[test]
fn a_node_that_joins_late_goes_back() {
    let mut cluster = cluster(RestartBy::Pods);
    cluster.want(|m| m.spec.approved = fixture::phase_named("Finalize"));
    cluster.run(|_, _| {});
    cluster.join("worker-9");
    cluster.run(|_, _| {});
    cluster.want(|m| m.spec.target = Target::Flannel);
    cluster.run(|_, _| {});
    assert_eq!(stage(&cluster.facts), Stage::RolledBack, "{}", cluster.migration().status.as_ref().unwrap().waiting);
    is_clean(&cluster);
}

/// One that a distribution runs on its hosts, without a DaemonSet: its file would be renamed, and pods start without their
/// networks.
#[test]
fn a_host_with_another_multus_is_left_as_it_is() {
    let mut cluster = of("rolling", RestartBy::Reboot);
    cluster.want(|m| m.spec.approved = fixture::phase_named("Install"));
    cluster.run(|_, _| {});
    cluster.facts.crds.insert(ATTACHMENTS.into(), vec!["v1".into()]);
    cluster.has_multus("worker-2");
    cluster.want(|m| m.spec.approved = m.spec.strategy.get().last());
    let is_change =
        |e: &Effect| matches!(e, Effect::Cordon { node, .. } | Effect::Switch { node } if &**node == "worker-2");
    for _ in 0..200 {
        cluster.round(|_, decision| assert!(!decision.effects.iter().any(is_change)));
    }
    let status = |c: &Obedient, node: &str| c.facts.node_migrations[node].status.clone().unwrap();
    assert_eq!(status(&cluster, "worker-1").step, NodeStep::Done, "its host was seen to be without");
    let held = status(&cluster, "worker-2");
    assert_eq!((held.step, held.waiting.reason), (fixture::step_named("Check"), Reason::OtherCni), "{}", held.waiting);
    cluster.loses_multus("worker-2");
    cluster.run(|_, _| {});
    assert_eq!(stage(&cluster.facts), Stage::Complete);
}

/// A label that was there for a moment leaves a file of which no record tells.
#[test]
fn multus_goes_after_a_look_at_every_host() {
    let mut cluster = cluster(RestartBy::Pods);
    cluster.want(|m| m.spec.approved = fixture::phase_named("CreateMultus"));
    cluster.run(|_, _| {});
    cluster.has_multus("worker-1");
    cluster.want(|m| m.spec.target = Target::Flannel);
    cluster.run(|_, _| {});
    assert_eq!(stage(&cluster.facts), Stage::RolledBack);
    is_clean(&cluster);
}
