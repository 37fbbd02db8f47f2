//! Answers made from what is proven already: NXDOMAIN, NODATA, and what a wildcard gives (RFC 8198).
//!
//! In: a question that no cache answers. Out: a secure link, with the records that prove it, for as long as the first
//! of them holds; no packet leaves. The records come from `cache::denials`; whether they prove it is judged by
//! `validate::denial`, as if they had just been received. One zone alone may speak: the deepest that anything is known
//! of, if no zone cut, no proof of one and no other trust anchor is known between it and the name, and it did not become
//! insecure since.
//!
//! An answer made here is kept when it is made a second time: a flood of random names drives out nothing that cost a
//! packet, and a name that is asked for again and again is served as quickly as others. It is kept as long as the first of
//! its records holds, and is renewed like others if it is asked for at the end of that time. A client that checks by
//! himself (CD) gets none, nor one that was kept (RFC 8198 appendix A).

use std::ops::Deref;
use std::sync::Arc;

use crate::budget::Budget;
use crate::cache::denials::{HashParameters, Proven, ZoneDenials};
use crate::clock::Moment;
use crate::dns::edns::{EdeCode, ExtendedError};
use crate::dns::rdata::single_name;
use crate::dns::response::{Outcome, Scrubbed};
use crate::dns::security::ValidationState;
use crate::dns::{Name, Question, Rcode, RecordType, Rrset};
use crate::limits::{self, Limit};
use crate::service::Service;
use crate::service::link::Link;
use crate::validate::denial::{self, Claim, Finding};
use crate::validate::nsec3::{self, Hashes};
use crate::validate::{Validator, ZoneTrust};

/// A budget that is made when it is needed, or is there.
pub(super) type Purse<'a> = &'a dyn Deref<Target = Budget>;

/// The search for an answer to one question in the records of one zone.
struct Search<'a> {
    question: &'a Question,
    denials: ZoneDenials,
    validator: Arc<Validator>,
    budget: Purse<'a>,
    now: Moment,
}

/// What was found.
struct Found {
    finding: Finding,
    rcode: Rcode,
    outcome: Outcome,
    /// The records that prove it.
    proof: Vec<Proven>,
}

impl Service {
    /// The link that proven records make of a question. Hashes are charged to `budget`.
    pub(super) fn synthesised(&self, question: &Question, budget: Purse<'_>) -> Option<Link> {
        let rtype = question.rtype;
        // RRSIG is no type of its own; ANY is answered otherwise.
        if rtype.is_meta() || rtype == RecordType::RRSIG {
            return None;
        }
        let search = self.search(question, budget)?;
        let mut hashes = Hashes::new();
        let mut found = search.denied(&mut hashes);
        // No wildcard makes a zone cut.
        if found.is_none() && !rtype.is_parent_side() {
            found = search.expanded(&mut hashes);
        }
        search.count(&hashes);
        let mut link = found?;
        self.settings.private.strip(&mut link);
        Some(link)
    }

    /// The denial of a DS set as a response that is yet to be judged, for a proof that needs one.
    pub(super) fn synthesised_evidence(&self, question: &Question, budget: Purse<'_>) -> Option<Scrubbed> {
        let search = self.search(question, budget)?;
        let mut hashes = Hashes::new();
        let denied = search.denied(&mut hashes);
        search.count(&hashes);
        let link = denied?;
        Some(Scrubbed {
            question: question.clone(),
            zone: search.denials.zone().clone(),
            rcode: link.rcode,
            outcome: link.outcome,
            answer: link.answer,
            authority: link.authority,
            target: link.target,
            server: super::secure::REMEMBERED,
        })
    }

    fn search<'a>(&self, question: &'a Question, budget: Purse<'a>) -> Option<Search<'a>> {
        if !self.settings.aggressive_nsec {
            return None;
        }
        // DS is the parent's (RFC 4035 §3.1.4.1).
        let parent_side = question.rtype.is_parent_side() && !question.name.is_root();
        let place = if parent_side { question.name.parent()? } else { question.name.clone() };
        let denials = self.store.denials.above(&place)?;
        let zone = denials.zone();
        let (validator, now) = (self.validator()?, self.clock.now());
        // RFC 6840 §4.1: what is below a zone cut is not the parent's to deny, whatever an older record of it says; nor
        // the DS of one.
        let cut = self.store.delegations.deepest_labels(&question.name, now);
        let known = self.store.zones.deepest(&question.name, now);
        let no_more = |(known, trust): (Name, Arc<ZoneTrust>)| {
            known.is_below(zone) || matches!(*trust, ZoneTrust::Insecure(_))
        };
        if cut.is_some_and(|labels| labels > zone.label_count())
            || known.is_some_and(no_more)
            || !validator.joins(zone, &place, self.clock.unix())
        {
            return None;
        }
        Some(Search { question, denials, validator, budget, now })
    }
}

impl Search<'_> {
    /// Counts what was computed.
    fn count(&self, hashes: &Hashes) {
        self.validator.figures().count_nsec3(hashes.blocks());
    }

    /// NXDOMAIN or NODATA.
    fn denied(&self, hashes: &mut Hashes) -> Option<Link> {
        self.denials.soa_ttl(self.now)?;
        let found = self.denied_by_nsec(hashes).or_else(|| {
            let chains = self.denials.hash_parameters();
            chains.iter().find_map(|parameters| self.denied_by_nsec3(parameters, hashes))
        })?;
        let soa = self.denials.soa(self.now)?;
        let compact_denial = found.finding == Finding::NoSuchName;
        let proof = std::iter::once(soa).chain(found.proof).collect();
        Some(Link { compact_denial, ..self.link(found.rcode, found.outcome, proof) })
    }

    fn denied_by_nsec(&self, hashes: &mut Hashes) -> Option<Found> {
        let name = &self.question.name;
        let first = self.nsec(name)?;
        let source = denial::source_of_synthesis(self.denials.zone(), name, &first.rrset);
        let second = source.and_then(|wildcard| self.nsec(&wildcard));
        let records: Vec<Proven> = std::iter::once(first).chain(second).collect();
        self.prove(records, hashes)
    }

    fn denied_by_nsec3(&self, parameters: &HashParameters, hashes: &mut Hashes) -> Option<Found> {
        let (name, apex) = (&self.question.name, self.denials.zone().label_count());
        let depth = name.label_count() - apex;
        // The name, those between it and the apex, and the wildcard.
        self.affords(depth + 2, parameters).then_some(())?;
        let at = |name: &Name, hashes: &mut Hashes| {
            let hash = hashes.hash(name, parameters.0, &parameters.1, self.budget).ok()?;
            self.denials.nsec3(parameters, &hash, self.now)
        };
        let (covering, own) = at(name, hashes)?;
        if own {
            return self.prove(vec![covering], hashes);
        }
        // RFC 5155 §8.3, from the apex down: the last name that has a record, and the next one, which has none.
        let mut encloser = at(self.denials.zone(), hashes).filter(|(_, own)| *own)?.0;
        for labels in apex + 1..=name.label_count() {
            let (record, own) = at(&name.suffix(labels), hashes)?;
            if !own {
                let wildcard = at(&name.suffix(labels - 1).wildcard().ok()?, hashes)?.0;
                return self.prove(vec![encloser, record, wildcard], hashes);
            }
            encloser = record;
        }
        None
    }

    /// What a wildcard gives, where nothing nearer exists (RFC 8198 §5.3).
    fn expanded(&self, hashes: &mut Hashes) -> Option<Link> {
        let (name, rtype) = (&self.question.name, self.question.rtype);
        let (encloser, wildcard) = self.denials.wildcard_above(name, rtype, self.now)?;
        let claim = Claim::CloserMatch { name, encloser: &encloser };
        let proof = self.nsec(name).and_then(|record| self.proves(claim, record, hashes));
        let proof = proof.or_else(|| {
            let next_closer = name.suffix(encloser.label_count() + 1);
            self.denials.hash_parameters().iter().find_map(|parameters| {
                self.affords(1, parameters).then_some(())?;
                let hash = hashes.hash(&next_closer, parameters.0, &parameters.1, self.budget).ok()?;
                let (record, _) = self.denials.nsec3(parameters, &hash, self.now)?;
                self.proves(claim, record, hashes)
            })
        })?;
        let ttl = proof.ttl.min(wildcard.ttl);
        let answer = Rrset { name: name.clone(), ..wildcard.rrset };
        let (outcome, target) = match answer.rtype {
            RecordType::CNAME if rtype != RecordType::CNAME => {
                (Outcome::Alias, single_name(answer.rdatas.only()?).ok()?)
            }
            _ => (Outcome::Answer, name.clone()),
        };
        let mut link = self.link(Rcode::NOERROR, outcome, vec![proof]);
        link.answer.push(answer);
        link.target = target;
        for rrset in link.answer.iter_mut().chain(&mut link.authority) {
            rrset.ttl = ttl;
            rrset.signatures_ttl = ttl;
        }
        Some(link)
    }

    fn nsec(&self, name: &Name) -> Option<Proven> {
        self.denials.nsec(name, self.now)
    }

    /// Whether so many hashes may be computed.
    fn affords(&self, hashes: usize, parameters: &HashParameters) -> bool {
        let each = nsec3::price(self.question.name.len() + 2, parameters.0, parameters.1.len());
        let price = u32::try_from(hashes).unwrap_or(u32::MAX).saturating_mul(each);
        let spent = self.budget.spent(Limit::Nsec3Hashes).saturating_add(price);
        price <= limits::SYNTHESIS_BLOCKS_MAX && spent <= self.budget.cap(Limit::Nsec3Hashes) / 2
    }

    /// What the records prove of the question.
    fn prove(&self, records: Vec<Proven>, hashes: &mut Hashes) -> Option<Found> {
        let (name, rtype) = (&self.question.name, self.question.rtype);
        let sets: Vec<&Rrset> = records.iter().map(|record| &record.rrset).collect();
        let claims = [
            (Claim::Type(name, rtype), Rcode::NOERROR, Outcome::NoData),
            (Claim::Name(name), Rcode::NXDOMAIN, Outcome::NxDomain),
        ];
        let (denial, rcode, outcome) = claims.into_iter().find_map(|(claim, rcode, outcome)| {
            let denial = denial::prove(self.denials.zone(), claim, &sets, hashes, self.budget).ok()??;
            let denied = matches!(denial.finding, Finding::Absent | Finding::NoSuchName);
            denied.then_some((denial, rcode, outcome))
        })?;
        let used = |(index, _): &(usize, Proven)| denial.used.contains(index);
        let proof = records.into_iter().enumerate().filter(used).map(|(_, record)| record).collect();
        Some(Found { finding: denial.finding, rcode, outcome, proof })
    }

    /// The record, if it proves the claim.
    fn proves(&self, claim: Claim<'_>, record: Proven, hashes: &mut Hashes) -> Option<Proven> {
        let denial =
            denial::prove(self.denials.zone(), claim, &[&record.rrset], hashes, self.budget).ok()??;
        (denial.finding == Finding::Absent).then_some(record)
    }

    /// A link with these records in its authority section, all with the TTL of the one that ends first.
    fn link(&self, rcode: Rcode, outcome: Outcome, proof: Vec<Proven>) -> Link {
        let ttl = proof.iter().map(|proven| proven.ttl).min().unwrap_or(0);
        let aged = |proven: Proven| Rrset { ttl, signatures_ttl: ttl, ..proven.rrset };
        let text = format!("made from what {} proved before (RFC 8198)", self.denials.zone().brief());
        Link {
            authority: proof.into_iter().map(aged).collect(),
            synthesised: true,
            note: Some(ExtendedError::new(EdeCode::SYNTHESIZED, &text)),
            ..Link::bare(rcode, outcome, self.question.name.clone(), ValidationState::Secure)
        }
    }
}
