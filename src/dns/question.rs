//! A question: name, type and class (RFC 1035 §4.1.2).

use std::fmt;

use super::{Class, Name, RecordType};

/// What is asked. Two questions are equal when they differ at most in the case of the name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Question {
    /// The name that is asked for, in the letter case of the one who asks.
    pub name: Name,
    /// The record type that is asked for.
    pub rtype: RecordType,
    /// The class, `IN` for all that is resolved.
    pub class: Class,
}

impl Question {
    /// A question of class `IN`.
    pub fn new(name: Name, rtype: RecordType) -> Self {
        Self { name, rtype, class: Class::IN }
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.rtype)?;
        if self.class != Class::IN {
            write!(f, " {}", self.class)?;
        }
        Ok(())
    }
}
