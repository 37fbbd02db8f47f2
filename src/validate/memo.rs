//! Signatures that were verified before, so that what comes again unchanged is not verified again: the SOA and the NSEC
//! records of every denial by a zone, a DNSKEY set that is fetched anew, an answer whose TTL was shorter than its
//! signature's life.
//!
//! In: a digest of all that a verification depends on: algorithm, key, message, signature. Out: whether just that was
//! found to hold. That stays true for ever; whether the key is trusted and the signature's time has come is asked anew
//! each time (RFC 4035 §5.3.1). Failures are not remembered: the budget bounds them. What an attacker fills this with
//! can only drive out others, which then cost a verification again.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ring::digest;

use crate::limits;

/// SHA-256 over all that decides whether a signature holds. Two inputs of the same digest would let one signature pass for
/// another, so it is neither shortened nor replaced by a faster hash.
pub(super) type Digest = [u8; 32];

/// Digests that share a place: of these the one that was not used for longest gives way.
const WAYS: usize = 8;
/// Parts that are locked one by one.
const SHARDS: usize = 16;
/// What eight digests take.
const BUCKET_OCTETS: usize = WAYS * size_of::<Digest>();

/// A free place holds zeros, which no input is known to be digested to.
type Bucket = [Digest; WAYS];

/// A table of a fixed size, whose parts are allocated when something is put into them.
pub(super) struct Memo {
    /// Buckets of each shard.
    buckets: usize,
    shards: [Mutex<Vec<Bucket>>; SHARDS],
}

impl Memo {
    /// An empty table that takes `octets` once it is in use, four KiB at least.
    pub(super) fn new(octets: usize) -> Self {
        Self { buckets: (octets / SHARDS / BUCKET_OCTETS).max(1), shards: Default::default() }
    }

    /// Whether this was verified; it counts as used.
    pub(super) fn knows(&self, digest: &Digest) -> bool {
        let Some((mut shard, index)) = self.place(digest) else { return false };
        let Some(bucket) = shard.get_mut(index) else { return false };
        let at = bucket.iter().position(|known| known == digest);
        let newer = at.and_then(|at| bucket.get_mut(..=at));
        newer.map(|newer| newer.rotate_right(1)).is_some()
    }

    /// Keeps what was verified.
    pub(super) fn remember(&self, digest: &Digest) {
        let Some((mut shard, index)) = self.place(digest) else { return };
        if shard.is_empty() {
            shard.resize(self.buckets, Bucket::default());
        }
        let Some(bucket) = shard.get_mut(index) else { return };
        bucket.rotate_right(1);
        if let Some(newest) = bucket.first_mut() {
            *newest = *digest;
        }
    }

    /// The shard that a digest belongs to, locked, and which of its buckets.
    fn place(&self, digest: &Digest) -> Option<(MutexGuard<'_, Vec<Bucket>>, usize)> {
        let [first, a, b, c, d, ..] = *digest;
        let shard = self.shards.get(usize::from(first) % SHARDS)?;
        let index = usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()? % self.buckets;
        Some((shard.lock().unwrap_or_else(PoisonError::into_inner), index))
    }
}

impl Default for Memo {
    fn default() -> Self {
        Self::new(limits::SIGNATURES_OCTETS)
    }
}

impl fmt::Debug for Memo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memo").field("buckets", &self.buckets).finish_non_exhaustive()
    }
}

/// The digest of one verification.
pub(super) fn digest(algorithm: u8, public_key: &[u8], message: &[u8], signature: &[u8]) -> Digest {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&[algorithm]);
    // The lengths keep the parts apart.
    for part in [public_key, signature, message] {
        context.update(&part.len().to_be_bytes());
        context.update(part);
    }
    let mut octets = Digest::default();
    octets.copy_from_slice(context.finish().as_ref());
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(number: u32) -> Digest {
        digest(13, b"key", &number.to_be_bytes(), b"signature")
    }

    #[test]
    fn what_was_remembered_is_known_and_nothing_else() {
        let memo = Memo::new(1 << 20);
        assert!(!memo.knows(&numbered(1)), "an empty table knows nothing");
        (0..1_000).for_each(|number| memo.remember(&numbered(number)));
        assert!((0..1_000).all(|number| memo.knows(&numbered(number))));
        assert!(!(1_000..2_000).any(|number| memo.knows(&numbered(number))));
    }

    #[test]
    fn a_digest_differs_with_each_part_and_with_where_one_ends() {
        let all = [
            digest(13, b"key", b"message", b"signature"),
            digest(14, b"key", b"message", b"signature"),
            digest(13, b"kez", b"message", b"signature"),
            digest(13, b"key", b"messagf", b"signature"),
            digest(13, b"key", b"message", b"signaturf"),
            digest(13, b"ke", b"message", b"ysignature"),
            digest(13, b"key", b"essage", b"signaturem"),
        ];
        for (place, one) in all.iter().enumerate() {
            assert_eq!(all.iter().position(|other| other == one), Some(place));
        }
    }

    #[test]
    fn it_keeps_its_size_and_what_is_still_used() {
        let memo = Memo::new(64 << 10);
        for number in 0..100_000 {
            memo.remember(&numbered(number));
            assert!(memo.knows(&numbered(0)), "used all the time, after {number} others");
        }
        let buckets: usize = memo.shards.iter().map(|shard| shard.lock().unwrap().len()).sum();
        assert_eq!(buckets * BUCKET_OCTETS, 64 << 10);
        let kept = (0..100_000).filter(|number| memo.knows(&numbered(*number))).count();
        assert_eq!(kept, (64 << 10) / size_of::<Digest>(), "every place is taken");
    }

    #[test]
    fn the_least_room_is_still_a_table() {
        let memo = Memo::new(0);
        memo.remember(&numbered(1));
        assert!(memo.knows(&numbered(1)) && !memo.knows(&numbered(2)));
    }
}
