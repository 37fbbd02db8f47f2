//! Trust anchors other than the root's: islands of trust, several anchors, several keys (RFC 4033 §2, RFC 4035 §4.4,
//! RFC 6840 §6.2).

use rootwalk::dns::edns::EdeCode;
use rootwalk::dns::{Name, Rcode, RecordType};
use rootwalk::lab::{Fault, Flaw, Internet, KeySpec, World, Zone};
use rootwalk::validate::anchors::AnchorKey;
use rootwalk::validate::{Anchors, Policy, Sha1};

use crate::harness::{Ask, Reply, Sim, name, seed};

const WEB: [u8; 4] = [192, 0, 2, 80];

fn site(zone: &str) -> Zone {
    Zone::new(zone).record("www A 192.0.2.80")
}

/// The anchors of a zone: its keys of which the parent would have a DS record.
fn trust(internet: &Internet, anchors: &mut Anchors, zone: &str) {
    let zone = name(zone);
    for (_, key) in internet.keys(&zone).unwrap().keys.iter().filter(|(spec, _)| spec.in_ds) {
        anchors.add(zone.clone(), AnchorKey::Ds(key.ds(&zone, 2)));
    }
}

/// A resolver with anchors for these zones, besides the root's if `root`.
fn sim_of(world: World, root: bool, zones: &[&str], policy: Policy) -> Sim {
    let zones: Vec<String> = zones.iter().map(|zone| (*zone).to_owned()).collect();
    Sim::with(world, |options| {
        options.policy = policy;
        options.anchors = Box::new(move |internet, anchors| {
            let mut anchors = if root { anchors } else { Anchors::none() };
            for zone in &zones {
                trust(internet, &mut anchors, zone);
            }
            anchors
        });
    })
}

fn sim(world: World, zones: &[&str]) -> Sim {
    sim_of(world, true, zones, Policy::default())
}

fn world(zones: impl IntoIterator<Item = Zone>) -> World {
    zones.into_iter().fold(World::new(seed()), World::zone)
}

#[track_caller]
fn is_not_proven(reply: &Reply) {
    reply.is_address(WEB);
    assert!(!reply.secure(), "{reply:#?}");
}

/// What is asked of an island: an answer, a denial of the name and of a type, and its keys.
async fn is_secure_island(sim: &Sim, zone: &str) {
    for (owner, rtype) in [
        (format!("www.{zone}"), RecordType::A),
        (format!("none.{zone}"), RecordType::A),
        (format!("www.{zone}"), RecordType::MX),
        (zone.to_owned(), RecordType::DNSKEY),
        (zone.to_owned(), RecordType::SOA),
    ] {
        for _ in 0..2 {
            let reply = sim.ask(&owner, rtype).await;
            assert!(reply.secure(), "{owner} {rtype} {}", reply.text());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_anchor_below_an_unsigned_parent_is_an_island_of_trust() {
    // And whether the parent's denial of the island's DS is secure.
    let parents = [
        // Signed, and says that there is no DS, or that there may be none.
        (site("example.org."), true),
        (site("example.org.").nsec3(0, b""), true),
        (site("example.org.").opt_out(), false),
        // Not signed at all, or in a way that is not supported.
        (site("example.org.").unsigned(), false),
        (site("example.org.").island(), false),
        (site("example.org.").algorithm(250), false),
        // Bogus: what is above the anchor does not matter.
        (site("example.org.").flaw(Flaw::Expired), false),
    ];
    for (parent, denies) in parents {
        let island = site("isle.example.org.").island();
        let sim = sim(world([parent.clone(), island]), &["isle.example.org."]);
        is_secure_island(&sim, "isle.example.org.").await;
        // The anchor says nothing of the parent, nor of its DS, which is the parent's.
        let above = sim.ask_a("www.example.org.").await;
        let without = Sim::new(world([parent.clone()])).ask_a("www.example.org.").await;
        assert_eq!((above.rcode(), above.secure()), (without.rcode(), without.secure()), "{parent:?}");
        let ds = sim.ask("isle.example.org.", RecordType::DS).await;
        assert_eq!(ds.secure(), denies, "{parent:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn zones_below_an_island_are_proven_from_there() {
    let zones = [
        site("example.org.").unsigned(),
        site("isle.example.org.").island(),
        site("signed.isle.example.org."),
        site("plain.isle.example.org.").unsigned(),
        site("broken.isle.example.org.").flaw(Flaw::Expired),
    ];
    let sim = sim(world(zones), &["isle.example.org."]);
    sim.ask_a("www.signed.isle.example.org.").await.is_secure_address(WEB);
    is_not_proven(&sim.ask_a("www.plain.isle.example.org.").await);
    sim.ask_a("www.broken.isle.example.org.").await.is_failure(EdeCode::SIGNATURE_EXPIRED);
    let ds = sim.ask("signed.isle.example.org.", RecordType::DS).await;
    assert!(ds.secure() && ds.types() == [RecordType::DS], "{ds:#?}");
}

#[tokio::test(start_paused = true)]
async fn of_two_anchors_the_deepest_decides() {
    let zones = || [site("example.org."), site("deep.example.org.")];
    // Each by its own anchor; the one above would do as well.
    let both = sim(world(zones()), &["example.org.", "deep.example.org."]);
    for owner in ["www.example.org.", "www.deep.example.org."] {
        both.ask_a(owner).await.is_secure_address(WEB);
    }
    // The parent's DS is right, the anchor is not: it is what the operator says that counts.
    let wrong = Sim::with(world(zones()), |options| {
        options.anchors = Box::new(|internet, mut anchors| {
            let other = internet.keys(&name("example.org.")).unwrap();
            let zone = name("deep.example.org.");
            anchors.add(zone.clone(), AnchorKey::Ds(other.keys[0].1.ds(&zone, 2)));
            anchors
        });
    });
    wrong.ask_a("www.example.org.").await.is_secure_address(WEB);
    wrong.ask_a("www.deep.example.org.").await.is_failure(EdeCode::DNSKEY_MISSING);
    // The other way round: the parent's DS is wrong, and nobody looks at it.
    let broken_above =
        world([site("example.org."), site("deep.example.org.").ds(&[rootwalk::lab::DsKind::Wrong])]);
    let sim = sim(broken_above, &["deep.example.org."]);
    sim.ask_a("www.deep.example.org.").await.is_secure_address(WEB);
}

#[tokio::test(start_paused = true)]
async fn a_zone_learned_by_the_anchor_above_does_not_stand_in_for_its_own() {
    // The question for the parent's DS brings the zone's keys by the chain from above, if anything asks for them so.
    let zones = [site("example.org."), site("deep.example.org.")];
    let sim = Sim::with(world(zones), |options| {
        options.anchors = Box::new(|internet, mut anchors| {
            let other = internet.keys(&name("example.org.")).unwrap();
            let zone = name("deep.example.org.");
            anchors.add(zone.clone(), AnchorKey::Ds(other.keys[0].1.ds(&zone, 2)));
            anchors
        });
    });
    for _ in 0..2 {
        sim.ask("deep.example.org.", RecordType::DS).await;
        sim.ask("deep.example.org.", RecordType::DNSKEY).await.is_failure(EdeCode::DNSKEY_MISSING);
        sim.ask("deep.example.org.", RecordType::NS).await.is_failure(EdeCode::DNSKEY_MISSING);
    }
}

#[tokio::test(start_paused = true)]
async fn a_positive_anchor_below_a_negative_one_holds_and_a_negative_one_below_a_positive_one_too() {
    let zones = [
        site("example.org.").flaw(Flaw::Expired),
        site("isle.example.org."),
        site("bad.isle.example.org.").flaw(Flaw::Expired),
    ];
    let sim = Sim::with(world(zones), |options| {
        options.anchors = Box::new(|internet, mut anchors| {
            anchors.add_negative(name("example.org."), None);
            trust(internet, &mut anchors, "isle.example.org.");
            anchors.add_negative(name("bad.isle.example.org."), None);
            anchors
        });
    });
    for _ in 0..2 {
        is_not_proven(&sim.ask_a("www.example.org.").await);
        is_secure_island(&sim, "isle.example.org.").await;
        let bad = sim.ask_a("www.bad.isle.example.org.").await;
        is_not_proven(&bad);
        assert!(bad.text().contains("anchor at bad.isle.example.org."), "{}", bad.text());
    }
}

/// Makes an anchor of a zone.
type Good = Box<dyn Fn(&Internet, &Name) -> AnchorKey>;

#[tokio::test(start_paused = true)]
async fn one_key_of_several_that_works_is_enough() {
    let absent = || {
        let other = World::new(seed() + 1).zone(site("isle.org.").island()).build().unwrap();
        let zone = name("isle.org.");
        AnchorKey::Ds(other.keys(&zone).unwrap().keys[0].1.ds(&zone, 2))
    };
    let with_digest = |digest_type: u8| {
        move |internet: &Internet, zone: &Name| {
            AnchorKey::Ds(internet.keys(zone).unwrap().keys[0].1.ds(zone, digest_type))
        }
    };
    let as_key =
        |internet: &Internet, zone: &Name| AnchorKey::Dnskey(internet.keys(zone).unwrap().keys[0].1.dnskey());
    let ways: [Good; 3] = [Box::new(with_digest(2)), Box::new(with_digest(4)), Box::new(as_key)];
    for good in ways {
        // One that is not in the zone (yet, or any more), one of an unknown digest, and the good one.
        let sim = Sim::with(world([site("isle.org.").island()]), |options| {
            options.anchors = Box::new(move |internet, mut anchors| {
                let zone = name("isle.org.");
                anchors.add(zone.clone(), absent());
                anchors.add(zone.clone(), with_digest(250)(internet, &zone));
                anchors.add(zone.clone(), good(internet, &zone));
                anchors
            });
        });
        is_secure_island(&sim, "isle.org.").await;
    }
    // None of them: bogus, whatever the parent says.
    let none = Sim::with(world([site("isle.org.")]), |options| {
        options.anchors = Box::new(move |_, mut anchors| {
            anchors.add(name("isle.org."), absent());
            anchors
        });
    });
    none.ask_a("www.isle.org.").await.is_failure(EdeCode::DNSKEY_MISSING);
}

#[tokio::test(start_paused = true)]
async fn an_anchor_names_the_key_that_has_to_sign_the_keys() {
    // The anchor's key stands in the set and does not sign it; another that is not trusted does.
    let keys = [
        KeySpec { signs_keys: false, ..KeySpec::ksk(13) },
        KeySpec { in_ds: false, ..KeySpec::ksk(13) },
        KeySpec::zsk(13),
    ];
    let sim = sim(world([site("isle.org.").keys(&keys)]), &["isle.org."]);
    assert_eq!(sim.ask_a("www.isle.org.").await.rcode(), Rcode::SERVFAIL);
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_does_not_show_its_keys_is_bogus_or_insecure_as_the_operator_says() {
    let gone = [
        // Signed no more; with a server that is gone; with a wrong key.
        site("isle.org.").unsigned(),
        site("isle.org.").island().fault(Fault::for_type(Fault::Says(Rcode::SERVFAIL), RecordType::DNSKEY)),
        site("isle.org.").island().flaw_in(RecordType::DNSKEY, Flaw::WrongKey),
    ];
    for zone in gone {
        for stripped in [true, false] {
            let policy = Policy { sha1: Sha1::Insecure, dnssec_stripped: stripped };
            let before = world([site("isle.org.").island()]);
            let sim = sim_of(before.clone(), true, &["isle.org."], policy);
            sim.change(&world([zone.clone()]));
            let reply = sim.ask_a("www.isle.org.").await;
            if stripped {
                assert_eq!((reply.rcode(), reply.secure()), (Rcode::SERVFAIL, false), "{zone:?}");
                assert!(reply.text().contains("isle.org."), "{}", reply.text());
            } else {
                is_not_proven(&reply);
                assert_eq!(reply.ede(), Some(EdeCode::DNSKEY_MISSING), "{zone:?}");
            }
            // It is back, and nothing stays of it for longer than a minute.
            sim.change(&before);
            sim.pass(4_000).await;
            sim.ask_a("www.isle.org.").await.is_secure_address(WEB);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_anchor_whose_zone_vanished_makes_no_denial_believed() {
    // The parent does not know the zone any more: it says so, and proves it, above the anchor.
    for stripped in [true, false] {
        let policy = Policy { sha1: Sha1::Insecure, dnssec_stripped: stripped };
        let sim = sim_of(
            world([site("example.org."), site("isle.example.org.")]),
            true,
            &["isle.example.org."],
            policy,
        );
        sim.change(&world([site("example.org.")]));
        let reply = sim.ask_a("www.isle.example.org.").await;
        let rcode = if stripped { Rcode::SERVFAIL } else { Rcode::NXDOMAIN };
        assert_eq!((reply.rcode(), reply.secure()), (rcode, false), "{}", reply.text());
        // Nor is it believed of the name itself: whoever asks for its DS finds out that the anchor is of no use.
        let ds = sim.ask("isle.example.org.", RecordType::DS).await;
        assert_eq!((ds.rcode(), ds.secure()), (rcode, false), "{}", ds.text());
    }
}

#[tokio::test(start_paused = true)]
async fn without_an_anchor_for_the_root_all_but_the_islands_is_indeterminate() {
    let zones = [
        site("good.org."),
        site("broken.org.").flaw(Flaw::Expired),
        site("plain.org.").unsigned(),
        site("isle.org."),
        site("alias.org.").record("to CNAME www.isle.org."),
        site("deep.isle.org."),
    ];
    let sim = sim_of(world(zones), false, &["isle.org."], Policy::default());
    for _ in 0..2 {
        is_secure_island(&sim, "isle.org.").await;
        sim.ask_a("www.deep.isle.org.").await.is_secure_address(WEB);
        // RFC 4033 §5: it cannot be known whether these should be signed; nothing is refused, nothing is proven.
        for owner in ["www.good.org.", "www.broken.org.", "www.plain.org.", "to.alias.org."] {
            let reply = sim.ask_as(&Ask { ad: true, ..Ask::new(owner, RecordType::A) }).await;
            is_not_proven(&reply);
            assert_eq!(reply.ede(), None, "{owner}");
        }
        for (owner, rtype) in
            [(".", RecordType::DNSKEY), ("org.", RecordType::DS), ("isle.org.", RecordType::DS)]
        {
            assert!(!sim.ask(owner, rtype).await.secure(), "{owner} {rtype}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn that_a_name_does_not_exist_says_nothing_of_an_anchor_below_it() {
    // As where the world does not know a private zone: RFC 8020 ends at an anchor, positive or negative.
    let private = || [site("example.org.").unsigned(), site("isle.example.org.").island()];
    for negative in [false, true] {
        let sim = Sim::with(world(private()), |options| {
            options.anchors = Box::new(move |internet, mut anchors| {
                if negative {
                    anchors.add_negative(name("isle.example.org."), None);
                } else {
                    trust(internet, &mut anchors, "isle.example.org.");
                }
                anchors
            });
        });
        sim.change(&world([site("org.")]));
        for owner in ["example.org.", "none.example.org."] {
            let reply = sim.ask_a(owner).await;
            assert_eq!((reply.rcode(), reply.secure()), (Rcode::NXDOMAIN, true), "{}", reply.text());
        }
        assert_eq!(sim.ask_a("other.example.org.").await.packets, 0);
        sim.change(&world(private()));
        let reply = sim.ask_a("www.isle.example.org.").await;
        reply.is_address(WEB);
        assert_eq!(reply.secure(), !negative);
    }
}
