//! Walking from the root: what the internet's servers do, and what has to come of it.

use std::time::Duration;

use rootwalk::dns::edns::EdeCode;
use rootwalk::dns::response::Transport;
use rootwalk::dns::{Rcode, RecordType, Rrset};
use rootwalk::lab::{Fault, Junk, World, Zone};

use crate::harness::{Ask, Sim, name, seed};

const WEB: [u8; 4] = [192, 0, 2, 80];

fn site(zone: &str) -> Zone {
    Zone::new(zone).record("www A 192.0.2.80")
}

fn world() -> World {
    World::new(seed())
}

#[tokio::test(start_paused = true)]
async fn a_name_is_found_by_way_of_the_root_and_then_from_the_cache() {
    let sim = Sim::new(world().zone(site("example.org.")));
    let first = sim.ask_a("www.example.org.").await;
    first.is_address(WEB);
    assert!(first.packets > 2);
    let again = sim.ask_a("www.example.org.").await;
    again.is_address(WEB);
    assert_eq!(again.packets, 0);
}

#[tokio::test(start_paused = true)]
async fn the_root_is_primed_before_it_is_walked_from() {
    let sim = Sim::new(world().zone(site("example.org.")));
    sim.ask_a("www.example.org.").await;
    let log = sim.network.log();
    let first = log[0].question().unwrap();
    assert!(first.name.is_root() && first.rtype == RecordType::NS);
}

#[tokio::test(start_paused = true)]
async fn no_server_above_the_zone_is_told_the_whole_name() {
    let sim = Sim::new(world().zone(site("example.org.").record("a.b.c.d A 192.0.2.80")));
    sim.ask_a("a.b.c.d.example.org.").await.is_address(WEB);
    for (zone, most) in [(".", 1), ("org.", 2)] {
        let server = sim.server(zone);
        let told = sim.network.log().into_iter().filter(|sent| sent.server == server);
        let labels =
            told.filter_map(|sent| sent.question().map(|question| question.name.label_count())).max();
        assert!(labels.unwrap() <= most, "{zone}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_fails_on_shortened_names_is_asked_the_whole_name() {
    let broken = Fault::rewrites(|question, reply| {
        if question.name == name("b.example.org.") {
            reply.header.rcode = Rcode::NXDOMAIN;
            reply.answer.clear();
        }
    });
    let zone = Zone::new("example.org.").unsigned().record("a.b A 192.0.2.80").fault(broken);
    Sim::new(world().zone(zone)).ask_a("a.b.example.org.").await.is_address(WEB);
}

#[tokio::test(start_paused = true)]
async fn what_denies_a_name_denies_those_below_it_without_another_question() {
    for (zone, secure) in [
        (site("example.org."), true),
        (site("example.org.").nsec3(0, b""), true),
        (site("example.org.").opt_out(), false),
    ] {
        let sim = Sim::new(world().zone(zone));
        let at = |sim: &Sim| {
            let server = sim.server("example.org.");
            let log = sim.network.log().into_iter().filter(|sent| sent.server == server);
            log.filter(|sent| sent.question().is_some_and(|question| question.rtype != RecordType::DNSKEY))
                .count()
        };
        let reply = sim.ask("a.b.none.example.org.", RecordType::MX).await;
        assert_eq!((reply.rcode(), reply.secure()), (Rcode::NXDOMAIN, secure), "{reply:#?}");
        assert_eq!(at(&sim), 1);
        sim.ask_a("www.example.org.").await.is_secure_address(WEB);
    }
    // Where nothing is proven it is not believed.
    let sim = Sim::new(world().zone(site("example.org.").unsigned()));
    assert_eq!(sim.ask("b.none.example.org.", RecordType::MX).await.rcode(), Rcode::NXDOMAIN);
    let server = sim.server("example.org.");
    assert_eq!(sim.network.log().into_iter().filter(|sent| sent.server == server).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_fails_on_shortened_names_fails_in_a_signed_zone_too_and_another_is_asked() {
    let broken = Fault::rewrites(|question, reply| {
        if question.name == name("b.example.org.") {
            reply.header.rcode = Rcode::NXDOMAIN;
            reply.answer.clear();
        }
    });
    for zone in [Zone::new("example.org."), Zone::new("example.org.").nsec3(0, b"")] {
        let zone = zone.servers(2).record("a.b A 192.0.2.80").fault(broken.clone());
        Sim::new(world().zone(zone)).ask_a("a.b.example.org.").await.is_secure_address(WEB);
    }
}

#[tokio::test(start_paused = true)]
async fn the_keys_of_a_zone_without_ds_are_not_asked_for() {
    let sim = Sim::new(world().zone(site("example.org.").island()));
    let reply = sim.ask_a("www.example.org.").await;
    reply.is_address(WEB);
    assert!(!reply.secure());
    let server = sim.server("example.org.");
    assert_eq!(sim.network.log().into_iter().filter(|sent| sent.server == server).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn servers_with_names_in_other_zones_are_found() {
    let sim = Sim::new(
        world()
            .zone(site("example.org.").server("ns.provider.net.", &["198.18.99.1"]))
            .zone(Zone::new("provider.net.")),
    );
    sim.ask_a("www.example.org.").await.is_address(WEB);
}

#[tokio::test(start_paused = true)]
async fn servers_that_can_only_be_found_by_way_of_themselves_end_the_walk() {
    let sim = Sim::new(
        world()
            .zone(site("one.org.").server("ns.two.org.", &["198.18.99.1"]))
            .zone(site("two.org.").server("ns.one.org.", &["198.18.99.2"])),
    );
    let reply = sim.ask_a("www.one.org.").await;
    assert_eq!(reply.rcode(), Rcode::SERVFAIL);
    assert!(reply.packets < 20, "{}", reply.packets);
}

#[tokio::test(start_paused = true)]
async fn a_zone_on_the_servers_of_its_parent_is_found_without_a_referral() {
    let address = "198.18.99.1";
    let sim = Sim::new(
        world()
            .zone(site("example.org.").server("ns.example.org.", &[address]))
            .zone(site("sub.example.org.").server("ns.example.org.", &[address])),
    );
    sim.ask_a("www.sub.example.org.").await.is_secure_address(WEB);
}

#[tokio::test(start_paused = true)]
async fn where_parent_and_child_disagree_the_parents_servers_answer() {
    let zone = site("example.org.")
        .server("ns1.example.org.", &["198.18.99.1"])
        .server("ns2.example.org.", &["198.18.99.2"])
        .parent_server("ns1.example.org.", &["198.18.99.1"])
        .parent_server("gone.example.org.", &["198.18.99.3"]);
    let sim = Sim::new(world().zone(zone));
    sim.ask_a("www.example.org.").await.is_address(WEB);
}

#[tokio::test(start_paused = true)]
async fn aliases_are_followed_from_zone_to_zone() {
    let sim = Sim::new(
        world()
            .zone(site("one.org.").record("a CNAME b.two.net.").record("c CNAME www.one.org."))
            .zone(site("two.net.").record("b CNAME c.one.org.")),
    );
    let reply = sim.ask_a("a.one.org.").await;
    reply.is_secure_address(WEB);
    assert_eq!(reply.types(), [RecordType::CNAME, RecordType::CNAME, RecordType::CNAME, RecordType::A]);
}

#[tokio::test(start_paused = true)]
async fn an_alias_loop_ends_in_servfail() {
    let sim = Sim::new(
        world()
            .zone(site("one.org.").record("a CNAME b.two.net."))
            .zone(site("two.net.").record("b CNAME a.one.org.")),
    );
    let reply = sim.ask_a("a.one.org.").await;
    assert_eq!(reply.rcode(), Rcode::SERVFAIL);
    assert!(reply.packets < 20, "{}", reply.packets);
}

#[tokio::test(start_paused = true)]
async fn a_dname_leads_to_the_name_below_its_target() {
    let sim = Sim::new(world().zone(site("one.org.").record("old DNAME two.net.")).zone(site("two.net.")));
    let reply = sim.ask_a("www.old.one.org.").await;
    reply.is_secure_address(WEB);
    assert_eq!(reply.types(), [RecordType::DNAME, RecordType::CNAME, RecordType::A]);
}

#[tokio::test(start_paused = true)]
async fn the_alias_that_a_dname_makes_is_there_even_if_its_target_is_not() {
    for zone in [site("one.org."), site("one.org.").unsigned()] {
        let sim = Sim::new(world().zone(zone.record("old DNAME new")));
        let reply = sim.ask("none.old.one.org.", RecordType::CNAME).await;
        assert_eq!(reply.types(), [RecordType::DNAME, RecordType::CNAME], "{}", reply.text());
        assert_eq!(sim.ask_a("none.old.one.org.").await.rcode(), Rcode::NXDOMAIN);
    }
}

#[tokio::test(start_paused = true)]
async fn a_dname_that_makes_too_long_a_name_is_yxdomain() {
    let label = "l".repeat(63);
    let long = format!("{label}.{label}.{label}.two.net.");
    let sim = Sim::new(world().zone(site("one.org.").record(&format!("old DNAME {long}"))));
    let reply = sim.ask_a(&format!("{label}.old.one.org.")).await;
    assert_eq!(reply.rcode(), Rcode::YXDOMAIN);
}

#[tokio::test(start_paused = true)]
async fn wildcards_and_empty_non_terminals_are_what_rfc_4592_says() {
    let zone = site("example.org.").record("*.w A 192.0.2.80").record("a.b A 192.0.2.81");
    for zone in [zone.clone(), zone.clone().nsec3(0, b""), zone.unsigned()] {
        let sim = Sim::new(world().zone(zone));
        sim.ask_a("x.y.w.example.org.").await.is_address(WEB);
        let empty = sim.ask_a("b.example.org.").await;
        assert!(empty.rcode() == Rcode::NOERROR && empty.message.answer.is_empty());
        assert_eq!(sim.ask_a("c.example.org.").await.rcode(), Rcode::NXDOMAIN);
    }
}

#[tokio::test(start_paused = true)]
async fn a_negative_answer_lives_as_long_as_its_soa_says() {
    let zone = site("example.org.").negative_ttl(100);
    let sim = Sim::with(world().zone(zone), |options| options.prefetch = false);
    let first = sim.ask_a("none.example.org.").await;
    assert_eq!(first.rcode(), Rcode::NXDOMAIN);
    assert_eq!(first.message.authority[0].ttl, 100);
    sim.pass(90).await;
    assert_eq!(sim.ask_a("none.example.org.").await.packets, 0);
    sim.pass(11).await;
    assert!(sim.ask_a("none.example.org.").await.packets > 0);
}

#[tokio::test(start_paused = true)]
async fn of_two_servers_one_may_be_broken_in_any_way() {
    for fault in [
        Fault::Dead,
        Fault::PortClosed,
        Fault::NoRoute,
        Fault::Lame,
        Fault::LameUpward,
        Fault::NotAuthoritative,
        Fault::Says(Rcode::SERVFAIL),
        Fault::Says(Rcode::REFUSED),
        Fault::Says(Rcode::NOTIMP),
        Fault::Says(Rcode::FORMERR),
        Fault::WrongId,
    ] {
        let sim = Sim::new(world().zone(site("example.org.").servers(2).fault_at(0, fault.clone())));
        for _ in 0..3 {
            let reply = sim.ask_a("www.example.org.").await;
            assert_eq!(reply.rcode(), Rcode::NOERROR, "{fault:?}: {}", reply.text());
            reply.is_secure_address(WEB);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_knows_nothing_does_not_deny_names() {
    for seed in 0..6 {
        let org = Zone::new("org.").servers(2).fault_at(0, Fault::NotAuthoritative);
        let plain = site("example.org.").unsigned().servers(2).fault_at(0, Fault::NotAuthoritative);
        let sim = Sim::with(World::new(seed).zone(org).zone(plain), |options| options.seed = seed);
        sim.ask_a("www.example.org.").await.is_address(WEB);
    }
}

#[tokio::test(start_paused = true)]
async fn a_zone_without_a_working_server_fails_with_a_reason() {
    for fault in [Fault::Dead, Fault::Lame, Fault::LameUpward, Fault::Says(Rcode::SERVFAIL)] {
        let sim = Sim::new(world().zone(site("example.org.").servers(2).fault(fault.clone())));
        let reply = sim.ask_a("www.example.org.").await;
        assert_eq!(reply.rcode(), Rcode::SERVFAIL, "{fault:?}");
        assert_eq!(reply.ede(), Some(EdeCode::NO_REACHABLE_AUTHORITY), "{fault:?}: {}", reply.text());
        assert!(reply.took <= Duration::from_secs(11), "{fault:?}: {:?}", reply.took);
        assert!(reply.packets < 30, "{fault:?}: {}", reply.packets);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_truncated_is_asked_again_over_tcp() {
    let sim = Sim::new(world().zone(site("example.org.").fault(Fault::Truncates)));
    sim.ask_a("www.example.org.").await.is_secure_address(WEB);
    assert!(sim.network.log().iter().any(|sent| sent.transport == Transport::Tcp));
}

#[tokio::test(start_paused = true)]
async fn truncation_without_tcp_ends_soon() {
    for fault in [Fault::TcpRefused, Fault::TcpCloses, Fault::TcpSilent, Fault::TruncatesTcp] {
        let zone = site("example.org.").fault(Fault::Truncates).fault(fault.clone());
        let sim = Sim::new(world().zone(zone));
        let reply = sim.ask_a("www.example.org.").await;
        assert_eq!(reply.rcode(), Rcode::SERVFAIL, "{fault:?}");
        let server = sim.server("example.org.");
        let tcp = sim
            .network
            .log()
            .into_iter()
            .filter(|sent| sent.server == server && sent.transport == Transport::Tcp);
        assert!(tcp.count() <= 4, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn servers_that_know_no_edns_answer_unsigned_names() {
    for fault in [
        Fault::FormErrOnEdns,
        Fault::SaysOnEdns(Rcode::FORMERR),
        Fault::SaysOnEdns(Rcode::NOTIMP),
        Fault::IgnoresEdns,
    ] {
        let sim = Sim::new(world().zone(site("example.org.").unsigned().fault(fault.clone())));
        let reply = sim.ask_a("www.example.org.").await;
        assert_eq!(reply.rcode(), Rcode::NOERROR, "{fault:?}: {}", reply.text());
        reply.is_address(WEB);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_changes_the_letter_case_is_still_heard() {
    let sim = Sim::new(world().zone(site("example.org.").fault(Fault::LowersCase)));
    sim.ask_a("www.example.org.").await.is_address(WEB);
}

#[tokio::test(start_paused = true)]
async fn no_letter_case_but_the_clients_own_comes_back() {
    let sim = Sim::new(world().zone(site("example.org.")));
    for question in ["WWW.eXample.org.", "www.example.org.", "None.Example.org."] {
        let reply = sim.ask_a(question).await;
        assert!(reply.message.question.as_ref().unwrap().name.eq_with_case(&name(question)));
        for rrset in reply.message.answer {
            assert!(rrset.name.eq_with_case(&name(question)), "{}", rrset.name);
        }
        for rrset in reply.message.authority {
            let lower = rrset.name.to_lowercase();
            assert!(
                name(question).is_subdomain_of(&rrset.name) || rrset.name.eq_with_case(&lower),
                "{}",
                rrset.name
            );
        }
    }
    let dead = Sim::new(world().zone(site("example.org.").fault(Fault::Dead)));
    let reply = dead.ask_a("www.example.org.").await;
    assert!(reply.text().contains(" example.org. "), "{}", reply.text());
}

#[tokio::test(start_paused = true)]
async fn the_letter_case_drawn_for_a_query_does_not_go_on_with_an_alias() {
    let zone = site("example.org.").record("one CNAME two").record("two CNAME one").record("far CNAME www");
    for seed in 1..=8 {
        let sim = Sim::with(world().zone(zone.clone()), |options| options.seed = seed);
        let reply = sim.ask_a("far.example.org.").await;
        for rrset in &reply.message.answer {
            assert!(rrset.name.eq_with_case(&rrset.name.to_lowercase()), "{}", rrset.name);
            let rdata = rrset.rdatas.first().unwrap();
            let is_alias = rrset.rtype == RecordType::CNAME;
            assert!(!is_alias || *rdata == rdata.to_ascii_lowercase(), "{rdata:?}");
        }
        let reply = sim.ask_a("one.example.org.").await;
        assert!(reply.text().ends_with("back to one.example.org."), "{}", reply.text());
    }
}

#[tokio::test(start_paused = true)]
async fn junk_before_the_answer_changes_nothing() {
    for junk in Junk::ALL {
        let sim = Sim::new(world().zone(site("example.org.")));
        sim.ask_a("nothing.org.").await;
        let plain = sim.ask_a("www.example.org.").await;
        let junked = Sim::new(world().zone(site("example.org.").fault(Fault::JunkFirst(junk))));
        junked.ask_a("nothing.org.").await;
        let reply = junked.ask_a("www.example.org.").await;
        assert_eq!(reply.rcode(), Rcode::NOERROR, "{junk:?}: {}", reply.text());
        reply.is_secure_address(WEB);
        assert_eq!(reply.packets, plain.packets, "{junk:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_forged_answer_with_another_id_is_passed_over() {
    let forge = Fault::RewritesOctets(std::sync::Arc::new(|_, reply| {
        let mut forged = reply.to_vec();
        forged[0] ^= 0xff;
        // The last octet of the address in an unsigned answer, or something near it.
        let at = forged.windows(4).rposition(|four| four == WEB).unwrap_or(2);
        forged[at] = 66;
        vec![forged, reply.to_vec()]
    }));
    let zone = site("example.org.").unsigned().fault(forge);
    Sim::new(world().zone(zone)).ask_a("www.example.org.").await.is_address(WEB);
}

#[tokio::test(start_paused = true)]
async fn lost_datagrams_are_sent_again() {
    let zone = site("example.org.").servers(2).fault(Fault::LossPercent(30));
    let sim = Sim::new(world().zone(zone));
    for label in 0..20 {
        let reply = sim.ask_a(&format!("n{label}.example.org.")).await;
        assert_eq!(reply.rcode(), Rcode::NXDOMAIN, "{}", reply.text());
    }
}

#[tokio::test(start_paused = true)]
async fn the_faster_of_two_servers_is_asked_more_often() {
    let zone =
        site("example.org.").unsigned().server("ns1", &["198.18.99.1"]).server("ns2", &["198.18.99.2"]);
    let sim = Sim::new(world().zone(zone));
    let (slow, fast) = ("198.18.99.1".parse().unwrap(), "198.18.99.2".parse().unwrap());
    sim.network.set_round_trip(slow, Duration::from_millis(900));
    for label in 0..100 {
        sim.ask_a(&format!("n{label}.example.org.")).await;
    }
    let (slow, fast) = (sim.network.sent_to(slow), sim.network.sent_to(fast));
    assert!(slow * 5 < fast, "{slow} {fast}");
}

#[tokio::test(start_paused = true)]
async fn servers_of_like_speed_share_the_questions() {
    let zone =
        site("example.org.").unsigned().server("ns1", &["198.18.99.1"]).server("ns2", &["198.18.99.2"]);
    let sim = Sim::new(world().zone(zone));
    for label in 0..100 {
        sim.ask_a(&format!("n{label}.example.org.")).await;
    }
    for server in ["198.18.99.1", "198.18.99.2"] {
        assert!(sim.network.sent_to(server.parse().unwrap()) > 20, "{server}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_comes_back_is_asked_again() {
    let two = || {
        site("example.org.")
            .unsigned()
            .negative_ttl(0)
            .server("ns1", &["198.18.99.1"])
            .server("ns2", &["198.18.99.2"])
    };
    let dead = world().zone(two().fault_at(0, Fault::Dead));
    let sim = Sim::new(dead);
    for label in 0..20 {
        assert_eq!(sim.ask_a(&format!("n{label}.example.org.")).await.rcode(), Rcode::NXDOMAIN);
    }
    let server = "198.18.99.1".parse().unwrap();
    let before = sim.network.sent_to(server);
    assert!(before < 20, "a dead server is left alone: {before}");
    sim.change(&world().zone(two()));
    sim.pass(1_000).await;
    for label in 20..60 {
        sim.ask_a(&format!("n{label}.example.org.")).await;
    }
    assert!(sim.network.sent_to(server) > before + 5);
}

#[tokio::test(start_paused = true)]
async fn a_zone_with_ipv6_servers_alone_is_found() {
    let zone = site("example.org.").server("ns.example.org.", &["2001:db8::53"]);
    Sim::new(world().zone(zone)).ask_a("www.example.org.").await.is_address(WEB);
}

#[tokio::test(start_paused = true)]
async fn a_family_without_a_route_is_noticed() {
    let address = "2001:db8::53".parse().unwrap();
    let zone = site("example.org.").server("ns.example.org.", &["2001:db8::53", "198.18.99.1"]);
    let sim = Sim::new(world().zone(zone).fault(address, Fault::NoRoute));
    for label in 0..40 {
        assert_eq!(sim.ask_a(&format!("n{label}.example.org.")).await.rcode(), Rcode::NXDOMAIN);
    }
    assert!(sim.network.sent_to(address) < 20, "{}", sim.network.sent_to(address));
}

#[tokio::test(start_paused = true)]
async fn ids_and_ports_are_drawn_anew_for_each_query() {
    let sim = Sim::new(world().zone(site("example.org.").negative_ttl(0)));
    for label in 0..100 {
        sim.ask_a(&format!("n{label}.example.org.")).await;
    }
    let log = sim.network.log();
    let mut ports: Vec<u16> = log.iter().map(|sent| sent.local_port).filter(|port| *port != 0).collect();
    assert!(ports.iter().all(|port| *port >= 1_024));
    let count = ports.len();
    ports.sort_unstable();
    ports.dedup();
    assert!(ports.len() * 100 > count * 97, "{} of {count}", ports.len());
    let mut ids: Vec<u16> =
        log.iter().filter_map(|sent| sent.query.as_ref()).map(|query| query.header.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert!(ids.len() * 100 > log.len() * 97);
    assert_eq!(sim.network.open_ports(), 0, "a socket lives no longer than its query");
}

#[tokio::test(start_paused = true)]
async fn the_letter_case_of_questions_is_random() {
    let sim = Sim::new(world().zone(site("example.org.")));
    sim.ask_a("www.example.org.").await;
    let mixed = sim.network.log().into_iter().filter(|sent| {
        sent.question().is_some_and(|question| {
            let wire = question.name.as_wire();
            wire.iter().any(u8::is_ascii_uppercase) && wire.iter().any(u8::is_ascii_lowercase)
        })
    });
    assert!(mixed.count() > 0);
}

fn address(owner: &str, octets: [u8; 4]) -> Rrset {
    Rrset::new(name(owner), RecordType::A, 3_600).with(&octets)
}

fn servers(owner: &str, host: &str) -> Rrset {
    Rrset::new(name(owner), RecordType::NS, 3_600).with(name(host).as_wire())
}

#[tokio::test(start_paused = true)]
async fn what_a_server_has_no_right_to_say_is_not_believed() {
    let evil = [192, 0, 2, 66];
    let lies = Fault::rewrites(move |_, reply| {
        // Promiscuous records for the parent, a sibling and a target, in every section.
        reply.authority.push(servers("org.", "ns.evil.org."));
        reply.authority.push(servers("victim.org.", "ns.evil.org."));
        reply.additional.push(address("ns.evil.org.", evil));
        reply.additional.push(address("www.victim.org.", evil));
        reply.answer.push(address("www.victim.org.", evil));
    });
    let sim = Sim::new(
        world()
            .zone(site("evil.org.").unsigned().record("go CNAME www.victim.org.").fault(lies))
            .zone(site("victim.org.").unsigned()),
    );
    for question in ["www.evil.org.", "none.evil.org.", "go.evil.org."] {
        sim.ask_a(question).await;
    }
    sim.ask_a("www.victim.org.").await.is_address(WEB);
    sim.ask_a("go.evil.org.").await.is_address(WEB);
    assert_eq!(sim.network.sent_to(evil.into()), 0);
}

#[tokio::test(start_paused = true)]
async fn what_comes_along_with_an_error_is_not_believed_whatever_the_error() {
    let evil = [192, 0, 2, 66];
    for code in [1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 16, 23] {
        let lies = Fault::rewrites(move |question, reply| {
            reply.header.rcode = Rcode(code);
            reply.answer = vec![address(&question.name.to_string(), evil), address("www.victim.org.", evil)];
            reply.authority = vec![servers("victim.org.", "ns.evil.org."), servers("org.", "ns.evil.org.")];
            reply.additional = vec![address("ns.evil.org.", evil)];
        });
        let zone = site("evil.org.").unsigned().servers(2).fault(lies);
        let sim = Sim::new(world().zone(zone).zone(site("victim.org.").unsigned()));
        assert_eq!(sim.ask_a("www.evil.org.").await.rcode(), Rcode::SERVFAIL, "rcode {code}");
        sim.ask_a("www.victim.org.").await.is_address(WEB);
        assert_eq!(sim.network.sent_to(evil.into()), 0, "rcode {code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_negative_answer_with_another_zones_soa_is_not_believed_of_that_zone() {
    let lies = Fault::rewrites(|_, reply| {
        reply.authority.clear();
        reply.authority.push(Rrset::new(name("org."), RecordType::SOA, 3_600).with(&[0; 22]));
    });
    let sim = Sim::new(world().zone(site("evil.org.").unsigned().fault(lies)).zone(site("victim.org.")));
    sim.ask_a("none.evil.org.").await;
    sim.ask_a("www.victim.org.").await.is_secure_address(WEB);
}

#[tokio::test(start_paused = true)]
async fn identical_questions_share_one_resolution() {
    let sim = Sim::new(world().zone(site("example.org.")));
    let alone = Sim::new(world().zone(site("example.org.")));
    let wanted = alone.ask_a("www.example.org.").await.packets;
    let ask = Ask::new("www.example.org.", RecordType::A);
    let (a, b, c) = tokio::join!(sim.ask_as(&ask), sim.ask_as(&ask), sim.ask_as(&ask));
    for reply in [a, b, c] {
        reply.is_secure_address(WEB);
    }
    assert_eq!(sim.network.sent(), wanted);
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_delegation_is_gone_when_the_parents_ttl_ends() {
    let ghost = || site("ghost.org.").unsigned().ttl(5).delegation_ttl(60).record("long 86400 A 192.0.2.81");
    let sim = Sim::new(world().zone(ghost()));
    sim.ask_a("www.ghost.org.").await.is_address(WEB);
    sim.change(&world().zone(ghost().undelegated()));
    for step in 0..40 {
        sim.pass(2).await;
        // The attacker keeps asking, for fresh names and for the zone's own NS and addresses.
        sim.ask_a(&format!("n{step}.ghost.org.")).await;
        sim.ask("ghost.org.", RecordType::NS).await;
        sim.ask_a("ns1.ghost.org.").await;
    }
    assert_eq!(sim.ask_a("fresh.ghost.org.").await.rcode(), Rcode::NXDOMAIN);
    assert_eq!(sim.ask("www.ghost.org.", RecordType::AAAA).await.rcode(), Rcode::NXDOMAIN);
}

#[tokio::test(start_paused = true)]
async fn a_seed_repeats_a_simulation() {
    async fn run() -> Vec<String> {
        let zone = site("example.org.").servers(3).fault(Fault::LossPercent(20));
        let sim = Sim::new(world().zone(zone));
        for label in 0..20 {
            sim.ask_a(&format!("n{label}.example.org.")).await;
        }
        sim.network
            .log()
            .iter()
            .map(|sent| format!("{:?} {} {:?}", sent.at, sent.server, sent.question()))
            .collect()
    }
    assert_eq!(run().await, run().await);
}
