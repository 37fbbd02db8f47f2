//! Tells servers no more of a name than they need (RFC 9156), in its relaxed form.
//!
//! In: the question, the zone that is about to be asked, what was said so far. Out: the next question to ask.
//! Short questions are for type A (RFC 9156 §2.1), and none ends with a label that begins with an underscore (§2.3).
//! At whatever is not a referral or an existing name the walk goes on with the whole question: many servers answer
//! wrongly for names that have only others below them, and an NXDOMAIN without proof is not to be believed for a whole
//! tree (RFC 8020 §3). One with proof `resolver` takes for the answer to the whole question.

use crate::dns::response::Outcome;
use crate::dns::{Name, Question, RecordType};
use crate::limits;

/// What has been asked of one question so far.
#[derive(Debug)]
pub(super) struct Minimiser {
    full: Question,
    /// Short questions asked.
    steps: usize,
    /// Labels that are known to be no cut below the zone, counted from the root.
    passed: usize,
    off: bool,
}

impl Minimiser {
    /// For `question`; only ever the whole of it unless `enabled`.
    pub(super) fn new(question: &Question, enabled: bool) -> Self {
        Self { full: question.clone(), steps: 0, passed: 0, off: !enabled }
    }

    /// What to ask a server of `zone`: a short question, or none if it is time for the whole one.
    pub(super) fn next(&mut self, zone: &Name) -> Option<Question> {
        let known = self.passed.max(zone.label_count());
        let all = self.full.name.label_count();
        if self.off || self.steps >= limits::MINIMISE_STEPS_MAX {
            return None;
        }
        let add = if self.steps < limits::MINIMISE_ONE_LABEL_STEPS {
            1
        } else {
            // RFC 9156 §2.3: the labels that remain are spread over the steps that remain.
            let rest = all.saturating_sub(known);
            rest.div_ceil(limits::MINIMISE_STEPS_MAX - self.steps).max(1)
        };
        // RFC 9156 §2.3: labels that begin with an underscore are nobody's boundary: they go with the one below.
        let is_service = |labels: &usize| {
            self.full.name.labels().nth(all - labels).is_some_and(|label| label.starts_with(b"_"))
        };
        let next = (known + add..all).find(|labels| !is_service(labels))?;
        self.steps += 1;
        self.passed = next;
        Some(Question { name: self.full.name.suffix(next), rtype: RecordType::A, class: self.full.class })
    }

    /// A short question was answered.
    pub(super) fn answered(&mut self, outcome: Outcome) {
        // The name exists, with or without an address: on to the next label.
        self.off |= !matches!(outcome, Outcome::Answer | Outcome::NoData);
    }

    /// A short question failed: only the whole one from now on.
    pub(super) fn turn_off(&mut self) {
        self.off = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iterate::testing::{name, question};

    /// All short questions for a name when every one is answered by "no data".
    fn steps(asked: &str, zone: &str) -> Vec<String> {
        let mut minimiser = Minimiser::new(&question(asked, RecordType::MX), true);
        std::iter::from_fn(|| minimiser.next(&name(zone)).map(|short| short.to_string())).collect()
    }

    #[test]
    fn one_label_is_added_at_a_time_below_the_known_cut() {
        assert_eq!(steps("a.b.example.test.", "test."), ["example.test. A", "b.example.test. A"]);
        assert!(steps("example.test.", "test.").is_empty());
        assert!(steps("test.", "test.").is_empty());
        assert!(steps(".", ".").is_empty());
    }

    #[test]
    fn a_label_with_an_underscore_is_asked_with_the_one_below_it() {
        assert_eq!(steps("_ldap._tcp.example.test.", "test."), ["example.test. A"]);
        assert_eq!(
            steps("h._x._tcp.a_b.example.test.", "example.test."),
            ["a_b.example.test. A"],
            "what stands below them too, if it is the whole name"
        );
        assert_eq!(steps("w.h._tcp.example.test.", "example.test."), ["h._tcp.example.test. A"]);
    }

    #[test]
    fn a_name_of_a_hundred_labels_takes_at_most_ten_short_questions() {
        let long = "x.".repeat(100);
        let asked = steps(&long, ".");
        assert!(asked.len() <= limits::MINIMISE_STEPS_MAX, "{}", asked.len());
        assert_eq!(asked[3], "x.x.x.x. A");
        assert!(asked[4].len() > "x.x.x.x.x.x. A".len());
    }

    #[test]
    fn a_referral_that_skips_labels_is_followed() {
        let mut minimiser = Minimiser::new(&question("a.b.c.d.test.", RecordType::A), true);
        assert_eq!(minimiser.next(&name(".")).unwrap().name, name("test."));
        assert_eq!(minimiser.next(&name("c.d.test.")).unwrap().name, name("b.c.d.test."));
        assert_eq!(minimiser.next(&name("b.c.d.test.")), None);
    }

    #[test]
    fn after_nxdomain_an_alias_or_a_failure_the_whole_name_is_asked() {
        for outcome in [Outcome::NxDomain, Outcome::Alias] {
            let mut minimiser = Minimiser::new(&question("a.b.c.test.", RecordType::A), true);
            assert!(minimiser.next(&name(".")).is_some());
            minimiser.answered(Outcome::NoData);
            assert!(minimiser.next(&name(".")).is_some());
            minimiser.answered(outcome);
            assert_eq!(minimiser.next(&name(".")), None);
        }
    }

    #[test]
    fn nothing_is_shortened_when_it_is_off() {
        assert_eq!(Minimiser::new(&question("a.b.c.test.", RecordType::A), false).next(&name(".")), None);
    }
}
