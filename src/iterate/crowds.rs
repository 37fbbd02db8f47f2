//! How much a zone may be troubled from which no answer comes: random names below a dead zone are no way to flood its
//! servers, nor to fill this host with questions that wait for them (water torture).
//!
//! In: each query that is to be sent for a zone, and whether anything came back. Out: a turn to send it, at once, or as
//! soon as the zone has answered another, or none at all. A zone that answers is not held up, however much it is asked,
//! but for [`limits::ZONE_QUERIES_MAX`] at a time. One that has not answered lately is sent
//! [`limits::ZONE_BURST`] queries and [`limits::UNANSWERED_QPS`] a second; further ones wait for the first answer. Where
//! the last that was heard of it is silence they do not wait, unless nobody could be heard then.
//!
//! The zone is that of the cut, not its servers: a zone that names another's servers keeps nobody from them. Types that
//! some servers pass over in silence have a lane of their own, so that a flood of them keeps nobody from the rest.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::cache::uplink::Uplink;
use crate::clock::{Clock, Moment};
use crate::dns::{Name, RecordType};
use crate::limits;

/// The time that one query of a zone without answers takes up.
const INTERVAL: Duration = Duration::from_micros(1_000_000 / limits::UNANSWERED_QPS);
/// How far ahead of that pace a zone may be.
const AHEAD: Duration = Duration::from_micros(1_000_000 / limits::UNANSWERED_QPS * limits::ZONE_BURST);

/// What every server answers, or says that there is none.
const EVERYBODY_KNOWS: [RecordType; 11] = [
    RecordType::A,
    RecordType::NS,
    RecordType::CNAME,
    RecordType::SOA,
    RecordType::PTR,
    RecordType::MX,
    RecordType::TXT,
    RecordType::AAAA,
    RecordType::SRV,
    RecordType::DS,
    RecordType::DNSKEY,
];

/// The zones that are asked.
#[derive(Debug, Default)]
pub(super) struct Crowds {
    zones: Mutex<Zones>,
}

#[derive(Debug, Default)]
struct Zones {
    /// Held by the questions that are at them, too.
    by_name: HashMap<Name, Arc<Mutex<Zone>>>,
    /// With so many zones, those that nobody is at are forgotten.
    tidy_at: usize,
}

#[derive(Debug, Default)]
struct Zone {
    /// Questions that wait for their turn.
    waiting: usize,
    /// Queries sent that nothing has come of yet.
    out: usize,
    known: Lane,
    odd: Lane,
    changed: Arc<Notify>,
}

/// Queries of a zone that are likely to be answered alike.
#[derive(Debug, Default)]
struct Lane {
    /// When all that was sent without an answer is paid for, at [`limits::UNANSWERED_QPS`].
    due: Moment,
    /// What was heard last, and when.
    news: Option<(Moment, News)>,
}

/// What was heard of a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum News {
    /// An answer, whatever it said.
    Answer,
    /// A query was left without one, and none has come since it was sent.
    Silence,
}

/// Why a query is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// The zone does not answer, and others find out whether it still does not.
    Silent,
    /// Too many questions are at the zone.
    Crowded,
}

/// Whether a query may be sent.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Go,
    Wait,
    No,
}

/// A question's stay at a zone.
#[derive(Debug)]
pub(super) struct Stay<'a> {
    clock: &'a Clock,
    uplink: &'a Uplink,
    zone: Arc<Mutex<Zone>>,
}

/// A query for a zone. Dropped when the question is given up.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    stay: &'a Stay<'a>,
    rtype: RecordType,
    began: Moment,
}

/// A question that waits for its turn.
struct Waiting<'a>(&'a Stay<'a>);

impl Crowds {
    /// A question comes to a zone.
    pub(super) fn join<'a>(&self, zone: &Name, clock: &'a Clock, uplink: &'a Uplink) -> Stay<'a> {
        let mut zones = self.zones();
        if zones.by_name.len() >= zones.tidy_at {
            let now = clock.now();
            zones.by_name.retain(|_, zone| Arc::strong_count(zone) > 1 || lock(zone).due() > now);
            zones.tidy_at = zones.by_name.len().saturating_mul(2).max(limits::ZONES_WATCHED_MIN);
        }
        let found = zones.by_name.get(zone).map(Arc::clone);
        let zone = found.unwrap_or_else(|| Arc::clone(zones.by_name.entry(zone.clone()).or_default()));
        Stay { clock, uplink, zone }
    }

    fn zones(&self) -> MutexGuard<'_, Zones> {
        lock(&self.zones)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Zone {
    /// When all that was sent to it without an answer is paid for.
    fn due(&self) -> Moment {
        self.known.due.max(self.odd.due)
    }

    /// The types that every server answers, the rest apart: HTTPS and types without a name are dropped by some.
    fn lane(&mut self, rtype: RecordType) -> &mut Lane {
        if EVERYBODY_KNOWS.contains(&rtype) { &mut self.known } else { &mut self.odd }
    }

    /// Something is heard. Those who wait learn of it if it changes anything.
    fn hear(&mut self, rtype: RecordType, news: News, now: Moment) {
        let lane = self.lane(rtype);
        let changes = lane.news(now) != Some(news) || news == News::Silence;
        lane.news = Some((now, news));
        if changes {
            self.changed.notify_waiters();
        }
    }

    fn judge(&mut self, rtype: RecordType, now: Moment, uplink: &Uplink) -> Verdict {
        if self.out >= limits::ZONE_QUERIES_MAX {
            return Verdict::Wait;
        }
        let verdict = self.lane(rtype).judge(now, uplink);
        self.out = self.out.saturating_add(usize::from(verdict == Verdict::Go));
        verdict
    }
}

impl Lane {
    /// What was heard of it lately.
    fn news(&self, now: Moment) -> Option<News> {
        self.news.filter(|(at, _)| now.since(*at) < limits::ZONE_NEWS_HOLD).map(|(_, news)| news)
    }

    fn judge(&mut self, now: Moment, uplink: &Uplink) -> Verdict {
        let heard = |news: &News| *news == News::Answer || !self.news.is_some_and(|(at, _)| uplink.voids(at));
        let news = self.news(now).filter(heard);
        if news != Some(News::Answer) {
            let due = self.due.max(now);
            if due.since(now) >= AHEAD {
                return if news.is_some() { Verdict::No } else { Verdict::Wait };
            }
            self.due = due.after(INTERVAL);
        }
        Verdict::Go
    }
}

impl Stay<'_> {
    /// A turn to send a query for that type, waited for until `deadline` and no longer than [`limits::ZONE_PATIENCE`].
    pub(super) async fn turn(&self, rtype: RecordType, deadline: Moment) -> Result<Turn<'_>, Refused> {
        let began = self.clock.now();
        match self.with(|zone| zone.judge(rtype, began, self.uplink)) {
            Verdict::Go => return Ok(Turn { stay: self, rtype, began }),
            Verdict::No => return Err(Refused::Silent),
            Verdict::Wait => {}
        }
        Box::pin(self.turn_later(rtype, began.after(limits::ZONE_PATIENCE).min(deadline))).await
    }

    async fn turn_later(&self, rtype: RecordType, patience: Moment) -> Result<Turn<'_>, Refused> {
        let mut waiting = None;
        // Ends: each round waits, and all of them together not beyond `patience`.
        loop {
            let now = self.clock.now();
            let changed = self.with(|zone| Arc::clone(&zone.changed));
            let mut change = std::pin::pin!(changed.notified());
            // From here on no change is missed.
            change.as_mut().enable();
            match self.with(|zone| zone.judge(rtype, now, self.uplink)) {
                Verdict::Go => return Ok(Turn { stay: self, rtype, began: now }),
                Verdict::No => return Err(Refused::Silent),
                Verdict::Wait => {}
            }
            if waiting.is_none() {
                waiting = Some(self.wait().ok_or(Refused::Crowded)?);
            }
            self.clock.before(patience, change).await.ok_or(Refused::Crowded)?;
        }
    }

    fn wait(&self) -> Option<Waiting<'_>> {
        self.with(|zone| {
            let room = zone.waiting < limits::ZONE_WAITERS_MAX;
            zone.waiting = zone.waiting.saturating_add(usize::from(room));
            room
        })
        .then_some(Waiting(self))
    }

    fn with<T>(&self, change: impl FnOnce(&mut Zone) -> T) -> T {
        change(&mut lock(&self.zone))
    }
}

impl Turn<'_> {
    /// Something came back, whatever it was.
    pub(super) fn answered(self) {
        let now = self.stay.clock.now();
        self.stay.with(|zone| zone.hear(self.rtype, News::Answer, now));
    }

    /// Nothing came back. Where something did for a query sent later, it was lost on the way.
    pub(super) fn unanswered(self) {
        let now = self.stay.clock.now();
        self.stay.with(|zone| {
            let news = zone.lane(self.rtype).news;
            let answered = news.is_some_and(|(at, news)| news == News::Answer && at >= self.began);
            if !answered {
                zone.hear(self.rtype, News::Silence, now);
            }
        });
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.stay.with(|zone| {
            zone.out = zone.out.saturating_sub(1);
            if zone.waiting > 0 {
                zone.changed.notify_one();
            }
        });
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.with(|zone| zone.waiting = zone.waiting.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iterate::testing::name;

    /// How many of `count` queries are sent at once; they stay on their way.
    fn sent_at_once<'a>(stay: &'a Stay<'a>, count: usize) -> Vec<Turn<'a>> {
        let judged =
            || stay.with(|zone| zone.judge(RecordType::A, stay.clock.now(), stay.uplink) == Verdict::Go);
        let turns = (0..count).filter(|_| judged());
        turns.map(|_| Turn { stay, rtype: RecordType::A, began: stay.clock.now() }).collect()
    }

    async fn pass(milliseconds: u64) {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_zone_without_answers_is_sent_a_burst_and_then_a_hundred_a_second() {
        let (crowds, clock, uplink) = (Crowds::default(), Clock::simulated(0), Uplink::default());
        let (zone, other) =
            (crowds.join(&name("dead."), &clock, &uplink), crowds.join(&name("other."), &clock, &uplink));
        let mut turns = sent_at_once(&zone, 1_000);
        assert_eq!(turns.len(), 64);
        assert_eq!(sent_at_once(&other, 1_000).len(), 64, "it is nobody else's burst");
        pass(376).await;
        turns.remove(0).unanswered();
        for _ in 0..10 {
            pass(100).await;
            let more = sent_at_once(&zone, 1_000).len();
            assert!((10..=48).contains(&more), "{more}");
        }
        assert_eq!(
            zone.turn(RecordType::A, Moment(u64::MAX)).await.err(),
            Some(Refused::Silent),
            "nobody waits for a silent zone"
        );
        assert_eq!(clock.now(), Moment(1_376_000));
    }

    #[tokio::test(start_paused = true)]
    async fn a_zone_that_answers_is_asked_as_much_as_there_is_to_ask_and_no_more_at_a_time_than_a_thousand() {
        let (crowds, clock, uplink) = (Crowds::default(), Clock::simulated(0), Uplink::default());
        let zone = crowds.join(&name("live."), &clock, &uplink);
        zone.turn(RecordType::A, Moment(u64::MAX)).await.unwrap().answered();
        // A lost query or two change nothing while others are answered.
        let lost = zone.turn(RecordType::A, Moment(u64::MAX)).await.unwrap();
        pass(50).await;
        zone.turn(RecordType::A, Moment(u64::MAX)).await.unwrap().answered();
        lost.unanswered();
        let turns = sent_at_once(&zone, 5_000);
        assert_eq!(turns.len(), 1_000);
        let waits = zone.turn(RecordType::A, Moment(u64::MAX));
        let frees = async {
            pass(100).await;
            drop(turns);
        };
        let (turn, ()) = tokio::join!(waits, frees);
        assert!(turn.is_ok() && clock.now() < Moment(200_000));
    }

    /// How many of a crowd that comes at once get a turn.
    async fn crowd(
        crowds: &Arc<Crowds>,
        clock: &Clock,
        zone: &'static str,
        count: usize,
        answers: bool,
    ) -> usize {
        let mut crowd = tokio::task::JoinSet::new();
        for _ in 0..count {
            let (crowds, clock) = (Arc::clone(crowds), clock.clone());
            crowd.spawn(async move {
                let uplink = Uplink::default();
                let stay = crowds.join(&name(zone), &clock, &uplink);
                let Ok(turn) = stay.turn(RecordType::A, Moment(u64::MAX)).await else { return false };
                pass(if answers { 30 } else { 376 }).await;
                if answers {
                    turn.answered();
                } else {
                    turn.unanswered();
                }
                true
            });
        }
        crowd.join_all().await.into_iter().filter(|had_a_turn| *had_a_turn).count()
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_at_a_new_zone_waits_for_its_first_answer_or_silence() {
        let (crowds, clock) = (Arc::new(Crowds::default()), Clock::simulated(0));
        assert_eq!(crowd(&crowds, &clock, "live.", 1_000, true).await, 1_000);
        assert!(clock.now() < Moment(70_000), "one round trip and another: {:?}", clock.now());
        let dead = crowd(&crowds, &clock, "dead.", 1_000, false).await;
        assert!((64..=64 + 38).contains(&dead), "{dead}");
        assert!(clock.now() < Moment(70_000 + 2 * 377_000), "{:?}", clock.now());
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_for_a_zone_ends_after_a_second_whatever_becomes_of_its_queries() {
        let (crowds, clock, uplink) = (Crowds::default(), Clock::simulated(0), Uplink::default());
        let zone = crowds.join(&name("slow."), &clock, &uplink);
        let turns = sent_at_once(&zone, 64);
        assert_eq!(turns.len(), 64);
        assert_eq!(zone.turn(RecordType::A, Moment(u64::MAX)).await.err(), Some(Refused::Crowded));
        assert_eq!(clock.now(), Moment(1_000_000));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_heard_of_a_zone_some_time_ago_says_nothing_of_it_now() {
        let (crowds, clock, uplink) = (Arc::new(Crowds::default()), Clock::simulated(0), Uplink::default());
        let zone = crowds.join(&name("zone."), &clock, &uplink);
        zone.turn(RecordType::A, Moment(u64::MAX)).await.unwrap().answered();
        pass(10_000).await;
        assert_eq!(sent_at_once(&zone, 1_000).len(), 64, "it may have died meanwhile");
        zone.turn(RecordType::A, Moment(u64::MAX)).await.err();
        pass(1_000).await;
        zone.turn(RecordType::A, Moment(u64::MAX)).await.unwrap().unanswered();
        pass(10_000).await;
        assert_eq!(crowd(&crowds, &clock, "zone.", 1_000, true).await, 1_000, "it may be back");
    }

    #[tokio::test(start_paused = true)]
    async fn zones_that_nobody_is_at_are_forgotten_when_there_are_many() {
        let (crowds, clock, uplink) = (Crowds::default(), Clock::simulated(0), Uplink::default());
        let kept = crowds.join(&name("kept."), &clock, &uplink);
        kept.turn(RecordType::A, Moment(u64::MAX)).await.unwrap().answered();
        for turn in 0..10_000 {
            drop(crowds.join(&name(&format!("z{turn}.")), &clock, &uplink));
        }
        assert!(crowds.zones().by_name.len() <= limits::ZONES_WATCHED_MIN);
        assert!(kept.with(|zone| zone.known.news.is_some()));
    }
}
