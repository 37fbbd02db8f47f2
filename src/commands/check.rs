//! `rootwalk check`: the configuration is read as `serve` would, and every fault and warning told.

use std::path::Path;

use super::{Exit, add, print};
use crate::config::Configuration;

/// Tells the warnings; faults were told when the file was read.
pub(super) fn run(configuration: &Configuration, file: Option<&Path>) -> Exit {
    let mut text = String::new();
    for warning in &configuration.warnings {
        add(&mut text, format_args!("{warning}\n"));
    }
    let what = file.map_or_else(|| "the defaults".to_owned(), |file| file.display().to_string());
    match configuration.warnings.len() {
        0 => add(&mut text, format_args!("{what}: good\n")),
        count => add(&mut text, format_args!("{what}: good, with {}\n", counted(count, "warning"))),
    }
    print(&text);
    Exit::Good
}

/// `1 fault`, `2 faults`.
pub(super) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
