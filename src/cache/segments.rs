//! Where answers lie: runs of octets, written from front to back, and emptied whole when room is short.
//!
//! In: entries (see `entry`), appended behind each other to segments of one size. Out: the entry of a name and type, where
//! it lies. Nothing is allocated for an entry alone, and all that is allocated is counted: segments, whether full or not,
//! and the index.
//!
//! Segments stand in two queues. A new entry goes to the end of `probation`. When room is short, the oldest segment is
//! emptied: what was asked for again since it was stored goes on to the end of `main`, what lies in `main` and was used
//! since it came there goes to its end once more, everything else goes, and so does what is past its time unless it was
//! asked for even so. `main` is emptied only where `probation` has no more than its share: a flood of names that are
//! asked for once passes through `probation` and drives out nothing else (S3-FIFO: Yang et al., SOSP 2023). An
//! entry of the same length as the one it replaces is written over it.
//! Large entries have segments of their own, and a share of the octets that they cannot pass (cache flushing:
//! NRDelegation, CVE-2024-25590).

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher};
use std::mem::{self, size_of};

use foldhash::quality::SeedableRandomState;

use super::entry;
use super::index::{Index, NOWHERE};
use super::shard::{heap, shared_seed};
use crate::clock::Moment;
use crate::dns::RecordType;
use crate::entropy::Entropy;
use crate::limits;

/// Entries that are locked together.
pub(super) struct Segments {
    index: Index,
    /// Never more than there is capacity for.
    by_number: Vec<Segment>,
    probation: VecDeque<u32>,
    main: VecDeque<u32>,
    large: VecDeque<u32>,
    /// Segments that are empty, and have kept their octets.
    emptied: Vec<u32>,
    /// Numbers of segments that have none.
    vacant: Vec<u32>,
    /// The length of those that have more than one entry: a power of two.
    segment_len: usize,
    bytes_max: usize,
    /// What the segments take.
    bytes: usize,
    large_bytes: usize,
}

#[derive(Debug)]
struct Segment {
    bytes: Vec<u8>,
    /// Octets of entries that are no more.
    dead: usize,
    queue: Queue,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Queue {
    Probation,
    Main,
    Large,
}

/// Hashes names and types.
pub(super) struct Hashing(SeedableRandomState);

impl Hashing {
    pub(super) fn new(entropy: &Entropy) -> Self {
        Self(SeedableRandomState::with_seed(entropy.u64(), shared_seed(entropy)))
    }

    /// The hash of a name in wire form, of whatever letter case.
    pub(super) fn name(&self, name: &[u8]) -> u64 {
        let mut hasher = self.0.build_hasher();
        for piece in name.chunks(PIECE) {
            let mut lower = [0; PIECE];
            if let Some(lower) = lower.get_mut(..piece.len()) {
                lower.copy_from_slice(piece);
                lower.make_ascii_lowercase();
                hasher.write(lower);
            }
        }
        hasher.finish()
    }

    /// What the index knows a name of this hash and a type by.
    pub(super) fn tag(&self, name_hash: u64, rtype: RecordType) -> u32 {
        let mut hasher = self.0.build_hasher();
        hasher.write_u64(name_hash ^ u64::from(rtype.0));
        let [a, b, c, d, ..] = hasher.finish().to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    fn tag_of(&self, entry: &[u8]) -> u32 {
        entry::key(entry).map_or(0, |(name, rtype)| self.tag(self.name(name), rtype))
    }
}

/// Names are hashed in pieces of so many octets: most have one.
const PIECE: usize = 64;

impl Segments {
    /// None yet; at most `bytes_max` octets of them.
    pub(super) fn new(bytes_max: usize) -> Self {
        let bytes_max = bytes_max.min(limits::SHARD_BYTES_MAX);
        let wanted = (bytes_max / limits::SEGMENTS_MIN).max(limits::SEGMENT_OCTETS_MIN);
        let segment_len = 1 << wanted.min(limits::SEGMENT_OCTETS_MAX).ilog2();
        let large_min = segment_len.min(limits::LARGE_ANSWER_OCTETS);
        let large_max = bytes_max / limits::LARGE_ANSWERS_SHARE / large_min;
        let most = bytes_max / segment_len + large_max;
        let by_number = Vec::with_capacity(most);
        Self {
            index: Index::default(),
            probation: VecDeque::with_capacity(most),
            main: VecDeque::with_capacity(most),
            large: VecDeque::with_capacity(large_max),
            emptied: Vec::with_capacity(most),
            vacant: Vec::with_capacity(most),
            by_number,
            segment_len,
            bytes_max,
            bytes: 0,
            large_bytes: 0,
        }
    }

    /// The entry of a name and type.
    pub(super) fn get(&mut self, tag: u32, name: &[u8], rtype: RecordType) -> Option<&mut [u8]> {
        let place = self.find(tag, name, rtype)?;
        let (number, offset) = self.split(place);
        let bytes = self.by_number.get_mut(number)?.bytes.get_mut(offset..)?;
        let len = entry::first(bytes)?.len();
        bytes.get_mut(..len)
    }

    /// Stores an entry; the one that was there goes. False if there is no room for it.
    pub(super) fn insert(&mut self, hashing: &Hashing, tag: u32, mut entry: Vec<u8>, now: Moment) -> bool {
        let Some((name, rtype)) = entry::key(&entry) else { return false };
        let mut queue = if self.is_large(entry.len()) { Queue::Large } else { Queue::Probation };
        if let Some(place) = self.find(tag, name, rtype) {
            entry::mark_asked_again(&mut entry);
            let (number, offset) = self.split(place);
            if queue == Queue::Probation && self.queue_of(number) == Some(Queue::Main) {
                queue = Queue::Main;
            }
            if self.write_over(number, offset, &entry) {
                return true;
            }
            self.discard(tag, place);
        }
        // The table grows first, if it has to: what makes room for it does so before the entry is in, and no segment takes
        // that room.
        let more = self.index.bytes_with_another().saturating_sub(self.index.bytes());
        if !self.make_room(more, hashing, now) {
            return false;
        }
        self.index.make_ready();
        let place = self.place(queue, entry, hashing, now);
        if let Some(place) = place {
            self.index.insert(tag, place);
        }
        place.is_some()
    }

    /// Forgets the entry of a name and type.
    pub(super) fn remove(&mut self, tag: u32, name: &[u8], rtype: RecordType) {
        if let Some(place) = self.find(tag, name, rtype) {
            self.discard(tag, place);
        }
    }

    /// Keeps the entries for which `keep` says true; returns how many went. Looks at every entry.
    pub(super) fn retain(&mut self, keep: impl Fn(&[u8]) -> bool) -> usize {
        let goes = |place| self.entry(place).is_some_and(|entry| !keep(entry));
        let gone: Vec<(u32, u32)> = self.index.iter().filter(|(_, place)| goes(*place)).collect();
        for (tag, place) in &gone {
            self.discard(*tag, *place);
        }
        gone.len()
    }

    /// How many entries there are, those past their time among them.
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// How many of them are large.
    #[cfg(test)]
    pub(super) fn large_len(&self) -> usize {
        self.large.len()
    }

    /// The octets that are taken: segments, index and lists.
    pub(super) fn bytes(&self) -> usize {
        let queues = [&self.probation, &self.main, &self.large].map(VecDeque::capacity);
        let numbers = queues.into_iter().chain([self.emptied.capacity(), self.vacant.capacity()]);
        let lists: usize = numbers.map(|numbers| heap(numbers * size_of::<u32>())).sum();
        self.bytes + self.index.bytes() + lists + heap(self.by_number.capacity() * size_of::<Segment>())
    }

    fn find(&self, tag: u32, name: &[u8], rtype: RecordType) -> Option<u32> {
        self.index.find(tag, |place| {
            let key = self.entry(place).and_then(entry::key);
            key.is_some_and(|(owner, of)| of == rtype && owner.eq_ignore_ascii_case(name))
        })
    }

    fn entry(&self, place: u32) -> Option<&[u8]> {
        let (number, offset) = self.split(place);
        entry::first(self.by_number.get(number)?.bytes.get(offset..)?)
    }

    /// The number of a segment, and the offset in it.
    fn split(&self, place: u32) -> (usize, usize) {
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        (place / self.segment_len, place % self.segment_len)
    }

    fn join(&self, number: u32, offset: usize) -> Option<u32> {
        let number = usize::try_from(number).ok()?;
        let place = number.checked_mul(self.segment_len)?.checked_add(offset)?;
        u32::try_from(place).ok().filter(|place| *place != NOWHERE)
    }

    fn segment(&mut self, number: u32) -> Option<&mut Segment> {
        self.by_number.get_mut(usize::try_from(number).ok()?)
    }

    fn queue_of(&self, number: usize) -> Option<Queue> {
        self.by_number.get(number).map(|segment| segment.queue)
    }

    fn is_large(&self, len: usize) -> bool {
        len > self.segment_len.min(limits::LARGE_ANSWER_OCTETS)
    }

    /// Takes what lies at a place out of the index.
    fn discard(&mut self, tag: u32, place: u32) {
        let len = self.entry(place).map_or(0, <[u8]>::len);
        self.index.remove(tag, place);
        let (number, _) = self.split(place);
        let Some(segment) = self.by_number.get_mut(number) else { return };
        segment.dead += len;
        if segment.queue == Queue::Large {
            let number = u32::try_from(number).unwrap_or(NOWHERE);
            self.large.retain(|other| *other != number);
            self.give_back(number);
        }
    }

    /// Writes an entry over another of the same length; false if that has another length.
    fn write_over(&mut self, number: usize, offset: usize, entry: &[u8]) -> bool {
        let bytes = self.by_number.get_mut(number).and_then(|segment| segment.bytes.get_mut(offset..));
        let Some(bytes) = bytes else { return false };
        let is_same = entry::first(bytes).is_some_and(|other| other.len() == entry.len());
        let Some(place) = bytes.get_mut(..entry.len()).filter(|_| is_same) else { return false };
        place.copy_from_slice(entry);
        true
    }

    /// Puts an entry at the end of a queue, with whatever makes room for it. None if there is none.
    fn place(&mut self, queue: Queue, entry: Vec<u8>, hashing: &Hashing, now: Moment) -> Option<u32> {
        if queue == Queue::Large {
            return self.place_large(entry, hashing, now);
        }
        if let Some(place) = self.append(queue, &entry) {
            return Some(place);
        }
        if self.emptied.is_empty() {
            self.make_room(heap(self.segment_len), hashing, now);
        }
        // Emptying may have left room at the end of the queue.
        if let Some(place) = self.append(queue, &entry) {
            return Some(place);
        }
        let number = self.take_segment(queue)?;
        match queue {
            Queue::Main => self.main.push_back(number),
            Queue::Probation | Queue::Large => self.probation.push_back(number),
        }
        self.append(queue, &entry)
    }

    fn place_large(&mut self, entry: Vec<u8>, hashing: &Hashing, now: Moment) -> Option<u32> {
        let (taken, most) = (heap(entry.capacity()), self.bytes_max / limits::LARGE_ANSWERS_SHARE);
        if taken > most {
            return None;
        }
        for tries in 1.. {
            if self.large_bytes + taken <= most {
                break;
            }
            let number = self.large.pop_front()?;
            let bytes = &mut self.segment(number)?.bytes;
            if entry::survives(bytes, now) && tries < limits::SEGMENTS_EMPTIED_MAX {
                self.large.push_back(number);
            } else {
                let tag = hashing.tag_of(bytes);
                if let Some(place) = self.join(number, 0) {
                    self.index.remove(tag, place);
                }
                self.give_back(number);
            }
        }
        if !self.make_room(taken, hashing, now) {
            return None;
        }
        let number = self.vacant_number()?;
        let segment = self.segment(number)?;
        *segment = Segment { bytes: entry, dead: 0, queue: Queue::Large };
        self.bytes += taken;
        self.large_bytes += taken;
        self.large.push_back(number);
        self.join(number, 0)
    }

    /// Puts an entry into the last segment of a queue, if it has room there.
    fn append(&mut self, queue: Queue, entry: &[u8]) -> Option<u32> {
        let queue = if queue == Queue::Main { &self.main } else { &self.probation };
        let (number, most) = (*queue.back()?, self.segment_len);
        let bytes = &mut self.segment(number)?.bytes;
        let offset = bytes.len();
        if offset + entry.len() > most {
            return None;
        }
        bytes.extend_from_slice(entry);
        self.join(number, offset)
    }

    /// An empty segment, an emptied one if there is any; none if there is no room for one.
    fn take_segment(&mut self, queue: Queue) -> Option<u32> {
        if let Some(number) = self.emptied.pop() {
            let segment = self.segment(number)?;
            (segment.dead, segment.queue) = (0, queue);
            return Some(number);
        }
        let taken = heap(self.segment_len);
        if self.bytes() + taken > self.bytes_max {
            return None;
        }
        let (number, len) = (self.vacant_number()?, self.segment_len);
        let segment = self.segment(number)?;
        *segment = Segment { bytes: Vec::with_capacity(len), dead: 0, queue };
        self.bytes += taken;
        Some(number)
    }

    /// The number of a segment that has no octets.
    fn vacant_number(&mut self) -> Option<u32> {
        if let Some(number) = self.vacant.pop() {
            return Some(number);
        }
        if self.by_number.len() == self.by_number.capacity() {
            return None;
        }
        let number = u32::try_from(self.by_number.len()).ok()?;
        self.by_number.push(Segment { bytes: Vec::new(), dead: 0, queue: Queue::Probation });
        Some(number)
    }

    /// Frees the octets of a segment.
    fn give_back(&mut self, number: u32) {
        let Some(segment) = self.segment(number) else { return };
        let (bytes, queue) = (mem::take(&mut segment.bytes), segment.queue);
        let taken = heap(bytes.capacity());
        self.bytes = self.bytes.saturating_sub(taken);
        if queue == Queue::Large {
            self.large_bytes = self.large_bytes.saturating_sub(taken);
        }
        self.vacant.push(number);
    }

    /// Empties segments until so many octets more may be taken; false if it cannot be. What it costs is bounded: after
    /// some tries a segment is emptied whatever is in it.
    fn make_room(&mut self, more: usize, hashing: &Hashing, now: Moment) -> bool {
        let needed = more.div_ceil(self.segment_len).max(1);
        let tries = needed * limits::SEGMENTS_EMPTIED_MAX;
        for done in 1..=tries {
            if self.bytes() + more <= self.bytes_max {
                return true;
            }
            if let Some(number) = self.emptied.pop() {
                self.give_back(number);
            } else {
                let must = done % limits::SEGMENTS_EMPTIED_MAX == 0;
                self.empty_oldest(must, hashing, now);
            }
        }
        while self.bytes() + more > self.bytes_max {
            let Some(number) = self.emptied.pop() else { return false };
            self.give_back(number);
        }
        true
    }

    /// Empties the segment whose turn it is; if one `must` become empty, another, of all there is in it.
    fn empty_oldest(&mut self, must: bool, hashing: &Hashing, now: Moment) {
        let is_mostly_dead = |segment: &Segment| segment.dead * 2 >= segment.bytes.len();
        let oldest = self.main.front().and_then(|number| self.by_number.get(usize::try_from(*number).ok()?));
        let is_turn_of_main = oldest.is_some_and(is_mostly_dead)
            || self.probation.len() * limits::PROBATION_SHARE <= self.probation.len() + self.main.len();
        let number = if must {
            // All that was looked at was in use. What came last was not seen twice yet.
            self.probation.pop_back().or_else(|| self.main.pop_front())
        } else if is_turn_of_main {
            self.main.pop_front().or_else(|| self.probation.pop_front())
        } else {
            self.probation.pop_front().or_else(|| self.main.pop_front())
        };
        let Some(number) = number else { return };
        let Some(bytes) = self.segment(number).map(|segment| mem::take(&mut segment.bytes)) else { return };
        let bytes = self.sift(number, bytes, must, hashing, now);
        let is_empty = bytes.is_empty();
        if let Some(segment) = self.segment(number) {
            *segment = Segment { bytes, dead: 0, queue: Queue::Main };
        }
        if is_empty {
            self.emptied.push(number);
        } else {
            self.main.push_back(number);
        }
    }

    /// Moves what survives of a segment to the end of `main`; what finds no room there stays, closed up.
    fn sift(
        &mut self,
        number: u32,
        mut bytes: Vec<u8>,
        must: bool,
        hashing: &Hashing,
        now: Moment,
    ) -> Vec<u8> {
        let (mut offset, mut kept) = (0, 0);
        while let Some(entry) = bytes.get(offset..).and_then(entry::first) {
            let (tag, next) = (hashing.tag_of(entry), offset + entry.len());
            let place = self.join(number, offset).filter(|place| self.index.has(tag, *place));
            let survives = bytes.get_mut(offset..next).is_some_and(|entry| entry::survives(entry, now));
            if let Some(place) = place {
                let to = bytes.get(offset..next).filter(|_| survives && !must);
                let to = to.map(|entry| self.append(Queue::Main, entry));
                if let Some(to) = to {
                    let to = to.or_else(|| {
                        bytes.copy_within(offset..next, kept);
                        let to = self.join(number, kept);
                        kept += next - offset;
                        to
                    });
                    self.index.moved(tag, place, to.unwrap_or(place));
                } else {
                    self.index.remove(tag, place);
                }
            }
            offset = next;
        }
        bytes.truncate(kept);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::cache::answers::{Answers, Kept};
    use crate::dns::encode::{Encoded, encode};
    use crate::dns::message::{Header, Message};
    use crate::dns::security::ValidationState;
    use crate::dns::{Name, Question, RecordType, Rrset};

    const KIB: usize = 1 << 10;

    fn secs(seconds: u32) -> Moment {
        Moment(0).after_secs(seconds)
    }

    fn name(number: usize) -> Name {
        format!("www.site{number}.example.").parse().unwrap()
    }

    /// An answer of about so many octets, with a record that says `mark`.
    fn answer(name: &Name, mark: u32, octets: usize) -> Encoded {
        let mut message = Message::new(Header::query(0), Some(Question::new(name.clone(), RecordType::TXT)));
        let rrset = Rrset::new(name.clone(), RecordType::TXT, 86_400).with(&mark.to_be_bytes());
        message.answer = vec![if octets > 0 { rrset.with(&vec![9; octets]) } else { rrset }];
        encode(&message, 65_535)
    }

    fn kept(ttl: u32) -> Kept {
        Kept { state: ValidationState::Insecure, compact_denial: false, note: None, ttl }
    }

    fn keep(answers: &Answers, number: usize, octets: usize, now: Moment) -> bool {
        let name = name(number);
        answers.insert(&name, RecordType::TXT, &answer(&name, 0, octets), &kept(3_600), now)
    }

    fn is_hit(answers: &Answers, number: usize, now: Moment) -> bool {
        answers.get(&name(number), RecordType::TXT, now).is_some()
    }

    fn mark(answers: &Answers, name: &Name, now: Moment) -> Option<u32> {
        let message = answers.get(name, RecordType::TXT, now)?.message(now)?;
        assert_eq!(message.question.as_ref().map(|question| &question.name), Some(name));
        let first = message.answer.first()?.rdatas.iter().next()?.first_chunk()?;
        Some(u32::from_be_bytes(*first))
    }

    impl Segments {
        /// Panics if the index, the queues and the counts do not say what lies in the segments.
        fn check(&self, hashing: &Hashing) {
            let queues =
                [(&self.probation, Queue::Probation), (&self.main, Queue::Main), (&self.large, Queue::Large)];
            let mut numbers: Vec<u32> = self.emptied.iter().chain(&self.vacant).copied().collect();
            let mut live = 0;
            for (numbers_of, queue) in queues {
                for number in numbers_of {
                    numbers.push(*number);
                    let segment = &self.by_number[*number as usize];
                    assert!(segment.queue == queue && !segment.bytes.is_empty());
                    let (mut offset, mut dead) = (0, 0);
                    while let Some(entry) = segment.bytes.get(offset..).and_then(entry::first) {
                        let place = self.join(*number, offset).unwrap();
                        assert_eq!(self.split(place), (*number as usize, offset));
                        if self.index.has(hashing.tag_of(entry), place) {
                            live += 1;
                        } else {
                            dead += entry.len();
                        }
                        offset += entry.len();
                    }
                    assert_eq!((offset, dead), (segment.bytes.len(), segment.dead));
                }
            }
            // Each place in the index is that of an entry of that tag, and of another.
            assert_eq!(live, self.index.len());
            let places: std::collections::HashSet<u32> = self.index.iter().map(|(_, place)| place).collect();
            assert_eq!(places.len(), live);
            numbers.sort_unstable();
            assert!(
                numbers.into_iter().eq(0..u32::try_from(self.by_number.len()).unwrap()),
                "each is in one list"
            );
            let taken = |segment: &Segment| heap(segment.bytes.capacity());
            assert_eq!(self.by_number.iter().map(taken).sum::<usize>(), self.bytes);
            let large = self.large.iter().map(|number| taken(&self.by_number[*number as usize]));
            assert_eq!(large.sum::<usize>(), self.large_bytes);
            assert!(self.large_bytes <= self.bytes_max / limits::LARGE_ANSWERS_SHARE);
        }
    }

    #[test]
    fn after_whatever_was_done_the_index_and_the_counts_say_what_there_is_and_the_bound_holds() {
        let hashing = Hashing::new(&Entropy::seeded(1));
        for (seed, bytes_max) in
            (0..).zip([0, 1_000, 5_000, 20_000, 40_000, 100_000, 300_000, 1 << 20, 2 << 20])
        {
            let (mut segments, entropy) = (Segments::new(bytes_max), Entropy::seeded(seed));
            let empty = segments.bytes();
            let key = |number: usize| {
                let name = name(number);
                let tag = hashing.tag(hashing.name(name.as_wire()), RecordType::TXT);
                (name, tag)
            };
            let mut now = secs(1);
            for step in 0..6_000_u32 {
                // Long entries first, then short ones: so the table grows when the room is full.
                let is_short = step / 1_500 % 2 == 1;
                let number = entropy.below(20 + bytes_max / if is_short { 100 } else { 300 });
                let (name, tag) = key(number);
                now = now.after_secs(u32::from(entropy.below(50) == 0));
                match entropy.below(40) {
                    0..=2 => segments.remove(tag, name.as_wire(), RecordType::TXT),
                    3 if step % 16 == 0 => {
                        let before = segments.len();
                        let gone = segments.retain(|entry| !hashing.tag_of(entry).is_multiple_of(4));
                        assert_eq!(segments.len() + gone, before);
                    }
                    3..=16 => {
                        if let Some(entry) = segments.get(tag, name.as_wire(), RecordType::TXT) {
                            entry::mark_used(entry, now);
                        }
                    }
                    other => {
                        let octets = match other {
                            _ if is_short => entropy.below(3),
                            17 => entropy.below(65_300),
                            18 => entropy.below(20_000),
                            _ => entropy.below(600),
                        };
                        let encoded = answer(&name, step, octets);
                        let packed = entry::pack(&encoded, &name, RecordType::TXT, &kept(100), now).unwrap();
                        let is_in = segments.insert(&hashing, tag, packed.clone(), now);
                        let found =
                            segments.get(tag, name.as_wire(), RecordType::TXT).map(|entry| entry.to_vec());
                        let found = found.map(|mut found| {
                            found[2] = 0;
                            found
                        });
                        assert_eq!(found, is_in.then_some(packed), "step {step} in {bytes_max}");
                    }
                }
                let bytes = segments.bytes();
                assert!(bytes <= bytes_max.max(empty), "{bytes} > {bytes_max} at step {step}");
                if step % 16 == 0 || bytes_max < 200_000 {
                    segments.check(&hashing);
                }
            }
            assert!(bytes_max < 10_000 || segments.len() > 10, "{} in {bytes_max}", segments.len());
        }
    }

    #[test]
    fn a_table_that_grows_together_with_a_new_segment_does_not_pass_the_bound() {
        for bytes_max in (20_000..60_000).step_by(500) {
            let answers = Answers::new(bytes_max, &Entropy::seeded(1));
            for number in 0..1_000 {
                keep(&answers, number, if number < 300 { 400 } else { 0 }, secs(1));
                assert!(answers.bytes() <= bytes_max, "{} > {bytes_max} at {number}", answers.bytes());
            }
        }
    }

    #[test]
    fn what_comes_out_is_what_a_simple_map_holds_as_long_as_there_is_room() {
        let answers = Answers::new(16 << 20, &Entropy::seeded(1));
        let (entropy, mut map) = (Entropy::seeded(2), HashMap::new());
        for step in 0..40_000_u32 {
            let (number, now) = (entropy.below(400), secs(step / 100));
            let name = name(number);
            match entropy.below(8) {
                0 => {
                    answers.remove(&name, RecordType::TXT);
                    map.remove(&number);
                }
                1..=3 => {
                    let octets = [0, entropy.below(300), entropy.below(20_000)][entropy.below(3)];
                    let (encoded, ttl) = (answer(&name, step, octets), 1 + u32::from(entropy.u16()) % 300);
                    assert!(answers.insert(&name, RecordType::TXT, &encoded, &kept(ttl), now));
                    map.insert(number, (step, now.after_secs(ttl)));
                }
                _ => {
                    let known = map.get(&number).filter(|(_, until)| now < *until);
                    assert_eq!(mark(&answers, &name, now), known.map(|(mark, _)| *mark), "step {step}");
                }
            }
            assert_eq!(answers.len(), map.len());
        }
    }

    #[test]
    fn what_comes_out_is_the_last_that_went_in_however_short_the_room_is() {
        for bytes_max in [100, 3_000, 40_000, 600_000, 3 << 20] {
            let answers = Answers::new(bytes_max, &Entropy::seeded(1));
            let (entropy, mut map) = (Entropy::seeded(2), HashMap::new());
            let empty = answers.bytes();
            let mut hits = 0;
            for step in 0..15_000_u32 {
                let (number, now) = (entropy.below(20 + bytes_max / 300), secs(step / 100));
                let name = name(number);
                match entropy.below(16) {
                    0 => {
                        answers.remove(&name, RecordType::TXT);
                        map.remove(&number);
                    }
                    1..=7 => {
                        let octets = [entropy.below(30), entropy.below(400), entropy.below(64_000)];
                        let octets = octets[[0, 0, 1, 1, 1, 1, 2][entropy.below(7)]];
                        let encoded = answer(&name, step, octets);
                        answers.insert(&name, RecordType::TXT, &encoded, &kept(200), now);
                        map.insert(number, (step, now.after_secs(200)));
                    }
                    8 if step % 1_000 == 8 => {
                        let below: Name = format!("site{number}.example.").parse().unwrap();
                        assert!(answers.remove_below(&below) <= 1);
                        map.remove(&number);
                    }
                    _ => {
                        let known = map.get(&number).filter(|(_, until)| now < *until).map(|(mark, _)| *mark);
                        let found = mark(&answers, &name, now);
                        hits += usize::from(found.is_some());
                        assert!(found.is_none() || found == known, "step {step}: {found:?}, {known:?}");
                    }
                }
                let bytes = answers.bytes();
                assert!(bytes <= bytes_max.max(empty), "{bytes} > {bytes_max} at step {step}");
            }
            assert!(empty <= bytes_max / 10 + 1, "{empty} octets are taken by nothing in {bytes_max}");
            assert!(bytes_max < 10_000 || hits > 500, "{hits} hits in {bytes_max}");
        }
    }

    #[test]
    fn names_that_are_asked_for_once_do_not_drive_out_those_that_are_asked_for_often() {
        let answers = Answers::new(1 << 20, &Entropy::seeded(1));
        let entropy = Entropy::seeded(2);
        let hot = 2_000;
        for number in 0..hot {
            assert!(keep(&answers, number, 100, secs(1)) && is_hit(&answers, number, secs(1)));
        }
        // Ten times the room, and each of the hot ones a few times meanwhile.
        let (mut asked, mut hits) = (0, 0);
        for number in 0..60_000 {
            keep(&answers, 1_000_000 + number, 100, secs(2));
            if number % 5 == 0 {
                let number = entropy.below(hot);
                asked += 1;
                hits += usize::from(is_hit(&answers, number, secs(2)));
            }
        }
        assert!(hits * 100 >= asked * 95, "{hits} of {asked}");
        let fresh = (1_059_000..1_060_000).filter(|number| is_hit(&answers, *number, secs(2)));
        assert!(fresh.count() > 900, "the last ones are there too");
    }

    #[test]
    fn new_favourites_take_the_place_of_the_old() {
        let answers = Answers::new(1 << 20, &Entropy::seeded(1));
        let entropy = Entropy::seeded(2);
        for round in 0..6 {
            let mut hits = 0;
            for _ in 0..20_000 {
                let number = 10_000 * round + entropy.below(2_000);
                if is_hit(&answers, number, secs(1)) {
                    hits += 1;
                } else {
                    keep(&answers, number, 100, secs(1));
                }
            }
            assert!(hits > 17_000, "{hits} in round {round}");
        }
    }

    #[test]
    fn large_answers_have_an_eighth_and_drive_out_no_others() {
        let bytes_max = 2 << 20;
        let answers = Answers::new(bytes_max, &Entropy::seeded(1));
        let small = 5_000;
        for number in 0..small {
            keep(&answers, number, 100, secs(1));
        }
        let before = answers.bytes();
        assert!(before < bytes_max * 3 / 4);
        for number in 0..1_000 {
            assert!(keep(&answers, 100_000 + number, 60_000, secs(1)));
            assert!(answers.bytes() <= before + bytes_max / 8 + 100 * KIB / 10);
        }
        assert!((0..small).all(|number| is_hit(&answers, number, secs(1))));
        assert!(is_hit(&answers, 100_999, secs(1)));
        // Those that are used stay among the large ones that are not.
        for number in 0..1_000 {
            keep(&answers, 200_000 + number, 60_000, secs(1));
            assert!(is_hit(&answers, 100_999, secs(1)), "{number}");
        }
    }

    #[test]
    fn what_is_past_its_time_goes_first_unless_it_is_asked_for_even_so() {
        let answers = Answers::new(1 << 20, &Entropy::seeded(1));
        for number in 0..1_000 {
            keep(&answers, number, 100, secs(0));
            assert!(is_hit(&answers, number, secs(1)));
        }
        for number in 0..100 {
            assert!(answers.get_past(&name(number), RecordType::TXT, secs(4_000)).is_some());
        }
        for number in 0..20_000 {
            keep(&answers, 10_000 + number, 100, secs(4_000));
        }
        let past = |number: &usize| answers.get_past(&name(*number), RecordType::TXT, secs(4_000)).is_some();
        assert_eq!((0..1_000).filter(past).count(), 100);
        assert_eq!((0..100).filter(past).count(), 100);
    }

    #[test]
    fn an_answer_of_the_same_length_is_written_over_the_old_one() {
        let answers = Answers::new(1 << 20, &Entropy::seeded(1));
        for number in 0..1_000 {
            keep(&answers, number, 100, secs(1));
        }
        let bytes = answers.bytes();
        for round in 2..20 {
            for number in 0..1_000 {
                assert!(keep(&answers, number, 100, secs(round)));
            }
        }
        assert_eq!((answers.bytes(), answers.len()), (bytes, 1_000));
    }

    #[test]
    fn an_entry_takes_few_octets_beside_its_message() {
        let bytes_max = 8 << 20;
        let answers = Answers::new(bytes_max, &Entropy::seeded(1));
        let mut messages = 0;
        for number in 10_000..30_000 {
            messages += answer(&name(number), 0, 100).bytes.len();
            keep(&answers, number, 100, secs(1));
        }
        assert_eq!(answers.len(), 20_000);
        let beside = (answers.bytes() - messages) / 20_000;
        assert!(beside <= 40, "{beside}");
    }

    #[test]
    fn names_that_collide_under_another_seed_are_spread() {
        // Found with the hash of one process: all have the same upper bits of the tag, so that they would be neighbours.
        let (known, other) = (Hashing::new(&Entropy::seeded(1)), Hashing::new(&Entropy::seeded(2)));
        let tag =
            |hashing: &Hashing, number| hashing.tag(hashing.name(name(number).as_wire()), RecordType::TXT);
        let colliding: Vec<usize> = (0..400_000).filter(|number| tag(&known, *number) >> 24 == 7).collect();
        assert!(colliding.len() > 1_000);
        let mut spread = [0; 256];
        for number in &colliding {
            spread[tag(&other, *number).to_be_bytes()[0] as usize] += 1;
        }
        assert!(spread.iter().all(|count| count * 256 < 5 * colliding.len()), "{spread:?}");
    }

    #[test]
    fn the_hash_heeds_every_octet_but_no_letter_case() {
        let hashing = Hashing::new(&Entropy::seeded(1));
        let long = |last: &str| -> Name {
            format!("{0}.{0}.{0}.{1}.example.", "x".repeat(60), last).parse().unwrap()
        };
        let hash = |name: &Name| hashing.name(name.as_wire());
        assert_eq!(hash(&long("abc")), hash(&long("ABC")));
        assert_ne!(hash(&long("abc")), hash(&long("abd")));
        assert_ne!(hashing.tag(1, RecordType::A), hashing.tag(1, RecordType::AAAA));
    }

    #[test]
    fn threads_that_write_and_read_the_same_names_see_whole_answers() {
        let answers = Answers::new(400_000, &Entropy::seeded(1));
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let answers = &answers;
                scope.spawn(move || {
                    let entropy = Entropy::seeded(thread);
                    for step in 0..8_000_u32 {
                        let name = name(entropy.below(2_000));
                        match entropy.below(3) {
                            0 => {
                                let encoded = answer(&name, step, entropy.below(500));
                                answers.insert(&name, RecordType::TXT, &encoded, &kept(60), secs(1));
                            }
                            1 if step % 100 == 1 => answers.remove(&name, RecordType::TXT),
                            _ => assert!(mark(answers, &name, secs(1)).is_none_or(|mark| mark < 8_000)),
                        }
                    }
                });
            }
        });
        assert!(answers.bytes() <= 400_000 && !answers.is_empty());
    }
}
