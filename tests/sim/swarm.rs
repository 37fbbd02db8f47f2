//! The swarm: internets drawn from a seed, broken and lied about for a while, and a resolver that is asked meanwhile.
//!
//! `ROOTWALK_SWARM=400` runs the seed 400 alone, `ROOTWALK_SWARM=0..10000` all of these; best with `--release`:
//! `ROOTWALK_SWARM=0..10000 cargo test --release --test sim swarm -- --nocapture`.

mod changes;
mod hostile;
mod judge;
mod liars;
mod meter;
mod plan;
mod run;
mod weather;

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use run::{Story, run};

/// The seeds to run: those that are asked for, or the first few.
fn seeds(few: u64) -> Range<u64> {
    let Ok(text) = std::env::var("ROOTWALK_SWARM") else { return 0..few };
    let (from, to) = text.split_once("..").unwrap_or((&text, ""));
    let from = from.parse().expect("ROOTWALK_SWARM is a seed, or from..to");
    from..to.parse().unwrap_or(from + 1)
}

/// What many runs brought.
#[derive(Default)]
struct Sum {
    replies: [usize; 3],
    packets: Vec<u32>,
    slowest: Duration,
    /// Seconds, the seed, and what failed.
    healing: Vec<(u32, u64, String)>,
}

impl Sum {
    fn add(&mut self, seed: u64, story: &Story) {
        for (sum, one) in self.replies.iter_mut().zip(story.replies) {
            *sum += one;
        }
        self.packets.extend(&story.packets);
        self.slowest = self.slowest.max(story.slowest);
        self.healing.push((story.healing.0, seed, story.healing.1.clone()));
    }

    fn tell(&mut self) {
        self.packets.sort_unstable();
        self.healing.sort_unstable();
        let [right, failed, unknowable] = self.replies;
        let count = self.packets.len();
        let at = |part: usize| self.packets.get(count.saturating_sub(1) * part / 1_000).copied().unwrap_or(0);
        println!(
            "replies in the storm: {right} true, {failed} failures, {unknowable} unknowable; \
             packets for {count} questions: median {}, p99 {}, p99.9 {}, most {}; slowest {:?}; longest to come back: {:#?}",
            at(500),
            at(990),
            at(999),
            at(1_000),
            self.slowest,
            self.healing.iter().rev().take(5).collect::<Vec<_>>(),
        );
    }
}

/// Runs each seed, on as many threads as `ROOTWALK_SWARM_THREADS` says, and fails with those that failed.
fn each_seed<T: Send>(few: u64, run: fn(u64) -> Result<T, String>, mut add: impl FnMut(u64, T) + Send) {
    let seeds = seeds(few);
    let next = AtomicU64::new(seeds.start);
    let (add, failures) = (Mutex::new(&mut add), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                break;
            }
            match run(seed) {
                Ok(story) => (add.lock().unwrap())(seed, story),
                Err(error) => {
                    println!(
                        "seed {seed}: {error}\nrepeat: ROOTWALK_SWARM={seed} cargo test --test sim swarm\n"
                    );
                    failures.lock().unwrap().push(seed);
                }
            }
        }
    };
    let threads =
        std::env::var("ROOTWALK_SWARM_THREADS").ok().and_then(|text| text.parse().ok()).unwrap_or(2);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "seeds that fail: {failures:?}");
}

#[test]
fn whatever_breaks_and_lies_answers_stay_true_and_names_come_back() {
    let mut sum = Sum::default();
    each_seed(100, run, |seed, story| sum.add(seed, &story));
    sum.tell();
}

#[test]
fn no_graph_of_zones_costs_more_than_is_allowed() {
    let mut sum = Sum::default();
    each_seed(200, hostile::run, |_, cost| {
        sum.packets.extend(cost.packets);
        sum.slowest = sum.slowest.max(cost.slowest);
    });
    sum.tell();
}

#[test]
fn a_seed_repeats_its_run() {
    for seed in [3, 17] {
        let (one, other) = (run(seed).unwrap(), run(seed).unwrap());
        for (left, right) in one.heard.iter().zip(&other.heard) {
            assert_eq!(left, right, "seed {seed}");
        }
        for (left, right) in one.sent.iter().zip(&other.sent) {
            assert_eq!(left, right, "seed {seed}");
        }
        let count = |story: &Story| (story.heard.len(), story.sent.len());
        assert_eq!(count(&one), count(&other), "seed {seed}");
        assert!(one.sent.len() > 100, "seed {seed}: {} packets are no run", one.sent.len());
    }
}
