//! What rdata looks like from within, for the few types where that matters.
//!
//! [`layout`] tells where names stand inside rdata: the message walker expands them, `validate::canonical`
//! lower-cases them (RFC 4034 §6.2), `encode` compresses them where RFC 3597 §4 lets it. The readers
//! (`Soa`, `Rrsig`, `Dnskey`, …) borrow from uncompressed rdata and allocate nothing but names.
//! Every other type stays opaque.

use super::{Class, Name, RecordType, Rrset};

/// A piece of rdata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// So many octets.
    Octets(u8),
    /// A character-string: a length octet and so many octets.
    CharString,
    /// A domain name.
    Name,
}

/// Where names stand in rdata, and what may be done with them.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// The fields from the start of the rdata up to the last name; what follows is opaque.
    pub fields: &'static [Field],
    /// Whether a sender may compress the names: only the types of RFC 1035 (RFC 3597 §4).
    pub compress: bool,
    /// Whether the names are lower-cased in the canonical form (RFC 4034 §6.2 as amended by RFC 6840 §5.1).
    pub lowercase: bool,
}

/// The layout of a type whose rdata holds names that may come compressed or are lower-cased (RFC 3597 §4,
/// RFC 4034 §6.2); none for all others, NSEC among them (RFC 6840 §5.1).
pub fn layout(rtype: RecordType) -> Option<Layout> {
    use Field::{CharString, Name as N, Octets};
    let (fields, compress): (&'static [Field], bool) = match rtype {
        RecordType::NS
        | RecordType::MD
        | RecordType::MF
        | RecordType::CNAME
        | RecordType::MB
        | RecordType::MG
        | RecordType::MR
        | RecordType::PTR => (&[N], true),
        RecordType::SOA | RecordType::MINFO => (&[N, N], true),
        RecordType::MX => (&[Octets(2), N], true),
        RecordType::DNAME | RecordType::NXT => (&[N], false),
        RecordType::RP => (&[N, N], false),
        RecordType::AFSDB | RecordType::RT | RecordType::KX => (&[Octets(2), N], false),
        RecordType::PX => (&[Octets(2), N, N], false),
        RecordType::SRV => (&[Octets(6), N], false),
        RecordType::NAPTR => (&[Octets(4), CharString, CharString, CharString, N], false),
        RecordType::SIG | RecordType::RRSIG => (&[Octets(18), N], false),
        _ => return None,
    };
    Some(Layout { fields, compress, lowercase: true })
}

/// Rdata that does not have the form its type asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the record data is not of the form its type asks for")]
pub struct BadRdata;

/// Whether uncompressed rdata has the form its type asks for. Types that are not looked into are always well formed.
pub fn is_well_formed(rtype: RecordType, class: Class, rdata: &[u8]) -> bool {
    match rtype {
        // RFC 1035 §3.4 and RFC 3596 §2.2: the form is that of class IN alone.
        RecordType::A if class == Class::IN => rdata.len() == 4,
        RecordType::AAAA if class == Class::IN => rdata.len() == 16,
        RecordType::SOA => Soa::read(rdata).is_ok(),
        RecordType::RRSIG | RecordType::SIG => Rrsig::read(rdata).is_ok(),
        RecordType::DNSKEY | RecordType::CDNSKEY => Dnskey::read(rdata).is_ok(),
        RecordType::DS | RecordType::CDS => Ds::read(rdata).is_ok(),
        RecordType::NSEC => Nsec::read(rdata).is_ok(),
        RecordType::NSEC3 => Nsec3::read(rdata).is_ok(),
        // The names were read already; a bitmap of another form than NSEC's follows (RFC 2535 §5.2).
        RecordType::NXT => true,
        _ => layout(rtype).is_none_or(|layout| fills(layout.fields, rdata)),
    }
}

/// Whether the fields are all there is.
fn fills(fields: &[Field], rdata: &[u8]) -> bool {
    let mut rest = rdata;
    for field in fields {
        let size = match *field {
            Field::Octets(count) => Some(usize::from(count)),
            Field::CharString => rest.first().map(|len| 1 + usize::from(*len)),
            Field::Name => Name::from_wire(rest).ok().map(|(_, used)| used),
        };
        let Some(after) = size.and_then(|size| rest.get(size..)) else { return false };
        rest = after;
    }
    rest.is_empty()
}

fn be16(bytes: &[u8], at: usize) -> Result<u16, BadRdata> {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map(|two| u16::from_be_bytes(*two)).ok_or(BadRdata)
}

fn be32(bytes: &[u8], at: usize) -> Result<u32, BadRdata> {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map(|four| u32::from_be_bytes(*four)).ok_or(BadRdata)
}

fn octet(bytes: &[u8], at: usize) -> Result<u8, BadRdata> {
    bytes.get(at).copied().ok_or(BadRdata)
}

fn tail(bytes: &[u8], at: usize) -> Result<&[u8], BadRdata> {
    bytes.get(at..).ok_or(BadRdata)
}

/// Reads rdata that is one name and nothing more: NS, CNAME, DNAME, PTR.
pub fn single_name(rdata: &[u8]) -> Result<Name, BadRdata> {
    match Name::from_wire(rdata) {
        Ok((name, used)) if used == rdata.len() => Ok(name),
        _ => Err(BadRdata),
    }
}

/// SOA (RFC 1035 §3.3.13).
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the RFC")]
pub struct Soa {
    pub mname: Name,
    pub rname: Name,
    pub serial: u32,
    pub refresh: u32,
    pub retry: u32,
    pub expire: u32,
    /// The negative TTL, in seconds (RFC 2308 §4).
    pub minimum: u32,
}

impl Soa {
    /// Seconds that a denial with this SOA RRset may be kept (RFC 2308 §5): the lower of its TTL and its MINIMUM.
    pub fn negative_ttl(rrset: &Rrset) -> u32 {
        let minimum =
            rrset.rdatas.first().and_then(|rdata| Self::read(rdata).ok()).map_or(0, |soa| soa.minimum);
        rrset.ttl.min(minimum)
    }

    /// Reads uncompressed rdata.
    pub fn read(rdata: &[u8]) -> Result<Self, BadRdata> {
        let (mname, used) = Name::from_wire(rdata).map_err(|_| BadRdata)?;
        let rest = tail(rdata, used)?;
        let (rname, used) = Name::from_wire(rest).map_err(|_| BadRdata)?;
        let numbers: &[u8; 20] = tail(rest, used)?.try_into().map_err(|_| BadRdata)?;
        Ok(Self {
            mname,
            rname,
            serial: be32(numbers, 0)?,
            refresh: be32(numbers, 4)?,
            retry: be32(numbers, 8)?,
            expire: be32(numbers, 12)?,
            minimum: be32(numbers, 16)?,
        })
    }
}

/// RRSIG (RFC 4034 §3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the RFC")]
pub struct Rrsig<'a> {
    pub type_covered: RecordType,
    pub algorithm: u8,
    pub labels: u8,
    pub original_ttl: u32,
    /// Seconds since 1970 modulo 2³² (RFC 1982 arithmetic).
    pub expiration: u32,
    /// Seconds since 1970 modulo 2³² (RFC 1982 arithmetic).
    pub inception: u32,
    pub key_tag: u16,
    pub signer: Name,
    pub signature: &'a [u8],
    /// The rdata up to the signer's name: the first part of what is signed (RFC 4034 §3.1.8.1).
    pub fixed: &'a [u8],
}

impl<'a> Rrsig<'a> {
    /// Reads uncompressed rdata.
    pub fn read(rdata: &'a [u8]) -> Result<Self, BadRdata> {
        let fixed = rdata.get(..18).ok_or(BadRdata)?;
        let (signer, used) = Name::from_wire(tail(rdata, 18)?).map_err(|_| BadRdata)?;
        Ok(Self {
            type_covered: RecordType(be16(fixed, 0)?),
            algorithm: octet(fixed, 2)?,
            labels: octet(fixed, 3)?,
            original_ttl: be32(fixed, 4)?,
            expiration: be32(fixed, 8)?,
            inception: be32(fixed, 12)?,
            key_tag: be16(fixed, 16)?,
            signer,
            signature: tail(rdata, 18 + used)?,
            fixed,
        })
    }
}

/// DNSKEY (RFC 4034 §2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the RFC")]
pub struct Dnskey<'a> {
    pub flags: u16,
    pub protocol: u8,
    pub algorithm: u8,
    pub public_key: &'a [u8],
    /// The whole rdata.
    pub rdata: &'a [u8],
}

impl<'a> Dnskey<'a> {
    /// Reads rdata.
    pub fn read(rdata: &'a [u8]) -> Result<Self, BadRdata> {
        Ok(Self {
            flags: be16(rdata, 0)?,
            protocol: octet(rdata, 2)?,
            algorithm: octet(rdata, 3)?,
            public_key: tail(rdata, 4)?,
            rdata,
        })
    }

    /// Whether the zone key flag is set (RFC 4034 §2.1.1).
    pub fn is_zone_key(&self) -> bool {
        self.flags & 0x0100 != 0
    }

    /// Whether the secure entry point flag is set (RFC 4034 §2.1.1).
    pub fn is_sep(&self) -> bool {
        self.flags & 0x0001 != 0
    }

    /// Whether the key is revoked (RFC 5011 §2.1).
    pub fn is_revoked(&self) -> bool {
        self.flags & 0x0080 != 0
    }

    /// The key tag (RFC 4034 appendix B).
    pub fn key_tag(&self) -> u16 {
        if self.algorithm == 1 {
            // Appendix B.1: the tag of an RSA/MD5 key is taken from its modulus.
            let len = self.public_key.len();
            return be16(self.public_key, len.saturating_sub(3)).unwrap_or(0);
        }
        let mut sum = 0_u32;
        for pair in self.rdata.chunks(2) {
            sum += match *pair {
                [high, low] => u32::from(u16::from_be_bytes([high, low])),
                [high] => u32::from(high) << 8,
                _ => 0,
            };
        }
        sum += sum >> 16;
        u16::try_from(sum & 0xffff).unwrap_or(0)
    }
}

/// DS and CDS (RFC 4034 §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the RFC")]
pub struct Ds<'a> {
    pub key_tag: u16,
    pub algorithm: u8,
    pub digest_type: u8,
    pub digest: &'a [u8],
}

impl<'a> Ds<'a> {
    /// Reads rdata.
    pub fn read(rdata: &'a [u8]) -> Result<Self, BadRdata> {
        Ok(Self {
            key_tag: be16(rdata, 0)?,
            algorithm: octet(rdata, 2)?,
            digest_type: octet(rdata, 3)?,
            digest: tail(rdata, 4)?,
        })
    }
}

/// The type bitmap of NSEC and NSEC3 (RFC 4034 §4.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypeBitmap<'a>(&'a [u8]);

impl<'a> TypeBitmap<'a> {
    /// Reads a bitmap; window blocks that are out of order, empty or cut short are an error.
    pub fn read(bytes: &'a [u8]) -> Result<Self, BadRdata> {
        let mut rest = bytes;
        let mut last: Option<u8> = None;
        while let Some((&[window, len], after)) = rest.split_first_chunk::<2>() {
            if len == 0 || len > 32 || last.is_some_and(|last| window <= last) {
                return Err(BadRdata);
            }
            last = Some(window);
            rest = tail(after, usize::from(len))?;
        }
        if rest.is_empty() { Ok(Self(bytes)) } else { Err(BadRdata) }
    }

    /// Whether the type is among those at the name.
    pub fn contains(&self, rtype: RecordType) -> bool {
        let [wanted, low] = rtype.0.to_be_bytes();
        let mut rest = self.0;
        while let Some((&[window, len], after)) = rest.split_first_chunk::<2>() {
            let Some((bits, next)) = after.split_at_checked(usize::from(len)) else { return false };
            if window == wanted {
                return bits.get(usize::from(low >> 3)).is_some_and(|octet| octet & (0x80 >> (low & 7)) != 0);
            }
            rest = next;
        }
        false
    }

    /// All types of the bitmap, in rising order.
    pub fn types(&self) -> Vec<RecordType> {
        let mut types = Vec::new();
        let mut rest = self.0;
        while let Some((&[window, len], after)) = rest.split_first_chunk::<2>() {
            let Some((bits, next)) = after.split_at_checked(usize::from(len)) else { break };
            for (octet, low) in bits.iter().zip((0..=255_u8).step_by(8)) {
                for bit in 0..8 {
                    if octet & (0x80 >> bit) != 0 {
                        types.push(RecordType(u16::from_be_bytes([window, low + bit])));
                    }
                }
            }
            rest = next;
        }
        types
    }
}

/// NSEC (RFC 4034 §4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the RFC")]
pub struct Nsec<'a> {
    pub next: Name,
    pub types: TypeBitmap<'a>,
}

impl<'a> Nsec<'a> {
    /// Reads uncompressed rdata.
    pub fn read(rdata: &'a [u8]) -> Result<Self, BadRdata> {
        let (next, used) = Name::from_wire(rdata).map_err(|_| BadRdata)?;
        Ok(Self { next, types: TypeBitmap::read(tail(rdata, used)?)? })
    }
}

/// NSEC3 (RFC 5155 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of the RFC")]
pub struct Nsec3<'a> {
    pub hash_algorithm: u8,
    pub flags: u8,
    pub iterations: u16,
    pub salt: &'a [u8],
    pub next_hash: &'a [u8],
    pub types: TypeBitmap<'a>,
}

impl<'a> Nsec3<'a> {
    /// Reads rdata.
    pub fn read(rdata: &'a [u8]) -> Result<Self, BadRdata> {
        let salt_len = usize::from(octet(rdata, 4)?);
        let (salt, rest) = tail(rdata, 5)?.split_at_checked(salt_len).ok_or(BadRdata)?;
        let hash_len = usize::from(octet(rest, 0)?);
        let (next_hash, types) = tail(rest, 1)?.split_at_checked(hash_len).ok_or(BadRdata)?;
        Ok(Self {
            hash_algorithm: octet(rdata, 0)?,
            flags: octet(rdata, 1)?,
            iterations: be16(rdata, 2)?,
            salt,
            next_hash,
            types: TypeBitmap::read(types)?,
        })
    }

    /// Whether the opt-out flag is set (RFC 5155 §3.1.2.1).
    pub fn is_opt_out(&self) -> bool {
        self.flags & 1 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_bitmap_is_read_as_rfc_4034_shows() {
        // RFC 4034 §4.3: A MX RRSIG NSEC TYPE1234.
        let mut bytes = vec![0, 6, 0x40, 0x01, 0, 0, 0, 0x03, 4, 0x1b];
        bytes.extend([0; 26]);
        bytes.push(0x20);
        let map = TypeBitmap::read(&bytes).unwrap();
        assert_eq!(
            map.types(),
            [RecordType::A, RecordType::MX, RecordType::RRSIG, RecordType::NSEC, RecordType(1234)]
        );
        assert!(
            map.contains(RecordType(1234))
                && !map.contains(RecordType(1235))
                && !map.contains(RecordType::NS)
        );
    }

    #[test]
    fn a_broken_bitmap_is_refused() {
        for bytes in [&[0, 0][..], &[0, 33], &[0, 2, 1], &[1, 1, 1, 0, 1, 1], &[0], &[0, 1, 1, 0, 1, 1]] {
            assert_eq!(TypeBitmap::read(bytes), Err(BadRdata), "{bytes:?}");
        }
    }

    #[test]
    fn rdata_cut_short_anywhere_is_an_error_and_no_panic() {
        let mut soa = vec![1, b'a', 0, 0];
        soa.extend([0; 20]);
        for end in 0..soa.len() {
            assert_eq!(Soa::read(&soa[..end]), Err(BadRdata));
        }
        assert!(Soa::read(&soa).is_ok());
        let nsec3 = [1, 0, 0, 10, 2, 0xaa, 0xbb, 3, 1, 2, 3, 0, 1, 0x40];
        for end in 0..11 {
            assert_eq!(Nsec3::read(&nsec3[..end]), Err(BadRdata));
        }
        assert_eq!(Nsec3::read(&nsec3).unwrap().next_hash, [1, 2, 3]);
    }
}
