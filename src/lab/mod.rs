//! A signed internet from a short description, for tests and for trying Rootwalk without a network.
//!
//! A [`World`] describes zones, servers and what is wrong with them; [`World::build`] signs it and gives an
//! [`Internet`]. That runs in memory under tokio's paused clock ([`link`], which implements `iterate`'s `Exchange`) or
//! on loopback sockets ([`sockets`]). The [`oracle`] knows the right answers from the description alone.
//! [`builtin`] is the internet of `rootwalk lab`.
//!
//! Nothing here is on the way of a real question, and nothing of Rootwalk's own judgement is used: names, records
//! and messages come from `dns`, all else is written once more.

pub mod authority;
pub mod builtin;
pub mod faults;
pub mod internet;
pub mod link;
pub mod oracle;
pub mod records;
pub mod signer;
pub mod sockets;
pub mod world;
pub mod zone;

pub use faults::{CookieWay, Fault, Junk};
pub use internet::Internet;
pub use link::{Cut, Link, Network};
pub use oracle::{Judgement, Truth};
pub use world::{DsKind, Flaw, KeySpec, World, WorldError, Zone};
