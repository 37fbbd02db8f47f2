//! Real name servers and real clients around the real `rootwalk` binary.
//!
//! A small signed internet is served by NSD, Knot and BIND, one process for each level, with zones signed by
//! `ldns-signzone`, `dnssec-signzone` and Knot's `kzonesign`. Debian's Unbound, Knot Resolver and BIND are the other
//! opinions: asked the same questions of the same servers, Rootwalk gives the same rcode, records and AD bit, or the
//! tables in `differences` name the RFC that explains why not. `delv` and `drill` then check Rootwalk's answers
//! themselves.
//!
//! The program starts itself again under `unshare` (user, network, mount and process namespaces of its own), so
//! port 53 is free without privileges, nothing leaves the namespace's loopback, and every process ends with it.
//! Where a program or the namespaces are missing it says so in one line and passes as skipped.
//!
//! `ROOTWALK_PEERS_SHELL=1` opens a shell inside, with all servers running, when the claims have been judged.

#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test program fails by panicking, and waits by the machine's clock"
)]

mod ask;
mod authority;
mod claims;
mod clients;
mod differences;
mod drawn;
mod odd;
mod process;
mod questions;
mod resolver;
mod sign;
mod world;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// Set for the inner run: the folder it may write to.
const FOLDER: &str = "ROOTWALK_PEERS_FOLDER";
/// The whole run, signing and waiting included, may take this long.
const RUN_SECS_MAX: u64 = 170;
/// Each program that is started, and the Debian package that has it.
const PROGRAMS: [(&str, &str); 16] = [
    ("unshare", "util-linux"),
    ("ip", "iproute2"),
    ("nsd", "nsd"),
    ("knotd", "knot"),
    ("keymgr", "knot"),
    ("kzonesign", "knot-dnssecutils"),
    ("named", "bind9"),
    ("dnssec-keygen", "bind9-utils"),
    ("dnssec-signzone", "bind9-utils"),
    ("ldns-signzone", "ldnsutils"),
    ("drill", "ldnsutils"),
    ("dig", "bind9-dnsutils"),
    ("delv", "bind9-dnsutils"),
    ("unbound", "unbound"),
    ("kresd", "knot-resolver"),
    ("sh", "dash"),
];
/// Where Debian keeps the servers, which is not on an ordinary user's path.
const SYSTEM_PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

fn main() -> ExitCode {
    let filter: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    if let Some(folder) = std::env::var_os(FOLDER) {
        let folder = PathBuf::from(folder);
        if !wants_shell() {
            end_with_the_outer_run(folder.clone());
        }
        return claims::judge_all(&folder, &filter);
    }
    if std::env::args().any(|argument| argument == "--list") {
        for name in claims::names() {
            println!("{name}: test");
        }
        return ExitCode::SUCCESS;
    }
    if claims::chosen(&filter).is_empty() {
        println!("test result: ok. 0 passed; 0 failed; {} filtered out", claims::names().len());
        return ExitCode::SUCCESS;
    }
    if let Some(reason) = missing() {
        println!("skipped: {reason}");
        println!("test result: ok. 0 passed; 0 failed; {} ignored", claims::names().len());
        return ExitCode::SUCCESS;
    }
    run_inside(&filter)
}

fn wants_shell() -> bool {
    std::env::var_os("ROOTWALK_PEERS_SHELL").is_some()
}

/// Watches the standard input, which ends with the outer run; if that was killed, nobody else cleans up.
fn end_with_the_outer_run(folder: PathBuf) {
    std::thread::spawn(move || {
        let ended = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let removed = std::fs::remove_dir_all(folder);
        println!("the outer run has ended ({ended:?}, {removed:?})");
        std::process::exit(1);
    });
}

/// What this machine lacks, in one sentence.
fn missing() -> Option<String> {
    let has = |name: &str| search_path().split(':').any(|folder| Path::new(folder).join(name).is_file());
    let packages: Vec<&str> =
        PROGRAMS.iter().filter(|(name, _)| !has(name)).map(|(_, package)| *package).collect();
    if !packages.is_empty() {
        let mut packages = packages;
        packages.dedup();
        return Some(format!(
            "the peers are not installed; on Debian: apt-get install {}",
            packages.join(" ")
        ));
    }
    let probe = unshare().args(["ip", "link", "set", "lo", "up"]).output();
    match probe {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(format!(
            "no namespaces of our own here (user, network, mount and process): {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
        Err(error) => Some(format!("unshare cannot be started: {error}")),
    }
}

fn search_path() -> String {
    match std::env::var("PATH") {
        Ok(path) => format!("{path}:{SYSTEM_PATH}"),
        Err(_) => SYSTEM_PATH.to_owned(),
    }
}

/// A command in namespaces of its own; all its processes die with the first one.
fn unshare() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child", "--"]);
    command.env("PATH", search_path());
    command
}

/// Runs this program again inside, and cleans up after it whatever happened there.
fn run_inside(filter: &[String]) -> ExitCode {
    let folder = Folder::create();
    let program = std::env::current_exe().expect("the path of this program");
    let mut inside = unshare();
    inside.arg(program).args(filter).env(FOLDER, &folder.0);
    if !wants_shell() {
        // Closed when this process ends, however it ends.
        inside.stdin(Stdio::piped());
    }
    let mut child = process::Guard::start(&mut inside, "the inner run");
    let started = Instant::now();
    loop {
        if let Some(status) = child.ended() {
            return if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
        if !wants_shell() && started.elapsed() > Duration::from_secs(RUN_SECS_MAX) {
            println!("the peers did not finish within {RUN_SECS_MAX} s");
            return ExitCode::FAILURE;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A temporary folder that goes away with its owner.
struct Folder(PathBuf);

impl Folder {
    fn create() -> Self {
        let path = std::env::temp_dir().join(format!("rootwalk-peers-{}", std::process::id()));
        std::fs::create_dir(&path).expect("a temporary folder");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            println!("{} stays behind: {error}", self.0.display());
        }
    }
}
