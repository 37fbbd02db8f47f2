//! `rootwalk query NAME TYPE`: resolves in this process, as the configuration says, and prints what came.

use std::sync::Arc;

use clap::Args;

use super::{Exit, add, present, print};
use crate::app::assemble::{self, Assembly};
use crate::config::Configuration;
use crate::dns::edns::ExtendedError;
use crate::dns::security::ValidationState;
use crate::dns::{Name, Question, Rcode, RecordType, Rrset};
use crate::event::{Observer, Silent};
use crate::failure::Failure;
use crate::limits;
use crate::service::Answer;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The name to ask for
    name: Name,
    /// The record type
    #[arg(default_value = "A", value_name = "TYPE")]
    rtype: RecordType,
    /// Print bogus data as well (CD, checking disabled)
    #[arg(long)]
    cd: bool,
    /// Print signatures and denial records as well (DO, DNSSEC OK)
    #[arg(long)]
    dnssec: bool,
}

/// What came of a question.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) rcode: Rcode,
    pub(super) answer: Vec<Rrset>,
    pub(super) authority: Vec<Rrset>,
    /// None: nothing to judge, the answer is this host's own.
    pub(super) state: Option<ValidationState>,
    pub(super) error: Option<ExtendedError>,
}

impl Outcome {
    /// What came of a question that was resolved.
    pub(super) fn of(result: Result<Answer, Failure>) -> Self {
        match result {
            Ok(answer) => Self {
                rcode: answer.rcode,
                answer: answer.answer,
                authority: answer.authority,
                state: Some(answer.state),
                error: answer.note,
            },
            Err(failure) => Self::failed(&failure),
        }
    }

    fn failed(failure: &Failure) -> Self {
        let state = match failure.root_cause() {
            Failure::Bogus(reason) => ValidationState::Bogus(reason.clone()),
            _ => ValidationState::Indeterminate,
        };
        Self {
            rcode: Rcode::SERVFAIL,
            answer: Vec::new(),
            authority: Vec::new(),
            state: Some(state),
            error: Some(failure.ede()),
        }
    }

    /// How the command ends: an answer is good, also one that there is nothing.
    pub(super) fn exit(&self) -> Exit {
        if matches!(self.rcode, Rcode::NOERROR | Rcode::NXDOMAIN) { Exit::Good } else { Exit::Failed }
    }

    /// `secure`, `insecure`, `bogus`, `indeterminate`, or `local`.
    pub(super) fn state_word(&self) -> &'static str {
        self.state.as_ref().map_or("local", ValidationState::word)
    }

    /// The reply as text.
    pub(super) fn text(&self, question: &Question, with_dnssec: bool) -> String {
        let ad = if self.state.as_ref().is_some_and(ValidationState::is_secure) { " ad" } else { "" };
        let mut text =
            format!(";; {question}\n;; status: {}, flags: qr rd ra{ad}, {}\n", self.rcode, self.state_word());
        if let Some(error) = &self.error {
            add(&mut text, format_args!(";; EDE {}: {}\n", error.code.0, printable(&error.text)));
        }
        for (title, rrsets) in [("ANSWER", &self.answer), ("AUTHORITY", &self.authority)] {
            let shown = rrsets.iter().filter(|rrset| {
                with_dnssec || rrset.rtype == question.rtype || !rrset.rtype.is_dnssec_proof()
            });
            let lines: String = shown.map(|rrset| present::rrset(rrset, with_dnssec)).collect();
            if !lines.is_empty() {
                add(&mut text, format_args!("\n;; {title}\n{lines}"));
            }
        }
        text
    }
}

/// Text from elsewhere, without what could speak to the terminal.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

/// Asks, in a runtime of its own, and hands the answer and the assembly to `then`.
pub(super) fn ask<T>(
    configuration: &Configuration,
    question: &Question,
    checking_disabled: bool,
    then: impl FnOnce(Outcome, &Watched) -> T,
    watch: impl FnOnce(&Assembly) -> Arc<dyn Observer>,
) -> Result<T, std::io::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        let assembly = assemble::assemble(configuration, limits::UPSTREAM_SOCKETS_MAX, Arc::new(Silent));
        let context = assembly.service.context(watch(&assembly));
        let outcome = match assemble::local_answer(&configuration.settings, question) {
            Some(local) => Outcome {
                rcode: local.rcode,
                answer: local.answer,
                authority: local.authority,
                state: None,
                error: None,
            },
            None => Outcome::of(assembly.service.answer(question, checking_disabled, &context).await),
        };
        then(outcome, &Watched { budget: Arc::clone(&context.budget), took_ms: since(&assembly, &context) })
    });
    runtime.shutdown_background();
    Ok(result)
}

/// What a question cost.
pub(super) struct Watched {
    pub(super) budget: Arc<crate::budget::Budget>,
    pub(super) took_ms: f64,
}

fn since(assembly: &Assembly, context: &crate::context::Context) -> f64 {
    assembly.clock.now().since(context.budget.start()).as_secs_f64() * 1_000.0
}

pub(super) fn run(configuration: &Configuration, arguments: &Arguments) -> Exit {
    let question = Question::new(arguments.name.clone(), arguments.rtype);
    let show = |outcome: Outcome, watched: &Watched| {
        let packets = watched.budget.spent(limits::Limit::Packets);
        let footer = format!("\n;; {:.1} ms, {packets} packets sent\n", watched.took_ms);
        print(&(outcome.text(&question, arguments.dnssec) + &footer));
        outcome.exit()
    };
    ask(configuration, &question, arguments.cd, show, |_| Arc::new(Silent)).unwrap_or_else(|error| {
        eprintln!("the system gave no runtime: {error}");
        Exit::Failed
    })
}
