//! The real binary on loopback: what a user, an operator and a client see of it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "these are tests"
)]

mod harness;
mod outage;

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use harness::{Rootwalk, header, query, rcode};

const A: u16 = 1;
const TXT: u16 = 16;
const CHAOS: u16 = 3;

/// Runs a command to its end: exit code, standard output, standard error.
fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_rootwalk")).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_exit_code_says_how_it_went() {
    let bad = harness::file("bad.toml", "[cache]\nsize = 5\n[server]\nlisen = []\n");
    let good = harness::file("good.toml", "[cache]\nsize = \"8MiB\"\n");
    assert_eq!(run(&["check"]).0, Some(0));
    assert_eq!(run(&["check", "--config", good.to_str().unwrap()]).0, Some(0));
    assert_eq!(run(&["query", "localhost"]).0, Some(0));
    assert_eq!(run(&["dance"]).0, Some(2));
    assert_eq!(run(&["query", "a..b"]).0, Some(2));
    assert_eq!(run(&["query", "example.", "NOTYPE"]).0, Some(2));
    assert_eq!(run(&["check", "--config", "/nowhere/at/all.toml"]).0, Some(3));
    let (code, _, errors) = run(&["--config", bad.to_str().unwrap()]);
    assert_eq!(code, Some(3));
    assert!(
        errors.contains("bad.toml:2: cache.size: ") && errors.contains("bad.toml:4: server.lisen: "),
        "{errors}"
    );
    assert!(errors.contains("did you mean 'listen'?") && errors.contains("2 faults"), "{errors}");
}

#[test]
fn an_address_that_was_asked_for_and_cannot_be_used_is_a_failure() {
    let first = Rootwalk::start("");
    let config = harness::file("taken.toml", &format!("[server]\nlisten = [\"{}\"]\n", first.address));
    let (code, _, errors) = run(&["serve", "--config", config.to_str().unwrap()]);
    assert_eq!(code, Some(1));
    assert!(errors.contains(&format!("cannot listen on {}", first.address)), "{errors}");
}

#[test]
fn questions_are_answered_over_udp_and_tcp() {
    let server = Rootwalk::start("");
    for reply in [server.udp(&query("localhost", A, 1)).unwrap(), server.tcp(&query("localhost", A, 1))] {
        assert_eq!(rcode(&reply), 0);
        assert!(reply.ends_with(&[0, 4, 127, 0, 0, 1]), "{reply:?}");
    }
}

#[test]
fn a_wildcard_address_is_answered_from_the_one_that_was_asked() {
    let server = Rootwalk::start_on("0.0.0.0:0", "");
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let mut buffer = [0; 512];
    for address in [[127, 0, 0, 1], [127, 0, 0, 5], [127, 44, 3, 2]] {
        let asked = SocketAddr::from((address, server.address.port()));
        client.send_to(&query("localhost", A, 1), asked).unwrap();
        let (len, from) = client.recv_from(&mut buffer).unwrap();
        assert_eq!((rcode(&buffer[..len]), from), (0, asked));
    }
}

#[test]
fn sockets_that_are_passed_are_served_in_place_of_the_configured_addresses() {
    let (udp, tcp) = (UdpSocket::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let (by_udp, by_tcp) = (udp.local_addr().unwrap(), tcp.local_addr().unwrap());
    let keeper = udp.try_clone().unwrap();
    let server = Rootwalk::start_with(udp, tcp, "");
    assert_eq!(server.address, by_udp);
    for _ in 0..20 {
        assert_eq!(rcode(&server.udp(&query("localhost", A, 1)).unwrap()), 0);
    }
    assert_eq!(rcode(&Rootwalk::tcp_at(by_tcp, &query("localhost", A, 1))), 0);
    let begun = Instant::now();
    assert_eq!(server.terminate().code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    // What is asked while nobody serves is there for the next.
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    client.send_to(&query("localhost", A, 1), by_udp).unwrap();
    let _next = Rootwalk::start_with(keeper, TcpListener::bind("127.0.0.1:0").unwrap(), "");
    let mut buffer = [0; 512];
    let len = client.recv(&mut buffer).unwrap();
    assert_eq!(rcode(&buffer[..len]), 0);
}

#[test]
fn what_is_passed_and_is_no_socket_of_the_internet_is_a_failure() {
    let mut command = Command::new("sh");
    let script = "exec 3</dev/null; export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$0\" serve";
    let output = command.args(["-c", script, env!("CARGO_BIN_EXE_rootwalk")]).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("the descriptor 3 that was passed with LISTEN_FDS"), "{errors}");
}

#[test]
fn identity_is_hidden_unless_configured() {
    let hidden = Rootwalk::start("");
    let told = Rootwalk::start("hide-identity = false\nhide-version = false\nidentity = \"number five\"\n");
    let ask = |server: &Rootwalk, name: &str| server.udp(&query(name, TXT, CHAOS)).unwrap();
    for name in ["id.server", "hostname.bind", "version.server", "version.bind"] {
        assert_eq!(rcode(&ask(&hidden, name)), 5, "{name}");
    }
    assert!(ask(&told, "id.server").ends_with(b"\x0bnumber five"));
    let version = format!("Rootwalk {}", env!("CARGO_PKG_VERSION"));
    assert!(ask(&told, "version.bind").ends_with(version.as_bytes()));
    assert_eq!(rcode(&ask(&told, "authors.bind")), 5);
}

#[test]
fn access_is_by_the_longest_prefix() {
    let refusing = Rootwalk::start("\n[access]\n\"127.0.0.1\" = \"refuse\"\n");
    assert_eq!(rcode(&refusing.udp(&query("localhost", A, 1)).unwrap()), 5);
    let denying = Rootwalk::start("\n[access]\n\"127.0.0.0/8\" = \"deny\"\n");
    assert_eq!(denying.udp(&query("localhost", A, 1)), None);
}

#[test]
fn messages_that_are_no_questions_get_what_their_rfcs_ask_for() {
    let server = Rootwalk::start("");
    // An answer (QR=1) is never answered: a reply could start a loop.
    assert_eq!(server.udp(&header(0x8100, 1)), None);
    // Fewer octets than a header.
    assert_eq!(server.udp(&[0; 5]), None);
    // Two questions (RFC 9619), and one that is not there.
    assert_eq!(rcode(&server.udp(&header(0x0100, 2)).unwrap()), 1);
    assert_eq!(rcode(&server.udp(&header(0x0100, 1)).unwrap()), 1);
    // STATUS, UPDATE.
    for opcode in [2, 5] {
        assert_eq!(rcode(&server.udp(&header(opcode << 11, 0)).unwrap()), 4, "opcode {opcode}");
    }
    // Class HS.
    assert_eq!(rcode(&server.udp(&query("localhost", A, 4)).unwrap()), 5);
}

#[test]
fn negative_trust_anchors_are_told_at_start_and_when_they_end() {
    let soon = rootwalk::clock::Clock::system().unix() + 3;
    // As TOML writes it, with a blank between date and time.
    let until = rootwalk::clock::date(soon).replace(" UTC", "Z");
    let anchors = format!(
        "[dnssec]\nnegative-trust-anchors = [{{ name = \"Broken.example\", until = {until} }}, \"corp.example\"]"
    );
    let server = Rootwalk::start(&anchors);
    let stands = server.logged("zone=Broken.example.");
    assert!(stands.contains("not validated") && stands.contains(&until.replace('Z', " UTC")), "{stands}");
    assert!(server.logged("zone=corp.example.").contains("not validated"));
    let ended = server.logged("zone=Broken.example.");
    assert!(ended.contains("validated again: its negative trust anchor has ended"), "{ended}");
}

#[test]
fn sigterm_ends_within_a_second() {
    let server = Rootwalk::start("");
    let mut idle = std::net::TcpStream::connect(server.address).unwrap();
    let begun = Instant::now();
    let status = server.terminate();
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(status.code(), Some(0));
    let mut rest = Vec::new();
    assert_eq!(std::io::Read::read_to_end(&mut idle, &mut rest).unwrap(), 0);
}

#[test]
fn query_and_explain_print_what_they_found() {
    let (code, text, _) = run(&["query", "1.0.0.127.in-addr.arpa", "PTR"]);
    assert_eq!(code, Some(0));
    assert!(text.contains("status: NOERROR") && text.contains("PTR\tlocalhost."), "{text}");
    let (code, text, _) = run(&["explain", "x.invalid", "--json"]);
    assert_eq!(code, Some(0));
    let story: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((story["status"].as_str(), story["state"].as_str()), (Some("NXDOMAIN"), Some("local")));
    assert_eq!(story["budget"]["packets"]["spent"], 0);
}

#[test]
fn the_trust_anchor_file_is_kept_by_a_server_and_shown_without_one() {
    let anchors = harness::file("root.key", include_str!("../../trust-anchors/root.ds"));
    let dnssec = format!("[dnssec]\ntrust-anchor-file = \"{}\"\n", anchors.display());
    let config = harness::file("anchors.toml", &dnssec);
    let status =
        |more: &[&str]| run(&[&["anchor", "status", "--config", config.to_str().unwrap()], more].concat());
    let (code, text, _) = status(&[]);
    assert!(code == Some(0) && text.contains("a plain file"), "{text}");
    assert!(text.contains("38696 RSASHA256 valid, known by its digest"), "{text}");

    let server = Rootwalk::start(&dnssec);
    let begun = Instant::now();
    while !std::fs::read_to_string(&anchors).unwrap().contains(";;end: 2 keys") {
        assert!(begun.elapsed() < Duration::from_secs(10), "the file is not kept");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(server.terminate().success());
    let (_, text, _) = status(&[]);
    assert!(
        text.contains("kept by rootwalk, whole") && text.contains("20326 RSASHA256 valid since 20"),
        "{text}"
    );

    let whole = std::fs::read_to_string(&anchors).unwrap();
    std::fs::write(&anchors, &whole[..whole.len() - 1]).unwrap();
    let (code, text, _) = status(&[]);
    assert!(
        code == Some(1) && text.contains("the file is torn") && text.contains("the state before it"),
        "{text}"
    );
    std::fs::write(&anchors, whole.replace("state=2", "state=4")).unwrap();
    let (code, json, _) = status(&["--json"]);
    assert_eq!(code, Some(1));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["zones"][0]["trusted"], false);
    assert_eq!(json["zones"][0]["keys"][0]["state"], "revoked");
    assert_eq!(json["attention"].as_array().unwrap().len(), 2, "{json:#}");
    assert_eq!(run(&["anchor", "status"]).0, Some(0), "the builtin ones");
    assert_eq!(run(&["anchor"]).0, Some(2));

    // The first file is made without one.
    std::fs::remove_file(&anchors).unwrap();
    std::fs::remove_file(anchors.with_extension("key.bak")).unwrap();
    let (code, _, errors) = status(&[]);
    let command = format!("`rootwalk anchor builtin > {}`", anchors.display());
    assert!(code == Some(3) && errors.contains(&command), "{errors}");
    let (code, text, _) = run(&["anchor", "builtin", "--config", config.to_str().unwrap()]);
    assert_eq!(code, Some(0));
    std::fs::write(&anchors, text).unwrap();
    assert_eq!(status(&[]).0, Some(0));
}
