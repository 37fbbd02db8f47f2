//! Short questions under way: each is asked once, whoever wants it.
//!
//! Thousands of names below one domain need the same referral. Were it asked for each of them, a forger would
//! have as many chances to hit one of the queries (the birthday attack, RFC 5452 §5), with names drawn at
//! random to get them sent. So the second question waits for what the first is told.
//!
//! In: a zone and a short name. Out: a cell that the first one fills and the others read. If the first one goes
//! away, the next takes its place. Lookups for name servers never wait here: what waits then holds nothing that
//! others wait for, and no circle can close.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::OnceCell;

use crate::cache::delegations::CachedCut;
use crate::dns::Name;
use crate::dns::response::Outcome;

/// What came of a short question.
#[derive(Debug, Clone)]
pub(super) enum Short {
    /// A zone below.
    Cut(Arc<CachedCut>),
    /// An answer, of no use but for how it ends.
    Said(Outcome),
    /// No server had an answer of use.
    Failed,
}

/// The zone asked and the short name.
type Key = (Name, Name);

type Cells = HashMap<Key, Weak<OnceCell<Short>>>;

/// Short questions under way.
#[derive(Debug, Default)]
pub(super) struct Flights {
    /// As many as there are questions under way, at most.
    cells: Mutex<Cells>,
}

/// A place in a flight.
pub(super) struct Flight<'a> {
    flights: &'a Flights,
    key: Key,
    pub(super) cell: Arc<OnceCell<Short>>,
}

impl Flights {
    /// Joins the flight for `name`, asked of `zone`, or begins it.
    pub(super) fn join(&self, zone: &Name, name: &Name) -> Flight<'_> {
        let key = (zone.clone(), name.clone());
        let mut cells = self.cells();
        let cell = cells.get(&key).and_then(Weak::upgrade).unwrap_or_default();
        cells.insert(key.clone(), Arc::downgrade(&cell));
        Flight { flights: self, key, cell }
    }

    fn cells(&self) -> MutexGuard<'_, Cells> {
        self.cells.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        let mut cells = self.flights.cells();
        // Nobody else can join meanwhile: that takes the same lock.
        if Arc::strong_count(&self.cell) == 1 {
            cells.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iterate::testing::name;

    #[test]
    fn a_flight_is_gone_with_the_last_who_wants_it() {
        let flights = Flights::default();
        let one = flights.join(&name("test."), &name("a.test."));
        let two = flights.join(&name("TEST."), &name("A.test."));
        assert!(Arc::ptr_eq(&one.cell, &two.cell));
        assert!(!Arc::ptr_eq(&one.cell, &flights.join(&name("."), &name("a.test.")).cell));
        drop(one);
        assert_eq!(flights.cells().len(), 1);
        drop(two);
        assert!(flights.cells().is_empty());
    }
}
