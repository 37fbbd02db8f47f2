//! Records as people read them: presentation format (RFC 1035 §5.1 and the RFC of each type), and the form
//! of RFC 3597 §5 for types without one here and for rdata that is not what its type asks for.
//!
//! What comes from the network is always printed as ASCII: octets beyond are escaped, so that no record can
//! speak to the terminal.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::add;
use crate::clock::calendar;
use crate::dns::base::{base32, base64, hex};
use crate::dns::rdata::TypeBitmap;
use crate::dns::{Name, RecordType, Rrset};

/// A piece of rdata, and how it is written.
#[derive(Debug, Clone, Copy)]
enum Part {
    Name,
    U8,
    U16,
    U32,
    Ipv4,
    Ipv6,
    /// A type's name.
    Type,
    /// `YYYYMMDDHHmmSS` (RFC 4034 §3.2).
    Time,
    /// A character-string in quotes.
    Text,
    /// Character-strings in quotes up to the end.
    Texts,
    /// A character-string without quotes.
    Word,
    /// What is left, in quotes.
    RestText,
    /// What is left, in hexadecimal.
    RestHex,
    /// What is left, in base64.
    RestBase64,
    /// Octets behind their length, in hexadecimal; `-` if there are none (RFC 5155 §3.3).
    Salt,
    /// Octets behind their length, in base32hex without padding (RFC 5155 §3.3).
    Hash,
    /// A type bitmap.
    Bitmap,
    /// SVCB parameters (RFC 9460 §2.1).
    Parameters,
}

/// The parts of a type's rdata; none for types without a presentation here.
fn parts(rtype: RecordType) -> Option<&'static [Part]> {
    use Part::{
        Bitmap, Hash, Ipv4, Ipv6, Name, Parameters, RestBase64, RestHex, RestText, Salt, Text, Texts, Time,
        Type, U8, U16, U32, Word,
    };
    Some(match rtype {
        RecordType::A => &[Ipv4],
        RecordType::AAAA => &[Ipv6],
        RecordType::NS
        | RecordType::MD
        | RecordType::MF
        | RecordType::CNAME
        | RecordType::MB
        | RecordType::MG
        | RecordType::MR
        | RecordType::PTR
        | RecordType::DNAME => &[Name],
        RecordType::SOA => &[Name, Name, U32, U32, U32, U32, U32],
        RecordType::MINFO | RecordType::RP => &[Name, Name],
        RecordType::MX | RecordType::AFSDB | RecordType::RT | RecordType::KX => &[U16, Name],
        RecordType::PX => &[U16, Name, Name],
        RecordType::TXT | RecordType::SPF | RecordType::RESINFO => &[Texts],
        RecordType::HINFO => &[Text, Text],
        RecordType::SRV => &[U16, U16, U16, Name],
        RecordType::NAPTR => &[U16, U16, Text, Text, Text, Name],
        RecordType::DS | RecordType::CDS | RecordType::DLV => &[U16, U8, U8, RestHex],
        RecordType::DNSKEY | RecordType::CDNSKEY | RecordType::KEY => &[U16, U8, U8, RestBase64],
        RecordType::RRSIG | RecordType::SIG => &[Type, U8, U8, U32, Time, Time, U16, Name, RestBase64],
        RecordType::NSEC => &[Name, Bitmap],
        RecordType::NSEC3 => &[U8, U8, U16, Salt, Hash, Bitmap],
        RecordType::NSEC3PARAM => &[U8, U8, U16, Salt],
        RecordType::TLSA | RecordType::SMIMEA => &[U8, U8, U8, RestHex],
        RecordType::SSHFP => &[U8, U8, RestHex],
        RecordType::CAA => &[U8, Word, RestText],
        RecordType::URI => &[U16, U16, RestText],
        RecordType::CSYNC => &[U32, U16, Bitmap],
        RecordType::ZONEMD => &[U32, U8, U8, RestHex],
        RecordType::DHCID | RecordType::OPENPGPKEY => &[RestBase64],
        RecordType::SVCB | RecordType::HTTPS => &[U16, Name, Parameters],
        _ => return None,
    })
}

/// An RRset and its signatures, a record a line, as `dig` writes them.
pub(super) fn rrset(rrset: &Rrset, with_signatures: bool) -> String {
    let mut lines = String::new();
    let mut line = |ttl: u32, rtype: RecordType, rdata: &[u8]| {
        let (name, class, value) = (&rrset.name, rrset.class, rdata_text(rtype, rdata));
        add(&mut lines, format_args!("{name}\t{ttl}\t{class}\t{rtype}\t{value}\n"));
    };
    for rdata in &rrset.rdatas {
        line(rrset.ttl, rrset.rtype, rdata);
    }
    for signature in rrset.signatures.iter().filter(|_| with_signatures) {
        line(rrset.signatures_ttl, RecordType::RRSIG, signature);
    }
    lines
}

/// Rdata in presentation format.
pub(super) fn rdata_text(rtype: RecordType, rdata: &[u8]) -> String {
    parts(rtype).and_then(|parts| write_parts(parts, rdata)).unwrap_or_else(|| generic(rdata))
}

/// RFC 3597 §5.
fn generic(rdata: &[u8]) -> String {
    match rdata.len() {
        0 => "\\# 0".to_owned(),
        len => format!("\\# {len} {}", hex(rdata)),
    }
}

fn write_parts(parts: &[Part], rdata: &[u8]) -> Option<String> {
    let mut rest = Rest(rdata);
    let mut words = Vec::new();
    for part in parts {
        let word = rest.part(*part)?;
        if !word.is_empty() {
            words.push(word);
        }
    }
    rest.0.is_empty().then(|| words.join(" "))
}

/// What of the rdata is not written yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn part(&mut self, part: Part) -> Option<String> {
        Some(match part {
            Part::Name => self.name()?.to_string(),
            Part::U8 => self.u8()?.to_string(),
            Part::U16 => self.u16()?.to_string(),
            Part::U32 => self.u32()?.to_string(),
            Part::Ipv4 => Ipv4Addr::from(self.array::<4>()?).to_string(),
            Part::Ipv6 => Ipv6Addr::from(self.array::<16>()?).to_string(),
            Part::Type => RecordType(self.u16()?).to_string(),
            Part::Time => time(self.u32()?),
            Part::Text => quoted(self.counted()?),
            Part::Texts => self.texts()?,
            Part::Word => escaped(self.counted()?),
            Part::RestText => quoted(self.all()),
            Part::RestHex => hex(self.all()),
            Part::RestBase64 => base64(self.all()),
            Part::Salt => match self.counted()? {
                [] => "-".to_owned(),
                salt => hex(salt),
            },
            Part::Hash => base32(self.counted()?),
            Part::Bitmap => {
                let types = TypeBitmap::read(self.all()).ok()?.types();
                types.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
            }
            Part::Parameters => self.parameters()?,
        })
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn all(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn name(&mut self) -> Option<Name> {
        let (name, used) = Name::from_wire(self.0).ok()?;
        self.take(used)?;
        Some(name)
    }

    /// Octets behind their length in one octet.
    fn counted(&mut self) -> Option<&'a [u8]> {
        let len = usize::from(self.u8()?);
        self.take(len)
    }

    fn texts(&mut self) -> Option<String> {
        let mut texts = Vec::new();
        while !self.0.is_empty() {
            texts.push(quoted(self.counted()?));
        }
        (!texts.is_empty()).then(|| texts.join(" "))
    }

    fn parameters(&mut self) -> Option<String> {
        let mut words = Vec::new();
        while !self.0.is_empty() {
            let (key, len) = (self.u16()?, self.u16()?);
            words.push(parameter(key, self.take(usize::from(len))?)?);
        }
        Some(words.join(" "))
    }
}

/// One SVCB parameter (RFC 9460 §14.3.2, RFC 9461 §5).
fn parameter(key: u16, value: &[u8]) -> Option<String> {
    let mut rest = Rest(value);
    let list = |items: Vec<String>| (!items.is_empty()).then(|| items.join(","));
    let text = match key {
        0 => format!("mandatory={}", list(rest.each(Rest::u16)?.into_iter().map(parameter_name).collect())?),
        1 => {
            let protocols = rest.each(Rest::counted)?;
            format!(
                "alpn={}",
                list(protocols.into_iter().map(|one| escaped(one).replace(',', "\\\\,")).collect())?
            )
        }
        2 if value.is_empty() => "no-default-alpn".to_owned(),
        3 => format!("port={}", rest.whole(Rest::u16)?),
        4 => {
            let hints = rest.each(Rest::array::<4>)?;
            format!(
                "ipv4hint={}",
                list(hints.into_iter().map(|hint| Ipv4Addr::from(hint).to_string()).collect())?
            )
        }
        5 => format!("ech={}", base64(value)),
        6 => {
            let hints = rest.each(Rest::array::<16>)?;
            format!(
                "ipv6hint={}",
                list(hints.into_iter().map(|hint| Ipv6Addr::from(hint).to_string()).collect())?
            )
        }
        7 => format!("dohpath={}", quoted(value)),
        _ if value.is_empty() => parameter_name(key),
        _ => format!("{}={}", parameter_name(key), quoted(value)),
    };
    Some(text)
}

fn parameter_name(key: u16) -> String {
    match key {
        0 => "mandatory".to_owned(),
        1 => "alpn".to_owned(),
        2 => "no-default-alpn".to_owned(),
        3 => "port".to_owned(),
        4 => "ipv4hint".to_owned(),
        5 => "ech".to_owned(),
        6 => "ipv6hint".to_owned(),
        7 => "dohpath".to_owned(),
        other => format!("key{other}"),
    }
}

impl Rest<'_> {
    /// Reads items up to the end.
    fn each<T>(&mut self, read: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let mut items = Vec::new();
        while !self.0.is_empty() {
            items.push(read(self)?);
        }
        Some(items)
    }

    /// Reads one item that has to be all there is.
    fn whole<T>(&mut self, read: impl Fn(&mut Self) -> Option<T>) -> Option<T> {
        read(self).filter(|_| self.0.is_empty())
    }
}

/// A character-string in quotes: printable ASCII, the rest as `\DDD`.
fn quoted(octets: &[u8]) -> String {
    let mut text = String::from("\"");
    for octet in octets {
        match octet {
            b'"' | b'\\' => {
                text.push('\\');
                text.push(char::from(*octet));
            }
            b' '..=b'~' => text.push(char::from(*octet)),
            _ => write_escape(&mut text, *octet),
        }
    }
    text.push('"');
    text
}

/// A character-string without quotes.
fn escaped(octets: &[u8]) -> String {
    let mut text = String::new();
    for octet in octets {
        match octet {
            b'"' | b'\\' | b';' | b'(' | b')' => {
                text.push('\\');
                text.push(char::from(*octet));
            }
            b'!'..=b'~' => text.push(char::from(*octet)),
            _ => write_escape(&mut text, *octet),
        }
    }
    text
}

fn write_escape(text: &mut String, octet: u8) {
    add(text, format_args!("\\{octet:03}"));
}

/// `YYYYMMDDHHmmSS` of seconds since 1970 (RFC 4034 §3.2).
pub(super) fn time(unix: u32) -> String {
    let [year, month, day, hour, minute, second] = calendar(u64::from(unix));
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(parts: &[&[u8]]) -> Vec<u8> {
        parts.concat()
    }

    #[test]
    fn common_types_are_written_as_their_rfcs_show() {
        let name: &[u8] = b"\x02ns\x07example\x00";
        for (rtype, rdata, text) in [
            (RecordType::A, wire(&[&[192, 0, 2, 1]]), "192.0.2.1"),
            (RecordType::AAAA, Ipv6Addr::LOCALHOST.octets().to_vec(), "::1"),
            (RecordType::MX, wire(&[&[0, 10], name]), "10 ns.example."),
            (RecordType::TXT, b"\x03a\"b\x02\xff\n\x00".to_vec(), "\"a\\\"b\" \"\\255\\010\" \"\""),
            (RecordType::CAA, b"\x80\x05issueca.example".to_vec(), "128 issue \"ca.example\""),
            (RecordType::DS, wire(&[&[0x4f, 0x66, 8, 2, 0xe0, 0x6d]]), "20326 8 2 E06D"),
            (RecordType::TLSA, vec![3, 1, 1, 0xd2, 0xab], "3 1 1 D2AB"),
            (RecordType::DNSKEY, wire(&[&[1, 1, 3, 13], b"foob"]), "257 3 13 Zm9vYg=="),
            (RecordType::NSEC3PARAM, vec![1, 0, 0, 10, 2, 0xaa, 0xbb], "1 0 10 AABB"),
            (RecordType::NSEC3PARAM, vec![1, 0, 0, 0, 0], "1 0 0 -"),
            (RecordType::NSEC3, b"\x01\x01\x00\x00\x00\x05fooba\x00\x01\x40".to_vec(), "1 1 0 - CPNMUOJ1 A"),
            (RecordType::NSEC, wire(&[name, &[0, 1, 0x62]]), "ns.example. A NS SOA"),
        ] {
            assert_eq!(rdata_text(rtype, &rdata), text, "{rtype}");
        }
    }

    #[test]
    fn signatures_have_their_times_written_out() {
        // RFC 4034 §3.3.
        let mut rdata = vec![0, 1, 5, 3];
        for number in [86_400_u32, 1_048_354_263, 1_045_762_263] {
            rdata.extend(number.to_be_bytes());
        }
        rdata.extend([0x0a, 0x52]);
        rdata.extend(b"\x07example\x03com\x00foo");
        assert_eq!(
            rdata_text(RecordType::RRSIG, &rdata),
            "A 5 3 86400 20030322173103 20030220173103 2642 example.com. Zm9v"
        );
        assert_eq!(time(951_782_400), "20000229000000");
        assert_eq!(time(u32::MAX), "21060207062815");
    }

    #[test]
    fn service_bindings_are_written_as_rfc_9460_shows() {
        let mut rdata = b"\x00\x01\x00".to_vec();
        rdata.extend(b"\x00\x01\x00\x06\x02h2\x02h3\x00\x03\x00\x02\x01\xbb\x00\x04\x00\x04\xc0\x00\x02\x01");
        rdata.extend(b"\x02\x9b\x00\x02hi");
        assert_eq!(
            rdata_text(RecordType::HTTPS, &rdata),
            "1 . alpn=h2,h3 port=443 ipv4hint=192.0.2.1 key667=\"hi\""
        );
        assert_eq!(rdata_text(RecordType::SVCB, b"\x00\x00\x03foo\x00"), "0 foo.");
    }

    #[test]
    fn what_has_no_presentation_is_written_in_the_generic_form() {
        assert_eq!(rdata_text(RecordType(65_280), &[1, 2, 255]), "\\# 3 0102FF");
        assert_eq!(rdata_text(RecordType(65_280), &[]), "\\# 0");
        // An A record of five octets, a name that is cut off, a parameter that is cut off.
        assert_eq!(rdata_text(RecordType::A, &[1, 2, 3, 4, 5]), "\\# 5 0102030405");
        assert_eq!(rdata_text(RecordType::NS, b"\x05ab"), "\\# 3 056162");
        assert_eq!(rdata_text(RecordType::SVCB, b"\x00\x01\x00\x00\x03\x00\x09a"), "\\# 8 0001000003000961");
    }

    #[test]
    fn whatever_a_record_says_is_printed_as_ascii() {
        let octets: Vec<u8> = (0..=255).collect();
        for rtype in (0..=300).map(RecordType) {
            for len in [0, 1, 5, 19, 40, 255] {
                let mut rdata = vec![u8::try_from(len).unwrap()];
                rdata.extend(octets.iter().rev().take(len));
                let text = rdata_text(rtype, &rdata);
                assert!(text.bytes().all(|octet| (b' '..=b'~').contains(&octet)), "{rtype}: {text:?}");
            }
        }
    }
}
