//! One link of an answer: what is known of one question, judged. An alias makes a chain of links.

use crate::dns::edns::ExtendedError;
use crate::dns::message::Message;
use crate::dns::rdata::{Rrsig, Soa, single_name};
use crate::dns::response::Outcome;
use crate::dns::security::{Fault, ValidationState};
use crate::dns::{Name, Question, Rcode, RecordType, Rrset};
use crate::limits::Reached;
use crate::validate::Validated;

/// A judged response to one question, fresh or from the cache.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) rcode: Rcode,
    pub(crate) outcome: Outcome,
    /// In the order of the chain.
    pub(crate) answer: Vec<Rrset>,
    pub(crate) authority: Vec<Rrset>,
    /// Where the chain ends.
    pub(crate) target: Name,
    pub(crate) state: ValidationState,
    /// It is a proof that the target does not exist, in the form of NODATA (RFC 9824).
    pub(crate) compact_denial: bool,
    /// It was made from other answers' proofs (RFC 8198), and is kept only if it is made again.
    pub(crate) synthesised: bool,
    /// What a client should know of an answer that is not secure.
    pub(crate) note: Option<ExtendedError>,
    /// Seconds it may be kept, where no record is left to say so.
    pub(crate) ttl_secs: Option<u32>,
}

/// Bounds on what an authority may say about time (`[cache] *-ttl`), in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TtlBounds {
    /// `max-ttl`.
    pub max: u32,
    /// `min-ttl`.
    pub min: u32,
    /// `max-negative-ttl`.
    pub max_negative: u32,
}

impl TtlBounds {
    /// `signed_secs`: how long the signatures hold, which no `min-ttl` reaches beyond (RFC 4035 §5.3.3).
    fn apply(&self, rrset: &mut Rrset, negative: bool, signed_secs: u32) {
        let max = if negative { self.max_negative.min(self.max) } else { self.max };
        if negative && rrset.rtype == RecordType::SOA {
            rrset.ttl = Soa::negative_ttl(rrset);
        }
        rrset.ttl = rrset.ttl.max(self.min.min(max).min(signed_secs)).min(max);
        rrset.signatures_ttl = rrset.ttl;
    }
}

/// Seconds until the first of the signatures over an RRset expires; for ever if there is none.
fn signed_secs(rrset: &Rrset, now_unix: u64) -> u32 {
    let now = u32::try_from(now_unix & 0xffff_ffff).unwrap_or(0);
    // RFC 4034 §3.1.5: serial arithmetic.
    let left =
        |rrsig: Rrsig<'_>| u32::try_from(rrsig.expiration.wrapping_sub(now).cast_signed()).unwrap_or(0);
    let signatures = rrset.signatures.iter().filter_map(|rdata| Rrsig::read(rdata).ok());
    signatures.map(left).min().unwrap_or(u32::MAX)
}

impl Link {
    /// One without records, of which nothing else is known.
    pub(crate) fn bare(rcode: Rcode, outcome: Outcome, target: Name, state: ValidationState) -> Self {
        Self {
            rcode,
            outcome,
            answer: Vec::new(),
            authority: Vec::new(),
            target,
            state,
            compact_denial: false,
            synthesised: false,
            note: None,
            ttl_secs: None,
        }
    }

    /// From a verdict, within the bounds on time. `now_unix`: seconds since 1970.
    pub(crate) fn new(verdict: Validated, bounds: TtlBounds, now_unix: u64) -> Self {
        let negative = matches!(verdict.outcome(), Outcome::NoData | Outcome::NxDomain);
        let parts = verdict.into_parts();
        let mut link = Self {
            answer: parts.answer,
            authority: parts.authority,
            compact_denial: parts.compact_denial,
            note: parts.info,
            ..Self::bare(parts.rcode, parts.outcome, parts.target, parts.state)
        };
        let secure = link.state.is_secure();
        let signed_secs = |rrset: &Rrset| if secure { signed_secs(rrset, now_unix) } else { u32::MAX };
        for rrset in &mut link.answer {
            bounds.apply(rrset, false, signed_secs(rrset));
        }
        for rrset in &mut link.authority {
            bounds.apply(rrset, negative, signed_secs(rrset));
        }
        link
    }

    /// The name that the chain goes on with; none if it ends here.
    pub(crate) fn onward(&self) -> Option<Name> {
        (self.outcome == Outcome::Alias).then(|| self.target.clone())
    }

    /// All that is known beside the records.
    pub(crate) fn without_records(&self) -> Self {
        Self {
            compact_denial: self.compact_denial,
            synthesised: self.synthesised,
            note: self.note.clone(),
            ttl_secs: self.ttl_secs,
            ..Self::bare(self.rcode, self.outcome, self.target.clone(), self.state.clone())
        }
    }

    /// The limit that judging it reached, if that is why it is bogus.
    pub(crate) fn limit(&self) -> Option<Reached> {
        match &self.state {
            ValidationState::Bogus(reason) => match reason.fault {
                Fault::TooMuchWork { limit } => Some(limit),
                _ => None,
            },
            _ => None,
        }
    }

    /// The alias that a DNAME of `owner` makes of the question's name, from a cached message that has it. None if
    /// it has not, or the name would be too long.
    pub(crate) fn from_dname(
        question: &Question,
        owner: &Name,
        message: Message,
        state: ValidationState,
    ) -> Option<Self> {
        let dname = message.answer.into_iter().find(|rrset| rrset.is(owner, RecordType::DNAME))?;
        let made_from = single_name(dname.rdatas.first()?).ok()?;
        let made = question.name.rebase(owner, &made_from)?.ok()?;
        let cname = Rrset::new(question.name.clone(), RecordType::CNAME, dname.ttl).with(made.as_wire());
        let (outcome, target) = match question.rtype {
            RecordType::CNAME => (Outcome::Answer, question.name.clone()),
            _ => (Outcome::Alias, made),
        };
        let (answer, authority) = (vec![dname, cname], message.authority);
        Some(Self { answer, authority, ..Self::bare(Rcode::NOERROR, outcome, target, state) })
    }

    /// From a cached message about `question`; `alias`: it was kept as the alias at the name, not as an answer.
    pub(crate) fn from_cache(
        question: &Question,
        message: Message,
        alias: bool,
        state: ValidationState,
        note: Option<ExtendedError>,
    ) -> Self {
        let mut target = question.name.clone();
        if question.rtype != RecordType::CNAME {
            for rrset in message.answer.iter().filter(|rrset| rrset.rtype == RecordType::CNAME) {
                if let Some(next) = rrset.rdatas.first().and_then(|rdata| single_name(rdata).ok()) {
                    target = next;
                }
            }
        }
        let answered = message.answer.iter().any(|rrset| rrset.is(&target, question.rtype));
        let outcome = match message.header.rcode {
            Rcode::NXDOMAIN => Outcome::NxDomain,
            _ if answered => Outcome::Answer,
            _ if alias => Outcome::Alias,
            _ => Outcome::NoData,
        };
        let Message { header, answer, authority, .. } = message;
        Self { answer, authority, note, ..Self::bare(header.rcode, outcome, target, state) }
    }
}
