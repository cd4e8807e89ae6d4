//! Figures, not judgements: how long the largest computations take on large clusters. Asserts nothing about time.
//! `cargo test --release --test figures -- --ignored --nocapture`
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, dead_code, reason = "tests")]

#[path = "support/fixture.rs"]
mod fixture;

use std::{sync::Arc, time::Instant};

use cutover::domain::{
    api::{MIGRATION, Migration},
    checks,
    facts::{BudgetFact, Facts, Key, Selector, WorkloadFact},
    placement::{Needs, Room},
    rolling::View,
};
use fixture::{at, before, node, pod};

/// A cluster of workloads with five replicas each, a budget for each, requests on every pod.
fn cluster(nodes: usize, pods: usize) -> Facts {
    let mut facts = before();
    facts.nodes.clear();
    facts.pods.clear();
    for i in 0..nodes {
        let mut fact = node(&format!("node-{i}"), i % 100);
        fact.allocatable = Room { cpu: 8_000, memory: 32 << 30, pods: 110 };
        facts.nodes.insert(fact.name.clone(), fact);
    }
    let needs = Arc::new(Needs { room: Room { cpu: 100, memory: 64 << 20, pods: 1 }, ..Needs::default() });
    for i in 0..pods {
        let (namespace, app) = (format!("team-{}", i / 100), format!("app-{}", i / 5));
        let on = format!("node-{}", i % nodes);
        let mut fact = pod(&namespace, &format!("{app}-{i}"), &on, "10.233.64.9", Some(("Deployment", app.as_str())));
        fact.needs = needs.clone();
        fact.labels = Arc::new([("app".to_owned(), app.clone())].into());
        facts.pods.insert(fact.key.clone(), fact);
        let key = Key::new(&namespace, &app);
        let selector = Some(Selector { labels: [("app".to_owned(), app)].into(), expressions: vec![] });
        let budget = BudgetFact {
            key: key.clone(),
            selector,
            allowed: i32::from(i % 50 != 0),
            healthy: 5,
            desired: 4,
            expected: 5,
            ..BudgetFact::default()
        };
        facts.budgets.insert(key.clone(), budget);
        let workload = WorkloadFact { key, kind: "Deployment".into(), wanted: 5, ready: 5, scaled_from: None };
        facts.workloads.insert(workload.object().as_str().into(), workload);
    }
    facts
}

#[test]
#[ignore = "prints figures"]
fn preflight_of_large_clusters() {
    for (nodes, pods) in [(100, 5_000), (500, 5_000), (5_000, 150_000)] {
        let facts = cluster(nodes, pods);
        let migration = Migration::new(MIGRATION, fixture::spec());
        let began = Instant::now();
        let findings = checks::preflight(&View::read_only(&facts, &migration, at(0)));
        println!("{nodes} nodes, {pods} pods: preflight in {:?}, {} findings", began.elapsed(), findings.len());
    }
}
