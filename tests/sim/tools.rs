//! `rootwalk lab` as a newcomer runs it, seen by BIND's and NLnet Labs' clients.
//!
//! Where a client is missing its test says so and checks nothing.

use std::io::{BufRead as _, BufReader};
use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};

/// The running lab. Dropping it ends it as Ctrl-C would.
struct Lab {
    child: Child,
    port: u16,
    /// The commands it told the newcomer to try.
    advice: Vec<String>,
}

impl Lab {
    fn start() -> Self {
        let free = || UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (port, servers) = (free(), free());
        let mut child = Command::new(env!("CARGO_BIN_EXE_rootwalk"))
            .args(["lab", "--listen", &format!("127.0.0.1:{port}"), "--port", &servers.to_string()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let advice: Vec<String> = said.take_while(|line| !line.starts_with("Ctrl-C")).collect();
        // What follows the greeting: the log says when it listens.
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        assert!(log.any(|line| line.contains("listening")), "{advice:?}");
        Self { child, port, advice }
    }

    /// Runs a client's command from the advice, with another name; none if there is no such client.
    fn run(&self, client: &str, name: &str) -> Option<String> {
        let line = self.advice.iter().find(|line| line.trim().starts_with(client)).unwrap();
        let words: Vec<&str> =
            line.split_whitespace().map(|word| if word.starts_with("www.") { name } else { word }).collect();
        match Command::new(client).args(&words[1..]).output() {
            Ok(output) => {
                Some(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                eprintln!("{client} is not installed: nothing is checked");
                None
            }
            Err(error) => panic!("{client}: {error}"),
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let id = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status().ok();
        self.child.wait().ok();
    }
}

#[test]
fn the_lab_answers_dig_delv_and_drill_as_it_says_and_cleans_up() {
    let lab = Lab::start();
    if let Some(said) = lab.run("dig", "www.p256.lab") {
        assert!(said.contains("status: NOERROR") && said.contains(" ad;"), "{said}");
    }
    if let Some(said) = lab.run("dig", "www.expired.lab") {
        assert!(said.contains("status: SERVFAIL") && said.contains("EDE: 7"), "{said}");
    }
    for name in ["www.rsa256.lab", "www.p384.lab", "www.ed25519.lab", "anything.wild3.lab", "start.chain.lab"]
    {
        if let Some(said) = lab.run("delv", name) {
            assert!(said.contains("fully validated"), "{name}: {said}");
        }
    }
    if let Some(said) = lab.run("delv", "nothing.nsec3.lab") {
        assert!(said.contains("negative response, fully validated"), "{said}");
    }
    if let Some(said) = lab.run("drill", "www.p256.lab") {
        assert!(said.contains("Chase successful"), "{said}");
    }
    let folder =
        lab.advice.iter().flat_map(|line| line.split_whitespace()).find(|word| word.contains("/delv."));
    let folder = std::path::Path::new(folder.unwrap()).parent().unwrap().to_owned();
    assert!(folder.exists() && lab.port != 0);
    drop(lab);
    assert!(!folder.exists());
}
