//! The description of a drawn internet, as data that can be changed and drawn from again.
//!
//! In: a seed. Out: a [`Plan`]: sites (zones) with their servers, keys and records, the [`World`] they make, and the
//! questions worth asking of it. A site's servers and aliases point to earlier sites alone, so that everything can be
//! resolved; which sites a site depends on is [`Plan::reach`].

use std::collections::BTreeSet;

use rootwalk::dns::{Name, Question, RecordType};
use rootwalk::lab::{DsKind, Flaw, KeySpec, World, Zone};

use crate::harness::name;
use crate::worlds::Draw;

/// Chains of zones whose servers' names are in other zones are no longer than this.
const HOST_CHAIN_MAX: usize = 2;

/// How a site is signed.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    Signed,
    Unsigned,
    /// Signed, with no DS at the parent.
    Island,
    /// Signed wrongly: its names are bogus.
    Flawed(Flaw),
    /// Its DS fits no key.
    WrongDs,
}

/// How a site proves what it has not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Denial {
    Nsec,
    Nsec3(u16),
    OptOut,
}

/// A zone that can still be changed.
#[derive(Debug, Clone)]
pub(super) struct Site {
    pub(super) name: String,
    pub(super) parent: Option<usize>,
    pub(super) shape: Shape,
    pub(super) keys: Vec<KeySpec>,
    pub(super) denial: Denial,
    pub(super) ttl: u32,
    pub(super) delegation_ttl: u32,
    pub(super) negative_ttl: u32,
    pub(super) hosts: Vec<(String, Vec<String>)>,
    pub(super) records: Vec<String>,
    /// The parent knows it no more, its servers still serve it.
    pub(super) undelegated: bool,
    /// It is not there at all.
    pub(super) gone: bool,
    /// How many sites have to be found to find its servers.
    host_chain: usize,
}

impl Site {
    /// The longest that anything of this zone stays in a cache after it has changed, in seconds.
    pub(super) fn horizon_secs(&self) -> u32 {
        let ttls = self.records.iter().filter_map(|line| line.split(' ').nth(1)?.parse().ok());
        let longest = ttls.chain([self.ttl]).max().unwrap_or(0).min(86_400);
        longest + self.delegation_ttl.min(86_400) + self.negative_ttl
    }

    fn zone(&self) -> Zone {
        let mut zone = Zone::new(&self.name)
            .keys(&self.keys)
            .ttl(self.ttl)
            .delegation_ttl(self.delegation_ttl)
            .negative_ttl(self.negative_ttl);
        zone = match self.denial {
            Denial::Nsec => zone,
            Denial::Nsec3(iterations) => zone.nsec3(iterations, b"aa"),
            Denial::OptOut => zone.opt_out(),
        };
        zone = match &self.shape {
            Shape::Signed => zone,
            Shape::Unsigned => zone.unsigned(),
            Shape::Island => zone.island(),
            Shape::Flawed(flaw) => zone.flaw(flaw.clone()),
            Shape::WrongDs => zone.ds(&[DsKind::Wrong]),
        };
        if self.undelegated {
            zone = zone.undelegated();
        }
        for (host, addresses) in &self.hosts {
            zone = zone.server(host, &addresses.iter().map(String::as_str).collect::<Vec<_>>());
        }
        self.records.iter().fold(zone, |zone, line| zone.record(line))
    }
}

/// A drawn internet.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) sites: Vec<Site>,
    /// How many addresses were given out.
    addresses: u32,
}

impl Plan {
    /// Draws an internet.
    pub(super) fn draw(draw: &Draw, seed: u64) -> Self {
        let mut plan = Self { seed, sites: Vec::new(), addresses: 0 };
        plan.add(draw, ".".to_owned(), None);
        let tops = 2 + draw.below(3);
        for number in 0..tops {
            plan.add(draw, format!("t{number}."), Some(0));
        }
        for number in 0..3 + draw.below(8) {
            let sound = |at: &usize| plan.sites[*at].is_sound();
            let parents: Vec<usize> = (1..plan.sites.len()).filter(sound).collect();
            let parent = *draw.of(&parents);
            let between = if draw.one_in(6) { "in.between." } else { "" };
            let zone = format!("z{number}.{between}{}", plan.sites[parent].name);
            plan.add(draw, zone, Some(parent));
        }
        for at in 0..plan.sites.len() {
            plan.add_records(draw, at);
        }
        plan
    }

    fn add(&mut self, draw: &Draw, zone: String, parent: Option<usize>) {
        let at = self.sites.len();
        let top = parent.is_none_or(|parent| parent == 0);
        // RSA and P-384 take a hundred times as long to sign as the others.
        let algorithm = match draw.below(32) {
            0 => 14,
            1 | 2 => 8,
            3..12 => 15,
            _ => 13,
        };
        let keys = if draw.one_in(3) {
            vec![KeySpec::combined(algorithm)]
        } else {
            vec![KeySpec::ksk(algorithm), KeySpec::zsk(algorithm)]
        };
        let shape = match draw.below(if top { 7 } else { 16 }) {
            0 if parent.is_some() => Shape::Unsigned,
            7..11 => Shape::Unsigned,
            11 => Shape::Island,
            12 => Shape::Flawed(draw.of(&[Flaw::Expired, Flaw::BitFlipped, Flaw::WrongKey]).clone()),
            13 => Shape::WrongDs,
            _ => Shape::Signed,
        };
        let denial = match draw.below(8) {
            0..3 => Denial::Nsec,
            3..5 => Denial::Nsec3(0),
            5 => Denial::Nsec3(10),
            6 => Denial::OptOut,
            _ => *draw.of(&[Denial::Nsec, Denial::Nsec3(60)]),
        };
        let ttl =
            if top { *draw.of(&[300, 3_600, 86_400]) } else { *draw.of(&[5, 30, 60, 300, 3_600, 172_800]) };
        let site = Site {
            name: zone,
            parent,
            shape,
            keys,
            denial,
            ttl,
            delegation_ttl: if top { ttl } else { *draw.of(&[10, 60, 300, 3_600, 86_400]) },
            negative_ttl: *draw.of(&[1, 5, 60, 300, 3_600]),
            hosts: Vec::new(),
            records: Vec::new(),
            undelegated: false,
            gone: false,
            host_chain: parent.map_or(0, |parent| self.sites[parent].host_chain),
        };
        self.sites.push(site);
        self.add_hosts(draw, at);
    }

    fn add_hosts(&mut self, draw: &Draw, at: usize) {
        let zone = self.sites[at].name.clone();
        let own = |place: usize| match at {
            0 => format!("{}.rootservers.", ["a", "b", "c"][place]),
            _ => format!("ns{place}.{zone}"),
        };
        for place in 0..=draw.below(3) {
            let homes: Vec<usize> = (1..at)
                .filter(|home| self.sites[*home].is_sound() && self.sites[*home].host_chain < HOST_CHAIN_MAX)
                .collect();
            let host = match draw.below(6) {
                // A server of another zone, by its name or by one of our own.
                0 if !homes.is_empty() => {
                    let other = draw.of(&homes);
                    let (host, addresses) = draw.of(&self.sites[*other].hosts).clone();
                    if draw.one_in(2) { (own(place), addresses) } else { (host, addresses) }
                }
                // One whose name is in another zone, without glue.
                1 if !homes.is_empty() => {
                    let home = self.sites[*draw.of(&homes)].name.clone();
                    (format!("ns{at}-{place}.{home}"), self.draw_addresses(draw))
                }
                _ => (own(place), self.draw_addresses(draw)),
            };
            if let Some(home) = self.home_of(&host.0).filter(|home| *home != at) {
                let chain = self.sites[home].host_chain + usize::from(at != 0);
                self.sites[at].host_chain = self.sites[at].host_chain.max(chain);
            }
            if !self.sites[at].hosts.iter().any(|known| known.0 == host.0) {
                self.sites[at].hosts.push(host);
            }
        }
    }

    fn draw_addresses(&mut self, draw: &Draw) -> Vec<String> {
        match draw.below(10) {
            0 => vec![self.address(false), self.address(false)],
            1 => vec![self.address(true)],
            2..4 => vec![self.address(false), self.address(true)],
            _ => vec![self.address(false)],
        }
    }

    /// An address that no server has.
    pub(super) fn address(&mut self, ipv6: bool) -> String {
        self.addresses += 1;
        let number = self.addresses;
        if ipv6 {
            format!("2001:db8::{number:x}")
        } else {
            format!("198.18.{}.{}", number / 250, number % 250 + 1)
        }
    }

    fn add_records(&mut self, draw: &Draw, at: usize) {
        let mut number = u32::try_from(at).unwrap() << 8;
        let mut address = || {
            number += 1;
            let [_, b, c, d] = number.to_be_bytes();
            format!("11.{b}.{c}.{d}")
        };
        let mut records = vec![format!("www A {}", address())];
        if draw.one_in(2) {
            records.push(format!("www A {}", address()));
            records.push(format!("www AAAA 2001:db8:1::{at:x}"));
        }
        records.push(format!("short {} A {}", draw.below(3), address()));
        if draw.one_in(2) {
            records.push(format!("*.w A {}", address()));
            records.push("*.w TXT any".to_owned());
        }
        if draw.one_in(2) {
            records.push(format!("x.y A {}", address()));
            records.push("@ MX 10 www".to_owned());
        }
        if draw.one_in(2) {
            let text = "m".repeat(100 + draw.below(150));
            let many = (0..=draw.below(14)).map(|place| format!("big TXT {place}{text}"));
            records.extend(many);
        }
        if at > 1 {
            for place in 0..draw.below(3) {
                let target = &self.sites[draw.below(at)].name;
                let label = *draw.of(&["www", "www", "c0", "c1", "q.w", "none", "www.old"]);
                let dot = if target == "." { "" } else { "." };
                let owner = if draw.one_in(4) { format!("*.wc{place}") } else { format!("c{place}") };
                records.push(format!("{owner} CNAME {label}{dot}{target}"));
            }
            if draw.one_in(4) {
                let target = &self.sites[1 + draw.below(at - 1)].name;
                records.push(format!("old DNAME {target}"));
            }
        }
        self.sites[at].records = records;
    }

    /// The deepest site that a name is in.
    pub(super) fn home_of(&self, host: &str) -> Option<usize> {
        let host = name(host);
        let within = |at: &usize| !self.sites[*at].gone && host.is_subdomain_of(&name(&self.sites[*at].name));
        (0..self.sites.len()).filter(within).max_by_key(|at| name(&self.sites[*at].name).label_count())
    }

    /// The site itself, those above it, and those its servers' names are in, with all that these depend on.
    pub(super) fn reach(&self, of: usize) -> BTreeSet<usize> {
        let mut reach = BTreeSet::new();
        let mut open = vec![of];
        while let Some(at) = open.pop() {
            if reach.insert(at) {
                open.extend(self.sites[at].parent);
                open.extend(self.sites[at].hosts.iter().filter_map(|(host, _)| self.home_of(host)));
            }
        }
        reach
    }

    /// The world of this description.
    pub(super) fn world(&self) -> World {
        let there = self.sites.iter().filter(|site| !site.gone);
        there.fold(World::new(self.seed), |world, site| world.zone(site.zone()))
    }

    /// What is worth asking.
    pub(super) fn questions(&self, draw: &Draw, count: usize) -> Vec<Question> {
        use RecordType as T;
        let names: [(&str, &[T]); 13] = [
            ("www", &[T::A, T::A, T::AAAA, T::MX]),
            ("short", &[T::A]),
            ("none", &[T::A]),
            ("a.none", &[T::TXT]),
            ("y", &[T::A]),
            ("q.w", &[T::A, T::TXT, T::AAAA]),
            ("big", &[T::TXT]),
            ("c0", &[T::A, T::AAAA, T::CNAME]),
            ("c1", &[T::A, T::TXT]),
            ("q.wc0", &[T::A]),
            ("www.old", &[T::A, T::TXT]),
            ("none.old", &[T::A]),
            ("", &[T::SOA, T::NS, T::DNSKEY, T::DS, T::MX]),
        ];
        let mut questions: Vec<Question> = Vec::new();
        for _ in 0..count {
            let (label, types) = draw.of(&names);
            let zone = &draw.of(&self.sites).name;
            let dot = if zone == "." || label.is_empty() { "" } else { "." };
            let question = Question::new(name(&format!("{label}{dot}{zone}")), *draw.of(types));
            if !questions.contains(&question) {
                questions.push(question);
            }
        }
        questions
    }

    /// Whether anything hangs on the site: sites below it, or servers' names.
    pub(super) fn is_leaf(&self, at: usize) -> bool {
        let home = name(&self.sites[at].name);
        (0..self.sites.len()).filter(|other| *other != at).all(|other| {
            let site = &self.sites[other];
            site.parent != Some(at) && site.hosts.iter().all(|(host, _)| !name(host).is_subdomain_of(&home))
        })
    }

    /// Whether its servers serve no other site: what they say of a zone that was withdrawn is not asked for then.
    pub(super) fn has_own_servers(&self, at: usize) -> bool {
        let own: Vec<&String> = self.sites[at].hosts.iter().flat_map(|(_, addresses)| addresses).collect();
        let others = (0..self.sites.len()).filter(|other| *other != at).map(|other| &self.sites[other]);
        others
            .flat_map(|site| &site.hosts)
            .flat_map(|(_, addresses)| addresses)
            .all(|one| !own.contains(&one))
    }

    /// A site below a top-level domain.
    pub(super) fn draw_low(&self, draw: &Draw) -> usize {
        let low: Vec<usize> = (0..self.sites.len())
            .filter(|at| self.sites[*at].parent.is_some_and(|parent| parent > 0))
            .collect();
        *draw.of(&low)
    }

    /// A zone's name, by its place.
    pub(super) fn name_at(&self, at: usize) -> Name {
        name(&self.sites[at].name)
    }
}

impl Site {
    /// Whether other sites may hang on it.
    fn is_sound(&self) -> bool {
        !matches!(self.shape, Shape::Flawed(_) | Shape::WrongDs)
    }
}
