//! Stages: what may answer a question before it is resolved (local zones, later policy).

use crate::dns::{Question, Rcode, Rrset};
use crate::service::Client;

/// Something that may answer before anything is looked up.
pub trait Stage: Send + Sync {
    /// The answer, if this stage has one.
    fn before(&self, question: &Question, client: &Client) -> Option<LocalAnswer>;

    /// Whether it may have an answer to a question of class IN for this name, in wire form and any letter case: such
    /// questions are not answered from the cache. Asked for each of them, so it has to be quick and allocates nothing.
    fn speaks_for(&self, name: &[u8]) -> bool;
}

/// An answer that came from this host's own knowledge: never validated, never with AD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalAnswer {
    /// The response code.
    pub rcode: Rcode,
    /// Whether AA is set: the zone is served here.
    pub authoritative: bool,
    /// The answer section.
    pub answer: Vec<Rrset>,
    /// The authority section: the SOA of a negative answer.
    pub authority: Vec<Rrset>,
}
