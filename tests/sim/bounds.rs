//! Bounds: what one question may cost, whatever the servers do. The numbers are those of `limits`.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rootwalk::dns::edns::EdeCode;
use rootwalk::dns::response::Transport;
use rootwalk::dns::{Question, Rcode, RecordType, Rrset};
use rootwalk::lab::{Fault, Flaw, Junk, KeySpec, World, Zone};
use rootwalk::limits::{self, Limit};

use crate::harness::{Sim, name, seed};

const WEB: [u8; 4] = [192, 0, 2, 80];

fn site(zone: &str) -> Zone {
    Zone::new(zone).record("www A 192.0.2.80")
}

fn world() -> World {
    World::new(seed())
}

fn cap(limit: Limit) -> usize {
    usize::try_from(limit.default_cap()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn delegations_that_go_ever_deeper_end() {
    // Each answer refers to a new zone below, on servers with new names in the same domain.
    let count = Arc::new(AtomicU32::new(0));
    let deeper = Fault::rewrites(move |question, reply| {
        if question.name == name("evil.org.") {
            return;
        }
        let turn = count.fetch_add(1, Ordering::Relaxed);
        reply.header.rcode = Rcode::NOERROR;
        reply.header.authoritative = false;
        reply.answer.clear();
        let mut ns = Rrset::new(question.name.clone(), RecordType::NS, 300);
        ns.rdatas.push(name(&format!("ns{turn}.x{turn}.evil.org.")).as_wire());
        reply.authority = vec![ns];
    });
    let sim = Sim::new(world().zone(Zone::new("evil.org.").unsigned().fault(deeper)));
    let reply = sim.ask_a("a.b.c.d.e.f.g.h.evil.org.").await;
    assert_eq!(reply.rcode(), Rcode::SERVFAIL);
    assert!(reply.packets <= 50, "{}", reply.packets);
}

#[tokio::test(start_paused = true)]
async fn a_delegation_to_a_hundred_absent_servers_hardly_troubles_their_zone() {
    // NXNSAttack.
    let mut evil = Zone::new("evil.org.").unsigned();
    for host in 0..100 {
        evil = evil.record(&format!("sub NS h{host}.victim.net."));
    }
    let sim = Sim::new(world().zone(evil).zone(site("victim.net.")));
    let reply = sim.ask_a("www.sub.evil.org.").await;
    assert_eq!(reply.rcode(), Rcode::SERVFAIL);
    let victim = sim.network.sent_to(sim.server("victim.net."));
    assert!(victim <= 10, "{victim}");
}

#[tokio::test(start_paused = true)]
async fn a_long_chain_of_aliases_ends_after_eleven_restarts() {
    let chain = (0..60)
        .fold(Zone::new("chain.org."), |zone, link| zone.record(&format!("l{link} CNAME l{}", link + 1)));
    // A server that gives one link at a time.
    let one = Fault::rewrites(|_, reply| reply.answer.truncate(1));
    let sim = Sim::new(world().zone(chain.fault(one)));
    sim.ask_a("nothing.chain.org.").await;
    let reply = sim.ask_a("l0.chain.org.").await;
    assert_eq!(reply.rcode(), Rcode::SERVFAIL);
    assert!(reply.packets <= cap(Limit::Restarts) + 2, "{}", reply.packets);
}

#[tokio::test(start_paused = true)]
async fn a_chain_of_ten_aliases_is_followed() {
    let chain = (0..9).fold(Zone::new("chain.org.").record("l9 A 192.0.2.80"), |zone, link| {
        zone.record(&format!("l{link} CNAME l{}", link + 1))
    });
    let one = Fault::rewrites(|_, reply| reply.answer.truncate(1));
    Sim::new(world().zone(chain.fault(one))).ask_a("l0.chain.org.").await.is_secure_address(WEB);
}

#[tokio::test(start_paused = true)]
async fn dnames_that_grow_a_name_or_loop_end() {
    let sim = Sim::new(
        world().zone(site("loop.org.").record("a DNAME b").record("b DNAME a").record("g DNAME x.y.g")),
    );
    for question in ["www.a.loop.org.", "www.g.loop.org."] {
        let reply = sim.ask_a(question).await;
        assert!(matches!(reply.rcode(), Rcode::SERVFAIL | Rcode::YXDOMAIN), "{question}");
        assert!(reply.packets <= 20, "{question}: {}", reply.packets);
    }
}

#[tokio::test(start_paused = true)]
async fn no_composition_of_tricks_passes_the_packet_limit() {
    // CAMP: many servers, each to be looked up, each failing, at each link of a chain.
    let mut evil = Zone::new("evil.org.").unsigned();
    for link in 0..10 {
        for host in 0..10 {
            evil = evil.record(&format!("z{link} NS n{link}-{host}.victim.net."));
        }
    }
    let mut victim = Zone::new("victim.net.").unsigned();
    for link in 0..10 {
        for host in 0..10 {
            victim = victim.record(&format!("n{link}-{host} A 198.18.250.{}", link * 10 + host));
        }
    }
    let mut whole = world().zone(evil).zone(victim);
    for link in 0..10 {
        let mut zone = Zone::new(&format!("z{link}.evil.org.")).unsigned().undelegated();
        for host in 0..10 {
            let address = format!("198.18.250.{}", link * 10 + host);
            zone = zone.server(&format!("n{link}-{host}.victim.net."), &[&address]);
        }
        zone = zone.record(&format!("w CNAME w.z{}.evil.org.", link + 1));
        for place in 0..9 {
            zone = zone.fault_at(place, Fault::Says(Rcode::SERVFAIL));
        }
        whole = whole.zone(zone);
    }
    let sim = Sim::new(whole);
    let reply = sim.ask_a("w.z0.evil.org.").await;
    assert!(reply.packets <= cap(Limit::Packets), "{}", reply.packets);
    assert!(reply.took <= Duration::from_secs(11), "{:?}", reply.took);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_packets_end_a_question_that_gets_on() {
    // Each link of a chain is told after twenty refusals.
    let chain = (0..9).fold(world().zone(site("l9.org.")), |world, link| {
        let next = if link == 8 { "www.l9.org.".to_owned() } else { format!("www.l{}.org.", link + 1) };
        let refusals = AtomicU32::new(0);
        let late = Fault::rewrites(move |_, reply| {
            if refusals.fetch_add(1, Ordering::Relaxed) < 20 {
                reply.header.rcode = Rcode::REFUSED;
                reply.answer.clear();
            }
        });
        let mut zone = Zone::new(&format!("l{link}.org.")).unsigned().record(&format!("www CNAME {next}"));
        for host in 0..13 {
            let addresses = [1, 2].map(|last| format!("198.18.{}.{}", 100 + link, 2 * host + last));
            zone = zone.server(&format!("ns{host}"), &[&addresses[0], &addresses[1]]);
        }
        world.zone(zone.fault(late))
    });
    // Each packet goes to another address: that has a limit of its own.
    let sim = Sim::with(chain, |options| options.caps = options.caps.clone().with(Limit::Addresses, 200));
    sim.ask_a("www.l7.org.").await.is_address(WEB);
    let reply = sim.ask_a("www.l0.org.").await;
    assert_eq!((reply.rcode(), reply.packets), (Rcode::SERVFAIL, 100), "{}", reply.text());
}

#[tokio::test(start_paused = true)]
async fn a_quarter_of_a_mebibyte_ends_a_question_that_gets_on() {
    // Each link comes with some sixty kilobytes of something else, over TCP.
    let long = |link: u32| {
        let zone = format!("l{link}.org.");
        let next = if link == 6 { "www.l7.org.".to_owned() } else { format!("www.l{}.org.", link + 1) };
        let fat = Fault::rewrites(|_, reply| {
            let mut fat = Rrset::new(name("fat.org."), RecordType::TXT, 60);
            fat.rdatas.push(&[[255; 256].as_slice(); 240].concat());
            reply.additional.push(fat);
        });
        Zone::new(&zone).unsigned().record(&format!("www CNAME {next}")).fault(fat).fault(Fault::Truncates)
    };
    let sim = Sim::new((0..7).fold(world().zone(site("l7.org.")), |world, link| world.zone(long(link))));
    sim.ask_a("www.l5.org.").await.is_address(WEB);
    let reply = sim.ask_a("www.l0.org.").await;
    assert_eq!(reply.rcode(), Rcode::SERVFAIL);
    assert!(reply.text().contains("kibibytes"), "{}", reply.text());
}

#[tokio::test(start_paused = true)]
async fn of_fifteen_hundred_servers_few_are_considered() {
    // NRDelegation: the referral comes over TCP.
    let mut org = Zone::new("org.");
    for host in 0..1_500 {
        org = org.record(&format!("many NS n{host}.dead.net."));
    }
    let sim = Sim::new(world().zone(org).zone(Zone::new("dead.net.").fault(Fault::Dead)));
    let reply = sim.ask_a("www.many.org.").await;
    assert_eq!(reply.rcode(), Rcode::SERVFAIL);
    assert!(reply.packets <= 50, "{}", reply.packets);
}

#[tokio::test(start_paused = true)]
async fn an_address_that_many_names_share_is_asked_as_one() {
    let addresses: Vec<String> = (1..=13).map(|last| format!("198.18.240.{last}")).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let zone = (0..10)
        .fold(site("shared.org.").unsigned(), |zone, host| zone.server(&format!("ns{host}"), &addresses));
    let sim = Sim::new(world().zone(zone.fault(Fault::Says(Rcode::REFUSED))));
    assert_eq!(sim.ask_a("www.shared.org.").await.rcode(), Rcode::SERVFAIL);
    for address in &addresses {
        let sent = sim.network.sent_to(address.parse().unwrap());
        assert!(sent <= 2, "{address}: {sent}");
    }
}

#[tokio::test(start_paused = true)]
async fn this_host_and_its_like_are_never_asked() {
    for address in [
        "127.0.0.1",
        "127.8.9.10",
        "0.0.0.0",
        "::1",
        "::",
        "::ffff:127.0.0.1",
        "224.0.0.1",
        "255.255.255.255",
    ] {
        let zone = site("evil.org.").unsigned().server("ns", &[address]);
        let sim = Sim::new(world().zone(zone));
        assert_eq!(sim.ask_a("www.evil.org.").await.rcode(), Rcode::SERVFAIL, "{address}");
        assert_eq!(sim.network.sent_to(address.parse().unwrap()), 0, "{address}");
    }
}

#[tokio::test(start_paused = true)]
async fn zones_that_need_each_other_cost_little_however_often_they_are_asked() {
    // TsuNAME.
    let sim = Sim::new(
        world()
            .zone(site("one.org.").server("ns.two.net.", &["198.18.99.1"]))
            .zone(site("two.net.").server("ns.one.org.", &["198.18.99.2"])),
    );
    for label in 0..20 {
        sim.ask_a(&format!("n{label}.one.org.")).await;
    }
    let above = sim.network.sent_to(sim.server("org.")) + sim.network.sent_to(sim.server("net."));
    assert!(above <= 24, "{above}");
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_remembered_and_not_asked_again_at_once() {
    let sim = Sim::new(world().zone(site("dead.org.").fault(Fault::Dead)));
    assert_eq!(sim.ask_a("www.dead.org.").await.rcode(), Rcode::SERVFAIL);
    for _ in 0..100 {
        let again = sim.ask_a("www.dead.org.").await;
        assert_eq!((again.rcode(), again.packets), (Rcode::SERVFAIL, 0));
    }
    sim.change(&world().zone(site("dead.org.")));
    sim.pass(u64::from(limits::FAILURE_TTL_SECS_MAX) + 1).await;
    sim.ask_a("www.dead.org.").await.is_secure_address(WEB);
}

#[tokio::test(start_paused = true)]
async fn a_question_never_takes_much_longer_than_ten_seconds() {
    let zone = site("slow.org.").servers(8).fault(Fault::Slow(Duration::from_secs(9)));
    let reply = Sim::new(world().zone(zone)).ask_a("www.slow.org.").await;
    let most = Duration::from_millis(u64::from(Limit::Milliseconds.default_cap()) + 1_000);
    assert!(reply.took <= most, "{:?}", reply.took);
}

#[tokio::test(start_paused = true)]
async fn a_name_of_a_hundred_labels_takes_ten_steps_at_most_at_its_zone() {
    let long = format!("{}deep.org.", "a.".repeat(100));
    let sim = Sim::new(world().zone(Zone::new("deep.org.").record(&format!("{long} A 192.0.2.80"))));
    sim.ask_a(&long).await.is_secure_address(WEB);
    let sent = sim.network.sent_to(sim.server("deep.org."));
    assert!(sent <= limits::MINIMISE_STEPS_MAX + 3, "{sent}");
}

#[tokio::test(start_paused = true)]
async fn a_ds_far_below_any_zone_is_found_absent_with_few_questions() {
    let long = format!("{}deep.org.", "a.".repeat(100));
    let sim =
        Sim::new(world().zone(Zone::new("deep.org.").unsigned().record(&format!("{long} A 192.0.2.80"))));
    let reply = sim.ask(&long, RecordType::DS).await;
    assert_eq!(reply.rcode(), Rcode::NOERROR, "{}", reply.text());
    assert!(reply.packets <= 25, "{}", reply.packets);
}

#[tokio::test(start_paused = true)]
async fn after_sixty_four_forgeries_the_question_is_asked_over_tcp_and_not_before() {
    let over_udp = |fault| Fault::Over(Transport::Udp, Box::new(fault));
    for (forgeries, tcp) in [(50, false), (100, true)] {
        let zone = site("example.org.").fault(over_udp(Fault::Flood(Junk::WrongId, forgeries)));
        let sim = Sim::new(world().zone(zone));
        sim.ask_a("www.example.org.").await.is_secure_address(WEB);
        assert_eq!(sim.network.log().iter().any(|sent| sent.local_port == 0), tcp, "{forgeries}");
    }
}

#[tokio::test(start_paused = true)]
async fn many_keys_with_one_tag_and_many_signatures_cost_little() {
    // KeyTrap, as far as keys can be had: each key and signature is published many times over.
    let keys: Vec<KeySpec> = (0..20).map(|_| KeySpec::combined(15)).collect();
    let multiply = Fault::rewrites(|_, reply| {
        for rrset in &mut reply.answer {
            let one: Vec<Vec<u8>> = rrset.signatures.iter().map(<[u8]>::to_vec).collect();
            for turn in 0..20_u8 {
                for rdata in &one {
                    let mut forged = rdata.clone();
                    forged.last_mut().into_iter().for_each(|octet| *octet ^= turn + 1);
                    rrset.signatures.push(&forged);
                }
            }
        }
    });
    let sim = Sim::new(world().zone(site("trap.org.").keys(&keys).fault(multiply)));
    let context = sim.service.silent_context();
    let question = Question::new(name("www.trap.org."), RecordType::A);
    // Whatever is made of it, it is made with a bounded number of verifications.
    sim.service.answer(&question, false, &context).await.ok();
    let spent = context.budget.spent(Limit::Verifications);
    assert!(spent > 0 && spent <= Limit::Verifications.default_cap(), "{spent}");
}

#[tokio::test(start_paused = true)]
async fn of_many_servers_with_bogus_answers_three_others_are_heard() {
    let zone = site("example.org.").servers(10).flaw_at("www", RecordType::A, Flaw::BitFlipped);
    let sim = Sim::new(world().zone(zone));
    sim.ask_a("www.example.org.").await.is_failure(EdeCode::DNSSEC_BOGUS);
    let www = name("www.example.org.");
    let log = sim.network.log();
    let asked = log.iter().filter_map(|sent| sent.question()).filter(|question| question.name == www);
    // At the zone itself; its parent's servers may be told the name too.
    assert_eq!(asked.filter(|question| question.rtype == RecordType::A).count(), 1 + 3);
}

#[tokio::test(start_paused = true)]
async fn an_rrset_of_more_records_than_anybody_needs_is_not_taken() {
    let many = (0..700).fold(Zone::new("big.org."), |zone, last| {
        zone.record(&format!("many A 10.1.{}.{}", last / 250, last % 250))
    });
    let sim = Sim::new(world().zone(many.record("www A 192.0.2.80")));
    let reply = sim.ask_a("many.big.org.").await;
    assert_eq!(reply.rcode(), Rcode::SERVFAIL);
    sim.ask_a("www.big.org.").await.is_secure_address(WEB);
}

#[tokio::test(start_paused = true)]
async fn caches_keep_within_their_octets() {
    let sim =
        Sim::with(world().zone(Zone::new("wide.org.").record("* TXT \"something to keep\"")), |options| {
            options.cache_bytes = 1 << 20;
            options.aggressive_nsec = false;
        });
    for label in 0..4_000 {
        sim.ask(&format!("a-rather-long-label-{label}.wide.org."), RecordType::TXT).await;
    }
    let bytes = sim.store.answers.bytes()
        + sim.store.failures.bytes()
        + sim.store.zones.bytes()
        + sim.store.addresses.bytes()
        + sim.store.delegations.bytes()
        + sim.store.servers.bytes();
    assert!(bytes <= 1 << 20, "{bytes}");
    assert!(sim.store.answers.len() > 100);
}

#[tokio::test(start_paused = true)]
async fn truncating_servers_cost_a_bounded_number_of_connections() {
    let zone = site("tc.org.").servers(20).fault(Fault::Truncates).fault(Fault::TcpCloses);
    let sim = Sim::new(world().zone(zone));
    assert_eq!(sim.ask_a("www.tc.org.").await.rcode(), Rcode::SERVFAIL);
    let tcp = sim.network.log().into_iter().filter(|sent| sent.local_port == 0).count();
    assert!(tcp <= cap(Limit::TcpFallbacks), "{tcp}");
}

#[tokio::test(start_paused = true)]
async fn lookups_of_name_servers_within_each_other_go_five_deep() {
    // z0 is served by ns.z1, z1 by ns.z2 …: each zone without an address until the last.
    fn chain(length: usize) -> World {
        let last = format!("z{length}.org.");
        (0..length).fold(world().zone(Zone::new(&last)), |world, step| {
            let host = format!("ns.z{}.org.", step + 1);
            let address = format!("198.18.230.{}", step + 1);
            world.zone(site(&format!("z{step}.org.")).unsigned().server(&host, &[&address]))
        })
    }
    Sim::new(chain(4)).ask_a("www.z0.org.").await.is_address(WEB);
    let reply = Sim::new(chain(12)).ask_a("www.z0.org.").await;
    assert_eq!(reply.rcode(), Rcode::SERVFAIL);
    assert!(reply.packets <= 60, "{}", reply.packets);
}

#[tokio::test(start_paused = true)]
async fn forged_errors_do_not_change_what_is_known_of_a_server() {
    // Wrong ids: off-path forgeries of every code before each answer.
    let forge = Fault::RewritesOctets(Arc::new(|_, reply| {
        let mut datagrams = Vec::new();
        for rcode in [1_u8, 2, 4, 5, 9] {
            let mut forged = reply.to_vec();
            forged[0] ^= 0x80;
            forged[3] = rcode;
            datagrams.push(forged);
        }
        datagrams.push(reply.to_vec());
        datagrams
    }));
    let sim = Sim::new(world().zone(site("example.org.").fault(forge)));
    for label in 0..20 {
        let reply = sim.ask_a(&format!("n{label}.example.org.")).await;
        assert!(reply.rcode() == Rcode::NXDOMAIN && reply.secure());
    }
    let log = sim.network.log();
    assert!(log.iter().all(|sent| sent.query.as_ref().unwrap().edns.is_some()), "EDNS was never given up");
}

#[tokio::test(start_paused = true)]
async fn a_failing_name_says_why() {
    let sim = Sim::new(world().zone(site("dead.org.").fault(Fault::Dead)));
    let reply = sim.ask_a("www.dead.org.").await;
    assert_eq!(reply.ede(), Some(EdeCode::NO_REACHABLE_AUTHORITY));
    let server: IpAddr = sim.server("dead.org.");
    assert!(reply.text().contains(&server.to_string()), "{}", reply.text());
}
