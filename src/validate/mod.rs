//! Judges responses: builds DS → DNSKEY → RRSIG chains from the trust anchors, and says what is proven.
//!
//! Synchronous and without a network. A [`Proof`] is stepped by its owner: it asks for the DS and DNSKEY sets
//! it needs, is fed what was found, and ends with a [`Validated`], which nobody else can make. What it has
//! proven it keeps, so nothing is verified twice, and the [`Validator`] remembers signatures across proofs; after a
//! slice of work it pauses, so that a costly proof never holds a thread (KeyTrap, CVE-2023-50387).

pub mod algorithms;
mod aliases;
pub mod anchors;
mod canonical;
mod chain;
pub mod denial;
mod figures;
mod judge;
mod memo;
mod notes;
mod nsec;
pub mod nsec3;
pub mod rollover;
mod signature;
mod story;
#[cfg(test)]
mod tests;
mod validated;
mod work;
pub mod zone_keys;

use std::sync::Arc;

use crate::budget::Budget;
use crate::dns::edns::EdeCode;
use crate::dns::response::Scrubbed;
use crate::dns::security::{Fault, Reason};
use crate::dns::{Name, Question, RecordType};
use crate::event::Observer;
use crate::failure::Failure;

use anchors::Nearest;
use chain::Trust;
use judge::{Blame, Place, Verdict};
use memo::Memo;
use notes::Notes;
use nsec3::Hashes;
use signature::Verified;
use work::{Stop, Trials, Work};

pub use algorithms::{Policy, Sha1};
pub use anchors::Anchors;
pub use figures::{Figures, Verifications};
pub use rollover::Rollover;
pub use validated::{Culprit, Parts, Validated};
pub use zone_keys::ZoneKeys;

/// Judges responses by a set of trust anchors and a policy. Made anew when either changes.
#[derive(Debug, Default)]
pub struct Validator {
    anchors: Anchors,
    policy: Policy,
    memo: Arc<Memo>,
    figures: Arc<Figures>,
}

impl Validator {
    /// A validator that trusts `anchors`. It remembers signatures in
    /// [`crate::limits::SIGNATURES_OCTETS`].
    pub fn new(anchors: Anchors, policy: Policy) -> Self {
        Self { anchors, policy, ..Self::default() }
    }

    /// The same, which remembers signatures in so many octets.
    #[must_use]
    pub fn remembering(self, octets: usize) -> Self {
        Self { memo: Arc::new(Memo::new(octets)), ..self }
    }

    /// One of the same policy that trusts `anchors`. That a signature holds is true whatever is trusted: what is
    /// remembered of them stays, and the counters go on.
    #[must_use]
    pub fn with_anchors(&self, anchors: Anchors) -> Self {
        let (memo, figures) = (Arc::clone(&self.memo), Arc::clone(&self.figures));
        Self { anchors, policy: self.policy, memo, figures }
    }

    /// What judging has cost so far.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// What is trusted.
    pub fn anchors(&self) -> &Anchors {
        &self.anchors
    }

    /// Whether what is proven of `zone` tells of `name` as well: the same trust anchor stands above both, and none of
    /// another kind between them. `now_unix`: seconds since 1970.
    pub fn joins(&self, zone: &Name, name: &Name, now_unix: u64) -> bool {
        match self.anchors.nearest(name, now_unix) {
            Nearest::Positive(anchor, _) => name.is_subdomain_of(zone) && zone.is_subdomain_of(anchor),
            Nearest::Negative(_) | Nearest::None => false,
        }
    }

    /// Begins to judge a response. Whoever shares it keeps it: the proof copies what it hands on, and that once.
    pub fn prove(self: &Arc<Self>, response: impl Into<Arc<Scrubbed>>) -> Proof {
        Proof::new(Arc::clone(self), response.into())
    }

    /// A response that is not judged, because validation is off: its state is indeterminate.
    pub fn unchecked(response: Scrubbed) -> Validated {
        Validated::unchecked(response)
    }
}

/// What is known without asking: looked up by a proof while it steps.
pub trait Evidence {
    /// What was proven of a zone earlier, by the same anchors and policy, and is still valid.
    fn zone(&self, zone: &Name) -> Option<Arc<ZoneTrust>>;

    /// Zone cuts that are known to exist at or above `name`, deepest first. A hint that saves questions;
    /// nothing is believed because of it.
    fn cuts(&self, name: &Name) -> Vec<Name>;
}

/// Knows nothing: every proof begins at the trust anchor.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoEvidence;

impl Evidence for NoEvidence {
    fn zone(&self, _: &Name) -> Option<Arc<ZoneTrust>> {
        None
    }

    fn cuts(&self, _: &Name) -> Vec<Name> {
        Vec::new()
    }
}

/// What is proven of a zone.
#[derive(Debug, Clone)]
pub enum ZoneTrust {
    /// Its keys, parsed once.
    Secure(ZoneKeys),
    /// It is proven not to be signed in a usable way, and so are all zones below it.
    Insecure(Insecurity),
}

/// Why a zone, or a denial, is insecure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Insecurity {
    /// The parent proves that it delegates without DS.
    NoDs,
    /// The parent proves no more than that it may delegate without DS (RFC 5155 §6, opt-out).
    OptOut,
    /// No DS record has an algorithm that is supported; one of those it has.
    Algorithm(u8),
    /// No DS record has a digest type that is supported; one of those it has.
    Digest(u8),
    /// The DS records match only keys of a size that is not supported.
    KeySize(u8),
    /// The parent's NSEC3 records ask for more iterations than are computed (RFC 9276 §3.2).
    Iterations(u16),
    /// The operator does not want it validated (RFC 7646).
    NegativeAnchor,
    /// The zone of a trust anchor shows no good keys, and `[harden] dnssec-stripped` is off.
    Stripped,
}

impl Insecurity {
    /// The INFO-CODE for a client, where there is one (RFC 8914, RFC 9276).
    pub fn ede(self) -> Option<EdeCode> {
        match self {
            Self::NoDs | Self::OptOut => None,
            Self::Algorithm(_) | Self::KeySize(_) => Some(EdeCode::UNSUPPORTED_DNSKEY_ALGORITHM),
            Self::Digest(_) => Some(EdeCode::UNSUPPORTED_DS_DIGEST),
            Self::Iterations(_) => Some(EdeCode::UNSUPPORTED_NSEC3_ITERATIONS),
            Self::NegativeAnchor => Some(EdeCode::NEGATIVE_TRUST_ANCHOR),
            Self::Stripped => Some(EdeCode::DNSKEY_MISSING),
        }
    }
}

/// A zone that was proven while a response was judged.
#[derive(Debug, Clone)]
pub struct Learned {
    /// The zone.
    pub zone: Name,
    /// What is proven.
    pub trust: Arc<ZoneTrust>,
    /// Seconds it holds.
    pub ttl: u32,
}

/// What a proof wants next.
#[derive(Debug)]
pub enum Step {
    /// The response is judged.
    Done(Box<Validated>),
    /// These sets (DS, DNSKEY) are needed; each is to be answered by [`Proof::feed`]. Never the question that is
    /// being judged.
    Need(Vec<Question>),
    /// A slice of work was done: let others run, then step again.
    Pause,
}

/// One response on its way to being judged.
///
/// Each step judges from the beginning, but takes what it found before from its notes; so a judgement reads
/// straight down, and may stop anywhere to ask for more.
#[derive(Debug)]
pub struct Proof {
    validator: Arc<Validator>,
    response: Arc<Scrubbed>,
    /// What was fetched for this proof.
    fed: Notes<Question, Result<Arc<Scrubbed>, Failure>>,
    /// What was asked for, and charged.
    asked: Notes<Question, ()>,
    /// Zones that wait for each other to be settled, each shorter than the one before.
    stack: Vec<Name>,
    zones: Notes<Name, Trust>,
    /// Zones that are wanted because they signed something: they have keys.
    signers: Notes<Name, ()>,
    /// Zones whose remembered keys did not fit: they may have new ones.
    doubted: Notes<Name, ()>,
    verdicts: Notes<Place, Verdict>,
    checks: Notes<Place, Result<Verified, Fault>>,
    trials: Trials,
    hashes: Hashes,
    learned: Vec<Learned>,
}

impl Proof {
    fn new(validator: Arc<Validator>, response: Arc<Scrubbed>) -> Self {
        let mut fed = Notes::default();
        // Asked about keys, the response is its own evidence: it would only be asked for again, by a question
        // that waits for itself.
        if matches!(response.question.rtype, RecordType::DS | RecordType::DNSKEY) {
            fed.insert(response.question.clone(), Ok(Arc::clone(&response)));
        }
        Self {
            validator,
            response,
            fed,
            asked: Notes::default(),
            stack: Vec::new(),
            zones: Notes::default(),
            signers: Notes::default(),
            doubted: Notes::default(),
            verdicts: Notes::default(),
            checks: Notes::default(),
            trials: Trials::default(),
            hashes: Hashes::new(),
            learned: Vec::new(),
        }
    }

    /// What was asked in the first place.
    pub fn question(&self) -> &Question {
        &self.response.question
    }

    /// Goes on as far as it can without asking. `now_unix`: seconds since 1970.
    pub fn step(
        &mut self,
        evidence: &dyn Evidence,
        budget: &Budget,
        observer: &dyn Observer,
        now_unix: u64,
    ) -> Step {
        let validator = Arc::clone(&self.validator);
        let trials = std::mem::take(&mut self.trials);
        let (validator, now) = (&*validator, now_unix);
        let mut work = Work { evidence, budget, observer, validator, now, cost: 0, trials };
        let step = self.advance(&mut work);
        self.trials = work.trials;
        step
    }

    fn advance(&mut self, work: &mut Work<'_>) -> Step {
        // Ends: each turn settles one more name, waits for one more, or leaves.
        loop {
            let stop = match self.stack.last().cloned() {
                None => match self.judge(work) {
                    Ok(validated) => return Step::Done(Box::new(validated)),
                    Err(stop) => stop,
                },
                Some(zone) => match self.settle(&zone, work) {
                    Ok(trust) => {
                        if let Trust::Bogus(blame) = &trust {
                            blame.tell(&zone, work);
                        }
                        self.zones.insert(zone, trust);
                        self.stack.pop();
                        continue;
                    }
                    Err(stop) => stop,
                },
            };
            match stop {
                Stop::Zone(zone) => self.wait_for(zone),
                Stop::Pause => return Step::Pause,
                Stop::Exhausted(limit) => return Step::Done(Box::new(self.exhausted(limit, work))),
                Stop::Need(questions) => return Step::Need(questions),
            }
        }
    }

    /// Hands over what was found for a question of [`Step::Need`], or why nothing was.
    pub fn feed(&mut self, question: Question, found: Result<Scrubbed, Failure>) {
        if !self.fed.contains(&question) {
            let found = found.map(|response| Arc::new(Scrubbed { question: question.clone(), ..response }));
            self.fed.insert(question, found);
        }
    }

    /// Puts a zone on top of the stack. A zone only ever waits for zones above it.
    fn wait_for(&mut self, zone: Name) {
        match self.stack.last() {
            Some(top) if !top.is_below(&zone) => {
                let reason = Reason {
                    zone: top.clone(),
                    name: zone,
                    rtype: RecordType::DS,
                    fault: Fault::Contradiction { what: "a zone is proven by one that is not above it" },
                };
                let blame = Blame { reason: Box::new(reason), culprit: None };
                self.zones.insert(top.clone(), Trust::Bogus(blame));
                self.stack.pop();
            }
            _ => self.stack.push(zone),
        }
    }
}
