//! One query over a TCP connection of its own (RFC 7766 §8: two octets of length, then the message).

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use super::fault;
use crate::iterate::exchange::ExchangeError;

/// Connects, asks, and reads one message. The caller bounds the time.
pub(super) async fn ask(server: SocketAddr, query: &[u8]) -> Result<Vec<u8>, ExchangeError> {
    let framed = frame(query).ok_or(ExchangeError::Closed)?;
    exchange(server, &framed).await.map_err(|error| fault(&error))
}

async fn exchange(server: SocketAddr, framed: &[u8]) -> io::Result<Vec<u8>> {
    let socket = if server.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_nodelay(true)?;
    let mut stream = socket.connect(server).await?;
    // RFC 7766 §8: length and message in one write, so that they travel in one segment.
    stream.write_all(framed).await?;
    let len = stream.read_u16().await?;
    let mut message = vec![0; usize::from(len)];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

/// The message behind its length; none if it is longer than two octets can say.
fn frame(message: &[u8]) -> Option<Vec<u8>> {
    let len = u16::try_from(message.len()).ok()?;
    let mut framed = Vec::with_capacity(2 + message.len());
    framed.extend_from_slice(&len.to_be_bytes());
    framed.extend_from_slice(message);
    Some(framed)
}
