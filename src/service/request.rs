//! A client's question, read and sorted: what can be said at once, and what has to be resolved.
//!
//! Errors follow RFC 1035 §4.1.1, 6891 §6.1.3, 9619; RD=0 is refused unless the client may look into the cache.
//!
//! Types that are answered here, whatever the name, and nobody is asked:
//! - ANY: a HINFO record of our own (RFC 8482 §4.2), the same over each transport, with DO and without, of names that
//!   exist and that do not. Unbound and BIND fetch and verify whatever is there, which is what amplification and ANYTrap
//!   (CVE-2023-50387) are made of. It is not signed, as nothing here can sign: a client that validates and asks for
//!   ANY finds it bogus.
//! - RRSIG: REFUSED, with the advice to ask for the type that is covered. Nothing signs signatures, so they cannot be
//!   proven, and all those of a name are as much as ANY. Unbound and Knot end with SERVFAIL, BIND answers.
//! - AXFR and IXFR: REFUSED. MAILA and MAILB: NOTIMP, as BIND.
//! - What is no type of records, from 128 to 255 with the others of RFC 6895 §3.1, zero and OPT: FORMERR, as Unbound and
//!   BIND, and told why (EDE 30, made for NXNAME by RFC 9824 §3.5).

use std::net::SocketAddr;
use std::sync::Arc;

use crate::clock::Moment;
use crate::dns::edns::{Cookie, EdeCode, ExtendedError};
use crate::dns::response::Transport;
use crate::dns::view::QueryView;
use crate::dns::{Class, Question, Rcode, RecordType};
use crate::service::cookies::{Judged, ServerCookies};
use crate::service::overload::Visit;
use crate::service::pipeline::Begun;

/// Who asks, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// The address and port the query came from.
    pub address: SocketAddr,
    /// How it came.
    pub transport: Transport,
}

impl Client {
    /// The octets that the reply to its query may have.
    pub(crate) fn limit(&self, view: &QueryView<'_>) -> usize {
        if self.transport == Transport::Udp { view.udp_limit() } else { usize::from(u16::MAX) }
    }
}

/// A question that is to be resolved, with all that its reply depends on.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are flags of the query, and what is known of it")]
pub struct Request {
    /// The question, in the client's letter case.
    pub question: Question,
    pub(crate) id: u16,
    pub(crate) recursion_desired: bool,
    pub(crate) checking_disabled: bool,
    /// AD in the query: the client understands AD in the reply (RFC 6840 §5.7).
    pub(crate) authentic_data: bool,
    pub(crate) edns: Option<ClientEdns>,
    /// What became of the client's cookie; none: it sent none, or cookies are not answered.
    pub(crate) cookie: Option<Judged>,
    /// What a secure answer is replaced by, as its name says what is not so (RFC 8509).
    pub(crate) contradiction: Option<ExtendedError>,
    /// It was just found that no answer can be made of denials.
    pub(crate) sought: bool,
    /// Octets that the reply may have.
    pub(crate) limit: usize,
    /// Its place among the questions that wait; none: it does not.
    pub(crate) visit: Option<Arc<Visit>>,
    /// What a look into the cache came to.
    pub(crate) look: Look,
    /// The work that is under way for it.
    pub(crate) begun: Option<Begun>,
}

/// A look into the cache that gave no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    /// When nothing was at hand; none: that was not looked for, or an alias is.
    pub(crate) nothing_at: Option<Moment>,
    /// There may be an answer whose time is over.
    pub(crate) has_past: bool,
}

/// What the client's EDNS asks of the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag or an option of the query")]
pub(crate) struct ClientEdns {
    pub(crate) dnssec_ok: bool,
    pub(crate) compact_ok: bool,
    pub(crate) nsid: bool,
    pub(crate) keepalive: bool,
}

impl Request {
    /// Reads a query.
    pub(crate) fn new(
        view: &QueryView<'_>,
        client: &Client,
        cookies: Option<&ServerCookies>,
        now: Moment,
    ) -> Self {
        let cookie = cookies.zip(view.edns.and_then(|edns| edns.cookie()));
        let edns = view.edns.map(|edns| ClientEdns {
            dnssec_ok: edns.dnssec_ok,
            compact_ok: edns.compact_ok,
            nsid: edns.wants_nsid(),
            // RFC 7828 §3.2.1: over UDP it is passed over.
            keepalive: client.transport != Transport::Udp && edns.wants_keepalive(),
        });
        let limit = client.limit(view);
        Self {
            question: view.question(),
            id: view.id,
            recursion_desired: view.recursion_desired(),
            checking_disabled: view.checking_disabled(),
            authentic_data: view.authentic_data(),
            edns,
            cookie: cookie.map(|(cookies, cookie)| cookies.judge(&cookie, client.address.ip(), now)),
            contradiction: None,
            sought: false,
            limit,
            visit: None,
            look: Look { nothing_at: None, has_past: true },
            begun: None,
        }
    }

    /// Whether a cookie shows that the client is at the address that it asks from: it has received a reply there
    /// within the hour. A bound on what one address may ask can trust it.
    pub fn has_valid_cookie(&self) -> bool {
        self.cookie.as_ref().is_some_and(|judged| judged.valid)
    }

    /// The cookie for the reply.
    pub(crate) fn reply_cookie(&self) -> Option<&Cookie> {
        self.cookie.as_ref().map(|judged| &judged.reply)
    }

    /// Whether the client gets DNSSEC records.
    pub(crate) fn dnssec_ok(&self) -> bool {
        self.edns.is_some_and(|edns| edns.dnssec_ok)
    }

    /// Whether a compact denial is to be called NXDOMAIN: for all but those who would see that it has another form and
    /// do not say that they know it (RFC 9824 §5 and §5.1).
    pub(crate) fn wants_name_error(&self) -> bool {
        !self.dnssec_ok() || self.edns.is_some_and(|edns| edns.compact_ok)
    }

    /// Whether AD may be set in the reply (RFC 6840 §5.8).
    pub(crate) fn wants_authentic_data(&self) -> bool {
        self.authentic_data || self.dnssec_ok()
    }

    /// The error that the question deserves by its type and class alone.
    pub(crate) fn fault(&self) -> Option<(Rcode, Option<ExtendedError>)> {
        let refused = |text: &str| {
            Some((
                Rcode::REFUSED,
                Some(ExtendedError { code: EdeCode::NOT_SUPPORTED, text: text.to_owned() }),
            ))
        };
        match (self.question.class, self.question.rtype) {
            (Class::CH, _) | (Class::IN, RecordType::ANY) => None,
            (Class::IN, RecordType::AXFR | RecordType::IXFR) => refused("zone transfers are not served"),
            (Class::IN, RecordType::MAILA | RecordType::MAILB) => Some((Rcode::NOTIMP, None)),
            (Class::IN, rtype) if rtype.is_meta() => {
                let text = format!("{rtype} is no type of records: it can not be asked for");
                Some((Rcode::FORMERR, Some(ExtendedError { code: EdeCode::INVALID_QUERY_TYPE, text })))
            }
            (Class::IN, RecordType::RRSIG) => {
                refused("RRSIG records are no RRset of their own: ask for the type they cover, with DO")
            }
            (Class::IN, _) => None,
            _ => refused("only class IN is resolved"),
        }
    }
}
