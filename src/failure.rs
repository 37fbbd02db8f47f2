//! Why there is no answer. One sentence serves the log, the EDE text and `rootwalk explain`.

use std::net::IpAddr;

use crate::dns::edns::{EdeCode, ExtendedError};
use crate::dns::security::Reason;
use crate::dns::{Name, Question, Rcode};
use crate::limits::Reached;

/// Why a question could not be answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// A bound on the work for one question was reached.
    #[error("the limit of {0} for one question was reached")]
    Limit(Reached),
    /// Answering would need its own answer: name servers that depend on each other.
    #[error("the name servers of {0} can only be found by way of themselves")]
    Cycle(Name),
    /// No server of the zone gave a usable answer.
    #[error("no server of {zone} gave a usable answer{}", last_said(.last.as_ref()))]
    NoServer {
        /// The zone.
        zone: Name,
        /// The last server asked, and what was wrong with it.
        last: Option<(IpAddr, ServerFault)>,
    },
    /// The zone has name servers, none with an address that may be asked.
    #[error("no name server of {0} has an address that can be asked")]
    NoAddress(Name),
    /// Aliases lead back to a name of their own chain.
    #[error("aliases lead in a circle, back to {0}")]
    AliasLoop(Name),
    /// The answer was proven wrong.
    #[error("{0}")]
    Bogus(Box<Reason>),
    /// Nobody is reached.
    #[error(
        "no server has answered {}: this host seems cut off, check its link, its route and its packet filter",
        since_when(*.silent_secs)
    )]
    Offline {
        /// Seconds since a server answered; none if none ever did.
        silent_secs: Option<u64>,
    },
    /// An earlier failure is remembered (RFC 9520).
    #[error("{0} (remembered)")]
    Remembered(Box<Self>),
    /// More clients wait for the same question, or more questions are under way, than is allowed.
    #[error("the resolver is too busy: {0}")]
    Busy(&'static str),
    /// The process is shutting down.
    #[error("the resolver is shutting down")]
    ShuttingDown,
    /// The work for a question ended without a result, by a fault of Rootwalk's own.
    #[error("the work for {0} ended without a result, please report this")]
    Lost(Question),
}

/// What was wrong with a server's answer, or that there was none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ServerFault {
    /// No answer in time.
    #[error("no answer")]
    Timeout,
    /// The network refused: no route, port closed.
    #[error("unreachable")]
    Unreachable,
    /// It does not serve the zone.
    #[error("it does not serve the zone")]
    Lame,
    /// An error code.
    #[error("it said {0}")]
    Rcode(Rcode),
    /// Not a message, or one that contradicts itself.
    #[error("its answer makes no sense")]
    Nonsense,
    /// Truncated over TCP, or TCP failed where UDP was truncated.
    #[error("its answer is truncated and TCP failed")]
    Truncated,
    /// Its answer was well-formed and failed validation.
    #[error("its answer is bogus")]
    Bogus,
}

impl From<Reached> for Failure {
    fn from(reached: Reached) -> Self {
        Self::Limit(reached)
    }
}

fn last_said(last: Option<&(IpAddr, ServerFault)>) -> String {
    last.map(|(server, fault)| format!(": {server}, the last, {fault}")).unwrap_or_default()
}

fn since_when(silent_secs: Option<u64>) -> String {
    silent_secs.map_or_else(|| "since the start".to_owned(), |secs| format!("for {secs} s"))
}

impl Failure {
    /// The extended error for a client (RFC 8914).
    pub fn ede(&self) -> ExtendedError {
        ExtendedError { code: self.ede_code(), text: self.to_string() }
    }

    fn ede_code(&self) -> EdeCode {
        match self {
            Self::Limit(_) | Self::AliasLoop(_) | Self::Busy(_) | Self::Lost(_) => EdeCode::OTHER,
            Self::Offline { .. } | Self::NoServer { last: Some((_, ServerFault::Unreachable)), .. } => {
                EdeCode::NETWORK_ERROR
            }
            Self::Cycle(_) | Self::NoAddress(_) | Self::NoServer { .. } => EdeCode::NO_REACHABLE_AUTHORITY,
            Self::Bogus(reason) => reason.fault.ede(),
            Self::Remembered(inner) => match **inner {
                // The cause says more than "cached", and validators downstream look for it.
                Self::Bogus(ref reason) => reason.fault.ede(),
                _ => EdeCode::CACHED_ERROR,
            },
            Self::ShuttingDown => EdeCode::NOT_READY,
        }
    }

    /// Whether something was proven wrong, now or before.
    pub fn is_bogus(&self) -> bool {
        matches!(self.root_cause(), Self::Bogus(_))
    }

    /// The failure itself, without the note that it was remembered.
    #[must_use]
    pub fn root_cause(&self) -> &Self {
        match self {
            Self::Remembered(inner) => inner.root_cause(),
            other => other,
        }
    }
}
