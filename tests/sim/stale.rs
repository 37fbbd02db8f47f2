//! Answers past their time (RFC 8767), and answers renewed before it.

use std::sync::Arc;
use std::time::Duration;

use rootwalk::dns::edns::EdeCode;
use rootwalk::dns::encode::encode_query;
use rootwalk::dns::message::Message;
use rootwalk::dns::response::Transport;
use rootwalk::dns::{Question, Rcode, RecordType};
use rootwalk::lab::{Fault, World, Zone};
use rootwalk::service::{Client, StaleSettings};

use crate::harness::{Ask, Sim, seed};

const WEB: [u8; 4] = [192, 0, 2, 80];
const NEW: [u8; 4] = [192, 0, 2, 81];

fn site(zone: &str) -> Zone {
    Zone::new(zone).record("www 100 A 192.0.2.80").negative_ttl(100)
}

/// The same zone with another address.
fn moved(zone: &str) -> Zone {
    Zone::new(zone).record("www 100 A 192.0.2.81").negative_ttl(100)
}

fn world() -> World {
    World::new(seed())
}

/// Its zone is known, the answer for www.example.org. a second past its time.
async fn expired(zone: Zone) -> Sim {
    let sim = Sim::new(world().zone(zone));
    sim.ask_a("www.example.org.").await.is_secure_address(WEB);
    sim.pass(101).await;
    sim
}

fn dead() -> World {
    world().zone(site("example.org.").fault(Fault::Dead))
}

#[tokio::test(start_paused = true)]
async fn when_no_server_answers_the_last_known_answer_is_served_and_says_so() {
    let sim = expired(site("example.org.")).await;
    sim.change(&dead());
    let reply = sim.ask_a("www.example.org.").await;
    reply.is_address(WEB);
    assert!(!reply.secure(), "nobody can say that it is still so");
    assert_eq!(reply.message.answer[0].ttl, 30);
    assert_eq!(reply.ede(), Some(EdeCode::STALE_ANSWER), "{}", reply.text());
    // The failure is remembered by then: there is nothing to wait for.
    sim.pass(4).await;
    let again = sim.ask_a("www.example.org.").await;
    again.is_address(WEB);
    assert!(again.took < Duration::from_millis(1) && again.packets == 0, "{:?}", again.took);
    assert!(again.text().contains("no server of example.org. gave a usable answer"), "{}", again.text());
}

#[tokio::test(start_paused = true)]
async fn nothing_stale_is_served_before_a_fresh_answer_had_its_time() {
    for (delay, fresh) in [(700, true), (2_500, false)] {
        let slow = Fault::Slow(Duration::from_millis(delay));
        let sim = expired(site("example.org.")).await;
        // What was known of the server's speed would end the wait sooner.
        sim.store.servers.remove(sim.server("example.org."));
        sim.change(&world().zone(moved("example.org.").fault(slow)));
        let reply = sim.ask_a("www.example.org.").await;
        if fresh {
            reply.is_secure_address(NEW);
            continue;
        }
        assert_eq!(reply.ede(), Some(EdeCode::STALE_ANSWER));
        let waited = reply.took.as_millis();
        assert!((1_800..1_850).contains(&waited), "{waited} ms");
        assert!(reply.text().contains("have not answered within 1800 ms"), "{}", reply.text());
    }
}

#[tokio::test(start_paused = true)]
async fn who_asks_while_others_have_waited_in_vain_does_not_wait_again() {
    let sim = expired(site("example.org.")).await;
    sim.store.servers.remove(sim.server("example.org."));
    sim.change(&world().zone(moved("example.org.").fault(Fault::Slow(Duration::from_secs(30)))));
    assert_eq!(sim.ask_a("www.example.org.").await.took.as_millis(), 1_800);
    let next = sim.ask_a("www.example.org.").await;
    assert_eq!((next.ede(), next.took), (Some(EdeCode::STALE_ANSWER), Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn the_work_goes_on_after_a_stale_answer() {
    let sim = expired(site("example.org.")).await;
    let slow = || Fault::Slow(Duration::from_millis(1_200));
    let keys = slow().for_type(RecordType::DNSKEY);
    sim.change(&world().zone(moved("example.org.").fault(slow().for_type(RecordType::A)).fault(keys)));
    let zone = crate::harness::name("example.org.");
    sim.store.zones.remove(&zone);
    sim.store.servers.remove(sim.server("example.org."));
    assert_eq!(sim.ask_a("www.example.org.").await.ede(), Some(EdeCode::STALE_ANSWER));
    sim.pass(4).await;
    let fresh = sim.ask_a("www.example.org.").await;
    fresh.is_secure_address(NEW);
    assert_eq!(fresh.packets, 0);
}

#[tokio::test(start_paused = true)]
async fn the_absence_of_a_name_is_served_past_its_time_too() {
    let sim = Sim::new(world().zone(site("example.org.")));
    assert_eq!(sim.ask_a("none.example.org.").await.rcode(), Rcode::NXDOMAIN);
    assert_eq!(sim.ask("www.example.org.", RecordType::MX).await.rcode(), Rcode::NOERROR);
    sim.pass(101).await;
    sim.change(&dead());
    let absent = sim.ask_a("none.example.org.").await;
    assert_eq!((absent.rcode(), absent.ede()), (Rcode::NXDOMAIN, Some(EdeCode::STALE_NXDOMAIN)));
    assert!(!absent.secure());
    let empty = sim.ask("www.example.org.", RecordType::MX).await;
    assert_eq!((empty.rcode(), empty.ede()), (Rcode::NOERROR, Some(EdeCode::STALE_ANSWER)));
    assert!(empty.message.answer.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_whole_chain_of_aliases_is_served_past_its_time() {
    let alias = Zone::new("example.net.").record("www 100 CNAME www.example.org.");
    let sim = Sim::new(world().zone(site("example.org.")).zone(alias.clone()));
    sim.ask_a("www.example.net.").await.is_secure_address(WEB);
    sim.pass(101).await;
    sim.change(&world().zone(site("example.org.").fault(Fault::Dead)).zone(alias.fault(Fault::Dead)));
    let reply = sim.ask_a("www.example.net.").await;
    reply.is_address(WEB);
    assert_eq!(reply.types(), [RecordType::CNAME, RecordType::A]);
    assert_eq!(reply.ede(), Some(EdeCode::STALE_ANSWER));
    // The other type is known of neither name.
    assert_eq!(sim.ask("www.example.net.", RecordType::AAAA).await.rcode(), Rcode::SERVFAIL);
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_name_does_not_come_back() {
    for below in [false, true] {
        let sim = expired(site("example.org.")).await;
        // The delegation is gone, and the parent says so.
        let gone = |org: Zone| world().zone(site("example.org.").undelegated()).zone(org.negative_ttl(100));
        sim.change(&gone(Zone::new("org.")));
        sim.store.delegations.remove(&crate::harness::name("example.org."));
        let asked = if below { "example.org." } else { "www.example.org." };
        assert_eq!(sim.ask_a(asked).await.rcode(), Rcode::NXDOMAIN);
        sim.pass(200).await;
        sim.change(&gone(Zone::new("org.").fault(Fault::Dead)));
        let reply = sim.ask_a("www.example.org.").await;
        assert_eq!((reply.rcode(), reply.ede()), (Rcode::NXDOMAIN, Some(EdeCode::STALE_NXDOMAIN)), "{below}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_stale_is_served_in_place_of_what_is_proven_wrong() {
    let sim = expired(site("example.org.")).await;
    let strip = Fault::rewrites(|_, reply| {
        reply.answer.iter_mut().for_each(|rrset| rrset.signatures.retain(|_| false));
    });
    sim.change(&world().zone(site("example.org.").fault(strip)));
    for _ in 0..2 {
        let reply = sim.ask_a("www.example.org.").await;
        assert_eq!(reply.rcode(), Rcode::SERVFAIL, "{}", reply.text());
        assert!(reply.message.answer.is_empty());
    }
    // Nor is what was proven wrong itself, when its servers are gone.
    sim.pass(3_600).await;
    sim.change(&dead());
    let reply = sim.ask_as(&Ask::unchecked("www.example.org.", RecordType::A)).await;
    assert_eq!(reply.rcode(), Rcode::SERVFAIL, "{}", reply.text());
}

#[tokio::test(start_paused = true)]
async fn after_a_day_past_its_time_an_answer_is_no_longer_served() {
    for (past, rcode) in [(86_399, Rcode::NOERROR), (86_401, Rcode::SERVFAIL)] {
        let sim = expired(site("example.org.")).await;
        sim.change(&dead());
        sim.pass(past - 1).await;
        assert_eq!(sim.ask_a("www.example.org.").await.rcode(), rcode, "{past}");
    }
}

#[tokio::test(start_paused = true)]
async fn serving_stale_answers_can_be_turned_off_and_bounded() {
    let settings = StaleSettings { client_timeout: Duration::ZERO, reply_ttl_secs: 7, ttl_secs: 60 };
    for (stale, at_first) in [(None, Rcode::SERVFAIL), (Some(settings), Rcode::NOERROR)] {
        let sim = Sim::with(world().zone(site("example.org.")), |options| options.stale = stale);
        sim.ask_a("www.example.org.").await.is_secure_address(WEB);
        sim.pass(101).await;
        sim.change(&dead());
        let reply = sim.ask_a("www.example.org.").await;
        assert_eq!(reply.rcode(), at_first);
        if stale.is_some() {
            assert_eq!((reply.message.answer[0].ttl, reply.took), (7, Duration::ZERO));
        }
        sim.pass(60).await;
        assert_eq!(sim.ask_a("www.example.org.").await.rcode(), Rcode::SERVFAIL);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_asked_for_in_its_last_tenth_is_renewed_once() {
    let sim = Arc::new(expired(site("example.org.")).await);
    sim.ask_a("www.example.org.").await.is_secure_address(WEB);
    sim.change(&world().zone(moved("example.org.")));
    sim.pass(89).await;
    sim.ask_a("www.example.org.").await.is_secure_address(WEB);
    sim.pass(0).await;
    let before = sim.network.sent();
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(sim.network.sent(), before, "not yet the last tenth");
    tokio::time::sleep(Duration::from_millis(200)).await;
    for _ in 0..50 {
        let hit = sim.ask_a("www.example.org.").await;
        hit.is_secure_address(WEB);
        assert!(hit.took < Duration::from_millis(1), "{:?}", hit.took);
    }
    sim.pass(1).await;
    assert_eq!(sim.network.sent(), before + 1);
    let renewed = sim.ask_a("www.example.org.").await;
    renewed.is_secure_address(NEW);
    assert!(renewed.packets == 0 && renewed.message.answer[0].ttl > 90);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_asked_for_all_the_time_is_never_waited_for() {
    let alias = Zone::new("example.net.").record("www 50 CNAME www.example.org.");
    let sim = Sim::new(world().zone(site("example.org.")).zone(alias));
    let names = ["www.example.net.", "www.example.org.", "none.example.org."];
    for owner in names {
        sim.ask_a(owner).await;
    }
    for second in 0..1_000 {
        sim.pass(1).await;
        for owner in names {
            let reply = sim.ask_a(owner).await;
            assert!(
                reply.secure() && reply.took < Duration::from_millis(1),
                "{owner} {second}: {:?}",
                reply.took
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_fails_takes_nothing_away() {
    let strip = Fault::rewrites(|_, reply| {
        reply.answer.iter_mut().for_each(|rrset| rrset.signatures.retain(|_| false));
    });
    for fault in [Fault::Dead, Fault::Says(Rcode::SERVFAIL), strip] {
        let sim = Sim::new(world().zone(site("example.org.")));
        sim.ask_a("www.example.org.").await.is_secure_address(WEB);
        sim.change(&world().zone(site("example.org.").fault(fault)));
        sim.pass(91).await;
        let before = sim.network.sent();
        for _ in 0..80 {
            sim.ask_a("www.example.org.").await.is_secure_address(WEB);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let tries = sim.network.sent() - before;
        assert!((1..40).contains(&tries), "tried, and not at each hit (RFC 9520): {tries} packets");
    }
}

#[tokio::test(start_paused = true)]
async fn what_lives_shortly_is_not_renewed_and_nothing_if_so_configured() {
    for (prefetch, ttl) in [(true, 9), (false, 100)] {
        let zone = Zone::new("example.org.").record(&format!("www {ttl} A 192.0.2.80"));
        let sim = Sim::with(world().zone(zone), |options| options.prefetch = prefetch);
        sim.ask_a("www.example.org.").await.is_secure_address(WEB);
        let before = sim.network.sent();
        tokio::time::sleep(Duration::from_millis(ttl * 1_000 - 100)).await;
        sim.ask_a("www.example.org.").await.is_secure_address(WEB);
        tokio::time::sleep(Duration::from_millis(90)).await;
        assert_eq!(sim.network.sent(), before);
    }
}

#[tokio::test(start_paused = true)]
async fn fetching_keys_early_saves_time() {
    let took = async |prefetch_key| {
        let sim =
            Sim::with(world().zone(site("example.org.")), |options| options.prefetch_key = prefetch_key);
        sim.network.set_round_trip(sim.server("example.org."), Duration::from_millis(200));
        let reply = sim.ask_a("www.example.org.").await;
        reply.is_secure_address(WEB);
        reply.took.as_millis()
    };
    let (early, late) = (took(true).await, took(false).await);
    assert!(late > early + 100, "{early} ms, {late} ms");
}

#[tokio::test(start_paused = true)]
async fn who_only_looks_into_the_cache_sets_nothing_going() {
    let sim = expired(site("example.org.")).await;
    sim.ask_a("www.example.org.").await.is_secure_address(WEB);
    sim.pass(95).await;
    let before = sim.network.sent();
    let question = Question::new(crate::harness::name("www.example.org."), RecordType::A);
    let query = encode_query(77, &question, false, false, None);
    let client = Client { address: "10.9.0.1:4000".parse().unwrap(), transport: Transport::Udp };
    let reply = Message::parse(&sim.service.handle(&query, client).await.unwrap()).unwrap();
    assert_eq!((reply.header.rcode, reply.answer.len()), (Rcode::NOERROR, 1));
    sim.pass(1).await;
    assert_eq!(sim.network.sent(), before);
    sim.ask_a("www.example.org.").await;
    sim.pass(1).await;
    assert!(sim.network.sent() > before);
}
