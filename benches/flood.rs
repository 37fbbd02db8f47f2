//! A flood of random names below a dead zone, and whether anybody else notices it (water torture).
//!
//! Runs the real binary on loopback against the lab's servers. From 64 addresses come questions for names that nobody
//! asked before, below a zone whose servers never answer; from another one come honest questions, half of them cached
//! and half below a signed zone and new each time. Prints how many of the honest ones were answered and how fast, what
//! a question of the flood cost, and how many packets reached the dead zone. Each honest question is sent once.
//!
//! `cargo bench --bench flood`; `FLOOD_RATE` (questions a second, 20,000) and `FLOOD_SECS` (10) change the flood. Needs
//! Linux: other systems do not take the whole of 127.0.0.0/8 for themselves, nor tell a thread's run time like this.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what cannot be measured ends the run")]

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rootwalk::clock::{Clock, Moment};
use rootwalk::dns::edns::Edns;
use rootwalk::dns::encode::encode_query;
use rootwalk::dns::message::{Header, Message};
use rootwalk::dns::{Question, Rcode, RecordType};
use rootwalk::lab::sockets::Serving;
use rootwalk::lab::{Fault, Internet, World, Zone};

/// Honest questions a second.
const HONEST_RATE: u64 = 100;
/// Addresses that the flood comes from.
const SOURCES: u8 = 64;
/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(2);

fn main() {
    let number = |name, default| std::env::var(name).map_or(default, |text| text.parse().expect(name));
    let (rate, secs) = (number("FLOOD_RATE", 20_000_u64), number("FLOOD_SECS", 10_u64));
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let internet = Arc::new(world().build().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _serving = runtime.block_on(Serving::start(&internet, port)).unwrap();
    let (dead, arrived) = listen_for_the_dead(&internet, port);
    let resolver = Resolver::start(&internet, port);
    resolver.warm_up();

    let quiet = resolver.measure(secs, 0, &arrived);
    let flooded = resolver.measure(secs, rate, &arrived);
    println!(
        "| {secs} s each, {HONEST_RATE} honest questions a second | without a flood | flood of {rate}/s |"
    );
    println!("|---|--:|--:|");
    let row = |what: &str, of: &dyn Fn(&Measured) -> String| {
        println!("| {what} | {} | {} |", of(&quiet), of(&flooded));
    };
    row("flood sent, a second", &|m| format!("{:.0}", m.flood / secs as f64));
    row("honest questions answered", &|m| format!("{} of {} ({:.2} %)", m.took.len(), m.asked, m.share()));
    for part in [50, 95, 99, 100] {
        row(&format!("answered after, {part} % within (ms)"), &|m| format!("{:.2}", m.within(part)));
    }
    row("CPU µs a question, all together", &|m| format!("{:.1}", m.cpu_us / (m.flood + m.asked as f64)));
    row("packets at the dead zone, a second", &|m| format!("{:.0}", m.dead as f64 / secs as f64));
    row("resident MiB at the end", &|m| format!("{:.1}", m.resident_mib));
    drop(dead);
}

/// A signed zone of honest names and a zone whose server's host is there and silent.
fn world() -> World {
    World::new(1)
        .on_loopback()
        .dated(Clock::system().unix())
        .zone(Zone::new("good.lab.").record("www A 192.0.2.80"))
        .zone(Zone::new("dead.lab.").fault(Fault::PortClosed))
}

/// Sockets at the dead zone's addresses that count what comes and say nothing.
fn listen_for_the_dead(internet: &Internet, port: u16) -> (Vec<UdpSocket>, Arc<AtomicU64>) {
    let arrived = Arc::new(AtomicU64::new(0));
    let mut sockets = Vec::new();
    for address in internet.addresses_of(&"dead.lab.".parse().unwrap()) {
        let socket = UdpSocket::bind((address, port)).unwrap();
        let (reader, arrived) = (socket.try_clone().unwrap(), Arc::clone(&arrived));
        thread::spawn(move || {
            let mut buffer = [0; 512];
            while reader.recv(&mut buffer).is_ok() {
                arrived.fetch_add(1, Ordering::Relaxed);
            }
        });
        sockets.push(socket);
    }
    (sockets, arrived)
}

/// The running binary.
struct Resolver {
    child: Child,
    address: SocketAddr,
    folder: PathBuf,
}

impl Drop for Resolver {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// What a span of time brought.
struct Measured {
    flood: f64,
    asked: u64,
    /// Sorted.
    took: Vec<Duration>,
    cpu_us: f64,
    dead: u64,
    resident_mib: f64,
}

impl Measured {
    fn share(&self) -> f64 {
        100.0 * self.took.len() as f64 / self.asked as f64
    }

    /// Milliseconds within which so many of a hundred answers came.
    fn within(&self, part: usize) -> f64 {
        let at = (self.took.len() * part).div_ceil(100).saturating_sub(1);
        self.took.get(at).map_or(f64::NAN, |took| took.as_secs_f64() * 1_000.0)
    }
}

impl Resolver {
    fn start(internet: &Internet, port: u16) -> Self {
        let folder = std::env::temp_dir().join(format!("rootwalk-flood-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("root.hints"), internet.hints_text()).unwrap();
        fs::write(folder.join("root.key"), internet.anchor_text()).unwrap();
        let text = format!(
            "[server]\nlisten = [\"127.0.0.1:0\"]\nthreads = 1\n[resolver]\nroot-hints = \"root.hints\"\nipv6 = false\n\
             upstream-port = {port}\ndo-not-query-localhost = false\n[harden]\naggressive-nsec = false\n[dnssec]\ntrust-anchor-file = \"root.key\"\n"
        );
        let path = folder.join("rootwalk.toml");
        fs::write(&path, text).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_rootwalk"))
            .arg("--config")
            .arg(path)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().expect("it ended before it listened").unwrap();
            if let Some((_, address)) = line.split_once("listening address=") {
                break address.trim().parse().unwrap();
            }
        };
        thread::spawn(move || lines.for_each(drop));
        Self { child, address, folder }
    }

    /// The way to both zones is known before anything is counted.
    fn warm_up(&self) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        socket.send_to(&query(1, "www.good.lab."), self.address).unwrap();
        let mut buffer = [0; 4_096];
        let len = socket.recv(&mut buffer).expect("the lab's name is not answered");
        let reply = Message::parse(buffer.get(..len).unwrap()).unwrap();
        assert_eq!(reply.header.rcode, Rcode::NOERROR);
    }

    fn measure(&self, secs: u64, rate: u64, arrived: &AtomicU64) -> Measured {
        let (cpu, dead) = (self.cpu_us(), arrived.load(Ordering::Relaxed));
        let ended = Arc::new(AtomicBool::new(false));
        let flood = {
            let (ended, to) = (Arc::clone(&ended), self.address);
            thread::spawn(move || flood(to, rate, &ended))
        };
        let (asked, mut took) = honest(self.address, secs, rate, &ended);
        took.sort_unstable();
        Measured {
            flood: flood.join().unwrap(),
            asked,
            took,
            cpu_us: self.cpu_us() - cpu,
            dead: arrived.load(Ordering::Relaxed) - dead,
            resident_mib: self.resident_mib(),
        }
    }

    fn proc(&self) -> PathBuf {
        Path::new("/proc").join(self.child.id().to_string())
    }

    /// The run time of all threads.
    fn cpu_us(&self) -> f64 {
        let tasks = fs::read_dir(self.proc().join("task")).unwrap();
        let of = |task: PathBuf| -> f64 {
            let text = fs::read_to_string(task.join("schedstat")).unwrap_or_default();
            text.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or(0.0)
        };
        tasks.map(|task| of(task.unwrap().path())).sum::<f64>() / 1_000.0
    }

    fn resident_mib(&self) -> f64 {
        let text = fs::read_to_string(self.proc().join("status")).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1_024.0
    }
}

fn query(id: u16, name: &str) -> Vec<u8> {
    let question = Question::new(name.parse().unwrap(), RecordType::A);
    encode_query(id, &question, true, false, Some(&Edns::new(1_232, true)))
}

/// Sends until it is told to end; returns how many questions.
fn flood(to: SocketAddr, rate: u64, ended: &AtomicBool) -> f64 {
    let source = |host| UdpSocket::bind((IpAddr::V4(Ipv4Addr::new(127, 1, 0, host)), 0)).unwrap();
    let sockets: Vec<UdpSocket> = (1..=SOURCES).map(source).collect();
    let clock = Clock::system();
    let began = clock.now();
    let mut sent = 0_u64;
    while !ended.load(Ordering::Relaxed) {
        let due = (clock.now().0 - began.0) * rate / 1_000_000;
        while sent < due {
            let message = query(7, &format!("x{rate}-{sent}.dead.lab."));
            for socket in sockets.iter().cycle().skip(usize::try_from(sent).unwrap() % sockets.len()).take(1)
            {
                // A full buffer loses the datagram, as a network would.
                drop(socket.send_to(&message, to));
            }
            sent += 1;
        }
        thread::sleep(Duration::from_millis(1));
    }
    sent as f64
}

/// Asks honest questions for so long and says so; how many, and how long each answer took that came in time.
fn honest(to: SocketAddr, secs: u64, run: u64, ended: &AtomicBool) -> (u64, Vec<Duration>) {
    let socket = UdpSocket::bind("127.2.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let reader = socket.try_clone().unwrap();
    let open: Arc<Mutex<HashMap<u16, Moment>>> = Arc::default();
    let (clock, waiting) = (Clock::system(), Arc::clone(&open));
    let reading = clock.clone();
    let receiver = thread::spawn(move || {
        let mut took = Vec::new();
        let mut buffer = [0; 4_096];
        while let Ok(len) = reader.recv(&mut buffer) {
            let Some(header) = buffer.get(..len).and_then(Header::read) else { continue };
            let sent: Option<Moment> = waiting.lock().unwrap().remove(&header.id);
            let in_time = sent.map(|sent| reading.now().since(sent)).filter(|took| *took < PATIENCE);
            if header.rcode != Rcode::SERVFAIL {
                took.extend(in_time);
            }
        }
        took
    });
    let count = secs * HONEST_RATE;
    let began = clock.now();
    for number in 0..count {
        let due = began.after(Duration::from_micros(number * 1_000_000 / HONEST_RATE));
        thread::sleep(due.since(clock.now()));
        let name =
            if number % 2 == 0 { "www.good.lab.".to_owned() } else { format!("h{run}-{number}.good.lab.") };
        let id = u16::try_from(number % 65_536).unwrap();
        open.lock().unwrap().insert(id, clock.now());
        socket.send_to(&query(id, &name), to).unwrap();
    }
    ended.store(true, Ordering::Relaxed);
    (count, receiver.join().unwrap())
}
