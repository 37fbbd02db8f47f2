//! EDNS (RFC 6891): the OPT record and the options that Rootwalk reads or writes.
//!
//! In: the class, TTL and rdata of an OPT record. Out: [`Edns`], and back. A COOKIE of a length that no cookie
//! has makes its message malformed (RFC 7873 §5.2.2 and §5.3); any other option in a wrong form is kept as
//! [`EdnsOption::Other`]. Nothing is decided here: no cookie is checked, no version is refused.
//!
//! At most [`crate::limits::EDNS_OPTIONS_MAX`] options are kept of a message; more than
//! [`crate::limits::EDNS_OPTIONS_REFUSED`] make it malformed.

use smallvec::SmallVec;

use super::RecordType;
use super::message::WireError;
use crate::limits;

/// Queries over an encrypted transport are padded to a multiple of this many octets (RFC 8467 §4.1).
pub const QUERY_BLOCK: usize = 128;
/// Responses over an encrypted transport are padded to a multiple of this many octets (RFC 8467 §4.1).
pub const RESPONSE_BLOCK: usize = 468;

/// The octets of an OPT record without options: owner, type, class, TTL, RDLENGTH.
pub(crate) const OPT_LEN: usize = 11;
/// The octets before an option's own.
const OPTION_HEAD_LEN: usize = 4;

/// The option codes that have a type here (IANA "DNS EDNS0 Option Codes").
pub(crate) mod code {
    pub(crate) const NSID: u16 = 3;
    pub(crate) const COOKIE: u16 = 10;
    pub(crate) const KEEPALIVE: u16 = 11;
    pub(crate) const PADDING: u16 = 12;
    pub(crate) const EXTENDED_ERROR: u16 = 15;
}

/// What an OPT record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edns {
    /// The UDP payload size the sender can receive, in octets; below 512 counts as 512 (RFC 6891 §6.2.3).
    pub udp_size: u16,
    /// The upper eight bits of the response code.
    pub extended_rcode: u8,
    /// The EDNS version; 0 is the only one.
    pub version: u8,
    /// DO: DNSSEC records are wanted (RFC 3225).
    pub dnssec_ok: bool,
    /// CO: a compact denial may be called NXDOMAIN, though a client that asks with DO sees that it has the form of
    /// NODATA (RFC 9824 §5.1).
    pub compact_ok: bool,
    /// The options, in the order they came.
    pub options: Vec<EdnsOption>,
}

/// An EDNS option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EdnsOption {
    /// NSID (RFC 5001).
    Nsid(Vec<u8>),
    /// COOKIE (RFC 7873 §4).
    Cookie(Cookie),
    /// edns-tcp-keepalive (RFC 7828), in units of 100 ms; none in a query.
    Keepalive(Option<u16>),
    /// Padding (RFC 7830): so many octets of padding, the option's header not counted.
    Padding(u16),
    /// Extended DNS Error (RFC 8914).
    ExtendedError(ExtendedError),
    /// Any other option, or one of the above in a form that its RFC does not allow.
    Other(u16, Vec<u8>),
}

/// A DNS cookie (RFC 7873 §4): the client's part, and the server's of 8 to 32 octets if there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cookie {
    /// The client's part.
    pub client: [u8; 8],
    /// The server's part, empty or of 8 to 32 octets.
    pub server: SmallVec<[u8; 32]>,
}

/// An Extended DNS Error (RFC 8914).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtendedError {
    /// INFO-CODE.
    pub code: EdeCode,
    /// EXTRA-TEXT: one sentence for a person, in UTF-8, without a final NUL.
    pub text: String,
}

/// An INFO-CODE of RFC 8914 and of IANA's registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EdeCode(pub u16);

#[expect(missing_docs, reason = "the IANA registry describes them")]
impl EdeCode {
    pub const OTHER: Self = Self(0);
    pub const UNSUPPORTED_DNSKEY_ALGORITHM: Self = Self(1);
    pub const UNSUPPORTED_DS_DIGEST: Self = Self(2);
    pub const STALE_ANSWER: Self = Self(3);
    pub const FORGED_ANSWER: Self = Self(4);
    pub const DNSSEC_INDETERMINATE: Self = Self(5);
    pub const DNSSEC_BOGUS: Self = Self(6);
    pub const SIGNATURE_EXPIRED: Self = Self(7);
    pub const SIGNATURE_NOT_YET_VALID: Self = Self(8);
    pub const DNSKEY_MISSING: Self = Self(9);
    pub const RRSIGS_MISSING: Self = Self(10);
    pub const NO_ZONE_KEY_BIT: Self = Self(11);
    pub const NSEC_MISSING: Self = Self(12);
    pub const CACHED_ERROR: Self = Self(13);
    pub const NOT_READY: Self = Self(14);
    pub const BLOCKED: Self = Self(15);
    pub const CENSORED: Self = Self(16);
    pub const FILTERED: Self = Self(17);
    pub const PROHIBITED: Self = Self(18);
    pub const STALE_NXDOMAIN: Self = Self(19);
    pub const NOT_AUTHORITATIVE: Self = Self(20);
    pub const NOT_SUPPORTED: Self = Self(21);
    pub const NO_REACHABLE_AUTHORITY: Self = Self(22);
    pub const NETWORK_ERROR: Self = Self(23);
    pub const INVALID_DATA: Self = Self(24);
    pub const SIGNATURE_EXPIRED_BEFORE_VALID: Self = Self(25);
    pub const TOO_EARLY: Self = Self(26);
    pub const UNSUPPORTED_NSEC3_ITERATIONS: Self = Self(27);
    pub const SYNTHESIZED: Self = Self(29);
    pub const INVALID_QUERY_TYPE: Self = Self(30);
    pub const NEGATIVE_TRUST_ANCHOR: Self = Self(33);
}

/// DO, in the lower half of the OPT record's TTL (RFC 3225 §3).
const DNSSEC_OK: u16 = 0x8000;
/// CO, beside it (RFC 9824 §5.1).
const COMPACT_OK: u16 = 0x4000;

impl Edns {
    /// EDNS version 0 with the given UDP size and no options.
    pub fn new(udp_size: u16, dnssec_ok: bool) -> Self {
        Self { udp_size, extended_rcode: 0, version: 0, dnssec_ok, compact_ok: false, options: Vec::new() }
    }

    /// The same with one more option.
    #[must_use]
    pub fn with(mut self, option: EdnsOption) -> Self {
        self.options.push(option);
        self
    }

    /// The cookie, if there is one.
    pub fn cookie(&self) -> Option<&Cookie> {
        self.options.iter().find_map(|option| match option {
            EdnsOption::Cookie(cookie) => Some(cookie),
            _ => None,
        })
    }

    /// The extended errors, in the order they came.
    pub fn extended_errors(&self) -> impl Iterator<Item = &ExtendedError> {
        self.options.iter().filter_map(|option| match option {
            EdnsOption::ExtendedError(error) => Some(error),
            _ => None,
        })
    }

    /// Reads an OPT record from its class, TTL and rdata (RFC 6891 §6.1.3).
    ///
    /// # Errors
    /// [`WireError::OptionLength`], [`WireError::Options`] and [`WireError::Cookie`].
    pub fn decode(class: u16, ttl: u32, rdata: &[u8]) -> Result<Self, WireError> {
        let [extended_rcode, version, high, low] = ttl.to_be_bytes();
        let (dnssec_ok, compact_ok) = read_flags([high, low]);
        let mut edns =
            Self { udp_size: class, extended_rcode, version, dnssec_ok, compact_ok, options: Vec::new() };
        check_options(rdata)?;
        for (code, bytes) in RawOptions::new(rdata).take(limits::EDNS_OPTIONS_MAX) {
            edns.options.push(EdnsOption::decode(code, bytes)?);
        }
        Ok(edns)
    }

    /// Appends the OPT record, with the upper bits of the response code from `rcode`.
    /// Without `with_text` the extended errors lose their text. Options that no longer fit into 65,535 octets
    /// are left out.
    pub(crate) fn encode(&self, rcode: super::Rcode, with_text: bool, out: &mut Vec<u8>) {
        let [_, extended_rcode] = (rcode.0 >> 4).to_be_bytes();
        push_opt_head(out, self.udp_size, extended_rcode, self.version, (self.dnssec_ok, self.compact_ok));
        let start = out.len();
        for option in &self.options {
            let before = out.len();
            option.encode(with_text, out);
            if out.len() - start > usize::from(u16::MAX) {
                out.truncate(before);
            }
        }
        let len = u16::try_from(out.len() - start).unwrap_or(u16::MAX);
        if let Some(place) = out.get_mut(start - 2..start) {
            place.copy_from_slice(&len.to_be_bytes());
        }
    }
}

/// Appends an OPT record without options; its last two octets are RDLENGTH.
pub(crate) fn push_opt_head(
    out: &mut Vec<u8>,
    udp_size: u16,
    extended_rcode: u8,
    version: u8,
    (dnssec_ok, compact_ok): (bool, bool),
) {
    out.push(0);
    out.extend_from_slice(&RecordType::OPT.0.to_be_bytes());
    out.extend_from_slice(&udp_size.to_be_bytes());
    out.extend_from_slice(&[extended_rcode, version]);
    let flags = if dnssec_ok { DNSSEC_OK } else { 0 } | if compact_ok { COMPACT_OK } else { 0 };
    out.extend_from_slice(&flags.to_be_bytes());
    out.extend_from_slice(&[0, 0]);
}

/// DO and CO, from the lower half of the TTL of an OPT record.
pub(crate) fn read_flags(octets: [u8; 2]) -> (bool, bool) {
    let flags = u16::from_be_bytes(octets);
    (flags & DNSSEC_OK != 0, flags & COMPACT_OK != 0)
}

impl EdnsOption {
    /// Reads one option's octets.
    fn decode(code: u16, bytes: &[u8]) -> Result<Self, WireError> {
        let other = || Self::Other(code, bytes.to_vec());
        Ok(match code {
            code::NSID => Self::Nsid(bytes.to_vec()),
            code::COOKIE => Self::Cookie(Cookie::decode(bytes).ok_or(WireError::Cookie)?),
            code::KEEPALIVE => match *bytes {
                [] => Self::Keepalive(None),
                [high, low] => Self::Keepalive(Some(u16::from_be_bytes([high, low]))),
                _ => other(),
            },
            code::PADDING => u16::try_from(bytes.len()).map_or_else(|_| other(), Self::Padding),
            code::EXTENDED_ERROR => ExtendedError::decode(bytes).map_or_else(other, Self::ExtendedError),
            _ => other(),
        })
    }

    pub(crate) fn encode(&self, with_text: bool, out: &mut Vec<u8>) {
        match self {
            Self::Nsid(id) => push_option(out, code::NSID, &[id]),
            Self::Cookie(cookie) => push_option(out, code::COOKIE, &[&cookie.client, &cookie.server]),
            Self::Keepalive(None) => push_option(out, code::KEEPALIVE, &[]),
            Self::Keepalive(Some(units)) => push_option(out, code::KEEPALIVE, &[&units.to_be_bytes()]),
            Self::Padding(len) => push_option(out, code::PADDING, &[&vec![0; usize::from(*len)]]),
            Self::ExtendedError(error) => {
                let text = if with_text { error.text.as_bytes() } else { b"" };
                push_option(out, code::EXTENDED_ERROR, &[&error.code.0.to_be_bytes(), text]);
            }
            Self::Other(code, bytes) => push_option(out, *code, &[bytes]),
        }
    }
}

/// Appends one option made of `parts`; nothing if they are longer than an option can be.
pub(crate) fn push_option(out: &mut Vec<u8>, code: u16, parts: &[&[u8]]) {
    let Ok(len) = u16::try_from(parts.iter().map(|part| part.len()).sum::<usize>()) else { return };
    out.extend_from_slice(&code.to_be_bytes());
    out.extend_from_slice(&len.to_be_bytes());
    for part in parts {
        out.extend_from_slice(part);
    }
}

impl Cookie {
    /// Reads the option's octets: 8, or 16 to 40 (RFC 7873 §4).
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (client, server) = bytes.split_first_chunk::<8>()?;
        let server_fits = matches!(server.len(), 0 | 8..=32);
        server_fits.then(|| Self { client: *client, server: SmallVec::from_slice(server) })
    }
}

impl ExtendedError {
    /// An error whose text is safe to print and of at most [`limits::EDE_TEXT_OCTETS_MAX`] octets.
    pub fn new(code: EdeCode, text: &str) -> Self {
        let text = text.replace(char::is_control, "\u{fffd}");
        Self { code, text }.trimmed(limits::EDE_TEXT_OCTETS_MAX)
    }

    /// Reads the option's octets; octets that are not UTF-8 are replaced (RFC 8914 §2).
    fn decode(bytes: &[u8]) -> Option<Self> {
        let (code, text) = bytes.split_first_chunk::<2>()?;
        // RFC 8914 §2: "MAY or MAY NOT be null terminated".
        let text = String::from_utf8_lossy(text).trim_end_matches('\0').to_owned();
        Some(Self { code: EdeCode(u16::from_be_bytes(*code)), text })
    }

    /// The same with a text of at most `len_max` octets, cut between two characters.
    #[must_use]
    pub fn trimmed(mut self, len_max: usize) -> Self {
        let mut cut = len_max.min(self.text.len());
        while !self.text.is_char_boundary(cut) {
            cut -= 1;
        }
        self.text.truncate(cut);
        self
    }
}

/// The options of an OPT record as they lie there: code and octets. Ends early at an option that is cut short.
#[derive(Debug, Clone)]
pub struct RawOptions<'a> {
    rest: &'a [u8],
}

impl<'a> RawOptions<'a> {
    /// Walks through the rdata of an OPT record.
    pub fn new(rdata: &'a [u8]) -> Self {
        Self { rest: rdata }
    }
}

impl<'a> Iterator for RawOptions<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (&[code_high, code_low, len_high, len_low], rest) =
            self.rest.split_first_chunk::<OPTION_HEAD_LEN>()?;
        let len = usize::from(u16::from_be_bytes([len_high, len_low]));
        let (bytes, rest) = rest.split_at_checked(len)?;
        self.rest = rest;
        Some((u16::from_be_bytes([code_high, code_low]), bytes))
    }
}

/// Whether the rdata of an OPT record is made of whole options, not too many of them, its cookie well formed.
pub(crate) fn check_options(rdata: &[u8]) -> Result<(), WireError> {
    let mut options = RawOptions::new(rdata);
    let mut count = 0;
    for (code, bytes) in options.by_ref() {
        count += 1;
        if count > limits::EDNS_OPTIONS_REFUSED {
            return Err(WireError::Options);
        }
        if code == code::COOKIE && Cookie::decode(bytes).is_none() {
            return Err(WireError::Cookie);
        }
    }
    if options.rest.is_empty() { Ok(()) } else { Err(WireError::OptionLength) }
}

/// How many octets of padding bring a message of `len` octets to a multiple of `block`, the option's own four
/// octets included in the sum, without passing `limit`. None if not even an empty option fits.
pub fn padding_len(len: usize, block: usize, limit: usize) -> Option<u16> {
    let with_head = len.checked_add(OPTION_HEAD_LEN).filter(|with_head| *with_head <= limit)?;
    let target = with_head.next_multiple_of(block.max(1)).min(limit);
    u16::try_from(target - with_head).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::Rcode;

    fn opt_rdata(edns: &Edns) -> Vec<u8> {
        let mut out = Vec::new();
        edns.encode(Rcode::NOERROR, true, &mut out);
        out.split_off(OPT_LEN)
    }

    fn error(text: &str) -> ExtendedError {
        ExtendedError { code: EdeCode::DNSSEC_BOGUS, text: text.to_owned() }
    }

    #[test]
    fn every_option_is_read_as_it_was_written() {
        let cookie = |server: usize| Cookie { client: *b"01234567", server: SmallVec::from_elem(7, server) };
        let options = vec![
            EdnsOption::Nsid(b"ns1".to_vec()),
            EdnsOption::Cookie(cookie(0)),
            EdnsOption::Cookie(cookie(8)),
            EdnsOption::Cookie(cookie(32)),
            EdnsOption::Keepalive(None),
            EdnsOption::Keepalive(Some(300)),
            EdnsOption::Padding(0),
            EdnsOption::Padding(99),
            EdnsOption::ExtendedError(error("signature expired")),
            EdnsOption::ExtendedError(error("")),
            EdnsOption::Other(65_001, vec![1, 2, 3]),
        ];
        let edns = Edns { options, ..Edns::new(1_232, true) };
        assert_eq!(Edns::decode(1_232, 0x8000, &opt_rdata(&edns)), Ok(edns));
    }

    #[test]
    fn the_upper_bits_of_the_response_code_and_the_version_stand_in_the_ttl() {
        let mut out = Vec::new();
        Edns { version: 3, ..Edns::new(512, false) }.encode(Rcode::BADVERS, true, &mut out);
        assert_eq!(out, [0, 0, 41, 2, 0, 1, 3, 0, 0, 0, 0]);
    }

    #[test]
    fn the_flags_stand_in_the_ttl() {
        for (dnssec_ok, compact_ok, high) in
            [(false, false, 0), (true, false, 0x80), (false, true, 0x40), (true, true, 0xc0)]
        {
            let edns = Edns { compact_ok, ..Edns::new(512, dnssec_ok) };
            let mut out = Vec::new();
            edns.encode(Rcode::NOERROR, true, &mut out);
            assert_eq!(out, [0, 0, 41, 2, 0, 0, 0, high, 0, 0, 0]);
            assert_eq!(Edns::decode(512, u32::from(high) << 8, &[]), Ok(edns));
        }
    }

    #[test]
    fn a_cookie_of_a_length_that_no_cookie_has_is_malformed() {
        // RFC 7873 §4: 8 octets, or 16 to 40.
        for len in 0..50_u8 {
            let mut rdata = vec![0, 10, 0, len];
            rdata.extend(vec![0; usize::from(len)]);
            let right = len == 8 || (16..=40).contains(&len);
            assert_eq!(Edns::decode(512, 0, &rdata).is_ok(), right, "{len}");
        }
    }

    #[test]
    fn other_options_in_a_wrong_form_are_kept_as_they_are() {
        for (code, bytes) in [(code::KEEPALIVE, vec![1]), (code::EXTENDED_ERROR, vec![1])] {
            let mut rdata = Vec::new();
            push_option(&mut rdata, code, &[&bytes]);
            let edns = Edns::decode(512, 0, &rdata).unwrap();
            assert_eq!(edns.options, [EdnsOption::Other(code, bytes)]);
        }
    }

    #[test]
    fn options_are_whole_and_not_too_many() {
        let many = |count| [0, 100, 0, 0].repeat(count);
        assert_eq!(Edns::decode(512, 0, &many(5)).unwrap().options.len(), 5);
        let kept = Edns::decode(512, 0, &many(limits::EDNS_OPTIONS_REFUSED)).unwrap();
        assert_eq!(kept.options.len(), limits::EDNS_OPTIONS_MAX);
        assert_eq!(Edns::decode(512, 0, &many(limits::EDNS_OPTIONS_REFUSED + 1)), Err(WireError::Options));
        for cut in [&[0][..], &[0, 100, 0], &[0, 100, 0, 1], &[0, 100, 0, 1, 7, 0]] {
            assert_eq!(Edns::decode(512, 0, cut), Err(WireError::OptionLength));
        }
    }

    #[test]
    fn the_text_of_an_error_loses_its_nul_and_is_cut_between_characters() {
        let read = |bytes: &[u8]| ExtendedError::decode(bytes).unwrap().text;
        assert_eq!(read(b"\x00\x06late\x00\x00"), "late");
        assert_eq!(read(b"\x00\x06\xff!"), "\u{fffd}!");
        for (len_max, text) in [(0, ""), (1, "a"), (2, "a"), (3, "a\u{e9}"), (99, "a\u{e9}z")] {
            assert_eq!(error("a\u{e9}z").trimmed(len_max).text, text);
        }
    }

    #[test]
    fn padding_fills_a_block_and_respects_the_limit() {
        for len in 0..2_000 {
            let padding = usize::from(padding_len(len, RESPONSE_BLOCK, 65_535).unwrap());
            assert_eq!((len + OPTION_HEAD_LEN + padding) % RESPONSE_BLOCK, 0);
            assert!(padding < RESPONSE_BLOCK);
        }
        assert_eq!(padding_len(100, 128, 110), Some(6));
        assert_eq!(padding_len(100, 128, 104), Some(0));
        assert_eq!(padding_len(100, 128, 103), None);
    }
}
