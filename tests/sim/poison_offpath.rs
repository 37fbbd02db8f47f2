//! Forgers who do not see the queries: what they send is neither believed nor remembered. The zones are unsigned, so
//! that no proof hides a mistake.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rootwalk::cache::servers::{CookieHabit, EdnsHabit, Standing};
use rootwalk::dns::edns::{Edns, EdnsOption};
use rootwalk::dns::encode::{encode, encode_query};
use rootwalk::dns::message::Message;
use rootwalk::dns::response::Transport;
use rootwalk::dns::{Question, Rcode, RecordType, Rrset};
use rootwalk::lab::{CookieWay, Fault, World, Zone};
use rootwalk::service::Client;

use crate::harness::{Ask, Sim, name, seed};

const WEB: [u8; 4] = [192, 0, 2, 80];
const EVIL: [u8; 4] = [192, 0, 2, 66];
/// EDNS Client Subnet (RFC 7871).
const ECS: u16 = 8;

fn world() -> World {
    World::new(seed())
}

fn site(zone: &str) -> Zone {
    Zone::new(zone).unsigned().record("www A 192.0.2.80")
}

fn over_udp(fault: Fault) -> Fault {
    Fault::Over(Transport::Udp, Box::new(fault))
}

/// What Kaminsky's forger sends, but for the id: the answer, the zone's servers and their addresses; the question in
/// lower case, as he cannot know its case.
fn forged(query: &[u8]) -> Message {
    let asked = Message::parse(query).unwrap();
    let mut message = asked.clone();
    message.header.response = true;
    message.header.authoritative = true;
    let question = asked.question.unwrap();
    let lower = question.name.to_lowercase();
    let address = |owner| Rrset::new(owner, RecordType::A, 86_400).with(&EVIL);
    let servers =
        |owner| Rrset::new(owner, RecordType::NS, 86_400).with(name("ns.pwn.victim.org.").as_wire());
    message.answer = vec![address(lower.clone())];
    message.authority = vec![servers(name("victim.org.")), servers(name("org."))];
    message.additional = vec![address(name("ns.pwn.victim.org.")), address(name("www.victim.org."))];
    message.question = Some(Question { name: lower, ..question });
    message.edns = Some(Edns::new(1_232, true));
    message
}

fn octets(message: &Message) -> Vec<u8> {
    encode(message, 65_535).bytes
}

fn by_tcp(sim: &Sim) -> usize {
    sim.network.log().iter().filter(|sent| sent.transport == Transport::Tcp).count()
}

#[tokio::test(start_paused = true)]
async fn a_million_forged_replies_with_guessed_ids_get_nothing_into_the_cache() {
    // A thousand to each of a thousand queries, at the right port, before the real reply. 64 of each thousand are
    // read; then the question goes over TCP.
    let sent = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&sent);
    let forge = Fault::RewritesOctets(Arc::new(move |query, reply| {
        let template = octets(&forged(query));
        let mut datagrams: Vec<Vec<u8>> = (0..1_000)
            .map(|_| {
                let turn = count.fetch_add(1, Ordering::Relaxed);
                let id = turn.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
                [&id[..2], &template[2..]].concat()
            })
            .collect();
        datagrams.push(reply.to_vec());
        datagrams
    }));
    let sim = Sim::new(world().zone(site("victim.org.").fault(over_udp(forge))));
    for turn in 0..1_000 {
        let reply = sim.ask_a(&format!("n{turn}.victim.org.")).await;
        assert_eq!(reply.rcode(), Rcode::NXDOMAIN, "{turn}: {reply:#?}");
    }
    assert!(sent.load(Ordering::Relaxed) >= 1_000_000);
    sim.ask_a("www.victim.org.").await.is_address(WEB);
    assert_eq!(sim.ask_a("ns.pwn.victim.org.").await.rcode(), Rcode::NXDOMAIN);
    assert_eq!(sim.network.sent_to(EVIL.into()), 0);
}

/// Sends a question with any options and gives what came back.
async fn handle(sim: &Sim, question: &Question, cd: bool, edns: &Edns, transport: Transport) -> Vec<u8> {
    let query = encode_query(77, question, true, cd, Some(edns));
    let client = Client { address: SocketAddr::new([10, 0, 0, 1].into(), 4_000), transport };
    sim.service.handle(&query, client).await.unwrap()
}

fn subnet(last: u8) -> EdnsOption {
    EdnsOption::Other(ECS, vec![0, 1, 24, 0, 203, 0, last])
}

#[tokio::test(start_paused = true)]
async fn five_hundred_clients_put_one_query_in_the_air_however_they_ask() {
    let sim =
        Arc::new(Sim::new(world().zone(site("victim.org.").fault(Fault::Slow(Duration::from_millis(300))))));
    sim.ask_a("warm.victim.org.").await;
    sim.network.clear_log();
    let mut crowd = tokio::task::JoinSet::new();
    for turn in 0_u8..250 {
        for varied in [false, true] {
            let sim = Arc::clone(&sim);
            crowd.spawn(async move {
                let differs = |bit: u8| varied && turn >> bit & 1 == 1;
                let owner = if differs(0) { "WwW.victim.ORG." } else { "www.victim.org." };
                let mut edns = Edns::new(1_232, differs(1));
                if differs(2) {
                    edns = edns.with(subnet(turn));
                }
                let question = Question::new(name(owner), RecordType::A);
                handle(&sim, &question, differs(3), &edns, Transport::Udp).await
            });
        }
    }
    while let Some(reply) = crowd.join_next().await {
        let message = Message::parse(&reply.unwrap()).unwrap();
        assert_eq!(message.answer[0].rdatas.first(), Some(&WEB[..]));
    }
    assert_eq!(sim.network.sent(), 1);
}

#[tokio::test(start_paused = true)]
async fn no_server_is_told_of_a_clients_network() {
    let sim = Sim::new(world().zone(site("victim.org.")));
    for turn in 0..100 {
        let question = Question::new(name(&format!("n{turn}.victim.org.")), RecordType::A);
        let edns = Edns::new(1_232, true).with(subnet(turn)).with(EdnsOption::Other(65_001, vec![turn]));
        handle(&sim, &question, false, &edns, Transport::Udp).await;
    }
    let log = sim.network.log();
    assert!(log.len() >= 100);
    for sent in log {
        let options = sent.query.unwrap().edns.unwrap().options;
        assert!(matches!(options[..], [EdnsOption::Cookie(_)]), "{options:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_near_miss_leads_to_tcp_and_empties_no_cache() {
    // The right id, the answer to another question; the real reply is lost.
    let near = Fault::RewritesOctets(Arc::new(|query, _| {
        let mut message = forged(query);
        message.question = Some(Question::new(name("other.victim.org."), RecordType::A));
        vec![octets(&message)]
    }));
    let near = Fault::Below(name("n.victim.org."), Box::new(over_udp(near)));
    let sim = Sim::new(world().zone(site("victim.org.").fault(near)).zone(site("good.net.")));
    sim.ask_a("www.good.net.").await.is_address(WEB);
    for turn in 0..50 {
        let reply = sim.ask_a(&format!("n{turn}.n.victim.org.")).await;
        assert_eq!(reply.rcode(), Rcode::NXDOMAIN);
    }
    assert!(by_tcp(&sim) >= 50, "{}", by_tcp(&sim));
    assert_eq!(sim.ask_a("www.good.net.").await.packets, 0, "the cache is as it was");
}

#[tokio::test(start_paused = true)]
async fn queries_and_replies_fit_into_one_packet() {
    let text = "0123456789".repeat(20);
    let zone = (0..20).fold(site("victim.org."), |zone, turn| zone.record(&format!("big TXT {turn}{text}")));
    let sim = Sim::new(world().zone(zone));
    let question = Question::new(name("big.victim.org."), RecordType::TXT);
    for (offered, most) in
        [(0, 512), (512, 512), (1_000, 1_000), (1_232, 1_232), (4_096, 1_232), (65_535, 1_232)]
    {
        let reply = handle(&sim, &question, false, &Edns::new(offered, true), Transport::Udp).await;
        assert!(reply.len() <= most, "{offered}: {}", reply.len());
        assert!(Message::parse(&reply).unwrap().header.truncated);
    }
    let whole = handle(&sim, &question, false, &Edns::new(512, true), Transport::Tcp).await;
    assert_eq!(Message::parse(&whole).unwrap().answer[0].rdatas.len(), 20);
    assert_eq!(by_tcp(&sim), 1, "the server's reply was truncated, once");
    let log = sim.network.log();
    assert!(log.iter().all(|sent| sent.query.as_ref().unwrap().edns.as_ref().unwrap().udp_size <= 1_232));
}

#[tokio::test(start_paused = true)]
async fn a_datagram_longer_than_we_take_is_not_believed() {
    // The server sends more than it was told to, in fragments, and the forger has put in the second.
    let text = Rrset::new(name("big.victim.org."), RecordType::TXT, 86_400);
    let big = (0..12_u8).fold(text, |set, turn| set.with(&[&[120], &[turn; 120][..]].concat()));
    let fragments = Fault::RewritesOctets(Arc::new(move |query, _| {
        let mut message = Message::parse(query).unwrap();
        message.header.response = true;
        message.header.authoritative = true;
        message.answer = vec![big.clone()];
        message.additional = vec![Rrset::new(name("www.victim.org."), RecordType::A, 86_400).with(&EVIL)];
        let octets = octets(&message);
        assert!(octets.len() > 1_232);
        vec![octets]
    }));
    let fragments = Fault::Below(name("big.victim.org."), Box::new(over_udp(fragments)));
    for way in [None, Some(CookieWay::Given(1))] {
        let zone = site("victim.org.").record("big TXT honest").fault(fragments.clone());
        let zone = way.into_iter().fold(zone, |zone, way| zone.fault(Fault::Cookies(way)));
        let sim = Sim::new(world().zone(zone));
        let reply = sim.ask("big.victim.org.", RecordType::TXT).await;
        assert_eq!(reply.last(), [b"\x06honest".to_vec()]);
        assert_eq!(by_tcp(&sim), 1);
        sim.ask_a("www.victim.org.").await.is_address(WEB);
    }
}

/// All that is remembered of how a server is to be asked, for each server of the world that was asked.
fn habits(sim: &Sim) -> Vec<(IpAddr, EdnsHabit, CookieHabit, Standing, bool, bool)> {
    let servers: BTreeSet<IpAddr> = sim.network.log().iter().map(|sent| sent.server).collect();
    let known = |server| sim.store.servers.known(server, &name("victim.org."), sim.clock.now());
    servers
        .into_iter()
        .map(|server| (server, known(server)))
        .map(|(server, of)| (server, of.edns, of.cookies, of.standing, of.lame, of.keeps_case))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_thousand_forged_errors_of_each_kind_leave_no_trace_of_a_server() {
    let codes = [
        Rcode::FORMERR,
        Rcode::SERVFAIL,
        Rcode::NOTIMP,
        Rcode::REFUSED,
        Rcode::NOTAUTH,
        Rcode::BADVERS,
        Rcode::BADCOOKIE,
    ];
    for (code, way) in codes.into_iter().flat_map(|code| [(code, None), (code, Some(CookieWay::Given(1)))]) {
        let count = Arc::new(AtomicU64::new(0));
        let sent = Arc::clone(&count);
        let forge = Fault::RewritesOctets(Arc::new(move |query, reply| {
            let mut error = forged(query);
            error.header.rcode = code;
            for section in [&mut error.answer, &mut error.authority, &mut error.additional] {
                section.clear();
            }
            error.question = Message::parse(query).unwrap().question;
            if code.0 < 16 {
                error.edns = None;
            }
            // All but the right id: the same question in the same case, as if that were known.
            let mut datagrams: Vec<Vec<u8>> = (1..=60_u8)
                .map(|turn| {
                    let mut octets = octets(&error);
                    octets[usize::from(turn) % 2] ^= turn;
                    octets
                })
                .collect();
            sent.fetch_add(60, Ordering::Relaxed);
            datagrams.push(reply.to_vec());
            datagrams
        }));
        let with = |attacked: bool| {
            let zone = site("victim.org.");
            let zone = way.into_iter().fold(zone, |zone, way| zone.fault(Fault::Cookies(way)));
            world().zone(if attacked { zone.fault(over_udp(forge.clone())) } else { zone })
        };
        let sim = Sim::new(with(false));
        sim.ask_a("www.victim.org.").await.is_address(WEB);
        sim.ask_a("none.victim.org.").await;
        let before = habits(&sim);
        sim.change(&with(true));
        for turn in 0..20 {
            let reply = sim.ask_a(&format!("n{turn}.victim.org.")).await;
            assert_eq!((reply.rcode(), reply.packets), (Rcode::NXDOMAIN, 1), "{code}");
        }
        assert!(count.load(Ordering::Relaxed) >= 1_000);
        assert_eq!(habits(&sim), before, "{code}");
        assert_eq!(by_tcp(&sim), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn letter_case_and_cookie_are_not_given_up_for_a_forged_datagram() {
    // He knows id and port, and neither letter case nor cookie. The real reply follows, or is lost.
    for (lost, way) in
        [(false, None), (true, None), (false, Some(CookieWay::Given(1))), (true, Some(CookieWay::Given(1)))]
    {
        let seen = Arc::new(Mutex::new(0));
        let count = Arc::clone(&seen);
        let forge = Fault::RewritesOctets(Arc::new(move |query, reply| {
            *count.lock().unwrap() += 1;
            let mut datagrams = vec![octets(&forged(query))];
            datagrams.extend((!lost).then(|| reply.to_vec()));
            datagrams
        }));
        let forge = Fault::Below(name("somelongishname.victim.org."), Box::new(over_udp(forge)));
        let zone = way.into_iter().fold(site("victim.org."), |zone, way| zone.fault(Fault::Cookies(way)));
        let sim = Sim::new(world().zone(zone.fault(forge)));
        sim.ask_a("www.victim.org.").await.is_address(WEB);
        let before = habits(&sim);
        for turn in 0..50 {
            let reply = sim.ask_a(&format!("n{turn}.somelongishname.victim.org.")).await;
            assert_eq!(reply.rcode(), Rcode::NXDOMAIN, "{reply:#?}");
        }
        assert!(*seen.lock().unwrap() >= 50);
        assert_eq!(by_tcp(&sim) > 0, lost);
        assert_eq!(habits(&sim), before);
        assert_eq!(sim.ask_as(&Ask::new("ns.pwn.victim.org.", RecordType::A)).await.rcode(), Rcode::NXDOMAIN);
        assert_eq!(sim.network.sent_to(EVIL.into()), 0);
    }
}
