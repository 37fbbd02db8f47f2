//! Walks from the root to the servers that know (RFC 1034 §5.3.3).
//!
//! Network, time, randomness and name-server addresses come through ports; every decision is a pure function
//! in its own file. Answers come out scrubbed and unproven. Aliases are followed within one response and no
//! further, proofs are not looked at: both are the business of `service`.

pub mod alias;
mod attempt;
pub mod classify;
mod crowds;
mod cut;
pub mod exchange;
mod flights;
mod minimise;
pub mod priming;
pub mod resolver;
pub mod scrub;
mod select;
mod targets;
mod watch;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use crate::context::{BoxFuture, Context};
use crate::dns::Name;
use crate::dns::delegation::NameServer;
use crate::failure::Failure;
use crate::prefix::Prefix;

pub use resolver::{Parts, Resolver};

/// Finds the addresses of name servers. Implemented by `service`: each lookup joins other work under way.
pub trait Lookup: Send + Sync {
    /// The addresses of `name` in the family asked for. An empty list: it has none.
    fn addresses<'a>(
        &'a self,
        name: &'a Name,
        ipv6: bool,
        context: &'a Context,
    ) -> BoxFuture<'a, Result<Vec<IpAddr>, Failure>>;

    /// The addresses of `name` led nowhere, or to somebody who lies: next time they are looked up anew, unless that was
    /// done a moment ago.
    fn doubt(&self, name: &Name);
}

/// How the walk is done. The names are those of the configuration keys.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct Settings {
    /// Servers are asked over IPv4.
    pub ipv4: bool,
    /// Servers are asked over IPv6.
    pub ipv6: bool,
    /// The port servers are asked at: 53 but in a lab.
    pub upstream_port: u16,
    /// 127.0.0.0/8 and ::1 are never asked.
    pub do_not_query_localhost: bool,
    /// Prefixes that are never asked.
    pub do_not_query: Vec<Prefix>,
    /// Servers are told no more of the name than they need (RFC 9156).
    pub qname_minimisation: bool,
    /// The letter case of questions is random (0x20).
    pub use_caps_for_id: bool,
    /// Queries have a DNS cookie (RFC 7873).
    pub send_cookie: bool,
    /// Glue is believed only of names at or below the zone whose servers sent it.
    pub harden_glue: bool,
    /// Where the root is asked for itself: see [`priming`].
    pub root_hints: Vec<NameServer>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ipv4: true,
            ipv6: true,
            upstream_port: 53,
            do_not_query_localhost: true,
            do_not_query: Vec::new(),
            qname_minimisation: true,
            use_caps_for_id: true,
            send_cookie: true,
            harden_glue: true,
            root_hints: priming::builtin_hints(),
        }
    }
}
