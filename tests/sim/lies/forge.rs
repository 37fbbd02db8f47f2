//! What a liar has at hand: the records and the keys of every zone of the stage, and a key that is no zone's.

use rootwalk::dns::message::Message;
use rootwalk::dns::{Name, Rcode, Rdatas, RecordType, Rrset};
use rootwalk::lab::Internet;
use rootwalk::lab::signer::{Key, KeyMaker, Nsec3Params, RrsigFixed, Validity, ZSK, nsec_rdata, type_bitmap};

use crate::harness::name;

pub(super) const DAY: u32 = 86_400;

pub(super) struct Forge {
    internet: Internet,
    stranger: Key,
}

impl Forge {
    pub(super) fn new(internet: Internet) -> Self {
        let stranger = KeyMaker::new(4_711).make(15, ZSK).unwrap();
        Self { internet, stranger }
    }

    pub(super) fn internet(&self) -> &Internet {
        &self.internet
    }

    /// Seconds since 1970.
    pub(super) fn now(&self) -> u64 {
        self.internet.world().unix()
    }

    pub(super) fn validity(&self) -> Validity {
        Validity::around(self.now(), DAY, 30 * DAY)
    }

    /// The key that a zone signs its keys with.
    pub(super) fn ksk(&self, zone: &str) -> &Key {
        let keys = &self.internet.keys(&name(zone)).unwrap().keys;
        &keys.iter().find(|(spec, _)| spec.signs_keys).unwrap().1
    }

    /// The key that a zone signs everything else with.
    pub(super) fn zsk(&self, zone: &str) -> &Key {
        let keys = &self.internet.keys(&name(zone)).unwrap().keys;
        &keys.iter().find(|(spec, _)| spec.signs_zone).unwrap().1
    }

    /// A key of no zone.
    pub(super) fn stranger(&self) -> &Key {
        &self.stranger
    }

    /// What a zone has, its denial records included.
    pub(super) fn rrset(&self, zone: &str, owner: &str, rtype: RecordType) -> Rrset {
        let zone = self.internet.zone(&name(zone)).unwrap();
        zone.rrsets().find(|rrset| rrset.is(&name(owner), rtype)).unwrap().clone()
    }

    pub(super) fn soa(&self, zone: &str) -> Rrset {
        self.rrset(zone, zone, RecordType::SOA)
    }

    /// Signed as the zone itself does.
    pub(super) fn signed(&self, zone: &str, rrset: Rrset) -> Rrset {
        self.signed_as(zone, rrset, |_| {})
    }

    /// Signed by the zone, with fields of the liar's choice.
    pub(super) fn signed_as(&self, zone: &str, rrset: Rrset, change: impl FnOnce(&mut RrsigFixed)) -> Rrset {
        self.signed_by(self.zsk(zone), zone, rrset, change)
    }

    /// Signed by any key in any zone's name.
    pub(super) fn signed_by(
        &self,
        key: &Key,
        signer: &str,
        mut rrset: Rrset,
        change: impl FnOnce(&mut RrsigFixed),
    ) -> Rrset {
        let labels = rrset.name.label_count() - usize::from(rrset.name.is_wildcard());
        let mut fixed = RrsigFixed {
            labels: labels.try_into().unwrap(),
            ttl: rrset.ttl,
            validity: self.validity(),
            tag: key.tag(),
        };
        change(&mut fixed);
        let signature = key.sign_as(&name(signer), &rrset, &fixed).unwrap();
        rrset.signatures = one(&signature);
        rrset.signatures_ttl = rrset.ttl;
        rrset
    }

    /// Signed by the key of no zone, which says that it is the zone's.
    pub(super) fn forged(&self, zone: &str, rrset: Rrset) -> Rrset {
        let tag = self.zsk(zone).tag();
        self.signed_by(&self.stranger, zone, rrset, |fixed| fixed.tag = tag)
    }

    /// An NSEC record that the zone signed.
    pub(super) fn nsec(&self, zone: &str, owner: &str, next: &str, types: &[RecordType]) -> Rrset {
        self.signed(zone, nsec(owner, next, types))
    }

    /// An NSEC3 record that the zone signed.
    pub(super) fn nsec3(&self, record: &Hashed) -> Rrset {
        self.signed(record.zone, record.rrset())
    }
}

/// An NSEC record without signature; RRSIG and NSEC are among its types.
pub(super) fn nsec(owner: &str, next: &str, types: &[RecordType]) -> Rrset {
    let types = [types, &[RecordType::RRSIG, RecordType::NSEC]].concat();
    Rrset::new(name(owner), RecordType::NSEC, 300).with(&nsec_rdata(&name(next), &types))
}

/// An NSEC3 record, field by field.
#[derive(Debug, Clone)]
pub(super) struct Hashed {
    pub(super) zone: &'static str,
    /// The hash in its owner.
    pub(super) hash: Vec<u8>,
    pub(super) next: Vec<u8>,
    pub(super) types: Vec<RecordType>,
    pub(super) algorithm: u8,
    pub(super) flags: u8,
    pub(super) params: Nsec3Params,
}

impl Hashed {
    /// The record at a name, which covers nothing.
    pub(super) fn at(zone: &'static str, owner: &str, types: &[RecordType]) -> Self {
        Self::at_by(Nsec3Params::default(), zone, owner, types)
    }

    /// The same with a salt and iterations.
    pub(super) fn at_by(params: Nsec3Params, zone: &'static str, owner: &str, types: &[RecordType]) -> Self {
        let hash = params.hash(&name(owner));
        let next = nudged(&hash, 1);
        Self { zone, hash, next, types: types.to_vec(), algorithm: 1, flags: 0, params }
    }

    /// A record that covers a name and hardly anything else.
    pub(super) fn over(zone: &'static str, owner: &str) -> Self {
        Self::over_by(Nsec3Params::default(), zone, owner)
    }

    /// The same with a salt and iterations.
    pub(super) fn over_by(params: Nsec3Params, zone: &'static str, owner: &str) -> Self {
        let at = Self::at_by(params, zone, owner, &[RecordType::A]);
        Self { hash: nudged(&at.hash, -1), ..at }
    }

    /// The same with opt-out.
    pub(super) fn opt_out(self) -> Self {
        Self { flags: 1, ..self }
    }

    /// The record, unsigned.
    pub(super) fn rrset(&self) -> Rrset {
        let mut rdata = vec![self.algorithm, self.flags];
        rdata.extend(self.params.iterations.to_be_bytes());
        rdata.push(self.params.salt.len().try_into().unwrap());
        rdata.extend(&self.params.salt);
        rdata.push(self.next.len().try_into().unwrap());
        rdata.extend(&self.next);
        rdata.extend(type_bitmap(&self.types));
        let owner = Nsec3Params::owner(&name(self.zone), &self.hash).unwrap();
        Rrset::new(owner, RecordType::NSEC3, 300).with(&rdata)
    }
}

/// A number of many octets, one more or one less.
fn nudged(hash: &[u8], by: i8) -> Vec<u8> {
    let mut hash = hash.to_vec();
    for octet in hash.iter_mut().rev() {
        let (sum, carried) = octet.overflowing_add_signed(by);
        *octet = sum;
        if !carried {
            break;
        }
    }
    hash
}

/// Records of one rdata alone.
pub(super) fn one(rdata: &[u8]) -> Rdatas {
    [rdata].into_iter().collect()
}

/// The same RRset without its signatures.
pub(super) fn unsigned(rrset: Rrset) -> Rrset {
    Rrset { signatures: Rdatas::new(), ..rrset }
}

/// The same RRset, its signatures changed octet by octet.
pub(super) fn with_signatures(rrset: Rrset, change: impl Fn(&mut Vec<u8>)) -> Rrset {
    let changed: Vec<Vec<u8>> = rrset
        .signatures
        .iter()
        .map(|rdata| {
            let mut rdata = rdata.to_vec();
            change(&mut rdata);
            rdata
        })
        .collect();
    Rrset { signatures: changed.iter().map(Vec::as_slice).collect(), ..rrset }
}

/// The same RRset, the last bit of its signatures flipped.
pub(super) fn flipped(rrset: Rrset) -> Rrset {
    with_signatures(rrset, |rdata| *rdata.last_mut().unwrap() ^= 1)
}

/// An RRset of one address.
pub(super) fn address(owner: &str) -> Rrset {
    Rrset::new(name(owner), RecordType::A, 3_600).with(&[192, 0, 2, 66])
}

/// An alias.
pub(super) fn pointing(owner: &str, rtype: RecordType, target: &str) -> Rrset {
    Rrset::new(name(owner), rtype, 3_600).with(name(target).as_wire())
}

/// The same RRset at another name.
pub(super) fn moved(rrset: Rrset, owner: &str) -> Rrset {
    Rrset { name: name(owner), ..rrset }
}

/// Makes a reply one that denies, by these records.
pub(super) fn deny(reply: &mut Message, rcode: Rcode, authority: Vec<Rrset>) {
    reply.header.rcode = rcode;
    reply.header.authoritative = true;
    reply.answer.clear();
    reply.additional.clear();
    reply.authority = authority;
}

/// Makes a reply one that answers, by these records.
pub(super) fn answer(reply: &mut Message, answer: Vec<Rrset>, authority: Vec<Rrset>) {
    reply.header.rcode = Rcode::NOERROR;
    reply.header.authoritative = true;
    reply.answer = answer;
    reply.authority = authority;
    reply.additional.clear();
}

/// The name in upper case, as it may stand in rdata.
pub(super) fn shouted(text: &str) -> Name {
    name(&text.to_uppercase())
}
