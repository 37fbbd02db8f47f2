//! Reads a whole message as servers send it: the walker, with a budget for decompression.
//!
//! In: the octets of one message. Out: a [`Message`] whose records are gathered into RRsets with their
//! signatures, every name expanded, letter case kept. RFC 1035 §4, RFC 2181 §5 and §8, RFC 3597, RFC 6891,
//! RFC 9619. Rdata that does not have the form of its type is left out and counted; what makes the message
//! itself unreadable is a [`WireError`]. Octets after the last section are passed over, as BIND and Unbound do:
//! some servers pad that way, and nothing is read from them.
//! Nothing is allocated because of a count; no work grows faster than the message, but for names, which draw on
//! [`limits::DECOMPRESSION_STEPS_MAX`]. Whether a record belongs into the message is not asked here.

use std::collections::{HashMap, HashSet};

use super::edns::Edns;
use super::rdata::{self, Field};
use super::{Class, Name, Opcode, Question, Rcode, Rdatas, RecordType, Rrset};
use crate::limits;

/// The length of the header in octets (RFC 1035 §4.1.1).
pub const HEADER_LEN: usize = 12;

/// Up to this many RRsets of a section are searched one by one; beyond, a hash index is kept.
const SCANNED_MAX: usize = 32;

/// Up to this many records of an RRset are compared with each other; beyond, a hash set is made.
const COMPARED_MAX: usize = 8;

/// The octets of a name or rdata that there is room for from the start.
const SCRATCH_LEN: usize = 512;

/// The header's fields (RFC 1035 §4.1.1, RFC 4035 §3.1.6 and §3.2) without the counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are the flags of the header, under their own names")]
pub struct Header {
    /// The id.
    pub id: u16,
    /// QR: this is a response.
    pub response: bool,
    /// The operation.
    pub opcode: Opcode,
    /// AA.
    pub authoritative: bool,
    /// TC.
    pub truncated: bool,
    /// RD.
    pub recursion_desired: bool,
    /// RA.
    pub recursion_available: bool,
    /// AD.
    pub authentic_data: bool,
    /// CD.
    pub checking_disabled: bool,
    /// The response code, with the upper bits from EDNS if there is an OPT record.
    pub rcode: Rcode,
}

/// The bits of the header's second word.
pub(crate) mod flag {
    pub(crate) const QR: u16 = 0x8000;
    pub(crate) const AA: u16 = 0x0400;
    pub(crate) const TC: u16 = 0x0200;
    pub(crate) const RD: u16 = 0x0100;
    pub(crate) const RA: u16 = 0x0080;
    pub(crate) const AD: u16 = 0x0020;
    pub(crate) const CD: u16 = 0x0010;
    /// Where the opcode begins.
    pub(crate) const OPCODE_SHIFT: u16 = 11;
    /// The response code.
    pub(crate) const RCODE: u16 = 0x000f;
}

impl Header {
    /// The header of a query with nothing set but the id.
    pub fn query(id: u16) -> Self {
        Self::unpack(id, 0)
    }

    /// Reads the header at the start of `bytes`; none if there are not even so many octets. For those who need
    /// no more than the flags, or whose message is cut off behind it.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let header: &[u8; HEADER_LEN] = bytes.first_chunk()?;
        let [id_high, id_low, flags_high, flags_low, ..] = *header;
        Some(Self::unpack(u16::from_be_bytes([id_high, id_low]), u16::from_be_bytes([flags_high, flags_low])))
    }

    fn unpack(id: u16, word: u16) -> Self {
        Self {
            id,
            response: word & flag::QR != 0,
            opcode: opcode_of(word),
            authoritative: word & flag::AA != 0,
            truncated: word & flag::TC != 0,
            recursion_desired: word & flag::RD != 0,
            recursion_available: word & flag::RA != 0,
            authentic_data: word & flag::AD != 0,
            checking_disabled: word & flag::CD != 0,
            rcode: Rcode(word & flag::RCODE),
        }
    }

    /// The second word of the header, with the lower four bits of the response code.
    pub(crate) fn flags(&self) -> u16 {
        let set = |on: bool, bit: u16| if on { bit } else { 0 };
        set(self.response, flag::QR)
            | (u16::from(self.opcode.0 & 0x0f) << flag::OPCODE_SHIFT)
            | set(self.authoritative, flag::AA)
            | set(self.truncated, flag::TC)
            | set(self.recursion_desired, flag::RD)
            | set(self.recursion_available, flag::RA)
            | set(self.authentic_data, flag::AD)
            | set(self.checking_disabled, flag::CD)
            | (self.rcode.0 & flag::RCODE)
    }
}

/// The opcode in a header's second word.
pub(crate) fn opcode_of(word: u16) -> Opcode {
    let [high, _] = word.to_be_bytes();
    Opcode((high >> 3) & 0x0f)
}

/// A message, its records gathered into RRsets with their signatures; names and rdata are uncompressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The header.
    pub header: Header,
    /// The question; none if QDCOUNT is 0. A QDCOUNT above 1 is a [`WireError`] (RFC 9619).
    pub question: Option<Question>,
    /// RRsets in the order their first record stood in the message; RRSIGs that cover nothing present come last.
    pub answer: Vec<Rrset>,
    /// RRsets of the authority section.
    pub authority: Vec<Rrset>,
    /// RRsets of the additional section, without OPT and TSIG.
    pub additional: Vec<Rrset>,
    /// What the OPT record says, if there is one.
    pub edns: Option<Edns>,
    /// How many records were left out because their rdata has not the form its type asks for.
    pub odd_records: u16,
}

/// Why octets are not a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Fewer octets than the counts or lengths promise.
    #[error("the message is shorter than its counts say")]
    Short,
    /// QDCOUNT is above 1 (RFC 9619).
    #[error("the message has more than one question")]
    Questions,
    /// A length octet has a type that is neither label nor pointer (RFC 6891 §5).
    #[error("a name has a label of an unknown type")]
    LabelType,
    /// A name has more than 255 octets once expanded.
    #[error("a name is longer than 255 octets")]
    NameTooLong,
    /// A compression pointer does not point to an earlier name.
    #[error("a compression pointer does not point backwards")]
    Pointer,
    /// More pointers in one name than [`limits::POINTERS_PER_NAME_MAX`].
    #[error("a name has more compression pointers than a name may have")]
    Pointers,
    /// More labels and pointers than [`limits::DECOMPRESSION_STEPS_MAX`].
    #[error("expanding the names costs more than one message may cost")]
    DecompressionBudget,
    /// An OPT record stands outside the additional section, or its owner is not the root (RFC 6891 §6.1.1).
    #[error("an OPT record stands where none may stand")]
    OptMisplaced,
    /// There is more than one OPT record (RFC 6891 §6.1.1).
    #[error("the message has more than one OPT record")]
    OptRepeated,
    /// An option runs past the end of its OPT record.
    #[error("an EDNS option is longer than its record")]
    OptionLength,
    /// More than [`limits::EDNS_OPTIONS_REFUSED`] options.
    #[error("the message has more EDNS options than a message may have")]
    Options,
    /// A COOKIE option of a length that RFC 7873 §4 does not allow.
    #[error("the DNS cookie has a length that no cookie has")]
    Cookie,
    /// More than [`limits::RRSETS_PER_MESSAGE_MAX`] RRsets.
    #[error("the message has more RRsets than a message may have")]
    Rrsets,
    /// More than [`limits::RECORDS_PER_RRSET_MAX`] records in one RRset.
    #[error("an RRset has more records than an RRset may have")]
    Records,
}

impl Message {
    /// Reads a message.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        Walker::new(bytes).walk()
    }

    /// A message of that header and question and nothing else.
    pub fn new(header: Header, question: Option<Question>) -> Self {
        Self {
            header,
            question,
            answer: Vec::new(),
            authority: Vec::new(),
            additional: Vec::new(),
            edns: None,
            odd_records: 0,
        }
    }
}

/// The three sections of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    Answer,
    Authority,
    Additional,
}

/// Walks through one message.
struct Walker<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Labels and pointers read so far.
    steps: u32,
    /// RRsets made so far, in all sections.
    rrsets: usize,
    edns: Option<Edns>,
    odd_records: u16,
    /// Expanded octets of the name or rdata at hand.
    scratch: Vec<u8>,
}

impl<'a> Walker<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        // Enough for any name, and for the rdata of most records.
        let scratch = Vec::with_capacity(SCRATCH_LEN);
        Self { bytes, at: HEADER_LEN, steps: 0, rrsets: 0, edns: None, odd_records: 0, scratch }
    }

    fn walk(&mut self) -> Result<Message, WireError> {
        let header = Header::read(self.bytes).ok_or(WireError::Short)?;
        // RFC 9619 §4: looked at before anything else is read.
        let question = match self.count(4)? {
            0 => None,
            1 => Some(self.question()?),
            _ => return Err(WireError::Questions),
        };
        let mut message = Message::new(header, question);
        message.answer = self.section(Section::Answer, 6)?;
        message.authority = self.section(Section::Authority, 8)?;
        message.additional = self.section(Section::Additional, 10)?;
        if let Some(edns) = &self.edns {
            message.header.rcode.0 |= u16::from(edns.extended_rcode) << 4;
        }
        message.edns = self.edns.take();
        message.odd_records = self.odd_records;
        Ok(message)
    }

    fn count(&self, offset: usize) -> Result<u16, WireError> {
        let two = self.bytes.get(offset..).and_then(<[u8]>::first_chunk).ok_or(WireError::Short)?;
        Ok(u16::from_be_bytes(*two))
    }

    fn question(&mut self) -> Result<Question, WireError> {
        let name = self.name()?;
        let rtype = RecordType(self.u16()?);
        let class = Class(self.u16()?);
        Ok(Question { name, rtype, class })
    }

    fn section(&mut self, section: Section, count_offset: usize) -> Result<Vec<Rrset>, WireError> {
        let mut gathered = Gathered::default();
        for _ in 0..self.count(count_offset)? {
            self.record(section, &mut gathered)?;
        }
        gathered.finish(&mut self.rrsets)
    }

    fn record(&mut self, section: Section, gathered: &mut Gathered) -> Result<(), WireError> {
        let key = self.question()?;
        let ttl = self.u32()?;
        let len = usize::from(self.u16()?);
        let start = self.at;
        let raw = self.bytes.get(start..).and_then(|rest| rest.get(..len)).ok_or(WireError::Short)?;
        self.at += len;
        match key.rtype {
            RecordType::OPT => self.opt(section, &key, ttl, raw),
            // Transaction signatures belong to a hop, not to the data (RFC 8945 §5.3).
            RecordType::TSIG => Ok(()),
            _ => {
                if self.rdata(&key, start, raw)? {
                    // RFC 2181 §8: a TTL with the most significant bit set is read as zero.
                    let ttl = if ttl > i32::MAX.cast_unsigned() { 0 } else { ttl };
                    gathered.add(key, ttl, &self.scratch, &mut self.rrsets)
                } else {
                    self.odd_records = self.odd_records.saturating_add(1);
                    Ok(())
                }
            }
        }
    }

    fn opt(&mut self, section: Section, key: &Question, ttl: u32, raw: &[u8]) -> Result<(), WireError> {
        if section != Section::Additional || !key.name.is_root() {
            return Err(WireError::OptMisplaced);
        }
        // RFC 6891 §6.1.1: more than one is a format error.
        if self.edns.is_some() {
            return Err(WireError::OptRepeated);
        }
        self.edns = Some(Edns::decode(key.class.0, ttl, raw)?);
        Ok(())
    }

    /// Expands the rdata that begins at `start` into `scratch`. False if it has not the form of its type.
    fn rdata(&mut self, key: &Question, start: usize, raw: &[u8]) -> Result<bool, WireError> {
        let mut out = std::mem::take(&mut self.scratch);
        out.clear();
        let fields = rdata::layout(key.rtype).map_or(&[][..], |layout| layout.fields);
        let expanded = self.expand_fields(fields, start, raw.len(), &mut out);
        self.scratch = out;
        match expanded {
            Ok(()) => Ok(rdata::is_well_formed(key.rtype, key.class, &self.scratch)),
            // The budget is the message's; any other fault is this record's alone.
            Err(WireError::DecompressionBudget) => Err(WireError::DecompressionBudget),
            Err(_) => Ok(false),
        }
    }

    fn expand_fields(
        &mut self,
        fields: &[Field],
        start: usize,
        len: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), WireError> {
        let end = start + len;
        let bytes = self.bytes.get(..end).ok_or(WireError::Short)?;
        let mut at = start;
        for field in fields {
            let size = match *field {
                Field::Octets(count) => usize::from(count),
                Field::CharString => 1 + usize::from(*bytes.get(at).ok_or(WireError::Short)?),
                Field::Name => {
                    at = self.expand(at, out)?;
                    if at > end {
                        return Err(WireError::Short);
                    }
                    continue;
                }
            };
            out.extend_from_slice(bytes.get(at..at + size).ok_or(WireError::Short)?);
            at += size;
        }
        out.extend_from_slice(bytes.get(at..).ok_or(WireError::Short)?);
        Ok(())
    }

    fn name(&mut self) -> Result<Name, WireError> {
        let mut out = std::mem::take(&mut self.scratch);
        out.clear();
        let end = self.expand(self.at, &mut out);
        let name = Name::from_wire(&out);
        self.scratch = out;
        self.at = end?;
        name.map(|(name, _)| name).map_err(|_| WireError::NameTooLong)
    }

    /// Appends the name at `start`, expanded, to `out`; returns where it ends in the message.
    fn expand(&mut self, start: usize, out: &mut Vec<u8>) -> Result<usize, WireError> {
        let base = out.len();
        let (mut at, mut segment) = (start, start);
        let mut end = None;
        let mut pointers = 0;
        loop {
            self.steps += 1;
            if self.steps > limits::DECOMPRESSION_STEPS_MAX {
                return Err(WireError::DecompressionBudget);
            }
            let len = *self.bytes.get(at).ok_or(WireError::Short)?;
            match len {
                0..=63 => {
                    let next = at + 1 + usize::from(len);
                    out.extend_from_slice(self.bytes.get(at..next).ok_or(WireError::Short)?);
                    if out.len() - base > super::name::NAME_LEN_MAX {
                        return Err(WireError::NameTooLong);
                    }
                    if len == 0 {
                        return Ok(end.unwrap_or(next));
                    }
                    at = next;
                }
                0xc0.. => {
                    let low = *self.bytes.get(at + 1).ok_or(WireError::Short)?;
                    let target = usize::from(u16::from_be_bytes([len & 0x3f, low]));
                    // RFC 1035 §4.1.4: "a prior occurrence"; each jump goes before where it came from, so it ends.
                    if target >= segment || target < HEADER_LEN {
                        return Err(WireError::Pointer);
                    }
                    pointers += 1;
                    if pointers > limits::POINTERS_PER_NAME_MAX {
                        return Err(WireError::Pointers);
                    }
                    end.get_or_insert(at + 2);
                    (at, segment) = (target, target);
                }
                _ => return Err(WireError::LabelType),
            }
        }
    }

    fn u16(&mut self) -> Result<u16, WireError> {
        let number = self.count(self.at)?;
        self.at += 2;
        Ok(number)
    }

    fn u32(&mut self) -> Result<u32, WireError> {
        let four = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk).ok_or(WireError::Short)?;
        self.at += 4;
        Ok(u32::from_be_bytes(*four))
    }
}

/// The records of one section on their way into RRsets.
#[derive(Default)]
struct Gathered {
    rrsets: Vec<Rrset>,
    /// Where each RRset stands, kept once there are more than [`SCANNED_MAX`]. Nothing depends on its order,
    /// and the standard library seeds it, so that no message is slow on purpose (CVE-2023-4408).
    index: HashMap<Question, usize>,
    /// RRSIGs whose RRset has not come yet.
    early: Vec<EarlySignature>,
}

/// An RRSIG that stands before what it covers, if that comes at all.
struct EarlySignature {
    covers: Question,
    ttl: u32,
    rdata: Vec<u8>,
}

impl Gathered {
    fn add(&mut self, key: Question, ttl: u32, rdata: &[u8], made: &mut usize) -> Result<(), WireError> {
        if key.rtype != RecordType::RRSIG {
            return self.add_record(&key, ttl, rdata, made);
        }
        let covered = rdata.first_chunk().map_or(0, |two| u16::from_be_bytes(*two));
        let covers = Question { rtype: RecordType(covered), ..key };
        if !self.add_signature(&covers, ttl, rdata) {
            self.early.push(EarlySignature { covers, ttl, rdata: rdata.to_vec() });
        }
        Ok(())
    }

    fn add_record(
        &mut self,
        key: &Question,
        ttl: u32,
        rdata: &[u8],
        made: &mut usize,
    ) -> Result<(), WireError> {
        let place = if let Some(place) = self.find(key) {
            place
        } else {
            *made += 1;
            if *made > limits::RRSETS_PER_MESSAGE_MAX {
                return Err(WireError::Rrsets);
            }
            self.start(key, ttl)
        };
        let Some(rrset) = self.rrsets.get_mut(place) else { return Ok(()) };
        if rrset.rdatas.len() >= limits::RECORDS_PER_RRSET_MAX || !rrset.rdatas.push(rdata) {
            return Err(WireError::Records);
        }
        // RFC 2181 §5.2: differing TTLs within an RRset are an error that is met by taking the lowest.
        rrset.ttl = rrset.ttl.min(ttl);
        Ok(())
    }

    /// Begins an RRset; returns its place.
    fn start(&mut self, key: &Question, ttl: u32) -> usize {
        let place = self.rrsets.len();
        let mut rrset = Rrset::new(key.name.clone(), key.rtype, ttl);
        rrset.class = key.class;
        self.rrsets.push(rrset);
        if place == SCANNED_MAX {
            for (place, rrset) in self.rrsets.iter().enumerate() {
                let key = Question { name: rrset.name.clone(), rtype: rrset.rtype, class: rrset.class };
                self.index.insert(key, place);
            }
        } else if place > SCANNED_MAX {
            self.index.insert(key.clone(), place);
        }
        place
    }

    /// False if there is nothing that it covers.
    fn add_signature(&mut self, covers: &Question, ttl: u32, rdata: &[u8]) -> bool {
        let Some(rrset) = self.find(covers).and_then(|place| self.rrsets.get_mut(place)) else {
            return false;
        };
        if rrset.signatures.len() < limits::SIGNATURES_PER_RRSET_MAX && !rrset.signatures.contains(rdata) {
            let lowest = if rrset.signatures.is_empty() { ttl } else { rrset.signatures_ttl.min(ttl) };
            rrset.signatures_ttl = lowest;
            rrset.signatures.push(rdata);
        }
        true
    }

    fn find(&self, key: &Question) -> Option<usize> {
        if self.rrsets.len() > SCANNED_MAX {
            return self.index.get(key).copied();
        }
        // From the end: records of one RRset mostly stand together.
        self.rrsets
            .iter()
            .rposition(|rrset| rrset.rtype == key.rtype && rrset.class == key.class && rrset.name == key.name)
    }

    fn finish(mut self, made: &mut usize) -> Result<Vec<Rrset>, WireError> {
        for signature in std::mem::take(&mut self.early) {
            let EarlySignature { covers, ttl, rdata } = signature;
            if !self.add_signature(&covers, ttl, &rdata) {
                self.add_record(&Question { rtype: RecordType::RRSIG, ..covers }, ttl, &rdata, made)?;
            }
        }
        for rrset in &mut self.rrsets {
            remove_duplicates(&mut rrset.rdatas);
            if rrset.signatures.is_empty() {
                rrset.signatures_ttl = rrset.ttl;
            }
        }
        Ok(self.rrsets)
    }
}

/// RFC 2181 §5: an RRset has no two records of the same rdata.
fn remove_duplicates(rdatas: &mut Rdatas) {
    if rdatas.len() <= COMPARED_MAX && !has_duplicates(rdatas) {
        return;
    }
    let mut seen = HashSet::new();
    let distinct: Rdatas = rdatas.iter().filter(|rdata| seen.insert(*rdata)).collect();
    if distinct.len() < rdatas.len() {
        *rdatas = distinct;
    }
}

fn has_duplicates(rdatas: &Rdatas) -> bool {
    let mut rest = rdatas.iter();
    while let Some(rdata) = rest.next() {
        if rest.clone().any(|other| other == rdata) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::encode::encode;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    /// A message put together octet by octet.
    #[derive(Clone)]
    struct Raw(Vec<u8>);

    impl Raw {
        /// A response to `example. A`; the name of the question begins at 12.
        fn new() -> Self {
            let mut bytes = vec![0x12, 0x34, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0];
            bytes.extend(b"\x07eXample\x00\x00\x01\x00\x01");
            Self(bytes)
        }

        /// Adds a record to a section: 0 answer, 1 authority, 2 additional.
        fn record(mut self, section: usize, owner: &[u8], rtype: RecordType, ttl: u32, rdata: &[u8]) -> Self {
            let count = &mut self.0[6 + 2 * section..8 + 2 * section];
            let one_more = u16::from_be_bytes([count[0], count[1]]) + 1;
            count.copy_from_slice(&one_more.to_be_bytes());
            self.0.extend(owner);
            self.0.extend(rtype.0.to_be_bytes());
            self.0.extend([0, 1]);
            self.0.extend(ttl.to_be_bytes());
            self.0.extend(u16::try_from(rdata.len()).unwrap().to_be_bytes());
            self.0.extend(rdata);
            self
        }

        fn answer(self, rtype: RecordType, ttl: u32, rdata: &[u8]) -> Self {
            self.record(0, QUESTION, rtype, ttl, rdata)
        }

        fn parse(&self) -> Result<Message, WireError> {
            Message::parse(&self.0)
        }
    }

    /// A pointer to the question's name.
    const QUESTION: &[u8] = &[0xc0, 12];

    fn rrsig(covered: RecordType, tag: u8) -> Vec<u8> {
        let mut rdata = covered.0.to_be_bytes().to_vec();
        rdata.extend([13, 1, 0, 0, 14, 16, 0, 0, 0, 2, 0, 0, 0, 1, 0, tag, 0]);
        rdata.extend([7; 64]);
        rdata
    }

    #[test]
    fn qdcount_is_checked_before_anything_else() {
        let mut raw = Raw::new();
        raw.0[5] = 2;
        assert_eq!(raw.parse(), Err(WireError::Questions));
        let mut bomb = [0; 12];
        bomb[4..12].fill(0xff);
        assert_eq!(Message::parse(&bomb), Err(WireError::Questions));
        assert_eq!(Message::parse(&[0; 12]).unwrap().question, None);
    }

    #[test]
    fn header_and_letter_case_are_kept() {
        let message = Raw::new().answer(RecordType::A, 60, &[192, 0, 2, 1]).parse().unwrap();
        let header = message.header;
        assert_eq!((header.id, header.flags()), (0x1234, 0x8180));
        assert!(message.question.unwrap().name.eq_with_case(&name("eXample.")));
        assert!(message.answer[0].name.eq_with_case(&name("eXample.")));
        for flags in [0, 0xffff_u16, 0x8400, 0x2a53] {
            let mut bytes = [0; 12];
            bytes[2..4].copy_from_slice(&flags.to_be_bytes());
            // The bit between RA and AD is reserved and not kept.
            assert_eq!(Header::read(&bytes).unwrap().flags(), flags & !0x0040);
        }
    }

    #[test]
    fn of_records_that_came_twice_the_first_is_kept_however_many_there_are() {
        for count in 1..=2 * u8::try_from(COMPARED_MAX).unwrap() {
            let distinct: Vec<[u8; 4]> = (0..count).map(|last| [192, 0, 2, last]).collect();
            let whole = distinct.iter().fold(Raw::new(), |raw, rdata| raw.answer(RecordType::A, 60, rdata));
            for again in [0, count / 2, count - 1] {
                let message = whole.clone().answer(RecordType::A, 60, &[192, 0, 2, again]).parse().unwrap();
                assert_eq!(message.answer[0].rdatas.iter().collect::<Vec<_>>(), distinct);
            }
            assert_eq!(whole.parse().unwrap().answer[0].rdatas.len(), distinct.len());
        }
    }

    #[test]
    fn records_gather_into_rrsets_with_their_signatures_wherever_they_stand() {
        let message = Raw::new()
            .answer(RecordType::RRSIG, 50, &rrsig(RecordType::A, 1))
            .answer(RecordType::RRSIG, 70, &rrsig(RecordType::MX, 2))
            .answer(RecordType::A, 60, &[192, 0, 2, 1])
            .answer(RecordType::TXT, 5, b"\x01x")
            .record(0, b"\x07EXAMPLE\x00", RecordType::A, 30, &[192, 0, 2, 2])
            .answer(RecordType::RRSIG, 40, &rrsig(RecordType::A, 3))
            .parse()
            .unwrap();
        let shapes: Vec<_> = message
            .answer
            .iter()
            .map(|set| (set.rtype, set.ttl, set.rdatas.len(), set.signatures.len(), set.signatures_ttl))
            .collect();
        assert_eq!(
            shapes,
            [(RecordType::A, 30, 2, 2, 40), (RecordType::TXT, 5, 1, 0, 5), (RecordType::RRSIG, 70, 1, 0, 70),]
        );
    }

    #[test]
    fn a_record_that_comes_twice_counts_once() {
        let mut raw = Raw::new();
        for last in [1, 2, 1, 1, 3, 2] {
            raw = raw.answer(RecordType::A, 60, &[192, 0, 2, last]);
        }
        for tag in [1, 1, 2] {
            raw = raw.answer(RecordType::RRSIG, 60, &rrsig(RecordType::A, tag));
        }
        let message = raw.parse().unwrap();
        let last: Vec<u8> = message.answer[0].rdatas.iter().map(|rdata| rdata[3]).collect();
        assert_eq!(last, [1, 2, 3]);
        assert_eq!(message.answer[0].signatures.len(), 2);
    }

    #[test]
    fn a_ttl_with_its_highest_bit_set_is_zero() {
        for (ttl, read) in [(0x7fff_ffff, 0x7fff_ffff), (0x8000_0000, 0), (u32::MAX, 0)] {
            assert_eq!(Raw::new().answer(RecordType::A, ttl, &[0; 4]).parse().unwrap().answer[0].ttl, read);
        }
    }

    #[test]
    fn an_odd_record_is_left_out_and_does_not_spoil_its_message() {
        let mut overrun = b"\x05local".to_vec();
        overrun.extend(QUESTION);
        let odd: [(RecordType, &[u8]); 14] = [
            (RecordType::A, &[1, 2, 3]),
            (RecordType::A, &[]),
            (RecordType::AAAA, &[0; 4]),
            (RecordType::NS, &[]),
            (RecordType::NS, b"\x05lo"),
            (RecordType::CNAME, b"\x00\x00"),
            (RecordType::CNAME, &[0xc0, 0xff]),
            (RecordType::MX, &[0]),
            (RecordType::SOA, &[0, 0, 1, 2, 3]),
            (RecordType::RRSIG, &[0; 10]),
            (RecordType::DNSKEY, &[1, 1, 3]),
            (RecordType::DS, &[1]),
            (RecordType::NSEC, &[0, 0, 0]),
            (RecordType::NSEC3, &[1, 0, 0, 1, 9]),
        ];
        for (rtype, rdata) in odd {
            let message = Raw::new().answer(rtype, 60, rdata).answer(RecordType::A, 60, &[1; 4]).parse();
            let message = message.unwrap_or_else(|error| panic!("{rtype} {rdata:?}: {error}"));
            assert_eq!(message.odd_records, 1, "{rtype} {rdata:?}");
            assert_eq!(message.answer.iter().map(|set| set.rdatas.len()).sum::<usize>(), 1);
        }
        // The name's last octets stand outside of the rdata.
        let raw = Raw::new().answer(RecordType::NS, 60, &overrun);
        let mut bytes = raw.0;
        let len_at = bytes.len() - overrun.len() - 1;
        bytes[len_at] -= 1;
        let message = Message::parse(&bytes).unwrap();
        assert_eq!((message.odd_records, message.answer.len()), (1, 0));
    }

    #[test]
    fn an_address_of_another_class_may_have_another_form() {
        let mut raw = Raw::new().answer(RecordType::A, 60, b"\x02ns\x00\x12\x34");
        let class_at = raw.0.len() - 13;
        raw.0[class_at] = 3;
        let message = raw.parse().unwrap();
        assert_eq!((message.answer[0].class, message.odd_records), (Class::CH, 0));
    }

    #[test]
    fn names_inside_rdata_are_expanded_for_the_types_that_have_them_and_no_others() {
        let unknown = RecordType(65_280);
        let message = Raw::new()
            .answer(RecordType::MX, 60, &[0, 10, 2, b'm', b'x', 0xc0, 12])
            .answer(unknown, 60, &[0, 10, 2, b'm', b'x', 0xc0, 12])
            .answer(RecordType::SRV, 60, &[0, 1, 0, 2, 0, 3, 0xc0, 12])
            .parse()
            .unwrap();
        let rdata = |rtype| message.answer.iter().find(|set| set.rtype == rtype).unwrap().rdatas.first();
        assert_eq!(rdata(RecordType::MX).unwrap(), b"\x00\x0a\x02mx\x07eXample\x00");
        assert_eq!(rdata(unknown).unwrap(), [0, 10, 2, b'm', b'x', 0xc0, 12]);
        assert_eq!(rdata(RecordType::SRV).unwrap(), b"\x00\x01\x00\x02\x00\x03\x07eXample\x00");
    }

    #[test]
    fn rdata_that_runs_past_the_end_is_an_error() {
        let mut raw = Raw::new().answer(RecordType::TXT, 60, b"\x01x");
        raw.0.pop();
        assert_eq!(raw.parse(), Err(WireError::Short));
    }

    #[test]
    fn every_cut_of_a_message_is_an_error() {
        let mut raw = Raw::new()
            .answer(RecordType::A, 60, &[192, 0, 2, 1])
            .answer(RecordType::RRSIG, 60, &rrsig(RecordType::A, 1))
            .record(1, b"\x01a\xc0\x0c", RecordType::NS, 60, b"\x02ns\xc0\x0c")
            .record(1, QUESTION, RecordType::SOA, 60, b"\x01m\xc0\x0c\x01r\xc0\x0c01234567890123456789")
            .record(2, &[0], RecordType::OPT, 0x8000, b"\x00\x0a\x00\x0801234567\x00\x0f\x00\x02\x00\x06");
        raw = raw.record(2, QUESTION, RecordType::TSIG, 0, b"hop");
        assert!(raw.parse().is_ok());
        for end in 0..raw.0.len() {
            assert!(Message::parse(&raw.0[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn octets_behind_the_last_record_are_passed_over() {
        let mut raw = Raw::new().answer(RecordType::A, 60, &[192, 0, 2, 1]);
        let plain = raw.parse();
        raw.0.extend([0; 40]);
        assert_eq!(raw.parse(), plain);
    }

    #[test]
    fn a_pointer_leads_backwards_to_a_name_and_not_into_the_header() {
        let here = u8::try_from(Raw::new().0.len()).unwrap();
        for target in [0, 11, here, here + 1, here + 40] {
            let raw = Raw::new().record(0, &[0xc0, target], RecordType::A, 60, &[0; 4]);
            assert_eq!(raw.parse(), Err(WireError::Pointer), "{target}");
        }
        // Forwards within the name that is being read, by way of a label.
        let raw = Raw::new().record(0, &[1, b'a', 0xc0, here], RecordType::A, 60, &[0; 4]);
        assert_eq!(raw.parse(), Err(WireError::Pointer));
        let raw = Raw::new().record(0, &[0x40, 0], RecordType::A, 60, &[0; 4]);
        assert_eq!(raw.parse(), Err(WireError::LabelType));
    }

    /// Names one below the other in the rdata of an opaque record, and the offset of the last one.
    fn ladder(rungs: usize) -> (Raw, u16) {
        let start = u16::try_from(Raw::new().0.len()).unwrap() + 12;
        let mut rdata = vec![1, b'x', 0];
        let mut last = start;
        for _ in 1..rungs {
            let next = start + u16::try_from(rdata.len()).unwrap();
            rdata.extend([1, b'x']);
            rdata.extend((0xc000 | last).to_be_bytes());
            last = next;
        }
        (Raw::new().answer(RecordType::NULL, 60, &rdata), last)
    }

    #[test]
    fn a_name_has_a_limited_number_of_pointers() {
        let pointers_max = usize::try_from(limits::POINTERS_PER_NAME_MAX).unwrap();
        for (rungs, expected) in [(pointers_max, true), (pointers_max + 1, false)] {
            let (raw, last) = ladder(rungs);
            let parsed = raw.record(0, &(0xc000 | last).to_be_bytes(), RecordType::A, 60, &[0; 4]).parse();
            assert_eq!(parsed.is_ok(), expected, "{rungs}: {parsed:?}");
        }
    }

    #[test]
    fn a_pointer_ladder_of_sixty_kilobytes_costs_no_more_than_the_budget() {
        // Each owner costs as many steps as a name can have.
        let mut long = Vec::new();
        for _ in 0..127 {
            long.extend([1, b'x']);
        }
        long.push(0);
        let (mut deep, last) = ladder(usize::try_from(limits::POINTERS_PER_NAME_MAX).unwrap());
        let mut wide = Raw::new().answer(RecordType::NULL, 60, &long);
        let target = u16::try_from(Raw::new().0.len()).unwrap() + 12;
        for number in 0..60_000_u16 / 14 {
            wide = wide.record(
                0,
                &(0xc000 | target).to_be_bytes(),
                RecordType(1_000 + number % 400),
                0,
                &[0; 2],
            );
            deep =
                deep.record(0, &(0xc000 | last).to_be_bytes(), RecordType(1_000 + number % 400), 0, &[0; 2]);
        }
        for raw in [wide, deep] {
            assert!(raw.0.len() > 59_000 && raw.0.len() < 65_536, "{}", raw.0.len());
            let mut walker = Walker::new(&raw.0);
            assert_eq!(walker.walk(), Err(WireError::DecompressionBudget));
            assert_eq!(walker.steps, limits::DECOMPRESSION_STEPS_MAX + 1);
        }
    }

    #[test]
    fn an_honest_message_of_sixty_four_kilobytes_stays_within_the_budget() {
        let mut raw = Raw::new();
        for number in 0..500_u16 {
            for last in 0..7 {
                let mut owner = vec![3];
                owner.extend(format!("{number:03}").into_bytes());
                owner.extend(QUESTION);
                raw = raw.record(1, &owner, RecordType::A, 60, &[192, 0, 2, last]);
            }
        }
        assert!(raw.0.len() > 60_000);
        let message = raw.parse().unwrap();
        assert_eq!(message.authority.len(), 500);
        assert!(message.authority.iter().all(|set| set.rdatas.len() == 7));
    }

    #[test]
    fn many_rrsets_whose_records_are_mixed_are_told_apart() {
        let mut raw = Raw::new();
        for last in 0..3 {
            for rtype in 0..100 {
                raw = raw.answer(RecordType(1_000 + rtype), 60, &[last]);
            }
        }
        let message = raw.parse().unwrap();
        let types: Vec<u16> = message.answer.iter().map(|set| set.rtype.0 - 1_000).collect();
        assert_eq!(types, (0..100).collect::<Vec<_>>());
        assert!(message.answer.iter().all(|set| set.rdatas.len() == 3));
    }

    #[test]
    fn rrsets_records_and_signatures_are_bounded() {
        let many = |count: usize, rtype: &dyn Fn(u16) -> RecordType| {
            let numbers = 0..u16::try_from(count).unwrap();
            let raw = numbers.fold(Raw::new(), |raw, n| raw.answer(rtype(n), 0, &n.to_be_bytes()));
            raw.parse()
        };
        let (rrsets, records) = (limits::RRSETS_PER_MESSAGE_MAX, limits::RECORDS_PER_RRSET_MAX);
        assert_eq!(many(rrsets, &|n| RecordType(1_000 + n)).unwrap().answer.len(), rrsets);
        assert_eq!(many(rrsets + 1, &|n| RecordType(1_000 + n)), Err(WireError::Rrsets));
        assert_eq!(many(records, &|_| RecordType(1_000)).unwrap().answer[0].rdatas.len(), records);
        assert_eq!(many(records + 1, &|_| RecordType(1_000)), Err(WireError::Records));
        let signed = (0..20).fold(Raw::new().answer(RecordType::A, 60, &[0; 4]), |raw, tag| {
            raw.answer(RecordType::RRSIG, 60, &rrsig(RecordType::A, tag))
        });
        let message = signed.parse().unwrap();
        assert_eq!(message.answer[0].signatures.len(), limits::SIGNATURES_PER_RRSET_MAX);
    }

    #[test]
    fn opt_stands_once_in_the_additional_section_at_the_root() {
        let opt =
            |raw: Raw, section, owner: &[u8]| raw.record(section, owner, RecordType::OPT, 0x0100_8000, &[]);
        let message = opt(Raw::new(), 2, &[0]).parse().unwrap();
        let edns = message.edns.unwrap();
        assert!(edns.dnssec_ok && edns.udp_size == 1 && edns.version == 0);
        assert_eq!(message.header.rcode, Rcode(16));
        assert!(message.additional.is_empty());
        assert_eq!(opt(opt(Raw::new(), 2, &[0]), 2, &[0]).parse(), Err(WireError::OptRepeated));
        assert_eq!(opt(Raw::new(), 0, &[0]).parse(), Err(WireError::OptMisplaced));
        assert_eq!(opt(Raw::new(), 1, &[0]).parse(), Err(WireError::OptMisplaced));
        assert_eq!(opt(Raw::new(), 2, QUESTION).parse(), Err(WireError::OptMisplaced));
    }

    #[test]
    fn a_transaction_signature_is_not_part_of_the_data() {
        let message = Raw::new().record(2, QUESTION, RecordType::TSIG, 0, b"whatever").parse().unwrap();
        assert!(message.additional.is_empty() && message.odd_records == 0);
    }

    #[test]
    fn what_was_read_is_written_and_read_the_same() {
        let message = Raw::new()
            .answer(RecordType::RRSIG, 70, &rrsig(RecordType::MX, 2))
            .answer(RecordType::NAPTR, 5, b"\0\x01\0\x02\x01s\x00\x02!!\xc0\x0c")
            .record(1, b"\x01a\xc0\x0c", RecordType::NS, 60, b"\x02ns\xc0\x0c")
            .record(2, b"\x02ns\xc0\x0c", RecordType::AAAA, 60, &[9; 16])
            .record(2, &[0], RecordType::OPT, 0x8000, b"\x00\x03\x00\x02me")
            .parse()
            .unwrap();
        assert_eq!(message.odd_records, 0);
        assert_eq!(Message::parse(&encode(&message, 65_535).bytes), Ok(message));
    }
}
