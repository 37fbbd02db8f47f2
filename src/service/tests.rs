//! The service over a scripted source: no network, no validation.

mod ready;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::access::Access;
use super::stage::{LocalAnswer, Stage};
use super::*;
use crate::context::BoxFuture;
use crate::dns::Opcode;
use crate::dns::edns::{Edns, EdnsOption};
use crate::dns::encode::encode;
use crate::dns::message::{Header, Message};
use crate::dns::response::{Outcome, Transport};
use crate::entropy::Entropy;
use crate::limits;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn a(owner: &str, ttl: u32) -> Rrset {
    Rrset::new(name(owner), RecordType::A, ttl).with(&[192, 0, 2, 1])
}

fn cname(owner: &str, target: &str) -> Rrset {
    Rrset::new(name(owner), RecordType::CNAME, 300).with(name(target).as_wire())
}

fn soa(owner: &str, ttl: u32, minimum: u32) -> Rrset {
    let mut rdata = vec![0, 0];
    for number in [1, 2, 3, 4, minimum] {
        rdata.extend(u32::to_be_bytes(number));
    }
    Rrset::new(name(owner), RecordType::SOA, ttl).with(&rdata)
}

/// What the world says, by question.
#[derive(Default)]
struct Script {
    answers: Mutex<HashMap<Question, Result<Scrubbed, Failure>>>,
    asked: AtomicU32,
    delay: Duration,
}

impl Script {
    fn says(
        &self,
        owner: &str,
        rtype: RecordType,
        outcome: Outcome,
        answer: Vec<Rrset>,
        authority: Vec<Rrset>,
    ) {
        let question = Question::new(name(owner), rtype);
        let last = answer.last().filter(|last| last.rtype == RecordType::CNAME && rtype != RecordType::CNAME);
        let target = last
            .and_then(|last| Name::from_wire(last.rdatas.first().unwrap()).ok())
            .map_or_else(|| name(owner), |(target, _)| target);
        let scrubbed = Scrubbed {
            question: question.clone(),
            zone: Name::root(),
            rcode: if outcome == Outcome::NxDomain { Rcode::NXDOMAIN } else { Rcode::NOERROR },
            outcome,
            answer,
            authority,
            target,
            server: IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        self.answers.lock().unwrap().insert(question, Ok(scrubbed));
    }
}

impl Source for Script {
    fn resolve<'a>(
        &'a self,
        question: &'a Question,
        _: &'a Context,
    ) -> BoxFuture<'a, Result<Scrubbed, Failure>> {
        Box::pin(async move {
            self.asked.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(self.delay).await;
            let answers = self.answers.lock().unwrap();
            answers.get(question).cloned().unwrap_or_else(|| Err(Failure::NoAddress(question.name.clone())))
        })
    }
}

struct Here;

impl Stage for Here {
    fn before(&self, question: &Question, _: &Client) -> Option<LocalAnswer> {
        (question.name == name("localhost.")).then(|| LocalAnswer {
            rcode: Rcode::NOERROR,
            authoritative: true,
            answer: vec![a("localhost.", 10)],
            authority: vec![],
        })
    }

    fn speaks_for(&self, wire: &[u8]) -> bool {
        wire.eq_ignore_ascii_case(name("localhost.").as_wire())
    }
}

fn service(script: &Arc<Script>) -> Arc<Service> {
    Service::new(parts(script), &lookup::Addresses::default())
}

fn parts(script: &Arc<Script>) -> Parts {
    let entropy = Entropy::seeded(1);
    let access =
        [("127.0.0.0/8", Access::Allow), ("10.0.0.0/8", Access::Deny), ("192.0.2.0/24", Access::AllowSnoop)];
    let store = Arc::new(Store::new(1 << 20, &entropy));
    Parts {
        clock: Clock::simulated(1_700_000_000),
        source: Arc::clone(script) as Arc<dyn Source>,
        validator: None,
        store,
        stages: vec![Box::new(Here)],
        access: AccessTable::new(
            access.into_iter().map(|(p, access)| (p.parse().unwrap(), access)).collect(),
        ),
        cookies: None,
        settings: Settings {
            caps: Caps::default(),
            ttl: TtlBounds { max: 86_400, min: 0, max_negative: 3_600 },
            below_nxdomain: true,
            aggressive_nsec: true,
            referral_path: false,
            private: PrivateAddresses::default(),
            stale: None,
            prefetch: false,
            prefetch_key: true,
            root_key_sentinel: true,
            trust_anchor_signaling: true,
            reply: ReplySettings { nsid: None, tcp_idle_timeout: Duration::from_secs(30) },
        },
        observer: Arc::new(Silent),
    }
}

struct Ask {
    name: &'static str,
    rtype: RecordType,
    class: Class,
    rd: bool,
    cd: bool,
    edns: Option<Edns>,
    from: &'static str,
    transport: Transport,
}

fn ask(name: &'static str, rtype: RecordType) -> Ask {
    let edns = Some(Edns::new(1_232, false));
    Ask {
        name,
        rtype,
        class: Class::IN,
        rd: true,
        cd: false,
        edns,
        from: "127.0.0.1:4000",
        transport: Transport::Udp,
    }
}

impl Ask {
    fn bytes(&self) -> Vec<u8> {
        let header = Header {
            id: 77,
            response: false,
            opcode: Opcode::QUERY,
            authoritative: false,
            truncated: false,
            recursion_desired: self.rd,
            recursion_available: false,
            authentic_data: false,
            checking_disabled: self.cd,
            rcode: Rcode::NOERROR,
        };
        let question = Question { name: name(self.name), rtype: self.rtype, class: self.class };
        let message = Message {
            header,
            question: Some(question),
            answer: vec![],
            authority: vec![],
            additional: vec![],
            edns: self.edns.clone(),
            odd_records: 0,
        };
        encode(&message, 65_535).bytes
    }

    async fn of(&self, service: &Arc<Service>) -> Option<Message> {
        let client = Client { address: self.from.parse().unwrap(), transport: self.transport };
        let reply = service.handle(&self.bytes(), client).await?;
        assert!(self.transport != Transport::Udp || reply.len() <= usize::from(limits::UDP_SIZE));
        Some(Message::parse(&reply).unwrap())
    }
}

fn ede(message: &Message) -> Option<EdeCode> {
    message.edns.as_ref()?.options.iter().find_map(|option| match option {
        EdnsOption::ExtendedError(error) => Some(error.code),
        _ => None,
    })
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_cached_and_its_ttl_counts_down_to_its_end() {
    let script = Arc::new(Script::default());
    script.says("www.example.", RecordType::A, Outcome::Answer, vec![a("www.example.", 60)], vec![]);
    let service = service(&script);
    let question = ask("wWw.example.", RecordType::A);
    let first = question.of(&service).await.unwrap();
    assert_eq!(first.answer[0].ttl, 60);
    assert!(first.header.recursion_available && !first.header.authoritative && first.header.id == 77);
    assert!(first.question.unwrap().name.eq_with_case(&name("wWw.example.")));
    tokio::time::advance(Duration::from_secs(20)).await;
    assert_eq!(question.of(&service).await.unwrap().answer[0].ttl, 40);
    assert_eq!(script.asked.load(Ordering::Relaxed), 1);
    tokio::time::advance(Duration::from_secs(41)).await;
    assert_eq!(question.of(&service).await.unwrap().answer[0].ttl, 60);
    assert_eq!(script.asked.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn an_alias_is_followed_and_serves_other_types_from_the_cache() {
    let script = Arc::new(Script::default());
    script.says(
        "www.example.",
        RecordType::A,
        Outcome::Alias,
        vec![cname("www.example.", "cdn.test.")],
        vec![],
    );
    script.says("cdn.test.", RecordType::A, Outcome::Answer, vec![a("cdn.test.", 60)], vec![]);
    script.says("cdn.test.", RecordType::AAAA, Outcome::NoData, vec![], vec![soa("test.", 900, 30)]);
    let service = service(&script);
    let reply = ask("www.example.", RecordType::A).of(&service).await.unwrap();
    assert_eq!(
        reply.answer.iter().map(|rrset| rrset.rtype).collect::<Vec<_>>(),
        [RecordType::CNAME, RecordType::A]
    );
    assert_eq!(script.asked.load(Ordering::Relaxed), 2);
    let reply = ask("www.example.", RecordType::AAAA).of(&service).await.unwrap();
    assert_eq!((reply.answer.len(), reply.authority.len()), (1, 1));
    assert_eq!(reply.authority[0].ttl, 30, "RFC 2308 §5: the lower of TTL and MINIMUM");
    assert_eq!(script.asked.load(Ordering::Relaxed), 3, "the alias came from the cache");
    ask("www.example.", RecordType::A).of(&service).await.unwrap();
    assert_eq!(script.asked.load(Ordering::Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn the_absence_of_a_name_answers_every_type() {
    let script = Arc::new(Script::default());
    script.says("no.example.", RecordType::A, Outcome::NxDomain, vec![], vec![soa("example.", 900, 300)]);
    let service = service(&script);
    for rtype in [RecordType::A, RecordType::MX, RecordType::CNAME] {
        let reply = ask("no.example.", rtype).of(&service).await.unwrap();
        assert_eq!((reply.header.rcode, reply.authority.len()), (Rcode::NXDOMAIN, 1));
        assert_eq!(reply.question.unwrap().rtype, rtype);
    }
    assert_eq!(script.asked.load(Ordering::Relaxed), 1);
    // Unproven, it says nothing about names below.
    let below = ask("x.no.example.", RecordType::A).of(&service).await.unwrap();
    assert_eq!(below.header.rcode, Rcode::SERVFAIL);
}

#[tokio::test(start_paused = true)]
async fn aliases_in_a_circle_and_endless_aliases_end() {
    let script = Arc::new(Script::default());
    script.says("a.example.", RecordType::A, Outcome::Alias, vec![cname("a.example.", "b.example.")], vec![]);
    script.says("b.example.", RecordType::A, Outcome::Alias, vec![cname("b.example.", "a.example.")], vec![]);
    for i in 0..30 {
        let (from, to) = (format!("{i}.test."), format!("{}.test.", i + 1));
        script.says(&from, RecordType::A, Outcome::Alias, vec![cname(&from, &to)], vec![]);
    }
    let service = service(&script);
    let reply = ask("a.example.", RecordType::A).of(&service).await.unwrap();
    assert_eq!((reply.header.rcode, ede(&reply)), (Rcode::SERVFAIL, Some(EdeCode::OTHER)));
    assert_eq!(script.asked.load(Ordering::Relaxed), 2);
    let reply = ask("0.test.", RecordType::A).of(&service).await.unwrap();
    assert_eq!(reply.header.rcode, Rcode::SERVFAIL);
    assert_eq!(script.asked.load(Ordering::Relaxed), 2 + 12, "11 restarts, 12 questions");
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_remembered_and_backs_off() {
    let script = Arc::new(Script::default());
    let service = service(&script);
    // RFC 9520 §3.2: twenty questions in five seconds cause one resolution.
    for _ in 0..20 {
        let reply = ask("dead.example.", RecordType::A).of(&service).await.unwrap();
        assert_eq!(reply.header.rcode, Rcode::SERVFAIL);
        tokio::time::advance(Duration::from_millis(200)).await;
    }
    assert_eq!(script.asked.load(Ordering::Relaxed), 1);
    tokio::time::advance(Duration::from_secs(2)).await;
    script.says("dead.example.", RecordType::A, Outcome::Answer, vec![a("dead.example.", 60)], vec![]);
    let reply = ask("dead.example.", RecordType::A).of(&service).await.unwrap();
    assert_eq!(reply.header.rcode, Rcode::NOERROR);
}

#[test]
fn of_a_name_server_that_was_looked_up_six_addresses_are_taken() {
    let question = Question::new(name("ns.example."), RecordType::A);
    let many = (1..=30)
        .fold(Rrset::new(name("ns.example."), RecordType::A, 60), |set, last| set.with(&[192, 0, 2, last]));
    assert_eq!(lookup::addresses_in(&question, &[many]).len(), 6);
}

#[tokio::test(start_paused = true)]
async fn sixty_identical_questions_cause_one_fetch() {
    let script = Arc::new(Script { delay: Duration::from_millis(50), ..Script::default() });
    script.says("www.example.", RecordType::A, Outcome::Answer, vec![a("www.example.", 60)], vec![]);
    let service = service(&script);
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..60 {
        let service = Arc::clone(&service);
        tasks.spawn(async move {
            let mut ask = ask(if i % 2 == 0 { "www.example." } else { "WWW.example." }, RecordType::A);
            ask.cd = i % 3 == 0;
            ask.of(&service).await.unwrap().answer.len()
        });
    }
    assert_eq!(tasks.join_all().await, [1; 60]);
    assert_eq!(script.asked.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_question_with_a_place_is_under_way_before_its_reply_is_wanted_unless_the_look_for_it_is_old() {
    let script = Arc::new(Script { delay: Duration::from_millis(50), ..Script::default() });
    script.says("www.example.", RecordType::A, Outcome::Answer, vec![a("www.example.", 60)], vec![]);
    let service = service(&script);
    let question = ask("www.example.", RecordType::A);
    let client = Client { address: question.from.parse().unwrap(), transport: question.transport };
    let prepared = || match service.prepare(&question.bytes(), &client) {
        Disposition::Resolve(request) => request,
        other => panic!("{other:?}"),
    };
    let mut old = prepared();
    tokio::time::advance(limits::LOOK_HOLDS + Duration::from_micros(1)).await;
    service.begin(&mut old);
    assert_eq!(service.in_flight(), 0);
    let mut fresh = prepared();
    service.begin(&mut fresh);
    assert_eq!(service.in_flight(), 1);
    assert!(service.reply(*fresh).await.is_some());
    // Another has asked meanwhile: the cache has it.
    let reply = Message::parse(&service.reply(*old).await.unwrap()).unwrap();
    assert_eq!((reply.answer.len(), script.asked.load(Ordering::Relaxed)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_flight_ends_with_its_budget_however_long_it_is_asked_for() {
    let script = Arc::new(Script { delay: Duration::from_secs(3_600), ..Script::default() });
    let service = service(&script);
    let reply = ask("www.example.", RecordType::A).of(&service).await.unwrap();
    assert_eq!(reply.header.rcode, Rcode::SERVFAIL);
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(service.in_flight(), 0);
    let again = ask("www.example.", RecordType::A).of(&service).await.unwrap();
    assert_eq!((again.header.rcode, script.asked.load(Ordering::Relaxed)), (Rcode::SERVFAIL, 1), "RFC 9520");
}

#[tokio::test(start_paused = true)]
async fn each_odd_question_gets_what_its_rfc_asks_for() {
    let script = Arc::new(Script::default());
    let service = service(&script);
    let cases = [
        (RecordType::AXFR, Rcode::REFUSED),
        (RecordType::IXFR, Rcode::REFUSED),
        (RecordType::MAILB, Rcode::NOTIMP),
        (RecordType::OPT, Rcode::FORMERR),
        (RecordType::TSIG, Rcode::FORMERR),
        (RecordType::NXNAME, Rcode::FORMERR),
        (RecordType(0), Rcode::FORMERR),
        (RecordType::RRSIG, Rcode::REFUSED),
        (RecordType::ANY, Rcode::NOERROR),
    ];
    for (rtype, rcode) in cases {
        let reply = ask("www.example.", rtype).of(&service).await.unwrap();
        assert_eq!(reply.header.rcode, rcode, "{rtype}");
    }
    let any = ask("www.example.", RecordType::ANY).of(&service).await.unwrap();
    assert_eq!(any.answer[0].rtype, RecordType::HINFO);
    for class in [Class::CH, Class::HS, Class::ANY, Class(99)] {
        let reply = Ask { class, ..ask("www.example.", RecordType::A) }.of(&service).await.unwrap();
        assert_eq!(reply.header.rcode, Rcode::REFUSED, "{class}");
    }
    let version = Edns { version: 1, ..Edns::new(1_232, false) };
    let reply = Ask { edns: Some(version), ..ask("www.example.", RecordType::A) }.of(&service).await.unwrap();
    assert_eq!(reply.header.rcode, Rcode::BADVERS);
    assert_eq!(script.asked.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn access_and_recursion_desired_decide_who_gets_what() {
    let script = Arc::new(Script::default());
    script.says("www.example.", RecordType::A, Outcome::Answer, vec![a("www.example.", 60)], vec![]);
    let service = service(&script);
    let from = |from| Ask { from, ..ask("www.example.", RecordType::A) };
    assert!(from("10.1.1.1:9").of(&service).await.is_none());
    let refused = from("203.0.113.1:9").of(&service).await.unwrap();
    assert_eq!((refused.header.rcode, ede(&refused)), (Rcode::REFUSED, Some(EdeCode::PROHIBITED)));
    let snoop = Ask { rd: false, ..from("192.0.2.9:9") };
    assert_eq!(snoop.of(&service).await.unwrap().header.rcode, Rcode::SERVFAIL);
    assert_eq!(script.asked.load(Ordering::Relaxed), 0, "RD=0 never causes a resolution");
    assert_eq!(from("[::ffff:127.0.0.1]:9").of(&service).await.unwrap().header.rcode, Rcode::NOERROR);
    assert_eq!(snoop.of(&service).await.unwrap().answer.len(), 1);
    let plain = Ask { rd: false, ..from("127.0.0.1:9") };
    assert_eq!(plain.of(&service).await.unwrap().header.rcode, Rcode::REFUSED);
    let local = Ask { rd: false, ..ask("localhost.", RecordType::A) };
    assert!(local.of(&service).await.unwrap().header.authoritative);
}

#[tokio::test(start_paused = true)]
async fn a_large_answer_is_cut_for_udp_and_whole_over_tcp() {
    let script = Arc::new(Script::default());
    let mut many = Rrset::new(name("many.example."), RecordType::TXT, 60);
    for i in 0..100_u8 {
        let mut text = vec![19];
        text.extend([i; 19]);
        many.rdatas.push(&text);
    }
    script.says("many.example.", RecordType::TXT, Outcome::Answer, vec![many], vec![]);
    let service = service(&script);
    let cut = ask("many.example.", RecordType::TXT).of(&service).await.unwrap();
    assert!(cut.header.truncated && cut.answer.is_empty());
    let whole = Ask { transport: Transport::Tcp, ..ask("many.example.", RecordType::TXT) }
        .of(&service)
        .await
        .unwrap();
    assert!(!whole.header.truncated);
    assert_eq!(whole.answer[0].rdatas.len(), 100);
}

#[tokio::test(start_paused = true)]
async fn a_ttl_of_zero_is_served_and_not_kept() {
    let script = Arc::new(Script::default());
    script.says("www.example.", RecordType::A, Outcome::Answer, vec![a("www.example.", 0)], vec![]);
    let service = service(&script);
    for asked in 1..3 {
        assert_eq!(ask("www.example.", RecordType::A).of(&service).await.unwrap().answer[0].ttl, 0);
        assert_eq!(script.asked.load(Ordering::Relaxed), asked);
    }
}

#[tokio::test(start_paused = true)]
async fn replies_and_runts_get_no_answer() {
    let service = service(&Arc::default());
    let client = Client { address: "127.0.0.1:53".parse().unwrap(), transport: Transport::Udp };
    let mut reply = ask("www.example.", RecordType::A).bytes();
    reply[2] |= 0x80;
    assert!(service.handle(&reply, client).await.is_none(), "an answer to an answer could go on for ever");
    assert!(service.handle(&reply[..11], client).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn with_referral_path_the_name_servers_are_asked_for_too() {
    let script = Arc::new(Script::default());
    script.says("www.example.", RecordType::A, Outcome::Answer, vec![a("www.example.", 60)], vec![]);
    let ns = Rrset::new(name("example."), RecordType::NS, 60).with(name("ns.example.").as_wire());
    script.says("example.", RecordType::NS, Outcome::Answer, vec![ns], vec![]);
    let mut parts = parts(&script);
    parts.settings.referral_path = true;
    let now = parts.clock.now();
    let delegation = crate::dns::delegation::Delegation {
        zone: name("example."),
        parent: Name::root(),
        servers: vec![],
        ds: crate::dns::delegation::DsEvidence::Absent,
        ttl: 60,
    };
    let cut = crate::cache::delegations::CachedCut::new(delegation, now, now.after_secs(3_600));
    parts.store.delegations.insert(cut);
    let service = Service::new(parts, &lookup::Addresses::default());
    let reply = ask("www.example.", RecordType::A).of(&service).await.unwrap();
    assert_eq!(reply.header.rcode, Rcode::SERVFAIL, "the address of ns.example. can not be had");
    script.says("ns.example.", RecordType::A, Outcome::Answer, vec![a("ns.example.", 60)], vec![]);
    tokio::time::advance(Duration::from_secs(61)).await;
    let reply = ask("www.example.", RecordType::A).of(&service).await.unwrap();
    assert_eq!(reply.header.rcode, Rcode::NOERROR);
    // Of forty, thirteen.
    let hosts: Vec<String> = (0..40).map(|i| format!("ns{i}.example.")).collect();
    let many = hosts.iter().fold(Rrset::new(name("example."), RecordType::NS, 60), |set, host| {
        script.says(host, RecordType::A, Outcome::Answer, vec![a(host, 60)], vec![]);
        set.with(name(host).as_wire())
    });
    script.says("example.", RecordType::NS, Outcome::Answer, vec![many], vec![]);
    tokio::time::advance(Duration::from_secs(61)).await;
    let before = script.asked.load(Ordering::Relaxed);
    ask("www.example.", RecordType::A).of(&service).await.unwrap();
    assert_eq!(script.asked.load(Ordering::Relaxed) - before, 1 + 1 + 13);
}

#[tokio::test(start_paused = true)]
async fn a_question_ends_in_time_though_it_waits_for_one_that_began_later() {
    let script = Arc::new(Script { delay: Duration::from_millis(9_900), ..Script::default() });
    script.says("a.test.", RecordType::A, Outcome::Alias, vec![cname("a.test.", "b.test.")], vec![]);
    script.says("b.test.", RecordType::A, Outcome::Answer, vec![a("b.test.", 300)], vec![]);
    let service = service(&script);
    let late = tokio::spawn({
        let service = Arc::clone(&service);
        async move {
            tokio::time::sleep(Duration::from_secs(9)).await;
            service
                .answer(&Question::new(name("b.test."), RecordType::A), false, &service.silent_context())
                .await
        }
    });
    let began = service.clock.now();
    let question = Question::new(name("a.test."), RecordType::A);
    let early = service.answer(&question, false, &service.silent_context()).await;
    assert!(matches!(early, Err(Failure::Limit(_))), "{early:?}");
    assert!(service.clock.now().since(began) <= Duration::from_secs(10));
    assert!(late.await.unwrap().is_ok(), "the other question goes on");
}

#[tokio::test(start_paused = true)]
async fn evidence_that_another_question_ran_out_of_budget_for_is_asked_for_again() {
    let delay = Duration::from_millis(100);
    let script = Arc::new(Script { delay, ..Script::default() });
    let signer = crate::lab::signer::KeyMaker::new(1).make(15, crate::lab::signer::ZSK).unwrap();
    let mut signed = a("www.example.", 60);
    let validity = crate::lab::signer::Validity::around(1_700_000_000, 86_400, 86_400);
    crate::lab::signer::sign_rrset(&mut signed, &signer, &Name::root(), validity).unwrap();
    script.says("www.example.", RecordType::A, Outcome::Answer, vec![signed], vec![]);
    let keys = Question::new(Name::root(), RecordType::DNSKEY);
    script.answers.lock().unwrap().insert(
        keys.clone(),
        Err(Failure::Limit(limits::Reached { limit: limits::Limit::Packets, cap: 100 })),
    );
    let mut parts = parts(&script);
    parts.validator = Some(Arc::new(Validator::new(Anchors::builtin(), crate::validate::Policy::default())));
    let service = Service::new(parts, &lookup::Addresses::default());
    let asking = ask("www.example.", RecordType::A);
    let other = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let context = service.silent_context();
        let ticket = service.begin_fetch(&keys, &context).unwrap();
        let spent = ticket.wait(&service.clock, &context.budget).await;
        assert!(matches!(spent, Err(Failure::Limit(_))));
        script.says(".", RecordType::DNSKEY, Outcome::NoData, vec![], vec![]);
    };
    let (reply, ()) = tokio::join!(asking.of(&service), other);
    // Which proves nothing, but it was heard.
    assert_eq!(ede(&reply.unwrap()), Some(EdeCode::DNSKEY_MISSING));
}

#[tokio::test(start_paused = true)]
async fn what_was_judged_by_anchors_that_are_taken_back_is_forgotten() {
    let script = Arc::new(Script { delay: Duration::from_millis(100), ..Script::default() });
    for owner in ["www.example.", "www.test."] {
        script.says(owner, RecordType::A, Outcome::Answer, vec![a(owner, 60)], vec![]);
    }
    let mut parts = parts(&script);
    let validator = Validator::new(Anchors::builtin(), crate::validate::Policy::default());
    parts.validator = Some(Arc::new(validator));
    let service = Service::new(parts, &lookup::Addresses::default());
    let (example, test) = (ask("www.example.", RecordType::A), ask("www.test.", RecordType::A));
    for asking in [&example, &test] {
        assert_eq!(asking.of(&service).await.unwrap().header.rcode, Rcode::SERVFAIL);
    }
    let mut anchors = Anchors::builtin();
    anchors.add_negative(name("example."), None);
    service.change_trust(&[name("example.")], |held| *held = anchors);
    let asked = script.asked.load(Ordering::Relaxed);
    assert_eq!(ede(&example.of(&service).await.unwrap()), Some(EdeCode::NEGATIVE_TRUST_ANCHOR));
    assert_eq!(script.asked.load(Ordering::Relaxed), asked + 1);
    assert_eq!(test.of(&service).await.unwrap().header.rcode, Rcode::SERVFAIL);
    assert_eq!(script.asked.load(Ordering::Relaxed), asked + 1, "of others it is remembered");
    // What is under way when they change is answered, and not kept.
    service.change_trust(&[Name::root()], |held| *held = Anchors::none());
    let taken_back = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let mut anchors = Anchors::none();
        anchors.add_negative(name("example."), None);
        service.change_trust(&[name("example.")], |held| *held = anchors);
    };
    let (before, ()) = tokio::join!(example.of(&service), taken_back);
    let before = before.unwrap();
    assert_eq!((before.header.rcode, ede(&before)), (Rcode::NOERROR, None));
    assert_eq!(ede(&example.of(&service).await.unwrap()), Some(EdeCode::NEGATIVE_TRUST_ANCHOR));
}

#[test]
fn anchors_do_not_change_between_the_leave_to_keep_something_and_its_keeping() {
    let mut parts = parts(&Arc::new(Script::default()));
    parts.validator = Some(Arc::new(Validator::new(Anchors::builtin(), crate::validate::Policy::default())));
    let service = Service::new(parts, &lookup::Addresses::default());
    let zone = name("example.");
    let judged_by = service.validator();
    let leave = service.may_keep(judged_by.as_ref()).unwrap();
    std::thread::scope(|scope| {
        let changes = scope.spawn(|| {
            service.change_trust(std::slice::from_ref(&zone), |anchors| {
                anchors.add_negative(zone.clone(), None);
            });
        });
        std::thread::sleep(Duration::from_millis(50));
        assert!(service.judges_by(judged_by.as_ref()));
        let trust = Arc::new(crate::validate::ZoneTrust::Insecure(crate::validate::Insecurity::NoDs));
        service.store.zones.insert(&zone, trust, 60, service.clock.now());
        drop(leave);
        changes.join().unwrap();
    });
    assert!(service.may_keep(judged_by.as_ref()).is_none());
    assert!(service.store.zones.is_empty(), "what was kept until then is forgotten");
}

#[tokio::test(start_paused = true)]
async fn public_names_do_not_point_into_private_networks() {
    let script = Arc::new(Script::default());
    let addresses = |owner: &str, last: &[[u8; 4]]| {
        last.iter().fold(Rrset::new(name(owner), RecordType::A, 60), |rrset, address| rrset.with(address))
    };
    let mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1];
    let v6 = Rrset::new(name("evil.example."), RecordType::AAAA, 60).with(&mapped);
    let answers = [
        ("mixed.example.", addresses("mixed.example.", &[[10, 0, 0, 1], [192, 0, 2, 1]])),
        ("evil.example.", addresses("evil.example.", &[[10, 0, 0, 1]])),
        ("host.corp.example.", addresses("host.corp.example.", &[[10, 0, 0, 1]])),
    ];
    for (owner, rrset) in answers {
        script.says(owner, RecordType::A, Outcome::Answer, vec![rrset], vec![]);
    }
    script.says("evil.example.", RecordType::AAAA, Outcome::Answer, vec![v6], vec![]);
    // RFC 9460 §7.3: a browser may go by the hints and ask for no address at all.
    let hint = |key: u8, address: &[u8]| {
        let len = u8::try_from(address.len()).unwrap();
        [&[0, 1, 0, 0, 1, 0, 3, 2, b'h', b'2', 0, key, 0, len][..], address].concat()
    };
    let hints = [hint(4, &[192, 0, 2, 1, 10, 0, 0, 1]), hint(6, &mapped), hint(4, &[192, 0, 2, 1])];
    let hinted = hints
        .iter()
        .fold(Rrset::new(name("evil.example."), RecordType::HTTPS, 60), |rrset, rdata| rrset.with(rdata));
    script.says("evil.example.", RecordType::HTTPS, Outcome::Answer, vec![hinted], vec![]);
    let to_evil = vec![cname("www.test.", "evil.example.")];
    script.says("www.test.", RecordType::A, Outcome::Alias, to_evil, vec![]);
    let mut parts = parts(&script);
    parts.settings.private =
        PrivateAddresses::new(&["10.0.0.0/8".parse().unwrap()], vec![name("corp.example.")]);
    let service = Service::new(parts, &lookup::Addresses::default());
    // Fresh and from the cache alike.
    for _ in 0..2 {
        let mixed = ask("mixed.example.", RecordType::A).of(&service).await.unwrap();
        assert_eq!(mixed.answer[0].rdatas.iter().collect::<Vec<_>>(), [[192, 0, 2, 1]]);
        let corp = ask("host.corp.example.", RecordType::A).of(&service).await.unwrap();
        assert_eq!((corp.answer.len(), ede(&corp)), (1, None));
        for rtype in [RecordType::A, RecordType::AAAA] {
            let evil = ask("evil.example.", rtype).of(&service).await.unwrap();
            assert_eq!((evil.header.rcode, evil.answer.len()), (Rcode::NOERROR, 0));
            assert_eq!(ede(&evil), Some(EdeCode::BLOCKED));
        }
        let hinted = ask("evil.example.", RecordType::HTTPS).of(&service).await.unwrap();
        assert_eq!(hinted.answer[0].rdatas.iter().collect::<Vec<_>>(), [&hints[2]]);
        let aliased = ask("www.test.", RecordType::A).of(&service).await.unwrap();
        assert_eq!(aliased.answer.iter().map(|rrset| rrset.rtype).collect::<Vec<_>>(), [RecordType::CNAME]);
    }
    assert_eq!(script.asked.load(Ordering::Relaxed), 6, "what was stripped is cached too");
}

#[tokio::test]
async fn what_speaks_for_a_long_name_is_looked_for_only_where_something_was_kept() {
    let service = service(&Arc::new(Script::default()));
    let (long, short) = (name(&"x.".repeat(120)), name("a.x.x."));
    let looks = |name: &Name| {
        let speakers = &service.store.speakers;
        [&speakers.absent, &speakers.dname].map(|kind| service.speakers_for(name, kind).count())
    };
    assert_eq!((looks(&long), looks(&short)), ([0, 0], [0, 0]));
    service.store.speakers.absent.add(2);
    service.store.speakers.absent.add(3);
    service.store.speakers.dname.add(1);
    assert_eq!((looks(&long), looks(&short)), ([2, 1], [1, 1]));
}
