//! The log: lines for a person or for a machine, on standard error.

use std::io::IsTerminal;

use crate::config::{Log, LogFormat};
use crate::event::{Event, Observer};

/// Begins to write. A second call changes nothing.
pub fn begin(log: &Log) {
    let builder = tracing_subscriber::fmt()
        .with_max_level(log.level)
        .with_target(false)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let result = match log.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    if let Err(error) = result {
        tracing::debug!(%error, "the log is already being written");
    }
}

/// Tells the log why questions failed. Names are written as RFC 1035 §5.1 escapes them, so no name can
/// forge a line.
#[derive(Debug, Clone, Copy, Default)]
pub struct Narrator;

impl Observer for Narrator {
    fn on(&self, event: &Event<'_>) {
        match event {
            Event::Failed { question, failure } => tracing::debug!(%question, %failure, "no answer"),
            Event::Faulted { question, server, transport, fault, .. } => {
                tracing::trace!(%question, %server, transport = transport.word(), %fault, "a server failed");
            }
            _ => {}
        }
    }
}
