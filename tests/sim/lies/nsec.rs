//! Lies by and about NSEC: RFC 4035 §5.3.4 and §5.4, RFC 6840 §4, RFC 9077, RFC 9824.

use rootwalk::dns::{Rcode, RecordType, Rrset};

use super::forge::{Forge, address, answer, deny, flipped, moved, nsec, one, unsigned};
use super::{Bogus, Lie, MISSING, N, OTHER, Proofs, Secure, SecureFor, TEST, Unproven, Unseen, Useless, lie};
use crate::harness::name;

const WWW: &str = "www.nsec.test.";
const NONE: &str = "none.nsec.test.";
/// The zone's name before it.
const BEFORE: &str = "x.new.nsec.test.";
const A: RecordType = RecordType::A;
const MX: RecordType = RecordType::MX;
const NSEC: RecordType = RecordType::NSEC;
const CNAME: RecordType = RecordType::CNAME;

/// NXDOMAIN.
fn no_name(rule: &'static str, how: &'static str, owner: &str, proofs: impl Proofs) -> Lie {
    lie(rule, how, owner, A).denied(N, Rcode::NXDOMAIN, proofs)
}

/// NODATA.
fn no_type(
    rule: &'static str,
    how: &'static str,
    (owner, rtype): (&str, RecordType),
    proofs: impl Proofs,
) -> Lie {
    lie(rule, how, owner, rtype).denied(N, Rcode::NOERROR, proofs)
}

/// The zone's own NSEC record at a name.
fn own(forge: &Forge, owner: &str) -> Rrset {
    forge.rrset(N, owner, NSEC)
}

/// The answer of a wildcard as if it had been expanded to `owner`, with these records.
fn expanded(
    rule: &'static str,
    how: &'static str,
    owner: &'static str,
    wildcard: &'static str,
    proofs: impl Proofs,
) -> Lie {
    lie(rule, how, owner, A)
        .told(N, move |forge, reply| {
            let rtype = if wildcard.contains("pointing") { CNAME } else { A };
            let wild = forge.rrset(N, wildcard, rtype);
            answer(reply, vec![moved(wild, owner)], proofs(forge));
        })
        .is(MISSING)
}

pub(super) fn lies() -> Vec<Lie> {
    [names(), borders(), types(), compact(), wildcard_types(), expansions(), beside()]
        .into_iter()
        .flatten()
        .collect()
}

/// RFC 4035 §5.4: a name that exists is denied, or one that does not exist is denied badly.
fn names() -> Vec<Lie> {
    vec![
        no_name("RFC 4035 §5.4", "no denial record", NONE, |_| Vec::new()),
        no_name("RFC 4035 §5.4", "the denial of the wildcard alone", NONE, |forge| vec![own(forge, N)]),
        no_name("RFC 4035 §5.4", "the denial of the name alone", NONE, |forge| vec![own(forge, BEFORE)]),
        no_name("RFC 4035 §5.4", "a name that exists, by records around another name", WWW, |forge| {
            vec![own(forge, N), own(forge, "mail.nsec.test.")]
        }),
        no_name("RFC 4035 §5.4", "a name that exists, by its own record", WWW, |forge| {
            vec![own(forge, N), own(forge, WWW)]
        }),
        no_name("RFC 4035 §5.4", "a name that exists, by unsigned records", WWW, |_| {
            vec![nsec(N, "zzz.nsec.test.", &[MX])]
        })
        .is(Bogus("signature-missing", 10)),
        no_name("RFC 4035 §5.4", "a name that exists, by records of a stranger", WWW, |forge| {
            vec![forge.forged(N, nsec(N, "zzz.nsec.test.", &[MX]))]
        })
        .is(Bogus("signature-wrong", 6)),
        no_name("RFC 4035 §5.4", "a name that exists, by records that a sibling signed", WWW, |forge| {
            vec![forge.signed(OTHER, nsec(N, "zzz.nsec.test.", &[MX]))]
        }),
        no_name("RFC 4035 §5.4", "a name that exists, by records that a zone below signed", WWW, |forge| {
            vec![forge.signed("sub.nsec.test.", nsec("sub.nsec.test.", "zzz.nsec.test.", &[MX]))]
        }),
        no_name("RFC 4035 §5.4", "the type bitmap of a signed record is changed", NONE, |forge| {
            let honest = own(forge, BEFORE);
            let mut rdata = honest.rdatas.first().unwrap().to_vec();
            *rdata.last_mut().unwrap() ^= 1;
            vec![own(forge, N), Rrset { rdatas: one(&rdata), ..honest }]
        })
        .is(Bogus("signature-wrong", 6)),
        no_name("RFC 4034 §4.1", "two records at one owner", NONE, |forge| {
            let double = nsec("mail.nsec.test.", "www.nsec.test.", &[A]);
            let second = nsec("mail.nsec.test.", "wwx.nsec.test.", &[A]);
            let double = double.with(second.rdatas.first().unwrap());
            vec![own(forge, N), forge.signed(N, double)]
        }),
        no_name("RFC 4034 §4.1.2", "a bitmap whose window says it is longer than it is", NONE, |forge| {
            let mut rdata = name("www.nsec.test.").as_wire().to_vec();
            rdata.extend([0, 9, 0x40]);
            vec![own(forge, N), forge.signed(N, Rrset::new(name("mail.nsec.test."), NSEC, 300).with(&rdata))]
        }),
        no_name("CVE-2026-123594", "an empty non-terminal is said not to exist", "ent.nsec.test.", |forge| {
            vec![own(forge, N), own(forge, "alias.nsec.test.")]
        }),
        no_name("RFC 4035 §5.4", "a name that a wildcard answers for", "q.wild.nsec.test.", |forge| {
            vec![own(forge, "*.wild.nsec.test."), own(forge, "kept.wild.nsec.test.")]
        }),
        no_name(
            "CVE-2026-123590",
            "a wrong record beside others of its owner that are right",
            WWW,
            |forge| {
                let wrong = forge.forged(N, nsec(N, "zzz.nsec.test.", &[MX]));
                vec![wrong, forge.rrset(N, N, MX)]
            },
        )
        .is(Bogus("signature-wrong", 6)),
        lie("RFC 4035 §5.4", "the proof of a missing name, said to be one of a missing type", NONE, A)
            .denied(N, Rcode::NOERROR, |forge| vec![own(forge, N), own(forge, BEFORE)])
            .is(MISSING),
        lie("RFC 4035 §5.4", "the proof of a missing type, said to be one of a missing name", WWW, MX)
            .denied(N, Rcode::NXDOMAIN, |forge| vec![own(forge, N), own(forge, WWW)])
            .is(MISSING),
        // RFC 4034 §6.1: names are compared label by label, whatever their letters.
        no_name("RFC 4034 §6.1", "the proof in other letters", NONE, |forge| {
            let shout =
                |rrset: Rrset| Rrset { name: super::forge::shouted(&rrset.name.to_string()), ..rrset };
            vec![shout(own(forge, N)), shout(own(forge, BEFORE))]
        })
        .is(Unseen),
        no_name("RFC 4035 §5.4", "thirty records that prove nothing before those that do", NONE, |forge| {
            let stray =
                (0..30).map(|turn| forge.nsec(N, &format!("a{turn}.nsec.test."), "al.nsec.test.", &[A]));
            stray.chain([own(forge, N), own(forge, BEFORE)]).collect()
        }),
    ]
}

/// RFC 6840 §4.1, RFC 6672 §5.3.4: what a record may not speak of.
fn borders() -> Vec<Lie> {
    vec![
        no_name(
            "RFC 6840 §4.1, CVE-2026-123596",
            "a name in the zone, by the parent's record at the cut",
            WWW,
            |forge| vec![forge.rrset(TEST, N, NSEC)],
        ),
        below_cut("a name below an unsigned cut, by the record at the cut", "loose.nsec.test.")
            .twin(Unproven(None)),
        below_cut("a name below a signed cut, by the record at the cut", "sub.nsec.test."),
        no_type("RFC 6840 §4.1", "a type at the apex, by the parent's record at the cut", (N, MX), |forge| {
            vec![forge.rrset(TEST, N, NSEC)]
        }),
        no_type(
            "RFC 6840 §4.1",
            "a type at an unsigned cut, by the record there",
            ("loose.nsec.test.", A),
            |forge| vec![own(forge, "loose.nsec.test.")],
        )
        .twin(Unproven(None)),
        no_name(
            "RFC 6840 §4.1, RFC 6672 §5.3.4.1",
            "a name below a DNAME, by the record at the DNAME",
            "x.old.nsec.test.",
            |forge| vec![own(forge, N), own(forge, "old.nsec.test.")],
        ),
        no_name("CVE-2026-13321", "the next name is outside of the zone", NONE, |forge| {
            vec![own(forge, N), forge.nsec(N, "mail.nsec.test.", "zzz.test.", &[A])]
        }),
        no_name("CVE-2026-13321", "the next name is the parent", NONE, |forge| {
            vec![own(forge, N), forge.nsec(N, "mail.nsec.test.", TEST, &[A])]
        }),
        no_name("CVE-2026-123587", "the chain turns back before its end", NONE, |forge| {
            vec![own(forge, N), forge.nsec(N, "mail.nsec.test.", "alias.nsec.test.", &[A])]
        }),
        no_name("CVE-2026-123587", "a record that leads to itself", NONE, |forge| {
            vec![own(forge, N), forge.nsec(N, "mail.nsec.test.", "mail.nsec.test.", &[A])]
        }),
        no_name("RFC 4034 §4.1.1", "the last record leads back to the apex", NONE, |forge| {
            vec![own(forge, N), forge.nsec(N, "mail.nsec.test.", N, &[A])]
        })
        .is(Unseen),
        no_name("RFC 4035 §5.4", "the name is the next name of the span", "www.nsec.test.", |forge| {
            vec![own(forge, N), forge.nsec(N, "old.nsec.test.", WWW, &[A])]
        }),
        no_name("RFC 4035 §5.4", "a denial record that a wildcard made", NONE, |forge| {
            let wild = forge.nsec(N, "*.nsec.test.", "www.nsec.test.", &[A]);
            vec![own(forge, N), moved(wild, "mail.nsec.test.")]
        })
        .is(Bogus("signer-wrong", 6)),
    ]
}

/// The zone denies a name below a cut instead of referring to the zone there.
fn below_cut(how: &'static str, cut: &'static str) -> Lie {
    lie("RFC 6840 §4.1", how, &format!("www.{cut}"), A)
        .tells(N, move |forge, question, reply| {
            if question.name.is_subdomain_of(&name(cut)) && question.rtype != RecordType::DS {
                deny(reply, Rcode::NXDOMAIN, vec![forge.soa(N), own(forge, N), own(forge, cut)]);
            }
        })
        .is(MISSING)
}

/// RFC 4035 §5.4, RFC 6840 §4.3: a type.
fn types() -> Vec<Lie> {
    vec![
        no_type("RFC 4035 §5.4", "no denial record", (WWW, MX), |_| Vec::new()),
        no_type("RFC 4035 §5.4", "a type that the record shows", (WWW, A), |forge| vec![own(forge, WWW)]),
        no_type("RFC 4035 §5.4", "a type that exists, by the record of another name", (WWW, A), |forge| {
            vec![own(forge, "two.nsec.test.")]
        }),
        no_type(
            "RFC 4035 §5.4",
            "a type that exists, by another name's record moved here",
            ("mail.nsec.test.", A),
            |forge| vec![moved(own(forge, "old.nsec.test."), "mail.nsec.test.")],
        )
        .is(Bogus("signature-wrong", 6)),
        no_type("RFC 4035 §5.4", "a type that exists, by a record of a stranger", (WWW, A), |forge| {
            vec![forge.forged(N, nsec(WWW, "zzz.nsec.test.", &[MX]))]
        })
        .is(Bogus("signature-wrong", 6)),
        no_type("RFC 4035 §5.4", "a type that exists, by an unsigned record", (WWW, A), |_| {
            vec![nsec(WWW, "zzz.nsec.test.", &[MX])]
        })
        .is(Bogus("signature-missing", 10)),
        no_type("RFC 6840 §4.3", "an alias is said to have no address", ("alias.nsec.test.", A), |forge| {
            vec![own(forge, "alias.nsec.test.")]
        }),
        no_type("RFC 4035 §5.4", "the RRSIG and NSEC bits are not set", (WWW, MX), |forge| {
            let mut rdata = name("zzz.nsec.test.").as_wire().to_vec();
            rdata.extend(rootwalk::lab::signer::type_bitmap(&[A]));
            vec![forge.signed(N, Rrset::new(name(WWW), NSEC, 300).with(&rdata))]
        })
        .is(Unseen),
        no_type("RFC 4035 §5.4", "a denial record that a wildcard made", (WWW, A), |forge| {
            vec![moved(forge.nsec(N, "*.nsec.test.", "zzz.nsec.test.", &[MX]), WWW)]
        })
        .is(Bogus("signer-wrong", 6)),
        no_type(
            "RFC 4035 §5.2",
            "the apex is said to have no DS by its own record",
            (N, RecordType::DS),
            |forge| vec![own(forge, N)],
        )
        .is(Unseen),
        no_type("RFC 4035 §5.4", "an empty non-terminal without proof", ("ent.nsec.test.", A), |forge| {
            vec![own(forge, N)]
        }),
    ]
}

/// RFC 9824: a name that does not exist, made up to be denied.
fn compact() -> Vec<Lie> {
    let made = |forge: &Forge, types: &[RecordType]| forge.nsec(N, NONE, "\\000.none.nsec.test.", types);
    vec![
        no_type("RFC 9824 §3.1", "a compact denial", (NONE, A), move |forge| {
            vec![made(forge, &[RecordType::NXNAME])]
        })
        .is(Secure),
        lie("RFC 9824 §3.1", "a compact denial under NXDOMAIN", NONE, A)
            .denied(N, Rcode::NXDOMAIN, move |forge| vec![made(forge, &[RecordType::NXNAME])])
            .is(Unseen),
        lie("RFC 9824 §3.1", "the record of a compact denial without NXNAME under NXDOMAIN", NONE, A)
            .denied(N, Rcode::NXDOMAIN, move |forge| vec![made(forge, &[])])
            .is(MISSING),
        no_type("RFC 9824 §3.1", "a compact denial without signature", (WWW, A), |_| {
            vec![nsec(WWW, "\\000.www.nsec.test.", &[RecordType::NXNAME])]
        })
        .is(Bogus("signature-missing", 10)),
        no_type("RFC 9824 §3.1", "the compact denial of another name", (WWW, A), move |forge| {
            vec![made(forge, &[RecordType::NXNAME])]
        }),
        no_type("RFC 9824 §3.1", "a compact denial that names the type", (NONE, A), move |forge| {
            vec![made(forge, &[RecordType::NXNAME, A])]
        }),
    ]
}

/// RFC 4035 §5.4: a type that a wildcard has not.
fn wildcard_types() -> Vec<Lie> {
    const Q: &str = "q.wild.nsec.test.";
    const WILD: &str = "*.wild.nsec.test.";
    const KEPT: &str = "kept.wild.nsec.test.";
    vec![
        no_type("RFC 4035 §5.4", "wildcard: the proof that no name is nearer left out", (Q, MX), |forge| {
            vec![own(forge, WILD)]
        }),
        no_type("RFC 4035 §5.4", "wildcard: the wildcard's own record left out", (Q, MX), |forge| {
            vec![own(forge, KEPT)]
        }),
        no_type("RFC 4035 §5.4", "wildcard: the wildcard has the type", (Q, A), |forge| {
            vec![own(forge, KEPT), own(forge, WILD)]
        }),
        no_type(
            "RFC 6840 §4.3",
            "wildcard: the wildcard is an alias",
            ("q.pointing.nsec.test.", MX),
            |forge| vec![own(forge, "*.pointing.nsec.test.")],
        ),
        no_type("RFC 4035 §5.4", "wildcard: the name is there", (KEPT, A), |forge| {
            vec![own(forge, KEPT), own(forge, WILD)]
        }),
        no_type("RFC 4035 §5.4", "wildcard: another wildcard than the nearest", (Q, A), |forge| {
            vec![own(forge, KEPT), forge.nsec(N, "*.nsec.test.", "a.ent.nsec.test.", &[MX])]
        }),
        lie("CVE-2026-123579", "a forged answer beside the proof that a wildcard lacks the type", Q, MX)
            .told(N, |forge, reply| {
                let forged = Rrset { rtype: MX, ..Rrset::new(name(Q), MX, 300) }.with(b"\0\x0a\x04evil\0");
                answer(reply, vec![forged], vec![own(forge, KEPT), own(forge, WILD)]);
            })
            .is(Bogus("signature-missing", 10)),
    ]
}

/// RFC 4035 §5.3.4: an answer from a wildcard.
fn expansions() -> Vec<Lie> {
    const Q: &str = "q.wild.nsec.test.";
    const WILD: &str = "*.wild.nsec.test.";
    const KEPT: &str = "kept.wild.nsec.test.";
    vec![
        expanded("RFC 4035 §5.3.4", "no proof that no name is nearer", Q, WILD, |_| Vec::new()),
        expanded("RFC 4035 §5.3.4", "an unsigned proof", Q, WILD, |_| {
            vec![nsec(KEPT, "www.nsec.test.", &[A])]
        })
        .is(Bogus("signature-missing", 10)),
        expanded("RFC 4035 §5.3.4", "a stranger's proof", Q, WILD, |forge| {
            vec![forge.forged(N, nsec(KEPT, "www.nsec.test.", &[A]))]
        })
        .is(Bogus("signature-wrong", 6)),
        expanded("RFC 4035 §5.3.4", "a proof over another name", Q, WILD, |forge| {
            vec![own(forge, "mail.nsec.test.")]
        }),
        expanded("RFC 4035 §5.3.4", "a proof of the parent", Q, WILD, |forge| {
            vec![moved(forge.rrset(TEST, N, NSEC), N)]
        }),
        expanded("RFC 4035 §5.3.4", "a name that exists", KEPT, WILD, |forge| vec![own(forge, KEPT)]),
        expanded(
            "RFC 4035 §5.3.4",
            "a name whose parent exists: the wildcard does not reach it",
            "q.kept.wild.nsec.test.",
            WILD,
            |forge| vec![own(forge, KEPT)],
        ),
        expanded("RFC 4035 §5.3.4", "an empty non-terminal", "q.wild.nsec.test.", WILD, |forge| {
            vec![forge.nsec(N, KEPT, "a.q.wild.nsec.test.", &[A])]
        }),
        expanded(
            "CVE-2026-52686",
            "an alias from a wildcard without proof",
            "q.pointing.nsec.test.",
            "*.pointing.nsec.test.",
            |_| Vec::new(),
        ),
        expanded(
            "RFC 4035 §5.3.4",
            "two labels below the wildcard's parent",
            "q.r.wild.nsec.test.",
            WILD,
            |forge| vec![own(forge, KEPT)],
        )
        .is(Secure),
        lie("RFC 4035 §5.3.4", "a wildcard's answer with the signature changed", Q, A)
            .told(N, |_, reply| {
                let set = reply.answer.remove(0);
                reply.answer.push(flipped(set));
            })
            .is(Bogus("signature-wrong", 6)),
        lie("CVE-2026-46582", "a wildcard's answer replayed at a name outside of its tree", WWW, A)
            .told(N, |forge, reply| {
                answer(reply, vec![moved(forge.rrset(N, WILD, A), WWW)], vec![own(forge, KEPT)]);
            })
            .is(Bogus("signature-wrong", 6)),
    ]
}

/// What stands beside the proof: SOA, TTLs, other answers.
fn beside() -> Vec<Lie> {
    let honest = |forge: &Forge| vec![own(forge, N), own(forge, BEFORE)];
    let with_soa = move |how: &'static str, soa: fn(Rrset) -> Rrset| {
        lie("RFC 2308 §3", how, NONE, A).told(N, move |forge, reply| {
            let authority = std::iter::once(soa(forge.soa(N))).chain(honest(forge)).collect();
            deny(reply, Rcode::NXDOMAIN, authority);
        })
    };
    vec![
        with_soa("the SOA record without signature", unsigned).is(Bogus("signature-missing", 10)),
        with_soa("the SOA record with a wrong signature", flipped).is(Bogus("signature-wrong", 6)),
        with_soa("the SOA record of a life of a day", |soa| Rrset {
            ttl: 86_400,
            signatures_ttl: 86_400,
            ..soa
        })
        .is(SecureFor(300)),
        lie("RFC 2308 §5, CVE-2020-12244", "no SOA record", NONE, A)
            .told(N, move |forge, reply| deny(reply, Rcode::NXDOMAIN, honest(forge)))
            .is(Unseen),
        lie("RFC 9077 §3", "the denial records live for 20 seconds", NONE, A)
            .told(N, move |forge, reply| {
                let short =
                    honest(forge).into_iter().map(|rrset| Rrset { ttl: 20, signatures_ttl: 20, ..rrset });
                deny(reply, Rcode::NXDOMAIN, std::iter::once(forge.soa(N)).chain(short).collect());
            })
            .is(SecureFor(20)),
        lie("RFC 9077 §3", "the signature of a denial record is over in 30 seconds", NONE, A)
            .told(N, move |forge, reply| {
                let mut proofs = honest(forge);
                let last = proofs.remove(1);
                let until = u32::try_from(forge.now() + 30).unwrap();
                proofs.push(forge.signed_as(N, last, |fixed| fixed.validity.expiration = until));
                deny(reply, Rcode::NXDOMAIN, std::iter::once(forge.soa(N)).chain(proofs).collect());
            })
            .is(SecureFor(30)),
        lie("CVE-2026-123581", "the signed records of another name for an answer", WWW, A)
            .told(N, |forge, reply| answer(reply, vec![forge.rrset(N, "mail.nsec.test.", A)], Vec::new()))
            .is(MISSING),
        lie("CVE-2026-123581", "the signed records of another type for an answer", WWW, A)
            .told(N, |forge, reply| answer(reply, vec![forge.rrset(N, WWW, RecordType::TXT)], Vec::new()))
            .is(MISSING),
        lie("RFC 4035 §3.2.3", "signed records that nobody asked for beside the answer", WWW, A)
            .told(N, |forge, reply| reply.answer.push(forge.rrset(N, "mail.nsec.test.", A)))
            .is(Unseen),
        lie("RFC 4035 §3.2.3", "unsigned records that nobody asked for beside the answer", WWW, A)
            .told(N, |_, reply| reply.answer.push(address("mail.nsec.test.")))
            .is(Unseen),
        lie("RFC 4035 §3.2.3", "unsigned denial records beside the answer", WWW, A)
            .told(N, |_, reply| reply.authority = vec![nsec(WWW, "zzz.nsec.test.", &[MX])])
            .is(Unseen),
        lie("CVE-2019-10190", "NXDOMAIN for a name that exists, without records", WWW, A)
            .told(N, |_, reply| deny(reply, Rcode::NXDOMAIN, Vec::new()))
            .is(MISSING),
        lie("RFC 4035 §5.4", "NXDOMAIN beside the records of the answer", WWW, A)
            .told(N, |_, reply| reply.header.rcode = Rcode::NXDOMAIN)
            .is(Useless(22)),
    ]
}
