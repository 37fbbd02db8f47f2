//! `rootwalk anchor status`: the trust anchors as their file tells, without a running server, and the watched zones as
//! they are found now. `rootwalk anchor builtin`: the keys to begin with.
//!
//! Good is what needs nobody: a trusted key in use, a look at the zone's keys that succeeded when it was due, and
//! watched zones that are secure with signatures that are not about to expire.

use std::sync::Arc;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Exit, add, print};
use crate::app::assemble;
use crate::clock::{Clock, date};
use crate::config::Configuration;
use crate::dns::Name;
use crate::event::Silent;
use crate::limits;
use crate::service::health::{Condition, ZoneHealth};
use crate::validate::Anchors;
use crate::validate::algorithms::algorithm_name;
use crate::validate::rollover::{AnchorText, KeyStatus, Origin, State, ZoneStatus};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show each key, its state, and when its zone was last looked at; and prove the zones of `[dnssec] watch`
    Status {
        /// Prove the zones of the trust anchors as well: servers are asked
        #[arg(long)]
        check: bool,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the root's keys that come with the program, as a first trust anchor file
    Builtin,
}

/// Seconds that a look may be late before nobody seems to look.
const LATE_SECS: u64 = limits::ANCHOR_RETRY_SECS_MAX;

impl Arguments {
    /// Does what needs no configuration, which may lack just this file. None: there is more to do.
    pub(super) fn run_alone(&self) -> Option<Exit> {
        let Action::Builtin = self.action else { return None };
        print(Anchors::builtin_text());
        Some(Exit::Good)
    }
}

pub(super) fn run(configuration: &Configuration, arguments: &Arguments) -> Exit {
    let Action::Status { check, json } = arguments.action else { return Exit::Good };
    let mut report = Report::new(configuration, Clock::system().unix());
    let anchors = report.zones.iter().map(|status| &status.zone).filter(|_| check);
    let mut zones: Vec<Name> = anchors.chain(&configuration.settings.dnssec.watch).cloned().collect();
    zones.sort();
    zones.dedup();
    if report.validation && !zones.is_empty() {
        match found(configuration, zones) {
            Ok(found) => report.watch(found),
            Err(error) => {
                eprintln!("the system gave no runtime: {error}");
                return Exit::Failed;
            }
        }
    }
    print(&if json { format!("{:#}\n", report.json()) } else { report.text() });
    if report.attention.is_empty() { Exit::Good } else { Exit::Failed }
}

/// Proves each of the zones from the trust anchor down. None of one: this host reaches nobody.
fn found(
    configuration: &Configuration,
    zones: Vec<Name>,
) -> Result<Vec<(Name, Option<ZoneHealth>)>, std::io::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let found = runtime.block_on(async {
        let assembly = assemble::assemble(configuration, limits::UPSTREAM_SOCKETS_MAX, Arc::new(Silent));
        let checks: Vec<_> = zones
            .into_iter()
            .map(|zone| {
                let service = Arc::clone(&assembly.service);
                tokio::spawn(async move { (service.check_zone(&zone, None).await, zone) })
            })
            .collect();
        let mut found = Vec::with_capacity(checks.len());
        for check in checks {
            if let Ok((health, zone)) = check.await {
                found.push((zone, health));
            }
        }
        found
    });
    runtime.shutdown_background();
    Ok(found)
}

/// All there is to say.
struct Report {
    /// None: the anchors come with the program.
    path: Option<String>,
    /// Who wrote the file; none if it is not there, or torn.
    origin: Option<Origin>,
    validation: bool,
    zones: Vec<ZoneStatus>,
    watched: Vec<(Name, Option<ZoneHealth>)>,
    /// What somebody has to do something about.
    attention: Vec<String>,
}

impl Report {
    fn new(configuration: &Configuration, now: u64) -> Self {
        let validation = configuration.settings.dnssec.validation;
        let zones = configuration.rollover.status();
        let file = configuration.anchor_file.as_ref();
        let of_file =
            configuration.warnings.iter().filter(|warning| warning.key == "dnssec.trust-anchor-file");
        let mut attention: Vec<String> = of_file.map(ToString::to_string).collect();
        if validation && file.is_some() {
            attention.extend(zones.iter().filter_map(|zone| trouble(zone, now)));
        }
        Self {
            path: file.map(|file| file.path.display().to_string()),
            origin: file.and_then(|file| AnchorText::read(&file.text).ok()).map(|read| read.origin),
            validation,
            zones,
            watched: Vec::new(),
            attention,
        }
    }

    /// Takes in what was found of the watched zones.
    fn watch(&mut self, found: Vec<(Name, Option<ZoneHealth>)>) {
        let bad = found
            .iter()
            .filter(|(_, health)| health.as_ref().is_none_or(|health| health.condition != Condition::Well));
        self.attention.extend(bad.map(|(zone, health)| sentence(zone, health.as_ref())));
        self.watched = found;
    }

    fn health(&self) -> &'static str {
        match (&self.path, self.origin) {
            (None, _) => "nothing is kept on disk; a running server follows the builtin keys in memory",
            (_, Some(Origin::Kept)) => "kept by rootwalk, whole",
            (_, Some(Origin::Edited)) => {
                "changed by hand since it was written; it counts as it stands from the next start on"
            }
            (_, Some(Origin::Seed)) => {
                "a plain file: states are kept in it once a server has started with it"
            }
            (_, None) => "it cannot be used",
        }
    }

    fn text(&self) -> String {
        let mut text = format!("{}: {}\n", self.path.as_deref().unwrap_or("builtin"), self.health());
        if !self.validation {
            text.push_str("validation is off: trust anchors are neither used nor followed\n");
        }
        for zone in &self.zones {
            let probes = &zone.probes;
            add(&mut text, format_args!("\n{}\n", zone.zone));
            for key in &zone.keys {
                add(&mut text, format_args!("  {}\n", line(key)));
            }
            add(&mut text, format_args!("  last look that succeeded: {}\n", when(probes.succeeded)));
            add(&mut text, format_args!("  last look that failed: {}", when(probes.failed)));
            if probes.failed != 0 {
                add(&mut text, format_args!(" ({})", super::query::printable(&probes.error)));
            }
            let next =
                if zone.is_trusted() { next(probes.next) } else { "none: no key is trusted".to_owned() };
            add(&mut text, format_args!("\n  next look: {next}\n"));
        }
        if !self.watched.is_empty() {
            text.push_str("\nwatched zones\n");
            for (zone, health) in &self.watched {
                add(&mut text, format_args!("  {}\n", sentence(zone, health.as_ref())));
            }
        }
        if !self.attention.is_empty() {
            text.push_str("\nneeds attention:\n");
            for what in &self.attention {
                add(&mut text, format_args!("  {what}\n"));
            }
        }
        text
    }

    fn json(&self) -> Value {
        let origin = self.origin.map(|origin| match origin {
            Origin::Kept => "kept",
            Origin::Edited => "edited",
            Origin::Seed => "plain",
        });
        json!({
            "file": self.path,
            "origin": origin,
            "validation": self.validation,
            "good": self.attention.is_empty(),
            "attention": self.attention,
            "zones": self.zones.iter().map(zone_json).collect::<Vec<_>>(),
            "watched": self.watched.iter().map(watched_json).collect::<Vec<_>>(),
        })
    }
}

fn sentence(zone: &Name, health: Option<&ZoneHealth>) -> String {
    let text = health
        .map_or_else(|| format!("{zone} cannot be checked: this host reaches nobody"), ToString::to_string);
    super::query::printable(&text)
}

/// Times are seconds since 1970.
fn watched_json((zone, health): &(Name, Option<ZoneHealth>)) -> Value {
    json!({
        "zone": zone.to_string(),
        "condition": health.as_ref().map_or("unchecked", |health| health.condition.word()),
        "expires": health.as_ref().and_then(|health| health.expires.as_ref())
            .map(|expiry| expiry.signature.expiration),
        "text": sentence(zone, health.as_ref()),
    })
}

fn known(unix: u64) -> Option<u64> {
    Some(unix).filter(|unix| *unix != 0)
}

/// Times are seconds since 1970.
fn zone_json(zone: &ZoneStatus) -> Value {
    let probes = &zone.probes;
    let key = |key: &KeyStatus| {
        json!({
            "tag": key.key_tag,
            "algorithm": key.algorithm,
            "algorithm_name": algorithm_name(key.algorithm),
            "digest_only": key.is_digest,
            "state": key.state.word(),
            "since": key.since,
            "last_seen": key.seen,
            "until": key.until,
        })
    };
    json!({
        "zone": zone.zone.to_string(),
        "trusted": zone.is_trusted(),
        "last_success": known(probes.succeeded),
        "last_failure": known(probes.failed),
        "last_error": Some(&probes.error).filter(|error| !error.is_empty()),
        "failures": probes.failures,
        "next_probe": known(probes.next),
        "keys": zone.keys.iter().map(key).collect::<Vec<_>>(),
    })
}

fn when(unix: u64) -> String {
    known(unix).map_or_else(|| "never".to_owned(), date)
}

fn next(unix: u64) -> String {
    known(unix).map_or_else(|| "when a server starts".to_owned(), date)
}

/// `20326 RSASHA256 addpend since …, trusted from … on`
fn line(key: &KeyStatus) -> String {
    let mut text = format!("{:<5} {} {}", key.key_tag, algorithm_name(key.algorithm), key.state);
    if let Some(since) = key.since {
        add(&mut text, format_args!(" since {}", date(since)));
    }
    if let Some(until) = key.until {
        let then = match key.state {
            State::AddPend => "trusted if still there at",
            State::Missing => "forgotten if still missing at",
            _ => "removed if gone at",
        };
        add(&mut text, format_args!(", {then} {}", date(until)));
    }
    if key.is_digest {
        text.push_str(", known by its digest");
    }
    text
}

/// What somebody has to do something about.
fn trouble(zone: &ZoneStatus, now: u64) -> Option<String> {
    let (name, probes) = (&zone.zone, &zone.probes);
    if !zone.is_trusted() {
        // The configuration has warned of it.
        return None;
    }
    if probes.failures > 0 {
        let (failures, error) = (probes.failures, super::query::printable(&probes.error));
        return Some(format!(
            "{name}: {failures} looks at its keys in a row failed ({error}): see `rootwalk explain {name} DNSKEY`"
        ));
    }
    if !zone.keys.iter().any(|key| key.state == State::Valid) {
        return Some(format!(
            "{name}: the zone shows no key that is trusted: compare its DNSKEY records with those its operator publishes"
        ));
    }
    if known(probes.next).is_some_and(|next| now > next.saturating_add(LATE_SECS)) {
        let next = date(probes.next);
        return Some(format!(
            "{name}: its keys should have been looked at on {next}: see whether rootwalk runs, uses this file and may write it"
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{self, AnchorFile};

    const NOW: u64 = 1_800_000_000;

    fn report(text: &str, now: u64) -> Report {
        let mut configuration = config::parse("", Path::new("")).unwrap();
        configuration.rollover = AnchorText::read(text).unwrap().rollover;
        configuration.anchor_file = Some(AnchorFile { path: "root.key".into(), text: text.to_owned() });
        Report::new(&configuration, now)
    }

    fn file(more: &str, state: &str) -> String {
        format!(
            ";;id: example. 1\n;;last_success: {NOW} ;;x\n;;next_probe_time: {}\n{more}\
             example. IN DNSKEY 257 3 13 Zm9vYmFy ;;state={state} ;;lastchange={NOW}\n\
             example. IN DNSKEY 257 3 13 Zm9vYmFz ;;state=1 ;;lastchange={NOW}\n",
            NOW + 3_600
        )
    }

    #[test]
    fn keys_that_are_in_use_and_looked_at_are_good() {
        let report = report(&file("", "2"), NOW + 3_600 + LATE_SECS);
        assert_eq!(report.attention, [""; 0]);
        let text = report.text();
        for part in [
            "root.key: a plain file",
            "valid since 2027-01-15 08:00:00 UTC\n",
            "addpend since 2027-01-15 08:00:00 UTC, trusted if still there at 2027-02-14 08:00:00 UTC",
            "last look that succeeded: 2027-01-15 08:00:00 UTC",
            "last look that failed: never",
            "next look: 2027-01-15 09:00:00 UTC",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        let json = report.json();
        let zone = &json["zones"][0];
        assert_eq!((&json["good"], &zone["next_probe"]), (&json!(true), &json!(NOW + 3_600)));
        assert_eq!(zone["keys"][1]["state"], "addpend");
        assert_eq!(zone["keys"][1]["until"], json!(NOW + limits::ANCHOR_ADD_HOLD_SECS));
    }

    #[test]
    fn what_needs_attention_is_a_sentence_with_a_remedy() {
        let failing = ";;query_failed: 3\n;;last_failure: 1800000001\n;;query_error: no server\u{7}answers\n";
        for (text, now, part) in [
            (file(failing, "2"), NOW, "3 looks at its keys in a row failed (no server\u{fffd}answers): see"),
            (file("", "3"), NOW, "the zone shows no key that is trusted"),
            (file("", "2"), NOW + 3_601 + LATE_SECS, "should have been looked at on 2027-01-15 09:00:00 UTC"),
        ] {
            let report = report(&text, now);
            assert!(
                report.attention.len() == 1 && report.attention[0].contains(part),
                "{:?}",
                report.attention
            );
            assert!(report.text().contains("needs attention") && report.json()["good"] == json!(false));
        }
    }

    #[test]
    fn watched_zones_that_are_not_well_need_attention() {
        let mut report = report(&file("", "2"), NOW);
        let health = |zone: &str, condition| {
            let zone: Name = zone.parse().unwrap();
            (zone.clone(), Some(ZoneHealth { zone, checked: NOW, condition, expires: None }))
        };
        report.watch(vec![
            health("well.example.", Condition::Well),
            health("plain.example.", Condition::Insecure("no DS".to_owned())),
            ("far.example.".parse().unwrap(), None),
        ]);
        let (text, json) = (report.text(), report.json());
        assert!(text.contains("watched zones\n  well.example. is secure\n"), "{text}");
        assert_eq!(
            report.attention,
            ["plain.example. is insecure: no DS", "far.example. cannot be checked: this host reaches nobody"]
        );
        let words: Vec<_> = (0..3).map(|index| json["watched"][index]["condition"].clone()).collect();
        assert_eq!(
            (words, &json["good"]),
            (vec![json!("well"), json!("insecure"), json!("unchecked")], &json!(false))
        );
    }
}
