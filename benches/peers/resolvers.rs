//! The resolvers: one configuration each that says the same to all, and how to start one.
//!
//! One worker, validation on, IPv4 upstream only, servers on loopback allowed, no log of questions, 256 MiB of cache, and
//! each project's own defaults for all else.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rootwalk::clock::Clock;
use rootwalk::dns::{Name, Question, Rcode, RecordType};

use crate::account;
use crate::process::{Guard, first_line};
use crate::world::{Scene, query};

/// What the comparison is relative to.
pub(crate) const BASE: &str = "Unbound";
/// This project.
pub(crate) const OURS: &str = "Rootwalk";

/// A resolver that can be started.
#[derive(Clone)]
pub(crate) struct Resolver {
    pub(crate) name: &'static str,
    /// The word for `--peers`.
    pub(crate) word: &'static str,
    program: &'static str,
    package: &'static str,
    version: &'static str,
    port: u16,
    configure: fn(&Setup<'_>) -> Vec<String>,
}

/// All of them, the first one ours.
pub(crate) const ALL: [Resolver; 5] = [
    Resolver {
        name: OURS,
        word: "rootwalk",
        program: env!("CARGO_BIN_EXE_rootwalk"),
        package: "",
        version: "--version",
        port: 5_310,
        configure: rootwalk,
    },
    Resolver {
        name: BASE,
        word: "unbound",
        program: "unbound",
        package: "unbound",
        version: "-V",
        port: 5_311,
        configure: unbound,
    },
    Resolver {
        name: "Knot Resolver",
        word: "kresd",
        program: "kresd",
        package: "knot-resolver",
        version: "--version",
        port: 5_312,
        configure: kresd,
    },
    Resolver {
        name: "PowerDNS Recursor",
        word: "pdns",
        program: "pdns_recursor",
        package: "pdns-recursor",
        version: "--version",
        port: 5_313,
        configure: pdns,
    },
    Resolver {
        name: "BIND",
        word: "bind",
        program: "named",
        package: "bind9",
        version: "-v",
        port: 5_314,
        configure: bind,
    },
];

/// What a configuration is written from.
struct Setup<'a> {
    home: PathBuf,
    port: u16,
    cache_mib: usize,
    /// The hints and the anchor, as files in `home`.
    hints: PathBuf,
    anchor: PathBuf,
    scene: &'a Scene,
}

/// One that runs.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    /// From its start to its first validated answer.
    pub(crate) first_answer: Duration,
    pub(crate) guard: Guard,
}

impl Resolver {
    /// The same from another file, as long as this program runs.
    pub(crate) fn of_file(&self, program: &Path) -> &'static Self {
        let program = program.canonicalize().expect("the file is there").display().to_string();
        Box::leak(Box::new(Self { program: program.leak(), ..self.clone() }))
    }

    /// The package that is missing, if it cannot be started.
    pub(crate) fn missing(&self, search_path: &str) -> Option<&'static str> {
        let is_there = Path::new(self.program).is_absolute()
            || search_path.split(':').any(|folder| Path::new(folder).join(self.program).is_file());
        (!is_there).then_some(self.package)
    }

    /// The number of its version.
    pub(crate) fn version(&self) -> String {
        let line = first_line(self.program, self.version);
        let is_number = |word: &&str| word.contains('.') && word.starts_with(|c: char| c.is_ascii_digit());
        let number = line.split_whitespace().find(is_number).unwrap_or("of an unknown version");
        format!("{} {number}", self.name)
    }

    /// Starts it on a core with an empty cache and waits for its first validated answer. Fails where it does not validate.
    pub(crate) fn start(
        &self,
        folder: &Path,
        scene: &Scene,
        cache_mib: usize,
        cores: (usize, usize),
    ) -> Running {
        let home = folder.join(self.word);
        // What was left from its last start, if there was one.
        drop(fs::remove_dir_all(&home));
        fs::create_dir_all(&home).expect("a folder for a resolver");
        let (hints, anchor) = (home.join("root.hints"), home.join("root.key"));
        fs::write(&hints, scene.internet.hints_text()).expect("a hints file");
        fs::write(&anchor, scene.internet.anchor_text()).expect("an anchor file");
        let setup = Setup { home: home.clone(), port: self.port, cache_mib, hints, anchor, scene };
        let arguments = (self.configure)(&setup);
        let mut command = Command::new(self.program);
        command.args(arguments).current_dir(&home);
        account::stay_on(cores.0);
        let clock = Clock::system();
        let began = clock.now();
        let mut guard = Guard::start(&mut command, &home.join("log"));
        account::stay_on(cores.1);
        let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), self.port);
        while !validates(address) {
            assert!(!guard.has_ended(), "{} ended: {}", self.name, guard.said());
            assert!(
                clock.now().since(began) < Duration::from_secs(20),
                "{} does not validate: {}",
                self.name,
                guard.said()
            );
        }
        Running { address, first_answer: clock.now().since(began), guard }
    }
}

/// Whether the SOA record of a signed zone comes with AD.
fn validates(address: SocketAddr) -> bool {
    let name: Name = "com.".parse().expect("a name");
    let octets = query(&Question::new(name, RecordType::SOA), true, true);
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.connect(address).expect("loopback");
    socket.set_read_timeout(Some(Duration::from_millis(500))).expect("a timeout");
    let mut reply = [0; 4_096];
    let sent = socket.send(&[&[7, 7], &octets[..]].concat());
    if sent.and_then(|_| socket.recv(&mut reply)).is_ok()
        && Rcode(u16::from(reply[3] & 0x0f)) == Rcode::NOERROR
        && reply[7] > 0
    {
        return reply[3] & 0x20 != 0;
    }
    std::thread::sleep(Duration::from_micros(200));
    false
}

fn text_of(setup: &Setup<'_>, file: &str, text: &str) -> String {
    let path = setup.home.join(file);
    fs::write(&path, text).expect("a configuration file");
    path.display().to_string()
}

fn rootwalk(setup: &Setup<'_>) -> Vec<String> {
    let Setup { port, cache_mib, .. } = setup;
    let text = format!(
        "[server]\nlisten = [\"127.0.0.1:{port}\"]\nthreads = 1\n[resolver]\nroot-hints = \"{}\"\nipv6 = false\n\
         do-not-query-localhost = false\n[dnssec]\ntrust-anchor-file = \"{}\"\n[cache]\nsize = \"{cache_mib}MiB\"\n",
        setup.hints.display(),
        setup.anchor.display(),
    );
    vec!["--config".to_owned(), text_of(setup, "rootwalk.toml", &text)]
}

fn unbound(setup: &Setup<'_>) -> Vec<String> {
    let Setup { port, cache_mib, .. } = setup;
    let text = format!(
        "server:\n  username: \"\"\n  chroot: \"\"\n  directory: \"{home}\"\n  pidfile: \"\"\n  use-syslog: no\n  \
         verbosity: 0\n  interface: 127.0.0.1\n  port: {port}\n  do-daemonize: no\n  do-ip6: no\n  \
         do-not-query-localhost: no\n  root-hints: \"{hints}\"\n  trust-anchor-file: \"{anchor}\"\n  \
         module-config: \"validator iterator\"\n  num-threads: 1\n  outgoing-range: 4096\n  \
         num-queries-per-thread: 2048\n  msg-cache-size: {third}m\n  rrset-cache-size: {rest}m\n\
         remote-control:\n  control-enable: no\n",
        home = setup.home.display(),
        hints = setup.hints.display(),
        anchor = setup.anchor.display(),
        third = cache_mib / 3,
        rest = cache_mib - cache_mib / 3,
    );
    vec!["-d".to_owned(), "-c".to_owned(), text_of(setup, "unbound.conf", &text)]
}

fn kresd(setup: &Setup<'_>) -> Vec<String> {
    let Setup { port, cache_mib, .. } = setup;
    let text = format!(
        "net.listen('127.0.0.1', {port}, {{ kind = 'dns' }})\nnet.ipv6 = false\noption('ALLOW_LOCAL', true)\n\
         trust_anchors.add_file('{anchor}', true)\nmodules.load('hints')\nhints.root_file('{hints}')\n\
         cache.open({cache_mib}*MB, 'lmdb://{home}')\nlog_level('crit')\n",
        anchor = setup.anchor.display(),
        hints = setup.hints.display(),
        home = setup.home.display(),
    );
    let file = text_of(setup, "kresd.conf", &text);
    ["-q", "-n", "-c", &file, "."].map(str::to_owned).into()
}

fn pdns(setup: &Setup<'_>) -> Vec<String> {
    let (home, port) = (setup.home.display(), setup.port);
    let anchors = setup.scene.internet.anchor_text();
    let ds = anchors.trim().rsplit('\t').next().expect("one DS record");
    let lua = text_of(setup, "anchor.lua", &format!("clearTA(\".\")\naddTA(\".\", \"{ds}\")\n"));
    let text = format!(
        "local-address=127.0.0.1\nlocal-port={port}\nhint-file={hints}\nlua-config-file={lua}\ndnssec=validate\n\
         dont-query=\nquery-local-address=0.0.0.0\nallow-from=127.0.0.0/8\nthreads=1\npdns-distributes-queries=no\n\
         reuseport=no\nmax-cache-entries=1000000\nmax-packetcache-entries=500000\nquiet=yes\nloglevel=2\n\
         disable-syslog=yes\ndaemon=no\nwrite-pid=no\nsecurity-poll-suffix=\nsocket-dir={home}\n",
        hints = setup.hints.display(),
    );
    text_of(setup, "recursor.conf", &text);
    vec![format!("--config-dir={home}")]
}

fn bind(setup: &Setup<'_>) -> Vec<String> {
    let (home, port) = (setup.home.display(), setup.port);
    let anchors = text_of(setup, "anchors.conf", &setup.scene.internet.delv_anchor_text());
    let text = format!(
        "options {{\n  directory \"{home}\";\n  listen-on port {port} {{ 127.0.0.1; }};\n  listen-on-v6 {{ none; }};\n  \
         pid-file none;\n  session-keyfile none;\n  lock-file none;\n  recursion yes;\n  dnssec-validation yes;\n  \
         max-cache-size {cache}M;\n  recursive-clients 4000;\n  querylog no;\n}};\ncontrols {{ }};\n\
         logging {{ channel here {{ stderr; severity error; }}; category default {{ here; }}; \
         category lame-servers {{ null; }}; category dnssec {{ null; }}; category resolver {{ null; }}; }};\n\
         zone \".\" {{ type hint; file \"{hints}\"; }};\ninclude \"{anchors}\";\n",
        hints = setup.hints.display(),
        cache = setup.cache_mib,
    );
    let file = text_of(setup, "named.conf", &text);
    ["-4", "-f", "-n", "1", "-c", &file].map(str::to_owned).into()
}
