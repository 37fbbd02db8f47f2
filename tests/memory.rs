//! The caches' one number of octets against what the operating system says the process has.

#![cfg(target_os = "linux")]
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use rootwalk::cache::Store;
use rootwalk::cache::answers::Kept;
use rootwalk::cache::delegations::CachedCut;
use rootwalk::clock::Moment;
use rootwalk::dns::delegation::{Delegation, DsEvidence, NameServer};
use rootwalk::dns::encode::encode;
use rootwalk::dns::message::{Header, Message};
use rootwalk::dns::security::ValidationState;
use rootwalk::dns::{Name, Question, RecordType, Rrset};
use rootwalk::entropy::Entropy;
use rootwalk::failure::Failure;
use rootwalk::validate::{Insecurity, ZoneTrust};

/// What the caches may take.
const BYTES_MAX: usize = 16 << 20;
/// Questions asked: far more than there is room for.
const QUESTIONS: u32 = 120_000;

/// The octets of the process that are in memory.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("every process has it");
    let kilobytes: usize = line.trim().trim_end_matches(" kB").parse().expect("it is a number");
    kilobytes * 1_024
}

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

/// What a resolver remembers of one question, in sizes that differ.
fn remember(store: &Store, number: u32, entropy: &Entropy) {
    let now = Moment(u64::from(number));
    let padding = "x".repeat(1 + entropy.below(60));
    let zone = name(&format!("{padding}.zone{number}.example."));
    let question = Question::new(zone.prepend(b"www").expect("it fits"), RecordType::TXT);
    let mut rrset = Rrset::new(question.name.clone(), RecordType::TXT, 3_600);
    for _ in 0..=entropy.below(4) {
        rrset.rdatas.push(&vec![7; entropy.below(300)]);
    }
    let mut message = Message::new(Header::query(0), Some(question.clone()));
    message.answer.push(rrset);
    let kept = Kept { state: ValidationState::Insecure, compact_denial: false, note: None, ttl: 3_600 };
    assert!(store.answers.insert(&question.name, question.rtype, &encode(&message, 65_535), &kept, now));

    let server = question.name.prepend(b"ns").expect("it fits");
    let address = IpAddr::V4(Ipv4Addr::from(number));
    let delegation = Delegation {
        zone: zone.clone(),
        parent: name("example."),
        servers: vec![NameServer { name: server.clone(), glue: vec![address] }],
        ds: DsEvidence::Absent,
        ttl: 3_600,
    };
    store.delegations.insert(CachedCut::new(delegation, now, now.after_secs(3_600)));
    store.addresses.insert(&Question::new(server, RecordType::A), Arc::from([address]), 3_600, now);
    store.servers.answered(address, Duration::from_millis(9), now);
    store.zones.insert(&zone, Arc::new(ZoneTrust::Insecure(Insecurity::NoDs)), 3_600, now);
    store.failures.insert(&question, Failure::NoAddress(zone), now);
}

#[test]
fn the_caches_take_no_more_memory_than_they_are_given() {
    let entropy = Entropy::seeded(1);
    let store = Store::new(BYTES_MAX, &entropy);
    let before = resident();
    for number in 0..QUESTIONS {
        remember(&store, number, &entropy);
        assert!(number % 64 != 0 || store.bytes() <= BYTES_MAX);
    }
    let grown = resident().saturating_sub(before);
    assert!(store.bytes() > BYTES_MAX / 10 * 8, "{} octets are counted: the caches are full", store.bytes());
    // What no program can count: pages that are partly free.
    assert!(grown <= BYTES_MAX + BYTES_MAX / 10, "{grown} octets taken, {} counted", store.bytes());
}
