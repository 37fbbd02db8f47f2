//! The outcome of a flight: told once, heard by all who wait for it.
//!
//! In: a value from the flight's task, or that the task is gone. Out: a copy for each who waits; they wake in the order
//! they came, so that a simulation repeats itself (`tokio::sync::watch` wakes them in an order drawn by tokio).

use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;

#[derive(Debug)]
struct Shared<T> {
    /// None inside: the flight is gone without an outcome.
    told: OnceLock<Option<T>>,
    landed: Notify,
}

/// The flight's end. Dropped without [`Sender::tell`], it tells that there is no outcome.
#[derive(Debug)]
pub(super) struct Sender<T>(Arc<Shared<T>>);

/// A waiter's end.
#[derive(Debug)]
pub(super) struct Receiver<T>(Arc<Shared<T>>);

/// Both ends.
pub(super) fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared { told: OnceLock::new(), landed: Notify::new() });
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

impl<T> Sender<T> {
    /// Tells the outcome.
    pub(super) fn tell(self, outcome: T) {
        self.0.told.get_or_init(|| Some(outcome));
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.told.get_or_init(|| None);
        self.0.landed.notify_waiters();
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Clone> Receiver<T> {
    /// Waits for the outcome. None: there is none, and never will be.
    pub(super) async fn outcome(&self) -> Option<T> {
        // Waits from here on, so that nothing is told between the look and the wait.
        let landed = self.0.landed.notified();
        if self.0.told.get().is_none() {
            landed.await;
        }
        self.0.told.get().cloned().flatten()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[tokio::test]
    async fn who_waits_hears_in_the_order_of_coming() {
        let (sender, receiver) = channel();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let waiting: Vec<_> = (0..50)
            .map(|number| {
                let (receiver, heard) = (receiver.clone(), Arc::clone(&heard));
                tokio::spawn(async move {
                    assert_eq!(receiver.outcome().await, Some(5));
                    heard.lock().unwrap().push(number);
                })
            })
            .collect();
        tokio::task::yield_now().await;
        sender.tell(5);
        for one in waiting {
            one.await.unwrap();
        }
        assert!(heard.lock().unwrap().iter().copied().eq(0..50));
        assert_eq!(receiver.outcome().await, Some(5));
    }

    #[tokio::test]
    async fn a_flight_that_is_gone_has_no_outcome() {
        let (sender, receiver) = channel::<u8>();
        let waiting = tokio::spawn({
            let receiver = receiver.clone();
            async move { receiver.outcome().await }
        });
        tokio::task::yield_now().await;
        drop(sender);
        assert_eq!((waiting.await.unwrap(), receiver.outcome().await), (None, None));
    }
}
