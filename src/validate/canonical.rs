//! The octets that a signature is made over (RFC 4034 §3.1.8.1, §6.2, §6.3; RFC 6840 §5.1).
//!
//! In: an RRset as it came and an RRSIG over it. Out: the message to verify. The records are put in order by
//! their canonical rdata alone and duplicates are dropped, whatever TTL or letter case they came with.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::dns::rdata::{Field, Rrsig, layout};
use crate::dns::{Name, RecordType, Rrset};

/// An RRset in canonical form: made once, used for each signature that is tried.
pub(super) struct Canonical<'a> {
    rrset: &'a Rrset,
    /// As they came, but for those with capital letters that have to go.
    rdatas: SmallVec<[Cow<'a, [u8]>; 4]>,
}

impl<'a> Canonical<'a> {
    /// Brings the rdata of each record into canonical form and order.
    pub(super) fn new(rrset: &'a Rrset) -> Self {
        let mut rdatas: SmallVec<[Cow<'a, [u8]>; 4]> =
            rrset.rdatas.iter().map(|rdata| canonical(rrset.rtype, rdata)).collect();
        // RFC 4034 §6.3: by octets, a shorter rdata before its own extension; duplicates are not signed.
        rdatas.sort_unstable();
        rdatas.dedup();
        Self { rrset, rdatas }
    }

    /// The message that `signature` is to be over; none if the owner it speaks of cannot exist.
    pub(super) fn message(&self, signature: &Rrsig<'_>) -> Option<Vec<u8>> {
        let owner = signed_owner(&self.rrset.name, signature.labels)?.to_lowercase();
        let each = owner.len() + 10;
        let size: usize = self.rdatas.iter().map(|rdata| rdata.len() + each).sum();
        let mut message = Vec::with_capacity(signature.fixed.len() + signature.signer.len() + size);
        message.extend_from_slice(signature.fixed);
        message.extend_from_slice(signature.signer.to_lowercase().as_wire());
        for rdata in &self.rdatas {
            message.extend_from_slice(owner.as_wire());
            message.extend_from_slice(&self.rrset.rtype.0.to_be_bytes());
            message.extend_from_slice(&self.rrset.class.0.to_be_bytes());
            message.extend_from_slice(&signature.original_ttl.to_be_bytes());
            message.extend_from_slice(&u16::try_from(rdata.len()).ok()?.to_be_bytes());
            message.extend_from_slice(rdata);
        }
        Some(message)
    }
}

/// The owner that was signed (RFC 4035 §5.3.2): the RRset's own, or the wildcard that it was expanded from.
fn signed_owner(owner: &Name, labels: u8) -> Option<Name> {
    let labels = usize::from(labels);
    match signed_labels(owner) {
        own if labels == own => Some(owner.clone()),
        own if labels < own => owner.suffix(labels).wildcard().ok(),
        _ => None,
    }
}

/// How many labels the RRSIG over an RRset of this owner counts (RFC 4034 §3.1.3): neither the root's nor a
/// leftmost asterisk.
pub(super) fn signed_labels(owner: &Name) -> usize {
    owner.label_count() - usize::from(owner.is_wildcard())
}

/// The rdata with its names in lower case, where the type asks for it. Rdata of an odd form stays as it is.
fn canonical(rtype: RecordType, rdata: &[u8]) -> Cow<'_, [u8]> {
    let Some(layout) = layout(rtype).filter(|layout| layout.lowercase) else { return rdata.into() };
    if !rdata.iter().any(u8::is_ascii_uppercase) {
        return rdata.into();
    }
    let mut lower = rdata.to_vec();
    let mut at = 0_usize;
    for field in layout.fields {
        let Some(rest) = rdata.get(at..) else { return rdata.into() };
        let len = match field {
            Field::Octets(len) => usize::from(*len),
            Field::CharString => 1 + usize::from(rest.first().copied().unwrap_or(0)),
            Field::Name => match Name::from_wire(rest) {
                // Length octets are below 64 and so are never mistaken for letters.
                Ok((_, used)) => {
                    if let Some(name) = lower.get_mut(at..at + used) {
                        name.make_ascii_lowercase();
                    }
                    used
                }
                Err(_) => return rdata.into(),
            },
        };
        at += len;
    }
    lower.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    #[test]
    fn records_are_sorted_by_lowered_rdata_and_duplicates_vanish() {
        let mut rrset = Rrset::new(name("Example."), RecordType::NS, 300);
        for target in ["b.", "A.", "B."] {
            rrset.rdatas.push(name(target).as_wire());
        }
        assert_eq!(Canonical::new(&rrset).rdatas[..], [name("a.").as_wire(), name("b.").as_wire()]);
    }

    #[test]
    fn names_are_lowered_only_where_the_type_asks_for_it() {
        let mx = [&[0, 10][..], name("MAIL.Example.").as_wire()].concat();
        assert_eq!(canonical(RecordType::MX, &mx), [&[0, 10][..], name("mail.example.").as_wire()].concat());
        // RFC 6840 §5.1: the next name of NSEC keeps its case; text is never touched.
        let nsec = [name("A.Example.").as_wire(), &[0, 1, 0x40]].concat();
        assert_eq!(canonical(RecordType::NSEC, &nsec), nsec);
        assert_eq!(*canonical(RecordType::TXT, b"\x03ABC"), *b"\x03ABC");
        let naptr = [b"\0\x01\0\x02\x01U\x03E2U\x00".as_slice(), name("X.").as_wire()].concat();
        let lowered = [b"\0\x01\0\x02\x01U\x03E2U\x00".as_slice(), name("x.").as_wire()].concat();
        assert_eq!(canonical(RecordType::NAPTR, &naptr), lowered);
        // Cut short: left alone.
        assert_eq!(*canonical(RecordType::MX, &[0]), [0]);
        assert_eq!(*canonical(RecordType::SOA, b"\x01A\0\x05B"), *b"\x01A\0\x05B");
    }

    #[test]
    fn a_wildcard_owner_is_rebuilt_from_the_labels_field() {
        assert_eq!(signed_owner(&name("a.b.example."), 1), Some(name("*.example.")));
        assert_eq!(signed_owner(&name("a.b.example."), 3), Some(name("a.b.example.")));
        assert_eq!(signed_owner(&name("a.b.example."), 4), None);
        assert_eq!(signed_owner(&name("*.example."), 1), Some(name("*.example.")));
        assert_eq!(signed_owner(&name("*.example."), 2), None);
        assert_eq!(signed_owner(&name("*.b.example."), 1), Some(name("*.example.")));
        assert_eq!(signed_owner(&name("a.example."), 0), Some(name("*.")));
    }
}
