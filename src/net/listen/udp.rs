//! Questions in datagrams that could not be answered from the cache: a task for each that has to wait.
//!
//! In: what the threads of `fast` hand over. Out: replies, by the socket that the question came to and from the address
//! that was asked. More than [`limits::UDP_QUERIES_MAX`] at a time are not worked on: old ones give way, or new ones are
//! dropped (see `datagrams`): a client asks again, and a queue would only make all answers late.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::datagrams::Room;
use super::{Answer, AtOnce, Shared};
use crate::dns::response::Transport;
use crate::fast::batch::{self, Local};
use crate::fast::guarded;
use crate::fast::handover::{Handed, Taker};
use crate::limits;
use crate::service::Client;
use crate::service::overload::DropReason;

/// A socket that others of this process may be bound beside.
pub(super) fn bind(address: SocketAddr) -> io::Result<batch::Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    furnished(socket.into())
}

/// A bound socket as a thread of `fast` wants it.
pub(super) fn furnished(udp: UdpSocket) -> io::Result<batch::Socket> {
    let socket = SockRef::from(&udp);
    socket.set_nonblocking(false)?;
    socket.set_read_timeout(Some(limits::RECEIVE_TIMEOUT))?;
    socket.set_write_timeout(Some(limits::RECEIVE_TIMEOUT))?;
    // Room for a burst; the kernel gives what it allows, and its default will do as well.
    let sizes = socket
        .set_recv_buffer_size(limits::UDP_BUFFER_OCTETS)
        .and_then(|()| socket.set_send_buffer_size(limits::UDP_BUFFER_OCTETS));
    if let Err(error) = sizes {
        tracing::debug!(%error, "the buffers of a socket keep their size");
    }
    batch::Socket::new(udp)
}

/// Where a reply goes.
#[derive(Clone)]
struct Back {
    socket: Arc<batch::Socket>,
    to: SocketAddr,
    local: Option<Local>,
}

impl Back {
    fn send(&self, reply: &[u8]) {
        if let Err(error) = self.socket.send(reply, self.to, self.local) {
            tracing::debug!(client = %self.to, %error, "a reply could not be sent");
        }
    }
}

/// Works on what is handed over until nothing more comes.
pub(super) async fn work<A: Answer>(socket: Arc<batch::Socket>, shared: Arc<Shared<A>>, mut taker: Taker) {
    let mut handed = Vec::new();
    while taker.take(&mut handed).await {
        for one in handed.drain(..) {
            // Others get their turn.
            tokio::task::coop::consume_budget().await;
            take(&socket, &shared, one).await;
        }
    }
}

async fn take<A: Answer>(socket: &Arc<batch::Socket>, shared: &Arc<Shared<A>>, handed: Handed) {
    let Handed { message, from, local, renew } = handed;
    let client = Client { address: from, transport: Transport::Udp };
    let at_once = guarded(from, || {
        if renew {
            shared.answer.renew(&message);
            return AtOnce::Nothing;
        }
        shared.answer.at_once(&message, &client)
    });
    let back = Back { socket: Arc::clone(socket), to: from, local };
    let mut question = match at_once {
        Some(AtOnce::Reply(reply)) => return back.send(&reply),
        Some(AtOnce::Nothing) | None => return,
        Some(AtOnce::Later(question)) => question,
    };
    let place = match shared.datagrams.take().await {
        Room::Free(place) => place,
        Room::Made(place) => {
            shared.answer.dropped(DropReason::GaveWay, 1);
            place
        }
        room @ (Room::Lost | Room::None) => {
            if matches!(room, Room::Lost) {
                shared.answer.dropped(DropReason::GaveWay, 1);
            }
            shared.answer.dropped(DropReason::Datagrams, 1);
            tracing::debug!(client = %from, "a question was dropped: too many are under way");
            return;
        }
    };
    if guarded(from, || shared.answer.begin(&mut question)).is_none() {
        return;
    }
    let is_lax = place.is_lax();
    let answering = Arc::clone(shared);
    let task = tokio::spawn(async move {
        if let Some(reply) = answering.answer.later(question).await {
            back.send(&reply);
        }
        drop(place);
    });
    shared.datagrams.begin(is_lax, task.abort_handle());
}
