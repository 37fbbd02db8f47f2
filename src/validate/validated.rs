//! A judged response, which only this module's parent can make.
//!
//! In: the response and what the proof found. Out: the records with their TTLs cut to what the signatures
//! allow (RFC 4035 §5.3.3), the state of each and of the whole, and who was at fault.

use std::net::IpAddr;

use super::Learned;
use crate::dns::edns::ExtendedError;
use crate::dns::rdata::Soa;
use crate::dns::response::{Outcome, Scrubbed};
use crate::dns::security::{Reason, ValidationState};
use crate::dns::{Name, Question, Rcode, RecordType, Rrset};
use crate::limits;

/// A judged response. Only `validate` makes one.
#[derive(Debug, Clone)]
pub struct Validated {
    pub(super) question: Question,
    pub(super) rcode: Rcode,
    pub(super) outcome: Outcome,
    pub(super) answer: Vec<Rrset>,
    pub(super) states: Vec<ValidationState>,
    pub(super) authority: Vec<Rrset>,
    pub(super) target: Name,
    pub(super) server: IpAddr,
    pub(super) state: ValidationState,
    pub(super) compact_denial: bool,
    pub(super) info: Option<ExtendedError>,
    pub(super) culprit: Option<Culprit>,
    pub(super) learned: Vec<Learned>,
}

/// Whose word made a response bogus: the owner may ask others for the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Culprit {
    /// The question whose answer was at fault: the one that was judged, or one that the proof needed.
    pub question: Question,
    /// Who answered; none if nobody did.
    pub server: Option<IpAddr>,
}

/// What a [`Validated`] consists of, for those who store it.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the fields are those of Validated, see its accessors")]
pub struct Parts {
    pub question: Question,
    pub rcode: Rcode,
    pub outcome: Outcome,
    pub answer: Vec<Rrset>,
    pub states: Vec<ValidationState>,
    pub authority: Vec<Rrset>,
    pub target: Name,
    pub server: IpAddr,
    pub state: ValidationState,
    pub ttl_secs: u32,
    pub compact_denial: bool,
    pub info: Option<ExtendedError>,
    pub culprit: Option<Culprit>,
    pub learned: Vec<Learned>,
}

impl Validated {
    /// A response that nobody judged: every RRset is indeterminate.
    pub(super) fn unchecked(response: Scrubbed) -> Self {
        let states = vec![ValidationState::Indeterminate; response.answer.len()];
        Self {
            question: response.question,
            rcode: response.rcode,
            outcome: response.outcome,
            answer: response.answer,
            states,
            authority: response.authority,
            target: response.target,
            server: response.server,
            state: ValidationState::Indeterminate,
            compact_denial: false,
            info: None,
            culprit: None,
            learned: Vec::new(),
        }
    }

    /// What was asked.
    pub fn question(&self) -> &Question {
        &self.question
    }

    /// The response code.
    pub fn rcode(&self) -> Rcode {
        self.rcode
    }

    /// How the response ends.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Whether this NODATA is a proof that the target does not exist: a client without DO may be told NXDOMAIN, one
    /// with DO could not verify that (RFC 9824 §5).
    pub fn is_compact_denial(&self) -> bool {
        self.compact_denial
    }

    /// The RRsets of the answer, in the order of the chain. Their TTLs are final.
    pub fn answer(&self) -> &[Rrset] {
        &self.answer
    }

    /// The state of each RRset of [`Self::answer`], in the same order.
    pub fn states(&self) -> &[ValidationState] {
        &self.states
    }

    /// SOA and denial records. If the state is secure, exactly those that were verified and are part of the proof.
    pub fn authority(&self) -> &[Rrset] {
        &self.authority
    }

    /// The name at the end of the chain of aliases.
    pub fn target(&self) -> &Name {
        &self.target
    }

    /// The server that said it.
    pub fn server(&self) -> IpAddr {
        self.server
    }

    /// The state of the whole: the weakest of its parts (RFC 4035 §3.2.3).
    pub fn state(&self) -> &ValidationState {
        &self.state
    }

    /// Why the whole is bogus.
    pub fn reason(&self) -> Option<&Reason> {
        match &self.state {
            ValidationState::Bogus(reason) => Some(reason),
            _ => None,
        }
    }

    /// What a client should be told of an insecure answer: that an algorithm, a digest or the NSEC3 iterations
    /// are not supported, or that a negative trust anchor stands (RFC 8914).
    pub fn info(&self) -> Option<&ExtendedError> {
        self.info.as_ref()
    }

    /// Whose answer was at fault, if the whole is bogus.
    pub fn culprit(&self) -> Option<&Culprit> {
        self.culprit.as_ref()
    }

    /// The zones that were proven on the way, also if the whole is bogus.
    pub fn learned(&self) -> &[Learned] {
        &self.learned
    }

    /// Seconds that the whole may be kept: the lowest of the answer's TTLs; for a denial also the SOA's TTL and
    /// its MINIMUM field (RFC 2308 §5), and zero where no SOA came; a minute at most if it is bogus.
    pub fn ttl(&self) -> u32 {
        let answer = self.answer.iter().map(|rrset| rrset.ttl).min();
        let negative = match self.outcome {
            Outcome::NoData | Outcome::NxDomain => Some(self.negative_ttl()),
            Outcome::Answer | Outcome::Alias => None,
        };
        let ttl = answer.into_iter().chain(negative).min().unwrap_or(0);
        // CVE-2026-123598: whoever forged it shall not say how long it is remembered.
        if self.state.is_bogus() { ttl.min(limits::BOGUS_TTL_SECS) } else { ttl }
    }

    fn negative_ttl(&self) -> u32 {
        let soa = self.authority.iter().find(|rrset| rrset.rtype == RecordType::SOA);
        let minimum = soa.and_then(|rrset| rrset.rdatas.first()).and_then(|rdata| Soa::read(rdata).ok());
        match (soa, minimum) {
            (Some(rrset), Some(soa)) => {
                // RFC 9077: a denial does not outlive the records that prove it.
                self.authority.iter().map(|rrset| rrset.ttl).fold(rrset.ttl.min(soa.minimum), u32::min)
            }
            _ => 0,
        }
    }

    /// Takes it apart.
    pub fn into_parts(self) -> Parts {
        let ttl_secs = self.ttl();
        Parts {
            question: self.question,
            rcode: self.rcode,
            outcome: self.outcome,
            answer: self.answer,
            states: self.states,
            authority: self.authority,
            target: self.target,
            server: self.server,
            state: self.state,
            ttl_secs,
            compact_denial: self.compact_denial,
            info: self.info,
            culprit: self.culprit,
            learned: self.learned,
        }
    }
}
