//! Why there is no answer. One sentence serves the log, the EDE text and `rootwalk explain`.

use std::net::IpAddr;

use crate::dns::edns::{EdeCode, ExtendedError};
use crate::dns::security::Reason;
use crate::dns::{Name, Question, Rcode};
use crate::limits::Reached;

/// Why a question could not be answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// A bound on the work for one question was reached.
    #[error("the limit of {0} for one question was reached")]
    Limit(Reached),
    /// Answering would need its own answer: name servers that depend on each other.
    #[error("the name servers of {} can only be found by way of themselves", .0.brief())]
    Cycle(Name),
    /// No server of the zone gave a usable answer.
    #[error("no server of {} gave a usable answer{}", .zone.brief(), last_said(.last.as_ref()))]
    NoServer {
        /// The zone.
        zone: Name,
        /// The last server asked, and what was wrong with it.
        last: Option<(IpAddr, ServerFault)>,
    },
    /// The zone has name servers, none with an address that may be asked.
    #[error("no name server of {} has an address that can be asked", .0.brief())]
    NoAddress(Name),
    /// Aliases lead back to a name of their own chain.
    #[error("aliases lead in a circle, back to {}", .0.brief())]
    AliasLoop(Name),
    /// The answer was proven wrong.
    #[error("{0}")]
    Bogus(Box<Reason>),
    /// Nobody is reached.
    #[error(
        "no server has answered {}: this host seems cut off, check its link, its route and its packet filter",
        since_when(*.silent_secs)
    )]
    Offline {
        /// Seconds since a server answered; none if none ever did.
        silent_secs: Option<u64>,
    },
    /// An earlier failure is remembered (RFC 9520).
    #[error("{0} (remembered)")]
    Remembered(Box<Self>),
    /// More clients wait for the same question, or more questions are under way, than is allowed.
    #[error("the resolver is too busy: {0}")]
    Busy(&'static str),
    /// The process is shutting down.
    #[error("the resolver is shutting down")]
    ShuttingDown,
    /// The work for a question ended without a result, by a fault of Rootwalk's own.
    #[error("the work for {} {} ended without a result, please report this", .0.name.brief(), .0.rtype)]
    Lost(Question),
}

/// What was wrong with a server's answer, or that there was none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ServerFault {
    /// No answer in time.
    #[error("no answer")]
    Timeout,
    /// The network refused: no route, port closed.
    #[error("unreachable")]
    Unreachable,
    /// It does not serve the zone.
    #[error("it does not serve the zone")]
    Lame,
    /// An error code.
    #[error("it said {0}")]
    Rcode(Rcode),
    /// Not a message, or one that contradicts itself.
    #[error("its answer makes no sense")]
    Nonsense,
    /// Truncated over TCP, or TCP failed where UDP was truncated.
    #[error("its answer is truncated and TCP failed")]
    Truncated,
    /// Its answer was well-formed and failed validation.
    #[error("its answer is bogus")]
    Bogus,
}

impl From<Reached> for Failure {
    fn from(reached: Reached) -> Self {
        Self::Limit(reached)
    }
}

fn last_said(last: Option<&(IpAddr, ServerFault)>) -> String {
    last.map(|(server, fault)| format!(": {server}, the last, {fault}")).unwrap_or_default()
}

fn since_when(silent_secs: Option<u64>) -> String {
    silent_secs.map_or_else(|| "since the start".to_owned(), |secs| format!("for {secs} s"))
}

impl Failure {
    /// The extended error for a client (RFC 8914).
    pub fn ede(&self) -> ExtendedError {
        ExtendedError::new(self.ede_code(), &self.to_string())
    }

    /// The INFO-CODE that says this best (RFC 8914 §4).
    pub fn ede_code(&self) -> EdeCode {
        match self {
            Self::Limit(_) | Self::AliasLoop(_) | Self::Busy(_) | Self::Lost(_) => EdeCode::OTHER,
            Self::Offline { .. } | Self::NoServer { last: Some((_, ServerFault::Unreachable)), .. } => {
                EdeCode::NETWORK_ERROR
            }
            Self::Cycle(_) | Self::NoAddress(_) | Self::NoServer { .. } => EdeCode::NO_REACHABLE_AUTHORITY,
            Self::Bogus(reason) => reason.fault.ede(),
            Self::Remembered(inner) => match **inner {
                // The cause says more than "cached", and validators downstream look for it.
                Self::Bogus(ref reason) => reason.fault.ede(),
                _ => EdeCode::CACHED_ERROR,
            },
            Self::ShuttingDown => EdeCode::NOT_READY,
        }
    }

    /// Whether something was proven wrong, now or before.
    pub fn is_bogus(&self) -> bool {
        matches!(self.root_cause(), Self::Bogus(_))
    }

    /// The failure itself, without the note that it was remembered.
    #[must_use]
    pub fn root_cause(&self) -> &Self {
        match self {
            Self::Remembered(inner) => inner.root_cause(),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::RecordType;
    use crate::dns::security::{Denied, Fault};
    use crate::limits::{self, Limit};

    const DAY: u32 = 86_400;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn reached() -> Reached {
        Reached { limit: Limit::Verifications, cap: 64 }
    }

    /// The place of a fault among all: who adds one comes by here, and then has to say its code and sentence below.
    fn place_of_fault(fault: &Fault) -> usize {
        match fault {
            Fault::SignatureExpired { .. } => 0,
            Fault::SignatureNotYetValid { .. } => 1,
            Fault::SignatureTimesReversed { .. } => 2,
            Fault::SignatureWrong { .. } => 3,
            Fault::SignatureMissing => 4,
            Fault::NoKeyForSignature { .. } => 5,
            Fault::SignerWrong { .. } => 6,
            Fault::DnskeyMissing => 7,
            Fault::DsMismatch { .. } => 8,
            Fault::NoZoneKeyBit { .. } => 9,
            Fault::KeyRevoked { .. } => 10,
            Fault::NoAnchorMatch => 11,
            Fault::DenialMissing { .. } => 12,
            Fault::TooMuchWork { .. } => 13,
            Fault::Contradiction { .. } => 14,
            Fault::EvidenceMissing { .. } => 15,
        }
    }
    const FAULTS: usize = 16;

    /// The same for failures.
    fn place_of_failure(failure: &Failure) -> usize {
        match failure {
            Failure::Limit(_) => 0,
            Failure::Cycle(_) => 1,
            Failure::NoServer { .. } => 2,
            Failure::NoAddress(_) => 3,
            Failure::AliasLoop(_) => 4,
            Failure::Bogus(_) => 5,
            Failure::Offline { .. } => 6,
            Failure::Remembered(_) => 7,
            Failure::Busy(_) => 8,
            Failure::ShuttingDown => 9,
            Failure::Lost(_) => 10,
        }
    }
    const FAILURES: usize = 11;

    /// Each fault with its INFO-CODE and what is said of it.
    fn faults(signer: &Name) -> Vec<(Fault, u16, String)> {
        let (key_tag, algorithm) = (4_711, 13);
        let dead = Failure::NoServer { zone: signer.clone(), last: None };
        let denied = "is not proven by the NSEC or NSEC3 records that came with it";
        let all = [
            (
                Fault::SignatureExpired { key_tag, algorithm, seconds: 3 * 3_600 + 59 },
                7,
                "signature expired 3 h ago (key 4711, algorithm 13)".to_owned(),
            ),
            (
                Fault::SignatureNotYetValid { key_tag, algorithm, seconds: 2 * DAY + 5 },
                8,
                "signature not valid for another 2 d (key 4711, algorithm 13)".to_owned(),
            ),
            (
                Fault::SignatureTimesReversed { key_tag, algorithm },
                25,
                "signature expires before it begins (key 4711, algorithm 13)".to_owned(),
            ),
            (
                Fault::SignatureWrong { key_tag, algorithm },
                6,
                "signature does not match the data (key 4711, algorithm 13)".to_owned(),
            ),
            (Fault::SignatureMissing, 10, "signature missing in a signed zone".to_owned()),
            (
                Fault::NoKeyForSignature { key_tag, algorithm },
                9,
                "no key of the zone made the signature (it names key 4711, algorithm 13)".to_owned(),
            ),
            (
                Fault::SignerWrong { signer: signer.clone() },
                6,
                format!("signature is not one its signer {} may make here", signer.brief()),
            ),
            (Fault::DnskeyMissing, 9, "the parent has a DS record but the zone gives no DNSKEY".to_owned()),
            (
                Fault::DsMismatch { key_tag, algorithm },
                9,
                "no DNSKEY matches the parent's DS record (tag 4711, algorithm 13)".to_owned(),
            ),
            (
                Fault::NoZoneKeyBit { key_tag },
                11,
                "the DNSKEY that the DS record names is not a zone key (tag 4711)".to_owned(),
            ),
            (
                Fault::KeyRevoked { key_tag },
                6,
                "the DNSKEY that the DS record names is revoked (tag 4711)".to_owned(),
            ),
            (Fault::NoAnchorMatch, 9, "no DNSKEY of the zone matches a trust anchor".to_owned()),
            (Fault::DenialMissing { what: Denied::Name }, 12, format!("the absence of the name {denied}")),
            (Fault::DenialMissing { what: Denied::Type }, 12, format!("the absence of the type {denied}")),
            (
                Fault::DenialMissing { what: Denied::CloserMatch },
                12,
                format!("the absence of a closer match than the wildcard {denied}"),
            ),
            (
                Fault::DenialMissing { what: Denied::Wildcard },
                12,
                format!("the absence of a wildcard {denied}"),
            ),
            (Fault::DenialMissing { what: Denied::Ds }, 12, format!("the absence of a DS record {denied}")),
            (
                Fault::TooMuchWork { limit: reached() },
                6,
                "more work than one answer may cost (64 verifications)".to_owned(),
            ),
            (
                Fault::Contradiction { what: "its aliases lead elsewhere" },
                6,
                "the answer contradicts itself: its aliases lead elsewhere".to_owned(),
            ),
            (
                Fault::EvidenceMissing { why: dead.to_string(), code: dead.ede_code() },
                22,
                format!(
                    "what proves it could not be fetched: no server of {} gave a usable answer",
                    signer.brief()
                ),
            ),
        ];
        let places: std::collections::BTreeSet<usize> =
            all.iter().map(|(fault, ..)| place_of_fault(fault)).collect();
        assert!(places.into_iter().eq(0..FAULTS), "a fault is not in the table");
        let is_its_label = |fault: &Fault| fault.label() == Fault::LABELS[place_of_fault(fault)];
        assert!(all.iter().all(|(fault, ..)| is_its_label(fault)), "a fault's label is not counted");
        all.into()
    }

    fn bogus(zone: &Name, record: &Name, fault: Fault) -> Failure {
        let reason = Reason { zone: zone.clone(), name: record.clone(), rtype: RecordType::A, fault };
        Failure::Bogus(Box::new(reason))
    }

    /// Each other failure with its INFO-CODE and sentence.
    fn failures(zone: &Name) -> Vec<(Failure, u16, String)> {
        let server = IpAddr::from([192, 0, 2, 53]);
        let at = |fault| Failure::NoServer { zone: zone.clone(), last: Some((server, fault)) };
        let no_server = |why: &str| {
            format!("no server of {} gave a usable answer: 192.0.2.53, the last, {why}", zone.brief())
        };
        let fault = Fault::SignatureMissing;
        let missing = bogus(zone, zone, fault.clone());
        let all = vec![
            (
                Failure::Limit(reached()),
                0,
                "the limit of 64 verifications for one question was reached".to_owned(),
            ),
            (
                Failure::Cycle(zone.clone()),
                22,
                format!("the name servers of {} can only be found by way of themselves", zone.brief()),
            ),
            (at(ServerFault::Timeout), 22, no_server("no answer")),
            (at(ServerFault::Unreachable), 23, no_server("unreachable")),
            (at(ServerFault::Lame), 22, no_server("it does not serve the zone")),
            (at(ServerFault::Rcode(Rcode::REFUSED)), 22, no_server("it said REFUSED")),
            (at(ServerFault::Nonsense), 22, no_server("its answer makes no sense")),
            (at(ServerFault::Truncated), 22, no_server("its answer is truncated and TCP failed")),
            (at(ServerFault::Bogus), 22, no_server("its answer is bogus")),
            (
                Failure::NoAddress(zone.clone()),
                22,
                format!("no name server of {} has an address that can be asked", zone.brief()),
            ),
            (
                Failure::AliasLoop(zone.clone()),
                0,
                format!("aliases lead in a circle, back to {}", zone.brief()),
            ),
            (missing.clone(), 10, format!("{} A: {fault}", zone.brief())),
            (
                Failure::Offline { silent_secs: Some(7) },
                23,
                "no server has answered for 7 s: this host seems cut off, check its link, its route and its packet filter"
                    .to_owned(),
            ),
            // A validator downstream looks for the cause; of what is dead, that it was not asked again says more.
            (
                Failure::Remembered(Box::new(missing)),
                10,
                format!("{} A: {fault} (remembered)", zone.brief()),
            ),
            (
                Failure::Remembered(Box::new(at(ServerFault::Timeout))),
                13,
                no_server("no answer (remembered)"),
            ),
            (Failure::Busy("this question gave way to newer ones"), 0, {
                "the resolver is too busy: this question gave way to newer ones".to_owned()
            }),
            (Failure::ShuttingDown, 14, "the resolver is shutting down".to_owned()),
            (
                Failure::Lost(Question::new(zone.clone(), RecordType::A)),
                0,
                format!("the work for {} A ended without a result, please report this", zone.brief()),
            ),
        ];
        let places: std::collections::BTreeSet<usize> =
            all.iter().map(|(failure, ..)| place_of_failure(failure)).collect();
        assert!(places.into_iter().eq(0..FAILURES), "a failure is not in the table");
        all
    }

    #[test]
    fn each_fault_has_its_code_and_a_sentence_with_zone_record_and_fact() {
        let (zone, record) = (name("example.org."), name("www.example.org."));
        for (fault, code, fact) in faults(&zone) {
            let error = bogus(&zone, &record, fault).ede();
            let sentence = format!("www.example.org. A: {fact}, zone example.org.");
            assert_eq!((error.code, error.text), (EdeCode(code), sentence));
        }
    }

    #[test]
    fn each_failure_has_its_code_and_a_sentence() {
        for (failure, code, sentence) in failures(&name("example.org.")) {
            let error = failure.ede();
            assert_eq!((error.code, error.text), (EdeCode(code), sentence));
        }
    }

    #[test]
    fn no_name_makes_a_sentence_too_long_or_hides_the_fact_or_speaks_to_the_terminal() {
        for label in [&[7_u8; 63][..], &[b'a'; 63], b"\"\"\"\\..;;\x1b\x00\x7f\xff"] {
            let labels = std::iter::repeat_n(label, (254 - 1) / (label.len() + 1) - 1);
            let long = Name::from_labels(labels).unwrap();
            assert!(long.to_string().len() > limits::NAME_IN_SENTENCE_MAX);
            let (zone, record) = (long.clone(), long.prepend(b"www").unwrap());
            let bogus =
                faults(&zone).into_iter().map(|(fault, _, fact)| (bogus(&zone, &record, fault), fact));
            let all = failures(&zone).into_iter().map(|(failure, _, sentence)| (failure, sentence));
            for (failure, told) in bogus.chain(all) {
                let text = failure.ede().text;
                assert!(text.len() <= limits::EDE_TEXT_OCTETS_MAX && text.contains(&told), "{text}");
                assert!(!text.chars().any(char::is_control), "{text:?}");
            }
        }
    }

    #[test]
    fn a_text_from_elsewhere_is_cut_and_made_safe() {
        let text = format!("a\x1b[2Jb\n{}é", "c".repeat(limits::EDE_TEXT_OCTETS_MAX - 12));
        let error = ExtendedError::new(EdeCode::OTHER, &text);
        assert_eq!(
            error.text,
            format!("a\u{fffd}[2Jb\u{fffd}{}", "c".repeat(limits::EDE_TEXT_OCTETS_MAX - 12))
        );
    }
}
