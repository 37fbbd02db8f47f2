//! No answer, however hostile, makes the walk cost more than its bounds.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::super::testing::*;
use crate::budget::Caps;
use crate::dns::message::Message;
use crate::dns::{Rcode, RecordType};
use crate::entropy::Entropy;
use crate::failure::Failure;
use crate::iterate::Lookup;
use crate::iterate::exchange::ExchangeError;
use crate::limits::{self, Limit, Reached};

fn reached(limit: Limit) -> Failure {
    reached_at(limit, limit.default_cap())
}

fn reached_at(limit: Limit, cap: u32) -> Failure {
    Failure::Limit(Reached { limit, cap })
}

fn glueless(query: &Message, count: usize) -> Message {
    let names: Vec<String> = (0..count).map(|i| format!("ns{i}.victim.org.")).collect();
    let servers: Vec<(&str, &str)> = names.iter().map(|one| (one.as_str(), "")).collect();
    refers(query, "example.test.", &servers)
}

fn with_table(bench: &Bench, known: Vec<(&'static str, &'static str)>) -> Arc<Table> {
    let table = Arc::new(Table { known, ..Table::default() });
    let lookup: Arc<dyn Lookup> = Arc::<Table>::clone(&table);
    let weak: Weak<dyn Lookup> = Arc::downgrade(&lookup);
    bench.resolver.set_lookup(weak);
    table
}

#[tokio::test(start_paused = true)]
async fn a_delegation_to_a_hundred_names_without_address_costs_few_lookups() {
    let bench =
        Bench::new(|server, query, _| (server == ip(TEST)).then(|| vec![Act::Say(glueless(query, 100))]));
    let table = with_table(&bench, Vec::new());
    let failure = bench.ask("www.example.test.", RecordType::A).await.unwrap_err();
    assert_eq!(failure, Failure::NoAddress(name("example.test.")));
    let looked_up = table.asked.lock().unwrap().len();
    assert!(looked_up <= 2 * limits::SERVER_LOOKUPS_PER_CUT_MAX, "{looked_up}");
}

/// The servers of `example.test.` refer each question one label further down.
fn ever_deeper(servers: &'static [(&'static str, &'static str)]) -> Bench {
    let referrals = AtomicUsize::new(0);
    Bench::new(move |server, query, _| {
        (server == ip(ONE) || server == ip(TWO)).then(|| {
            let asked = &query.question.as_ref().unwrap().name;
            let zone = asked.suffix(3 + referrals.fetch_add(1, Ordering::Relaxed));
            let mut message = refers(query, &zone.to_string(), servers);
            if servers.is_empty() {
                let host = format!("ns.{zone}");
                message = refers(query, &zone.to_string(), &[(host.as_str(), ONE)]);
            }
            vec![Act::Say(message)]
        })
    })
}

/// `www.`, a hundred labels, `example.test.`
fn deep() -> String {
    format!("www.{}example.test.", "x.".repeat(100))
}

#[tokio::test(start_paused = true)]
async fn thirty_two_referrals_are_followed() {
    let bench = ever_deeper(&[]);
    let failure = bench.ask(&deep(), RecordType::A).await.unwrap_err();
    assert_eq!(failure, reached(Limit::Referrals));
    assert_eq!(bench.told.count("Referred"), 32 + 1, "the last one is not followed");
}

#[tokio::test(start_paused = true)]
async fn twenty_four_lookups_of_name_servers_are_done_whatever_zones_they_are_for() {
    let bench = ever_deeper(&[("ns.good.", "")]);
    let table = with_table(&bench, vec![("ns.good.", ONE)]);
    let failure = bench.ask(&deep(), RecordType::A).await.unwrap_err();
    assert_eq!(failure, reached(Limit::ServerLookups));
    assert_eq!(table.asked.lock().unwrap().len(), 24);
}

#[tokio::test(start_paused = true)]
async fn five_failed_lookups_are_suffered_whatever_zones_they_are_for() {
    let bench = ever_deeper(&[("a.none.", ""), ("b.none.", ""), ("c.none.", ""), ("ns.good.", "")]);
    let table = with_table(&bench, vec![("ns.good.", ONE)]);
    let failure = bench.ask(&deep(), RecordType::A).await.unwrap_err();
    assert_eq!(failure, reached(Limit::ServerLookupFailures));
    let failed = table.asked.lock().unwrap().iter().filter(|(host, ..)| *host != name("ns.good.")).count();
    assert_eq!(failed, 2 * (5 + 1), "in both families");
}

#[tokio::test(start_paused = true)]
async fn sixty_short_questions_are_asked_for_one_client_and_then_whole_ones() {
    let bench = Bench::new(|server, query, _| {
        (server == ip(ONE) || server == ip(TWO)).then(|| vec![Act::Say(denies(query, "example.test."))])
    });
    let context = bench.context();
    for turn in 0..9 {
        let asked = question(&format!("{}t{turn}.example.test.", "x.".repeat(50)), RecordType::A);
        bench.resolver.resolve(&asked, &context).await.unwrap();
    }
    assert_eq!(bench.seen().iter().filter(|seen| seen.question.name.label_count() < 53).count(), 60 + 1);
}

#[tokio::test(start_paused = true)]
async fn a_lookup_that_runs_out_of_budget_ends_the_question() {
    struct Broke;
    impl Lookup for Broke {
        fn addresses<'a>(
            &'a self,
            _: &'a crate::dns::Name,
            _: bool,
            _: &'a crate::context::Context,
        ) -> crate::context::BoxFuture<'a, Result<Vec<IpAddr>, Failure>> {
            Box::pin(async { Err(reached(Limit::Packets)) })
        }

        fn doubt(&self, _: &crate::dns::Name) {}
    }
    let bench =
        Bench::new(|server, query, _| (server == ip(TEST)).then(|| vec![Act::Say(glueless(query, 9))]));
    let lookup: Arc<dyn Lookup> = Arc::new(Broke);
    bench.resolver.set_lookup(Arc::downgrade(&lookup));
    let failure = bench.ask("www.example.test.", RecordType::A).await.unwrap_err();
    assert_eq!(failure, reached(Limit::Packets));
}

#[tokio::test(start_paused = true)]
async fn every_packet_is_charged_and_the_budget_ends_the_question() {
    let bench = Bench::new(|server, _, _| (server == ip(ONE) || server == ip(TWO)).then(Vec::new));
    let context = bench.context_with(Caps::default().with(Limit::Packets, 6));
    let asked = question("www.example.test.", RecordType::A);
    let failure = bench.resolver.resolve(&asked, &context).await.unwrap_err();
    assert_eq!(failure, reached_at(Limit::Packets, 6));
    assert_eq!(bench.seen().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn referrals_octets_and_fallbacks_are_charged() {
    let bench = Bench::new(|server, query, transport| {
        let udp = transport == crate::dns::response::Transport::Udp;
        ((server == ip(ONE) || server == ip(TWO)) && udp).then(|| {
            let mut message = says(query);
            message.header.truncated = true;
            vec![Act::Say(message)]
        })
    });
    let context = bench.context();
    bench.resolver.resolve(&question("www.example.test.", RecordType::A), &context).await.unwrap();
    let spent = |limit| context.budget.spent(limit);
    assert_eq!((spent(Limit::Packets), spent(Limit::Kibibytes)), (5, 5));
    assert_eq!((spent(Limit::Referrals), spent(Limit::TcpFallbacks), spent(Limit::MinimiseSteps)), (2, 1, 2));
    for limit in [Limit::Referrals, Limit::TcpFallbacks, Limit::Kibibytes] {
        let context = bench.context_with(Caps::default().with(limit, 0));
        bench.delegations.remove_below(&name("."));
        let failure = bench.resolver.resolve(&question("www.example.test.", RecordType::A), &context).await;
        assert_eq!(failure.unwrap_err(), reached_at(limit, 0));
    }
    bench.delegations.remove_below(&name("."));
    let context = bench.context_with(Caps::default().with(Limit::MinimiseSteps, 0));
    assert!(bench.resolver.resolve(&question("www.example.test.", RecordType::A), &context).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn many_dead_addresses_are_asked_once_each() {
    let bench = Bench::new(|server, query, _| {
        if server == ip(TEST) {
            let names: Vec<String> = (0..10).map(|i| format!("ns{i}.example.test.")).collect();
            let mut message = refers(query, "example.test.", &[]);
            let hosts: Vec<&str> = names.iter().map(String::as_str).collect();
            message.authority = vec![ns("example.test.", &hosts)];
            for host in hosts {
                message.additional.extend((1..=13).map(|i| address(host, &format!("198.51.100.{i}"))));
            }
            return Some(vec![Act::Say(message)]);
        }
        (server != ip(ROOT)).then(Vec::new)
    });
    bench.ask("www.example.test.", RecordType::A).await.unwrap_err();
    let mut dead: Vec<IpAddr> = bench
        .seen()
        .iter()
        .map(|seen| seen.server)
        .filter(|server| *server != ip(ROOT) && *server != ip(TEST))
        .collect();
    let sent = dead.len();
    dead.sort();
    dead.dedup();
    assert!(sent <= 13 && dead.len() >= 6, "{sent} packets to {} addresses", dead.len());
}

/// A referral to so many name servers with so many addresses of each family.
fn crowded(query: &Message, servers: usize, addresses: usize) -> Message {
    let names: Vec<String> = (0..servers).map(|i| format!("ns{i}.example.test.")).collect();
    let mut message = refers(query, "example.test.", &[]);
    message.authority = vec![ns("example.test.", &names.iter().map(String::as_str).collect::<Vec<_>>())];
    for (i, name) in names.iter().enumerate() {
        for j in 1..=addresses {
            message.additional.push(address(name, &format!("198.51.{i}.{j}")));
            message.additional.push(address(name, &format!("2001:db8::{i}:{j}")));
        }
    }
    message
}

#[tokio::test(start_paused = true)]
async fn of_a_delegation_twenty_name_servers_with_six_addresses_of_a_family_are_kept() {
    let bench = Bench::new(|server, query, _| {
        (server == ip(TEST)).then(|| vec![Act::Say(crowded(query, 50, 9))]).or_else(|| {
            (server != ip(ROOT)).then(|| {
                let mut message = says(query);
                message.answer.push(a("www.example.test.", 1));
                vec![Act::Say(message)]
            })
        })
    });
    bench.ask("www.example.test.", RecordType::A).await.unwrap();
    let cut = bench.delegations.get(&name("example.test."), bench.clock.now()).unwrap();
    assert_eq!(cut.delegation.servers.len(), 20);
    assert!(cut.delegation.servers.iter().all(|server| server.glue.len() == 2 * 6));
}

#[tokio::test(start_paused = true)]
async fn of_the_name_servers_that_only_the_child_names_thirteen_are_kept() {
    let bench = Bench::new(|server, query, _| {
        (server == ip(ONE) || server == ip(TWO)).then(|| {
            let names: Vec<String> = (0..40).map(|i| format!("child{i}.test.")).collect();
            let mut message = says(query);
            message.answer.push(ns("example.test.", &names.iter().map(String::as_str).collect::<Vec<_>>()));
            vec![Act::Say(message)]
        })
    });
    bench.ask("example.test.", RecordType::NS).await.unwrap();
    let cut = bench.delegations.get(&name("example.test."), bench.clock.now()).unwrap();
    assert_eq!(cut.child_servers.len(), 13);
}

#[tokio::test(start_paused = true)]
async fn of_many_servers_that_refuse_twenty_four_are_asked() {
    let bench = Bench::new(|server, query, _| {
        (server == ip(TEST))
            .then(|| vec![Act::Say(crowded(query, 13, 6))])
            .or_else(|| (server != ip(ROOT)).then(|| vec![Act::Say(errs(query, Rcode::REFUSED))]))
    });
    bench.ask("www.example.test.", RecordType::A).await.unwrap_err();
    let above = bench.sent_to(ROOT) + bench.sent_to(TEST);
    assert_eq!(bench.seen().len() - above, 24);
}

#[tokio::test(start_paused = true)]
async fn that_a_name_is_no_cut_is_known_for_a_quarter_of_an_hour_at_most() {
    let bench = Bench::new(|server, query, _| {
        (server == ip(ONE) || server == ip(TWO)).then(|| {
            let asked = query.question.as_ref().unwrap().name.to_string();
            let mut message = says(query);
            message.answer.push(crate::dns::Rrset { ttl: 86_400, ..a(&asked, 80) });
            vec![Act::Say(message)]
        })
    });
    for (host, after_secs, packets) in [("a", 0, 6), ("b", 890, 1), ("c", 20, 3)] {
        bench.sleep(after_secs).await;
        bench.take_seen();
        bench.ask(&format!("{host}.x.y.example.test."), RecordType::A).await.unwrap();
        assert_eq!(bench.seen().len(), packets, "{host}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_single_dead_server_is_tried_three_times_in_a_few_seconds() {
    let bench = Bench::new(|server, query, _| {
        if server == ip(TEST) {
            return Some(vec![Act::Say(refers(query, "example.test.", &[("ns1.example.test.", ONE)]))]);
        }
        (server == ip(ONE)).then(Vec::new)
    });
    let start = bench.clock.now();
    // With a short question before the whole one: they count together.
    bench.ask("a.b.example.test.", RecordType::A).await.unwrap_err();
    assert_eq!(bench.sent_to(ONE), 3);
    let took = bench.clock.now().since(start);
    assert!(took < Duration::from_secs(4), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn no_question_lasts_longer_than_its_time() {
    let bench = Bench::new(|server, query, _| {
        if server == ip(TEST) {
            let glue: Vec<String> = (1..=12).map(|i| format!("198.51.100.{i}")).collect();
            let hosts: Vec<String> = (1..=12).map(|i| format!("ns{i}.example.test.")).collect();
            let all: Vec<(&str, &str)> =
                hosts.iter().zip(&glue).map(|(h, g)| (h.as_str(), g.as_str())).collect();
            return Some(vec![Act::Say(refers(query, "example.test.", &all))]);
        }
        (server != ip(ROOT)).then(Vec::new)
    });
    let context = bench.context_with(Caps::default().with(Limit::Milliseconds, 2_000));
    let start = bench.clock.now();
    let asked = question("www.example.test.", RecordType::A);
    let failure = bench.resolver.resolve(&asked, &context).await.unwrap_err();
    assert_eq!(failure, reached_at(Limit::Milliseconds, 2_000));
    assert!(bench.clock.now().since(start) <= Duration::from_millis(2_001));
}

#[tokio::test(start_paused = true)]
async fn many_names_below_one_domain_ask_for_its_servers_once() {
    let bench = Bench::new(|_, _, _| None);
    let names: Vec<String> = (0..9).map(|i| format!("a{i}.b.example.test.")).collect();
    let ask = |i: usize| bench.ask(&names[i], RecordType::A);
    let all = tokio::join!(ask(0), ask(1), ask(2), ask(3), ask(4), ask(5), ask(6), ask(7), ask(8));
    assert!(all.0.is_ok() && all.4.is_ok() && all.8.is_ok());
    assert_eq!((bench.sent_to(ROOT), bench.sent_to(TEST)), (2, 1));
    // One short question, nine whole ones.
    assert_eq!(bench.sent_to(ONE) + bench.sent_to(TWO), 10);
    assert_eq!(bench.told.count("Referred"), 1 + 9 * 2, "each question is told of its referrals");
}

#[tokio::test(start_paused = true)]
async fn a_question_whose_budget_ends_takes_no_other_with_it() {
    let bench = Bench::new(|_, _, _| None);
    bench.resolver.prime(&bench.context()).await.unwrap();
    let poor = bench.context_with(Caps::default().with(Limit::Packets, 0));
    let rich = bench.context();
    let (one, two) = (question("a.example.test.", RecordType::A), question("b.example.test.", RecordType::A));
    let (one, two) = tokio::join!(bench.resolver.resolve(&one, &poor), bench.resolver.resolve(&two, &rich));
    assert_eq!(one.unwrap_err(), reached_at(Limit::Packets, 0));
    assert!(two.is_ok(), "{two:?}");
}

#[tokio::test(start_paused = true)]
async fn a_name_of_a_hundred_labels_costs_few_packets_at_the_leaf() {
    let bench = Bench::new(|server, query, _| {
        (server == ip(ONE) || server == ip(TWO)).then(|| vec![Act::Say(denies(query, "example.test."))])
    });
    bench.ask(&format!("{}example.test.", "x.".repeat(100)), RecordType::A).await.unwrap();
    assert!(bench.sent_to(ONE) + bench.sent_to(TWO) <= 10, "{}", bench.seen().len());
}

/// One of the things a server may do, drawn at random.
fn anything(entropy: &Entropy, query: &Message) -> Vec<Act> {
    let asked = query.question.as_ref().unwrap().name.clone();
    let address_at_random = format!("203.0.113.{}", entropy.below(200));
    let deeper = asked.suffix(entropy.below(asked.label_count() + 1)).to_string();
    let mut message = match entropy.below(8) {
        0 => refers(query, &deeper, &[("ns.a.test.", &address_at_random), ("ns.b.org.", "")]),
        1 => glueless(query, 20),
        2 => errs(query, Rcode(u16::try_from(entropy.below(24)).unwrap())),
        3 => denies(query, &deeper),
        4 => {
            let mut message = says(query);
            message.answer.push(cname(&deeper, "a.b.c.test."));
            message.answer.push(dname(&deeper, "x.y.test."));
            message
        }
        5 => return vec![Act::Fail(ExchangeError::Refused)],
        6 => return vec![Act::Pause(u64::try_from(entropy.below(3_000)).unwrap()), Act::Say(says(query))],
        _ => refers(query, &asked.to_string(), &[("ns.a.test.", &address_at_random)]),
    };
    message.header.truncated = entropy.below(4) == 0;
    message.header.rcode = if entropy.below(4) == 0 { Rcode::NXDOMAIN } else { message.header.rcode };
    if entropy.below(5) == 0 {
        message.question = None;
    }
    vec![Act::Say(message)]
}

#[tokio::test(start_paused = true)]
async fn no_mixture_of_answers_costs_more_than_the_budget() {
    for seed in 0..150 {
        let entropy = Entropy::seeded(seed);
        let bench = Bench::with(
            |_| {},
            seed,
            move |server, query, _| (server != ip(ROOT)).then(|| anything(&entropy, query)),
        );
        let _table =
            with_table(&bench, vec![("ns.b.org.", "203.0.113.250"), ("ns3.victim.org.", "203.0.113.251")]);
        let context = bench.context();
        let asked = question("a.b.c.d.e.f.g.h.test.", RecordType::A);
        let start = bench.clock.now();
        let said = bench.resolver.resolve(&asked, &context).await;
        let sent = u32::try_from(bench.seen().len()).unwrap();
        assert!(sent <= Limit::Packets.default_cap(), "seed {seed}: {sent}");
        assert!(sent <= context.budget.spent(Limit::Packets), "seed {seed}: an uncharged packet");
        assert!(bench.clock.now().since(start) <= Duration::from_millis(10_001), "seed {seed}");
        if let Ok(said) = said {
            let sets = said.answer.iter().chain(&said.authority);
            assert!(
                sets.into_iter().all(|set| set.name.is_subdomain_of(&said.zone)),
                "seed {seed}: {said:?}"
            );
        }
    }
}
