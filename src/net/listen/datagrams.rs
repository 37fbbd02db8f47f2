//! Places for the questions in datagrams that are worked on.
//!
//! In: tasks that each answer one. Out: a place, if there is one or one can be made: when all are taken, the oldest that
//! is older than [`limits::GIVE_WAY_AFTER`] gives way, but for those that took theirs while half were free. It gets no
//! reply; what it waits for goes on, and is in the cache when it is asked again. So clients that ask for what takes long
//! keep nobody's quick questions out, also where many of them wait for the same few.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;

use crate::clock::{Clock, Moment};
use crate::limits;

/// A task that is ended is gone sooner.
const ENDING: Duration = Duration::from_millis(10);

/// The places of datagrams.
#[derive(Debug)]
pub(super) struct Datagrams {
    size: usize,
    pub(super) free: Arc<Semaphore>,
    clock: Clock,
    /// Those that may have to give way, the oldest first, and some that have ended.
    lax: Mutex<VecDeque<(Moment, AbortHandle)>>,
}

/// A place, given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    is_lax: bool,
    _permit: OwnedSemaphorePermit,
}

/// Whether there is a place.
#[derive(Debug)]
pub(super) enum Room {
    /// There is.
    Free(Place),
    /// There is: another gave way.
    Made(Place),
    /// Another gave way, and its place is not free yet, or another's.
    Lost,
    /// None, and all that have one are young or kept.
    None,
}

impl Datagrams {
    pub(super) fn new(size: usize) -> Self {
        Self { size, free: Arc::new(Semaphore::new(size)), clock: Clock::system(), lax: Mutex::default() }
    }

    /// A place for one more.
    pub(super) async fn take(&self) -> Room {
        if let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() {
            let is_lax = self.free.available_permits() < self.size / 2;
            return Room::Free(Place { is_lax, _permit: permit });
        }
        if !self.make_room() {
            return Room::None;
        }
        match tokio::time::timeout(ENDING, Arc::clone(&self.free).acquire_owned()).await {
            Ok(Ok(permit)) => Room::Made(Place { is_lax: true, _permit: permit }),
            _ => Room::Lost,
        }
    }

    /// A task begins that has a place and keeps it until it ends.
    pub(super) fn begin(&self, is_lax: bool, task: AbortHandle) {
        if !is_lax {
            return;
        }
        let mut lax = self.lax.lock().unwrap_or_else(PoisonError::into_inner);
        // Behind one that takes long, many may have ended.
        if lax.len() >= self.size.saturating_mul(2) {
            lax.retain(|(_, task)| !task.is_finished());
        }
        lax.push_back((self.clock.now(), task));
    }

    /// Waits until no place is taken.
    pub(super) async fn drained(&self) {
        let all = u32::try_from(self.size).unwrap_or(u32::MAX);
        // A semaphore that is never closed gives permits sooner or later.
        let _permits = self.free.acquire_many(all).await;
    }

    /// Ends the oldest that may have to give way.
    fn make_room(&self) -> bool {
        let now = self.clock.now();
        let mut lax = self.lax.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((began, task)) = lax.front() {
            if task.is_finished() {
                lax.pop_front();
                continue;
            }
            let is_old = now.since(*began) >= limits::GIVE_WAY_AFTER;
            if is_old {
                task.abort();
                lax.pop_front();
            }
            return is_old;
        }
        false
    }
}

impl Place {
    /// Whether it may have to be given to another.
    pub(super) fn is_lax(&self) -> bool {
        self.is_lax
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A task that takes a second, if there is a place for it; whether another gave way.
    async fn begin(datagrams: &Datagrams) -> Option<(tokio::task::JoinHandle<()>, bool)> {
        let (place, made) = match datagrams.take().await {
            Room::Free(place) => (place, false),
            Room::Made(place) => (place, true),
            Room::Lost | Room::None => return None,
        };
        let is_lax = place.is_lax();
        let task = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            drop(place);
        });
        datagrams.begin(is_lax, task.abort_handle());
        Some((task, made))
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_gives_way_when_all_places_are_taken_and_half_are_kept() {
        let datagrams = Datagrams::new(8);
        let mut tasks = Vec::new();
        for _ in 0..8 {
            let (task, made) = begin(&datagrams).await.unwrap();
            assert!(!made);
            tasks.push(task);
        }
        assert!(begin(&datagrams).await.is_none(), "all are young");
        tokio::time::sleep(limits::GIVE_WAY_AFTER).await;
        for _ in 0..4 {
            assert!(begin(&datagrams).await.unwrap().1);
        }
        assert!(begin(&datagrams).await.is_none(), "the rest is kept, or young");
        let mut ended = Vec::new();
        for task in tasks {
            ended.push(task.await.is_err());
        }
        assert_eq!(ended, [false, false, false, false, true, true, true, true]);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_gave_way_is_told_of_though_its_place_is_not_free_in_time() {
        let datagrams = Datagrams::new(2);
        let (kept, lax) = (datagrams.take().await, datagrams.take().await);
        datagrams.begin(true, tokio::spawn(std::future::pending::<()>()).abort_handle());
        tokio::time::sleep(limits::GIVE_WAY_AFTER).await;
        assert!(matches!(datagrams.take().await, Room::Lost));
        assert!(matches!(datagrams.take().await, Room::None));
        drop((kept, lax));
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_ended_are_forgotten() {
        let datagrams = Datagrams::new(8);
        let mut kept = Vec::new();
        for _ in 0..4 {
            kept.push(datagrams.take().await);
        }
        for _ in 0..1_000 {
            let Room::Free(place) = datagrams.take().await else { panic!() };
            datagrams.begin(place.is_lax(), tokio::spawn(async {}).abort_handle());
            tokio::task::yield_now().await;
        }
        assert!(datagrams.lax.lock().unwrap().len() <= 16);
    }
}
