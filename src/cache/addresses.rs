//! Addresses of name servers that were looked up, to send queries to; never served to clients.
//!
//! In: the question for A or AAAA of a name server, what was found, and for how long. Out: the same. An empty list
//! says that the name has none. Glue stays with its delegation.

use std::net::IpAddr;
use std::sync::Arc;

use super::shard::{Sharded, heap};
use crate::clock::Moment;
use crate::dns::{Name, Question, RecordType};
use crate::entropy::Entropy;
use crate::limits;

/// Addresses by question.
#[derive(Debug)]
pub struct Addresses {
    entries: Sharded<Question, Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    found: Arc<[IpAddr]>,
    stored: Moment,
    until: Moment,
}

impl Addresses {
    /// None known; at most `bytes_max` octets.
    pub fn new(bytes_max: usize, entropy: &Entropy) -> Self {
        let weigh = |question: &Question, entry: &Entry| {
            heap(question.name.heap_len()) + heap(2 * size_of::<usize>() + size_of_val(&*entry.found))
        };
        Self { entries: Sharded::new(bytes_max, entropy, weigh) }
    }

    /// What was found, if that still holds.
    pub fn get(&self, question: &Question, now: Moment) -> Option<Arc<[IpAddr]>> {
        self.entries.get(question).filter(|entry| now < entry.until).map(|entry| entry.found)
    }

    /// Keeps what was found for so many seconds.
    pub fn insert(&self, question: &Question, found: Arc<[IpAddr]>, ttl: u32, now: Moment) {
        self.entries.insert(question.clone(), Entry { found, stored: now, until: now.after_secs(ttl) });
    }

    /// Forgets what was found of a name server, unless that was a moment ago: it led nowhere, and may have been forged,
    /// as nobody proves it.
    pub fn doubt(&self, name: &Name, now: Moment) {
        let is_old = |entry: &Entry| now >= entry.stored.after_secs(limits::DOUBT_AFTER_SECS);
        for rtype in [RecordType::A, RecordType::AAAA] {
            self.entries.remove_if(&Question::new(name.clone(), rtype), is_old);
        }
    }

    /// How many questions are held.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The octets held.
    pub fn bytes(&self) -> usize {
        self.entries.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_forgotten_when_their_time_is_over() {
        let addresses = Addresses::new(1 << 20, &Entropy::seeded(1));
        let question = Question::new("ns.example.".parse().unwrap(), RecordType::A);
        let found: Arc<[IpAddr]> = Arc::from(["192.0.2.1".parse().unwrap()]);
        addresses.insert(&question, Arc::clone(&found), 10, Moment(0));
        assert_eq!(addresses.get(&question, Moment(9_999_999)), Some(found));
        assert_eq!(addresses.get(&question, Moment(10_000_000)), None);
    }

    #[test]
    fn addresses_are_doubted_when_they_are_a_minute_old() {
        let addresses = Addresses::new(1 << 20, &Entropy::seeded(1));
        let question = Question::new("ns.example.".parse().unwrap(), RecordType::AAAA);
        addresses.insert(&question, Arc::from(["2001:db8::1".parse().unwrap()]), 86_400, Moment(0));
        let later = Moment(0).after_secs(limits::DOUBT_AFTER_SECS);
        addresses.doubt(&question.name, Moment(later.0 - 1));
        assert!(addresses.get(&question, later).is_some());
        addresses.doubt(&question.name, later);
        assert_eq!(addresses.get(&question, later), None);
    }
}
