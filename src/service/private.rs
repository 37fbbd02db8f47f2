//! `[resolver] private-address`: public names may not point into private networks (DNS rebinding).
//!
//! Addresses of the given prefixes are taken out of answers, IPv4-mapped ones too, and so are SVCB and HTTPS records
//! whose hints name them (RFC 9460 §7.3), unless the owner lies in a `private-domain`. What is left is no longer what
//! the zone signed: it loses its signatures and AD, and the reply says why (RFC 8914); or that a negative trust anchor
//! stands, where one does.

use std::net::IpAddr;

use crate::dns::edns::{EdeCode, ExtendedError};
use crate::dns::response::Outcome;
use crate::dns::security::ValidationState;
use crate::dns::{Name, Rdatas, RecordType};
use crate::prefix::{Prefix, PrefixTable};
use crate::service::link::Link;
use crate::service::lookup::address;

/// SvcParamKeys (RFC 9460 §14.3.2).
const IPV4_HINT: u16 = 4;
const IPV6_HINT: u16 = 6;

/// The addresses that public names may not have.
#[derive(Debug, Clone, Default)]
pub struct PrivateAddresses {
    prefixes: PrefixTable<()>,
    domains: Vec<Name>,
}

impl PrivateAddresses {
    /// `prefixes` are for names at and below `domains` alone.
    pub fn new(prefixes: &[Prefix], domains: Vec<Name>) -> Self {
        Self { prefixes: prefixes.iter().map(|prefix| (*prefix, ())).collect(), domains }
    }

    /// Takes the forbidden addresses out of an answer.
    pub(super) fn strip(&self, link: &mut Link) {
        let mut ttl = None;
        for rrset in &mut link.answer {
            let rtype = rrset.rtype;
            let names_addresses =
                matches!(rtype, RecordType::A | RecordType::AAAA | RecordType::SVCB | RecordType::HTTPS);
            if !names_addresses || self.domains.iter().any(|domain| rrset.name.is_subdomain_of(domain)) {
                continue;
            }
            let before = rrset.rdatas.len();
            let private = |address: &IpAddr| self.prefixes.get(*address).is_some();
            rrset.rdatas.retain(|rdata| !addresses(rtype, rdata).iter().any(private));
            if rrset.rdatas.len() < before {
                rrset.signatures = Rdatas::new();
                ttl = Some(rrset.ttl);
            }
        }
        if ttl.is_none() {
            return;
        }
        link.answer.retain(|rrset| !rrset.rdatas.is_empty());
        if link.outcome == Outcome::Answer && !link.answer.iter().any(|rrset| rrset.name == link.target) {
            link.outcome = Outcome::NoData;
        }
        if !link.state.is_bogus() {
            link.state = ValidationState::Indeterminate;
        }
        link.ttl_secs = ttl;
        // What was kept by a negative trust anchor is known by its note, when the anchor goes.
        if link.note.as_ref().is_some_and(|note| note.code == EdeCode::NEGATIVE_TRUST_ANCHOR) {
            return;
        }
        let text = format!("{} points into a private network: see private-address", link.target.brief());
        link.note = Some(ExtendedError::new(EdeCode::BLOCKED, &text));
    }
}

/// The addresses that a record names.
fn addresses(rtype: RecordType, rdata: &[u8]) -> Vec<IpAddr> {
    match rtype {
        RecordType::A | RecordType::AAAA => address(rdata).into_iter().collect(),
        _ => hints(rdata),
    }
}

/// The hints of SVCB and HTTPS (RFC 9460 §2.2): priority, target, then keys with values. Ends where it makes no sense.
fn hints(rdata: &[u8]) -> Vec<IpAddr> {
    let mut found = Vec::new();
    let target = rdata.get(2..).unwrap_or_default();
    let Ok((_, used)) = Name::from_wire(target) else { return found };
    let mut rest = target.get(used..).unwrap_or_default();
    while let Some((&[key_high, key_low, len_high, len_low], after)) = rest.split_first_chunk() {
        let len = usize::from(u16::from_be_bytes([len_high, len_low]));
        let Some((value, next)) = after.split_at_checked(len) else { break };
        let each = match u16::from_be_bytes([key_high, key_low]) {
            IPV4_HINT => 4,
            IPV6_HINT => 16,
            _ => 0,
        };
        if each > 0 {
            found.extend(value.chunks_exact(each).filter_map(address));
        }
        rest = next;
    }
    found
}
