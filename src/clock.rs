//! Time, the only place that asks for it. Under a paused tokio clock all of Rootwalk's time is virtual.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// A moment: microseconds since its clock was made. Monotonic; compared only with moments of the same clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(pub u64);

impl Moment {
    /// The time from `earlier` to this moment; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// The moment after `duration`.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)))
    }

    /// The moment so many seconds later.
    #[must_use]
    pub fn after_secs(self, seconds: u32) -> Self {
        self.after(Duration::from_secs(u64::from(seconds)))
    }

    /// Whole seconds since the clock was made.
    pub fn secs(self) -> u64 {
        self.0 / 1_000_000
    }
}

/// A source of monotonic time and of the date.
#[derive(Debug, Clone)]
pub struct Clock {
    start: Instant,
    date: Date,
}

#[derive(Debug, Clone, Copy)]
enum Date {
    /// The machine's.
    System,
    /// Stands still: `[dnssec] override-date`.
    Fixed(u64),
    /// So many seconds since 1970 when the clock was made, running with the monotonic time.
    Running(u64),
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self { start: start(), date: Date::System }
    }

    /// A clock whose date stands still at `unix` seconds since 1970.
    pub fn with_fixed_date(unix: u64) -> Self {
        Self { start: start(), date: Date::Fixed(unix) }
    }

    /// A clock whose date is `unix` now and runs with tokio's time, which may be paused and virtual.
    pub fn simulated(unix: u64) -> Self {
        Self { start: start(), date: Date::Running(unix) }
    }

    /// The present moment.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks for the time")]
    pub fn now(&self) -> Moment {
        let elapsed = Instant::now().saturating_duration_since(self.start);
        Moment(u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX))
    }

    /// Waits until `moment`.
    pub async fn sleep_until(&self, moment: Moment) {
        tokio::time::sleep_until(self.instant(moment)).await;
    }

    /// The output of `work`, or none if `moment` comes first.
    pub async fn before<F: Future>(&self, moment: Moment, work: F) -> Option<F::Output> {
        tokio::time::timeout_at(self.instant(moment), work).await.ok()
    }

    fn instant(&self, moment: Moment) -> Instant {
        self.start + Duration::from_micros(moment.0)
    }

    /// Seconds since 1970.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks for the date")]
    pub fn unix(&self) -> u64 {
        match self.date {
            Date::System => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
            Date::Fixed(unix) => unix,
            Date::Running(unix) => unix.saturating_add(self.now().secs()),
        }
    }
}

/// Seconds since 1970 as year, month, day, hour, minute and second (the proleptic Gregorian calendar).
pub fn calendar(unix: u64) -> [u64; 6] {
    let (days, seconds) = (unix / 86_400, unix % 86_400);
    // Days are counted from 0000-03-01, so that the leap day is the last of its year, in eras of 400 years.
    let shifted = days.saturating_add(719_468);
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era.saturating_mul(400).saturating_add(year + carry);
    [year, month, day_of_month, seconds / 3_600, seconds / 60 % 60, seconds % 60]
}

/// `2026-12-01 00:00:00 UTC` of seconds since 1970.
pub fn date(unix: u64) -> String {
    let [year, month, day, hour, minute, second] = calendar(unix);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that asks for the time")]
fn start() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (unix, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_767_225_599, "2025-12-31 23:59:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
        ] {
            assert_eq!(date(unix), text);
        }
    }
}
