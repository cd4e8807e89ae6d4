//! How what is watched becomes facts.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    sync::Arc,
};

use crate::domain::facts::{ByName, Facts, Key, PodFact, Pods, VolumeFact, Volumes};

/// A kind that is watched: what is kept of its objects, and where. Rows are made outside of the facts' lock.
pub(super) trait Watched: 'static {
    type Object: Send + 'static;
    /// What is kept of one object.
    type Row: Send;
    /// What a list is gathered in, row by row.
    type List: Default + Send;

    fn row(object: &Self::Object) -> Self::Row;
    fn list(list: &mut Self::List, row: Self::Row);
    /// A list takes the place of what was known, which is left in its place.
    fn replace(facts: &mut Facts, list: &mut Self::List);
    /// False when nothing has changed.
    fn put(facts: &mut Facts, row: Self::Row) -> bool;
    /// False when nothing has changed.
    fn remove(facts: &mut Facts, row: Self::Row) -> bool;
}

/// A kind whose objects are the rows of one map of the facts.
pub(super) trait Table: 'static {
    type Object: Send + 'static;
    type Map: Rows;

    fn entry(object: &Self::Object) -> Entry<Self::Map>;
    fn map(facts: &mut Facts) -> &mut Self::Map;
}

/// A key, and what is kept under it: nothing of an object that has nothing to say.
pub(super) type Entry<M> = (<M as Rows>::Key, Option<<M as Rows>::Value>);

impl<T: Table> Watched for T {
    type Object = T::Object;
    type Row = Entry<T::Map>;
    type List = T::Map;

    fn row(object: &T::Object) -> Self::Row {
        T::entry(object)
    }

    fn list(list: &mut T::Map, (key, value): Self::Row) {
        if let Some(value) = value {
            list.put(key, value);
        }
    }

    fn replace(facts: &mut Facts, list: &mut T::Map) {
        mem::swap(T::map(facts), list);
    }

    fn put(facts: &mut Facts, (key, value): Self::Row) -> bool {
        match value {
            Some(value) => T::map(facts).put(key, value),
            None => T::map(facts).cut(&key),
        }
    }

    fn remove(facts: &mut Facts, (key, _): Self::Row) -> bool {
        T::map(facts).cut(&key)
    }
}

/// A map of facts, whose changes tell whether there was anything to change.
pub(super) trait Rows: Default + Send {
    type Key: Send;
    type Value: Send;

    fn put(&mut self, key: Self::Key, value: Self::Value) -> bool;
    fn cut(&mut self, key: &Self::Key) -> bool;
}

impl<K: Ord + Send, V: PartialEq + Send> Rows for BTreeMap<K, V> {
    type Key = K;
    type Value = V;

    fn put(&mut self, key: K, value: V) -> bool {
        let changes = self.get(&key) != Some(&value);
        if changes {
            self.insert(key, value);
        }
        changes
    }

    fn cut(&mut self, key: &K) -> bool {
        self.remove(key).is_some()
    }
}

impl<V: PartialEq + Send> Rows for ByName<V> {
    type Key = Arc<str>;
    type Value = V;

    fn put(&mut self, name: Arc<str>, value: V) -> bool {
        let changes = self.get(&name) != Some(&value);
        if changes {
            self.insert(name, value);
        }
        changes
    }

    fn cut(&mut self, name: &Arc<str>) -> bool {
        self.remove(name).is_some()
    }
}

impl<K: Ord + Send> Rows for BTreeSet<K> {
    type Key = K;
    type Value = ();

    fn put(&mut self, key: K, (): ()) -> bool {
        self.insert(key)
    }

    fn cut(&mut self, key: &K) -> bool {
        self.remove(key)
    }
}

impl Rows for Pods {
    type Key = Key;
    type Value = PodFact;

    fn put(&mut self, key: Key, pod: PodFact) -> bool {
        self.insert(key, pod)
    }

    fn cut(&mut self, key: &Key) -> bool {
        self.remove(key).is_some()
    }
}

impl Rows for Volumes {
    type Key = Arc<str>;
    type Value = VolumeFact;

    fn put(&mut self, name: Arc<str>, volume: VolumeFact) -> bool {
        self.insert(name, volume)
    }

    fn cut(&mut self, name: &Arc<str>) -> bool {
        self.remove(name)
    }
}
