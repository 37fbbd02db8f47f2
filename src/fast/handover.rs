//! From the threads that answer hits to the tasks that work on the rest: a bounded queue, given and taken in batches.
//!
//! In: what a batch of datagrams had no ready-made reply to. Out: the same on the asynchronous side, which is woken once
//! for all of them. When it is full, what comes is dropped: a client asks again, and a longer queue would only make all
//! answers late.

use std::mem;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::batch::Local;

/// A datagram that is not answered yet, or was and is to be renewed.
#[derive(Debug)]
pub struct Handed {
    /// The message.
    pub message: Box<[u8]>,
    /// Who sent it.
    pub from: SocketAddr,
    /// The address that it was sent to, where the socket has many.
    pub local: Option<Local>,
    /// The client has its reply: it is to be renewed.
    pub renew: bool,
}

/// The side that gives; what is taken ends when it is dropped.
#[derive(Debug)]
pub struct Giver(Arc<Queue>);

/// The side that takes.
#[derive(Debug)]
pub struct Taker(Arc<Queue>);

#[derive(Debug)]
struct Queue {
    size: usize,
    waiting: Mutex<Waiting>,
    more: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    handed: Vec<Handed>,
    ended: bool,
}

/// Both sides of a queue of at most `size`.
pub fn queue(size: usize) -> (Giver, Taker) {
    let queue = Arc::new(Queue { size, waiting: Mutex::default(), more: Notify::new() });
    (Giver(Arc::clone(&queue)), Taker(queue))
}

/// What became of what was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Given {
    /// So many found no room that somebody waits for.
    pub lost: usize,
    /// What was given before was not taken yet: the other side is busy.
    pub waits: bool,
}

impl Giver {
    /// Gives what there is room for, the first first. `handed` is empty afterwards. Where there is not room for all, none
    /// is renewed: of those the cache tells again.
    pub fn give(&self, handed: &mut Vec<Handed>) -> Given {
        if handed.is_empty() {
            return Given::default();
        }
        let mut waiting = self.0.lock();
        let waits = !waiting.handed.is_empty();
        let room = self.0.size.saturating_sub(waiting.handed.len());
        if handed.len() > room {
            handed.retain(|one| !one.renew);
        }
        let lost = handed.len().saturating_sub(room);
        waiting.handed.extend(handed.drain(..).take(room));
        drop(waiting);
        self.0.more.notify_one();
        Given { lost, waits }
    }
}

impl Drop for Giver {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.more.notify_one();
    }
}

impl Taker {
    /// Waits until there is something and takes all of it into `handed`, which has to be empty. False: there is nothing
    /// more to come.
    pub async fn take(&mut self, handed: &mut Vec<Handed>) -> bool {
        loop {
            {
                let mut waiting = self.0.lock();
                mem::swap(&mut waiting.handed, handed);
                if !handed.is_empty() {
                    return true;
                }
                if waiting.ended {
                    return false;
                }
            }
            self.0.more.notified().await;
        }
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(count: u8) -> Vec<Handed> {
        let from = "127.0.0.1:53".parse().unwrap();
        (0..count).map(|id| Handed { message: Box::from([id]), from, local: None, renew: false }).collect()
    }

    fn ids(handed: &[Handed]) -> Vec<u8> {
        handed.iter().map(|one| one.message[0]).collect()
    }

    #[tokio::test]
    async fn what_there_is_no_room_for_is_lost_and_told() {
        let (giver, mut taker) = queue(5);
        assert_eq!(giver.give(&mut some(3)), Given { lost: 0, waits: false });
        let mut more = some(4);
        assert_eq!((giver.give(&mut more), more.len()), (Given { lost: 2, waits: true }, 0));
        assert_eq!(giver.give(&mut some(1)), Given { lost: 1, waits: true });
        assert_eq!(giver.give(&mut Vec::new()), Given { lost: 0, waits: false }, "nothing was given");
        let mut taken = Vec::new();
        assert!(taker.take(&mut taken).await);
        assert_eq!(ids(&taken), [0, 1, 2, 0, 1]);
        taken.clear();
        assert_eq!(giver.give(&mut some(5)), Given { lost: 0, waits: false }, "there is room again");
        drop(giver);
        assert!(taker.take(&mut taken).await, "what was given is still taken");
        assert_eq!(taken.len(), 5);
        taken.clear();
        assert!(!taker.take(&mut taken).await);
    }

    #[tokio::test]
    async fn a_renewal_that_is_lost_is_no_question_without_a_reply() {
        let (giver, mut taker) = queue(2);
        let mut handed = some(5);
        (handed[0].renew, handed[3].renew) = (true, true);
        assert_eq!(giver.give(&mut handed).lost, 1, "of three that there was no room for, two were answered");
        let mut taken = Vec::new();
        assert!(taker.take(&mut taken).await);
        assert_eq!(ids(&taken), [1, 2], "and those who wait come first");
    }

    #[tokio::test]
    async fn the_taker_is_woken_by_another_thread() {
        let (giver, mut taker) = queue(5);
        let giving = std::thread::spawn(move || giver.give(&mut some(2)));
        let mut taken = Vec::new();
        assert!(taker.take(&mut taken).await);
        assert_eq!(ids(&taken), [0, 1]);
        assert_eq!(giving.join().unwrap().lost, 0);
        taken.clear();
        assert!(!taker.take(&mut taken).await);
    }
}
