//! Persistent volumes, found by name and by what nodes call them.

use std::{collections::BTreeMap, sync::Arc};

use super::Term;

/// A persistent volume.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VolumeFact {
    /// Nodes that can reach it; empty for all. A local volume names its one node here.
    pub terms: Vec<Term>,
    /// How `node.status.volumesInUse` spells it, where it can be told: `kubernetes.io/csi/DRIVER^HANDLE`.
    pub unique: Option<Arc<str>>,
}

/// All persistent volumes.
#[derive(Clone, Debug, Default)]
pub struct Volumes {
    rows: BTreeMap<Arc<str>, VolumeFact>,
    names: BTreeMap<Arc<str>, Arc<str>>,
}

impl Volumes {
    /// The volume of this name.
    pub fn get(&self, name: &str) -> Option<&VolumeFact> {
        self.rows.get(name)
    }

    /// The name of the volume that nodes spell like this.
    pub fn named(&self, unique: &str) -> Option<&Arc<str>> {
        self.names.get(unique)
    }

    /// Takes a volume in. False when nothing of it has changed.
    pub fn insert(&mut self, name: Arc<str>, volume: VolumeFact) -> bool {
        if self.get(&name) == Some(&volume) {
            return false;
        }
        self.remove(&name);
        if let Some(unique) = &volume.unique {
            self.names.insert(Arc::clone(unique), Arc::clone(&name));
        }
        self.rows.insert(name, volume);
        true
    }

    /// Takes a volume out. False when there was none.
    pub fn remove(&mut self, name: &str) -> bool {
        let Some(old) = self.rows.remove(name) else { return false };
        if let Some(unique) = old.unique {
            self.names.remove(&unique);
        }
        true
    }
}
