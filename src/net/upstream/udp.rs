//! One UDP query: its socket, from the drawn port to the last datagram (RFC 5452 §4).

use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};
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
    buffer: Vec<u8>,
    _place: OwnedSemaphorePermit,
}

impl Query {
    /// Opens the socket and sends.
    pub(super) async fn send(
        server: SocketAddr,
        local_port: u16,
        query: &[u8],
        clock: Clock,
        place: OwnedSemaphorePermit,
    ) -> Result<Self, ExchangeError> {
        let open = || -> std::io::Result<UdpSocket> {
            let socket = Socket::new(Domain::for_address(server), Type::DGRAM, Some(Protocol::UDP))?;
            if server.is_ipv6() {
                socket.set_only_v6(true)?;
            }
            socket.set_nonblocking(true)?;
            socket.bind(&local(server, local_port).into())?;
            // Connected: datagrams from elsewhere and the global ICMP rate limit do not matter (CVE-2020-25705).
            socket.connect(&server.into())?;
            UdpSocket::from_std(socket.into())
        };
        let socket = open().map_err(|error| fault(&error))?;
        socket.send(query).await.map_err(|error| fault(&error))?;
        Ok(Self { socket, clock, buffer: Vec::new(), _place: place })
    }
}

impl Datagrams for Query {
    fn receive(&mut self, deadline: Moment) -> BoxFuture<'_, Result<Vec<u8>, ExchangeError>> {
        Box::pin(async move {
            let Self { socket, clock, buffer, .. } = self;
            buffer.resize(limits::DATAGRAM_OCTETS_MAX, 0);
            match clock.before(deadline, socket.recv(buffer)).await {
                None => Err(ExchangeError::Timeout),
                Some(Err(error)) => Err(fault(&error)),
                Some(Ok(len)) => Ok(buffer.get(..len).unwrap_or_default().to_vec()),
            }
        })
    }
}
