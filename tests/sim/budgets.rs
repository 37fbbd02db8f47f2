//! Each limit on the work for one question: enforced it stops a question, in shadow it lets the same one pass, and
//! counts it once either way.

use std::sync::{Arc, Mutex};

use rootwalk::dns::{Question, Rcode, RecordType};
use rootwalk::event::{Event, Observer};
use rootwalk::lab::{Fault, World, Zone};
use rootwalk::limits::Limit;

use crate::harness::{Reply, Sim, name, seed};

const WEB: [u8; 4] = [192, 0, 2, 80];

fn site(zone: &str) -> Zone {
    Zone::new(zone).record("www A 192.0.2.80")
}

/// What `question` costs in a world where it is honest, how small a cap it passes, and whether it fails for that.
struct Case {
    limit: Limit,
    cap: u32,
    world: World,
    question: (&'static str, RecordType),
    rcode: Rcode,
    /// Reaching the limit fails no question: another way is gone.
    soft: bool,
}

impl Case {
    fn ask(&self, shadow: bool) -> impl Future<Output = (Sim, Reply)> + use<> {
        let sim = Sim::with(self.world.clone(), |options| {
            let caps = options.caps.clone().with(self.limit, self.cap);
            options.caps = if shadow { caps.in_shadow(self.limit) } else { caps };
        });
        let (owner, rtype) = self.question;
        async move {
            let reply = sim.ask(owner, rtype).await;
            (sim, reply)
        }
    }

    async fn check(&self) {
        let Self { limit, cap, .. } = *self;
        for shadow in [false, true] {
            let (sim, reply) = self.ask(shadow).await;
            let hits: Vec<(Limit, u64)> =
                sim.service.limit_hits().all().filter(|(_, count)| *count > 0).collect();
            assert_eq!(hits, [(limit, 1)], "shadow {shadow}: {}", reply.text());
            if shadow || self.soft {
                assert_eq!(reply.rcode(), self.rcode, "{limit}, shadow {shadow}: {}", reply.text());
            } else {
                assert_eq!(reply.rcode(), Rcode::SERVFAIL, "{limit}");
                assert!(reply.text().contains(&format!("{cap} {limit}")), "{limit}: {}", reply.text());
            }
        }
    }
}

fn case(limit: Limit, cap: u32, world: World) -> Case {
    let (question, rcode) = (("www.example.org.", RecordType::A), Rcode::NOERROR);
    Case { limit, cap, world, question, rcode, soft: false }
}

/// A chain of aliases that is told link by link.
fn chain(links: usize) -> Zone {
    let zone = (0..links).fold(Zone::new("example.org."), |zone, link| {
        let owner = if link == 0 { "www".to_owned() } else { format!("l{link}") };
        zone.record(&format!("{owner} CNAME l{}", link + 1))
    });
    let last = format!("l{links} A 192.0.2.80");
    zone.record(&last).fault(Fault::rewrites(|_, reply| reply.answer.truncate(1)))
}

/// A zone whose name server is named in a zone whose name server is named in another.
fn nested(levels: usize) -> World {
    let hosted = |zone: &str, step: usize| {
        site(zone).unsigned().server(&format!("ns.z{step}.net."), &[&format!("198.18.230.{step}")])
    };
    let world =
        World::new(seed()).zone(hosted("example.org.", 1)).zone(Zone::new(&format!("z{levels}.net.")));
    (1..levels).fold(world, |world, step| world.zone(hosted(&format!("z{step}.net."), step + 1)))
}

/// Signatures that are wrong come before the one that is right.
fn forged(count: u8) -> Fault {
    Fault::rewrites(move |_, reply| {
        for rrset in reply.answer.iter_mut().filter(|rrset| rrset.rtype == RecordType::A) {
            let mut all = rootwalk::dns::Rdatas::new();
            for signature in &rrset.signatures {
                for turn in 0..count {
                    let mut wrong = signature.to_vec();
                    wrong.last_mut().into_iter().for_each(|octet| *octet ^= turn + 1);
                    all.push(&wrong);
                }
                all.push(signature);
            }
            rrset.signatures = all;
        }
    })
}

fn cases() -> Vec<Case> {
    let world = || World::new(seed());
    let plain = || world().zone(site("example.org."));
    let nsec3 = || world().zone(site("example.org.").nsec3(0, b""));
    let truncates = || world().zone(site("example.org.").fault(Fault::Truncates));
    vec![
        case(Limit::Packets, 3, plain()),
        case(Limit::Kibibytes, 3, plain()),
        case(Limit::Milliseconds, 50, plain()),
        case(Limit::Restarts, 1, world().zone(chain(3))),
        case(Limit::Referrals, 1, plain()),
        Case { soft: true, ..case(Limit::MinimiseSteps, 1, plain()) },
        case(Limit::ServerLookups, 1, nested(3)),
        case(Limit::TcpFallbacks, 1, truncates()),
        case(Limit::Addresses, 2, plain()),
        case(Limit::Verifications, 2, plain()),
        case(Limit::FailedVerifications, 1, world().zone(site("example.org.").fault(forged(2)))),
        Case {
            question: ("none.example.org.", RecordType::A),
            rcode: Rcode::NXDOMAIN,
            ..case(Limit::Nsec3Hashes, 2, nsec3())
        },
        case(Limit::Evidence, 1, plain()),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_limit_in_shadow_lets_pass_what_it_stops_enforced_and_counts_it_once() {
    let cases = cases();
    for case in &cases {
        case.check().await;
    }
    let elsewhere = [Limit::LookupLevels, Limit::ServerLookupFailures];
    let tested = |limit: &Limit| elsewhere.contains(limit) || cases.iter().any(|case| case.limit == *limit);
    assert!(Limit::ALL.iter().all(tested));
}

#[tokio::test(start_paused = true)]
async fn as_many_restarts_as_are_allowed_are_made() {
    for (cap, shadow) in [(32, false), (11, true)] {
        let (_, reply) = case(Limit::Restarts, cap, World::new(seed()).zone(chain(28))).ask(shadow).await;
        assert_eq!((reply.rcode(), reply.text()), (Rcode::NOERROR, String::new()));
        assert_eq!(reply.message.answer.len(), 29);
    }
}

#[tokio::test(start_paused = true)]
async fn restarts_that_others_aliases_brought_along_are_not_held_against_a_name() {
    let victim = Zone::new("example.net.").unsigned().record("d DNAME t").record("x.t A 192.0.2.80");
    let last = "l10 CNAME x.d.example.net.";
    let aliases = (0..10).fold(Zone::new("example.org.").record(last), |zone, link| {
        zone.record(&format!("l{link} CNAME l{}", link + 1))
    });
    let aliases = aliases.fault(Fault::rewrites(|_, reply| reply.answer.truncate(1)));
    let sim = Sim::new(World::new(seed()).zone(victim).zone(aliases));
    // The first leaves the aliases in the cache, so that the second uses up nothing but restarts.
    for rtype in [RecordType::TXT, RecordType::A] {
        let reply = sim.ask("l0.example.org.", rtype).await;
        assert!(reply.text().contains("11 restarts"), "{}", reply.text());
    }
    sim.ask_a("x.d.example.net.").await.is_address(WEB);
}

#[tokio::test(start_paused = true)]
async fn what_lies_deeper_than_allowed_counts_as_not_found_and_is_counted() {
    for (shadow, rcode) in [(false, Rcode::SERVFAIL), (true, Rcode::NOERROR)] {
        let (sim, reply) = case(Limit::LookupLevels, 2, nested(4)).ask(shadow).await;
        assert_eq!(reply.rcode(), rcode, "{}", reply.text());
        assert_eq!(sim.service.limit_hits().get(Limit::LookupLevels), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn name_servers_that_are_not_there_end_a_question_enforced_and_not_in_shadow() {
    // Of three name servers of each zone on the way one is there; the order is drawn.
    let servers = |zone: Zone, step: usize| {
        let bad =
            (0..2).fold(zone, |zone, host| zone.parent_server(&format!("n{step}-{host}.gone.net."), &[]));
        let host = format!("ns{step}.good.net.");
        bad.parent_server(&host, &[&format!("198.18.231.{step}")])
            .server(&host, &[&format!("198.18.231.{step}")])
    };
    let names = ["example.org.", "b.org.", "c.org.", "d.org."];
    let mut world = World::new(seed()).zone(Zone::new("good.net.")).zone(Zone::new("gone.net."));
    for (step, zone) in names.iter().enumerate() {
        let zone = Zone::new(zone).unsigned();
        let zone = match names.get(step + 1) {
            Some(next) => zone.record(&format!("www CNAME www.{next}")),
            None => zone.record("www A 192.0.2.80"),
        };
        world = world.zone(servers(zone, step + 1));
    }
    let mut stopped = 0;
    for seed in 1..=8 {
        let ask = |shadow: bool| {
            let sim = Sim::with(world.clone(), |options| {
                options.seed = seed;
                let caps = options.caps.clone().with(Limit::ServerLookupFailures, 1);
                options.caps = if shadow { caps.in_shadow(Limit::ServerLookupFailures) } else { caps };
            });
            async move { (sim.ask_a("www.example.org.").await, sim) }
        };
        let (reply, sim) = ask(false).await;
        let hits = sim.service.limit_hits().get(Limit::ServerLookupFailures);
        assert_eq!(hits, u64::from(reply.rcode() == Rcode::SERVFAIL), "{}", reply.text());
        stopped += hits;
        let (reply, sim) = ask(true).await;
        reply.is_address(WEB);
        assert_eq!(sim.service.limit_hits().get(Limit::ServerLookupFailures), hits);
    }
    assert!(stopped > 0);
}

#[tokio::test(start_paused = true)]
async fn an_honest_question_of_ten_aliases_into_signed_zones_reaches_no_limit() {
    // Each zone on five servers, so that each question at it may find another.
    let world = (0..=10).fold(World::new(seed()), |world, link| {
        let record = if link == 10 {
            "www A 192.0.2.80".to_owned()
        } else {
            format!("www CNAME www.l{}.org.", link + 1)
        };
        world.zone(Zone::new(&format!("l{link}.org.")).servers(5).record(&record))
    });
    let sim = Sim::new(world);
    let context = sim.service.silent_context();
    let question = Question::new(name("www.l0.org."), RecordType::A);
    let answer = sim.service.answer(&question, false, &context).await.unwrap();
    assert!(answer.state.is_secure());
    for limit in Limit::ALL {
        let (spent, cap) = (context.budget.spent(limit), context.budget.cap(limit));
        eprintln!("{limit}: {spent} of {cap}");
        assert!(spent <= cap, "{limit}: {spent}");
    }
    assert!(sim.service.limit_hits().all().all(|(_, hits)| hits == 0));
}

/// Hears of limits.
#[derive(Default)]
struct Ear(Mutex<Vec<String>>);

impl Observer for Ear {
    fn on(&self, event: &Event<'_>) {
        if let Event::LimitReached { question, reached, shadow } = event {
            self.0.lock().unwrap().push(format!("{}: {reached}, shadow {shadow}", question.unwrap()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_is_told_with_the_clients_question_though_it_is_reached_for_another() {
    let sim = Sim::with(World::new(seed()).zone(chain(3)), |options| {
        options.caps =
            options.caps.clone().with(Limit::Evidence, 1).with(Limit::Restarts, 2).in_shadow(Limit::Evidence);
    });
    let ear = Arc::new(Ear::default());
    let context = sim.service.context(Arc::clone(&ear) as Arc<dyn Observer>);
    let question = Question::new(name("www.example.org."), RecordType::A);
    let failure = sim.service.answer(&question, false, &context).await.unwrap_err();
    assert_eq!(failure.to_string(), "the limit of 2 restarts for one question was reached");
    assert_eq!(
        *ear.0.lock().unwrap(),
        ["www.example.org. A: 1 evidence, shadow true", "www.example.org. A: 2 restarts, shadow false"]
    );
}

#[tokio::test(start_paused = true)]
async fn the_reply_says_which_limit_was_reached_and_how_much_it_is() {
    let sim = Sim::with(World::new(seed()).zone(site("example.org.")), |options| {
        options.caps = options.caps.clone().with(Limit::Packets, 5);
    });
    let reply = sim.ask_a("www.example.org.").await;
    assert_eq!(reply.rcode(), Rcode::SERVFAIL);
    assert!(
        reply.text().starts_with("the limit of 5 packets for one question was reached"),
        "{}",
        reply.text()
    );
}
