//! Writes messages: compression that is linear in the message, truncation by RRset.
//!
//! In: [`Parts`] that belong to somebody else, or a [`Message`]. Out: [`Encoded`], the octets and the places where a
//! cache has to patch them. RFC 1035 §4.1.4, RFC 2181 §9, RFC 3597 §4, RFC 6891, RFC 8914 §3.
//!
//! Names keep their letter case, with one exception: a name, or its end, that is in the question is written as
//! the question has it. So replies follow the case of the one who asks (0x20), and a ready-made reply whose
//! question gets another case stays the same as one written afresh. Targets of compression are kept in a
//! trie of labels behind a hash index of fixed size, so a message costs what its labels cost (CVE-2024-8508).

use smallvec::SmallVec;

use super::edns::{self, Edns};
use super::message::{HEADER_LEN, Header, Message, flag};
use super::rdata::{self, Field};
use super::{Class, Name, Question, Rcode, RecordType, Rrset};
use crate::limits;

/// A message in wire form, with what a cache needs to serve it again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Encoded {
    /// The message.
    pub bytes: Vec<u8>,
    /// Where the TTLs stand (OPT not among them), in rising order.
    pub ttl_offsets: Vec<u16>,
    /// The records that are left out for a client that did not set DO: offset and length, in rising order.
    pub dnssec_ranges: Vec<DnssecRange>,
    /// Compression pointers in other records whose target moves when those records are left out, in rising order.
    pub moving_pointers: Vec<u16>,
    /// Where the OPT record begins; it is always the last one.
    pub opt_offset: Option<u16>,
    /// Whether RRsets were left out, of whatever section.
    pub cut: bool,
}

/// A record that only a client with DO gets (RRSIG; NSEC and NSEC3 unless asked for by type).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DnssecRange {
    /// Where the record begins.
    pub offset: u16,
    /// Its length in octets.
    pub len: u16,
    /// 0 answer, 1 authority, 2 additional.
    pub section: u8,
}

/// What is to be written, borrowed from where it is kept.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// The header.
    pub header: Header,
    /// The question, if there is one.
    pub question: Option<&'a Question>,
    /// RRsets of the answer section.
    pub answer: &'a [Rrset],
    /// RRsets of the authority section.
    pub authority: &'a [Rrset],
    /// RRsets of the additional section, OPT not among them.
    pub additional: &'a [Rrset],
    /// What the OPT record is to say; none: no such record.
    pub edns: Option<&'a Edns>,
    /// Whether it goes to one who set DO, or is to be kept for both. Otherwise the records of
    /// [`Encoded::dnssec_ranges`] are not written.
    pub dnssec_ok: bool,
}

impl<'a> Parts<'a> {
    /// A message of that header and question and nothing else.
    pub fn new(header: Header, question: Option<&'a Question>) -> Self {
        let none: &[Rrset] = &[];
        Self {
            header,
            question,
            answer: none,
            authority: none,
            additional: none,
            edns: None,
            dnssec_ok: true,
        }
    }

    /// Writes the message in at most `limit` octets.
    ///
    /// RRsets that do not fit are left out whole, from the end; TC is set if one of the answer or authority
    /// section is missing (RFC 2181 §9). OPT is always kept; EDE text goes first when room is short (RFC 8914 §3).
    /// Header and question are written even if `limit` is too small for them.
    pub fn encode(&self, limit: usize) -> Encoded {
        Writer::new(*self, limit).write().0
    }
}

impl<'a> From<&'a Message> for Parts<'a> {
    fn from(message: &'a Message) -> Self {
        Self {
            header: message.header,
            question: message.question.as_ref(),
            answer: &message.answer,
            authority: &message.authority,
            additional: &message.additional,
            edns: message.edns.as_ref(),
            dnssec_ok: true,
        }
    }
}

/// Writes `message` in at most `limit` octets: see [`Parts::encode`].
pub fn encode(message: &Message, limit: usize) -> Encoded {
    Parts::from(message).encode(limit)
}

/// Writes a query (RFC 1035 §4.1.1): what is sent upstream. Its one name leaves nothing to compress.
pub fn encode_query(id: u16, question: &Question, rd: bool, cd: bool, edns: Option<&Edns>) -> Vec<u8> {
    let header = Header { recursion_desired: rd, checking_disabled: cd, ..Header::query(id) };
    let name = question.name.as_wire();
    let mut out = Vec::with_capacity(HEADER_LEN + name.len() + 4 + QUERY_OPT_LEN);
    push_head(&mut out, header.id, header.flags(), true);
    out.extend_from_slice(name);
    push_type(&mut out, question.rtype, question.class);
    if let Some(edns) = edns {
        edns.encode(header.rcode, true, &mut out);
        put_u16(&mut out, 10, 1);
    }
    out
}

impl Encoded {
    /// The same message as a client gets it that did not set DO.
    #[must_use]
    pub fn without_dnssec(&self) -> Self {
        let mut bytes = self.bytes.clone();
        strip(&mut bytes, self.dnssec_ranges.iter().copied(), self.moving_pointers.iter().copied());
        let removed = Removed::of(self.dnssec_ranges.iter().copied());
        let moved = |offset: u16| offset - removed.before(offset);
        let stays = |offset: &u16| !self.dnssec_ranges.iter().any(|range| range.contains(*offset));
        Self {
            bytes,
            ttl_offsets: self.ttl_offsets.iter().copied().filter(stays).map(moved).collect(),
            dnssec_ranges: Vec::new(),
            moving_pointers: Vec::new(),
            opt_offset: self.opt_offset.map(moved),
            cut: self.cut,
        }
    }

    /// Adds padding, so that the length is a multiple of `block` (RFC 8467) but not above `limit`. Nothing
    /// happens without an OPT record: padding is owed only to those who speak EDNS (RFC 7830 §3).
    pub fn pad(&mut self, block: usize, limit: usize) {
        let Some(opt) = self.opt_offset.map(usize::from) else { return };
        let Some(len) = edns::padding_len(self.bytes.len(), block, limit.min(MESSAGE_LEN_MAX)) else {
            return;
        };
        edns::push_option(&mut self.bytes, edns::code::PADDING, &[&vec![0; usize::from(len)]]);
        let rdata_len = self.bytes.len() - opt - edns::OPT_LEN;
        put_u16(&mut self.bytes, opt + edns::OPT_LEN - 2, u16::try_from(rdata_len).unwrap_or(u16::MAX));
    }
}

impl DnssecRange {
    fn contains(self, offset: u16) -> bool {
        offset >= self.offset && offset - self.offset < self.len
    }
}

/// Takes the records at `ranges` out of a message and mends the counts and the pointers that lead past them.
pub(crate) fn strip(
    bytes: &mut Vec<u8>,
    ranges: impl Iterator<Item = DnssecRange> + Clone,
    moving_pointers: impl Iterator<Item = u16>,
) {
    let removed = Removed::of(ranges.clone());
    for place in moving_pointers.map(usize::from) {
        let target = read_u16(bytes, place) & POINTER_MAX;
        put_u16(bytes, place, POINTER_MARK | target.saturating_sub(removed.before(target)));
    }
    let (mut kept, mut next) = (0, 0);
    for range in ranges {
        let offset = usize::from(range.offset);
        // The copy goes towards the front; a range that is not within the message ends the work.
        if offset > bytes.len() || offset < next {
            return;
        }
        bytes.copy_within(next..offset, kept);
        kept += offset - next;
        next = offset + usize::from(range.len);
        let count_at = 6 + 2 * usize::from(range.section);
        let count = read_u16(bytes, count_at).saturating_sub(1);
        put_u16(bytes, count_at, count);
    }
    if next <= bytes.len() {
        bytes.copy_within(next.., kept);
        let len = bytes.len() - (next - kept);
        bytes.truncate(len);
    }
}

/// Where each range begins, and how many octets of ranges there are up to its end. A large answer has a thousand ranges
/// and as many pointers: they are not all gone through for each.
struct Removed(SmallVec<[(u16, u16); RANGES_INLINE]>);

/// So many ranges take no allocation: more than an answer has that fits a datagram.
const RANGES_INLINE: usize = 64;

impl Removed {
    /// Of ranges in rising order.
    fn of(ranges: impl Iterator<Item = DnssecRange>) -> Self {
        let mut octets = 0_u16;
        let up_to = |range: DnssecRange| {
            octets = octets.saturating_add(range.len);
            (range.offset, octets)
        };
        Self(ranges.map(up_to).collect())
    }

    /// How many octets of the ranges stand before `offset`, which is in none of them.
    fn before(&self, offset: u16) -> u16 {
        let ranges = self.0.partition_point(|(begins, _)| *begins < offset);
        ranges.checked_sub(1).and_then(|last| self.0.get(last)).map_or(0, |(_, octets)| *octets)
    }
}

fn read_u16(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |two| u16::from_be_bytes(*two))
}

/// Writes a number over the two octets at `at`, if they are there.
pub(crate) fn put_u16(bytes: &mut [u8], at: usize, number: u16) {
    if let Some(place) = bytes.get_mut(at..at + 2) {
        place.copy_from_slice(&number.to_be_bytes());
    }
}

/// The longest message: its length has 16 bits on every transport.
const MESSAGE_LEN_MAX: usize = 65_535;
/// The first two bits of a compression pointer.
const POINTER_MARK: u16 = 0xc000;
/// The highest offset that a pointer can name.
const POINTER_MAX: u16 = 0x3fff;

/// What the OPT record of most queries takes: with a full cookie.
const QUERY_OPT_LEN: usize = edns::OPT_LEN + 44;
/// What a record takes beside its rdata at least: a pointer, type, class, TTL, RDLENGTH.
const RECORD_HEAD_LEN: usize = 12;

/// Writes one message.
struct Writer<'a> {
    parts: Parts<'a>,
    done: Encoded,
    limit: usize,
    targets: Targets,
    counts: [u16; 3],
    /// The OPT record.
    opt: Vec<u8>,
    /// It still has the text of its extended errors.
    opt_is_whole: bool,
}

/// Whether everything found room.
#[derive(PartialEq, Eq)]
enum Room {
    Enough,
    Short,
}

/// Where a name stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Question,
    /// In a record that every client gets.
    Record,
    /// In a record that only a client with DO gets: others must not point there.
    DnssecRecord,
}

impl<'a> Writer<'a> {
    fn new(parts: Parts<'a>, limit: usize) -> Self {
        let limit = limit.min(MESSAGE_LEN_MAX);
        let mut opt = Vec::new();
        if let Some(edns) = parts.edns {
            edns.encode(parts.header.rcode, true, &mut opt);
        }
        let mut done = Encoded::default();
        let (octets, records, proofs) = parts.size();
        done.bytes.reserve_exact((octets + opt.len()).min(limit));
        done.ttl_offsets.reserve_exact(records.min(limit / RECORD_HEAD_LEN));
        done.dnssec_ranges.reserve_exact(proofs.min(limit / RECORD_HEAD_LEN));
        Self { parts, done, limit, targets: Targets::new(), counts: [0; 3], opt, opt_is_whole: true }
    }

    /// The message, and how many steps its compression took.
    fn write(mut self) -> (Encoded, u32) {
        self.head();
        let mut room = self.section(0, self.parts.answer);
        if room == Room::Enough {
            room = self.section(1, self.parts.authority);
        }
        if room == Room::Short {
            let flags = read_u16(&self.done.bytes, 2);
            put_u16(&mut self.done.bytes, 2, flags | flag::TC);
        } else {
            // RFC 2181 §9: what is missing of the additional section is not truncation.
            self.section(2, self.parts.additional);
        }
        for (section, count) in (0_usize..).zip(self.counts) {
            put_u16(&mut self.done.bytes, 6 + 2 * section, count);
        }
        self.fits();
        if !self.opt.is_empty() {
            self.done.opt_offset = Some(offset(self.done.bytes.len()));
            self.done.bytes.append(&mut self.opt);
            let [.., additional] = self.counts;
            put_u16(&mut self.done.bytes, 10, additional.saturating_add(1));
        }
        (self.done, self.targets.steps)
    }

    fn head(&mut self) {
        let Header { id, rcode, .. } = self.parts.header;
        let mut flags = self.parts.header.flags();
        if self.parts.edns.is_none() && rcode.0 > flag::RCODE {
            // Without EDNS there is no room for the upper bits, and the lower ones alone mean something else.
            flags = (flags & !flag::RCODE) | Rcode::SERVFAIL.0;
        }
        push_head(&mut self.done.bytes, id, flags, self.parts.question.is_some());
        if let Some(question) = self.parts.question {
            self.name(question.name.as_wire(), Place::Question);
            push_type(&mut self.done.bytes, question.rtype, question.class);
        }
    }

    /// Writes RRsets until one does not fit. Only OPT may be written after that: the targets are not taken back.
    fn section(&mut self, section: u8, rrsets: &[Rrset]) -> Room {
        for rrset in rrsets {
            let before = Mark::of(&self.done);
            let count = self.rrset(section, rrset);
            if !self.fits() {
                before.restore(&mut self.done);
                self.done.cut = true;
                return Room::Short;
            }
            if let Some(sum) = self.counts.get_mut(usize::from(section)) {
                *sum = sum.saturating_add(count);
            }
        }
        Room::Enough
    }

    /// Whether what is written has room beside OPT. RFC 8914 §3: the text of an extended error goes first.
    fn fits(&mut self) -> bool {
        if self.opt_is_whole && self.done.bytes.len() + self.opt.len() > self.limit {
            self.opt_is_whole = false;
            self.opt.clear();
            if let Some(edns) = self.parts.edns {
                edns.encode(self.parts.header.rcode, false, &mut self.opt);
            }
        }
        self.done.bytes.len() + self.opt.len() <= self.limit
    }

    /// Writes an RRset and the signatures over it, as far as there is room; returns the number of records.
    fn rrset(&mut self, section: u8, rrset: &Rrset) -> u16 {
        let proof = self.parts.is_proof(section, rrset);
        let dnssec_ok = self.parts.dnssec_ok;
        let records = rrset.rdatas.iter().map(|rdata| (rrset.rtype, rrset.ttl, rdata, proof));
        let signatures = rrset.signatures.iter();
        let signatures = signatures.map(|rdata| (RecordType::RRSIG, rrset.signatures_ttl, rdata, true));
        let mut count = 0_u16;
        for (rtype, ttl, rdata, proof) in records.chain(signatures) {
            if proof && !dnssec_ok {
                continue;
            }
            if self.done.bytes.len() > self.limit {
                break;
            }
            let start = self.done.bytes.len();
            let place = if proof { Place::DnssecRecord } else { Place::Record };
            self.name(rrset.name.as_wire(), place);
            let out = &mut self.done.bytes;
            push_type(out, rtype, rrset.class);
            self.done.ttl_offsets.push(offset(out.len()));
            out.extend_from_slice(&ttl.to_be_bytes());
            out.extend_from_slice(&[0, 0]);
            let rdata_start = out.len();
            self.rdata(rtype, rdata, place);
            let rdata_len = self.done.bytes.len() - rdata_start;
            put_u16(&mut self.done.bytes, rdata_start - 2, offset(rdata_len));
            if proof {
                let len = offset(self.done.bytes.len() - start);
                self.done.dnssec_ranges.push(DnssecRange { offset: offset(start), len, section });
            }
            count = count.saturating_add(1);
        }
        count
    }

    fn rdata(&mut self, rtype: RecordType, rdata: &[u8], place: Place) {
        let mut rest = rdata;
        // RFC 3597 §4: only the types of RFC 1035 may have compressed names in them.
        let fields =
            rdata::layout(rtype).filter(|layout| layout.compress).map_or(&[][..], |layout| layout.fields);
        for field in fields {
            let size = match *field {
                Field::Octets(count) => Some(usize::from(count)),
                Field::CharString => rest.first().map(|len| 1 + usize::from(*len)),
                Field::Name => Name::from_wire(rest).ok().map(|(_, used)| used),
            };
            let Some((piece, after)) = size.and_then(|size| rest.split_at_checked(size)) else { break };
            match field {
                Field::Name => self.name(piece, place),
                Field::Octets(_) | Field::CharString => self.done.bytes.extend_from_slice(piece),
            }
            rest = after;
        }
        self.done.bytes.extend_from_slice(rest);
    }

    /// Writes a name, its end as a pointer if it was written before.
    fn name(&mut self, wire: &[u8], place: Place) {
        let labels = label_starts(wire);
        let (mut parent, mut known) = (Target::ROOT, labels.len());
        for &start in labels.iter().rev() {
            let Some(label) = label_at(wire, usize::from(start)) else { break };
            let found = self.targets.find(&self.done.bytes, parent.node, label, place);
            let Some(target) = found.filter(|target| target.pointers < POINTERS_WRITTEN_MAX) else { break };
            (parent, known) = (target, known - 1);
        }
        let base = self.done.bytes.len();
        let written = labels.get(known).copied().map_or_else(|| wire.len().saturating_sub(1), usize::from);
        self.done.bytes.extend_from_slice(wire.get(..written).unwrap_or_default());
        if parent == Target::ROOT {
            self.done.bytes.push(0);
        } else {
            let first_range = self.done.dnssec_ranges.first();
            if place == Place::Record && first_range.is_some_and(|range| range.offset < parent.offset) {
                self.done.moving_pointers.push(offset(self.done.bytes.len()));
            }
            self.done.bytes.extend_from_slice(&(POINTER_MARK | parent.offset).to_be_bytes());
        }
        let pointers = if parent == Target::ROOT { 0 } else { parent.pointers + 1 };
        for &start in labels.get(..known).unwrap_or_default().iter().rev() {
            let Some(label) = label_at(wire, usize::from(start)) else { break };
            let at = base + usize::from(start);
            let Some(target) = self.targets.add(parent.node, label, at, place, pointers) else { break };
            parent = target;
        }
    }
}

/// How far a message was written.
struct Mark {
    bytes: usize,
    ttl_offsets: usize,
    dnssec_ranges: usize,
    moving_pointers: usize,
}

impl Mark {
    fn of(done: &Encoded) -> Self {
        Self {
            bytes: done.bytes.len(),
            ttl_offsets: done.ttl_offsets.len(),
            dnssec_ranges: done.dnssec_ranges.len(),
            moving_pointers: done.moving_pointers.len(),
        }
    }

    fn restore(&self, done: &mut Encoded) {
        done.bytes.truncate(self.bytes);
        done.ttl_offsets.truncate(self.ttl_offsets);
        done.dnssec_ranges.truncate(self.dnssec_ranges);
        done.moving_pointers.truncate(self.moving_pointers);
    }
}

impl Parts<'_> {
    /// Octets, records, and those of them that only a client with DO gets: about what it will take, from above unless
    /// names find no room among the targets of compression.
    fn size(&self) -> (usize, usize, usize) {
        let name_len = self.question.map_or(0, |question| question.name.len());
        let mut size = (HEADER_LEN + name_len + 4, 0, 0);
        for (section, rrsets) in (0..).zip([self.answer, self.authority, self.additional]) {
            for rrset in rrsets {
                let (plain, signatures) = (rrset.rdatas.len(), rrset.signatures.len());
                let records = plain + signatures;
                size.0 += rrset.rdatas.byte_len() + rrset.signatures.byte_len();
                size.0 += rrset.name.len() + records * RECORD_HEAD_LEN;
                size.1 += records;
                size.2 += signatures + if self.is_proof(section, rrset) { plain } else { 0 };
            }
        }
        size
    }

    /// RFC 4035 §3.2.1: without DO, what only proves is left out, unless it was asked for by its type.
    fn is_proof(&self, section: u8, rrset: &Rrset) -> bool {
        let asked = section == 0 && self.question.is_some_and(|question| question.rtype == rrset.rtype);
        rrset.rtype.is_dnssec_proof() && !asked
    }
}

/// Appends a header with counts of zero, but for the question's.
fn push_head(out: &mut Vec<u8>, id: u16, flags: u16, question: bool) {
    let ([id_high, id_low], [flags_high, flags_low]) = (id.to_be_bytes(), flags.to_be_bytes());
    let count = u8::from(question);
    out.extend_from_slice(&[id_high, id_low, flags_high, flags_low, 0, count, 0, 0, 0, 0, 0, 0]);
}

/// Appends what follows a name in questions and records.
fn push_type(out: &mut Vec<u8>, rtype: RecordType, class: Class) {
    let ([type_high, type_low], [class_high, class_low]) = (rtype.0.to_be_bytes(), class.0.to_be_bytes());
    out.extend_from_slice(&[type_high, type_low, class_high, class_low]);
}

/// An offset or length within a message; what lies beyond is taken back before anybody sees it.
fn offset(at: usize) -> u16 {
    u16::try_from(at).unwrap_or(u16::MAX)
}

/// Where the labels of a name begin, the root's left out.
fn label_starts(wire: &[u8]) -> SmallVec<[u8; 32]> {
    let mut starts = SmallVec::new();
    let mut at = 0_u8;
    while let Some(&len) = wire.get(usize::from(at)).filter(|len| **len > 0) {
        starts.push(at);
        let Some(next) = at.checked_add(len).and_then(|next| next.checked_add(1)) else { break };
        at = next;
    }
    starts
}

/// The label at `start`, its length octet included.
fn label_at(bytes: &[u8], start: usize) -> Option<&[u8]> {
    let len = usize::from(*bytes.get(start)?);
    bytes.get(start..=start + len)
}

/// Pointers in one name at most, so that nobody finds them too many ([`limits::POINTERS_PER_NAME_MAX`] is ours).
const POINTERS_WRITTEN_MAX: u8 = 4;

/// How many slots the hash index has: about twice [`limits::COMPRESSION_TARGETS_MAX`], a power of two.
const SLOTS: usize = 256;

/// The names a pointer may lead to, as a trie: each node is a label written somewhere, before its parent's name.
struct Targets {
    nodes: SmallVec<[Node; 16]>,
    /// Open addressing: the number of a node, counted from 1, or 0. There are always free slots.
    slots: [u8; SLOTS],
    /// Slots looked at.
    steps: u32,
}

#[derive(Clone, Copy)]
struct Node {
    parent: u8,
    place: Place,
    /// Pointers on the way from here to the root.
    pointers: u8,
    offset: u16,
}

/// A node, and where and how its name is written.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Target {
    node: u8,
    pointers: u8,
    offset: u16,
}

impl Target {
    const ROOT: Self = Self { node: 0, pointers: 0, offset: 0 };
}

impl Targets {
    fn new() -> Self {
        Self { nodes: SmallVec::new(), slots: [0; SLOTS], steps: 0 }
    }

    /// The place where `label` is written in front of the name of `parent`.
    fn find(&mut self, written: &[u8], parent: u8, label: &[u8], place: Place) -> Option<Target> {
        let mut slot = Self::first_slot(parent, label);
        loop {
            self.steps = self.steps.saturating_add(1);
            let number = *self.slots.get(slot)?;
            let node = *self.nodes.get(usize::from(number).checked_sub(1)?)?;
            let there = label_at(written, usize::from(node.offset));
            let same = match node.place {
                Place::Question => there.is_some_and(|there| there.eq_ignore_ascii_case(label)),
                Place::Record => there == Some(label),
                Place::DnssecRecord => place == Place::DnssecRecord && there == Some(label),
            };
            if node.parent == parent && same {
                return Some(Target { node: number, pointers: node.pointers, offset: node.offset });
            }
            slot = (slot + 1) % SLOTS;
        }
    }

    /// Remembers a label; none if it is too far from the start or there are too many already.
    fn add(&mut self, parent: u8, label: &[u8], at: usize, place: Place, pointers: u8) -> Option<Target> {
        let offset = u16::try_from(at).ok().filter(|offset| *offset <= POINTER_MAX)?;
        if self.nodes.len() >= limits::COMPRESSION_TARGETS_MAX {
            return None;
        }
        self.nodes.push(Node { parent, place, pointers, offset });
        let number = u8::try_from(self.nodes.len()).ok()?;
        let mut slot = Self::first_slot(parent, label);
        while self.slots.get(slot).is_some_and(|taken| *taken != 0) {
            self.steps = self.steps.saturating_add(1);
            slot = (slot + 1) % SLOTS;
        }
        *self.slots.get_mut(slot)? = number;
        Some(Target { node: number, pointers, offset })
    }

    /// FNV-1a, without regard to case. Collisions made on purpose cost no more than looking at every node.
    fn first_slot(parent: u8, label: &[u8]) -> usize {
        let mut hash = 0x811c_9dc5_u32 ^ u32::from(parent);
        for octet in label {
            hash = hash.wrapping_mul(0x0100_0193) ^ u32::from(octet.to_ascii_lowercase());
        }
        let mixed = hash.wrapping_mul(0x9e37_79b9);
        usize::from(mixed.to_be_bytes()[0])
    }
}

const _: () = assert!(limits::COMPRESSION_TARGETS_MAX < SLOTS - 1, "a free slot ends every search");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::edns::{EdeCode, EdnsOption, ExtendedError};

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn rrsig(covered: RecordType, signer: &str) -> Vec<u8> {
        let mut rdata = covered.0.to_be_bytes().to_vec();
        rdata.extend([13, 2, 0, 0, 14, 16, 0, 0, 0, 2, 0, 0, 0, 1, 0x12, 0x34]);
        rdata.extend(name(signer).as_wire());
        rdata.extend([7; 64]);
        rdata
    }

    fn signed(mut rrset: Rrset, signer: &str) -> Rrset {
        rrset.signatures.push(&rrsig(rrset.rtype, signer));
        rrset
    }

    fn ns(owner: &str, target: &str) -> Rrset {
        Rrset::new(name(owner), RecordType::NS, 300).with(name(target).as_wire())
    }

    fn a(owner: &str, last: u8) -> Rrset {
        Rrset::new(name(owner), RecordType::A, 60).with(&[192, 0, 2, last])
    }

    fn cname(owner: &str, target: &str) -> Rrset {
        Rrset::new(name(owner), RecordType::CNAME, 60).with(name(target).as_wire())
    }

    fn response(question: &str, rtype: RecordType) -> Message {
        let header = Header { response: true, recursion_available: true, ..Header::query(0x1234) };
        Message::new(header, Some(Question::new(name(question), rtype)))
    }

    fn signed_chain() -> Message {
        let mut message = response("www.example.com.", RecordType::A);
        message.answer = vec![
            signed(cname("www.example.com.", "a.cdn.net."), "example.com."),
            cname("a.cdn.net.", "b.far.cdn.org."),
            a("b.far.cdn.org.", 1).with(&[192, 0, 2, 2]),
        ];
        let mut nsec = Rrset::new(name("x.example.com."), RecordType::NSEC, 60);
        nsec.rdatas.push(b"\x01y\x07example\x03com\x00\x00\x01\x40");
        message.authority = vec![signed(nsec, "example.com."), ns("example.com.", "ns.x.example.com.")];
        message.additional = vec![a("ns.x.example.com.", 3)];
        message
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut message = signed_chain();
        message.edns = Some(Edns::new(1232, true));
        let encoded = encode(&message, 65_535);
        assert_eq!(Message::parse(&encoded.bytes), Ok(message));
    }

    #[test]
    fn the_form_without_dnssec_is_that_of_a_message_without_dnssec() {
        let message = signed_chain();
        let mut plain = message.clone();
        for rrset in plain.answer.iter_mut().chain(&mut plain.authority) {
            rrset.signatures = crate::dns::Rdatas::new();
            rrset.signatures_ttl = rrset.ttl;
        }
        plain.authority.retain(|rrset| rrset.rtype != RecordType::NSEC);
        let encoded = encode(&message, 65_535);
        assert!(!encoded.moving_pointers.is_empty(), "the case that pointers have to move is among them");
        let stripped = encoded.without_dnssec();
        assert_eq!(Message::parse(&stripped.bytes), Ok(plain.clone()));
        for at in &stripped.ttl_offsets {
            let ttl = read_u16(&stripped.bytes, usize::from(*at) + 2);
            assert!(ttl == 60 || ttl == 300);
        }
        assert_eq!(stripped.ttl_offsets.len(), encode(&plain, 65_535).ttl_offsets.len());
    }

    #[test]
    fn parts_for_one_without_dnssec_make_the_form_without_dnssec() {
        let mut message = signed_chain();
        let edns = Edns::new(1232, false);
        message.edns = Some(edns.clone());
        let parts = Parts { dnssec_ok: false, ..Parts::from(&message) };
        let (plain, stripped) = (parts.encode(65_535), encode(&message, 65_535).without_dnssec());
        assert_eq!(Message::parse(&plain.bytes), Message::parse(&stripped.bytes));
        assert_eq!((plain.dnssec_ranges, plain.moving_pointers), (Vec::new(), Vec::new()));
        assert_eq!(plain.ttl_offsets.len(), stripped.ttl_offsets.len());
        assert!(!plain.cut && parts.encode(plain.bytes.len() - 1).cut);
    }

    #[test]
    fn a_message_is_written_into_one_allocation() {
        for limit in [512, 65_535] {
            let encoded = encode(&signed_chain(), limit);
            assert!(encoded.bytes.capacity() <= limit.min(encoded.bytes.len() + 128), "{limit}");
            let message = Message { edns: Some(Edns::new(1232, true)), ..signed_chain() };
            let parts = Parts::from(&message);
            assert!(parts.encode(limit).bytes.len() <= parts.size().0 + edns::OPT_LEN);
        }
    }

    #[test]
    fn names_keep_their_case_but_for_those_that_are_in_the_question() {
        let mut message = response("wWw.eXample.com.", RecordType::NS);
        message.answer = vec![ns("WWW.example.com.", "Ns.Other.org."), ns("x.other.org.", "ns.EXAMPLE.com.")];
        let read = Message::parse(&encode(&message, 65_535).bytes).unwrap();
        assert!(read.answer[0].name.eq_with_case(&name("wWw.eXample.com.")));
        assert_eq!(read.answer[0].rdatas.first(), Some(name("Ns.Other.org.").as_wire()));
        assert!(read.answer[1].name.eq_with_case(&name("x.other.org.")));
        assert_eq!(read.answer[1].rdatas.first(), Some(name("ns.eXample.com.").as_wire()));
    }

    #[test]
    fn names_that_grow_label_by_label_do_not_become_a_ladder() {
        let mut message = response("a.", RecordType::NS);
        let deeper = |n: usize| format!("{}a.", "b.".repeat(n));
        message.answer = (0..100).map(|n| ns("a.", &deeper(n))).collect();
        let encoded = encode(&message, 65_535);
        let read = Message::parse(&encoded.bytes).unwrap();
        assert_eq!(read.answer[0].rdatas.len(), 100);
        let op = hickory_proto::op::Message::from_vec(&encoded.bytes).unwrap();
        assert_eq!(op.answers.len(), 100);
    }

    #[test]
    fn only_the_types_of_rfc_1035_have_compressed_names() {
        let mut message = response("example.com.", RecordType::SRV);
        let srv = [&[0; 6], name("example.com.").as_wire()].concat();
        message.answer = vec![Rrset::new(name("example.com."), RecordType::SRV, 1).with(&srv)];
        let mx = [&[0; 2], name("example.com.").as_wire()].concat();
        message.authority = vec![Rrset::new(name("example.com."), RecordType::MX, 1).with(&mx)];
        let encoded = encode(&message, 65_535);
        // Header, question, then a pointer and ten octets before each rdata.
        assert_eq!(encoded.bytes.len(), 12 + 17 + (12 + 6 + 13) + (12 + 2 + 2));
    }

    #[test]
    fn a_long_message_costs_a_few_steps_a_label() {
        let mut message = response("example.com.", RecordType::NS);
        let targets: Vec<String> = (0..4_000).map(|n| format!("a{n}.b{n}.")).collect();
        message.answer = targets.iter().map(|target| ns("example.com.", target)).collect();
        let (encoded, steps) = Writer::new(Parts::from(&message), 65_535).write();
        assert!(encoded.cut && encoded.bytes.len() > 65_000);
        let records = u32::from(read_u16(&encoded.bytes, 6));
        assert!(records > 2_000 && steps < records * 16, "{steps} steps for {records} records");
    }

    #[test]
    fn labels_that_collide_on_purpose_cost_no_more_than_the_table() {
        let first = Targets::first_slot(0, b"\x05zzzzz");
        let labels = (0_u32..).map(|n| format!("{n:05}").into_bytes());
        let colliding = labels.filter(|label| Targets::first_slot(0, &[&[5], &label[..]].concat()) == first);
        let mut message = response("example.com.", RecordType::NS);
        message.answer = colliding
            .take(300)
            .map(|label| ns("example.com.", &format!("{}.", String::from_utf8(label).unwrap())))
            .collect();
        let (encoded, steps) = Writer::new(Parts::from(&message), 65_535).write();
        assert!(!encoded.cut);
        let targets = u32::try_from(limits::COMPRESSION_TARGETS_MAX).unwrap();
        assert!(steps > targets * 100 && steps < 301 * 3 * (targets + 1), "{steps}");
    }

    #[test]
    fn what_does_not_fit_goes_by_rrset_and_is_marked() {
        let message = signed_chain();
        let whole = encode(&message, 65_535);
        let sizes: Vec<usize> =
            (0..=whole.bytes.len()).map(|limit| encode(&message, limit).bytes.len()).collect();
        for (limit, size) in sizes.iter().enumerate().skip(40) {
            assert!(*size <= limit, "{limit}");
            let encoded = encode(&message, limit);
            let read = Message::parse(&encoded.bytes).unwrap();
            let complete = read.answer == message.answer && read.authority == message.authority;
            assert_eq!(read.header.truncated, !complete, "{limit}");
            assert_eq!(encoded.cut, read.additional != message.additional || !complete);
            for rrset in read.answer.iter().chain(&read.authority) {
                let original = message.answer.iter().chain(&message.authority).find(|one| *one == rrset);
                assert!(original.is_some(), "an RRset is whole, with its signatures, or is not there");
            }
            assert_eq!(encoded.ttl_offsets.iter().filter(|at| usize::from(**at) >= *size).count(), 0);
            assert_eq!(encoded.without_dnssec().without_dnssec(), encoded.without_dnssec());
        }
    }

    #[test]
    fn opt_is_always_kept_and_its_text_goes_before_any_record() {
        let mut message = signed_chain();
        let text = "a long story about a signature".to_owned();
        let error = ExtendedError { code: EdeCode::DNSSEC_BOGUS, text: text.clone() };
        message.edns = Some(Edns::new(1_232, true).with(EdnsOption::ExtendedError(error)));
        let whole = encode(&message, 65_535).bytes.len();
        for limit in 0..=whole {
            let read = Message::parse(&encode(&message, limit).bytes).unwrap();
            let edns = read.edns.clone().unwrap();
            let kept = edns.extended_errors().next().unwrap();
            assert_eq!(kept.code, EdeCode::DNSSEC_BOGUS);
            if limit >= whole - text.len() {
                assert_eq!((kept.text.is_empty(), read.additional.len()), (limit < whole, 1));
            }
        }
    }

    #[test]
    fn a_response_code_that_needs_edns_is_a_failure_without() {
        let mut message = response("example.com.", RecordType::A);
        message.header.rcode = Rcode::BADVERS;
        let read = Message::parse(&encode(&message, 512).bytes).unwrap();
        assert_eq!(read.header.rcode, Rcode::SERVFAIL);
        message.edns = Some(Edns::new(512, false));
        let read = Message::parse(&encode(&message, 512).bytes).unwrap();
        assert_eq!(read.header.rcode, Rcode::BADVERS);
    }

    #[test]
    fn proof_records_that_were_asked_for_are_no_mere_proof() {
        let mut message = response("x.example.com.", RecordType::NSEC);
        let mut nsec = Rrset::new(name("x.example.com."), RecordType::NSEC, 60);
        nsec.rdatas.push(b"\x01y\x07example\x03com\x00\x00\x01\x40");
        message.answer = vec![signed(nsec, "example.com.")];
        let plain = Message::parse(&encode(&message, 65_535).without_dnssec().bytes).unwrap();
        assert_eq!((plain.answer.len(), plain.answer[0].signatures.len()), (1, 0));
    }

    #[test]
    fn padding_brings_a_message_to_whole_blocks_and_stays_readable() {
        let mut message = signed_chain();
        let unpadded = encode(&message, 65_535);
        let mut padded = unpadded.clone();
        padded.pad(128, 65_535);
        assert_eq!(padded, unpadded, "without EDNS nobody asked for padding");
        message.edns = Some(Edns::new(1_232, true));
        let mut padded = encode(&message, 65_535);
        padded.pad(468, 65_535);
        assert_eq!(padded.bytes.len() % 468, 0);
        let read = Message::parse(&padded.bytes).unwrap();
        assert!(matches!(read.edns.unwrap().options[..], [EdnsOption::Padding(_)]));
        assert_eq!(read.answer, message.answer);
    }

    #[test]
    fn a_query_has_one_question_and_what_was_asked_for() {
        let question = Question::new(name("eXample.com."), RecordType::TXT);
        let bytes = encode_query(7, &question, false, true, Some(&Edns::new(1_232, true)));
        let read = Message::parse(&bytes).unwrap();
        assert_eq!(read.header, Header { checking_disabled: true, ..Header::query(7) });
        assert!(read.question.unwrap().name.eq_with_case(&question.name));
        assert_eq!(read.edns, Some(Edns::new(1_232, true)));
        assert_eq!(encode_query(7, &question, true, false, None).len(), 12 + 13 + 4);
    }
}
