//! Where Rootwalk and Unbound 1.17, Knot Resolver 5.6 or BIND 9.18 answer differently, and the RFC that explains it.

use crate::questions::Case;
use crate::resolver;
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
        reason: ANY,
    },
    Difference {
        name: "sha1.west.",
        rtype: "*",
        unbound: State::Secure,
        rootwalk: State::Insecure,
        reason: SHA1,
    },
    Difference {
        name: "ed448.west.",
        rtype: "*",
        unbound: State::Secure,
        rootwalk: State::Insecure,
        reason: ED448,
    },
    dear("www.iterations.east.", "TXT"),
    dear("missing.iterations.east.", "A"),
    dear("www.iterations51.east.", "TXT"),
    dear("missing.iterations51.east.", "A"),
    dear("www.iterations150.east.", "TXT"),
    dear("missing.iterations150.east.", "A"),
];

/// A resolver that votes beside Unbound, and what it sees otherwise than Rootwalk.
pub(crate) struct Voter {
    pub(crate) name: &'static str,
    pub(crate) address: &'static str,
    pub(crate) rows: &'static [Row],
}

/// Questions that a voter answers otherwise: the end of their name or its start before `*`, the type or `*`, the reason.
#[derive(Debug)]
pub(crate) struct Row(
    &'static str,
    &'static str,
    #[expect(dead_code, reason = "read by people, and in reports")] &'static str,
);

impl Row {
    pub(crate) fn matches(&self, case: &Case) -> bool {
        let name = match self.0.strip_suffix('*') {
            Some(start) => case.name.starts_with(start),
            None => case.name.ends_with(self.0),
        };
        name && (self.1 == "*" && case.rtype != "DS" || self.1 == case.rtype)
    }
}

const SHA1: &str = "RFC 9905 §2: a resolver treats RSASHA1 as an algorithm it does not support";
const ED448: &str = "RFC 4035 §5.2: a zone signed with algorithms that the resolver does not know is insecure; Ed448 is \
                     recommended (RFC 8624 §3.1), not required";
const ANY: &str = "RFC 8482 §4.2: the answer to ANY may be a made HINFO record, which nobody has signed";
const ITERATIONS: &str = "RFC 9276 §3.2: denials with more iterations than the resolver accepts are insecure";
const NSAP_PTR: &str = "RFC 4034 §6.2: NSAP-PTR is not among the types whose names are signed in lower case";
const DEEP: &str = "RFC 5155 §8.3: the closest encloser may stand any number of labels above the name; Knot Resolver gives \
                    up before 122 of them";

const WILDCARD: &str =
    "RFC 4592 §2.2.2: a wildcard that is an empty non-terminal matches, so there is no data, and no NXDOMAIN";

pub(crate) const KNOT: Voter = Voter {
    name: "Knot Resolver",
    address: resolver::KNOT_RESOLVER,
    rows: &[
        Row("sha1.west.", "*", SHA1),
        Row("ed448.west.", "*", ED448),
        Row("www.p256.west.", "ANY", ANY),
        Row("m.odd.east.", "A", DEEP),
        Row("c.star.west.", "A", WILDCARD),
        Row("q.e.star.west.", "A", WILDCARD),
    ],
};

pub(crate) const BIND: Voter = Voter {
    name: "BIND",
    address: resolver::BIND,
    rows: &[
        Row("sha1.west.", "*", SHA1),
        Row("ed448.west.", "*", ED448),
        Row("www.p256.west.", "ANY", ANY),
        Row("www.iterations.east.", "TXT", ITERATIONS),
        Row("missing.iterations.east.", "A", ITERATIONS),
        Row("www.iterations51.east.", "TXT", ITERATIONS),
        Row("missing.iterations51.east.", "A", ITERATIONS),
        Row("www.iterations150.east.", "TXT", ITERATIONS),
        Row("missing.iterations150.east.", "A", ITERATIONS),
        Row("types.odd.west.", "TYPE23", NSAP_PTR),
        Row("types.odk.west.", "TYPE23", NSAP_PTR),
    ],
};

/// Unbound accepts 150 iterations, Rootwalk 50.
const fn dear(name: &'static str, rtype: &'static str) -> Difference {
    Difference { name, rtype, unbound: State::Secure, rootwalk: State::Insecure, reason: ITERATIONS }
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
