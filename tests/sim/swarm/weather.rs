//! What goes wrong, where and how long: faults of servers, cuts of the uplink, and liars.
//!
//! In: the versions of an internet. Out: a [`Weather`], which at any second knows the faults in force.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rootwalk::dns::response::Transport;
use rootwalk::dns::{Rcode, RecordType};
use rootwalk::lab::{CookieWay, Cut, Fault, Internet, Junk, Network};

use super::changes::Version;
use super::liars::{FORGED, Lie, Lore};
use crate::worlds::Draw;

/// A fault for a span of time.
struct Spell {
    from_secs: u32,
    to_secs: u32,
    server: IpAddr,
    fault: Fault,
}

/// A cut of the uplink for a span of time, or of one family of it.
struct Outage {
    from_secs: u32,
    to_secs: u32,
    /// None: both.
    ipv6: Option<bool>,
    how: Cut,
}

/// All that goes wrong.
pub(super) struct Weather {
    spells: Vec<Spell>,
    outages: Vec<Outage>,
    /// The servers that lie at some time.
    pub(super) liars: BTreeSet<IpAddr>,
    /// Some of them tell what was true once.
    pub(super) replays: bool,
    /// From when on all is well, in seconds.
    pub(super) end_secs: u32,
}

impl Weather {
    pub(super) fn draw(draw: &Draw, versions: &[Version], internets: &[Arc<Internet>], seed: u64) -> Self {
        let last = versions.last().map_or(0, |version| version.from_secs);
        let end_secs = (last + 60).max(120 + u32::try_from(draw.below(600)).unwrap());
        let mut weather = Self {
            spells: Vec::new(),
            outages: Vec::new(),
            liars: BTreeSet::new(),
            replays: false,
            end_secs,
        };
        let all: BTreeSet<IpAddr> = internets.iter().flat_map(|internet| internet.addresses()).collect();
        let all: Vec<IpAddr> = all.into_iter().collect();
        for _ in 0..draw.below(10) {
            let (from_secs, to_secs) = weather.span(draw);
            let fault = draw_fault(draw);
            let zone = &internets[0].zones().nth(draw.below(internets[0].zones().count())).unwrap();
            let servers = match draw.below(12) {
                // The whole zone, or everybody.
                0..3 => internets[0].addresses_of(zone.name()),
                3 => all.clone(),
                _ => vec![*draw.of(&all)],
            };
            for server in servers {
                weather.spells.push(Spell { from_secs, to_secs, server, fault: fault.clone() });
            }
        }
        for _ in 0..draw.below(8).saturating_sub(5) {
            let (from_secs, to_secs) = weather.span(draw);
            let ipv6 = *draw.of(&[None, Some(false), Some(true)]);
            let how = *draw.of(&[Cut::Blackhole, Cut::NoRoute]);
            weather.outages.push(Outage { from_secs, to_secs, ipv6, how });
        }
        weather.add_liars(draw, &versions[0], internets, seed);
        weather
    }

    fn span(&self, draw: &Draw) -> (u32, u32) {
        let end = usize::try_from(self.end_secs).unwrap();
        let from = if draw.one_in(3) { 0 } else { draw.below(end) };
        let to = if draw.one_in(3) { end } else { end.min(from + 10 + draw.below(400)) };
        (u32::try_from(from).unwrap(), u32::try_from(to).unwrap())
    }

    fn add_liars(&mut self, draw: &Draw, first: &Version, internets: &[Arc<Internet>], seed: u64) {
        let count = draw.below(4);
        let lore = Lore::new(Arc::clone(&internets[0]), seed);
        if count > 0 {
            let server = FORGED.into();
            let fault = Lie::Anything.fault(&lore, server);
            self.spells.push(Spell { from_secs: 0, to_secs: self.end_secs, server, fault });
        }
        for _ in 0..count {
            // A lying root or top-level domain spoils all that is unsigned below.
            let at =
                if draw.one_in(12) { draw.below(first.plan.sites.len()) } else { first.plan.draw_low(draw) };
            let servers = internets[0].addresses_of(&first.plan.name_at(at));
            let server = *draw.of(&servers);
            let (from_secs, to_secs) = self.span(draw);
            self.liars.insert(server);
            for _ in 0..=draw.below(3) {
                let lie = *draw.of(&Lie::ALL);
                self.replays |= lie == Lie::Past;
                self.spells.push(Spell { from_secs, to_secs, server, fault: lie.fault(&lore, server) });
            }
        }
    }

    /// The seconds at which something begins or ends.
    pub(super) fn turns(&self) -> BTreeSet<u32> {
        let turns = self.spells.iter().flat_map(|spell| [spell.from_secs, spell.to_secs]);
        let cuts = self.outages.iter().flat_map(|outage| [outage.from_secs, outage.to_secs]);
        turns.chain(cuts).chain([0, self.end_secs]).collect()
    }

    /// What is wrong at a second.
    pub(super) fn at(&self, secs: u32) -> Vec<(IpAddr, Fault)> {
        let holds = |spell: &&Spell| (spell.from_secs..spell.to_secs).contains(&secs);
        self.spells.iter().filter(holds).map(|spell| (spell.server, spell.fault.clone())).collect()
    }

    /// Cuts and mends the uplink as it is at a second.
    pub(super) fn turn_uplink(&self, network: &Network, secs: u32) {
        network.mend();
        for outage in self.outages.iter().filter(|one| (one.from_secs..one.to_secs).contains(&secs)) {
            match outage.ipv6 {
                None => network.cut(outage.how),
                Some(ipv6) => network.cut_family(ipv6, outage.how),
            }
        }
    }

    /// For people: what goes wrong when.
    pub(super) fn story(&self) -> Vec<String> {
        let tell = |spell: &Spell| {
            format!("{}..{} s: {} {:?}", spell.from_secs, spell.to_secs, spell.server, spell.fault)
        };
        let cut = |outage: &Outage| {
            let Outage { from_secs, to_secs, ipv6, how } = outage;
            format!("{from_secs}..{to_secs} s: the uplink: {how:?}, IPv6 {ipv6:?}")
        };
        self.spells.iter().map(tell).chain(self.outages.iter().map(cut)).collect()
    }
}

fn draw_fault(draw: &Draw) -> Fault {
    let twice = |_: &[u8], reply: &[u8]| vec![reply.to_vec(), reply.to_vec()];
    let fault = match draw.below(21) {
        0 | 1 => Fault::Dead,
        2 => Fault::PortClosed,
        3 => Fault::NoRoute,
        4 | 5 => Fault::LossPercent(*draw.of(&[10, 30, 60, 90])),
        6 => Fault::Slow(Duration::from_millis(*draw.of(&[300, 1_000, 3_000, 8_000]))),
        7 => Fault::Lame,
        8 => Fault::LameUpward,
        9 => Fault::NotAuthoritative,
        10 => Fault::Says(*draw.of(&[Rcode::SERVFAIL, Rcode::REFUSED, Rcode::NOTIMP, Rcode::FORMERR])),
        11 => Fault::SaysOnEdns(*draw.of(&[Rcode::NOTIMP, Rcode::FORMERR, Rcode::SERVFAIL])),
        12 => {
            draw.of(&[Fault::FormErrOnEdns, Fault::DropsEdns, Fault::IgnoresEdns, Fault::LowersCase]).clone()
        }
        13 => Fault::Truncates,
        14 => draw.of(&[Fault::TcpRefused, Fault::TcpCloses, Fault::TcpSilent, Fault::TruncatesTcp]).clone(),
        15 => Fault::WrongId,
        16 | 17 => Fault::JunkFirst(*draw.of(&Junk::ALL)),
        18 => Fault::Flood(*draw.of(&Junk::ALL), 80),
        19 => Fault::Cookies(*draw.of(&[
            CookieWay::Required(1),
            CookieWay::Required(2),
            CookieWay::NeverRight,
            CookieWay::OfAnother,
            CookieWay::Malformed(5),
        ])),
        _ => Fault::RewritesOctets(Arc::new(twice)),
    };
    match draw.below(8) {
        0 => fault.first(1 + u32::try_from(draw.below(5)).unwrap()),
        1 => fault.for_type(*draw.of(&[RecordType::DNSKEY, RecordType::A, RecordType::DS])),
        2 => Fault::Over(*draw.of(&[Transport::Udp, Transport::Tcp]), Box::new(fault)),
        _ => fault,
    }
}
