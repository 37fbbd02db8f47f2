//! The cache of answers: shared, large, and full.

use std::fs;
use std::hint::black_box;
use std::thread;

use rootwalk::cache::answers::{Answers, Kept, Wanted};
use rootwalk::clock::Moment;
use rootwalk::dns::edns::Edns;
use rootwalk::dns::encode::{Encoded, encode, encode_query};
use rootwalk::dns::message::{Header, Message};
use rootwalk::dns::security::ValidationState;
use rootwalk::dns::view::QueryView;
use rootwalk::dns::{Name, Question, RecordType, Rrset};
use rootwalk::entropy::Entropy;

use crate::rounds::{Works, compare, tell, thread_ns};

const NOW: Moment = Moment(1_000_000);
/// What one name takes at most, its share of the hash table included.
const OCTETS_OF_A_NAME: usize = 768;
/// Operations of one thread in a round.
const TURN: u64 = 50_000;

/// A cache and what fills it.
struct Filled {
    answers: Answers,
    entropy: Entropy,
}

fn name_of(number: usize) -> Name {
    format!("host{number}.site{}.example.", number % 1_009).parse().unwrap()
}

/// An answer of one address, and for two of five names its signature.
fn answer(name: &Name, number: usize) -> (Encoded, Kept) {
    let question = Question::new(name.clone(), RecordType::A);
    let mut message = Message::new(Header { response: true, ..Header::query(0) }, Some(question));
    let mut rrset = Rrset::new(name.clone(), RecordType::A, 86_400).with(&[192, 0, 2, 1]);
    let is_signed = number % 5 < 2;
    if is_signed {
        let mut rdata =
            vec![0, 1, 13, 3, 0, 1, 0x51, 0x80, 0x6b, 0x49, 0xd2, 0, 0x6b, 0x23, 0x96, 0x80, 7, 7];
        rdata.extend_from_slice(name.parent().unwrap().as_wire());
        rdata.extend_from_slice(&[0x5a; 64]);
        rrset.signatures.push(&rdata);
    }
    message.answer.push(rrset);
    let state = if is_signed { ValidationState::Secure } else { ValidationState::Insecure };
    (encode(&message, usize::from(u16::MAX)), Kept { state, compact_denial: false, note: None, ttl: 86_400 })
}

impl Filled {
    fn new(octets: usize) -> Self {
        let entropy = Entropy::seeded(1);
        Self { answers: Answers::new(octets, &entropy), entropy }
    }

    /// One that holds the first so many names.
    fn of(names: usize) -> Self {
        let filled = Self::new(names.max(1_000) * OCTETS_OF_A_NAME * 2);
        (0..names).for_each(|number| filled.insert(number));
        assert_eq!(filled.answers.len(), names, "all of them have room");
        filled
    }

    fn insert(&self, number: usize) {
        let name = name_of(number);
        let (encoded, kept) = answer(&name, number);
        assert!(self.answers.insert(&name, RecordType::A, &encoded, &kept, NOW));
    }

    fn is_hit(&self, query: &[u8], out: &mut Vec<u8>) -> bool {
        out.clear();
        let view = QueryView::parse(query).unwrap();
        let is_hit = self.answers.reply(&Wanted::of(&view, 1_232), NOW, out).is_some();
        black_box(out);
        is_hit
    }
}

fn query(number: usize) -> Vec<u8> {
    let question = Question::new(name_of(number), RecordType::A);
    encode_query(7, &question, true, false, Some(&Edns::new(1_232, true)))
}

/// Hits, and hits among which every tenth operation is an insertion, by threads that share a cache.
pub(crate) fn shared_by_threads(rounds: usize) {
    const NAMES: usize = 10_000;
    let filled = Filled::of(NAMES);
    let queries: Vec<Vec<u8>> = (0..NAMES).map(query).collect();
    let made: Vec<(Name, Encoded, Kept)> = (0..NAMES)
        .map(|number| (name_of(number), answer(&name_of(number), number)))
        .map(|(name, (encoded, kept))| (name, encoded, kept))
        .collect();
    let mut took = vec![Vec::new(); 6];
    let ways = [(1, false), (2, false), (4, false), (1, true), (2, true), (4, true)];
    let work = |seed: u64, inserts: bool| {
        let (entropy, mut out) = (Entropy::seeded(seed), Vec::with_capacity(4_096));
        let before = thread_ns();
        for turn in 0..TURN {
            let number = entropy.below(NAMES);
            if inserts && turn % 10 == 0 {
                let (name, encoded, kept) = made.get(number).unwrap();
                assert!(filled.answers.insert(name, RecordType::A, encoded, kept, NOW));
            } else {
                assert!(filled.is_hit(queries.get(number).unwrap(), &mut out));
            }
        }
        (thread_ns() - before) as f64 / TURN as f64
    };
    for _ in 0..rounds {
        for ((threads, inserts), took) in ways.iter().zip(&mut took) {
            let each: Vec<f64> = thread::scope(|scope| {
                let started: Vec<_> =
                    (0..*threads).map(|seed| scope.spawn(move || work(seed, *inserts))).collect();
                started.into_iter().map(|one| one.join().unwrap()).collect()
            });
            took.push(each.iter().sum::<f64>() / each.len() as f64);
        }
    }
    for ((threads, inserts), took) in ways.iter().zip(took) {
        let what = if *inserts { "nine hits and an insertion, each" } else { "hit" };
        tell(&format!("{what}, DO, {threads} threads"), took);
    }
}

/// Hits of which each is as likely as another, among few names and among many; and what filling costs.
pub(crate) fn many_names(rounds: usize, most: usize) {
    for names in [1_000, 100_000, 1_000_000, 10_000_000] {
        let needed = names * OCTETS_OF_A_NAME;
        if names > most || needed > available() / 2 {
            let (needed, most) = (needed >> 20, available() >> 20);
            println!("| {names} names: skipped, they may take {needed} MiB of {most} | | | |");
            continue;
        }
        let before = thread_ns();
        let filled = Filled::of(names);
        let each = (thread_ns() - before) as f64 / names as f64;
        tell(&format!("to make an answer and keep it, up to {names} names"), vec![each]);
        println!("| octets for each of {names} names | {} | | |", filled.answers.bytes() / names);
        // Made beforehand, and fewer than the cache has names, so that the queries are not what is not in the caches of
        // the processor.
        let queries: Vec<Vec<u8>> = (0..20_000).map(|_| query(filled.entropy.below(names))).collect();
        let mut next = queries.iter().cycle();
        let mut out = Vec::with_capacity(4_096);
        let works: Works<'_> = Box::new(|count| {
            for query in next.by_ref().take(usize::try_from(count).unwrap()) {
                assert!(filled.is_hit(query, &mut out), "it is cached");
            }
        });
        compare(rounds, vec![(format!("hit, DO, one of {names} names"), works)]);
    }
}

/// The octets of memory that nobody uses.
fn available() -> usize {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<usize>().ok()).unwrap_or(0) << 10
}

/// New names in a cache that has room and in one that is full.
pub(crate) fn eviction(rounds: usize) {
    let full = Filled::new(16 << 20);
    let mut new = 0;
    while full.answers.len() == new || new % 1_000 != 0 {
        full.insert(new);
        new += 1;
    }
    let room = Filled::of(new);
    let mut again = 0;
    compare(
        rounds,
        vec![
            (
                format!("make an answer and keep it in the place of the same, {new} names"),
                Box::new(|count| {
                    for _ in 0..count {
                        room.insert(again % 10_000);
                        again += 1;
                    }
                }),
            ),
            (
                "make an answer and keep it where another has to go".to_owned(),
                Box::new(|count| {
                    for _ in 0..count {
                        full.insert(new);
                        new += 1;
                    }
                }),
            ),
        ],
    );
}

/// A set of names that are asked for again and again, beside names that are asked for once.
pub(crate) fn one_time_names(rounds: usize) {
    const HOT: usize = 5_000;
    for strangers in [4, 20] {
        let filled = Filled::new(16 << 20);
        let (mut stranger, mut out) = (HOT, Vec::with_capacity(4_096));
        let queries: Vec<Vec<u8>> = (0..HOT).map(query).collect();
        let mut round = |count: u64| {
            let mut hits = 0;
            for _ in 0..count {
                let number = filled.entropy.below(HOT);
                if filled.is_hit(queries.get(number).unwrap(), &mut out) {
                    hits += 1;
                } else {
                    filled.insert(number);
                }
                for _ in 0..strangers {
                    filled.insert(stranger);
                    stranger += 1;
                }
            }
            f64::from(hits) / count as f64
        };
        // Full, and each hot name was asked for some times.
        round(40_000);
        let shares: Vec<f64> = (0..rounds).map(|_| 1_000.0 * round(10_000)).collect();
        let held = filled.answers.len();
        tell(
            &format!(
                "hits of 1,000 for {HOT} hot names, {strangers} one-time names to each, room for {held}"
            ),
            shares,
        );
    }
}
