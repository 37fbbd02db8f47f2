//! The hot path: the reply to a query, copied out of the cache where it lies ready-made.
//!
//! In: a message as it came, who sent it, and the time. Out: the reply in the caller's buffer; or a miss, and
//! [`super::Service::prepare`] has to look at it; or nothing, as no reply is owed. One synchronous function over UDP and
//! TCP alike: on a hit it waits for nothing, allocates nothing and asks no clock. What it does not know for certain is a
//! miss: errors, refusals, names that a stage speaks for, other classes, types that are no records, options that are
//! answered by more than a cookie (RFC 5001, RFC 7828), names that claim something of the root's keys (RFC 8509).

use std::sync::Arc;

use crate::cache::answers::Wanted;
use crate::clock::Moment;
use crate::dns::response::Transport;
use crate::dns::view::{QueryFault, QueryView};
use crate::dns::{Class, RecordType};
use crate::service::access::Access;
use crate::service::{Client, Service, sentinel};

/// Whether there is a ready-made reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ready {
    /// It is written.
    Hit {
        /// It is to be renewed: [`Service::renew_asked`].
        due: bool,
    },
    /// There may be another one.
    Miss,
    /// None is owed.
    Drop,
}

impl Service {
    /// Writes the ready-made reply to a client's message into `out`, if there is one; else what is in there is of no use.
    pub fn ready(&self, message: &[u8], client: &Client, now: Moment, out: &mut Vec<u8>) -> Ready {
        let access = self.access.get(client.address.ip());
        if access == Access::Deny {
            return Ready::Drop;
        }
        let view = match QueryView::parse(message) {
            Ok(view) => view,
            Err(QueryFault::Drop) => return Ready::Drop,
            Err(_) => return Ready::Miss,
        };
        if access == Access::Refuse || !self.may_be_ready(&view, client) {
            return Ready::Miss;
        }
        let recursive = view.recursion_desired();
        if !recursive && access != Access::AllowSnoop {
            return Ready::Miss;
        }
        let cookie = self.cookies.as_ref().zip(view.edns.and_then(|edns| edns.cookie()));
        let cookie = cookie.map(|(cookies, cookie)| cookies.judge(&cookie, client.address.ip(), now).reply);
        let wanted = Wanted { cookie: cookie.as_ref(), ..Wanted::of(&view, client.limit(&view)) };
        match self.store.answers.reply(&wanted, now, out) {
            // A client that only looks into the cache sets nothing going.
            Some(served) => Ready::Hit { due: served.due && recursive && self.settings.prefetch },
            None => Ready::Miss,
        }
    }

    /// Begins to renew the answer to the question of this message, which was a hit that was due.
    pub fn renew_asked(self: &Arc<Self>, message: &[u8]) {
        if let Ok(view) = QueryView::parse(message) {
            self.renew(&view.question());
        }
    }

    /// Whether the query is of the kind that the cache alone decides.
    fn may_be_ready(&self, view: &QueryView<'_>, client: &Client) -> bool {
        let is_ordinary = view.class == Class::IN && !view.rtype.is_meta() && view.rtype != RecordType::RRSIG;
        let has_extras = view.edns.is_some_and(|edns| {
            (client.transport != Transport::Udp && edns.wants_keepalive())
                || (self.settings.reply.nsid.is_some() && edns.wants_nsid())
        });
        let is_special = has_extras
            || (self.settings.root_key_sentinel && sentinel::may_be_claim(view.name))
            || self.stages.iter().any(|stage| stage.speaks_for(view.name));
        is_ordinary && !is_special
    }
}
