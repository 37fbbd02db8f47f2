//! The health of the chain of trust: how answers were judged, and when the zones that matter run out of signatures.
//!
//! In: each judged answer; the zones that are watched, checked from the trust anchor down at an interval, without
//! anything remembered. Out: figures for metrics, and a [`Report`] for the log before a zone expires and not after
//! (`[dnssec] watch`; RFC 6781 §4.4.2 on signatures and their renewal). Nothing is decided by it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::date;
use crate::context::Context;
use crate::dns::response::Outcome;
use crate::dns::security::{Ago, Fault, Reason, ValidationState};
use crate::dns::{Name, Question, RecordType};
use crate::event::{Event, Fact, KeySet, Observer, ProofStep, Signature};
use crate::failure::Failure;
use crate::limits;
use crate::service::Service;
use crate::service::secure::Basis;

/// The figures.
#[derive(Debug, Default)]
pub struct Health {
    results: [AtomicU64; ValidationState::WORDS.len()],
    bogus: [AtomicU64; Fault::LABELS.len()],
    zones: Mutex<BTreeMap<Name, ZoneHealth>>,
}

/// What is known of a watched zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneHealth {
    /// The zone.
    pub zone: Name,
    /// When that was found, in seconds since 1970.
    pub checked: u64,
    /// How it is.
    pub condition: Condition,
    /// Of the signatures that its proof needs the one that expires first, as of the last time that it was secure.
    pub expires: Option<Expiry>,
}

/// How a watched zone is, from good to bad.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Secure, with time left.
    Well,
    /// It could not be asked.
    Unchecked(String),
    /// Secure; a signature has not been renewed when it should have been.
    Soon,
    /// Secure; a signature is about to expire.
    Urgent,
    /// A signature has expired, and counts no longer but by the allowance for wrong clocks.
    Expired,
    /// Not signed in a usable way, and why.
    Insecure(String),
    /// No trust anchor stands above it.
    Indeterminate,
    /// It is proven wrong.
    Bogus(Box<Reason>),
}

/// A signature that expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry {
    /// The owner and type of the RRset it is over.
    pub name: Name,
    /// See `name`.
    pub rtype: RecordType,
    /// The signature.
    pub signature: Signature,
}

/// Something to tell the operator of a watched zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The zone as it is now.
    pub health: ZoneHealth,
    /// Whether it was secure when it was checked before.
    pub was_secure: bool,
}

/// What has been told of a zone.
#[derive(Debug, Default)]
struct Told {
    condition: Option<Condition>,
    /// When, in seconds since 1970.
    at: u64,
}

impl Health {
    /// Counts a judged answer.
    pub(super) fn count(&self, state: &ValidationState) {
        bump(&self.results, &ValidationState::WORDS, state.word());
        if let ValidationState::Bogus(reason) = state {
            bump(&self.bogus, &Fault::LABELS, reason.fault.label());
        }
    }

    /// How many answers were judged to each state (`rootwalk_dnssec_validations_total{result}`).
    pub fn results(&self) -> impl Iterator<Item = (&'static str, u64)> {
        read(&self.results, ValidationState::WORDS)
    }

    /// How many were bogus for each reason (`rootwalk_dnssec_bogus_total{reason}`).
    pub fn bogus(&self) -> impl Iterator<Item = (&'static str, u64)> {
        read(&self.bogus, Fault::LABELS)
    }

    /// The watched zones (`rootwalk_dnssec_signature_expiry_timestamp_seconds{zone}`).
    pub fn zones(&self) -> Vec<ZoneHealth> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Name, ZoneHealth>> {
        self.zones.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bump(counters: &[AtomicU64], words: &[&'static str], word: &str) {
    let place = words.iter().position(|known| *known == word);
    if let Some(counter) = place.and_then(|place| counters.get(place)) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

fn read<const N: usize>(
    counters: &[AtomicU64; N],
    words: [&'static str; N],
) -> impl Iterator<Item = (&'static str, u64)> {
    words.into_iter().zip(counters.iter().map(|counter| counter.load(Ordering::Relaxed)))
}

impl Service {
    /// The figures of what was judged.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// Checks `watched`, and the zones of the trust anchors, for as long as it is polled; `say` hears what the
    /// operator should know. Nothing is checked while validation is off.
    pub async fn watch_zones(self: &Arc<Self>, watched: &[Name], mut say: impl FnMut(&Report)) {
        let mut told: BTreeMap<Name, Told> = BTreeMap::new();
        while let Some(validator) = self.validator() {
            let anchors = validator.anchors().iter().map(|(zone, _)| zone.clone());
            let zones: BTreeSet<Name> = watched.iter().cloned().chain(anchors).collect();
            told.retain(|zone, _| zones.contains(zone));
            self.health.lock().retain(|zone, _| zones.contains(zone));
            let mut pause = limits::WATCH_SECS_MAX;
            for zone in zones {
                let before = self.health.lock().get(&zone).cloned();
                // While nobody is reached, nothing is known of any zone.
                let Some(health) = self.check_zone(&zone, before.as_ref()).await else {
                    pause = limits::WATCH_SECS_MIN;
                    continue;
                };
                pause = pause.min(health.pause_secs());
                self.health.lock().insert(zone.clone(), health.clone());
                let was_secure = before.is_some_and(|before| before.condition.is_secure());
                if told.entry(zone).or_default().is_news(&health) {
                    say(&Report { health, was_secure });
                }
            }
            let next = self.clock.now().after(Duration::from_secs(pause));
            self.clock.sleep_until(next).await;
        }
    }

    /// Proves a zone's SOA record from the trust anchor down. None: this host seems cut off, or has no room for it.
    pub async fn check_zone(
        self: &Arc<Self>,
        zone: &Name,
        before: Option<&ZoneHealth>,
    ) -> Option<ZoneHealth> {
        let seen = Arc::new(Seen::default());
        let context: Context = self.context(Arc::clone(&seen) as Arc<dyn Observer>);
        let (validator, question) = (self.validator()?, Question::new(zone.clone(), RecordType::SOA));
        let found = self.proven_by(&validator, &question, &context, Basis::Fresh).await;
        let checked = self.clock.unix();
        let SeenSoFar { first, insecure } = seen.take();
        let last = before.and_then(|before| before.expires.clone());
        let is_zone = found.as_ref().is_ok_and(|verdict| verdict.outcome() == Outcome::Answer);
        let state = found.map(|verdict| verdict.state().clone());
        let (condition, expires) = match state {
            Ok(ValidationState::Secure) if !is_zone => {
                (Condition::Unchecked("no zone begins there: name the zone itself".to_owned()), None)
            }
            Ok(ValidationState::Secure) => {
                let condition = first.as_ref().map_or(Condition::Well, |expiry| expiry.condition(checked));
                (condition, first)
            }
            Ok(ValidationState::Insecure) => {
                let no_zone =
                    || (!is_zone).then(|| "no zone seems to begin there: name the zone itself".into());
                (Condition::Insecure(insecure.or_else(no_zone).unwrap_or_default()), None)
            }
            Ok(ValidationState::Indeterminate) => (Condition::Indeterminate, None),
            // A dead server above it says nothing of the zone.
            Ok(ValidationState::Bogus(reason)) if matches!(reason.fault, Fault::EvidenceMissing { .. }) => {
                (Condition::Unchecked(reason.to_string()), last)
            }
            Ok(ValidationState::Bogus(reason)) => (Condition::Bogus(reason), last),
            Err(Failure::Offline { .. } | Failure::Busy(_) | Failure::ShuttingDown) => return None,
            Err(failure) => (Condition::Unchecked(failure.to_string()), last),
        };
        Some(ZoneHealth { zone: zone.clone(), checked, condition, expires })
    }
}

impl Told {
    /// Whether it is to be told: when it changes, and each day while it is not well. Notes that it was.
    fn is_news(&mut self, health: &ZoneHealth) -> bool {
        let now = &health.condition;
        let is_due = health.checked.saturating_sub(self.at) >= limits::WATCH_REPEAT_SECS;
        let news = match &self.condition {
            None | Some(Condition::Well) => *now != Condition::Well,
            Some(before) if std::mem::discriminant(before) == std::mem::discriminant(now) => is_due,
            Some(_) => true,
        };
        if news || self.condition.is_none() {
            *self = Self { condition: Some(now.clone()), at: health.checked };
        }
        news
    }
}

impl Condition {
    /// A word for machines.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Unchecked(_) => "unchecked",
            Self::Soon => "soon",
            Self::Urgent => "urgent",
            Self::Expired => "expired",
            Self::Insecure(_) => "insecure",
            Self::Indeterminate => "indeterminate",
            Self::Bogus(_) => "bogus",
        }
    }

    /// Whether the zone is secure.
    pub fn is_secure(&self) -> bool {
        matches!(self, Self::Well | Self::Soon | Self::Urgent | Self::Expired)
    }

    /// Whether clients are harmed by it, or will be within hours.
    pub fn is_urgent(&self) -> bool {
        matches!(self, Self::Urgent | Self::Expired | Self::Bogus(_))
    }
}

impl Expiry {
    /// How a zone is whose first signature to expire is this, at a date in seconds since 1970.
    fn condition(&self, now: u64) -> Condition {
        let Signature { inception, expiration, .. } = self.signature;
        let (lifetime, left) = (expiration.saturating_sub(inception), expiration.saturating_sub(now));
        if left == 0 {
            Condition::Expired
        } else if left < lifetime / limits::EXPIRY_URGENT_SHARE {
            Condition::Urgent
        } else if left < lifetime / limits::EXPIRY_WARNING_SHARE {
            Condition::Soon
        } else {
            Condition::Well
        }
    }
}

impl ZoneHealth {
    /// Seconds until it should be checked again: sooner where less time is left, so that none of the warnings is missed.
    fn pause_secs(&self) -> u64 {
        let left = match (&self.condition, &self.expires) {
            (Condition::Unchecked(_), _) | (_, None) => return limits::WATCH_SECS_MAX,
            (_, Some(expiry)) => expiry.signature.expiration.saturating_sub(self.checked),
        };
        (left / limits::EXPIRY_URGENT_SHARE).clamp(limits::WATCH_SECS_MIN, limits::WATCH_SECS_MAX)
    }
}

impl fmt::Display for Expiry {
    /// `the signature over example.org. SOA (key 1234 of example.org.) expires 2027-02-14 08:00:00 UTC`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Signature { signer, key_tag, expiration, .. } = &self.signature;
        let (name, rtype, date) = (self.name.brief(), self.rtype, date(*expiration));
        write!(f, "the signature over {name} {rtype} (key {key_tag} of {}) expires {date}", signer.brief())
    }
}

impl fmt::Display for ZoneHealth {
    /// One sentence: the zone, how it is, and what expires first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zone = self.zone.brief();
        match &self.condition {
            Condition::Well | Condition::Soon | Condition::Urgent | Condition::Expired => {
                write!(f, "{zone} is secure")?;
            }
            Condition::Unchecked(why) => write!(f, "{zone} cannot be checked: {why}")?,
            Condition::Insecure(why) if why.is_empty() => write!(f, "{zone} is insecure")?,
            Condition::Insecure(why) => write!(f, "{zone} is insecure: {why}")?,
            Condition::Indeterminate => {
                write!(f, "{zone} cannot be proven: no trust anchor stands above it")?;
            }
            Condition::Bogus(reason) => write!(f, "{zone} is bogus: {reason}")?,
        }
        let Some(expiry) = &self.expires else { return Ok(()) };
        let left = expiry.signature.expiration.saturating_sub(self.checked);
        let span = |seconds: u64| Ago(u32::try_from(seconds).unwrap_or(u32::MAX));
        match &self.condition {
            Condition::Expired => {
                let ago = span(self.checked.saturating_sub(expiry.signature.expiration));
                write!(
                    f,
                    "; {expiry}, {ago} ago: it holds by the allowance for wrong clocks alone, sign it anew now"
                )
            }
            Condition::Soon | Condition::Urgent => {
                write!(f, "; {expiry}, in {}, and should have been renewed by now", span(left))
            }
            Condition::Well => write!(f, "; {expiry}, in {}", span(left)),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.health.fmt(f)?;
        match &self.health.condition {
            Condition::Well => f.write_str(", well again"),
            Condition::Insecure(_) if self.was_secure => {
                f.write_str("; it was secure before: was its DS record meant to go?")
            }
            Condition::Bogus(_) => f.write_str("; who validates gets no answer from it"),
            _ => Ok(()),
        }
    }
}

/// What a check has seen of signatures.
#[derive(Debug, Default)]
struct Seen(Mutex<SeenSoFar>);

#[derive(Debug, Default)]
struct SeenSoFar {
    /// The one that expires first.
    first: Option<Expiry>,
    /// Why a zone is insecure.
    insecure: Option<String>,
}

impl Seen {
    fn take(&self) -> SeenSoFar {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Observer for Seen {
    fn on(&self, event: &Event<'_>) {
        let Event::Proven(ProofStep { zone, fact }) = event else { return };
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (name, rtype, signature) = match fact {
            Fact::Keys(KeySet { signature: Some(signature), .. }) => (zone, RecordType::DNSKEY, signature),
            Fact::Signed { name, rtype, signature } => (name, *rtype, signature),
            Fact::Insecure { why, .. } => {
                seen.insecure = Some(why.clone());
                return;
            }
            _ => return,
        };
        if seen.first.as_ref().is_none_or(|first| signature.expiration < first.signature.expiration) {
            seen.first = Some(Expiry { name: name.clone(), rtype, signature: signature.clone() });
        }
    }

    fn wants_proof(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600;
    const DAY: u64 = 24 * HOUR;
    const NOW: u64 = 1_800_000_000;

    fn expiry(lifetime: u64, left: u64) -> Expiry {
        let expiration = NOW + left;
        let name: Name = "example.org.".parse().unwrap();
        let signature = Signature {
            signer: name.clone(),
            key_tag: 4_711,
            algorithm: 13,
            inception: expiration - lifetime,
            expiration,
            wildcard: None,
        };
        Expiry { name, rtype: RecordType::SOA, signature }
    }

    fn health(lifetime: u64, left: u64) -> ZoneHealth {
        let expiry = expiry(lifetime, left);
        ZoneHealth {
            zone: expiry.name.clone(),
            checked: NOW,
            condition: expiry.condition(NOW),
            expires: Some(expiry),
        }
    }

    #[test]
    fn no_signer_that_renews_in_time_is_warned_of_and_who_does_not_is_warned_of_in_time() {
        for (lifetime, left, condition) in [
            // BIND, OpenDNSSEC, Knot DNS with TTLs of an hour, a signature of two days made for each answer.
            (14 * DAY, 5 * DAY, Condition::Well),
            (14 * DAY, 3 * DAY, Condition::Well),
            (14 * DAY, 14 * DAY / 10 + HOUR, Condition::Well),
            (2 * DAY, DAY, Condition::Well),
            (14 * DAY, 33 * HOUR, Condition::Soon),
            (30 * DAY, 71 * HOUR, Condition::Soon),
            (14 * DAY, 8 * HOUR, Condition::Urgent),
            (30 * DAY, 17 * HOUR, Condition::Urgent),
            (14 * DAY, 0, Condition::Expired),
        ] {
            assert_eq!(expiry(lifetime, left).condition(NOW), condition, "{lifetime} {left}");
        }
    }

    #[test]
    fn checks_come_sooner_where_less_time_is_left_and_never_miss_a_warning() {
        assert_eq!(health(14 * DAY, 10 * DAY).pause_secs(), HOUR);
        assert_eq!(health(14 * DAY, 20 * HOUR).pause_secs(), HOUR / 2);
        assert_eq!(health(14 * DAY, HOUR).pause_secs(), 300);
        assert_eq!(health(14 * DAY, 0).pause_secs(), 300);
    }

    #[test]
    fn what_lasts_is_told_when_it_begins_and_once_a_day() {
        let mut told = Told::default();
        let mut at = |hours: u64, left: u64| {
            let health = ZoneHealth { checked: NOW + hours * HOUR, ..health(30 * DAY, left) };
            told.is_news(&health)
        };
        assert!(!at(0, 20 * DAY) && !at(1, 20 * DAY), "all is well");
        assert!(at(2, 2 * DAY) && !at(3, 2 * DAY) && !at(25, 2 * DAY) && at(26, 2 * DAY));
        assert!(at(27, HOUR), "worse");
        assert!(at(28, 30 * DAY) && !at(29, 30 * DAY) && !at(80, 30 * DAY), "well again, told once");
    }

    #[test]
    fn each_condition_has_a_sentence() {
        let dead = Condition::Unchecked("no server of example.org. gave a usable answer".to_owned());
        let fault = Fault::SignatureMissing;
        let (zone, rtype) = (health(DAY, 0).zone, RecordType::SOA);
        let bogus = Condition::Bogus(Box::new(Reason { zone: zone.clone(), name: zone, rtype, fault }));
        let of = |condition| ZoneHealth { condition, expires: None, ..health(14 * DAY, DAY) };
        let signature = "the signature over example.org. SOA (key 4711 of example.org.) expires";
        for (health, was_secure, sentence) in [
            (
                health(14 * DAY, 10 * DAY),
                true,
                format!("example.org. is secure; {signature} 2027-01-25 08:00:00 UTC, in 10 d, well again"),
            ),
            (
                health(14 * DAY, 20 * HOUR),
                true,
                format!(
                    "example.org. is secure; {signature} 2027-01-16 04:00:00 UTC, in 20 h, and should have been renewed by now"
                ),
            ),
            (
                ZoneHealth { checked: NOW + 2 * HOUR, ..health(14 * DAY, 0) },
                true,
                format!(
                    "example.org. is secure; {signature} 2027-01-15 08:00:00 UTC, 2 h ago: it holds by the \
                     allowance for wrong clocks alone, sign it anew now"
                ),
            ),
            (
                of(dead),
                true,
                "example.org. cannot be checked: no server of example.org. gave a usable answer".to_owned(),
            ),
            (
                of(Condition::Insecure("the parent zone proves that it has no DS record".to_owned())),
                true,
                "example.org. is insecure: the parent zone proves that it has no DS record; it was secure before: \
                 was its DS record meant to go?"
                    .to_owned(),
            ),
            (
                of(Condition::Indeterminate),
                false,
                "example.org. cannot be proven: no trust anchor stands above it".to_owned(),
            ),
            (
                of(bogus),
                true,
                "example.org. is bogus: example.org. SOA: signature missing in a signed zone; who validates gets no answer from it"
                    .to_owned(),
            ),
        ] {
            assert_eq!(Report { health, was_secure }.to_string(), sentence);
        }
    }
}
