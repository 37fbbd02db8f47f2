//! Denial by NSEC (RFC 4034 §4, RFC 4035 §5.4, RFC 6840 §4).
//!
//! In: the NSEC RRsets of one zone. Out: which of them prove a claim.

use super::denial::{self, Claim, Denial, Finding, Stand};
use crate::dns::rdata::{Nsec, TypeBitmap};
use crate::dns::{Name, RecordType, Rrset};
use crate::limits;

/// The NSEC records of a zone that can be used.
pub(super) struct Chain<'a> {
    zone: &'a Name,
    links: Vec<Link<'a>>,
}

/// One NSEC record.
struct Link<'a> {
    index: usize,
    owner: &'a Name,
    next: Name,
    types: TypeBitmap<'a>,
}

/// The record that shows a name not to exist.
struct Cover {
    index: usize,
    /// The deepest name above it that exists.
    encloser: Name,
    /// The name is an empty non-terminal: it exists, without records (RFC 4592 §2.2.2).
    empty: bool,
}

impl<'a> Chain<'a> {
    /// Takes what is usable of `records`.
    pub(super) fn read(zone: &'a Name, records: &[&'a Rrset]) -> Self {
        let links = records
            .iter()
            .enumerate()
            .filter(|(_, rrset)| rrset.rtype == RecordType::NSEC)
            .take(limits::NSEC3_RECORDS_MAX)
            .filter_map(|(index, rrset)| {
                let nsec = Nsec::read(rrset.rdatas.only()?).ok()?;
                Some(Link { index, owner: &rrset.name, next: nsec.next, types: nsec.types })
            })
            // Both ends are in the zone (CVE-2026-13321); the chain's last record leads back to the apex, and
            // that is the signer's name, not a name that an SOA record claims (CVE-2026-123587).
            .filter(|link| link.owner.is_subdomain_of(zone) && link.next.is_subdomain_of(zone))
            .filter(|link| *link.owner < link.next || link.next == *zone)
            .collect();
        Self { zone, links }
    }

    /// How the first record stands to a name, and what comes after its owner.
    pub(super) fn stands(&self, name: &Name) -> Option<Stand> {
        let link = self.links.first()?;
        if link.owner == name { Some(Stand::Matches) } else { link.spans(name).then_some(Stand::Covers) }
    }

    /// The deepest name above `name` that the first record, which covers it, shows to exist.
    pub(super) fn encloser(&self, name: &Name) -> Option<Name> {
        self.cover(name).map(|cover| cover.encloser)
    }

    /// Next name and types of the first record.
    pub(super) fn first(&self) -> Option<(&Name, &TypeBitmap<'a>)> {
        self.links.first().map(|link| (&link.next, &link.types))
    }

    /// Searches a proof.
    pub(super) fn prove(&self, claim: Claim<'_>) -> Option<Denial> {
        match claim {
            Claim::Name(name) => self.no_name(name),
            Claim::Type(name, rtype) => self.no_type(name, rtype),
            Claim::CloserMatch { name, encloser } => self.no_closer_match(name, encloser),
            Claim::Ds(name) => self.no_ds(name),
        }
    }

    fn no_name(&self, name: &Name) -> Option<Denial> {
        if let Some(link) = self.at(name) {
            // RFC 9824 §3.1: a name that does not exist, made up to be denied.
            let absent = link.types.contains(RecordType::NXNAME);
            return absent.then(|| Denial::new(Finding::Absent, &[link.index]));
        }
        // An empty non-terminal exists: NXDOMAIN for it is false (CVE-2026-123594).
        let cover = self.cover(name).filter(|cover| !cover.empty)?;
        // RFC 4035 §5.4: nor does a wildcard exist that would have answered.
        let wildcard = self.cover(&cover.encloser.wildcard().ok()?).filter(|cover| !cover.empty)?;
        Some(Denial::new(Finding::Absent, &[cover.index, wildcard.index]))
    }

    fn no_type(&self, name: &Name, rtype: RecordType) -> Option<Denial> {
        if let Some(link) = self.at(name) {
            let finding = denial::type_finding(name, &link.types, rtype)?;
            return Some(Denial::new(finding, &[link.index]));
        }
        let cover = self.cover(name)?;
        if cover.empty {
            return Some(Denial::new(Finding::Absent, &[cover.index]));
        }
        // RFC 4035 §3.1.3.4: the wildcard that answers for the name lacks the type.
        let wildcard = cover.encloser.wildcard().ok()?;
        let Some(link) = self.at(&wildcard) else {
            // RFC 4592 §2.2.2: it may be an empty non-terminal, which lacks all types.
            let empty = self.cover(&wildcard).filter(|cover| cover.empty)?;
            return Some(Denial::new(Finding::Absent, &[cover.index, empty.index]));
        };
        let lacking = !denial::is_delegation(&link.types) && denial::lacks(&link.types, rtype);
        lacking.then(|| Denial::new(Finding::Absent, &[cover.index, link.index]))
    }

    fn no_closer_match(&self, name: &Name, encloser: &Name) -> Option<Denial> {
        let cover = self.cover(name).filter(|cover| !cover.empty)?;
        // RFC 4035 §5.3.4: a name between the wildcard's parent and this one would have kept the wildcard away.
        (cover.encloser == *encloser).then(|| Denial::new(Finding::Absent, &[cover.index]))
    }

    fn no_ds(&self, name: &Name) -> Option<Denial> {
        if let Some(link) = self.at(name) {
            let finding = denial::cut_finding(name, &link.types)?;
            return Some(Denial::new(finding, &[link.index]));
        }
        let cover = self.cover(name)?;
        Some(Denial::new(Finding::NotCut { nothing_below: !cover.empty }, &[cover.index]))
    }

    fn at(&self, name: &Name) -> Option<&Link<'a>> {
        self.links.iter().find(|link| link.owner == name)
    }

    /// The record whose span the name lies in.
    fn cover(&self, name: &Name) -> Option<Cover> {
        if !name.is_subdomain_of(self.zone) {
            return None;
        }
        let link = self.links.iter().find(|link| link.spans(name))?;
        Some(Cover {
            index: link.index,
            encloser: deeper(name.common_ancestor(link.owner), name.common_ancestor(&link.next)),
            empty: link.next.is_below(name),
        })
    }
}

/// See [`denial::source_of_synthesis`].
pub(super) fn source_of_synthesis(zone: &Name, name: &Name, rrset: &Rrset) -> Option<Name> {
    let cover = Chain::read(zone, &[rrset]).cover(name).filter(|cover| !cover.empty)?;
    cover.encloser.wildcard().ok()
}

impl Link<'_> {
    /// Whether the name lies between owner and next, and is this zone's to deny.
    fn spans(&self, name: &Name) -> bool {
        let between = if *self.owner < self.next {
            self.owner < name && *name < self.next
        } else {
            // The last record of the chain: its next name is the apex.
            self.owner < name
        };
        // RFC 6840 §4.1: the record of a zone cut or a DNAME says nothing of names below (CVE-2026-123596).
        between && !(name.is_below(self.owner) && denial::hides_below(&self.types))
    }
}

fn deeper(a: Name, b: Name) -> Name {
    if a.label_count() >= b.label_count() { a } else { b }
}
