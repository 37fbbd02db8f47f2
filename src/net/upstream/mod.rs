//! Asks servers on real sockets: the [`Exchange`] of a running resolver.
//!
//! Each UDP query has a socket of its own, bound to the port that the caller drew and connected to the server,
//! so that the kernel passes on nothing from elsewhere (RFC 5452 §9.1, SAD DNS). TCP connections carry one
//! query each. The number of sockets open at a time is bounded; who finds none free waits a moment.
//! Not done: reuse of TCP connections, and the don't-fragment socket options, which safe code cannot set;
//! queries are far smaller than any MTU.

mod tcp;
mod udp;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::clock::{Clock, Moment};
use crate::context::BoxFuture;
use crate::iterate::exchange::{Datagrams, Exchange, ExchangeError};
use crate::limits;

/// Asks servers over UDP and TCP.
#[derive(Debug)]
pub struct Upstream {
    clock: Clock,
    sockets: Arc<Semaphore>,
}

impl Upstream {
    /// With at most `sockets` sockets open at a time.
    pub fn new(clock: Clock, sockets: usize) -> Self {
        Self { clock, sockets: Arc::new(Semaphore::new(sockets)) }
    }

    /// The right to open a socket, if one comes free in time.
    async fn place(&self) -> Result<OwnedSemaphorePermit, ExchangeError> {
        if let Ok(place) = Arc::clone(&self.sockets).try_acquire_owned() {
            return Ok(place);
        }
        let deadline = self.clock.now().after(Duration::from_millis(limits::SOCKET_WAIT_MS));
        match self.clock.before(deadline, Arc::clone(&self.sockets).acquire_owned()).await {
            Some(Ok(place)) => Ok(place),
            _ => Err(ExchangeError::Exhausted),
        }
    }
}

impl Exchange for Upstream {
    fn udp<'a>(
        &'a self,
        server: SocketAddr,
        local_port: u16,
        query: &'a [u8],
    ) -> BoxFuture<'a, Result<Box<dyn Datagrams>, ExchangeError>> {
        Box::pin(async move {
            let place = self.place().await?;
            let socket = udp::Query::send(server, local_port, query, self.clock.clone(), place)?;
            Ok(Box::new(socket) as Box<dyn Datagrams>)
        })
    }

    fn tcp<'a>(
        &'a self,
        server: SocketAddr,
        query: &'a [u8],
        deadline: Moment,
    ) -> BoxFuture<'a, Result<Vec<u8>, ExchangeError>> {
        Box::pin(async move {
            let work = async {
                let _place = self.place().await?;
                tcp::ask(server, query).await
            };
            self.clock.before(deadline, work).await.unwrap_or(Err(ExchangeError::Timeout))
        })
    }
}

/// The unspecified address of the server's family: the kernel picks the interface.
fn local(server: SocketAddr, port: u16) -> SocketAddr {
    let address = match server {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    SocketAddr::new(address, port)
}

/// What the operating system's error means to the one who asked.
fn fault(error: &io::Error) -> ExchangeError {
    use io::ErrorKind as Kind;
    // Those that `ErrorKind` has no word for; the numbers are the same on all systems, but for ENOBUFS.
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    const ENOBUFS: i32 = if cfg!(target_os = "linux") { 105 } else { 55 };
    match error.kind() {
        Kind::AddrInUse => ExchangeError::PortTaken,
        Kind::ConnectionRefused | Kind::ConnectionReset => ExchangeError::Refused,
        Kind::TimedOut => ExchangeError::Timeout,
        Kind::UnexpectedEof | Kind::BrokenPipe | Kind::ConnectionAborted | Kind::NotConnected => {
            ExchangeError::Closed
        }
        Kind::OutOfMemory => ExchangeError::Exhausted,
        _ if matches!(error.raw_os_error(), Some(ENFILE | EMFILE | ENOBUFS)) => ExchangeError::Exhausted,
        // ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL, EAFNOSUPPORT, and EPERM of a packet filter.
        _ => ExchangeError::NoRoute,
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, UdpSocket};

    use super::*;
    use crate::entropy::Entropy;

    fn upstream(sockets: usize) -> (Upstream, Clock) {
        let clock = Clock::system();
        (Upstream::new(clock.clone(), sockets), clock)
    }

    fn soon(clock: &Clock) -> Moment {
        clock.now().after(Duration::from_secs(2))
    }

    /// A port that was free a moment ago.
    async fn send(
        upstream: &Upstream,
        server: SocketAddr,
        query: &[u8],
    ) -> (u16, Result<Box<dyn Datagrams>, ExchangeError>) {
        let entropy = Entropy::system();
        loop {
            let port = entropy.port();
            match upstream.udp(server, port, query).await {
                Err(ExchangeError::PortTaken) => {}
                other => return (port, other),
            }
        }
    }

    #[tokio::test]
    async fn a_query_leaves_from_the_port_that_was_drawn_and_hears_its_server_alone() {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (upstream, clock) = upstream(4);
        let (port, query) = send(&upstream, server.local_addr().unwrap(), b"question").await;
        let mut query = query.unwrap();
        let mut buffer = [0; 64];
        let (len, from) = server.recv_from(&mut buffer).await.unwrap();
        assert_eq!((&buffer[..len], from.port()), (&b"question"[..], port));
        stranger.send_to(b"forged", from).await.unwrap();
        server.send_to(b"one", from).await.unwrap();
        server.send_to(b"two", from).await.unwrap();
        assert_eq!(query.receive(soon(&clock)).await, Ok(b"one".to_vec()));
        assert_eq!(query.receive(soon(&clock)).await, Ok(b"two".to_vec()));
        let past = clock.now().after(Duration::from_millis(30));
        assert_eq!(query.receive(past).await, Err(ExchangeError::Timeout));
    }

    #[tokio::test]
    async fn of_a_datagram_four_kibibytes_are_read() {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (upstream, clock) = upstream(4);
        let (_, query) = send(&upstream, server.local_addr().unwrap(), b"question").await;
        let (_, from) = server.recv_from(&mut [0; 64]).await.unwrap();
        server.send_to(&[7; 9_000], from).await.unwrap();
        assert_eq!(query.unwrap().receive(soon(&clock)).await, Ok(vec![7; 4_096]));
    }

    #[tokio::test]
    async fn a_port_in_use_is_told() {
        let taken = UdpSocket::bind("0.0.0.0:0").await.unwrap();
        let (upstream, _) = upstream(4);
        let result =
            upstream.udp("127.0.0.1:9".parse().unwrap(), taken.local_addr().unwrap().port(), b"x").await;
        assert_eq!(result.err(), Some(ExchangeError::PortTaken));
    }

    #[tokio::test]
    async fn a_closed_port_refuses_over_udp_and_tcp() {
        let (upstream, clock) = upstream(4);
        let gone = {
            let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            socket.local_addr().unwrap()
        };
        let (_, query) = send(&upstream, gone, b"x").await;
        assert_eq!(query.unwrap().receive(soon(&clock)).await, Err(ExchangeError::Refused));
        assert_eq!(upstream.tcp(gone, b"x", soon(&clock)).await, Err(ExchangeError::Refused));
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_sockets_are_open_than_allowed() {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (upstream, clock) = upstream(1);
        let (_, first) = send(&upstream, server.local_addr().unwrap(), b"x").await;
        let first = first.unwrap();
        let begun = clock.now();
        let (_, second) = send(&upstream, server.local_addr().unwrap(), b"x").await;
        assert_eq!(second.err(), Some(ExchangeError::Exhausted));
        let waited = clock.now().since(begun);
        assert!((Duration::from_secs(1)..Duration::from_secs(2)).contains(&waited), "{waited:?}");
        drop(first);
        assert!(send(&upstream, server.local_addr().unwrap(), b"x").await.1.is_ok());
    }

    #[tokio::test]
    async fn tcp_frames_the_query_and_reads_one_message_however_it_is_cut() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut query = [0; 7];
            stream.read_exact(&mut query).await.unwrap();
            assert_eq!(&query, b"\0\x05hello");
            for piece in [&b"\0"[..], b"\x06an", b"swer"] {
                stream.write_all(piece).await.unwrap();
                stream.flush().await.unwrap();
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        let (upstream, clock) = upstream(4);
        assert_eq!(upstream.tcp(address, b"hello", soon(&clock)).await, Ok(b"answer".to_vec()));
        server.await.unwrap();
    }

    #[tokio::test]
    async fn a_connection_that_ends_early_is_closed_and_a_silent_one_times_out() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut query = [0; 3];
            stream.read_exact(&mut query).await.unwrap();
            stream.write_all(b"\0\x09short").await.unwrap();
            drop(stream);
            let _silent = listener.accept().await.unwrap();
            std::future::pending::<()>().await;
        });
        let (upstream, clock) = upstream(4);
        assert_eq!(upstream.tcp(address, b"x", soon(&clock)).await, Err(ExchangeError::Closed));
        let deadline = clock.now().after(Duration::from_millis(50));
        assert_eq!(upstream.tcp(address, b"x", deadline).await, Err(ExchangeError::Timeout));
    }

    #[test]
    fn errors_are_told_apart() {
        let of = |code| fault(&io::Error::from_raw_os_error(code));
        assert_eq!(of(24), ExchangeError::Exhausted);
        if cfg!(target_os = "linux") {
            assert_eq!(of(98), ExchangeError::PortTaken);
            assert_eq!(of(101), ExchangeError::NoRoute);
            assert_eq!(of(113), ExchangeError::NoRoute);
            assert_eq!(of(97), ExchangeError::NoRoute);
            assert_eq!(of(105), ExchangeError::Exhausted);
            assert_eq!(of(111), ExchangeError::Refused);
        }
    }
}
