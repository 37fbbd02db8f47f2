//! One RRset and its RRSIGs against the keys of one zone (RFC 4035 §5.3).
//!
//! In: an RRset, the signer's proven keys. Out: what holds, for how long, and by which signature; or the fault
//! that says most. Every verification is charged before it is done (`work`).

use super::canonical::{Canonical, signed_labels};
use super::work::{Stop, Work};
use super::zone_keys::{ZoneKey, ZoneKeys};
use crate::dns::rdata::Rrsig;
use crate::dns::security::Fault;
use crate::dns::{Name, RecordType, Rrset};
use crate::limits::{self, Limit};

/// An RRset that a signature was found to hold for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verified {
    /// The zone that signed.
    pub(super) signer: Name,
    pub(super) key_tag: u16,
    pub(super) algorithm: u8,
    /// Seconds that the RRset may be kept (RFC 4035 §5.3.3).
    pub(super) ttl: u32,
    /// The TTL that the signature says the RRset had, in seconds (RFC 4034 §3.1.4).
    pub(super) original_ttl: u32,
    /// Until when it counts as valid, in seconds since 1970: a little beyond its expiration if a clock may be wrong.
    pub(super) until: u64,
    /// When the signature begins and expires, in seconds since 1970.
    pub(super) inception: u64,
    pub(super) expiration: u64,
    /// For a wildcard expansion the closest encloser: the wildcard's parent (RFC 4035 §5.3.4).
    pub(super) encloser: Option<Name>,
}

/// The signatures over an RRset that can be what they claim, judged by their fields alone.
pub(super) fn plausible(rrset: &Rrset) -> impl Iterator<Item = Rrsig<'_>> {
    rrset
        .signatures
        .iter()
        .take(limits::SIGNATURES_PER_RRSET_MAX)
        .filter_map(|rdata| Rrsig::read(rdata).ok())
        .filter(|signature| is_plausible(rrset, signature))
}

fn is_plausible(rrset: &Rrset, signature: &Rrsig<'_>) -> bool {
    let (owner, signer, labels) = (&rrset.name, &signature.signer, usize::from(signature.labels));
    // RFC 4035 §5.3.1: the covered type, and a signer that can be the zone of the RRset.
    signature.type_covered == rrset.rtype
        && may_sign(signer, owner, rrset.rtype)
        // RFC 4035 §5.3.1: no more labels than the owner has.
        && labels <= signed_labels(owner)
        // Fewer labels than the signer would be a wildcard above the zone (CVE-2026-44690, CVE-2026-11721).
        && labels >= signer.label_count()
}

/// Whether a zone may be the one that an RRset of this owner and type is in.
pub(super) fn may_sign(zone: &Name, owner: &Name, rtype: RecordType) -> bool {
    match rtype {
        // RFC 4035 §2.4: DS belongs to the parent; the root, which has none, may deny its own.
        RecordType::DS => owner.is_below(zone) || (owner.is_root() && zone.is_root()),
        // RFC 4035 §5.2: a DNSKEY set is vouched for by keys of its own zone.
        RecordType::DNSKEY => owner == zone,
        _ => owner.is_subdomain_of(zone),
    }
}

/// Whether a zone may deny an RRset of this owner and type: as it may sign one, but that keys are denied by the zone a
/// name is in, where no zone begins at the name.
pub(super) fn may_deny(zone: &Name, owner: &Name, rtype: RecordType) -> bool {
    may_sign(zone, owner, rtype) || (rtype == RecordType::DNSKEY && owner.is_below(zone))
}

/// Tries the signatures over `rrset` that name the zone of `keys` as their signer. May pause in between; asked again, it
/// goes on from there.
pub(super) fn verify(
    rrset: &Rrset,
    keys: &ZoneKeys,
    work: &mut Work<'_>,
) -> Result<Result<Verified, Fault>, Stop> {
    let found = try_signatures(rrset, keys, work)?;
    work.trials.patient = None;
    Ok(found)
}

fn try_signatures(
    rrset: &Rrset,
    keys: &ZoneKeys,
    work: &mut Work<'_>,
) -> Result<Result<Verified, Fault>, Stop> {
    let canonical = Canonical::new(rrset);
    let mut fault = Fault::SignatureMissing;
    let by_zone = |signature: &Rrsig<'_>| signature.signer == *keys.zone();
    // KeyTrap's SigJam: a few signatures are enough for every honest rollover, and one where enough have failed.
    let failures = work.budget.spent(Limit::FailedVerifications);
    let patient = *work.trials.patient.get_or_insert(failures < limits::PATIENT_FAILURES_MAX);
    let tries = if patient { limits::SIGNATURES_TRIED_MAX } else { 1 };
    let mut tried = 0_usize;
    for signature in plausible(rrset).filter(by_zone) {
        let found = match holds_for_secs(&signature, work.now) {
            Ok(secs) => {
                // Only what costs a verification uses up a try: a rollover leaves signatures of other keys behind.
                if keys.candidates(signature.key_tag, signature.algorithm).next().is_some() {
                    tried += 1;
                }
                if tried > tries {
                    break;
                }
                try_signature(&signature, &canonical, keys, work)?
                    .map(|key| verified(rrset, &signature, key, secs, work.now))
            }
            Err(fault) => Err(fault),
        };
        match found {
            Ok(verified) => return Ok(Ok(verified)),
            Err(other) if weight(&other) > weight(&fault) => fault = other,
            Err(_) => {}
        }
    }
    Ok(Err(fault))
}

/// Tries the keys that one signature may mean.
fn try_signature<'k>(
    signature: &Rrsig<'_>,
    canonical: &Canonical<'_>,
    keys: &'k ZoneKeys,
    work: &mut Work<'_>,
) -> Result<Result<&'k ZoneKey, Fault>, Stop> {
    let (key_tag, algorithm) = (signature.key_tag, signature.algorithm);
    let mut fault = Fault::NoKeyForSignature { key_tag, algorithm };
    for key in keys.candidates(key_tag, algorithm) {
        let Some(message) = canonical.message(signature) else { break };
        if work.holds(key, &message, signature.signature)? {
            return Ok(Ok(key));
        }
        fault = Fault::SignatureWrong { key_tag, algorithm };
    }
    Ok(Err(fault))
}

/// Seconds that a signature still holds, or why it does not (RFC 4035 §5.3.1, RFC 1982 arithmetic). A clock may be
/// wrong by a tenth of the signature's lifetime, within bounds.
fn holds_for_secs(signature: &Rrsig<'_>, now_unix: u64) -> Result<u32, Fault> {
    let (key_tag, algorithm) = (signature.key_tag, signature.algorithm);
    let now = u32::try_from(now_unix & 0xffff_ffff).unwrap_or(0);
    let since = |later: u32, earlier: u32| i64::from(later.wrapping_sub(earlier).cast_signed());
    let lifetime = since(signature.expiration, signature.inception);
    if lifetime < 0 {
        return Err(Fault::SignatureTimesReversed { key_tag, algorithm });
    }
    let skew = (lifetime / 10)
        .clamp(i64::from(limits::SIGNATURE_SKEW_SECS_MIN), i64::from(limits::SIGNATURE_SKEW_SECS_MAX));
    let seconds = |amount: i64| u32::try_from(amount).unwrap_or(0);
    let expired = since(now, signature.expiration);
    if expired > skew {
        return Err(Fault::SignatureExpired { key_tag, algorithm, seconds: seconds(expired) });
    }
    let early = since(signature.inception, now);
    if early > skew {
        return Err(Fault::SignatureNotYetValid { key_tag, algorithm, seconds: seconds(early) });
    }
    Ok(seconds(if expired > 0 { skew - expired } else { -expired }))
}

fn verified(rrset: &Rrset, signature: &Rrsig<'_>, key: &ZoneKey, secs: u32, now: u64) -> Verified {
    let labels = usize::from(signature.labels);
    Verified {
        signer: signature.signer.clone(),
        key_tag: key.tag,
        algorithm: key.algorithm,
        // RFC 4035 §5.3.3: the lowest of the RRset's and the RRSIG's TTL, the original TTL, the time left.
        ttl: rrset.ttl.min(rrset.signatures_ttl).min(signature.original_ttl).min(secs),
        original_ttl: signature.original_ttl,
        until: now.saturating_add(u64::from(secs)),
        inception: unix(signature.inception, now),
        expiration: unix(signature.expiration, now),
        encloser: (labels < signed_labels(&rrset.name)).then(|| rrset.name.suffix(labels)),
    }
}

/// The moment near `now` that a time of 32 bits means (RFC 1982 arithmetic), in seconds since 1970.
fn unix(time: u32, now: u64) -> u64 {
    let low = u32::try_from(now & 0xffff_ffff).unwrap_or(0);
    now.saturating_add_signed(i64::from(time.wrapping_sub(low).cast_signed()))
}

/// Which of several faults says most.
fn weight(fault: &Fault) -> u8 {
    match fault {
        Fault::SignatureMissing => 0,
        Fault::NoKeyForSignature { .. } => 1,
        Fault::SignatureTimesReversed { .. } => 2,
        Fault::SignatureNotYetValid { .. } => 3,
        Fault::SignatureExpired { .. } => 4,
        _ => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(inception: u32, expiration: u32) -> Rrsig<'static> {
        Rrsig {
            type_covered: RecordType::A,
            algorithm: 13,
            labels: 1,
            original_ttl: 60,
            expiration,
            inception,
            key_tag: 7,
            signer: Name::root(),
            signature: &[],
            fixed: &[],
        }
    }

    #[test]
    fn times_are_compared_by_serial_arithmetic() {
        // RFC 4034 §3.1.5: the fields wrap in 2106; both ends of the wrap are near each other.
        let over = signature(0xffff_fff0, 1_000_000);
        assert!(holds_for_secs(&over, (1 << 32) + 5).is_ok());
        assert!(holds_for_secs(&over, 0xffff_fff8).is_ok());
        assert!(matches!(holds_for_secs(&over, 2_000_000), Err(Fault::SignatureExpired { .. })));
        let reversed = signature(1_000, 999);
        assert_eq!(
            holds_for_secs(&reversed, 1_000),
            Err(Fault::SignatureTimesReversed { key_tag: 7, algorithm: 13 })
        );
    }

    #[test]
    fn a_clock_may_be_wrong_by_a_tenth_of_the_lifetime_within_bounds() {
        let day = 86_400;
        // Ten days: a tenth is a day.
        let ten_days = signature(100 * day, 110 * day);
        assert_eq!(holds_for_secs(&ten_days, u64::from(111 * day)), Ok(0));
        assert!(holds_for_secs(&ten_days, u64::from(111 * day + 1)).is_err());
        assert!(holds_for_secs(&ten_days, u64::from(99 * day)).is_ok());
        assert!(matches!(
            holds_for_secs(&ten_days, u64::from(99 * day - 1)),
            Err(Fault::SignatureNotYetValid { seconds, .. }) if seconds == day + 1
        ));
        // Ten minutes: an hour at least. A year: a day at most.
        let short = signature(100 * day, 100 * day + 600);
        assert!(holds_for_secs(&short, u64::from(100 * day + 600 + 3_600)).is_ok());
        assert!(holds_for_secs(&short, u64::from(100 * day + 600 + 3_601)).is_err());
        let year = signature(100 * day, 465 * day);
        assert!(holds_for_secs(&year, u64::from(466 * day)).is_ok());
        assert!(holds_for_secs(&year, u64::from(466 * day + 1)).is_err());
    }
}
