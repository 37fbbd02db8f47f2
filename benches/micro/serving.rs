//! A service that is asked for what it has cached and for what it has not.

use std::hint::black_box;
use std::net::SocketAddr;

use rootwalk::dns::edns::Edns;
use rootwalk::dns::encode::encode_query;
use rootwalk::dns::response::Transport;
use rootwalk::dns::{Question, RecordType};
use rootwalk::lab::{World, Zone};
use rootwalk::service::{Client, Disposition, Ready};
use tokio::runtime::{Builder, Runtime};

use crate::harness::{Ask, Sim, name};
use crate::rounds::{Works, compare};

/// A runtime whose clock is paused.
pub(crate) fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

/// A signed zone with NSEC, one with NSEC3, and an unsigned one.
pub(crate) fn world() -> World {
    let filled = |zone: Zone| zone.record("www A 192.0.2.80").record("mail A 192.0.2.25");
    World::new(1)
        .zone(filled(Zone::new("nsec.org.")))
        .zone(filled(Zone::new("nsec3.org.").nsec3(0, &[])))
        .zone(filled(Zone::new("plain.org.").unsigned()))
}

fn query(owner: &str, edns: Option<bool>) -> Vec<u8> {
    let question = Question::new(name(owner), RecordType::A);
    encode_query(77, &question, true, false, edns.map(|dnssec_ok| Edns::new(1_232, dnssec_ok)).as_ref())
}

/// Questions whose answers are ready, and questions that have to be resolved.
pub(crate) fn hit_and_miss(rounds: usize) {
    let runtime = runtime();
    let _inside = runtime.enter();
    let sim = runtime.block_on(async {
        let sim = Sim::with(world(), |options| options.aggressive_nsec = false);
        for owner in ["www.nsec.org.", "www.plain.org.", "missing.nsec.org."] {
            sim.ask_as(&Ask::new(owner, RecordType::A)).await;
        }
        sim
    });
    let client = Client { address: SocketAddr::new([10, 0, 0, 1].into(), 4_000), transport: Transport::Udp };
    let now = sim.clock.now();
    let unknown = query("unknown.nsec.org.", Some(true));
    let mut operations: Vec<(String, Works<'_>)> = Vec::new();
    for (what, owner, edns) in [
        ("hit, signed answer, without EDNS", "www.nsec.org.", None),
        ("hit, signed answer, EDNS", "www.nsec.org.", Some(false)),
        ("hit, signed answer, DO", "www.nsec.org.", Some(true)),
        ("hit, unsigned answer, EDNS", "www.plain.org.", Some(false)),
        ("hit, signed NXDOMAIN, EDNS", "missing.nsec.org.", Some(false)),
        ("hit, signed NXDOMAIN, DO", "missing.nsec.org.", Some(true)),
    ] {
        let (message, mut out) = (query(owner, edns), Vec::with_capacity(4_096));
        let (service, client) = (&sim.service, &client);
        let works = move |count| {
            for _ in 0..count {
                out.clear();
                let ready = service.ready(black_box(&message), client, now, &mut out);
                assert!(matches!(ready, Ready::Hit { .. }), "it is cached");
                black_box(&out);
            }
        };
        operations.push((what.to_owned(), Box::new(works)));
    }
    operations.push((
        "miss, until it is known to be one".to_owned(),
        Box::new(|count| {
            let mut out = Vec::with_capacity(4_096);
            for _ in 0..count {
                out.clear();
                let ready = sim.service.ready(black_box(&unknown), &client, now, &mut out);
                assert!(matches!(ready, Ready::Miss), "it is not cached");
            }
        }),
    ));
    operations.push((
        "miss, all that comes before its flight".to_owned(),
        Box::new(|count| {
            for _ in 0..count {
                let disposition = sim.service.prepare(black_box(&unknown), &client);
                assert!(matches!(disposition, Disposition::Resolve(_)), "it is not cached");
            }
        }),
    ));
    compare(rounds, operations);
}
