//! Renews answers that are asked for in the last tenth of their time, so that no client waits for them.
//!
//! In: a hit on an answer that is due. The work is a task of its own with a budget of its own, once however many ask.
//! Out: a fresh answer in the cache; or nothing: what fails now leaves the answer that is still good as it is.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::cache::answers::CachedAnswer;
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
    /// Begins to renew the answer to a question that `entry` was found for, if it is time, unless that is being done.
    pub(super) fn renew_if_due(self: &Arc<Self>, question: &Question, entry: &CachedAnswer) {
        let is_due = self.settings.prefetch && entry.is_due(self.clock.now()) && !entry.is_bogus();
        if !is_due || !self.renewals.take(question) {
            return;
        }
        let place = Place { service: Arc::clone(self), question: question.clone() };
        tokio::spawn(async move {
            let context = place.service.context(Arc::clone(&place.service.observer));
            if let Err(failure) = place.service.renewed_chain(&place.question, &context).await {
                context.tell(&Event::Failed { question: &place.question, failure: &failure });
            }
        });
    }
}
