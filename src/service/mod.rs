//! One client question from its first octet to its reply.
//!
//! [`Service::ready`] copies the reply where the cache has it ready-made. [`Service::prepare`] says at once what else
//! can be said without waiting: errors, local zones, what is proven already. What is left goes to [`Service::reply`],
//! which walks the chain of aliases link by link: remembered failure → cache → synthesis → flight (fetch, prove,
//! remember). `secure` gets links proven, `finish` writes the reply. Where that fails or takes long, `stale` has what was
//! last known; `prefetch` renews what is asked for shortly before its end.

pub mod access;
pub mod cookies;
mod early_keys;
mod finish;
pub mod health;
mod link;
pub mod lookup;
mod negative;
mod outcome;
pub mod overload;
mod path;
mod pipeline;
mod prefetch;
mod private;
mod ready;
mod request;
mod secure;
mod sentinel;
mod signaling;
pub mod single_flight;
pub mod source;
pub mod stage;
mod stale;
mod synthesise;

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use crate::budget::{Budget, Caps, LimitHits};
use crate::cache::Store;
use crate::clock::Clock;
use crate::context::{Context, FlightId};
use crate::dns::edns::{EdeCode, ExtendedError};
use crate::dns::response::Scrubbed;
use crate::dns::view::{QueryFault, QueryView, error_reply};
use crate::dns::{Class, Name, Question, Rcode, RecordType, Rrset};
use crate::event::{Observer, Silent};
use crate::failure::Failure;
use crate::limits;
use crate::validate::{Anchors, Validator};

use access::{Access, AccessTable};
use cookies::ServerCookies;
use finish::Content;
pub use finish::ReplySettings;
use health::Health;
use link::Link;
pub use link::TtlBounds;
pub use negative::NegativeNews;
use overload::{Clients, Drops};
pub use pipeline::Answer;
use pipeline::Begun;
use prefetch::Renewals;
pub use private::PrivateAddresses;
pub use ready::Ready;
pub use request::{Client, Request};
use single_flight::{Airspace, Flights, GAVE_WAY, Place, Ticket};
use source::Source;
use stage::Stage;
pub use stale::StaleSettings;

/// What the service is made of.
pub struct Parts {
    /// The time.
    pub clock: Clock,
    /// Answers what the cache does not.
    pub source: Arc<dyn Source>,
    /// Judges answers; none: `[dnssec] validation = false`.
    pub validator: Option<Arc<Validator>>,
    /// The caches; its zone cuts are those of the iterator, for the DS evidence that came with referrals.
    pub store: Arc<Store>,
    /// Asked in this order before anything is looked up.
    pub stages: Vec<Box<dyn Stage>>,
    /// Who may ask.
    pub access: AccessTable,
    /// Answers clients' cookies; none: they are passed over.
    pub cookies: Option<ServerCookies>,
    /// Everything else that can be configured.
    pub settings: Settings,
    /// Hears what happens to clients' questions.
    pub observer: Arc<dyn Observer>,
}

/// What can be configured.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct Settings {
    /// How much one question may cost.
    pub caps: Caps,
    /// How long answers live.
    pub ttl: TtlBounds,
    /// `[harden] below-nxdomain` (RFC 8020).
    pub below_nxdomain: bool,
    /// `[harden] aggressive-nsec` (RFC 8198).
    pub aggressive_nsec: bool,
    /// `[harden] referral-path`: name servers and their addresses on the way to an answer are proven too.
    pub referral_path: bool,
    /// `[resolver] private-address` and `private-domain`.
    pub private: PrivateAddresses,
    /// `[cache] serve-expired`; none: nothing is served past its time.
    pub stale: Option<StaleSettings>,
    /// `[cache] prefetch`: answers that are still asked for are renewed before their time is over.
    pub prefetch: bool,
    /// `[cache] prefetch-key`: the keys of a signed zone are fetched while the referral to it is followed.
    pub prefetch_key: bool,
    /// `[dnssec] root-key-sentinel` (RFC 8509).
    pub root_key_sentinel: bool,
    /// `[dnssec] trust-anchor-signaling` (RFC 8145 §5).
    pub trust_anchor_signaling: bool,
    /// What shows in replies.
    pub reply: ReplySettings,
}

/// Answers questions.
pub struct Service {
    clock: Clock,
    source: Arc<dyn Source>,
    validator: Option<RwLock<Arc<Validator>>>,
    /// Shared by those who put into the caches what was judged, and taken alone by who changes what is judged by.
    keeping: RwLock<()>,
    store: Arc<Store>,
    stages: Vec<Box<dyn Stage>>,
    access: AccessTable,
    cookies: Option<ServerCookies>,
    settings: Settings,
    observer: Arc<dyn Observer>,
    limit_hits: Arc<LimitHits>,
    drops: Drops,
    clients: Arc<Clients>,
    airspace: Arc<Airspace>,
    fetches: Flights<Arc<Scrubbed>>,
    links: Flights<Arc<Link>>,
    renewals: Renewals,
    health: Health,
}

/// What becomes of a client's message.
#[derive(Debug)]
pub enum Disposition {
    /// This is the reply.
    Reply(Vec<u8>),
    /// There is none.
    Drop,
    /// It has to be resolved: [`Service::reply`].
    Resolve(Box<Request>),
}

impl Service {
    /// A service of these parts; `addresses` will look up name servers through it.
    pub fn new(parts: Parts, addresses: &lookup::Addresses) -> Arc<Self> {
        let airspace = Arc::new(Airspace::new(parts.clock.clone()));
        let service = Arc::new(Self {
            clock: parts.clock,
            source: parts.source,
            validator: parts.validator.map(RwLock::new),
            keeping: RwLock::default(),
            store: parts.store,
            stages: parts.stages,
            access: parts.access,
            cookies: parts.cookies,
            settings: parts.settings,
            observer: parts.observer,
            limit_hits: Arc::default(),
            drops: Drops::default(),
            clients: Arc::default(),
            fetches: Flights::new(Arc::clone(&airspace)),
            links: Flights::new(Arc::clone(&airspace)),
            airspace,
            renewals: Renewals::default(),
            health: Health::default(),
        });
        addresses.attach(&service);
        service
    }

    /// Answers one client message. None: nothing is sent.
    pub async fn handle(self: &Arc<Self>, message: &[u8], client: Client) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(usize::from(limits::UDP_SIZE));
        match self.ready(message, &client, self.clock.now(), &mut out) {
            Ready::Hit { due } => {
                if due {
                    self.renew_asked(message);
                }
                return Some(out);
            }
            Ready::Drop => return None,
            Ready::Miss => {}
        }
        match self.prepare(message, &client) {
            Disposition::Reply(reply) => Some(reply),
            Disposition::Drop => None,
            Disposition::Resolve(request) => self.reply(*request).await,
        }
    }

    /// What answers are judged by now; none: they are not judged.
    pub fn validator(&self) -> Option<Arc<Validator>> {
        let validator = self.validator.as_ref()?;
        Some(Arc::clone(&validator.read().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Whether that is what answers are judged by now.
    fn judges_by(&self, validator: Option<&Arc<Validator>>) -> bool {
        match (self.validator(), validator) {
            (Some(now), Some(then)) => Arc::ptr_eq(&now, then),
            (now, then) => now.is_none() && then.is_none(),
        }
    }

    /// Leave to keep what was judged by this validator; none if it is not what answers are judged by any more. While it is
    /// held that does not change: what is kept by it is there to be forgotten when it does.
    fn may_keep(&self, judged_by: Option<&Arc<Validator>>) -> Option<RwLockReadGuard<'_, ()>> {
        let leave = self.keeping.read().unwrap_or_else(PoisonError::into_inner);
        self.judges_by(judged_by).then_some(leave)
    }

    /// Judges from now on by the anchors that `change` makes of those there are, and by the same policy: who changes
    /// some takes nothing back that others changed meanwhile. What is remembered at and below `changed`, the names whose
    /// anchors are not what they were, is forgotten: it was judged by the old ones (RFC 7646 §2).
    pub fn change_trust(&self, changed: &[Name], change: impl FnOnce(&mut Anchors)) {
        let Some(validator) = &self.validator else { return };
        {
            let _alone = self.keeping.write().unwrap_or_else(PoisonError::into_inner);
            let mut held = validator.write().unwrap_or_else(PoisonError::into_inner);
            let mut anchors = held.anchors().clone();
            change(&mut anchors);
            *held = Arc::new(held.with_anchors(anchors));
        }
        for zone in changed {
            self.store.forget_below(zone);
        }
    }

    /// The time that everything here goes by.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// How many resolutions are under way.
    pub fn in_flight(&self) -> usize {
        self.airspace.len()
    }

    /// How many questions reached each limit on the work for one.
    pub fn limit_hits(&self) -> &LimitHits {
        &self.limit_hits
    }

    /// Sorts one client message that [`Service::ready`] has no reply to, without waiting for anything.
    pub fn prepare(self: &Arc<Self>, message: &[u8], client: &Client) -> Disposition {
        let access = self.access.get(client.address.ip());
        if access == Access::Deny {
            return Disposition::Drop;
        }
        let view = match QueryView::parse(message) {
            Ok(view) => view,
            Err(QueryFault::Drop) => return Disposition::Drop,
            Err(fault) => return faulty(message, fault),
        };
        let mut request = Request::new(&view, client, self.cookies.as_ref(), self.clock.now());
        if access == Access::Refuse {
            let text = "this client may not ask: see [access]".to_owned();
            return self.says(
                &request,
                Rcode::REFUSED,
                Some(ExtendedError { code: EdeCode::PROHIBITED, text }),
            );
        }
        if let Some((rcode, error)) = request.fault() {
            return self.says(&request, rcode, error);
        }
        if let Some(local) = self.stages.iter().find_map(|stage| stage.before(&request.question, client)) {
            let content = Content {
                rcode: Some(local.rcode),
                authoritative: local.authoritative,
                answer: local.answer,
                authority: local.authority,
                ..Content::default()
            };
            return Disposition::Reply(finish::reply(&request, content, &self.settings.reply));
        }
        if request.question.class != Class::IN {
            return self.says(&request, Rcode::REFUSED, None);
        }
        if request.question.rtype == RecordType::ANY {
            return self.minimal_any(&request);
        }
        if !request.recursion_desired && access != Access::AllowSnoop {
            let text = "only recursive questions (RD=1) are answered".to_owned();
            return self.says(
                &request,
                Rcode::REFUSED,
                Some(ExtendedError { code: EdeCode::PROHIBITED, text }),
            );
        }
        request.contradiction = self.sentinel(&request);
        if let Some(reply) = self.remembered_reply(&mut request) {
            return Disposition::Reply(reply);
        }
        if !request.recursion_desired {
            let text = "not in the cache".to_owned();
            return self.says(
                &request,
                Rcode::SERVFAIL,
                Some(ExtendedError { code: EdeCode::NOT_READY, text }),
            );
        }
        self.admit(request, client)
    }

    /// Resolves what [`Service::prepare`] could not answer, and writes the reply, however late.
    async fn resolve(self: &Arc<Self>, mut request: Request) -> Vec<u8> {
        let (context, first) = match request.begun.take() {
            Some(Begun { context, first }) => (context, Some(first)),
            None => (self.context(Arc::clone(&self.observer)), None),
        };
        let content = match self.answer_in_time(first, &request, &context).await {
            Ok(answer) => answer.into(),
            Err(failure) => Content::empty(Rcode::SERVFAIL, Some(failure.ede())),
        };
        finish::reply(&request, content, &self.settings.reply)
    }

    /// A fresh context, with a budget that begins now.
    pub fn context(&self, observer: Arc<dyn Observer>) -> Context {
        let budget = Budget::new(self.settings.caps.clone(), self.clock.now())
            .heard_by(Arc::clone(&self.limit_hits), Arc::clone(&observer));
        Context::new(Arc::new(budget), observer)
    }

    /// A context that nobody watches.
    pub fn silent_context(&self) -> Context {
        self.context(Arc::new(Silent))
    }

    /// Fetches a response, unproven; identical fetches share one flight unless some servers are to be avoided.
    pub(crate) async fn fetch(
        self: &Arc<Self>,
        question: &Question,
        context: &Context,
    ) -> Result<Arc<Scrubbed>, Failure> {
        if !context.avoid.is_empty() {
            return self.source.resolve(question, context).await.map(Arc::new);
        }
        loop {
            let ticket = self.begin_fetch(question, context)?;
            if let Some(outcome) = self.fetched(ticket, context).await? {
                return outcome;
            }
        }
    }

    /// The same for the question of the flight that `context` is aboard: it has nothing else to do, and asks itself.
    async fn fetch_aboard(
        self: &Arc<Self>,
        question: &Question,
        context: &Context,
    ) -> Result<Arc<Scrubbed>, Failure> {
        let Some(aboard) = context.flight else { return self.fetch(question, context).await };
        loop {
            match self.fetches.share(question, aboard, context.ancestors.len())? {
                Place::New(_ticket, departure) => {
                    let context = context.aboard(departure.id());
                    let work = self.source.resolve(question, &context);
                    // As who waits for a flight: it ends with the budget, whatever the source waits for.
                    let outcome = match self.clock.before(context.budget.deadline(), work).await {
                        Some(outcome) => outcome.map(Arc::new),
                        None => Err(context.budget.out_of_time().into()),
                    };
                    departure.land(outcome.clone());
                    return outcome;
                }
                Place::Taken(ticket) => {
                    if let Some(outcome) = Box::pin(self.fetched(ticket, context)).await? {
                        return outcome;
                    }
                }
            }
        }
    }

    /// The outcome of a fetch; none if it was another's, whose end is not ours.
    async fn fetched(
        &self,
        ticket: Ticket<Arc<Scrubbed>>,
        context: &Context,
    ) -> Result<Option<Result<Arc<Scrubbed>, Failure>>, Failure> {
        let began = ticket.began;
        match ticket.wait(&self.clock, &context.budget).await {
            // Another question's budget ended, or its place was taken.
            Err(Failure::Limit(_) | GAVE_WAY) if !began => {
                context.budget.check_time(self.clock.now())?;
                Ok(None)
            }
            outcome => Ok(Some(outcome)),
        }
    }

    pub(crate) fn begin_fetch(
        self: &Arc<Self>,
        question: &Question,
        context: &Context,
    ) -> Result<Ticket<Arc<Scrubbed>>, Failure> {
        self.fetches.join(question, context.flight, context.ancestors.len(), |id: FlightId| {
            let (service, question, context) = (Arc::clone(self), question.clone(), context.aboard(id));
            async move { service.source.resolve(&question, &context).await.map(Arc::new) }
        })
    }

    fn says(&self, request: &Request, rcode: Rcode, error: Option<ExtendedError>) -> Disposition {
        Disposition::Reply(finish::reply(request, Content::empty(rcode, error), &self.settings.reply))
    }

    /// What a secure answer gives way to because of what the name says of the root's keys (RFC 8509).
    fn sentinel(&self, request: &Request) -> Option<ExtendedError> {
        let asks = self.settings.root_key_sentinel && !request.checking_disabled;
        let claim = sentinel::claim(&request.question).filter(|_| asks)?;
        sentinel::contradiction(claim, self.validator()?.anchors())
    }

    /// RFC 8482 §4.2: a HINFO record of our own says that ANY is not answered. See [`request`].
    fn minimal_any(&self, request: &Request) -> Disposition {
        let hinfo =
            Rrset::new(request.question.name.clone(), RecordType::HINFO, 3_600).with(b"\x07RFC8482\x00");
        let content = Content { answer: vec![hinfo], ..Content::default() };
        Disposition::Reply(finish::reply(request, content, &self.settings.reply))
    }
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("in_flight", &self.in_flight()).finish_non_exhaustive()
    }
}

/// The reply to a message that is no question.
fn faulty(message: &[u8], fault: QueryFault) -> Disposition {
    let reply = fault.rcode().and_then(|rcode| error_reply(message, rcode, None));
    reply.map_or(Disposition::Drop, Disposition::Reply)
}

#[cfg(test)]
mod tests;
