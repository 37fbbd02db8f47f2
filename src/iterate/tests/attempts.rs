//! One server: matching the reply, junk, letter case, EDNS, TCP, silence, and what is remembered.

use std::net::IpAddr;
use std::time::Duration;

use super::super::testing::*;
use crate::cache::servers::{EdnsHabit, Standing};
use crate::dns::encode::encode;
use crate::dns::message::{Header, Message};
use crate::dns::response::{Outcome, Transport};
use crate::dns::{Name, Question, Rcode, RecordType};
use crate::failure::{Failure, ServerFault};
use crate::iterate::exchange::ExchangeError;

fn is_example(server: IpAddr) -> bool {
    server == ip(ONE) || server == ip(TWO)
}

fn good(query: &Message) -> Message {
    let mut message = says(query);
    let owner = query.question.as_ref().unwrap().name.to_string();
    message.answer.push(a(&owner, 80));
    message
}

fn bytes(message: &Message) -> Vec<u8> {
    encode(message, 65_535).bytes
}

/// What a forger or a broken middlebox sends before the reply: name, octets.
fn junk(query: &Message) -> Vec<(&'static str, Vec<u8>)> {
    let change = |change: &dyn Fn(&mut Message)| {
        let mut message = good(query);
        message.answer = vec![a("www.example.test.", 66)];
        change(&mut message);
        bytes(&message)
    };
    let bare = |rcode| {
        let header = Header { response: true, rcode, ..Header::query(query.header.id) };
        bytes(&Message::new(header, None))
    };
    let mut bad_length = change(&|m| m.edns = None);
    let place = bad_length.len() - 5;
    bad_length[place] = 99;
    let mut looped = change(&|_| {});
    let end = 12 + query.question.as_ref().unwrap().name.len();
    looped.splice(12..end, [0xc0, 12]);
    vec![
        ("wrong id", change(&|m| m.header.id ^= 1)),
        ("a query", change(&|m| m.header.response = false)),
        ("a bare header", bare(Rcode::NOERROR)),
        ("a runt", bare(Rcode::NOERROR)[..5].to_vec()),
        ("nothing", Vec::new()),
        ("other name", change(&|m| m.question = Some(question("evil.test.", RecordType::A)))),
        ("other type", change(&|m| m.question.as_mut().unwrap().rtype = RecordType::TXT)),
        ("no question", change(&|m| m.question = None)),
        ("other opcode", change(&|m| m.header.opcode = crate::dns::Opcode::NOTIFY)),
        (
            "other case",
            change(&|m| {
                let asked = m.question.as_mut().unwrap();
                asked.name =
                    Name::from_wire(&asked.name.as_wire().iter().copied().map(flip).collect::<Vec<_>>())
                        .unwrap()
                        .0;
            }),
        ),
        ("bad length", bad_length),
        ("self-pointer", looped),
        ("a bare FORMERR", bare(Rcode::FORMERR)),
        ("a bare REFUSED", bare(Rcode::REFUSED)),
    ]
}

fn flip(octet: u8) -> u8 {
    if octet.is_ascii_alphabetic() { octet ^ 0x20 } else { octet }
}

#[tokio::test(start_paused = true)]
async fn junk_before_the_reply_changes_nothing() {
    let kinds =
        junk(&says(&Message::new(Header::query(1), Some(question("www.example.test.", RecordType::A)))))
            .len();
    for kind in 0..kinds {
        let bench = Bench::new(move |server, query, _| {
            is_example(server).then(|| {
                let (_, octets) = junk(query).swap_remove(kind);
                vec![Act::Raw(octets), Act::Say(good(query))]
            })
        });
        let said = bench.ask("www.example.test.", RecordType::A).await.unwrap();
        assert_eq!(said.answer[0].rdatas, a("x.", 80).rdatas, "{kind}");
        let sent = bench.seen().into_iter().filter(|seen| is_example(seen.server)).count();
        assert_eq!((sent, bench.told.count("Ignored")), (1, 1), "{kind}");
        let known = bench.servers.known(said.server, &name("example.test."), bench.clock.now());
        assert_eq!(
            (known.edns, known.standing, known.lame, known.keeps_case),
            (EdnsHabit::Works, Standing::Good, false, true)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn errors_with_another_id_leave_no_trace() {
    let bench = Bench::new(|server, query, _| {
        is_example(server).then(|| {
            let forged = [Rcode::FORMERR, Rcode::NOTIMP, Rcode::REFUSED, Rcode::SERVFAIL].map(|rcode| {
                let mut message = errs(query, rcode);
                message.edns = None;
                message.header.id ^= 0x5555;
                Act::Say(message)
            });
            forged.into_iter().cycle().take(40).chain([Act::Say(good(query))]).collect()
        })
    });
    for _ in 0..10 {
        bench.ask("www.example.test.", RecordType::A).await.unwrap();
    }
    for server in [ONE, TWO] {
        let known = bench.servers.known(ip(server), &name("example.test."), bench.clock.now());
        assert!(known.edns != EdnsHabit::Broken && !known.lame && known.standing == Standing::Good);
    }
    assert!(bench.seen().iter().all(|seen| seen.edns && seen.transport == Transport::Udp));
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_forgeries_leads_to_tcp() {
    let bench = Bench::new(|server, query, transport| {
        (is_example(server) && transport == Transport::Udp).then(|| {
            let mut forged = good(query);
            forged.header.id ^= 1;
            vec![Act::Say(forged); 1_000]
        })
    });
    let said = bench.ask("www.example.test.", RecordType::A).await.unwrap();
    assert_eq!(said.answer[0].rdatas, a("x.", 80).rdatas);
    assert_eq!(bench.seen().last().unwrap().transport, Transport::Tcp);
}

#[tokio::test(start_paused = true)]
async fn a_reply_to_another_question_and_no_other_leads_to_tcp() {
    let bench = Bench::new(|server, query, transport| {
        (is_example(server) && transport == Transport::Udp).then(|| {
            let mut near = good(query);
            near.question = Some(question("other.test.", RecordType::A));
            vec![Act::Say(near)]
        })
    });
    bench.ask("www.example.test.", RecordType::A).await.unwrap();
    assert_eq!(bench.seen().last().unwrap().transport, Transport::Tcp);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_changes_the_letter_case_is_believed_over_tcp_and_then_known() {
    let bench = Bench::new(|server, query, _| {
        is_example(server).then(|| {
            let mut message = good(query);
            let asked = message.question.take()?;
            message.question = Some(Question { name: asked.name.to_lowercase(), ..asked });
            Some(vec![Act::Say(message)])
        })?
    });
    for i in 0..12 {
        bench.ask(&format!("averylongname{i}.example.test."), RecordType::A).await.unwrap();
    }
    for server in [ONE, TWO] {
        assert!(!bench.servers.known(ip(server), &Name::root(), bench.clock.now()).keeps_case);
    }
    let by_tcp = bench.seen().iter().filter(|seen| seen.transport == Transport::Tcp).count();
    assert_eq!(by_tcp, 6, "three from each server");
    let last = bench.seen().pop().unwrap();
    assert!(last.question.name.eq_with_case(&last.question.name.to_lowercase()));
}

#[tokio::test(start_paused = true)]
async fn ids_ports_and_letter_case_are_drawn_anew_each_time() {
    let bench = Bench::new(|_, _, _| None);
    for i in 0..200 {
        bench.ask(&format!("somelongishname{i}.example.test."), RecordType::A).await.unwrap();
    }
    let distinct = |key: &dyn Fn(&Seen) -> u64| {
        let mut all: Vec<u64> = bench.seen().iter().map(key).collect();
        all.sort_unstable();
        all.dedup();
        all.len()
    };
    assert!(distinct(&|seen| u64::from(seen.id)) > 190);
    assert!(distinct(&|seen| u64::from(seen.port)) > 190);
    let upper =
        |seen: &Seen| seen.question.name.as_wire().iter().filter(|octet| octet.is_ascii_uppercase()).count();
    let (upper, letters) = bench.seen().iter().fold((0, 0), |(sum, all), seen| {
        (
            sum + upper(seen),
            all + seen.question.name.as_wire().iter().filter(|octet| octet.is_ascii_alphabetic()).count(),
        )
    });
    assert!(upper * 10 > letters * 4 && upper * 10 < letters * 6, "{upper} of {letters}");
}

#[tokio::test(start_paused = true)]
async fn with_caps_for_id_off_questions_are_lower_case() {
    let bench = Bench::with(|settings| settings.use_caps_for_id = false, 1, |_, _, _| None);
    bench.ask("WWW.Example.Test.", RecordType::A).await.unwrap();
    assert!(
        bench.seen().iter().all(|seen| seen.question.name.eq_with_case(&seen.question.name.to_lowercase()))
    );
}

#[tokio::test(start_paused = true)]
async fn a_taken_port_is_drawn_again() {
    let bench = Bench::new(|_, _, _| None);
    bench.take_ports(5);
    bench.ask("www.example.test.", RecordType::A).await.unwrap();
    assert_eq!(bench.seen().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn truncation_leads_to_tcp() {
    let bench = Bench::new(|server, query, transport| {
        (is_example(server) && transport == Transport::Udp).then(|| {
            let mut message = says(query);
            message.header.truncated = true;
            vec![Act::Say(message)]
        })
    });
    bench.ask("www.example.test.", RecordType::A).await.unwrap();
    let last: Vec<Transport> = bench.seen().iter().rev().take(2).map(|seen| seen.transport).collect();
    assert_eq!(last, [Transport::Tcp, Transport::Udp]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_truncates_over_tcp_or_closes_costs_two_packets() {
    for close in [false, true] {
        let bench = Bench::new(move |server, query, transport| {
            is_example(server).then(|| {
                let mut message = says(query);
                message.header.truncated = true;
                let closes = close && transport == Transport::Tcp;
                vec![if closes { Act::Fail(ExchangeError::Closed) } else { Act::Say(message) }]
            })
        });
        let failure = bench.ask("www.example.test.", RecordType::A).await.unwrap_err();
        let Failure::NoServer { last: Some((_, ServerFault::Truncated)), .. } = failure else {
            panic!("{failure}")
        };
        assert_eq!((bench.sent_to(ONE), bench.sent_to(TWO)), (2, 2));
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_without_edns_is_asked_without_it_and_remembered() {
    for rcode in [Rcode::FORMERR, Rcode::NOTIMP] {
        let bench = Bench::new(move |server, query, _| {
            is_example(server).then(|| {
                let mut error = errs(query, rcode);
                error.edns = None;
                vec![Act::Say(if query.edns.is_some() { error } else { good(query) })]
            })
        });
        for _ in 0..10 {
            bench.ask("www.example.test.", RecordType::A).await.unwrap();
        }
        let with_edns = bench.seen().iter().filter(|seen| is_example(seen.server) && seen.edns).count();
        assert_eq!(with_edns, 4, "with a cookie and without, once for each server");
    }
}

#[tokio::test(start_paused = true)]
async fn a_bare_error_is_waited_out_and_never_remembered() {
    let bench = Bench::new(|server, query, _| {
        is_example(server).then(|| {
            let header = Header { response: true, rcode: Rcode::FORMERR, ..Header::query(query.header.id) };
            let bare = Message::new(header, None);
            vec![Act::Say(if query.edns.is_some() { bare } else { good(query) })]
        })
    });
    bench.ask("www.example.test.", RecordType::A).await.unwrap();
    let seen = bench.seen();
    let [.., with, without] = &seen[..] else { panic!() };
    assert!(with.edns && !without.edns && with.server == without.server);
    assert!(without.at.since(with.at) >= Duration::from_millis(50), "the wait was cut short");
    let known = bench.servers.known(with.server, &Name::root(), bench.clock.now());
    assert_eq!((known.edns, known.standing), (EdnsHabit::Unknown, Standing::Good));
}

#[tokio::test(start_paused = true)]
async fn an_error_of_a_server_that_knows_edns_is_not_blamed_on_edns() {
    let bench = Bench::new(|server, query, _| {
        let bad = query.question.as_ref()?.name == name("bad.example.test.");
        (is_example(server) && bad).then(|| {
            let mut error = errs(query, Rcode::FORMERR);
            error.edns = None;
            vec![Act::Say(error)]
        })
    });
    for _ in 0..10 {
        bench.ask("www.example.test.", RecordType::A).await.unwrap();
    }
    bench.take_seen();
    bench.ask("bad.example.test.", RecordType::A).await.unwrap_err();
    assert!(bench.seen().iter().all(|seen| seen.edns) && bench.seen().len() == 2);
}

#[tokio::test(start_paused = true)]
async fn whatever_is_wrong_with_a_server_the_next_one_is_asked() {
    type Wrong = fn(&Message) -> Vec<Act>;
    let wrongs: [Wrong; 11] = [
        |query| vec![Act::Say(errs(query, Rcode::SERVFAIL))],
        |query| vec![Act::Say(errs(query, Rcode::REFUSED))],
        |query| vec![Act::Say(errs(query, Rcode::NOTIMP))],
        |query| vec![Act::Say(errs(query, Rcode::FORMERR))],
        |query| vec![Act::Say(errs(query, Rcode::YXDOMAIN))],
        |query| vec![Act::Say(errs(query, Rcode(11)))],
        |_| vec![],
        |_| vec![Act::Fail(ExchangeError::Refused)],
        |_| vec![Act::Fail(ExchangeError::NoRoute)],
        |query| vec![Act::Raw(bytes(&good(query))[..30].to_vec())],
        |query| {
            let mut stale = good(query);
            (stale.header.authoritative, stale.header.recursion_available) = (false, true);
            vec![Act::Say(stale)]
        },
    ];
    for (kind, wrong) in wrongs.into_iter().enumerate() {
        for seed in 0..4 {
            let bench =
                Bench::with(|_| {}, seed, move |server, query, _| (server == ip(ONE)).then(|| wrong(query)));
            let said = bench.ask("www.example.test.", RecordType::A).await.unwrap();
            assert_eq!(said.server, ip(TWO), "{kind}");
            // FORMERR and NOTIMP may be about EDNS, so it is tried without.
            assert!(bench.sent_to(ONE) <= 2, "{kind}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_resolvers_answer_from_its_cache_is_taken_when_nobody_has_a_better_one() {
    let bench = Bench::new(|server, query, _| {
        let mut stale = good(query);
        (stale.header.authoritative, stale.header.recursion_available) = (false, true);
        is_example(server).then(|| vec![Act::Say(stale)])
    });
    assert_eq!(bench.ask("www.example.test.", RecordType::A).await.unwrap().outcome, Outcome::Answer);
    assert_eq!((bench.sent_to(ONE), bench.sent_to(TWO)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_slow_server_is_found_by_waiting_longer_each_time() {
    let bench = Bench::new(|server, query, _| {
        (is_example(server)).then(|| vec![Act::Pause(1_200), Act::Say(good(query))])
    });
    let said = bench.ask("www.example.test.", RecordType::A).await.unwrap();
    bench.take_seen();
    // Once measured, it is waited for.
    let wait = bench.servers.known(said.server, &Name::root(), bench.clock.now()).wait;
    assert!(wait > Duration::from_millis(1_210), "{wait:?}");
}

#[tokio::test(start_paused = true)]
async fn a_dead_server_is_left_alone_and_found_again_when_it_lives() {
    let dead = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let flag = std::sync::Arc::clone(&dead);
    let bench = Bench::new(move |server, _, _| {
        (server == ip(ONE) && flag.load(std::sync::atomic::Ordering::Relaxed)).then(Vec::new)
    });
    for i in 0..60 {
        bench.ask(&format!("a{i}.example.test."), RecordType::A).await.unwrap();
        bench.clock.sleep_until(bench.clock.now().after(Duration::from_millis(100))).await;
    }
    let asked = bench.sent_to(ONE);
    assert!((3..=6).contains(&asked), "{asked}");
    dead.store(false, std::sync::atomic::Ordering::Relaxed);
    bench.sleep(200).await;
    for i in 0..60 {
        bench.ask(&format!("b{i}.example.test."), RecordType::A).await.unwrap();
    }
    assert!(bench.sent_to(ONE) > asked + 20, "it takes its share again");
}

#[tokio::test(start_paused = true)]
async fn a_family_without_a_route_is_avoided() {
    let bench = Bench::new(|server, query, _| {
        if server == ip(TEST) {
            let servers: Vec<String> = (1..=8).map(|i| format!("2001:db8::{i}")).collect();
            let mut glue: Vec<(&str, &str)> =
                servers.iter().map(|one| ("ns.example.test.", one.as_str())).collect();
            glue.truncate(6);
            glue.push(("ns1.example.test.", ONE));
            return Some(vec![Act::Say(refers(query, "example.test.", &glue))]);
        }
        server.is_ipv6().then(|| vec![Act::Fail(ExchangeError::NoRoute)])
    });
    for i in 0..20 {
        bench.ask(&format!("a{i}.example.test."), RecordType::A).await.unwrap();
    }
    let by_ipv6 = bench.seen().iter().filter(|seen| seen.server.is_ipv6()).count();
    assert_eq!(by_ipv6, 1);
}

#[tokio::test(start_paused = true)]
async fn a_far_server_is_not_asked_when_a_near_one_is_known() {
    let bench = Bench::new(|server, query, _| {
        (server == ip(ONE)).then(|| vec![Act::Pause(600), Act::Say(good(query))])
    });
    for i in 0..50 {
        bench.ask(&format!("a{i}.example.test."), RecordType::A).await.unwrap();
    }
    assert!(bench.sent_to(ONE) <= 3, "{}", bench.sent_to(ONE));
}

#[tokio::test(start_paused = true)]
async fn probing_a_dead_server_costs_a_question_no_more_than_a_first_try() {
    let bench = Bench::new(|server, _, _| (server == ip(ONE)).then(Vec::new));
    let mut slowest = Duration::ZERO;
    for i in 0..200 {
        let start = bench.clock.now();
        bench.ask(&format!("a{i}.example.test."), RecordType::A).await.unwrap();
        if i > 0 {
            slowest = slowest.max(bench.clock.now().since(start));
        }
        bench.clock.sleep_until(bench.clock.now().after(Duration::from_secs(1))).await;
    }
    assert!(slowest < Duration::from_millis(450), "{slowest:?}");
    assert!((5..=10).contains(&bench.sent_to(ONE)), "{}", bench.sent_to(ONE));
}
