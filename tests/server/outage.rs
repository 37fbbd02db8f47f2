//! The real binary, its servers behind a link that fails and comes back.
//!
//! The test starts itself twice more: in a network namespace with the resolver, and from there in a second one with
//! the lab's servers, joined by a veth pair. Servers have IPv4 and IPv6 addresses, and IPv6 never works: its packets
//! go to a hardware address that nobody has. Where `unshare`, `ip` or such namespaces are missing it says so and
//! checks nothing.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rootwalk::dns::edns::Edns;
use rootwalk::dns::encode::encode_query;
use rootwalk::dns::message::Message;
use rootwalk::dns::{Question, Rcode, RecordType};
use rootwalk::lab::sockets::Serving;
use rootwalk::lab::{Fault, Internet, World, Zone};

use crate::harness;

/// Which part this process plays.
const PART: &str = "ROOTWALK_OUTAGE_PART";
const TEST: &str = "outage::a_link_that_comes_back_is_used_at_full_speed_within_a_second";
/// Zones asked before the outage, and zones asked once it is over, new ones each time.
const WARM: usize = 6;
const COLD: usize = 120;
/// How long each outage lasts.
const OUTAGE: Duration = Duration::from_secs(4);
/// What the test is about.
const BACK_WITHIN: Duration = Duration::from_secs(1);
/// The address of the servers' end of the link, the way to all their addresses.
const GATEWAY: [&str; 2] = ["10.77.0.2", "fd77::2"];
const NOBODY: &str = "02:00:00:00:00:77";

#[test]
fn a_link_that_comes_back_is_used_at_full_speed_within_a_second() {
    match std::env::var(PART).as_deref() {
        Ok("servers") => serve(),
        Ok(_) => resolve(),
        Err(_) => begin(),
    }
}

/// Starts the part with the resolver in namespaces of its own; all its processes die with it.
fn begin() {
    let new = ["--user", "--map-root-user", "--net", "--pid", "--fork", "--kill-child", "--"];
    let probe = tool("unshare").args(new).args(["ip", "link", "set", "lo", "up"]).output();
    if !probe.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no namespaces of our own here (unshare, ip)");
        return;
    }
    let output = part("resolver", &new).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{said}");
    said.lines().filter(|line| line.starts_with("measured")).for_each(|line| println!("{line}"));
}

fn tool(name: &str) -> Command {
    let mut command = Command::new(name);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/usr/bin:/sbin:/bin"));
    command
}

/// This test again, under `unshare` with these options.
fn part(name: &str, options: &[&str]) -> Command {
    let mut command = tool("unshare");
    command.args(options).arg(std::env::current_exe().unwrap()).args(["--exact", TEST, "--nocapture"]);
    command.env(PART, name);
    command
}

fn ip(words: &str) {
    let output = tool("ip").args(words.split(' ')).output().unwrap();
    assert!(output.status.success(), "ip {words}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Every zone has two servers, each at an IPv4 and an IPv6 address.
fn internet() -> Internet {
    let zone = |name: &str, number: usize| {
        (1..3).fold(Zone::new(name).record("*.w A 192.0.2.80"), |zone, host| {
            let (ipv4, ipv6) = (format!("198.18.{number}.{host}"), format!("2001:db8:{number}::{host}"));
            zone.server(&format!("ns{host}"), &[&ipv4, &ipv6])
        })
    };
    let date = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let mut world = World::new(7).dated(date).zone(zone(".", 1)).zone(zone("lab.", 2));
    for (kind, count) in [("warm", WARM), ("cold", COLD)] {
        let first = if kind == "warm" { 3 } else { 3 + WARM };
        for number in 0..count {
            world = world.zone(zone(&format!("{kind}{number}.lab."), first + number));
        }
    }
    // Nobody listens there, and nothing comes so far.
    for number in 1..3 + WARM + COLD {
        for host in 1..3 {
            let address = format!("2001:db8:{number}::{host}").parse().unwrap();
            world = world.fault(address, Fault::PortClosed);
        }
    }
    world.build().unwrap()
}

/// The part with the servers: waits for its end of the link, and serves until it is killed.
fn serve() {
    println!("here");
    while !tool("ip").args(["link", "show", "servers"]).output().unwrap().status.success() {
        std::thread::sleep(Duration::from_millis(20));
    }
    ip("link set lo up");
    ip(&format!("address add {}/24 dev servers", GATEWAY[0]));
    ip(&format!("-6 address add {}/64 dev servers nodad", GATEWAY[1]));
    ip("link set servers up");
    ip("route add local 198.18.0.0/16 dev lo");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let _serving = Serving::start(&Arc::new(internet()), 53).await.unwrap();
        println!("serving");
        std::io::stdout().flush().unwrap();
        std::future::pending::<()>().await;
    });
}

/// A process that ends with its owner.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Brings the resolver's end of the link up, and what goes with it when it is down.
fn raise() {
    ip("link set resolver up");
    ip(&format!("route replace 198.18.0.0/16 via {} dev resolver", GATEWAY[0]));
    ip("-6 address replace fd77::1/64 dev resolver nodad");
    ip(&format!("-6 neighbour replace {} lladdr {NOBODY} dev resolver nud permanent", GATEWAY[1]));
    ip(&format!("-6 route replace 2001:db8::/32 via {} dev resolver", GATEWAY[1]));
}

/// The part with the resolver.
fn resolve() {
    let mut servers = Guard(part("servers", &["--net", "--"]).stdout(Stdio::piped()).spawn().unwrap());
    let said = BufReader::new(servers.0.stdout.take().unwrap()).lines();
    let mut said = said.map_while(Result::ok);
    assert!(said.any(|line| line.contains("here")));
    ip("link set lo up");
    ip(&format!("link add resolver type veth peer name servers netns {}", servers.0.id()));
    ip("address add 10.77.0.1/24 dev resolver");
    raise();
    assert!(said.any(|line| line.contains("serving")));
    let _rootwalk = start_rootwalk();

    let first = ask("first.w.warm0.lab.");
    first.is_proven();
    assert!(first.took < Duration::from_secs(1), "broken IPv6 cost {:?}", first.took);
    println!("measured: the first answer of all, with IPv6 a black hole: {:?}", first.took);
    for zone in 0..WARM {
        ask(&format!("early.w.warm{zone}.lab.")).is_proven();
    }
    // Nobody was heard for a while, as on a quiet night.
    std::thread::sleep(Duration::from_secs(3));
    let mut cold = 0..COLD;
    through("link down", &mut cold, || ip("link set resolver down"), raise);
    let blackhole = format!("neighbour replace {} lladdr {NOBODY} dev resolver nud permanent", GATEWAY[0]);
    let back = || ip(&format!("neighbour delete {} dev resolver", GATEWAY[0]));
    through("packets vanish", &mut cold, || ip(&blackhole), back);
}

/// Questions, and when each was asked.
type Asking = Vec<(Duration, JoinHandle<Asked>)>;

/// An outage, what clients see of it, and how long it takes until all is well again.
fn through(what: &str, cold: &mut impl Iterator<Item = usize>, cut: impl Fn(), back: impl Fn()) {
    let tag = what.split(' ').next().unwrap();
    cut();
    let began = Instant::now();
    let mut during = Asking::new();
    for turn in 0.. {
        if began.elapsed() > OUTAGE {
            break;
        }
        during.push((began.elapsed(), ask_aside(format!("{tag}{turn}.w.warm{}.lab.", turn % WARM))));
        std::thread::sleep(Duration::from_millis(100));
    }
    judge_during(what, during);
    back();
    let back_at = Instant::now();
    let mut after = Asking::new();
    for (turn, zone) in cold.take(COLD / 2).enumerate() {
        for name in [format!("{tag}-{turn}.w.warm{}.lab.", turn % WARM), format!("x.w.cold{zone}.lab.")] {
            after.push((back_at.elapsed(), ask_aside(name)));
        }
        std::thread::sleep(Duration::from_millis(30));
    }
    judge_after(what, after);
}

/// Each question fails, soon, and says why.
fn judge_during(what: &str, during: Asking) {
    let mut slowest = Duration::ZERO;
    for (at, asked) in during {
        let asked = asked.join().unwrap();
        // Two seconds of silence make it suspicious, and one and a half find out: nobody waits longer, and a client on
        // the same host gets a late reply too.
        assert_eq!(asked.rcode, Some(Rcode::SERVFAIL), "{what}, {at:?}: {asked:?}");
        assert!(asked.took < Duration::from_millis(4_500), "{what}, {at:?}: {asked:?}");
        slowest = slowest.max(asked.took);
        if at + Duration::from_millis(300) > OUTAGE {
            assert!(asked.took < Duration::from_secs(1), "{what}, {at:?}: {asked:?}");
            assert!(asked.errors.contains("no server has answered for"), "{what}, {at:?}: {asked:?}");
        }
    }
    println!("measured: {what}: the slowest failure meanwhile took {slowest:?}");
}

/// Soon every question is answered, and fast.
fn judge_after(what: &str, after: Asking) {
    let (mut first, mut last_failed, mut slowest) = (Duration::MAX, None, Duration::ZERO);
    for (at, asked) in after {
        let asked = asked.join().unwrap();
        if asked.rcode == Some(Rcode::NOERROR) {
            asked.is_proven();
            first = first.min(at + asked.took);
        } else {
            last_failed = last_failed.max(Some(at + asked.took));
        }
        if at > BACK_WITHIN {
            slowest = slowest.max(asked.took);
        }
    }
    println!(
        "measured: {what}: from its return to the first answer {first:?}, to the last failure {last_failed:?}; \
         the slowest answer a second later {slowest:?}"
    );
    assert!(first < BACK_WITHIN && last_failed < Some(BACK_WITHIN), "{what}: {first:?}, {last_failed:?}");
    assert!(slowest < Duration::from_millis(800), "{what}: {slowest:?}");
}

fn start_rootwalk() -> Guard {
    let internet = internet();
    let (hints, anchor) =
        (harness::file("hints", &internet.hints_text()), harness::file("anchor", &internet.anchor_text()));
    // Each question is to need the network: what was proven of names before does not answer it.
    let text = format!(
        "[server]\nlisten = [\"127.0.0.1:5300\"]\n[harden]\naggressive-nsec = false\n[resolver]\nroot-hints = \"{}\"\n[dnssec]\n\
         trust-anchor-file = \"{}\"\n",
        hints.display(),
        anchor.display()
    );
    let config = harness::file("rootwalk.toml", &text);
    let mut command = Command::new(env!("CARGO_BIN_EXE_rootwalk"));
    let mut guard = Guard(command.arg("--config").arg(config).stderr(Stdio::piped()).spawn().unwrap());
    let mut log = BufReader::new(guard.0.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(log.any(|line| line.contains("listening")));
    // What it writes later is read, so that it never waits for us.
    std::thread::spawn(move || log.for_each(|line| eprintln!("{line}")));
    guard
}

/// What a client got.
#[derive(Debug)]
struct Asked {
    name: String,
    /// None: nothing within five seconds.
    rcode: Option<Rcode>,
    secure: bool,
    errors: String,
    took: Duration,
}

impl Asked {
    #[track_caller]
    fn is_proven(&self) {
        assert!(self.rcode == Some(Rcode::NOERROR) && self.secure, "{}: {self:?}", self.name);
    }
}

fn ask(name: &str) -> Asked {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect("127.0.0.1:5300").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let question = Question::new(name.parse().unwrap(), RecordType::A);
    let began = Instant::now();
    socket.send(&encode_query(7, &question, true, false, Some(&Edns::new(1_232, true)))).unwrap();
    let mut buffer = [0; 4_096];
    let reply = socket.recv(&mut buffer).ok().map(|len| Message::parse(&buffer[..len]).unwrap());
    let took = began.elapsed();
    let edns = reply.iter().filter_map(|reply| reply.edns.as_ref());
    let errors: Vec<String> = edns.flat_map(Edns::extended_errors).map(|error| error.text.clone()).collect();
    Asked {
        name: name.to_owned(),
        rcode: reply.as_ref().map(|reply| reply.header.rcode),
        secure: reply.as_ref().is_some_and(|reply| reply.header.authentic_data),
        errors: errors.join("; "),
        took,
    }
}

fn ask_aside(name: String) -> JoinHandle<Asked> {
    std::thread::spawn(move || ask(&name))
}
