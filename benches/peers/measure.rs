//! The measurements, each over all resolvers in turn.

use std::path::Path;
use std::time::Duration;

use rootwalk::dns::edns::Edns;
use rootwalk::dns::encode::encode_query;
use rootwalk::dns::{Name, Question, RecordType};
use rootwalk::entropy::Entropy;

use crate::FLOOR;
use crate::account::{cpu_us, resident};
use crate::authorities::Authorities;
use crate::figures::{Figure, Figures};
use crate::floor::Floor;
use crate::load::{Tally, ask, ask_for};
use crate::resolvers::{Resolver, Running};
use crate::world::{MANY, Scene, query};

/// How long one resolver is asked at a time for what it has cached.
const BURST: Duration = Duration::from_millis(700);
const CACHE_MIB: usize = 256;
/// Names that are few, where many are asked for.
const FEW: u64 = 1_000;
/// What the memory of one name is taken to be at most.
const OCTETS_OF_A_NAME: u64 = 2_048;

/// Where and on whom it is measured.
pub(crate) struct Bench<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) scene: &'a Scene,
    pub(crate) authorities: &'a Authorities,
    pub(crate) cores: (usize, usize),
    pub(crate) resolvers: Vec<&'static Resolver>,
    pub(crate) figures: Figures,
}

impl Bench<'_> {
    fn start(&self, resolver: &Resolver, cache_mib: usize) -> Running {
        resolver.start(self.folder, self.scene, cache_mib, self.cores)
    }

    /// The resolvers, each round from another one on.
    fn in_turn(&self, round: usize) -> Vec<&'static Resolver> {
        let mut resolvers = self.resolvers.clone();
        resolvers.rotate_left(round % self.resolvers.len());
        resolvers
    }

    /// Cached answers: all resolvers are up and know all names; each is asked for a short time, over and over.
    pub(crate) fn hits(&mut self, cycles: usize) {
        let mut running: Vec<(&'static str, Running)> = Vec::new();
        let mut lengths = [0, 0];
        for resolver in &self.resolvers {
            let one = self.start(resolver, CACHE_MIB);
            for (dnssec_ok, length) in [(false, 0), (true, 1), (false, 0), (true, 1)] {
                let tally = ask(one.address, &mut once(&self.scene.hot_names, dnssec_ok));
                complain(resolver.name, "names to be cached", &tally);
                lengths[length] =
                    lengths[length].max(usize::try_from(tally.octets / tally.answered.max(1)).unwrap_or(0));
            }
            running.push((resolver.name, one));
        }
        let floor = Floor::start(self.folder, lengths, self.cores);
        let mut all: Vec<_> =
            running.iter().map(|(name, one)| (*name, one.address, one.guard.id())).collect();
        all.push((FLOOR, floor.address, floor.guard.id()));
        for cycle in 0..cycles {
            all.rotate_left(1);
            for (name, address, id) in &all {
                for (figure, dnssec_ok) in [(Figure::Hit, false), (Figure::HitDnssec, true)] {
                    let questions: Vec<_> =
                        self.scene.hot.iter().map(|question| query(question, dnssec_ok, false)).collect();
                    let mut questions = questions.iter().cycle();
                    let mut next = |out: &mut Vec<u8>| {
                        questions.next().is_some_and(|question| {
                            out.extend_from_slice(question);
                            true
                        })
                    };
                    let before = cpu_us(*id);
                    let tally = ask_for(*address, BURST, &mut next);
                    let value = (cpu_us(*id) - before) / tally.answered as f64;
                    complain(name, "cached answers", &tally);
                    self.figures.add(name, figure, value);
                }
            }
            println!("cached answers: {} of {cycles} cycles", cycle + 1);
        }
    }

    /// Questions that nobody asked before, and first ones about each domain, each of a new process.
    pub(crate) fn cold(&mut self, round: usize) {
        for resolver in self.in_turn(round) {
            let phases = [
                (&self.scene.first, Figure::First, Figure::FirstPackets),
                (&self.scene.cold, Figure::Cold, Figure::ColdPackets),
            ];
            for (questions, cpu, packets) in phases {
                let one = self.start(resolver, CACHE_MIB);
                let id = one.guard.id();
                let (cpu_before, memory, asked) = (cpu_us(id), resident(id), self.authorities.questions());
                let tally = ask(one.address, &mut once(questions, false));
                let each = |sum: f64| sum / tally.answered as f64;
                complain(resolver.name, "questions that are not cached", &tally);
                let values = [
                    each(cpu_us(id) - cpu_before),
                    each(self.authorities.questions() - asked),
                    each(resident(id) - memory),
                ];
                println!(
                    "{}: {} questions, {:.1} µs, {:.3} to servers, {:.0} octets, {:.1} % with AD",
                    resolver.name,
                    tally.answered,
                    values[0],
                    values[1],
                    values[2],
                    each(100.0 * tally.authentic as f64)
                );
                self.figures.add(resolver.name, cpu, values[0]);
                self.figures.add(resolver.name, packets, values[1]);
                if cpu == Figure::Cold {
                    self.figures.add(resolver.name, Figure::Octets, values[2]);
                }
                self.figures.add(resolver.name, Figure::Start, one.first_answer.as_secs_f64() * 1e3);
            }
        }
    }

    /// How a hit grows with what is cached: uniformly chosen ones of few names and of many.
    pub(crate) fn growth(&mut self, many: u64, words: &[&str]) {
        let cache_mib = usize::try_from((many * OCTETS_OF_A_NAME) >> 20).unwrap_or(0).max(CACHE_MIB);
        for resolver in self.resolvers.clone().into_iter().filter(|one| words.contains(&one.word)) {
            let one = self.start(resolver, cache_mib);
            let id = one.guard.id();
            let mut known = 0;
            let mut memory = 0.0;
            for (count, figure) in [(FEW, Figure::HitFew), (many, Figure::HitMany)] {
                let mut numbers = known..count;
                let tally =
                    ask(one.address, &mut |out| numbers.next().is_some_and(|number| numbered(number, out)));
                complain(resolver.name, "names to be cached", &tally);
                known = count;
                if count == FEW {
                    memory = resident(id);
                } else {
                    let each = (resident(id) - memory) / (many - FEW) as f64;
                    self.figures.add(resolver.name, Figure::OctetsMany, each);
                }
                self.uniform_hits(resolver.name, &one, count, figure);
            }
        }
    }

    fn uniform_hits(&mut self, name: &'static str, one: &Running, count: u64, figure: Figure) {
        let entropy = Entropy::seeded(count);
        let bound = usize::try_from(count).expect("fits memory");
        for _ in 0..5 {
            let asked = self.authorities.questions();
            let before = cpu_us(one.guard.id());
            let tally = ask_for(one.address, BURST, &mut |out| numbered(entropy.below(bound) as u64, out));
            let value = (cpu_us(one.guard.id()) - before) / tally.answered as f64;
            complain(name, "cached answers", &tally);
            let missed = (self.authorities.questions() - asked) / tally.answered as f64;
            if missed > 0.001 {
                println!("{name}: {:.1} % of {count} names were not cached any more", 100.0 * missed);
            }
            self.figures.add(name, figure, value);
        }
        if let Some([median, ..]) = self.figures.of(name, figure) {
            println!("{name}: {median:.2} µs for one of {count} names");
        }
    }
}

/// Each question once.
fn once(questions: &[Question], dnssec_ok: bool) -> impl FnMut(&mut Vec<u8>) -> bool {
    let mut questions = questions.iter();
    move |out| {
        questions.next().is_some_and(|question| {
            out.extend_from_slice(&query(question, dnssec_ok, true));
            true
        })
    }
}

/// A question for the name of that number in the zone that has them all. Always true: there is one.
fn numbered(number: u64, out: &mut Vec<u8>) -> bool {
    let name: Name = format!("n{number}.{MANY}").parse().expect("a name");
    let octets =
        encode_query(0, &Question::new(name, RecordType::A), true, false, Some(&Edns::new(1_232, false)));
    out.extend_from_slice(&octets[2..]);
    true
}

/// Says what went wrong: a resolver that does not answer did not do the work of the others.
fn complain(name: &str, what: &str, tally: &Tally) {
    assert!(tally.answered > 0, "{name} answered nothing");
    if tally.lost + tally.failed > 0 {
        println!("{name}, {what}: {} lost and {} failed of {}", tally.lost, tally.failed, tally.answered);
    }
}
