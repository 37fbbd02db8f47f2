//! From the anchor to the zone (RFC 4035 §5.2, RFC 4509, RFC 5011, RFC 6840 §5, RFC 7646).

use super::*;
use crate::dns::edns::EdeCode;
use crate::lab::signer::REVOKED;

fn ede(judged: &Judged) -> Option<EdeCode> {
    judged.validated.info().map(|info| info.code)
}

/// A world where `example.` has these DS records instead of its own.
fn with_ds(change: impl FnOnce(&World) -> Vec<Vec<u8>>) -> World {
    let mut world = World::new();
    let mut ds = Rrset::new(name("example."), RecordType::DS, 7_200);
    for rdata in change(&world) {
        ds.rdatas.push(&rdata);
    }
    world.publish_ds(ds);
    world
}

fn ask(world: &World) -> Judged {
    world.judge(answer(vec![world.a("example.", "www.example.")]))
}

fn ksk(world: &World) -> Key {
    world.zones[&name("example.")].ksk.clone()
}

/// A DS rdata with another algorithm or digest type.
fn ds_as(world: &World, algorithm: u8, digest_type: u8) -> Vec<u8> {
    let mut rdata = ksk(world).ds(&name("example."), digest_type);
    rdata[2] = algorithm;
    rdata
}

#[test]
fn a_delegation_that_is_proven_to_have_no_ds_is_insecure() {
    let mut world = World::new();
    world.unsigned_zone("plain.example.");
    world.known.cuts = vec![name("plain.example.")];
    let judged = world.judge(answer(vec![unsigned_a("a.b.www.plain.example.")]));
    judged.is_insecure();
    assert_eq!(ede(&judged), None);
    let last = judged.validated.learned().last().unwrap();
    assert_eq!((last.zone.to_string(), last.ttl), ("plain.example.".to_owned(), 900));
    assert!(matches!(*last.trust, ZoneTrust::Insecure(super::super::Insecurity::NoDs)));
    // What is known to be insecure covers all below without a question.
    world.known.keep(&judged);
    let judged = world.judge(answer(vec![unsigned_a("x.y.plain.example.")]));
    judged.is_insecure();
    assert!(judged.asked.is_empty());
}

#[test]
fn without_a_hint_the_cut_is_found_name_by_name() {
    let mut world = World::new();
    world.no_cut("b.example.");
    world.unsigned_zone("a.b.example.");
    let judged = world.judge(answer(vec![unsigned_a("www.a.b.example.")]));
    judged.is_insecure();
    let asked: Vec<_> = judged.asked.iter().map(ToString::to_string).collect();
    assert_eq!(asked, [". DNSKEY", "example. DS", "example. DNSKEY", "b.example. DS", "a.b.example. DS"]);
}

#[test]
fn a_ds_denial_without_the_ns_bit_is_no_insecure_delegation() {
    // CVE-2026-123591.
    let mut world = World::new();
    world.no_cut("www.example.");
    assert_eq!(*world.judge(answer(vec![unsigned_a("www.example.")])).fault(), Fault::SignatureMissing);
}

#[test]
fn the_apex_of_the_child_cannot_deny_its_own_ds() {
    // RFC 6840 §4.1: the SOA bit says that it is the wrong side of the cut.
    let mut world = World::new();
    world.zone("sub.example.", 15);
    for signer in ["example.", "sub.example."] {
        let nsec = world.nsec(signer, "sub.example.", "x.sub.example.", &[RecordType::NS, RecordType::SOA]);
        world.serve(nodata(question("sub.example.", RecordType::DS), vec![nsec]));
        let judged = world.judge(answer(vec![world.a("sub.example.", "www.sub.example.")]));
        assert!(matches!(judged.fault(), Fault::DenialMissing { .. }), "{signer}");
    }
}

#[test]
fn a_denial_that_shows_the_ds_bit_denies_nothing() {
    let mut world = World::new();
    let nsec = world.nsec("example.", "plain.example.", "q.example.", &[RecordType::NS, RecordType::DS]);
    world.serve(nodata(question("plain.example.", RecordType::DS), vec![nsec]));
    world.known.cuts = vec![name("plain.example.")];
    assert!(matches!(
        world.judge(answer(vec![unsigned_a("plain.example.")])).fault(),
        Fault::DenialMissing { .. }
    ));
}

#[test]
fn a_delegation_in_an_opt_out_span_is_insecure() {
    let mut world = World::new();
    let params = Nsec3Params { opt_out: true, ..Nsec3Params::default() };
    let apex = world.nsec3("example.", "example.", false, &params, &[RecordType::SOA, RecordType::NS]);
    let cover = world.nsec3("example.", "plain.example.", true, &params, &[]);
    world.serve(nodata(question("plain.example.", RecordType::DS), vec![apex.clone(), cover]));
    world.judge(answer(vec![unsigned_a("plain.example.")])).is_insecure();
    // The same without the flag: there is no such name, and so no zone.
    let strict = Nsec3Params::default();
    let cover = world.nsec3("example.", "plain.example.", true, &strict, &[]);
    world.serve(nodata(question("plain.example.", RecordType::DS), vec![apex, cover]));
    assert_eq!(*world.judge(answer(vec![unsigned_a("plain.example.")])).fault(), Fault::SignatureMissing);
}

#[test]
fn data_below_a_name_that_is_proven_not_to_exist_is_bogus() {
    let mut world = World::new();
    let cover = world.nsec("example.", "a.example.", "z.example.", &[RecordType::A]);
    world.serve(nodata(question("no.example.", RecordType::DS), vec![cover]));
    let judged = world.judge(answer(vec![unsigned_a("a.b.c.d.no.example.")]));
    assert_eq!(*judged.fault(), Fault::SignatureMissing);
    assert!(!judged.asked.contains(&question("d.no.example.", RecordType::DS)), "nothing is asked below it");
}

#[test]
fn an_unknown_algorithm_or_digest_alone_is_insecure_and_said_so() {
    let world = with_ds(|world| vec![ds_as(world, 16, 2)]);
    let judged = ask(&world);
    judged.is_insecure();
    assert_eq!(ede(&judged), Some(EdeCode::UNSUPPORTED_DNSKEY_ALGORITHM));
    let world = with_ds(|world| vec![ds_as(world, 15, 3), ds_as(world, 15, 200)]);
    let judged = ask(&world);
    judged.is_insecure();
    assert_eq!(ede(&judged), Some(EdeCode::UNSUPPORTED_DS_DIGEST));
}

#[test]
fn one_usable_ds_among_unknown_ones_is_used() {
    ask(&with_ds(|world| vec![ds_as(world, 16, 2), ds_as(world, 15, 77), ds_as(world, 15, 4)])).is_secure();
    // And then nothing is insecure: the usable one has to hold.
    let world = with_ds(|world| {
        let mut wrong = ds_as(world, 15, 2);
        wrong[10] ^= 1;
        vec![ds_as(world, 16, 2), wrong]
    });
    assert!(matches!(ask(&world).fault(), Fault::DsMismatch { algorithm: 15, .. }));
}

#[test]
fn sha1_signatures_are_insecure_unless_the_operator_wants_them() {
    // RFC 9905.
    for algorithm in [5, 7] {
        let judged = ask(&with_ds(|world| vec![ds_as(world, algorithm, 2)]));
        judged.is_insecure();
        assert_eq!(ede(&judged), Some(EdeCode::UNSUPPORTED_DNSKEY_ALGORITHM));
        let validate = Policy { sha1: super::super::Sha1::Validate, ..Policy::default() };
        assert!(validate.supports_algorithm(algorithm) && !Policy::default().supports_algorithm(algorithm));
    }
}

#[test]
fn a_sha1_digest_of_a_key_that_signs_with_something_stronger_is_used() {
    // RFC 9905 is about signatures: a digest takes a second preimage to forge, and without it the zone would be
    // without any protection.
    ask(&with_ds(|world| vec![ds_as(world, 15, 1)])).is_secure();
    let world = with_ds(|world| {
        let mut wrong = ds_as(world, 15, 1);
        wrong[10] ^= 1;
        vec![wrong]
    });
    assert!(matches!(ask(&world).fault(), Fault::DsMismatch { .. }));
}

#[test]
fn a_sha1_digest_is_not_looked_at_beside_a_stronger_one() {
    // RFC 4509 §3: else whoever breaks SHA-1 would not mind the other.
    let world = with_ds(|world| {
        let mut wrong = ds_as(world, 15, 2);
        wrong[10] ^= 1;
        vec![ds_as(world, 15, 1), wrong]
    });
    assert!(matches!(ask(&world).fault(), Fault::DsMismatch { .. }));
}

#[test]
fn a_trust_anchor_by_sha1_stands_beside_one_of_another_key_by_sha256() {
    // RFC 4509 §3 is about what a parent zone says. An operator's own digests are of keys that he trusts, each of them.
    let mut world = World::new();
    let (root, used) = (Name::root(), world.zones[&Name::root()].ksk.ds(&Name::root(), 1));
    let standby = world.maker.make(15, KSK).unwrap();
    let by_sha256 = AnchorKey::Ds(standby.ds(&root, 2));
    let key = AnchorKey::Dnskey(standby.dnskey());
    for other in [by_sha256, key] {
        world.anchors = Anchors::none();
        world.anchors.add(root.clone(), AnchorKey::Ds(used.clone()));
        world.anchors.add(root.clone(), other);
        ask(&world).is_secure();
    }
    // Of one key the stronger decides.
    let mut wrong = world.zones[&root].ksk.ds(&root, 2);
    wrong[10] ^= 1;
    world.anchors = Anchors::none();
    world.anchors.add(root.clone(), AnchorKey::Ds(used));
    world.anchors.add(root, AnchorKey::Ds(wrong));
    assert_eq!(*ask(&world).fault(), Fault::NoAnchorMatch);
}

#[test]
fn a_dnskey_set_without_the_key_that_the_ds_names_is_bogus() {
    let mut world = World::new();
    let other = world.maker.make(15, KSK).unwrap();
    world.publish_ds(Rrset::new(name("example."), RecordType::DS, 60).with(&other.ds(&name("example."), 2)));
    let judged = ask(&world);
    assert!(matches!(judged.fault(), Fault::DsMismatch { key_tag, .. } if *key_tag == other.tag()));
    assert_eq!(judged.validated.culprit().unwrap().question, question("example.", RecordType::DNSKEY));
}

#[test]
fn a_dnskey_set_that_another_key_signed_is_bogus() {
    // RUSTSEC-2025-0006: one matching key among them does not prove the rest.
    let mut world = World::new();
    let evil = world.maker.make(15, KSK).unwrap();
    let mut set =
        Rrset::new(name("example."), RecordType::DNSKEY, 60).with(&ksk(&world).dnskey()).with(&evil.dnskey());
    sign_rrset(&mut set, &evil, &name("example."), validity()).unwrap();
    world.serve(answer(vec![set]));
    assert!(
        matches!(ask(&world).fault(), Fault::NoKeyForSignature { key_tag, .. } if *key_tag == evil.tag())
    );
    world.serve(nodata(question("example.", RecordType::DNSKEY), vec![]));
    assert_eq!(*ask(&world).fault(), Fault::DnskeyMissing);
}

#[test]
fn a_key_without_the_zone_flag_or_revoked_vouches_for_nothing() {
    for (flags, expected) in [(1, "no-zone-key-bit"), (KSK | REVOKED, "key-revoked")] {
        let mut world = World::new();
        let key = ksk(&world).with_flags(flags);
        world.zones.get_mut(&name("example.")).unwrap().ksk = key.clone();
        world
            .publish_ds(Rrset::new(name("example."), RecordType::DS, 60).with(&key.ds(&name("example."), 2)));
        let zsk = world.zones[&name("example.")].zsk.dnskey();
        world.publish_keys(
            Rrset::new(name("example."), RecordType::DNSKEY, 60).with(&key.dnskey()).with(&zsk),
        );
        assert_eq!(ask(&world).fault().label(), expected);
    }
}

#[test]
fn a_revoked_zone_key_signs_nothing_else() {
    let mut world = World::new();
    let zsk = world.zones[&name("example.")].zsk.with_flags(ZSK | REVOKED);
    world.zones.get_mut(&name("example.")).unwrap().zsk = zsk.clone();
    let set =
        Rrset::new(name("example."), RecordType::DNSKEY, 60).with(&ksk(&world).dnskey()).with(&zsk.dnskey());
    world.publish_keys(set);
    assert!(matches!(ask(&world).fault(), Fault::NoKeyForSignature { .. }));
}

#[test]
fn the_ds_of_a_zone_is_never_signed_by_the_zone_itself() {
    let mut world = World::new();
    let mut ds = Rrset::new(name("example."), RecordType::DS, 60).with(&ksk(&world).ds(&name("example."), 2));
    sign_rrset(&mut ds, &ksk(&world), &name("example."), validity()).unwrap();
    world.serve(answer(vec![ds]));
    assert_eq!(*ask(&world).fault(), Fault::SignerWrong { signer: name("example.") });
}

#[test]
fn the_keys_of_the_root_are_not_those_of_a_zone_that_shows_them() {
    // CVE-2026-123593: the name of the anchor counts, not only its key.
    let mut world = World::new();
    let root = &world.zones[&Name::root()];
    let mut set = Rrset::new(name("example."), RecordType::DNSKEY, 60)
        .with(&root.ksk.dnskey())
        .with(&root.zsk.dnskey());
    sign_rrset(&mut set, &root.ksk, &name("example."), validity()).unwrap();
    world.serve(answer(vec![set]));
    assert!(matches!(ask(&world).fault(), Fault::DsMismatch { .. }));
}

#[test]
fn what_could_not_be_fetched_is_no_truth_about_the_zone() {
    // CVE-2026-123597.
    let mut world = World::new();
    world.fed.remove(&question("example.", RecordType::DNSKEY));
    let judged = ask(&world);
    assert!(matches!(judged.fault(), Fault::EvidenceMissing { .. }));
    assert!(judged.validated.learned().iter().all(|learned| learned.zone.is_root()));
    let culprit = judged.validated.culprit().unwrap();
    assert_eq!((culprit.question.clone(), culprit.server), (question("example.", RecordType::DNSKEY), None));
}

#[test]
fn without_an_anchor_above_everything_is_indeterminate() {
    let mut world = World::new();
    world.anchors = Anchors::none();
    let judged = ask(&world);
    judged.is(&ValidationState::Indeterminate);
    assert!(judged.asked.is_empty());
    world.anchors.add(name("other."), AnchorKey::Dnskey(ksk(&world).dnskey()));
    ask(&world).is(&ValidationState::Indeterminate);
}

#[test]
fn the_deepest_anchor_decides() {
    let mut world = World::new();
    world.anchors.add(name("example."), AnchorKey::Dnskey(ksk(&world).dnskey()));
    let judged = ask(&world);
    judged.is_secure();
    assert_eq!(judged.asked, [question("example.", RecordType::DNSKEY)]);
    // A zone that the world above says is insecure, with an anchor of its own: an island of security.
    world.unsigned_zone("plain.example.");
    world.zones.insert(name("plain.example."), Keys { ksk: ksk(&world), zsk: ksk(&world) });
    world
        .publish_keys(Rrset::new(name("plain.example."), RecordType::DNSKEY, 60).with(&ksk(&world).dnskey()));
    world.anchors.add(name("plain.example."), AnchorKey::Ds(ksk(&world).ds(&name("plain.example."), 2)));
    world.judge(answer(vec![world.a("plain.example.", "www.plain.example.")])).is_secure();
    // CVE-2026-35501: a signer above the anchor has no say below it.
    world.no_cut("www.plain.example.");
    let judged = world.judge(answer(vec![world.a("example.", "www.plain.example.")]));
    assert_eq!(*judged.fault(), Fault::SignerWrong { signer: name("example.") });
}

#[test]
fn an_anchor_that_no_key_matches_is_bogus() {
    let mut world = World::new();
    world.anchors = Anchors::builtin();
    assert_eq!(*ask(&world).fault(), Fault::NoAnchorMatch);
}

#[test]
fn an_anchor_that_no_key_matches_is_insecure_where_the_operator_says_so() {
    let mut world = World::new();
    world.anchors = Anchors::builtin();
    world.policy.dnssec_stripped = false;
    let judged = ask(&world);
    judged.is_insecure();
    assert_eq!(ede(&judged), Some(EdeCode::DNSKEY_MISSING));
    // Below the anchor's own zone nothing changes: a wrong signature is bogus.
    let mut world = World::new();
    world.policy.dnssec_stripped = false;
    ask(&world).is_secure();
    assert!(world.judge(answer(vec![unsigned_a("www.example.")])).validated.state().is_bogus());
}

#[test]
fn a_negative_anchor_makes_all_below_it_insecure() {
    // RFC 7646.
    let mut world = World::new();
    world.anchors.add_negative(name("example."), Some(NOW + 1));
    let broken = unsigned_a("www.example.");
    let judged = world.judge(answer(vec![broken.clone()]));
    judged.is_insecure();
    assert_eq!(ede(&judged), Some(EdeCode::NEGATIVE_TRUST_ANCHOR));
    assert!(judged.asked.is_empty() && judged.validated.learned().is_empty());
    world.no_cut("www.example.");
    assert!(world.judge_at(answer(vec![broken]), NOW + 1).validated.state().is_bogus());
}

#[test]
fn what_was_proven_is_not_asked_for_again() {
    let mut world = World::new();
    let judged = ask(&world);
    world.known.keep(&judged);
    let judged = ask(&world);
    judged.is_secure();
    assert!(judged.asked.is_empty());
    assert_eq!(judged.budget.spent(crate::limits::Limit::Verifications), 1);
}

#[test]
fn a_zone_with_new_keys_is_asked_for_them_once() {
    let mut world = World::new();
    let judged = ask(&world);
    world.known.keep(&judged);
    world.zone("example.", 15);
    let judged = ask(&world);
    judged.is_secure();
    assert_eq!(
        judged.asked,
        [question("example.", RecordType::DS), question("example.", RecordType::DNSKEY)]
    );
    // The new keys are not in what is served: the old ones, proven anew, are the last word.
    let stray = world.maker.make(15, ZSK).unwrap();
    let mut rrset = unsigned_a("www.example.");
    sign_rrset(&mut rrset, &stray, &name("example."), validity()).unwrap();
    let judged = world.judge(answer(vec![rrset]));
    assert!(matches!(judged.fault(), Fault::NoKeyForSignature { .. }));
    assert_eq!(judged.asked.len(), 2);
}

#[test]
fn known_cuts_are_asked_for_at_once() {
    let mut world = World::new();
    for zone in ["b.example.", "c.b.example.", "d.c.b.example."] {
        world.zone(zone, 15);
    }
    world.known.cuts = ["d.c.b.example.", "c.b.example.", "b.example.", "example.", "."].map(name).to_vec();
    let response = answer(vec![world.a("d.c.b.example.", "www.d.c.b.example.")]);
    let validator = Arc::new(Validator::new(world.anchors.clone(), world.policy));
    let budget = Budget::new(Caps::default(), Moment(0));
    let mut proof = validator.prove(response);
    let Step::Need(batch) = proof.step(&world.known, &budget, &crate::event::Silent, NOW) else { panic!() };
    assert_eq!(batch.len(), 9, "{batch:?}");
    for question in batch {
        let found = world.fed[&question].clone();
        proof.feed(question, Ok(found));
    }
    loop {
        match proof.step(&world.known, &budget, &crate::event::Silent, NOW) {
            Step::Done(validated) => break assert!(validated.state().is_secure()),
            Step::Need(more) => panic!("asked again: {more:?}"),
            Step::Pause => {}
        }
    }
}

#[test]
fn a_proof_about_keys_is_its_own_evidence() {
    let world = World::new();
    for rtype in [RecordType::DNSKEY, RecordType::DS] {
        let judged = world.judge(world.fed[&question("example.", rtype)].clone());
        judged.is_secure();
        assert!(!judged.asked.contains(&question("example.", rtype)));
    }
    let judged = world.judge(world.fed[&question(".", RecordType::DNSKEY)].clone());
    judged.is_secure();
    assert_eq!(judged.budget.spent(crate::limits::Limit::Verifications), 1, "nothing is verified twice");
}

#[test]
fn a_denial_of_ds_is_itself_an_authentic_answer() {
    let mut world = World::new();
    world.unsigned_zone("plain.example.");
    let mut response = world.fed[&question("plain.example.", RecordType::DS)].clone();
    response.authority.push(world.soa("example."));
    let judged = world.judge(response);
    judged.is_secure();
    assert_eq!(judged.validated.ttl(), 900);
}

#[test]
fn a_name_that_is_an_alias_is_no_zone_cut() {
    let mut world = World::new();
    let alias = world.sign("example.", cname("b.example.", "c.example."));
    let mut response = scrubbed(question("b.example.", RecordType::DS), Outcome::Alias, vec![alias], vec![]);
    response.target = name("c.example.");
    world.serve(response.clone());
    world.unsigned_zone("a.b.example.");
    world.judge(answer(vec![unsigned_a("www.a.b.example.")])).is_insecure();
    // The same unsigned: where the parent is signed that is no evidence.
    response.answer[0].signatures = crate::dns::Rdatas::new();
    world.serve(response);
    assert_eq!(*world.judge(answer(vec![unsigned_a("www.a.b.example.")])).fault(), Fault::SignatureMissing);
}

#[test]
fn records_that_were_not_asked_for_say_nothing_of_a_zone_cut() {
    let mut world = World::new();
    let signed = world.a("example.", "plain.example.");
    let mut bare = Rrset::new(name("plain.example."), RecordType::RRSIG, 60);
    bare.rdatas = signed.signatures.clone();
    for stray in [signed, bare] {
        let mut response = answer(vec![stray]);
        response.question = question("plain.example.", RecordType::DS);
        world.serve(response);
        let judged = world.judge(answer(vec![unsigned_a("plain.example.")]));
        assert!(matches!(judged.fault(), Fault::Contradiction { .. }));
    }
}

#[test]
fn an_rsa_key_of_an_unsupported_size_is_insecure_only_if_nothing_else_is_left() {
    let rsa = |octets: usize| [&[1, 1, 3, 8, 1, 3][..], &vec![0xff; octets]].concat();
    let small = rsa(64);
    let tag = crate::dns::rdata::Dnskey::read(&small).unwrap().key_tag();
    let small_ds = |zone: &str| {
        let digest = ring::digest::digest(&ring::digest::SHA256, &[name(zone).as_wire(), &small].concat());
        [&tag.to_be_bytes()[..], &[8, 2], digest.as_ref()].concat()
    };
    let mut world = with_ds(|_| vec![small_ds("example.")]);
    world.publish_keys(Rrset::new(name("example."), RecordType::DNSKEY, 60).with(&small));
    let judged = ask(&world);
    judged.is_insecure();
    assert_eq!(ede(&judged), Some(EdeCode::UNSUPPORTED_DNSKEY_ALGORITHM));
    // A second DS names a good key, which somebody took out of the set.
    let ds = [small_ds("example."), ksk(&world).ds(&name("example."), 2)];
    world.publish_ds(Rrset::new(name("example."), RecordType::DS, 60).with(&ds[0]).with(&ds[1]));
    assert!(world.judge(answer(vec![world.a("example.", "www.example.")])).validated.state().is_bogus());
}

#[test]
fn a_key_that_is_no_key_is_refused_before_any_arithmetic() {
    // CVE-2025-8677: an even modulus, the exponent 1.
    let even = [&[1, 1, 3, 8, 1, 3][..], &[0xff; 255], &[0xfe]].concat();
    let one = [&[1, 1, 3, 8, 1, 1][..], &[0xff; 256]].concat();
    for broken in [even, one] {
        let tag = crate::dns::rdata::Dnskey::read(&broken).unwrap().key_tag();
        let digest =
            ring::digest::digest(&ring::digest::SHA256, &[name("example.").as_wire(), &broken].concat());
        let ds = [&tag.to_be_bytes()[..], &[8, 2], digest.as_ref()].concat();
        let mut world = with_ds(|_| vec![ds]);
        world.publish_keys(Rrset::new(name("example."), RecordType::DNSKEY, 60).with(&broken));
        let judged = ask(&world);
        assert!(matches!(judged.fault(), Fault::NoKeyForSignature { algorithm: 8, .. }));
        assert_eq!(judged.budget.spent(crate::limits::Limit::FailedVerifications), 0);
    }
}
