//! The message walker and the encoder: what can be read can be written, and then stays the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rootwalk::dns::encode::encode;
use rootwalk::dns::message::{Message, WireError};

fuzz_target!(|bytes: &[u8]| {
    let Ok(message) = Message::parse(bytes) else { return };
    let encoded = encode(&message, 65_535);
    let read = match Message::parse(&encoded.bytes) {
        // Another choice of pointers may cost a step more for each name.
        Err(WireError::DecompressionBudget) => return,
        read => read.expect("what was written can be read"),
    };
    if !encoded.cut {
        let again = encode(&read, 65_535);
        assert_eq!(again, encoded, "writing what was read changes nothing");
        assert_eq!(read.answer.len(), message.answer.len());
        assert_eq!(read.authority.len(), message.authority.len());
        assert_eq!(read.additional.len(), message.additional.len());
    }
    let plain = encoded.without_dnssec();
    assert!(Message::parse(&plain.bytes).is_ok(), "the form without DNSSEC can be read");
    assert!(plain.bytes.len() <= encoded.bytes.len());
    let small = encode(&message, 512);
    let read = Message::parse(&small.bytes).expect("a cut message can be read");
    assert!(small.bytes.len() <= 512 || read.edns.is_some(), "only OPT may pass the limit");
});
