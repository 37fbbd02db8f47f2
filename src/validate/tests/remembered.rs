//! Signatures that were verified before: what is not done again, and what is asked anew each time.

use super::*;
use crate::limits::Limit;

/// All verifications that a validator has done, and how many of them failed.
fn done(validator: &Validator) -> (u64, u64) {
    validator
        .figures()
        .verifications()
        .fold((0, 0), |(done, failed), by| (done + by.done, failed + by.failed))
}

#[test]
fn a_hundred_denials_by_a_zone_verify_its_soa_and_nsec_once() {
    let mut world = World::new();
    let validator = world.validator();
    let authority = vec![
        world.soa("example."),
        world.nsec("example.", "example.", "m.example.", &[RecordType::SOA, RecordType::NS]),
    ];
    let deny = |world: &World, number: u32| {
        let judged =
            world.judge_by(&validator, nxdomain(&format!("a{number}.example."), authority.clone()), NOW);
        judged.is_secure();
        judged
    };
    let first = deny(&world, 0);
    assert_eq!(first.budget.spent(Limit::Verifications), 5, "root keys, DS, keys, NSEC, SOA");
    world.known.keep(&first);
    for number in 1..100 {
        assert_eq!(deny(&world, number).budget.spent(Limit::Verifications), 0);
    }
    assert_eq!(done(&validator), (5, 0));
    assert_eq!(validator.figures().remembered(), 99 * 2);
}

#[test]
fn keys_that_are_fetched_anew_and_are_the_same_are_not_verified_again() {
    let world = World::new();
    let validator = world.validator();
    for remembered in [0, 4] {
        // Nothing is kept of the zones: they are settled from the anchor down each time.
        let judged = world.judge_by(&validator, answer(vec![world.a("example.", "www.example.")]), NOW);
        judged.is_secure();
        assert_eq!(judged.asked.len(), 3);
        assert_eq!((done(&validator).0, validator.figures().remembered()), (4, remembered));
    }
}

#[test]
fn hosts_made_from_a_wildcard_are_verified_once() {
    let mut world = World::new();
    let validator = world.validator();
    for host in 0..10 {
        let rrset = world.expanded("example.", "w.example.", unsigned_a(&format!("h{host}.w.example.")));
        let nsec = world.nsec("example.", "*.w.example.", "z.example.", &[RecordType::A]);
        let response = Scrubbed { authority: vec![nsec], ..answer(vec![rrset]) };
        let judged = world.judge_by(&validator, response, NOW);
        judged.is_secure();
        world.known.keep(&judged);
    }
    assert_eq!(done(&validator), (5, 0));
}

#[test]
fn a_signature_that_was_verified_and_has_expired_since_is_bogus() {
    let world = World::new();
    let validator = world.validator();
    let response = || answer(vec![world.a("example.", "www.example.")]);
    world.judge_by(&validator, response(), NOW).is_secure();
    let later = world.judge_by(&validator, response(), NOW + 12 * u64::from(DAY));
    assert!(matches!(later.fault(), Fault::SignatureExpired { .. }));
    let before = world.judge_by(&validator, response(), NOW - 3 * u64::from(DAY));
    assert!(matches!(before.fault(), Fault::SignatureNotYetValid { .. }));
}

#[test]
fn a_signature_that_was_verified_says_nothing_of_other_data_or_by_another_key() {
    let mut world = World::new();
    let validator = world.validator();
    let honest = world.a("example.", "www.example.");
    world.judge_by(&validator, answer(vec![honest.clone()]), NOW).is_secure();
    let mut changed = honest.clone();
    changed.rdatas = [&[192, 0, 2, 66][..]].into_iter().collect();
    let mut renamed = honest.clone();
    renamed.name = name("www2.example.");
    for forged in [changed, renamed] {
        let judged = world.judge_by(&validator, answer(vec![forged]), NOW);
        assert!(matches!(judged.fault(), Fault::SignatureWrong { .. }));
    }
    // The same octets under another key of the same tag: the sum of a key's octets is its tag.
    let keys = &world.zones[&name("example.")];
    let mut twin = keys.zsk.dnskey();
    twin.swap(4, 6);
    twin.swap(5, 7);
    let set = Rrset::new(name("example."), RecordType::DNSKEY, 60).with(&keys.ksk.dnskey()).with(&twin);
    world.publish_keys(set);
    let judged = world.judge_by(&validator, answer(vec![honest]), NOW);
    assert!(matches!(judged.fault(), Fault::SignatureWrong { .. }));
}

#[test]
fn a_wrong_signature_is_wrong_each_time_it_comes() {
    let world = World::new();
    let validator = world.validator();
    let mut rrset = world.a("example.", "www.example.");
    let mut wrong = rrset.signatures.first().unwrap().to_vec();
    *wrong.last_mut().unwrap() ^= 1;
    rrset.signatures = [wrong.as_slice()].into_iter().collect();
    for failed in 1..=5 {
        let judged = world.judge_by(&validator, answer(vec![rrset.clone()]), NOW);
        assert!(matches!(judged.fault(), Fault::SignatureWrong { .. }));
        assert_eq!(judged.budget.spent(Limit::FailedVerifications), 1);
        assert_eq!(done(&validator), (3 + failed, failed));
    }
}

#[test]
fn the_same_wrong_signature_beside_itself_is_verified_once() {
    let world = World::new();
    let validator = world.validator();
    let mut rrset = world.a("example.", "www.example.");
    let mut wrong = rrset.signatures.first().unwrap().to_vec();
    *wrong.last_mut().unwrap() ^= 1;
    rrset.signatures = [wrong.as_slice(); 4].into_iter().collect();
    let judged = world.judge_by(&validator, answer(vec![rrset]), NOW);
    assert!(matches!(judged.fault(), Fault::SignatureWrong { .. }));
    assert_eq!(done(&validator).1, 1);
}

#[test]
fn what_is_trusted_is_asked_anew_and_the_counters_go_on_when_the_anchors_change() {
    let world = World::new();
    let validator = world.validator();
    let response = || answer(vec![world.a("example.", "www.example.")]);
    world.judge_by(&validator, response(), NOW).is_secure();
    // The keys of the root are no longer trusted; that they signed what they signed is still true.
    let mut others = Anchors::none();
    let stray = KeyMaker::new(99).make(15, KSK).unwrap();
    others.add(Name::root(), AnchorKey::Ds(stray.ds(&Name::root(), 2)));
    let distrustful = Arc::new(validator.with_anchors(others));
    assert_eq!(*world.judge_by(&distrustful, response(), NOW).fault(), Fault::NoAnchorMatch);
    assert_eq!(done(&distrustful), (4, 0));
    let again = Arc::new(distrustful.with_anchors(world.anchors.clone()));
    world.judge_by(&again, response(), NOW).is_secure();
    assert_eq!((done(&again), again.figures().remembered()), ((4, 0), 4));
    assert_eq!(done(&validator), (4, 0), "they are one validator's");
}

#[test]
fn hashes_for_nsec3_are_counted_as_they_are_charged() {
    let world = World::new();
    let validator = world.validator();
    let params = Nsec3Params { iterations: 10, salt: vec![7; 100], opt_out: false };
    let authority = vec![
        world.nsec3("example.", "example.", false, &params, &[RecordType::SOA, RecordType::NS]),
        world.nsec3("example.", "a.example.", true, &params, &[]),
        world.nsec3("example.", "*.example.", true, &params, &[]),
    ];
    let judged = world.judge_by(&validator, nxdomain("a.example.", authority), NOW);
    judged.is_secure();
    assert_eq!(u64::from(judged.budget.spent(Limit::Nsec3Hashes)), validator.figures().nsec3_hashes());
    assert_eq!(validator.figures().nsec3_hashes(), 3 * (2 + 10 * 3));
}

#[test]
fn a_validator_remembers_in_as_many_octets_as_it_is_told_and_trusts_what_it_trusted() {
    let world = World::new();
    let policy = Policy { dnssec_stripped: !Policy::default().dnssec_stripped, ..Policy::default() };
    for (octets, buckets) in [(0, "buckets: 1,"), (1 << 20, "buckets: 256,")] {
        let validator = Validator::new(world.anchors.clone(), policy).remembering(octets);
        assert!(format!("{validator:?}").contains(buckets), "{validator:?}");
        assert_eq!((validator.anchors(), validator.policy), (&world.anchors, policy));
    }
}
