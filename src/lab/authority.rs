//! What an honest authoritative server answers.
//!
//! In: the zones a server holds and one query. Out: the whole response, before truncation: AA, referrals with DS
//! or its denial, glue, wildcards, empty non-terminals, CNAME chains and DNAMEs within the server's zones, NODATA
//! and NXDOMAIN with their proofs, minimal ANY (RFC 1034 §4.3.2, RFC 4035 §3.1, RFC 5155 §7.2, RFC 6672 §3.2,
//! RFC 8482 §4.1, RFC 9824). Only the zone data speak here; what a faulty server makes of it is in `faults`.

use std::sync::Arc;

use super::faults::reply_edns;
use super::signer::Nsec3Params;
use super::zone::{Denial, SignedZone};
use crate::dns::message::{Header, Message};
use crate::dns::rdata;
use crate::dns::{Class, Name, Opcode, Question, Rcode, Rdatas, RecordType, Rrset};

/// Aliases followed in one response.
const ALIASES_MAX: usize = 16;

/// What a zone has to say of a name and type.
enum Found {
    /// The name is at or below a delegation.
    Referral(Name),
    /// A DNAME above the name.
    Dname(Rrset),
    /// The records, or the wildcard's.
    Records { rrset: Rrset, wildcard: bool },
    /// A CNAME, or the wildcard's.
    Alias { rrset: Rrset, wildcard: bool },
    /// The name exists, the type does not; or both are the wildcard's.
    NoData { wildcard: Option<Name> },
    /// There is no such name.
    NxDomain,
}

/// The honest response of a server with `zones`. None to what no server answers: a response, or a runt.
pub fn respond(zones: &[Arc<SignedZone>], query: &[u8], parsed: Option<&Message>) -> Option<Message> {
    let header = Header::read(query).filter(|header| !header.response)?;
    let mut reply = Message::new(
        Header { response: true, recursion_available: false, rcode: Rcode::NOERROR, ..header },
        parsed.and_then(|query| query.question.clone()),
    );
    reply.header.authentic_data = false;
    let question = match parsed {
        Some(query) if header.opcode == Opcode::QUERY => query.question.as_ref(),
        _ => None,
    };
    let Some(question) = question else {
        reply.header.rcode = if header.opcode == Opcode::QUERY { Rcode::FORMERR } else { Rcode::NOTIMP };
        return Some(reply);
    };
    reply.edns = parsed.and_then(reply_edns);
    if parsed.and_then(|query| query.edns.as_ref()).is_some_and(|edns| edns.version > 0) {
        reply.header.rcode = Rcode::BADVERS;
        return Some(reply);
    }
    let dnssec = reply.edns.as_ref().is_some_and(|edns| edns.dnssec_ok);
    let mut answer = Answer { zones, reply, dnssec };
    if question.class == Class::IN {
        answer.fill(question);
    } else {
        answer.reply.header.rcode = Rcode::REFUSED;
    }
    Some(answer.reply)
}

/// A response that is being filled.
struct Answer<'a> {
    zones: &'a [Arc<SignedZone>],
    reply: Message,
    dnssec: bool,
}

impl Answer<'_> {
    fn fill(&mut self, question: &Question) {
        let mut name = question.name.clone();
        for step in 0..=ALIASES_MAX {
            let Some(zone) = self.zone_for(&name, question.rtype) else {
                if step == 0 {
                    self.reply.header.rcode = Rcode::REFUSED;
                }
                return;
            };
            self.reply.header.authoritative = true;
            let target = match find(&zone, &name, question.rtype) {
                Found::Referral(cut) => {
                    if step == 0 {
                        self.refer(&zone, &cut);
                    }
                    return;
                }
                Found::Records { rrset, wildcard } => {
                    self.add_records(&zone, rrset, wildcard);
                    return;
                }
                Found::NoData { wildcard } => {
                    self.deny_type(&zone, &name, wildcard.as_ref());
                    return;
                }
                Found::NxDomain => {
                    // RFC 9824 §2: with DO the form is that of NODATA. CO is not known here.
                    let compact = self.dnssec && matches!(zone.denial(), Denial::Compact(_));
                    self.reply.header.rcode = if compact { Rcode::NOERROR } else { Rcode::NXDOMAIN };
                    self.deny_name(&zone, &name);
                    return;
                }
                Found::Alias { rrset, wildcard } => {
                    let target = rrset.rdatas.first().and_then(|rdata| rdata::single_name(rdata).ok());
                    self.add_records(&zone, rrset, wildcard);
                    target
                }
                Found::Dname(dname) => self.follow_dname(&name, dname),
            };
            match target {
                Some(target) if !self.answers(&target) => name = target,
                _ => return,
            }
        }
    }

    /// Whether an alias at that name stands in the answer already: a loop.
    fn answers(&self, name: &Name) -> bool {
        self.reply.answer.iter().any(|rrset| rrset.is(name, RecordType::CNAME))
    }

    /// The deepest zone held that the name is in; for DS the parent's side of a cut (RFC 4035 §3.1.4.1).
    fn zone_for(&self, name: &Name, rtype: RecordType) -> Option<Arc<SignedZone>> {
        let holds = |zone: &&Arc<SignedZone>| name.is_subdomain_of(zone.name());
        let deepest = |zones: &mut dyn Iterator<Item = &Arc<SignedZone>>| {
            zones.max_by_key(|zone| zone.name().label_count()).cloned()
        };
        let parent_side = rtype.is_parent_side() && !name.is_root();
        let above = parent_side
            .then(|| deepest(&mut self.zones.iter().filter(holds).filter(|zone| zone.name() != name)))
            .flatten();
        above.or_else(|| deepest(&mut self.zones.iter().filter(holds)))
    }

    fn push_answer(&mut self, rrset: Rrset) {
        let rrset = self.shown(rrset);
        self.reply.answer.push(rrset);
    }

    fn push_authority(&mut self, rrset: Rrset) {
        let rrset = self.shown(rrset);
        if !self.reply.authority.iter().any(|known| known.is(&rrset.name, rrset.rtype)) {
            self.reply.authority.push(rrset);
        }
    }

    /// The RRset as the client may see it.
    fn shown(&self, mut rrset: Rrset) -> Rrset {
        if !self.dnssec {
            rrset.signatures = Rdatas::new();
        }
        rrset
    }

    fn add_records(&mut self, zone: &SignedZone, rrset: Rrset, wildcard: bool) {
        let name = rrset.name.clone();
        let servers = rrset.rtype == RecordType::NS;
        let online = wildcard.then(|| zone.signed_online(&rrset)).flatten();
        self.push_answer(online.unwrap_or(rrset));
        if wildcard {
            self.prove(closer_match_denied(zone, &name));
        }
        if servers {
            self.add_server_addresses(zone, &name);
        }
    }

    /// The DNAME and the CNAME made from it (RFC 6672 §3.1). The target, if there can be one.
    fn follow_dname(&mut self, name: &Name, dname: Rrset) -> Option<Name> {
        let to = dname.rdatas.first().and_then(|rdata| rdata::single_name(rdata).ok())?;
        let (from, ttl) = (dname.name.clone(), dname.ttl);
        self.push_answer(dname);
        let Some(Ok(target)) = name.rebase(&from, &to) else {
            self.reply.header.rcode = Rcode::YXDOMAIN;
            return None;
        };
        self.push_answer(Rrset::new(name.clone(), RecordType::CNAME, ttl).with(target.as_wire()));
        Some(target)
    }

    fn refer(&mut self, zone: &SignedZone, cut: &Name) {
        self.reply.header.authoritative = false;
        if let Some(ns) = zone.rrset(cut, RecordType::NS) {
            self.push_authority(ns.clone());
        }
        if self.dnssec {
            match zone.rrset(cut, RecordType::DS) {
                Some(ds) => self.push_authority(ds.clone()),
                None => self.prove(type_denied(zone, cut)),
            }
        }
        self.add_server_addresses(zone, cut);
    }

    /// The addresses that the zone has of the servers of `owner`.
    fn add_server_addresses(&mut self, zone: &SignedZone, owner: &Name) {
        let Some(ns) = zone.rrset(owner, RecordType::NS) else { return };
        for host in ns.rdatas.iter().filter_map(|rdata| rdata::single_name(rdata).ok()) {
            for rtype in [RecordType::A, RecordType::AAAA] {
                if let Some(rrset) = zone.rrset(&host, rtype) {
                    let rrset = self.shown(rrset.clone());
                    self.reply.additional.push(rrset);
                }
            }
        }
    }

    fn deny_type(&mut self, zone: &SignedZone, name: &Name, wildcard: Option<&Name>) {
        self.add_soa(zone);
        match wildcard {
            None => self.prove(type_denied(zone, name)),
            Some(wildcard) if matches!(zone.denial(), Denial::Compact(_)) => {
                self.prove(zone.compact_nsec(name, Some(wildcard)).into_iter().collect());
            }
            Some(wildcard) => {
                // RFC 5155 §7.2.5: the closest encloser is proven too, as no signature's labels tell of it.
                self.prove(closest_provable_encloser(zone, name));
                self.prove(closer_match_denied(zone, name));
                self.prove(type_denied(zone, wildcard));
            }
        }
    }

    fn deny_name(&mut self, zone: &SignedZone, name: &Name) {
        self.add_soa(zone);
        self.prove(name_denied(zone, name));
    }

    /// The SOA record, with the TTL of the denial (RFC 2308 §3).
    fn add_soa(&mut self, zone: &SignedZone) {
        let Some(soa) = zone.rrset(zone.name(), RecordType::SOA) else { return };
        let mut soa = soa.clone();
        let minimum =
            soa.rdatas.first().and_then(|rdata| rdata::Soa::read(rdata).ok()).map(|soa| soa.minimum);
        soa.ttl = soa.ttl.min(minimum.unwrap_or(soa.ttl));
        soa.signatures_ttl = soa.ttl;
        self.push_authority(soa);
    }

    fn prove(&mut self, proofs: Vec<Rrset>) {
        if self.dnssec {
            for rrset in proofs {
                self.push_authority(rrset);
            }
        }
    }
}

/// Looks a name up in its zone (RFC 1034 §4.3.2 step 3).
fn find(zone: &SignedZone, name: &Name, rtype: RecordType) -> Found {
    for labels in zone.name().label_count()..=name.label_count() {
        let ancestor = name.suffix(labels);
        let is_cut = ancestor != *zone.name() && zone.rrset(&ancestor, RecordType::NS).is_some();
        if is_cut && !(ancestor == *name && rtype == RecordType::DS) {
            return Found::Referral(ancestor);
        }
        if ancestor != *name
            && let Some(dname) = zone.rrset(&ancestor, RecordType::DNAME)
        {
            return Found::Dname(dname.clone());
        }
    }
    if zone.exists(name) {
        return at_node(zone, name, name, rtype);
    }
    let Some(wildcard) = closest_encloser(zone, name).and_then(|encloser| encloser.wildcard().ok()) else {
        return Found::NxDomain;
    };
    if zone.exists(&wildcard) { at_node(zone, &wildcard, name, rtype) } else { Found::NxDomain }
}

/// What stands at `node`, with `name` as its owner.
fn at_node(zone: &SignedZone, node: &Name, name: &Name, rtype: RecordType) -> Found {
    let wildcard = node != name;
    let at = |rtype| zone.rrset(node, rtype).map(|rrset| Rrset { name: name.clone(), ..rrset.clone() });
    if rtype == RecordType::ANY {
        // RFC 8482 §4.1: one RRset of those there are.
        let any = zone.node(node).and_then(|types| types.keys().next()).and_then(|rtype| at(*rtype));
        return match any {
            Some(rrset) => Found::Records { rrset, wildcard },
            None => Found::NoData { wildcard: wildcard.then(|| node.clone()) },
        };
    }
    if let Some(rrset) = at(rtype) {
        return Found::Records { rrset, wildcard };
    }
    match at(RecordType::CNAME) {
        Some(rrset) => Found::Alias { rrset, wildcard },
        None => Found::NoData { wildcard: wildcard.then(|| node.clone()) },
    }
}

fn closest_encloser(zone: &SignedZone, name: &Name) -> Option<Name> {
    name.ancestors().find(|ancestor| zone.exists(ancestor))
}

/// Proves that `name`, or a delegation's DS, has not the type that was asked for.
fn type_denied(zone: &SignedZone, name: &Name) -> Vec<Rrset> {
    match zone.denial() {
        Denial::None => Vec::new(),
        Denial::Compact(_) => zone.compact_nsec(name, Some(name)).into_iter().collect(),
        Denial::Nsec(_) => nsec_covering(zone, name),
        Denial::Nsec3(params, chain) => match chain.get(&params.hash(name)) {
            Some(rrset) => vec![rrset.clone()],
            // An insecure delegation that is opted out, or an empty non-terminal above one.
            None => closest_provable_encloser(zone, name),
        },
    }
}

/// Proves that nothing matches `name` closer than the wildcard it was answered from.
fn closer_match_denied(zone: &SignedZone, name: &Name) -> Vec<Rrset> {
    match zone.denial() {
        // RFC 9824 §3.3: the signatures are the name's own.
        Denial::None | Denial::Compact(_) => Vec::new(),
        Denial::Nsec(_) => nsec_covering(zone, name),
        Denial::Nsec3(params, _) => {
            let Some(encloser) = closest_encloser(zone, name) else { return Vec::new() };
            nsec3_covering(zone, params, &name.suffix(encloser.label_count() + 1))
        }
    }
}

/// Proves that there is no `name` and no wildcard for it.
fn name_denied(zone: &SignedZone, name: &Name) -> Vec<Rrset> {
    let Some(encloser) = closest_encloser(zone, name) else { return Vec::new() };
    let Ok(wildcard) = encloser.wildcard() else { return Vec::new() };
    if let Denial::Compact(_) = zone.denial() {
        return zone.compact_nsec(name, None).into_iter().collect();
    }
    let mut proofs = match zone.denial() {
        Denial::Nsec3(..) => closest_provable_encloser(zone, name),
        _ => nsec_covering(zone, name),
    };
    proofs.extend(match zone.denial() {
        Denial::Nsec3(params, _) => nsec3_covering(zone, params, &wildcard),
        _ => nsec_covering(zone, &wildcard),
    });
    proofs
}

/// The NSEC record at `name` or before it.
fn nsec_covering(zone: &SignedZone, name: &Name) -> Vec<Rrset> {
    let Denial::Nsec(chain) = zone.denial() else { return Vec::new() };
    chain.range(..=name.clone()).next_back().map(|(_, rrset)| rrset.clone()).into_iter().collect()
}

/// The NSEC3 record at the hash of `name` or before it.
fn nsec3_covering(zone: &SignedZone, params: &Nsec3Params, name: &Name) -> Vec<Rrset> {
    let Denial::Nsec3(_, chain) = zone.denial() else { return Vec::new() };
    let before = chain.range(..=params.hash(name)).next_back().or_else(|| chain.iter().next_back());
    before.map(|(_, rrset)| rrset.clone()).into_iter().collect()
}

/// The deepest ancestor that has an NSEC3 record, and that the next name below it has none (RFC 5155 §7.2.1).
fn closest_provable_encloser(zone: &SignedZone, name: &Name) -> Vec<Rrset> {
    let Denial::Nsec3(params, chain) = zone.denial() else { return Vec::new() };
    for encloser in name.ancestors().take_while(|ancestor| ancestor.is_subdomain_of(zone.name())) {
        if let Some(rrset) = chain.get(&params.hash(&encloser)) {
            let next_closer = name.suffix(encloser.label_count() + 1);
            let mut proofs = vec![rrset.clone()];
            proofs.extend(nsec3_covering(zone, params, &next_closer));
            return proofs;
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::edns::Edns;
    use crate::dns::encode::{encode, encode_query};
    use crate::lab::world::{World, Zone};

    #[expect(clippy::needless_pass_by_value, reason = "a zone is written where it is used")]
    fn ask(zone: Zone, name: &str, rtype: RecordType, dnssec: bool) -> Message {
        let internet = World::new(1).zone(zone.clone()).build().unwrap();
        let held: Vec<_> =
            internet.zones().filter(|held| held.name().to_string() == "example.").cloned().collect();
        let question = Question::new(name.parse().unwrap(), rtype);
        let bytes = encode_query(7, &question, false, false, Some(&Edns::new(4096, dnssec)));
        let query = Message::parse(&bytes).unwrap();
        let reply = respond(&held, &bytes, Some(&query)).unwrap();
        // What is built is also what can be written and read.
        let read = Message::parse(&encode(&reply, 65_535).bytes).unwrap();
        assert_eq!(read.answer.len(), reply.answer.len());
        read
    }

    fn zone() -> Zone {
        Zone::new("example.")
            .record("@ MX 10 mail")
            .record("mail A 192.0.2.1")
            .record("a.b.c A 192.0.2.2")
            .record("*.wild TXT any")
            .record("alias CNAME mail")
            .record("far CNAME www.elsewhere.test.")
            .record("old DNAME c")
            .record("sub NS ns.sub")
            .record("ns.sub A 192.0.2.53")
    }

    fn types(rrsets: &[Rrset]) -> Vec<RecordType> {
        rrsets.iter().map(|rrset| rrset.rtype).collect()
    }

    #[test]
    fn what_is_there_is_answered_with_authority_and_signature() {
        let reply = ask(zone(), "MAIL.example.", RecordType::A, true);
        assert!(reply.header.authoritative && reply.answer[0].signatures.len() == 1);
        assert!(reply.answer[0].name.eq_with_case(&"MAIL.example.".parse().unwrap()));
        assert!(ask(zone(), "mail.example.", RecordType::A, false).answer[0].signatures.is_empty());
    }

    #[test]
    fn a_delegation_is_referred_to_with_glue_and_the_denial_of_ds() {
        let reply = ask(zone(), "x.sub.example.", RecordType::A, true);
        assert!(!reply.header.authoritative && reply.answer.is_empty());
        assert_eq!(types(&reply.authority), [RecordType::NS, RecordType::NSEC]);
        assert_eq!(types(&reply.additional), [RecordType::A]);
        let ds = ask(zone(), "sub.example.", RecordType::DS, true);
        assert!(ds.header.authoritative);
        assert_eq!(types(&ds.authority), [RecordType::SOA, RecordType::NSEC]);
    }

    #[test]
    fn aliases_are_followed_within_the_zones_of_the_server() {
        assert_eq!(
            types(&ask(zone(), "alias.example.", RecordType::A, true).answer),
            [RecordType::CNAME, RecordType::A]
        );
        assert_eq!(types(&ask(zone(), "far.example.", RecordType::A, true).answer), [RecordType::CNAME]);
        let dname = ask(zone(), "a.b.old.example.", RecordType::A, true);
        assert_eq!(types(&dname.answer), [RecordType::DNAME, RecordType::CNAME, RecordType::A]);
        assert!(dname.answer[1].signatures.is_empty());
        assert_eq!(types(&ask(zone(), "old.example.", RecordType::DNAME, true).answer), [RecordType::DNAME]);
    }

    #[test]
    fn a_wildcard_answers_with_the_proof_that_nothing_is_closer() {
        let reply = ask(zone(), "q.r.wild.example.", RecordType::TXT, true);
        assert_eq!(types(&reply.answer), [RecordType::TXT]);
        assert_eq!(types(&reply.authority), [RecordType::NSEC]);
        let nodata = ask(zone().nsec3(0, b""), "q.wild.example.", RecordType::A, true);
        assert_eq!(nodata.header.rcode, Rcode::NOERROR);
        for proven in ["wild.example.", "*.wild.example."] {
            let hash = Nsec3Params::default().hash(&proven.parse().unwrap());
            let owner = Nsec3Params::owner(&"example.".parse().unwrap(), &hash).unwrap();
            assert!(nodata.authority.iter().any(|one| one.is(&owner, RecordType::NSEC3)), "{proven}");
        }
    }

    #[test]
    fn empty_non_terminals_exist_and_other_names_do_not() {
        for (name, rcode) in [("b.c.example.", Rcode::NOERROR), ("x.c.example.", Rcode::NXDOMAIN)] {
            for zone in [zone(), zone().nsec3(3, b"salt"), zone().opt_out(), zone().unsigned()] {
                let reply = ask(zone, name, RecordType::A, true);
                assert_eq!(reply.header.rcode, rcode, "{name}");
                assert_eq!(reply.authority[0].rtype, RecordType::SOA);
            }
        }
    }

    #[test]
    fn an_any_question_gets_one_rrset() {
        assert_eq!(ask(zone(), "example.", RecordType::ANY, true).answer.len(), 1);
    }
}
