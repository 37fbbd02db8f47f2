//! The walk: RFC 1034 §5.3.3, from the deepest known zone cut down to the servers that know.
//!
//! In: one question. Out: what the authoritative servers say of it, scrubbed and unproven; aliases are followed
//! within one response and no further. The walk itself is here; what it does at one cut is in `cut`, with one
//! server in `attempt`, and each of its judgements is a pure function in a file of its own.
//!
//! A delegation is believed from the parent's side alone. It is kept for its own TTL, but never longer than the
//! parent's own delegation: else a domain that was withdrawn would live on in what it had delegated itself
//! (phoenix domains, CVE-2022-30699). The root is excepted: nobody can withdraw it, and its servers' TTL says
//! nothing of the domains below. Where it leads nowhere another server of the parent is asked, once: one server with an
//! old zone, or one forged referral, shall not decide.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use crate::cache::delegations::{CachedCut, Delegations};
use crate::cache::servers::Servers;
use crate::clock::{Clock, Moment};
use crate::context::Context;
use crate::dns::delegation::{Delegation, DsEvidence, NameServer};
use crate::dns::response::{Outcome, Response, ResponseKind, Scrubbed};
use crate::dns::{Name, Question, RecordType, Rrset, rdata};
use crate::entropy::Entropy;
use crate::event::Event;
use crate::failure::{Failure, ServerFault};
use crate::limits::{self, Limit};

use super::cut::{AtCut, Effort, Meetings, Read};
use super::exchange::Exchange;
use super::flights::{Short, ShortFlights};
use super::minimise::Minimiser;
use super::scrub::{Reading, Said, glue, scrub};
use super::targets::may_be_asked;
use super::{Lookup, Settings, priming};

/// What the walk works with.
pub struct Parts {
    /// The network.
    pub exchange: Arc<dyn Exchange>,
    /// The time.
    pub clock: Clock,
    /// Ids, ports, letter case, choices.
    pub entropy: Arc<Entropy>,
    /// Known zone cuts: where the walk starts, and where it leaves what it finds.
    pub delegations: Arc<Delegations>,
    /// What is known of servers.
    pub servers: Arc<Servers>,
    /// How it is done.
    pub settings: Settings,
}

/// Answers one question by asking authoritative servers, from the deepest known zone cut downwards.
pub struct Resolver {
    pub(super) parts: Parts,
    lookup: OnceLock<Weak<dyn Lookup>>,
    /// Held while the root is asked for its own servers: one question does it, the others wait.
    priming: tokio::sync::Mutex<()>,
    flights: ShortFlights,
    pub(super) meetings: Meetings,
    /// Delegations that led nowhere, of which another server of the parent is asked.
    words: ShortFlights,
}

/// What one step of the walk came to.
enum Step {
    /// More is known of the same zone.
    Stays,
    /// A zone below.
    Down(Arc<CachedCut>),
    /// The end.
    There(Box<Scrubbed>),
}

impl Resolver {
    /// A resolver that knows no addresses of name servers beyond glue until [`Self::set_lookup`].
    pub fn new(parts: Parts) -> Self {
        Self {
            parts,
            lookup: OnceLock::new(),
            priming: tokio::sync::Mutex::new(()),
            flights: ShortFlights::default(),
            meetings: Meetings::default(),
            words: ShortFlights::default(),
        }
    }

    /// Says who looks up addresses of name servers. Weak, because that one owns the resolver; the first call
    /// counts.
    pub fn set_lookup(&self, lookup: Weak<dyn Lookup>) {
        self.lookup.get_or_init(|| lookup);
    }

    /// Answers `question`, unproven and without following aliases out of the response.
    ///
    /// # Errors
    /// A [`Failure`] that says which limit was reached, or which zone has no server that gives an answer.
    pub async fn resolve(&self, question: &Question, context: &Context) -> Result<Scrubbed, Failure> {
        let outcome = self.walk(question, context).await;
        match &outcome {
            // Known of the zone only if it is nobody's name server that was looked for: what is a circle on the way to
            // that may be none by another way.
            Err(Failure::Cycle(zone)) if context.ancestors.is_empty() => {
                self.parts.delegations.insert_circle(zone, self.parts.clock.now());
            }
            Ok(scrubbed) => self.parts.delegations.remove_circle(&scrubbed.zone),
            Err(_) => {}
        }
        outcome
    }

    async fn walk(&self, question: &Question, context: &Context) -> Result<Scrubbed, Failure> {
        let lookup = self.lookup();
        let start = self.start(question, context).await?;
        let mut at = AtCut::new(&self.parts, &self.meetings, lookup.as_deref(), context, question, start);
        let mut minimiser = Minimiser::new(question, self.parts.settings.qname_minimisation);
        let mut heard_another = false;
        // Ends: each turn goes down a cut, or uses up one of the minimiser's steps, or is the last but one.
        loop {
            let below = match self.step(&mut at, &mut minimiser, question, context).await {
                Ok(Step::Stays) => continue,
                Ok(Step::Down(cut)) => cut,
                Ok(Step::There(scrubbed)) => return Ok(*scrubbed),
                Err(failure @ (Failure::NoServer { .. } | Failure::NoAddress(_))) if !heard_another => {
                    heard_another = true;
                    Box::pin(self.another_word(&at.cut, context)).await.ok_or(failure)?
                }
                Err(failure) => return Err(failure),
            };
            context.budget.spend(Limit::Referrals, 1)?;
            // Told when it is known: who hears of the cut may ask its servers at once.
            context.tell(&Event::Referred(&below.delegation));
            at = at.moved_to(below);
        }
    }

    /// Asks the next question that leads on.
    async fn step(
        &self,
        at: &mut AtCut<'_>,
        minimiser: &mut Minimiser,
        question: &Question,
        context: &Context,
    ) -> Result<Step, Failure> {
        let short = minimiser.next(at.zone());
        let known = short.as_ref().and_then(|short| self.no_cut(short));
        if let Some(outcome) = known {
            minimiser.answered(outcome);
            return Ok(Step::Stays);
        }
        let Some(short) = short.filter(|_| may_shorten(context)) else {
            return Ok(match self.ask_whole(at, question, context).await? {
                Said::Referral(delegation) => Step::Down(self.descend(at, *delegation, context).await?),
                Said::Final(scrubbed) => {
                    self.keep_child_servers(&at.cut, &scrubbed);
                    Step::There(scrubbed)
                }
            });
        };
        match Box::pin(self.ask_short(at, &short, context)).await? {
            Short::Cut(cut) => return Ok(Step::Down(cut)),
            Short::Said(outcome) => minimiser.answered(outcome),
            Short::Denied(said) => return Ok(Step::There(Box::new(denied_too(question, &said)))),
            Short::Failed => minimiser.turn_off(),
        }
        Ok(Step::Stays)
    }

    /// Asks another server of the parent for a zone whose servers lead nowhere: the one that told of them may know
    /// an old delegation, or have been forged. Once for each delegation; whoever fails at the same one meanwhile waits.
    async fn another_word(&self, cut: &Arc<CachedCut>, context: &Context) -> Option<Arc<CachedCut>> {
        let delegations = &self.parts.delegations;
        if cut.zone().is_root() {
            return self.hints_instead(cut);
        }
        let current = delegations.get(cut.zone(), self.parts.clock.now());
        if let Some(other) = current.as_ref().filter(|current| leads_elsewhere(&current.delegation, cut)) {
            return Some(Arc::clone(other));
        }
        let heard = current.is_some_and(|current| current.told_by.is_none());
        let told_by = cut.told_by.filter(|_| !heard && context.avoid.is_empty())?;
        let flight = self.words.join((cut.delegation.parent.clone(), cut.zone().clone()));
        let ask = flight.cell.get_or_init(|| async {
            match self.ask_another(cut, told_by, context).await {
                Ok(Some(other)) => Short::Cut(other),
                Ok(None) => {
                    delegations.confirm(cut);
                    Short::Failed
                }
                // That ends this question and says nothing of the delegation: the next one asks.
                Err(_) => Short::Failed,
            }
        });
        match self.parts.clock.before(context.budget.deadline(), ask).await? {
            Short::Cut(other) => Some(Arc::clone(other)),
            Short::Said(_) | Short::Denied(_) | Short::Failed => None,
        }
    }

    /// What primed the root may have been forged: if the hints lead elsewhere, they serve for a minute, and then the root
    /// is asked anew. Nothing is sent for that.
    fn hints_instead(&self, cut: &CachedCut) -> Option<Arc<CachedCut>> {
        let hinted = self.hinted();
        leads_elsewhere(&hinted.delegation, cut)
            .then(|| self.parts.delegations.insert(CachedCut::clone(&hinted)))
    }

    /// The delegation that another server of the parent tells of; none if that is the same, or there is no other.
    async fn ask_another(
        &self,
        cut: &CachedCut,
        told_by: IpAddr,
        context: &Context,
    ) -> Result<Option<Arc<CachedCut>>, Failure> {
        let parent = self.parts.delegations.get(&cut.delegation.parent, self.parts.clock.now());
        let Some(parent) = parent else { return Ok(None) };
        let asked = Question::new(cut.zone().clone(), RecordType::A);
        let context = context.avoiding(&[told_by]);
        let mut at = AtCut::new(&self.parts, &self.meetings, None, &context, &asked, parent);
        match self.ask(&mut at, &asked, Effort::Short, &context).await {
            Ok(Said::Referral(said)) if said.zone == *cut.zone() && leads_elsewhere(&said, cut) => {
                Ok(Some(self.keep(*said, &at.cut, None)))
            }
            Ok(_) | Err(Failure::NoServer { .. } | Failure::NoAddress(_)) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Asks the root for its own name servers (RFC 9609) and returns until when the answer holds. To be
    /// repeated before that moment; a question that finds no root does it by itself.
    ///
    /// # Errors
    /// A [`Failure`] if no server of the root hints gives them; the hints then serve for a minute.
    pub async fn prime(&self, context: &Context) -> Result<Moment, Failure> {
        let hinted = self.hinted();
        let question = priming::question();
        let mut at = AtCut::new(&self.parts, &self.meetings, None, context, &question, hinted);
        let hints = &self.parts.settings.root_hints;
        let read = |response: &Response| Read {
            kind: ResponseKind::Answer,
            said: priming::delegation(response, hints).ok_or(ServerFault::Lame),
            spare: None,
            wants_tcp: false,
        };
        let delegation = at.ask(&question, Effort::Full, read).await?;
        context.tell(&Event::Referred(&delegation));
        let now = self.parts.clock.now();
        let expires = now.after_secs(delegation.ttl);
        Ok(self.parts.delegations.insert(CachedCut::new(delegation, now, expires)).expires)
    }

    fn lookup(&self) -> Option<Arc<dyn Lookup>> {
        self.lookup.get().and_then(Weak::upgrade)
    }

    /// The deepest known cut whose servers may know the answer. DS stands on the parent's side of its cut
    /// (RFC 4035 §3.1.4.1).
    async fn start(&self, question: &Question, context: &Context) -> Result<Arc<CachedCut>, Failure> {
        let parent = if question.rtype.is_parent_side() { question.name.parent() } else { None };
        let below = parent.as_ref().unwrap_or(&question.name);
        let now = self.parts.clock.now();
        if let Some(zone) = self.parts.delegations.circle(below, now) {
            return Err(Failure::Remembered(Box::new(Failure::Cycle(zone))));
        }
        match self.parts.delegations.deepest(below, now) {
            Some(cut) => Ok(cut),
            None => Box::pin(self.root(context)).await,
        }
    }

    /// The root's cut, primed if it is not known.
    async fn root(&self, context: &Context) -> Result<Arc<CachedCut>, Failure> {
        let known = || self.parts.delegations.get(&Name::root(), self.parts.clock.now());
        let offline = || self.parts.servers.uplink().failure(self.parts.clock.now());
        let _turn = if let Ok(turn) = self.priming.try_lock() {
            turn
        } else {
            // Who waits for one that finds nobody has waited long enough.
            let deadline = context.budget.deadline();
            let waited = match offline() {
                Some(failure) => return Err(failure),
                None => self.parts.clock.before(deadline, self.priming.lock()).await,
            };
            let turn = waited.ok_or_else(|| context.budget.out_of_time())?;
            if let (None, Some(failure)) = (known(), offline()) {
                return Err(failure);
            }
            turn
        };
        if let Some(root) = known() {
            return Ok(root);
        }
        match self.prime(context).await {
            Ok(_) => Ok(known().unwrap_or_else(|| self.hinted())),
            Err(failure @ (Failure::Limit(_) | Failure::Offline { .. } | Failure::ShuttingDown)) => {
                Err(failure)
            }
            // RFC 9609 §3: the hints themselves are of use. For a while, so that not every question tries.
            Err(_) => Ok(self.parts.delegations.insert(CachedCut::clone(&self.hinted()))),
        }
    }

    fn hinted(&self) -> Arc<CachedCut> {
        let delegation = priming::hinted(&self.parts.settings.root_hints);
        let now = self.parts.clock.now();
        let expires = now.after_secs(delegation.ttl);
        Arc::new(CachedCut::new(delegation, now, expires))
    }

    /// Asks a short question, or waits for what another is told who asked the same.
    async fn ask_short(
        &self,
        at: &mut AtCut<'_>,
        short: &Question,
        context: &Context,
    ) -> Result<Short, Failure> {
        if !context.ancestors.is_empty() || !context.avoid.is_empty() {
            return Box::pin(self.ask_short_itself(at, short, context)).await;
        }
        let flight = self.flights.join((at.zone().clone(), short.name.clone()));
        let (mut own, began) = (None, AtomicBool::new(false));
        let told = flight.cell.get_or_init(|| async {
            began.store(true, Ordering::Relaxed);
            // What ends this question, such as its budget, is no reason for another to end.
            Box::pin(self.ask_short_itself(at, short, context)).await.unwrap_or_else(|failure| {
                own = Some(failure);
                Short::Failed
            })
        });
        let (clock, deadline) = (&self.parts.clock, context.budget.deadline());
        // Who is waited for may wait for a lookup that waits for this question: then the whole question shows it.
        let patience = clock.now().after(limits::SHORT_WAIT_MAX).min(deadline);
        let outcome = {
            let mut told = std::pin::pin!(told);
            match clock.before(patience, told.as_mut()).await {
                None if began.load(Ordering::Relaxed) => clock.before(deadline, told).await.cloned(),
                None => Some(Short::Failed),
                Some(told) => Some(told.clone()),
            }
        };
        match own {
            Some(failure) => Err(failure),
            None => outcome.ok_or_else(|| context.budget.out_of_time().into()),
        }
    }

    async fn ask_short_itself(
        &self,
        at: &mut AtCut<'_>,
        short: &Question,
        context: &Context,
    ) -> Result<Short, Failure> {
        match self.ask(at, short, Effort::Short, context).await {
            Ok(Said::Referral(delegation)) => Ok(Short::Cut(self.descend(at, *delegation, context).await?)),
            Ok(Said::Final(scrubbed)) => {
                self.keep_no_cut(&scrubbed);
                // A server whose proof did not hold is believed no further than it is asked.
                if context.avoid.is_empty() && denies_all_below(&scrubbed, &at.cut.delegation) {
                    return Ok(Short::Denied(Arc::new(*scrubbed)));
                }
                Ok(Short::Said(scrubbed.outcome))
            }
            Err(Failure::NoServer { .. }) => Ok(Short::Failed),
            Err(failure) => Err(failure),
        }
    }

    /// Asks the question itself.
    async fn ask_whole(
        &self,
        at: &mut AtCut<'_>,
        question: &Question,
        context: &Context,
    ) -> Result<Said, Failure> {
        let outcome = self.ask(at, question, Effort::Full, context).await;
        // Silent ones may be so many that they outlast the question: the next one asks those of the hints.
        if matches!(outcome, Err(Failure::Limit(_))) && at.zone().is_root() && at.has_failed() {
            self.hints_instead(&at.cut);
        }
        // Where some servers are avoided the rest says nothing about the zone.
        if let Err(Failure::NoServer { .. } | Failure::NoAddress(_)) = &outcome
            && context.avoid.is_empty()
            && !self.parts.servers.uplink().is_offline()
        {
            self.parts.delegations.doubt(at.zone(), self.parts.clock.now());
            if let Some(lookup) = self.lookup() {
                at.cut.server_names().for_each(|name| lookup.doubt(name));
            }
        }
        outcome
    }

    async fn ask(
        &self,
        at: &mut AtCut<'_>,
        asked: &Question,
        effort: Effort,
        context: &Context,
    ) -> Result<Said, Failure> {
        let zone = at.zone().clone();
        let read = |response: &Response| {
            let reading = scrub(response, asked, &zone, self.parts.settings.harden_glue);
            if reading.foreign_records > 0 {
                context.tell(&Event::Scrubbed { zone: &zone, records: reading.foreign_records });
            }
            let Reading { kind, said, spare, wants_tcp, .. } = reading;
            Read { kind, said, spare, wants_tcp }
        };
        at.ask(asked, effort, read).await
    }

    /// Stores the cut of a referral, completed if it came without a way to its servers: an address that only
    /// the zone itself and its parent know is asked of the parent (RFC 1034 §5.3.3), which should have sent it
    /// (RFC 9471 §3.1). One name, and it had better be there.
    async fn descend(
        &self,
        at: &mut AtCut<'_>,
        mut delegation: Delegation,
        context: &Context,
    ) -> Result<Arc<CachedCut>, Failure> {
        let settings = &self.parts.settings;
        let (zone, told_by) = (delegation.zone.clone(), at.told_by);
        let usable = |address: &IpAddr| may_be_asked(address.to_canonical(), settings);
        let lost =
            |server: &NameServer| server.name.is_subdomain_of(&zone) && !server.glue.iter().any(usable);
        if !delegation.servers.iter().all(lost) {
            return Ok(self.keep(delegation, &at.cut, told_by));
        }
        let families = [(settings.ipv4, RecordType::A), (settings.ipv6, RecordType::AAAA)];
        let family = families.into_iter().find(|(enabled, _)| *enabled).map(|(_, rtype)| rtype);
        if let (Some(rtype), Some(server)) = (family, delegation.servers.first_mut()) {
            context.budget.spend(Limit::ServerLookups, 1)?;
            let asked = Question::new(server.name.clone(), rtype);
            match Box::pin(self.ask(at, &asked, Effort::Short, context)).await {
                Ok(Said::Final(said)) if said.outcome == Outcome::Answer => {
                    server.glue.extend(glue(&asked.name, &said.answer));
                }
                Ok(_) | Err(Failure::NoServer { .. }) => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(self.keep(delegation, &at.cut, told_by))
    }

    /// Stores the cut of a referral.
    fn keep(
        &self,
        mut delegation: Delegation,
        parent: &CachedCut,
        told_by: Option<IpAddr>,
    ) -> Arc<CachedCut> {
        let now = self.parts.clock.now();
        let expires = expiry(delegation.ttl, parent, now);
        delegation.ttl = u32::try_from(expires.since(now).as_secs()).unwrap_or(u32::MAX);
        self.parts.delegations.insert(CachedCut { told_by, ..CachedCut::new(delegation, now, expires) })
    }

    fn no_cut(&self, short: &Question) -> Option<Outcome> {
        self.parts.delegations.no_cut(&short.name, self.parts.clock.now())
    }

    /// Remembers what a short question brought: the next name below it need not ask again.
    fn keep_no_cut(&self, scrubbed: &Scrubbed) {
        let positive = scrubbed.answer.iter().map(|set| set.ttl).min();
        // RFC 2308 §5: the SOA's own TTL or its last field, whichever is lower.
        let minimum = |soa: &Rrset| soa.rdatas.first().and_then(|rdata| rdata::Soa::read(rdata).ok());
        let negative = || scrubbed.soa().and_then(|soa| minimum(soa).map(|read| soa.ttl.min(read.minimum)));
        let ttl = positive.or_else(negative).unwrap_or(0).min(limits::NO_CUT_TTL_SECS);
        let expires = self.parts.clock.now().after_secs(ttl);
        self.parts.delegations.insert_no_cut(&scrubbed.question.name, scrubbed.outcome, expires);
    }

    /// The child's own word about its name servers, asked for by name, may serve when the parent's fail. It
    /// comes from the answer section alone: NS beside other answers is how zones are stolen (CVE-2025-11411).
    fn keep_child_servers(&self, cut: &Arc<CachedCut>, scrubbed: &Scrubbed) {
        let asked = &scrubbed.question;
        if scrubbed.outcome != Outcome::Answer || asked.rtype != RecordType::NS || asked.name != *cut.zone() {
            return;
        }
        let named_by_parent = |name: &Name| cut.delegation.servers.iter().any(|server| server.name == *name);
        let sets = scrubbed.answer.iter().filter(|set| set.is(cut.zone(), RecordType::NS));
        let names = sets.flat_map(|set| set.rdatas.iter()).filter_map(|one| rdata::single_name(one).ok());
        let new: Vec<Name> =
            names.filter(|name| !named_by_parent(name)).take(limits::NAME_SERVERS_USED_MAX).collect();
        if !new.is_empty() && !cut.zone().is_root() {
            self.parts.delegations.add_child_servers(cut, new);
        }
    }
}

/// Whether a delegation names a server or an address that the cut does not.
fn leads_elsewhere(said: &Delegation, cut: &CachedCut) -> bool {
    let known = |server: &NameServer| {
        let same = cut.delegation.servers.iter().find(|one| one.name == server.name);
        same.is_some_and(|same| server.glue.iter().all(|address| same.glue.contains(address)))
    };
    !said.servers.iter().all(known)
}

/// When a cut ends: with its own TTL or with its parent, whichever is first.
fn expiry(ttl_secs: u32, parent: &CachedCut, now: Moment) -> Moment {
    let own = now.after_secs(ttl_secs);
    if parent.zone().is_root() { own } else { own.min(parent.expires) }
}

/// Whether a short question was denied in a way that answers the whole one: by a zone that is signed, says its parent,
/// and with the records that are to prove it (RFC 8020 §2). Those deny each name below it as well, and the proof of the
/// whole question tells whether they hold. The NXDOMAIN alone says nothing of names below: servers are known to send it
/// for names that have only others below them, which an NSEC record shows by the name it leads to.
fn denies_all_below(scrubbed: &Scrubbed, delegation: &Delegation) -> bool {
    let signed = delegation.zone.is_root() || matches!(delegation.ds, DsEvidence::Present(_));
    let short = &scrubbed.question.name;
    let is_denial = |set: &&Rrset| matches!(set.rtype, RecordType::NSEC | RecordType::NSEC3);
    let mut denials = scrubbed.authority.iter().filter(is_denial);
    let has_others_below = |set: &Rrset| {
        let next = set.rdatas.first().and_then(|rdata| rdata::Nsec::read(rdata).ok());
        set.rtype == RecordType::NSEC && next.is_some_and(|read| read.next.is_below(short))
    };
    signed
        && scrubbed.outcome == Outcome::NxDomain
        && scrubbed.target == *short
        && denials.clone().any(|set| !set.signatures.is_empty())
        && !denials.any(has_others_below)
}

/// What denies a name above, said of the question itself.
fn denied_too(question: &Question, said: &Scrubbed) -> Scrubbed {
    Scrubbed { question: question.clone(), target: question.name.clone(), ..said.clone() }
}

/// Charges a short question; without budget for it the whole name is asked.
fn may_shorten(context: &Context) -> bool {
    context.budget.spend(Limit::MinimiseSteps, 1).is_ok()
}
