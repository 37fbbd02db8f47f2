//! What answers messages, as the edges see it: ready at once, at once with some work, or later.

use std::future::Future;
use std::net::SocketAddr;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use crate::clock::Moment;
use crate::service::overload::DropReason;
use crate::service::{Client, Disposition, Ready, Request, Service};

/// Answers messages.
pub trait Answer: Send + Sync + 'static {
    /// A question that has to wait for its answer.
    type Question: Send + 'static;

    /// The time, for [`Answer::ready`].
    fn now(&self) -> Moment;

    /// Writes the reply into `out` where that takes no more than copying it. Everything else is a miss.
    fn ready(&self, message: &[u8], client: &Client, now: Moment, out: &mut Vec<u8>) -> Ready;

    /// Renews what was ready, and due.
    fn renew(&self, message: &[u8]);

    /// What can be said to a miss without waiting.
    fn at_once(&self, message: &[u8], client: &Client) -> AtOnce<Self::Question>;

    /// A question has a place to wait in: what it waits for may begin.
    fn begin(&self, _: &mut Self::Question) {}

    /// The reply to a question that had to wait. None: nothing is sent.
    fn later(&self, question: Self::Question) -> impl Future<Output = Option<Vec<u8>>> + Send;

    /// So many datagrams get no reply: too many are worked on.
    fn dropped(&self, reason: DropReason, datagrams: usize);
}

/// The outcome of work on a client's message; none if it panicked: a fault of our own costs one question, and not the
/// thread, the socket or the connection.
pub fn guarded<T>(client: SocketAddr, work: impl FnOnce() -> T) -> Option<T> {
    let outcome = panic::catch_unwind(AssertUnwindSafe(work)).ok();
    if outcome.is_none() {
        tracing::error!(%client, "a question was lost to a fault, please report this");
    }
    outcome
}

/// What becomes of a message at once.
#[derive(Debug)]
pub enum AtOnce<Q> {
    /// The reply.
    Reply(Vec<u8>),
    /// Nothing is sent.
    Nothing,
    /// It takes time.
    Later(Q),
}

impl Answer for Arc<Service> {
    type Question = Box<Request>;

    fn now(&self) -> Moment {
        self.clock().now()
    }

    fn ready(&self, message: &[u8], client: &Client, now: Moment, out: &mut Vec<u8>) -> Ready {
        Service::ready(self, message, client, now, out)
    }

    fn renew(&self, message: &[u8]) {
        self.renew_asked(message);
    }

    fn at_once(&self, message: &[u8], client: &Client) -> AtOnce<Box<Request>> {
        match self.prepare(message, client) {
            Disposition::Reply(reply) => AtOnce::Reply(reply),
            Disposition::Drop => AtOnce::Nothing,
            Disposition::Resolve(request) => AtOnce::Later(request),
        }
    }

    fn begin(&self, question: &mut Box<Request>) {
        Service::begin(self, question);
    }

    async fn later(&self, question: Box<Request>) -> Option<Vec<u8>> {
        self.reply(*question).await
    }

    fn dropped(&self, reason: DropReason, datagrams: usize) {
        self.drops().count(reason, datagrams);
    }
}
