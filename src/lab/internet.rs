//! An internet, built from its description: signed zones, the servers that hold them, hints and trust anchor.
//!
//! In: a completed [`World`]. Out: what each server answers, by [`Internet::react`], whatever the network is: the
//! simulated one (`link`) or loopback sockets (`sockets`).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::authority;
use super::faults::{Fault, Occasion, Reaction, react};
use super::oracle::Oracle;
use super::signer::{KSK, Key, KeyMaker};
use super::world::{DsKind, KeySpec, World, WorldError, Zone, address_record};
use super::zone::{SignedZone, ZoneKeys};
use crate::dns::message::Message;
use crate::dns::response::Transport;
use crate::dns::{Name, RecordType, Rrset};

/// A server: the zones it holds, what is wrong with it, and how many queries it had.
#[derive(Debug, Default)]
struct Server {
    zones: Vec<Arc<SignedZone>>,
    faults: Vec<Fault>,
    queries: AtomicU32,
}

/// An internet that can be asked.
#[derive(Debug)]
pub struct Internet {
    world: World,
    zones: BTreeMap<Name, Arc<SignedZone>>,
    keys: BTreeMap<Name, ZoneKeys>,
    servers: BTreeMap<IpAddr, Server>,
}

impl Internet {
    /// Signs a completed description.
    pub(super) fn new(world: World, faults: &BTreeMap<IpAddr, Vec<Fault>>) -> Result<Self, WorldError> {
        let mut keys = BTreeMap::new();
        for (name, zone) in &world.zones {
            keys.insert(name.clone(), make_keys(&world, zone)?);
        }
        let mut below: BTreeMap<Name, Vec<Rrset>> = BTreeMap::new();
        for zone in world.zones.values().filter(|zone| zone.delegated) {
            let Some(parent) = world.parent_of(&zone.name) else { continue };
            let Some(zone_keys) = keys.get(&zone.name) else { continue };
            below.entry(parent).or_default().extend(delegation(zone, zone_keys));
        }
        let mut zones = BTreeMap::new();
        let mut servers: BTreeMap<IpAddr, Server> = BTreeMap::new();
        for (name, zone) in &world.zones {
            let Some(zone_keys) = keys.get(name) else { continue };
            let children = below.remove(name).unwrap_or_default();
            let signed = Arc::new(SignedZone::new(zone, children, zone_keys, world.unix)?);
            for address in zone.hosts.iter().flat_map(|(_, addresses)| addresses) {
                let server = servers.entry(*address).or_default();
                server.zones.push(Arc::clone(&signed));
            }
            zones.insert(name.clone(), signed);
        }
        for (address, faults) in faults {
            servers.entry(*address).or_default().faults.clone_from(faults);
        }
        Ok(Self { world, zones, keys, servers })
    }

    /// The same internet, its servers new and broken in this way alone. Nothing is signed anew; the oracle does not
    /// see these faults.
    #[must_use]
    pub fn with_faults(&self, faults: &[(IpAddr, Fault)]) -> Self {
        let mut servers: BTreeMap<IpAddr, Server> = BTreeMap::new();
        for (address, server) in &self.servers {
            let zones = server.zones.clone();
            servers.insert(*address, Server { zones, ..Server::default() });
        }
        for (address, fault) in faults {
            servers.entry(*address).or_default().faults.push(fault.clone());
        }
        Self { world: self.world.clone(), zones: self.zones.clone(), keys: self.keys.clone(), servers }
    }

    /// The description, completed.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// What is the right answer to a question.
    pub fn oracle(&self) -> Oracle<'_> {
        Oracle::new(self)
    }

    /// A zone, signed.
    pub fn zone(&self, name: &Name) -> Option<&Arc<SignedZone>> {
        self.zones.get(name)
    }

    /// All zones, in canonical order.
    pub fn zones(&self) -> impl Iterator<Item = &Arc<SignedZone>> {
        self.zones.values()
    }

    /// The keys of a zone.
    pub fn keys(&self, zone: &Name) -> Option<&ZoneKeys> {
        self.keys.get(zone)
    }

    /// The addresses of all servers.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.servers.keys().copied()
    }

    /// Whether nobody listens at the address.
    pub fn is_closed(&self, address: IpAddr) -> bool {
        let closed = |fault: &Fault| matches!(fault, Fault::PortClosed | Fault::NoRoute);
        self.servers.get(&address).is_some_and(|server| server.faults.iter().any(closed))
    }

    /// The addresses of a zone's own servers.
    pub fn addresses_of(&self, zone: &Name) -> Vec<IpAddr> {
        let hosts = self.world.zones.get(zone).map(|zone| zone.hosts.as_slice()).unwrap_or_default();
        hosts.iter().flat_map(|(_, addresses)| addresses).copied().collect()
    }

    /// The root's servers, for hints.
    pub fn hints(&self) -> Vec<(Name, Vec<IpAddr>)> {
        self.world.zones.get(&Name::root()).map(|root| root.hosts.clone()).unwrap_or_default()
    }

    /// The root's servers as a hints file.
    pub fn hints_text(&self) -> String {
        let mut text = String::new();
        for (name, addresses) in self.hints() {
            // Writing to a `String` cannot fail.
            writeln!(text, ".\t3600000\tNS\t{name}").unwrap_or_default();
            for address in addresses {
                let rtype = if address.is_ipv4() { "A" } else { "AAAA" };
                writeln!(text, "{name}\t3600000\t{rtype}\t{address}").unwrap_or_default();
            }
        }
        text
    }

    /// The rdata of DS records for the root's keys that a trust anchor is to name.
    pub fn anchor_ds(&self) -> Vec<Vec<u8>> {
        self.anchor_keys().map(|key| key.ds(&Name::root(), 2)).collect()
    }

    fn anchor_keys(&self) -> impl Iterator<Item = &Key> {
        let keys = self.keys.get(&Name::root()).into_iter().flat_map(|keys| &keys.keys);
        keys.filter(|(spec, _)| spec.in_ds).map(|(_, key)| key)
    }

    /// The trust anchor as DS lines in presentation form.
    pub fn anchor_text(&self) -> String {
        let mut text = String::new();
        for rdata in self.anchor_ds() {
            if let Some(([tag_high, tag_low, algorithm, digest_type], digest)) = rdata.split_first_chunk() {
                let tag = u16::from_be_bytes([*tag_high, *tag_low]);
                let digest = hex(digest);
                writeln!(text, ".\t3600\tIN\tDS\t{tag} {algorithm} {digest_type} {digest}")
                    .unwrap_or_default();
            }
        }
        text
    }

    /// The trust anchor as `delv -a` reads it.
    pub fn delv_anchor_text(&self) -> String {
        let mut text = "trust-anchors {\n".to_owned();
        for line in self.anchor_text().lines() {
            if let [_, _, _, _, fields] = line.splitn(5, '\t').collect::<Vec<_>>().as_slice()
                && let [tag, algorithm, digest_type, digest] =
                    fields.split(' ').collect::<Vec<_>>().as_slice()
            {
                writeln!(text, "    . static-ds {tag} {algorithm} {digest_type} \"{digest}\";")
                    .unwrap_or_default();
            }
        }
        text.push_str("};\n");
        text
    }

    /// A signed zone as a zone file, every rdata in the form of RFC 3597 §5.
    pub fn zone_text(&self, zone: &Name) -> String {
        let mut text = String::new();
        for rrset in self.zones.get(zone).iter().flat_map(|zone| zone.rrsets()) {
            for rdata in &rrset.rdatas {
                push_record(&mut text, rrset, rrset.rtype, rdata);
            }
            for rdata in &rrset.signatures {
                push_record(&mut text, rrset, RecordType::RRSIG, rdata);
            }
        }
        text
    }

    /// How the server at `address` reacts to a query. `roll` below 100 decides whether a lossy server's datagram
    /// is lost. None if nobody has that address.
    pub fn react(
        &self,
        address: SocketAddr,
        query: &[u8],
        transport: Transport,
        roll: u8,
    ) -> Option<Reaction> {
        let server = self.servers.get(&address.ip().to_canonical())?;
        let count = server.queries.fetch_add(1, Ordering::Relaxed);
        let parsed = Message::parse(query).ok();
        let Some(honest) = authority::respond(&server.zones, query, parsed.as_ref()) else {
            return Some(Reaction::Silence);
        };
        let limit = match (transport, parsed.as_ref().and_then(|query| query.edns.as_ref())) {
            (Transport::Udp, Some(edns)) => usize::from(edns.udp_size.clamp(512, crate::limits::UDP_SIZE)),
            (Transport::Udp, None) => 512,
            _ => usize::from(u16::MAX),
        };
        let occasion = Occasion { query, parsed: parsed.as_ref(), count, transport, roll, limit };
        Some(react(&server.faults, &occasion, honest))
    }
}

fn push_record(text: &mut String, rrset: &Rrset, rtype: RecordType, rdata: &[u8]) {
    let Rrset { name, ttl, .. } = rrset;
    // The number, so that a reader that does not know the type's name reads it all the same.
    let number = rtype.0;
    writeln!(text, "{name}\t{ttl}\tIN\tTYPE{number}\t\\# {} {}", rdata.len(), hex(rdata)).unwrap_or_default();
}

/// Octets in hexadecimal.
fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        write!(text, "{octet:02X}").unwrap_or_default();
        text
    })
}

/// The keys of a zone, the same ones whenever its name, the seed and its key list are the same.
fn make_keys(world: &World, zone: &Zone) -> Result<ZoneKeys, WorldError> {
    let mut seed = world.seed;
    for octet in zone.name.to_lowercase().as_wire() {
        seed = seed.wrapping_mul(0x0100_0000_01b3) ^ u64::from(*octet);
    }
    let mut maker = KeyMaker::new(seed);
    let mut keys: Vec<(KeySpec, Key)> = Vec::new();
    for spec in &zone.keys {
        keys.push((*spec, maker.make(spec.algorithm, spec.flags)?));
    }
    let foreign = zone.keys.first().map(|spec| maker.make(spec.algorithm, KSK)).transpose()?;
    Ok(ZoneKeys { keys, foreign })
}

/// What the parent holds of a zone: NS, DS and glue.
fn delegation(zone: &Zone, keys: &ZoneKeys) -> Vec<Rrset> {
    let ttl = zone.delegation_ttl;
    let mut rrsets = Vec::new();
    let mut ns = Rrset::new(zone.name.clone(), RecordType::NS, ttl);
    for (host, addresses) in zone.parent_hosts.as_ref().unwrap_or(&zone.hosts) {
        ns.rdatas.push(host.as_wire());
        if !zone.glue || !host.is_subdomain_of(&zone.name) {
            continue;
        }
        for address in addresses {
            let record = address_record(host, *address, ttl);
            rrsets.push(Rrset::new(record.owner, record.rtype, ttl).with(&record.rdata));
        }
    }
    rrsets.push(ns);
    let mut ds = Rrset::new(zone.name.clone(), RecordType::DS, ttl);
    for (_, key) in keys.keys.iter().filter(|(spec, _)| spec.in_ds) {
        for kind in &zone.ds {
            ds.rdatas.push(&ds_rdata(key, &zone.name, *kind));
        }
    }
    if !ds.rdatas.is_empty() {
        rrsets.push(ds);
    }
    rrsets
}

fn ds_rdata(key: &Key, zone: &Name, kind: DsKind) -> Vec<u8> {
    let mut rdata = match kind {
        DsKind::Digest(digest_type) => key.ds(zone, digest_type),
        DsKind::Wrong | DsKind::WrongTag => key.ds(zone, 2),
    };
    match kind {
        DsKind::Wrong => rdata.last_mut().into_iter().for_each(|octet| *octet ^= 1),
        DsKind::WrongTag => rdata.first_mut().into_iter().for_each(|octet| *octet ^= 1),
        DsKind::Digest(_) => {}
    }
    rdata
}
