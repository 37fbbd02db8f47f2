//! Who may ask (`[access]`): the longest prefix decides.

use std::net::IpAddr;

use crate::prefix::PrefixTable;

/// What a client may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Ask with RD=1.
    Allow,
    /// Ask with RD=1, and look into the cache with RD=0.
    AllowSnoop,
    /// Gets REFUSED.
    Refuse,
    /// Gets nothing.
    Deny,
}

/// The access table.
#[derive(Debug, Clone, Default)]
pub struct AccessTable(PrefixTable<Access>);

impl AccessTable {
    /// A table of prefixes.
    pub fn new(table: PrefixTable<Access>) -> Self {
        Self(table)
    }

    /// What the client at `address` may do; who is not mentioned is refused.
    pub fn get(&self, address: IpAddr) -> Access {
        self.0.get(address).copied().unwrap_or(Access::Refuse)
    }
}
