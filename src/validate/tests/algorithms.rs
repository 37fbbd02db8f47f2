//! Each algorithm from end to end (RFC 5702, RFC 6605, RFC 8080).

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
