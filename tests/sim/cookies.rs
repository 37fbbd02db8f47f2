//! DNS cookies: the whole resolver with servers that give them in every way, and with clients that send them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rootwalk::cache::servers::CookieHabit;
use rootwalk::dns::edns::{Cookie, Edns, EdnsOption};
use rootwalk::dns::encode::encode_query;
use rootwalk::dns::message::Message;
use rootwalk::dns::response::Transport;
use rootwalk::dns::{Question, Rcode, RecordType};
use rootwalk::lab::{CookieWay, Fault, World, Zone};
use rootwalk::limits;
use rootwalk::service::overload::DropReason;
use rootwalk::service::{Client, Disposition};

use crate::harness::{Sim, name, seed};

const WEB: [u8; 4] = [192, 0, 2, 80];

fn site(faults: &[Fault]) -> World {
    let zone = Zone::new("example.org.").record("www A 192.0.2.80").record("*.wild A 192.0.2.80");
    let plain = Zone::new("plain.org.").unsigned().record("*.wild A 192.0.2.80");
    let with = |zone: Zone| faults.iter().cloned().fold(zone, Zone::fault);
    World::new(seed()).zone(with(zone)).zone(with(plain))
}

fn by_tcp(sim: &Sim) -> usize {
    sim.network.log().iter().filter(|sent| sent.transport == Transport::Tcp).count()
}

#[tokio::test(start_paused = true)]
async fn whatever_a_server_does_with_cookies_its_zone_resolves() {
    // How many connections for twelve questions: what is asked at the same time finds out at the same time.
    let all = [
        (Fault::Cookies(CookieWay::Given(1)), 0),
        (Fault::Cookies(CookieWay::Required(1)), 0),
        (Fault::Cookies(CookieWay::NeverRight), usize::MAX),
        (Fault::Cookies(CookieWay::OfAnother), 4),
        (Fault::Cookies(CookieWay::Malformed(9)), 8),
        (Fault::Cookies(CookieWay::Malformed(41)), 8),
        (Fault::Cookies(CookieWay::Given(1)).first(3), 2),
        (Fault::SaysOnCookie(Rcode::FORMERR), 0),
        (Fault::SaysOnCookie(Rcode::NOTIMP), 0),
        (Fault::SaysOnCookie(Rcode::BADVERS), 0),
    ];
    for (fault, tcp_max) in all {
        let sim = Sim::asking(site(std::slice::from_ref(&fault)));
        for turn in 0..6 {
            for zone in ["example.org.", "plain.org."] {
                let reply = sim.ask_a(&format!("n{turn}.wild.{zone}")).await;
                assert_eq!(reply.rcode(), Rcode::NOERROR, "{fault:?} {turn} {}", reply.text());
                assert_eq!(reply.secure(), zone == "example.org.", "{fault:?} {turn}");
            }
        }
        assert!(by_tcp(&sim) <= tcp_max, "{fault:?} {}", by_tcp(&sim));
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_with_a_new_secret_says_so_and_gets_the_new_cookie() {
    let with = |secret| site(&[Fault::Cookies(CookieWay::Required(secret))]);
    let sim = Sim::asking(with(1));
    sim.ask_a("www.example.org.").await.is_secure_address(WEB);
    sim.change(&with(2));
    sim.network.clear_log();
    sim.ask("www.example.org.", RecordType::TXT).await;
    let log = sim.network.log();
    assert_eq!((log.len(), by_tcp(&sim)), (2, 0), "{log:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stops_is_believed_again_after_one_connection() {
    let sim = Sim::asking(site(&[Fault::Cookies(CookieWay::Given(1))]));
    sim.ask_a("www.example.org.").await.is_secure_address(WEB);
    sim.change(&site(&[]));
    for turn in 0..10 {
        let reply = sim.ask_a(&format!("n{turn}.wild.example.org.")).await;
        reply.is_secure_address(WEB);
    }
    assert_eq!(by_tcp(&sim), 1);
}

/// A client's query with that option, and who sends it.
fn asked(owner: &str, option: Option<EdnsOption>, last: u8, transport: Transport) -> (Vec<u8>, Client) {
    let edns = Edns { options: option.into_iter().collect(), ..Edns::new(1_232, true) };
    let query = encode_query(77, &Question::new(name(owner), RecordType::A), true, false, Some(&edns));
    (query, Client { address: SocketAddr::new([10, 0, 0, last].into(), 4_000), transport })
}

/// The reply, and the cookie in it.
async fn answered(sim: &Sim, (query, client): (Vec<u8>, Client)) -> (Message, Option<Cookie>) {
    let message = Message::parse(&sim.service.handle(&query, client).await.unwrap()).unwrap();
    let cookie = message.edns.as_ref().and_then(Edns::cookie).cloned();
    (message, cookie)
}

/// Whether the service takes the client's address for true.
fn believes(sim: &Sim, cookie: &Cookie, last: u8) -> bool {
    let option = Some(EdnsOption::Cookie(cookie.clone()));
    let (query, client) = asked("not-yet-asked.example.org.", option, last, Transport::Udp);
    match sim.service.prepare(&query, &client) {
        Disposition::Resolve(request) => request.has_valid_cookie(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_clients_cookie_comes_back_with_ours_on_fresh_cached_and_failing_replies() {
    let sim = Sim::asking(site(&[]));
    let own = Cookie { client: *b"ourcooki", server: [].into_iter().collect() };
    let option = || Some(EdnsOption::Cookie(own.clone()));
    let owners = [
        "www.example.org.",
        "www.example.org.",
        "none.example.org.",
        "x.undelegated.",
        "1.0.0.127.in-addr.arpa.",
    ];
    for transport in [Transport::Udp, Transport::Tcp] {
        for owner in owners {
            let (_, given) = answered(&sim, asked(owner, option(), 1, transport)).await;
            let given = given.expect(owner);
            assert_eq!((given.client, given.server.len()), (own.client, 16), "{owner}");
            // With it he is known at his address, and nobody is at another.
            assert!(believes(&sim, &given, 1) && !believes(&sim, &given, 2));
            let (_, again) =
                answered(&sim, asked(owner, Some(EdnsOption::Cookie(given.clone())), 1, transport)).await;
            assert_eq!(again, Some(given), "{owner}");
        }
    }
    assert!(!believes(&sim, &own, 1));
    let (_, none) = answered(&sim, asked("www.example.org.", None, 1, Transport::Udp)).await;
    assert_eq!(none, None);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_cookie_gets_an_answer_and_a_right_one_and_a_malformed_one_formerr() {
    let sim = Sim::asking(site(&[]));
    for len in [8, 16, 32] {
        let wrong = Cookie { client: [1; 8], server: vec![7; len].into() };
        let (reply, given) = answered(
            &sim,
            asked("www.example.org.", Some(EdnsOption::Cookie(wrong.clone())), 1, Transport::Udp),
        )
        .await;
        assert_eq!(reply.answer[0].rdatas.first(), Some(&WEB[..]));
        let given = given.unwrap();
        assert!(believes(&sim, &given, 1) && !believes(&sim, &wrong, 1));
    }
    for len in [0, 7, 9, 15, 41] {
        let (reply, given) = answered(
            &sim,
            asked("www.example.org.", Some(EdnsOption::Other(10, vec![7; len])), 1, Transport::Udp),
        )
        .await;
        assert_eq!((reply.header.rcode, given), (Rcode::FORMERR, None), "{len}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_forges_a_clients_address_keeps_it_from_no_answer_if_it_has_a_cookie() {
    let slow = Zone::new("slow.org.").unsigned().record("*.slow.org. A 192.0.2.80");
    let slow = slow.fault(Fault::Slow(Duration::from_secs(1)));
    let sim = Arc::new(Sim::asking(site(&[]).zone(slow)));
    let own = Cookie { client: [1; 8], server: [].into_iter().collect() };
    let cookie = |cookie: &Cookie| Some(EdnsOption::Cookie(cookie.clone()));
    let (_, given) = answered(&sim, asked("www.example.org.", cookie(&own), 1, Transport::Udp)).await;
    let given = given.unwrap();
    let mut flood = tokio::task::JoinSet::new();
    for turn in 0..limits::WAITING_PER_CLIENT_MAX {
        let sim = Arc::clone(&sim);
        let (query, client) = asked(&format!("n{turn}.slow.org."), None, 1, Transport::Udp);
        flood.spawn(async move { sim.service.handle(&query, client).await });
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let ask = |owner: &str, option, transport| {
        let (query, client) = asked(owner, option, 1, transport);
        let service = Arc::clone(&sim.service);
        async move {
            let reply = service.handle(&query, client).await;
            reply.is_some_and(|reply| Message::parse(&reply).unwrap().header.rcode == Rcode::NOERROR)
        }
    };
    assert!(!ask("a.wild.example.org.", None, Transport::Udp).await, "the places are not all taken");
    assert!(!ask("b.wild.example.org.", cookie(&own), Transport::Udp).await, "anybody can make that up");
    assert!(ask("c.wild.example.org.", cookie(&given), Transport::Udp).await);
    assert!(ask("d.wild.example.org.", None, Transport::Tcp).await);
    while flood.join_next().await.is_some() {}
}

#[tokio::test(start_paused = true)]
async fn a_late_reply_is_sent_to_who_is_certainly_there_and_dropped_for_others() {
    let slow = Zone::new("slow.org.").unsigned().record("*.slow.org. A 192.0.2.80");
    let slow = slow.fault(Fault::Slow(Duration::from_millis(1_950)));
    let sim = Sim::asking(site(&[]).zone(slow));
    let own = EdnsOption::Cookie(Cookie { client: [1; 8], server: [].into_iter().collect() });
    let (_, given) = answered(&sim, asked("www.example.org.", Some(own.clone()), 1, Transport::Udp)).await;
    let given = EdnsOption::Cookie(given.unwrap());
    for (turn, (option, sent)) in
        [(None, false), (Some(own), false), (Some(given), true)].into_iter().enumerate()
    {
        let (query, client) = asked(&format!("n{turn}.slow.org."), option, 1, Transport::Udp);
        assert_eq!(sim.service.handle(&query, client).await.is_some(), sent, "{turn}");
    }
    assert_eq!(sim.service.drops().get(DropReason::Late), 2);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_gives_cookies_over_tcp_alone_is_asked_by_datagrams_as_ever() {
    let over_tcp = Fault::Over(Transport::Tcp, Box::new(Fault::Cookies(CookieWay::Given(1))));
    let sim = Sim::asking(site(&[over_tcp, Fault::Truncates.for_type(RecordType::TXT)]));
    for turn in 0..20 {
        sim.ask(&format!("n{turn}.wild.example.org."), RecordType::TXT).await;
        let before = by_tcp(&sim);
        let reply = sim.ask_a(&format!("n{turn}.wild.example.org.")).await;
        reply.is_secure_address(WEB);
        assert_eq!(by_tcp(&sim), before, "{turn}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_comes_to_refuse_cookies_is_asked_without() {
    for rcode in [Rcode::FORMERR, Rcode::NOTIMP, Rcode::BADVERS] {
        let sim = Sim::asking(site(&[Fault::Cookies(CookieWay::Given(1))]));
        sim.ask_a("www.example.org.").await.is_secure_address(WEB);
        sim.change(&site(&[Fault::SaysOnCookie(rcode)]));
        for turn in 0..10 {
            let reply = sim.ask_a(&format!("n{turn}.wild.example.org.")).await;
            assert!(reply.secure(), "{rcode} {turn}: {}", reply.text());
            sim.pass(1).await;
        }
        assert!(by_tcp(&sim) <= 3, "{rcode}: {}", by_tcp(&sim));
    }
}

#[tokio::test(start_paused = true)]
async fn errors_without_a_cookie_disarm_nobodys_cookies() {
    let odd = RecordType(65_280);
    let errs = Fault::rewrites(|_, reply| {
        reply.header.rcode = Rcode::FORMERR;
        reply.edns = None;
        reply.authority.clear();
    });
    let sim = Sim::asking(site(&[Fault::Cookies(CookieWay::Given(1)), errs.for_type(odd)]));
    sim.ask_a("www.example.org.").await.is_secure_address(WEB);
    for turn in 0..6 {
        let reply = sim.ask(&format!("n{turn}.wild.example.org."), odd).await;
        assert_eq!(reply.rcode(), Rcode::SERVFAIL);
        sim.pass(1).await;
    }
    let server = sim.server("example.org.");
    let known = sim.store.servers.known(server, &name("example.org."), sim.clock.now());
    assert_eq!(known.cookies, CookieHabit::Given);
}

#[tokio::test(start_paused = true)]
async fn large_answers_over_tcp_disarm_nobodys_cookies() {
    let over_udp = Fault::Over(Transport::Udp, Box::new(Fault::Cookies(CookieWay::Given(1))));
    let sim = Sim::asking(site(&[over_udp, Fault::Truncates.for_type(RecordType::TXT)]));
    sim.ask_a("www.example.org.").await.is_secure_address(WEB);
    for turn in 0..6 {
        sim.ask(&format!("n{turn}.wild.example.org."), RecordType::TXT).await;
        let known =
            sim.store.servers.known(sim.server("example.org."), &name("example.org."), sim.clock.now());
        assert_eq!(known.cookies, CookieHabit::Given, "{turn}");
    }
    assert!(by_tcp(&sim) > 0);
}
