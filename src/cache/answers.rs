//! Ready-made answers: written once, then copied and patched for whoever asks.
//!
//! In: the wire form of an answer as a client with DO gets it, without OPT, and the terms it is kept on. Out: a
//! [`CachedAnswer`], which writes replies (id, flags, the question's letter case, TTLs, the form without
//! DNSSEC records, OPT) or gives the message back for building chains of aliases. Each is one allocation.
//! The absence of a name is kept under the type [`ABSENT`] and answers all types (RFC 2308 §5). Nothing past its
//! TTL comes out, but by [`Answers::get_past`]. Large answers have a part of the octets to themselves, so that a flood
//! of them drives out no others (cache flushing: NRDelegation, CVE-2024-25590). Bogus answers are kept for clients with
//! CD alone (RFC 4035 §3.2.2). All are of class IN.
//! What may be cached, and for how long, is decided by `service`.

use std::sync::Arc;

use super::shard::{Sharded, heap};
use crate::clock::Moment;
use crate::dns::edns::{self, Cookie, EdeCode, EdnsOption, ExtendedError};
use crate::dns::encode::{self, DnssecRange, Encoded, put_u16};
use crate::dns::message::{HEADER_LEN, Message, flag};
use crate::dns::name::NAME_LEN_MAX;
use crate::dns::security::ValidationState;
use crate::dns::view::QueryView;
use crate::dns::{Name, Rcode, RecordType};
use crate::entropy::Entropy;
use crate::limits;

/// Answers by name and type.
#[derive(Debug)]
pub struct Answers {
    entries: Entries,
    /// Those of more than [`limits::LARGE_ANSWER_OCTETS`].
    large: Entries,
}

type Entries = Sharded<Box<[u8]>, CachedAnswer>;

/// The terms an answer is kept on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// What was judged of it.
    pub state: ValidationState,
    /// It ends with NODATA that says that the name does not exist (RFC 9824).
    pub compact_denial: bool,
    /// What a client that speaks EDNS is told beside it.
    pub note: Option<ExtendedError>,
    /// Seconds it may be served: the lowest of its TTLs, or less.
    pub ttl: u32,
}

/// What a client wants of a reply.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "they are flags of the query, each on its own")]
pub struct Wanted<'a> {
    /// The id.
    pub id: u16,
    /// The name in wire form, in the client's letter case.
    pub name: &'a [u8],
    /// The type.
    pub rtype: RecordType,
    /// RD, which is copied.
    pub recursion_desired: bool,
    /// CD, which is copied, and lets bogus answers through.
    pub checking_disabled: bool,
    /// AD or DO is set: the client understands AD (RFC 6840 §5.7 and §5.8).
    pub authentic_data: bool,
    /// DO.
    pub dnssec_ok: bool,
    /// CO: a compact denial may be called NXDOMAIN even so (RFC 9824 §5.1).
    pub compact_ok: bool,
    /// There is an OPT record, so there is to be one in the reply.
    pub edns: bool,
    /// The cookie for the reply (RFC 7873), if there is an OPT record.
    pub cookie: Option<&'a Cookie>,
    /// The longest reply, in octets.
    pub limit: usize,
}

/// What is to be known of a reply that was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Served {
    /// Its time is nearly over, so that it is worth renewing: see [`CachedAnswer::is_due`].
    pub due: bool,
}

impl<'a> Wanted<'a> {
    /// What a query asks for, in at most `limit` octets.
    pub fn of(query: &QueryView<'a>, limit: usize) -> Self {
        Self {
            id: query.id,
            name: query.name,
            rtype: query.rtype,
            recursion_desired: query.recursion_desired(),
            checking_disabled: query.checking_disabled(),
            authentic_data: query.authentic_data() || query.dnssec_ok(),
            dnssec_ok: query.dnssec_ok(),
            compact_ok: query.edns.is_some_and(|edns| edns.compact_ok),
            edns: query.edns.is_some(),
            cookie: None,
            limit,
        }
    }
}

/// The type under which the absence of a name is kept: it answers every type, and no record has it.
pub const ABSENT: RecordType = RecordType(0);

/// The longest key: a name and a type.
const KEY_LEN_MAX: usize = NAME_LEN_MAX + 2;

impl Answers {
    /// An empty cache of at most `bytes_max` octets.
    pub fn new(bytes_max: usize, entropy: &Entropy) -> Self {
        let entries = |bytes_max| {
            Entries::new(bytes_max, entropy, |key, answer| {
                // The counters of the shared pointer stand before the octets.
                heap(key.len()) + heap(2 * size_of::<usize>() + answer.0.len())
            })
        };
        let eighth = bytes_max / 8;
        Self { entries: entries(7 * eighth), large: entries(eighth) }
    }

    /// The answer kept under a name and type, if its TTL has not passed.
    pub fn get(&self, name: &Name, rtype: RecordType, now: Moment) -> Option<CachedAnswer> {
        let mut buffer = [0; KEY_LEN_MAX];
        let key = write_key(&mut buffer, name.as_wire(), rtype)?;
        self.living(key, now)
    }

    /// What was last kept under a name and type, however long its TTL is over: for those who serve stale answers
    /// (RFC 8767), who look at its age themselves.
    pub fn get_past(&self, name: &Name, rtype: RecordType) -> Option<CachedAnswer> {
        let mut buffer = [0; KEY_LEN_MAX];
        self.kept(write_key(&mut buffer, name.as_wire(), rtype)?)
    }

    /// The same as [`Answers::get`], by a name in wire form, of whatever letter case. Allocates nothing.
    pub fn get_wire(&self, name: &[u8], rtype: RecordType, now: Moment) -> Option<CachedAnswer> {
        let mut buffer = [0; KEY_LEN_MAX];
        let key = write_key(&mut buffer, name, rtype)?;
        self.living(key, now)
    }

    /// Writes the reply to a question into `out`, from the answer kept under its name and type, or from the absence of the
    /// name. None if there is none to give, and `out` is of no use. Allocates nothing, unless `out` has to grow or the
    /// reply does not fit.
    pub fn reply(&self, wanted: &Wanted<'_>, now: Moment, out: &mut Vec<u8>) -> Option<Served> {
        [wanted.rtype, ABSENT].into_iter().find_map(|rtype| {
            let entry = self.get_wire(wanted.name, rtype, now)?;
            entry.reply(wanted, now, out).then(|| Served { due: entry.is_due(now) && !entry.is_bogus() })
        })
    }

    fn living(&self, key: &[u8], now: Moment) -> Option<CachedAnswer> {
        self.kept(key).filter(|answer| now < answer.expires())
    }

    fn kept(&self, key: &[u8]) -> Option<CachedAnswer> {
        self.entries.get(key).or_else(|| self.large.get(key))
    }

    /// Keeps an answer. False if it cannot be kept: it has no TTL or no question of that name, it is incomplete or has
    /// an OPT record, or it is too large. `encoded` is the DO form.
    pub fn insert(
        &self,
        name: &Name,
        rtype: RecordType,
        encoded: &Encoded,
        kept: &Kept,
        now: Moment,
    ) -> bool {
        let mut buffer = [0; KEY_LEN_MAX];
        let key = write_key(&mut buffer, name.as_wire(), rtype);
        let answer = CachedAnswer::pack(encoded, name, kept, now);
        key.zip(answer).is_some_and(|(key, answer)| {
            let is_large = answer.0.len() > limits::LARGE_ANSWER_OCTETS;
            let (here, elsewhere) =
                if is_large { (&self.large, &self.entries) } else { (&self.entries, &self.large) };
            elsewhere.remove(key);
            here.insert(Box::from(key), answer)
        })
    }

    /// Forgets what is kept under a name and type.
    pub fn remove(&self, name: &Name, rtype: RecordType) {
        let mut buffer = [0; KEY_LEN_MAX];
        if let Some(key) = write_key(&mut buffer, name.as_wire(), rtype) {
            self.entries.remove(key);
            self.large.remove(key);
        }
    }

    /// Forgets all that is kept at and below `zone`; returns how many answers there were.
    pub fn remove_below(&self, zone: &Name) -> usize {
        let stays = |key: &[u8]| Name::from_wire(key).map_or(true, |(name, _)| !name.is_subdomain_of(zone));
        self.entries.retain(|key, _| stays(key)) + self.large.retain(|key, _| stays(key))
    }

    /// Forgets all that is kept with a note of this code; returns how many answers there were.
    pub fn remove_noted(&self, code: EdeCode) -> usize {
        let stays = |answer: &CachedAnswer| answer.note_code() != Some(code);
        self.entries.retain(|_, answer| stays(answer)) + self.large.retain(|_, answer| stays(answer))
    }

    /// How many answers are held, those past their TTL among them.
    pub fn len(&self) -> usize {
        self.entries.len() + self.large.len()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.large.is_empty()
    }

    /// The octets held.
    pub fn bytes(&self) -> usize {
        self.entries.bytes() + self.large.bytes()
    }
}

/// The key of a question: the name in lower case, the type.
fn write_key<'b>(buffer: &'b mut [u8; KEY_LEN_MAX], name: &[u8], rtype: RecordType) -> Option<&'b [u8]> {
    let key = buffer.get_mut(..name.len() + 2)?;
    let (name_place, type_place) = key.split_at_mut_checked(name.len())?;
    name_place.copy_from_slice(name);
    name_place.make_ascii_lowercase();
    type_place.copy_from_slice(&rtype.0.to_be_bytes());
    Some(key)
}

/// An answer in the cache.
///
/// One allocation, as the hot path reads it: `HEAD_LEN` octets of numbers, then TTL offsets, DNSSEC ranges,
/// moving pointers, the text of the note, and the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedAnswer(Arc<[u8]>);

// Where the numbers stand, all with the most significant octet first.
const STORED: usize = 0;
const TTL: usize = 8;
const STATE: usize = 12;
const NAME_LEN: usize = 13;
const TTL_COUNT: usize = 14;
const RANGE_COUNT: usize = 16;
const POINTER_COUNT: usize = 18;
const NOTE_CODE: usize = 20;
const NOTE_LEN: usize = 22;
const HEAD_LEN: usize = 24;
/// The length of a note that is not there.
const NO_NOTE: u16 = u16::MAX;
/// A range: offset, length, section.
const RANGE_LEN: usize = 5;

/// The parts of an answer's octets.
struct Parts<'a> {
    ttl_offsets: &'a [u8],
    ranges: &'a [u8],
    pointers: &'a [u8],
    text: &'a [u8],
    message: &'a [u8],
}

impl CachedAnswer {
    fn pack(encoded: &Encoded, name: &Name, kept: &Kept, now: Moment) -> Option<Self> {
        let question = encoded.bytes.get(HEADER_LEN..)?.get(..name.len())?;
        if kept.ttl == 0
            || encoded.opt_offset.is_some()
            || encoded.cut
            || !question.eq_ignore_ascii_case(name.as_wire())
        {
            return None;
        }
        let (code, text) = kept.note.as_ref().map_or((0, None), |note| (note.code.0, Some(&note.text)));
        let text_len = text.map_or(Some(NO_NOTE), |text| u16::try_from(text.len()).ok())?;
        let ranges = &encoded.dnssec_ranges;
        let tables =
            2 * (encoded.ttl_offsets.len() + encoded.moving_pointers.len()) + RANGE_LEN * ranges.len();
        let text = text.map_or(&b""[..], |text| text.as_bytes());
        let mut bytes = Vec::with_capacity(HEAD_LEN + tables + text.len() + encoded.bytes.len());
        bytes.extend_from_slice(&now.0.to_be_bytes());
        bytes.extend_from_slice(&kept.ttl.to_be_bytes());
        bytes.extend_from_slice(&[state_octet(kept), u8::try_from(name.len()).ok()?]);
        for count in [encoded.ttl_offsets.len(), ranges.len(), encoded.moving_pointers.len()] {
            bytes.extend_from_slice(&u16::try_from(count).ok()?.to_be_bytes());
        }
        bytes.extend_from_slice(&code.to_be_bytes());
        bytes.extend_from_slice(&text_len.to_be_bytes());
        for offset in &encoded.ttl_offsets {
            bytes.extend_from_slice(&offset.to_be_bytes());
        }
        for range in ranges {
            bytes.extend_from_slice(&range.offset.to_be_bytes());
            bytes.extend_from_slice(&range.len.to_be_bytes());
            bytes.push(range.section);
        }
        for offset in &encoded.moving_pointers {
            bytes.extend_from_slice(&offset.to_be_bytes());
        }
        bytes.extend_from_slice(text);
        bytes.extend_from_slice(&encoded.bytes);
        Some(Self(Arc::from(bytes)))
    }

    /// When it was written.
    pub fn stored(&self) -> Moment {
        let eight = self.0.get(STORED..).and_then(<[u8]>::first_chunk);
        Moment(eight.map_or(0, |eight| u64::from_be_bytes(*eight)))
    }

    /// When its TTL is over.
    pub fn expires(&self) -> Moment {
        self.stored().after_secs(self.ttl())
    }

    /// Seconds it was to be kept, from when it was written.
    pub fn ttl(&self) -> u32 {
        u32_at(&self.0, TTL)
    }

    /// Seconds it may still be served.
    pub fn ttl_left(&self, now: Moment) -> u32 {
        self.ttl().saturating_sub(self.age_secs(now))
    }

    /// Whether the last tenth of its time has begun, so that it is worth renewing while it is still good.
    pub fn is_due(&self, now: Moment) -> bool {
        self.ttl() >= limits::PREFETCH_TTL_SECS_MIN
            && self.ttl_left(now) <= self.ttl() / limits::PREFETCH_SHARE
    }

    /// What was judged of it; none if it is bogus: why, is known to `failures`.
    pub fn state(&self) -> Option<ValidationState> {
        match self.0.get(STATE)? & !COMPACT_DENIAL {
            0 => Some(ValidationState::Secure),
            1 => Some(ValidationState::Insecure),
            2 => Some(ValidationState::Indeterminate),
            _ => None,
        }
    }

    /// Whether it is proven.
    pub fn is_secure(&self) -> bool {
        self.state().is_some_and(|state| state.is_secure())
    }

    /// Whether it is NODATA that says that the name does not exist (RFC 9824).
    pub fn is_compact_denial(&self) -> bool {
        self.0.get(STATE).is_some_and(|octet| octet & COMPACT_DENIAL != 0)
    }

    /// Whether it is proven wrong.
    pub fn is_bogus(&self) -> bool {
        self.state().is_none()
    }

    /// What a client that speaks EDNS is told beside it.
    pub fn note(&self) -> Option<ExtendedError> {
        let parts = self.parts()?;
        self.note_code()
            .map(|code| ExtendedError { code, text: String::from_utf8_lossy(parts.text).into_owned() })
    }

    fn note_code(&self) -> Option<EdeCode> {
        (u16_at(&self.0, NOTE_LEN) != NO_NOTE).then(|| EdeCode(u16_at(&self.0, NOTE_CODE)))
    }

    /// Whether it was kept under this name.
    pub fn is_of(&self, name: &Name) -> bool {
        let question = self.parts().and_then(|parts| parts.message.get(HEADER_LEN..)?.get(..name.len()));
        question.is_some_and(|question| question.eq_ignore_ascii_case(name.as_wire()))
    }

    /// The response code.
    pub fn rcode(&self) -> Rcode {
        let flags = self.parts().map_or(Rcode::SERVFAIL.0, |parts| u16_at(parts.message, 2));
        Rcode(flags & flag::RCODE)
    }

    /// Whether its answer section has records.
    pub fn has_answer(&self) -> bool {
        self.parts().is_some_and(|parts| u16_at(parts.message, 6) > 0)
    }

    /// The message in its DO form, its TTLs as they are `now`. Says nothing of its state: ask that first.
    pub fn message(&self, now: Moment) -> Option<Message> {
        let mut bytes = Vec::new();
        self.copy_aged(&mut bytes, now)?;
        Message::parse(&bytes).ok()
    }

    /// Writes the reply to a question of this name into `out`. False if there is none to give: the answer is bogus
    /// and CD is not set, its TTL has passed, or the name is another one.
    pub fn reply(&self, wanted: &Wanted<'_>, now: Moment, out: &mut Vec<u8>) -> bool {
        now < self.expires() && self.patch(wanted, now, out).is_some()
    }

    fn patch(&self, wanted: &Wanted<'_>, now: Moment, out: &mut Vec<u8>) -> Option<()> {
        if self.is_bogus() && !wanted.checking_disabled {
            return None;
        }
        self.copy_aged(out, now)?;
        let name_end = HEADER_LEN + usize::from(*self.0.get(NAME_LEN)?);
        let name = out.get_mut(HEADER_LEN..name_end)?;
        if !name.eq_ignore_ascii_case(wanted.name) {
            return None;
        }
        name.copy_from_slice(wanted.name);
        put_u16(out, name_end, wanted.rtype.0);
        put_u16(out, 0, wanted.id);
        let mut flags = u16_at(out, 2) & !(flag::RD | flag::CD | flag::AD);
        let secure = self.is_secure() && wanted.authentic_data;
        for (on, bit) in
            [(wanted.recursion_desired, flag::RD), (wanted.checking_disabled, flag::CD), (secure, flag::AD)]
        {
            flags |= if on { bit } else { 0 };
        }
        if self.is_compact_denial() && (!wanted.dnssec_ok || wanted.compact_ok) {
            // RFC 9824 §5: it is kept with NOERROR.
            flags |= Rcode::NXDOMAIN.0;
        }
        put_u16(out, 2, flags);
        if !wanted.dnssec_ok {
            let parts = self.parts()?;
            encode::strip(out, ranges(parts.ranges), numbers(parts.pointers));
        }
        let (plain_len, additional) = (out.len(), u16_at(out, 10));
        if wanted.edns {
            self.push_opt(wanted, out);
        }
        if out.len() > wanted.limit {
            out.truncate(plain_len);
            put_u16(out, 10, additional);
            self.shorten(wanted, out)?;
        }
        Some(())
    }

    /// Appends the OPT record.
    fn push_opt(&self, wanted: &Wanted<'_>, out: &mut Vec<u8>) {
        let opt = out.len();
        // RFC 3225 §3: DO is copied into the reply. No response code here needs the upper bits.
        edns::push_opt_head(out, limits::UDP_SIZE, 0, 0, (wanted.dnssec_ok, wanted.compact_ok));
        if let Some(cookie) = wanted.cookie {
            edns::push_option(out, edns::code::COOKIE, &[&cookie.client, &cookie.server]);
        }
        if let Some((code, parts)) = self.note_code().zip(self.parts()) {
            edns::push_option(out, edns::code::EXTENDED_ERROR, &[&code.0.to_be_bytes(), parts.text]);
        }
        let len = out.len() - opt - edns::OPT_LEN;
        put_u16(out, opt + edns::OPT_LEN - 2, u16::try_from(len).unwrap_or(0));
        let additional = u16_at(out, 10).saturating_add(1);
        put_u16(out, 10, additional);
    }

    /// Writes the reply in `out`, which has no OPT yet, again within the limit. Rare: so it may be slow.
    fn shorten(&self, wanted: &Wanted<'_>, out: &mut Vec<u8>) -> Option<()> {
        let mut message = Message::parse(out).ok()?;
        if wanted.edns {
            let mut reply = edns::Edns::new(limits::UDP_SIZE, wanted.dnssec_ok);
            reply.compact_ok = wanted.compact_ok;
            reply.options.extend(wanted.cookie.cloned().map(EdnsOption::Cookie));
            reply.options.extend(self.note().map(EdnsOption::ExtendedError));
            message.edns = Some(reply);
        }
        *out = encode::encode(&message, wanted.limit).bytes;
        Some(())
    }

    /// Copies the message into `out`, its TTLs as they are `now`.
    fn copy_aged(&self, out: &mut Vec<u8>, now: Moment) -> Option<()> {
        let parts = self.parts()?;
        out.clear();
        out.extend_from_slice(parts.message);
        let age = self.age_secs(now);
        for offset in numbers(parts.ttl_offsets) {
            let place = out.get_mut(usize::from(offset)..)?.first_chunk_mut::<4>()?;
            *place = u32::from_be_bytes(*place).saturating_sub(age).to_be_bytes();
        }
        Some(())
    }

    fn age_secs(&self, now: Moment) -> u32 {
        u32::try_from(now.since(self.stored()).as_secs()).unwrap_or(u32::MAX)
    }

    fn parts(&self) -> Option<Parts<'_>> {
        let bytes = self.0.get(HEAD_LEN..)?;
        let count = |at| usize::from(u16_at(&self.0, at));
        let text_len = Some(count(NOTE_LEN)).filter(|len| *len != usize::from(NO_NOTE)).unwrap_or(0);
        let (ttl_offsets, bytes) = bytes.split_at_checked(2 * count(TTL_COUNT))?;
        let (ranges, bytes) = bytes.split_at_checked(RANGE_LEN * count(RANGE_COUNT))?;
        let (pointers, bytes) = bytes.split_at_checked(2 * count(POINTER_COUNT))?;
        let (text, message) = bytes.split_at_checked(text_len)?;
        Some(Parts { ttl_offsets, ranges, pointers, text, message })
    }
}

/// A bit beside the state.
const COMPACT_DENIAL: u8 = 0x10;

fn state_octet(kept: &Kept) -> u8 {
    let state = match kept.state {
        ValidationState::Secure => 0,
        ValidationState::Insecure => 1,
        ValidationState::Indeterminate => 2,
        ValidationState::Bogus(_) => 3,
    };
    if kept.compact_denial { state | COMPACT_DENIAL } else { state }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |two| u16::from_be_bytes(*two))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |four| u32::from_be_bytes(*four))
}

/// Numbers of two octets each.
fn numbers(bytes: &[u8]) -> impl Iterator<Item = u16> + Clone {
    bytes.chunks_exact(2).map(|two| u16_at(two, 0))
}

fn ranges(bytes: &[u8]) -> impl Iterator<Item = DnssecRange> + Clone {
    bytes.chunks_exact(RANGE_LEN).map(|range| DnssecRange {
        offset: u16_at(range, 0),
        len: u16_at(range, 2),
        section: range.last().copied().unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::edns::Edns;
    use crate::dns::encode::{encode, encode_query};
    use crate::dns::message::Header;
    use crate::dns::security::{Fault, Reason};
    use crate::dns::{Question, Rdatas, Rrset};

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn signed(mut rrset: Rrset) -> Rrset {
        let mut rdata = rrset.rtype.0.to_be_bytes().to_vec();
        rdata.extend([13, 2, 0, 0, 14, 16, 0, 0, 0, 2, 0, 0, 0, 1, 0x12, 0x34]);
        rdata.extend(name("example.").as_wire());
        rdata.extend([7; 64]);
        rrset.signatures.push(&rdata);
        rrset
    }

    /// An alias and its end, and a proof, as they are kept.
    fn message() -> Message {
        let header = Header { response: true, recursion_available: true, ..Header::query(0) };
        let mut message = Message::new(header, Some(Question::new(name("www.example."), RecordType::A)));
        let alias = Rrset::new(name("www.example."), RecordType::CNAME, 300).with(name("a.cdn.").as_wire());
        let end = Rrset::new(name("a.cdn."), RecordType::A, 60).with(&[192, 0, 2, 1]).with(&[192, 0, 2, 2]);
        let mut proof = Rrset::new(name("b.example."), RecordType::NSEC, 600);
        proof.rdatas.push(&[name("z.example.").as_wire(), &[0, 1, 0x40]].concat());
        message.answer = vec![signed(alias), end];
        message.authority = vec![signed(proof)];
        message
    }

    fn kept(state: ValidationState) -> Kept {
        Kept { state, compact_denial: false, note: None, ttl: 60 }
    }

    fn bogus() -> ValidationState {
        let fault = Fault::SignatureMissing;
        let reason = Reason { zone: Name::root(), name: Name::root(), rtype: RecordType::A, fault };
        ValidationState::Bogus(Box::new(reason))
    }

    fn answers() -> Answers {
        Answers::new(1 << 20, &Entropy::seeded(1))
    }

    /// The answer to www.example. A, stored at 100 s.
    fn stored(kept: &Kept) -> CachedAnswer {
        let answers = answers();
        let encoded = encode(&message(), 65_535);
        assert!(answers.insert(&name("WWW.example."), RecordType::A, &encoded, kept, secs(100)));
        answers.get_wire(b"\x03www\x07example\x00", RecordType::A, secs(100)).unwrap()
    }

    fn secs(seconds: u32) -> Moment {
        Moment(0).after_secs(seconds)
    }

    struct Ask {
        name: &'static str,
        edns: Option<Edns>,
        rd: bool,
        cd: bool,
        limit: usize,
    }

    const PLAIN: Ask = Ask { name: "wWw.eXample.", edns: None, rd: true, cd: false, limit: 65_535 };

    fn ask(answer: &CachedAnswer, ask: &Ask, now: Moment) -> Option<Vec<u8>> {
        let question = Question::new(name(ask.name), RecordType::A);
        let query = encode_query(0x4242, &question, ask.rd, ask.cd, ask.edns.as_ref());
        let mut out = b"left over".to_vec();
        let wanted = Wanted::of(&QueryView::parse(&query).unwrap(), ask.limit);
        answer.reply(&wanted, now, &mut out).then_some(out)
    }

    /// What a reply has to be, written without the cache.
    fn fresh(answer: &Kept, ask: &Ask, age: u32) -> Vec<u8> {
        let mut message = message();
        let dnssec_ok = ask.edns.as_ref().is_some_and(|edns| edns.dnssec_ok);
        message.question = Some(Question::new(name(ask.name), RecordType::A));
        message.header.id = 0x4242;
        message.header.recursion_desired = ask.rd;
        message.header.checking_disabled = ask.cd;
        message.header.authentic_data = dnssec_ok && answer.state.is_secure();
        if !dnssec_ok {
            message.authority.clear();
        }
        for rrset in message.answer.iter_mut().chain(&mut message.authority) {
            rrset.ttl -= age;
            rrset.signatures_ttl -= age;
            if !dnssec_ok {
                rrset.signatures = Rdatas::new();
            }
        }
        message.edns = ask.edns.as_ref().map(|_| {
            let mut edns = Edns::new(limits::UDP_SIZE, dnssec_ok);
            edns.options.extend(answer.note.clone().map(EdnsOption::ExtendedError));
            edns
        });
        encode(&message, ask.limit).bytes
    }

    #[test]
    fn a_patched_reply_equals_one_written_afresh() {
        let note = ExtendedError { code: EdeCode::STALE_ANSWER, text: "told before".to_owned() };
        for (state, note) in [
            (ValidationState::Secure, None),
            (ValidationState::Insecure, Some(note)),
            (ValidationState::Indeterminate, None),
        ] {
            let kept = Kept { state, compact_denial: false, note, ttl: 60 };
            let answer = stored(&kept);
            for edns in [None, Some(Edns::new(1_232, false)), Some(Edns::new(4_096, true))] {
                for (rd, cd, age) in [(true, false, 0), (false, true, 1), (true, true, 59)] {
                    for limit in [65_535, 200, 100] {
                        let asked = Ask { edns: edns.clone(), rd, cd, limit, ..PLAIN };
                        let reply = ask(&answer, &asked, secs(100 + age));
                        assert_eq!(reply.as_ref(), Some(&fresh(&kept, &asked, age)), "{edns:?} {limit}");
                    }
                }
            }
        }
    }

    #[test]
    fn nothing_is_served_past_its_ttl() {
        let answers = answers();
        let encoded = encode(&message(), 65_535);
        let kept = kept(ValidationState::Secure);
        answers.insert(&name("www.example."), RecordType::A, &encoded, &kept, secs(100));
        let last = Moment(secs(160).0 - 1);
        let found = answers.get(&name("www.example."), RecordType::A, last).unwrap();
        assert!(ask(&found, &PLAIN, last).is_some());
        assert!(answers.get(&name("www.example."), RecordType::A, secs(160)).is_none());
        assert_eq!(ask(&found, &PLAIN, secs(160)), None);
        assert_eq!(answers.len(), 1);
    }

    #[test]
    fn the_ttl_counts_down() {
        let answer = stored(&kept(ValidationState::Secure));
        for age in [0, 1, 30, 59] {
            let reply = Message::parse(&ask(&answer, &PLAIN, secs(100 + age)).unwrap()).unwrap();
            let chain = answer.message(secs(100 + age)).unwrap();
            for read in [reply, chain] {
                assert_eq!([read.answer[0].ttl, read.answer[1].ttl], [300 - age, 60 - age]);
            }
            assert_eq!(answer.ttl_left(secs(100 + age)), 60 - age);
        }
    }

    #[test]
    fn a_bogus_answer_is_for_clients_that_check_themselves() {
        let answer = stored(&kept(bogus()));
        assert!(answer.is_bogus() && answer.state().is_none());
        assert_eq!(ask(&answer, &PLAIN, secs(100)), None);
        let edns = Some(Edns::new(1_232, true));
        let reply = ask(&answer, &Ask { cd: true, edns, ..PLAIN }, secs(100)).unwrap();
        assert!(!Message::parse(&reply).unwrap().header.authentic_data);
    }

    #[test]
    fn ad_is_set_only_for_those_who_understand_it() {
        let answer = stored(&kept(ValidationState::Secure));
        let reply = Message::parse(&ask(&answer, &PLAIN, secs(100)).unwrap()).unwrap();
        assert!(!reply.header.authentic_data);
        let mut query =
            encode_query(1, &Question::new(name("www.example."), RecordType::A), true, false, None);
        query[3] |= 0x20;
        let mut out = Vec::new();
        assert!(answer.reply(&Wanted::of(&QueryView::parse(&query).unwrap(), 512), secs(100), &mut out));
        assert!(Message::parse(&out).unwrap().header.authentic_data);
    }

    #[test]
    fn the_absence_of_a_name_answers_every_type() {
        let answers = answers();
        let mut message = message();
        message.header.rcode = Rcode::NXDOMAIN;
        message.answer.clear();
        let encoded = encode(&message, 65_535);
        answers.insert(&name("www.example."), ABSENT, &encoded, &kept(ValidationState::Secure), secs(0));
        let found = answers.get(&name("www.example."), ABSENT, secs(0)).unwrap();
        assert!(found.rcode() == Rcode::NXDOMAIN && !found.has_answer());
        let question = Question::new(name("www.example."), RecordType::MX);
        let query = encode_query(1, &question, true, false, None);
        let mut out = Vec::new();
        assert!(found.reply(&Wanted::of(&QueryView::parse(&query).unwrap(), 512), secs(0), &mut out));
        assert_eq!(Message::parse(&out).unwrap().question, Some(question));
    }

    #[test]
    fn what_cannot_be_served_again_is_not_kept() {
        let answers = answers();
        let mut with_opt = message();
        with_opt.edns = Some(Edns::new(1_232, true));
        let whole = encode(&message(), 65_535);
        let insert = |owner: &str, encoded: &Encoded, ttl| {
            let kept = Kept { ttl, ..kept(ValidationState::Secure) };
            answers.insert(&name(owner), RecordType::A, encoded, &kept, secs(0))
        };
        assert!(!insert("www.example.", &whole, 0));
        assert!(!insert("other.example.", &whole, 60));
        assert!(!insert("www.example.", &encode(&message(), 150), 60));
        assert!(!insert("www.example.", &encode(&with_opt, 65_535), 60));
        assert!(!insert("www.example.", &Encoded::default(), 60));
        assert!(answers.is_empty() && insert("www.example.", &whole, 60));
        answers.remove(&name("WWW.Example."), RecordType::A);
        assert!(answers.is_empty());
    }

    #[test]
    fn an_answer_is_kept_once_and_forgotten_whatever_size_it_had_before() {
        let answers = answers();
        let owner = name("www.example.");
        let keep = |octets: usize| {
            let mut message = message();
            let more = Rrset::new(owner.clone(), RecordType::TXT, 60);
            message.answer.push(more.with(&vec![255; octets]));
            let encoded = encode(&message, 65_535);
            assert!(answers.insert(
                &owner,
                RecordType::A,
                &encoded,
                &kept(ValidationState::Insecure),
                secs(0)
            ));
            let found = answers.get(&owner, RecordType::A, secs(0)).unwrap();
            assert_eq!((answers.len(), found.0.len() > octets), (1, true), "{octets}");
            (answers.entries.len(), answers.large.len())
        };
        assert_eq!([500, 20_000, 60_000, 500, 20_000].map(keep), [(1, 0), (0, 1), (0, 1), (1, 0), (0, 1)]);
        answers.remove(&owner, RecordType::A);
        assert!(answers.is_empty());
        keep(60_000);
        assert_eq!(answers.remove_below(&name("example.")), 1);
        assert!(answers.is_empty());
    }

    #[test]
    fn answers_at_and_below_a_name_can_be_forgotten() {
        let answers = answers();
        for owner in ["www.example.", "example.", "www.example.org.", "anexample."] {
            let mut message = message();
            message.question = Some(Question::new(name(owner), RecordType::A));
            let encoded = encode(&message, 65_535);
            answers.insert(&name(owner), RecordType::A, &encoded, &kept(ValidationState::Insecure), secs(0));
        }
        assert_eq!(answers.remove_below(&name("EXAMPLE.")), 2);
        assert!(answers.get(&name("anexample."), RecordType::A, secs(0)).is_some());
    }

    #[test]
    fn the_text_of_a_note_comes_back() {
        let note = Some(ExtendedError { code: EdeCode::STALE_ANSWER, text: "é".to_owned() });
        assert_eq!(stored(&Kept { note: note.clone(), ..kept(ValidationState::Insecure) }).note(), note);
        let note = Some(ExtendedError { code: EdeCode::OTHER, text: String::new() });
        assert_eq!(stored(&Kept { note: note.clone(), ..kept(ValidationState::Insecure) }).note(), note);
        assert_eq!(stored(&kept(ValidationState::Insecure)).note(), None);
    }
}
