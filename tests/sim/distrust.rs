//! What becomes of bogus answers: other servers are heard, few packets are sent, little is remembered.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rootwalk::dns::message::Message;
use rootwalk::dns::{Question, Rcode, Rdatas, RecordType, Rrset};
use rootwalk::entropy::Entropy;
use rootwalk::lab::{Fault, Judgement, World, Zone};
use rootwalk::limits::Limit;

use crate::harness::{Sim, name, seed};

const WEB: [u8; 4] = [192, 0, 2, 80];

fn site(zone: &str) -> Zone {
    Zone::new(zone).record("www A 192.0.2.80")
}

fn each_rrset(change: fn(&mut Rrset), of: RecordType) -> Fault {
    Fault::rewrites(move |_, reply: &mut Message| {
        let sections = reply.answer.iter_mut().chain(&mut reply.authority);
        sections.filter(|rrset| rrset.rtype == of).for_each(change);
    })
}

fn forged(of: RecordType) -> Fault {
    let change = |rrset: &mut Rrset| {
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
async fn evidence_that_one_server_of_two_does_not_give_comes_from_the_other() {
    let gives_nothing: [fn() -> Vec<Fault>; 12] = [
        || vec![Fault::Dead],
        || vec![Fault::PortClosed],
        || vec![Fault::Slow(Duration::from_secs(3))],
        || vec![Fault::Says(Rcode::SERVFAIL)],
        || vec![Fault::Says(Rcode::REFUSED)],
        || vec![Fault::Says(Rcode::NOTIMP)],
        || vec![Fault::Says(Rcode::NXDOMAIN)],
        || vec![Fault::NotAuthoritative],
        || vec![Fault::LameUpward],
        || vec![Fault::IgnoresEdns],
        || vec![Fault::Truncates, Fault::TcpCloses],
        || vec![Fault::rewrites(|_, reply| reply.answer.clear())],
    ];
    // Referrals that say nothing of DS, so that it has to be asked for.
    let silent = || Fault::rewrites(|_, reply| reply.authority.retain(|set| set.rtype == RecordType::NS));
    for (seed, faults) in
        gives_nothing.iter().enumerate().flat_map(|(n, faults)| [(2 * n, faults), (2 * n + 1, faults)])
    {
        for rtype in [RecordType::DS, RecordType::DNSKEY] {
            for referrals_say in [true, false] {
                let bad = |zone: Zone| {
                    let zone = faults()
                        .into_iter()
                        .fold(zone.servers(2), |zone, fault| zone.fault_at(0, fault.for_type(rtype)));
                    if referrals_say { zone } else { zone.fault(silent().for_type(RecordType::A)) }
                };
                let seed = u64::try_from(seed).unwrap();
                let zones = [
                    bad(Zone::new("org.")),
                    bad(Zone::new("mid.org.")),
                    bad(site("example.mid.org.")),
                    site("plain.mid.org.").unsigned(),
                ];
                let sim = Sim::with(zones.into_iter().fold(World::new(seed), World::zone), |options| {
                    options.seed = seed;
                });
                sim.ask_a("www.example.mid.org.").await.is_secure_address(WEB);
                sim.ask_a("www.plain.mid.org.").await.is_address(WEB);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_delegation_to_nowhere_by_one_server_of_two_does_not_decide() {
    // It is old, or forged: nobody is there, or somebody else.
    for elsewhere in [[198, 18, 66, 66], [198, 18, 66, 1]] {
        let old = move || {
            Fault::rewrites(move |_, reply| {
                reply.additional.retain(|rrset| rrset.rtype == RecordType::A);
                for rrset in &mut reply.additional {
                    *rrset = Rrset::new(rrset.name.clone(), RecordType::A, rrset.ttl).with(&elsewhere);
                }
            })
        };
        for seed in 0..12 {
            let zones = World::new(seed)
                .zone(Zone::new("org.").servers(2).fault_at(0, old()))
                .zone(site("other.net.").server("ns1", &["198.18.66.1"]))
                .zone(site("example.org."))
                .zone(site("plain.org.").unsigned());
            let sim = Sim::with(zones, |options| options.seed = seed);
            sim.ask_a("www.example.org.").await.is_secure_address(WEB);
            sim.ask_a("www.plain.org.").await.is_address(WEB);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_zone_costs_its_parent_two_questions_however_many_are_asked() {
    for fault in [Fault::Dead, Fault::Says(Rcode::REFUSED)] {
        let zones =
            World::new(seed()).zone(Zone::new("org.").servers(3)).zone(site("dead.org.").fault(fault));
        let sim = Arc::new(Sim::new(zones));
        let mut crowd = tokio::task::JoinSet::new();
        for number in 0..100 {
            let sim = Arc::clone(&sim);
            crowd.spawn(async move { sim.ask_a(&format!("n{number}.dead.org.")).await });
        }
        while let Some(reply) = crowd.join_next().await {
            assert_eq!(reply.unwrap().rcode(), Rcode::SERVFAIL);
        }
        let parents = sim.network.internet().addresses_of(&name("org."));
        let log = sim.network.log();
        let asked =
            log.iter().filter(|sent| parents.contains(&sent.server)).filter_map(|sent| sent.question());
        let asked = asked.filter(|question| question.name.is_subdomain_of(&name("dead.org.")));
        assert_eq!(asked.filter(|question| question.rtype == RecordType::A).count(), 2);
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

/// Somebody on the way who holds every record that was ever sent, and sends what seems useful.
struct Mallory {
    draw: Entropy,
    pool: Vec<Rrset>,
}

impl Mallory {
    fn below(&self, bound: usize) -> usize {
        usize::try_from(self.draw.u64() % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }

    fn changes(&mut self, question: &Question, reply: &mut Message) {
        for rrset in reply.answer.iter().chain(&reply.authority) {
            if self.pool.len() < 400 && !self.pool.contains(rrset) {
                self.pool.push(rrset.clone());
            }
        }
        for _ in 0..self.below(4) {
            self.change(question, reply);
        }
    }

    fn change(&mut self, question: &Question, reply: &mut Message) {
        let Some(old) = self.pool.get(self.below(self.pool.len())).cloned() else { return };
        let denials = |rrset: &&Rrset| matches!(rrset.rtype, RecordType::NSEC | RecordType::NSEC3);
        match self.below(9) {
            0 => reply.authority.push(old),
            1 => reply.authority.extend(self.pool.iter().filter(denials).rev().take(8).cloned()),
            2 if !reply.authority.is_empty() => {
                let place = self.below(reply.authority.len());
                reply.authority.remove(place);
            }
            // Another's data under this name, as if a wildcard had made it.
            3 | 4 => {
                let same: Vec<&Rrset> = self.pool.iter().filter(|one| one.rtype == question.rtype).collect();
                if let Some(one) = same.get(self.below(same.len())) {
                    reply.answer = vec![Rrset { name: question.name.clone(), ..(*one).clone() }];
                    reply.header.rcode = Rcode::NOERROR;
                }
            }
            5 => {
                reply.answer.clear();
                reply.header.rcode = if self.below(2) == 0 { Rcode::NXDOMAIN } else { Rcode::NOERROR };
                reply.authority.extend(self.pool.iter().filter(|one| one.rtype == RecordType::SOA).cloned());
                reply.authority.extend(self.pool.iter().filter(denials).take(9).cloned());
            }
            6 => reply
                .answer
                .iter_mut()
                .chain(&mut reply.authority)
                .for_each(|one| one.signatures = Rdatas::new()),
            7 => reply.authority.retain(|one| one.rtype != RecordType::DS),
            _ => reply.answer.insert(0, old),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_replays_and_mixes_records_proves_nothing_and_strips_nothing() {
    let (mut secure, mut refused) = (0, 0);
    for seed in seed()..seed() + 20 {
        let mallory = Arc::new(Mutex::new(Mallory { draw: Entropy::seeded(seed), pool: Vec::new() }));
        let fault = Fault::rewrites(move |question, reply| mallory.lock().unwrap().changes(question, reply));
        let rich = |zone: &str| {
            let zone = site(zone).record("*.w A 192.0.2.1").record("*.w TXT wild").record("x.y A 192.0.2.2");
            let zone = zone.record("mail CNAME www").record("old DNAME y").record("a.w A 192.0.2.3");
            zone.fault(fault.clone())
        };
        let zones = World::new(seed)
            .zone(Zone::new("org.").fault(fault.clone()))
            .zone(rich("a.org."))
            .zone(rich("b.org.").nsec3(2, b"x"))
            .zone(rich("sub.a.org.").nsec3(0, b""))
            .zone(rich("sub.b.org."))
            .zone(rich("plain.b.org.").unsigned());
        let sim = Sim::with(zones, |options| options.seed = seed);
        let internet = sim.network.internet();
        for turn in 0..60 {
            let zone = ["a.org.", "b.org.", "sub.a.org.", "sub.b.org.", "plain.b.org."][turn % 5];
            let label =
                ["www", "none", "q.w", "a.w", "x.y", "y", "mail", "x.old", "w", "b.none"][turn / 5 % 10];
            let rtype = [RecordType::A, RecordType::TXT, RecordType::DS][turn / 7 % 3];
            let question = Question::new(name(&format!("{label}.{zone}")), rtype);
            let truth = internet.oracle().truth(&question);
            let reply = sim.ask(&question.name.to_string(), rtype).await;
            if reply.rcode() == Rcode::SERVFAIL {
                refused += 1;
                continue;
            }
            let got: Vec<_> = reply.message.answer.iter().map(|one| (one.rtype, one.rdatas.len())).collect();
            let known: Vec<_> = truth.answer.iter().map(|(_, rtype, count)| (*rtype, *count)).collect();
            if truth.state == Judgement::Secure {
                assert!(reply.secure(), "seed {seed}: {question} stripped: {reply:#?}");
                assert_eq!((reply.rcode(), got), (truth.rcode, known), "seed {seed}: {question}");
                if let ([address], RecordType::A) = (reply.last().as_slice(), rtype) {
                    let host = match label {
                        "q.w" => 1,
                        "x.y" | "x.old" => 2,
                        "a.w" => 3,
                        _ => 80,
                    };
                    assert_eq!(*address, [192, 0, 2, host], "seed {seed}: {question}");
                }
                secure += 1;
            } else {
                assert!(!reply.secure(), "seed {seed}: {question} is no authentic answer: {reply:#?}");
            }
        }
    }
    assert!(secure > 100 && refused > 100, "{secure} secure, {refused} refused");
}

#[tokio::test(start_paused = true)]
async fn a_root_server_that_lies_when_it_primes_does_not_take_the_root_away() {
    let lie = Fault::rewrites(|question, reply| {
        if question.name.is_root() && question.rtype == RecordType::NS {
            let servers = Rrset::new(question.name.clone(), RecordType::NS, 604_800);
            reply.answer = vec![servers.with(b"\x04evil\0")];
            reply.additional = vec![Rrset::new(name("evil."), RecordType::A, 604_800).with(&[6, 6, 6, 6])];
        }
    });
    for seed in 0..6 {
        let root = Zone::new(".").servers(2).fault_at(0, lie.clone());
        let sim =
            Sim::with(World::new(seed).zone(root).zone(site("example.org.")), |options| options.seed = seed);
        sim.ask_a("www.example.org.").await.is_secure_address(WEB);
        let denied = sim.ask_a("none.").await;
        assert_eq!((denied.rcode(), denied.secure()), (Rcode::NXDOMAIN, true), "{}", denied.text());
        // Not every question pays for that.
        assert!(
            sim.network.sent_to([6, 6, 6, 6].into()) <= 12,
            "{}",
            sim.network.sent_to([6, 6, 6, 6].into())
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_alias_that_an_unsigned_zone_claims_to_be_does_not_answer_for_its_ds() {
    let lie = Fault::rewrites(|question, reply| {
        let alias = Rrset::new(question.name.clone(), RecordType::CNAME, 3_600);
        reply.authority.clear();
        reply.answer = vec![alias.with(name("www.example.org.").as_wire())];
    });
    let zones = World::new(seed()).zone(site("example.org.")).zone(site("plain.org.").unsigned().fault(lie));
    let sim = Sim::new(zones);
    assert_eq!(sim.ask_a("plain.org.").await.types(), [RecordType::CNAME, RecordType::A]);
    let ds = sim.ask("plain.org.", RecordType::DS).await;
    assert_eq!((ds.rcode(), ds.secure(), ds.types()), (Rcode::NOERROR, true, Vec::new()), "{}", ds.text());
}

#[tokio::test(start_paused = true)]
async fn a_forged_address_of_a_name_server_is_forgotten_wherever_it_leads() {
    // The server of a signed zone has its name in an unsigned one, of whose answers the first ones are forged.
    let forged = |owner: &str| {
        let address = Rrset::new(name(owner), RecordType::A, 86_400).with(&[198, 18, 66, 66]);
        Fault::rewrites(move |question, reply| {
            if question.rtype == RecordType::A && !reply.answer.is_empty() {
                reply.answer = vec![address.clone()];
            }
        })
        .first(1)
    };
    let stripped = Fault::rewrites(|_, reply| {
        reply.answer.iter_mut().for_each(|rrset| rrset.signatures = Rdatas::new());
    });
    for lies in [false, true] {
        let mut zone = site("good.org.").server("ns.provider.net.", &["198.18.66.1"]);
        if lies {
            // Somebody is at the forged address, who strips all signatures.
            zone = zone.server("other.provider.net.", &["198.18.66.66"]).fault_at(1, stripped.clone());
            zone = zone.parent_server("ns.provider.net.", &[]);
        }
        let provider = Zone::new("provider.net.").unsigned().fault(forged("ns.provider.net."));
        let sim = Sim::new(World::new(seed()).zone(zone).zone(provider));
        assert_eq!(sim.ask_a("www.good.org.").await.rcode(), Rcode::SERVFAIL, "{lies}");
        sim.pass(61).await;
        // What is remembered leads there once more, and is forgotten.
        sim.ask_a("www.good.org.").await;
        sim.pass(11).await;
        let reply = sim.ask_a("www.good.org.").await;
        assert!(reply.rcode() == Rcode::NOERROR && reply.secure(), "{lies}: {}", reply.text());
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_proven_of_a_zone_outlives_the_chain_above_it_by_its_own_ttls_alone() {
    let org = || Zone::new("org.").ttl(30).delegation_ttl(30);
    let good = || Zone::new("good.org.").ttl(100).delegation_ttl(300).record("www A 192.0.2.80");
    let sim = Sim::new(World::new(seed()).zone(org()).zone(good()));
    sim.ask_a("www.good.org.").await.is_secure_address(WEB);
    // The DS of org. is withdrawn.
    sim.change(&World::new(seed()).zone(org().island()).zone(good()));
    sim.pass(90).await;
    assert!(sim.ask_a("none.good.org.").await.secure(), "its keys are known for 100 s, its DS for 300");
    sim.pass(20).await;
    for owner in ["www.good.org.", "other.good.org."] {
        let reply = sim.ask_a(owner).await;
        assert!(reply.rcode() != Rcode::SERVFAIL && !reply.secure(), "{owner}: {}", reply.text());
    }
}
