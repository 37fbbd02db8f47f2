//! Follows CNAME and DNAME within one response (RFC 1034 §3.6.2, RFC 6672).
//!
//! In: the answer section, the question, the zone whose server was asked. Out: the RRsets that belong to the
//! chain, in its order, and where it ends. It ends at the zone's border: what a server says of a target
//! elsewhere is not looked at (CVE-2025-40778). CNAMEs below a DNAME are made here from the DNAME, never
//! taken from the message. What is at the end of an open chain is asked anew by `service`.

use crate::dns::{Name, Question, RecordType, Rrset, rdata};
use crate::limits;

use super::scrub::within;

/// What a response's answer section says about a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// CNAMEs, DNAMEs each followed by the CNAME made from it, and the answer if it is here.
    pub rrsets: Vec<Rrset>,
    /// The name at the end.
    pub target: Name,
    /// How it ends.
    pub end: End,
}

/// How a chain ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With the RRset that was asked for.
    Answer,
    /// At a name within the zone, of which the answer section says no more.
    Open,
    /// At a name outside of the zone, or one that the chain passed already, or there are more aliases than one
    /// response may have: whatever the response says of that name is not looked at.
    Outside,
    /// With a DNAME that makes a name of more than 255 octets (RFC 6672 §2.2).
    Overlong,
    /// With an alias that cannot be: several CNAMEs at one name, rdata that is no name.
    Contradiction,
}

impl Chain {
    /// Follows the chain from the question.
    pub fn follow(question: &Question, zone: &Name, answer: &[Rrset]) -> Self {
        let mut chain = Self { rrsets: Vec::new(), target: question.name.clone(), end: End::Open };
        let mut passed = vec![question.name.clone()];
        for _ in 0..=limits::ALIASES_PER_RESPONSE_MAX {
            match chain.step(question, zone, answer) {
                Ok(next) => chain.target = next,
                Err(end) => return Self { end, ..chain },
            }
            if passed.contains(&chain.target) {
                break;
            }
            passed.push(chain.target.clone());
        }
        Self { end: End::Outside, ..chain }
    }

    /// Whether an alias leads away from the question's name.
    pub fn has_alias(&self, question: &Question) -> bool {
        self.target != question.name
    }

    /// Whether a DNAME is in it: that takes a whole tree, so it is not believed from a datagram (CVE-2025-40778).
    /// Signed or not: whoever forges the DNAME can add a signature, and not every zone is proven.
    pub fn has_dname(&self) -> bool {
        self.rrsets.iter().any(|set| set.rtype == RecordType::DNAME)
    }

    /// Adds what the answer section has at `target`; the name to go on with, or the end.
    fn step(&mut self, question: &Question, zone: &Name, answer: &[Rrset]) -> Result<Name, End> {
        let here = self.target.clone();
        if !here.is_subdomain_of(zone) {
            return Err(End::Outside);
        }
        let answer = || answer.iter().filter(|set| set.class == question.class);
        // RFC 6672 §2.3: nothing exists below a DNAME, so it goes before all else. The deepest has the say.
        let covers = |set: &&Rrset| {
            set.rtype == RecordType::DNAME && here.is_below(&set.name) && set.name.is_subdomain_of(zone)
        };
        if let Some(dname) = answer().filter(covers).max_by_key(|set| set.name.len()) {
            return self.substitute(&here, dname, question);
        }
        let wanted = |set: &&Rrset| {
            set.name == here && (set.rtype == question.rtype || question.rtype == RecordType::ANY)
        };
        // RFC 1034 §3.6.2: a CNAME beside what was asked for should not be, and then the latter is the answer.
        let found: Vec<Rrset> = answer().filter(wanted).map(|set| within(&here, set)).collect();
        if !found.is_empty() {
            self.rrsets.extend(found);
            return Err(End::Answer);
        }
        let Some(cname) = answer().find(|set| set.is(&here, RecordType::CNAME)) else {
            return Err(End::Open);
        };
        let next = single_target(cname)?;
        self.rrsets.push(within(&here, cname));
        Ok(next)
    }

    /// Adds a DNAME and the CNAME that it makes of `here`.
    fn substitute(&mut self, here: &Name, dname: &Rrset, question: &Question) -> Result<Name, End> {
        let target = single_target(dname)?;
        self.rrsets.push(within(here, dname));
        let Some(Ok(next)) = here.rebase(&dname.name, &target) else { return Err(End::Overlong) };
        // RFC 6672 §3.1: the CNAME has the TTL of the DNAME.
        let made = Rrset::new(here.clone(), RecordType::CNAME, dname.ttl).with(next.as_wire());
        self.rrsets.push(made);
        if matches!(question.rtype, RecordType::CNAME | RecordType::ANY) {
            return Err(End::Answer);
        }
        Ok(next)
    }
}

/// The target of an alias. There is only one (RFC 2181 §10.1, RFC 6672 §2.4).
fn single_target(set: &Rrset) -> Result<Name, End> {
    set.rdatas.only().and_then(|one| rdata::single_name(one).ok()).ok_or(End::Contradiction)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iterate::testing::{a, cname, dname, name, question};

    fn follow(zone: &str, asked: &str, rtype: RecordType, answer: &[Rrset]) -> Chain {
        Chain::follow(&question(asked, rtype), &name(zone), answer)
    }

    #[test]
    fn a_chain_within_the_zone_is_followed_to_its_answer() {
        let answer =
            [a("c.test.", 1), cname("a.test.", "b.test."), a("x.test.", 9), cname("b.test.", "c.test.")];
        let chain = follow("test.", "A.test.", RecordType::A, &answer);
        assert_eq!((chain.end, chain.target.clone()), (End::Answer, name("c.test.")));
        let owners: Vec<String> = chain.rrsets.iter().map(|set| set.name.to_string()).collect();
        assert_eq!(owners, ["A.test.", "b.test.", "c.test."]);
    }

    #[test]
    fn a_chain_ends_at_the_border_of_the_zone() {
        let answer = [cname("go.evil.test.", "www.victim.test."), a("www.victim.test.", 66)];
        let chain = follow("evil.test.", "go.evil.test.", RecordType::A, &answer);
        assert_eq!((chain.end, chain.rrsets.len()), (End::Outside, 1));
        assert_eq!(chain.target, name("www.victim.test."));
    }

    #[test]
    fn a_loop_of_aliases_ends() {
        let answer = [cname("a.test.", "b.test."), cname("b.test.", "a.test.")];
        let chain = follow("test.", "a.test.", RecordType::A, &answer);
        assert_eq!((chain.end, chain.rrsets.len()), (End::Outside, 2));
        let own = follow("test.", "a.test.", RecordType::A, &[cname("a.test.", "a.test.")]);
        assert_eq!((own.end, own.rrsets.len()), (End::Outside, 1));
    }

    #[test]
    fn aliases_in_one_response_are_bounded() {
        let answer: Vec<Rrset> =
            (0..40).map(|i| cname(&format!("n{i}.test."), &format!("n{}.test.", i + 1))).collect();
        let chain = follow("test.", "n0.test.", RecordType::A, &answer);
        assert_eq!(chain.end, End::Outside);
        assert!(chain.rrsets.len() <= limits::ALIASES_PER_RESPONSE_MAX + 1);
    }

    #[test]
    fn a_cname_below_a_dname_is_made_from_the_dname() {
        let answer =
            [dname("old.test.", "new.test."), cname("x.old.test.", "evil.test."), a("x.new.test.", 1)];
        let chain = follow("test.", "x.old.test.", RecordType::A, &answer);
        assert_eq!((chain.end, chain.target.clone()), (End::Answer, name("x.new.test.")));
        assert_eq!(chain.rrsets[1], cname("x.old.test.", "x.new.test."));
        assert!(chain.has_dname());
    }

    #[test]
    fn a_dname_does_not_cover_its_own_name_and_has_to_be_in_the_zone() {
        let own = follow("test.", "old.test.", RecordType::DNAME, &[dname("old.test.", "new.test.")]);
        assert_eq!(own.end, End::Answer);
        let above = follow("old.test.", "x.old.test.", RecordType::A, &[dname("test.", "evil.")]);
        assert_eq!((above.end, above.rrsets.len()), (End::Open, 0));
    }

    #[test]
    fn a_dname_that_makes_too_long_a_name_ends_the_chain() {
        let long = "x.".repeat(120);
        let chain =
            follow("test.", "aaaaaaaaaaaaaaaaaaaa.old.test.", RecordType::A, &[dname("old.test.", &long)]);
        assert_eq!((chain.end, chain.rrsets.len()), (End::Overlong, 1));
    }

    #[test]
    fn a_question_for_the_cname_below_a_dname_gets_both() {
        let chain = follow("test.", "x.old.test.", RecordType::CNAME, &[dname("old.test.", "new.test.")]);
        assert_eq!((chain.end, chain.rrsets.len()), (End::Answer, 2));
        assert_eq!(chain.target, name("x.old.test."));
    }

    #[test]
    fn what_was_asked_for_wins_over_a_cname_beside_it() {
        let chain =
            follow("test.", "a.test.", RecordType::A, &[cname("a.test.", "b.test."), a("a.test.", 1)]);
        assert_eq!((chain.end, chain.rrsets.len()), (End::Answer, 1));
        assert_eq!(chain.rrsets[0].rtype, RecordType::A);
    }

    #[test]
    fn two_cnames_at_one_name_are_a_contradiction() {
        let mut two = cname("a.test.", "b.test.");
        two.rdatas.push(name("c.test.").as_wire());
        assert_eq!(follow("test.", "a.test.", RecordType::A, &[two]).end, End::Contradiction);
    }

    #[test]
    fn a_question_for_any_gets_all_there_is_at_the_name() {
        let chain =
            follow("test.", "a.test.", RecordType::ANY, &[cname("a.test.", "b.test."), a("b.test.", 1)]);
        assert_eq!((chain.end, chain.rrsets.len()), (End::Answer, 1));
    }
}
