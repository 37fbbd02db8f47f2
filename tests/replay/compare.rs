//! Whether a reply is the one that a scenario expects.
//!
//! Compared as far as MATCH says: rcode, flags, question, the answer section as a set, SOA and denial records, EDE.
//! Not compared: AA, RA, the records of name servers and their addresses, order (minimal responses, RFC 2181 §5).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rootwalk::dns::edns::Edns;
use rootwalk::dns::message::Message;
use rootwalk::dns::{Name, Rcode, RecordType, Rrset};

use crate::records::Record;
use crate::scenario::Entry;

/// What may be missing of a TTL: the walk takes some of the scenario's time.
const TTL_SLACK_SECS: u32 = 2;

/// Records, described, with their TTL.
type Described = BTreeMap<String, u32>;

/// Every difference, a line each.
pub(crate) fn differences(expected: &Entry, reply: &Message) -> Vec<String> {
    let mut found = Vec::new();
    let all = expected.matches("all");
    let header = &reply.header;
    let rcode = expected.rcode.unwrap_or(Rcode::NOERROR);
    if (all || expected.matches("rcode")) && header.rcode != rcode {
        found.push(format!("the rcode is {}, not {rcode}", header.rcode));
    }
    if all || expected.matches("flags") {
        let flags = [
            ("TC", header.truncated),
            ("RD", header.recursion_desired),
            ("AD", header.authentic_data),
            ("CD", header.checking_disabled),
        ];
        for (flag, is) in flags.into_iter().filter(|(flag, is)| *is != expected.has(flag)) {
            found.push(format!("{flag} is {is}"));
        }
    }
    let asked = reply.question.as_ref();
    let is_same = match (&expected.question, asked) {
        (Some((name, rtype, class)), Some(asked)) => {
            asked.name == *name && asked.rtype == *rtype && asked.class == *class
        }
        (None, None) => true,
        _ => false,
    };
    if (all || ["question", "qname", "qtype"].iter().any(|word| expected.matches(word))) && !is_same {
        found.push(format!("the question is {asked:?}"));
    }
    let ttl = expected.matches("ttl");
    if all || expected.matches("answer") {
        compare(
            "answer",
            ttl,
            &of_records(&expected.answer, |_| true),
            &of_rrsets(&reply.answer, |_| true),
            &mut found,
        );
    }
    if all || expected.matches("authority") {
        let (wanted, got) =
            (of_records(&expected.authority, is_proof), of_rrsets(&reply.authority, is_proof));
        compare("authority", ttl, &wanted, &got, &mut found);
    }
    if let Some(code) = expected.ede() {
        let codes: Vec<u16> =
            reply.edns.iter().flat_map(Edns::extended_errors).map(|error| error.code.0).collect();
        if !codes.contains(&code) {
            found.push(format!("the EDE codes are {codes:?}, not {code}"));
        }
    }
    if all && !expected.options.is_empty() {
        let options: Vec<_> = reply.edns.iter().flat_map(|edns| &edns.options).collect();
        let wanted = Edns::decode(0, 0, &expected.options).map(|edns| edns.options).unwrap_or_default();
        if !wanted.iter().all(|option| options.contains(&option)) {
            found.push(format!("the EDNS options are {options:?}, not {wanted:?}"));
        }
    }
    found
}

/// Of the authority section only what denies is compared.
fn is_proof(rtype: RecordType) -> bool {
    matches!(rtype, RecordType::SOA | RecordType::NSEC | RecordType::NSEC3)
}

fn compare(section: &str, with_ttl: bool, wanted: &Described, got: &Described, found: &mut Vec<String>) {
    for record in wanted.keys().filter(|record| !got.contains_key(*record)) {
        found.push(format!("{section}: missing {record}"));
    }
    for (record, is) in got {
        match wanted.get(record) {
            None => found.push(format!("{section}: unexpected {record}")),
            Some(should) if with_ttl && !(*is..=is.saturating_add(TTL_SLACK_SECS)).contains(should) => {
                found.push(format!("{section}: TTL {is}, not {should}: {record}"));
            }
            Some(_) => {}
        }
    }
}

fn of_records(records: &[Record], keep: impl Fn(RecordType) -> bool) -> Described {
    let kept = records.iter().filter(|record| match record.rtype {
        RecordType::RRSIG => keep(covered(&record.rdata)),
        other => keep(other),
    });
    kept.map(|record| (describe(&record.owner, record.rtype, &record.rdata), record.ttl)).collect()
}

fn of_rrsets(rrsets: &[Rrset], keep: impl Fn(RecordType) -> bool) -> Described {
    let mut all = Described::new();
    for rrset in rrsets {
        let kind = match rrset.rtype {
            RecordType::RRSIG => rrset.rdatas.first().map_or(RecordType::RRSIG, covered),
            other => other,
        };
        if keep(kind) {
            let records = rrset.rdatas.iter().map(|rdata| (rrset.rtype, rrset.ttl, rdata));
            let signatures =
                rrset.signatures.iter().map(|rdata| (RecordType::RRSIG, rrset.signatures_ttl, rdata));
            all.extend(
                records
                    .chain(signatures)
                    .map(|(rtype, ttl, rdata)| (describe(&rrset.name, rtype, rdata), ttl)),
            );
        }
    }
    all
}

fn covered(rrsig: &[u8]) -> RecordType {
    RecordType(u16::from_be_bytes([rrsig[0], rrsig[1]]))
}

/// A record as text in which letter case makes no difference where it makes none in the DNS.
fn describe(owner: &Name, rtype: RecordType, rdata: &[u8]) -> String {
    let owner = owner.to_lowercase();
    match rtype {
        RecordType::CNAME | RecordType::DNAME | RecordType::NS | RecordType::PTR => {
            let target = Name::from_wire(rdata).map(|(name, _)| name.to_lowercase().to_string());
            format!("{owner} {rtype} {}", target.unwrap_or_else(|error| error.to_string()))
        }
        RecordType::A if rdata.len() == 4 => {
            format!("{owner} A {}.{}.{}.{}", rdata[0], rdata[1], rdata[2], rdata[3])
        }
        RecordType::RRSIG => format!("{owner} RRSIG({}) {}", covered(rdata), digits(rdata)),
        RecordType::SOA | RecordType::MX | RecordType::NSEC => {
            format!("{owner} {rtype} {}", digits(&rdata.to_ascii_lowercase()))
        }
        _ => format!("{owner} {rtype} {}", digits(rdata)),
    }
}

fn digits(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut all, octet| {
        write!(all, "{octet:02x}").unwrap();
        all
    })
}
