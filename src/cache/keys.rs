//! Names as keys of caches, and where it is of no use to look for one.
//!
//! In: a name. Out: its octets in lower case, of which those of its ancestors are the ends: to look for all of them
//! takes no allocation. [`Depths`] remembers at which depths anything was ever kept, so that a long name costs no
//! look-up at each of its labels.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::dns::Name;
use crate::dns::name::NAME_LEN_MAX;

/// A name in wire form and lower case.
pub(super) struct Key {
    octets: [u8; NAME_LEN_MAX],
    len: usize,
    labels: usize,
}

impl Key {
    pub(super) fn of(name: &Name) -> Self {
        let wire = name.as_wire();
        let mut octets = [0; NAME_LEN_MAX];
        if let Some(place) = octets.get_mut(..wire.len()) {
            place.copy_from_slice(wire);
            place.make_ascii_lowercase();
        }
        Self { octets, len: wire.len(), labels: name.label_count() }
    }

    /// The whole name.
    pub(super) fn as_slice(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or_default()
    }

    /// The name and those above it up to the root, each with the number of its labels.
    pub(super) fn ancestors(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let mut rest = self.as_slice();
        (0..=self.labels).rev().map(move |labels| {
            let this = rest;
            let label = usize::from(rest.first().copied().unwrap_or_default());
            rest = rest.get(1 + label..).unwrap_or_default();
            (labels, this)
        })
    }
}

/// The numbers of labels of the names that something was ever kept of: there alone it is worth looking.
#[derive(Debug, Default)]
pub struct Depths([AtomicU64; 2]);

impl Depths {
    /// Something is kept of a name of so many labels.
    pub fn add(&self, labels: usize) {
        if let Some(half) = self.0.get(labels / 64)
            && !self.has(labels)
        {
            half.fetch_or(1 << (labels % 64), Ordering::Relaxed);
        }
    }

    /// Whether something may be kept of a name of so many labels.
    pub fn has(&self, labels: usize) -> bool {
        // A name has at most 127 labels.
        self.0.get(labels / 64).is_some_and(|half| half.load(Ordering::Relaxed) >> (labels % 64) & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_a_key_are_the_ancestors_in_lower_case() {
        for text in [".", "Example.", "x.Y.example.", &"X.".repeat(127)] {
            let name: Name = text.parse().unwrap();
            let key = Key::of(&name);
            let found: Vec<_> = key.ancestors().map(|(labels, wire)| (labels, wire.to_vec())).collect();
            let wanted: Vec<_> = name
                .to_lowercase()
                .ancestors()
                .map(|above| (above.label_count(), above.as_wire().to_vec()))
                .collect();
            assert_eq!(found, wanted);
        }
    }

    #[test]
    fn a_depth_is_remembered_whichever_it_is() {
        for labels in 0..128 {
            let depths = Depths::default();
            depths.add(labels);
            assert!((0..200).all(|other| depths.has(other) == (other == labels)));
        }
    }
}
