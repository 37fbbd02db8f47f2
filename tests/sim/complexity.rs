//! Complexity: what an attacker's data can make the resolver compute and keep.
//!
//! KeyTrap, CVE-2023-50868, cache flushing and their kin, each with a counter: verifications, hash blocks, octets, hits.
//! `validate`'s own tests show the bounds one by one; here they meet servers, retries and caches.

use rootwalk::dns::security::ValidationState;
use rootwalk::dns::{Question, Rcode, RecordType, Rrset};
use rootwalk::failure::Failure;
use rootwalk::lab::{Fault, World, Zone};
use rootwalk::limits::Limit;

use crate::harness::{Sim, name, seed};
use crate::traps::{WEB, crowd_of_keys, forging, in_service, site, world};

#[tokio::test(start_paused = true)]
async fn a_thousand_answers_of_sixty_kilobytes_drive_out_nothing_else() {
    let cache_bytes = 4 << 20;
    let fat = (0..240).fold(Zone::new("fat.org.").unsigned(), |zone, number| {
        zone.record(&format!("* TXT \"{number:05}{}\"", "x".repeat(245)))
    });
    let names: Vec<String> = (0..100).map(|number| format!("www.h{number}.net.")).collect();
    let worlds =
        (0..100).fold(World::new(seed()).zone(fat), |world, n| world.zone(site(&format!("h{n}.net."))));
    let sim = Sim::with(worlds, |options| {
        options.cache_bytes = cache_bytes;
        options.aggressive_nsec = false;
    });
    for name in &names {
        sim.ask_a(name).await.is_secure_address(WEB);
    }
    let mut hits = 0;
    for number in 0..1_000 {
        let reply = sim.ask(&format!("n{number}.fat.org."), RecordType::TXT).await;
        assert_eq!((reply.rcode(), reply.last().len()), (Rcode::NOERROR, 240));
        hits += usize::from(sim.ask_a(&names[number % names.len()]).await.packets == 0);
        assert!(sim.store.bytes() <= cache_bytes, "{}", sim.store.bytes());
    }
    eprintln!("C6: {hits} hits of 1000");
    assert!(hits >= 950, "{hits} of 1000");
    // A large answer is kept all the same, while there is room for it.
    let again = sim.ask("n999.fat.org.", RecordType::TXT).await;
    assert_eq!((again.packets, again.last().len()), (0, 240));
}

/// What one question came to, and how much of a limit it spent.
async fn spent(sim: &Sim, owner: &str, limit: Limit) -> (Result<ValidationState, Failure>, u32) {
    let context = sim.service.silent_context();
    let question = Question::new(name(owner), RecordType::A);
    let answer = sim.service.answer(&question, false, &context).await;
    (answer.map(|answer| answer.state), context.budget.spent(limit))
}

/// Says the figure, and that it is as low as is asked.
#[track_caller]
fn at_most(most: u32, count: u32, what: &str) {
    eprintln!("{what}: {count}");
    assert!(count <= most, "{what}: {count}, more than {most}");
}

#[tokio::test(start_paused = true)]
async fn keytrap_in_its_forms_costs_sixteen_verifications() {
    let forms = [
        ("KeySigTrap", 20, RecordType::A, 250),
        ("KeySigTrap with 150 keys", 150, RecordType::A, 250),
        ("SigJam", 0, RecordType::A, 250),
        ("LockCram", 20, RecordType::A, 1),
        ("SigJam over the keys", 0, RecordType::DNSKEY, 250),
        ("KeySigTrap over the keys", 20, RecordType::DNSKEY, 250),
    ];
    for servers in [1, 4, 13] {
        for (form, twins, rtype, forgeries) in forms {
            let zone = crowd_of_keys(site("trap.org.").servers(servers), "trap.org.", twins);
            let sim = in_service(world().zone(zone.fault(forging(rtype, forgeries)))).await;
            let (state, verifications) = spent(&sim, "www.trap.org.", Limit::Verifications).await;
            assert!(matches!(state, Err(Failure::Bogus(_))), "{form}: {state:?}");
            at_most(16, verifications, &format!("C9: verifications for {form}, {servers} servers"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_absence_behind_two_hundred_signed_nsec_costs_sixteen_verifications() {
    // CVE-2026-11605.
    let zone = (0..200).fold(site("many.org."), |zone, host| zone.record(&format!("a{host} A 192.0.2.1")));
    let internet = world().zone(zone.clone()).build().unwrap();
    let signed = internet.zone(&name("many.org.")).unwrap();
    let all: Vec<Rrset> = signed.rrsets().filter(|set| set.rtype == RecordType::NSEC).cloned().collect();
    assert!(all.len() > 200);
    for first in [true, false] {
        let all = all.clone();
        let pad = Fault::rewrites(move |_, reply| {
            if reply.header.rcode == Rcode::NXDOMAIN {
                let place = if first { 0 } else { reply.authority.len() };
                reply.authority.splice(place..place, all.clone());
            }
        });
        let sim = in_service(world().zone(zone.clone().fault(pad))).await;
        let (state, verifications) = spent(&sim, "nothing.many.org.", Limit::Verifications).await;
        // Behind so many others the proof itself may not be seen; it is never taken for another.
        assert!(matches!(state, Ok(ValidationState::Secure) | Err(Failure::Bogus(_))), "{state:?}");
        at_most(16, verifications, &format!("C12: verifications, the others first: {first}"));
    }
}

#[tokio::test(start_paused = true)]
async fn nsec3_hashes_stay_within_their_price_and_above_fifty_iterations_none_is_computed() {
    // CVE-2023-50868, CVE-2026-1519.
    for labels in [1, 30, 110] {
        for (iterations, most, wanted) in [
            (50, Limit::Nsec3Hashes.default_cap(), ValidationState::Secure),
            (51, 0, ValidationState::Insecure),
            (u16::MAX, 0, ValidationState::Insecure),
        ] {
            // A zone of so many iterations is signed with few, and says it has many.
            let zone = site("hash.org.").nsec3(iterations.min(51), &[7; 255]);
            let says = Fault::rewrites(move |_, reply| {
                for rrset in reply.authority.iter_mut().filter(|set| set.rtype == RecordType::NSEC3) {
                    let mut rdata = rrset.rdatas.first().unwrap().to_vec();
                    rdata[2..4].copy_from_slice(&iterations.to_be_bytes());
                    rrset.rdatas = [rdata.as_slice()].into_iter().collect();
                }
            });
            let zone = if iterations > 51 { zone.fault(says) } else { zone };
            let sim = in_service(world().zone(zone)).await;
            let owner = format!("{}hash.org.", "a.".repeat(labels));
            let (state, blocks) = spent(&sim, &owner, Limit::Nsec3Hashes).await;
            at_most(most, blocks, &format!("C11: hash blocks, {labels} labels, {iterations} iterations"));
            if iterations <= 51 {
                assert_eq!(state, Ok(wanted), "{labels} labels, {iterations} iterations");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn any_is_answered_without_asking_anybody() {
    let sim = in_service(world()).await;
    let reply = sim.ask("www.warm.org.", RecordType::ANY).await;
    assert_eq!((reply.packets, reply.types()), (0, vec![RecordType::HINFO]));
}
