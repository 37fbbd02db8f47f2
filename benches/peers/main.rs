//! Rootwalk beside other resolvers: what each costs on the same work, measured on this machine.
//!
//! `cargo bench --bench peers` compares with those of Unbound, Knot Resolver, PowerDNS Recursor and BIND that are
//! installed; it needs NSD and Linux. `-- --help` lists the options. The figures go to the standard output, and with
//! `--out` into `result.md` and `result.svg`.
//!
//! **The work.** An internet of some 2,000 domains (`world`), signed by the lab and served by one NSD process for each
//! level. Every resolver has one worker on one core; the load and the servers share another. All run in a network
//! namespace of their own, so that port 53 is free and nothing is disturbed.
//!
//! **The figures** are the kernel's: the run time of a process's threads, its resident memory, and how many questions
//! NSD counted. Run time does not contain what a process waits for, and so says little of a machine's load, but not
//! nothing: caches and clocks are shared. So the rounds are interleaved, start each time with another resolver, and the
//! medians are told with the least and the most.
//!
//! - Cached answers: all resolvers up and warm, asked for the same 10,000 names (some often, most seldom) with 128
//!   questions outstanding, for 0.7 s each in turn. Beside them runs the floor (`echo`), which sends back as many octets
//!   and does nothing else.
//! - Questions that are not cached: a new process, each name and type of the internet once, 128 outstanding. Its growth
//!   in memory is what a cached question takes.
//! - First questions: a new process, one question for each domain.
//! - Many names: all below a wildcard of an unsigned zone, each asked for once; then asked for at random.
//!
//! On loopback the sender pays for the delivery of its packet: each figure contains the kernel's part of that.

#![cfg_attr(
    target_os = "linux",
    expect(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        reason = "what cannot be measured ends the run"
    )
)]

#[cfg(target_os = "linux")]
mod account;
#[cfg(target_os = "linux")]
mod authorities;
#[cfg(target_os = "linux")]
mod echo;
#[cfg(target_os = "linux")]
mod figures;
#[cfg(target_os = "linux")]
mod floor;
#[cfg(target_os = "linux")]
mod load;
#[cfg(target_os = "linux")]
mod measure;
#[cfg(target_os = "linux")]
mod picture;
#[cfg(target_os = "linux")]
mod process;
#[cfg(target_os = "linux")]
mod report;
#[cfg(target_os = "linux")]
mod resolvers;
#[cfg(target_os = "linux")]
mod run;
#[cfg(target_os = "linux")]
mod world;

/// The name of the program that only echoes.
#[cfg(target_os = "linux")]
const FLOOR: &str = "floor";

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    run::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("skipped: the figures are those of Linux's accounts");
}
