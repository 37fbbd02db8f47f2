//! Sockets: `listen` takes what clients send, `upstream` asks servers.
//!
//! Nothing here reads a message; octets and their length are all that is known of one.

pub mod listen;
pub mod upstream;
