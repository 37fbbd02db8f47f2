//! Referrals, glue, name servers without glue, priming, and how long a cut lives.

use std::sync::{Arc, Weak};

use super::super::testing::*;
use crate::budget::Caps;
use crate::dns::delegation::DsEvidence;
use crate::dns::message::Message;
use crate::dns::response::{Outcome, Scrubbed, Transport};
use crate::dns::{Name, Rcode, RecordType, Rrset};
use crate::failure::{Failure, ServerFault};
use crate::iterate::Lookup;
use crate::limits::Limit;

fn questions(bench: &Bench) -> Vec<String> {
    bench
        .take_seen()
        .iter()
        .map(|seen| format!("{} {}", seen.server, lower(&seen.question.name, seen.question.rtype)))
        .collect()
}

fn lower(name: &Name, rtype: RecordType) -> String {
    format!("{} {rtype}", name.to_lowercase())
}

fn with_lookup(bench: &Bench, known: &[(&'static str, &'static str)]) -> Arc<Table> {
    let table = Arc::new(Table { known: known.to_vec(), ..Table::default() });
    let lookup: Arc<dyn Lookup> = Arc::<Table>::clone(&table);
    let weak: Weak<dyn Lookup> = Arc::downgrade(&lookup);
    bench.resolver.set_lookup(weak);
    table
}

#[tokio::test(start_paused = true)]
async fn the_walk_goes_from_the_root_through_referrals_and_tells_each_server_no_more_than_it_needs() {
    let bench = Bench::new(|_, _, _| None);
    let said = bench.ask("www.example.test.", RecordType::AAAA).await;
    assert!(said.is_ok(), "{said:?}");
    let asked = questions(&bench);
    assert_eq!(asked[..3], ["192.0.2.1 . NS", "192.0.2.1 test. A", "192.0.2.2 example.test. A"]);
    assert!(asked[3].ends_with("www.example.test. AAAA") && asked.len() == 4, "{asked:?}");
    assert_eq!(
        (bench.told.count("Sent"), bench.told.count("Received"), bench.told.count("Referred")),
        (4, 4, 3)
    );
}

#[tokio::test(start_paused = true)]
async fn a_later_question_starts_at_the_deepest_known_cut() {
    let bench = Bench::new(|_, _, _| None);
    bench.ask("www.example.test.", RecordType::A).await.unwrap();
    bench.take_seen();
    let said = bench.ask("mail.example.test.", RecordType::A).await.unwrap();
    assert_eq!(said.zone, name("example.test."));
    assert_eq!(bench.seen().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_minimisation_every_server_gets_the_whole_question() {
    let bench = Bench::with(|settings| settings.qname_minimisation = false, 1, |_, _, _| None);
    bench.ask("www.example.test.", RecordType::TXT).await.unwrap();
    let asked = questions(&bench);
    assert!(asked[1..].iter().all(|asked| asked.ends_with("www.example.test. TXT")), "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn an_nxdomain_in_between_is_not_believed_for_the_whole_name() {
    let bench = Bench::new(|server, query, _| {
        let asked = query.question.as_ref()?;
        (server == ip(ONE) || server == ip(TWO)).then(|| {
            let mut message = says(query);
            if asked.name == name("b.example.test.") {
                message.header.rcode = Rcode::NXDOMAIN;
                message.authority.push(soa("example.test."));
            } else {
                message.answer.push(a(&asked.name.to_string(), 1));
            }
            vec![Act::Say(message)]
        })
    });
    let said = bench.ask("a.b.example.test.", RecordType::A).await.unwrap();
    assert_eq!(said.outcome, Outcome::Answer);
}

/// How many queries `a.b.example.test.` takes where `b.example.test.` is denied with `denials` and all else exists; how
/// it ends.
async fn denied_in_between(ds: bool, denials: &[Rrset], avoid: &[&str]) -> (usize, Scrubbed) {
    let (child, denials) = (name("example.test."), denials.to_vec());
    let bench = Bench::new(move |server, query, _| {
        let asked = query.question.as_ref()?;
        if server == ip(TEST) {
            let mut message =
                refers(query, "example.test.", &[("ns1.example.test.", ONE), ("ns2.example.test.", TWO)]);
            let set = Rrset::new(child.clone(), RecordType::DS, 60).with(&[0, 1, 13, 2, 9]);
            message.authority.extend(ds.then_some(set));
            return Some(vec![Act::Say(message)]);
        }
        (server != ip(ROOT) && asked.name == name("b.example.test.")).then(|| {
            let mut message = says(query);
            message.header.rcode = Rcode::NXDOMAIN;
            message.authority.push(soa("example.test."));
            message.authority.extend(denials.clone());
            vec![Act::Say(message)]
        })
    });
    let avoid: Vec<_> = avoid.iter().map(|one| ip(one)).collect();
    let asked = question("a.b.example.test.", RecordType::A);
    let said = bench.resolver.resolve(&asked, &bench.context().avoiding(&avoid)).await.unwrap();
    (bench.seen().len(), said)
}

#[tokio::test(start_paused = true)]
async fn in_a_signed_zone_an_nxdomain_in_between_with_its_proof_answers_the_whole_question() {
    let nsec = |next: &str, covered: u8| {
        let mut rdata = name(next).as_wire().to_vec();
        rdata.extend_from_slice(&[0, 1, 2]);
        let mut set = Rrset::new(name("a.example.test."), RecordType::NSEC, 60).with(&rdata);
        let mut signature = vec![0; 18];
        (signature[1], signature[3]) = (covered, 3);
        signature.extend_from_slice(name("example.test.").as_wire());
        set.signatures.push(&[signature, vec![7; 64]].concat());
        set
    };
    let good = nsec("z.example.test.", 47);
    let bare = Rrset { signatures: Rrset::new(Name::root(), RecordType::NSEC, 0).rdatas, ..good.clone() };
    let (sent, said) = denied_in_between(true, std::slice::from_ref(&good), &[]).await;
    // Prime, root, test, the short question.
    assert_eq!((sent, said.outcome, said.rcode), (4, Outcome::NxDomain, Rcode::NXDOMAIN));
    assert_eq!(said.question, question("a.b.example.test.", RecordType::A));
    assert_eq!((said.target, said.authority.len()), (name("a.b.example.test."), 2));
    for (why, ds, denials, avoid) in [
        ("no DS", false, vec![good.clone()], &[][..]),
        ("no proof", true, vec![], &[]),
        ("not signed", true, vec![bare], &[]),
        ("others are below it", true, vec![nsec("a.b.example.test.", 47)], &[]),
        ("a proof did not hold", true, vec![good], &["192.0.2.99"]),
    ] {
        let (sent, said) = denied_in_between(ds, &denials, avoid).await;
        assert_eq!((sent, said.outcome), (5, Outcome::Answer), "{why}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_refuses_short_questions_gets_the_whole_one_at_once() {
    let bench = Bench::new(|server, query, _| {
        let asked = query.question.as_ref()?;
        let short = asked.name == name("b.example.test.");
        ((server == ip(ONE) || server == ip(TWO)) && short)
            .then(|| vec![Act::Say(errs(query, Rcode::REFUSED))])
    });
    let said = bench.ask("a.b.example.test.", RecordType::A).await.unwrap();
    assert_eq!(said.outcome, Outcome::Answer);
    // Prime, root, test, the short question once, the whole one once.
    assert_eq!(bench.seen().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn names_that_only_have_others_below_them_are_passed() {
    let bench = Bench::new(|server, query, _| {
        let asked = query.question.as_ref()?;
        let inner = asked.name.label_count() < 5;
        ((server == ip(ONE) || server == ip(TWO)) && inner)
            .then(|| vec![Act::Say(denies(query, "example.test."))])
    });
    let said = bench.ask("a.b.c.example.test.", RecordType::A).await.unwrap();
    assert_eq!((said.outcome, bench.seen().len()), (Outcome::Answer, 6));
}

#[tokio::test(start_paused = true)]
async fn what_is_known_to_be_no_cut_is_not_asked_about_again() {
    let bench = Bench::new(|server, query, _| {
        let asked = query.question.as_ref()?;
        let inner = asked.name.label_count() < 5;
        ((server == ip(ONE) || server == ip(TWO)) && inner)
            .then(|| vec![Act::Say(denies(query, "example.test."))])
    });
    bench.ask("a.b.c.example.test.", RecordType::A).await.unwrap();
    bench.take_seen();
    bench.ask("z.b.c.example.test.", RecordType::A).await.unwrap();
    assert_eq!(bench.take_seen().len(), 1);
    // The SOA says a minute.
    bench.sleep(61).await;
    bench.ask("y.b.c.example.test.", RecordType::A).await.unwrap();
    assert_eq!(bench.seen().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_referral_upwards_or_to_the_zone_itself_is_lame_and_the_next_server_is_asked() {
    for zone in [".", "test.", "example.test.", "other.test."] {
        let bench = Bench::new(move |server, query, _| {
            (server == ip(ONE)).then(|| vec![Act::Say(refers(query, zone, &[("ns.evil.", "192.0.2.66")]))])
        });
        for host in ["a.example.test.", "b.example.test.", "c.example.test.", "d.example.test."] {
            let said = bench.ask(host, RecordType::A).await.unwrap();
            assert_eq!(said.server, ip(TWO));
        }
        assert_eq!(bench.sent_to("192.0.2.66"), 0, "{zone}");
        assert!(bench.sent_to(ONE) <= 1, "a lame server is remembered");
    }
}

#[tokio::test(start_paused = true)]
async fn glue_is_believed_within_the_bailiwick_of_the_zone_that_sent_it() {
    // A sibling of the delegated zone is within; another top-level domain is not.
    for (host, believed) in [("ns.sibling.test.", true), ("ns.victim.org.", false)] {
        let bench = Bench::new(move |server, query, _| {
            let at_test = server == ip(TEST) && query.question.as_ref()?.name != name("test.");
            at_test.then(|| vec![Act::Say(refers(query, "example.test.", &[(host, ONE)]))])
        });
        let table = with_lookup(&bench, &[("ns.victim.org.", TWO)]);
        let said = bench.ask("www.example.test.", RecordType::A).await.unwrap();
        assert_eq!(said.server, ip(if believed { ONE } else { TWO }), "{host}");
        assert_eq!(table.asked.lock().unwrap().len(), usize::from(!believed));
    }
}

#[tokio::test(start_paused = true)]
async fn with_harden_glue_off_glue_from_elsewhere_is_believed() {
    let bench = Bench::with(
        |settings| settings.harden_glue = false,
        1,
        |server, query, _| {
            (server == ip(TEST))
                .then(|| vec![Act::Say(refers(query, "example.test.", &[("ns.victim.org.", ONE)]))])
        },
    );
    assert_eq!(bench.ask("www.example.test.", RecordType::A).await.unwrap().server, ip(ONE));
}

#[tokio::test(start_paused = true)]
async fn a_name_server_without_glue_is_looked_up_on_behalf_of_the_question() {
    let bench = Bench::new(|server, query, _| {
        (server == ip(TEST)).then(|| vec![Act::Say(refers(query, "example.test.", &[("ns.host.org.", "")]))])
    });
    let table = with_lookup(&bench, &[("ns.host.org.", TWO)]);
    assert_eq!(bench.ask("www.example.test.", RecordType::A).await.unwrap().server, ip(TWO));
    let asked = table.asked.lock().unwrap();
    assert_eq!(asked[0], (name("ns.host.org."), false, vec![question("www.example.test.", RecordType::A)]));
    assert_eq!(asked.len(), 1, "an address is found: the other family is not looked up");
}

#[tokio::test(start_paused = true)]
async fn a_name_server_with_ipv6_alone_is_found_in_the_other_family() {
    let bench = Bench::new(|server, query, _| {
        if server == ip(TEST) {
            return Some(vec![Act::Say(refers(query, "example.test.", &[("ns.host.org.", "")]))]);
        }
        let mut message = says(query);
        message.answer.push(a("www.example.test.", 6));
        (server == ip("2001:db8::53")).then(|| vec![Act::Say(message)])
    });
    let _table = with_lookup(&bench, &[("ns.host.org.", "2001:db8::53")]);
    assert_eq!(bench.ask("www.example.test.", RecordType::A).await.unwrap().server, ip("2001:db8::53"));
}

#[tokio::test(start_paused = true)]
async fn a_name_server_whose_glue_is_of_the_wrong_family_is_looked_up() {
    let bench = Bench::with(
        |settings| settings.ipv6 = false,
        1,
        |server, query, _| {
            let glue = [("ns.other.test.", "2001:db8::53")];
            (server == ip(TEST)).then(|| vec![Act::Say(refers(query, "example.test.", &glue))])
        },
    );
    let _table = with_lookup(&bench, &[("ns.other.test.", ONE)]);
    assert_eq!(bench.ask("www.example.test.", RecordType::A).await.unwrap().server, ip(ONE));
}

#[tokio::test(start_paused = true)]
async fn name_servers_that_only_the_zone_itself_knows_are_a_cycle() {
    let bench = Bench::new(|server, query, _| {
        (server == ip(TEST))
            .then(|| vec![Act::Say(refers(query, "example.test.", &[("ns.example.test.", "")]))])
    });
    let table = with_lookup(&bench, &[("ns.example.test.", ONE)]);
    let failure = bench.ask("www.example.test.", RecordType::A).await.unwrap_err();
    assert_eq!(failure, Failure::Cycle(name("example.test.")));
    assert!(table.asked.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn glue_that_the_parent_left_out_is_asked_of_the_parent_once() {
    for (left, found) in [("", true), ("2001:db8::53", true), ("", false)] {
        let bench = Bench::with(
            |settings| settings.ipv6 = false,
            1,
            move |server, query, _| {
                let asked = query.question.as_ref()?;
                let is_host = asked.name == name("ns1.example.test.") && asked.rtype == RecordType::A;
                if server != ip(TEST) {
                    return None;
                }
                if is_host && found {
                    let mut message = says(query);
                    message.answer.push(address("ns1.example.test.", ONE));
                    return Some(vec![Act::Say(message)]);
                }
                Some(vec![Act::Say(refers(query, "example.test.", &[("ns1.example.test.", left)]))])
            },
        );
        for host in ["www.example.test.", "mail.example.test."] {
            assert_eq!(bench.ask(host, RecordType::A).await.is_ok(), found, "{left}");
        }
        let asked = |one: &&String| one.as_str() == "192.0.2.2 ns1.example.test. A";
        assert_eq!(questions(&bench).iter().filter(asked).count(), 1, "{left}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_childs_name_servers_serve_when_all_of_the_parents_fail() {
    let bench = Bench::new(|server, query, _| {
        let asked = query.question.as_ref()?;
        let mut message = says(query);
        if asked.rtype == RecordType::NS && asked.name == name("example.test.") && server != ip(TEST) {
            message.answer.push(ns("example.test.", &["ns1.example.test.", "ns3.other.test."]));
        } else if server == ip("192.0.2.9") {
            message.answer.push(a("www.example.test.", 9));
        } else if server == ip(ONE) || server == ip(TWO) {
            return Some(vec![Act::Say(errs(query, Rcode::SERVFAIL))]);
        } else {
            return None;
        }
        Some(vec![Act::Say(message)])
    });
    let table = with_lookup(&bench, &[("ns3.other.test.", "192.0.2.9")]);
    bench.ask("www.example.test.", RecordType::A).await.unwrap_err();
    bench.ask("example.test.", RecordType::NS).await.unwrap();
    let said = bench.ask("www.example.test.", RecordType::A).await.unwrap();
    assert_eq!(said.server, ip("192.0.2.9"));
    assert_eq!(table.asked.lock().unwrap().len(), 1);
}

/// A zone whose parent gives it four seconds; both it and its child claim a week.
fn ghost(server: std::net::IpAddr, query: &Message) -> Option<Vec<Act>> {
    let asked = query.question.as_ref()?;
    let below = asked.name.is_subdomain_of(&name("sub.example.test."));
    let mut message = if server == ip(TEST) {
        let mut message = refers(query, "example.test.", &[("ns1.example.test.", ONE)]);
        message.authority[0].ttl = 4;
        message
    } else if server == ip(ONE) && below {
        let mut message = refers(query, "sub.example.test.", &[("ns.sub.example.test.", TWO)]);
        message.authority[0].ttl = 604_800;
        message
    } else if server == ip(ONE) {
        let mut message = says(query);
        message.answer.push(a(&asked.name.to_string(), 1));
        message.authority.push(ns("example.test.", &["ns1.example.test."]));
        message.additional.push(address("ns1.example.test.", ONE));
        message
    } else {
        return None;
    };
    for set in message.authority.iter_mut().skip(1).chain(&mut message.additional) {
        set.ttl = 604_800;
    }
    Some(vec![Act::Say(message)])
}

#[tokio::test(start_paused = true)]
async fn a_domain_does_not_outlive_its_parents_word_however_often_it_is_asked() {
    let bench = Bench::new(|server, query, _| ghost(server, query));
    for _ in 0..40 {
        bench.ask("www.example.test.", RecordType::A).await.unwrap();
        bench.ask("example.test.", RecordType::NS).await.ok();
        bench.clock.sleep_until(bench.clock.now().after(std::time::Duration::from_millis(500))).await;
    }
    // Twenty seconds and some: the parent is asked each four.
    let parent = bench.sent_to(TEST);
    assert!((5..=7).contains(&parent), "{parent}");
}

#[tokio::test(start_paused = true)]
async fn what_a_domain_delegated_ends_with_the_domain() {
    let bench = Bench::new(|server, query, _| ghost(server, query));
    bench.ask("www.sub.example.test.", RecordType::A).await.unwrap();
    let sub = bench.delegations.get(&name("sub.example.test."), bench.clock.now()).unwrap();
    assert!(sub.delegation.ttl <= 4, "{}", sub.delegation.ttl);
    bench.sleep(4).await;
    bench.take_seen();
    bench.ask("www.sub.example.test.", RecordType::A).await.unwrap();
    assert_eq!(bench.sent_to(TEST), 1);
}

#[tokio::test(start_paused = true)]
async fn a_delegation_without_lifetime_serves_the_question_at_hand() {
    let bench = Bench::new(|server, query, _| {
        (server == ip(TEST)).then(|| {
            let mut message = refers(query, "example.test.", &[("ns1.example.test.", ONE)]);
            message.authority[0].ttl = 0;
            vec![Act::Say(message)]
        })
    });
    bench.ask("www.example.test.", RecordType::A).await.unwrap();
    bench.ask("www.example.test.", RecordType::A).await.unwrap();
    assert_eq!(bench.sent_to(TEST), 2);
}

#[tokio::test(start_paused = true)]
async fn ds_is_asked_of_the_parent_even_when_the_child_is_known() {
    let bench = Bench::new(|_, _, _| None);
    bench.ask("www.example.test.", RecordType::A).await.unwrap();
    bench.take_seen();
    let said = bench.ask("example.test.", RecordType::DS).await.unwrap();
    assert_eq!((said.outcome, said.zone), (Outcome::NoData, name("test.")));
    assert_eq!(questions(&bench), ["192.0.2.2 example.test. DS"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_referral_says_of_ds_is_kept_as_evidence() {
    let ds = Rrset::new(name("example.test."), RecordType::DS, 60).with(&[0, 1, 13, 2, 9]);
    let nsec = |owner: &str| Rrset::new(name(owner), RecordType::NSEC, 60).with(&[0, 0, 1, 2]);
    let nsec3 = Rrset::new(name("abcd.test."), RecordType::NSEC3, 60).with(&[1, 0, 0, 0, 0, 1, 7]);
    let hashed = |i: u8| Rrset { name: name(&format!("h{i:02}.test.")), ..nsec3.clone() };
    let cases = [
        (vec![ds.clone()], DsEvidence::Present(ds)),
        (vec![nsec("example.test."), nsec("other.test.")], DsEvidence::Denied(vec![nsec("example.test.")])),
        (vec![nsec3.clone()], DsEvidence::Denied(vec![nsec3.clone()])),
        // More than any proof needs.
        ((0..30).map(hashed).collect(), DsEvidence::Denied((0..10).map(hashed).collect())),
        (vec![nsec("example.org."), nsec("test.")], DsEvidence::Absent),
    ];
    for (sent, kept) in cases {
        let bench = Bench::new(move |server, query, _| {
            (server == ip(TEST)).then(|| {
                let mut message = refers(query, "example.test.", &[("ns1.example.test.", ONE)]);
                message.authority.extend(sent.clone());
                vec![Act::Say(message)]
            })
        });
        bench.ask("www.example.test.", RecordType::A).await.unwrap();
        let cut = bench.delegations.get(&name("example.test."), bench.clock.now()).unwrap();
        assert_eq!(cut.delegation.ds, kept);
    }
}

#[tokio::test(start_paused = true)]
async fn many_questions_at_the_start_prime_once() {
    let bench = Bench::new(|_, _, _| None);
    let ask = |host: &'static str| bench.ask(host, RecordType::A);
    let (one, two, three) = tokio::join!(ask("a.test."), ask("b.test."), ask("c.test."));
    assert!([one, two, three].iter().all(Result::is_ok));
    let primed = bench.seen().iter().filter(|seen| seen.question.rtype == RecordType::NS).count();
    assert_eq!(primed, 1);
}

#[tokio::test(start_paused = true)]
async fn the_root_is_primed_again_when_its_word_ends() {
    let bench = Bench::new(|_, _, _| None);
    let until = bench.resolver.prime(&bench.context()).await.unwrap();
    assert_eq!(until.since(bench.clock.now()).as_secs(), 3_600);
    bench.sleep(3_601).await;
    bench.take_seen();
    bench.ask("www.example.test.", RecordType::A).await.unwrap();
    assert_eq!(questions(&bench)[0], "192.0.2.1 . NS");
}

#[tokio::test(start_paused = true)]
async fn when_priming_fails_the_hints_serve() {
    let bench = Bench::new(|server, query, _| {
        let primes = server == ip(ROOT) && query.question.as_ref()?.rtype == RecordType::NS;
        primes.then(|| vec![Act::Say(errs(query, Rcode::SERVFAIL))])
    });
    bench.ask("www.example.test.", RecordType::A).await.unwrap();
    bench.ask("www.other.", RecordType::A).await.ok();
    let primed = bench.seen().iter().filter(|seen| seen.question.rtype == RecordType::NS).count();
    assert_eq!(primed, 1, "the next question does not try again");
}

#[tokio::test(start_paused = true)]
async fn an_address_that_the_priming_answer_leaves_out_is_taken_from_the_hints() {
    let bench = Bench::new(|server, query, _| {
        let primes = server == ip(ROOT) && query.question.as_ref()?.rtype == RecordType::NS;
        primes.then(|| {
            let mut message = says(query);
            message.answer.push(ns(".", &["ns.root.", "ns.elsewhere."]));
            vec![Act::Say(message)]
        })
    });
    bench.resolver.prime(&bench.context()).await.unwrap();
    let root = bench.delegations.get(&Name::root(), bench.clock.now()).unwrap();
    assert_eq!(root.delegation.servers[0].glue, [ip(ROOT)]);
}

#[tokio::test(start_paused = true)]
async fn a_zone_without_a_usable_address_fails_by_name() {
    let bench = Bench::new(|server, query, _| {
        let bad =
            [("a.example.test.", "127.0.0.1"), ("b.example.test.", "0.0.0.0"), ("c.example.test.", "::1")];
        (server == ip(TEST)).then(|| vec![Act::Say(refers(query, "example.test.", &bad))])
    });
    let failure = bench.ask("www.example.test.", RecordType::A).await.unwrap_err();
    assert_eq!(failure, Failure::NoAddress(name("example.test.")));
    assert!(bench.seen().iter().all(|seen| [ip(ROOT), ip(TEST)].contains(&seen.server)));
}

#[tokio::test(start_paused = true)]
async fn servers_to_avoid_are_not_asked_and_the_failure_says_why() {
    let bench = Bench::new(|_, _, _| None);
    let asked = question("www.example.test.", RecordType::A);
    let one = bench.context().avoiding(&[ip(ONE)]);
    assert_eq!(bench.resolver.resolve(&asked, &one).await.unwrap().server, ip(TWO));
    let both = bench.context().avoiding(&[ip(ONE), ip(TWO)]);
    let failure = bench.resolver.resolve(&asked, &both).await.unwrap_err();
    let bogus = Some((ip(TWO), ServerFault::Bogus));
    assert_eq!(failure, Failure::NoServer { zone: name("example.test."), last: bogus });
    assert_eq!(bench.sent_to(ONE), 0);
    assert!(bench.seen().iter().all(|seen| seen.transport == Transport::Udp));
}

#[tokio::test(start_paused = true)]
async fn a_question_at_its_end_does_not_decide_that_an_old_delegation_is_right() {
    const TEST_TOO: &str = "192.0.2.5";
    const GONE: &str = "192.0.2.66";
    for (cap, seed) in (1..10).flat_map(|cap| [(cap, 1), (cap, 2), (cap, 3)]) {
        let script = move |server, query: &Message, _| {
            let first = query.question.as_ref()?.name.is_subdomain_of(&name("example.test."));
            let said = match server {
                server if server == ip(ROOT) && query.question.as_ref()?.name.is_root() => return None,
                server if server == ip(ROOT) => {
                    refers(query, "test.", &[("ns1.test.", TEST), ("ns2.test.", TEST_TOO)])
                }
                server if server == ip(TEST) && first => {
                    refers(query, "example.test.", &[("ns1.example.test.", GONE)])
                }
                server if server == ip(TEST_TOO) && first => {
                    refers(query, "example.test.", &[("ns1.example.test.", ONE)])
                }
                server if server == ip(GONE) => errs(query, Rcode::REFUSED),
                _ => return None,
            };
            Some(vec![Act::Say(said)])
        };
        let bench = Bench::with(|_| {}, seed, script);
        let context = bench.context_with(Caps::default().with(Limit::Packets, cap));
        let poor = bench.resolver.resolve(&question("a.example.test.", RecordType::A), &context).await;
        assert!(
            poor.is_ok() || matches!(poor, Err(Failure::Limit(_) | Failure::NoServer { .. })),
            "{poor:?}"
        );
        let rich = bench.ask("b.example.test.", RecordType::A).await;
        assert!(rich.is_ok(), "{cap} packets, seed {seed}: {rich:?}");
    }
}
