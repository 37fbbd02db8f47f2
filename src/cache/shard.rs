//! A map of bounded size in octets, in parts that are locked one by one: what the caches are made of.
//!
//! In: keys and values, with a function that says what both take on the heap. Out: values, the least recently
//! used of which go first when room is short. Every octet counts: the values' own allocations, the node that
//! links them, what the allocator adds, and the hash table at the largest it has been. A part makes room before
//! it takes an entry in, so it stays within its share at all times.
//! Time and expiry are the business of those who use it.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::mem::size_of;
use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::SharedSeed;
use foldhash::quality::SeedableRandomState;
use lru::LruCache;

use crate::entropy::Entropy;
use crate::limits;

/// A map of bounded size in octets.
pub struct Sharded<K, V> {
    /// A power of two of them.
    shards: Box<[Mutex<Shard<K, V>>]>,
    hasher: SeedableRandomState,
}

/// One part.
struct Shard<K, V> {
    entries: LruCache<K, V, SeedableRandomState>,
    weigh: fn(&K, &V) -> usize,
    /// What keys, values and nodes take.
    bytes: usize,
    /// The most entries there were: the table never becomes smaller.
    len_most: usize,
    bytes_max: usize,
}

impl<K, V> fmt::Debug for Sharded<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sharded").field("shards", &self.shards.len()).finish_non_exhaustive()
    }
}

impl<K: Hash + Eq, V> Sharded<K, V> {
    /// An empty map of at most `bytes_max` octets.
    ///
    /// `weigh` says what a key and a value have allocated, beside their own size; [`heap`] adds what an allocation
    /// costs. It has to say the same of an entry each time, but for changes made by [`Sharded::update`].
    pub fn new(bytes_max: usize, entropy: &Entropy, weigh: fn(&K, &V) -> usize) -> Self {
        let wanted = (bytes_max / limits::SHARD_BYTES_MIN).clamp(1, limits::SHARDS_MAX);
        let count = 1 << wanted.ilog2();
        let shared = shared_seed(entropy);
        let hasher = || SeedableRandomState::with_seed(entropy.u64(), shared);
        let shard = || {
            let entries = LruCache::unbounded_with_hasher(hasher());
            Mutex::new(Shard { entries, weigh, bytes: 0, len_most: 0, bytes_max: bytes_max / count })
        };
        Self {
            shards: (0..count).map(|_| shard()).collect(),
            hasher: SeedableRandomState::with_seed(entropy.u64(), shared),
        }
    }

    /// A copy of the value under `key`, which counts as used.
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
        V: Clone,
    {
        self.shard(key)?.entries.get(key).cloned()
    }

    /// What `read` finds in the value under `key`, which counts as used. The entry is locked meanwhile: `read` must not
    /// use this map.
    pub fn read<Q, R>(&self, key: &Q, read: impl FnOnce(&V) -> R) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.shard(key)?.entries.get(key).map(read)
    }

    /// Stores a value; the one that was there goes. False if it is too large to be stored at all.
    pub fn insert(&self, key: K, value: V) -> bool {
        self.shard(&key).is_some_and(|mut shard| shard.insert(key, value))
    }

    /// Changes the value under `key`, or the one made by `fresh` if there is none, and stores it.
    /// The entry is locked meanwhile: `change` must not use this map.
    pub fn update<R>(
        &self,
        key: K,
        fresh: impl FnOnce() -> V,
        change: impl FnOnce(&mut V) -> R,
    ) -> Option<R> {
        let mut guard = self.shard(&key)?;
        let shard = &mut *guard;
        let Some(value) = shard.entries.get_mut(&key) else {
            let mut value = fresh();
            let result = change(&mut value);
            shard.insert(key, value);
            return Some(result);
        };
        let before = (shard.weigh)(&key, value);
        let result = change(value);
        let after = (shard.weigh)(&key, value);
        shard.bytes = shard.bytes.saturating_sub(before).saturating_add(after);
        // It was used just now, so it goes last.
        while shard.total() > shard.bytes_max {
            let Some((key, value)) = shard.entries.pop_lru() else { break };
            shard.bytes = shard.bytes.saturating_sub(shard.weight(&key, &value));
        }
        Some(result)
    }

    /// Takes the value under `key` out.
    pub fn remove<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.shard(key)?.remove(key).map(|(_, value)| value)
    }

    /// Takes the value under `key` out if `wanted` says so of it.
    pub fn remove_if<Q>(&self, key: &Q, wanted: impl FnOnce(&V) -> bool) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let mut shard = self.shard(key)?;
        if shard.entries.peek(key).is_some_and(wanted) {
            shard.remove(key).map(|(_, value)| value)
        } else {
            None
        }
    }

    /// Keeps the entries for which `keep` says true; returns how many went. Looks at every entry: not for
    /// the way of a question.
    pub fn retain(&self, mut keep: impl FnMut(&K, &V) -> bool) -> usize {
        self.shards.iter().map(|shard| lock(shard).retain(&mut keep)).sum()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).entries.len()).sum()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The octets that all entries and tables take.
    pub fn bytes(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).total()).sum()
    }

    fn shard<Q: Hash + ?Sized>(&self, key: &Q) -> Option<MutexGuard<'_, Shard<K, V>>> {
        let [.., low] = self.hasher.hash_one(key).to_be_bytes();
        self.shards.get(usize::from(low) & (self.shards.len() - 1)).map(lock)
    }
}

/// The seed that the hashers of one cache share.
pub(super) fn shared_seed(entropy: &Entropy) -> &'static SharedSeed {
    // Caches live as long as the process, and the hasher wants its seed to live as long. Both of its seeds are
    // secret: with a known one, names that collide can be made without knowing the other.
    Box::leak(Box::new(SharedSeed::from_u64(entropy.u64())))
}

/// A panic while a part was locked left it whole: every change is made at its end.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<K: Hash + Eq, V> Shard<K, V> {
    fn insert(&mut self, key: K, value: V) -> bool {
        self.remove(&key);
        let weight = self.weight(&key, &value);
        if weight.saturating_add(table_bytes(self.len_most.max(1))) > self.bytes_max {
            return false;
        }
        while !self.has_room(weight) {
            let Some((key, value)) = self.entries.pop_lru() else { return false };
            self.bytes = self.bytes.saturating_sub(self.weight(&key, &value));
        }
        self.bytes += weight;
        self.entries.put(key, value);
        self.len_most = self.len_most.max(self.entries.len());
        true
    }

    fn has_room(&self, weight: usize) -> bool {
        let table = table_bytes(self.len_most.max(self.entries.len() + 1));
        self.bytes.saturating_add(weight).saturating_add(table) <= self.bytes_max
    }

    fn remove<Q>(&mut self, key: &Q) -> Option<(K, V)>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let (key, value) = self.entries.pop_entry(key)?;
        self.bytes = self.bytes.saturating_sub(self.weight(&key, &value));
        Some((key, value))
    }

    fn retain(&mut self, keep: &mut impl FnMut(&K, &V) -> bool) -> usize {
        let before = self.entries.len();
        let (node, weigh) = (Self::NODE, self.weigh);
        let mut freed = 0;
        self.entries.retain(|key, value| {
            let kept = keep(key, value);
            freed += if kept { 0 } else { node + weigh(key, value) };
            kept
        });
        self.bytes = self.bytes.saturating_sub(freed);
        before - self.entries.len()
    }

    /// The list node: key, value and two links, in an allocation of its own.
    const NODE: usize = heap(size_of::<K>() + size_of::<V>() + 2 * size_of::<usize>());

    fn weight(&self, key: &K, value: &V) -> usize {
        Self::NODE + (self.weigh)(key, value)
    }

    fn total(&self) -> usize {
        self.bytes + table_bytes(self.len_most)
    }
}

/// What an allocation of `len` octets takes: nothing for none, else with the allocator's own eight octets, rounded
/// up to sixteen (glibc's rule; others take less for most lengths).
pub const fn heap(len: usize) -> usize {
    if len == 0 {
        return 0;
    }
    let whole = (len + 8).next_multiple_of(16);
    if whole < 32 { 32 } else { whole }
}

/// The most that a hash table of so many entries takes: a pointer and an octet of state for each bucket, at most
/// 7/8 of them in use; twice as many buckets, since entries that went make a table grow before it is cleaned.
pub(super) fn table_bytes(len: usize) -> usize {
    if len == 0 {
        return 0;
    }
    let buckets = (len * 8 / 7 + 1).next_power_of_two().max(4) * 2;
    heap(buckets * (size_of::<usize>() + 1) + 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(bytes_max: usize) -> Sharded<u32, Vec<u8>> {
        Sharded::new(bytes_max, &Entropy::seeded(1), |_, value| heap(value.capacity()))
    }

    #[test]
    fn a_cache_has_a_part_for_each_mebibyte_and_sixty_four_at_most() {
        let parts = |mebibytes: usize| map(mebibytes << 20).shards.len();
        assert_eq!([0, 1, 3, 64, 10_000].map(parts), [1, 1, 2, 64, 64]);
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let map = map(64 << 10);
        for key in 0..1_000 {
            map.insert(key, vec![0; 1_000]);
            assert!(map.get(&0).is_some(), "it was used after every insertion");
        }
        assert!(map.get(&1).is_none() && map.get(&999).is_some());
        assert!(map.len() > 50 && map.len() < 64);
    }

    #[test]
    fn the_sum_never_passes_the_bound_whatever_the_sizes() {
        for bytes_max in [0, 100, 10_000, 3 << 20] {
            let map = map(bytes_max);
            let entropy = Entropy::seeded(2);
            for _ in 0..20_000 {
                let key = u32::from(entropy.u16()) % 3_000;
                match entropy.below(10) {
                    0 => drop(map.remove(&key)),
                    1 => drop(map.update(key, Vec::new, |value| value.resize(entropy.below(2_000), 1))),
                    _ => drop(map.insert(key, vec![0; entropy.below(3_000)])),
                }
                assert!(map.bytes() <= bytes_max, "{} > {bytes_max}", map.bytes());
            }
            map.retain(|key, _| *key < 10);
            map.retain(|_, _| false);
            assert_eq!(map.shards.iter().map(|shard| lock(shard).bytes).sum::<usize>(), 0);
        }
    }

    #[test]
    fn what_is_too_large_is_not_stored_and_what_it_replaces_is_gone() {
        let map = map(10_000);
        assert!(map.insert(1, vec![0; 10]) && map.insert(2, vec![0; 10]));
        assert!(!map.insert(1, vec![0; 20_000]));
        assert_eq!(map.get(&1), None);
        assert!(map.get(&2).is_some(), "nothing else had to go for it");
    }

    #[test]
    fn an_entry_is_taken_out_only_if_it_is_the_one_that_is_meant() {
        let map = map(10_000);
        map.insert(1, vec![7]);
        assert_eq!(map.remove_if(&1, |value| value == &[8]), None);
        assert_eq!(map.remove_if(&1, |value| value == &[7]), Some(vec![7]));
        assert!(map.is_empty());
    }
}
