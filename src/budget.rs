//! One budget per client question, never reset.
//!
//! Whatever is done for the question, however deep, charges the same [`Budget`] before it is done. Most
//! amplification holes of the last ten years were a reset or an uncharged path (CVE-2026-50045).
//!
//! A limit that is reached counts once per question in [`LimitHits`], which all budgets of a process share, and is
//! told as [`Event::LimitReached`]. A limit in shadow ([`Caps::in_shadow`]) is counted and told likewise; the work goes
//! on, to [`limits::SHADOW_STOP_FACTOR`] times the cap.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::clock::Moment;
use crate::dns::Question;
use crate::event::{Event, Observer};
use crate::limits::{self, Limit, Reached};

/// A budget of which less time is gone is whole: the process may be busy.
const WHOLE: std::time::Duration = std::time::Duration::from_secs(1);

/// How much of each [`Limit`] one question may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caps {
    caps: [u32; Limit::COUNT],
    shadow: [bool; Limit::COUNT],
}

impl Default for Caps {
    fn default() -> Self {
        Self { caps: Limit::ALL.map(Limit::default_cap), shadow: [false; Limit::COUNT] }
    }
}

impl Caps {
    /// The cap of a limit.
    pub fn get(&self, limit: Limit) -> u32 {
        self.caps.get(limit.index()).copied().unwrap_or(0)
    }

    /// Whether a limit is only counted.
    pub fn is_shadow(&self, limit: Limit) -> bool {
        self.shadow.get(limit.index()).copied().unwrap_or(false)
    }

    /// The same with another cap for one limit.
    #[must_use]
    pub fn with(mut self, limit: Limit, cap: u32) -> Self {
        if let Some(slot) = self.caps.get_mut(limit.index()) {
            *slot = cap;
        }
        self
    }

    /// The same with one limit only counted.
    #[must_use]
    pub fn in_shadow(mut self, limit: Limit) -> Self {
        if let Some(slot) = self.shadow.get_mut(limit.index()) {
            *slot = true;
        }
        self
    }

    /// What ends a question: the cap, or far above it in shadow.
    fn stop(&self, limit: Limit) -> u32 {
        let cap = self.get(limit);
        if self.is_shadow(limit) { cap.saturating_mul(limits::SHADOW_STOP_FACTOR) } else { cap }
    }
}

/// How many questions reached each limit since the process began (`rootwalk_limit_hits_total{limit}`).
#[derive(Debug, Default)]
pub struct LimitHits([AtomicU64; Limit::COUNT]);

impl LimitHits {
    /// How many questions reached a limit.
    pub fn get(&self, limit: Limit) -> u64 {
        self.0.get(limit.index()).map_or(0, |hits| hits.load(Ordering::Relaxed))
    }

    /// The same for all of them.
    pub fn all(&self) -> impl Iterator<Item = (Limit, u64)> + '_ {
        Limit::ALL.into_iter().map(|limit| (limit, self.get(limit)))
    }

    fn count(&self, limit: Limit) {
        if let Some(hits) = self.0.get(limit.index()) {
            hits.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// What one client question has used and may still use. Shared by all tasks that work for it.
pub struct Budget {
    caps: Caps,
    spent: [AtomicU32; Limit::COUNT],
    /// A bit for each limit that was reached.
    reached: AtomicU32,
    /// Asked already; no more than [`Limit::Addresses`] allows.
    addresses: Mutex<Vec<IpAddr>>,
    start: Moment,
    question: OnceLock<Question>,
    /// Who hears of limits that are reached; none: nobody.
    heard_by: Option<(Arc<LimitHits>, Arc<dyn Observer>)>,
}

impl Budget {
    /// A fresh budget for a question that came at `start`; nobody hears of the limits it reaches.
    pub fn new(caps: Caps, start: Moment) -> Self {
        Self {
            caps,
            spent: Default::default(),
            reached: AtomicU32::new(0),
            addresses: Mutex::default(),
            start,
            question: OnceLock::new(),
            heard_by: None,
        }
    }

    /// The same, whose limits are counted in `hits` and told to `observer` when they are reached.
    #[must_use]
    pub fn heard_by(self, hits: Arc<LimitHits>, observer: Arc<dyn Observer>) -> Self {
        Self { heard_by: Some((hits, observer)), ..self }
    }

    /// Names the client's question, for what is told. The first call counts.
    pub fn serves(&self, question: &Question) {
        self.question.get_or_init(|| question.clone());
    }

    /// Charges `amount`, before the work is done. What was charged stays charged.
    ///
    /// # Errors
    /// The limit, once its cap is passed.
    pub fn spend(&self, limit: Limit, amount: u32) -> Result<(), Reached> {
        let before = self.slot(limit).map_or(0, |spent| spent.fetch_add(amount, Ordering::Relaxed));
        self.judge(limit, before.saturating_add(amount))
    }

    /// Charges a limit on a level to be reached, rather than on a sum.
    ///
    /// # Errors
    /// The limit, if the level is above its cap.
    pub fn reach(&self, limit: Limit, level: u32) -> Result<(), Reached> {
        if let Some(spent) = self.slot(limit) {
            spent.fetch_max(level, Ordering::Relaxed);
        }
        self.judge(limit, level)
    }

    /// Charges [`Limit::Addresses`] for a server that is asked the first time.
    ///
    /// # Errors
    /// The limit, once its cap is passed.
    pub fn ask(&self, server: IpAddr) -> Result<(), Reached> {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if addresses.contains(&server) {
            return Ok(());
        }
        self.spend(Limit::Addresses, 1)?;
        addresses.push(server);
        Ok(())
    }

    /// How much of a limit was charged.
    pub fn spent(&self, limit: Limit) -> u32 {
        self.slot(limit).map_or(0, |spent| spent.load(Ordering::Relaxed))
    }

    /// How much of a limit may be charged.
    pub fn cap(&self, limit: Limit) -> u32 {
        self.caps.get(limit)
    }

    /// At how much the question ends: the cap, or far above it in shadow.
    pub fn stop(&self, limit: Limit) -> u32 {
        self.caps.stop(limit)
    }

    /// How much of a limit is left.
    pub fn left(&self, limit: Limit) -> u32 {
        self.cap(limit).saturating_sub(self.spent(limit))
    }

    /// Whether nothing was used yet but restarts. What fails now on a budget that is not whole may fail by what was
    /// done before, for other names.
    pub fn is_whole(&self, now: Moment) -> bool {
        let untouched = |limit: &Limit| *limit == Limit::Restarts || self.spent(*limit) == 0;
        Limit::ALL.iter().all(untouched) && now.since(self.start) < WHOLE
    }

    /// When the question came.
    pub fn start(&self) -> Moment {
        self.start
    }

    /// When all work for the question has to end.
    pub fn deadline(&self) -> Moment {
        let stop = self.caps.stop(Limit::Milliseconds);
        self.start.after(std::time::Duration::from_millis(u64::from(stop)))
    }

    /// Fails once the deadline has passed.
    ///
    /// # Errors
    /// [`Limit::Milliseconds`].
    pub fn check_time(&self, now: Moment) -> Result<(), Reached> {
        let gone = u32::try_from(now.since(self.start).as_millis()).unwrap_or(u32::MAX);
        // A full measure of time is used up; of all else it may be used.
        self.judge(Limit::Milliseconds, gone.saturating_add(1))
    }

    /// The time is up: somebody waited until the deadline.
    pub fn out_of_time(&self) -> Reached {
        self.out_of(Limit::Milliseconds)
    }

    /// A limit was found to be reached in another way than by charging it.
    pub fn out_of(&self, limit: Limit) -> Reached {
        self.tell(limit);
        Reached { limit, cap: self.caps.stop(limit) }
    }

    fn slot(&self, limit: Limit) -> Option<&AtomicU32> {
        self.spent.get(limit.index())
    }

    fn judge(&self, limit: Limit, spent: u32) -> Result<(), Reached> {
        if spent <= self.caps.get(limit) {
            return Ok(());
        }
        self.tell(limit);
        let cap = self.caps.stop(limit);
        if spent > cap { Err(Reached { limit, cap }) } else { Ok(()) }
    }

    /// Counts and tells, the first time.
    fn tell(&self, limit: Limit) {
        let bit = 1_u32.checked_shl(u32::try_from(limit.index()).unwrap_or(0)).unwrap_or(0);
        if self.reached.fetch_or(bit, Ordering::Relaxed) & bit != 0 {
            return;
        }
        let Some((hits, observer)) = &self.heard_by else { return };
        hits.count(limit);
        observer.on(&Event::LimitReached {
            question: self.question.get(),
            reached: Reached { limit, cap: self.caps.get(limit) },
            shadow: self.caps.is_shadow(limit),
        });
    }
}

impl std::fmt::Debug for Budget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Budget")
            .field("spent", &self.spent)
            .field("start", &self.start)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Silent;

    #[derive(Default)]
    struct Ear(Mutex<Vec<(Reached, bool)>>);

    impl Observer for Ear {
        fn on(&self, event: &Event<'_>) {
            if let Event::LimitReached { reached, shadow, .. } = event {
                self.0.lock().unwrap().push((*reached, *shadow));
            }
        }
    }

    fn reached(limit: Limit, cap: u32) -> Reached {
        Reached { limit, cap }
    }

    #[test]
    fn a_budget_stops_at_its_cap_and_stays_stopped() {
        let budget = Budget::new(Caps::default().with(Limit::Packets, 3), Moment(0));
        assert!((0..3).all(|_| budget.spend(Limit::Packets, 1).is_ok()));
        assert_eq!(budget.spend(Limit::Packets, 1), Err(reached(Limit::Packets, 3)));
        assert_eq!(budget.left(Limit::Packets), 0);
        assert!(budget.spend(Limit::Restarts, 1).is_ok());
    }

    #[test]
    fn a_budget_is_whole_until_something_is_used_or_time_passes() {
        let budget = Budget::new(Caps::default(), Moment(5));
        budget.spend(Limit::Restarts, 1).unwrap();
        assert!(budget.is_whole(Moment(1_000_004)) && !budget.is_whole(Moment(1_000_005)));
        budget.spend(Limit::Packets, 1).unwrap();
        assert!(!budget.is_whole(Moment(6)));
    }

    #[test]
    fn time_runs_out() {
        let budget = Budget::new(Caps::default(), Moment(5));
        assert!(budget.check_time(Moment(10_000_004)).is_ok());
        assert!(budget.check_time(Moment(10_000_005)).is_err());
        assert_eq!(budget.deadline(), Moment(10_000_005));
    }

    #[test]
    fn a_level_is_reached_and_no_sum() {
        let budget = Budget::new(Caps::default(), Moment(0));
        assert!([5, 3, 5, 5].into_iter().all(|level| budget.reach(Limit::LookupLevels, level).is_ok()));
        assert_eq!(budget.reach(Limit::LookupLevels, 6), Err(reached(Limit::LookupLevels, 5)));
        assert!(budget.reach(Limit::LookupLevels, 2).is_ok(), "too deep in one place is no harm to others");
    }

    #[test]
    fn an_address_counts_once_however_often_it_is_asked() {
        let budget = Budget::new(Caps::default().with(Limit::Addresses, 2), Moment(0));
        let ask = |last: u8| budget.ask(IpAddr::from([192, 0, 2, last])).is_ok();
        assert_eq!([1, 2, 1, 2, 3, 1].map(ask), [true, true, true, true, false, true]);
        assert_eq!(budget.spent(Limit::Addresses), 3);
    }

    #[test]
    fn a_limit_in_shadow_is_counted_and_told_once_and_stops_at_ten_times_its_cap() {
        for limit in Limit::ALL.into_iter().filter(|limit| *limit != Limit::Milliseconds) {
            for shadow in [false, true] {
                let caps = Caps::default().with(limit, 3);
                let caps = if shadow { caps.in_shadow(limit) } else { caps };
                let (hits, ear) = (Arc::new(LimitHits::default()), Arc::new(Ear::default()));
                let observer: Arc<dyn Observer> = ear.clone();
                let budget = Budget::new(caps, Moment(0)).heard_by(Arc::clone(&hits), observer);
                let spent = (0..99).take_while(|_| budget.spend(limit, 1).is_ok()).count();
                assert_eq!(spent, if shadow { 30 } else { 3 }, "{limit}");
                assert_eq!(hits.all().filter(|(_, count)| *count > 0).collect::<Vec<_>>(), [(limit, 1)]);
                assert_eq!(*ear.0.lock().unwrap(), [(reached(limit, 3), shadow)]);
            }
        }
    }

    #[test]
    fn time_in_shadow_is_counted_at_its_cap_and_up_at_ten_times_that() {
        let hits = Arc::new(LimitHits::default());
        let budget = Budget::new(Caps::default().in_shadow(Limit::Milliseconds), Moment(0))
            .heard_by(Arc::clone(&hits), Arc::new(Silent));
        assert!(budget.check_time(Moment(9_999_999)).is_ok());
        assert_eq!(hits.get(Limit::Milliseconds), 0);
        assert!(budget.check_time(Moment(99_999_999)).is_ok());
        assert_eq!(hits.get(Limit::Milliseconds), 1);
        assert_eq!(budget.check_time(Moment(100_000_000)), Err(reached(Limit::Milliseconds, 100_000)));
        assert_eq!((budget.deadline(), hits.get(Limit::Milliseconds)), (Moment(100_000_000), 1));
    }

    #[test]
    fn every_default_is_within_its_range_and_the_words_differ() {
        for limit in Limit::ALL {
            assert!(limit.range().contains(&limit.default_cap()), "{limit}");
            assert_eq!(Limit::ALL.iter().filter(|other| other.word() == limit.word()).count(), 1);
            assert_eq!(Limit::ALL[limit.index()], limit);
        }
    }
}
