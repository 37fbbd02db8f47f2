//! The client side: sockets that take questions over UDP and TCP and send the replies.
//!
//! [`Listener::bind`] opens the sockets of one address, or [`Passed`] has them already; [`Listener::run`] serves it until shutdown. What a
//! message says is the business of [`Answer`]; here it is octets. Datagrams are received by threads of `fast`, which
//! answer what is ready and hand over the rest; replies leave from the address that was asked, also on a wildcard socket.

mod datagrams;
mod passed;
mod tcp;
mod udp;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::fast::{Answer, AtOnce, Worker, batch, handover};
use crate::limits;

use datagrams::Datagrams;
pub use passed::{Passed, PassedError};
pub use tcp::TcpPlaces;

/// What the TCP side allows (`[server] tcp-*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TcpSettings {
    /// Connections at a time.
    pub clients: usize,
    /// Connections at a time of one client address (IPv6: of one /56).
    pub clients_per_address: usize,
    /// How long a connection may be idle while there is plenty of room.
    pub idle_timeout: Duration,
}

/// A listen address that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} over {transport}: {}", remedy(.error))]
pub struct ListenError {
    /// The address.
    pub address: SocketAddr,
    /// UDP or TCP.
    pub transport: &'static str,
    /// What the operating system says.
    pub error: io::Error,
}

/// What the system says, and what to do.
fn remedy(error: &io::Error) -> String {
    let what_to_do = match error.kind() {
        io::ErrorKind::PermissionDenied => ": ports below 1024 need root or CAP_NET_BIND_SERVICE",
        io::ErrorKind::AddrInUse => ": another server runs there, stop it or choose another port",
        io::ErrorKind::AddrNotAvailable => ": it is not an address of this host",
        _ => "",
    };
    format!("{error}{what_to_do}")
}

/// The open sockets of one listen address.
#[derive(Debug)]
pub struct Listener {
    udp: Vec<batch::Socket>,
    tcp: Option<TcpListener>,
}

/// What all listeners share: who answers, and how much may be under way.
#[derive(Debug)]
pub struct Shared<A> {
    answer: Arc<A>,
    datagrams: Datagrams,
    places: Arc<TcpPlaces>,
}

impl<A: Answer> Shared<A> {
    /// Nothing under way yet.
    pub fn new(answer: A, tcp: TcpSettings) -> Self {
        Self {
            answer: Arc::new(answer),
            datagrams: Datagrams::new(limits::UDP_QUERIES_MAX),
            places: Arc::new(TcpPlaces::new(tcp)),
        }
    }

    /// Waits until every question under way is answered and every connection is closed.
    pub async fn drained(&self) {
        self.datagrams.drained().await;
        self.places.drained().await;
    }
}

impl Listener {
    /// Opens the sockets: `sockets` for UDP, which the kernel shares the clients out to, and one for TCP.
    /// Port 0 takes a port that is free for both.
    pub fn bind(address: SocketAddr, sockets: usize) -> Result<Self, ListenError> {
        let mut left = if address.port() == 0 { limits::PORT_DRAWS_MAX } else { 1 };
        loop {
            left -= 1;
            match Self::bind_once(address, sockets) {
                // The kernel chose a port that is free for TCP, and somebody has it for UDP.
                Err(fault) if left > 0 && fault.error.kind() == io::ErrorKind::AddrInUse => {}
                done => return done,
            }
        }
    }

    /// TCP comes first: its port is nobody else's, while datagram sockets of two processes may share one.
    fn bind_once(address: SocketAddr, sockets: usize) -> Result<Self, ListenError> {
        let fault = |transport| move |error| ListenError { address, transport, error };
        let tcp = bind_tcp(address).map_err(fault("TCP"))?;
        let address = tcp.local_addr().map_err(fault("TCP"))?;
        let udp = (0..sockets.max(1)).map(|_| udp::bind(address)).collect::<io::Result<_>>();
        Ok(Self { udp: udp.map_err(fault("UDP"))?, tcp: Some(tcp) })
    }

    /// The address that is listened on.
    pub fn address(&self) -> io::Result<SocketAddr> {
        match (&self.tcp, self.udp.first()) {
            (Some(tcp), _) => tcp.local_addr(),
            (None, Some(udp)) => udp.address(),
            (None, None) => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Serves until `shutdown` says true; then takes no more questions and returns. Those under way go on:
    /// see [`Shared::drained`].
    pub async fn run<A: Answer>(self, shared: Arc<Shared<A>>, mut shutdown: watch::Receiver<bool>) {
        let stop = Stop::default();
        let mut tasks = tokio::task::JoinSet::new();
        for socket in self.udp {
            let (giver, taker) = handover::queue(limits::HANDED_OVER_MAX);
            let socket = Arc::new(socket);
            let answer = Arc::clone(&shared.answer);
            let worker = Worker { socket: Arc::clone(&socket), answer, giver, stop: Arc::clone(&stop.0) };
            // Without the thread nothing is handed over, and the work ends at once.
            if let Err(error) = thread::Builder::new().name("fast".to_owned()).spawn(|| worker.run()) {
                tracing::error!(%error, "a socket is not served: the system gives no thread");
            }
            tasks.spawn(udp::work(socket, Arc::clone(&shared), taker));
        }
        if let Some(tcp) = self.tcp {
            tasks.spawn(tcp::serve(tcp, shared, shutdown.clone()));
        }
        ended(&mut shutdown).await;
        drop(stop);
        while tasks.join_next().await.is_some() {}
    }
}

/// Ends the threads when it is dropped, however that comes about.
#[derive(Default)]
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// No address is shared between processes over TCP, so a second resolver on the same address fails here.
fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(limits::TCP_BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Returns once the process is to end.
async fn ended(shutdown: &mut watch::Receiver<bool>) {
    // An error means that nobody is left to say it: the same.
    let _last = shutdown.wait_for(|ended| *ended).await;
}

#[cfg(test)]
mod tests;
