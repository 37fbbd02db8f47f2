//! What is proven of zones, by name and until it ends.
//!
//! In: a zone, what is known of it, and how long that holds. Out: the same, of exactly that zone or of the
//! deepest one at or above a name. What is stored is not looked into.

use std::fmt;
use std::mem::size_of;
use std::sync::Arc;

use super::delegations::is_below;
use super::keys::{Depths, Key};
use super::shard::{Sharded, heap};
use crate::clock::Moment;
use crate::dns::Name;
use crate::entropy::Entropy;

/// Something known of each of many zones.
pub struct Zones<T> {
    entries: Sharded<Box<[u8]>, Entry<T>>,
    depths: Depths,
    weigh: fn(&T) -> usize,
}

struct Entry<T> {
    value: Arc<T>,
    until: Moment,
    bytes: usize,
}

impl<T> Clone for Entry<T> {
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value), ..*self }
    }
}

impl<T> fmt::Debug for Zones<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Zones").field("entries", &self.entries).finish_non_exhaustive()
    }
}

impl<T> Zones<T> {
    /// Nothing known; at most `bytes_max` octets. `weigh` says what a value has allocated beside its own size.
    pub fn new(bytes_max: usize, entropy: &Entropy, weigh: fn(&T) -> usize) -> Self {
        let entries = Sharded::<Box<[u8]>, Entry<T>>::new(bytes_max, entropy, |zone, entry| {
            heap(zone.len()) + entry.bytes
        });
        Self { entries, depths: Depths::default(), weigh }
    }

    /// Stores what is known of `zone` for so many seconds, in place of what was.
    pub fn insert(&self, zone: &Name, value: Arc<T>, ttl: u32, now: Moment) {
        let until = now.after_secs(ttl);
        // The counters of the shared pointer stand before the value.
        let bytes = heap(2 * size_of::<usize>() + size_of::<T>()) + (self.weigh)(&value);
        self.depths.add(zone.label_count());
        self.entries.insert(Box::from(Key::of(zone).as_slice()), Entry { value, until, bytes });
    }

    /// What is known of exactly this zone.
    pub fn get(&self, zone: &Name, now: Moment) -> Option<Arc<T>> {
        self.living(Key::of(zone).as_slice(), now)
    }

    /// The deepest zone at or above `name` that something is known of.
    pub fn deepest(&self, name: &Name, now: Moment) -> Option<(Name, Arc<T>)> {
        let key = Key::of(name);
        let mut above = key.ancestors().filter(|(labels, _)| self.depths.has(*labels));
        let (labels, value) =
            above.find_map(|(labels, zone)| self.living(zone, now).map(|value| (labels, value)))?;
        Some((name.suffix(labels), value))
    }

    fn living(&self, key: &[u8], now: Moment) -> Option<Arc<T>> {
        self.entries.get(key).filter(|entry| now < entry.until).map(|entry| entry.value)
    }

    /// Forgets what is known of exactly this zone.
    pub fn remove(&self, zone: &Name) {
        self.entries.remove(Key::of(zone).as_slice());
    }

    /// Forgets what is known of all zones at and below `zone`; returns how many there were.
    pub fn remove_below(&self, zone: &Name) -> usize {
        self.entries.retain(|name, _| !is_below(name, zone))
    }

    /// How many zones something is held of.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The octets held.
    pub fn bytes(&self) -> usize {
        self.entries.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    #[test]
    fn the_deepest_zone_that_is_still_known_is_found() {
        let zones = Zones::new(1 << 20, &Entropy::seeded(1), |text: &String| heap(text.capacity()));
        for (zone, ttl) in [(".", 100), ("example.", 50), ("a.example.", 10)] {
            zones.insert(&name(zone), Arc::new(zone.to_owned()), ttl, Moment(0));
        }
        let deepest = |now| {
            zones.deepest(&name("x.A.example."), Moment(0).after_secs(now)).map(|(_, text)| text.to_string())
        };
        assert_eq!(deepest(9).as_deref(), Some("a.example."));
        assert_eq!(deepest(10).as_deref(), Some("example."));
        assert_eq!(deepest(99).as_deref(), Some("."));
        assert_eq!(deepest(100), None);
        assert_eq!(zones.remove_below(&name("example.")), 2);
        assert_eq!(zones.len(), 1);
    }

    #[test]
    fn what_the_values_have_allocated_counts() {
        let zones = Zones::new(100_000, &Entropy::seeded(1), |text: &String| heap(text.capacity()));
        for number in 0..1_000 {
            zones.insert(&name(&format!("{number}.")), Arc::new("k".repeat(1_000)), 1, Moment(0));
            assert!(zones.bytes() <= 100_000);
        }
        assert!(zones.len() < 100 && zones.len() > 80, "{}", zones.len());
    }
}
