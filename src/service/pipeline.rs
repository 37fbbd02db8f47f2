//! From a question to an answer: the chain of links, each from the cache or from a flight.

use std::cell::{Cell, LazyCell};
use std::sync::Arc;

use crate::budget::Budget;
use crate::cache::answers::{ABSENT, CachedAnswer, Kept};
use crate::cache::denials::TtlMax;
use crate::cache::keys::Depths;
use crate::context::Context;
use crate::dns::edns::{EdeCode, ExtendedError};
use crate::dns::encode::Parts;
use crate::dns::message::Header;
use crate::dns::rdata::Rrsig;
use crate::dns::response::Outcome;
use crate::dns::security::ValidationState;
use crate::dns::{Name, Opcode, Question, Rcode, RecordType, Rrset};
use crate::event::Event;
use crate::failure::Failure;
use crate::limits::{self, Limit};
use crate::service::link::{Link, TtlBounds};
use crate::service::request::Request;
use crate::service::single_flight::Ticket;
use crate::service::{Service, finish};
use crate::validate::Validator;

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The response code.
    pub rcode: Rcode,
    /// The answer section, aliases first.
    pub answer: Vec<Rrset>,
    /// SOA and denial records.
    pub authority: Vec<Rrset>,
    /// As good as the weakest link.
    pub state: ValidationState,
    /// It ends with NODATA that says that the name does not exist (RFC 9824).
    pub compact_denial: bool,
    /// What a client should know of an answer that is not secure.
    pub note: Option<ExtendedError>,
}

impl From<Answer> for finish::Content {
    fn from(answer: Answer) -> Self {
        Self {
            rcode: Some(answer.rcode),
            authoritative: false,
            secure: answer.state.is_secure(),
            compact_denial: answer.compact_denial,
            answer: answer.answer,
            authority: answer.authority,
            error: answer.note,
        }
    }
}

/// What is under way for a request.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(super) context: Context,
    /// The first link.
    pub(super) first: Ticket<Arc<Link>>,
}

/// Which links are asked of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fetch {
    /// Those that are not known.
    Missing,
    /// The same, and for the first of them no answer can be made of denials: that was just tried.
    Sought,
    /// Those too of which no more is known than that they are bogus: the client checks by himself (RFC 4035 §3.2.2).
    Unchecked,
    /// Those too whose time is nearly over.
    Due,
}

impl Service {
    /// Answers a question from cache and network, following aliases. `checking_disabled`: bogus data is wanted too.
    pub async fn answer(
        self: &Arc<Self>,
        question: &Question,
        checking_disabled: bool,
        context: &Context,
    ) -> Result<Answer, Failure> {
        self.answer_client(None, question, checking_disabled, false, context).await
    }

    /// The same for a client's question, of which the first link may be on its way. `sought`: [`Self::remembered_reply`]
    /// has just found that nothing can be made of denials.
    pub(super) async fn answer_client(
        self: &Arc<Self>,
        first: Option<Ticket<Arc<Link>>>,
        question: &Question,
        checking_disabled: bool,
        sought: bool,
        context: &Context,
    ) -> Result<Answer, Failure> {
        let fetch = match (checking_disabled, sought) {
            (true, _) => Fetch::Unchecked,
            (false, true) => Fetch::Sought,
            (false, false) => Fetch::Missing,
        };
        context.budget.serves(question);
        let mut result = self.chain(first, question, checking_disabled, fetch, context).await;
        // With the limit on time in shadow, a question may have waited long for what others had begun: it is counted.
        let _in_time = context.budget.check_time(self.clock.now());
        if let Ok(answer) = &result
            && self.settings.referral_path
            && !checking_disabled
            && let Err(failure) = self.check_path(question, answer, context).await
        {
            result = Err(failure);
        }
        if let Err(failure) = &result {
            context.tell(&Event::Failed { question, failure });
            self.remember_chain(question, failure);
        }
        result
    }

    /// Keeps that the aliases from `question` on cost too much, or lead nowhere. What failed by itself is known.
    fn remember_chain(&self, question: &Question, failure: &Failure) {
        let now = self.clock.now();
        if matches!(failure, Failure::Limit(_) | Failure::AliasLoop(_))
            && self.store.failures.get(question, now).is_none()
        {
            self.store.failures.insert(question, failure.clone(), now);
        }
    }

    /// The chain with those of its links renewed whose time is nearly over.
    pub(super) async fn renewed_chain(
        self: &Arc<Self>,
        question: &Question,
        context: &Context,
    ) -> Result<Answer, Failure> {
        context.budget.serves(question);
        self.chain(None, question, false, Fetch::Due, context).await
    }

    async fn chain(
        self: &Arc<Self>,
        mut first: Option<Ticket<Arc<Link>>>,
        question: &Question,
        checking_disabled: bool,
        fetch: Fetch,
        context: &Context,
    ) -> Result<Answer, Failure> {
        let mut current = question.clone();
        let mut seen: Vec<Name> = vec![question.name.clone()];
        let mut whole: Option<Answer> = None;
        let mut invented = false;
        let judged_by = self.validator();
        loop {
            let fetch = if fetch == Fetch::Sought && whole.is_some() { Fetch::Missing } else { fetch };
            let link = self.fetched_link(first.take(), &current, fetch, context).await?;
            // By a wildcard, or a denial, any name can be made up; an alias that came from somewhere cost a packet.
            invented |= link.synthesised && whole.is_none();
            if let ValidationState::Bogus(reason) = &link.state
                && !checking_disabled
            {
                return Err(Failure::Bogus(reason.clone()));
            }
            let restarted = whole.is_some();
            let onward = link.onward();
            // Most links have nobody else who waits for them: then the records are moved, not copied.
            let answer = join(whole.take(), Arc::unwrap_or_clone(link));
            let Some(target) = onward else {
                // Nor is one kept whose first links were judged by anchors that were taken back before the last came.
                if restarted
                    && !invented
                    && !answer.state.is_bogus()
                    && let Some(_leave) = self.may_keep(judged_by.as_ref())
                {
                    self.keep_answer(question, question.rtype, &answer);
                }
                return Ok(answer);
            };
            context.budget.spend(Limit::Restarts, 1)?;
            let aliases = answer.answer.iter().filter(|rrset| rrset.rtype == RecordType::CNAME).count();
            let aliases_max =
                context.budget.stop(Limit::Restarts).saturating_mul(limits::ALIASES_PER_RESTART);
            if u32::try_from(aliases).map_or(true, |aliases| aliases > aliases_max) {
                return Err(context.budget.out_of(Limit::Restarts).into());
            }
            if seen.contains(&target) {
                return Err(Failure::AliasLoop(target));
            }
            context.tell(&Event::Aliased { from: &current.name, to: &target });
            seen.push(target.clone());
            current = Question { name: target, ..current };
            whole = Some(answer);
        }
    }

    /// One link: remembered, cached, or fetched and proven once for all who ask.
    pub(super) async fn link(
        self: &Arc<Self>,
        question: &Question,
        context: &Context,
    ) -> Result<Arc<Link>, Failure> {
        self.fetched_link(None, question, Fetch::Missing, context).await
    }

    /// `begun`: it is on its way already.
    async fn fetched_link(
        self: &Arc<Self>,
        mut begun: Option<Ticket<Arc<Link>>>,
        question: &Question,
        fetch: Fetch,
        context: &Context,
    ) -> Result<Arc<Link>, Failure> {
        loop {
            let ticket = if let Some(ticket) = begun.take() {
                ticket
            } else if let Some(found) = self.at_hand(question, fetch, &context.budget) {
                context.tell(&Event::Cached(question));
                return found.map(Arc::new);
            } else {
                self.begin_link(question, context)?
            };
            let began = ticket.began;
            match ticket.wait(&self.clock, &context.budget).await {
                // Another question's budget ended, not ours.
                Err(Failure::Limit(_)) if !began => context.budget.check_time(self.clock.now())?,
                outcome => return outcome,
            }
        }
    }

    fn begin_link(
        self: &Arc<Self>,
        question: &Question,
        context: &Context,
    ) -> Result<Ticket<Arc<Link>>, Failure> {
        self.links.join(question, context.flight, context.ancestors.len(), |id| {
            let (service, question, context) = (Arc::clone(self), question.clone(), context.aboard(id));
            async move { service.fly(&question, &context).await }
        })
    }

    /// Sets the work for a question going that has a place to wait in, and for which nothing was at hand a moment ago:
    /// so it is not looked for again. Later than that it is, when the reply is wanted.
    pub fn begin(self: &Arc<Self>, request: &mut Request) {
        let Some(looked) = request.look.nothing_at.take() else { return };
        if self.clock.now().since(looked) > limits::LOOK_HOLDS {
            return;
        }
        let context = self.context(Arc::clone(&self.observer));
        context.budget.serves(&request.question);
        // Refused for want of room: that is told when the reply is wanted.
        request.begun =
            self.begin_link(&request.question, &context).ok().map(|first| Begun { context, first });
    }

    /// The work of a flight: fetch, prove, remember.
    async fn fly(self: &Arc<Self>, question: &Question, context: &Context) -> Result<Arc<Link>, Failure> {
        let now = self.clock.now();
        let whole = context.budget.is_whole(now);
        let restarted = context.budget.spent(Limit::Restarts) > 0;
        let judged_by = self.validator();
        match self.proven(question, context).await {
            Ok(verdict) => {
                let leave = self.may_keep(judged_by.as_ref());
                if self.settings.aggressive_nsec && leave.is_some() {
                    let TtlBounds { max: positive, max_negative, .. } = self.settings.ttl;
                    let ttl_max = TtlMax { negative: max_negative.min(positive), positive };
                    self.store.denials.insert(&verdict, ttl_max, self.clock.now());
                }
                let mut link = Link::new(*verdict, self.settings.ttl, self.clock.unix());
                self.settings.private.strip(&mut link);
                if let Some(limit) = link.limit().filter(|_| !whole) {
                    return Err(Failure::Limit(limit));
                }
                if leave.is_none() {
                    // By anchors that were taken back meanwhile: good for those who waited, and not kept.
                    return Ok(Arc::new(link));
                }
                // An answer that was to be renewed stays what it was proven to be.
                if !link.state.is_bogus() || self.cached(question, false).is_none() {
                    self.keep_link(question, &link);
                }
                match &link.state {
                    ValidationState::Bogus(reason) => {
                        self.store.failures.insert(
                            question,
                            Failure::Bogus(reason.clone()),
                            self.clock.now(),
                        );
                    }
                    _ => self.store.failures.clear(question),
                }
                Ok(Arc::new(link))
            }
            Err(failure) => {
                // What was not the fault of the name is not held against it (RFC 9520 §2): nor is a budget that an
                // alias from elsewhere brought along, used up (`answer` remembers that of the alias).
                let blameless = match failure {
                    Failure::Limit(reached) => !whole || reached.limit == Limit::Restarts && restarted,
                    Failure::Busy(_) | Failure::ShuttingDown | Failure::Lost(_) | Failure::Cycle(_) => true,
                    _ => false,
                };
                if !blameless {
                    self.store.failures.insert(question, failure.clone(), self.clock.now());
                }
                Err(failure)
            }
        }
    }

    /// A link for which nobody needs to be asked. For one that is to be renewed an alias in the first half of its time
    /// will do: what lies behind it is asked for next.
    fn at_hand(&self, question: &Question, fetch: Fetch, budget: &Budget) -> Option<Result<Link, Failure>> {
        let now = self.clock.now();
        let is_due = |entry: &CachedAnswer| entry.is_due(now) && entry.is_of(&question.name);
        if fetch != Fetch::Due || !self.cached(question, false).is_some_and(|(entry, _)| is_due(&entry)) {
            let of_use = |found: &Result<Link, Failure>| {
                fetch != Fetch::Unchecked || !found.as_ref().is_err_and(Failure::is_bogus)
            };
            let for_checker = fetch == Fetch::Unchecked;
            let cached = self.cached(question, for_checker);
            let remembered = self.remembered(question, cached, for_checker).filter(of_use);
            return match fetch {
                // RFC 8198 appendix A.
                Fetch::Unchecked | Fetch::Sought => remembered,
                Fetch::Missing | Fetch::Due => {
                    remembered.or_else(|| self.synthesised(question, &budget).map(Ok))
                }
            };
        }
        let is_young = |entry: &CachedAnswer| {
            let left = entry.ttl_left(now);
            left >= limits::PREFETCH_TTL_SECS_MIN && left > entry.ttl() / 2
        };
        let alias = self.alias(question).filter(is_young)?;
        self.link_of(question, &alias, true).map(Ok)
    }

    /// What is known without asking anyone, and without making it of what is proven of other names; `cached` is what
    /// [`Self::cached`] has of the question.
    fn remembered(
        &self,
        question: &Question,
        cached: Option<(CachedAnswer, bool)>,
        for_checker: bool,
    ) -> Option<Result<Link, Failure>> {
        let now = self.clock.now();
        let failure = self.store.failures.get(question, now);
        // A failure to renew an answer takes nothing from it, nor from an alias, unless that leads nowhere.
        let leads_nowhere = |failure: &Failure| matches!(failure, Failure::Limit(_) | Failure::AliasLoop(_));
        if let Some((entry, is_alias)) = cached
            && !(is_alias && failure.as_ref().is_some_and(leads_nowhere))
        {
            return self.link_of(question, &entry, is_alias).map(Ok);
        }
        if let Some(failure) = failure {
            if let Failure::Bogus(reason) = failure.root_cause()
                && let Some(cached) = self.store.answers.get(&question.name, question.rtype, now)
                && !(for_checker && cached.is_synthesised())
            {
                let state = ValidationState::Bogus(reason.clone());
                return Some(Ok(Link::from_cache(question, cached.message(now)?, false, state, None)));
            }
            return Some(Err(Failure::Remembered(Box::new(failure))));
        }
        self.substituted(question).map(Ok)
    }

    fn link_of(&self, question: &Question, entry: &CachedAnswer, alias: bool) -> Option<Link> {
        let message = entry.message(self.clock.now())?;
        let link = Link::from_cache(question, message, alias, entry.state()?, entry.note());
        Some(Link { compact_denial: entry.is_compact_denial(), ..link })
    }

    /// The entry that answers a question: its own, the absence of the name or of one above, or an alias (true). None
    /// that was made of denials, if it is `for_checker`, a client with CD (RFC 8198 appendix A).
    fn cached(&self, question: &Question, for_checker: bool) -> Option<(CachedAnswer, bool)> {
        self.cached_or_past(question, for_checker, &Cell::new(false))
    }

    /// The same; notes in `has_past` whether something stands there whose time is over.
    fn cached_or_past(
        &self,
        question: &Question,
        for_checker: bool,
        has_past: &Cell<bool>,
    ) -> Option<(CachedAnswer, bool)> {
        let now = self.clock.now();
        let living = |name: &Name, rtype| {
            let entry = self.store.answers.get_past(name, rtype, now)?;
            let is_living = now < entry.expires();
            has_past.set(has_past.get() || !is_living);
            (is_living && !(for_checker && entry.is_synthesised())).then_some(entry)
        };
        let good = |entry: &CachedAnswer| !entry.is_bogus();
        let own = living(&question.name, question.rtype).filter(good);
        if let Some(entry) = own.or_else(|| living(&question.name, ABSENT).filter(good)) {
            return Some((entry, false));
        }
        if question.rtype.is_aliased()
            && let Some(entry) = living(&question.name, RecordType::CNAME).filter(is_alias)
        {
            return Some((entry, true));
        }
        if !self.settings.below_nxdomain {
            return None;
        }
        // RFC 8020 §2: nothing exists below a name that does not, where that is proven.
        let proven = |name: Name| living(&name, ABSENT).filter(CachedAnswer::is_secure);
        self.speakers_for(&question.name, &self.store.speakers.absent)
            .find_map(proven)
            .map(|entry| (entry, false))
    }

    /// The names above one that can speak for it, by not being there or by a DNAME: below the root, and not above a trust
    /// anchor, positive or negative, that stands nearer. Where nothing of the `kind` was ever kept, none is named.
    pub(super) fn speakers_for(&self, name: &Name, kind: &Depths) -> impl Iterator<Item = Name> {
        let mut kept = (1..name.label_count()).rev().filter(|labels| kind.has(*labels)).peekable();
        let anchor = kept
            .peek()
            .and_then(|_| self.validator())
            .and_then(|validator| Some(validator.anchors().deepest(name)?.label_count()));
        kept.take_while(move |labels| *labels >= anchor.unwrap_or(0)).map(|labels| name.suffix(labels))
    }

    /// The alias that is known of a name, where it speaks for the type.
    fn alias(&self, question: &Question) -> Option<CachedAnswer> {
        if !question.rtype.is_aliased() {
            return None;
        }
        self.store.answers.get(&question.name, RecordType::CNAME, self.clock.now()).filter(is_alias)
    }

    /// The alias that a DNAME in the cache makes of the name (RFC 6672 §3.1), where the DNAME is proven: it speaks
    /// for a whole tree.
    fn substituted(&self, question: &Question) -> Option<Link> {
        let now = self.clock.now();
        let proven = |owner: Name| {
            let entry = self.store.answers.get(&owner, RecordType::DNAME, now)?;
            entry.is_secure().then_some((owner, entry))
        };
        let above = self.speakers_for(&question.name, &self.store.speakers.dname);
        let (owner, entry) = { above }.find_map(proven)?;
        Link::from_dname(question, &owner, entry.message(now)?, entry.state()?)
    }

    /// The reply to a request, if a whole answer is known. If none is, the request says what was found, and whether
    /// something can be made of denials, such as an alias.
    pub(super) fn remembered_reply(self: &Arc<Self>, request: &mut Request) -> Option<Vec<u8>> {
        let now = self.clock.now();
        let has_past = Cell::new(false);
        let for_checker = request.checking_disabled;
        let cached = self.cached_or_past(&request.question, for_checker, &has_past);
        request.look.has_past = cached.is_some() || has_past.get();
        if let Some((entry, _)) = &cached {
            // The absence of a name above is not: each name below it would be asked for.
            let is_due = entry.is_due(now) && !entry.is_bogus() && entry.is_of(&request.question.name);
            // A client that only looks into the cache sets nothing going.
            if is_due && request.recursion_desired {
                self.renew(&request.question);
            }
        }
        let remembered = self.remembered(&request.question, cached, for_checker).or_else(|| {
            // Nothing was spent yet: if it comes to asking, the question has a budget of its own.
            let budget = LazyCell::new(|| Budget::new(self.settings.caps.clone(), self.clock.now()));
            let judged_by = self.validator().filter(|_| !request.checking_disabled)?;
            let link = self.synthesised(&request.question, &budget);
            request.sought = link.is_none();
            link.inspect(|link| self.keep_synthesised(&request.question, link, &judged_by)).map(Ok)
        });
        let Some(remembered) = remembered else {
            request.look.nothing_at = Some(now);
            return None;
        };
        let content = match remembered {
            Ok(link) if link.outcome == Outcome::Alias => return None,
            Ok(Link { state: ValidationState::Bogus(reason), .. }) if !request.checking_disabled => {
                finish::Content::empty(Rcode::SERVFAIL, Some(Failure::Bogus(reason).ede()))
            }
            Ok(link) => join(None, link).into(),
            Err(failure) if request.checking_disabled && failure.is_bogus() => {
                request.look.nothing_at = Some(now);
                return None;
            }
            Err(failure) => match self.instead_of(&failure, &request.question) {
                Some(stale) => stale.into(),
                None => finish::Content::empty(Rcode::SERVFAIL, Some(failure.ede())),
            },
        };
        Some(finish::reply(request, content, &self.settings.reply))
    }

    /// Keeps a link, and what it says of the names within it. What was known before and is not so any more goes.
    fn keep_link(&self, question: &Question, link: &Link) {
        if link.state.is_bogus() {
            self.keep(&question.name, question.rtype, link.rcode, &link.answer, &link.authority, link);
            return;
        }
        if link.answer.is_empty() && link.outcome == Outcome::NxDomain {
            self.store.answers.remove(&question.name, question.rtype);
            self.keep(&question.name, ABSENT, link.rcode, &[], &link.authority, link);
            return;
        }
        self.store.answers.remove(&question.name, ABSENT);
        if link.outcome != Outcome::Alias {
            self.keep(&question.name, question.rtype, link.rcode, &link.answer, &link.authority, link);
        }
        if question.rtype != RecordType::CNAME {
            self.keep_aliases(link);
        }
    }

    /// Keeps each alias of a chain under its own name: it serves the other types too, a DNAME the names below.
    fn keep_aliases(&self, link: &Link) {
        // What is at the end is not said of the aliases.
        let alone = Link { compact_denial: false, ..link.without_records() };
        // What proves a wildcard's expansion stands in the authority section. The SOA of a negative end does not belong
        // here, and an alias that was not expanded needs no proof, nor its shorter TTL.
        let expanded: Vec<Rrset> =
            link.authority.iter().filter(|rrset| rrset.rtype != RecordType::SOA).cloned().collect();
        let proof = |alias: &Rrset| if is_expanded(alias) { expanded.as_slice() } else { &[] };
        // Such aliases may be proven all the same: they are asked for again.
        let doubtful = end_may_be_insecure(link);
        let mut made_by: Option<&Rrset> = None;
        for rrset in &link.answer {
            if rrset.rtype == RecordType::DNAME {
                made_by = Some(rrset);
                if link.state.is_secure() {
                    let (name, records) = (&rrset.name, std::slice::from_ref(rrset));
                    self.keep(name, RecordType::DNAME, Rcode::NOERROR, records, proof(rrset), &alone);
                }
            } else if rrset.rtype == RecordType::CNAME {
                let dname = made_by.take();
                let signed = dname.unwrap_or(rrset);
                if doubtful && !signed.signatures.is_empty() && !is_expanded(signed) {
                    continue;
                }
                let mut records = Vec::with_capacity(2);
                records.extend(dname.cloned());
                records.push(rrset.clone());
                self.keep(&rrset.name, RecordType::CNAME, Rcode::NOERROR, &records, proof(rrset), &alone);
            }
        }
    }

    /// Keeps an answer that was made of denials, if it is made a second time.
    fn keep_synthesised(&self, question: &Question, link: &Link, judged_by: &Arc<Validator>) {
        if link.outcome != Outcome::Alias
            && self.store.denials.makes_again(question)
            && let Some(_leave) = self.may_keep(Some(judged_by))
        {
            self.keep_link(question, link);
        }
    }

    fn keep_answer(&self, question: &Question, rtype: RecordType, answer: &Answer) {
        let link = Link {
            compact_denial: answer.compact_denial,
            note: answer.note.clone(),
            ..Link::bare(answer.rcode, Outcome::Answer, question.name.clone(), answer.state.clone())
        };
        self.keep(&question.name, rtype, answer.rcode, &answer.answer, &answer.authority, &link);
    }

    /// Puts a ready-made reply into the cache, in its DO form, in the place of what was there: also where it may not be
    /// kept itself.
    fn keep(
        &self,
        name: &Name,
        rtype: RecordType,
        rcode: Rcode,
        answer: &[Rrset],
        authority: &[Rrset],
        of: &Link,
    ) {
        let ttl = answer.iter().chain(authority).map(|rrset| rrset.ttl).min().or(of.ttl_secs).unwrap_or(0);
        let ttl = if of.state.is_bogus() { limits::BOGUS_TTL_SECS.min(ttl.max(1)) } else { ttl };
        let question = Question::new(name.clone(), rtype);
        let kept =
            Kept { state: of.state.clone(), compact_denial: of.compact_denial, note: of.note.clone(), ttl };
        let message = Parts { answer, authority, ..Parts::new(ready_made(rcode), Some(&question)) };
        let encoded = message.encode(usize::from(u16::MAX));
        match rtype {
            ABSENT => self.store.speakers.absent.add(name.label_count()),
            RecordType::DNAME => self.store.speakers.dname.add(name.label_count()),
            _ => {}
        }
        if !self.store.answers.insert(name, rtype, &encoded, &kept, self.clock.now()) {
            self.store.answers.remove(name, rtype);
        }
    }
}

/// Whether what is kept under CNAME is an alias, and a good one.
fn is_alias(entry: &CachedAnswer) -> bool {
    !entry.is_bogus() && entry.rcode() == Rcode::NOERROR && entry.has_answer()
}

/// Whether a signature says that the RRset was expanded from a wildcard: it counts fewer labels than the owner has
/// (RFC 4035 §5.3.4).
fn is_expanded(rrset: &Rrset) -> bool {
    let owner_labels = rrset.name.label_count() - usize::from(rrset.name.is_wildcard());
    let mut signatures = rrset.signatures.iter().filter_map(|rdata| Rrsig::read(rdata).ok());
    signatures.any(|rrsig| usize::from(rrsig.labels) < owner_labels)
}

/// Whether the end of the chain, rather than its aliases, may be what makes the link insecure (RFC 5155 §9.2).
fn end_may_be_insecure(link: &Link) -> bool {
    let by_end = match link.outcome {
        Outcome::Answer => link.answer.iter().any(is_expanded),
        Outcome::Alias => false,
        Outcome::NoData | Outcome::NxDomain => true,
    };
    by_end && link.state == ValidationState::Insecure
}

/// Appends a link to what came before it.
pub(super) fn join(before: Option<Answer>, link: Link) -> Answer {
    let Some(mut whole) = before else {
        return Answer {
            rcode: link.rcode,
            answer: link.answer,
            authority: link.authority,
            state: link.state,
            compact_denial: link.compact_denial,
            note: link.note,
        };
    };
    whole.rcode = link.rcode;
    whole.answer.extend(link.answer);
    for rrset in link.authority {
        if !whole.authority.contains(&rrset) {
            whole.authority.push(rrset);
        }
    }
    whole.state = whole.state.and(link.state);
    whole.compact_denial = link.compact_denial;
    // A negative trust anchor's goes before: with the anchor goes what was kept by it.
    let is_negative = |note: &ExtendedError| note.code == EdeCode::NEGATIVE_TRUST_ANCHOR;
    whole.note = match link.note {
        Some(note) if whole.note.is_none() || is_negative(&note) => Some(note),
        _ => whole.note,
    };
    whole
}

/// The header of a reply as the cache keeps it: without id and flags of a client.
fn ready_made(rcode: Rcode) -> Header {
    Header {
        id: 0,
        response: true,
        opcode: Opcode::QUERY,
        authoritative: false,
        truncated: false,
        recursion_desired: false,
        recursion_available: true,
        authentic_data: false,
        checking_disabled: false,
        rcode,
    }
}
