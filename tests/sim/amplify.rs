//! Amplification: what an attacker's zones can make the resolver send, to whom, and how often.
//!
//! iDNS, NXNSAttack, CAMP, tsuNAME and their kin, each with a figure, counted on a resolver that knows the root and the
//! top-level domains, as one in service does. `bounds` and `attacks` hold the rest.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rootwalk::dns::{Name, Rcode, RecordType};
use rootwalk::entropy::Entropy;
use rootwalk::lab::{Fault, World, Zone};
use rootwalk::limits::{self, Limit};

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

/// Zones whose servers' names lie in each other, each with a way out, and others of the kind without one.
fn braid(entropy: &Entropy, zones: usize) -> World {
    let zone_name = |number: usize| format!("z{number}.{}.", ["org", "net"][number % 2]);
    let other = |number: usize| zone_name((number + 1 + entropy.below(zones - 1)) % zones);
    let honest = (0..zones).fold(world().zone(Zone::new("host.com.")), |world, number| {
        let zone = site(&zone_name(number)).record("*.w A 192.0.2.80");
        let zone = (0..2).fold(zone, |zone, host| {
            let address = format!("198.18.{}.{host}", 100 + number);
            zone.server(&format!("n{host}-{number}.{}", other(number)), &[&address])
        });
        world.zone(zone.server(&format!("ns{number}.host.com."), &[&format!("198.18.{}.9", 100 + number)]))
    });
    (0..4).fold(honest, |world, number| {
        let next = format!("h{number}.evil{}.{}.", (number + 1) % 4, ["org", "net"][(number + 1) % 2]);
        let evil = site(&format!("evil{number}.{}.", ["org", "net"][number % 2])).unsigned();
        world.zone(evil.server(&next, &[&format!("198.18.99.{}", number + 1)]))
    })
}

#[tokio::test(start_paused = true)]
async fn zones_that_can_be_found_are_found_whoever_asks_for_circles_at_the_same_time() {
    for seed in seed()..seed() + 8 {
        let entropy = Entropy::seeded(seed);
        let sim = Arc::new(Sim::with(braid(&entropy, 8), |options| {
            options.seed = seed;
            options.aggressive_nsec = false;
        }));
        for round in 0..3 {
            let mut asking = tokio::task::JoinSet::new();
            for turn in 0..40 {
                let (sim, draw) = (Arc::clone(&sim), entropy.below(12));
                let (owner, evil) = match draw {
                    0..8 => (format!("r{round}t{turn}.w.z{draw}.{}.", ["org", "net"][draw % 2]), false),
                    _ => (format!("t{turn}.evil{}.{}.", draw - 8, ["org", "net"][draw % 2]), true),
                };
                let host = format!("n{}-{}.z{}.net.", turn % 2, turn % 8, turn / 8 * 2 + 1);
                asking.spawn(async move {
                    sim.ask_a(&host).await;
                    (sim.ask_a(&owner).await, owner, evil)
                });
            }
            for (reply, owner, evil) in asking.join_all().await {
                let rcode = if evil { Rcode::SERVFAIL } else { Rcode::NOERROR };
                assert_eq!(
                    reply.rcode(),
                    rcode,
                    "seed {seed}, round {round}: {owner}: {} {}",
                    reply.text(),
                    reply.packets
                );
            }
            sim.pass(7).await;
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

#[tokio::test(start_paused = true)]
async fn a_chain_of_sixty_single_links_costs_twelve_packets() {
    for zone in [Zone::new("chain.org."), Zone::new("chain.org.").unsigned()] {
        let chain = (0..60).fold(zone, |zone, link| zone.record(&format!("l{link} CNAME l{}", link + 1)));
        let sim = in_service(world().zone(chain.fault(one_link()))).await;
        sim.ask_a("nothing.chain.org.").await;
        let reply = sim.ask_a("l0.chain.org.").await;
        assert_eq!(reply.rcode(), Rcode::SERVFAIL);
        at_most(12, reply.packets, "C3: packets");
    }
}

#[tokio::test(start_paused = true)]
async fn servers_whose_names_are_chains_in_a_victims_zone_cost_it_ten_packets() {
    // CAMP: ten name servers, each name the first of ten aliases, told one at a time.
    let (mut evil, mut victim) = (Zone::new("evil.org.").unsigned(), Zone::new("victim.net.").unsigned());
    for host in 0..10 {
        evil = evil.record(&format!("sub NS n{host}-0.victim.net."));
        for link in 0..10 {
            victim = victim.record(&format!("n{host}-{link} CNAME n{host}-{}", link + 1));
        }
    }
    let sim = in_service(world().zone(evil).zone(victim.fault(one_link()))).await;
    let reply = sim.ask_a("www.sub.evil.org.").await;
    assert_eq!(reply.rcode(), Rcode::SERVFAIL);
    at_most(60, reply.packets, "C4: packets, chains behind servers");
    at_most(10, sim.network.sent_to(sim.server("victim.net.")), "C4: of them to the victim");
}

#[tokio::test(start_paused = true)]
async fn a_chain_through_zones_with_ten_servers_each_costs_sixty_packets() {
    // CAMP the other way round: each of ten links is in a zone whose ten servers have names in the victim's zone. So
    // many of them answer, the others refuse. The most are 24 lookups, a query for each, and a referral for each link.
    for good in [0, 1, 2, 3, 5, 10] {
        let (mut evil, mut victim) = (Zone::new("evil.org.").unsigned(), site("victim.net."));
        let mut links = Vec::new();
        for link in 0..10 {
            let mut zone = Zone::new(&format!("z{link}.evil.org.")).unsigned().undelegated();
            zone = zone.record(&format!("w CNAME w.z{}.evil.org.", link + 1));
            for host in 0..10 {
                let (server, address) =
                    (format!("n{link}-{host}.victim.net."), format!("198.18.250.{}", link * 10 + host));
                evil = evil.record(&format!("z{link} NS {server}"));
                victim = victim.record(&format!("{server} A {address}"));
                zone = zone.server(&server, &[&address]);
            }
            links.push((good..10).fold(zone, |zone, host| zone.fault_at(host, Fault::Says(Rcode::REFUSED))));
        }
        let worlds = links.into_iter().fold(world().zone(evil).zone(victim), World::zone);
        let sim = in_service(worlds).await;
        let reply = sim.ask_a("w.z0.evil.org.").await;
        at_most(60, reply.packets, &format!("C4: packets, chains through servers of which {good} answer"));
        let victim = sim.network.sent_to(sim.server("victim.net."));
        at_most(cap(Limit::ServerLookups), victim, "C4: of them to the victim");
    }
}

fn cap(limit: Limit) -> usize {
    usize::try_from(limit.default_cap()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn of_a_flood_of_name_servers_few_are_considered_and_the_answer_comes_in_time() {
    // NRDelegation: as many as one RRset may have, and more than that.
    for hosts in [500, 1_500] {
        let lines = (0..hosts).map(|host| format!("many NS n{host}.dead.net."));
        let org = lines.fold(Zone::new("org."), |zone, line| zone.record(&line));
        let sim = in_service(world().zone(org).zone(Zone::new("dead.net.").fault(Fault::Dead))).await;
        let reply = sim.ask_a("www.many.org.").await;
        assert_eq!(reply.rcode(), Rcode::SERVFAIL);
        let log = sim.network.log();
        let asked =
            log.iter().filter_map(|sent| sent.question()).map(|question| question.name.to_lowercase());
        let considered: BTreeSet<Name> = asked.filter(|host| host.is_below(&name("dead.net."))).collect();
        at_most(
            limits::NAME_SERVERS_KEPT_MAX,
            considered.len(),
            &format!("C5: of {hosts} servers considered"),
        );
        at_most(20, reply.packets, "C5: packets");
        at_most(10_000, usize::try_from(reply.took.as_millis()).unwrap(), "C5: milliseconds");
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_of_a_hundred_labels_costs_its_zone_ten_packets() {
    let long = format!("{}deep.org.", "a.".repeat(100));
    let zones = [Zone::new("deep.org."), Zone::new("deep.org.").unsigned()];
    for zone in
        zones.into_iter().flat_map(|zone| [zone.clone().record(&format!("{long} A 192.0.2.80")), zone])
    {
        let sim = in_service(world().zone(zone.clone())).await;
        sim.ask_a(&long).await;
        at_most(10, sim.network.sent_to(sim.server("deep.org.")), "C17: packets to the zone");
        let sim = in_service(world().zone(zone)).await;
        let reply = sim.ask(&long, RecordType::DS).await;
        at_most(25, reply.packets, "C16: packets for DS");
    }
}

/// The A record that comes is not the one that was signed.
fn forges() -> Fault {
    Fault::rewrites(|_, reply| {
        for rrset in reply.answer.iter_mut().filter(|rrset| rrset.rtype == RecordType::A) {
            rrset.rdatas = [&[192, 0, 2, 66][..]].into_iter().collect();
        }
    })
}

#[tokio::test(start_paused = true)]
async fn a_failing_name_is_resolved_once_in_five_seconds_at_most() {
    let chain = (0..60).fold(Zone::new("f.org.").record("www CNAME l0"), |zone, link| {
        zone.record(&format!("l{link} CNAME l{}", link + 1))
    });
    let failing = [
        ("its server is dead", site("f.org.").fault(Fault::Dead)),
        ("its server refuses", site("f.org.").fault(Fault::Says(Rcode::REFUSED))),
        ("its server fails", site("f.org.").fault(Fault::Says(Rcode::SERVFAIL))),
        ("its server refers upwards", site("f.org.").fault(Fault::LameUpward)),
        ("its server knows nothing", site("f.org.").fault(Fault::NotAuthoritative)),
        ("its server truncates", site("f.org.").fault(Fault::Truncates).fault(Fault::TcpCloses)),
        ("its aliases loop", Zone::new("f.org.").record("www CNAME x").record("x CNAME www")),
        ("its aliases do not end", chain.fault(one_link())),
        ("its server needs itself", site("f.org.").delegation_ttl(1).server("ns.two.net.", &["198.18.99.1"])),
        ("it is bogus", site("f.org.").fault(forges())),
        ("it is bogus without a lifetime", site("f.org.").ttl(0).fault(forges())),
    ];
    for (why, zone) in failing {
        let two = site("two.net.").delegation_ttl(1).server("ns.f.org.", &["198.18.99.2"]);
        let sim = in_service(world().zone(zone).zone(two)).await;
        let began = sim.clock.now();
        let mut resolved = 0;
        // A hundred a second, each after the one before was answered.
        while sim.clock.now().since(began) < Duration::from_secs(30) {
            let reply = sim.ask_a("www.f.org.").await;
            assert_eq!(reply.rcode(), Rcode::SERVFAIL, "{why}");
            resolved += usize::from(reply.packets > 0);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        at_most(30 / 5, resolved, &format!("C21: resolutions in half a minute where {why}"));
    }
}

/// A dozen zones that name each other's servers, alias each other's names and fail in all ways, drawn at random.
fn tangle(entropy: &Entropy) -> World {
    const ZONES: usize = 12;
    let draw = |bound| entropy.below(bound);
    let zone_name = |number: usize| format!("z{number}.{}.", ["org", "net"][number % 2]);
    let any_zone = || zone_name(draw(ZONES));
    (0..ZONES).fold(world(), |world, number| {
        let ttl = u32::try_from(draw(3)).unwrap();
        let mut zone = Zone::new(&zone_name(number)).unsigned().ttl(ttl).delegation_ttl(ttl);
        for host in 0..=draw(10) {
            let outside = draw(4) > 0;
            let server =
                if outside { format!("n{host}-{number}.{}", any_zone()) } else { format!("n{host}") };
            zone = zone.server(&server, &[&format!("198.18.{}.{}", 100 + number, host + 1)]);
            zone = match draw(12) {
                0..3 => zone.fault_at(host, Fault::Says(Rcode::SERVFAIL)),
                3 => zone.fault_at(host, Fault::Dead),
                4 => zone.fault_at(host, Fault::Truncates),
                5 => zone.fault_at(host, Fault::Truncates).fault_at(host, Fault::TcpCloses),
                6 => zone.fault_at(host, Fault::LossPercent(50)),
                7 => zone.fault_at(host, Fault::LameUpward),
                8..10 => zone.fault_at(host, one_link()),
                _ => zone,
            };
        }
        for label in ["a", "b", "c"] {
            let target = ["a", "b", "x.c"][draw(3)];
            zone = zone.record(&match draw(5) {
                0 => format!("{label} A 192.0.2.80"),
                1 => format!("{label} DNAME {label}.{}", any_zone()),
                _ => format!("{label} CNAME {target}.{}", any_zone()),
            });
        }
        world.zone(if draw(4) == 0 { zone.without_glue() } else { zone })
    })
}

#[tokio::test(start_paused = true)]
async fn no_tangle_of_zones_costs_more_than_the_hundred_packets() {
    let (mut worst, mut failed, mut answered) = (0, 0, 0);
    for seed in seed()..seed() + 25 {
        let sim = in_service(tangle(&Entropy::seeded(seed))).await;
        for number in 0..12 {
            let zone = ["org", "net"][number % 2];
            let reply = sim.ask_a(&format!("x.{}.z{number}.{zone}.", ["a", "b", "c"][number % 3])).await;
            assert!(reply.packets <= cap(Limit::Packets), "seed {seed}: {}", reply.packets);
            assert!(reply.took <= Duration::from_millis(10_100), "seed {seed}: {:?}", reply.took);
            worst = worst.max(reply.packets);
            *(if reply.rcode() == Rcode::SERVFAIL { &mut failed } else { &mut answered }) += 1;
        }
    }
    at_most(cap(Limit::Packets), worst, "C4: packets, the worst of many tangles");
    assert!(failed > 50 && answered > 50, "{failed} failed, {answered} answered");
}

#[tokio::test(start_paused = true)]
async fn a_hundred_absent_servers_cost_their_zone_a_packet_each_and_few_in_all() {
    // NXNSAttack. A name that does not exist has addresses of neither family.
    let lines = (0..100).map(|host| format!("sub NS h{host}.victim.net."));
    let evil = lines.fold(Zone::new("evil.org.").unsigned(), |zone, line| zone.record(&line));
    let sim = in_service(world().zone(evil).zone(site("victim.net."))).await;
    sim.ask_a("www.victim.net.").await.is_secure_address(WEB);
    let victim = || sim.network.sent_to(sim.server("victim.net."));
    let mut before = victim();
    for number in 0..20 {
        assert_eq!(sim.ask_a(&format!("n{number}.sub.evil.org.")).await.rcode(), Rcode::SERVFAIL);
        at_most(5, victim() - before, "C2: packets to the victim");
        before = victim();
    }
    at_most(limits::NAME_SERVERS_KEPT_MAX + 2, victim(), "C2: packets to the victim for 20 questions");
}
