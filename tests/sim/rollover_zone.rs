//! A zone changes its keys, its algorithm, its denial or its servers while it is asked: done as RFC 6781 and RFC 7583
//! say nobody notices; done wrong it goes bogus, and comes back by itself.
//!
//! The second server of the zone, and of its parent, has each change [`LAG_SECS`] later than the first. Three
//! resolvers are asked all the while: one everything, often; one single questions, drawn; one everything, seldom.
//! Nothing expired is served, so that a failure cannot hide behind an old answer.
//! The rollover of the root's key (RFC 5011) is not here.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rootwalk::dns::response::Transport;
use rootwalk::dns::{Rcode, RecordType};
use rootwalk::entropy::Entropy;
use rootwalk::lab::faults::Reaction;
use rootwalk::lab::signer::{KSK, ZSK};
use rootwalk::lab::{DsKind, Fault, Internet, KeySpec, World, Zone};
use rootwalk::limits;

use crate::harness::{Sim, name, seed};
use crate::worlds::Draw;

const ZONE: &str = "example.org.";
/// The TTLs, in seconds: of DNSKEY, SOA and NS; of DS and delegation; of the longest-lived record; of what is absent.
const KEY_TTL: u32 = 60;
const DS_TTL: u32 = 180;
const RECORD_TTL: u32 = 300;
const NEGATIVE_TTL: u32 = 45;
/// By how much the second server is behind the first, in seconds: `Dprp` and `DprpP` of RFC 7583.
const LAG_SECS: u32 = 10;
/// A reply may be on its way while the second server changes, and a client asks once a second.
const FLIGHT_SECS: u32 = 2;

/// How long a step of a rollover waits for what caches hold of this TTL (RFC 7583 §3: propagation, then the TTL).
const fn after(ttl: u32) -> u32 {
    LAG_SECS + ttl + FLIGHT_SECS
}

/// What clients may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum View {
    Secure,
    Insecure,
    /// Either: caches are between the two. Never a failure.
    Between,
}

/// A state of the zone, how long it lasts, and how it is seen as long as it lasts.
struct Stage {
    zone: Zone,
    secs: u32,
    view: View,
}

fn stage(zone: Zone, secs: u32) -> Stage {
    Stage { zone, secs, view: View::Secure }
}

/// A key and what it does: `P` it is published, `K` signs the keys, `Z` signs the zone, `D` has a DS record.
fn key(algorithm: u8, flags: u16, does: &str) -> KeySpec {
    KeySpec {
        algorithm,
        flags,
        published: does.contains('P'),
        signs_keys: does.contains('K'),
        signs_zone: does.contains('Z'),
        in_ds: does.contains('D'),
    }
}

/// The zone with four keys, the old two of algorithm `old`, the new two of algorithm `new`.
fn zone_of((old, new): (u8, u8), [old_ksk, old_zsk, new_ksk, new_zsk]: [&str; 4]) -> Zone {
    let keys =
        [key(old, KSK, old_ksk), key(old, ZSK, old_zsk), key(new, KSK, new_ksk), key(new, ZSK, new_zsk)];
    let zone = Zone::new(ZONE).ttl(KEY_TTL).delegation_ttl(DS_TTL).negative_ttl(NEGATIVE_TTL);
    let records = [
        "www 20 A 192.0.2.80".to_owned(),
        "mail 120 A 192.0.2.25".to_owned(),
        format!("long {RECORD_TTL} TXT text"),
        "alias 90 CNAME www".to_owned(),
        "*.wild 60 A 192.0.2.13".to_owned(),
        format!("old {RECORD_TTL} DNAME tree"),
        "www.tree 30 A 192.0.2.14".to_owned(),
    ];
    records.iter().fold(zone.keys(&keys).servers(2), |zone, line| zone.record(line))
}

fn zone(does: [&str; 4]) -> Zone {
    zone_of((13, 13), does)
}

/// One key-signing and one zone-signing key, nothing going on.
fn steady() -> Zone {
    zone(["PKD", "PZ", "", ""])
}

/// The zone, its parent, and two zones below it, one of them not signed.
fn world(zone: Zone) -> World {
    let below = |name: &str| {
        Zone::new(name).ttl(50).delegation_ttl(70).negative_ttl(NEGATIVE_TTL).record("www 25 A 192.0.2.90")
    };
    World::new(seed())
        .zone(Zone::new("org.").negative_ttl(NEGATIVE_TTL).servers(2))
        .zone(zone)
        .zone(below("child.example.org."))
        .zone(below("plain.example.org.").unsigned())
}

/// A question, its rcode, and whether its answer is secure where the zone is.
type Case = (&'static str, RecordType, Rcode, bool);

const CASES: [Case; 17] = [
    ("example.org.", RecordType::SOA, Rcode::NOERROR, true),
    ("example.org.", RecordType::NS, Rcode::NOERROR, true),
    ("example.org.", RecordType::DNSKEY, Rcode::NOERROR, true),
    ("example.org.", RecordType::MX, Rcode::NOERROR, true),
    ("www.example.org.", RecordType::A, Rcode::NOERROR, true),
    ("www.example.org.", RecordType::AAAA, Rcode::NOERROR, true),
    ("mail.example.org.", RecordType::A, Rcode::NOERROR, true),
    ("long.example.org.", RecordType::TXT, Rcode::NOERROR, true),
    ("alias.example.org.", RecordType::A, Rcode::NOERROR, true),
    ("x.wild.example.org.", RecordType::A, Rcode::NOERROR, true),
    ("www.old.example.org.", RecordType::A, Rcode::NOERROR, true),
    ("tree.example.org.", RecordType::A, Rcode::NOERROR, true),
    ("none.example.org.", RecordType::A, Rcode::NXDOMAIN, true),
    ("child.example.org.", RecordType::DS, Rcode::NOERROR, true),
    ("www.child.example.org.", RecordType::A, Rcode::NOERROR, true),
    ("none.child.example.org.", RecordType::A, Rcode::NXDOMAIN, true),
    ("www.plain.example.org.", RecordType::A, Rcode::NOERROR, false),
];

/// The server at `address` answers as it did in `past`.
fn still(past: &Arc<Internet>, address: IpAddr) -> Vec<(IpAddr, Fault)> {
    let over = |transport| {
        let past = Arc::clone(past);
        let answer = move |query: &[u8], _: &[u8]| match past.react(
            SocketAddr::new(address, 53),
            query,
            transport,
            100,
        ) {
            Some(Reaction::Messages { octets, .. }) => octets,
            _ => Vec::new(),
        };
        (address, Fault::Over(transport, Box::new(Fault::RewritesOctets(Arc::new(answer)))))
    };
    vec![over(Transport::Udp), over(Transport::Tcp)]
}

/// The resolvers that are asked, and what they got wrong.
struct Clients {
    often: Sim,
    drawn: Sim,
    seldom: Sim,
    draw: Draw,
    now: Arc<Internet>,
    tick: u64,
    /// Seconds since the start.
    secs: u64,
    /// What was not as it should be, with the second.
    wrong: Vec<String>,
}

impl Clients {
    fn new(zone: Zone) -> Self {
        let world = world(zone);
        let resolver = |prefetch: bool, salt: u64| {
            Sim::with(world.clone(), |options| {
                options.stale = None;
                options.prefetch = prefetch;
                options.prefetch_key = prefetch;
                options.seed = seed() ^ salt;
            })
        };
        let (often, drawn, seldom) = (resolver(true, 0), resolver(false, 1), resolver(true, 2));
        let now = Arc::new(world.build().unwrap());
        for sim in [&often, &drawn, &seldom] {
            sim.network.replace(now.with_faults(&[]));
        }
        let draw = Draw(Entropy::seeded(seed()));
        Self { often, drawn, seldom, draw, now, tick: 0, wrong: Vec::new(), secs: 0 }
    }

    fn replace(&self, internet: &Internet, faults: &[(IpAddr, Fault)]) {
        for sim in [&self.often, &self.drawn, &self.seldom] {
            sim.network.replace(internet.with_faults(faults));
        }
    }

    /// The internet becomes another; the second servers have it later, `past` servers keep what they had.
    async fn change(&mut self, world: &World, past: &[(IpAddr, Fault)], view: View) {
        let next = Arc::new(world.build().unwrap());
        let second = |zone: &str| next.addresses_of(&name(zone)).get(1).copied();
        let late = ["org.", ZONE].into_iter().filter_map(second).flat_map(|at| still(&self.now, at));
        let faults: Vec<(IpAddr, Fault)> = past.iter().cloned().chain(late).collect();
        self.replace(&next, &faults);
        for _ in 0..LAG_SECS {
            self.ask(view).await;
            self.pass(1).await;
        }
        self.replace(&next, past);
        self.now = next;
    }

    async fn pass(&mut self, secs: u32) {
        tokio::time::sleep(Duration::from_secs(secs.into())).await;
        self.secs += u64::from(secs);
    }

    /// Asks for so long: each second at the beginning and at the end, every few seconds between.
    async fn ask_for(&mut self, secs: u32, view: View) {
        let mut passed = 0;
        while passed < secs {
            self.ask(view).await;
            let near = passed < 5 || passed + 10 >= secs;
            let pause = if near { 1 } else { 7.min(secs - passed - 10) };
            self.pass(pause).await;
            passed += pause;
        }
    }

    async fn ask(&mut self, view: View) {
        self.tick += 1;
        let tick = self.tick;
        for case in CASES {
            self.check(0, case, view, case.0).await;
        }
        for _ in 0..3 {
            let case = *self.draw.of(&CASES);
            self.check(1, case, view, case.0).await;
        }
        // Names that nobody has asked for yet: nothing is known of them, but of what they need.
        for (which, label, rcode) in
            [(0, "n", Rcode::NXDOMAIN), (1, "w", Rcode::NOERROR), (2, "w", Rcode::NOERROR)]
        {
            if tick % 3 == which {
                let zone = if label == "w" { "wild.example.org." } else { ZONE };
                let fresh = format!("{label}{tick}.{zone}");
                self.check(
                    usize::try_from(which).unwrap() / 2,
                    ("", RecordType::A, rcode, true),
                    view,
                    &fresh,
                )
                .await;
            }
        }
        if tick.is_multiple_of(11) {
            for case in CASES {
                self.check(2, case, view, case.0).await;
            }
        }
    }

    async fn check(&mut self, which: usize, case: Case, view: View, owner: &str) {
        let (_, rtype, rcode, signed) = case;
        let sim = [&self.often, &self.drawn, &self.seldom][which];
        let reply = sim.ask(owner, rtype).await;
        let secure = match view {
            View::Between => reply.secure() && signed,
            View::Secure => signed,
            View::Insecure => false,
        };
        if reply.rcode() != rcode || reply.secure() != secure {
            self.wrong.push(format!(
                "{} s: resolver {which}: {owner} {rtype}: {} AD {}: {}",
                self.secs,
                reply.rcode(),
                reply.secure(),
                reply.text()
            ));
        }
    }

    /// A few questions to all three resolvers; how many answers are wrong.
    async fn wrong_now(&mut self) -> usize {
        self.wrong.clear();
        for which in 0..3 {
            for case in CASES.into_iter().step_by(4) {
                self.check(which, case, View::Secure, case.0).await;
            }
        }
        std::mem::take(&mut self.wrong).len()
    }

    #[track_caller]
    fn nothing_was_wrong(&self, what: &str) {
        let first: Vec<&String> = self.wrong.iter().take(12).collect();
        assert!(first.is_empty(), "{what}: {} wrong answers:\n{first:#?}", self.wrong.len());
    }
}

/// Goes through the stages; nothing may be noticed.
async fn unnoticed(what: &str, stages: Vec<Stage>) {
    let mut stages = stages.into_iter();
    let first = stages.next().unwrap();
    let mut clients = Clients::new(first.zone);
    clients.ask_for(first.secs, first.view).await;
    for Stage { zone, secs, view } in stages {
        clients.change(&world(zone), &[], view).await;
        clients.ask_for(secs - LAG_SECS, view).await;
    }
    clients.nothing_was_wrong(what);
}

/// The longest that anything is remembered, in seconds.
const LONGEST: u32 = after(RECORD_TTL);

#[tokio::test(start_paused = true)]
async fn a_zone_signing_key_is_rolled_unnoticed() {
    // RFC 7583 §3.2.1.
    let pre_publication = vec![
        stage(steady(), 100),
        stage(zone(["PKD", "PZ", "", "P"]), after(KEY_TTL)),
        stage(zone(["PKD", "P", "", "PZ"]), LONGEST),
        stage(zone(["PKD", "", "", "PZ"]), 100),
    ];
    unnoticed("pre-publication", pre_publication).await;
    // RFC 7583 §3.2.2.
    let double_signature = vec![
        stage(steady(), 100),
        stage(zone(["PKD", "PZ", "", "PZ"]), LONGEST),
        stage(zone(["PKD", "", "", "PZ"]), 100),
    ];
    unnoticed("double signature", double_signature).await;
}

#[tokio::test(start_paused = true)]
async fn a_key_signing_key_is_rolled_unnoticed() {
    // RFC 7583 §3.3.1.
    let double_ksk = vec![
        stage(steady(), 100),
        stage(zone(["PKD", "PZ", "PK", ""]), after(KEY_TTL)),
        stage(zone(["PK", "PZ", "PKD", ""]), after(DS_TTL)),
        stage(zone(["", "PZ", "PKD", ""]), 100),
    ];
    unnoticed("double KSK", double_ksk).await;
    // RFC 7583 §3.3.2.
    let double_ds = vec![
        stage(steady(), 100),
        stage(zone(["PKD", "PZ", "D", ""]), after(DS_TTL)),
        stage(zone(["D", "PZ", "PKD", ""]), after(KEY_TTL)),
        stage(zone(["", "PZ", "PKD", ""]), 100),
    ];
    unnoticed("double DS", double_ds).await;
    // RFC 7583 §3.3.3.
    let double_rrset = vec![
        stage(steady(), 100),
        stage(zone(["PKD", "PZ", "PKD", ""]), after(DS_TTL)),
        stage(zone(["", "PZ", "PKD", ""]), 100),
    ];
    unnoticed("double RRset", double_rrset).await;
}

#[tokio::test(start_paused = true)]
async fn the_only_key_of_a_zone_is_rolled_unnoticed() {
    // RFC 6781 §4.1.3.
    let stages = vec![
        stage(zone(["PKZD", "", "", ""]), 100),
        stage(zone(["PKZD", "", "PKZ", ""]), LONGEST),
        stage(zone(["PKZ", "", "PKZD", ""]), after(DS_TTL)),
        stage(zone(["", "", "PKZD", ""]), 100),
    ];
    unnoticed("one key", stages).await;
}

/// RFC 6781 §4.1.4, figure 12: signatures before keys, keys before DS, and the other way round at the end.
async fn conservatively(algorithms: (u8, u8)) {
    let zone = |does| zone_of(algorithms, does);
    let stages = vec![
        stage(zone(["PKD", "PZ", "", ""]), 100),
        stage(zone(["PKD", "PZ", "", "Z"]), LONGEST),
        stage(zone(["PKD", "PZ", "PK", "PZ"]), after(KEY_TTL)),
        stage(zone(["PK", "PZ", "PKD", "PZ"]), after(DS_TTL)),
        stage(zone(["", "Z", "PKD", "PZ"]), after(KEY_TTL)),
        stage(zone(["", "", "PKD", "PZ"]), 100),
    ];
    unnoticed(&format!("conservative, {algorithms:?}"), stages).await;
}

/// RFC 6781 §4.1.4: keys and signatures of the new algorithm come together.
async fn liberally(algorithms: (u8, u8)) {
    let zone = |does| zone_of(algorithms, does);
    let stages = vec![
        stage(zone(["PKD", "PZ", "", ""]), 100),
        stage(zone(["PKD", "PZ", "PK", "PZ"]), LONGEST),
        stage(zone(["PK", "PZ", "PKD", "PZ"]), after(DS_TTL)),
        stage(zone(["", "", "PKD", "PZ"]), 100),
    ];
    unnoticed(&format!("liberal, {algorithms:?}"), stages).await;
}

#[tokio::test(start_paused = true)]
async fn an_algorithm_is_rolled_conservatively_unnoticed() {
    conservatively((8, 13)).await;
    conservatively((13, 15)).await;
}

#[tokio::test(start_paused = true)]
async fn an_algorithm_is_rolled_liberally_unnoticed() {
    liberally((8, 13)).await;
    liberally((15, 14)).await;
}

#[tokio::test(start_paused = true)]
async fn a_zone_goes_insecure_and_comes_back_without_a_failure() {
    let seen = |zone, secs, view| Stage { zone, secs, view };
    let stages = vec![
        stage(steady(), 100),
        // What was proven stays so as long as it is remembered.
        seen(steady().island(), after(DS_TTL) + RECORD_TTL, View::Between),
        seen(steady().island(), after(0) + 60, View::Insecure),
        seen(zone(["", "", "", ""]).unsigned(), LONGEST, View::Insecure),
        seen(steady().island(), LONGEST, View::Insecure),
        // RFC 7583 §3.3.4 is about the first DS: that there was none is remembered too.
        seen(steady(), after(DS_TTL) + RECORD_TTL, View::Between),
        stage(steady(), 100),
    ];
    unnoticed("insecure and back", stages).await;
}

#[tokio::test(start_paused = true)]
async fn the_kind_of_denial_changes_unnoticed() {
    let stages = vec![
        stage(steady(), 100),
        stage(steady().nsec3(0, b""), 150),
        stage(steady().nsec3(5, b"salt"), 100),
        stage(steady().nsec3(5, b"pepper"), 60),
        stage(steady().nsec3(0, b""), 60),
        stage(steady(), 150),
    ];
    unnoticed("denial", stages).await;
}

#[tokio::test(start_paused = true)]
async fn a_zone_moves_to_servers_of_another_operator_unnoticed() {
    // RFC 6781 §4.3.5.1: each operator publishes the other's zone-signing key, the parent names both's entry points.
    let loser = |does| {
        zone(does).server("ns1.loser.net.", &["198.18.200.1"]).server("ns2.loser.net.", &["198.18.200.2"])
    };
    let winner = |does| {
        zone(does).server("ns1.winner.net.", &["198.18.201.1"]).server("ns2.winner.net.", &["198.18.201.2"])
    };
    let mut clients = Clients::new(loser(["PKD", "PZ", "", ""]));
    clients.ask_for(100, View::Secure).await;
    clients.change(&world(loser(["PKD", "PZ", "D", "P"])), &[], View::Secure).await;
    clients.ask_for(after(DS_TTL), View::Secure).await;
    // The parent names the winner; the loser's servers go on until nobody asks them any more.
    let old: Vec<(IpAddr, Fault)> = clients
        .now
        .addresses_of(&name(ZONE))
        .into_iter()
        .flat_map(|address| still(&clients.now, address))
        .collect();
    clients.change(&world(winner(["D", "P", "PKD", "PZ"])), &old, View::Secure).await;
    clients.ask_for(after(DS_TTL) + RECORD_TTL, View::Secure).await;
    clients.change(&world(winner(["", "P", "PKD", "PZ"])), &[], View::Secure).await;
    clients.ask_for(LONGEST, View::Secure).await;
    clients.change(&world(winner(["", "", "PKD", "PZ"])), &[], View::Secure).await;
    clients.ask_for(100, View::Secure).await;
    clients.nothing_was_wrong("another operator");
}

/// What goes wrong, how it is repaired, and within how many seconds after that all is well again.
struct Blunder {
    what: &'static str,
    from: Zone,
    wrong: Zone,
    repaired: Zone,
    heals_secs: u32,
}

/// A wrong step, long enough that all that was known before is over; then the repair.
async fn heals(blunder: Blunder) {
    let mut clients = Clients::new(blunder.from);
    clients.ask_for(60, View::Secure).await;
    clients.nothing_was_wrong(blunder.what);
    clients.change(&world(blunder.wrong), &[], View::Between).await;
    clients.ask_for(2 * RECORD_TTL, View::Between).await;
    clients.wrong.clear();
    let broken = clients.wrong_now().await;
    assert!(broken >= 12, "{}: only {broken} answers fail", blunder.what);
    clients.replace(&world(blunder.repaired).build().unwrap(), &[]);
    let mut healed_secs = 0;
    for second in 1..=blunder.heals_secs + 30 {
        if clients.wrong_now().await > 0 {
            healed_secs = second;
        }
        clients.pass(1).await;
    }
    eprintln!("{}: well again after {healed_secs} s", blunder.what);
    assert!(healed_secs <= blunder.heals_secs, "{}: {healed_secs} s after the repair", blunder.what);
}

#[tokio::test(start_paused = true)]
async fn a_rollover_gone_wrong_is_bogus_and_heals_within_a_minute_of_its_repair_in_the_zone() {
    // What is bogus is remembered for so long at most; one second for the question that asks.
    let heals_secs = limits::BOGUS_TTL_SECS + 1;
    let blunders = [
        Blunder {
            what: "the DS was swapped before the key was published",
            from: steady(),
            wrong: zone(["PK", "PZ", "D", ""]),
            repaired: zone(["PK", "PZ", "PKD", ""]),
            heals_secs,
        },
        Blunder {
            what: "the old key-signing key was withdrawn before its DS",
            from: zone(["PKD", "PZ", "PK", ""]),
            wrong: zone(["D", "PZ", "PK", ""]),
            repaired: zone(["PKD", "PZ", "PK", ""]),
            heals_secs,
        },
        Blunder {
            what: "the zone was signed with a key that is not published",
            from: steady(),
            wrong: zone(["PKD", "P", "", "Z"]),
            repaired: zone(["PKD", "P", "", "PZ"]),
            heals_secs,
        },
        Blunder {
            what: "the signatures were withdrawn before the DS",
            from: steady(),
            wrong: zone(["PKD", "P", "", ""]),
            repaired: steady(),
            heals_secs,
        },
    ];
    for blunder in blunders {
        heals(blunder).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_rollover_gone_wrong_heals_within_the_ttl_of_the_ds_when_it_is_repaired_at_the_parent() {
    let blunders = [
        Blunder {
            what: "the DS was swapped before the key was published",
            from: steady(),
            wrong: zone(["PK", "PZ", "D", ""]),
            repaired: steady(),
            heals_secs: DS_TTL + limits::BOGUS_TTL_SECS + 1,
        },
        Blunder {
            what: "the DS has a wrong digest",
            from: steady(),
            wrong: steady().ds(&[DsKind::Wrong]),
            repaired: steady(),
            heals_secs: DS_TTL + limits::BOGUS_TTL_SECS + 1,
        },
    ];
    for blunder in blunders {
        heals(blunder).await;
    }
}

/// A step without its wait: failures may come of it, and end by themselves within so many seconds.
async fn hurried(what: &str, from: Zone, to: Zone, ends_secs: u32, view: View) -> usize {
    let mut clients = Clients::new(from);
    clients.ask_for(100, View::Secure).await;
    clients.nothing_was_wrong(what);
    let began = clients.secs;
    clients.change(&world(to), &[], View::Between).await;
    clients.ask_for(ends_secs - LAG_SECS, View::Between).await;
    let failed = std::mem::take(&mut clients.wrong);
    let last = failed.last().map_or(began, |line| line.split(' ').next().unwrap().parse().unwrap());
    eprintln!("{what}: {} failures, the last after {} s", failed.len(), last - began);
    clients.ask_for(LONGEST, view).await;
    clients.nothing_was_wrong(what);
    failed.len()
}

#[tokio::test(start_paused = true)]
async fn a_zone_signing_key_swapped_without_a_wait_is_unnoticed_as_the_keys_are_asked_for_again() {
    let swapped = zone(["PKD", "", "", "PZ"]);
    let failures = hurried("zone-signing key at once", steady(), swapped, after(KEY_TTL), View::Secure).await;
    assert_eq!(failures, 0);
}

#[tokio::test(start_paused = true)]
async fn a_ds_swapped_without_a_wait_is_noticed_and_heals_by_itself_within_its_ttl() {
    let within = after(DS_TTL) + limits::BOGUS_TTL_SECS;
    let (old, new) = (["PKD", "PZ", "", ""], ["", "", "PKD", "PZ"]);
    let eight = |does| zone_of((8, 13), does);
    for (what, from, to, ends_secs, view) in [
        ("key-signing key at once", steady(), zone(["", "PZ", "PKD", ""]), within, View::Secure),
        ("both keys at once", steady(), zone(new), within, View::Secure),
        ("algorithm at once", eight(old), eight(new), within, View::Secure),
        ("unsigned at once", steady(), steady().unsigned(), within + RECORD_TTL, View::Insecure),
    ] {
        assert!(hurried(what, from, to, ends_secs, view).await > 0, "{what}: nobody noticed");
    }
}
