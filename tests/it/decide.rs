//! What is decided, and what is not: facts in, effects and waits out. No clock, no network.

use std::collections::BTreeSet;

use cutover::domain::{
    api::{ConsentKind, NodeMigrationStatus, PhaseState, Stage, Target},
    effect::Effect,
    evidence::HostEvidence,
    facts::{Facts, Freshness, PodFact, Source},
    host::HostTask,
    intent::Intent,
    problem::{Problem, ProblemKind},
    reason::Reason,
    steps::NodeStep,
    view::{Failure, Failures, View},
};

use crate::{
    build::{Build, assert_waits, decided, inspected, named, names, step, waiting},
    fixture::{self, at, before, decided_in, installed, midway, phase_named, pod, step_named},
};

const WORKERS: [&str; 3] = ["worker-1", "worker-2", "worker-3"];

#[test]
fn one_node_begins_and_the_others_are_queued() {
    let d = decided(&installed());
    assert_eq!(names(&d), ["cordon worker-1"], "workers first, one at a time");
    assert_eq!(step(&d, "worker-1"), step_named("Cordon"));
    for other in ["worker-2", "worker-3", "cp-1"] {
        assert_eq!(step(&d, other), NodeStep::Pending);
        assert_eq!(waiting(&d, other).reason, Reason::Queued, "{}", waiting(&d, other));
    }
}

#[test]
fn max_unavailable_allows_more_workers_at_once_but_one_control_plane_node() {
    let mut facts = installed();
    facts.want(|s| s.nodes.max_unavailable = 10);
    assert_eq!(named(&decided(&facts), "cordon").len(), 1, "the canary alone");
    facts.want(|s| s.nodes.canaries = 0);
    second_control_plane_node(&mut facts);
    let begun = named(&decided(&facts), "cordon");
    assert_eq!(BTreeSet::from_iter(&begun).len(), 3, "all workers at once: {begun:?}");
    for worker in WORKERS {
        facts.record(worker, |s| s.step = NodeStep::Done);
    }
    let d = decided(&facts);
    assert_eq!(named(&d, "cordon"), ["cordon cp-1"]);
    assert_waits(&d, "cp-2", "control plane one at a time");
}

fn second_control_plane_node(facts: &mut Facts) {
    let mut node = fixture::node("cp-2", 9);
    node.control_plane = true;
    facts.nodes.insert("cp-2".into(), node);
    let pods: Vec<PodFact> = facts.pods.values().filter(|p| &*p.node == "cp-1").cloned().collect();
    for mut pod in pods {
        pod.key.name = format!("{}-2", pod.key.name).into();
        pod.node = "cp-2".into();
        facts.place(pod);
    }
    facts.cilium_ranges.insert("cp-2".into(), vec!["10.245.9.0/24".parse().unwrap()]);
    facts.node_migrations.insert("cp-2".into(), facts.node_migrations["cp-1"].clone());
}

/// Nodes that others took out count as well.
#[test]
fn a_node_that_another_actor_cordoned_counts_as_unavailable() {
    let mut facts = installed();
    facts.node_is("worker-3", |n| n.unschedulable = true);
    let d = decided(&facts);
    assert!(named(&d, "cordon worker-1").is_empty(), "{:?}", names(&d));
    assert_waits(&d, "worker-1", "was cordoned by another actor");
    // somebody may be at work on it: it is left alone until an operator names it, and is not uncordoned afterwards
    assert_waits(&d, "worker-3", "was cordoned by another actor");
    assert_eq!(names(&d), Vec::<String>::new());
    let d = decided(facts.consent(ConsentKind::TakeCordoned, "node/worker-3"));
    assert!(d.nodes["worker-3"].evidence.cordoned_before);
    assert_eq!(names(&d), ["taint worker-3"]);
}

/// A mark is a claim: it passes no limit, and counts only where the node is cordoned.
#[test]
fn marks_of_cutover_on_nodes_that_it_did_not_take_pass_no_limit() {
    let mut facts = installed();
    for node in ["worker-1", "worker-2", "worker-3"] {
        facts.node_is(node, |n| (n.unschedulable, n.cordoned_by_cutover) = (true, true));
    }
    let d = decided(&facts);
    assert_eq!(names(&d), ["taint worker-1"], "one after the other");
    assert_waits(&d, "worker-2", "maxUnavailable 1");
    // nor do they pass a node that is out
    facts.node_is("cp-1", |n| n.ready = false);
    assert_eq!(names(&decided(&facts)), Vec::<String>::new());
    facts.node_is("cp-1", |n| n.ready = true);
    // one alone may be what a lost record has left
    for node in ["worker-2", "worker-3"] {
        facts.node_is(node, |n| (n.unschedulable, n.cordoned_by_cutover) = (false, false));
    }
    assert_eq!(names(&decided(&facts)), ["taint worker-1"]);
}

#[test]
fn nothing_is_done_on_stale_facts_or_while_paused() {
    let mut facts = installed();
    facts.sources[Source::Pods] =
        Freshness::Retrying { since: at(190), error: "reset".into(), kind: ProblemKind::Unknown };
    let d = decided(&facts);
    let held = d.held.as_ref().unwrap();
    assert!(d.effects.is_empty() && held.reason == Reason::StaleFacts && held.message.contains("pods"), "{d:?}");
    assert_eq!(step(&d, "worker-1"), NodeStep::Pending);
    facts.sources[Source::Pods] = Freshness::Live;
    facts.want(|s| s.paused = true);
    assert!(decided(&facts).effects.is_empty());
}

/// A source without its first list may hide what a decision depends on.
#[test]
fn nothing_is_done_before_every_source_is_known() {
    for source in Source::ALL {
        let mut facts = installed();
        assert!(!decided(&facts).effects.is_empty());
        facts.sources[source] = Freshness::Starting;
        let d = decided(&facts);
        assert!(d.effects.is_empty(), "{source} is not known: {:?}", names(&d));
        let held = d.held.as_ref().unwrap();
        assert!(held.reason == Reason::StaleFacts && held.message.contains(source.word()), "{held:?}");
        facts.sources[source] = Freshness::Absent;
        // without records nothing is done
        let is_needed = source == Source::Records;
        assert_eq!(decided(&facts).effects.is_empty(), is_needed, "{source} is not served: nothing to wait for");
    }
}

#[test]
fn a_drain_evicts_and_deletes_daemon_pods_last() {
    let mut facts = midway();
    facts.budgets.clear();
    facts.place(pod("infra", "log-worker-2", "worker-2", "10.233.2.9", Some(("DaemonSet", "log"))));
    assert_eq!(names(&decided(&facts)), ["evict shop/web-worker-2 uid-web-worker-2"]);
    facts.without_pods("web-worker-2");
    assert_eq!(names(&decided(&facts)), ["delete pod infra/log-worker-2 uid-log-worker-2"]);
    facts.without_pods("log-worker-2");
    let d = decided(&facts);
    assert_eq!(step(&d, "worker-2"), step_named("Switch"), "with nothing left it switches");
    assert_eq!(names(&d), ["label worker-2"]);
}

/// A bare pod, which nothing recreates, stays until an operator consents, for that pod.
#[test]
fn a_bare_pod_needs_consent() {
    let mut facts = installed();
    facts.place(pod("batch", "import-once", "worker-1", "10.233.65.8", None));
    let d = decided(&facts);
    assert_waits(&d, "worker-1", "needs consent DeleteBarePod:batch/import-once");
    assert_eq!(names(&d), ["cordon worker-2"], "the node is not even cordoned, and the others go on");
    facts.consent(ConsentKind::DeleteBarePod, "batch/import-once");
    assert_eq!(names(&decided(&facts)), ["cordon worker-1"]);
}

#[test]
fn a_reboot_is_requested_once_with_the_boot_id_and_proven_by_another() {
    let mut facts = midway();
    facts.without_pods("web-worker-2").node_is("worker-2", |n| n.switched = true).record("worker-2", |s| {
        s.step = step_named("Restart");
        s.evidence.boot_id_before = Some("boot-worker-2-1".into());
        s.evidence.ran_before = Some("uid-cilium-worker-2 0".into());
    });
    let d = decided(&facts);
    let [Effect::Task { task, .. }] = d.effects.as_slice() else { panic!("{:?}", d.effects) };
    assert_eq!(*task, HostTask::Reboot { boot_id: "boot-worker-2-1".into() });
    // the host has accepted it: it is not requested again, however long it takes
    let mut task = pod("kube-system", "cutover-reboot-worker-2-0", "worker-2", "", None);
    task.task = Some("reboot".into());
    task.report = Some((0, "rebooting=boot-worker-2-1\ndone=1\n".into()));
    facts.place(task);
    let d = decided(&facts);
    assert!(d.effects.is_empty(), "{:?}", d.effects);
    assert_eq!(waiting(&d, "worker-2").reason, Reason::Rebooting);
    facts.written("worker-2", &d);
    let tidy = "delete pod kube-system/cutover-reboot-worker-2-0 uid-cutover-reboot-worker-2-0";
    assert_eq!(names(&decided(&facts)), [tidy]);
    facts.without_pods("cutover-reboot");
    assert!(decided(&facts).effects.is_empty(), "requested again because the task's pod is gone");
    facts.node_is("worker-2", |n| n.boot_id = "boot-worker-2-2".into());
    // what ran before the reboot is shown as ready until its kubelet says otherwise: nothing goes on because of it
    let d = decided(&facts);
    assert!(d.effects.is_empty(), "{:?}", d.effects);
    assert_waits(&d, "worker-2", "its Cilium agent is not ready");
    facts.written("worker-2", &d).pod_is("cilium-worker-2", |p| p.restarts += 1);
    let d = decided(&facts);
    assert_eq!(d.nodes["worker-2"].evidence.boot_id_after.as_deref(), Some("boot-worker-2-2"));
    assert!(names(&d).contains(&"untaint worker-2".to_owned()), "{:?}", names(&d));
}

/// The order that was seen to work; removing the label alone is no rollback.
#[test]
fn rolling_a_node_back_restores_the_configuration_before_pods_come_back() {
    let mut facts = midway();
    facts.budgets.clear();
    facts.record("worker-2", |s| *s = NodeMigrationStatus::default());
    facts.node_is("worker-2", |n| (n.unschedulable, n.cordoned_by_cutover, n.tainted) = (false, false, false));
    facts.want_of("worker-1", |s| s.target = Target::Flannel).record("worker-1", |s| s.evidence.switched = true);
    let mut seen = Vec::new();
    for _ in 0..12 {
        let d = decided(&facts);
        let status = &d.nodes["worker-1"];
        if seen.last() != Some(&status.step) {
            seen.push(status.step);
        }
        assert_eq!(status.direction, Target::Flannel);
        facts.written("worker-1", &d);
        match status.step.name() {
            "Cordon" => {
                facts.node_is("worker-1", |n| (n.unschedulable, n.cordoned_by_cutover, n.tainted) = (true, true, true))
            }
            "Drain" => facts.empty("worker-1"),
            "Revert" => facts
                .node_is("worker-1", |n| n.switched = false)
                .pod_is("cilium-worker-1", |p| p.uid = "uid-new-agent".into())
                .place(report("look", status, "conf=05-cilium.conflist\ncni=Disabled\ndone=1\n")),
            "Restore" => facts.place(report("restore", status, "conf=10-flannel.conflist\ncni=Disabled\ndone=1\n")),
            "Restart" => facts.node_is("worker-1", |n| n.tainted = false),
            _ => break,
        };
    }
    assert_eq!(seen, ["Cordon", "Drain", "Revert", "Restore", "Restart", "Verify"].map(step_named));
}

/// The pod of a host task that has ended.
fn report(task: &str, status: &NodeMigrationStatus, report: &str) -> PodFact {
    let name = format!("cutover-{task}-worker-1-{}", status.evidence.host_checks);
    PodFact {
        task: Some(task.into()),
        report: Some((0, report.into())),
        ..pod("kube-system", &name, "worker-1", "", None)
    }
}

#[test]
fn finalizing_waits_for_the_last_pod_on_flannel() {
    let mut facts = midway();
    for node in WORKERS.iter().chain(&["cp-1"]) {
        facts.record(node, |s| (s.step, s.evidence.switched) = (NodeStep::Done, true)).node_is(node, |n| {
            (n.unschedulable, n.cordoned_by_cutover, n.tainted, n.switched) = (false, false, false, true);
        });
    }
    facts.want(|s| s.approved = phase_named("Finalize"));
    let d = decided(&facts);
    assert!(d.migration.waiting.message.contains("still with Flannel addresses"), "{}", d.migration.waiting);
    assert!(named(&d, "helm").is_empty());
    facts.pods.retain(|_, p| p.host_network);
    assert_eq!(names(&decided(&facts)), ["helm upgrade (finalize)"]);
}

/// A cluster on Flannel with a Migration that has no status yet.
fn requested() -> Facts {
    let mut facts = before();
    facts.migration = installed().migration;
    facts.migration(|m| m.status = None);
    facts
}

#[test]
fn nothing_runs_that_was_not_approved() {
    let mut facts = requested();
    facts.want(|s| s.approved = phase_named("Preflight"));
    let d = decided(&facts);
    assert!(d.effects.iter().all(|e| matches!(e, Effect::CreateRecord { .. })), "{:?}", d.effects);
    assert_eq!(d.migration.phases[1].state, PhaseState::NeedsApproval);
    facts.want(|s| s.approved = phase_named("Install"));
    assert!(names(&decided(&facts)).contains(&"helm upgrade (install)".to_owned()));
}

#[test]
fn a_finding_that_blocks_stops_everything_whatever_is_approved() {
    let mut facts = requested();
    facts.want(|s| s.cilium.pod_cidr = "10.233.0.0/16".into());
    let d = decided(&facts);
    assert!(named(&d, "helm").is_empty());
    assert_eq!(d.migration.phases[0].state, PhaseState::Blocked);
    assert!(d.migration.waiting.message.contains("overlaps"), "{}", d.migration.waiting);
}

/// The objects that helm has created so far are not relied on while it runs.
#[test]
fn a_running_helm_is_waited_for_and_run_again_when_it_fails() {
    let mut facts = installed();
    facts.status(|s| s.phases[1].state = PhaseState::Running);
    facts.node_configs.clear();
    let helm = "helm upgrade (install)".to_owned();
    let in_flight = BTreeSet::from([helm.clone()]);
    let d = decided_in(View { in_flight: &in_flight, ..inspected(&facts, 200) });
    assert!(d.effects.is_empty() && d.migration.waiting.reason == Reason::HelmRunning, "{d:?}");
    // even though its objects are there
    let failure = Failure { problem: Problem::new("", "timed out", ""), at: at(199), count: 1 };
    let failures = Failures::from([(helm.clone(), failure)]);
    let d = decided_in(View { failures: &failures, ..inspected(&facts, 200) });
    assert_eq!(names(&d), [helm]);
}

/// An engine that died while helm ran does not know how it ended.
#[test]
fn helm_is_run_again_after_its_engine_died() {
    let mut facts = installed();
    let helm = "helm upgrade (install)".to_owned();
    facts.pods.retain(|_, p| p.host_network);
    facts.status(|s| {
        s.phases[1].state = PhaseState::Running;
        s.pending_helm_operation = Some(helm.clone());
    });
    assert_eq!(names(&decided(&facts)), [helm.as_str()]);
    let ended = BTreeSet::from([helm]);
    let d = decided_in(View { ended: &ended, ..inspected(&facts, 200) });
    assert_eq!((d.migration.pending_helm_operation.clone(), d.migration.phases[1].state), (None, PhaseState::Done));
}

/// Before the switch there is nothing to roll back but the cordon: no pod is evicted for it.
#[test]
fn rolling_back_a_node_that_still_drains_only_frees_it() {
    let mut facts = midway();
    facts.want_of("worker-2", |s| s.target = Target::Flannel);
    let d = decided(&facts);
    // the taint first: without the mark of the cordon it would be anybody's
    assert_eq!(names(&d), ["untaint worker-2"]);
    facts.node_is("worker-2", |n| n.tainted = false).written("worker-2", &d);
    assert_eq!(names(&decided(&facts)), ["uncordon worker-2"]);
    facts.node_is("worker-2", |n| (n.unschedulable, n.cordoned_by_cutover) = (false, false));
    assert_eq!(step(&decided(&facts), "worker-2"), NodeStep::RolledBack);
}

#[test]
fn a_node_that_was_uncordoned_meanwhile_is_cordoned_before_it_is_switched() {
    let mut facts = midway();
    facts.without_pods("web-worker-2").record("worker-2", |s| s.step = step_named("Switch"));
    facts.node_is("worker-2", |n| (n.unschedulable, n.cordoned_by_cutover) = (false, false));
    assert_eq!(names(&decided(&facts)), ["cordon worker-2"]);
    facts.node_is("worker-2", |n| n.unschedulable = true);
    facts.place(pod("shop", "late", "worker-2", "10.233.2.30", Some(("Deployment", "web"))));
    assert_eq!(names(&decided(&facts)), ["evict shop/late uid-late"]);
}

/// Each was found by a schedule of faults.
#[test]
fn a_node_recovers_when_its_label_or_its_record_is_removed_by_hand() {
    // after the switch the label is set again before the node goes on
    let mut facts = midway();
    facts.record("worker-2", |s| s.step = step_named("Verify")).node_is("worker-2", |n| n.switched = false);
    assert_eq!(step(&decided(&facts), "worker-2"), step_named("Switch"));
    // without a record it is still out: it goes on at once, and back by the whole way
    let mut facts = midway();
    facts.node_migration("worker-2", |r| r.status = None);
    assert!(facts.nodes["worker-2"].cordoned_by_cutover);
    assert_eq!(step(&decided(&facts), "worker-2"), step_named("Drain"));
    facts.want(|s| s.target = Target::Flannel);
    assert_ne!(step(&decided(&facts), "worker-2"), NodeStep::RolledBack);
    assert_ne!(step(&decided(&facts), "worker-2"), step_named("Uncordon"));
}

/// An agent that is up may not answer yet. What it does not say is not taken for good, unless its version never says it.
#[test]
fn a_silent_agent_is_asked_again() {
    let only_cilium = |state: &str| HostEvidence {
        cni_files: vec!["05-cilium.conflist".into()],
        cni_state: state.into(),
        at: Some(at(200)),
        ..HostEvidence::default()
    };
    for (at_step, next) in [("Switch", "Restart"), ("Verify", "Verify")] {
        for (version, state, waits) in
            [("1.15.19", "", true), ("1.15.19", "Ok", false), ("1.12.19", "", false), ("next", "", true)]
        {
            let mut facts = midway();
            facts.empty("worker-2").node_is("worker-2", |n| n.switched = true).record("worker-2", |s| {
                (s.step, s.evidence.switched) = (step_named(at_step), true);
                s.evidence.agent_before = Some("another".into());
                s.evidence.host = Some(only_cilium(state));
            });
            facts.want(|s| s.cilium.version = version.into());
            let d = decided(&facts);
            let case = format!("{at_step} with {version}, state {state:?}");
            if waits {
                assert_eq!(step(&d, "worker-2"), step_named(at_step), "{case}");
                assert_waits(&d, "worker-2", "has not answered yet");
            } else {
                assert_eq!(step(&d, "worker-2"), step_named(next), "{case}");
                assert_ne!(waiting(&d, "worker-2").reason, Reason::HostNotReady, "{case}");
            }
        }
    }
}

/// It was started before the label changed, or it hangs: waiting longer does not help.
#[test]
fn an_agent_that_does_not_take_over_is_replaced() {
    for (state, checked, replaced) in
        [("Disabled", 159, false), ("Disabled", 160, true), ("", 160, true), ("", 159, false), ("Warning", 190, false)]
    {
        let mut facts = midway();
        facts.empty("worker-2").node_is("worker-2", |n| n.switched = true);
        facts.pod_is("cilium-worker-2", |p| p.created = Some(at(100))).record("worker-2", |s| {
            (s.step, s.evidence.switched) = (step_named("Switch"), true);
            s.evidence.agent_before = Some("another".into());
            s.evidence.host =
                Some(HostEvidence { cni_state: state.into(), at: Some(at(checked)), ..HostEvidence::default() });
        });
        let deleted = !named(&decided(&facts), "delete pod kube-system/cilium-worker-2").is_empty();
        assert_eq!(deleted, replaced, "{state:?}, checked at {checked}");
    }
}

#[test]
fn the_cordon_of_another_actor_stays() {
    let mut facts = midway();
    facts.record("worker-2", |s| (s.step, s.since) = (step_named("Uncordon"), Some(at(190))));
    facts.node_is("worker-2", |n| {
        (n.unschedulable, n.cordoned_by_cutover, n.tainted, n.switched) = (true, false, false, true);
    });
    let d = decided(&facts);
    assert!(named(&d, "uncordon").is_empty(), "{:?}", names(&d));
    assert_eq!(step(&d, "worker-2"), step_named("Observe"));
}

#[test]
fn the_control_plane_goes_last() {
    let mut facts = installed();
    for node in WORKERS {
        facts.place(pod("batch", &format!("bare-{node}"), node, "10.233.65.8", None));
    }
    let d = decided(&facts);
    assert!(d.effects.is_empty(), "{:?}", names(&d));
    assert_waits(&d, "cp-1", "the control plane goes last");
}

#[test]
fn a_rollback_never_approves_more_than_was_approved() {
    let facts = installed();
    let to = Intent::RollBackTo(phase_named("Verify"));
    let patch = to.migration_patch(facts.migration.as_ref().unwrap()).unwrap();
    assert_eq!(patch["spec"]["approved"], "Migrate");
}

#[test]
fn rolled_back_means_that_cilium_is_gone() {
    let mut facts = before();
    (facts.migration, facts.node_migrations) = (installed().migration, installed().node_migrations);
    facts.want(|s| s.target = Target::Flannel);
    let d = decided(&facts);
    assert_eq!(d.migration.phase, Stage::RolledBack, "{}", d.migration.waiting);
    let mut facts = installed();
    facts.want(|s| s.target = Target::Flannel);
    let d = decided(&facts);
    assert_eq!((d.migration.phase, names(&d)), (Stage::RollingBack, vec!["delete CiliumNodeConfig".to_owned()]));
}

#[test]
fn the_connections_of_a_node_are_recorded_before_it_moves() {
    use cutover::domain::guard::Edge;
    let mut facts = installed();
    let edge = |from: &str, to: &str, port| Edge { from: from.into(), to: to.into(), port, protocol: "TCP" };
    let web = vec![edge("shop/web", "shop/db", 5432), edge("shop/web", "kube-system/coredns", 53)];
    let other = vec![edge("other/api", "other/db", 1)];
    facts.flows.working = std::sync::Arc::new([("shop/web".into(), web), ("other/api".into(), other)].into());
    let evidence = &decided(&facts).nodes["worker-1"].evidence;
    assert_eq!(evidence.baseline_connections, ["shop/web->kube-system/coredns:53", "shop/web->shop/db:5432"]);
}

/// A rollback that is asked for while a change is on its way: what there is to take back is known when that has ended.
#[test]
fn what_was_begun_is_awaited_before_it_is_taken_back() {
    let mut facts = before();
    (facts.migration, facts.node_migrations) = (installed().migration, installed().node_migrations);
    facts.want(|s| s.target = Target::Flannel);
    facts.status(|s| {
        s.phases.iter_mut().find(|p| p.name == phase_named("Install")).unwrap().state = PhaseState::Running;
    });
    let stage = |in_flight: &BTreeSet<String>| {
        let migration = facts.migration.clone().unwrap();
        let view = View { in_flight, ..View::read_only(&facts, &migration, at(60)) };
        let decided = decided_in(view);
        let status = &decided.migration;
        let install = status.phases.iter().find(|p| p.name == phase_named("Install")).unwrap().state;
        (status.phase, install)
    };
    let upgrade = BTreeSet::from(["helm upgrade (install)".to_owned()]);
    assert_eq!(stage(&upgrade), (Stage::RollingBack, PhaseState::Running));
    assert_eq!(stage(&BTreeSet::new()), (Stage::RolledBack, PhaseState::Pending));
}

#[test]
fn a_node_turns_round_when_the_change_that_is_under_way_has_ended() {
    let mut facts = installed();
    facts
        .record("worker-1", |s| (s.step, s.attempt, s.phase) = (step_named("Cordon"), 1, Some(phase_named("Migrate"))));
    facts.want(|s| s.target = Target::Flannel);
    let to = |in_flight: &BTreeSet<String>| {
        let migration = facts.migration.clone().unwrap();
        step(&decided_in(View { in_flight, ..View::read_only(&facts, &migration, at(60)) }), "worker-1")
    };
    let cordon = BTreeSet::from(["cordon worker-1".to_owned()]);
    assert_eq!(to(&cordon), step_named("Cordon"), "it may still come");
    assert_eq!(to(&BTreeSet::new()), NodeStep::RolledBack);
}
