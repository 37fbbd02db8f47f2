//! Signs the zones with the tools their owners use, and damages some afterwards.
//!
//! Each zone ends as a file `NAME.zone` in the folder, and as the DS records its parent has to publish.

use std::collections::HashMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::process::run;
use crate::world::{Zone, name_server_records, records, zones};

/// Who signs, with which algorithm number.
#[derive(Clone, Copy)]
pub(crate) enum Signer {
    None,
    Ldns(u8),
    Bind(u8),
    Knot(u8),
    /// Knot, publishing CDS and CDNSKEY (RFC 7344).
    KnotWithCds(u8),
}

#[derive(Clone, Copy)]
pub(crate) enum Denial {
    Nsec,
    Nsec3 { salt: &'static str, iterations: u16, opt_out: bool },
}

/// Which keys a zone has beside one for its keys and one for its records (`dnssec-signzone` only).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    Plain,
    /// Two key-signing keys that both sign and both have a DS; the next zone-signing key is published, unused.
    DoubleDs,
    /// Two zone-signing keys that both sign everything.
    DoubleSignature,
    /// The DS of the next key-signing key is published, the key is not yet.
    DsAhead,
    /// An algorithm rollover: RSA and P-256 sign everything, both have a DS.
    TwoAlgorithms,
}

/// What the parent says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    Ds,
    None,
    WrongDigest,
    UnknownAlgorithm,
    UnknownDigest,
}

/// What went wrong in or after signing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    Expired,
    NotYetValid,
    /// The parent has a DS, the zone has neither keys nor signatures.
    Stripped,
    /// The addresses of `www` are not those that were signed.
    Tampered,
    /// The NSEC records are gone.
    NoDenial,
    /// `longer` has a longer TTL than was signed, `shorter` a shorter one, the two records of `mixed` differ.
    OtherTtls,
}

const DAY_SECS: u64 = 86_400;

/// The file name of a zone.
pub(crate) fn file_name(zone: &str) -> String {
    if zone == "." { "root.zone".to_owned() } else { format!("{zone}zone") }
}

/// Writes and signs all zones; returns the DS records of the root.
pub(crate) fn build(folder: &Path) -> Vec<String> {
    let mut ds_of: HashMap<&str, Vec<String>> = HashMap::new();
    let all = zones();
    for zone in &all {
        let mut text = records(zone);
        for child in all.iter().filter(|child| parent(child, &all) == Some(zone.name)) {
            text.push_str(&name_server_records(child.name, child));
            text.push_str(&ds_of[child.name].join("\n"));
            text.push('\n');
        }
        let ds = sign(folder, zone, &text);
        damage(folder, zone, &text);
        ds_of.insert(zone.name, link(zone.link, &ds));
    }
    ds_of.remove(".").expect("the root was signed")
}

/// The closest enclosing zone.
fn parent<'a>(child: &Zone, all: &[Zone]) -> Option<&'a str>
where
    Zone: 'a,
{
    let encloses = |zone: &&Zone| {
        zone.name != child.name && (zone.name == "." || child.name.ends_with(&format!(".{}", zone.name)))
    };
    all.iter().filter(encloses).max_by_key(|zone| zone.name.len()).map(|zone| zone.name)
}

/// Signs the zone into its file; returns its honest DS records.
fn sign(folder: &Path, zone: &Zone, text: &str) -> Vec<String> {
    let file = file_name(zone.name);
    let unsigned = format!("{file}.unsigned");
    std::fs::write(folder.join(&unsigned), text).expect("a zone file");
    match zone.signer {
        Signer::None => {
            std::fs::write(folder.join(&file), text).expect("a zone file");
            Vec::new()
        }
        Signer::Ldns(algorithm) => sign_with_ldns(folder, zone, algorithm, &unsigned, &file),
        Signer::Bind(algorithm) => sign_with_bind(folder, zone, algorithm, &unsigned, &file),
        Signer::Knot(algorithm) => sign_with_knot(folder, zone, algorithm, "none", &unsigned),
        Signer::KnotWithCds(algorithm) => sign_with_knot(folder, zone, algorithm, "always", &unsigned),
    }
}

/// The names of the algorithms as all tools understand them.
fn mnemonic(algorithm: u8) -> &'static str {
    match algorithm {
        5 => "RSASHA1",
        7 => "NSEC3RSASHA1",
        8 => "RSASHA256",
        10 => "RSASHA512",
        13 => "ECDSAP256SHA256",
        14 => "ECDSAP384SHA384",
        15 => "ED25519",
        16 => "ED448",
        other => panic!("no zone of this world uses algorithm {other}"),
    }
}

fn is_rsa(algorithm: u8) -> bool {
    algorithm <= 10
}

fn sign_with_ldns(folder: &Path, zone: &Zone, algorithm: u8, unsigned: &str, file: &str) -> Vec<String> {
    let generate = |options: &[&str]| {
        let mut arguments = vec!["-r", "/dev/urandom", "-a", mnemonic(algorithm)];
        arguments.extend_from_slice(if is_rsa(algorithm) { &["-b", "2048"] } else { &[] });
        arguments.extend_from_slice(options);
        arguments.push(zone.name);
        run(folder, "ldns-keygen", &arguments).trim().to_owned()
    };
    let (key_signing, zone_signing) = (generate(&["-k"]), generate(&[]));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs();
    let (inception, expiration) = match zone.fault {
        Fault::Expired => (now - 60 * DAY_SECS, now - 30 * DAY_SECS),
        Fault::NotYetValid => (now + 30 * DAY_SECS, now + 60 * DAY_SECS),
        _ => (now - 3_600, now + 14 * DAY_SECS),
    };
    let (inception, expiration) = (inception.to_string(), expiration.to_string());
    let mut arguments = vec!["-o", zone.name, "-f", file, "-i", &inception, "-e", &expiration];
    let count;
    if let Denial::Nsec3 { salt, iterations, opt_out } = zone.denial {
        count = iterations.to_string();
        arguments.extend_from_slice(&["-n", "-t", &count, "-s", if salt == "-" { "" } else { salt }]);
        arguments.extend_from_slice(if opt_out { &["-p"] } else { &[] });
    }
    arguments.extend_from_slice(&[unsigned, &key_signing, &zone_signing]);
    run(folder, "ldns-signzone", &arguments);
    lines(&run(folder, "ldns-key2ds", &["-n", "-2", &format!("{key_signing}.key")]))
}

fn sign_with_bind(folder: &Path, zone: &Zone, algorithm: u8, unsigned: &str, file: &str) -> Vec<String> {
    let generate = |algorithm: u8, options: &[&str]| {
        let mut arguments = vec!["-q", "-a", mnemonic(algorithm)];
        arguments.extend_from_slice(if is_rsa(algorithm) { &["-b", "2048"] } else { &[] });
        arguments.extend_from_slice(options);
        arguments.push(zone.name);
        run(folder, "dnssec-keygen", &arguments).trim().to_owned()
    };
    let mut key_signing = vec![generate(algorithm, &["-f", "KSK"])];
    let mut zone_signing = vec![generate(algorithm, &[])];
    let mut only_published = Vec::new();
    let mut only_promised = Vec::new();
    match zone.keys {
        Keys::Plain => {}
        Keys::DoubleDs => {
            key_signing.push(generate(algorithm, &["-f", "KSK"]));
            only_published.push(generate(algorithm, &[]));
        }
        Keys::DoubleSignature => zone_signing.push(generate(algorithm, &[])),
        Keys::DsAhead => only_promised.push(generate(algorithm, &["-f", "KSK"])),
        Keys::TwoAlgorithms => {
            key_signing.push(generate(8, &["-f", "KSK"]));
            zone_signing.push(generate(8, &[]));
        }
    }
    let mut text = std::fs::read_to_string(folder.join(unsigned)).expect("the zone file");
    for key in key_signing.iter().chain(&zone_signing).chain(&only_published) {
        text.push_str(&std::fs::read_to_string(folder.join(format!("{key}.key"))).expect("a key file"));
    }
    std::fs::write(folder.join(unsigned), text).expect("a zone file");
    let mut arguments = vec!["-q", "-o", zone.name, "-f", file, "-e", "+1209600"];
    let count;
    if let Denial::Nsec3 { salt, iterations, opt_out } = zone.denial {
        count = iterations.to_string();
        arguments.extend_from_slice(&["-3", salt, "-H", &count]);
        arguments.extend_from_slice(if opt_out { &["-A"] } else { &[] });
    }
    for key in &key_signing {
        arguments.extend_from_slice(&["-k", key]);
    }
    arguments.push(unsigned);
    arguments.extend(zone_signing.iter().map(String::as_str));
    run(folder, "dnssec-signzone", &arguments);
    let ds = |key: &String| run(folder, "dnssec-dsfromkey", &["-2", key]);
    key_signing.iter().chain(&only_promised).flat_map(|key| lines(&ds(key))).collect()
}

fn sign_with_knot(folder: &Path, zone: &Zone, algorithm: u8, cds: &str, unsigned: &str) -> Vec<String> {
    let path = folder.display();
    let (nsec3, options) = match zone.denial {
        Denial::Nsec => ("off", String::new()),
        Denial::Nsec3 { iterations, opt_out, .. } => (
            "on",
            format!(
                "    nsec3-iterations: {iterations}\n    nsec3-salt-length: 0\n    nsec3-opt-out: {}\n",
                if opt_out { "on" } else { "off" }
            ),
        ),
    };
    let configuration = format!(
        "database:\n  storage: \"{path}/kasp\"\nlog:\n  - target: stderr\n    any: error\npolicy:\n  - id: here\n    \
         manual: on\n    cds-cdnskey-publish: {cds}\n    nsec3: {nsec3}\n    rrsig-lifetime: 14d\n    rrsig-refresh: 7d\n    zone-max-ttl: 1h\n{options}\
         zone:\n  - domain: {name}\n    \
         storage: \"{path}\"\n    file: \"{unsigned}\"\n    dnssec-policy: here\n",
        name = zone.name,
    );
    let file = format!("{}knot-signer.conf", zone.name);
    std::fs::write(folder.join(&file), configuration).expect("a configuration file");
    std::fs::create_dir_all(folder.join("kasp")).expect("a folder for keys");
    let algorithm = format!("algorithm={}", mnemonic(algorithm));
    run(folder, "keymgr", &["-c", &file, zone.name, "generate", &algorithm, "ksk=yes"]);
    run(folder, "keymgr", &["-c", &file, zone.name, "generate", &algorithm]);
    std::fs::create_dir_all(folder.join("signed")).expect("a folder for signed zones");
    run(folder, "kzonesign", &["-c", &file, "-o", "signed", zone.name]);
    let signed = folder.join("signed").join(unsigned);
    std::fs::rename(signed, folder.join(file_name(zone.name))).expect("the signed zone");
    lines(&run(folder, "keymgr", &["-c", &file, zone.name, "ds"]))
        .into_iter()
        .filter(|line| line.split_whitespace().nth(4) == Some("2"))
        .collect()
}

/// The lines that are records.
fn lines(text: &str) -> Vec<String> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with(';')).map(str::to_owned).collect()
}

/// Damages the signed file as the zone's fault says.
fn damage(folder: &Path, zone: &Zone, unsigned: &str) {
    let path = folder.join(file_name(zone.name));
    let signed = || std::fs::read_to_string(&path).expect("the signed zone");
    let text = match zone.fault {
        Fault::None | Fault::Expired | Fault::NotYetValid => return,
        Fault::Stripped => unsigned.to_owned(),
        Fault::Tampered => {
            signed().replace("192.0.2.80", "192.0.2.81").replace("2001:db8::80", "2001:db8::81")
        }
        Fault::OtherTtls => signed()
            .replace("longer.ttl.west.\t600", "longer.ttl.west.\t7200")
            .replace("shorter.ttl.west.\t600", "shorter.ttl.west.\t60")
            .replacen("mixed.ttl.west.\t600", "mixed.ttl.west.\t30", 1),
        Fault::NoDenial => signed().split_inclusive('\n').filter(|line| !line.contains("\tNSEC")).collect(),
    };
    assert!(text != signed(), "{}: nothing was damaged", zone.name);
    std::fs::write(path, text).expect("the damaged zone");
}

/// What the parent publishes for these honest DS records.
fn link(link: Link, ds: &[String]) -> Vec<String> {
    let change = |field: usize, value: &dyn Fn(&str) -> String| {
        let with = |line: &String| {
            let mut fields: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            // The four fields of the data come last; the digest may be written in parts.
            let first = fields.iter().position(|word| word == "DS").expect("a DS record") + 1;
            let digest = fields.split_off(first + 3).concat();
            fields.push(digest);
            fields[first + field] = value(&fields[first + field]);
            fields.join(" ")
        };
        ds.iter().map(with).collect()
    };
    match link {
        Link::Ds => ds.to_vec(),
        Link::None => Vec::new(),
        // Algorithm and digest type numbers that nobody was given.
        Link::UnknownAlgorithm => change(1, &|_| "200".to_owned()),
        Link::UnknownDigest => change(2, &|_| "200".to_owned()),
        Link::WrongDigest => change(3, &|digest| format!("00000000{}", &digest[8..])),
    }
}
