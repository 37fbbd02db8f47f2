//! Messages that are read and written, and proofs.

use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;

use rootwalk::dns::edns::Edns;
use rootwalk::dns::encode::{encode, encode_query};
use rootwalk::dns::message::Message;
use rootwalk::dns::response::{Scrubbed, Transport};
use rootwalk::dns::{Name, Question, RecordType};
use rootwalk::event::Silent;
use rootwalk::lab::faults::Reaction;
use rootwalk::service::source::Source;
use rootwalk::validate::{Evidence, Policy, Step, Validator, ZoneTrust};

use crate::harness::{Sim, name};
use crate::rounds::{Works, compare};
use crate::serving::{runtime, world};

/// Reading and writing what servers say.
pub(crate) fn messages(rounds: usize) {
    let runtime = runtime();
    let sim = runtime.block_on(async { Sim::new(world()) });
    let mut operations: Vec<(String, Works<'_>)> = Vec::new();
    for (what, zone, owner) in [
        ("a signed referral", "org.", "www.nsec.org."),
        ("a signed answer", "nsec.org.", "www.nsec.org."),
        ("an unsigned answer", "plain.org.", "www.plain.org."),
        ("NXDOMAIN with NSEC", "nsec.org.", "missing.nsec.org."),
        ("NXDOMAIN with NSEC3", "nsec3.org.", "missing.nsec3.org."),
    ] {
        let question = Question::new(name(owner), RecordType::A);
        let query = encode_query(7, &question, false, false, Some(&Edns::new(1_232, true)));
        let server = SocketAddr::new(sim.server(zone), 53);
        let Some(Reaction::Messages { octets, .. }) =
            sim.network.internet().react(server, &query, Transport::Udp, 100)
        else {
            panic!("the lab answers");
        };
        let octets = octets.into_iter().next().unwrap();
        let message = Message::parse(&octets).unwrap();
        let len = octets.len();
        operations.push((
            format!("read {what} ({len} octets)"),
            Box::new(move |count| {
                for _ in 0..count {
                    black_box(Message::parse(black_box(&octets)).unwrap());
                }
            }),
        ));
        operations.push((
            format!("write {what}"),
            Box::new(move |count| {
                for _ in 0..count {
                    black_box(encode(black_box(&message), usize::from(u16::MAX)));
                }
            }),
        ));
    }
    let question = Question::new(name("www.nsec.org."), RecordType::A);
    operations.push((
        "write a query".to_owned(),
        Box::new(move |count| {
            for _ in 0..count {
                let edns = Edns::new(1_232, true);
                black_box(encode_query(7, black_box(&question), false, false, Some(&edns)));
            }
        }),
    ));
    compare(rounds, operations);
}

/// What was proven of zones, as the caches have it.
struct Known<'a>(&'a Sim);

impl Evidence for Known<'_> {
    fn zone(&self, zone: &Name) -> Option<Arc<ZoneTrust>> {
        self.0.store.zones.get(zone, self.0.clock.now())
    }

    fn cuts(&self, _: &Name) -> Vec<Name> {
        Vec::new()
    }
}

/// Proofs of responses of zones whose keys are proven already, with and without remembered signatures.
pub(crate) fn proofs(rounds: usize) {
    let runtime = runtime();
    let mut source: Option<Arc<dyn Source>> = None;
    let sim = runtime.block_on(async {
        let (give, take) = std::sync::mpsc::channel();
        let sim = Sim::with(world(), move |options| {
            options.between = Box::new(move |source| {
                give.send(Arc::clone(&source)).unwrap();
                source
            });
        });
        source = take.recv().ok();
        for owner in ["www.nsec.org.", "www.nsec3.org.", "www.plain.org."] {
            sim.ask_a(owner).await;
        }
        sim
    });
    let source = source.unwrap();
    let anchors = sim.service.validator().unwrap().anchors().clone();
    let anchors = &anchors;
    let mut operations: Vec<(String, Works<'_>)> = Vec::new();
    for (what, owner, is_secure) in [
        ("a signed answer (P-256)", "mail.nsec.org.", true),
        ("NXDOMAIN with NSEC", "missing.nsec.org.", true),
        ("NXDOMAIN with NSEC3", "missing.nsec3.org.", true),
        ("an insecure answer", "mail.plain.org.", false),
    ] {
        let question = Question::new(name(owner), RecordType::A);
        let context = sim.service.silent_context();
        let response = runtime.block_on(source.resolve(&question, &context)).unwrap();
        // What remembers nothing is a new validator each time; one that is kept remembers four KiB at least.
        let fresh = || Arc::new(Validator::new(anchors.clone(), Policy::default()).remembering(0));
        let kept = Arc::new(Validator::new(anchors.clone(), Policy::default()));
        let (sim, of) = (&sim, response.clone());
        let works = move |count| (0..count).for_each(|_| prove(sim, &kept, of.clone(), is_secure));
        operations.push((format!("prove {what}, signatures remembered"), Box::new(works)));
        let works = move |count| (0..count).for_each(|_| prove(sim, &fresh(), response.clone(), is_secure));
        operations.push((format!("prove {what}, nothing remembered"), Box::new(works)));
    }
    compare(rounds, operations);
}

fn prove(sim: &Sim, validator: &Arc<Validator>, response: Scrubbed, is_secure: bool) {
    let context = sim.service.silent_context();
    let mut proof = validator.prove(response);
    loop {
        match proof.step(&Known(sim), &context.budget, &Silent, sim.clock.unix()) {
            Step::Done(validated) => {
                assert_eq!(validated.state().is_secure(), is_secure, "{:?}", validated.state());
                return;
            }
            Step::Need(questions) => panic!("the zones are proven: {questions:?}"),
            Step::Pause => {}
        }
    }
}
