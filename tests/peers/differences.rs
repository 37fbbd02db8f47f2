//! Where Rootwalk and Unbound 1.17 answer differently, and the RFC that explains it.

use crate::questions::Case;
use crate::world::State;

/// Which answers differ, and how each resolver sees them.
pub(crate) struct Difference {
    /// The end of the name.
    name: &'static str,
    /// The type, or `*`.
    rtype: &'static str,
    pub(crate) unbound: State,
    pub(crate) rootwalk: State,
    pub(crate) reason: &'static str,
}

/// A row that no question meets fails the tests, as does one whose resolvers have come to agree.
pub(crate) const DIFFERENCES: [Difference; 10] = [
    Difference {
        name: "x.d.*",
        rtype: "CNAME",
        unbound: State::Bogus,
        rootwalk: State::Secure,
        reason: "RFC 6672 §3.2, §5.3.1: a CNAME made from a DNAME is an answer to a question for CNAME, proven by \
                 the DNAME's signature; Unbound looks for one on the CNAME itself",
    },
    Difference {
        name: "www.p256.west.",
        rtype: "ANY",
        unbound: State::Secure,
        rootwalk: State::Insecure,
        reason: "RFC 8482 §4.2: the answer to ANY may be a made HINFO record, which nobody has signed",
    },
    Difference {
        name: "sha1.west.",
        rtype: "*",
        unbound: State::Secure,
        rootwalk: State::Insecure,
        reason: "RFC 9905 §2: a resolver treats RSASHA1 as an algorithm it does not support",
    },
    Difference {
        name: "ed448.west.",
        rtype: "*",
        unbound: State::Secure,
        rootwalk: State::Insecure,
        reason: "RFC 4035 §5.2: a zone signed with algorithms that the resolver does not know is insecure; Ed448 is \
                 recommended (RFC 8624 §3.1), not required",
    },
    dear("www.iterations.east.", "TXT"),
    dear("missing.iterations.east.", "A"),
    dear("www.iterations51.east.", "TXT"),
    dear("missing.iterations51.east.", "A"),
    dear("www.iterations150.east.", "TXT"),
    dear("missing.iterations150.east.", "A"),
];

/// Unbound accepts 150 iterations, Rootwalk 50.
const fn dear(name: &'static str, rtype: &'static str) -> Difference {
    let reason = "RFC 9276 §3.2: denials with more iterations than the resolver accepts are insecure";
    Difference { name, rtype, unbound: State::Secure, rootwalk: State::Insecure, reason }
}

/// The row for a question.
pub(crate) fn of(case: &Case) -> Option<&'static Difference> {
    DIFFERENCES.iter().find(|row| row.matches(case))
}

impl Difference {
    pub(crate) fn matches(&self, case: &Case) -> bool {
        let name = match self.name.strip_suffix('*') {
            Some(start) => case.name.starts_with(start),
            None => case.name.ends_with(self.name),
        };
        name && case.state == State::Secure
            && (self.rtype == "*" && case.rtype != "DS" || self.rtype == case.rtype)
    }
}
