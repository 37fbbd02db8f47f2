//! Worlds drawn at random: what the resolver says is what the oracle knows.

use rootwalk::dns::{Question, RecordType};
use rootwalk::entropy::Entropy;
use rootwalk::lab::{DsKind, Fault, Flaw, Judgement, World, Zone};

use crate::harness::{Sim, name, seed};

const LABELS: [&str; 6] = ["a", "b", "mail", "www", "x.y", "*.w"];
const TYPES: [RecordType; 8] = [
    RecordType::A,
    RecordType::AAAA,
    RecordType::TXT,
    RecordType::DS,
    RecordType::NS,
    RecordType::SOA,
    RecordType::DNSKEY,
    RecordType::NSEC,
];

/// Draws from a seed.
pub(crate) struct Draw(pub(crate) Entropy);

impl Draw {
    pub(crate) fn below(&self, bound: usize) -> usize {
        usize::try_from(self.0.u64() % u64::try_from(bound).unwrap()).unwrap()
    }

    pub(crate) fn one_in(&self, bound: usize) -> bool {
        self.below(bound) == 0
    }

    pub(crate) fn of<'a, T>(&self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

fn zone(draw: &Draw, zone_name: &str, zones: &[String]) -> Zone {
    let mut zone = Zone::new(zone_name).algorithm(*draw.of(&[8, 13, 13, 15])).servers(1 + draw.below(2));
    match draw.below(10) {
        0..4 => {}
        4..7 => zone = zone.nsec3(0, b""),
        7 => zone = zone.nsec3(7, b"salt"),
        8 => zone = zone.nsec3(300, b""),
        _ => zone = zone.opt_out(),
    }
    // Where a zone begins its parent has no other records.
    let is_zone = |label: &str| zones.contains(&format!("{label}.{zone_name}"));
    for label in LABELS.into_iter().filter(|label| !is_zone(label)) {
        if draw.one_in(2) {
            zone = match draw.below(8) {
                0 => zone.record(&format!("{label} CNAME {}.{}", draw.of(&LABELS[..4]), draw.of(zones))),
                1 => zone.record(&format!("{label} TXT text")).record(&format!("{label} AAAA 2001:db8::1")),
                _ => zone.record(&format!("{label} A 192.0.2.1")).record(&format!("{label} A 192.0.2.2")),
            };
        }
    }
    if draw.one_in(6) {
        zone = zone.record(&format!("old DNAME {}", draw.of(zones)));
    }
    match draw.below(16) {
        0 => zone.unsigned(),
        1 => zone.island(),
        2 => zone.algorithm(250),
        3 => zone.ds(&[DsKind::Digest(250)]),
        4 => zone.ds(&[DsKind::Wrong]),
        5 => zone.ds(&[DsKind::Digest(4), DsKind::Digest(2)]),
        6 => zone.flaw(Flaw::Expired),
        7 => zone.flaw_in(RecordType::A, Flaw::BitFlipped),
        8 => zone.without_denial(),
        9 => zone.fault_at(0, Fault::Truncates),
        10 => zone.servers(2).fault_at(1, Fault::Dead),
        _ => zone,
    }
}

fn draw_world(draw: &Draw, seed: u64) -> (World, Vec<String>) {
    let names: Vec<String> =
        ["org.", "net.", "a.org.", "b.org.", "c.net.", "sub.a.org.", "deep.x.b.org.", "d.net."]
            .map(str::to_owned)
            .to_vec();
    let world = names.iter().fold(World::new(seed), |world, one| world.zone(zone(draw, one, &names[2..])));
    (world, names)
}

fn question(draw: &Draw, zones: &[String]) -> Question {
    let zone = draw.of(zones);
    let owner = match draw.below(8) {
        0 => zone.clone(),
        1 => format!("none.{zone}"),
        2 => format!("q.w.{zone}"),
        3 => format!("y.{zone}"),
        4 => format!("www.old.{zone}"),
        _ => format!("{}.{zone}", draw.of(&LABELS)),
    };
    Question::new(name(&owner), *draw.of(&TYPES))
}

#[tokio::test(start_paused = true)]
async fn any_world_is_seen_as_it_is() {
    let first = seed() * 1_000;
    for seed in first..first + 25 {
        let draw = Draw(Entropy::seeded(seed));
        let (world, zones) = draw_world(&draw, seed);
        let sim = Sim::with(world, |options| options.seed = seed);
        let internet = sim.network.internet();
        for _ in 0..40 {
            let question = question(&draw, &zones);
            let truth = internet.oracle().truth(&question);
            let reply = sim.ask(&question.name.to_string(), question.rtype).await;
            let got = (reply.rcode(), reply.secure());
            let wanted = (truth.rcode, truth.state == Judgement::Secure);
            if got != wanted {
                let zone = internet
                    .zones()
                    .filter(|zone| question.name.is_subdomain_of(zone.name()))
                    .max_by_key(|zone| zone.name().len());
                panic!(
                    "seed {seed}: {question}: {got:?}, not {truth:?}; {}\n{}",
                    reply.text(),
                    zone.map(|zone| internet.zone_text(zone.name())).unwrap_or_default()
                );
            }
            if truth.state < Judgement::Bogus {
                let answer: Vec<_> =
                    reply.message.answer.iter().map(|one| (one.rtype, one.rdatas.len())).collect();
                let known: Vec<_> = truth.answer.iter().map(|(_, rtype, count)| (*rtype, *count)).collect();
                assert_eq!(answer, known, "seed {seed}: {question}");
            }
        }
    }
}
