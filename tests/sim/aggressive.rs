//! What is proven of one name answers for others (RFC 8198), and never says what a question would not have found.

use std::collections::BTreeSet;

use rootwalk::cache::answers::ABSENT;
use rootwalk::dns::edns::EdeCode;
use rootwalk::dns::{Rcode, RecordType};
use rootwalk::entropy::Entropy;
use rootwalk::lab::{Fault, World, Zone};
use rootwalk::validate::Anchors;

use crate::harness::{Ask, Reply, Sim, name, seed};
use crate::worlds::Draw;

const WEB: [u8; 4] = [192, 0, 2, 80];

/// `example.org.` with the names `a`, `m`, `ns1` and `z`.
fn site() -> Zone {
    ["a", "m", "z"]
        .iter()
        .fold(Zone::new("example.org."), |zone, label| zone.record(&format!("{label} A 192.0.2.80")))
}

fn sim(zone: Zone) -> Sim {
    Sim::new(World::new(seed()).zone(zone))
}

/// Each way to deny that synthesis makes use of.
fn each_denial(zone: &Zone) -> [Zone; 3] {
    [zone.clone(), zone.clone().nsec3(0, b""), zone.clone().nsec3(3, b"salt")]
}

#[track_caller]
fn is_synthesised(reply: &Reply, rcode: Rcode) {
    let got = (reply.rcode(), reply.secure(), reply.packets, reply.ede());
    assert_eq!(got, (rcode, true, 0, Some(EdeCode::SYNTHESIZED)), "{reply:#?}");
    let proof = reply.message.authority.iter();
    let signed = proof.clone().all(|rrset| rrset.signatures.len() == 1);
    let denied = proof.clone().any(|rrset| matches!(rrset.rtype, RecordType::NSEC | RecordType::NSEC3));
    let soa = proof.clone().filter(|rrset| rrset.rtype == RecordType::SOA).count();
    let wanted = usize::from(reply.message.answer.is_empty());
    assert!(signed && denied && soa == wanted, "{reply:#?}");
}

/// Asks for `label` with a number in its place until an answer costs no packet, and returns that one.
async fn until_synthesised(sim: &Sim, pattern: &str, rtype: RecordType) -> Reply {
    for number in 0..100 {
        let reply = sim.ask(&pattern.replace('#', &number.to_string()), rtype).await;
        if reply.packets == 0 {
            return reply;
        }
    }
    panic!("each of a hundred names had to be asked for: {pattern}");
}

#[tokio::test(start_paused = true)]
async fn one_denial_answers_for_all_names_of_its_span() {
    let sim = sim(site());
    let first = sim.ask_a("n.example.org.").await;
    assert!(first.rcode() == Rcode::NXDOMAIN && first.secure() && first.packets > 0);
    for owner in ["mm.example.org.", "NR.example.ORG.", "x.y.no.example.org.", "a.m.example.org."] {
        is_synthesised(&sim.ask_a(owner).await, Rcode::NXDOMAIN);
        is_synthesised(&sim.ask(owner, RecordType::DS).await, Rcode::NXDOMAIN);
    }
    // The span of the wildcard is another one, and answers too.
    is_synthesised(&sim.ask_a("0.example.org.").await, Rcode::NXDOMAIN);
    // What lies beyond has to be asked for.
    assert!(sim.ask_a("b.example.org.").await.packets > 0);
    sim.ask_a("z.example.org.").await.is_secure_address(WEB);
}

#[tokio::test(start_paused = true)]
async fn what_is_said_beside_a_synthesised_answer_is_short_however_long_the_name_of_the_zone() {
    let label = "\\007".repeat(63);
    let zone = format!("{label}.{label}.{label}.org.");
    let sim = sim(Zone::new(&zone).record("a A 192.0.2.80").record("m A 192.0.2.80"));
    sim.ask_a(&format!("b.{zone}")).await;
    let reply = sim.ask_a(&format!("c.{zone}")).await;
    is_synthesised(&reply, Rcode::NXDOMAIN);
    let text = reply.text();
    assert!(text.len() < 150 && text.ends_with(".org. proved before (RFC 8198)"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn hashed_denials_answer_for_other_names_too() {
    for zone in &each_denial(&site())[1..] {
        let sim = sim(zone.clone());
        is_synthesised(&until_synthesised(&sim, "n#.example.org.", RecordType::A).await, Rcode::NXDOMAIN);
        is_synthesised(&until_synthesised(&sim, "a.b.p#.example.org.", RecordType::A).await, Rcode::NXDOMAIN);
        is_synthesised(&until_synthesised(&sim, "n#.m.example.org.", RecordType::A).await, Rcode::NXDOMAIN);
    }
}

#[tokio::test(start_paused = true)]
async fn the_hashes_of_an_answer_that_is_made_are_counted_like_those_of_a_proof() {
    let sim = sim(site().nsec3(0, b""));
    let hashes = || sim.service.validator().unwrap().figures().nsec3_hashes();
    for number in 0..100 {
        let (owner, before) = (format!("n{number}.example.org."), hashes());
        if sim.ask_a(&owner).await.packets == 0 {
            // Of the name, the apex and the wildcard, a block each.
            assert_eq!(hashes(), before + 3, "{owner}");
            return;
        }
    }
    panic!("nothing was made of a hundred denials");
}

#[tokio::test(start_paused = true)]
async fn one_absent_type_answers_for_the_other_absent_types_of_the_name() {
    for zone in each_denial(&site().record("x.ent A 192.0.2.80").record("alias CNAME a")) {
        let sim = sim(zone);
        for owner in ["m.example.org.", "ent.example.org.", "example.org."] {
            let first = sim.ask(owner, RecordType::MX).await;
            assert!(first.rcode() == Rcode::NOERROR && first.secure() && first.packets > 0);
            for rtype in [RecordType::TXT, RecordType::HTTPS, RecordType::CAA, RecordType::CNAME] {
                let reply = sim.ask(owner, rtype).await;
                is_synthesised(&reply, Rcode::NOERROR);
                assert!(reply.message.answer.is_empty());
            }
        }
        // What is there is found, and the apex knows nothing of its DS, which the parent has.
        sim.ask_a("m.example.org.").await.is_secure_address(WEB);
        assert_eq!(sim.ask("example.org.", RecordType::DS).await.types(), [RecordType::DS]);
        // An alias has no other types, and answers for all.
        assert!(sim.ask("alias.example.org.", RecordType::TXT).await.packets > 0);
        assert_eq!(sim.ask("alias.example.org.", RecordType::A).await.types().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_wildcard_answers_for_names_that_were_not_asked_for() {
    for zone in each_denial(&site().record("*.w A 192.0.2.80").record("*.c CNAME a").record("b.w TXT text")) {
        let sim = sim(zone);
        let address = until_synthesised(&sim, "k#.w.example.org.", RecordType::A).await;
        is_synthesised(&address, Rcode::NOERROR);
        address.is_secure_address(WEB);
        assert_eq!(address.message.answer[0].name, address.message.question.as_ref().unwrap().name);
        assert_eq!(address.message.answer[0].signatures.len(), 1);
        let absent = until_synthesised(&sim, "k#.w.example.org.", RecordType::MX).await;
        is_synthesised(&absent, Rcode::NOERROR);
        assert!(absent.message.answer.is_empty());
        let alias = until_synthesised(&sim, "k#.c.example.org.", RecordType::A).await;
        alias.is_secure_address(WEB);
        assert_eq!(alias.types(), [RecordType::CNAME, RecordType::A]);
        // A name that is there keeps the wildcard away from itself and from what is below.
        let there = sim.ask_a("b.w.example.org.").await;
        assert!(there.rcode() == Rcode::NOERROR && there.message.answer.is_empty());
        assert_eq!(sim.ask_a("x.b.w.example.org.").await.rcode(), Rcode::NXDOMAIN);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_made_lives_as_long_as_what_it_was_made_of() {
    let sim = sim(site());
    sim.ask_a("n.example.org.").await;
    for passed in [100, 199] {
        sim.pass(if passed == 100 { 100 } else { 99 }).await;
        let reply = sim.ask_a(&format!("n{passed}.example.org.")).await;
        is_synthesised(&reply, Rcode::NXDOMAIN);
        let left = 300 - passed;
        assert!(reply.message.authority.iter().all(|rrset| rrset.ttl == left), "{reply:#?}");
    }
    // In the last tenth of its time it is not renewed either.
    sim.pass(90).await;
    let sent = sim.network.sent();
    is_synthesised(&sim.ask_a("n290.example.org.").await, Rcode::NXDOMAIN);
    sim.pass(5).await;
    assert_eq!(sim.network.sent(), sent);
    sim.pass(6).await;
    let after = sim.ask_a("n301.example.org.").await;
    assert!(after.rcode() == Rcode::NXDOMAIN && after.packets > 0);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_made_again_is_kept_and_no_longer_than_what_it_was_made_of() {
    let sim = sim(site().record("*.w A 192.0.2.80"));
    for owner in ["n.example.org.", "k.w.example.org."] {
        assert!(sim.ask_a(owner).await.packets > 0);
    }
    sim.pass(100).await;
    for (owner, asked, kept_as, rcode) in [
        ("n1.example.org.", RecordType::A, ABSENT, Rcode::NXDOMAIN),
        ("m.example.org.", RecordType::TXT, RecordType::TXT, Rcode::NOERROR),
        ("k1.w.example.org.", RecordType::A, RecordType::A, Rcode::NOERROR),
    ] {
        for is_kept in [false, true, true] {
            is_synthesised(&sim.ask(owner, asked).await, rcode);
            let kept = sim.store.answers.get_past(&name(owner), kept_as, sim.clock.now());
            assert_eq!(kept.is_some(), is_kept, "{owner}");
            assert!(kept.is_none_or(|kept| (199..=200).contains(&kept.ttl())), "{owner}");
        }
    }
    sim.pass(150).await;
    is_synthesised(&sim.ask_a("n1.example.org.").await, Rcode::NXDOMAIN);
    sim.pass(51).await;
    let after = sim.ask_a("n1.example.org.").await;
    assert!(after.rcode() == Rcode::NXDOMAIN && after.packets > 0, "{after:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_random_names_takes_no_room_from_answers() {
    let sim = sim(site());
    sim.ask_a("n.example.org.").await;
    sim.ask_a("m.example.org.").await;
    let (held, bytes) = (sim.store.answers.len(), sim.store.answers.bytes());
    for number in 0..2_000 {
        is_synthesised(&sim.ask_a(&format!("n{number}.example.org.")).await, Rcode::NXDOMAIN);
    }
    assert_eq!((sim.store.answers.len(), sim.store.answers.bytes()), (held, bytes));
}

#[tokio::test(start_paused = true)]
async fn a_kept_answer_that_was_made_of_denials_goes_with_the_anchors_it_was_made_by() {
    let sim = sim(site());
    sim.ask_a("n.example.org.").await;
    for _ in 0..3 {
        is_synthesised(&sim.ask_a("n1.example.org.").await, Rcode::NXDOMAIN);
    }
    let zone = name("example.org.");
    sim.service.change_trust(std::slice::from_ref(&zone), |held| held.add_negative(zone.clone(), None));
    let reply = sim.ask_a("n1.example.org.").await;
    assert!(reply.rcode() == Rcode::NXDOMAIN && !reply.secure() && reply.packets > 0, "{reply:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_denial_lives_no_longer_than_the_soa_record_says() {
    // RFC 9077: here the NSEC records have a longer TTL than a denial may have.
    let long = Fault::rewrites(|_, reply| {
        for rrset in reply.authority.iter_mut().filter(|rrset| rrset.rtype == RecordType::SOA) {
            rrset.ttl = 30;
            rrset.signatures_ttl = 30;
        }
    });
    let sim = sim(site().fault(long));
    sim.ask_a("n.example.org.").await;
    sim.pass(20).await;
    // Another denial brings the SOA record anew, and not the record of this span.
    assert!(sim.ask_a("b.example.org.").await.packets > 0);
    sim.pass(9).await;
    is_synthesised(&sim.ask_a("n1.example.org.").await, Rcode::NXDOMAIN);
    sim.pass(2).await;
    assert!(sim.ask_a("n2.example.org.").await.packets > 0);
    is_synthesised(&sim.ask_a("b1.example.org.").await, Rcode::NXDOMAIN);
}

#[tokio::test(start_paused = true)]
async fn a_denial_that_may_not_be_kept_is_not_kept_by_an_older_soa_record() {
    let none = Fault::rewrites(|question, reply| {
        let of_b = question.name == name("b.example.org.");
        for rrset in reply.authority.iter_mut().filter(|rrset| rrset.rtype == RecordType::SOA && of_b) {
            rrset.ttl = 0;
            rrset.signatures_ttl = 0;
        }
    });
    let sim = sim(site().fault(none));
    sim.ask_a("n.example.org.").await;
    for owner in ["b.example.org.", "b.example.org.", "b1.example.org."] {
        let reply = sim.ask_a(owner).await;
        assert!(reply.rcode() == Rcode::NXDOMAIN && reply.packets > 0, "{owner} {reply:#?}");
    }
    // That one said otherwise.
    is_synthesised(&sim.ask_a("b2.example.org.").await, Rcode::NXDOMAIN);
}

#[tokio::test(start_paused = true)]
async fn opt_out_denies_nothing_but_what_it_was_asked_for() {
    let zone = || Zone::new("org.").opt_out();
    let sim = Sim::new(World::new(seed()).zone(zone()).zone(Zone::new("example.org.")));
    for number in 0..20 {
        let reply = sim.ask_a(&format!("n{number}.org.")).await;
        assert!(reply.rcode() == Rcode::NXDOMAIN && !reply.secure() && reply.packets > 0, "{reply:#?}");
    }
    sim.change(
        &World::new(seed()).zone(zone()).zone(Zone::new("new.org.").unsigned().record("www A 192.0.2.80")),
    );
    sim.ask_a("www.new.org.").await.is_address(WEB);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_checks_by_himself_gets_what_the_servers_say() {
    let sim = sim(site().record("*.w A 192.0.2.80"));
    sim.ask_a("n.example.org.").await;
    sim.ask_a("k.w.example.org.").await;
    for owner in ["n1.example.org.", "k1.w.example.org."] {
        assert!(sim.ask_as(&Ask::unchecked(owner, RecordType::A)).await.packets > 0, "{owner}");
    }
    // Nor one that was kept, for the name itself or for one above.
    for (owner, asked) in [
        ("n2.example.org.", "n2.example.org."),
        ("n3.example.org.", "below.n3.example.org."),
        ("k2.w.example.org.", "k2.w.example.org."),
    ] {
        for _ in 0..3 {
            assert_eq!(sim.ask_a(owner).await.packets, 0, "{owner}");
        }
        let reply = sim.ask_as(&Ask::unchecked(asked, RecordType::A)).await;
        assert!(reply.packets > 0 && reply.ede() != Some(EdeCode::SYNTHESIZED), "{asked} {reply:#?}");
        // What the servers said is kept in its place.
        let again = sim.ask_as(&Ask::unchecked(asked, RecordType::A)).await;
        assert_eq!((again.packets, again.rcode()), (0, reply.rcode()), "{asked}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_without_do_gets_no_proof_and_ad_if_it_knows_it() {
    let sim = sim(site());
    sim.ask_a("n.example.org.").await;
    for ad in [false, true] {
        let ask = Ask { dnssec_ok: false, ad, ..Ask::new("n1.example.org.", RecordType::A) };
        let reply = sim.ask_as(&ask).await;
        assert_eq!((reply.rcode(), reply.secure(), reply.packets), (Rcode::NXDOMAIN, ad, 0));
        let types: Vec<_> = reply.message.authority.iter().map(|rrset| rrset.rtype).collect();
        assert_eq!(types, [RecordType::SOA]);
    }
}

#[tokio::test(start_paused = true)]
async fn switched_off_every_name_is_asked_for() {
    let sim = Sim::asking(World::new(seed()).zone(site()));
    for owner in ["n.example.org.", "n1.example.org.", "n2.example.org."] {
        assert!(sim.ask_a(owner).await.packets > 0);
    }
    assert!(sim.store.denials.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_zone_cut_that_came_to_be_known_silences_older_denials() {
    let world = || World::new(seed()).zone(site());
    let sub = || Zone::new("n.example.org.").record("www A 192.0.2.80").record("v A 192.0.2.80");
    let sim = Sim::new(world());
    assert_eq!(sim.ask_a("nn.example.org.").await.rcode(), Rcode::NXDOMAIN);
    sim.change(&world().zone(sub()));
    // Until something is heard of it, it is denied (RFC 8198 §6).
    is_synthesised(&sim.ask_a("www.n.example.org.").await, Rcode::NXDOMAIN);
    let unchecked = Ask::unchecked("v.n.example.org.", RecordType::A);
    sim.ask_as(&unchecked).await.is_address(WEB);
    assert_eq!(sim.ask("n.example.org.", RecordType::DS).await.types(), [RecordType::DS]);
    sim.ask_a("www.n.example.org.").await.is_secure_address(WEB);
    is_synthesised(&sim.ask_a("nm.example.org.").await, Rcode::NXDOMAIN);
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_became_insecure_proves_nothing_more() {
    let zone = || site().negative_ttl(3_000).delegation_ttl(60);
    let sim = sim(zone());
    sim.ask_a("n.example.org.").await;
    is_synthesised(&sim.ask_a("n1.example.org.").await, Rcode::NXDOMAIN);
    sim.change(&World::new(seed()).zone(zone().island()));
    sim.pass(61).await;
    let address = sim.ask_a("m.example.org.").await;
    address.is_address(WEB);
    assert!(!address.secure());
    let reply = sim.ask_a("n2.example.org.").await;
    assert!(reply.rcode() == Rcode::NXDOMAIN && !reply.secure() && reply.packets > 0, "{reply:#?}");
}

#[tokio::test(start_paused = true)]
async fn what_was_denied_under_other_anchors_is_denied_no_more() {
    let sim = sim(site());
    let anchors = || Anchors::parse(&sim.network.internet().anchor_text()).unwrap();
    let with_negative = |zone: &str| {
        let mut anchors = anchors();
        anchors.add_negative(name(zone), None);
        anchors
    };
    sim.ask_a("n.example.org.").await;
    // At the zone, above it, and at a name within it.
    for zone in ["example.org.", "org.", "."] {
        is_synthesised(&sim.ask_a("n1.example.org.").await, Rcode::NXDOMAIN);
        sim.service.change_trust(&[name(zone)], |held| *held = with_negative(zone));
        assert!(sim.store.denials.zone_above(&name("example.org.")).is_none_or(|zone| zone.is_root()));
        let reply = sim.ask_a("n2.example.org.").await;
        assert!(reply.rcode() == Rcode::NXDOMAIN && !reply.secure() && reply.packets > 0, "{zone}");
        sim.service.change_trust(&[name(zone)], |held| *held = anchors());
        let reply = sim.ask_a("n3.example.org.").await;
        assert!(reply.rcode() == Rcode::NXDOMAIN && reply.secure() && reply.packets > 0, "{zone}");
    }
    sim.service.change_trust(&[name("n4.example.org.")], |held| *held = with_negative("n4.example.org."));
    let below = sim.ask_a("x.n4.example.org.").await;
    assert!(below.rcode() == Rcode::NXDOMAIN && !below.secure() && below.packets > 0);
    is_synthesised(&sim.ask_a("n5.example.org.").await, Rcode::NXDOMAIN);
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_changes_its_way_to_deny_is_right_all_the_time() {
    let kinds = [site(), site().nsec3(0, b""), site().nsec3(0, b"new"), site().nsec3(5, b"new"), site()];
    let sim = sim(site());
    for (turn, zone) in kinds.into_iter().enumerate() {
        sim.change(&World::new(seed()).zone(zone));
        for number in 0..12 {
            let reply = sim.ask_a(&format!("n{turn}-{number}.example.org.")).await;
            assert!(reply.rcode() == Rcode::NXDOMAIN && reply.secure(), "{reply:#?}");
            let reply = sim
                .ask("m.example.org.", RecordType(1_000 + 100 * u16::try_from(turn).unwrap() + number))
                .await;
            assert!(reply.rcode() == Rcode::NOERROR && reply.secure(), "{reply:#?}");
        }
        sim.ask_a("m.example.org.").await.is_secure_address(WEB);
        // Some of the old records have ended when the next way begins, and some have not.
        sim.pass(140).await;
    }
}

#[tokio::test(start_paused = true)]
async fn denials_outlive_the_servers_that_gave_them_for_their_time() {
    let sim = sim(site());
    sim.ask_a("n.example.org.").await;
    sim.change(&World::new(seed()).zone(site().fault(Fault::Dead)));
    is_synthesised(&sim.ask_a("n1.example.org.").await, Rcode::NXDOMAIN);
    sim.pass(301).await;
    assert_eq!(
        sim.ask_a("n2.example.org.").await.rcode(),
        Rcode::SERVFAIL,
        "nothing is made of what has ended"
    );
}

#[tokio::test(start_paused = true)]
async fn servers_that_are_proven_absent_are_not_looked_for() {
    let lost = |label: &str| {
        Zone::new(&format!("{label}.net.")).unsigned().server(&format!("{label}.example.org."), &[])
    };
    let world = World::new(seed()).zone(site()).zone(lost("na")).zone(lost("nb")).zone(lost("nc"));
    let sim = Sim::new(world);
    sim.ask_a("n.example.org.").await;
    let server = sim.server("example.org.");
    let before = sim.network.sent_to(server);
    for zone in ["na.net.", "nb.net.", "nc.net."] {
        assert_eq!(sim.ask_a(&format!("www.{zone}")).await.rcode(), Rcode::SERVFAIL);
    }
    assert_eq!(sim.network.sent_to(server), before);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_random_names_costs_no_more_packets_than_the_zone_has_records() {
    let names = 100;
    // Spread over all that the random names may be.
    let zone = (0..names).fold(Zone::new("example.org."), |zone, number| {
        zone.record(&format!("{:02x} A 192.0.2.80", number * 256 / names))
    });
    for zone in each_denial(&zone) {
        let sim = sim(zone);
        sim.ask_a("00.example.org.").await.is_secure_address(WEB);
        let (before, kept, draw) =
            (sim.network.sent(), sim.store.answers.len(), Draw(Entropy::seeded(seed())));
        let mut asked = 0;
        for _ in 0..10_000 {
            let reply = sim.ask_a(&format!("{:08x}.example.org.", draw.0.u64() >> 32)).await;
            assert!(reply.rcode() == Rcode::NXDOMAIN && reply.secure());
            asked += usize::from(reply.packets > 0);
        }
        let packets = sim.network.sent() - before;
        eprintln!("10,000 random names below {names}: {asked} asked for, {packets} packets");
        // The apex, the server and the hosts.
        assert!(packets <= names + 2, "{packets}");
        assert!(sim.store.answers.len() <= kept + asked, "what is made is not kept");
    }
}

/// A zone with all that makes denial hard, and a signed and an unsigned zone below.
fn hard(draw: &Draw, seed: u64) -> (World, Vec<String>) {
    let mut zone = Zone::new("example.org.");
    zone = match draw.below(5) {
        0 | 1 => zone,
        2 => zone.compact(),
        3 => zone.nsec3(0, b""),
        _ => zone.nsec3(2, b"salt"),
    };
    if draw.one_in(8) {
        zone = zone.opt_out();
    }
    let owners = ["a", "b", "x.ent", "b.ent", "*.w", "b.w", "*", "*.ent", "m.m", "deep.er.still", "c"];
    for owner in owners {
        if draw.one_in(2) {
            zone = match draw.below(6) {
                0 => zone.record(&format!("{owner} CNAME a")),
                1 => zone.record(&format!("{owner} TXT text")),
                2 if !owner.starts_with('*') => zone.record(&format!("{owner} DNAME target")),
                _ => {
                    zone.record(&format!("{owner} A 192.0.2.1")).record(&format!("{owner} AAAA 2001:db8::1"))
                }
            };
        }
    }
    let mut world = World::new(seed);
    for (child, unsigned) in
        [("sub.example.org.", false), ("k.example.org.", true), ("cut.ent.example.org.", true)]
    {
        if draw.one_in(2) {
            let child = Zone::new(child).record("www A 192.0.2.1").record("*.w TXT text");
            world = world.zone(if unsigned { child.unsigned() } else { child });
        }
    }
    let labels = ["a", "b", "c", "d", "ent", "w", "x", "k", "sub", "cut", "m", "www", "*", "er", "ns1", "zz"];
    let mut names = BTreeSet::from(["example.org.".to_owned()]);
    for one in labels {
        names.insert(format!("{one}.example.org."));
        for two in labels {
            names.insert(format!("{two}.{one}.example.org."));
        }
    }
    (world.zone(zone), names.into_iter().collect())
}

#[tokio::test(start_paused = true)]
async fn whatever_a_zone_has_nothing_is_said_that_a_question_would_not_have_found() {
    const TYPES: [RecordType; 7] = [
        RecordType::A,
        RecordType::AAAA,
        RecordType::TXT,
        RecordType::DS,
        RecordType::CNAME,
        RecordType::NS,
        RecordType::NSEC,
    ];
    let first = seed() * 1_000;
    let mut made = 0;
    for seed in first..first + 12 {
        let draw = Draw(Entropy::seeded(seed));
        let (world, names) = hard(&draw, seed);
        let plain = Sim::with(world.clone(), |options| {
            options.seed = seed;
            options.aggressive_nsec = false;
        });
        let sim = Sim::with(world, |options| options.seed = seed);
        for _ in 0..250 {
            let (owner, rtype) = (draw.of(&names), *draw.of(&TYPES));
            let (wanted, got) = (plain.ask(owner, rtype).await, sim.ask(owner, rtype).await);
            let said = |reply: &Reply| {
                let answer: Vec<_> = reply
                    .message
                    .answer
                    .iter()
                    .map(|rrset| (rrset.name.to_string(), rrset.rtype, format!("{:?}", rrset.rdatas)))
                    .collect();
                (reply.rcode(), reply.secure(), answer)
            };
            assert_eq!(said(&got), said(&wanted), "seed {seed}: {owner} {rtype}: {got:#?}");
            made += usize::from(got.ede() == Some(EdeCode::SYNTHESIZED));
        }
    }
    assert!(made > 500, "{made}");
}
