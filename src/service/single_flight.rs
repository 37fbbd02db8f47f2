//! Identical work is done once: a flight is a task of its own, and whoever wants its result waits for it.
//!
//! A waiter that leaves cancels nothing. Flights wait for each other (a name-server lookup for the question that
//! needs it); a wait that would close a circle fails at once with [`Failure::Cycle`], whoever began it (tsuNAME).
//! Bounds: [`limits::FLIGHTS_MAX`] flights, [`limits::WAITERS_PER_FLIGHT_MAX`] clients that wait for each.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::budget::Budget;
use crate::clock::Clock;
use crate::context::FlightId;
use crate::dns::Question;
use crate::failure::Failure;
use crate::limits;

/// The flights of one kind; kinds that wait for each other share one [`Airspace`].
#[derive(Debug)]
pub struct Flights<T> {
    airspace: Arc<Airspace>,
    under_way: Arc<Mutex<HashMap<Question, UnderWay<T>>>>,
}

/// Which flight waits for which, over all kinds.
#[derive(Debug, Default)]
pub struct Airspace {
    state: Mutex<Waits>,
}

#[derive(Debug, Default)]
struct Waits {
    next: u64,
    on: HashMap<FlightId, Vec<FlightId>>,
}

#[derive(Debug)]
struct UnderWay<T> {
    id: FlightId,
    result: watch::Receiver<Option<Result<T, Failure>>>,
    waiters: usize,
    depth: usize,
}

/// A place in the queue for a flight's result.
#[derive(Debug)]
pub struct Ticket<T> {
    result: watch::Receiver<Option<Result<T, Failure>>>,
    question: Question,
    /// Whether this ticket's holder began the flight, so that its budget pays for it.
    pub began: bool,
    wait: Option<Wait>,
}

/// An edge of the waiting graph, removed when dropped.
#[derive(Debug)]
struct Wait {
    airspace: Arc<Airspace>,
    from: FlightId,
    to: FlightId,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Airspace {
    /// How many flights are under way.
    pub fn len(&self) -> usize {
        lock(&self.state).on.len()
    }

    /// Whether no flight is under way.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A new flight, and the wait of `waiter` for it: nothing can wait for a new flight yet, so no circle closes.
    fn take_off(self: &Arc<Self>, waiter: Option<FlightId>) -> Result<(FlightId, Option<Wait>), Failure> {
        let mut state = lock(&self.state);
        if state.on.len() >= limits::FLIGHTS_MAX {
            return Err(Failure::Busy("too many questions are being resolved"));
        }
        state.next += 1;
        let id = FlightId(state.next);
        state.on.insert(id, Vec::new());
        let wait = waiter.map(|from| {
            state.on.entry(from).or_default().push(id);
            Wait { airspace: Arc::clone(self), from, to: id }
        });
        Ok((id, wait))
    }

    fn land(&self, id: FlightId) {
        lock(&self.state).on.remove(&id);
    }

    /// Notes that `from` waits for `to`, unless `to` waits for `from` already, however indirectly.
    fn wait(self: &Arc<Self>, from: FlightId, to: FlightId, question: &Question) -> Result<Wait, Failure> {
        let mut state = lock(&self.state);
        let mut open = vec![to];
        let mut seen = Vec::new();
        while let Some(id) = open.pop() {
            if id == from {
                return Err(Failure::Cycle(question.name.clone()));
            }
            if !seen.contains(&id) {
                seen.push(id);
                open.extend(state.on.get(&id).into_iter().flatten());
            }
        }
        state.on.entry(from).or_default().push(to);
        drop(state);
        Ok(Wait { airspace: Arc::clone(self), from, to })
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        let mut state = lock(&self.airspace.state);
        if let Some(on) = state.on.get_mut(&self.from)
            && let Some(at) = on.iter().position(|id| *id == self.to)
        {
            on.swap_remove(at);
        }
    }
}

impl<T: Clone + Send + Sync + 'static> Flights<T> {
    /// No flights yet.
    pub fn new(airspace: Arc<Airspace>) -> Self {
        Self { airspace, under_way: Arc::default() }
    }

    /// Joins the flight for `question`, or begins it with the future that `begin` makes from its id.
    ///
    /// `waiter` is the flight that the caller itself belongs to, `depth` the number of lookups that wait for this
    /// one. A deeper flight is not joined: it may fail because it may not go much deeper.
    pub fn join<F>(
        &self,
        question: &Question,
        waiter: Option<FlightId>,
        depth: usize,
        begin: impl FnOnce(FlightId) -> F,
    ) -> Result<Ticket<T>, Failure>
    where
        F: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        let mut under_way = lock(&self.under_way);
        if let Some(flight) = under_way.get_mut(question).filter(|flight| flight.depth <= depth) {
            // Flights that wait are few enough: a crowd of names that need the same keys is no crowd of clients.
            if waiter.is_none() && flight.waiters >= limits::WAITERS_PER_FLIGHT_MAX {
                return Err(Failure::Busy("too many clients wait for the same question"));
            }
            let wait = waiter.map(|from| self.airspace.wait(from, flight.id, question)).transpose()?;
            flight.waiters += usize::from(waiter.is_none());
            let result = flight.result.clone();
            return Ok(Ticket { result, question: question.clone(), began: false, wait });
        }
        let (id, wait) = self.airspace.take_off(waiter)?;
        let landing = Landing {
            airspace: Arc::clone(&self.airspace),
            under_way: Arc::clone(&self.under_way),
            question: question.clone(),
            id,
        };
        let (sender, result) = watch::channel(None);
        under_way.insert(
            question.clone(),
            UnderWay { id, result: result.clone(), waiters: usize::from(waiter.is_none()), depth },
        );
        drop(under_way);
        let work = begin(id);
        tokio::spawn(async move {
            let outcome = work.await;
            // Off the board first: whoever asks from now on finds the cache filled, or begins anew.
            drop(landing);
            sender.send_replace(Some(outcome));
        });
        Ok(Ticket { result, question: question.clone(), began: true, wait })
    }
}

impl<T: Clone> Ticket<T> {
    /// Waits for the result, no longer than the waiter's own budget lasts: the flight may have begun later.
    pub async fn wait(mut self, clock: &Clock, budget: &Budget) -> Result<T, Failure> {
        let result = self.result.wait_for(Option::is_some);
        let Some(outcome) = clock.before(budget.deadline(), result).await else {
            return Err(budget.out_of_time().into());
        };
        let outcome = outcome.ok().and_then(|outcome| outcome.clone());
        drop(self.wait.take());
        // The sender is gone without a result only if the task was ended by a panic or by shutdown.
        outcome.unwrap_or(Err(Failure::Lost(self.question)))
    }
}

/// Takes a flight off the board, also when its task panics or is cancelled.
#[derive(Debug)]
struct Landing<T> {
    airspace: Arc<Airspace>,
    under_way: Arc<Mutex<HashMap<Question, UnderWay<T>>>>,
    question: Question,
    id: FlightId,
}

impl<T> Drop for Landing<T> {
    fn drop(&mut self) {
        let mut under_way = lock(&self.under_way);
        if under_way.get(&self.question).is_some_and(|flight| flight.id == self.id) {
            under_way.remove(&self.question);
        }
        drop(under_way);
        self.airspace.land(self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::budget::Caps;
    use crate::dns::RecordType;
    use crate::limits::{Limit, Reached};

    fn question(name: &str) -> Question {
        Question::new(name.parse().unwrap(), RecordType::A)
    }

    async fn wait<T: Clone>(ticket: Ticket<T>) -> Result<T, Failure> {
        let clock = Clock::simulated(0);
        let budget = Budget::new(Caps::default(), clock.now());
        ticket.wait(&clock, &budget).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_ends_with_the_waiters_budget() {
        let flights = Flights::<u32>::new(Arc::default());
        let ticket = flights.join(&question("a."), None, 0, |_| std::future::pending()).unwrap();
        let cap = Limit::Milliseconds.default_cap();
        assert_eq!(wait(ticket).await, Err(Failure::Limit(Reached { limit: Limit::Milliseconds, cap })));
    }

    #[tokio::test(start_paused = true)]
    async fn identical_questions_share_one_flight() {
        let flights = Flights::<u32>::new(Arc::default());
        let begun = Arc::new(AtomicU32::new(0));
        let tickets: Vec<_> = (0..60)
            .map(|_| {
                let begun = Arc::clone(&begun);
                flights
                    .join(&question("a."), None, 0, |_| async move {
                        begun.fetch_add(1, Ordering::Relaxed);
                        tokio::time::sleep(Duration::from_secs(1)).await;
                        Ok(7)
                    })
                    .unwrap()
            })
            .collect();
        for ticket in tickets {
            assert_eq!(wait(ticket).await, Ok(7));
        }
        assert_eq!(begun.load(Ordering::Relaxed), 1);
        assert!(flights.airspace.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_circle_of_waits_ends_at_once_whoever_began_it() {
        let airspace = Arc::new(Airspace::default());
        let flights = Arc::new(Flights::<u32>::new(airspace));
        // Two flights begun by two clients, each of which then needs the other's result.
        let work = |flights: &Arc<Flights<u32>>, other: &'static str| {
            let flights = Arc::clone(flights);
            move |id| async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                let ticket = flights.join(&question(other), Some(id), 0, |_| async { Ok(0) })?;
                wait(ticket).await
            }
        };
        let one = flights.join(&question("a."), None, 0, work(&flights, "b.")).unwrap();
        let two = flights.join(&question("b."), None, 0, work(&flights, "a.")).unwrap();
        let (one, two) = tokio::join!(wait(one), wait(two));
        assert!(matches!(one, Err(Failure::Cycle(_))), "{one:?}");
        assert!(matches!(two, Err(Failure::Cycle(_))), "{two:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_deeper_flight_is_not_joined() {
        let flights = Flights::<u32>::new(Arc::default());
        let join = |depth| flights.join(&question("a."), None, depth, |_| async { Ok(0) }).unwrap().began;
        assert_eq!([3, 4, 1, 2, 0].map(join), [true, false, true, false, true]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiter_that_leaves_cancels_nothing() {
        let flights = Flights::<u32>::new(Arc::default());
        let slow = |_| async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            Ok(1)
        };
        let first = flights.join(&question("a."), None, 0, slow).unwrap();
        assert!(tokio::time::timeout(Duration::from_secs(1), wait(first)).await.is_err());
        let second = flights.join(&question("a."), None, 0, |_| async { Ok(2) }).unwrap();
        assert!(!second.began);
        assert_eq!(wait(second).await, Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn waiters_of_one_flight_are_bounded() {
        let flights = Flights::<u32>::new(Arc::default());
        let join = || flights.join(&question("a."), None, 0, |_| std::future::pending());
        let tickets: Vec<_> = (0..limits::WAITERS_PER_FLIGHT_MAX).map(|_| join().unwrap()).collect();
        assert!(matches!(join(), Err(Failure::Busy(_))));
        drop(tickets);
    }

    #[test]
    fn flights_under_way_are_bounded() {
        let airspace = Arc::new(Airspace::default());
        let all: Vec<_> = (0..16_384).map(|_| airspace.take_off(None).unwrap().0).collect();
        assert!(matches!(airspace.take_off(None), Err(Failure::Busy(_))));
        airspace.land(all[0]);
        assert!(airspace.take_off(None).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_flight_that_panics_is_lost_and_can_be_begun_again() {
        let flights = Flights::<u32>::new(Arc::default());
        let broken = flights.join(&question("a."), None, 0, |_| async { panic!("on purpose") }).unwrap();
        assert!(matches!(wait(broken).await, Err(Failure::Lost(_))));
        let again = flights.join(&question("a."), None, 0, |_| async { Ok(3) }).unwrap();
        assert_eq!(wait(again).await, Ok(3));
    }
}
