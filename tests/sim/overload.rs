//! More questions than can be answered: floods from clients, servers that do not answer or answer late. Those who ask
//! for something else are to notice nothing.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rootwalk::dns::edns::{EdeCode, Edns};
use rootwalk::dns::encode::encode_query;
use rootwalk::dns::message::Message;
use rootwalk::dns::response::Transport;
use rootwalk::dns::{Question, Rcode, RecordType};
use rootwalk::lab::{Cut, Fault, World, Zone};
use rootwalk::limits;
use rootwalk::service::Client;
use rootwalk::service::overload::DropReason;
use tokio::task::JoinSet;

use crate::harness::{Ask, Reply, Sim, name, seed};

const WEB: [u8; 4] = [192, 0, 2, 80];

fn site(zone: &str) -> Zone {
    Zone::new(zone).record("www A 192.0.2.80")
}

fn world() -> World {
    World::new(seed())
}

/// Asks over UDP, as one of many clients. None: no reply.
async fn ask_udp(sim: &Sim, from: impl Into<IpAddr>, owner: &str) -> Option<Message> {
    let client = Client { address: SocketAddr::new(from.into(), 4_000), transport: Transport::Udp };
    let question = Question::new(name(owner), RecordType::A);
    let query = encode_query(77, &question, true, false, Some(&Edns::new(1_232, true)));
    let octets = sim.service.handle(&query, client).await?;
    Some(Message::parse(&octets).unwrap())
}

/// The `n`th of many clients.
fn client(n: usize) -> [u8; 4] {
    let [.., high, low] = u32::try_from(n).unwrap().to_be_bytes();
    [10, 1, high, low]
}

/// The packets sent to a zone's servers: all of them, and the most in any second.
fn sent_to(sim: &Sim, zone: &str) -> (usize, usize) {
    let servers = sim.network.internet().addresses_of(&name(zone));
    let log = sim.network.log();
    let sent: Vec<u64> =
        log.iter().filter(|sent| servers.contains(&sent.server)).map(|sent| sent.at.0).collect();
    let within = |start: &u64| sent.iter().filter(|at| (*start..*start + 1_000_000).contains(*at)).count();
    (sent.len(), sent.iter().map(within).max().unwrap_or(0))
}

/// How many of the replies are good, and the time within which 95 % of them came.
fn summary(mut replies: Vec<Reply>, expected: Rcode) -> (usize, usize, Duration) {
    replies.sort_by_key(|reply| reply.took);
    let good = replies.iter().filter(|reply| reply.rcode() == expected).count();
    (good, replies.len(), replies[replies.len() * 95 / 100].took)
}

/// Three thousand questions a second for four seconds, from many clients; `honest` is asked 25 times a second, as
/// names that nobody asked before.
async fn flood(sim: &Arc<Sim>, flooded: &'static str, honest: &'static str) -> (Vec<Reply>, JoinSet<()>) {
    let (mut flood, mut replies) = (JoinSet::new(), JoinSet::new());
    for turn in 0..4_000_usize {
        for number in 0..3 {
            let sim = Arc::clone(sim);
            flood.spawn(async move {
                let from = client((3 * turn + number) % 5_000);
                ask_udp(&sim, from, &format!("n{turn}-{number}.{flooded}")).await;
            });
        }
        if turn % 40 == 0 {
            let sim = Arc::clone(sim);
            replies.spawn(async move { sim.ask_a(&format!("n{turn}.{honest}")).await });
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    (replies.join_all().await, flood)
}

#[tokio::test(start_paused = true)]
async fn random_names_below_a_dead_zone_send_it_no_more_than_two_hundred_packets_a_second() {
    // Water torture (C20).
    for servers in [1, 4] {
        let dead = site("dead.org.").servers(servers).fault(Fault::Dead);
        let sim = Arc::new(Sim::asking(world().zone(dead).zone(site("good.net."))));
        let (replies, flood) = flood(&sim, "dead.org.", "good.net.").await;
        let (good, all, p95) = summary(replies, Rcode::NXDOMAIN);
        assert!(good * 100 >= all * 99 && p95 < Duration::from_millis(100), "{good} of {all}, p95 {p95:?}");
        let (sent, busiest) = sent_to(&sim, "dead.org.");
        eprintln!(
            "{servers} servers: {good} of {all} good, p95 {p95:?}, {sent} packets, {busiest} in the busiest second"
        );
        assert!(busiest <= 200, "{servers} servers: {busiest}");
        flood.join_all().await;
        sim.change(&world().zone(site("dead.org.").servers(servers)).zone(site("good.net.")));
        sim.ask_a("www.dead.org.").await.is_secure_address(WEB);
    }
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_names_at_a_zone_that_was_never_asked_is_answered() {
    let sim = Arc::new(Sim::asking(world().zone(site("fresh.org."))));
    let mut burst = JoinSet::new();
    for number in 0..2_000 {
        let sim = Arc::clone(&sim);
        let ask =
            Ask { from: client(number).into(), ..Ask::new(&format!("n{number}.fresh.org."), RecordType::A) };
        burst.spawn(async move { sim.ask_as(&ask).await });
    }
    let (good, all, p95) = summary(burst.join_all().await, Rcode::NXDOMAIN);
    assert!(good == all && p95 < Duration::from_millis(300), "{good} of {all}, p95 {p95:?}");
}

#[tokio::test(start_paused = true)]
async fn servers_that_answer_after_three_seconds_harm_nobody_else() {
    let slow = site("slow.org.").servers(2).fault(Fault::Slow(Duration::from_secs(3)));
    let sim = Arc::new(Sim::asking(world().zone(slow).zone(site("good.net."))));
    let (replies, flood) = flood(&sim, "slow.org.", "good.net.").await;
    let (good, all, p95) = summary(replies, Rcode::NXDOMAIN);
    assert!(good * 100 >= all * 99 && p95 < Duration::from_millis(100), "{good} of {all}, p95 {p95:?}");
    flood.join_all().await;
}

#[tokio::test(start_paused = true)]
async fn pulses_of_late_replies_are_small_and_none_is_older_than_two_seconds() {
    // DNSBomb (C8): ten thousand questions of one client, spread so that all would be answered at once.
    let after = |secs: u64| Fault::Slow(Duration::from_secs(secs));
    for (slow, answers) in [(after(5), false), (after(1), true)] {
        let sim = Arc::new(Sim::asking(world().zone(site("bomb.org.").fault(slow))));
        // The zone is known to be slow, and alive.
        sim.ask_a("www.bomb.org.").await;
        let mut pulse = JoinSet::new();
        for number in 0..10_000 {
            let sim = Arc::clone(&sim);
            pulse.spawn(async move {
                let asked = sim.clock.now();
                let reply = ask_udp(&sim, [10, 0, 0, 66], &format!("n{number}.bomb.org.")).await;
                reply.map(|_| (sim.clock.now(), sim.clock.now().since(asked)))
            });
            if number % 20 == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        let replies: Vec<_> = pulse.join_all().await.into_iter().flatten().collect();
        let oldest = replies.iter().map(|(_, age)| *age).max().unwrap_or_default();
        assert!(oldest <= Duration::from_millis(1_900), "{oldest:?}");
        let mut at: Vec<u64> = replies.iter().map(|(at, _)| at.0).collect();
        at.sort_unstable();
        let pulse =
            at.iter().map(|start| at.iter().filter(|at| (*start..start + 10_000).contains(*at)).count());
        let most = pulse.max().unwrap_or(0);
        let dropped: Vec<(&str, u64)> =
            sim.service.drops().all().map(|(why, count)| (why.word(), count)).collect();
        eprintln!(
            "{} replies, at most {most} in 10 ms, the oldest {oldest:?}; dropped: {dropped:?}",
            replies.len()
        );
        assert!(most <= limits::WAITING_PER_CLIENT_MAX, "{most}");
        assert_eq!(replies.len() as u64 + dropped.iter().map(|(_, count)| count).sum::<u64>(), 10_000);
        // Who asks anew is answered by what was learned.
        if answers {
            let again = ask_udp(&sim, [10, 0, 0, 66], "n7.bomb.org.").await.unwrap();
            assert_eq!(again.header.rcode, Rcode::NXDOMAIN);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn identical_questions_are_sent_once_whatever_their_flags_and_letter_case() {
    // A2: a forger gets one query to guess at.
    for crowd in [60, 500] {
        let sim = Arc::new(Sim::asking(world().zone(site("silent.org.").fault(Fault::Dead))));
        let mut asked = JoinSet::new();
        for number in 0..crowd {
            let sim = Arc::clone(&sim);
            asked.spawn(async move {
                let owner = if number % 3 == 0 { "WWW.Silent.oRg." } else { "www.silent.org." };
                let mut ask = Ask::new(owner, RecordType::A);
                (ask.checking_disabled, ask.dnssec_ok, ask.ad) =
                    (number % 2 == 0, number % 5 == 0, number % 7 == 0);
                sim.ask_as(&ask).await
            });
        }
        // Before the first one is given up.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let (www, server) = (name("www.silent.org."), sim.server("silent.org."));
        let log = sim.network.log();
        let in_flight = |rtype: RecordType| {
            let asks = |question: &Question| question.name == www && question.rtype == rtype;
            log.iter().filter(|sent| sent.server == server && sent.question().is_some_and(asks)).count()
        };
        assert_eq!(in_flight(RecordType::A), 1, "{crowd} questions");
        assert!(
            log.iter().filter(|sent| sent.server == server).count() <= 2,
            "the keys are asked for once as well"
        );
        for reply in asked.join_all().await {
            assert_eq!(reply.rcode(), Rcode::SERVFAIL);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_with_a_thousand_questions_under_way_is_not_heard_and_others_are() {
    let sim =
        Arc::new(Sim::asking(world().zone(site("dead.org.").fault(Fault::Dead)).zone(site("good.net."))));
    let mut asked = JoinSet::new();
    // Of one IPv4 address, and of all of an IPv6 /56.
    for number in 0..1_500_u16 {
        for from in [IpAddr::from([10, 0, 0, 66]), IpAddr::from([0x2001, 0xdb8, 0, number % 256, 0, 0, 0, 1])]
        {
            let sim = Arc::clone(&sim);
            asked.spawn(async move { ask_udp(&sim, from, &format!("n{number}.dead.org.")).await.is_some() });
        }
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(sim.service.drops().get(DropReason::WaitLimit), 1_000);
    // It gets what is known, and a neighbour is answered.
    sim.ask_a("www.good.net.").await.is_secure_address(WEB);
    assert!(ask_udp(&sim, [10, 0, 0, 66], "www.good.net.").await.is_some());
    assert!(ask_udp(&sim, [10, 0, 0, 66], "none.good.net.").await.is_none());
    assert!(ask_udp(&sim, [0x2001, 0xdb8, 0, 7, 0, 0, 0, 1], "none.good.net.").await.is_none());
    assert!(ask_udp(&sim, [0x2001, 0xdb8, 0, 256, 0, 0, 0, 1], "none.good.net.").await.is_some());
    // Anybody may have sent the datagrams: over a connection it is answered, unless there are as many, and then told.
    let by_tcp = |owner: &str| Ask { from: [10, 0, 0, 66].into(), ..Ask::new(owner, RecordType::A) };
    assert_eq!(sim.ask_as(&by_tcp("no.good.net.")).await.rcode(), Rcode::NXDOMAIN);
    for number in 0..1_000 {
        let (sim, ask) = (Arc::clone(&sim), by_tcp(&format!("t{number}.dead.org.")));
        asked.spawn(async move { sim.ask_as(&ask).await.rcode() == Rcode::SERVFAIL });
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let over_tcp = sim.ask_as(&by_tcp("nothing.good.net.")).await;
    over_tcp.is_failure(EdeCode::OTHER);
    assert!(over_tcp.text().contains("too many questions under way"), "{}", over_tcp.text());
    asked.join_all().await;
    assert!(ask_udp(&sim, [10, 0, 0, 66], "nothing.good.net.").await.is_some(), "its places are free again");
}

#[tokio::test(start_paused = true)]
async fn floods_of_distinct_slow_names_give_way_to_quick_ones() {
    // Twenty zones that answer after more than a second; 8,000 questions a second from many clients.
    let zones: Vec<String> = (0..20).map(|number| format!("s{number}.org.")).collect();
    let world =
        zones.iter().fold(world().zone(site("good.net.")), |world, zone| world.zone(site(zone).unsigned()));
    let sim = Arc::new(Sim::asking(world));
    for zone in &zones {
        sim.network.set_round_trip(sim.server(zone), Duration::from_millis(1_200));
        sim.ask_a(&format!("www.{zone}")).await.is_address(WEB);
    }
    let (mut flood, mut honest, mut most) = (JoinSet::new(), JoinSet::new(), 0);
    for turn in 0..2_000_usize {
        for number in 0..8 {
            let (sim, zone) = (Arc::clone(&sim), zones[(turn + number) % zones.len()].clone());
            flood.spawn(async move {
                let reply =
                    ask_udp(&sim, client(8 * turn + number), &format!("n{turn}-{number}.{zone}")).await;
                reply.map(|reply| reply.header.rcode)
            });
        }
        if turn % 40 == 0 {
            let sim = Arc::clone(&sim);
            honest.spawn(async move { sim.ask_a(&format!("n{turn}.good.net.")).await });
        }
        most = most.max(sim.service.in_flight());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let (good, all, p95) = summary(honest.join_all().await, Rcode::NXDOMAIN);
    let answered = flood.join_all().await.into_iter().filter(|rcode| *rcode == Some(Rcode::NXDOMAIN)).count();
    let gave_way = sim.service.gave_way();
    eprintln!(
        "{good} of {all} good, p95 {p95:?}; {most} under way, {gave_way} gave way, {answered} slow ones answered"
    );
    assert!(good * 100 >= all * 99 && p95 < Duration::from_millis(100), "{good} of {all}, p95 {p95:?}");
    assert!(most <= limits::FLIGHTS_MAX && gave_way > 0);
    assert_eq!(sim.service.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_answers_is_never_held_up_and_one_that_dies_is_let_go_within_its_own_time() {
    let live = || world().zone(site("busy.org.").unsigned()).zone(site("good.net."));
    let sim = Arc::new(Sim::asking(live()));
    let mut flood = JoinSet::new();
    let mut ask = |turn: usize| {
        let sim = Arc::clone(&sim);
        flood.spawn(async move {
            let ask = Ask {
                from: client(turn % 5_000).into(),
                ..Ask::new(&format!("n{turn}.busy.org."), RecordType::A)
            };
            sim.ask_as(&ask).await
        });
    };
    for turn in 0..3_000 {
        ask(turn);
        if turn % 3 == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    let (alive, _) = sent_to(&sim, "busy.org.");
    sim.change(&world().zone(site("busy.org.").unsigned().fault(Fault::Dead)).zone(site("good.net.")));
    for turn in 3_000..6_000 {
        ask(turn);
        if turn % 3 == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    let (all, _) = sent_to(&sim, "busy.org.");
    let good = flood.join_all().await.into_iter().filter(|reply| reply.rcode() == Rcode::NXDOMAIN).count();
    eprintln!("{good} answered; {alive} packets while it lived, {} in the second after", all - alive);
    assert!((2_900..=3_000).contains(&good), "{good}");
    assert!(all - alive <= 500, "{}", all - alive);
}

#[tokio::test(start_paused = true)]
async fn a_burst_after_an_outage_of_the_uplink_is_answered() {
    for how in [Cut::Blackhole, Cut::NoRoute] {
        let sim = Arc::new(Sim::asking(world().zone(site("busy.org.").unsigned().servers(2))));
        sim.watch();
        sim.ask_a("www.busy.org.").await.is_address(WEB);
        sim.pass(5).await;
        let mut during = JoinSet::new();
        sim.network.cut(how);
        for turn in 0..1_000 {
            let sim = Arc::clone(&sim);
            during.spawn(async move { ask_udp(&sim, client(turn), &format!("d{turn}.busy.org.")).await });
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        during.join_all().await;
        sim.network.mend();
        // Until the way out is found again.
        sim.pass(1).await;
        let mut burst = JoinSet::new();
        for turn in 0..1_000 {
            let sim = Arc::clone(&sim);
            let ask =
                Ask { from: client(turn).into(), ..Ask::new(&format!("n{turn}.busy.org."), RecordType::A) };
            burst.spawn(async move { sim.ask_as(&ask).await });
        }
        let (good, all, p95) = summary(burst.join_all().await, Rcode::NXDOMAIN);
        assert!(good == all && p95 < Duration::from_millis(300), "{good} of {all}, p95 {p95:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_what_a_zones_servers_pass_over_keeps_nobody_from_the_zone() {
    let odd = RecordType(65_280);
    let zone = site("picky.org.").servers(2).record("*.w A 192.0.2.80").fault(Fault::Dead.for_type(odd));
    let sim = Arc::new(Sim::asking(world().zone(zone)));
    let mut flood = JoinSet::new();
    for turn in 0..10_000_usize {
        let flooding = Arc::clone(&sim);
        flood.spawn(async move {
            let owner = format!("n{turn}.picky.org.");
            flooding.ask_as(&Ask { from: client(turn % 5_000).into(), ..Ask::new(&owner, odd) }).await;
        });
        if turn % 500 == 250 {
            sim.ask_a("www.picky.org.").await.is_secure_address(WEB);
            sim.ask_a(&format!("t{turn}.w.picky.org.")).await.is_secure_address(WEB);
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn that_a_zone_is_asked_enough_is_not_held_against_a_name() {
    let sim = Arc::new(Sim::asking(world().zone(site("dead.org.").unsigned().fault(Fault::Dead))));
    let mut flood = JoinSet::new();
    for turn in 0..2_000_usize {
        let flooding = Arc::clone(&sim);
        flood.spawn(async move { ask_udp(&flooding, client(turn), &format!("n{turn}.dead.org.")).await });
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let refused = sim.ask_a("www.dead.org.").await;
    assert_eq!((refused.rcode(), refused.packets), (Rcode::SERVFAIL, 0), "{}", refused.text());
    // The flood goes on to the end of what is under way, and the zone is back.
    sim.change(&world().zone(site("dead.org.").unsigned()));
    sim.pass(1).await;
    sim.ask_a("www.dead.org.").await.is_address(WEB);
}
