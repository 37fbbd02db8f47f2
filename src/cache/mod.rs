//! What is remembered, all within one number of octets. Nothing here asks anybody.
//!
//! [`Store`] divides the octets among the caches; each counts what its entries really take. Answers lie in segments that
//! are emptied whole (see `segments`): what is asked for once does not drive out what is asked for often. The others let
//! the least recently used go (see [`shard`]). What the caches hand out is shared or copied: no lock outlives a call.

pub mod addresses;
pub mod answers;
pub mod delegations;
pub mod denials;
mod entry;
pub mod failures;
mod index;
pub mod keys;
mod records;
mod seen;
mod segments;
pub mod servers;
pub mod shard;
pub mod uplink;
pub mod zones;

use std::sync::Arc;

use crate::dns::Name;
use crate::dns::edns::EdeCode;
use crate::entropy::Entropy;
use crate::validate::ZoneTrust;

/// The caches of a resolver.
#[derive(Debug)]
pub struct Store {
    /// Ready-made answers.
    pub answers: answers::Answers,
    /// At which depths there may be answers that speak for all names below.
    pub speakers: Speakers,
    /// Questions that could not be answered.
    pub failures: failures::Failures,
    /// What is proven of zones.
    pub zones: zones::Zones<ZoneTrust>,
    /// What is proven to be absent.
    pub denials: denials::Denials,
    /// Addresses of name servers.
    pub addresses: addresses::Addresses,
    /// Zone cuts.
    pub delegations: Arc<delegations::Delegations>,
    /// Speed and habits of servers.
    pub servers: Arc<servers::Servers>,
}

/// Where in `answers` it is worth looking for what speaks for the names below it.
#[derive(Debug, Default)]
pub struct Speakers {
    /// Names that are absent.
    pub absent: keys::Depths,
    /// DNAME records.
    pub dname: keys::Depths,
}

impl Store {
    /// Empty caches that take at most `bytes_max` octets together, `[cache] size` less what remembers signatures
    /// ([`crate::limits::SIGNATURES_SHARE`]): of sixteen parts answers have nine, zone cuts two, denials, addresses,
    /// servers, zones and failures one each.
    pub fn new(bytes_max: usize, entropy: &Entropy) -> Self {
        let part = bytes_max / 16;
        let servers = servers::Servers::new(part, entropy);
        Self {
            answers: answers::Answers::new(9 * part, entropy),
            speakers: Speakers::default(),
            failures: failures::Failures::new(part, entropy).heeding(Arc::clone(servers.uplink())),
            zones: zones::Zones::new(part, entropy, zone_trust_heap),
            denials: denials::Denials::new(part, entropy),
            addresses: addresses::Addresses::new(part, entropy),
            delegations: Arc::new(delegations::Delegations::new(2 * part, entropy)),
            servers: Arc::new(servers),
        }
    }

    /// Forgets what was judged of names at and below `zone`: answers, failures, what is proven of zones and of what they
    /// have not. With them go all answers that rest on a negative trust anchor: an alias from elsewhere may lead below
    /// `zone`.
    pub fn forget_below(&self, zone: &Name) {
        self.answers.remove_below(zone);
        self.answers.remove_noted(EdeCode::NEGATIVE_TRUST_ANCHOR);
        self.failures.remove_below(zone);
        self.zones.remove_below(zone);
        self.denials.remove_below(zone);
    }

    /// The octets that all caches take.
    pub fn bytes(&self) -> usize {
        self.answers.bytes()
            + self.failures.bytes()
            + self.zones.bytes()
            + self.denials.bytes()
            + self.addresses.bytes()
            + self.delegations.bytes()
            + self.servers.bytes()
    }
}

/// What the proof about a zone has allocated.
fn zone_trust_heap(trust: &ZoneTrust) -> usize {
    match trust {
        ZoneTrust::Secure(keys) => keys.heap_bytes(shard::heap),
        ZoneTrust::Insecure(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Moment;
    use crate::dns::{Question, RecordType};
    use crate::failure::Failure;
    use crate::validate::Insecurity;

    #[test]
    fn each_cache_keeps_within_its_part_however_much_the_others_have() {
        let bytes_max = 1 << 20;
        let store = Store::new(bytes_max, &Entropy::seeded(1));
        let part = bytes_max / 16;
        for number in 0..5_000 {
            let name: Name = format!("zone{number}.example.").parse().unwrap();
            let question = Question::new(name.clone(), RecordType::A);
            let trust = Arc::new(ZoneTrust::Insecure(Insecurity::NoDs));
            store.zones.insert(&name, trust, 60, Moment(0));
            store.failures.insert(&question, Failure::NoAddress(name), Moment(0));
            store.addresses.insert(&question, Arc::from(["192.0.2.1".parse().unwrap()]), 60, Moment(0));
            let parts = [store.zones.bytes(), store.failures.bytes(), store.addresses.bytes()];
            assert!(parts.iter().all(|bytes| *bytes <= part), "{parts:?}");
        }
        assert!(store.bytes() > part * 5 / 2, "three of the parts are full");
    }
}
