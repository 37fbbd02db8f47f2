//! Lies in an RRset and the signatures over it: RFC 4035 §5.3.1 to §5.3.3, RFC 6840 §5.

use rootwalk::dns::message::Message;
use rootwalk::dns::{Class, RecordType, Rrset};
use rootwalk::lab::signer::Validity;

use super::forge::{DAY, Forge, address, answer, flipped, moved, one, shouted, unsigned, with_signatures};
use super::{Bogus, Lie, MISSING, N, OTHER, Secure, SecureFor, TEST, Unproven, Unseen, lie};
use crate::harness::name;

const WWW: &str = "www.nsec.test.";
const A: RecordType = RecordType::A;

/// Changes the RRset that answers.
fn told(
    rule: &'static str,
    how: &'static str,
    change: impl Fn(&Forge, Rrset) -> Rrset + Send + Sync + 'static,
) -> Lie {
    about(WWW, A, rule, how, change)
}

/// The same for another question.
fn about(
    owner: &str,
    rtype: RecordType,
    rule: &'static str,
    how: &'static str,
    change: impl Fn(&Forge, Rrset) -> Rrset + Send + Sync + 'static,
) -> Lie {
    lie(rule, how, owner, rtype).told(N, move |forge, reply| change_first(forge, reply, &change))
}

fn change_first(forge: &Forge, reply: &mut Message, change: impl Fn(&Forge, Rrset) -> Rrset) {
    let first = reply.answer.remove(0);
    reply.answer.insert(0, change(forge, first));
}

/// Signed from and until so many seconds from now.
fn valid(forge: &Forge, rrset: Rrset, from: i64, until: i64) -> Rrset {
    let at = |secs: i64| u32::try_from(forge.now().checked_add_signed(secs).unwrap() & 0xffff_ffff).unwrap();
    let validity = Validity { inception: at(from), expiration: at(until) };
    forge.signed_as(N, rrset, |fixed| fixed.validity = validity)
}

/// Puts so many keys of the zone-signing key's tag before the keys of the set: a tag is a sum, whatever the order of what
/// is summed.
fn behind_twins(forge: &Forge, keys: Rrset, twins: usize) -> Rrset {
    let zsk = forge.zsk(N).dnskey();
    let twin = |place: usize| {
        let mut twin = zsk.clone();
        twin.swap(place, place + 2);
        twin.swap(place + 1, place + 3);
        twin
    };
    let made: Vec<Vec<u8>> = (0..twins).map(|turn| twin(4 + 4 * turn)).collect();
    let rdatas = made.iter().map(Vec::as_slice).chain(keys.rdatas.iter()).collect();
    forge.signed_by(forge.ksk(N), N, Rrset { rdatas, ..keys }, |_| {})
}

pub(super) fn lies() -> Vec<Lie> {
    [fields(), times(), keys(), data(), lifetimes(), several()].into_iter().flatten().collect()
}

/// RFC 4035 §5.3.1, bullets 1 to 4.
fn fields() -> Vec<Lie> {
    vec![
        told(
            "RFC 4035 §5.3.1 bullet 1",
            "the signature is that of the same data at another name",
            |forge, set| {
                let other = forge.signed(N, moved(set.clone(), "mail.nsec.test."));
                Rrset { signatures: other.signatures, ..set }
            },
        )
        .is(Bogus("signature-wrong", 6)),
        told("RFC 4035 §5.3.1 bullet 1", "the signature is over the class CH", |forge, set| {
            let other = forge.signed(N, Rrset { class: Class::CH, ..set.clone() });
            Rrset { signatures: other.signatures, ..set }
        })
        .is(Bogus("signature-wrong", 6)),
        // The parent could have signed a DS record for a key of its own as well: nothing is lost (so do Unbound and BIND).
        told("RFC 4035 §5.3.1 bullet 2", "the parent's key signs in the parent's name", |forge, set| {
            forge.signed(TEST, set)
        })
        .is(Secure),
        told("RFC 4035 §5.3.1 bullet 2", "the parent's key signs in the zone's name", |forge, set| {
            forge.signed_by(forge.zsk(TEST), N, set, |_| {})
        })
        .is(Bogus("no-key", 9)),
        told("RFC 4035 §5.3.1 bullet 2", "the zone's key signs in the parent's name", |forge, set| {
            forge.signed_by(forge.zsk(N), TEST, set, |_| {})
        })
        .is(Bogus("no-key", 9)),
        told("RFC 4035 §5.3.1 bullet 2", "a zone beside it signs", |forge, set| forge.signed(OTHER, set))
            .is(Bogus("signer-wrong", 6)),
        told("RFC 4035 §5.3.1 bullet 2", "a secure zone below it signs", |forge, set| {
            forge.signed("sub.nsec.test.", set)
        })
        .is(Bogus("signer-wrong", 6)),
        told("RFC 4035 §5.3.1 bullet 2", "the signer is the owner, which is no zone", |forge, set| {
            forge.signed_by(forge.zsk(N), WWW, set, |_| {})
        })
        .is(Bogus("signer-wrong", 6)),
        told("RFC 4035 §5.3.1 bullet 2", "the signer is below the owner", |forge, set| {
            forge.signed_by(forge.zsk(N), "a.www.nsec.test.", set, |_| {})
        })
        .is(Bogus("signer-wrong", 6)),
        told("RFC 4035 §5.3.1 bullet 3", "the signature says and covers TXT", |forge, set| {
            let other = forge.signed(N, Rrset { rtype: RecordType::TXT, ..set.clone() });
            Rrset { signatures: other.signatures, ..set }
        })
        .is(Bogus("signature-missing", 10)),
        told("RFC 4035 §5.3.1 bullet 3", "the signature says A and covers TXT", |forge, set| {
            let other = forge.signed(N, Rrset { rtype: RecordType::TXT, ..set.clone() });
            let relabelled = with_signatures(other, |rdata| rdata[..2].copy_from_slice(&[0, 1]));
            Rrset { signatures: relabelled.signatures, ..set }
        })
        .is(Bogus("signature-wrong", 6)),
        told("RFC 4035 §5.3.1 bullet 4", "one label more than the owner has", |forge, set| {
            forge.signed_as(N, set, |fixed| fixed.labels = 4)
        })
        .is(Bogus("signer-wrong", 6)),
        told("RFC 4035 §5.3.1 bullet 4", "255 labels", |forge, set| {
            forge.signed_as(N, set, |fixed| fixed.labels = 255)
        })
        .is(Bogus("signer-wrong", 6)),
        wildcard_above(1, "*.test."),
        wildcard_above(0, "*."),
        told(
            "RFC 4035 §5.3.1 bullet 4",
            "a wildcard that is signed and was not expanded by anybody",
            |forge, set| {
                // With labels one less, what is signed is *.nsec.test.; no record proves that www is not there.
                let wild = forge.signed(N, moved(set.clone(), "*.nsec.test."));
                Rrset { signatures: wild.signatures, ..set }
            },
        )
        .is(MISSING),
    ]
}

/// The zone's key signs a wildcard above the zone, which would answer for every name there.
fn wildcard_above(labels: u8, wildcard: &'static str) -> Lie {
    let how = if labels == 0 { "labels 0: a wildcard of the root" } else { "labels fewer than the signer's" };
    told("CVE-2026-44690, CVE-2026-11721, CVE-2026-52688", how, move |forge, set| {
        let wild = forge.signed_as(N, moved(set.clone(), wildcard), |fixed| fixed.labels = labels);
        Rrset { signatures: wild.signatures, ..set }
    })
    .is(Bogus("signer-wrong", 6))
}

/// RFC 4035 §5.3.1, bullets 5 and 6; RFC 4034 §3.1.5.
fn times() -> Vec<Lie> {
    let day = i64::from(DAY);
    vec![
        told("RFC 4035 §5.3.1 bullet 5", "expired two days ago", move |forge, set| {
            valid(forge, set, -20 * day, -2 * day)
        })
        .is(Bogus("signature-expired", 7)),
        told(
            "RFC 4035 §5.3.1 bullet 5",
            "expired an hour and a second ago, valid for an hour",
            move |forge, set| valid(forge, set, -7_201, -3_601),
        )
        .is(Bogus("signature-expired", 7)),
        told("RFC 4035 §5.3.1 bullet 5", "expired half an hour ago, as clocks go", move |forge, set| {
            valid(forge, set, -day, -1_800)
        })
        .is(SecureFor(6_840)),
        told("RFC 4035 §5.3.1 bullet 6", "begins in two days", move |forge, set| {
            valid(forge, set, 2 * day, 20 * day)
        })
        .is(Bogus("signature-not-yet-valid", 8)),
        told("RFC 4035 §5.3.1 bullet 6", "begins in half an hour, as clocks go", move |forge, set| {
            valid(forge, set, 1_800, day)
        })
        .is(Unseen),
        told("RFC 4034 §3.1.5", "expires before it begins", move |forge, set| valid(forge, set, day, -day))
            .is(Bogus("signature-times-reversed", 25)),
        told("RFC 4034 §3.1.5", "valid for less than half of the serial numbers", move |forge, set| {
            valid(forge, set, -day, (1 << 31) - 1 - day)
        })
        .is(Unseen),
        told("RFC 4034 §3.1.5", "valid for more than half of the serial numbers", move |forge, set| {
            valid(forge, set, -day, (1 << 31) + day)
        })
        .is(Bogus("signature-times-reversed", 25)),
    ]
}

/// RFC 4035 §5.3.1, bullets 7 and 8.
fn keys() -> Vec<Lie> {
    vec![
        told("RFC 4035 §5.3.1 bullet 7", "the key tag is that of no key", |forge, set| {
            forge.signed_as(N, set, |fixed| fixed.tag ^= 1)
        })
        .is(Bogus("no-key", 9)),
        told("RFC 4035 §5.3.1 bullet 7", "the algorithm is that of no key", |_, set| {
            with_signatures(set, |rdata| rdata[2] = 13)
        })
        .is(Bogus("no-key", 9)),
        told(
            "RFC 4035 §5.3.1 bullet 7",
            "the algorithm is one that nobody knows, the zone's DS is not",
            |_, set| with_signatures(set, |rdata| rdata[2] = 250),
        )
        .is(Bogus("no-key", 9)),
        told("RFC 4035 §5.3.1 bullet 8", "the key that signed is not in the DNSKEY set", |forge, set| {
            forge.signed_by(forge.stranger(), N, set, |_| {})
        })
        .is(Bogus("no-key", 9)),
        signed_by_extra_key("the key that signed has no zone flag", 0, 3).is(Bogus("no-key", 9)),
        signed_by_extra_key("the key that signed is of another protocol", 0x0100, 4).is(Bogus("no-key", 9)),
        signed_by_extra_key("the key that signed is revoked", 0x0180, 3).is(Bogus("no-key", 9)),
        signed_by_extra_key("the key that signed is a zone key beside the others", 0x0100, 3).is(Secure),
        lie("RFC 4035 §5.3.1", "another key of the same tag stands before the one that signed", WWW, A)
            .keys(N, |forge, keys| behind_twins(forge, keys, 1))
            .is(Unseen),
        lie("CVE-2023-50387", "two keys of the same tag stand before the one that signed", WWW, A)
            .keys(N, |forge, keys| behind_twins(forge, keys, 2))
            .is(Bogus("signature-wrong", 6)),
        lie(
            "RFC 4035 §5.3.1",
            "a key that signed is added to the DNSKEY set without a new signature",
            WWW,
            A,
        )
        .keys(N, |forge, keys| keys.with(&forge.stranger().dnskey()))
        .told(N, |forge, reply| {
            change_first(forge, reply, |forge, set| forge.signed_by(forge.stranger(), N, set, |_| {}));
        })
        .is(Bogus("signature-wrong", 6)),
    ]
}

/// The DNSKEY set has one key more, rightly signed; that key signs the answer.
fn signed_by_extra_key(how: &'static str, flags: u16, protocol: u8) -> Lie {
    let extra = move |forge: &Forge| {
        let key = forge.stranger().with_flags(flags);
        let mut dnskey = key.dnskey();
        dnskey[2] = protocol;
        // The tag is over the whole record.
        let tag = rootwalk::dns::rdata::Dnskey::read(&dnskey).unwrap().key_tag();
        (key, dnskey, tag)
    };
    lie("RFC 4035 §5.3.1 bullet 8", how, WWW, A)
        .keys(N, move |forge, keys| forge.signed_by(forge.ksk(N), N, keys.with(&extra(forge).1), |_| {}))
        .told(N, move |forge, reply| {
            let (key, _, tag) = extra(forge);
            change_first(forge, reply, |forge, set| forge.signed_by(&key, N, set, |fixed| fixed.tag = tag));
        })
}

/// RFC 4035 §5.3.2 and §5.3.3: what is signed.
fn data() -> Vec<Lie> {
    vec![
        told("RFC 4035 §5.3.3", "another address", |_, set| Rrset {
            signatures: set.signatures,
            ..address(WWW)
        })
        .is(Bogus("signature-wrong", 6)),
        told("RFC 4035 §5.3.3", "one address more", |_, set| set.with(&[192, 0, 2, 66]))
            .is(Bogus("signature-wrong", 6)),
        about("two.nsec.test.", A, "RFC 4035 §5.3.3", "one address of two", |_, set| Rrset {
            rdatas: one(&[192, 0, 2, 81]),
            ..set
        })
        .is(Bogus("signature-wrong", 6)),
        about(
            "two.nsec.test.",
            A,
            "RFC 4035 §5.3.2",
            "the records in another order, and twice",
            |_, set| {
                let mut rdatas: Vec<&[u8]> = set.rdatas.iter().collect();
                rdatas.reverse();
                let twice = [rdatas.clone(), rdatas].concat();
                Rrset { rdatas: twice.into_iter().collect(), ..set.clone() }
            },
        )
        .is(Secure),
        told("RFC 4035 §5.3.2", "the original TTL in the signature is raised", |_, set| {
            with_signatures(set, |rdata| rdata[4..8].copy_from_slice(&86_400_u32.to_be_bytes()))
        })
        .is(Bogus("signature-wrong", 6)),
        about(
            "nsec.test.",
            RecordType::MX,
            "RFC 4035 §5.3.2",
            "names in the rdata in other letters",
            |_, set| {
                let rdata = [&[0, 10][..], shouted("mail.nsec.test.").as_wire()].concat();
                Rrset { rdatas: one(&rdata), ..set }
            },
        )
        .is(Secure),
        about(WWW, RecordType::TXT, "RFC 4035 §5.3.2", "a text in other letters", |_, set| Rrset {
            rdatas: one(b"\x04TEXT"),
            ..set
        })
        .is(Bogus("signature-wrong", 6)),
        told("RFC 6840 §5.1", "the signer's name in other letters", |_, set| {
            with_signatures(set, |rdata| rdata[18..28].make_ascii_uppercase())
        })
        .is(Unseen),
        told("RFC 4035 §5.3.3", "one bit of the signature flipped", |_, set| flipped(set))
            .is(Bogus("signature-wrong", 6)),
        told("RFC 4035 §5.3.3", "one bit of the inception flipped", |_, set| {
            with_signatures(set, |rdata| rdata[15] ^= 1)
        })
        .is(Bogus("signature-wrong", 6)),
        told("RFC 4035 §5.3.3", "the signature cut short", |_, set| {
            with_signatures(set, |rdata| rdata.truncate(rdata.len() - 1))
        })
        .is(Bogus("signature-wrong", 6)),
        told("RFC 4035 §5.3.3", "no octets of signature", |_, set| {
            with_signatures(set, |rdata| rdata.truncate(rdata.len() - 64))
        })
        .is(Bogus("signature-wrong", 6)),
        told("RFC 4035 §5.3.3", "an octet behind the signature", |_, set| {
            with_signatures(set, |rdata| rdata.push(0))
        })
        .is(Bogus("signature-wrong", 6)),
        told("RFC 4035 §5.5", "no signature", |_, set| unsigned(set)).is(Bogus("signature-missing", 10)),
        told("RFC 4035 §5.5", "another address without signature", |_, _| address(WWW))
            .is(Bogus("signature-missing", 10)),
        told("RFC 4035 §5.3.3", "signed by a stranger under the tag of the zone's key", |forge, _| {
            forge.forged(N, address(WWW))
        })
        .is(Bogus("signature-wrong", 6)),
        lie("CVE-2019-3807", "another address without signature, and without AA", WWW, A)
            .told(N, |_, reply| {
                answer(reply, vec![address(WWW)], Vec::new());
                reply.header.authoritative = false;
            })
            .is(Bogus("signature-missing", 10)),
        lie(
            "RFC 4035 §3.2.3",
            "the server of an unsigned zone says that its answer is authentic",
            "www.unsigned.test.",
            A,
        )
        .tells("unsigned.test.", |_, _, reply| reply.header.authentic_data = true)
        .is(Unproven(None))
        .twin(Unproven(None)),
        lie(
            "RFC 4035 §4.3",
            "an unsigned zone's answer with the signature of a stranger",
            "www.unsigned.test.",
            A,
        )
        .told("unsigned.test.", |forge, reply| {
            let set = reply.answer.remove(0);
            reply.answer.push(forge.signed_by(forge.stranger(), "unsigned.test.", set, |_| {}));
        })
        .is(Unproven(None))
        .twin(Unproven(None)),
        lie(
            "RFC 4035 §4.3",
            "an unsigned zone's answer with the signature of its secure parent",
            "www.unsigned.test.",
            A,
        )
        .told("unsigned.test.", |forge, reply| {
            let set = reply.answer.remove(0);
            reply.answer.push(Rrset { signatures: forge.soa(TEST).signatures, ..set });
        })
        .is(Unproven(None))
        .twin(Unproven(None)),
    ]
}

/// RFC 4035 §5.3.3: how long it may be kept.
fn lifetimes() -> Vec<Lie> {
    vec![
        told("RFC 4035 §5.3.3", "the TTL above the original TTL", |_, set| Rrset {
            ttl: 80_000,
            signatures_ttl: 80_000,
            ..set
        })
        .is(SecureFor(3_600)),
        told("RFC 4035 §5.3.3", "the signature's TTL below that of the records", |_, set| Rrset {
            signatures_ttl: 20,
            ..set
        })
        .is(SecureFor(20)),
        told("RFC 4035 §5.3.3", "the TTL below the original TTL", |_, set| Rrset { ttl: 30, ..set })
            .is(SecureFor(30)),
        told("RFC 4035 §5.3.3", "the original TTL below the TTL", |forge, set| {
            let signed = forge.signed_as(N, set, |fixed| fixed.ttl = 40);
            Rrset { ttl: 3_600, ..signed }
        })
        .is(SecureFor(40)),
        told("RFC 4035 §5.3.3", "the signature expires in 50 seconds", |forge, set| {
            valid(forge, set, -3_600, 50)
        })
        .is(SecureFor(50)),
    ]
}

/// RFC 6840 §5.4 and §5.12: more signatures than one.
fn several() -> Vec<Lie> {
    let beside = |rrset: Rrset, others: &[Rrset]| {
        let sets = others.iter().chain(std::iter::once(&rrset));
        let signatures = sets.flat_map(|set| set.signatures.iter()).collect();
        Rrset { signatures, ..rrset.clone() }
    };
    vec![
        told("RFC 6840 §5.4", "a signature that is wrong before the one that is right", move |_, set| {
            beside(set.clone(), &[flipped(set)])
        })
        .is(Unseen),
        told("RFC 6840 §5.4", "a signature that is over before the one that is right", move |forge, set| {
            beside(set.clone(), &[valid(forge, set, -20 * 86_400, -10 * 86_400)])
        })
        .is(Unseen),
        told(
            "RFC 6840 §5.12",
            "a signature by a key that nobody has before the one that is right",
            move |forge, set| beside(set.clone(), &[forge.signed_by(forge.stranger(), N, set, |_| {})]),
        )
        .is(Unseen),
        told(
            "RFC 6840 §5.11",
            "a signature of an unknown algorithm before the one that is right",
            move |_, set| beside(set.clone(), &[with_signatures(set, |rdata| rdata[2] = 250)]),
        )
        .is(Unseen),
        told(
            "RFC 6840 §5.4",
            "a signature by a zone that may not sign before the one that is right",
            move |forge, set| beside(set.clone(), &[forge.signed(OTHER, set)]),
        )
        .is(Unseen),
        told(
            "CVE-2023-50387",
            "eight signatures that are wrong before the one that is right",
            move |_, set| {
                let wrong: Vec<Rrset> = (1..=8)
                    .map(|turn| with_signatures(set.clone(), |rdata| *rdata.last_mut().unwrap() ^= turn))
                    .collect();
                beside(set, &wrong)
            },
        )
        .is(Bogus("signature-wrong", 6)),
        told("RFC 4035 §5.3.3", "each field of one signature is right in one of two", move |forge, set| {
            // One is over other data, the other is over.
            let other = forge.signed(N, address(WWW));
            let over = valid(forge, set.clone(), -20 * 86_400, -10 * 86_400);
            beside(Rrset { signatures: other.signatures, ..set }, &[over])
        })
        .is(Bogus("signature-wrong", 6)),
        lie("RFC 4035 §5.3.1", "what was asked for is not there, only its signature", WWW, A)
            .told(N, |_, reply| {
                let first = reply.answer.remove(0);
                let lone =
                    Rrset { rtype: RecordType::RRSIG, rdatas: first.signatures.clone(), ..unsigned(first) };
                answer(reply, vec![Rrset { name: name(WWW), ..lone }], Vec::new());
            })
            .is(MISSING),
    ]
}
