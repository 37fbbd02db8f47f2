//! Saying why: each failure reaches the client with one extended error that names zone, record and fact.

use rootwalk::dns::edns::{EdeCode, Edns};
use rootwalk::dns::{Rcode, RecordType};
use rootwalk::lab::{DsKind, Fault, Flaw, World, Zone};
use rootwalk::limits;

use crate::harness::{Ask, Reply, Sim, seed};

/// The one extended error of a failed reply: its code and text.
#[track_caller]
fn told(reply: &Reply) -> (u16, String) {
    assert_eq!(reply.rcode(), Rcode::SERVFAIL, "{}", reply.text());
    let errors: Vec<_> = reply.message.edns.iter().flat_map(Edns::extended_errors).collect();
    let [error] = errors.as_slice() else { panic!("not one extended error: {errors:?}") };
    assert!(error.text.len() <= limits::EDE_TEXT_OCTETS_MAX && !error.text.chars().any(char::is_control));
    (error.code.0, error.text.clone())
}

/// The same text, whatever the zone's keys are.
fn masked(text: &str) -> String {
    let words = text.split_inclusive(' ').scan("", |before, word| {
        let is_tag = matches!(*before, "(key " | "key " | "(tag ");
        *before = word;
        Some(if is_tag { word.replace(|letter: char| letter.is_ascii_digit(), "") } else { word.to_owned() })
    });
    words.collect()
}

fn site() -> Zone {
    Zone::new("example.org.").record("www A 192.0.2.80")
}

fn sim(zone: Zone) -> Sim {
    Sim::new(World::new(seed()).zone(zone))
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_is_told_in_one_sentence_and_again_out_of_the_cache() {
    let www = "www.example.org. A:";
    let keys = "example.org. DNSKEY:";
    let cases = [
        (
            site().flaw(Flaw::Expired),
            7,
            format!("{www} signature expired 5 d ago (key , algorithm 13), zone example.org."),
        ),
        (
            site().flaw(Flaw::NotYetValid),
            8,
            format!("{www} signature not valid for another 5 d (key , algorithm 13), zone example.org."),
        ),
        (
            site().flaw(Flaw::TimesReversed),
            25,
            format!("{www} signature expires before it begins (key , algorithm 13), zone example.org."),
        ),
        (
            site().flaw(Flaw::BitFlipped),
            6,
            format!("{www} signature does not match the data (key , algorithm 13), zone example.org."),
        ),
        (
            site().flaw(Flaw::Stripped),
            10,
            format!("{www} signature missing in a signed zone, zone example.org."),
        ),
        (
            site().flaw_in(RecordType::DNSKEY, Flaw::Expired),
            7,
            format!("{keys} signature expired 5 d ago (key , algorithm 13)"),
        ),
        (
            site().ds(&[DsKind::Wrong]),
            9,
            format!("{keys} no DNSKEY matches the parent's DS record (tag , algorithm 13)"),
        ),
    ];
    for (zone, code, sentence) in cases {
        let sim = sim(zone);
        let first = told(&sim.ask_a("www.example.org.").await);
        assert_eq!((first.0, masked(&first.1)), (code, sentence));
        for ask in [
            Ask::new("www.example.org.", RecordType::A),
            Ask { dnssec_ok: false, ..Ask::new("www.example.org.", RecordType::A) },
        ] {
            let again = sim.ask_as(&ask).await;
            assert_eq!(again.packets, 0);
            let (code, text) = told(&again);
            assert_eq!((code, text.trim_end_matches(" (remembered)")), (first.0, first.1.as_str()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_denial_names_what_is_not_proven() {
    let sim = sim(site().without_denial());
    for (question, rtype, what) in [
        ("none.example.org.", RecordType::A, "none.example.org. A: the absence of the name is not proven"),
        (
            "other.example.org.",
            RecordType::MX,
            "other.example.org. MX: the absence of the name is not proven",
        ),
        ("www.example.org.", RecordType::MX, "www.example.org. MX: the absence of the type is not proven"),
    ] {
        let (code, text) = told(&sim.ask(question, rtype).await);
        assert!(code == 12 && text.starts_with(what) && text.ends_with("zone example.org."), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn through_aliases_the_zone_that_is_wrong_is_named() {
    let world = World::new(seed())
        .zone(Zone::new("good.org.").record("www CNAME www.example.org."))
        .zone(site().flaw(Flaw::Expired));
    let sim = Sim::new(world);
    let sentence = "www.example.org. A: signature expired 5 d ago (key , algorithm 13), zone example.org.";
    for _ in 0..2 {
        let (code, text) = told(&sim.ask_a("www.good.org.").await);
        assert_eq!((code, masked(text.trim_end_matches(" (remembered)"))), (7, sentence.to_owned()));
    }
    // And where the alias itself is wrong, its own zone.
    let world = World::new(seed())
        .zone(Zone::new("good.org.").record("www CNAME www.example.org.").flaw(Flaw::Expired))
        .zone(site());
    let (_, text) = told(&Sim::new(world).ask_a("www.good.org.").await);
    assert!(text.starts_with("www.good.org. CNAME: ") && text.ends_with("zone good.org."), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_broken_zone_above_is_named_and_not_the_one_that_was_asked() {
    let world =
        World::new(seed()).zone(Zone::new("org.").flaw_in(RecordType::DNSKEY, Flaw::Expired)).zone(site());
    let (code, text) = told(&Sim::new(world).ask_a("www.example.org.").await);
    assert_eq!(
        (code, masked(&text)),
        (7, "org. DNSKEY: signature expired 5 d ago (key , algorithm 13)".into())
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_cannot_be_judged_says_which_name_and_why_also_through_aliases() {
    let world = World::new(seed())
        .zone(Zone::new("good.org.").record("www CNAME www.example.org."))
        .zone(site().ds(&[DsKind::Digest(250)]));
    let sim = Sim::new(world);
    let sentence = "www.example.org.: no DS record has a digest type that is supported (250)";
    for question in ["www.good.org.", "www.example.org.", "www.good.org."] {
        let reply = sim.ask_a(question).await;
        assert_eq!((reply.rcode(), reply.secure()), (Rcode::NOERROR, false));
        assert_eq!((reply.ede(), reply.text()), (Some(EdeCode::UNSUPPORTED_DS_DIGEST), sentence.to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_zone_is_told_as_such_and_later_as_a_remembered_failure_with_its_cause() {
    let sim = sim(site().fault(Fault::Dead));
    let server = sim.server("example.org.");
    let cause = format!("no server of example.org. gave a usable answer: {server}, the last, no answer");
    assert_eq!(told(&sim.ask_a("www.example.org.").await), (22, cause.clone()));
    assert_eq!(told(&sim.ask_a("www.example.org.").await), (13, format!("{cause} (remembered)")));
}

#[tokio::test(start_paused = true)]
async fn keys_that_nobody_hands_out_are_told_by_what_their_servers_said() {
    // The servers of the zone answer for everything but its keys.
    let fault = Fault::ForType(RecordType::DNSKEY, Box::new(Fault::Says(Rcode::REFUSED)));
    let sim = sim(site().fault(fault));
    for _ in 0..2 {
        let (code, text) = told(&sim.ask_a("www.example.org.").await);
        let begin = "example.org. DNSKEY: what proves it could not be fetched: no server of example.org. gave a usable answer: ";
        assert!(text.starts_with(begin) && text.contains("it said REFUSED"), "{text}");
        assert_eq!(EdeCode(code), EdeCode::NO_REACHABLE_AUTHORITY);
    }
}

#[tokio::test(start_paused = true)]
async fn the_longest_name_leaves_room_for_the_fact() {
    let deep = ["\\001".repeat(60), "\\255".repeat(60), "\\000".repeat(60), "\\127".repeat(40)].join(".");
    let (code, text) = told(
        &sim(site().flaw(Flaw::Expired).record("* A 192.0.2.1")).ask_a(&format!("{deep}.example.org.")).await,
    );
    assert!(code == 7 && text.contains("signature expired 5 d ago"), "{text}");
}
