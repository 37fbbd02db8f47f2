//! Negative trust anchors (RFC 7646): what is below them, when they go, and that nothing is left behind.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rootwalk::dns::edns::EdeCode;
use rootwalk::dns::{Name, Rcode, RecordType};
use rootwalk::lab::world::EPOCH_UNIX;
use rootwalk::lab::{Fault, Flaw, World, Zone};
use rootwalk::limits;
use rootwalk::service::{NegativeNews, PrivateAddresses};

use crate::harness::{Ask, Options, Reply, Sim, name, seed};

const WEB: [u8; 4] = [192, 0, 2, 80];
const DAY: u64 = 86_400;

/// Long enough for a zone to be tried.
const TRIED: u64 = limits::NEGATIVE_ANCHOR_CHECK.as_secs() + 30;

fn good() -> Zone {
    Zone::new("broken.org.").record("@ A 192.0.2.80").record("www A 192.0.2.80").record("old CNAME www")
}

fn broken() -> Zone {
    good().flaw(Flaw::Expired)
}

fn world(zone: Zone) -> World {
    let elsewhere = Zone::new("good.org.").record("www A 192.0.2.80").record("away CNAME www.broken.org.");
    World::new(seed()).zone(elsewhere).zone(zone)
}

/// What was told of negative trust anchors.
type Told = Arc<Mutex<Vec<(Name, NegativeNews)>>>;

/// A resolver with a negative trust anchor for the zone, tended as in a running server.
fn sim(zone: Zone, until: Option<u64>) -> (Sim, Told) {
    sim_with(world(zone), until, |_| {})
}

fn sim_with(world: World, until: Option<u64>, change: impl FnOnce(&mut Options)) -> (Sim, Told) {
    let sim = Sim::with(world, |options| {
        options.anchors = Box::new(move |_, mut anchors| {
            anchors.add_negative(name("broken.org."), until);
            anchors
        });
        change(options);
    });
    let told = tend(&sim);
    (sim, told)
}

fn tend(sim: &Sim) -> Told {
    let told = Told::default();
    let (service, hears) = (Arc::clone(&sim.service), Arc::clone(&told));
    tokio::spawn(service.tend_negative_anchors(move |zone, news| {
        hears.lock().unwrap().push((zone.clone(), news));
    }));
    told
}

fn news(told: &Told) -> Vec<NegativeNews> {
    told.lock().unwrap().iter().map(|(_, news)| *news).collect()
}

#[track_caller]
fn is_below_anchor(reply: &Reply, rcode: Rcode) {
    assert_eq!((reply.rcode(), reply.secure()), (rcode, false), "{reply:#?}");
    assert_eq!(reply.ede(), Some(EdeCode::NEGATIVE_TRUST_ANCHOR), "{reply:#?}");
    let text =
        "a negative trust anchor at broken.org. says not to validate this until 2027-01-16 08:00:00 UTC";
    assert_eq!(reply.text(), text);
}

#[tokio::test(start_paused = true)]
async fn below_a_negative_trust_anchor_nothing_is_judged_and_each_client_is_told_which_and_until_when() {
    let (sim, _) = sim(broken(), Some(EPOCH_UNIX + DAY));
    for (owner, rtype, rcode) in [
        ("www.broken.org.", RecordType::A, Rcode::NOERROR),
        ("WWW.broken.org.", RecordType::MX, Rcode::NOERROR),
        ("none.broken.org.", RecordType::A, Rcode::NXDOMAIN),
        ("old.broken.org.", RecordType::A, Rcode::NOERROR),
        ("broken.org.", RecordType::DNSKEY, Rcode::NOERROR),
        ("away.good.org.", RecordType::A, Rcode::NOERROR),
    ] {
        // From the network, and from the cache: with DO and without, with CD and AD.
        let plain = Ask { dnssec_ok: false, ..Ask::new(owner, rtype) };
        for ask in [Ask::new(owner, rtype), Ask::new(owner, rtype), Ask::unchecked(owner, rtype), plain] {
            is_below_anchor(&sim.ask_as(&ask).await, rcode);
        }
        let authentic = Ask { dnssec_ok: false, ad: true, ..Ask::new(owner, rtype) };
        let reply = sim.ask_as(&authentic).await;
        is_below_anchor(&reply, rcode);
        assert_eq!(reply.packets, 0);
    }
    sim.ask_a("www.good.org.").await.is_secure_address(WEB);
    // The parent is not below the anchor, nor is what it says of the zone.
    let ds = sim.ask("broken.org.", RecordType::DS).await;
    assert!(ds.secure() && ds.ede().is_none(), "{ds:#?}");
}

#[tokio::test(start_paused = true)]
async fn one_without_an_end_says_none() {
    let (sim, told) = sim(broken(), None);
    let reply = sim.ask_a("www.broken.org.").await;
    reply.is_address(WEB);
    assert_eq!(reply.text(), "a negative trust anchor at broken.org. says not to validate this");
    assert_eq!(news(&told), [NegativeNews::Stands(None)]);
}

#[tokio::test(start_paused = true)]
async fn when_its_time_is_over_what_was_kept_by_it_is_forgotten() {
    let (sim, told) = sim(broken(), Some(EPOCH_UNIX + 60));
    for owner in ["www.broken.org.", "away.good.org."] {
        let reply = sim.ask_a(owner).await;
        assert_eq!((reply.rcode(), reply.secure()), (Rcode::NOERROR, false));
    }
    sim.pass(61).await;
    for owner in ["www.broken.org.", "away.good.org."] {
        sim.ask_a(owner).await.is_failure(EdeCode::SIGNATURE_EXPIRED);
    }
    assert_eq!(news(&told), [NegativeNews::Stands(Some(EPOCH_UNIX + 60)), NegativeNews::Ended]);
}

#[tokio::test(start_paused = true)]
async fn one_that_has_ended_before_the_start_never_stood() {
    let (sim, told) = sim(broken(), Some(EPOCH_UNIX));
    sim.ask_a("www.broken.org.").await.is_failure(EdeCode::SIGNATURE_EXPIRED);
    assert_eq!(news(&told), [NegativeNews::Ended]);
}

#[tokio::test(start_paused = true)]
async fn it_is_lifted_as_soon_as_the_zone_validates_again() {
    let (sim, told) = sim(broken(), Some(EPOCH_UNIX + DAY));
    sim.ask_a("www.broken.org.").await.is_address(WEB);
    sim.ask_a("away.good.org.").await.is_address(WEB);
    sim.pass(TRIED).await;
    is_below_anchor(&sim.ask_a("www.broken.org.").await, Rcode::NOERROR);
    sim.change(&world(good()));
    sim.pass(TRIED).await;
    // Not what was kept for an hour.
    sim.ask_a("www.broken.org.").await.is_secure_address(WEB);
    sim.ask_a("away.good.org.").await.is_secure_address(WEB);
    assert_eq!(news(&told), [NegativeNews::Stands(Some(EPOCH_UNIX + DAY)), NegativeNews::Validates]);
}

#[tokio::test(start_paused = true)]
async fn it_is_lifted_when_the_zone_gives_signing_up_by_the_rules() {
    for zone in [good().unsigned(), broken().island()] {
        let (sim, told) = sim(broken(), Some(EPOCH_UNIX + DAY));
        sim.ask_a("www.broken.org.").await.is_address(WEB);
        sim.change(&world(zone));
        // The DS record that was seen is good for an hour.
        sim.pass(3_600 + TRIED).await;
        assert_eq!(news(&told).last(), Some(&NegativeNews::Validates));
        let reply = sim.ask_a("www.broken.org.").await;
        reply.is_address(WEB);
        assert_eq!((reply.secure(), reply.ede()), (false, None));
    }
}

#[tokio::test(start_paused = true)]
async fn it_stays_while_part_of_the_zone_is_broken_or_nobody_answers() {
    for zone in [
        broken(),
        good().fault(Fault::Dead),
        good().flaw_in(RecordType::A, Flaw::Expired),
        // The SOA is good, and that there is no AAAA is not proven.
        good().without_denial(),
    ] {
        let (sim, told) = sim(zone.clone(), Some(EPOCH_UNIX + DAY));
        sim.pass(4 * TRIED).await;
        assert_eq!(news(&told), [NegativeNews::Stands(Some(EPOCH_UNIX + DAY))], "{zone:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_without_an_end_is_never_lifted_though_the_zone_validates() {
    let (sim, told) = sim(good(), None);
    sim.pass(DAY).await;
    let reply = sim.ask_a("www.broken.org.").await;
    assert_eq!((reply.secure(), reply.ede()), (false, Some(EdeCode::NEGATIVE_TRUST_ANCHOR)));
    assert_eq!(news(&told).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_below_another_is_not_lifted_for_what_the_other_says() {
    let sim = Sim::with(world(good()), |options| {
        options.anchors = Box::new(|_, mut anchors| {
            anchors.add_negative(name("org."), None);
            anchors.add_negative(name("broken.org."), Some(EPOCH_UNIX + DAY));
            anchors
        });
    });
    let told = tend(&sim);
    sim.pass(TRIED).await;
    assert_eq!(news(&told).len(), 2, "both stand, none is gone");
}

#[tokio::test(start_paused = true)]
async fn trying_a_zone_leaves_nothing_behind_and_costs_little() {
    let (sim, told) = sim(broken(), Some(EPOCH_UNIX + DAY));
    sim.ask_a("www.broken.org.").await.is_address(WEB);
    let kept = || (sim.store.answers.len(), sim.store.failures.len(), sim.store.zones.len());
    let (before, sent) = (kept(), sim.network.sent());
    sim.pass(TRIED).await;
    let packets = sim.network.sent() - sent;
    assert_eq!((kept(), news(&told).len()), (before, 1));
    // The SOA of the zone, its keys, and each again of nobody: it has one server.
    assert!((1..=6).contains(&packets), "{packets}");
}

#[tokio::test(start_paused = true)]
async fn one_that_is_set_while_it_runs_makes_a_broken_zone_usable_at_once() {
    let sim = Sim::new(world(broken()));
    for owner in ["www.broken.org.", "away.good.org."] {
        sim.ask_a(owner).await.is_failure(EdeCode::SIGNATURE_EXPIRED);
    }
    let zone = name("broken.org.");
    sim.service.change_trust(std::slice::from_ref(&zone), |anchors| {
        anchors.add_negative(zone.clone(), Some(EPOCH_UNIX + DAY));
    });
    for owner in ["www.broken.org.", "away.good.org."] {
        is_below_anchor(&sim.ask_a(owner).await, Rcode::NOERROR);
    }
}

#[tokio::test(start_paused = true)]
async fn a_chain_that_outlives_the_anchor_of_one_of_its_aliases_is_not_kept() {
    let slow = Zone::new("slow.org.").record("www A 192.0.2.80").fault(Fault::Slow(Duration::from_secs(1)));
    let start = Zone::new("start.org.").record("away CNAME through.broken.org.");
    let broken = broken().record("through CNAME www.slow.org.");
    let (sim, told) = sim_with(world(broken).zone(slow).zone(start), Some(EPOCH_UNIX + 60), |_| {});
    sim.pass(59).await;
    let reply = sim.ask_a("away.start.org.").await;
    assert!(reply.rcode() == Rcode::NOERROR && !reply.secure(), "{}", reply.text());
    assert_eq!(news(&told).last(), Some(&NegativeNews::Ended), "while it was resolved");
    sim.ask_a("away.start.org.").await.is_failure(EdeCode::SIGNATURE_EXPIRED);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_emptied_of_private_addresses_goes_with_the_anchor_too() {
    let world = world(broken().record("inside A 10.1.2.3"))
        .zone(Zone::new("start.org.").record("away CNAME inside.broken.org."));
    let (sim, _) = sim_with(world, Some(EPOCH_UNIX + 60), |options| {
        options.private = PrivateAddresses::new(&["10.0.0.0/8".parse().unwrap()], Vec::new());
    });
    let reply = sim.ask_a("away.start.org.").await;
    assert!(reply.rcode() == Rcode::NOERROR && !reply.secure(), "{}", reply.text());
    assert_eq!(reply.types(), [RecordType::CNAME]);
    sim.pass(61).await;
    sim.ask_a("away.start.org.").await.is_failure(EdeCode::SIGNATURE_EXPIRED);
}
