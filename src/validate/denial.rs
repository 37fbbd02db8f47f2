//! What NSEC and NSEC3 records prove to be absent (RFC 4035 §5.4, RFC 5155 §8, RFC 6840 §4, RFC 9824).
//!
//! In: a zone, a claim, records of that zone. Out: what they prove, and which of them prove it. The signatures
//! are the caller's business: while a response is judged, the records a proof would use are verified after it
//! was found and before it is believed; records out of the cache were verified when they came. So the same
//! engine checks denials and makes them (RFC 8198).

use super::Insecurity;
use super::nsec::{self, Chain};
use super::nsec3::{HashedChain, Hashes};
use crate::budget::Budget;
use crate::dns::rdata::TypeBitmap;
use crate::dns::{Name, RecordType, Rrset};
use crate::limits::Reached;

/// What is claimed to be absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim<'a> {
    /// The name, and any wildcard that would answer for it: NXDOMAIN.
    Name(&'a Name),
    /// The type at the name, or at the wildcard that answers for it: NODATA.
    Type(&'a Name, RecordType),
    /// Anything nearer to the name than the wildcard below this encloser (RFC 4035 §5.3.4).
    CloserMatch {
        /// The name that was asked for.
        name: &'a Name,
        /// The parent of the wildcard that answered.
        encloser: &'a Name,
    },
    /// A signed zone that begins at the name: whether there is a zone cut without DS, or none at all.
    Ds(&'a Name),
}

impl<'a> Claim<'a> {
    /// The name it is about.
    pub fn name(&self) -> &'a Name {
        match self {
            Self::Name(name) | Self::Type(name, _) | Self::CloserMatch { name, .. } | Self::Ds(name) => name,
        }
    }

    /// The type whose zone answers for it: the parent's for DS.
    pub(super) fn rtype(&self) -> RecordType {
        match self {
            Self::Ds(_) => RecordType::DS,
            Self::Type(_, rtype) => *rtype,
            // Any type that stands on the zone's own side.
            Self::Name(_) | Self::CloserMatch { .. } => RecordType::A,
        }
    }
}

/// What records prove of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// It holds.
    Absent,
    /// The type is absent because the name is: a compact denial (RFC 9824 §3.1). Only for [`Claim::Type`].
    NoSuchName,
    /// There is a zone cut without DS: what is below is insecure. Only for [`Claim::Ds`].
    Delegation,
    /// There is no zone cut at the name. Only for [`Claim::Ds`].
    NotCut {
        /// Nor anything else in the zone, at the name or below.
        nothing_below: bool,
    },
    /// The zone does not say: opt-out (RFC 5155 §9.2), or more iterations than are computed (RFC 9276 §3.2).
    Insecure(Insecurity),
}

/// A proof of absence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// What is proven.
    pub finding: Finding,
    /// By which of the records that were given, by their place.
    pub used: Vec<usize>,
}

impl Denial {
    pub(super) fn new(finding: Finding, used: &[usize]) -> Self {
        let mut used = used.to_vec();
        used.sort_unstable();
        used.dedup();
        Self { finding, used }
    }
}

/// How a record stands to a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stand {
    /// It is the name's own.
    Matches,
    /// The name lies between its owner and the next.
    Covers,
}

/// Searches `records`, the NSEC or NSEC3 RRsets of `zone`, for a proof of `claim`. None if they prove it not.
/// NSEC3 hashes are charged to `budget`; fails with the limit when it is used up.
pub fn prove(
    zone: &Name,
    claim: Claim<'_>,
    records: &[&Rrset],
    hashes: &mut Hashes,
    budget: &Budget,
) -> Result<Option<Denial>, Reached> {
    if !may_ask(zone, claim) {
        return Ok(None);
    }
    if let Some(denial) = Chain::read(zone, records).prove(claim) {
        return Ok(Some(denial));
    }
    // A zone on its way from NSEC to NSEC3 may send both (CVE-2026-33261).
    HashedChain::read(zone, records, hashes, budget).map_or(Ok(None), |mut chain| chain.prove(claim))
}

/// The wildcard that would answer for a name (RFC 4592 §3.3.1), if `rrset`, an NSEC record of `zone`, says that nothing
/// of that name exists; none otherwise.
pub fn source_of_synthesis(zone: &Name, name: &Name, rrset: &Rrset) -> Option<Name> {
    nsec::source_of_synthesis(zone, name, rrset)
}

/// Whether the zone has a say in it: the name is in it, and for DS above the name.
fn may_ask(zone: &Name, claim: Claim<'_>) -> bool {
    super::signature::may_deny(zone, claim.name(), claim.rtype())
}

/// Whether the types at a name show that `rtype` is absent there (RFC 4035 §5.4, RFC 6840 §4.3).
pub(super) fn lacks(types: &TypeBitmap<'_>, rtype: RecordType) -> bool {
    if rtype == RecordType::ANY {
        // Nothing there but what every signed name has.
        return types.types().iter().all(|rtype| rtype.is_dnssec_proof() || *rtype == RecordType::NXNAME);
    }
    !types.contains(rtype) && !types.contains(RecordType::CNAME)
}

/// Whether the record of this name may speak about `rtype` at the name itself (RFC 6840 §4.1, RFC 5155 §8.9).
pub(super) fn speaks_for(name: &Name, types: &TypeBitmap<'_>, rtype: RecordType) -> bool {
    if rtype == RecordType::DS {
        // The child's apex knows nothing of its DS: that is the parent's. The root has no parent.
        !types.contains(RecordType::SOA) || name.is_root()
    } else {
        !is_delegation(types)
    }
}

/// Whether the types are those of the parent's side of a zone cut.
pub(super) fn is_delegation(types: &TypeBitmap<'_>) -> bool {
    types.contains(RecordType::NS) && !types.contains(RecordType::SOA)
}

/// Whether names below the one with these types are not this zone's to deny: a zone cut or a DNAME (RFC 6840 §4.1).
pub(super) fn hides_below(types: &TypeBitmap<'_>) -> bool {
    is_delegation(types) || types.contains(RecordType::DNAME)
}

/// What the types at a name say of a zone cut there; none if they are no evidence.
pub(super) fn cut_finding(name: &Name, types: &TypeBitmap<'_>) -> Option<Finding> {
    if types.contains(RecordType::DS) || !speaks_for(name, types, RecordType::DS) {
        return None;
    }
    // RFC 6840 §4.4: only a record with the NS bit denies the DS of a delegation (CVE-2026-123591).
    Some(if types.contains(RecordType::NS) {
        Finding::Delegation
    } else {
        Finding::NotCut { nothing_below: false }
    })
}

/// What the types at the name that was asked for say of the type; none if they do not deny it.
pub(super) fn type_finding(name: &Name, types: &TypeBitmap<'_>, rtype: RecordType) -> Option<Finding> {
    if !speaks_for(name, types, rtype) || !lacks(types, rtype) {
        return None;
    }
    // RFC 9824 §3.1: this type stands for a name that does not exist.
    Some(if types.contains(RecordType::NXNAME) { Finding::NoSuchName } else { Finding::Absent })
}
