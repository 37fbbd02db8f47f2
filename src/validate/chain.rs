//! The chain of trust: from an anchor down to a zone (RFC 4035 §5.2), and where it ends.
//!
//! Two ways lead to a zone. Something that it signed: its DS is asked for, whose signature names the parent, and
//! so on up to what is known. Something unsigned: the names from the deepest proven zone down are tried, until
//! one is proven to be delegated without DS, or none is.

use std::sync::Arc;

use super::anchors::Nearest;
use super::denial::{Claim, Finding};
use super::judge::{Blame, DenialVerdict, Judgement, Section, Source};
use super::signature;
use super::work::{Stop, Work};
use super::zone_keys::{self, Entry, Voucher};
use super::{Insecurity, Learned, Proof, ZoneKeys, ZoneTrust, story};
use crate::dns::response::Scrubbed;
use crate::dns::security::{Fault, Reason};
use crate::dns::{Name, Question, RecordType};
use crate::failure::Failure;
use crate::limits::{self, Limit};

/// What is left of [`Limit::Evidence`] for what is needed, when something might be asked for early.
const EVIDENCE_KEPT: u32 = 16;

/// What is settled of a name.
#[derive(Debug, Clone)]
pub(super) enum Trust {
    /// It is the name of a zone, or of something within an insecure one.
    Known(Arc<ZoneTrust>),
    /// No zone begins there.
    NotCut {
        /// Nor does anything else exist there or below.
        nothing_below: bool,
    },
    /// It is a zone whose keys cannot be proven, or it cannot be known whether it is one.
    Bogus(Blame),
}

/// Where a name without signatures turns out to be.
#[derive(Debug)]
pub(super) enum Walk {
    /// In this zone, which is signed.
    Within(Name),
    Insecure(Insecurity),
    Bogus(Blame),
}

/// How a name stands to the trust anchors.
pub(super) enum Standing {
    /// At or below this anchor.
    Below(Name),
    Insecure(Insecurity),
    /// No anchor stands above it.
    Indeterminate,
}

impl Proof {
    /// The anchor that decides about a name, unless it is known to be in an insecure zone.
    pub(super) fn standing(&self, name: &Name, work: &Work<'_>) -> Standing {
        match self.validator.anchors.nearest(name, work.now) {
            // RFC 4033 §5: without an anchor it cannot be known whether it should be signed.
            Nearest::None => Standing::Indeterminate,
            Nearest::Negative(_) => Standing::Insecure(Insecurity::NegativeAnchor),
            Nearest::Positive(anchor, _) => match self.insecure_above(name, anchor, work) {
                Some(why) => Standing::Insecure(why),
                None => Standing::Below(anchor.clone()),
            },
        }
    }

    /// Why a zone between `anchor` and `name` is known to be insecure.
    fn insecure_above(&self, name: &Name, anchor: &Name, work: &Work<'_>) -> Option<Insecurity> {
        let mut between = name.ancestors().take_while(|above| above.is_subdomain_of(anchor));
        // What is above a secure zone was proven to be secure for that.
        match between.find_map(|above| self.known(&above, work)).as_deref() {
            Some(ZoneTrust::Insecure(why)) => Some(*why),
            Some(ZoneTrust::Secure(_)) | None => None,
        }
    }

    fn known(&self, zone: &Name, work: &Work<'_>) -> Option<Arc<ZoneTrust>> {
        match self.zones.get(zone) {
            Some(Trust::Known(trust)) => Some(Arc::clone(trust)),
            Some(_) => None,
            None => self.remembered(zone, work),
        }
    }

    fn remembered(&self, zone: &Name, work: &Work<'_>) -> Option<Arc<ZoneTrust>> {
        if self.doubted.contains(zone) { None } else { work.evidence.zone(zone) }
    }

    /// Forgets the keys of a zone that are remembered from earlier and did not make a signature: the zone may have
    /// new ones. Once for each zone; then what was found is final.
    pub(super) fn doubt(&mut self, zone: &Name) -> Result<(), Stop> {
        let proven_here = self.learned.iter().any(|learned| learned.zone == *zone);
        if !proven_here && self.doubted.add(zone) {
            self.zones.remove(zone);
            self.signers.add(zone);
            return Err(Stop::Zone(zone.clone()));
        }
        Ok(())
    }

    /// What is settled of a name; stops until it is.
    fn trust(&self, name: &Name) -> Result<Trust, Stop> {
        self.zones.get(name).cloned().ok_or_else(|| Stop::Zone(name.clone()))
    }

    /// The same of a name that signed something, and so may have keys.
    pub(super) fn trust_signer(&mut self, name: &Name) -> Result<Trust, Stop> {
        let trust = self.trust(name);
        if trust.is_err() {
            self.signers.add(name);
        }
        trust
    }

    /// Settles a name that is at or below a trust anchor.
    pub(super) fn settle(&mut self, zone: &Name, work: &mut Work<'_>) -> Result<Trust, Stop> {
        let validator = Arc::clone(&self.validator);
        let anchor = match validator.anchors.nearest(zone, work.now) {
            Nearest::None => return Ok(Trust::NotCut { nothing_below: false }),
            Nearest::Negative(_) => return Ok(insecure(Insecurity::NegativeAnchor)),
            Nearest::Positive(anchor, keys) if anchor == zone => {
                if let Some(known) = self.remembered(zone, work) {
                    work.tell(zone, || story::remembered(&known));
                    return Ok(Trust::Known(known));
                }
                let vouchers: Vec<Voucher<'_>> = keys.iter().filter_map(Voucher::from_anchor).collect();
                return self.settle_anchor(zone, &vouchers, work);
            }
            Nearest::Positive(anchor, _) => anchor,
        };
        if let Some(known) = self.remembered(zone, work) {
            work.tell(zone, || story::remembered(&known));
            return Ok(Trust::Known(known));
        }
        if let Some(why) = self.insecure_above(zone, anchor, work) {
            return Ok(insecure(why));
        }
        self.settle_by_ds(zone, work)
    }

    /// Settles the zone of a trust anchor. Whether one that shows no good keys is bogus is the operator's to say.
    fn settle_anchor(
        &mut self,
        zone: &Name,
        vouchers: &[Voucher<'_>],
        work: &mut Work<'_>,
    ) -> Result<Trust, Stop> {
        let trust = self.settle_keys(zone, vouchers, None, work)?;
        if work.validator.policy.dnssec_stripped || !matches!(trust, Trust::Bogus(_)) {
            return Ok(trust);
        }
        Ok(self.learn_insecure(zone, Insecurity::Stripped, limits::BOGUS_TTL_SECS, work))
    }

    /// Settles a zone by what its parent says of its DS (RFC 4035 §5.2).
    fn settle_by_ds(&mut self, zone: &Name, work: &mut Work<'_>) -> Result<Trust, Stop> {
        let question = Question::new(zone.clone(), RecordType::DS);
        let response = match self.fetched(&question, work)? {
            Ok(response) => response,
            Err(failure) => return self.settle_unfetched(&question, &failure, work),
        };
        let Some(rrset) = response.answer.first() else {
            return self.settle_without_ds(zone, &response, work);
        };
        let (is_ds, is_alias) = (rrset.is(zone, RecordType::DS), rrset.is(zone, RecordType::CNAME));
        let is_above = rrset.rtype == RecordType::DNAME && zone.is_below(&rrset.name);
        let fault = Fault::Contradiction { what: "asked for DS, other records came" };
        let contradiction = Trust::Bogus(Blame::of(&response, zone, zone, RecordType::DS, fault));
        // Looked at before it is judged: that another name is insecure says nothing of this one.
        if !(is_ds || is_alias || is_above) {
            return Ok(contradiction);
        }
        let verdict = self.judge_rrset(&response, 0, work)?;
        let ttl = match verdict.judgement {
            Judgement::Secure => verdict.ttl,
            Judgement::Insecure(why) => return Ok(insecure(why)),
            Judgement::Bogus(blame) => return Ok(Trust::Bogus(blame)),
            // Records that cannot be judged are no evidence.
            Judgement::Indeterminate => return Ok(contradiction),
        };
        if is_ds {
            let vouchers: Vec<Voucher<'_>> = rrset
                .rdatas
                .iter()
                .filter_map(|rdata| crate::dns::rdata::Ds::read(rdata).ok().map(Voucher::Ds))
                .collect();
            return self.settle_keys(zone, &vouchers, Some(ttl), work);
        }
        // RFC 2181 §10.1: where a CNAME is, there is nothing else, and so no zone; nor below a DNAME (RFC 6672 §2.4).
        Ok(Trust::NotCut { nothing_below: is_above })
    }

    /// Settles a zone whose DS could not be fetched. That says nothing of it (CVE-2026-123597), unless it lies in a
    /// zone that is insecure anyway: many a server of those fails at types it does not know.
    fn settle_unfetched(
        &mut self,
        question: &Question,
        failure: &Failure,
        work: &mut Work<'_>,
    ) -> Result<Trust, Stop> {
        let above = question.name.parent().unwrap_or_else(Name::root);
        Ok(match self.walk(&above, &[], work)? {
            Walk::Insecure(why) => insecure(why),
            Walk::Within(_) | Walk::Bogus(_) => Trust::Bogus(Blame::unfetched(question, failure)),
        })
    }

    /// Settles a name that has no DS records.
    fn settle_without_ds(
        &mut self,
        zone: &Name,
        response: &Arc<Scrubbed>,
        work: &mut Work<'_>,
    ) -> Result<Trust, Stop> {
        let (finding, ttl) = match self.judge_denial(response, Claim::Ds(zone), None, work)? {
            DenialVerdict::Proven { finding, ttl, .. } => (finding, ttl),
            DenialVerdict::Insecure(why) => return Ok(insecure(why)),
            DenialVerdict::Bogus(blame) => return Ok(Trust::Bogus(blame)),
            DenialVerdict::Indeterminate => return Ok(Trust::NotCut { nothing_below: false }),
        };
        Ok(match finding {
            Finding::Delegation => self.learn_insecure(zone, Insecurity::NoDs, ttl, work),
            // Nothing was computed, so it is not known that a zone begins there: let pass, and not remembered.
            Finding::Insecure(why @ Insecurity::Iterations(_)) => insecure(why),
            Finding::Insecure(why) => self.learn_insecure(zone, why, ttl, work),
            Finding::NotCut { nothing_below } => Trust::NotCut { nothing_below },
            Finding::Absent | Finding::NoSuchName => Trust::NotCut { nothing_below: false },
        })
    }

    fn learn_insecure(&mut self, zone: &Name, why: Insecurity, ttl: u32, work: &Work<'_>) -> Trust {
        work.tell(zone, || story::insecure(why));
        let trust = Arc::new(ZoneTrust::Insecure(why));
        self.learned.push(Learned { zone: zone.clone(), trust: Arc::clone(&trust), ttl });
        Trust::Known(trust)
    }

    /// Settles a zone by its DNSKEY set and what vouches for its keys: DS records, or the anchor where there is
    /// no `ds_ttl` (RFC 4035 §5.2).
    fn settle_keys(
        &mut self,
        zone: &Name,
        vouchers: &[Voucher<'_>],
        ds_ttl: Option<u32>,
        work: &mut Work<'_>,
    ) -> Result<Trust, Stop> {
        let from_anchor = ds_ttl.is_none();
        let usable = match zone_keys::usable(vouchers, from_anchor, work.validator.policy) {
            Ok(usable) => usable,
            // RFC 4035 §5.2, RFC 6840 §5.2: nothing that could be used here is as if there were no DS.
            Err(why) => {
                work.tell(zone, || story::keys(vouchers, from_anchor, None, &[], None));
                return Ok(self.learn_insecure(zone, why, ds_ttl.unwrap_or(u32::MAX), work));
            }
        };
        let question = Question::new(zone.clone(), RecordType::DNSKEY);
        let response = match self.fetched(&question, work)? {
            Ok(response) => response,
            Err(failure) => return Ok(Trust::Bogus(Blame::unfetched(&question, &failure))),
        };
        let bogus = |fault| Trust::Bogus(Blame::of(&response, zone, zone, RecordType::DNSKEY, fault));
        let Some(rrset) = response.answer.first().filter(|rrset| rrset.is(zone, RecordType::DNSKEY)) else {
            return Ok(bogus(Fault::DnskeyMissing));
        };
        let entry = match zone_keys::enter(zone, &usable, &rrset.rdatas, from_anchor) {
            Entry::Keys(keys) => ZoneKeys::of(zone.clone(), keys),
            Entry::Insecure(why) => {
                work.tell(zone, || story::keys(vouchers, from_anchor, Some(rrset), &[], None));
                let ttl = ds_ttl.unwrap_or(rrset.ttl).min(rrset.ttl);
                return Ok(self.learn_insecure(zone, why, ttl, work));
            }
            Entry::Fault(fault) => {
                work.tell(zone, || story::keys(vouchers, from_anchor, Some(rrset), &[], None));
                return Ok(bogus(fault));
            }
        };
        // RFC 4035 §5.2: one of the keys that are vouched for has signed the set; none of the others counts
        // (RUSTSEC-2025-0006).
        let verified = match signature::verify(rrset, &entry, work)? {
            Ok(verified) => verified,
            Err(fault) => {
                work.tell(zone, || story::keys(vouchers, from_anchor, Some(rrset), entry.keys(), None));
                return Ok(bogus(fault));
            }
        };
        let place = (Source::of(&response), Section::Answer, 0);
        self.checks.insert(place, Ok(verified.clone()));
        work.tell(zone, || story::keys(vouchers, from_anchor, Some(rrset), entry.keys(), Some(&verified)));
        let keys = ZoneKeys::read(zone.clone(), &rrset.rdatas, work.validator.policy).until(verified.until);
        let trust = Arc::new(ZoneTrust::Secure(keys));
        let ttl = verified.ttl.min(ds_ttl.unwrap_or(u32::MAX));
        self.learned.push(Learned { zone: zone.clone(), trust: Arc::clone(&trust), ttl });
        Ok(Trust::Known(trust))
    }

    /// Finds the zone that an unsigned name is in: first where hints point, then name by name (RFC 4035 §5.2's last
    /// paragraph: without a proof that a zone is unsigned, it is signed).
    pub(super) fn walk(&self, name: &Name, hints: &[Name], work: &Work<'_>) -> Result<Walk, Stop> {
        let anchor = match self.standing(name, work) {
            Standing::Below(anchor) => anchor,
            Standing::Insecure(why) => return Ok(Walk::Insecure(why)),
            Standing::Indeterminate => return Ok(Walk::Within(name.clone())),
        };
        let mut within = anchor.clone();
        let mut settled = false;
        // Downwards: below the first insecure cut nobody needs to be asked, or could answer.
        for hint in hinted(name, &anchor, hints, work) {
            if let Some(end) = self.walk_step(&hint, &mut within, &mut settled)? {
                return Ok(end);
            }
        }
        if !settled && let Some(end) = self.walk_step(&anchor, &mut within, &mut settled)? {
            return Ok(end);
        }
        for labels in within.label_count() + 1..=name.label_count() {
            let below = name.suffix(labels);
            if let Trust::NotCut { nothing_below: true } = self.trust(&below)? {
                // Nothing exists down there: what came from there was never in the zone.
                break;
            }
            if let Some(end) = self.walk_step(&below, &mut within, &mut settled)? {
                return Ok(end);
            }
        }
        Ok(Walk::Within(within))
    }

    /// One name of a walk: the end of it, or on from there if a secure zone begins there.
    fn walk_step(&self, name: &Name, within: &mut Name, settled: &mut bool) -> Result<Option<Walk>, Stop> {
        Ok(match self.trust(name)? {
            Trust::Known(trust) => match &*trust {
                ZoneTrust::Insecure(why) => Some(Walk::Insecure(*why)),
                ZoneTrust::Secure(_) => {
                    *within = name.clone();
                    *settled = true;
                    None
                }
            },
            Trust::NotCut { .. } => None,
            Trust::Bogus(blame) => Some(Walk::Bogus(blame)),
        })
    }

    /// What was found for a question; stops until it was looked for.
    fn fetched(
        &mut self,
        question: &Question,
        work: &Work<'_>,
    ) -> Result<Result<Arc<Scrubbed>, Failure>, Stop> {
        match self.fed.get(question) {
            Some(found) => Ok(found.clone()),
            None => Err(Stop::Need(self.questions(question, work)?)),
        }
    }

    /// The question, and those that will probably be needed after it: asked for at once they cost one round trip.
    fn questions(&mut self, needed: &Question, work: &Work<'_>) -> Result<Vec<Question>, Stop> {
        if self.asked.add(needed) {
            work.charge(Limit::Evidence, 1)?;
        }
        let mut batch = vec![needed.clone()];
        for question in self.likely(needed, work) {
            let spare =
                work.budget.left(Limit::Evidence) > EVIDENCE_KEPT && batch.len() < limits::EVIDENCE_BATCH_MAX;
            if spare && !self.fed.contains(&question) && self.asked.add(&question) {
                work.charge(Limit::Evidence, 1)?;
                batch.push(question);
            }
        }
        Ok(batch)
    }

    fn likely(&self, needed: &Question, work: &Work<'_>) -> Vec<Question> {
        let zone = &needed.name;
        let mut likely = Vec::new();
        if self.signers.contains(zone) {
            likely.push(Question::new(zone.clone(), RecordType::DNSKEY));
        }
        let Nearest::Positive(anchor, _) = self.validator.anchors.nearest(zone, work.now) else {
            return likely;
        };
        let mut above = work.evidence.cuts(zone);
        if above.is_empty() {
            above.extend(zone.ancestors().skip(1).take(limits::CUT_GUESSES_MAX));
        }
        above.push(anchor.clone());
        above.retain(|cut| zone.is_below(cut) && cut.is_subdomain_of(anchor));
        for cut in above {
            // Whatever is above something known was needed for that, and is known too.
            if self.zones.contains(&cut) || self.known(&cut, work).is_some() {
                break;
            }
            if cut != *anchor {
                likely.push(Question::new(cut.clone(), RecordType::DS));
            }
            likely.push(Question::new(cut, RecordType::DNSKEY));
        }
        likely
    }
}

/// Names between the anchor and `name` where a zone probably begins, from the top.
fn hinted(name: &Name, anchor: &Name, hints: &[Name], work: &Work<'_>) -> Vec<Name> {
    let mut cuts = work.evidence.cuts(name);
    cuts.extend_from_slice(hints);
    cuts.retain(|cut| name.is_subdomain_of(cut) && cut.is_below(anchor));
    cuts.sort_by_key(|cut| std::cmp::Reverse(cut.label_count()));
    cuts.dedup();
    cuts.truncate(limits::CUT_HINTS_MAX);
    cuts.reverse();
    cuts
}

fn insecure(why: Insecurity) -> Trust {
    Trust::Known(Arc::new(ZoneTrust::Insecure(why)))
}

impl Blame {
    /// Something needed could not be fetched.
    fn unfetched(question: &Question, failure: &Failure) -> Self {
        let reason = Reason {
            zone: question.name.clone(),
            name: question.name.clone(),
            rtype: question.rtype,
            fault: Fault::EvidenceMissing {
                why: failure.root_cause().to_string(),
                code: failure.root_cause().ede_code(),
            },
        };
        let culprit = super::Culprit { question: question.clone(), server: None };
        Self { reason: Box::new(reason), culprit: Some(culprit) }
    }
}
