//! How an answer lies in the cache, and how a reply is made of it.
//!
//! In: the wire form of an answer as a client with DO gets it, without OPT, and the terms it is kept on. Out: one run of
//! octets: numbers, the name, the places to be patched, the text of a note, and the records. What is the same in all
//! answers is left out (id, number of questions, class), so that an entry is little longer than its message. Read back, it
//! is an [`Entry`], which writes replies: id, flags, the question's letter case, TTLs, the form without DNSSEC records
//! (RFC 4035 §3.2.1), OPT (RFC 6891).
//! Where entries lie, and for how long, is the business of `segments`.

use super::answers::{Kept, Wanted};
use crate::clock::Moment;
use crate::dns::edns::{self, EdeCode, EdnsOption, ExtendedError};
use crate::dns::encode::{self, DnssecRange, Encoded, put_u16};
use crate::dns::message::{HEADER_LEN, Message, flag};
use crate::dns::security::ValidationState;
use crate::dns::{Class, Name, Rcode, RecordType};
use crate::limits;

// Where the numbers stand, all with the most significant octet first.
/// The length of the entry; none if it has more octets than two can say.
const LEN: usize = 0;
/// What became of it since it was stored: [`USED`], [`USED_PAST`], [`TOLD`].
const MARKS: usize = 2;
/// The state, [`COMPACT_DENIAL`], [`NOTED`], [`WIDE`].
const KIND: usize = 3;
/// Microseconds, of seven octets.
const STORED: usize = 4;
const TTL: usize = 11;
const NAME_LEN: usize = 15;
const RTYPE: usize = 16;
const FLAGS: usize = 18;
const HEAD_LEN: usize = 20;
// Then six counts, of one octet each, or of two if it is WIDE: TTLs, ranges, pointers, and the records of the sections.
const COUNTS: usize = 6;
/// A range: offset, length, section.
const RANGE_LEN: usize = 5;

/// It was served while its time was not over.
const USED: u8 = 1;
/// It was looked at when its time was over.
const USED_PAST: u8 = 2;
/// The part of its last time in which it was last said that it is due; 0 in none.
const TOLD: u8 = 0xf0;
const TOLD_SHIFT: u32 = 4;

/// The state's bits.
const STATE: u8 = 3;
const COMPACT_DENIAL: u8 = 0x10;
const NOTED: u8 = 0x20;
const WIDE: u8 = 0x40;

/// The octets of an entry. None if it cannot be kept: see [`super::answers::Answers::insert`].
pub(super) fn pack(
    encoded: &Encoded,
    name: &Name,
    rtype: RecordType,
    kept: &Kept,
    now: Moment,
) -> Option<Vec<u8>> {
    let (header, rest) = encoded.bytes.split_first_chunk::<HEADER_LEN>()?;
    let (question, rest) = rest.split_at_checked(name.len())?;
    let (end, records) = rest.split_first_chunk::<4>()?;
    if kept.ttl == 0
        || encoded.opt_offset.is_some()
        || encoded.cut
        || u16_at(header, 4) != 1
        || u16_at(end, 2) != Class::IN.0
        || !question.eq_ignore_ascii_case(name.as_wire())
    {
        return None;
    }
    let tables = [encoded.ttl_offsets.len(), encoded.dnssec_ranges.len(), encoded.moving_pointers.len()];
    let [ttls, ranges, pointers] = tables.map(|len| u16::try_from(len).ok());
    let counts = [ttls?, ranges?, pointers?, u16_at(header, 6), u16_at(header, 8), u16_at(header, 10)];
    let is_wide = counts.iter().any(|count| *count > u16::from(u8::MAX));
    let text = kept.note.as_ref().map(|note| note.text.as_bytes());
    let [ttls, ranges, pointers] = tables;
    let tables_len = COUNTS * (1 + usize::from(is_wide)) + 2 * (ttls + pointers) + RANGE_LEN * ranges;
    let len = HEAD_LEN + tables_len + text.map_or(0, |text| 4 + text.len()) + question.len() + records.len();

    let mut bytes = Vec::with_capacity(len);
    bytes.extend_from_slice(&u16::try_from(len).unwrap_or(0).to_be_bytes());
    bytes.extend_from_slice(&[0, kind_octet(kept) | if is_wide { WIDE } else { 0 }]);
    let [_, micros @ ..] = now.0.to_be_bytes();
    bytes.extend_from_slice(&micros);
    bytes.extend_from_slice(&kept.ttl.to_be_bytes());
    bytes.push(u8::try_from(question.len()).ok()?);
    bytes.extend_from_slice(&rtype.0.to_be_bytes());
    bytes.extend_from_slice(header.get(2..4)?);
    for [high, low] in counts.map(u16::to_be_bytes) {
        bytes.extend(is_wide.then_some(high));
        bytes.push(low);
    }
    bytes.extend_from_slice(question);
    bytes.extend(encoded.ttl_offsets.iter().flat_map(|offset| offset.to_be_bytes()));
    for range in &encoded.dnssec_ranges {
        bytes.extend_from_slice(&range.offset.to_be_bytes());
        bytes.extend_from_slice(&range.len.to_be_bytes());
        bytes.push(range.section);
    }
    bytes.extend(encoded.moving_pointers.iter().flat_map(|offset| offset.to_be_bytes()));
    if let Some(note) = &kept.note {
        bytes.extend_from_slice(&note.code.0.to_be_bytes());
        bytes.extend_from_slice(&u16::try_from(note.text.len()).ok()?.to_be_bytes());
        bytes.extend_from_slice(note.text.as_bytes());
    }
    bytes.extend_from_slice(records);
    Some(bytes)
}

fn kind_octet(kept: &Kept) -> u8 {
    let state = match kept.state {
        ValidationState::Secure => 0,
        ValidationState::Insecure => 1,
        ValidationState::Indeterminate => 2,
        ValidationState::Bogus(_) => 3,
    };
    let compact = if kept.compact_denial { COMPACT_DENIAL } else { 0 };
    state | compact | if kept.note.is_some() { NOTED } else { 0 }
}

/// The first entry in `bytes`; what follows it is others. None at the end.
pub(super) fn first(bytes: &[u8]) -> Option<&[u8]> {
    let len = usize::from(u16_at(bytes, LEN));
    // One that is too long to say so has a segment of its own.
    bytes.get(..if len == 0 { bytes.len() } else { len }).filter(|entry| entry.len() >= HEAD_LEN)
}

/// The name and type under which an entry is kept.
pub(super) fn key(entry: &[u8]) -> Option<(&[u8], RecordType)> {
    let (head, rest) = entry.split_first_chunk::<HEAD_LEN>()?;
    let counts_len = counts_len(head[KIND]);
    let name = rest.get(counts_len..counts_len + usize::from(head[NAME_LEN]))?;
    Some((name, RecordType(u16_at(head, RTYPE))))
}

fn counts_len(kind: u8) -> usize {
    if kind & WIDE == 0 { COUNTS } else { 2 * COUNTS }
}

/// When its TTL is over.
pub(super) fn expires(entry: &[u8]) -> Moment {
    stored(entry).after_secs(u32_at(entry, TTL))
}

fn stored(entry: &[u8]) -> Moment {
    // The octet before the seven is of another number.
    let eight = entry.get(STORED - 1..).and_then(<[u8]>::first_chunk);
    Moment(eight.map_or(0, |eight| u64::from_be_bytes(*eight) & (u64::MAX >> 8)))
}

/// Says that an entry was looked at.
pub(super) fn mark_used(entry: &mut [u8], now: Moment) {
    let mark = if now < expires(entry) { USED } else { USED_PAST };
    if let Some(marks) = entry.get_mut(MARKS) {
        *marks |= mark;
    }
}

/// Says the same of one that takes the place of another: it was asked for more than once.
pub(super) fn mark_asked_again(entry: &mut [u8]) {
    if let Some(marks) = entry.get_mut(MARKS) {
        *marks |= USED;
    }
}

/// Whether an entry is worth its room: it was looked at as often as it was moved. Of one whose time is over what it was
/// asked for before does not count. It has to be looked at again to survive the next time.
pub(super) fn survives(entry: &mut [u8], now: Moment) -> bool {
    let wanted = if now < expires(entry) { USED } else { USED_PAST };
    let Some(marks) = entry.get_mut(MARKS) else { return false };
    let survives = *marks & wanted != 0;
    *marks &= !(USED | USED_PAST);
    survives
}

/// Whether it is to be said that an entry is due: once in each part of its last time, so that a renewal that was not
/// begun, or failed, is tried again while the answer is still good, and hits pay for none of it.
pub(super) fn mark_told(entry: &mut [u8], now: Moment) -> bool {
    let part = Entry::read(entry).map_or(0, |entry| entry.due_part(now));
    let Some(marks) = entry.get_mut(MARKS) else { return false };
    let is_news = part > (*marks & TOLD) >> TOLD_SHIFT;
    if is_news {
        *marks = (*marks & !TOLD) | (part << TOLD_SHIFT);
    }
    is_news
}

/// An entry, in its parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    head: &'a [u8; HEAD_LEN],
    /// The records of the answer, authority and additional section.
    counts: [u16; 3],
    /// In wire form, in the letter case it was kept with.
    name: &'a [u8],
    ttl_offsets: &'a [u8],
    ranges: &'a [u8],
    pointers: &'a [u8],
    note: Option<(EdeCode, &'a [u8])>,
    records: &'a [u8],
}

/// How a reply was written.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// It is done.
    Whole,
    /// It is too long: [`shorten`] has to do the rest, with this note.
    TooLong(Option<ExtendedError>),
}

impl<'a> Entry<'a> {
    /// None if it is none.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk::<HEAD_LEN>()?;
        let (counts, rest) = rest.split_at_checked(counts_len(head[KIND]))?;
        let wide = head[KIND] & WIDE != 0;
        let count = |at: usize| {
            if wide { u16_at(counts, 2 * at) } else { counts.get(at).copied().map_or(0, u16::from) }
        };
        let (name, rest) = rest.split_at_checked(usize::from(head[NAME_LEN]))?;
        let (ttl_offsets, rest) = rest.split_at_checked(2 * usize::from(count(0)))?;
        let (ranges, rest) = rest.split_at_checked(RANGE_LEN * usize::from(count(1)))?;
        let (pointers, rest) = rest.split_at_checked(2 * usize::from(count(2)))?;
        let (note, records) = if head[KIND] & NOTED == 0 {
            (None, rest)
        } else {
            let (numbers, rest) = rest.split_first_chunk::<4>()?;
            let (text, records) = rest.split_at_checked(usize::from(u16_at(numbers, 2)))?;
            (Some((EdeCode(u16_at(numbers, 0)), text)), records)
        };
        let counts = [count(3), count(4), count(5)];
        Some(Self { head, counts, name, ttl_offsets, ranges, pointers, note, records })
    }

    /// When it was written.
    pub(super) fn stored(&self) -> Moment {
        stored(self.head)
    }

    /// When its TTL is over.
    pub(super) fn expires(&self) -> Moment {
        expires(self.head)
    }

    /// Seconds it was to be kept, from when it was written.
    pub(super) fn ttl(&self) -> u32 {
        u32_at(self.head, TTL)
    }

    /// Seconds it may still be served.
    pub(super) fn ttl_left(&self, now: Moment) -> u32 {
        self.ttl().saturating_sub(self.age_secs(now))
    }

    /// What was judged of it; none if it is bogus.
    pub(super) fn state(&self) -> Option<ValidationState> {
        match self.head[KIND] & STATE {
            0 => Some(ValidationState::Secure),
            1 => Some(ValidationState::Insecure),
            2 => Some(ValidationState::Indeterminate),
            _ => None,
        }
    }

    /// Whether it is proven wrong.
    pub(super) fn is_bogus(&self) -> bool {
        self.head[KIND] & STATE == 3
    }

    /// Whether it is proven.
    pub(super) fn is_secure(&self) -> bool {
        self.head[KIND] & STATE == 0
    }

    /// Whether it is NODATA that says that the name does not exist (RFC 9824).
    pub(super) fn is_compact_denial(&self) -> bool {
        self.head[KIND] & COMPACT_DENIAL != 0
    }

    /// What a client that speaks EDNS is told beside it.
    pub(super) fn note(&self) -> Option<ExtendedError> {
        self.note.map(|(code, text)| ExtendedError { code, text: String::from_utf8_lossy(text).into_owned() })
    }

    /// The code of that.
    pub(super) fn note_code(&self) -> Option<EdeCode> {
        self.note.map(|(code, _)| code)
    }

    /// Whether it was made of what is proven of other names (RFC 8198).
    pub(super) fn is_synthesised(&self) -> bool {
        self.note_code() == Some(EdeCode::SYNTHESIZED)
    }

    /// The name it was kept under, in wire form.
    pub(super) fn name(&self) -> &'a [u8] {
        self.name
    }

    /// The response code.
    pub(super) fn rcode(&self) -> Rcode {
        Rcode(u16_at(self.head, FLAGS) & flag::RCODE)
    }

    /// Whether its answer section has records.
    pub(super) fn has_answer(&self) -> bool {
        let [answer, ..] = self.counts;
        answer > 0
    }

    /// The part of its last time that it is in, from 1; 0 before that: see [`limits::PREFETCH_SHARE`].
    fn due_part(&self, now: Moment) -> u8 {
        let (ttl, left) = (self.ttl(), self.ttl_left(now));
        let last = ttl / limits::PREFETCH_SHARE;
        if ttl < limits::PREFETCH_TTL_SECS_MIN || left > last || self.is_bogus() {
            return 0;
        }
        let parts = limits::PREFETCH_TRIES_MAX;
        let part = u64::from(last - left) * u64::from(parts) / u64::from(last.max(1));
        u8::try_from(part).unwrap_or(parts).min(parts - 1) + 1
    }

    /// Whether its last time has begun, so that it is worth renewing while it is still good. Nothing bogus is.
    pub(super) fn is_due(&self, now: Moment) -> bool {
        self.due_part(now) > 0
    }

    /// Writes the whole message in its DO form into `out`, its TTLs as they are `now`.
    pub(super) fn copy(&self, now: Moment, out: &mut Vec<u8>) -> Option<()> {
        let rtype = RecordType(u16_at(self.head, RTYPE));
        self.copy_aged((self.name, rtype), (0, u16_at(self.head, FLAGS)), now, out)
    }

    /// Writes the reply to a question of this name into `out`. None if the answer is bogus and CD is not set, or made of
    /// denials and CD is set (RFC 8198 appendix A). Whether the name is this one, and the time not over, was seen before.
    pub(super) fn reply(&self, wanted: &Wanted<'_>, now: Moment, out: &mut Vec<u8>) -> Option<Written> {
        let is_held_back = if wanted.checking_disabled { self.is_synthesised() } else { self.is_bogus() };
        if is_held_back {
            return None;
        }
        let mut flags = u16_at(self.head, FLAGS) & !(flag::RD | flag::CD | flag::AD);
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
        self.copy_aged((wanted.name, wanted.rtype), (wanted.id, flags), now, out)?;
        if !wanted.dnssec_ok {
            encode::strip(out, ranges(self.ranges), numbers(self.pointers));
        }
        let (plain_len, additional) = (out.len(), u16_at(out, 10));
        if wanted.edns {
            self.push_opt(wanted, out);
        }
        if out.len() <= wanted.limit {
            return Some(Written::Whole);
        }
        out.truncate(plain_len);
        put_u16(out, 10, additional);
        Some(Written::TooLong(self.note()))
    }

    /// Appends the OPT record.
    fn push_opt(&self, wanted: &Wanted<'_>, out: &mut Vec<u8>) {
        let opt = out.len();
        // RFC 3225 §3: DO is copied into the reply. No response code here needs the upper bits.
        edns::push_opt_head(out, limits::UDP_SIZE, 0, 0, (wanted.dnssec_ok, wanted.compact_ok));
        if let Some(cookie) = wanted.cookie {
            edns::push_option(out, edns::code::COOKIE, &[&cookie.client, &cookie.server]);
        }
        if let Some((code, text)) = self.note {
            edns::push_option(out, edns::code::EXTENDED_ERROR, &[&code.0.to_be_bytes(), text]);
        }
        let len = out.len() - opt - edns::OPT_LEN;
        put_u16(out, opt + edns::OPT_LEN - 2, u16::try_from(len).unwrap_or(0));
        let additional = u16_at(out, 10).saturating_add(1);
        put_u16(out, 10, additional);
    }

    fn copy_aged(
        &self,
        (name, rtype): (&[u8], RecordType),
        (id, flags): (u16, u16),
        now: Moment,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        let [answer, authority, additional] = self.counts;
        let mut header = [0; HEADER_LEN];
        for (place, number) in header.chunks_exact_mut(2).zip([id, flags, 1, answer, authority, additional]) {
            place.copy_from_slice(&number.to_be_bytes());
        }
        let ([type_high, type_low], [class_high, class_low]) =
            (rtype.0.to_be_bytes(), Class::IN.0.to_be_bytes());
        out.clear();
        out.extend_from_slice(&header);
        out.extend_from_slice(name);
        out.extend_from_slice(&[type_high, type_low, class_high, class_low]);
        out.extend_from_slice(self.records);
        let age = self.age_secs(now);
        for offset in numbers(self.ttl_offsets) {
            let place = out.get_mut(usize::from(offset)..)?.first_chunk_mut::<4>()?;
            *place = u32::from_be_bytes(*place).saturating_sub(age).to_be_bytes();
        }
        Some(())
    }

    fn age_secs(&self, now: Moment) -> u32 {
        u32::try_from(now.since(self.stored()).as_secs()).unwrap_or(u32::MAX)
    }
}

/// Writes the reply in `out`, which has no OPT yet, again within the limit. Rare: so it may be slow. None if it cannot be
/// read.
pub(super) fn shorten(wanted: &Wanted<'_>, note: Option<ExtendedError>, out: &mut Vec<u8>) -> Option<()> {
    let mut message = Message::parse(out).ok()?;
    if wanted.edns {
        let mut reply = edns::Edns::new(limits::UDP_SIZE, wanted.dnssec_ok);
        reply.compact_ok = wanted.compact_ok;
        reply.options.extend(wanted.cookie.cloned().map(EdnsOption::Cookie));
        reply.options.extend(note.map(EdnsOption::ExtendedError));
        message.edns = Some(reply);
    }
    *out = encode::encode(&message, wanted.limit).bytes;
    Some(())
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
