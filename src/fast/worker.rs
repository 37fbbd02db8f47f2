//! A thread that answers what is ready, as long as its socket lives.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::batch::{self, Batch, Datagram, Socket};
use super::handover::{Given, Giver, Handed};
use super::{Answer, guarded};
use crate::clock::Moment;
use crate::dns::response::Transport;
use crate::limits;
use crate::service::overload::DropReason;
use crate::service::{Client, Ready};

/// One socket, served by one thread.
#[derive(Debug)]
pub struct Worker<A> {
    /// What it receives from and replies by.
    pub socket: Arc<Socket>,
    /// What it asks.
    pub answer: Arc<A>,
    /// Where misses go.
    pub giver: Giver,
    /// Set when it is to end; it looks after each batch and every [`limits::RECEIVE_TIMEOUT`].
    pub stop: Arc<AtomicBool>,
}

/// What becomes of one datagram.
enum Turn {
    Reply,
    Nothing,
    Hand(Handed),
    /// There is a reply, and it is to be renewed.
    Both(Handed),
}

impl<A: Answer> Worker<A> {
    /// Serves until it is stopped.
    pub fn run(self) {
        let mut batch = Batch::new(Arc::clone(&self.socket));
        let mut handed = Vec::with_capacity(limits::BATCH_DATAGRAMS);
        let mut patient = false;
        while !self.stop.load(Ordering::Relaxed) {
            match batch.receive() {
                Ok(0) => {}
                Ok(received) => self.serve(&mut batch, received, &mut handed, &mut patient),
                Err(error) => {
                    tracing::warn!(%error, "datagrams could not be received");
                    // The next call may fail as well: no loop at full speed.
                    thread::sleep(Duration::from_millis(10));
                }
            }
        }
    }

    fn serve(&self, batch: &mut Batch, received: usize, handed: &mut Vec<Handed>, patient: &mut bool) {
        let now = self.answer.now();
        for index in 0..received {
            let Some(datagram) = batch.datagram(index) else { continue };
            match self.turn(datagram, now) {
                Turn::Nothing => {}
                Turn::Reply => batch.answer(index),
                Turn::Hand(one) => handed.push(one),
                Turn::Both(one) => {
                    batch.answer(index);
                    handed.push(one);
                }
            }
        }
        if let Err(error) = batch.send() {
            tracing::debug!(%error, "a reply could not be sent");
        }
        let misses = handed.len();
        let Given { lost, waits } = self.giver.give(handed);
        if lost > 0 {
            self.answer.dropped(DropReason::HandOver, lost);
        }
        give_way(waits, received, misses, patient);
    }

    fn turn(&self, datagram: Datagram<'_>, now: Moment) -> Turn {
        let Datagram { octets, from, local, reply } = datagram;
        let client = Client { address: from, transport: Transport::Udp };
        let hand = |renew| Handed { message: Box::from(octets), from, local, renew };
        match guarded(from, || self.answer.ready(octets, &client, now, reply)) {
            Some(Ready::Hit { due: false }) => Turn::Reply,
            Some(Ready::Hit { due: true }) => Turn::Both(hand(true)),
            Some(Ready::Miss) => Turn::Hand(hand(false)),
            Some(Ready::Drop) | None => Turn::Nothing,
        }
    }
}

/// Where those who work on misses are behind, each datagram would take the core from them: two switches of the core
/// for each. So the thread waits for its turn then, and finds a batch, until it has the core at once again or nothing
/// for them. Else it does not: hits are not to wait for other programs.
fn give_way(waits: bool, received: usize, misses: usize, patient: &mut bool) {
    let wanted = if *patient { received > 1 && misses > 0 } else { waits };
    if wanted != *patient {
        *patient = wanted;
        if let Err(error) = batch::wait_for_turn(wanted) {
            tracing::debug!(%error, "a thread that answers hits cannot say how it waits for its turn");
        }
    }
}
