//! Trust anchors that follow their zones: the states of RFC 5011 §4, for each key of each zone with an anchor.
//!
//! In: DNSKEY sets as they were fetched, and seconds since 1970. Out: which keys are trusted now, what changed, when
//! to look again. Only a set that a trusted key has signed says anything (§2.2), but for a revocation, which needs the
//! signature of the revoked key alone (§2.1). What is not trusted yet, or no more, never becomes an [`Anchors`].
//!
//! A key is known by its algorithm and public key: the tag of a revoked one differs. `Start` is a key that is not
//! tracked. Two departures from §4.2, both on the strict side: a removed key stays known, so that it is never taken for
//! a new one; and one that was missing for a year is forgotten, as Unbound does, if another key is in use, or after
//! thirty days already if there is no room for a new one.
//!
//! A zone whose last anchor was revoked counts as never configured (§5): an anchor above decides about it, and where
//! there is none nothing below is validated, so nothing is called secure. Unbound does the same. Whoever can revoke
//! them all holds all their private halves, and could sign anything as well; to treat the zone as bogus instead would
//! let the owner's own word take the zone away. It is told as an error, and as long as the state is kept it stays so.
//!
//! Time counts only where a set was proven at that time, so a wrong clock deceives no further than signatures hold.
//! What lies in the future begins anew. Neither fetches nor writes: that is the business of `app`.

mod key_set;
mod text;

use std::collections::BTreeMap;
use std::fmt;

use super::Validator;
use super::algorithms::algorithm_name;
use super::anchors::{AnchorKey, Anchors};
use super::signature::Verified;
use super::zone_keys::{self, Voucher};
use crate::budget::Budget;
use crate::dns::rdata::{Dnskey, Ds};
use crate::dns::response::Scrubbed;
use crate::dns::security::Fault;
use crate::dns::{Name, RecordType};
use crate::limits;

use key_set::{KeySet, is_same_key, names, unrevoked};
pub use text::{AnchorText, Origin, TextError};

/// The state of a key (RFC 5011 §4). A key in `Start` is not tracked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Seen, and not trusted before its hold-down is over.
    AddPend,
    /// Trusted, and in the zone's DNSKEY set.
    Valid,
    /// Trusted, and not in the zone's DNSKEY set.
    Missing,
    /// Revoked by its own signature: never trusted again.
    Revoked,
    /// Revoked, and gone from the zone's DNSKEY set for long enough.
    Removed,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::AddPend, Self::Valid, Self::Missing, Self::Revoked, Self::Removed];

    /// Whether a key in this state is a trust anchor (RFC 5011 §4.2).
    pub fn is_trusted(self) -> bool {
        matches!(self, Self::Valid | Self::Missing)
    }

    /// Whether a key in this state was taken back for good.
    pub fn is_revoked(self) -> bool {
        matches!(self, Self::Revoked | Self::Removed)
    }

    /// The word for metrics, logs and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::AddPend => "addpend",
            Self::Valid => "valid",
            Self::Missing => "missing",
            Self::Revoked => "revoked",
            Self::Removed => "removed",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A key and where it stands. Times are seconds since 1970; 0: not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tracked {
    /// A DS until the key that it names was seen. The REVOKE bit is never set here.
    pub(super) key: AnchorKey,
    pub(super) state: State,
    /// When it came into that state.
    pub(super) since: u64,
    /// When a proven set last had it, for revoked keys with their REVOKE bit.
    pub(super) seen: u64,
    /// How many proven sets had it while it was pending.
    pub(super) sightings: u32,
    /// Seconds that it is pending at least.
    pub(super) hold_secs: u64,
}

/// What became of asking for the DNSKEY set of a zone. Times are seconds since 1970; 0: never.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Probes {
    /// The last that brought a proven set.
    pub succeeded: u64,
    /// The last that did not.
    pub failed: u64,
    /// Failures since the last success.
    pub failures: u32,
    /// Why the last failure failed.
    pub error: String,
    /// When the next is due.
    pub next: u64,
    /// Seconds between two (RFC 5011 §2.3), by the last proven set.
    pub interval_secs: u64,
    /// Seconds after one that failed (RFC 5011 §2.3).
    pub retry_secs: u64,
}

/// A zone with anchors (RFC 5011's trust point).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct TrustPoint {
    pub(super) keys: Vec<Tracked>,
    pub(super) probes: Probes,
}

/// All zones with anchors, and the state of their keys.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rollover {
    pub(super) points: BTreeMap<Name, TrustPoint>,
}

/// A key that went from one state to another; none is `Start`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Change {
    pub zone: Name,
    pub key_tag: u16,
    pub algorithm: u8,
    pub from: Option<State>,
    pub to: Option<State>,
}

impl Change {
    /// Whether the key was trusted and is no more: what it proved is to be forgotten.
    pub fn takes_trust(&self) -> bool {
        self.from.is_some_and(State::is_trusted) && !self.to.is_some_and(State::is_trusted)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |state: Option<State>| state.map_or("start", State::word);
        let Self { zone, key_tag, algorithm, from, to } = self;
        write!(f, "key {key_tag} of {zone} ({}): {} → {}", algorithm_name(*algorithm), word(*from), word(*to))
    }
}

/// What a DNSKEY set is taken in by.
#[derive(Debug, Clone, Copy)]
pub struct Trial<'a> {
    /// Says which algorithms count, and remembers what was verified; its anchors do not matter.
    pub validator: &'a Validator,
    /// Verifications are charged to it.
    pub budget: &'a Budget,
    /// Seconds since 1970.
    pub now: u64,
    /// Seconds that the date went forward beyond the time that passed since a set was last proven: no hold-down is
    /// over sooner for them.
    pub skipped_secs: u64,
}

/// What a DNSKEY set brought.
#[derive(Debug, Default)]
pub struct Observed {
    /// Keys that are in another state now.
    pub changes: Vec<Change>,
    /// New keys that found no room ([`limits::ANCHOR_KEYS_MAX`]).
    pub passed_over: usize,
    /// Why the set is not proven; then nothing changed but by revocation.
    pub unproven: Option<Unproven>,
}

/// Why a DNSKEY set says nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    /// No trusted key has signed it.
    #[error("{0}")]
    Fault(Fault),
    /// Nothing here can verify what the trusted keys sign.
    #[error("no trusted key of the zone has an algorithm, digest and size that can be used here")]
    Unusable,
    /// No key of the zone is trusted.
    #[error("no key of the zone is trusted")]
    NoAnchor,
}

/// Where a zone with anchors stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneStatus {
    /// The zone.
    pub zone: Name,
    /// Its keys, in the order they are kept.
    pub keys: Vec<KeyStatus>,
    /// What became of asking for them.
    pub probes: Probes,
}

/// Where a key stands. Times are seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyStatus {
    /// The tag, without the REVOKE bit.
    pub key_tag: u16,
    /// The algorithm.
    pub algorithm: u8,
    /// Whether only the digest of the key is known as yet.
    pub is_digest: bool,
    /// The state.
    pub state: State,
    /// Since when; none: not known.
    pub since: Option<u64>,
    /// When a proven set last had it.
    pub seen: Option<u64>,
    /// When it goes on to the next state if nothing else happens: trusted, forgotten, removed.
    pub until: Option<u64>,
}

impl ZoneStatus {
    /// Whether a key of the zone is trusted. If none is, the zone counts as one without an anchor (RFC 5011 §5).
    pub fn is_trusted(&self) -> bool {
        self.keys.iter().any(|key| key.state.is_trusted())
    }
}

impl Rollover {
    /// Tracks these anchors, as trusted as they are.
    pub fn new(anchors: &Anchors) -> Self {
        Self::tracking(
            anchors.iter().flat_map(|(zone, keys)| {
                keys.iter().map(|key| (zone.clone(), Tracked::trusted(key.clone())))
            }),
        )
    }

    /// Tracks these keys, each once.
    pub(super) fn tracking(keys: impl IntoIterator<Item = (Name, Tracked)>) -> Self {
        let mut points: BTreeMap<Name, TrustPoint> = BTreeMap::new();
        for (zone, tracked) in keys {
            points.entry(zone).or_default().keys.push(tracked);
        }
        for (zone, point) in &mut points {
            point.merge(zone);
        }
        Self { points }
    }

    /// Whether no zone is tracked.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// The trusted keys of a zone.
    pub fn trusted(&self, zone: &Name) -> Vec<AnchorKey> {
        self.points.get(zone).map(TrustPoint::trusted).unwrap_or_default()
    }

    /// All trusted keys.
    pub fn anchors(&self) -> Anchors {
        let mut anchors = Anchors::none();
        for (zone, point) in &self.points {
            anchors.replace(zone, point.trusted());
        }
        anchors
    }

    /// Zones that have no trusted key left: they count as never configured (RFC 5011 §5).
    pub fn lost(&self) -> impl Iterator<Item = &Name> {
        self.points.iter().filter(|(_, point)| !point.is_trusted()).map(|(zone, _)| zone)
    }

    /// The zones whose DNSKEY set is to be fetched now. One that is not due for longer than can be was put off by a
    /// clock that was wrong.
    pub fn due(&self, now: u64) -> Vec<Name> {
        let latest = now.saturating_add(limits::ANCHOR_PROBE_SECS_MAX);
        let due = |point: &TrustPoint| {
            point.is_trusted() && (point.probes.next <= now || point.probes.next > latest)
        };
        self.points.iter().filter(|(_, point)| due(point)).map(|(zone, _)| zone.clone()).collect()
    }

    /// Seconds until a zone is due; none: no zone will be.
    pub fn due_in_secs(&self, now: u64) -> Option<u64> {
        let trusted = self.points.values().filter(|point| point.is_trusted());
        trusted.map(|point| point.probes.next.saturating_sub(now)).min()
    }

    /// What was trusted without a date is trusted since now.
    pub fn begin(&mut self, now: u64) {
        for tracked in self.points.values_mut().flat_map(|point| &mut point.keys) {
            if tracked.since == 0 {
                tracked.since = now;
            }
        }
    }

    /// Takes in a DNSKEY set of the zone, fetched afresh.
    pub fn observe(&mut self, zone: &Name, response: &Scrubbed, trial: &Trial<'_>) -> Observed {
        let mut observed = Observed::default();
        let Some(point) = self.points.get_mut(zone) else {
            return Observed { unproven: Some(Unproven::NoAnchor), ..observed };
        };
        let Some(rrset) = response.answer.first().filter(|rrset| rrset.is(zone, RecordType::DNSKEY)) else {
            return Observed { unproven: Some(Unproven::Fault(Fault::DnskeyMissing)), ..observed };
        };
        let set = KeySet { zone, rrset, trial };
        let seen = set.keys();
        point.revoke(&set, &seen, &mut observed.changes);
        match set.prove(&point.trusted()) {
            Ok(verified) => {
                point.bind(&set, &seen);
                point.hold_longer(trial.skipped_secs);
                point.advance(&set, &seen, &mut observed.changes);
                observed.passed_over = point.greet(&set, &seen, &verified, &mut observed.changes);
                point.probes.succeed(&set, &verified);
            }
            Err(unproven) => observed.unproven = Some(unproven),
        }
        observed
    }

    /// The DNSKEY set of a zone could not be fetched, or not be proven.
    pub fn fail(&mut self, zone: &Name, why: &str, now: u64) {
        let Some(point) = self.points.get_mut(zone) else { return };
        let probes = &mut point.probes;
        probes.failed = now;
        probes.failures = probes.failures.saturating_add(1);
        // It is kept in a line of its own.
        probes.error =
            why.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(300).collect();
        probes.next = now.saturating_add(probes.retry_secs.max(limits::ANCHOR_PROBE_SECS_MIN));
    }

    /// Heeds what another process that follows the same zones saw revoked. Whether that took trust from a key.
    pub fn heed(&mut self, other: &Self) -> bool {
        let before = self.anchors();
        for (zone, point) in &mut self.points {
            let seen = other.points.get(zone).into_iter().flat_map(|other| &other.keys);
            point.keys.extend(seen.filter(|tracked| tracked.state.is_revoked()).cloned());
            point.merge(zone);
        }
        self.anchors() != before
    }

    /// Where each zone and key stands.
    pub fn status(&self) -> Vec<ZoneStatus> {
        let status = |(zone, point): (&Name, &TrustPoint)| ZoneStatus {
            zone: zone.clone(),
            keys: point.keys.iter().map(Tracked::status).collect(),
            probes: point.probes.clone(),
        };
        self.points.iter().map(status).collect()
    }
}

impl Tracked {
    /// A key that somebody says is to be trusted, nobody knows since when.
    pub(super) fn trusted(key: AnchorKey) -> Self {
        Self {
            key,
            state: State::Valid,
            since: 0,
            seen: 0,
            sightings: 0,
            hold_secs: limits::ANCHOR_ADD_HOLD_SECS,
        }
    }

    /// Seconds that it has been in its state. A time that is not known, or has not come yet, begins now.
    fn age_secs(&mut self, now: u64) -> u64 {
        if self.since == 0 || self.since > now {
            self.since = now;
            self.sightings = self.sightings.min(1);
        }
        now.saturating_sub(self.since)
    }

    fn enter(&mut self, zone: &Name, state: State, now: u64, changes: &mut Vec<Change>) {
        changes.push(self.change(zone, Some(self.state), Some(state)));
        self.state = state;
        self.since = now;
    }

    fn change(&self, zone: &Name, from: Option<State>, to: Option<State>) -> Change {
        let (key_tag, algorithm) = (self.key.key_tag(), self.key.algorithm());
        Change { zone: zone.clone(), key_tag, algorithm, from, to }
    }

    /// Since when a revoked key is out of the zone's set.
    fn gone_since(&self) -> u64 {
        self.since.max(self.seen)
    }

    fn status(&self) -> KeyStatus {
        let known = |time: u64| Some(time).filter(|time| *time != 0);
        let after = |time: u64, secs: u64| known(time).map(|time| time.saturating_add(secs));
        let until = match self.state {
            State::AddPend => after(self.since, self.hold_secs),
            State::Missing => after(self.since, limits::ANCHOR_KEEP_MISSING_SECS),
            State::Revoked => after(self.gone_since(), limits::ANCHOR_REMOVE_HOLD_SECS),
            State::Valid | State::Removed => None,
        };
        KeyStatus {
            key_tag: self.key.key_tag(),
            algorithm: self.key.algorithm(),
            is_digest: matches!(self.key, AnchorKey::Ds(_)),
            state: self.state,
            since: known(self.since),
            seen: known(self.seen),
            until,
        }
    }
}

impl TrustPoint {
    fn trusted(&self) -> Vec<AnchorKey> {
        self.keys
            .iter()
            .filter(|tracked| tracked.state.is_trusted())
            .map(|tracked| tracked.key.clone())
            .collect()
    }

    fn is_trusted(&self) -> bool {
        self.keys.iter().any(|tracked| tracked.state.is_trusted())
    }

    /// RevBit (RFC 5011 §4.1): a trusted key that shows its REVOKE bit and has signed the set that says so.
    fn revoke(&mut self, set: &KeySet<'_>, seen: &[Dnskey<'_>], changes: &mut Vec<Change>) {
        for key in seen.iter().filter(|key| key.is_revoked()) {
            let is_it = |tracked: &&mut Tracked| tracked.state.is_trusted() && tracked.key.is(set.zone, key);
            let mut named: Vec<&mut Tracked> = self.keys.iter_mut().filter(is_it).collect();
            if named.is_empty() || !set.is_signed_by(key) {
                continue;
            }
            for tracked in &mut named {
                tracked.enter(set.zone, State::Revoked, set.trial.now, changes);
                tracked.key = AnchorKey::Dnskey(unrevoked(key));
                tracked.seen = set.trial.now;
            }
        }
        self.merge(set.zone);
    }

    /// Digests become the keys that they name.
    fn bind(&mut self, set: &KeySet<'_>, seen: &[Dnskey<'_>]) {
        let trusted = self.trusted();
        let all: Vec<Voucher<'_>> = trusted.iter().filter_map(Voucher::from_anchor).collect();
        let policy = set.trial.validator.policy;
        // RFC 4509 §3: by no digest that is not good enough to prove a zone by.
        let usable = zone_keys::usable(&all, true, policy).unwrap_or_default();
        for key in seen.iter().filter(|key| !key.is_revoked()) {
            let named =
                |voucher: &Voucher<'_>| matches!(voucher, Voucher::Ds(ds) if names(ds, set.zone, key));
            if !usable.iter().any(named) {
                continue;
            }
            // And other digests of the same key, if they can be told to be that.
            let is_of_key = |ds: &Ds<'_>| {
                names(ds, set.zone, key)
                    || !policy.supports_digest(ds.digest_type)
                        && (ds.key_tag, ds.algorithm) == (key.key_tag(), key.algorithm)
            };
            for tracked in self.keys.iter_mut().filter(|tracked| tracked.state.is_trusted()) {
                if let AnchorKey::Ds(rdata) = &tracked.key
                    && Ds::read(rdata).is_ok_and(|ds| is_of_key(&ds))
                {
                    tracked.key = AnchorKey::Dnskey(key.rdata.to_vec());
                }
            }
        }
        self.merge(set.zone);
    }

    /// Leaves each key once, be it known by its digest or itself: revoked if it was ever revoked, else trusted if
    /// anything says so.
    fn merge(&mut self, zone: &Name) {
        let mut merged: Vec<Tracked> = Vec::with_capacity(self.keys.len());
        let rank = |state: State| match state {
            State::Removed => 4,
            State::Revoked => 3,
            State::Valid => 2,
            State::Missing => 1,
            State::AddPend => 0,
        };
        for tracked in self.keys.drain(..) {
            match merged.iter_mut().find(|known| known.key.is_same(zone, &tracked.key)) {
                Some(known) if rank(tracked.state) > rank(known.state) => *known = tracked,
                Some(_) => {}
                None => merged.push(tracked),
            }
        }
        self.keys = merged;
    }

    /// Time that did not pass is not counted for pending keys.
    fn hold_longer(&mut self, secs: u64) {
        for tracked in self.keys.iter_mut().filter(|tracked| tracked.state == State::AddPend) {
            tracked.since = tracked.since.saturating_add(secs);
        }
    }

    /// KeyRem, KeyPres, AddTime and RemTime (RFC 5011 §4.1), of keys that are tracked. The set is proven.
    fn advance(&mut self, set: &KeySet<'_>, seen: &[Dnskey<'_>], changes: &mut Vec<Change>) {
        let (zone, now) = (set.zone, set.trial.now);
        self.keys.retain_mut(|tracked| {
            let age = tracked.age_secs(now);
            let shown = |key: &&Dnskey<'_>| tracked.key.is(zone, key);
            let key = seen.iter().find(|key| !key.is_revoked() && shown(key));
            let is_shown_revoked = seen.iter().any(|key| key.is_revoked() && shown(&key));
            if key.is_some() || tracked.state.is_revoked() && is_shown_revoked {
                tracked.seen = now;
            }
            match (tracked.state, key) {
                (State::AddPend, Some(key)) if key.is_sep() && !is_shown_revoked => {
                    tracked.sightings = tracked.sightings.saturating_add(1);
                    if age >= tracked.hold_secs && tracked.sightings >= limits::ANCHOR_SIGHTINGS_MIN {
                        tracked.enter(zone, State::Valid, now, changes);
                    }
                }
                (State::AddPend, _) => {
                    changes.push(tracked.change(zone, Some(State::AddPend), None));
                    return false;
                }
                (State::Valid, None) => tracked.enter(zone, State::Missing, now, changes),
                (State::Missing, Some(_)) => tracked.enter(zone, State::Valid, now, changes),
                // Another is in use: it has proven the set.
                (State::Missing, None) if age >= limits::ANCHOR_KEEP_MISSING_SECS => {
                    changes.push(tracked.change(zone, Some(State::Missing), None));
                    return false;
                }
                (State::Revoked, _) => {
                    tracked.seen = tracked.seen.min(now);
                    let gone_secs = now.saturating_sub(tracked.gone_since());
                    if gone_secs >= limits::ANCHOR_REMOVE_HOLD_SECS {
                        tracked.enter(zone, State::Removed, now, changes);
                    }
                }
                (State::Valid, Some(_)) | (State::Missing, None) | (State::Removed, _) => {}
            }
            true
        });
    }

    /// NewKey (RFC 5011 §4.1): secure entry points that are not known yet. How many found no room.
    fn greet(
        &mut self,
        set: &KeySet<'_>,
        seen: &[Dnskey<'_>],
        verified: &Verified,
        changes: &mut Vec<Change>,
    ) -> usize {
        let mut passed_over = 0_usize;
        // RFC 5011 §2.4.1: thirty days, or the original TTL of the first set that has the key if that is longer.
        let hold_secs = limits::ANCHOR_ADD_HOLD_SECS.max(u64::from(verified.original_ttl));
        for key in seen.iter().filter(|key| key.is_sep() && !key.is_revoked() && set.can_use(key)) {
            let is_shown_revoked = seen.iter().any(|other| other.is_revoked() && is_same_key(other, key));
            if is_shown_revoked || self.keys.iter().any(|tracked| tracked.key.is(set.zone, key)) {
                continue;
            }
            if !self.make_room(set, changes) {
                passed_over = passed_over.saturating_add(1);
                continue;
            }
            let tracked = Tracked {
                key: AnchorKey::Dnskey(key.rdata.to_vec()),
                state: State::AddPend,
                since: set.trial.now,
                seen: set.trial.now,
                sightings: 1,
                hold_secs,
            };
            changes.push(tracked.change(set.zone, None, Some(State::AddPend)));
            self.keys.push(tracked);
        }
        passed_over
    }

    /// Whether one more key may be tracked. For it the one that was removed first is forgotten, or else the one that
    /// is missing longest, if for as long as a new key waits: a zone that withdraws keys without revoking them goes on,
    /// and a thief of one key has no sooner got rid of the others.
    fn make_room(&mut self, set: &KeySet<'_>, changes: &mut Vec<Change>) -> bool {
        let now = set.trial.now;
        while self.keys.len() >= limits::ANCHOR_KEYS_MAX {
            let may_go = |tracked: &Tracked| match tracked.state {
                State::Removed => true,
                State::Missing => now.saturating_sub(tracked.since) >= limits::ANCHOR_ADD_HOLD_SECS,
                State::AddPend | State::Valid | State::Revoked => false,
            };
            let may_go = self.keys.iter().enumerate().filter(|(_, tracked)| may_go(tracked));
            let first = may_go.min_by_key(|(_, tracked)| (tracked.state == State::Missing, tracked.since));
            let Some((place, _)) = first else { return false };
            let forgotten = self.keys.remove(place);
            if forgotten.state == State::Missing {
                changes.push(forgotten.change(set.zone, Some(State::Missing), None));
            }
        }
        true
    }
}

impl Probes {
    /// RFC 5011 §2.3.
    fn succeed(&mut self, set: &KeySet<'_>, verified: &Verified) {
        let ttl = u64::from(verified.original_ttl);
        let expiry = verified.until.saturating_sub(set.trial.now);
        let bounded = |longest: u64, part: u64| {
            limits::ANCHOR_PROBE_SECS_MIN.max(longest.min(ttl / part).min(expiry / part))
        };
        *self = Self {
            succeeded: set.trial.now,
            failed: self.failed,
            failures: 0,
            error: std::mem::take(&mut self.error),
            interval_secs: bounded(limits::ANCHOR_PROBE_SECS_MAX, 2),
            retry_secs: bounded(limits::ANCHOR_RETRY_SECS_MAX, 10),
            next: 0,
        };
        self.next = set.trial.now.saturating_add(self.interval_secs);
    }
}
