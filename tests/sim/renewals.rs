//! What a renewal, or an answer that cannot be kept, does to what was known before.

use std::time::Duration;

use rootwalk::dns::{Rcode, RecordType};
use rootwalk::lab::{Fault, World, Zone};

use crate::harness::{Ask, Sim, seed};

const WEB: [u8; 4] = [192, 0, 2, 80];
const NEW: [u8; 4] = [192, 0, 2, 81];

fn world(zone: Zone) -> World {
    World::new(seed()).zone(zone)
}

fn site(records: &[&str]) -> Zone {
    records.iter().fold(Zone::new("example.org.").negative_ttl(100), |zone, record| zone.record(record))
}

/// Packets that fifty hits in five seconds cause.
async fn packets_of_hits(sim: &Sim, owner: &str) -> usize {
    let before = sim.network.sent();
    for _ in 0..50 {
        sim.ask_a(owner).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    sim.network.sent() - before
}

#[tokio::test(start_paused = true)]
async fn a_name_that_a_renewal_finds_gone_is_not_asked_for_at_each_hit() {
    let sim = Sim::new(world(site(&["www 1000 A 192.0.2.80"])));
    sim.ask_a("www.example.org.").await.is_secure_address(WEB);
    sim.change(&world(site(&[])));
    sim.pass(901).await;
    let packets = packets_of_hits(&sim, "www.example.org.").await;
    assert!(packets <= 2, "{packets} packets");
    assert_eq!(sim.ask_a("www.example.org.").await.rcode(), Rcode::NXDOMAIN);
}

#[tokio::test(start_paused = true)]
async fn an_answer_whose_renewal_may_not_be_kept_is_known_no_more() {
    let sim = Sim::new(world(site(&["www 1000 A 192.0.2.80"])));
    sim.ask_a("www.example.org.").await.is_secure_address(WEB);
    sim.change(&world(site(&["www 0 A 192.0.2.81"])));
    sim.pass(901).await;
    sim.ask_a("www.example.org.").await.is_secure_address(WEB);
    sim.pass(1).await;
    sim.ask_a("www.example.org.").await.is_secure_address(NEW);
    sim.change(&world(site(&[]).fault(Fault::Dead)));
    let reply = sim.ask_a("www.example.org.").await;
    assert_eq!(reply.rcode(), Rcode::SERVFAIL, "what its servers took back does not come back");
}

#[tokio::test(start_paused = true)]
async fn aliases_that_a_renewal_finds_to_lead_nowhere_are_not_followed_at_each_hit() {
    let other = || Zone::new("example.net.");
    for nowhere in [other(), other().fault(Fault::Dead)] {
        let before = site(&["www 1000 A 192.0.2.80"]);
        let sim = Sim::new(world(before).zone(other().record("www 1000 A 192.0.2.80")));
        sim.ask_a("www.example.org.").await.is_secure_address(WEB);
        sim.ask_a("www.example.net.").await.is_secure_address(WEB);
        sim.change(
            &world(site(&["www 5 CNAME new.example.net."]))
                .zone(nowhere.record("new 5 CNAME www.example.org.")),
        );
        sim.pass(901).await;
        packets_of_hits(&sim, "www.example.org.").await;
        let packets = packets_of_hits(&sim, "www.example.org.").await;
        assert!(packets <= 4, "{packets} packets");
        sim.ask_a("www.example.org.").await.is_secure_address(WEB);
    }
}

#[tokio::test(start_paused = true)]
async fn names_below_an_absent_one_are_not_asked_for_when_its_time_is_nearly_over() {
    let sim = Sim::new(world(site(&[])));
    assert_eq!(sim.ask_a("none.example.org.").await.rcode(), Rcode::NXDOMAIN);
    sim.pass(95).await;
    let before = sim.network.sent();
    for number in 0..100 {
        let reply = sim.ask_a(&format!("x{number}.none.example.org.")).await;
        assert_eq!((reply.rcode(), reply.packets), (Rcode::NXDOMAIN, 0));
    }
    sim.pass(1).await;
    let packets = sim.network.sent() - before;
    assert!(packets <= 1, "{packets} packets");
}

#[tokio::test(start_paused = true)]
async fn an_alias_that_cannot_be_renewed_leads_on_as_long_as_it_is_good() {
    let alias =
        |servers| Zone::new("example.net.").servers(servers).record("www 3600 CNAME www.example.org.");
    let worlds = |alias: Zone| world(site(&["www 60 A 192.0.2.80"])).zone(alias);
    let forged = Fault::rewrites(|_, reply| {
        reply.answer.iter_mut().for_each(|rrset| rrset.signatures.retain(|_| false));
    });
    let faults = [(1, Fault::Dead), (6, Fault::Dead), (1, Fault::Says(Rcode::SERVFAIL)), (2, forged)];
    for (servers, fault) in faults {
        let sim = Sim::with(worlds(alias(servers)), |options| options.stale = None);
        sim.ask_a("www.example.net.").await.is_secure_address(WEB);
        sim.change(&worlds(alias(servers).fault(fault)));
        for second in 1..3_600 {
            sim.pass(1).await;
            let reply = sim.ask_a("www.example.net.").await;
            assert_eq!(reply.rcode(), Rcode::NOERROR, "{second}: {}", reply.text());
            assert!(reply.secure());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_known_before_the_last_word_does_not_outlive_it() {
    // The name is there for a day, then gone; then nobody answers.
    let sim = Sim::new(world(site(&["www 86400 A 192.0.2.80"])));
    sim.ask_a("www.example.org.").await.is_secure_address(WEB);
    sim.change(&world(site(&[])));
    assert_eq!(sim.ask("www.example.org.", RecordType::MX).await.rcode(), Rcode::NXDOMAIN);
    sim.change(&world(site(&[]).fault(Fault::Dead)));
    sim.pass(86_400 + 50).await;
    assert_eq!(sim.ask_a("www.example.org.").await.rcode(), Rcode::NXDOMAIN);
    sim.pass(100).await;
    let reply = sim.ask_a("www.example.org.").await;
    assert_eq!(reply.rcode(), Rcode::SERVFAIL, "{:?}", reply.message.answer);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_came_back_is_not_gone_again_when_nobody_answers() {
    let sim = Sim::new(world(site(&[])));
    assert_eq!(sim.ask_a("www.example.org.").await.rcode(), Rcode::NXDOMAIN);
    sim.pass(101).await;
    sim.change(&world(site(&["www 0 A 192.0.2.80"])));
    sim.ask_a("www.example.org.").await.is_secure_address(WEB);
    sim.change(&world(site(&[]).fault(Fault::Dead)));
    assert_eq!(sim.ask_a("www.example.org.").await.rcode(), Rcode::SERVFAIL);
}

#[tokio::test(start_paused = true)]
async fn nothing_older_is_served_in_place_of_what_is_proven_wrong() {
    let sim = Sim::new(world(site(&[])));
    assert_eq!(sim.ask_a("www.example.org.").await.rcode(), Rcode::NXDOMAIN);
    sim.pass(101).await;
    let strip = Fault::rewrites(|_, reply| {
        reply.answer.iter_mut().for_each(|rrset| rrset.signatures.retain(|_| false));
    });
    sim.change(&world(site(&["www 100 A 192.0.2.80"]).fault(strip)));
    assert_eq!(sim.ask_a("www.example.org.").await.rcode(), Rcode::SERVFAIL);
    sim.pass(3_600).await;
    sim.change(&world(site(&[]).fault(Fault::Dead)));
    assert_eq!(sim.ask_a("www.example.org.").await.rcode(), Rcode::SERVFAIL);
}

#[tokio::test(start_paused = true)]
async fn who_checks_by_himself_gets_what_a_renewal_found_wrong_once_the_good_answer_is_over() {
    let sim = Sim::new(world(site(&["www 100 A 192.0.2.80"])));
    sim.ask_a("www.example.org.").await.is_secure_address(WEB);
    let strip = Fault::rewrites(|_, reply| {
        reply.answer.iter_mut().for_each(|rrset| rrset.signatures.retain(|_| false));
    });
    sim.change(&world(site(&["www 100 A 192.0.2.81"]).fault(strip)));
    sim.pass(91).await;
    for _ in 91..100 {
        sim.ask_a("www.example.org.").await.is_secure_address(WEB);
        sim.pass(1).await;
    }
    let before = sim.network.sent();
    for _ in 0..20 {
        sim.pass(1).await;
        sim.ask_as(&Ask::unchecked("www.example.org.", RecordType::A)).await.is_address(NEW);
        assert_eq!(sim.ask_a("www.example.org.").await.rcode(), Rcode::SERVFAIL);
    }
    let packets = sim.network.sent() - before;
    assert!(packets <= 20, "{packets} packets");
}
