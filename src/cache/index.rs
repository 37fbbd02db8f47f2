//! Where entries lie, by a hash of their keys: a table of eight octets for each, and a seventh of them free.
//!
//! In: tags, 32 bits of a hash that is secret to others, and places. Out: the places of a tag. The slots are in the order
//! of the tags, each as near as can be behind where its tag would stand if tags were spread evenly (ordered linear
//! probing): a search looks at a few neighbours, usually of one line of memory, what goes leaves no gravestone, and the
//! table can be of any size, so that it need not double to grow.

use std::mem::{self, size_of};

use super::shard::heap;

/// Tags and places.
#[derive(Debug, Default)]
pub(super) struct Index {
    slots: Vec<Slot>,
    /// The slots that tags are spread over; behind them are some for what the last ones push on.
    homes: usize,
    len: usize,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    tag: u32,
    place: u32,
}

/// The place of a slot that is free: no entry may be there.
pub(super) const NOWHERE: u32 = u32::MAX;

const FREE: Slot = Slot { tag: 0, place: NOWHERE };

/// Slots behind the last home. That more are needed has a chance of about e⁻¹⁶ in a full table; then there are more.
const SLOTS_BEHIND: usize = 64;
/// The first size.
const HOMES_MIN: usize = 32;

impl Slot {
    fn is_free(self) -> bool {
        self.place == NOWHERE
    }
}

impl Index {
    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The octets it takes.
    pub(super) fn bytes(&self) -> usize {
        heap(self.slots.capacity() * size_of::<Slot>())
    }

    /// The octets it takes once one more is in.
    pub(super) fn bytes_with_another(&self) -> usize {
        if self.is_full() {
            heap((self.homes_next() + SLOTS_BEHIND) * size_of::<Slot>())
        } else {
            self.bytes()
        }
    }

    /// The place of this tag for which `is_it` says true.
    pub(super) fn find(&self, tag: u32, is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        self.slots.get(self.position(tag, is_it)?).map(|slot| slot.place)
    }

    /// Whether this very place is in it.
    pub(super) fn has(&self, tag: u32, place: u32) -> bool {
        self.position(tag, |other| other == place).is_some()
    }

    /// Grows, if it has to for one more.
    pub(super) fn make_ready(&mut self) {
        if self.is_full() {
            self.grow();
        }
    }

    /// Puts a place in.
    pub(super) fn insert(&mut self, tag: u32, place: u32) {
        self.make_ready();
        self.put(Slot { tag, place });
        self.len += 1;
    }

    /// What was at one place is at another now.
    pub(super) fn moved(&mut self, tag: u32, from: u32, to: u32) {
        let position = self.position(tag, |place| place == from);
        if let Some(slot) = position.and_then(|position| self.slots.get_mut(position)) {
            slot.place = to;
        }
    }

    /// Takes a place out; false if it was not in it.
    pub(super) fn remove(&mut self, tag: u32, place: u32) -> bool {
        let Some(position) = self.position(tag, |other| other == place) else { return false };
        let homes = self.homes;
        // Those that stand behind their homes move up.
        let pushed = self.slots.get(position + 1..).unwrap_or_default().iter();
        let pushed = (position + 1..)
            .zip(pushed)
            .take_while(|(at, slot)| !slot.is_free() && home(slot.tag, homes) < *at);
        let end = position + pushed.count();
        self.slots.copy_within(position + 1..=end, position);
        if let Some(last) = self.slots.get_mut(end) {
            *last = FREE;
        }
        self.len -= 1;
        true
    }

    /// All tags and places.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, u32)> {
        self.slots.iter().filter(|slot| !slot.is_free()).map(|slot| (slot.tag, slot.place))
    }

    fn position(&self, tag: u32, mut is_it: impl FnMut(u32) -> bool) -> Option<usize> {
        let first = home(tag, self.homes);
        let run = self.slots.get(first..)?.iter().take_while(|slot| !slot.is_free() && slot.tag <= tag);
        (first..).zip(run).find(|(_, slot)| slot.tag == tag && is_it(slot.place)).map(|(at, _)| at)
    }

    fn put(&mut self, slot: Slot) {
        let first = home(slot.tag, self.homes);
        let run = self.slots.get(first..).unwrap_or_default();
        let before = run.iter().take_while(|other| !other.is_free() && other.tag <= slot.tag).count();
        let at = first + before;
        let free = self.slots.iter().skip(at).position(|other| other.is_free()).map(|more| at + more);
        let free = free.unwrap_or_else(|| {
            let end = self.slots.len();
            self.slots.reserve_exact(SLOTS_BEHIND);
            self.slots.resize(end + SLOTS_BEHIND, FREE);
            end
        });
        self.slots.copy_within(at..free, at + 1);
        if let Some(place) = self.slots.get_mut(at) {
            *place = slot;
        }
    }

    fn is_full(&self) -> bool {
        self.len >= self.homes / 8 * 7
    }

    fn homes_next(&self) -> usize {
        (self.homes + self.homes / 4).max(HOMES_MIN)
    }

    fn grow(&mut self) {
        self.homes = self.homes_next();
        let slots = mem::replace(&mut self.slots, vec![FREE; self.homes + SLOTS_BEHIND]);
        for slot in slots.into_iter().filter(|slot| !slot.is_free()) {
            self.put(slot);
        }
    }
}

/// Where a tag stands if nothing pushes it on.
fn home(tag: u32, homes: usize) -> usize {
    // The product has 64 bits; its upper half is below `homes`.
    usize::try_from((u64::from(tag) * homes as u64) >> 32).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::entropy::Entropy;

    fn tag(random: u64) -> u32 {
        u32::try_from(random >> 32).unwrap()
    }

    #[test]
    fn it_holds_what_a_simple_set_holds() {
        let (mut index, mut set) = (Index::default(), BTreeSet::new());
        let entropy = Entropy::seeded(1);
        for step in 0..60_000_u32 {
            // Few tags, so that many places have the same one; and those at both ends of the table.
            let tag = match entropy.below(4) {
                0 => u32::MAX - tag(entropy.u64()) % 3,
                1 => tag(entropy.u64()) % 3,
                _ => (tag(entropy.u64()) % 2_000) << 21,
            };
            let place = u32::from(entropy.u16()) % 16;
            let known = set.contains(&(tag, place));
            assert_eq!(index.has(tag, place), known, "step {step}");
            match entropy.below(5) {
                0 | 1 => {
                    assert_eq!(index.remove(tag, place), set.remove(&(tag, place)));
                }
                2 if known && !set.contains(&(tag, place + 16)) => {
                    index.moved(tag, place, place + 16);
                    set.remove(&(tag, place));
                    set.insert((tag, place + 16));
                }
                _ if !known => {
                    let will_be = index.bytes_with_another();
                    index.insert(tag, place);
                    set.insert((tag, place));
                    assert!(index.bytes() <= will_be + heap(SLOTS_BEHIND * 8) * 64);
                }
                _ => {}
            }
            assert_eq!(index.len(), set.len());
        }
        let mut all: Vec<_> = index.iter().collect();
        assert!(all.is_sorted_by_key(|(tag, _)| *tag), "the slots are in the order of the tags");
        all.sort_unstable();
        assert!(all.into_iter().eq(set));
    }

    #[test]
    fn it_takes_less_than_twelve_octets_for_each_entry_and_looks_at_few_neighbours() {
        let entropy = Entropy::seeded(2);
        let mut index = Index::default();
        let tags: Vec<u32> = (0..100_000).map(|_| tag(entropy.u64())).collect();
        for (place, tag) in (0..).zip(&tags) {
            index.insert(*tag, place);
            assert!(place < 1_000 || index.bytes() <= index.len() * 12, "{place}");
        }
        let distance = |slot: (usize, &Slot)| slot.0 - home(slot.1.tag, index.homes);
        let taken = index.slots.iter().enumerate().filter(|(_, slot)| !slot.is_free());
        let distances: Vec<usize> = taken.map(distance).collect();
        assert!(distances.iter().sum::<usize>() < 5 * index.len());
        assert!(distances.iter().all(|distance| *distance < 200));
        assert!((0..).zip(&tags).all(|(place, tag)| index.find(*tag, |other| other == place) == Some(place)));
    }
}
