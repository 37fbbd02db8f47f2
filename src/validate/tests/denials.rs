//! Denial by NSEC and NSEC3 (RFC 4035 §5.4, RFC 5155 §8, RFC 6840 §4, RFC 9824).

use super::super::denial::{self, Claim, Denial, Finding};
use super::super::nsec3::Hashes;
use super::*;
use crate::dns::edns::EdeCode;
use crate::dns::security::Denied;
use crate::lab::signer::RrsigFixed;
use crate::limits::Limit;

const A: RecordType = RecordType::A;
const NS: RecordType = RecordType::NS;
const SOA: RecordType = RecordType::SOA;

fn missing(what: Denied) -> Fault {
    Fault::DenialMissing { what }
}

fn nodata_a(text: &str, authority: Vec<Rrset>) -> Scrubbed {
    nodata(question(text, A), authority)
}

/// What unsigned NSEC records of `zone` prove, by the engine alone.
fn proves(zone: &str, claim: Claim<'_>, records: &[(&str, &str, &[RecordType])]) -> Option<Denial> {
    let rrsets: Vec<Rrset> = records
        .iter()
        .map(|(owner, next, types)| {
            Rrset::new(name(owner), RecordType::NSEC, 60).with(&nsec_rdata(&name(next), types))
        })
        .collect();
    let records: Vec<&Rrset> = rrsets.iter().collect();
    let budget = Budget::new(Caps::default(), Moment(0));
    denial::prove(&name(zone), claim, &records, &mut Hashes::new(), &budget).unwrap()
}

#[test]
fn nxdomain_is_proven_by_a_span_over_the_name_and_one_over_the_wildcard() {
    let world = World::new();
    let authority = vec![
        world.soa("example."),
        world.nsec("example.", "a.example.", "z.example.", &[A]),
        world.nsec("example.", "example.", "a.example.", &[SOA, NS]),
    ];
    let judged = world.judge(nxdomain("m.example.", authority.clone()));
    judged.is_secure();
    // RFC 2308 §5, RFC 9077: the lowest of SOA TTL 1800, MINIMUM 900 and the NSEC records.
    assert_eq!(judged.validated.ttl(), 900);
    assert_eq!(judged.validated.authority().len(), 3);
    // Without the record over the wildcard, or over the name.
    for gone in [1, 2] {
        let mut less = authority.clone();
        less.remove(gone);
        assert_eq!(*world.judge(nxdomain("m.example.", less)).fault(), missing(Denied::Name));
    }
    // Without the SOA it is true, and not kept.
    let judged = world.judge(nxdomain("m.example.", authority[1..].to_vec()));
    judged.is_secure();
    assert_eq!(judged.validated.ttl(), 0);
}

#[test]
fn a_record_that_proves_nothing_costs_nothing_and_is_not_called_authentic() {
    let world = World::new();
    let mut authority = vec![
        world.nsec("example.", "a.example.", "z.example.", &[A]),
        world.nsec("example.", "example.", "a.example.", &[SOA, NS]),
    ];
    let stray = world.nsec("example.", "zz.example.", "zzz.example.", &[A]);
    authority.push(stray);
    let judged = world.judge(nxdomain("m.example.", authority));
    judged.is_secure();
    assert_eq!(judged.validated.authority().len(), 2);
    assert_eq!(judged.budget.spent(Limit::Verifications), 3 + 2);
}

#[test]
fn a_denial_record_with_a_wrong_signature_is_put_aside() {
    // CVE-2026-123590: each record stands for itself.
    let world = World::new();
    let good = world.nsec("example.", "a.example.", "z.example.", &[A]);
    let mut forged = world.nsec("example.", "b.example.", "y.example.", &[A]);
    forged.signatures = good.signatures.clone();
    let wildcard = world.nsec("example.", "example.", "a.example.", &[SOA, NS]);
    world.judge(nxdomain("m.example.", vec![forged.clone(), good, wildcard.clone()])).is_secure();
    let judged = world.judge(nxdomain("m.example.", vec![forged, wildcard]));
    assert!(matches!(judged.fault(), Fault::SignatureWrong { .. }));
}

#[test]
fn a_wrong_soa_makes_the_denial_bogus() {
    let world = World::new();
    let mut soa = world.soa("example.");
    soa.signatures = crate::dns::Rdatas::new();
    let nsec = world.nsec("example.", "m.example.", "z.example.", &[RecordType::TXT]);
    let judged = world.judge(nodata(question("m.example.", A), vec![soa, nsec]));
    assert_eq!(*judged.fault(), Fault::SignatureMissing);
}

#[test]
fn an_unsigned_denial_in_a_signed_zone_is_bogus_and_below_an_unsigned_cut_insecure() {
    let mut world = World::new();
    world.no_cut("m.example.");
    assert_eq!(*world.judge(nodata_a("m.example.", vec![])).fault(), missing(Denied::Type));
    world.unsigned_zone("plain.example.");
    let soa = Rrset::new(name("plain.example."), SOA, 60);
    let judged = world.judge(nxdomain("x.y.plain.example.", vec![soa]));
    judged.is_insecure();
    // The owner of the SOA told where the cut is.
    assert!(!judged.asked.contains(&question("y.plain.example.", RecordType::DS)));
}

#[test]
fn an_empty_non_terminal_exists() {
    // CVE-2026-123594.
    let world = World::new();
    let authority = vec![
        world.nsec("example.", "a.example.", "x.ent.example.", &[A]),
        world.nsec("example.", "example.", "a.example.", &[SOA, NS]),
    ];
    assert_eq!(*world.judge(nxdomain("ent.example.", authority.clone())).fault(), missing(Denied::Name));
    world.judge(nodata_a("ent.example.", authority)).is_secure();
}

#[test]
fn nodata_needs_a_record_without_the_type_and_without_an_alias() {
    let world = World::new();
    let at = |types: &[RecordType]| vec![world.nsec("example.", "m.example.", "z.example.", types)];
    world.judge(nodata_a("m.example.", at(&[RecordType::TXT]))).is_secure();
    world.judge(nodata_a("M.Example.", at(&[RecordType::TXT]))).is_secure();
    for types in [&[A][..], &[RecordType::CNAME]] {
        assert_eq!(*world.judge(nodata_a("m.example.", at(types))).fault(), missing(Denied::Type));
    }
    // Another name's record says nothing of this one.
    assert_eq!(*world.judge(nodata_a("n.example.", at(&[RecordType::TXT]))).fault(), missing(Denied::Type));
}

#[test]
fn the_parents_record_at_a_cut_denies_nothing_but_ds() {
    // RFC 6840 §4.1.
    let mut world = World::new();
    world.no_cut("x.cut.example.");
    let cut = vec![world.nsec("example.", "cut.example.", "z.example.", &[NS])];
    assert_eq!(*world.judge(nodata_a("cut.example.", cut.clone())).fault(), missing(Denied::Type));
    world.judge(nodata(question("cut.example.", RecordType::DS), cut.clone())).is_secure();
    // CVE-2026-123596: nor anything below it, nor below a DNAME.
    let apex = world.nsec("example.", "example.", "a.example.", &[SOA, NS]);
    for types in [NS, RecordType::DNAME] {
        let authority = vec![world.nsec("example.", "cut.example.", "z.example.", &[types]), apex.clone()];
        let judged = world.judge(nxdomain("x.cut.example.", authority));
        assert_eq!(*judged.fault(), missing(Denied::Name), "{types}");
    }
}

#[test]
fn the_apex_has_no_say_about_its_own_ds() {
    let mut world = World::new();
    world.zone("sub.example.", 15);
    let apex = vec![world.nsec("sub.example.", "sub.example.", "x.sub.example.", &[NS, SOA])];
    let judged = world.judge(nodata(question("sub.example.", RecordType::DS), apex.clone()));
    assert_eq!(*judged.fault(), missing(Denied::Ds));
    world.judge(nodata(question("sub.example.", RecordType::TXT), apex)).is_secure();
    // But for the root, which has no parent.
    let root = vec![world.nsec(".", ".", "example.", &[NS, SOA, RecordType::DNSKEY])];
    world.judge(nodata(question(".", RecordType::DS), root)).is_secure();
}

#[test]
fn a_next_name_outside_of_the_zone_is_refused() {
    // CVE-2026-13321.
    let mut world = World::new();
    world.zone("a.example.", 15);
    let far = world.nsec("a.example.", "b.a.example.", "zzz.example.", &[A]);
    let near = world.nsec("a.example.", "a.example.", "b.a.example.", &[SOA, NS]);
    let judged = world.judge(nxdomain("m.a.example.", vec![far, near]));
    assert_eq!(*judged.fault(), missing(Denied::Name));
}

#[test]
fn only_the_apex_closes_the_circle() {
    // CVE-2026-123587.
    let claim = name("z.example.");
    let types: &[RecordType] = &[A];
    let wildcard = ("example.", "a.example.", &[SOA, NS][..]);
    let last = [("y.example.", "example.", types), wildcard];
    assert_eq!(proves("example.", Claim::Name(&claim), &last).unwrap().used, [0, 1]);
    let wrong = [("y.example.", "b.example.", types), wildcard];
    assert_eq!(proves("example.", Claim::Name(&claim), &wrong), None);
    // A zone of one name.
    let lone: [(&str, &str, &[RecordType]); 1] = [("example.", "example.", &[SOA, NS])];
    assert_eq!(proves("example.", Claim::Name(&claim), &lone).unwrap().used, [0]);
    assert_eq!(proves("other.", Claim::Name(&claim), &lone), None);
}

#[test]
fn a_wildcard_expansion_needs_proof_that_nothing_nearer_exists() {
    let world = World::new();
    let rrset = world.expanded("example.", "example.", unsigned_a("m.example."));
    let with = |authority| {
        let mut response = answer(vec![rrset.clone()]);
        response.authority = authority;
        world.judge(response)
    };
    let judged = with(vec![world.nsec("example.", "a.example.", "z.example.", &[A])]);
    judged.is_secure();
    assert_eq!(judged.validated.authority().len(), 1);
    assert_eq!(*with(vec![]).fault(), missing(Denied::CloserMatch));
    // The name exists.
    let exists = with(vec![world.nsec("example.", "m.example.", "z.example.", &[RecordType::TXT])]);
    assert_eq!(*exists.fault(), missing(Denied::CloserMatch));
}

#[test]
fn a_wildcard_does_not_reach_past_a_nearer_name() {
    // RFC 4592 §3.3.1: b.example. exists, so *.example. does not answer for x.b.example.
    let world = World::new();
    let mut response = answer(vec![world.expanded("example.", "example.", unsigned_a("x.b.example."))]);
    response.authority = vec![world.nsec("example.", "a.b.example.", "z.b.example.", &[A])];
    assert_eq!(*world.judge(response).fault(), missing(Denied::CloserMatch));
}

#[test]
fn an_alias_from_a_wildcard_needs_the_same_proof() {
    // CVE-2026-52686.
    let world = World::new();
    let rrset = world.expanded("example.", "example.", cname("m.example.", "a.example."));
    let mut response = scrubbed(question("m.example.", A), Outcome::Alias, vec![rrset], vec![]);
    response.target = name("a.example.");
    assert_eq!(*world.judge(response.clone()).fault(), missing(Denied::CloserMatch));
    response.authority = vec![world.nsec("example.", "b.example.", "z.example.", &[A])];
    world.judge(response).is_secure();
}

#[test]
fn an_alias_is_proven_together_with_the_denial_at_its_end() {
    let mut world = World::new();
    world.no_cut("m.example.");
    let mut response = nodata_a(
        "www.example.",
        vec![world.soa("example."), world.nsec("example.", "m.example.", "z.example.", &[RecordType::TXT])],
    );
    response.answer = vec![world.sign("example.", cname("www.example.", "m.example."))];
    response.target = name("m.example.");
    let judged = world.judge(response.clone());
    judged.is_secure();
    assert_eq!(judged.validated.ttl(), 300);
    response.authority.pop();
    assert_eq!(*world.judge(response).fault(), missing(Denied::Type));
}

#[test]
fn wildcard_nodata_needs_the_wildcard_and_the_absence_of_the_name() {
    let world = World::new();
    let cover = world.nsec("example.", "a.example.", "z.example.", &[A]);
    let wildcard = |types: &[RecordType]| world.nsec("example.", "*.example.", "a.example.", types);
    world.judge(nodata_a("m.example.", vec![cover.clone(), wildcard(&[RecordType::TXT])])).is_secure();
    // CVE-2026-123579: the type is there, so the answer is not empty.
    let judged = world.judge(nodata_a("m.example.", vec![cover.clone(), wildcard(&[A])]));
    assert_eq!(*judged.fault(), missing(Denied::Type));
    let judged = world.judge(nodata_a("m.example.", vec![wildcard(&[RecordType::TXT])]));
    assert_eq!(*judged.fault(), missing(Denied::Type));
    // And where a wildcard exists there is no NXDOMAIN.
    let judged = world.judge(nxdomain("m.example.", vec![cover, wildcard(&[RecordType::TXT])]));
    assert_eq!(*judged.fault(), missing(Denied::Name));
}

#[test]
fn a_denial_record_made_from_a_wildcard_is_refused() {
    let world = World::new();
    let rdata = nsec_rdata(&name("z.example."), &[RecordType::TXT, RecordType::RRSIG, RecordType::NSEC]);
    let nsec = Rrset::new(name("m.example."), RecordType::NSEC, 60).with(&rdata);
    let expanded = world.expanded("example.", "example.", nsec);
    assert!(matches!(world.judge(nodata_a("m.example.", vec![expanded])).fault(), Fault::SignerWrong { .. }));
}

#[test]
fn a_denial_signed_with_too_few_labels_is_refused() {
    let mut world = World::new();
    world.no_cut("m.example.");
    let key = world.zones[&name("example.")].zsk.clone();
    let mut nsec = world.nsec("example.", "m.example.", "z.example.", &[RecordType::TXT]);
    let fixed = RrsigFixed { labels: 0, ttl: 900, validity: validity(), tag: key.tag() };
    let rdata = key.sign_as(&name("example."), &nsec, &fixed).unwrap();
    nsec.signatures = [rdata.as_slice()].into_iter().collect();
    assert_eq!(*world.judge(nodata_a("m.example.", vec![nsec])).fault(), missing(Denied::Type));
}

#[test]
fn a_compact_denial_is_nodata_that_says_the_name_does_not_exist() {
    // RFC 9824 §3.1.
    let world = World::new();
    let nsec = world.nsec("example.", "m.example.", "\\000.m.example.", &[RecordType::NXNAME]);
    let judged = world.judge(nodata_a("m.example.", vec![nsec.clone()]));
    judged.is_secure();
    assert!(judged.validated.is_compact_denial());
    world.judge(nxdomain("m.example.", vec![nsec])).is_secure();
    let plain = world.nsec("example.", "m.example.", "\\000.m.example.", &[RecordType::TXT]);
    let judged = world.judge(nodata_a("m.example.", vec![plain.clone()]));
    judged.is_secure();
    assert!(!judged.validated.is_compact_denial());
    assert_eq!(*world.judge(nxdomain("m.example.", vec![plain])).fault(), missing(Denied::Name));
}

#[test]
fn nothing_of_any_type_is_denied_only_where_there_is_nothing() {
    let claim = name("m.example.");
    let any = Claim::Type(&claim, RecordType::ANY);
    let at = |types: &'static [RecordType]| [("m.example.", "z.example.", types)];
    assert!(proves("example.", any, &at(&[RecordType::TXT, RecordType::RRSIG])).is_none());
    assert!(proves("example.", any, &at(&[RecordType::RRSIG, RecordType::NSEC])).is_some());
}

// NSEC3.

fn params() -> Nsec3Params {
    Nsec3Params::default()
}

fn opt_out() -> Nsec3Params {
    Nsec3Params { opt_out: true, ..params() }
}

fn apex(world: &World) -> Rrset {
    world.nsec3("example.", "example.", false, &params(), &[SOA, NS, RecordType::DNSKEY])
}

fn at(world: &World, owner: &str, types: &[RecordType]) -> Rrset {
    world.nsec3("example.", owner, false, &params(), types)
}

fn over(world: &World, owner: &str) -> Rrset {
    world.nsec3("example.", owner, true, &params(), &[A])
}

#[test]
fn nxdomain_by_nsec3_needs_encloser_next_closer_and_wildcard() {
    let world = World::new();
    let full = vec![apex(&world), over(&world, "b.example."), over(&world, "*.example.")];
    let judged = world.judge(nxdomain("a.b.example.", full.clone()));
    judged.is_secure();
    assert_eq!(judged.validated.authority().len(), 3);
    for gone in 0..3 {
        let mut less = full.clone();
        less.remove(gone);
        assert_eq!(*world.judge(nxdomain("a.b.example.", less)).fault(), missing(Denied::Name), "{gone}");
    }
    // A record over the name itself is no proof about the next closer name.
    let wrong = vec![apex(&world), over(&world, "a.b.example."), over(&world, "*.example.")];
    assert_eq!(*world.judge(nxdomain("a.b.example.", wrong)).fault(), missing(Denied::Name));
}

#[test]
fn nxdomain_by_nsec3_with_opt_out_is_insecure() {
    // RFC 5155 §9.2.
    let world = World::new();
    let cover = world.nsec3("example.", "b.example.", true, &opt_out(), &[A]);
    let judged = world.judge(nxdomain("b.example.", vec![apex(&world), cover, over(&world, "*.example.")]));
    judged.is_insecure();
}

#[test]
fn the_records_of_a_cut_or_a_dname_are_no_enclosers() {
    // RFC 5155 §8.3.
    let mut world = World::new();
    world.no_cut("x.cut.example.");
    for types in [NS, RecordType::DNAME] {
        let authority = vec![
            at(&world, "cut.example.", &[types]),
            over(&world, "x.cut.example."),
            over(&world, "*.cut.example."),
        ];
        assert_eq!(*world.judge(nxdomain("x.cut.example.", authority)).fault(), missing(Denied::Name));
    }
}

#[test]
fn nodata_by_nsec3_is_judged_by_the_matching_record() {
    let world = World::new();
    world.judge(nodata_a("m.example.", vec![at(&world, "m.example.", &[RecordType::TXT])])).is_secure();
    for types in [A, RecordType::CNAME, NS] {
        let judged = world.judge(nodata_a("m.example.", vec![at(&world, "m.example.", &[types])]));
        assert_eq!(*judged.fault(), missing(Denied::Type), "{types}");
    }
    // CVE-2026-123600: at the apex.
    world.judge(nodata(question("example.", RecordType::TXT), vec![apex(&world)])).is_secure();
    let judged = world.judge(nodata(question("example.", RecordType::SOA), vec![apex(&world)]));
    assert_eq!(*judged.fault(), missing(Denied::Type));
    let judged = world.judge(nodata(question("example.", RecordType::DS), vec![apex(&world)]));
    assert_eq!(*judged.fault(), missing(Denied::Ds));
}

#[test]
fn wildcard_nodata_by_nsec3_needs_the_wildcards_record() {
    let world = World::new();
    let wild = |types: &[RecordType]| {
        vec![apex(&world), over(&world, "m.example."), at(&world, "*.example.", types)]
    };
    world.judge(nodata_a("m.example.", wild(&[RecordType::TXT]))).is_secure();
    assert_eq!(*world.judge(nodata_a("m.example.", wild(&[A]))).fault(), missing(Denied::Type));
}

#[test]
fn a_wildcard_expansion_by_nsec3_needs_the_next_closer_name_covered() {
    let world = World::new();
    let judge = |record: Option<Rrset>| {
        let mut response = answer(vec![world.expanded("example.", "example.", unsigned_a("a.b.example."))]);
        response.authority = record.into_iter().collect();
        world.judge(response)
    };
    judge(Some(over(&world, "b.example."))).is_secure();
    assert_eq!(*judge(None).fault(), missing(Denied::CloserMatch));
    assert_eq!(*judge(Some(over(&world, "a.b.example."))).fault(), missing(Denied::CloserMatch));
    judge(Some(world.nsec3("example.", "b.example.", true, &opt_out(), &[]))).is_insecure();
}

#[test]
fn ds_nodata_in_an_opt_out_span_is_insecure_and_at_a_name_secure() {
    let world = World::new();
    let ask = |authority| world.judge(nodata(question("d.example.", RecordType::DS), authority));
    ask(vec![at(&world, "d.example.", &[NS])]).is_secure();
    ask(vec![apex(&world), world.nsec3("example.", "d.example.", true, &opt_out(), &[])]).is_insecure();
    assert_eq!(*ask(vec![apex(&world), over(&world, "d.example.")]).fault(), missing(Denied::Ds));
}

#[test]
fn an_empty_non_terminal_above_unsigned_delegations_may_lack_its_record() {
    let world = World::new();
    let authority = vec![apex(&world), world.nsec3("example.", "ent.example.", true, &opt_out(), &[])];
    world.judge(nodata_a("ent.example.", authority)).is_insecure();
}

#[test]
fn too_many_iterations_are_insecure_without_one_hash() {
    // RFC 9276 §3.2, CVE-2026-1519.
    let world = World::new();
    let many = Nsec3Params { iterations: 51, ..params() };
    let authority = vec![world.nsec3("example.", "m.example.", false, &many, &[RecordType::TXT])];
    let judged = world.judge(nodata_a("m.example.", authority.clone()));
    judged.is_insecure();
    assert_eq!(judged.validated.info().unwrap().code, EdeCode::UNSUPPORTED_NSEC3_ITERATIONS);
    assert_eq!(judged.budget.spent(Limit::Nsec3Hashes), 0);
    // Only if the zone itself says so: not by a record that anybody could have put there.
    let mut forged = authority;
    forged[0].rdatas = [Nsec3Params { iterations: 9_999, ..params() }.nsec3_rdata(&[1; 20], &[A]).as_slice()]
        .into_iter()
        .collect();
    assert!(matches!(world.judge(nodata_a("m.example.", forged)).fault(), Fault::SignatureWrong { .. }));
    let some = Nsec3Params { iterations: 50, ..params() };
    let authority = vec![world.nsec3("example.", "m.example.", false, &some, &[RecordType::TXT])];
    let judged = world.judge(nodata_a("m.example.", authority));
    judged.is_secure();
    assert_eq!(judged.budget.spent(Limit::Nsec3Hashes), 51);
}

#[test]
fn unknown_hash_algorithms_and_flags_are_passed_over() {
    // RFC 5155 §8.1, §8.2: the other records still count.
    let world = World::new();
    for (place, value) in [(0, 2_u8), (1, 0x82)] {
        let mut rdata = params().nsec3_rdata(&[0xff; 20], &[RecordType::TXT]);
        rdata[place] = value;
        let owner = Nsec3Params::owner(&name("example."), &params().hash(&name("m.example."))).unwrap();
        let odd = world.sign("example.", Rrset::new(owner, RecordType::NSEC3, 60).with(&rdata));
        assert_eq!(*world.judge(nodata_a("m.example.", vec![odd.clone()])).fault(), missing(Denied::Type));
        let mut known = at(&world, "m.example.", &[RecordType::TXT]);
        known.name = Name::from_labels(
            known.name.labels().map(<[u8]>::to_ascii_uppercase).collect::<Vec<_>>().iter().map(Vec::as_slice),
        )
        .unwrap();
        world.judge(nodata_a("m.example.", vec![odd, known])).is_secure();
    }
}

#[test]
fn the_nsec3_records_of_a_child_say_nothing_of_the_parent() {
    // CVE-2026-10723, CVE-2026-123580.
    let mut world = World::new();
    world.zone("sub.example.", 15);
    let p = params();
    let mut hash = p.hash(&name("m.example."));
    let owner = Nsec3Params::owner(&name("sub.example."), &hash).unwrap();
    nudge(&mut hash, 1);
    let rrset = Rrset::new(owner, RecordType::NSEC3, 60).with(&p.nsec3_rdata(&hash, &[RecordType::TXT]));
    // Signed by the child, and by the parent although it stands below the child.
    for signer in ["sub.example.", "example."] {
        world.no_cut("m.example.");
        let record = world.sign(signer, rrset.clone());
        assert_eq!(
            *world.judge(nodata_a("m.example.", vec![record])).fault(),
            missing(Denied::Type),
            "{signer}"
        );
    }
}

#[test]
fn the_last_record_of_the_circle_covers_both_ends_and_a_lone_one_all_else() {
    // CVE-2026-123601.
    let world = World::new();
    let claim = name("m.example.");
    let hash = params().hash(&claim);
    let covered = |from: &[u8], to: &[u8]| {
        let apex = apex(&world);
        let rrset = world.nsec3_from("example.", from, to, &opt_out(), &[]);
        let budget = Budget::new(Caps::default(), Moment(0));
        let claim = Claim::Type(&claim, RecordType::DS);
        let found = denial::prove(&name("example."), claim, &[&apex, &rrset], &mut Hashes::new(), &budget);
        found.unwrap().is_some_and(|denial| matches!(denial.finding, Finding::Insecure(_)))
    };
    let moved = |by| {
        let mut hash = hash.clone();
        nudge(&mut hash, by);
        hash
    };
    let (low, high) = ([0; 20], [0xff; 20]);
    assert!(covered(&moved(-1), &low), "after the last hash");
    assert!(covered(&high, &moved(1)), "before the first hash");
    assert!(!covered(&moved(1), &low) && !covered(&high, &moved(-1)));
    assert!(!covered(&hash, &low) && !covered(&high, &hash), "the ends are not in between");
    assert!(covered(&moved(7), &moved(7)) && !covered(&hash, &hash), "a circle of one");
    assert!(!covered(&low, &moved(-1)) && covered(&low, &high));
}

#[test]
fn the_engine_makes_a_denial_out_of_known_records() {
    // RFC 8198: the same proof, from the cache.
    let types: &[RecordType] = &[SOA, NS];
    let missing = name("m.example.");
    let known: [(&str, &str, &[RecordType]); 2] =
        [("example.", "a.example.", types), ("a.example.", "z.example.", &[A])];
    let denial = proves("example.", Claim::Name(&missing), &known).unwrap();
    assert_eq!((denial.finding, denial.used), (Finding::Absent, vec![0, 1]));
    let there = name("a.example.");
    assert_eq!(proves("example.", Claim::Name(&there), &known), None);
    assert_eq!(proves("example.", Claim::Type(&there, A), &known), None);
    assert_eq!(proves("example.", Claim::Type(&there, RecordType::TXT), &known).unwrap().used, [1]);
    assert_eq!(proves("example.", Claim::Name(&name("www.other.")), &known), None);
}
