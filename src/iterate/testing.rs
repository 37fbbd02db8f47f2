//! Records, messages and a scripted network for the tests of this module.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::exchange::{Datagrams, Exchange, ExchangeError};
use super::{Lookup, Parts, Resolver, Settings};
use crate::budget::{Budget, Caps};
use crate::cache::delegations::Delegations;
use crate::cache::servers::Servers;
use crate::clock::{Clock, Moment};
use crate::context::{BoxFuture, Context};
use crate::dns::delegation::{Delegation, DsEvidence, NameServer};
use crate::dns::edns::{Cookie, Edns};
use crate::dns::encode::encode;
use crate::dns::message::{Header, Message};
use crate::dns::response::{Scrubbed, Transport};
use crate::dns::{Name, Question, Rcode, RecordType, Rrset};
use crate::entropy::Entropy;
use crate::event::{Event, Observer};
use crate::failure::Failure;

pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(crate) fn question(text: &str, rtype: RecordType) -> Question {
    Question::new(name(text), rtype)
}

pub(crate) fn a(owner: &str, host: u8) -> Rrset {
    Rrset::new(name(owner), RecordType::A, 300).with(&Ipv4Addr::new(203, 0, 113, host).octets())
}

pub(crate) fn aaaa(owner: &str, host: u16) -> Rrset {
    let address = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, host);
    Rrset::new(name(owner), RecordType::AAAA, 300).with(&address.octets())
}

/// An A or AAAA record.
pub(crate) fn address(owner: &str, address: &str) -> Rrset {
    match ip(address) {
        IpAddr::V4(ipv4) => Rrset::new(name(owner), RecordType::A, 300).with(&ipv4.octets()),
        IpAddr::V6(ipv6) => Rrset::new(name(owner), RecordType::AAAA, 300).with(&ipv6.octets()),
    }
}

pub(crate) fn cname(owner: &str, target: &str) -> Rrset {
    Rrset::new(name(owner), RecordType::CNAME, 300).with(name(target).as_wire())
}

pub(crate) fn dname(owner: &str, target: &str) -> Rrset {
    Rrset::new(name(owner), RecordType::DNAME, 300).with(name(target).as_wire())
}

pub(crate) fn ns(zone: &str, servers: &[&str]) -> Rrset {
    let set = Rrset::new(name(zone), RecordType::NS, 3_600);
    servers.iter().fold(set, |set, server| set.with(name(server).as_wire()))
}

pub(crate) fn soa(zone: &str) -> Rrset {
    let mut rdata = name("ns.invalid.").as_wire().to_vec();
    rdata.extend_from_slice(name("admin.invalid.").as_wire());
    for number in [1_u32, 3_600, 600, 86_400, 60] {
        rdata.extend_from_slice(&number.to_be_bytes());
    }
    Rrset::new(name(zone), RecordType::SOA, 600).with(&rdata)
}

/// An empty authoritative reply.
pub(crate) fn reply(question: &Question) -> Message {
    let header = Header { response: true, authoritative: true, ..Header::query(0) };
    Message::new(header, Some(question.clone()))
}

pub(crate) fn delegation(zone: &str, servers: &[(&str, &[&str])]) -> Delegation {
    let server = |(host, glue): &(&str, &[&str])| NameServer {
        name: name(host),
        glue: glue.iter().map(|one| ip(one)).collect(),
    };
    Delegation {
        zone: name(zone),
        parent: Name::root(),
        servers: servers.iter().map(server).collect(),
        ds: DsEvidence::Absent,
        ttl: 3_600,
    }
}

//------------ A scripted network --------------------------------------------

/// What a scripted server does next with one query.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Sends a message.
    Say(Message),
    /// Sends octets.
    Raw(Vec<u8>),
    /// Lets so many milliseconds pass.
    Pause(u64),
    /// The host or the network refuses.
    Fail(ExchangeError),
}

/// A query as a server saw it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) server: IpAddr,
    pub(crate) transport: Transport,
    pub(crate) question: Question,
    pub(crate) edns: bool,
    pub(crate) cookie: Option<Cookie>,
    pub(crate) id: u16,
    pub(crate) port: u16,
    pub(crate) at: Moment,
}

type Script = dyn Fn(IpAddr, &Message, Transport) -> Option<Vec<Act>> + Send + Sync;

/// The network: the script's word first, then the standing tree of [`tree`].
pub(crate) struct Net {
    clock: Clock,
    script: Box<Script>,
    seen: Mutex<Vec<Seen>>,
    taken_ports: Mutex<u32>,
}

impl Net {
    fn acts(&self, server: SocketAddr, port: u16, query: &[u8], transport: Transport) -> VecDeque<Act> {
        let query = Message::parse(query).unwrap();
        let question = query.question.clone().unwrap();
        self.seen.lock().unwrap().push(Seen {
            server: server.ip(),
            transport,
            question,
            edns: query.edns.is_some(),
            cookie: query.edns.as_ref().and_then(Edns::cookie).cloned(),
            id: query.header.id,
            port,
            at: self.clock.now(),
        });
        let acts = (self.script)(server.ip(), &query, transport).or_else(|| tree(server.ip(), &query));
        acts.unwrap_or_default().into()
    }
}

/// One way takes this long, there and back together.
const ROUND_TRIP: Duration = Duration::from_millis(10);

impl Exchange for Net {
    fn udp<'a>(
        &'a self,
        server: SocketAddr,
        local_port: u16,
        query: &'a [u8],
    ) -> BoxFuture<'a, Result<Box<dyn Datagrams>, ExchangeError>> {
        Box::pin(async move {
            {
                let mut taken = self.taken_ports.lock().unwrap();
                if *taken > 0 {
                    *taken -= 1;
                    return Err(ExchangeError::PortTaken);
                }
            }
            let acts = self.acts(server, local_port, query, Transport::Udp);
            if let Some(Act::Fail(error @ ExchangeError::NoRoute)) = acts.front() {
                return Err(*error);
            }
            let next_at = self.clock.now().after(ROUND_TRIP);
            Ok(Box::new(Socket { clock: self.clock.clone(), acts, next_at }) as Box<dyn Datagrams>)
        })
    }

    fn tcp<'a>(
        &'a self,
        server: SocketAddr,
        query: &'a [u8],
        deadline: Moment,
    ) -> BoxFuture<'a, Result<Vec<u8>, ExchangeError>> {
        Box::pin(async move {
            let acts = self.acts(server, 0, query, Transport::Tcp);
            let next_at = self.clock.now().after(ROUND_TRIP * 2);
            Socket { clock: self.clock.clone(), acts, next_at }.receive(deadline).await
        })
    }
}

struct Socket {
    clock: Clock,
    acts: VecDeque<Act>,
    next_at: Moment,
}

impl Datagrams for Socket {
    fn receive(&mut self, deadline: Moment) -> BoxFuture<'_, Result<Vec<u8>, ExchangeError>> {
        Box::pin(async move {
            loop {
                if self.acts.is_empty() || self.next_at > deadline {
                    self.clock.sleep_until(deadline).await;
                    return Err(ExchangeError::Timeout);
                }
                self.clock.sleep_until(self.next_at).await;
                match self.acts.pop_front() {
                    Some(Act::Say(message)) => return Ok(encode(&message, 65_535).bytes),
                    Some(Act::Raw(bytes)) => return Ok(bytes),
                    Some(Act::Pause(ms)) => self.next_at = self.next_at.after(Duration::from_millis(ms)),
                    Some(Act::Fail(error)) => return Err(error),
                    None => {}
                }
            }
        })
    }
}

/// The standing tree: the root, `test.` and, once it is known, whatever a script adds for `example.test.`.
pub(crate) const ROOT: &str = "192.0.2.1";
pub(crate) const TEST: &str = "192.0.2.2";
pub(crate) const ONE: &str = "192.0.2.3";
pub(crate) const TWO: &str = "192.0.2.4";

/// The root refers to `test.` at [`TEST`]; that refers to `example.test.` at [`ONE`] and [`TWO`], which answer
/// A for any name.
pub(crate) fn tree(server: IpAddr, query: &Message) -> Option<Vec<Act>> {
    let asked = query.question.as_ref()?;
    let (root, test, example) = (ip(ROOT), ip(TEST), name("example.test."));
    let message = if server == root && asked.rtype == RecordType::NS && asked.name.is_root() {
        let mut message = says(query);
        message.answer.push(ns(".", &["ns.root."]));
        message.additional.push(address("ns.root.", ROOT));
        message
    } else if server == root {
        refers(query, "test.", &[("ns.test.", TEST)])
    } else if server == test && asked.name.is_subdomain_of(&example) && asked.rtype != RecordType::DS {
        refers(query, "example.test.", &[("ns1.example.test.", ONE), ("ns2.example.test.", TWO)])
    } else if server == test {
        denies(query, "test.")
    } else if server == ip(ONE) || server == ip(TWO) {
        let mut message = says(query);
        message.answer.push(a(&asked.name.to_string(), 80));
        message
    } else {
        return None;
    };
    Some(vec![Act::Say(message)])
}

/// An empty authoritative reply to a query, with EDNS if that had it.
pub(crate) fn says(query: &Message) -> Message {
    let mut message = reply(query.question.as_ref().unwrap());
    message.header.id = query.header.id;
    message.edns = query.edns.as_ref().map(|_| Edns::new(1_232, true));
    message
}

/// A referral.
pub(crate) fn refers(query: &Message, zone: &str, servers: &[(&str, &str)]) -> Message {
    let mut message = says(query);
    message.header.authoritative = false;
    let names: Vec<&str> = servers.iter().map(|(host, _)| *host).collect();
    message.authority.push(ns(zone, &names));
    let glue = servers.iter().filter(|(_, glue)| !glue.is_empty());
    message.additional.extend(glue.map(|(host, glue)| address(host, glue)));
    message
}

/// "No data" with the SOA of `zone`.
pub(crate) fn denies(query: &Message, zone: &str) -> Message {
    let mut message = says(query);
    message.authority.push(soa(zone));
    message
}

/// An error code.
pub(crate) fn errs(query: &Message, rcode: Rcode) -> Message {
    let mut message = says(query);
    message.header.rcode = rcode;
    message.header.authoritative = false;
    message
}

/// A resolver on a scripted network.
pub(crate) struct Bench {
    pub(crate) resolver: Resolver,
    pub(crate) net: Arc<Net>,
    pub(crate) clock: Clock,
    pub(crate) delegations: Arc<Delegations>,
    pub(crate) servers: Arc<Servers>,
    pub(crate) told: Arc<Told>,
}

/// Counts events by their kind.
#[derive(Debug, Default)]
pub(crate) struct Told(Mutex<Vec<String>>);

impl Observer for Told {
    fn on(&self, event: &Event<'_>) {
        let text = format!("{event:?}");
        let word = text.split([' ', '(']).next().unwrap_or_default().to_owned();
        self.0.lock().unwrap().push(word);
    }
}

impl Told {
    pub(crate) fn count(&self, kind: &str) -> usize {
        self.0.lock().unwrap().iter().filter(|word| *word == kind).count()
    }
}

impl Bench {
    pub(crate) fn new(
        script: impl Fn(IpAddr, &Message, Transport) -> Option<Vec<Act>> + Send + Sync + 'static,
    ) -> Self {
        Self::with(|_| {}, 1, script)
    }

    pub(crate) fn with(
        change: impl FnOnce(&mut Settings),
        seed: u64,
        script: impl Fn(IpAddr, &Message, Transport) -> Option<Vec<Act>> + Send + Sync + 'static,
    ) -> Self {
        let clock = Clock::simulated(1_800_000_000);
        let entropy = Arc::new(Entropy::seeded(seed));
        let net = Arc::new(Net {
            clock: clock.clone(),
            script: Box::new(script),
            seen: Mutex::default(),
            taken_ports: Mutex::default(),
        });
        let mut settings = Settings {
            root_hints: vec![NameServer { name: name("ns.root."), glue: vec![ip(ROOT)] }],
            ..Settings::default()
        };
        change(&mut settings);
        let delegations = Arc::new(Delegations::new(1 << 20, &entropy));
        let servers = Arc::new(Servers::new(1 << 20, &entropy));
        let resolver = Resolver::new(Parts {
            exchange: Arc::clone(&net) as Arc<dyn Exchange>,
            clock: clock.clone(),
            entropy,
            delegations: Arc::clone(&delegations),
            servers: Arc::clone(&servers),
            settings,
        });
        Self { resolver, net, clock, delegations, servers, told: Arc::default() }
    }

    pub(crate) fn context(&self) -> Context {
        self.context_with(Caps::default())
    }

    pub(crate) fn context_with(&self, caps: Caps) -> Context {
        let told: Arc<dyn Observer> = Arc::<Told>::clone(&self.told);
        Context::new(Arc::new(Budget::new(caps, self.clock.now())), told)
    }

    pub(crate) async fn ask(&self, asked: &str, rtype: RecordType) -> Result<Scrubbed, Failure> {
        self.resolver.resolve(&question(asked, rtype), &self.context()).await
    }

    /// Everything that was sent so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.net.seen.lock().unwrap().clone()
    }

    /// Everything that was sent so far, and it is forgotten.
    pub(crate) fn take_seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.net.seen.lock().unwrap())
    }

    /// How many queries a server got.
    pub(crate) fn sent_to(&self, server: &str) -> usize {
        self.seen().iter().filter(|seen| seen.server == ip(server)).count()
    }

    pub(crate) fn take_ports(&self, count: u32) {
        *self.net.taken_ports.lock().unwrap() = count;
    }

    pub(crate) async fn sleep(&self, seconds: u32) {
        self.clock.sleep_until(self.clock.now().after_secs(seconds)).await;
    }
}

/// Addresses of name servers from a table; a name that is not in it cannot be found.
#[derive(Default)]
pub(crate) struct Table {
    pub(crate) known: Vec<(&'static str, &'static str)>,
    /// What was looked up, in which family, for which ancestors.
    pub(crate) asked: Mutex<Vec<(Name, bool, Vec<Question>)>>,
}

impl Lookup for Table {
    fn addresses<'a>(
        &'a self,
        name: &'a Name,
        ipv6: bool,
        context: &'a Context,
    ) -> BoxFuture<'a, Result<Vec<IpAddr>, Failure>> {
        self.asked.lock().unwrap().push((name.clone(), ipv6, context.ancestors.clone()));
        let found: Vec<IpAddr> = self
            .known
            .iter()
            .filter(|(host, address)| {
                host.parse::<Name>().as_ref() == Ok(name) && ip(address).is_ipv6() == ipv6
            })
            .map(|(_, address)| ip(address))
            .collect();
        Box::pin(async move { Ok(found) })
    }

    fn doubt(&self, _: &Name) {}
}
