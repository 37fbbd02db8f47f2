//! RRsets with opaque rdata (RFC 2181 §5, RFC 3597).
//!
//! An [`Rrset`] keeps its records' rdata in one packed allocation, uncompressed and with the case that came,
//! and beside it the RRSIG records that cover it. Nothing here looks inside the rdata.

use super::{Class, Name, RecordType};

/// The rdata of several records, packed: each behind its length in two octets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Rdatas {
    packed: Vec<u8>,
    count: u16,
}

impl Rdatas {
    /// No records.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one record's rdata. False, and nothing is added, if it has more than 65,535 octets or there are 65,535 already.
    pub fn push(&mut self, rdata: &[u8]) -> bool {
        let (Ok(len), Some(count)) = (u16::try_from(rdata.len()), self.count.checked_add(1)) else {
            return false;
        };
        self.packed.reserve(2 + rdata.len());
        self.packed.extend_from_slice(&len.to_be_bytes());
        self.packed.extend_from_slice(rdata);
        self.count = count;
        true
    }

    /// Adds one record's rdata that comes in parts. False as with [`Self::push`].
    pub(super) fn push_parts<const N: usize>(&mut self, parts: [&[u8]; N]) -> bool {
        let whole = parts.iter().map(|part| part.len()).sum::<usize>();
        let (Ok(len), Some(count)) = (u16::try_from(whole), self.count.checked_add(1)) else {
            return false;
        };
        self.packed.reserve(2 + whole);
        self.packed.extend_from_slice(&len.to_be_bytes());
        for part in parts {
            self.packed.extend_from_slice(part);
        }
        self.count = count;
        true
    }

    /// One record, its rdata in two parts: a name and the rest. None, if it has more than 65,535 octets.
    pub fn of_parts(parts: [&[u8]; 2]) -> Self {
        let mut rdatas = Self::new();
        rdatas.push_parts(parts);
        rdatas
    }

    /// How many records there are, and their rdata, each behind its length.
    pub(super) fn as_packed(&self) -> (u16, &[u8]) {
        (self.count, &self.packed)
    }

    /// From what [`Self::as_packed`] gave.
    pub(super) fn from_packed(count: u16, packed: &[u8]) -> Self {
        Self { packed: packed.to_vec(), count }
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        usize::from(self.count)
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Each record's rdata, in the order it came.
    pub fn iter(&self) -> RdataIter<'_> {
        RdataIter { rest: &self.packed }
    }

    /// The first record's rdata.
    pub fn first(&self) -> Option<&[u8]> {
        self.iter().next()
    }

    /// The rdata, if there is one record alone; that it came several times does not count (RFC 2181 §5).
    pub fn only(&self) -> Option<&[u8]> {
        let first = self.first()?;
        self.iter().all(|one| one == first).then_some(first)
    }

    /// Whether one of the records has exactly this rdata.
    pub fn contains(&self, rdata: &[u8]) -> bool {
        self.iter().any(|one| one == rdata)
    }

    /// Keeps the records for which `keep` says true.
    pub fn retain(&mut self, mut keep: impl FnMut(&[u8]) -> bool) {
        let mut kept = Self::new();
        for rdata in self.iter() {
            if keep(rdata) {
                kept.push(rdata);
            }
        }
        *self = kept;
    }

    /// The octets that the records take in memory.
    pub fn byte_len(&self) -> usize {
        self.packed.len()
    }
}

impl std::fmt::Debug for Rdatas {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> FromIterator<&'a [u8]> for Rdatas {
    fn from_iter<I: IntoIterator<Item = &'a [u8]>>(rdatas: I) -> Self {
        let mut all = Self::new();
        for rdata in rdatas {
            all.push(rdata);
        }
        all
    }
}

impl<'a> IntoIterator for &'a Rdatas {
    type Item = &'a [u8];
    type IntoIter = RdataIter<'a>;

    fn into_iter(self) -> RdataIter<'a> {
        self.iter()
    }
}

/// See [`Rdatas::iter`].
#[derive(Debug, Clone)]
pub struct RdataIter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for RdataIter<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (len, rest) = self.rest.split_first_chunk::<2>()?;
        let (rdata, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
        self.rest = rest;
        Some(rdata)
    }
}

/// All records of one name, type and class, and the signatures over them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rrset {
    /// The owner.
    pub name: Name,
    /// The type. Never RRSIG, unless signatures came that cover nothing present.
    pub rtype: RecordType,
    /// The class.
    pub class: Class,
    /// Seconds: the lowest TTL of the records (RFC 2181 §5.2), at most 2³¹−1 (a larger one was read as 0, §8).
    pub ttl: u32,
    /// The records.
    pub rdatas: Rdatas,
    /// The rdata of the RRSIG records that cover this RRset.
    pub signatures: Rdatas,
    /// Seconds: the lowest TTL of the RRSIG records; equal to `ttl` if there are none.
    pub signatures_ttl: u32,
}

impl Rrset {
    /// An RRset of class `IN` without records.
    pub fn new(name: Name, rtype: RecordType, ttl: u32) -> Self {
        Self {
            name,
            rtype,
            class: Class::IN,
            ttl,
            rdatas: Rdatas::new(),
            signatures: Rdatas::new(),
            signatures_ttl: ttl,
        }
    }

    /// The same with one more record.
    #[must_use]
    pub fn with(mut self, rdata: &[u8]) -> Self {
        self.rdatas.push(rdata);
        self
    }

    /// Whether this RRset has that owner and type.
    pub fn is(&self, name: &Name, rtype: RecordType) -> bool {
        self.rtype == rtype && self.name == *name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_rdata_comes_back_as_it_went_in() {
        let mut all = Rdatas::new();
        assert!(all.push(b"") && all.push(b"abc") && all.push(&vec![7; 65_535]));
        assert!(!all.push(&vec![7; 65_536]));
        assert_eq!(all.iter().map(<[u8]>::len).collect::<Vec<_>>(), [0, 3, 65_535]);
        assert_eq!(all.len(), 3);
        assert_eq!(all.only(), None);
        all.retain(|rdata| rdata == b"abc");
        assert!(all.push(b"abc"));
        assert_eq!(all.only(), Some(&b"abc"[..]));
        assert_eq!(Rdatas::new().only(), None);
        assert_eq!(all.iter().collect::<Vec<_>>(), [b"abc", b"abc"]);
    }
}
