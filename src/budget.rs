//! One budget per client question, never reset.
//!
//! Whatever is done for the question, however deep, charges the same [`Budget`] before it is done. Most
//! amplification holes of the last ten years were a reset or an uncharged path (CVE-2026-50045).

use std::sync::atomic::{AtomicU32, Ordering};

use crate::clock::Moment;
use crate::failure::Failure;
use crate::limits::Limit;

/// A budget of which less time is gone is whole: the process may be busy.
const WHOLE: std::time::Duration = std::time::Duration::from_secs(1);

/// How much of each [`Limit`] one question may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caps([u32; Limit::COUNT]);

impl Default for Caps {
    fn default() -> Self {
        Self(Limit::ALL.map(Limit::default_cap))
    }
}

impl Caps {
    /// The cap of a limit.
    pub fn get(&self, limit: Limit) -> u32 {
        self.0.get(limit.index()).copied().unwrap_or(0)
    }

    /// The same with another cap for one limit.
    #[must_use]
    pub fn with(mut self, limit: Limit, cap: u32) -> Self {
        if let Some(slot) = self.0.get_mut(limit.index()) {
            *slot = cap;
        }
        self
    }
}

/// What one client question has used and may still use. Shared by all tasks that work for it.
#[derive(Debug)]
pub struct Budget {
    caps: Caps,
    spent: [AtomicU32; Limit::COUNT],
    start: Moment,
}

impl Budget {
    /// A fresh budget for a question that came at `start`.
    pub fn new(caps: Caps, start: Moment) -> Self {
        Self { caps, spent: Default::default(), start }
    }

    /// Charges `amount`, before the work is done. Fails when the cap is passed; what was charged stays charged.
    pub fn spend(&self, limit: Limit, amount: u32) -> Result<(), Failure> {
        let Some(spent) = self.spent.get(limit.index()) else { return Ok(()) };
        let before = spent.fetch_add(amount, Ordering::Relaxed);
        if before.saturating_add(amount) > self.caps.get(limit) { Err(Failure::Limit(limit)) } else { Ok(()) }
    }

    /// How much of a limit was charged.
    pub fn spent(&self, limit: Limit) -> u32 {
        self.spent.get(limit.index()).map_or(0, |spent| spent.load(Ordering::Relaxed))
    }

    /// How much of a limit is left.
    pub fn left(&self, limit: Limit) -> u32 {
        self.caps.get(limit).saturating_sub(self.spent(limit))
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
        self.start.after(std::time::Duration::from_millis(u64::from(self.caps.get(Limit::Milliseconds))))
    }

    /// Fails once the deadline has passed.
    pub fn check_time(&self, now: Moment) -> Result<(), Failure> {
        if now >= self.deadline() { Err(Failure::Limit(Limit::Milliseconds)) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_stops_at_its_cap_and_stays_stopped() {
        let budget = Budget::new(Caps::default().with(Limit::Packets, 3), Moment(0));
        assert!((0..3).all(|_| budget.spend(Limit::Packets, 1).is_ok()));
        assert_eq!(budget.spend(Limit::Packets, 1), Err(Failure::Limit(Limit::Packets)));
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
    }
}
