//! What validation has cost since the process began, in numbers that only rise.
//!
//! In: what a proof did. Out: counters for `rootwalk_dnssec_signature_verifications_total{algorithm}` and
//! `rootwalk_dnssec_nsec3_hashes_total`. The labels are a fixed set.

use std::sync::atomic::{AtomicU64, Ordering};

use super::algorithms;

/// The algorithms that are counted by name; any other is "other".
const COUNTED: [u8; 7] = [5, 7, 8, 10, 13, 14, 15];

/// The counters of a validator, shared with those that are made from it.
#[derive(Debug, Default)]
pub struct Figures {
    by_algorithm: [Tally; COUNTED.len()],
    other: Tally,
    remembered: AtomicU64,
    nsec3_blocks: AtomicU64,
}

#[derive(Debug, Default)]
struct Tally {
    done: AtomicU64,
    failed: AtomicU64,
}

/// The signature verifications by one algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verifications {
    /// The algorithm's name in the registry, or "other".
    pub algorithm: &'static str,
    /// All that were done.
    pub done: u64,
    /// Those of them that showed a signature to be wrong.
    pub failed: u64,
}

impl Figures {
    /// The signature verifications, by algorithm.
    pub fn verifications(&self) -> impl Iterator<Item = Verifications> + '_ {
        let counted = COUNTED.iter().zip(&self.by_algorithm);
        let named =
            counted.map(|(number, tally)| (algorithms::known_name(*number).unwrap_or("other"), tally));
        named.chain(std::iter::once(("other", &self.other))).map(|(algorithm, tally)| Verifications {
            algorithm,
            done: tally.done.load(Ordering::Relaxed),
            failed: tally.failed.load(Ordering::Relaxed),
        })
    }

    /// Signatures that were not verified because the same one, by the same key over the same octets, had been.
    pub fn remembered(&self) -> u64 {
        self.remembered.load(Ordering::Relaxed)
    }

    /// Blocks that SHA-1 worked through for NSEC3, as [`crate::limits::Limit::Nsec3Hashes`] counts them.
    pub fn nsec3_hashes(&self) -> u64 {
        self.nsec3_blocks.load(Ordering::Relaxed)
    }

    pub(super) fn count_verification(&self, algorithm: u8, holds: bool) {
        let named = COUNTED.iter().position(|number| *number == algorithm);
        let tally = named.and_then(|place| self.by_algorithm.get(place)).unwrap_or(&self.other);
        tally.done.fetch_add(1, Ordering::Relaxed);
        if !holds {
            tally.failed.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn count_remembered(&self) {
        self.remembered.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts such blocks.
    pub(crate) fn count_nsec3(&self, blocks: u64) {
        self.nsec3_blocks.fetch_add(blocks, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verification_is_counted_under_one_name_of_a_fixed_set() {
        let figures = Figures::default();
        (0..=u8::MAX).for_each(|algorithm| figures.count_verification(algorithm, algorithm % 2 == 0));
        let all: Vec<Verifications> = figures.verifications().collect();
        let names: Vec<&str> = all.iter().map(|one| one.algorithm).collect();
        assert_eq!(
            names,
            [
                "RSASHA1",
                "RSASHA1-NSEC3-SHA1",
                "RSASHA256",
                "RSASHA512",
                "ECDSAP256SHA256",
                "ECDSAP384SHA384",
                "ED25519",
                "other"
            ]
        );
        assert_eq!(all.iter().map(|one| one.done).sum::<u64>(), 256);
        assert_eq!(all.iter().map(|one| one.failed).sum::<u64>(), 128);
        assert_eq!((all[5].done, all[5].failed, all[6].failed, all[7].done), (1, 0, 1, 249));
    }
}
