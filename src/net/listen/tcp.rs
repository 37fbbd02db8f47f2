//! Questions over TCP (RFC 7766): many on one connection, answered as each is ready, in any order.
//!
//! A client that holds a place must use it: its first message is whole within
//! [`limits::TCP_FIRST_MESSAGE_MS`], the next one within the idle timeout, which shrinks as places run short
//! (RFC 7766 §6.2.3), and replies are read within [`limits::TCP_WRITE_STALL_MS`]. Octets that trickle in do
//! not extend any of these. Not done: TCP Fast Open.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::{Answer, AtOnce, Shared, TcpSettings, ended};
use crate::dns::response::Transport;
use crate::fast::guarded;
use crate::limits;
use crate::prefix::Prefix;
use crate::service::{Client, Ready};

/// A message shorter than its header is none (RFC 1035 §4.1.1).
const HEADER_LEN: usize = 12;

/// How often an idle connection looks whether its time has become shorter.
const IDLE_CHECK: Duration = Duration::from_millis(500);

/// Accepts until shutdown.
pub(super) async fn serve<A: Answer>(
    listener: TcpListener,
    shared: Arc<Shared<A>>,
    mut shutdown: watch::Receiver<bool>,
) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = ended(&mut shutdown) => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, from)) => {
                let Some(place) = shared.places.take(from.ip()) else {
                    tracing::debug!(client = %from, "a connection was closed: too many are open");
                    continue;
                };
                let connection = Connection::new(stream, from, Arc::clone(&shared), place);
                tokio::spawn(connection.run(shutdown.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                // Out of descriptors, most likely: some come free as connections end.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// The connections that may be open at a time.
#[derive(Debug)]
pub struct TcpPlaces {
    settings: TcpSettings,
    total: Arc<Semaphore>,
    open: AtomicUsize,
    by_client: Mutex<HashMap<Prefix, usize>>,
    /// Octets of replies on their way into sockets.
    pub(super) waiting: Arc<Semaphore>,
}

impl TcpPlaces {
    pub(super) fn new(settings: TcpSettings) -> Self {
        Self {
            settings,
            total: Arc::new(Semaphore::new(settings.clients)),
            open: AtomicUsize::new(0),
            by_client: Mutex::default(),
            waiting: Arc::new(Semaphore::new(limits::TCP_WAITING_OCTETS_MAX)),
        }
    }

    /// A place for a connection from `address`, if there is one.
    fn take(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let permit = Arc::clone(&self.total).try_acquire_owned().ok()?;
        let client = Prefix::of_client(address);
        let mut by_client = self.by_client.lock().unwrap_or_else(PoisonError::into_inner);
        let count = by_client.entry(client).or_default();
        if *count >= self.settings.clients_per_address {
            return None;
        }
        *count += 1;
        drop(by_client);
        self.open.fetch_add(1, Ordering::Relaxed);
        Some(Place { places: Arc::clone(self), client, _permit: permit })
    }

    /// How long a connection may be idle right now.
    fn idle_timeout(&self) -> Duration {
        shrunk(self.settings.idle_timeout, self.open.load(Ordering::Relaxed), self.settings.clients)
    }

    /// Waits until no connection is open.
    pub(super) async fn drained(&self) {
        let all = u32::try_from(self.settings.clients).unwrap_or(u32::MAX);
        let _permits = self.total.acquire_many(all).await;
    }
}

/// The idle timeout with `open` of `cap` connections open: whole up to half of them, then shorter in
/// proportion, and [`limits::TCP_IDLE_MS_MIN`] from four fifths on.
fn shrunk(whole: Duration, open: usize, cap: usize) -> Duration {
    let least = Duration::from_millis(limits::TCP_IDLE_MS_MIN).min(whole);
    let (half, most) = (cap / 2, cap.saturating_mul(4) / 5);
    if open <= half {
        return whole;
    }
    let (left, span) = (most.saturating_sub(open), most.saturating_sub(half).max(1));
    let share = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    (whole.saturating_mul(share(left)) / share(span)).max(least)
}

/// A connection's place; given back when dropped.
#[derive(Debug)]
struct Place {
    places: Arc<TcpPlaces>,
    client: Prefix,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.open.fetch_sub(1, Ordering::Relaxed);
        let mut by_client = self.places.by_client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = by_client.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                by_client.remove(&self.client);
            }
        }
    }
}

/// A reply behind its length, and the room it takes until it is written.
type Reply = Option<(Vec<u8>, OwnedSemaphorePermit)>;

/// One client's connection.
struct Connection<A> {
    reader: Frames,
    writer: OwnedWriteHalf,
    client: Client,
    shared: Arc<Shared<A>>,
    place: Place,
    under_way: JoinSet<Result<Reply, NoRoom>>,
    /// When the last whole message came or the last reply was written.
    active: Instant,
    /// Whether a whole message came yet.
    greeted: bool,
    /// Room for replies that are ready.
    out: Vec<u8>,
}

/// Replies that nobody reads fill the room for them.
struct NoRoom;

/// What a connection waits for ended with.
enum Turn {
    Message(Vec<u8>),
    /// The client sends no more.
    End,
    Reply(Reply),
    /// Time to look at the clock.
    Tick,
    Shutdown,
    /// Nothing more may come of it.
    Broken,
}

impl<A: Answer> Connection<A> {
    fn new(stream: TcpStream, from: SocketAddr, shared: Arc<Shared<A>>, place: Place) -> Self {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(client = %from, %error, "small replies may be delayed");
        }
        let (reader, writer) = stream.into_split();
        Self {
            reader: Frames { reader, buffer: Vec::new() },
            writer,
            client: Client { address: from, transport: Transport::Tcp },
            shared,
            place,
            under_way: JoinSet::new(),
            active: now(),
            greeted: false,
            out: Vec::new(),
        }
    }

    async fn run(mut self, mut shutdown: watch::Receiver<bool>) {
        let mut reading = true;
        while reading || !self.under_way.is_empty() {
            match self.turn(reading, &mut shutdown).await {
                Turn::Message(message) => {
                    if !self.take(message).await {
                        return;
                    }
                }
                Turn::Reply(reply) => {
                    if !self.write(reply).await {
                        return;
                    }
                }
                Turn::Tick if self.is_overdue() => return,
                Turn::Tick => {}
                Turn::End | Turn::Shutdown => reading = false,
                Turn::Broken => return,
            }
        }
    }

    /// Waits for whatever comes first.
    async fn turn(&mut self, reading: bool, shutdown: &mut watch::Receiver<bool>) -> Turn {
        let room = self.under_way.len() < limits::TCP_PIPELINE_MAX;
        tokio::select! {
            biased;
            () = ended(shutdown), if reading => Turn::Shutdown,
            Some(done) = self.under_way.join_next() => match done {
                Ok(Ok(reply)) => Turn::Reply(reply),
                Ok(Err(NoRoom)) => Turn::Broken,
                // The task that answers ended without an answer: there is nothing to send.
                Err(_) => Turn::Reply(None),
            },
            message = self.reader.next(), if reading && room => match message {
                Ok(Some(message)) => Turn::Message(message),
                Ok(None) => Turn::End,
                Err(error) => {
                    tracing::debug!(client = %self.client.address, %error, "a connection failed");
                    // What was asked before is still answered if that can be.
                    Turn::End
                }
            },
            () = tokio::time::sleep(IDLE_CHECK.min(self.place.places.idle_timeout())), if reading => Turn::Tick,
        }
    }

    /// Answers a message, or begins to; false if the client is to be cut off.
    async fn take(&mut self, message: Vec<u8>) -> bool {
        (self.active, self.greeted) = (now(), true);
        let (answer, client, out) = (&self.shared.answer, &self.client, &mut self.out);
        match guarded(client.address, || answer.ready(&message, client, answer.now(), out)) {
            Some(Ready::Hit { due }) => {
                if due {
                    answer.renew(&message);
                }
                match framed(&self.shared, &self.out) {
                    Ok(reply) => self.write(reply).await,
                    Err(NoRoom) => false,
                }
            }
            Some(Ready::Miss) => {
                self.begin(message);
                true
            }
            Some(Ready::Drop) | None => true,
        }
    }

    fn begin(&mut self, message: Vec<u8>) {
        let (shared, client) = (Arc::clone(&self.shared), self.client);
        self.under_way.spawn(async move {
            let reply = match shared.answer.at_once(&message, &client) {
                AtOnce::Reply(reply) => reply,
                AtOnce::Nothing => return Ok(None),
                AtOnce::Later(question) => match shared.answer.later(question).await {
                    Some(reply) => reply,
                    None => return Ok(None),
                },
            };
            framed(&shared, &reply)
        });
    }

    /// Writes a reply; false if the client does not take it.
    async fn write(&mut self, reply: Reply) -> bool {
        let Some((framed, _room)) = reply else { return true };
        let stall = Duration::from_millis(limits::TCP_WRITE_STALL_MS);
        let written = timeout(stall, self.writer.write_all(&framed)).await;
        self.active = now();
        matches!(written, Ok(Ok(())))
    }

    fn is_overdue(&self) -> bool {
        if !self.under_way.is_empty() {
            return false;
        }
        let idle = self.place.places.idle_timeout();
        let first = Duration::from_millis(limits::TCP_FIRST_MESSAGE_MS);
        let allowed = if self.greeted { idle } else { idle.min(first) };
        self.active.elapsed() >= allowed
    }
}

/// A reply behind its length, if there is room for it.
fn framed<A>(shared: &Shared<A>, reply: &[u8]) -> Result<Reply, NoRoom> {
    let Ok(len) = u16::try_from(reply.len()) else { return Ok(None) };
    let room = Arc::clone(&shared.places.waiting).try_acquire_many_owned(u32::from(len));
    let room = room.map_err(|_| NoRoom)?;
    let mut framed = Vec::with_capacity(2 + reply.len());
    framed.extend_from_slice(&len.to_be_bytes());
    framed.extend_from_slice(reply);
    Ok(Some((framed, room)))
}

/// Cuts the stream into messages. Dropping [`Frames::next`] midway loses nothing.
struct Frames {
    reader: OwnedReadHalf,
    buffer: Vec<u8>,
}

impl Frames {
    /// The next whole message; none at the end of the stream between messages.
    async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(message) = self.whole()? {
                return Ok(Some(message));
            }
            if self.reader.read_buf(&mut self.buffer).await? == 0 {
                return if self.buffer.is_empty() {
                    Ok(None)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
        }
    }

    /// Takes a message out of the buffer, if it is whole.
    fn whole(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some((prefix, rest)) = self.buffer.split_first_chunk::<2>() else { return Ok(None) };
        let len = usize::from(u16::from_be_bytes(*prefix));
        if len < HEADER_LEN {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a length too short for a message"));
        }
        let Some(message) = rest.get(..len).map(<[u8]>::to_vec) else { return Ok(None) };
        self.buffer.drain(..2 + len);
        Ok(Some(message))
    }
}

/// Timeouts of connections are tokio's own, not the resolver's.
#[expect(clippy::disallowed_methods, reason = "measures idle time, which nothing else depends on")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_of_one_site_count_as_one_client() {
        let settings = TcpSettings { clients: 10, clients_per_address: 1, idle_timeout: Duration::ZERO };
        let places = Arc::new(TcpPlaces::new(settings));
        let take = |address: &str| places.take(address.parse().unwrap());
        let site = take("2001:db8:0:100::1").unwrap();
        assert!(take("2001:db8:0:1ff:ffff::2").is_none());
        let neighbours = [take("2001:db8:0:200::1"), take("192.0.2.1"), take("192.0.2.2")];
        assert!(neighbours.iter().all(Option::is_some));
        assert!(take("::ffff:192.0.2.1").is_none(), "an IPv4 address in IPv6 clothes");
        drop(site);
        assert!(take("2001:db8:0:1ff:ffff::2").is_some());
    }

    #[test]
    fn the_idle_timeout_shrinks_as_places_run_short() {
        let whole = Duration::from_secs(10);
        assert_eq!(shrunk(whole, 0, 100), whole);
        assert_eq!(shrunk(whole, 50, 100), whole);
        assert_eq!(shrunk(whole, 65, 100), Duration::from_secs(5));
        assert_eq!(shrunk(whole, 80, 100), Duration::from_millis(200));
        assert_eq!(shrunk(whole, 100, 100), Duration::from_millis(200));
        assert_eq!(shrunk(Duration::from_millis(50), 100, 100), Duration::from_millis(50));
        assert_eq!(shrunk(whole, 1, 1), Duration::from_millis(200));
    }
}
