//! Tells the observer what was proven and by what, for `rootwalk explain` and for who watches signatures run out.
//!
//! In: what a proof found. Out: a [`Fact`], put together only where the observer wants it. Nothing is judged here.

use super::algorithms::algorithm_name;
use super::denial::{Claim, Finding, Stand};
use super::judge::{Blame, denied};
use super::nsec::Chain;
use super::nsec3::{Hashes, Shown};
use super::signature::Verified;
use super::work::Work;
use super::zone_keys::{Voucher, ZoneKey};
use super::{Insecurity, ZoneTrust};
use crate::clock::date;
use crate::dns::rdata::Dnskey;
use crate::dns::security::ValidationState;
use crate::dns::{Name, RecordType, Rrset};
use crate::event::{Absence, Event, Fact, KeyFact, KeySet, ProofStep, Signature, VoucherFact, Witness};
use crate::limits;

impl Work<'_> {
    /// Tells one step, if anybody wants to hear it.
    pub(super) fn tell(&self, zone: &Name, fact: impl FnOnce() -> Fact) {
        if self.observer.wants_proof() {
            self.observer.on(&Event::Proven(&ProofStep { zone: zone.to_lowercase(), fact: fact() }));
        }
    }
}

impl Blame {
    /// Tells that a zone cannot be proven.
    pub(super) fn tell(&self, zone: &Name, work: &Work<'_>) {
        work.tell(zone, || Fact::Broken(self.reason.clone()));
    }
}

impl Verified {
    /// The signature.
    pub(super) fn told(&self) -> Signature {
        Signature {
            signer: self.signer.to_lowercase(),
            key_tag: self.key_tag,
            algorithm: self.algorithm,
            inception: self.inception,
            expiration: self.expiration,
            wildcard: self.encloser.as_ref().and_then(|encloser| encloser.to_lowercase().wildcard().ok()),
        }
    }
}

/// A DNSKEY set, what vouches for keys, and which of them are vouched for and can be used.
pub(super) fn keys(
    vouchers: &[Voucher<'_>],
    from_anchor: bool,
    set: Option<&Rrset>,
    entry: &[ZoneKey],
    verified: Option<&Verified>,
) -> Fact {
    let voucher = |voucher: &Voucher<'_>| VoucherFact {
        key_tag: voucher.key_tag(),
        algorithm: voucher.algorithm(),
        digest_type: match voucher {
            Voucher::Ds(ds) => Some(ds.digest_type),
            Voucher::Key(_) => None,
        },
        leads: entry.iter().any(|key| (key.tag, key.algorithm) == (voucher.key_tag(), voucher.algorithm())),
    };
    let rdatas = set.into_iter().flat_map(|set| &set.rdatas);
    let keys = rdatas.take(limits::DNSKEYS_MAX).filter_map(|rdata| Dnskey::read(rdata).ok());
    Fact::Keys(KeySet {
        from_anchor,
        vouchers: vouchers.iter().map(voucher).collect(),
        keys: keys
            .map(|key| KeyFact { key_tag: key.key_tag(), algorithm: key.algorithm, flags: key.flags })
            .collect(),
        signature: verified.map(Verified::told),
    })
}

/// What an earlier question has proven of a zone.
pub(super) fn remembered(trust: &ZoneTrust) -> Fact {
    match trust {
        ZoneTrust::Secure(keys) => Fact::Remembered { until: keys.valid_until() },
        ZoneTrust::Insecure(why) => insecure(*why),
    }
}

/// A zone that counts as unsigned.
pub(super) fn insecure(why: Insecurity) -> Fact {
    Fact::Insecure { reason: word(why), why: insecurity(why) }
}

/// An RRset that a signature holds for.
pub(super) fn signed(rrset: &Rrset, verified: &Verified) -> Fact {
    Fact::Signed { name: rrset.name.to_lowercase(), rtype: rrset.rtype, signature: verified.told() }
}

/// An RRset that is not proven.
pub(super) fn unproven(name: &Name, rtype: RecordType, state: ValidationState, why: String) -> Fact {
    Fact::Unproven { name: name.to_lowercase(), rtype, absent: None, state, why }
}

/// An absence that is not proven.
pub(super) fn undenied(claim: Claim<'_>, rtype: RecordType, state: ValidationState, why: String) -> Fact {
    let name = claim.name().to_lowercase();
    Fact::Unproven { name, rtype, absent: Some(denied(claim)), state, why }
}

/// A proof of absence: the records it rests on, each with the signature that holds for it.
pub(super) fn absence(
    zone: &Name,
    claim: Claim<'_>,
    finding: Finding,
    records: &[(&Rrset, Option<Signature>)],
    hashes: &Hashes,
) -> Fact {
    let shown: Vec<Reading<'_>> =
        records.iter().filter_map(|(record, _)| Reading::of(zone, record, hashes)).collect();
    let (encloser, names) = subjects(zone, claim, &shown);
    let witness = |(record, signature): &(&Rrset, Option<Signature>)| {
        let reading = Reading::of(zone, record, hashes)?;
        let stands = |wanted: Stand| {
            names.iter().filter(|name| reading.stands(name) == Some(wanted)).cloned().collect::<Vec<Name>>()
        };
        let matches = stands(Stand::Matches);
        Some(Witness {
            owner: record.name.to_lowercase(),
            rtype: record.rtype,
            next: reading.next(),
            types: if matches.is_empty() { Vec::new() } else { reading.types() },
            matches,
            covers: stands(Stand::Covers),
            opt_out: reading.opt_out(),
            signature: signature.clone(),
        })
    };
    Fact::Denied(Absence {
        what: denied(claim),
        name: claim.name().to_lowercase(),
        rtype: match claim {
            Claim::Type(_, rtype) => Some(rtype),
            Claim::Ds(_) => Some(RecordType::DS),
            Claim::Name(_) | Claim::CloserMatch { .. } => None,
        },
        found: found(finding),
        insecure: matches!(finding, Finding::Insecure(_) | Finding::Delegation),
        encloser,
        witnesses: records.iter().filter_map(witness).collect(),
    })
}

/// A denial record as the proof read it.
enum Reading<'a> {
    Nsec(Chain<'a>),
    Nsec3(Shown<'a>),
}

impl<'a> Reading<'a> {
    fn of(zone: &'a Name, record: &'a Rrset, hashes: &'a Hashes) -> Option<Self> {
        if record.rtype == RecordType::NSEC3 {
            return Shown::read(zone, record, hashes).map(Self::Nsec3);
        }
        Some(Self::Nsec(Chain::read(zone, &[record])))
    }

    fn stands(&self, name: &Name) -> Option<Stand> {
        match self {
            Self::Nsec(chain) => chain.stands(name),
            Self::Nsec3(shown) => shown.stands(name),
        }
    }

    fn next(&self) -> Option<Name> {
        match self {
            Self::Nsec(chain) => chain.first().map(|(next, _)| next.to_lowercase()),
            Self::Nsec3(_) => None,
        }
    }

    fn types(&self) -> Vec<RecordType> {
        match self {
            Self::Nsec(chain) => chain.first().map(|(_, types)| types.types()).unwrap_or_default(),
            Self::Nsec3(shown) => shown.types().types(),
        }
    }

    fn opt_out(&self) -> bool {
        matches!(self, Self::Nsec3(shown) if shown.opt_out())
    }
}

/// The closest encloser, where the name does not exist, and the names that the records say something of: the name
/// itself, or the encloser, the name one label longer, the name, and the wildcard (RFC 5155 §8.3, RFC 4035 §5.4).
fn subjects(zone: &Name, claim: Claim<'_>, shown: &[Reading<'_>]) -> (Option<Name>, Vec<Name>) {
    let name = claim.name().to_lowercase();
    if shown.iter().any(|reading| reading.stands(&name) == Some(Stand::Matches)) {
        return (None, vec![name]);
    }
    let encloser = match claim {
        Claim::CloserMatch { encloser, .. } => Some(encloser.to_lowercase()),
        _ => shown.iter().filter_map(|reading| reading.encloser(&name, zone)).max_by_key(Name::label_count),
    };
    let Some(encloser) = encloser else { return (None, vec![name]) };
    let mut names = vec![encloser.clone(), name.suffix(encloser.label_count() + 1), name];
    names.extend(encloser.wildcard());
    names.dedup();
    (Some(encloser), names)
}

impl Reading<'_> {
    /// The deepest name above `name` that this record shows to exist.
    fn encloser(&self, name: &Name, zone: &Name) -> Option<Name> {
        match self {
            Self::Nsec(chain) => chain.encloser(name).map(|encloser| encloser.to_lowercase()),
            Self::Nsec3(shown) => name
                .ancestors()
                .skip(1)
                .take_while(|above| above.is_subdomain_of(zone))
                .find(|above| shown.stands(above) == Some(Stand::Matches)),
        }
    }
}

/// What a denial came to.
fn found(finding: Finding) -> String {
    match finding {
        Finding::Absent => "denied".to_owned(),
        Finding::NoSuchName => "denied, as the name is (compact denial)".to_owned(),
        Finding::Delegation => "a delegation without DS".to_owned(),
        Finding::NotCut { .. } => "no zone cut there".to_owned(),
        Finding::Insecure(why) => insecurity(why),
    }
}

/// Why something is insecure, as a word for machines.
fn word(why: Insecurity) -> &'static str {
    match why {
        Insecurity::NoDs => "no-ds",
        Insecurity::OptOut => "opt-out",
        Insecurity::Algorithm(_) => "unsupported-algorithm",
        Insecurity::Digest(_) => "unsupported-digest",
        Insecurity::KeySize(_) => "unsupported-key-size",
        Insecurity::Iterations(_) => "nsec3-iterations",
        Insecurity::NegativeAnchor => "negative-trust-anchor",
        Insecurity::Stripped => "dnssec-stripped",
    }
}

/// Why something is insecure, as a clause.
pub(super) fn insecurity(why: Insecurity) -> String {
    match why {
        Insecurity::NoDs => "the parent zone proves that it has no DS record".to_owned(),
        Insecurity::OptOut => "it lies in an opt-out span of NSEC3, where zones without DS may be".to_owned(),
        Insecurity::Algorithm(algorithm) => {
            format!("no DS record has an algorithm that is supported ({})", algorithm_name(algorithm))
        }
        Insecurity::Digest(digest) => format!("no DS record has a digest type that is supported ({digest})"),
        Insecurity::KeySize(algorithm) => {
            format!(
                "the DS records name only {} keys of a size that is not supported",
                algorithm_name(algorithm)
            )
        }
        Insecurity::Iterations(iterations) => {
            format!("the NSEC3 records ask for {iterations} iterations, more than are computed")
        }
        Insecurity::NegativeAnchor => "a negative trust anchor stands above it".to_owned(),
        Insecurity::Stripped => "the trust anchor's zone shows no good keys, and need not".to_owned(),
    }
}

/// That a negative trust anchor stands, and until when (RFC 7646).
pub(super) fn negative_anchor(zone: &Name, until: Option<u64>) -> String {
    let zone = zone.to_lowercase();
    match until {
        Some(until) => {
            format!("a negative trust anchor at {zone} says not to validate this until {}", date(until))
        }
        None => format!("a negative trust anchor at {zone} says not to validate this"),
    }
}
