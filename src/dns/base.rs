//! Octets as letters: base 16, 32 and 64 (RFC 4648), as zone files write them. Reading them back is the business of
//! those who read zone files.

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
