//! The configuration file: read, checked, turned into [`Settings`].
//!
//! [`load`] takes a path, or none for the defaults. All faults come at once, each with file, line, key and
//! remedy. `raw` reads what is written, `check` knows what it means, `units` reads sizes and durations. The
//! commented list of all keys is `config/rootwalk.toml`; a test holds it equal to the defaults here.
//! Nothing is read again while the process runs.

pub mod anchors;
mod check;
mod raw;
mod units;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::dns::Name;
use crate::dns::delegation::NameServer;
use crate::iterate::priming;
use crate::limits::Limit;
use crate::prefix::Prefix;
use crate::service::access::Access;
use crate::validate::{Anchors, Rollover, Sha1};

pub use anchors::AnchorFile;
pub use raw::Fault;

/// Everything that can be configured.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the sections of the file")]
pub struct Settings {
    pub server: Server,
    /// What each prefix may do; the longest decides, who is in none is refused.
    pub access: Vec<(Prefix, Access)>,
    pub resolver: Resolver,
    pub dnssec: Dnssec,
    pub cache: Cache,
    pub harden: Harden,
    pub limits: Limits,
    pub local: Local,
    pub log: Log,
}

/// `[server]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Addresses that are listened on, over UDP and TCP.
    pub listen: Vec<SocketAddr>,
    /// Whether `listen` was written: then each address must be usable. Of the defaults, one is enough.
    pub listen_is_explicit: bool,
    /// Worker threads; 0: one for each core.
    pub threads: usize,
    /// `id.server` and `hostname.bind` are refused.
    pub hide_identity: bool,
    /// `version.server` and `version.bind` are refused.
    pub hide_version: bool,
    /// What `id.server` says; empty: the host's name.
    pub identity: String,
    /// What `version.server` says; empty: Rootwalk and its version.
    pub version: String,
    /// The name server identifier for those who ask (RFC 5001); empty: none.
    pub nsid: String,
    /// TCP connections at a time.
    pub tcp_clients: usize,
    /// TCP connections at a time of one client.
    pub tcp_clients_per_address: usize,
    /// How long a TCP connection may be idle.
    pub tcp_idle_timeout: Duration,
}

/// `[resolver]`
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own")]
pub struct Resolver {
    /// Where the root's servers are first found.
    pub root_hints: Source,
    /// Servers are asked over IPv4.
    pub ipv4: bool,
    /// Servers are asked over IPv6.
    pub ipv6: bool,
    /// The port servers are asked at.
    pub upstream_port: u16,
    /// Loopback addresses are never asked.
    pub do_not_query_localhost: bool,
    /// Prefixes that are never asked.
    pub do_not_query: Vec<Prefix>,
    /// Prefixes that public names may not point into.
    pub private_address: Vec<Prefix>,
    /// Names that may, with all below them.
    pub private_domain: Vec<Name>,
    /// RFC 9156.
    pub qname_minimisation: bool,
    /// Random letter case in questions.
    pub use_caps_for_id: bool,
    /// DNS cookies towards servers.
    pub send_cookie: bool,
    /// DNS cookies towards clients.
    pub answer_cookie: bool,
}

/// `[dnssec]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dnssec {
    /// Whether answers are proven.
    pub validation: bool,
    /// What is trusted to begin with.
    pub trust_anchor_file: Source,
    /// Zones that are not validated.
    pub negative_trust_anchors: Vec<NegativeAnchor>,
    /// Seconds since 1970 that signatures are judged at; none: the clock.
    pub override_date: Option<u64>,
    /// What becomes of SHA-1 (RFC 9905).
    pub sha1: Sha1,
    /// The servers of zones with trust anchors are told which keys are trusted (RFC 8145).
    pub trust_anchor_signaling: bool,
    /// Names may ask which of the root's keys are trusted (RFC 8509).
    pub root_key_sentinel: bool,
    /// Zones whose chain and signature expiry are reported.
    pub watch: Vec<Name>,
}

/// An element of `[dnssec] negative-trust-anchors`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NegativeAnchor {
    /// The zone.
    pub name: Name,
    /// Seconds since 1970 when it ends; none: it does not.
    pub until: Option<u64>,
}

/// `[cache]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    /// Octets for all caches together.
    pub size_octets: u64,
    /// The longest that anything is kept, in seconds.
    pub max_ttl_secs: u32,
    /// The shortest, in seconds.
    pub min_ttl_secs: u32,
    /// The longest that a denial is kept, in seconds.
    pub max_negative_ttl_secs: u32,
    /// Answers are renewed before their time is over, if they are asked for.
    pub prefetch: bool,
    /// A zone's keys are fetched while the referral to it is followed.
    pub prefetch_key: bool,
    /// Answers past their time are served when there is no other.
    pub serve_expired: bool,
    /// How long past their time, in seconds.
    pub serve_expired_ttl_secs: u32,
    /// How long a client waits for a fresh answer first.
    pub serve_expired_client_timeout: Duration,
    /// The TTL they are served with, in seconds.
    pub serve_expired_reply_ttl_secs: u32,
}

/// `[harden]`
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own")]
pub struct Harden {
    /// Glue is believed only from within the zone that was asked.
    pub glue: bool,
    /// The zone of a trust anchor must show its keys.
    pub dnssec_stripped: bool,
    /// A proven NXDOMAIN covers the names below (RFC 8020).
    pub below_nxdomain: bool,
    /// Proven denials answer other questions as well (RFC 8198).
    pub aggressive_nsec: bool,
    /// Addresses of name servers are used only once they are proven, where their zone is signed.
    pub referral_path: bool,
}

/// `[limits]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How much one question may use of each limit, in the order of [`Limit::ALL`].
    pub caps: [u32; Limit::COUNT],
    /// Limits that are counted and told, and end no question.
    pub shadow: Vec<Limit>,
}

/// `[local]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    /// Names of no public meaning are answered here.
    pub default_zones: bool,
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// The least important that is written.
    pub level: tracing::Level,
    /// How it is written.
    pub format: LogFormat,
}

/// `[log] format`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// A line for a person.
    Text,
    /// A JSON object a line.
    Json,
}

/// What comes with the program, or a file in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// What comes with the program.
    Builtin,
    /// A file.
    File(PathBuf),
}

impl Default for Settings {
    /// Those of a configuration without a single key.
    fn default() -> Self {
        check::read("", Path::new("")).settings
    }
}

/// A configuration that can be run.
#[derive(Debug)]
pub struct Configuration {
    /// What is set.
    pub settings: Settings,
    /// The root's servers, from the hints.
    pub root_hints: Vec<NameServer>,
    /// What is trusted.
    pub anchors: Anchors,
    /// The states of the keys behind that.
    pub rollover: Rollover,
    /// Where these states are kept; none: with the program, in memory.
    pub anchor_file: Option<AnchorFile>,
    /// What is allowed, and probably not meant.
    pub warnings: Vec<Fault>,
}

/// Reads and checks the file, and the files it names; the defaults without one. Returns all faults.
pub fn load(file: Option<&Path>) -> Result<Configuration, Vec<Fault>> {
    let Some(file) = file else { return parse("", Path::new("")) };
    match std::fs::read_to_string(file) {
        Ok(text) => parse(&text, file),
        Err(error) => Err(vec![Fault::unreadable(file, "", &error)]),
    }
}

/// Like [`load`], from text that stands for the contents of `file`.
pub fn parse(text: &str, file: &Path) -> Result<Configuration, Vec<Fault>> {
    let check::Checked { settings, mut faults, mut warnings } = check::read(text, file);
    let root_hints = read_hints(&settings.resolver.root_hints).unwrap_or_else(|fault| {
        faults.push(fault);
        Vec::new()
    });
    let read = anchors::read(&settings.dnssec).unwrap_or_else(|found| {
        faults.extend(found);
        anchors::Read::default()
    });
    warnings.extend(read.warnings);
    let mut anchors = read.rollover.anchors();
    for NegativeAnchor { name, until } in &settings.dnssec.negative_trust_anchors {
        if anchors.iter().any(|(zone, _)| zone == name) {
            let what = format!(
                "{name} has a trust anchor as well, which counts for nothing now: remove one of the two"
            );
            warnings.push(Fault::of_file(file, "dnssec.negative-trust-anchors", what));
        }
        anchors.add_negative(name.clone(), *until);
    }
    if faults.is_empty() {
        Ok(Configuration {
            settings,
            root_hints,
            anchors,
            rollover: read.rollover,
            anchor_file: read.file,
            warnings,
        })
    } else {
        Err(faults)
    }
}

fn read_hints(source: &Source) -> Result<Vec<NameServer>, Fault> {
    let Source::File(path) = source else { return Ok(priming::builtin_hints()) };
    let key = "resolver.root-hints";
    let text = std::fs::read_to_string(path).map_err(|error| Fault::unreadable(path, key, &error))?;
    priming::parse_hints(&text).map_err(|error| Fault::of_file(path, key, error.to_string()))
}

#[cfg(test)]
mod tests;
