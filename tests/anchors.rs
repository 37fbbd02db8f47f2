//! The trust anchors that come with the program, computed anew from the keys that hickory-proto ships.

use std::collections::BTreeSet;

use hickory_proto::dnssec::rdata::DNSKEY;
use hickory_proto::dnssec::{DigestType, TrustAnchors};
use hickory_proto::rr::Name;

/// DS records as `tag algorithm digest-type digest`.
fn shipped() -> BTreeSet<String> {
    let lines = include_str!("../trust-anchors/root.ds").lines();
    lines.filter_map(|line| line.strip_prefix(". IN DS ")).map(str::to_owned).collect()
}

#[test]
fn each_builtin_anchor_is_the_digest_of_a_root_key() {
    let anchors = TrustAnchors::default();
    let mut computed = BTreeSet::new();
    for index in 0..anchors.len() {
        let Some(key) = anchors.get(index) else { continue };
        let key = DNSKEY::new(true, true, false, key.clone());
        let digest = key.to_digest(&Name::root(), DigestType::SHA256).unwrap();
        let digest: Vec<String> = digest.as_ref().iter().map(|octet| format!("{octet:02X}")).collect();
        let digest = digest.concat();
        computed.insert(format!("{} 8 2 {digest}", key.calculate_key_tag().unwrap()));
    }
    assert_eq!(shipped().len(), 2);
    assert_eq!(shipped(), computed);
}
