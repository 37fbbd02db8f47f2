//! The words of the DNS: names, records, messages. Safe, without sockets, tasks or configuration.
//!
//! Rdata is opaque: what a type means is looked up only where that matters (see [`rdata`]). `message` reads
//! what servers send, `view` reads a client's question in place, `encode` writes.

pub mod base;
pub mod delegation;
pub mod edns;
pub mod encode;
pub mod message;
pub mod name;
pub mod packed;
pub mod question;
pub mod rdata;
pub mod response;
pub mod rrset;
pub mod security;
pub mod types;
pub mod view;

pub use name::{Name, NameError};
pub use question::Question;
pub use rrset::{Rdatas, Rrset};
pub use types::{Class, Opcode, Rcode, RecordType};
