//! Remembering: how long, and what not.

use rootwalk::dns::{Rcode, RecordType, Rrset};
use rootwalk::lab::{Fault, Flaw, World, Zone};
use rootwalk::limits;

use crate::harness::{Ask, Sim, name, seed};

const WEB: [u8; 4] = [192, 0, 2, 80];

fn world() -> World {
    World::new(seed())
}

fn site(zone: &str) -> Zone {
    Zone::new(zone).record("www A 192.0.2.80")
}

#[tokio::test(start_paused = true)]
async fn nothing_is_served_past_its_ttl() {
    for zone in [Zone::new("example.org."), Zone::new("example.org.").unsigned()] {
        let zone = zone.record("www 10 A 192.0.2.80");
        let sim = Sim::with(world().zone(zone), |options| options.prefetch = false);
        assert_eq!(sim.ask_a("www.example.org.").await.message.answer[0].ttl, 10);
        for second in 1..10 {
            sim.pass(1).await;
            let reply = sim.ask_a("www.example.org.").await;
            assert_eq!(reply.packets, 0);
            assert!(reply.message.answer[0].ttl <= 10 - second, "{second}: {}", reply.message.answer[0].ttl);
        }
        sim.pass(1).await;
        assert!(sim.ask_a("www.example.org.").await.packets > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_proven_dname_serves_the_names_below_it_and_an_unproven_one_does_not() {
    for signed in [true, false] {
        let zone = Zone::new("example.org.").record("old DNAME new");
        let zone =
            ["a", "b", "c"].iter().fold(zone, |zone, host| zone.record(&format!("{host}.new A 192.0.2.80")));
        let sim = Sim::new(world().zone(if signed { zone } else { zone.unsigned() }));
        sim.ask_a("a.old.example.org.").await.is_address(WEB);
        sim.ask_a("b.new.example.org.").await.is_address(WEB);
        sim.pass(10).await;
        let reply = sim.ask_a("b.old.example.org.").await;
        reply.is_address(WEB);
        assert_eq!(reply.types(), [RecordType::DNAME, RecordType::CNAME, RecordType::A]);
        assert_eq!((reply.packets == 0, reply.secure()), (signed, signed));
        assert!(!signed || reply.message.answer[1].ttl == reply.message.answer[0].ttl, "RFC 6672 §3.1");
        let alias = sim.ask("c.old.example.org.", RecordType::CNAME).await;
        assert_eq!(alias.types(), [RecordType::DNAME, RecordType::CNAME]);
        assert_eq!((alias.packets == 0, alias.secure()), (signed, signed));
        // The alias is there even if its target is not.
        let alias = sim.ask("none.old.example.org.", RecordType::CNAME).await;
        assert_eq!(alias.types(), [RecordType::DNAME, RecordType::CNAME]);
        assert_eq!((alias.packets == 0, alias.secure()), (signed, signed));
        // The owner itself is not below it.
        assert!(sim.ask_a("old.example.org.").await.packets > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_ttl_of_zero_is_served_and_not_kept() {
    let sim = Sim::new(world().zone(Zone::new("example.org.").unsigned().record("www 0 A 192.0.2.80")));
    for _ in 0..3 {
        let reply = sim.ask_a("www.example.org.").await;
        reply.is_address(WEB);
        assert_eq!((reply.message.answer[0].ttl, reply.packets > 0), (0, true));
    }
}

#[tokio::test(start_paused = true)]
async fn ttls_stay_within_their_bounds() {
    let zone = Zone::new("example.org.")
        .negative_ttl(1_000_000)
        .ttl(1_000_000)
        .valid_for(1_000_000_000)
        .record("long 1000000 A 192.0.2.80")
        .record("short 1 A 192.0.2.80");
    let sim = Sim::with(world().zone(zone), |options| options.ttl.min = 60);
    assert_eq!(sim.ask_a("long.example.org.").await.message.answer[0].ttl, limits::MAX_TTL_SECS);
    assert_eq!(sim.ask_a("short.example.org.").await.message.answer[0].ttl, 60);
    let none = sim.ask_a("none.example.org.").await;
    assert!(
        none.message.authority.iter().all(|rrset| rrset.ttl <= limits::MAX_NEGATIVE_TTL_SECS),
        "{none:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_ttl_that_was_raised_on_the_way_is_lowered_to_the_signed_one() {
    let raise = Fault::rewrites(|_, reply| {
        for rrset in &mut reply.answer {
            rrset.ttl = 80_000;
            rrset.signatures_ttl = 80_000;
        }
    });
    let sim = Sim::new(world().zone(Zone::new("example.org.").record("www 30 A 192.0.2.80").fault(raise)));
    let reply = sim.ask_a("www.example.org.").await;
    reply.is_secure_address(WEB);
    assert!(reply.message.answer[0].ttl <= 30, "RFC 4035 §5.3.3: {}", reply.message.answer[0].ttl);
}

#[tokio::test(start_paused = true)]
async fn a_ttl_with_its_highest_bit_set_is_zero() {
    let raise = Fault::rewrites(|_, reply| {
        for rrset in &mut reply.answer {
            rrset.ttl = 0x8000_0001;
        }
    });
    let sim = Sim::new(world().zone(site("example.org.").unsigned().fault(raise)));
    let reply = sim.ask_a("www.example.org.").await;
    assert_eq!((reply.rcode(), reply.message.answer[0].ttl), (Rcode::NOERROR, 0));
}

#[tokio::test(start_paused = true)]
async fn a_known_cut_saves_the_way_from_the_root() {
    let sim = Sim::new(world().zone(site("example.org.").record("two A 192.0.2.80")));
    sim.ask_a("www.example.org.").await;
    assert_eq!(sim.ask_a("two.example.org.").await.packets, 1);
}

#[tokio::test(start_paused = true)]
async fn below_a_name_that_does_not_exist_nothing_is_asked() {
    let sim = Sim::new(world().zone(site("example.org.")));
    assert_eq!(sim.ask_a("none.example.org.").await.rcode(), Rcode::NXDOMAIN);
    let below = sim.ask_a("a.b.none.example.org.").await;
    assert_eq!((below.rcode(), below.packets, below.secure()), (Rcode::NXDOMAIN, 0, true));
}

#[tokio::test(start_paused = true)]
async fn glue_is_never_an_answer() {
    // The parent's glue says something else than the zone itself.
    let zone = site("example.org.")
        .unsigned()
        .server("ns.example.org.", &["198.18.99.1"])
        .parent_server("ns.example.org.", &["198.18.99.1", "198.18.99.2"]);
    let mut world = world().zone(zone);
    world = world.fault("198.18.99.2".parse().unwrap(), Fault::Dead);
    let sim = Sim::new(world);
    sim.ask_a("www.example.org.").await.is_address(WEB);
    let reply = sim.ask_a("ns.example.org.").await;
    assert!(reply.packets > 0, "the zone itself was asked");
}

#[tokio::test(start_paused = true)]
async fn nodata_is_kept_for_its_type_alone() {
    let sim = Sim::new(world().zone(site("example.org.")));
    let nodata = sim.ask("www.example.org.", RecordType::MX).await;
    assert!(nodata.rcode() == Rcode::NOERROR && nodata.message.answer.is_empty());
    assert_eq!(sim.ask("www.example.org.", RecordType::MX).await.packets, 0);
    sim.ask_a("www.example.org.").await.is_secure_address(WEB);
}

#[tokio::test(start_paused = true)]
async fn a_client_without_do_gets_no_dnssec_records_from_the_cache_either() {
    let sim = Sim::new(world().zone(site("example.org.")));
    sim.ask_a("www.example.org.").await;
    for ad in [false, true] {
        let reply =
            sim.ask_as(&Ask { dnssec_ok: false, ad, ..Ask::new("www.example.org.", RecordType::A) }).await;
        reply.is_address(WEB);
        assert!(reply.message.answer.iter().all(|rrset| rrset.signatures.is_empty()));
        assert_eq!(reply.secure(), ad, "RFC 6840 §5.8");
        let none =
            sim.ask_as(&Ask { dnssec_ok: false, ad, ..Ask::new("none.example.org.", RecordType::A) }).await;
        assert!(none.message.authority.iter().all(|rrset| rrset.rtype == RecordType::SOA));
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_bogus_for_one_type_is_good_for_another() {
    let zone =
        site("example.org.").record("www AAAA 2001:db8::1").flaw_at("www", RecordType::A, Flaw::Expired);
    let sim = Sim::new(world().zone(zone));
    assert_eq!(sim.ask_a("www.example.org.").await.rcode(), Rcode::SERVFAIL);
    assert!(sim.ask("www.example.org.", RecordType::AAAA).await.secure());
}

#[tokio::test(start_paused = true)]
async fn glue_of_another_zone_is_not_believed() {
    let evil = [192, 0, 2, 66];
    let lie = Fault::rewrites(move |question, reply| {
        if question.name.is_subdomain_of(&name("evil.org.")) && reply.answer.is_empty() {
            let glue = Rrset::new(name("ns.provider.net."), RecordType::A, 86_400).with(&evil);
            reply.additional.push(glue);
        }
    });
    let sim = Sim::new(
        world()
            .zone(Zone::new("org.").fault(lie))
            .zone(site("evil.org.").unsigned().server("ns.provider.net.", &["198.18.99.1"]))
            .zone(site("provider.net.")),
    );
    sim.ask_a("www.evil.org.").await.is_address(WEB);
    assert_eq!(sim.network.sent_to(evil.into()), 0);
}

#[tokio::test(start_paused = true)]
async fn an_alias_is_kept_without_the_proof_of_what_it_does_not_lead_to() {
    let zone = Zone::new("example.org.")
        .negative_ttl(60)
        .record("alias 3600 CNAME none.old")
        .record("old 3600 DNAME tree")
        .record("*.wild 3600 CNAME none");
    let sim = Sim::with(World::new(seed()).zone(zone), |options| options.prefetch = false);
    for owner in ["alias.example.org.", "x.wild.example.org."] {
        assert_eq!(sim.ask_a(owner).await.rcode(), Rcode::NXDOMAIN);
    }
    sim.pass(61).await;
    for (owner, rtype) in [("alias.example.org.", RecordType::CNAME), ("old.example.org.", RecordType::DNAME)]
    {
        let reply = sim.ask(owner, rtype).await;
        assert!(reply.secure() && reply.packets == 0, "{reply:#?}");
        assert!(reply.message.authority.is_empty(), "{reply:#?}");
    }
    // What was expanded from a wildcard needs its proof, and lasts no longer.
    let expanded = sim.ask("x.wild.example.org.", RecordType::CNAME).await;
    assert!(expanded.secure() && expanded.packets > 0 && !expanded.message.authority.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_alias_is_as_secure_as_it_is_whatever_is_proven_of_its_end() {
    // RFC 5155 §9.2: what an opt-out span denies, or expands, is not proven; the aliases that lead there are.
    let zone = Zone::new("example.org.")
        .opt_out()
        .record("gone CNAME none")
        .record("old DNAME tree")
        .record("any CNAME x.wild")
        .record("*.wild A 192.0.2.80");
    let sim = Sim::new(World::new(seed()).zone(zone));
    for owner in ["gone.example.org.", "x.old.example.org.", "any.example.org."] {
        for _ in 0..2 {
            assert!(!sim.ask_a(owner).await.secure(), "{owner}");
            let alias = sim.ask(owner, RecordType::CNAME).await;
            assert!(alias.secure() && !alias.message.answer.is_empty(), "{alias:#?}");
        }
    }
    assert!(sim.ask("old.example.org.", RecordType::DNAME).await.secure());
    assert!(!sim.ask_a("x.wild.example.org.").await.secure());
}
