//! The network as the iterator sees it: a port with two ways to ask a server.
//!
//! Raw datagrams come out, whatever they are and from a connected socket's peer only; `attempt` decides which
//! one is the reply, so that the lab tests the matching too. Deadlines are those of the caller.

use std::net::SocketAddr;

use crate::clock::Moment;
use crate::context::BoxFuture;

/// Asks servers. Implemented by `net::upstream` and by the lab.
pub trait Exchange: Send + Sync {
    /// Sends one datagram from a fresh socket bound to `local_port` and connected to `server`.
    ///
    /// # Errors
    /// [`ExchangeError::PortTaken`] if the port is in use: the caller draws another.
    fn udp<'a>(
        &'a self,
        server: SocketAddr,
        local_port: u16,
        query: &'a [u8],
    ) -> BoxFuture<'a, Result<Box<dyn Datagrams>, ExchangeError>>;

    /// Sends one query over TCP (without its length prefix; the port adds it) and waits for one message.
    fn tcp<'a>(
        &'a self,
        server: SocketAddr,
        query: &'a [u8],
        deadline: Moment,
    ) -> BoxFuture<'a, Result<Vec<u8>, ExchangeError>>;
}

/// The datagrams that come back to one query's socket. Dropping it closes the socket.
pub trait Datagrams: Send {
    /// The next datagram, at the latest at `deadline`.
    fn receive(&mut self, deadline: Moment) -> BoxFuture<'_, Result<Vec<u8>, ExchangeError>>;
}

/// Why the network gave nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// Nothing came before the deadline.
    #[error("no answer in time")]
    Timeout,
    /// The local port is in use.
    #[error("the local port is in use")]
    PortTaken,
    /// No route, or the family is not there: nothing of this host's reaches the address.
    #[error("no route to the server")]
    NoRoute,
    /// The server's host refused or reset.
    #[error("the server refused")]
    Refused,
    /// This host is out of sockets or memory.
    #[error("this host has no socket to spare")]
    Exhausted,
    /// The connection ended before a whole message.
    #[error("the connection was closed before an answer")]
    Closed,
}
