//! The hot path over UDP: threads of their own that answer what the cache has ready-made, many datagrams at a time.
//!
//! Each [`Worker`] has a socket and a [`batch::Batch`]: it receives what is there with one system call, lets
//! [`Answer::ready`] write the replies in place and sends them with another. No task, no queue, no allocation. What is
//! not ready goes through a bounded hand-over to the asynchronous side, once for each batch, with all that a reply needs
//! to find its way back: the client's address, and on a wildcard socket the local one that was asked. Where those who
//! work on misses are behind a thread waits for its turn, and finds a batch then, not one datagram.

pub mod batch;
pub mod handover;
pub mod serve;
mod worker;

pub use serve::{Answer, AtOnce, guarded};
pub use worker::Worker;
