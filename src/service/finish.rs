//! The last step: an answer becomes a reply of the form that this client asked for.
//!
//! AD, CD, RA and DO as RFC 4035 §3.2 and RFC 6840 §5.7–5.9 say, CO as RFC 9824 §5.1; no more than the client can receive.

use std::time::Duration;

use crate::dns::edns::{Edns, EdnsOption, ExtendedError};
use crate::dns::encode::Parts;
use crate::dns::message::Header;
use crate::dns::{Opcode, Rcode, Rrset};
use crate::limits;
use crate::service::request::Request;

/// What a reply says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Content {
    pub(crate) rcode: Option<Rcode>,
    pub(crate) authoritative: bool,
    pub(crate) secure: bool,
    /// NODATA that says that the name does not exist (RFC 9824).
    pub(crate) compact_denial: bool,
    pub(crate) answer: Vec<Rrset>,
    pub(crate) authority: Vec<Rrset>,
    pub(crate) error: Option<ExtendedError>,
}

impl Content {
    /// A reply without records.
    pub(crate) fn empty(rcode: Rcode, error: Option<ExtendedError>) -> Self {
        Self { rcode: Some(rcode), error, ..Self::default() }
    }
}

/// What of the configuration shows in replies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplySettings {
    /// NSID for those who ask (RFC 5001); none: not told.
    pub nsid: Option<String>,
    /// What TCP clients that ask are told of the idle timeout (RFC 7828).
    pub tcp_idle_timeout: Duration,
}

/// Writes the reply.
pub(crate) fn reply(request: &Request, content: Content, settings: &ReplySettings) -> Vec<u8> {
    let dnssec_ok = request.dnssec_ok();
    let content = match &request.contradiction {
        Some(error) if content.secure => Content::empty(Rcode::SERVFAIL, Some(error.clone())),
        _ => content,
    };
    let rcode = if content.compact_denial && request.wants_name_error() {
        Rcode::NXDOMAIN
    } else {
        content.rcode.unwrap_or(Rcode::NOERROR)
    };
    let header = Header {
        id: request.id,
        response: true,
        opcode: Opcode::QUERY,
        authoritative: content.authoritative,
        truncated: false,
        recursion_desired: request.recursion_desired,
        recursion_available: true,
        authentic_data: content.secure && request.wants_authentic_data(),
        checking_disabled: request.checking_disabled,
        rcode,
    };
    let edns = options(request, content.error, settings);
    let message = Parts {
        answer: &content.answer,
        authority: &content.authority,
        edns: edns.as_ref(),
        dnssec_ok,
        ..Parts::new(header, Some(&request.question))
    };
    message.encode(request.limit).bytes
}

/// The OPT record of the reply; a query without one gets none (RFC 6891 §7).
pub(crate) fn options(
    request: &Request,
    error: Option<ExtendedError>,
    settings: &ReplySettings,
) -> Option<Edns> {
    let wants = request.edns?;
    let mut edns = Edns::new(limits::UDP_SIZE, wants.dnssec_ok);
    edns.compact_ok = wants.compact_ok;
    if let Some(nsid) = settings.nsid.as_ref().filter(|_| wants.nsid) {
        edns.options.push(EdnsOption::Nsid(nsid.clone().into_bytes()));
    }
    edns.options.extend(request.reply_cookie().cloned().map(EdnsOption::Cookie));
    if wants.keepalive {
        let tenths = u16::try_from(settings.tcp_idle_timeout.as_millis() / 100).unwrap_or(u16::MAX);
        edns.options.push(EdnsOption::Keepalive(Some(tenths)));
    }
    edns.options.extend(error.map(EdnsOption::ExtendedError));
    Some(edns)
}
