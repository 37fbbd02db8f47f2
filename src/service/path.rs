//! `[harden] referral-path`: the name servers on the way to an answer, and their addresses, are proven too.
//!
//! The parent's NS records are not signed, so a forged referral is noticed only because the answer at its end
//! does not validate; where the zone is insecure, not at all. With this switch each zone on the way is asked
//! for its own NS set and for its servers' addresses, and whatever of that is bogus fails the question. It
//! costs packets; what is found is cached.

use std::net::IpAddr;
use std::sync::Arc;

use crate::context::Context;
use crate::dns::rdata::single_name;
use crate::dns::security::ValidationState;
use crate::dns::{Question, RecordType};
use crate::failure::Failure;
use crate::limits;
use crate::service::Service;
use crate::service::link::Link;
use crate::service::lookup::addresses_in;
use crate::service::pipeline::Answer;

impl Service {
    /// Fails if a zone on the way to the answer has name servers that are proven wrong.
    pub(super) async fn check_path(
        self: &Arc<Self>,
        question: &Question,
        answer: &Answer,
        context: &Context,
    ) -> Result<(), Failure> {
        let ends = answer.answer.iter().map(|rrset| &rrset.name);
        let mut zones = Vec::new();
        for name in std::iter::once(&question.name).chain(ends) {
            for zone in self.store.delegations.cuts(name, self.clock.now()) {
                if !zones.contains(&zone) {
                    zones.push(zone);
                }
            }
        }
        for zone in zones {
            let servers = self.not_bogus(&Question::new(zone, RecordType::NS), context).await?;
            let names = servers
                .answer
                .iter()
                .filter(|rrset| rrset.rtype == RecordType::NS)
                .flat_map(|rrset| &rrset.rdatas);
            for name in names.filter_map(|rdata| single_name(rdata).ok()).take(limits::NAME_SERVERS_USED_MAX)
            {
                self.not_bogus(&Question::new(name, RecordType::A), context).await?;
            }
        }
        Ok(())
    }

    /// The addresses of a name server, from an answer that was judged.
    pub(super) async fn proven_addresses(
        self: &Arc<Self>,
        question: &Question,
        context: &Context,
    ) -> Result<Vec<IpAddr>, Failure> {
        let link = self.not_bogus(question, context).await?;
        Ok(addresses_in(question, &link.answer))
    }

    async fn not_bogus(
        self: &Arc<Self>,
        question: &Question,
        context: &Context,
    ) -> Result<Arc<Link>, Failure> {
        let link = self.link(question, context).await?;
        match &link.state {
            ValidationState::Bogus(reason) => Err(Failure::Bogus(reason.clone())),
            _ => Ok(link),
        }
    }
}
