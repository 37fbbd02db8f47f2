//! Judging: what is secure, insecure and bogus, and that nothing else becomes of it.

use std::sync::Arc;
use std::time::Duration;

use rootwalk::dns::edns::EdeCode;
use rootwalk::dns::{Rcode, RecordType, Rrset};
use rootwalk::lab::builtin::{self, EXAMPLES};
use rootwalk::lab::{DsKind, Fault, Flaw, Judgement, KeySpec, World, Zone};
use rootwalk::service::PrivateAddresses;

use crate::harness::{Ask, Sim, name, seed};

const WEB: [u8; 4] = [192, 0, 2, 80];

fn site(zone: &str) -> Zone {
    Zone::new(zone).record("www A 192.0.2.80")
}

fn sim(zone: Zone) -> Sim {
    Sim::new(World::new(seed()).zone(zone))
}

#[tokio::test(start_paused = true)]
async fn the_built_in_internet_is_judged_as_it_says() {
    let world = builtin::world(seed(), rootwalk::lab::world::EPOCH_UNIX);
    let sim = Sim::with(world, |options| options.iterate.do_not_query_localhost = false);
    let internet = sim.network.internet();
    let mut wrong = Vec::new();
    for example in EXAMPLES.iter().flat_map(|(_, examples)| *examples) {
        let truth = internet.oracle().truth(&example.question().unwrap());
        let reply = sim.ask(example.name, example.rtype).await;
        let got = (reply.rcode(), reply.secure(), reply.ede().filter(|_| reply.rcode() == Rcode::SERVFAIL));
        if got != (truth.rcode, truth.state == Judgement::Secure, example.ede) {
            wrong.push(format!(
                "{} {}: {got:?} {}, not {truth:?} {:?}",
                example.name,
                example.rtype,
                reply.text(),
                example.ede
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn each_algorithm_is_secure_with_nsec_and_nsec3() {
    for algorithm in [8, 10, 13, 14, 15] {
        let zone = site("example.org.").algorithm(algorithm).record("*.w A 192.0.2.80");
        for zone in [zone.clone(), zone.clone().nsec3(0, b""), zone.nsec3(10, b"salt")] {
            let sim = sim(zone);
            sim.ask_a("www.example.org.").await.is_secure_address(WEB);
            sim.ask_a("any.w.example.org.").await.is_secure_address(WEB);
            for (question, rtype) in [
                ("none.example.org.", RecordType::A),
                ("www.example.org.", RecordType::MX),
                ("any.w.example.org.", RecordType::MX),
            ] {
                let reply = sim.ask(question, rtype).await;
                assert!(reply.secure(), "{algorithm} {question} {}", reply.text());
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_zone_is_insecure_only_when_no_ds_is_usable() {
    let unknown = KeySpec::ksk(250);
    let cases = [
        (site("example.org.").unsigned(), true),
        (site("example.org.").island(), true),
        (site("example.org.").algorithm(250), true),
        (site("example.org.").ds(&[DsKind::Digest(250)]), true),
        // RFC 9905 is about signatures made with SHA-1, not about digests of keys.
        (site("example.org.").algorithm(7), true),
        (site("example.org.").ds(&[DsKind::Digest(1)]), false),
        (site("example.org.").ds(&[DsKind::Digest(4)]), false),
        // One usable DS beside one that is not: it has to hold.
        (site("example.org.").ds(&[DsKind::Digest(250), DsKind::Digest(2)]), false),
        (site("example.org.").keys(&[unknown, KeySpec::ksk(13), KeySpec::zsk(13)]), false),
    ];
    for (zone, insecure) in cases {
        let reply = sim(zone.clone()).ask_a("www.example.org.").await;
        reply.is_address(WEB);
        assert_eq!(reply.secure(), !insecure, "{zone:?}");
    }
    let bogus = site("example.org.").ds(&[DsKind::Digest(250), DsKind::Wrong]);
    assert_eq!(sim(bogus).ask_a("www.example.org.").await.rcode(), Rcode::SERVFAIL);
}

#[tokio::test(start_paused = true)]
async fn a_zone_in_a_key_rollover_stays_secure() {
    let old = KeySpec::ksk(13);
    let new = KeySpec { in_ds: false, ..KeySpec::ksk(13) };
    let cases: [&[KeySpec]; 5] = [
        // A new key-signing key beside the old; then the DS names the new one.
        &[old, new, KeySpec::zsk(13)],
        &[KeySpec { in_ds: false, ..old }, KeySpec { in_ds: true, ..new }, KeySpec::zsk(13)],
        // Two DS records, the key of one not yet there.
        &[old, KeySpec { published: false, signs_keys: false, ..KeySpec::ksk(13) }, KeySpec::zsk(13)],
        // A zone-signing key published ahead, and one double-signing.
        &[old, KeySpec::zsk(13), KeySpec::zsk(13).idle()],
        &[old, KeySpec::zsk(13), KeySpec::zsk(13)],
    ];
    for keys in cases {
        sim(site("example.org.").keys(keys)).ask_a("www.example.org.").await.is_secure_address(WEB);
    }
}

#[tokio::test(start_paused = true)]
async fn flawed_signatures_are_bogus_with_a_telling_error() {
    let cases = [
        (Flaw::Expired, EdeCode::SIGNATURE_EXPIRED),
        (Flaw::NotYetValid, EdeCode::SIGNATURE_NOT_YET_VALID),
        (Flaw::TimesReversed, EdeCode::SIGNATURE_EXPIRED_BEFORE_VALID),
        (Flaw::Stripped, EdeCode::RRSIGS_MISSING),
        (Flaw::WrongKey, EdeCode::DNSKEY_MISSING),
        (Flaw::BitFlipped, EdeCode::DNSSEC_BOGUS),
    ];
    for (flaw, code) in cases {
        let sim =
            sim(site("example.org.").flaw_at("www", RecordType::A, flaw.clone()).record("good A 192.0.2.80"));
        let reply = sim.ask_a("www.example.org.").await;
        assert_eq!((reply.rcode(), reply.ede()), (Rcode::SERVFAIL, Some(code)), "{flaw:?}: {}", reply.text());
        assert!(reply.text().contains("www.example.org."), "{}", reply.text());
        sim.ask_a("good.example.org.").await.is_secure_address(WEB);
    }
}

#[tokio::test(start_paused = true)]
async fn a_flaw_in_what_proves_the_answer_is_bogus_too() {
    for (zone, code) in [
        (site("example.org.").flaw_in(RecordType::DNSKEY, Flaw::Expired), EdeCode::SIGNATURE_EXPIRED),
        (site("example.org.").flaw_in(RecordType::DNSKEY, Flaw::Stripped), EdeCode::RRSIGS_MISSING),
        (site("example.org.").flaw_in(RecordType::DNSKEY, Flaw::BitFlipped), EdeCode::DNSSEC_BOGUS),
        (site("example.org.").ds(&[DsKind::Wrong]), EdeCode::DNSKEY_MISSING),
        (site("example.org.").ds(&[DsKind::WrongTag]), EdeCode::DNSKEY_MISSING),
    ] {
        sim(zone).ask_a("www.example.org.").await.is_failure(code);
    }
    let parent = Zone::new("org.").flaw_at("example.org.", RecordType::DS, Flaw::BitFlipped);
    let world = World::new(seed()).zone(parent).zone(site("example.org."));
    Sim::new(world).ask_a("www.example.org.").await.is_failure(EdeCode::DNSSEC_BOGUS);
}

#[tokio::test(start_paused = true)]
async fn an_absence_that_is_not_proven_is_bogus() {
    for zone in [site("example.org."), site("example.org.").nsec3(0, b"")] {
        let sim = sim(zone.record("*.w A 192.0.2.80").without_denial());
        for (question, rtype) in [
            ("none.example.org.", RecordType::A),
            ("www.example.org.", RecordType::MX),
            ("x.w.example.org.", RecordType::A),
        ] {
            sim.ask(question, rtype).await.is_failure(EdeCode::NSEC_MISSING);
        }
        sim.ask_a("www.example.org.").await.is_secure_address(WEB);
    }
}

#[tokio::test(start_paused = true)]
async fn a_delegation_whose_ds_is_neither_there_nor_denied_is_bogus() {
    let world =
        World::new(seed()).zone(Zone::new("org.").without_denial()).zone(site("example.org.").unsigned());
    let reply = Sim::new(world).ask_a("www.example.org.").await;
    assert_eq!(reply.rcode(), Rcode::SERVFAIL, "a downgrade by leaving out the proof");
}

#[tokio::test(start_paused = true)]
async fn stripping_every_signature_on_the_way_is_no_downgrade() {
    // Each server answers as one that has never heard of DNSSEC.
    let strip = Fault::IgnoresEdns;
    let world = World::new(seed()).zone(site("example.org.").fault(strip));
    assert_eq!(Sim::new(world).ask_a("www.example.org.").await.rcode(), Rcode::SERVFAIL);
}

#[tokio::test(start_paused = true)]
async fn an_opt_out_span_proves_no_absence_but_a_signed_zone_in_it_is_secure() {
    let world = World::new(seed())
        .zone(Zone::new("org.").opt_out())
        .zone(site("signed.org."))
        .zone(site("plain.org.").unsigned());
    let sim = Sim::new(world);
    sim.ask_a("www.signed.org.").await.is_secure_address(WEB);
    let plain = sim.ask_a("www.plain.org.").await;
    plain.is_address(WEB);
    assert!(!plain.secure());
    let none = sim.ask_a("none.org.").await;
    assert!(none.rcode() == Rcode::NXDOMAIN && !none.secure());
}

#[tokio::test(start_paused = true)]
async fn denials_with_too_many_iterations_are_insecure_and_answers_stay_secure() {
    for (iterations, secure) in [(50, true), (51, false), (2_500, false)] {
        let sim = sim(site("example.org.").nsec3(iterations, b"salt"));
        let none = sim.ask_a("none.example.org.").await;
        assert_eq!((none.rcode(), none.secure()), (Rcode::NXDOMAIN, secure), "{iterations}");
        sim.ask_a("www.example.org.").await.is_secure_address(WEB);
    }
}

#[tokio::test(start_paused = true)]
async fn a_chain_is_as_secure_as_its_weakest_link() {
    let world = World::new(seed())
        .zone(
            site("good.org.")
                .record("to-plain CNAME www.plain.org.")
                .record("to-bogus CNAME www.bogus.org.")
                .record("dname DNAME plain.org."),
        )
        .zone(site("plain.org.").unsigned().record("to-good CNAME www.good.org."))
        .zone(site("bogus.org.").flaw(Flaw::Expired));
    let sim = Sim::new(world);
    for question in ["to-plain.good.org.", "www.dname.good.org.", "to-good.plain.org."] {
        let reply = sim.ask_a(question).await;
        reply.is_address(WEB);
        assert!(!reply.secure(), "{question}");
    }
    sim.ask_a("to-bogus.good.org.").await.is_failure(EdeCode::SIGNATURE_EXPIRED);
}

#[tokio::test(start_paused = true)]
async fn cd_gets_what_is_bogus_and_never_ad() {
    let sim = sim(site("example.org.").flaw(Flaw::Expired));
    let plain = sim.ask_a("www.example.org.").await;
    assert_eq!(plain.rcode(), Rcode::SERVFAIL);
    let unchecked = sim.ask_as(&Ask::unchecked("www.example.org.", RecordType::A)).await;
    unchecked.is_address(WEB);
    assert!(!unchecked.secure() && unchecked.message.header.checking_disabled);
    // And what CD got is not served to those who did not set it.
    assert_eq!(sim.ask_a("www.example.org.").await.rcode(), Rcode::SERVFAIL);
}

#[tokio::test(start_paused = true)]
async fn another_server_is_tried_when_one_gives_bogus_answers() {
    let forge = Fault::rewrites(|_, reply| {
        for rrset in reply.answer.iter_mut().filter(|rrset| rrset.rtype == RecordType::A) {
            rrset.rdatas = [&[192, 0, 2, 66][..]].into_iter().collect();
        }
    });
    for seed in 0..10 {
        let world = World::new(seed).zone(site("example.org.").servers(2).fault_at(0, forge.clone()));
        let sim = Sim::with(world, |options| options.seed = seed);
        sim.ask_a("www.example.org.").await.is_secure_address(WEB);
    }
}

#[tokio::test(start_paused = true)]
async fn a_bogus_answer_is_remembered_for_a_minute_at_most() {
    let sim = sim(site("example.org.").flaw(Flaw::Expired));
    assert_eq!(sim.ask_a("www.example.org.").await.rcode(), Rcode::SERVFAIL);
    let again = sim.ask_a("www.example.org.").await;
    assert_eq!(
        (again.rcode(), again.ede(), again.packets),
        (Rcode::SERVFAIL, Some(EdeCode::SIGNATURE_EXPIRED), 0)
    );
    sim.change(&World::new(seed()).zone(site("example.org.")));
    sim.pass(61).await;
    sim.ask_a("www.example.org.").await.is_secure_address(WEB);
}

#[tokio::test(start_paused = true)]
async fn a_signature_that_ends_while_it_is_cached_takes_its_answer_along() {
    let zone = site("example.org.").ttl(86_400).record("short A 192.0.2.80").valid_for(7_200);
    let sim = sim(zone);
    let reply = sim.ask_a("short.example.org.").await;
    reply.is_secure_address(WEB);
    assert!(reply.message.answer[0].ttl <= 7_200, "{}", reply.message.answer[0].ttl);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_a_little_wrong_does_no_harm() {
    // Signed for 30 days around the lab's date: 31 days later they are past, but for the grace.
    let sim = sim(site("example.org.").ttl(60).delegation_ttl(60));
    sim.pass(30 * 86_400 + 3_000).await;
    sim.ask_a("www.example.org.").await.is_secure_address(WEB);
    sim.pass(3 * 86_400).await;
    assert_eq!(sim.ask_a("www.example.org.").await.rcode(), Rcode::SERVFAIL);
}

#[tokio::test(start_paused = true)]
async fn a_wildcards_signature_does_not_prove_a_name_that_exists() {
    // The server answers a name that exists from the wildcard: the signature is good, the denial cannot be.
    let wild = World::new(seed()).zone(site("example.org.").record("* A 192.0.2.66")).build().unwrap();
    let stolen = wild
        .zone(&name("example.org."))
        .unwrap()
        .rrset(&name("*.example.org."), RecordType::A)
        .unwrap()
        .clone();
    let replay = Fault::rewrites(move |question, reply| {
        if question.name == name("www.example.org.") && question.rtype == RecordType::A {
            reply.answer = vec![Rrset { name: question.name.clone(), ..stolen.clone() }];
        }
    });
    let sim = sim(site("example.org.").record("* A 192.0.2.66").fault(replay));
    assert_eq!(sim.ask_a("www.example.org.").await.rcode(), Rcode::SERVFAIL);
}

#[tokio::test(start_paused = true)]
async fn a_denial_from_the_parent_does_not_deny_what_is_in_the_child() {
    // The child answers with the parent's NSEC record at the cut, which names no A.
    let parent = World::new(seed()).zone(site("example.org.")).build().unwrap();
    let org = parent.zone(&name("org.")).unwrap();
    let mut nsec =
        org.rrsets().find(|rrset| rrset.is(&name("example.org."), RecordType::NSEC)).unwrap().clone();
    nsec.ttl = 300;
    let soa = org.rrset(&name("org."), RecordType::SOA).unwrap().clone();
    let replay = Fault::rewrites(move |question, reply| {
        if question.rtype == RecordType::MX {
            reply.answer.clear();
            reply.authority = vec![soa.clone(), nsec.clone()];
        }
    });
    let sim = sim(site("example.org.").record("@ MX 10 www").fault(replay));
    assert_eq!(sim.ask("example.org.", RecordType::MX).await.rcode(), Rcode::SERVFAIL);
}

#[tokio::test(start_paused = true)]
async fn keys_that_do_not_sign_for_the_zone_prove_nothing() {
    for (keys, code) in [
        (vec![KeySpec::ksk(13).with_flags(0x0181), KeySpec::zsk(13)], None),
        (vec![KeySpec::ksk(13).with_flags(0x0001), KeySpec::zsk(13)], Some(EdeCode::NO_ZONE_KEY_BIT)),
        (vec![KeySpec::ksk(13), KeySpec::zsk(13).with_flags(0)], None),
        (vec![KeySpec::ksk(13), KeySpec::zsk(13).with_flags(0x0180)], None),
    ] {
        let reply = sim(site("example.org.").keys(&keys)).ask_a("www.example.org.").await;
        assert_eq!(reply.rcode(), Rcode::SERVFAIL, "{keys:?}");
        if code.is_some() {
            assert_eq!(reply.ede(), code, "{}", reply.text());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_good_algorithm_is_enough_where_a_zone_has_two() {
    // RFC 6840 §5.11: a validator takes any valid path.
    let world = World::new(seed()).zone(site("example.org.").algorithms(&[8, 13]));
    Sim::new(world).ask_a("www.example.org.").await.is_secure_address(WEB);
}

#[tokio::test(start_paused = true)]
async fn a_signer_above_or_beside_the_zone_is_not_believed() {
    for signer in ["org.", "other.org.", "www.example.org."] {
        let flaw = Flaw::WrongSigner(name(signer));
        let sim = sim(site("example.org.").flaw_at("www", RecordType::A, flaw));
        assert_eq!(sim.ask_a("www.example.org.").await.rcode(), Rcode::SERVFAIL, "{signer}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_labels_field_that_cannot_be_is_not_believed() {
    for labels in [0, 1, 2, 4, 255] {
        let sim = sim(site("example.org.").flaw_at("www", RecordType::A, Flaw::Labels(labels)));
        assert_eq!(sim.ask_a("www.example.org.").await.rcode(), Rcode::SERVFAIL, "{labels}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_dnskey_is_fetched_again_and_is_not_bogus_for_ever() {
    let zone = site("example.org.").fault(Fault::Dead.for_type(RecordType::DNSKEY));
    let sim = sim(zone);
    assert_eq!(sim.ask_a("www.example.org.").await.rcode(), Rcode::SERVFAIL);
    sim.change(&World::new(seed()).zone(site("example.org.")));
    sim.pass(301).await;
    sim.ask_a("www.example.org.").await.is_secure_address(WEB);
}

#[tokio::test(start_paused = true)]
async fn a_signed_name_costs_little_more_time_than_an_unsigned_one() {
    let measure = |zone: Zone| async move {
        let sim = Sim::new(World::new(seed()).zone(site("warm.org.")).zone(zone));
        sim.ask_a("www.warm.org.").await;
        let reply = sim.ask_a("www.example.org.").await;
        (reply.took, reply.packets)
    };
    let (plain, _) = measure(site("example.org.").unsigned()).await;
    let (signed, packets) = measure(site("example.org.")).await;
    // The keys come while the referral is followed: a tenth of each round trip is chance.
    assert!(signed <= plain + Duration::from_millis(8), "{signed:?} {plain:?}");
    assert!(packets <= 3, "{packets}");
}

#[tokio::test(start_paused = true)]
async fn without_validation_nothing_is_judged_and_nothing_is_authentic() {
    let world = World::new(seed()).zone(site("good.org.")).zone(site("old.org.").flaw(Flaw::Expired));
    let sim = Sim::with(world, |options| options.validation = false);
    for question in ["www.good.org.", "www.old.org."] {
        let reply = sim.ask_a(question).await;
        reply.is_address(WEB);
        assert!(!reply.secure());
    }
    assert!(sim.network.sent_for(RecordType::DNSKEY) == 0);
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_any_signature_check_never_carries_ad() {
    // Whatever a lying server does to an answer, AD needs the data of the zone.
    let lies: [fn(&mut rootwalk::dns::message::Message); 4] = [
        |reply| reply.header.authentic_data = true,
        |reply| reply.answer.iter_mut().for_each(|rrset| rrset.signatures = rootwalk::dns::Rdatas::new()),
        |reply| reply.authority.clear(),
        |reply| {
            for rrset in &mut reply.answer {
                let first = rrset.rdatas.first().unwrap_or_default().to_vec();
                rrset.rdatas.push(&first.iter().map(|octet| octet ^ 1).collect::<Vec<_>>());
            }
        },
    ];
    for lie in lies {
        let lie = Arc::new(lie);
        let zone = site("example.org.").fault(Fault::rewrites(move |_, reply| lie(reply)));
        let sim = sim(zone);
        let reply = sim.ask_a("www.example.org.").await;
        assert!(!reply.secure() || reply.last() == [WEB.to_vec()], "{reply:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn with_referral_path_the_servers_on_the_way_are_proven_too() {
    let asks_for_ns = |referral_path: bool| async move {
        let world = World::new(seed()).zone(site("example.org."));
        let sim = Sim::with(world, |options| options.referral_path = referral_path);
        sim.ask_a("www.example.org.").await.is_secure_address(WEB);
        sim.pass(5).await;
        let ns = |sent: &rootwalk::lab::link::Sent| {
            sent.question().is_some_and(|question| {
                question.rtype == RecordType::NS && question.name == name("example.org.")
            })
        };
        sim.network.log().iter().any(ns)
    };
    assert!(asks_for_ns(true).await && !asks_for_ns(false).await);
}

#[tokio::test(start_paused = true)]
async fn a_signed_name_costs_no_more_round_trips_than_an_unsigned_one() {
    let zones = World::new(seed())
        .zone(site("warm.org."))
        .zone(site("signed.org."))
        .zone(site("plain.org.").unsigned());
    let sim = Sim::new(zones);
    sim.ask_a("www.warm.org.").await.is_secure_address(WEB);
    let signed = sim.ask_a("www.signed.org.").await;
    let plain = sim.ask_a("www.plain.org.").await;
    assert!(signed.secure() && !plain.secure());
    // The referral and the answer, 20 ms each and a tenth more or less; the keys come meanwhile.
    for reply in [signed, plain] {
        assert!(reply.took < Duration::from_millis(45), "{:?} {}", reply.took, reply.text());
    }
}

#[tokio::test(start_paused = true)]
async fn half_a_proof_behind_an_alias_leads_to_the_target_itself() {
    // As NSD does: an answer through DNAME to a name that does not exist lacks the record that covers the name.
    let half = Fault::rewrites(|question, reply| {
        if question.name.to_string().eq_ignore_ascii_case("none.old.example.org.") {
            reply.authority.retain(|rrset| rrset.rtype != RecordType::NSEC);
        }
    });
    let zone = site("example.org.").record("old DNAME new").record("a.new A 192.0.2.80").fault(half);
    let reply = sim(zone).ask_a("none.old.example.org.").await;
    assert_eq!((reply.rcode(), reply.secure()), (Rcode::NXDOMAIN, true), "{}", reply.text());
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_its_private_addresses_is_no_longer_proven() {
    let zone =
        site("example.org.").record("in A 10.0.0.1").record("both A 10.0.0.1").record("both A 192.0.2.80");
    let sim = Sim::with(World::new(seed()).zone(zone), |options| {
        options.private = PrivateAddresses::new(&["10.0.0.0/8".parse().unwrap()], Vec::new());
    });
    for _ in 0..2 {
        sim.ask_a("www.example.org.").await.is_secure_address(WEB);
        for name in ["in.example.org.", "both.example.org."] {
            let reply = sim.ask_a(name).await;
            assert_eq!((reply.rcode(), reply.secure()), (Rcode::NOERROR, false), "{}", reply.text());
            assert_eq!(reply.ede(), Some(EdeCode::BLOCKED));
            assert!(
                !reply.text().contains("10.0.0.1") && !reply.text().contains("RRSIG"),
                "{}",
                reply.text()
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn below_a_wildcard_that_is_an_empty_non_terminal_there_is_no_data_whatever_is_known() {
    // RFC 4592 §2.2.2: the name is no NXDOMAIN. An NSEC that sorts across `*.c` does not deny it if it ends below.
    let zone = || {
        let zone = Zone::new("example.org.").record("x.*.c A 192.0.2.1").record("a A 192.0.2.1");
        zone.record("*.*.e A 192.0.2.80").record("z A 192.0.2.1")
    };
    for zone in [zone(), zone().nsec3(0, b""), zone().nsec3(3, b"salt")] {
        let sim = sim(zone);
        for _ in 0..2 {
            for (owner, rcode) in [
                ("b.example.org.", Rcode::NXDOMAIN),
                ("q.z.example.org.", Rcode::NXDOMAIN),
                ("y.*.c.example.org.", Rcode::NXDOMAIN),
                ("c.example.org.", Rcode::NOERROR),
                ("*.c.example.org.", Rcode::NOERROR),
                ("y.c.example.org.", Rcode::NOERROR),
                ("x.y.c.example.org.", Rcode::NOERROR),
                ("q.e.example.org.", Rcode::NOERROR),
            ] {
                let reply = sim.ask_a(owner).await;
                assert_eq!((reply.rcode(), reply.secure()), (rcode, true), "{owner}: {}", reply.text());
                assert!(reply.message.answer.is_empty(), "{owner}");
            }
            sim.ask_a("q.*.e.example.org.").await.is_secure_address(WEB);
        }
    }
}
