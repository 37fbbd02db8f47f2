//! More questions than can be answered: floods from clients, servers that do not answer or answer late. Those who ask
//! for something else are to notice nothing.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rootwalk::dns::edns::Edns;
use rootwalk::dns::encode::encode_query;
use rootwalk::dns::message::Message;
use rootwalk::dns::response::Transport;
use rootwalk::dns::{Question, Rcode, RecordType};
use rootwalk::lab::{Fault, World, Zone};
use rootwalk::service::Client;
use tokio::task::JoinSet;

use crate::harness::{Reply, Sim, name, seed};

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
        let sim = Arc::new(Sim::new(world().zone(dead).zone(site("good.net."))));
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
    let sim = Arc::new(Sim::new(world().zone(site("fresh.org."))));
    let mut burst = JoinSet::new();
    for number in 0..2_000 {
        let sim = Arc::clone(&sim);
        burst.spawn(async move { sim.ask_a(&format!("n{number}.fresh.org.")).await });
    }
    let (good, all, p95) = summary(burst.join_all().await, Rcode::NXDOMAIN);
    assert!(good == all && p95 < Duration::from_millis(300), "{good} of {all}, p95 {p95:?}");
}

#[tokio::test(start_paused = true)]
async fn servers_that_answer_after_three_seconds_harm_nobody_else() {
    let slow = site("slow.org.").servers(2).fault(Fault::Slow(Duration::from_secs(3)));
    let sim = Arc::new(Sim::new(world().zone(slow).zone(site("good.net."))));
    let (replies, flood) = flood(&sim, "slow.org.", "good.net.").await;
    let (good, all, p95) = summary(replies, Rcode::NXDOMAIN);
    assert!(good * 100 >= all * 99 && p95 < Duration::from_millis(100), "{good} of {all}, p95 {p95:?}");
    flood.join_all().await;
}
