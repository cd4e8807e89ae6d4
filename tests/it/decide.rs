//! What is decided, and what is not: facts in, effects and waits out. No clock, no network.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::fixture::{
    Decided, at, before, decided_in, installed, midway, migration, phase_named, pod, record, status, step_named,
};
use cutover::domain::{
    api::{Consent, ConsentKind, Migration, PhaseState, Stage, Target},
    evidence::HostEvidence,
    facts::{Facts, Freshness, Key, Source},
    guard::{API_SERVER, Class, Edge, FlowFacts, Trouble},
    problem::{Problem, ProblemKind},
    reason::Reason,
    steps::NodeStep,
    view::{Failure, Failures, View},
};

fn decided(facts: &Facts) -> Decided {
    decided_in(View::read_only(facts, facts.migration.as_ref().unwrap(), at(200)))
}

fn names(d: &Decided) -> Vec<String> {
    d.effects.iter().map(cutover::domain::effect::Effect::name).collect()
}

fn step(d: &Decided, node: &str) -> NodeStep {
    d.nodes[node].step
}

fn change(facts: &mut Facts, f: impl FnOnce(&mut Migration)) {
    f(migration(facts));
}

#[test]
fn one_node_begins_and_the_others_wait_for_it() {
    let d = decided(&installed());
    assert_eq!(names(&d), ["cordon worker-1"], "workers first, one at a time");
    assert_eq!(step(&d, "worker-1"), step_named("Cordon"));
    for other in ["worker-2", "worker-3", "cp-1"] {
        assert_eq!(step(&d, other), NodeStep::Pending);
        assert_eq!(d.nodes[other].waiting.reason, Reason::Queued, "{}", d.nodes[other].waiting);
    }
}

#[test]
fn more_at_once_where_it_is_allowed_but_the_control_plane_alone() {
    let mut facts = installed();
    change(&mut facts, |m| m.spec.nodes.max_unavailable = 10);
    let begun = |d: &Decided| names(d).into_iter().filter(|n| n.starts_with("cordon")).count();
    assert_eq!(begun(&decided(&facts)), 1, "the canary alone");
    change(&mut facts, |m| m.spec.nodes.canaries = 0);
    let mut cp = crate::fixture::node("cp-2", 9);
    cp.control_plane = true;
    facts.nodes.insert("cp-2".into(), cp);
    let mut like = facts.pods.values().filter(|p| &*p.node == "cp-1").cloned().collect::<Vec<_>>();
    for p in &mut like {
        p.key.name = format!("{}-2", p.key.name).into();
        p.node = "cp-2".into();
        facts.pods.insert(p.key.clone(), p.clone());
    }
    facts.cilium_ranges.insert("cp-2".into(), vec!["10.245.9.0/24".parse().unwrap()]);
    let d = decided(&facts);
    let begun: BTreeSet<String> = names(&d).into_iter().filter(|n| n.starts_with("cordon")).collect();
    assert_eq!(begun.len(), 3, "all workers at once: {begun:?}");
    for worker in ["worker-1", "worker-2", "worker-3"] {
        status(&mut facts, worker).step = NodeStep::Done;
    }
    let d = decided(&facts);
    let begun: BTreeSet<String> = names(&d).into_iter().filter(|n| n.starts_with("cordon")).collect();
    assert_eq!(begun, BTreeSet::from(["cordon cp-1".to_owned()]));
    assert!(d.nodes["cp-2"].waiting.message.contains("control plane one at a time"), "{}", d.nodes["cp-2"].waiting);
}

/// Nodes that others took out count as well.
#[test]
fn a_node_that_somebody_else_cordoned_takes_a_place() {
    let mut facts = installed();
    facts.nodes.get_mut("worker-3").unwrap().unschedulable = true;
    let d = decided(&facts);
    assert!(!names(&d).contains(&"cordon worker-1".to_owned()), "{:?}", names(&d));
    assert!(
        d.nodes["worker-1"].waiting.message.contains("was cordoned by another actor"),
        "{}",
        d.nodes["worker-1"].waiting
    );
    // that node itself may be moved, and is not uncordoned afterwards
    assert!(d.nodes["worker-3"].evidence.cordoned_before);
    assert_eq!(names(&d), ["taint worker-3"]);
}

#[test]
fn nothing_is_done_on_stale_facts_or_while_paused() {
    let mut facts = installed();
    facts.sources[Source::Pods] =
        Freshness::Retrying { since: at(190), error: "reset".into(), kind: ProblemKind::Unknown };
    let d = decided(&facts);
    assert!(
        d.effects.is_empty()
            && d.held.as_ref().is_some_and(|h| h.reason == Reason::StaleFacts && h.message.contains("pods")),
        "{d:?}"
    );
    assert_eq!(step(&d, "worker-1"), NodeStep::Pending);
    facts.sources[Source::Pods] = Freshness::Live;
    change(&mut facts, |m| m.spec.paused = true);
    assert!(decided(&facts).effects.is_empty());
}

/// A source that was not heard yet may hide what a decision hangs on.
#[test]
fn nothing_is_done_before_every_source_was_heard() {
    for source in Source::ALL {
        let mut facts = installed();
        assert!(!decided(&facts).effects.is_empty());
        facts.sources[source] = Freshness::Starting;
        let d = decided(&facts);
        assert!(d.effects.is_empty(), "{source} is not known: {:?}", names(&d));
        let held = d.held.as_ref().unwrap();
        assert!(held.reason == Reason::StaleFacts && held.message.contains(source.word()), "{held:?}");
        facts.sources[source] = Freshness::Absent;
        assert!(!decided(&facts).effects.is_empty(), "{source} is not served: nothing to wait for");
    }
}

#[test]
fn a_drain_evicts_and_deletes_daemon_pods_last() {
    let mut facts = midway();
    facts.budgets.clear();
    let daemon = pod("infra", "log-worker-2", "worker-2", "10.233.2.9", Some(("DaemonSet", "log")));
    facts.pods.insert(daemon.key.clone(), daemon.clone());
    let d = decided(&facts);
    assert_eq!(names(&d), ["evict shop/web-worker-2 uid-web-worker-2"]);
    facts.pods.retain(|k, _| &*k.name != "web-worker-2");
    assert_eq!(names(&decided(&facts)), ["delete pod infra/log-worker-2 uid-log-worker-2"]);
    facts.pods.remove(&daemon.key);
    let d = decided(&facts);
    assert_eq!(step(&d, "worker-2"), step_named("Switch"), "with nothing left it switches");
    assert_eq!(names(&d), ["label worker-2"]);
}

/// A pod that nobody starts again stays until somebody agreed, for that pod.
#[test]
fn a_bare_pod_needs_consent() {
    let mut facts = installed();
    let bare = pod("batch", "import-once", "worker-1", "10.233.65.8", None);
    facts.pods.insert(bare.key.clone(), bare);
    let d = decided(&facts);
    assert!(
        d.nodes["worker-1"].waiting.message.contains("needs consent DeleteBarePod:batch/import-once"),
        "{}",
        d.nodes["worker-1"].waiting
    );
    assert!(!names(&d).iter().any(|n| n.contains("worker-1")), "the node is not even cordoned");
    assert_eq!(names(&d), ["cordon worker-2"], "the others go on");
    change(&mut facts, |m| {
        m.spec.consents.push(Consent {
            kind: ConsentKind::DeleteBarePod,
            object: "batch/import-once".into(),
            by: "me".into(),
            at: at(0),
        });
    });
    assert_eq!(names(&decided(&facts)), ["cordon worker-1"]);
}

#[test]
fn a_reboot_is_asked_for_with_the_boot_id_and_proven_by_another() {
    let mut facts = midway();
    facts.pods.retain(|k, _| &*k.name != "web-worker-2");
    let node = facts.nodes.get_mut("worker-2").unwrap();
    node.switched = true;
    let status = status(&mut facts, "worker-2");
    status.step = step_named("Restart");
    status.evidence.boot_id_before = Some("boot-worker-2-1".into());
    let d = decided(&facts);
    let [cutover::domain::effect::Effect::Task { task, .. }] = d.effects.as_slice() else { panic!("{:?}", d.effects) };
    assert_eq!(*task, cutover::domain::host::HostTask::Reboot { boot_id: "boot-worker-2-1".into() });
    // asked for and agreed to: never asked for again, however long it takes
    let mut asked = pod("kube-system", "cutover-reboot-worker-2-0", "worker-2", "", None);
    asked.task = Some("reboot".into());
    asked.report = Some((0, "rebooting=boot-worker-2-1\ndone=1\n".into()));
    facts.pods.insert(asked.key.clone(), asked);
    let d = decided(&facts);
    assert!(d.effects.is_empty(), "{:?}", d.effects);
    assert!(d.nodes["worker-2"].waiting.reason == Reason::Rebooting);
    record(&mut facts, "worker-2").status = Some(d.nodes["worker-2"].clone());
    assert_eq!(
        names(&decided(&facts)),
        ["delete pod kube-system/cutover-reboot-worker-2-0 uid-cutover-reboot-worker-2-0"]
    );
    // whatever becomes of that pod
    facts.pods.retain(|k, _| !k.name.starts_with("cutover-reboot"));
    assert!(decided(&facts).effects.is_empty(), "asked for a second time");
    facts.nodes.get_mut("worker-2").unwrap().boot_id = "boot-worker-2-2".into();
    let d = decided(&facts);
    assert_eq!(d.nodes["worker-2"].evidence.boot_id_after.as_deref(), Some("boot-worker-2-2"));
    assert!(names(&d).contains(&"untaint worker-2".to_owned()), "{:?}", names(&d));
}

/// The way back is the order that was seen to work; removing the label alone is none.
#[test]
fn rolling_a_node_back_restores_the_configuration_before_pods_come_back() {
    let mut facts = midway();
    record(&mut facts, "worker-2").status = Some(cutover::domain::api::NodeMigrationStatus::default());
    let node = facts.nodes.get_mut("worker-2").unwrap();
    (node.unschedulable, node.cordoned_by_cutover, node.tainted) = (false, false, false);
    let moved = record(&mut facts, "worker-1");
    moved.spec.target = Target::Flannel;
    moved.status.as_mut().unwrap().evidence.switched = true;
    let mut seen = Vec::new();
    for _ in 0..12 {
        let d = decided(&facts);
        let status = d.nodes["worker-1"].clone();
        if seen.last() != Some(&status.step) {
            seen.push(status.step);
        }
        assert_eq!(status.direction, Target::Flannel);
        record(&mut facts, "worker-1").status = Some(status.clone());
        match status.step.name() {
            "Cordon" => {
                let n = facts.nodes.get_mut("worker-1").unwrap();
                (n.unschedulable, n.cordoned_by_cutover, n.tainted) = (true, true, true);
            }
            "Drain" => facts.pods.retain(|_, p| &*p.node != "worker-1" || p.host_network),
            "Revert" => {
                facts.nodes.get_mut("worker-1").unwrap().switched = false;
                facts
                    .pods
                    .update(&Key::new("kube-system", "cilium-worker-1"), |agent| agent.uid = "uid-new-agent".into());
                look(&mut facts, "look", &status, "conf=05-cilium.conflist\ncni=Disabled\ndone=1\n");
            }
            "Restore" => look(&mut facts, "restore", &status, "conf=10-flannel.conflist\ncni=Disabled\ndone=1\n"),
            "Restart" => facts.nodes.get_mut("worker-1").unwrap().tainted = false,
            _ => break,
        }
    }
    assert_eq!(
        seen,
        [
            step_named("Cordon"),
            step_named("Drain"),
            step_named("Revert"),
            step_named("Restore"),
            step_named("Restart"),
            step_named("Verify")
        ]
    );
}

fn look(facts: &mut Facts, task: &str, status: &cutover::domain::api::NodeMigrationStatus, report: &str) {
    let mut p =
        pod("kube-system", &format!("cutover-{task}-worker-1-{}", status.evidence.host_checks), "worker-1", "", None);
    p.task = Some(Arc::from(task));
    p.report = Some((0, report.into()));
    facts.pods.insert(p.key.clone(), p);
}

#[test]
fn finalizing_waits_for_the_last_pod_on_flannel() {
    let mut facts = midway();
    for record in facts.node_migrations.values_mut() {
        let status = Arc::make_mut(record).status.as_mut().unwrap();
        status.step = NodeStep::Done;
        status.evidence.switched = true;
    }
    for node in facts.nodes.values_mut() {
        (node.unschedulable, node.cordoned_by_cutover, node.tainted, node.switched) = (false, false, false, true);
    }
    change(&mut facts, |m| m.spec.approved = phase_named("Finalize"));
    let d = decided(&facts);
    assert!(d.migration.waiting.message.contains("still with Flannel addresses"), "{}", d.migration.waiting);
    assert!(!names(&d).iter().any(|n| n.contains("helm")));
    facts.pods.retain(|_, p| p.host_network);
    assert_eq!(names(&decided(&facts)), ["helm upgrade (finalize)"]);
}

#[test]
fn nothing_runs_that_was_not_approved() {
    let mut facts = before();
    let mut migration = Migration::clone(&installed().migration.unwrap());
    migration.status = None;
    migration.spec.approved = phase_named("Preflight");
    facts.migration = Some(migration.into());
    let d = decided(&facts);
    assert!(
        d.effects.iter().all(|e| matches!(e, cutover::domain::effect::Effect::CreateRecord { .. })),
        "{:?}",
        d.effects
    );
    assert_eq!(d.migration.phases[1].state, PhaseState::NeedsApproval);
    change(&mut facts, |m| m.spec.approved = phase_named("Install"));
    assert!(names(&decided(&facts)).contains(&"helm upgrade (install)".to_owned()));
}

/// What blocks in preflight stops everything, whatever is approved.
#[test]
fn preflight_blocks() {
    let mut facts = before();
    let mut migration = Migration::clone(&installed().migration.unwrap());
    migration.status = None;
    migration.spec.cilium.pod_cidr = "10.233.0.0/16".into();
    facts.migration = Some(migration.into());
    let d = decided(&facts);
    assert!(!names(&d).iter().any(|n| n.contains("helm")));
    assert_eq!(d.migration.phases[0].state, PhaseState::Blocked);
    assert!(d.migration.waiting.message.contains("overlaps"), "{}", d.migration.waiting);
}

/// While helm runs nothing is built on the objects that it has made so far.
#[test]
fn helm_is_waited_for() {
    let mut facts = installed();
    change(&mut facts, |m| m.status.as_mut().unwrap().phases[1].state = PhaseState::Running);
    facts.node_configs.clear();
    let in_flight = BTreeSet::from(["helm upgrade (install)".to_owned()]);
    let mut failures = Failures::new();
    let migration = facts.migration.as_ref().unwrap();
    let (none, looking) = (BTreeSet::new(), View::read_only(&facts, migration, at(200)));
    let d = decided_in(View { in_flight: &in_flight, ..looking });
    assert!(d.effects.is_empty() && d.migration.waiting.reason == Reason::HelmRunning, "{d:?}");
    // and run again when it has failed, even though its objects are there
    let failure = Failure { problem: Problem::new("", "timed out", ""), at: at(199), count: 1 };
    failures.insert("helm upgrade (install)".to_owned(), failure);
    let d = decided_in(View { failures: &failures, in_flight: &none, ..looking });
    assert_eq!(names(&d), ["helm upgrade (install)"]);
}

/// An engine that died while helm ran does not know how it ended: it is run once more.
#[test]
fn helm_that_was_begun_by_a_dead_engine_is_run_again() {
    let mut facts = installed();
    facts.pods.retain(|_, p| p.host_network);
    change(&mut facts, |m| {
        let status = m.status.as_mut().unwrap();
        status.phases[1].state = PhaseState::Running;
        status.pending_helm_operation = Some("helm upgrade (install)".into());
    });
    assert_eq!(names(&decided(&facts)), ["helm upgrade (install)"]);
    let ended = BTreeSet::from(["helm upgrade (install)".to_owned()]);
    let looking = View::read_only(&facts, facts.migration.as_ref().unwrap(), at(200));
    let d = decided_in(View { ended: &ended, ..looking });
    assert_eq!((d.migration.pending_helm_operation.clone(), d.migration.phases[1].state), (None, PhaseState::Done));
}

/// Before the switch there is nothing to take back but the cordon: no pod is evicted for it.
#[test]
fn rolling_back_a_node_that_still_drains_only_frees_it() {
    let mut facts = midway();
    record(&mut facts, "worker-2").spec.target = Target::Flannel;
    let d = decided(&facts);
    assert_eq!(names(&d), ["uncordon worker-2"]);
    let node = facts.nodes.get_mut("worker-2").unwrap();
    (node.unschedulable, node.cordoned_by_cutover) = (false, false);
    record(&mut facts, "worker-2").status = Some(d.nodes["worker-2"].clone());
    assert_eq!(names(&decided(&facts)), ["untaint worker-2"]);
    facts.nodes.get_mut("worker-2").unwrap().tainted = false;
    assert_eq!(step(&decided(&facts), "worker-2"), NodeStep::RolledBack);
}

#[test]
fn a_node_that_was_uncordoned_meanwhile_is_cordoned_before_it_is_switched() {
    let mut facts = midway();
    facts.pods.retain(|k, _| &*k.name != "web-worker-2");
    status(&mut facts, "worker-2").step = step_named("Switch");
    let node = facts.nodes.get_mut("worker-2").unwrap();
    (node.unschedulable, node.cordoned_by_cutover) = (false, false);
    assert_eq!(names(&decided(&facts)), ["cordon worker-2"]);
    facts.nodes.get_mut("worker-2").unwrap().unschedulable = true;
    let late = pod("shop", "late", "worker-2", "10.233.2.30", Some(("Deployment", "late")));
    facts.pods.insert(late.key.clone(), late);
    assert_eq!(names(&decided(&facts)), ["evict shop/late uid-late"]);
}

/// Each was found by a schedule of faults.
#[test]
fn what_somebody_did_to_a_node_on_its_way_is_made_good() {
    // its label taken off after the switch: it is switched again before it goes on
    let mut facts = midway();
    status(&mut facts, "worker-2").step = step_named("Verify");
    facts.nodes.get_mut("worker-2").unwrap().switched = false;
    assert_eq!(step(&decided(&facts), "worker-2"), step_named("Switch"));
    // its record deleted: it is out, so it goes on at once, and back by the whole way
    let mut facts = midway();
    record(&mut facts, "worker-2").status = None;
    assert!(facts.nodes["worker-2"].cordoned_by_cutover);
    assert_eq!(step(&decided(&facts), "worker-2"), step_named("Drain"));
    migration(&mut facts).spec.target = Target::Flannel;
    assert_ne!(step(&decided(&facts), "worker-2"), NodeStep::RolledBack);
    assert_ne!(step(&decided(&facts), "worker-2"), step_named("Uncordon"));
}

/// Started before the label changed, or hung: what it does not do it will not do by being waited for.
#[test]
fn an_agent_that_does_not_take_over_is_replaced() {
    for (state, looked, replaced) in
        [("Disabled", 159, false), ("Disabled", 160, true), ("", 160, true), ("", 159, false), ("Warning", 190, false)]
    {
        let mut facts = midway();
        facts.pods.retain(|_, p| &*p.node != "worker-2" || p.host_network);
        facts.nodes.get_mut("worker-2").unwrap().switched = true;
        facts.pods.update(&Key::new("kube-system", "cilium-worker-2"), |agent| agent.created = Some(at(100)));
        let status = status(&mut facts, "worker-2");
        (status.step, status.evidence.switched) = (step_named("Switch"), true);
        status.evidence.agent_before = Some("another".into());
        status.evidence.host =
            Some(HostEvidence { cni_state: state.into(), at: Some(at(looked)), ..HostEvidence::default() });
        let asked = names(&decided(&facts)).iter().any(|n| n.starts_with("delete pod kube-system/cilium-worker-2"));
        assert_eq!(asked, replaced, "{state:?}, looked at {looked}");
    }
}

#[test]
fn a_cordon_of_somebody_elses_stays() {
    let mut facts = midway();
    let status = status(&mut facts, "worker-2");
    (status.step, status.since) = (step_named("Uncordon"), Some(at(190)));
    let node = facts.nodes.get_mut("worker-2").unwrap();
    (node.unschedulable, node.cordoned_by_cutover, node.tainted) = (true, false, false);
    node.switched = true;
    let d = decided(&facts);
    assert!(!names(&d).iter().any(|n| n.starts_with("uncordon")), "{:?}", names(&d));
    assert_eq!(step(&d, "worker-2"), step_named("Observe"));
}

#[test]
fn the_control_plane_goes_last() {
    let mut facts = installed();
    let bare: Vec<_> = ["worker-1", "worker-2", "worker-3"]
        .iter()
        .map(|n| pod("batch", &format!("bare-{n}"), n, "10.233.65.8", None))
        .collect();
    facts.pods.extend(bare.into_iter().map(|p| (p.key.clone(), p)));
    let d = decided(&facts);
    assert!(d.effects.is_empty(), "{:?}", names(&d));
    assert!(d.nodes["cp-1"].waiting.message.contains("the control plane goes last"), "{}", d.nodes["cp-1"].waiting);
}

#[test]
fn a_rollback_never_approves_more_than_was_approved() {
    let facts = installed();
    let patch = cutover::domain::intent::Intent::RollBackTo(phase_named("Verify"))
        .migration_patch(facts.migration.as_ref().unwrap())
        .unwrap();
    assert_eq!(patch["spec"]["approved"], "Migrate");
}

#[test]
fn rolled_back_means_that_cilium_is_gone() {
    let mut facts = before();
    let mut migration = Migration::clone(&installed().migration.unwrap());
    migration.spec.target = Target::Flannel;
    facts.migration = Some(migration.into());
    facts.node_migrations = installed().node_migrations;
    let d = decided(&facts);
    assert_eq!(d.migration.phase, Stage::RolledBack, "{}", d.migration.waiting);
    let mut facts = installed();
    change(&mut facts, |m| m.spec.target = Target::Flannel);
    let d = decided(&facts);
    assert_eq!((d.migration.phase, names(&d)), (Stage::RollingBack, vec!["delete CiliumNodeConfig".to_owned()]));
}

fn trouble(facts: &mut Facts, change: impl FnOnce(&mut Trouble)) {
    let edge = Edge { from: "shop/web".into(), to: "shop/db".into(), port: 5432, protocol: "TCP" };
    let mut trouble = Trouble {
        edge,
        node: "worker-1".into(),
        why: "no answer".into(),
        class: Class::Transient,
        since: at(100),
        last: at(190),
        failed: 9,
        worked: 0,
        worked_before: true,
    };
    change(&mut trouble);
    facts.flows = FlowFacts { watching: Some(Ok(())), troubles: vec![trouble], ..FlowFacts::default() };
}

/// Worker-1 is on Cilium, worker-2 would be next.
fn between_nodes() -> Facts {
    let mut facts = installed();
    facts.nodes.get_mut("worker-1").unwrap().switched = true;
    status(&mut facts, "worker-1").step = NodeStep::Done;
    change(&mut facts, |m| m.spec.observe_seconds = 0);
    facts
}

fn begins(facts: &Facts) -> bool {
    names(&decided(facts)).contains(&"cordon worker-2".to_owned())
}

#[test]
fn what_fails_holds_the_next_node_and_not_the_way_back() {
    assert!(begins(&between_nodes()));
    let held = |how: fn(&mut Trouble)| {
        let mut facts = between_nodes();
        trouble(&mut facts, how);
        !begins(&facts)
    };
    assert!(held(|_| {}), "it worked before, and fails for longer than patience");
    assert!(held(|t| t.worked_before = false), "inside the cluster nobody on Flannel could have said so");
    assert!(!held(|t| (t.worked_before, t.edge.to) = (false, "world".into())), "nobody ever saw it work");
    assert!(!held(|t| (t.worked_before, t.edge.protocol) = (false, "UDP")), "datagrams need no answer");
    assert!(!held(|t| t.node = "worker-3".into()), "whoever says so is not on Cilium any more");
    assert!(held(|t| (t.worked_before, t.edge.port) = (false, 53)), "name resolution is taken to have worked");
    assert!(held(|t| (t.worked_before, t.edge.to) = (false, API_SERVER.into())), "and so is the API server");
    assert!(held(|t| (t.since, t.failed) = (at(180), 1)), "it may pass: that is waited for");
    assert!(!held(|t| (t.since, t.last, t.failed) = (at(100), at(101), 1)), "it has had its time");
    assert!(
        held(|t| (t.class, t.worked_before, t.since) = (Class::Stop, false, at(190))),
        "it does not pass by itself"
    );
    assert!(!held(|t| t.worked = 9 * 20), "one in twenty");
    // whoever has just begun to look listens first, where there is to be a soak at all
    let mut facts = between_nodes();
    facts.flows.settling.insert("worker-1".into());
    assert!(begins(&facts));
    change(&mut facts, |m| m.spec.observe_seconds = 30);
    assert!(!begins(&facts));
    let mut facts = between_nodes();
    trouble(&mut facts, |_| {});
    let d = decided(&facts);
    assert_eq!(d.migration.flows[0].edge, "shop/web->shop/db:5432");
    assert!(
        d.migration.waiting.message.contains("flows: 1 connection failing: shop/web->shop/db:5432 (no answer)"),
        "{}",
        d.migration.waiting
    );
    // a baseline makes up for a memory that was lost
    let lost = |t: &mut Trouble| (t.worked_before, t.edge.to) = (false, "world".into());
    trouble(&mut facts, lost);
    change(&mut facts, |m| m.status.as_mut().unwrap().flows.clear());
    assert!(begins(&facts));
    let record = status(&mut facts, "worker-1");
    record.evidence.baseline_connections = vec!["shop/web->world:5432".into()];
    assert!(!begins(&facts));
    change(&mut facts, |m| m.spec.target = Target::Flannel);
    assert!(names(&decided(&facts)).iter().any(|n| n.contains("worker-1")), "the way back is open");
}

fn agree(m: &mut Migration, edge: &str) {
    let consent = Consent { kind: ConsentKind::BrokenFlow, object: edge.into(), by: "ann".into(), at: at(1) };
    m.spec.consents.push(consent);
}

#[test]
fn an_operator_decides_about_what_fails() {
    let with = |f: fn(&mut Migration)| {
        let mut facts = between_nodes();
        trouble(&mut facts, |_| {});
        change(&mut facts, f);
        begins(&facts)
    };
    assert!(!with(|_| {}));
    assert!(with(|m| agree(m, "shop/web->shop/db:5432")));
    assert!(!with(|m| agree(m, "shop/web->shop/db:5433")), "that was for another one");
    assert!(with(|m| m.spec.guard.limit = 1));
    // a limit holds beyond what is written down, and what was agreed to hides nothing
    let mut many = between_nodes();
    trouble(&mut many, |_| {});
    let one = many.flows.troubles[0].clone();
    let edge = |port| Edge { port, ..one.edge.clone() };
    many.flows.troubles = (1..=30).map(|port| Trouble { edge: edge(port), ..one.clone() }).collect();
    change(&mut many, |m| m.spec.guard.limit = 29);
    assert!(!begins(&many) && decided(&many).migration.flows.len() == 20);
    change(&mut many, |m| m.spec.guard.limit = 30);
    assert!(begins(&many));
    change(&mut many, |m| {
        m.spec.guard.limit = 0;
        (1..30).for_each(|port| agree(m, &format!("shop/web->shop/db:{port}")));
    });
    assert!(!begins(&many));
    assert_eq!(decided(&many).migration.flows[0].edge, "shop/web->shop/db:30");
    assert!(with(|m| m.spec.guard.enabled = false));
    // patience of five minutes: it may still pass
    assert!(!with(|m| m.spec.guard.patience_seconds = 300));
}

/// Whoever watched has been started anew: what he wrote down holds until it is seen to work, or its node is back.
#[test]
fn what_was_written_down_outlives_whoever_saw_it() {
    let mut facts = between_nodes();
    trouble(&mut facts, |_| {});
    let written = decided(&facts).migration.flows.clone();
    change(&mut facts, |m| m.status.as_mut().unwrap().flows = written);
    facts.flows = FlowFacts::default();
    assert!(!begins(&facts));
    let mut works = facts.clone();
    let edge = Edge { from: "shop/web".into(), to: "shop/db".into(), port: 5432, protocol: "TCP" };
    works.flows.working = Arc::new([("shop/web".into(), vec![edge])].into());
    assert!(begins(&works));
    facts.nodes.get_mut("worker-1").unwrap().switched = false;
    facts.nodes.get_mut("worker-3").unwrap().switched = true;
    assert!(decided(&facts).migration.flows.is_empty());
}

#[test]
fn what_a_nodes_pods_speak_with_is_written_down_before_it_moves() {
    let mut facts = installed();
    let mut edges = BTreeMap::new();
    let edge = |to: &str, port| Edge { from: "shop/web".into(), to: to.into(), port, protocol: "TCP" };
    edges.insert("shop/web".into(), vec![edge("shop/db", 5432), edge("kube-system/coredns", 53)]);
    edges.insert("other/api".into(), vec![edge("other/db", 1)]);
    facts.flows.working = Arc::new(edges);
    let d = decided(&facts);
    assert_eq!(
        d.nodes["worker-1"].evidence.baseline_connections,
        ["shop/web->kube-system/coredns:53", "shop/web->shop/db:5432"]
    );
}
