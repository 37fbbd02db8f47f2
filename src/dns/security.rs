//! What validation says of data (RFC 4033 §5), and why.

use std::fmt;

use super::edns::EdeCode;
use super::{Name, RecordType};
use crate::limits::Reached;

/// The state of an RRset or of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValidationState {
    /// A chain of signatures leads from a trust anchor to it.
    Secure,
    /// A chain leads to a proof that the zone is not signed, or not in a way that can be used here.
    Insecure,
    /// It should be signed and is not, or the signatures are wrong.
    Bogus(Box<Reason>),
    /// No trust anchor stands above it, or validation is off.
    Indeterminate,
}

impl ValidationState {
    /// All words of [`Self::word`].
    pub const WORDS: [&'static str; 4] = ["secure", "insecure", "bogus", "indeterminate"];

    /// Whether this is `Secure`.
    pub fn is_secure(&self) -> bool {
        matches!(self, Self::Secure)
    }

    /// Whether this is `Bogus`.
    pub fn is_bogus(&self) -> bool {
        matches!(self, Self::Bogus(_))
    }

    /// The weaker of two states: an answer is as good as the weakest of what it consists of (RFC 4035 §3.2.3).
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        if self.weakness() >= other.weakness() { self } else { other }
    }

    /// The word for metrics and logs.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Secure => "secure",
            Self::Insecure => "insecure",
            Self::Bogus(_) => "bogus",
            Self::Indeterminate => "indeterminate",
        }
    }

    fn weakness(&self) -> u8 {
        match self {
            Self::Secure => 0,
            Self::Insecure => 1,
            Self::Indeterminate => 2,
            Self::Bogus(_) => 3,
        }
    }
}

/// Why something is bogus: the zone, the record, and the fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The zone whose word was not good.
    pub zone: Name,
    /// The owner of the record that failed.
    pub name: Name,
    /// The type of the record that failed.
    pub rtype: RecordType,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong. Each becomes one clause of the EDE text and the label of a metric.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The signature's time is over.
    #[error("signature expired {} ago (key {key_tag}, algorithm {algorithm})", Ago(*seconds))]
    #[expect(missing_docs, reason = "the names say it")]
    SignatureExpired { key_tag: u16, algorithm: u8, seconds: u32 },
    /// The signature's time has not begun.
    #[error("signature not valid for another {} (key {key_tag}, algorithm {algorithm})", Ago(*seconds))]
    #[expect(missing_docs, reason = "the names say it")]
    SignatureNotYetValid { key_tag: u16, algorithm: u8, seconds: u32 },
    /// Expiration stands before inception.
    #[error("signature expires before it begins (key {key_tag}, algorithm {algorithm})")]
    #[expect(missing_docs, reason = "the names say it")]
    SignatureTimesReversed { key_tag: u16, algorithm: u8 },
    /// The arithmetic does not hold: the data or the signature was changed, or another key made it.
    #[error("signature does not match the data (key {key_tag}, algorithm {algorithm})")]
    #[expect(missing_docs, reason = "the names say it")]
    SignatureWrong { key_tag: u16, algorithm: u8 },
    /// The zone is signed, the RRset is not.
    #[error("signature missing in a signed zone")]
    SignatureMissing,
    /// Signatures are there, none by a key of the zone.
    #[error("no key of the zone made the signature (it names key {key_tag}, algorithm {algorithm})")]
    #[expect(missing_docs, reason = "the names say it")]
    NoKeyForSignature { key_tag: u16, algorithm: u8 },
    /// The signer's name, the labels field or the covered type of the RRSIG cannot be right (RFC 4035 §5.3.1).
    #[error("signature is not one its signer {} may make here", signer.brief())]
    #[expect(missing_docs, reason = "the names say it")]
    SignerWrong { signer: Name },
    /// The zone has a DS record, its DNSKEY set is absent.
    #[error("the parent has a DS record but the zone gives no DNSKEY")]
    DnskeyMissing,
    /// No DNSKEY has the tag, algorithm and digest of a DS record.
    #[error("no DNSKEY matches the parent's DS record (tag {key_tag}, algorithm {algorithm})")]
    #[expect(missing_docs, reason = "the names say it")]
    DsMismatch { key_tag: u16, algorithm: u8 },
    /// A key that the DS names exists, without the zone key flag.
    #[error("the DNSKEY that the DS record names is not a zone key (tag {key_tag})")]
    #[expect(missing_docs, reason = "the names say it")]
    NoZoneKeyBit { key_tag: u16 },
    /// A key that the DS names exists and is revoked (RFC 5011).
    #[error("the DNSKEY that the DS record names is revoked (tag {key_tag})")]
    #[expect(missing_docs, reason = "the names say it")]
    KeyRevoked { key_tag: u16 },
    /// No key of the zone matches a configured trust anchor.
    #[error("no DNSKEY of the zone matches a trust anchor")]
    NoAnchorMatch,
    /// Denial records are absent or do not prove what the answer claims.
    #[error("the {what} is not proven by the NSEC or NSEC3 records that came with it")]
    #[expect(missing_docs, reason = "the names say it")]
    DenialMissing { what: Denied },
    /// A limit on the work for one question was reached.
    #[error("more work than one answer may cost ({limit})")]
    #[expect(missing_docs, reason = "the names say it")]
    TooMuchWork { limit: Reached },
    /// The answer contradicts itself.
    #[error("the answer contradicts itself: {what}")]
    #[expect(missing_docs, reason = "the names say it")]
    Contradiction { what: &'static str },
    /// What the proof needed could not be fetched.
    #[error("what proves it could not be fetched: {why}")]
    #[expect(missing_docs, reason = "the names say it")]
    EvidenceMissing { why: String, code: EdeCode },
}

/// What a denial denies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// The name (NXDOMAIN).
    Name,
    /// The type at the name (NODATA).
    Type,
    /// A closer match than the wildcard an answer came from.
    CloserMatch,
    /// The wildcard.
    Wildcard,
    /// The DS record at a delegation.
    Ds,
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "absence of the name",
            Self::Type => "absence of the type",
            Self::CloserMatch => "absence of a closer match than the wildcard",
            Self::Wildcard => "absence of a wildcard",
            Self::Ds => "absence of a DS record",
        })
    }
}

impl Fault {
    /// All words of [`Self::label`].
    pub const LABELS: [&'static str; 16] = [
        "signature-expired",
        "signature-not-yet-valid",
        "signature-times-reversed",
        "signature-wrong",
        "signature-missing",
        "no-key",
        "signer-wrong",
        "dnskey-missing",
        "ds-mismatch",
        "no-zone-key-bit",
        "key-revoked",
        "no-anchor-match",
        "denial-missing",
        "too-much-work",
        "contradiction",
        "evidence-missing",
    ];

    /// The INFO-CODE that says this best (RFC 8914 §4).
    pub fn ede(&self) -> EdeCode {
        match self {
            Self::SignatureExpired { .. } => EdeCode::SIGNATURE_EXPIRED,
            Self::SignatureNotYetValid { .. } => EdeCode::SIGNATURE_NOT_YET_VALID,
            Self::SignatureTimesReversed { .. } => EdeCode::SIGNATURE_EXPIRED_BEFORE_VALID,
            Self::SignatureMissing => EdeCode::RRSIGS_MISSING,
            Self::DnskeyMissing
            | Self::DsMismatch { .. }
            | Self::NoAnchorMatch
            | Self::NoKeyForSignature { .. } => EdeCode::DNSKEY_MISSING,
            Self::NoZoneKeyBit { .. } => EdeCode::NO_ZONE_KEY_BIT,
            Self::DenialMissing { .. } => EdeCode::NSEC_MISSING,
            Self::SignatureWrong { .. }
            | Self::SignerWrong { .. }
            | Self::KeyRevoked { .. }
            | Self::TooMuchWork { .. }
            | Self::Contradiction { .. } => EdeCode::DNSSEC_BOGUS,
            // That a server is dead says more than that its keys are missing.
            Self::EvidenceMissing { code, .. } => *code,
        }
    }

    /// The label of `rootwalk_dnssec_bogus_total{reason}`.
    pub fn label(&self) -> &'static str {
        match self {
            Self::SignatureExpired { .. } => "signature-expired",
            Self::SignatureNotYetValid { .. } => "signature-not-yet-valid",
            Self::SignatureTimesReversed { .. } => "signature-times-reversed",
            Self::SignatureWrong { .. } => "signature-wrong",
            Self::SignatureMissing => "signature-missing",
            Self::NoKeyForSignature { .. } => "no-key",
            Self::SignerWrong { .. } => "signer-wrong",
            Self::DnskeyMissing => "dnskey-missing",
            Self::DsMismatch { .. } => "ds-mismatch",
            Self::NoZoneKeyBit { .. } => "no-zone-key-bit",
            Self::KeyRevoked { .. } => "key-revoked",
            Self::NoAnchorMatch => "no-anchor-match",
            Self::DenialMissing { .. } => "denial-missing",
            Self::TooMuchWork { .. } => "too-much-work",
            Self::Contradiction { .. } => "contradiction",
            Self::EvidenceMissing { .. } => "evidence-missing",
        }
    }
}

impl Reason {
    /// The octets it has allocated, beside its own size; `heap` says what an allocation of a length takes.
    pub fn heap_bytes(&self, heap: fn(usize) -> usize) -> usize {
        let fault = match &self.fault {
            Fault::SignerWrong { signer } => signer.heap_len(),
            Fault::EvidenceMissing { why, .. } => why.capacity(),
            _ => 0,
        };
        heap(self.zone.heap_len()) + heap(self.name.heap_len()) + heap(fault)
    }
}

impl fmt::Display for Reason {
    /// `broken.example. A: signature expired 3 h ago (key 20326, algorithm 8)`, with the zone where it is another name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.name.brief(), self.rtype, self.fault)?;
        if self.zone != self.name {
            write!(f, ", zone {}", self.zone.brief())?;
        }
        Ok(())
    }
}

/// A span of time in seconds as people say it: the largest whole unit.
#[derive(Debug, Clone, Copy)]
pub struct Ago(pub u32);

impl fmt::Display for Ago {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            seconds @ 0..120 => write!(f, "{seconds} s"),
            seconds @ 120..7_200 => write!(f, "{} min", seconds / 60),
            seconds @ 7_200..172_800 => write!(f, "{} h", seconds / 3_600),
            seconds => write!(f, "{} d", seconds / 86_400),
        }
    }
}
