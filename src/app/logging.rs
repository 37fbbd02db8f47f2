//! The log: lines for a person or for a machine, on standard error.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::Clock;
use crate::config::{Log, LogFormat};
use crate::dns::Question;
use crate::event::{Event, Observer};
use crate::limits::{Limit, Reached};

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

/// Seconds in which a limit writes one line, however many questions reach it.
const LIMIT_LINE_SECS: u64 = 10;

/// Tells the log why questions failed, and which limits they reached. Names are written as RFC 1035 §5.1 escapes
/// them, so no name can forge a line.
#[derive(Debug)]
pub struct Narrator {
    clock: Clock,
    limits: [Quiet; Limit::COUNT],
}

impl Narrator {
    /// One that has said nothing yet.
    pub fn new() -> Self {
        Self { clock: Clock::system(), limits: Default::default() }
    }

    fn limit_reached(&self, question: Option<&Question>, reached: Reached, shadow: bool) {
        let now = self.clock.now().secs();
        let Some(more) = self.limits.get(reached.limit.index()).and_then(|quiet| quiet.may_speak(now)) else {
            return;
        };
        let question = question.map_or_else(|| "none of a client's".to_owned(), ToString::to_string);
        let mode = if shadow { "shadow" } else { "enforced" };
        tracing::info!(limit = reached.limit.word(), cap = reached.cap, %question, mode, more, "a limit was reached");
    }
}

impl Default for Narrator {
    fn default() -> Self {
        Self::new()
    }
}

/// Lets one line pass in [`LIMIT_LINE_SECS`], and counts what was not said.
#[derive(Debug, Default)]
struct Quiet {
    /// From this second on a line may be written.
    until: AtomicU64,
    unsaid: AtomicU64,
}

impl Quiet {
    /// How many were not said since the last line; none: nor is this one.
    fn may_speak(&self, now_secs: u64) -> Option<u64> {
        let until = self.until.load(Ordering::Relaxed);
        let next = now_secs.saturating_add(LIMIT_LINE_SECS);
        let mine = now_secs >= until
            && self.until.compare_exchange(until, next, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if mine {
            return Some(self.unsaid.swap(0, Ordering::Relaxed));
        }
        self.unsaid.fetch_add(1, Ordering::Relaxed);
        None
    }
}

impl Observer for Narrator {
    fn on(&self, event: &Event<'_>) {
        match event {
            Event::Failed { question, failure } => tracing::debug!(%question, %failure, "no answer"),
            Event::Faulted { question, server, transport, fault, .. } => {
                tracing::trace!(%question, %server, transport = transport.word(), %fault, "a server failed");
            }
            Event::LimitReached { question, reached, shadow } => {
                self.limit_reached(*question, *reached, *shadow);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::dns::RecordType;

    #[test]
    fn a_limit_that_a_thousand_questions_reach_writes_a_line_each_ten_seconds() {
        let quiet = Quiet::default();
        let lines: Vec<(u64, u64)> = (0..1_000)
            .map(|question| question / 40)
            .filter_map(|second| quiet.may_speak(second).map(|more| (second, more)))
            .collect();
        assert_eq!(lines, [(0, 0), (10, 399), (20, 399)]);
    }

    /// What is written meanwhile.
    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Paper {
        fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(octets);
            Ok(octets.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_line_of_a_limit_names_it_with_its_size_question_and_mode() {
        let paper = Paper::default();
        let writer = paper.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .without_time()
            .with_writer(move || writer.clone())
            .finish();
        let question = Question::new("a\\010b.example.".parse().unwrap(), RecordType::A);
        tracing::subscriber::with_default(subscriber, || {
            let narrator = Narrator::new();
            for (limit, question, shadow) in [
                (Limit::Packets, Some(&question), true),
                (Limit::Packets, None, false),
                (Limit::Evidence, None, false),
            ] {
                let reached = Reached { limit, cap: limit.default_cap() };
                narrator.on(&Event::LimitReached { question, reached, shadow });
            }
        });
        let written = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<&str> = written.lines().collect();
        assert_eq!(lines.len(), 2, "{written}");
        assert!(
            lines[0].contains("a limit was reached limit=\"packets\" cap=100 question=a\\010b.example. A"),
            "{written}"
        );
        assert!(lines[0].contains("mode=\"shadow\"") && lines[1].contains("mode=\"enforced\""), "{written}");
    }
}
