//! A map by name, for what every decision asks again and again for each node of a cluster.

use std::{borrow::Borrow, hash::Hash, ops::Deref, sync::Arc};

use indexmap::IndexMap;

/// Values by name, listed in the order of their names. A look-up costs the same for thousands as for a few; what is new
/// or gone costs the more.
#[derive(Clone, Debug, PartialEq)]
pub struct ByName<T>(IndexMap<Arc<str>, T>);

impl<T> ByName<T> {
    /// Adds a value, or replaces it. Returns the one before.
    pub fn insert(&mut self, name: Arc<str>, value: T) -> Option<T> {
        self.0.insert_sorted(name, value).1
    }

    /// Takes a value out.
    pub fn remove<Q: Hash + Eq + ?Sized>(&mut self, name: &Q) -> Option<T>
    where
        Arc<str>: Borrow<Q>,
    {
        self.0.shift_remove(name)
    }

    /// A value that is to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut T> {
        self.0.get_mut(name)
    }

    /// Keeps what the condition holds for.
    pub fn retain(&mut self, keep: impl FnMut(&Arc<str>, &mut T) -> bool) {
        self.0.retain(keep);
    }
}

impl<T> Default for ByName<T> {
    fn default() -> Self {
        Self(IndexMap::new())
    }
}

impl<T> Deref for ByName<T> {
    type Target = IndexMap<Arc<str>, T>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<'a, T> IntoIterator for &'a ByName<T> {
    type Item = (&'a Arc<str>, &'a T);
    type IntoIter = indexmap::map::Iter<'a, Arc<str>, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T> FromIterator<(Arc<str>, T)> for ByName<T> {
    fn from_iter<I: IntoIterator<Item = (Arc<str>, T)>>(all: I) -> Self {
        let mut map: IndexMap<_, _> = all.into_iter().collect();
        map.sort_unstable_keys();
        Self(map)
    }
}

#[cfg(test)]
mod tests {
    use super::ByName;

    #[test]
    fn names_stay_in_their_order() {
        let mut map: ByName<u8> = [("c", 1), ("a", 2)].map(|(n, v)| (n.into(), v)).into_iter().collect();
        assert_eq!(map.insert("b".into(), 3), None);
        assert_eq!(map.insert("a".into(), 4), Some(2));
        assert_eq!(map.keys().map(|n| &**n).collect::<String>(), "abc");
        assert_eq!(map.remove("b"), Some(3));
        assert_eq!(map.into_iter().map(|(n, v)| (&**n, *v)).collect::<Vec<_>>(), [("a", 4), ("c", 1)]);
    }
}
