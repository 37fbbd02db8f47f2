//! Records that a server, or who forged its reply, has no right to send: none is served, none is followed. The zones
//! are unsigned, so that no proof hides a mistake, and everything is tried with validation off as well.

use std::time::Duration;

use rootwalk::dns::message::Message;
use rootwalk::dns::response::Transport;
use rootwalk::dns::{Question, Rcode, RecordType, Rrset};
use rootwalk::lab::{Fault, Flaw, World, Zone};

use crate::harness::{Sim, name, seed};

const WEB: [u8; 4] = [192, 0, 2, 80];
const EVIL: [u8; 4] = [192, 0, 2, 66];

fn world() -> World {
    World::new(seed())
}

fn site(zone: &str) -> Zone {
    Zone::new(zone).unsigned().record("www A 192.0.2.80").record("w2 A 192.0.2.80")
}

fn address(owner: &str, octets: [u8; 4]) -> Rrset {
    Rrset::new(name(owner), RecordType::A, 86_400).with(&octets)
}

fn pointing(owner: &str, rtype: RecordType, target: &str) -> Rrset {
    Rrset::new(name(owner), rtype, 86_400).with(name(target).as_wire())
}

fn servers(owner: &str, host: &str) -> Rrset {
    pointing(owner, RecordType::NS, host)
}

fn below(zone: &str, lies: impl Fn(&Question, &mut Message) + Send + Sync + 'static) -> Fault {
    Fault::Below(name(zone), Box::new(Fault::rewrites(lies)))
}

/// With validation and without.
fn sims(world: &World) -> [Sim; 2] {
    [true, false].map(|validation| Sim::with(world.clone(), |options| options.validation = validation))
}

fn sent_to_evil(sim: &Sim) -> usize {
    sim.network.sent_to(EVIL.into())
}

/// Every address that the client was given.
fn addresses(reply: &Message) -> Vec<Vec<u8>> {
    let sections = reply.answer.iter().chain(&reply.authority).chain(&reply.additional);
    let sets = sections.filter(|set| set.rtype == RecordType::A);
    sets.flat_map(|set| set.rdatas.iter().map(<[u8]>::to_vec)).collect()
}

/// The shapes of a reply that forged records come along with.
type Shape = fn(&Question, &mut Message);

fn shapes() -> Vec<(&'static str, Shape)> {
    fn empty(_: &Question, reply: &mut Message) {
        reply.header.rcode = Rcode::NOERROR;
        reply.header.authoritative = true;
        for section in [&mut reply.answer, &mut reply.authority, &mut reply.additional] {
            section.clear();
        }
    }
    fn soa() -> Rrset {
        let mut rdata = [name("ns1.victim.org.").as_wire(), name("a.victim.org.").as_wire()].concat();
        rdata.extend([1_u32, 3_600, 600, 86_400, 60].iter().flat_map(|number| number.to_be_bytes()));
        Rrset::new(name("victim.org."), RecordType::SOA, 3_600).with(&rdata)
    }
    fn code(reply: &mut Message, rcode: Rcode) {
        reply.header.rcode = rcode;
    }
    vec![
        ("positive", |question, reply| {
            empty(question, reply);
            reply.answer.push(Rrset::new(question.name.clone(), question.rtype, 60).with(&WEB));
        }),
        ("mail, with addresses beside it", |question, reply| {
            empty(question, reply);
            let mx = [&[0, 10][..], name("www.victim.org.").as_wire()].concat();
            reply.answer.push(Rrset::new(question.name.clone(), RecordType::MX, 60).with(&mx));
        }),
        ("no data", |question, reply| {
            empty(question, reply);
            reply.authority.push(soa());
        }),
        ("no data of the oldest form", empty),
        ("no data, not authoritative", |question, reply| {
            empty(question, reply);
            reply.header.authoritative = false;
        }),
        ("NXDOMAIN", |question, reply| {
            empty(question, reply);
            reply.authority.push(soa());
            code(reply, Rcode::NXDOMAIN);
        }),
        ("NXDOMAIN without SOA", |question, reply| {
            empty(question, reply);
            code(reply, Rcode::NXDOMAIN);
        }),
        ("an alias to elsewhere", |question, reply| {
            empty(question, reply);
            reply.answer.push(pointing(&question.name.to_string(), RecordType::CNAME, "www.other.org."));
        }),
        ("YXDOMAIN", |question, reply| {
            empty(question, reply);
            code(reply, Rcode::YXDOMAIN);
        }),
        ("SERVFAIL", |question, reply| {
            empty(question, reply);
            code(reply, Rcode::SERVFAIL);
        }),
        ("REFUSED", |question, reply| {
            empty(question, reply);
            code(reply, Rcode::REFUSED);
        }),
        ("an unknown code", |question, reply| {
            empty(question, reply);
            code(reply, Rcode(3_000));
        }),
    ]
}

/// Name servers and addresses of everything around, pointing to the attacker.
fn promiscuous(reply: &mut Message) {
    for zone in [".", "org.", "victim.org.", "www.victim.org."] {
        reply.authority.push(servers(zone, "ns.pwn.victim.org."));
    }
    for host in ["ns.pwn.victim.org.", "ns1.victim.org.", "www.victim.org.", "w2.victim.org."] {
        reply.additional.push(address(host, EVIL));
    }
    reply.authority.push(address("www.victim.org.", EVIL));
    reply.answer.push(address("www.victim.org.", EVIL));
}

#[tokio::test(start_paused = true)]
async fn name_servers_and_addresses_beside_any_reply_are_neither_served_nor_asked() {
    for (shape, reply_of) in shapes() {
        let lies = below("spoofed.victim.org.", move |question, reply| {
            reply_of(question, reply);
            promiscuous(reply);
        });
        for sim in sims(&world().zone(site("victim.org.").fault(lies)).zone(site("other.org."))) {
            for turn in 0..5 {
                for rtype in [RecordType::A, RecordType::MX, RecordType::NS, RecordType::TXT] {
                    let reply = sim.ask(&format!("n{turn}.spoofed.victim.org."), rtype).await;
                    assert!(!addresses(&reply.message).contains(&EVIL.to_vec()), "{shape}: {reply:#?}");
                }
            }
            for honest in ["www.victim.org.", "w2.victim.org.", "www.other.org."] {
                sim.ask_a(honest).await.is_address(WEB);
            }
            for absent in ["pwn.victim.org.", "ns.pwn.victim.org."] {
                assert_eq!(sim.ask_a(absent).await.rcode(), Rcode::NXDOMAIN, "{shape}");
            }
            assert_ne!(sim.ask_a("ns1.victim.org.").await.last(), [EVIL.to_vec()], "{shape}");
            assert_eq!(sent_to_evil(&sim), 0, "{shape}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_alias_within_the_zone_brings_its_target_for_its_own_name_alone() {
    // A forger can say of a name whatever he likes; through an alias he says it of another.
    let lies = below("spoofed.victim.org.", |question, reply| {
        reply.header.rcode = Rcode::NOERROR;
        reply.authority.clear();
        reply.answer = vec![
            pointing(&question.name.to_string(), RecordType::CNAME, "www.victim.org."),
            address("www.victim.org.", EVIL),
        ];
    });
    for sim in sims(&world().zone(site("victim.org.").fault(lies))) {
        for turn in 0..20 {
            sim.ask_a(&format!("n{turn}.spoofed.victim.org.")).await;
        }
        sim.ask_a("www.victim.org.").await.is_address(WEB);
    }
}

#[tokio::test(start_paused = true)]
async fn the_glue_of_a_forged_referral_serves_that_referral_and_is_no_answer() {
    // As Kaminsky did: a name that is not there, a referral for it, and what is wanted as the server's name.
    let lies = below("spoofed.victim.org.", |question, reply| {
        reply.header.authoritative = false;
        reply.header.rcode = Rcode::NOERROR;
        reply.answer.clear();
        reply.authority = vec![servers(&question.name.to_string(), "www.victim.org.")];
        reply.authority.push(servers("victim.org.", "w2.victim.org."));
        reply.additional = vec![address("www.victim.org.", EVIL), address("w2.victim.org.", EVIL)];
    });
    for sim in sims(&world().zone(site("victim.org.").fault(lies))) {
        for turn in 0..20 {
            sim.ask_a(&format!("n{turn}.spoofed.victim.org.")).await;
        }
        let before = sent_to_evil(&sim);
        for honest in ["www.victim.org.", "w2.victim.org."] {
            sim.ask_a(honest).await.is_address(WEB);
        }
        sim.ask("victim.org.", RecordType::SOA).await;
        assert_eq!(sent_to_evil(&sim), before, "the rest of the zone was led astray");
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_alias_leads_to_is_asked_of_its_own_servers_a_thousand_times() {
    let lies = below("evil.org.", |question, reply| {
        if question.name == name("evil.org.") {
            return;
        }
        reply.header.rcode = Rcode::NOERROR;
        reply.authority.clear();
        reply.answer = vec![
            pointing(&question.name.to_string(), RecordType::CNAME, "www.victim.org."),
            address("www.victim.org.", EVIL),
            pointing("w2.victim.org.", RecordType::CNAME, "www.evil.org."),
            pointing("victim.org.", RecordType::DNAME, "evil.org."),
            pointing("org.", RecordType::DNAME, "evil.org."),
            servers("victim.org.", "ns1.evil.org."),
        ];
    });
    for sim in sims(&world().zone(site("evil.org.").fault(lies)).zone(site("victim.org."))) {
        for turn in 0..500 {
            sim.ask_a(&format!("go{turn}.evil.org.")).await.is_address(WEB);
        }
        sim.ask_a("www.victim.org.").await.is_address(WEB);
        sim.ask_a("w2.victim.org.").await.is_address(WEB);
        assert_eq!(sim.ask_a("none.victim.org.").await.rcode(), Rcode::NXDOMAIN);
    }
}

/// Somebody who wins the race for a datagram, and none for a connection.
fn dname_over_udp(forged: impl Fn(&Question) -> Rrset + Send + Sync + 'static) -> Fault {
    let lies = Fault::rewrites(move |question, reply| {
        let dname = forged(question);
        if question.name == dname.name || !question.name.is_subdomain_of(&dname.name) {
            return;
        }
        reply.header.rcode = Rcode::NOERROR;
        reply.authority.clear();
        reply.answer = vec![dname];
    });
    Fault::Over(Transport::Udp, Box::new(lies))
}

#[tokio::test(start_paused = true)]
async fn a_forged_dname_in_a_datagram_takes_no_tree() {
    let plain = || pointing("victim.org.", RecordType::DNAME, "evil.org.");
    // Whoever forges the DNAME can as well add something that looks like a signature.
    let dressed = move || {
        let mut dname = plain();
        let mut signature = vec![0, 39, 13, 2, 0, 0, 14, 16, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        signature.extend_from_slice(name("victim.org.").as_wire());
        signature.extend_from_slice(&[7; 64]);
        dname.signatures.push(&signature);
        dname
    };
    let kinds = [dname_over_udp(move |_| plain()), dname_over_udp(move |_| dressed())];
    for (kind, fault) in kinds.into_iter().enumerate() {
        let evil = Zone::new("evil.org.").unsigned().record("*.evil.org. A 192.0.2.66");
        for sim in sims(&world().zone(site("victim.org.").fault(fault)).zone(evil)) {
            for turn in 0..20 {
                let reply = sim.ask_a(&format!("n{turn}.victim.org.")).await;
                assert_eq!(reply.rcode(), Rcode::NXDOMAIN, "{kind}: {reply:#?}");
            }
            for honest in ["www.victim.org.", "w2.victim.org."] {
                sim.ask_a(honest).await.is_address(WEB);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_dname_of_an_ancestor_or_a_sibling_is_not_believed_over_any_transport() {
    for owner in [".", "org.", "other.org."] {
        let lies = below("evil.org.", move |_, reply| {
            reply.header.rcode = Rcode::NOERROR;
            reply.authority.clear();
            reply.answer.insert(0, pointing(owner, RecordType::DNAME, "elsewhere.net."));
        });
        for sim in sims(&world().zone(site("evil.org.").fault(lies)).zone(site("other.org."))) {
            sim.ask_a("www.evil.org.").await;
            sim.ask_a("none.evil.org.").await;
            sim.ask_a("www.other.org.").await.is_address(WEB);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_servers_address_that_a_sibling_brings_serves_the_sibling_alone() {
    // Two zones of one parent. The one names the other's server, and the registry took its word for the address.
    let evil = || site("evil.org.").server("ns1.victim.org.", &["198.18.66.66"]).without_glue();
    let org = Fault::rewrites(|question, reply| {
        if question.name.is_subdomain_of(&name("evil.org.")) {
            reply.additional.retain(|set| set.rtype != RecordType::A);
            reply.additional.push(address("ns1.victim.org.", EVIL));
            reply.additional.push(address("www.victim.org.", EVIL));
        }
    });
    let victim = || site("victim.org.").server("ns1.victim.org.", &["198.18.55.1"]);
    for sim in sims(&world().zone(Zone::new("org.").unsigned().fault(org)).zone(evil()).zone(victim())) {
        for turn in 0..10 {
            sim.ask_a(&format!("n{turn}.evil.org.")).await;
        }
        let before = sent_to_evil(&sim);
        for honest in ["www.victim.org.", "w2.victim.org."] {
            sim.ask_a(honest).await.is_address(WEB);
        }
        let server = sim.ask_a("ns1.victim.org.").await;
        assert!(!server.last().contains(&EVIL.to_vec()), "{server:#?}");
        assert_eq!(sent_to_evil(&sim), before, "the sibling's address served another zone");
    }
}

#[tokio::test(start_paused = true)]
async fn a_child_brings_no_address_for_its_neighbours_server() {
    let lies = below("evil.org.", |_, reply| {
        reply.answer.clear();
        reply.header.rcode = Rcode::NOERROR;
        reply.header.authoritative = false;
        reply.authority = vec![servers("sub.evil.org.", "ns1.victim.org.")];
        reply.additional = vec![address("ns1.victim.org.", EVIL)];
    });
    for sim in sims(&world().zone(site("evil.org.").fault(lies)).zone(site("victim.org."))) {
        for turn in 0..10 {
            sim.ask_a(&format!("n{turn}.sub.evil.org.")).await;
        }
        sim.ask_a("www.victim.org.").await.is_address(WEB);
        assert_eq!(sent_to_evil(&sim), 0);
    }
}

/// Asks fresh names below `zone`, its NS and its server's address, each 0.7 s; when the last fresh name was there,
/// in milliseconds from the first question.
async fn last_alive(sim: &Sim, zone: &str, secs: u32) -> u128 {
    let began = sim.clock.now();
    let mut last = 0;
    for step in 0..secs * 10 / 7 {
        let fresh = format!("fresh{step}-{}.{zone}", began.0);
        let alive = sim.ask_a(&fresh).await.last() == [WEB.to_vec()];
        if alive {
            last = sim.clock.now().since(began).as_millis();
        }
        sim.ask(zone, RecordType::NS).await;
        sim.ask(zone, RecordType::DS).await;
        sim.ask_a(&format!("ns1.{zone}")).await;
        sim.ask(zone, RecordType::SOA).await;
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    last
}

fn ghost() -> Zone {
    // The child says of itself that it lives for a week, the parent four seconds.
    Zone::new("ghost.org.").unsigned().ttl(604_800).delegation_ttl(4).record("*.ghost.org. A 192.0.2.80")
}

fn phoenix() -> Zone {
    Zone::new("a.ghost.org.")
        .unsigned()
        .ttl(604_800)
        .delegation_ttl(604_800)
        .record("*.a.ghost.org. A 192.0.2.80")
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_domain_is_gone_with_its_parents_word_whatever_its_servers_do() {
    for zone in ["ghost.org.", "a.ghost.org."] {
        for sim in sims(&world().zone(ghost()).zone(phoenix())) {
            assert!(last_alive(&sim, zone, 10).await > 9_000, "it was never there");
            // The servers live on, with all they have; the parent's word is gone.
            sim.change(&world().zone(ghost().undelegated()).zone(phoenix()));
            let last = last_alive(&sim, zone, 60).await;
            assert!(last <= 5_000, "{zone} lived on for {last} ms");
            eprintln!("{zone} {last} ms after its withdrawal");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_domain_that_refers_to_itself_with_long_lives_is_gone_as_soon() {
    // Each reply of the child brings its own NS and glue anew, as referral and beside answers.
    let lies = below("ghost.org.", |question, reply| {
        reply.authority.push(servers("ghost.org.", "ns1.ghost.org."));
        let deeper = question.name.clone();
        if question.name.label_count() > 2 {
            reply.authority.push(servers(&deeper.to_string(), "ns1.ghost.org."));
        }
        reply.additional.push(address("ns1.ghost.org.", [198, 18, 77, 1]));
    });
    let ghost = || ghost().server("ns1.ghost.org.", &["198.18.77.1"]).fault(lies.clone());
    for sim in sims(&world().zone(ghost())) {
        assert!(last_alive(&sim, "ghost.org.", 10).await > 9_000, "it was never there");
        sim.change(&world().zone(ghost().undelegated()));
        let last = last_alive(&sim, "ghost.org.", 60).await;
        assert!(last <= 5_000, "it lived on for {last} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn addresses_that_are_no_servers_get_nothing_in_any_clothes() {
    let lies = [
        "0.1.2.3",
        "127.0.0.53",
        "::ffff:127.0.0.1",
        "::ffff:0.0.0.0",
        "::ffff:224.0.0.1",
        "239.255.255.250",
        "ff02::1",
        "fe80::1",
    ];
    for address in lies {
        // As glue, and as the address of a name server that is looked up.
        let glue = site("glue.org.").server("ns1", &[address]);
        let looked_up = site("far.org.").server("ns.host.net.", &[address]);
        let rtype = if address.contains(':') { "AAAA" } else { "A" };
        let host = Zone::new("host.net.").unsigned().record(&format!("ns {rtype} {address}"));
        for sim in sims(&world().zone(glue).zone(looked_up).zone(host)) {
            for zone in ["glue.org.", "far.org."] {
                assert_eq!(sim.ask_a(&format!("www.{zone}")).await.rcode(), Rcode::SERVFAIL, "{address}");
            }
            let address: std::net::IpAddr = address.parse().unwrap();
            let sent = sim.network.sent_to(address) + sim.network.sent_to(address.to_canonical());
            assert_eq!(sent, 0, "{address}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_bad_signature_with_a_long_life_is_over_in_a_minute() {
    let bad = Zone::new("example.org.").ttl(86_400).record("www A 192.0.2.80").flaw_at(
        "www",
        RecordType::A,
        Flaw::BitFlipped,
    );
    let good = Zone::new("example.org.").ttl(86_400).record("www A 192.0.2.80");
    let sim = Sim::new(world().zone(bad));
    assert_eq!(sim.ask_a("www.example.org.").await.rcode(), Rcode::SERVFAIL);
    sim.change(&world().zone(good));
    let mut secs = 0;
    while sim.ask_a("www.example.org.").await.rcode() == Rcode::SERVFAIL {
        sim.pass(1).await;
        secs += 1;
        assert!(secs <= 60, "still bogus after a minute");
    }
    sim.ask_a("www.example.org.").await.is_secure_address(WEB);
}

#[tokio::test(start_paused = true)]
async fn a_ds_that_could_not_be_had_makes_nothing_bogus() {
    let silent = Fault::Dead.for_type(RecordType::DS);
    let sim = Sim::new(
        world()
            .zone(Zone::new("org.").fault(silent))
            .zone(Zone::new("example.org.").record("www A 192.0.2.80")),
    );
    let first = sim.ask_a("www.example.org.").await;
    assert_ne!(first.ede(), Some(rootwalk::dns::edns::EdeCode::DNSSEC_BOGUS), "{}", first.text());
    sim.change(&world().zone(Zone::new("example.org.").record("www A 192.0.2.80")));
    sim.pass(6).await;
    sim.ask_a("www.example.org.").await.is_secure_address(WEB);
}
