//! DNS cookies towards servers: what they keep a forger from, and servers that deal with them badly.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use smallvec::SmallVec;

use super::super::testing::*;
use crate::cache::servers::{CookieHabit, EdnsHabit};
use crate::dns::edns::{Cookie, EdnsOption};
use crate::dns::message::{Header, Message};
use crate::dns::response::Transport;
use crate::dns::{Name, Rcode, RecordType};
use crate::failure::{Failure, ServerFault};

const REAL: u8 = 80;
const FORGED: u8 = 66;

fn is_example(server: IpAddr) -> bool {
    server == ip(ONE) || server == ip(TWO)
}

fn answers(query: &Message, host: u8) -> Message {
    let mut message = says(query);
    message.answer.push(a(&query.question.as_ref().unwrap().name.to_string(), host));
    message
}

fn asked_cookie(query: &Message) -> Option<Cookie> {
    query.edns.as_ref()?.cookie().cloned()
}

/// The same with our cookie and a server's part.
fn with_cookie(mut message: Message, query: &Message, server: &[u8]) -> Message {
    if let (Some(cookie), Some(edns)) = (asked_cookie(query), &mut message.edns) {
        let cookie = Cookie { server: SmallVec::from_slice(server), ..cookie };
        edns.options.push(EdnsOption::Cookie(cookie));
    }
    message
}

fn real(query: &Message) -> Message {
    with_cookie(answers(query, REAL), query, &[7; 16])
}

/// Somebody who has guessed id, port and letter case, but not the cookie.
fn forgeries(query: &Message) -> [Message; 11] {
    let forged = || answers(query, FORGED);
    let mut plain = forged();
    plain.edns = None;
    let mut other = forged();
    let cookie = Cookie { client: [0x55; 8], server: SmallVec::from_slice(&[7; 16]) };
    other.edns.as_mut().unwrap().options.push(EdnsOption::Cookie(cookie));
    let mut malformed = forged();
    malformed.edns.as_mut().unwrap().options.push(EdnsOption::Other(10, vec![7; 12]));
    let refused = |rcode| {
        let mut error = errs(query, rcode);
        error.edns = None;
        error
    };
    let mut bad = errs(query, Rcode::BADCOOKIE);
    bad.edns.as_mut().unwrap().options.clear();
    let header = Header { response: true, rcode: Rcode::FORMERR, ..Header::query(query.header.id) };
    [
        forged(),
        plain,
        other,
        malformed,
        refused(Rcode::FORMERR),
        refused(Rcode::NOTIMP),
        refused(Rcode::SERVFAIL),
        refused(Rcode::REFUSED),
        errs(query, Rcode::BADVERS),
        bad,
        Message::new(header, None),
    ]
}

fn address_of(said: &crate::dns::response::Scrubbed) -> u8 {
    said.answer[0].rdatas.first().unwrap()[3]
}

/// Two questions, so that both servers are known to give cookies. Each is asked what it has not been asked.
async fn learn(bench: &Bench) {
    for turn in 0..40 {
        bench.ask(&format!("learn{turn}.example.test."), RecordType::A).await.unwrap();
    }
    for server in [ONE, TWO] {
        let known = bench.servers.known(ip(server), &Name::root(), bench.clock.now());
        assert_eq!(known.cookies, CookieHabit::Given);
    }
    bench.take_seen();
}

#[tokio::test(start_paused = true)]
async fn each_server_gets_a_cookie_of_its_own_and_its_own_part_back() {
    let bench = Bench::new(|server, query, _| is_example(server).then(|| vec![Act::Say(real(query))]));
    for turn in 0..40 {
        bench.ask(&format!("www{turn}.example.test."), RecordType::A).await.unwrap();
    }
    let mut clients = BTreeSet::new();
    for server in [ROOT, TEST, ONE, TWO] {
        let seen: Vec<_> = bench.seen().into_iter().filter(|seen| seen.server == ip(server)).collect();
        let cookies: Vec<Cookie> = seen.iter().map(|seen| seen.cookie.clone().unwrap()).collect();
        assert!(cookies.iter().all(|cookie| cookie.client == cookies[0].client));
        clients.insert(cookies[0].client);
        assert!(cookies[0].server.is_empty());
        let expected: &[u8] = if is_example(ip(server)) { &[7; 16] } else { &[] };
        assert!(cookies[1..].iter().all(|cookie| cookie.server.as_slice() == expected));
    }
    assert_eq!(clients.len(), 4, "two servers could be linked");
    assert!(bench.seen().iter().all(|seen| seen.transport == Transport::Udp));
}

#[tokio::test(start_paused = true)]
async fn without_send_cookie_there_is_none() {
    let bench = Bench::with(|settings| settings.send_cookie = false, 1, |_, _, _| None);
    bench.ask("www.example.test.", RecordType::A).await.unwrap();
    assert!(bench.seen().iter().all(|seen| seen.edns && seen.cookie.is_none()));
}

#[tokio::test(start_paused = true)]
async fn a_forger_without_the_cookie_is_not_believed_of_a_server_that_gives_one() {
    for kind in 0..11 {
        for late in [false, true] {
            let attack = Arc::new(AtomicBool::new(false));
            let flag = Arc::clone(&attack);
            let bench = Bench::new(move |server, query, transport| {
                let forges = flag.load(Ordering::Relaxed) && transport == Transport::Udp;
                is_example(server).then(|| match forges {
                    false => vec![Act::Say(real(query))],
                    // The real reply comes after the forged one, or not at all.
                    true if late => vec![Act::Say(forgeries(query)[kind].clone())],
                    true => vec![Act::Say(forgeries(query)[kind].clone()), Act::Say(real(query))],
                })
            });
            learn(&bench).await;
            attack.store(true, Ordering::Relaxed);
            let said = bench.ask("www.example.test.", RecordType::A).await.unwrap();
            assert_eq!(address_of(&said), REAL, "{kind}");
            let sent: Vec<Transport> = bench.seen().iter().map(|seen| seen.transport).collect();
            let expected: &[Transport] =
                if late { &[Transport::Udp, Transport::Tcp] } else { &[Transport::Udp] };
            assert_eq!(sent, expected, "{kind}");
            assert!(bench.seen().iter().all(|seen| seen.cookie.is_some()), "{kind}");
            for server in [ONE, TWO] {
                let known = bench.servers.known(ip(server), &name("example.test."), bench.clock.now());
                let habits = (known.cookies, known.edns, known.lame, known.keeps_case);
                assert_eq!(habits, (CookieHabit::Given, EdnsHabit::Works, false, true), "{kind}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_has_lost_its_cookies_is_found_out_over_tcp_and_fails_nothing() {
    let gives = Arc::new(AtomicBool::new(true));
    let flag = Arc::clone(&gives);
    let bench = Bench::new(move |server, query, _| {
        let gives = flag.load(Ordering::Relaxed);
        is_example(server).then(|| vec![Act::Say(if gives { real(query) } else { answers(query, REAL) })])
    });
    learn(&bench).await;
    gives.store(false, Ordering::Relaxed);
    for turn in 0..40 {
        let said = bench.ask(&format!("www{turn}.example.test."), RecordType::A).await.unwrap();
        assert_eq!(address_of(&said), REAL);
    }
    let by_tcp = bench.seen().iter().filter(|seen| seen.transport == Transport::Tcp).count();
    assert_eq!(by_tcp, 2, "once for each server");
}

#[tokio::test(start_paused = true)]
async fn servers_behind_one_address_that_give_cookies_now_and_then_are_sent_none_in_the_end() {
    let bench = Bench::new(move |server, query, _| {
        let even = query.header.id % 2 == 0;
        is_example(server).then(|| vec![Act::Say(if even { real(query) } else { answers(query, REAL) })])
    });
    for turn in 0..200 {
        bench.ask(&format!("www{turn}.example.test."), RecordType::A).await.unwrap();
    }
    let by_tcp = bench.seen().iter().filter(|seen| seen.transport == Transport::Tcp).count();
    assert!(by_tcp <= 60, "{by_tcp}");
    let last = bench.seen().into_iter().rev().find(|seen| is_example(seen.server)).unwrap();
    assert!(last.cookie.is_none() && last.edns);
}

#[tokio::test(start_paused = true)]
async fn bad_cookie_is_answered_by_the_new_one_once_and_then_by_tcp() {
    for stubborn in [false, true] {
        let bench = Bench::new(move |server, query, transport| {
            let cookie = asked_cookie(query);
            let right = !stubborn && cookie.is_some_and(|cookie| cookie.server.as_slice() == [9; 8]);
            let refuses = transport == Transport::Udp && !right;
            let message = if refuses { errs(query, Rcode::BADCOOKIE) } else { answers(query, REAL) };
            is_example(server).then(|| vec![Act::Say(with_cookie(message, query, &[9; 8]))])
        });
        let said = bench.ask("www.example.test.", RecordType::A).await.unwrap();
        assert_eq!(address_of(&said), REAL);
        let seen: Vec<_> = bench.seen().into_iter().filter(|seen| is_example(seen.server)).collect();
        let ways: Vec<Transport> = seen.iter().map(|seen| seen.transport).collect();
        let expected: &[Transport] = &[Transport::Udp, Transport::Udp, Transport::Tcp];
        assert_eq!(ways, &expected[..if stubborn { 3 } else { 2 }]);
        assert_eq!(seen[1].cookie.as_ref().unwrap().server.as_slice(), [9; 8]);
        assert_ne!((seen[0].id, seen[0].port), (seen[1].id, seen[1].port));
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_bad_cookie_over_tcp_too_is_left() {
    let bench = Bench::new(|server, query, _| {
        let message = with_cookie(errs(query, Rcode::BADCOOKIE), query, &[9; 8]);
        is_example(server).then(|| vec![Act::Say(message)])
    });
    let failure = bench.ask("www.example.test.", RecordType::A).await.unwrap_err();
    let Failure::NoServer { last: Some((_, fault)), .. } = failure else { panic!("{failure}") };
    assert_eq!(fault, ServerFault::Rcode(Rcode::BADCOOKIE));
    assert_eq!((bench.sent_to(ONE), bench.sent_to(TWO)), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_the_cookie_is_asked_without_it_and_remembered() {
    for rcode in [Rcode::FORMERR, Rcode::NOTIMP, Rcode::BADVERS] {
        for opt in [false, true] {
            if rcode == Rcode::BADVERS && !opt {
                continue;
            }
            let bench = Bench::new(move |server, query, _| {
                let mut error = errs(query, rcode);
                error.edns = error.edns.filter(|_| opt);
                let refuses = asked_cookie(query).is_some();
                is_example(server).then(|| vec![Act::Say(if refuses { error } else { answers(query, REAL) })])
            });
            for turn in 0..20 {
                bench.ask(&format!("www{turn}.example.test."), RecordType::A).await.unwrap();
            }
            let seen: Vec<_> = bench.seen().into_iter().filter(|seen| is_example(seen.server)).collect();
            assert_eq!(seen.iter().filter(|seen| seen.cookie.is_some()).count(), 2, "{rcode} {opt}");
            assert!(seen.iter().all(|seen| seen.edns), "EDNS works: {rcode} {opt}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_of_a_server_that_passes_cookies_over_is_not_blamed_on_the_cookie() {
    let bench = Bench::new(|server, query, _| {
        let bad = query.question.as_ref()?.name == name("bad.example.test.");
        is_example(server)
            .then(|| vec![Act::Say(if bad { errs(query, Rcode::FORMERR) } else { answers(query, REAL) })])
    });
    for turn in 0..20 {
        bench.ask(&format!("www{turn}.example.test."), RecordType::A).await.unwrap();
    }
    bench.take_seen();
    bench.ask("bad.example.test.", RecordType::A).await.unwrap_err();
    assert_eq!(bench.seen().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn cookies_that_make_no_sense_cost_a_connection_and_fail_nothing() {
    for malformed in [Some(1), Some(9), Some(41), None] {
        let bench = Bench::new(move |server, query, _| {
            let mut message = answers(query, REAL);
            if asked_cookie(query).is_some() {
                let other = Cookie { client: [3; 8], server: SmallVec::from_slice(&[1; 8]) };
                let option = match malformed {
                    Some(len) => EdnsOption::Other(10, vec![7; len]),
                    None => EdnsOption::Cookie(other),
                };
                message.edns.as_mut().unwrap().options.push(option);
            }
            is_example(server).then(|| vec![Act::Say(message)])
        });
        for turn in 0..20 {
            let said = bench.ask(&format!("www{turn}.example.test."), RecordType::A).await.unwrap();
            assert_eq!(address_of(&said), REAL);
        }
        let seen: Vec<_> = bench.seen().into_iter().filter(|seen| is_example(seen.server)).collect();
        let with = seen.iter().filter(|seen| seen.cookie.is_some()).count();
        assert_eq!(with, 4, "a datagram and a connection for each server");
        let packets = if malformed.is_some() { 20 + 4 } else { 20 + 2 };
        assert_eq!(seen.len(), packets, "{malformed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_truncated_reply_need_not_have_the_cookie() {
    let truncates = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&truncates);
    let bench = Bench::new(move |server, query, transport| {
        let cut = flag.load(Ordering::Relaxed) && transport == Transport::Udp;
        let mut empty = says(query);
        empty.header.truncated = true;
        is_example(server).then(|| vec![Act::Say(if cut { empty } else { real(query) })])
    });
    learn(&bench).await;
    truncates.store(true, Ordering::Relaxed);
    let start = bench.clock.now();
    bench.ask("www.example.test.", RecordType::A).await.unwrap();
    assert_eq!(bench.seen().len(), 2);
    assert!(bench.clock.now().since(start) <= Duration::from_millis(30), "it waited for the cookie");
}

#[tokio::test(start_paused = true)]
async fn a_dname_is_believed_from_a_datagram_with_our_cookie() {
    for cookie in [false, true] {
        let bench = Bench::new(move |server, query, _| {
            let mut message = says(query);
            message.answer.push(dname("old.example.test.", "new.example.test."));
            message.answer.push(cname("www.old.example.test.", "www.new.example.test."));
            message.answer.push(a("www.new.example.test.", REAL));
            let message = if cookie { with_cookie(message, query, &[7; 8]) } else { message };
            is_example(server).then(|| vec![Act::Say(message)])
        });
        bench.ask("www.old.example.test.", RecordType::A).await.unwrap();
        let by_tcp = bench.seen().iter().filter(|seen| seen.transport == Transport::Tcp).count();
        assert_eq!(by_tcp, usize::from(!cookie));
    }
}
