//! What a validator and its judgements hand out.

use super::super::{Insecurity, NoEvidence, Sha1};
use super::*;
use crate::dns::edns::EdeCode;
use crate::event::{Fact, ProofStep, Witness};

const A: RecordType = RecordType::A;

/// An alias whose target does not exist, proven.
fn dead_end(world: &World) -> Scrubbed {
    let alias = world.sign("example.", cname("www.example.", "m.example."));
    let authority = vec![
        world.soa("example."),
        world.nsec("example.", "example.", "n.example.", &[RecordType::SOA, RecordType::NS]),
    ];
    let mut response = scrubbed(question("www.example.", A), Outcome::NxDomain, vec![alias], authority);
    response.target = name("m.example.");
    response
}

#[test]
fn a_judgement_says_what_was_judged_and_how() {
    let world = World::new();
    let response = dead_end(&world);
    let judged = world.judge(response.clone()).validated;
    assert_eq!(
        (judged.question(), judged.rcode(), judged.outcome(), judged.target(), judged.server()),
        (&response.question, Rcode::NXDOMAIN, Outcome::NxDomain, &response.target, SERVER)
    );
    assert_eq!((judged.answer().len(), judged.states().len(), judged.authority().len()), (1, 1, 2));
    assert!(judged.state().is_secure() && judged.reason().is_none() && judged.culprit().is_none());
    assert!(judged.info().is_none() && !judged.is_compact_denial());
    let parts = judged.clone().into_parts();
    assert_eq!(
        (&parts.question, parts.rcode, parts.outcome, &parts.target, parts.server),
        (judged.question(), judged.rcode(), judged.outcome(), judged.target(), judged.server())
    );
    assert_eq!((&parts.answer[..], &parts.states[..]), (judged.answer(), judged.states()));
    assert_eq!((&parts.authority[..], &parts.state), (judged.authority(), judged.state()));
    // The alias lives for 300 seconds, the denial for 900.
    assert_eq!((parts.ttl_secs, parts.learned.len()), (300, judged.learned().len()));
}

#[test]
fn a_bogus_judgement_names_the_reason_and_the_culprit() {
    let world = World::new();
    let mut response = dead_end(&world);
    let mut wrong = response.answer[0].signatures.first().unwrap().to_vec();
    *wrong.last_mut().unwrap() ^= 1;
    response.answer[0].signatures = [wrong.as_slice()].into_iter().collect();
    let judged = world.judge(response).validated;
    assert_eq!(judged.reason().unwrap().name, name("www.example."));
    assert_eq!(judged.state().word(), "bogus");
    assert_eq!(judged.culprit().unwrap().server, Some(SERVER));
    assert_eq!(judged.clone().into_parts().culprit.as_ref(), judged.culprit());
}

#[test]
fn the_culprit_of_bad_evidence_is_whoever_was_asked_for_it() {
    // Whatever question the evidence itself claims to answer.
    let mut world = World::new();
    let keys = question("example.", RecordType::DNSKEY);
    let evidence = world.fed.get_mut(&keys).unwrap();
    evidence.question = question("elsewhere.", A);
    evidence.answer[0].signatures = crate::dns::Rdatas::new();
    let judged = world.judge(answer(vec![world.a("example.", "www.example.")])).validated;
    assert_eq!(judged.culprit().unwrap().question, keys);
}

#[test]
fn other_anchors_leave_the_policy_as_it_is() {
    let policy = Policy { sha1: Sha1::Validate, dnssec_stripped: false };
    let world = World::new();
    let validator = Validator::new(Anchors::none(), policy).with_anchors(world.anchors.clone());
    assert_eq!((validator.anchors(), validator.policy), (&world.anchors, policy));
    assert!(!validator.anchors().is_empty() && Anchors::none().is_empty());
}

#[test]
fn what_is_proven_of_a_zone_tells_of_a_name_only_where_one_anchor_stands_above_both() {
    let mut world = World::new();
    let ksk = &world.zones[&name("example.")].ksk;
    world.anchors.add(name("sub.example."), AnchorKey::Ds(ksk.ds(&name("sub.example."), 2)));
    world.anchors.add_negative(name("not.example."), Some(NOW + 1));
    let validator = world.validator();
    for (zone, of, joins) in [
        ("example.", "www.example.", true),
        ("example.", "example.", true),
        ("sub.example.", "www.sub.example.", true),
        // Not in the zone.
        ("example.", "www.other.", false),
        ("www.example.", "example.", false),
        // Another anchor stands between them, or one that says not to validate.
        ("example.", "www.sub.example.", false),
        ("example.", "www.not.example.", false),
    ] {
        assert_eq!(validator.joins(&name(zone), &name(of), NOW), joins, "{zone} of {of}");
    }
    assert!(validator.joins(&name("example."), &name("www.not.example."), NOW + 1), "its time is over");
    let nothing = Validator::new(Anchors::none(), Policy::default());
    assert!(!nothing.joins(&name("example."), &name("www.example."), NOW));
}

#[test]
fn what_is_not_checked_is_indeterminate_as_it_came() {
    let response = answer(vec![unsigned_a("www.example.")]);
    let unchecked = Validator::unchecked(response.clone());
    assert_eq!((unchecked.question(), unchecked.answer()), (&response.question, &response.answer[..]));
    assert_eq!(unchecked.states(), [ValidationState::Indeterminate]);
    assert_eq!(*unchecked.state(), ValidationState::Indeterminate);
}

#[test]
fn nothing_is_known_to_who_knows_nothing() {
    assert!(NoEvidence.zone(&name("example.")).is_none());
    assert!(NoEvidence.cuts(&name("example.")).is_empty());
}

#[test]
fn why_something_is_insecure_has_its_code_for_clients() {
    let codes = [
        (Insecurity::NoDs, None),
        (Insecurity::OptOut, None),
        (Insecurity::Algorithm(250), Some(EdeCode::UNSUPPORTED_DNSKEY_ALGORITHM)),
        (Insecurity::KeySize(8), Some(EdeCode::UNSUPPORTED_DNSKEY_ALGORITHM)),
        (Insecurity::Digest(3), Some(EdeCode::UNSUPPORTED_DS_DIGEST)),
        (Insecurity::Iterations(51), Some(EdeCode::UNSUPPORTED_NSEC3_ITERATIONS)),
        (Insecurity::NegativeAnchor, Some(EdeCode::NEGATIVE_TRUST_ANCHOR)),
        (Insecurity::Stripped, Some(EdeCode::DNSKEY_MISSING)),
    ];
    for (why, code) in codes {
        assert_eq!(why.ede(), code, "{why:?}");
    }
}

/// How a part came out that is not proven, and why.
fn unproven(step: &ProofStep) -> Option<(ValidationState, String)> {
    match &step.fact {
        Fact::Unproven { state, why, .. } => Some((state.clone(), why.clone())),
        _ => None,
    }
}

#[test]
fn every_part_of_an_answer_that_is_not_secure_is_told_with_the_reason() {
    let mut world = World::new();
    world.unsigned_zone("plain.example.");
    world.known.cuts = vec![name("plain.example.")];
    let mut wrong = world.a("example.", "www.example.");
    wrong.rdatas = [[192, 0, 2, 66].as_slice()].into_iter().collect();
    let last = |judged: Judged| unproven(judged.told.last().unwrap()).expect("not proven");
    let bogus = world.judge(answer(vec![wrong]));
    let reason = bogus.validated.reason().unwrap().to_string();
    let (state, why) = last(bogus);
    assert!(state.is_bogus() && why.contains(&reason), "{why}");
    let (state, why) = last(world.judge(answer(vec![unsigned_a("www.plain.example.")])));
    assert!(state == ValidationState::Insecure && why.contains("DS"), "{why}");
    world.anchors = Anchors::none();
    let (state, why) = last(world.judge(answer(vec![unsigned_a("www.plain.example.")])));
    assert!(state == ValidationState::Indeterminate && why.contains("no trust anchor"), "{why}");
}

#[test]
fn a_denial_that_does_not_hold_is_told_with_the_reason_and_one_that_holds_once() {
    let world = World::new();
    let mut response = dead_end(&world);
    let proven = world.judge(response.clone());
    assert!(proven.told.iter().all(|step| unproven(step).is_none()), "{:#?}", proven.told);
    response.authority.truncate(1);
    let bogus = world.judge(response);
    let reason = bogus.validated.reason().unwrap().to_string();
    let (state, why) = unproven(bogus.told.last().unwrap()).expect("not proven");
    assert!(state.is_bogus() && why.contains(&reason), "{why}");
}

#[test]
fn an_alias_made_from_a_dname_lives_as_long_as_the_shorter_of_the_two() {
    let world = World::new();
    for (dname_ttl, alias_ttl) in [(300, 100), (100, 300)] {
        let dname = Rrset { ttl: dname_ttl, ..dname("old.example.", "new.example.") };
        let dname = world.sign("example.", dname);
        let made = Rrset { ttl: alias_ttl, ..cname("www.old.example.", "www.new.example.") };
        let mut response =
            scrubbed(question("www.old.example.", A), Outcome::Alias, vec![dname, made], Vec::new());
        response.target = name("www.new.example.");
        let judged = world.judge(response);
        judged.is_secure();
        assert_eq!(judged.validated.answer()[1].ttl, 100);
    }
}

#[test]
fn a_delegation_without_ds_is_told_as_insecure_by_the_zone_above() {
    let mut world = World::new();
    world.unsigned_zone("plain.example.");
    world.known.cuts = vec![name("plain.example.")];
    let judged = world.judge(answer(vec![unsigned_a("www.plain.example.")]));
    let by_parent = judged.told.iter().filter(|step| step.zone == name("example."));
    let denials: Vec<bool> = by_parent
        .filter_map(|step| match &step.fact {
            Fact::Denied(absence) if absence.name == name("plain.example.") => Some(absence.insecure),
            _ => None,
        })
        .collect();
    assert!(!denials.is_empty() && denials.iter().all(|insecure| *insecure), "{:#?}", judged.told);
}

#[test]
fn of_several_reasons_to_be_insecure_a_client_is_told_the_first() {
    let mut world = World::new();
    for (zone, at) in [("odd.example.", 2), ("other.example.", 3)] {
        world.zone(zone, 15);
        let mut rdata = world.zones[&name(zone)].ksk.ds(&name(zone), 2);
        rdata[at] = 250;
        world.publish_ds(Rrset::new(name(zone), RecordType::DS, 300).with(&rdata));
    }
    world.known.cuts = vec![name("odd.example."), name("other.example.")];
    let codes = [EdeCode::UNSUPPORTED_DNSKEY_ALGORITHM, EdeCode::UNSUPPORTED_DS_DIGEST];
    for (from, to, code) in [("odd", "other", codes[0]), ("other", "odd", codes[1])] {
        let (from, to) = (format!("www.{from}.example."), format!("www.{to}.example."));
        let chain = vec![cname(&from, &to), unsigned_a(&to)];
        let mut response = scrubbed(question(&from, A), Outcome::Answer, chain, Vec::new());
        response.target = name(&to);
        let judged = world.judge(response);
        judged.is_insecure();
        assert_eq!(judged.validated.info().unwrap().code, code);
    }
}

#[test]
fn what_is_not_signed_is_the_reason_and_not_the_ds_that_was_looked_for_because_of_it() {
    let mut world = World::new();
    let ds = question("www.example.", RecordType::DS);
    let stripped = nsec_rdata(&name("x.example."), &[A, RecordType::NSEC]);
    let stripped = Rrset::new(name("www.example."), RecordType::NSEC, 60).with(&stripped);
    let other = world.a("example.", "www.example.");
    let wrong = Rrset { rtype: RecordType::DS, ..other };
    let blamed = |world: &World, zone: &str| {
        let mut response = answer(vec![unsigned_a("www.example.")]);
        response.zone = name(zone);
        let validated = world.judge(response).validated;
        assert_eq!(validated.culprit().unwrap().question, ds, "whoever was asked last");
        let reason = validated.reason().unwrap();
        assert_eq!(reason.name, name("www.example."));
        (reason.rtype, reason.fault.clone())
    };
    // No proof that no zone begins at the name, and one without its signatures.
    for records in [vec![], vec![stripped]] {
        world.serve(nodata(ds.clone(), records));
        assert_eq!(blamed(&world, "example."), (A, Fault::SignatureMissing));
        // Another zone was asked: that the one above cannot show where it begins is what there is to say.
        assert_ne!(blamed(&world, "www.example.").0, A);
    }
    // What is wrong in itself says more than what is not there.
    let mut answered = answer(vec![wrong]);
    answered.question = ds.clone();
    world.serve(answered);
    assert_eq!(blamed(&world, "example.").0, RecordType::DS);
}

#[test]
fn a_fault_is_told_of_the_zone_whose_word_it_was() {
    let mut wrong = World::new().a("example.", "www.example.");
    wrong.rdatas = [[192, 0, 2, 66].as_slice()].into_iter().collect();
    let mut response = answer(vec![wrong]);
    response.zone = Name::root();
    let judged = World::new().judge(response);
    assert_eq!(
        (&judged.told.last().unwrap().zone, judged.fault().label()),
        (&name("example."), "signature-wrong")
    );
}

#[test]
fn a_client_is_told_which_negative_anchor_it_is_and_until_when() {
    let mut world = World::new();
    for (until, end) in [(None, "not to validate this"), (Some(NOW + 1), "until 2027-01-15 08:00:01 UTC")] {
        world.anchors.add_negative(name("example."), until);
        let judged = world.judge(answer(vec![unsigned_a("www.example.")])).validated;
        let text = &judged.info().unwrap().text;
        assert!(text.contains("a negative trust anchor at example.") && text.ends_with(end), "{text}");
    }
}

#[test]
fn a_validator_that_is_printed_names_the_memory_of_signatures_and_not_what_is_in_it() {
    let world = World::new();
    let validator = world.validator();
    let before = format!("{validator:?}").len();
    world.judge_by(&validator, answer(vec![world.a("example.", "www.example.")]), NOW).is_secure();
    let printed = format!("{:?}", super::super::memo::Memo::default());
    assert!(printed.starts_with("Memo { buckets: "), "{printed}");
    assert!(format!("{validator:?}").contains(&printed) && format!("{validator:?}").len() == before);
}

/// What the records of a denial show, each: the names it stands at, the names it covers, whether it may hide some.
fn witnesses(judged: &Judged) -> (Option<Name>, Vec<Witness>) {
    let mut denied = judged.told.iter().filter_map(|step| match &step.fact {
        Fact::Denied(absence) => Some((absence.encloser.clone(), absence.witnesses.clone())),
        _ => None,
    });
    denied.next_back().expect("a denial is told")
}

#[test]
fn a_denial_is_told_by_what_each_nsec_record_stands_at_and_covers() {
    let world = World::new();
    let (soa, ns) = (RecordType::SOA, RecordType::NS);
    let authority = vec![
        world.soa("example."),
        world.nsec("example.", "example.", "a.example.", &[soa, ns]),
        world.nsec("example.", "m.example.", "x.example.", &[A]),
    ];
    let judged = world.judge(nxdomain("n.m.example.", authority));
    judged.is_secure();
    let (encloser, told) = witnesses(&judged);
    assert_eq!(encloser, Some(name("m.example.")));
    let [one] = &told[..] else { panic!("{told:?}") };
    assert_eq!((&one.matches[..], &one.next), (&[name("m.example.")][..], &Some(name("x.example."))));
    assert_eq!(one.covers, [name("n.m.example."), name("*.m.example.")]);
    assert_eq!((one.types.contains(&A), one.opt_out), (true, false));
}

#[test]
fn a_denial_is_told_by_what_each_nsec3_record_stands_at_and_covers() {
    let world = World::new();
    for opt_out in [false, true] {
        let params = Nsec3Params { iterations: 0, salt: vec![1], opt_out };
        let authority = vec![
            world.soa("example."),
            world.nsec3("example.", "example.", false, &params, &[RecordType::SOA, RecordType::NS]),
            world.nsec3("example.", "a.example.", true, &params, &[]),
            world.nsec3("example.", "*.example.", true, &params, &[]),
        ];
        let (encloser, told) = witnesses(&world.judge(nxdomain("a.example.", authority)));
        assert_eq!(encloser, Some(name("example.")));
        let names = |names: fn(&Witness) -> &[Name]| told.iter().flat_map(names).cloned().collect::<Vec<_>>();
        assert_eq!(names(|one| &one.matches), [name("example.")]);
        assert_eq!(names(|one| &one.covers), [name("a.example."), name("*.example.")]);
        assert!(told.iter().all(|one| one.opt_out == opt_out && one.next.is_none()), "{told:?}");
    }
}
