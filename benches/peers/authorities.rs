//! The servers of the internet: one NSD process for each level, so that each referral is one.

use std::fmt::Write as _;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use rootwalk::dns::{Name, Question, RecordType};

use crate::load::ask;
use crate::process::Guard;
use crate::world::{LEVELS, Scene, query};

/// All servers, running.
pub(crate) struct Authorities {
    levels: Vec<(Guard, PathBuf)>,
}

impl Authorities {
    /// Writes the zones, starts the servers and waits until they answer.
    pub(crate) fn start(folder: &Path, scene: &Scene) -> Self {
        let mut levels = Vec::new();
        for (number, level) in LEVELS.iter().enumerate() {
            let home = folder.join(format!("nsd{number}"));
            fs::create_dir_all(&home).expect("a folder for a server");
            let mut zones: Vec<(Name, Vec<IpAddr>)> = Vec::new();
            for zone in scene.internet.zones() {
                let addresses = scene.internet.addresses_of(zone.name());
                if addresses.iter().any(|address| address.to_string().starts_with(level)) {
                    zones.push((zone.name().clone(), addresses));
                }
            }
            let configuration = configure(&home, scene, &zones);
            let mut command = Command::new("nsd");
            command.arg("-d").arg("-c").arg(&configuration);
            let mut guard = Guard::start(&mut command, &home.join("log"));
            for (zone, addresses) in zones.first().into_iter().chain(zones.last()) {
                wait_for(&mut guard, addresses[0], zone);
            }
            levels.push((guard, configuration));
        }
        Self { levels }
    }

    /// How many questions they have had, over UDP and TCP.
    pub(crate) fn questions(&self) -> f64 {
        let of = |configuration: &Path| -> f64 {
            let mut command = Command::new("nsd-control");
            let output = command.arg("-c").arg(configuration).arg("stats_noreset").output();
            let text = String::from_utf8_lossy(&output.expect("nsd-control runs").stdout).into_owned();
            let line = text.lines().find_map(|line| line.strip_prefix("num.queries="));
            line.expect("NSD counts its questions").parse().expect("a number")
        };
        self.levels.iter().map(|(_, configuration)| of(configuration)).sum()
    }
}

fn configure(home: &Path, scene: &Scene, zones: &[(Name, Vec<IpAddr>)]) -> PathBuf {
    let mut addresses: Vec<IpAddr> = zones.iter().flat_map(|(_, addresses)| addresses).copied().collect();
    addresses.sort_unstable();
    addresses.dedup();
    let here = home.display();
    let mut text = "server:\n  port: 53\n".to_owned();
    for address in addresses {
        writeln!(text, "  ip-address: {address}").expect("text");
    }
    write!(
        text,
        "  username: \"\"\n  chroot: \"\"\n  zonesdir: \"{here}\"\n  database: \"\"\n  pidfile: \"{here}/pid\"\n  \
         xfrdfile: \"{here}/xfrd\"\n  zonelistfile: \"{here}/list\"\n  xfrdir: \"{here}\"\n  server-count: 1\n  \
         rrl-ratelimit: 0\n  tcp-count: 500\nremote-control:\n  control-enable: yes\n  \
         control-interface: \"{here}/control\"\n"
    )
    .expect("text");
    for (number, (zone, _)) in zones.iter().enumerate() {
        write!(text, "zone:\n  name: \"{zone}\"\n  zonefile: \"{number}.zone\"\n").expect("text");
        fs::write(home.join(format!("{number}.zone")), scene.internet.zone_text(zone)).expect("a zone file");
    }
    let path = home.join("nsd.conf");
    fs::write(&path, text).expect("a configuration file");
    path
}

fn wait_for(guard: &mut Guard, address: IpAddr, zone: &Name) {
    let question = query(&Question::new(zone.clone(), RecordType::SOA), false, false);
    for _ in 0..600 {
        let mut one = Some(());
        let mut next = |out: &mut Vec<u8>| {
            out.extend_from_slice(&question);
            one.take().is_some()
        };
        // Where nobody listens yet the question is lost at once.
        if is_open(address) {
            let tally = ask(SocketAddr::new(address, 53), &mut next);
            if tally.answered == 1 && tally.failed == 0 {
                return;
            }
        }
        assert!(!guard.has_ended(), "NSD ended: {}", guard.said());
        thread::sleep(Duration::from_millis(50));
    }
    panic!("NSD does not answer for {zone}: {}", guard.said());
}

/// Whether a server listens there.
fn is_open(address: IpAddr) -> bool {
    std::net::TcpStream::connect_timeout(&SocketAddr::new(address, 53), Duration::from_secs(1)).is_ok()
}
