//! What a proof may cost: KeyTrap (CVE-2023-50387), CVE-2023-50868, CVE-2026-11605 and their kin.

use super::*;
use crate::lab::signer::RrsigFixed;
use crate::limits::{Limit, Reached};

fn too_much(limit: Limit) -> Fault {
    Fault::TooMuchWork { limit: Reached { limit, cap: limit.default_cap() } }
}

/// A signature that names a key and is wrong.
fn junk(world: &World, rrset: &Rrset, octet: u8) -> Vec<u8> {
    let mut rdata = world.zones[&name("example.")].zsk.sign(&name("example."), rrset, validity()).unwrap();
    *rdata.last_mut().unwrap() ^= octet;
    rdata
}

#[test]
fn many_wrong_signatures_cost_a_few_verifications() {
    // SigJam.
    let world = World::new();
    let mut rrset = unsigned_a("www.example.");
    for octet in 1..=200 {
        let rdata = junk(&world, &rrset, octet);
        rrset.signatures.push(&rdata);
    }
    let judged = world.judge(answer(vec![rrset]));
    assert!(judged.validated.state().is_bogus());
    assert_eq!(judged.budget.spent(Limit::FailedVerifications), 4);
}

#[test]
fn keys_of_the_same_tag_are_tried_twice_at_most() {
    // LockCram: the sum of the octets is the tag, so pairs of octets may change places.
    let mut world = World::new();
    let zsk = world.zones[&name("example.")].zsk.dnskey();
    let mut set = Rrset::new(name("example."), RecordType::DNSKEY, 60)
        .with(&world.zones[&name("example.")].ksk.dnskey());
    for place in 0..12 {
        let mut twin = zsk.clone();
        twin.swap(4 + 2 * place, 6 + 2 * place);
        twin.swap(5 + 2 * place, 7 + 2 * place);
        set.rdatas.push(&twin);
    }
    world.publish_keys(set);
    let judged = world.judge(answer(vec![world.a("example.", "www.example.")]));
    assert!(matches!(judged.fault(), Fault::SignatureWrong { .. }));
    assert_eq!(judged.budget.spent(Limit::FailedVerifications), 2);
}

#[test]
fn many_ds_records_that_match_nothing_end_soon() {
    // HashTrap: the right one stands last, behind more mismatches than are looked at.
    let mut world = World::new();
    let right = world.zones[&name("example.")].ksk.ds(&name("example."), 2);
    let mut ds = Rrset::new(name("example."), RecordType::DS, 60);
    for octet in 1..=5 {
        let mut wrong = right.clone();
        *wrong.last_mut().unwrap() ^= octet;
        ds.rdatas.push(&wrong);
    }
    ds.rdatas.push(&right);
    world.publish_ds(ds);
    assert!(matches!(
        world.judge(answer(vec![world.a("example.", "www.example.")])).fault(),
        Fault::DsMismatch { .. }
    ));
}

/// A key that nobody has.
fn stray_key(world: &World, octet: u8) -> Vec<u8> {
    let mut rdata = world.zones[&name("example.")].zsk.dnskey();
    *rdata.last_mut().unwrap() ^= octet;
    rdata
}

#[test]
fn keys_behind_thirty_two_others_are_not_looked_at() {
    for (strays, secure) in [(30, true), (31, false)] {
        let mut world = World::new();
        let mut set = Rrset::new(name("example."), RecordType::DNSKEY, 60);
        for octet in 1..=strays {
            set.rdatas.push(&stray_key(&world, octet));
        }
        let keys = &world.zones[&name("example.")];
        let set = set.with(&keys.ksk.dnskey()).with(&keys.zsk.dnskey());
        world.publish_keys(set);
        let judged = world.judge(answer(vec![world.a("example.", "www.example.")]));
        assert_eq!(*judged.validated.state() == ValidationState::Secure, secure, "{strays}");
    }
}

#[test]
fn ds_records_behind_eight_others_are_not_looked_at() {
    for (strays, secure) in [(7, true), (8, false)] {
        let mut world = World::new();
        let right = world.zones[&name("example.")].ksk.ds(&name("example."), 2);
        let mut ds = Rrset::new(name("example."), RecordType::DS, 60);
        for octet in 1..=strays {
            let mut wrong = right.clone();
            // Of a key that is not there: this costs no digest.
            wrong[0] ^= octet;
            ds.rdatas.push(&wrong);
        }
        ds.rdatas.push(&right);
        world.publish_ds(ds);
        let judged = world.judge(answer(vec![world.a("example.", "www.example.")]));
        assert_eq!(*judged.validated.state() == ValidationState::Secure, secure, "{strays}");
    }
}

#[test]
fn of_the_keys_that_a_ds_may_mean_two_are_looked_at() {
    for (twins, secure) in [(1, true), (2, false)] {
        let mut world = World::new();
        let ksk = world.zones[&name("example.")].ksk.dnskey();
        let mut set = Rrset::new(name("example."), RecordType::DNSKEY, 60);
        for place in 0..twins {
            let mut twin = ksk.clone();
            twin.swap(4 + 2 * place, 6 + 2 * place);
            twin.swap(5 + 2 * place, 7 + 2 * place);
            set.rdatas.push(&twin);
        }
        let set = set.with(&ksk).with(&world.zones[&name("example.")].zsk.dnskey());
        world.publish_keys(set);
        let judged = world.judge(answer(vec![world.a("example.", "www.example.")]));
        assert_eq!(matches!(judged.validated.state(), ValidationState::Bogus(_)), !secure, "{twins}");
    }
}

#[test]
fn signatures_behind_eight_others_are_not_looked_at() {
    // Signatures of keys that are not there cost no verification, and still end.
    for (strays, secure) in [(7, true), (8, false)] {
        let world = World::new();
        let mut rrset = unsigned_a("www.example.");
        for octet in 1..=strays {
            let mut rdata = junk(&world, &rrset, octet);
            rdata[16] ^= octet;
            rrset.signatures.push(&rdata);
        }
        let right = world.a("example.", "www.example.");
        rrset.signatures.push(right.signatures.first().unwrap());
        let judged = world.judge(answer(vec![rrset]));
        assert_eq!(*judged.validated.state() == ValidationState::Secure, secure, "{strays}");
    }
}

#[test]
fn of_the_zones_that_signatures_name_four_are_looked_at() {
    let mut world = World::new();
    let owner = "e.d.c.b.a.example.";
    let above = ["a.example.", "b.a.example.", "c.b.a.example.", "d.c.b.a.example."];
    for at in above {
        world.no_cut(at);
    }
    for (strays, secure) in [(3, true), (4, false)] {
        let mut rrset = unsigned_a(owner);
        let zsk = &world.zones[&name("example.")].zsk;
        for signer in above.iter().take(strays) {
            rrset.signatures.push(&zsk.sign(&name(signer), &rrset, validity()).unwrap());
        }
        rrset.signatures.push(world.a("example.", owner).signatures.first().unwrap());
        let judged = world.judge(answer(vec![rrset]));
        assert_eq!(*judged.validated.state() == ValidationState::Secure, secure, "{strays}");
    }
}

#[test]
fn a_proof_behind_twenty_that_do_not_hold_is_not_found() {
    let world = World::new();
    let good = world.nsec("example.", "m.example.", "z.example.", &[RecordType::TXT]);
    for (forgeries, secure) in [(19, true), (20, false)] {
        let forged = |number: u8| {
            let rdata = nsec_rdata(&name(&format!("z{number}.example.")), &[RecordType::TXT]);
            let mut rrset = Rrset::new(name("m.example."), RecordType::NSEC, 60).with(&rdata);
            rrset.signatures = good.signatures.clone();
            rrset
        };
        let mut authority: Vec<Rrset> = (0..forgeries).map(forged).collect();
        authority.push(good.clone());
        let judged = world.judge(nodata(question("m.example.", RecordType::A), authority));
        assert_eq!(*judged.validated.state() == ValidationState::Secure, secure, "{forgeries}");
    }
}

#[test]
fn a_chain_of_more_aliases_than_one_response_may_have_is_bogus() {
    let world = World::new();
    for (links, secure) in [(12, true), (13, false)] {
        let link = |i: u32| cname(&format!("l{i}.example."), &format!("l{}.example.", i + 1));
        let mut chain: Vec<Rrset> = (0..links).map(|i| world.sign("example.", link(i))).collect();
        let end = format!("l{links}.example.");
        chain.push(world.a("example.", &end));
        let asked = question("l0.example.", RecordType::A);
        let response = Scrubbed { target: name(&end), ..scrubbed(asked, Outcome::Answer, chain, vec![]) };
        let judged = world.judge(response);
        assert_eq!(*judged.validated.state() == ValidationState::Secure, secure, "{links}");
    }
}

#[test]
fn denials_behind_ten_others_are_not_looked_at() {
    let world = World::new();
    let params = Nsec3Params { iterations: 0, salt: vec![], opt_out: false };
    let ask = || question("m.example.", RecordType::A);
    for (strays, secure) in [(9, true), (10, false)] {
        let hashed = |owner: &str| world.nsec3("example.", owner, false, &params, &[RecordType::TXT]);
        let mut authority: Vec<Rrset> = (0..strays).map(|i| hashed(&format!("s{i}.example."))).collect();
        authority.push(hashed("m.example."));
        let judged = world.judge(nodata(ask(), authority));
        assert_eq!(*judged.validated.state() == ValidationState::Secure, secure, "NSEC3, {strays}");
        let plain = |owner: &str| world.nsec("example.", owner, "z.example.", &[RecordType::TXT]);
        let mut authority: Vec<Rrset> = (0..strays).map(|i| plain(&format!("s{i}.example."))).collect();
        authority.push(plain("m.example."));
        let judged = world.judge(nodata(ask(), authority));
        assert_eq!(*judged.validated.state() == ValidationState::Secure, secure, "NSEC, {strays}");
    }
}

#[test]
fn an_answer_of_many_rrsets_pauses_and_ends_at_the_limit() {
    // ANYTrap.
    let world = World::new();
    let rrsets = |world: &World, count: u16| -> Vec<Rrset> {
        (0..count)
            .map(|number| {
                let rrset = Rrset::new(name("www.example."), RecordType(65_280 + number), 60).with(b"x");
                world.sign("example.", rrset)
            })
            .collect()
    };
    let ask = |answer| scrubbed(question("www.example.", RecordType::ANY), Outcome::Answer, answer, vec![]);
    let judged = world.judge(ask(rrsets(&world, 20)));
    judged.is_secure();
    assert_eq!(judged.pauses, 2);
    assert_eq!(judged.budget.spent(Limit::Verifications), 23, "nothing is verified twice");
    let judged = world.judge(ask(rrsets(&world, 70)));
    assert_eq!(*judged.fault(), too_much(Limit::Verifications));
    assert_eq!(judged.budget.spent(Limit::Verifications), 64 + 1);
    assert_eq!(judged.validated.states().len(), 70);
}

#[test]
fn failed_verifications_have_a_limit_of_their_own() {
    let mut world = World::new();
    world.caps = Caps::default().with(Limit::FailedVerifications, 3);
    let mut rrset = unsigned_a("www.example.");
    for octet in 1..=4 {
        let rdata = junk(&world, &rrset, octet);
        rrset.signatures.push(&rdata);
    }
    let limit = Reached { limit: Limit::FailedVerifications, cap: 3 };
    assert_eq!(*world.judge(answer(vec![rrset])).fault(), Fault::TooMuchWork { limit });
}

#[test]
fn a_denial_with_hundreds_of_records_costs_no_more_than_its_proof() {
    // CVE-2026-11605.
    let world = World::new();
    let mut authority: Vec<Rrset> = (0..200)
        .map(|number| {
            let owner = format!("a{number:03}.example.");
            world.nsec("example.", &owner, &format!("a{number:03}x.example."), &[RecordType::A])
        })
        .collect();
    authority.insert(0, world.nsec("example.", "m.example.", "z.example.", &[RecordType::TXT]));
    let judged = world.judge(nodata(question("m.example.", RecordType::A), authority));
    judged.is_secure();
    assert_eq!(judged.budget.spent(Limit::Verifications), 4);
}

#[test]
fn forged_denials_are_put_aside_until_the_budget_ends() {
    let mut world = World::new();
    world.caps = Caps::default().with(Limit::FailedVerifications, 12);
    let good = world.nsec("example.", "m.example.", "z.example.", &[RecordType::TXT]);
    let forged = |number: u8| {
        let rdata = nsec_rdata(&name(&format!("z{number}.example.")), &[RecordType::TXT]);
        let mut rrset = Rrset::new(name("m.example."), RecordType::NSEC, 60).with(&rdata);
        for octet in 0..4 {
            let mut signature = good.signatures.first().unwrap().to_vec();
            *signature.last_mut().unwrap() ^= octet;
            rrset.signatures.push(&signature);
        }
        rrset
    };
    let authority: Vec<Rrset> = (0..9).map(forged).collect();
    let judged = world.judge(nodata(question("m.example.", RecordType::A), authority));
    let limit = Reached { limit: Limit::FailedVerifications, cap: 12 };
    assert_eq!(*judged.fault(), Fault::TooMuchWork { limit });
    // Four of each of the first two, then one of each.
    assert_eq!(judged.budget.spent(Limit::FailedVerifications), 12 + 1);
    world.caps = Caps::default();
    let authority: Vec<Rrset> = (0..9).map(forged).collect();
    let judged = world.judge(nodata(question("m.example.", RecordType::A), authority));
    assert!(matches!(judged.fault(), Fault::SignatureWrong { .. }));
    assert_eq!(judged.budget.spent(Limit::FailedVerifications), 2 * 4 + 7);
}

#[test]
fn nsec3_hashes_are_priced_by_their_blocks() {
    // CVE-2023-50868: iterations and salt multiply.
    let world = World::new();
    let dear = Nsec3Params { iterations: 50, salt: vec![7; 255], opt_out: false };
    let labels = "a.".repeat(100);
    let record = world.nsec3("example.", "example.", false, &dear, &[RecordType::SOA, RecordType::NS]);
    let judged = world.judge(nxdomain(&format!("{labels}example."), vec![record]));
    assert_eq!(*judged.fault(), too_much(Limit::Nsec3Hashes));
    // Four hashes, and one that is not computed: 5 blocks for the name, 50 times 5 after it.
    assert_eq!(judged.budget.spent(Limit::Nsec3Hashes), 5 * (5 + 50 * 5));
}

#[test]
fn a_long_name_costs_no_more_questions_than_allowed() {
    // CVE-2026-1519 and kin: one DS question a label.
    let mut world = World::new();
    let name_of = |count: usize| format!("{}example.", "a.".repeat(count));
    for count in 1..=100 {
        world.no_cut(&name_of(count));
    }
    let judged = world.judge(answer(vec![unsigned_a(&name_of(100))]));
    assert_eq!(*judged.fault(), too_much(Limit::Evidence));
    assert_eq!(judged.asked.len(), 48);
}

#[test]
fn a_deep_chain_of_secure_zones_is_followed() {
    let mut world = World::new();
    let mut zone = "example.".to_owned();
    for _ in 0..15 {
        zone = format!("a.{zone}");
        world.zone(&zone, 15);
    }
    let judged = world.judge(answer(vec![world.a(&zone, &format!("www.{zone}"))]));
    judged.is_secure();
    assert!(judged.pauses > 0);
    assert_eq!(judged.budget.spent(Limit::Verifications), 16 * 2 + 1 + 1);
}

#[test]
fn a_signature_that_was_found_wrong_is_not_tried_again() {
    let world = World::new();
    let key = &world.zones[&name("example.")].zsk;
    let fixed = RrsigFixed { labels: 2, ttl: 900, validity: validity(), tag: key.tag() };
    let mut nsec = world.nsec("example.", "m.example.", "z.example.", &[RecordType::TXT]);
    let mut rdata = key.sign_as(&name("example."), &nsec, &fixed).unwrap();
    *rdata.last_mut().unwrap() ^= 1;
    nsec.signatures = [rdata.as_slice()].into_iter().collect();
    let judged = world.judge(nodata(question("m.example.", RecordType::A), vec![nsec]));
    assert!(matches!(judged.fault(), Fault::SignatureWrong { .. }));
    assert_eq!(judged.budget.spent(Limit::FailedVerifications), 1);
}

#[test]
fn a_verification_by_p384_counts_twice_and_over_a_huge_rrset_three_times() {
    let mut world = World::new();
    world.zone("a.example.", 14);
    let small = world.judge(answer(vec![world.a("a.example.", "www.a.example.")]));
    small.is_secure();
    // The keys of the root, DS and keys of example., the DS of a.example.; its keys and the answer.
    assert_eq!(small.budget.spent(Limit::Verifications), 4 + 2 * 2);
    let owner = format!("{}.{}.{}.a.example.", "x".repeat(60), "y".repeat(60), "z".repeat(60));
    let mut huge = Rrset::new(name(&owner), RecordType::TXT, 60);
    for number in 0..400_u16 {
        huge.rdatas.push(&[&[122][..], &number.to_be_bytes(), &[b'x'; 120]].concat());
    }
    let judged = world.judge(answer(vec![world.sign("a.example.", huge)]));
    judged.is_secure();
    assert_eq!(judged.budget.spent(Limit::Verifications), 4 + 2 + 3, "126 kB of owners and texts");
}

#[test]
fn eight_zones_below_each_other_pass_with_room_whatever_their_algorithm() {
    for (algorithm, count) in [(8, 20), (10, 20), (13, 20), (14, 36), (15, 20)] {
        let mut world = World::new();
        let mut zone = "example.".to_owned();
        for label in ["a", "b", "c", "d", "e", "f", "g", "h"] {
            zone = format!("{label}.{zone}");
            world.zone(&zone, algorithm);
        }
        let judged = world.judge(answer(vec![world.a(&zone, &format!("www.{zone}"))]));
        judged.is_secure();
        let spent = judged.budget.spent(Limit::Verifications);
        assert_eq!(spent, count, "algorithm {algorithm}");
        assert!(spent * 3 <= 2 * Limit::Verifications.default_cap(), "a third is left");
    }
}

#[test]
fn wrong_signatures_that_take_long_let_others_run_in_between() {
    let mut world = World::new();
    world.zone("a.example.", 14);
    let validator = world.validator();
    let good = world.a("a.example.", "www.a.example.");
    let mut rrset = unsigned_a("www.a.example.");
    for octet in 1..=4 {
        let mut wrong = good.signatures.first().unwrap().to_vec();
        *wrong.last_mut().unwrap() ^= octet;
        rrset.signatures.push(&wrong);
    }
    let judged = world.judge_by(&validator, answer(vec![rrset]), NOW);
    assert!(matches!(judged.fault(), Fault::SignatureWrong { .. }));
    assert_eq!(judged.budget.spent(Limit::FailedVerifications), 4 * 2);
    // Before each of the four, as the keys before them were a slice of their own.
    assert_eq!(judged.pauses, 4);
    let p384 = validator.figures().verifications().find(|by| by.algorithm == "ECDSAP384SHA384").unwrap();
    assert_eq!((p384.done, p384.failed), (5, 4), "none is verified again after a pause");
}
