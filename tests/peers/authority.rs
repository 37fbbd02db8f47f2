//! Starts the authoritative servers and waits until each answers for each of its zones. All give cookies (RFC 7873);
//! BIND and Knot answer none without a right one.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::ask;
use crate::process::Guard;
use crate::sign::file_name;
use crate::world::{SERVERS, Server, Software, zones};

/// How long a server may take until it answers.
const START_SECS_MAX: u64 = 20;

/// Starts all servers; they run until the guards are dropped.
pub(crate) fn start(folder: &Path) -> Vec<Guard> {
    let all = zones();
    let mut guards = Vec::new();
    for (index, server) in SERVERS.iter().enumerate() {
        let names: Vec<&str> = all.iter().filter(|zone| zone.server == index).map(|zone| zone.name).collect();
        guards.push((start_one(folder, server, &names), names));
    }
    for (server, (guard, names)) in SERVERS.iter().zip(&mut guards) {
        for name in names {
            wait_for(folder, guard, server.address, "53", name);
        }
    }
    guards.into_iter().map(|(guard, _)| guard).collect()
}

fn start_one(folder: &Path, server: &Server, names: &[&str]) -> Guard {
    let home = folder.join(server.address);
    std::fs::create_dir(&home).expect("a folder for a server");
    let (program, options, text) = match server.software {
        Software::Nsd => ("nsd", vec!["-d", "-c", "server.conf"], nsd(folder, &home, server.address, names)),
        Software::Knot => ("knotd", vec!["-c", "server.conf"], knot(folder, &home, server.address, names)),
        Software::Bind => {
            ("named", vec!["-f", "-n", "1", "-c", "server.conf"], bind(folder, &home, server.address, names))
        }
    };
    std::fs::write(home.join("server.conf"), text).expect("a configuration file");
    let mut command = Command::new(program);
    command.args(options).current_dir(&home);
    Guard::start_logged(&mut command, program, &home.join("log"))
}

fn nsd(folder: &Path, home: &Path, address: &str, names: &[&str]) -> String {
    let (folder, home) = (folder.display(), home.display());
    let mut text = format!(
        "server:\n  ip-address: {address}\n  port: 53\n  username: \"\"\n  chroot: \"\"\n  zonesdir: \"{folder}\"\n  \
         database: \"\"\n  pidfile: \"{home}/pid\"\n  xfrdfile: \"{home}/xfrd\"\n  zonelistfile: \"{home}/list\"\n  \
         xfrdir: \"{home}\"\n  server-count: 1\n  rrl-ratelimit: 0\n  \
         answer-cookie: yes\nremote-control:\n  control-enable: no\n"
    );
    for name in names {
        write!(text, "zone:\n  name: \"{name}\"\n  zonefile: \"{}\"\n", file_name(name)).expect("text");
    }
    text
}

fn knot(folder: &Path, home: &Path, address: &str, names: &[&str]) -> String {
    let (folder, home) = (folder.display(), home.display());
    let mut text = format!(
        "server:\n  rundir: \"{home}\"\n  listen: {address}@53\n  udp-workers: 1\n  tcp-workers: 1\n  \
         background-workers: 1\nlog:\n  - target: stderr\n    any: info\ndatabase:\n  storage: \"{home}\"\n\
         template:\n  - id: default\n    global-module: mod-cookies\nzone:\n"
    );
    for name in names {
        write!(
            text,
            "  - domain: {name}\n    storage: \"{folder}\"\n    file: \"{}\"\n    zonefile-sync: -1\n    \
             journal-content: none\n    semantic-checks: off\n",
            file_name(name)
        )
        .expect("text");
    }
    text
}

fn bind(folder: &Path, home: &Path, address: &str, names: &[&str]) -> String {
    let (folder, home) = (folder.display(), home.display());
    let mut text = format!(
        "options {{\n  directory \"{home}\";\n  listen-on {{ {address}; }};\n  listen-on-v6 {{ none; }};\n  \
         pid-file none;\n  session-keyfile none;\n  recursion no;\n  notify no;\n  dnssec-validation no;\n  \
         require-server-cookie yes;\n}};\n\
         controls {{ }};\nlogging {{ channel here {{ stderr; severity info; }}; category default {{ here; }}; }};\n"
    );
    for name in names {
        let file = file_name(name);
        writeln!(text, "zone \"{name}\" {{ type primary; file \"{folder}/{file}\"; check-names ignore; }};")
            .expect("text");
    }
    text
}

/// Waits until the server gives the zone's SOA with authority.
pub(crate) fn wait_for(folder: &Path, guard: &mut Guard, address: &str, port: &str, zone: &str) {
    let started = Instant::now();
    loop {
        let answer = ask::once(folder, address, &[zone, "SOA", "+time=2", "-p", port]);
        if answer.is_some_and(|answer| answer.status == "NOERROR" && !answer.records.is_empty()) {
            return;
        }
        if let Some(status) = guard.ended() {
            panic!("the server at {address} port {port} ended ({status}): {}", guard.said());
        }
        assert!(
            started.elapsed() < Duration::from_secs(START_SECS_MAX),
            "the server at {address} port {port} has no {zone} after {START_SECS_MAX} s: {}",
            guard.said()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}
