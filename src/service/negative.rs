//! Negative trust anchors while they stand: when one ends, and when its zone would do without (RFC 7646 §2).
//!
//! In: the anchors that answers are judged by, the time, and every [`limits::NEGATIVE_ANCHOR_CHECK`] what the zone's
//! servers say. Out: anchors without those whose time is over, or whose zone validates again; what was judged by them
//! is forgotten.
//!
//! Only anchors with an end are tried and lifted early: they stand for a zone that is broken for a while. One without
//! an end stands until it is taken out of the configuration: it may be there for a private zone, whose public twin
//! validates, or for a fault that no trial finds. A trial asks for the SOA, as the RFC advises, and for A and AAAA,
//! since signatures over the SOA alone may be good; of those at least one is mostly a denial. All three have to be
//! proven: secure, or insecure because the parent zone says so. Silence and failures prove nothing.

use std::sync::Arc;
use std::time::Duration;

use crate::dns::edns::EdeCode;
use crate::dns::security::ValidationState;
use crate::dns::{Name, Question, RecordType};
use crate::limits;
use crate::service::Service;
use crate::service::secure::Basis;
use crate::validate::Validated;

/// What a zone under a negative trust anchor is tried with.
const TRIED: [RecordType; 3] = [RecordType::SOA, RecordType::A, RecordType::AAAA];

/// What becomes of a negative trust anchor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NegativeNews {
    /// It stands, until this date in seconds since 1970, or until it is taken out of the configuration.
    Stands(Option<u64>),
    /// Its time is over.
    Ended,
    /// It is lifted before its end: the zone validates again.
    Validates,
}

impl Service {
    /// Tends the negative trust anchors for as long as it is polled; `tell` hears of each that stands at the beginning,
    /// and of each that goes.
    pub async fn tend_negative_anchors(self: Arc<Self>, tell: impl Fn(&Name, NegativeNews)) {
        self.lift_ended(&tell);
        for (zone, until) in self.negatives() {
            tell(&zone, NegativeNews::Stands(until));
        }
        let mut check = self.clock.now().after(limits::NEGATIVE_ANCHOR_CHECK);
        loop {
            let ends = self.next_end().map_or(check, |left| self.clock.now().after(left));
            self.clock.sleep_until(ends.min(check)).await;
            self.lift_ended(&tell);
            if self.clock.now() < check {
                continue;
            }
            for (zone, _) in self.negatives().into_iter().filter(|(_, until)| until.is_some()) {
                if self.would_validate(&zone).await {
                    self.lift(&zone);
                    tell(&zone, NegativeNews::Validates);
                }
                self.lift_ended(&tell);
            }
            check = self.clock.now().after(limits::NEGATIVE_ANCHOR_CHECK);
        }
    }

    fn negatives(&self) -> Vec<(Name, Option<u64>)> {
        let Some(validator) = self.validator() else { return Vec::new() };
        validator.anchors().negatives().map(|(zone, until)| (zone.clone(), until)).collect()
    }

    /// How long until the first of them ends.
    fn next_end(&self) -> Option<Duration> {
        let now = self.clock.unix();
        let left = self.negatives().into_iter().filter_map(|(_, until)| until?.checked_sub(now));
        left.min().map(|seconds| Duration::from_secs(seconds.max(1)))
    }

    fn lift_ended(&self, tell: &impl Fn(&Name, NegativeNews)) {
        let now = self.clock.unix();
        for (zone, until) in self.negatives() {
            if until.is_some_and(|until| until <= now) {
                self.lift(&zone);
                tell(&zone, NegativeNews::Ended);
            }
        }
    }

    fn lift(&self, zone: &Name) {
        self.change_trust(std::slice::from_ref(zone), |anchors| anchors.lift_negative(zone));
    }

    /// Whether the zone is proven without its negative trust anchor. Nothing of that is kept.
    async fn would_validate(self: &Arc<Self>, zone: &Name) -> bool {
        let Some(held) = self.validator() else { return false };
        let mut anchors = held.anchors().clone();
        anchors.lift_negative(zone);
        let without = Arc::new(held.with_anchors(anchors));
        for rtype in TRIED {
            let (question, context) = (Question::new(zone.clone(), rtype), self.silent_context());
            match self.proven_by(&without, &question, &context, Basis::Known).await {
                Ok(verdict) if is_proven(&verdict) => {}
                _ => return false,
            }
        }
        true
    }
}

/// Whether it is secure, or the parent says that it need not be; not that another negative trust anchor stands above.
fn is_proven(verdict: &Validated) -> bool {
    let is_negative = verdict.info().is_some_and(|info| info.code == EdeCode::NEGATIVE_TRUST_ANCHOR);
    match verdict.state() {
        ValidationState::Secure => true,
        ValidationState::Insecure => !is_negative,
        ValidationState::Bogus(_) | ValidationState::Indeterminate => false,
    }
}
