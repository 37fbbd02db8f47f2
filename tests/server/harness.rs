//! Starts the built binary on a free port with a configuration of its own, and stops it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// A running server; killed when dropped.
pub(crate) struct Rootwalk {
    child: Child,
    pub(crate) address: SocketAddr,
    /// What it wrote after the first address that it listens on.
    log: Receiver<String>,
}

/// Writes a configuration file of its own for this process.
pub(crate) fn file(name: &str, text: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let unique = format!("{}-{}-{name}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let path = directory.join(unique);
    std::fs::write(&path, text).unwrap();
    path
}

/// The configuration file of a server that asks nobody.
fn configuration(listen: &str, server: &str) -> PathBuf {
    let hints = file("hints", ". NS nowhere.\nnowhere. A 127.255.255.254\n");
    let sections = format!(
        "[resolver]\nroot-hints = \"{}\"\nipv6 = false\n[server]\nlisten = [\"{listen}\"]\nthreads = 2\n{server}",
        hints.display()
    );
    file("rootwalk.toml", &sections)
}

impl Rootwalk {
    /// Starts with these lines below `[server]`, and more sections if they follow. It asks nobody: the root
    /// hints name an address where nothing answers.
    pub(crate) fn start(server: &str) -> Self {
        Self::start_on("127.0.0.1:0", server)
    }

    /// The same on another address.
    pub(crate) fn start_on(listen: &str, server: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rootwalk"));
        command.arg("--config").arg(configuration(listen, server));
        Self::launch(command)
    }

    /// Starts with sockets that are open already, as systemd does: they are the descriptors 3 and 4.
    pub(crate) fn start_with(udp: UdpSocket, tcp: TcpListener, server: &str) -> Self {
        let script =
            "exec 3<&0 4<&1 </dev/null >/dev/null; export LISTEN_PID=$$ LISTEN_FDS=2; exec \"$0\" \"$@\"";
        let mut command = Command::new("sh");
        command.args(["-c", script, env!("CARGO_BIN_EXE_rootwalk"), "--config"]);
        command.arg(configuration("127.0.0.1:1", server));
        command.stdin(OwnedFd::from(udp)).stdout(OwnedFd::from(tcp));
        Self::launch(command)
    }

    fn launch(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        let mut lines = BufReader::new(stderr).lines();
        let address = loop {
            let line = lines.next().expect("it ended before it listened").unwrap();
            if let Some((_, address)) = line.split_once("listening address=") {
                break address.trim().parse().unwrap();
            }
        };
        // What it writes later is read, so that it never waits for us.
        let (write, log) = channel();
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| drop(write.send(line))));
        Self { child, address, log }
    }

    /// The next line of its log that has this in it; fails if none comes within ten seconds.
    pub(crate) fn logged(&self, what: &str) -> String {
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let line = self.log.recv_timeout(left).expect(what);
            if line.contains(what) {
                return line;
            }
        }
    }

    /// The reply to a datagram, if one comes within two seconds.
    pub(crate) fn udp(&self, message: &[u8]) -> Option<Vec<u8>> {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        socket.send_to(message, self.address).unwrap();
        let mut buffer = [0; 4_096];
        let (len, from) = socket.recv_from(&mut buffer).ok()?;
        assert_eq!(from, self.address);
        Some(buffer[..len].to_vec())
    }

    /// The reply over TCP.
    pub(crate) fn tcp(&self, message: &[u8]) -> Vec<u8> {
        Self::tcp_at(self.address, message)
    }

    /// The reply over TCP of an address.
    pub(crate) fn tcp_at(address: SocketAddr, message: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let len = u16::try_from(message.len()).unwrap();
        stream.write_all(&[&len.to_be_bytes()[..], message].concat()).unwrap();
        let mut len = [0; 2];
        stream.read_exact(&mut len).unwrap();
        let mut reply = vec![0; usize::from(u16::from_be_bytes(len))];
        stream.read_exact(&mut reply).unwrap();
        reply
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(10) {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        ExitStatus::from_raw(-1)
    }
}

impl Drop for Rootwalk {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A header with these flags and so many questions announced, none there.
pub(crate) fn header(flags: u16, questions: u8) -> Vec<u8> {
    let [high, low] = flags.to_be_bytes();
    vec![0x12, 0x34, high, low, 0, questions, 0, 0, 0, 0, 0, 0]
}

/// A query with RD.
pub(crate) fn query(name: &str, rtype: u16, class: u16) -> Vec<u8> {
    let mut message = header(0x0100, 1);
    for label in name.split('.').filter(|label| !label.is_empty()) {
        message.push(u8::try_from(label.len()).unwrap());
        message.extend_from_slice(label.as_bytes());
    }
    message.push(0);
    message.extend_from_slice(&rtype.to_be_bytes());
    message.extend_from_slice(&class.to_be_bytes());
    message
}

/// The response code in the header.
pub(crate) fn rcode(reply: &[u8]) -> u8 {
    assert!(reply[2] & 0x80 != 0, "not a reply");
    reply[3] & 0x0f
}
