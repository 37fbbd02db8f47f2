//! Records of a scenario: one line of zone text to wire form.
//!
//! In: `www.example.com. 300 IN A 192.0.2.1`; the TTL (3600) and the class (IN) may be left out, names are always
//! full, with or without the last dot. Out: owner, type, class, TTL and rdata. RFC 1035 §5, 4034 §2–5, 5155 §3.3;
//! unknown types and rdata as RFC 3597 §5 says.

use std::net::{Ipv4Addr, Ipv6Addr};

use rootwalk::dns::{Class, Name, RecordType};

/// What Unbound and Deckard give a record without a TTL.
const TTL_SECS: u32 = 3_600;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) owner: Name,
    pub(crate) rtype: RecordType,
    pub(crate) class: Class,
    pub(crate) ttl: u32,
    /// Whether the line says the TTL.
    pub(crate) has_ttl: bool,
    pub(crate) rdata: Vec<u8>,
}

impl Record {
    pub(crate) fn read(line: &str) -> Result<Self, String> {
        let words = words(line);
        let (owner, mut rest) = words.split_first().ok_or("an empty record")?;
        let (mut ttl, mut class) = (None, Class::IN);
        let rtype = loop {
            let (word, after) = rest.split_first().ok_or("a record without a type")?;
            rest = after;
            if let Ok(number) = word.parse() {
                ttl = Some(number);
            } else if let (Ok(found), true) = (word.parse(), word != "ANY") {
                class = found;
            } else {
                break word.parse::<RecordType>().map_err(|error| error.to_string())?;
            }
        };
        let fields: Vec<&str> = rest.iter().map(String::as_str).collect();
        let rdata = rdata(rtype, &fields)?;
        Ok(Self {
            owner: name(owner)?,
            rtype,
            class,
            ttl: ttl.unwrap_or(TTL_SECS),
            has_ttl: ttl.is_some(),
            rdata,
        })
    }

    pub(crate) fn push(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.owner.as_wire());
        out.extend(self.rtype.0.to_be_bytes());
        out.extend(self.class.0.to_be_bytes());
        out.extend(self.ttl.to_be_bytes());
        out.extend(u16::try_from(self.rdata.len()).unwrap().to_be_bytes());
        out.extend_from_slice(&self.rdata);
    }
}

/// Words between blanks; quoted text is one word and keeps its opening quote. A comment ends the line.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for letter in line.chars() {
        match letter {
            '"' => {
                quoted = !quoted;
                // In the midst of a word it stays there: `alpn="h2"`.
                match words.last_mut() {
                    Some(word) if quoted && word.is_empty() => word.push('"'),
                    _ => {}
                }
            }
            ';' if !quoted => break,
            ' ' | '\t' | '\r' if !quoted => words.push(String::new()),
            _ => words.last_mut().unwrap().push(letter),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

pub(crate) fn name(word: &str) -> Result<Name, String> {
    word.parse().map_err(|error| format!("'{word}' is not a name: {error}"))
}

fn rdata(rtype: RecordType, fields: &[&str]) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    if let ["\\#", _, digits @ ..] = fields {
        return hex(&digits.concat());
    }
    let layout = layout(rtype).ok_or_else(|| format!("no layout for {rtype}"))?;
    let mut rest = fields.iter().copied();
    for kind in layout.chars() {
        let mut field = || rest.next().ok_or_else(|| format!("{rtype} {fields:?} ends early"));
        match kind {
            '1' => out.push(number(field()?)?),
            '2' => out.extend(number::<u16>(field()?)?.to_be_bytes()),
            '4' => out.extend(number::<u32>(field()?)?.to_be_bytes()),
            'n' => out.extend_from_slice(name(field()?)?.as_wire()),
            'a' => out.extend(parsed::<Ipv4Addr>(field()?)?.octets()),
            '6' => out.extend(parsed::<Ipv6Addr>(field()?)?.octets()),
            't' => {
                out.extend(
                    field()?.parse::<RecordType>().map_err(|error| error.to_string())?.0.to_be_bytes(),
                );
            }
            'd' => out.extend(date(field()?)?.to_be_bytes()),
            's' => push_counted(&mut out, &salt(field()?)?),
            'h' => push_counted(&mut out, &base32hex(field()?)?),
            'x' => out.extend(hex(&rest.by_ref().collect::<String>())?),
            'b' => out.extend(base64(&rest.by_ref().collect::<String>())?),
            'm' => out.extend(bitmap(rest.by_ref())?),
            'p' => {
                for parameter in rest.by_ref() {
                    push_parameter(&mut out, parameter)?;
                }
            }
            'q' => {
                rest.by_ref()
                    .for_each(|text| push_counted(&mut out, text.trim_start_matches('"').as_bytes()));
            }
            other => return Err(format!("a layout with '{other}'")),
        }
    }
    match rest.next() {
        Some(left) => Err(format!("{rtype} has a field too many: {left}")),
        None => Ok(out),
    }
}

/// The fields of a type's rdata: numbers of 1, 2 and 4 octets, `n`ames, `a`ddresses, `t`ypes, `d`ates, the `s`alt and
/// `h`ash of NSEC3, and, to the end, he`x`, `b`ase 64, bit`m`ap, `q`uoted texts, or service
/// `p`arameters.
fn layout(rtype: RecordType) -> Option<&'static str> {
    Some(match rtype {
        RecordType::A => "a",
        RecordType::AAAA => "6",
        RecordType::NS | RecordType::CNAME | RecordType::DNAME | RecordType::PTR => "n",
        RecordType::SOA => "nn44444",
        RecordType::MX => "2n",
        RecordType::SRV => "222n",
        RecordType::TXT | RecordType::HINFO => "q",
        RecordType::DS | RecordType::TLSA => {
            if rtype == RecordType::DS {
                "211x"
            } else {
                "111x"
            }
        }
        RecordType::HTTPS | RecordType::SVCB => "2np",
        RecordType::DNSKEY => "211b",
        RecordType::RRSIG => "t114dd2nb",
        RecordType::NSEC => "nm",
        RecordType::NSEC3 => "112shm",
        RecordType::NSEC3PARAM => "112s",
        _ => return None,
    })
}

fn number<T: std::str::FromStr>(word: &str) -> Result<T, String> {
    word.parse().map_err(|_| format!("'{word}' is not a number that fits"))
}

fn parsed<T: std::str::FromStr>(word: &str) -> Result<T, String> {
    word.parse().map_err(|_| format!("'{word}' is not an address"))
}

fn push_counted(out: &mut Vec<u8>, octets: &[u8]) {
    out.push(u8::try_from(octets.len()).unwrap());
    out.extend_from_slice(octets);
}

/// RFC 9460 §2.2: `alpn` and `ipv4hint`, in the order of their numbers as written.
fn push_parameter(out: &mut Vec<u8>, word: &str) -> Result<(), String> {
    let (key, values) = word.split_once('=').ok_or("a parameter without a value")?;
    let mut value = Vec::new();
    let number: u16 = match key {
        "alpn" => 1,
        "ipv4hint" => 4,
        _ => return Err(format!("the parameter {key}")),
    };
    for one in values.split(',') {
        match number {
            1 => push_counted(&mut value, one.as_bytes()),
            _ => value.extend(parsed::<Ipv4Addr>(one)?.octets()),
        }
    }
    out.extend(number.to_be_bytes());
    out.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
    out.extend(value);
    Ok(())
}

pub(crate) fn hex(digits: &str) -> Result<Vec<u8>, String> {
    let wrong = || format!("'{digits}' is not hexadecimal");
    if !digits.is_ascii() || !digits.len().is_multiple_of(2) {
        return Err(wrong());
    }
    let octet = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).map_err(|_| wrong());
    (0..digits.len()).step_by(2).map(octet).collect()
}

fn salt(word: &str) -> Result<Vec<u8>, String> {
    if word == "-" { Ok(Vec::new()) } else { hex(word) }
}

fn base64(text: &str) -> Result<Vec<u8>, String> {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    decode(text.trim_end_matches('='), letters, 6)
}

fn base32hex(text: &str) -> Result<Vec<u8>, String> {
    decode(&text.to_ascii_lowercase(), b"0123456789abcdefghijklmnopqrstuv", 5)
}

fn decode(text: &str, letters: &[u8], bits: u32) -> Result<Vec<u8>, String> {
    let (mut out, mut held, mut count) = (Vec::new(), 0_u32, 0);
    for letter in text.bytes() {
        let value = letters.iter().position(|one| *one == letter);
        let value = value.ok_or_else(|| format!("'{text}' is not base {}", 1 << bits))?;
        held = (held << bits | u32::try_from(value).unwrap()) & 0xffff;
        count += bits;
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from(held >> count & 0xff).unwrap());
        }
    }
    Ok(out)
}

/// RFC 4034 §4.1.2.
fn bitmap<'a>(words: impl Iterator<Item = &'a str>) -> Result<Vec<u8>, String> {
    let mut types = Vec::new();
    for word in words {
        types.push(word.parse::<RecordType>().map_err(|error| error.to_string())?.0);
    }
    types.sort_unstable();
    let mut out = Vec::new();
    for window in 0..=255_u8 {
        let mut bits = [0_u8; 32];
        for [_, low] in types.iter().map(|rtype| rtype.to_be_bytes()).filter(|[high, _]| *high == window) {
            bits[usize::from(low / 8)] |= 0x80 >> (low % 8);
        }
        if let Some(last) = bits.iter().rposition(|octet| *octet != 0) {
            out.push(window);
            push_counted(&mut out, &bits[..=last]);
        }
    }
    Ok(out)
}

/// `YYYYMMDDHHmmSS`, or seconds since 1970.
pub(crate) fn date(word: &str) -> Result<u32, String> {
    if word.len() != 14 {
        return number(word);
    }
    let part = |from: usize, to: usize| {
        word.get(from..to).ok_or("a date").map_err(str::to_owned).and_then(number::<i64>)
    };
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    // Days since 1970, the year beginning in March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    let seconds = days * 86_400 + part(8, 10)? * 3_600 + part(10, 12)? * 60 + part(12, 14)?;
    u32::try_from(seconds).map_err(|_| format!("'{word}' is not a date that fits"))
}
