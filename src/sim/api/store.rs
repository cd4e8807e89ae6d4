//! The objects, one resource version for all of them, and the event log.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::{Value, json};
use tokio::sync::watch;

use super::kinds::{self, CRDS, Kind};

/// Length of the event log; older watches get 410.
const KEPT: usize = 50_000;

/// Namespace and name, in the order of lists.
pub(super) type Name = (String, String);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Added,
    Modified,
    Deleted,
}

#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) version: u64,
    pub(super) resource: Arc<str>,
    pub(super) change: Change,
    pub(super) object: Arc<Value>,
    pub(super) before: Option<Arc<Value>>,
}

#[derive(Debug)]
pub(super) struct Inner {
    version: u64,
    objects: BTreeMap<Arc<str>, BTreeMap<Name, Arc<Value>>>,
    log: VecDeque<Event>,
    /// Events up to this version are gone.
    pub(super) compacted: u64,
    kinds: Arc<Vec<Arc<Kind>>>,
    /// Resources with events that their watches have not been told of.
    moved: BTreeSet<Arc<str>>,
}

#[derive(Debug)]
pub(super) struct Store {
    inner: Mutex<Inner>,
    /// By resource: a change of one wakes no watch of another.
    moves: Mutex<HashMap<Arc<str>, watch::Sender<u64>>>,
}

impl Default for Store {
    fn default() -> Self {
        let inner = Inner {
            version: 1,
            objects: BTreeMap::new(),
            log: VecDeque::new(),
            compacted: 0,
            kinds: Arc::new(kinds::built_in()),
            moved: BTreeSet::new(),
        };
        Self { inner: Mutex::new(inner), moves: Mutex::default() }
    }
}

impl Store {
    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads and changes in one transaction; notifies watches of changes.
    pub(super) fn transact<T>(&self, f: impl FnOnce(&mut Inner) -> T) -> T {
        let mut inner = self.lock();
        let result = f(&mut inner);
        let (moved, now) = (std::mem::take(&mut inner.moved), inner.version);
        drop(inner);
        if !moved.is_empty() {
            let moves = self.moves.lock().unwrap_or_else(PoisonError::into_inner);
            for told in moved.iter().filter_map(|resource| moves.get(resource)) {
                told.send_replace(now);
            }
        }
        result
    }

    /// Moves whenever something happens to the objects of a resource.
    pub(super) fn moves(&self, resource: &str) -> watch::Receiver<u64> {
        let mut moves = self.moves.lock().unwrap_or_else(PoisonError::into_inner);
        moves.entry(resource.into()).or_insert_with(|| watch::Sender::new(1)).subscribe()
    }

    pub(super) fn kinds(&self) -> Arc<Vec<Arc<Kind>>> {
        Arc::clone(&self.lock().kinds)
    }
}

impl Inner {
    pub(super) const fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn get(&self, resource: &str, name: &Name) -> Option<Arc<Value>> {
        self.objects.get(resource)?.get(name).cloned()
    }

    pub(super) fn list<'a>(
        &'a self,
        resource: &str,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a Name, &'a Arc<Value>)> {
        self.objects.get(resource).into_iter().flatten().filter(move |((ns, _), _)| namespace.is_none_or(|n| n == ns))
    }

    /// Stores an object with the next version.
    pub(super) fn put(&mut self, resource: &str, name: Name, mut object: Value) -> Arc<Value> {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let object = Arc::new(object);
        let key: Arc<str> = resource.into();
        let before = self.objects.entry(key.clone()).or_default().insert(name, object.clone());
        let change = if before.is_some() { Change::Modified } else { Change::Added };
        self.happened(key, change, object.clone(), before);
        object
    }

    /// Removes an object; its last state has the version of its deletion.
    pub(super) fn remove(&mut self, resource: &str, name: &Name) -> Option<Arc<Value>> {
        let before = self.objects.get_mut(resource)?.remove(name)?;
        self.version += 1;
        let mut last = (*before).clone();
        last["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let last = Arc::new(last);
        self.happened(resource.into(), Change::Deleted, last.clone(), Some(before));
        Some(last)
    }

    fn happened(&mut self, resource: Arc<str>, change: Change, object: Arc<Value>, before: Option<Arc<Value>>) {
        if &*resource == CRDS {
            self.learn_kinds();
        }
        self.moved.insert(Arc::clone(&resource));
        self.log.push_back(Event { version: self.version, resource, change, object, before });
        if self.log.len() > KEPT
            && let Some(old) = self.log.pop_front()
        {
            self.compacted = old.version;
        }
    }

    fn learn_kinds(&mut self) {
        let mut all = kinds::built_in();
        all.extend(self.list(CRDS, None).flat_map(|(_, crd)| kinds::of_definition(crd)));
        self.kinds = Arc::new(all);
    }

    /// The events of a resource after a version.
    pub(super) fn since<'a>(&'a self, resource: &'a str, version: u64) -> impl Iterator<Item = &'a Event> {
        let first = self.log.partition_point(|e| e.version <= version);
        self.log.range(first..).filter(move |e| &*e.resource == resource)
    }

    /// Clears the event log, as a real server's compaction does.
    pub(super) fn compact(&mut self) {
        self.log.clear();
        self.compacted = self.version;
    }
}
