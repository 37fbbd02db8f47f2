//! Proven NSEC and NSEC3 records, zone by zone: what they deny need not be asked for again (RFC 8198).
//!
//! In: secure verdicts, of which the denial records are kept, the SOA record, and RRsets that came from a wildcard.
//! Out: the record at a name (or a hash) or the last one before it, and the wildcard above a name. What they prove is
//! for `validate::denial` to say; nothing is looked into here but whose they are.
//!
//! A record lives as long as its TTL and its signatures, and no longer than the SOA says that a denial may (RFC 9077).
//! Not kept are NSEC3 records with opt-out, which leave open what is in their span (RFC 5155 §6), and those with more
//! iterations than are computed (RFC 9276 §3.2).
//!
//! One zone has a part of the room; within it those go first that were never used again, so that one-use records (a
//! flood of random names, signers that make a record for each question) do not drive out those that serve. When the
//! room is full, a zone that has more than its fair share gives way to itself, and to a smaller one the zone that was
//! not used for longest.

use std::collections::BTreeMap;
use std::mem::size_of;
use std::ops::Bound::{Excluded, Included, Unbounded};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::quality::SeedableRandomState;
use lru::LruCache;

use super::delegations::rrset_heap;
use super::shard::{heap, shared_seed, table_bytes};
use crate::clock::Moment;
use crate::dns::rdata::{Nsec3, Rrsig, Soa};
use crate::dns::{Name, RecordType, Rrset};
use crate::entropy::Entropy;
use crate::limits;
use crate::validate::Validated;

/// The denial records of many zones.
pub struct Denials {
    zones: Mutex<Zones>,
    bytes_max: usize,
    zone_bytes_max: usize,
}

/// A proven RRset.
#[derive(Debug, Clone)]
pub struct Proven {
    /// As it was proven.
    pub rrset: Arc<Rrset>,
    /// Seconds that it still holds.
    pub ttl: u32,
}

/// The iterations and the salt of a chain of NSEC3 records.
pub type HashParameters = (u16, Vec<u8>);

/// How long records are kept at most, in seconds.
#[derive(Debug, Clone, Copy)]
pub struct TtlMax {
    /// Those that deny (RFC 9077 §4).
    pub negative: u32,
    /// Those that came from a wildcard.
    pub positive: u32,
}

struct Zones {
    /// The one that was used last comes first.
    by_name: LruCache<Name, Zone, SeedableRandomState>,
    /// What zones and their nodes take.
    bytes: usize,
    /// The most zones there were: the table never becomes smaller.
    len_most: usize,
}

/// What is kept of one zone.
#[derive(Default)]
struct Zone {
    soa: Option<Kept>,
    /// By [`nsec_key`], [`nsec3_key`] and [`wildcard_key`].
    records: BTreeMap<Box<[u8]>, Kept>,
    /// Where the search for one that may go was left.
    hand: Box<[u8]>,
    bytes: usize,
}

struct Kept {
    rrset: Arc<Rrset>,
    until: Moment,
    /// It was asked for since the hand passed.
    used: bool,
}

impl std::fmt::Debug for Denials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Denials").field("bytes_max", &self.bytes_max).finish_non_exhaustive()
    }
}

impl Denials {
    /// Nothing kept; at most `bytes_max` octets.
    pub fn new(bytes_max: usize, entropy: &Entropy) -> Self {
        let hasher = SeedableRandomState::with_seed(entropy.u64(), shared_seed(entropy));
        let zones = Zones { by_name: LruCache::unbounded_with_hasher(hasher), bytes: 0, len_most: 0 };
        let share = (bytes_max / limits::DENIAL_ZONES_MIN).max(limits::DENIAL_ZONE_BYTES_MIN);
        Self { zones: Mutex::new(zones), bytes_max, zone_bytes_max: share.min(bytes_max) }
    }

    /// Keeps what of a verdict serves to answer other questions, if it is secure.
    pub fn insert(&self, verdict: &Validated, ttl_max: TtlMax, now: Moment) {
        if !verdict.state().is_secure() {
            return;
        }
        // SOA first: it bounds the others, also where it may not be kept itself.
        let mut bounds: Vec<(Name, u32)> = Vec::new();
        for rrset in verdict.authority().iter().filter(|rrset| rrset.rtype == RecordType::SOA) {
            if let Some((zone, _)) = signed_by(rrset).filter(|(zone, _)| *zone == rrset.name) {
                let ttl = Soa::negative_ttl(rrset);
                self.put(&zone, None, rrset, ttl.min(ttl_max.negative), now);
                bounds.push((zone, ttl));
            }
        }
        for rrset in verdict.authority() {
            let Some((zone, _)) = signed_by(rrset) else { continue };
            let key = match rrset.rtype {
                RecordType::NSEC => nsec_key(&rrset.name),
                RecordType::NSEC3 => match hashed_key(&zone, rrset) {
                    Some(key) => key,
                    None => continue,
                },
                _ => continue,
            };
            let bound = bounds.iter().find(|(of, _)| *of == zone).map(|(_, ttl)| *ttl);
            let bound = bound.or_else(|| self.soa(&zone, now).map(|soa| soa.ttl)).unwrap_or(u32::MAX);
            self.put(&zone, Some(key), rrset, rrset.ttl.min(bound).min(ttl_max.negative), now);
        }
        let own = |rrset: &&Rrset| !rrset.rtype.is_dnssec_proof() && !rrset.rtype.is_parent_side();
        for rrset in verdict.answer().iter().filter(own) {
            let Some((zone, wildcard)) = signed_by(rrset).and_then(|(zone, labels)| {
                let expanded = labels < rrset.name.label_count();
                Some((zone, rrset.name.suffix(labels).wildcard().ok().filter(|_| expanded)?))
            }) else {
                continue;
            };
            let key = wildcard_key(&wildcard, rrset.rtype);
            self.put(&zone, Some(key), rrset, rrset.ttl.min(ttl_max.positive), now);
        }
    }

    /// The deepest zone at or above `name` of which something is kept.
    pub fn zone_above(&self, name: &Name) -> Option<Name> {
        let held = self.lock();
        name.ancestors().find(|zone| held.by_name.contains(zone))
    }

    /// The SOA record of a zone, for as long as a denial by it may be kept (RFC 2308 §5).
    pub fn soa(&self, zone: &Name, now: Moment) -> Option<Proven> {
        self.lock().by_name.get(zone)?.soa.as_ref()?.proven(now)
    }

    /// The NSEC record at `name`, or else the last one before it.
    pub fn nsec(&self, zone: &Name, name: &Name, now: Moment) -> Option<Proven> {
        self.lock().by_name.get_mut(zone)?.last_up_to(&nsec_key(name), 1, now)
    }

    /// The parameters of the NSEC3 records that there are of a zone.
    pub fn hash_parameters(&self, zone: &Name) -> Vec<HashParameters> {
        let held = self.lock();
        let Some(known) = held.by_name.peek(zone) else { return Vec::new() };
        let mut found = Vec::new();
        let mut from = vec![NSEC3];
        while found.len() < limits::DENIAL_CHAINS_MAX
            && let Some((key, _)) = known.records.range::<[u8], _>((Excluded(&*from), Unbounded)).next()
            && let Some((chain, parameters)) = parameters_of(key)
        {
            found.push(parameters);
            from = after_chain(chain);
        }
        found
    }

    /// The NSEC3 record of that label, or else the last one before it, around the end of the circle.
    pub fn nsec3(
        &self,
        zone: &Name,
        parameters: &HashParameters,
        label: &[u8],
        now: Moment,
    ) -> Option<Proven> {
        let key = nsec3_key(parameters.0, &parameters.1, label);
        let chain = key.len() - label.len();
        let mut held = self.lock();
        let known = held.by_name.get_mut(zone)?;
        known.last_up_to(&key, chain, now).or_else(|| {
            let end = after_chain(key.get(..chain)?);
            known.last_up_to(&end, chain, now)
        })
    }

    /// The deepest wildcard above `name` of which an RRset of this type, or an alias, is kept.
    pub fn wildcard_above(
        &self,
        zone: &Name,
        name: &Name,
        rtype: RecordType,
        now: Moment,
    ) -> Option<(Name, Proven)> {
        let mut held = self.lock();
        let known = held.by_name.get_mut(zone)?;
        known.records.range::<[u8], _>((Included(&[WILDCARD][..]), Unbounded)).next()?;
        let mut above = name.parent();
        while let Some(encloser) = above.filter(|above| above.is_subdomain_of(zone)) {
            let wildcard = encloser.wildcard().ok()?;
            for rtype in [rtype, RecordType::CNAME] {
                let kept = known.records.get_mut(&*wildcard_key(&wildcard, rtype));
                if let Some((kept, proven)) = kept.and_then(|kept| kept.proven(now).map(|it| (kept, it))) {
                    kept.used = true;
                    return Some((encloser, proven));
                }
            }
            above = encloser.parent();
        }
        None
    }

    /// Forgets what is kept of all zones at and below `zone`; returns how many there were.
    pub fn remove_below(&self, zone: &Name) -> usize {
        let mut held = self.lock();
        let gone: Vec<Name> = held
            .by_name
            .iter()
            .map(|(name, _)| name)
            .filter(|name| name.is_subdomain_of(zone))
            .cloned()
            .collect();
        for name in &gone {
            if let Some((name, known)) = held.by_name.pop_entry(name) {
                held.bytes = held.bytes.saturating_sub(zone_bytes(&name) + known.bytes);
            }
        }
        gone.len()
    }

    /// How many records are held, those past their TTL among them; SOA records are not counted.
    pub fn len(&self) -> usize {
        self.lock().by_name.iter().map(|(_, known)| known.records.len()).sum()
    }

    /// Whether no record is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The octets held.
    pub fn bytes(&self) -> usize {
        self.lock().total()
    }

    /// Puts a record in its place, the SOA where there is no key.
    fn put(&self, zone: &Name, key: Option<Box<[u8]>>, rrset: &Rrset, ttl: u32, now: Moment) {
        let weight = rrset_heap(rrset) + key.as_ref().map_or(0, |key| heap(key.len()));
        if ttl == 0 || weight > limits::DENIAL_OCTETS_MAX || weight > self.zone_bytes_max / 2 {
            return;
        }
        let kept = Kept { rrset: Arc::new(rrset.clone()), until: now.after_secs(ttl), used: false };
        let mut held = self.lock();
        if !held.by_name.contains(zone) {
            held.bytes += zone_bytes(zone);
            held.by_name.put(zone.clone(), Zone::default());
            held.len_most = held.len_most.max(held.by_name.len());
        }
        held.change(zone, |known| known.put(key, kept));
        while held.by_name.peek(zone).is_some_and(|known| known.bytes > self.zone_bytes_max)
            && held.change(zone, |known| known.evict(now))
        {}
        held.make_room(zone, self.bytes_max, now);
    }

    /// A panic while it was locked left it whole: every change is made at its end.
    fn lock(&self) -> MutexGuard<'_, Zones> {
        self.zones.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Zones {
    fn total(&self) -> usize {
        self.bytes + table_bytes(self.len_most)
    }

    /// Changes a zone, which becomes the one that was used last, and counts what that made of its size.
    fn change<R: Default>(&mut self, zone: &Name, change: impl FnOnce(&mut Zone) -> R) -> R {
        let Some(known) = self.by_name.get_mut(zone) else { return R::default() };
        let before = known.bytes;
        let result = change(known);
        self.bytes = (self.bytes + known.bytes).saturating_sub(before);
        result
    }

    /// Lets go what has to for the sake of `zone`, which has just grown.
    fn make_room(&mut self, zone: &Name, bytes_max: usize, now: Moment) {
        // Ends: each turn takes a record or a zone away.
        while self.total() > bytes_max {
            let fair = bytes_max / self.by_name.len().max(1);
            let large = self.by_name.peek(zone).is_some_and(|known| known.bytes > fair);
            if (large || self.by_name.len() == 1) && self.change(zone, |known| known.evict(now)) {
                continue;
            }
            let Some((name, known)) = self.by_name.pop_lru() else { return };
            self.bytes = self.bytes.saturating_sub(zone_bytes(&name) + known.bytes);
        }
    }
}

impl Zone {
    fn put(&mut self, key: Option<Box<[u8]>>, kept: Kept) {
        let len = key.as_ref().map_or(0, |key| key.len());
        self.bytes += entry_bytes(len, &kept.rrset);
        let before = match key {
            Some(key) => self.records.insert(key, kept),
            None => self.soa.replace(kept),
        };
        if let Some(before) = before {
            self.bytes = self.bytes.saturating_sub(entry_bytes(len, &before.rrset));
        }
    }

    /// The living record at `key` or the last one before it, of those that begin with the same `chain` octets.
    fn last_up_to(&mut self, key: &[u8], chain: usize, now: Moment) -> Option<Proven> {
        let from = key.get(..chain)?;
        let range = self.records.range_mut::<[u8], _>((Included(from), Included(key)));
        for (_, kept) in range.rev().take(limits::DENIALS_PASSED_MAX) {
            if let Some(proven) = kept.proven(now) {
                kept.used = true;
                return Some(proven);
            }
        }
        None
    }

    /// Lets a record go: the next one from the hand on that is past its time or was not used since the hand passed it,
    /// and of several that were all used the last one looked at. False if there is none.
    fn evict(&mut self, now: Moment) -> bool {
        for turn in 1..=limits::DENIAL_CHANCES_MAX {
            let next = self.records.range::<[u8], _>((Excluded(&*self.hand), Unbounded)).next();
            let Some((key, _)) = next.or_else(|| self.records.first_key_value()) else { return false };
            let passed = std::mem::replace(&mut self.hand, key.clone());
            self.bytes = (self.bytes + heap(self.hand.len())).saturating_sub(heap(passed.len()));
            if let Some(kept) = self.records.get_mut(&self.hand)
                && kept.used
                && now < kept.until
                && turn < limits::DENIAL_CHANCES_MAX
            {
                kept.used = false;
                continue;
            }
            if let Some(gone) = self.records.remove(&self.hand) {
                self.bytes = self.bytes.saturating_sub(entry_bytes(self.hand.len(), &gone.rrset));
            }
            return true;
        }
        false
    }
}

impl Kept {
    fn proven(&self, now: Moment) -> Option<Proven> {
        let ttl = u32::try_from(self.until.since(now).as_secs()).unwrap_or(u32::MAX);
        (now < self.until).then(|| Proven { rrset: Arc::clone(&self.rrset), ttl })
    }
}

/// The zone whose keys proved an RRset, and the labels field of its signatures: none where they do not agree, since
/// then it is not known here by which it was proven.
fn signed_by(rrset: &Rrset) -> Option<(Name, usize)> {
    let mut found = None;
    for rdata in &rrset.signatures {
        let signature = Rrsig::read(rdata).ok()?;
        let this = (signature.signer, usize::from(signature.labels));
        if found.as_ref().is_some_and(|found| *found != this) {
            return None;
        }
        found = Some(this);
    }
    found.filter(|(zone, _)| rrset.name.is_subdomain_of(zone))
}

// The first octet of a key.
const NSEC: u8 = 0;
const NSEC3: u8 = 1;
const WILDCARD: u8 = 2;

fn nsec_key(name: &Name) -> Box<[u8]> {
    let mut key = Vec::with_capacity(name.len() + 8);
    key.push(NSEC);
    push_canonical(&mut key, name);
    key.into_boxed_slice()
}

fn wildcard_key(wildcard: &Name, rtype: RecordType) -> Box<[u8]> {
    let mut key = Vec::with_capacity(wildcard.len() + 8);
    key.push(WILDCARD);
    push_canonical(&mut key, wildcard);
    key.extend_from_slice(&rtype.0.to_be_bytes());
    key.into_boxed_slice()
}

/// The chain by its parameters, then the label: base 32 with the extended hex alphabet keeps the order of the hashes.
fn nsec3_key(iterations: u16, salt: &[u8], label: &[u8]) -> Box<[u8]> {
    let mut key = Vec::with_capacity(4 + salt.len() + label.len());
    key.push(NSEC3);
    key.extend_from_slice(&iterations.to_be_bytes());
    // A salt has no more than 255 octets (RFC 5155 §3.1.5).
    key.push(u8::try_from(salt.len()).unwrap_or(u8::MAX));
    key.extend_from_slice(salt);
    key.extend(label.iter().map(u8::to_ascii_lowercase));
    key.into_boxed_slice()
}

/// The chain that a key belongs to, in octets and as parameters; none if it is of no NSEC3 record.
fn parameters_of(key: &[u8]) -> Option<(&[u8], HashParameters)> {
    let &[NSEC3, high, low, salt_len] = key.first_chunk()? else { return None };
    let chain = key.get(..4 + usize::from(salt_len))?;
    Some((chain, (u16::from_be_bytes([high, low]), chain.get(4..)?.to_vec())))
}

/// Greater than any key of the chain: digits of base 32 are ASCII.
fn after_chain(chain: &[u8]) -> Vec<u8> {
    let mut end = chain.to_vec();
    end.push(u8::MAX);
    end
}

/// The key of an NSEC3 record that may be used for what its span does not hold.
fn hashed_key(zone: &Name, rrset: &Rrset) -> Option<Box<[u8]>> {
    let nsec3 = Nsec3::read(rrset.rdatas.only()?).ok()?;
    let usable = nsec3.hash_algorithm == 1
        // Opt-out, or a flag that nobody has defined.
        && nsec3.flags == 0
        && nsec3.iterations <= limits::NSEC3_ITERATIONS_MAX
        && rrset.name.parent().is_some_and(|parent| parent == *zone);
    usable.then(|| nsec3_key(nsec3.iterations, nsec3.salt, rrset.name.labels().next().unwrap_or_default()))
}

/// Writes a name so that the order of octets is the canonical order (RFC 4034 §6.1): labels from the right, each ended by
/// a zero octet; zeros within are written as 1 1, ones as 1 2.
fn push_canonical(key: &mut Vec<u8>, name: &Name) {
    let labels: smallvec::SmallVec<[&[u8]; 16]> = name.labels().collect();
    for label in labels.iter().rev() {
        for octet in *label {
            match octet {
                0 | 1 => key.extend_from_slice(&[1, octet + 1]),
                _ => key.push(octet.to_ascii_lowercase()),
            }
        }
        key.push(0);
    }
}

/// What a record takes: its own octets and key, the counters of the shared pointer, and its place in the tree, whose
/// nodes may be half empty.
fn entry_bytes(key_len: usize, rrset: &Rrset) -> usize {
    let place = 2 * (size_of::<Box<[u8]>>() + size_of::<Kept>());
    place + heap(key_len) + heap(2 * size_of::<usize>() + size_of::<Rrset>()) + rrset_heap(rrset)
}

/// What a zone takes beside its records: its node with two links, and its name.
fn zone_bytes(zone: &Name) -> usize {
    heap(size_of::<Name>() + size_of::<Zone>() + 2 * size_of::<usize>()) + heap(zone.heap_len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn denials(bytes_max: usize) -> Denials {
        Denials::new(bytes_max, &Entropy::seeded(1))
    }

    /// Keeps a record of so many octets at a name, for so many seconds from the beginning.
    fn keep(denials: &Denials, zone: &str, owner: &str, octets: usize, ttl: u32) {
        let rrset = Rrset::new(name(owner), RecordType::NSEC, ttl).with(&vec![7; octets]);
        denials.put(&name(zone), Some(nsec_key(&rrset.name)), &rrset, ttl, Moment(0));
    }

    fn at(denials: &Denials, zone: &str, wanted: &str, secs: u32) -> Option<(String, u32)> {
        let found = denials.nsec(&name(zone), &name(wanted), Moment(0).after_secs(secs))?;
        Some((found.rrset.name.to_string(), found.ttl))
    }

    fn found(owner: &str, ttl: u32) -> (String, u32) {
        (owner.to_owned(), ttl)
    }

    #[test]
    fn keys_stand_in_the_canonical_order_of_the_names() {
        let entropy = Entropy::seeded(3);
        let octets = [0, 1, 2, b'*', b'a', b'B', b'b', 0xff];
        let draw = || {
            let label = || -> Vec<u8> { (0..=entropy.below(3)).map(|_| octets[entropy.below(8)]).collect() };
            let labels: Vec<Vec<u8>> = (0..entropy.below(4)).map(|_| label()).collect();
            Name::from_labels(labels.iter().map(Vec::as_slice)).unwrap()
        };
        for _ in 0..20_000 {
            let (one, other) = (draw(), draw());
            assert_eq!(nsec_key(&one).cmp(&nsec_key(&other)), one.cmp(&other), "{one} {other}");
        }
    }

    #[test]
    fn the_record_at_a_name_or_the_last_one_before_it_is_found() {
        let denials = denials(1 << 20);
        for owner in ["example.", "b.example.", "x.b.example.", "d.example."] {
            keep(&denials, "example.", owner, 40, 60);
        }
        keep(&denials, "c.example.", "c.example.", 40, 60);
        assert_eq!(at(&denials, "example.", "B.Example.", 0), Some(found("b.example.", 60)));
        assert_eq!(at(&denials, "example.", "c.example.", 1), Some(found("x.b.example.", 59)));
        assert_eq!(at(&denials, "example.", "a.example.", 0), Some(found("example.", 60)));
        assert_eq!(at(&denials, "c.example.", "a.c.example.", 0), Some(found("c.example.", 60)));
        assert_eq!(at(&denials, "org.", "a.org.", 0), None);
        assert_eq!(denials.zone_above(&name("y.C.example.")), Some(name("c.example.")));
        assert_eq!(denials.zone_above(&name("org.")), None);
    }

    #[test]
    fn what_is_past_its_time_is_passed_over() {
        let denials = denials(1 << 20);
        keep(&denials, "example.", "example.", 40, 100);
        keep(&denials, "example.", "b.example.", 40, 10);
        assert_eq!(at(&denials, "example.", "c.example.", 9), Some(found("b.example.", 1)));
        assert_eq!(at(&denials, "example.", "c.example.", 10), Some(found("example.", 90)));
        assert_eq!(at(&denials, "example.", "c.example.", 100), None);
        keep(&denials, "example.", "b.example.", 40, 0);
        assert_eq!(denials.len(), 2, "what may not be kept changes nothing");
    }

    #[test]
    fn hashed_records_lie_on_a_circle_for_each_salt() {
        let denials = denials(1 << 20);
        let zone = name("example.");
        let keep = |salt: &[u8], digit: u8| {
            let label = [digit; 32];
            let rrset = Rrset::new(zone.prepend(&label).unwrap(), RecordType::NSEC3, 60).with(&[1]);
            denials.put(&zone, Some(nsec3_key(0, salt, &label)), &rrset, 60, Moment(0));
        };
        for digit in [b'5', b'C', b'u'] {
            keep(b"", digit);
        }
        keep(b"\xff", b'9');
        let parameters = denials.hash_parameters(&zone);
        assert_eq!(parameters, [(0, vec![]), (0, vec![0xff])]);
        let first = |which: usize, digit: u8| {
            let proven = denials.nsec3(&zone, &parameters[which], &[digit; 32], Moment(0)).unwrap();
            proven.rrset.name.labels().next().unwrap()[0]
        };
        assert_eq!([b'5', b'a', b'c', b'v', b'0'].map(|digit| first(0, digit)), *b"55Cuu");
        assert_eq!([b'0', b'a'].map(|digit| first(1, digit)), *b"99");
    }

    #[test]
    fn a_flood_in_one_zone_leaves_other_zones_and_what_is_used_of_its_own() {
        let bytes_max = 2 << 20;
        let denials = denials(bytes_max);
        for number in 0..100 {
            for owner in ["", "a.", "b."] {
                keep(
                    &denials,
                    &format!("z{number}.example."),
                    &format!("{owner}z{number}.example."),
                    300,
                    60,
                );
            }
        }
        for number in 0..20_000 {
            keep(&denials, "flood.", &format!("n{number}.flood."), 300, 60);
            if number == 0 || number % 20 == 0 {
                assert_eq!(at(&denials, "flood.", "n0.flood.", 0), Some(found("n0.flood.", 60)), "{number}");
            }
            assert!(denials.bytes() <= bytes_max, "{}", denials.bytes());
        }
        let held = denials.lock().by_name.peek(&name("flood.")).unwrap().bytes;
        assert!(held <= bytes_max / limits::DENIAL_ZONES_MIN && held > bytes_max / 20, "{held}");
        for number in 0..100 {
            let (zone, owner) = (format!("z{number}.example."), format!("b.z{number}.example."));
            assert_eq!(at(&denials, &zone, &owner, 0), Some(found(&owner, 60)));
        }
    }

    #[test]
    fn floods_in_a_few_zones_together_take_nothing_from_many_small_ones() {
        let bytes_max = 2 << 20;
        let denials = denials(bytes_max);
        let small = |number: usize| (format!("z{number}.example."), format!("a.z{number}.example."));
        for number in 0..1_000 {
            keep(&denials, &small(number).0, &small(number).1, 300, 60);
        }
        for number in 0..40_000 {
            let zone = format!("flood{}.", number % 20);
            keep(&denials, &zone, &format!("n{number}.{zone}"), 300, 60);
        }
        assert!(denials.bytes() <= bytes_max && denials.bytes() > bytes_max / 10 * 9);
        assert!((0..1_000).all(|number| at(&denials, &small(number).0, &small(number).1, 0).is_some()));
    }

    #[test]
    fn of_many_zones_those_leave_that_were_not_used_for_longest() {
        let bytes_max = 200_000;
        let denials = denials(bytes_max);
        for number in 0..5_000 {
            keep(&denials, &format!("z{number}."), &format!("z{number}."), 200, 60);
            assert!(at(&denials, "z0.", "z0.", 0).is_some(), "{number}");
            assert!(denials.bytes() <= bytes_max);
        }
        assert_eq!(at(&denials, "z1.", "z1.", 0), None);
        assert!(at(&denials, "z4999.", "z4999.", 0).is_some());
        let count = denials.lock().by_name.len();
        assert!((100..1_000).contains(&count), "{count}");
    }

    #[test]
    fn what_is_forgotten_gives_all_its_octets_back_and_what_is_too_large_is_not_taken() {
        let denials = denials(1 << 20);
        keep(&denials, "example.", "example.", limits::DENIAL_OCTETS_MAX, 60);
        assert_eq!((denials.len(), denials.bytes()), (0, 0));
        for owner in ["example.", "a.example.", "a.example.", "x.a.example."] {
            keep(&denials, "example.", owner, 100, 60);
            keep(&denials, "sub.example.", &format!("{owner}sub.example."), 100, 60);
        }
        keep(&denials, "org.", "org.", 100, 60);
        assert_eq!(denials.remove_below(&name("EXAMPLE.")), 2);
        assert_eq!(denials.len(), 1);
        assert_eq!(denials.remove_below(&Name::root()), 1);
        assert_eq!(denials.lock().bytes, 0);
    }

    #[test]
    fn a_cache_without_room_keeps_nothing() {
        let denials = denials(0);
        keep(&denials, "example.", "example.", 10, 60);
        assert!(denials.is_empty() && denials.bytes() == 0);
    }

    #[test]
    fn hashed_records_that_leave_something_open_have_no_place() {
        let zone = name("example.");
        let record = |owner: &Name, algorithm: u8, flags: u8, iterations: u16| {
            let mut rdata = vec![algorithm, flags];
            rdata.extend(iterations.to_be_bytes());
            rdata.extend([0, 20]);
            rdata.extend([9; 20]);
            hashed_key(&zone, &Rrset::new(owner.clone(), RecordType::NSEC3, 60).with(&rdata))
        };
        let owner = zone.prepend(&[b'8'; 32]).unwrap();
        assert!(record(&owner, 1, 0, limits::NSEC3_ITERATIONS_MAX).is_some());
        assert!(record(&owner, 1, 0, limits::NSEC3_ITERATIONS_MAX + 1).is_none());
        assert!(record(&owner, 1, 1, 0).is_none(), "opt-out");
        assert!(record(&owner, 2, 0, 0).is_none());
        assert!(record(&owner.prepend(b"x").unwrap(), 1, 0, 0).is_none(), "of another zone");
    }

    #[test]
    fn a_record_whose_signatures_name_two_zones_is_of_neither() {
        let signed = |signers: &[&str]| {
            let mut rrset = Rrset::new(name("a.sub.example."), RecordType::NSEC, 60).with(&[0]);
            for signer in signers {
                let mut rdata = vec![0, 47, 13, 3];
                rdata.extend([0; 14]);
                rdata.extend(name(signer).as_wire());
                rrset.signatures.push(&rdata);
            }
            signed_by(&rrset)
        };
        assert_eq!(signed(&["example."]), Some((name("example."), 3)));
        assert_eq!(signed(&["example.", "Example."]), Some((name("example."), 3)));
        assert_eq!(signed(&["example.", "sub.example."]), None);
        assert_eq!(signed(&["org."]), None);
        assert_eq!(signed(&[]), None);
    }
}
