//! Graphs of zones drawn to be costly: fan-out of name servers times aliases times minimisation times dead servers.
//!
//! In: a seed. Out: what each question asked of the graph cost, or which bound it broke. NXNSAttack (CVE-2020-8616),
//! NRDelegationAttack (CVE-2022-3204), CAMP (2024) and the like are corners of what is drawn here.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use rootwalk::dns::message::Message;
use rootwalk::dns::{Question, Rcode, RecordType, Rrset};
use rootwalk::entropy::Entropy;
use rootwalk::lab::{Fault, Junk, World, Zone};

use super::meter::{Meter, Metered};
use super::run::{PATIENCE, in_virtual_time};
use crate::harness::{Ask, Sim, name};
use crate::worlds::Draw;

/// What a graph cost.
pub(super) struct Cost {
    pub(super) packets: Vec<u32>,
    pub(super) slowest: Duration,
}

/// Asks a graph.
pub(super) fn run(seed: u64) -> Result<Cost, String> {
    in_virtual_time(async { ask_graph(seed).await })
}

async fn ask_graph(seed: u64) -> Result<Cost, String> {
    let draw = Draw(Entropy::seeded(seed));
    let (world, zones) = draw_graph(&draw, seed);
    let meter = Arc::new(Meter::default());
    let watching = Arc::clone(&meter);
    let sim = Arc::new(Sim::with(world, |options| {
        options.seed = seed;
        options.between = Box::new(|source| Arc::new(Metered { source, meter: watching }));
    }));
    let mut slowest = Duration::ZERO;
    for _ in 0..4 {
        // One after the other, or several at once.
        let mut asking = Vec::new();
        for _ in 0..=draw.below(3) {
            let owner = costly_name(&draw, &zones);
            let rtype =
                *draw.of(&[RecordType::A, RecordType::A, RecordType::TXT, RecordType::NS, RecordType::DS]);
            let sim = Arc::clone(&sim);
            asking
                .push(tokio::spawn(async move { (sim.ask_as(&Ask::new(&owner, rtype)).await.took, owner) }));
        }
        for one in asking {
            let (took, owner) = one.await.map_err(|error| error.to_string())?;
            slowest = slowest.max(took);
            if took > PATIENCE {
                return Err(format!("{owner} took {took:?}"));
            }
        }
        sim.pass(u64::try_from(draw.below(10)).unwrap()).await;
    }
    // What still runs for nobody counts too.
    sim.pass(20).await;
    if sim.service.in_flight() > 0 {
        return Err(format!("{} flights are under way long after", sim.service.in_flight()));
    }
    meter.check(sim.network.sent())?;
    Ok(Cost { packets: meter.packets(), slowest })
}

fn draw_graph(draw: &Draw, seed: u64) -> (World, Vec<String>) {
    let mut zones: Vec<String> = Vec::new();
    for number in 0..2 + draw.below(6) {
        let below = if zones.is_empty() || draw.one_in(2) {
            (*draw.of(&["com.", "net."])).to_owned()
        } else {
            draw.of(&zones).clone()
        };
        zones.push(format!("a{number}.{below}"));
    }
    let mut world = World::new(seed);
    for (at, zone) in zones.iter().enumerate() {
        world = world.zone(draw_zone(draw, at, zone, &zones, seed));
    }
    (world, zones)
}

fn draw_zone(draw: &Draw, at: usize, own: &str, zones: &[String], seed: u64) -> Zone {
    let mut zone = Zone::new(own).ttl(*draw.of(&[0, 1, 60, 3_600])).algorithm(*draw.of(&[13, 13, 15]));
    zone = match draw.below(6) {
        0..3 => zone.unsigned(),
        3 => zone.nsec3(50, b"ab"),
        4 => zone.opt_out(),
        _ => zone,
    };
    let address = |place: usize| format!("198.18.{}.{}", at + 1, place + 1);
    for place in 0..=draw.below(4) {
        let host = if draw.one_in(2) {
            format!("ns{place}.{own}")
        } else {
            format!("n{at}-{place}.{}", draw.of(zones))
        };
        zone = zone.server(&host, &[&address(place)]);
    }
    // The parent's name servers, most of which lead nowhere or far.
    if draw.one_in(2) {
        for _ in 0..*draw.of(&[1, 3, 8, 20, 40]) {
            zone = zone.parent_server(&costly_name(draw, zones), &[]);
        }
        if draw.one_in(2) {
            zone = zone.parent_server(&format!("ns0.{own}"), &[&address(0)]);
        }
    }
    if draw.one_in(2) {
        for _ in 0..*draw.of(&[1, 5, 12]) {
            zone = zone.record(&format!("@ NS {}", costly_name(draw, zones)));
        }
    }
    zone = zone.record(&format!("www CNAME {}", costly_name(draw, zones)));
    for place in 0..6 {
        zone = zone.record(&format!("c{place} CNAME c{}.{}", (place + 1) % 6, draw.of(zones)));
    }
    zone = match draw.below(4) {
        0 => zone.record(&format!("* CNAME {}", costly_name(draw, zones))),
        1 => zone.record("* A 192.0.2.6"),
        2 => zone.record(&format!("d DNAME d.{}", draw.of(zones))),
        _ => zone,
    };
    for _ in 0..draw.below(3) {
        let fault = draw_fault(draw, zones, seed);
        zone = if draw.one_in(2) { zone.fault(fault) } else { zone.fault_at(draw.below(4), fault) };
    }
    zone
}

/// A name below one of the zones that takes a while to be looked up.
fn costly_name(draw: &Draw, zones: &[String]) -> String {
    let mut owner = String::new();
    for _ in 0..*draw.of(&[0, 0, 1, 4, 12, 40]) {
        write!(owner, "{}.", draw.below(10)).unwrap();
    }
    let label = *draw.of(&["www", "c0", "c3", "d", "x.d", "none", "ns0", "gone"]);
    format!("{owner}{label}.{}", draw.of(zones))
}

fn draw_fault(draw: &Draw, zones: &[String], seed: u64) -> Fault {
    match draw.below(14) {
        0 => Fault::Dead,
        1 => Fault::Slow(Duration::from_millis(*draw.of(&[100, 350, 900, 2_000]))),
        2 => Fault::LossPercent(60),
        3 => Fault::Lame,
        4 => Fault::LameUpward,
        5 => Fault::Says(*draw.of(&[Rcode::SERVFAIL, Rcode::FORMERR, Rcode::NOTIMP])),
        6 => Fault::Truncates,
        7 => draw.of(&[Fault::TcpSilent, Fault::TcpCloses, Fault::TruncatesTcp]).clone(),
        8 => draw.of(&[Fault::DropsEdns, Fault::FormErrOnEdns, Fault::LowersCase]).clone(),
        9 => Fault::Flood(*draw.of(&Junk::ALL), 70),
        10..12 => endless_aliases(zones.to_vec(), seed),
        _ => endless_referrals(zones.to_vec(), seed),
    }
}

/// The choices for a question.
fn choices(question: &Question, seed: u64) -> Draw {
    let octets = question.name.to_lowercase().as_wire().to_vec();
    Draw(Entropy::seeded(octets.iter().fold(seed, |sum, octet| sum.wrapping_mul(31) ^ u64::from(*octet))))
}

/// Every name is an alias of another.
fn endless_aliases(zones: Vec<String>, seed: u64) -> Fault {
    Fault::rewrites(move |question, reply| {
        if question.rtype == RecordType::DNSKEY || question.rtype == RecordType::DS {
            return;
        }
        let draw = choices(question, seed);
        let target = name(&format!("h{}.{}", draw.below(1_000_000), costly_name(&draw, &zones)));
        clear(reply);
        let ttl = if draw.one_in(2) { 0 } else { 60 };
        let alias = Rrset::new(question.name.clone(), RecordType::CNAME, ttl);
        reply.answer.push(alias.with(target.as_wire()));
    })
}

/// Every question is referred to one more zone below, whose name servers have to be looked up.
fn endless_referrals(zones: Vec<String>, seed: u64) -> Fault {
    Fault::rewrites(move |question, reply| {
        let draw = choices(question, seed);
        clear(reply);
        reply.header.authoritative = false;
        let mut servers = Rrset::new(question.name.clone(), RecordType::NS, 60);
        for number in 0..*draw.of(&[1, 5, 20]) {
            let host = name(&format!("n{number}-{}.{}", draw.below(1_000_000), draw.of(&zones)));
            servers.rdatas.push(host.as_wire());
            if draw.one_in(4) {
                let address = [198, 18, u8::try_from(draw.below(9)).unwrap(), 1];
                reply.additional.push(Rrset::new(host, RecordType::A, 60).with(&address));
            }
        }
        reply.authority.push(servers);
    })
}

fn clear(reply: &mut Message) {
    reply.header.rcode = Rcode::NOERROR;
    reply.header.authoritative = true;
    reply.answer.clear();
    reply.authority.clear();
    reply.additional.clear();
}
