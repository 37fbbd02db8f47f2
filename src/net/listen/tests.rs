//! The client side on loopback, with an answerer that echoes or waits as the message says.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::*;
use crate::clock::Moment;
use crate::service::overload::DropReason;
use crate::service::{Client, Ready};

/// Has it ready (`hit`), never has (`none`), or cannot tell for a fault (`error`); else answers at once, after a while
/// (`slow`), with much (`large`), not at all (`drop`), or panics (`fault`).
#[derive(Default)]
struct Echo {
    under_way: AtomicUsize,
    /// The most that were under way at a time.
    most: AtomicUsize,
    crowded_out: AtomicUsize,
    renewed: AtomicUsize,
}

impl Answer for Echo {
    type Question = Vec<u8>;

    fn now(&self) -> Moment {
        Moment(0)
    }

    fn ready(&self, message: &[u8], _: &Client, _: Moment, out: &mut Vec<u8>) -> Ready {
        match message {
            [b'h', ..] => {
                out.clear();
                out.extend_from_slice(message);
                Ready::Hit { due: message.ends_with(b"due") }
            }
            [b'n', ..] => Ready::Drop,
            [b'e', ..] => panic!("as the test wants"),
            _ => Ready::Miss,
        }
    }

    fn renew(&self, message: &[u8]) {
        assert!(message.ends_with(b"due"));
        self.renewed.fetch_add(1, Ordering::Relaxed);
    }

    fn dropped(&self, reason: DropReason, datagrams: usize) {
        assert_eq!(reason, DropReason::Datagrams);
        self.crowded_out.fetch_add(datagrams, Ordering::Relaxed);
    }

    fn at_once(&self, message: &[u8], _: &Client) -> AtOnce<Vec<u8>> {
        match message {
            [b'd', ..] => AtOnce::Nothing,
            [b'f', ..] => panic!("as the test wants"),
            [b's' | b'l', ..] => AtOnce::Later(message.to_vec()),
            other => AtOnce::Reply(other.to_vec()),
        }
    }

    async fn later(&self, question: Vec<u8>) -> Option<Vec<u8>> {
        if question.starts_with(b"l") {
            return Some(vec![b'l'; usize::from(u16::MAX)]);
        }
        self.most.fetch_max(self.under_way.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(150)).await;
        self.under_way.fetch_sub(1, Ordering::Relaxed);
        // Late, and with nothing to say.
        (!question.starts_with(b"so late")).then_some(question)
    }
}

const SETTINGS: TcpSettings =
    TcpSettings { clients: 10, clients_per_address: 10, idle_timeout: Duration::from_millis(600) };

struct Server {
    address: SocketAddr,
    shared: Arc<Shared<Echo>>,
    shutdown: watch::Sender<bool>,
    running: tokio::task::JoinHandle<()>,
}

fn start(settings: TcpSettings) -> Server {
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), 2).unwrap();
    let address = listener.address().unwrap();
    let shared = Arc::new(Shared::new(Echo::default(), settings));
    let (shutdown, listen) = watch::channel(false);
    let running = tokio::spawn(listener.run(Arc::clone(&shared), listen));
    Server { address, shared, shutdown, running }
}

fn framed(message: &[u8]) -> Vec<u8> {
    let mut all = u16::try_from(message.len()).unwrap().to_be_bytes().to_vec();
    all.extend_from_slice(message);
    all
}

async fn read(stream: &mut TcpStream) -> Vec<u8> {
    let len = stream.read_u16().await.unwrap();
    let mut message = vec![0; usize::from(len)];
    stream.read_exact(&mut message).await.unwrap();
    message
}

/// Whether the server ends the connection within a second.
async fn is_closed(stream: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    timeout(Duration::from_secs(1), stream.read_to_end(&mut rest)).await.is_ok()
}

#[tokio::test]
async fn a_datagram_is_answered_at_once_or_later_or_never() {
    let server = start(SETTINGS);
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    client.connect(server.address).await.unwrap();
    for message in [&b"drop"[..], b"slow", b"quick"] {
        client.send(message).await.unwrap();
    }
    let mut buffer = [0; 64];
    for wanted in [&b"quick"[..], b"slow"] {
        let len = timeout(Duration::from_secs(1), client.recv(&mut buffer)).await.unwrap().unwrap();
        assert_eq!(&buffer[..len], wanted);
    }
    assert!(timeout(Duration::from_millis(100), client.recv(&mut buffer)).await.is_err());
}

#[tokio::test]
async fn what_is_ready_is_sent_by_the_thread_that_received_it_and_renewed_if_it_is_due() {
    let server = start(SETTINGS);
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    client.connect(server.address).await.unwrap();
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let messages = [&b"none of them"[..], b"error, please", b"hit it once more", b"hit that is due"];
    for message in messages {
        client.send(message).await.unwrap();
        stream.write_all(&framed(message)).await.unwrap();
    }
    let mut buffer = [0; 64];
    for wanted in &messages[2..] {
        let len = timeout(Duration::from_secs(1), client.recv(&mut buffer)).await.unwrap().unwrap();
        assert_eq!(&buffer[..len], *wanted);
        assert_eq!(read(&mut stream).await, *wanted);
    }
    assert!(timeout(Duration::from_millis(100), client.recv(&mut buffer)).await.is_err());
    assert_eq!(server.shared.answer.renewed.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_wildcard_address_is_answered_from_the_one_that_was_asked_at_once_and_later() {
    let listener = Listener::bind("0.0.0.0:0".parse().unwrap(), 2).unwrap();
    let port = listener.address().unwrap().port();
    let (_shutdown, listen) = watch::channel(false);
    tokio::spawn(listener.run(Arc::new(Shared::new(Echo::default(), SETTINGS)), listen));
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let asked = SocketAddr::from(([127, 0, 0, 5], port));
    let mut buffer = [0; 64];
    for message in [&b"hit"[..], b"quick", b"slow"] {
        client.send_to(message, asked).await.unwrap();
        let received = timeout(Duration::from_secs(1), client.recv_from(&mut buffer)).await.unwrap().unwrap();
        assert_eq!(received, (message.len(), asked));
    }
}

#[tokio::test]
async fn a_datagram_too_many_is_dropped_and_counted_unless_it_can_be_answered_at_once() {
    let server = start(SETTINGS);
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    client.connect(server.address).await.unwrap();
    let mut all = Vec::new();
    for _ in 0..limits::UDP_QUERIES_MAX {
        all.push(server.shared.datagrams.take().await);
    }
    client.send(b"slow").await.unwrap();
    client.send(b"quick").await.unwrap();
    let mut buffer = [0; 64];
    let len = timeout(Duration::from_secs(1), client.recv(&mut buffer)).await.unwrap().unwrap();
    assert_eq!(&buffer[..len], b"quick");
    assert_eq!(server.shared.answer.crowded_out.load(Ordering::Relaxed), 1);
    drop(all);
}

#[tokio::test]
async fn an_answer_that_comes_to_nothing_sends_nothing_and_holds_nobody_up() {
    let server = start(SETTINGS);
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    client.connect(server.address).await.unwrap();
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&framed(b"so late a question")).await.unwrap();
    stream.write_all(&framed(b"slow question")).await.unwrap();
    client.send(b"so late").await.unwrap();
    client.send(b"slow").await.unwrap();
    let mut buffer = [0; 64];
    let len = timeout(Duration::from_secs(1), client.recv(&mut buffer)).await.unwrap().unwrap();
    assert_eq!(&buffer[..len], b"slow");
    assert_eq!(read(&mut stream).await, b"slow question");
    server.shutdown.send_replace(true);
    timeout(Duration::from_secs(1), server.shared.drained()).await.unwrap();
}

#[tokio::test]
async fn a_fault_of_our_own_costs_one_question_and_no_more() {
    let server = start(SETTINGS);
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    client.connect(server.address).await.unwrap();
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&framed(b"fault, please")).await.unwrap();
    stream.write_all(&framed(b"quick question")).await.unwrap();
    client.send(b"fault").await.unwrap();
    client.send(b"quick").await.unwrap();
    let mut buffer = [0; 64];
    let len = timeout(Duration::from_secs(1), client.recv(&mut buffer)).await.unwrap().unwrap();
    assert_eq!(&buffer[..len], b"quick");
    assert_eq!(read(&mut stream).await, b"quick question");
}

#[tokio::test]
async fn answers_over_tcp_come_in_the_order_they_are_ready() {
    let server = start(SETTINGS);
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let mut both = framed(b"slow question");
    both.extend(framed(b"quick question"));
    both.extend(framed(b"drop this one."));
    // Cut at odd places.
    for piece in both.chunks(5) {
        stream.write_all(piece).await.unwrap();
        stream.flush().await.unwrap();
    }
    assert_eq!(read(&mut stream).await, b"quick question");
    assert_eq!(read(&mut stream).await, b"slow question");
}

#[tokio::test]
async fn a_client_that_ends_its_side_still_gets_its_answers() {
    let server = start(SETTINGS);
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&framed(b"slow question")).await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(read(&mut stream).await, b"slow question");
    assert!(is_closed(&mut stream).await);
}

#[tokio::test]
async fn a_length_too_short_for_a_header_ends_the_connection_after_what_was_asked_before() {
    let server = start(SETTINGS);
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let mut all = framed(b"slow question");
    all.extend(framed(b"short"));
    all.extend(framed(b"never answered"));
    stream.write_all(&all).await.unwrap();
    assert_eq!(read(&mut stream).await, b"slow question");
    assert!(is_closed(&mut stream).await);
}

#[tokio::test]
async fn octets_that_trickle_do_not_keep_a_connection() {
    let server = start(SETTINGS);
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let begun = clock::now();
    for octet in framed(b"this message never gets finished in time").chunks(1) {
        if stream.write_all(octet).await.is_err() || begun.elapsed() > Duration::from_secs(3) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(60)).await;
        let mut buffer = [0; 1];
        if matches!(stream.try_read(&mut buffer), Ok(0)) {
            break;
        }
    }
    // The idle timeout is 0.6 s, looked at every 0.5 s.
    assert!(begun.elapsed() < Duration::from_millis(1_800), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn places_are_bounded_for_each_address_and_come_free_again() {
    let server = start(TcpSettings { clients_per_address: 2, ..SETTINGS });
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(&framed(b"quick question")).await.unwrap();
        assert_eq!(read(&mut stream).await, b"quick question");
        open.push(stream);
    }
    let mut third = TcpStream::connect(server.address).await.unwrap();
    assert!(is_closed(&mut third).await);
    open.clear();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut fourth = TcpStream::connect(server.address).await.unwrap();
    fourth.write_all(&framed(b"quick question")).await.unwrap();
    assert_eq!(read(&mut fourth).await, b"quick question");
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_cut_off() {
    let server = start(TcpSettings { idle_timeout: Duration::from_secs(60), ..SETTINGS });
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    // More than both sockets' buffers hold: the server's write stalls.
    let asking = async {
        loop {
            if stream.write_all(&framed(b"large reply, please")).await.is_err() {
                return;
            }
        }
    };
    assert!(timeout(Duration::from_secs(10), asking).await.is_ok(), "still open after ten seconds");
}

#[tokio::test]
async fn a_hundred_questions_of_a_connection_are_worked_on_at_a_time() {
    let server = start(SETTINGS);
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let count = limits::TCP_PIPELINE_MAX + 50;
    stream.write_all(&framed(b"slow question").repeat(count)).await.unwrap();
    for _ in 0..count {
        assert_eq!(read(&mut stream).await, b"slow question");
    }
    assert_eq!(server.shared.answer.most.load(Ordering::Relaxed), 100);
}

#[tokio::test]
async fn datagrams_beyond_ten_thousand_under_way_are_dropped() {
    let server = start(SETTINGS);
    let others = Arc::clone(&server.shared.datagrams.free).try_acquire_many_owned(9_999).unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    client.connect(server.address).await.unwrap();
    client.send(b"slow, first").await.unwrap();
    client.send(b"slow, second").await.unwrap();
    let mut buffer = [0; 64];
    let len = timeout(Duration::from_secs(1), client.recv(&mut buffer)).await.unwrap().unwrap();
    assert_eq!(&buffer[..len], b"slow, first");
    assert!(timeout(Duration::from_millis(300), client.recv(&mut buffer)).await.is_err());
    drop(others);
    client.send(b"slow, third").await.unwrap();
    let len = timeout(Duration::from_secs(1), client.recv(&mut buffer)).await.unwrap().unwrap();
    assert_eq!(&buffer[..len], b"slow, third");
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_a_message_ends_after_three_seconds() {
    let server = start(TcpSettings { idle_timeout: Duration::from_secs(60), ..SETTINGS });
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let begun = clock::now();
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(2_900) && took <= Duration::from_secs(4), "{took:?}");
}

#[tokio::test]
async fn replies_that_nobody_reads_have_thirty_two_mebibytes_together() {
    let server = start(SETTINGS);
    let others = u32::try_from((32 << 20) - usize::from(u16::MAX)).unwrap();
    let others = Arc::clone(&server.shared.places.waiting).try_acquire_many_owned(others).unwrap();
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&framed(b"large reply, please")).await.unwrap();
    assert_eq!(read(&mut stream).await.len(), usize::from(u16::MAX));
    let one_more = Arc::clone(&server.shared.places.waiting).try_acquire_owned().unwrap();
    stream.write_all(&framed(b"large reply, please")).await.unwrap();
    assert!(is_closed(&mut stream).await);
    drop((others, one_more));
}

#[tokio::test]
async fn shutdown_answers_what_is_under_way_and_ends_within_a_second() {
    let server = start(SETTINGS);
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    stream.write_all(&framed(b"slow question")).await.unwrap();
    client.send_to(b"slow", server.address).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.shutdown.send(true).unwrap();
    timeout(Duration::from_secs(1), async {
        server.running.await.unwrap();
        server.shared.drained().await;
    })
    .await
    .expect("not within a second");
    assert_eq!(read(&mut stream).await, b"slow question");
    let mut buffer = [0; 64];
    assert_eq!(client.recv(&mut buffer).await.unwrap(), 4);
    assert!(is_closed(&mut idle).await);
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn a_second_resolver_on_the_same_address_is_refused() {
    let first = Listener::bind("127.0.0.1:0".parse().unwrap(), 1).unwrap();
    let error = Listener::bind(first.address().unwrap(), 1).unwrap_err();
    assert_eq!(error.transport, "TCP");
    assert!(error.to_string().starts_with("cannot listen on 127.0.0.1:"), "{error}");
}

mod clock {
    /// Real time, as the sockets are real.
    #[expect(clippy::disallowed_methods, reason = "measures what the sockets did")]
    pub(super) fn now() -> tokio::time::Instant {
        tokio::time::Instant::now()
    }
}

#[tokio::test]
async fn listeners_on_any_port_never_share_one() {
    // Datagram sockets of one user may share a port: the kernel hands out one that another listener has.
    let any = "127.0.0.1:0".parse().unwrap();
    let listeners: Vec<_> = (0..250).map(|_| Listener::bind(any, 2).unwrap()).collect();
    let mut ports: Vec<u16> = listeners.iter().map(|one| one.address().unwrap().port()).collect();
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), listeners.len());
}
