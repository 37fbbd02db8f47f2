//! Sizes and durations as people write them: a number and a unit, without a blank: `256MiB`, `1800ms`, `1d`.
//! Dates as RFC 3339 writes them.

use std::time::Duration;

use toml::value::{Datetime, Offset};

/// Text that is not a size or not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum UnitError {
    #[error("'{0}' is not a size: write a whole number and B, KiB, MiB or GiB, such as \"256MiB\"")]
    Size(String),
    #[error("'{0}' is not a duration: write a whole number and ms, s, m, h or d, such as \"30s\"")]
    Duration(String),
    #[error("'{0}' is more than can be counted: write a smaller number")]
    TooMuch(String),
}

/// Octets.
pub(super) fn size(text: &str) -> Result<u64, UnitError> {
    let octets_per_unit = |unit: &str| match unit {
        "B" => Some(1_u64),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    };
    amount(text, octets_per_unit, UnitError::Size)
}

/// A duration, to the millisecond.
pub(super) fn duration(text: &str) -> Result<Duration, UnitError> {
    let ms_per_unit = |unit: &str| match unit {
        "ms" => Some(1_u64),
        "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        "d" => Some(86_400_000),
        _ => None,
    };
    amount(text, ms_per_unit, UnitError::Duration).map(Duration::from_millis)
}

fn amount(
    text: &str,
    per_unit: impl FnOnce(&str) -> Option<u64>,
    error: impl FnOnce(String) -> UnitError,
) -> Result<u64, UnitError> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits).unwrap_or((text, ""));
    match (number.is_empty(), per_unit(unit)) {
        (false, Some(per_unit)) => {
            let amount = number.parse::<u64>().ok().and_then(|number| number.checked_mul(per_unit));
            amount.ok_or_else(|| UnitError::TooMuch(text.to_owned()))
        }
        _ => Err(error(text.to_owned())),
    }
}

/// Seconds since 1970 of a date with time and offset (RFC 3339); none before 1970, or if a part is missing.
pub(super) fn unix_seconds(date: &Datetime) -> Option<u64> {
    let (day, time) = (date.date?, date.time?);
    let offset_minutes = match date.offset? {
        Offset::Z => 0,
        Offset::Custom { minutes } => i64::from(minutes),
    };
    let seconds = days_since_1970(i64::from(day.year), i64::from(day.month), i64::from(day.day)) * 86_400
        + i64::from(time.hour) * 3_600
        + i64::from(time.minute) * 60
        + i64::from(time.second);
    u64::try_from(seconds - offset_minutes * 60).ok()
}

/// Days from 1970-01-01 to a date of the Gregorian calendar: whole eras of 400 years, of 146,097 days each,
/// counted from March so that the leap day comes last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_durations_are_read_with_their_unit() {
        assert_eq!(size("256MiB"), Ok(256 << 20));
        assert_eq!(size("0B"), Ok(0));
        assert_eq!(duration("1800ms"), Ok(Duration::from_millis(1_800)));
        assert_eq!(duration("1d"), Ok(Duration::from_secs(86_400)));
        assert_eq!(duration("0s"), Ok(Duration::ZERO));
    }

    #[test]
    fn a_number_without_a_unit_is_refused_and_the_units_are_named() {
        for text in ["256", "", "MiB", "256 MiB", "256MB", "-1MiB", "1.5GiB", "é"] {
            assert!(matches!(size(text), Err(UnitError::Size(_))), "{text}");
        }
        for text in ["30", "s", "1w", "30 s", "1h30m"] {
            assert!(matches!(duration(text), Err(UnitError::Duration(_))), "{text}");
        }
        assert!(matches!(size("99999999999GiB"), Err(UnitError::TooMuch(_))));
        assert!(matches!(duration("99999999999999999999999s"), Err(UnitError::TooMuch(_))));
    }

    #[test]
    fn dates_are_counted_from_1970() {
        let seconds = |text: &str| unix_seconds(&text.parse().unwrap());
        assert_eq!(seconds("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(seconds("2026-11-21T12:34:56Z"), Some(1_795_264_496));
        assert_eq!(seconds("2024-02-29T23:59:59+02:00"), Some(1_709_243_999));
        assert_eq!(seconds("2000-03-01T00:00:00Z"), Some(951_868_800));
        assert_eq!(seconds("1969-12-31T23:59:59Z"), None);
        assert_eq!(seconds("2024-02-29"), None);
    }
}
