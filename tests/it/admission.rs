//! Whether the pods of host tasks are admitted is known before a node is taken out.

use cutover::domain::{
    api::{Finding, HostAccess, Severity, Target},
    checks,
    facts::{Admission, Facts, RefusedBy, TaskPods},
    reason::Reason,
    steps::NodeStep,
    view::View,
};

use crate::{
    build::{Build, decided, names, waiting},
    fixture::{admitted, at, before, installed, phase_named},
};

const REFUSED: &str = "violates PodSecurity \"restricted:latest\": host namespaces (hostNetwork=true)";

fn answer(facts: &mut Facts, task: &'static str, answer: Admission) {
    facts.task_pods.answers.insert(task, answer);
}

fn refuse(facts: &mut Facts, task: &'static str) {
    answer(facts, task, Admission::refused(RefusedBy::PodSecurity, REFUSED));
}

fn found(facts: &Facts) -> Vec<Finding> {
    let migration = installed().migration.unwrap();
    let all = checks::preflight(&View::read_only(facts, &migration, at(0)));
    all.into_iter().filter(|f| f.check == "task-pods").collect()
}

#[test]
fn preflight_names_the_namespace_the_refusal_and_the_remedy() {
    let mut facts = before();
    assert_eq!(found(&facts)[0].severity, Severity::Pass);
    refuse(&mut facts, "look");
    refuse(&mut facts, "restore");
    answer(&mut facts, "probe", Admission::refused(RefusedBy::Quota, "exceeded quota: few"));
    let findings = found(&facts);
    assert_eq!(findings.len(), 2, "one of each that refuses: {findings:#?}");
    for f in &findings {
        assert_eq!((f.severity, f.object.as_str()), (Severity::Block, "namespace/kube-system"));
    }
    let by_label = &findings[0];
    assert!(by_label.message.contains("inspect host, restore Flannel's CNI configuration"), "{by_label:?}");
    assert!(by_label.message.contains(REFUSED), "{by_label:?}");
    assert!(by_label.remedy.contains("pod-security.kubernetes.io/enforce=privileged"), "{by_label:?}");
    assert!(findings[1].message.contains("exceeded quota") && findings[1].remedy.contains("resourcequotas"));
}

/// "Not known" is neither yes nor no, and each way in which it is not known has its finding.
#[test]
fn what_is_not_known_is_said() {
    let mut facts = before();
    answer(&mut facts, "probe", Admission::unknown("failed calling webhook"));
    assert_eq!(found(&facts)[0].severity, Severity::Warn);
    facts.task_pods = TaskPods::default();
    assert!(found(&facts)[0].message.contains("not asked yet"));
    facts.task_pods = TaskPods { namespace: "cilium".into(), ..admitted() };
    assert!(found(&facts)[0].message.contains("not asked yet"), "an answer of another namespace is none");
    facts.task_pods = TaskPods { namespace: "kube-system".into(), is_missing: true, ..TaskPods::default() };
    let findings = found(&facts);
    assert_eq!((findings.len(), findings[0].severity), (1, Severity::Warn));
    assert!(findings[0].message.contains("does not exist yet"), "{findings:?}");
}

#[test]
fn no_node_is_cordoned_while_its_task_pods_are_refused() {
    let mut facts = installed();
    assert_eq!(names(&decided(&facts)), ["cordon worker-1"]);
    for task in ["look", "restore", "probe"] {
        facts.task_pods = admitted();
        refuse(&mut facts, task);
        let d = decided(&facts);
        assert_eq!(names(&d), Vec::<String>::new(), "{task}");
        let wait = waiting(&d, "worker-1");
        assert_eq!((wait.reason, wait.object.as_str()), (Reason::TaskPodsRefused, "namespace/kube-system"));
        assert!(wait.message.contains(REFUSED), "{wait}");
    }
    // through ssh only the probe is a pod
    facts.want(|s| s.hosts.access = HostAccess::Ssh);
    assert_eq!(names(&decided(&facts)), Vec::<String>::new(), "the probe is refused");
    facts.task_pods = admitted();
    refuse(&mut facts, "restore");
    assert_eq!(names(&decided(&facts)), ["cordon worker-1"]);
    // and before the first answer nothing begins
    facts.want(|s| s.hosts.access = HostAccess::Pod);
    facts.task_pods = TaskPods::default();
    assert_eq!(names(&decided(&facts)), Vec::<String>::new());
}

/// The way back needs them as well, and begins with the cordon.
#[test]
fn no_node_goes_back_either() {
    let mut facts = installed();
    facts.record("worker-1", |s| (s.step, s.attempt, s.phase) = (NodeStep::Done, 1, Some(phase_named("Migrate"))));
    facts.node_is("worker-1", |n| n.switched = true).want_of("worker-1", |s| s.target = Target::Flannel);
    let cordons = |facts: &Facts| names(&decided(facts)).iter().any(|n| n == "cordon worker-1");
    assert!(cordons(&facts), "{:?}", names(&decided(&facts)));
    refuse(&mut facts, "restore");
    assert!(!cordons(&facts));
    assert_eq!(waiting(&decided(&facts), "worker-1").reason, Reason::TaskPodsRefused);
}
