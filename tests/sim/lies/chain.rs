//! Lies about zones and their keys: RFC 4035 §5.1 and §5.2, RFC 4509, RFC 6840 §4.4, §5.2, §5.3 and §5.11, RFC 9905, RFC 9906.

use rootwalk::dns::{Rcode, RecordType, Rrset};
use rootwalk::lab::signer::REVOKED;

use super::forge::{
    DAY, Forge, Hashed, address, deny, flipped, moved, nsec, one, pointing, unsigned, with_signatures,
};
use super::{Bogus, H, Lie, MISSING, N, OTHER, TEST, Unproven, Unseen, lie};
use crate::harness::name;

const WWW: &str = "www.nsec.test.";
const A: RecordType = RecordType::A;
const DS: RecordType = RecordType::DS;
const NS: RecordType = RecordType::NS;

/// A lie in the DS set of the zone: its parent gives other records in its place, or none.
fn told(
    rule: &'static str,
    how: &'static str,
    change: impl Fn(&Forge, Rrset) -> Vec<Rrset> + Send + Sync + 'static,
) -> Lie {
    lie(rule, how, WWW, A).ds(TEST, N, change)
}

/// A DS set of these records, which the parent has signed.
fn vouched(
    rule: &'static str,
    how: &'static str,
    records: impl Fn(&Forge) -> Vec<Vec<u8>> + Send + Sync + 'static,
) -> Lie {
    told(rule, how, move |forge, ds| {
        let records = records(forge);
        vec![forge.signed(TEST, Rrset { rdatas: records.iter().map(Vec::as_slice).collect(), ..ds })]
    })
}

/// The right DS record of a digest type, its algorithm number changed.
fn ds(forge: &Forge, algorithm: u8, digest_type: u8) -> Vec<u8> {
    let mut rdata = forge.ksk(N).ds(&name(N), digest_type);
    rdata[2] = algorithm;
    rdata
}

/// The right DS record of a digest type, its last bit flipped.
fn wrong_ds(forge: &Forge, digest_type: u8) -> Vec<u8> {
    let mut rdata = ds(forge, 15, digest_type);
    *rdata.last_mut().unwrap() ^= 1;
    rdata
}

/// A lie in the DNSKEY set of the zone.
fn keyed(
    rule: &'static str,
    how: &'static str,
    change: impl Fn(&Forge, Rrset) -> Rrset + Send + Sync + 'static,
) -> Lie {
    lie(rule, how, WWW, A).keys(N, change)
}

pub(super) fn lies() -> Vec<Lie> {
    [islands(), records(), digests(), keys(), unsigned_zones(), hashed()].into_iter().flatten().collect()
}

/// RFC 4035 §5.1.
fn islands() -> Vec<Lie> {
    vec![
        lie("RFC 4035 §5.1", "the signatures of an island are wrong", "www.island.test.", A)
            .told("island.test.", |_, reply| {
                let set = reply.answer.remove(0);
                reply.answer.push(flipped(set));
            })
            .is(Unproven(None))
            .twin(Unproven(None)),
        lie("RFC 4035 §5.1", "the keys of an island are gone", "www.island.test.", A)
            .tells("island.test.", |_, question, reply| {
                if question.rtype == RecordType::DNSKEY {
                    reply.answer.clear();
                }
            })
            .is(Unproven(None))
            .twin(Unproven(None)),
        // The parent's word is what makes it an island: without it, it is no such thing.
        lie("RFC 4035 §5.1", "the denial of the island's DS is not signed", "www.island.test.", A)
            .tells(TEST, |_, _, reply| {
                for rrset in reply.authority.iter_mut().filter(|rrset| rrset.rtype == RecordType::NSEC) {
                    *rrset = unsigned(rrset.clone());
                }
            })
            .is(Bogus("signature-missing", 10))
            .twin(Unproven(None)),
    ]
}

/// RFC 4035 §5.2, bullet 1: the DS set is authentic.
fn records() -> Vec<Lie> {
    let day = DAY;
    vec![
        told("RFC 4035 §5.2 bullet 1", "the DS set without signature", |_, ds| vec![unsigned(ds)])
            .is(Bogus("signature-missing", 10)),
        told("RFC 4035 §5.2 bullet 1", "the signature over the DS set is wrong", |_, ds| vec![flipped(ds)])
            .is(Bogus("signature-wrong", 6)),
        told("RFC 4035 §5.2 bullet 1", "the signature over the DS set is over", move |forge, ds| {
            vec![forge.signed_as(TEST, ds, |fixed| {
                fixed.validity.inception -= 40 * day;
                fixed.validity.expiration -= 40 * day;
            })]
        })
        .is(Bogus("signature-expired", 7)),
        told("RFC 4035 §5.2 bullet 1", "the zone signs its own DS set", |forge, ds| {
            vec![forge.signed(N, ds)]
        })
        .is(Bogus("signer-wrong", 6)),
        told("RFC 4035 §5.2 bullet 1", "a sibling signs the DS set", |forge, ds| {
            vec![forge.signed(OTHER, ds)]
        })
        .is(Bogus("signer-wrong", 6)),
        told(
            "RFC 4035 §5.2 bullet 1",
            "a DS record of a stranger's key under the signature of the right one",
            |forge, ds| vec![Rrset { rdatas: one(&forge.stranger().ds(&name(N), 2)), ..ds }],
        )
        .is(Bogus("signature-wrong", 6)),
        told("RFC 4035 §5.2 bullet 1", "a DS record that a wildcard of the parent makes", |forge, ds| {
            let wild = forge.signed(TEST, moved(ds.clone(), "*.test."));
            vec![Rrset { signatures: wild.signatures, ..ds }]
        })
        .is(MISSING),
        told("RFC 4035 §5.2", "the DS set left out, and no denial", |_, _| Vec::new()).is(MISSING),
        lie("RFC 4035 §5.2", "the DS set left out of referrals alone", WWW, A)
            .tells(TEST, |_, _, reply| {
                if reply.answer.is_empty() {
                    reply.authority.retain(|rrset| rrset.rtype != DS);
                }
            })
            .is(Unseen),
        lie("RFC 4035 §5.2", "a stranger's DS record in referrals alone", WWW, A)
            .tells(TEST, |forge, _, reply| {
                for rrset in reply.authority.iter_mut().filter(|rrset| rrset.rtype == DS) {
                    rrset.rdatas = one(&forge.stranger().ds(&rrset.name, 2));
                }
            })
            .is(Unseen),
        told("RFC 2181 §10.1", "a signed alias in the place of the DS set", |forge, _| {
            vec![forge.signed(TEST, pointing(N, RecordType::CNAME, OTHER))]
        })
        .is(MISSING),
        told("RFC 2181 §10.1", "an unsigned alias in the place of the DS set", |_, _| {
            vec![pointing(N, RecordType::CNAME, "unsigned.test.")]
        })
        .is(Bogus("signature-missing", 10)),
    ]
}

/// RFC 4035 §5.2, bullet 2: the DS record is that of a key.
fn digests() -> Vec<Lie> {
    let mut lies = vec![
        vouched("RFC 4035 §5.2 bullet 2", "the key tag is that of no key", |forge| {
            let mut rdata = ds(forge, 15, 2);
            rdata[0] ^= 1;
            vec![rdata]
        })
        .is(Bogus("ds-mismatch", 9)),
        vouched("RFC 4035 §5.2 bullet 2", "the algorithm is that of no key", |forge| vec![ds(forge, 13, 2)])
            .is(Bogus("ds-mismatch", 9)),
        vouched("RFC 4035 §5.2 bullet 2", "one bit of the digest flipped", |forge| vec![wrong_ds(forge, 2)])
            .is(Bogus("ds-mismatch", 9)),
        vouched("RFC 4035 §5.2 bullet 2", "the digest cut short", |forge| {
            let mut rdata = ds(forge, 15, 2);
            rdata.truncate(rdata.len() - 1);
            vec![rdata]
        })
        .is(Bogus("ds-mismatch", 9)),
        vouched("RFC 4035 §5.2 bullet 2", "no digest", |forge| vec![ds(forge, 15, 2)[..4].to_vec()])
            .is(Bogus("ds-mismatch", 9)),
        vouched("RFC 4035 §5.2 bullet 2", "the digest of the same key at another zone", |forge| {
            vec![forge.ksk(N).ds(&name(OTHER), 2)]
        })
        .is(Bogus("ds-mismatch", 9)),
        vouched("RFC 4035 §5.2 bullet 2", "one DS record that is wrong and one that is right", |forge| {
            vec![wrong_ds(forge, 2), ds(forge, 15, 2)]
        })
        .is(Unseen),
        vouched("RFC 6840 §5.2", "an unknown digest type and a wrong digest", |forge| {
            vec![ds(forge, 15, 250), wrong_ds(forge, 2)]
        })
        .is(Bogus("ds-mismatch", 9)),
        vouched("RFC 6840 §5.11", "an unknown algorithm and a wrong digest", |forge| {
            vec![ds(forge, 250, 2), wrong_ds(forge, 2)]
        })
        .is(Bogus("ds-mismatch", 9)),
        vouched(
            "RFC 6840 §5.11",
            "a DS record of an algorithm that the zone does not sign with, beside the right one",
            |forge| vec![ds(forge, 13, 2), ds(forge, 15, 2)],
        )
        .is(Unseen),
        vouched("RFC 4509 §3", "a SHA-1 digest that is right and a SHA-256 digest that is wrong", |forge| {
            vec![ds(forge, 15, 1), wrong_ds(forge, 2)]
        })
        .is(Bogus("ds-mismatch", 9)),
        vouched("RFC 4509 §3", "a SHA-1 digest that is wrong and a SHA-384 digest that is right", |forge| {
            vec![wrong_ds(forge, 1), ds(forge, 15, 4)]
        })
        .is(Unseen),
        vouched("RFC 4509 §3", "a SHA-1 digest that is wrong, alone", |forge| vec![wrong_ds(forge, 1)])
            .is(Bogus("ds-mismatch", 9)),
        vouched("RFC 9905", "a SHA-1 digest that is right, alone", |forge| vec![ds(forge, 15, 1)]).is(Unseen),
        vouched("CVE-2023-50387", "eight DS records of other keys before the right one", |forge| {
            let stray = (1..=8_u8).map(|turn| {
                let mut rdata = ds(forge, 15, 2);
                rdata[0] ^= turn;
                rdata
            });
            stray.chain([ds(forge, 15, 2)]).collect()
        })
        .is(Bogus("ds-mismatch", 9)),
    ];
    lies.push(unsupported("RFC 6840 §5.2", "a digest type that nobody knows", 15, 250, 2));
    lies.push(unsupported("RFC 9906", "a digest of GOST R 34.11-94", 15, 3, 2));
    lies.push(unsupported("RFC 4035 §5.2", "an algorithm that nobody knows", 250, 2, 1));
    lies.push(unsupported("RFC 9904", "RSAMD5", 1, 2, 1));
    lies.push(unsupported("RFC 9904", "DSA", 3, 2, 1));
    lies.push(unsupported("RFC 9905", "RSASHA1", 5, 2, 1));
    lies.push(unsupported("RFC 9905", "RSASHA1-NSEC3-SHA1", 7, 2, 1));
    lies.push(unsupported("RFC 9906", "ECC-GOST", 12, 2, 1));
    lies.push(unsupported("RFC 6840 §5.3", "a private algorithm, PRIVATEDNS", 253, 2, 1));
    lies.push(unsupported("RFC 6840 §5.3", "a private algorithm, PRIVATEOID", 254, 2, 1));
    lies
}

/// A DS set that has nothing else makes the zone insecure.
fn unsupported(rule: &'static str, how: &'static str, algorithm: u8, digest_type: u8, code: u16) -> Lie {
    vouched(rule, how, move |forge| vec![ds(forge, algorithm, digest_type)]).is(Unproven(Some(code)))
}

/// RFC 4035 §5.2, bullet 3: that key signs the DNSKEY set.
fn keys() -> Vec<Lie> {
    let with_flags = |flags: u16| {
        move |forge: &Forge, _: Rrset| {
            let key = forge.ksk(N).with_flags(flags);
            let set = Rrset::new(name(N), RecordType::DNSKEY, 3_600).with(&key.dnskey());
            forge.signed_by(&key, N, set.with(&forge.zsk(N).dnskey()), |_| {})
        }
    };
    let ds_with_flags =
        |flags: u16| move |forge: &Forge| vec![forge.ksk(N).with_flags(flags).ds(&name(N), 2)];
    vec![
        vouched(
            "RFC 4035 §5.2 bullet 3",
            "the key that the DS record names is no zone key",
            ds_with_flags(1),
        )
        .keys(N, with_flags(1))
        .is(Bogus("no-zone-key-bit", 11)),
        vouched(
            "RFC 5011 §2.1",
            "the key that the DS record names is revoked",
            ds_with_flags(0x0101 | REVOKED),
        )
        .keys(N, with_flags(0x0101 | REVOKED))
        .is(Bogus("key-revoked", 6)),
        vouched("RFC 6840 §6.2", "the key that the DS record names has no SEP flag", ds_with_flags(0x0100))
            .keys(N, with_flags(0x0100))
            .is(Unseen),
        keyed("RFC 4035 §5.2 bullet 3", "only the zone-signing key signs the DNSKEY set", |forge, keys| {
            forge.signed(N, keys)
        })
        .is(Bogus("no-key", 9)),
        keyed(
            "RUSTSEC-2025-0006",
            "a stranger's key in the set signs it, the DS record's key stands there too",
            |forge, keys| {
                let keys = keys.with(&forge.stranger().dnskey());
                forge.signed_by(forge.stranger(), N, keys, |_| {})
            },
        )
        .is(Bogus("no-key", 9)),
        keyed("RFC 4035 §5.2 bullet 3", "the DNSKEY set without signature", |_, keys| unsigned(keys))
            .is(Bogus("signature-missing", 10)),
        keyed("RFC 4035 §5.2 bullet 3", "the signature over the DNSKEY set is wrong", |_, keys| {
            flipped(keys)
        })
        .is(Bogus("signature-wrong", 6)),
        keyed("RFC 4035 §5.2 bullet 3", "the parent signs the DNSKEY set", |forge, keys| {
            forge.signed(TEST, keys)
        })
        .is(Bogus("signature-missing", 10)),
        keyed("RFC 4035 §5.2 bullet 3", "the key of the DS record taken out of the set", |forge, keys| {
            let set = Rrset { rdatas: one(&forge.zsk(N).dnskey()), ..keys };
            forge.signed_by(forge.ksk(N), N, set, |_| {})
        })
        .is(Bogus("ds-mismatch", 9)),
        keyed("CVE-2026-123593", "the DNSKEY set of the parent under the name of the zone", |forge, _| {
            moved(forge.rrset(TEST, TEST, RecordType::DNSKEY), N)
        })
        .is(Bogus("ds-mismatch", 9)),
        keyed("RFC 4035 §5.2", "the DNSKEY set of another zone", |forge, _| {
            forge.rrset(OTHER, OTHER, RecordType::DNSKEY)
        })
        .is(Bogus("dnskey-missing", 9)),
        lie("RFC 4035 §5.2", "no DNSKEY set", WWW, A)
            .tells(N, |forge, question, reply| {
                if question.rtype == RecordType::DNSKEY {
                    deny(reply, Rcode::NOERROR, vec![forge.soa(N)]);
                }
            })
            .is(Bogus("dnskey-missing", 9)),
        lie("RFC 4035 §5.2", "the zone denies that it exists when it is asked for keys", WWW, A)
            .tells(N, |forge, question, reply| {
                if question.rtype == RecordType::DNSKEY {
                    deny(reply, Rcode::NXDOMAIN, vec![forge.soa(N)]);
                }
            })
            .is(Bogus("dnskey-missing", 9)),
        vouched("CVE-2025-8677", "the DS record names an RSA key of an even modulus", |_| {
            vec![rsa_ds(&even_rsa())]
        })
        .keys(N, |forge, keys| forge.signed_by(forge.ksk(N), N, keys.with(&even_rsa()), |_| {}))
        .is(Bogus("no-key", 9)),
        vouched("RFC 4035 §5.2", "the DS record names an RSA key of 512 bits", |_| {
            vec![rsa_ds(&short_rsa())]
        })
        .keys(N, |forge, keys| forge.signed_by(forge.ksk(N), N, keys.with(&short_rsa()), |_| {}))
        .is(Unproven(Some(1))),
        keyed("RFC 6840 §6.2", "the key-signing key signs the zone's data", |_, keys| keys)
            .told(N, |forge, reply| {
                let set = reply.answer.remove(0);
                reply.answer.push(forge.signed_by(forge.ksk(N), N, set, |_| {}));
            })
            .is(Unseen),
        keyed("RFC 6840 §5.11", "a key of another algorithm that signs nothing", |forge, keys| {
            forge.signed_by(forge.ksk(N), N, keys.with(&even_rsa()), |_| {})
        })
        .is(Unseen),
        keyed("RFC 4035 §5.3.1", "the signature over the DNSKEY set says it is over TXT", |_, keys| {
            with_signatures(keys, |rdata| rdata[..2].copy_from_slice(&[0, 16]))
        })
        .is(Bogus("signature-missing", 10)),
    ]
}

/// A DNSKEY record of RSASHA256 with a modulus of so many octets.
fn rsa(octets: usize, last: u8) -> Vec<u8> {
    let mut rdata = vec![1, 1, 3, 8, 3, 1, 0, 1];
    rdata.extend(vec![0xc3; octets - 1]);
    rdata.push(last);
    rdata
}

fn even_rsa() -> Vec<u8> {
    rsa(256, 2)
}

fn short_rsa() -> Vec<u8> {
    rsa(64, 3)
}

/// The DS record of a DNSKEY record that is no key of the lab: SHA-256 over the owner and the record.
fn rsa_ds(dnskey: &[u8]) -> Vec<u8> {
    let key = rootwalk::dns::rdata::Dnskey::read(dnskey).unwrap();
    let mut input = name(N).as_wire().to_vec();
    input.extend(dnskey);
    let mut rdata = key.key_tag().to_be_bytes().to_vec();
    rdata.extend([8, 2]);
    rdata.extend(ring::digest::digest(&ring::digest::SHA256, &input).as_ref());
    rdata
}

/// RFC 4035 §5.2, RFC 6840 §4.4: a zone without DS is proven to be one.
fn unsigned_zones() -> Vec<Lie> {
    let denied = |rule, how, proof: fn(&Forge) -> Rrset| {
        lie(rule, how, WWW, A).no_ds(TEST, N, move |forge| vec![proof(forge)])
    };
    vec![
        denied("RFC 4035 §5.2", "an NSEC record of the zone itself denies its DS", |forge| {
            forge.nsec(N, N, "alias.nsec.test.", &[NS, RecordType::SOA])
        })
        .is(MISSING),
        denied("RFC 4035 §5.2", "an unsigned NSEC record denies the DS", |_| nsec(N, "nsec3.test.", &[NS]))
            .is(Bogus("signature-missing", 10)),
        denied("RFC 4035 §5.2", "a stranger's NSEC record denies the DS", |forge| {
            forge.forged(TEST, nsec(N, "nsec3.test.", &[NS]))
        })
        .is(Bogus("signature-wrong", 6)),
        denied("RFC 4035 §5.2", "the parent's NSEC record shows the DS bit", |forge| {
            forge.rrset(TEST, N, RecordType::NSEC)
        })
        .is(MISSING),
        denied("RFC 4035 §5.2", "the NSEC record of an unsigned sibling", |forge| {
            forge.rrset(TEST, "unsigned.test.", RecordType::NSEC)
        })
        .is(MISSING),
        denied("RFC 4035 §5.2", "the NSEC record of an unsigned sibling moved to the zone", |forge| {
            moved(forge.rrset(TEST, "unsigned.test.", RecordType::NSEC), N)
        })
        .is(Bogus("signature-wrong", 6)),
        // What the parent really signs is true; the zone then is not one, and what it says is nobody's.
        denied("RFC 6840 §4.4, CVE-2026-123591", "a signed NSEC record without the NS bit", |forge| {
            forge.nsec(TEST, N, "nsec3.test.", &[A])
        })
        .is(MISSING),
        denied("RFC 6840 §4.4", "a signed NSEC record with NS and SOA bits, as of an apex", |forge| {
            forge.nsec(TEST, N, "nsec3.test.", &[NS, RecordType::SOA])
        })
        .is(MISSING),
        denied("RFC 6840 §4.4", "a signed NSEC record over the name: there is no such delegation", |forge| {
            forge.nsec(TEST, "mail.test.", "nsec3.test.", &[A])
        })
        .is(Bogus("signer-wrong", 6)),
        // As strong as it gets: with the parent's key the zone is unsigned.
        denied("RFC 4035 §5.2", "a signed NSEC record with the NS bit and without DS", |forge| {
            forge.nsec(TEST, N, "nsec3.test.", &[NS])
        })
        .is(Unproven(None)),
        lie("RFC 4035 §5.2", "an unsigned zone's denial of DS left out", "www.unsigned.test.", A)
            .tells(TEST, |_, _, reply| reply.authority.retain(|rrset| rrset.rtype != RecordType::NSEC))
            .is(MISSING)
            .twin(Unproven(None)),
        lie("RFC 4035 §5.2", "an unsigned zone shows a stranger's DS record", "www.unsigned.test.", A)
            .tells(TEST, |forge, question, reply| {
                let stray = Rrset::new(name("unsigned.test."), DS, 3_600)
                    .with(&forge.stranger().ds(&name("unsigned.test."), 2));
                if question.name.is_subdomain_of(&name("unsigned.test.")) {
                    reply.authority.retain(|rrset| rrset.rtype != RecordType::NSEC);
                    if question.rtype == DS { reply.answer.push(stray) } else { reply.authority.push(stray) }
                }
            })
            .is(Bogus("signature-missing", 10))
            .twin(Unproven(None)),
        lie(
            "RFC 4035 §5.2",
            "an address below a signed zone as if an unsigned zone began there",
            "a.www.nsec.test.",
            A,
        )
        .told(N, |_, reply| super::forge::answer(reply, vec![address("a.www.nsec.test.")], Vec::new()))
        .is(Bogus("signature-missing", 10)),
        lie(
            "RFC 4035 §5.2",
            "a forged referral to an unsigned zone below a signed one",
            "www.fake.nsec.test.",
            A,
        )
        .tells(N, |_, question, reply| {
            // Also when it is asked for the zone alone: else that denies all names below it.
            if question.rtype == A && question.name.is_subdomain_of(&name("fake.nsec.test.")) {
                deny(reply, Rcode::NOERROR, vec![pointing("fake.nsec.test.", NS, "ns1.unsigned.test.")]);
                reply.header.authoritative = false;
            }
        })
        .tells("unsigned.test.", |_, question, reply| {
            if question.name.is_subdomain_of(&name("fake.nsec.test.")) {
                super::forge::answer(reply, vec![address("www.fake.nsec.test.")], Vec::new());
            }
        })
        .is(Bogus("signature-missing", 10)),
    ]
}

/// RFC 5155 §8.9: the same by NSEC3.
fn hashed() -> Vec<Lie> {
    const SUB: &str = "sub.nsec3.test.";
    let denied = |rule, how, proofs: fn(&Forge) -> Vec<Rrset>| {
        lie(rule, how, "www.sub.nsec3.test.", A).no_ds(H, SUB, proofs)
    };
    let loose = |rule, how, change: fn(&Forge, &mut Vec<Rrset>)| {
        lie(rule, how, "www.loose.nsec3.test.", A)
            .tells(H, move |forge, question, reply| {
                if question.name.is_subdomain_of(&name("loose.nsec3.test.")) {
                    change(forge, &mut reply.authority);
                }
            })
            .twin(Unproven(None))
    };
    vec![
        denied("RFC 5155 §8.9", "the record at the delegation shows the DS bit", |forge| {
            vec![forge.nsec3(&Hashed::at(H, SUB, &[NS, DS]))]
        })
        .is(MISSING),
        denied(
            "RFC 5155 §8.9, RFC 6840 §4.4",
            "the record at the delegation does not show the NS bit",
            |forge| vec![forge.nsec3(&Hashed::at(H, SUB, &[A]))],
        )
        .is(MISSING),
        denied("RFC 5155 §8.9, CVE-2026-10723", "the record of the zone's own apex", |forge| {
            vec![forge.nsec3(&Hashed::at(SUB, SUB, &[NS, RecordType::SOA]))]
        })
        .is(MISSING),
        denied("RFC 5155 §8.9", "a record with NS and SOA bits, as of an apex", |forge| {
            vec![forge.nsec3(&Hashed::at(H, SUB, &[NS, RecordType::SOA]))]
        })
        .is(MISSING),
        denied("RFC 5155 §8.6", "an opt-out span without the closest encloser", |forge| {
            vec![forge.nsec3(&Hashed::over(H, SUB).opt_out())]
        })
        .is(MISSING),
        denied("RFC 5155 §8.6", "the closest encloser without an opt-out span", |forge| {
            vec![forge.nsec3(&Hashed::at(H, H, &[NS, RecordType::SOA]))]
        })
        .is(MISSING),
        denied(
            "RFC 5155 §8.6",
            "a span over the delegation without opt-out: there is no such name",
            |forge| {
                vec![
                    forge.nsec3(&Hashed::at(H, H, &[NS, RecordType::SOA])),
                    forge.nsec3(&Hashed::over(H, SUB)),
                ]
            },
        )
        .is(Bogus("signer-wrong", 6)),
        denied("RFC 5155 §8.6", "an opt-out span of a stranger", |forge| {
            let span = Hashed::over(H, SUB).opt_out().rrset();
            vec![forge.nsec3(&Hashed::at(H, H, &[NS, RecordType::SOA])), forge.forged(H, span)]
        })
        .is(Bogus("signature-wrong", 6)),
        denied("RFC 5155 §8.6", "an opt-out span without signature", |forge| {
            let span = Hashed::over(H, SUB).opt_out().rrset();
            vec![forge.nsec3(&Hashed::at(H, H, &[NS, RecordType::SOA])), span]
        })
        .is(MISSING),
        denied("RFC 5155 §8.6", "an opt-out span over another name", |forge| {
            let other = Hashed::over(H, "another.nsec3.test.").opt_out();
            vec![forge.nsec3(&Hashed::at(H, H, &[NS, RecordType::SOA])), forge.nsec3(&other)]
        })
        .is(MISSING),
        // With the zone's own key the delegation is opted out.
        denied("RFC 5155 §6", "an opt-out span over the delegation", |forge| {
            let span = Hashed::over(H, SUB).opt_out();
            vec![forge.nsec3(&Hashed::at(H, H, &[NS, RecordType::SOA])), forge.nsec3(&span)]
        })
        .is(Unproven(None)),
        loose("RFC 5155 §8.9", "the denial of an unsigned zone's DS left out", |_, authority| {
            authority.retain(|rrset| rrset.rtype != RecordType::NSEC3);
        })
        .is(MISSING),
        loose("RFC 5155 §8.9", "the denial of an unsigned zone's DS without signature", |_, authority| {
            for rrset in authority {
                *rrset = unsigned(rrset.clone());
            }
        })
        .is(Bogus("signature-missing", 10)),
        lie(
            "RFC 5155 §6",
            "a signed zone in an opt-out zone is said to be an unsigned one's neighbour",
            "www.signed.optout.test.",
            A,
        )
        .tells("optout.test.", |forge, question, reply| {
            let zone = name("signed.optout.test.");
            if question.name.is_subdomain_of(&zone) {
                let chain = forge.internet().zone(&name("optout.test.")).unwrap();
                let proofs: Vec<Rrset> =
                    chain.rrsets().filter(|rrset| rrset.rtype == RecordType::NSEC3).cloned().collect();
                reply.authority.retain(|rrset| rrset.rtype != DS);
                reply.authority.extend(proofs.clone());
                if question.rtype == DS {
                    let soa = forge.soa("optout.test.");
                    deny(reply, Rcode::NOERROR, std::iter::once(soa).chain(proofs).collect());
                }
            }
        })
        .is(MISSING),
    ]
}
