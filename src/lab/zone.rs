//! A zone as its servers hold it: signed, with its denial chain, ready to be looked up.
//!
//! In: a [`Zone`] description with its keys, and the delegations of the zones below. Out: RRsets with signatures
//! by name, and the NSEC or NSEC3 records that prove what is absent (RFC 4035 §2, RFC 5155 §7.1).
//! Which of them go into an answer is the business of `authority`.

use std::collections::{BTreeMap, BTreeSet};

use super::signer::{Key, Nsec3Params, RrsigFixed, SignError, Validity};
use super::world::{DenialKind, Flaw, KeySpec, Zone};
use crate::dns::{Name, Rdatas, RecordType, Rrset};

const DAY_SECS: u32 = 86_400;

/// The NSEC or NSEC3 records of a zone.
#[derive(Debug)]
pub enum Denial {
    /// The zone is not signed, or does not give them.
    None,
    /// By owner.
    Nsec(BTreeMap<Name, Rrset>),
    /// By hash.
    Nsec3(Nsec3Params, BTreeMap<Vec<u8>, Rrset>),
    /// Made for each question.
    Compact(Box<OnlineSigner>),
}

/// Signs what is asked for.
#[derive(Debug)]
pub struct OnlineSigner {
    zone: Zone,
    keys: ZoneKeys,
    unix: u64,
}

/// A zone with its signatures.
#[derive(Debug)]
pub struct SignedZone {
    name: Name,
    nodes: BTreeMap<Name, BTreeMap<RecordType, Rrset>>,
    denial: Denial,
}

/// The keys of a zone: as described, made, and one that is not the zone's.
#[derive(Debug, Clone)]
pub struct ZoneKeys {
    /// Each key and its use.
    pub keys: Vec<(KeySpec, Key)>,
    /// Signs where the description wants a wrong key.
    pub foreign: Option<Key>,
}

impl SignedZone {
    /// Signs a zone. `below` are the RRsets the children bring: NS, DS, glue. `unix` is the date in seconds.
    pub(super) fn new(zone: &Zone, below: Vec<Rrset>, keys: &ZoneKeys, unix: u64) -> Result<Self, SignError> {
        let mut nodes: BTreeMap<Name, BTreeMap<RecordType, Rrset>> = BTreeMap::new();
        let mut own: Vec<Rrset> = zone.rrsets.values().cloned().chain(below).collect();
        own.extend(key_rrset(zone, keys));
        if let (true, DenialKind::Nsec3(params)) = (zone.is_signed(), &zone.denial) {
            own.push(Rrset::new(zone.name.clone(), RecordType::NSEC3PARAM, 0).with(&params.nsec3param()));
        }
        for rrset in own {
            let node = nodes.entry(rrset.name.clone()).or_default();
            let known = node
                .entry(rrset.rtype)
                .or_insert_with(|| Rrset { rdatas: Rdatas::default(), ..rrset.clone() });
            for rdata in &rrset.rdatas {
                if !known.rdatas.contains(rdata) {
                    known.rdatas.push(rdata);
                }
            }
        }
        let mut signed = Self { name: zone.name.clone(), nodes, denial: Denial::None };
        if zone.is_signed() {
            signed.sign(zone, keys, unix)?;
        }
        Ok(signed)
    }

    /// The zone's name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The zone's denial records.
    pub fn denial(&self) -> &Denial {
        &self.denial
    }

    /// The RRsets at a name.
    pub fn node(&self, name: &Name) -> Option<&BTreeMap<RecordType, Rrset>> {
        self.nodes.get(name)
    }

    /// One RRset. NSEC records are data of their names; NSEC3 records are not (RFC 5155 §7.2.8).
    pub fn rrset(&self, name: &Name, rtype: RecordType) -> Option<&Rrset> {
        match (&self.denial, rtype) {
            (Denial::Nsec(chain), RecordType::NSEC) => chain.get(name),
            _ => self.nodes.get(name)?.get(&rtype),
        }
    }

    /// Whether the name has records, or one below it has (RFC 4592 §2.2.2).
    pub fn exists(&self, name: &Name) -> bool {
        self.nodes.range(name.clone()..).next().is_some_and(|(next, _)| next.is_subdomain_of(name))
    }

    /// The topmost delegation at or above `name`, the apex not counted.
    pub fn cut(&self, name: &Name) -> Option<Name> {
        (self.name.label_count() + 1..=name.label_count())
            .map(|labels| name.suffix(labels))
            .find(|ancestor| self.rrset(ancestor, RecordType::NS).is_some())
    }

    /// All RRsets with their signatures, denial records last.
    pub fn rrsets(&self) -> impl Iterator<Item = &Rrset> {
        let denial: Vec<&Rrset> = match &self.denial {
            Denial::None | Denial::Compact(_) => Vec::new(),
            Denial::Nsec(chain) => chain.values().collect(),
            Denial::Nsec3(_, chain) => chain.values().collect(),
        };
        self.nodes.values().flat_map(BTreeMap::values).chain(denial)
    }

    /// Whether the zone has the say over the RRset: not glue, and of a delegation only DS (RFC 4035 §2.2).
    fn has_say(&self, name: &Name, rtype: RecordType) -> bool {
        match self.cut(name) {
            None => true,
            Some(cut) => cut == *name && rtype == RecordType::DS,
        }
    }

    fn sign(&mut self, zone: &Zone, keys: &ZoneKeys, unix: u64) -> Result<(), SignError> {
        let minimum = zone.negative_ttl.min(zone.ttl);
        let denial = match &zone.denial {
            DenialKind::Nsec => Denial::Nsec(self.nsec_chain(minimum)),
            DenialKind::Nsec3(params) => Denial::Nsec3(params.clone(), self.nsec3_chain(params, minimum)?),
            DenialKind::Compact => {
                Denial::Compact(Box::new(OnlineSigner { zone: zone.clone(), keys: keys.clone(), unix }))
            }
        };
        let mut nodes = std::mem::take(&mut self.nodes);
        // `has_say` looks at the nodes: what it says is gathered before they are changed.
        self.nodes.clone_from(&nodes);
        for rrset in nodes.values_mut().flat_map(BTreeMap::values_mut) {
            if self.has_say(&rrset.name, rrset.rtype) {
                sign(zone, keys, unix, rrset)?;
            }
        }
        self.nodes = nodes;
        self.denial = if zone.denial_given { sign_denial(zone, keys, unix, denial)? } else { Denial::None };
        Ok(())
    }

    /// The NSEC record that a compact zone makes for `name`: that it has the types of `node`, or that there is no such
    /// name (RFC 9824 §3.1, §3.2, §3.4). None if the zone is not compact.
    pub fn compact_nsec(&self, name: &Name, node: Option<&Name>) -> Option<Rrset> {
        let Denial::Compact(signer) = &self.denial else { return None };
        let mut types = node.map_or_else(|| vec![RecordType::NXNAME], |node| self.types_at(node));
        types.extend([RecordType::RRSIG, RecordType::NSEC]);
        let next = if self.cut(name).is_some() {
            // Nothing below the cut lies in the span.
            let mut labels: Vec<Vec<u8>> = name.labels().map(<[u8]>::to_vec).collect();
            labels.first_mut()?.push(0);
            Name::from_labels(labels.iter().map(Vec::as_slice)).ok()?
        } else {
            name.prepend(&[0]).ok()?
        };
        let ttl = signer.zone.negative_ttl.min(signer.zone.ttl);
        let rdata = super::signer::nsec_rdata(&next, &types);
        signer.signed(Rrset::new(name.clone(), RecordType::NSEC, ttl).with(&rdata))
    }

    /// The RRset with signatures of its own, as a compact zone gives what a wildcard makes (RFC 9824 §3.3). None if the
    /// zone is not compact.
    pub fn signed_online(&self, rrset: &Rrset) -> Option<Rrset> {
        let Denial::Compact(signer) = &self.denial else { return None };
        signer.signed(Rrset { signatures: Rdatas::new(), ..rrset.clone() })
    }

    /// The types an NSEC or NSEC3 record names of a node, but for RRSIG, NSEC and NSEC3.
    fn types_at(&self, name: &Name) -> Vec<RecordType> {
        let delegation = self.cut(name).is_some();
        let types = self.nodes.get(name).into_iter().flat_map(BTreeMap::keys).copied();
        types.filter(|rtype| !delegation || matches!(*rtype, RecordType::NS | RecordType::DS)).collect()
    }

    /// The names that are the zone's own: not those below a delegation.
    fn own_names(&self) -> Vec<Name> {
        self.nodes.keys().filter(|name| self.cut(name).is_none_or(|cut| cut == **name)).cloned().collect()
    }

    fn nsec_chain(&self, ttl: u32) -> BTreeMap<Name, Rrset> {
        let owners = self.own_names();
        let nexts = owners.iter().cycle().skip(1);
        let mut chain = BTreeMap::new();
        for (owner, next) in owners.iter().zip(nexts) {
            let mut types = self.types_at(owner);
            types.extend([RecordType::RRSIG, RecordType::NSEC]);
            let rdata = super::signer::nsec_rdata(next, &types);
            chain.insert(owner.clone(), Rrset::new(owner.clone(), RecordType::NSEC, ttl).with(&rdata));
        }
        chain
    }

    fn nsec3_chain(&self, params: &Nsec3Params, ttl: u32) -> Result<BTreeMap<Vec<u8>, Rrset>, SignError> {
        let mut types_by_hash: BTreeMap<Vec<u8>, Vec<RecordType>> = BTreeMap::new();
        let mut hashed: BTreeSet<Name> = BTreeSet::new();
        for owner in self.own_names() {
            let mut types = self.types_at(&owner);
            let insecure = types.contains(&RecordType::NS)
                && !types.contains(&RecordType::DS)
                && self.cut(&owner).is_some();
            if insecure && params.opt_out {
                continue;
            }
            if !insecure {
                types.push(RecordType::RRSIG);
            }
            types_by_hash.insert(params.hash(&owner), types);
            hashed.insert(owner);
        }
        // Empty non-terminals of what has a record (RFC 5155 §7.1).
        for owner in hashed.clone() {
            for between in owner.ancestors().skip(1).take_while(|name| name.is_below(&self.name)) {
                if hashed.insert(between.clone()) {
                    types_by_hash.insert(params.hash(&between), Vec::new());
                }
            }
        }
        let nexts: Vec<Vec<u8>> =
            types_by_hash.keys().cycle().skip(1).take(types_by_hash.len()).cloned().collect();
        let mut chain = BTreeMap::new();
        for ((hash, types), next) in types_by_hash.into_iter().zip(nexts) {
            let owner = Nsec3Params::owner(&self.name, &hash)?;
            let rrset = Rrset::new(owner, RecordType::NSEC3, ttl).with(&params.nsec3_rdata(&next, &types));
            chain.insert(hash, rrset);
        }
        Ok(chain)
    }
}

impl OnlineSigner {
    fn signed(&self, mut rrset: Rrset) -> Option<Rrset> {
        sign(&self.zone, &self.keys, self.unix, &mut rrset).ok()?;
        Some(rrset)
    }
}

fn key_rrset(zone: &Zone, keys: &ZoneKeys) -> Option<Rrset> {
    let mut rrset = Rrset::new(zone.name.clone(), RecordType::DNSKEY, zone.ttl);
    for (_, key) in keys.keys.iter().filter(|(spec, _)| spec.published) {
        rrset.rdatas.push(&key.dnskey());
    }
    if rrset.rdatas.is_empty() { None } else { Some(rrset) }
}

fn sign_denial(zone: &Zone, keys: &ZoneKeys, unix: u64, mut denial: Denial) -> Result<Denial, SignError> {
    match &mut denial {
        Denial::None | Denial::Compact(_) => {}
        Denial::Nsec(chain) => chain.values_mut().try_for_each(|rrset| sign(zone, keys, unix, rrset))?,
        Denial::Nsec3(_, chain) => chain.values_mut().try_for_each(|rrset| sign(zone, keys, unix, rrset))?,
    }
    Ok(denial)
}

/// Signs an RRset with each key whose business it is, with the flaw the description wants.
fn sign(zone: &Zone, keys: &ZoneKeys, unix: u64, rrset: &mut Rrset) -> Result<(), SignError> {
    let flaw = zone.flaw_of(&rrset.name, rrset.rtype);
    let signers = keys.keys.iter().filter(|(spec, _)| {
        if rrset.rtype == RecordType::DNSKEY { spec.signs_keys } else { spec.signs_zone }
    });
    let mut made = Vec::new();
    for (_, key) in signers {
        made.extend(signature(zone, key, keys.foreign.as_ref(), flaw, unix, rrset)?);
    }
    for rdata in made {
        rrset.signatures.push(&rdata);
    }
    rrset.signatures_ttl = rrset.ttl;
    Ok(())
}

fn signature(
    zone: &Zone,
    key: &Key,
    foreign: Option<&Key>,
    flaw: Option<&Flaw>,
    unix: u64,
    rrset: &Rrset,
) -> Result<Option<Vec<u8>>, SignError> {
    let key = match (flaw, foreign) {
        (Some(Flaw::WrongKey), Some(foreign)) => foreign,
        _ => key,
    };
    let good = Validity::around(unix, DAY_SECS, zone.valid_after_secs);
    let validity = match flaw {
        Some(Flaw::Expired) => {
            Validity::around(unix.saturating_sub(u64::from(30 * DAY_SECS)), 0, 25 * DAY_SECS)
        }
        Some(Flaw::NotYetValid) => {
            Validity::around(unix.saturating_add(u64::from(5 * DAY_SECS)), 0, 25 * DAY_SECS)
        }
        Some(Flaw::TimesReversed) => Validity { inception: good.expiration, expiration: good.inception },
        _ => good,
    };
    let labels = rrset.name.label_count() - usize::from(rrset.name.is_wildcard());
    let mut fixed = RrsigFixed {
        labels: u8::try_from(labels).unwrap_or(u8::MAX),
        ttl: rrset.ttl,
        validity,
        tag: key.tag(),
    };
    let signer = match flaw {
        Some(Flaw::WrongSigner(other)) => other,
        _ => &zone.name,
    };
    match flaw {
        Some(Flaw::Stripped) => return Ok(None),
        Some(Flaw::Labels(labels)) => fixed.labels = *labels,
        _ => {}
    }
    let mut rdata = key.sign_as(signer, rrset, &fixed)?;
    if flaw == Some(&Flaw::BitFlipped) {
        rdata.last_mut().into_iter().for_each(|octet| *octet ^= 1);
    }
    Ok(Some(rdata))
}
