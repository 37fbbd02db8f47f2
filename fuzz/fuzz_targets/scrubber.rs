//! Scrubbing: whatever a server sends, what is left lies within the zone that was asked.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rootwalk::dns::delegation::{Delegation, DsEvidence};
use rootwalk::dns::message::Message;
use rootwalk::dns::response::{Outcome, Response, Scrubbed, Transport};
use rootwalk::dns::{Name, Question, RecordType};
use rootwalk::iterate::scrub::{Said, scrub};
use rootwalk::limits;

fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, bytes)) = bytes.split_first() else { return };
    let Ok(message) = Message::parse(bytes) else { return };
    let question = message.question.clone().unwrap_or_else(|| Question::new(Name::root(), RecordType::A));
    let zone = question.name.suffix(usize::from(choice & 0x0f) % (question.name.label_count() + 1));
    let response = Response { message, server: [192, 0, 2, 1].into(), transport: Transport::Udp };
    let harden_glue = choice & 0x10 == 0;
    let reading = scrub(&response, &question, &zone, harden_glue);
    match reading.said {
        Ok(Said::Final(scrubbed)) => check_scrubbed(&scrubbed, &question, &zone),
        Ok(Said::Referral(delegation)) => check_delegation(&delegation, &question, &zone, harden_glue),
        Err(_) => {}
    }
});

fn check_scrubbed(scrubbed: &Scrubbed, question: &Question, zone: &Name) {
    let sets = scrubbed.answer.iter().chain(&scrubbed.authority);
    assert!(sets.into_iter().all(|set| set.name.is_subdomain_of(zone)), "an owner outside of the zone");
    // One alias may be a DNAME and the CNAME made from it; ANY brings all there is at one name.
    let most = 2 * (limits::ALIASES_PER_RESPONSE_MAX + 1) + limits::RRSETS_PER_MESSAGE_MAX;
    assert!(scrubbed.answer.len() <= most);
    match scrubbed.outcome {
        Outcome::Answer => assert!(!scrubbed.answer.is_empty()),
        Outcome::Alias => assert!(!scrubbed.answer.is_empty() && scrubbed.soa().is_none()),
        Outcome::NoData | Outcome::NxDomain => assert!(scrubbed.target.is_subdomain_of(zone)),
    }
    if question.rtype != RecordType::ANY {
        let aliases = scrubbed.answer.iter().rev().skip(1);
        assert!(aliases.into_iter().all(|set| {
            matches!(set.rtype, RecordType::CNAME | RecordType::DNAME) || set.rtype == question.rtype
        }));
    }
}

fn check_delegation(delegation: &Delegation, question: &Question, zone: &Name, harden_glue: bool) {
    assert!(delegation.zone.is_below(zone) && question.name.is_subdomain_of(&delegation.zone));
    assert!(!delegation.servers.is_empty() && delegation.servers.len() <= limits::NAME_SERVERS_KEPT_MAX);
    assert!(delegation.ttl <= limits::MAX_TTL_SECS);
    for server in &delegation.servers {
        assert!(server.glue.len() <= 2 * limits::ADDRESSES_PER_SERVER_MAX);
        assert!(server.glue.is_empty() || !harden_glue || server.name.is_subdomain_of(zone));
    }
    match &delegation.ds {
        DsEvidence::Absent => {}
        DsEvidence::Present(ds) => assert_eq!(ds.name, delegation.zone),
        DsEvidence::Denied(sets) => assert!(sets.iter().all(|set| set.name.is_subdomain_of(zone))),
    }
}
