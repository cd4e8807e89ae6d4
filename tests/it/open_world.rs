//! The cluster belongs to others, too: what they write is neither believed nor touched.

use cutover::domain::{
    adopt::{adopt, ambiguous},
    api::{ConsentKind, MigrationStatus, NodeMigrationStatus, PhaseState, Pin, Pins, Severity, Stage, Target},
    checks,
    effect::{FINALIZER, FLANNEL_BACKUP, NODE_CONFIG, RELEASE, flannel::objection},
    facts::{
        ByName, CiliumConfigFact, DaemonSetFact, Facts, FlannelCopyFact, Freshness, Key, NodeConfigFact, PodFact,
        Source,
    },
    reason::Reason,
    steps::NodeStep,
};
use serde_json::json;

use crate::{
    build::{Build, assert_waits, decided, inspected, names, step},
    fixture::{self, at, before, installed, midway, migration, phase_named, pod, step_named},
};

const NODES: [&str; 4] = ["cp-1", "worker-1", "worker-2", "worker-3"];

fn state(facts: &mut Facts, phase: &str, state: PhaseState) {
    facts.status(|s| s.phases.iter_mut().find(|p| p.name == phase_named(phase)).unwrap().state = state);
}

fn config(facts: &mut Facts, change: impl FnOnce(&mut CiliumConfigFact)) {
    change(facts.cilium_configs.get_mut(&Key::new("kube-system", "cilium-config")).unwrap());
}

/// Every node is done, Cilium is the default, and Remove is approved.
fn finalized() -> Facts {
    let mut facts = installed();
    for (i, node) in NODES.into_iter().enumerate() {
        facts.record(node, |s| (s.step, s.attempt, s.phase) = (NodeStep::Done, 1, Some(phase_named("Migrate"))));
        facts.node_is(node, |n| n.switched = true);
        facts.empty(node).place(pod(
            "shop",
            &format!("api-{node}"),
            node,
            &format!("10.245.{i}.9"),
            Some(("Deployment", "api")),
        ));
    }
    config(&mut facts, |c| c.custom_conf = false);
    facts.daemon_sets.get_mut(&Key::new("kube-system", RELEASE)).unwrap().restarted_for = Some("finalize".into());
    facts.node_configs.clear();
    for phase in ["Migrate", "Finalize"] {
        state(&mut facts, phase, PhaseState::Done);
    }
    facts.want(|s| s.approved = phase_named("Verify"));
    let flannel = vec![Pin { namespace: "kube-system".into(), name: "kube-flannel".into() }];
    facts.status(|s| s.pins = Some(Pins { flannel, ..Pins::default() }));
    facts
}

fn copy(digest: &str) -> FlannelCopyFact {
    FlannelCopyFact { digest: digest.into(), daemon_sets: vec![Key::new("kube-system", "kube-flannel")], cni: None }
}

/// The same, ended.
fn ended(stage: Stage) -> Facts {
    let mut facts = finalized();
    facts.status(|s| (s.phase, s.finished_at, s.observed_generation) = (stage, Some(at(150)), 3));
    facts.want(|s| s.target = if stage == Stage::Complete { Target::Cilium } else { Target::Flannel });
    facts
}

/// A tenant's DaemonSet.
fn evil(name: &str, container: &str) -> DaemonSetFact {
    DaemonSetFact {
        key: Key::new("aaa", name),
        image: "evil.example/rootkit:1".into(),
        containers: vec![container.into()],
        host_network: true,
        ..DaemonSetFact::default()
    }
}

/// The DaemonSets that a decision relies on as Flannel's.
fn pinned(facts: &Facts) -> Vec<String> {
    let pins = decided(facts).migration.pins.clone().unwrap_or_default();
    pins.flannel.iter().map(|pin| format!("{}/{}", pin.namespace, pin.name)).collect()
}

#[test]
fn flannel_is_what_preflight_saw_and_nothing_that_looks_like_it_later() {
    let begins = || {
        let mut facts = before();
        (facts.migration, facts.node_migrations) = (installed().migration, installed().node_migrations);
        facts.migration(|m| m.status = None).want(|s| s.approved = phase_named("Install"));
        facts
    };
    let mut facts = begins();
    assert_eq!(pinned(&facts), ["kube-system/kube-flannel"]);
    let twin = evil("kube-flannel", "kube-flannel");
    facts.daemon_sets.insert(twin.key.clone(), twin.clone());
    assert!(pinned(&facts).is_empty(), "preflight cannot tell them apart");
    // also after a change of an earlier preflight's
    facts.status(|s| s.pins = Some(Pins { marks: vec!["uid".into()], ..Pins::default() }));
    assert!(pinned(&facts).is_empty());
    // on the way back preflight is not asked: what is pinned stays, nothing is added
    let mut facts = midway();
    facts.daemon_sets.insert(twin.key.clone(), twin.clone());
    facts.want(|s| s.target = Target::Flannel);
    facts.status(|s| s.pins = None);
    assert!(!names(&decided(&facts)).is_empty() && pinned(&facts).is_empty());
    // pods that are not on the host's network are none of Flannel's
    let mut facts = begins();
    let twin = DaemonSetFact { host_network: false, ..twin };
    facts.daemon_sets.insert(twin.key.clone(), twin);
    assert_eq!(pinned(&facts), ["kube-system/kube-flannel"]);
}

#[test]
fn adoption_takes_flannel_from_the_copy_or_not_at_all() {
    let mut facts = finalized();
    let twin = evil("kube-flannel", "kube-flannel");
    facts.daemon_sets.insert(twin.key.clone(), twin);
    assert!(ambiguous(&facts).is_some_and(|p| p.object.contains("kube-system/kube-flannel")));
    // Remove has begun: the copy names Flannel's DaemonSets, and the tenant's is none of them
    facts.daemon_sets.remove(&Key::new("kube-system", "kube-flannel"));
    facts.flannel_copies.insert(Key::new("kube-system", FLANNEL_BACKUP), copy("hash"));
    facts.migration = None;
    assert!(ambiguous(&facts).is_none());
    let pins = adopt(&facts, fixture::spec(), at(200)).unwrap().status.unwrap().pins.unwrap();
    assert_eq!(pins.flannel, [Pin { namespace: "kube-system".into(), name: "kube-flannel".into() }]);
}

#[test]
fn look_alikes_in_other_namespaces_are_not_believed() {
    let mut facts = installed();
    let as_it_was = decided(&facts);
    facts.cilium_configs.insert(Key::new("aaa", "cilium-config"), CiliumConfigFact::default());
    facts.flannel_copies.insert(Key::new("aaa", FLANNEL_BACKUP), copy("hash"));
    for set in [evil("x", "cilium-agent"), evil(RELEASE, "cilium-agent"), evil("y", "kube-flannel")] {
        facts.daemon_sets.insert(set.key.clone(), set);
    }
    facts.status(|s| s.pins = finalized().migration.unwrap().status.as_ref().unwrap().pins.clone());
    assert_eq!(names(&decided(&facts)), names(&as_it_was));
    assert_eq!(&*facts.cilium_agents().unwrap().key.namespace, "kube-system");
    assert_eq!(facts.flannel_daemon_sets().count(), 1);
    let task = fixture::pod("batch", "cutover-reboot-worker-1-0", "worker-1", "10.233.65.3", None);
    facts.place(PodFact { task: Some("reboot".into()), report: Some((0, String::new())), ..task });
    assert!(facts.task_pods().next().is_none());
    assert!(names(&decided(&facts)).iter().all(|n| !n.contains("batch/")), "{:?}", names(&decided(&facts)));
}

#[test]
fn a_release_that_another_actor_changed_holds_the_migration() {
    let mut facts = installed();
    config(&mut facts, |c| c.custom_conf = false);
    let d = decided(&facts);
    assert_eq!((names(&d), d.migration.waiting.reason), (vec![], Reason::IdentityChanged), "{}", d.migration.waiting);
    // also on the way back: what is uninstalled has to be what Cutover installed
    facts.want(|s| s.target = Target::Flannel);
    assert_eq!(decided(&facts).migration.waiting.reason, Reason::IdentityChanged);
    // and where a deleted Migration has installed it: nodes cannot go back one by one under such agents
    state(&mut facts, "Install", PhaseState::Pending);
    assert_eq!(decided(&facts).migration.waiting.reason, Reason::IdentityChanged);

    let mut facts = installed();
    let flannel = vec![Pin { namespace: "kube-system".into(), name: "kube-flannel".into() }];
    let pins = Pins { flannel, agent_image: Some("quay.io/cilium:v1".into()), ..Pins::default() };
    facts.status(|s| s.pins = Some(pins));
    assert_eq!(names(&decided(&facts)), ["cordon worker-1"]);
    facts.daemon_sets.get_mut(&Key::new("kube-system", RELEASE)).unwrap().image = "quay.io/cilium:v2".into();
    let d = decided(&facts);
    assert_eq!((names(&d), d.migration.waiting.object.as_str()), (vec![], "daemonset/kube-system/cilium"));
}

#[test]
fn flannel_is_taken_away_only_where_nothing_needs_it() {
    let mut facts = finalized();
    assert_eq!(names(&decided(&facts)), ["back up Flannel's objects"]);
    // a node that joined with a pod on Flannel
    let stray = pod("infra", "log-9", "worker-3", "10.233.67.2", Some(("DaemonSet", "log")));
    facts.place(stray);
    let d = decided(&facts);
    assert_eq!((names(&d), d.migration.waiting.reason), (vec![], Reason::PodsOnOldNetwork));
    facts.flannel_copies.insert(Key::new("kube-system", FLANNEL_BACKUP), copy("hash"));
    state(&mut facts, "Remove", PhaseState::Running);
    assert_eq!(names(&decided(&facts)), Vec::<String>::new(), "with the copy in hand");
    facts.daemon_sets.retain(|k, _| &*k.name == RELEASE);
    assert_eq!(names(&decided(&facts)), Vec::<String>::new(), "no host is cleaned either");
    facts.without_pods("log-9").without_pods("kube-flannel");
    assert!(!decided(&facts).effects.is_empty());
    // before Cilium is the default every node has to be done
    let mut facts = finalized();
    config(&mut facts, |c| c.custom_conf = true);
    facts.daemon_sets.get_mut(&Key::new("kube-system", RELEASE)).unwrap().restarted_for = None;
    state(&mut facts, "Finalize", PhaseState::NeedsApproval);
    facts.record("worker-3", |s| s.step = NodeStep::Pending).node_is("worker-3", |n| n.switched = false);
    assert!(names(&decided(&facts)).iter().all(|n| !n.contains("finalize")));
}

/// The copy is on record before Flannel is deleted, and nothing else is ever created from it.
#[test]
fn a_copy_that_another_actor_changed_is_not_used() {
    let mut facts = finalized();
    facts.flannel_copies.insert(Key::new("kube-system", FLANNEL_BACKUP), copy("hash"));
    let d = decided(&facts);
    assert_eq!(names(&d), ["delete Flannel's objects"]);
    let pins = d.migration.pins.clone().unwrap();
    assert_eq!(pins.flannel_copy.as_deref(), Some("hash"));
    // deleted; on the way back
    facts.daemon_sets.retain(|k, _| &*k.name == RELEASE);
    facts.without_pods("kube-flannel").status(|s| s.pins = Some(pins)).want(|s| s.target = Target::Flannel);
    state(&mut facts, "Remove", PhaseState::RollingBack);
    assert_eq!(names(&decided(&facts)), ["restore Flannel's objects"]);
    facts.flannel_copies.insert(Key::new("kube-system", FLANNEL_BACKUP), copy("planted"));
    let d = decided(&facts);
    assert_eq!((names(&d), d.migration.waiting.reason), (vec![], Reason::IdentityChanged), "{}", d.migration.waiting);
}

#[test]
fn a_copy_holds_nothing_but_flannels_objects() {
    let object = |kind: &str, api: &str, namespace: &str, name: &str| json!({"apiVersion": api, "kind": kind, "metadata": {"namespace": namespace, "name": name}});
    let binding = |role: &str, namespace: &str| {
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": "x"}, "roleRef": {"name": role}, "subjects": [{"kind": "ServiceAccount", "name": "flannel", "namespace": namespace}]})
    };
    let user = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "x"},
        "roleRef": {"name": "flannel"}, "subjects": [{"kind": "User", "name": "mallory"}]});
    let cases = [
        (object("DaemonSet", "apps/v1", "kube-flannel", "kube-flannel-ds"), true),
        (object("ConfigMap", "v1", "kube-flannel", "kube-flannel-cfg"), true),
        (object("ServiceAccount", "v1", "kube-flannel", "flannel"), true),
        (object("ClusterRole", "rbac.authorization.k8s.io/v1", "", "flannel"), true),
        (binding("flannel", "kube-flannel"), true),
        (binding("cluster-admin", "kube-flannel"), false),
        (binding("flannel", "shop"), false),
        (user, false),
        (object("ClusterRole", "rbac.authorization.k8s.io/v1", "", "god"), false),
        (object("ConfigMap", "v1", "kube-flannel", "coredns"), false),
        (object("ConfigMap", "v1", "kube-system", "kube-flannel-cfg"), false),
        (object("DaemonSet", "apps/v1", "kube-system", "evil"), false),
        (object("Pod", "v1", "kube-flannel", "evil"), false),
    ];
    for (object, fits) in cases {
        assert_eq!(objection(&object, &["kube-flannel"]).is_none(), fits, "{object}");
    }
}

#[test]
fn after_the_end_nothing_is_changed_until_something_else_is_wanted() {
    for stage in [Stage::Complete, Stage::RolledBack] {
        let mut facts = ended(stage);
        // whatever others do by then: Flannel is there, a release is there, a node has joined
        facts.nodes.insert("worker-9".into(), fixture::node("worker-9", 9));
        assert_eq!(names(&decided(&facts)), ["release the Migration"]);
        facts.migration(|m| m.metadata.finalizers = None);
        let d = decided(&facts);
        assert_eq!((d.migration.phase, names(&d)), (stage, vec![]));
        let (other, begins) = if stage == Stage::Complete {
            (Target::Flannel, Stage::RollingBack)
        } else {
            (Target::Cilium, Stage::At(phase_named("Preflight")))
        };
        // restored from a backup the generation of its spec may be any
        for generation in [3, 4] {
            facts.migration(|m| m.metadata.generation = Some(generation)).want(|s| s.target = other);
            assert_eq!(decided(&facts).migration.phase, begins, "an operator wants something else");
        }
    }
}

#[test]
fn another_machine_under_the_name_of_a_node_was_never_moved() {
    let mut facts = installed();
    facts.record("worker-1", |s| {
        (s.step, s.attempt, s.node_uid) = (NodeStep::Done, 1, Some("the machine before".into()));
    });
    assert_eq!(names(&decided(&facts)), ["cordon worker-1"]);
    let uid = facts.nodes["worker-1"].uid.to_string();
    facts.record("worker-1", |s| s.node_uid = Some(uid)).node_is("worker-1", |n| n.switched = true);
    assert_eq!(step(&decided(&facts), "worker-1"), NodeStep::Done);
}

#[test]
fn a_mark_without_a_cordon_is_named_before_anything_begins() {
    let mut facts = before();
    facts.migration = midway().migration;
    facts.status(|s| *s = MigrationStatus::default()).node_is("worker-2", |n| n.stray_mark = true);
    let findings = checks::preflight(&inspected(&facts, 200));
    let found = findings.iter().find(|f| f.object == "node/worker-2" && f.severity == Severity::Block).unwrap();
    assert!(found.remedy.contains("kubectl annotate node worker-2 cutover.dev/cordoned-"), "{}", found.remedy);
}

#[test]
fn a_node_that_was_shut_down_by_hand_is_left_alone() {
    let mut facts = installed();
    let taint = cutover::domain::facts::Taint {
        key: "node.kubernetes.io/out-of-service".into(),
        value: "nodeshutdown".into(),
        effect: "NoExecute".into(),
    };
    facts.node_is("worker-1", |n| n.taints.push(taint));
    let d = decided(&facts);
    assert_waits(&d, "worker-1", "is left alone");
    facts.consent(ConsentKind::TakeCordoned, "node/worker-1");
    assert_eq!(names(&decided(&facts)), ["cordon worker-1"]);
}

/// Between the decision that a node may be taken out and its cordon another actor may be quicker.
#[test]
fn a_node_that_was_cordoned_a_moment_before_is_left_alone() {
    let mut facts = installed();
    facts.record("worker-1", |s| {
        (s.step, s.attempt, s.phase) = (NodeStep::named("Cordon").unwrap(), 1, Some(phase_named("Migrate")));
    });
    assert_eq!(names(&decided(&facts)), ["cordon worker-1"]);
    facts.node_is("worker-1", |n| n.unschedulable = true);
    let d = decided(&facts);
    assert_waits(&d, "worker-1", "is left alone");
    assert_eq!((names(&d), step(&d, "worker-1").name()), (vec![], "Cordon"));
    // its own cordon
    facts.node_is("worker-1", |n| n.cordoned_by_cutover = true);
    assert_eq!(names(&decided(&facts)), ["taint worker-1"]);
    facts.node_is("worker-1", |n| n.cordoned_by_cutover = false).consent(ConsentKind::TakeCordoned, "node/worker-1");
    assert_eq!(names(&decided(&facts)), ["taint worker-1"]);
}

/// The engine that saw helm fail is gone; what it wrote down is that the phase is blocked.
#[test]
fn an_uninstall_that_failed_half_way_is_run_again_by_the_next_engine() {
    let mut facts = before();
    (facts.migration, facts.node_migrations) = (installed().migration, installed().node_migrations);
    facts.want(|s| s.target = Target::Flannel);
    facts.status(|s| s.pending_helm_operation = Some("helm uninstall".into()));
    for state_of in [PhaseState::RollingBack, PhaseState::Blocked] {
        state(&mut facts, "Install", state_of);
        assert_eq!(names(&decided(&facts)), ["helm uninstall"], "{state_of:?}");
    }
}

#[test]
fn what_another_actor_has_installed_is_not_uninstalled() {
    let mut facts = installed();
    facts.status(|s| *s = MigrationStatus::default()).want(|s| s.approved = phase_named("Preflight"));
    let d = decided(&facts);
    assert_eq!((names(&d), d.migration.started_at), (vec![], None));
    facts.want(|s| s.target = Target::Flannel);
    assert_eq!(names(&decided(&facts)), Vec::<String>::new());
}

/// Cilium that is there when a migration that was rolled back begins again is not what it had installed.
#[test]
fn what_was_rolled_back_begins_again_with_its_checks() {
    let mut facts = installed();
    let phases = facts.migration.as_ref().unwrap().status.as_ref().unwrap().phases.clone();
    facts.status(|s| {
        (s.phase, s.finished_at, s.observed_generation) = (Stage::RolledBack, Some(at(150)), 3);
        s.phases = phases;
        s.phases.iter_mut().for_each(|p| p.state = PhaseState::Pending);
    });
    facts.migration(|m| m.metadata.generation = Some(4));
    for _ in 0..2 {
        let d = decided(&facts);
        assert_eq!((names(&d), d.migration.started_at), (vec![], None));
        assert_eq!(
            (d.migration.phase.to_string(), d.migration.waiting.reason),
            ("Preflight".into(), Reason::CheckFailed)
        );
        facts.status(|s| *s = d.migration.clone());
    }
}

/// What only tidies up begins no migration: a tenant can set the marks that ask for it.
#[test]
fn tidying_up_begins_nothing() {
    let mut facts = before();
    facts.migration = installed().migration;
    facts.status(|s| *s = MigrationStatus::default()).want(|s| s.approved = phase_named("Preflight"));
    facts.deployment("web", 2, 2);
    facts.workloads.values_mut().for_each(|w| w.scaled_from = Some(1));
    let d = decided(&facts);
    assert_eq!(names(&d).iter().filter(|n| n.contains("scale")).count(), 1, "{:?}", names(&d));
    assert_eq!(d.migration.started_at, None);
}

/// helm is at work, or has ended, when the phase is taken back, or when an earlier one has something to do again.
#[test]
fn a_finalize_that_was_taken_back_while_helm_was_at_work_is_this_migrations_own() {
    let mut facts = finalized();
    state(&mut facts, "Finalize", PhaseState::Pending);
    facts.want(|s| s.approved = phase_named("Migrate"));
    facts.status(|s| s.pending_helm_operation = Some("helm upgrade (finalize)".into()));
    let d = decided(&facts);
    assert_eq!((names(&d), d.migration.waiting.reason), (vec!["create CiliumNodeConfig".to_owned()], Reason::Working));
    // also where it has changed nothing yet: its operation is on record until another one takes its place
    config(&mut facts, |c| c.custom_conf = true);
    facts.node_configs = installed().node_configs;
    assert_eq!(names(&decided(&facts)), ["helm upgrade (undo finalize)"]);
}

#[test]
fn what_is_asked_for_after_the_end_is_not_forgotten_while_it_is_held() {
    let mut facts = ended(Stage::Complete);
    facts.status(|s| s.pins.as_mut().unwrap().agent_image = Some("quay.io/cilium:v0".into()));
    assert_eq!(decided(&facts).migration.phase, Stage::Complete, "others may upgrade it by then");
    facts.migration(|m| m.metadata.generation = Some(4)).want(|s| s.target = Target::Flannel);
    let d = decided(&facts);
    assert_eq!((d.migration.phase, d.migration.waiting.reason), (Stage::RollingBack, Reason::IdentityChanged));
    facts.status(|s| *s = d.migration.clone());
    assert_eq!(decided(&facts).migration.waiting.reason, Reason::IdentityChanged, "and stays so");
}

/// Without the copy Flannel cannot come back: no node is sent to it.
#[test]
fn a_copy_that_is_gone_holds_the_way_back() {
    let mut facts = finalized();
    facts.daemon_sets.retain(|k, _| &*k.name == RELEASE);
    facts.without_pods("kube-flannel").want(|s| s.target = Target::Flannel);
    facts.status(|s| s.pins.as_mut().unwrap().flannel_copy = Some("hash".into()));
    state(&mut facts, "Remove", PhaseState::Done);
    let d = decided(&facts);
    assert_eq!((names(&d), d.migration.waiting.reason), (vec![], Reason::IdentityChanged), "{}", d.migration.waiting);
}

#[test]
fn a_mark_that_names_another_migration_is_another_actors() {
    let mut facts = installed();
    facts.migration(|m| m.metadata.uid = Some("this".into()));
    let marked = |n: &mut cutover::domain::facts::NodeFact, uid: &str| {
        (n.unschedulable, n.cordoned_by_cutover, n.mark) = (true, true, Some(uid.into()));
    };
    facts.node_is("worker-1", |n| marked(n, "another"));
    assert_waits(&decided(&facts), "worker-1", "was cordoned by another actor");
    facts.node_is("worker-1", |n| marked(n, "this"));
    assert_eq!(step(&decided(&facts), "worker-1").spec().map(|s| s.id), Some("Cordon"));
    // as one that was deleted, and that this one has taken over
    facts.node_is("worker-1", |n| marked(n, "another"));
    facts.status(|s| s.pins.get_or_insert_default().marks = vec!["another".into()]);
    assert_eq!(step(&decided(&facts), "worker-1").spec().map(|s| s.id), Some("Cordon"));
}

#[test]
fn a_migration_that_is_deleted_midway_goes_only_back() {
    let mut facts = midway();
    facts.migration(|m| m.metadata.finalizers = None);
    assert!(names(&decided(&facts)).contains(&"hold the Migration".to_owned()));
    facts.migration(|m| {
        m.metadata.finalizers = Some(vec![FINALIZER.into()]);
        m.metadata.deletion_timestamp = serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap();
    });
    let d = decided(&facts);
    assert_eq!((names(&d), d.migration.waiting.reason), (vec![], Reason::MigrationDeleted), "{}", d.migration.waiting);
    facts.want(|s| s.target = Target::Flannel);
    assert!(!decided(&facts).effects.is_empty());
    // at its end it goes
    let mut facts = ended(Stage::RolledBack);
    facts.migration(|m| m.metadata.deletion_timestamp = serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap());
    assert_eq!(names(&decided(&facts)), ["release the Migration"]);
}

/// The facts say how far each phase has come, as far as it was begun.
#[test]
fn a_migration_that_is_gone_is_taken_over_where_it_was() {
    let copied = |mut facts: Facts| {
        facts.flannel_copies.insert(Key::new("kube-system", FLANNEL_BACKUP), copy("hash"));
        facts
    };
    for (facts, begun) in [
        (before(), None),
        (installed(), Some("Install")),
        (midway(), Some("Migrate")),
        (finalized(), Some("Finalize")),
        (copied(finalized()), Some("Remove")),
    ] {
        let mut facts = facts;
        (facts.migration, facts.node_migrations) = (None, ByName::default());
        let found = adopt(&facts, fixture::spec(), at(200));
        assert_eq!(found.as_ref().map(|m| m.spec.approved), begun.map(phase_named));
        let Some(found) = found else { continue };
        assert!(found.spec.paused);
        // rolled back from there it begins with what was done last
        let pins = found.status.as_ref().unwrap().pins.clone().unwrap();
        assert_eq!(pins.flannel_copy.as_deref(), (begun == Some("Remove")).then_some("hash"));
        facts.migration = Some(found.into());
        facts.want(|s| (s.paused, s.target) = (false, Target::Flannel));
        assert_eq!(decided(&facts).migration.phase, Stage::RollingBack, "{begun:?}");
        assert!(decided(&facts).effects.len() > 1);
    }
}

#[test]
fn finalize_is_undone_in_the_release_although_its_config_was_edited_by_hand() {
    let mut facts = finalized();
    config(&mut facts, |c| c.custom_conf = true);
    facts.status(|s| s.pins.as_mut().unwrap().release = Some("helm upgrade (finalize)".into()));
    facts.want(|s| s.target = Target::Flannel);
    let decision = decided(&facts);
    assert_eq!(names(&decision), ["create CiliumNodeConfig"]);
    facts.node_configs.insert(Key::new("kube-system", NODE_CONFIG), NodeConfigFact::default());
    assert_eq!(names(&decided(&facts)), ["helm upgrade (undo finalize)"]);
    facts.status(|s| s.pins.as_mut().unwrap().release = Some("helm upgrade (undo finalize)".into()));
    assert_eq!(names(&decided(&facts)), ["restart agents (undo-finalize)"]);
}

#[test]
fn a_node_without_a_record_is_not_moved() {
    let mut facts = installed();
    assert_eq!(names(&decided(&facts)), ["cordon worker-1"]);
    facts.node_migrations.remove("worker-1");
    let due = names(&decided(&facts));
    assert!(due.contains(&"record worker-1".to_owned()) && !due.contains(&"cordon worker-1".to_owned()), "{due:?}");
}

#[test]
fn the_record_of_a_node_that_is_gone_is_deleted_unless_an_operator_asked_for_something() {
    let mut facts = installed();
    facts.empty("worker-3").nodes.remove("worker-3");
    fixture::record(&mut facts, "worker-3").metadata.uid = Some("record-uid".into());
    let deleted = |facts: &Facts| names(&decided(facts)).contains(&"delete record worker-3 record-uid".to_owned());
    assert!(deleted(&facts));
    fixture::record(&mut facts, "worker-3").spec.target = Target::Flannel;
    assert!(!deleted(&facts), "its name is held on Flannel");
}

#[test]
fn definitions_are_deleted_by_consent_alone_and_once_nothing_of_cilium_is_left() {
    let back = |mut facts: Facts, agreed: &[&str]| {
        for name in ["ciliumnodes.cilium.io", "ciliumnetworkpolicies.cilium.io", "tracingpolicies.cilium.io"] {
            facts.crds.insert(name.into(), vec!["v2".into()]);
        }
        facts.want(|s| s.target = Target::Flannel);
        for object in agreed {
            facts.consent(ConsentKind::DeleteDefinition, object);
        }
        names(&decided(&facts))
    };
    let uninstalled = || {
        let mut facts = before();
        (facts.migration, facts.node_migrations) = (installed().migration, installed().node_migrations);
        facts
    };
    assert_eq!(back(uninstalled(), &[]), Vec::<String>::new());
    let one = "CustomResourceDefinition/ciliumnodes.cilium.io";
    assert_eq!(back(uninstalled(), &[one]), ["delete definition ciliumnodes.cilium.io"]);
    let first = ["delete definition ciliumnetworkpolicies.cilium.io"];
    assert_eq!(back(uninstalled(), &["CustomResourceDefinition/*"]), first, "one after the other");
    assert_eq!(back(uninstalled(), &["CustomResourceDefinition/tracingpolicies.cilium.io"]), Vec::<String>::new());
    assert!(!back(installed(), &[one]).iter().any(|n| n.starts_with("delete definition")));
}

/// Everybody may write a selector, a record or a taint: what this migration has changed stays its own.
#[test]
fn nodes_that_are_on_cilium_go_back_whatever_selector_and_records_say() {
    let mut facts = finalized();
    facts.want(|s| s.approved = phase_named("Migrate"));
    state(&mut facts, "Finalize", PhaseState::Pending);
    config(&mut facts, |c| c.custom_conf = true);
    facts.want(|s| {
        s.target = Target::Flannel;
        s.nodes.selector.insert("pool".into(), "nobody".into());
    });
    let order = |facts: &Facts| decided(facts).nodes.len();
    assert_eq!(order(&facts), NODES.len(), "moved nodes are the migration's");
    // a record that says that the node is back, and a node that says otherwise
    for node in NODES {
        facts.record(node, |s| (s.step, s.direction) = (NodeStep::RolledBack, Target::Flannel));
    }
    assert!(!names(&decided(&facts)).contains(&"helm uninstall".to_owned()));
}

#[test]
fn cilium_is_not_uninstalled_while_a_pod_has_one_of_its_addresses() {
    let mut facts = installed();
    facts.want(|s| s.target = Target::Flannel);
    facts.node_configs.clear();
    assert!(names(&decided(&facts)).contains(&"helm uninstall".to_owned()), "{:?}", names(&decided(&facts)));
    // on a node that is not known yet
    facts.place(pod("shop", "late", "worker-9", "10.245.9.9", Some(("Deployment", "api"))));
    assert!(!names(&decided(&facts)).contains(&"helm uninstall".to_owned()));
}

#[test]
fn a_taint_alone_is_nobodys() {
    let mut facts = installed();
    facts.node_is("cp-1", |n| n.tainted = true);
    assert_eq!(names(&decided(&facts)), ["cordon worker-1"], "the control plane goes last all the same");
    facts.node_is("worker-3", |n| (n.unschedulable, n.tainted) = (true, true));
    assert_eq!(names(&decided(&facts)), Vec::<String>::new(), "somebody is at work on it");
}

#[test]
fn flannel_that_another_actor_has_deleted_holds_both_ways() {
    for target in [Target::Cilium, Target::Flannel] {
        let mut facts = finalized();
        facts.want(|s| s.target = target);
        facts.daemon_sets.retain(|k, _| &*k.name != "kube-flannel");
        let held = decided(&facts).held.clone().expect("held");
        assert_eq!(
            (held.reason, held.object.as_str()),
            (Reason::IdentityChanged, "daemonset/kube-system/kube-flannel")
        );
        // the phase that deletes it has begun
        state(&mut facts, "Remove", PhaseState::Running);
        assert!(decided(&facts).held.as_ref().is_none_or(|h| h.object != "daemonset/kube-system/kube-flannel"));
    }
}

#[test]
fn a_pin_alone_makes_nothing_flannels() {
    let mut facts = finalized();
    let key = Key::new("kube-system", "kube-proxy");
    facts.daemon_sets.insert(key.clone(), DaemonSetFact { key: key.clone(), ..DaemonSetFact::default() });
    facts.status(|s| {
        let pins = &mut s.pins.get_or_insert_default().flannel;
        pins.push(Pin { namespace: "kube-system".into(), name: "kube-proxy".into() });
    });
    assert!(facts.flannel_daemon_sets().all(|d| d.key != key));
}

/// What a drain of the way back would need is asked before the node is taken out.
#[test]
fn a_node_goes_back_only_when_it_could_return() {
    let back = |change: &dyn Fn(&mut Facts)| {
        let mut facts = midway();
        facts.record("worker-2", |s| *s = NodeMigrationStatus::default());
        facts.node_is("worker-2", |n| (n.unschedulable, n.cordoned_by_cutover, n.tainted) = (false, false, false));
        facts.record("worker-1", |s| s.evidence.switched = true).want_of("worker-1", |s| s.target = Target::Flannel);
        facts.budgets.clear();
        change(&mut facts);
        let d = decided(&facts);
        let waits = d.nodes.get("worker-1").map(|s| s.waiting.reason);
        (names(&d).contains(&"cordon worker-1".to_owned()), waits.unwrap_or_default())
    };
    assert_eq!(back(&|_| {}), (true, Reason::Working));
    let bare = |facts: &mut Facts| _ = facts.place(pod("batch", "import-once", "worker-1", "10.245.1.8", None));
    assert_eq!(back(&bare), (false, Reason::NeedsConsent));
    assert_eq!(back(&|f| bare_with_consent(f)), (true, Reason::Working));
    let flannel = |facts: &mut Facts| {
        let flannel = facts.flannel_on("worker-1").unwrap().clone();
        facts.place(PodFact { ready: false, ..flannel });
    };
    assert_eq!(back(&flannel), (false, Reason::FlannelNotReady));
    let refused = |facts: &mut Facts| facts.task_pods.answers.clear();
    assert_eq!(back(&refused), (false, Reason::TaskRunning), "the API server was not asked");
}

fn bare_with_consent(facts: &mut Facts) {
    facts.place(pod("batch", "import-once", "worker-1", "10.245.1.8", None));
    facts.consent(ConsentKind::DeleteBarePod, "batch/import-once");
}

/// Whoever can read a Migration knows how its next task pod is called.
#[test]
fn a_task_pod_of_another_owner_or_node_is_not_believed() {
    let rebooting = |owner: Option<&str>, node: &str| {
        let mut facts = midway();
        migration(&mut facts).metadata.uid = Some("ours".into());
        facts.node_is("worker-2", |n| (n.switched, n.mark) = (true, Some("ours".into()))).without_pods("web-worker-2");
        facts.record("worker-2", |s| {
            s.step = step_named("Restart");
            s.evidence.boot_id_before = Some("boot-worker-2-1".into());
        });
        let task = pod("kube-system", "cutover-reboot-worker-2-0", node, "", None);
        facts.place(PodFact {
            task: Some("reboot".into()),
            task_owner: owner.map(Into::into),
            report: Some((0, "rebooting=boot-worker-2-1\ndone=1\n".into())),
            ..task
        });
        let d = decided(&facts);
        (names(&d), d.nodes["worker-2"].waiting.reason)
    };
    assert_eq!(rebooting(Some("ours"), "worker-2"), (vec![], Reason::Rebooting));
    for (owner, node) in [(None, "worker-2"), (Some("another"), "worker-2"), (Some("ours"), "worker-3")] {
        let (due, waits) = rebooting(owner, node);
        // one on the node is drained like any other pod
        assert!(matches!(waits, Reason::IdentityChanged | Reason::Draining), "{owner:?} {node}: {waits:?}");
        assert!(
            due.iter().all(|n| !n.starts_with("delete pod kube-system/cutover-reboot") || node == "worker-3"),
            "{due:?}"
        );
    }
}

/// A backup that is restored without the status, or a Migration that is created anew.
#[test]
fn a_migration_that_does_not_know_its_beginning_takes_nothing_back() {
    let mut facts = midway();
    facts.want(|s| s.target = Target::Flannel);
    assert!(decided(&facts).held.is_none());
    migration(&mut facts).status = None;
    let d = decided(&facts);
    assert_eq!((names(&d), d.held.as_ref().map(|h| h.reason)), (vec![], Some(Reason::MigrationUnknown)));
    // there is nothing to take back
    let mut facts = before();
    facts.migration = installed().migration;
    facts.want(|s| s.target = Target::Flannel);
    migration(&mut facts).status = None;
    assert!(decided(&facts).held.is_none());
}

#[test]
fn nothing_is_done_while_the_records_definition_is_gone() {
    let mut facts = midway();
    facts.sources[Source::Records] = Freshness::Absent;
    facts.node_migrations = ByName::default();
    let d = decided(&facts);
    assert_eq!((names(&d), d.held.as_ref().map(|h| h.reason)), (vec![], Some(Reason::RecordsDeleted)));
}

/// It has started on Cilium: what its host and its pods have is taken back like a moved node's.
#[test]
fn a_node_that_joined_after_finalize_goes_back_as_a_moved_one() {
    let mut facts = finalized();
    facts.record("worker-3", |s| *s = NodeMigrationStatus::default()).node_is("worker-3", |n| n.switched = false);
    facts.want(|s| s.target = Target::Flannel);
    let d = decided(&facts);
    assert!(d.nodes["worker-3"].evidence.switched, "{:?}", d.nodes["worker-3"]);
    assert_eq!(step(&d, "worker-3"), NodeStep::Pending, "its turn comes when Finalize is undone");
}

/// `run` and `rollback` say what an operator has to give, not that the node is back.
#[test]
fn a_node_that_waits_to_go_back_is_not_called_back() {
    let mut facts = finalized();
    config(&mut facts, |c| c.custom_conf = true);
    for phase in ["Migrate", "Finalize"] {
        state(&mut facts, phase, PhaseState::Pending);
    }
    let cilium = NodeConfigFact::default();
    facts.node_configs.insert(Key::new("kube-system", NODE_CONFIG), cilium);
    facts.want(|s| s.approved = phase_named("Migrate"));
    facts.want_of("worker-1", |s| s.target = Target::Flannel).record("worker-1", |s| s.evidence.switched = true);
    facts.place(pod("batch", "import-once", "worker-1", "10.245.1.8", None));
    let waits = |facts: &Facts| decided(facts).migration.waiting.reason;
    assert_eq!(waits(&facts), Reason::NeedsConsent);
    facts.record("worker-1", |s| (s.step, s.direction) = (NodeStep::RolledBack, Target::Flannel));
    assert_eq!(waits(&facts), Reason::NodesHeld);
}
