//! The internet of these tests: which zones there are, who signs and who serves them, and what is wrong with some.

use std::fmt::Write as _;

use crate::drawn;
use crate::odd;
use crate::sign::{Denial, Fault, Keys, Link, Signer};

/// What a validator has to think of a zone's answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Secure,
    Insecure,
    Bogus,
    /// No server can be found, so that even CD shows nothing.
    Unreachable,
}

/// The program behind an address.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Software {
    Nsd,
    Knot,
    Bind,
}

/// One name server process.
pub(crate) struct Server {
    pub(crate) software: Software,
    pub(crate) address: &'static str,
}

/// The processes: the first serves the root, the next two its children, the others what is below.
pub(crate) const SERVERS: [Server; 7] = [
    Server { software: Software::Nsd, address: "127.53.0.1" },
    Server { software: Software::Knot, address: "127.53.0.2" },
    Server { software: Software::Bind, address: "127.53.0.3" },
    Server { software: Software::Bind, address: "127.53.0.4" },
    Server { software: Software::Knot, address: "127.53.0.5" },
    Server { software: Software::Nsd, address: "127.53.0.6" },
    Server { software: Software::Nsd, address: "127.53.0.7" },
];
/// Nothing listens here.
const DEAD: &str = "127.53.0.99";

/// One zone.
pub(crate) struct Zone {
    pub(crate) name: &'static str,
    /// An index into [`SERVERS`].
    pub(crate) server: usize,
    pub(crate) signer: Signer,
    pub(crate) denial: Denial,
    pub(crate) keys: Keys,
    pub(crate) link: Link,
    pub(crate) fault: Fault,
    pub(crate) state: State,
    pub(crate) ttl_secs: u32,
    /// Whether it has one of everything, or only a few names.
    pub(crate) full: bool,
    /// Whether it has what is allowed and seldom.
    pub(crate) odd: bool,
    /// Whether its names are drawn at random.
    pub(crate) drawn: bool,
    /// Records of its own, relative to its apex.
    pub(crate) extra: &'static str,
    /// Its name servers, if other than `ns` at its server.
    pub(crate) name_servers: &'static [(&'static str, Option<&'static str>)],
}

/// A healthy zone; the rows of [`zones`] say what is different.
const PLAIN: Zone = Zone {
    name: "",
    server: 0,
    signer: Signer::Bind(13),
    denial: Denial::Nsec,
    keys: Keys::Plain,
    link: Link::Ds,
    fault: Fault::None,
    state: State::Secure,
    ttl_secs: 3_600,
    full: false,
    odd: false,
    drawn: false,
    extra: "",
    name_servers: &[],
};
const NSEC3: Denial = Denial::Nsec3 { salt: "-", iterations: 0, opt_out: false };
const OPT_OUT: Denial = Denial::Nsec3 { salt: "-", iterations: 0, opt_out: true };

/// All zones, children before parents, as their DS records have to be known first.
pub(crate) fn zones() -> Vec<Zone> {
    let mut zones = insecure();
    zones.extend(healthy());
    zones.extend(unusual());
    zones.extend(rolling());
    zones.extend(broken());
    zones.extend(parents());
    zones
}

/// One of everything under each signer and algorithm.
fn healthy() -> Vec<Zone> {
    let unreachable = Zone { server: 3, state: State::Unreachable, ..PLAIN };
    vec![
        Zone { name: "deep.ed.east.", server: 6, signer: Signer::Ldns(13), ..PLAIN },
        // Parent and child at one server: there is no referral between them.
        Zone { name: "child.p256.west.", server: 3, signer: Signer::Bind(15), denial: NSEC3, ..PLAIN },
        Zone {
            name: "p256.west.",
            server: 3,
            full: true,
            extra: "to-ed CNAME www.ed.east.\nto-rsa CNAME c1.rsa.west.\nto-plain CNAME www.plain.west.\n\
                    to-expired CNAME www.expired.west.\nto-missing CNAME missing.ed.east.\n\
                    to-child CNAME www.child.p256.west.\nto-plain-child CNAME www.plain.p256.west.\n\
                    to-wild CNAME x.wild-alias.rsa.west.\n\
                    dname-plain DNAME plain.west.\ndname-ed DNAME ed.east.\nloop CNAME loop2\nloop2 CNAME loop\n",
            ..PLAIN
        },
        // Two labels below its parent: the name between is an empty non-terminal.
        Zone { name: "far.away.ed.east.", server: 6, signer: Signer::Ldns(14), denial: NSEC3, ..PLAIN },
        Zone { name: "p384.east.", server: 3, signer: Signer::Bind(14), denial: NSEC3, full: true, ..PLAIN },
        Zone { name: "ed.east.", server: 4, signer: Signer::Knot(15), denial: NSEC3, full: true, ..PLAIN },
        Zone { name: "cds.west.", server: 4, signer: Signer::KnotWithCds(13), full: true, ..PLAIN },
        Zone {
            name: "rsa.west.",
            server: 5,
            signer: Signer::Ldns(8),
            denial: Denial::Nsec3 { salt: "5a17", iterations: 3, opt_out: false },
            full: true,
            ..PLAIN
        },
        Zone { name: "rsa.east.", server: 3, signer: Signer::Bind(10), denial: OPT_OUT, full: true, ..PLAIN },
        Zone { name: "knot.west.", server: 4, signer: Signer::Knot(14), ..PLAIN },
        Zone { name: "ldns.west.", server: 5, signer: Signer::Ldns(15), ..PLAIN },
        // A name server in another branch of the tree, without glue.
        Zone { name: "glueless.west.", server: 4, name_servers: &[("ns.ed.east.", None)], ..PLAIN },
        // Name servers in each other's zone: nobody can find either.
        Zone { name: "cycle-a.west.", name_servers: &[("ns.cycle-b.west.", None)], ..unreachable },
        Zone { name: "cycle-b.west.", name_servers: &[("ns.cycle-a.west.", None)], ..unreachable },
        // Nothing may be kept, and all has to be proven.
        Zone { name: "fleeting.west.", server: 3, ttl_secs: 0, ..PLAIN },
        // One of two name servers does not exist, or does not serve the zone.
        Zone {
            name: "half-dead.west.",
            server: 5,
            signer: Signer::Ldns(13),
            name_servers: &[
                ("ns1.half-dead.west.", Some(DEAD)),
                ("ns2.half-dead.west.", Some(SERVERS[5].address)),
            ],
            ..PLAIN
        },
        Zone {
            name: "lame.west.",
            server: 5,
            signer: Signer::Ldns(13),
            name_servers: &[
                ("ns1.lame.west.", Some(SERVERS[6].address)),
                ("ns2.lame.west.", Some(SERVERS[5].address)),
            ],
            ..PLAIN
        },
    ]
}

/// What is allowed and seldom, under each signer. A name of ten octets leaves room for names of a known length.
fn unusual() -> Vec<Zone> {
    let salted = |iterations| Denial::Nsec3 { salt: "5a17", iterations, opt_out: false };
    let counted = |name, iterations| Zone { name, server: 3, denial: salted(iterations), ..PLAIN };
    vec![
        Zone { name: "odd.west.", server: 3, odd: true, ..PLAIN },
        Zone { name: "odd.east.", server: 3, signer: Signer::Ldns(8), denial: salted(1), odd: true, ..PLAIN },
        Zone { name: "odk.west.", server: 4, signer: Signer::Knot(15), denial: OPT_OUT, odd: true, ..PLAIN },
        Zone {
            name: "ttl.west.",
            server: 5,
            signer: Signer::Ldns(13),
            fault: Fault::OtherTtls,
            extra: "longer 600 A 192.0.2.50\nshorter 600 A 192.0.2.51\nmixed 600 A 192.0.2.52\n\
                    mixed 600 A 192.0.2.53\n",
            ..PLAIN
        },
        Zone { name: "drawn1.west.", server: 5, signer: Signer::Ldns(13), drawn: true, ..PLAIN },
        Zone {
            name: "drawn2.west.",
            server: 6,
            signer: Signer::Knot(15),
            denial: NSEC3,
            drawn: true,
            ..PLAIN
        },
        Zone { name: "drawn3.east.", server: 4, denial: salted(2), drawn: true, ..PLAIN },
        Zone { name: "drawn4.east.", server: 5, denial: OPT_OUT, drawn: true, ..PLAIN },
        Zone { name: "drawn5.east.", server: 3, drawn: true, ..PLAIN },
        // Wildcards that are empty non-terminals, under a server that proves them by NSEC: BIND and Knot do not.
        Zone { name: "star.west.", server: 5, signer: Signer::Ldns(13), extra: STARS, ..PLAIN },
        Zone { name: "rsasha1.west.", server: 3, signer: Signer::Bind(7), denial: NSEC3, ..PLAIN },
        Zone { name: "ed448.west.", server: 3, signer: Signer::Bind(16), ..PLAIN },
        counted("iterations50.east.", 50),
        counted("iterations51.east.", 51),
        counted("iterations150.east.", 150),
        Zone { signer: Signer::Ldns(13), ..counted("iterations151.east.", 151) },
    ]
}

const STARS: &str = "x.*.c A 192.0.2.33\n*.*.e A 192.0.2.34\n";

/// Zones in the middle of a key rollover (RFC 6781 §4.1).
fn rolling() -> Vec<Zone> {
    vec![
        Zone { name: "roll.west.", server: 3, keys: Keys::DoubleDs, full: true, ..PLAIN },
        Zone { name: "roll-zsk.west.", server: 3, keys: Keys::DoubleSignature, ..PLAIN },
        Zone { name: "roll-ds.east.", server: 3, keys: Keys::DsAhead, denial: NSEC3, ..PLAIN },
        Zone { name: "roll-algorithm.east.", server: 3, keys: Keys::TwoAlgorithms, ..PLAIN },
    ]
}

/// Zones that a validator must not call secure, and must answer for.
fn insecure() -> Vec<Zone> {
    let plain = Zone { signer: Signer::None, link: Link::None, state: State::Insecure, ..PLAIN };
    vec![
        // Signed, but below an unsigned zone: an island.
        Zone { name: "island.plain.west.", server: 6, signer: Signer::Ldns(13), ..plain },
        // Parent and child at one server: no referral tells of the cut.
        Zone { name: "plain.p256.west.", server: 3, ..plain },
        // In an opt-out span, together with the empty non-terminal above it.
        Zone { name: "far.away.east.", server: 5, ..plain },
        Zone { name: "plain.west.", server: 5, full: true, ..plain },
        Zone { name: "plain.east.", server: 5, ..plain },
        Zone {
            name: "unknown-algorithm.west.",
            server: 3,
            signer: Signer::Bind(13),
            link: Link::UnknownAlgorithm,
            ..plain
        },
        Zone {
            name: "unknown-digest.west.",
            server: 3,
            signer: Signer::Bind(13),
            link: Link::UnknownDigest,
            ..plain
        },
        Zone { name: "sha1.west.", server: 5, signer: Signer::Ldns(5), state: State::Secure, ..PLAIN },
        Zone {
            name: "iterations.east.",
            server: 3,
            denial: Denial::Nsec3 { salt: "-", iterations: 100, opt_out: false },
            ..PLAIN
        },
    ]
}

/// Zones that a validator must refuse.
fn broken() -> Vec<Zone> {
    let broken = Zone { server: 5, signer: Signer::Ldns(13), state: State::Bogus, ..PLAIN };
    vec![
        Zone { name: "expired.west.", fault: Fault::Expired, ..broken },
        Zone { name: "future.west.", fault: Fault::NotYetValid, ..broken },
        Zone { name: "wrong-ds.west.", link: Link::WrongDigest, ..broken },
        Zone { name: "stripped.west.", fault: Fault::Stripped, ..broken },
        Zone { name: "tampered.west.", fault: Fault::Tampered, state: State::Secure, ..broken },
        Zone { name: "no-denial.west.", fault: Fault::NoDenial, state: State::Secure, ..broken },
    ]
}

/// The upper levels.
fn parents() -> Vec<Zone> {
    vec![
        Zone { name: "west.", server: 1, signer: Signer::Knot(13), ..PLAIN },
        Zone { name: "east.", server: 2, signer: Signer::Bind(13), denial: OPT_OUT, ..PLAIN },
        Zone { name: ".", server: 0, signer: Signer::Ldns(8), ..PLAIN },
    ]
}

/// The records of a zone before it is signed, its delegations left out.
pub(crate) fn records(zone: &Zone) -> String {
    let mut text =
        format!("$ORIGIN {}\n$TTL {}\n@ SOA ns host 1 3600 900 86400 300\n", zone.name, zone.ttl_secs);
    text.push_str(&name_server_records("@", zone));
    if zone.name != "." {
        let long = vec![format!("\"{}\"", "long".repeat(60)); 10].join(" ");
        text.push_str(&if zone.full {
            FULL.replace("LONGTEXT", &long).replace("LONGLABEL", &"l".repeat(63))
        } else {
            FEW.to_owned()
        });
    }
    if zone.drawn {
        text.push_str(&drawn::records(zone.name));
    }
    if zone.odd {
        text.push_str(&odd::records(zone.signer));
    }
    text.push_str(zone.extra);
    text
}

/// NS records at `owner`, with the addresses that lie in or below the zone.
pub(crate) fn name_server_records(owner: &str, zone: &Zone) -> String {
    let mut text = String::new();
    for (name, address) in zone.name_servers {
        writeln!(text, "{owner} NS {name}").expect("text");
        if let Some(address) = address {
            writeln!(text, "{name} A {address}").expect("text");
        }
    }
    if zone.name_servers.is_empty() {
        let name = if zone.name == "." { "ns.".to_owned() } else { format!("ns.{}", zone.name) };
        write!(text, "{owner} NS {name}\n{name} A {}\n", SERVERS[zone.server].address).expect("text");
    }
    text
}

/// What every zone has.
const FEW: &str = "\
@ A 192.0.2.1
www A 192.0.2.80
www AAAA 2001:db8::80
";

/// One of everything.
const FULL: &str = r#"
@ A 192.0.2.1
@ MX 10 mail
www A 192.0.2.80
www AAAA 2001:db8::80
mail A 192.0.2.25
MiXeD.CaSe A 192.0.2.77
a.b.ent A 192.0.2.12
*.wild A 192.0.2.13
*.wild MX 10 Mail.WILD
host.wild AAAA 2001:db8::13
*.wild-alias CNAME www
c1 CNAME c2
c2 CNAME c3
c3 CNAME www
dangling CNAME not-there
half CNAME mail
d DNAME tree
x.tree A 192.0.2.14
y.tree CNAME www
caa CAA 0 issue "ca.west; policy=ev"
caa CAA 128 iodef "mailto:security@ca.west"
_443._tcp TLSA 3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
_sip._udp SRV 10 20 5060 www
naptr NAPTR 100 10 "u" "E2U+sip" "!^.*$!sip:info@ca.west!" .
sshfp SSHFP 4 2 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
svc HTTPS 1 . alpn=h2,h3 ipv4hint=192.0.2.9 ech=AAAA
svc SVCB 2 www port=8443 mandatory=port
alias HTTPS 0 svc
short TXT "one" "two  blanks" "quo\"te" "\000\255"
long TXT LONGTEXT
odd TYPE65280 \# 5 0102030405
we\.ird\032name A 192.0.2.15
\000\255 A 192.0.2.16
LONGLABEL.LONGLABEL.LONGLABEL A 192.0.2.17
zero 0 A 192.0.2.18
rp RP Admin.WWW Text.WWW
afsdb AFSDB 1 Afs.WWW
kx KX 10 Kx.WWW
rt RT 10 Rt.WWW
hinfo HINFO "Cpu" "Os"
loc LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m
uri URI 10 1 "https://www.west/Path"
cert CERT PGP 0 0 AAECAwQF
upper HTTPS 1 WWW.Upper alpn=h3
upper SVCB 1 WWW.Upper
upper MX 10 MX.Upper
upper NAPTR 10 10 "" "" "" Srv.UPPER
"#;
