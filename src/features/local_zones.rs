//! Names of no public meaning, answered here so that no server ever hears of them (`[local] default-zones`).
//!
//! In: a question. Out: an answer as a small authoritative zone would give it, or none for all other names.
//! Reverse zones of private and reserved addresses: RFC 6303, RFC 7793 and IANA's registry "Locally-Served DNS
//! Zones". Special names: `localhost`, `invalid`, `test` (RFC 6761), `local` (RFC 6762 §22.1, though Unbound asks
//! for it), `onion` (RFC 7686), `home.arpa` (RFC 8375), `ipv4only.arpa` (RFC 8880), `resolver.arpa`
//! (RFC 9462 §8.2), `alt` (RFC 9476), `service.arpa` (RFC 9665).
//! A question for the DS of such a zone is its parent's to answer and is resolved like any other, so that a
//! client that validates finds out that the zone is not signed (RFC 6303 §7, RFC 8375 §4).
//! Not done: zones of the operator's own.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::dns::name::NAME_LEN_MAX;
use crate::dns::{Class, Name, Question, Rcode, RecordType, Rrset};
use crate::service::Client;
use crate::service::stage::{LocalAnswer, Stage};

/// Seconds; the TTL, and the negative TTL, of RFC 6303 §3.
const TTL_SECS: u32 = 10_800;

/// Zones with SOA and NS alone.
const EMPTY: &[&str] = &[
    // RFC 1918, RFC 6303 §4.1.
    "10.in-addr.arpa.",
    "168.192.in-addr.arpa.",
    // RFC 1122, 3927, 5737, 919; RFC 6303 §4.2.
    "0.in-addr.arpa.",
    "254.169.in-addr.arpa.",
    "2.0.192.in-addr.arpa.",
    "100.51.198.in-addr.arpa.",
    "113.0.203.in-addr.arpa.",
    "255.255.255.255.in-addr.arpa.",
    // The unspecified address, RFC 6303 §4.3.
    "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa.",
    // RFC 4193, RFC 4291, RFC 3849; RFC 6303 §4.4 to §4.6.
    "d.f.ip6.arpa.",
    "8.e.f.ip6.arpa.",
    "9.e.f.ip6.arpa.",
    "a.e.f.ip6.arpa.",
    "b.e.f.ip6.arpa.",
    "8.b.d.0.1.0.0.2.ip6.arpa.",
    "invalid.",
    "test.",
    "local.",
    "onion.",
    "alt.",
    "home.arpa.",
    "service.arpa.",
];

const LOOPBACK_V6: &str = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa.";

/// The default zones.
#[derive(Debug)]
pub struct LocalZones {
    zones: Zones,
    /// A bit for each number of labels that a zone's name has.
    depths: u64,
}

/// By name: wire form in lower case.
type Zones = HashMap<Box<[u8]>, Zone, foldhash::fast::FixedState>;

#[derive(Debug)]
struct Zone {
    apex: Name,
    /// What it has besides SOA and NS.
    nodes: Vec<Node>,
    /// Whether all names below have the apex's records (RFC 6761 §6.3).
    redirects: bool,
}

/// A name of a zone; without records, an empty node.
#[derive(Debug)]
struct Node {
    owner: Name,
    records: Vec<(RecordType, Vec<u8>)>,
}

impl Default for LocalZones {
    fn default() -> Self {
        Self::new()
    }
}

impl LocalZones {
    /// All default zones.
    pub fn new() -> Self {
        let mut zones = Zones::default();
        let private = (16..=31).map(|octet| format!("{octet}.172.in-addr.arpa."));
        // RFC 7793: 100.64.0.0/10.
        let shared = (64..=127).map(|octet| format!("{octet}.100.in-addr.arpa."));
        for zone in EMPTY.iter().map(|zone| (*zone).to_owned()).chain(private).chain(shared) {
            add(&mut zones, &zone, &[], false);
        }
        let (localhost, nat64) = (wire("localhost."), wire("ipv4only.arpa."));
        let (a, aaaa) = (Ipv4Addr::LOCALHOST.octets(), Ipv6Addr::LOCALHOST.octets());
        let loopback: [(RecordType, &[u8]); 2] = [(RecordType::A, &a), (RecordType::AAAA, &aaaa)];
        add(&mut zones, "localhost.", &[("localhost.", &loopback)], true);
        let to_localhost: [(RecordType, &[u8]); 1] = [(RecordType::PTR, &localhost)];
        add(&mut zones, "127.in-addr.arpa.", &[("1.0.0.127.in-addr.arpa.", &to_localhost)], false);
        add(&mut zones, LOOPBACK_V6, &[(LOOPBACK_V6, &to_localhost)], false);
        // RFC 8880 §7.1: the two addresses, and no AAAA.
        let well_known: [(RecordType, &[u8]); 2] =
            [(RecordType::A, &[192, 0, 0, 170]), (RecordType::A, &[192, 0, 0, 171])];
        add(&mut zones, "ipv4only.arpa.", &[("ipv4only.arpa.", &well_known)], false);
        let to_nat64: [(RecordType, &[u8]); 1] = [(RecordType::PTR, &nat64)];
        for zone in ["170.0.0.192.in-addr.arpa.", "171.0.0.192.in-addr.arpa."] {
            add(&mut zones, zone, &[(zone, &to_nat64)], false);
        }
        // RFC 9462 §4: designated resolvers would stand at _dns; without any, the name has no records.
        add(&mut zones, "resolver.arpa.", &[("_dns.resolver.arpa.", &[])], false);
        let depths = zones.values().fold(0, |depths, zone| depths | depth_bit(zone.apex.label_count()));
        Self { zones, depths }
    }

    /// The answer, if the name is in one of the zones.
    pub fn answer(&self, question: &Question) -> Option<LocalAnswer> {
        if question.class != Class::IN {
            return None;
        }
        let zone = self.zone(question.name.as_wire())?;
        let is_apex = question.name == zone.apex;
        if is_apex && question.rtype.is_parent_side() {
            return None;
        }
        let answer = zone.answer(question, is_apex);
        // What is said to ANY at a name that exists is the same for all names (RFC 8482): not said here.
        Some(answer).filter(|answer| question.rtype != RecordType::ANY || answer.rcode == Rcode::NXDOMAIN)
    }

    /// The zone that a name in wire form lies in.
    fn zone(&self, name: &[u8]) -> Option<&Zone> {
        // Nearly all names are sorted out by their last label.
        let last = suffixes(name).last()?;
        if !LAST.iter().any(|label| label.eq_ignore_ascii_case(last)) {
            return None;
        }
        let mut buffer = [0; NAME_LEN_MAX];
        let lower = buffer.get_mut(..name.len())?;
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        let labels = suffixes(lower).count();
        let deep = suffixes(lower).zip((1..=labels).rev());
        let mut near = deep.filter(|(_, depth)| self.depths & depth_bit(*depth) != 0);
        near.find_map(|(suffix, _)| self.zones.get(suffix))
    }
}

impl Stage for LocalZones {
    fn before(&self, question: &Question, _: &Client) -> Option<LocalAnswer> {
        self.answer(question)
    }

    fn speaks_for(&self, name: &[u8]) -> bool {
        self.zone(name).is_some()
    }
}

impl Zone {
    fn answer(&self, question: &Question, is_apex: bool) -> LocalAnswer {
        let apex = &self.apex;
        let source = if self.redirects { apex } else { &question.name };
        let mut found = Rrset::new(question.name.clone(), question.rtype, TTL_SECS);
        for node in self.nodes.iter().filter(|node| node.owner == *source) {
            for (_, rdata) in node.records.iter().filter(|(rtype, _)| *rtype == question.rtype) {
                found = found.with(rdata);
            }
        }
        match question.rtype {
            RecordType::SOA if is_apex => found = found.with(&soa(apex)),
            RecordType::NS if is_apex => found = found.with(apex.as_wire()),
            _ => {}
        }
        // An empty non-terminal exists as well (RFC 4592 §2.2.2).
        let exists = is_apex
            || self.redirects
            || self.nodes.iter().any(|node| node.owner.is_subdomain_of(&question.name));
        let rcode = if exists { Rcode::NOERROR } else { Rcode::NXDOMAIN };
        if found.rdatas.is_empty() {
            let soa = Rrset::new(apex.clone(), RecordType::SOA, TTL_SECS).with(&soa(apex));
            LocalAnswer { rcode, authoritative: true, answer: Vec::new(), authority: vec![soa] }
        } else {
            LocalAnswer { rcode, authoritative: true, answer: vec![found], authority: Vec::new() }
        }
    }
}

/// Records as they are written above: owner, then type and rdata of each.
type Written<'a> = [(&'a str, &'a [(RecordType, &'a [u8])])];

fn add(zones: &mut Zones, apex: &str, written: &Written<'_>, redirects: bool) {
    let Ok(apex) = apex.parse::<Name>() else { return };
    let mut nodes = Vec::new();
    for (owner, records) in written {
        let records = records.iter().map(|(rtype, rdata)| (*rtype, rdata.to_vec())).collect();
        nodes.extend(owner.parse().map(|owner| Node { owner, records }));
    }
    zones.insert(Box::from(apex.as_wire()), Zone { apex, nodes, redirects });
}

/// The last labels that local zones end in, as they stand before the root.
const LAST: [&[u8]; 7] = [
    b"\x04arpa\0",
    b"\x09localhost\0",
    b"\x07invalid\0",
    b"\x04test\0",
    b"\x05local\0",
    b"\x05onion\0",
    b"\x03alt\0",
];

/// A name in wire form and those above it, without the root.
fn suffixes(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = name;
    std::iter::from_fn(move || {
        let here = rest;
        let len = usize::from(*here.first()?);
        rest = here.get(1 + len..)?;
        (len > 0).then_some(here)
    })
}

fn depth_bit(labels: usize) -> u64 {
    u32::try_from(labels).ok().and_then(|labels| 1u64.checked_shl(labels)).unwrap_or(0)
}

/// The SOA of RFC 6303 §3.
fn soa(apex: &Name) -> Vec<u8> {
    let mut rdata = apex.as_wire().to_vec();
    rdata.extend(wire("nobody.invalid."));
    for number in [1, 3_600, 1_200, 604_800, TTL_SECS] {
        rdata.extend(number.to_be_bytes());
    }
    rdata
}

fn wire(name: &str) -> Vec<u8> {
    name.parse::<Name>().map(|name| name.as_wire().to_vec()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::rdata::Soa;

    /// The rcode, the answer's rdata, and the owner of the SOA in the authority section.
    type Said = (Rcode, Vec<Vec<u8>>, Option<String>);

    fn ask(name: &str, rtype: RecordType) -> Option<Said> {
        let answer = LocalZones::new().answer(&Question::new(name.parse().unwrap(), rtype))?;
        assert!(answer.authoritative);
        let rdatas = answer.answer.iter().flat_map(|rrset| rrset.rdatas.iter().map(<[u8]>::to_vec)).collect();
        let soa = answer.authority.first().map(|rrset| {
            let soa = Soa::read(rrset.rdatas.first().unwrap()).unwrap();
            assert_eq!((rrset.rtype, rrset.ttl, soa.minimum), (RecordType::SOA, TTL_SECS, TTL_SECS));
            rrset.name.to_string()
        });
        Some((answer.rcode, rdatas, soa))
    }

    #[expect(clippy::unnecessary_wraps, reason = "it is compared with what may be none")]
    fn absent(rcode: Rcode, zone: &str) -> Option<Said> {
        Some((rcode, vec![], Some(zone.to_owned())))
    }

    #[test]
    fn localhost_and_all_below_is_loopback() {
        for name in ["localhost", "LocalHost.", "printer.localhost", "a.b.localhost"] {
            assert_eq!(ask(name, RecordType::A), Some((Rcode::NOERROR, vec![vec![127, 0, 0, 1]], None)));
            let loopback = Ipv6Addr::LOCALHOST.octets().to_vec();
            assert_eq!(ask(name, RecordType::AAAA), Some((Rcode::NOERROR, vec![loopback], None)));
            assert_eq!(ask(name, RecordType::MX), absent(Rcode::NOERROR, "localhost."));
        }
    }

    #[test]
    fn the_answer_keeps_the_letter_case_of_the_question() {
        let question = Question::new("LoCalHost".parse().unwrap(), RecordType::A);
        let answer = LocalZones::new().answer(&question).unwrap();
        assert!(answer.answer[0].name.eq_with_case(&question.name));
    }

    #[test]
    fn loopback_addresses_point_to_localhost() {
        let localhost = Some((Rcode::NOERROR, vec![wire("localhost.")], None));
        assert_eq!(ask("1.0.0.127.in-addr.arpa", RecordType::PTR), localhost);
        assert_eq!(ask(LOOPBACK_V6, RecordType::PTR), localhost);
        assert_eq!(
            ask("2.0.0.127.in-addr.arpa", RecordType::PTR),
            absent(Rcode::NXDOMAIN, "127.in-addr.arpa.")
        );
        // An empty non-terminal on the way to 1.0.0.127.
        assert_eq!(ask("0.127.in-addr.arpa", RecordType::PTR), absent(Rcode::NOERROR, "127.in-addr.arpa."));
    }

    #[test]
    fn private_and_reserved_addresses_have_no_names() {
        for (name, zone) in [
            ("4.3.2.10.in-addr.arpa", "10.in-addr.arpa."),
            ("1.31.172.in-addr.arpa", "31.172.in-addr.arpa."),
            ("5.1.168.192.in-addr.arpa", "168.192.in-addr.arpa."),
            ("1.64.100.in-addr.arpa", "64.100.in-addr.arpa."),
            ("1.127.100.in-addr.arpa", "127.100.in-addr.arpa."),
            ("1.2.0.192.in-addr.arpa", "2.0.192.in-addr.arpa."),
            ("9.254.169.in-addr.arpa", "254.169.in-addr.arpa."),
            ("0.c.d.f.ip6.arpa", "d.f.ip6.arpa."),
            ("1.b.e.f.ip6.arpa", "b.e.f.ip6.arpa."),
            ("1.8.b.d.0.1.0.0.2.ip6.arpa", "8.b.d.0.1.0.0.2.ip6.arpa."),
        ] {
            assert_eq!(ask(name, RecordType::PTR), absent(Rcode::NXDOMAIN, zone), "{name}");
        }
    }

    #[test]
    fn their_neighbours_are_public() {
        for name in [
            "1.15.172.in-addr.arpa",
            "1.32.172.in-addr.arpa",
            "1.63.100.in-addr.arpa",
            "1.128.100.in-addr.arpa",
            "8.8.8.8.in-addr.arpa",
            "172.in-addr.arpa",
            "c.e.f.ip6.arpa",
            "arpa",
            "in-addr.arpa",
            "example.com",
            "test.example",
            "localhost.example",
            "alter",
            ".",
        ] {
            assert_eq!(ask(name, RecordType::A), None, "{name}");
        }
    }

    #[test]
    fn special_names_do_not_exist() {
        for name in [
            "x.invalid",
            "x.test",
            "printer.local",
            "duckduckgogg42xjoc72x3sjasowoarfbgcmvfimaftt6twagswzczad.onion",
            "x.alt",
            "router.home.arpa",
            "x.service.arpa",
            "x.resolver.arpa",
            "x.ipv4only.arpa",
        ] {
            assert!(matches!(ask(name, RecordType::A), Some((Rcode::NXDOMAIN, _, Some(_)))), "{name}");
        }
        assert_eq!(ask("test", RecordType::A), absent(Rcode::NOERROR, "test."));
        assert_eq!(ask("_dns.resolver.arpa", RecordType::SVCB), absent(Rcode::NOERROR, "resolver.arpa."));
    }

    #[test]
    fn ipv4only_arpa_has_the_two_well_known_addresses_and_no_other() {
        let both = vec![vec![192, 0, 0, 170], vec![192, 0, 0, 171]];
        assert_eq!(ask("ipv4only.arpa", RecordType::A), Some((Rcode::NOERROR, both, None)));
        assert_eq!(ask("ipv4only.arpa", RecordType::AAAA), absent(Rcode::NOERROR, "ipv4only.arpa."));
        let name = Some((Rcode::NOERROR, vec![wire("ipv4only.arpa.")], None));
        assert_eq!(ask("170.0.0.192.in-addr.arpa", RecordType::PTR), name);
    }

    #[test]
    fn each_zone_has_soa_and_ns_at_its_apex() {
        let zones: std::collections::BTreeSet<Name> =
            LocalZones::new().zones.into_values().map(|zone| zone.apex).collect();
        for zone in &zones {
            let apex = zone.to_string();
            let (rcode, soa, _) = ask(&apex, RecordType::SOA).unwrap();
            assert_eq!((rcode, Soa::read(&soa[0]).unwrap().mname), (Rcode::NOERROR, zone.clone()));
            assert_eq!(ask(&apex, RecordType::NS).unwrap().1, [zone.as_wire()]);
        }
    }

    #[test]
    fn any_is_answered_here_only_where_nothing_exists() {
        assert_eq!(ask("localhost", RecordType::ANY), None);
        assert_eq!(ask("x.test", RecordType::ANY), absent(Rcode::NXDOMAIN, "test."));
    }

    #[test]
    fn the_ds_of_a_zone_is_its_parents_to_answer() {
        for zone in ["10.in-addr.arpa", "home.arpa", "localhost", "onion"] {
            assert_eq!(ask(zone, RecordType::DS), None, "{zone}");
        }
        assert_eq!(ask("x.home.arpa", RecordType::DS), absent(Rcode::NXDOMAIN, "home.arpa."));
    }
}
