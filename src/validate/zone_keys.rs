//! The keys of a zone: parsed once, and the way from DS records or trust anchors to those that may sign the
//! zone's DNSKEY set.
//!
//! RFC 4034 §2 and §5, RFC 4035 §5.2, RFC 4509 §3, RFC 5011 §2.1, RFC 6840 §5. Digests are computed here,
//! signatures are not verified here.

use super::Insecurity;
use super::algorithms::{self, KeyForm, Policy};
use super::anchors::AnchorKey;
use crate::dns::rdata::{Dnskey, Ds};
use crate::dns::security::Fault;
use crate::dns::{Name, Rdatas};
use crate::limits;

/// The proven keys of a zone.
#[derive(Debug, Clone)]
pub struct ZoneKeys {
    zone: Name,
    /// Without room for more: they are kept for as long as the zone is known.
    keys: Box<[ZoneKey]>,
    valid_until: u64,
}

/// A key that signatures in the zone may be verified with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ZoneKey {
    pub(super) tag: u16,
    pub(super) algorithm: u8,
    pub(super) public_key: Box<[u8]>,
    /// What a verification takes ([`algorithms::cost`]).
    pub(super) cost: u32,
}

impl ZoneKeys {
    /// The usable keys of a DNSKEY set. Keys of another protocol than DNSSEC, without the zone key flag or
    /// revoked sign nothing (RFC 4034 §2.1, RFC 5011 §2.1), nor do those that cannot be used here.
    pub(super) fn read(zone: Name, dnskeys: &Rdatas, policy: Policy) -> Self {
        let usable = |key: &Dnskey<'_>| {
            key.protocol == 3
                && key.is_zone_key()
                && !key.is_revoked()
                && policy.supports_algorithm(key.algorithm)
                && algorithms::key_form(key.algorithm, key.public_key) == KeyForm::Usable
        };
        let keys = parse(dnskeys).filter(usable).map(|key| ZoneKey::from(&key)).collect();
        Self { zone, keys, valid_until: u64::MAX }
    }

    /// A set of these keys alone.
    pub(super) fn of(zone: Name, keys: Vec<ZoneKey>) -> Self {
        Self { zone, keys: keys.into(), valid_until: u64::MAX }
    }

    pub(super) fn until(mut self, unix: u64) -> Self {
        self.valid_until = unix;
        self
    }

    /// The zone.
    pub fn zone(&self) -> &Name {
        &self.zone
    }

    pub(super) fn keys(&self) -> &[ZoneKey] {
        &self.keys
    }

    /// The octets they have allocated; `heap` says what an allocation of a length takes.
    pub fn heap_bytes(&self, heap: fn(usize) -> usize) -> usize {
        let keys: usize = self.keys.iter().map(|key| heap(key.public_key.len())).sum();
        heap(self.zone.heap_len()) + heap(size_of_val(&*self.keys)) + keys
    }

    /// When the signature over the DNSKEY set expires, in seconds since 1970.
    pub fn valid_until(&self) -> u64 {
        self.valid_until
    }

    /// The keys that a signature may mean: tags collide, by chance or on purpose (KeyTrap's LockCram).
    pub(super) fn candidates(&self, tag: u16, algorithm: u8) -> impl Iterator<Item = &ZoneKey> {
        self.keys
            .iter()
            .filter(move |key| key.tag == tag && key.algorithm == algorithm)
            .take(limits::SAME_TAG_KEYS_MAX)
    }
}

impl From<&Dnskey<'_>> for ZoneKey {
    fn from(key: &Dnskey<'_>) -> Self {
        Self {
            tag: key.key_tag(),
            algorithm: key.algorithm,
            public_key: key.public_key.into(),
            cost: algorithms::cost(key.algorithm, key.public_key),
        }
    }
}

fn parse(dnskeys: &Rdatas) -> impl Iterator<Item = Dnskey<'_>> {
    dnskeys.iter().take(limits::DNSKEYS_MAX).filter_map(|rdata| Dnskey::read(rdata).ok())
}

/// What vouches for a key: a DS record, or a trust anchor that is one or is the key itself.
#[derive(Debug, Clone, Copy)]
pub(super) enum Voucher<'a> {
    Ds(Ds<'a>),
    Key(Dnskey<'a>),
}

impl<'a> Voucher<'a> {
    pub(super) fn from_anchor(anchor: &'a AnchorKey) -> Option<Self> {
        match anchor {
            AnchorKey::Ds(rdata) => Ds::read(rdata).ok().map(Self::Ds),
            AnchorKey::Dnskey(rdata) => Dnskey::read(rdata).ok().map(Self::Key),
        }
    }

    pub(super) fn algorithm(&self) -> u8 {
        match self {
            Self::Ds(ds) => ds.algorithm,
            Self::Key(key) => key.algorithm,
        }
    }

    pub(super) fn key_tag(&self) -> u16 {
        match self {
            Self::Ds(ds) => ds.key_tag,
            Self::Key(key) => key.key_tag(),
        }
    }

    fn is_sha1(&self) -> bool {
        matches!(self, Self::Ds(ds) if ds.digest_type == 1)
    }

    fn may_be_of_key(&self, other: &Self) -> bool {
        (self.key_tag(), self.algorithm()) == (other.key_tag(), other.algorithm())
    }
}

/// The vouchers that can be used, or why the zone is insecure because none can (RFC 4035 §5.2).
pub(super) fn usable<'a>(
    all: &[Voucher<'a>],
    from_anchor: bool,
    policy: Policy,
) -> Result<Vec<Voucher<'a>>, Insecurity> {
    let mut usable = all_usable(all, from_anchor, policy);
    if usable.is_empty() {
        return Err(why_unusable(all, policy));
    }
    usable.truncate(limits::DS_MAX);
    Ok(usable)
}

/// All that can be used; how many that are is not bounded.
pub(super) fn all_usable<'a>(all: &[Voucher<'a>], from_anchor: bool, policy: Policy) -> Vec<Voucher<'a>> {
    let mut usable: Vec<Voucher<'a>> = all
        .iter()
        .filter(|voucher| policy.supports_algorithm(voucher.algorithm()))
        .filter(|voucher| match voucher {
            Voucher::Ds(ds) => policy.supports_digest(ds.digest_type),
            Voucher::Key(_) => true,
        })
        .copied()
        .collect();
    // RFC 4509 §3: a SHA-1 digest is not looked at where the DS set has something stronger. Of trust anchors only where
    // the same key has: an operator who names two keys, each in another way, trusts both.
    let strong: Vec<Voucher<'_>> = usable.iter().filter(|voucher| !voucher.is_sha1()).copied().collect();
    let counts = |voucher: &Voucher<'_>| {
        !voucher.is_sha1() || !strong.iter().any(|other| !from_anchor || other.may_be_of_key(voucher))
    };
    usable.retain(counts);
    usable
}

fn why_unusable(all: &[Voucher<'_>], policy: Policy) -> Insecurity {
    let digest = all.iter().find_map(|voucher| match voucher {
        Voucher::Ds(ds) if policy.supports_algorithm(ds.algorithm) => Some(ds.digest_type),
        _ => None,
    });
    match digest {
        Some(digest_type) => Insecurity::Digest(digest_type),
        None => Insecurity::Algorithm(all.first().map_or(0, Voucher::algorithm)),
    }
}

/// Where the vouchers lead.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// To these keys: one of them has to sign the DNSKEY set.
    Keys(Vec<ZoneKey>),
    /// Each to a key of a size that is not supported.
    Insecure(Insecurity),
    /// Nowhere.
    Fault(Fault),
}

/// Finds the keys of the DNSKEY set that the vouchers name (RFC 4035 §5.2).
pub(super) fn enter(zone: &Name, vouchers: &[Voucher<'_>], dnskeys: &Rdatas, from_anchor: bool) -> Entry {
    let keys: Vec<Dnskey<'_>> = parse(dnskeys).filter(|key| key.protocol == 3).collect();
    let mut search = Search { zone, mismatches: 0, found: Vec::new(), unsupported: None, fault: None };
    let mut dangling = 0_usize;
    for voucher in vouchers {
        if !search.follow(voucher, &keys) {
            dangling += 1;
        }
    }
    if !search.found.is_empty() {
        return Entry::Keys(search.found);
    }
    // Insecure only if no voucher is left that could lead to a usable key: a DNSKEY set that somebody cut down
    // to its unusable key shall not make the zone insecure.
    if let (Some(algorithm), 0, None) = (search.unsupported, dangling, &search.fault) {
        return Entry::Insecure(Insecurity::KeySize(algorithm));
    }
    Entry::Fault(search.fault.unwrap_or_else(|| match vouchers.first() {
        Some(first) if !from_anchor => {
            Fault::DsMismatch { key_tag: first.key_tag(), algorithm: first.algorithm() }
        }
        _ => Fault::NoAnchorMatch,
    }))
}

struct Search<'a> {
    zone: &'a Name,
    mismatches: usize,
    found: Vec<ZoneKey>,
    unsupported: Option<u8>,
    fault: Option<Fault>,
}

impl Search<'_> {
    /// Looks for the key that one voucher names. Whether there is one.
    fn follow(&mut self, voucher: &Voucher<'_>, keys: &[Dnskey<'_>]) -> bool {
        let same = |key: &&Dnskey<'_>| {
            // The algorithm is compared first: it is cheap, and the digest does not cover it alone.
            key.algorithm == voucher.algorithm() && key.key_tag() == voucher.key_tag()
        };
        for key in keys.iter().filter(same).take(limits::SAME_TAG_KEYS_MAX) {
            // KeyTrap's HashTrap: digests cost too (Unbound: 4 mismatches).
            if self.mismatches >= limits::DS_MISMATCHES_MAX {
                return false;
            }
            if self.is_named(voucher, key) {
                self.take(key);
                return true;
            }
            self.mismatches += 1;
        }
        false
    }

    fn is_named(&self, voucher: &Voucher<'_>, key: &Dnskey<'_>) -> bool {
        match voucher {
            Voucher::Key(anchor) => anchor.public_key == key.public_key,
            // RFC 4034 §5.1.4: the owner in canonical form, then the DNSKEY rdata.
            Voucher::Ds(ds) => {
                algorithms::ds_digest(ds.digest_type, &[self.zone.to_lowercase().as_wire(), key.rdata])
                    .is_some_and(|digest| digest.as_ref() == ds.digest)
            }
        }
    }

    fn take(&mut self, key: &Dnskey<'_>) {
        let key_tag = key.key_tag();
        if !key.is_zone_key() {
            // RFC 4034 §5.2: a DS record must refer to a zone key.
            self.fault = Some(Fault::NoZoneKeyBit { key_tag });
        } else if key.is_revoked() {
            // RFC 5011 §2.1: a revoked key proves nothing but its own revocation.
            self.fault = Some(Fault::KeyRevoked { key_tag });
        } else {
            match algorithms::key_form(key.algorithm, key.public_key) {
                KeyForm::Usable => {
                    let key = ZoneKey::from(key);
                    if !self.found.contains(&key) {
                        self.found.push(key);
                    }
                }
                KeyForm::Unsupported => self.unsupported = Some(key.algorithm),
                // CVE-2025-8677: a key that is none is refused before any arithmetic.
                KeyForm::Broken => {
                    self.fault = Some(Fault::NoKeyForSignature { key_tag, algorithm: key.algorithm });
                }
            }
        }
    }
}
