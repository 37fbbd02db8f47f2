//! Operations that take turns, and what each took.

use nix::time::{ClockId, clock_gettime};

/// How much of a thread's time one operation gets in a round.
const TURN_NS: u64 = 20_000_000;

/// Does something so many times. It may not do less: what it does has to be used.
pub(crate) type Works<'a> = Box<dyn FnMut(u64) + 'a>;

/// The processor time of this thread.
pub(crate) fn thread_ns() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("Linux tells it");
    u64::try_from(time.tv_sec()).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec()).unwrap_or(0)
}

/// Lets all take turns, and prints what each took a time.
pub(crate) fn compare(rounds: usize, mut operations: Vec<(String, Works<'_>)>) {
    let mut took = vec![Vec::new(); operations.len()];
    let counts: Vec<u64> = operations.iter_mut().map(|(_, works)| calibrate(works)).collect();
    for _ in 0..rounds {
        for (((_, works), count), took) in operations.iter_mut().zip(&counts).zip(&mut took) {
            let before = thread_ns();
            works(*count);
            took.push((thread_ns() - before) as f64 / *count as f64);
        }
    }
    for ((what, _), took) in operations.iter().zip(took) {
        tell(what, took);
    }
}

/// One row.
pub(crate) fn tell(what: &str, mut took: Vec<f64>) {
    took.sort_unstable_by(f64::total_cmp);
    if let (Some(median), Some(least), Some(most)) = (took.get(took.len() / 2), took.first(), took.last()) {
        println!("| {what} | {median:.0} | {least:.0} | {most:.0} |");
    }
}

/// How often it has to be done to fill a turn. Warms up, too.
fn calibrate(works: &mut Works<'_>) -> u64 {
    let mut count = 1;
    loop {
        let before = thread_ns();
        works(count);
        let took = thread_ns() - before;
        if took > TURN_NS / 10 {
            return (count * TURN_NS / took).max(1);
        }
        count *= 4;
    }
}
