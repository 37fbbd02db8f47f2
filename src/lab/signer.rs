//! Keys, and everything that is made with them: DNSKEY, DS, RRSIG, NSEC and NSEC3 records.
//!
//! In: names, RRsets, a validity period. Out: rdata in wire form. The canonical form (RFC 4034 §6, RFC 6840 §5.1)
//! is written here once more and on purpose: it is the second opinion to the validator's.
//! RSA signatures and Ed25519 signatures are the same each time; ECDSA's are not (ring draws a nonce), so no
//! simulation may depend on the octets of a signature. SHA-1 signatures (algorithms 5 and 7) cannot be made.
//!
//! RSA and ECDSA keys come from `keys.txt`: published lab keys, which protect nothing.

use std::fmt;
use std::sync::Arc;

use ring::rand::SystemRandom;
use ring::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair};
use ring::{digest, rsa};

use crate::dns::base::base32;
use crate::dns::rdata::{Dnskey, Field, layout};
use crate::dns::{Name, RecordType, Rrset};
use crate::entropy::Entropy;

/// Flags of a zone-signing key: the zone key flag (RFC 4034 §2.1.1).
pub const ZSK: u16 = 0x0100;
/// Flags of a key-signing key: zone key and secure entry point.
pub const KSK: u16 = 0x0101;
/// The flag of a revoked key (RFC 5011 §2.1).
pub const REVOKED: u16 = 0x0080;

const POOL: &str = include_str!("keys.txt");

/// Why a key or a signature could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The embedded keys are damaged, or ring refuses them.
    #[error("the lab's embedded key for algorithm {0} cannot be used")]
    BadKey(u8),
    /// ring refused to sign.
    #[error("the lab's key for algorithm {0} did not sign")]
    NotSigned(u8),
    /// A name became too long.
    #[error("a name in the lab's zone is too long")]
    Name,
}

/// From when until when a signature is good, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of RFC 4034 §3.1")]
pub struct Validity {
    pub inception: u32,
    pub expiration: u32,
}

impl Validity {
    /// From `before` seconds before `unix` until `after` seconds after it.
    pub fn around(unix: u64, before: u32, after: u32) -> Self {
        let unix = u32::try_from(unix & 0xffff_ffff).unwrap_or(0);
        Self { inception: unix.wrapping_sub(before), expiration: unix.wrapping_add(after) }
    }
}

/// A key pair of a zone.
#[derive(Clone)]
pub struct Key {
    /// The flags of its DNSKEY record.
    pub flags: u16,
    /// Its algorithm number.
    pub algorithm: u8,
    /// The public key in the form of the DNSKEY record.
    public: Arc<[u8]>,
    secret: Arc<Secret>,
}

enum Secret {
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    /// An algorithm that nobody knows: its signatures are octets without a meaning.
    Unknown,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({} {} {})", self.flags, self.algorithm, self.tag())
    }
}

/// Makes keys, the same ones for the same seed and the same order of calls.
///
/// Once all embedded keys of a kind are given out (RSA 8, P-256 128, P-384 6) they are given out again.
#[derive(Debug)]
pub struct KeyMaker {
    entropy: Entropy,
    rsa: usize,
    p256: usize,
    p384: usize,
}

impl KeyMaker {
    /// A maker that starts at a place in the embedded keys that depends on `seed`.
    pub fn new(seed: u64) -> Self {
        let start = usize::try_from(seed % 97).unwrap_or(0);
        Self { entropy: Entropy::seeded(seed), rsa: start, p256: start, p384: start }
    }

    /// A key of that algorithm (8, 10, 13, 14, 15; any other makes a key that nobody can use) and flags.
    pub fn make(&mut self, algorithm: u8, flags: u16) -> Result<Key, SignError> {
        let bad = SignError::BadKey(algorithm);
        let (secret, public) = match algorithm {
            8 | 10 => make_rsa(&take(&mut self.rsa, "rsa")).ok_or(bad)?,
            13 => make_ecdsa(&signature::ECDSA_P256_SHA256_FIXED_SIGNING, &take(&mut self.p256, "p256"))
                .ok_or(bad)?,
            14 => make_ecdsa(&signature::ECDSA_P384_SHA384_FIXED_SIGNING, &take(&mut self.p384, "p384"))
                .ok_or(bad)?,
            15 => {
                let mut seed = [0_u8; 32];
                self.entropy.fill(&mut seed);
                let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| bad)?;
                let public = pair.public_key().as_ref().to_vec();
                (Secret::Ed25519(pair), public)
            }
            _ => {
                let mut public = vec![0; 57];
                self.entropy.fill(&mut public);
                (Secret::Unknown, public)
            }
        };
        Ok(Key { flags, algorithm, public: public.into(), secret: Arc::new(secret) })
    }
}

/// The parts of the next embedded key of a kind.
fn take(used: &mut usize, kind: &str) -> Vec<&'static str> {
    let lines: Vec<&str> = POOL.lines().filter(|line| line.split(' ').next() == Some(kind)).collect();
    let line = lines.get(*used % lines.len().max(1)).copied().unwrap_or_default();
    *used += 1;
    line.split(' ').skip(1).collect()
}

fn make_rsa(parts: &[&str]) -> Option<(Secret, Vec<u8>)> {
    let pair = RsaKeyPair::from_der(&from_hex(parts.first()?)?).ok()?;
    let components = rsa::PublicKeyComponents::<Vec<u8>>::from(pair.public());
    // RFC 3110 §2: the length of the exponent, the exponent, the modulus.
    let mut public = vec![u8::try_from(components.e.len()).ok()?];
    public.extend_from_slice(&components.e);
    public.extend_from_slice(&components.n);
    Some((Secret::Rsa(pair), public))
}

fn make_ecdsa(
    algorithm: &'static signature::EcdsaSigningAlgorithm,
    parts: &[&str],
) -> Option<(Secret, Vec<u8>)> {
    let (scalar, point) = (from_hex(parts.first()?)?, from_hex(parts.get(1)?)?);
    let random = SystemRandom::new();
    let pair = EcdsaKeyPair::from_private_key_and_public_key(algorithm, &scalar, &point, &random).ok()?;
    // RFC 6605 §4: x and y, without the octet that says the point is uncompressed.
    Some((Secret::Ecdsa(pair), point.get(1..)?.to_vec()))
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

impl Key {
    /// The rdata of its DNSKEY record.
    pub fn dnskey(&self) -> Vec<u8> {
        let mut rdata = self.flags.to_be_bytes().to_vec();
        rdata.extend_from_slice(&[3, self.algorithm]);
        rdata.extend_from_slice(&self.public);
        rdata
    }

    /// The key tag.
    pub fn tag(&self) -> u16 {
        Dnskey::read(&self.dnskey()).map_or(0, |key| key.key_tag())
    }

    /// The same key with other flags, and so another tag.
    #[must_use]
    pub fn with_flags(&self, flags: u16) -> Self {
        Self { flags, ..self.clone() }
    }

    /// The rdata of a DS record for it at `zone`. Digest types 1, 2 and 4 are made as their RFCs say; any other
    /// is made of octets without a meaning.
    pub fn ds(&self, zone: &Name, digest_type: u8) -> Vec<u8> {
        let mut input = zone.to_lowercase().as_wire().to_vec();
        input.extend(self.dnskey());
        let kind = match digest_type {
            1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            4 => &digest::SHA384,
            _ => &digest::SHA256,
        };
        let mut rdata = self.tag().to_be_bytes().to_vec();
        rdata.extend_from_slice(&[self.algorithm, digest_type]);
        rdata.extend_from_slice(digest::digest(kind, &input).as_ref());
        rdata
    }

    /// The rdata of an RRSIG record by `signer` over `rrset`.
    pub fn sign(&self, signer: &Name, rrset: &Rrset, validity: Validity) -> Result<Vec<u8>, SignError> {
        let labels = rrset.name.label_count() - usize::from(rrset.name.is_wildcard());
        let fixed = RrsigFixed {
            labels: u8::try_from(labels).unwrap_or(u8::MAX),
            ttl: rrset.ttl,
            validity,
            tag: self.tag(),
        };
        self.sign_as(signer, rrset, &fixed)
    }

    /// As [`Key::sign`], with fields of the caller's choice: for signatures that are wrong on purpose.
    pub fn sign_as(&self, signer: &Name, rrset: &Rrset, fixed: &RrsigFixed) -> Result<Vec<u8>, SignError> {
        let mut rdata = rrset.rtype.0.to_be_bytes().to_vec();
        rdata.extend_from_slice(&[self.algorithm, fixed.labels]);
        rdata.extend_from_slice(&fixed.ttl.to_be_bytes());
        rdata.extend_from_slice(&fixed.validity.expiration.to_be_bytes());
        rdata.extend_from_slice(&fixed.validity.inception.to_be_bytes());
        rdata.extend_from_slice(&fixed.tag.to_be_bytes());
        rdata.extend_from_slice(signer.to_lowercase().as_wire());
        let mut signed = rdata.clone();
        canonical_records(rrset, fixed.ttl, &mut signed);
        rdata.extend(self.raw_sign(&signed)?);
        Ok(rdata)
    }

    fn raw_sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let failed = |_| SignError::NotSigned(self.algorithm);
        let random = SystemRandom::new();
        match &*self.secret {
            Secret::Rsa(pair) => {
                let mut octets = vec![0; pair.public().modulus_len()];
                let kind = if self.algorithm == 10 {
                    &signature::RSA_PKCS1_SHA512
                } else {
                    &signature::RSA_PKCS1_SHA256
                };
                pair.sign(kind, &random, message, &mut octets).map_err(failed)?;
                Ok(octets)
            }
            Secret::Ecdsa(pair) => Ok(pair.sign(&random, message).map_err(failed)?.as_ref().to_vec()),
            Secret::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Secret::Unknown => Ok(digest::digest(&digest::SHA512, message).as_ref().to_vec()),
        }
    }
}

/// The fields of an RRSIG that a signer may choose, rightly or wrongly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of RFC 4034 §3.1")]
pub struct RrsigFixed {
    pub labels: u8,
    pub ttl: u32,
    pub validity: Validity,
    pub tag: u16,
}

/// Appends the records of `rrset` in canonical form and order (RFC 4034 §6.2, §6.3), without duplicates.
fn canonical_records(rrset: &Rrset, ttl: u32, out: &mut Vec<u8>) {
    let mut rdatas: Vec<Vec<u8>> =
        rrset.rdatas.iter().map(|rdata| canonical_rdata(rrset.rtype, rdata)).collect();
    rdatas.sort();
    rdatas.dedup();
    let owner = rrset.name.to_lowercase();
    for rdata in rdatas {
        out.extend_from_slice(owner.as_wire());
        out.extend_from_slice(&rrset.rtype.0.to_be_bytes());
        out.extend_from_slice(&rrset.class.0.to_be_bytes());
        out.extend_from_slice(&ttl.to_be_bytes());
        out.extend_from_slice(&u16::try_from(rdata.len()).unwrap_or(u16::MAX).to_be_bytes());
        out.extend(rdata);
    }
}

/// The rdata with its names in lower case, where the type asks for it. Rdata of an odd form stays as it is.
fn canonical_rdata(rtype: RecordType, rdata: &[u8]) -> Vec<u8> {
    lower_names(rtype, rdata).unwrap_or_else(|| rdata.to_vec())
}

fn lower_names(rtype: RecordType, rdata: &[u8]) -> Option<Vec<u8>> {
    let layout = layout(rtype).filter(|layout| layout.lowercase)?;
    let (mut out, mut rest) = (Vec::with_capacity(rdata.len()), rdata);
    for field in layout.fields {
        let len = match field {
            Field::Octets(len) => usize::from(*len),
            Field::CharString => 1 + usize::from(*rest.first()?),
            Field::Name => {
                let (name, used) = Name::from_wire(rest).ok()?;
                out.extend_from_slice(name.to_lowercase().as_wire());
                rest = rest.get(used..)?;
                continue;
            }
        };
        let (octets, after) = rest.split_at_checked(len)?;
        out.extend_from_slice(octets);
        rest = after;
    }
    out.extend_from_slice(rest);
    Some(out)
}

/// Signs `rrset` and puts the RRSIG beside it.
pub fn sign_rrset(rrset: &mut Rrset, key: &Key, signer: &Name, validity: Validity) -> Result<(), SignError> {
    let rdata = key.sign(signer, rrset, validity)?;
    rrset.signatures.push(&rdata);
    rrset.signatures_ttl = rrset.ttl;
    Ok(())
}

/// A type bitmap (RFC 4034 §4.1.2).
pub fn type_bitmap(types: &[RecordType]) -> Vec<u8> {
    let mut numbers: Vec<u16> = types.iter().map(|rtype| rtype.0).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let mut out = Vec::new();
    for block in numbers.chunk_by(|a, b| a >> 8 == b >> 8) {
        let mut bits = [0_u8; 32];
        let mut len = 0_u8;
        for number in block {
            let [_, low] = number.to_be_bytes();
            if let Some(octet) = bits.get_mut(usize::from(low >> 3)) {
                *octet |= 0x80 >> (low & 7);
            }
            len = (low >> 3) + 1;
        }
        let [window, _] = block.first().copied().unwrap_or(0).to_be_bytes();
        out.extend_from_slice(&[window, len]);
        out.extend(bits.iter().take(usize::from(len)));
    }
    out
}

/// The rdata of an NSEC record. `types` has to name RRSIG and NSEC too.
pub fn nsec_rdata(next: &Name, types: &[RecordType]) -> Vec<u8> {
    let mut rdata = next.as_wire().to_vec();
    rdata.extend(type_bitmap(types));
    rdata
}

/// How a zone hashes its names (RFC 5155 §3, RFC 9276).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Nsec3Params {
    /// Additional iterations.
    pub iterations: u16,
    /// The salt, at most 255 octets.
    pub salt: Vec<u8>,
    /// Insecure delegations have no NSEC3 record of their own.
    pub opt_out: bool,
}

impl Nsec3Params {
    /// The fields that NSEC3 and NSEC3PARAM share; opt-out shows in NSEC3 only.
    fn fields(&self, flags: u8) -> Vec<u8> {
        let mut rdata = vec![1, flags];
        rdata.extend_from_slice(&self.iterations.to_be_bytes());
        rdata.push(u8::try_from(self.salt.len()).unwrap_or(0));
        rdata.extend_from_slice(&self.salt);
        rdata
    }

    /// The rdata of the NSEC3PARAM record.
    pub fn nsec3param(&self) -> Vec<u8> {
        self.fields(0)
    }

    /// The rdata of an NSEC3 record.
    pub fn nsec3_rdata(&self, next_hash: &[u8], types: &[RecordType]) -> Vec<u8> {
        let mut rdata = self.fields(u8::from(self.opt_out));
        rdata.push(u8::try_from(next_hash.len()).unwrap_or(0));
        rdata.extend_from_slice(next_hash);
        rdata.extend(type_bitmap(types));
        rdata
    }

    /// The hash of a name (RFC 5155 §5).
    pub fn hash(&self, name: &Name) -> Vec<u8> {
        let mut octets = name.to_lowercase().as_wire().to_vec();
        for _ in 0..=self.iterations {
            octets.extend_from_slice(&self.salt);
            octets = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &octets).as_ref().to_vec();
        }
        octets
    }

    /// The owner of the NSEC3 record with that hash.
    pub fn owner(zone: &Name, hash: &[u8]) -> Result<Name, SignError> {
        zone.prepend(base32(hash).to_ascii_lowercase().as_bytes()).map_err(|_| SignError::Name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nsec3_hashes_are_those_of_rfc_5155() {
        // RFC 5155 appendix A.
        let params = Nsec3Params { iterations: 12, salt: vec![0xaa, 0xbb, 0xcc, 0xdd], opt_out: false };
        let hash = |name: &str| base32(&params.hash(&name.parse().unwrap())).to_ascii_lowercase();
        assert_eq!(hash("example."), "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom");
        assert_eq!(hash("ai.example"), "gjeqe526plbf1g8mklp59enfd789njgi");
        assert_eq!(hash("*.W.example"), "r53bq7cc2uvmubfu5ocmm6pers9tk9en");
    }

    #[test]
    fn a_bitmap_is_that_of_rfc_4034() {
        let types = [RecordType(1234), RecordType::A, RecordType::MX, RecordType::RRSIG, RecordType::NSEC];
        let mut wanted = vec![0, 6, 0x40, 0x01, 0, 0, 0, 0x03, 4, 0x1b];
        wanted.extend([0; 26]);
        wanted.push(0x20);
        assert_eq!(type_bitmap(&types), wanted);
    }

    #[test]
    fn every_algorithm_signs_and_ring_verifies() {
        let mut maker = KeyMaker::new(1);
        let zone: Name = "Example.".parse().unwrap();
        let rrset = Rrset::new("a.example.".parse().unwrap(), RecordType::A, 60).with(&[192, 0, 2, 1]);
        for (algorithm, signature_len) in [(8, 256), (10, 256), (13, 64), (14, 96), (15, 64)] {
            let key = maker.make(algorithm, KSK).unwrap();
            let rdata = key.sign(&zone, &rrset, Validity::around(1_800_000_000, 10, 10)).unwrap();
            assert_eq!(rdata.len(), 18 + zone.len() + signature_len, "{algorithm}");
            let mut message = rdata[..18 + zone.len()].to_vec();
            canonical_records(&rrset, 60, &mut message);
            let good = match &*key.secret {
                Secret::Rsa(pair) => {
                    let public = pair.public().as_ref().to_vec();
                    let kind: &dyn signature::VerificationAlgorithm = if algorithm == 8 {
                        &signature::RSA_PKCS1_2048_8192_SHA256
                    } else {
                        &signature::RSA_PKCS1_2048_8192_SHA512
                    };
                    verify(kind, &public, &message, &rdata[18 + zone.len()..])
                }
                Secret::Ecdsa(pair) => {
                    let kind: &dyn signature::VerificationAlgorithm = if algorithm == 13 {
                        &signature::ECDSA_P256_SHA256_FIXED
                    } else {
                        &signature::ECDSA_P384_SHA384_FIXED
                    };
                    verify(kind, pair.public_key().as_ref(), &message, &rdata[18 + zone.len()..])
                }
                Secret::Ed25519(pair) => verify(
                    &signature::ED25519,
                    pair.public_key().as_ref(),
                    &message,
                    &rdata[18 + zone.len()..],
                ),
                Secret::Unknown => false,
            };
            assert!(good, "{algorithm}");
        }
    }

    fn verify(
        kind: &dyn signature::VerificationAlgorithm,
        key: &[u8],
        message: &[u8],
        octets: &[u8],
    ) -> bool {
        kind.verify(key.into(), message.into(), octets.into()).is_ok()
    }

    #[test]
    fn names_in_rdata_are_signed_in_lower_case_and_duplicates_once() {
        let name: Name = "x.example.".parse().unwrap();
        let mx = |text: &str| {
            let mut rdata = vec![0, 10];
            rdata.extend_from_slice(text.parse::<Name>().unwrap().as_wire());
            rdata
        };
        let (mut mixed, mut plain) = (Vec::new(), Vec::new());
        let one = Rrset::new(name.clone(), RecordType::MX, 5).with(&mx("B.example")).with(&mx("a.example"));
        let two = Rrset::new(name, RecordType::MX, 5)
            .with(&mx("a.example"))
            .with(&mx("b.example"))
            .with(&mx("B.EXAMPLE"));
        canonical_records(&one, 5, &mut mixed);
        canonical_records(&two, 5, &mut plain);
        assert_eq!(mixed, plain);
    }
}
