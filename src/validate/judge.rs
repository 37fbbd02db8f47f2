//! Judges a response: each RRset of the answer, what the answer denies, and the whole (RFC 4035 §3.2.3, §5).
//!
//! In: a scrubbed response and what is settled of its zones. Out: a [`Validated`].

use std::sync::Arc;

use super::aliases::{check_chain, is_made_from};
use super::chain::{Standing, Trust, Walk};
use super::denial::{self, Claim, Finding};
use super::signature::{self, Verified};
use super::work::{Stop, Work};
use super::{Culprit, Insecurity, Proof, Validated, ZoneKeys, ZoneTrust, story};
use crate::dns::edns::ExtendedError;
use crate::dns::rdata::Rrsig;
use crate::dns::response::{Outcome, Scrubbed};
use crate::dns::security::{Denied, Fault, Reason, ValidationState};
use crate::dns::{Name, RecordType, Rrset};
use crate::limits::{self, Reached};

/// Where an RRset is: in which response, in which section, at which place.
pub(super) type Place = (Source, Section, usize);

/// A response of a proof, told from its others by where it lies: they all stay there as long as the proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Source(usize);

impl Source {
    pub(super) fn of(response: &Arc<Scrubbed>) -> Self {
        Self(Arc::as_ptr(response).addr())
    }
}

/// The sections that are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Answer,
    Authority,
}

/// Why something is bogus, and whose word it was.
#[derive(Debug, Clone)]
pub(super) struct Blame {
    pub(super) reason: Box<Reason>,
    pub(super) culprit: Option<Culprit>,
}

impl Blame {
    /// Blames the server that gave `response`.
    pub(super) fn of(response: &Scrubbed, zone: &Name, name: &Name, rtype: RecordType, fault: Fault) -> Self {
        // Lower case: what came on the wire has the letter case that we drew for our question.
        let reason = Reason { zone: zone.to_lowercase(), name: name.to_lowercase(), rtype, fault };
        let culprit = Culprit { question: response.question.clone(), server: Some(response.server) };
        Self { reason: Box::new(reason), culprit: Some(culprit) }
    }

    /// Where the zone that was `asked` cannot show that no other zone begins at the name, that was looked at because
    /// something of its own is not signed: then this is the reason that says most. The culprit stays.
    fn or_nearer(self, asked: &Name, nearer: impl FnOnce(&Name) -> Self) -> Self {
        let is_undenied = match self.reason.fault {
            Fault::DenialMissing { .. } => true,
            Fault::SignatureMissing => matches!(self.reason.rtype, RecordType::NSEC | RecordType::NSEC3),
            _ => false,
        };
        if !is_undenied || self.reason.zone != *asked {
            return self;
        }
        Self { reason: nearer(asked).reason, ..self }
    }
}

/// Nothing in the response proves what it denies.
fn undenied(response: &Scrubbed, claim: Claim<'_>, zone: &Name) -> Blame {
    // Denial records that came without their signatures say more than that there is no proof.
    let stripped = response.authority.iter().find(|rrset| is_denial(rrset) && rrset.signatures.is_empty());
    let (name, rtype, fault) = match stripped {
        Some(rrset) => (&rrset.name, rrset.rtype, Fault::SignatureMissing),
        None => (claim.name(), subject(claim, response), Fault::DenialMissing { what: denied(claim) }),
    };
    Blame::of(response, zone, name, rtype, fault)
}

/// How a part of a response came out.
#[derive(Debug, Clone)]
pub(super) enum Judgement {
    Secure,
    Insecure(Insecurity),
    Bogus(Blame),
    Indeterminate,
}

impl Judgement {
    fn state(&self) -> ValidationState {
        match self {
            Self::Secure => ValidationState::Secure,
            Self::Insecure(_) => ValidationState::Insecure,
            Self::Bogus(blame) => ValidationState::Bogus(blame.reason.clone()),
            Self::Indeterminate => ValidationState::Indeterminate,
        }
    }

    /// The zone whose word it is.
    fn zone_told<'a>(&'a self, response: &'a Scrubbed) -> &'a Name {
        match self {
            Self::Bogus(blame) => &blame.reason.zone,
            _ => &response.zone,
        }
    }

    fn story(&self) -> String {
        match self {
            Self::Secure => String::new(),
            Self::Insecure(why) => story::insecurity(*why),
            Self::Bogus(blame) => blame.reason.to_string(),
            Self::Indeterminate => "no trust anchor stands above it".to_owned(),
        }
    }
}

/// How an RRset came out, and for how many seconds.
#[derive(Debug, Clone)]
pub(super) struct Verdict {
    pub(super) judgement: Judgement,
    pub(super) ttl: u32,
}

/// How a denial came out.
#[derive(Debug, Clone)]
pub(super) enum DenialVerdict {
    /// Records of this zone prove it.
    Proven {
        zone: Name,
        finding: Finding,
        ttl: u32,
    },
    Insecure(Insecurity),
    Bogus(Blame),
    Indeterminate,
}

impl Proof {
    /// Judges the whole response.
    pub(super) fn judge(&mut self, work: &mut Work<'_>) -> Result<Validated, Stop> {
        let response = Arc::clone(&self.response);
        if let Err(what) = check_chain(&response) {
            let (name, rtype) = (&response.question.name, response.question.rtype);
            let fault = Fault::Contradiction { what };
            let blame = Blame::of(&response, &response.zone, name, rtype, fault);
            return Ok(self.conclude(&[], &Judgement::Bogus(blame)));
        }
        let mut verdicts: Vec<Verdict> = Vec::with_capacity(response.answer.len());
        let mut previous = None;
        for (index, rrset) in response.answer.iter().enumerate() {
            let verdict = match verdicts.last().zip(previous) {
                // RFC 6672 §5.3.1: the CNAME made from a DNAME is as good as the DNAME.
                Some((verdict, dname)) if is_made_from(rrset, dname) => verdict.clone(),
                _ => self.judge_rrset(&response, index, work)?,
            };
            previous = Some(rrset);
            verdicts.push(verdict);
        }
        let claim = match response.outcome {
            Outcome::NoData => Claim::Type(&response.target, response.question.rtype),
            Outcome::NxDomain => Claim::Name(&response.target),
            // RFC 6672 §2.2: with YXDOMAIN the DNAME itself proves that the name it makes is too long.
            Outcome::Answer | Outcome::Alias => return Ok(self.conclude(&verdicts, &Judgement::Secure)),
        };
        let denial = self.judge_denial(&response, claim, None, work)?;
        let judgement = match &denial {
            DenialVerdict::Proven { zone, finding, .. } => self.judge_soa(&response, zone, *finding, work)?,
            DenialVerdict::Insecure(why) => Judgement::Insecure(*why),
            DenialVerdict::Bogus(blame) => Judgement::Bogus(blame.clone()),
            DenialVerdict::Indeterminate => Judgement::Indeterminate,
        };
        if !matches!(judgement, Judgement::Secure) {
            let rtype = subject(claim, &response);
            work.tell(judgement.zone_told(&response), || {
                story::undenied(claim, rtype, judgement.state(), judgement.story())
            });
        }
        let mut validated = self.conclude(&verdicts, &judgement);
        let compact = matches!(denial, DenialVerdict::Proven { finding: Finding::NoSuchName, .. });
        validated.compact_denial = compact && validated.state.is_secure();
        Ok(validated)
    }

    /// A denial that is proven is as good as the SOA record that came with it, if one of the zone came.
    fn judge_soa(
        &mut self,
        response: &Arc<Scrubbed>,
        zone: &Name,
        finding: Finding,
        work: &mut Work<'_>,
    ) -> Result<Judgement, Stop> {
        if let Finding::Insecure(why) = finding {
            return Ok(Judgement::Insecure(why));
        }
        let soa = response.authority.iter().position(|rrset| rrset.is(zone, RecordType::SOA));
        let Some((index, Trust::Known(trust))) = soa.zip(self.zones.get(zone).cloned()) else {
            return Ok(Judgement::Secure);
        };
        let ZoneTrust::Secure(keys) = &*trust else { return Ok(Judgement::Secure) };
        Ok(match self.check(response, Section::Authority, index, keys, work)? {
            Ok(_) => Judgement::Secure,
            Err(fault) => Judgement::Bogus(Blame::of(response, zone, zone, RecordType::SOA, fault)),
        })
    }

    /// Judges an RRset of an answer.
    pub(super) fn judge_rrset(
        &mut self,
        response: &Arc<Scrubbed>,
        index: usize,
        work: &mut Work<'_>,
    ) -> Result<Verdict, Stop> {
        let key = (Source::of(response), Section::Answer, index);
        if let Some(verdict) = self.verdicts.get(&key) {
            return Ok(verdict.clone());
        }
        let Some(rrset) = response.answer.get(index) else {
            return Ok(Verdict { judgement: Judgement::Indeterminate, ttl: 0 });
        };
        let verdict = self.judge_by_signer(response, rrset, index, work)?;
        if !matches!(verdict.judgement, Judgement::Secure) {
            let judgement = &verdict.judgement;
            work.tell(judgement.zone_told(response), || {
                story::unproven(&rrset.name, rrset.rtype, judgement.state(), judgement.story())
            });
        }
        self.verdicts.insert(key, verdict.clone());
        Ok(verdict)
    }

    fn judge_by_signer(
        &mut self,
        response: &Arc<Scrubbed>,
        rrset: &Rrset,
        index: usize,
        work: &mut Work<'_>,
    ) -> Result<Verdict, Stop> {
        let unsigned = |judgement| Ok(Verdict { judgement, ttl: rrset.ttl });
        // RFC 4035 §2.2: signatures are not signed, so nothing can be known of them.
        if rrset.rtype == RecordType::RRSIG {
            return unsigned(Judgement::Indeterminate);
        }
        let place = place_of(rrset, response);
        let anchor = match self.standing(&place, work) {
            Standing::Below(anchor) => anchor,
            Standing::Insecure(why) => return unsigned(Judgement::Insecure(why)),
            Standing::Indeterminate => return unsigned(Judgement::Indeterminate),
        };
        let mut signers = signers(std::iter::once(rrset), &anchor);
        signers.retain(|signer| place.is_subdomain_of(signer));
        for signer in signers {
            match self.trust_signer(&signer)? {
                Trust::NotCut { .. } => {}
                Trust::Bogus(blame) => return unsigned(Judgement::Bogus(blame)),
                Trust::Known(trust) => match &*trust {
                    // The owner is below the signer, and so in an insecure zone.
                    ZoneTrust::Insecure(why) => return unsigned(Judgement::Insecure(*why)),
                    ZoneTrust::Secure(keys) => return self.judge_by_keys(response, rrset, index, keys, work),
                },
            }
        }
        // No zone that exists has signed it: is there one that need not?
        let blame = |zone: &Name| {
            let signer = rrset.signatures.iter().find_map(|rdata| Rrsig::read(rdata).ok());
            let fault =
                signer.map_or(Fault::SignatureMissing, |rrsig| Fault::SignerWrong { signer: rrsig.signer });
            Blame::of(response, zone, &rrset.name, rrset.rtype, fault)
        };
        match self.walk(&place, &hints(response), work)? {
            Walk::Insecure(why) => unsigned(Judgement::Insecure(why)),
            Walk::Bogus(far) => unsigned(Judgement::Bogus(far.or_nearer(&response.zone, blame))),
            Walk::Within(zone) => unsigned(Judgement::Bogus(blame(&zone))),
        }
    }

    fn judge_by_keys(
        &mut self,
        response: &Arc<Scrubbed>,
        rrset: &Rrset,
        index: usize,
        keys: &ZoneKeys,
        work: &mut Work<'_>,
    ) -> Result<Verdict, Stop> {
        let zone = keys.zone();
        let verified = match self.check(response, Section::Answer, index, keys, work)? {
            Ok(verified) => verified,
            Err(fault) => {
                let blame = Blame::of(response, zone, &rrset.name, rrset.rtype, fault);
                return Ok(Verdict { judgement: Judgement::Bogus(blame), ttl: rrset.ttl });
            }
        };
        let Some(encloser) = &verified.encloser else {
            return Ok(Verdict { judgement: Judgement::Secure, ttl: verified.ttl });
        };
        // RFC 4035 §5.3.4: made from a wildcard, which only answers where nothing nearer exists. A CNAME is no
        // exception (CVE-2026-52686).
        let claim = Claim::CloserMatch { name: &rrset.name, encloser };
        let (judgement, ttl) = match self.judge_denial(response, claim, Some(zone), work)? {
            DenialVerdict::Proven { finding: Finding::Insecure(why), .. } | DenialVerdict::Insecure(why) => {
                (Judgement::Insecure(why), verified.ttl)
            }
            DenialVerdict::Proven { ttl, .. } => (Judgement::Secure, verified.ttl.min(ttl)),
            DenialVerdict::Bogus(blame) => (Judgement::Bogus(blame), rrset.ttl),
            DenialVerdict::Indeterminate => (Judgement::Indeterminate, rrset.ttl),
        };
        Ok(Verdict { judgement, ttl })
    }

    /// Verifies an RRset once.
    fn check(
        &mut self,
        response: &Arc<Scrubbed>,
        section: Section,
        index: usize,
        keys: &ZoneKeys,
        work: &mut Work<'_>,
    ) -> Result<Result<Verified, Fault>, Stop> {
        let place = (Source::of(response), section, index);
        if let Some(known) = self.checks.get(&place) {
            return Ok(known.clone());
        }
        let rrsets = match section {
            Section::Answer => &response.answer,
            Section::Authority => &response.authority,
        };
        let Some(rrset) = rrsets.get(index) else { return Ok(Err(Fault::SignatureMissing)) };
        let mut found = signature::verify(rrset, keys, work)?;
        if let Err(Fault::NoKeyForSignature { .. }) = &found {
            self.doubt(keys.zone())?;
        }
        if section == Section::Authority
            && let Ok(Verified { encloser: Some(_), .. }) = &found
        {
            // A denial record that was made from a wildcard speaks of the wildcard, not of this name.
            found = Err(Fault::SignerWrong { signer: keys.zone().clone() });
        }
        if let Ok(verified) = &found {
            work.tell(keys.zone(), || story::signed(rrset, verified));
        }
        self.checks.insert(place, found.clone());
        Ok(found)
    }

    /// Judges what a response denies, by the records of `only` if that is given.
    pub(super) fn judge_denial(
        &mut self,
        response: &Arc<Scrubbed>,
        claim: Claim<'_>,
        only: Option<&Name>,
        work: &mut Work<'_>,
    ) -> Result<DenialVerdict, Stop> {
        let place = container(claim.name(), claim.rtype());
        let anchor = match self.standing(&place, work) {
            Standing::Below(anchor) => anchor,
            Standing::Insecure(why) => return Ok(DenialVerdict::Insecure(why)),
            Standing::Indeterminate => return Ok(DenialVerdict::Indeterminate),
        };
        let denials = response.authority.iter().filter(|rrset| is_denial(rrset));
        let mut signers = signers(denials, &anchor);
        signers.retain(|signer| signature::may_deny(signer, claim.name(), claim.rtype()));
        signers.retain(|signer| only.is_none_or(|only| only == signer));
        for signer in signers {
            match self.trust_signer(&signer)? {
                Trust::NotCut { .. } => {}
                Trust::Bogus(blame) => return Ok(DenialVerdict::Bogus(blame)),
                Trust::Known(trust) => match &*trust {
                    ZoneTrust::Insecure(why) => return Ok(DenialVerdict::Insecure(*why)),
                    ZoneTrust::Secure(keys) => return self.search(response, claim, keys, work),
                },
            }
        }
        let zone = match only {
            Some(zone) => zone.clone(),
            None => match self.walk(&place, &hints(response), work)? {
                Walk::Insecure(why) => return Ok(DenialVerdict::Insecure(why)),
                Walk::Bogus(far) => {
                    let nearer = far.or_nearer(&response.zone, |zone| undenied(response, claim, zone));
                    return Ok(DenialVerdict::Bogus(nearer));
                }
                Walk::Within(zone) => zone,
            },
        };
        Ok(DenialVerdict::Bogus(undenied(response, claim, &zone)))
    }

    /// Searches a proof among the records of one zone, and verifies those it rests on. One that does not hold is
    /// put aside, and the search begins again without it.
    fn search(
        &mut self,
        response: &Arc<Scrubbed>,
        claim: Claim<'_>,
        keys: &ZoneKeys,
        work: &mut Work<'_>,
    ) -> Result<DenialVerdict, Stop> {
        let zone = keys.zone();
        let mut places: Vec<usize> = (0..response.authority.len())
            .filter(|index| response.authority.get(*index).is_some_and(|rrset| is_denial_by(rrset, zone)))
            .take(2 * limits::NSEC3_RECORDS_MAX)
            .collect();
        let missing = Fault::DenialMissing { what: denied(claim) };
        let mut blame = Blame::of(response, zone, claim.name(), subject(claim, response), missing);
        // Ends: each turn puts one record aside.
        'search: loop {
            let records: Vec<&Rrset> =
                places.iter().filter_map(|index| response.authority.get(*index)).collect();
            let before = self.hashes.blocks();
            let found = denial::prove(zone, claim, &records, &mut self.hashes, work.budget);
            work.validator.figures.count_nsec3(self.hashes.blocks().saturating_sub(before));
            let Some(denial) = found.map_err(Stop::Exhausted)? else {
                return Ok(DenialVerdict::Bogus(blame));
            };
            let used: Vec<usize> =
                denial.used.iter().filter_map(|index| places.get(*index).copied()).collect();
            let mut ttl = u32::MAX;
            for index in &used {
                match self.check(response, Section::Authority, *index, keys, work)? {
                    Ok(verified) => ttl = ttl.min(verified.ttl),
                    Err(fault) => {
                        if let Some(rrset) = response.authority.get(*index) {
                            blame = Blame::of(response, zone, &rrset.name, rrset.rtype, fault);
                        }
                        places.retain(|place| place != index);
                        continue 'search;
                    }
                }
            }
            work.tell(zone, || {
                let records: Vec<_> = used
                    .iter()
                    .filter_map(|index| {
                        let place = (Source::of(response), Section::Authority, *index);
                        let verified = self.checks.get(&place).and_then(|found| found.as_ref().ok());
                        Some((response.authority.get(*index)?, verified.map(Verified::told)))
                    })
                    .collect();
                story::absence(zone, claim, denial.finding, &records, &self.hashes)
            });
            return Ok(DenialVerdict::Proven { zone: zone.clone(), finding: denial.finding, ttl });
        }
    }

    /// Puts the parts together.
    fn conclude(&self, verdicts: &[Verdict], rest: &Judgement) -> Validated {
        let parts = self.response.answer.iter().zip(verdicts);
        let parts = parts.map(|(rrset, verdict)| (&rrset.name, &verdict.judgement));
        let (mut state, mut info, mut culprit) = (ValidationState::Secure, None, None);
        for (name, judgement) in parts.chain(std::iter::once((&self.response.target, rest))) {
            if matches!(judgement, Judgement::Bogus(_)) && state.is_bogus() {
                continue;
            }
            match judgement {
                // That the operator does not want it validated goes before: what is kept is known by it.
                Judgement::Insecure(why) if info.is_none() || *why == Insecurity::NegativeAnchor => {
                    info = self.info(*why, name);
                }
                Judgement::Bogus(blame) => culprit.clone_from(&blame.culprit),
                _ => {}
            }
            state = state.and(judgement.state());
        }
        let response = &*self.response;
        let mut answer = response.answer.clone();
        for (rrset, verdict) in answer.iter_mut().zip(verdicts) {
            rrset.ttl = rrset.ttl.min(verdict.ttl);
            rrset.signatures_ttl = rrset.signatures_ttl.min(rrset.ttl);
        }
        let mut states = Vec::with_capacity(answer.len());
        states.extend(verdicts.iter().map(|verdict| verdict.judgement.state()));
        states.resize(answer.len(), state.clone());
        Validated {
            question: response.question.clone(),
            rcode: response.rcode,
            outcome: response.outcome,
            answer,
            states,
            authority: if state.is_secure() { self.proven_authority() } else { response.authority.clone() },
            target: response.target.clone(),
            server: response.server,
            compact_denial: false,
            info: info.filter(|_| !state.is_bogus()),
            culprit,
            learned: self.learned.clone(),
            state,
        }
    }

    /// What a client should know of the insecure part of an answer that is at this name.
    fn info(&self, why: Insecurity, name: &Name) -> Option<ExtendedError> {
        let code = why.ede()?;
        let anchor = (why == Insecurity::NegativeAnchor).then(|| self.validator.anchors.negative_above(name));
        let text = match anchor.flatten() {
            Some((anchor, until)) => story::negative_anchor(anchor, until),
            None => format!("{}: {}", name.to_lowercase().brief(), story::insecurity(why)),
        };
        Some(ExtendedError::new(code, &text))
    }

    /// The records of the authority section that were verified: only they may be called authentic (RFC 4035 §3.2.3).
    fn proven_authority(&self) -> Vec<Rrset> {
        let mut proven = Vec::new();
        for (index, rrset) in self.response.authority.iter().enumerate() {
            let place = (Source::of(&self.response), Section::Authority, index);
            if let Some(Ok(verified)) = self.checks.get(&place) {
                let mut rrset = rrset.clone();
                rrset.ttl = verified.ttl;
                rrset.signatures_ttl = verified.ttl;
                proven.push(rrset);
            }
        }
        proven
    }

    /// The end of a proof that would cost more than it may.
    pub(super) fn exhausted(&self, limit: Reached, work: &Work<'_>) -> Validated {
        let question = &self.response.question;
        let reason = Reason {
            zone: self.stack.last().unwrap_or(&self.response.zone).clone(),
            name: question.name.clone(),
            rtype: question.rtype,
            fault: Fault::TooMuchWork { limit },
        };
        let judgement = Judgement::Bogus(Blame { reason: Box::new(reason), culprit: None });
        work.tell(judgement.zone_told(&self.response), || {
            story::unproven(&question.name, question.rtype, judgement.state(), judgement.story())
        });
        self.conclude(&[], &judgement)
    }
}

/// The name in whose zone an RRset is: for DS that is the parent's.
fn container(name: &Name, rtype: RecordType) -> Name {
    if rtype == RecordType::DS { name.parent().unwrap_or_else(Name::root) } else { name.clone() }
}

/// The same of an RRset in a response. Asked for DS, an alias at the name is the parent's as well: a name cannot be
/// both an alias and a zone (RFC 2181 §10.1).
fn place_of(rrset: &Rrset, response: &Scrubbed) -> Name {
    let question = &response.question;
    let parent_side = question.rtype == RecordType::DS && question.name == rrset.name;
    container(&rrset.name, if parent_side { RecordType::DS } else { rrset.rtype })
}

/// The zones that may have signed the RRsets, deepest first.
fn signers<'a>(rrsets: impl Iterator<Item = &'a Rrset>, anchor: &Name) -> Vec<Name> {
    let mut signers: Vec<Name> = rrsets
        .flat_map(signature::plausible)
        .map(|signature| signature.signer)
        .filter(|signer| signer.is_subdomain_of(anchor))
        .collect();
    signers.sort_by(|a, b| b.label_count().cmp(&a.label_count()).then_with(|| a.cmp(b)));
    signers.dedup();
    signers.truncate(limits::SIGNATURES_TRIED_MAX);
    signers
}

/// Where the response itself suggests that a zone begins.
fn hints(response: &Scrubbed) -> Vec<Name> {
    let soa = response.soa().map(|rrset| rrset.name.clone());
    soa.into_iter().chain(std::iter::once(response.zone.clone())).collect()
}

fn is_denial(rrset: &Rrset) -> bool {
    matches!(rrset.rtype, RecordType::NSEC | RecordType::NSEC3)
}

fn is_denial_by(rrset: &Rrset, zone: &Name) -> bool {
    is_denial(rrset) && signature::plausible(rrset).any(|signature| signature.signer == *zone)
}

/// The type to name beside what is denied: where the name itself is, the one that was asked for.
fn subject(claim: Claim<'_>, response: &Scrubbed) -> RecordType {
    match claim {
        Claim::Name(_) | Claim::CloserMatch { .. } => response.question.rtype,
        Claim::Type(..) | Claim::Ds(_) => claim.rtype(),
    }
}

pub(super) fn denied(claim: Claim<'_>) -> Denied {
    match claim {
        Claim::Name(_) => Denied::Name,
        Claim::Ds(_) | Claim::Type(_, RecordType::DS) => Denied::Ds,
        Claim::Type(..) => Denied::Type,
        Claim::CloserMatch { .. } => Denied::CloserMatch,
    }
}
