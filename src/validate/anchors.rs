//! Trust anchors: where belief begins (RFC 4035 §4.4), and where it is taken back (RFC 7646).
//!
//! In: DS and DNSKEY lines in zone-file presentation (RFC 4034 §2.2 and §5.3), for any zones. Out: an
//! [`Anchors`] set, asked for the deepest anchor at or above a name; or every fault with its line and what to do
//! about it. Does not follow rollovers: whoever does (RFC 5011) makes a new set.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;

use super::algorithms::{Policy, algorithm_number};
use super::zone_keys::{self, Voucher};
use crate::dns::rdata::{Dnskey, Ds};
use crate::dns::{Name, RecordType};
use crate::limits;

/// The root's keys: KSK-2024 and KSK-2017 (IANA, RFC 9718).
const BUILTIN: &str = include_str!("../../trust-anchors/root.ds");

/// Names that are trusted, and names that are not to be judged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Anchors {
    points: BTreeMap<Name, Anchor>,
}

/// What is configured for one name.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Anchor {
    /// The zone has one of these keys.
    Positive(Vec<AnchorKey>),
    /// The zone and all below counts as insecure until this date, in seconds since 1970 (RFC 7646).
    Negative { until: Option<u64>, hidden: Vec<AnchorKey> },
}

/// A key that a trust anchor names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnchorKey {
    /// By its digest: the rdata of a DS record.
    Ds(Vec<u8>),
    /// By itself: the rdata of a DNSKEY record.
    Dnskey(Vec<u8>),
}

/// The deepest anchor at or above a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nearest<'a> {
    /// No anchor stands above the name.
    None,
    /// This name has trusted keys.
    Positive(&'a Name, &'a [AnchorKey]),
    /// Below this name nothing is judged.
    Negative(&'a Name),
}

/// What is wrong with a line of a trust anchor file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct AnchorFault {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub what: AnchorError,
}

/// See [`AnchorFault`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnchorError {
    /// A directive, or a record type other than DS and DNSKEY.
    #[error("'{0}' is neither DS nor DNSKEY: only these two make a trust anchor, remove the line")]
    NotAnAnchor(String),
    /// Too few fields.
    #[error(
        "the record ends early: write 'zone. IN DS tag algorithm digest-type digest' or 'zone. IN DNSKEY flags 3 algorithm key'"
    )]
    Short,
    /// The owner is not a name.
    #[error("'{0}' is not a domain name ({1}): begin the line with the zone's full name")]
    Owner(String, crate::dns::NameError),
    /// No owner, and none before it.
    #[error("the line begins with a blank and no zone stands above it: begin it with the zone's full name")]
    NoOwner,
    /// A number is none, or too large.
    #[error("'{0}' is not a {1}: copy the record again from its source")]
    Number(String, &'static str),
    /// A digest or key is not hexadecimal or base 64.
    #[error("the {0} is not {1}: copy the record again, whole")]
    Encoding(&'static str, &'static str),
    /// The digest has not the length of its type.
    #[error("a digest of type {0} has {1} octets, here are {2}: copy the record again, whole")]
    DigestLength(u8, usize, usize),
    /// The class is not IN.
    #[error("the class '{0}' is not resolved: only IN is")]
    Class(String),
    /// A key that cannot sign a zone.
    #[error("the key {0} is not a zone key (flags {1}): take the zone's key signing key, flags 257")]
    NotZoneKey(u16, u16),
    /// What is noted of a key's state makes no sense.
    #[error(
        "'{0}' says nothing of the key's state: write ;;state=2 for a trusted key, or remove the comment"
    )]
    State(String),
    /// A revoked key.
    #[error("the key {0} is revoked: remove the line and add the zone's present key")]
    Revoked(u16),
    /// A parenthesis is never closed, or closed without being opened.
    #[error("the parentheses do not match: close each '(' with a ')'")]
    Parentheses,
}

/// What is allowed of the trust anchors of a zone, and probably not meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnchorDoubt {
    /// Nothing can be verified by them, so the zone counts as insecure (RFC 4035 §5.2).
    #[error(
        "no trusted key of {0} has an algorithm and a digest that can be used here, so nothing below it is validated: \
         add a line with a key of algorithm 8, 10, 13, 14 or 15, a DS record with digest type 2 or 4"
    )]
    Unusable(Name),
    /// More than are looked at.
    #[error(
        "{0} has {1} trusted keys and digests, of which {2} are looked at: remove those that the zone has no more"
    )]
    TooMany(Name, usize, usize),
    /// A key without the SEP flag beside others (RFC 5011 §4.1 takes up keys with it alone).
    #[error(
        "the key {1} of {0} is a zone signing key (flags 256) and trusted beside others, so whoever has it can make \
         new anchors: remove its line"
    )]
    ZoneSigning(Name, u16),
}

impl Anchors {
    /// Nothing is trusted: everything is indeterminate.
    pub fn none() -> Self {
        Self::default()
    }

    /// The root keys that Rootwalk is shipped with.
    pub fn builtin() -> Self {
        Self::parse(BUILTIN).unwrap_or_default()
    }

    /// These keys as a trust anchor file.
    pub fn builtin_text() -> &'static str {
        BUILTIN
    }

    /// What is probably not meant.
    pub fn doubts(&self, policy: Policy) -> Vec<AnchorDoubt> {
        let mut doubts = Vec::new();
        for (zone, keys) in self.iter() {
            let vouchers: Vec<Voucher<'_>> = keys.iter().filter_map(Voucher::from_anchor).collect();
            let usable = zone_keys::all_usable(&vouchers, true, policy).len();
            if usable == 0 {
                doubts.push(AnchorDoubt::Unusable(zone.clone()));
            }
            if usable > limits::DS_MAX {
                doubts.push(AnchorDoubt::TooMany(zone.clone(), usable, limits::DS_MAX));
            }
            let signing: Vec<u16> =
                keys.iter().filter(|key| !key.is_entry_point()).map(AnchorKey::key_tag).collect();
            if signing.len() < keys.len() {
                doubts.extend(signing.into_iter().map(|tag| AnchorDoubt::ZoneSigning(zone.clone(), tag)));
            }
        }
        doubts
    }

    /// Reads a trust anchor file. All faults are returned, not only the first.
    pub fn parse(text: &str) -> Result<Self, Vec<AnchorFault>> {
        let mut anchors = Self::default();
        let mut faults = Vec::new();
        for record in records(text) {
            match record.and_then(|record| record.not_revoked().map(|()| record)) {
                Ok(record) => anchors.add(record.zone, record.key),
                Err(fault) => faults.push(fault),
            }
        }
        if faults.is_empty() { Ok(anchors) } else { Err(faults) }
    }

    /// Trusts one more key of a zone.
    pub fn add(&mut self, zone: Name, key: AnchorKey) {
        let point = self.points.entry(zone).or_insert_with(|| Anchor::Positive(Vec::new()));
        let (Anchor::Positive(keys) | Anchor::Negative { hidden: keys, .. }) = point;
        if !keys.contains(&key) {
            keys.push(key);
        }
    }

    /// Trusts these keys of a zone and no others; without any, the zone has no anchor. A negative one stays.
    pub fn replace(&mut self, zone: &Name, keys: Vec<AnchorKey>) {
        match self.points.get_mut(zone) {
            Some(Anchor::Negative { hidden, .. }) => *hidden = keys,
            _ if keys.is_empty() => {
                self.points.remove(zone);
            }
            _ => {
                self.points.insert(zone.clone(), Anchor::Positive(keys));
            }
        }
    }

    /// Sets a negative trust anchor (RFC 7646): until that date, in seconds since 1970, the zone and all below it
    /// counts as insecure, but for what has a trust anchor of its own below.
    pub fn add_negative(&mut self, zone: Name, until: Option<u64>) {
        let hidden = match self.points.remove(&zone) {
            Some(Anchor::Positive(keys) | Anchor::Negative { hidden: keys, .. }) => keys,
            None => Vec::new(),
        };
        self.points.insert(zone, Anchor::Negative { until, hidden });
    }

    /// Takes a negative trust anchor back; the keys of that zone count again, if there are any.
    pub fn lift_negative(&mut self, zone: &Name) {
        if let Some(Anchor::Negative { hidden, .. }) = self.points.get_mut(zone) {
            let keys = std::mem::take(hidden);
            self.points.remove(zone);
            for key in keys {
                self.add(zone.clone(), key);
            }
        }
    }

    /// The negative trust anchors, and until when each stands, in seconds since 1970; none: until it is taken back.
    pub fn negatives(&self) -> impl Iterator<Item = (&Name, Option<u64>)> {
        self.points.iter().filter_map(|(zone, point)| match point {
            Anchor::Positive(_) => None,
            Anchor::Negative { until, .. } => Some((zone, *until)),
        })
    }

    /// The name of the deepest anchor at or above `name`, positive or negative: what stands above that has no say.
    pub fn deepest(&self, name: &Name) -> Option<Name> {
        self.at_or_above(name).next().map(|(zone, _)| zone.clone())
    }

    /// The deepest negative trust anchor at or above a name, whether or not its time is over.
    pub(super) fn negative_above(&self, name: &Name) -> Option<(&Name, Option<u64>)> {
        self.at_or_above(name).find_map(|(zone, point)| match point {
            Anchor::Negative { until, .. } => Some((zone, *until)),
            Anchor::Positive(_) => None,
        })
    }

    /// Whether nothing is trusted.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// The trusted keys, zone by zone.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &[AnchorKey])> {
        self.points.iter().filter_map(|(zone, point)| match point {
            Anchor::Positive(keys) => Some((zone, keys.as_slice())),
            Anchor::Negative { .. } => None,
        })
    }

    /// The deepest anchor at or above `name` decides (RFC 4035 §4.3, RFC 7646 §2).
    pub(super) fn nearest(&self, name: &Name, now_unix: u64) -> Nearest<'_> {
        for (zone, point) in self.at_or_above(name) {
            match point {
                Anchor::Positive(keys) => return Nearest::Positive(zone, keys),
                Anchor::Negative { until, hidden } => {
                    if until.is_none_or(|until| now_unix < until) {
                        return Nearest::Negative(zone);
                    }
                    if !hidden.is_empty() {
                        return Nearest::Positive(zone, hidden);
                    }
                }
            }
        }
        Nearest::None
    }

    /// What is configured for `name` and the names above it, from the deepest up.
    fn at_or_above<'a, 'n>(
        &'a self,
        name: &'n Name,
    ) -> impl Iterator<Item = (&'a Name, &'a Anchor)> + use<'a, 'n> {
        let mut end = Bound::Included(name.clone());
        std::iter::from_fn(move || {
            // Ends: each turn goes on before what it found.
            loop {
                let (zone, point) = self.points.range((Bound::Unbounded, end.as_ref())).next_back()?;
                if name.is_subdomain_of(zone) {
                    end = Bound::Excluded(zone.clone());
                    return Some((zone, point));
                }
                // Nothing stands between it and the name, so none of those do that only the one is below.
                end = Bound::Included(name.common_ancestor(zone));
            }
        })
    }
}

impl AnchorKey {
    /// Whether it may be one: a key with the SEP flag (RFC 4034 §2.1.1), or a digest.
    fn is_entry_point(&self) -> bool {
        match self {
            Self::Ds(_) => true,
            Self::Dnskey(rdata) => Dnskey::read(rdata).is_ok_and(|key| key.is_sep()),
        }
    }

    /// The key tag that the anchor names.
    pub fn key_tag(&self) -> u16 {
        match self {
            Self::Ds(rdata) => Ds::read(rdata).map_or(0, |ds| ds.key_tag),
            Self::Dnskey(rdata) => Dnskey::read(rdata).map_or(0, |key| key.key_tag()),
        }
    }
}

impl fmt::Display for AnchorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Ds(_) => "DS",
            Self::Dnskey(_) => "DNSKEY",
        };
        write!(f, "{kind} {}", self.key_tag())
    }
}

/// A record of a trust anchor file.
pub(super) struct Record<'a> {
    pub(super) line: usize,
    pub(super) zone: Name,
    /// A key may have its REVOKE bit set.
    pub(super) key: AnchorKey,
    /// The comment behind it, from its semicolon on.
    pub(super) note: &'a str,
}

impl Record<'_> {
    /// A fault if it is a key with its REVOKE bit (RFC 5011 §2.1).
    pub(super) fn not_revoked(&self) -> Result<(), AnchorFault> {
        match &self.key {
            AnchorKey::Dnskey(rdata) if Dnskey::read(rdata).is_ok_and(|key| key.is_revoked()) => {
                Err(AnchorFault { line: self.line, what: AnchorError::Revoked(self.key.key_tag()) })
            }
            _ => Ok(()),
        }
    }
}

/// All records of a trust anchor file, and the faults of those that cannot be read.
pub(super) fn records(text: &str) -> Vec<Result<Record<'_>, AnchorFault>> {
    let mut owner = None;
    entries(text)
        .into_iter()
        .filter_map(|entry| entry.and_then(|entry| read_entry(&entry, &mut owner)).transpose())
        .collect()
}

/// The words of one record, its parentheses resolved.
struct Entry<'a> {
    line: usize,
    /// The comment at its end, from the semicolon on.
    note: &'a str,
    /// Whether the record begins with a blank: its owner is that of the record before.
    blank: bool,
    words: Vec<&'a str>,
}

/// Splits a file into records: comments are dropped, parentheses join lines (RFC 1035 §5.1).
fn entries(text: &str) -> Vec<Result<Entry<'_>, AnchorFault>> {
    let mut found = Vec::new();
    let mut open: Option<Entry<'_>> = None;
    for (line, raw) in (1_usize..).zip(text.lines()) {
        let (content, note) = raw.split_at(raw.find(';').unwrap_or(raw.len()));
        let mut depth = i32::from(open.is_some());
        let mut entry = open.take().unwrap_or_else(|| Entry {
            line,
            note,
            blank: content.starts_with([' ', '\t']),
            words: Vec::new(),
        });
        entry.note = note;
        for piece in content.split_inclusive(['(', ')']) {
            entry.words.extend(piece.trim_end_matches(['(', ')']).split_whitespace());
            depth += i32::from(piece.ends_with('(')) - i32::from(piece.ends_with(')'));
            if !(0..=1).contains(&depth) {
                found.push(Err(AnchorFault { line, what: AnchorError::Parentheses }));
                depth = 0;
            }
        }
        if depth > 0 {
            open = Some(entry);
        } else if !entry.words.is_empty() {
            found.push(Ok(entry));
        }
    }
    if let Some(entry) = open {
        found.push(Err(AnchorFault { line: entry.line, what: AnchorError::Parentheses }));
    }
    found
}

/// One record. `None` for `$TTL`, which says nothing here.
fn read_entry<'a>(
    entry: &Entry<'a>,
    last_owner: &mut Option<Name>,
) -> Result<Option<Record<'a>>, AnchorFault> {
    let fault = |what| AnchorFault { line: entry.line, what };
    let mut words = entry.words.iter().copied();
    if !entry.blank {
        let word = words.next().unwrap_or_default();
        if word.eq_ignore_ascii_case("$TTL") {
            return Ok(None);
        }
        if word.starts_with('$') {
            return Err(fault(AnchorError::NotAnAnchor(word.to_owned())));
        }
        let owner = word.parse().map_err(|error| fault(AnchorError::Owner(word.to_owned(), error)))?;
        *last_owner = Some(owner);
    }
    let owner = last_owner.clone().ok_or_else(|| fault(AnchorError::NoOwner))?;
    let rtype = loop {
        let word = words.next().ok_or_else(|| fault(AnchorError::Short))?;
        match word.to_ascii_uppercase().as_str() {
            "DS" => break RecordType::DS,
            "DNSKEY" => break RecordType::DNSKEY,
            "IN" => {}
            "CH" | "HS" => return Err(fault(AnchorError::Class(word.to_owned()))),
            // A TTL, also in the form 1d12h.
            other if other.starts_with(|first: char| first.is_ascii_digit()) => {}
            _ => return Err(fault(AnchorError::NotAnAnchor(word.to_owned()))),
        }
    };
    let rest: Vec<&str> = words.collect();
    let key = if rtype == RecordType::DS { read_ds(&rest) } else { read_dnskey(&rest) }.map_err(fault)?;
    Ok(Some(Record { line: entry.line, zone: owner, key, note: entry.note }))
}

fn number<T: std::str::FromStr>(word: &str, what: &'static str) -> Result<T, AnchorError> {
    word.parse().map_err(|_| AnchorError::Number(word.to_owned(), what))
}

fn algorithm(word: &str) -> Result<u8, AnchorError> {
    algorithm_number(word).ok_or_else(|| AnchorError::Number(word.to_owned(), "DNSSEC algorithm"))
}

fn read_ds(words: &[&str]) -> Result<AnchorKey, AnchorError> {
    let [tag, alg, digest_type, digest @ ..] = words else { return Err(AnchorError::Short) };
    let tag: u16 = number(tag, "key tag")?;
    let alg = algorithm(alg)?;
    let digest_type: u8 = number(digest_type, "digest type")?;
    if digest.is_empty() {
        return Err(AnchorError::Short);
    }
    let digest = hexadecimal(&digest.concat()).ok_or(AnchorError::Encoding("digest", "hexadecimal"))?;
    let expected = match digest_type {
        1 => 20,
        2 => 32,
        4 => 48,
        _ => digest.len(),
    };
    if digest.len() != expected {
        return Err(AnchorError::DigestLength(digest_type, expected, digest.len()));
    }
    let mut rdata = tag.to_be_bytes().to_vec();
    rdata.extend([alg, digest_type]);
    rdata.extend(digest);
    Ok(AnchorKey::Ds(rdata))
}

fn read_dnskey(words: &[&str]) -> Result<AnchorKey, AnchorError> {
    let [flags, protocol, alg, key @ ..] = words else { return Err(AnchorError::Short) };
    let flags: u16 = number(flags, "number of flags")?;
    let protocol: u8 = number(protocol, "protocol number")?;
    if protocol != 3 {
        return Err(AnchorError::Number(protocol.to_string(), "DNSKEY protocol (which is 3)"));
    }
    let alg = algorithm(alg)?;
    if key.is_empty() {
        return Err(AnchorError::Short);
    }
    let key = base64(&key.concat()).ok_or(AnchorError::Encoding("key", "base 64"))?;
    let mut rdata = flags.to_be_bytes().to_vec();
    rdata.extend([protocol, alg]);
    rdata.extend(key);
    let read = Dnskey::read(&rdata).map_err(|_| AnchorError::Short)?;
    if !read.is_zone_key() {
        return Err(AnchorError::NotZoneKey(read.key_tag(), flags));
    }
    Ok(AnchorKey::Dnskey(rdata))
}

/// Reads base 16 (RFC 4648 §8).
pub(super) fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).and_then(|value| u8::try_from(value).ok())).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |octet, digit| octet << 4 | digit)).collect())
}

/// Reads base 64 (RFC 4648 §4); the padding may be missing, nothing may follow it.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    if text.len() - digits.len() > 2 || digits.len() % 4 == 1 {
        return None;
    }
    let mut octets = Vec::with_capacity(digits.len() * 3 / 4);
    let (mut bits, mut held) = (0_u32, 0_u32);
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(value)) & 0x3fff;
        held += 6;
        if held >= 8 {
            held -= 8;
            octets.push(u8::try_from(bits >> held & 0xff).ok()?);
        }
    }
    Some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn faults(text: &str) -> Vec<(usize, AnchorError)> {
        Anchors::parse(text).unwrap_err().into_iter().map(|fault| (fault.line, fault.what)).collect()
    }

    #[test]
    fn the_builtin_anchors_are_the_roots_two_keys() {
        let builtin = Anchors::builtin();
        let points: Vec<_> = builtin.iter().collect();
        assert_eq!(points.len(), 1);
        assert!(points[0].0.is_root());
        assert_eq!(points[0].1.iter().map(AnchorKey::key_tag).collect::<Vec<_>>(), [38696, 20326]);
    }

    #[test]
    fn lines_are_read_in_every_form_that_zone_files_have() {
        let text = "; a comment\n$TTL 3600\n\
            Example. 3600 IN DS 1 13 2 (  ; begins here\n\
              683D2D0ACB8C9B712A1948B27F741219298D0A450D612C48\n\
              3AF444A4C0FB2B16 ) ; ends here\n\
            \tIN 1d DS 2 ECDSAP256SHA256 2 683d2d0acb8c9b712a1948b27f741219298d0a450d612c483af444a4c0fb2b16\n\
            other.example DNSKEY 257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4= ;{id = 3613}\r\n\n";
        let anchors = Anchors::parse(text).unwrap();
        let tags: Vec<_> = anchors
            .iter()
            .map(|(zone, keys)| (zone.to_string(), keys.iter().map(AnchorKey::key_tag).collect::<Vec<_>>()))
            .collect();
        assert_eq!(tags, [("Example.".into(), vec![1, 2]), ("other.example.".into(), vec![3613])]);
    }

    #[test]
    fn every_fault_is_reported_with_its_line() {
        let digest = "683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16";
        let text = format!(
            "   IN DS 1 8 2 {digest}\n. IN A 192.0.2.1\n. IN DS 1 8 2 68\n. DS 70000 8 2 {digest}\n. CH DS 1 8 2 {digest}\n\
             . DS 1 8 2 xyz\n. DNSKEY 256\na..b. DS 1 8 2 {digest}\n. DNSKEY 1 3 8 AQAB\n. DNSKEY 385 3 8 AQAB\n. DS ( 1 8\n"
        );
        let found = faults(&text);
        let lines: Vec<usize> = found.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
        assert_eq!(found[0].1, AnchorError::NoOwner);
        assert_eq!(found[1].1, AnchorError::NotAnAnchor("A".into()));
        assert_eq!(found[2].1, AnchorError::DigestLength(2, 32, 1));
        assert!(matches!(found[8].1, AnchorError::NotZoneKey(..)));
        assert!(matches!(found[9].1, AnchorError::Revoked(_)));
        assert_eq!(found[10].1, AnchorError::Parentheses);
    }

    #[test]
    fn the_deepest_anchor_decides_and_a_negative_one_ends() {
        let mut anchors = Anchors::builtin();
        anchors.add_negative(name("corp.example."), Some(100));
        anchors.add(name("signed.corp.example."), AnchorKey::Ds(vec![0, 1, 8, 2]));
        assert!(
            matches!(anchors.nearest(&name("www.example."), 0), Nearest::Positive(zone, _) if zone.is_root())
        );
        assert_eq!(anchors.nearest(&name("x.CORP.example."), 99), Nearest::Negative(&name("corp.example.")));
        assert!(
            matches!(anchors.nearest(&name("x.corp.example."), 100), Nearest::Positive(zone, _) if zone.is_root())
        );
        let below = anchors.nearest(&name("x.signed.corp.example."), 0);
        assert!(matches!(below, Nearest::Positive(zone, _) if *zone == name("signed.corp.example.")));
        assert_eq!(Anchors::none().nearest(&name("."), 0), Nearest::None);
    }

    #[test]
    fn the_anchors_above_a_name_are_found_among_many_others() {
        let zones =
            [".", "a.", "b.", "b.b.", "a.b.b.", "c.b.b.", "b.c.b.b.", "bb.", "*.bb.", "c.", "x.c.", "B.X.c."];
        for absent in 0..zones.len() {
            let mut anchors = Anchors::none();
            let present = zones.iter().enumerate().filter(|(place, _)| *place != absent);
            present.for_each(|(_, zone)| anchors.add_negative(name(zone), None));
            for asked in zones.iter().chain(&["z.b.c.B.b.", "bb.b.", "a.a.a.", "zz.", "a.bb.", "y.x.c."]) {
                let asked = name(asked);
                let found: Vec<&Name> = anchors.at_or_above(&asked).map(|(zone, _)| zone).collect();
                let above: Vec<Name> =
                    asked.ancestors().filter(|zone| anchors.points.contains_key(zone)).collect();
                assert_eq!(found, above.iter().collect::<Vec<_>>(), "{asked} without {}", zones[absent]);
            }
        }
    }

    #[test]
    fn a_negative_anchor_hides_the_keys_of_its_zone_until_it_is_lifted() {
        let key = AnchorKey::Ds(vec![0, 1, 8, 2]);
        let mut anchors = Anchors::none();
        anchors.add(name("a."), key.clone());
        let before = anchors.clone();
        anchors.add_negative(name("a."), None);
        anchors.add_negative(name("b.a."), Some(7));
        assert!(anchors.is_empty());
        assert_eq!(anchors.negatives().collect::<Vec<_>>(), [(&name("a."), None), (&name("b.a."), Some(7))]);
        assert_eq!(anchors.negative_above(&name("x.B.a.")), Some((&name("b.a."), Some(7))));
        anchors.lift_negative(&name("b.a."));
        assert_eq!(anchors.negative_above(&name("x.b.a.")), Some((&name("a."), None)));
        anchors.lift_negative(&name("a."));
        // Of a positive one there is nothing to be lifted.
        anchors.lift_negative(&name("a."));
        assert_eq!(anchors, before);
    }

    #[test]
    fn base64_is_read_with_and_without_padding() {
        for (text, octets) in
            [("", "".as_bytes()), ("Zg==", b"f"), ("Zm8", b"fo"), ("Zm9v", b"foo"), ("Zm9vYmE=", b"fooba")]
        {
            assert_eq!(base64(text).unwrap(), octets);
        }
        assert!(base64("Z").is_none() && base64("Zg===").is_none() && base64("Z!==").is_none());
    }
}
