//! What a proof works with during one step: evidence, budget, observer, the date; and why it stops.
//!
//! Here each signature verification is charged, counted, and done or found to be known already.

use std::collections::BTreeSet;

use super::memo::{self, Digest};
use super::zone_keys::ZoneKey;
use super::{Evidence, Validator, algorithms};
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
    pub(super) validator: &'a Validator,
    /// Seconds since 1970.
    pub(super) now: u64,
    /// What the verifications of this step took, in those of P-256.
    pub(super) cost: u32,
    pub(super) trials: Trials,
}

/// What a proof remembers of the signatures it tried, from step to step.
#[derive(Debug, Default)]
pub(super) struct Trials {
    /// Those that did not hold: no more than [`Limit::FailedVerifications`] allows.
    wrong: BTreeSet<Digest>,
    /// Whether the RRset that is being verified gets all of its tries; none between two RRsets.
    pub(super) patient: Option<bool>,
}

impl Work<'_> {
    /// Charges before the work is done.
    pub(super) fn charge(&self, limit: Limit, amount: u32) -> Result<(), Stop> {
        self.budget.spend(limit, amount).map_err(Stop::Exhausted)
    }

    /// Whether `signature` over `message` was made by `key`. What was verified before, for whatever question, or was
    /// found wrong in this proof, costs no more than a digest.
    pub(super) fn holds(&mut self, key: &ZoneKey, message: &[u8], signature: &[u8]) -> Result<bool, Stop> {
        let Validator { memo, figures, .. } = self.validator;
        let digest = memo::digest(key.algorithm, &key.public_key, message, signature);
        if memo.knows(&digest) {
            figures.count_remembered();
            return Ok(true);
        }
        if self.trials.wrong.contains(&digest) {
            return Ok(false);
        }
        if self.cost >= limits::SLICE_COST {
            return Err(Stop::Pause);
        }
        let cost = key.cost.saturating_add(algorithms::hashing_cost(message.len()));
        let price = cost.div_ceil(limits::VERIFICATION_COST);
        self.charge(Limit::Verifications, price)?;
        self.cost = self.cost.saturating_add(cost);
        let holds = algorithms::verify(key.algorithm, &key.public_key, message, signature);
        figures.count_verification(key.algorithm, holds);
        if holds {
            memo.remember(&digest);
        } else {
            self.trials.wrong.insert(digest);
            self.charge(Limit::FailedVerifications, price)?;
        }
        Ok(holds)
    }
}
