//! Trust anchor files: whatever is read is written in a form that is read as the same, and a torn one is not read.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rootwalk::validate::rollover::{AnchorText, Origin};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(read) = AnchorText::read(text) else { return };
    let written = read.rollover.text();
    let again = AnchorText::read(&written).expect("what was written can be read");
    assert_eq!(again.origin, Origin::Kept);
    assert_eq!(again.rollover.text(), written, "writing what was read changes nothing");
    assert_eq!(again.rollover.anchors(), read.rollover.anchors(), "the same keys are trusted");
    let half = written.chars().take(written.chars().count() / 2).collect::<String>();
    assert!(AnchorText::read(&half).is_err(), "half a file is not read");
});
