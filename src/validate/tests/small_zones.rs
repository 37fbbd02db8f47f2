//! Small zones of all kinds: what some of a zone's NSEC or NSEC3 records prove is true, and what is true all of them
//! prove. Each run looks at every few hundredth zone; the environment's `SMALL_ZONES_STEP=1` makes it look at all of them.
//!
//! The truth comes from a model that knows nothing of hashes and spans: which names a zone has, and what RFC 1034 §4.3.2,
//! RFC 4592 and RFC 6672 make of them. RFC 4035 §5.4, RFC 5155 §8, RFC 6840 §4.

use super::super::Insecurity;
use super::super::denial::{Claim, Finding};
use super::super::nsec::Chain;
use super::super::nsec3::{HashedChain, Hashes};
use super::*;

/// The names that a zone may have, below its apex.
const NAMES: [&str; 8] = ["a", "b", "*", "a.a", "b.a", "*.a", "a.*", "a.b.a"];
/// Names that are asked for besides.
const OTHERS: [&str; 6] = ["", "0", "c", "c.a", "c.b.a", "c.c"];
const TYPES: [RecordType; 3] = [RecordType::A, RecordType::DS, RecordType::CNAME];

/// What stands at a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    Data,
    Alias,
    Dname,
    Cut,
    SignedCut,
}

const NODES: [Node; 5] = [Node::Data, Node::Alias, Node::Dname, Node::Cut, Node::SignedCut];

impl Node {
    fn types(self) -> &'static [RecordType] {
        match self {
            Self::Data => &[RecordType::A],
            Self::Alias => &[RecordType::CNAME],
            Self::Dname => &[RecordType::DNAME],
            Self::Cut => &[RecordType::NS],
            Self::SignedCut => &[RecordType::NS, RecordType::DS],
        }
    }

    fn is_cut(self) -> bool {
        matches!(self, Self::Cut | Self::SignedCut)
    }
}

/// A zone: its apex, what the apex has besides SOA and NS, and the names below it.
#[derive(Debug, Clone)]
struct Zone {
    apex: Name,
    besides: Option<Node>,
    nodes: BTreeMap<Name, Node>,
}

impl Zone {
    /// The types at a name; none if nothing stands there.
    fn types(&self, name: &Name) -> Option<Vec<RecordType>> {
        if *name == self.apex {
            let besides = self.besides.map_or(&[][..], Node::types);
            return Some([&[RecordType::SOA, RecordType::NS], besides].concat());
        }
        self.nodes.get(name).map(|node| node.types().to_vec())
    }

    fn node(&self, name: &Name) -> Option<Node> {
        if *name == self.apex { self.besides } else { self.nodes.get(name).copied() }
    }

    /// Below a zone cut or a DNAME: not this zone's to tell of.
    fn is_hidden(&self, name: &Name) -> bool {
        let above = name.ancestors().skip(1).take_while(|above| above.is_subdomain_of(&self.apex));
        above
            .into_iter()
            .any(|above| self.node(&above).is_some_and(|node| node.is_cut() || node == Node::Dname))
    }

    /// The names that have records of this zone.
    fn owners(&self) -> Vec<Name> {
        let below = self.nodes.keys().filter(|name| !self.is_hidden(name)).cloned();
        std::iter::once(self.apex.clone()).chain(below).collect()
    }

    /// Whether the name exists, be it without records (RFC 4592 §2.2.2).
    fn has(&self, name: &Name) -> bool {
        self.owners().iter().any(|owner| owner.is_subdomain_of(name))
    }

    fn closest_encloser(&self, name: &Name) -> Name {
        name.ancestors().into_iter().find(|above| self.has(above)).unwrap()
    }

    /// What is true of a claim.
    fn truth(&self, claim: Claim<'_>) -> Option<Finding> {
        if self.is_hidden(claim.name()) {
            return None;
        }
        let found = match claim {
            Claim::Name(name) => !self.has(name) && !self.has(&self.source(name)),
            Claim::Type(name, rtype) => {
                let source = if self.has(name) { name.clone() } else { self.source(name) };
                let types = self.types(&source).unwrap_or_default();
                let is_cut = self.node(&source).is_some_and(Node::is_cut) && source != self.apex;
                // A wildcard makes no zone cut whose DS the zone could deny.
                let refers = is_cut && (rtype != RecordType::DS || source != *name);
                self.has(&source) && !refers && !types.contains(&rtype) && !types.contains(&RecordType::CNAME)
            }
            Claim::CloserMatch { name, encloser } => !self.has(&name.suffix(encloser.label_count() + 1)),
            Claim::Ds(name) => {
                let cut = match self.node(name) {
                    Some(Node::SignedCut) => return None,
                    Some(Node::Cut) => Finding::Delegation,
                    _ => Finding::NotCut { nothing_below: !self.has(name) },
                };
                return Some(cut);
            }
        };
        found.then_some(Finding::Absent)
    }

    /// The wildcard that would answer for a name that does not exist.
    fn source(&self, name: &Name) -> Name {
        self.closest_encloser(name).wildcard().unwrap()
    }

    /// The same zone as its opt-out chain shows it: without insecure delegations (RFC 5155 §6).
    fn without_insecure_cuts(&self) -> Self {
        let mut signed = self.clone();
        let hidden: Vec<Name> = self.nodes.keys().filter(|name| self.is_hidden(name)).cloned().collect();
        signed.nodes.retain(|name, node| *node != Node::Cut && !hidden.contains(name));
        signed
    }

    /// What may be found by opt-out records: where they show nothing there may be an insecure delegation.
    fn opted_out(&self, claim: Claim<'_>) -> Option<Finding> {
        let shows = match claim {
            Claim::CloserMatch { name, encloser } => self.has(&name.suffix(encloser.label_count() + 1)),
            _ => self.has(claim.name()),
        };
        let truth = self.truth(claim);
        if shows {
            return truth;
        }
        let uncertain = match claim {
            // Nothing but that there is no wildcard with it: a delegation has no A, and perhaps no DS.
            Claim::Type(name, _) => {
                !self.is_hidden(name) && (truth.is_some() || !self.has(&self.source(name)))
            }
            _ => truth.is_some(),
        };
        uncertain.then_some(Finding::Insecure(Insecurity::OptOut))
    }

    /// The zone's NSEC chain.
    fn nsec(&self) -> Vec<Rrset> {
        let owners = self.owners();
        let nexts = owners.iter().skip(1).chain(owners.first());
        let record = |(owner, next): (&Name, &Name)| {
            let own = [RecordType::RRSIG, RecordType::NSEC];
            let types = [&self.types(owner).unwrap()[..], &own].concat();
            Rrset::new(owner.clone(), RecordType::NSEC, 60).with(&nsec_rdata(next, &types))
        };
        owners.iter().zip(nexts).map(record).collect()
    }

    /// The zone's NSEC3 chain, with records for names that exist without records (RFC 5155 §7.1).
    fn nsec3(&self, params: &Nsec3Params) -> Vec<Rrset> {
        let mut names: Vec<Name> = self.owners().iter().flat_map(Name::ancestors).collect();
        names.retain(|name| name.is_subdomain_of(&self.apex));
        let hashed: BTreeMap<Vec<u8>, Name> =
            names.into_iter().map(|name| (params.hash(&name), name)).collect();
        let nexts = hashed.keys().skip(1).chain(hashed.keys().next());
        let record = |((hash, name), next): ((&Vec<u8>, &Name), &Vec<u8>)| {
            let mut types = self.types(name).unwrap_or_default();
            if types.first().is_some_and(|_| self.node(name) != Some(Node::Cut)) {
                types.push(RecordType::RRSIG);
            }
            let owner = Nsec3Params::owner(&self.apex, hash).unwrap();
            Rrset::new(owner, RecordType::NSEC3, 60).with(&params.nsec3_rdata(next, &types))
        };
        hashed.iter().zip(nexts).map(record).collect()
    }
}

/// The zones of at most so many names below the apex, each with one of [`NODES`].
fn zones(apex: &Name, most: usize) -> Vec<Zone> {
    let mut all = Vec::new();
    for besides in [None, Some(Node::Data), Some(Node::Dname)] {
        let mut grown = vec![(0, Zone { apex: apex.clone(), besides, nodes: BTreeMap::new() })];
        for _ in 0..most {
            let mut more = Vec::new();
            for (from, zone) in &grown {
                for (place, text) in NAMES.iter().enumerate().skip(*from) {
                    for node in NODES {
                        let mut zone = zone.clone();
                        zone.nodes.insert(below(apex, text), node);
                        more.push((place + 1, zone));
                    }
                }
            }
            all.extend(std::mem::replace(&mut grown, more).into_iter().map(|(_, zone)| zone));
        }
        all.extend(grown.into_iter().map(|(_, zone)| zone));
    }
    all
}

/// A name below the apex; the apex itself if it is empty.
fn below(apex: &Name, text: &str) -> Name {
    text.rsplit('.')
        .filter(|label| !label.is_empty())
        .fold(apex.clone(), |above, label| above.prepend(label.as_bytes()).unwrap())
}

/// What is claimed of a name.
fn claims<'n>(zone: &Zone, name: &'n Name, enclosers: &'n [Name]) -> Vec<Claim<'n>> {
    let mut claims = vec![Claim::Name(name)];
    // A zone has no say in its own DS.
    let types = TYPES.iter().filter(|rtype| **rtype != RecordType::DS || *name != zone.apex);
    claims.extend(types.map(|rtype| Claim::Type(name, *rtype)));
    claims.extend((*name != zone.apex).then_some(Claim::Ds(name)));
    // Asked only where a signed wildcard came.
    let answered = |encloser: &&Name| {
        let wildcard = encloser.wildcard().unwrap();
        name.is_below(encloser) && zone.types(&wildcard).is_some() && !zone.is_hidden(&wildcard)
    };
    claims.extend(enclosers.iter().filter(answered).map(|encloser| Claim::CloserMatch { name, encloser }));
    claims
}

/// The nearest wildcard is what answers: by another one nobody honest does.
fn is_honest(zone: &Zone, claim: Claim<'_>) -> bool {
    match claim {
        Claim::CloserMatch { name, encloser } => zone.closest_encloser(name) == *encloser,
        _ => true,
    }
}

/// Which records a zone has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Records {
    Nsec,
    Nsec3,
    OptOut,
}

/// What is true of a claim, and what else a part of the records may show.
struct Truth {
    whole: Option<Finding>,
    part: Option<Finding>,
}

impl Records {
    fn of(self, zone: &Zone) -> Vec<Rrset> {
        match self {
            Self::Nsec => zone.nsec(),
            Self::Nsec3 => zone.nsec3(&Nsec3Params::default()),
            Self::OptOut => zone.nsec3(&Nsec3Params { opt_out: true, ..Nsec3Params::default() }),
        }
    }

    fn truth(self, zone: &Zone, claim: Claim<'_>) -> Truth {
        if self != Self::OptOut {
            return Truth { whole: zone.truth(claim), part: None };
        }
        let part = match claim {
            // Whoever leaves out a wildcard could as well make up a delegation.
            Claim::Type(name, _) if !zone.has(name) && !zone.is_hidden(name) => {
                Some(Finding::Insecure(Insecurity::OptOut))
            }
            _ => None,
        };
        Truth { whole: zone.opted_out(claim), part }
    }

    /// What these records prove of each claim; hashes are computed once.
    fn find(
        self,
        zone: &Zone,
        records: &[&Rrset],
        claims: &[Claim<'_>],
        hashes: &mut Hashes,
    ) -> Vec<Option<Finding>> {
        if self == Self::Nsec {
            let chain = Chain::read(&zone.apex, records);
            return claims.iter().map(|claim| chain.prove(*claim).map(|denial| denial.finding)).collect();
        }
        let budget = Budget::new(Caps::default(), Moment(0));
        let Some(mut chain) = HashedChain::read(&zone.apex, records, hashes, &budget) else {
            return vec![None; claims.len()];
        };
        claims.iter().map(|claim| chain.prove(*claim).unwrap().map(|denial| denial.finding)).collect()
    }

    /// Each claim about every `step`-th zone, by each part of its records.
    fn compare(self, step: usize) {
        let (mut proven, mut refused, mut hashes) = (0_u32, 0_u32, Hashes::new());
        for apex in [Name::root(), name("z.")] {
            let names: Vec<Name> = NAMES.iter().chain(&OTHERS).map(|text| below(&apex, text)).collect();
            for zone in zones(&apex, 3).iter().step_by(step) {
                let zone = if self == Self::OptOut { &zone.without_insecure_cuts() } else { zone };
                let claims: Vec<Claim<'_>> =
                    names.iter().flat_map(|name| claims(zone, name, &names)).collect();
                let truths: Vec<Truth> = claims.iter().map(|claim| self.truth(zone, *claim)).collect();
                let records = self.of(zone);
                let whole = (1_usize << records.len()) - 1;
                for part in (0..=whole).rev() {
                    let some = records.iter().enumerate().filter(|(at, _)| part >> at & 1 == 1);
                    let some: Vec<&Rrset> = some.map(|(_, record)| record).collect();
                    let found = self.find(zone, &some, &claims, &mut hashes);
                    for ((claim, truth), found) in claims.iter().zip(&truths).zip(found) {
                        let sound = found.is_none() || [truth.whole, truth.part].contains(&found);
                        assert!(sound, "{claim:?}, {found:?} is false of {zone:#?} by {some:#?}");
                        let complete = part != whole || found == truth.whole || !is_honest(zone, *claim);
                        assert!(complete, "{claim:?}, {:?} is not proven of {zone:#?}", truth.whole);
                        *if found.is_some() { &mut proven } else { &mut refused } += 1;
                    }
                }
            }
        }
        println!("{proven} proofs, {refused} that were none");
        assert!(proven > 5_000 && refused > 20_000, "{proven} {refused}");
    }
}

#[test]
fn what_nsec_records_of_a_small_zone_prove_is_true_and_what_is_true_they_prove() {
    Records::Nsec.compare(step(211));
}

#[test]
fn what_nsec3_records_of_a_small_zone_prove_is_true_and_what_is_true_they_prove() {
    Records::Nsec3.compare(step(1_009));
}

#[test]
fn with_opt_out_nothing_is_proven_that_an_insecure_delegation_may_change() {
    Records::OptOut.compare(step(1_009));
}

/// Each which zone is looked at, unless the environment says otherwise.
fn step(of: usize) -> usize {
    std::env::var("SMALL_ZONES_STEP").ok().and_then(|text| text.parse().ok()).unwrap_or(of)
}
