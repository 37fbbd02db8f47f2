//! The head of a scenario as a configuration of Rootwalk.
//!
//! What has an equal is set, through the text of a configuration file, so that a key exists here as soon as it
//! exists there. What has none and would change the outcome makes the scenario one that cannot be played. What
//! cannot change what is compared is named and passed over.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;

use rootwalk::config::{self, Configuration};
use rootwalk::dns::delegation::NameServer;
use rootwalk::validate::Anchors;
use rootwalk::validate::rollover::AnchorText;

use crate::records::{date, name};
use crate::scenario::uncommented;

/// A head that was understood.
pub(crate) struct Head {
    pub(crate) configuration: Configuration,
    /// Seconds since 1970.
    pub(crate) date: Option<u64>,
}

/// Options that change nothing that is compared: how much is said, in which order, and what is fetched early.
const WITHOUT_EFFECT: [&str; 18] = [
    "target-fetch-policy",
    "trust-anchor-signaling",
    "minimal-responses",
    "iter-scrub-promiscuous",
    "fake-sha1",
    "rrset-roundrobin",
    "log-servfail",
    "log-time-ascii",
    "verbosity",
    "val-log-level",
    "ede",
    "ede-serve-expired",
    "msg-cache-size",
    "rrset-cache-size",
    "stub-prime",
    "max-udp-size",
    "edns-buffer-size",
    "harden-unknown-additional",
];

/// What is gathered while the lines are read.
#[derive(Default)]
struct Gathered {
    section: String,
    zone: String,
    toml: Vec<(&'static str, String)>,
    anchors: String,
    /// What stands in the files that Unbound keeps.
    kept: String,
    insecure: Vec<String>,
    /// Prefixes, and the domains that are exempt.
    private: [Vec<String>; 2],
    hints: Vec<IpAddr>,
    hinted: Option<String>,
    stubs: Vec<(&'static str, String, String)>,
    date: Option<u64>,
}

/// Reads the lines; the error names what Rootwalk has not.
pub(crate) fn read(lines: &[String]) -> Result<Head, String> {
    let mut gathered = Gathered::default();
    let mut in_file = false;
    for line in lines {
        // Unbound's state of trust anchors: its comments are what it says.
        if line.starts_with("AUTOTRUST_") {
            in_file = line.starts_with("AUTOTRUST_FILE ");
            continue;
        }
        if in_file {
            gathered.kept.extend([line, "\n"]);
            continue;
        }
        let line = uncommented(line, &['#', ';']);
        if line.is_empty() {
            continue;
        }
        let (key, value) = line.split_once(':').ok_or_else(|| format!("a line of its own: {line}"))?;
        let value = value.trim().trim_matches(['"', '\'']).trim();
        option(&mut gathered, key.trim(), value)?;
    }
    for (key, values) in ["private-address", "private-domain"].into_iter().zip(&gathered.private) {
        gathered.toml.push(("resolver", format!("{key} = {values:?}")));
    }
    let mut configuration = config::parse(&toml(&gathered), Path::new("head"))
        .map_err(|faults| faults.iter().fold(String::new(), |all, fault| all + &fault.to_string() + " "))?;
    if gathered.hints.iter().any(IpAddr::is_loopback) {
        configuration.settings.resolver.do_not_query_localhost = false;
    }
    if !gathered.hints.is_empty() {
        let root = name(gathered.hinted.as_deref().unwrap_or("k.root-servers.net"))?;
        configuration.root_hints = vec![NameServer { name: root, glue: gathered.hints }];
    }
    configuration.anchors =
        Anchors::parse(&gathered.anchors).map_err(|faults| format!("trust-anchor: {}", faults[0].what))?;
    let kept = AnchorText::read(&gathered.kept).map_err(|error| format!("AUTOTRUST_FILE: {error}"))?;
    for (zone, keys) in kept.rollover.anchors().iter() {
        for key in keys {
            configuration.anchors.add(zone.clone(), key.clone());
        }
    }
    for zone in &gathered.insecure {
        configuration.anchors.add_negative(name(zone)?, None);
    }
    Ok(Head { configuration, date: gathered.date })
}

fn option(gathered: &mut Gathered, key: &str, value: &str) -> Result<(), String> {
    let mut set = |section, line: String| {
        gathered.toml.push((section, line));
        Ok(())
    };
    match key {
        "server" | "stub-zone" | "forward-zone" => {
            key.clone_into(&mut gathered.section);
            ".".clone_into(&mut gathered.zone);
        }
        // Deckard's: the name that the address of the root's server has.
        "stub-name" => gathered.hinted = Some(value.to_owned()),
        "name" => value.clone_into(&mut gathered.zone),
        "stub-addr" | "forward-addr" => address(gathered, key, value)?,
        "val-override-date" | "val-override-timestamp" => gathered.date = Some(date(value)?.into()),
        "trust-anchor" => gathered.anchors.extend([value, "\n"]),
        "domain-insecure" => gathered.insecure.push(value.to_owned()),
        "do-ip4" => return set("resolver", format!("ipv4 = {}", flag(value)?)),
        "do-ip6" => return set("resolver", format!("ipv6 = {}", flag(value)?)),
        "qname-minimisation" | "query-minimization" => {
            return set("resolver", format!("qname-minimisation = {}", flag(value)?));
        }
        "do-not-query-localhost" => return set("resolver", format!("{key} = {}", flag(value)?)),
        "private-address" => gathered.private[0].push(value.to_owned()),
        "private-domain" => gathered.private[1].push(value.to_owned()),
        "harden-glue" => return set("harden", format!("glue = {}", flag(value)?)),
        "harden-referral-path" => return set("harden", format!("referral-path = {}", flag(value)?)),
        "harden-below-nxdomain" => return set("harden", format!("below-nxdomain = {}", flag(value)?)),
        "aggressive-nsec" if flag(value)? => return set("harden", format!("{key} = true")),
        // RFC 6840 §5.11: one good path is enough, which is what Rootwalk does.
        "harden-algo-downgrade" | "aggressive-nsec" if !flag(value)? => {}
        "cache-min-ttl" => return set("cache", format!("min-ttl = \"{value}s\"")),
        "prefetch" | "prefetch-key" | "serve-expired" => {
            return set("cache", format!("{key} = {}", flag(value)?));
        }
        "serve-expired-ttl" | "serve-expired-reply-ttl" => {
            return set("cache", format!("{key} = \"{value}s\""));
        }
        "serve-expired-client-timeout" => return set("cache", format!("{key} = \"{value}ms\"")),
        "features" => match value.split_once('=') {
            Some((word, seconds)) if word.trim() == "min_ttl" => {
                return set("cache", format!("min-ttl = \"{}s\"", seconds.trim()));
            }
            _ => return Err(format!("features: {value}")),
        },
        "nsid" => match value.strip_prefix("ascii_") {
            Some(text) => return set("server", format!("nsid = \"{text}\"")),
            None => return Err(format!("nsid: {value} (octets that are no text)")),
        },
        "access-control" => {
            let (prefix, word) = value.split_once(' ').ok_or("access-control without a word")?;
            let prefix = if prefix.contains('/') { prefix.to_owned() } else { format!("{prefix}/32") };
            return set("access", format!("\"{prefix}\" = \"{}\"", word.trim().replace('_', "-")));
        }
        "root-key-sentinel" => return set("dnssec", format!("{key} = {}", flag(value)?)),
        "module-config" if value.contains("dns64") => return Err("dns64".to_owned()),
        "module-config" => {
            return set("dnssec", format!("validation = {}", value.contains("validator")));
        }
        "local-zone" if value.ends_with("nodefault") => {
            return set("local", "default-zones = false".to_owned());
        }
        _ if WITHOUT_EFFECT.contains(&key) => {}
        _ => return Err(format!("{key}: {value}")),
    }
    Ok(())
}

fn address(gathered: &mut Gathered, key: &str, value: &str) -> Result<(), String> {
    if key == "stub-addr" && (gathered.zone == "." || gathered.zone.is_empty()) {
        gathered.hints.push(value.parse().map_err(|_| format!("{key}: {value}"))?);
    } else {
        let kind = if key == "stub-addr" { "stub-zone" } else { "forward-zone" };
        gathered.stubs.push((kind, gathered.zone.clone(), value.to_owned()));
    }
    Ok(())
}

fn flag(value: &str) -> Result<bool, String> {
    match value {
        "yes" | "on" | "true" => Ok(true),
        "no" | "off" | "false" => Ok(false),
        _ => Err(format!("'{value}' is neither yes nor no")),
    }
}

/// The configuration file that says the same.
fn toml(gathered: &Gathered) -> String {
    let mut text = String::new();
    for section in ["server", "resolver", "dnssec", "cache", "harden", "local", "access"] {
        writeln!(text, "[{section}]").unwrap();
        let mut lines: Vec<&str> =
            gathered.toml.iter().filter(|(of, _)| *of == section).map(|(_, line)| line.as_str()).collect();
        match section {
            // The letter case of an entry is not that of the question.
            "resolver" => lines.push("use-caps-for-id = false"),
            // A scenario is of a world where every name may be delegated.
            "local" => lines.push("default-zones = false"),
            // They are off unless a scenario turns them on.
            "cache" => {
                for default in ["prefetch = false", "serve-expired = false"] {
                    let key = default.trim_end_matches("false");
                    if !lines.iter().any(|line| line.starts_with(key)) {
                        lines.push(default);
                    }
                }
            }
            "access" if lines.is_empty() => lines.push("\"127.0.0.0/8\" = \"allow\""),
            _ => {}
        }
        lines.sort_unstable();
        lines.dedup();
        for line in lines {
            writeln!(text, "{line}").unwrap();
        }
    }
    for (kind, zone, server) in &gathered.stubs {
        writeln!(text, "[[{kind}]]\nname = \"{zone}\"\nservers = [\"udp://{server}:53\"]").unwrap();
    }
    text
}
