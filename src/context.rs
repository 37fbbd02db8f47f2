//! What belongs to one client question while it is worked on: its budget, who watches, and the way it came.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use crate::budget::Budget;
use crate::dns::Question;
use crate::event::{Event, Observer};
use crate::failure::Failure;
use crate::limits::Limit;

/// A future behind a pointer, for the ports (`Exchange`, `Lookup`, `Source`).
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A piece of shared work (`service::single_flight`), so that waits in a circle are noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlightId(pub u64);

/// Handed down to everything that works for one client question.
#[derive(Clone)]
pub struct Context {
    /// Shared by the question and all that is looked up for it.
    pub budget: Arc<Budget>,
    /// Hears what happens.
    pub observer: Arc<dyn Observer>,
    /// The questions on the way from the client's question to this one, that one first. A lookup that asks
    /// one of them again is a cycle.
    pub ancestors: Vec<Question>,
    /// Servers whose answer to this question was bogus: others are asked.
    pub avoid: Vec<IpAddr>,
    /// The shared work that this is part of.
    pub flight: Option<FlightId>,
}

impl Context {
    /// The context of a client's question.
    pub fn new(budget: Arc<Budget>, observer: Arc<dyn Observer>) -> Self {
        Self { budget, observer, ancestors: Vec::new(), avoid: Vec::new(), flight: None }
    }

    /// The context of a lookup that `question` needs.
    ///
    /// # Errors
    /// [`Limit::LookupLevels`] if that goes too deep.
    pub fn below(&self, question: &Question) -> Result<Self, Failure> {
        let level = u32::try_from(self.ancestors.len()).unwrap_or(u32::MAX).saturating_add(1);
        self.budget.reach(Limit::LookupLevels, level)?;
        let mut ancestors = self.ancestors.clone();
        ancestors.push(question.clone());
        Ok(Self {
            budget: Arc::clone(&self.budget),
            observer: Arc::clone(&self.observer),
            ancestors,
            avoid: Vec::new(),
            flight: self.flight,
        })
    }

    /// The same, avoiding these servers.
    #[must_use]
    pub fn avoiding(&self, servers: &[IpAddr]) -> Self {
        Self { avoid: servers.to_vec(), ..self.clone() }
    }

    /// The same, as part of shared work.
    #[must_use]
    pub fn aboard(&self, flight: FlightId) -> Self {
        Self { flight: Some(flight), ..self.clone() }
    }

    /// Tells the observer.
    pub fn tell(&self, event: &Event<'_>) {
        self.observer.on(event);
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("ancestors", &self.ancestors)
            .field("avoid", &self.avoid)
            .finish_non_exhaustive()
    }
}
