//! One UDP query: its socket, from the drawn port to the last datagram (RFC 5452 §4).
//!
//! The query leaves before the runtime hears of the socket: a fresh one never makes it wait, and the runtime would first
//! have to find that out. What comes is read into the stack and kept in as many octets as it has.

use std::io::{self, Read};
use std::net::SocketAddr;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::OwnedSemaphorePermit;

use super::{fault, local};
use crate::clock::{Clock, Moment};
use crate::context::BoxFuture;
use crate::iterate::exchange::{Datagrams, ExchangeError};
use crate::limits;

/// A query under way. Its socket closes when this is dropped.
pub(super) struct Query {
    socket: UdpSocket,
    clock: Clock,
    _place: OwnedSemaphorePermit,
}

impl Query {
    /// Opens the socket and sends.
    pub(super) fn send(
        server: SocketAddr,
        local_port: u16,
        query: &[u8],
        clock: Clock,
        place: OwnedSemaphorePermit,
    ) -> Result<Self, ExchangeError> {
        let send = || -> io::Result<UdpSocket> {
            let socket = open(server)?;
            socket.bind(&local(server, local_port).into())?;
            // Connected: datagrams from elsewhere and the global ICMP rate limit do not matter (CVE-2020-25705).
            socket.connect(&server.into())?;
            socket.send(query)?;
            UdpSocket::from_std(socket.into())
        };
        Ok(Self { socket: send().map_err(|error| fault(&error))?, clock, _place: place })
    }
}

impl Datagrams for Query {
    fn receive(&mut self, deadline: Moment) -> BoxFuture<'_, Result<Vec<u8>, ExchangeError>> {
        Box::pin(async move {
            match self.clock.before(deadline, next(&self.socket)).await {
                None => Err(ExchangeError::Timeout),
                Some(datagram) => datagram.map_err(|error| fault(&error)),
            }
        })
    }
}

/// A socket that never blocks: on Linux it is born so, which saves two calls.
fn open(server: SocketAddr) -> io::Result<Socket> {
    let kind = Type::DGRAM;
    #[cfg(target_os = "linux")]
    let kind = kind.nonblocking();
    let socket = Socket::new(Domain::for_address(server), kind, Some(Protocol::UDP))?;
    #[cfg(not(target_os = "linux"))]
    socket.set_nonblocking(true)?;
    if server.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

async fn next(socket: &UdpSocket) -> io::Result<Vec<u8>> {
    // An error that the network tells of, such as a closed port, comes without anything to read.
    let interest = Interest::READABLE | Interest::ERROR;
    let read = || {
        let mut buffer = [0; limits::DATAGRAM_OCTETS_MAX];
        let len = (&*SockRef::from(socket)).read(&mut buffer)?;
        Ok(buffer.get(..len).unwrap_or_default().to_vec())
    };
    socket.async_io(interest, read).await
}
