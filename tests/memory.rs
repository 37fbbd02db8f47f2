//! The caches' one number of octets against what the operating system says the process has; and what a hit allocates:
//! nothing.

#![cfg(target_os = "linux")]
#![expect(clippy::expect_used, reason = "a test fails by panicking")]
#![expect(unsafe_code, reason = "an allocator that counts is still an allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rootwalk::budget::Caps;
use rootwalk::cache::Store;
use rootwalk::cache::answers::{ABSENT, Kept};
use rootwalk::cache::delegations::CachedCut;
use rootwalk::clock::{Clock, Moment};
use rootwalk::context::{BoxFuture, Context};
use rootwalk::dns::delegation::{Delegation, DsEvidence, NameServer};
use rootwalk::dns::edns::{Cookie, EdeCode, Edns, EdnsOption, ExtendedError};
use rootwalk::dns::encode::{encode, encode_query};
use rootwalk::dns::message::{Header, Message};
use rootwalk::dns::response::{Scrubbed, Transport};
use rootwalk::dns::security::ValidationState;
use rootwalk::dns::{Name, Question, Rcode, RecordType, Rrset};
use rootwalk::entropy::Entropy;
use rootwalk::event::Silent;
use rootwalk::failure::Failure;
use rootwalk::features::local_zones::LocalZones;
use rootwalk::service::access::{Access, AccessTable};
use rootwalk::service::cookies::ServerCookies;
use rootwalk::service::lookup::Addresses;
use rootwalk::service::source::Source;
use rootwalk::service::{
    Client, Parts, PrivateAddresses, Ready, ReplySettings, Service, Settings, TtlBounds,
};
use rootwalk::validate::{Insecurity, ZoneTrust};

/// The system's allocator, with a count of what this thread asked of it.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: all is left to the system's allocator; counting allocates nothing, as the cell needs no making.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps the rules.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the rules.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps the rules.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One test at a time: one of them looks at what the whole process has.
static TURN: Mutex<()> = Mutex::new(());

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
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
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

/// Asks nobody.
struct Nobody;

impl Source for Nobody {
    fn resolve<'a>(
        &'a self,
        question: &'a Question,
        _: &'a Context,
    ) -> BoxFuture<'a, Result<Scrubbed, Failure>> {
        Box::pin(async { Err(Failure::NoAddress(question.name.clone())) })
    }
}

/// A service with an answer of each kind in its cache.
fn service(entropy: &Arc<Entropy>) -> Arc<Service> {
    let store = Arc::new(Store::new(BYTES_MAX, entropy));
    let signed = |owner: &str, rtype: RecordType, rdata: &[u8]| {
        let mut rrset = Rrset::new(name(owner), rtype, 3_600).with(rdata);
        let head = [13, 2, 0, 0, 14, 16, 0, 0, 0, 2, 0, 0, 0, 1, 0x12, 0x34];
        rrset.signatures.push(&[&rtype.0.to_be_bytes()[..], &head, b"\x07example\0", &[7; 64]].concat());
        rrset
    };
    let secure = Kept { state: ValidationState::Secure, compact_denial: false, note: None, ttl: 3_600 };
    let keep = |owner: &str, rtype, rcode, answer: Vec<Rrset>, authority: Vec<Rrset>, kept: &Kept| {
        let header = Header { response: true, rcode, ..Header::query(0) };
        let mut message = Message::new(header, Some(Question::new(name(owner), rtype)));
        (message.answer, message.authority) = (answer, authority);
        assert!(store.answers.insert(&name(owner), rtype, &encode(&message, 65_535), kept, Moment(0)));
    };
    let a = |owner: &str| vec![signed(owner, RecordType::A, &[192, 0, 2, 1])];
    let denial = || {
        let soa = signed("example.", RecordType::SOA, &[0; 22]);
        vec![soa, signed("a.example.", RecordType::NSEC, b"\x01z\x07example\0\0\x01\x40")]
    };
    let note = ExtendedError { code: EdeCode::NEGATIVE_TRUST_ANCHOR, text: "as somebody wants".to_owned() };
    let noted = Kept { state: ValidationState::Insecure, note: Some(note), ..secure.clone() };
    keep("www.example.", RecordType::A, Rcode::NOERROR, a("www.example."), vec![], &secure);
    keep("www.example.", RecordType::AAAA, Rcode::NOERROR, vec![], denial(), &secure);
    keep("gone.example.", ABSENT, Rcode::NXDOMAIN, vec![], denial(), &secure);
    keep("noted.example.", RecordType::A, Rcode::NOERROR, a("noted.example."), vec![], &noted);
    let arpa = "1.2.0.203.in-addr.arpa.";
    let pointer = signed(arpa, RecordType::PTR, b"\x03www\x07example\0");
    keep(arpa, RecordType::PTR, Rcode::NOERROR, vec![pointer], vec![], &secure);
    let clock = Clock::system();
    let parts = Parts {
        clock: clock.clone(),
        source: Arc::new(Nobody),
        validator: None,
        store,
        stages: vec![Box::new(LocalZones::new())],
        access: AccessTable::new(
            [("127.0.0.0/8".parse().expect("a prefix"), Access::Allow)].into_iter().collect(),
        ),
        cookies: Some(ServerCookies::new(clock, Arc::clone(entropy))),
        settings: Settings {
            caps: Caps::default(),
            ttl: TtlBounds { max: 86_400, min: 0, max_negative: 3_600 },
            below_nxdomain: true,
            aggressive_nsec: true,
            referral_path: false,
            private: PrivateAddresses::default(),
            stale: None,
            prefetch: true,
            prefetch_key: true,
            root_key_sentinel: true,
            trust_anchor_signaling: true,
            reply: ReplySettings { nsid: None, tcp_idle_timeout: Duration::from_secs(30) },
        },
        observer: Arc::new(Silent),
    };
    Service::new(parts, &Addresses::default())
}

#[test]
fn a_hit_allocates_nothing() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let service = service(&Arc::new(Entropy::seeded(1)));
    let with_cookie = |len| {
        let cookie = Cookie { client: [1; 8], server: [1].repeat(len).into() };
        Some(Edns::new(1_232, true).with(EdnsOption::Cookie(cookie)))
    };
    let forms = [
        None,
        Some(Edns::new(1_232, false)),
        Some(Edns::new(1_232, true)),
        with_cookie(0),
        with_cookie(16),
        with_cookie(32),
    ];
    let client = |transport| Client { address: "127.0.0.1:4000".parse().expect("an address"), transport };
    let mut out = Vec::with_capacity(4_096);
    for (owner, rtype) in [
        ("www.example.", RecordType::A),
        ("WwW.eXaMpLe.", RecordType::A),
        ("www.example.", RecordType::AAAA),
        ("gone.example.", RecordType::MX),
        ("noted.example.", RecordType::A),
        ("1.2.0.203.in-addr.arpa.", RecordType::PTR),
    ] {
        for edns in &forms {
            for transport in [Transport::Udp, Transport::Tcp] {
                let query = encode_query(7, &Question::new(name(owner), rtype), true, false, edns.as_ref());
                let before = ALLOCATIONS.get();
                for _ in 0..1_000 {
                    let ready = service.ready(&query, &client(transport), service.clock().now(), &mut out);
                    assert_eq!(ready, Ready::Hit { due: false });
                }
                assert_eq!(ALLOCATIONS.get() - before, 0, "{owner} {rtype} {edns:?}");
            }
        }
    }
    let before = ALLOCATIONS.get();
    drop(std::hint::black_box(Box::new(7)));
    assert!(ALLOCATIONS.get() > before, "they are counted");
}
