//! Zone cuts as the parents told them: where the walk starts, and raw evidence of DS for `validate`.
//!
//! In: delegations from referrals (and the root's own, from priming), each with the moment it ends. Out: the
//! deepest cut at or above a name. A cut comes from the parent's side alone; what the child says of its own
//! name servers is kept beside it and neither renews nor outlives it, so that a domain that was withdrawn
//! is gone when the parent's word ends (ghost and phoenix domains: CVE-2012-1033, CVE-2022-30698,
//! CVE-2026-40622). Cuts are kept packed and read anew each time, but for those of the root and below it, where most
//! walks begin. Beside the cuts stand names that are known to be none: a hint that saves the walk a question
//! (RFC 9156 §2.3), and harms nothing if it is outdated. And there are zones whose name servers can only be found by
//! way of themselves: their parents are not asked for them again at once (RFC 9520, tsuNAME). Nothing of this is ever served to a client.

use std::net::IpAddr;
use std::sync::Arc;

use super::keys::{Depths, Key};
use super::shard::{Sharded, heap};
use crate::clock::Moment;
use crate::dns::delegation::{Delegation, DsEvidence, NameServer};
use crate::dns::packed::{Packer, Unpacker};
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
    cuts: Sharded<Box<[u8]>, Held>,
    cut_depths: Depths,
    no_cuts: Sharded<Box<[u8]>, NoCut>,
    circles: Sharded<Box<[u8]>, Circle>,
    circle_depths: Depths,
}

/// A cut as it is kept.
#[derive(Debug, Clone)]
enum Held {
    /// As [`pack`] makes it.
    Packed(Arc<[u8]>),
    /// Ready for use.
    Open(Arc<CachedCut>),
}

impl Held {
    fn new(cut: &Arc<CachedCut>) -> Self {
        if cut.zone().label_count() <= limits::OPEN_CUT_LABELS_MAX {
            return Self::Open(Arc::clone(cut));
        }
        Self::Packed(pack(cut).into())
    }

    fn expires(&self) -> Moment {
        match self {
            Self::Packed(octets) => Moment(Unpacker::new(octets).u64().unwrap_or(0)),
            Self::Open(cut) => cut.expires,
        }
    }

    fn stored(&self) -> Moment {
        match self {
            Self::Packed(octets) => {
                let mut unpacker = Unpacker::new(octets);
                unpacker.u64();
                Moment(unpacker.u64().unwrap_or(0))
            }
            Self::Open(cut) => cut.stored,
        }
    }

    fn open(&self) -> Option<Arc<CachedCut>> {
        match self {
            Self::Packed(octets) => unpack(octets).map(Arc::new),
            Self::Open(cut) => Some(Arc::clone(cut)),
        }
    }

    fn is(&self, cut: &CachedCut) -> bool {
        match self {
            Self::Packed(octets) => **octets == *pack(cut),
            Self::Open(held) => **held == *cut,
        }
    }
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
            cuts: Sharded::new(13 * part, entropy, |zone, held| heap(zone.len()) + held_heap(held)),
            cut_depths: Depths::default(),
            no_cuts: Sharded::new(2 * part, entropy, |name, _| heap(name.len())),
            circles: Sharded::new(part, entropy, |zone, _| heap(zone.len())),
            circle_depths: Depths::default(),
        }
    }

    /// The deepest cut known at or above `name`.
    pub fn deepest(&self, name: &Name, now: Moment) -> Option<Arc<CachedCut>> {
        let key = Key::of(name);
        self.held_above(&key, now).find_map(|(_, held)| held.open())
    }

    /// The number of labels of the deepest cut known at or above `name`.
    pub fn deepest_labels(&self, name: &Name, now: Moment) -> Option<usize> {
        let key = Key::of(name);
        self.held_above(&key, now).next().map(|(labels, _)| labels)
    }

    /// The cut of exactly this zone.
    pub fn get(&self, zone: &Name, now: Moment) -> Option<Arc<CachedCut>> {
        self.cuts.get(Key::of(zone).as_slice()).filter(|held| held.expires() > now)?.open()
    }

    /// The zones of the cuts known at or above `name`, deepest first.
    pub fn cuts(&self, name: &Name, now: Moment) -> Vec<Name> {
        let key = Key::of(name);
        self.held_above(&key, now).map(|(labels, _)| name.suffix(labels)).collect()
    }

    fn held_above<'k>(&'k self, key: &'k Key, now: Moment) -> impl Iterator<Item = (usize, Held)> + 'k {
        key.ancestors().filter(|(labels, _)| self.cut_depths.has(*labels)).filter_map(
            move |(labels, zone)| {
                let held = self.cuts.get(zone).filter(|held| held.expires() > now)?;
                Some((labels, held))
            },
        )
    }

    /// Stores a cut and returns it. What the child said of the same zone is dropped with the older cut.
    pub fn insert(&self, cut: CachedCut) -> Arc<CachedCut> {
        let cut = Arc::new(cut);
        let key = Key::of(cut.zone());
        self.no_cuts.remove(key.as_slice());
        self.cut_depths.add(cut.zone().label_count());
        self.cuts.insert(Box::from(key.as_slice()), Held::new(&cut));
        cut
    }

    /// Adds the child's own name servers to a cut that is still the one they were learned under.
    pub fn add_child_servers(&self, cut: &Arc<CachedCut>, child_servers: Vec<Name>) {
        if self.take_same(cut) {
            self.insert(CachedCut { child_servers, ..CachedCut::clone(cut) });
        }
    }

    /// Notes that another server of the parent was heard about a cut, which is still the one that it was.
    pub fn confirm(&self, cut: &Arc<CachedCut>) {
        if self.take_same(cut) {
            self.insert(CachedCut { told_by: None, ..CachedCut::clone(cut) });
        }
    }

    /// Takes a cut out if it is still this one.
    fn take_same(&self, cut: &CachedCut) -> bool {
        self.cuts.remove_if(Key::of(cut.zone()).as_slice(), |held| held.is(cut)).is_some()
    }

    /// Forgets the cut of `zone` after its servers led nowhere, so that the parent is asked again: the zone may have
    /// moved since, or the referral was forged. Not what the parent has just said, and not the root's.
    pub fn doubt(&self, zone: &Name, now: Moment) {
        if !zone.is_root() {
            let key = Key::of(zone);
            let is_old = |held: &Held| now >= held.stored().after_secs(limits::DOUBT_AFTER_SECS);
            self.cuts.remove_if(key.as_slice(), is_old);
        }
    }

    /// Keeps that a server of the zone above answered at `name` and did not refer further down.
    pub fn insert_no_cut(&self, name: &Name, outcome: Outcome, expires: Moment) {
        self.no_cuts.insert(Box::from(Key::of(name).as_slice()), NoCut { outcome, expires });
    }

    /// How a question for `name` ended, if that name is known to be no cut.
    pub fn no_cut(&self, name: &Name, now: Moment) -> Option<Outcome> {
        let known = self.no_cuts.get(Key::of(name).as_slice());
        known.filter(|known| known.expires > now).map(|known| known.outcome)
    }

    /// Keeps that the name servers of `zone` can only be found by way of themselves: for five seconds, twice as long
    /// each time it is found again, at most a minute.
    pub fn insert_circle(&self, zone: &Name, now: Moment) {
        let fresh = || Circle { until: now, span_secs: 0 };
        self.circle_depths.add(zone.label_count());
        self.circles.update(Box::from(Key::of(zone).as_slice()), fresh, |circle| {
            let recent = now < circle.until.after_secs(limits::CIRCLE_TTL_SECS_MAX);
            let doubled = if recent { circle.span_secs.saturating_mul(2) } else { 0 };
            let span_secs = doubled.clamp(limits::CIRCLE_TTL_SECS_MIN, limits::CIRCLE_TTL_SECS_MAX);
            *circle = Circle { until: now.after_secs(span_secs), span_secs };
        });
    }

    /// The zone at or above `name` that is known to be in such a circle.
    pub fn circle(&self, name: &Name, now: Moment) -> Option<Name> {
        let key = Key::of(name);
        let mut above = key.ancestors().filter(|(labels, _)| self.circle_depths.has(*labels));
        let is_left_alone = |zone: &[u8]| self.circles.get(zone).is_some_and(|circle| now < circle.until);
        above.find(|(_, zone)| is_left_alone(zone)).map(|(labels, _)| name.suffix(labels))
    }

    /// A server of the zone was found.
    pub fn remove_circle(&self, zone: &Name) {
        if self.circle_depths.has(zone.label_count()) {
            self.circles.remove(Key::of(zone).as_slice());
        }
    }

    /// Forgets the cut of exactly this zone.
    pub fn remove(&self, zone: &Name) {
        let key = Key::of(zone);
        self.cuts.remove(key.as_slice());
        self.no_cuts.remove(key.as_slice());
        self.circles.remove(key.as_slice());
    }

    /// Forgets all cuts at and below `zone`; returns how many there were. Looks at every cut.
    pub fn remove_below(&self, zone: &Name) -> usize {
        self.no_cuts.retain(|name, _| !is_below(name, zone));
        self.circles.retain(|name, _| !is_below(name, zone));
        self.cuts.retain(|name, _| !is_below(name, zone))
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

/// Whether a key is that of a name at or below `zone`.
pub(super) fn is_below(key: &[u8], zone: &Name) -> bool {
    Name::from_wire(key).is_ok_and(|(name, _)| name.is_subdomain_of(zone))
}

fn pack(cut: &CachedCut) -> Vec<u8> {
    let delegation = &cut.delegation;
    let zone = &delegation.zone;
    let mut packer = Packer::with_capacity(512);
    packer.u64(cut.expires.0);
    packer.u64(cut.stored.0);
    packer.name(zone, &Name::root());
    packer.name(&delegation.parent, zone);
    packer.u32(delegation.ttl);
    packer.u8(u8::from(cut.told_by.is_some()));
    cut.told_by.into_iter().for_each(|address| packer.address(address));
    // A name server is mostly called like the one before it.
    let mut like = zone;
    packer.u16(count(delegation.servers.len()));
    for server in &delegation.servers {
        packer.name(&server.name, like);
        like = &server.name;
        packer.u16(count(server.glue.len()));
        server.glue.iter().for_each(|address| packer.address(*address));
    }
    packer.u16(count(cut.child_servers.len()));
    for name in &cut.child_servers {
        packer.name(name, like);
        like = name;
    }
    match &delegation.ds {
        DsEvidence::Absent => packer.u8(ABSENT),
        DsEvidence::Present(set) => {
            packer.u8(PRESENT);
            packer.rrset(set, zone);
        }
        DsEvidence::Denied(sets) => {
            packer.u8(DENIED);
            packer.u16(count(sets.len()));
            for set in sets {
                packer.rrset(set, zone);
            }
        }
    }
    packer.into_vec()
}

const ABSENT: u8 = 0;
const PRESENT: u8 = 1;
const DENIED: u8 = 2;

/// None of the lists of a delegation is longer than a message has records.
fn count(len: usize) -> u16 {
    u16::try_from(len).unwrap_or(u16::MAX)
}

fn unpack(octets: &[u8]) -> Option<CachedCut> {
    let mut unpacker = Unpacker::new(octets);
    let (expires, stored) = (Moment(unpacker.u64()?), Moment(unpacker.u64()?));
    let zone = unpacker.name(&Name::root())?;
    let parent = unpacker.name(&zone)?;
    let ttl = unpacker.u32()?;
    let told_by = if unpacker.u8()? == 1 { Some(unpacker.address()?) } else { None };
    let servers_len = unpacker.u16()?;
    let mut servers: Vec<NameServer> = Vec::with_capacity(usize::from(servers_len));
    for _ in 0..servers_len {
        let name = unpacker.name(servers.last().map_or(&zone, |server| &server.name))?;
        let glue_len = unpacker.u16()?;
        let glue = (0..glue_len).map(|_| unpacker.address()).collect::<Option<_>>()?;
        servers.push(NameServer { name, glue });
    }
    let child_servers_len = unpacker.u16()?;
    let mut child_servers: Vec<Name> = Vec::with_capacity(usize::from(child_servers_len));
    for _ in 0..child_servers_len {
        let before = child_servers.last().or_else(|| servers.last().map(|server| &server.name));
        let like = before.unwrap_or(&zone);
        let name = unpacker.name(like)?;
        child_servers.push(name);
    }
    let ds = match unpacker.u8()? {
        ABSENT => DsEvidence::Absent,
        PRESENT => DsEvidence::Present(unpacker.rrset(&zone)?),
        _ => {
            let len = unpacker.u16()?;
            DsEvidence::Denied((0..len).map(|_| unpacker.rrset(&zone)).collect::<Option<_>>()?)
        }
    };
    let delegation = Delegation { zone, parent, servers, ds, ttl };
    Some(CachedCut { delegation, stored, expires, child_servers, told_by })
}

/// What a cut has allocated, the counters of the shared pointer included.
fn held_heap(held: &Held) -> usize {
    let counters = 2 * size_of::<usize>();
    match held {
        Held::Packed(octets) => heap(counters + octets.len()),
        Held::Open(cut) => heap(counters + size_of::<CachedCut>()) + cut_heap(cut),
    }
}

/// What an open cut has allocated beside its own size.
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
    zones + servers + each + ds + child + child_names
}

fn server_heap(server: &NameServer) -> usize {
    heap(server.name.heap_len()) + heap(server.glue.len() * size_of::<IpAddr>())
}

/// What an RRset has allocated.
fn rrset_heap(set: &Rrset) -> usize {
    heap(set.name.heap_len()) + heap(set.rdatas.byte_len()) + heap(set.signatures.byte_len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::RecordType;

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
    fn a_cut_comes_out_as_it_went_in() {
        let cache = Delegations::new(1 << 20, &Entropy::seeded(1));
        let server = |text: &str, glue: &[&str]| NameServer {
            name: name(text),
            glue: glue.iter().map(|address| address.parse().unwrap()).collect(),
        };
        let mut ds = Rrset::new(name("A.Example."), RecordType::DS, 60).with(&[1; 36]);
        ds.signatures.push(&[[0; 18].as_slice(), name("Example.").as_wire(), &[7; 64]].concat());
        let denial = Rrset::new(name("xyz.example."), RecordType::NSEC3, 60).with(&[3; 30]);
        for ds in
            [DsEvidence::Absent, DsEvidence::Present(ds), DsEvidence::Denied(vec![denial.clone(), denial])]
        {
            for zone in [".", "Example.", "A.Example."] {
                let mut cut = cut(zone, 100);
                cut.delegation.parent = name(zone).parent().unwrap_or_else(Name::root);
                cut.delegation.servers = vec![
                    server("NS1.a.example.", &["192.0.2.1", "2001:db8::1"]),
                    server("ns2.a.example.", &[]),
                    server("other.", &["192.0.2.2"]),
                ];
                cut.delegation.ds = ds.clone();
                cut.child_servers = vec![name("x.a.example."), name("y.a.example.")];
                cut.told_by = Some("2001:db8::7".parse().unwrap());
                let kept = cache.insert(cut.clone());
                assert_eq!(*kept, cut);
                let back = cache.get(cut.zone(), Moment(0)).unwrap();
                assert_eq!(*back, cut);
                assert!(back.zone().eq_with_case(cut.zone()));
                cache.confirm(&back);
                let confirmed = cache.get(cut.zone(), Moment(0)).unwrap();
                assert_eq!(*confirmed, CachedCut { told_by: None, ..cut.clone() });
                // It is another one now.
                cache.confirm(&kept);
                cache.add_child_servers(&kept, Vec::new());
                assert_eq!(cache.get(cut.zone(), Moment(0)), Some(confirmed));
            }
        }
    }

    #[test]
    fn a_signed_cut_takes_few_octets() {
        let cache = Delegations::new(1 << 20, &Entropy::seeded(1));
        let before = cache.bytes();
        for number in 0..100 {
            let zone = format!("zone{number}.example.");
            let mut cut = cut(&zone, 100);
            let glue = |last: u8| vec![[192, 0, 2, last].into()];
            cut.delegation.servers = vec![
                NameServer { name: name(&format!("ns1.{zone}")), glue: glue(1) },
                NameServer { name: name(&format!("ns2.{zone}")), glue: glue(2) },
            ];
            let mut ds = Rrset::new(name(&zone), RecordType::DS, 60).with(&[1; 36]);
            ds.signatures.push(&[[0; 18].as_slice(), name("example.").as_wire(), &[7; 64]].concat());
            cut.delegation.ds = DsEvidence::Present(ds);
            cache.insert(cut);
        }
        let each = (cache.bytes() - before) / 100;
        assert!(each < 450, "{each}");
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
        cache.insert_no_cut(&name("a.example."), Outcome::NoData, Moment(50));
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
