//! Edges: where one more, one less or one of two decides.

use super::super::ZoneKeys;
use super::super::algorithms::{KeyForm, algorithm_name, key_form};
use super::super::anchors::{AnchorError, base64, hexadecimal};
use super::super::denial::{self, Claim, Denial, Finding};
use super::super::nsec3::Hashes;
use super::super::signature;
use super::super::zone_keys::ZoneKey;
use super::*;
use crate::dns::Rdatas;
use crate::dns::base::base32;
use crate::lab::signer::RrsigFixed;

const A: RecordType = RecordType::A;
const NS: RecordType = RecordType::NS;

/// What unsigned records of `zone` prove, by the engine alone.
fn proves(zone: &str, claim: Claim<'_>, records: &[Rrset]) -> Option<Denial> {
    let records: Vec<&Rrset> = records.iter().collect();
    let budget = Budget::new(Caps::default(), Moment(0));
    denial::prove(&name(zone), claim, &records, &mut Hashes::new(), &budget).unwrap()
}

fn nsec(owner: &str, next: &str, types: &[RecordType]) -> Rrset {
    Rrset::new(name(owner), RecordType::NSEC, 60).with(&nsec_rdata(&name(next), types))
}

/// An RRset of one address under signatures made with these validities, and by a key of no zone where there is none.
fn signed_by_each(world: &World, validities: &[Option<Validity>]) -> Rrset {
    let mut rrset = unsigned_a("www.example.");
    let zsk = &world.zones[&name("example.")].zsk;
    for validity in validities {
        let tag = if validity.is_some() { zsk.tag() } else { zsk.tag().wrapping_add(1) };
        let validity = validity.unwrap_or_else(super::validity);
        let fixed = RrsigFixed { labels: 2, ttl: rrset.ttl, validity, tag };
        rrset.signatures.push(&zsk.sign_as(&name("example."), &rrset, &fixed).unwrap());
    }
    rrset
}

/// From and until so many days from now.
fn days(from: i64, until: i64) -> Validity {
    let at = |days: i64| u32::try_from(NOW.checked_add_signed(days * i64::from(DAY)).unwrap()).unwrap();
    Validity { inception: at(from), expiration: at(until) }
}

#[test]
fn of_several_faults_the_one_that_says_most_is_told() {
    let world = World::new();
    let wrong = |validity| {
        let mut rrset = signed_by_each(&world, &[Some(validity)]);
        let mut rdata = rrset.signatures.first().unwrap().to_vec();
        *rdata.last_mut().unwrap() ^= 1;
        rrset.signatures = [rdata.as_slice()].into_iter().collect();
        rrset
    };
    let each = |validity| signed_by_each(&world, &[validity]);
    // From the least telling to the most.
    let sets = [
        ("no-key", each(None)),
        ("signature-times-reversed", each(Some(days(5, -5)))),
        ("signature-not-yet-valid", each(Some(days(5, 9)))),
        ("signature-expired", each(Some(days(-9, -5)))),
        ("signature-wrong", wrong(days(-1, 9))),
    ];
    for (less, (_, first)) in sets.iter().enumerate() {
        for (label, second) in sets.iter().skip(less + 1) {
            for pair in [[first, second], [second, first]] {
                let mut rrset = unsigned_a("www.example.");
                rrset.signatures = pair.into_iter().flat_map(|set| set.signatures.iter()).collect();
                assert_eq!(world.judge(answer(vec![rrset])).fault().label(), *label);
            }
        }
    }
    // Of two that say as much, the first.
    let twice = signed_by_each(&world, &[Some(days(-9, -5)), Some(days(-9, -7))]);
    assert!(
        matches!(world.judge(answer(vec![twice])).fault(), Fault::SignatureExpired { seconds, .. } if *seconds == 5 * DAY)
    );
}

#[test]
fn a_signature_holds_to_the_second_it_ends_and_then_for_what_is_left_of_the_grace() {
    let world = World::new();
    let until = NOW + u64::from(10 * DAY);
    let ttl_at = |now| {
        let judged = world.judge_at(answer(vec![world.a("example.", "www.example.")]), now);
        judged.is_secure();
        judged.validated.ttl()
    };
    assert_eq!(ttl_at(until - 1), 1);
    assert_eq!(ttl_at(until), 0);
    // The grace of a signature of eleven days is one day.
    assert_eq!(ttl_at(until + u64::from(DAY) - 50), 50);
}

#[test]
fn a_signature_may_be_for_a_single_second() {
    let world = World::new();
    world.judge(answer(vec![signed_by_each(&world, &[Some(days(0, 0))])])).is_secure();
}

#[test]
fn what_is_learned_of_a_zone_names_its_keys_and_how_long_they_are_signed() {
    let world = World::new();
    let judged = world.judge(answer(vec![world.a("example.", "www.example.")]));
    let ZoneTrust::Secure(keys) = &*judged.validated.learned()[1].trust else { panic!("secure") };
    let made = &world.zones[&name("example.")];
    let tags: Vec<_> = keys.keys().iter().map(|key| (key.tag, key.algorithm)).collect();
    assert_eq!(tags, [(made.ksk.tag(), 15), (made.zsk.tag(), 15)]);
    assert_eq!(keys.valid_until(), NOW + u64::from(10 * DAY));
    // Two keys of 32 octets, the list that holds them, and a name that is too long for the place beside it.
    let key = ZoneKey { tag: 1, algorithm: 15, public_key: vec![0; 32].into(), cost: 1 };
    let long = name(&["x".repeat(60), "y".repeat(60), "example.".to_owned()].join("."));
    assert!(long.heap_len() > 0);
    let heap = |octets: usize| if octets == 32 { 1_000 } else { octets };
    let keys = ZoneKeys::of(long.clone(), vec![key.clone(), key]);
    assert_eq!(keys.heap_bytes(heap), 2_000 + 2 * size_of::<ZoneKey>() + long.heap_len());
}

#[test]
fn the_form_of_an_rsa_key_is_looked_at_to_the_bit() {
    let key = |exponent: &[u8], octets: usize, first: u8, last: u8| {
        let mut key = vec![u8::try_from(exponent.len()).unwrap()];
        key.extend_from_slice(exponent);
        key.push(first);
        key.extend(vec![0x55; octets - 2]);
        key.push(last);
        key_form(8, &key)
    };
    let usual: &[u8] = &[1, 0, 1];
    assert_eq!(key(usual, 256, 0x80, 1), KeyForm::Usable);
    // The modulus: 1,024 to 8,192 bits, odd.
    assert_eq!(key(usual, 128, 0x80, 1), KeyForm::Usable);
    assert_eq!(key(usual, 128, 0x7f, 1), KeyForm::Unsupported);
    assert_eq!(key(usual, 1_024, 0xff, 1), KeyForm::Usable);
    assert_eq!(key(usual, 1_025, 0x01, 1), KeyForm::Unsupported);
    assert_eq!(key(usual, 256, 0x80, 2), KeyForm::Broken);
    // The exponent: odd, above 1, of 33 bits at most.
    assert_eq!(key(&[3], 256, 0x80, 1), KeyForm::Usable);
    assert_eq!(key(&[1], 256, 0x80, 1), KeyForm::Broken);
    assert_eq!(key(&[2], 256, 0x80, 1), KeyForm::Broken);
    assert_eq!(key(&[1, 0, 0], 256, 0x80, 1), KeyForm::Broken);
    assert_eq!(key(&[0], 256, 0x80, 1), KeyForm::Broken);
    assert_eq!(key(&[1, 0, 0, 1], 256, 0x80, 1), KeyForm::Usable);
    assert_eq!(key(&[1, 0, 0, 0, 1], 256, 0x80, 1), KeyForm::Usable);
    assert_eq!(key(&[2, 0, 0, 0, 1], 256, 0x80, 1), KeyForm::Unsupported);
}

#[test]
fn the_keys_of_a_zone_are_not_proven_by_the_zone_above() {
    // RFC 4035 §5.2: only the DS record leads to them.
    let mut world = World::new();
    world.zone("child.example.", 15);
    let mut keys = world.fed[&question("child.example.", RecordType::DNSKEY)].answer[0].clone();
    keys.signatures = Rdatas::new();
    let keys = world.sign("example.", keys);
    assert_eq!(*world.judge(answer(vec![keys])).fault(), Fault::SignatureMissing);
}

#[test]
fn records_of_other_parameters_count_for_nothing_even_where_their_hashes_fit() {
    let world = World::new();
    let first = Nsec3Params::default();
    let others = [
        Nsec3Params { salt: vec![7], ..first.clone() },
        Nsec3Params { iterations: 1, ..first.clone() },
        Nsec3Params { iterations: 1, salt: vec![7], ..first.clone() },
    ];
    let apex = world.nsec3("example.", "example.", false, &first, &[NS, RecordType::SOA]);
    let span = |params: &Nsec3Params| {
        let hash = first.hash(&name("m.example."));
        let (mut low, mut high) = (hash.clone(), hash);
        nudge(&mut low, -1);
        nudge(&mut high, 1);
        world.nsec3_from("example.", &low, &high, params, &[A])
    };
    let missing = name("m.example.");
    let found = |params| proves("example.", Claim::Ds(&missing), &[apex.clone(), span(params)]);
    assert!(found(&first).is_some());
    for other in &others {
        assert_eq!(found(other), None, "{other:?}");
    }
}

#[test]
fn a_wildcard_stands_in_the_zone_and_above_what_it_answers_for() {
    let mut world = World::new();
    world.zone("sub.example.", 15);
    let params = Nsec3Params::default();
    let over = |zone: &str, owner: &str| world.nsec3(zone, owner, true, &params, &[A]);
    let in_zone = name("a.sub.example.");
    let closer = |zone, encloser: &str, record| {
        let encloser = name(encloser);
        proves(zone, Claim::CloserMatch { name: &in_zone, encloser: &encloser }, &[record])
    };
    assert!(closer("sub.example.", "sub.example.", over("sub.example.", "a.sub.example.")).is_some());
    assert_eq!(closer("sub.example.", "example.", over("sub.example.", "sub.example.")), None);
    assert_eq!(closer("sub.example.", "b.sub.example.", over("sub.example.", "a.sub.example.")), None);
}

#[test]
fn a_zone_says_nothing_of_its_own_ds_nor_of_the_roots() {
    let world = World::new();
    let apex = name("example.");
    assert_eq!(proves("example.", Claim::Ds(&apex), &[nsec("example.", "a.example.", &[NS])]), None);
    let root = world.nsec3("example.", ".", false, &Nsec3Params::default(), &[NS]);
    assert_eq!(proves("example.", Claim::Ds(&Name::root()), &[root]), None);
    // The root's own record does.
    let found = proves(".", Claim::Ds(&Name::root()), &[nsec(".", "a.", &[NS, RecordType::SOA])]);
    assert_eq!(found.unwrap().finding, Finding::Delegation);
}

#[test]
fn that_a_name_has_no_keys_is_denied_by_the_zone_it_is_in_and_by_no_other() {
    let by = |zone: &str, owner: &str, rtype| signature::may_deny(&name(zone), &name(owner), rtype);
    for (zone, owner, may) in [
        ("example.", "example.", true),
        ("example.", "www.example.", true),
        (".", "example.", true),
        ("www.example.", "example.", false),
        ("other.", "example.", false),
    ] {
        assert_eq!(by(zone, owner, RecordType::DNSKEY), may, "{zone} of {owner}");
        // Whatever else is there is denied by who might have signed it.
        assert_eq!(by(zone, owner, A), may, "{zone} of {owner}");
    }
    assert!(by(".", "example.", RecordType::DS) && !by("example.", "example.", RecordType::DS));
}

#[test]
fn a_record_that_leads_to_itself_covers_nothing_but_at_the_apex() {
    let missing = name("m.example.");
    let with_lone = |owner: &str| {
        let records = [nsec("example.", "a.example.", &[NS, RecordType::SOA]), nsec(owner, owner, &[A])];
        proves("example.", Claim::Name(&missing), &records)
    };
    assert_eq!(with_lone("b.example."), None);
    let apex_alone = nsec("example.", "example.", &[NS, RecordType::SOA]);
    assert!(proves("example.", Claim::Name(&missing), &[apex_alone]).is_some());
}

#[test]
fn an_answer_is_one_chain_from_the_question_to_its_end() {
    let world = World::new();
    let www = || world.a("example.", "www.example.");
    let other = || world.a("example.", "other.example.");
    let alias = || world.sign("example.", cname("www.example.", "other.example."));
    let what = |outcome, answer: Vec<Rrset>, target: &str| {
        let mut response = scrubbed(question("www.example.", A), outcome, answer, Vec::new());
        response.target = name(target);
        match world.judge(response).validated.state() {
            ValidationState::Bogus(reason) => match reason.fault {
                Fault::Contradiction { what } => Some(what),
                _ => None,
            },
            _ => None,
        }
    };
    let no_answer = Some("its records do not answer the question");
    let (at, to) = ("www.example.", "other.example.");
    assert_eq!(what(Outcome::Answer, vec![www()], at), None);
    assert_eq!(what(Outcome::Answer, vec![alias(), other()], to), None);
    assert_eq!(what(Outcome::Alias, vec![alias()], to), None);
    // It ends where it says, and only there.
    assert_eq!(what(Outcome::Answer, vec![], at), no_answer);
    assert_eq!(what(Outcome::Answer, vec![alias()], to), no_answer);
    assert_eq!(what(Outcome::Alias, vec![], at), no_answer);
    assert_eq!(what(Outcome::Alias, vec![www()], at), no_answer);
    assert_eq!(what(Outcome::Alias, vec![alias(), other()], to), no_answer);
    assert_eq!(what(Outcome::NoData, vec![www()], at), no_answer);
    assert_eq!(what(Outcome::NxDomain, vec![alias(), other()], to), no_answer);
    assert_eq!(what(Outcome::Alias, vec![alias()], at), Some("its aliases lead elsewhere"));
    // Nothing comes behind it.
    assert_eq!(what(Outcome::Answer, vec![www(), www()], at), Some("a record follows after the answer"));
    assert_eq!(what(Outcome::Answer, vec![www(), other()], at), Some("a record follows after the answer"));
    // Nor is anything in it that does not belong.
    let foreign = Some("a record does not belong to the question");
    assert_eq!(what(Outcome::Answer, vec![other()], at), foreign);
    assert_eq!(what(Outcome::Answer, vec![world.a("example.", "example.")], at), foreign);
    assert_eq!(what(Outcome::Answer, vec![dname("other.example.", "new.example.")], at), foreign);
    assert_eq!(what(Outcome::Answer, vec![dname("www.example.", "new.example.")], at), foreign);
    let two = alias().with(name("third.example.").as_wire());
    assert_eq!(what(Outcome::Alias, vec![two], to), Some("an alias has not exactly one target"));
}

/// What a proof asks for first.
fn first_need(world: &World, response: Scrubbed, caps: Caps) -> Vec<Question> {
    let mut proof = Arc::new(Validator::new(world.anchors.clone(), world.policy)).prove(response);
    match proof.step(&world.known, &Budget::new(caps, Moment(0)), &Listener::default(), NOW) {
        Step::Need(questions) => questions,
        other => panic!("{other:?}"),
    }
}

#[test]
fn evidence_is_asked_for_ahead_as_far_as_it_will_be_needed_and_no_further() {
    let mut world = World::new();
    world.zone("b.example.", 15);
    let (ds, dnskey) = (RecordType::DS, RecordType::DNSKEY);
    let all = |questions: &[(&str, RecordType)]| -> Vec<Question> {
        questions.iter().map(|(owner, rtype)| question(owner, *rtype)).collect()
    };
    let signed = || answer(vec![world.a("b.example.", "www.b.example.")]);
    let need = |world: &World, response| first_need(world, response, Caps::default());
    let chain =
        [("b.example.", ds), ("b.example.", dnskey), ("example.", ds), ("example.", dnskey), (".", dnskey)];
    // By guess, and by cuts that are known: the zone itself is one of them.
    assert_eq!(need(&world, signed()), all(&chain));
    let cuts = ["b.example.", "example.", "."].map(name).to_vec();
    let mut known = World { known: Known { cuts: cuts.clone(), ..Known::default() }, ..World::new() };
    known.zone("b.example.", 15);
    assert_eq!(need(&known, signed()), all(&chain));
    // What did not sign is not asked for keys.
    let unsigned = || answer(vec![unsigned_a("www.b.example.")]);
    assert_eq!(need(&known, unsigned()), all(&[("example.", ds), (".", dnskey)]));
    // Up to the anchor.
    let anchor = AnchorKey::Ds(known.zones[&name("example.")].ksk.ds(&name("example."), 2));
    known.anchors = Anchors::none();
    known.anchors.add(name("example."), anchor);
    assert_eq!(need(&known, signed()), all(&[chain[0], chain[1], chain[3]]));
    // Up to what is proven already.
    let proven = world.judge(answer(vec![world.a("example.", "www.example.")]));
    world.known.keep(&proven);
    world.known.cuts = cuts;
    assert_eq!(need(&world, answer(vec![world.a("b.example.", "www.b.example.")])), all(&chain[..2]));
}

#[test]
fn evidence_that_may_not_be_needed_leaves_enough_for_what_is() {
    let world = World::new();
    let deep = "l.k.j.i.h.g.f.e.d.c.b.a.example.";
    let mut rrset = unsigned_a(deep);
    let key = &world.zones[&name("example.")].zsk;
    rrset.signatures.push(&key.sign(&name(deep), &rrset, validity()).unwrap());
    let cuts = name(deep).ancestors().skip(1).collect();
    let known = World { known: Known { cuts, ..Known::default() }, ..World::new() };
    let need = |cap| {
        let caps = Caps::default().with(crate::limits::Limit::Evidence, cap);
        first_need(&known, answer(vec![rrset.clone()]), caps).len()
    };
    assert_eq!(need(64), crate::limits::EVIDENCE_BATCH_MAX);
    // One for what is needed, sixteen for what will be.
    assert_eq!([need(16), need(17), need(18), need(20)], [1, 1, 2, 4]);
}

#[test]
fn where_a_response_says_that_its_zone_begins_is_asked_first() {
    let mut world = World::new();
    let asked = question("plain.example.", RecordType::DS);
    let mut response = answer(vec![unsigned_a("a.b.plain.example.")]);
    response.zone = name("plain.example.");
    assert_eq!(first_need(&world, response, Caps::default())[0], asked);
    world.zone("plain.example.", 15);
    let soa = Rrset { signatures: Rdatas::new(), ..world.soa("plain.example.") };
    let response = nodata(question("a.b.plain.example.", A), vec![soa]);
    assert_eq!(first_need(&world, response, Caps::default())[0], asked);
}

#[test]
fn an_soa_record_is_no_denial() {
    let mut world = World::new();
    world.no_cut("www.example.");
    let soa = Rrset { signatures: Rdatas::new(), ..world.soa("example.") };
    for soa in [soa, world.soa("example.")] {
        let judged = world.judge(nodata(question("www.example.", A), vec![soa]));
        assert_eq!(*judged.fault(), Fault::DenialMissing { what: crate::dns::security::Denied::Type });
    }
}

#[test]
fn a_hint_at_a_zone_beside_the_name_costs_no_question() {
    let mut world = World::new();
    world.unsigned_zone("plain.example.");
    let mut response = answer(vec![unsigned_a("www.plain.example.")]);
    response.zone = name("other.example.");
    let judged = world.judge(response);
    judged.is_insecure();
    assert!(judged.asked.iter().all(|asked| asked.name != name("other.example.")), "{:?}", judged.asked);
}

#[test]
fn a_record_that_the_zone_did_not_sign_is_not_even_looked_at_beside_one_that_it_signed() {
    let world = World::new();
    let useless = world.nsec("example.", "example.", "a.example.", &[NS, RecordType::SOA]);
    let unsigned = nsec("www.example.", "x.example.", &[NS, RecordType::SOA]);
    let judged = world.judge(nodata(question("www.example.", A), vec![useless, unsigned]));
    assert_eq!(*judged.fault(), Fault::DenialMissing { what: crate::dns::security::Denied::Type });
}

#[test]
fn below_a_zone_that_is_known_to_be_insecure_nothing_is_asked() {
    let mut world = World::new();
    world.unsigned_zone("plain.example.");
    world.known.cuts = vec![name("plain.example.")];
    let judged = world.judge(answer(vec![unsigned_a("www.plain.example.")]));
    world.known.keep(&judged);
    world.known.cuts = Vec::new();
    // Not even where something is signed, by zones that may be there or not.
    let stray = world.maker.make(15, ZSK).unwrap();
    let mut signed = unsigned_a("www.sub.plain.example.");
    sign_rrset(&mut signed, &stray, &name("sub.plain.example."), validity()).unwrap();
    for response in [
        answer(vec![signed]),
        answer(vec![unsigned_a("www.sub.plain.example.")]),
        nodata(question("www.sub.plain.example.", A), Vec::new()),
    ] {
        let judged = world.judge(response);
        judged.is_insecure();
        assert!(judged.asked.is_empty(), "{:?}", judged.asked);
    }
}

#[test]
fn new_keys_of_a_zone_are_fetched_also_where_another_was_proven_before() {
    let mut world = World::new();
    let judged = world.judge(answer(vec![world.a("example.", "www.example.")]));
    world.known.keep(&judged);
    world.zone("other.", 15);
    world.zone("example.", 15);
    let alias = world.sign("other.", cname("www.other.", "www.example."));
    let chain = vec![alias, world.a("example.", "www.example.")];
    let mut response = scrubbed(question("www.other.", A), Outcome::Answer, chain, Vec::new());
    response.target = name("www.example.");
    world.judge(response).is_secure();
}

#[test]
fn asked_for_ds_a_dname_above_says_that_no_zone_begins_below_and_no_other_record_does() {
    let mut world = World::new();
    world.no_cut("old.example.");
    let ds = || question("sub.old.example.", RecordType::DS);
    let mut fault = |record: Rrset| {
        world.serve(scrubbed(ds(), Outcome::Alias, vec![record], vec![]));
        world.judge(answer(vec![unsigned_a("www.sub.old.example.")])).fault().label()
    };
    let signed = World::new();
    let above = signed.sign("example.", dname("old.example.", "new.example."));
    let beside = signed.sign("example.", dname("new.example.", "old.example."));
    let address = signed.a("example.", "old.example.");
    assert_eq!(
        [above, beside, address].map(&mut fault),
        ["signature-missing", "contradiction", "contradiction"]
    );
}

#[test]
fn a_trust_anchor_is_told_by_its_kind_and_tag() {
    let world = World::new();
    let key = &world.zones[&name("example.")].ksk;
    assert_eq!(AnchorKey::Ds(key.ds(&name("example."), 2)).to_string(), format!("DS {}", key.tag()));
    assert_eq!(AnchorKey::Dnskey(key.dnskey()).to_string(), format!("DNSKEY {}", key.tag()));
}

#[test]
fn an_anchor_of_another_class_or_of_a_digest_too_short_is_told_as_that() {
    let fault = |line: &str| Anchors::parse(line).unwrap_err().remove(0).what;
    for class in ["CH", "HS"] {
        assert_eq!(fault(&format!(". {class} DS 1 8 2 68")), AnchorError::Class(class.to_owned()));
    }
    for (digest_type, octets) in [(1, 20), (2, 32), (4, 48)] {
        let line = |octets: usize| format!(". IN DS 1 8 {digest_type} {}", "68".repeat(octets));
        assert_eq!(fault(&line(octets - 1)), AnchorError::DigestLength(digest_type, octets, octets - 1));
        assert!(Anchors::parse(&line(octets)).is_ok());
    }
}

#[test]
fn digits_of_base_16_and_of_base_64_have_their_values() {
    assert_eq!(
        hexadecimal("0123456789abcdefABCDEF").unwrap(),
        *b"\x01\x23\x45\x67\x89\xab\xcd\xef\xab\xcd\xef"
    );
    assert!(hexadecimal("abc").is_none() && hexadecimal("0g").is_none());
    let digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let octets = "00108310518720928b30d38f41149351559761969b71d79f8218a39259a7a29a\
                  abb2dbafc31cb3d35db7e39ebbf3dfbf";
    assert_eq!(base64(digits), hexadecimal(octets));
    assert!(base64("A===").is_none() && base64("AA===").is_none() && base64("AAAAA").is_none());
}

#[test]
fn the_wildcard_that_would_answer_is_told_where_a_record_says_that_nothing_of_the_name_exists() {
    let source = |of: &str, next: &str| {
        let record = nsec("a.example.", next, &[A]);
        denial::source_of_synthesis(&name("example."), &name(of), &record)
    };
    assert_eq!(source("b.example.", "m.example."), Some(name("*.example.")));
    assert_eq!(source("b.a.example.", "m.example."), Some(name("*.a.example.")));
    assert_eq!(source("ent.example.", "x.ent.example."), None, "it exists, without records of its own");
    assert_eq!(source("z.example.", "m.example."), None);
}

#[test]
fn a_hash_is_written_as_the_owner_of_its_record() {
    // RFC 5155, appendix A.
    let salt = [0xaa, 0xbb, 0xcc, 0xdd];
    let budget = Budget::new(Caps::default(), Moment(0));
    for (owner, label) in [
        ("example.", b"0p9mhaveqvm6t7vbl5lop2u3t2rp3tom"),
        ("a.example.", b"35mthgpgcu1qg68fab165klnsnk3dpvl"),
    ] {
        let found = base32(&Hashes::new().hash(&name(owner), 12, &salt, &budget).unwrap());
        assert_eq!(found.to_lowercase().as_bytes(), label);
    }
}

#[test]
fn the_anchors_of_a_zone_are_replaced_as_a_whole_and_behind_a_negative_one_unseen() {
    let zone = name("example.");
    let key = |octet: u8| AnchorKey::Ds(vec![octet; 36]);
    let keys = |anchors: &Anchors| -> Vec<AnchorKey> {
        anchors.iter().filter(|(at, _)| **at == zone).flat_map(|(_, keys)| keys.to_vec()).collect()
    };
    let mut anchors = Anchors::none();
    anchors.add(zone.clone(), key(1));
    anchors.replace(&zone, vec![key(2), key(3)]);
    assert_eq!(keys(&anchors), [key(2), key(3)]);
    assert_eq!(anchors.deepest(&name("www.example.")), Some(zone.clone()));
    assert_eq!(anchors.deepest(&name("org.")), None);
    anchors.add_negative(zone.clone(), None);
    anchors.replace(&zone, vec![key(4)]);
    assert_eq!(anchors.negatives().collect::<Vec<_>>(), [(&zone, None)], "it stays");
    anchors.lift_negative(&zone);
    assert_eq!(keys(&anchors), [key(4)]);
    anchors.replace(&zone, Vec::new());
    assert_eq!((anchors.deepest(&zone), anchors.is_empty()), (None, true));
}

#[test]
fn an_algorithm_is_told_by_its_name_or_its_number() {
    assert_eq!([13, 99].map(algorithm_name), ["ECDSAP256SHA256", "algorithm 99"]);
}

#[test]
fn the_last_record_of_the_circle_does_not_cover_the_name_it_stands_at() {
    let world = World::new();
    let params = Nsec3Params { iterations: 0, salt: vec![1], opt_out: false };
    let (www, example) = (name("www.example."), name("example."));
    let claim = Claim::CloserMatch { name: &www, encloser: &example };
    let mut hash = params.hash(&www);
    let last = |hash: &[u8]| world.nsec3_from("example.", hash, &[0; 20], &params, &[A]);
    assert_eq!(proves("example.", claim, &[last(&hash)]), None, "it exists");
    nudge(&mut hash, -1);
    assert!(proves("example.", claim, &[last(&hash)]).is_some(), "and does not if one stands just before");
}
