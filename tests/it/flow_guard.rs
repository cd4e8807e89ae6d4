//! What failing connections hold up, and what an operator can do about them.

use std::sync::Arc;

use cutover::domain::{
    api::{ConsentKind, Target},
    facts::Facts,
    guard::{API_SERVER, Class, Edge, FlowFacts, Trouble},
    steps::NodeStep,
};

use crate::{
    build::{Build, decided, names},
    fixture::{at, installed},
};

fn edge(port: u16) -> Edge {
    Edge { from: "shop/web".into(), to: "shop/db".into(), port, protocol: "TCP" }
}

fn trouble(facts: &mut Facts, change: impl FnOnce(&mut Trouble)) {
    let mut trouble = Trouble {
        edge: edge(5432),
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

/// Worker-1 is on Cilium, worker-2 is next.
fn between_nodes() -> Facts {
    let mut facts = installed();
    facts.node_is("worker-1", |n| n.switched = true).record("worker-1", |s| s.step = NodeStep::Done);
    facts.want(|s| s.observe_seconds = 0);
    facts
}

fn begins(facts: &Facts) -> bool {
    names(&decided(facts)).contains(&"cordon worker-2".to_owned())
}

fn held(change: fn(&mut Trouble)) -> bool {
    let mut facts = between_nodes();
    trouble(&mut facts, change);
    !begins(&facts)
}

#[test]
fn a_failing_connection_that_worked_before_holds_the_next_node() {
    assert!(begins(&between_nodes()));
    assert!(held(|_| {}), "it worked before, and fails for longer than patience");
    assert!(held(|t| t.worked_before = false), "inside the cluster no agent saw it before the move");
    assert!(!held(|t| (t.worked_before, t.edge.to) = (false, "world".into())), "it was never seen to work");
    assert!(!held(|t| (t.worked_before, t.edge.protocol) = (false, "UDP")), "datagrams need no answer");
    assert!(!held(|t| t.node = "worker-3".into()), "its node is not on Cilium any more");
    assert!(held(|t| (t.worked_before, t.edge.port) = (false, 53)), "name resolution is taken to have worked");
    assert!(held(|t| (t.worked_before, t.edge.to) = (false, API_SERVER.into())), "and so is the API server");
    assert!(!held(|t| t.worked = 9 * 20), "one in twenty");
}

#[test]
fn a_failure_that_may_pass_gets_its_time() {
    assert!(held(|t| (t.since, t.failed) = (at(180), 1)), "it may pass: that is waited for");
    assert!(!held(|t| (t.since, t.last, t.failed) = (at(100), at(101), 1)), "it has had its time");
    let never_passes = |t: &mut Trouble| (t.class, t.worked_before, t.since) = (Class::Stop, false, at(190));
    assert!(held(never_passes), "it does not pass by itself");
}

/// Where nodes are to be observed at all.
#[test]
fn an_engine_that_has_just_begun_to_watch_flows_observes_first() {
    let mut facts = between_nodes();
    facts.flows.settling.insert("worker-1".into());
    assert!(begins(&facts));
    facts.want(|s| s.observe_seconds = 30);
    assert!(!begins(&facts));
}

#[test]
fn the_status_names_what_fails_and_the_way_back_is_open() {
    let mut facts = between_nodes();
    trouble(&mut facts, |_| {});
    let d = decided(&facts);
    assert_eq!(d.migration.flows[0].edge, "shop/web->shop/db:5432");
    let words = "flows: 1 connection failing: shop/web->shop/db:5432 (no answer)";
    assert!(d.migration.waiting.message.contains(words), "{}", d.migration.waiting);
    facts.want(|s| s.target = Target::Flannel);
    assert!(names(&decided(&facts)).iter().any(|n| n.contains("worker-1")));
}

#[test]
fn a_baseline_makes_up_for_a_memory_that_was_lost() {
    let mut facts = between_nodes();
    trouble(&mut facts, |t| (t.worked_before, t.edge.to) = (false, "world".into()));
    assert!(begins(&facts));
    facts.record("worker-1", |s| s.evidence.baseline_connections = vec!["shop/web->world:5432".into()]);
    assert!(!begins(&facts));
}

#[test]
fn an_operator_decides_about_what_fails() {
    let with = |change: fn(&mut Facts)| {
        let mut facts = between_nodes();
        trouble(&mut facts, |_| {});
        change(&mut facts);
        begins(&facts)
    };
    assert!(!with(|_| {}));
    assert!(with(|f| _ = f.consent(ConsentKind::BrokenFlow, "shop/web->shop/db:5432")));
    assert!(!with(|f| _ = f.consent(ConsentKind::BrokenFlow, "shop/web->shop/db:5433")), "another connection");
    assert!(with(|f| _ = f.want(|s| s.guard.limit = 1)));
    assert!(with(|f| _ = f.want(|s| s.guard.enabled = false)));
    assert!(!with(|f| _ = f.want(|s| s.guard.patience_seconds = 300)), "within five minutes it may still pass");
}

/// The status lists twenty connections at most; the limit counts all of them.
#[test]
fn the_limit_counts_more_connections_than_the_status_lists() {
    let mut facts = between_nodes();
    trouble(&mut facts, |_| {});
    let one = facts.flows.troubles[0].clone();
    facts.flows.troubles = (1..=30).map(|port| Trouble { edge: edge(port), ..one.clone() }).collect();
    facts.want(|s| s.guard.limit = 29);
    assert!(!begins(&facts) && decided(&facts).migration.flows.len() == 20);
    facts.want(|s| s.guard.limit = 30);
    assert!(begins(&facts));
    facts.want(|s| s.guard.limit = 0);
    for port in 1..30 {
        facts.consent(ConsentKind::BrokenFlow, &format!("shop/web->shop/db:{port}"));
    }
    assert!(!begins(&facts));
    assert_eq!(decided(&facts).migration.flows[0].edge, "shop/web->shop/db:30", "consents hide nothing else");
}

/// A new engine has seen no flows: what the status says holds until the connection works, or its node is back.
#[test]
fn a_recorded_failure_outlives_the_engine_that_saw_it() {
    let mut facts = between_nodes();
    trouble(&mut facts, |_| {});
    let recorded = decided(&facts).migration.flows.clone();
    facts.status(|s| s.flows = recorded);
    facts.flows = FlowFacts::default();
    assert!(!begins(&facts));
    let mut works = facts.clone();
    works.flows.working = Arc::new([("shop/web".into(), vec![edge(5432)])].into());
    assert!(begins(&works));
    facts.node_is("worker-1", |n| n.switched = false).node_is("worker-3", |n| n.switched = true);
    assert!(decided(&facts).migration.flows.is_empty());
}
