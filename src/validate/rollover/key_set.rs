//! A DNSKEY set as it was fetched, and which keys it shows: the same key whatever its flags say of revocation.
//!
//! In: an RRset, trusted keys, a budget. Out: whether one of them has signed it (RFC 4035 §5.2), and whether a key has
//! signed its own revocation (RFC 5011 §2.1). Keeps no state.

use super::{Trial, Unproven};
use crate::dns::rdata::{Dnskey, Ds};
use crate::dns::security::Fault;
use crate::dns::{Name, Rrset};
use crate::event::Silent;
use crate::limits;
use crate::validate::NoEvidence;
use crate::validate::algorithms::{self, KeyForm};
use crate::validate::anchors::AnchorKey;
use crate::validate::signature::{self, Verified};
use crate::validate::work::{Stop, Trials, Work};
use crate::validate::zone_keys::{self, Entry, Voucher, ZoneKey, ZoneKeys};

/// The flag of a revoked key (RFC 5011 §2.1).
const REVOKE: u16 = 0x0080;

/// A DNSKEY set and what it is judged by.
pub(super) struct KeySet<'a> {
    pub(super) zone: &'a Name,
    pub(super) rrset: &'a Rrset,
    pub(super) trial: &'a Trial<'a>,
}

impl<'a> KeySet<'a> {
    /// The keys of the set that may be a zone's (RFC 4034 §2.1).
    pub(super) fn keys(&self) -> Vec<Dnskey<'a>> {
        let read =
            self.rrset.rdatas.iter().take(limits::DNSKEYS_MAX).filter_map(|rdata| Dnskey::read(rdata).ok());
        read.filter(|key| key.protocol == 3 && key.is_zone_key()).collect()
    }

    /// Whether what a key signs can be verified here. One that cannot be used is no anchor, and is not waited for.
    pub(super) fn can_use(&self, key: &Dnskey<'_>) -> bool {
        self.trial.validator.policy.supports_algorithm(key.algorithm)
            && algorithms::key_form(key.algorithm, key.public_key) == KeyForm::Usable
    }

    /// By which of the trusted keys the set is signed (RFC 4035 §5.2).
    pub(super) fn prove(&self, trusted: &[AnchorKey]) -> Result<Verified, Unproven> {
        if trusted.is_empty() {
            return Err(Unproven::NoAnchor);
        }
        let all: Vec<Voucher<'_>> = trusted.iter().filter_map(Voucher::from_anchor).collect();
        let vouchers =
            zone_keys::usable(&all, true, self.trial.validator.policy).map_err(|_| Unproven::Unusable)?;
        match zone_keys::enter(self.zone, &vouchers, &self.rrset.rdatas, true) {
            Entry::Keys(keys) => self.verify(keys).map_err(Unproven::Fault),
            Entry::Insecure(_) => Err(Unproven::Unusable),
            Entry::Fault(fault) => Err(Unproven::Fault(fault)),
        }
    }

    /// Whether a key of the set has signed the set.
    pub(super) fn is_signed_by(&self, key: &Dnskey<'_>) -> bool {
        self.can_use(key) && self.verify(vec![ZoneKey::from(key)]).is_ok()
    }

    fn verify(&self, keys: Vec<ZoneKey>) -> Result<Verified, Fault> {
        let Trial { validator, budget, now, .. } = *self.trial;
        let keys = ZoneKeys::of(self.zone.clone(), keys);
        let mut trials = Trials::default();
        // Ends: each turn but the last took verifications out of the budget. There are too few to let others run.
        loop {
            let (evidence, observer) = (&NoEvidence, &Silent);
            let mut work = Work { evidence, budget, observer, validator, now, cost: 0, trials };
            let found = signature::verify(self.rrset, &keys, &mut work);
            trials = work.trials;
            match found {
                Ok(found) => return found,
                Err(Stop::Exhausted(limit)) => return Err(Fault::TooMuchWork { limit }),
                Err(Stop::Pause) => {}
                // One RRset needs nothing else.
                Err(Stop::Need(_) | Stop::Zone(_)) => return Err(Fault::SignatureMissing),
            }
        }
    }
}

impl AnchorKey {
    /// Whether both are the same key of a zone, or one is the digest of the other.
    pub(super) fn is_same(&self, zone: &Name, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Dnskey(rdata)) => Dnskey::read(rdata).is_ok_and(|key| self.is(zone, &key)),
            (Self::Dnskey(_), Self::Ds(_)) => other.is_same(zone, self),
            (Self::Ds(one), Self::Ds(two)) => one == two,
        }
    }

    /// Whether the key of a zone is this one, whatever its flags say of revocation.
    pub(super) fn is(&self, zone: &Name, key: &Dnskey<'_>) -> bool {
        match self {
            Self::Dnskey(rdata) => Dnskey::read(rdata).is_ok_and(|own| is_same_key(&own, key)),
            Self::Ds(rdata) => Ds::read(rdata).is_ok_and(|ds| names(&ds, zone, key)),
        }
    }

    pub(super) fn algorithm(&self) -> u8 {
        match self {
            Self::Ds(rdata) => Ds::read(rdata).map_or(0, |ds| ds.algorithm),
            Self::Dnskey(rdata) => Dnskey::read(rdata).map_or(0, |key| key.algorithm),
        }
    }
}

pub(super) fn is_same_key(one: &Dnskey<'_>, other: &Dnskey<'_>) -> bool {
    one.algorithm == other.algorithm && one.public_key == other.public_key
}

/// Whether a DS names a key, or what the key was before it was revoked (RFC 4034 §5.1.4).
pub(super) fn names(ds: &Ds<'_>, zone: &Name, key: &Dnskey<'_>) -> bool {
    let rdata = unrevoked(key);
    let Ok(key) = Dnskey::read(&rdata) else { return false };
    key.algorithm == ds.algorithm
        && key.key_tag() == ds.key_tag
        && algorithms::ds_digest(ds.digest_type, &[zone.to_lowercase().as_wire(), &rdata])
            .is_some_and(|digest| digest.as_ref() == ds.digest)
}

/// The rdata of a key without its REVOKE bit.
pub(super) fn unrevoked(key: &Dnskey<'_>) -> Vec<u8> {
    with_flags(key.rdata, key.flags & !REVOKE)
}

/// The rdata of a key with its REVOKE bit.
pub(super) fn revoked(key: &Dnskey<'_>) -> Vec<u8> {
    with_flags(key.rdata, key.flags | REVOKE)
}

fn with_flags(rdata: &[u8], flags: u16) -> Vec<u8> {
    let mut out = flags.to_be_bytes().to_vec();
    out.extend_from_slice(rdata.get(2..).unwrap_or_default());
    out
}
