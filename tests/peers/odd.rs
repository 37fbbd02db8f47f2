//! What is allowed and seldom: every type of record that the signers take, names at their limits, wildcards at several
//! depths, records that stand twice. The same records in a zone of each signer.
//!
//! The types of [`TYPES`] are written in the form of RFC 3597, octet by octet, so that each signer reads the same; one
//! that knows the type may do with the names inside what RFC 4034 §6.2 says, or not (RFC 6840 §5.1). All names have
//! letters of both cases.

use std::fmt::Write as _;

use rootwalk::dns::base;

use crate::questions::Kind;
use crate::sign::Signer;

/// A piece of rdata.
enum Part {
    /// Octets in hexadecimal.
    Octets(&'static str),
    /// A domain name.
    Name(&'static str),
}
use Part::{Name as N, Octets as O};

/// A type by its number as `dig` writes it, and its rdata.
const TYPES: [(&str, &[Part]); 47] = [
    ("TYPE7", &[N("Mb.West.")]),
    ("TYPE8", &[N("Mg.West.")]),
    ("TYPE9", &[N("Mr.West.")]),
    ("TYPE11", &[O("c000025006000001")]),
    ("TYPE12", &[N("Ptr.West.")]),
    ("TYPE14", &[N("RMail.West."), N("EMail.West.")]),
    ("TYPE15", &[O("000a"), N("MX.West.")]),
    ("TYPE17", &[N("Mail.West."), N("Text.West.")]),
    ("TYPE18", &[O("0001"), N("Afs.West.")]),
    ("TYPE19", &[O("05"), O("3131303631")]),
    ("TYPE20", &[O("0331353004"), O("30303431")]),
    ("TYPE21", &[O("0001"), N("Rt.West.")]),
    ("TYPE22", &[O("47000580005a0000000001e133ffffff00016100")]),
    ("TYPE23", &[N("Nsap.Ptr.West.")]),
    ("TYPE25", &[O("010003050102030405")]),
    ("TYPE26", &[O("000a"), N("Map822.West."), N("MapX400.West.")]),
    ("TYPE27", &[O("032d33320431313641"), O("0331302e")]),
    ("TYPE29", &[O("0012161389177d0980ac5b1200989680")]),
    ("TYPE31", &[O("4569644f")]),
    ("TYPE32", &[O("4e696d4c")]),
    ("TYPE33", &[O("000100020035"), N("Srv.West.")]),
    ("TYPE34", &[O("00410042")]),
    ("TYPE35", &[O("00640032017507453255"), O("2b736970"), O("00"), N("Naptr.West.")]),
    ("TYPE36", &[O("000a"), N("Kx.West.")]),
    ("TYPE40", &[O("010203")]),
    ("TYPE42", &[O("00011803c000020002208420010db8")]),
    ("TYPE45", &[O("0a0302"), N("IPsec.West."), O("0103510001")]),
    ("TYPE49", &[O("00010141424344")]),
    ("TYPE53", &[O("0301010123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")]),
    ("TYPE55", &[O("0402000441424344"), O("01020304"), N("Rvs.West.")]),
    ("TYPE56", &[O("0b5a6f6e655374617475730a")]),
    ("TYPE57", &[O("000003050102030405")]),
    ("TYPE58", &[N("Prev.Talink.West."), N("Next.Talink.West.")]),
    ("TYPE61", &[O("99010d0441424344")]),
    ("TYPE62", &[O("0000000100030006600000080002")]),
    ("TYPE99", &[O("06763d73706631")]),
    ("TYPE104", &[O("000a0014004fffff2020")]),
    ("TYPE105", &[O("000a0a010200")]),
    ("TYPE106", &[O("000a20010db812340000")]),
    ("TYPE107", &[O("000a"), N("Lp.West.")]),
    ("TYPE108", &[O("00005e00532a")]),
    ("TYPE109", &[O("00005eef10000000")]),
    ("TYPE258", &[O("0341424304"), O("61766331")]),
    ("TYPE259", &[O("000000010000000101"), O("0061"), O("4142")]),
    ("TYPE260", &[O("0a03"), N("Relay.West.")]),
    ("TYPE32769", &[O("30390d02"), O("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")]),
    ("TYPE65281", &[N("Private.West."), O("4142")]),
];

/// Names at their limits, wildcards, aliases, and records that stand twice, for a zone whose name has 10 octets.
const NAMES: &str = r#"
*.a A 192.0.2.31
*.b.a A 192.0.2.32
x.*.c A 192.0.2.33
*.*.e A 192.0.2.34
*.ent.f.g TXT "below an empty non-terminal"
*.w CNAME x.*.C
*.V MX 10 Any.A
*.n CNAME not-there
X.Y.Z.ENT A 192.0.2.35
x.w.w A 192.0.2.36
d1 DNAME d2
x.d2 DNAME D3
www.d3 A 192.0.2.38
A1 CNAME a2
a2 CNAME X.D1
MAX A 192.0.2.39
MANY A 192.0.2.40
\001\046\002 A 192.0.2.42
\@\;\( A 192.0.2.43
\200\255\128 A 192.0.2.44
\065\090 A 192.0.2.45
twice A 192.0.2.46
twice A 192.0.2.46
twice MX 10 Mail
twice MX 10 mAIL
twice MX 5 Other
twice TXT "a" "b"
twice TXT "ab"
twice TXT "" "ab"
order A 192.0.2.200
order A 192.0.2.3
order A 192.0.2.19
empty TXT ""
ttl0 0 TXT "0"
ttl1 1 TXT "1"
ttl31 2147483647 TXT "2147483647"
"#;

/// The same, asked; names relative to the apex.
const ASKED: [(&str, &str, Kind); 56] = [
    ("x.a", "A", Kind::Expanded),
    ("X.Y.A", "A", Kind::Expanded),
    ("x.a", "TXT", Kind::ExpandedNoData),
    ("b.a", "A", Kind::NoData),
    ("x.b.a", "A", Kind::Expanded),
    ("x.y.b.a", "TXT", Kind::ExpandedNoData),
    ("*.a", "A", Kind::Present),
    ("*.b.a", "A", Kind::Present),
    ("*.c", "A", Kind::NoData),
    ("y.c", "A", Kind::BelowNonTerminal),
    ("x.*.c", "A", Kind::Present),
    ("y.*.c", "A", Kind::NxDomain),
    ("x.y.c", "A", Kind::BelowNonTerminal),
    ("q.*.e", "A", Kind::Expanded),
    ("q.e", "A", Kind::BelowNonTerminal),
    ("*.*.e", "A", Kind::Present),
    ("f.g", "A", Kind::NoData),
    ("ent.f.g", "TXT", Kind::NoData),
    ("z.ent.f.g", "TXT", Kind::Expanded),
    ("z.f.g", "TXT", Kind::NxDomain),
    ("x.w", "A", Kind::Expanded),
    ("x.w", "CNAME", Kind::Expanded),
    ("w.w", "A", Kind::NoData),
    ("q.w.w", "A", Kind::NxDomain),
    ("x.w.w", "A", Kind::Present),
    ("x.v", "MX", Kind::Expanded),
    ("x.n", "A", Kind::NxDomain),
    ("x.y.z.ent", "A", Kind::Present),
    ("z.ent", "A", Kind::NoData),
    ("ent", "A", Kind::NoData),
    ("q.z.ent", "A", Kind::NxDomain),
    ("y.x.d1", "A", Kind::NxDomain),
    ("www.x.d1", "A", Kind::Present),
    ("www.x.d2", "A", Kind::Present),
    ("q.x.d2", "A", Kind::NxDomain),
    ("d1", "DNAME", Kind::Present),
    ("x.d2", "DNAME", Kind::Present),
    ("a1", "TXT", Kind::NoData),
    ("a1", "CNAME", Kind::Present),
    ("\\001\\.\\002", "A", Kind::Present),
    ("\\001.\\002", "A", Kind::NxDomain),
    ("\\@\\;\\(", "A", Kind::Present),
    ("\\200\\255\\128", "A", Kind::Present),
    ("\\200\\255\\129", "A", Kind::NxDomain),
    ("az", "A", Kind::Present),
    ("twice", "A", Kind::Present),
    ("twice", "MX", Kind::Present),
    ("twice", "TXT", Kind::Present),
    ("order", "A", Kind::Present),
    ("empty", "TXT", Kind::Present),
    ("ttl0", "TXT", Kind::Present),
    ("ttl1", "TXT", Kind::Present),
    ("ttl31", "TXT", Kind::Present),
    ("ttl0", "A", Kind::NoData),
    ("types", "A", Kind::NoData),
    ("types", "TYPE65282", Kind::NoData),
];

/// A name of 255 octets below a zone whose name has 10, in labels of 63 octets.
fn max(letter: &str) -> String {
    let long = letter.repeat(63);
    format!("{}.{long}.{long}.{long}", letter.repeat(52))
}

/// As many labels as fit below such a zone.
const LABELS: usize = 122;

fn many(labels: usize) -> String {
    vec!["m"; labels].join(".")
}

/// Types of which ldns writes something else than it read.
const LOST_ON_LDNS: [&str; 3] = ["TYPE23", "TYPE34", "TYPE40"];

fn types(signer: Signer) -> impl Iterator<Item = &'static (&'static str, &'static [Part])> {
    let lost = matches!(signer, Signer::Ldns(_));
    TYPES.iter().filter(move |(rtype, _)| !lost || !LOST_ON_LDNS.contains(rtype))
}

/// The records for a zone of this signer, in zone format.
pub(crate) fn records(signer: Signer) -> String {
    let mut text = NAMES.replace("MAX", &max("L")).replace("MANY", &many(LABELS));
    for (rtype, parts) in types(signer) {
        let octets: String = parts.iter().map(hex).collect();
        writeln!(text, "TyPes {rtype} \\# {} {octets}", octets.len() / 2).expect("text");
    }
    text
}

fn hex(part: &Part) -> String {
    match part {
        O(octets) => (*octets).to_owned(),
        N(name) => {
            let label = |label: &str| format!("{:02X}{}", label.len(), base::hex(label.as_bytes()));
            name.split('.').map(label).collect()
        }
    }
}

/// A question of a zone: name relative to the apex, type, kind.
pub(crate) type Row = (String, &'static str, Kind);

/// The questions of a zone with these records.
pub(crate) fn questions(signer: Signer) -> Vec<Row> {
    let mut rows: Vec<Row> =
        ASKED.iter().map(|(label, rtype, kind)| ((*label).to_owned(), *rtype, *kind)).collect();
    rows.push((max("l"), "A", Kind::Present));
    rows.push((max("L"), "TXT", Kind::NoData));
    rows.push((max("m"), "A", Kind::NxDomain));
    rows.push((many(LABELS), "A", Kind::Present));
    rows.push((many(LABELS - 1), "A", Kind::NoData));
    rows.push((format!("x.{}", many(LABELS - 1)), "A", Kind::NxDomain));
    rows.extend(types(signer).map(|(rtype, _)| ("types".to_owned(), *rtype, Kind::Present)));
    rows
}
