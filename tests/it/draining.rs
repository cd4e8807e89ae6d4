//! What is decided about drains, reboots and the order of nodes: facts in, effects and waits out.

use std::sync::Arc;

use cutover::domain::{
    api::{ConsentKind, HostAccess, Target},
    effect::Effect,
    evidence::{DrainProgress, Moved},
    facts::{Facts, NodeFact, PodFact},
    problem::{Problem, ProblemKind},
    reason::Reason,
    steps::NodeStep,
    view::{Failure, Failures, View},
};

use crate::{
    build::{Build, assert_waits, decided, decided_after, decided_at, inspected, named, names, step, waiting},
    fixture::{at, decided_in, installed, midway, node, pod, step_named},
};

const EVICT_WEB: &str = "evict shop/web-worker-2 uid-web-worker-2";

fn drain(left: u32, progressed_at: i64, paused: bool) -> DrainProgress {
    DrainProgress { left, youngest: None, returns: vec![], progressed_at: at(progressed_at), paused, blockers: vec![] }
}

/// Worker-2 is empty, switched, and about to restart.
fn restarting() -> Facts {
    let mut facts = midway();
    facts.without_pods("web-worker-2").node_is("worker-2", |n| n.switched = true).record("worker-2", |s| {
        s.step = step_named("Restart");
        s.evidence.boot_id_before = Some("boot-worker-2-1".into());
    });
    facts
}

#[test]
fn an_observed_node_waits_until_what_left_it_is_ready_elsewhere() {
    let mut facts = installed();
    facts.node_is("worker-1", |n| n.switched = true).record("worker-1", |s| {
        (s.step, s.since) = (step_named("Observe"), Some(at(0)));
        s.evidence.moved = vec![Moved { workload: "shop/Deployment/web".into(), ready: 4 }];
    });
    facts.deployment("web", 4, 3);
    let d = decided(&facts);
    assert_waits(&d, "worker-1", "shop/Deployment/web has 3 ready replicas, 4 before");
    assert_waits(&d, "worker-2", "queued behind worker-1, which is being observed");
    assert!(names(&d).is_empty());
    for (wanted, ready, what) in [(4, 4, "it is replaced"), (2, 2, "it was scaled down")] {
        facts.deployment("web", wanted, ready);
        assert_eq!(step(&decided(&facts), "worker-1"), NodeStep::Done, "{what}");
    }
    facts.deployment("web", 4, 3).consent(ConsentKind::GoOnWithoutReplacement, "shop/Deployment/web");
    assert_eq!(step(&decided(&facts), "worker-1"), NodeStep::Done, "an operator consents");
}

/// Its drain takes Cutover itself down.
#[test]
fn the_node_that_cutover_runs_on_is_the_last_of_its_kind() {
    let mut facts = installed();
    (facts.surroundings.own_name, facts.surroundings.own_namespace) = ("cutover-0".into(), "ops".into());
    facts.place(pod("ops", "cutover-0", "worker-1", "10.233.65.9", Some(("StatefulSet", "cutover"))));
    let order =
        |facts: &Facts| inspected(facts, 0).nodes_in_order().iter().map(|n| n.name.to_string()).collect::<Vec<_>>();
    assert_eq!(order(&facts), ["worker-2", "worker-3", "worker-1", "cp-1"]);
    facts.surroundings.own_name = "worker-2".into();
    assert_eq!(order(&facts), ["worker-1", "worker-3", "worker-2", "cp-1"]);
    let view = inspected(&facts, 0);
    let back: Vec<&str> = view.reversed(&view.nodes_in_order()).iter().map(|n| &*n.name).collect();
    assert_eq!(back, ["worker-3", "worker-1", "worker-2", "cp-1"]);
}

/// A zone is finished before another one begins, whatever may be out at once.
#[test]
fn batches_do_not_mix() {
    let mut facts = installed();
    facts.want(|s| (s.nodes.max_unavailable, s.nodes.canaries, s.nodes.batch_by) = (10, 0, Some("zone".into())));
    for (name, zone) in [("worker-1", "b"), ("worker-2", "a"), ("worker-3", "a")] {
        facts.node_is(name, |n| _ = Arc::make_mut(&mut n.labels).insert("zone".into(), zone.into()));
    }
    let d = decided(&facts);
    assert_eq!(named(&d, "cordon"), ["cordon worker-2", "cordon worker-3"]);
    assert_waits(&d, "worker-1", "batches by zone");
    facts.record("worker-2", |s| s.step = NodeStep::Done);
    assert_eq!(named(&decided(&facts), "cordon"), ["cordon worker-3"], "one of the batch is still to do");
    facts.record("worker-3", |s| s.step = NodeStep::Done);
    assert_eq!(named(&decided(&facts), "cordon"), ["cordon worker-1"]);
}

/// Every batch has moved nodes then: none waits for another for ever.
#[test]
fn batches_go_back_one_after_the_other() {
    let mut facts = installed();
    facts.want(|s| {
        (s.nodes.max_unavailable, s.nodes.canaries, s.nodes.batch_by) = (10, 0, Some("zone".into()));
        s.target = Target::Flannel;
    });
    for (name, zone) in [("worker-1", "b"), ("worker-2", "a"), ("worker-3", "a")] {
        facts.node_is(name, |n| {
            Arc::make_mut(&mut n.labels).insert("zone".into(), zone.into());
            n.switched = true;
        });
        facts.record(name, |s| (s.step, s.evidence.switched) = (NodeStep::Done, true));
    }
    let cordoned = named(&decided(&facts), "cordon");
    assert!(!cordoned.is_empty(), "no node goes back");
    assert!(
        !(cordoned.contains(&"cordon worker-1".to_owned()) && cordoned.contains(&"cordon worker-2".to_owned())),
        "{cordoned:?}"
    );
}

#[test]
fn a_refused_eviction_is_repeated_slowly_and_at_once_when_the_budget_allows_it() {
    let mut facts = midway();
    let problem = Problem::new("", "budget", "").of_kind(ProblemKind::Budget);
    let failures = Failures::from([(EVICT_WEB.to_owned(), Failure { problem, at: at(200), count: 3 })]);
    assert!(names(&decided_after(&facts, &failures, 210)).is_empty());
    assert_eq!(names(&decided_after(&facts, &failures, 230)), [EVICT_WEB]);
    facts.budgets.values_mut().for_each(|b| b.allowed = 1);
    assert_eq!(names(&decided_after(&facts, &failures, 201)), [EVICT_WEB]);
}

/// No more than five are evicted at once; those that failed come last.
#[test]
fn a_blocked_pod_does_not_keep_the_others_from_leaving() {
    let mut facts = midway();
    let mut failures = Failures::new();
    for i in 0..9 {
        facts.place(pod("free", &format!("p{i}"), "worker-2", "10.233.66.9", Some(("ReplicaSet", "free"))));
    }
    for i in 0..4 {
        let failure = Failure { problem: Problem::new("", "x", ""), at: at(0), count: 9 };
        failures.insert(format!("evict free/p{i} uid-p{i}"), failure);
    }
    let evicted = names(&decided_after(&facts, &failures, 300));
    assert_eq!(evicted.len(), 5, "{evicted:?}");
    assert!(evicted.iter().filter(|n| n.contains("free/p")).count() >= 4, "{evicted:?}");
    assert!(!evicted.iter().any(|n| n.contains("p0 ")), "{evicted:?}");
}

/// DaemonSet pods included, until an operator resumes it.
#[test]
fn a_drain_that_timed_out_pauses_and_makes_no_requests() {
    let mut facts = midway();
    facts.budgets.clear();
    facts.want(|s| s.nodes.drain_timeout_seconds = 60);
    let d = decided(&facts);
    facts.written("worker-2", &d);
    let d = decided_at(&facts, 261);
    assert!(names(&d).is_empty(), "{:?}", names(&d));
    assert_eq!(waiting(&d, "worker-2").reason, Reason::DrainPaused, "{}", waiting(&d, "worker-2"));
    facts.written("worker-2", &d).want_of("worker-2", |s| s.retries = 1);
    let d = decided_at(&facts, 300);
    assert_eq!(names(&d), [EVICT_WEB]);
    assert_eq!(d.nodes["worker-2"].observed_retries, 1);
}

/// What was changed for a drain is put back once no node drains for it, whichever engine changed it.
#[test]
fn replicas_and_budgets_are_put_back() {
    let mut facts = midway();
    facts.deployment("web", 5, 5);
    facts.workloads.values_mut().for_each(|w| w.scaled_from = Some(4));
    facts.budgets.values_mut().for_each(|b| b.lowered_from = Some("{\"minAvailable\":4}".into()));
    facts
        .consent(ConsentKind::ScaleUp, "shop/Deployment/web")
        .consent(ConsentKind::LowerBudget, "shop/PodDisruptionBudget/web");
    assert!(put_back(&facts).is_empty(), "a node drains for them");
    facts.empty("worker-2");
    assert_eq!(put_back(&facts), ["scale back Deployment shop/web", "put back budget shop/web"]);
}

fn put_back(facts: &Facts) -> Vec<String> {
    names(&decided(facts)).into_iter().filter(|n| n.contains("back")).collect()
}

/// Also where one of its pods lands on a node that is past its drain. A paused drain keeps nothing changed.
#[test]
fn a_budget_stays_lowered_while_its_pods_have_to_leave() {
    let mut facts = midway();
    facts.budgets.values_mut().for_each(|b| b.lowered_from = Some("{}".into()));
    facts.consent(ConsentKind::LowerBudget, "shop/PodDisruptionBudget/web");
    facts.record("worker-2", |s| s.step = step_named("Switch"));
    assert!(put_back(&facts).is_empty());
    facts.record("worker-2", |s| (s.step, s.drain) = (step_named("Drain"), Some(drain(1, 0, true))));
    assert_eq!(put_back(&facts).len(), 1);
}

/// Time in which no engine was active, or all was held, is no time without progress.
#[test]
fn a_drain_without_an_engine_does_not_time_out() {
    let mut facts = midway();
    facts.budgets.clear();
    facts.want(|s| s.nodes.drain_timeout_seconds = 60).record("worker-2", |s| s.drain = Some(drain(1, 0, false)));
    assert!(names(&decided_at(&facts, 10_000)).is_empty(), "paused");
    let just_begun = decided_in(View { since: at(9_990), ..inspected(&facts, 10_000) });
    assert_eq!(names(&just_begun), [EVICT_WEB]);
}

/// A consent to go past a budget is for one that never has slack, or for a drain that is stuck; one pod at a time.
#[test]
fn a_budget_that_is_only_busy_is_waited_for() {
    let mut facts = midway();
    facts.place(pod("shop", "web-b", "worker-2", "10.233.66.8", Some(("Deployment", "web"))));
    facts.consent(ConsentKind::DeletePastBudget, "shop/Deployment/web");
    let past = |facts: &Facts, second| named(&decided_at(facts, second), "delete pod shop/").len();
    assert_eq!(past(&facts, 200), 1, "no slack at all: one of them goes");
    // one of its pods is starting: the budget allows an eviction once it is ready
    facts.budgets.values_mut().for_each(|b| (b.healthy, b.expected) = (3, 4));
    facts.record("worker-2", |s| s.drain = Some(drain(2, 190, false)));
    assert_eq!(past(&facts, 200), 0);
    assert_eq!(past(&facts, 260), 1, "it has been stuck for a while");
}

#[test]
fn a_budget_counts_daemon_pods_too() {
    let mut facts = midway();
    facts.without_pods("web-worker-2");
    facts.place(pod("shop", "log-worker-2", "worker-2", "10.233.66.9", Some(("DaemonSet", "log"))));
    assert_eq!(names(&decided(&facts)), ["evict shop/log-worker-2 uid-log-worker-2"]);
    facts.budgets.clear();
    assert_eq!(names(&decided(&facts)), ["delete pod shop/log-worker-2 uid-log-worker-2"]);
}

/// A label that says so is not enough.
#[test]
fn only_ciliums_own_pods_need_no_consent() {
    let mut facts = installed();
    for (namespace, name) in [("shop", "mine"), ("kube-system", "relay")] {
        let labels = Arc::new([("app.kubernetes.io/part-of".to_owned(), "cilium".to_owned())].into());
        facts.place(PodFact { labels, ..pod(namespace, name, "worker-1", "10.233.65.8", None) });
    }
    assert_eq!(waiting(&decided(&facts), "worker-1").message, "needs consent DeleteBarePod:shop/mine");
}

/// Even if the other member fell ill after the drain.
#[test]
fn a_control_plane_node_does_not_reboot_while_another_etcd_member_is_ill() {
    let mut facts = midway();
    facts.pods.retain(|_, p| p.host_network);
    for worker in ["worker-1", "worker-2", "worker-3"] {
        facts.record(worker, |s| s.step = NodeStep::Done);
    }
    let boot = facts.nodes["cp-1"].boot_id.to_string();
    facts
        .node_is("cp-1", |n| (n.switched, n.unschedulable, n.cordoned_by_cutover, n.tainted) = (true, true, true, true))
        .record("cp-1", |s| (s.step, s.evidence.boot_id_before) = (step_named("Restart"), Some(boot)))
        .place(PodFact {
            labels: Arc::new([("component".to_owned(), "etcd".to_owned())].into()),
            mirror: true,
            ready: false,
            ..pod("kube-system", "etcd-cp-2", "cp-2", "", None)
        });
    let d = decided(&facts);
    assert!(named(&d, "reboot").is_empty(), "{:?}", names(&d));
    assert_waits(&d, "cp-1", "member etcd-cp-2 is not ready");
    facts.pod_is("etcd-cp-2", |p| p.ready = true);
    assert_eq!(names(&decided(&facts)), ["reboot cp-1 0"]);
    facts.etcd_failing = true;
    assert!(named(&decided(&facts), "reboot").is_empty(), "members may be no pods");
    facts.etcd_failing = false;
    facts.nodes.insert("cp-2".into(), NodeFact { control_plane: true, ready: false, ..node("cp-2", 8) });
    assert_waits(&decided(&facts), "cp-1", "waits for cp-2, which is not Ready");
    // whatever its labels, as long as a member runs on it
    facts.node_is("cp-2", |n| n.control_plane = false);
    assert!(named(&decided(&facts), "reboot").is_empty());
    facts.node_is("cp-2", |n| n.ready = true);
    assert_eq!(named(&decided(&facts), "reboot"), ["reboot cp-1 0"]);
}

/// Rebooted by hand, or before its task has reported.
#[test]
fn a_node_that_goes_down_by_itself_has_the_same_time_to_come_back() {
    let mut facts = restarting();
    facts.want(|s| s.hosts.access = HostAccess::Manual).node_is("worker-2", |n| n.ready = false);
    let d = decided(&facts);
    facts.written("worker-2", &d);
    let d = decided_at(&facts, 2_000);
    let error = d.nodes["worker-2"].last_error.as_ref().unwrap();
    assert!(error.problem.message.contains("does not come back"), "{error:?}");
}

/// Another machine of the same name is not the one that was asked to reboot.
#[test]
fn a_replaced_node_is_not_taken_for_a_rebooted_one() {
    let mut facts = restarting();
    facts.record("worker-2", |s| s.evidence.node_uid = Some("another".into()));
    facts.node_is("worker-2", |n| n.boot_id = "new".into());
    let d = decided(&facts);
    assert!(names(&d).is_empty());
    let error = d.nodes["worker-2"].last_error.as_ref().unwrap();
    assert!(error.problem.message.contains("replaced by another node"), "{d:#?}");
}

#[test]
fn with_manual_host_access_no_task_changes_a_host() {
    let mut facts = restarting();
    facts.want(|s| s.hosts.access = HostAccess::Manual);
    let d = decided(&facts);
    assert!(names(&d).is_empty(), "{:?}", names(&d));
    assert_eq!(d.nodes["worker-2"].commands, ["systemctl reboot"]);
    facts.want_of("worker-2", |s| s.target = Target::Flannel).record("worker-2", |s| {
        (s.step, s.direction, s.evidence.switched) = (step_named("Restore"), Target::Flannel, true);
    });
    let d = decided(&facts);
    let tasks: Vec<_> = d.effects.iter().filter(|e| matches!(e, Effect::Task { .. })).map(Effect::name).collect();
    assert_eq!(tasks, ["look worker-2 0"], "it only looks");
    assert!(d.nodes["worker-2"].commands[0].contains("10-flannel.conflist"));
}

/// New ones are held back meanwhile. Where they cannot be held the node goes on: what leaks is found afterwards.
#[test]
fn a_daemon_pod_that_tolerates_every_taint_leaves_before_the_label_is_set() {
    let mut facts = midway();
    let daemon = pod("infra", "log-worker-2", "worker-2", "10.233.66.9", Some(("DaemonSet", "log")));
    facts
        .without_pods("web-worker-2")
        .place(PodFact { tolerates_all: true, ..daemon })
        .record("worker-2", |s| (s.step, s.since) = (step_named("Switch"), Some(at(190))));
    assert_eq!(names(&decided(&facts)), ["hold worker-2 0"]);
    let report = |facts: &mut Facts, code, text: &str| {
        facts.reports.insert("cutover-hold-worker-2-0".into(), (code, text.into()));
        let d = decided(facts);
        facts.written("worker-2", &d);
        facts.reports.clear();
        d
    };
    let mut failing = facts.clone();
    let d = report(&mut failing, 1, "error=no folder /opt/cni/bin for CNI plugins\n");
    assert_eq!(names(&d), ["label worker-2"]);
    assert!(d.nodes["worker-2"].evidence.not_held.as_ref().unwrap().contains("/opt/cni/bin"));
    report(&mut facts, 0, "conf=00-cutover-hold.conflist\nconf=10-flannel.conflist\ndone=1\n");
    assert_eq!(names(&decided(&facts)), ["delete pod infra/log-worker-2 uid-log-worker-2"]);
    facts.without_pods("log-worker-2");
    assert_eq!(names(&decided(&facts)), ["label worker-2"]);
}

#[test]
fn a_node_that_is_not_ready_counts_as_unavailable() {
    let mut facts = installed();
    let mut sick = node("worker-9", 9);
    sick.ready = false;
    facts.nodes.insert("worker-9".into(), sick);
    assert!(named(&decided(&facts), "cordon").is_empty());
}
