//! Gets a response proven: steps the proof, fetches what it needs, and asks other servers when it is bogus.
//!
//! Evidence comes, in this order, from what is proven already (`cache::zones`), from what a referral brought
//! along, and from the source. All of it is charged to the question's budget.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crate::cache::delegations::CachedCut;
use crate::clock::Moment;
use crate::context::Context;
use crate::dns::delegation::DsEvidence;
use crate::dns::response::{Outcome, Scrubbed};
use crate::dns::security::{Fault, ValidationState};
use crate::dns::{Name, Question, Rcode, RecordType, Rrset};
use crate::event::{Event, Observer};
use crate::failure::Failure;
use crate::limits;
use crate::service::Service;
use crate::service::early_keys::EarlyKeys;
use crate::service::single_flight::{GAVE_WAY, Ticket};
use crate::validate::{Evidence, Proof, Step, Validated, Validator, ZoneTrust};

/// Stands for the server in evidence that came with a referral, or with other answers: which one sent it is not
/// remembered.
pub(super) const REMEMBERED: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// Servers whose answer to a question turned out bogus.
type Distrusted = Vec<(Question, IpAddr)>;

/// What a proof may rest on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Basis {
    /// Also on what was proven before, and what referrals brought along.
    Known,
    /// On nothing but what is fetched now.
    Fresh,
}

impl Service {
    /// Fetches and judges. The result may be bogus: what to make of that is the caller's business.
    pub(crate) async fn proven(
        self: &Arc<Self>,
        question: &Question,
        context: &Context,
    ) -> Result<Box<Validated>, Failure> {
        let Some(validator) = self.validator() else {
            let response = self.fetch_aboard(question, context).await?;
            return Ok(Box::new(Validator::unchecked(Arc::unwrap_or_clone(response))));
        };
        let verdict = self.proven_by(&validator, question, context, Basis::Known).await?;
        self.health.count(verdict.state());
        Ok(verdict)
    }

    /// Fetches, and judges by this validator. One that is not what answers are judged by leaves nothing behind.
    pub(super) async fn proven_by(
        self: &Arc<Self>,
        validator: &Arc<Validator>,
        question: &Question,
        context: &Context,
        basis: Basis,
    ) -> Result<Box<Validated>, Failure> {
        let early = Arc::new(EarlyKeys::new(self, question, context));
        let response = if self.settings.prefetch_key {
            let observer = Arc::clone(&early) as Arc<dyn Observer>;
            self.fetch_aboard(question, &Context { observer, ..context.clone() }).await?
        } else {
            self.fetch_aboard(question, context).await?
        };
        let mut work =
            Work { validator, distrusted: Distrusted::new(), heard: Vec::new(), early: &early, basis };
        let mut verdict = self.judge(&response, &mut work, context).await?;
        if verdict.state().is_bogus() {
            // Apart, so that what is good needs no room for it.
            verdict = Box::pin(self.judged_again(question, verdict, response, &mut work, context)).await?;
        }
        context.tell(&Event::Judged { question, state: verdict.state() });
        Ok(verdict)
    }

    /// What becomes of a bogus verdict once a part of the response is looked at alone, and others are heard.
    async fn judged_again(
        self: &Arc<Self>,
        question: &Question,
        verdict: Box<Validated>,
        mut response: Arc<Scrubbed>,
        work: &mut Work<'_>,
        context: &Context,
    ) -> Result<Box<Validated>, Failure> {
        let mut verdict = self.or_shorter(verdict, &response, work, context).await?;
        for _ in 0..limits::BOGUS_RETRIES_MAX {
            let Some(culprit) = verdict.culprit().filter(|_| verdict.state().is_bogus()) else { break };
            let Some(server) = culprit.server else { break };
            // One bad server, or one forged packet, must not decide (RFC 4035 §4.7 leaves room, RFC 9520 §3.3 bounds it).
            work.distrusted.push((culprit.question.clone(), server));
            if culprit.question == *question {
                let Ok(again) = self.fetch(question, &work.avoiding(question, context)).await else { break };
                response = again;
            }
            let Ok(second) = self.judge(&response, work, context).await else { break };
            let Ok(second) = self.or_shorter(second, &response, work, context).await else { break };
            if is_evidence_missing(&second) {
                // There is no other server to hear: what was wrong with the first one's answer says more.
                break;
            }
            verdict = second;
        }
        if verdict.state().is_bogus() && self.judges_by(Some(work.validator)) {
            self.doubt_the_way_to(&question.name);
        }
        Ok(verdict)
    }

    /// Unless it is the zone's own fault, a referral on the way was forged, or the address of a server.
    fn doubt_the_way_to(&self, name: &Name) {
        let (delegations, now) = (&self.store.delegations, self.clock.now());
        for zone in delegations.cuts(name, now).iter().filter(|zone| !zone.is_root()) {
            if let Some(cut) = delegations.get(zone, now) {
                cut.server_names().for_each(|server| self.store.addresses.doubt(server, now));
            }
            delegations.doubt(zone, now);
        }
    }

    /// Where a response is bogus, the verdict on what is left of it without a negative end behind aliases, if that is not.
    async fn or_shorter(
        self: &Arc<Self>,
        verdict: Box<Validated>,
        response: &Scrubbed,
        work: &mut Work<'_>,
        context: &Context,
    ) -> Result<Box<Validated>, Failure> {
        if verdict.state().is_bogus()
            && let Some(alias) = without_negative_end(response)
        {
            let shorter = self.judge(&Arc::new(alias), work, context).await?;
            if !shorter.state().is_bogus() {
                return Ok(shorter);
            }
        }
        Ok(verdict)
    }

    async fn judge(
        self: &Arc<Self>,
        response: &Arc<Scrubbed>,
        work: &mut Work<'_>,
        context: &Context,
    ) -> Result<Box<Validated>, Failure> {
        let mut proof = Box::new(work.validator.prove(Arc::clone(response)));
        let mut own = None;
        loop {
            context.budget.check_time(self.clock.now())?;
            let (now, distrusted) = (self.clock.now(), &work.distrusted);
            let known = Known { service: self, now, distrusted, basis: work.basis };
            match proof.step(&known, &context.budget, &*context.observer, self.clock.unix()) {
                Step::Done(verdict) => {
                    if let Some(_leave) = self.may_keep(Some(work.validator)) {
                        self.remember_zones(&verdict);
                    }
                    // Evidence that was not fetched for reasons of our own says nothing about the answer.
                    return match own {
                        Some(failure) if is_evidence_missing(&verdict) => Err(failure),
                        _ => Ok(verdict),
                    };
                }
                Step::Pause => tokio::task::yield_now().await,
                Step::Need(questions) => {
                    let failed = self.feed(&mut proof, questions, work, context).await;
                    own = own.or(failed);
                }
            }
        }
    }

    /// What was proven of zones holds whatever became of the answer; no longer than anything else may be kept.
    fn remember_zones(&self, verdict: &Validated) {
        for learned in verdict.learned() {
            let ttl = learned.ttl.min(self.settings.ttl.max);
            self.store.zones.insert(&learned.zone, Arc::clone(&learned.trust), ttl, self.clock.now());
        }
    }

    /// Whether anything is proven of a zone.
    pub(super) fn knows_zone(&self, zone: &Name) -> bool {
        self.store.zones.get(zone, self.clock.now()).is_some()
    }

    /// Asks for all that is needed at once, and feeds it in the order it was asked for. Returns what failed here for
    /// want of budget or room.
    async fn feed(
        self: &Arc<Self>,
        proof: &mut Proof,
        questions: Vec<Question>,
        work: &mut Work<'_>,
        context: &Context,
    ) -> Option<Failure> {
        let mut own = None;
        let mut under_way = Vec::with_capacity(questions.len());
        for (place, question) in questions.into_iter().enumerate() {
            // Only likely to be needed, and hardly where the parent denies the DS: then the proof asks once more.
            if place > 0 && question.rtype == RecordType::DNSKEY && self.is_denied_ds(&question.name) {
                continue;
            }
            context.tell(&Event::Needed(&question));
            let at_hand = || self.evidence_at_hand(&question, &work.distrusted, context);
            let at_hand = if work.basis == Basis::Known { at_hand() } else { None };
            let found = match at_hand.or_else(|| work.heard(&question)) {
                Some(response) => Under::AtHand(Box::new(response)),
                None if work.distrusts(&question) => Under::Again,
                None => match work.early.take(&question) {
                    Some(ticket) => Under::Flying(ticket),
                    None => self.begin_fetch(&question, context).map_or_else(Under::Failed, Under::Flying),
                },
            };
            under_way.push((question, found));
        }
        for (question, found) in under_way {
            let result = match found {
                Under::AtHand(response) => Ok(*response),
                Under::Failed(failure) => Err(failure),
                Under::Flying(ticket) => {
                    let began = ticket.began;
                    match ticket.wait(&self.clock, &context.budget).await {
                        // Another question's budget ended, or its place was taken.
                        Err(Failure::Limit(_) | GAVE_WAY) if !began => {
                            Box::pin(self.fetch(&question, context)).await
                        }
                        outcome => outcome,
                    }
                    .map(Arc::unwrap_or_clone)
                }
                Under::Again => {
                    let context = work.avoiding(&question, context);
                    Box::pin(self.fetch(&question, &context)).await.map(Arc::unwrap_or_clone)
                }
            };
            if let Err(
                failure @ (Failure::Limit(_)
                | Failure::Busy(_)
                | Failure::Offline { .. }
                | Failure::ShuttingDown),
            ) = &result
            {
                own = own.or_else(|| Some(failure.clone()));
            }
            work.hear(&result);
            proof.feed(question, result);
        }
        own
    }

    /// Whether the referral to a zone came with what is to prove that it has no DS.
    fn is_denied_ds(&self, zone: &Name) -> bool {
        let cut = self.store.delegations.get(zone, self.clock.now());
        cut.is_some_and(|cut| matches!(cut.delegation.ds, DsEvidence::Denied(_)))
    }

    /// What is known of a DS set, as if the parent had been asked for it.
    fn evidence_at_hand(
        &self,
        question: &Question,
        distrusted: &Distrusted,
        context: &Context,
    ) -> Option<Scrubbed> {
        if question.rtype != RecordType::DS || distrusted.iter().any(|(asked, _)| asked == question) {
            return None;
        }
        self.told_by_referral(question).or_else(|| self.synthesised_evidence(question, &context.budget))
    }

    /// What the referral to a zone said of its DS.
    fn told_by_referral(&self, question: &Question) -> Option<Scrubbed> {
        let now = self.clock.now();
        let cut = self.store.delegations.get(&question.name, now)?;
        let age = age_secs(&cut, now);
        let (outcome, answer, authority) = match &cut.delegation.ds {
            DsEvidence::Absent => return None,
            DsEvidence::Present(rrset) => (Outcome::Answer, vec![aged(rrset, age)?], Vec::new()),
            DsEvidence::Denied(rrsets) => (
                Outcome::NoData,
                Vec::new(),
                rrsets.iter().map(|rrset| aged(rrset, age)).collect::<Option<_>>()?,
            ),
        };
        Some(Scrubbed {
            question: question.clone(),
            zone: cut.delegation.parent.clone(),
            rcode: Rcode::NOERROR,
            outcome,
            answer,
            authority,
            target: question.name.clone(),
            server: REMEMBERED,
        })
    }
}

/// A chain of aliases that ends with a denial, without that end: servers are known to leave out half of the
/// proof there (NSD behind a DNAME). The target is then asked for by its own name.
fn without_negative_end(response: &Scrubbed) -> Option<Scrubbed> {
    let negative = matches!(response.outcome, Outcome::NoData | Outcome::NxDomain);
    (negative && !response.answer.is_empty()).then(|| Scrubbed {
        rcode: Rcode::NOERROR,
        outcome: Outcome::Alias,
        authority: response
            .authority
            .iter()
            .filter(|rrset| rrset.rtype != RecordType::SOA)
            .cloned()
            .collect(),
        ..response.clone()
    })
}

fn is_evidence_missing(verdict: &Validated) -> bool {
    matches!(verdict.state(), ValidationState::Bogus(reason) if matches!(reason.fault, Fault::EvidenceMissing { .. }))
}

/// A piece of evidence on its way.
enum Under {
    AtHand(Box<Scrubbed>),
    Flying(Ticket<Arc<Scrubbed>>),
    Again,
    Failed(Failure),
}

/// What judging one response goes by.
struct Work<'a> {
    validator: &'a Arc<Validator>,
    distrusted: Distrusted,
    /// Evidence that came already: another try at the answer does not ask for it again.
    heard: Vec<Scrubbed>,
    early: &'a EarlyKeys,
    /// What is remembered does not count.
    basis: Basis,
}

impl Work<'_> {
    /// What was heard of a question, if it was not found wanting.
    fn heard(&self, question: &Question) -> Option<Scrubbed> {
        let good = |said: &&Scrubbed| {
            said.question == *question
                && !self.distrusted.iter().any(|(asked, server)| asked == question && *server == said.server)
        };
        self.heard.iter().rev().find(good).cloned()
    }

    fn hear(&mut self, found: &Result<Scrubbed, Failure>) {
        if let Ok(said) = found
            && self.heard(&said.question).is_none()
        {
            self.heard.push(said.clone());
        }
    }

    fn distrusts(&self, question: &Question) -> bool {
        self.distrusted.iter().any(|(asked, _)| asked == question)
    }

    /// The context for asking `question` again, of other servers than those distrusted with it.
    fn avoiding(&self, question: &Question, context: &Context) -> Context {
        let wrong =
            self.distrusted.iter().filter(|(asked, server)| asked == question && *server != REMEMBERED);
        let servers: Vec<IpAddr> = wrong.map(|(_, server)| *server).collect();
        context.avoiding(&servers)
    }
}

/// Seconds since the referral came.
fn age_secs(cut: &CachedCut, now: Moment) -> u32 {
    u32::try_from(now.since(cut.stored).as_secs()).unwrap_or(u32::MAX)
}

/// The RRset as it is now; none if its time is over.
fn aged(rrset: &Rrset, age_secs: u32) -> Option<Rrset> {
    let ttl = rrset.ttl.checked_sub(age_secs)?;
    Some(Rrset { ttl, signatures_ttl: rrset.signatures_ttl.saturating_sub(age_secs), ..rrset.clone() })
}

/// What a proof may look up while it steps.
struct Known<'a> {
    service: &'a Service,
    now: Moment,
    distrusted: &'a Distrusted,
    basis: Basis,
}

impl Evidence for Known<'_> {
    fn zone(&self, zone: &Name) -> Option<Arc<ZoneTrust>> {
        // Keys that were just found wanting are fetched anew.
        if self.basis == Basis::Fresh
            || self
                .distrusted
                .iter()
                .any(|(asked, _)| asked.name == *zone && asked.rtype == RecordType::DNSKEY)
        {
            return None;
        }
        self.service.store.zones.get(zone, self.now)
    }

    fn cuts(&self, name: &Name) -> Vec<Name> {
        self.service.store.delegations.cuts(name, self.now)
    }
}
