//! Records in the order of their keys, each one allocation: what the denials of a zone are kept in.
//!
//! In: keys and octets, with the moment until which they hold. Out: the one under a key, the last ones up to it, the
//! next one after it. The list is cut into short pieces, so that little is moved when one comes or goes, and most
//! zones, which have one or two, take no more than these.

use super::shard::heap;
use crate::clock::Moment;

/// Octets under a key: the moment, the mark, the length of the key, the key, the octets.
pub(super) struct Record(Box<[u8]>);

const USED: usize = 8;
const KEY_LEN: usize = 9;
const KEY: usize = 11;

impl Record {
    /// Not used yet. A key of more than 65,535 octets is none.
    pub(super) fn new(key: &[u8], until: Moment, octets: &[u8]) -> Self {
        let key_len = u16::try_from(key.len()).unwrap_or(0);
        Self([&until.0.to_be_bytes(), &[0][..], &key_len.to_be_bytes(), key, octets].concat().into())
    }

    fn key_end(&self) -> usize {
        let len =
            self.0.get(KEY_LEN..).and_then(<[u8]>::first_chunk).map_or(0, |len| u16::from_be_bytes(*len));
        KEY + usize::from(len)
    }

    pub(super) fn key(&self) -> &[u8] {
        self.0.get(KEY..self.key_end()).unwrap_or_default()
    }

    pub(super) fn octets(&self) -> &[u8] {
        self.0.get(self.key_end()..).unwrap_or_default()
    }

    pub(super) fn until(&self) -> Moment {
        Moment(self.0.first_chunk().map_or(0, |until| u64::from_be_bytes(*until)))
    }

    /// Whether it was of use since that was last asked for.
    pub(super) fn is_used(&self) -> bool {
        self.0.get(USED).is_some_and(|used| *used != 0)
    }

    pub(super) fn mark(&mut self, used: bool) {
        if let Some(octet) = self.0.get_mut(USED) {
            *octet = u8::from(used);
        }
    }

    /// What it has allocated.
    pub(super) fn heap(&self) -> usize {
        heap(self.0.len())
    }
}

/// Records in the order of their keys.
#[derive(Default)]
pub(super) struct Records {
    /// None of them is empty.
    pieces: Vec<Vec<Record>>,
    len: usize,
    /// What records and pieces take.
    bytes: usize,
}

/// The longest piece: what is moved at most for one record.
const PIECE_LEN_MAX: usize = 64;

impl Records {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The piece that a key belongs in, and how many of its records are not after it.
    fn place(&self, key: &[u8]) -> (usize, usize) {
        let not_after = |piece: &Vec<Record>| piece.first().is_some_and(|first| first.key() <= key);
        let piece = self.pieces.partition_point(not_after).saturating_sub(1);
        let within = self.pieces.get(piece);
        (piece, within.map_or(0, |records| records.partition_point(|record| record.key() <= key)))
    }

    /// Puts a record in its place, instead of the one that was there.
    pub(super) fn insert(&mut self, record: Record) {
        let (piece, within) = self.place(record.key());
        let before = self.lists_heap(piece);
        self.bytes += record.heap();
        match self.pieces.get_mut(piece) {
            None => {
                self.pieces.reserve_exact(1);
                self.pieces.push(vec![record]);
                self.len += 1;
            }
            Some(records) => {
                if let Some(same) = within.checked_sub(1).and_then(|index| records.get_mut(index))
                    && same.key() == record.key()
                {
                    self.bytes = self.bytes.saturating_sub(same.heap());
                    *same = record;
                    return;
                }
                if records.len() == records.capacity() {
                    records.reserve_exact(1 + records.len() / 4);
                }
                records.insert(within, record);
                self.len += 1;
                if records.len() > PIECE_LEN_MAX {
                    let mut upper = records.split_off(PIECE_LEN_MAX / 2);
                    upper.shrink_to_fit();
                    records.shrink_to_fit();
                    self.bytes += list_heap(&upper);
                    self.pieces.insert(piece + 1, upper);
                }
            }
        }
        self.bytes = (self.bytes + self.lists_heap(piece)).saturating_sub(before);
    }

    /// Takes the record under a key out.
    pub(super) fn remove(&mut self, key: &[u8]) {
        let (piece, within) = self.place(key);
        let before = self.lists_heap(piece);
        let Some(records) = self.pieces.get_mut(piece) else { return };
        let Some(index) = within.checked_sub(1) else { return };
        if records.get(index).is_none_or(|record| record.key() != key) {
            return;
        }
        let gone = records.remove(index).heap();
        let is_empty = records.is_empty();
        if is_empty {
            self.pieces.remove(piece);
        }
        self.len -= 1;
        let after = if is_empty { self.list_of_pieces_heap() } else { self.lists_heap(piece) };
        self.bytes = (self.bytes + after).saturating_sub(before + gone);
    }

    /// The record under a key.
    pub(super) fn get_mut(&mut self, key: &[u8]) -> Option<&mut Record> {
        self.up_to(key).next().filter(|record| record.key() == key)
    }

    /// The record under a key and those before it, from there downwards.
    pub(super) fn up_to(&mut self, key: &[u8]) -> impl Iterator<Item = &mut Record> {
        let (piece, within) = self.place(key);
        let upper = piece.min(self.pieces.len());
        let (before, from) = self.pieces.split_at_mut(upper);
        let this = from.first_mut().and_then(|records| records.get_mut(..within)).unwrap_or_default();
        this.iter_mut().rev().chain(before.iter_mut().rev().flat_map(|records| records.iter_mut().rev()))
    }

    /// The first record after a key.
    pub(super) fn after(&self, key: &[u8]) -> Option<&Record> {
        let (piece, within) = self.place(key);
        let here = self.pieces.get(piece).and_then(|records| records.get(within));
        here.or_else(|| self.pieces.get(piece + 1)?.first())
    }

    /// The first of all.
    pub(super) fn first(&self) -> Option<&Record> {
        self.pieces.first()?.first()
    }

    /// What the list of pieces takes, and one of them.
    fn lists_heap(&self, piece: usize) -> usize {
        self.list_of_pieces_heap() + self.pieces.get(piece).map_or(0, list_heap)
    }

    fn list_of_pieces_heap(&self) -> usize {
        heap(self.pieces.capacity() * size_of::<Vec<Record>>())
    }
}

/// What a piece takes beside its records.
fn list_heap(records: &Vec<Record>) -> usize {
    heap(records.capacity() * size_of::<Record>())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::entropy::Entropy;

    #[test]
    fn records_are_in_order_and_all_they_take_is_counted_whatever_comes_and_goes() {
        let (mut records, mut model) = (Records::default(), BTreeMap::new());
        let entropy = Entropy::seeded(1);
        for turn in 0..6_000_u32 {
            let key = u16::try_from(entropy.below(600)).unwrap().to_be_bytes();
            // More come at first, and more go then.
            if entropy.below(10) < if turn < 3_000 { 8 } else { 2 } {
                let octets = vec![7; entropy.below(300)];
                records.insert(Record::new(&key, Moment(u64::from(turn)), &octets));
                model.insert(key, octets);
            } else {
                records.remove(&key);
                model.remove(&key);
            }
            assert_eq!(records.len(), model.len());
            let lists: usize = records.pieces.iter().map(list_heap).sum();
            let held: usize = records.pieces.iter().flatten().map(Record::heap).sum();
            assert_eq!(records.bytes(), held + lists + records.list_of_pieces_heap(), "turn {turn}");
        }
        let found: Vec<_> = records.pieces.iter().flatten().map(|one| (one.key(), one.octets())).collect();
        let wanted: Vec<_> = model.iter().map(|(key, octets)| (&key[..], &octets[..])).collect();
        assert_eq!(found, wanted);
    }
}
