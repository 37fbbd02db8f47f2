//! Odd but honest data that has to hold, and evidence that is none.

use super::super::Insecurity;
use super::*;
use crate::lab::signer::RrsigFixed;
use crate::limits::Limit;

const A: RecordType = RecordType::A;

/// Puts signatures that cannot count before the ones that are there: by keys that are no longer published, of
/// algorithms that are not known, expired.
fn behind_stray_signatures(world: &mut World, zone: &str, mut rrset: Rrset) -> Rrset {
    let good = std::mem::take(&mut rrset.signatures);
    let fixed = RrsigFixed {
        labels: u8::try_from(rrset.name.label_count()).unwrap(),
        ttl: rrset.ttl,
        validity: validity(),
        tag: 0,
    };
    for _ in 0..3 {
        let stray = world.maker.make(15, ZSK).unwrap();
        let fixed = RrsigFixed { tag: stray.tag(), ..fixed };
        rrset.signatures.push(&stray.sign_as(&name(zone), &rrset, &fixed).unwrap());
    }
    for signature in &good {
        let mut unknown = signature.to_vec();
        unknown[2] = 16;
        rrset.signatures.push(&unknown);
        let mut expired = signature.to_vec();
        expired[8..12].copy_from_slice(&u32::try_from(NOW - 9 * u64::from(DAY)).unwrap().to_be_bytes());
        expired[12..16].copy_from_slice(&u32::try_from(NOW - 20 * u64::from(DAY)).unwrap().to_be_bytes());
        rrset.signatures.push(&expired);
    }
    for signature in &good {
        rrset.signatures.push(signature);
    }
    rrset
}

#[test]
fn signatures_that_cannot_be_verified_do_not_use_up_the_tries_of_one_that_can() {
    let mut world = World::new();
    let rrset = world.a("example.", "www.example.");
    let rrset = behind_stray_signatures(&mut world, "example.", rrset);
    assert_eq!(rrset.signatures.len(), 6);
    let judged = world.judge(answer(vec![rrset]));
    judged.is_secure();
    assert_eq!(judged.budget.spent(Limit::FailedVerifications), 0);
    // A DNSKEY set in a rollover has more signatures than those of the key that the DS names.
    let keys = world.fed[&question("example.", RecordType::DNSKEY)].answer[0].clone();
    let keys = behind_stray_signatures(&mut world, "example.", keys);
    world.serve(answer(vec![keys]));
    world.judge(answer(vec![world.a("example.", "www.example.")])).is_secure();
}

#[test]
fn a_server_below_an_unsigned_cut_that_cannot_answer_for_ds_does_no_harm() {
    let mut world = World::new();
    world.unsigned_zone("plain.example.");
    let all = ["sub.plain.example.", "plain.example.", "example.", "."].map(name).to_vec();
    let response = || Scrubbed {
        zone: name("sub.plain.example."),
        ..answer(vec![unsigned_a("www.sub.plain.example.")])
    };
    world.known.cuts = all.clone();
    let judged = world.judge(response());
    judged.is_insecure();
    assert!(!judged.asked.contains(&question("sub.plain.example.", RecordType::DS)), "{:?}", judged.asked);
    // The cut between them is not known.
    world.known.cuts = vec![];
    world.judge(response()).is_insecure();
    // The zone is signed, with nobody above to vouch for it.
    let stray = world.maker.make(15, ZSK).unwrap();
    let mut rrset = unsigned_a("www.sub.plain.example.");
    sign_rrset(&mut rrset, &stray, &name("sub.plain.example."), validity()).unwrap();
    for cuts in [vec![], all] {
        world.known.cuts = cuts;
        world.judge(answer(vec![rrset.clone()])).is_insecure();
    }
    // Where the zone above is signed, silence proves nothing.
    world.fed.remove(&question("plain.example.", RecordType::DS));
    world.known.cuts = vec![name("plain.example.")];
    let judged = world.judge(answer(vec![unsigned_a("plain.example.")]));
    assert!(matches!(judged.fault(), Fault::EvidenceMissing { .. }));
}

#[test]
fn records_of_another_name_are_no_evidence_about_a_zone() {
    let mut world = World::new();
    world.unsigned_zone("plain.example.");
    world.zone("sub.example.", 15);
    let judged = world.judge(answer(vec![unsigned_a("plain.example.")]));
    judged.is_insecure();
    world.known.keep(&judged);
    for stray in [unsigned_a("x.plain.example."), world.a("example.", "www.example.")] {
        let ds = question("sub.example.", RecordType::DS);
        world.serve(scrubbed(ds, Outcome::Answer, vec![stray], vec![]));
        let judged = world.judge(answer(vec![unsigned_a("sub.example.")]));
        assert!(matches!(judged.fault(), Fault::Contradiction { .. }), "{:?}", judged.told);
        assert!(judged.validated.learned().iter().all(|learned| learned.zone != name("sub.example.")));
    }
}

#[test]
fn a_response_code_that_contradicts_what_is_proven_is_bogus() {
    let world = World::new();
    let mut response = answer(vec![world.a("example.", "www.example.")]);
    response.rcode = Rcode::NXDOMAIN;
    assert!(matches!(world.judge(response).fault(), Fault::Contradiction { .. }));
    let nsec = world.nsec("example.", "m.example.", "z.example.", &[RecordType::TXT]);
    let mut response = nodata(question("m.example.", A), vec![nsec]);
    world.judge(response.clone()).is_secure();
    response.rcode = Rcode::NXDOMAIN;
    assert!(matches!(world.judge(response).fault(), Fault::Contradiction { .. }));
}

#[test]
fn the_length_of_a_name_that_does_not_exist_costs_no_hashes() {
    // CVE-2023-50868: the closest encloser is near the apex, the name is as long as its asker wants.
    let world = World::new();
    let params = Nsec3Params { iterations: 50, salt: vec![7; 8], opt_out: false };
    let labels = "a.".repeat(100);
    let authority = vec![
        world.nsec3("example.", "example.", false, &params, &[RecordType::SOA, RecordType::NS]),
        world.nsec3("example.", "a.example.", true, &params, &[]),
        world.nsec3("example.", "*.example.", true, &params, &[]),
    ];
    let judged = world.judge(nxdomain(&format!("{labels}example."), authority));
    judged.is_secure();
    assert_eq!(judged.budget.spent(Limit::Nsec3Hashes), 3 * 51);
}

#[test]
fn a_deep_name_in_a_zone_with_the_most_iterations_is_denied() {
    let world = World::new();
    let params = Nsec3Params { iterations: 50, salt: vec![], opt_out: false };
    let encloser = "a.b.c.d.e.f.example.";
    let authority = vec![
        world.nsec3("example.", encloser, false, &params, &[A]),
        world.nsec3("example.", &format!("x.{encloser}"), true, &params, &[]),
        world.nsec3("example.", &format!("*.{encloser}"), true, &params, &[]),
    ];
    world.judge(nxdomain(&format!("x.{encloser}"), authority)).is_secure();
}

#[test]
fn too_many_iterations_are_no_lasting_truth_about_a_name() {
    // RFC 9276 §3.2 lets the denial pass as insecure. It does not show that a zone begins there, so what the signed
    // zone itself says of the name is believed, or not, as ever.
    let mut world = World::new();
    let params = Nsec3Params { iterations: 51, salt: vec![], opt_out: false };
    let apex = world.nsec3("example.", "example.", false, &params, &[RecordType::SOA, RecordType::NS]);
    world.serve(nodata(question("www.example.", RecordType::DS), vec![apex]));
    let judged = world.judge(answer(vec![unsigned_a("www.example.")]));
    judged.is_insecure();
    world.known.keep(&judged);
    assert!(
        judged
            .validated
            .learned()
            .iter()
            .all(|learned| { !matches!(*learned.trust, ZoneTrust::Insecure(Insecurity::Iterations(_))) })
    );
    world.judge(answer(vec![world.a("example.", "www.example.")])).is_secure();
}

#[test]
fn a_record_that_came_twice_counts_once() {
    // RFC 2181 §5: duplicates are suppressed; servers that prove two things with one record send them.
    let world = World::new();
    let twice = |mut rrset: Rrset| {
        let rdata = rrset.rdatas.first().unwrap().to_vec();
        rrset.rdatas.push(&rdata);
        rrset
    };
    let nsec = world.nsec("example.", "m.example.", "z.example.", &[RecordType::TXT]);
    world.judge(nodata(question("m.example.", A), vec![twice(nsec.clone())])).is_secure();
    let params = Nsec3Params::default();
    let nsec3 = world.nsec3("example.", "m.example.", false, &params, &[RecordType::TXT]);
    world.judge(nodata(question("m.example.", A), vec![twice(nsec3)])).is_secure();
    let alias = twice(world.sign("example.", cname("m.example.", "www.example.")));
    let mut response = scrubbed(question("m.example.", A), Outcome::Alias, vec![alias], vec![]);
    response.target = name("www.example.");
    world.judge(response).is_secure();
    // Two different ones are still none.
    let other = nsec_rdata(&name("zz.example."), &[RecordType::TXT]);
    let both = nsec.with(&other);
    assert!(world.judge(nodata(question("m.example.", A), vec![both])).validated.state().is_bogus());
}
