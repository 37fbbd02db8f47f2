//! The addresses of name servers, found with the same source and flights as everything else.
//!
//! They are used to send packets and are never served to clients, so they are not proven (RFC 4035 leaves
//! that open; a wrong address cannot make a wrong answer pass validation). They live in a memory of their own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, OnceLock, Weak};

use crate::context::{BoxFuture, Context};
use crate::dns::rdata::Soa;
use crate::dns::response::{Outcome, Scrubbed};
use crate::dns::{Name, Question, RecordType, Rrset};
use crate::failure::Failure;
use crate::iterate::Lookup;
use crate::limits;
use crate::service::Service;

/// Finds addresses through the service it was attached to.
#[derive(Default)]
pub struct Addresses {
    service: OnceLock<Weak<Service>>,
}

impl Addresses {
    /// Tells where to look; the second call has no effect.
    pub(crate) fn attach(&self, service: &Arc<Service>) {
        self.service.get_or_init(|| Arc::downgrade(service));
    }
}

impl std::fmt::Debug for Addresses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Addresses")
    }
}

impl Lookup for Addresses {
    fn addresses<'a>(
        &'a self,
        name: &'a Name,
        ipv6: bool,
        context: &'a Context,
    ) -> BoxFuture<'a, Result<Vec<IpAddr>, Failure>> {
        Box::pin(async move {
            let service = self.service.get().and_then(Weak::upgrade).ok_or(Failure::ShuttingDown)?;
            let rtype = if ipv6 { RecordType::AAAA } else { RecordType::A };
            let question = Question::new(name.clone(), rtype);
            if let Some(known) = service.store.addresses.get(&question, service.clock.now()) {
                return Ok(known.to_vec());
            }
            if service.settings.referral_path {
                return service.proven_addresses(&question, context).await;
            }
            if let Some(denied) = service.synthesised(&question, &context.budget)
                && denied.answer.is_empty()
            {
                let ttl = denied.authority.iter().map(|rrset| rrset.ttl).min().unwrap_or(0);
                let ttl = ttl.clamp(1, limits::NO_ADDRESS_SECS);
                service.store.addresses.insert(&question, Arc::default(), ttl, service.clock.now());
                return Ok(Vec::new());
            }
            let response = service.fetch(&question, context).await?;
            let found = in_response(&response);
            // Unproven: that there is no address must not stand in a zone's way for long.
            let most =
                if found.is_empty() { limits::NO_ADDRESS_SECS } else { service.settings.ttl.max.max(1) };
            let ttl = response_ttl(&response).clamp(1, most);
            let now = service.clock.now();
            if response.outcome == Outcome::NxDomain && rtype == RecordType::A {
                // No name, no address of the other family: half of what a delegation to absent servers costs. Not the
                // other way round, since servers are known to deny names for want of AAAA (RFC 4074 §4.2).
                let other = Question::new(name.clone(), RecordType::AAAA);
                service.store.addresses.insert(&other, Arc::default(), ttl, now);
            }
            service.store.addresses.insert(&question, found.clone().into(), ttl, now);
            Ok(found)
        })
    }

    fn doubt(&self, name: &Name) {
        if let Some(service) = self.service.get().and_then(Weak::upgrade) {
            service.store.addresses.doubt(name, service.clock.now());
        }
    }
}

/// The addresses at the end of a response; none for a name that is an alias (RFC 2181 §10.3).
fn in_response(response: &Scrubbed) -> Vec<IpAddr> {
    if response.outcome != Outcome::Answer {
        return Vec::new();
    }
    addresses_in(&response.question, &response.answer)
}

/// The addresses that belong to the question's own name and type, no more than are used of one server.
pub(super) fn addresses_in(question: &Question, answer: &[Rrset]) -> Vec<IpAddr> {
    answer
        .iter()
        .filter(|rrset| rrset.is(&question.name, question.rtype))
        .flat_map(|rrset| rrset.rdatas.iter())
        .filter_map(address)
        .take(limits::ADDRESSES_PER_SERVER_MAX)
        .collect()
}

/// The address in the rdata of A or AAAA.
pub(super) fn address(rdata: &[u8]) -> Option<IpAddr> {
    match rdata.len() {
        4 => <[u8; 4]>::try_from(rdata).ok().map(|octets| IpAddr::V4(Ipv4Addr::from(octets))),
        _ => <[u8; 16]>::try_from(rdata).ok().map(|octets| IpAddr::V6(Ipv6Addr::from(octets))),
    }
}

/// Seconds that the response may be remembered.
fn response_ttl(response: &Scrubbed) -> u32 {
    let positive = response.answer.iter().map(|rrset| rrset.ttl).min();
    positive.or_else(|| response.soa().map(Soa::negative_ttl)).unwrap_or(limits::FAILURE_TTL_SECS_MIN)
}
