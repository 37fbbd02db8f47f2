//! A zone cut as the parent tells it: name servers, glue, DS (RFC 1034 §4.2.1, RFC 4035 §3.1.4.1).

use std::net::IpAddr;

use super::{Name, Rrset};

/// Where a zone is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegation {
    /// The zone.
    pub zone: Name,
    /// The zone whose servers told it; the root for the root's own.
    pub parent: Name,
    /// The name servers, at most [`crate::limits::NAME_SERVERS_KEPT_MAX`], without duplicates.
    pub servers: Vec<NameServer>,
    /// What the parent said of DS. Unproven: it is evidence for `validate`.
    pub ds: DsEvidence,
    /// Seconds it may be used, counted from when it came: the lowest TTL of NS, never beyond the parent's own end.
    pub ttl: u32,
}

/// A name server and the addresses its delegation came with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameServer {
    /// Its name.
    pub name: Name,
    /// Glue, at most [`crate::limits::ADDRESSES_PER_SERVER_MAX`] of each family.
    pub glue: Vec<IpAddr>,
}

/// What a referral said about the child's DS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DsEvidence {
    /// Nothing, neither DS nor denial.
    Absent,
    /// The DS RRset with its signatures.
    Present(Rrset),
    /// NSEC or NSEC3 RRsets that are to prove there is none.
    Denied(Vec<Rrset>),
}
