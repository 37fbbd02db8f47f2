//! What a proof notes while it is stepped: few entries, looked up often.
//!
//! A list that is searched from its start. What a proof can note is bounded by what it may fetch
//! ([`crate::limits::Limit::Evidence`]), most note one thing or nothing, and nothing is allocated before that.

/// Values by their keys.
#[derive(Debug)]
pub(super) struct Notes<K, V>(Vec<(K, V)>);

impl<K, V> Default for Notes<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: PartialEq, V> Notes<K, V> {
    /// What is noted under a key.
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// Whether anything is.
    pub(super) fn contains(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// Notes it, in place of what was.
    pub(super) fn insert(&mut self, key: K, value: V) {
        match self.0.iter_mut().find(|(known, _)| *known == key) {
            Some((_, known)) => *known = value,
            None => self.0.push((key, value)),
        }
    }

    /// Forgets what is noted under a key.
    pub(super) fn remove(&mut self, key: &K) {
        self.0.retain(|(known, _)| known != key);
    }
}

impl<K: PartialEq> Notes<K, ()> {
    /// Whether it was not among them; now it is.
    pub(super) fn add(&mut self, key: &K) -> bool
    where
        K: Clone,
    {
        let new = !self.contains(key);
        if new {
            self.0.push((key.clone(), ()));
        }
        new
    }
}
