//! Address prefixes and the table that finds the longest one. IPv4-mapped IPv6 addresses count as IPv4
//! (CVE-2026-123603), in prefixes as in addresses.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::limits;

/// An address prefix such as `192.0.2.0/24` or `2001:db8::/32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Prefix {
    /// The first address, bits beyond the length zero.
    address: IpAddr,
    len: u8,
}

/// Text that is not a prefix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrefixError {
    /// It is not an address with an optional length.
    #[error("'{0}' is not an address prefix: write it as 192.0.2.0/24 or 2001:db8::/32")]
    Syntax(String),
    /// Bits are set behind the length.
    #[error("'{text}' has bits set behind its length: did you mean {meant}?")]
    #[expect(missing_docs, reason = "the names say it")]
    HostBits { text: String, meant: Prefix },
}

impl Prefix {
    /// The prefix of `len` bits that `address` lies in.
    pub fn of(address: IpAddr, len: u8) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                let len = len.min(32);
                let bits = v4.to_bits() & u32::MAX.checked_shl(32 - u32::from(len)).unwrap_or(0);
                Self { address: IpAddr::V4(Ipv4Addr::from_bits(bits)), len }
            }
            IpAddr::V6(v6) => {
                let len = len.min(128);
                let bits = v6.to_bits() & u128::MAX.checked_shl(128 - u32::from(len)).unwrap_or(0);
                Self { address: IpAddr::V6(Ipv6Addr::from_bits(bits)), len }
            }
        }
    }

    /// The prefix that counts as one client: an IPv4 address, or what one IPv6 customer is given.
    pub fn of_client(address: IpAddr) -> Self {
        let len = if address.to_canonical().is_ipv4() { 32 } else { limits::CLIENT_PREFIX_V6_LEN };
        Self::of(address, len)
    }

    /// Whether `address` lies in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && Self::of(address, self.len) == *self
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let syntax = || PrefixError::Syntax(text.to_owned());
        let (address, len) = match text.split_once('/') {
            Some((address, len)) => (address, Some(len.parse::<u8>().map_err(|_| syntax())?)),
            None => (text, None),
        };
        let written: IpAddr = address.parse().map_err(|_| syntax())?;
        let canonical = written.to_canonical();
        let bits = if canonical.is_ipv4() { 32 } else { 128 };
        let len = match len {
            None => bits,
            // A prefix of mapped addresses counts its bits from the IPv6 side.
            Some(len) if written.is_ipv6() && canonical.is_ipv4() => {
                len.checked_sub(96).ok_or_else(syntax)?
            }
            Some(len) => len,
        };
        if len > bits {
            return Err(syntax());
        }
        let prefix = Self::of(canonical, len);
        if prefix.address == canonical {
            Ok(prefix)
        } else {
            Err(PrefixError::HostBits { text: text.to_owned(), meant: prefix })
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.len)
    }
}

/// Values by prefix; the longest prefix that holds an address decides.
#[derive(Debug, Clone)]
pub struct PrefixTable<T> {
    entries: HashMap<Prefix, T, foldhash::fast::FixedState>,
    /// The lengths in use, longest first: a lookup tries only these.
    v4_lens: Vec<u8>,
    v6_lens: Vec<u8>,
}

impl<T> Default for PrefixTable<T> {
    fn default() -> Self {
        Self { entries: HashMap::default(), v4_lens: Vec::new(), v6_lens: Vec::new() }
    }
}

impl<T> PrefixTable<T> {
    /// Sets the value of a prefix; a second value for the same prefix replaces the first and returns it.
    pub fn insert(&mut self, prefix: Prefix, value: T) -> Option<T> {
        let lens = if prefix.address.is_ipv4() { &mut self.v4_lens } else { &mut self.v6_lens };
        if !lens.contains(&prefix.len) {
            lens.push(prefix.len);
            lens.sort_unstable_by(|a, b| b.cmp(a));
        }
        self.entries.insert(prefix, value)
    }

    /// The value of the longest prefix that holds `address`.
    pub fn get(&self, address: IpAddr) -> Option<&T> {
        let address = address.to_canonical();
        let lens = if address.is_ipv4() { &self.v4_lens } else { &self.v6_lens };
        lens.iter().find_map(|len| self.entries.get(&Prefix::of(address, *len)))
    }
}

impl<T> FromIterator<(Prefix, T)> for PrefixTable<T> {
    fn from_iter<I: IntoIterator<Item = (Prefix, T)>>(entries: I) -> Self {
        let mut table = Self::default();
        for (prefix, value) in entries {
            table.insert(prefix, value);
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Prefix {
        text.parse().unwrap()
    }

    #[test]
    fn the_longest_prefix_decides() {
        let table: PrefixTable<u8> = [
            (prefix("0.0.0.0/0"), 0),
            (prefix("10.0.0.0/8"), 1),
            (prefix("10.1.2.3"), 2),
            (prefix("::/0"), 3),
        ]
        .into_iter()
        .collect();
        let get = |text: &str| table.get(text.parse().unwrap()).copied();
        assert_eq!(get("10.1.2.3"), Some(2));
        assert_eq!(get("10.1.2.4"), Some(1));
        assert_eq!(get("9.9.9.9"), Some(0));
        assert_eq!(get("2001:db8::1"), Some(3));
    }

    #[test]
    fn a_mapped_address_is_judged_as_ipv4() {
        let table: PrefixTable<u8> = [(prefix("127.0.0.0/8"), 1)].into_iter().collect();
        assert_eq!(table.get("::ffff:127.0.0.1".parse().unwrap()), Some(&1));
        assert_eq!(prefix("::ffff:10.0.0.0/104"), prefix("10.0.0.0/8"));
        assert!(prefix("127.0.0.0/8").contains("::ffff:127.1.1.1".parse().unwrap()));
    }

    #[test]
    fn bad_prefixes_say_what_was_meant() {
        assert_eq!(
            "10.1.0.0/8".parse::<Prefix>(),
            Err(PrefixError::HostBits { text: "10.1.0.0/8".to_owned(), meant: prefix("10.0.0.0/8") })
        );
        for text in ["", "10.0.0.0/33", "::/129", "10/8", "x/8", "::ffff:1.2.3.4/8"] {
            assert!(matches!(text.parse::<Prefix>(), Err(PrefixError::Syntax(_))), "{text}");
        }
    }
}
