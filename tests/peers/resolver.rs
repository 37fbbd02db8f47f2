//! Starts a resolver on the world: Unbound, or Rootwalk, each from a configuration that says the same.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use crate::authority::wait_for;
use crate::process::{Guard, run};
use crate::world::SERVERS;

/// The file of root hints, and of the root's DS.
const HINTS: &str = "root.hints";
pub(crate) const ANCHOR: &str = "root.ds";
/// The same in the form `delv` reads.
pub(crate) const DELV_ANCHORS: &str = "delv.anchors";

/// The same two of `rootwalk lab`, and its port at [`ROOTWALK`].
pub(crate) const LAB_ANCHOR: &str = "lab.ds";
pub(crate) const LAB_DELV_ANCHORS: &str = "lab.anchors";
pub(crate) const LAB_PORT: &str = "5300";

/// Where each listens, on port 53.
pub(crate) const ROOTWALK: &str = "127.0.0.1";
/// A second Rootwalk, whose cache starts empty.
pub(crate) const ROOTWALK_AGAIN: &str = "127.0.0.4";
pub(crate) const UNBOUND: &str = "127.0.0.2";
pub(crate) const UNBOUND_BEHIND_ROOTWALK: &str = "127.0.0.3";
pub(crate) const KNOT_RESOLVER: &str = "127.0.0.5";
pub(crate) const BIND: &str = "127.0.0.6";

/// Writes what the resolvers, `delv` and `drill` start from.
pub(crate) fn write_anchors(folder: &Path, ds: &[String]) {
    let address = SERVERS[0].address;
    std::fs::write(folder.join(HINTS), format!(". 3600 IN NS ns.\nns. 3600 IN A {address}\n"))
        .expect("a hints file");
    let ds: Vec<&str> = ds.iter().map(String::as_str).collect();
    write_anchor_files(folder, &ds, ANCHOR, DELV_ANCHORS);
}

/// The root's DS records, once as records and once as a clause of BIND's configuration.
fn write_anchor_files(folder: &Path, ds: &[&str], records: &str, clause: &str) {
    let mut lines = String::new();
    let mut trust = String::from("trust-anchors {\n");
    for record in ds {
        let words: Vec<&str> = record.split_whitespace().collect();
        let at = words.iter().position(|word| *word == "DS").expect("a DS record");
        let digest = words[at + 4..].concat();
        let numbers = words[at + 1..at + 4].join(" ");
        writeln!(lines, ". 3600 IN DS {numbers} {digest}").expect("text");
        writeln!(trust, "  . static-ds {numbers} \"{digest}\";").expect("text");
    }
    trust.push_str("};\n");
    std::fs::write(folder.join(records), lines).expect("an anchor file");
    std::fs::write(folder.join(clause), trust).expect("an anchor file");
}

/// Rootwalk itself.
pub(crate) fn start_rootwalk(folder: &Path, address: &str) -> Guard {
    let home = home(folder, address);
    // Its own copy: the file is maintained by RFC 5011.
    std::fs::copy(folder.join(ANCHOR), home.join(ANCHOR)).expect("an anchor file");
    let text = format!(
        "[server]\nlisten = [\"{address}:53\"]\n\n[resolver]\nroot-hints = \"{hints}\"\nipv6 = false\n\
         do-not-query-localhost = false\n\n[dnssec]\ntrust-anchor-file = \"{anchor}\"\n",
        hints = folder.join(HINTS).display(),
        anchor = home.join(ANCHOR).display(),
    );
    std::fs::write(home.join("rootwalk.toml"), text).expect("a configuration file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_rootwalk"));
    command.args(["--config", "rootwalk.toml"]).current_dir(&home);
    started(folder, address, Guard::start_logged(&mut command, "rootwalk", &home.join("log")))
}

/// `rootwalk lab`, a world of its own, which says where its trust anchor is.
pub(crate) fn start_lab(folder: &Path) -> Guard {
    let home = home(folder, "lab");
    let mut command = Command::new(env!("CARGO_BIN_EXE_rootwalk"));
    command.arg("lab").current_dir(&home).env("TMPDIR", &home);
    let mut guard = Guard::start_logged(&mut command, "rootwalk lab", &home.join("log"));
    wait_for(folder, &mut guard, ROOTWALK, LAB_PORT, ".");
    let said = guard.said();
    let quotes = ['"', '`', '\'', ',', ';', '(', ')'];
    let mut files = said.split_whitespace().map(|word| home.join(word.trim_matches(quotes)));
    let anchors =
        files.find_map(|path| std::fs::read_to_string(path).ok().filter(|text| text.contains("DS")));
    let anchors = anchors.unwrap_or_else(|| panic!("the lab named no trust anchor file: {said}"));
    let ds: Vec<&str> =
        anchors.lines().filter(|line| line.contains(" DS ") || line.contains("\tDS\t")).collect();
    write_anchor_files(folder, &ds, LAB_ANCHOR, LAB_DELV_ANCHORS);
    guard
}

/// Debian's Unbound on the same servers.
pub(crate) fn start_unbound(folder: &Path) -> Guard {
    start_any_unbound(folder, UNBOUND, &format!("  root-hints: \"{}\"\n", folder.join(HINTS).display()), "")
}

/// Unbound validating for itself what it asks Rootwalk.
pub(crate) fn start_unbound_behind_rootwalk(folder: &Path) -> Guard {
    let forward = format!("forward-zone:\n  name: \".\"\n  forward-addr: {ROOTWALK}@53\n");
    start_any_unbound(folder, UNBOUND_BEHIND_ROOTWALK, "", &forward)
}

fn start_any_unbound(folder: &Path, address: &str, more: &str, clauses: &str) -> Guard {
    let home = home(folder, address);
    let text = format!(
        "server:\n  interface: {address}\n  port: 53\n  do-daemonize: no\n  use-syslog: no\n  username: \"\"\n  \
         chroot: \"\"\n  directory: \"{home}\"\n  pidfile: \"\"\n  num-threads: 1\n  do-ip6: no\n  \
         do-not-query-localhost: no\n  module-config: \"validator iterator\"\n  ede: yes\n  val-log-level: 2\n  \
         trust-anchor-file: \"{anchor}\"\n{more}remote-control:\n  control-enable: no\n{clauses}",
        home = home.display(),
        anchor = folder.join(ANCHOR).display(),
    );
    std::fs::write(home.join("unbound.conf"), text).expect("a configuration file");
    let mut command = Command::new("unbound");
    command.args(["-d", "-c", "unbound.conf"]).current_dir(&home);
    started(folder, address, Guard::start_logged(&mut command, "unbound", &home.join("log")))
}

/// Knot Resolver on the same servers.
pub(crate) fn start_knot_resolver(folder: &Path) -> Guard {
    let home = home(folder, KNOT_RESOLVER);
    let text = format!(
        "net.listen('{KNOT_RESOLVER}', 53, {{ kind = 'dns' }})\nnet.ipv6 = false\noption('ALLOW_LOCAL', true)\n\
         trust_anchors.add_file('{anchor}', true)\nmodules.load('hints')\nhints.root_file('{hints}')\n\
         cache.open(20*MB, 'lmdb://{home}')\nlog_level('notice')\n",
        anchor = folder.join(ANCHOR).display(),
        hints = folder.join(HINTS).display(),
        home = home.display(),
    );
    std::fs::write(home.join("kresd.conf"), text).expect("a configuration file");
    let mut command = Command::new("kresd");
    command.args(["-n", "-c", "kresd.conf", "."]).current_dir(&home);
    started(folder, KNOT_RESOLVER, Guard::start_logged(&mut command, "kresd", &home.join("log")))
}

/// BIND as a resolver on the same servers.
pub(crate) fn start_bind(folder: &Path) -> Guard {
    let home = home(folder, BIND);
    run(folder, "ip", &["address", "add", &format!("{BIND}/32"), "dev", "lo"]);
    let text = format!(
        "options {{\n  directory \"{home}\";\n  listen-on {{ {BIND}; }};\n  listen-on-v6 {{ none; }};\n  \
         pid-file none;\n  session-keyfile none;\n  recursion yes;\n  dnssec-validation yes;\n  \
         empty-zones-enable no;\n  synth-from-dnssec no;\n}};\ncontrols {{ }};\n\
         logging {{ channel here {{ stderr; severity notice; }}; category default {{ here; }}; }};\n\
         zone \".\" {{ type hint; file \"{hints}\"; }};\ninclude \"{anchors}\";\n",
        home = home.display(),
        hints = folder.join(HINTS).display(),
        anchors = folder.join(DELV_ANCHORS).display(),
    );
    std::fs::write(home.join("named.conf"), text).expect("a configuration file");
    let mut command = Command::new("named");
    command.args(["-4", "-f", "-n", "1", "-c", "named.conf"]).current_dir(&home);
    started(folder, BIND, Guard::start_logged(&mut command, "named", &home.join("log")))
}

fn home(folder: &Path, address: &str) -> std::path::PathBuf {
    let home = folder.join(address);
    std::fs::create_dir(&home).expect("a folder for a resolver");
    home
}

fn started(folder: &Path, address: &str, mut guard: Guard) -> Guard {
    wait_for(folder, &mut guard, address, "53", ".");
    guard
}
