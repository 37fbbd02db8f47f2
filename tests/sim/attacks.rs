//! What hostile servers can do to names that are not theirs, and to the resolver's time.

use std::sync::Arc;

use rootwalk::dns::Rcode;
use rootwalk::lab::{Fault, World, Zone};
use rootwalk::limits::Limit;

use crate::harness::{Sim, seed};

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
    let sim = Arc::new(Sim::new(world().zone(site("example.org."))));
    let mut crowd = tokio::task::JoinSet::new();
    for number in 0..1_500 {
        let sim = Arc::clone(&sim);
        crowd.spawn(async move { sim.ask_a(&format!("n{number}.example.org.")).await });
    }
    while let Some(reply) = crowd.join_next().await {
        let reply = reply.unwrap();
        assert_eq!(reply.rcode(), Rcode::NXDOMAIN, "{}", reply.text());
    }
}
