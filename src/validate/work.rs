//! What a proof works with during one step: evidence, budget, observer, the date; and why it stops.

use super::zone_keys::ZoneKey;
use super::{Evidence, Policy, algorithms};
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
    /// What the verifications of this step took, in those of P-256.
    pub(super) cost: u32,
}

impl Work<'_> {
    /// Charges before the work is done.
    pub(super) fn charge(&self, limit: Limit, amount: u32) -> Result<(), Stop> {
        self.budget.spend(limit, amount).map_err(Stop::Exhausted)
    }

    /// Whether `signature` over `message` was made by `key`: charged by what it takes to find out, before it is done.
    pub(super) fn holds(&mut self, key: &ZoneKey, message: &[u8], signature: &[u8]) -> Result<bool, Stop> {
        let cost = key.cost.saturating_add(algorithms::hashing_cost(message.len()));
        let price = cost.div_ceil(limits::VERIFICATION_COST);
        self.charge(Limit::Verifications, price)?;
        self.cost = self.cost.saturating_add(cost);
        let holds = algorithms::verify(key.algorithm, &key.public_key, message, signature);
        if !holds {
            self.charge(Limit::FailedVerifications, price)?;
        }
        Ok(holds)
    }

    /// Stops where the slice is used up. Asked before an RRset, never within one.
    pub(super) fn pause_if_tired(&self) -> Result<(), Stop> {
        if self.cost >= limits::SLICE_COST { Err(Stop::Pause) } else { Ok(()) }
    }
}
