//! Cuts a response down to what its server has a right to say.
//!
//! In: a response that matched its query, the question, the zone whose server was asked. Out: a [`Scrubbed`]
//! answer, a [`Delegation`], or a fault. One place for every section and every response code: most poisoning
//! holes were a section or a code that was passed over (CVE-2025-11411, CVE-2026-42960, CVE-2026-123583).
//! What survives: the chain of aliases and the answer, within the zone; SOA, NSEC and NSEC3 within the zone;
//! of a referral the child's NS, its DS or their denial, and glue. The additional section serves as glue and
//! as nothing else. RFC 2181 §5.4.1, RFC 5452 §6.

use std::net::IpAddr;

use crate::dns::delegation::{Delegation, DsEvidence, NameServer};
use crate::dns::message::Message;
use crate::dns::response::{Outcome, Response, ResponseKind, Scrubbed};
use crate::dns::{Name, Question, Rcode, RecordType, Rrset, rdata};
use crate::failure::ServerFault;
use crate::limits;

use super::alias::{Chain, End};
use super::classify::{classify, is_from_cache, referral, soa_for};

/// A response after scrubbing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// What kind of response it is.
    pub kind: ResponseKind,
    /// What is left of it, or why that is nothing.
    pub said: Result<Said, ServerFault>,
    /// A resolver's answer from its cache: for when no server of the zone has a better one (RFC 2181 §5.4.1).
    pub spare: Option<Said>,
    /// Records that were left out because the server had no right to send them, or they belong to nothing.
    pub foreign_records: usize,
    /// Whether it is believed only if nobody can have forged it blindly: a DNAME is in it.
    pub wants_tcp: bool,
}

/// What is left of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// The end of the walk, or an alias.
    Final(Box<Scrubbed>),
    /// The servers of a zone below.
    Referral(Box<Delegation>),
}

/// Reads `response`, an answer to `question` from a server of `zone`. With `harden_glue`, glue is believed of
/// names at or below `zone` only.
pub fn scrub(response: &Response, question: &Question, zone: &Name, harden_glue: bool) -> Reading {
    let message = &response.message;
    let chain = Chain::follow(question, zone, &message.answer);
    let kind = classify(message, question, zone, &chain);
    let foreign_records = foreign_records(message, zone, &chain);
    let wants_tcp = chain.has_dname();
    let is_spare = kind == ResponseKind::Lame
        && is_from_cache(message)
        && chain.end == End::Answer
        && message.header.rcode == Rcode::NOERROR;
    let spare = is_spare
        .then(|| scrubbed(response, question, zone, ResponseKind::Answer, chain.clone()))
        .map(|last_resort| Said::Final(Box::new(last_resort)));
    let said = match kind {
        ResponseKind::Referral => delegation(message, question, zone, harden_glue)
            .map(|found| Said::Referral(Box::new(found)))
            .ok_or(ServerFault::Nonsense),
        ResponseKind::Lame | ResponseKind::Broken => Err(fault(message.header.rcode, kind)),
        ResponseKind::Answer | ResponseKind::Alias | ResponseKind::NoData | ResponseKind::NxDomain => {
            Ok(Said::Final(Box::new(scrubbed(response, question, zone, kind, chain))))
        }
    };
    Reading { kind, said, spare, foreign_records, wants_tcp }
}

fn fault(rcode: Rcode, kind: ResponseKind) -> ServerFault {
    match (rcode, kind) {
        (Rcode::NOERROR | Rcode::NXDOMAIN, ResponseKind::Lame) => ServerFault::Lame,
        (Rcode::NOERROR | Rcode::NXDOMAIN | Rcode::YXDOMAIN, _) => ServerFault::Nonsense,
        (rcode, _) => ServerFault::Rcode(rcode),
    }
}

fn scrubbed(
    response: &Response,
    question: &Question,
    zone: &Name,
    kind: ResponseKind,
    chain: Chain,
) -> Scrubbed {
    let (outcome, rcode) = match kind {
        ResponseKind::NxDomain => (Outcome::NxDomain, Rcode::NXDOMAIN),
        ResponseKind::NoData => (Outcome::NoData, Rcode::NOERROR),
        ResponseKind::Alias => (Outcome::Alias, Rcode::NOERROR),
        _ if chain.end == End::Overlong => (Outcome::Answer, Rcode::YXDOMAIN),
        _ => (Outcome::Answer, Rcode::NOERROR),
    };
    let message = &response.message;
    let soa = match outcome {
        Outcome::NoData | Outcome::NxDomain => {
            soa_for(message, zone, &chain.target).map(|soa| within(&chain.target, soa))
        }
        Outcome::Answer | Outcome::Alias => None,
    };
    let proofs = message.authority.iter().filter(|set| is_denial(set, zone)).cloned();
    Scrubbed {
        question: question.clone(),
        zone: zone.clone(),
        rcode,
        outcome,
        answer: chain.rrsets,
        authority: soa.into_iter().chain(proofs).collect(),
        target: chain.target,
        server: response.server,
    }
}

/// The RRset of an ancestor of `name`, its owner in the letter case of that, which 0x20 may have changed.
pub(super) fn within(name: &Name, set: &Rrset) -> Rrset {
    Rrset { name: name.suffix(set.name.label_count()), ..set.clone() }
}

/// Whether it is an NSEC or NSEC3 RRset that the zone's servers may send.
fn is_denial(set: &Rrset, zone: &Name) -> bool {
    matches!(set.rtype, RecordType::NSEC | RecordType::NSEC3) && set.name.is_subdomain_of(zone)
}

fn delegation(message: &Message, question: &Question, zone: &Name, harden_glue: bool) -> Option<Delegation> {
    let cut = referral(message, question, zone)?;
    let servers = name_servers(cut, &message.additional, |name| !harden_glue || name.is_subdomain_of(zone));
    if servers.is_empty() {
        return None;
    }
    // The letter case is that of our own question: a person who reads of the zone should not see it.
    let child = cut.name.to_lowercase();
    Some(Delegation {
        ds: ds_evidence(message, &child, zone),
        zone: child,
        parent: zone.clone(),
        servers,
        ttl: cut.ttl.min(limits::MAX_TTL_SECS),
    })
}

/// RFC 4035 §3.1.4.1: a signed parent sends the child's DS, or what proves that there is none.
fn ds_evidence(message: &Message, child: &Name, zone: &Name) -> DsEvidence {
    if let Some(ds) = message.authority.iter().find(|set| set.is(child, RecordType::DS)) {
        return DsEvidence::Present(Rrset { name: child.clone(), ..ds.clone() });
    }
    // An NSEC record speaks of DS only at the child's name; an NSEC3 record's owner is a hash.
    let denies =
        |set: &&Rrset| is_denial(set, zone) && (set.rtype == RecordType::NSEC3 || set.name == *child);
    let denials: Vec<Rrset> =
        message.authority.iter().filter(denies).take(limits::NSEC3_RECORDS_MAX).cloned().collect();
    if denials.is_empty() { DsEvidence::Absent } else { DsEvidence::Denied(denials) }
}

/// The name servers of an NS RRset, each with its glue if it is to be believed.
pub(super) fn name_servers(
    set: &Rrset,
    additional: &[Rrset],
    believed: impl Fn(&Name) -> bool,
) -> Vec<NameServer> {
    let mut servers: Vec<NameServer> = Vec::new();
    for name in set.rdatas.iter().filter_map(|rdata| rdata::single_name(rdata).ok()) {
        if servers.len() < limits::NAME_SERVERS_KEPT_MAX && servers.iter().all(|server| server.name != name) {
            let glue = if believed(&name) { glue(&name, additional) } else { Vec::new() };
            servers.push(NameServer { name: name.to_lowercase(), glue });
        }
    }
    servers
}

pub(super) fn glue(name: &Name, records: &[Rrset]) -> Vec<IpAddr> {
    let of = |rtype| {
        let sets = records.iter().filter(move |set| set.is(name, rtype));
        let addresses = sets.flat_map(|set| set.rdatas.iter()).filter_map(address);
        addresses.take(limits::ADDRESSES_PER_SERVER_MAX)
    };
    of(RecordType::A).chain(of(RecordType::AAAA)).collect()
}

/// The address in the rdata of an A or AAAA record.
fn address(rdata: &[u8]) -> Option<IpAddr> {
    let ipv4 = <[u8; 4]>::try_from(rdata).ok().map(IpAddr::from);
    ipv4.or_else(|| <[u8; 16]>::try_from(rdata).ok().map(IpAddr::from))
}

/// Counts the records that belong to another zone, or in the answer section to nothing.
fn foreign_records(message: &Message, zone: &Name, chain: &Chain) -> usize {
    let in_chain = |set: &Rrset| chain.rrsets.iter().any(|kept| kept.is(&set.name, set.rtype));
    let answer = message.answer.iter().filter(|set| !in_chain(set));
    let sections = message.authority.iter().chain(&message.additional);
    let outside = sections.filter(|set| !set.name.is_subdomain_of(zone));
    answer.chain(outside).map(|set| set.rdatas.len()).sum()
}
