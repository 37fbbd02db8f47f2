//! The states of trust anchors (RFC 5011 §4), edge by edge, and the file that keeps them.

use super::*;
use crate::dns::base::hex;
use crate::lab::signer::REVOKED;
use crate::limits;
use crate::validate::rollover::{
    AnchorText, Change, Observed, Origin, Rollover, State, TextError, Trial, Unproven,
};

const DAYS: u64 = 86_400;
const MONTH: u64 = 30 * DAYS;

/// A zone that rolls its keys, and somebody who follows it.
struct Roll {
    zone: Name,
    maker: KeyMaker,
    rollover: Rollover,
    now: u64,
    ttl: u32,
    valid_secs: u32,
    skipped_secs: u64,
}

impl Roll {
    /// Trusts `keys` by DNSKEY.
    fn trusting(keys: usize) -> (Self, Vec<Key>) {
        let mut maker = KeyMaker::new(11);
        let keys: Vec<Key> = (0..keys).map(|_| maker.make(15, KSK).unwrap()).collect();
        let mut anchors = Anchors::none();
        for key in &keys {
            anchors.add(name("example."), AnchorKey::Dnskey(key.dnskey()));
        }
        let mut rollover = Rollover::new(&anchors);
        rollover.begin(NOW);
        let (ttl, valid_secs) = (3_600, 20 * DAY);
        (Self { zone: name("example."), maker, rollover, now: NOW, ttl, valid_secs, skipped_secs: 0 }, keys)
    }

    fn key(&mut self) -> Key {
        self.maker.make(15, KSK).unwrap()
    }

    /// The zone's DNSKEY set, signed now.
    fn set(&self, keys: &[&Key], signers: &[&Key]) -> Scrubbed {
        let mut rrset = Rrset::new(self.zone.clone(), RecordType::DNSKEY, self.ttl);
        for key in keys {
            rrset.rdatas.push(&key.dnskey());
        }
        for key in signers {
            let validity = Validity::around(self.now, DAY, self.valid_secs);
            sign_rrset(&mut rrset, key, &self.zone, validity).unwrap();
        }
        answer(vec![rrset])
    }

    fn observe(&mut self, set: &Scrubbed) -> Observed {
        let budget = Budget::new(Caps::default(), Moment(0));
        let trial = Trial {
            validator: &Validator::default(),
            budget: &budget,
            now: self.now,
            skipped_secs: self.skipped_secs,
        };
        self.rollover.observe(&self.zone, set, &trial)
    }

    /// So many seconds later the zone shows these keys, signed by those.
    fn later(&mut self, secs: u64, keys: &[&Key], signers: &[&Key]) -> Observed {
        self.now += secs;
        let set = self.set(keys, signers);
        self.observe(&set)
    }

    fn state(&self, key: &Key) -> Option<State> {
        let rdata = key.with_flags(KSK).dnskey();
        self.rollover.points[&self.zone]
            .keys
            .iter()
            .find(|tracked| tracked.key == AnchorKey::Dnskey(rdata.clone()))
            .map(|tracked| tracked.state)
    }

    fn trusts(&self, key: &Key) -> bool {
        self.rollover.trusted(&self.zone).contains(&AnchorKey::Dnskey(key.dnskey()))
    }
}

fn revoked(key: &Key) -> Key {
    key.with_flags(KSK | REVOKED)
}

fn edges(observed: &Observed) -> Vec<(Option<State>, Option<State>)> {
    observed.changes.iter().map(|change: &Change| (change.from, change.to)).collect()
}

#[test]
fn a_new_key_is_trusted_after_thirty_days_in_every_proven_set() {
    let (mut roll, keys) = Roll::trusting(1);
    let (old, new) = (&keys[0], &roll.key());
    let seen = roll.later(0, &[old, new], &[old]);
    assert_eq!(edges(&seen), [(None, Some(State::AddPend))]);
    let almost = roll.later(MONTH - 1, &[old, new], &[old]);
    assert!(almost.changes.is_empty() && !roll.trusts(new));
    let then = roll.later(1, &[old, new], &[old]);
    assert_eq!(edges(&then), [(Some(State::AddPend), Some(State::Valid))]);
    assert!(roll.trusts(new) && roll.trusts(old));
}

#[test]
fn a_key_is_not_trusted_because_it_was_seen_once_however_long_ago() {
    let (mut roll, keys) = Roll::trusting(1);
    let (old, new) = (&keys[0], &roll.key());
    roll.later(0, &[old, new], &[old]);
    roll.now += 2 * MONTH;
    assert!(!roll.trusts(new), "time alone does nothing");
    roll.later(0, &[old, new], &[old]);
    assert!(roll.trusts(new), "a second set does");
}

#[test]
fn the_hold_down_is_as_long_as_the_original_ttl_of_the_first_set() {
    let (mut roll, keys) = Roll::trusting(1);
    let (old, new) = (&keys[0], &roll.key());
    roll.ttl = 40 * DAY;
    roll.later(0, &[old, new], &[old]);
    roll.ttl = 3_600;
    roll.later(MONTH, &[old, new], &[old]);
    roll.later(10 * DAYS - 1, &[old, new], &[old]);
    assert_eq!(roll.state(new), Some(State::AddPend));
    roll.later(1, &[old, new], &[old]);
    assert_eq!(roll.state(new), Some(State::Valid));
}

#[test]
fn a_forged_signature_beside_the_good_one_neither_prolongs_the_hold_down_nor_the_pauses() {
    let (mut roll, keys) = Roll::trusting(1);
    let (old, new) = (&keys[0], &roll.key());
    let mut set = roll.set(&[old, new], &[old]);
    let rrset = &mut set.answer[0];
    let mut forged = rrset.signatures.iter().next().unwrap().to_vec();
    // The original TTL (RFC 4034 §3.1).
    forged[4..8].fill(0xff);
    rrset.signatures.push(&forged);
    let seen = roll.observe(&set);
    assert_eq!((edges(&seen), seen.unproven), (vec![(None, Some(State::AddPend))], None));
    let status = roll.rollover.status();
    assert_eq!(status[0].probes.interval_secs, limits::ANCHOR_PROBE_SECS_MIN);
    roll.later(MONTH, &[old, new], &[old]);
    assert!(roll.trusts(new), "{status:?}");
}

#[test]
fn a_zone_that_withdraws_its_keys_without_revoking_them_is_followed_for_good() {
    let (mut roll, mut keys) = Roll::trusting(1);
    let mut old = keys.remove(0);
    for turn in 0..2 * limits::ANCHOR_KEYS_MAX {
        let new = roll.key();
        roll.later(DAYS, &[&old, &new], &[&old]);
        roll.later(MONTH, &[&old, &new], &[&old]);
        assert!(roll.trusts(&new), "{turn}");
        let after = roll.later(DAYS, &[&new], &[&new]);
        assert_eq!(edges(&after), [(Some(State::Valid), Some(State::Missing))]);
        old = new;
    }
    assert_eq!(roll.rollover.status()[0].keys.len(), limits::ANCHOR_KEYS_MAX);
}

#[test]
fn who_has_one_of_two_keys_does_not_get_rid_of_the_other_by_new_ones() {
    let (mut roll, keys) = Roll::trusting(2);
    let (stolen, kept) = (&keys[0], &keys[1]);
    for day in 0..30 {
        let new: Vec<Key> = (0..limits::ANCHOR_KEYS_MAX).map(|_| roll.key()).collect();
        let shown: Vec<&Key> = std::iter::once(stolen).chain(&new).collect();
        roll.later(DAYS, &shown, &[stolen]);
        assert!(roll.trusts(kept), "{day}");
    }
}

#[test]
fn a_pending_key_that_vanishes_begins_anew() {
    let (mut roll, keys) = Roll::trusting(1);
    let (old, new) = (&keys[0], &roll.key());
    roll.later(0, &[old, new], &[old]);
    let gone = roll.later(29 * DAYS, &[old], &[old]);
    assert_eq!(edges(&gone), [(Some(State::AddPend), None)]);
    roll.later(1, &[old, new], &[old]);
    roll.later(29 * DAYS, &[old, new], &[old]);
    assert_eq!(roll.state(new), Some(State::AddPend));
    roll.later(DAYS, &[old, new], &[old]);
    assert_eq!(roll.state(new), Some(State::Valid));
}

#[test]
fn a_pending_key_signs_for_nothing() {
    let (mut roll, keys) = Roll::trusting(1);
    let (old, new, next) = (&keys[0], &roll.key(), &roll.key());
    roll.later(0, &[old, new], &[old]);
    let seen = roll.later(DAYS, &[old, new, next], &[new]);
    assert!(matches!(seen.unproven, Some(Unproven::Fault(Fault::NoKeyForSignature { .. }))), "{seen:?}");
    assert!(seen.changes.is_empty());
    // Nor for its own hold-down.
    roll.later(MONTH, &[old, new], &[new]);
    assert_eq!((roll.state(new), roll.state(next)), (Some(State::AddPend), None));
}

#[test]
fn a_trusted_key_that_is_missing_stays_trusted_and_comes_back() {
    let (mut roll, keys) = Roll::trusting(2);
    let (one, two) = (&keys[0], &keys[1]);
    let gone = roll.later(0, &[one], &[one]);
    assert_eq!(edges(&gone), [(Some(State::Valid), Some(State::Missing))]);
    assert!(roll.trusts(two));
    // A set that the missing key brings along and has signed alone.
    let back = roll.later(DAYS, &[two], &[two]);
    assert_eq!(
        edges(&back),
        [(Some(State::Valid), Some(State::Missing)), (Some(State::Missing), Some(State::Valid))]
    );
}

#[test]
fn a_key_that_is_missing_for_a_year_is_forgotten_if_another_is_in_use() {
    let (mut roll, keys) = Roll::trusting(2);
    let (one, two) = (&keys[0], &keys[1]);
    roll.later(0, &[one], &[one]);
    roll.later(limits::ANCHOR_KEEP_MISSING_SECS - 1, &[one], &[one]);
    assert_eq!(roll.state(two), Some(State::Missing));
    let forgotten = roll.later(1, &[one], &[one]);
    assert_eq!(edges(&forgotten), [(Some(State::Missing), None)]);
    assert!(forgotten.changes[0].takes_trust() && roll.trusts(one));
}

#[test]
fn a_revoked_key_is_never_trusted_again() {
    let (mut roll, keys) = Roll::trusting(2);
    let (old, new) = (&keys[0], &keys[1]);
    let gone = &revoked(old);
    let seen = roll.later(0, &[gone, new], &[gone, new]);
    assert_eq!(edges(&seen), [(Some(State::Valid), Some(State::Revoked))]);
    assert!(seen.changes[0].takes_trust() && !roll.trusts(old));
    // It comes back without the bit: neither new nor present.
    for _ in 0..4 {
        let back = roll.later(20 * DAYS, &[old, new], &[new]);
        assert!(back.unproven.is_none() && !roll.trusts(old), "{back:?}");
    }
    let by_it = roll.later(0, &[old, new], &[old]);
    assert!(by_it.unproven.is_some());
}

#[test]
fn a_missing_key_can_be_revoked() {
    let (mut roll, keys) = Roll::trusting(2);
    let (old, new) = (&keys[0], &keys[1]);
    roll.later(0, &[new], &[new]);
    let gone = &revoked(old);
    let seen = roll.later(DAYS, &[gone, new], &[gone, new]);
    assert_eq!(edges(&seen), [(Some(State::Missing), Some(State::Revoked))]);
}

#[test]
fn a_revoked_key_is_removed_once_it_is_out_of_the_set_for_thirty_days() {
    let (mut roll, keys) = Roll::trusting(2);
    let (old, new) = (&keys[0], &keys[1]);
    let gone = &revoked(old);
    roll.later(0, &[gone, new], &[gone, new]);
    roll.later(40 * DAYS, &[gone, new], &[gone, new]);
    assert_eq!(roll.state(old), Some(State::Revoked), "it is still there");
    roll.later(MONTH - 1, &[new], &[new]);
    assert_eq!(roll.state(old), Some(State::Revoked));
    let removed = roll.later(1, &[new], &[new]);
    assert_eq!(edges(&removed), [(Some(State::Revoked), Some(State::Removed))]);
    roll.later(0, &[old, new], &[new]);
    roll.later(2 * MONTH, &[old, new], &[new]);
    assert_eq!(roll.state(old), Some(State::Removed), "known, and not taken for a new one");
}

#[test]
fn a_revocation_needs_the_signature_of_the_key_itself() {
    let (mut roll, keys) = Roll::trusting(2);
    let (old, new) = (&keys[0], &keys[1]);
    let gone = &revoked(old);
    // Signed by the other trusted key alone: the bit is anybody's who may sign.
    let seen = roll.later(0, &[gone, new], &[new]);
    assert_eq!(edges(&seen), [(Some(State::Valid), Some(State::Missing))]);
    assert!(roll.trusts(old));
    // Signed by the key as it was, under its tag without the bit.
    roll.later(0, &[old, new], &[new]);
    let seen = roll.later(0, &[gone, new], &[old, new]);
    assert!(roll.trusts(old), "{seen:?}");
    // Signed by nobody.
    let seen = roll.later(0, &[gone, new], &[]);
    assert!(seen.unproven.is_some() && roll.trusts(old));
    // A signature that is over.
    let set = roll.set(&[gone, new], &[gone]);
    roll.now += 40 * DAYS;
    roll.observe(&set);
    assert!(roll.trusts(old));
}

#[test]
fn a_revocation_needs_no_other_signature_and_brings_nothing_else() {
    let (mut roll, keys) = Roll::trusting(2);
    let (old, other, new) = (&keys[0], &keys[1], &roll.key());
    let gone = &revoked(old);
    let seen = roll.later(0, &[gone, new], &[gone]);
    assert_eq!(edges(&seen), [(Some(State::Valid), Some(State::Revoked))]);
    assert!(seen.unproven.is_some(), "the set itself is not proven by a key that is revoked in it");
    assert_eq!((roll.state(other), roll.state(new)), (Some(State::Valid), None));
}

#[test]
fn a_zone_whose_last_key_is_revoked_has_no_anchor_any_more() {
    let (mut roll, keys) = Roll::trusting(1);
    let (old, new) = (&keys[0], &roll.key());
    roll.later(0, &[old, new], &[old]);
    let gone = &revoked(old);
    roll.later(DAYS, &[gone, new], &[gone, new]);
    assert_eq!(roll.rollover.lost().collect::<Vec<_>>(), [&roll.zone]);
    assert!(roll.rollover.anchors().is_empty());
    // And nothing that the zone says brings one back.
    let seen = roll.later(2 * MONTH, &[new], &[new]);
    assert_eq!(seen.unproven, Some(Unproven::NoAnchor));
    assert!(roll.rollover.due(roll.now + 400 * DAYS).is_empty());
}

#[test]
fn only_secure_entry_points_become_anchors() {
    let (mut roll, keys) = Roll::trusting(1);
    let old = &keys[0];
    let zsk = &roll.maker.make(15, ZSK).unwrap();
    let none = &roll.maker.make(15, 1).unwrap();
    let sep = &roll.key();
    let seen = roll.later(0, &[old, zsk, none, sep], &[old]);
    assert_eq!(seen.changes.len(), 1);
    roll.later(2 * MONTH, &[old, zsk, none, sep], &[old]);
    assert_eq!(roll.rollover.trusted(&roll.zone).len(), 2);
    assert!(roll.trusts(sep));
}

#[test]
fn the_zone_signing_key_alone_introduces_and_removes_nothing() {
    let (mut roll, keys) = Roll::trusting(1);
    let old = &keys[0];
    let zsk = &roll.maker.make(15, ZSK).unwrap();
    let evil = &roll.key();
    for _ in 0..4 {
        let seen = roll.later(20 * DAYS, &[old, zsk, evil], &[zsk, evil]);
        assert!(seen.unproven.is_some() && seen.changes.is_empty(), "{seen:?}");
    }
    assert_eq!(roll.rollover.trusted(&roll.zone).len(), 1);
}

#[test]
fn keys_that_cannot_be_used_here_are_not_waited_for() {
    let (mut roll, keys) = Roll::trusting(1);
    let old = &keys[0];
    let odd = &roll.maker.make(16, KSK).unwrap();
    assert!(roll.later(0, &[old, odd], &[old]).changes.is_empty());
}

#[test]
fn a_zone_may_change_its_algorithm() {
    let (mut roll, keys) = Roll::trusting(1);
    let old = &keys[0];
    let new = &roll.maker.make(13, KSK).unwrap();
    roll.later(0, &[old, new], &[old, new]);
    roll.later(MONTH, &[old, new], &[old, new]);
    let gone = &revoked(old);
    roll.later(DAYS, &[gone, new], &[gone, new]);
    roll.later(MONTH + DAYS, &[new], &[new]);
    let removed = roll.later(MONTH, &[new], &[new]);
    assert!(removed.unproven.is_none());
    assert_eq!((roll.state(old), roll.state(new)), (Some(State::Removed), Some(State::Valid)));
}

#[test]
fn a_digest_becomes_the_key_that_it_names() {
    let (mut roll, keys) = Roll::trusting(2);
    let (one, two, three) = (&keys[0], &keys[1], &roll.key());
    let mut anchors = Anchors::none();
    // Two digests of one key, one of a key that is not shown yet, a weak one of a key that has no other.
    for ds in [one.ds(&roll.zone, 2), one.ds(&roll.zone, 4), two.ds(&roll.zone, 2), three.ds(&roll.zone, 1)] {
        anchors.add(roll.zone.clone(), AnchorKey::Ds(ds));
    }
    roll.rollover = Rollover::new(&anchors);
    let seen = roll.later(0, &[one, three], &[one]);
    assert!(seen.unproven.is_none());
    assert_eq!(roll.state(one), Some(State::Valid));
    let status = &roll.rollover.status()[0];
    let digests: Vec<_> = status.keys.iter().filter(|key| key.is_digest).map(|key| key.key_tag).collect();
    assert_eq!((status.keys.len(), digests), (3, vec![two.tag()]), "{status:?}");
    // The other is bound when it comes, and one that was revoked meanwhile is not.
    roll.later(DAYS, &[one, two, three], &[one]);
    assert_eq!(roll.state(two), Some(State::Valid));
}

#[test]
fn a_key_that_is_known_by_its_digest_can_be_revoked() {
    let (mut roll, keys) = Roll::trusting(2);
    let (old, new) = (&keys[0], &keys[1]);
    let mut anchors = Anchors::none();
    anchors.add(roll.zone.clone(), AnchorKey::Ds(old.ds(&roll.zone, 2)));
    anchors.add(roll.zone.clone(), AnchorKey::Ds(new.ds(&roll.zone, 2)));
    roll.rollover = Rollover::new(&anchors);
    let gone = &revoked(old);
    roll.later(0, &[gone, new], &[gone, new]);
    assert_eq!((roll.state(old), roll.state(new)), (Some(State::Revoked), Some(State::Valid)));
}

#[test]
fn a_zone_fills_no_more_than_its_room() {
    let (mut roll, keys) = Roll::trusting(1);
    let old = &keys[0];
    let many: Vec<Key> = (0..20).map(|_| roll.key()).collect();
    let shown: Vec<&Key> = std::iter::once(old).chain(&many).collect();
    let seen = roll.later(0, &shown, &[old]);
    assert_eq!(seen.changes.len(), limits::ANCHOR_KEYS_MAX - 1);
    assert_eq!(seen.passed_over, 20 - seen.changes.len());
    assert_eq!(roll.rollover.status()[0].keys.len(), limits::ANCHOR_KEYS_MAX);
}

#[test]
fn keys_that_were_removed_make_room_for_new_ones() {
    let (mut roll, keys) = Roll::trusting(1);
    let mut trusted = keys[0].clone();
    for _ in 0..2 * limits::ANCHOR_KEYS_MAX {
        let new = roll.key();
        roll.later(0, &[&trusted, &new], &[&trusted]);
        roll.later(MONTH, &[&trusted, &new], &[&trusted]);
        let gone = revoked(&trusted);
        roll.later(DAYS, &[&gone, &new], &[&gone, &new]);
        roll.later(MONTH + DAYS, &[&new], &[&new]);
        assert!(roll.trusts(&new) && !roll.trusts(&trusted));
        trusted = new;
    }
    assert!(roll.rollover.status()[0].keys.len() <= limits::ANCHOR_KEYS_MAX);
}

#[test]
fn the_next_look_follows_from_ttl_and_expiry() {
    let (mut roll, keys) = Roll::trusting(1);
    let old = &keys[0];
    // TTL, lifetime, days until the next look, hours until the retry.
    for (ttl, valid_secs, interval, retry) in [
        (2 * DAY, 20 * DAY, 86_400, 17_280),
        (60, 20 * DAY, 3_600, 3_600),
        (60 * DAY, 60 * DAY, 15 * 86_400, 86_400),
        (20 * DAY, 4 * DAY, 2 * 86_400, 34_560),
    ] {
        (roll.ttl, roll.valid_secs) = (ttl, valid_secs);
        roll.later(0, &[old], &[old]);
        let now = roll.now;
        assert_eq!(roll.rollover.due_in_secs(now), Some(interval));
        assert!(roll.rollover.due(now + interval - 1).is_empty());
        assert_eq!(roll.rollover.due(now + interval), [roll.zone.clone()]);
        roll.rollover.fail(&roll.zone.clone(), "no\nanswer", now);
        assert_eq!(roll.rollover.due_in_secs(now), Some(retry));
        assert_eq!(roll.rollover.status()[0].probes.error, "no answer");
    }
}

#[test]
fn a_clock_that_goes_back_or_forward_ends_no_hold_down_early() {
    let (mut roll, keys) = Roll::trusting(1);
    let (old, new) = (&keys[0], &roll.key());
    // It was ahead when the key was first seen: the hold-down begins when the time is known better.
    roll.now = NOW + 10 * DAYS;
    roll.later(0, &[old, new], &[old]);
    roll.now = NOW;
    roll.later(0, &[old, new], &[old]);
    roll.later(MONTH - 1, &[old, new], &[old]);
    assert_eq!(roll.state(new), Some(State::AddPend));
    roll.later(1, &[old, new], &[old]);
    assert_eq!(roll.state(new), Some(State::Valid));
}

#[test]
fn a_clock_that_was_ahead_keeps_no_revoked_key_longer_than_thirty_days() {
    let (mut roll, keys) = Roll::trusting(2);
    let (old, new) = (&keys[0], &keys[1]);
    let gone = &revoked(old);
    roll.now = NOW + 10 * DAYS;
    roll.later(0, &[gone, new], &[gone, new]);
    roll.now = NOW;
    roll.later(0, &[new], &[new]);
    roll.later(MONTH - 1, &[new], &[new]);
    assert_eq!(roll.state(old), Some(State::Revoked));
    roll.later(1, &[new], &[new]);
    assert_eq!(roll.state(old), Some(State::Removed));
}

#[test]
fn days_that_the_clock_skips_are_no_part_of_a_hold_down() {
    let (mut roll, keys) = Roll::trusting(1);
    let (old, new) = (&keys[0], &roll.key());
    roll.later(0, &[old, new], &[old]);
    roll.skipped_secs = 20 * DAYS;
    roll.later(MONTH, &[old, new], &[old]);
    roll.skipped_secs = 0;
    roll.later(20 * DAYS - 1, &[old, new], &[old]);
    assert_eq!(roll.state(new), Some(State::AddPend));
    roll.later(1, &[old, new], &[old]);
    assert_eq!(roll.state(new), Some(State::Valid));
}

#[test]
fn a_clock_in_1970_or_far_ahead_changes_nothing() {
    let (mut roll, keys) = Roll::trusting(2);
    let (old, two, new) = (&keys[0], &keys[1], &roll.key());
    roll.later(0, &[old, two, new], &[old]);
    let before = roll.rollover.clone();
    let gone = &revoked(old);
    let plain = roll.set(&[two], &[two]);
    let revoking = roll.set(&[gone, two, new], &[gone, two]);
    for now in [0, 100, NOW - 20 * DAYS, NOW + 400 * DAYS, u64::from(u32::MAX), u64::MAX] {
        roll.now = now;
        for set in [&plain, &revoking] {
            let seen = roll.observe(set);
            assert!(seen.unproven.is_some() && seen.changes.is_empty(), "{now} {seen:?}");
        }
    }
    assert_eq!(roll.rollover, before);
    // What was put off to a day that never comes is due all the same.
    roll.rollover.fail(&roll.zone.clone(), "", u64::MAX);
    assert_eq!(roll.rollover.due(NOW), [roll.zone.clone()]);
}

#[test]
fn a_set_of_another_zone_or_of_no_keys_says_nothing() {
    let (mut roll, keys) = Roll::trusting(1);
    let old = &keys[0];
    let mut foreign = roll.set(&[old], &[old]);
    foreign.answer[0].name = name("example.org.");
    assert_eq!(roll.observe(&foreign).unproven, Some(Unproven::Fault(Fault::DnskeyMissing)));
    let empty = nodata(question("example.", RecordType::DNSKEY), Vec::new());
    assert_eq!(roll.observe(&empty).unproven, Some(Unproven::Fault(Fault::DnskeyMissing)));
    let zone = std::mem::replace(&mut roll.zone, name("example.org."));
    let other = roll.set(&[old], &[old]);
    assert_eq!(roll.observe(&other).unproven, Some(Unproven::NoAnchor));
    assert_eq!(roll.rollover.trusted(&zone).len(), 1);
}

/// Something of everything.
fn full() -> (Roll, Vec<Key>) {
    let (mut roll, mut keys) = Roll::trusting(4);
    let new = roll.key();
    let [one, two, three, four] = &keys[..] else { panic!() };
    let (gone, removed) = (&revoked(two), &revoked(three));
    roll.later(0, &[one, four, removed], &[one, removed]);
    roll.later(MONTH + DAYS, &[one, gone, &new], &[one, gone]);
    roll.rollover.fail(&roll.zone.clone(), "no server answers; really ;;state=2", roll.now + 5);
    let mut ds = Rollover::new(&Anchors::builtin());
    ds.begin(roll.now);
    for (zone, point) in ds.points {
        roll.rollover.points.insert(zone, point);
    }
    keys.push(new);
    (roll, keys)
}

#[test]
fn the_state_is_read_as_it_was_written() {
    let (roll, keys) = full();
    let states = [State::Valid, State::Revoked, State::Removed, State::Missing, State::AddPend];
    for (key, state) in keys.iter().zip(states) {
        assert_eq!(roll.state(key), Some(state));
    }
    let text = roll.rollover.text();
    let read = AnchorText::read(&text).unwrap();
    assert_eq!((read.rollover, read.origin), (roll.rollover, Origin::Kept), "{text}");
}

#[test]
fn a_state_that_is_cut_anywhere_is_refused() {
    let text = full().0.rollover.text();
    for end in 0..text.len() {
        let Some(cut) = text.get(..end) else { continue };
        match AnchorText::read(cut) {
            Err(TextError::Torn) => {}
            Ok(read) => assert!(end < 30 && read.rollover.is_empty(), "{end}"),
            other => panic!("{end} {other:?}"),
        }
    }
    for (at, _) in text.char_indices() {
        // A block that was never written.
        let blank: String = text.chars().take(at).chain("\0".chars()).collect();
        assert_eq!(AnchorText::read(&blank), Err(TextError::Torn));
    }
}

#[test]
fn no_octet_of_a_state_changes_unnoticed() {
    let text = full().0.rollover.text();
    for at in 0..text.len() {
        for octet in [b'0', b'2', b' ', b';'] {
            let mut changed = text.clone().into_bytes();
            if !changed[at].is_ascii() || std::mem::replace(&mut changed[at], octet) == octet {
                continue;
            }
            let read = AnchorText::read(std::str::from_utf8(&changed).unwrap());
            assert!(read.is_err() || read.is_ok_and(|read| read.origin != Origin::Kept), "{at}");
        }
    }
}

#[test]
fn what_an_operator_adds_is_trusted_and_what_he_removes_is_forgotten() {
    let (mut roll, keys) = full();
    let text = roll.rollover.text();
    let ds = "example.org. IN DS 1 13 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16\n";
    // At the end, as `echo … >> root.key` does, or in the middle.
    let middle = text.find("example.\tIN").unwrap();
    for edited in [format!("{text}{ds}"), format!("{}{ds}{}", &text[..middle], &text[middle..])] {
        let read = AnchorText::read(&edited).unwrap();
        assert_eq!(read.origin, Origin::Edited);
        assert_eq!(read.rollover.trusted(&name("example.org.")).len(), 1);
        assert_eq!(read.rollover.points[&roll.zone], roll.rollover.points[&roll.zone]);
    }
    let less: String = text.split_inclusive('\n').filter(|line| !line.contains("ADDPEND")).collect();
    let read = AnchorText::read(&less).unwrap();
    assert_eq!(read.origin, Origin::Edited);
    roll.rollover = read.rollover;
    assert_eq!((roll.state(&keys[4]), roll.state(&keys[0])), (None, Some(State::Valid)));
}

#[test]
fn a_key_that_was_ever_revoked_is_not_trusted_for_being_listed_twice() {
    let (roll, keys) = full();
    let listed = AnchorKey::Dnskey(keys[1].dnskey());
    let mut anchors = Anchors::none();
    anchors.add(roll.zone.clone(), listed.clone());
    let text = roll.rollover.text();
    let line = text.lines().find(|line| line.contains("REVOKED")).unwrap();
    let plain = line.split(" ;").next().unwrap().replace("385", "257");
    for both in [format!("{line}\n{plain}\n"), format!("{plain}\n{line}\n")] {
        let read = AnchorText::read(&both).unwrap();
        assert!(read.rollover.trusted(&roll.zone).is_empty(), "{both}");
    }
    assert!(AnchorText::read(&plain).unwrap().rollover.trusted(&roll.zone).contains(&listed));
}

#[test]
fn a_state_that_cannot_be_read_is_a_fault_and_never_trust() {
    let (roll, _) = full();
    let text = roll.rollover.text();
    let pending = text.lines().find(|line| line.contains("ADDPEND")).unwrap();
    for wrong in ["state=9", "state=", "state=x", "stat=1", "state=1x", "lastchange=1"] {
        let line = pending.replace("state=1", wrong);
        assert!(matches!(AnchorText::read(&line), Err(TextError::Faults(_))), "{line}");
    }
    let long = pending.replace(";;count", &format!("{} ;;count", "x".repeat(100_000)));
    assert!(AnchorText::read(&long).unwrap().rollover.anchors().is_empty(), "however long the line is");
    let short = pending.replace("holddown=2592000", "holddown=5").replace("lastchange=", "was=");
    let mut read = AnchorText::read(&short).unwrap().rollover;
    read.begin(NOW);
    assert_eq!(read.status()[0].keys[0].until, Some(NOW + MONTH));
}

#[test]
fn the_files_of_unbound_are_understood() {
    let text = "; autotrust trust anchor file\n;;id: . 1\n;;last_queried: 1258962400 ;;Mon Nov 23 08:46:40 2009\n\
        ;;last_success: 1258962400 ;;Mon Nov 23 08:46:40 2009\n;;next_probe_time: 1258967360 ;;Mon Nov 23\n\
        ;;query_failed: 0\n;;query_interval: 5400\n;;retry_time: 3600\n\
        .\t10800\tIN\tDNSKEY\t257 3 13 Zm9vYmFy ;{id = 1 (ksk), size = 512b} ;;state=2 [  VALID  ] ;;count=0 \
        ;;lastchange=1258962400 ;;Mon Nov 23 08:46:40 2009\n\
        .\t10800\tIN\tDNSKEY\t257 3 13 Zm9vYmFz ;{id = 2 (ksk), size = 512b} ;;state=1 [ ADDPEND ] ;;count=3 \
        ;;lastchange=1258962401 ;;Mon Nov 23 08:46:40 2009\n\
        .\t10800\tIN\tDNSKEY\t385 3 13 Zm9vYmFt ;{id = 3 (ksk), size = 512b} ;;state=4 [ REVOKED ] ;;count=0 \
        ;;lastchange=1258962402 ;;Mon Nov 23 08:46:40 2009\n";
    let read = AnchorText::read(text).unwrap();
    assert_eq!(read.origin, Origin::Seed);
    let status = &read.rollover.status()[0];
    assert_eq!(
        status.keys.iter().map(|key| (key.state, key.since)).collect::<Vec<_>>(),
        [
            (State::Valid, Some(1_258_962_400)),
            (State::AddPend, Some(1_258_962_401)),
            (State::Revoked, Some(1_258_962_402))
        ]
    );
    assert_eq!((status.probes.succeeded, status.probes.interval_secs), (1_258_962_400, 5_400));
    assert_eq!(read.rollover.trusted(&Name::root()).len(), 1);
}

#[test]
fn a_pending_key_of_a_file_that_counts_no_sighting_is_seen_twice() {
    let (mut roll, keys) = Roll::trusting(1);
    let (old, new) = (&keys[0], &roll.key());
    roll.later(0, &[old, new], &[old]);
    let text = roll.rollover.text().replace(";;count=1", ";;count=0");
    roll.rollover = AnchorText::read(&text).unwrap().rollover;
    roll.later(2 * MONTH, &[old, new], &[old]);
    assert_eq!(roll.state(new), Some(State::AddPend));
    roll.later(1, &[old, new], &[old]);
    assert_eq!(roll.state(new), Some(State::Valid));
}

#[test]
fn a_new_key_that_is_shown_with_and_without_its_revoke_bit_is_not_waited_for() {
    let (mut roll, keys) = Roll::trusting(1);
    let (old, new) = (&keys[0], &roll.key());
    let gone = &revoked(new);
    assert!(roll.later(0, &[old, new, gone], &[old]).changes.is_empty());
    roll.later(0, &[old, new], &[old]);
    let seen = roll.later(DAYS, &[old, new, gone], &[old]);
    assert_eq!(edges(&seen), [(Some(State::AddPend), None)]);
}

#[test]
fn a_digest_of_a_key_that_was_revoked_brings_it_not_back() {
    let (mut roll, keys) = Roll::trusting(2);
    let (old, new) = (&keys[0], &keys[1]);
    let gone = &revoked(old);
    roll.later(0, &[gone, new], &[gone, new]);
    let ds = hex(&old.ds(&roll.zone, 2)[4..]);
    let text = format!("example. IN DS {} 15 2 {ds}\n{}", old.tag(), roll.rollover.text());
    roll.rollover = AnchorText::read(&text).unwrap().rollover;
    assert_eq!(roll.rollover.status()[0].keys.len(), 2);
    assert_eq!((roll.state(old), roll.state(new)), (Some(State::Revoked), Some(State::Valid)));
}

#[test]
fn a_digest_of_a_pending_key_makes_it_trusted() {
    let (mut roll, keys) = Roll::trusting(1);
    let (old, new) = (&keys[0], &roll.key());
    roll.later(0, &[old, new], &[old]);
    let ds = hex(&new.ds(&roll.zone, 2)[4..]);
    let text = format!("{}example. IN DS {} 15 2 {ds}\n", roll.rollover.text(), new.tag());
    roll.rollover = AnchorText::read(&text).unwrap().rollover;
    roll.later(DAYS, &[old, new], &[new]);
    assert_eq!((roll.state(old), roll.state(new)), (Some(State::Valid), Some(State::Valid)));
}

#[test]
fn what_another_process_saw_revoked_is_revoked_here() {
    let (mut roll, keys) = Roll::trusting(2);
    let mut other = roll.rollover.clone();
    std::mem::swap(&mut roll.rollover, &mut other);
    let gone = &revoked(&keys[0]);
    roll.later(0, &[gone, &keys[1]], &[gone]);
    let seen = std::mem::replace(&mut roll.rollover, other);
    assert!(roll.trusts(&keys[0]) && roll.rollover.heed(&seen));
    assert!(!roll.trusts(&keys[0]) && roll.trusts(&keys[1]) && !roll.rollover.heed(&seen));
}

#[test]
fn every_state_has_its_word_and_says_whether_its_key_counts() {
    let told = State::ALL.map(|state| (state.to_string(), state.is_trusted(), state.is_revoked()));
    let expected = [
        ("addpend", false, false),
        ("valid", true, false),
        ("missing", true, false),
        ("revoked", false, true),
        ("removed", false, true),
    ];
    assert_eq!(told, expected.map(|(word, trusted, revoked)| (word.to_owned(), trusted, revoked)));
}

#[test]
fn a_change_is_told_in_words_and_takes_trust_only_from_what_was_trusted() {
    let change = |from, to| Change { zone: name("example."), key_tag: 7, algorithm: 13, from, to };
    assert_eq!(
        change(None, Some(State::AddPend)).to_string(),
        "key 7 of example. (ECDSAP256SHA256): start → addpend"
    );
    let (valid, missing) = (Some(State::Valid), Some(State::Missing));
    for (from, to, takes) in [
        (valid, Some(State::Revoked), true),
        (missing, None, true),
        (valid, missing, false),
        (Some(State::AddPend), valid, false),
        (Some(State::AddPend), None, false),
        (Some(State::Revoked), Some(State::Removed), false),
    ] {
        assert_eq!(change(from, to).takes_trust(), takes, "{from:?} {to:?}");
    }
}

#[test]
fn whether_a_zone_is_trusted_is_told_by_its_status() {
    let (mut roll, keys) = Roll::trusting(1);
    assert!(roll.rollover.status()[0].is_trusted() && !roll.rollover.is_empty());
    let gone = &revoked(&keys[0]);
    roll.later(0, &[gone], &[gone]);
    assert!(!roll.rollover.status()[0].is_trusted() && !roll.rollover.is_empty());
    assert!(Rollover::new(&Anchors::none()).is_empty());
}

#[test]
fn a_zone_may_be_put_off_for_as_long_as_two_looks_may_be_apart() {
    let (mut roll, _) = Roll::trusting(1);
    let point = roll.rollover.points.get_mut(&name("example.")).unwrap();
    point.probes.next = NOW + limits::ANCHOR_PROBE_SECS_MAX;
    assert!(roll.rollover.due(NOW).is_empty());
    assert_eq!(roll.rollover.due(NOW - 1), [name("example.")], "that was a clock that was ahead");
}

#[test]
fn the_file_says_in_words_what_an_operator_looks_for() {
    let (mut roll, keys) = Roll::trusting(1);
    let lost = "No key of the zone is trusted any more";
    let text = roll.rollover.text();
    assert!(text.contains(";;last_success: 0 ;;never\n") && !text.contains(lost), "{text}");
    let gone = &revoked(&keys[0]);
    roll.later(0, &[gone], &[gone]);
    let text = roll.rollover.text();
    assert!(text.contains(lost) && text.contains("DNSKEY\t385 3 15 "), "{text}");
    assert!(
        text.contains("lastchange=1800000000 ") && text.contains(";;2027-01-15 08:00:00 UTC\n"),
        "{text}"
    );
    // A key that is not followed at all is no fault.
    let start = text.replace(";;state=4", ";;state=0");
    assert!(AnchorText::read(&start).unwrap().rollover.is_empty());
}

#[test]
fn what_cannot_be_used_is_not_waited_for_be_it_the_algorithm_or_the_key() {
    let (mut roll, keys) = Roll::trusting(1);
    let old = &keys[0];
    let mut set = roll.set(&[old], &[]);
    // A key of a known algorithm that is none, and a good one under an algorithm that is not known.
    let mut other = roll.key().dnskey();
    set.answer[0].rdatas.push(&other[..other.len() - 1]);
    other[3] = 250;
    set.answer[0].rdatas.push(&other);
    sign_rrset(&mut set.answer[0], old, &name("example."), validity()).unwrap();
    let seen = roll.observe(&set);
    assert!(seen.unproven.is_none() && seen.changes.is_empty(), "{seen:?}");
}

#[test]
fn the_status_and_a_change_name_the_algorithm_of_a_key_and_of_a_digest() {
    let (mut roll, keys) = Roll::trusting(1);
    assert_eq!(roll.rollover.status()[0].keys[0].algorithm, 15);
    let mut anchors = Anchors::none();
    anchors.add(name("example."), AnchorKey::Ds(keys[0].ds(&name("example."), 2)));
    roll.rollover = Rollover::new(&anchors);
    let key = &roll.rollover.status()[0].keys[0];
    assert_eq!((key.algorithm, key.key_tag, key.is_digest), (15, keys[0].tag(), true));
}

#[test]
fn of_two_lines_of_one_key_the_first_stays_if_both_say_the_same() {
    let (roll, _) = Roll::trusting(1);
    let text = roll.rollover.text();
    let line = text.lines().find(|line| line.contains("[  VALID  ]")).unwrap();
    let later = line.replace("lastchange=1800000000", "lastchange=1800000001");
    assert_ne!(line, later);
    let read = AnchorText::read(&format!("{line}\n{later}\n")).unwrap().rollover;
    assert_eq!(read.status()[0].keys.iter().map(|key| key.since).collect::<Vec<_>>(), [Some(NOW)]);
}

#[test]
fn a_digest_that_cannot_be_computed_goes_with_the_key_of_its_tag_and_one_that_is_wrong_does_not() {
    let (mut roll, keys) = Roll::trusting(2);
    let (one, two) = (&keys[0], &keys[1]);
    let unknown = |key: &Key| {
        let mut ds = key.ds(&name("example."), 2);
        ds[3] = 250;
        AnchorKey::Ds(ds)
    };
    let mut wrong = one.ds(&roll.zone, 2);
    *wrong.last_mut().unwrap() ^= 1;
    let mut anchors = Anchors::none();
    for key in
        [AnchorKey::Ds(one.ds(&roll.zone, 2)), unknown(one), unknown(two), AnchorKey::Ds(wrong.clone())]
    {
        anchors.add(roll.zone.clone(), key);
    }
    roll.rollover = Rollover::new(&anchors);
    assert!(roll.later(0, &[one], &[one]).unproven.is_none());
    assert_eq!(
        roll.rollover.trusted(&roll.zone),
        [AnchorKey::Dnskey(one.dnskey()), unknown(two), AnchorKey::Ds(wrong)]
    );
}

#[test]
fn a_zone_with_more_keys_than_there_is_room_for_gets_no_new_one() {
    let (mut roll, keys) = Roll::trusting(limits::ANCHOR_KEYS_MAX + 1);
    let point = roll.rollover.points.get_mut(&name("example.")).unwrap();
    point.keys.last_mut().unwrap().state = State::Removed;
    let new = &roll.key();
    let seen = roll.later(0, &[&keys[0], new], &[&keys[0]]);
    assert_eq!((seen.passed_over, roll.state(new)), (1, None));
    assert_eq!(roll.rollover.status()[0].keys.len(), limits::ANCHOR_KEYS_MAX);
}

#[test]
fn only_the_signature_that_holds_says_what_ttl_the_set_had() {
    let (mut roll, keys) = Roll::trusting(1);
    roll.ttl = 2 * DAY;
    let mut set = roll.set(&[&keys[0]], &[&keys[0]]);
    // Whoever brings the set may put beside it what he likes, and set the TTL.
    let mut longer = set.answer[0].clone();
    longer.ttl = 60 * DAY;
    set.answer[0].signatures.push(&roll.key().sign(&roll.zone, &longer, validity()).unwrap());
    set.answer[0].ttl = 60;
    assert!(roll.observe(&set).unproven.is_none());
    assert_eq!(roll.rollover.due_in_secs(NOW), Some(DAYS));
}
