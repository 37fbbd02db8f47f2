//! What is served ready-made against what the slow way says of the same query at the same moment.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::cache::answers::{ABSENT, Kept};
use crate::clock::Moment;
use crate::dns::edns::Cookie;
use crate::dns::security::{Fault, Reason, ValidationState};
use crate::validate::{Policy, Validator};

const NSEC: RecordType = RecordType::NSEC;

fn signed(mut rrset: Rrset) -> Rrset {
    let labels = u8::try_from(rrset.name.label_count()).unwrap();
    let mut rdata = rrset.rtype.0.to_be_bytes().to_vec();
    rdata.extend([13, labels, 0, 0, 14, 16, 0, 0, 0, 2, 0, 0, 0, 1, 0x12, 0x34]);
    rdata.extend(name("example.").as_wire());
    rdata.extend([7; 64]);
    rrset.signatures.push(&rdata);
    rrset
}

fn nsec(owner: &str) -> Rrset {
    signed(Rrset::new(name(owner), NSEC, 3_600).with(&[name("z.example.").as_wire(), &[0, 1, 0x40]].concat()))
}

fn reason(owner: &str) -> Reason {
    let fault = Fault::SignatureMissing;
    Reason { zone: name("example."), name: name(owner), rtype: RecordType::A, fault }
}

/// A cache with one answer of each kind.
fn filled() -> Arc<Service> {
    let mut parts = parts(&Arc::new(Script::default()));
    let policy = Policy { sha1: crate::validate::Sha1::Insecure, dnssec_stripped: true };
    parts.validator = Some(Arc::new(Validator::new(Anchors::builtin(), policy)));
    parts.settings.reply.nsid = Some("five".to_owned());
    parts.cookies = Some(ServerCookies::new(parts.clock.clone(), Arc::new(Entropy::seeded(3))));
    let service = Service::new(parts, &lookup::Addresses::default());
    let keep = |owner: &str, rtype, rcode, answer: &[Rrset], authority: &[Rrset], kept: &Kept| {
        let header = Header { response: true, recursion_available: true, rcode, ..Header::query(0) };
        let mut message = Message::new(header, Some(Question::new(name(owner), rtype)));
        (message.answer, message.authority) = (answer.to_vec(), authority.to_vec());
        let encoded = encode(&message, 65_535);
        assert!(service.store.answers.insert(&name(owner), rtype, &encoded, kept, Moment(0)));
    };
    let secure = Kept { state: ValidationState::Secure, compact_denial: false, note: None, ttl: 300 };
    let note = ExtendedError { code: EdeCode::NEGATIVE_TRUST_ANCHOR, text: "as somebody wants".to_owned() };
    let insecure = Kept { state: ValidationState::Insecure, note: Some(note), ..secure.clone() };
    let (no_error, absent) = (Rcode::NOERROR, Rcode::NXDOMAIN);
    let denial = [signed(soa("example.", 3_600, 300)), nsec("a.example.")];
    keep("www.example.", RecordType::A, no_error, &[signed(a("www.example.", 3_600))], &[], &secure);
    keep("www.example.", RecordType::AAAA, no_error, &[], &denial, &secure);
    keep("www.example.", NSEC, no_error, &[nsec("www.example.")], &[], &secure);
    let chain = [signed(cname("alias.example.", "www.example.")), signed(a("www.example.", 3_600))];
    keep("alias.example.", RecordType::A, no_error, &chain, &[nsec("a.example.")], &secure);
    keep("alias.example.", RecordType::CNAME, no_error, &chain[..1], &[], &secure);
    keep("gone.example.", ABSENT, absent, &[], &denial, &secure);
    keep("plain.example.", RecordType::A, no_error, &[a("plain.example.", 600)], &[], &insecure);
    keep("none.plain.example.", ABSENT, absent, &[], &[soa("plain.example.", 900, 300)], &insecure);
    let compact = Kept { compact_denial: true, ..secure.clone() };
    keep(
        "compact.example.",
        RecordType::A,
        no_error,
        &[],
        &[denial[0].clone(), nsec("compact.example.")],
        &compact,
    );
    let bogus = Kept { state: ValidationState::Bogus(Box::new(reason("bogus.example."))), ..secure.clone() };
    keep("bogus.example.", RecordType::A, no_error, &[signed(a("bogus.example.", 3_600))], &[], &bogus);
    let many = (0..8).fold(Rrset::new(name("large.example."), RecordType::TXT, 3_600), |all, number| {
        all.with(&[&[200], &[b'0' + number; 200][..]].concat())
    });
    keep("large.example.", RecordType::TXT, no_error, &[signed(many)], &[], &secure);
    // What a stage speaks for, and what contradicts itself, got in by lookups of this resolver's own.
    for owner in
        ["localhost.", "root-key-sentinel-is-ta-12345.example.", "root-key-sentinel-is-ta-20326.example."]
    {
        keep(owner, RecordType::A, no_error, &[signed(a(owner, 3_600))], &[], &secure);
    }
    service
}

/// A query and how it comes.
#[derive(Debug, Clone)]
struct Query {
    octets: Vec<u8>,
    from: &'static str,
    transport: Transport,
    age_ms: u64,
}

fn names() -> impl Strategy<Value = Vec<u8>> {
    let texts = [
        "www.example.",
        "alias.example.",
        "gone.example.",
        "plain.example.",
        "none.plain.example.",
        "compact.example.",
        "bogus.example.",
        "large.example.",
        "localhost.",
        "root-key-sentinel-is-ta-12345.example.",
        "root-key-sentinel-is-ta-20326.example.",
        "unknown.example.",
        ".",
    ];
    (prop::sample::select(texts.to_vec()), any::<u64>()).prop_map(|(text, case)| {
        let wire = name(text).as_wire().to_vec();
        let flip = |(at, octet): (usize, u8)| match case >> (at % 64) & 1 {
            1 => octet.to_ascii_uppercase(),
            _ => octet,
        };
        // No length is that of a letter.
        wire.into_iter().enumerate().map(flip).collect()
    })
}

fn types() -> impl Strategy<Value = u16> {
    let usual =
        [RecordType::A, RecordType::AAAA, RecordType::TXT, RecordType::CNAME, NSEC].map(|rtype| rtype.0);
    prop_oneof![
        6 => prop::sample::select(usual.to_vec()),
        1 => prop::sample::select(vec![0, 41, 46, 43, 48, 128, 249, 250, 251, 252, 253, 254, 255, 256, 32_768]),
        1 => any::<u16>(),
    ]
}

/// One option, in octets.
fn option() -> impl Strategy<Value = Vec<u8>> {
    let code =
        prop_oneof![4 => Just(10_u16), 1 => prop::sample::select(vec![3, 8, 11, 12, 15]), 1 => any::<u16>()];
    let len = prop_oneof![4 => prop::sample::select(vec![8_usize, 16, 24, 40]), 1 => 0..50_usize];
    (code, len, any::<u8>()).prop_map(|(code, len, octet)| {
        let len_octets = u16::try_from(len).unwrap().to_be_bytes();
        [&code.to_be_bytes()[..], &len_octets, &vec![octet; len]].concat()
    })
}

/// The additional section, and how many records it claims to have.
fn additional() -> impl Strategy<Value = (u8, Vec<u8>)> {
    let size = prop_oneof![Just(1_232_u16), any::<u16>()];
    let version = prop_oneof![9 => Just(0_u8), 1 => any::<u8>()];
    let opt = (size, any::<u8>(), version, any::<u16>(), vec(option(), 0..3)).prop_map(
        |(size, upper, version, flags, options)| {
            let options = options.concat();
            let mut opt = vec![0, 0, 41];
            opt.extend(size.to_be_bytes());
            opt.extend([upper, version]);
            opt.extend(flags.to_be_bytes());
            opt.extend(u16::try_from(options.len()).unwrap().to_be_bytes());
            opt.extend(options);
            (1, opt)
        },
    );
    prop_oneof![2 => Just((0, vec![])), 8 => opt, 1 => (0..4_u8, vec(any::<u8>(), 0..30))]
}

fn queries() -> impl Strategy<Value = Query> {
    // RD, and now and then any flag.
    let flags = prop_oneof![5 => Just(0x0100_u16), 4 => any::<u16>().prop_map(|flags| flags & 0x07ff), 1 => any::<u16>()];
    let class = prop_oneof![9 => Just(1_u16), 1 => prop::sample::select(vec![3, 4, 254, 255, 0])];
    let counts = prop_oneof![19 => Just([0, 1, 0, 0, 0, 0]), 1 => any::<[u8; 6]>()];
    let damage = prop_oneof![9 => Just(None), 1 => any::<(prop::sample::Index, u8, bool)>().prop_map(Some)];
    let from = ["127.0.0.1:4000", "127.0.0.1:4000", "192.0.2.7:4000", "10.0.0.1:4000", "198.51.100.1:4000"];
    let how = (prop::sample::select(from.to_vec()), any::<bool>(), 0..299_999_u64);
    let message = (any::<u16>(), flags, counts, names(), types(), class, additional(), damage);
    (message, how).prop_map(|((id, flags, counts, name, rtype, class, (count, additional), damage), how)| {
        let mut octets = id.to_be_bytes().to_vec();
        octets.extend(flags.to_be_bytes());
        octets.extend(counts);
        octets.extend([0, count]);
        octets.extend(name);
        octets.extend(rtype.to_be_bytes());
        octets.extend(class.to_be_bytes());
        octets.extend(additional);
        if let Some((at, octet, cut)) = damage {
            let at = at.index(octets.len());
            octets[at] = octet;
            octets.truncate(if cut { at } else { octets.len() });
        }
        let (from, is_udp, age_ms) = how;
        Query { octets, from, transport: if is_udp { Transport::Udp } else { Transport::Tcp }, age_ms }
    })
}

/// What both ways say: ready-made, and slowly.
fn both(query: &Query, service: &Arc<Service>) -> (Ready, Vec<u8>, Disposition) {
    let client = Client { address: query.from.parse().unwrap(), transport: query.transport };
    let mut out = b"left over".to_vec();
    let ready = service.ready(&query.octets, &client, service.clock.now(), &mut out);
    (ready, out, service.prepare(&query.octets, &client))
}

/// Runs `work` with the clock standing `age_ms` after the cache was filled.
fn at<R>(age_ms: u64, work: impl FnOnce(&Arc<Service>) -> R) -> R {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let _entered = runtime.enter();
    let service = filled();
    runtime.block_on(tokio::time::advance(Duration::from_millis(age_ms)));
    let failure = Failure::Bogus(Box::new(reason("bogus.example.")));
    let question = Question::new(name("bogus.example."), RecordType::A);
    service.store.failures.insert(&question, failure, service.clock.now());
    work(&service)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn what_is_served_ready_made_is_what_the_slow_way_says(query in queries()) {
        at(query.age_ms, |service| match both(&query, service) {
            (Ready::Hit { .. }, out, Disposition::Reply(reply)) => {
                prop_assert_eq!(Message::parse(&out).unwrap(), Message::parse(&reply).unwrap());
                prop_assert!(hickory_proto::op::Message::from_vec(&out).is_ok());
                let is_udp = query.transport == Transport::Udp;
                prop_assert!(!is_udp || out.len() <= 1_232);
                Ok(())
            }
            (Ready::Drop, _, slow) => {
                prop_assert!(matches!(slow, Disposition::Drop));
                Ok(())
            }
            (Ready::Miss, _, _) => Ok(()),
            (ready, _, slow) => Err(TestCaseError::fail(format!("{ready:?}, and the slow way {slow:?}"))),
        })?;
    }
}

/// A query with RD.
fn plain(owner: &str, rtype: RecordType, edns: Option<&Edns>) -> Query {
    let octets = crate::dns::encode::encode_query(7, &Question::new(name(owner), rtype), true, false, edns);
    Query { octets, from: "127.0.0.1:4000", transport: Transport::Udp, age_ms: 0 }
}

#[test]
fn usual_queries_are_hits() {
    let cookie = EdnsOption::Cookie(Cookie { client: [1; 8], server: smallvec::SmallVec::new() });
    let forms = [
        None,
        Some(Edns::new(1_232, false)),
        Some(Edns::new(1_232, true)),
        Some(Edns::new(512, true).with(cookie)),
    ];
    at(1_000, |service| {
        for edns in forms {
            for (owner, rtype) in [
                ("WWW.example.", RecordType::A),
                ("www.example.", RecordType::AAAA),
                ("alias.Example.", RecordType::A),
                ("gone.example.", RecordType::MX),
                ("plain.example.", RecordType::A),
                ("none.plain.example.", RecordType::TXT),
                ("compact.example.", RecordType::A),
                ("large.example.", RecordType::TXT),
            ] {
                let (ready, _, slow) = both(&plain(owner, rtype, edns.as_ref()), service);
                assert!(
                    matches!((ready, &slow), (Ready::Hit { due: false }, Disposition::Reply(_))),
                    "{owner}"
                );
            }
        }
    });
}

#[test]
fn what_is_not_for_the_cache_to_say_is_a_miss() {
    let edns = |option| Some(Edns::new(1_232, false).with(option));
    at(1_000, |service| {
        for (owner, rtype, edns) in [
            ("localhost.", RecordType::A, None),
            ("root-key-sentinel-is-ta-12345.example.", RecordType::A, None),
            ("gone.example.", RecordType::ANY, None),
            ("gone.example.", RecordType::RRSIG, None),
            ("gone.example.", RecordType(0), None),
            ("bogus.example.", RecordType::A, None),
            ("unknown.example.", RecordType::A, None),
            ("www.example.", RecordType::A, edns(EdnsOption::Nsid(vec![]))),
        ] {
            assert_eq!(both(&plain(owner, rtype, edns.as_ref()), service).0, Ready::Miss, "{owner} {rtype}");
        }
        let mut keepalive = plain("www.example.", RecordType::A, edns(EdnsOption::Keepalive(None)).as_ref());
        assert_eq!(both(&keepalive, service).0, Ready::Hit { due: false }, "RFC 7828 §3.2.1: passed over");
        keepalive.transport = Transport::Tcp;
        assert_eq!(both(&keepalive, service).0, Ready::Miss);
        for (from, ready) in [
            ("10.0.0.1:4000", Ready::Drop),
            ("198.51.100.1:4000", Ready::Miss),
            ("192.0.2.7:4000", Ready::Hit { due: false }),
        ] {
            let mut query = plain("www.example.", RecordType::A, None);
            query.from = from;
            assert_eq!(both(&query, service).0, ready, "{from}");
        }
        let mut without_rd = plain("www.example.", RecordType::A, None);
        without_rd.octets[2] = 0;
        assert_eq!(both(&without_rd, service).0, Ready::Miss);
        without_rd.from = "192.0.2.7:4000";
        assert_eq!(both(&without_rd, service).0, Ready::Hit { due: false }, "it may look into the cache");
    });
}
