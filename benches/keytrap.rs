//! What one question costs when the zone it is about was made to cost: KeyTrap (CVE-2023-50387) in its forms,
//! CVE-2023-50868 and their kin.
//!
//! Each zone of `tests/sim/traps.rs` gets one question, from a resolver that has been in service, in one thread with the
//! lab's servers. Prints how many signatures were verified and how many SHA-1 blocks hashed; the processor time of the
//! whole question, and of the same one where nothing is validated: that is the lab's and the walk's, and fetches no
//! keys; and the longest turn that one task had of the thread: so long others have to wait at most. The first rows are
//! honest. Then what names cost that do not exist, all in one zone; and what one verification takes by each algorithm,
//! which is what `validate` prices it by.
//!
//! `cargo bench --bench keytrap`; `KEYTRAP_RUNS` (20) is how often each question is asked, each time of a new resolver.
//! Needs Linux, which tells a thread's run time.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "what cannot be measured ends the run"
)]

#[allow(dead_code, reason = "the simulations use more of it")]
#[path = "../tests/sim/harness.rs"]
mod harness;
#[allow(dead_code, reason = "the simulations use more of it")]
#[path = "../tests/sim/traps.rs"]
mod traps;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ring::rand::SystemRandom;
use ring::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use rootwalk::lab::World;
use tokio::runtime::{Builder, Runtime};

use harness::Sim;
use traps::{Trap, WEB, traps};

/// Of so many runs the shortest longest turn counts: what else the machine does only makes it longer.
const TURN_RUNS: u32 = 5;

/// Names that do not exist, to be asked for.
const NAMES: u32 = 2_000;

fn main() {
    let runs = std::env::var("KEYTRAP_RUNS").map_or(20, |text| text.parse().expect("KEYTRAP_RUNS"));
    println!(
        "| one question | verified | failed | NSEC3 blocks | CPU ms | not validated | longest turn ms |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|");
    for trap in traps() {
        let [verified, failed, blocks, cpu_us] = cost(&trap, runs, true);
        let [.., plain_us] = cost(&trap, runs, false);
        let turn_us = (0..TURN_RUNS).map(|_| longest_turn_us(&trap)).min().unwrap_or(0);
        let [cpu, plain, turn] = [cpu_us, plain_us, turn_us].map(|us| format!("{:.2}", us as f64 / 1e3));
        println!("| {} | {verified} | {failed} | {blocks} | {cpu} | {plain} | {turn} |", trap.what);
    }
    let [verified, remembered, cpu_us] = denials();
    println!(
        "\n{NAMES} names that do not exist in one zone: {verified} verified, {remembered} known already,"
    );
    println!("{:.3} ms CPU each", cpu_us as f64 / 1e3 / f64::from(NAMES));
    println!("\n| one verification | µs | of P-256 |");
    println!("|---|--:|--:|");
    let all = verifications();
    let p256 = all.first().map_or(1.0, |(_, us)| *us);
    for (what, us) in &all {
        println!("| {what} | {us:.1} | {:.1} |", us / p256);
    }
}

/// Verifications, failed ones, hash blocks, and microseconds of processor time for one question.
fn cost(trap: &Trap, runs: u32, validation: bool) -> [u64; 4] {
    let mut all = [0_u64; 4];
    for _ in 0..runs {
        let runtime = runtime(true);
        let sim = runtime.block_on(in_service(&trap.world, validation));
        let before = so_far(&sim);
        runtime.block_on(ask(&sim, trap));
        for (sum, (after, before)) in all.iter_mut().zip(so_far(&sim).into_iter().zip(before)) {
            *sum += after - before;
        }
    }
    all.map(|sum| sum / u64::from(runs))
}

/// Verifications, signatures that were known already, and microseconds of processor time for many names that do not
/// exist, all in one zone.
fn denials() -> [u64; 3] {
    let world = traps::world().zone(traps::site("many.org."));
    let runtime = runtime(true);
    let sim = runtime.block_on(in_service(&world, true));
    let remembered = || sim.service.validator().unwrap().figures().remembered();
    let (before, known) = (so_far(&sim), remembered());
    runtime.block_on(async {
        for number in 0..NAMES {
            assert!(sim.ask_a(&format!("x{number}.many.org.")).await.secure());
        }
    });
    let after = so_far(&sim);
    [after[0] - before[0], remembered() - known, after[3] - before[3]]
}

async fn in_service(world: &World, validation: bool) -> Sim {
    let sim = Sim::with(world.clone(), |options| options.validation = validation);
    sim.ask_a("www.warm.org.").await.is_address(WEB);
    sim
}

fn runtime(paused: bool) -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(paused).build().unwrap()
}

async fn ask(sim: &Sim, trap: &Trap) {
    let context = sim.service.silent_context();
    // What comes of it is for `tests/sim/keytrap.rs` to say.
    drop(sim.service.answer(&trap.question, false, &context).await);
}

fn so_far(sim: &Sim) -> [u64; 4] {
    let Some(validator) = sim.service.validator() else { return [0, 0, 0, cpu_us()] };
    let figures = validator.figures();
    let verified = figures.verifications().map(|by| by.done).sum();
    let failed = figures.verifications().map(|by| by.failed).sum();
    [verified, failed, figures.nsec3_hashes(), cpu_us()]
}

/// The processor time of this thread.
fn cpu_us() -> u64 {
    // To give way brings the kernel's account up to date.
    std::thread::yield_now();
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells it");
    told.split(' ').next().and_then(|ns| ns.parse::<u64>().ok()).expect("it is a number") / 1_000
}

/// The most processor time that went by between two turns of a task that always wants one.
fn longest_turn_us(trap: &Trap) -> u64 {
    // In real time: a paused clock only goes on when nobody wants a turn.
    runtime(false).block_on(async {
        let sim = in_service(&trap.world, true).await;
        let over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&over);
        let beside = tokio::spawn(async move {
            let (mut last, mut longest) = (cpu_us(), 0);
            while !told.load(Ordering::Relaxed) {
                tokio::task::yield_now().await;
                let now = cpu_us();
                longest = longest.max(now - last);
                last = now;
            }
            longest
        });
        ask(&sim, trap).await;
        over.store(true, Ordering::Relaxed);
        beside.await.unwrap()
    })
}

/// What one verification takes, by algorithm and key.
fn verifications() -> Vec<(String, f64)> {
    const MESSAGE: &[u8] = &[7; 200];
    let random = SystemRandom::new();
    let mut all = Vec::new();
    for (what, signing, verifying) in [
        ("P-256", &signature::ECDSA_P256_SHA256_FIXED_SIGNING, &signature::ECDSA_P256_SHA256_FIXED),
        ("P-384", &signature::ECDSA_P384_SHA384_FIXED_SIGNING, &signature::ECDSA_P384_SHA384_FIXED),
    ] {
        let secret = EcdsaKeyPair::generate_pkcs8(signing, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(signing, secret.as_ref(), &random).unwrap();
        let signed = pair.sign(&random, MESSAGE).unwrap();
        let key = UnparsedPublicKey::new(verifying, pair.public_key().as_ref().to_vec());
        all.push((what.to_owned(), each_us(|| key.verify(MESSAGE, signed.as_ref()).is_ok())));
    }
    let pair = Ed25519KeyPair::from_pkcs8(Ed25519KeyPair::generate_pkcs8(&random).unwrap().as_ref()).unwrap();
    let signed = pair.sign(MESSAGE);
    let key = UnparsedPublicKey::new(&signature::ED25519, pair.public_key().as_ref().to_vec());
    all.push(("Ed25519".to_owned(), each_us(|| key.verify(MESSAGE, signed.as_ref()).is_ok())));
    for octets in [128, 256, 384, 512, 1_024] {
        // Whether it holds makes no difference: the power is computed first.
        let (mut modulus, number) = (vec![0xa5; octets], vec![0x5a; octets]);
        *modulus.last_mut().unwrap() |= 1;
        for (exponent, word) in [(&[1, 0, 1][..], "65537"), (&[1, 0xff, 0xff, 0xff, 0xff][..], "2^33-1")] {
            let key = signature::RsaPublicKeyComponents { n: &modulus[..], e: exponent };
            let kind = &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY;
            let us = each_us(|| key.verify(kind, MESSAGE, &number).is_err());
            all.push((format!("RSA {}, exponent {word}", octets * 8), us));
        }
    }
    all
}

/// Microseconds of processor time that something takes each time, the least of five tries.
fn each_us(mut works: impl FnMut() -> bool) -> f64 {
    const TIMES: u32 = 200;
    let mut took = || {
        let before = cpu_us();
        assert!((0..TIMES).all(|_| works()));
        (cpu_us() - before) as f64 / f64::from(TIMES)
    };
    (0..5).map(|_| took()).fold(f64::MAX, f64::min)
}
