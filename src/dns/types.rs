//! The numbers of the DNS: record types, classes, response codes, opcodes.
//!
//! Each is a newtype over its wire value, so that a value nobody has named yet passes through unharmed
//! (RFC 3597). Names are those of the IANA registries; `TYPE123` and `CLASS32` are read and written.

use std::fmt;
use std::str::FromStr;

/// A record type (IANA "Resource Record (RR) TYPEs").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordType(pub u16);

/// A class. Only `IN` is resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Class(pub u16);

/// A response code; up to 15 in the header, above with EDNS (RFC 6891 §6.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rcode(pub u16);

/// An operation code, four bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Opcode(pub u8);

/// A word that names no record type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a record type: use a name such as AAAA, or TYPE followed by its number")]
pub struct UnknownType(pub String);

macro_rules! names {
    ($type:ident, $prefix:literal, $( $name:ident = $value:literal $(as $text:literal)? ),+ $(,)?) => {
        #[expect(missing_docs, reason = "the IANA registry describes them")]
        impl $type {
            $( pub const $name: Self = Self($value); )+
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match *self {
                    $( Self::$name => f.write_str(names!(@text $name $($text)?)), )+
                    Self(other) => write!(f, concat!($prefix, "{}"), other),
                }
            }
        }

        impl $type {
            /// The named values.
            const NAMED: &'static [(&'static str, Self)] = &[ $( (names!(@text $name $($text)?), Self::$name) ),+ ];

            /// The value of that name, or of the prefix and a number.
            pub fn named(word: &str) -> Option<Self> {
                if let Some((_, value)) = Self::NAMED.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)) {
                    return Some(*value);
                }
                let (prefix, digits) = word.split_at_checked($prefix.len())?;
                if prefix.eq_ignore_ascii_case($prefix) { digits.parse().ok().map(Self) } else { None }
            }
        }
    };
    (@text $name:ident $text:literal) => { $text };
    (@text $name:ident) => { stringify!($name) };
}

names!(
    RecordType, "TYPE",
    A = 1, NS = 2, MD = 3, MF = 4, CNAME = 5, SOA = 6, MB = 7, MG = 8, MR = 9, NULL = 10, WKS = 11, PTR = 12, HINFO = 13,
    MINFO = 14, MX = 15, TXT = 16, RP = 17, AFSDB = 18, X25 = 19, ISDN = 20, RT = 21, NSAP = 22, NSAP_PTR = 23 as "NSAP-PTR", SIG = 24,
    KEY = 25, PX = 26, GPOS = 27, AAAA = 28, LOC = 29, NXT = 30, SRV = 33, NAPTR = 35, KX = 36, CERT = 37, A6 = 38, DNAME = 39,
    OPT = 41, APL = 42, DS = 43, SSHFP = 44, IPSECKEY = 45, RRSIG = 46, NSEC = 47, DNSKEY = 48, DHCID = 49, NSEC3 = 50,
    NSEC3PARAM = 51, TLSA = 52, SMIMEA = 53, HIP = 55, CDS = 59, CDNSKEY = 60, OPENPGPKEY = 61, CSYNC = 62, ZONEMD = 63, SVCB = 64,
    HTTPS = 65, SPF = 99, NXNAME = 128, TKEY = 249, TSIG = 250, IXFR = 251, AXFR = 252, MAILB = 253, MAILA = 254, ANY = 255, URI = 256,
    CAA = 257, RESINFO = 261, DLV = 32769,
);

names!(Class, "CLASS", IN = 1, CH = 3, HS = 4, NONE = 254, ANY = 255);

names!(
    Rcode,
    "RCODE",
    NOERROR = 0,
    FORMERR = 1,
    SERVFAIL = 2,
    NXDOMAIN = 3,
    NOTIMP = 4,
    REFUSED = 5,
    YXDOMAIN = 6,
    YXRRSET = 7,
    NXRRSET = 8,
    NOTAUTH = 9,
    NOTZONE = 10,
    BADVERS = 16,
    BADCOOKIE = 23,
);

names!(Opcode, "OPCODE", QUERY = 0, IQUERY = 1, STATUS = 2, NOTIFY = 4, UPDATE = 5, DSO = 6);

impl RecordType {
    /// Whether the number can never be the type of a record in a zone: OPT, the transaction types and the
    /// question types (RFC 6895 §3.1), and NXNAME (RFC 9824 §3.3).
    pub fn is_meta(self) -> bool {
        self == Self::OPT || self == Self::NXNAME || (128..=255).contains(&self.0) || self.0 == 0
    }

    /// Whether records of this type stand on the parent's side of a zone cut (RFC 4034 §5, RFC 4035 §2.6).
    pub fn is_parent_side(self) -> bool {
        self == Self::DS
    }

    /// Whether an alias at a name speaks for records of this type there: not for DS, which is the parent's (RFC 4035
    /// §3.1.4.1), nor for NSEC and RRSIG, which stand beside a CNAME record (RFC 4035 §2.5).
    pub fn is_aliased(self) -> bool {
        !self.is_parent_side() && !matches!(self, Self::NSEC | Self::RRSIG)
    }

    /// Whether the type only serves to prove: RRSIG, NSEC, NSEC3, which a client sees only with DO (RFC 4035 §3.2.1).
    pub fn is_dnssec_proof(self) -> bool {
        matches!(self, Self::RRSIG | Self::NSEC | Self::NSEC3)
    }
}

impl FromStr for RecordType {
    type Err = UnknownType;

    fn from_str(word: &str) -> Result<Self, UnknownType> {
        Self::named(word).ok_or_else(|| UnknownType(word.to_owned()))
    }
}

impl FromStr for Class {
    type Err = UnknownType;

    fn from_str(word: &str) -> Result<Self, UnknownType> {
        Self::named(word).ok_or_else(|| UnknownType(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_and_written_by_name_and_number() {
        assert_eq!("aaaa".parse(), Ok(RecordType::AAAA));
        assert_eq!("TYPE65280".parse(), Ok(RecordType(65280)));
        assert_eq!("nsap-ptr".parse(), Ok(RecordType::NSAP_PTR));
        assert_eq!(RecordType(65280).to_string(), "TYPE65280");
        assert!("TYPE70000".parse::<RecordType>().is_err());
        assert!("é".parse::<RecordType>().is_err());
    }
}
