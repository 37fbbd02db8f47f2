//! The lab's servers on sockets: every address of an [`Internet`], UDP and TCP, on one unprivileged port.
//!
//! In: an internet whose addresses are this machine's, as [`super::World::on_loopback`] makes them. Out: tasks that
//! answer until [`Serving`] is dropped. What a host that is not there would do cannot be shown on loopback sockets:
//! such a server has none, and the system refuses for it.
//! Not for the open internet: there is no rate limit, only bounds on connections and on answers under way.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::faults::Reaction;
use super::internet::Internet;
use crate::dns::response::Transport;
use crate::entropy::Entropy;

/// Answers of one server that wait for their time, and connections of one server.
const UNDER_WAY_MAX: usize = 64;
/// How long a connection may be idle.
const IDLE: Duration = Duration::from_secs(10);

/// Why the lab's servers could not be started.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Somebody else listens there.
    #[error("{0} is in use: another lab may be running, or choose another port")]
    InUse(SocketAddr),
    /// The address is not this machine's.
    #[error(
        "{0} cannot be used: this system does not take the whole of 127.0.0.0/8 for itself \
         (on macOS and the BSDs each address needs `ifconfig lo0 alias ADDRESS`)"
    )]
    NoAddress(SocketAddr),
    /// Any other refusal.
    #[error("cannot listen on {0}: {1}")]
    Other(SocketAddr, io::Error),
}

impl ServeError {
    /// The error for what the system said when `address` was bound.
    pub fn of(address: SocketAddr, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::AddrInUse => Self::InUse(address),
            io::ErrorKind::AddrNotAvailable => Self::NoAddress(address),
            _ => Self::Other(address, error),
        }
    }
}

/// The lab's servers, answering. Dropping it stops them.
#[derive(Debug)]
pub struct Serving {
    tasks: JoinSet<()>,
}

impl Serving {
    /// Binds every address of `internet` on `port`, and answers.
    pub async fn start(internet: &Arc<Internet>, port: u16) -> Result<Self, ServeError> {
        let mut tasks = JoinSet::new();
        for ip in internet.addresses().filter(|ip| !internet.is_closed(*ip)) {
            let address = SocketAddr::new(ip, port);
            let udp = UdpSocket::bind(address).await.map_err(|error| ServeError::of(address, error))?;
            let tcp = TcpListener::bind(address).await.map_err(|error| ServeError::of(address, error))?;
            let entropy = Arc::new(Entropy::system());
            tasks.spawn(serve_udp(Arc::clone(internet), ip, udp, entropy));
            tasks.spawn(serve_tcp(Arc::clone(internet), ip, tcp));
        }
        Ok(Self { tasks })
    }

    /// How many servers answer.
    pub fn len(&self) -> usize {
        self.tasks.len() / 2
    }

    /// Whether there is no server.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }
}

async fn serve_udp(internet: Arc<Internet>, ip: IpAddr, socket: UdpSocket, entropy: Arc<Entropy>) {
    let socket = Arc::new(socket);
    let room = Arc::new(Semaphore::new(UNDER_WAY_MAX));
    let mut buffer = vec![0; usize::from(u16::MAX)];
    loop {
        // An error here is an ICMP message about an earlier answer.
        let Ok((len, client)) = socket.recv_from(&mut buffer).await else { continue };
        let query = buffer.get(..len).unwrap_or_default();
        let roll = u8::try_from(entropy.below(100)).unwrap_or(0);
        let here = SocketAddr::new(ip, 0);
        let Some(Reaction::Messages { delay, octets }) = internet.react(here, query, Transport::Udp, roll)
        else {
            continue;
        };
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else { continue };
        let socket = Arc::clone(&socket);
        tokio::spawn(async move {
            let _permit = permit;
            if !delay.is_zero() {
                sleep(delay).await;
            }
            for one in octets {
                if socket.send_to(&one, client).await.is_err() {
                    break;
                }
            }
        });
    }
}

async fn serve_tcp(internet: Arc<Internet>, ip: IpAddr, listener: TcpListener) {
    let room = Arc::new(Semaphore::new(UNDER_WAY_MAX));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else { continue };
        let internet = Arc::clone(&internet);
        tokio::spawn(async move {
            let _permit = permit;
            // Whatever ends the connection, the client sees that it ended.
            converse(&internet, ip, stream).await.unwrap_or_default();
        });
    }
}

/// Answers the queries of one connection, one after the other.
async fn converse(internet: &Internet, ip: IpAddr, mut stream: TcpStream) -> io::Result<()> {
    while let Ok(read) = timeout(IDLE, read_message(&mut stream)).await {
        let query = read?;
        match internet.react(SocketAddr::new(ip, 0), &query, Transport::Tcp, 0) {
            Some(Reaction::Messages { delay, octets }) => {
                sleep(delay).await;
                for one in octets {
                    let len = u16::try_from(one.len()).map_err(io::Error::other)?;
                    stream.write_all(&[&len.to_be_bytes()[..], &one].concat()).await?;
                }
            }
            Some(Reaction::Silence) => sleep(IDLE).await,
            _ => return Ok(()),
        }
    }
    Ok(())
}

async fn read_message(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let len = stream.read_u16().await?;
    let mut message = vec![0; usize::from(len)];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::edns::Edns;
    use crate::dns::encode::encode_query;
    use crate::dns::message::Message;
    use crate::dns::{Question, RecordType};
    use crate::lab::{Fault, World, Zone};

    #[tokio::test]
    async fn servers_answer_over_udp_and_tcp_and_a_second_lab_says_the_address_is_taken() {
        let zone = Zone::new("good.lab.").record("www A 192.0.2.1");
        let dead = Zone::new("dead.lab.").fault(Fault::Dead);
        let internet = Arc::new(World::new(1).on_loopback().zone(zone).zone(dead).build().unwrap());
        let ip = internet.addresses_of(&"good.lab.".parse().unwrap())[0];
        // A port that is free now: the system chooses it on one of the addresses.
        let port = UdpSocket::bind((ip, 0)).await.unwrap().local_addr().unwrap().port();
        let serving = Serving::start(&internet, port).await.unwrap();
        assert_eq!(serving.len(), 4);
        assert!(matches!(Serving::start(&internet, port).await, Err(ServeError::InUse(_))));

        let question = Question::new("www.good.lab.".parse().unwrap(), RecordType::A);
        let query = encode_query(9, &question, false, false, Some(&Edns::new(1232, true)));
        let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        client.send_to(&query, (ip, port)).await.unwrap();
        let mut buffer = [0; 2000];
        let len = client.recv(&mut buffer).await.unwrap();
        let reply = Message::parse(&buffer[..len]).unwrap();
        assert!(reply.header.id == 9 && reply.answer.len() == 1);

        let mut stream = TcpStream::connect((ip, port)).await.unwrap();
        stream.write_u16(u16::try_from(query.len()).unwrap()).await.unwrap();
        stream.write_all(&query).await.unwrap();
        assert_eq!(Message::parse(&read_message(&mut stream).await.unwrap()).unwrap().answer, reply.answer);
    }
}
