//! The addresses at which a zone may be asked, and the name servers whose addresses are still to be found.
//!
//! In: a cut with its glue; later what lookups bring. Out: addresses, each once whatever the number of names
//! that share it (CVE-2026-3592), none that must not be asked. At most 13 name servers of a cut are looked at,
//! drawn at random (CVE-2022-3204), 6 addresses of a family each, and few of the names without glue are looked
//! up (NXNSAttack, CVE-2020-8616). The lookups themselves are done by `cut`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::cache::delegations::CachedCut;
use crate::dns::Name;
use crate::entropy::Entropy;
use crate::limits;

use super::Settings;

/// An address of a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Target {
    /// The address.
    pub(super) address: IpAddr,
    /// How often it was asked the question at hand.
    pub(super) tried: u32,
    /// It is not asked again for the question at hand.
    pub(super) done: bool,
}

/// Where a zone may be asked.
#[derive(Debug)]
pub(super) struct Targets {
    found: Vec<Target>,
    /// Name servers without glue of use, in the order they are looked up: the last one first.
    names: Vec<Name>,
    /// Name servers that only the child names; looked up when all else has failed.
    child_names: Vec<Name>,
    /// Name servers at or below the zone that came without glue: only the zone itself knows their addresses.
    unreachable: usize,
    lookups: usize,
}

impl Targets {
    /// The addresses of a cut, without those to `avoid`.
    pub(super) fn of(cut: &CachedCut, settings: &Settings, avoid: &[IpAddr], entropy: &Entropy) -> Self {
        let mut servers: Vec<_> = cut.delegation.servers.iter().collect();
        shuffle(&mut servers, entropy);
        servers.truncate(limits::NAME_SERVERS_USED_MAX);
        let mut targets = Self {
            found: Vec::new(),
            names: Vec::new(),
            child_names: cut.child_servers.clone(),
            unreachable: 0,
            lookups: 0,
        };
        // Glue of a family that is not spoken is no glue.
        let usable = |address: &IpAddr| may_be_asked(address.to_canonical(), settings);
        for server in servers {
            if server.glue.iter().any(usable) {
                targets.add(&server.glue, settings, avoid);
            } else if server.name.is_subdomain_of(cut.zone()) {
                targets.unreachable += usize::from(server.glue.is_empty());
            } else {
                targets.names.push(server.name.clone());
            }
        }
        shuffle(&mut targets.child_names, entropy);
        targets
    }

    /// Adds the addresses of one name server.
    pub(super) fn add(&mut self, addresses: &[IpAddr], settings: &Settings, avoid: &[IpAddr]) {
        for ipv6 in [false, true] {
            let mut room = limits::ADDRESSES_PER_SERVER_MAX;
            // RFC 4291 §2.5.5.2: an IPv4 address in IPv6 clothes is an IPv4 address (CVE-2026-123603).
            for address in addresses.iter().map(IpAddr::to_canonical).filter(|one| one.is_ipv6() == ipv6) {
                let known = self.found.iter().any(|target| target.address == address);
                if room == 0 || known || avoid.contains(&address) || !may_be_asked(address, settings) {
                    continue;
                }
                room -= 1;
                self.found.push(Target { address, tried: 0, done: false });
            }
        }
    }

    /// The name server to look up next: the parent's, and when `all_failed` the child's. None if there are no
    /// more or enough were looked up.
    pub(super) fn next_name(&mut self, all_failed: bool) -> Option<Name> {
        if self.lookups >= limits::SERVER_LOOKUPS_PER_CUT_MAX {
            return None;
        }
        let name = self.names.pop().or_else(|| if all_failed { self.child_names.pop() } else { None })?;
        self.lookups += 1;
        Some(name)
    }

    /// The addresses that may still be asked.
    pub(super) fn open(&self) -> impl Iterator<Item = &Target> {
        self.found.iter().filter(|target| !target.done)
    }

    /// Counts a query to an address; `done` if it is of no use for this question any more.
    pub(super) fn asked(&mut self, address: IpAddr, done: bool) {
        if let Some(target) = self.found.iter_mut().find(|target| target.address == address) {
            target.tried += 1;
            target.done |= done || target.tried >= limits::ATTEMPTS_PER_ADDRESS_MAX;
        }
    }

    /// No address is asked a second time any more.
    pub(super) fn no_repeats(&mut self) {
        for target in self.found.iter_mut().filter(|target| target.tried > 0) {
            target.done = true;
        }
    }

    /// Another question begins.
    pub(super) fn start_over(&mut self) {
        for target in &mut self.found {
            (target.tried, target.done) = (0, false);
        }
    }

    /// Whether no address was ever found and every name server's address is known only to the zone itself.
    pub(super) fn depends_on_itself(&self) -> bool {
        self.found.is_empty() && self.unreachable > 0 && self.lookups == 0
    }

    /// Whether no address was found at all.
    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }
}

/// Fisher and Yates.
fn shuffle<T>(list: &mut [T], entropy: &Entropy) {
    for place in (1..list.len()).rev() {
        list.swap(place, entropy.below(place + 1));
    }
}

/// Whether an address, in its canonical form, is one that servers can have and that is not ruled out.
pub(super) fn may_be_asked(address: IpAddr, settings: &Settings) -> bool {
    let usable = match address {
        IpAddr::V4(ipv4) => settings.ipv4 && is_usable_ipv4(ipv4),
        IpAddr::V6(ipv6) => settings.ipv6 && is_usable_ipv6(ipv6),
    };
    usable
        && !(settings.do_not_query_localhost && address.is_loopback())
        && !settings.do_not_query.iter().any(|prefix| prefix.contains(address))
}

/// RFC 1122 §3.2.1.3, RFC 1112 §4: no host has such an address (CVE-2026-50251 for 0.0.0.0).
fn is_usable_ipv4(address: Ipv4Addr) -> bool {
    let [first, ..] = address.octets();
    first != 0 && !address.is_multicast() && !address.is_broadcast()
}

/// RFC 4291 §2.5.2, §2.7; link-local addresses mean nothing without an interface (§2.5.6).
fn is_usable_ipv6(address: Ipv6Addr) -> bool {
    !address.is_unspecified() && !address.is_multicast() && !address.is_unicast_link_local()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Moment;
    use crate::iterate::testing::{delegation, ip};

    fn targets(servers: &[(&str, &[&str])], settings: &Settings) -> Targets {
        let cut = CachedCut::new(delegation("example.test.", servers), Moment(0), Moment(9));
        Targets::of(&cut, settings, &[ip("192.0.2.66")], &Entropy::seeded(1))
    }

    fn open(targets: &Targets) -> Vec<IpAddr> {
        let mut all: Vec<IpAddr> = targets.open().map(|target| target.address).collect();
        all.sort();
        all
    }

    #[test]
    fn an_address_shared_by_many_names_is_there_once() {
        let shared: &[&str] = &["192.0.2.1", "192.0.2.2", "::ffff:192.0.2.1"];
        let found = targets(&[("a.x.", shared), ("b.x.", shared), ("c.x.", shared)], &Settings::default());
        assert_eq!(open(&found), [ip("192.0.2.1"), ip("192.0.2.2")]);
    }

    #[test]
    fn addresses_that_must_not_be_asked_are_left_out() {
        let bad: &[&[&str]] = &[
            &["0.0.0.0", "0.1.2.3", "127.0.0.1", "127.9.9.9", "224.0.0.1", "255.255.255.255"],
            &["::", "::1", "ff02::1", "fe80::1", "::ffff:127.0.0.1", "::ffff:0.0.0.0"],
            &["192.0.2.66", "198.51.100.7", "2001:db8:bad::1"],
        ];
        let prefixes = vec!["198.51.100.0/24".parse().unwrap(), "2001:db8:bad::/48".parse().unwrap()];
        let settings = Settings { do_not_query: prefixes, ..Settings::default() };
        let found = targets(&[("a.x.", bad[0]), ("b.x.", bad[1]), ("c.x.", bad[2])], &settings);
        assert!(found.is_empty(), "{found:?}");
        let lab = Settings { do_not_query_localhost: false, ..Settings::default() };
        let found = targets(&[("a.x.", bad[0]), ("b.x.", bad[1])], &lab);
        assert_eq!(open(&found), [ip("127.0.0.1"), ip("127.9.9.9"), ip("::1")]);
    }

    #[test]
    fn a_family_that_is_off_is_not_asked() {
        let settings = Settings { ipv6: false, ..Settings::default() };
        assert_eq!(open(&targets(&[("a.x.", &["192.0.2.1", "2001:db8::1"])], &settings)), [ip("192.0.2.1")]);
    }

    #[test]
    fn of_many_name_servers_thirteen_are_looked_at_and_few_looked_up() {
        let names: Vec<String> = (0..20).map(|i| format!("ns{i}.victim.test.")).collect();
        let servers: Vec<(&str, &[&str])> = names.iter().map(|name| (name.as_str(), &[][..])).collect();
        let mut found = targets(&servers, &Settings::default());
        let looked_up = std::iter::from_fn(|| found.next_name(true)).count();
        assert_eq!(looked_up, limits::SERVER_LOOKUPS_PER_CUT_MAX);
        let glued: Vec<String> = (0..20).map(|i| format!("192.0.2.{}", i + 1)).collect();
        let glue: Vec<[&str; 1]> = glued.iter().map(|one| [one.as_str()]).collect();
        let servers: Vec<(&str, &[&str])> =
            names.iter().zip(&glue).map(|(name, one)| (name.as_str(), &one[..])).collect();
        let found = targets(&servers, &Settings::default());
        assert_eq!(found.open().count(), limits::NAME_SERVERS_USED_MAX);
    }

    #[test]
    fn of_one_name_server_six_addresses_of_each_family_are_used() {
        let many: Vec<String> = (1..=20).map(|i| format!("192.0.2.{i}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(targets(&[("a.x.", &many)], &Settings::default()).open().count(), 6);
    }

    #[test]
    fn a_name_within_the_zone_without_glue_is_never_looked_up() {
        let mut found = targets(&[("ns.example.test.", &[])], &Settings::default());
        assert_eq!(found.next_name(true), None);
        assert!(found.depends_on_itself());
    }
}
