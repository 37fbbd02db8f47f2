//! What hostile servers can do to names that are not theirs, and to the resolver's time.

use std::sync::Arc;
use std::time::Duration;

use rootwalk::dns::{Rcode, RecordType, Rrset};
use rootwalk::lab::{Fault, World, Zone};
use rootwalk::limits::Limit;

use crate::harness::{Ask, Sim, seed};

const WEB: [u8; 4] = [192, 0, 2, 80];

fn site(zone: &str) -> Zone {
    Zone::new(zone).record("www A 192.0.2.80")
}

fn world() -> World {
    World::new(seed())
}

/// A chain of aliases, one to a response, that ends at another's name.
fn chain_to(target: &str, links: usize) -> Zone {
    let last = links - 1;
    let chain = Zone::new("evil.org.").record(&format!("l{last} CNAME {target}"));
    let chain = (0..last).fold(chain, |zone, link| zone.record(&format!("l{link} CNAME l{}", link + 1)));
    chain.fault(Fault::rewrites(|_, reply| reply.answer.truncate(1)))
}

#[tokio::test(start_paused = true)]
async fn a_budget_that_others_names_used_up_fails_no_name_for_others() {
    for (limit, cap) in [(Limit::Packets, 16), (Limit::Verifications, 14), (Limit::Evidence, 7)] {
        let victim = site("victim.net.");
        let worlds = world().zone(chain_to("www.victim.net.", 10)).zone(victim);
        let sim = Sim::with(worlds, |options| options.caps = options.caps.clone().with(limit, cap));
        let attack = sim.ask_a("l0.evil.org.").await;
        assert_eq!(attack.rcode(), Rcode::SERVFAIL, "{limit}");
        let reply = sim.ask_a("www.victim.net.").await;
        assert_eq!(reply.rcode(), Rcode::NOERROR, "{limit}: {}", reply.text());
        reply.is_secure_address(WEB);
        // The question that cost too much is not tried again at once (RFC 9520).
        assert_eq!(sim.ask_a("l0.evil.org.").await.packets, 0, "{limit}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_crowd_that_wants_the_same_keys_gets_them() {
    let sim = Arc::new(Sim::asking(world().zone(site("example.org."))));
    let mut crowd = tokio::task::JoinSet::new();
    for number in 0..1_500 {
        let sim = Arc::clone(&sim);
        // Of a few clients: one alone may have a thousand questions under way.
        let from = [10, 0, 0, 1 + u8::try_from(number % 3).unwrap()].into();
        let ask = Ask { from, ..Ask::new(&format!("n{number}.example.org."), RecordType::A) };
        crowd.spawn(async move { sim.ask_as(&ask).await });
    }
    while let Some(reply) = crowd.join_next().await {
        let reply = reply.unwrap();
        assert_eq!(reply.rcode(), Rcode::NXDOMAIN, "{}", reply.text());
    }
}

#[tokio::test(start_paused = true)]
async fn random_names_below_a_dead_zone_cost_its_servers_and_others_little() {
    // Water torture: three thousand a second for four seconds.
    let dead = site("dead.org.").fault(Fault::Dead);
    let sim = Arc::new(Sim::asking(world().zone(dead).zone(site("good.net."))));
    let (mut flood, mut honest) = (tokio::task::JoinSet::new(), tokio::task::JoinSet::new());
    for turn in 0..4_000 {
        for number in 0..3 {
            let sim = Arc::clone(&sim);
            // Of many clients: each alone may have a thousand questions under way.
            let from = [10, 0, 1, u8::try_from(turn % 250).unwrap()].into();
            let ask = Ask { from, ..Ask::new(&format!("n{turn}-{number}.dead.org."), RecordType::A) };
            flood.spawn(async move { sim.ask_as(&ask).await });
        }
        if turn % 40 == 0 {
            let sim = Arc::clone(&sim);
            honest.spawn(async move { sim.ask_a(&format!("n{turn}.good.net.")).await });
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    while let Some(reply) = honest.join_next().await {
        let reply = reply.unwrap();
        assert_eq!(reply.rcode(), Rcode::NXDOMAIN, "{}", reply.text());
        assert!(reply.took < Duration::from_millis(200), "{:?}", reply.took);
    }
    let sent = sim.network.sent_to(sim.server("dead.org."));
    assert!(sent < 2_500, "{sent}");
    while flood.join_next().await.is_some() {}
    sim.change(&world().zone(site("dead.org.")).zone(site("good.net.")));
    sim.ask_a("www.dead.org.").await.is_secure_address(WEB);
}

#[tokio::test(start_paused = true)]
async fn a_crowd_at_a_lossy_server_is_answered() {
    let zone = site("lossy.org.").fault(Fault::LossPercent(10));
    let sim = Arc::new(Sim::asking(world().zone(zone)));
    sim.ask_a("www.lossy.org.").await.is_secure_address(WEB);
    let mut crowd = tokio::task::JoinSet::new();
    for number in 0..400 {
        let sim = Arc::clone(&sim);
        crowd.spawn(async move { sim.ask_a(&format!("n{number}.lossy.org.")).await });
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut failed = 0;
    while let Some(reply) = crowd.join_next().await {
        failed += usize::from(reply.unwrap().rcode() != Rcode::NXDOMAIN);
    }
    // Three tries lost in a row.
    assert!(failed <= 2, "{failed}");
}

/// Its servers' referrals to good.org. name another address.
fn forging(zone: &str, queries: u32) -> Zone {
    Zone::new(zone).fault(
        Fault::rewrites(|_, reply| {
            reply.additional.retain(|rrset| rrset.rtype == RecordType::A);
            for rrset in &mut reply.additional {
                *rrset = Rrset::new(rrset.name.clone(), RecordType::A, rrset.ttl).with(&[198, 18, 66, 66]);
            }
        })
        .first(queries),
    )
}

#[tokio::test(start_paused = true)]
async fn a_forged_referral_to_nowhere_is_forgotten() {
    let sim = Sim::new(world().zone(forging("org.", 2)).zone(site("good.org.")));
    assert_eq!(sim.ask_a("www.good.org.").await.rcode(), Rcode::SERVFAIL);
    sim.pass(61).await;
    assert_eq!(sim.ask_a("www.good.org.").await.rcode(), Rcode::SERVFAIL);
    sim.pass(11).await;
    sim.ask_a("www.good.org.").await.is_secure_address(WEB);
}

#[tokio::test(start_paused = true)]
async fn a_forged_referral_to_an_impostor_is_forgotten() {
    let lies = Fault::rewrites(|_, reply| {
        for rrset in reply.answer.iter_mut().filter(|rrset| rrset.rtype == RecordType::A) {
            let lie = Rrset::new(rrset.name.clone(), RecordType::A, rrset.ttl).with(&[192, 0, 2, 66]);
            *rrset = Rrset { signatures: rrset.signatures.clone(), ..lie };
        }
    });
    let zone = site("good.org.")
        .server("ns1", &["198.18.66.1"])
        .server("ns2", &["198.18.66.66"])
        .fault_at(1, lies)
        .parent_server("ns1", &["198.18.66.1"]);
    let sim = Sim::new(world().zone(forging("org.", 2)).zone(zone));
    assert_eq!(sim.ask_a("www.good.org.").await.rcode(), Rcode::SERVFAIL);
    sim.pass(61).await;
    assert_eq!(sim.ask_a("www.good.org.").await.rcode(), Rcode::SERVFAIL);
    sim.pass(61).await;
    sim.ask_a("www.good.org.").await.is_secure_address(WEB);
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_names_anothers_servers_keeps_nobody_from_them() {
    // The servers of good.net. never answer for zones that they do not serve.
    let good = "198.18.55.1";
    let evil = Zone::new("evil.org.").unsigned().undelegated().server("ns1", &[good]);
    let org = Zone::new("org.").record("evil NS ns1.evil").record(&format!("ns1.evil A {good}"));
    let silent = Fault::Below("evil.org.".parse().unwrap(), Box::new(Fault::Dead));
    let worlds = world()
        .zone(org)
        .zone(evil)
        .zone(site("good.net.").server("ns1", &[good]))
        .fault(good.parse().unwrap(), silent);
    let sim = Arc::new(Sim::new(worlds));
    let mut flood = tokio::task::JoinSet::new();
    for turn in 0..5_000 {
        let one = Arc::clone(&sim);
        flood.spawn(async move { one.ask_a(&format!("n{turn}.evil.org.")).await });
        tokio::time::sleep(Duration::from_millis(1)).await;
        if turn % 500 == 499 {
            let reply = sim.ask_a(&format!("n{turn}.good.net.")).await;
            assert_eq!(reply.rcode(), Rcode::NXDOMAIN, "{turn}: {}", reply.text());
        }
    }
    while let Some(reply) = flood.join_next().await {
        assert_eq!(reply.unwrap().rcode(), Rcode::SERVFAIL);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lookup_that_may_go_no_deeper_fails_no_question_of_a_client() {
    // Name servers of name servers: the last is another's, and can be found by one lookup more.
    let deep = (0..5).fold(world(), |world, step| {
        let next = format!("ns.z{}.org.", step + 1);
        let host = if step == 4 { "www.victim.net." } else { &next };
        world.zone(site(&format!("z{step}.org.")).unsigned().server(host, &["198.18.230.1"]))
    });
    let deep =
        deep.zone(site("victim.net.").server("ns.host.com.", &["198.18.231.1"])).zone(Zone::new("host.com."));
    for delay in (0..300).step_by(10) {
        let sim = Arc::new(Sim::new(deep.clone()));
        let attacker = Arc::clone(&sim);
        tokio::spawn(async move { attacker.ask_a("www.z0.org.").await });
        tokio::time::sleep(Duration::from_millis(delay)).await;
        let reply = sim.ask_a("www.victim.net.").await;
        assert!(reply.rcode() == Rcode::NOERROR && reply.secure(), "{delay}: {}", reply.text());
    }
}

#[tokio::test(start_paused = true)]
async fn questions_that_wait_for_each_others_short_questions_do_not_wait_for_their_time_to_end() {
    // Each zone's server is below a name of the other that takes a short question of its own.
    let circle = || {
        world()
            .zone(site("one.org.").server("ns.b.two.net.", &["198.18.99.1"]))
            .zone(site("two.net.").server("ns.b.one.org.", &["198.18.99.2"]))
    };
    let sim = Sim::new(circle());
    let replies = tokio::join!(
        sim.ask_a("q.b.one.org."),
        sim.ask_a("ns.b.two.net."),
        sim.ask_a("ns.b.one.org."),
        sim.ask_a("q.b.two.net."),
    );
    for reply in [replies.0, replies.1, replies.2, replies.3] {
        assert_eq!(reply.rcode(), Rcode::SERVFAIL);
        assert!(reply.took < Duration::from_secs(5), "{:?}: {}", reply.took, reply.text());
    }
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_never_answers_over_tcp_keeps_nobody_from_the_tcp_of_its_server() {
    // Both zones are on one server, and all of its answers take TCP.
    let shared = "198.18.55.1";
    let evil = site("evil.org.").unsigned().server("ns1", &[shared]);
    let good = site("good.net.").server("ns1", &[shared]);
    for broken in [Fault::TruncatesTcp, Fault::TcpCloses, Fault::TcpSilent] {
        let below = Fault::Below("evil.org.".parse().unwrap(), Box::new(broken));
        let address = shared.parse().unwrap();
        let worlds = world().zone(evil.clone()).zone(good.clone());
        let sim = Arc::new(Sim::new(worlds.fault(address, Fault::Truncates).fault(address, below)));
        let mut flood = tokio::task::JoinSet::new();
        for turn in 0..1_000 {
            let one = Arc::clone(&sim);
            flood.spawn(async move { one.ask_a(&format!("n{turn}.evil.org.")).await });
            tokio::time::sleep(Duration::from_millis(10)).await;
            if turn % 50 == 49 {
                let reply = sim.ask_a(&format!("n{turn}.good.net.")).await;
                assert_eq!(reply.rcode(), Rcode::NXDOMAIN, "{turn}: {}", reply.text());
                assert!(reply.took < Duration::from_millis(500), "{turn}: {:?}", reply.took);
            }
        }
        while let Some(reply) = flood.join_next().await {
            assert_eq!(reply.unwrap().rcode(), Rcode::SERVFAIL);
        }
    }
}
