//! What happens while a question is worked on, for `explain`, metrics and logs.
//!
//! Events borrow what they tell of: an observer that does not keep them costs nothing. The steps of a proof are put
//! together for those alone who say that they want them.

use std::net::SocketAddr;
use std::time::Duration;

use crate::dns::delegation::Delegation;
use crate::dns::response::{ResponseKind, Transport};
use crate::dns::security::{Denied, Reason, ValidationState};
use crate::dns::{Name, Question, RecordType};
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
    /// One step of a proof, for observers that want them. A proof that begins again tells the same steps again.
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

/// A step of a proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofStep {
    /// The zone it is about, or whose word it is.
    pub zone: Name,
    /// What was found.
    pub fact: Fact,
}

/// What a step of a proof found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// The DNSKEY set of the zone was looked at.
    Keys(KeySet),
    /// The zone's keys were proven by an earlier question.
    Remembered {
        /// Until when the signature over its DNSKEY set is valid, in seconds since 1970.
        until: u64,
    },
    /// The zone, and all below it, counts as unsigned.
    Insecure {
        /// A word for machines.
        reason: &'static str,
        /// A clause for people.
        why: String,
    },
    /// A signature holds for an RRset.
    #[expect(missing_docs, reason = "the names say it")]
    Signed { name: Name, rtype: RecordType, signature: Signature },
    /// Records prove an absence.
    Denied(Absence),
    /// An RRset, or an absence, is not proven: it is insecure, bogus or indeterminate.
    Unproven {
        /// The owner, or what is absent.
        name: Name,
        /// Its type.
        rtype: RecordType,
        /// What is claimed to be absent; none: the RRset is there.
        absent: Option<Denied>,
        /// How it came out.
        state: ValidationState,
        /// Why, as a clause.
        why: String,
    },
    /// The zone cannot be proven, nor anything in it.
    Broken(Box<Reason>),
}

/// A DNSKEY set and what vouches for its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySet {
    /// The trust anchor's keys; else the DS records.
    pub from_anchor: bool,
    /// What vouches for keys.
    pub vouchers: Vec<VoucherFact>,
    /// The keys of the set.
    pub keys: Vec<KeyFact>,
    /// The signature over the set, by a key that is vouched for; none: none holds.
    pub signature: Option<Signature>,
}

/// A DS record or a trust anchor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoucherFact {
    /// The tag of the key it names.
    pub key_tag: u16,
    /// The key's algorithm.
    pub algorithm: u8,
    /// The digest type; none: the key itself is trusted.
    pub digest_type: Option<u8>,
    /// Whether it led to a key that can be used.
    pub leads: bool,
}

/// A DNSKEY record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct KeyFact {
    pub key_tag: u16,
    pub algorithm: u8,
    pub flags: u16,
}

/// A signature that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The zone that signed.
    pub signer: Name,
    /// The tag of the key.
    pub key_tag: u16,
    /// Its algorithm.
    pub algorithm: u8,
    /// When it begins and expires, in seconds since 1970.
    pub inception: u64,
    /// See `inception`.
    pub expiration: u64,
    /// The wildcard that the RRset was made from.
    pub wildcard: Option<Name>,
}

/// A proof of absence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absence {
    /// What is absent.
    pub what: Denied,
    /// The name it is about.
    pub name: Name,
    /// The type, where it is about a type.
    pub rtype: Option<RecordType>,
    /// What the records come to, as a clause.
    pub found: String,
    /// Whether what is found leaves things insecure: a delegation without DS, or an opt-out span.
    pub insecure: bool,
    /// The deepest name above that exists, where the name does not.
    pub encloser: Option<Name>,
    /// The records.
    pub witnesses: Vec<Witness>,
}

/// An NSEC or NSEC3 record, and what it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// Its owner.
    pub owner: Name,
    /// NSEC or NSEC3.
    pub rtype: RecordType,
    /// The next name of the chain; none for NSEC3.
    pub next: Option<Name>,
    /// Names that it stands at: they exist, or their delegation does.
    pub matches: Vec<Name>,
    /// The types at the name it stands at.
    pub types: Vec<RecordType>,
    /// Names that lie between its owner and the next: they do not exist.
    pub covers: Vec<Name>,
    /// The opt-out flag (RFC 5155 §6).
    pub opt_out: bool,
    /// The signature over it.
    pub signature: Option<Signature>,
}

/// Hears what happens.
pub trait Observer: Send + Sync {
    /// Called for each event, on the task where it happens: must not block.
    fn on(&self, event: &Event<'_>);

    /// Whether it wants to hear each step of a proof: they cost something to put together.
    fn wants_proof(&self) -> bool {
        false
    }
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn on(&self, _: &Event<'_>) {}
}
