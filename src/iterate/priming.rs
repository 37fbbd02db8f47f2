//! Root hints, and the root's own word about its name servers (RFC 9609).
//!
//! In: a hints file in zone format, or the one built in. Out: name servers with addresses, and from the
//! answer to `. NS` the delegation of the root. Who asks, and when, is decided by `resolver` (first use) and
//! by `app` (before the answer ends).

use std::net::IpAddr;

use crate::dns::delegation::{Delegation, DsEvidence, NameServer};
use crate::dns::response::Response;
use crate::dns::{Name, Question, RecordType};
use crate::limits;

use super::scrub;

/// The hints that come with the program.
const BUILTIN: &str = include_str!("../../trust-anchors/root.hints");

/// What is wrong with a hints file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HintsError {
    /// A line that is not a record.
    #[error("line {line}: '{text}' is not a record of the form: owner, TTL, type, value")]
    #[expect(missing_docs, reason = "the names say it")]
    Form { line: usize, text: String },
    /// A name or an address that cannot be read.
    #[error("line {line}: '{word}' is not {wanted}")]
    #[expect(missing_docs, reason = "the names say it")]
    Value { line: usize, word: String, wanted: &'static str },
    /// A type that says nothing about the root's servers.
    #[error("line {line}: records of type {word} have no place among root hints, only NS, A and AAAA do")]
    #[expect(missing_docs, reason = "the names say it")]
    Type { line: usize, word: String },
    /// NS records of another zone.
    #[error("line {line}: name servers of {zone}, but root hints are about the root alone")]
    #[expect(missing_docs, reason = "the names say it")]
    Zone { line: usize, zone: Name },
    /// No name server with an address.
    #[error("no name server of the root has an address here")]
    Empty,
}

/// The hints that come with the program.
pub fn builtin_hints() -> Vec<NameServer> {
    // A test reads them; an error here would leave the resolver without a root, and `priming` says so.
    parse_hints(BUILTIN).unwrap_or_default()
}

/// Reads a hints file: zone format, one record a line, with absolute names. `$` directives are passed over.
pub fn parse_hints(text: &str) -> Result<Vec<NameServer>, HintsError> {
    let mut servers: Vec<NameServer> = Vec::new();
    let mut addresses: Vec<(Name, IpAddr)> = Vec::new();
    for (index, whole) in text.lines().enumerate() {
        let line = index + 1;
        let record = whole.split(';').next().unwrap_or_default().trim();
        if record.is_empty() || record.starts_with('$') {
            continue;
        }
        match read_record(record, line)? {
            Hint::Server(name) if servers.iter().all(|server| server.name != name) => {
                servers.push(NameServer { name, glue: Vec::new() });
            }
            Hint::Server(_) => {}
            Hint::Address(name, address) => addresses.push((name, address)),
        }
    }
    for server in &mut servers {
        server.glue.extend(addresses.iter().filter(|(name, _)| *name == server.name).map(|(_, ip)| *ip));
    }
    servers.retain(|server| !server.glue.is_empty());
    if servers.is_empty() { Err(HintsError::Empty) } else { Ok(servers) }
}

enum Hint {
    Server(Name),
    Address(Name, IpAddr),
}

/// One record: owner, then TTL and class in any order or not at all, type, value.
fn read_record(record: &str, line: usize) -> Result<Hint, HintsError> {
    let form = || HintsError::Form { line, text: record.to_owned() };
    let mut words = record.split_ascii_whitespace();
    let owner = read_name(words.next().ok_or_else(form)?, line)?;
    let is_noise =
        |word: &&str| word.eq_ignore_ascii_case("IN") || word.bytes().all(|octet| octet.is_ascii_digit());
    let mut rest = words.skip_while(is_noise);
    let (Some(rtype), Some(value), None) = (rest.next(), rest.next(), rest.next()) else {
        return Err(form());
    };
    let bad = |wanted| HintsError::Value { line, word: value.to_owned(), wanted };
    match rtype.to_ascii_uppercase().as_str() {
        "NS" if owner.is_root() => Ok(Hint::Server(read_name(value, line)?)),
        "NS" => Err(HintsError::Zone { line, zone: owner }),
        "A" => Ok(Hint::Address(owner, IpAddr::V4(value.parse().map_err(|_| bad("an IPv4 address"))?))),
        "AAAA" => Ok(Hint::Address(owner, IpAddr::V6(value.parse().map_err(|_| bad("an IPv6 address"))?))),
        _ => Err(HintsError::Type { line, word: rtype.to_owned() }),
    }
}

fn read_name(word: &str, line: usize) -> Result<Name, HintsError> {
    word.parse().map_err(|_| HintsError::Value { line, word: word.to_owned(), wanted: "a domain name" })
}

/// The question that primes.
pub(super) fn question() -> Question {
    Question::new(Name::root(), RecordType::NS)
}

/// The root as the hints describe it.
pub(super) fn hinted(hints: &[NameServer]) -> Delegation {
    root(hints.to_vec(), limits::ROOT_TTL_SECS_MIN)
}

/// The root's delegation from the answer to `. NS`. An address that the answer left out for want of room is
/// taken from the hints (RFC 9609 §4.2). None if it is no such answer.
pub(super) fn delegation(response: &Response, hints: &[NameServer]) -> Option<Delegation> {
    let message = &response.message;
    let set = message.answer.iter().find(|set| set.is(&Name::root(), RecordType::NS))?;
    let mut servers = scrub::name_servers(set, &message.additional, |_| true);
    for server in servers.iter_mut().filter(|server| server.glue.is_empty()) {
        if let Some(hint) = hints.iter().find(|hint| hint.name == server.name) {
            server.glue.clone_from(&hint.glue);
        }
    }
    if servers.iter().all(|server| server.glue.is_empty()) {
        return None;
    }
    Some(root(servers, set.ttl.clamp(limits::ROOT_TTL_SECS_MIN, limits::MAX_TTL_SECS)))
}

fn root(servers: Vec<NameServer>, ttl: u32) -> Delegation {
    Delegation { zone: Name::root(), parent: Name::root(), servers, ds: DsEvidence::Absent, ttl }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hints_built_in_name_thirteen_servers_with_two_addresses_each() {
        let hints = parse_hints(BUILTIN).unwrap();
        assert_eq!(hints.len(), 13);
        for server in &hints {
            let ipv6 = server.glue.iter().filter(|address| address.is_ipv6()).count();
            assert_eq!((server.glue.len(), ipv6), (2, 1), "{server:?}");
        }
    }

    #[test]
    fn a_hints_file_is_read_with_and_without_ttl_and_class() {
        let text = "$TTL 5\n. IN NS a.test.\n. 60 IN NS b.test. ; comment\na.test. A 192.0.2.1\nB.TEST IN 9 AAAA 2001:db8::1\n";
        let hints = parse_hints(text).unwrap();
        assert_eq!(hints.len(), 2);
        assert_eq!(hints[1].glue, ["2001:db8::1".parse::<IpAddr>().unwrap()]);
    }

    #[test]
    fn a_fault_in_a_hints_file_is_named_with_its_line() {
        let fault = |text: &str| parse_hints(text).unwrap_err().to_string();
        assert_eq!(
            fault(". NS a.test.\na.test. A 192.0.2.300"),
            "line 2: '192.0.2.300' is not an IPv4 address"
        );
        assert_eq!(
            fault("com. NS a.test."),
            "line 1: name servers of com., but root hints are about the root alone"
        );
        assert_eq!(
            fault(". SOA a."),
            "line 1: records of type SOA have no place among root hints, only NS, A and AAAA do"
        );
        assert_eq!(fault(". NS"), "line 1: '. NS' is not a record of the form: owner, TTL, type, value");
        assert_eq!(fault(". NS a.test."), "no name server of the root has an address here");
        assert_eq!(fault(". NS a..test."), "line 1: 'a..test.' is not a domain name");
    }
}
