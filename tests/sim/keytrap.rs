//! What one question may cost, whatever the zone it is about was made for.

use rootwalk::limits::Limit;

use crate::harness::Sim;
use crate::traps::{self, Trap, WEB, in_service, site, world};

/// What a resolver has verified and hashed so far.
fn done(sim: &Sim) -> [u64; 3] {
    let validator = sim.service.validator().unwrap();
    let figures = validator.figures();
    let (done, failed) =
        figures.verifications().fold((0, 0), |(done, failed), by| (done + by.done, failed + by.failed));
    [done, failed, figures.nsec3_hashes()]
}

/// Asks, and holds what was charged against what was done. Whether it cost something else than it is to.
async fn costs_other(trap: &Trap) -> bool {
    let sim = in_service(trap.world.clone()).await;
    let before = done(&sim);
    let context = sim.service.silent_context();
    let outcome = sim.service.answer(&trap.question, false, &context).await;
    let after = done(&sim);
    let spent = [Limit::Verifications, Limit::FailedVerifications, Limit::Nsec3Hashes]
        .map(|limit| context.budget.spent(limit));
    let counted: Vec<u64> = after.iter().zip(before).map(|(after, before)| after - before).collect();
    eprintln!("{}: spent {spent:?}, done {counted:?}, {:?}", trap.what, outcome.map(|answer| answer.state));
    // What was done was charged, at one for each at least.
    assert!(counted.iter().zip(spent).all(|(done, spent)| *done <= u64::from(spent)), "{}", trap.what);
    // And whoever asks beside it, or after it, for another name gets an answer.
    let honest = sim.ask_a("www.warm.org.").await;
    honest.is_secure_address(WEB);
    spent != trap.cost
}

#[tokio::test(start_paused = true)]
async fn a_zone_made_to_cost_costs_no_more_than_a_few_signatures() {
    let mut other = Vec::new();
    for trap in traps::traps() {
        if costs_other(&trap).await {
            other.push(trap.what);
        }
    }
    assert!(other.is_empty(), "{other:?}");
}

#[tokio::test(start_paused = true)]
async fn a_hundred_names_that_do_not_exist_verify_the_soa_of_their_zone_once() {
    let sim = in_service(world().zone(site("many.org."))).await;
    let before = done(&sim);
    for number in 0..100 {
        let reply = sim.ask_a(&format!("x{number}.many.org.")).await;
        assert!(reply.secure(), "{reply:?}");
    }
    let after = done(&sim);
    // DS, keys, SOA, and the NSEC records of which there are three: at the apex, the server and www.
    assert!((4..=6).contains(&(after[0] - before[0])), "{before:?} {after:?}");
    assert!(sim.service.validator().unwrap().figures().remembered() >= 199);
}

#[tokio::test(start_paused = true)]
async fn keys_and_answers_that_are_fetched_anew_and_are_the_same_are_not_verified_again() {
    let sim = in_service(world().zone(site("again.org."))).await;
    sim.ask_a("www.again.org.").await.is_secure_address(WEB);
    let before = done(&sim);
    for _ in 0..10 {
        // Longer than any TTL of the world, and not as long as its signatures live.
        sim.pass(90_000).await;
        let reply = sim.ask_a("www.again.org.").await;
        reply.is_secure_address(WEB);
        assert!(reply.packets > 0);
    }
    assert_eq!(done(&sim), before);
}
