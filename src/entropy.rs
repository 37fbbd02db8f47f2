//! Randomness, the only place it comes from: the system's generator, or a seed in the lab.
//!
//! Ids, ports, letter case, server choice and hash seeds all draw here. A predictable generator made
//! resolvers forgeable before (CVE-2025-40780), so outside of the lab every octet is the operating system's.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use ring::rand::{SecureRandom, SystemRandom};

/// How many octets are fetched from the system at a time.
const POOL: usize = 512;

/// A source of random numbers.
pub struct Entropy {
    state: Mutex<State>,
}

enum State {
    System { random: SystemRandom, pool: Box<[u8; POOL]>, used: usize },
    Seeded(u64),
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entropy")
    }
}

impl Entropy {
    /// The system's generator.
    pub fn system() -> Self {
        let state = State::System { random: SystemRandom::new(), pool: Box::new([0; POOL]), used: POOL };
        Self { state: Mutex::new(state) }
    }

    /// Numbers that a seed repeats, for simulations only.
    pub fn seeded(seed: u64) -> Self {
        Self { state: Mutex::new(State::Seeded(seed)) }
    }

    /// 64 random bits.
    pub fn u64(&self) -> u64 {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *state {
            State::Seeded(seed) => split_mix(seed),
            State::System { random, pool, used } => {
                if *used + 8 > POOL {
                    refill(random, pool);
                    *used = 0;
                }
                let bytes = pool.get_mut(*used..*used + 8);
                *used += 8;
                bytes.map_or(0, |bytes| {
                    let mut number = [0; 8];
                    number.copy_from_slice(bytes);
                    // What was handed out is not kept in memory.
                    bytes.fill(0);
                    u64::from_ne_bytes(number)
                })
            }
        }
    }

    /// 16 random bits.
    pub fn u16(&self) -> u16 {
        let [a, b, ..] = self.u64().to_ne_bytes();
        u16::from_ne_bytes([a, b])
    }

    /// A number below `bound`, each with the same chance (to within 2⁻³²); 0 if `bound` is 0.
    pub fn below(&self, bound: usize) -> usize {
        let wide = u128::from(self.u64()) * (bound as u128);
        usize::try_from(wide >> 64).unwrap_or(0)
    }

    /// A source port from 1024 to 65535 (RFC 5452 §9.2).
    pub fn port(&self) -> u16 {
        u16::try_from(1_024 + self.below(64_512)).unwrap_or(u16::MAX)
    }

    /// Fills `bytes`.
    pub fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            for (octet, random) in chunk.iter_mut().zip(self.u64().to_ne_bytes()) {
                *octet = random;
            }
        }
    }
}

/// There is no safe way to go on without randomness: the process ends rather than ask predictable questions.
fn refill(random: &SystemRandom, pool: &mut [u8; POOL]) {
    assert!(random.fill(pool).is_ok(), "the operating system gave no random numbers");
}

/// SplitMix64 (Steele, Lea, Flood 2014).
fn split_mix(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *seed;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_numbers() {
        let (one, two) = (Entropy::seeded(7), Entropy::seeded(7));
        assert!((0..100).all(|_| one.u64() == two.u64()));
    }

    #[test]
    fn ports_fill_the_whole_range() {
        let entropy = Entropy::system();
        let ports: Vec<u16> = (0..200_000).map(|_| entropy.port()).collect();
        assert!(ports.iter().all(|port| *port >= 1_024));
        let mut distinct = ports.clone();
        distinct.sort_unstable();
        distinct.dedup();
        // 64,512 ports, 200,000 draws: 61,600 distinct are expected.
        assert!(distinct.len() > 60_000, "{}", distinct.len());
    }
}
