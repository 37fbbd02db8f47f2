//! Zones drawn at random from few labels, so that wildcards, empty non-terminals, aliases and cuts meet each other in
//! ways that nobody thought of. Nothing is known beforehand: where Unbound, BIND and Knot Resolver, which see the same
//! servers, all say something else than Rootwalk, it is Rootwalk that has to explain itself.
//!
//! `ROOTWALK_SEED` draws others; the seed is in each counter-example.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use rootwalk::entropy::Entropy;

use crate::ask::{self, Manner};
use crate::claims::{Verdict, verdict, verdict_of};
use crate::resolver::{BIND, KNOT_RESOLVER, ROOTWALK, UNBOUND};
use crate::world::zones;

const LABELS: [&str; 6] = ["a", "b", "c", "*", "x", "y"];
/// Of DNAME below a DNAME each of the others makes something else.
const TYPES: [&str; 5] = ["A", "TXT", "MX", "CNAME", "DS"];
const NAMES: usize = 24;
const QUESTIONS: usize = 120;

pub(crate) fn seed() -> u64 {
    std::env::var("ROOTWALK_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1)
}

/// Draws the same for the same seed and zone.
struct Draw(Entropy);

impl Draw {
    fn new(zone: &str, salt: u64) -> Self {
        let seed = zone.bytes().fold(seed() ^ salt, |seed, octet| seed.wrapping_mul(131) ^ u64::from(octet));
        Self(Entropy::seeded(seed))
    }

    fn below(&self, bound: usize) -> usize {
        usize::try_from(self.0.u64() % u64::try_from(bound).expect("a small number")).expect("a small number")
    }

    /// A name below `w`: directly below the apex a zone is like any other.
    fn name(&self) -> String {
        let labels = 1 + self.below(4);
        (0..labels).fold("w".to_owned(), |name, _| format!("{}.{name}", LABELS[self.below(LABELS.len())]))
    }
}

/// The records of a zone, in zone format.
pub(crate) fn records(zone: &str) -> String {
    let draw = Draw::new(zone, 0);
    let mut nodes: BTreeMap<String, String> = BTreeMap::new();
    for number in 0..NAMES {
        let name = draw.name();
        let target = draw.name();
        // Nothing may stand below a DNAME or a cut, nor what stands there already.
        let above = |upper: &str, name: &str| name.ends_with(&format!(".{upper}"));
        let lone = !nodes.keys().any(|other| above(&name, other)) && !name.starts_with('*');
        let hidden = |(other, text): (&String, &String)| {
            above(other, &name) && (text.contains(" DNAME ") || text.contains(" NS "))
        };
        if nodes.contains_key(&name) || nodes.iter().any(hidden) {
            continue;
        }
        let text = match draw.below(10) {
            0..=3 => format!("{name} A 192.0.2.{number}\n"),
            4 => format!("{name} TXT \"{number}\"\n{name} A 192.0.2.{number}\n"),
            5 => format!("{name} MX 10 {target}\n"),
            6 | 7 => format!("{name} CNAME {target}\n"),
            8 if lone => format!("{name} DNAME {target}\n"),
            9 if lone => format!("{name} NS ns.nowhere.invalid.\n"),
            _ => format!("{name} TXT \"{number}\"\n"),
        };
        nodes.insert(name, text);
    }
    nodes.into_values().collect()
}

/// Each question to each resolver.
pub(crate) fn agreed(folder: &Path) -> Verdict {
    let mut reasons = Vec::new();
    for zone in zones().iter().filter(|zone| zone.drawn) {
        let draw = Draw::new(zone.name, 1);
        let questions: Vec<(String, &str)> = (0..QUESTIONS)
            .map(|_| (format!("{}.{}", draw.name(), zone.name), TYPES[draw.below(TYPES.len())]))
            .collect();
        let [ours, unbound, bind, knot] = [ROOTWALK, UNBOUND, BIND, KNOT_RESOLVER]
            .map(|address| ask::all(folder, address, Manner::Do, &questions));
        for (at, (name, rtype)) in questions.iter().enumerate() {
            let said = [&ours, &unbound, &bind, &knot]
                .map(|answers| answers[at].as_ref().map_or_else(|| "no reply".to_owned(), verdict_of));
            if said[1..].iter().all(|theirs| *theirs != said[0]) {
                let mut text = format!("seed {}: {name} {rtype}", seed());
                for (who, said) in ["Rootwalk", "Unbound", "BIND", "Knot Resolver"].iter().zip(&said) {
                    write!(text, "\n        {who}: {said:.150}").expect("text");
                }
                reasons.push(text);
            }
        }
    }
    verdict(reasons)
}
