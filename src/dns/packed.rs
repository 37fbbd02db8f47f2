//! RRsets as caches keep them: packed into octets, and read back to the letter.
//!
//! In: names, numbers and RRsets, and with each name another one that it may end like (the zone's, mostly): the
//! octets of the common end are left out. Out: what was put, in the same order, by [`Unpacker`]. RRSIG rdata has
//! its signer's name shortened in the same way. These octets stay in memory: they are no format for anybody else.

use std::net::IpAddr;

use super::name::NAME_LEN_MAX;
use super::{Class, Name, Rdatas, RecordType, Rrset};

/// Stands where a label's length would: the next octet says where in the other name the rest begins.
const REST: u8 = u8::MAX;
/// Octets of RRSIG rdata before the signer's name (RFC 4034 §3.1).
const RRSIG_FIXED_LEN: usize = 18;

/// Octets that grow.
#[derive(Debug, Default)]
pub struct Packer {
    octets: Vec<u8>,
}

impl Packer {
    /// None yet, with room for so many.
    pub fn with_capacity(octets: usize) -> Self {
        Self { octets: Vec::with_capacity(octets) }
    }

    /// What was put.
    pub fn as_slice(&self) -> &[u8] {
        &self.octets
    }

    /// What was put.
    pub fn into_vec(self) -> Vec<u8> {
        self.octets
    }

    /// Puts one octet.
    pub fn u8(&mut self, value: u8) {
        self.octets.push(value);
    }

    /// Puts two octets.
    pub fn u16(&mut self, value: u16) {
        self.octets.extend_from_slice(&value.to_be_bytes());
    }

    /// Puts four octets.
    pub fn u32(&mut self, value: u32) {
        self.octets.extend_from_slice(&value.to_be_bytes());
    }

    /// Puts eight octets.
    pub fn u64(&mut self, value: u64) {
        self.octets.extend_from_slice(&value.to_be_bytes());
    }

    /// Puts octets whose number the reader knows.
    pub fn slice(&mut self, octets: &[u8]) {
        self.octets.extend_from_slice(octets);
    }

    /// Puts an address.
    pub fn address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(address) => {
                self.u8(4);
                self.slice(&address.octets());
            }
            IpAddr::V6(address) => {
                self.u8(16);
                self.slice(&address.octets());
            }
        }
    }

    /// Puts a name, less the end that it has in common with `like`.
    pub fn name(&mut self, name: &Name, like: &Name) {
        self.wire_name(name.as_wire(), like.as_wire());
    }

    fn wire_name(&mut self, wire: &[u8], like: &[u8]) {
        let mut at = 0;
        // The root takes one octet: it is not worth two.
        while let Some(rest) = wire.get(at..).filter(|rest| rest.len() > 2) {
            if let Some(begin) = like.len().checked_sub(rest.len())
                && like.get(begin..) == Some(rest)
                && let Ok(begin) = u8::try_from(begin)
            {
                self.slice(wire.get(..at).unwrap_or_default());
                self.slice(&[REST, begin]);
                return;
            }
            at += 1 + usize::from(rest.first().copied().unwrap_or_default());
        }
        self.slice(wire);
    }

    /// Puts the records' rdata.
    pub fn rdatas(&mut self, rdatas: &Rdatas) {
        let (count, packed) = rdatas.as_packed();
        self.u16(count);
        self.slice(packed);
    }

    /// Puts the rdata of RRSIG records, less the end that the signer has in common with `like`.
    pub fn signatures(&mut self, signatures: &Rdatas, like: &Name) {
        self.u16(signatures.as_packed().0);
        for rdata in signatures {
            let fixed = rdata.split_at_checked(RRSIG_FIXED_LEN);
            let signer = fixed.and_then(|(fixed, rest)| Some((fixed, rest, Name::from_wire(rest).ok()?.1)));
            let parts = signer.and_then(|(fixed, rest, len)| Some((fixed, rest.split_at_checked(len)?)));
            // All of it has less than 65,536 octets.
            let len = |octets: &[u8]| u16::try_from(octets.len()).unwrap_or(u16::MAX);
            if let Some((fixed, (signer, signature))) = parts {
                self.u8(1);
                self.slice(fixed);
                self.wire_name(signer, like.as_wire());
                self.u16(len(signature));
                self.slice(signature);
            } else {
                self.u8(0);
                self.u16(len(rdata));
                self.slice(rdata);
            }
        }
    }

    /// Puts an RRset whose names end like `like`.
    pub fn rrset(&mut self, rrset: &Rrset, like: &Name) {
        self.name(&rrset.name, like);
        self.u16(rrset.rtype.0);
        self.u16(rrset.class.0);
        self.u32(rrset.ttl);
        self.u32(rrset.signatures_ttl);
        self.rdatas(&rrset.rdatas);
        self.signatures(&rrset.signatures, like);
    }
}

/// Reads what a [`Packer`] put. Nothing comes out of octets that none wrote, or in another order.
#[derive(Debug, Clone)]
pub struct Unpacker<'a> {
    rest: &'a [u8],
}

impl<'a> Unpacker<'a> {
    /// At the beginning.
    pub fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets }
    }

    /// What is left.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn chunk<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (chunk, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*chunk)
    }

    /// The next octet.
    pub fn u8(&mut self) -> Option<u8> {
        self.chunk::<1>().map(|[octet]| octet)
    }

    /// The next two octets.
    pub fn u16(&mut self) -> Option<u16> {
        self.chunk().map(u16::from_be_bytes)
    }

    /// The next four octets.
    pub fn u32(&mut self) -> Option<u32> {
        self.chunk().map(u32::from_be_bytes)
    }

    /// The next eight octets.
    pub fn u64(&mut self) -> Option<u64> {
        self.chunk().map(u64::from_be_bytes)
    }

    /// The next octets, so many.
    pub fn slice(&mut self, len: usize) -> Option<&'a [u8]> {
        let (slice, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(slice)
    }

    /// The next address.
    pub fn address(&mut self) -> Option<IpAddr> {
        match self.u8()? {
            4 => self.chunk::<4>().map(IpAddr::from),
            16 => self.chunk::<16>().map(IpAddr::from),
            _ => None,
        }
    }

    /// The next name, which was put with the same `like`.
    pub fn name(&mut self, like: &Name) -> Option<Name> {
        let mut wire = [0; NAME_LEN_MAX];
        let len = self.wire_name(like.as_wire(), &mut wire)?;
        Name::from_wire(wire.get(..len)?).ok().map(|(name, _)| name)
    }

    fn wire_name(&mut self, like: &[u8], out: &mut [u8; NAME_LEN_MAX]) -> Option<usize> {
        let mut len = 0;
        loop {
            let octet = *self.rest.first()?;
            let (piece, is_last) = if octet == REST {
                let [_, begin] = self.chunk::<2>()?;
                (like.get(usize::from(begin)..)?, true)
            } else {
                (self.slice(1 + usize::from(octet))?, octet == 0)
            };
            out.get_mut(len..)?.get_mut(..piece.len())?.copy_from_slice(piece);
            len += piece.len();
            if is_last {
                return Some(len);
            }
        }
    }

    /// The next records' rdata.
    pub fn rdatas(&mut self) -> Option<Rdatas> {
        let count = self.u16()?;
        let before = self.rest;
        for _ in 0..count {
            let len = self.u16()?;
            self.slice(usize::from(len))?;
        }
        let len = before.len().checked_sub(self.rest.len())?;
        Some(Rdatas::from_packed(count, before.get(..len)?))
    }

    /// The next RRSIG records' rdata, which were put with the same `like`.
    pub fn signatures(&mut self, like: &Name) -> Option<Rdatas> {
        let count = self.u16()?;
        let mut signatures = Rdatas::new();
        for _ in 0..count {
            if self.u8()? == 0 {
                let len = self.u16()?;
                signatures.push(self.slice(usize::from(len))?);
                continue;
            }
            let fixed = self.slice(RRSIG_FIXED_LEN)?;
            let mut signer = [0; NAME_LEN_MAX];
            let signer_len = self.wire_name(like.as_wire(), &mut signer)?;
            let len = self.u16()?;
            let signature = self.slice(usize::from(len))?;
            signatures.push_parts([fixed, signer.get(..signer_len)?, signature]);
        }
        Some(signatures)
    }

    /// The next RRset, which was put with the same `like`.
    pub fn rrset(&mut self, like: &Name) -> Option<Rrset> {
        Some(Rrset {
            name: self.name(like)?,
            rtype: RecordType(self.u16()?),
            class: Class(self.u16()?),
            ttl: self.u32()?,
            signatures_ttl: self.u32()?,
            rdatas: self.rdatas()?,
            signatures: self.signatures(like)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn signed(owner: &str, signer: &str) -> Rrset {
        let mut rrset =
            Rrset::new(name(owner), RecordType::NSEC, 3_600).with(b"abc").with(b"").with(&[0; 300]);
        let mut signature = vec![7; RRSIG_FIXED_LEN];
        signature.extend(name(signer).as_wire());
        signature.extend([9; 64]);
        rrset.signatures.push(&signature);
        rrset.signatures_ttl = 60;
        rrset
    }

    #[test]
    fn what_was_packed_comes_back_to_the_letter() {
        let mut broken = signed("a.Example.", "example.");
        // Neither of them is RRSIG rdata.
        broken.signatures.push(b"short");
        broken.signatures.push(&[64; 40]);
        let all = [
            signed("example.", "example."),
            signed("EXAMPLE.", "Example."),
            signed("x.y.example.", "org."),
            signed(".", "."),
            signed("anexample.", "ample."),
            signed(&format!("{}example.", "x.".repeat(120)), &"y.".repeat(127)),
            broken,
            Rrset::new(Name::root(), RecordType::DS, 0),
        ];
        for like in ["example.", ".", "a.b.Example.", &"x.".repeat(127)] {
            let like = name(like);
            let mut packer = Packer::default();
            for rrset in &all {
                packer.rrset(rrset, &like);
            }
            let mut unpacker = Unpacker::new(packer.as_slice());
            for rrset in &all {
                let back = unpacker.rrset(&like).unwrap();
                assert!(back == *rrset && back.name.eq_with_case(&rrset.name));
            }
            assert!(unpacker.rest().is_empty());
        }
    }

    #[test]
    fn a_common_end_is_not_kept_again() {
        let rrset = signed("abc.example.org.", "example.org.");
        let len = |like: &str| {
            let mut packer = Packer::default();
            packer.rrset(&rrset, &name(like));
            packer.into_vec().len()
        };
        let end = name("example.org.").len();
        assert_eq!(len("x.example.org.") + 2 * (end - 2), len("."));
        assert_eq!(len("example.org.") + 2 * (end - 2), len("."));
    }

    #[test]
    fn what_looks_like_a_label_within_another_is_the_same_octets_all_the_same() {
        // \003 looks like the length octet of "com".
        let odd = Name::from_labels([b"a\x03com".as_slice()]).unwrap();
        let mut packer = Packer::default();
        packer.name(&name("x.com."), &odd);
        assert_eq!(Unpacker::new(packer.as_slice()).name(&odd), Some(name("x.com.")));
    }

    #[test]
    fn octets_that_nobody_packed_give_nothing_and_harm_nothing() {
        let mut packer = Packer::default();
        packer.rrset(&signed("abc.example.org.", "example.org."), &name("example.org."));
        packer.address("192.0.2.1".parse().unwrap());
        packer.address("2001:db8::1".parse().unwrap());
        let octets = packer.into_vec();
        for len in 0..octets.len() {
            let mut unpacker = Unpacker::new(&octets[..len]);
            let all = unpacker.rrset(&name("example.org.")).and_then(|_| {
                let first = unpacker.address()?;
                Some((first, unpacker.address()?))
            });
            assert_eq!(all, None);
        }
        for octet in 0..=u8::MAX {
            let _ = Unpacker::new(&[octet; 600]).rrset(&name("example.org."));
        }
    }
}
