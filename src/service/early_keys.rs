//! Fetches a zone's DNSKEY set while the referral to it is still being followed.
//!
//! Where the parent says with the referral that the zone is signed, its keys will be needed: asked for at once, they
//! come in the time that the answer itself takes, and a signed name costs no more round trips than an unsigned
//! one. The fetches join the flights that anyone else's would, and are charged to the same budget.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::context::Context;
use crate::dns::delegation::{Delegation, DsEvidence};
use crate::dns::response::Scrubbed;
use crate::dns::{Question, RecordType};
use crate::event::{Event, Observer};
use crate::service::Service;
use crate::service::single_flight::Ticket;

/// Hears of the signed cuts on the way to one question, and holds the fetches begun for them.
pub(super) struct EarlyKeys {
    service: Weak<Service>,
    question: Question,
    context: Context,
    begun: Mutex<Vec<(Question, Ticket<Arc<Scrubbed>>)>>,
}

impl EarlyKeys {
    pub(super) fn new(service: &Arc<Service>, question: &Question, context: &Context) -> Self {
        Self {
            service: Arc::downgrade(service),
            question: question.clone(),
            context: context.clone(),
            begun: Mutex::default(),
        }
    }

    /// The fetch begun for a question, for whoever needs its result.
    pub(super) fn take(&self, question: &Question) -> Option<Ticket<Arc<Scrubbed>>> {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let at = begun.iter().position(|(asked, _)| asked == question)?;
        Some(begun.swap_remove(at).1)
    }

    fn begin(&self, delegation: &Delegation) {
        let Some(service) = self.service.upgrade() else { return };
        let keys = Question::new(delegation.zone.clone(), RecordType::DNSKEY);
        // Referrals met by name-server lookups are not on the way to this question; DS is the parent's.
        let on_the_way = self.question.name.is_subdomain_of(&delegation.zone)
            && !(self.question.rtype.is_parent_side() && self.question.name == delegation.zone);
        if !on_the_way || keys == self.question || service.knows_zone(&delegation.zone) {
            return;
        }
        // Refused for want of room: then it is fetched when the proof asks.
        if let Ok(ticket) = service.begin_fetch(&keys, &self.context) {
            self.begun.lock().unwrap_or_else(PoisonError::into_inner).push((keys, ticket));
        }
    }
}

impl Observer for EarlyKeys {
    fn on(&self, event: &Event<'_>) {
        if let Event::Referred(delegation) = event
            && matches!(delegation.ds, DsEvidence::Present(_))
        {
            self.begin(delegation);
        }
        self.context.observer.on(event);
    }

    fn wants_proof(&self) -> bool {
        self.context.observer.wants_proof()
    }
}
