//! What single operations cost, in processor time of the thread that does them.
//!
//! Everything happens in this process, without sockets: a service on the lab's internet, whose answers are cached, is
//! asked; messages of the lab's servers are read and written; proofs are made again; and a cache of answers is filled
//! until it holds millions of names, overflows, or is shared by threads. All operations of a group take turns for
//! several rounds; the medians are printed, with the least and the most. Answers in the large caches are made up, two of
//! five with a signature of 64 octets, and each under a name of its own.
//!
//! `cargo bench --bench micro`; `MICRO_ROUNDS` (7) and `MICRO_NAMES` (10,000,000: the most names that are cached at once,
//! if there is memory for them) change it, and a word behind `--` picks the groups whose name has it. Needs Linux, which
//! tells a thread's run time.

#![cfg_attr(
    target_os = "linux",
    expect(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        reason = "what cannot be measured ends the run"
    )
)]

#[cfg(target_os = "linux")]
mod answers;
#[cfg(target_os = "linux")]
#[allow(dead_code, reason = "the simulations use more of it")]
#[path = "../../tests/sim/harness.rs"]
mod harness;
#[cfg(target_os = "linux")]
mod judging;
#[cfg(target_os = "linux")]
mod rounds;
#[cfg(target_os = "linux")]
mod serving;

#[cfg(target_os = "linux")]
fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let number = |name, default| std::env::var(name).map_or(default, |text| text.parse().expect(name));
    let (rounds, names) = (number("MICRO_ROUNDS", 7_usize), number("MICRO_NAMES", 10_000_000_usize));
    println!("| operation | ns, median | least | most |\n|---|--:|--:|--:|");
    let groups: [(&str, &dyn Fn()); 7] = [
        ("hit and miss", &|| serving::hit_and_miss(rounds)),
        ("messages", &|| judging::messages(rounds)),
        ("proofs", &|| judging::proofs(rounds)),
        ("threads", &|| answers::shared_by_threads(rounds)),
        ("many names", &|| answers::many_names(rounds, names)),
        ("eviction", &|| answers::eviction(rounds)),
        ("one-time names", &|| answers::one_time_names(rounds)),
    ];
    for (name, group) in groups {
        if words.is_empty() || words.iter().any(|word| name.contains(word.as_str())) {
            println!("| **{name}** | | | |");
            group();
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("skipped: the figures are those of Linux's accounts");
}
