//! Batches on loopback.

use super::*;
use std::time::Duration;

fn batch(address: &str) -> (Batch, SocketAddr) {
    let udp = UdpSocket::bind(address).unwrap();
    udp.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let address = udp.local_addr().unwrap();
    (Batch::new(Arc::new(Socket::new(udp).unwrap())), address)
}

fn client(address: &str) -> UdpSocket {
    let client = UdpSocket::bind(address).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    client
}

fn received(client: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 65_535];
    let (len, from) = client.recv_from(&mut buffer).unwrap();
    buffer.truncate(len);
    (buffer, from)
}

/// Sends back what came, all of one turn; returns how many there were.
fn echo(batch: &mut Batch) -> usize {
    let count = batch.receive().unwrap();
    for index in 0..count {
        let Some(datagram) = batch.datagram(index) else { continue };
        datagram.reply.clear();
        datagram.reply.extend_from_slice(datagram.octets);
        batch.answer(index);
    }
    batch.send().unwrap();
    count
}

#[test]
fn datagrams_come_together_and_each_reply_goes_to_its_client() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let (mut batch, server) = batch(address);
        let clients: Vec<UdpSocket> = (0..BATCH_DATAGRAMS + 8).map(|_| client(address)).collect();
        // Twice, as all is used again.
        for round in 0..2 {
            for (number, client) in clients.iter().enumerate() {
                client.send_to(format!("{round}, {number}").as_bytes(), server).unwrap();
            }
            assert_eq!((echo(&mut batch), echo(&mut batch)), (BATCH_DATAGRAMS, 8));
            for (number, client) in clients.iter().enumerate() {
                assert_eq!(received(client), (format!("{round}, {number}").into_bytes(), server));
            }
        }
        assert_eq!(batch.receive().unwrap(), 0, "within the timeout");
    }
}

#[test]
fn only_what_is_answered_is_sent() {
    let (mut batch, server) = batch("127.0.0.1:0");
    let client = client("127.0.0.1:0");
    for number in 0..4 {
        client.send_to(&[number], server).unwrap();
    }
    assert_eq!(batch.receive().unwrap(), 4);
    for index in [2, 0] {
        let datagram = batch.datagram(index).unwrap();
        assert_eq!(
            (datagram.octets, datagram.from),
            (&[u8::try_from(index).unwrap()][..], client.local_addr().unwrap())
        );
        *datagram.reply = vec![7; index + 1];
        batch.answer(index);
    }
    assert!(batch.datagram(4).is_none() && batch.datagram(BATCH_DATAGRAMS).is_none());
    batch.answer(9);
    batch.send().unwrap();
    batch.send().unwrap();
    assert_eq!([received(&client).0, received(&client).0], [vec![7; 3], vec![7; 1]]);
    client.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    assert!(client.recv(&mut [0; 9]).is_err());
}

#[test]
fn a_wildcard_socket_replies_from_the_address_that_was_asked() {
    for (wildcard, asked, from) in
        [("0.0.0.0:0", ["127.0.0.5", "127.99.0.1"], "127.0.0.1:0"), ("[::]:0", ["::1", "::1"], "[::1]:0")]
    {
        let (mut batch, server) = batch(wildcard);
        let clients =
            asked.map(|asked| (client(from), SocketAddr::new(asked.parse().unwrap(), server.port())));
        for (client, asked) in &clients {
            client.send_to(b"question", asked).unwrap();
        }
        assert_eq!(batch.receive().unwrap(), 2);
        let mut late = Vec::new();
        for (index, (_, asked)) in clients.iter().enumerate() {
            let datagram = batch.datagram(index).unwrap();
            let local = datagram.local.unwrap();
            assert_eq!(local.address, asked.ip());
            late.push((datagram.from, local));
            datagram.reply.clear();
            datagram.reply.extend_from_slice(b"at once");
            batch.answer(index);
        }
        batch.send().unwrap();
        for (from, local) in late {
            batch.socket.send(b"late", from, Some(local)).unwrap();
        }
        for (client, asked) in &clients {
            assert_eq!(received(client), (b"at once".to_vec(), *asked));
            assert_eq!(received(client), (b"late".to_vec(), *asked));
        }
    }
}

#[test]
fn a_socket_for_both_families_replies_from_the_address_that_was_asked() {
    let udp = socket2::Socket::new(socket2::Domain::IPV6, socket2::Type::DGRAM, None).unwrap();
    udp.set_only_v6(false).unwrap();
    udp.bind(&"[::]:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    let udp = UdpSocket::from(udp);
    let port = udp.local_addr().unwrap().port();
    let mut batch = Batch::new(Arc::new(Socket::new(udp).unwrap()));
    let (client, asked) = (client("127.0.0.1:0"), SocketAddr::from(([127, 0, 0, 5], port)));
    client.send_to(b"question", asked).unwrap();
    assert_eq!(echo(&mut batch), 1);
    assert_eq!(received(&client), (b"question".to_vec(), asked));
    client.send_to(b"question", asked).unwrap();
    assert_eq!(batch.receive().unwrap(), 1);
    let Datagram { from, local, .. } = batch.datagram(0).unwrap();
    batch.socket.send(b"late", from, local).unwrap();
    assert_eq!(received(&client), (b"late".to_vec(), asked));
}

#[test]
fn a_datagram_that_is_too_long_is_cut_and_an_empty_one_is_one() {
    let (mut batch, server) = batch("127.0.0.1:0");
    let client = client("127.0.0.1:0");
    for len in [0, CLIENT_DATAGRAM_OCTETS_MAX, CLIENT_DATAGRAM_OCTETS_MAX + 1, 60_000] {
        client.send_to(&vec![b'x'; len], server).unwrap();
        assert_eq!(echo(&mut batch), 1);
        assert_eq!(received(&client).0, vec![b'x'; len.min(CLIENT_DATAGRAM_OCTETS_MAX)]);
    }
}

#[test]
fn a_reply_that_cannot_be_sent_costs_no_other() {
    let (mut batch, server) = batch("127.0.0.1:0");
    let client = client("127.0.0.1:0");
    for _ in 0..3 {
        client.send_to(b"question", server).unwrap();
    }
    assert_eq!(batch.receive().unwrap(), 3);
    for index in 0..3 {
        // No datagram is so long.
        *batch.datagram(index).unwrap().reply = vec![b'x'; if index == 1 { 70_000 } else { index + 1 }];
        batch.answer(index);
    }
    assert!(batch.send().is_err());
    assert_eq!([received(&client).0.len(), received(&client).0.len()], [1, 3]);
}

#[test]
fn port_zero_is_no_address_to_answer() {
    let mut slots = Batch::new(Arc::new(Socket::new(UdpSocket::bind("127.0.0.1:0").unwrap()).unwrap()));
    let family = libc::sa_family_t::try_from(libc::AF_INET).unwrap();
    for (port, is_some) in [(0, false), (53, true)] {
        slots.received = 1;
        let peer = &mut slots.slots().peers[0];
        (peer.sin6_family, peer.sin6_port) = (family, u16::to_be(port));
        peer.sin6_flowinfo = u32::from_ne_bytes([192, 0, 2, 1]);
        assert_eq!(slots.datagram(0).map(|one| one.from), is_some.then(|| ([192, 0, 2, 1], port).into()));
    }
}

#[test]
fn ancillary_data_that_is_cut_or_of_another_kind_tells_nothing() {
    let address = IpAddr::from([192, 0, 2, 1]);
    let mut control = Control::default();
    for (local, is_ipv6) in [
        (Local { address, interface: 0 }, false),
        (Local { address: "2001:db8::1".parse().unwrap(), interface: 0 }, true),
        (Local { address: "fe80::1".parse().unwrap(), interface: 7 }, true),
    ] {
        let len = control.write(local, is_ipv6).len();
        assert_eq!(control.read(len), Some(local));
        for cut in 0..CONTROL_HEAD + 8 {
            assert_eq!(control.read(cut), None);
        }
        control.0[size_of::<usize>() + 4] ^= 0x55;
        assert_eq!(control.read(len), None);
    }
}

/// Set in the process that runs [`a_batch_waits_for_room_once`] in a network of its own.
const APART: &str = "ROOTWALK_TEST_BATCH";

#[test]
fn a_batch_waits_for_room_once() {
    if std::env::var_os(APART).is_some() {
        return send_to_neighbours_that_do_not_answer();
    }
    let link = "ip link add v0 type veth peer name v1 && ip addr add 10.77.0.1/16 dev v0 \
                && ip link set v0 up && ip link set v1 up";
    let unshare = |script: &str| {
        let mut command = std::process::Command::new("unshare");
        command.args(["--user", "--map-root-user", "--net", "--", "sh", "-c", script]).env(APART, "");
        command.output()
    };
    if !unshare(link).is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no namespaces of our own here (unshare, ip)");
        return;
    }
    let test = std::env::current_exe().unwrap();
    let name = "fast::batch::tests::a_batch_waits_for_room_once";
    let output = unshare(&format!("{link} && '{}' --exact {name}", test.display())).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}

/// What is sent to them stays in the send buffer while they are looked for (ARP).
fn send_to_neighbours_that_do_not_answer() {
    let (mut batch, _) = batch("10.77.0.1:0");
    let timeout = Duration::from_millis(100);
    SockRef::from(&batch.socket.udp).set_send_buffer_size(4_608).unwrap();
    batch.socket.udp.set_write_timeout(Some(timeout)).unwrap();
    batch.received = BATCH_DATAGRAMS;
    for index in 0..BATCH_DATAGRAMS {
        let slots = batch.slots();
        slots.incoming[index].msg_hdr.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
        let peer = &mut slots.peers[index];
        (peer.sin6_family, peer.sin6_port) =
            (libc::sa_family_t::try_from(libc::AF_INET).unwrap(), 9_u16.to_be());
        peer.sin6_flowinfo = u32::from_ne_bytes([10, 77, 1, u8::try_from(index).unwrap() + 1]);
        *batch.datagram(index).unwrap().reply = vec![b'x'; 1_200];
        batch.answer(index);
    }
    let clock = crate::clock::Clock::system();
    let began = clock.now();
    assert_eq!(batch.send().unwrap_err().kind(), ErrorKind::WouldBlock);
    let took = clock.now().since(began);
    assert!(took < 10 * timeout, "{took:?}, and 32 of them had to wait");
}

#[test]
fn a_thread_can_wait_for_its_turn_and_leave_it() {
    // The policy is the 41st field (proc_pid_stat(5)); the second may have blanks, in brackets.
    let policy = || {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        stat.rsplit(')').next().unwrap().split_ascii_whitespace().nth(38).unwrap().to_owned()
    };
    for (waits, number) in [(true, "3"), (false, "0")] {
        wait_for_turn(waits).unwrap();
        assert_eq!(policy(), number);
    }
}
