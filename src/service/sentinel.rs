//! The root key sentinel (RFC 8509): anybody finds out which of the root's keys a resolver trusts, before a rollover.
//!
//! In: a question for A or AAAA whose first label is `root-key-sentinel-is-ta-` or `root-key-sentinel-not-ta-` and a key
//! tag in five digits, of any domain whose owner set it up. Out: where the label says what is not so, what a secure
//! answer is replaced by: SERVFAIL, as if it were bogus. Answers that are not secure, and questions with CD, are left
//! alone (§2.1). The cache keeps the answers as they are: what is trusted may change.

use crate::dns::edns::{EdeCode, ExtendedError};
use crate::dns::{Question, RecordType};
use crate::validate::Anchors;

const IS_TRUSTED: &[u8] = b"root-key-sentinel-is-ta-";
const IS_NOT_TRUSTED: &[u8] = b"root-key-sentinel-not-ta-";
const DIGITS: usize = 5;

/// What a name says of a key of the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claim {
    key_tag: u16,
    trusted: bool,
}

/// What the name that is asked for says, if it is a sentinel.
pub(super) fn claim(question: &Question) -> Option<Claim> {
    if !matches!(question.rtype, RecordType::A | RecordType::AAAA) {
        return None;
    }
    let label = question.name.labels().next()?;
    let read = |prefix: &[u8], trusted| {
        let (start, digits) = label.split_at_checked(prefix.len())?;
        let is_claim = start.eq_ignore_ascii_case(prefix)
            && digits.len() == DIGITS
            && digits.iter().all(u8::is_ascii_digit);
        // Above 65,535 it is no key tag, and the name one like any other.
        let key_tag = std::str::from_utf8(digits).ok().filter(|_| is_claim)?.parse().ok()?;
        Some(Claim { key_tag, trusted })
    };
    read(IS_TRUSTED, true).or_else(|| read(IS_NOT_TRUSTED, false))
}

/// Whether a name in wire form may be a sentinel: so it begins.
pub(super) fn may_be_claim(name: &[u8]) -> bool {
    const START: &[u8] = b"root-key-sentinel-";
    name.get(1..=START.len()).is_some_and(|start| start.eq_ignore_ascii_case(START))
}

/// What a secure answer gives way to, if what its name says is not so.
pub(super) fn contradiction(claim: Claim, anchors: &Anchors) -> Option<ExtendedError> {
    let key_tag = claim.key_tag;
    let mut root = anchors.iter().filter(|(zone, _)| zone.is_root()).flat_map(|(_, keys)| keys);
    let trusted = root.any(|key| key.key_tag() == key_tag);
    (trusted != claim.trusted).then(|| {
        let is = if trusted { "is" } else { "is not" };
        let text =
            format!("root key sentinel (RFC 8509): key {key_tag} {is} a trust anchor for the root here");
        ExtendedError { code: EdeCode::DNSSEC_BOGUS, text }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_the_whole_first_label_with_five_digits() {
        let of = |name: &str, rtype| {
            claim(&Question::new(name.parse().unwrap(), rtype)).map(|claim| (claim.key_tag, claim.trusted))
        };
        let (a, aaaa) = (RecordType::A, RecordType::AAAA);
        assert_eq!(of("root-key-sentinel-is-ta-20326.example.", a), Some((20_326, true)));
        assert_eq!(of("ROOT-key-sentinel-NOT-ta-00007.", aaaa), Some((7, false)));
        assert_eq!(of("root-key-sentinel-not-ta-65535.example.", a), Some((65_535, false)));
        for name in [
            "root-key-sentinel-is-ta-2032.example.",
            "root-key-sentinel-is-ta-020326.example.",
            "root-key-sentinel-is-ta-+2032.example.",
            "root-key-sentinel-is-ta-4f66a.example.",
            "root-key-sentinel-is-ta-65536.example.",
            "root-key-sentinel-is-ta-.example.",
            "root-key-sentinel-at-ta-20326.example.",
            "www.root-key-sentinel-is-ta-20326.example.",
            ".",
        ] {
            assert_eq!(of(name, a), None, "{name}");
        }
        let may = |name: &str| may_be_claim(name.parse::<crate::dns::Name>().unwrap().as_wire());
        assert!(may("ROOT-key-sentinel-NOT-ta-00007.") && may("root-key-sentinel-is-ta-20326.example."));
        assert!(!may(".") && !may("www.root-key-sentinel-is-ta-20326.example."));
        assert_eq!(of("root-key-sentinel-is-ta-20326.example.", RecordType::TXT), None);
    }
}
