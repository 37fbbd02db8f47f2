//! What a server said, before and after it was cut down to what that server may say.
//!
//! A [`Response`] is untrusted. `iterate::scrub` turns it into a [`Scrubbed`]: still unproven, but every
//! record in it is within the zone that was asked and belongs to the question. Only `validate` makes more of it.

use std::net::IpAddr;

use super::message::Message;
use super::{Name, Question, Rcode, Rrset};

/// How a query travelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// A datagram.
    Udp,
    /// A TCP connection.
    Tcp,
    /// DNS over TLS.
    Tls,
    /// DNS over HTTPS.
    Https,
}

impl Transport {
    /// The word for metrics and logs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Https => "https",
        }
    }
}

/// What one server answered to one query. Its id, port, source and question matched; nothing else is known of it.
#[derive(Debug, Clone)]
pub struct Response {
    /// The message.
    pub message: Message,
    /// The server.
    pub server: IpAddr,
    /// How it came.
    pub transport: Transport,
}

/// What kind of response it is, seen from the question and the zone that was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseKind {
    /// It has the records that were asked for, at the name or at the end of aliases within the zone.
    Answer,
    /// It has an alias whose target lies outside of the response: the walk goes on there.
    Alias,
    /// It points to the servers of a zone below.
    Referral,
    /// The name exists, the type does not (RFC 2308 §2.2).
    NoData,
    /// The name does not exist (RFC 2308 §2.1).
    NxDomain,
    /// The server does not serve the zone.
    Lame,
    /// The response is of no use: an error code, or it makes no sense.
    Broken,
}

/// The end of what a server said about a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// `answer` ends with the RRset that was asked for.
    Answer,
    /// `answer` ends with an alias; what is at `target` has to be asked for.
    Alias,
    /// Nothing of the type at `target`.
    NoData,
    /// `target` does not exist.
    NxDomain,
}

/// What is left of a response after scrubbing: unproven, complete, and within the zone's say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scrubbed {
    /// What was asked.
    pub question: Question,
    /// The zone whose server was asked (the deepest known cut): all owners are at or below it.
    pub zone: Name,
    /// The response code: NOERROR, NXDOMAIN, or YXDOMAIN for a DNAME that makes too long a name (RFC 6672 §2.2).
    pub rcode: Rcode,
    /// How it ends.
    pub outcome: Outcome,
    /// The RRsets in the order of the chain: CNAMEs, DNAMEs each followed by the CNAME made from it (which is
    /// unsigned and was checked against the DNAME), and the answer. Usually one.
    pub answer: Vec<Rrset>,
    /// SOA, NSEC and NSEC3 RRsets of the authority section, with signatures; NS for answers is dropped.
    pub authority: Vec<Rrset>,
    /// The name at the end of the chain: the question's name if there is no alias.
    pub target: Name,
    /// The server that said it.
    pub server: IpAddr,
}

impl Scrubbed {
    /// The SOA RRset of a negative response.
    pub fn soa(&self) -> Option<&Rrset> {
        self.authority.iter().find(|rrset| rrset.rtype == super::RecordType::SOA)
    }
}
