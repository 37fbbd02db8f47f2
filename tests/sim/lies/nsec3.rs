//! Lies by and about NSEC3: RFC 5155 §8, RFC 6840 §4, RFC 9276 §3.2.

use rootwalk::dns::rdata::Nsec3;
use rootwalk::dns::{Rcode, RecordType, Rrset};
use rootwalk::lab::signer::Nsec3Params;

use super::forge::{Forge, Hashed, answer, deny, moved, nsec, one, unsigned, with_signatures};
use super::{Bogus, H, Lie, MISSING, OTHER, Proofs, TEST, Unproven, Unseen, lie};
use crate::harness::name;

const WWW: &str = "www.nsec3.test.";
const NONE: &str = "none.nsec3.test.";
const A: RecordType = RecordType::A;
const MX: RecordType = RecordType::MX;
const NS: RecordType = RecordType::NS;
const SOA: RecordType = RecordType::SOA;
const CNAME: RecordType = RecordType::CNAME;

/// NXDOMAIN.
fn no_name(rule: &'static str, how: &'static str, owner: &str, proofs: impl Proofs) -> Lie {
    lie(rule, how, owner, A).denied(H, Rcode::NXDOMAIN, proofs)
}

/// NODATA.
fn no_type(
    rule: &'static str,
    how: &'static str,
    (owner, rtype): (&str, RecordType),
    proofs: impl Proofs,
) -> Lie {
    lie(rule, how, owner, rtype).denied(H, Rcode::NOERROR, proofs)
}

/// The records that prove that the name does not exist, before they are signed: of the closest encloser, which is the
/// apex, of the name, of the wildcard.
fn proof(owner: &str) -> [Hashed; 3] {
    proof_by(&Nsec3Params::default(), owner)
}

fn proof_by(params: &Nsec3Params, owner: &str) -> [Hashed; 3] {
    [
        Hashed::at_by(params.clone(), H, H, &[NS, SOA]),
        Hashed::over_by(params.clone(), H, owner),
        Hashed::over_by(params.clone(), H, "*.nsec3.test."),
    ]
}

/// The same, each changed by the liar and then signed by the zone.
fn changed(forge: &Forge, owner: &str, change: impl Fn(Hashed) -> Hashed) -> Vec<Rrset> {
    proof(owner).into_iter().map(|record| forge.nsec3(&change(record))).collect()
}

/// The same with one of them changed.
fn but(forge: &Forge, owner: &str, place: usize, change: impl Fn(Hashed) -> Hashed) -> Vec<Rrset> {
    let each = proof(owner).into_iter().enumerate();
    each.map(|(at, record)| forge.nsec3(&if at == place { change(record) } else { record })).collect()
}

/// What the zone's record at a name says of its types, in one that covers nothing: no span proves anything by chance.
fn own(forge: &Forge, owner: &str) -> Rrset {
    let hash = Nsec3Params::default().hash(&name(owner));
    let record = forge.rrset(H, &Nsec3Params::owner(&name(H), &hash).unwrap().to_string(), RecordType::NSEC3);
    let types = Nsec3::read(record.rdatas.first().unwrap()).unwrap().types.types();
    forge.nsec3(&Hashed::at(H, owner, &types))
}

pub(super) fn lies() -> Vec<Lie> {
    [forms(), names(), types(), wildcards(), iterations(), mixed()].into_iter().flatten().collect()
}

/// RFC 5155 §8.1 and §8.2: which records count.
fn forms() -> Vec<Lie> {
    vec![
        no_name("RFC 5155 §8.1", "all records of an unknown hash algorithm", NONE, |forge| {
            changed(forge, NONE, |record| Hashed { algorithm: 2, ..record })
        }),
        no_name(
            "RFC 5155 §8.1",
            "records of an unknown hash algorithm before those that count",
            NONE,
            |forge| {
                let unknown =
                    changed(forge, NONE, |record| Hashed { algorithm: 2, hash: vec![7; 20], ..record });
                unknown.into_iter().take(1).chain(changed(forge, NONE, |record| record)).collect()
            },
        )
        .is(Unseen),
        no_name("RFC 5155 §8.2", "a flag that nobody knows", NONE, |forge| {
            changed(forge, NONE, |record| Hashed { flags: 2, ..record })
        }),
        no_name("RFC 5155 §8.2", "an unknown flag beside opt-out", NONE, |forge| {
            changed(forge, NONE, |record| Hashed { flags: 3, ..record })
        }),
        no_name("RFC 5155 §8.2", "the closest encloser with another salt", NONE, |forge| {
            let salted = Nsec3Params { salt: vec![1], ..Nsec3Params::default() };
            let mut records = changed(forge, NONE, |record| record);
            records[0] = forge.nsec3(&Hashed::at_by(salted, H, H, &[NS, SOA]));
            records
        }),
        no_name("RFC 5155 §8.2", "the wildcard's cover with other iterations", NONE, |forge| {
            let more = Nsec3Params { iterations: 1, ..Nsec3Params::default() };
            let mut records = changed(forge, NONE, |record| record);
            records[2] = forge.nsec3(&Hashed::over_by(more, H, "*.nsec3.test."));
            records
        }),
        no_name("RFC 5155 §3.3", "a next hash of 19 octets", NONE, |forge| {
            but(forge, NONE, 1, |record| Hashed { next: record.next[..19].to_vec(), ..record })
        }),
        no_name("RFC 5155 §3.3", "a next hash of 21 octets", NONE, |forge| {
            but(forge, NONE, 1, |record| Hashed { next: [&record.next[..], &[0]].concat(), ..record })
        }),
        no_name("RFC 5155 §3", "an owner that is no hash", NONE, |forge| {
            let mut records = changed(forge, NONE, |record| record);
            records[1] = forge.signed(H, moved(records[1].clone(), "not-a-hash.nsec3.test."));
            records
        }),
        no_name("RFC 5155 §3", "an owner of a letter too much", NONE, |forge| {
            let mut records = changed(forge, NONE, |record| record);
            let longer = format!("0{}", records[1].name);
            records[1] = forge.signed(H, moved(records[1].clone(), &longer));
            records
        }),
        no_name("RFC 5155 §3.3", "the hashes in capital letters", NONE, |forge| {
            let shout =
                |rrset: Rrset| Rrset { name: super::forge::shouted(&rrset.name.to_string()), ..rrset };
            changed(forge, NONE, |record| record).into_iter().map(shout).collect()
        })
        .is(Unseen),
        no_name("RFC 5155 §7.1", "two records of one hash", NONE, |forge| {
            let mut records = changed(forge, NONE, |record| record);
            let double =
                unsigned(records[1].clone()).with(Hashed::at(H, H, &[]).rrset().rdatas.first().unwrap());
            records[1] = forge.signed(H, double);
            records
        }),
        no_name("RFC 5155 §8.2", "ten records that prove nothing before those that do", NONE, |forge| {
            let stray =
                (0..10).map(|turn| forge.nsec3(&Hashed::at(H, &format!("s{turn}.nsec3.test."), &[A])));
            stray.chain(changed(forge, NONE, |record| record)).collect()
        }),
    ]
}

/// RFC 5155 §8.3 and §8.4: the closest encloser, and names.
fn names() -> Vec<Lie> {
    let without = |rule, how, place: usize| {
        no_name(rule, how, NONE, move |forge| {
            let mut records = changed(forge, NONE, |record| record);
            records.remove(place);
            records
        })
    };
    vec![
        no_name("RFC 5155 §8.4", "no denial record", NONE, |_| Vec::new()),
        without("RFC 5155 §8.3", "the closest encloser left out", 0),
        without("RFC 5155 §8.3", "the next closer name left out", 1),
        without("RFC 5155 §8.4", "the wildcard left out", 2),
        no_name("RFC 5155 §8.3", "the closest encloser is a DNAME", NONE, |forge| {
            but(forge, NONE, 0, |record| Hashed { types: vec![NS, SOA, RecordType::DNAME], ..record })
        }),
        no_name(
            "RFC 5155 §8.3, RFC 6840 §4.1",
            "the closest encloser is the parent's side of a cut",
            NONE,
            |forge| but(forge, NONE, 0, |record| Hashed { types: vec![NS], ..record }),
        ),
        no_name("RFC 5155 §8.3", "a name below a DNAME", "x.old.nsec3.test.", |forge| {
            vec![
                own(forge, "old.nsec3.test."),
                forge.nsec3(&Hashed::over(H, "x.old.nsec3.test.")),
                forge.nsec3(&Hashed::over(H, "*.old.nsec3.test.")),
            ]
        }),
        below_cut("a name below an unsigned cut", "loose.nsec3.test.").twin(Unproven(None)),
        below_cut("a name below a signed cut", "sub.nsec3.test."),
        no_name("RFC 5155 §8.4", "a name that exists, by the zone's own records", WWW, |forge| {
            vec![
                own(forge, H),
                own(forge, WWW),
                own(forge, "mail.nsec3.test."),
                own(forge, "two.nsec3.test."),
            ]
        }),
        no_name("RFC 5155 §8.4", "a name that exists, by unsigned records", WWW, |_| {
            proof(WWW).iter().map(Hashed::rrset).collect()
        })
        .is(Bogus("signature-missing", 10)),
        no_name("RFC 5155 §8.4", "a name that exists, by records of a stranger", WWW, |forge| {
            proof(WWW).iter().map(|record| forge.forged(H, record.rrset())).collect()
        })
        .is(Bogus("signature-wrong", 6)),
        no_name("RFC 5155 §8.3", "the next closer name, by a record of a stranger", NONE, |forge| {
            let mut records = changed(forge, NONE, |record| record);
            records[1] = forge.forged(H, unsigned(records[1].clone()));
            records
        })
        .is(Bogus("signature-wrong", 6)),
        no_name(
            "CVE-2026-123580, CVE-2026-10723",
            "a name that exists, by records that a zone below signed",
            WWW,
            |forge| {
                let sub = |record: Hashed| {
                    let child = Hashed { zone: "sub.nsec3.test.", ..record };
                    forge.nsec3(&child)
                };
                proof(WWW).into_iter().map(sub).collect()
            },
        ),
        no_name(
            "CVE-2026-123580",
            "a name that exists, by records that stand below another name",
            WWW,
            |forge| {
                let deeper =
                    |record: Hashed| forge.signed(H, Hashed { zone: "www.nsec3.test.", ..record }.rrset());
                proof(WWW).into_iter().map(deeper).collect()
            },
        ),
        no_name("RFC 5155 §8.3", "a name that exists, by records that a sibling signed", WWW, |forge| {
            proof(WWW).iter().map(|record| forge.signed(OTHER, record.rrset())).collect()
        }),
        // The parent may speak in the zone's place (see RFC 4035 §5.3.1); its NSEC3 records stand one label higher.
        no_name(
            "CVE-2026-10723",
            "a name that exists, by the zone's records that the parent signed",
            WWW,
            |forge| proof(WWW).iter().map(|record| forge.signed(TEST, record.rrset())).collect(),
        ),
        no_name(
            "CVE-2026-123601",
            "the last record of the circle, said to cover its middle",
            NONE,
            |forge| {
                but(forge, NONE, 1, |record| Hashed {
                    hash: record.next.clone(),
                    next: record.hash.clone(),
                    ..record
                })
            },
        ),
        no_name("RFC 5155 §8.3", "a span that begins at the name", NONE, |forge| {
            but(forge, NONE, 1, |record| {
                let at = Hashed::at(H, NONE, &[A]);
                Hashed { hash: at.hash, next: at.next, ..record }
            })
        }),
        no_name("RFC 5155 §8.3", "a span that ends at the name", NONE, |forge| {
            but(forge, NONE, 1, |record| Hashed { next: Hashed::at(H, NONE, &[A]).hash, ..record })
        }),
        no_name(
            "CVE-2026-123594",
            "an empty non-terminal is said not to exist",
            "ent.nsec3.test.",
            |forge| vec![own(forge, H), own(forge, "ent.nsec3.test."), own(forge, WWW)],
        ),
        no_name("RFC 5155 §8.4", "a name that a wildcard answers for", "q.wild.nsec3.test.", |forge| {
            vec![
                own(forge, "wild.nsec3.test."),
                forge.nsec3(&Hashed::over(H, "q.wild.nsec3.test.")),
                own(forge, "*.wild.nsec3.test."),
            ]
        }),
        no_name(
            "RFC 5155 §9.2",
            "opt-out over the next closer name: nothing is certain there",
            NONE,
            |forge| but(forge, NONE, 1, Hashed::opt_out),
        )
        .is(Unproven(None)),
        no_name("RFC 5155 §9.2", "opt-out over the wildcard alone", NONE, |forge| {
            but(forge, NONE, 2, Hashed::opt_out)
        })
        .is(Unseen),
        lie(
            "RUSTSEC-2026-0118",
            "forty labels below a name that does not exist, without an encloser",
            DEEP,
            A,
        )
        .tells(H, |forge, question, reply| {
            // Also when it is asked for fewer of them: else that denies all names below.
            if question.name.is_subdomain_of(&name(NONE)) {
                let proof = forge.nsec3(&Hashed::over(H, DEEP));
                deny(reply, Rcode::NXDOMAIN, vec![forge.soa(H), proof]);
            }
        })
        .is(MISSING),
        no_name("RFC 5155 §8.3", "a denial record that a wildcard made", NONE, |forge| {
            let mut records = changed(forge, NONE, |record| record);
            let wild = forge.signed(H, moved(unsigned(records[1].clone()), "*.nsec3.test."));
            records[1].signatures = wild.signatures;
            records
        })
        .is(Bogus("signer-wrong", 6)),
        lie("RFC 5155 §8.5", "the proof of a missing name, said to be one of a missing type", NONE, A)
            .denied(H, Rcode::NOERROR, |forge| changed(forge, NONE, |record| record)),
        lie("RFC 5155 §8.4", "the proof of a missing type, said to be one of a missing name", WWW, MX)
            .denied(H, Rcode::NXDOMAIN, |forge| vec![own(forge, H), own(forge, WWW)]),
    ]
}

/// The zone denies a name below a cut instead of referring to the zone there.
fn below_cut(how: &'static str, cut: &'static str) -> Lie {
    let owner = format!("www.{cut}");
    lie("RFC 6840 §4.1", how, &owner.clone(), A)
        .tells(H, move |forge, question, reply| {
            if question.name.is_subdomain_of(&name(cut)) && question.rtype != RecordType::DS {
                let spans =
                    [owner.clone(), format!("*.{cut}")].map(|name| forge.nsec3(&Hashed::over(H, &name)));
                deny(reply, Rcode::NXDOMAIN, [vec![forge.soa(H), own(forge, cut)], spans.to_vec()].concat());
            }
        })
        .is(MISSING)
}

const DEEP: &str =
    "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.none.nsec3.test.";

/// RFC 5155 §8.5 and §8.6: types.
fn types() -> Vec<Lie> {
    vec![
        no_type("RFC 5155 §8.5", "no denial record", (WWW, MX), |_| Vec::new()),
        no_type("RFC 5155 §8.5", "a type that the record shows", (WWW, A), |forge| vec![own(forge, WWW)]),
        no_type("RFC 5155 §8.5", "an alias is said to have no address", ("alias.nsec3.test.", A), |forge| {
            vec![own(forge, "alias.nsec3.test.")]
        }),
        no_type("RFC 5155 §8.5", "a type that exists, by the record of another name", (WWW, A), |forge| {
            vec![own(forge, "ent.nsec3.test.")]
        }),
        no_type("RFC 5155 §8.5", "a type that exists, by a record of a stranger", (WWW, A), |forge| {
            vec![forge.forged(H, Hashed::at(H, WWW, &[MX]).rrset())]
        })
        .is(Bogus("signature-wrong", 6)),
        no_type(
            "RFC 6840 §4.1",
            "a type at an unsigned cut, by the record there",
            ("loose.nsec3.test.", A),
            |forge| vec![own(forge, "loose.nsec3.test.")],
        )
        .twin(Unproven(None)),
        no_type("CVE-2026-123600", "a type that the apex has, by the record there", (H, MX), |forge| {
            vec![own(forge, H)]
        }),
        no_type(
            "RFC 5155 §8.5",
            "an empty non-terminal without its record",
            ("ent.nsec3.test.", A),
            |forge| vec![own(forge, H)],
        ),
        no_type(
            "RFC 5155 §8.5",
            "a type that exists, by a span over the name without opt-out",
            (NONE, A),
            |forge| vec![own(forge, H), forge.nsec3(&Hashed::over(H, NONE))],
        ),
        no_type(
            "RFC 5155 §8.5 (erratum 3441)",
            "a span of opt-out over the name: nothing is certain there",
            (NONE, A),
            |forge| vec![own(forge, H), forge.nsec3(&Hashed::over(H, NONE).opt_out())],
        )
        .is(Unproven(None)),
        no_type("RFC 5155 §8.6", "no DS at a name, by an opt-out span", (NONE, RecordType::DS), |forge| {
            vec![own(forge, H), forge.nsec3(&Hashed::over(H, NONE).opt_out())]
        })
        .is(Unproven(None)),
        no_type(
            "RFC 5155 §8.6",
            "no DS at a name, by a span without opt-out",
            (NONE, RecordType::DS),
            |forge| vec![own(forge, H), forge.nsec3(&Hashed::over(H, NONE))],
        ),
        no_type(
            "RFC 5155 §8.6",
            "no DS at a signed cut, by the record there",
            ("sub.nsec3.test.", RecordType::DS),
            |forge| vec![own(forge, "sub.nsec3.test.")],
        ),
    ]
}

/// RFC 5155 §8.7 and §8.8: wildcards.
fn wildcards() -> Vec<Lie> {
    const Q: &str = "q.wild.nsec3.test.";
    const WILD: &str = "*.wild.nsec3.test.";
    const ABOVE: &str = "wild.nsec3.test.";
    let over = |forge: &Forge| forge.nsec3(&Hashed::over(H, Q));
    let expanded = |how, owner: &'static str, proofs: fn(&Forge) -> Vec<Rrset>| {
        lie("RFC 5155 §8.8", how, owner, A)
            .told(H, move |forge, reply| {
                answer(reply, vec![moved(forge.rrset(H, WILD, A), owner)], proofs(forge));
            })
            .is(MISSING)
    };
    vec![
        no_type("RFC 5155 §8.7", "the wildcard lacks the type", (Q, MX), move |forge| {
            vec![own(forge, ABOVE), over(forge), own(forge, WILD)]
        })
        .is(Unseen),
        no_type("RFC 5155 §8.7", "the closest encloser left out", (Q, MX), move |forge| {
            vec![over(forge), own(forge, WILD)]
        }),
        no_type("RFC 5155 §8.7", "the next closer name left out", (Q, MX), |forge| {
            vec![own(forge, ABOVE), own(forge, WILD)]
        }),
        no_type("RFC 5155 §8.7", "the wildcard's record left out", (Q, MX), move |forge| {
            vec![own(forge, ABOVE), over(forge)]
        }),
        no_type("RFC 5155 §8.7", "the wildcard has the type", (Q, A), move |forge| {
            vec![own(forge, ABOVE), over(forge), own(forge, WILD)]
        }),
        no_type("RFC 5155 §8.7", "the wildcard is an alias", ("q.pointing.nsec3.test.", MX), |forge| {
            vec![
                own(forge, "pointing.nsec3.test."),
                forge.nsec3(&Hashed::over(H, "q.pointing.nsec3.test.")),
                own(forge, "*.pointing.nsec3.test."),
            ]
        }),
        no_type("RFC 5155 §8.7", "the wildcard of another encloser", (Q, A), move |forge| {
            vec![own(forge, ABOVE), over(forge), forge.nsec3(&Hashed::at(H, "*.nsec3.test.", &[MX]))]
        }),
        no_type(
            "RFC 5155 §8.7",
            "the wildcard's record says that it is a delegation",
            (Q, MX),
            move |forge| vec![own(forge, ABOVE), over(forge), forge.nsec3(&Hashed::at(H, WILD, &[NS]))],
        ),
        expanded("no proof that no name is nearer", Q, |_| Vec::new()),
        expanded("a proof over another name", Q, |forge| vec![forge.nsec3(&Hashed::over(H, NONE))]),
        expanded("an unsigned proof", Q, |_| vec![Hashed::over(H, Q).rrset()])
            .is(Bogus("signature-missing", 10)),
        expanded("a stranger's proof", Q, |forge| vec![forge.forged(H, Hashed::over(H, Q).rrset())])
            .is(Bogus("signature-wrong", 6)),
        expanded("a name that exists", "kept.wild.nsec3.test.", |forge| {
            vec![own(forge, "kept.wild.nsec3.test.")]
        }),
        expanded("the name covered, the name that is next closer not", "q.kept.wild.nsec3.test.", |forge| {
            vec![forge.nsec3(&Hashed::over(H, "q.kept.wild.nsec3.test."))]
        }),
        expanded("an opt-out span over the next closer name: nothing is certain there", Q, |forge| {
            vec![forge.nsec3(&Hashed::over(H, Q).opt_out())]
        })
        .is(Unproven(None)),
        lie("CVE-2026-52686", "an alias from a wildcard without proof", "q.pointing.nsec3.test.", A)
            .told(H, |forge, reply| {
                let alias = forge.rrset(H, "*.pointing.nsec3.test.", CNAME);
                answer(reply, vec![moved(alias, "q.pointing.nsec3.test.")], Vec::new());
            })
            .is(MISSING),
    ]
}

/// RFC 9276 §3.2, CVE-2026-1519.
fn iterations() -> Vec<Lie> {
    let params = |iterations| Nsec3Params { iterations, salt: b"salt".to_vec(), opt_out: false };
    let counted = move |rule, how, iterations: u16| {
        no_name(rule, how, NONE, move |forge| {
            proof_by(&params(iterations), NONE).iter().map(|record| forge.nsec3(record)).collect()
        })
    };
    vec![
        counted("RFC 9276 §3.2", "50 iterations", 50).is(Unseen),
        counted("RFC 9276 §3.2", "51 iterations", 51).is(Unproven(Some(27))),
        counted("RFC 9276 §3.2", "65,535 iterations", u16::MAX).is(Unproven(Some(27))),
        no_name("RFC 9276 §3.2", "65,535 iterations without signature", WWW, move |_| {
            proof_by(&params(u16::MAX), WWW).iter().map(Hashed::rrset).collect()
        })
        .is(Bogus("signature-missing", 10)),
        no_name("RFC 9276 §3.2", "65,535 iterations signed by a stranger", WWW, move |forge| {
            proof_by(&params(u16::MAX), WWW).iter().map(|record| forge.forged(H, record.rrset())).collect()
        })
        .is(Bogus("signature-wrong", 6)),
        no_name("RFC 9276 §3.2", "the iterations of a signed record raised", WWW, |forge| {
            let raise = |rrset: Rrset| {
                let mut rdata = rrset.rdatas.first().unwrap().to_vec();
                rdata[2..4].copy_from_slice(&u16::MAX.to_be_bytes());
                Rrset { rdatas: one(&rdata), ..rrset }
            };
            vec![raise(own(forge, H)), raise(own(forge, WWW))]
        })
        .is(Bogus("signature-wrong", 6)),
        lie(
            "CVE-2026-1519",
            "a signed delegation denied with 65,535 iterations by a stranger",
            "www.sub.nsec3.test.",
            A,
        )
        .no_ds(H, "sub.nsec3.test.", move |forge| {
            vec![forge.forged(H, Hashed::at_by(params(u16::MAX), H, "sub.nsec3.test.", &[NS]).rrset())]
        })
        .is(Bogus("signature-wrong", 6)),
        lie(
            "RFC 9276 §3.2, CVE-2026-1519",
            "a delegation denied by the zone with 65,535 iterations",
            "www.sub.nsec3.test.",
            A,
        )
        .no_ds(H, "sub.nsec3.test.", move |forge| {
            vec![forge.nsec3(&Hashed::at_by(params(u16::MAX), H, "sub.nsec3.test.", &[NS]))]
        })
        .is(Unproven(Some(27))),
    ]
}

/// CVE-2026-33261: a zone on its way between NSEC and NSEC3.
fn mixed() -> Vec<Lie> {
    vec![
        no_name("CVE-2026-33261", "NSEC records beside the NSEC3 records that prove it", NONE, |forge| {
            let stray = forge.nsec(H, "mail.nsec3.test.", "mailb.nsec3.test.", &[A]);
            [vec![stray], changed(forge, NONE, |record| record)].concat()
        })
        .is(Unseen),
        no_name(
            "CVE-2026-33261",
            "NSEC records that prove it beside NSEC3 records that do not",
            NONE,
            |forge| {
                let span = forge.nsec(H, H, "www.nsec3.test.", &[MX]);
                vec![own(forge, WWW), span]
            },
        )
        .is(Unseen),
        no_name("CVE-2026-33261", "half a proof by NSEC and half by NSEC3", NONE, |forge| {
            let span = forge.nsec(H, "mail.nsec3.test.", "www.nsec3.test.", &[A]);
            vec![own(forge, H), forge.nsec3(&Hashed::over(H, "*.nsec3.test.")), span]
        }),
        no_name(
            "CVE-2026-33261",
            "unsigned NSEC records beside signed NSEC3 records that prove nothing",
            WWW,
            |forge| vec![nsec(H, "zzz.nsec3.test.", &[MX]), own(forge, H)],
        ),
        no_name("RFC 4035 §5.3.1", "the signature of an NSEC3 record says it is over NSEC", NONE, |forge| {
            let mut records = changed(forge, NONE, |record| record);
            records[1] = with_signatures(records[1].clone(), |rdata| rdata[1] = 47);
            records
        }),
    ]
}
