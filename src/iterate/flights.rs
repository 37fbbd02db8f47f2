//! What is done once, whoever wants it: short questions, and trying TCP with a server.
//!
//! Thousands of names below one domain need the same referral. Were it asked for each of them, a forger would
//! have as many chances to hit one of the queries (the birthday attack, RFC 5452 §5), with names drawn at
//! random to get them sent. So the second question waits for what the first is told.
//!
//! In: what is wanted, such as a zone and a short name. Out: a cell that the first one fills and the others read. If
//! the first one goes away, the next takes its place. Lookups for name servers do not wait here; but they may wait for
//! what another client began, which does: a circle of waits can close, so each is bounded.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::OnceCell;

use crate::cache::delegations::CachedCut;
use crate::dns::Name;
use crate::dns::response::{Outcome, Scrubbed};

/// What came of a short question.
#[derive(Debug, Clone)]
pub(super) enum Short {
    /// A zone below.
    Cut(Arc<CachedCut>),
    /// An answer, of no use but for how it ends.
    Said(Outcome),
    /// There is no such name, with what is to prove it: that denies all names below it too.
    Denied(Arc<Scrubbed>),
    /// No server had an answer of use.
    Failed,
}

/// Short questions under way, by the zone asked and the short name.
pub(super) type ShortFlights = Flights<(Name, Name), OnceCell<Short>>;

/// Servers with which TCP is tried, each for a zone: whoever holds the lock does so.
pub(super) type TcpTrials = Flights<(IpAddr, Name), tokio::sync::Mutex<()>>;

/// What is under way, by what it is for.
#[derive(Debug)]
pub(super) struct Flights<K, C> {
    /// As many as there are questions under way, at most.
    cells: Mutex<HashMap<K, Weak<C>>>,
}

/// A place in a flight.
pub(super) struct Flight<'a, K: Eq + Hash, C> {
    flights: &'a Flights<K, C>,
    key: K,
    pub(super) cell: Arc<C>,
}

impl<K, C> Default for Flights<K, C> {
    fn default() -> Self {
        Self { cells: Mutex::default() }
    }
}

impl<K: Eq + Hash + Clone, C: Default> Flights<K, C> {
    /// Joins the flight for `key`, or begins it.
    pub(super) fn join(&self, key: K) -> Flight<'_, K, C> {
        let mut cells = self.cells();
        let cell = cells.get(&key).and_then(Weak::upgrade).unwrap_or_default();
        cells.insert(key.clone(), Arc::downgrade(&cell));
        Flight { flights: self, key, cell }
    }
}

impl<K, C> Flights<K, C> {
    fn cells(&self) -> MutexGuard<'_, HashMap<K, Weak<C>>> {
        self.cells.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash, C> Drop for Flight<'_, K, C> {
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
        let flights = ShortFlights::default();
        let join = |zone, short| flights.join((name(zone), name(short)));
        let one = join("test.", "a.test.");
        let two = join("TEST.", "A.test.");
        assert!(Arc::ptr_eq(&one.cell, &two.cell));
        assert!(!Arc::ptr_eq(&one.cell, &join(".", "a.test.").cell));
        drop(one);
        assert_eq!(flights.cells().len(), 1);
        drop(two);
        assert!(flights.cells().is_empty());
    }
}
