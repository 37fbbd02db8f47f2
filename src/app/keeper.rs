//! What has to be done from time to time while the resolver runs: the root is asked for its own servers
//! before what it said last ends (RFC 9609 §3); whether anybody is reached, when nobody answers; the zones of trust
//! anchors for their keys (RFC 5011 §2.3), and they are told which keys are trusted (RFC 8145); negative trust anchors
//! are let go when they are not needed any more (RFC 7646 §2); and the zones that are watched are proven, and for how
//! long.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::app::anchors::KeptAnchors;
use crate::app::assemble::Assembly;
use crate::cache::uplink::Reach;
use crate::clock::{Clock, Moment, date};
use crate::context::Context;
use crate::dns::{Name, Question, RecordType};
use crate::failure::Failure;
use crate::limits;
use crate::service::health::{Condition, Report};
use crate::service::{NegativeNews, Service};
use crate::validate::rollover::{Change, Trial};

/// Primes now, and again whenever nine tenths of the answer's time are over. Ends with its task.
pub(super) async fn keep_primed(assembly: Arc<Assembly>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let context: Context = assembly.service.silent_context();
        let now = assembly.clock.now();
        let next = match assembly.iterator.prime(&context).await {
            Ok(expires) => {
                pause = FIRST_PAUSE;
                early(now, expires)
            }
            // That is told elsewhere, and says nothing about the root.
            Err(Failure::Offline { .. }) => now.after(FIRST_PAUSE),
            Err(failure) => {
                tracing::warn!(%failure, "the root servers could not be asked for their names");
                let next = now.after(pause);
                pause = (pause * 2).min(LAST_PAUSE);
                next
            }
        };
        assembly.clock.sleep_until(next).await;
    }
}

/// Finds out whether anybody is reached when servers are silent, and says so. Ends with its task.
pub(super) async fn keep_watch(assembly: Arc<Assembly>) {
    let service = &assembly.service;
    let iterator = Arc::clone(&assembly.iterator);
    iterator.watch(|| service.silent_context(), say).await;
}

/// Checks the watched zones and warns before one expires. Ends with its task.
pub(super) async fn keep_zones(assembly: Arc<Assembly>, watched: Vec<Name>) {
    assembly.service.watch_zones(&watched, warn).await;
}

fn warn(report: &Report) {
    match &report.health.condition {
        Condition::Well => tracing::info!("{report}"),
        condition if condition.is_urgent() => tracing::error!("{report}"),
        _ => tracing::warn!("{report}"),
    }
}

fn say(reach: Reach) {
    match reach {
        Reach { offline: true, .. } => {
            tracing::warn!(
                "offline: no server answers, nor does the root; nothing is held against anybody meanwhile"
            );
        }
        Reach { ipv4_down: true, .. } => tracing::info!("no server answers by IPv4: IPv6 is used"),
        Reach { ipv6_down: true, .. } => tracing::info!("no server answers by IPv6: IPv4 is used"),
        Reach { .. } => tracing::info!("servers answer again"),
    }
}

/// Lets negative trust anchors go when their time is over, or their zone validates again. Ends with its task.
pub(super) async fn keep_negative_anchors(assembly: Arc<Assembly>) {
    Arc::clone(&assembly.service).tend_negative_anchors(say_of_negative).await;
}

/// Tells the servers of zones with trust anchors which keys those name. Ends with its task.
pub(super) async fn signal_trust_anchors(assembly: Arc<Assembly>) {
    Arc::clone(&assembly.service).signal_trust_anchors().await;
}

fn say_of_negative(zone: &Name, news: NegativeNews) {
    match news {
        NegativeNews::Stands(Some(until)) => {
            tracing::warn!(%zone, until = %date(until), "not validated: a negative trust anchor stands");
        }
        NegativeNews::Stands(None) => {
            tracing::warn!(%zone, until = "it is removed", "not validated: a negative trust anchor stands");
        }
        NegativeNews::Ended => tracing::info!(%zone, "validated again: its negative trust anchor has ended"),
        NegativeNews::Validates => tracing::info!(
            %zone,
            "validated again: its negative trust anchor is lifted, as it is not needed any more; remove it"
        ),
    }
}

/// Follows the keys of trust anchors, and lets the service judge by those that are trusted. Ends with its task.
pub async fn keep_anchors(service: Arc<Service>, clock: Clock, anchors: Arc<KeptAnchors>) {
    let mut follower = Follower { service, clock, anchors, proven: BTreeMap::new(), complained: None };
    follower.begin();
    loop {
        let due = follower.anchors.rollover().due(follower.clock.unix());
        for zone in due {
            follower.probe(&zone).await;
        }
        let pause = follower.anchors.rollover().due_in_secs(follower.clock.unix()).unwrap_or(u64::MAX);
        // Once an hour at least: the date may have been put right meanwhile, or the host may have slept.
        let pause = Duration::from_secs(pause.clamp(PAUSE_SECS.0, PAUSE_SECS.1));
        follower.clock.sleep_until(follower.clock.now().after(pause)).await;
    }
}

/// The shortest and the longest pause between two looks at which zones are due, in seconds.
const PAUSE_SECS: (u64, u64) = (60, 3_600);

/// What came of looking at the keys of a zone.
enum Found {
    /// A set that a trusted key has signed.
    Proven,
    /// Nothing that could be believed, and why.
    Wrong(String),
    /// This host reaches nobody.
    Nobody,
}

/// Looks at the keys of zones with anchors.
struct Follower {
    service: Arc<Service>,
    clock: Clock,
    anchors: Arc<KeptAnchors>,
    /// When the keys of each zone were last proven: the date, and the moment.
    proven: BTreeMap<Name, (u64, Moment)>,
    /// When it was last told that the file cannot be written.
    complained: Option<Moment>,
}

impl Follower {
    fn begin(&mut self) {
        self.anchors.rollover().begin(self.clock.unix());
        self.tell_all_lost();
        self.store();
    }

    /// Looks at the keys of one zone.
    async fn probe(&mut self, zone: &Name) {
        let before = self.anchors.rollover().trusted(zone);
        let mut changes = Vec::new();
        let found = self.look(zone, &mut changes).await;
        let now = self.clock.unix();
        let (after, is_lost) = {
            let mut rollover = self.anchors.rollover();
            match &found {
                Found::Proven => {
                    self.proven.insert(zone.clone(), (now, self.clock.now()));
                }
                // That is told elsewhere, and says nothing about the zone: it stays due.
                Found::Nobody => {}
                Found::Wrong(why) => {
                    rollover.fail(zone, why, now);
                    tracing::warn!(%zone, %why, "the keys of a trust anchor's zone could not be looked at");
                }
            }
            (rollover.trusted(zone), rollover.lost().any(|lost| lost == zone))
        };
        for change in &changes {
            if change.takes_trust() {
                tracing::warn!("a trust anchor is trusted no more: {change}");
            } else {
                tracing::info!("a trust anchor's key changed its state: {change}");
            }
        }
        if before != after {
            // Only what a key that is trusted no more may have proven is forgotten.
            let forget = changes.iter().any(Change::takes_trust);
            self.trust(std::slice::from_ref(zone), forget);
        }
        if is_lost {
            tell_lost(zone);
        }
        self.store();
    }

    /// Fetches the DNSKEY set afresh, and takes it in. One bad server, or one forged packet, must not decide.
    async fn look(&self, zone: &Name, changes: &mut Vec<Change>) -> Found {
        let Some(validator) = self.service.validator() else { return Found::Nobody };
        let question = Question::new(zone.clone(), RecordType::DNSKEY);
        let mut avoided = Vec::new();
        let mut wrong = None;
        for _ in 0..=limits::BOGUS_RETRIES_MAX {
            // A budget for each: what one server uses up is not missing for the next.
            let context: Context = self.service.silent_context();
            let response = match self.service.fetch(&question, &context.avoiding(&avoided)).await {
                Ok(response) => response,
                Err(Failure::Offline { .. }) => return Found::Nobody,
                // There is no other server to hear: what was wrong with the first one's answer says more.
                Err(failure) => return Found::Wrong(wrong.unwrap_or_else(|| failure.to_string())),
            };
            let now = self.clock.unix();
            let last = self.proven.get(zone).copied();
            let trial = Trial {
                validator: &validator,
                budget: &context.budget,
                now,
                skipped_secs: last.map_or(0, |last| skipped_secs(last, (now, self.clock.now()))),
            };
            let observed = self.anchors.rollover().observe(zone, &response, &trial);
            changes.extend(observed.changes);
            if observed.passed_over > 0 {
                let (more, most) = (observed.passed_over, limits::ANCHOR_KEYS_MAX);
                tracing::warn!(%zone, more, most, "a trust anchor's zone shows more new keys than are followed");
            }
            match observed.unproven {
                None => return Found::Proven,
                Some(unproven) => wrong = Some(format!("{unproven}, says {}", response.server)),
            }
            avoided.push(response.server);
        }
        Found::Wrong(wrong.unwrap_or_default())
    }

    /// Judges by what is trusted now; what was proven below these zones may be forgotten.
    fn trust(&self, zones: &[Name], forget: bool) {
        let trusted: Vec<_> = {
            let rollover = self.anchors.rollover();
            zones.iter().map(|zone| (zone, rollover.trusted(zone))).collect()
        };
        self.service.change_trust(if forget { zones } else { &[] }, |anchors| {
            for (zone, keys) in trusted {
                anchors.replace(zone, keys);
            }
        });
    }

    fn tell_all_lost(&self) {
        let lost: Vec<Name> = self.anchors.rollover().lost().cloned().collect();
        for zone in &lost {
            tell_lost(zone);
        }
    }

    fn store(&mut self) {
        let now = self.clock.now();
        match self.anchors.store() {
            Ok(news) => {
                if news {
                    tracing::warn!("another process that keeps the same file saw a trust anchor revoked");
                    let zones: Vec<Name> =
                        self.anchors.status().into_iter().map(|status| status.zone).collect();
                    self.trust(&zones, true);
                    self.tell_all_lost();
                }
                if self.complained.take().is_some() {
                    tracing::info!("the states of trust anchors are kept in their file again");
                }
            }
            Err(error) => {
                if self.complained.is_none_or(|at| now.since(at) >= LAST_PAUSE) {
                    tracing::error!("{error}");
                    self.complained = Some(now);
                }
            }
        }
    }
}

/// RFC 5011 §5.
fn tell_lost(zone: &Name) {
    tracing::error!(
        %zone,
        "no key of the zone is trusted any more: it counts as a zone without a trust anchor, and nothing below it is \
         validated unless a zone above has one; put its present key into the trust anchor file and restart"
    );
}

/// Seconds that the date went forward beyond the time that passed.
fn skipped_secs((date, moment): (u64, Moment), (date_now, now): (u64, Moment)) -> u64 {
    let skipped = date_now.saturating_sub(date).saturating_sub(now.since(moment).as_secs());
    if skipped > limits::ANCHOR_CLOCK_SLACK_SECS { skipped } else { 0 }
}

/// How long to wait after a first failure, doubled up to the last.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const LAST_PAUSE: Duration = Duration::from_secs(3_600);

/// A tenth of the time before the end.
fn early(now: Moment, expires: Moment) -> Moment {
    now.after(expires.since(now) * 9 / 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_asked_again_before_its_answer_ends() {
        assert_eq!(early(Moment(1_000), Moment(11_000)), Moment(10_000));
        assert_eq!(early(Moment(1_000), Moment(500)), Moment(1_000));
    }

    #[test]
    fn a_date_that_runs_ahead_of_the_time_skips_seconds() {
        let at = |date: u64, secs: u64| (date, Moment(secs * 1_000_000));
        assert_eq!(skipped_secs(at(1_000, 0), at(87_400, 86_400)), 0);
        assert_eq!(skipped_secs(at(1_000, 0), at(88_000, 86_400)), 0, "a clock that drifts");
        assert_eq!(skipped_secs(at(1_000, 0), at(1_000_000, 86_400)), 912_600);
        assert_eq!(skipped_secs(at(1_000, 0), at(10, 86_400)), 0, "back");
    }
}
