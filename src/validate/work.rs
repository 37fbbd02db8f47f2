//! What a proof works with during one step: evidence, budget, observer, the date; and why it stops.

use super::{Evidence, Policy};
use crate::budget::Budget;
use crate::dns::{Name, Question};
use crate::event::Observer;
use crate::limits::{self, Limit, Reached};

/// Why a judgement cannot be reached right now. What was found until here is kept.
#[derive(Debug)]
pub(super) enum Stop {
    /// These sets have to be fetched first.
    Need(Vec<Question>),
    /// This zone has to be settled first.
    Zone(Name),
    /// A slice of work was done.
    Pause,
    /// The question has used up what it may.
    Exhausted(Reached),
}

/// Lent to a proof for one step.
pub(super) struct Work<'a> {
    pub(super) evidence: &'a dyn Evidence,
    pub(super) budget: &'a Budget,
    pub(super) observer: &'a dyn Observer,
    pub(super) policy: Policy,
    /// Seconds since 1970.
    pub(super) now: u64,
    /// Signature verifications done in this step.
    pub(super) verifications: u32,
}

impl Work<'_> {
    /// Charges before the work is done.
    pub(super) fn charge(&self, limit: Limit, amount: u32) -> Result<(), Stop> {
        self.budget.spend(limit, amount).map_err(Stop::Exhausted)
    }

    /// Charges one signature verification.
    pub(super) fn charge_verification(&mut self) -> Result<(), Stop> {
        self.verifications = self.verifications.saturating_add(1);
        self.charge(Limit::Verifications, 1)
    }

    /// Stops where the slice is used up. Asked before an RRset, never within one.
    pub(super) fn pause_if_tired(&self) -> Result<(), Stop> {
        if self.verifications >= limits::VERIFICATIONS_PER_SLICE { Err(Stop::Pause) } else { Ok(()) }
    }
}
