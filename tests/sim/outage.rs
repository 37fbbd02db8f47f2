//! This host is cut off, wholly or in one family, and then it is not: what clients notice of it.

use std::sync::Arc;
use std::time::Duration;

use rootwalk::clock::Moment;
use rootwalk::dns::edns::EdeCode;
use rootwalk::dns::{Rcode, RecordType};
use rootwalk::lab::{Cut, Fault, World, Zone};
use tokio::task::JoinSet;

use crate::harness::{Sim, seed};

const WEB: [u8; 4] = [192, 0, 2, 80];
/// Zones that are in use before the network is lost, and that are asked for the first time after.
const WARM: u64 = 8;
const COLD: u64 = 8;
/// What a name costs when nothing of it is known, with some room: every exchange takes 20 ms.
const NORMAL: Duration = Duration::from_millis(300);

fn site(zone: &str) -> Zone {
    Zone::new(zone).record("www A 192.0.2.80").record("*.w A 192.0.2.80").servers(2)
}

/// Everything has two servers; those of two zones are dead.
fn world() -> World {
    let root = Zone::new(".").servers(3);
    let world = World::new(seed()).zone(root).zone(Zone::new("org.").servers(2));
    let world = (0..WARM).fold(world, |world, one| world.zone(site(&format!("warm{one}.org."))));
    let world = (0..COLD).fold(world, |world, one| world.zone(site(&format!("cold{one}.org."))));
    (0..2).fold(world, |world, one| world.zone(site(&format!("dead{one}.org.")).fault(Fault::Dead)))
}

/// The same, with each server at an IPv4 and an IPv6 address.
fn dual_world() -> World {
    let dual = |zone: Zone, number: u64| {
        (1..3).fold(zone, |zone, host| {
            let (ipv4, ipv6) = (format!("198.18.{number}.{host}"), format!("2001:db8:{number}::{host}"));
            zone.server(&format!("ns{host}"), &[&ipv4, &ipv6])
        })
    };
    let world = World::new(seed()).zone(dual(Zone::new("."), 1)).zone(dual(Zone::new("org."), 2));
    let world =
        (0..WARM).fold(world, |world, one| world.zone(dual(site(&format!("warm{one}.org.")), 10 + one)));
    (0..COLD).fold(world, |world, one| world.zone(dual(site(&format!("cold{one}.org.")), 30 + one)))
}

fn start(world: World) -> Arc<Sim> {
    let sim = Arc::new(Sim::asking(world));
    sim.watch();
    sim
}

async fn warm_up(sim: &Sim) {
    for zone in 0..WARM {
        sim.ask_a(&format!("www.warm{zone}.org.")).await.is_secure_address(WEB);
    }
    // More than the time that makes silence suspicious.
    sim.pass(5).await;
}

/// What clients met.
#[derive(Debug, Default)]
struct Seen {
    asked: usize,
    answered: usize,
    slowest: Duration,
}

/// Clients ask ten times a second for names of warm, cold and dead zones, each name for the first time.
async fn crowd(sim: &Arc<Sim>, seconds: u64, tag: &str) -> Seen {
    ask_each(sim, Duration::from_millis(100), seconds * 10, tag).await
}

async fn ask_each(sim: &Arc<Sim>, pause: Duration, times: u64, tag: &str) -> Seen {
    let mut asking = JoinSet::new();
    for turn in 0..times {
        let zone = match turn % 5 {
            0 | 1 => format!("warm{}", turn % WARM),
            2 | 3 => format!("cold{}", turn % COLD),
            _ => format!("dead{}", turn % 2),
        };
        let (sim, name) = (Arc::clone(sim), format!("{tag}{turn}.w.{zone}.org."));
        asking.spawn(async move { sim.ask_a(&name).await });
        tokio::time::sleep(pause).await;
    }
    let mut seen = Seen::default();
    while let Some(reply) = asking.join_next().await {
        let reply = reply.unwrap();
        seen.asked += 1;
        seen.answered += usize::from(reply.rcode() == Rcode::NOERROR);
        seen.slowest = seen.slowest.max(reply.took);
    }
    seen
}

/// The most packets that were sent within one second, from `from` on.
fn busiest_second(sim: &Sim, from: Moment) -> usize {
    let sent: Vec<u64> =
        sim.network.log().iter().filter(|sent| sent.at >= from).map(|sent| sent.at.secs()).collect();
    sent.chunk_by(|one, next| one == next).map(<[u64]>::len).max().unwrap_or(0)
}

/// Every name is answered as fast as if nothing had been, and none but the dead zones' fails.
async fn all_is_well(sim: &Arc<Sim>, tag: &str) {
    let mut asking = JoinSet::new();
    for (kind, count) in [("warm", WARM), ("cold", COLD)] {
        for zone in 0..count {
            for owner in ["www".to_owned(), format!("{tag}.w")] {
                let (sim, name) = (Arc::clone(sim), format!("{owner}.{kind}{zone}.org."));
                asking.spawn(async move { (sim.ask_a(&name).await, name) });
            }
        }
    }
    while let Some(done) = asking.join_next().await {
        let (reply, name) = done.unwrap();
        assert_eq!(reply.rcode(), Rcode::NOERROR, "{name}: {}", reply.text());
        reply.is_secure_address(WEB);
        assert!(reply.took <= NORMAL, "{name}: {:?}", reply.took);
    }
}

#[tokio::test(start_paused = true)]
async fn an_hour_without_a_network_is_over_within_a_second() {
    for (pause_ms, times, how) in
        [(100, 600, Cut::Blackhole), (100, 600, Cut::NoRoute), (1_100, 3_300, Cut::Blackhole)]
    {
        let sim = start(world());
        warm_up(&sim).await;
        sim.network.cut(how);
        let onset = crowd(&sim, 10, "a").await;
        assert!(onset.slowest <= Duration::from_secs(5), "{how:?}: {onset:?}");
        sim.network.clear_log();
        let from = sim.clock.now();
        let during = ask_each(&sim, Duration::from_millis(pause_ms), times, "b").await;
        assert_eq!(during.answered, 0);
        assert!(during.slowest <= Duration::from_millis(800), "{how:?}: {during:?}");
        assert!(busiest_second(&sim, from) <= 24, "{}", busiest_second(&sim, from));
        let reply = sim.ask_a("www.cold0.org.").await;
        reply.is_failure(EdeCode::NETWORK_ERROR);
        assert!(reply.text().contains("no server has answered for"), "{}", reply.text());
        sim.network.mend();
        sim.pass(1).await;
        all_is_well(&sim, "c").await;
    }
}

#[tokio::test(start_paused = true)]
async fn after_five_days_without_a_network_the_first_questions_are_answered() {
    let sim = start(world());
    warm_up(&sim).await;
    sim.network.cut(Cut::Blackhole);
    crowd(&sim, 10, "a").await;
    for hour in 0..120 {
        // All that was known ends meanwhile.
        tokio::time::advance(Duration::from_secs(3_600)).await;
        let seen = crowd(&sim, 2, &format!("h{hour}-")).await;
        assert!(seen.answered == 0 && seen.slowest <= Duration::from_millis(800), "{seen:?}");
    }
    sim.network.mend();
    // Nobody waits for anything: the first question finds out by itself.
    let first = sim.ask_a("www.cold0.org.").await;
    first.is_secure_address(WEB);
    assert!(first.took <= NORMAL, "{:?}", first.took);
    all_is_well(&sim, "c").await;
}

#[tokio::test(start_paused = true)]
async fn a_process_that_starts_without_a_network_works_when_it_comes() {
    for how in [Cut::Blackhole, Cut::NoRoute] {
        let sim = start(world());
        sim.network.cut(how);
        crowd(&sim, 60, "a").await;
        let reply = sim.ask_a("www.cold0.org.").await;
        assert!(reply.text().contains("since the start"), "{}", reply.text());
        sim.network.mend();
        sim.pass(1).await;
        all_is_well(&sim, "b").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_lone_question_every_now_and_then_finds_the_network_back_at_once() {
    let sim = start(world());
    warm_up(&sim).await;
    sim.network.cut(Cut::Blackhole);
    for turn in 0..60 {
        assert_eq!(sim.ask_a(&format!("n{turn}.w.warm0.org.")).await.rcode(), Rcode::SERVFAIL);
        sim.pass(20).await;
    }
    sim.network.mend();
    all_is_well(&sim, "b").await;
}

#[tokio::test(start_paused = true)]
async fn a_link_that_comes_and_goes_leaves_nothing_behind() {
    let sim = start(world());
    warm_up(&sim).await;
    for flap in 0..30 {
        sim.network.cut(if flap % 3 == 0 { Cut::NoRoute } else { Cut::Blackhole });
        crowd(&sim, 1 + flap % 7, &format!("a{flap}-")).await;
        sim.network.mend();
        sim.pass(1).await;
        all_is_well(&sim, &format!("b{flap}")).await;
    }
}

fn family_of(sent: &rootwalk::lab::link::Sent) -> usize {
    usize::from(sent.server.is_ipv6())
}

/// Packets by IPv4 and by IPv6.
fn by_family(sim: &Sim) -> [usize; 2] {
    let mut count = [0, 0];
    for sent in sim.network.log() {
        count[family_of(&sent)] += 1;
    }
    count
}

#[tokio::test(start_paused = true)]
async fn a_family_that_never_worked_costs_no_client_a_second() {
    for (broken, how) in
        [(true, Cut::Blackhole), (true, Cut::NoRoute), (false, Cut::Blackhole), (false, Cut::NoRoute)]
    {
        let sim = start(dual_world());
        sim.network.cut_family(broken, how);
        let mut took = Vec::new();
        for zone in 0..WARM {
            let reply = sim.ask_a(&format!("www.warm{zone}.org.")).await;
            reply.is_secure_address(WEB);
            took.push(reply.took);
        }
        let slowest = took.iter().max().unwrap();
        assert!(*slowest <= Duration::from_millis(700), "ipv6 {broken}, {how:?}: {took:?}");
        sim.pass(3).await;
        for zone in 0..COLD {
            let reply = sim.ask_a(&format!("www.cold{zone}.org.")).await;
            assert!(reply.took <= NORMAL, "known by then: {:?}", reply.took);
            sim.pass(1).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_family_that_is_lost_and_comes_back_is_used_again() {
    for (lost, how) in [(true, Cut::Blackhole), (true, Cut::NoRoute), (false, Cut::Blackhole)] {
        let sim = start(dual_world());
        warm_up(&sim).await;
        sim.network.cut_family(lost, how);
        let mut slowest = Duration::ZERO;
        for turn in 0..600 {
            let zone = if turn < 300 { "warm" } else { "cold" };
            let reply = sim.ask_a(&format!("n{turn}.w.{zone}{}.org.", turn % 8)).await;
            reply.is_secure_address(WEB);
            slowest = slowest.max(reply.took);
            sim.pass(1).await;
        }
        assert!(slowest <= Duration::from_secs(1), "ipv6 {lost}, {how:?}: {slowest:?}");
        sim.network.mend();
        // A root server is asked once a minute at the least.
        sim.pass(61).await;
        sim.network.clear_log();
        all_is_well(&sim, "c").await;
        let used = by_family(&sim);
        assert!(used[0] > 10 && used[1] > 10, "{used:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn both_families_lost_come_back_at_once() {
    let sim = start(dual_world());
    warm_up(&sim).await;
    sim.network.cut(Cut::Blackhole);
    crowd(&sim, 60, "a").await;
    let reply = sim.ask_a("www.cold0.org.").await;
    reply.is_failure(EdeCode::NETWORK_ERROR);
    sim.network.mend();
    sim.pass(1).await;
    sim.network.clear_log();
    all_is_well(&sim, "b").await;
    let used = by_family(&sim);
    assert!(used[0] > 10 && used[1] > 10, "{used:?}");
}

#[tokio::test(start_paused = true)]
async fn names_in_a_lost_family_alone_are_answered_when_it_is_back() {
    let world = dual_world().zone(site("six.org.").server("ns1.six.org.", &["2001:db8:99::1"]));
    let sim = start(world);
    warm_up(&sim).await;
    sim.network.cut_family(true, Cut::Blackhole);
    for turn in 0..40 {
        let reply = sim.ask_a(&format!("n{turn}.w.six.org.")).await;
        assert_eq!(reply.rcode(), Rcode::SERVFAIL);
        assert_eq!(sim.ask_a("www.six.org.").await.rcode(), Rcode::SERVFAIL);
        sim.pass(10).await;
    }
    sim.network.mend();
    let first = sim.ask_a("first.w.six.org.").await;
    first.is_secure_address(WEB);
    assert!(first.took <= NORMAL, "{:?}", first.took);
    sim.ask_a("www.six.org.").await.is_secure_address(WEB);
}

#[tokio::test(start_paused = true)]
async fn half_of_the_servers_dead_for_ever_is_no_outage() {
    let half = |zone: &str| site(zone).fault_at(0, Fault::Dead);
    let world =
        World::new(seed()).zone(Zone::new(".").servers(4).fault_at(0, Fault::Dead).fault_at(1, Fault::Dead));
    let world = (0..WARM).fold(world, |world, one| world.zone(half(&format!("warm{one}.org."))));
    let sim = start(world);
    for turn in 0..2_000 {
        let reply = sim.ask_a(&format!("n{turn}.w.warm{}.org.", turn % WARM)).await;
        reply.is_secure_address(WEB);
        assert!(!sim.store.servers.uplink().is_offline());
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    // They are left alone as ever.
    let dead = (0..WARM).map(|zone| sim.network.sent_to(sim.server(&format!("warm{zone}.org."))));
    let dead: Vec<usize> = dead.collect();
    assert!(dead.iter().sum::<usize>() < 400, "{dead:?}");
}

#[tokio::test(start_paused = true)]
async fn questions_for_dead_zones_never_make_a_quiet_resolver_offline() {
    // The attacker's servers answer first, and then not.
    let evil = |fault: Option<Fault>| {
        let root = Zone::new(".").servers(3);
        (0..20).fold(World::new(seed()).zone(root).zone(site("warm0.org.")), |world, one| {
            let zone = site(&format!("evil{one}.org."));
            world.zone(fault.iter().fold(zone, |zone, fault| zone.fault(fault.clone())))
        })
    };
    let sim = start(evil(None));
    for zone in 0..20 {
        sim.ask_a(&format!("www.evil{zone}.org.")).await.is_secure_address(WEB);
    }
    for fault in [Fault::Dead, Fault::NoRoute, Fault::PortClosed] {
        sim.change(&evil(Some(fault)));
        let mut asking = JoinSet::new();
        let root: Vec<_> =
            sim.network.internet().hints().into_iter().flat_map(|(_, addresses)| addresses).collect();
        sim.network.clear_log();
        for turn in 0..600 {
            let sim = Arc::clone(&sim);
            asking.spawn(async move {
                let reply = sim.ask_a(&format!("n{turn}.w.evil{}.org.", turn % 20)).await;
                assert_ne!(
                    reply.ede(),
                    Some(EdeCode::NETWORK_ERROR).filter(|_| reply.text().contains("cut off"))
                );
                assert!(!sim.store.servers.uplink().is_offline());
            });
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        while let Some(done) = asking.join_next().await {
            done.unwrap();
        }
        let probes: usize = root.iter().map(|server| sim.network.sent_to(*server)).sum();
        assert!((10..60).contains(&probes), "one question to the root every two seconds: {probes}");
        let honest = sim.ask_a(&format!("{probes}.w.warm0.org.")).await;
        assert!(honest.took <= NORMAL);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_before_the_outage_is_still_remembered() {
    let sim = start(world());
    warm_up(&sim).await;
    // Four times: it is remembered for more than half a minute.
    for _ in 0..4 {
        assert_eq!(sim.ask_a("www.dead0.org.").await.rcode(), Rcode::SERVFAIL);
        sim.pass(20).await;
    }
    assert_eq!(sim.ask_a("www.dead0.org.").await.rcode(), Rcode::SERVFAIL);
    sim.ask_a("n.w.warm0.org.").await.is_secure_address(WEB);
    sim.network.cut(Cut::Blackhole);
    crowd(&sim, 8, "a").await;
    sim.network.mend();
    sim.pass(1).await;
    let again = sim.ask_a("www.dead0.org.").await;
    assert_eq!((again.rcode(), again.packets), (Rcode::SERVFAIL, 0), "{}", again.text());
    assert_eq!(sim.ask("www.warm0.org.", RecordType::A).await.rcode(), Rcode::NOERROR);
}

#[tokio::test(start_paused = true)]
async fn servers_that_were_lame_for_a_moment_take_their_share_again_soon() {
    let moment = |fault: Option<Fault>| {
        let zone = site("warm0.org.");
        World::new(seed()).zone(fault.into_iter().fold(zone, |zone, fault| zone.fault_at(0, fault)))
    };
    for fault in [Fault::Lame, Fault::LameUpward, Fault::Says(Rcode::SERVFAIL)] {
        let sim = start(moment(Some(fault.clone())));
        for turn in 0..20 {
            sim.ask_a(&format!("a{turn}.w.warm0.org.")).await.is_secure_address(WEB);
        }
        sim.change(&moment(None));
        sim.pass(20).await;
        let server = sim.server("warm0.org.");
        let before = sim.network.sent_to(server);
        for turn in 0..40 {
            sim.ask_a(&format!("b{turn}.w.warm0.org.")).await.is_secure_address(WEB);
        }
        assert!(
            sim.network.sent_to(server) > before + 8,
            "{fault:?}: {}",
            sim.network.sent_to(server) - before
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_wrong_with_the_only_server_for_a_moment_is_over_in_seconds() {
    let bogus = Fault::rewrites(|_, reply| {
        for set in &mut reply.answer {
            set.signatures = rootwalk::dns::Rdatas::default();
        }
    });
    for fault in
        [Fault::Lame, Fault::Says(Rcode::SERVFAIL), Fault::Dead, Fault::SaysOnEdns(Rcode::FORMERR), bogus]
    {
        let zone = || Zone::new("one.org.").record("www A 192.0.2.80");
        let sim = start(World::new(seed()).zone(zone().fault(fault.clone())));
        assert_eq!(sim.ask_a("www.one.org.").await.rcode(), Rcode::SERVFAIL, "{fault:?}");
        sim.change(&World::new(seed()).zone(zone()));
        sim.pass(6).await;
        let reply = sim.ask_a("www.one.org.").await;
        assert!(reply.rcode() == Rcode::NOERROR && reply.secure(), "{fault:?}: {}", reply.text());
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_link_is_no_outage() {
    for millis in [700, 1_500] {
        let sim = start(world());
        for server in sim.network.internet().addresses() {
            sim.network.set_round_trip(server, Duration::from_millis(millis));
        }
        // Nothing is known of the link yet: this may take longer than one question lasts.
        for _ in 0..2 {
            sim.ask_a("www.warm0.org.").await;
            sim.pass(10).await;
        }
        for zone in 0..WARM {
            let reply = sim.ask_a(&format!("www.warm{zone}.org.")).await;
            reply.is_secure_address(WEB);
            assert!(!sim.store.servers.uplink().is_offline());
            sim.pass(10).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_link_that_becomes_slow_is_an_outage_once_at_most() {
    for (millis, lost_between) in [(700, false), (1_800, false), (1_800, true), (3_000, false)] {
        let sim = start(world());
        warm_up(&sim).await;
        if lost_between {
            sim.network.cut(Cut::Blackhole);
            crowd(&sim, 20, "a").await;
            sim.network.mend();
        }
        for server in sim.network.internet().addresses() {
            sim.network.set_round_trip(server, Duration::from_millis(millis));
        }
        crowd(&sim, 60, "b").await;
        for turn in 0..60 {
            sim.ask_a(&format!("c{turn}.w.warm{}.org.", turn % WARM)).await.is_secure_address(WEB);
            sim.pass(1).await;
        }
        let after = crowd(&sim, 20, "d").await;
        assert_eq!(after.answered, after.asked * 4 / 5, "{millis} ms: {after:?}");
        assert!(!sim.store.servers.uplink().is_offline());
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_server_that_had_no_address_for_a_moment_is_found_a_minute_later() {
    let none = Fault::rewrites(|question, reply| {
        if question.rtype == RecordType::A && !reply.answer.is_empty() {
            reply.answer.clear();
            reply.authority = vec![
                rootwalk::dns::Rrset::new("provider.net.".parse().unwrap(), RecordType::SOA, 86_400)
                    .with(&[[0; 2].as_slice(), &[0, 1, 81, 128].repeat(5)].concat()),
            ];
        }
    });
    let world = |fault: Option<Fault>| {
        let provider = Zone::new("provider.net.").unsigned();
        let provider = fault.into_iter().fold(provider, Zone::fault);
        let zone = site("one.org.").server("ns.provider.net.", &["198.18.99.1"]);
        World::new(seed()).zone(zone).zone(provider)
    };
    let sim = start(world(Some(none)));
    assert_eq!(sim.ask_a("www.one.org.").await.rcode(), Rcode::SERVFAIL);
    sim.change(&world(None));
    sim.pass(61).await;
    sim.ask_a("www.one.org.").await.is_secure_address(WEB);
}

#[tokio::test(start_paused = true)]
async fn an_idle_resolver_asks_nobody_but_a_family_that_is_down_once_a_minute() {
    let sim = start(dual_world());
    sim.network.cut_family(true, Cut::Blackhole);
    warm_up(&sim).await;
    sim.network.clear_log();
    sim.pass(3_600).await;
    let [ipv4, ipv6] = by_family(&sim);
    assert!(ipv4 <= 1 && (55..=65).contains(&ipv6), "{ipv4} {ipv6}");
    sim.network.mend();
    sim.pass(61).await;
    sim.network.clear_log();
    sim.pass(3_600).await;
    assert_eq!(by_family(&sim), [0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_flood_for_dead_zones_neither_fills_the_lost_link_nor_keeps_it_lost() {
    let sim = start(world());
    warm_up(&sim).await;
    sim.network.cut(Cut::Blackhole);
    crowd(&sim, 10, "a").await;
    sim.network.clear_log();
    let (from, flood) = (sim.clock.now(), Arc::clone(&sim));
    let flood = tokio::spawn(async move {
        for turn in 0..4_000 {
            let sim = Arc::clone(&flood);
            tokio::spawn(async move { sim.ask_a(&format!("f{turn}.w.dead{}.org.", turn % 2)).await });
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    sim.pass(10).await;
    assert!(busiest_second(&sim, from) <= 24, "{}", busiest_second(&sim, from));
    sim.network.mend();
    sim.pass(1).await;
    all_is_well(&sim, "b").await;
    assert!(!flood.is_finished());
}

#[tokio::test(start_paused = true)]
async fn what_was_known_before_is_served_stale_at_once_and_fresh_after() {
    let sim = start(world());
    warm_up(&sim).await;
    sim.network.cut(Cut::Blackhole);
    crowd(&sim, 10, "a").await;
    // Its time is an hour.
    sim.pass(3_700).await;
    for zone in 0..WARM {
        let reply = sim.ask_a(&format!("www.warm{zone}.org.")).await;
        reply.is_address(WEB);
        assert_eq!(reply.ede(), Some(EdeCode::STALE_ANSWER));
        assert!(reply.took <= Duration::from_millis(800), "{:?}", reply.took);
    }
    sim.network.mend();
    sim.pass(1).await;
    for zone in 0..WARM {
        let reply = sim.ask_a(&format!("www.warm{zone}.org.")).await;
        reply.is_secure_address(WEB);
        assert_eq!(reply.ede(), None, "{}", reply.text());
        assert!(reply.took <= NORMAL, "{:?}", reply.took);
    }
}

#[tokio::test(start_paused = true)]
async fn hours_that_pass_in_one_moment_leave_nothing_behind() {
    // A host that was suspended, where the clock runs on.
    for (hours, how) in [(0, None), (3, None), (3, Some(Cut::Blackhole)), (60, Some(Cut::NoRoute))] {
        let sim = start(world());
        warm_up(&sim).await;
        let mut asking = JoinSet::new();
        for turn in 0..200 {
            let (sim, name) =
                (Arc::clone(&sim), format!("s{turn}.w.{}{}.org.", ["warm", "cold"][turn % 2], turn % 8));
            asking.spawn(async move { sim.ask_a(&name).await });
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
        if let Some(how) = how {
            sim.network.cut(how);
        }
        tokio::time::advance(Duration::from_secs(hours * 3_600)).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        if how.is_some() {
            sim.pass(20).await;
            sim.network.mend();
            sim.pass(1).await;
        }
        asking.join_all().await;
        all_is_well(&sim, "a").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_portal_that_refuses_everything_is_forgotten_when_it_is_gone() {
    let all = |zone: Zone| zone.fault(Fault::Says(Rcode::REFUSED));
    let portal = || {
        let world =
            World::new(seed()).zone(all(Zone::new(".").servers(3))).zone(all(Zone::new("org.").servers(2)));
        let world = (0..WARM).fold(world, |world, one| world.zone(all(site(&format!("warm{one}.org.")))));
        let world = (0..COLD).fold(world, |world, one| world.zone(all(site(&format!("cold{one}.org.")))));
        (0..2).fold(world, |world, one| world.zone(site(&format!("dead{one}.org.")).fault(Fault::Dead)))
    };
    for warm in [true, false] {
        let sim = start(world());
        if warm {
            warm_up(&sim).await;
        }
        sim.change(&portal());
        crowd(&sim, 60, "p").await;
        sim.change(&world());
        all_is_well(&sim, "a").await;
        sim.pass(60).await;
        all_is_well(&sim, "b").await;
    }
}

#[tokio::test(start_paused = true)]
async fn name_servers_of_the_root_that_are_none_are_forgotten_when_they_are_silent() {
    // A network that answers for the root, and then another one.
    let portal = Fault::rewrites(|question, reply| {
        if question.name.is_root() && question.rtype == RecordType::NS {
            reply.additional.retain(|rrset| rrset.rtype == RecordType::A);
            for (host, rrset) in (0..).zip(&mut reply.additional) {
                *rrset = rootwalk::dns::Rrset::new(rrset.name.clone(), RecordType::A, 518_400)
                    .with(&[198, 18, 66, host]);
            }
        }
    });
    for (servers, pause_secs, round_trip) in [(3, 60, 20), (13, 60, 20), (13, 5, 20), (13, 60, 700)] {
        let root = || Zone::new(".").servers(servers);
        let sim = start(world().zone(root().fault(portal.clone())));
        for server in sim.network.internet().addresses() {
            sim.network.set_round_trip(server, Duration::from_millis(round_trip));
        }
        sim.ask_a("www.warm0.org.").await;
        sim.change(&world().zone(root()));
        for turn in 0..120 / pause_secs {
            sim.ask_a(&format!("n{turn}.w.warm1.org.")).await;
            sim.pass(pause_secs).await;
        }
        sim.ask_a("www.warm2.org.").await.is_secure_address(WEB);
    }
}
