//! What a resolver tells others of the keys it trusts: the root key sentinel (RFC 8509) and trust anchor signaling
//! (RFC 8145).

use std::sync::{Arc, Mutex};

use rootwalk::dns::edns::EdeCode;
use rootwalk::dns::{Name, Rcode, RecordType};
use rootwalk::lab::{Fault, Flaw, World, Zone};
use rootwalk::validate::Anchors;
use rootwalk::validate::anchors::AnchorKey;

use crate::harness::{Ask, Options, Reply, Sim, name, seed};

const WEB: [u8; 4] = [192, 0, 2, 80];

/// The key tag of the root's anchor.
fn trusted() -> u16 {
    let root = World::new(seed()).build().unwrap();
    let anchors = Anchors::parse(&root.anchor_text()).unwrap();
    anchors.iter().next().unwrap().1[0].key_tag()
}

fn other() -> u16 {
    trusted() ^ 1
}

fn claim(word: &str, tag: u16) -> String {
    format!("root-key-sentinel-{word}-ta-{tag:05}.example.org.")
}

/// A zone where every name has an address.
fn site() -> Zone {
    Zone::new("example.org.").record("* A 192.0.2.80")
}

fn sim(zone: Zone, change: impl FnOnce(&mut Options)) -> Sim {
    Sim::with(World::new(seed()).zone(zone), change)
}

#[track_caller]
fn is_refuted(reply: &Reply) {
    reply.is_failure(EdeCode::DNSSEC_BOGUS);
    assert!(reply.text().starts_with("root key sentinel (RFC 8509): key "), "{}", reply.text());
    assert!(reply.message.answer.is_empty() && reply.message.authority.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_name_that_says_what_is_not_so_of_the_roots_keys_fails() {
    let sim = sim(site(), |_| {});
    // From the network and from the cache.
    for _ in 0..2 {
        for name in [claim("is", trusted()), claim("not", other()).to_uppercase()] {
            sim.ask_a(&name).await.is_secure_address(WEB);
            assert!(sim.ask(&name, RecordType::AAAA).await.secure());
        }
        for name in [claim("is", other()), claim("not", trusted()).to_uppercase()] {
            is_refuted(&sim.ask_a(&name).await);
            // A denial that is secure as well (§2.1 speaks of no response code), and clients without DO.
            is_refuted(&sim.ask(&name, RecordType::AAAA).await);
            is_refuted(&sim.ask_as(&Ask { dnssec_ok: false, ..Ask::new(&name, RecordType::A) }).await);
            // Other types, and clients that check by themselves, get what the zone says.
            sim.ask_as(&Ask::unchecked(&name, RecordType::A)).await.is_address(WEB);
            assert_eq!(sim.ask(&name, RecordType::TXT).await.rcode(), Rcode::NOERROR);
        }
        let below = format!("www.{}", claim("is", other()));
        sim.ask_a(&below).await.is_secure_address(WEB);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_secure_is_left_alone() {
    type Change = fn(&mut Options);
    let cases: [(Zone, Change); 3] = [
        (site().unsigned(), |_| {}),
        (site(), |options| options.validation = false),
        (site(), |options| options.root_key_sentinel = false),
    ];
    for (zone, change) in cases {
        let sim = sim(zone, change);
        for _ in 0..2 {
            for name in [claim("is", other()), claim("not", trusted())] {
                sim.ask_a(&name).await.is_address(WEB);
            }
        }
    }
    let bogus = sim(site().flaw(Flaw::Expired), |_| {});
    bogus.ask_a(&claim("is", other())).await.is_failure(EdeCode::SIGNATURE_EXPIRED);
}

#[tokio::test(start_paused = true)]
async fn the_name_that_was_asked_for_counts_also_where_it_is_an_alias() {
    let zone = Zone::new("example.org.").record("* CNAME www.example.net.");
    let world = World::new(seed()).zone(zone).zone(Zone::new("example.net.").record("www A 192.0.2.80"));
    let sim = Sim::new(world);
    for _ in 0..2 {
        is_refuted(&sim.ask_a(&claim("is", other())).await);
        sim.ask_a(&claim("is", trusted())).await.is_secure_address(WEB);
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_trusted_from_now_on_is_told_at_once() {
    let sim = sim(site(), |_| {});
    is_refuted(&sim.ask_a(&claim("is", other())).await);
    let [high, low] = other().to_be_bytes();
    let mut ds = vec![high, low, 13, 2];
    ds.extend([0; 32]);
    sim.service.change_trust(&[], |anchors| anchors.add(Name::root(), AnchorKey::Ds(ds)));
    let before = sim.network.sent();
    sim.ask_a(&claim("is", other())).await.is_secure_address(WEB);
    is_refuted(&sim.ask_a(&claim("not", other())).await);
    assert!(sim.network.sent() - before <= 1, "the answer is the cache's");
}

/// Questions of type NULL that a zone's servers were asked.
type Heard = Arc<Mutex<Vec<String>>>;

/// A zone whose servers note what they are told.
fn listening(zone: &str) -> (Zone, Heard) {
    let heard = Heard::default();
    let notes = Arc::clone(&heard);
    let note = Fault::rewrites(move |question, _| {
        if question.rtype == RecordType::NULL {
            notes.lock().unwrap().push(question.name.to_lowercase().to_string());
        }
    });
    (Zone::new(zone).fault(note), heard)
}

fn told(heard: &Heard) -> Vec<String> {
    std::mem::take(&mut *heard.lock().unwrap())
}

#[tokio::test(start_paused = true)]
async fn the_servers_of_each_anchored_zone_are_told_daily_which_keys_are_trusted() {
    let (root, by_root) = listening(".");
    let (isle, by_isle) = listening("isle.org.");
    let (hidden, by_hidden) = listening("hidden.org.");
    let world = World::new(seed()).zone(root).zone(isle).zone(hidden);
    let sim = Sim::with(world, |options| {
        options.anchors = Box::new(|_, mut anchors| {
            for (zone, tag) in [("isle.org.", 0x0102_u16), ("isle.org.", 0x00ff), ("hidden.org.", 7)] {
                let [high, low] = tag.to_be_bytes();
                anchors.add(name(zone), AnchorKey::Ds(vec![high, low, 13, 2]));
            }
            // Not judged by its keys while this stands.
            anchors.add_negative(name("hidden.org."), None);
            anchors
        });
    });
    tokio::spawn(Arc::clone(&sim.service).signal_trust_anchors());
    let of_root = format!("_ta-{:04x}.", trusted());
    for _ in 0..3 {
        sim.pass(10).await;
        assert_eq!(told(&by_root), std::slice::from_ref(&of_root));
        assert_eq!(told(&by_isle), ["_ta-00ff-0102.isle.org."]);
        sim.pass(86_300).await;
        assert_eq!((told(&by_root), told(&by_isle)), (vec![], vec![]));
        // That there is no such name is known, for clients: the servers hear of it all the same.
        assert_eq!(sim.ask(&of_root, RecordType::NULL).await.rcode(), Rcode::NXDOMAIN);
        assert_eq!(told(&by_root).len(), 1);
        sim.pass(90).await;
    }
    assert_eq!(told(&by_hidden), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn who_was_not_reached_is_told_within_the_hour() {
    let (root, by_root) = listening(".");
    let sim = Sim::new(World::new(seed()).zone(root.clone().fault(Fault::Dead)));
    tokio::spawn(Arc::clone(&sim.service).signal_trust_anchors());
    sim.pass(600).await;
    sim.change(&World::new(seed()).zone(root));
    told(&by_root);
    sim.pass(3_600).await;
    assert_eq!(told(&by_root), [format!("_ta-{:04x}.", trusted())]);
}

#[tokio::test(start_paused = true)]
async fn who_was_reached_is_not_told_again_because_another_was_not() {
    let (root, by_root) = listening(".");
    let world = World::new(seed()).zone(root).zone(Zone::new("isle.org.").fault(Fault::Dead));
    let sim = Sim::with(world, |options| {
        options.anchors = Box::new(|_, mut anchors| {
            anchors.add(name("isle.org."), AnchorKey::Ds(vec![1, 2, 13, 2]));
            anchors
        });
    });
    tokio::spawn(Arc::clone(&sim.service).signal_trust_anchors());
    sim.pass(86_000).await;
    assert_eq!(told(&by_root).len(), 1);
    sim.pass(4_000).await;
    assert_eq!(told(&by_root).len(), 1, "the next day");
}

#[tokio::test(start_paused = true)]
async fn nobody_is_told_anything_without_validation_or_where_it_is_turned_off() {
    type Change = fn(&mut Options);
    let changes: [Change; 3] = [
        |options| options.validation = false,
        |options| options.trust_anchor_signaling = false,
        |options| options.anchors = Box::new(|_, _| Anchors::none()),
    ];
    for change in changes {
        let (root, by_root) = listening(".");
        let sim = Sim::with(World::new(seed()).zone(root), change);
        tokio::spawn(Arc::clone(&sim.service).signal_trust_anchors());
        sim.pass(100_000).await;
        assert_eq!((told(&by_root), sim.network.sent()), (vec![], 0));
    }
}
