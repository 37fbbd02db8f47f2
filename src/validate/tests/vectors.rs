//! Zones that another implementation signed: RSA with SHA-1, SHA-256 and SHA-512, NSEC and NSEC3.

use super::super::Sha1;
use super::super::anchors::hexadecimal;
use super::*;

/// 2026-11-21.
const NOW: u64 = 1_795_262_400;

/// The RRsets of a zone, and an anchor for it.
fn zone(zone: &str) -> (Vec<Rrset>, Anchors) {
    let (zone, mut rrsets, mut anchors) = (name(zone), Vec::<Rrset>::new(), Anchors::none());
    for line in include_str!("vectors.txt").lines().filter(|line| !line.starts_with(';')) {
        let [owner, rtype, rdata] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let (owner, rdata) = (name(owner), hexadecimal(rdata).unwrap());
        if !owner.is_subdomain_of(&zone) {
            continue;
        }
        let rtype: RecordType = rtype.parse().unwrap();
        if rtype == RecordType::DS {
            anchors.add(owner, AnchorKey::Ds(rdata));
            continue;
        }
        let covered = crate::dns::rdata::Rrsig::read(&rdata).map_or(rtype, |rrsig| rrsig.type_covered);
        let of = if rtype == RecordType::RRSIG { covered } else { rtype };
        let ttl = if matches!(of, RecordType::NSEC | RecordType::NSEC3) { 900 } else { 3_600 };
        let place = rrsets.iter().position(|rrset| rrset.is(&owner, of)).unwrap_or_else(|| {
            rrsets.push(Rrset::new(owner, of, ttl));
            rrsets.len() - 1
        });
        if rtype == RecordType::RRSIG { &mut rrsets[place].signatures } else { &mut rrsets[place].rdatas }
            .push(&rdata);
    }
    (rrsets, anchors)
}

fn find(rrsets: &[Rrset], owner: &str, rtype: RecordType) -> Rrset {
    rrsets.iter().find(|rrset| rrset.is(&name(owner), rtype)).unwrap().clone()
}

#[test]
fn what_dnssec_signzone_signed_is_secure() {
    for algorithm in [5, 7, 8, 10] {
        let origin = format!("alg{algorithm}.example.");
        let (rrsets, anchors) = zone(&origin);
        let mut world = World::new();
        world.anchors = anchors;
        world.policy.sha1 = Sha1::Validate;
        world.serve(answer(vec![find(&rrsets, &origin, RecordType::DNSKEY)]));
        let denials: Vec<Rrset> = rrsets
            .iter()
            .filter(|rrset| matches!(rrset.rtype, RecordType::NSEC | RecordType::NSEC3))
            .cloned()
            .collect();
        assert_eq!(denials[0].rtype == RecordType::NSEC3, algorithm == 7);

        // The names in MX came in mixed case.
        let mx = find(&rrsets, &format!("mx.{origin}"), RecordType::MX);
        assert_eq!(mx.rdatas.first().unwrap()[2..], *name("Mail.Other.").as_wire());
        let judged = world.judge_at(answer(vec![mx.clone()]), NOW);
        judged.is_secure();
        assert_eq!(judged.validated.ttl(), 3_600);

        let mut text = find(&rrsets, &format!("*.w.{origin}"), RecordType::TXT);
        text.name = name(&format!("a.b.w.{origin}"));
        let mut response = answer(vec![text]);
        response.authority.clone_from(&denials);
        world.judge_at(response, NOW).is_secure();

        world.judge_at(nxdomain(&format!("no.such.{origin}"), denials.clone()), NOW).is_secure();
        world
            .judge_at(nodata(question(&format!("w.{origin}"), RecordType::TXT), denials.clone()), NOW)
            .is_secure();
        world
            .judge_at(nodata(question(&format!("x.w.{origin}"), RecordType::A), denials.clone()), NOW)
            .is_secure();
        assert!(
            world.judge_at(nxdomain(&format!("x.w.{origin}"), denials), NOW).validated.state().is_bogus()
        );

        world.policy.sha1 = Sha1::Insecure;
        let expected = if algorithm < 8 { ValidationState::Insecure } else { ValidationState::Secure };
        world.judge_at(answer(vec![mx]), NOW).is(&expected);
    }
}
