//! What may be wrong with a server, and how a faulty one reacts to a query.
//!
//! In: a query's octets and the answer an honest server would give. Out: a [`Reaction`]: what the network shows
//! of the server. The kinds of junk are those that made resolvers give up (TuDoor 2024, CVE-2023-26437,
//! CVE-2026-52690).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use crate::dns::edns::{Cookie, Edns, EdnsOption};
use crate::dns::encode::encode;
use crate::dns::message::Message;
use crate::dns::response::Transport;
use crate::dns::{Name, Question, Rcode, RecordType};

/// Rewrites an honest answer. It gets the query as the server read it.
pub type Rewrite = Arc<dyn Fn(&Question, &mut Message) + Send + Sync>;
/// Turns the query's and the honest answer's octets into the datagrams that are sent instead.
pub type RewriteOctets = Arc<dyn Fn(&[u8], &[u8]) -> Vec<Vec<u8>> + Send + Sync>;

/// What is wrong with a server.
#[derive(Clone)]
pub enum Fault {
    /// It never answers.
    Dead,
    /// Its host says that nobody listens, over UDP and TCP.
    PortClosed,
    /// There is no route to it.
    NoRoute,
    /// It answers so much later.
    Slow(Duration),
    /// So many of a hundred of its datagrams are lost, either way.
    LossPercent(u8),
    /// It does not serve the zones it should, and says REFUSED.
    Lame,
    /// It does not serve the zones it should, and refers to the root.
    LameUpward,
    /// It answers without AA, and without records: a cache that knows nothing.
    NotAuthoritative,
    /// It answers everything with this code.
    Says(Rcode),
    /// It answers a query with EDNS by FORMERR without a question (before RFC 2671).
    FormErrOnEdns,
    /// It answers a query with EDNS by NOTIMP, FORMERR or what else the code is, with the question.
    SaysOnEdns(Rcode),
    /// It never answers a query with EDNS.
    DropsEdns,
    /// It answers a query with EDNS as one without.
    IgnoresEdns,
    /// It gives cookies (RFC 7873), in this way.
    Cookies(CookieWay),
    /// It answers a query with a cookie by FORMERR, NOTIMP, BADVERS or what else the code is.
    SaysOnCookie(Rcode),
    /// It answers with the question in lower case.
    LowersCase,
    /// It truncates every answer over UDP.
    Truncates,
    /// It sets TC over TCP too.
    TruncatesTcp,
    /// It refuses TCP connections.
    TcpRefused,
    /// It closes TCP connections without an answer.
    TcpCloses,
    /// It accepts TCP connections and says nothing.
    TcpSilent,
    /// Its answers have another id.
    WrongId,
    /// Before its answer comes a datagram that is not one.
    JunkFirst(Junk),
    /// It answers each query with so many copies of junk before the answer.
    Flood(Junk, u16),
    /// Its answers are changed.
    Rewrites(Rewrite),
    /// Its answers are changed octet by octet.
    RewritesOctets(RewriteOctets),
    /// The fault, for its first so many queries only.
    First(u32, Box<Self>),
    /// The fault, for questions of this type only.
    ForType(RecordType, Box<Self>),
    /// The fault, for questions at or below this name only.
    Below(Name, Box<Self>),
    /// The fault, for this transport only.
    Over(Transport, Box<Self>),
}

impl Fault {
    /// Changes the server's answers.
    pub fn rewrites(rewrite: impl Fn(&Question, &mut Message) + Send + Sync + 'static) -> Self {
        Self::Rewrites(Arc::new(rewrite))
    }

    /// This fault, for the first `count` queries only.
    #[must_use]
    pub fn first(self, count: u32) -> Self {
        Self::First(count, Box::new(self))
    }

    /// This fault, for questions of `rtype` only.
    #[must_use]
    pub fn for_type(self, rtype: RecordType) -> Self {
        Self::ForType(rtype, Box::new(self))
    }

    /// Whether it is in force for this query, the `count`th of the server, counted from 0; and which it is.
    fn in_force(&self, count: u32, question: Option<&Question>, transport: Transport) -> Option<&Self> {
        let (holds, inner) = match self {
            Self::First(first, inner) => (count < *first, inner),
            Self::ForType(rtype, inner) => (question.is_some_and(|q| q.rtype == *rtype), inner),
            Self::Below(name, inner) => (question.is_some_and(|q| q.name.is_subdomain_of(name)), inner),
            Self::Over(over, inner) => (*over == transport, inner),
            plain => return Some(plain),
        };
        if holds { inner.in_force(count, question, transport) } else { None }
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slow(delay) => write!(f, "Slow({delay:?})"),
            Self::LossPercent(percent) => write!(f, "LossPercent({percent})"),
            Self::Says(rcode) => write!(f, "Says({rcode})"),
            Self::SaysOnEdns(rcode) => write!(f, "SaysOnEdns({rcode})"),
            Self::Cookies(way) => write!(f, "Cookies({way:?})"),
            Self::SaysOnCookie(rcode) => write!(f, "SaysOnCookie({rcode})"),
            Self::JunkFirst(junk) => write!(f, "JunkFirst({junk:?})"),
            Self::Flood(junk, count) => write!(f, "Flood({junk:?}, {count})"),
            Self::First(count, inner) => write!(f, "First({count}, {inner:?})"),
            Self::ForType(rtype, inner) => write!(f, "ForType({rtype}, {inner:?})"),
            Self::Below(name, inner) => write!(f, "Below({name}, {inner:?})"),
            Self::Over(transport, inner) => write!(f, "Over({transport:?}, {inner:?})"),
            other => f.write_str(other.word()),
        }
    }
}

impl Fault {
    fn word(&self) -> &'static str {
        match self {
            Self::Dead => "Dead",
            Self::PortClosed => "PortClosed",
            Self::NoRoute => "NoRoute",
            Self::Lame => "Lame",
            Self::LameUpward => "LameUpward",
            Self::NotAuthoritative => "NotAuthoritative",
            Self::FormErrOnEdns => "FormErrOnEdns",
            Self::DropsEdns => "DropsEdns",
            Self::IgnoresEdns => "IgnoresEdns",
            Self::LowersCase => "LowersCase",
            Self::Truncates => "Truncates",
            Self::TruncatesTcp => "TruncatesTcp",
            Self::TcpRefused => "TcpRefused",
            Self::TcpCloses => "TcpCloses",
            Self::TcpSilent => "TcpSilent",
            Self::WrongId => "WrongId",
            Self::Rewrites(_) => "Rewrites",
            Self::RewritesOctets(_) => "RewritesOctets",
            _ => "Fault",
        }
    }
}

/// How a server gives cookies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CookieWay {
    /// As RFC 7873 §5.2 says, made with this secret.
    Given(u64),
    /// The same, and datagrams without a right cookie get BADCOOKIE.
    Required(u64),
    /// BADCOOKIE to every datagram, with a new cookie each time.
    NeverRight,
    /// With another client's part than that of the query.
    OfAnother,
    /// So many octets, whatever is right.
    Malformed(u8),
}

/// A datagram that is not the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Junk {
    /// A forged answer with another id.
    WrongId,
    /// The query itself: QR=0.
    QueryEchoed,
    /// A header alone, QDCOUNT=0, NOERROR.
    NoQuestion,
    /// Five octets.
    Runt,
    /// An answer to another question.
    OtherQuestion,
    /// A record longer than the message.
    BadRdlength,
    /// A name that points to itself.
    SelfPointer,
    /// A header alone that says FORMERR.
    FormErr,
    /// A forged answer whose question has the letter case of nobody's query.
    WrongCase,
    /// Octets of no meaning behind the right id.
    Noise,
}

impl Junk {
    /// All kinds.
    pub const ALL: [Self; 10] = [
        Self::WrongId,
        Self::QueryEchoed,
        Self::NoQuestion,
        Self::Runt,
        Self::OtherQuestion,
        Self::BadRdlength,
        Self::SelfPointer,
        Self::FormErr,
        Self::WrongCase,
        Self::Noise,
    ];

    /// The datagram, made from the query and the honest reply.
    pub fn octets(self, query: &[u8], reply: &[u8]) -> Vec<u8> {
        let id: Vec<u8> = query.iter().take(2).copied().collect();
        let mut out = match self {
            Self::WrongId | Self::OtherQuestion | Self::WrongCase => reply.to_vec(),
            Self::QueryEchoed => return query.to_vec(),
            Self::NoQuestion => [&id[..], &[0x84, 0, 0, 0, 0, 0, 0, 0, 0, 0]].concat(),
            Self::FormErr => [&id[..], &[0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0]].concat(),
            Self::Runt => reply.iter().take(5).copied().collect(),
            Self::BadRdlength => {
                // One answer: the root's A record, with an rdata length beyond the end.
                let mut out = [&id[..], &[0x84, 0, 0, 1, 0, 1, 0, 0, 0, 0]].concat();
                out.extend(question_octets(query));
                out.extend([0, 0, 1, 0, 1, 0, 0, 0, 5, 0xff, 0xff, 1, 2]);
                out
            }
            Self::SelfPointer => [&id[..], &[0x84, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12, 0, 1, 0, 1]].concat(),
            Self::Noise => [&id[..], &[0xff; 40]].concat(),
        };
        match self {
            Self::WrongId => out.iter_mut().take(1).for_each(|octet| *octet ^= 0x55),
            // The first letter of the question's name.
            Self::OtherQuestion => out.iter_mut().skip(13).take(1).for_each(|octet| *octet ^= 0x01),
            Self::WrongCase => out.iter_mut().skip(13).take(1).for_each(|octet| *octet ^= 0x20),
            _ => {}
        }
        out
    }
}

/// The question section of a query without compression.
fn question_octets(query: &[u8]) -> Vec<u8> {
    let after_header = query.get(12..).unwrap_or_default();
    let len = Name::from_wire(after_header).map_or(0, |(_, used)| used + 4);
    after_header.get(..len).unwrap_or_default().to_vec()
}

/// What the network shows of a server after a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reaction {
    /// Nothing.
    Silence,
    /// The host refuses: an ICMP error, or a reset connection.
    Refused,
    /// No route to the host.
    NoRoute,
    /// The connection is closed without an answer.
    Closed,
    /// Messages, in this order, after the server has taken so long.
    #[expect(missing_docs, reason = "the names say it")]
    Messages { delay: Duration, octets: Vec<Vec<u8>> },
}

/// What a server's faults make of one query.
pub struct Occasion<'a> {
    /// The query's octets.
    pub query: &'a [u8],
    /// The query, if it could be read.
    pub parsed: Option<&'a Message>,
    /// How many queries the server had before.
    pub count: u32,
    /// How it came.
    pub transport: Transport,
    /// A random number below 100 that decides whether the datagram is lost.
    pub roll: u8,
    /// The largest message that may be sent.
    pub limit: usize,
}

/// How a server with `faults` reacts where an honest one would answer with `honest`.
pub fn react(faults: &[Fault], occasion: &Occasion<'_>, honest: Message) -> Reaction {
    let question = occasion.parsed.and_then(|query| query.question.as_ref());
    let active: Vec<&Fault> = faults
        .iter()
        .filter_map(|fault| fault.in_force(occasion.count, question, occasion.transport))
        .collect();
    if let Some(reaction) = active.iter().find_map(|fault| unanswered(fault, occasion)) {
        return reaction;
    }
    let mut reply = honest;
    for fault in &active {
        change(fault, occasion, &mut reply);
    }
    let octets = encode(&reply, occasion.limit).bytes;
    let mut delay = Duration::ZERO;
    let mut messages = vec![octets.clone()];
    for fault in &active {
        match fault {
            Fault::Slow(time) => delay += *time,
            Fault::FormErrOnEdns if has_edns(occasion) => {
                messages = vec![Junk::FormErr.octets(occasion.query, &octets)];
            }
            Fault::WrongId => messages = vec![Junk::WrongId.octets(occasion.query, &octets)],
            Fault::JunkFirst(junk) => messages.insert(0, junk.octets(occasion.query, &octets)),
            Fault::Flood(junk, count) => {
                let copies = std::iter::repeat_n(junk.octets(occasion.query, &octets), usize::from(*count));
                messages = copies.chain(messages).collect();
            }
            Fault::RewritesOctets(rewrite) => messages = rewrite(occasion.query, &octets),
            _ => {}
        }
    }
    Reaction::Messages { delay, octets: messages }
}

fn cookie_of<'a>(occasion: &Occasion<'a>) -> Option<&'a Cookie> {
    occasion.parsed?.edns.as_ref()?.cookie()
}

/// Adds a cookie to the reply to a query with one.
fn give_cookie(way: CookieWay, occasion: &Occasion<'_>, reply: &mut Message) {
    let Some(asked) = cookie_of(occasion) else { return };
    let made = |secret: u64| {
        let mixed = (u64::from_be_bytes(asked.client) ^ secret).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Cookie { client: asked.client, server: SmallVec::from_slice(&mixed.to_be_bytes()) }
    };
    let datagram = occasion.transport == Transport::Udp;
    let (option, refused) = match way {
        CookieWay::Given(secret) => (EdnsOption::Cookie(made(secret)), false),
        CookieWay::Required(secret) => (EdnsOption::Cookie(made(secret)), datagram && *asked != made(secret)),
        CookieWay::NeverRight => (EdnsOption::Cookie(made(occasion.count.into())), datagram),
        CookieWay::OfAnother => {
            let client = asked.client.map(|octet| octet ^ 0x55);
            (EdnsOption::Cookie(Cookie { client, ..made(1) }), false)
        }
        CookieWay::Malformed(len) => {
            (EdnsOption::Other(crate::dns::edns::code::COOKIE, vec![7; usize::from(len)]), false)
        }
    };
    if refused {
        empty(reply, Rcode::BADCOOKIE);
    }
    if let Some(edns) = &mut reply.edns {
        edns.options.push(option);
    }
}

fn has_edns(occasion: &Occasion<'_>) -> bool {
    occasion.parsed.is_some_and(|query| query.edns.is_some())
}

/// The reaction of a server that gives no message because of this fault.
fn unanswered(fault: &Fault, occasion: &Occasion<'_>) -> Option<Reaction> {
    let tcp = occasion.transport == Transport::Tcp;
    match fault {
        Fault::Dead => Some(Reaction::Silence),
        Fault::PortClosed => Some(Reaction::Refused),
        Fault::NoRoute => Some(Reaction::NoRoute),
        Fault::LossPercent(percent) if !tcp && occasion.roll < *percent => Some(Reaction::Silence),
        Fault::DropsEdns if has_edns(occasion) => Some(Reaction::Silence),
        Fault::TcpRefused if tcp => Some(Reaction::Refused),
        Fault::TcpCloses if tcp => Some(Reaction::Closed),
        Fault::TcpSilent if tcp => Some(Reaction::Silence),
        _ => None,
    }
}

/// Changes the honest reply as the fault would.
fn change(fault: &Fault, occasion: &Occasion<'_>, reply: &mut Message) {
    match fault {
        Fault::Lame => empty(reply, Rcode::REFUSED),
        Fault::LameUpward => {
            empty(reply, Rcode::NOERROR);
            let mut root = crate::dns::Rrset::new(Name::root(), RecordType::NS, 3_600);
            root.rdatas.push(b"\x01a\x0brootservers\0");
            reply.authority.push(root);
        }
        Fault::NotAuthoritative => empty(reply, Rcode::NOERROR),
        Fault::Says(rcode) => empty(reply, *rcode),
        Fault::SaysOnEdns(rcode) if has_edns(occasion) => {
            empty(reply, *rcode);
            reply.edns = None;
        }
        Fault::Cookies(way) => give_cookie(*way, occasion, reply),
        Fault::SaysOnCookie(rcode) if cookie_of(occasion).is_some() => empty(reply, *rcode),
        Fault::IgnoresEdns => {
            reply.edns = None;
            for rrset in reply.answer.iter_mut().chain(&mut reply.authority).chain(&mut reply.additional) {
                rrset.signatures = crate::dns::Rdatas::new();
            }
            reply.authority.retain(|rrset| !rrset.rtype.is_dnssec_proof() && rrset.rtype != RecordType::DS);
        }
        Fault::LowersCase => {
            if let Some(question) = &mut reply.question {
                question.name = question.name.to_lowercase();
            }
        }
        Fault::Truncates if occasion.transport == Transport::Udp => truncate(reply),
        Fault::TruncatesTcp if occasion.transport == Transport::Tcp => truncate(reply),
        Fault::Rewrites(rewrite) => {
            if let Some(question) = occasion.parsed.and_then(|query| query.question.as_ref()) {
                rewrite(question, reply);
            }
        }
        _ => {}
    }
}

fn empty(reply: &mut Message, rcode: Rcode) {
    reply.header.rcode = rcode;
    reply.header.authoritative = false;
    reply.answer.clear();
    reply.authority.clear();
    reply.additional.clear();
}

fn truncate(reply: &mut Message) {
    let (rcode, authoritative) = (reply.header.rcode, reply.header.authoritative);
    empty(reply, rcode);
    reply.header.authoritative = authoritative;
    reply.header.truncated = true;
}

/// The OPT record a server puts in its reply to a query with one.
pub fn reply_edns(query: &Message) -> Option<Edns> {
    query.edns.as_ref().map(|edns| Edns::new(crate::limits::UDP_SIZE, edns.dnssec_ok))
}
