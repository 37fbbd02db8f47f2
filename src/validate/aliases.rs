//! Whether the answer of a response is one chain from the question to its end (RFC 1034 §3.6.2, RFC 6672).
//!
//! Scrubbing makes it so; it is looked at once more here, because all that is signed is not an answer to the
//! question: a record of another name, however well signed, proves nothing (CVE-2026-123581).

use crate::dns::rdata::single_name;
use crate::dns::response::{Outcome, Scrubbed};
use crate::dns::{Name, NameError, Question, Rcode, RecordType, Rrset};
use crate::limits;

/// Follows the chain; what is wrong with it if it does not lead to the target.
pub(super) fn check_chain(response: &Scrubbed) -> Result<(), &'static str> {
    let question = &response.question;
    let code = match response.outcome {
        Outcome::NxDomain => Rcode::NXDOMAIN,
        Outcome::Answer if response.rcode == Rcode::YXDOMAIN => Rcode::YXDOMAIN,
        Outcome::Answer | Outcome::Alias | Outcome::NoData => Rcode::NOERROR,
    };
    if response.rcode != code {
        return Err("its response code is not that of its records");
    }
    let mut chain = Chain { at: question.name.clone(), links: 0, ended: false, dname: None };
    for rrset in &response.answer {
        chain.follow(rrset, question)?;
    }
    // The scrubber stops after one more than it may keep.
    if chain.links > limits::ALIASES_PER_RESPONSE_MAX + 1 {
        return Err("its chain of aliases is too long");
    }
    if response.rcode == Rcode::YXDOMAIN {
        // RFC 6672 §2.2: the name that the DNAME makes is too long.
        let too_long = chain
            .dname
            .as_ref()
            .is_some_and(|dname| made_name(dname, &chain.at) == Some(Err(NameError::TooLong)));
        return if too_long { Ok(()) } else { Err("the DNAME makes a name that is not too long") };
    }
    if chain.dname.is_some() {
        return Err("the alias that a DNAME makes is absent");
    }
    let right = match response.outcome {
        Outcome::Answer => chain.ended,
        Outcome::Alias => !chain.ended && chain.links > 0,
        Outcome::NoData | Outcome::NxDomain => !chain.ended,
    };
    if !right {
        return Err("its records do not answer the question");
    }
    if chain.at == response.target { Ok(()) } else { Err("its aliases lead elsewhere") }
}

struct Chain<'a> {
    at: Name,
    links: usize,
    /// Records of the type that was asked for were found.
    ended: bool,
    /// A DNAME, as long as the CNAME made from it has not come.
    dname: Option<&'a Rrset>,
}

impl<'a> Chain<'a> {
    fn follow(&mut self, rrset: &'a Rrset, question: &Question) -> Result<(), &'static str> {
        let any = question.rtype == RecordType::ANY;
        if self.ended && !(any && rrset.name == self.at) {
            return Err("a record follows after the answer");
        }
        if let Some(dname) = self.dname.take() {
            if !is_made_from(rrset, dname) || rrset.name != self.at {
                return Err("an alias is not the one that the DNAME makes");
            }
            if any || question.rtype == RecordType::CNAME {
                // The alias itself was asked for.
                self.ended = true;
                return Ok(());
            }
            return self.alias(rrset);
        }
        if rrset.name == self.at && (any || rrset.rtype == question.rtype) {
            self.ended = true;
            return Ok(());
        }
        if rrset.is(&self.at, RecordType::CNAME) {
            return self.alias(rrset);
        }
        if rrset.rtype == RecordType::DNAME && self.at.is_below(&rrset.name) {
            self.dname = Some(rrset);
            return Ok(());
        }
        Err("a record does not belong to the question")
    }

    fn alias(&mut self, cname: &Rrset) -> Result<(), &'static str> {
        self.at = target(cname).ok_or("an alias has not exactly one target")?;
        self.links += 1;
        Ok(())
    }
}

/// Whether `cname` is the CNAME that a server makes from `dname` (RFC 6672 §3.1).
pub(super) fn is_made_from(cname: &Rrset, dname: &Rrset) -> bool {
    cname.rtype == RecordType::CNAME
        && dname.rtype == RecordType::DNAME
        && cname.name.is_below(&dname.name)
        && target(cname).is_some_and(|target| made_name(dname, &cname.name) == Some(Ok(target)))
}

/// The name that a DNAME makes of one below it.
fn made_name(dname: &Rrset, name: &Name) -> Option<Result<Name, NameError>> {
    name.rebase(&dname.name, &target(dname)?)
}

/// The target of a CNAME or DNAME: RFC 2181 §10.1 allows one.
fn target(rrset: &Rrset) -> Option<Name> {
    rrset.rdatas.only().and_then(|rdata| single_name(rdata).ok())
}
