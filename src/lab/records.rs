//! Records as people write them, for descriptions: `www 300 A 192.0.2.1`.
//!
//! In: one line and the zone it stands in. Out: owner, type, TTL and rdata in wire form. The owner and names in the
//! rdata are relative to the zone unless they end with a dot; `@` is the zone itself; the TTL may be left out.
//! Types beyond the common ones are written as RFC 3597 §5 says: `\# 3 abcdef`.
//! Not a zone file reader: no continuation lines, no directives, no comments.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::dns::{Name, RecordType};

/// Why a line is not a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{line}' in the zone {zone} is not a record the lab can read: {why}")]
pub struct RecordError {
    /// The zone it stands in.
    pub zone: Name,
    /// The line.
    pub line: String,
    /// What is wrong with it.
    pub why: &'static str,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Record {
    pub owner: Name,
    pub rtype: RecordType,
    /// Seconds; none if the line does not say.
    pub ttl: Option<u32>,
    pub rdata: Vec<u8>,
}

impl Record {
    /// Reads a line.
    pub fn read(zone: &Name, line: &str) -> Result<Self, RecordError> {
        read(zone, line).map_err(|why| RecordError { zone: zone.clone(), line: line.to_owned(), why })
    }
}

fn read(zone: &Name, line: &str) -> Result<Record, &'static str> {
    let words = words(line);
    let mut rest = words.iter().map(String::as_str);
    let owner = name(zone, rest.next().ok_or("it is empty")?)?;
    let mut word = rest.next().ok_or("it has no type")?;
    let ttl = word.parse().ok();
    if ttl.is_some() {
        word = rest.next().ok_or("it has no type")?;
    }
    let rtype: RecordType = word.parse().map_err(|_| "the type is unknown")?;
    let fields: Vec<&str> = rest.collect();
    let rdata = rdata(zone, rtype, &fields)?;
    Ok(Record { owner, rtype, ttl, rdata })
}

/// Words between blanks; what stands in quotes is one word, kept with its opening quote.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for letter in line.chars() {
        match letter {
            '"' => {
                quoted = !quoted;
                if quoted && let Some(word) = words.last_mut() {
                    word.push('"');
                }
            }
            ' ' | '\t' if !quoted => words.push(String::new()),
            _ => words.last_mut().into_iter().for_each(|word| word.push(letter)),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// A name relative to `zone`, unless it ends with a dot.
pub fn name(zone: &Name, word: &str) -> Result<Name, &'static str> {
    if word == "@" {
        return Ok(zone.clone());
    }
    let name: Name = word.parse().map_err(|_| "a name in it is not a name")?;
    if word.ends_with('.') {
        return Ok(name);
    }
    let labels = name.labels().chain(zone.labels());
    Name::from_labels(labels).map_err(|_| "a name in it is too long")
}

fn rdata(zone: &Name, rtype: RecordType, fields: &[&str]) -> Result<Vec<u8>, &'static str> {
    let mut out = Vec::new();
    if let ["\\#", _, digits @ ..] = fields {
        return from_hex(&digits.concat());
    }
    match (rtype, fields) {
        (RecordType::A, [address]) => {
            out.extend(address.parse::<Ipv4Addr>().map_err(|_| "the address is not one")?.octets());
        }
        (RecordType::AAAA, [address]) => {
            out.extend(address.parse::<Ipv6Addr>().map_err(|_| "the address is not one")?.octets());
        }
        (RecordType::NS | RecordType::CNAME | RecordType::DNAME | RecordType::PTR, [target]) => {
            out.extend_from_slice(name(zone, target)?.as_wire());
        }
        (RecordType::MX, [preference, target]) => {
            out.extend(number::<u16>(preference)?.to_be_bytes());
            out.extend_from_slice(name(zone, target)?.as_wire());
        }
        (RecordType::SRV, [priority, weight, port, target]) => {
            for word in [priority, weight, port] {
                out.extend(number::<u16>(word)?.to_be_bytes());
            }
            out.extend_from_slice(name(zone, target)?.as_wire());
        }
        (RecordType::TXT, [_, ..]) => {
            for word in fields {
                push_string(&mut out, word)?;
            }
        }
        (RecordType::CAA, [flags, tag, value]) => {
            out.push(number(flags)?);
            push_string(&mut out, tag)?;
            out.extend_from_slice(value.trim_start_matches('"').as_bytes());
        }
        (RecordType::DS, [tag, algorithm, digest_type, digest]) => {
            out.extend(number::<u16>(tag)?.to_be_bytes());
            out.extend([number::<u8>(algorithm)?, number::<u8>(digest_type)?]);
            out.extend(from_hex(digest)?);
        }
        _ => return Err("the fields are not those of its type"),
    }
    Ok(out)
}

fn number<T: std::str::FromStr>(word: &str) -> Result<T, &'static str> {
    word.parse().map_err(|_| "a number in it is not one")
}

fn push_string(out: &mut Vec<u8>, word: &str) -> Result<(), &'static str> {
    let text = word.trim_start_matches('"');
    out.push(u8::try_from(text.len()).map_err(|_| "a text in it has more than 255 octets")?);
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

fn from_hex(digits: &str) -> Result<Vec<u8>, &'static str> {
    digits
        .as_bytes()
        .chunks(2)
        .map(|pair| {
            let pair = std::str::from_utf8(pair).map_err(|_| "the octets are not hexadecimal")?;
            u8::from_str_radix(pair, 16).map_err(|_| "the octets are not hexadecimal")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Record, RecordError> {
        Record::read(&"example.".parse().unwrap(), line)
    }

    #[test]
    fn names_are_relative_unless_they_end_with_a_dot() {
        let record = read("www 30 CNAME web.example.net.").unwrap();
        assert_eq!((record.owner.to_string().as_str(), record.ttl), ("www.example.", Some(30)));
        assert_eq!(record.rdata, b"\x03web\x07example\x03net\0");
        assert_eq!(read("@ MX 10 mail").unwrap().rdata, b"\x00\x0a\x04mail\x07example\0");
    }

    #[test]
    fn texts_may_have_blanks_and_unknown_types_are_octets() {
        assert_eq!(read("a TXT \"one two\" three").unwrap().rdata, b"\x07one two\x05three");
        assert_eq!(read("a TYPE65280 \\# 3 ab cdef").unwrap().rdata, [0xab, 0xcd, 0xef]);
    }

    #[test]
    fn a_line_that_is_no_record_says_why() {
        for line in ["", "a", "a 5", "a A", "a A 1.2.3", "a NOTYPE 1", "a MX mail", "a..b A 192.0.2.1"] {
            assert!(read(line).is_err(), "{line}");
        }
    }
}
