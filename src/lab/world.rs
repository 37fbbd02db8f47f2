//! The description of an internet: its zones, their servers, and what is wrong with them.
//!
//! In: calls of a builder. Out: an [`Internet`], signed and ready to be asked, by [`World::build`]. The root and
//! missing top-level zones, delegations, glue, DS records and server addresses come by themselves; each can be
//! broken on purpose. Everything is a function of the description and its seed (but for ECDSA signatures).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use super::faults::Fault;
use super::internet::Internet;
use super::records::{self, Record, RecordError};
use super::signer::{KSK, Nsec3Params, SignError, ZSK};
use crate::dns::{Name, RecordType, Rrset};

/// The date in a lab whose time is virtual: 2027-01-15, in seconds since 1970.
pub const EPOCH_UNIX: u64 = 1_800_000_000;
const DAY_SECS: u32 = 86_400;

/// Why a description is not an internet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorldError {
    /// A record cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A record's owner is not in its zone.
    #[error("{0} is not within the zone {1}")]
    Outside(Name, Name),
    /// Keys or signatures could not be made.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// More servers than the lab has addresses.
    #[error("the lab has no address left for another server")]
    Addresses,
}

/// How a zone proves what it does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DenialKind {
    /// NSEC (RFC 4034).
    Nsec,
    /// NSEC3 (RFC 5155).
    Nsec3(Nsec3Params),
    /// An NSEC record made for each question (RFC 9824).
    Compact,
}

/// A key of a zone and what it is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says one use, and a rollover needs any of them alone"
)]
pub struct KeySpec {
    /// The algorithm. One that cannot be signed with gets signatures without a meaning.
    pub algorithm: u8,
    /// The flags of the DNSKEY record.
    pub flags: u16,
    /// It stands in the DNSKEY RRset.
    pub published: bool,
    /// It signs the DNSKEY RRset.
    pub signs_keys: bool,
    /// It signs all other RRsets.
    pub signs_zone: bool,
    /// The parent has a DS record for it.
    pub in_ds: bool,
}

impl KeySpec {
    /// A key-signing key with a DS record.
    pub fn ksk(algorithm: u8) -> Self {
        Self { algorithm, flags: KSK, published: true, signs_keys: true, signs_zone: false, in_ds: true }
    }

    /// A zone-signing key.
    pub fn zsk(algorithm: u8) -> Self {
        Self { algorithm, flags: ZSK, published: true, signs_keys: false, signs_zone: true, in_ds: false }
    }

    /// One key for everything.
    pub fn combined(algorithm: u8) -> Self {
        Self { signs_zone: true, ..Self::ksk(algorithm) }
    }

    /// The same with other flags.
    #[must_use]
    pub fn with_flags(self, flags: u16) -> Self {
        Self { flags, ..self }
    }

    /// The same, of no use but to stand in the DNSKEY RRset.
    #[must_use]
    pub fn idle(self) -> Self {
        Self { signs_keys: false, signs_zone: false, in_ds: false, ..self }
    }
}

/// A DS record the parent has for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DsKind {
    /// By this digest type, right where the type is 1, 2 or 4.
    Digest(u8),
    /// SHA-256 with a wrong digest.
    Wrong,
    /// Right but for the key tag.
    WrongTag,
}

/// What is wrong with signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flaw {
    /// They ended five days ago.
    Expired,
    /// They begin in five days.
    NotYetValid,
    /// They end before they begin.
    TimesReversed,
    /// There are none.
    Stripped,
    /// They were made by a key that is not the zone's.
    WrongKey,
    /// They name another signer.
    WrongSigner(Name),
    /// One bit of each is wrong.
    BitFlipped,
    /// The labels field is wrong.
    Labels(u8),
}

/// Which RRsets a flaw is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All but DNSKEY.
    Zone,
    /// All of that type.
    Type(RecordType),
    /// The one at that name and of that type.
    At(Name, RecordType),
}

/// A name server: its name and addresses.
pub type Host = (Name, Vec<IpAddr>);

/// The description of a zone.
#[derive(Debug, Clone)]
pub struct Zone {
    pub(super) name: Name,
    pub(super) keys: Vec<KeySpec>,
    pub(super) denial: DenialKind,
    pub(super) denial_given: bool,
    pub(super) ds: Vec<DsKind>,
    pub(super) hosts: Vec<Host>,
    /// How many servers with addresses of the lab's choice, where `hosts` is empty.
    auto_hosts: usize,
    /// What the parent says of the servers, where that differs.
    pub(super) parent_hosts: Option<Vec<Host>>,
    pub(super) delegated: bool,
    pub(super) glue: bool,
    pub(super) rrsets: BTreeMap<(Name, RecordType), Rrset>,
    pub(super) flaws: Vec<(Flaw, Scope)>,
    pub(super) faults: Vec<(Option<usize>, Fault)>,
    pub(super) ttl: u32,
    pub(super) delegation_ttl: u32,
    pub(super) negative_ttl: u32,
    pub(super) valid_after_secs: u32,
    errors: Vec<WorldError>,
}

impl Zone {
    /// A zone signed with algorithm 13 and NSEC, with a key-signing and a zone-signing key, on one server.
    ///
    /// `name` is presentation text; one that is no name is an error of [`World::build`].
    pub fn new(name: &str) -> Self {
        let mut errors = Vec::new();
        let parsed = records::name(&Name::root(), name).unwrap_or_else(|why| {
            let line = name.to_owned();
            errors.push(RecordError { zone: Name::root(), line, why }.into());
            Name::root()
        });
        Self {
            name: parsed,
            keys: vec![KeySpec::ksk(13), KeySpec::zsk(13)],
            denial: DenialKind::Nsec,
            denial_given: true,
            ds: vec![DsKind::Digest(2)],
            hosts: Vec::new(),
            auto_hosts: 1,
            parent_hosts: None,
            delegated: true,
            glue: true,
            rrsets: BTreeMap::new(),
            flaws: Vec::new(),
            faults: Vec::new(),
            ttl: 3_600,
            delegation_ttl: 3_600,
            negative_ttl: 300,
            valid_after_secs: 30 * DAY_SECS,
            errors,
        }
    }

    /// Signs it with a key-signing and a zone-signing key of this algorithm.
    #[must_use]
    pub fn algorithm(self, algorithm: u8) -> Self {
        self.algorithms(&[algorithm])
    }

    /// Signs it with a key-signing and a zone-signing key of each of these algorithms.
    #[must_use]
    pub fn algorithms(mut self, algorithms: &[u8]) -> Self {
        self.keys = algorithms.iter().flat_map(|&one| [KeySpec::ksk(one), KeySpec::zsk(one)]).collect();
        self
    }

    /// Gives it exactly these keys.
    #[must_use]
    pub fn keys(mut self, keys: &[KeySpec]) -> Self {
        self.keys = keys.to_vec();
        self
    }

    /// Does not sign it, and gives it no DS.
    #[must_use]
    pub fn unsigned(mut self) -> Self {
        self.keys.clear();
        self
    }

    /// Proves absence by NSEC3.
    #[must_use]
    pub fn nsec3(mut self, iterations: u16, salt: &[u8]) -> Self {
        self.denial = DenialKind::Nsec3(Nsec3Params { iterations, salt: salt.to_vec(), opt_out: false });
        self
    }

    /// Proves absence by NSEC3 with opt-out, without iterations and salt.
    #[must_use]
    pub fn opt_out(mut self) -> Self {
        self.denial = DenialKind::Nsec3(Nsec3Params { opt_out: true, ..Nsec3Params::default() });
        self
    }

    /// Denies by NSEC records that are made and signed for each question (compact denial, RFC 9824).
    #[must_use]
    pub fn compact(mut self) -> Self {
        self.denial = DenialKind::Compact;
        self
    }

    /// Leaves the NSEC and NSEC3 records out of its answers.
    #[must_use]
    pub fn without_denial(mut self) -> Self {
        self.denial_given = false;
        self
    }

    /// The DS records of the parent, for each key that is to have one. None at all: an island.
    #[must_use]
    pub fn ds(mut self, kinds: &[DsKind]) -> Self {
        self.ds = kinds.to_vec();
        self
    }

    /// Signed, without a DS record at the parent.
    #[must_use]
    pub fn island(self) -> Self {
        self.ds(&[])
    }

    /// Adds a name server. An address that is none is an error of [`World::build`].
    #[must_use]
    pub fn server(mut self, name: &str, addresses: &[&str]) -> Self {
        if let Some(host) = self.host(name, addresses) {
            self.hosts.push(host);
        }
        self
    }

    /// Gives it so many name servers below its own name, each with one address of the lab's choice.
    #[must_use]
    pub fn servers(mut self, count: usize) -> Self {
        self.auto_hosts = count;
        self
    }

    /// Adds a name server to what the parent says, which from then on differs from what the zone says.
    #[must_use]
    pub fn parent_server(mut self, name: &str, addresses: &[&str]) -> Self {
        if let Some(host) = self.host(name, addresses) {
            self.parent_hosts.get_or_insert_default().push(host);
        }
        self
    }

    fn host(&mut self, name: &str, addresses: &[&str]) -> Option<Host> {
        let wrong = |why| RecordError { zone: self.name.clone(), line: format!("{name} {addresses:?}"), why };
        let host = records::name(&self.name, name).map_err(wrong).and_then(|name| {
            let addresses: Result<_, _> = addresses.iter().map(|text| text.parse()).collect();
            Ok((name, addresses.map_err(|_| wrong("the address is not one"))?))
        });
        host.map_err(|error| self.errors.push(error.into())).ok()
    }

    /// Leaves it out of its parent.
    #[must_use]
    pub fn undelegated(mut self) -> Self {
        self.delegated = false;
        self
    }

    /// Leaves the addresses of its servers out of the parent.
    #[must_use]
    pub fn without_glue(mut self) -> Self {
        self.glue = false;
        self
    }

    /// Adds a record, written as [`Record::read`] says. A line that is none is an error of [`World::build`].
    #[must_use]
    pub fn record(mut self, line: &str) -> Self {
        match Record::read(&self.name, line) {
            Ok(record) => self.add(record),
            Err(error) => self.errors.push(error.into()),
        }
        self
    }

    fn add(&mut self, record: Record) {
        if !record.owner.is_subdomain_of(&self.name) {
            self.errors.push(WorldError::Outside(record.owner, self.name.clone()));
            return;
        }
        let ttl = record.ttl.unwrap_or(self.ttl);
        let key = (record.owner.clone(), record.rtype);
        let rrset = self.rrsets.entry(key).or_insert_with(|| Rrset::new(record.owner, record.rtype, ttl));
        rrset.ttl = rrset.ttl.min(ttl);
        rrset.rdatas.push(&record.rdata);
    }

    /// The TTL of records that do not say theirs, in seconds. Stands before the records.
    #[must_use]
    pub fn ttl(mut self, secs: u32) -> Self {
        self.ttl = secs;
        self
    }

    /// The TTL of NS, DS and glue at the parent, in seconds.
    #[must_use]
    pub fn delegation_ttl(mut self, secs: u32) -> Self {
        self.delegation_ttl = secs;
        self
    }

    /// The negative TTL in its SOA record, in seconds.
    #[must_use]
    pub fn negative_ttl(mut self, secs: u32) -> Self {
        self.negative_ttl = secs;
        self
    }

    /// How long its signatures are good from the lab's date on, in seconds.
    #[must_use]
    pub fn valid_for(mut self, secs: u32) -> Self {
        self.valid_after_secs = secs;
        self
    }

    /// Breaks all signatures but those over DNSKEY.
    #[must_use]
    pub fn flaw(mut self, flaw: Flaw) -> Self {
        self.flaws.push((flaw, Scope::Zone));
        self
    }

    /// Breaks the signatures over all RRsets of one type.
    #[must_use]
    pub fn flaw_in(mut self, rtype: RecordType, flaw: Flaw) -> Self {
        self.flaws.push((flaw, Scope::Type(rtype)));
        self
    }

    /// Breaks the signatures over one RRset.
    #[must_use]
    pub fn flaw_at(mut self, name: &str, rtype: RecordType, flaw: Flaw) -> Self {
        match records::name(&self.name, name) {
            Ok(name) => self.flaws.push((flaw, Scope::At(name, rtype))),
            Err(why) => {
                self.errors.push(RecordError { zone: self.name.clone(), line: name.to_owned(), why }.into());
            }
        }
        self
    }

    /// Breaks all its servers.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push((None, fault));
        self
    }

    /// Breaks its name server of that place, counted from 0, with all its addresses.
    #[must_use]
    pub fn fault_at(mut self, place: usize, fault: Fault) -> Self {
        self.faults.push((Some(place), fault));
        self
    }

    /// The flaw in the signatures over an RRset; the last one given wins.
    pub(super) fn flaw_of(&self, name: &Name, rtype: RecordType) -> Option<&Flaw> {
        let within = |scope: &Scope| match scope {
            Scope::Zone => rtype != RecordType::DNSKEY,
            Scope::Type(of) => *of == rtype,
            Scope::At(at, of) => at == name && *of == rtype,
        };
        self.flaws.iter().rev().find(|(_, scope)| within(scope)).map(|(flaw, _)| flaw)
    }

    /// Whether anything is signed.
    pub(super) fn is_signed(&self) -> bool {
        !self.keys.is_empty()
    }
}

/// The description of an internet.
#[derive(Debug, Clone)]
pub struct World {
    pub(super) seed: u64,
    pub(super) unix: u64,
    pub(super) zones: BTreeMap<Name, Zone>,
    faults: Vec<(IpAddr, Fault)>,
    network: [u8; 2],
    /// Zones in the order they were given, for addresses that stay when a zone is added.
    order: Vec<Name>,
}

impl World {
    /// A world of the root zone alone. Servers have addresses of 198.18.0.0/16 (RFC 2544).
    pub fn new(seed: u64) -> Self {
        let world = Self {
            seed,
            unix: EPOCH_UNIX,
            zones: BTreeMap::new(),
            faults: Vec::new(),
            network: [198, 18],
            order: Vec::new(),
        };
        world.zone(Zone::new("."))
    }

    /// Signatures are made around this date, in seconds since 1970, rather than [`EPOCH_UNIX`].
    #[must_use]
    pub fn dated(mut self, unix: u64) -> Self {
        self.unix = unix;
        self
    }

    /// Servers have addresses of 127.53.0.0/16, so that they can be served by this machine.
    #[must_use]
    pub fn on_loopback(mut self) -> Self {
        self.network = [127, 53];
        self
    }

    /// Adds a zone, or puts it in the place of the one of that name.
    #[must_use]
    pub fn zone(mut self, zone: Zone) -> Self {
        if !self.order.contains(&zone.name) {
            self.order.push(zone.name.clone());
        }
        self.zones.insert(zone.name.clone(), zone);
        self
    }

    /// Breaks the server at an address.
    #[must_use]
    pub fn fault(mut self, server: IpAddr, fault: Fault) -> Self {
        self.faults.push((server, fault));
        self
    }

    /// The date around which signatures are made, in seconds since 1970.
    pub fn unix(&self) -> u64 {
        self.unix
    }

    /// Completes the description and signs it.
    pub fn build(&self) -> Result<Internet, WorldError> {
        let mut world = self.clone();
        if let Some(error) = world.zones.values().find_map(|zone| zone.errors.first()) {
            return Err(error.clone());
        }
        world.add_top_level();
        world.assign_addresses()?;
        world.add_name_servers();
        world.add_addresses();
        let faults = world.faults_by_address();
        Internet::new(world, &faults)
    }

    /// Every name needs a parent zone: where the top-level zone is missing, a plain one is made.
    fn add_top_level(&mut self) {
        let missing: Vec<Name> = self.order.iter().map(|name| name.suffix(1)).collect();
        for name in missing {
            if !self.zones.contains_key(&name) {
                let zone = Zone { name: name.clone(), ..Zone::new(".") };
                self.order.push(name.clone());
                self.zones.insert(name, zone);
            }
        }
    }

    fn assign_addresses(&mut self) -> Result<(), WorldError> {
        let [a, b] = self.network;
        for (zone_number, name) in self.order.iter().enumerate() {
            let Some(zone) = self.zones.get_mut(name) else { continue };
            if !zone.hosts.is_empty() {
                continue;
            }
            for place in 0..zone.auto_hosts {
                let octet = |number: usize| u8::try_from(number).map_err(|_| WorldError::Addresses);
                let address = Ipv4Addr::new(a, b, octet(zone_number)?, octet(place + 1)?);
                let host = host_name(name, place).map_err(|_| SignError::Name)?;
                zone.hosts.push((host, vec![address.into()]));
            }
        }
        Ok(())
    }

    /// NS and SOA records at each apex.
    fn add_name_servers(&mut self) {
        for zone in self.zones.values_mut() {
            let (apex, ttl) = (zone.name.clone(), zone.ttl);
            for (host, _) in zone.hosts.clone() {
                let rdata = host.as_wire().to_vec();
                zone.add(Record { owner: apex.clone(), rtype: RecordType::NS, ttl: Some(ttl), rdata });
            }
            let mname = zone.hosts.first().map_or_else(Name::root, |(host, _)| host.clone());
            let mut rdata = mname.as_wire().to_vec();
            rdata.extend_from_slice(b"\x0ahostmaster\x03lab\0");
            for number in [1, 7_200, 3_600, 1_209_600, zone.negative_ttl] {
                rdata.extend_from_slice(&number.to_be_bytes());
            }
            zone.add(Record { owner: apex, rtype: RecordType::SOA, ttl: Some(ttl), rdata });
        }
    }

    /// The addresses of each name server, in the zone that has the say over its name.
    fn add_addresses(&mut self) {
        let hosts: Vec<Host> = self
            .zones
            .values()
            .flat_map(|zone| zone.hosts.iter().chain(zone.parent_hosts.iter().flatten()))
            .cloned()
            .collect();
        for (host, addresses) in hosts {
            let Some(home) = self.home_of(&host) else { continue };
            let Some(zone) = self.zones.get_mut(&home) else { continue };
            for address in addresses {
                let record = address_record(&host, address, zone.ttl);
                let known = zone.rrsets.get(&(host.clone(), record.rtype));
                if !known.is_some_and(|rrset| rrset.rdatas.contains(&record.rdata)) {
                    zone.add(record);
                }
            }
        }
    }

    /// The deepest zone that `name` is in.
    pub(super) fn home_of(&self, name: &Name) -> Option<Name> {
        name.ancestors().find(|zone| self.zones.contains_key(zone))
    }

    /// The zone that delegates `name`.
    pub(super) fn parent_of(&self, name: &Name) -> Option<Name> {
        self.home_of(&name.parent()?)
    }

    fn faults_by_address(&self) -> BTreeMap<IpAddr, Vec<Fault>> {
        let mut faults: BTreeMap<IpAddr, Vec<Fault>> = BTreeMap::new();
        for zone in self.zones.values() {
            for (place, (_, addresses)) in zone.hosts.iter().enumerate() {
                let here = zone.faults.iter().filter(|(at, _)| at.is_none_or(|at| at == place));
                let here: Vec<Fault> = here.map(|(_, fault)| fault.clone()).collect();
                for address in addresses {
                    faults.entry(*address).or_default().extend(here.iter().cloned());
                }
            }
        }
        for (address, fault) in &self.faults {
            faults.entry(*address).or_default().push(fault.clone());
        }
        faults
    }
}

/// `ns1.example.` for the first server of `example.`; the root's stand below `rootservers.`.
fn host_name(zone: &Name, place: usize) -> Result<Name, crate::dns::NameError> {
    if zone.is_root() {
        let letter = char::from(b'a'.saturating_add(u8::try_from(place % 26).unwrap_or(0)));
        return format!("{letter}.rootservers.").parse();
    }
    zone.prepend(format!("ns{}", place + 1).as_bytes())
}

/// The A or AAAA record of a name server.
pub(super) fn address_record(host: &Name, address: IpAddr, ttl: u32) -> Record {
    let (rtype, rdata) = match address {
        IpAddr::V4(address) => (RecordType::A, address.octets().to_vec()),
        IpAddr::V6(address) => (RecordType::AAAA, address.octets().to_vec()),
    };
    Record { owner: host.clone(), rtype, ttl: Some(ttl), rdata }
}
