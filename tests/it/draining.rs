//! What is decided about drains, reboots and the order of nodes: facts in, effects and waits out.

use std::sync::Arc;

use crate::fixture::{Decided, at, decided_in, installed, midway, migration, node, pod, record, status, step_named};
use cutover::domain::{
    api::{Consent, ConsentKind, HostAccess, Target},
    effect::Effect,
    evidence::{DrainProgress, Moved},
    facts::{Facts, Key, WorkloadFact},
    problem::{Problem, ProblemKind},
    reason::Reason,
    steps::NodeStep,
    view::{Failure, Failures, View},
};

fn decided(facts: &Facts) -> Decided {
    decided_with(facts, &Failures::new(), 200)
}

fn decided_with(facts: &Facts, failures: &Failures, second: i64) -> Decided {
    let looking = View::read_only(facts, facts.migration.as_ref().unwrap(), at(second));
    decided_in(View { failures, ..looking })
}

fn names(d: &Decided) -> Vec<String> {
    d.effects.iter().map(Effect::name).collect()
}

fn agree(facts: &mut Facts, kind: ConsentKind, object: &str) {
    let consent = Consent { kind, object: object.into(), by: "me".into(), at: at(0) };
    migration(facts).spec.consents.push(consent);
}

fn workload(facts: &mut Facts, name: &str, wanted: i32, ready: i32) {
    let key = Key::new("shop", name);
    let fact = WorkloadFact { key, kind: "Deployment".into(), wanted, ready, scaled_from: None };
    facts.workloads.insert(fact.object().as_str().into(), fact);
}

/// A node that soaks does not end before what left it is ready elsewhere, and no other begins meanwhile.
#[test]
fn the_next_node_waits_for_replacements() {
    let mut facts = installed();
    facts.nodes.get_mut("worker-1").unwrap().switched = true;
    let s = status(&mut facts, "worker-1");
    (s.step, s.since) = (step_named("Observe"), Some(at(0)));
    s.evidence.moved = vec![Moved { workload: "shop/Deployment/web".into(), ready: 4 }];
    workload(&mut facts, "web", 4, 3);
    let d = decided(&facts);
    assert!(
        d.nodes["worker-1"].waiting.message.contains("shop/Deployment/web has 3 ready replicas, 4 before"),
        "{d:#?}"
    );
    assert!(d.nodes["worker-2"].waiting.message.contains("queued behind worker-1, which is being observed"));
    assert!(names(&d).is_empty());
    for (wanted, ready, what) in [(4, 4, "it is replaced"), (2, 2, "somebody scaled it down")] {
        workload(&mut facts, "web", wanted, ready);
        assert_eq!(decided(&facts).nodes["worker-1"].step, NodeStep::Done, "{what}");
    }
    workload(&mut facts, "web", 4, 3);
    agree(&mut facts, ConsentKind::GoOnWithoutReplacement, "shop/Deployment/web");
    assert_eq!(decided(&facts).nodes["worker-1"].step, NodeStep::Done, "somebody agreed");
}

/// What would take Cutover itself down comes last of its kind.
#[test]
fn the_own_node_is_the_last_of_its_kind() {
    let mut facts = installed();
    (facts.surroundings.own_name, facts.surroundings.own_namespace) = ("cutover-0".into(), "ops".into());
    let own = pod("ops", "cutover-0", "worker-1", "10.233.65.9", Some(("StatefulSet", "cutover")));
    facts.pods.insert(own.key.clone(), own);
    let order = |facts: &Facts| {
        let ctx = View::read_only(facts, facts.migration.as_ref().unwrap(), at(0));
        ctx.nodes_in_order().iter().map(|n| n.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(order(&facts), ["worker-2", "worker-3", "worker-1", "cp-1"]);
    facts.surroundings.own_name = "worker-2".into();
    assert_eq!(order(&facts), ["worker-1", "worker-3", "worker-2", "cp-1"]);
    let ctx = View::read_only(&facts, facts.migration.as_ref().unwrap(), at(0));
    let back: Vec<&str> = ctx.reversed(&ctx.nodes_in_order()).iter().map(|n| &*n.name).collect();
    assert_eq!(back, ["worker-3", "worker-1", "worker-2", "cp-1"]);
}

/// A zone is finished before another one begins, whatever may be out at once.
#[test]
fn batches_do_not_mix() {
    let mut facts = installed();
    let nodes = &mut migration(&mut facts).spec.nodes;
    (nodes.max_unavailable, nodes.canaries, nodes.batch_by) = (10, 0, Some("zone".into()));
    for (name, zone) in [("worker-1", "b"), ("worker-2", "a"), ("worker-3", "a")] {
        Arc::make_mut(&mut facts.nodes.get_mut(name).unwrap().labels).insert("zone".into(), zone.into());
    }
    let begun = |d: &Decided| names(d).into_iter().filter(|n| n.starts_with("cordon")).collect::<Vec<_>>();
    let d = decided(&facts);
    assert_eq!(begun(&d), ["cordon worker-2", "cordon worker-3"]);
    assert!(d.nodes["worker-1"].waiting.message.contains("batches by zone"), "{}", d.nodes["worker-1"].waiting);
    status(&mut facts, "worker-2").step = NodeStep::Done;
    assert_eq!(begun(&decided(&facts)), ["cordon worker-3"], "one of the batch is still to do");
    status(&mut facts, "worker-3").step = NodeStep::Done;
    assert_eq!(begun(&decided(&facts)), ["cordon worker-1"]);
}

/// A budget that is seen to refuse is asked again slowly; one that is seen to be free at once.
#[test]
fn a_refused_eviction_is_asked_again_slowly_and_at_once_when_the_budget_is_free() {
    let mut facts = midway();
    let evict = "evict shop/web-worker-2 uid-web-worker-2".to_owned();
    let failure =
        Failure { problem: Problem::new("", "budget", "").of_kind(ProblemKind::Budget), at: at(200), count: 3 };
    let failures = Failures::from([(evict.clone(), failure)]);
    assert!(names(&decided_with(&facts, &failures, 210)).is_empty());
    assert_eq!(names(&decided_with(&facts, &failures, 230)), std::slice::from_ref(&evict));
    facts.budgets.values_mut().for_each(|b| b.allowed = 1);
    assert_eq!(names(&decided_with(&facts, &failures, 201)), [evict]);
}

/// One pod that a budget holds does not keep the others from leaving, and no more than five are asked for at once.
#[test]
fn a_blocked_pod_starves_nobody() {
    let mut facts = midway();
    let mut failures = Failures::new();
    for i in 0..9 {
        let other = pod("free", &format!("p{i}"), "worker-2", "10.233.66.9", Some(("ReplicaSet", "free")));
        facts.pods.insert(other.key.clone(), other);
    }
    for i in 0..4 {
        let failure = Failure { problem: Problem::new("", "x", ""), at: at(0), count: 9 };
        failures.insert(format!("evict free/p{i} uid-p{i}"), failure);
    }
    let asked = names(&decided_with(&facts, &failures, 300));
    assert_eq!(asked.len(), 5, "{asked:?}");
    assert!(asked.iter().filter(|n| n.contains("free/p")).count() >= 4, "{asked:?}");
    assert!(!asked.iter().any(|n| n.contains("p0 ")), "those that failed come last: {asked:?}");
}

/// A time-out pauses: nothing is asked for any more, DaemonSet pods included, until somebody says so.
#[test]
fn a_paused_drain_asks_for_nothing() {
    let mut facts = midway();
    facts.budgets.clear();
    migration(&mut facts).spec.nodes.drain_timeout_seconds = 60;
    let first = decided_with(&facts, &Failures::new(), 200);
    *status(&mut facts, "worker-2") = first.nodes["worker-2"].clone();
    let d = decided_with(&facts, &Failures::new(), 261);
    assert!(names(&d).is_empty(), "{:?}", names(&d));
    assert_eq!(d.nodes["worker-2"].waiting.reason, Reason::DrainPaused, "{}", d.nodes["worker-2"].waiting);
    *status(&mut facts, "worker-2") = d.nodes["worker-2"].clone();
    record(&mut facts, "worker-2").spec.retries = 1;
    let d = decided_with(&facts, &Failures::new(), 300);
    assert_eq!(names(&d), ["evict shop/web-worker-2 uid-web-worker-2"]);
    assert_eq!(d.nodes["worker-2"].observed_retries, 1);
}

/// What was changed for a drain is put back once no node drains for it, whoever changed it.
#[test]
fn replicas_and_budgets_are_put_back() {
    let mut facts = midway();
    workload(&mut facts, "web", 5, 5);
    facts.workloads.values_mut().for_each(|w| w.scaled_from = Some(4));
    facts.budgets.values_mut().for_each(|b| b.lowered_from = Some("{\"minAvailable\":4}".into()));
    agree(&mut facts, ConsentKind::ScaleUp, "shop/Deployment/web");
    agree(&mut facts, ConsentKind::LowerBudget, "shop/PodDisruptionBudget/web");
    let back = |facts: &Facts| names(&decided(facts)).into_iter().filter(|n| n.contains("back")).collect::<Vec<_>>();
    assert!(back(&facts).is_empty(), "a node drains for them");
    facts.pods.retain(|_, p| &*p.node != "worker-2" || p.host_network);
    assert_eq!(back(&facts), ["scale back Deployment shop/web", "put back budget shop/web"]);
}

/// A budget stays lowered wherever its pods are made to leave, also when one lands on a node that is past its drain;
/// a drain that is paused keeps nothing changed.
#[test]
fn what_is_lowered_stays_so_while_pods_have_to_leave() {
    let mut facts = midway();
    facts.budgets.values_mut().for_each(|b| b.lowered_from = Some("{}".into()));
    agree(&mut facts, ConsentKind::LowerBudget, "shop/PodDisruptionBudget/web");
    status(&mut facts, "worker-2").step = step_named("Switch");
    let back = |facts: &Facts| names(&decided(facts)).into_iter().filter(|n| n.contains("back")).count();
    assert_eq!(back(&facts), 0);
    let s = status(&mut facts, "worker-2");
    s.step = step_named("Drain");
    s.drain = Some(DrainProgress { left: 1, progressed_at: at(0), paused: true, blockers: vec![] });
    assert_eq!(back(&facts), 1);
}

/// Time in which no engine was at work, or all was held, is no time without progress.
#[test]
fn a_drain_that_nobody_looked_after_is_not_late() {
    let mut facts = midway();
    facts.budgets.clear();
    migration(&mut facts).spec.nodes.drain_timeout_seconds = 60;
    let left_alone = DrainProgress { left: 1, progressed_at: at(0), paused: false, blockers: vec![] };
    status(&mut facts, "worker-2").drain = Some(left_alone);
    let looking = View::read_only(&facts, facts.migration.as_ref().unwrap(), at(10_000));
    assert!(names(&decided_in(looking)).is_empty(), "paused");
    let just_begun = decided_in(View { since: at(9_990), ..looking });
    assert_eq!(names(&just_begun), ["evict shop/web-worker-2 uid-web-worker-2"]);
}

/// A consent to go past a budget is for one that never has slack, or for a drain that stands; one pod at a time.
#[test]
fn a_budget_that_is_only_busy_is_waited_for() {
    let mut facts = midway();
    let other = pod("shop", "web-b", "worker-2", "10.233.66.8", Some(("Deployment", "web")));
    facts.pods.insert(other.key.clone(), other);
    agree(&mut facts, ConsentKind::DeletePastBudget, "shop/Deployment/web");
    let past = |facts: &Facts, second| {
        let d = decided_with(facts, &Failures::new(), second);
        names(&d).into_iter().filter(|n| n.starts_with("delete pod shop/")).count()
    };
    assert_eq!(past(&facts, 200), 1, "no slack at all: one of them goes");
    // one of its pods is on its way: the budget is free again when it is there
    facts.budgets.values_mut().for_each(|b| (b.healthy, b.expected) = (3, 4));
    status(&mut facts, "worker-2").drain =
        Some(DrainProgress { left: 2, progressed_at: at(190), paused: false, blockers: vec![] });
    assert_eq!(past(&facts, 200), 0);
    assert_eq!(past(&facts, 260), 1, "it has stood for a while");
}

/// A DaemonSet's pods are counted by budgets like any other.
#[test]
fn a_budget_counts_daemon_pods_too() {
    let mut facts = midway();
    facts.pods.retain(|k, _| &*k.name != "web-worker-2");
    let daemon = pod("shop", "log-worker-2", "worker-2", "10.233.66.9", Some(("DaemonSet", "log")));
    facts.pods.insert(daemon.key.clone(), daemon);
    assert_eq!(names(&decided(&facts)), ["evict shop/log-worker-2 uid-log-worker-2"]);
    facts.budgets.clear();
    assert_eq!(names(&decided(&facts)), ["delete pod shop/log-worker-2 uid-log-worker-2"]);
}

/// What somebody else labels as Cilium's needs its consents all the same.
#[test]
fn only_ciliums_own_pods_need_no_consent() {
    let mut facts = installed();
    for (namespace, name) in [("shop", "mine"), ("kube-system", "relay")] {
        let mut bare = pod(namespace, name, "worker-1", "10.233.65.8", None);
        bare.labels = Arc::new([("app.kubernetes.io/part-of".to_owned(), "cilium".to_owned())].into());
        facts.pods.insert(bare.key.clone(), bare);
    }
    let waiting = &decided(&facts).nodes["worker-1"].waiting;
    assert_eq!(waiting.message, "needs consent DeleteBarePod:shop/mine");
}

/// A control-plane node does not go down while another etcd member is ill, even if it fell ill meanwhile.
#[test]
fn a_control_plane_node_waits_for_etcd_before_it_reboots() {
    let mut facts = midway();
    facts.pods.retain(|_, p| p.host_network);
    for worker in ["worker-1", "worker-2", "worker-3"] {
        status(&mut facts, worker).step = NodeStep::Done;
    }
    let cp = facts.nodes.get_mut("cp-1").unwrap();
    (cp.switched, cp.unschedulable, cp.cordoned_by_cutover, cp.tainted) = (true, true, true, true);
    let boot = cp.boot_id.to_string();
    let s = status(&mut facts, "cp-1");
    (s.step, s.evidence.boot_id_before) = (step_named("Restart"), Some(boot));
    let mut member = pod("kube-system", "etcd-cp-2", "cp-2", "", None);
    member.labels = Arc::new([("component".to_owned(), "etcd".to_owned())].into());
    (member.mirror, member.ready) = (true, false);
    facts.pods.insert(member.key.clone(), member);
    let d = decided(&facts);
    assert!(!names(&d).iter().any(|n| n.starts_with("reboot")), "{:?}", names(&d));
    assert!(d.nodes["cp-1"].waiting.message.contains("member etcd-cp-2 is not ready"), "{}", d.nodes["cp-1"].waiting);
    facts.pods.update_all(|p| p.ready |= &*p.key.name == "etcd-cp-2");
    assert_eq!(names(&decided(&facts)), ["reboot cp-1 0"]);
    facts.etcd_failing = true;
    assert!(!names(&decided(&facts)).iter().any(|n| n.starts_with("reboot")), "members may be no pods");
}

/// A node that goes down by somebody's hand, or before its task has reported, is under the same clock.
#[test]
fn a_node_that_goes_down_unasked_is_told_when_it_does_not_come_back() {
    let mut facts = midway();
    facts.pods.retain(|k, _| &*k.name != "web-worker-2");
    migration(&mut facts).spec.hosts.access = HostAccess::Manual;
    let node = facts.nodes.get_mut("worker-2").unwrap();
    (node.switched, node.ready) = (true, false);
    let s = status(&mut facts, "worker-2");
    s.step = step_named("Restart");
    s.evidence.boot_id_before = Some("boot-worker-2-1".into());
    let d = decided_with(&facts, &Failures::new(), 200);
    *status(&mut facts, "worker-2") = d.nodes["worker-2"].clone();
    let d = decided_with(&facts, &Failures::new(), 2_000);
    let error = d.nodes["worker-2"].last_error.as_ref().unwrap();
    assert!(error.problem.message.contains("does not come back"), "{error:?}");
}

/// A node of the same name that is another machine is never taken for the one that was told to reboot.
#[test]
fn a_replaced_node_is_told_from_a_rebooted_one() {
    let mut facts = midway();
    facts.pods.retain(|k, _| &*k.name != "web-worker-2");
    facts.nodes.get_mut("worker-2").unwrap().switched = true;
    let s = status(&mut facts, "worker-2");
    s.step = step_named("Restart");
    s.evidence.boot_id_before = Some("boot-worker-2-1".into());
    s.evidence.node_uid = Some("another".into());
    facts.nodes.get_mut("worker-2").unwrap().boot_id = "new".into();
    let d = decided(&facts);
    assert!(names(&d).is_empty());
    assert!(
        d.nodes["worker-2"].last_error.as_ref().unwrap().problem.message.contains("replaced by another node"),
        "{d:#?}"
    );
}

/// By hand means by hand: no task that changes a host is ever run.
#[test]
fn by_hand_nothing_is_changed_on_hosts() {
    let mut facts = midway();
    facts.pods.retain(|k, _| &*k.name != "web-worker-2");
    facts.nodes.get_mut("worker-2").unwrap().switched = true;
    migration(&mut facts).spec.hosts.access = HostAccess::Manual;
    let s = status(&mut facts, "worker-2");
    s.step = step_named("Restart");
    s.evidence.boot_id_before = Some("boot-worker-2-1".into());
    let d = decided(&facts);
    assert!(names(&d).is_empty(), "{:?}", names(&d));
    assert_eq!(d.nodes["worker-2"].commands, ["systemctl reboot"]);
    status(&mut facts, "worker-2").step = step_named("Restore");
    status(&mut facts, "worker-2").direction = Target::Flannel;
    status(&mut facts, "worker-2").evidence.switched = true;
    record(&mut facts, "worker-2").spec.target = Target::Flannel;
    let d = decided(&facts);
    let tasks: Vec<_> = d.effects.iter().filter(|e| matches!(e, Effect::Task { .. })).map(Effect::name).collect();
    assert_eq!(tasks, ["look worker-2 0"], "it only looks");
    assert!(d.nodes["worker-2"].commands[0].contains("10-flannel.conflist"));
}

/// A DaemonSet's pod that no taint keeps away leaves before the label is set, with new ones held back. Where they
/// cannot be held the node goes on: what leaks is found afterwards.
#[test]
fn what_tolerates_everything_leaves_on_the_right_side() {
    let mut facts = midway();
    facts.pods.retain(|k, _| &*k.name != "web-worker-2");
    let mut daemon = pod("infra", "log-worker-2", "worker-2", "10.233.66.9", Some(("DaemonSet", "log")));
    daemon.tolerates_all = true;
    facts.pods.insert(daemon.key.clone(), daemon);
    let s = status(&mut facts, "worker-2");
    (s.step, s.since) = (step_named("Switch"), Some(at(190)));
    assert_eq!(names(&decided(&facts)), ["hold worker-2 0"]);
    let report = |facts: &mut Facts, code, text: &str| {
        facts.reports.insert("cutover-hold-worker-2-0".into(), (code, text.into()));
        let d = decided(facts);
        *status(facts, "worker-2") = d.nodes["worker-2"].clone();
        facts.reports.clear();
        d
    };
    let mut failing = facts.clone();
    let d = report(&mut failing, 1, "error=no folder /opt/cni/bin for CNI plugins\n");
    assert_eq!(names(&d), ["label worker-2"]);
    assert!(d.nodes["worker-2"].evidence.not_held.as_ref().unwrap().contains("/opt/cni/bin"));
    report(&mut facts, 0, "conf=00-cutover-hold.conflist\nconf=10-flannel.conflist\ndone=1\n");
    assert_eq!(names(&decided(&facts)), ["delete pod infra/log-worker-2 uid-log-worker-2"]);
    facts.pods.retain(|k, _| &*k.name != "log-worker-2");
    assert_eq!(names(&decided(&facts)), ["label worker-2"]);
}

/// `maxUnavailable` counts what others took out; a node that is not Ready takes the only place.
#[test]
fn an_unready_node_takes_the_place() {
    let mut facts = installed();
    let mut sick = node("worker-9", 9);
    sick.ready = false;
    facts.nodes.insert("worker-9".into(), sick);
    assert!(!names(&decided(&facts)).iter().any(|n| n.starts_with("cordon")));
}
