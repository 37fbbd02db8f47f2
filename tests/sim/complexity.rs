//! Complexity: what an attacker's data can make the resolver compute and keep.
//!
//! KeyTrap, CVE-2023-50868, cache flushing and their kin, each with a counter: verifications, hash blocks, octets, hits.
//! `validate`'s own tests show the bounds one by one; here they meet servers, retries and caches.

use rootwalk::dns::{Rcode, RecordType};
use rootwalk::lab::{World, Zone};

use crate::harness::{Sim, seed};

const WEB: [u8; 4] = [192, 0, 2, 80];

fn site(zone: &str) -> Zone {
    Zone::new(zone).record("www A 192.0.2.80")
}

#[tokio::test(start_paused = true)]
async fn a_thousand_answers_of_sixty_kilobytes_drive_out_nothing_else() {
    let cache_bytes = 4 << 20;
    let fat = (0..240).fold(Zone::new("fat.org.").unsigned(), |zone, number| {
        zone.record(&format!("* TXT \"{number:05}{}\"", "x".repeat(245)))
    });
    let names: Vec<String> = (0..100).map(|number| format!("www.h{number}.net.")).collect();
    let worlds =
        (0..100).fold(World::new(seed()).zone(fat), |world, n| world.zone(site(&format!("h{n}.net."))));
    let sim = Sim::with(worlds, |options| options.cache_bytes = cache_bytes);
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
