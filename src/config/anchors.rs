//! The trust anchor file as it is found: what it says, or where it is torn or gone, what it said before.
//!
//! A file that was torn by a crash is refused, and its predecessor beside it is used. A file with faulty lines is an
//! operator's to mend: its faults are told, and nothing else is used in its place. Writes nothing.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::{Dnssec, Fault, Source};
use crate::limits;
use crate::validate::anchors::AnchorFault;
use crate::validate::rollover::{AnchorText, Origin, TextError};
use crate::validate::{Anchors, Policy, Rollover};

const KEY: &str = "dnssec.trust-anchor-file";

/// A trust anchor file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnchorFile {
    /// The path, as it is configured.
    pub path: PathBuf,
    /// What stands there; empty if nothing can be read.
    pub text: String,
}

/// What is trusted, and where that stands.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) rollover: Rollover,
    pub(super) file: Option<AnchorFile>,
    pub(super) warnings: Vec<Fault>,
}

/// The state before the last one, beside a trust anchor file.
pub fn backup(path: &Path) -> PathBuf {
    beside(path, ".bak")
}

/// A path with something behind its name.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The text of a trust anchor file.
///
/// # Errors
/// Those of reading; `FileTooLarge` above [`limits::ANCHOR_FILE_OCTETS_MAX`].
pub fn text(path: &Path) -> io::Result<String> {
    let kind = std::fs::metadata(path)?.file_type();
    // A pipe would be waited for, and neither can be replaced by a file.
    if !kind.is_file() && !kind.is_dir() {
        return Err(io::Error::other("it is a device or a pipe"));
    }
    let mut octets = Vec::new();
    File::open(path)?.take(limits::ANCHOR_FILE_OCTETS_MAX.saturating_add(1)).read_to_end(&mut octets)?;
    if u64::try_from(octets.len()).is_ok_and(|read| read > limits::ANCHOR_FILE_OCTETS_MAX) {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    // An editor's mark at the beginning, and comments in another encoding, say nothing against the anchors.
    let text = String::from_utf8_lossy(&octets);
    Ok(text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned())
}

/// Reads what `[dnssec]` names.
pub(super) fn read(dnssec: &Dnssec) -> Result<Read, Vec<Fault>> {
    let path = match &dnssec.trust_anchor_file {
        Source::Builtin => {
            return Ok(Read { rollover: Rollover::new(&Anchors::builtin()), ..Read::default() });
        }
        Source::File(path) => path,
    };
    let found = text(path);
    let text = found.as_ref().ok().cloned().unwrap_or_default();
    let mut warnings = Vec::new();
    let rollover = match said(path, found) {
        Ok(AnchorText { rollover, .. }) if rollover.is_empty() && !dnssec.validation => rollover,
        Ok(AnchorText { rollover, origin }) if !rollover.is_empty() => {
            if origin == Origin::Edited {
                let what =
                    "the file was changed by hand since it was written: each line is taken as it stands";
                warnings.push(Fault::of_file(path, KEY, what.to_owned()));
            }
            rollover
        }
        Ok(_) => {
            let what = format!(
                "the file has no trust anchor: add a DS or DNSKEY record (`{}` puts the root's there), or set \
                 validation = false",
                begin(path)
            );
            let fault = Fault::of_file(path, KEY, what);
            predecessor(path, vec![fault], &mut warnings)?
        }
        Err(Lost::Torn(fault)) => predecessor(path, vec![fault], &mut warnings)?,
        Err(Lost::Faulty(faults)) => return Err(faults),
    };
    for zone in rollover.lost().filter(|_| dnssec.validation) {
        let what = format!(
            "no key of {zone} is trusted any more: it counts as a zone without a trust anchor, and nothing below it \
             is validated unless a zone above has one; add a line with the zone's present key"
        );
        warnings.push(Fault::of_file(path, KEY, what));
    }
    if dnssec.validation {
        let doubts = rollover.anchors().doubts(Policy { sha1: dnssec.sha1, ..Policy::default() });
        warnings.extend(doubts.iter().map(|doubt| Fault::of_file(path, KEY, doubt.to_string())));
    }
    Ok(Read { rollover, file: Some(AnchorFile { path: path.clone(), text }), warnings })
}

/// Why a file cannot be used.
enum Lost {
    /// It is gone, or not whole.
    Torn(Fault),
    /// Somebody has to mend it.
    Faulty(Vec<Fault>),
}

fn said(path: &Path, found: io::Result<String>) -> Result<AnchorText, Lost> {
    let fault = |what: &str| Fault::of_file(path, KEY, what.to_owned());
    let text = found.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            let command = begin(path);
            Lost::Torn(fault(&format!(
                "there is no such file: to begin with the root's keys that come with the program run `{command}`, \
                 for other keys put their DS or DNSKEY records there; or write \"builtin\", and no state is kept"
            )))
        }
        io::ErrorKind::FileTooLarge => Lost::Faulty(vec![fault(
            "the file is larger than 1 MiB: it is no trust anchor file, check the path",
        )]),
        _ => Lost::Faulty(vec![Fault::unreadable(path, KEY, &error)]),
    })?;
    AnchorText::read(&text).map_err(|error| match error {
        TextError::Torn => Lost::Torn(fault(
            "the file is torn: its last line is missing; restore it, or put the zone's DS or DNSKEY records there",
        )),
        TextError::Faults(found) => Lost::Faulty(found.iter().map(|found| of_line(path, found)).collect()),
    })
}

/// The command that writes a first file.
fn begin(path: &Path) -> String {
    let command = format!("rootwalk anchor builtin > {}", path.display());
    match path.parent().filter(|parent| !parent.as_os_str().is_empty() && !parent.exists()) {
        Some(parent) => format!("mkdir -p {} && {command}", parent.display()),
        None => command,
    }
}

fn of_line(path: &Path, fault: &AnchorFault) -> Fault {
    Fault { line: Some(fault.line), ..Fault::of_file(path, KEY, fault.what.to_string()) }
}

/// The state before the last one, with a warning; without it, what is wrong with the last one.
fn predecessor(path: &Path, faults: Vec<Fault>, warnings: &mut Vec<Fault>) -> Result<Rollover, Vec<Fault>> {
    let backup = backup(path);
    match text(&backup).ok().and_then(|text| AnchorText::read(&text).ok()) {
        Some(AnchorText { rollover, .. }) if !rollover.is_empty() => {
            warnings.extend(faults);
            let what = "the state before it is used";
            warnings.push(Fault::of_file(&backup, KEY, what.to_owned()));
            Ok(rollover)
        }
        _ => Err(faults),
    }
}
