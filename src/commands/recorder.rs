//! Remembers what happened while a question was worked on, for `explain`.

use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::chain;
use super::check::counted;
use crate::clock::{Clock, Moment};
use crate::dns::delegation::{Delegation, DsEvidence};
use crate::dns::response::ResponseKind;
use crate::dns::security::ValidationState;
use crate::dns::{Name, Question};
use crate::event::{Event, Observer, ProofStep};

/// Hears and remembers.
pub(super) struct Recorder {
    clock: Clock,
    start: Moment,
    heard: Mutex<Vec<Heard>>,
}

/// Something that happened, and when.
#[derive(Debug, Clone)]
pub(super) struct Heard {
    /// Milliseconds since the question.
    pub(super) at_ms: f64,
    pub(super) what: What,
}

/// Events as [`Event`] tells them, kept. What needs no more than its words is written out at once.
#[derive(Debug, Clone)]
pub(super) enum What {
    /// A server was asked; `said` is what came of it.
    Asked {
        question: Question,
        zone: Name,
        line: String,
        fields: Value,
    },
    /// Something about the walk.
    Walk {
        line: String,
        fields: Value,
    },
    /// A DS or DNSKEY set was wanted.
    Needed(Question),
    Proven(ProofStep),
    Judged {
        question: Question,
        state: ValidationState,
    },
}

impl Recorder {
    pub(super) fn new(clock: Clock) -> Self {
        Self { start: clock.now(), clock, heard: Mutex::default() }
    }

    /// All that was heard, in the order it happened.
    pub(super) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The date, in seconds since 1970.
    pub(super) fn unix(&self) -> u64 {
        self.clock.unix()
    }

    /// Milliseconds since the question.
    pub(super) fn elapsed_ms(&self) -> f64 {
        self.clock.now().since(self.start).as_secs_f64() * 1_000.0
    }
}

impl Observer for Recorder {
    fn on(&self, event: &Event<'_>) {
        if let Some(what) = kept(event) {
            let heard = Heard { at_ms: self.elapsed_ms(), what };
            self.heard.lock().unwrap_or_else(PoisonError::into_inner).push(heard);
        }
    }

    fn wants_proof(&self) -> bool {
        true
    }
}

fn kept(event: &Event<'_>) -> Option<What> {
    Some(match event {
        // Told when it is known what came of it.
        Event::Sent { .. } => return None,
        Event::Received { question, zone, server, transport, kind, took } => {
            let (transport, kind, took_ms) =
                (transport.word(), kind_word(*kind), took.as_secs_f64() * 1_000.0);
            What::Asked {
                question: (*question).clone(),
                zone: (*zone).clone(),
                line: format!("{server} {transport}  {kind}, {took_ms:.1} ms"),
                fields: json!({
                    "event": "received", "question": question.to_string(), "zone": zone.to_string(),
                    "server": server.to_string(), "transport": transport, "kind": kind, "took_ms": took_ms,
                }),
            }
        }
        Event::Faulted { question, zone, server, transport, fault, took } => {
            let (transport, took_ms) = (transport.word(), took.as_secs_f64() * 1_000.0);
            What::Asked {
                question: (*question).clone(),
                zone: (*zone).clone(),
                line: format!("{server} {transport}  failed: {fault}, {took_ms:.1} ms"),
                fields: json!({
                    "event": "faulted", "question": question.to_string(), "zone": zone.to_string(),
                    "server": server.to_string(), "transport": transport, "fault": fault.to_string(), "took_ms": took_ms,
                }),
            }
        }
        Event::Ignored { server, why } => What::Walk {
            line: format!("passed over a datagram from {server}: {why}"),
            fields: json!({ "event": "ignored", "server": server.to_string(), "why": why }),
        },
        Event::Referred(delegation) => referred(delegation),
        Event::Scrubbed { zone, records } => What::Walk {
            line: format!(
                "left out {} that servers of {zone} have no right to send",
                counted(*records, "record")
            ),
            fields: json!({ "event": "scrubbed", "zone": zone.to_string(), "records": records }),
        },
        Event::Aliased { from, to } => What::Walk {
            line: format!("{from} is an alias of {to}: on to there"),
            fields: json!({ "event": "aliased", "from": from.to_string(), "to": to.to_string() }),
        },
        Event::Cached(question) => What::Walk {
            line: format!("{question} is in the cache"),
            fields: json!({ "event": "cached", "question": question.to_string() }),
        },
        Event::Needed(question) => What::Needed((*question).clone()),
        Event::Proven(step) => What::Proven((*step).clone()),
        Event::Judged { question, state } => {
            What::Judged { question: (*question).clone(), state: (*state).clone() }
        }
        Event::LimitReached { reached, shadow, .. } => What::Walk {
            line: format!(
                "the limit of {reached} for one question was reached{}",
                if *shadow { " (in shadow: the work goes on)" } else { "" }
            ),
            fields: json!({
                "event": "limit-reached", "limit": reached.limit.word(), "cap": reached.cap, "shadow": shadow,
            }),
        },
        Event::Failed { question, failure } => What::Walk {
            line: format!("{question} failed: {failure}"),
            fields: json!({ "event": "failed", "question": question.to_string(), "failure": failure.to_string() }),
        },
    })
}

fn referred(delegation: &Delegation) -> What {
    let servers: Vec<String> = delegation.servers.iter().map(|server| server.name.to_string()).collect();
    let (zone, count) = (&delegation.zone, servers.len());
    let glued = delegation.servers.iter().filter(|server| !server.glue.is_empty()).count();
    let ds = match delegation.ds {
        DsEvidence::Present(_) => "with DS",
        DsEvidence::Denied(_) => "with a denial of DS",
        DsEvidence::Absent => "without a word on DS",
    };
    What::Walk {
        line: format!("down to {zone}: {}, {glued} with addresses, {ds}", counted(count, "name server")),
        fields: json!({
            "event": "referred", "zone": zone.to_string(), "parent": delegation.parent.to_string(),
            "servers": servers, "glued": glued, "ds": ds, "ttl": delegation.ttl,
        }),
    }
}

fn kind_word(kind: ResponseKind) -> &'static str {
    match kind {
        ResponseKind::Answer => "answer",
        ResponseKind::Alias => "alias",
        ResponseKind::Referral => "referral",
        ResponseKind::NoData => "no data",
        ResponseKind::NxDomain => "no such name",
        ResponseKind::Lame => "lame",
        ResponseKind::Broken => "broken",
    }
}

impl Heard {
    /// The event for a machine.
    pub(super) fn fields(&self) -> Value {
        let mut fields = match &self.what {
            What::Asked { fields, .. } | What::Walk { fields, .. } => fields.clone(),
            What::Needed(question) => json!({ "event": "needed", "question": question.to_string() }),
            What::Proven(step) => {
                let mut fields = chain::fact_json(&step.fact);
                if let Some(object) = fields.as_object_mut() {
                    object.insert("event".to_owned(), json!("proven"));
                    object.insert("zone".to_owned(), json!(step.zone.to_string()));
                }
                fields
            }
            What::Judged { question, state } => json!({
                "event": "judged", "question": question.to_string(), "state": state.word(),
                "reason": reason(state),
            }),
        };
        if let Some(object) = fields.as_object_mut() {
            object.insert("at_ms".to_owned(), json!(self.at_ms));
        }
        fields
    }
}

/// Why it is bogus.
pub(super) fn reason(state: &ValidationState) -> Option<String> {
    match state {
        ValidationState::Bogus(reason) => Some(reason.to_string()),
        _ => None,
    }
}
