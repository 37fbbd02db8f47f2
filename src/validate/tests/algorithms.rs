//! Each algorithm from end to end (RFC 5702, RFC 6605, RFC 8080).

use super::super::algorithms::{self, KeyForm};
use super::super::anchors::hexadecimal;
use super::*;

#[test]
fn a_chain_of_each_algorithm_is_secure_and_one_flipped_bit_is_not() {
    for algorithm in [8, 10, 13, 14, 15] {
        let mut world = World::new();
        world.zone("a.example.", algorithm);
        let mut rrset = world.a("a.example.", "www.a.example.");
        world.judge(answer(vec![rrset.clone()])).is_secure();
        let mut flipped = rrset.signatures.first().unwrap().to_vec();
        *flipped.last_mut().unwrap() ^= 1;
        rrset.signatures = [flipped.as_slice()].into_iter().collect();
        let judged = world.judge(answer(vec![rrset]));
        assert!(
            matches!(judged.fault(), Fault::SignatureWrong { algorithm: found, .. } if *found == algorithm)
        );
    }
}

#[test]
fn a_signature_of_any_length_is_refused_without_harm() {
    for algorithm in [8, 13, 14, 15] {
        let mut world = World::new();
        world.zone("a.example.", algorithm);
        let good = world.a("a.example.", "www.a.example.");
        let rdata = good.signatures.first().unwrap().to_vec();
        let fixed = 18 + name("a.example.").len();
        for end in [fixed, fixed + 1, rdata.len() - 1] {
            let mut cut = good.clone();
            cut.signatures = [&rdata[..end]].into_iter().collect();
            assert!(matches!(world.judge(answer(vec![cut])).fault(), Fault::SignatureWrong { .. }));
        }
    }
}

/// A public key of RSA in the form of RFC 3110 §2, with one octet for the length of the exponent.
fn rsa(exponent: &[u8], modulus: &[u8]) -> Vec<u8> {
    [&[u8::try_from(exponent.len()).unwrap()], exponent, modulus].concat()
}

/// A modulus of so many octets, which nobody knows the factors of.
fn modulus(octets: usize) -> Vec<u8> {
    let mut modulus = vec![0xa5; octets];
    *modulus.last_mut().unwrap() |= 1;
    modulus
}

#[test]
fn the_form_of_a_key_says_whether_it_is_used_refused_or_passed_over() {
    let of_2048 = modulus(256);
    let usual = |octets: usize| rsa(&[1, 0, 1], &modulus(octets));
    let even = [&modulus(255)[..], &[2]].concat();
    let long_form = [&[0, 0, 3, 1, 0, 1][..], &of_2048].concat();
    let cases: Vec<(u8, Vec<u8>, KeyForm)> = vec![
        (8, usual(127), KeyForm::Unsupported),
        (8, usual(128), KeyForm::Usable),
        (8, usual(512), KeyForm::Usable),
        // RFC 5702 §2 ends at 4096 bits, ring at 8192: no honest zone has such keys, and the price of a verification is
        // that of the key.
        (8, usual(1_024), KeyForm::Usable),
        (10, usual(1_025), KeyForm::Unsupported),
        (8, rsa(&[3], &of_2048), KeyForm::Usable),
        // 2³²+1, once an option of signers; the longest that ring takes; one bit more.
        (8, rsa(&[1, 0, 0, 0, 1], &of_2048), KeyForm::Usable),
        (8, rsa(&[1, 0xff, 0xff, 0xff, 0xff], &of_2048), KeyForm::Usable),
        (8, rsa(&[2, 0, 0, 0, 1], &of_2048), KeyForm::Unsupported),
        (8, rsa(&[0xff; 128], &of_2048), KeyForm::Unsupported),
        (8, rsa(&[1], &of_2048), KeyForm::Broken),
        (8, rsa(&[0, 0, 1], &of_2048), KeyForm::Broken),
        (8, rsa(&[4], &of_2048), KeyForm::Broken),
        (8, rsa(&[0], &of_2048), KeyForm::Broken),
        (8, rsa(&[], &of_2048), KeyForm::Broken),
        (8, rsa(&[3], &even), KeyForm::Broken),
        (8, rsa(&[3], &[0; 256]), KeyForm::Broken),
        (8, rsa(&[3], &[]), KeyForm::Broken),
        // Leading zeros (RFC 3110 §2 forbids them) change no number.
        (8, rsa(&[0, 0, 3], &[&[0; 9][..], &of_2048].concat()), KeyForm::Usable),
        // Nor does a length in three octets where one is enough.
        (8, long_form, KeyForm::Usable),
        // The exponent is said to be longer than the key.
        (8, vec![9, 1, 0, 1], KeyForm::Broken),
        (8, vec![0, 1], KeyForm::Broken),
        (8, vec![], KeyForm::Broken),
        (13, vec![7; 64], KeyForm::Usable),
        (13, vec![7; 63], KeyForm::Broken),
        // The octet before the point that SEC 1 has and DNSKEY has not, or any other at the end.
        (13, vec![4; 65], KeyForm::Broken),
        (14, vec![7; 96], KeyForm::Usable),
        (14, vec![7; 64], KeyForm::Broken),
        (14, vec![7; 97], KeyForm::Broken),
        (15, vec![7; 32], KeyForm::Usable),
        (15, vec![7; 31], KeyForm::Broken),
        (15, vec![7; 33], KeyForm::Broken),
        (16, vec![7; 57], KeyForm::Unsupported),
        (1, usual(256), KeyForm::Unsupported),
    ];
    for (algorithm, key, form) in cases {
        let start = &key[..key.len().min(8)];
        assert_eq!(algorithms::key_form(algorithm, &key), form, "{algorithm} {start:?} {}", key.len());
        // Whatever it is, nothing comes of it but a no.
        assert!(
            !algorithms::verify(algorithm, &key, b"message", &vec![9; key.len()]),
            "{algorithm} {start:?}"
        );
    }
}

#[test]
fn rsa_keys_of_all_sizes_and_exponents_verify_what_openssl_signed() {
    let message = b"Rootwalk walks from the root and proves each step.";
    let lines = include_str!("rsa.txt").lines().filter(|line| !line.starts_with(';'));
    let mut costs = Vec::new();
    for line in lines {
        let parts: Vec<Vec<u8>> = line.split(' ').map(|part| hexadecimal(part).unwrap()).collect();
        let [exponent, modulus, signature] = parts.try_into().unwrap();
        for (zeros, padded) in
            [(0, rsa(&exponent, &modulus)), (3, rsa(&exponent, &[&[0; 3], &modulus[..]].concat()))]
        {
            assert_eq!(algorithms::key_form(8, &padded), KeyForm::Usable);
            assert!(
                algorithms::verify(8, &padded, message, &signature),
                "{exponent:?}, {zeros} zeros before"
            );
            assert!(!algorithms::verify(8, &padded, b"another", &signature), "{exponent:?}");
            assert!(!algorithms::verify(10, &padded, message, &signature), "the hash is part of it");
        }
        costs.push(algorithms::cost(8, &rsa(&exponent, &modulus)));
    }
    // 1024 bits and 3; 2048 and 33 bits that are all set; 2048 and 2³²+1; 4096 and 65537.
    assert_eq!(costs, [1, 2, 1, 2]);
}

#[test]
fn the_price_of_a_verification_is_that_of_its_algorithm_and_key() {
    for (algorithm, key, cost) in [
        (13, vec![7; 64], 1),
        (14, vec![7; 96], 16),
        (15, vec![7; 32], 1),
        (8, rsa(&[1, 0, 1], &modulus(256)), 1),
        (10, rsa(&[1, 0, 1], &modulus(384)), 1),
        (8, rsa(&[1, 0, 1], &modulus(512)), 2),
        (8, rsa(&[1, 0, 1], &modulus(1_024)), 8),
        (8, rsa(&[0xff; 4], &modulus(512)), 5),
        (5, rsa(&[1, 0xff, 0xff, 0xff, 0xff], &modulus(1_024)), 18),
    ] {
        assert_eq!(algorithms::cost(algorithm, &key), cost, "{algorithm}, {} octets", key.len());
        assert!(cost.div_ceil(crate::limits::VERIFICATION_COST) <= 3);
    }
    assert_eq!([0, 32_767, 32_768, 200_000].map(algorithms::hashing_cost), [0, 0, 1, 6]);
}

#[test]
fn a_key_of_another_protocol_is_no_key() {
    // RFC 4034 §2.1.2.
    for protocol in [0, 1, 2, 4, 255] {
        let mut world = World::new();
        let mut ksk = world.zones[&name("example.")].ksk.dnskey();
        ksk[2] = protocol;
        let zsk = world.zones[&name("example.")].zsk.dnskey();
        let tag = crate::dns::rdata::Dnskey::read(&ksk).unwrap().key_tag();
        let digest =
            ring::digest::digest(&ring::digest::SHA256, &[name("example.").as_wire(), &ksk].concat());
        let ds = [&tag.to_be_bytes()[..], &[15, 2], digest.as_ref()].concat();
        world.publish_ds(Rrset::new(name("example."), RecordType::DS, 60).with(&ds));
        world.publish_keys(Rrset::new(name("example."), RecordType::DNSKEY, 60).with(&ksk).with(&zsk));
        let judged = world.judge(answer(vec![world.a("example.", "www.example.")]));
        assert!(matches!(judged.fault(), Fault::DsMismatch { .. }), "{protocol}: {:?}", judged.fault());
    }
    // Beside keys that are some, it does no harm.
    let mut world = World::new();
    let (ksk, zsk) =
        (world.zones[&name("example.")].ksk.dnskey(), world.zones[&name("example.")].zsk.dnskey());
    let mut strange = zsk.clone();
    strange[2] = 2;
    let set = Rrset::new(name("example."), RecordType::DNSKEY, 60).with(&strange).with(&zsk).with(&ksk);
    world.publish_keys(set);
    world.judge(answer(vec![world.a("example.", "www.example.")])).is_secure();
}

#[test]
fn flags_that_nobody_has_defined_do_not_keep_a_key_from_signing() {
    // RFC 4034 §2.1.1: they are ignored on receipt.
    let mut world = World::new();
    let keys = world.zones.get_mut(&name("example.")).unwrap();
    keys.zsk = keys.zsk.with_flags(0x7f7e);
    let set = Rrset::new(name("example."), RecordType::DNSKEY, 60);
    let set = set.with(&keys.ksk.dnskey()).with(&keys.zsk.dnskey());
    world.publish_keys(set);
    world.judge(answer(vec![world.a("example.", "www.example.")])).is_secure();
}

#[test]
fn a_zone_of_several_algorithms_is_as_good_as_the_one_that_holds() {
    // RFC 6840 §5.11: one path is enough, whatever the DS set names besides.
    for (first, second) in [(14, 8), (8, 13), (13, 16)] {
        let mut world = World::new();
        world.zone("a.example.", first);
        let other = world.maker.make(second, KSK).unwrap();
        let keys = &world.zones[&name("a.example.")];
        let set = Rrset::new(name("a.example."), RecordType::DNSKEY, 60);
        let set = set.with(&other.dnskey()).with(&keys.ksk.dnskey()).with(&keys.zsk.dnskey());
        let ds = Rrset::new(name("a.example."), RecordType::DS, 60);
        let ds = ds.with(&other.ds(&name("a.example."), 2)).with(&keys.ksk.ds(&name("a.example."), 2));
        world.publish_keys(set);
        world.publish_ds(ds);
        world.judge(answer(vec![world.a("a.example.", "www.a.example.")])).is_secure();
    }
}
