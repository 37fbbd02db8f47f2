//! What happens while a question is worked on, for `explain`, metrics and logs.
//!
//! Events borrow what they tell of: an observer that does not keep them costs nothing.

use std::net::SocketAddr;
use std::time::Duration;

use crate::dns::delegation::Delegation;
use crate::dns::response::{ResponseKind, Transport};
use crate::dns::security::ValidationState;
use crate::dns::{Name, Question};
use crate::failure::{Failure, ServerFault};
use crate::limits::Reached;

/// Something that happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A query was sent upstream.
    #[expect(missing_docs, reason = "the names say it")]
    Sent { question: &'a Question, zone: &'a Name, server: SocketAddr, transport: Transport },
    /// A usable reply came.
    #[expect(missing_docs, reason = "the names say it")]
    Received {
        question: &'a Question,
        zone: &'a Name,
        server: SocketAddr,
        transport: Transport,
        kind: ResponseKind,
        took: Duration,
    },
    /// A server failed.
    #[expect(missing_docs, reason = "the names say it")]
    Faulted {
        question: &'a Question,
        zone: &'a Name,
        server: SocketAddr,
        transport: Transport,
        fault: ServerFault,
        took: Duration,
    },
    /// A datagram came that was not the reply, and was passed over.
    #[expect(missing_docs, reason = "the names say it")]
    Ignored { server: SocketAddr, why: &'static str },
    /// A referral was followed.
    Referred(&'a Delegation),
    /// Records were left out that the server had no right to send.
    #[expect(missing_docs, reason = "the names say it")]
    Scrubbed { zone: &'a Name, records: usize },
    /// The walk goes on at the target of an alias.
    #[expect(missing_docs, reason = "the names say it")]
    Aliased { from: &'a Name, to: &'a Name },
    /// A question, or what proves it, was found in a cache.
    Cached(&'a Question),
    /// A DS or DNSKEY set is wanted by a proof.
    Needed(&'a Question),
    /// One step of a proof: `what` was found to be so because of `why`.
    Proven(&'a ProofStep),
    /// An answer was judged.
    #[expect(missing_docs, reason = "the names say it")]
    Judged { question: &'a Question, state: &'a ValidationState },
    /// A limit was reached, told once for each question and limit. `question` is the client's, if there is one;
    /// `shadow`: the work goes on.
    #[expect(missing_docs, reason = "the names say it")]
    LimitReached { question: Option<&'a Question>, reached: Reached, shadow: bool },
    /// A lookup or a question failed.
    #[expect(missing_docs, reason = "the names say it")]
    Failed { question: &'a Question, failure: &'a Failure },
}

/// A step of a proof, told so that a person can follow it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofStep {
    /// The zone it is about.
    pub zone: Name,
    /// What was judged: `DNSKEY`, `DS`, `A RRset`, `absence of the name` …
    pub what: String,
    /// How it came out.
    pub state: ValidationState,
    /// By what: the key tag and algorithm of the signature and until when it is valid, or the denial records.
    pub why: String,
}

/// Hears what happens.
pub trait Observer: Send + Sync {
    /// Called for each event, on the task where it happens: must not block.
    fn on(&self, event: &Event<'_>);
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn on(&self, _: &Event<'_>) {}
}
