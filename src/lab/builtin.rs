//! The internet of `rootwalk lab`: one zone for each thing worth seeing, and a list of names to try.
//!
//! All zones stand below `lab.`, a top-level domain that the real internet has not. What a name answers is not
//! written here but comes from the oracle; only the extended errors of broken names are listed by hand, and a test
//! compares both with what the resolver says.

use std::fmt::Write as _;
use std::time::Duration;

use super::faults::Fault;
use super::internet::Internet;
use super::oracle::Judgement;
use super::signer::{KSK, REVOKED};
use super::world::{DsKind, Flaw, KeySpec, World, Zone};
use crate::dns::edns::EdeCode;
use crate::dns::{NameError, Question, Rcode, RecordType};

/// How long the lab's signatures are good after its start: nobody runs it longer.
const VALID_SECS: u32 = 366 * 86_400;

/// A name worth trying.
#[derive(Debug, Clone, Copy)]
pub struct Example {
    /// The name.
    pub name: &'static str,
    /// The type to ask for.
    pub rtype: RecordType,
    /// What it shows.
    pub what: &'static str,
    /// The extended error that comes with SERVFAIL.
    pub ede: Option<EdeCode>,
}

impl Example {
    /// The question.
    pub fn question(&self) -> Result<Question, NameError> {
        Ok(Question::new(self.name.parse()?, self.rtype))
    }
}

const fn good(name: &'static str, rtype: RecordType, what: &'static str) -> Example {
    Example { name, rtype, what, ede: None }
}

const fn broken(name: &'static str, what: &'static str, ede: EdeCode) -> Example {
    Example { name, rtype: RecordType::A, what, ede: Some(ede) }
}

use RecordType as T;

/// Names worth trying, in groups.
pub const EXAMPLES: &[(&str, &[Example])] = &[
    (
        "Signed",
        &[
            good("www.rsa256.lab", T::A, "algorithm 8, RSA with SHA-256"),
            good("www.rsa512.lab", T::A, "algorithm 10, RSA with SHA-512"),
            good("www.p256.lab", T::A, "algorithm 13, ECDSA P-256"),
            good("www.p384.lab", T::A, "algorithm 14, ECDSA P-384"),
            good("www.ed25519.lab", T::AAAA, "algorithm 15, Ed25519"),
            good("www.two.lab", T::A, "signed with algorithms 8 and 13"),
            good("www.rollover.lab", T::A, "in the middle of a key rollover"),
            good("www.p256.lab", T::MX, "the name exists, the type does not: NSEC"),
            good("nothing.p256.lab", T::A, "no such name: NSEC"),
            good("www.nsec3.lab", T::A, "a zone with NSEC3"),
            good("www.nsec3.lab", T::MX, "the name exists, the type does not: NSEC3"),
            good("nothing.nsec3.lab", T::A, "no such name: NSEC3"),
            good("anything.wild.lab", T::A, "made from a wildcard, NSEC"),
            good("anything.wild3.lab", T::A, "made from a wildcard, NSEC3"),
            good("empty.p256.lab", T::A, "an empty non-terminal"),
            good("start.chain.lab", T::A, "five CNAMEs through three zones"),
            good("www.old.dname.lab", T::A, "a DNAME and the CNAME made from it"),
            good("www.signed.optout.lab", T::A, "a signed zone below one with opt-out"),
            good("big.p256.lab", T::TXT, "too large for a datagram: asked again over TCP"),
            good("www.glueless.lab", T::A, "its servers' names are in another zone"),
        ],
    ),
    (
        "With trouble on the way",
        &[
            good("www.slow.lab", T::A, "its server takes 400 ms"),
            good("www.lame.lab", T::A, "one of its two servers does not serve the zone"),
            good("www.half-dead.lab", T::A, "one of its two servers is dead"),
            good("www.tcp-only.lab", T::A, "its server truncates every datagram"),
            good("www.spoofed.lab", T::A, "before each answer comes a forged one"),
            broken("www.dead.lab", "no server answers", EdeCode::NO_REACHABLE_AUTHORITY),
            broken("www.all-lame.lab", "no server serves the zone", EdeCode::NO_REACHABLE_AUTHORITY),
        ],
    ),
    (
        "Not signed, and proven to be so",
        &[
            good("www.unsigned.lab", T::A, "no signatures, no DS"),
            good("www.island.lab", T::A, "signed, but the parent has no DS"),
            good("www.unknown-algorithm.lab", T::A, "signed with an algorithm that nobody knows"),
            good("www.unknown-digest.lab", T::A, "its DS has a digest that nobody knows"),
            good("www.plain.optout.lab", T::A, "an unsigned zone in an opt-out span"),
            good("nothing.optout.lab", T::A, "no such name, but for an opt-out span"),
            good("nothing.iterations.lab", T::A, "no such name, NSEC3 with 500 iterations"),
            good("to-unsigned.chain.lab", T::A, "a signed alias to an unsigned name"),
        ],
    ),
    (
        "Broken",
        &[
            broken("www.expired.lab", "the signatures have expired", EdeCode::SIGNATURE_EXPIRED),
            broken("www.not-yet.lab", "the signatures are not valid yet", EdeCode::SIGNATURE_NOT_YET_VALID),
            broken(
                "www.reversed.lab",
                "the signatures end before they begin",
                EdeCode::SIGNATURE_EXPIRED_BEFORE_VALID,
            ),
            broken("www.wrong-ds.lab", "the DS at the parent fits no key", EdeCode::DNSKEY_MISSING),
            broken("www.no-key.lab", "the parent has a DS, the zone no DNSKEY", EdeCode::DNSKEY_MISSING),
            broken("www.stripped.lab", "the signatures are missing", EdeCode::RRSIGS_MISSING),
            broken("www.wrong-key.lab", "signed by a key that is not the zone's", EdeCode::DNSKEY_MISSING),
            broken("www.changed.lab", "a bit of each signature was changed", EdeCode::DNSSEC_BOGUS),
            broken("www.revoked.lab", "the key that the DS names is revoked", EdeCode::DNSSEC_BOGUS),
            broken(
                "www.no-zone-bit.lab",
                "the key that the DS names is no zone key",
                EdeCode::NO_ZONE_KEY_BIT,
            ),
            broken(
                "nothing.no-denial.lab",
                "nothing proves that the name does not exist",
                EdeCode::NSEC_MISSING,
            ),
            broken("to-expired.chain.lab", "a good alias to a broken name", EdeCode::SIGNATURE_EXPIRED),
        ],
    ),
];

/// A zone with a web server.
fn site(name: &str) -> Zone {
    Zone::new(name).valid_for(VALID_SECS).record("www A 192.0.2.80").record("www AAAA 2001:db8::80")
}

/// The built-in internet, whose signatures are made around `unix`, in seconds since 1970.
pub fn world(seed: u64, unix: u64) -> World {
    let root = Zone::new(".").servers(2).algorithm(8).valid_for(VALID_SECS);
    let top = Zone::new("lab.").servers(2).valid_for(VALID_SECS);
    let zones = signed().into_iter().chain(troubled()).chain(insecure()).chain(bogus());
    let world = World::new(seed).dated(unix).on_loopback().zone(root).zone(top);
    zones.fold(world, World::zone)
}

fn signed() -> Vec<Zone> {
    let text: Vec<String> = (0..20).map(|line| format!("big TXT \"{line:0200}\"")).collect();
    let large = text.iter().fold(site("p256.lab."), |zone, line| zone.record(line));
    let rollover = [
        KeySpec::ksk(13),
        KeySpec { in_ds: false, ..KeySpec::ksk(13) },
        KeySpec::zsk(13),
        KeySpec::zsk(13).idle(),
    ];
    vec![
        site("rsa256.lab.").algorithm(8),
        site("rsa512.lab.").algorithm(10),
        large.record("below.empty A 192.0.2.81"),
        site("p384.lab.").algorithm(14),
        site("ed25519.lab.").algorithm(15),
        site("two.lab.").algorithms(&[8, 13]),
        site("rollover.lab.").keys(&rollover),
        site("nsec3.lab.").nsec3(0, b""),
        site("wild.lab.").record("* A 192.0.2.82"),
        site("wild3.lab.").nsec3(5, b"salt").record("* A 192.0.2.82"),
        site("chain.lab.")
            .record("start CNAME two.p384-chain.lab.")
            .record("three CNAME four")
            .record("four CNAME five.p384-chain.lab.")
            .record("to-unsigned CNAME www.unsigned.lab.")
            .record("to-expired CNAME www.expired.lab."),
        site("p384-chain.lab.")
            .algorithm(14)
            .record("two CNAME three.chain.lab.")
            .record("five CNAME www.ed25519.lab."),
        site("dname.lab.").record("old DNAME new.dname.lab.").record("www.new A 192.0.2.83"),
        site("optout.lab.").opt_out(),
        site("signed.optout.lab."),
        site("plain.optout.lab.").unsigned(),
        site("glueless.lab.")
            .server("ns1.provider.net.", &["127.53.200.1"])
            .server("ns2.provider.net.", &["127.53.200.2"]),
        Zone::new("provider.net.").valid_for(VALID_SECS),
        Zone::new("net.").nsec3(0, b"").valid_for(VALID_SECS),
    ]
}

fn troubled() -> Vec<Zone> {
    vec![
        site("slow.lab.").fault(Fault::Slow(Duration::from_millis(400))),
        site("lame.lab.").servers(2).fault_at(0, Fault::Lame),
        site("half-dead.lab.").servers(2).fault_at(0, Fault::Dead),
        site("tcp-only.lab.").fault(Fault::Truncates),
        site("spoofed.lab.").fault(Fault::JunkFirst(super::Junk::WrongId)),
        site("dead.lab.").servers(2).fault(Fault::Dead),
        site("all-lame.lab.").servers(2).fault(Fault::Lame),
    ]
}

fn insecure() -> Vec<Zone> {
    vec![
        site("unsigned.lab.").unsigned(),
        site("island.lab.").island(),
        site("unknown-algorithm.lab.").algorithm(250),
        site("unknown-digest.lab.").ds(&[DsKind::Digest(250)]),
        site("iterations.lab.").nsec3(500, b""),
    ]
}

fn bogus() -> Vec<Zone> {
    let revoked = [KeySpec::ksk(13).with_flags(KSK | REVOKED), KeySpec::zsk(13)];
    let no_zone_bit = [KeySpec::ksk(13).with_flags(0x0001), KeySpec::zsk(13)];
    let unpublished = [KeySpec { published: false, ..KeySpec::combined(13) }];
    vec![
        site("expired.lab.").flaw(Flaw::Expired),
        site("not-yet.lab.").flaw(Flaw::NotYetValid),
        site("reversed.lab.").flaw(Flaw::TimesReversed),
        site("wrong-ds.lab.").ds(&[DsKind::Wrong]),
        site("no-key.lab.").keys(&unpublished),
        site("stripped.lab.").flaw(Flaw::Stripped),
        site("wrong-key.lab.").flaw(Flaw::WrongKey),
        site("changed.lab.").flaw(Flaw::BitFlipped),
        site("revoked.lab.").keys(&revoked),
        site("no-zone-bit.lab.").keys(&no_zone_bit),
        site("no-denial.lab.").without_denial(),
    ]
}

/// The names to try, with what to expect of a resolver that validates.
pub fn listing(internet: &Internet) -> Result<String, NameError> {
    let mut text = String::new();
    for (group, examples) in EXAMPLES {
        writeln!(text, "{group}:").unwrap_or_default();
        for example in *examples {
            let expected = expected(internet, example)?;
            let Example { name, rtype, what, .. } = example;
            writeln!(text, "  {name:<28} {rtype:<5} {expected:<18} {what}", rtype = rtype.to_string())
                .unwrap_or_default();
        }
    }
    Ok(text)
}

fn expected(internet: &Internet, example: &Example) -> Result<String, NameError> {
    let truth = internet.oracle().truth(&example.question()?);
    Ok(match (truth.state, example.ede) {
        (Judgement::Secure, _) => format!("{}, AD", truth.rcode),
        (Judgement::Insecure, _) => format!("{}, no AD", truth.rcode),
        (_, Some(EdeCode(code))) => format!("{}, EDE {code}", Rcode::SERVFAIL),
        (_, None) => Rcode::SERVFAIL.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_group_holds_what_its_heading_says() {
        let internet = world(1, super::super::world::EPOCH_UNIX).build().unwrap();
        for (group, examples) in EXAMPLES {
            for example in *examples {
                let state = internet.oracle().truth(&example.question().unwrap()).state;
                let wanted = match (*group, example.ede.is_some()) {
                    ("Signed" | "With trouble on the way", false) => Judgement::Secure,
                    ("With trouble on the way", true) => Judgement::Unreachable,
                    ("Broken", true) => Judgement::Bogus,
                    _ => Judgement::Insecure,
                };
                assert_eq!(state, wanted, "{}", example.name);
            }
        }
        assert!(listing(&internet).unwrap().lines().count() > 40);
    }
}
