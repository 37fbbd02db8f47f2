//! The questions, with the rcode and the state that the zones themselves ask for.

use crate::odd;
use crate::sign::{Denial, Fault, Link, Signer};
use crate::world::{State, Zone, zones};

/// A question and what a validator has to say to it.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) rtype: &'static str,
    /// The rcode of the data, whether it may be shown or not.
    pub(crate) rcode: &'static str,
    pub(crate) state: State,
}

/// What kind of proof an answer needs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Present,
    /// Expanded from a wildcard.
    Expanded,
    NoData,
    /// No data, and the wildcard that might have had it exists.
    ExpandedNoData,
    /// No data, as the wildcard that would match is an empty non-terminal (RFC 4592 §2.2.2).
    BelowNonTerminal,
    NxDomain,
}
use Kind::{BelowNonTerminal, Expanded, ExpandedNoData, NoData, NxDomain, Present};

/// Asked in every zone; names are relative to the apex.
const FEW: [(&str, &str, Kind); 8] = [
    ("", "SOA", Present),
    ("", "NS", Present),
    ("", "DNSKEY", Present),
    ("", "A", Present),
    ("www", "A", Present),
    ("www", "AAAA", Present),
    ("www", "TXT", NoData),
    ("missing", "A", NxDomain),
];

/// Asked where a zone has one of everything.
const FULL: [(&str, &str, Kind); 68] = [
    ("", "MX", Present),
    ("", "TXT", NoData),
    ("ns", "A", Present),
    ("mixed.case", "A", Present),
    ("MIXED.case", "A", Present),
    ("mixed.case", "AAAA", NoData),
    ("MISSING", "AAAA", NxDomain),
    ("below.www", "A", NxDomain),
    ("deep.below.missing", "A", NxDomain),
    ("ent", "A", NoData),
    ("b.ent", "TXT", NoData),
    ("a.b.ent", "A", Present),
    ("z.ent", "A", NxDomain),
    ("x.b.ent", "A", NxDomain),
    ("wild", "A", NoData),
    ("*.wild", "A", Present),
    ("x.wild", "A", Expanded),
    ("X.Wild", "MX", Expanded),
    ("x.y.wild", "A", Expanded),
    ("x.wild", "AAAA", ExpandedNoData),
    ("host.wild", "AAAA", Present),
    ("host.wild", "A", NoData),
    ("x.host.wild", "A", NxDomain),
    ("q.wild-alias", "A", Expanded),
    ("q.wild-alias", "TXT", Expanded),
    ("c1", "A", Present),
    ("c1", "CNAME", Present),
    ("c1", "TXT", NoData),
    ("c3", "AAAA", Present),
    ("dangling", "A", NxDomain),
    ("half", "AAAA", NoData),
    ("d", "DNAME", Present),
    ("d", "A", NoData),
    ("x.d", "A", Present),
    ("x.d", "CNAME", Present),
    ("x.d", "AAAA", NoData),
    ("y.d", "A", Present),
    ("missing.d", "A", NxDomain),
    ("caa", "CAA", Present),
    ("_443._tcp", "TLSA", Present),
    ("_tcp", "TLSA", NoData),
    ("_sip._udp", "SRV", Present),
    ("naptr", "NAPTR", Present),
    ("sshfp", "SSHFP", Present),
    ("svc", "HTTPS", Present),
    ("svc", "SVCB", Present),
    ("alias", "HTTPS", Present),
    ("short", "TXT", Present),
    ("long", "TXT", Present),
    ("odd", "TYPE65280", Present),
    ("odd", "TYPE65281", NoData),
    ("we\\.ird\\032name", "A", Present),
    ("we.ird\\032name", "A", NxDomain),
    ("\\000\\255", "A", Present),
    (LONG_NAME, "A", Present),
    ("zero", "A", Present),
    ("rp", "RP", Present),
    ("afsdb", "AFSDB", Present),
    ("kx", "KX", Present),
    ("rt", "RT", Present),
    ("hinfo", "HINFO", Present),
    ("loc", "LOC", Present),
    ("uri", "URI", Present),
    ("cert", "CERT", Present),
    ("upper", "HTTPS", Present),
    ("upper", "SVCB", Present),
    ("upper", "MX", Present),
    ("upper", "NAPTR", Present),
];

/// Three labels of 63 octets.
const LONG_NAME: &str = "lllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllll.\
                         lllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllll.\
                         lllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllll";

/// Asked once; what leads from one zone to another, and the root.
const CROSSING: [(&str, &str, &str, State); 37] = [
    (".", "SOA", "NOERROR", State::Secure),
    (".", "NS", "NOERROR", State::Secure),
    (".", "DNSKEY", "NOERROR", State::Secure),
    (".", "TXT", "NOERROR", State::Secure),
    (".", "DS", "NOERROR", State::Secure),
    ("missing.", "A", "NXDOMAIN", State::Secure),
    ("www.missing.", "A", "NXDOMAIN", State::Secure),
    ("to-ed.p256.west.", "A", "NOERROR", State::Secure),
    ("to-ed.p256.west.", "TXT", "NOERROR", State::Secure),
    ("to-rsa.p256.west.", "A", "NOERROR", State::Secure),
    ("to-missing.p256.west.", "A", "NXDOMAIN", State::Secure),
    ("to-plain.p256.west.", "A", "NOERROR", State::Insecure),
    ("to-plain.p256.west.", "TXT", "NOERROR", State::Insecure),
    ("to-plain.p256.west.", "CNAME", "NOERROR", State::Secure),
    ("to-expired.p256.west.", "A", "NOERROR", State::Bogus),
    ("to-expired.p256.west.", "CNAME", "NOERROR", State::Secure),
    ("www.dname-ed.p256.west.", "A", "NOERROR", State::Secure),
    ("x.wild.dname-ed.p256.west.", "A", "NOERROR", State::Secure),
    ("missing.dname-ed.p256.west.", "A", "NXDOMAIN", State::Secure),
    ("www.dname-plain.p256.west.", "A", "NOERROR", State::Insecure),
    ("to-child.p256.west.", "A", "NOERROR", State::Secure),
    ("to-plain-child.p256.west.", "A", "NOERROR", State::Insecure),
    ("to-wild.p256.west.", "A", "NOERROR", State::Secure),
    ("away.ed.east.", "A", "NOERROR", State::Secure),
    ("away.east.", "A", "NOERROR", State::Insecure),
    ("loop.p256.west.", "A", "SERVFAIL", State::Insecure),
    ("www.p256.west.", "ANY", "NOERROR", State::Secure),
    ("cds.west.", "CDS", "NOERROR", State::Secure),
    ("cds.west.", "CDNSKEY", "NOERROR", State::Secure),
    ("y.c.star.west.", "A", "NOERROR", State::Secure),
    ("x.y.c.star.west.", "A", "NOERROR", State::Secure),
    ("q.e.star.west.", "A", "NOERROR", State::Secure),
    ("y.*.c.star.west.", "A", "NXDOMAIN", State::Secure),
    ("q.*.e.star.west.", "A", "NOERROR", State::Secure),
    ("longer.ttl.west.", "A", "NOERROR", State::Secure),
    ("shorter.ttl.west.", "A", "NOERROR", State::Secure),
    ("mixed.ttl.west.", "A", "NOERROR", State::Secure),
];

/// All questions, in the order they are asked.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for zone in zones() {
        let rows = FEW.iter().chain(if zone.full { FULL.as_slice() } else { &[] });
        for (label, rtype, kind) in rows.filter(|_| zone.name != ".") {
            cases.push(case(&zone, label, rtype, *kind));
        }
        if zone.odd {
            // RFC 4035 §3.1.3.4: an NSEC has to deny the wildcard too; where it is an empty non-terminal BIND leaves it out,
            // and whether that is noticed depends on what a cache has seen before.
            let unproven = |kind| kind == BelowNonTerminal && matches!(zone.denial, Denial::Nsec);
            for (label, rtype, kind) in odd::questions(zone.signer) {
                if !unproven(kind) {
                    cases.push(case(&zone, &label, rtype, kind));
                }
            }
        }
        if zone.name != "." {
            cases.push(ds_case(&zone));
        }
    }
    cases.extend(CROSSING.iter().map(|(name, rtype, rcode, state)| Case {
        name: (*name).to_owned(),
        rtype,
        rcode,
        state: *state,
    }));
    cases
}

fn case(zone: &Zone, label: &str, rtype: &'static str, kind: Kind) -> Case {
    let dot = if label.is_empty() { "" } else { "." };
    let unsigned = zone.fault == Fault::Stripped || matches!(zone.signer, Signer::None);
    let kind = if rtype == "DNSKEY" && unsigned { NoData } else { kind };
    Case {
        name: format!("{label}{dot}{}", zone.name),
        rtype,
        rcode: if kind == NxDomain { "NXDOMAIN" } else { "NOERROR" },
        state: state(zone, label, rtype, kind),
    }
}

fn state(zone: &Zone, label: &str, rtype: &str, kind: Kind) -> State {
    let opt_out = matches!(zone.denial, Denial::Nsec3 { opt_out: true, .. });
    // RFC 4034 §6.2, RFC 6840 §5.1: names in data of other types are signed as they are written; some signers lower them.
    let lowered = match zone.signer {
        Signer::Ldns(_) => label == "upper" && ["HTTPS", "SVCB"].contains(&rtype),
        Signer::Bind(_) => rtype == "TYPE23",
        _ => false,
    };
    // RFC 9276 §3.2: no validator here takes so many.
    let dear = matches!(zone.denial, Denial::Nsec3 { iterations: 151.., .. });
    match (zone.state, zone.fault) {
        (State::Secure, _) if lowered => State::Bogus,
        (State::Secure, _) if dear && kind != Present => State::Insecure,
        (State::Secure, Fault::Tampered) if label == "www" && kind == Present => State::Bogus,
        (State::Secure, Fault::NoDenial) if kind != Present => State::Bogus,
        // RFC 5155 §9.2: a name that an opt-out span covers may exist all the same.
        (State::Secure, _)
            if opt_out && matches!(kind, NxDomain | Expanded | ExpandedNoData | BelowNonTerminal) =>
        {
            State::Insecure
        }
        (state, _) => state,
    }
}

/// The DS of a zone is its parent's to prove.
fn ds_case(zone: &Zone) -> Case {
    let parent = zone.name.split_once('.').map_or("", |(_, parent)| parent);
    let state = match zone.link {
        // RFC 5155 §9.2 again: `east.` opts out.
        Link::None if zone.name.ends_with("east.") => State::Insecure,
        Link::None if parent == "plain.west." => State::Insecure,
        _ => State::Secure,
    };
    Case { name: zone.name.to_owned(), rtype: "DS", rcode: "NOERROR", state }
}
