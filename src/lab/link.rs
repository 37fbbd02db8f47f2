//! The simulated network: an [`Exchange`] to an [`Internet`] in virtual time.
//!
//! In: the iterator's queries. Out: what its servers' faults let through, after the latency of the link; and a log
//! of everything that was sent. Under tokio's paused clock nothing waits for real, and a seed repeats every
//! delay and every loss.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::faults::Reaction;
use super::internet::Internet;
use crate::clock::{Clock, Moment};
use crate::context::BoxFuture;
use crate::dns::message::Message;
use crate::dns::response::Transport;
use crate::dns::{Question, RecordType};
use crate::entropy::Entropy;
use crate::iterate::exchange::{Datagrams, Exchange, ExchangeError};

/// The time from a query to its reply, unless said otherwise.
const ROUND_TRIP: Duration = Duration::from_millis(20);

/// A query that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Sent {
    pub at: Moment,
    pub server: IpAddr,
    /// 0 over TCP.
    pub local_port: u16,
    pub transport: Transport,
    /// None if it could not be read.
    pub query: Option<Message>,
}

impl Sent {
    /// The question, if there was one.
    pub fn question(&self) -> Option<&Question> {
        self.query.as_ref().and_then(|query| query.question.as_ref())
    }
}

/// What a cut link shows of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Packets vanish.
    Blackhole,
    /// The host knows no way.
    NoRoute,
}

/// A network between one resolver and an internet.
#[derive(Debug)]
pub struct Network {
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    internet: Arc<Internet>,
    round_trips: BTreeMap<IpAddr, Duration>,
    entropy: Entropy,
    log: Vec<Sent>,
    ports: BTreeMap<u16, usize>,
    blocked: Vec<u16>,
    /// How IPv4 and IPv6 are cut.
    cuts: [Option<Cut>; 2],
}

impl Network {
    /// A network whose delays and losses are drawn by `seed`.
    pub fn new(internet: Internet, clock: Clock, seed: u64) -> Arc<Self> {
        let state = State {
            internet: Arc::new(internet),
            round_trips: BTreeMap::new(),
            entropy: Entropy::seeded(seed),
            log: Vec::new(),
            ports: BTreeMap::new(),
            blocked: Vec::new(),
            cuts: [None; 2],
        };
        Arc::new(Self { clock, state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The internet as it is now.
    pub fn internet(&self) -> Arc<Internet> {
        Arc::clone(&self.state().internet)
    }

    /// Puts another internet in its place, as when a zone is signed anew or a delegation goes away.
    pub fn replace(&self, internet: Internet) {
        self.state().internet = Arc::new(internet);
    }

    /// Sets the time from a query to its reply for one server; a tenth more or less is drawn each time.
    pub fn set_round_trip(&self, server: IpAddr, round_trip: Duration) {
        self.state().round_trips.insert(server, round_trip);
    }

    /// Pretends that a local port is in use by somebody else.
    pub fn block_port(&self, port: u16) {
        self.state().blocked.push(port);
    }

    /// From now on nothing comes through: replies on their way are lost too.
    pub fn cut(&self, how: Cut) {
        self.state().cuts = [Some(how); 2];
    }

    /// The same for one family.
    pub fn cut_family(&self, ipv6: bool, how: Cut) {
        if let Some(cut) = self.state().cuts.get_mut(usize::from(ipv6)) {
            *cut = Some(how);
        }
    }

    /// From now on everything comes through again.
    pub fn mend(&self) {
        self.state().cuts = [None; 2];
    }

    /// How the way to an address is cut.
    fn is_cut(&self, server: IpAddr) -> Option<Cut> {
        self.state().cuts.get(usize::from(server.is_ipv6())).copied().flatten()
    }

    /// Everything that was sent, in order.
    pub fn log(&self) -> Vec<Sent> {
        self.state().log.clone()
    }

    /// Forgets what was sent.
    pub fn clear_log(&self) {
        self.state().log.clear();
    }

    /// How many queries were sent.
    pub fn sent(&self) -> usize {
        self.state().log.len()
    }

    /// How many queries were sent to a server.
    pub fn sent_to(&self, server: IpAddr) -> usize {
        self.state().log.iter().filter(|sent| sent.server == server).count()
    }

    /// How many queries asked for a type.
    pub fn sent_for(&self, rtype: RecordType) -> usize {
        let asks = |sent: &&Sent| sent.question().is_some_and(|question| question.rtype == rtype);
        self.state().log.iter().filter(asks).count()
    }

    /// Sockets that are open now.
    pub fn open_ports(&self) -> usize {
        self.state().ports.values().sum()
    }

    /// Logs a query, lets the server react, and draws how long the way takes.
    fn carry(
        &self,
        server: SocketAddr,
        local_port: u16,
        query: &[u8],
        transport: Transport,
    ) -> (Option<Reaction>, Duration) {
        let mut state = self.state();
        state.log.push(Sent {
            at: self.clock.now(),
            server: server.ip(),
            local_port,
            transport,
            query: Message::parse(query).ok(),
        });
        let roll = u8::try_from(state.entropy.below(100)).unwrap_or(0);
        let jitter = u32::try_from(state.entropy.below(21)).unwrap_or(10);
        let round_trip = state.round_trips.get(&server.ip()).copied().unwrap_or(ROUND_TRIP);
        let cut = state.cuts.get(usize::from(server.is_ipv6())).copied().flatten();
        let reaction = match cut {
            Some(Cut::Blackhole) => None,
            Some(Cut::NoRoute) => Some(Reaction::NoRoute),
            None => state.internet.react(server, query, transport, roll),
        };
        (reaction, round_trip * (90 + jitter) / 100)
    }
}

/// A simulated socket.
struct Socket {
    network: Arc<Network>,
    server: IpAddr,
    local_port: u16,
    arrivals: VecDeque<(Moment, Result<Vec<u8>, ExchangeError>)>,
}

impl Datagrams for Socket {
    fn receive(&mut self, deadline: Moment) -> BoxFuture<'_, Result<Vec<u8>, ExchangeError>> {
        Box::pin(async move {
            match self.arrivals.front() {
                Some((at, _)) if *at <= deadline => {
                    let at = *at;
                    self.network.clock.sleep_until(at).await;
                    if self.network.is_cut(self.server).is_some() {
                        self.network.clock.sleep_until(deadline).await;
                        return Err(ExchangeError::Timeout);
                    }
                    self.arrivals.pop_front().map_or(Err(ExchangeError::Timeout), |(_, arrival)| arrival)
                }
                _ => {
                    self.network.clock.sleep_until(deadline).await;
                    Err(ExchangeError::Timeout)
                }
            }
        })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let mut state = self.network.state();
        if let Some(count) = state.ports.get_mut(&self.local_port) {
            *count = count.saturating_sub(1);
        }
    }
}

/// The simulated network as the iterator's port.
#[derive(Debug, Clone)]
pub struct Link(pub Arc<Network>);

impl Exchange for Link {
    fn udp<'a>(
        &'a self,
        server: SocketAddr,
        local_port: u16,
        query: &'a [u8],
    ) -> BoxFuture<'a, Result<Box<dyn Datagrams>, ExchangeError>> {
        Box::pin(async move {
            {
                let mut state = self.0.state();
                let open = state.ports.get(&local_port).copied().unwrap_or(0);
                if open > 0 || state.blocked.contains(&local_port) {
                    return Err(ExchangeError::PortTaken);
                }
                state.ports.insert(local_port, 1);
            }
            let (network, arrivals) = (Arc::clone(&self.0), VecDeque::new());
            let mut socket = Socket { network, server: server.ip(), local_port, arrivals };
            let (reaction, round_trip) = self.0.carry(server, local_port, query, Transport::Udp);
            let now = self.0.clock.now();
            match reaction {
                None | Some(Reaction::Silence | Reaction::Closed) => {}
                Some(Reaction::NoRoute) => return Err(ExchangeError::NoRoute),
                Some(Reaction::Refused) => {
                    socket.arrivals.push_back((now.after(round_trip), Err(ExchangeError::Refused)));
                }
                Some(Reaction::Messages { delay, octets }) => {
                    let at = now.after(round_trip + delay);
                    socket.arrivals.extend(octets.into_iter().map(|one| (at, Ok(one))));
                }
            }
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
            let (reaction, round_trip) = self.0.carry(server, 0, query, Transport::Tcp);
            let now = self.0.clock.now();
            // One round trip for the handshake, one for the query.
            let (at, outcome) = match reaction {
                None | Some(Reaction::Silence) => (deadline, Err(ExchangeError::Timeout)),
                Some(Reaction::NoRoute) => return Err(ExchangeError::NoRoute),
                Some(Reaction::Refused) => (now.after(round_trip), Err(ExchangeError::Refused)),
                Some(Reaction::Closed) => (now.after(round_trip * 2), Err(ExchangeError::Closed)),
                Some(Reaction::Messages { delay, octets }) => {
                    let first = octets.into_iter().next().ok_or(ExchangeError::Closed);
                    (now.after(round_trip * 2 + delay), first)
                }
            };
            if at > deadline {
                self.0.clock.sleep_until(deadline).await;
                return Err(ExchangeError::Timeout);
            }
            self.0.clock.sleep_until(at).await;
            if self.0.is_cut(server.ip()).is_some() {
                self.0.clock.sleep_until(deadline).await;
                return Err(ExchangeError::Timeout);
            }
            outcome
        })
    }
}
