//! Tells the observer what was proven and why, in words for a person.

use super::algorithms::algorithm_name;
use super::denial::{Claim, Finding};
use super::judge::Blame;
use super::signature::Verified;
use super::work::Work;
use super::{Insecurity, ZoneKeys};
use crate::dns::security::ValidationState;
use crate::dns::{Name, RecordType};
use crate::event::{Event, ProofStep};

impl Work<'_> {
    /// Tells one step.
    pub(super) fn tell(&self, zone: &Name, what: String, state: ValidationState, why: String) {
        self.observer.on(&Event::Proven(&ProofStep { zone: zone.clone(), what, state, why }));
    }
}

impl Blame {
    /// Tells that a zone cannot be proven.
    pub(super) fn tell(&self, zone: &Name, work: &Work<'_>) {
        let state = ValidationState::Bogus(self.reason.clone());
        work.tell(zone, "chain of trust".to_owned(), state, self.reason.to_string());
    }
}

impl Verified {
    /// `signed by key 20326 (RSASHA256), valid until 2026-12-01 00:00:00 UTC`.
    pub(super) fn story(&self) -> String {
        let algorithm = algorithm_name(self.algorithm);
        format!("signed by key {} ({algorithm}), valid until {}", self.key_tag, date(self.until))
    }
}

/// `key 20326 (RSASHA256), key 38696 (RSASHA256)`.
pub(super) fn keys(keys: &ZoneKeys) -> String {
    let each: Vec<String> =
        keys.tags().map(|(tag, algorithm)| format!("key {tag} ({})", algorithm_name(algorithm))).collect();
    each.join(", ")
}

/// `A RRset at www.example.`
pub(super) fn rrset(name: &Name, rtype: RecordType) -> String {
    format!("{rtype} RRset at {name}")
}

/// What a claim denies.
pub(super) fn claim(claim: Claim<'_>) -> String {
    match claim {
        Claim::Name(name) => format!("absence of {name}"),
        Claim::Type(name, rtype) => format!("absence of {rtype} at {name}"),
        Claim::CloserMatch { name, encloser } => {
            format!("absence of a closer match for {name} than *.{encloser}")
        }
        Claim::Ds(name) => format!("absence of DS at {name}"),
    }
}

/// What a denial came to.
pub(super) fn finding(finding: Finding) -> String {
    match finding {
        Finding::Absent => "denied".to_owned(),
        Finding::NoSuchName => "denied, as the name is (compact denial)".to_owned(),
        Finding::Delegation => "a delegation without DS".to_owned(),
        Finding::NotCut { .. } => "no zone cut there".to_owned(),
        Finding::Insecure(why) => insecurity(why),
    }
}

/// Why something is insecure, as a clause.
pub(super) fn insecurity(why: Insecurity) -> String {
    match why {
        Insecurity::NoDs => "the parent zone proves that it has no DS record".to_owned(),
        Insecurity::OptOut => "it lies in an opt-out span of NSEC3, where zones without DS may be".to_owned(),
        Insecurity::Algorithm(algorithm) => {
            format!("no DS record has an algorithm that is supported ({})", algorithm_name(algorithm))
        }
        Insecurity::Digest(digest) => format!("no DS record has a digest type that is supported ({digest})"),
        Insecurity::KeySize(algorithm) => {
            format!(
                "the DS records name only {} keys of a size that is not supported",
                algorithm_name(algorithm)
            )
        }
        Insecurity::Iterations(iterations) => {
            format!("the NSEC3 records ask for {iterations} iterations, more than are computed")
        }
        Insecurity::NegativeAnchor => "a negative trust anchor stands above it".to_owned(),
        Insecurity::Stripped => "the trust anchor's zone shows no good keys, and need not".to_owned(),
    }
}

/// That a negative trust anchor stands, and until when (RFC 7646).
pub(super) fn negative_anchor(zone: &Name, until: Option<u64>) -> String {
    let zone = zone.to_lowercase();
    match until {
        Some(until) => {
            format!("a negative trust anchor at {zone} says not to validate this until {}", date(until))
        }
        None => format!("a negative trust anchor at {zone} says not to validate this"),
    }
}

/// Seconds since 1970 as a date (the proleptic Gregorian calendar).
pub fn date(unix: u64) -> String {
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
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day_of_month:02} {hour:02}:{minute:02}:{second:02} UTC")
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
