//! Denial by NSEC3 (RFC 5155 §8, RFC 9276).
//!
//! In: the NSEC3 RRsets of one zone. Out: which of them prove a claim. Each hash is charged by the SHA-1 blocks
//! it takes (CVE-2023-50868), and is computed once in a proof.

use std::collections::BTreeMap;

use ring::digest;

use super::Insecurity;
use super::denial::{self, Claim, Denial, Finding, Stand};
use crate::budget::Budget;
use crate::dns::base::from_base32;
use crate::dns::rdata::{Nsec3, TypeBitmap};
use crate::dns::{Name, RecordType, Rrset};
use crate::limits::{self, Limit, Reached};

/// The hash of a name: SHA-1, the only one there is (RFC 5155 §11).
type Hash = [u8; 20];

/// Hashes that were computed already, by salt and iterations.
#[derive(Debug, Clone, Default)]
pub struct Hashes {
    known: BTreeMap<(u16, Vec<u8>), BTreeMap<Name, Hash>>,
    blocks: u64,
}

impl Hashes {
    /// None known.
    pub fn new() -> Self {
        Self::default()
    }

    /// The SHA-1 blocks that computing them took.
    pub fn blocks(&self) -> u64 {
        self.blocks
    }

    /// RFC 5155 §5: H(H(… H(name ‖ salt) ‖ salt …) ‖ salt).
    ///
    /// # Errors
    /// The limit, when `budget` is used up.
    pub fn hash(
        &mut self,
        name: &Name,
        iterations: u16,
        salt: &[u8],
        budget: &Budget,
    ) -> Result<Hash, Reached> {
        let known = self.known.entry((iterations, salt.to_vec())).or_default();
        if let Some(hash) = known.get(name) {
            return Ok(*hash);
        }
        let cost = price(name.len(), iterations, salt.len());
        budget.spend(Limit::Nsec3Hashes, cost)?;
        self.blocks = self.blocks.saturating_add(u64::from(cost));
        let mut hash = sha1(name.to_lowercase().as_wire(), salt);
        for _ in 0..iterations {
            hash = sha1(&hash, salt);
        }
        known.insert(name.clone(), hash);
        Ok(hash)
    }
}

/// What the hash of a name of so many octets costs, in blocks of SHA-1 ([`Limit::Nsec3Hashes`]).
pub fn price(name_len: usize, iterations: u16, salt_len: usize) -> u32 {
    let again = blocks(20 + salt_len).saturating_mul(u32::from(iterations));
    blocks(name_len + salt_len).saturating_add(again)
}

/// The NSEC3 records of a zone that can be used, all of the same parameters.
pub(super) struct HashedChain<'a> {
    zone: &'a Name,
    links: Vec<Link<'a>>,
    iterations: u16,
    salt: &'a [u8],
    hashes: &'a mut Hashes,
    budget: &'a Budget,
}

/// One NSEC3 record.
struct Link<'a> {
    index: usize,
    hash: Hash,
    next: Hash,
    opt_out: bool,
    iterations: u16,
    salt: &'a [u8],
    types: TypeBitmap<'a>,
}

/// A closest encloser proof (RFC 5155 §8.3).
struct Encloser {
    /// The deepest name that exists.
    name: Name,
    /// The record that matches it.
    matching: usize,
    /// The record that covers the name one label longer.
    covering: usize,
    /// That record's span may hold insecure delegations.
    opt_out: bool,
}

impl Encloser {
    fn finding(&self, finding: Finding) -> Finding {
        // RFC 5155 §9.2: with opt-out in the way nothing below is certain.
        if self.opt_out { Finding::Insecure(Insecurity::OptOut) } else { finding }
    }

    fn denial(&self, finding: Finding, more: &[usize]) -> Denial {
        let used = [&[self.matching, self.covering], more].concat();
        Denial::new(self.finding(finding), &used)
    }
}

impl<'a> HashedChain<'a> {
    /// Takes what is usable of `records`; none if nothing is.
    pub(super) fn read(
        zone: &'a Name,
        records: &[&'a Rrset],
        hashes: &'a mut Hashes,
        budget: &'a Budget,
    ) -> Option<Self> {
        let mut links: Vec<Link<'a>> = records
            .iter()
            .enumerate()
            .filter(|(_, rrset)| rrset.rtype == RecordType::NSEC3)
            .take(limits::NSEC3_RECORDS_MAX)
            .filter_map(|(index, rrset)| Link::read(zone, index, rrset))
            .collect();
        let first = links.first()?;
        let (iterations, salt) = (first.iterations, first.salt);
        // RFC 5155 §8.2: records of other parameters belong to another chain.
        links.retain(|link| link.iterations == iterations && link.salt == salt);
        Some(Self { zone, links, iterations, salt, hashes, budget })
    }

    /// Searches a proof.
    pub(super) fn prove(&mut self, claim: Claim<'_>) -> Result<Option<Denial>, Reached> {
        if self.iterations > limits::NSEC3_ITERATIONS_MAX {
            // RFC 9276 §3.2: insecure, and not one hash is computed for it (CVE-2026-1519).
            let finding = Finding::Insecure(Insecurity::Iterations(self.iterations));
            return Ok(self.links.first().map(|link| Denial::new(finding, &[link.index])));
        }
        match claim {
            Claim::Name(name) => self.no_name(name),
            Claim::Type(name, rtype) => self.no_type(name, rtype),
            Claim::CloserMatch { name, encloser } => self.no_closer_match(name, encloser),
            Claim::Ds(name) => self.no_ds(name),
        }
    }

    /// RFC 5155 §8.4.
    fn no_name(&mut self, name: &Name) -> Result<Option<Denial>, Reached> {
        let Some(encloser) = self.encloser(name)? else { return Ok(None) };
        let Ok(wildcard) = encloser.name.wildcard() else { return Ok(None) };
        let Some(covering) = self.covering(&wildcard)?.map(|link| link.index) else { return Ok(None) };
        Ok(Some(encloser.denial(Finding::Absent, &[covering])))
    }

    /// RFC 5155 §8.5, §8.6, §8.7.
    fn no_type(&mut self, name: &Name, rtype: RecordType) -> Result<Option<Denial>, Reached> {
        if let Some(link) = self.matching(name)? {
            let finding = denial::type_finding(name, &link.types, rtype);
            return Ok(finding.map(|finding| Denial::new(finding, &[link.index])));
        }
        let Some(encloser) = self.encloser(name)? else { return Ok(None) };
        let Ok(wildcard) = encloser.name.wildcard() else { return Ok(None) };
        if let Some(link) = self.matching(&wildcard)? {
            let lacking = !denial::is_delegation(&link.types) && denial::lacks(&link.types, rtype);
            let used = [link.index];
            return Ok(lacking.then(|| encloser.denial(Finding::Absent, &used)));
        }
        // RFC 5155 §8.6, and for an empty non-terminal above nothing but insecure delegations any type.
        Ok(encloser.opt_out.then(|| encloser.denial(Finding::Absent, &[])))
    }

    /// RFC 5155 §8.8.
    fn no_closer_match(&mut self, name: &Name, encloser: &Name) -> Result<Option<Denial>, Reached> {
        if !name.is_below(encloser) || !encloser.is_subdomain_of(self.zone) {
            return Ok(None);
        }
        let next_closer = name.suffix(encloser.label_count() + 1);
        let covering = self.covering(&next_closer)?;
        Ok(covering.map(|link| {
            let finding = if link.opt_out { Finding::Insecure(Insecurity::OptOut) } else { Finding::Absent };
            Denial::new(finding, &[link.index])
        }))
    }

    /// RFC 5155 §8.6, §8.9.
    fn no_ds(&mut self, name: &Name) -> Result<Option<Denial>, Reached> {
        if let Some(link) = self.matching(name)? {
            let finding = denial::cut_finding(name, &link.types);
            return Ok(finding.map(|finding| Denial::new(finding, &[link.index])));
        }
        let encloser = self.encloser(name)?;
        Ok(encloser.map(|encloser| encloser.denial(Finding::NotCut { nothing_below: true }, &[])))
    }

    /// The closest encloser proof for a name that has no record (RFC 5155 §8.3): the one ancestor that has a record
    /// while the name one label longer has none. It is looked for from the apex down, so that the depth of the
    /// zone counts and not the length of the name that somebody asked for.
    fn encloser(&mut self, name: &Name) -> Result<Option<Encloser>, Reached> {
        for labels in self.zone.label_count()..name.label_count() {
            let ancestor = name.suffix(labels);
            let Some(link) = self.matching(&ancestor)? else { continue };
            // RFC 5155 §8.3: what is below a zone cut or a DNAME is not denied by this zone.
            if denial::hides_below(&link.types) {
                return Ok(None);
            }
            let matching = link.index;
            if let Some(link) = self.covering(&name.suffix(labels + 1))? {
                let (covering, opt_out) = (link.index, link.opt_out);
                return Ok(Some(Encloser { name: ancestor, matching, covering, opt_out }));
            }
        }
        Ok(None)
    }

    fn matching(&mut self, name: &Name) -> Result<Option<&Link<'a>>, Reached> {
        let hash = self.hash(name)?;
        Ok(self.links.iter().find(|link| link.hash == hash))
    }

    fn covering(&mut self, name: &Name) -> Result<Option<&Link<'a>>, Reached> {
        let hash = self.hash(name)?;
        Ok(self.links.iter().find(|link| link.covers(&hash)))
    }

    fn hash(&mut self, name: &Name) -> Result<Hash, Reached> {
        self.hashes.hash(name, self.iterations, self.salt, self.budget)
    }
}

/// An NSEC3 record that was part of a proof, and what it shows of names whose hashes were computed for it.
pub(super) struct Shown<'a> {
    link: Link<'a>,
    hashes: Option<&'a BTreeMap<Name, Hash>>,
}

impl<'a> Shown<'a> {
    pub(super) fn read(zone: &Name, record: &'a Rrset, hashes: &'a Hashes) -> Option<Self> {
        let link = Link::read(zone, 0, record)?;
        let hashes = hashes.known.get(&(link.iterations, link.salt.to_vec()));
        Some(Self { link, hashes })
    }

    /// How it stands to a name; none also where the name's hash was not needed.
    pub(super) fn stands(&self, name: &Name) -> Option<Stand> {
        let hash = self.hashes?.get(name)?;
        if self.link.hash == *hash {
            Some(Stand::Matches)
        } else {
            self.link.covers(hash).then_some(Stand::Covers)
        }
    }

    pub(super) fn opt_out(&self) -> bool {
        self.link.opt_out
    }

    pub(super) fn types(&self) -> &TypeBitmap<'a> {
        &self.link.types
    }
}

/// How many blocks SHA-1 works through for an input of so many octets.
fn blocks(octets: usize) -> u32 {
    // FIPS 180-4 §5.1.1: one octet and an eight-octet length are added.
    u32::try_from((octets + 9).div_ceil(64)).unwrap_or(u32::MAX)
}

fn sha1(octets: &[u8], salt: &[u8]) -> Hash {
    let mut context = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    context.update(octets);
    context.update(salt);
    let mut hash = [0; 20];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

impl<'a> Link<'a> {
    fn read(zone: &Name, index: usize, rrset: &'a Rrset) -> Option<Self> {
        let nsec3 = Nsec3::read(rrset.rdatas.only()?).ok()?;
        // RFC 5155 §8.1, §8.2: unknown hash algorithms and flags are passed over.
        if nsec3.hash_algorithm != 1 || nsec3.flags & !1 != 0 {
            return None;
        }
        // The record stands directly below the zone that signed it: a child's says nothing of the parent, nor
        // the other way round (CVE-2026-10723, CVE-2026-123580).
        if rrset.name.parent()? != *zone {
            return None;
        }
        Some(Self {
            index,
            hash: from_base32(rrset.name.labels().next()?)?,
            next: nsec3.next_hash.try_into().ok()?,
            opt_out: nsec3.flags & 1 != 0,
            iterations: nsec3.iterations,
            salt: nsec3.salt,
            types: nsec3.types,
        })
    }

    /// RFC 5155 §8.3: strictly between, around the end of the circle for its last record.
    fn covers(&self, hash: &Hash) -> bool {
        if self.hash < self.next {
            self.hash < *hash && *hash < self.next
        } else {
            // The last record; a lone one covers all but itself (CVE-2026-123601).
            self.hash < *hash || *hash < self.next
        }
    }
}
