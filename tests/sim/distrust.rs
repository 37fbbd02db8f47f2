//! What becomes of bogus answers: other servers are heard, few packets are sent, little is remembered.

use rootwalk::dns::message::Message;
use rootwalk::dns::{Rcode, Rdatas, RecordType};
use rootwalk::lab::{Fault, World, Zone};
use rootwalk::limits::Limit;

use crate::harness::{Sim, name, seed};

const WEB: [u8; 4] = [192, 0, 2, 80];

fn site(zone: &str) -> Zone {
    Zone::new(zone).record("www A 192.0.2.80")
}

fn each_rrset(change: fn(&mut rootwalk::dns::Rrset), of: RecordType) -> Fault {
    Fault::rewrites(move |_, reply: &mut Message| {
        let sections = reply.answer.iter_mut().chain(&mut reply.authority);
        sections.filter(|rrset| rrset.rtype == of).for_each(change);
    })
}

fn forged(of: RecordType) -> Fault {
    let change = |rrset: &mut rootwalk::dns::Rrset| {
        let mut rdata = rrset.rdatas.first().unwrap().to_vec();
        *rdata.last_mut().unwrap() ^= 1;
        rrset.rdatas = [rdata.as_slice()].into_iter().collect();
    };
    each_rrset(change, of)
}

fn stripped(of: RecordType) -> Fault {
    each_rrset(|rrset| rrset.signatures = Rdatas::new(), of)
}

#[tokio::test(start_paused = true)]
async fn one_bad_server_of_two_never_decides() {
    for seed in 0..6 {
        for rtype in [RecordType::A, RecordType::DNSKEY, RecordType::DS, RecordType::NSEC, RecordType::SOA] {
            for fault in [forged(rtype), stripped(rtype)] {
                let zones = World::new(seed)
                    .zone(Zone::new("org.").servers(2).fault_at(0, fault.clone()))
                    .zone(site("example.org.").servers(2).fault_at(1, fault))
                    .zone(site("plain.org.").unsigned());
                let sim = Sim::with(zones, |options| options.seed = seed);
                sim.ask_a("www.example.org.").await.is_secure_address(WEB);
                let denied = sim.ask_a("none.example.org.").await;
                assert_eq!(
                    (denied.rcode(), denied.secure()),
                    (Rcode::NXDOMAIN, true),
                    "{rtype} {}",
                    denied.text()
                );
                sim.ask_a("www.plain.org.").await.is_address(WEB);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn bad_servers_alone_cost_a_handful_of_packets() {
    for rtype in [RecordType::A, RecordType::DNSKEY] {
        for fault in [forged(rtype), stripped(rtype)] {
            let bad =
                (0..6).fold(site("example.org.").servers(6), |zone, at| zone.fault_at(at, fault.clone()));
            let sim = Sim::new(World::new(seed()).zone(site("warm.org.")).zone(bad));
            sim.ask_a("www.warm.org.").await.is_secure_address(WEB);
            let reply = sim.ask_a("www.example.org.").await;
            assert_eq!(reply.rcode(), Rcode::SERVFAIL);
            assert!(reply.packets <= 8, "{rtype}: {} packets, {}", reply.packets, reply.text());
            assert_eq!(sim.ask_a("www.example.org.").await.packets, 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_bad_server_does_not_hide_half_a_proof_behind_an_alias() {
    let half = Fault::rewrites(|question, reply| {
        if question.name.to_string().eq_ignore_ascii_case("none.old.example.org.") {
            reply.authority.retain(|rrset| rrset.rtype != RecordType::NSEC);
        }
    });
    for seed in 0..6 {
        let zone = site("example.org.").record("old DNAME new").record("a.new A 192.0.2.80").servers(2);
        let zone = zone.fault(half.clone()).fault_at(0, forged(RecordType::DNAME));
        let sim = Sim::with(World::new(seed).zone(zone), |options| options.seed = seed);
        let reply = sim.ask_a("none.old.example.org.").await;
        assert_eq!((reply.rcode(), reply.secure()), (Rcode::NXDOMAIN, true), "{seed} {}", reply.text());
    }
}

#[tokio::test(start_paused = true)]
async fn the_keys_of_a_zone_are_kept_no_longer_than_anything_else() {
    let zone = site("example.org.").ttl(604_800).delegation_ttl(604_800);
    for zone in [zone.clone(), zone.unsigned()] {
        let sim = Sim::with(World::new(seed()).zone(zone), |options| options.ttl.max = 3_600);
        sim.ask_a("www.example.org.").await.is_address(WEB);
        let known = |zone: &str| sim.store.zones.get(&name(zone), sim.clock.now()).is_some();
        assert!(known("example.org."));
        sim.pass(3_601).await;
        assert!(!known("example.org."));
    }
}

#[tokio::test(start_paused = true)]
async fn each_piece_of_evidence_is_charged_once() {
    // Keys of three zones, DS of two.
    let zones = World::new(seed()).zone(site("example.org."));
    let sim = Sim::with(zones, |options| options.caps = options.caps.clone().with(Limit::Evidence, 5));
    sim.ask_a("www.example.org.").await.is_secure_address(WEB);
}

#[tokio::test(start_paused = true)]
async fn a_least_ttl_does_not_outlive_the_signature() {
    let zone = site("example.org.").ttl(60).valid_for(7_200);
    let sim = Sim::with(World::new(seed()).zone(zone), |options| options.ttl.min = 80_000);
    let reply = sim.ask_a("www.example.org.").await;
    reply.is_secure_address(WEB);
    assert!((3_600..=7_200).contains(&reply.message.answer[0].ttl), "{}", reply.message.answer[0].ttl);
    let denied = sim.ask_a("none.example.org.").await;
    assert!(denied.secure() && denied.message.authority.iter().all(|rrset| rrset.ttl <= 7_200));
    sim.pass(7_201).await;
    assert!(sim.ask_a("www.example.org.").await.packets > 0);
}
