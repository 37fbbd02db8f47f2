//! Questions that could not be answered, so that they are not tried again at once (RFC 9520).
//!
//! In: a question and why it failed. Out: that failure, for as long as it is remembered: five seconds at first,
//! twice as long each time it comes again, at most five minutes (RFC 9520 §3.2). What comes while it is remembered was
//! begun before, and is the same failure once more. What was proven wrong is
//! remembered for a minute at most: its owner may be mending it, and one forged packet may have been all that was
//! wrong (RFC 4035 §4.7). A success clears the question.
//! What failed while nobody was reached is forgotten with the outage, and that nobody is reached is not kept here:
//! `uplink` knows it, and lets few packets through. Failures of servers are the business of `servers`.

use std::mem::size_of;
use std::sync::Arc;

use super::shard::{Sharded, heap};
use super::uplink::Uplink;
use crate::clock::Moment;
use crate::dns::security::Reason;
use crate::dns::{Name, Question};
use crate::entropy::Entropy;
use crate::failure::Failure;
use crate::limits;

/// Failures by question.
#[derive(Debug)]
pub struct Failures {
    entries: Sharded<Question, Entry>,
    uplink: Arc<Uplink>,
}

#[derive(Debug, Clone)]
struct Entry {
    failure: Arc<Failure>,
    failed: Moment,
    until: Moment,
    span_secs: u32,
}

impl Failures {
    /// None remembered; at most `bytes_max` octets of them.
    pub fn new(bytes_max: usize, entropy: &Entropy) -> Self {
        Self { entries: Sharded::new(bytes_max, entropy, weigh), uplink: Arc::default() }
    }

    /// The same, forgetting what failed for want of this uplink.
    #[must_use]
    pub fn heeding(self, uplink: Arc<Uplink>) -> Self {
        Self { uplink, ..self }
    }

    /// The failure that is remembered for `question`.
    pub fn get(&self, question: &Question, now: Moment) -> Option<Failure> {
        let entry = self.entries.get(question)?;
        (now < entry.until && !self.uplink.voids(entry.failed)).then(|| Failure::clone(&entry.failure))
    }

    /// Remembers that `question` failed. What says nothing about the question is not remembered: that Rootwalk was
    /// busy, offline or ending, or that the failure was itself a remembered one.
    pub fn insert(&self, question: &Question, failure: Failure, now: Moment) {
        let bogus = match &failure {
            Failure::Busy(_) | Failure::ShuttingDown | Failure::Offline { .. } | Failure::Remembered(_) => {
                return;
            }
            Failure::Bogus(_) => true,
            Failure::Limit(_)
            | Failure::Cycle(_)
            | Failure::NoServer { .. }
            | Failure::NoAddress(_)
            | Failure::AliasLoop(_)
            | Failure::Lost(_) => false,
        };
        let shared = Arc::new(failure);
        let fresh = || Entry { failure: Arc::clone(&shared), failed: now, until: now, span_secs: 0 };
        self.entries.update(question.clone(), fresh, |entry| {
            if now < entry.until && !self.uplink.voids(entry.failed) {
                return;
            }
            // A failure long ago says nothing about this one.
            let quiet_secs = now.since(entry.until).as_secs();
            let again = entry.span_secs > 0
                && quiet_secs <= u64::from(limits::FAILURE_TTL_SECS_MAX)
                && !self.uplink.voids(entry.failed);
            let span_secs =
                if again { entry.span_secs.saturating_mul(2) } else { limits::FAILURE_TTL_SECS_MIN };
            let most = if bogus { limits::BOGUS_TTL_SECS } else { limits::FAILURE_TTL_SECS_MAX };
            let span_secs = span_secs.min(most);
            let until = now.after_secs(span_secs);
            *entry = Entry { failure: Arc::clone(&shared), failed: now, until, span_secs };
        });
    }

    /// Forgets the failure: the question was answered.
    pub fn clear(&self, question: &Question) {
        self.entries.remove(question);
    }

    /// Forgets the failures of all names at and below `zone`; returns how many there were.
    pub fn remove_below(&self, zone: &Name) -> usize {
        self.entries.retain(|question, _| !question.name.is_subdomain_of(zone))
    }

    /// How many failures are held.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The octets held.
    pub fn bytes(&self) -> usize {
        self.entries.bytes()
    }
}

fn weigh(question: &Question, entry: &Entry) -> usize {
    // The counters of the shared pointer stand before the failure.
    let shared = heap(2 * size_of::<usize>() + size_of::<Failure>());
    heap(question.name.heap_len()) + shared + failure_heap(&entry.failure)
}

fn failure_heap(failure: &Failure) -> usize {
    match failure {
        Failure::Cycle(name) | Failure::NoAddress(name) | Failure::AliasLoop(name) => heap(name.heap_len()),
        Failure::NoServer { zone, .. } => heap(zone.heap_len()),
        Failure::Lost(question) => heap(question.name.heap_len()),
        Failure::Remembered(inner) => heap(size_of::<Failure>()) + failure_heap(inner),
        Failure::Bogus(reason) => heap(size_of::<Reason>()) + reason.heap_bytes(heap),
        Failure::Limit(_) | Failure::Busy(_) | Failure::Offline { .. } | Failure::ShuttingDown => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::security::Fault;
    use crate::dns::{Name, RecordType};
    use crate::limits::{Limit, Reached};

    const PACKETS: Reached = Reached { limit: Limit::Packets, cap: 100 };

    fn question(text: &str) -> Question {
        Question::new(text.parse().unwrap(), RecordType::A)
    }

    fn failures() -> Failures {
        Failures::new(1 << 20, &Entropy::seeded(1))
    }

    fn secs(seconds: u32) -> Moment {
        Moment(0).after_secs(seconds)
    }

    /// For how many seconds after `now` the failure is remembered.
    fn remembered_secs(failures: &Failures, now: u32) -> u32 {
        (0..1_000).find(|seconds| failures.get(&question("a."), secs(now + seconds)).is_none()).unwrap()
    }

    #[test]
    fn a_failure_that_comes_again_is_remembered_twice_as_long_up_to_five_minutes() {
        let failures = failures();
        let mut now = 0;
        let mut spans = Vec::new();
        for _ in 0..9 {
            failures.insert(&question("A."), Failure::Limit(PACKETS), secs(now));
            let span = remembered_secs(&failures, now);
            spans.push(span);
            now += span;
        }
        assert_eq!(spans, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
    }

    #[test]
    fn what_fails_while_it_is_remembered_counts_once() {
        let failures = failures();
        for now in [0, 0, 4] {
            failures.insert(&question("a."), Failure::Limit(PACKETS), secs(now));
        }
        assert_eq!(remembered_secs(&failures, 0), 5);
        failures.insert(&question("a."), Failure::Limit(PACKETS), secs(5));
        assert_eq!(remembered_secs(&failures, 5), 10);
    }

    #[test]
    fn a_success_or_a_long_quiet_starts_from_the_beginning() {
        let failures = failures();
        let limit = Failure::Limit(PACKETS);
        failures.insert(&question("a."), limit.clone(), secs(0));
        failures.insert(&question("a."), limit.clone(), secs(5));
        assert_eq!(remembered_secs(&failures, 5), 10);
        failures.clear(&question("a."));
        assert_eq!(failures.get(&question("a."), secs(6)), None);
        failures.insert(&question("a."), limit.clone(), secs(6));
        assert_eq!(remembered_secs(&failures, 6), 5);
        failures.insert(&question("a."), limit.clone(), secs(1_000));
        assert_eq!(remembered_secs(&failures, 1_000), 5);
    }

    #[test]
    fn a_bogus_answer_is_remembered_for_a_minute_at_most_and_shortly_at_first() {
        let failures = failures();
        let reason = Reason {
            zone: Name::root(),
            name: Name::root(),
            rtype: RecordType::A,
            fault: Fault::SignatureMissing,
        };
        let mut now = 0;
        for span in [5, 10, 20, 40, 60, 60] {
            failures.insert(&question("a."), Failure::Bogus(Box::new(reason.clone())), secs(now));
            assert_eq!(remembered_secs(&failures, now), span);
            now += span;
        }
    }

    #[test]
    fn what_failed_while_nobody_was_reached_is_forgotten_and_counts_for_nothing() {
        let uplink = Arc::new(Uplink::default());
        let failures = failures().heeding(Arc::clone(&uplink));
        let (server, limit) = (std::net::IpAddr::from([192, 0, 2, 1]), Failure::Limit(PACKETS));
        uplink.heard(server, None, secs(10));
        failures.insert(&question("a."), limit.clone(), secs(11));
        assert_eq!(remembered_secs(&failures, 11), 5);
        uplink.silent(server, secs(11), secs(12));
        for _ in 0..limits::UPLINK_PROBES {
            uplink.probe_lost(false, [true, false], secs(13), secs(14));
        }
        assert_eq!(remembered_secs(&failures, 14), 0);
        uplink.heard(server, None, secs(15));
        assert_eq!(remembered_secs(&failures, 15), 0);
        failures.insert(&question("a."), limit, secs(20));
        assert_eq!(remembered_secs(&failures, 20), 5, "it is the first time");
    }

    #[test]
    fn what_says_nothing_about_the_question_is_not_remembered() {
        let failures = failures();
        let remembered = Failure::Remembered(Box::new(Failure::Limit(PACKETS)));
        for failure in
            [Failure::Busy("full"), Failure::ShuttingDown, Failure::Offline { silent_secs: None }, remembered]
        {
            failures.insert(&question("a."), failure, secs(0));
        }
        assert!(failures.is_empty());
    }

    #[test]
    fn a_flood_of_failures_stays_within_the_bound() {
        let failures = Failures::new(100_000, &Entropy::seeded(1));
        for number in 0..5_000 {
            let failure = Failure::NoAddress(format!("{}.{number}.", "x".repeat(60)).parse().unwrap());
            failures.insert(&question(&format!("{number}.{}.", "y".repeat(50))), failure, secs(0));
            assert!(failures.bytes() <= 100_000);
        }
        assert!(failures.len() > 100);
    }
}
