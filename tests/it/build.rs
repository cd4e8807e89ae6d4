//! Facts under construction, and what is decided on them:
//! `facts.node_is("worker-2", |n| n.switched = true).record("worker-2", |s| s.step = step_named("Restart"))`.

use cutover::domain::{
    api::{
        Consent, ConsentKind, Migration, MigrationSpec, MigrationStatus, NodeMigration, NodeMigrationSpec,
        NodeMigrationStatus,
    },
    effect::Effect,
    facts::{Facts, Key, NodeFact, PodFact, WorkloadFact},
    reason::Waiting,
    steps::NodeStep,
    view::{Failures, View},
};

use crate::fixture::{self, Decided, at, decided_in};

pub trait Build {
    fn node_is(&mut self, node: &str, change: impl FnOnce(&mut NodeFact)) -> &mut Self;
    fn migration(&mut self, change: impl FnOnce(&mut Migration)) -> &mut Self;
    fn node_migration(&mut self, node: &str, change: impl FnOnce(&mut NodeMigration)) -> &mut Self;
    /// Changes the status of a node's record.
    fn record(&mut self, node: &str, change: impl FnOnce(&mut NodeMigrationStatus)) -> &mut Self;
    /// The status that was decided on is written.
    fn written(&mut self, node: &str, decided: &Decided) -> &mut Self;
    /// Changes what an operator wants.
    fn want(&mut self, change: impl FnOnce(&mut MigrationSpec)) -> &mut Self;
    fn want_of(&mut self, node: &str, change: impl FnOnce(&mut NodeMigrationSpec)) -> &mut Self;
    fn status(&mut self, change: impl FnOnce(&mut MigrationStatus)) -> &mut Self;
    fn consent(&mut self, kind: ConsentKind, object: &str) -> &mut Self;
    fn place(&mut self, pod: PodFact) -> &mut Self;
    fn pod_is(&mut self, name: &str, change: impl Fn(&mut PodFact)) -> &mut Self;
    /// The pods whose names begin so are gone.
    fn without_pods(&mut self, prefix: &str) -> &mut Self;
    /// The pods with an address of their own are gone from a node.
    fn empty(&mut self, node: &str) -> &mut Self;
    /// A Deployment in the namespace `shop`.
    fn deployment(&mut self, name: &str, wanted: i32, ready: i32) -> &mut Self;
}

impl Build for Facts {
    fn node_is(&mut self, node: &str, change: impl FnOnce(&mut NodeFact)) -> &mut Self {
        change(self.nodes.get_mut(node).unwrap());
        self
    }

    fn migration(&mut self, change: impl FnOnce(&mut Migration)) -> &mut Self {
        change(fixture::migration(self));
        self
    }

    fn node_migration(&mut self, node: &str, change: impl FnOnce(&mut NodeMigration)) -> &mut Self {
        change(fixture::record(self, node));
        self
    }

    fn record(&mut self, node: &str, change: impl FnOnce(&mut NodeMigrationStatus)) -> &mut Self {
        self.node_migration(node, |r| change(r.status.get_or_insert_default()))
    }

    fn written(&mut self, node: &str, decided: &Decided) -> &mut Self {
        self.record(node, |s| *s = decided.nodes[node].clone())
    }

    fn want(&mut self, change: impl FnOnce(&mut MigrationSpec)) -> &mut Self {
        self.migration(|m| change(&mut m.spec))
    }

    fn want_of(&mut self, node: &str, change: impl FnOnce(&mut NodeMigrationSpec)) -> &mut Self {
        self.node_migration(node, |r| change(&mut r.spec))
    }

    fn status(&mut self, change: impl FnOnce(&mut MigrationStatus)) -> &mut Self {
        self.migration(|m| change(m.status.get_or_insert_default()))
    }

    fn consent(&mut self, kind: ConsentKind, object: &str) -> &mut Self {
        self.want(|s| s.consents.push(Consent { kind, object: object.into(), by: "ann".into(), at: at(0) }))
    }

    fn place(&mut self, pod: PodFact) -> &mut Self {
        self.pods.insert(pod.key.clone(), pod);
        self
    }

    fn pod_is(&mut self, name: &str, change: impl Fn(&mut PodFact)) -> &mut Self {
        let mut pod = self.pods.values().find(|p| &*p.key.name == name).unwrap().clone();
        change(&mut pod);
        self.place(pod)
    }

    fn without_pods(&mut self, prefix: &str) -> &mut Self {
        self.pods.retain(|k, _| !k.name.starts_with(prefix));
        self
    }

    fn empty(&mut self, node: &str) -> &mut Self {
        self.pods.retain(|_, p| &*p.node != node || p.host_network);
        self
    }

    fn deployment(&mut self, name: &str, wanted: i32, ready: i32) -> &mut Self {
        let key = Key::new("shop", name);
        let fact = WorkloadFact { key, kind: "Deployment".into(), wanted, ready, scaled_from: None };
        self.workloads.insert(fact.object().as_str().into(), fact);
        self
    }
}

/// What is decided at second 200.
pub fn decided(facts: &Facts) -> Decided {
    decided_at(facts, 200)
}

pub fn decided_at(facts: &Facts, second: i64) -> Decided {
    decided_in(inspected(facts, second))
}

pub fn decided_after(facts: &Facts, failures: &Failures, second: i64) -> Decided {
    decided_in(View { failures, ..inspected(facts, second) })
}

pub fn inspected(facts: &Facts, second: i64) -> View<'_> {
    View::read_only(facts, facts.migration.as_ref().unwrap(), at(second))
}

/// The names of the effects.
pub fn names(d: &Decided) -> Vec<String> {
    d.effects.iter().map(Effect::name).collect()
}

/// The names of the effects that begin so.
pub fn named(d: &Decided, prefix: &str) -> Vec<String> {
    names(d).into_iter().filter(|n| n.starts_with(prefix)).collect()
}

pub fn step(d: &Decided, node: &str) -> NodeStep {
    d.nodes[node].step
}

pub fn waiting<'a>(d: &'a Decided, node: &str) -> &'a Waiting {
    &d.nodes[node].waiting
}

/// A node waits, with these words.
#[track_caller]
pub fn assert_waits(d: &Decided, node: &str, words: &str) {
    let waiting = waiting(d, node);
    assert!(waiting.message.contains(words), "{words:?} is not in: {waiting}");
}
