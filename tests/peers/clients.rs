//! Clients that validate for themselves what Rootwalk hands them: `delv` and `drill -S`.

use std::path::Path;

use rootwalk::lab::builtin::EXAMPLES;

use crate::claims::{Verdict, verdict};
use crate::process::hear;
use crate::resolver::{ANCHOR, DELV_ANCHORS, LAB_ANCHOR, LAB_DELV_ANCHORS, LAB_PORT, ROOTWALK, start_lab};
use crate::sign::Fault;
use crate::world::{State, zones};

/// What `delv` prints above an answer whose chain it has verified.
const VALIDATED: &str = "fully validated";

/// Each kind of proof once, in zones of each signer; `delv` fetches all keys through Rootwalk.
pub(crate) fn delv_validates(folder: &Path) -> Verdict {
    let mut reasons = Vec::new();
    let mut expect = |name: &str, rtype: &str, phrase: &str| {
        let said = delv(folder, "53", DELV_ANCHORS, name, rtype);
        if !said.contains(phrase) {
            reasons.push(format!("{name} {rtype}: {phrase:?} expected, delv said: {}", said.trim()));
        }
    };
    for zone in zones().iter().filter(|zone| zone.name != ".") {
        let name = format!("www.{}", zone.name);
        match zone.state {
            State::Secure if zone.fault == Fault::Tampered => expect(&name, "A", "resolution failed"),
            State::Secure => expect(&name, "A", VALIDATED),
            State::Insecure => expect(&name, "A", "unsigned answer"),
            State::Bogus | State::Unreachable => expect(&name, "A", "resolution failed"),
        }
    }
    for (name, rtype) in PROOFS {
        expect(name, rtype, VALIDATED);
    }
    verdict(reasons)
}

/// Proofs beyond a record and its signature.
const PROOFS: [(&str, &str); 32] = [
    (".", "DNSKEY"),
    ("missing.", "A"),
    ("x.wild.p256.west.", "A"),
    ("x.wild.p384.east.", "A"),
    ("x.wild.rsa.west.", "AAAA"),
    ("x.wild.cds.west.", "AAAA"),
    ("missing.p256.west.", "A"),
    ("missing.ed.east.", "A"),
    ("missing.rsa.west.", "A"),
    ("ent.p384.east.", "A"),
    ("ent.cds.west.", "A"),
    ("c1.rsa.west.", "A"),
    ("x.d.ed.east.", "A"),
    ("to-rsa.p256.west.", "A"),
    ("mixed.case.p256.west.", "A"),
    ("long.ed.east.", "TXT"),
    ("svc.rsa.west.", "HTTPS"),
    ("cds.west.", "CDS"),
    ("x.*.c.odd.west.", "A"),
    ("q.*.e.odd.east.", "A"),
    ("y.c.odd.east.", "A"),
    ("x.y.b.a.odd.west.", "TXT"),
    ("x.w.odd.east.", "A"),
    ("q.x.d2.odd.west.", "A"),
    ("www.x.d1.odk.west.", "A"),
    ("twice.odd.west.", "MX"),
    ("twice.odd.east.", "MX"),
    ("\\200\\255\\128.odk.west.", "A"),
    ("types.odk.west.", "TYPE55"),
    ("types.odd.east.", "TYPE17"),
    ("longer.ttl.west.", "A"),
    ("mixed.ttl.west.", "A"),
];

pub(crate) fn drill_chases(folder: &Path) -> Verdict {
    let mut reasons = Vec::new();
    for (name, rtype) in [
        ("www.p256.west.", "A"),
        ("www.p384.east.", "A"),
        ("www.ed.east.", "A"),
        ("www.deep.ed.east.", "A"),
        ("x.wild.rsa.west.", "A"),
        ("missing.ed.east.", "A"),
        ("missing.p256.west.", "A"),
        ("www.cds.west.", "TXT"),
        ("c1.cds.west.", "A"),
        ("www.roll.west.", "A"),
    ] {
        reasons.extend(unchased(folder, "53", ANCHOR, name, rtype));
    }
    verdict(reasons)
}

fn delv(folder: &Path, port: &str, anchors: &str, name: &str, rtype: &str) -> String {
    let server = format!("@{ROOTWALK}");
    hear(folder, "delv", &[&server, "-p", port, "-a", anchors, "+root", name, rtype])
}

/// Why `drill` does not come to the anchor, if it does not.
fn unchased(folder: &Path, port: &str, anchor: &str, name: &str, rtype: &str) -> Option<String> {
    let server = format!("@{ROOTWALK}");
    let said = hear(folder, "drill", &["-S", "-k", anchor, "-p", port, &server, name, rtype]);
    (!said.contains("Chase successful")).then(|| format!("{name} {rtype}: drill said: {}", said.trim()))
}

/// All that `rootwalk lab` offers to try, in groups that say what to expect.
pub(crate) fn the_lab_is_validated(folder: &Path) -> Verdict {
    let _lab = start_lab(folder);
    let mut reasons = Vec::new();
    for (group, examples) in EXAMPLES {
        let phrase = match *group {
            "Signed" => VALIDATED,
            "Not signed, and proven to be so" => "unsigned answer",
            "Broken" => "resolution failed",
            _ => continue,
        };
        // RFC 5155 §9.2: a denial in an opt-out span has no AD bit; to delv it is validated all the same.
        for example in examples.iter().filter(|example| example.name != "nothing.optout.lab") {
            let (name, rtype) = (example.name, example.rtype.to_string());
            let said = delv(folder, LAB_PORT, LAB_DELV_ANCHORS, name, &rtype);
            if !said.contains(phrase) {
                reasons.push(format!("{name} {rtype}: {phrase:?} expected, delv said: {}", said.trim()));
            }
        }
    }
    for label in
        ["rsa256", "p256", "p384", "ed25519", "two", "rollover", "nsec3", "signed.optout", "glueless"]
    {
        reasons.extend(unchased(folder, LAB_PORT, LAB_ANCHOR, &format!("www.{label}.lab."), "A"));
    }
    verdict(reasons)
}
