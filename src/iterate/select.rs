//! Chooses the server to ask next.
//!
//! In: the addresses that may be asked, how often each was asked, what is known of each. Out: one of them, and
//! whether it is a good choice or the best of a bad lot. Those within 400 ms of the fastest are alike and one
//! is drawn at random: that spreads the load, gets to know all of them, and leaves a forger guessing
//! (RFC 5452 §9.1; Unbound `RTT_BAND`). A silent server is left alone, but for a single probe when its time
//! comes; a family in which nothing answers goes after the other.

use std::net::IpAddr;
use std::time::Duration;

use crate::cache::servers::{Known, Standing};

/// Servers whose cost differs by no more are chosen alike.
pub(super) const BAND: Duration = Duration::from_millis(400);

/// A server that may be asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    /// Its address.
    pub(super) address: IpAddr,
    /// How often it was asked this question.
    pub(super) tried: u32,
    /// What is known of it.
    pub(super) known: Known,
    /// Nothing of its family answers.
    pub(super) family_is_dead: bool,
}

/// A chosen server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Choice {
    /// Its place among the candidates.
    pub(super) index: usize,
    /// Nothing speaks against it. If not, finding other addresses first may be better.
    pub(super) good: bool,
}

/// Chooses; `draw(n)` gives a random number below `n`. None only if there are no candidates.
pub(super) fn choose(candidates: &[Candidate], draw: impl FnOnce(usize) -> usize) -> Option<Choice> {
    let is_probe =
        |one: &&Candidate| one.known.standing == Standing::ProbeDue && one.rank() == (0, Tier::Good);
    if let Some(probe) = candidates.iter().find(is_probe) {
        return place(candidates, probe);
    }
    let rank = candidates.iter().map(Candidate::rank).min()?;
    let alike = || candidates.iter().filter(|one| one.rank() == rank);
    let cheapest = alike().map(|one| one.known.cost).min()?;
    let band: Vec<&Candidate> = alike().filter(|one| one.known.cost <= cheapest + BAND).collect();
    place(candidates, band.get(draw(band.len())).or_else(|| band.first())?)
}

fn place(candidates: &[Candidate], chosen: &Candidate) -> Option<Choice> {
    let index = candidates.iter().position(|one| one.address == chosen.address)?;
    Some(Choice { index, good: chosen.rank() == (0, Tier::Good) })
}

/// From good to bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tier {
    Good,
    DeadFamily,
    Silent,
    Lame,
}

impl Candidate {
    /// Each server once, the good ones first; then each a second time.
    fn rank(&self) -> (u32, Tier) {
        let tier = if self.known.lame {
            Tier::Lame
        } else if self.known.standing == Standing::Silent {
            Tier::Silent
        } else if self.family_is_dead {
            Tier::DeadFamily
        } else {
            Tier::Good
        };
        (self.tried, tier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::servers::{CookieHabit, EdnsHabit};
    use crate::entropy::Entropy;

    fn candidate(host: u8, cost_ms: u64) -> Candidate {
        let cost = Duration::from_millis(cost_ms);
        let known = Known {
            wait: cost,
            cost,
            standing: Standing::Good,
            lame: false,
            edns: EdnsHabit::Unknown,
            cookies: CookieHabit::Unknown,
            keeps_case: true,
        };
        Candidate { address: IpAddr::from([192, 0, 2, host]), tried: 0, known, family_is_dead: false }
    }

    /// How often each candidate is chosen in a thousand draws.
    fn counts(candidates: &[Candidate]) -> Vec<usize> {
        let entropy = Entropy::seeded(5);
        let mut counts = vec![0; candidates.len()];
        for _ in 0..1_000 {
            counts[choose(candidates, |n| entropy.below(n)).unwrap().index] += 1;
        }
        counts
    }

    #[test]
    fn servers_within_the_band_are_chosen_alike_and_slower_ones_never() {
        let counts = counts(&[candidate(1, 50), candidate(2, 450), candidate(3, 451)]);
        assert!(counts[0] > 400 && counts[1] > 400, "{counts:?}");
        assert_eq!(counts[2], 0);
    }

    #[test]
    fn each_server_is_asked_once_before_one_is_asked_twice() {
        let mut asked = candidate(1, 50);
        asked.tried = 1;
        assert_eq!(counts(&[asked, candidate(2, 9_000)]), [0, 1_000]);
    }

    #[test]
    fn silent_lame_and_cut_off_servers_come_last_and_are_no_good_choice() {
        let (mut silent, mut lame, mut cut_off) = (candidate(1, 50), candidate(2, 50), candidate(3, 50));
        silent.known.standing = Standing::Silent;
        lame.known.lame = true;
        cut_off.family_is_dead = true;
        let all = [silent, lame, cut_off, candidate(4, 5_000)];
        assert_eq!(counts(&all), [0, 0, 0, 1_000]);
        assert_eq!(choose(&all[..3], |_| 0), Some(Choice { index: 2, good: false }));
        assert_eq!(choose(&all[..2], |_| 0), Some(Choice { index: 0, good: false }));
        assert_eq!(choose(&[], |_| 0), None);
    }

    #[test]
    fn a_probe_that_is_due_goes_first() {
        let mut due = candidate(2, 9_000);
        due.known.standing = Standing::ProbeDue;
        assert_eq!(counts(&[candidate(1, 50), due]), [0, 1_000]);
        due.known.lame = true;
        assert_eq!(counts(&[candidate(1, 50), due]), [1_000, 0]);
    }
}
