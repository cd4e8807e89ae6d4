//! The statuses of the nodes while a decision is made: only what changes is copied.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use super::Changed;
use crate::domain::{api::NodeMigrationStatus, facts::Facts, reason::Waiting, view::DEFAULT};

/// The statuses of the nodes.
pub struct Records<'a> {
    facts: &'a Facts,
    changed: HashMap<Arc<str>, NodeMigrationStatus>,
}

impl<'a> Records<'a> {
    /// As they are recorded.
    pub fn new(facts: &'a Facts) -> Self {
        Self { facts, changed: HashMap::new() }
    }

    /// A node's status; the default where nothing is recorded.
    pub fn get(&self, node: &str) -> &NodeMigrationStatus {
        let recorded = || self.facts.node_migrations.get(node).and_then(|r| r.status.as_ref());
        self.changed.get(node).or_else(recorded).unwrap_or(&DEFAULT)
    }

    /// A node's status becomes another one.
    pub fn set(&mut self, node: &Arc<str>, status: NodeMigrationStatus) {
        if *self.get(node) != status {
            self.changed.insert(node.clone(), status);
        }
    }

    /// A node waits for something else.
    pub fn wait(&mut self, node: &Arc<str>, waiting: Waiting) {
        if self.get(node).waiting != waiting {
            let status = NodeMigrationStatus { waiting, ..self.get(node).clone() };
            self.changed.insert(node.clone(), status);
        }
    }

    /// What is not as it is recorded, with the records that this was decided on.
    pub fn into_changed(self) -> BTreeMap<Arc<str>, Changed> {
        let record = |n: &str| self.facts.node_migrations.get(n);
        let changed = self
            .changed
            .into_iter()
            .filter(|(n, s)| record(n).and_then(|r| r.status.as_ref()).unwrap_or(&DEFAULT) != s);
        changed.map(|(n, status)| (n.clone(), Changed { decided_on: record(&n).cloned(), status })).collect()
    }
}
