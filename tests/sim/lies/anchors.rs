//! Lies and mistakes about trust anchors: RFC 4035 §5.1 and §4.4, RFC 6840 §5.10, RFC 7646.

use rootwalk::dns::{Name, RecordType};
use rootwalk::validate::Anchors;
use rootwalk::validate::anchors::AnchorKey;

use super::forge::{Forge, flipped, nsec, unsigned};
use super::{Bogus, Lie, N, Secure, TEST, Unproven, Unseen, lie};
use crate::harness::name;

const WWW: &str = "www.nsec.test.";
const ISLAND: &str = "www.island.test.";
const A: RecordType = RecordType::A;

/// The root's anchor, as everybody has it.
fn root(forge: &Forge) -> Anchors {
    Anchors::parse(&forge.internet().anchor_text()).unwrap()
}

/// The DS record of a zone's key.
fn ds(forge: &Forge, zone: &str) -> AnchorKey {
    AnchorKey::Ds(forge.ksk(zone).ds(&name(zone), 2))
}

/// The root's anchor and one of a zone.
fn root_and(forge: &Forge, zone: &str, key: AnchorKey) -> Anchors {
    let mut anchors = root(forge);
    anchors.add(name(zone), key);
    anchors
}

fn only(zone: &str, keys: impl IntoIterator<Item = AnchorKey>) -> Anchors {
    let mut anchors = Anchors::none();
    keys.into_iter().for_each(|key| anchors.add(name(zone), key));
    anchors
}

/// The island's servers change the answer to the question.
fn on_island(how: &'static str, change: fn(rootwalk::dns::Rrset) -> rootwalk::dns::Rrset) -> Lie {
    lie("RFC 4035 §5.1, CVE-2026-35501, CVE-2026-50106", how, ISLAND, A)
        .trusting(|forge| root_and(forge, "island.test.", ds(forge, "island.test.")))
        .told("island.test.", move |_, reply| {
            let set = reply.answer.remove(0);
            reply.answer.push(change(set));
        })
        .twin(Unproven(None))
}

pub(super) fn lies() -> Vec<Lie> {
    let mut lies = vec![
        on_island("an island with an anchor is proven", |set| set).is(Secure),
        on_island("an island with an anchor signs wrongly", flipped).is(Bogus("signature-wrong", 6)),
        on_island("an island with an anchor does not sign", unsigned).is(Bogus("signature-missing", 10)),
        lie("RFC 4035 §5.1", "an island with an anchor of another key", ISLAND, A)
            .trusting(|forge| {
                root_and(forge, "island.test.", AnchorKey::Ds(forge.stranger().ds(&name("island.test."), 2)))
            })
            .is(Bogus("no-anchor-match", 9))
            .twin(Unproven(None)),
        lie("RFC 4035 §5.1", "an island with an anchor, its parent's denial of DS forged", ISLAND, A)
            .trusting(|forge| root_and(forge, "island.test.", ds(forge, "island.test.")))
            .tells(TEST, |forge, _, reply| {
                for rrset in reply.authority.iter_mut().filter(|rrset| rrset.rtype == RecordType::NSEC) {
                    *rrset = forge.forged(TEST, nsec("island.test.", "nsec.test.", &[RecordType::NS]));
                }
            })
            .is(Secure)
            .twin(Unproven(None)),
        lie("RFC 4035 §5.1", "an anchor stands below what is asked", "www.test.", A)
            .trusting(|forge| only(N, [ds(forge, N)]))
            .is(Unproven(None)),
        lie("RFC 4035 §4.3", "no anchor at all", WWW, A).trusting(|_| Anchors::none()).is(Unproven(None)),
        lie("RFC 4035 §4.4", "the zone's own anchor, the root's unknown", WWW, A)
            .trusting(|forge| only(N, [ds(forge, N)]))
            .is(Unseen),
        lie("RFC 4035 §4.4", "the zone's own anchor as a DNSKEY record", WWW, A)
            .trusting(|forge| only(N, [AnchorKey::Dnskey(forge.ksk(N).dnskey())]))
            .is(Unseen),
        lie("RFC 4035 §4.4", "a stranger's DNSKEY record as the root's anchor", WWW, A)
            .trusting(|forge| only(".", [AnchorKey::Dnskey(forge.stranger().dnskey())]))
            .is(Bogus("no-anchor-match", 9)),
        lie("RFC 4035 §4.4", "the zone-signing key as the root's anchor", WWW, A)
            .trusting(|forge| only(".", [AnchorKey::Dnskey(forge.zsk(".").dnskey())]))
            .is(Bogus("no-key", 9)),
        lie("CVE-2026-123593", "the root's anchor under another zone's name", WWW, A)
            .trusting(|forge| only(N, [ds(forge, ".")]))
            .is(Bogus("no-anchor-match", 9)),
        lie(
            "CVE-2026-123593",
            "the zone gives the root's keys, whose anchor stands under its own name",
            WWW,
            A,
        )
        .trusting(|forge| only(N, [ds(forge, ".")]))
        .keys(N, |forge, _| super::forge::moved(forge.rrset(".", ".", RecordType::DNSKEY), N))
        .is(Bogus("no-anchor-match", 9)),
        // RFC 6840 §5.10 leaves the choice; the deepest anchor is the operator's last word.
        lie("RFC 6840 §5.10", "the root's anchor is right, a nearer one is wrong", WWW, A)
            .trusting(|forge| root_and(forge, N, AnchorKey::Ds(forge.stranger().ds(&name(N), 2))))
            .is(Bogus("no-anchor-match", 9)),
        lie("RFC 6840 §5.10", "the root's anchor is wrong, a nearer one is right", WWW, A)
            .trusting(|forge| {
                let mut anchors = only(N, [ds(forge, N)]);
                anchors.add(Name::root(), AnchorKey::Ds(forge.stranger().ds(&Name::root(), 2)));
                anchors
            })
            .is(Unseen),
        lie("RFC 6840 §5.10", "the nearer anchor is right, the DS set on the way is wrong", WWW, A)
            .trusting(|forge| root_and(forge, N, ds(forge, N)))
            .ds(TEST, N, |_, ds| vec![flipped(ds)])
            .is(Unseen),
        lie("RFC 4035 §4.4", "two anchors of the root, one of a key that is not there", WWW, A)
            .trusting(|forge| {
                only(".", [AnchorKey::Ds(forge.stranger().ds(&Name::root(), 2)), ds(forge, ".")])
            })
            .is(Unseen),
        lie("RFC 4035 §5.2", "the root's anchor is of an algorithm that nobody knows", WWW, A)
            .trusting(|forge| {
                let mut rdata = forge.ksk(".").ds(&Name::root(), 2);
                rdata[2] = 250;
                only(".", [AnchorKey::Ds(rdata)])
            })
            .is(Unproven(Some(1))),
        lie("RFC 7646 §2", "a negative anchor, and signatures that are wrong", WWW, A)
            .trusting(|forge| {
                let mut anchors = root(forge);
                anchors.add_negative(name(N), None);
                anchors
            })
            .told(N, |_, reply| {
                let set = reply.answer.remove(0);
                reply.answer.push(flipped(set));
            })
            .is(Unproven(Some(33))),
    ];
    lies.extend([".", TEST].map(|zone| {
        let how = if zone == "." {
            "the root's DNSKEY set without signature"
        } else {
            "the parent's DNSKEY set without signature"
        };
        lie("RFC 4035 §5", how, WWW, A)
            .keys(zone, |_, keys| unsigned(keys))
            .is(Bogus("signature-missing", 10))
    }));
    lies
}
