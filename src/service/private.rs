//! `[resolver] private-address`: public names may not point into private networks (DNS rebinding).
//!
//! Addresses of the given prefixes are taken out of answers, IPv4-mapped ones too, unless the owner lies in a
//! `private-domain`. What is left is no longer what the zone signed: it loses its signatures and AD, and the reply
//! says why (RFC 8914).

use crate::dns::edns::{EdeCode, ExtendedError};
use crate::dns::response::Outcome;
use crate::dns::security::ValidationState;
use crate::dns::{Name, Rdatas, RecordType};
use crate::prefix::{Prefix, PrefixTable};
use crate::service::link::Link;
use crate::service::lookup::address;

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
            let is_address = matches!(rrset.rtype, RecordType::A | RecordType::AAAA);
            if !is_address || self.domains.iter().any(|domain| rrset.name.is_subdomain_of(domain)) {
                continue;
            }
            let before = rrset.rdatas.len();
            rrset
                .rdatas
                .retain(|rdata| address(rdata).is_none_or(|address| self.prefixes.get(address).is_none()));
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
        let text = format!("{} points into a private network: see private-address", link.target);
        link.note = Some(ExtendedError { code: EdeCode::BLOCKED, text });
    }
}
