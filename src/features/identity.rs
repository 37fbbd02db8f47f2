//! What the server says of itself in class CHAOS: `id.server`, `hostname.bind`, `version.server`,
//! `version.bind` (RFC 4892).
//!
//! In: a question. Out: a TXT record, or REFUSED for what is hidden. Other CHAOS names are none of its business.

use std::sync::LazyLock;

use crate::dns::{Class, Name, Question, Rcode, RecordType, Rrset};
use crate::service::Client;
use crate::service::stage::{LocalAnswer, Stage};

static IDENTITY: LazyLock<[Name; 2]> = LazyLock::new(|| ["id.server.", "hostname.bind."].map(constant));
static VERSION: LazyLock<[Name; 2]> = LazyLock::new(|| ["version.server.", "version.bind."].map(constant));

/// A name that is written here.
fn constant(text: &str) -> Name {
    text.parse().unwrap_or_else(|_| Name::root())
}

/// What is told, of at most 255 octets each; none: refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// Which server it is.
    pub identity: Option<String>,
    /// Which software.
    pub version: Option<String>,
}

impl Identity {
    /// The answer to a CHAOS question about this server.
    pub fn answer(&self, question: &Question) -> Option<LocalAnswer> {
        if question.class != Class::CH || !matches!(question.rtype, RecordType::TXT | RecordType::ANY) {
            return None;
        }
        let told = if IDENTITY.contains(&question.name) {
            &self.identity
        } else if VERSION.contains(&question.name) {
            &self.version
        } else {
            return None;
        };
        let answer = told.as_ref().and_then(|text| txt(&question.name, text));
        let rcode = if answer.is_some() { Rcode::NOERROR } else { Rcode::REFUSED };
        Some(LocalAnswer {
            rcode,
            authoritative: false,
            answer: answer.into_iter().collect(),
            authority: Vec::new(),
        })
    }
}

impl Stage for Identity {
    fn before(&self, question: &Question, _: &Client) -> Option<LocalAnswer> {
        self.answer(question)
    }

    fn speaks_for(&self, _: &[u8]) -> bool {
        false
    }
}

/// A TXT record of one character-string (RFC 1035 §3.3.14); none if the text is too long.
fn txt(owner: &Name, text: &str) -> Option<Rrset> {
    let mut rdata = vec![u8::try_from(text.len()).ok()?];
    rdata.extend_from_slice(text.as_bytes());
    Some(Rrset { class: Class::CH, ..Rrset::new(owner.clone(), RecordType::TXT, 0) }.with(&rdata))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(
        identity: &Identity,
        name: &str,
        class: Class,
        rtype: RecordType,
    ) -> Option<(Rcode, Vec<Vec<u8>>)> {
        let question = Question { name: name.parse().unwrap(), rtype, class };
        let answer = identity.answer(&question)?;
        let rdatas = answer.answer.iter().flat_map(|rrset| rrset.rdatas.iter().map(<[u8]>::to_vec));
        Some((answer.rcode, rdatas.collect()))
    }

    #[test]
    fn what_is_not_hidden_is_told_under_both_of_its_names() {
        let identity = Identity { identity: Some("one".to_owned()), version: None };
        for name in ["id.server", "HOSTNAME.bind"] {
            let answer = ask(&identity, name, Class::CH, RecordType::TXT);
            assert_eq!(answer, Some((Rcode::NOERROR, vec![b"\x03one".to_vec()])));
        }
        for name in ["version.server", "version.bind"] {
            assert_eq!(ask(&identity, name, Class::CH, RecordType::TXT), Some((Rcode::REFUSED, vec![])));
        }
    }

    #[test]
    fn other_names_types_and_classes_are_left_to_others() {
        let identity = Identity::default();
        assert_eq!(ask(&identity, "authors.bind", Class::CH, RecordType::TXT), None);
        assert_eq!(ask(&identity, "version.bind", Class::CH, RecordType::A), None);
        assert_eq!(ask(&identity, "version.bind", Class::IN, RecordType::TXT), None);
    }
}
