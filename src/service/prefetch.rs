//! Renews answers that are asked for in the last tenth of their time, so that no client waits for them.
//!
//! In: a hit on an answer that is due. The work is a task of its own with a budget of its own, once however many ask.
//! Out: a fresh answer in the cache; or a failure that is remembered (RFC 9520), beside which the answer that is still
//! good lives on.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::cache::answers::CachedAnswer;
use crate::dns::Question;
use crate::event::Event;
use crate::limits;
use crate::service::{Request, Service};

/// The questions that are being asked anew.
#[derive(Debug, Default)]
pub(super) struct Renewals {
    under_way: Mutex<HashSet<Question>>,
}

/// A place among them, given back when dropped.
struct Place {
    service: Arc<Service>,
    question: Question,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.service.renewals.lock().remove(&self.question);
    }
}

impl Renewals {
    fn lock(&self) -> MutexGuard<'_, HashSet<Question>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the question was not among them and has a place now.
    fn take(&self, question: &Question) -> bool {
        let mut under_way = self.lock();
        under_way.len() < limits::PREFETCHES_MAX && under_way.insert(question.clone())
    }
}

impl Service {
    /// Begins to renew the answer that `entry` gave a client, if it is time, unless that is being done. A client that
    /// only looks into the cache (RD=0) sets nothing going.
    pub(super) fn renew_for(self: &Arc<Self>, request: &Request, entry: &CachedAnswer) {
        let (question, now) = (&request.question, self.clock.now());
        let wanted = self.settings.prefetch && request.recursion_desired;
        // The absence of a name above is not: each name below it would be asked for.
        let is_due = wanted && entry.is_due(now) && !entry.is_bogus() && entry.is_of(&question.name);
        // RFC 9520 §3.1: what could not be renewed is not tried again at each hit.
        if !is_due || self.store.failures.get(question, now).is_some() || !self.renewals.take(question) {
            return;
        }
        let place = Place { service: Arc::clone(self), question: question.clone() };
        tokio::spawn(async move {
            let context = place.service.context(Arc::clone(&place.service.observer));
            if let Err(failure) = place.service.renewed_chain(&place.question, &context).await {
                context.tell(&Event::Failed { question: &place.question, failure: &failure });
                // Wherever on the way: it is not gone again at each hit.
                let (failures, now) = (&place.service.store.failures, place.service.clock.now());
                if failures.get(&place.question, now).is_none() {
                    failures.insert(&place.question, failure.root_cause().clone(), now);
                }
            }
        });
    }
}
