//! The claims, each judged on the one running world.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, ExitCode};

use crate::ask::{self, Answer, Manner, Record};
use crate::authority;
use crate::clients;
use crate::differences::{self, BIND, DIFFERENCES, KNOT, Voter};
use crate::drawn;
use crate::process::{Guard, run};
use crate::questions::{Case, cases};
use crate::resolver::{self, ROOTWALK, ROOTWALK_AGAIN, UNBOUND, UNBOUND_BEHIND_ROOTWALK};
use crate::sign;
use crate::world::{SERVERS, State};

/// A claim holds, or these are the counter-examples.
pub(crate) type Verdict = Result<(), Vec<String>>;

/// What a name in the report stands for.
pub(crate) type Claim = fn(&Path) -> Verdict;

/// In the order they are judged; the first asks the world itself.
const CLAIMS: [(&str, Claim); 14] = [
    ("unbound_finds_each_answer_in_the_state_its_zone_was_made_for", unbound_finds_each_state),
    ("rootwalk_finds_each_answer_in_the_state_its_zone_was_made_for", rootwalk_finds_each_state),
    ("rootwalk_gives_the_rcode_records_and_ad_that_unbound_gives", rootwalk_agrees_with_unbound),
    ("rootwalk_gives_the_rcode_records_and_ad_that_knot_resolver_gives", |folder| agrees_with(folder, &KNOT)),
    ("rootwalk_gives_the_rcode_records_and_ad_that_bind_gives", |folder| agrees_with(folder, &BIND)),
    ("on_zones_drawn_at_random_rootwalk_is_never_alone", drawn::agreed),
    ("the_order_of_the_questions_changes_nothing", the_order_changes_nothing),
    ("each_difference_is_one", each_difference_is_one),
    ("a_validator_behind_rootwalk_finds_the_same_states", a_validator_behind_rootwalk_agrees),
    ("no_ttl_is_longer_than_was_signed_sent_or_allowed", no_ttl_is_too_long),
    ("a_bogus_answer_says_what_is_wrong", a_bogus_answer_says_what_is_wrong),
    ("delv_fully_validates_secure_answers", clients::delv_validates),
    ("drill_chases_secure_answers_to_the_anchor", clients::drill_chases),
    ("delv_and_drill_validate_the_lab", clients::the_lab_is_validated),
];

/// The claims by name.
pub(crate) fn names() -> Vec<&'static str> {
    CLAIMS.iter().map(|(name, _)| *name).collect()
}

/// The claims with a word of the filter in their name, or all.
pub(crate) fn chosen(filter: &[String]) -> Vec<(&'static str, Claim)> {
    let wanted = |name: &str| filter.is_empty() || filter.iter().any(|word| name.contains(word.as_str()));
    CLAIMS.into_iter().filter(|(name, _)| wanted(name)).collect()
}

/// Builds the world, judges the claims that match, and says how it went.
pub(crate) fn judge_all(folder: &Path, filter: &[String]) -> ExitCode {
    let _running = start_world(folder);
    let (mut passed, mut failed) = (0, 0);
    for (name, claim) in chosen(filter) {
        if let Err(reasons) = claim(folder) {
            println!("test {name} ... FAILED");
            for reason in reasons {
                println!("    {reason}");
            }
            failed += 1;
        } else {
            println!("test {name} ... ok");
            passed += 1;
        }
    }
    if std::env::var_os("ROOTWALK_PEERS_SHELL").is_some() {
        println!("the world is in {}; leave the shell to end it", folder.display());
        Guard::start(Command::new("sh").current_dir(folder), "sh").wait();
    }
    let word = if failed == 0 { "ok" } else { "FAILED" };
    println!("test result: {word}. {passed} passed; {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Signs and serves all zones and starts the resolvers.
fn start_world(folder: &Path) -> Vec<Guard> {
    run(folder, "ip", &["link", "set", "lo", "up"]);
    for server in &SERVERS {
        // BIND listens only on addresses that an interface has.
        run(folder, "ip", &["address", "add", &format!("{}/32", server.address), "dev", "lo"]);
    }
    let anchors = sign::build(folder);
    resolver::write_anchors(folder, &anchors);
    let mut running = authority::start(folder);
    running.push(resolver::start_unbound(folder));
    running.push(resolver::start_rootwalk(folder, ROOTWALK));
    running.push(resolver::start_unbound_behind_rootwalk(folder));
    running.push(resolver::start_knot_resolver(folder));
    running.push(resolver::start_bind(folder));
    running
}

pub(crate) fn verdict(reasons: Vec<String>) -> Verdict {
    if reasons.is_empty() { Ok(()) } else { Err(reasons) }
}

fn unbound_finds_each_state(folder: &Path) -> Verdict {
    finds_each_state(folder, UNBOUND, |case| differences::of(case).map_or(case.state, |row| row.unbound))
}

fn rootwalk_finds_each_state(folder: &Path) -> Verdict {
    finds_each_state(folder, ROOTWALK, |case| differences::of(case).map_or(case.state, |row| row.rootwalk))
}

/// The zones' own expectations, against one resolver.
fn finds_each_state(folder: &Path, address: &str, state: impl Fn(&Case) -> State) -> Verdict {
    states_of(folder, address, &cases(), &Manner::ALL, state)
}

fn states_of(
    folder: &Path,
    address: &str,
    cases: &[Case],
    manners: &[Manner],
    state: impl Fn(&Case) -> State,
) -> Verdict {
    let mut reasons = Vec::new();
    for manner in manners {
        let answers = ask::all(folder, address, *manner, &questions(cases));
        for (case, answer) in cases.iter().zip(answers) {
            reasons.extend(misjudged(case, state(case), *manner, answer.as_ref()));
        }
    }
    verdict(reasons)
}

fn questions(cases: &[Case]) -> Vec<(String, &'static str)> {
    cases.iter().map(|case| (case.name.clone(), case.rtype)).collect()
}

/// What is wrong with the answer, seen from the zone.
fn misjudged(case: &Case, state: State, manner: Manner, answer: Option<&Answer>) -> Option<String> {
    let Some(answer) = answer else {
        return Some(format!("{} {} {manner:?}: no reply", case.name, case.rtype));
    };
    let hidden = state == State::Unreachable || state == State::Bogus && manner != Manner::DoCd;
    let rcode = if hidden { "SERVFAIL" } else { case.rcode };
    let authentic = state == State::Secure && matches!(manner, Manner::Ad | Manner::Do);
    let wrong = answer.status != rcode || manner != Manner::DoCd && answer.has("ad") != authentic;
    wrong.then(|| {
        format!(
            "{} {} {manner:?}: {} {:?} instead of {rcode}, {state:?}; extended errors {:?}",
            case.name, case.rtype, answer.status, answer.flags, answer.errors
        )
    })
}

/// The last question first, all manners at once, on an empty cache: what the cache learns on the way, and whom a
/// question travels with, must not show.
fn the_order_changes_nothing(folder: &Path) -> Verdict {
    let _again = resolver::start_rootwalk(folder, ROOTWALK_AGAIN);
    let cases: Vec<Case> = cases().into_iter().rev().collect();
    let expected = |case: &Case| differences::of(case).map_or(case.state, |row| row.rootwalk);
    let verdicts: Vec<Verdict> = std::thread::scope(|scope| {
        let cases = &cases;
        let ask = |manner| scope.spawn(move || states_of(folder, ROOTWALK_AGAIN, cases, &[manner], expected));
        let asking: Vec<_> = Manner::ALL.into_iter().rev().map(ask).collect();
        asking.into_iter().map(|thread| thread.join().expect("an asking thread")).collect()
    });
    verdict(verdicts.into_iter().filter_map(Result::err).flatten().collect())
}

/// Question by question, in each manner.
fn rootwalk_agrees_with_unbound(folder: &Path) -> Verdict {
    let cases: Vec<Case> = cases().into_iter().filter(|case| differences::of(case).is_none()).collect();
    let questions = questions(&cases);
    let mut reasons = Vec::new();
    for manner in Manner::ALL {
        let theirs = ask::all(folder, UNBOUND, manner, &questions);
        let ours = ask::all(folder, ROOTWALK, manner, &questions);
        for (case, (ours, theirs)) in cases.iter().zip(ours.into_iter().zip(theirs)) {
            let difference = match (ours, theirs) {
                (Some(ours), Some(theirs)) => compare(&ours, &theirs),
                (ours, theirs) => Some(format!("replied: {}, Unbound: {}", ours.is_some(), theirs.is_some())),
            };
            reasons.extend(difference.map(|what| format!("{} {} {manner:?}: {what}", case.name, case.rtype)));
        }
    }
    verdict(reasons)
}

/// A resolver beside Unbound, asked once, with DO. How long each looks for servers that are not there is its own affair.
fn agrees_with(folder: &Path, voter: &Voter) -> Verdict {
    let cases: Vec<Case> = cases().into_iter().filter(|case| case.state != State::Unreachable).collect();
    let questions = questions(&cases);
    let theirs = ask::all(folder, voter.address, Manner::Do, &questions);
    let ours = ask::all(folder, ROOTWALK, Manner::Do, &questions);
    let mut met = BTreeSet::new();
    let mut reasons = Vec::new();
    for (case, (ours, theirs)) in cases.iter().zip(ours.iter().zip(&theirs)) {
        let said =
            |answer: &Option<Answer>| answer.as_ref().map_or_else(|| "no reply".to_owned(), verdict_of);
        if said(ours) == said(theirs) {
            continue;
        }
        if let Some(row) = voter.rows.iter().position(|row| row.matches(case)) {
            met.insert(row);
        } else {
            let (ours, theirs) = (said(ours), said(theirs));
            let name: String = case.name.chars().take(40).collect();
            reasons.push(format!("{name} {}: {ours:.120}, {}: {theirs:.120}", case.rtype, voter.name));
        }
    }
    let idle = voter.rows.iter().enumerate().filter(|(at, _)| !met.contains(at));
    reasons.extend(idle.map(|(_, row)| format!("no difference: {row:?}")));
    verdict(reasons)
}

/// Rcode, AD, and the answer's records without signatures and TTLs.
pub(crate) fn verdict_of(answer: &Answer) -> String {
    let records = answer.records.iter().filter(|record| record.rtype != "RRSIG");
    format!("{} AD {} {:?}", answer.status, answer.has("ad"), set(records))
}

/// The first point in which two replies differ.
fn compare(ours: &Answer, theirs: &Answer) -> Option<String> {
    if ours.status != theirs.status {
        return Some(format!("{} {:?}, Unbound {}", ours.status, ours.errors, theirs.status));
    }
    for flag in ["ad", "cd", "ra", "rd", "aa"] {
        if ours.has(flag) != theirs.has(flag) {
            return Some(format!("{flag}: {}, Unbound {}", ours.has(flag), theirs.has(flag)));
        }
    }
    if aliases(&ours.records) != aliases(&theirs.records) {
        return Some(format!("aliases {:?}, Unbound {:?}", aliases(&ours.records), aliases(&theirs.records)));
    }
    // Of the authority section what proves something: name servers may be there or not.
    let proof = |answer: &Answer| -> BTreeSet<String> {
        let proves = |record: &&Record| {
            let covered = record.rdata.split(' ').next().unwrap_or_default().to_ascii_uppercase();
            let rtype = if record.rtype == "RRSIG" { &covered } else { &record.rtype };
            ["SOA", "NSEC", "NSEC3"].contains(&rtype.as_str())
        };
        set(answer.authority.iter().filter(proves))
    };
    let answers = differing(&set(&ours.records), &set(&theirs.records));
    // Behind aliases Unbound may show what denied another answer that led the same way.
    if !aliases(&ours.records).is_empty() && proof(ours).is_subset(&proof(theirs)) {
        return answers;
    }
    answers.or_else(|| differing(&proof(ours), &proof(theirs)))
}

/// The alias chain, in order.
fn aliases(records: &[Record]) -> Vec<&str> {
    records.iter().filter(|record| record.rtype == "CNAME").map(|record| record.owner.as_str()).collect()
}

/// The records without their TTLs.
fn set<'a>(records: impl IntoIterator<Item = &'a Record>) -> BTreeSet<String> {
    records.into_iter().map(|record| format!("{} {} {}", record.owner, record.rtype, record.rdata)).collect()
}

fn differing(ours: &BTreeSet<String>, theirs: &BTreeSet<String>) -> Option<String> {
    let only = |left: &BTreeSet<String>, right: &BTreeSet<String>| {
        left.difference(right).map(|line| line.chars().take(90).collect()).collect::<Vec<String>>()
    };
    (ours != theirs)
        .then(|| format!("only here {:?}, only Unbound {:?}", only(ours, theirs), only(theirs, ours)))
}

/// The table of differences does not outlive its reasons.
fn each_difference_is_one(_: &Path) -> Verdict {
    let cases = cases();
    let idle = |row: &&differences::Difference| {
        row.unbound == row.rootwalk
            || !cases.iter().any(|case| row.matches(case))
            || !row.reason.starts_with("RFC ")
    };
    verdict(DIFFERENCES.iter().filter(idle).map(|row| format!("no difference: {}", row.reason)).collect())
}

/// Unbound, forwarding to Rootwalk and validating for itself, is given all that a proof takes.
fn a_validator_behind_rootwalk_agrees(folder: &Path) -> Verdict {
    finds_each_state(folder, UNBOUND_BEHIND_ROOTWALK, |case| {
        differences::of(case).map_or(case.state, |row| row.unbound)
    })
}

/// RFC 8914: the extended error names the fault, or at least that there is one.
fn a_bogus_answer_says_what_is_wrong(folder: &Path) -> Verdict {
    let expected: [(&str, &str, &[u16]); 6] = [
        ("www.expired.west.", "A", &[7]),
        ("www.future.west.", "A", &[8]),
        ("www.wrong-ds.west.", "A", &[6, 9]),
        ("www.stripped.west.", "A", &[9, 10]),
        ("www.tampered.west.", "A", &[6]),
        ("missing.no-denial.west.", "A", &[6, 12]),
    ];
    let mut reasons = Vec::new();
    for (name, rtype, codes) in expected {
        match ask::once(folder, ROOTWALK, &[name, rtype, "+dnssec"]) {
            Some(answer)
                if answer.status == "SERVFAIL" && codes.iter().any(|code| answer.errors.contains(code)) => {}
            Some(answer) => reasons.push(format!(
                "{name} {rtype}: {} with extended errors {:?} instead of one of {codes:?}",
                answer.status, answer.errors
            )),
            None => reasons.push(format!("{name} {rtype}: no reply")),
        }
    }
    verdict(reasons)
}

/// RFC 4035 §5.3.3: the lowest of what was sent, what was signed, and what the resolver allows; all records of the set
/// and its signatures alike (RFC 2181 §5.2).
fn no_ttl_is_too_long(folder: &Path) -> Verdict {
    let expected: [(&str, &str, u32); 9] = [
        ("longer.ttl.west.", "A", 600),
        ("shorter.ttl.west.", "A", 60),
        ("mixed.ttl.west.", "A", 600),
        ("ttl0.odd.west.", "TXT", 0),
        ("ttl1.odd.east.", "TXT", 1),
        ("ttl31.odd.west.", "TXT", 86_400),
        ("ttl31.odd.east.", "TXT", 86_400),
        ("ttl31.odk.west.", "TXT", 86_400),
        ("www.fleeting.west.", "A", 0),
    ];
    let mut reasons = Vec::new();
    for (name, rtype, most) in expected {
        let ttls = |address| -> BTreeSet<u32> {
            let answer = ask::once(folder, address, &[name, rtype, "+dnssec"]);
            answer.iter().flat_map(|answer| &answer.records).map(|record| record.ttl_secs).collect()
        };
        let ours = ttls(ROOTWALK);
        if ours.len() != 1 || ours.iter().any(|ttl| *ttl > most) {
            reasons.push(format!("{name} {rtype}: TTL {ours:?}, not {most}; Unbound {:?}", ttls(UNBOUND)));
        }
    }
    verdict(reasons)
}
