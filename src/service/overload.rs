//! Too many questions: what is not answered, for whose sake, and how often.
//!
//! A client has at most [`limits::WAITING_PER_CLIENT_MAX`] questions under way: who pulses many questions for slow names
//! gets as many replies at once and no more (DNSBomb, CVE-2024-33655). Whose address nobody forges, because of a
//! connection or a valid cookie (RFC 7873), is counted apart from datagrams that only claim to be of it. A reply to one
//! of these that is ready only after [`limits::REPLY_AGE_MAX`] is not sent: whoever asked asks again, and gets it from
//! the cache. Clients on this host are as certain. Both count in [`Drops`].

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::clock::Moment;
use crate::dns::Rcode;
use crate::dns::response::Transport;
use crate::failure::Failure;
use crate::limits;
use crate::prefix::Prefix;
use crate::service::{Client, Disposition, Request, Service};

/// Why a question gets no reply, or over a connection one that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DropReason {
    /// So many datagrams are worked on that none is taken.
    Datagrams,
    /// A datagram was worked on, and gave its place to a new one.
    GaveWay,
    /// The client has too many questions under way.
    WaitLimit,
    /// The reply to a datagram that anybody may have sent was ready too late.
    Late,
    /// So many datagrams wait to be looked at that no more are taken.
    HandOver,
}

impl DropReason {
    /// How many reasons there are.
    pub const COUNT: usize = 5;

    /// All of them.
    pub const ALL: [Self; Self::COUNT] =
        [Self::Datagrams, Self::GaveWay, Self::WaitLimit, Self::Late, Self::HandOver];

    /// The name for metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::Datagrams => "datagrams",
            Self::GaveWay => "gave-way",
            Self::WaitLimit => "wait-limit",
            Self::Late => "late",
            Self::HandOver => "hand-over",
        }
    }
}

/// How many questions were dropped for each reason since the process began (`rootwalk_dropped_total{reason}`).
#[derive(Debug, Default)]
pub struct Drops([AtomicU64; DropReason::COUNT]);

impl Drops {
    /// How many were dropped for a reason.
    pub fn get(&self, reason: DropReason) -> u64 {
        self.0.get(reason as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// The same for all of them.
    pub fn all(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        DropReason::ALL.into_iter().map(|reason| (reason, self.get(reason)))
    }

    pub(crate) fn count(&self, reason: DropReason, questions: usize) {
        if let Some(count) = self.0.get(reason as usize) {
            count.fetch_add(u64::try_from(questions).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }
}

/// The clients whose questions are under way, and how many each has.
#[derive(Debug, Default)]
pub(super) struct Clients {
    waiting: Mutex<HashMap<Counted, usize>>,
}

/// A client as it is counted: where it is, and whether that is certain.
type Counted = (Prefix, bool);

/// A question of a client that waits for its answer.
#[derive(Debug)]
pub(crate) struct Visit {
    clients: Arc<Clients>,
    /// None: it is not counted.
    client: Option<Counted>,
    /// Anybody may have asked in the client's name.
    is_forgeable: bool,
    arrived: Moment,
}

impl Clients {
    /// A place for a question that arrived at `now`. None: the client has as many under way as it may. Those on this
    /// host are not counted, as in Unbound: a forwarder there asks for many, and nobody else can forge its address.
    fn visit(self: &Arc<Self>, client: &Client, is_certain: bool, now: Moment) -> Option<Visit> {
        let address = client.address.ip().to_canonical();
        let counted = (!address.is_loopback()).then(|| (Prefix::of_client(address), is_certain));
        if let Some(client) = counted {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let count = waiting.entry(client).or_default();
            if *count >= limits::WAITING_PER_CLIENT_MAX {
                return None;
            }
            *count += 1;
        }
        let is_forgeable = !is_certain && !address.is_loopback();
        Some(Visit { clients: Arc::clone(self), client: counted, is_forgeable, arrived: now })
    }
}

impl Visit {
    fn is_late(&self, now: Moment) -> bool {
        self.is_forgeable && now.since(self.arrived) > limits::REPLY_AGE_MAX
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let Some(client) = self.client else { return };
        let mut waiting = self.clients.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = waiting.get_mut(&client) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                waiting.remove(&client);
            }
        }
    }
}

impl Service {
    /// Why and how often questions were dropped.
    pub fn drops(&self) -> &Drops {
        &self.drops
    }

    /// How many resolutions gave way to newer ones: see [`super::single_flight`].
    pub fn gave_way(&self) -> u64 {
        self.airspace.gave_way()
    }

    /// Lets a question wait for its answer, unless its client has too many that do.
    pub(super) fn admit(&self, mut request: Request, client: &Client) -> Disposition {
        let is_certain = client.transport != Transport::Udp || request.has_valid_cookie();
        if let Some(visit) = self.clients.visit(client, is_certain, self.clock.now()) {
            request.visit = Some(Arc::new(visit));
            return Disposition::Resolve(Box::new(request));
        }
        self.drops.count(DropReason::WaitLimit, 1);
        if client.transport == Transport::Udp {
            return Disposition::Drop;
        }
        // Nobody forges a connection, and its client waits for a reply to each question.
        let busy = Failure::Busy("this client has too many questions under way");
        self.says(&request, Rcode::SERVFAIL, Some(busy.ede()))
    }

    /// Resolves what [`Service::prepare`] could not answer. None: it took too long, and the client is gone; what was
    /// learned is in the cache.
    pub async fn reply(self: &Arc<Self>, mut request: Request) -> Option<Vec<u8>> {
        self.begin(&mut request);
        let visit = request.visit.clone();
        let reply = self.resolve(request).await;
        if visit.is_some_and(|visit| visit.is_late(self.clock.now())) {
            self.drops.count(DropReason::Late, 1);
            return None;
        }
        Some(reply)
    }
}
