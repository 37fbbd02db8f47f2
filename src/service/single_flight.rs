//! Identical work is done once: a flight is a task of its own, and whoever wants its result waits for it.
//!
//! A waiter that leaves cancels nothing. Flights wait for each other (a name-server lookup for the question that
//! needs it); a wait that would close a circle fails at once with [`Failure::Cycle`], whoever began it (tsuNAME).
//! Bounds: [`limits::FLIGHTS_MAX`] flights, [`limits::WAITERS_PER_FLIGHT_MAX`] clients that wait for each.
//!
//! When all places are taken, the oldest question gives way to a new one, if it is older than
//! [`limits::GIVE_WAY_AFTER`] and not among the [`limits::KEPT_QUESTIONS_MAX`] that run to their end whatever comes:
//! its flight ends, with those that only it waits for, and who waits for it hears [`Failure::Busy`]. So a flood of names
//! that take long costs itself, and quick names are answered throughout (Unbound's jostle list). A flight that others
//! wait for does not give way. A refreshment of what is in the cache gives way like any: it is in the cache.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::{fast, quality};
use tokio::sync::oneshot;

use super::outcome;
use crate::budget::Budget;
use crate::clock::{Clock, Moment};
use crate::context::FlightId;
use crate::dns::Question;
use crate::failure::Failure;
use crate::limits;

/// A flight gave way.
pub(super) const GAVE_WAY: Failure = Failure::Busy("this question gave way to newer ones");

/// The flights of one kind; kinds that wait for each other share one [`Airspace`].
#[derive(Debug)]
pub struct Flights<T> {
    airspace: Arc<Airspace>,
    under_way: Arc<Mutex<Questions<T>>>,
}

/// By the names that clients ask for: hashed with a seed of this process.
type Questions<T> = HashMap<Question, UnderWay<T>, quality::RandomState>;

/// All flights of all kinds: which waits for which, and which may have to give way.
#[derive(Debug)]
pub struct Airspace {
    clock: Clock,
    board: Mutex<Board>,
}

#[derive(Debug, Default)]
struct Board {
    next: u64,
    flights: HashMap<FlightId, Flight, fast::RandomState>,
    /// Questions that may have to give way, the oldest first.
    lax: BTreeSet<FlightId>,
    /// Questions that run to their end.
    kept: usize,
    gave_way: u64,
}

#[derive(Debug)]
struct Flight {
    /// The flights it waits for.
    on: Vec<FlightId>,
    /// How many flights wait for it.
    waited_by: usize,
    /// The flight of the question that all this is for.
    question: FlightId,
    began: Moment,
    rank: Rank,
    /// Once this is dropped, its task ends.
    _end: oneshot::Sender<()>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rank {
    /// A question that runs to its end.
    Kept,
    /// A question that may have to give way.
    Lax,
    /// Needed by other flights alone; it ends with the last of them.
    Needed,
}

#[derive(Debug)]
struct UnderWay<T> {
    id: FlightId,
    result: outcome::Receiver<Result<T, Failure>>,
    /// One, and a copy for each client that waits.
    seats: Arc<()>,
    depth: usize,
}

/// A place in the queue for a flight's result.
#[derive(Debug)]
pub struct Ticket<T> {
    result: outcome::Receiver<Result<T, Failure>>,
    question: Question,
    /// Whether this ticket's holder began the flight, so that its budget pays for it.
    pub began: bool,
    wait: Option<Wait>,
    /// A client's; none: a flight waits.
    _seat: Option<Arc<()>>,
}

/// A place in a flight, or in one that the holder has to fly.
#[derive(Debug)]
pub enum Place<T> {
    /// In one that another flies.
    Taken(Ticket<T>),
    /// In a new one.
    New(Ticket<T>, Departure<T>),
}

type Teller<T> = outcome::Sender<Result<T, Failure>>;

/// A flight that is to be flown: [`Departure::land`] ends it.
#[derive(Debug)]
pub struct Departure<T> {
    /// None once it has landed.
    end: Option<(Landing<T>, Teller<T>)>,
    id: FlightId,
    /// It is to end when this says so, in whatever way.
    ended: oneshot::Receiver<()>,
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

impl Default for Airspace {
    fn default() -> Self {
        Self::new(Clock::system())
    }
}

impl Airspace {
    /// No flights yet; `clock` tells how old they are.
    pub fn new(clock: Clock) -> Self {
        Self { clock, board: Mutex::default() }
    }

    /// How many flights are under way.
    pub fn len(&self) -> usize {
        lock(&self.board).flights.len()
    }

    /// Whether no flight is under way.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many questions had to give way so far.
    pub fn gave_way(&self) -> u64 {
        lock(&self.board).gave_way
    }

    fn is_flying(&self, id: FlightId) -> bool {
        lock(&self.board).flights.contains_key(&id)
    }

    /// A new flight, and the wait of `waiter` for it: nothing can wait for a new flight yet, so no circle closes. The
    /// flight is to end when the receiver says so, in whatever way.
    fn take_off(
        self: &Arc<Self>,
        waiter: Option<FlightId>,
    ) -> Result<(FlightId, Option<Wait>, oneshot::Receiver<()>), Failure> {
        let now = self.clock.now();
        let mut board = lock(&self.board);
        let question = match waiter {
            // It gave way a moment ago, and its task does not know yet.
            Some(from) => Some(board.flights.get(&from).ok_or(GAVE_WAY)?.question),
            None => None,
        };
        if board.flights.len() >= limits::FLIGHTS_MAX && !board.make_room(question, now) {
            return Err(Failure::Busy("too many questions are being resolved"));
        }
        board.next += 1;
        let id = FlightId(board.next);
        let rank = match waiter {
            Some(_) => Rank::Needed,
            None if board.kept < limits::KEPT_QUESTIONS_MAX => Rank::Kept,
            None => Rank::Lax,
        };
        board.kept += usize::from(rank == Rank::Kept);
        if rank == Rank::Lax {
            board.lax.insert(id);
        }
        let (end, ended) = oneshot::channel();
        let flight = Flight {
            on: Vec::new(),
            waited_by: 0,
            question: question.unwrap_or(id),
            began: now,
            rank,
            _end: end,
        };
        board.flights.insert(id, flight);
        let wait = waiter
            .and_then(|from| board.link(from, id).then(|| Wait { airspace: Arc::clone(self), from, to: id }));
        Ok((id, wait, ended))
    }

    /// Notes that a client waits for a flight: it is a question of its own from now on.
    fn promote(&self, id: FlightId) {
        let mut board = lock(&self.board);
        if let Some(flight) = board.flights.get_mut(&id).filter(|flight| flight.rank == Rank::Needed) {
            (flight.rank, flight.question) = (Rank::Lax, id);
            board.lax.insert(id);
        }
    }

    fn land(&self, id: FlightId) {
        let mut board = lock(&self.board);
        for awaited in board.remove(id) {
            board.is_left(awaited);
        }
    }

    /// Notes that `from` waits for `to`, unless `to` waits for `from` already, however indirectly.
    fn wait(self: &Arc<Self>, from: FlightId, to: FlightId, question: &Question) -> Result<Wait, Failure> {
        let mut board = lock(&self.board);
        let mut open = vec![to];
        let mut seen = Vec::new();
        while let Some(id) = open.pop() {
            if id == from {
                return Err(Failure::Cycle(question.name.clone()));
            }
            if !seen.contains(&id) {
                seen.push(id);
                open.extend(board.flights.get(&id).into_iter().flat_map(|flight| &flight.on));
            }
        }
        board.link(from, to);
        drop(board);
        Ok(Wait { airspace: Arc::clone(self), from, to })
    }
}

impl Board {
    /// Notes that `from` waits for `to`; false if one of them has ended.
    fn link(&mut self, from: FlightId, to: FlightId) -> bool {
        if !self.flights.contains_key(&from) {
            return false;
        }
        let Some(awaited) = self.flights.get_mut(&to) else { return false };
        awaited.waited_by += 1;
        if let Some(waiter) = self.flights.get_mut(&from) {
            waiter.on.push(to);
        }
        true
    }

    /// Notes that `from` waits for `to` no more.
    fn unlink(&mut self, from: FlightId, to: FlightId) {
        if let Some(waiter) = self.flights.get_mut(&from)
            && let Some(at) = waiter.on.iter().position(|id| *id == to)
        {
            waiter.on.swap_remove(at);
            self.is_left(to);
        }
    }

    /// One flight less waits for this one. Returns whether none does any more.
    fn is_left(&mut self, id: FlightId) -> bool {
        self.flights.get_mut(&id).is_some_and(|flight| {
            flight.waited_by = flight.waited_by.saturating_sub(1);
            flight.waited_by == 0
        })
    }

    /// Takes a flight off the board, which ends its task. Returns what it waited for.
    fn remove(&mut self, id: FlightId) -> Vec<FlightId> {
        let Some(flight) = self.flights.remove(&id) else { return Vec::new() };
        self.kept -= usize::from(flight.rank == Rank::Kept);
        if flight.rank == Rank::Lax {
            self.lax.remove(&id);
        }
        flight.on
    }

    /// Lets the oldest question give way that may have to, other than `own`. False if there is none.
    fn make_room(&mut self, own: Option<FlightId>, now: Moment) -> bool {
        let is_old = |flight: &Flight| now.since(flight.began) >= limits::GIVE_WAY_AFTER;
        let oldest = self
            .lax
            .iter()
            .map_while(|id| self.flights.get(id).filter(|flight| is_old(flight)).map(|flight| (*id, flight)))
            .find(|(id, flight)| Some(*id) != own && flight.waited_by == 0);
        let Some((oldest, _)) = oldest else { return false };
        self.gave_way += 1;
        let mut open = vec![oldest];
        // Ends: each flight is taken off once.
        while let Some(id) = open.pop() {
            for below in self.remove(id) {
                let needed = self.flights.get(&below).is_some_and(|flight| flight.rank == Rank::Needed);
                if self.is_left(below) && needed {
                    open.push(below);
                }
            }
        }
        true
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        lock(&self.airspace.board).unlink(self.from, self.to);
    }
}

impl<T: Clone + Send + Sync + 'static> Flights<T> {
    /// No flights yet.
    pub fn new(airspace: Arc<Airspace>) -> Self {
        Self { airspace, under_way: Arc::default() }
    }

    /// When the flight for `question` began, if there is one.
    pub fn under_way_since(&self, question: &Question) -> Option<Moment> {
        let id = lock(&self.under_way).get(question)?.id;
        lock(&self.airspace.board).flights.get(&id).map(|flight| flight.began)
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
        let (ticket, mut departure) = match self.place(question, waiter, depth)? {
            Place::Taken(ticket) => return Ok(ticket),
            Place::New(ticket, departure) => (ticket, departure),
        };
        // On the heap from the first: a task's future is moved time and again on its way to its thread.
        let work = Box::pin(begin(departure.id()));
        tokio::spawn(async move {
            let outcome = unless(&mut departure.ended, work).await;
            departure.land(outcome);
        });
        Ok(ticket)
    }

    /// Joins the flight for `question`, or has the caller, who is aboard `waiter`, do its work without a task of its own:
    /// whoever else wants the result meanwhile waits for that.
    pub fn share(&self, question: &Question, waiter: FlightId, depth: usize) -> Result<Place<T>, Failure> {
        self.place(question, Some(waiter), depth)
    }

    fn place(
        &self,
        question: &Question,
        waiter: Option<FlightId>,
        depth: usize,
    ) -> Result<Place<T>, Failure> {
        let mut under_way = lock(&self.under_way);
        let joinable = |flight: &&UnderWay<T>| flight.depth <= depth && self.airspace.is_flying(flight.id);
        if let Some(flight) = under_way.get(question).filter(joinable) {
            // Flights that wait are few enough: a crowd of names that need the same keys is no crowd of clients.
            if waiter.is_none() && Arc::strong_count(&flight.seats) > limits::WAITERS_PER_FLIGHT_MAX {
                return Err(Failure::Busy("too many clients wait for the same question"));
            }
            let seat = waiter.is_none().then(|| Arc::clone(&flight.seats));
            let wait = waiter.map(|from| self.airspace.wait(from, flight.id, question)).transpose()?;
            if waiter.is_none() {
                self.airspace.promote(flight.id);
            }
            let result = flight.result.clone();
            return Ok(Place::Taken(Ticket {
                result,
                question: question.clone(),
                began: false,
                wait,
                _seat: seat,
            }));
        }
        let (id, wait, ended) = self.airspace.take_off(waiter)?;
        let (sender, result) = outcome::channel();
        let seats = Arc::new(());
        let seat = waiter.is_none().then(|| Arc::clone(&seats));
        under_way.insert(question.clone(), UnderWay { id, result: result.clone(), seats, depth });
        drop(under_way);
        let landing = Landing {
            airspace: Arc::clone(&self.airspace),
            under_way: Arc::clone(&self.under_way),
            question: question.clone(),
            id,
        };
        let ticket = Ticket { result, question: question.clone(), began: true, wait, _seat: seat };
        Ok(Place::New(ticket, Departure { end: Some((landing, sender)), id, ended }))
    }
}

impl<T> Departure<T> {
    /// What the flight is to whatever it waits for.
    pub fn id(&self) -> FlightId {
        self.id
    }

    /// Tells the outcome to whoever waits for it.
    pub fn land(mut self, outcome: Result<T, Failure>) {
        self.end(outcome);
    }

    fn end(&mut self, outcome: Result<T, Failure>) {
        if let Some((landing, sender)) = self.end.take() {
            // Off the board first: whoever asks from now on finds the cache filled, or begins anew.
            drop(landing);
            sender.tell(outcome);
        }
    }
}

impl<T> Drop for Departure<T> {
    fn drop(&mut self) {
        // The flight that did the work had to give way. Whose task panics is lost.
        if !std::thread::panicking() {
            self.end(Err(GAVE_WAY));
        }
    }
}

/// The outcome of `work`, unless it has to give way before.
async fn unless<T>(
    ended: &mut oneshot::Receiver<()>,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        biased;
        outcome = work => outcome,
        _ = ended => Err(GAVE_WAY),
    }
}

impl<T: Clone> Ticket<T> {
    /// Waits for the result, no longer than the waiter's own budget lasts: the flight may have begun later.
    pub async fn wait(mut self, clock: &Clock, budget: &Budget) -> Result<T, Failure> {
        let Some(outcome) = clock.before(budget.deadline(), self.result.outcome()).await else {
            return Err(budget.out_of_time().into());
        };
        drop(self.wait.take());
        // The sender is gone without a result only if the task was ended by a panic or by shutdown.
        outcome.unwrap_or(Err(Failure::Lost(self.question)))
    }
}

/// Takes a flight off the board, also when its task panics or is cancelled.
#[derive(Debug)]
struct Landing<T> {
    airspace: Arc<Airspace>,
    under_way: Arc<Mutex<Questions<T>>>,
    question: Question,
    id: FlightId,
}

impl<T> Drop for Landing<T> {
    fn drop(&mut self) {
        let mut under_way = lock(&self.under_way);
        if let Some((question, flight)) = under_way.remove_entry(&self.question)
            && flight.id != self.id
        {
            // One that is less deep has taken its place.
            under_way.insert(question, flight);
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
        // Who has left takes no place.
        drop(tickets);
        assert!(join().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn flights_under_way_are_bounded() {
        let airspace = Arc::new(Airspace::default());
        let (all, _ends): (Vec<_>, Vec<_>) =
            (0..16_384).map(|_| airspace.take_off(None).unwrap()).map(|(id, _, ended)| (id, ended)).unzip();
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

    /// Begins flights that never end, for questions of one name after another.
    fn fill(flights: &Flights<u32>, from: usize, count: usize) -> Vec<Ticket<u32>> {
        let begin =
            |number| flights.join(&question(&format!("n{number}.")), None, 0, |_| std::future::pending());
        (from..from + count).map(|number| begin(number).unwrap()).collect()
    }

    /// Long enough for a flight to give way.
    async fn grow_old() {
        tokio::time::sleep(limits::GIVE_WAY_AFTER).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_question_gives_way_when_all_places_are_taken_and_half_are_kept() {
        let flights = Flights::<u32>::new(Arc::default());
        let kept = fill(&flights, 0, limits::KEPT_QUESTIONS_MAX);
        let mut lax = fill(&flights, kept.len(), limits::FLIGHTS_MAX - kept.len());
        let refused = flights.join(&question("new."), None, 0, |_| async { Ok(1) });
        assert!(matches!(refused, Err(Failure::Busy(_))), "all of them are young");
        grow_old().await;
        let new = flights.join(&question("new."), None, 0, |_| async { Ok(1) }).unwrap();
        assert_eq!(wait(lax.remove(0)).await, Err(GAVE_WAY));
        assert_eq!(wait(new).await, Ok(1));
        assert_eq!(flights.airspace.gave_way(), 1);
        // The place of the new one is free by now; those behind it go one by one, the kept ones never.
        let more = fill(&flights, limits::FLIGHTS_MAX, limits::FLIGHTS_MAX - kept.len());
        assert_eq!(flights.airspace.gave_way(), u64::try_from(lax.len() + 1).unwrap());
        let refused = flights.join(&question("newer."), None, 0, |_| async { Ok(1) });
        assert!(matches!(refused, Err(Failure::Busy(_))), "only kept and young ones are left");
        drop((kept, more));
    }

    #[tokio::test(start_paused = true)]
    async fn what_only_a_question_that_gives_way_waits_for_ends_with_it_and_no_other() {
        let flights = Arc::new(Flights::<u32>::new(Arc::default()));
        let others = fill(&flights, 0, limits::KEPT_QUESTIONS_MAX);
        // Two questions need one lookup; the first of them needs another for itself.
        let needs = |names: &'static [&'static str]| {
            let flights = Arc::clone(&flights);
            move |id| async move {
                let join =
                    |name: &&str| flights.join(&question(name), Some(id), 0, |_| std::future::pending());
                let tickets: Vec<_> = names.iter().map(join).collect();
                for ticket in tickets {
                    wait(ticket?).await?;
                }
                Ok(0)
            }
        };
        let one = flights.join(&question("one."), None, 0, needs(&["shared.", "own."])).unwrap();
        tokio::task::yield_now().await;
        let two = flights.join(&question("two."), None, 0, needs(&["shared."])).unwrap();
        grow_old().await;
        let before = flights.airspace.len();
        let filled = fill(&flights, others.len(), limits::FLIGHTS_MAX - before + 1);
        assert_eq!(wait(one).await, Err(GAVE_WAY));
        assert_eq!(
            flights.airspace.len(),
            limits::FLIGHTS_MAX - 1,
            "the question and its own lookup are gone"
        );
        let begun = |name| flights.join(&question(name), None, 0, |_| std::future::pending()).unwrap().began;
        assert!(!begun("shared.") && !begun("two."));
        assert!(begun("own."));
        drop((two, filled));
    }

    #[tokio::test(start_paused = true)]
    async fn a_lookup_that_a_client_wants_as_well_does_not_end_with_the_question_that_needed_it() {
        let flights = Arc::new(Flights::<u32>::new(Arc::default()));
        let others = fill(&flights, 0, limits::KEPT_QUESTIONS_MAX);
        let inner = Arc::clone(&flights);
        let one = flights.join(&question("one."), None, 0, |id| async move {
            wait(inner.join(&question("lookup."), Some(id), 0, |_| std::future::pending())?).await
        });
        grow_old().await;
        let client = flights.join(&question("lookup."), None, 0, |_| std::future::pending()).unwrap();
        assert!(!client.began);
        let before = flights.airspace.len();
        let filled = fill(&flights, others.len(), limits::FLIGHTS_MAX - before + 1);
        assert_eq!(wait(one.unwrap()).await, Err(GAVE_WAY));
        let joined = flights.join(&question("lookup."), None, 0, |_| std::future::pending()).unwrap();
        assert!(!joined.began, "its client still waits");
        // It is a question like any other now, and the oldest of them.
        let more = fill(&flights, others.len() + filled.len(), 1);
        assert_eq!(wait(client).await, Err(GAVE_WAY));
        drop((joined, more));
    }

    #[tokio::test(start_paused = true)]
    async fn a_flight_that_has_landed_waits_for_none_though_its_wait_is_not_given_up_yet() {
        let airspace = Arc::new(Airspace::default());
        let (from, _, _one) = airspace.take_off(None).unwrap();
        let (to, _, _two) = airspace.take_off(None).unwrap();
        let wait = airspace.wait(from, to, &question("a.")).unwrap();
        let waited_by = || lock(&airspace.board).flights.get(&to).map(|flight| flight.waited_by);
        assert_eq!(waited_by(), Some(1));
        airspace.land(from);
        assert_eq!(waited_by(), Some(0));
        drop(wait);
        assert_eq!(waited_by(), Some(0));
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_flight_does_itself_is_heard_by_all_who_want_the_same() {
        let flights = Flights::<u32>::new(Arc::default());
        let (own, ..) = flights.airspace.take_off(None).unwrap();
        let Place::New(ticket, departure) = flights.share(&question("a."), own, 0).unwrap() else { panic!() };
        assert!(ticket.began);
        let other = flights.join(&question("a."), None, 0, |_| async { Ok(2) }).unwrap();
        let (flight, ..) = flights.airspace.take_off(None).unwrap();
        let Place::Taken(third) = flights.share(&question("a."), flight, 0).unwrap() else { panic!() };
        assert!(!other.began && !third.began);
        departure.land(Ok(1));
        assert_eq!((wait(other).await, wait(third).await, wait(ticket).await), (Ok(1), Ok(1), Ok(1)));
        let next = flights.join(&question("a."), None, 0, |_| async { Ok(2) }).unwrap();
        assert_eq!(wait(next).await, Ok(2), "it is off the board");
    }

    #[tokio::test(start_paused = true)]
    async fn a_circle_by_way_of_what_a_flight_does_itself_is_noticed() {
        let flights = Flights::<u32>::new(Arc::default());
        let (own, ..) = flights.airspace.take_off(None).unwrap();
        let Ok(Place::New(_ticket, departure)) = flights.share(&question("a."), own, 0) else { panic!() };
        let again = flights.share(&question("a."), departure.id(), 1);
        assert!(matches!(again, Err(Failure::Cycle(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_a_flight_whose_doer_gave_way_hears_so() {
        let flights = Flights::<u32>::new(Arc::default());
        let (own, ..) = flights.airspace.take_off(None).unwrap();
        let Ok(Place::New(_ticket, departure)) = flights.share(&question("a."), own, 0) else { panic!() };
        let (waiter, ..) = flights.airspace.take_off(None).unwrap();
        let Ok(Place::Taken(other)) = flights.share(&question("a."), waiter, 0) else { panic!() };
        drop(departure);
        assert_eq!(wait(other).await, Err(GAVE_WAY));
        assert!(!flights.airspace.is_empty());
        flights.airspace.land(own);
        flights.airspace.land(waiter);
        assert!(flights.airspace.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_that_gave_way_begins_no_lookups() {
        let airspace = Arc::new(Airspace::default());
        let (id, _, ended) = airspace.take_off(None).unwrap();
        lock(&airspace.board).remove(id);
        assert!(ended.await.is_err());
        assert!(matches!(airspace.take_off(Some(id)), Err(Failure::Busy(_))));
        assert!(airspace.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_that_another_waits_for_and_the_one_that_needs_room_do_not_give_way() {
        let airspace = Arc::new(Airspace::default());
        let mut ends = Vec::new();
        let mut begin = |waiter| {
            let (id, wait, ended) = airspace.take_off(waiter)?;
            ends.push((wait, ended));
            Ok::<_, Failure>(id)
        };
        for _ in 0..limits::KEPT_QUESTIONS_MAX {
            begin(None).unwrap();
        }
        let (awaited, needy) = (begin(None).unwrap(), begin(None).unwrap());
        let _wait = airspace.wait(needy, awaited, &question("a.")).unwrap();
        while airspace.len() < limits::FLIGHTS_MAX {
            begin(Some(needy)).unwrap();
        }
        grow_old().await;
        assert!(matches!(begin(Some(needy)), Err(Failure::Busy(_))), "nothing gives way to its own lookup");
        assert!(begin(None).is_ok(), "to another's question it does");
        assert!(airspace.is_flying(awaited) && !airspace.is_flying(needy));
    }
}
