//! Renews answers that are asked for in the last tenth of their time, so that no client waits for them.
//!
//! In: a hit on an answer that is due. The work is a task of its own with a budget of its own, once however many ask.
//! Out: a fresh answer in the cache; or a failure that is remembered (RFC 9520), beside which the answer that is still
//! good lives on.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::dns::Question;
use crate::event::Event;
use crate::limits;
use crate::service::Service;

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
    /// Begins to renew the answer to a question that a client was given although its time is nearly over, unless that is
    /// being done.
    pub(super) fn renew(self: &Arc<Self>, question: &Question) {
        // RFC 9520 §3.1: what could not be renewed is not tried again at each hit.
        if !self.settings.prefetch
            || self.store.failures.get(question, self.clock.now()).is_some()
            || !self.renewals.take(question)
        {
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
