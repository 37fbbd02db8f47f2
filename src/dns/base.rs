//! Octets as letters: base 16, 32 and 64 (RFC 4648), as zone files write them. Reading them back is the business of
//! those who read zone files, but for the owners of NSEC3 records.

/// Base 16 in capital letters (RFC 4648 §8).
pub fn hex(octets: &[u8]) -> String {
    digits(octets, 4, b"0123456789ABCDEF")
}

/// Base 64 (RFC 4648 §4).
pub fn base64(octets: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = digits(octets, 6, LETTERS);
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

/// Base 32 with extended hexadecimal letters (RFC 4648 §7), without padding.
pub fn base32(octets: &[u8]) -> String {
    digits(octets, 5, b"0123456789ABCDEFGHIJKLMNOPQRSTUV")
}

/// Reads 32 digits of base 32 with the extended hex alphabet, in either case (RFC 4648 §7): the hash in the owner of an
/// NSEC3 record (RFC 5155 §3.3).
pub fn from_base32(label: &[u8]) -> Option<[u8; 20]> {
    if label.len() != 32 {
        return None;
    }
    let mut hash = [0; 20];
    for (octets, digits) in hash.chunks_exact_mut(5).zip(label.chunks_exact(8)) {
        let mut bits = 0_u64;
        for digit in digits {
            let value = char::from(*digit).to_digit(32)?;
            bits = bits << 5 | u64::from(value);
        }
        let [_, _, _, five @ ..] = bits.to_be_bytes();
        octets.copy_from_slice(&five);
    }
    Some(hash)
}

/// The octets' bits, so many at a time, each as a letter.
fn digits(octets: &[u8], bits: u32, letters: &[u8]) -> String {
    let (mut pending, mut held) = (0_u32, 0_u32);
    let mut text = String::new();
    let mut push = |value: u32| {
        let index = usize::try_from(value).unwrap_or_default();
        text.extend(letters.get(index).map(|letter| char::from(*letter)));
    };
    let mask = (1 << bits) - 1;
    for octet in octets {
        pending = (pending << 8 | u32::from(*octet)) & 0xffff;
        held += 8;
        while held >= bits {
            held -= bits;
            push(pending >> held & mask);
        }
    }
    if held > 0 {
        push(pending << (bits - held) & mask);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_rfc_4648_come_out() {
        assert_eq!([base64(b""), base64(b"f"), base64(b"foobar")], ["", "Zg==", "Zm9vYmFy"]);
        assert_eq!([base32(b"fo"), base32(b"foobar")], ["CPNG", "CPNMUOJ1E8"]);
        assert_eq!(hex(b"foobar"), "666F6F626172");
    }
}
