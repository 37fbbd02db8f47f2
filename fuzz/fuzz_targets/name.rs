//! Names: wire form and presentation form lead to each other, and the order is one.

#![no_main]

use std::cmp::Ordering;

use libfuzzer_sys::fuzz_target;
use rootwalk::dns::Name;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        if let Ok(name) = text.parse::<Name>() {
            check(&name);
        }
    }
    let Ok((name, used)) = Name::from_wire(bytes) else { return };
    assert_eq!(name.as_wire(), &bytes[..used]);
    check(&name);
    let Ok((other, _)) = Name::from_wire(&bytes[used..]) else { return };
    check(&other);
    assert_eq!(name.cmp(&other), other.cmp(&name).reverse());
    assert_eq!(name == other, name.cmp(&other) == Ordering::Equal);
    let common = name.common_ancestor(&other);
    assert!(name.is_subdomain_of(&common) && other.is_subdomain_of(&common));
    if let Some(Ok(moved)) = name.rebase(&common, &other) {
        assert!(moved.is_subdomain_of(&other));
    }
});

fn check(name: &Name) {
    let text = name.to_string();
    assert!(text.bytes().all(|octet| octet.is_ascii_graphic()), "{text:?}");
    let read: Name = text.parse().expect("what was written can be read");
    assert!(read.eq_with_case(name));
    assert_eq!(name.to_lowercase(), *name);
    assert_eq!(name.ancestors().count(), name.label_count() + 1);
    assert!(name.ancestors().all(|ancestor| name.is_subdomain_of(&ancestor)));
}
