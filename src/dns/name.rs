//! Domain names in wire form (RFC 1035 §3.1): the case is kept, comparison ignores it.
//!
//! In: wire bytes without compression, or presentation text. Out: labels, ancestors, canonical order
//! (RFC 4034 §6.1), presentation text that is always printable ASCII.
//! Compression is the business of `message` and `encode`.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use smallvec::SmallVec;

use crate::limits;

/// The longest name in wire form, in octets, the root label included (RFC 1035 §2.3.4).
pub const NAME_LEN_MAX: usize = 255;
/// The longest label, in octets (RFC 1035 §2.3.4).
pub const LABEL_LEN_MAX: usize = 63;

/// The most labels a name can have: each takes two octets at least, and the root one.
const LABELS_MAX: usize = NAME_LEN_MAX / 2;

/// Names of up to this many octets live without an allocation; a name takes 48 octets then.
const INLINE: usize = 46;
/// The words that these take.
const INLINE_WORDS: usize = INLINE.div_ceil(8);

/// A fully qualified domain name.
///
/// `Eq`, `Hash` and `Ord` ignore the case of ASCII letters; `Ord` is the canonical order of RFC 4034 §6.1.
#[derive(Clone)]
pub struct Name {
    wire: Wire,
}

/// Labels, each behind its length, up to and with the root's zero octet.
#[derive(Clone)]
enum Wire {
    /// Up to [`INLINE`] octets, and behind them zeros: of a fixed size, so that they are copied, compared and brought
    /// into lower case without a loop over octets.
    Short(u8, [u8; INLINE]),
    /// More than that.
    Long(Box<[u8]>),
}

impl Wire {
    /// Copies the octets of a name.
    fn new(octets: &[u8]) -> Self {
        let mut short = [0; INLINE];
        match (u8::try_from(octets.len()), short.get_mut(..octets.len())) {
            (Ok(len), Some(place)) => {
                place.copy_from_slice(octets);
                Self::Short(len, short)
            }
            _ => Self::Long(octets.into()),
        }
    }

    fn octets(&self) -> &[u8] {
        match self {
            Self::Short(len, octets) => octets.get(..usize::from(*len)).unwrap_or_default(),
            Self::Long(octets) => octets,
        }
    }

    fn make_lowercase(&mut self) {
        match self {
            Self::Short(_, octets) => {
                let lower = Padded::new(octets).lower();
                if let Some(lower) = lower.0.first_chunk() {
                    *octets = *lower;
                }
            }
            Self::Long(octets) => octets.make_ascii_lowercase(),
        }
    }
}

/// The octets of a short name as whole words, which are worked on eight octets at a time.
struct Padded([u8; INLINE_WORDS * 8]);

impl Padded {
    fn new(octets: &[u8; INLINE]) -> Self {
        let mut padded = [0; INLINE_WORDS * 8];
        if let Some(place) = padded.first_chunk_mut() {
            *place = *octets;
        }
        Self(padded)
    }

    /// The words that a name of so many octets takes.
    fn words(&self, len: u8) -> impl Iterator<Item = u64> {
        let count = usize::from(len).div_ceil(8);
        self.0.as_chunks().0.iter().take(count).map(|word| u64::from_le_bytes(*word))
    }

    fn lower(mut self) -> Self {
        for word in self.0.as_chunks_mut().0 {
            *word = lower(u64::from_le_bytes(*word)).to_le_bytes();
        }
        self
    }
}

/// Eight octets, those of them that are capital letters in lower case. Length octets are below 64 and so are never
/// mistaken for letters.
fn lower(word: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * EACH;
    // Without their highest bits, octets are added to without a carry into the next.
    let seven = word & !HIGH;
    let from_a = seven.wrapping_add((0x80 - 0x41) * EACH);
    let beyond_z = seven.wrapping_add((0x80 - 0x5b) * EACH);
    let capital = from_a & !beyond_z & !word & HIGH;
    word | capital >> 2
}

/// Why octets or text are not a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The octets end before the root label.
    #[error("the name ends before its last label")]
    Short,
    /// A label has more than 63 octets, or a length octet with a type that is not a label.
    #[error("a label is longer than 63 octets")]
    LabelTooLong,
    /// The name has more than 255 octets.
    #[error("the name is longer than 255 octets")]
    TooLong,
    /// A label of no octets stands inside the name.
    #[error("the name has an empty label")]
    EmptyLabel,
    /// A backslash is not followed by a character or by three digits up to 255.
    #[error("the name has a backslash that is not followed by a character or by three digits")]
    BadEscape,
    /// The text has a character beyond ASCII; such names are written in their A-label form (RFC 5890).
    #[error("the name has a character that is not ASCII: write it in its xn-- form")]
    NotAscii,
}

impl Name {
    /// The root.
    pub fn root() -> Self {
        Self::copied(&[0])
    }

    /// Reads an uncompressed name at the start of `bytes`; also returns how many octets it took.
    pub fn from_wire(bytes: &[u8]) -> Result<(Self, usize), NameError> {
        let mut at = 0_usize;
        loop {
            let len = usize::from(*bytes.get(at).ok_or(NameError::Short)?);
            if len > LABEL_LEN_MAX {
                return Err(NameError::LabelTooLong);
            }
            at += 1 + len;
            if at > NAME_LEN_MAX {
                return Err(NameError::TooLong);
            }
            if len == 0 {
                break;
            }
        }
        Ok((Self::copied(bytes.get(..at).ok_or(NameError::Short)?), at))
    }

    /// A name of the given labels, leftmost first, without the root label.
    pub fn from_labels<'a>(labels: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, NameError> {
        let mut wire = Builder::new();
        for label in labels {
            wire.label(label)?;
        }
        wire.close()
    }

    /// The wire form, root label included.
    pub fn as_wire(&self) -> &[u8] {
        self.wire.octets()
    }

    /// The length of the wire form in octets.
    #[expect(clippy::len_without_is_empty, reason = "a name is never empty: the root has one octet")]
    pub fn len(&self) -> usize {
        match &self.wire {
            Wire::Short(len, _) => usize::from(*len),
            Wire::Long(octets) => octets.len(),
        }
    }

    /// The octets it has allocated, beside its own size: none for most names.
    pub fn heap_len(&self) -> usize {
        match &self.wire {
            Wire::Short(..) => 0,
            Wire::Long(octets) => octets.len(),
        }
    }

    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        self.len() == 1
    }

    /// Whether the leftmost label is a lone asterisk (RFC 4592 §2.1.1).
    pub fn is_wildcard(&self) -> bool {
        self.as_wire().starts_with(&[1, b'*'])
    }

    /// How many labels, the root's not counted: as the RRSIG labels field counts, but for wildcards.
    pub fn label_count(&self) -> usize {
        self.labels().count()
    }

    /// The labels from left to right, the root's not among them.
    pub fn labels(&self) -> Labels<'_> {
        Labels { rest: self.as_wire() }
    }

    /// The name without its leftmost label; none for the root.
    pub fn parent(&self) -> Option<Self> {
        let wire = self.as_wire();
        let len = usize::from(*wire.first()?);
        if len == 0 {
            return None;
        }
        wire.get(1 + len..).map(Self::copied)
    }

    /// The rightmost `labels` labels: `suffix(0)` is the root. More than there are is the whole name.
    #[must_use]
    pub fn suffix(&self, labels: usize) -> Self {
        let mut rest = self.labels();
        let mut drop = self.label_count().saturating_sub(labels);
        while drop > 0 && rest.next().is_some() {
            drop -= 1;
        }
        Self::copied(rest.rest)
    }

    /// This name, its parent, and so on up to the root.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> + '_ {
        std::iter::successors(Some(self.clone()), Self::parent)
    }

    /// Whether this name is `other` or below it.
    pub fn is_subdomain_of(&self, other: &Self) -> bool {
        let (mine, theirs) = (self.as_wire(), other.as_wire());
        let Some(cut) = mine.len().checked_sub(theirs.len()) else { return false };
        // The tail has to begin at a label, not within one.
        self.starts_label_at(cut) && mine.get(cut..).is_some_and(|tail| tail.eq_ignore_ascii_case(theirs))
    }

    /// Whether this name is below `other`.
    pub fn is_below(&self, other: &Self) -> bool {
        self.len() > other.len() && self.is_subdomain_of(other)
    }

    /// The deepest name that both are at or below.
    #[must_use]
    pub fn common_ancestor(&self, other: &Self) -> Self {
        let shared = self.label_pairs_shared(other);
        self.suffix(shared)
    }

    /// `label` followed by this name.
    pub fn prepend(&self, label: &[u8]) -> Result<Self, NameError> {
        let mut wire = Builder::new();
        wire.label(label)?;
        wire.end(self.as_wire())
    }

    /// The wildcard immediately below this name (RFC 4592).
    pub fn wildcard(&self) -> Result<Self, NameError> {
        self.prepend(b"*")
    }

    /// The name with its suffix `from` replaced by `to` (RFC 6672 §2.2). None if it is not at or below `from`.
    pub fn rebase(&self, from: &Self, to: &Self) -> Option<Result<Self, NameError>> {
        if !self.is_subdomain_of(from) {
            return None;
        }
        let head = self.as_wire().get(..self.len() - from.len())?;
        let mut wire = Builder::new();
        Some(wire.push(head).and_then(|()| wire.end(to.as_wire())))
    }

    /// The name for a sentence: of more than [`limits::NAME_IN_SENTENCE_MAX`] letters the middle is left out.
    pub fn brief(&self) -> Brief<'_> {
        Brief(self)
    }

    /// The name in lower case: the canonical form of RFC 4034 §6.2.
    #[must_use]
    pub fn to_lowercase(&self) -> Self {
        let mut wire = self.wire.clone();
        wire.make_lowercase();
        Self { wire }
    }

    /// The same name with the case of each letter as `upper` says, letter by letter (0x20).
    #[must_use]
    pub fn with_case(&self, mut upper: impl FnMut() -> bool) -> Self {
        let mut wire = self.wire.clone();
        let octets = match &mut wire {
            Wire::Short(_, octets) => octets.as_mut_slice(),
            Wire::Long(octets) => octets,
        };
        // The zeros behind the name are no letters.
        for octet in octets {
            if octet.is_ascii_alphabetic() {
                *octet = if upper() { octet.to_ascii_uppercase() } else { octet.to_ascii_lowercase() };
            }
        }
        Self { wire }
    }

    /// Whether both are the same to the letter, case included.
    pub fn eq_with_case(&self, other: &Self) -> bool {
        self.as_wire() == other.as_wire()
    }

    fn copied(octets: &[u8]) -> Self {
        Self { wire: Wire::new(octets) }
    }

    /// Lends the wire form in lower case.
    fn lower<T>(&self, to: impl FnOnce(&[u8]) -> T) -> T {
        match &self.wire {
            Wire::Short(len, octets) => {
                let lower = Padded::new(octets).lower().0;
                to(lower.get(..usize::from(*len)).unwrap_or_default())
            }
            Wire::Long(octets) => {
                let mut lower = [0; NAME_LEN_MAX];
                let Some(lower) = lower.get_mut(..octets.len()) else { return to(&[]) };
                lower.copy_from_slice(octets);
                lower.make_ascii_lowercase();
                to(lower)
            }
        }
    }

    fn starts_label_at(&self, offset: usize) -> bool {
        let mut at = 0;
        for label in self.labels() {
            if at >= offset {
                break;
            }
            at += 1 + label.len();
        }
        at == offset
    }

    fn label_pairs_shared(&self, other: &Self) -> usize {
        let (mine, theirs) = (Starts::of(self.as_wire()), Starts::of(other.as_wire()));
        mine.labels().zip(theirs.labels()).take_while(|(a, b)| a.eq_ignore_ascii_case(b)).count()
    }
}

/// Where the labels of a name begin.
struct Starts<'a> {
    wire: &'a [u8],
    at: [u8; LABELS_MAX],
    count: usize,
}

impl<'a> Starts<'a> {
    fn of(wire: &'a [u8]) -> Self {
        let (mut starts, mut count, mut at) = ([0; LABELS_MAX], 0, 0_usize);
        while let Some(len) = wire.get(at).filter(|len| **len > 0)
            && let Some(start) = starts.get_mut(count)
        {
            *start = u8::try_from(at).unwrap_or(u8::MAX);
            count += 1;
            at += 1 + usize::from(*len);
        }
        Self { wire, at: starts, count }
    }

    /// The labels from right to left, each behind its length.
    fn labels(&self) -> impl Iterator<Item = &'a [u8]> {
        let wire = self.wire;
        self.at.get(..self.count).unwrap_or_default().iter().rev().map(move |start| {
            let label = wire.get(usize::from(*start)..).unwrap_or_default();
            label.get(..=label.first().map_or(0, |len| usize::from(*len))).unwrap_or_default()
        })
    }
}

/// A name that is put together.
struct Builder {
    octets: [u8; NAME_LEN_MAX],
    len: usize,
}

impl Builder {
    fn new() -> Self {
        Self { octets: [0; NAME_LEN_MAX], len: 0 }
    }

    fn push(&mut self, octets: &[u8]) -> Result<(), NameError> {
        let place = self.octets.get_mut(self.len..).and_then(|rest| rest.get_mut(..octets.len()));
        place.ok_or(NameError::TooLong)?.copy_from_slice(octets);
        self.len += octets.len();
        Ok(())
    }

    fn label(&mut self, label: &[u8]) -> Result<(), NameError> {
        if label.is_empty() {
            return Err(NameError::EmptyLabel);
        }
        let len = u8::try_from(label.len()).ok().filter(|len| usize::from(*len) <= LABEL_LEN_MAX);
        self.push(&[len.ok_or(NameError::LabelTooLong)?])?;
        self.push(label)
    }

    fn close(self) -> Result<Name, NameError> {
        self.end(&[0])
    }

    /// The labels so far, before the name that has these octets.
    fn end(mut self, name: &[u8]) -> Result<Name, NameError> {
        self.push(name)?;
        Ok(Name::copied(self.octets.get(..self.len).unwrap_or_default()))
    }
}

/// The labels of a name, from left to right. See [`Name::labels`].
#[derive(Debug, Clone)]
pub struct Labels<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Labels<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let len = usize::from(*self.rest.first()?);
        if len == 0 {
            return None;
        }
        let label = self.rest.get(1..=len)?;
        self.rest = self.rest.get(1 + len..)?;
        Some(label)
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        // Length octets are below 64 and so are never mistaken for letters.
        self.as_wire().eq_ignore_ascii_case(other.as_wire())
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match &self.wire {
            // Word by word: no hasher has less to do for so few octets. A name ends itself, and zeros follow.
            Wire::Short(len, octets) => {
                Padded::new(octets).words(*len).for_each(|word| state.write_u64(lower(word)));
            }
            Wire::Long(_) => self.lower(|lower| state.write(lower)),
        }
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    /// The canonical order of RFC 4034 §6.1: labels from the right, each as lower-case octets.
    fn cmp(&self, other: &Self) -> Ordering {
        self.lower(|mine| {
            other.lower(|theirs| {
                let (mine, theirs) = (Starts::of(mine), Starts::of(theirs));
                let mut pairs = mine.labels().zip(theirs.labels());
                // Without their lengths: a label goes before those that begin with it.
                let unequal = pairs.find_map(|(a, b)| match a.get(1..).cmp(&b.get(1..)) {
                    Ordering::Equal => None,
                    order => Some(order),
                });
                unequal.unwrap_or_else(|| mine.count.cmp(&theirs.count))
            })
        })
    }
}

impl fmt::Display for Name {
    /// Presentation form with the final dot; whatever could break a line or a log is written `\DDD` (RFC 1035 §5.1).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return f.write_str(".");
        }
        for label in self.labels() {
            for &octet in label {
                match octet {
                    b'.' | b'\\' | b'"' | b';' | b'(' | b')' | b'@' | b'$' => {
                        write!(f, "\\{}", char::from(octet))?;
                    }
                    0x21..=0x7e => write!(f, "{}", char::from(octet))?,
                    _ => write!(f, "\\{octet:03}")?,
                }
            }
            f.write_str(".")?;
        }
        Ok(())
    }
}

/// See [`Name::brief`].
#[derive(Debug)]
pub struct Brief<'a>(&'a Name);

impl fmt::Display for Brief<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A label has escapes of four letters at most: a short name is not written twice.
        if self.0.len() * 4 <= limits::NAME_IN_SENTENCE_MAX {
            return self.0.fmt(f);
        }
        let text = self.0.to_string();
        let half = limits::NAME_IN_SENTENCE_MAX / 2 - 2;
        // Presentation form is ASCII: each octet is a letter.
        match (text.get(..half), text.get(text.len().saturating_sub(half)..)) {
            (Some(first), Some(last)) if text.len() > limits::NAME_IN_SENTENCE_MAX => {
                write!(f, "{first}[…]{last}")
            }
            _ => f.write_str(&text),
        }
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Name {
    type Err = NameError;

    /// Reads presentation form. A missing final dot is supplied: every name is absolute.
    fn from_str(text: &str) -> Result<Self, NameError> {
        if text == "." {
            return Ok(Self::root());
        }
        let mut wire = Builder::new();
        let mut label: SmallVec<[u8; 64]> = SmallVec::new();
        let mut octets = text.bytes();
        let mut open = true;
        while let Some(octet) = octets.next() {
            open = true;
            match octet {
                b'.' => {
                    wire.label(&label)?;
                    label.clear();
                    open = false;
                }
                b'\\' => label.push(unescape(&mut octets)?),
                _ if !octet.is_ascii() => return Err(NameError::NotAscii),
                _ => label.push(octet),
            }
        }
        if open {
            wire.label(&label)?;
        }
        wire.close()
    }
}

/// What follows a backslash: one character, or three decimal digits.
fn unescape(octets: &mut std::str::Bytes<'_>) -> Result<u8, NameError> {
    let first = octets.next().filter(u8::is_ascii).ok_or(NameError::BadEscape)?;
    if !first.is_ascii_digit() {
        return Ok(first);
    }
    let mut value = u16::from(first - b'0');
    for _ in 0..2 {
        let digit = octets.next().filter(u8::is_ascii_digit).ok_or(NameError::BadEscape)?;
        value = value * 10 + u16::from(digit - b'0');
    }
    u8::try_from(value).map_err(|_| NameError::BadEscape)
}

#[cfg(test)]
mod tests {
    use std::hash::BuildHasher as _;

    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    #[test]
    fn the_canonical_order_is_that_of_rfc_4034() {
        // RFC 4034 §6.1, the example.
        let ordered = [
            "example.",
            "a.example.",
            "yljkjljk.a.example.",
            "Z.a.example.",
            "zABC.a.EXAMPLE.",
            "z.example.",
            "\\001.z.example.",
            "*.z.example.",
            "\\200.z.example.",
        ];
        for pair in ordered.windows(2) {
            assert_eq!(name(pair[0]).cmp(&name(pair[1])), Ordering::Less, "{pair:?}");
        }
    }

    #[test]
    fn presentation_survives_every_octet() {
        let label: Vec<u8> = (0..=62).collect();
        for start in [0_u8, 63, 126, 189, 193] {
            let label: Vec<u8> = label.iter().map(|octet| octet + start).collect();
            let original = Name::from_labels([label.as_slice(), b"x"]).unwrap();
            let text = original.to_string();
            assert!(text.bytes().all(|octet| (0x21..0x7f).contains(&octet)), "{text}");
            assert!(original.eq_with_case(&name(&text)));
        }
    }

    #[test]
    fn capital_letters_and_nothing_else_are_lowered_in_words() {
        for octet in 0..=u8::MAX {
            for place in 0..8 {
                let mut octets = [0xff, b'@', b'[', 0, b'Z', b'a', 0x7f, 0xc1];
                octets[place] = octet;
                let expected = u64::from_le_bytes(octets.to_ascii_lowercase().try_into().unwrap());
                assert_eq!(lower(u64::from_le_bytes(octets)), expected, "{octet} at {place}");
            }
        }
    }

    #[test]
    fn names_of_any_length_compare_and_hash_without_regard_to_case() {
        let hash = |name: &Name| foldhash::fast::FixedState::default().hash_one(name);
        for len in 2..=NAME_LEN_MAX - 3 {
            let labels = vec![b'q'; len - 1];
            let Ok(lower) = Name::from_labels(labels.chunks(40).map(|label| &label[1..])) else { continue };
            let upper = lower.with_case(|| true);
            assert_eq!(lower.heap_len() > 0, lower.len() > INLINE);
            assert!(!lower.eq_with_case(&upper) && upper.to_lowercase().eq_with_case(&lower));
            assert_eq!((&lower, hash(&lower), lower.cmp(&upper)), (&upper, hash(&upper), Ordering::Equal));
            let other = Name::from_labels(lower.labels().chain([b"p".as_slice()])).unwrap();
            assert_ne!(other, lower);
            assert_eq!(other.cmp(&upper), Ordering::Less);
            assert!(
                hash(&other) != hash(&lower) && lower.prepend(b"x").is_ok_and(|below| below.is_below(&upper))
            );
        }
    }

    #[test]
    fn a_suffix_that_begins_within_a_label_is_no_ancestor() {
        // \003 looks like the length octet of "com".
        let odd = Name::from_labels([b"a\x03com".as_slice()]).unwrap();
        assert!(!odd.is_subdomain_of(&name("com.")));
        assert!(name("x.COM").is_below(&name("com.")));
        assert!(name("com").is_subdomain_of(&name("COM.")) && !name("com").is_below(&name("COM.")));
    }

    #[test]
    fn names_beyond_the_limits_are_refused() {
        assert_eq!("a..b".parse::<Name>(), Err(NameError::EmptyLabel));
        assert_eq!("".parse::<Name>(), Err(NameError::EmptyLabel));
        assert_eq!(".".repeat(2).parse::<Name>(), Err(NameError::EmptyLabel));
        assert_eq!("x".repeat(64).parse::<Name>(), Err(NameError::LabelTooLong));
        assert_eq!("x.".repeat(128).parse::<Name>(), Err(NameError::TooLong));
        assert_eq!("x.".repeat(127).parse::<Name>().unwrap().len(), 255);
        assert_eq!("a\\25".parse::<Name>(), Err(NameError::BadEscape));
        assert_eq!("a\\256".parse::<Name>(), Err(NameError::BadEscape));
        assert_eq!(Name::from_wire(&[1, b'a']), Err(NameError::Short));
        assert_eq!(Name::from_wire(&[0xc0, 0]), Err(NameError::LabelTooLong));
    }

    #[test]
    fn rebasing_replaces_the_suffix_and_notices_overflow() {
        let long = name(&"x.".repeat(120));
        assert_eq!(
            name("a.b.old.").rebase(&name("OLD."), &name("new.example.")),
            Some(Ok(name("a.b.new.example.")))
        );
        assert_eq!(name("a.other.").rebase(&name("old."), &name("new.")), None);
        assert_eq!(name("aaaaaaaaaaaaaaaa.old.").rebase(&name("old."), &long), Some(Err(NameError::TooLong)));
    }

    #[test]
    fn ancestors_and_suffixes_agree() {
        let deep = name("a.b.example.");
        let all: Vec<String> = deep.ancestors().map(|n| n.to_string()).collect();
        assert_eq!(all, ["a.b.example.", "b.example.", "example.", "."]);
        assert_eq!(deep.suffix(1), name("example."));
        assert_eq!(deep.suffix(9), deep);
        assert_eq!(deep.common_ancestor(&name("x.B.example.")), name("b.example."));
        assert_eq!(deep.label_count(), 3);
    }
}
