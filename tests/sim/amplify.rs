//! Amplification: what an attacker's zones can make the resolver send, to whom, and how often.
//!
//! iDNS, NXNSAttack, CAMP, tsuNAME and their kin, each with a figure, counted on a resolver that knows the root and the
//! top-level domains, as one in service does. `bounds` and `attacks` hold the rest.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rootwalk::dns::{Rcode, RecordType};
use rootwalk::lab::{Fault, World, Zone};
use rootwalk::limits;

use crate::harness::{Sim, name, seed};

const WEB: [u8; 4] = [192, 0, 2, 80];

fn site(zone: &str) -> Zone {
    Zone::new(zone).record("www A 192.0.2.80")
}

fn world() -> World {
    World::new(seed()).zone(site("warm.org.")).zone(site("warm.net."))
}

/// A resolver that has been in service: it knows the root and the domains below it, and their keys.
async fn in_service(world: World) -> Sim {
    let sim = Sim::new(world);
    for warm in ["www.warm.org.", "www.warm.net."] {
        sim.ask_a(warm).await.is_secure_address(WEB);
    }
    sim.network.clear_log();
    sim
}

/// Says the figure, and that it is as low as is asked.
#[track_caller]
fn at_most(most: usize, count: usize, what: &str) {
    eprintln!("{what}: {count}");
    assert!(count <= most, "{what}: {count}, more than {most}");
}

fn circle(ttl: u32) -> World {
    world()
        .zone(site("one.org.").delegation_ttl(ttl).server("ns.two.net.", &["198.18.99.1"]))
        .zone(site("two.net.").delegation_ttl(ttl).server("ns.one.org.", &["198.18.99.2"]))
}

#[tokio::test(start_paused = true)]
async fn zones_in_a_circle_with_a_ttl_of_a_second_cost_their_parents_twelve_packets() {
    // tsuNAME.
    for apart in [0, 100, 1_000, 1_100].map(Duration::from_millis) {
        for zones in [["one.org.", "one.org."], ["one.org.", "two.net."]] {
            let sim = in_service(circle(1)).await;
            for number in 0..20 {
                let asked = format!("n{number}.{}", zones[number % 2]);
                assert_eq!(sim.ask_a(&asked).await.rcode(), Rcode::SERVFAIL);
                tokio::time::sleep(apart).await;
            }
            let above = sim.network.sent_to(sim.server("org.")) + sim.network.sent_to(sim.server("net."));
            at_most(12, above, &format!("C7: packets at the parents of {zones:?}, {apart:?} apart"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_circle_that_was_broken_up_is_found_open_within_a_minute() {
    let sim = in_service(circle(1)).await;
    for _ in 0..10 {
        assert_eq!(sim.ask_a("www.one.org.").await.rcode(), Rcode::SERVFAIL);
        sim.pass(60).await;
    }
    sim.ask_a("n.one.org.").await;
    let mended =
        world().zone(site("one.org.").server("ns.two.net.", &["198.18.99.1"])).zone(site("two.net."));
    sim.change(&mended);
    sim.pass(60).await;
    sim.ask_a("www.one.org.").await.is_secure_address(WEB);
}

#[tokio::test(start_paused = true)]
async fn a_circle_with_a_way_out_is_none() {
    // One of two servers of one.org. can be found without two.net.
    let worlds = || {
        world()
            .zone(Zone::new("host.com."))
            .zone(site("two.net.").server("ns.one.org.", &["198.18.99.2"]))
            .zone(
                site("one.org.")
                    .server("ns.two.net.", &["198.18.99.1"])
                    .server("ns.host.com.", &["198.18.99.3"]),
            )
    };
    for seed in 0..20 {
        let sim = Sim::with(worlds(), |options| options.seed = seed);
        for asked in ["www.two.net.", "www.one.org."] {
            sim.ask_a(asked).await.is_secure_address(WEB);
        }
    }
}

/// What a server that truncates over UDP may do over TCP.
fn broken_tcp() -> [(&'static str, Fault); 4] {
    [
        ("truncates", Fault::TruncatesTcp),
        ("closes", Fault::TcpCloses),
        ("refuses", Fault::TcpRefused),
        ("is silent", Fault::TcpSilent),
    ]
}

fn tcp_to(sim: &Sim, server: IpAddr) -> usize {
    sim.network.log().iter().filter(|sent| sent.server == server && sent.local_port == 0).count()
}

#[tokio::test(start_paused = true)]
async fn truncation_without_tcp_costs_each_server_three_packets() {
    // The name and the keys of its zone are asked for at once: one of them tries TCP (CVE-2023-46317).
    for (tcp, fault) in broken_tcp() {
        for servers in [1, 2, 4] {
            let zone = site("tc.org.").servers(servers).fault(Fault::Truncates).fault(fault.clone());
            let sim = in_service(world().zone(zone)).await;
            assert_eq!(sim.ask_a("www.tc.org.").await.rcode(), Rcode::SERVFAIL);
            for server in sim.network.internet().addresses_of(&name("tc.org.")) {
                let what = format!("C18: packets to one of {servers} servers whose TCP {tcp}");
                at_most(3, sim.network.sent_to(server), &what);
                at_most(1, tcp_to(&sim, server), "C18: of them over TCP");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn broken_tcp_is_tried_a_dozen_times_in_ten_minutes_and_found_mended_in_two() {
    for (tcp, fault) in broken_tcp() {
        let zone = site("tc.org.").fault(Fault::Truncates);
        let sim = in_service(world().zone(zone.clone().fault(fault))).await;
        for number in 0..600 {
            assert_eq!(sim.ask_a(&format!("n{number}.tc.org.")).await.rcode(), Rcode::SERVFAIL);
            sim.pass(1).await;
        }
        let server = sim.server("tc.org.");
        at_most(12, tcp_to(&sim, server), &format!("C18: connections for 600 questions where TCP {tcp}"));
        sim.change(&world().zone(zone));
        sim.pass(u64::from(limits::FAILURE_TTL_SECS_MIN).max(limits::SERVER_HOLD_MAX.as_secs())).await;
        sim.ask_a("www.tc.org.").await.is_secure_address(WEB);
    }
}

#[tokio::test(start_paused = true)]
async fn a_crowd_at_a_server_that_truncates_is_answered_over_tcp() {
    let sim = Arc::new(in_service(world().zone(site("tc.org.").fault(Fault::Truncates))).await);
    let mut crowd = tokio::task::JoinSet::new();
    for number in 0..200 {
        let sim = Arc::clone(&sim);
        crowd.spawn(async move { sim.ask_a(&format!("n{number}.tc.org.")).await });
    }
    while let Some(reply) = crowd.join_next().await {
        let reply = reply.unwrap();
        assert_eq!(reply.rcode(), Rcode::NXDOMAIN, "{}", reply.text());
        assert!(reply.took < Duration::from_millis(300), "{:?}", reply.took);
    }
}

/// Tells one alias at a time; a DNAME and the CNAME made from it are one.
fn one_link() -> Fault {
    Fault::rewrites(|_, reply| {
        let dname = reply.answer.first().is_some_and(|rrset| rrset.rtype == RecordType::DNAME);
        reply.answer.truncate(if dname { 2 } else { 1 });
    })
}

#[tokio::test(start_paused = true)]
async fn dnames_that_grow_a_name_or_loop_cost_twelve_packets() {
    for signed in [true, false] {
        for single in [true, false] {
            let zone = if signed { site("loop.org.") } else { site("loop.org.").unsigned() };
            let zone = if single { zone.fault(one_link()) } else { zone };
            // In a circle; growing by itself, fast and slowly; growing by way of another.
            let lines =
                ["a DNAME b", "b DNAME a", "g DNAME x.y.g", "h DNAME x.h", "j DNAME x.k", "k DNAME x.j"];
            let zone = lines.iter().fold(zone, |zone, line| zone.record(line));
            let sim = in_service(world().zone(zone)).await;
            sim.ask_a("www.loop.org.").await.is_address(WEB);
            for asked in ["www.a.loop.org.", "www.g.loop.org.", "www.h.loop.org.", "www.j.loop.org."] {
                let reply = sim.ask_a(asked).await;
                assert!(matches!(reply.rcode(), Rcode::SERVFAIL | Rcode::YXDOMAIN), "{asked}");
                let how = (
                    if signed { "signed" } else { "unsigned" },
                    if single { "one by one" } else { "at once" },
                );
                at_most(12, reply.packets, &format!("C19: packets for {asked}, {how:?}"));
            }
        }
    }
}
