//! Odd questions: types that are no records, ANY and RRSIG, DS on the right side of a cut, and the types that prove.

use rootwalk::dns::edns::{EdeCode, Edns};
use rootwalk::dns::encode::encode_query;
use rootwalk::dns::message::Message;
use rootwalk::dns::response::Transport;
use rootwalk::dns::{Class, Question, Rcode, RecordType};
use rootwalk::lab::{Judgement, World, Zone};
use rootwalk::service::Client;

use crate::harness::{Ask, Reply, Sim, name, seed};

const WEB: [u8; 4] = [192, 0, 2, 80];

fn site(zone: &str) -> Zone {
    Zone::new(zone).record("www A 192.0.2.80")
}

fn world(zones: impl IntoIterator<Item = Zone>) -> World {
    zones.into_iter().fold(World::new(seed()), World::zone)
}

/// Asks over UDP, where a reply of more than 1,232 octets would be cut.
async fn over_udp(sim: &Sim, ask: &Ask) -> Message {
    let edns = Edns::new(1_232, ask.dnssec_ok);
    let query = encode_query(77, &ask.question, true, ask.checking_disabled, Some(&edns));
    let client = Client { address: "10.0.0.1:4000".parse().unwrap(), transport: Transport::Udp };
    Message::parse(&sim.service.handle(&query, client).await.unwrap()).unwrap()
}

/// Asks in each way a client may.
fn ways(owner: &str, rtype: RecordType) -> [Ask; 4] {
    let ask = || Ask::new(owner, rtype);
    [
        ask(),
        Ask { dnssec_ok: false, ..ask() },
        Ask { dnssec_ok: false, ad: true, ..ask() },
        Ask::unchecked(owner, rtype),
    ]
}

#[tokio::test(start_paused = true)]
async fn what_is_no_type_of_records_is_refused_without_asking_anybody() {
    let sim = Sim::new(world([site("example.org.")]));
    let invalid = (Rcode::FORMERR, Some(EdeCode::INVALID_QUERY_TYPE));
    let refused = (Rcode::REFUSED, Some(EdeCode::NOT_SUPPORTED));
    for (rtype, expected) in [
        // RFC 6895 §3.1: zero, OPT, and 128 to 255.
        (RecordType(0), invalid),
        (RecordType::OPT, invalid),
        (RecordType::NXNAME, invalid),
        (RecordType(200), invalid),
        (RecordType::TKEY, invalid),
        (RecordType::TSIG, invalid),
        (RecordType::IXFR, refused),
        (RecordType::AXFR, refused),
        (RecordType::MAILB, (Rcode::NOTIMP, None)),
        (RecordType::MAILA, (Rcode::NOTIMP, None)),
        (RecordType::RRSIG, refused),
    ] {
        for owner in ["www.example.org.", "none.example.org."] {
            for ask in ways(owner, rtype) {
                let reply = sim.ask_as(&ask).await;
                assert_eq!((reply.rcode(), reply.ede()), expected, "{rtype}");
                assert!(reply.message.answer.is_empty() && !reply.secure() && reply.packets == 0, "{rtype}");
            }
        }
    }
    for class in [Class::HS, Class::NONE, Class::ANY, Class(2)] {
        let question = Question { class, ..Question::new(name("www.example.org."), RecordType::A) };
        let reply = sim.ask_as(&Ask { question, ..Ask::new(".", RecordType::A) }).await;
        assert_eq!((reply.rcode(), reply.ede()), refused);
    }
    // What nobody has named yet is asked for like anything else (RFC 3597).
    for rtype in [RecordType(65_280), RecordType(65_535), RecordType(127), RecordType::NULL, RecordType::SIG]
    {
        let reply = sim.ask("www.example.org.", rtype).await;
        assert_eq!((reply.rcode(), reply.secure()), (Rcode::NOERROR, true), "{rtype} {}", reply.text());
    }
    assert_eq!(sim.store.failures.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn any_is_answered_by_one_record_of_our_own_and_asks_nobody() {
    let zone = site("example.org.").record("alias CNAME www").record("www HINFO \\# 4 01580159");
    let sim = Sim::new(world([zone, site("plain.org.").unsigned()]));
    let is_minimal = |reply: &Reply| {
        assert_eq!(
            (reply.rcode(), reply.types(), reply.secure()),
            (Rcode::NOERROR, vec![RecordType::HINFO], false)
        );
        assert_eq!((reply.last(), reply.packets), (vec![b"\x07RFC8482\x00".to_vec()], 0));
    };
    for turn in 0..2 {
        for owner in
            ["www.example.org.", "alias.example.org.", "none.example.org.", "www.plain.org.", "org.", "."]
        {
            for ask in ways(owner, RecordType::ANY) {
                let reply = sim.ask_as(&ask).await;
                is_minimal(&reply);
                assert_eq!(over_udp(&sim, &ask).await.answer, reply.message.answer);
            }
            if turn == 0 {
                // Known or not, it makes no difference: nobody learns by ANY what others asked for.
                sim.ask_a(owner).await;
            }
        }
    }
    // It is said to whoever asks for ANY, and is not what the name has.
    let hinfo = sim.ask("www.example.org.", RecordType::HINFO).await;
    assert!(hinfo.secure() && hinfo.last() == [vec![1, 0x58, 1, 0x59]], "{hinfo:#?}");
    sim.ask_a("www.example.org.").await.is_secure_address(WEB);
}

/// Whether what is said is what is true, by whatever was known before.
async fn is_true(sim: &Sim, owner: &str, rtype: RecordType) {
    let internet = sim.network.internet();
    let truth = internet.oracle().truth(&Question::new(name(owner), rtype));
    for ask in ways(owner, rtype) {
        let reply = sim.ask_as(&ask).await;
        let context = format!("{owner} {rtype} cd={} {}", ask.checking_disabled, reply.text());
        assert_eq!(reply.rcode(), truth.rcode, "{context}");
        let told = ask.dnssec_ok || ask.ad;
        assert_eq!(reply.secure(), told && truth.state == Judgement::Secure, "{context}");
        let answer =
            reply.message.answer.iter().map(|rrset| (rrset.name.clone(), rrset.rtype, rrset.rdatas.len()));
        assert!(answer.eq(truth.answer.iter().cloned()), "{context} {:#?}", reply.message);
    }
}

/// An internet with parents and children on the same servers and on others.
fn cuts() -> World {
    let at = |zone: Zone, address: &str| zone.server("ns", &[address]);
    world([
        // The root and one of its children on one server, and so a child and its child.
        at(Zone::new("."), "198.18.200.1"),
        at(Zone::new("same."), "198.18.200.1").record("x.y A 192.0.2.80"),
        at(site("signed.same."), "198.18.200.1"),
        at(site("plain.same.").unsigned(), "198.18.200.1"),
        at(site("deep.plain.same.").island(), "198.18.200.1"),
        site("org.").record("alias CNAME www").record("*.wild A 192.0.2.80").record("old DNAME example.org."),
        site("example.org."),
        site("child.example.org.").nsec3(0, b""),
        site("plain.org.").unsigned(),
        site("child.plain.org.").unsigned(),
        site("isle.org.").island(),
        site("below.isle.org."),
        site("optout.org.").opt_out(),
        site("plain.optout.org.").unsigned(),
        site("signed.optout.org."),
        site("apart.ent.org."),
    ])
}

const DS_QUESTIONS: [&str; 29] = [
    ".",
    "same.",
    "signed.same.",
    "plain.same.",
    "deep.plain.same.",
    "www.signed.same.",
    "x.y.same.",
    "y.same.",
    "org.",
    "example.org.",
    "child.example.org.",
    "www.example.org.",
    "www.child.example.org.",
    "none.example.org.",
    "none.child.example.org.",
    "plain.org.",
    "child.plain.org.",
    "www.child.plain.org.",
    "none.plain.org.",
    "isle.org.",
    "below.isle.org.",
    "optout.org.",
    "plain.optout.org.",
    "signed.optout.org.",
    "none.optout.org.",
    "ent.org.",
    "apart.ent.org.",
    "alias.org.",
    "any.wild.org.",
];

#[tokio::test(start_paused = true)]
async fn a_ds_is_asked_of_the_parent_whatever_is_known_of_the_child() {
    // Each alone, with nothing known; then with everything known of the child, whose servers know nothing of its DS.
    for owner in DS_QUESTIONS {
        is_true(&Sim::new(cuts()), owner, RecordType::DS).await;
        let sim = Sim::new(cuts());
        for rtype in [RecordType::NS, RecordType::DNSKEY, RecordType::A] {
            sim.ask(owner, rtype).await;
            sim.ask(&format!("www.{}", owner.trim_start_matches('.')), rtype).await;
        }
        is_true(&sim, owner, RecordType::DS).await;
    }
    // And all of them one after the other.
    let sim = Sim::new(cuts());
    for owner in DS_QUESTIONS.iter().chain(DS_QUESTIONS.iter().rev()) {
        is_true(&sim, owner, RecordType::DS).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_ds_below_a_dname_is_that_of_the_target() {
    let sim = Sim::new(cuts());
    let reply = sim.ask("child.old.org.", RecordType::DS).await;
    assert_eq!((reply.rcode(), reply.secure()), (Rcode::NOERROR, true), "{}", reply.text());
    assert_eq!(reply.types(), [RecordType::DNAME, RecordType::CNAME, RecordType::DS]);
}

#[tokio::test(start_paused = true)]
async fn records_that_prove_can_be_asked_for_by_themselves() {
    let apex = |zone: Zone| {
        zone.record("alias CNAME www").record("@ CDS \\# 5 0000000000").record("@ CDNSKEY \\# 5 0000030000")
    };
    let world = world([
        apex(site("nsec.org.")),
        apex(site("nsec3.org.").nsec3(1, b"salt")),
        apex(site("plain.org.").unsigned()),
        site("child.nsec.org."),
    ]);
    let sim = Sim::new(world);
    for zone in ["nsec.org.", "nsec3.org.", "plain.org."] {
        for prefix in ["", "www.", "none.", "alias."] {
            // NSEC stands beside an alias, which is followed for the others (RFC 4035 §2.5), known or not.
            sim.ask_a(&format!("{prefix}{zone}")).await;
            for rtype in [
                RecordType::NSEC,
                RecordType::NSEC3,
                RecordType::NSEC3PARAM,
                RecordType::DNSKEY,
                RecordType::CDS,
                RecordType::CDNSKEY,
                RecordType::CSYNC,
                RecordType::ZONEMD,
                RecordType::DLV,
            ] {
                is_true(&sim, &format!("{prefix}{zone}"), rtype).await;
            }
        }
    }
    // RFC 5155 §7.2.8: an NSEC3 record's own name has nothing, nor does it exist.
    let internet = sim.network.internet();
    let zone = internet.zone(&name("nsec3.org.")).unwrap();
    let nsec3 = zone.rrsets().find(|rrset| rrset.rtype == RecordType::NSEC3).unwrap();
    let reply = sim.ask(&nsec3.name.to_string(), RecordType::NSEC3).await;
    assert_eq!((reply.rcode(), reply.secure()), (Rcode::NXDOMAIN, true), "{}", reply.text());
}
