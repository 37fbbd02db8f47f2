//! Proven NSEC and NSEC3 records, zone by zone: what they deny need not be asked for again (RFC 8198).
//!
//! In: secure verdicts, of which the denial records are kept, the SOA record, and RRsets that came from a wildcard.
//! Out: [`ZoneDenials`], one zone's, and of that the record at a name (or a hash) or the one whose span it lies in, and
//! the wildcard above a name. What they prove is for `validate::denial` to say; nothing is looked into here but whose
//! they are and where their span ends.
//!
//! A record lives as long as its TTL and its signatures, and no longer than the SOA says that a denial may (RFC 9077).
//! Not kept are NSEC3 records with opt-out, which leave open what is in their span (RFC 5155 §6), and those with more
//! iterations than are computed (RFC 9276 §3.2). They are kept packed, without the name of their zone.
//!
//! One zone has a part of the room; within it those go first that were never used again, so that one-use records (a
//! flood of random names, signers that make a record for each question) do not drive out those that serve. When the
//! room is full, a zone that has more than its fair share gives way to itself, and to a smaller one the zone that was
//! not used for longest.
//! The table of zones has one lock, held for a look-up, and each zone one of its own: hashes that a search computes
//! keep nobody waiting. Where both are held, that of the table was taken first.

use std::mem::size_of;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::quality::SeedableRandomState;
use lru::LruCache;

use super::delegations::is_below;
use super::keys::{Depths, Key};
use super::records::{Record, Records};
use super::seen::Seen;
use super::shard::{heap, shared_seed, table_bytes};
use crate::clock::Moment;
use crate::dns::base::{base32, from_base32};
use crate::dns::packed::{Packer, Unpacker};
use crate::dns::rdata::{Nsec3, Rrsig, Soa};
use crate::dns::{Class, Name, Question, Rdatas, RecordType, Rrset};
use crate::entropy::Entropy;
use crate::limits;
use crate::validate::Validated;

/// The denial records of many zones.
pub struct Denials {
    zones: Mutex<Zones>,
    depths: Depths,
    /// Questions to which an answer was made.
    made: Seen,
    bytes_max: usize,
    zone_bytes_max: usize,
}

/// A proven RRset.
#[derive(Debug, Clone)]
pub struct Proven {
    /// As it was proven, with the TTL that is left.
    pub rrset: Rrset,
    /// Seconds that it still holds.
    pub ttl: u32,
}

/// The iterations and the salt of a chain of NSEC3 records.
pub type HashParameters = (u16, Vec<u8>);

/// The hash of a name (RFC 5155 §5).
pub type Hash = [u8; 20];

/// How long records are kept at most, in seconds.
#[derive(Debug, Clone, Copy)]
pub struct TtlMax {
    /// Those that deny (RFC 9077 §4).
    pub negative: u32,
    /// Those that came from a wildcard.
    pub positive: u32,
}

/// What is kept of one zone, at hand without looking for the zone again. It may be forgotten meanwhile: for one search.
pub struct ZoneDenials {
    zone: Name,
    kept: Arc<Mutex<Zone>>,
}

struct Zones {
    /// By name in lower case. The one that was used last comes first.
    by_name: LruCache<Box<[u8]>, Arc<Mutex<Zone>>, SeedableRandomState>,
    /// What zones and their nodes take.
    bytes: usize,
    /// The most zones there were: the table never becomes smaller.
    len_most: usize,
}

/// What is kept of one zone.
#[derive(Default)]
struct Zone {
    soa: Option<Record>,
    /// By [`nsec_key`], [`nsec3_key`] and [`wildcard_key`].
    records: Records,
    /// Where the search for one that may go was left.
    hand: Box<[u8]>,
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
        let made = Seen::new(hasher.clone());
        let zones = Zones { by_name: LruCache::unbounded_with_hasher(hasher), bytes: 0, len_most: 0 };
        let share = (bytes_max / limits::DENIAL_ZONES_MIN).max(limits::DENIAL_ZONE_BYTES_MIN);
        Self {
            zones: Mutex::new(zones),
            depths: Depths::default(),
            made,
            bytes_max,
            zone_bytes_max: share.min(bytes_max),
        }
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
            if !matches!(rrset.rtype, RecordType::NSEC | RecordType::NSEC3) {
                continue;
            }
            let Some((zone, _)) = signed_by(rrset) else { continue };
            let key = match rrset.rtype {
                RecordType::NSEC => nsec_key(&zone, &rrset.name),
                _ => match hashed_key(&zone, rrset) {
                    Some(key) => key,
                    None => continue,
                },
            };
            let bound = bounds.iter().find(|(of, _)| *of == zone).map(|(_, ttl)| *ttl);
            let bound = bound.or_else(|| self.zone(&zone)?.soa_ttl(now)).unwrap_or(u32::MAX);
            self.put(&zone, Some(&key), rrset, rrset.ttl.min(bound).min(ttl_max.negative), now);
        }
        let own = |rrset: &&Rrset| !rrset.rtype.is_dnssec_proof() && !rrset.rtype.is_parent_side();
        for rrset in verdict.answer().iter().filter(own) {
            let Some((zone, wildcard)) = signed_by(rrset).and_then(|(zone, labels)| {
                let expanded = labels < rrset.name.label_count();
                Some((zone, rrset.name.suffix(labels).wildcard().ok().filter(|_| expanded)?))
            }) else {
                continue;
            };
            let key = wildcard_key(&zone, &wildcard, rrset.rtype);
            self.put(&zone, Some(&key), rrset, rrset.ttl.min(ttl_max.positive), now);
        }
    }

    /// The deepest zone at or above `name` of which something is kept.
    pub fn above(&self, name: &Name) -> Option<ZoneDenials> {
        let key = Key::of(name);
        let mut above = key.ancestors().filter(|(labels, _)| self.depths.has(*labels)).peekable();
        above.peek()?;
        let mut held = self.lock();
        let (labels, kept) =
            above.find_map(|(labels, zone)| held.by_name.get(zone).map(|kept| (labels, Arc::clone(kept))))?;
        drop(held);
        Some(ZoneDenials { zone: name.suffix(labels).to_lowercase(), kept })
    }

    /// The name of that zone.
    pub fn zone_above(&self, name: &Name) -> Option<Name> {
        self.above(name).map(|found| found.zone)
    }

    /// What is kept of exactly this zone.
    pub fn zone(&self, zone: &Name) -> Option<ZoneDenials> {
        let kept = self.lock().by_name.get(Key::of(zone).as_slice()).map(Arc::clone)?;
        Some(ZoneDenials { zone: zone.to_lowercase(), kept })
    }

    /// Whether an answer to this question was made before, and lately. It counts as made now.
    pub fn makes_again(&self, question: &Question) -> bool {
        self.made.comes_again(question)
    }

    /// Forgets what is kept of all zones at and below `zone`; returns how many there were.
    pub fn remove_below(&self, zone: &Name) -> usize {
        let mut held = self.lock();
        let names = held.by_name.iter().map(|(name, _)| name);
        let gone: Vec<Box<[u8]>> = names.filter(|name| is_below(name, zone)).cloned().collect();
        for name in &gone {
            if let Some((name, kept)) = held.by_name.pop_entry(name) {
                held.went(&name, &kept);
                // Whoever is about to search it finds nothing.
                *lock(&kept) = Zone::default();
            }
        }
        gone.len()
    }

    /// How many records are held, those past their TTL among them; SOA records are not counted.
    pub fn len(&self) -> usize {
        self.lock().by_name.iter().map(|(_, kept)| lock(kept).records.len()).sum()
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
    fn put(&self, zone: &Name, key: Option<&[u8]>, rrset: &Rrset, ttl: u32, now: Moment) {
        let zone = zone.to_lowercase();
        let hash = key.and_then(hash_of);
        let Some(octets) = (ttl > 0).then(|| pack(&zone, hash, rrset)).flatten() else { return };
        let record = Record::new(key.unwrap_or_default(), now.after_secs(ttl), &octets);
        if record.heap() > limits::DENIAL_OCTETS_MAX.min(self.zone_bytes_max / 2) {
            return;
        }
        let mut held = self.lock();
        let name = zone.as_wire();
        if !held.by_name.contains(name) {
            held.bytes += zone_bytes(name);
            held.by_name.put(Box::from(name), Arc::default());
            held.len_most = held.len_most.max(held.by_name.len());
            self.depths.add(zone.label_count());
        }
        held.change(name, |kept| match key {
            Some(_) => kept.records.insert(record),
            None => kept.soa = Some(record),
        });
        while held.zone_bytes(name) > self.zone_bytes_max && held.change(name, |kept| kept.evict(now)) {}
        held.make_room(name, self.bytes_max, now);
    }

    fn lock(&self) -> MutexGuard<'_, Zones> {
        lock(&self.zones)
    }
}

/// A panic while it was locked left it whole: every change is made at its end.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ZoneDenials {
    /// The zone, in lower case.
    pub fn zone(&self) -> &Name {
        &self.zone
    }

    /// Seconds that a denial by the zone may be kept (RFC 2308 §5), where its SOA record is known.
    pub fn soa_ttl(&self, now: Moment) -> Option<u32> {
        lock(&self.kept).soa.as_ref().and_then(|record| ttl_left(record, now))
    }

    /// The SOA record of the zone, for as long as a denial by it may be kept.
    pub fn soa(&self, now: Moment) -> Option<Proven> {
        self.proven(lock(&self.kept).soa.as_ref()?, now)
    }

    /// The NSEC record at `name`, or else the last one before it, unless its span ends before the name.
    pub fn nsec(&self, name: &Name, now: Moment) -> Option<Proven> {
        let key = nsec_key(&self.zone, name);
        let mut kept = lock(&self.kept);
        let record = kept.last_up_to(&key, 1, now)?;
        let ends_before = |next: Name| next != self.zone && next <= *name;
        if record.key() != key && next_name(&self.zone, record.octets()).is_some_and(ends_before) {
            return None;
        }
        record.mark(true);
        self.proven(record, now)
    }

    /// The parameters of the NSEC3 records that there are.
    pub fn hash_parameters(&self) -> Vec<HashParameters> {
        let kept = lock(&self.kept);
        let mut found = Vec::new();
        let mut from = vec![NSEC3];
        while found.len() < limits::DENIAL_CHAINS_MAX
            && let Some((chain, parameters)) =
                kept.records.after(&from).and_then(|record| parameters_of(record.key()))
        {
            found.push(parameters);
            from = after_chain(chain);
        }
        found
    }

    /// The NSEC3 record of that hash (true), or else the last one before it, around the end of the circle, unless its
    /// span ends before the hash.
    pub fn nsec3(&self, parameters: &HashParameters, hash: &Hash, now: Moment) -> Option<(Proven, bool)> {
        let key = nsec3_key(parameters.0, &parameters.1, hash);
        let chain = key.len() - hash.len();
        let mut kept = lock(&self.kept);
        // Twice looked for, since the first one would still be borrowed by the second.
        let end = after_chain(key.get(..chain)?);
        let has_before = kept.last_up_to(&key, chain, now).is_some();
        let record = kept.last_up_to(if has_before { &key } else { &end }, chain, now)?;
        let own = record.key() == key;
        if !own
            && let Some(next) = next_hash(record.octets())
            && !covers(hash_of(record.key())?, next, *hash)
        {
            return None;
        }
        record.mark(true);
        self.proven(record, now).map(|proven| (proven, own))
    }

    /// The deepest wildcard above `name` of which an RRset of this type, or an alias, is kept.
    pub fn wildcard_above(&self, name: &Name, rtype: RecordType, now: Moment) -> Option<(Name, Proven)> {
        let mut kept = lock(&self.kept);
        kept.records.after(&[WILDCARD])?;
        let mut above = name.parent();
        while let Some(encloser) = above.filter(|above| above.is_subdomain_of(&self.zone)) {
            let wildcard = encloser.wildcard().ok()?;
            for rtype in [rtype, RecordType::CNAME] {
                let key = wildcard_key(&self.zone, &wildcard, rtype);
                let record = kept.records.get_mut(&key);
                if let Some(record) = record.filter(|record| now < record.until()) {
                    record.mark(true);
                    return Some((encloser, self.proven(record, now)?));
                }
            }
            above = encloser.parent();
        }
        None
    }

    fn proven(&self, record: &Record, now: Moment) -> Option<Proven> {
        let ttl = ttl_left(record, now)?;
        Some(Proven { rrset: unpack(&self.zone, hash_of(record.key()), record.octets(), ttl)?, ttl })
    }
}

/// Seconds that a record still holds; none if it does not.
fn ttl_left(record: &Record, now: Moment) -> Option<u32> {
    let until = record.until();
    (now < until).then(|| u32::try_from(until.since(now).as_secs()).unwrap_or(u32::MAX))
}

impl Zones {
    fn total(&self) -> usize {
        self.bytes + table_bytes(self.len_most)
    }

    /// What is kept of a zone takes so much.
    fn zone_bytes(&self, name: &[u8]) -> usize {
        self.by_name.peek(name).map_or(0, |kept| lock(kept).bytes())
    }

    /// Changes a zone, which becomes the one that was used last, and counts what that made of its size.
    fn change<R: Default>(&mut self, name: &[u8], change: impl FnOnce(&mut Zone) -> R) -> R {
        let Some(kept) = self.by_name.get(name) else { return R::default() };
        let mut kept = lock(kept);
        let before = kept.bytes();
        let result = change(&mut kept);
        self.bytes = (self.bytes + kept.bytes()).saturating_sub(before);
        result
    }

    /// A zone was taken out.
    fn went(&mut self, name: &[u8], kept: &Mutex<Zone>) {
        self.bytes = self.bytes.saturating_sub(zone_bytes(name) + lock(kept).bytes());
    }

    /// Lets go what has to for the sake of a zone, which has just grown.
    fn make_room(&mut self, name: &[u8], bytes_max: usize, now: Moment) {
        // Ends: each turn takes a record or a zone away.
        while self.total() > bytes_max {
            let fair = bytes_max / self.by_name.len().max(1);
            let large = self.zone_bytes(name) > fair;
            if (large || self.by_name.len() == 1) && self.change(name, |kept| kept.evict(now)) {
                continue;
            }
            let Some((name, kept)) = self.by_name.pop_lru() else { return };
            self.went(&name, &kept);
        }
    }
}

impl Zone {
    fn bytes(&self) -> usize {
        self.records.bytes() + self.soa.as_ref().map_or(0, Record::heap) + heap(self.hand.len())
    }

    /// The living record at `key` or the last one before it, of those that begin with the same `chain` octets.
    fn last_up_to(&mut self, key: &[u8], chain: usize, now: Moment) -> Option<&mut Record> {
        let chain = key.get(..chain)?;
        let of_chain = self.records.up_to(key).take_while(|record| record.key().starts_with(chain));
        of_chain.take(limits::DENIALS_PASSED_MAX).find(|record| now < record.until())
    }

    /// Lets a record go: the next one from the hand on that is past its time or was not used since the hand passed it,
    /// and of several that were all used the last one looked at. False if there is none.
    fn evict(&mut self, now: Moment) -> bool {
        for turn in 1..=limits::DENIAL_CHANCES_MAX {
            let next = self.records.after(&self.hand).or_else(|| self.records.first());
            let Some(next) = next else { return false };
            self.hand = next.key().into();
            if let Some(record) = self.records.get_mut(&self.hand)
                && record.is_used()
                && now < record.until()
                && turn < limits::DENIAL_CHANCES_MAX
            {
                record.mark(false);
                continue;
            }
            self.records.remove(&self.hand);
            return true;
        }
        false
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

fn nsec_key(zone: &Name, name: &Name) -> Vec<u8> {
    let mut key = Vec::with_capacity(name.len() + 8);
    key.push(NSEC);
    push_canonical(&mut key, zone, name);
    key
}

fn wildcard_key(zone: &Name, wildcard: &Name, rtype: RecordType) -> Vec<u8> {
    let mut key = Vec::with_capacity(wildcard.len() + 8);
    key.push(WILDCARD);
    push_canonical(&mut key, zone, wildcard);
    key.extend_from_slice(&rtype.0.to_be_bytes());
    key
}

/// The chain by its parameters, then the hash.
fn nsec3_key(iterations: u16, salt: &[u8], hash: &Hash) -> Vec<u8> {
    let mut key = Vec::with_capacity(4 + salt.len() + hash.len());
    key.push(NSEC3);
    key.extend_from_slice(&iterations.to_be_bytes());
    // A salt has no more than 255 octets (RFC 5155 §3.1.5).
    key.push(u8::try_from(salt.len()).unwrap_or(u8::MAX));
    key.extend_from_slice(salt);
    key.extend_from_slice(hash);
    key
}

/// The hash in a key; none if it is of no NSEC3 record.
fn hash_of(key: &[u8]) -> Option<Hash> {
    key.last_chunk().copied().filter(|_| key.first() == Some(&NSEC3))
}

/// The chain that a key belongs to, in octets and as parameters; none if it is of no NSEC3 record.
fn parameters_of(key: &[u8]) -> Option<(&[u8], HashParameters)> {
    let &[NSEC3, high, low, salt_len] = key.first_chunk()? else { return None };
    let chain = key.get(..4 + usize::from(salt_len))?;
    Some((chain, (u16::from_be_bytes([high, low]), chain.get(4..)?.to_vec())))
}

/// Not less than any key of the chain.
fn after_chain(chain: &[u8]) -> Vec<u8> {
    let mut end = chain.to_vec();
    end.extend([u8::MAX; size_of::<Hash>()]);
    end
}

/// The key of an NSEC3 record that may be used for what its span does not hold.
fn hashed_key(zone: &Name, rrset: &Rrset) -> Option<Vec<u8>> {
    let nsec3 = Nsec3::read(rrset.rdatas.only()?).ok()?;
    let usable = nsec3.hash_algorithm == 1
        // Opt-out, or a flag that nobody has defined.
        && nsec3.flags == 0
        && nsec3.iterations <= limits::NSEC3_ITERATIONS_MAX
        && rrset.name.parent().is_some_and(|parent| parent == *zone);
    let hash = from_base32(rrset.name.labels().next()?)?;
    usable.then(|| nsec3_key(nsec3.iterations, nsec3.salt, &hash))
}

/// Writes what a name has before that of its zone, so that the order of octets is the canonical order (RFC 4034 §6.1):
/// labels from the right, each ended by a zero octet; zeros within are written as 1 1, ones as 1 2.
fn push_canonical(key: &mut Vec<u8>, zone: &Name, name: &Name) {
    let labels: smallvec::SmallVec<[&[u8]; 16]> = name.labels().collect();
    for label in labels.iter().rev().skip(zone.label_count()) {
        for octet in *label {
            match octet {
                0 | 1 => key.extend_from_slice(&[1, octet + 1]),
                _ => key.push(octet.to_ascii_lowercase()),
            }
        }
        key.push(0);
    }
}

// How the owner is kept.
const WHOLE: u8 = 0;
/// It is the hash and the zone, in capital letters, and in small ones.
const HASH_UPPER: u8 = 1;
const HASH_LOWER: u8 = 2;

/// An RRset without what is known of it by its key: class and TTL are left out too, as all is of class IN, and lives as
/// long as its record. One rdata is enough of those that are the same (RFC 2181 §5).
fn pack(zone: &Name, hash: Option<Hash>, rrset: &Rrset) -> Option<Vec<u8>> {
    if rrset.class != Class::IN {
        return None;
    }
    let mut packer = Packer::with_capacity(512);
    let upper = hash.map(|hash| base32(&hash));
    let label = rrset.name.labels().next().unwrap_or_default();
    match upper {
        Some(upper) if upper.as_bytes() == label => packer.u8(HASH_UPPER),
        Some(upper) if upper.to_ascii_lowercase().as_bytes() == label => packer.u8(HASH_LOWER),
        _ => {
            packer.u8(WHOLE);
            packer.name(&rrset.name, zone);
        }
    }
    packer.u16(rrset.rtype.0);
    let next = rrset.rdatas.only().filter(|_| rrset.rtype == RecordType::NSEC);
    if let Some((next, types)) = next.and_then(|rdata| {
        let (next, len) = Name::from_wire(rdata).ok()?;
        Some((next, rdata.get(len..)?))
    }) {
        packer.u8(1);
        packer.name(&next, zone);
        packer.u16(u16::try_from(types.len()).ok()?);
        packer.slice(types);
    } else {
        packer.u8(0);
        packer.rdatas(&rrset.rdatas);
    }
    packer.signatures(&rrset.signatures, zone);
    Some(packer.into_vec())
}

/// The owner, and what comes after it.
fn unpack_owner<'a>(zone: &Name, hash: Option<Hash>, octets: &'a [u8]) -> Option<(Name, Unpacker<'a>)> {
    let mut unpacker = Unpacker::new(octets);
    let owner = match unpacker.u8()? {
        WHOLE => unpacker.name(zone)?,
        form => {
            let mut label = base32(&hash?);
            if form == HASH_LOWER {
                label.make_ascii_lowercase();
            }
            zone.prepend(label.as_bytes()).ok()?
        }
    };
    Some((owner, unpacker))
}

fn unpack(zone: &Name, hash: Option<Hash>, octets: &[u8], ttl: u32) -> Option<Rrset> {
    let (owner, mut unpacker) = unpack_owner(zone, hash, octets)?;
    let mut rrset = Rrset::new(owner, RecordType(unpacker.u16()?), ttl);
    if unpacker.u8()? == 1 {
        let next = unpacker.name(zone)?;
        let types_len = unpacker.u16()?;
        let types = unpacker.slice(usize::from(types_len))?;
        rrset.rdatas = Rdatas::of_parts([next.as_wire(), types]);
    } else {
        rrset.rdatas = unpacker.rdatas()?;
    }
    rrset.signatures = unpacker.signatures(zone)?;
    Some(rrset)
}

/// Where the span of an NSEC record ends.
fn next_name(zone: &Name, octets: &[u8]) -> Option<Name> {
    let (_, mut unpacker) = unpack_owner(zone, None, octets)?;
    unpacker.u16()?;
    if unpacker.u8()? == 1 { unpacker.name(zone) } else { None }
}

/// Where the span of an NSEC3 record ends, which has its owner by its key.
fn next_hash(octets: &[u8]) -> Option<Hash> {
    let mut unpacker = Unpacker::new(octets);
    if unpacker.u8()? == WHOLE {
        return None;
    }
    unpacker.u16()?;
    unpacker.u8()?;
    unpacker.u16()?;
    let len = unpacker.u16()?;
    Nsec3::read(unpacker.slice(usize::from(len))?).ok()?.next_hash.try_into().ok()
}

/// RFC 5155 §8.3: strictly between, around the end of the circle for its last record.
fn covers(owner: Hash, next: Hash, hash: Hash) -> bool {
    if owner < next { owner < hash && hash < next } else { owner < hash || hash < next }
}

/// What a zone takes beside its records: its node with two links, its name, and what is shared.
fn zone_bytes(name: &[u8]) -> usize {
    let node = size_of::<Box<[u8]>>() + size_of::<Arc<Mutex<Zone>>>() + 2 * size_of::<usize>();
    heap(node) + heap(name.len()) + heap(2 * size_of::<usize>() + size_of::<Mutex<Zone>>())
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
        denials.put(&name(zone), Some(&nsec_key(&name(zone), &rrset.name)), &rrset, ttl, Moment(0));
    }

    fn at(denials: &Denials, zone: &str, wanted: &str, secs: u32) -> Option<(String, u32)> {
        let found = denials.zone(&name(zone))?.nsec(&name(wanted), Moment(0).after_secs(secs))?;
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
            assert_eq!(
                nsec_key(&Name::root(), &one).cmp(&nsec_key(&Name::root(), &other)),
                one.cmp(&other),
                "{one} {other}"
            );
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
            denials.put(
                &zone,
                Some(&nsec3_key(0, salt, &from_base32(&label).unwrap())),
                &rrset,
                60,
                Moment(0),
            );
        };
        for digit in [b'5', b'C', b'u'] {
            keep(b"", digit);
        }
        keep(b"\xff", b'9');
        let kept = denials.zone(&zone).unwrap();
        let parameters = kept.hash_parameters();
        assert_eq!(parameters, [(0, vec![]), (0, vec![0xff])]);
        let first = |which: usize, digit: u8| {
            let hash = from_base32(&[digit; 32]).unwrap();
            let (proven, _) = kept.nsec3(&parameters[which], &hash, Moment(0)).unwrap();
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
        let held = denials.lock().zone_bytes(name("flood.").as_wire());
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
