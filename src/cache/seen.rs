//! Which questions came lately: so many marks and no more, whatever the number of questions.
//!
//! In: a question. Out: whether it is the one that last came to its place. Two questions are taken for one another once in
//! four milliards; a flood of others wipes marks out and leaves none behind that anybody finds.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU32, Ordering};

use foldhash::quality::SeedableRandomState;

use crate::dns::Question;
use crate::limits;

/// Marks of questions.
pub(super) struct Seen {
    marks: Box<[AtomicU32]>,
    hasher: SeedableRandomState,
}

impl Seen {
    /// None seen.
    pub(super) fn new(hasher: SeedableRandomState) -> Self {
        Self { marks: (0..limits::SEEN_MARKS).map(|_| AtomicU32::new(0)).collect(), hasher }
    }

    /// Whether this question was the last that came to its place; it is from now on.
    pub(super) fn comes_again(&self, question: &Question) -> bool {
        let hash = self.hasher.hash_one(question);
        let [a, b, c, d, place @ ..] = hash.to_be_bytes();
        let mark = u32::from_be_bytes([a, b, c, d]) | 1;
        let place = usize::try_from(u32::from_be_bytes(place)).unwrap_or(0) % limits::SEEN_MARKS;
        self.marks.get(place).is_some_and(|held| held.swap(mark, Ordering::Relaxed) == mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::RecordType;

    #[test]
    fn a_question_is_known_when_it_comes_again_and_forgotten_in_a_flood() {
        let seen = Seen::new(SeedableRandomState::with_seed(1, foldhash::SharedSeed::global_fixed()));
        let question = |text: &str| Question::new(text.parse().unwrap(), RecordType::A);
        assert!(!seen.comes_again(&question("a.example.")));
        assert!(seen.comes_again(&question("A.example.")));
        assert!(!seen.comes_again(&Question::new("a.example.".parse().unwrap(), RecordType::MX)));
        for number in 0..20 * limits::SEEN_MARKS {
            assert!(!seen.comes_again(&question(&format!("n{number}.example."))));
        }
        assert!(!seen.comes_again(&question("a.example.")));
    }
}
