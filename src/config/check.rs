//! From what is written to what it means: each key with its default and its range.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use toml::de::DeValue;
use tracing::Level;

use super::raw::{Fault, Reader, kind, nearest};
use super::{
    Cache, Dnssec, Harden, Limits, Local, Log, LogFormat, NegativeAnchor, Resolver, Server, Settings, Source,
    units,
};
use crate::clock::Clock;
use crate::dns::{Name, NameError};
use crate::limits::{self, Limit};
use crate::prefix::{Prefix, PrefixError};
use crate::service::access::Access;
use crate::validate::Sha1;

/// What came of a file. With faults, the settings are of no use.
pub(super) struct Checked {
    pub(super) settings: Settings,
    pub(super) faults: Vec<Fault>,
    pub(super) warnings: Vec<Fault>,
}

/// Reads all keys.
pub(super) fn read(text: &str, file: &Path) -> Checked {
    let mut reader = Reader::new(text, file);
    let settings = settings(&mut reader, file);
    reader.finish();
    let warnings = warnings(&reader, &settings);
    Checked { settings, faults: reader.faults, warnings }
}

/// All keys there are, with their sections.
#[cfg(test)]
pub(super) fn keys() -> Vec<(&'static str, &'static str)> {
    let mut reader = Reader::new("", Path::new(""));
    let _settings = settings(&mut reader, Path::new(""));
    reader.known().to_vec()
}

fn settings(reader: &mut Reader<'_>, file: &Path) -> Settings {
    Settings {
        server: server(reader),
        access: access(reader),
        resolver: resolver(reader, file),
        dnssec: dnssec(reader, file),
        cache: cache(reader),
        harden: harden(reader),
        limits: limits(reader),
        local: Local { default_zones: reader.value("local", "default-zones", true, boolean) },
        log: log(reader),
    }
}

fn server(reader: &mut Reader<'_>) -> Server {
    let server = Server {
        listen: listen(reader),
        listen_is_explicit: reader.has("server", "listen"),
        threads: reader.value("server", "threads", 0, |value| number(value, 0, 1_024)),
        hide_identity: reader.value("server", "hide-identity", true, boolean),
        hide_version: reader.value("server", "hide-version", true, boolean),
        identity: reader.value("server", "identity", String::new(), short_text),
        version: reader.value("server", "version", String::new(), short_text),
        nsid: reader.value("server", "nsid", String::new(), short_text),
        tcp_clients: reader.value("server", "tcp-clients", 1_024, |value| number(value, 1, 65_535)),
        tcp_clients_per_address: reader
            .value("server", "tcp-clients-per-address", 50, |value| number(value, 1, 65_535)),
        tcp_idle_timeout: reader.value("server", "tcp-idle-timeout", Duration::from_secs(10), idle_timeout),
    };
    let (each, all) = (server.tcp_clients_per_address, server.tcp_clients);
    if each > all && reader.has("server", "tcp-clients-per-address") {
        let what =
            format!("one client may not have more than all together ({all}): lower it, or raise tcp-clients");
        reader.fault("server", "tcp-clients-per-address", what);
    }
    server
}

fn listen(reader: &mut Reader<'_>) -> Vec<SocketAddr> {
    let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    let default = loopback.map(|address| SocketAddr::new(address, 5_300)).to_vec();
    let before = reader.faults.len();
    let listen = reader.list("server", "listen", default, listen_address);
    if listen.is_empty() && reader.faults.len() == before {
        reader.fault(
            "server",
            "listen",
            "the list is empty: name at least one address with its port".to_owned(),
        );
    }
    for (index, address) in listen.iter().enumerate() {
        if address.port() != 0 && listen.iter().take(index).any(|before| before == address) {
            reader.fault("server", "listen", format!("{address} stands there twice: remove one"));
        }
    }
    listen
}

fn access(reader: &mut Reader<'_>) -> Vec<(Prefix, Access)> {
    let words = [
        ("allow", Access::Allow),
        ("refuse", Access::Refuse),
        ("deny", Access::Deny),
        ("allow-snoop", Access::AllowSnoop),
    ];
    let written = reader.entries("access", |key, value| {
        let prefix = key.parse::<Prefix>().map_err(|error| error.to_string())?;
        Ok((prefix, word(value, &words)?))
    });
    let mut all = vec![
        (Prefix::of(IpAddr::V4(Ipv4Addr::LOCALHOST), 8), Access::Allow),
        (Prefix::of(IpAddr::V6(Ipv6Addr::LOCALHOST), 128), Access::Allow),
    ];
    for (index, (prefix, action)) in written.iter().enumerate() {
        if written.iter().take(index).any(|(before, _)| before == prefix) {
            // TOML refuses the same key twice; this is the same prefix in two spellings.
            let what = "the same prefix stands there twice, in two spellings: remove one".to_owned();
            reader.fault("access", &prefix.to_string(), what);
        }
        all.retain(|(default, _)| default != prefix);
        all.push((*prefix, *action));
    }
    all
}

fn resolver(reader: &mut Reader<'_>, file: &Path) -> Resolver {
    let resolver = Resolver {
        root_hints: reader.value("resolver", "root-hints", Source::Builtin, |value| source(value, file)),
        ipv4: reader.value("resolver", "ipv4", true, boolean),
        ipv6: reader.value("resolver", "ipv6", true, boolean),
        upstream_port: reader.value("resolver", "upstream-port", 53, |value| number(value, 1, 65_535)),
        do_not_query_localhost: reader.value("resolver", "do-not-query-localhost", true, boolean),
        do_not_query: reader.list("resolver", "do-not-query", Vec::new(), prefix),
        private_address: reader.list("resolver", "private-address", Vec::new(), prefix),
        private_domain: reader.list("resolver", "private-domain", Vec::new(), domain_name),
        qname_minimisation: reader.value("resolver", "qname-minimisation", true, boolean),
        use_caps_for_id: reader.value("resolver", "use-caps-for-id", true, boolean),
        send_cookie: reader.value("resolver", "send-cookie", true, boolean),
        answer_cookie: reader.value("resolver", "answer-cookie", true, boolean),
    };
    if !resolver.ipv4 && !resolver.ipv6 {
        let what = "with ipv4 off as well, no server can be asked: turn one of the two on";
        reader.fault("resolver", "ipv6", what.to_owned());
    }
    resolver
}

fn dnssec(reader: &mut Reader<'_>, file: &Path) -> Dnssec {
    let sha1 = [("insecure", Sha1::Insecure), ("validate", Sha1::Validate)];
    let dnssec = Dnssec {
        validation: reader.value("dnssec", "validation", true, boolean),
        trust_anchor_file: reader
            .value("dnssec", "trust-anchor-file", Source::Builtin, |value| source(value, file)),
        negative_trust_anchors: negative_anchors(reader),
        override_date: reader.value("dnssec", "override-date", None, date),
        sha1: reader.value("dnssec", "sha1", Sha1::Insecure, |value| word(value, &sha1)),
        trust_anchor_signaling: reader.value("dnssec", "trust-anchor-signaling", true, boolean),
        root_key_sentinel: reader.value("dnssec", "root-key-sentinel", true, boolean),
        watch: reader.list("dnssec", "watch", Vec::new(), domain_name),
    };
    let watch = &dnssec.watch;
    for (index, zone) in watch.iter().enumerate() {
        if watch.iter().take(index).any(|before| before == zone) {
            reader.fault("dnssec", "watch", format!("{zone} stands there twice: remove one"));
        }
    }
    if watch.len() > limits::WATCHED_ZONES_MAX {
        let (zones, max) = (watch.len(), limits::WATCHED_ZONES_MAX);
        let what = format!(
            "there are {zones} zones, each is proven anew every hour: name at most {max}, those that you answer for"
        );
        reader.fault("dnssec", "watch", what);
    }
    dnssec
}

fn negative_anchors(reader: &mut Reader<'_>) -> Vec<NegativeAnchor> {
    let anchors = reader.list("dnssec", "negative-trust-anchors", Vec::new(), negative_anchor);
    for (index, anchor) in anchors.iter().enumerate() {
        if anchors.iter().take(index).any(|before| before.name == anchor.name) {
            let what = format!("{} stands there twice: remove one", anchor.name);
            reader.fault("dnssec", "negative-trust-anchors", what);
        }
    }
    anchors
}

/// A name, or a table of a name and an end.
fn negative_anchor(value: &DeValue<'_>) -> Result<NegativeAnchor, String> {
    const KEYS: [&str; 2] = ["name", "until"];
    let hint = "write { name = \"broken.example\", until = 2026-12-01T00:00:00Z }";
    let (name, until) = match value {
        DeValue::String(_) => (domain_name(value)?, None),
        DeValue::Table(table) => {
            if let Some(key) = table.keys().find(|key| !KEYS.contains(&key.get_ref().as_ref())) {
                let key = key.get_ref();
                return Err(format!("the key '{key}' is not known{}", nearest(key, KEYS.into_iter())));
            }
            let name = table.get("name").ok_or_else(|| format!("the name is missing: {hint}"))?;
            let until = table
                .get("until")
                .map(|until| offset_date(until.get_ref(), hint).map_err(|what| format!("until: {what}")));
            (domain_name(name.get_ref())?, until.transpose()?)
        }
        other => return Err(format!("found {}: {hint}", kind(other))),
    };
    if name.is_root() {
        let what = "at the root it turns off all validation: remove it, and write validation = false if you mean that";
        return Err(what.to_owned());
    }
    Ok(NegativeAnchor { name, until })
}

fn cache(reader: &mut Reader<'_>) -> Cache {
    let (max, max_negative) = (limits::MAX_TTL_SECS, limits::MAX_NEGATIVE_TTL_SECS);
    let cache = Cache {
        size_octets: reader.value("cache", "size", 256 << 20, |value| {
            let octets = units::size(text(value)?).map_err(|error| error.to_string())?;
            // Below, not even the delegations of the top level fit; above, it is a slip of the pen.
            in_range(octets, &(4 << 20..=1 << 42), "\"4MiB\" to \"4096GiB\"")
        }),
        max_ttl_secs: reader.value("cache", "max-ttl", max, |value| ttl(value, 1)),
        min_ttl_secs: reader.value("cache", "min-ttl", 0, |value| ttl(value, 0)),
        max_negative_ttl_secs: reader.value("cache", "max-negative-ttl", max_negative, |value| ttl(value, 1)),
        prefetch: reader.value("cache", "prefetch", true, boolean),
        prefetch_key: reader.value("cache", "prefetch-key", true, boolean),
        serve_expired: reader.value("cache", "serve-expired", true, boolean),
        serve_expired_ttl_secs: reader
            .value("cache", "serve-expired-ttl", limits::STALE_SECS_MAX, |value| ttl(value, 1)),
        serve_expired_client_timeout: reader.value(
            "cache",
            "serve-expired-client-timeout",
            Duration::from_millis(limits::STALE_CLIENT_TIMEOUT_MS),
            client_timeout,
        ),
        serve_expired_reply_ttl_secs: reader.value(
            "cache",
            "serve-expired-reply-ttl",
            limits::STALE_REPLY_TTL_SECS,
            |value| ttl(value, 1),
        ),
    };
    if cache.min_ttl_secs > cache.max_ttl_secs {
        let what = format!("it is longer than max-ttl ({} s): lower it", cache.max_ttl_secs);
        reader.fault("cache", "min-ttl", what);
    }
    cache
}

fn harden(reader: &mut Reader<'_>) -> Harden {
    Harden {
        glue: reader.value("harden", "glue", true, boolean),
        dnssec_stripped: reader.value("harden", "dnssec-stripped", true, boolean),
        below_nxdomain: reader.value("harden", "below-nxdomain", true, boolean),
        aggressive_nsec: reader.value("harden", "aggressive-nsec", true, boolean),
        referral_path: reader.value("harden", "referral-path", false, boolean),
    }
}

fn limits(reader: &mut Reader<'_>) -> Limits {
    let caps = Limit::ALL.map(|limit| {
        let (least, most) = limit.range().into_inner();
        let read = |value: &DeValue<'_>| number(value, u64::from(least), u64::from(most));
        reader.value("limits", limit.word(), limit.default_cap(), read)
    });
    let words = Limit::ALL.map(|limit| (limit.word(), limit));
    let shadow = reader.list("limits", "shadow", Vec::new(), |value| word(value, &words));
    for (index, limit) in shadow.iter().enumerate() {
        if shadow.iter().take(index).any(|before| before == limit) {
            reader.fault("limits", "shadow", format!("\"{limit}\" stands there twice: remove one"));
        }
    }
    Limits { caps, shadow }
}

fn log(reader: &mut Reader<'_>) -> Log {
    let levels = [
        ("error", Level::ERROR),
        ("warn", Level::WARN),
        ("info", Level::INFO),
        ("debug", Level::DEBUG),
        ("trace", Level::TRACE),
    ];
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    Log {
        level: reader.value("log", "level", Level::INFO, |value| word(value, &levels)),
        format: reader.value("log", "format", LogFormat::Text, |value| word(value, &formats)),
    }
}

/// What is allowed, and probably not meant.
fn warnings(reader: &Reader<'_>, settings: &Settings) -> Vec<Fault> {
    let mut warnings = Vec::new();
    let mut warn = |section: &str, key: &str, what: &str| {
        warnings.push(reader.describe(section, key, what.to_owned()));
    };
    let listen = &settings.server.listen;
    if listen.iter().any(|address| address.ip().is_unspecified()) {
        let what = "with a wildcard address, replies to datagrams leave from the address that the route picks: \
                    on a host of several addresses, name each of them instead";
        warn("server", "listen", what);
    }
    let is_beyond_loopback = |address: &SocketAddr| !address.ip().to_canonical().is_loopback();
    if !reader.has_section("access") && listen.iter().any(is_beyond_loopback) {
        warn(
            "server",
            "listen",
            "clients other than this host are refused: add their prefixes below [access]",
        );
    }
    for (prefix, access) in &settings.access {
        if matches!(access, Access::Allow | Access::AllowSnoop) && is_the_whole_internet(prefix) {
            let what =
                "anybody may ask: an open resolver is used to attack others, unless a firewall guards it";
            warn("access", &prefix.to_string(), what);
        }
    }
    if settings.dnssec.override_date.is_some() {
        let what = "signatures are judged at this date, not by the clock: for tests only";
        warn("dnssec", "override-date", what);
    }
    for (key, what) in negative_anchor_warnings(settings) {
        warn("dnssec", key, &what);
    }
    if !settings.dnssec.watch.is_empty() && !settings.dnssec.validation {
        warn("dnssec", "watch", "no zone is watched while validation is off");
    }
    if !settings.limits.shadow.is_empty() {
        let what = "a limit in shadow guards nobody until ten times as much is used: for a trial";
        warn("limits", "shadow", what);
    }
    if settings.cache.min_ttl_secs > 3_600 {
        warn(
            "cache",
            "min-ttl",
            "above an hour, changes that zones make come late: an hour is the most that is advised",
        );
    }
    warnings
}

fn negative_anchor_warnings(settings: &Settings) -> Vec<(&'static str, String)> {
    let Dnssec { validation, negative_trust_anchors: anchors, override_date, .. } = &settings.dnssec;
    let key = "negative-trust-anchors";
    let now = override_date.unwrap_or_else(|| Clock::system().unix());
    let ended = anchors.iter().filter(|anchor| anchor.until.is_some_and(|until| until <= now));
    let mut warnings: Vec<_> =
        ended.map(|anchor| (key, format!("{} has ended: remove it", anchor.name))).collect();
    if !validation && !anchors.is_empty() {
        warnings.push((key, "without validation they change nothing: remove them".to_owned()));
    }
    warnings
}

fn is_the_whole_internet(prefix: &Prefix) -> bool {
    let far_apart: [[IpAddr; 2]; 2] = [
        [Ipv4Addr::new(9, 9, 9, 9).into(), Ipv4Addr::new(192, 0, 2, 1).into()],
        [
            Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
            Ipv6Addr::new(0x2a00, 0, 0, 0, 0, 0, 0, 1).into(),
        ],
    ];
    far_apart.iter().any(|pair| pair.iter().all(|address| prefix.contains(*address)))
}

fn boolean(value: &DeValue<'_>) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| format!("expected true or false, found {}", kind(value)))
}

fn text<'v>(value: &'v DeValue<'_>) -> Result<&'v str, String> {
    value.as_str().ok_or_else(|| format!("expected text in quotes, found {}", kind(value)))
}

/// A character-string (RFC 1035 §3.3), without what could spoil a terminal.
fn short_text(value: &DeValue<'_>) -> Result<String, String> {
    let text = text(value)?;
    if text.len() > 255 {
        return Err(format!("it has {} octets, a TXT record holds 255: shorten it", text.len()));
    }
    if text.chars().any(char::is_control) {
        return Err("it has a control character: remove it".to_owned());
    }
    Ok(text.to_owned())
}

fn number<T: TryFrom<u64>>(value: &DeValue<'_>, least: u64, most: u64) -> Result<T, String> {
    let Some(written) = value.as_integer() else {
        return Err(format!("expected a number from {least} to {most}, found {}", kind(value)));
    };
    u64::from_str_radix(written.as_str(), written.radix())
        .ok()
        .filter(|number| (least..=most).contains(number))
        .and_then(|number| T::try_from(number).ok())
        .ok_or_else(|| format!("{written} is out of range: write a number from {least} to {most}"))
}

fn in_range<T: PartialOrd>(value: T, allowed: &RangeInclusive<T>, range: &str) -> Result<T, String> {
    if allowed.contains(&value) {
        Ok(value)
    } else {
        Err(format!("out of range: write a value from {range}"))
    }
}

fn word<T: Copy>(value: &DeValue<'_>, words: &[(&str, T)]) -> Result<T, String> {
    let written = text(value)?;
    words.iter().find(|(word, _)| *word == written).map(|(_, meaning)| *meaning).ok_or_else(|| {
        let all: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        format!("'{written}' is none of {}", all.join(", "))
    })
}

fn domain_name(value: &DeValue<'_>) -> Result<Name, String> {
    let written = text(value)?;
    written.parse().map_err(|error: NameError| format!("'{written}' is not a domain name: {error}"))
}

fn prefix(value: &DeValue<'_>) -> Result<Prefix, String> {
    text(value)?.parse().map_err(|error: PrefixError| error.to_string())
}

fn listen_address(value: &DeValue<'_>) -> Result<SocketAddr, String> {
    let written = text(value)?;
    written.parse().map_err(|_| {
        let example = match written.parse::<IpAddr>() {
            Ok(address) => SocketAddr::new(address, 53).to_string(),
            Err(_) => "127.0.0.1:53\" or \"[::1]:53".to_owned(),
        };
        format!("'{written}' is not an address with a port: write it as \"{example}\"")
    })
}

fn idle_timeout(value: &DeValue<'_>) -> Result<Duration, String> {
    let duration = units::duration(text(value)?).map_err(|error| error.to_string())?;
    // RFC 7828 counts tenths of a second in 16 bits.
    let (least, most) = (Duration::from_millis(limits::TCP_IDLE_MS_MIN), Duration::from_secs(6_553));
    in_range(duration, &(least..=most), "\"200ms\" to \"6553s\"")
}

fn client_timeout(value: &DeValue<'_>) -> Result<Duration, String> {
    let duration = units::duration(text(value)?).map_err(|error| error.to_string())?;
    // Replies to datagrams that are older than 1.9 s are not sent.
    let most = Duration::from_millis(limits::STALE_CLIENT_TIMEOUT_MS);
    in_range(duration, &(Duration::ZERO..=most), "\"0ms\" (at once) to \"1800ms\"")
}

fn ttl(value: &DeValue<'_>, least: u32) -> Result<u32, String> {
    let duration = units::duration(text(value)?).map_err(|error| error.to_string())?;
    if duration.subsec_millis() != 0 {
        return Err("a time to live counts whole seconds: write it without ms".to_owned());
    }
    // BIND's default of a week is the longest that any peer keeps.
    let seconds = u32::try_from(duration.as_secs()).unwrap_or(u32::MAX);
    in_range(seconds, &(least..=604_800), &format!("\"{least}s\" to \"7d\""))
}

/// `builtin`, or a path; one that is not absolute begins at the configuration file's directory.
fn source(value: &DeValue<'_>, file: &Path) -> Result<Source, String> {
    match text(value)? {
        "" => Err("it is empty: write a path, or \"builtin\"".to_owned()),
        "builtin" => Ok(Source::Builtin),
        path => Ok(Source::File(file.parent().unwrap_or_else(|| Path::new("")).join(path))),
    }
}

/// Seconds since 1970, or a date with its time and offset; 0 is the clock.
fn date(value: &DeValue<'_>) -> Result<Option<u64>, String> {
    let hint = "write seconds since 1970, or a date such as 2026-12-01T00:00:00Z; 0 for the clock";
    let seconds = match value {
        // Signatures count 32 bits, up to the year 2106.
        DeValue::Integer(_) => number(value, 0, u64::from(u32::MAX))?,
        other => offset_date(other, hint)?,
    };
    Ok(Some(seconds).filter(|seconds| *seconds != 0))
}

/// A date with its time and offset, in seconds since 1970; `hint` says what else to write.
fn offset_date(value: &DeValue<'_>, hint: &str) -> Result<u64, String> {
    match value {
        DeValue::Datetime(date) => units::unix_seconds(date)
            .ok_or_else(|| format!("{date} has no time or no offset, or is before 1970: {hint}")),
        DeValue::String(text) => text
            .parse()
            .ok()
            .and_then(|date| units::unix_seconds(&date))
            .ok_or_else(|| format!("'{text}' is not a date with time and offset: {hint}")),
        other => Err(format!("found {}: {hint}", kind(other))),
    }
}
