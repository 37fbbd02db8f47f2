//! Rootwalk's core plays the scenarios of other resolvers, under tokio's paused clock.
//!
//! The folder of scenarios is `ROOTWALK_RPL`, by default `../shared/rpl`; its `list.tsv` names them. Each must
//! pass, but for those in `known.tsv`, which says why, and those must not.
//! Rootwalk's own scenarios are in `own`, in Unbound's dialect; all of them must pass. One scenario alone, with what
//! was sent: `ROOTWALK_RPL_ONLY=unbound/val_nx.rpl cargo test --test replay -- --nocapture`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "here a panic is a claim that does not hold"
)]

mod compare;
mod head;
mod network;
mod play;
mod records;
mod scenario;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use play::{Dialect, Failure};

/// Says something to who runs the test, also when it passes.
macro_rules! say {
    ($($what:tt)*) => { writeln!(std::io::stderr(), $($what)*).unwrap() };
}

/// What became of a scenario.
enum Outcome {
    Passed,
    /// Rootwalk has not what its head asks for.
    Unplayable(String),
    Failed(Failure),
}

fn folder() -> PathBuf {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/rpl");
    std::env::var_os("ROOTWALK_RPL").map_or_else(default, PathBuf::from)
}

/// Plays one file.
fn run(file: &Path, dialect: Dialect) -> Outcome {
    match std::fs::read(file) {
        Ok(octets) => run_text(&String::from_utf8_lossy(&octets), dialect),
        Err(error) => failed(error.to_string()),
    }
}

fn failed(what: String) -> Outcome {
    Outcome::Failed(Failure { what: vec![what], log: Vec::new() })
}

/// Plays what a file says. What cannot be read is a failure.
fn run_text(text: &str, dialect: Dialect) -> Outcome {
    // What the head asks for comes first: such a head may be one that is not even read further.
    let head = match head::read(&scenario::head(text)) {
        Ok(head) => head,
        Err(what) => return Outcome::Unplayable(what),
    };
    let scenario = match scenario::parse(text) {
        Ok(scenario) => scenario,
        Err(what) => return failed(format!("it cannot be read: {what}")),
    };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    match catch_unwind(AssertUnwindSafe(|| runtime.block_on(play::play(&head, scenario, dialect)))) {
        Ok(Ok(())) => Outcome::Passed,
        Ok(Err(failure)) => Outcome::Failed(failure),
        Err(_) => failed("it panicked".to_owned()),
    }
}

/// The first columns of a table without its heading and comments.
fn table(text: &str) -> BTreeMap<String, String> {
    let rows = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    rows.filter_map(|line| line.split_once('\t'))
        .map(|(file, rest)| (file.to_owned(), rest.to_owned()))
        .collect()
}

#[test]
fn the_scenarios_pass_but_for_those_that_are_known_and_explained() {
    let folder = folder();
    let Ok(list) = std::fs::read_to_string(folder.join("list.tsv")) else {
        say!("no scenarios in {}: nothing is checked; ROOTWALK_RPL names another folder", folder.display());
        return;
    };
    let known = table(include_str!("known.tsv"));
    let only = std::env::var("ROOTWALK_RPL_ONLY").ok();
    let all = table(&list);
    let (mut wrong, mut passed) = (Vec::new(), 0);
    for file in all.keys().filter(|file| file.contains('/')) {
        if only.as_ref().is_some_and(|only| !file.contains(only.as_str())) {
            continue;
        }
        let dialect = if file.starts_with("deckard/") { Dialect::Deckard } else { Dialect::Unbound };
        let outcome = run(&folder.join(file), dialect);
        let reason = known.get(file);
        if let (Outcome::Failed(failure), Some(_)) = (&outcome, &only) {
            failure.log.iter().chain(&failure.what).for_each(|line| say!("    {line}"));
        }
        match (outcome, reason) {
            (Outcome::Passed, None) => passed += 1,
            (Outcome::Passed, Some(_)) => wrong.push(format!("{file}: passes, take it off known.tsv")),
            (outcome @ (Outcome::Failed(_) | Outcome::Unplayable(_)), Some(reason)) => {
                if only.is_some() {
                    if let Outcome::Unplayable(what) = outcome {
                        say!("    unplayable: {what}");
                    }
                    say!("known: {file}: {reason}");
                }
            }
            (Outcome::Unplayable(what), None) => wrong.push(format!("{file}: unplayable: {what}")),
            (Outcome::Failed(failure), None) => {
                wrong.push(format!("{file}: {}", failure.what.join("\n        ")));
            }
        }
    }
    for file in known.keys().filter(|file| !all.contains_key(*file)) {
        wrong.push(format!("{file}: is known and does not exist"));
    }
    say!("{passed} scenarios passed, {} are known not to", known.len());
    assert!(wrong.is_empty(), "{} scenarios are not as expected:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn rootwalks_own_scenarios_pass() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/replay/own");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        match run(&file, Dialect::Unbound) {
            Outcome::Passed => {}
            Outcome::Unplayable(what) => panic!("{}: unplayable: {what}", file.display()),
            Outcome::Failed(Failure { what, log }) => {
                panic!("{}: {}", file.display(), [log, what].concat().join("\n    "));
            }
        }
    }
}

#[test]
fn a_scenario_with_one_word_wrong_fails() {
    let good = include_str!("own/denial_without_soa_is_not_kept.rpl");
    assert!(matches!(run_text(good, Dialect::Unbound), Outcome::Passed));
    let wrongs = [
        ("www.com. IN A 192.0.2.80", "www.com. IN A 192.0.2.81"),
        ("www.com. 10 IN A", "www.com. 20 IN A"),
        ("MATCH all\nREPLY QR RD RA NOERROR", "MATCH all\nREPLY QR RD RA NXDOMAIN"),
        ("MATCH all\nREPLY QR RD RA NOERROR", "MATCH all\nREPLY QR RD RA AD NOERROR"),
        ("MATCH all\n", "MATCH all ede=22\n"),
        ("MATCH opcode qtype qname", "MATCH opcode qtype qnam"),
        ("ADJUST copy_id\n", "ADJUST copy_it\n"),
        ("192.0.2.80", "192.0.2"),
        ("STEP 40 TIME_PASSES", "STEP 40 TIME_FLIES"),
        ("SCENARIO_END", ""),
    ];
    for (right, wrong) in wrongs {
        assert!(good.contains(right), "{right}");
        let outcome = run_text(&good.replacen(right, wrong, 1), Dialect::Unbound);
        assert!(matches!(outcome, Outcome::Failed(_)), "{wrong}");
    }
    let odd = good.replacen("do-ip6: no", "do-ip9: no", 1);
    assert!(matches!(run_text(&odd, Dialect::Unbound), Outcome::Unplayable(_)));
}
