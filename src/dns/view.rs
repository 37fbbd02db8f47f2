//! Reads a client's query in place, without an allocation.
//!
//! In: the octets a client sent. Out: a [`QueryView`], or the fault and with [`error_reply`] the reply it is
//! owed. RFC 1035 §4.1, RFC 6891 §6.1.1 and §6.1.3, RFC 7873 §5.2.2, RFC 9619. Who may ask, and what, is decided
//! elsewhere. Octets behind the last record are passed over.

use super::edns::{self, Cookie, EdnsOption, ExtendedError, RawOptions};
use super::encode::put_u16;
use super::message::{HEADER_LEN, flag, opcode_of};
use super::name::{LABEL_LEN_MAX, NAME_LEN_MAX};
use super::{Class, Name, Opcode, Question, Rcode, RecordType};
use crate::limits;

/// Records a query may have in its additional section: OPT and a transaction signature.
const ADDITIONAL_MAX: u16 = 2;

/// A query as it lies in the receive buffer.
#[derive(Debug, Clone, Copy)]
pub struct QueryView<'a> {
    /// The whole message.
    pub bytes: &'a [u8],
    /// The id.
    pub id: u16,
    /// The flags word of the header, as it came.
    pub flags: u16,
    /// The name in wire form, never compressed in a query; case kept.
    pub name: &'a [u8],
    /// The type that is asked for.
    pub rtype: RecordType,
    /// The class that is asked for.
    pub class: Class,
    /// What EDNS says, if there is an OPT record.
    pub edns: Option<EdnsView<'a>>,
}

/// EDNS in a query.
#[derive(Debug, Clone, Copy)]
pub struct EdnsView<'a> {
    /// The UDP payload size as it came.
    pub udp_size: u16,
    /// The version.
    pub version: u8,
    /// DO.
    pub dnssec_ok: bool,
    /// CO (RFC 9824 §5.1).
    pub compact_ok: bool,
    /// The options' octets, checked to be whole options.
    pub options: &'a [u8],
}

/// What is wrong with a client's message, and what it is owed (RFC 1035, 6891, 9619).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryFault {
    /// Shorter than a header, or QR=1: no answer at all (a reply could start a loop).
    Drop,
    /// FORMERR; the question may be echoed only if it could be read.
    Malformed,
    /// NOTIMP: an opcode other than QUERY.
    NotImplemented(Opcode),
    /// BADVERS: an EDNS version above 0.
    BadVersion,
}

impl QueryFault {
    /// The response code that is owed; none if there is to be no reply.
    pub fn rcode(self) -> Option<Rcode> {
        match self {
            Self::Drop => None,
            Self::Malformed => Some(Rcode::FORMERR),
            Self::NotImplemented(_) => Some(Rcode::NOTIMP),
            Self::BadVersion => Some(Rcode::BADVERS),
        }
    }
}

impl<'a> QueryView<'a> {
    /// Reads a client's message.
    ///
    /// A message without a question is malformed, also when it has a cookie: asking for a cookie alone
    /// (RFC 7873 §5.4) is an offer of servers that hand out cookies to those who only want one.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, QueryFault> {
        let header: &[u8; HEADER_LEN] = bytes.first_chunk().ok_or(QueryFault::Drop)?;
        let flags = u16_at(header, 2).ok_or(QueryFault::Drop)?;
        if flags & flag::QR != 0 {
            return Err(QueryFault::Drop);
        }
        let opcode = opcode_of(flags);
        if opcode != Opcode::QUERY {
            return Err(QueryFault::NotImplemented(opcode));
        }
        Self::read(bytes, flags).ok_or(QueryFault::Malformed).and_then(|view| match view.edns {
            Some(edns) if edns.version > 0 => Err(QueryFault::BadVersion),
            _ => Ok(view),
        })
    }

    /// The view, whatever the EDNS version; none if the message is malformed.
    fn read(bytes: &'a [u8], flags: u16) -> Option<Self> {
        // RFC 9619: exactly one question. A query has no answer and no authority.
        let counts = (u16_at(bytes, 4)?, u16_at(bytes, 6)?, u16_at(bytes, 8)?);
        let additional = u16_at(bytes, 10)?;
        if counts != (1, 0, 0) || additional > ADDITIONAL_MAX {
            return None;
        }
        let (name, at) = question_name(bytes)?;
        let (rtype, class) = (RecordType(u16_at(bytes, at)?), Class(u16_at(bytes, at + 2)?));
        let edns = read_edns(bytes, at + 4, additional)?;
        Some(Self { bytes, id: u16_at(bytes, 0)?, flags, name, rtype, class, edns })
    }

    /// RD.
    pub fn recursion_desired(&self) -> bool {
        self.flags & flag::RD != 0
    }

    /// CD.
    pub fn checking_disabled(&self) -> bool {
        self.flags & flag::CD != 0
    }

    /// AD: the client understands the bit in the reply (RFC 6840 §5.7).
    pub fn authentic_data(&self) -> bool {
        self.flags & flag::AD != 0
    }

    /// DO.
    pub fn dnssec_ok(&self) -> bool {
        self.edns.is_some_and(|edns| edns.dnssec_ok)
    }

    /// The longest reply that may go back in a datagram: 512 octets without EDNS, else what the client can
    /// receive, at least 512 (RFC 6891 §6.2.3) and at most [`limits::UDP_SIZE`].
    pub fn udp_limit(&self) -> usize {
        usize::from(self.edns.map_or(512, |edns| edns.udp_size.clamp(512, limits::UDP_SIZE)))
    }

    /// The question in a form of its own.
    pub fn question(&self) -> Question {
        // The name was checked; the root stands for what cannot be.
        let name = Name::from_wire(self.name).map_or_else(|_| Name::root(), |(name, _)| name);
        Question { name, rtype: self.rtype, class: self.class }
    }

    /// The name in lower case, written into `buffer`.
    pub fn lowercase_name<'b>(&self, buffer: &'b mut [u8; NAME_LEN_MAX]) -> &'b [u8] {
        let Some(place) = buffer.get_mut(..self.name.len()) else { return &[] };
        place.copy_from_slice(self.name);
        place.make_ascii_lowercase();
        place
    }
}

impl<'a> EdnsView<'a> {
    /// The options that are kept, code and octets: as many as [`edns::Edns::decode`] keeps.
    pub fn options(&self) -> impl Iterator<Item = (u16, &'a [u8])> {
        RawOptions::new(self.options).take(limits::EDNS_OPTIONS_MAX)
    }

    /// The octets of the first option of that code.
    fn option(&self, code: u16) -> Option<&'a [u8]> {
        self.options().find(|(found, _)| *found == code).map(|(_, bytes)| bytes)
    }

    /// The cookie (RFC 7873 §4).
    pub fn cookie(&self) -> Option<Cookie> {
        self.option(edns::code::COOKIE).and_then(Cookie::decode)
    }

    /// Whether the server's identifier is asked for (RFC 5001 §2.1).
    pub fn wants_nsid(&self) -> bool {
        self.option(edns::code::NSID).is_some()
    }

    /// Whether the client speaks edns-tcp-keepalive (RFC 7828 §3.2).
    pub fn wants_keepalive(&self) -> bool {
        self.option(edns::code::KEEPALIVE).is_some()
    }

    /// Whether the client pads, and so is to get a padded reply on an encrypted transport (RFC 7830 §4).
    pub fn is_padded(&self) -> bool {
        self.option(edns::code::PADDING).is_some()
    }
}

/// The reply to a message that gets no better one: the header with `rcode`; the question, if it can be read;
/// OPT, if the message had one, with the extended error, if one is given.
///
/// None if there is to be no reply: fewer octets than a header, or QR=1. RA is set for queries alone.
pub fn error_reply(query: &[u8], rcode: Rcode, error: Option<&ExtendedError>) -> Option<Vec<u8>> {
    let header: &[u8; HEADER_LEN] = query.first_chunk()?;
    let flags = u16_at(header, 2)?;
    if flags & flag::QR != 0 {
        return None;
    }
    let opcode = flags & (0x0f << flag::OPCODE_SHIFT);
    let available = if opcode_of(flags) == Opcode::QUERY { flag::RA } else { 0 };
    let kept = opcode | (flags & (flag::RD | flag::CD));
    let mut reply = Vec::with_capacity(query.len().min(usize::from(limits::UDP_SIZE)));
    reply.extend_from_slice(query.get(..2)?);
    reply.extend_from_slice(&(flag::QR | kept | available | (rcode.0 & flag::RCODE)).to_be_bytes());
    reply.extend_from_slice(&[0; 8]);
    let mut edns = None;
    if u16_at(header, 4) == Some(1)
        && let Some(question) = question_end(query).and_then(|end| query.get(HEADER_LEN..end))
    {
        reply.extend_from_slice(question);
        put_u16(&mut reply, 4, 1);
        edns = find_opt(query, HEADER_LEN + question.len());
    }
    if edns.is_some() || rcode.0 > flag::RCODE {
        let [_, upper] = (rcode.0 >> 4).to_be_bytes();
        let opt = reply.len();
        // RFC 3225 §3: DO is copied into the reply; CO likewise.
        let flags = edns.map_or((false, false), |edns| (edns.dnssec_ok, edns.compact_ok));
        edns::push_opt_head(&mut reply, limits::UDP_SIZE, upper, 0, flags);
        if let Some(error) = error {
            EdnsOption::ExtendedError(error.clone()).encode(true, &mut reply);
        }
        let len = reply.len() - opt - edns::OPT_LEN;
        put_u16(&mut reply, opt + edns::OPT_LEN - 2, u16::try_from(len).ok()?);
        put_u16(&mut reply, 10, 1);
    }
    Some(reply)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map(|two| u16::from_be_bytes(*two))
}

/// The name behind the header, and where it ends. A compressed one is no name: there is nothing to point to.
fn question_name(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let mut at = HEADER_LEN;
    loop {
        let len = usize::from(*bytes.get(at)?);
        if len > LABEL_LEN_MAX {
            return None;
        }
        at += 1 + len;
        if at - HEADER_LEN > NAME_LEN_MAX {
            return None;
        }
        if len == 0 {
            return bytes.get(HEADER_LEN..at).map(|name| (name, at));
        }
    }
}

/// Where the question ends, if it is whole.
fn question_end(bytes: &[u8]) -> Option<usize> {
    let (_, at) = question_name(bytes)?;
    (at + 4 <= bytes.len()).then_some(at + 4)
}

/// One record of the additional section.
struct Record<'a> {
    is_root: bool,
    rtype: RecordType,
    class: u16,
    ttl: [u8; 4],
    rdata: &'a [u8],
    end: usize,
}

fn record(bytes: &[u8], start: usize) -> Option<Record<'_>> {
    let at = skip_name(bytes, start)?;
    let ttl = bytes.get(at + 4..)?.first_chunk()?;
    let end = at + 10 + usize::from(u16_at(bytes, at + 8)?);
    Some(Record {
        is_root: at == start + 1,
        rtype: RecordType(u16_at(bytes, at)?),
        class: u16_at(bytes, at + 2)?,
        ttl: *ttl,
        rdata: bytes.get(at + 10..end)?,
        end,
    })
}

/// Where the name at `start` ends; what a pointer leads to is not looked at.
fn skip_name(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    loop {
        match usize::from(*bytes.get(at)?) {
            0 => return Some(at + 1),
            0xc0.. => return bytes.get(at + 1).map(|_| at + 2),
            len @ 1..=LABEL_LEN_MAX => at += 1 + len,
            _ => return None,
        }
        if at - start > NAME_LEN_MAX {
            return None;
        }
    }
}

/// The OPT record among the records of the additional section. The outer `None`: malformed.
#[expect(clippy::option_option, reason = "malformed and absent are two things, and the caller asks with `?`")]
fn read_edns(bytes: &[u8], mut at: usize, count: u16) -> Option<Option<EdnsView<'_>>> {
    let mut found = None;
    for _ in 0..count {
        let record = record(bytes, at)?;
        at = record.end;
        if record.rtype != RecordType::OPT {
            continue;
        }
        // RFC 6891 §6.1.1: more than one OPT is a format error; §6.1.2: its owner is the root.
        // RFC 7873 §5.2.2: so is a cookie of a length that no cookie has.
        if found.is_some() || !record.is_root || edns::check_options(record.rdata).is_err() {
            return None;
        }
        found = Some(edns_view(&record));
    }
    Some(found)
}

/// The first OPT record that can be found in a message that may be malformed.
fn find_opt(bytes: &[u8], mut at: usize) -> Option<EdnsView<'_>> {
    let records = [6, 8, 10].iter().filter_map(|place| u16_at(bytes, *place)).map(usize::from).sum();
    for _ in 0..usize::min(records, limits::RECORDS_PER_RRSET_MAX) {
        let record = record(bytes, at)?;
        if record.rtype == RecordType::OPT {
            return Some(edns_view(&record));
        }
        at = record.end;
    }
    None
}

fn edns_view<'a>(record: &Record<'a>) -> EdnsView<'a> {
    let [_, version, flags @ ..] = record.ttl;
    let (dnssec_ok, compact_ok) = edns::read_flags(flags);
    EdnsView { udp_size: record.class, version, dnssec_ok, compact_ok, options: record.rdata }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::edns::{EdeCode, Edns};
    use crate::dns::encode::encode_query;
    use crate::dns::message::Message;

    fn question() -> Question {
        Question::new("www.eXample.".parse().unwrap(), RecordType::AAAA)
    }

    fn query(edns: Option<&Edns>) -> Vec<u8> {
        encode_query(0x1234, &question(), true, false, edns)
    }

    /// OPT with these octets after its owner, type, size and response code.
    fn with_opt(mut query: Vec<u8>, version: u8, options: &[u8]) -> Vec<u8> {
        query[11] += 1;
        query.extend([0, 0, 41, 4, 208, 0, version, 0x80, 0]);
        query.extend(u16::try_from(options.len()).unwrap().to_be_bytes());
        query.extend(options);
        query
    }

    fn fault(bytes: &[u8]) -> Option<QueryFault> {
        QueryView::parse(bytes).err()
    }

    #[test]
    fn a_query_is_read_in_place() {
        let bytes = with_opt(query(None), 0, b"\x00\x0a\x00\x0801234567\x00\x03\x00\x00\x00\x0c\x00\x01x");
        let view = QueryView::parse(&bytes).unwrap();
        assert_eq!((view.id, view.rtype, view.class), (0x1234, RecordType::AAAA, Class::IN));
        assert!(view.recursion_desired() && view.dnssec_ok());
        assert!(!view.checking_disabled() && !view.authentic_data());
        assert!(view.question().name.eq_with_case(&question().name));
        assert_eq!(view.lowercase_name(&mut [0; NAME_LEN_MAX]), b"\x03www\x07example\x00");
        let edns = view.edns.unwrap();
        assert_eq!(edns.cookie().unwrap().client, *b"01234567");
        assert!(edns.wants_nsid() && edns.is_padded() && !edns.wants_keepalive());
        assert_eq!(edns.options().count(), 3);
    }

    #[test]
    fn a_datagram_is_as_long_as_the_client_can_receive_within_reason() {
        let limit = |size| QueryView::parse(&query(Some(&Edns::new(size, false)))).unwrap().udp_limit();
        assert_eq!(QueryView::parse(&query(None)).unwrap().udp_limit(), 512);
        assert_eq!([limit(0), limit(511), limit(1_000), limit(65_535)], [512, 512, 1_000, 1_232]);
    }

    #[test]
    fn a_response_or_less_than_a_header_gets_no_answer_at_all() {
        let mut response = query(None);
        response[2] |= 0x80;
        for bytes in [&response[..], &[], &response[..11]] {
            assert_eq!(fault(bytes), Some(QueryFault::Drop));
            assert_eq!(error_reply(bytes, Rcode::FORMERR, None), None);
        }
    }

    #[test]
    fn other_opcodes_are_not_implemented_whatever_follows() {
        for opcode in 1..16 {
            let mut bytes = query(None);
            bytes.truncate(12);
            bytes[2] = opcode << 3;
            let expected = QueryFault::NotImplemented(Opcode(opcode));
            assert_eq!(fault(&bytes), Some(expected));
            let reply = error_reply(&bytes, expected.rcode().unwrap(), None).unwrap();
            assert_eq!(reply, [0x12, 0x34, 0x80 | opcode << 3, 4, 0, 0, 0, 0, 0, 0, 0, 0]);
        }
    }

    #[test]
    fn exactly_one_question_and_no_other_section_than_additional() {
        for (place, count) in [(5, 0), (5, 2), (4, 1), (7, 1), (9, 1), (11, 1), (11, 3)] {
            let mut bytes = query(None);
            bytes[place] = count;
            assert_eq!(fault(&bytes), Some(QueryFault::Malformed), "{place}");
        }
    }

    #[test]
    fn a_compressed_or_overlong_name_is_malformed() {
        let named = |name: &[u8]| {
            let mut bytes = query(None)[..12].to_vec();
            bytes.extend(name);
            bytes.extend([0, 1, 0, 1]);
            fault(&bytes)
        };
        let labels = |count: usize| [&[1, b'x'].repeat(count)[..], &[0]].concat();
        assert_eq!(named(&labels(127)), None);
        assert_eq!(named(&labels(128)), Some(QueryFault::Malformed));
        assert_eq!(named(&[0xc0, 12]), Some(QueryFault::Malformed));
        assert_eq!(named(&[0x80, 1, 0]), Some(QueryFault::Malformed));
    }

    #[test]
    fn every_cut_of_a_query_is_malformed() {
        let bytes = with_opt(query(None), 0, b"\x00\x0a\x00\x0801234567");
        assert_eq!(fault(&bytes), None);
        for end in 12..bytes.len() {
            assert_eq!(fault(&bytes[..end]), Some(QueryFault::Malformed), "{end}");
            assert!(error_reply(&bytes[..end], Rcode::FORMERR, None).is_some());
        }
    }

    #[test]
    fn more_than_one_opt_is_malformed() {
        let bytes = with_opt(with_opt(query(None), 0, &[]), 0, &[]);
        assert_eq!(fault(&bytes), Some(QueryFault::Malformed));
        let reply = Message::parse(&error_reply(&bytes, Rcode::FORMERR, None).unwrap()).unwrap();
        assert!(reply.edns.is_some());
    }

    #[test]
    fn an_opt_whose_owner_is_not_the_root_is_malformed() {
        let mut bytes = query(None);
        bytes[11] = 1;
        bytes.extend(b"\x01x\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00");
        assert_eq!(fault(&bytes), Some(QueryFault::Malformed));
    }

    #[test]
    fn options_cut_short_and_cookies_of_a_wrong_length_are_malformed() {
        for options in [&b"\x00\x0a"[..], b"\x00\x0a\x00\x01x", b"\x00\x03\x00\x01", &[0, 10, 0, 0]] {
            let bytes = with_opt(query(None), 0, options);
            assert_eq!(fault(&bytes), Some(QueryFault::Malformed), "{options:?}");
        }
        let many = with_opt(query(None), 0, &[0, 9, 0, 0].repeat(limits::EDNS_OPTIONS_REFUSED + 1));
        assert_eq!(fault(&many), Some(QueryFault::Malformed));
    }

    #[test]
    fn options_are_passed_over_where_the_walker_passes_over_them() {
        for before in [limits::EDNS_OPTIONS_MAX - 1, limits::EDNS_OPTIONS_MAX] {
            let mut options = [0, 9, 0, 0].repeat(before);
            options.extend(b"\x00\x0a\x00\x08cookie!!");
            let bytes = with_opt(query(None), 0, &options);
            let seen = QueryView::parse(&bytes).unwrap().edns.unwrap().cookie();
            assert_eq!(seen.is_some(), before < limits::EDNS_OPTIONS_MAX);
            assert_eq!(seen.as_ref(), Message::parse(&bytes).unwrap().edns.unwrap().cookie());
        }
    }

    #[test]
    fn a_signature_beside_opt_is_passed_over() {
        let mut bytes = with_opt(query(None), 0, &[]);
        bytes[11] = 2;
        bytes.extend(b"\xc0\x0c\x00\xfa\x00\xff\x00\x00\x00\x00\x00\x02\x01\x02");
        assert_eq!(fault(&bytes), None);
    }

    #[test]
    fn another_edns_version_gets_badvers_with_an_opt_record() {
        let bytes = with_opt(query(None), 1, &[]);
        assert_eq!(fault(&bytes), Some(QueryFault::BadVersion));
        let rcode = QueryFault::BadVersion.rcode().unwrap();
        let reply = Message::parse(&error_reply(&bytes, rcode, None).unwrap()).unwrap();
        assert_eq!(reply.header.rcode, Rcode::BADVERS);
        let edns = reply.edns.unwrap();
        assert!(edns.version == 0 && edns.dnssec_ok && edns.udp_size == limits::UDP_SIZE);
    }

    #[test]
    fn an_error_reply_echoes_what_can_be_read() {
        let mut bytes = with_opt(query(None), 0, &[]);
        bytes[3] |= 0x10;
        let error = ExtendedError { code: EdeCode::NOT_READY, text: "wait".to_owned() };
        let reply = Message::parse(&error_reply(&bytes, Rcode::SERVFAIL, Some(&error)).unwrap()).unwrap();
        assert_eq!(reply.header.flags(), 0x8192);
        assert_eq!(reply.header.id, 0x1234);
        assert!(reply.question.unwrap().name.eq_with_case(&question().name));
        assert_eq!(reply.edns.unwrap().extended_errors().collect::<Vec<_>>(), [&error]);
        // Without OPT in the query there is none in the reply.
        let reply =
            Message::parse(&error_reply(&query(None), Rcode::SERVFAIL, Some(&error)).unwrap()).unwrap();
        assert_eq!(reply.edns, None);
    }
}
