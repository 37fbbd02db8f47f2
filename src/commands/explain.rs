//! `rootwalk explain NAME TYPE`: resolves one name and tells each step: whom it asked, what it was told and
//! left out, what proves the answer, and what all that cost.

use std::sync::{Arc, OnceLock};

use clap::Args;
use serde_json::{Map, Value, json};

use super::query::{Outcome, Watched, ask, printable};
use super::recorder::{Heard, Recorder, What, reason};
use super::{Exit, add, present, print};
use crate::config::Configuration;
use crate::dns::{Name, Question, RecordType, Rrset};
use crate::event::ProofStep;
use crate::limits::Limit;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The name to ask for
    name: Name,
    /// The record type
    #[arg(default_value = "A", value_name = "TYPE")]
    rtype: RecordType,
    /// Tell it as one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(configuration: &Configuration, arguments: &Arguments) -> Exit {
    let question = Question::new(arguments.name.clone(), arguments.rtype);
    let recorder: OnceLock<Arc<Recorder>> = OnceLock::new();
    let show = |outcome: Outcome, watched: &Watched| {
        let heard = recorder.get().map(|recorder| recorder.heard()).unwrap_or_default();
        let story = Story { question: &question, outcome: &outcome, heard: &heard, watched };
        print(&if arguments.json { format!("{:#}\n", story.json()) } else { story.text() });
        outcome.exit()
    };
    let watch = |assembly: &crate::app::assemble::Assembly| {
        let heard = recorder.get_or_init(|| Arc::new(Recorder::new(assembly.clock.clone())));
        Arc::clone(heard) as Arc<dyn crate::event::Observer>
    };
    ask(configuration, &question, false, show, watch).unwrap_or_else(|error| {
        eprintln!("the system gave no runtime: {error}");
        Exit::Failed
    })
}

/// A question and all that happened until it was answered.
struct Story<'a> {
    question: &'a Question,
    outcome: &'a Outcome,
    heard: &'a [Heard],
    watched: &'a Watched,
}

impl Story<'_> {
    fn text(&self) -> String {
        let mut text = self.outcome.text(self.question, false);
        text.push_str("\nthe walk\n");
        text.push_str(&self.walk());
        let proof = self.proof();
        if !proof.is_empty() {
            text.push_str("\nthe proof\n");
            text.push_str(&proof);
        }
        add(&mut text, format_args!("\nthe cost\n  {:.1} ms\n", self.watched.took_ms));
        for (limit, spent, cap) in self.costs() {
            add(&mut text, format_args!("  {limit:<24} {spent:>5} of {cap}\n"));
        }
        text
    }

    /// Whom it asked: what leads to the answer at the left, what it took besides further in.
    fn walk(&self) -> String {
        let mut text = String::new();
        let mut names = vec![self.question.name.clone()];
        let mut last: Option<(&Question, &Name)> = None;
        let mut wanted: Vec<&Question> = Vec::new();
        let mut depth = 0;
        for heard in self.heard {
            match &heard.what {
                What::Asked { question, zone, line, .. } => {
                    depth = depth_of(question, &names);
                    if last != Some((question, zone)) {
                        let indent = INDENT.repeat(depth);
                        add(
                            &mut text,
                            format_args!("{:>9.1}  {indent}{question}, asked of {zone}\n", heard.at_ms),
                        );
                    }
                    last = Some((question, zone));
                    add(
                        &mut text,
                        format_args!("{:>9}  {}{}\n", "", INDENT.repeat(depth + 1), printable(line)),
                    );
                }
                What::Walk { line, fields } => {
                    if let Some(target) =
                        fields.get("to").and_then(Value::as_str).and_then(|name| name.parse().ok())
                    {
                        names.push(target);
                        depth = 0;
                    }
                    add(
                        &mut text,
                        format_args!("{:>9}  {}{}\n", "", INDENT.repeat(depth + 1), printable(line)),
                    );
                }
                What::Needed(question) if wanted.contains(&question) => {}
                What::Needed(question) => {
                    wanted.push(question);
                    add(
                        &mut text,
                        format_args!("{:>9.1}  {INDENT}wanted for the proof: {question}\n", heard.at_ms),
                    );
                }
                What::Proven(_) | What::Judged { .. } => {}
            }
        }
        if text.is_empty() { "           nobody had to be asked\n".to_owned() } else { text }
    }

    /// Each step once: where an answer was bogus, other servers' answers led through the same steps.
    fn proof(&self) -> String {
        let mut text = String::new();
        let mut told: Vec<&ProofStep> = Vec::new();
        for heard in self.heard {
            match &heard.what {
                What::Proven(step) if told.contains(&step) => {}
                What::Proven(step) => {
                    told.push(step);
                    let (zone, what, state) =
                        (step.zone.to_string(), printable(&step.what), step.state.word());
                    add(&mut text, format_args!("  {zone:<24} {state:<13} {what}\n"));
                    if !step.why.is_empty() {
                        add(&mut text, format_args!("  {:<38} {}\n", "", printable(&step.why)));
                    }
                }
                What::Judged { question, state } => {
                    let why = reason(state).map(|reason| format!(": {reason}")).unwrap_or_default();
                    add(&mut text, format_args!("  {question} is {}{why}\n", state.word()));
                }
                What::Asked { .. } | What::Walk { .. } | What::Needed(_) => {}
            }
        }
        text
    }

    fn costs(&self) -> impl Iterator<Item = (&'static str, u32, u32)> + '_ {
        let counted = Limit::ALL.into_iter().filter(|limit| *limit != Limit::Milliseconds);
        counted.map(|limit| {
            let budget = &self.watched.budget;
            (limit.word(), budget.spent(limit), budget.cap(limit))
        })
    }

    fn json(&self) -> Value {
        let steps: Vec<Value> = self.heard.iter().map(Heard::fields).collect();
        let costs =
            self.costs().map(|(limit, spent, cap)| (limit.to_owned(), json!({ "spent": spent, "cap": cap })));
        let outcome = self.outcome;
        json!({
            "question": {
                "name": self.question.name.to_string(),
                "type": self.question.rtype.to_string(),
                "class": self.question.class.to_string(),
            },
            "status": outcome.rcode.to_string(),
            "state": outcome.state_word(),
            "reason": outcome.state.as_ref().and_then(reason),
            "ede": outcome.error.as_ref().map(|error| json!({ "code": error.code.0, "text": error.text })),
            "answer": records(&outcome.answer),
            "authority": records(&outcome.authority),
            "steps": steps,
            "budget": costs.collect::<Map<String, Value>>(),
            "took_ms": self.watched.took_ms,
        })
    }
}

const INDENT: &str = "  ";

/// 0 for what leads to the answer, 1 for what was asked besides: proofs and addresses of name servers.
fn depth_of(question: &Question, names: &[Name]) -> usize {
    let leads = names.iter().any(|name| name.is_subdomain_of(&question.name));
    let proves = matches!(question.rtype, RecordType::DS | RecordType::DNSKEY);
    usize::from(!leads || proves)
}

fn records(rrsets: &[Rrset]) -> Vec<Value> {
    let mut all = Vec::new();
    for rrset in rrsets {
        let values: Vec<String> =
            rrset.rdatas.iter().map(|rdata| present::rdata_text(rrset.rtype, rdata)).collect();
        let signatures: Vec<String> =
            rrset.signatures.iter().map(|rdata| present::rdata_text(RecordType::RRSIG, rdata)).collect();
        all.push(json!({
            "name": rrset.name.to_string(), "type": rrset.rtype.to_string(), "ttl": rrset.ttl,
            "records": values, "signatures": signatures,
        }));
    }
    all
}
