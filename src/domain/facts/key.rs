//! Namespace and name.

use std::{collections::BTreeMap, fmt, sync::Arc};

/// Namespace and name of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The namespace; empty for a cluster-scoped object.
    pub namespace: Arc<str>,
    /// The name.
    pub name: Arc<str>,
}

impl Key {
    /// A key from its parts.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    /// The lowest key of a namespace.
    pub(super) fn first_of(namespace: &Arc<str>) -> Self {
        Self { namespace: Arc::clone(namespace), name: Arc::default() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() { f.write_str(&self.name) } else { write!(f, "{}/{}", self.namespace, self.name) }
    }
}

/// The rows of one namespace: a map's keys are sorted by it.
pub fn in_namespace<'a, T>(map: &'a BTreeMap<Key, T>, namespace: &'a Arc<str>) -> impl Iterator<Item = &'a T> {
    map.range(Key::first_of(namespace)..).take_while(move |(k, _)| k.namespace == *namespace).map(|(_, v)| v)
}
