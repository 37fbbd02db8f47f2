//! Questions in datagrams: a receive loop for each socket, a task for each that cannot be answered at once.
//!
//! More than [`limits::UDP_QUERIES_MAX`] at a time are not worked on: old ones give way, or new ones are dropped (see
//! `datagrams`): a client asks again, and a queue would only make all answers late.

use std::io;
use std::net::SocketAddr;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::watch;

use super::datagrams::Room;
use super::{Answer, AtOnce, Shared, ended};
use crate::dns::response::Transport;
use crate::limits;
use crate::service::Client;
use crate::service::overload::DropReason;

/// A socket that others of this process may be bound beside.
pub(super) fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    // Room for a burst; the kernel gives what it allows, and its default will do as well.
    if let Err(error) = socket.set_recv_buffer_size(limits::UDP_RECEIVE_BUFFER_OCTETS) {
        tracing::debug!(%error, "the receive buffer keeps its size");
    }
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

/// Receives until shutdown.
pub(super) async fn serve<A: Answer>(
    socket: Arc<UdpSocket>,
    shared: Arc<Shared<A>>,
    mut shutdown: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; usize::from(u16::MAX)];
    loop {
        let received = tokio::select! {
            biased;
            () = ended(&mut shutdown) => return,
            received = socket.recv_from(&mut buffer) => received,
        };
        match received {
            Ok((len, from)) => {
                if let Some(message) = buffer.get(..len) {
                    take(&socket, &shared, message, from).await;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a datagram could not be received");
                // The next call may fail as well: no loop at full speed.
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

async fn take<A: Answer>(socket: &Arc<UdpSocket>, shared: &Arc<Shared<A>>, message: &[u8], from: SocketAddr) {
    // Nothing can be sent to port 0: the datagram is forged.
    if from.port() == 0 {
        return;
    }
    let client = Client { address: from, transport: Transport::Udp };
    // A fault of our own must cost one question, not the socket.
    let at_once = panic::catch_unwind(AssertUnwindSafe(|| shared.answer.at_once(message, &client)));
    let question = match at_once {
        Ok(AtOnce::Reply(reply)) => return send(socket, &reply, from).await,
        Ok(AtOnce::Nothing) => return,
        Ok(AtOnce::Later(question)) => question,
        Err(_) => {
            return tracing::error!(client = %from, "a question was lost to a fault, please report this");
        }
    };
    let place = match shared.datagrams.take().await {
        Room::Free(place) => place,
        Room::Made(place) => {
            shared.answer.dropped(DropReason::GaveWay);
            place
        }
        room @ (Room::Lost | Room::None) => {
            if matches!(room, Room::Lost) {
                shared.answer.dropped(DropReason::GaveWay);
            }
            shared.answer.dropped(DropReason::Datagrams);
            tracing::debug!(client = %from, "a question was dropped: too many are under way");
            return;
        }
    };
    let is_lax = place.is_lax();
    let (socket, answering) = (Arc::clone(socket), Arc::clone(shared));
    let task = tokio::spawn(async move {
        if let Some(reply) = answering.answer.later(question).await {
            send(&socket, &reply, from).await;
        }
        drop(place);
    });
    shared.datagrams.begin(is_lax, task.abort_handle());
}

async fn send(socket: &UdpSocket, reply: &[u8], to: SocketAddr) {
    if let Err(error) = socket.send_to(reply, to).await {
        tracing::debug!(client = %to, %error, "a reply could not be sent");
    }
}
