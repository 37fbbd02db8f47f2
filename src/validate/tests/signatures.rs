//! RRSIGs over answers (RFC 4035 §5.3).

use super::*;
use crate::lab::signer::RrsigFixed;

/// The response to `www.example. A` with the RRset signed by fields of the test's choice.
fn signed_as(world: &World, owner: &str, signer: &str, change: impl FnOnce(&mut RrsigFixed)) -> Scrubbed {
    let key = &world.zones[&name(signer)].zsk;
    let mut rrset = unsigned_a(owner);
    let labels = u8::try_from(rrset.name.label_count()).unwrap();
    let mut fixed = RrsigFixed { labels, ttl: rrset.ttl, validity: validity(), tag: key.tag() };
    change(&mut fixed);
    rrset.signatures.push(&key.sign_as(&name(signer), &rrset, &fixed).unwrap());
    answer(vec![rrset])
}

#[test]
fn a_signed_answer_below_a_chain_is_secure() {
    let world = World::new();
    let judged = world.judge(answer(vec![world.a("example.", "www.example.")]));
    judged.is_secure();
    assert_eq!(judged.validated.states(), [ValidationState::Secure]);
    let learned: Vec<_> =
        judged.validated.learned().iter().map(|learned| (learned.zone.to_string(), learned.ttl)).collect();
    assert_eq!(learned, [(".".to_owned(), 3_600), ("example.".to_owned(), 3_600)]);
    assert_eq!(judged.told.len(), 4, "{:#?}", judged.told);
    // 2027-01-25 08:00:00 UTC.
    let until = 1_800_864_000;
    let signature = |step: &ProofStep| match &step.fact {
        Fact::Keys(keys) => keys.signature.clone(),
        Fact::Signed { signature, .. } => Some(signature.clone()),
        other => panic!("{other:?}"),
    };
    for (step, (zone, signer)) in
        judged.told.iter().zip([(".", "."), (".", "."), ("example.", "example."), ("example.", "example.")])
    {
        let signature = signature(step).unwrap();
        assert_eq!((&step.zone, &signature.signer), (&name(zone), &name(signer)));
        assert_eq!((signature.algorithm, signature.expiration), (15, until));
    }
    assert!(matches!(&judged.told[0].fact, Fact::Keys(keys) if keys.from_anchor && keys.vouchers[0].leads));
    assert!(matches!(&judged.told[1].fact, Fact::Signed { rtype: RecordType::DS, .. }));
    assert!(matches!(&judged.told[2].fact, Fact::Keys(keys) if !keys.from_anchor && keys.keys.len() == 2));
    assert!(
        matches!(&judged.told[3].fact, Fact::Signed { name: owner, rtype: RecordType::A, .. } if *owner == name("www.example."))
    );
}

#[test]
fn a_changed_record_is_bogus_and_the_server_is_named() {
    let world = World::new();
    let mut rrset = world.a("example.", "www.example.");
    rrset.rdatas = [[192, 0, 2, 66].as_slice()].into_iter().collect();
    let judged = world.judge(answer(vec![rrset]));
    assert!(matches!(judged.fault(), Fault::SignatureWrong { algorithm: 15, .. }));
    let culprit = judged.validated.culprit().unwrap();
    assert_eq!(
        (culprit.question.clone(), culprit.server),
        (question("www.example.", RecordType::A), Some(SERVER))
    );
    // CVE-2026-123598: it is not remembered for as long as its maker wishes.
    assert!(judged.validated.ttl() <= 60);
}

#[test]
fn an_expired_rrsig_is_bogus() {
    let world = World::new();
    let response = signed_as(&world, "www.example.", "example.", |fixed| {
        fixed.validity = Validity::around(NOW, 20 * DAY, 0);
        fixed.validity.expiration = fixed.validity.expiration.wrapping_sub(3 * DAY);
    });
    let judged = world.judge(response);
    assert!(matches!(judged.fault(), Fault::SignatureExpired { seconds, .. } if *seconds == 3 * DAY));
    assert_eq!(
        judged.budget.spent(crate::limits::Limit::FailedVerifications),
        0,
        "no arithmetic is done for it"
    );
}

#[test]
fn an_rrsig_of_the_future_is_bogus() {
    let world = World::new();
    let response = signed_as(&world, "www.example.", "example.", |fixed| {
        fixed.validity.inception = u32::try_from(NOW).unwrap() + 2 * DAY;
    });
    assert!(matches!(world.judge(response).fault(), Fault::SignatureNotYetValid { .. }));
}

#[test]
fn an_rrsig_that_expires_before_it_begins_is_bogus() {
    let world = World::new();
    let response = signed_as(&world, "www.example.", "example.", |fixed| {
        std::mem::swap(&mut fixed.validity.inception, &mut fixed.validity.expiration);
    });
    assert!(matches!(world.judge(response).fault(), Fault::SignatureTimesReversed { .. }));
}

#[test]
fn the_ttl_is_cut_to_the_original_ttl_and_to_the_time_left() {
    let world = World::new();
    let original = |ttl| move |fixed: &mut RrsigFixed| fixed.ttl = ttl;
    let judged = world.judge(signed_as(&world, "www.example.", "example.", original(100)));
    judged.is_secure();
    assert_eq!(judged.validated.answer()[0].ttl, 100);
    assert_eq!(judged.validated.ttl(), 100);
    // RFC 4035 §5.3.3: 50 seconds before it expires.
    let until = NOW + u64::from(10 * DAY);
    let judged = world.judge_at(signed_as(&world, "www.example.", "example.", |_| {}), until - 50);
    assert_eq!(judged.validated.ttl(), 50);
    let mut low = world.a("example.", "www.example.");
    low.signatures_ttl = 20;
    assert_eq!(world.judge(answer(vec![low])).validated.ttl(), 20);
}

#[test]
fn an_rrsig_with_fewer_labels_than_its_signer_is_bogus() {
    // CVE-2026-44690, CVE-2026-11721, CVE-2026-52688: *. signed by example. would answer for everything.
    let mut world = World::new();
    for (owner, labels) in [("www.example.", 0), ("www.example.", 3)] {
        let nsec = world.nsec("example.", "example.", "zzz.example.", &[RecordType::SOA]);
        let mut response = signed_as(&world, owner, "example.", |fixed| fixed.labels = labels);
        response.authority.push(nsec);
        world.no_cut("www.example.");
        assert!(matches!(world.judge(response).fault(), Fault::SignerWrong { .. }), "{labels}");
    }
}

#[test]
fn a_signer_that_is_not_above_the_owner_is_bogus() {
    let mut world = World::new();
    world.zone("other.", 15);
    world.no_cut("www.example.");
    let judged = world.judge(signed_as(&world, "www.example.", "other.", |_| {}));
    assert_eq!(*judged.fault(), Fault::SignerWrong { signer: name("other.") });
}

#[test]
fn a_signature_of_another_zone_with_the_right_name_is_bogus() {
    // The key is that of other., the signer's name that of example.
    let mut world = World::new();
    world.zone("other.", 15);
    let mut rrset = unsigned_a("www.example.");
    let key = &world.zones[&name("other.")].zsk;
    rrset.signatures.push(&key.sign(&name("example."), &rrset, validity()).unwrap());
    assert!(matches!(world.judge(answer(vec![rrset])).fault(), Fault::NoKeyForSignature { .. }));
}

#[test]
fn a_signature_over_another_type_is_no_signature() {
    let mut world = World::new();
    world.no_cut("www.example.");
    let mut rrset = unsigned_a("www.example.");
    let other = Rrset::new(name("www.example."), RecordType::AAAA, 300).with(&[0; 16]);
    let signed = world.sign("example.", other);
    rrset.signatures = signed.signatures;
    assert!(matches!(world.judge(answer(vec![rrset])).fault(), Fault::SignerWrong { .. }));
}

#[test]
fn an_unsigned_answer_in_a_signed_zone_is_bogus() {
    let mut world = World::new();
    world.no_cut("www.example.");
    let judged = world.judge(answer(vec![unsigned_a("www.example.")]));
    assert_eq!(*judged.fault(), Fault::SignatureMissing);
}

#[test]
fn a_record_of_another_name_is_no_answer_however_well_signed() {
    // CVE-2026-123581.
    let world = World::new();
    let mut response = answer(vec![world.a("example.", "other.example.")]);
    response.question = question("www.example.", RecordType::A);
    response.target = name("www.example.");
    assert!(matches!(world.judge(response).fault(), Fault::Contradiction { .. }));
}

#[test]
fn records_whose_letters_and_order_differ_are_still_the_signed_ones() {
    let world = World::new();
    let ns = Rrset::new(name("example."), RecordType::NS, 300)
        .with(name("a.example.").as_wire())
        .with(name("b.example.").as_wire());
    let mut signed = world.sign("example.", ns);
    signed.name = name("EXAMPLE.");
    signed.rdatas =
        [name("B.Example."), name("a.EXAMPLE."), name("b.example.")].iter().map(Name::as_wire).collect();
    world.judge(answer(vec![signed])).is_secure();
}

#[test]
fn one_good_signature_among_bad_ones_is_enough() {
    let world = World::new();
    let mut rrset = world.a("example.", "www.example.");
    let good = rrset.signatures.first().unwrap().to_vec();
    let mut bad = good.clone();
    *bad.last_mut().unwrap() ^= 1;
    rrset.signatures = [bad.as_slice(), &good[..19], &good].into_iter().collect();
    world.judge(answer(vec![rrset])).is_secure();
}

#[test]
fn a_signature_by_a_name_that_is_no_zone_is_passed_over() {
    let mut world = World::new();
    world.no_cut("www.example.");
    let mut rrset = world.a("example.", "www.example.");
    let stray = world.zones[&name("example.")].zsk.sign(&name("www.example."), &rrset, validity()).unwrap();
    let good = rrset.signatures.first().unwrap().to_vec();
    rrset.signatures = [stray.as_slice(), &good].into_iter().collect();
    world.judge(answer(vec![rrset])).is_secure();
}

#[test]
fn signatures_themselves_are_indeterminate() {
    let world = World::new();
    let mut rrset = world.a("example.", "www.example.");
    rrset.rtype = RecordType::RRSIG;
    rrset.rdatas = std::mem::take(&mut rrset.signatures);
    world.judge(answer(vec![rrset])).is(&ValidationState::Indeterminate);
}

#[test]
fn every_rrset_of_an_answer_to_any_counts() {
    let world = World::new();
    let txt = Rrset::new(name("www.example."), RecordType::TXT, 300).with(b"\x02hi");
    let mut rrsets = vec![world.a("example.", "www.example."), world.sign("example.", txt)];
    let ask =
        |rrsets| scrubbed(question("www.example.", RecordType::ANY), Outcome::Answer, rrsets, Vec::new());
    world.judge(ask(rrsets.clone())).is_secure();
    rrsets[1].rdatas = [b"\x02ho".as_slice()].into_iter().collect();
    let judged = world.judge(ask(rrsets));
    assert!(judged.validated.states()[0].is_secure());
    assert!(matches!(judged.fault(), Fault::SignatureWrong { .. }));
}

fn alias(world_answer: Vec<Rrset>, target: &str, outcome: Outcome) -> Scrubbed {
    let mut response = scrubbed(
        Question::new(world_answer[0].name.clone(), RecordType::A),
        outcome,
        world_answer,
        Vec::new(),
    );
    response.target = name(target);
    response
}

#[test]
fn a_chain_of_aliases_is_as_good_as_its_weakest_link() {
    let mut world = World::new();
    world.unsigned_zone("plain.example.");
    world.known.cuts = vec![name("plain.example.")];
    let first = world.sign("example.", cname("www.example.", "w.example."));
    let second = world.sign("example.", cname("w.example.", "www.plain.example."));
    let chain = vec![first.clone(), second.clone()];
    world.judge(alias(chain.clone(), "www.plain.example.", Outcome::Alias)).is_secure();
    let crossing = vec![first.clone(), second.clone(), unsigned_a("www.plain.example.")];
    let judged = world.judge(alias(crossing, "www.plain.example.", Outcome::Answer));
    judged.is_insecure();
    let states: Vec<_> = judged.validated.states().iter().map(ValidationState::word).collect();
    assert_eq!(states, ["secure", "secure", "insecure"]);
    let mut broken = second;
    broken.signatures = first.signatures.clone();
    let judged = world.judge(alias(vec![first, broken], "www.plain.example.", Outcome::Alias));
    assert!(matches!(judged.fault(), Fault::SignatureWrong { .. }));
}

#[test]
fn an_alias_made_from_a_dname_is_as_good_as_the_dname() {
    let world = World::new();
    let signed = world.sign("example.", dname("old.example.", "new.example."));
    let made = cname("www.old.example.", "www.new.example.");
    let judged = world.judge(alias2(vec![signed.clone(), made.clone()], "www.new.example."));
    judged.is_secure();
    // One that the DNAME does not make, or one without its DNAME.
    let other = cname("www.old.example.", "www.evil.example.");
    let judged = world.judge(alias2(vec![signed.clone(), other], "www.evil.example."));
    assert!(matches!(judged.fault(), Fault::Contradiction { .. }));
    let mut forged = signed;
    forged.rdatas = [name("evil.example.").as_wire()].into_iter().collect();
    let judged = world
        .judge(alias2(vec![forged, cname("www.old.example.", "www.evil.example.")], "www.evil.example."));
    assert!(matches!(judged.fault(), Fault::SignatureWrong { .. }));
}

fn alias2(rrsets: Vec<Rrset>, target: &str) -> Scrubbed {
    let mut response = alias(rrsets, target, Outcome::Alias);
    response.question.name = name("www.old.example.");
    response
}

#[test]
fn an_alias_made_from_a_dname_answers_a_question_for_aliases() {
    let world = World::new();
    let signed = world.sign("example.", dname("old.example.", "new.example."));
    for rtype in [RecordType::CNAME, RecordType::ANY] {
        let made = cname("www.old.example.", "www.new.example.");
        let asked = question("www.old.example.", rtype);
        world.judge(scrubbed(asked, Outcome::Answer, vec![signed.clone(), made], vec![])).is_secure();
    }
}

#[test]
fn a_dname_that_makes_too_long_a_name_is_proven_by_itself() {
    let world = World::new();
    let long =
        ["x".repeat(60), "y".repeat(60), "z".repeat(60), "w".repeat(60), "example.".to_owned()].join(".");
    let signed = world.sign("example.", dname("old.example.", &long));
    let mut response = alias2(vec![signed], "www.old.example.");
    response.question.name = name(&format!("{}.old.example.", "q".repeat(60)));
    response.target = response.question.name.clone();
    response.rcode = Rcode::YXDOMAIN;
    response.outcome = Outcome::Answer;
    world.judge(response.clone()).is_secure();
    response.question.name = name("a.old.example.");
    response.answer[0] = world.sign("example.", dname("old.example.", "new.example."));
    assert!(matches!(world.judge(response).fault(), Fault::Contradiction { .. }));
}

#[test]
fn who_does_not_want_the_steps_of_a_proof_hears_none() {
    struct Deaf;
    impl Observer for Deaf {
        fn on(&self, event: &Event<'_>) {
            assert!(!matches!(event, Event::Proven(_)), "{event:?}");
        }
    }
    let world = World::new();
    let validator = Arc::new(Validator::new(world.anchors.clone(), world.policy));
    let budget = Budget::new(world.caps.clone(), Moment(0));
    let mut proof = validator.prove(answer(vec![world.a("example.", "www.example.")]));
    loop {
        match proof.step(&world.known, &budget, &Deaf, NOW) {
            Step::Done(validated) => {
                assert!(validated.state().is_secure());
                break;
            }
            Step::Need(questions) => {
                for asked in questions {
                    let found = world.fed[&asked].clone();
                    proof.feed(asked, Ok(found));
                }
            }
            Step::Pause => {}
        }
    }
}
