//! The lab's own signatures and denial chains, before anybody else's tools: BIND's and NLnet Labs'.
//!
//! Where a tool is missing its test says so and checks nothing.

use std::path::PathBuf;
use std::process::Command;

use rootwalk::dns::Name;
use rootwalk::lab::{Flaw, World, Zone};

/// A zone with everything that makes signing hard.
fn rich(zone: Zone) -> Zone {
    zone.record("@ MX 10 Mail")
        .record("mail A 192.0.2.1")
        .record("mail AAAA 2001:db8::1")
        .record("UPPER.Case 60 TXT \"Mixed Case\" two")
        .record("a.b.c.d SRV 1 2 443 Mail")
        .record("*.wild CNAME mail")
        .record("old DNAME d")
        .record("caa CAA 0 issue \"ca.example\"")
        .record("svc HTTPS \\# 3 000100")
        .record("odd TYPE65280 \\# 2 beef")
        .record("plain NS ns.plain")
        .record("ns.plain A 192.0.2.53")
        .record("deep.ent NS ns.elsewhere.test.")
        .record("signed DS 12345 13 2 0000000000000000000000000000000000000000000000000000000000000000")
        .record("signed NS ns.elsewhere.test.")
}

fn written(zone: Zone, label: &str) -> PathBuf {
    // The tools read the machine's clock.
    let internet = World::new(1).dated(rootwalk::clock::Clock::system().unix()).zone(zone).build().unwrap();
    let name: Name = "example.".parse().unwrap();
    let path = std::env::temp_dir().join(format!("rootwalk-sim-{}-{label}.zone", std::process::id()));
    std::fs::write(&path, internet.zone_text(&name)).unwrap();
    path
}

/// Whether the tool accepts the zone; none if there is no such tool.
fn accepts(tool: &str, arguments: &[&str], path: &PathBuf) -> Option<(bool, String)> {
    let output = match Command::new(tool).args(arguments).arg(path).output() {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("{tool} is not installed: nothing is checked");
            return None;
        }
        Err(error) => panic!("{tool}: {error}"),
    };
    let said = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
}

fn each_variant(check: impl Fn(&str, Zone)) {
    for algorithm in [8, 10, 13, 14, 15] {
        check(&format!("nsec-{algorithm}"), rich(Zone::new("example.")).algorithm(algorithm));
        check(&format!("nsec3-{algorithm}"), rich(Zone::new("example.")).algorithm(algorithm).nsec3(0, b""));
    }
    check("salt", rich(Zone::new("example.")).nsec3(7, b"\x01\xfe\x80"));
    check("optout", rich(Zone::new("example.")).opt_out());
    check("two", rich(Zone::new("example.")).algorithms(&[8, 13]));
}

#[test]
fn bind_accepts_the_zones_of_the_lab() {
    each_variant(|label, zone| {
        let path = written(zone, &format!("bind-{label}"));
        if let Some((good, said)) = accepts("dnssec-verify", &["-o", "example."], &path) {
            assert!(good, "{label}: {said}");
        }
        std::fs::remove_file(path).unwrap();
    });
}

#[test]
fn ldns_accepts_the_zones_of_the_lab() {
    each_variant(|label, zone| {
        let path = written(zone, &format!("ldns-{label}"));
        if let Some((good, said)) = accepts("ldns-verify-zone", &[], &path) {
            assert!(good, "{label}: {said}");
        }
        std::fs::remove_file(path).unwrap();
    });
}

#[test]
fn no_tool_accepts_a_broken_zone() {
    for flaw in [Flaw::Expired, Flaw::NotYetValid, Flaw::Stripped, Flaw::WrongKey, Flaw::BitFlipped] {
        let path = written(rich(Zone::new("example.")).flaw(flaw.clone()), &format!("{flaw:?}"));
        if let Some((good, _)) = accepts("dnssec-verify", &["-o", "example."], &path) {
            assert!(!good, "{flaw:?}");
        }
        std::fs::remove_file(path).unwrap();
    }
}
