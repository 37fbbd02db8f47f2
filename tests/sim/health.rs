//! The health of the chain of trust: figures of what was judged, and warnings before a watched zone expires.

use std::sync::{Arc, Mutex};

use rootwalk::clock::date;
use rootwalk::dns::RecordType;
use rootwalk::lab::world::EPOCH_UNIX;
use rootwalk::lab::{Fault, Flaw, World, Zone};
use rootwalk::service::health::{Condition, Report, ZoneHealth};

use crate::harness::{Sim, name, seed};

const DAY: u64 = 86_400;

/// Reports as they come, each with its day since the beginning.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<(f64, Report)>>>);

impl Log {
    fn take(&self) -> Vec<(f64, Report)> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// Days and sentences.
    fn lines(&self) -> Vec<String> {
        self.take().iter().map(|(day, report)| format!("{day:.1} {report}")).collect()
    }
}

/// Begins to watch `example.org.`.
fn watch(sim: &Sim) -> Log {
    let log = Log::default();
    let (service, heard, clock) = (Arc::clone(&sim.service), log.clone(), sim.clock.clone());
    tokio::spawn(async move {
        let say = |report: &Report| {
            #[expect(clippy::cast_precision_loss, reason = "days of a test")]
            let day = clock.now().secs() as f64 / DAY as f64;
            heard.0.lock().unwrap().push((day, report.clone()));
        };
        service.watch_zones(&[name("example.org.")], say).await;
    });
    log
}

fn health(sim: &Sim, zone: &str) -> ZoneHealth {
    let all = sim.service.health().zones();
    all.into_iter().find(|health| health.zone == name(zone)).unwrap()
}

/// Long signatures above, and the zone's own good for so many days from `day` on, made then.
fn world(day: u64, zone: Zone) -> World {
    let days = |count: u64| u32::try_from(count * DAY).unwrap();
    World::new(seed())
        .dated(EPOCH_UNIX + day * DAY)
        .zone(Zone::new(".").valid_for(days(400)))
        .zone(Zone::new("org.").valid_for(days(400)))
        .zone(zone)
}

fn site() -> Zone {
    Zone::new("example.org.").record("www A 192.0.2.80").valid_for(4 * 86_400)
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_is_not_signed_anew_is_warned_of_before_it_expires() {
    let sim = Sim::new(world(0, site()));
    let log = watch(&sim);
    sim.pass(3 * DAY).await;
    assert_eq!(log.lines(), [""; 0], "all is well until a tenth of the lifetime is left");
    sim.pass(2 * DAY).await;
    let told = log.take();
    // The lab's signatures begin a day before they are made: five days, a tenth of them is 12 hours, a fortieth three.
    let kinds: Vec<(String, &str)> = told
        .iter()
        .map(|(day, report)| {
            let kind = match report.health.condition {
                Condition::Soon => "soon",
                Condition::Urgent => "urgent",
                Condition::Expired => "expired",
                Condition::Bogus(_) => "bogus",
                _ => "other",
            };
            (format!("{day:.2}"), kind)
        })
        .collect();
    let kinds: Vec<(&str, &str)> = kinds.iter().map(|(day, kind)| (day.as_str(), *kind)).collect();
    let wanted = [("3.51", "soon"), ("3.88", "urgent"), ("4.00", "expired"), ("4.50", "bogus")];
    assert_eq!(kinds, wanted, "{told:#?}");
    let until = date(EPOCH_UNIX + 4 * DAY);
    let first = told[0].1.to_string();
    assert!(first.starts_with("example.org. is secure; the signature over example.org. "), "{first}");
    assert!(
        first.contains(&format!("of example.org.) expires {until}, in 11 h, and should have been")),
        "{first}"
    );
    let last = told[3].1.to_string();
    assert!(
        last.starts_with("example.org. is bogus: example.org. DNSKEY: signature expired 12 h ago"),
        "{last}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_is_signed_anew_moves_the_figure_and_is_well_again() {
    let sim = Sim::new(world(0, site()));
    let log = watch(&sim);
    let expires = |zone| health(&sim, zone).expires.unwrap().signature.expiration - EPOCH_UNIX;
    sim.pass(60).await;
    assert_eq!((expires("example.org."), expires(".")), (4 * DAY, 400 * DAY));
    sim.pass(3 * DAY + DAY / 2 + 3_600).await;
    assert_eq!(log.lines().len(), 1);
    sim.change(&world(3, site()));
    // Within an hour, though the records of before are in the caches for longer.
    sim.pass(3_600).await;
    assert_eq!(expires("example.org."), 7 * DAY);
    let lines = log.lines();
    assert!(lines.len() == 1 && lines[0].contains("in 3 d, well again"), "{lines:?}");
    sim.pass(DAY).await;
    assert_eq!(log.lines(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_watched_zone_is_told_of_when_it_is_bogus_or_its_ds_is_gone() {
    let sim = Sim::new(world(0, site()));
    let log = watch(&sim);
    sim.pass(60).await;
    sim.change(&world(0, site().flaw(Flaw::BitFlipped)));
    sim.pass(2 * 3_600).await;
    let lines = log.lines();
    assert!(
        lines.len() == 1
            && lines[0].contains("is bogus: example.org. SOA: signature does not match the data (key "),
        "{lines:?}"
    );
    sim.change(&world(0, site().island()));
    sim.pass(2 * 3_600).await;
    assert_eq!(health(&sim, "example.org.").expires, None);
    let lines = log.lines();
    let sentence = "example.org. is insecure: the parent zone proves that it has no DS record";
    assert!(lines.len() == 1 && lines[0].ends_with(sentence), "{lines:?}");
    sim.change(&world(0, site()));
    sim.pass(2 * 3_600).await;
    assert!(log.lines()[0].ends_with("well again"));
    // Straight from secure to unsigned.
    sim.change(&world(0, site().unsigned()));
    sim.pass(2 * 3_600).await;
    let lines = log.lines();
    assert!(lines.len() == 1 && lines[0].ends_with("was its DS record meant to go?"), "{lines:?}");
    // Told again each day, and no more often.
    sim.pass(2 * DAY).await;
    assert_eq!(log.lines().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_cannot_be_asked_keeps_its_figure_and_is_told_of_once_a_day() {
    let sim = Sim::new(world(0, site()));
    let log = watch(&sim);
    sim.pass(60).await;
    let before = health(&sim, "example.org.").expires;
    sim.change(&world(0, site().fault(Fault::Dead)));
    sim.pass(DAY / 2).await;
    let lines = log.lines();
    assert!(
        lines.len() == 1 && lines[0].contains("cannot be checked: no server of example.org."),
        "{lines:?}"
    );
    assert!(before.is_some() && health(&sim, "example.org.").expires == before);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_no_zone_is_not_taken_for_a_zone_that_is_well() {
    let sim = Sim::new(world(0, site()));
    for named in ["www.example.org.", "exmaple.org."] {
        let health = sim.service.check_zone(&name(named), None).await.unwrap();
        let sentence = format!("{named} cannot be checked: no zone begins there: name the zone itself");
        assert_eq!(health.to_string(), sentence);
    }
    let sim = Sim::new(World::new(seed()).zone(Zone::new("example.org.").opt_out()));
    let health = sim.service.check_zone(&name("exmaple.example.org."), None).await.unwrap();
    assert_eq!(
        health.to_string(),
        "exmaple.example.org. is insecure: no zone seems to begin there: name the zone itself",
        "in an opt-out span"
    );
}

#[tokio::test(start_paused = true)]
async fn judged_answers_are_counted_by_state_and_reason_and_not_when_cached() {
    let world = World::new(seed())
        .zone(Zone::new("good.org.").record("www A 192.0.2.80").record("to CNAME www.bad.org."))
        .zone(Zone::new("plain.org.").record("www A 192.0.2.80").unsigned())
        .zone(Zone::new("bad.org.").record("www A 192.0.2.80").flaw(Flaw::Expired));
    let sim = Sim::new(world);
    let figures = || {
        let health = sim.service.health();
        let counted = health.results().chain(health.bogus()).filter(|(_, count)| *count > 0);
        counted.collect::<Vec<(&str, u64)>>()
    };
    for _ in 0..3 {
        sim.ask_a("www.good.org.").await;
        sim.ask("www.good.org.", RecordType::MX).await;
        sim.ask_a("www.plain.org.").await;
    }
    assert_eq!(figures(), [("secure", 2), ("insecure", 1)]);
    sim.ask_a("to.good.org.").await;
    sim.ask_a("www.bad.org.").await;
    assert_eq!(figures(), [("secure", 3), ("insecure", 1), ("bogus", 1), ("signature-expired", 1)]);
    // Who watches the chain counts for himself.
    sim.service.check_zone(&name("good.org."), None).await.unwrap();
    assert_eq!(figures().iter().map(|(_, count)| count).sum::<u64>(), 6);
}

#[tokio::test(start_paused = true)]
async fn without_validation_nothing_is_watched_or_counted() {
    let sim = Sim::with(world(0, site()), |options| options.validation = false);
    let log = watch(&sim);
    sim.ask_a("www.example.org.").await;
    sim.pass(DAY).await;
    assert!(sim.service.health().zones().is_empty() && log.take().is_empty());
    assert_eq!(sim.service.health().results().map(|(_, count)| count).sum::<u64>(), 0);
}
