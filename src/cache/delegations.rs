//! Zone cuts as the parents told them: where the walk starts, and raw evidence of DS for `validate`.
//!
//! In: delegations from referrals (and the root's own, from priming), each with the moment it ends. Out: the
//! deepest cut at or above a name. A cut comes from the parent's side alone; what the child says of its own
//! name servers is kept beside it and neither renews nor outlives it, so that a domain that was withdrawn
//! is gone when the parent's word ends (ghost and phoenix domains: CVE-2012-1033, CVE-2022-30698,
//! CVE-2026-40622). Beside the cuts stand names that are known to be none: a hint that saves the walk a question
//! (RFC 9156 §2.3), and harms nothing if it is outdated. And there are zones whose name servers can only be found by
//! way of themselves: their parents are not asked for them again at once (RFC 9520, tsuNAME). Nothing of this is ever served to a client.

use std::net::IpAddr;
use std::sync::Arc;

use super::shard::{Sharded, heap};
use crate::clock::Moment;
use crate::dns::delegation::{Delegation, DsEvidence, NameServer};
use crate::dns::response::Outcome;
use crate::dns::{Name, Rrset};
use crate::entropy::Entropy;
use crate::limits;

/// A zone cut and until when it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedCut {
    /// What the parent said.
    pub delegation: Delegation,
    /// When it came: the TTL of the DS evidence counts from here.
    pub stored: Moment,
    /// When it ends: never later than the parent's own cut, the root's excepted, which nobody can withdraw.
    pub expires: Moment,
    /// Name servers that only the child's own NS set names. Asked when all of the parent's fail.
    pub child_servers: Vec<Name>,
    /// The server of the parent that told of it, as long as no other was heard.
    pub told_by: Option<IpAddr>,
}

impl CachedCut {
    /// A cut with nothing from the child, for which nobody else is to be heard.
    pub fn new(delegation: Delegation, stored: Moment, expires: Moment) -> Self {
        Self { delegation, stored, expires, child_servers: Vec::new(), told_by: None }
    }

    /// The zone.
    pub fn zone(&self) -> &Name {
        &self.delegation.zone
    }

    /// The names of its servers, those that only the child names included.
    pub fn server_names(&self) -> impl Iterator<Item = &Name> {
        self.delegation.servers.iter().map(|server| &server.name).chain(&self.child_servers)
    }
}

/// Known zone cuts, bounded in octets; the least recently used goes first.
#[derive(Debug)]
pub struct Delegations {
    cuts: Sharded<Name, Arc<CachedCut>>,
    no_cuts: Sharded<Name, NoCut>,
    circles: Sharded<Name, Circle>,
}

/// What was answered at a name that is no cut.
#[derive(Debug, Clone, Copy)]
struct NoCut {
    outcome: Outcome,
    expires: Moment,
}

/// Until when a zone in a circle is left alone, and for how long that is.
#[derive(Debug, Clone, Copy)]
struct Circle {
    until: Moment,
    span_secs: u32,
}

impl Delegations {
    /// An empty cache of at most `bytes_max` octets.
    pub fn new(bytes_max: usize, entropy: &Entropy) -> Self {
        let part = bytes_max / 16;
        Self {
            cuts: Sharded::new(13 * part, entropy, |zone, cut| heap(zone.heap_len()) + cut_heap(cut)),
            no_cuts: Sharded::new(2 * part, entropy, |name, _| heap(name.heap_len())),
            circles: Sharded::new(part, entropy, |zone, _| heap(zone.heap_len())),
        }
    }

    /// The deepest cut known at or above `name`.
    pub fn deepest(&self, name: &Name, now: Moment) -> Option<Arc<CachedCut>> {
        name.ancestors().find_map(|zone| self.get(&zone, now))
    }

    /// The cut of exactly this zone.
    pub fn get(&self, zone: &Name, now: Moment) -> Option<Arc<CachedCut>> {
        self.cuts.get(zone).filter(|cut| cut.expires > now)
    }

    /// The zones of the cuts known at or above `name`, deepest first.
    pub fn cuts(&self, name: &Name, now: Moment) -> Vec<Name> {
        name.ancestors().filter_map(|zone| self.get(&zone, now)).map(|cut| cut.zone().clone()).collect()
    }

    /// Stores a cut and returns it. What the child said of the same zone is dropped with the older cut.
    pub fn insert(&self, cut: CachedCut) -> Arc<CachedCut> {
        let cut = Arc::new(cut);
        self.no_cuts.remove(cut.zone());
        self.cuts.insert(cut.zone().clone(), Arc::clone(&cut));
        cut
    }

    /// Adds the child's own name servers to a cut that is still the one they were learned under.
    pub fn add_child_servers(&self, cut: &Arc<CachedCut>, child_servers: Vec<Name>) {
        if self.cuts.remove_if(cut.zone(), |current| Arc::ptr_eq(current, cut)).is_some() {
            self.insert(CachedCut { child_servers, ..CachedCut::clone(cut) });
        }
    }

    /// Notes that another server of the parent was heard about a cut, which is still the one that it was.
    pub fn confirm(&self, cut: &Arc<CachedCut>) {
        if self.cuts.remove_if(cut.zone(), |current| Arc::ptr_eq(current, cut)).is_some() {
            self.insert(CachedCut { told_by: None, ..CachedCut::clone(cut) });
        }
    }

    /// Forgets the cut of `zone` after its servers led nowhere, so that the parent is asked again: the zone may have
    /// moved since, or the referral was forged. Not what the parent has just said, and not the root's.
    pub fn doubt(&self, zone: &Name, now: Moment) {
        if !zone.is_root() {
            self.cuts.remove_if(zone, |cut| now >= cut.stored.after_secs(limits::DOUBT_AFTER_SECS));
        }
    }

    /// Keeps that a server of the zone above answered at `name` and did not refer further down.
    pub fn insert_no_cut(&self, name: Name, outcome: Outcome, expires: Moment) {
        self.no_cuts.insert(name, NoCut { outcome, expires });
    }

    /// How a question for `name` ended, if that name is known to be no cut.
    pub fn no_cut(&self, name: &Name, now: Moment) -> Option<Outcome> {
        self.no_cuts.get(name).filter(|known| known.expires > now).map(|known| known.outcome)
    }

    /// Keeps that the name servers of `zone` can only be found by way of themselves: for five seconds, twice as long
    /// each time it is found again, at most a minute.
    pub fn insert_circle(&self, zone: &Name, now: Moment) {
        let fresh = || Circle { until: now, span_secs: 0 };
        self.circles.update(zone.clone(), fresh, |circle| {
            let recent = now < circle.until.after_secs(limits::CIRCLE_TTL_SECS_MAX);
            let doubled = if recent { circle.span_secs.saturating_mul(2) } else { 0 };
            let span_secs = doubled.clamp(limits::CIRCLE_TTL_SECS_MIN, limits::CIRCLE_TTL_SECS_MAX);
            *circle = Circle { until: now.after_secs(span_secs), span_secs };
        });
    }

    /// The zone at or above `name` that is known to be in such a circle.
    pub fn circle(&self, name: &Name, now: Moment) -> Option<Name> {
        name.ancestors().find(|zone| self.circles.get(zone).is_some_and(|circle| now < circle.until))
    }

    /// A server of the zone was found.
    pub fn remove_circle(&self, zone: &Name) {
        self.circles.remove(zone);
    }

    /// Forgets the cut of exactly this zone.
    pub fn remove(&self, zone: &Name) {
        self.cuts.remove(zone);
        self.no_cuts.remove(zone);
        self.circles.remove(zone);
    }

    /// Forgets all cuts at and below `zone`; returns how many there were. Looks at every cut.
    pub fn remove_below(&self, zone: &Name) -> usize {
        self.no_cuts.retain(|name, _| !name.is_subdomain_of(zone));
        self.circles.retain(|name, _| !name.is_subdomain_of(zone));
        self.cuts.retain(|name, _| !name.is_subdomain_of(zone))
    }

    /// How many cuts are held.
    pub fn len(&self) -> usize {
        self.cuts.len()
    }

    /// Whether no cut is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The octets held.
    pub fn bytes(&self) -> usize {
        self.cuts.bytes() + self.no_cuts.bytes() + self.circles.bytes()
    }
}

/// What a cut has allocated, its own box included.
fn cut_heap(cut: &CachedCut) -> usize {
    let delegation = &cut.delegation;
    let servers = heap(size_of_val(delegation.servers.as_slice()));
    let each: usize = delegation.servers.iter().map(server_heap).sum();
    let ds = match &delegation.ds {
        DsEvidence::Absent => 0,
        DsEvidence::Present(set) => rrset_heap(set),
        DsEvidence::Denied(sets) => {
            heap(size_of_val(sets.as_slice())) + sets.iter().map(rrset_heap).sum::<usize>()
        }
    };
    let child = heap(size_of_val(cut.child_servers.as_slice()));
    let child_names: usize = cut.child_servers.iter().map(|name| heap(name.heap_len())).sum();
    let zones = heap(delegation.zone.heap_len()) + heap(delegation.parent.heap_len());
    heap(size_of::<CachedCut>() + 2 * size_of::<usize>()) + zones + servers + each + ds + child + child_names
}

fn server_heap(server: &NameServer) -> usize {
    heap(server.name.heap_len()) + heap(server.glue.len() * size_of::<IpAddr>())
}

/// What an RRset has allocated.
pub(super) fn rrset_heap(set: &Rrset) -> usize {
    heap(set.name.heap_len()) + heap(set.rdatas.byte_len()) + heap(set.signatures.byte_len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn cut(zone: &str, expires: u64) -> CachedCut {
        let server = NameServer { name: name("ns1.example."), glue: vec!["192.0.2.1".parse().unwrap()] };
        let delegation = Delegation {
            zone: name(zone),
            parent: Name::root(),
            servers: vec![server],
            ds: DsEvidence::Absent,
            ttl: 60,
        };
        CachedCut::new(delegation, Moment(0), Moment(expires))
    }

    #[test]
    fn the_deepest_living_cut_is_found() {
        let cache = Delegations::new(1 << 20, &Entropy::seeded(1));
        cache.insert(cut(".", 100));
        cache.insert(cut("example.", 100));
        cache.insert(cut("a.example.", 50));
        let deepest =
            |moment| cache.deepest(&name("x.A.example."), Moment(moment)).map(|cut| cut.zone().clone());
        assert_eq!(deepest(0), Some(name("a.example.")));
        assert_eq!(deepest(50), Some(name("example.")));
        assert_eq!(cache.cuts(&name("x.example."), Moment(0)), [name("example."), Name::root()]);
        assert_eq!(deepest(100), None);
    }

    #[test]
    fn a_cut_is_doubted_when_it_is_a_minute_old() {
        let cache = Delegations::new(1 << 20, &Entropy::seeded(1));
        let later = Moment(0).after_secs(limits::DOUBT_AFTER_SECS);
        cache.insert(cut("example.", u64::MAX));
        cache.insert(cut(".", u64::MAX));
        cache.doubt(&name("example."), Moment(later.0 - 1));
        assert!(cache.get(&name("example."), later).is_some());
        cache.doubt(&name("example."), later);
        cache.doubt(&Name::root(), later);
        assert_eq!(cache.cuts(&name("example."), later), [Name::root()]);
    }

    #[test]
    fn the_octets_held_stay_within_the_bound() {
        let cache = Delegations::new(64 << 10, &Entropy::seeded(1));
        for i in 0..2_000 {
            cache.insert(cut(&format!("z{i}.example."), 100));
            assert!(cache.bytes() <= 64 << 10);
        }
        let len = cache.len();
        assert!(len > 50, "{len}");
        assert_eq!(cache.remove_below(&name("example.")), len);
        assert!(cache.is_empty());
    }

    #[test]
    fn a_name_is_no_cut_until_it_becomes_one() {
        let cache = Delegations::new(1 << 20, &Entropy::seeded(1));
        cache.insert_no_cut(name("a.example."), Outcome::NoData, Moment(50));
        assert_eq!(cache.no_cut(&name("A.example."), Moment(49)), Some(Outcome::NoData));
        assert_eq!(cache.no_cut(&name("a.example."), Moment(50)), None);
        cache.insert(cut("a.example.", 100));
        assert_eq!(cache.no_cut(&name("a.example."), Moment(0)), None);
    }

    #[test]
    fn a_zone_in_a_circle_is_left_alone_longer_each_time_up_to_a_minute() {
        let cache = Delegations::new(1 << 20, &Entropy::seeded(1));
        let zone = name("example.");
        let left_alone_secs = |now: Moment| {
            cache.insert_circle(&zone, now);
            (0..1_000)
                .find(|secs| cache.circle(&name("x.Example."), now.after_secs(*secs)).is_none())
                .unwrap()
        };
        let mut now = Moment(0);
        let mut spans = Vec::new();
        for _ in 0..6 {
            let secs = left_alone_secs(now);
            spans.push(secs);
            now = now.after_secs(secs);
        }
        assert_eq!(spans, [5, 10, 20, 40, 60, 60]);
        assert_eq!(left_alone_secs(now.after_secs(60)), 5, "it was quiet for as long as it is remembered");
        cache.remove_circle(&zone);
        assert_eq!(cache.circle(&zone, now), None);
        assert_eq!(left_alone_secs(now), 5);
    }

    #[test]
    fn a_flood_of_circles_stays_within_the_bound() {
        let cache = Delegations::new(64 << 10, &Entropy::seeded(1));
        for i in 0..2_000 {
            cache.insert_circle(&name(&format!("z{i}.example.")), Moment(0));
            assert!(cache.bytes() <= 64 << 10);
        }
        assert!(cache.circle(&name("a.z1999.example."), Moment(0)).is_some());
        cache.remove_below(&name("example."));
        assert_eq!(cache.circle(&name("z1999.example."), Moment(0)), None);
    }

    #[test]
    fn a_cut_that_came_anew_drops_what_the_child_said_before() {
        let cache = Delegations::new(1 << 20, &Entropy::seeded(1));
        let old = cache.insert(cut("example.", 100));
        cache.add_child_servers(&old, vec![name("child.example.")]);
        assert_eq!(cache.get(&name("example."), Moment(0)).unwrap().child_servers, [name("child.example.")]);
        assert_eq!(cache.get(&name("example."), Moment(0)).unwrap().expires, Moment(100));
        cache.insert(cut("example.", 200));
        cache.add_child_servers(&old, vec![name("child.example.")]);
        assert!(cache.get(&name("example."), Moment(0)).unwrap().child_servers.is_empty());
    }
}
