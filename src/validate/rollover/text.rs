//! The state of trust anchors as a file that people can read: DS and DNSKEY lines, and behind each what is known of it.
//!
//! The comments are those of Unbound's `auto-trust-anchor-file`, whose files are understood as well; `lastseen` and
//! `holddown` are ours. A line without `;;state=` is somebody's word that the key is trusted. The last line counts and
//! digests what stands above it: without it the file is torn, with another digest it was edited by hand.
//! In: text, or the state. Out: the other. Reads and writes no file.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::key_set::{revoked, unrevoked};
use super::{Probes, Rollover, State, Tracked, TrustPoint};
use crate::clock::date;
use crate::dns::Name;
use crate::dns::base::{base64, hex};
use crate::dns::rdata::{Dnskey, Ds};
use crate::limits;
use crate::validate::algorithms::{algorithm_name, ds_digest};
use crate::validate::anchors::{AnchorError, AnchorFault, AnchorKey, Record, records};

/// The first line of a file that is kept here.
const HEAD: &str = ";;rootwalk-trust-anchors: 1";
const INTRODUCTION: &str = "\
; Trust anchors, kept by Rootwalk (RFC 5011). What stands behind ;; is read again; VALID and MISSING keys are trusted.
; To change it by hand edit it and restart: a DS or DNSKEY line that is added is trusted, one that is removed is
; forgotten, and trusted again in thirty days if its zone still shows it. Never to be trusted: ;;state=5
";
const END: &str = ";;end: ";

/// What a trust anchor file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnchorText {
    /// The zones, their keys, and what became of the last probes.
    pub rollover: Rollover,
    /// Who wrote it.
    pub origin: Origin,
}

/// Who wrote a trust anchor file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// [`Rollover::text`], as it is.
    Kept,
    /// [`Rollover::text`], and then somebody else.
    Edited,
    /// Somebody else.
    Seed,
}

/// Why a trust anchor file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// The file begins as one that is kept here and lacks its end.
    #[error("the file is torn: its last line is missing")]
    Torn,
    /// Lines that are no anchors.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Faults(Vec<AnchorFault>),
}

impl AnchorText {
    /// Reads a trust anchor file, a plain one, Unbound's or our own. All faults are returned.
    pub fn read(text: &str) -> Result<Self, TextError> {
        let origin = origin(text)?;
        let (mut keys, mut faults) = (Vec::new(), Vec::new());
        for record in records(text) {
            match record.and_then(|record| tracked(&record).map(|tracked| (record.zone, tracked))) {
                Ok((zone, Some(tracked))) => keys.push((zone, tracked)),
                Ok((_, None)) => {}
                Err(fault) => faults.push(fault),
            }
        }
        if !faults.is_empty() {
            return Err(TextError::Faults(faults));
        }
        let mut rollover = Rollover::tracking(keys);
        for (zone, probes) in all_probes(text) {
            if let Some(point) = rollover.points.get_mut(&zone) {
                point.probes = probes;
            }
        }
        Ok(Self { rollover, origin })
    }
}

/// Whether the text is whole, and whose it is.
fn origin(text: &str) -> Result<Origin, TextError> {
    // What a file system leaves of a write that it lost.
    if text.contains('\0') {
        return Err(TextError::Torn);
    }
    if !text.starts_with(HEAD) {
        return Ok(Origin::Seed);
    }
    let Some(at) = text.rfind(&format!("\n{END}")) else { return Err(TextError::Torn) };
    // The digest covers the count before it as well.
    let end = text.get(at.saturating_add(1)..).unwrap_or_default();
    let Some((line, after)) = end.split_once('\n') else { return Err(TextError::Torn) };
    let digest = line.trim_end().rsplit(' ').next().unwrap_or_default();
    if digest.len() != 64 {
        return Err(TextError::Torn);
    }
    let body = text.strip_suffix(&format!("{digest}\n"));
    let is_whole = after.is_empty() && body.is_some_and(|body| digest_of(body) == digest);
    Ok(if is_whole { Origin::Kept } else { Origin::Edited })
}

fn digest_of(body: &str) -> String {
    // Type 2 is SHA-256, which is always there.
    ds_digest(2, &[body.as_bytes()]).map(|digest| hex(digest.as_ref())).unwrap_or_default()
}

/// What a record and its comment say; none of a key in `START`.
fn tracked(record: &Record<'_>) -> Result<Option<Tracked>, AnchorFault> {
    let mut fields = BTreeMap::new();
    for field in record.note.split(";;").skip(1) {
        if let Some((key, value)) = field.split_once('=') {
            fields.insert(key.trim(), value.split_whitespace().next().unwrap_or_default());
        }
    }
    if !record.note.contains(";;") {
        record.not_revoked()?;
        return Ok(Some(Tracked::trusted(record.key.clone())));
    }
    let number = |key: &str| fields.get(key).and_then(|value| value.parse::<u64>().ok()).unwrap_or(0);
    // Unbound's numbers.
    let state = match fields.get("state").copied() {
        Some("0") => return Ok(None),
        Some("1") => State::AddPend,
        Some("2") => State::Valid,
        Some("3") => State::Missing,
        Some("4") => State::Revoked,
        Some("5") => State::Removed,
        // Not to be taken for a plain line: it may be a key that is not trusted yet.
        _ => {
            let what = AnchorError::State(record.note.chars().take(80).collect());
            return Err(AnchorFault { line: record.line, what });
        }
    };
    if !state.is_revoked() {
        record.not_revoked()?;
    }
    let key = match &record.key {
        AnchorKey::Dnskey(rdata) => {
            AnchorKey::Dnskey(Dnskey::read(rdata).map_or_else(|_| rdata.clone(), |key| unrevoked(&key)))
        }
        digest @ AnchorKey::Ds(_) => digest.clone(),
    };
    Ok(Some(Tracked {
        key,
        state,
        since: number("lastchange"),
        seen: number("lastseen"),
        sightings: u32::try_from(number("count")).unwrap_or(u32::MAX),
        hold_secs: number("holddown").max(limits::ANCHOR_ADD_HOLD_SECS),
    }))
}

/// What is written of the probes of each zone. Nothing is trusted because of it: what cannot be read is not known.
fn all_probes(text: &str) -> BTreeMap<Name, Probes> {
    let mut all: BTreeMap<Name, Probes> = BTreeMap::new();
    let mut current: Option<Name> = None;
    for line in text.lines() {
        let Some((key, value)) = line.strip_prefix(";;").and_then(|line| line.split_once(": ")) else {
            continue;
        };
        let word = value.split_whitespace().next().unwrap_or_default();
        if key == "id" {
            current = word.parse().ok();
            continue;
        }
        let Some(probes) = current.clone().map(|zone| all.entry(zone).or_default()) else { continue };
        let number: u64 = word.parse().unwrap_or(0);
        match key {
            "last_success" => probes.succeeded = number,
            "last_failure" => probes.failed = number,
            "next_probe_time" => probes.next = number,
            "query_failed" => probes.failures = u32::try_from(number).unwrap_or(u32::MAX),
            "query_interval" => probes.interval_secs = number,
            "retry_time" => probes.retry_secs = number,
            "query_error" => value.clone_into(&mut probes.error),
            _ => {}
        }
    }
    all
}

impl Rollover {
    /// The state as text. [`AnchorText::read`] makes the same of it.
    pub fn text(&self) -> String {
        let mut text = format!("{HEAD}\n{INTRODUCTION}");
        let mut keys = 0_usize;
        for (zone, point) in &self.points {
            push_zone(&mut text, zone, point);
            keys = keys.saturating_add(point.keys.len());
        }
        add(&mut text, format_args!("{END}{keys} keys, sha256 "));
        let digest = digest_of(&text);
        add(&mut text, format_args!("{digest}\n"));
        text
    }
}

fn push_zone(text: &mut String, zone: &Name, point: &TrustPoint) {
    let Probes { succeeded, failed, failures, error, next, interval_secs, retry_secs } = &point.probes;
    let zone = written(zone);
    add(text, format_args!("\n;;id: {zone} 1\n"));
    if !point.is_trusted() {
        text.push_str(
            "; No key of the zone is trusted any more: it counts as one without a trust anchor (RFC 5011 §5).\n",
        );
        text.push_str("; To trust it again add a line with its present key, and restart.\n");
    }
    for (key, time) in [
        ("last_queried", succeeded.max(failed)),
        ("last_success", succeeded),
        ("last_failure", failed),
        ("next_probe_time", next),
    ] {
        add(text, format_args!(";;{key}: {time} ;;{}\n", moment(*time)));
    }
    add(text, format_args!(";;query_failed: {failures}\n"));
    if !error.is_empty() {
        add(text, format_args!(";;query_error: {error}\n"));
    }
    add(text, format_args!(";;query_interval: {interval_secs}\n;;retry_time: {retry_secs}\n"));
    for tracked in &point.keys {
        add(text, format_args!("{zone}\tIN\t"));
        push_key(text, tracked);
    }
}

fn push_key(text: &mut String, tracked: &Tracked) {
    let Tracked { key, state, since, seen, sightings, hold_secs } = tracked;
    match key {
        AnchorKey::Ds(rdata) => {
            if let Ok(ds) = Ds::read(rdata) {
                let Ds { key_tag, algorithm, digest_type, digest } = ds;
                add(text, format_args!("DS\t{key_tag} {algorithm} {digest_type} {}", hex(digest)));
                add(text, format_args!(" ;{{id = {key_tag} (ds), {}}}", algorithm_name(algorithm)));
            }
        }
        AnchorKey::Dnskey(rdata) => {
            let shown = match Dnskey::read(rdata) {
                Ok(key) if state.is_revoked() => revoked(&key),
                _ => rdata.clone(),
            };
            if let Ok(key) = Dnskey::read(&shown) {
                let Dnskey { flags, algorithm, public_key, .. } = key;
                add(text, format_args!("DNSKEY\t{flags} 3 {algorithm} {}", base64(public_key)));
                let kind = if key.is_sep() { "ksk" } else { "zsk" };
                add(
                    text,
                    format_args!(" ;{{id = {} ({kind}), {}}}", key.key_tag(), algorithm_name(algorithm)),
                );
            }
        }
    }
    let (number, word) = match state {
        State::AddPend => (1, " ADDPEND "),
        State::Valid => (2, "  VALID  "),
        State::Missing => (3, " MISSING "),
        State::Revoked => (4, " REVOKED "),
        State::Removed => (5, " REMOVED "),
    };
    add(text, format_args!(" ;;state={number} [{word}] ;;count={sightings} ;;lastchange={since}"));
    add(text, format_args!(" ;;lastseen={seen} ;;holddown={hold_secs} ;;{}\n", moment(*since)));
}

/// A zone's name, without the letters that mean something to a reader of zone files.
fn written(zone: &Name) -> String {
    let mut name = zone.to_string();
    for (letter, escape) in [("\\;", "\\059"), ("\\(", "\\040"), ("\\)", "\\041")] {
        name = name.replace(letter, escape);
    }
    name
}

fn moment(unix: u64) -> String {
    if unix == 0 { "never".to_owned() } else { date(unix) }
}

/// Adds words to a text.
fn add(text: &mut String, words: std::fmt::Arguments<'_>) {
    // Writing to memory does not fail.
    let _infallible = text.write_fmt(words);
}
