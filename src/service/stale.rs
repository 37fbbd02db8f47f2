//! Answers past their time, for as long as nobody can be asked for better ones (RFC 8767).
//!
//! In: a question whose resolution failed or takes too long, and the cache. Out: the answer as it was last known,
//! with a TTL of its own, never with AD, and with an extended error that says so. Whatever the zone's servers say
//! goes before it, that the name is gone included; so does a proof that something is wrong: bogus data has no
//! claim to be replaced by older data that happens to be good. Of several things that were known of a name the
//! last one counts, so that a name that was withdrawn does not come back.

use std::sync::Arc;
use std::time::Duration;

use crate::cache::answers::{ABSENT, CachedAnswer};
use crate::context::Context;
use crate::dns::edns::{EdeCode, ExtendedError};
use crate::dns::security::ValidationState;
use crate::dns::{Name, Question, Rcode, RecordType};
use crate::failure::Failure;
use crate::limits::{self, Limit};
use crate::service::link::Link;
use crate::service::pipeline::{Answer, join};
use crate::service::single_flight::Ticket;
use crate::service::{Request, Service};

/// `[cache] serve-expired-*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StaleSettings {
    /// Seconds past its TTL that an answer may be served.
    pub ttl_secs: u32,
    /// How long a client waits for a fresh answer before it gets a stale one.
    pub client_timeout: Duration,
    /// The TTL of stale answers, in seconds.
    pub reply_ttl_secs: u32,
}

impl Default for StaleSettings {
    fn default() -> Self {
        Self {
            ttl_secs: limits::STALE_SECS_MAX,
            client_timeout: Duration::from_millis(limits::STALE_CLIENT_TIMEOUT_MS),
            reply_ttl_secs: limits::STALE_REPLY_TTL_SECS,
        }
    }
}

/// Why a stale answer is served.
enum Cause<'a> {
    Failed(&'a Failure),
    Slow(Duration),
}

impl Service {
    /// Answers a client whose question nothing known answers: with what the network says or, if it says nothing in time,
    /// with what was last known. The work goes on after a stale answer, for whoever asks next.
    pub(super) async fn answer_in_time(
        self: &Arc<Self>,
        first: Option<Ticket<Arc<Link>>>,
        request: &Request,
        context: &Context,
    ) -> Result<Answer, Failure> {
        let (question, sought) = (&request.question, request.sought);
        let checking_disabled = request.checking_disabled;
        let settings = self.settings.stale.filter(|_| request.look.has_past);
        let last_known = settings.and_then(|settings| Some((settings, self.last_known(question)?)));
        let Some((settings, last_known)) = last_known else {
            return self.answer_client(first, question, checking_disabled, sought, context).await;
        };
        // Servers that let the first client wait so long have had their time, whoever asks after it.
        let since = self.links.under_way_since(question).unwrap_or_else(|| self.clock.now());
        let patience = since.after(settings.client_timeout);
        let (service, asked, context) = (Arc::clone(self), question.clone(), context.clone());
        let work = tokio::spawn(async move {
            service.answer_client(first, &asked, checking_disabled, sought, &context).await
        });
        match self.clock.before(patience, work).await {
            Some(Ok(Err(failure))) if lets_stale_be_served(&failure) => {
                Ok(told(last_known, &Cause::Failed(&failure)))
            }
            Some(Ok(result)) => result,
            // The task was ended by a panic or by shutdown.
            Some(Err(_)) => Err(Failure::Lost(question.clone())),
            None => Ok(told(last_known, &Cause::Slow(settings.client_timeout))),
        }
    }

    /// What may be served in place of a failure that is known already.
    pub(super) fn instead_of(&self, failure: &Failure, question: &Question) -> Option<Answer> {
        let last_known = || self.settings.stale.and_then(|_| self.last_known(question));
        lets_stale_be_served(failure).then(last_known)?.map(|answer| told(answer, &Cause::Failed(failure)))
    }

    /// The whole answer as it was last known, aliases included.
    fn last_known(&self, question: &Question) -> Option<Answer> {
        let settings = self.settings.stale?;
        let mut current = question.clone();
        let mut whole = None;
        for _ in 0..=self.settings.caps.get(Limit::Restarts) {
            let link = self.last_known_link(&current, settings)?;
            let onward = link.onward();
            let answer = join(whole.take(), link);
            let Some(target) = onward else { return Some(answer) };
            whole = Some(answer);
            current = Question { name: target, ..current };
        }
        None
    }

    fn last_known_link(&self, question: &Question, settings: StaleSettings) -> Option<Link> {
        let now = self.clock.now();
        let kept = |name: &Name, rtype| self.store.answers.get_past(name, rtype, now);
        let alias = kept(&question.name, RecordType::CNAME)
            .filter(|_| question.rtype.is_aliased())
            .filter(|entry| !entry.is_bogus() && entry.rcode() == Rcode::NOERROR && entry.has_answer());
        // RFC 8020: what was proven absent took everything below along.
        let above = || self.speakers_for(&question.name, &self.store.speakers.absent);
        let absent_above = self
            .settings
            .below_nxdomain
            .then(|| above().filter_map(|name| kept(&name, ABSENT).filter(CachedAnswer::is_secure)))
            .into_iter()
            .flatten();
        // Of those kept at the same moment the last one: an alias is told with its end where that is known.
        let (entry, is_alias) = absent_above
            .map(|entry| (entry, false))
            .chain(alias.map(|entry| (entry, question.rtype != RecordType::CNAME)))
            .chain(kept(&question.name, ABSENT).map(|entry| (entry, false)))
            .chain(kept(&question.name, question.rtype).map(|entry| (entry, false)))
            .max_by_key(|(entry, _)| entry.stored())?;
        // What was known before the last word is not served in its place, whatever is wrong with it.
        if entry.is_bogus() || now >= entry.expires().after_secs(settings.ttl_secs) {
            return None;
        }
        let mut message = entry.message(now)?;
        for rrset in message.answer.iter_mut().chain(&mut message.authority) {
            rrset.ttl =
                if rrset.ttl == 0 { settings.reply_ttl_secs } else { rrset.ttl.min(settings.reply_ttl_secs) };
            rrset.signatures_ttl = rrset.ttl;
        }
        // Proven once, and nobody can say whether it still is: no AD.
        let link = Link::from_cache(question, message, is_alias, ValidationState::Indeterminate, None);
        Some(Link { compact_denial: entry.is_compact_denial(), ..link })
    }
}

/// A proof that something is wrong is an answer, and so is a chain of aliases that ends nowhere.
fn lets_stale_be_served(failure: &Failure) -> bool {
    !matches!(failure.root_cause(), Failure::Bogus(_) | Failure::AliasLoop(_))
}

/// With the note that says it is stale (RFC 8914 §4.4, §4.20), and why.
fn told(answer: Answer, cause: &Cause<'_>) -> Answer {
    let denied = answer.rcode == Rcode::NXDOMAIN || answer.compact_denial;
    let code = if denied { EdeCode::STALE_NXDOMAIN } else { EdeCode::STALE_ANSWER };
    let text = match cause {
        Cause::Failed(failure) => format!("past its time, as it cannot be renewed: {failure}"),
        Cause::Slow(waited) => {
            format!("past its time, as the servers have not answered within {} ms", waited.as_millis())
        }
    };
    Answer { note: Some(ExtendedError::new(code, &text)), ..answer }
}
