//! The servers of a scenario as the iterator's network.
//!
//! In: queries. Out: the first entry of a range of the present step that matches; without one SERVFAIL, or, in a
//! scenario with REPLY steps, whatever such a step says later.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rootwalk::clock::{Clock, Moment};
use rootwalk::context::BoxFuture;
use rootwalk::dns::edns::Edns;
use rootwalk::dns::message::Message;
use rootwalk::dns::response::Transport;
use rootwalk::dns::{Opcode, Question, Rcode};
use rootwalk::iterate::exchange::{Datagrams, Exchange, ExchangeError};
use tokio::sync::oneshot;

use crate::scenario::{Entry, Range};

/// From a query to its reply.
const ROUND_TRIP: Duration = Duration::from_micros(200);

pub(crate) struct Network {
    clock: Clock,
    ranges: Vec<Range>,
    /// Whether queries that no range answers wait for a REPLY step.
    patient: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    step: u32,
    /// What was sent, and what became of it.
    log: Vec<String>,
    /// Queries that no CHECK_OUT_QUERY has taken yet.
    unchecked: Vec<Query>,
    waiting: Vec<(Query, oneshot::Sender<Vec<u8>>)>,
}

#[derive(Clone)]
struct Query {
    message: Message,
    transport: Transport,
}

impl Network {
    pub(crate) fn new(clock: Clock, ranges: Vec<Range>, patient: bool) -> Arc<Self> {
        Arc::new(Self { clock, ranges, patient, state: Mutex::default() })
    }

    pub(crate) fn enter(&self, step: u32) {
        self.state.lock().unwrap().step = step;
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.state.lock().unwrap().log.clone()
    }

    /// Answers a query that waits; false if none does.
    pub(crate) fn reply(&self, entry: &Entry) -> bool {
        let mut state = self.state.lock().unwrap();
        state.waiting.retain(|(_, sender)| !sender.is_closed());
        let Some(at) = state.waiting.iter().position(|(query, _)| fits(entry, query)) else { return false };
        let (query, sender) = state.waiting.remove(at);
        sender.send(write(entry, &query.message)).is_ok()
    }

    /// Whether a query was sent that fits; it is then taken off.
    pub(crate) fn sent(&self, entry: &Entry) -> bool {
        let mut state = self.state.lock().unwrap();
        let found = state.unchecked.iter().position(|query| fits(entry, query));
        found.map(|at| state.unchecked.remove(at)).is_some()
    }

    fn carry(
        &self,
        server: IpAddr,
        octets: &[u8],
        transport: Transport,
    ) -> Result<Vec<u8>, oneshot::Receiver<Vec<u8>>> {
        let message = Message::parse(octets).expect("the iterator sends messages");
        let query = Query { message, transport };
        let mut state = self.state.lock().unwrap();
        let step = state.step;
        let entry = self
            .ranges
            .iter()
            .filter(|range| (range.first..=range.last).contains(&step))
            .filter(|range| range.addresses.is_empty() || range.addresses.contains(&server))
            .flat_map(|range| &range.entries)
            .find(|entry| fits(entry, &query));
        let question = query.message.question.as_ref().map(ToString::to_string).unwrap_or_default();
        let what =
            entry.map_or_else(|| "no entry".to_owned(), |entry| format!("the entry of line {}", entry.line));
        state.log.push(format!("step {step}: {server} {transport:?} {question}: {what}"));
        state.unchecked.push(query.clone());
        match entry {
            Some(entry) => Ok(write(entry, &query.message)),
            None if self.patient => {
                let (sender, receiver) = oneshot::channel();
                state.waiting.push((query, sender));
                Err(receiver)
            }
            None => {
                let failure = Entry { copy_query: true, rcode: Some(Rcode::SERVFAIL), ..Entry::default() };
                Ok(write(&failure, &query.message))
            }
        }
    }
}

/// Whether a query is one that the entry's MATCH means.
fn fits(entry: &Entry, query: &Query) -> bool {
    let asked = query.message.question.as_ref().expect("a query has a question");
    let (name, rtype, class) = entry.question.as_ref().expect("an entry for queries has a question");
    entry.matches.iter().all(|word| match word.as_str() {
        "opcode" => query.message.header.opcode == Opcode::QUERY,
        "qtype" => asked.rtype == *rtype,
        "qname" => asked.name == *name,
        "subdomain" => asked.name.is_subdomain_of(name),
        "question" => asked.name == *name && asked.rtype == *rtype && asked.class == *class,
        "TCP" => query.transport == Transport::Tcp,
        "UDP" => query.transport == Transport::Udp,
        "DO" => query.message.edns.as_ref().is_some_and(|edns| edns.dnssec_ok),
        _ => panic!("line {}: MATCH {word} is not for queries", entry.line),
    })
}

/// The entry as a reply to the query, with an OPT record if that had one.
fn write(entry: &Entry, query: &Message) -> Vec<u8> {
    if let Some(raw) = &entry.raw {
        let mut octets = raw.clone();
        octets[..2].copy_from_slice(&query.header.id.to_be_bytes());
        return octets;
    }
    let bit = |flag: &str, value: u8| if entry.has(flag) { value } else { 0 };
    let mut out = query.header.id.to_be_bytes().to_vec();
    out.push(0x80 | bit("AA", 4) | bit("TC", 2) | bit("RD", 1));
    let rcode = u8::try_from(entry.rcode.unwrap_or(Rcode::NOERROR).0).unwrap();
    out.push(bit("RA", 0x80) | bit("AD", 0x20) | bit("CD", 0x10) | rcode);
    let edns = query.edns.is_some();
    let additional = entry.additional.len() + usize::from(edns);
    for count in [1, entry.answer.len(), entry.authority.len(), additional] {
        out.extend(u16::try_from(count).unwrap().to_be_bytes());
    }
    let asked: &Question = query.question.as_ref().unwrap();
    let own = entry.question.as_ref().filter(|_| !entry.copy_query);
    let (name, rtype, class) =
        own.map_or((&asked.name, asked.rtype, asked.class), |(name, rtype, class)| (name, *rtype, *class));
    out.extend_from_slice(name.as_wire());
    out.extend(rtype.0.to_be_bytes());
    out.extend(class.0.to_be_bytes());
    for record in entry.answer.iter().chain(&entry.authority).chain(&entry.additional) {
        record.push(&mut out);
    }
    if edns {
        let dnssec_ok = query.edns.as_ref().is_some_and(|edns: &Edns| edns.dnssec_ok);
        out.extend([0, 0, 41, 4, 208, 0, 0, if dnssec_ok { 0x80 } else { 0 }, 0]);
        out.extend(u16::try_from(entry.options.len()).unwrap().to_be_bytes());
        out.extend_from_slice(&entry.options);
    }
    out
}

/// The iterator's port to the network.
pub(crate) struct Link(pub(crate) Arc<Network>);

struct Socket {
    clock: Clock,
    arrival: Option<(Moment, Vec<u8>)>,
    later: Option<oneshot::Receiver<Vec<u8>>>,
}

impl Datagrams for Socket {
    fn receive(&mut self, deadline: Moment) -> BoxFuture<'_, Result<Vec<u8>, ExchangeError>> {
        Box::pin(async move {
            if let Some((at, octets)) = self.arrival.take_if(|(at, _)| *at <= deadline) {
                self.clock.sleep_until(at).await;
                return Ok(octets);
            }
            if let Some(later) = &mut self.later
                && let Some(Ok(octets)) = self.clock.before(deadline, later).await
            {
                self.later = None;
                return Ok(octets);
            }
            self.clock.sleep_until(deadline).await;
            Err(ExchangeError::Timeout)
        })
    }
}

impl Exchange for Link {
    fn udp<'a>(
        &'a self,
        server: SocketAddr,
        _: u16,
        query: &'a [u8],
    ) -> BoxFuture<'a, Result<Box<dyn Datagrams>, ExchangeError>> {
        Box::pin(async move {
            let clock = self.0.clock.clone();
            let at = clock.now().after(ROUND_TRIP);
            let socket = match self.0.carry(server.ip(), query, Transport::Udp) {
                Ok(octets) => Socket { clock, arrival: Some((at, octets)), later: None },
                Err(later) => Socket { clock, arrival: None, later: Some(later) },
            };
            let socket: Box<dyn Datagrams> = Box::new(socket);
            Ok(socket)
        })
    }

    fn tcp<'a>(
        &'a self,
        server: SocketAddr,
        query: &'a [u8],
        deadline: Moment,
    ) -> BoxFuture<'a, Result<Vec<u8>, ExchangeError>> {
        Box::pin(async move {
            let clock = &self.0.clock;
            match self.0.carry(server.ip(), query, Transport::Tcp) {
                Ok(octets) => {
                    clock.sleep_until(clock.now().after(ROUND_TRIP)).await;
                    Ok(octets)
                }
                Err(later) => {
                    clock.before(deadline, later).await.and_then(Result::ok).ok_or(ExchangeError::Timeout)
                }
            }
        })
    }
}
