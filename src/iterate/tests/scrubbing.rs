//! What is left of hostile and odd responses.

use std::net::IpAddr;

use super::super::testing::*;
use crate::dns::message::Message;
use crate::dns::response::{Outcome, Scrubbed, Transport};
use crate::dns::{Rcode, RecordType, Rrset};
use crate::failure::Failure;

/// The answer to `www.example.test. A` when the zone's servers reply as `change` makes it.
async fn said(change: impl Fn(&mut Message) + Send + Sync + 'static) -> (Bench, Result<Scrubbed, Failure>) {
    let bench = Bench::new(move |server: IpAddr, query, _| {
        (server == ip(ONE) || server == ip(TWO)).then(|| {
            let mut message = says(query);
            change(&mut message);
            vec![Act::Say(message)]
        })
    });
    let said = bench.ask("www.example.test.", RecordType::A).await;
    (bench, said)
}

fn within(said: &Scrubbed) -> bool {
    said.answer.iter().chain(&said.authority).all(|set| set.name.is_subdomain_of(&said.zone))
}

#[tokio::test(start_paused = true)]
async fn name_servers_beside_an_answer_are_dropped_and_never_asked() {
    let (bench, said) = said(|m| {
        let asked = m.question.as_ref().unwrap().name.to_string();
        m.answer.push(a(&asked, 1));
        m.authority.push(ns("example.test.", &["pwn.example.test."]));
        m.authority.push(ns("test.", &["pwn.example.test."]));
        m.additional.push(address("pwn.example.test.", "192.0.2.66"));
    })
    .await;
    assert!(said.unwrap().authority.is_empty());
    for host in ["w2.example.test.", "pwn.example.test.", "x.test."] {
        bench.ask(host, RecordType::A).await.unwrap();
    }
    assert_eq!(bench.sent_to("192.0.2.66"), 0);
    let cut = bench.delegations.get(&name("example.test."), bench.clock.now()).unwrap();
    assert!(cut.child_servers.is_empty() && cut.delegation.servers.len() == 2);
}

#[tokio::test(start_paused = true)]
async fn name_servers_beside_a_denial_are_dropped_and_never_asked() {
    for rcode in [Rcode::NOERROR, Rcode::NXDOMAIN] {
        let (bench, said) = said(move |m| {
            m.header.rcode = rcode;
            m.authority.push(soa("example.test."));
            m.authority.push(ns("example.test.", &["pwn.example.test."]));
            m.authority.push(soa("test."));
            m.additional.push(address("pwn.example.test.", "192.0.2.66"));
        })
        .await;
        let said = said.unwrap();
        assert!(within(&said) && said.authority.len() == 1, "{said:?}");
        bench.ask("w2.example.test.", RecordType::A).await.unwrap();
        assert_eq!(bench.sent_to("192.0.2.66"), 0);
        assert!(bench.told.count("Scrubbed") > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_for_another_name_is_dropped() {
    let (_, said) = said(|m| {
        m.answer.push(a("www.victim.test.", 66));
        m.answer.push(a("other.example.test.", 66));
        m.authority.push(soa("example.test."));
    })
    .await;
    let said = said.unwrap();
    assert_eq!((said.outcome, said.answer.len()), (Outcome::NoData, 0));
}

#[tokio::test(start_paused = true)]
async fn an_alias_to_another_zone_ends_there_whatever_else_the_server_says() {
    let (_, said) = said(|m| {
        m.header.rcode = Rcode::NXDOMAIN;
        m.answer.push(cname("www.example.test.", "www.victim.test."));
        m.answer.push(a("www.victim.test.", 66));
        m.authority.push(soa("victim.test."));
    })
    .await;
    let said = said.unwrap();
    assert_eq!(
        (said.outcome, said.rcode, said.target.clone()),
        (Outcome::Alias, Rcode::NOERROR, name("www.victim.test."))
    );
    assert!(said.answer.len() == 1 && said.authority.is_empty() && within(&said));
}

#[tokio::test(start_paused = true)]
async fn aliases_within_the_zone_come_with_their_answer_and_their_proofs() {
    let nsec = Rrset::new(name("m.example.test."), RecordType::NSEC, 60).with(&[0, 0, 1, 2]);
    let sent = nsec.clone();
    let (_, said) = said(move |m| {
        m.answer.push(cname("www.example.test.", "t.example.test."));
        m.answer.push(a("t.example.test.", 5));
        m.authority.push(sent.clone());
        m.authority.push(soa("example.test."));
    })
    .await;
    let said = said.unwrap();
    assert_eq!(
        (said.outcome, said.target.clone(), said.answer.len()),
        (Outcome::Answer, name("t.example.test."), 2)
    );
    assert_eq!(said.authority, [nsec]);
}

#[tokio::test(start_paused = true)]
async fn nxdomain_without_soa_is_nxdomain() {
    let (_, said) = said(|m| m.header.rcode = Rcode::NXDOMAIN).await;
    let said = said.unwrap();
    assert_eq!((said.outcome, said.rcode), (Outcome::NxDomain, Rcode::NXDOMAIN));
    assert!(said.soa().is_none());
}

#[tokio::test(start_paused = true)]
async fn nxdomain_by_the_soa_of_another_zone_is_not_believed() {
    let (bench, said) = said(|m| {
        m.header.rcode = Rcode::NXDOMAIN;
        m.authority.push(soa("test."));
    })
    .await;
    assert!(matches!(said, Err(Failure::NoServer { .. })), "{said:?}");
    assert_eq!((bench.sent_to(ONE), bench.sent_to(TWO)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_dname_is_asked_for_again_over_tcp_signed_or_not() {
    for signed in [false, true] {
        let (bench, said) = said(move |m| {
            let mut dname = dname("example.test.", "new.test.");
            if signed {
                let head = [0, 39, 13, 2, 0, 0, 14, 16, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 1];
                dname.signatures.push(&[&head[..], name("example.test.").as_wire(), &[7; 64]].concat());
            }
            m.answer.push(dname);
            m.answer.push(cname("www.example.test.", "evil.test."));
        })
        .await;
        let said = said.unwrap();
        assert_eq!((said.outcome, said.target.clone()), (Outcome::Alias, name("www.new.test.")));
        assert_eq!(said.answer[0].signatures.is_empty(), !signed);
        assert_eq!(bench.seen().last().unwrap().transport, Transport::Tcp);
    }
}

#[tokio::test(start_paused = true)]
async fn a_dname_that_makes_too_long_a_name_is_yxdomain() {
    let (_, said) = said(|m| {
        m.header.rcode = Rcode::YXDOMAIN;
        m.answer.push(dname("example.test.", &"x.".repeat(126)));
    })
    .await;
    let said = said.unwrap();
    assert_eq!((said.outcome, said.rcode, said.answer.len()), (Outcome::Answer, Rcode::YXDOMAIN, 1));
}

#[tokio::test(start_paused = true)]
async fn owners_come_back_in_the_letter_case_of_the_question() {
    let bench = Bench::new(|_, _, _| None);
    let said = bench.ask("WWW.example.Test.", RecordType::A).await.unwrap();
    assert!(said.answer[0].name.eq_with_case(&name("WWW.example.Test.")));
    let cut = bench.delegations.get(&name("example.test."), bench.clock.now()).unwrap();
    assert!(cut.zone().eq_with_case(&name("example.test.")));
    assert!(
        cut.delegation.servers.iter().all(|server| server.name.eq_with_case(&server.name.to_lowercase()))
    );
}
