//! The figures: what is measured, and the values of all rounds.

use std::collections::BTreeMap;

/// What is measured. Less is better in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Figure {
    Hit,
    HitDnssec,
    Cold,
    First,
    ColdPackets,
    FirstPackets,
    Octets,
    Start,
    HitFew,
    HitMany,
    OctetsMany,
}

impl Figure {
    pub(crate) const ALL: [Self; 11] = [
        Self::Hit,
        Self::HitDnssec,
        Self::Cold,
        Self::First,
        Self::ColdPackets,
        Self::FirstPackets,
        Self::Octets,
        Self::Start,
        Self::HitFew,
        Self::HitMany,
        Self::OctetsMany,
    ];

    /// What it is, its unit in brackets; and how many digits stand behind the point.
    pub(crate) fn title(self, many: u64) -> (String, usize) {
        let (title, digits) = match self {
            Self::Hit => ("CPU for a cached answer (µs)", 2),
            Self::HitDnssec => ("CPU for a cached answer with DNSSEC records (µs)", 2),
            Self::Cold => ("CPU for a question that is not cached (µs)", 1),
            Self::First => ("CPU for the first question about a domain (µs)", 1),
            Self::ColdPackets => ("questions to servers for one that is not cached", 3),
            Self::FirstPackets => ("questions to servers for the first about a domain", 3),
            Self::Octets => ("resident memory for a cached question (octets)", 0),
            Self::Start => ("from the start to the first validated answer (ms)", 1),
            Self::HitFew => ("CPU for one of 1,000 cached names, any equally (µs)", 2),
            Self::HitMany => {
                return (format!("CPU for one of {} cached names, any equally (µs)", grouped(many)), 2);
            }
            Self::OctetsMany => {
                return (format!("resident memory for each of {} cached names (octets)", grouped(many)), 0);
            }
        };
        (title.to_owned(), digits)
    }

    /// Whether a program that only echoes has such a figure.
    pub(crate) fn has_floor(self) -> bool {
        matches!(self, Self::Hit | Self::HitDnssec)
    }
}

/// A number with a comma for each three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// All values, by who and what.
#[derive(Debug, Default)]
pub(crate) struct Figures(BTreeMap<(&'static str, Figure), Vec<f64>>);

impl Figures {
    pub(crate) fn add(&mut self, name: &'static str, figure: Figure, value: f64) {
        self.0.entry((name, figure)).or_default().push(value);
    }

    /// The median, the least and the most.
    pub(crate) fn of(&self, name: &'static str, figure: Figure) -> Option<[f64; 3]> {
        let mut values = self.0.get(&(name, figure))?.clone();
        values.sort_unstable_by(f64::total_cmp);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 0 {
            f64::midpoint(values[middle - 1], values[middle])
        } else {
            values[middle]
        };
        Some([median, values[0], values[values.len() - 1]])
    }

    /// The median in relation to another's.
    pub(crate) fn ratio(&self, name: &'static str, to: &'static str, figure: Figure) -> Option<f64> {
        Some(self.of(name, figure)?[0] / self.of(to, figure)?[0])
    }
}
