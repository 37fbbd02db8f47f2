//! Which algorithms and digests are usable, and the arithmetic itself (through `ring`).
//!
//! In: octets of keys, signatures and data. Out: right or wrong. RFC 4034 appendix A, RFC 5702, RFC 6605,
//! RFC 8080, RFC 9904, RFC 9905. Nothing here charges a budget: the callers do, before they call, what `cost` says.
//! Ed448 (16), GOST (12, 23) and SM2 (17) are not implemented: zones that have nothing else are insecure.

use ring::{digest, signature};

use crate::limits;

/// What is done with SHA-1 in signatures: algorithms 5 and 7. As a digest of keys it is used wherever a DS set has
/// nothing better (RFC 4509 §3): that takes a second preimage to forge, and to pass over it would leave the zone
/// without any protection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sha1 {
    /// As if they were not implemented: zones that have nothing else are insecure (RFC 9905 §2).
    #[default]
    Insecure,
    /// They are verified like the others.
    Validate,
}

/// What an operator decides about validation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// `[dnssec] sha1`.
    pub sha1: Sha1,
    /// `[harden] dnssec-stripped`: the zone of a trust anchor whose keys do not come, or do not fit, is bogus;
    /// else it is insecure, with all below it.
    pub dnssec_stripped: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self { sha1: Sha1::default(), dnssec_stripped: true }
    }
}

impl Policy {
    /// Whether signatures of this algorithm can be verified here.
    pub fn supports_algorithm(self, algorithm: u8) -> bool {
        match algorithm {
            8 | 10 | 13 | 14 | 15 => true,
            // RFC 9905 §2: RSASHA1 and RSASHA1-NSEC3-SHA1.
            5 | 7 => self.sha1 == Sha1::Validate,
            _ => false,
        }
    }

    /// Whether DS digests of this type can be computed here.
    pub fn supports_digest(self, digest_type: u8) -> bool {
        matches!(digest_type, 1 | 2 | 4)
    }
}

/// A point without its octet of form (RFC 6605 §4).
const P256_KEY_LEN: usize = 64;
const P384_KEY_LEN: usize = 96;

/// What can be said of a public key without using it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyForm {
    /// It can be used.
    Usable,
    /// It may be right, but is of a size that is not supported here.
    Unsupported,
    /// Nobody could use it.
    Broken,
}

/// Looks at the form of a DNSKEY's public key.
pub(super) fn key_form(algorithm: u8, public_key: &[u8]) -> KeyForm {
    let expected = match algorithm {
        5 | 7 | 8 | 10 => return rsa_form(public_key),
        13 => P256_KEY_LEN,
        14 => P384_KEY_LEN,
        15 => 32,
        _ => return KeyForm::Unsupported,
    };
    if public_key.len() == expected { KeyForm::Usable } else { KeyForm::Broken }
}

fn rsa_form(public_key: &[u8]) -> KeyForm {
    let Some((exponent, modulus)) = rsa_parts(public_key) else { return KeyForm::Broken };
    let Some(&last) = modulus.last() else { return KeyForm::Broken };
    // An even modulus or exponent, or the exponent 1, is no RSA key at all (CVE-2025-8677 and its kin).
    if last & 1 == 0 || exponent.last().is_none_or(|octet| octet & 1 == 0) || exponent == [1] {
        return KeyForm::Broken;
    }
    if limits::RSA_BITS.contains(&bits(modulus)) && bits(exponent) <= limits::RSA_EXPONENT_BITS_MAX {
        KeyForm::Usable
    } else {
        KeyForm::Unsupported
    }
}

/// The length of a number without leading zero octets.
fn bits(number: &[u8]) -> usize {
    let unused = number.first().map_or(0, |octet| octet.leading_zeros());
    (number.len() * 8).saturating_sub(usize::try_from(unused).unwrap_or(0))
}

/// Exponent and modulus of an RSA key (RFC 3110 §2), without leading zeros.
fn rsa_parts(public_key: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = public_key.split_first()?;
    let (len, rest) = if first == 0 {
        let (long, rest) = rest.split_first_chunk::<2>()?;
        (usize::from(u16::from_be_bytes(*long)), rest)
    } else {
        (usize::from(first), rest)
    };
    let (exponent, modulus) = rest.split_at_checked(len)?;
    Some((without_leading_zeros(exponent), without_leading_zeros(modulus)))
}

fn without_leading_zeros(octets: &[u8]) -> &[u8] {
    let start = octets.iter().position(|octet| *octet != 0).unwrap_or(octets.len());
    octets.get(start..).unwrap_or_default()
}

/// What a verification by this key takes, in verifications of P-256, without hashing the message. Measured with `ring`:
/// 50 µs for P-256 and Ed25519, 670 to 870 for P-384, which has no fast arithmetic of its own; for RSA with the
/// exponent 65537 20 at 2048 bits, 76 at 4096, 180 to 260 at 8192, and three to five times that with a long exponent.
pub(super) fn cost(algorithm: u8, public_key: &[u8]) -> u32 {
    match algorithm {
        14 => 16,
        5 | 7 | 8 | 10 => rsa_cost(public_key),
        _ => 1,
    }
}

/// A squaring for each bit of the exponent and a multiplication for each that is set, some more to begin and to end with,
/// each by the square of the modulus' length.
fn rsa_cost(public_key: &[u8]) -> u32 {
    let Some((exponent, modulus)) = rsa_parts(public_key) else { return 1 };
    let ones: u32 = exponent.iter().map(|octet| octet.count_ones()).sum();
    let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let steps = small(bits(exponent)).saturating_add(ones).saturating_add(12);
    let square = small(bits(modulus) / 256).saturating_pow(2);
    steps.saturating_mul(square).div_ceil(16 * 280)
}

/// What hashing a message of so many octets takes, in verifications of P-256: 32 KiB take 20 to 70 µs, and about as
/// much to be put in order.
pub(super) fn hashing_cost(octets: usize) -> u32 {
    u32::try_from(octets >> 15).unwrap_or(u32::MAX)
}

/// Whether `signature` over `message` was made with the private half of `public_key`.
pub(super) fn verify(algorithm: u8, public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    match algorithm {
        5 | 7 => verify_rsa(
            &signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
            public_key,
            message,
            signature,
        ),
        8 => verify_rsa(
            &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
            public_key,
            message,
            signature,
        ),
        10 => verify_rsa(
            &signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
            public_key,
            message,
            signature,
        ),
        13 => verify_ecdsa(&signature::ECDSA_P256_SHA256_FIXED, public_key, message, signature),
        14 => verify_ecdsa(&signature::ECDSA_P384_SHA384_FIXED, public_key, message, signature),
        15 => signature::UnparsedPublicKey::new(&signature::ED25519, public_key)
            .verify(message, signature)
            .is_ok(),
        _ => false,
    }
}

fn verify_rsa(
    parameters: &'static signature::RsaParameters,
    public_key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> bool {
    let Some((e, n)) = rsa_parts(public_key) else { return false };
    signature::RsaPublicKeyComponents { n, e }.verify(parameters, message, signature).is_ok()
}

fn verify_ecdsa(
    algorithm: &'static signature::EcdsaVerificationAlgorithm,
    public_key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> bool {
    // RFC 6605 §4: the key is the bare point; ring wants the octet that says it is not compressed.
    let mut point = [4; 1 + P384_KEY_LEN];
    let Some(key) = point.get_mut(1..=public_key.len()) else { return false };
    key.copy_from_slice(public_key);
    let point = point.get(..=public_key.len()).unwrap_or_default();
    signature::UnparsedPublicKey::new(algorithm, point).verify(message, signature).is_ok()
}

/// The digest of a DS record over `parts`, or none if the type is unknown (RFC 4034 §5.1.4, 4509, 6605).
pub(super) fn ds_digest(digest_type: u8, parts: &[&[u8]]) -> Option<digest::Digest> {
    let algorithm = match digest_type {
        1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        2 => &digest::SHA256,
        4 => &digest::SHA384,
        _ => return None,
    };
    let mut context = digest::Context::new(algorithm);
    for part in parts {
        context.update(part);
    }
    Some(context.finish())
}

/// The mnemonics of the IANA registry "DNS Security Algorithm Numbers".
const NAMES: [(u8, &str); 17] = [
    (1, "RSAMD5"),
    (3, "DSA"),
    (5, "RSASHA1"),
    (6, "DSA-NSEC3-SHA1"),
    (7, "RSASHA1-NSEC3-SHA1"),
    (8, "RSASHA256"),
    (10, "RSASHA512"),
    (12, "ECC-GOST"),
    (13, "ECDSAP256SHA256"),
    (14, "ECDSAP384SHA384"),
    (15, "ED25519"),
    (16, "ED448"),
    (17, "SM2SM3"),
    (23, "ECC-GOST12"),
    (252, "INDIRECT"),
    (253, "PRIVATEDNS"),
    (254, "PRIVATEOID"),
];

/// The registry's name of an algorithm, or `algorithm 99`.
pub fn algorithm_name(algorithm: u8) -> String {
    known_name(algorithm).map_or_else(|| format!("algorithm {algorithm}"), str::to_owned)
}

/// The registry's name of an algorithm, if it has one.
pub(super) fn known_name(algorithm: u8) -> Option<&'static str> {
    NAMES.iter().find(|(number, _)| *number == algorithm).map(|(_, name)| *name)
}

/// The number of an algorithm given as a number or by its registry name (RFC 4034 §2.2).
pub(super) fn algorithm_number(word: &str) -> Option<u8> {
    word.parse()
        .ok()
        .or_else(|| NAMES.iter().find(|(_, name)| name.eq_ignore_ascii_case(word)).map(|(number, _)| *number))
}
